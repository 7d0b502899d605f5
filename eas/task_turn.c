/* Which turn of a series of tasks comes next. */
#include <stdlib.h>
#include <string.h>

#include "eas/task.h"

static int
by_time(const void *x, const void *y)
{
	const struct ical_time *a = x, *b = y;

	return a->t != b->t ? (a->t > b->t) - (a->t < b->t) : a->date - b->date;
}

static bool
has(const struct task_turn *turn, struct ical_time t)
{
	return turn->n_over && bsearch(&t, turn->over, turn->n_over, sizeof t, by_time);
}

static bool
is_over(const struct tasks *c, int64_t local)
{
	return has(&c->turn, (struct ical_time){ .t = local }) ||
		has(&c->turn, (struct ical_time){ .t = ical_midnight(local), .date = true });
}

static bool
make_room(struct tasks *c, size_t n)
{
	struct task_turn *turn = &c->turn;

	if (n <= turn->room - turn->n_over)
		return true;
	struct ical_time *more = ical_alloc(&c->m, 2 * (turn->n_over + n), sizeof *more);
	if (!more)
		return false;
	if (turn->n_over)
		memcpy(more, turn->over, turn->n_over * sizeof *more);
	turn->over = more;
	turn->room = 2 * (turn->n_over + n);
	return true;
}

static void
add_over(struct tasks *c, const struct ical *component, const char *name, const struct series *s)
{
	size_t n;
	bool more;
	const struct ical_time *list = series_dates(&c->m, c->root, component, name, s, &n, &more);

	if (!list || !make_room(c, n))
		return;
	for (size_t i = 0; i < n; i++) {
		bool date = list[i].date || s->start.date;
		c->turn.over[c->turn.n_over++] = (struct ical_time){ .date = date,
			.t = date ? ical_midnight(list[i].t) : list[i].t };
	}
}

static bool
look(void *ctx, int64_t local)
{
	struct task_next *n = ctx;

	n->found = local > n->after && !is_over(n->c, local);
	if (n->found)
		n->at = local;
	else
		n->passed++;
	return !n->found;
}

struct task_next
task_next_turn(const struct tasks *c, const struct series *s, int64_t after)
{
	struct task_next next = { .c = c, .after = after };

	next.none = series_each(s, look, &next) == SERIES_ENDED && !next.found;
	return next;
}

void
task_find_turn(struct tasks *c)
{
	struct series s;

	c->turn = (struct task_turn){ 0 };
	if (!ical_line(c->todo, "RRULE") || !series_read(&c->m, c->root, c->todo, &s))
		return;
	add_over(c, c->todo, "EXDATE", &s);
	for (struct ical *t = ical_component(c->calendar, "VTODO"); t; t = ical_next_component(t, "VTODO"))
		if (t != c->todo && task_is_complete(t))
			add_over(c, t, "RECURRENCE-ID", &s);
	if (!c->turn.n_over)
		return;
	qsort(c->turn.over, c->turn.n_over, sizeof *c->turn.over, by_time);
	struct task_next next = task_next_turn(c, &s, INT64_MIN);
	c->turn.all_over = next.none;
	if (next.found) {
		c->turn.by = next.at - s.start.t;
		c->turn.passed = next.passed;
	}
}
