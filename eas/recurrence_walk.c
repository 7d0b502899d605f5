/* The expansion of a rule.
 *
 * Not libical's: version 3.0.16 (Debian 12) gets wrong which weeks FREQ=WEEKLY;INTERVAL=3;BYDAY=MO,WE;WKST=TH means,
 * never finds FREQ=DAILY;BYMONTHDAY=-1, and takes FREQ=YEARLY;BYMONTHDAY=1 for one day a year. Here every day of a
 * period is looked at, so what it costs can be counted.
 */
#include "eas/recurrence.h"

#include <stdlib.h>

#define DAY INT64_C(86400)
#define YEAR_MAX 9999

static bool
list_has(const struct rrule_list *l, int v)
{
	for (unsigned i = 0; i < l->n; i++)
		if (l->v[i] == v)
			return true;
	return false;
}

/* Counted from the front or, with n in all, from the back. */
static bool
list_has_nth(const struct rrule_list *l, int nth, int n)
{
	return list_has(l, nth) || list_has(l, nth - n - 1);
}

/* ---- times of a day ---- */

static int
by_value(const void *a, const void *b)
{
	return *(const int32_t *)a - *(const int32_t *)b;
}

static unsigned
values(const struct rrule_list *l, unsigned own, unsigned out[RRULE_LIST_MAX])
{
	unsigned n = 0;

	if (l->n == 0)
		out[n++] = own;
	for (unsigned i = 0; i < l->n; i++) {
		unsigned v = (unsigned)l->v[i], j = 0;
		while (j < n && out[j] != v)
			j++;
		if (j == n)
			out[n++] = v;
	}
	return n;
}

static void
list_times(struct rrule_walk *w)
{
	unsigned hours[RRULE_LIST_MAX], minutes[RRULE_LIST_MAX], seconds[RRULE_LIST_MAX];
	unsigned h = values(&w->rule->by_hour, w->first.hour, hours),
		m = values(&w->rule->by_minute, w->first.minute, minutes);
	unsigned s = values(&w->rule->by_second, w->first.second, seconds);

	for (unsigned i = 0; i < h * m * s && w->n_times < RRULE_TIMES_MAX; i++)
		w->times[w->n_times++] = (int32_t)(hours[i / (m * s)] * 3600 + minutes[i / s % m] * 60
			+ seconds[i % s]);
	qsort(w->times, w->n_times, sizeof w->times[0], by_value);
}

/* ---- days ---- */

struct day {
	int64_t number; /* since 1970 */
	int64_t year;
	int month, day, in_month, of_year, in_year, weekday;
};

static void
describe(int64_t number, struct day *d)
{
	struct ical_civil c;

	ical_civil(number * DAY, &c);
	d->number = number;
	d->year = c.year;
	d->month = (int)c.month;
	d->day = (int)c.day;
	d->in_month = (int)ical_month_days(c.year, c.month);
	d->in_year = ical_month_days(c.year, 2) == 29 ? 366 : 365;
	d->of_year = (int)(number - ical_days(c.year, 1, 1)) + 1;
	d->weekday = (int)ical_weekday(number * DAY);
}

/* The first day of week 1 of a year: the first with at least four days in it (RFC 5545 3.3.10). */
static int64_t
first_week(int64_t year, unsigned week_start)
{
	int64_t fourth = ical_days(year, 1, 4);
	return fourth - (ical_weekday(fourth * DAY) + 7 - week_start) % 7;
}

static bool
week_matches(const struct rrule *r, const struct day *d)
{
	int64_t year = d->year, begin = first_week(year, r->week_start);

	if (d->number < begin)
		begin = first_week(--year, r->week_start);
	else if (d->number >= first_week(year + 1, r->week_start))
		begin = first_week(++year, r->week_start);
	int weeks = (int)((first_week(year + 1, r->week_start) - begin) / 7), week = (int)((d->number - begin) / 7) + 1;
	return list_has_nth(&r->by_week, week, weeks);
}

/* "2MO" is the second Monday of the month, or of the year in a yearly rule without months. */
static bool
weekday_matches(const struct rrule *r, const struct day *d)
{
	bool of_year = r->freq == RRULE_YEARLY && !r->by_month.n;
	int at = of_year ? d->of_year : d->day, in = of_year ? d->in_year : d->in_month;
	int front = (at - 1) / 7 + 1, back = -((in - at) / 7) - 1;

	for (unsigned i = 0; i < r->by_day.n; i++) {
		int nth = r->by_day.v[i].nth;
		if (r->by_day.v[i].day == d->weekday && (nth == 0 || nth == front || nth == back))
			return true;
	}
	return false;
}

/* What the rule leaves open the start says. */
static bool
start_matches(const struct rrule_walk *w, const struct day *d)
{
	const struct rrule *r = w->rule;

	if (r->by_day.n || r->by_month_day.n || r->by_year_day.n)
		return true;
	switch (r->freq) {
	case RRULE_YEARLY:
		if (r->by_week.n)
			return d->weekday == w->weekday;
		return d->day == (int)w->first.day && (r->by_month.n || d->month == (int)w->first.month);
	case RRULE_MONTHLY:
		return d->day == (int)w->first.day;
	case RRULE_WEEKLY:
		return d->weekday == w->weekday;
	default:
		return true;
	}
}

static bool
matches(const struct rrule_walk *w, const struct day *d)
{
	const struct rrule *r = w->rule;

	return (!r->by_month.n || list_has(&r->by_month, d->month)) &&
		(!r->by_month_day.n || list_has_nth(&r->by_month_day, d->day, d->in_month)) &&
		(!r->by_year_day.n || list_has_nth(&r->by_year_day, d->of_year, d->in_year)) &&
		(!r->by_day.n || weekday_matches(r, d)) && (!r->by_week.n || week_matches(r, d)) && start_matches(w, d);
}

/* ---- periods ---- */

/* The first day and the length of the period at hand. */
static int64_t
period(const struct rrule_walk *w, int64_t *length_r)
{
	int64_t n = (int64_t)w->period * w->rule->interval;

	if (w->rule->freq == RRULE_YEARLY) {
		int64_t year = w->first.year + n;
		*length_r = ical_month_days(year, 2) == 29 ? 366 : 365;
		return ical_days(year, 1, 1);
	}
	if (w->rule->freq == RRULE_MONTHLY) {
		int64_t month = w->first.year * 12 + (int64_t)w->first.month - 1 + n;
		*length_r = ical_month_days(month / 12, (unsigned)(month % 12) + 1);
		return ical_days(month / 12, (unsigned)(month % 12) + 1, 1);
	}
	if (w->rule->freq == RRULE_WEEKLY) {
		*length_r = 7;
		return w->day - (w->weekday + 7 - (int)w->rule->week_start) % 7 + 7 * n;
	}
	*length_r = 1;
	return w->day + n;
}

static bool
next_period(struct rrule_walk *w)
{
	int64_t length, begin = period(w, &length);
	struct day d;

	w->n_days = w->at = 0;
	w->period++;
	if (begin > ical_days(YEAR_MAX, 12, 31))
		return false;
	for (int64_t number = begin; number < begin + length; number++) {
		if (w->looks++ >= RRULE_LOOKS_MAX)
			return false;
		describe(number, &d);
		if (matches(w, &d))
			w->days[w->n_days++] = number;
		else if (w->rule->by_month.n && d.day == 1 && !list_has(&w->rule->by_month, d.month))
			number += d.in_month - 1; /* none of that month */
	}
	return true;
}

void
rrule_walk_begin(struct rrule_walk *w, const struct rrule *r, int64_t start)
{
	w->rule = r;
	w->start = start;
	w->day = ical_midnight(start) / DAY;
	w->weekday = (int)ical_weekday(start);
	w->period = 0;
	w->looks = w->n_days = w->n_times = w->at = 0;
	ical_civil(start, &w->first);
	list_times(w);
}

bool
rrule_walk_next(struct rrule_walk *w, int64_t *local_r)
{
	if (w->rule->freq == RRULE_HOURLY) {
		*local_r = w->start + (int64_t)w->period++ * w->rule->interval * 3600;
		return w->period < RRULE_LOOKS_MAX;
	}
	for (;;) {
		unsigned total = w->n_days * w->n_times;
		if (w->at >= total) {
			if (!next_period(w))
				return false;
			continue;
		}
		unsigned at = w->at++;
		if (w->rule->by_pos.n && !list_has_nth(&w->rule->by_pos, (int)at + 1, (int)total)) {
			if (w->looks++ >= RRULE_LOOKS_MAX)
				return false;
			continue;
		}
		*local_r = w->days[at / w->n_times] * DAY + w->times[at % w->n_times];
		if (*local_r >= w->start)
			return true;
	}
}
