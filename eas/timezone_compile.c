/* The changes of a VTIMEZONE. */
#include <stdlib.h>
#include <string.h>

#include "eas/recurrence.h"
#include "eas/timezone_internal.h"

#define CHANGES_MAX 8192
#define RULE_MAX 250           /* instances of one rule: 1900 to 2100 and some */
#define CHECK (28 * 366)        /* days that rrule_expandable() may look at */
#define LAST_YEAR_END INT64_C(4102444800)

struct compile {
	struct ical_mem *m;
	struct zone_change *changes;
	size_t n, room;
	int64_t earliest;
	int32_t first;
};

/* Exchange begins its rules in 1601; nobody's events do. */
static int64_t
later_start(const struct rrule *rule, int64_t start)
{
	struct ical_civil c;

	ical_civil(start, &c);
	if (rule->freq != RRULE_YEARLY || rule->interval != 1 || rule->count || c.year >= 1900 || c.day > 28)
		return start;
	c.year = 1900;
	return ical_seconds(&c);
}

/* +0100, -003020 (RFC 5545 3.3.14); also +01:00 */
static bool
parse_offset(const char *s, int32_t *v_r)
{
	int32_t v[3] = { 0 };
	unsigned n = 0;

	if (!s || (*s != '+' && *s != '-'))
		return false;
	bool west = *s++ == '-';
	for (; n < ARRAY_LEN(v) && *s; n++) {
		if (s[0] < '0' || s[0] > '9' || s[1] < '0' || s[1] > '9')
			return false;
		v[n] = (s[0] - '0') * 10 + s[1] - '0';
		s += s[2] == ':' ? 3 : 2;
	}
	if (n == 0 || *s || v[0] > 23 || v[1] > 59 || v[2] > 59)
		return false;
	*v_r = (v[0] * 60 + v[1]) * 60 + v[2];
	*v_r = west ? -*v_r : *v_r;
	return true;
}

static bool
add(struct compile *c, int64_t local, int32_t from, int32_t to)
{
	int64_t at = local - from;

	if (c->n >= c->room) {
		size_t room = c->room ? c->room * 2 : 64;
		struct zone_change *more = room <= CHANGES_MAX ? ical_alloc(c->m, room, sizeof *more) : NULL;
		if (!more)
			return false;
		if (c->n)
			memcpy(more, c->changes, c->n * sizeof *more);
		c->changes = more;
		c->room = room;
	}
	c->changes[c->n++] = (struct zone_change){ at, to };
	if (c->n == 1 || at < c->earliest) {
		c->earliest = at;
		c->first = from;
	}
	return true;
}

static void
add_rule(struct compile *c, const char *text, int64_t start, int32_t from, int32_t to)
{
	struct rrule_walk walk;
	struct rrule rule;
	int64_t at;

	/* Only rules of years and months make sense here. */
	if (!rrule_parse(text, &rule) || rule.freq < RRULE_MONTHLY || c->m->zone_looks >= ZONE_LOOKS_MAX)
		return;
	c->m->zone_looks += rule.by_month_day.n || rule.by_year_day.n || rule.by_week.n ? CHECK : 1;
	if (!rrule_expandable(&rule))
		return;
	rrule_walk_begin(&walk, &rule, later_start(&rule, start));
	for (unsigned n = 1; n < RULE_MAX && c->m->zone_looks + walk.looks < ZONE_LOOKS_MAX && (!rule.count || n < rule.count) &&
	    rrule_walk_next(&walk, &at);) {
		if (at <= start)
			continue;
		if (at > LAST_YEAR_END || (rule.has_until && at - (rule.until.utc ? from : 0) > rule.until.t))
			break;
		if (!add(c, at, from, to))
			break;
		n++;
	}
	c->m->zone_looks += walk.looks;
}

static void
add_dates(struct compile *c, const char *list, int32_t from, int32_t to)
{
	while (*list) {
		size_t n = strcspn(list, ",");
		struct ical_time t;
		char one[32];

		if (n < sizeof one) {
			memcpy(one, list, n);
			one[n] = '\0';
			if (ical_time_parse(one, &t) && !add(c, t.t, from, to))
				return;
		}
		list += n + (list[n] == ',');
	}
}

/* False: its offsets cannot be. */
static bool
add_observance(struct compile *c, const struct ical *o)
{
	const char *start = ical_value(o, "DTSTART"), *rule = ical_value(o, "RRULE"), *before = ical_value(o, "TZOFFSETFROM");
	int32_t from, to;
	struct ical_time t;

	if (!parse_offset(ical_value(o, "TZOFFSETTO"), &to))
		return false;
	if (!before)
		from = to;
	else if (!parse_offset(before, &from))
		return false;
	if (!start || !ical_time_parse(start, &t) || !add(c, t.t, from, to))
		return true;
	if (rule)
		add_rule(c, rule, t.t, from, to);
	for (const struct ical *line = ical_line(o, "RDATE"); line; line = ical_next_line(line, "RDATE"))
		add_dates(c, line->value, from, to);
	return true;
}

static int
by_time(const void *a, const void *b)
{
	const struct zone_change *x = a, *y = b;

	return x->utc != y->utc ? (x->utc < y->utc ? -1 : 1) : x->offset < y->offset ? -1 : x->offset > y->offset;
}

bool
zone_compile(struct ical_mem *m, const struct ical *vtimezone, struct zone *z_r)
{
	struct compile c = { .m = m };

	if (!vtimezone)
		return false;
	for (const struct ical *o = vtimezone->child; o; o = o->next)
		if (o->is_component && (strcmp(o->name, "STANDARD") == 0 || strcmp(o->name, "DAYLIGHT") == 0) &&
		    !add_observance(&c, o))
			return false;
	if (m->failed || c.n == 0)
		return false;
	qsort(c.changes, c.n, sizeof *c.changes, by_time);
	const char *tzid = ical_text(m, ical_line(vtimezone, "TZID"));
	*z_r = (struct zone){ .name = tzid, .first = c.first, .n = c.n, .changes = c.changes };
	return tzid != NULL;
}
