/* In what an event that was sent differs from the one that is stored. */
#include <stdlib.h>
#include <string.h>

#include "eas/calendar.h"

#define HALF_DAY INT64_C(43200)

/* ---- times ---- */

/* The day that a phone means by a midnight. */
static int64_t
day_of(const struct cal *c, int64_t wire, const struct zone *said)
{
	const struct zone *z = said ? said : c->day_zone;

	if (c->modern && (wire % CAL_DAY == 0 || !said))
		return ical_midnight(wire);
	/* Some send midnights in UTC at all times (birthdays). */
	if (wire % CAL_DAY == 0 && zone_to_local(z, wire) % CAL_DAY != 0)
		return wire;
	return ical_midnight(zone_to_local(z, wire) + HALF_DAY);
}

static void
new_days(const struct cal *c, const struct cal_event *now, const struct cal_event *want, unsigned fields,
	const struct zone *said, struct cal_times *t)
{
	int64_t start = ical_midnight(now->times.start.t), end = ical_midnight(now->times.end.t);
	int64_t length = now->all_day ? end - start : CAL_DAY;

	if (fields & CAL_START)
		start = day_of(c, want->start, said);
	else if (!now->all_day && !(fields & CAL_END))
		end = ical_midnight(now->times.end.t + CAL_DAY - 1);
	if (fields & CAL_END)
		end = day_of(c, want->end, said);
	else if (fields & CAL_START)
		end = start + length;
	if (end <= start)
		end = start + CAL_DAY;
	t->start = (struct ical_time){ .date = true, .t = start };
	t->end = (struct ical_time){ .date = true, .t = end };
	if (now->all_day && !now->times.stored.date) /* midnights stay midnights */
		return;
	t->stored = t->start;
	t->zone = t->end_zone = c->day_zone;
}

/* The wall clock in a zone, in the form that the stored time has where it is the same zone. */
static struct ical_time
in_zone(int64_t wire, const struct zone *z, const struct ical_time *form, bool same)
{
	if (same) {
		struct ical_time t = *form;
		t.t = form->utc ? wire : zone_to_local(z, wire);
		return t;
	}
	if (z == zone_utc())
		return (struct ical_time){ .utc = true, .t = wire };
	return (struct ical_time){ .t = zone_to_local(z, wire), .tzid = z->name };
}

static void
new_clocks(const struct cal *c, const struct cal_event *now, const struct cal_event *want, unsigned fields,
	const struct zone *said, struct cal_times *t)
{
	const struct zone *stored = now->all_day ? NULL : now->times.zone;
	const struct zone *z = said ? said : stored ? stored : now->times.zone ? c->day_zone : zone_utc();
	int64_t start = fields & CAL_START ? want->start : now->start;
	int64_t end = fields & CAL_END ? want->end : fields & CAL_START ? start + (now->end - now->start) : now->end;
	bool same = z == stored, end_same = same && now->times.end_zone;
	/* An end that is a date beside a start that is none gets the start's form. */
	const struct ical_time *end_form = now->times.end.date ? &now->times.start : &now->times.end;

	if (end < start)
		end = start;
	t->zone = z;
	t->end_zone = end_same ? now->times.end_zone : z;
	/* A wall clock that does not exist stays as it is. */
	if (!same || start != now->start)
		t->start = in_zone(start, z, &now->times.start, same);
	if (!end_same || end != now->end)
		t->end = in_zone(end, t->end_zone, end_form, end_same);
	t->stored = t->start;
}

void
cal_new_times(struct cal *c, const struct cal_event *now, const struct cal_event *want, unsigned fields,
	struct cal_times *t_r)
{
	bool all_day = fields & CAL_ALL_DAY ? want->all_day : now->all_day;
	const struct zone *said = NULL;

	*t_r = now->times;
	if (fields & CAL_ZONE && want->timezone)
		said = zone_from_blob(&c->m, want->timezone, now->times.zone ? now->times.zone : c->day_zone);
	if (all_day)
		new_days(c, now, want, fields, said, t_r);
	else
		new_clocks(c, now, want, fields, said, t_r);
}

static unsigned
diff_times(struct cal *c, const struct cal_event *now, const struct cal_event *want, unsigned fields)
{
	struct cal_times t;
	unsigned diff = 0;

	if (!(fields & CAL_TIMES))
		return 0;
	cal_new_times(c, now, want, fields, &t);
	if (t.start.date != now->all_day)
		diff |= CAL_ALL_DAY | CAL_START | CAL_END;
	if (!t.start.date && t.zone != now->times.zone)
		diff |= CAL_ZONE;
	if (t.start.t != now->times.start.t)
		diff |= CAL_START;
	if (t.end.t != now->times.end.t)
		diff |= CAL_END;
	return diff;
}

/* ---- the rest ---- */

static bool
same_location(const struct cal *c, const struct cal_event *now, const struct cal_event *want)
{
	if (strcmp(now->location[CAL_PLACE], want->location[CAL_PLACE]) != 0)
		return false;
	for (unsigned i = 1; c->modern && i < CAL_LOCATION_PARTS; i++) {
		const char *a = now->location[i], *b = want->location[i];
		char *end_a, *end_b;
		if (strcmp(a, b) == 0)
			continue;
		double x = strtod(a, &end_a), y = strtod(b, &end_b);
		if (i < CAL_LATITUDE || i > CAL_ALTITUDE_ACCURACY || !*a || !*b || *end_a || *end_b || x - y > 1e-9 ||
		    y - x > 1e-9)
			return false;
	}
	return true;
}

unsigned
cal_diff(struct cal *c, const struct cal_event *now, const struct cal_event *want, unsigned fields)
{
	unsigned diff = diff_times(c, now, want, fields);

	if (fields & CAL_SUBJECT && strcmp(now->subject, want->subject) != 0)
		diff |= CAL_SUBJECT;
	if (fields & CAL_LOCATION && !same_location(c, now, want))
		diff |= CAL_LOCATION;
	if (fields & CAL_ATTENDEES && !cal_same_people(c, now, want))
		diff |= CAL_ATTENDEES;
	if (fields & CAL_BUSY && now->busy != want->busy)
		diff |= CAL_BUSY;
	if (fields & CAL_SENSITIVITY && !ical_same_sensitivity(now->sensitivity, want->sensitivity))
		diff |= CAL_SENSITIVITY;
	if (fields & CAL_REMINDER && now->reminder != want->reminder)
		diff |= CAL_REMINDER;
	if (fields & CAL_CATEGORIES && !ical_same_words(&now->categories, &want->categories))
		diff |= CAL_CATEGORIES;
	if (fields & CAL_MEETING && now->meeting && (now->meeting & 4) != (want->meeting & 4))
		diff |= CAL_MEETING;
	if (fields & CAL_RESPONSE_REQUESTED && now->n_attendees && now->response_requested != want->response_requested)
		diff |= CAL_RESPONSE_REQUESTED;
	if (fields & CAL_NO_COUNTER && now->no_counter != want->no_counter)
		diff |= CAL_NO_COUNTER;
	if (fields & CAL_BODY && !ical_same_body(c->view, &now->body, &want->body))
		diff |= CAL_BODY;
	if (fields & CAL_ATTACHMENTS && !cal_has_attachments(now, want))
		diff |= CAL_ATTACHMENTS;
	if (fields & CAL_RECURRENCE && !cal_same_recurrence(c, now, want, fields))
		diff |= CAL_RECURRENCE;
	return diff;
}
