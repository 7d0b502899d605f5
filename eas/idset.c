#include "eas/idset.h"

#include <string.h>

void
idset_init(struct idset *s, struct arena *a)
{
	*s = (struct idset){ .arena = a };
}

void
idset_load(struct idset *s, struct arena *a, const int64_t *v, size_t n)
{
	idset_init(s, a);
	if (n == 0)
		return;
	s->v = arena_memdup(a, v, n * sizeof *v);
	s->failed = !s->v;
	s->n = s->room = s->v ? n : 0;
}

/* Where id is, or would be. */
static size_t
place(const struct idset *s, int64_t id)
{
	size_t low = 0, high = s->n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (s->v[mid] < id)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

bool
idset_has(const struct idset *s, int64_t id)
{
	size_t i = place(s, id);

	return i < s->n && s->v[i] == id;
}

void
idset_add(struct idset *s, int64_t id)
{
	size_t i = place(s, id);

	if (i < s->n && s->v[i] == id)
		return;
	if (s->n == s->room) {
		size_t room = s->room ? 2 * s->room : 8;
		int64_t *v = arena_array(s->arena, room, sizeof *v);

		if (!v) {
			s->failed = true;
			return;
		}
		if (s->n)
			memcpy(v, s->v, s->n * sizeof *v);
		s->v = v;
		s->room = room;
	}
	memmove(s->v + i + 1, s->v + i, (s->n - i) * sizeof *s->v);
	s->v[i] = id;
	s->n++;
}

void
idset_remove(struct idset *s, int64_t id)
{
	size_t i = place(s, id);

	if (i == s->n || s->v[i] != id)
		return;
	memmove(s->v + i, s->v + i + 1, (s->n - i - 1) * sizeof *s->v);
	s->n--;
}
