/* base/arena.h - memory that dies all at once: bump blocks, a hard cap, deferred calls.
 *
 * Ownership: everything allocated belongs to the arena and is freed with it, in one go; there is no single free.
 * Limits:    the cap given at arena_new() bounds the sum of all blocks. Beyond it, and when malloc fails, NULL is returned;
 *            callers turn that into ERR_NOMEM. Input can reach the cap, so it never aborts.
 * Threads:   one arena per thread at a time.
 * Memory is zeroed. Under ASan what is not allocated is poisoned.
 */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include <stddef.h>

#include "base/defs.h"

struct arena;

/* Where an arena stood; arena_rewind() gives back all that was allocated since. */
struct arena_mark {
	void *block;
	size_t used;
	void *defers;
};

/* NULL if malloc fails. cap in bytes, 0: no cap. The first block is allocated when something is asked for. */
struct arena *arena_new(size_t cap);
/* Runs the deferred calls, last first, frees all blocks and stores NULL. */
void arena_free(struct arena **a);

/* n bytes, zeroed, aligned for any type; n = 0 gives a valid pointer. */
void *arena_alloc(struct arena *a, size_t n) NODISCARD;
/* count * size with overflow check. */
void *arena_array(struct arena *a, size_t count, size_t size) NODISCARD;
void *arena_memdup(struct arena *a, const void *p, size_t n) NODISCARD;
/* Copies up to n bytes and adds a NUL. */
char *arena_strndup(struct arena *a, const char *s, size_t n) NODISCARD;
char *arena_strdup(struct arena *a, const char *s) NODISCARD;
char *arena_printf(struct arena *a, const char *fmt, ...) PRINTF(2, 3) NODISCARD;

/* Calls fn(obj) when the arena is freed or rewound past this point. 0, or -1 where memory is short (fn was called then). */
int arena_defer(struct arena *a, void (*fn)(void *), void *obj) NODISCARD;

struct arena_mark arena_mark(struct arena *a);
void arena_rewind(struct arena *a, struct arena_mark m);

/* Bytes held in blocks now. */
size_t arena_size(const struct arena *a);
/* Tests: the n-th allocation from now fails, and all after it; 0 switches that off. */
void arena_fail_after(struct arena *a, size_t n);

#endif
