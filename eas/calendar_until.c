/* The end of a series: UNTIL of its rule, and the Until that travels. Both are times, and of both the day counts: that
 * of the last instance on the wall clock of the series. */
#include <string.h>

#include "base/text.h"
#include "eas/calendar.h"
#include "eas/quirk.h"

/* When the last of whole days is over, up to 14.1: a time at which it is that day from Hawaii to New Zealand. Its
 * midnight in a zone would not do: Android expands in UTC, where that may be the day before, and answers with the date
 * that it is where the phone is. */
#define LAST_DAY_CLOCK INT64_C(36000)

static int64_t
clock_of(int64_t t)
{
	return t - ical_midnight(t);
}

/* DTSTART is always an instance. */
int64_t
cal_last_local(const struct ical_time *until, const struct cal_times *t)
{
	bool other = until->utc && !t->stored.utc && !t->stored.date;
	int64_t clock = clock_of(t->start.t), local = other ? zone_to_local(t->zone, until->t) : until->t;
	bool early = !until->date && clock_of(local) < clock;

	local = ical_midnight(local) + clock - (early ? CAL_DAY : 0);
	return local < t->start.t ? t->start.t : local;
}

int64_t
cal_until(const struct cal *c, int64_t last, const struct cal_times *t)
{
	struct ical_time at = t->start;

	at.t = last;
	return at.date && !c->modern ? ical_midnight(last) + LAST_DAY_CLOCK : cal_wire(c, &at, t->zone);
}

/* 00:00 UTC is a date, unless it is the series' own time of day. */
static int64_t
day_of_until(const struct cal *c, int64_t wire, const struct cal_times *t)
{
	struct ical_time key = cal_key_of_wire(c, wire, t);
	bool date = t->start.date ? clock_of(wire) == LAST_DAY_CLOCK
		: clock_of(wire) == 0 && clock_of(key.t) != clock_of(t->start.t);

	return ical_midnight(date ? wire : key.t);
}

/* Is it the date where the phone is? Nothing says where that is: in the zone of the series, or in ours. */
static bool
sends_date(const struct cal *c, int64_t wire, const struct cal_times *t)
{
	return c->view->quirks & QUIRK_UNTIL_DATE && !t->start.date && clock_of(wire) == 0;
}

/* May it be the date of what was told? Rather than losing an instance with each edit, an end that becomes earlier by
 * just that day is not taken. */
static bool
is_date_of(const struct cal *c, int64_t date, int64_t told, const struct cal_times *was, const struct cal_times *t)
{
	const struct zone *const zones[] = { was->zone, t->zone, c->day_zone };

	for (unsigned i = 0; i < ARRAY_LEN(zones); i++)
		if (ical_midnight(zone_to_local(zones[i], told)) == date)
			return true;
	return false;
}

/* The day of the instance that is on that date. */
static int64_t
day_of_date(const struct cal *c, int64_t date, const struct cal_times *t)
{
	if (!t->start.utc)
		return date;
	int64_t there = ical_midnight(zone_to_local(c->day_zone, date + clock_of(t->start.t)));
	return date - (there - date);
}

/* What comes as it was told means what it meant, by the times that the series had. */
static int64_t
wanted_day(const struct cal *c, const struct cal_event *now, const struct cal_event *want, const struct cal_times *t)
{
	const struct recurrence *told = &now->recurrence;
	int64_t until = want->recurrence.until;
	bool date = sends_date(c, until, t);

	if (now->recurring && told->has_until &&
	    (told->until == until || (date && is_date_of(c, until, told->until, &now->times, t))))
		return day_of_until(c, told->until, &now->times);
	return date ? day_of_date(c, until, t) : day_of_until(c, until, t);
}

bool
cal_same_recurrence(struct cal *c, const struct cal_event *now, const struct cal_event *want, unsigned fields)
{
	struct recurrence a = now->recurrence, b = want->recurrence;
	struct cal_times t;

	if (now->recurring != want->recurring)
		return false;
	if (!now->recurring)
		return true;
	cal_new_times(c, now, want, fields, &t);
	a.until = day_of_until(c, a.until, &now->times);
	b.until = wanted_day(c, now, want, &t);
	return recurrence_same(&a, &b, t.start.t);
}

/* In the form that DTSTART asks for (RFC 5545 3.3.10). */
static const char *
until_text(struct cal *c, int64_t day, const struct cal_times *t)
{
	struct ical_time until = cal_in_form(t, day + clock_of(t->start.t));

	if (!until.date && until.tzid) {
		until.t = zone_to_utc(t->zone, until.t);
		until.utc = true;
	}
	return ical_time_text(&c->m, &until);
}

const char *
cal_rrule(struct cal *c, const struct cal_event *now, const struct cal_event *want, const struct cal_times *t)
{
	const struct recurrence *rec = &want->recurrence;
	const char *until = rec->has_until ? until_text(c, wanted_day(c, now, want, t), t) : NULL;

	return recurrence_to_rrule(&c->m, rec, until);
}

/* The part of a rule; NULL. */
static const char *
find_part(const char *rule, const char *name)
{
	for (const char *p = rule; *p; p += strspn(p, ";")) {
		if (text_casestarts(p, name))
			return p;
		p += strcspn(p, ";");
	}
	return NULL;
}

void
cal_move_until(struct cal *c, struct ical *component, const struct cal_times *old, const struct cal_times *t)
{
	static const char name[] = "UNTIL=";
	bool same_start = !old->start.date && !t->start.date &&
		cal_wire(c, &old->start, old->zone) == cal_wire(c, &t->start, t->zone);

	for (struct ical *line = ical_line(component, "RRULE"); line; line = ical_next_line(line, "RRULE")) {
		const char *part = find_part(line->value, name);
		struct rrule rule;
		if (!part || !rrule_parse(line->value, &rule) || (same_start && rule.until.utc))
			continue;
		int64_t day = ical_midnight(cal_last_local(&rule.until, old));
		const char *at = part + strlen(name), *behind = at + strcspn(at, ";"), *text = until_text(c, day, t);
		if (text)
			ical_set_value(line, NULL, ical_printf(&c->m, "%.*s%s%s", (int)(at - line->value), line->value,
				text, behind));
	}
}
