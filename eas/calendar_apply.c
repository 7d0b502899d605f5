/* Writes what differs into a VEVENT, and nothing else. */
#include <string.h>

#include "base/text.h"
#include "eas/calendar.h"

/* ---- times ---- */

/* The object defines every zone that it names (RFC 5545 3.8.3.1). */
static void
define_zone(struct cal *c, const struct ical_time *t, const struct zone *z)
{
	if (!t->tzid || t->utc || t->date)
		return;
	for (const struct ical *d = ical_component(c->calendar, "VTIMEZONE"); d;
	    d = ical_next_component(d, "VTIMEZONE"))
		if (zone_defines(&c->m, d, t->tzid))
			return;
	struct ical *definition = zone_component(&c->m, z), *at = NULL;
	if (!definition)
		return;
	for (struct ical *n = c->calendar->child; n && !at; n = n->next)
		if (n->is_component)
			at = n;
	if (at)
		ical_insert_before(at, definition);
	else
		ical_append(c->calendar, definition);
}

static void
put_times(struct cal *c, struct ical *component, const struct cal_event *now, const struct cal_event *want,
	unsigned fields, unsigned diff)
{
	struct cal_times t;
	struct ical *said = ical_line(component, "X-MICROSOFT-CDO-ALLDAYEVENT");

	cal_new_times(c, now, want, fields, &t);
	bool form = diff & (CAL_ALL_DAY | CAL_ZONE);
	struct ical_time start = cal_in_form(&t, t.start.t), end = t.end.date ? cal_in_form(&t, t.end.t) : t.end;
	if (form || diff & CAL_START) {
		ical_put_time(&c->m, component, "DTSTART", &start);
		define_zone(c, &start, t.zone);
	}
	if (form || diff & CAL_END || now->times.has_duration || !now->times.has_end) {
		ical_remove_lines(component, "DURATION");
		ical_put_time(&c->m, component, "DTEND", &end);
	}
	if (said)
		ical_set_value(said, NULL, t.start.date ? "TRUE" : "FALSE");
}

/* ---- rules ---- */

static void
put_recurrence(struct cal *c, struct ical *component, const struct cal_event *now, const struct cal_event *want,
	unsigned fields)
{
	struct cal_times t;

	if (!want->recurring) {
		ical_remove_series(component);
		return;
	}
	cal_new_times(c, now, want, fields, &t);
	ical_remove_lines(component, "EXRULE");
	if (component == c->master && cal_is_date_list(component))
		cal_write_date_list(c, now);
	ical_put(&c->m, component, "RRULE", "", cal_rrule(c, now, want, &t));
}

static void
move_until(struct cal *c, struct ical *component, const struct cal_event *now, const struct cal_event *want,
	unsigned fields)
{
	struct cal_times t;

	cal_new_times(c, now, want, fields, &t);
	cal_move_until(c, component, &now->times, &t);
}

/* ---- single lines ---- */

/* What else says where the old place was; from 16.0 the phone knows of all of it but Apple's line. */
static void
drop_place(struct cal *c, struct ical *component)
{
	ical_remove_lines(component, "X-APPLE-STRUCTURED-LOCATION");
	if (c->modern)
		return;
	for (unsigned i = CAL_PLACE + 1; i < CAL_LOCATION_PARTS; i++)
		if (cal_location_lines[i])
			ical_remove_lines(component, cal_location_lines[i]);
	ical_remove_lines(component, "GEO");
	struct ical *line = ical_line(component, "LOCATION");
	if (line)
		ical_put_param(&c->m, line, "ALTREP", NULL);
}

static void
put_location(struct cal *c, struct ical *component, const struct cal_event *now, const struct cal_event *want)
{
	if (strcmp(now->location[CAL_PLACE], want->location[CAL_PLACE]) != 0) {
		drop_place(c, component);
		ical_put_text(&c->m, component, "LOCATION", want->location[CAL_PLACE]);
	}
	if (!c->modern) /* it knows no more of it */
		return;
	for (unsigned i = 1; i < CAL_LOCATION_PARTS; i++)
		if (cal_location_lines[i] && strcmp(now->location[i], want->location[i]) != 0)
			ical_put_text(&c->m, component, cal_location_lines[i], want->location[i]);
	struct ical *line = ical_line(component, "LOCATION");
	if (line && strcmp(now->location[CAL_URI], want->location[CAL_URI]) != 0)
		ical_put_param(&c->m, line, "ALTREP", *want->location[CAL_URI] ? want->location[CAL_URI] : NULL);
	const char *latitude = want->location[CAL_LATITUDE], *longitude = want->location[CAL_LONGITUDE];
	if (strcmp(now->location[CAL_LATITUDE], latitude) == 0 && strcmp(now->location[CAL_LONGITUDE], longitude) == 0)
		return;
	bool numbers = cal_is_coordinate(latitude) && cal_is_coordinate(longitude);
	ical_put(&c->m, component, "GEO", "", numbers ? ical_printf(&c->m, "%s;%s", latitude, longitude) : NULL);
}

static void
put_busy(struct cal *c, struct ical *component, int busy)
{
	static const char *const words[] = { "FREE", "TENTATIVE", "BUSY", "OOF", "WORKINGELSEWHERE" };
	const char *status = ical_value(component, "STATUS");
	bool tentative = status && text_casecmp(status, "TENTATIVE") == 0;

	ical_put(&c->m, component, "TRANSP", NULL, busy == 0 ? "TRANSPARENT" : "OPAQUE");
	if (ical_line(component, "X-MICROSOFT-CDO-BUSYSTATUS") || busy == 1 || busy > 2 || (busy == 2 && tentative))
		ical_put(&c->m, component, "X-MICROSOFT-CDO-BUSYSTATUS", NULL, words[busy]);
}

static void
put_reminder(struct cal *c, struct ical *component, const struct cal_event *now, const struct cal_event *want)
{
	int64_t was;
	struct ical *alarm = ical_line(component, "DTSTART") ? cal_alarm(c, component, &now->times, &was) : NULL;
	const char *trigger = ical_printf(&c->m, "-PT%lldM", (long long)want->reminder);

	if (want->reminder < 0) {
		/* Not the first alone: the next would be the reminder then. */
		if (alarm)
			cal_remove_alarms(c, component, &now->times);
		return;
	}
	if (!alarm)
		alarm = ical_new_alarm(&c->m, component, ical_text(&c->m, ical_line(component, "SUMMARY")));
	if (alarm)
		ical_put(&c->m, alarm, "TRIGGER", "", trigger);
}

static void
put_cancelled(struct cal *c, struct ical *component, bool cancelled)
{
	ical_put(&c->m, component, "STATUS", NULL, cancelled ? "CANCELLED" : "CONFIRMED");
}

/* ---- the whole ---- */

void
cal_apply(struct cal *c, struct ical *component, const struct cal_event *now, const struct cal_event *want,
	unsigned fields)
{
	unsigned diff = cal_diff(c, now, want, fields);

	/* First the rule, whose UNTIL needs the new times; then the times. */
	if (diff & CAL_RECURRENCE)
		put_recurrence(c, component, now, want, fields);
	else if (ical_line(component, "RRULE") && diff & (CAL_START | CAL_ALL_DAY | CAL_ZONE))
		move_until(c, component, now, want, fields);
	if (diff & CAL_TIMES)
		put_times(c, component, now, want, fields, diff);
	if (diff & CAL_SUBJECT)
		ical_put_text(&c->m, component, "SUMMARY", want->subject);
	if (diff & CAL_LOCATION)
		put_location(c, component, now, want);
	if (diff & CAL_ATTENDEES) {
		if (want->n_attendees && !(want->has & CAL_MEETING && want->meeting & 2 &&
		    !(want->has & CAL_ORGANIZER)))
			cal_put_organizer(c, component, want);
		cal_put_attendees(c, component, now, want);
	}
	if (diff & CAL_BUSY)
		put_busy(c, component, want->busy);
	if (diff & CAL_SENSITIVITY)
		ical_put_sensitivity(&c->m, component, want->sensitivity);
	if (diff & CAL_REMINDER)
		put_reminder(c, component, now, want);
	if (diff & CAL_CATEGORIES)
		ical_put_categories(&c->m, component, &want->categories);
	if (diff & CAL_MEETING)
		put_cancelled(c, component, want->meeting & 4);
	if (fields & CAL_RESPONSE_REQUESTED && (diff & CAL_RESPONSE_REQUESTED || diff & CAL_ATTENDEES))
		cal_put_response_requested(c, component, want->response_requested);
	if (diff & CAL_NO_COUNTER)
		ical_put(&c->m, component, "X-MICROSOFT-DISALLOW-COUNTER", NULL, want->no_counter ? "TRUE" : "FALSE");
	if (diff & CAL_BODY)
		ical_put_body(&c->m, component, &want->body);
	if (diff & CAL_ATTACHMENTS)
		cal_put_attachments(c, component, now, want);
	if (diff) /* RFC 5546 2.1.4: SEQUENCE is the organizer's */
		ical_touch(&c->m, component, !(now->meeting & 2));
}
