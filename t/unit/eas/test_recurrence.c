/* RRULE and the Recurrence of EAS: both ways, and the instances of both. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "eas/recurrence.h"

#define DAY INT64_C(86400)
#define LOOK (20000 * DAY)

static int
setup(void **state)
{
	struct ical_mem *m = calloc(1, sizeof *m);

	assert_non_null(m);
	m->a = arena_new(0);
	*state = m;
	assert_true(zone_set_default("Europe/Berlin"));
	return 0;
}

static int
teardown(void **state)
{
	struct ical_mem *m = *state;

	arena_free(&m->a);
	free(m);
	return 0;
}

/* ---- an expansion of its own, day by day, of what EAS can say ---- */

static bool
nth_matches(const struct recurrence *r, const struct ical_civil *c, unsigned weekday)
{
	unsigned in_month = ical_month_days(c->year, c->month), seen = 0, total = 0;

	if (!(r->days & 1u << weekday))
		return false;
	/* The how-manieth of those days of the month it is, from either end. */
	for (unsigned d = 1; d <= in_month; d++) {
		unsigned wd = (weekday + 70 + d - c->day) % 7;
		if (r->days & 1u << wd) {
			total++;
			seen += d <= c->day;
		}
	}
	return r->week == 5 ? seen == total : seen == r->week;
}

static bool
matches(const struct recurrence *r, int64_t start, int64_t day)
{
	struct ical_civil s, c;
	unsigned weekday = ical_weekday(day), week_start = r->first_day < 0 ? 1 : (unsigned)r->first_day;

	ical_civil(start, &s);
	ical_civil(day, &c);
	int64_t days = (ical_midnight(day) - ical_midnight(start)) / DAY;
	int64_t months = (c.year - s.year) * 12 + (int64_t)c.month - s.month;
	int64_t first = ical_midnight(start) / DAY - (ical_weekday(start) + 7 - week_start) % 7;
	switch (r->type) {
	case 0:
		return r->days ? (r->days & 1u << weekday) != 0 : days % r->interval == 0;
	case 1:
		return (r->days & 1u << weekday) && (ical_midnight(day) / DAY - first) / 7 % r->interval == 0;
	case 2:
		return months % r->interval == 0 && c.day == r->day;
	case 3:
		return months % r->interval == 0 && nth_matches(r, &c, weekday);
	case 5:
		return (c.year - s.year) % r->interval == 0 && c.month == r->month && c.day == r->day;
	case 6:
		return (c.year - s.year) % r->interval == 0 && c.month == r->month && nth_matches(r, &c, weekday);
	default:
		return false;
	}
}

struct list {
	int64_t v[400];
	size_t n;
};

static void
expand(const struct recurrence *r, int64_t start, struct list *l)
{
	l->n = 0;
	l->v[l->n++] = start;
	for (int64_t at = start + DAY; l->n < 60 && at < start + LOOK; at += DAY) {
		if (r->occurrences && l->n >= r->occurrences)
			return;
		if (r->has_until && ical_midnight(at) > ical_midnight(r->until))
			return;
		if (matches(r, start, at))
			l->v[l->n++] = at;
	}
}

static bool
collect(void *ctx, int64_t local)
{
	struct list *l = ctx;

	if (l->n && local >= l->v[0] + LOOK)
		return false;
	l->v[l->n++] = local;
	return l->n < 60;
}

static void
random_recurrence(struct recurrence *r)
{
	static const int types[] = { 0, 1, 2, 3, 5, 6 };

	*r = (struct recurrence){ .type = types[(unsigned)rand() % 6], .interval = 1 + (unsigned)rand() % 4, .first_day = -1 };
	if (r->type == 0 && rand() % 3 == 0) {
		r->interval = 1;
		r->days = 1 + (unsigned)rand() % 127;
	}
	if (r->type == 1 || r->type == 3 || r->type == 6)
		r->days = 1 + (unsigned)rand() % 127;
	if (r->type == 1 && rand() % 2)
		r->first_day = rand() % 7;
	if (r->type == 3 || r->type == 6)
		r->week = 1 + (unsigned)rand() % 5;
	if (r->type >= 5)
		r->month = 1 + (unsigned)rand() % 12;
	if (r->type == 2 || r->type == 5)
		r->day = 1 + (unsigned)rand() % (r->type == 5 ? ical_month_days(2001, r->month) : 31);
	if (rand() % 2)
		r->occurrences = 1 + (unsigned)rand() % 20;
}

static void
the_instances_are_the_same(void **state)
{
	struct ical_mem *m = *state;

	srand(20261126);
	for (unsigned round = 0; round < 3000; round++) {
		struct ical_time start = { .t = 1577836800 + (int64_t)(rand() % 4000) * DAY + 36000 };
		struct arena_mark mark = arena_mark(m->a);
		struct recurrence r, back;
		struct list mine, theirs = { .n = 0 };
		bool exact;

		random_recurrence(&r);
		if (!r.occurrences && rand() % 2) {
			r.has_until = true;
			r.until = start.t + (int64_t)(rand() % 1000) * DAY;
		}
		struct ical_time until = { .date = true, .t = ical_midnight(r.until) };
		char *text = recurrence_to_rrule(m, &r, ical_time_text(m, &until));
		struct series s = { .start = start, .zone = zone_utc(), .has_rule = true, .readable = true };
		assert_true(rrule_parse(text, &s.rule));
		assert_true(rrule_expandable(&s.rule));
		(void)series_each(&s, collect, &theirs);
		expand(&r, start.t, &mine);
		if (mine.n != theirs.n || memcmp(mine.v, theirs.v, mine.n * sizeof mine.v[0]) != 0)
			fail_msg("%s from %s: %zu and %zu instances", text, ical_time_text(m, &start), mine.n, theirs.n);
		/* And back again it is the same. */
		assert_true(recurrence_from_rrule(&s.rule, start.t, &back, &exact));
		assert_true(exact);
		back.has_until = r.has_until;
		back.until = r.until;
		if (!recurrence_same(&back, &r, start.t))
			fail_msg("%s is another rule when it comes back", text);
		arena_rewind(m->a, mark);
	}
}

/* ---- rules by hand ---- */

static void
rules_and_words(void **state)
{
	/* DTSTART is 2026-03-02 10:00, a Monday. type -1: no word for it. */
	static const struct {
		const char *rule;
		int type;
		unsigned interval, days, day, week, month;
		bool exact;
	} rows[] = {
		{ "FREQ=DAILY", 0, 1, 0, 0, 0, 0, true },
		{ "FREQ=DAILY;INTERVAL=3", 0, 3, 0, 0, 0, 0, true },
		{ "FREQ=DAILY;BYDAY=MO,TU,WE,TH,FR", 1, 1, 62, 0, 0, 0, true },
		{ "FREQ=DAILY;INTERVAL=2;BYDAY=MO", 1, 2, 2, 0, 0, 0, false },
		{ "FREQ=WEEKLY", 1, 1, 2, 0, 0, 0, true },
		{ "FREQ=WEEKLY;INTERVAL=2;BYDAY=TU,SU;WKST=SU", 1, 2, 5, 0, 0, 0, true },
		{ "FREQ=MONTHLY", 2, 1, 0, 2, 0, 0, true },
		{ "FREQ=MONTHLY;BYMONTHDAY=31", 2, 1, 0, 31, 0, 0, true },
		{ "FREQ=MONTHLY;BYMONTHDAY=-1", 3, 1, 127, 0, 5, 0, true },
		{ "FREQ=MONTHLY;BYMONTHDAY=28,29,30,31;BYSETPOS=-1", 3, 1, 127, 0, 5, 0, true },
		{ "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=31,30,29,28;BYSETPOS=-1", 6, 1, 127, 0, 5, 2, true },
		/* once a year, not once a month */
		{ "FREQ=YEARLY;BYMONTHDAY=28,29,30,31;BYSETPOS=-1", -1, 0, 0, 0, 0, 0, false },
		{ "FREQ=YEARLY;BYMONTHDAY=2;BYSETPOS=1", -1, 0, 0, 0, 0, 0, false },
		{ "FREQ=MONTHLY;BYMONTHDAY=29,30,31;BYSETPOS=-1", -1, 0, 0, 0, 0, 0, false },
		{ "FREQ=MONTHLY;BYMONTHDAY=28,29,30,31;BYSETPOS=1", -1, 0, 0, 0, 0, 0, false },
		{ "FREQ=MONTHLY;BYMONTHDAY=-2", -1, 0, 0, 0, 0, 0, false },
		{ "FREQ=MONTHLY;BYMONTHDAY=2,16", 2, 1, 0, 2, 0, 0, false },
		{ "FREQ=MONTHLY;BYMONTHDAY=1,15", -1, 0, 0, 0, 0, 0, false },
		{ "FREQ=MONTHLY;BYDAY=1MO", 3, 1, 2, 0, 1, 0, true },
		{ "FREQ=MONTHLY;BYDAY=-1FR", 3, 1, 32, 0, 5, 0, true },
		{ "FREQ=MONTHLY;BYDAY=5FR", -1, 0, 0, 0, 0, 0, false },
		{ "FREQ=MONTHLY;BYDAY=1MO,3MO", 3, 1, 2, 0, 1, 0, false },
		{ "FREQ=MONTHLY;BYDAY=MO", 1, 1, 2, 0, 0, 0, true },
		{ "FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1", 3, 1, 62, 0, 5, 0, true },
		{ "FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=2", 3, 1, 62, 0, 2, 0, true },
		{ "FREQ=MONTHLY;BYDAY=MO;BYSETPOS=1,3", 3, 1, 2, 0, 1, 0, false },
		{ "FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1,1", 3, 1, 62, 0, 1, 0, false },
		{ "FREQ=MONTHLY;INTERVAL=2;BYDAY=MO,SU;BYSETPOS=2,-1", 3, 2, 3, 0, 2, 0, false }, /* March 2026 begins with a Sunday */
		{ "FREQ=YEARLY;BYMONTH=3;BYDAY=MO;BYSETPOS=2,1", 6, 1, 2, 0, 1, 3, false },
		{ "FREQ=MONTHLY;BYDAY=MO;BYSETPOS=2,3", -1, 0, 0, 0, 0, 0, false },
		{ "FREQ=MONTHLY;BYDAY=TU,WE;BYSETPOS=1,2", -1, 0, 0, 0, 0, 0, false },
		{ "FREQ=MONTHLY;BYDAY=MO;BYMONTHDAY=8,9,10,11,12,13,14", 3, 1, 2, 0, 2, 0, true },
		{ "FREQ=MONTHLY;BYDAY=FR;BYMONTHDAY=13", -1, 0, 0, 0, 0, 0, false },
		{ "FREQ=MONTHLY;INTERVAL=6", 2, 6, 0, 2, 0, 0, true },
		{ "FREQ=MONTHLY;BYMONTH=3", 5, 1, 0, 2, 0, 3, true },
		{ "FREQ=YEARLY", 5, 1, 0, 2, 0, 3, true },
		{ "FREQ=YEARLY;BYMONTH=5;BYMONTHDAY=1", 5, 1, 0, 1, 0, 5, true },
		{ "FREQ=YEARLY;BYMONTH=11;BYDAY=4TH", 6, 1, 16, 0, 4, 11, true },
		{ "FREQ=YEARLY;BYMONTH=3,9", 5, 1, 0, 2, 0, 3, false },
		{ "FREQ=YEARLY;BYYEARDAY=100", -1, 0, 0, 0, 0, 0, false },
		{ "FREQ=YEARLY;BYWEEKNO=20", -1, 0, 0, 0, 0, 0, false },
		{ "FREQ=YEARLY;BYDAY=20MO", -1, 0, 0, 0, 0, 0, false },
		{ "FREQ=YEARLY;RSCALE=CHINESE", -1, 0, 0, 0, 0, 0, false },
		{ "RSCALE=GREGORIAN;FREQ=YEARLY", 5, 1, 0, 2, 0, 3, true },
		{ "FREQ=HOURLY;INTERVAL=48", 0, 2, 0, 0, 0, 0, true },
		{ "FREQ=HOURLY", 0, 1, 0, 0, 0, 0, false },
		{ "FREQ=DAILY;BYHOUR=10,16", 0, 1, 0, 0, 0, 0, false },
		{ "FREQ=DAILY;BYHOUR=10;BYMINUTE=0;BYSECOND=0", 0, 1, 0, 0, 0, 0, true },
		{ "FREQ=DAILY;BYHOUR=11", -1, 0, 0, 0, 0, 0, false },
		{ "FREQ=MINUTELY", -1, 0, 0, 0, 0, 0, false },
	};
	struct ical_time start;

	(void)state;
	assert_true(ical_time_parse("20260302T100000", &start));
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct recurrence r;
		struct rrule rule;
		bool exact = false;
		assert_true(rrule_parse(rows[i].rule, &rule));
		bool ok = recurrence_from_rrule(&rule, start.t, &r, &exact);
		if (ok != (rows[i].type >= 0))
			fail_msg("%s: %d", rows[i].rule, ok);
		if (ok && (r.type != rows[i].type || r.interval != rows[i].interval || r.days != rows[i].days || r.day != rows[i].day ||
		    r.week != rows[i].week || r.month != rows[i].month || exact != rows[i].exact))
			fail_msg("%s became type %d interval %u days %u day %u week %u month %u exact %d", rows[i].rule, r.type, r.interval,
				r.days, r.day, r.week, r.month, exact);
	}
}

static void
rules_that_are_not_understood(void **state)
{
	static const char *const bad[] = {
		"", "FREQ", "FREQ=", "FREQ=NEVER", "INTERVAL=1", "FREQ=DAILY;INTERVAL=0", "FREQ=DAILY;INTERVAL=-1", "FREQ=DAILY;COUNT=0",
		"FREQ=DAILY;COUNT=x", "FREQ=DAILY;UNTIL=soon", "FREQ=DAILY;BYDAY=XX", "FREQ=DAILY;BYDAY=", "FREQ=DAILY;BYDAY=99MO",
		"FREQ=DAILY;BYMONTH=13", "FREQ=DAILY;BYMONTH=0", "FREQ=DAILY;BYMONTH=1,,2", "FREQ=DAILY;BYMONTHDAY=32", "FREQ=DAILY;BYHOUR=24",
		"FREQ=DAILY;BYHOUR=-1", "FREQ=DAILY;WKST=X", "FREQ=DAILY;WHAT=1", "D1 #5", "FREQ=DAILY;BYSETPOS=0",
	};
	struct rrule r;

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		if (rrule_parse(bad[i], &r))
			fail_msg("%s was understood", bad[i]);
	assert_true(rrule_parse("freq=daily;x-own=1;;interval=2;", &r));
}

/* Every walk ends after so many looks, whatever the rule: days that are none of its own, and turns that BYSETPOS does not take. */
static void
walks_are_bounded(void **state)
{
	static const char *const rules[] = {
		"FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29;BYDAY=MO", "FREQ=MONTHLY;BYDAY=MO;BYSETPOS=300", "FREQ=DAILY;INTERVAL=30000;BYDAY=SU",
		"FREQ=WEEKLY", "FREQ=HOURLY", "FREQ=YEARLY;BYDAY=MO,TU,WE,TH,FR,SA,SU;BYHOUR=0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15;BYMINUTE="
		"0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15;BYSETPOS=366", "FREQ=YEARLY;INTERVAL=30000", "FREQ=YEARLY;BYWEEKNO=53;BYDAY=SU",
	};
	struct ical_time start;

	(void)state;
	assert_true(ical_time_parse("20260302T100000", &start));
	for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++) {
		struct rrule_walk w;
		struct rrule rule;
		int64_t at, before = INT64_MIN;
		unsigned n = 0;
		assert_true(rrule_parse(rules[i], &rule) && rrule_expandable(&rule));
		rrule_walk_begin(&w, &rule, start.t);
		for (; n < RRULE_LOOKS_MAX && rrule_walk_next(&w, &at); n++) {
			assert_true(at > before);
			before = at;
		}
		if (w.looks > RRULE_LOOKS_MAX + 1)
			fail_msg("%s: %u looks for %u instances", rules[i], w.looks, n);
	}
}

/* Rules that would keep a library busy for long are not expanded; the others end. */
static void
rules_that_never_end(void **state)
{
	static const struct {
		const char *rule;
		bool expandable;
	} rows[] = {
		{ "FREQ=SECONDLY", false },
		{ "FREQ=MINUTELY;BYMONTH=2;BYMONTHDAY=30", false },
		{ "FREQ=HOURLY;BYMONTH=2;BYMONTHDAY=30", false },
		{ "FREQ=HOURLY;BYYEARDAY=366", false },
		{ "FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30", false },
		{ "FREQ=YEARLY;BYMONTH=2,4;BYMONTHDAY=31", false },
		{ "FREQ=YEARLY;BYYEARDAY=1;BYMONTH=12", false },
		{ "FREQ=YEARLY;BYWEEKNO=1;BYMONTH=6", false },
		{ "FREQ=MONTHLY;BYDAY=6MO", false },
		{ "FREQ=DAILY;BYMINUTE=1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17;BYSECOND=1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16", false },
		{ "FREQ=DAILY;BYMINUTE=1,2,3;BYSECOND=1,2,3", true },
		{ "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29", true },
		{ "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29;BYDAY=MO", true },
		{ "FREQ=YEARLY;BYYEARDAY=366", true },
		{ "FREQ=YEARLY;BYWEEKNO=53", true },
		{ "FREQ=MONTHLY;BYDAY=MO;BYSETPOS=300", true },
		{ "FREQ=MONTHLY;INTERVAL=12;BYMONTH=4", true },
		{ "FREQ=DAILY;INTERVAL=30000;BYDAY=SU;BYMONTHDAY=13", true },
		{ "FREQ=DAILY;BYHOUR=0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23", true },
		{ "FREQ=DAILY", true },
	};
	struct ical_mem *m = *state;
	struct ical_time start;

	(void)m;
	assert_true(ical_time_parse("20260302T100000", &start));
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct series s = { .start = start, .zone = zone_utc(), .has_rule = true };
		int64_t last;
		assert_true(rrule_parse(rows[i].rule, &s.rule));
		if (rrule_expandable(&s.rule) != rows[i].expandable)
			fail_msg("%s", rows[i].rule);
		s.readable = rrule_expandable(&s.rule);
		assert_false(series_last(&s, &last));
		s.rule.count = 1000000; /* more than is ever looked at */
		(void)series_last(&s, &last);
	}
}

static void
series_of_components(void **state)
{
	struct ical_mem *m = *state;
	struct ical *root;
	struct series s;
	int64_t at;
	const char *text = "BEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART;TZID=America/New_York:20260302T100000\n"
		"RRULE:FREQ=WEEKLY;UNTIL=20260316T140000Z\nRDATE;TZID=Europe/Berlin:20260401T160000\nRDATE;VALUE=PERIOD:20260501T140000Z/PT1H\n"
		"END:VEVENT\nEND:VCALENDAR\n";

	assert_int_equal(ical_read(m, slice_str(text), &root, NULL), ERR_OK);
	struct ical *event = ical_component(ical_component(root, "VCALENDAR"), "VEVENT");
	assert_true(series_read(m, root, event, &s));
	/* UNTIL is in UTC, and the clocks change on March 8th. */
	assert_true(series_has(&s, s.start.t + 14 * DAY, false, &at));
	assert_false(series_has(&s, s.start.t + 21 * DAY, false, &at));
	assert_false(series_has(&s, s.start.t + 14 * DAY + 3600, false, &at));
	assert_true(series_has(&s, s.start.t + 14 * DAY + 3600, true, &at));
	assert_true(at == s.start.t + 14 * DAY);
	assert_true(series_has(&s, s.start.t + 30 * DAY, false, &at)); /* the RDATE, 10:00 in New York */
	assert_true(series_last(&s, &at));
	assert_true(at == s.start.t + 60 * DAY);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(the_instances_are_the_same),
		TEST(rules_and_words),
		TEST(rules_that_are_not_understood),
		TEST(rules_that_never_end),
		TEST(walks_are_bounded),
		TEST(series_of_components),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
