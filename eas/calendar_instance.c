/* The instances of a series, and which of them a phone means. */
#include <stdlib.h>

#include "eas/calendar.h"

static bool
collect(void *ctx, int64_t local)
{
	struct cal_instances *set = ctx;

	set->v[set->n++] = local;
	return set->n < SERIES_MAX;
}

static int
by_time(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
	return x < y ? -1 : x > y;
}

/* Of instances without a series the others. */
static void
add_singles(struct cal *c, struct cal_instances *set)
{
	struct ical_time id;
	struct cal_times t;

	if (!cal_is_singles(c) || !cal_read_times(c, c->master, &t))
		return;
	for (struct ical *v = ical_component(c->calendar, "VEVENT"); v; v = ical_next_component(v, "VEVENT"))
		if (cal_of_series(v, c->master) && !cal_is_cancelled(v) && set->n < SERIES_MAX &&
		    ical_time(&c->m, ical_line(v, "RECURRENCE-ID"), &id))
			set->v[set->n++] = cal_key(c, &id, &t).t;
}

void
cal_list_instances(struct cal *c, struct cal_instances *set_r)
{
	struct series s;

	set_r->n = 0;
	set_r->v = ical_alloc(&c->m, 2 * SERIES_MAX, sizeof *set_r->v);
	if (!set_r->v || !series_read(&c->m, c->root, c->master, &s))
		return;
	(void)series_each(&s, collect, set_r);
	add_singles(c, set_r);
	for (size_t i = 0; i < s.n_rdates; i++)
		set_r->v[set_r->n++] = s.rdates[i].t;
	qsort(set_r->v, set_r->n, sizeof *set_r->v, by_time);
}

/* The first that is not before it. */
static size_t
lower_bound(const struct cal_instances *set, int64_t local)
{
	size_t low = 0, high = set->n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		if (set->v[mid] < local)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

bool
cal_is_instance(const struct cal_instances *set, int64_t local)
{
	size_t i = lower_bound(set, local);
	return i < set->n && set->v[i] == local;
}

bool
cal_instance_of_day(const struct cal_instances *set, int64_t local, int64_t *found_r)
{
	size_t i = lower_bound(set, ical_midnight(local));

	if (i >= set->n || ical_midnight(set->v[i]) != ical_midnight(local))
		return false;
	*found_r = set->v[i];
	return true;
}

/* ---- which instance is meant ---- */

static const struct cal_exception *
find_exception(const struct cal_event *series, int64_t key, bool day_only)
{
	const struct cal_exception *found = NULL;

	for (size_t i = 0; i < series->n_exceptions; i++) {
		const struct cal_exception *x = &series->exceptions[i];
		if (x->key.t == key)
			return x;
		if (day_only && ical_midnight(x->key.t) == ical_midnight(key))
			found = x;
	}
	return found;
}

bool
cal_find_instance(const struct cal_event *series, const struct cal_instances *set, struct ical_time *key,
	const struct cal_exception **x_r)
{
	int64_t found;

	*x_r = find_exception(series, key->t, false);
	if (*x_r || cal_is_instance(set, key->t))
		return true;
	if (cal_instance_of_day(set, key->t, &found)) {
		key->t = found;
		*x_r = find_exception(series, key->t, false);
		return true;
	}
	*x_r = find_exception(series, key->t, true);
	if (*x_r)
		key->t = (*x_r)->key.t;
	return *x_r != NULL;
}
