#include "fcgi/timers.h"

#include <stdlib.h>

static void
place(struct timers *t, size_t i, struct request *r)
{
	t->heap[i] = r;
	r->timer = i;
}

static void
up(struct timers *t, size_t i)
{
	struct request *r = t->heap[i];

	for (; i > 1 && t->heap[i / 2]->due > r->due; i /= 2)
		place(t, i, t->heap[i / 2]);
	place(t, i, r);
}

static void
down(struct timers *t, size_t i)
{
	struct request *r = t->heap[i];

	for (size_t child = 2 * i; child <= t->n; child = 2 * i) {
		if (child < t->n && t->heap[child + 1]->due < t->heap[child]->due)
			child++;
		if (t->heap[child]->due >= r->due)
			break;
		place(t, i, t->heap[child]);
		i = child;
	}
	place(t, i, r);
}

bool
timers_set(struct timers *t, struct request *r)
{
	if (r->timer == 0) {
		if (t->n + 2 > t->room) {
			size_t room = t->room ? t->room * 2 : 64;
			struct request **heap = realloc(t->heap, room * sizeof(struct request *));

			if (!heap)
				return false;
			t->heap = heap;
			t->room = room;
		}
		place(t, ++t->n, r);
	}
	up(t, r->timer);
	down(t, r->timer);
	return true;
}

void
timers_remove(struct timers *t, struct request *r)
{
	size_t i = r->timer;
	struct request *last;

	if (i == 0)
		return;
	r->timer = 0;
	last = t->heap[t->n--];
	if (last == r)
		return;
	place(t, i, last);
	up(t, i);
	down(t, last->timer);
}

struct request *
timers_first(const struct timers *t)
{
	return t->n ? t->heap[1] : NULL;
}

void
timers_finish(struct timers *t)
{
	free(t->heap);
	*t = (struct timers){ 0 };
}
