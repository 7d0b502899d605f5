#include "base/arena.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ARENA_ASAN 1
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define ARENA_ASAN 1
#endif

#ifdef ARENA_ASAN
#include <sanitizer/asan_interface.h>
/* Not inlined: gcc 14 takes memory that is poisoned before its first use for memory that is read. */
static __attribute__((noinline)) void
poison(void *p, size_t n)
{
	ASAN_POISON_MEMORY_REGION(p, n);
}
#define POISON(p, n) poison(p, n)
#define UNPOISON(p, n) ASAN_UNPOISON_MEMORY_REGION(p, n)
#define RED_ZONE 16 /* so that an overrun of one byte is seen whatever the size */
#else
#define POISON(p, n) ((void)(p), (void)(n))
#define UNPOISON(p, n) ((void)(p), (void)(n))
#define RED_ZONE 0
#endif

#define ALIGN _Alignof(max_align_t)
#define BLOCK_MIN 4096
#define BLOCK_MAX 65536

struct block {
	struct block *prev;
	size_t size; /* of the whole block */
	size_t used; /* this head included */
};

/* Rounded up, so that what follows the head is aligned for any type. */
#define HEAD ((sizeof(struct block) + ALIGN - 1) / ALIGN * ALIGN)

struct defer {
	struct defer *prev;
	void (*fn)(void *);
	void *obj;
};

struct arena {
	struct block *block;
	struct defer *defers;
	size_t cap;
	size_t size;
	size_t fail_after;
};

struct arena *
arena_new(size_t cap)
{
	struct arena *a = calloc(1, sizeof *a);
	if (a)
		a->cap = cap ? cap : SIZE_MAX;
	return a;
}

void
arena_free(struct arena **a)
{
	if (!*a)
		return;
	arena_rewind(*a, (struct arena_mark){ 0 });
	free(*a);
	*a = NULL;
}

static struct block *
block_add(struct arena *a, size_t need)
{
	size_t room = a->cap - a->size;
	if (need > SIZE_MAX - HEAD || need + HEAD > room)
		return NULL;
	need += HEAD;

	size_t size = a->block ? a->block->size * 2 : BLOCK_MIN;
	if (size > BLOCK_MAX)
		size = BLOCK_MAX;
	if (size > room)
		size = room;
	if (size < need)
		size = need;
	struct block *b = malloc(size);
	if (!b)
		return NULL;
	b->prev = a->block;
	b->size = size;
	b->used = HEAD;
	POISON((char *)b + HEAD, size - HEAD);
	a->block = b;
	a->size += size;
	return b;
}

void *
arena_alloc(struct arena *a, size_t n)
{
	if (a->fail_after) {
		if (a->fail_after == 1)
			return NULL;
		a->fail_after--;
	}
	if (n > SIZE_MAX / 2)
		return NULL;
	size_t step = ((n ? n : 1) + RED_ZONE + ALIGN - 1) / ALIGN * ALIGN;
	struct block *b = a->block;
	if (!b || step > b->size - b->used)
		b = block_add(a, step);
	if (!b)
		return NULL;
	void *p = (char *)b + b->used;
	b->used += step;
	UNPOISON(p, n);
	return memset(p, 0, n);
}

void *
arena_array(struct arena *a, size_t count, size_t size)
{
	size_t n;
	if (__builtin_mul_overflow(count, size, &n))
		return NULL;
	return arena_alloc(a, n);
}

void *
arena_memdup(struct arena *a, const void *p, size_t n)
{
	void *copy = arena_alloc(a, n);
	if (copy && n)
		memcpy(copy, p, n);
	return copy;
}

char *
arena_strndup(struct arena *a, const char *s, size_t n)
{
	size_t len = strnlen(s, n);
	char *copy = arena_alloc(a, len + 1);
	if (copy)
		memcpy(copy, s, len);
	return copy;
}

char *
arena_strdup(struct arena *a, const char *s)
{
	return arena_strndup(a, s, strlen(s));
}

char *
arena_printf(struct arena *a, const char *fmt, ...)
{
	va_list args;
	va_start(args, fmt);
	int n = vsnprintf(NULL, 0, fmt, args);
	va_end(args);
	if (n < 0)
		return NULL;
	char *s = arena_alloc(a, (size_t)n + 1);
	if (!s)
		return NULL;
	va_start(args, fmt);
	vsnprintf(s, (size_t)n + 1, fmt, args);
	va_end(args);
	return s;
}

int
arena_defer(struct arena *a, void (*fn)(void *), void *obj)
{
	struct defer *d = arena_alloc(a, sizeof *d);
	if (!d) {
		fn(obj);
		return -1;
	}
	*d = (struct defer){ a->defers, fn, obj };
	a->defers = d;
	return 0;
}

struct arena_mark
arena_mark(struct arena *a)
{
	return (struct arena_mark){ a->block, a->block ? a->block->used : 0, a->defers };
}

void
arena_rewind(struct arena *a, struct arena_mark m)
{
	/* The calls first: what they are given may live in the blocks that go. */
	while (a->defers && a->defers != m.defers) {
		struct defer *d = a->defers;
		a->defers = d->prev;
		d->fn(d->obj);
	}
	while (a->block && a->block != m.block) {
		struct block *b = a->block;
		a->block = b->prev;
		a->size -= b->size;
		UNPOISON(b, b->size);
		free(b);
	}
	if (a->block) {
		a->block->used = m.used;
		POISON((char *)a->block + m.used, a->block->size - m.used);
	}
}

size_t
arena_size(const struct arena *a)
{
	return a->size;
}

void
arena_fail_after(struct arena *a, size_t n)
{
	a->fail_after = n;
}
