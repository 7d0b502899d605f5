/* A VEVENT as what the elements of the Calendar class say. */
#include <string.h>

#include "base/text.h"
#include "eas/calendar.h"

const char *const cal_location_lines[CAL_LOCATION_PARTS] = {
	[CAL_PLACE] = "LOCATION",
	[CAL_ANNOTATION] = "X-LOCATION-NOTE",
	[CAL_STREET] = "X-LOCATION-STREET",
	[CAL_CITY] = "X-LOCATION-CITY",
	[CAL_STATE] = "X-LOCATION-STATE",
	[CAL_COUNTRY] = "X-LOCATION-COUNTRY",
	[CAL_POSTAL_CODE] = "X-LOCATION-POSTALCODE",
	[CAL_ACCURACY] = "X-GEO-ACCURACY",
	[CAL_ALTITUDE] = "X-GEO-ALTITUDE",
	[CAL_ALTITUDE_ACCURACY] = "X-GEO-ALTITUDE-ACCURACY",
};

const unsigned cal_location_tags[CAL_LOCATION_PARTS] = {
	[CAL_PLACE] = AirSyncBase_DisplayName,
	[CAL_ANNOTATION] = AirSyncBase_Annotation,
	[CAL_STREET] = AirSyncBase_Street,
	[CAL_CITY] = AirSyncBase_City,
	[CAL_STATE] = AirSyncBase_State,
	[CAL_COUNTRY] = AirSyncBase_Country,
	[CAL_POSTAL_CODE] = AirSyncBase_PostalCode,
	[CAL_LATITUDE] = AirSyncBase_Latitude,
	[CAL_LONGITUDE] = AirSyncBase_Longitude,
	[CAL_ACCURACY] = AirSyncBase_Accuracy,
	[CAL_ALTITUDE] = AirSyncBase_Altitude,
	[CAL_ALTITUDE_ACCURACY] = AirSyncBase_AltitudeAccuracy,
	[CAL_URI] = AirSyncBase_LocationUri,
};

struct ical_time
cal_in_form(const struct cal_times *t, int64_t local)
{
	struct ical_time at = t->stored;

	at.t = local;
	return at;
}

int64_t
cal_wire(const struct cal *c, const struct ical_time *t, const struct zone *z)
{
	if (t->date)
		return c->modern ? t->t : zone_to_utc(c->day_zone, t->t);
	return t->utc ? t->t : zone_to_utc(z, t->t);
}

/* ---- times ---- */

static void
read_end(struct cal *c, const struct ical *component, struct cal_times *t)
{
	const struct ical *line = ical_line(component, "DTEND");
	const char *duration = ical_value(component, "DURATION");
	int64_t seconds;

	t->end = t->start;
	t->end_zone = t->zone;
	if (line && ical_time(&c->m, line, &t->end)) {
		t->has_end = true;
		t->end_zone = t->end.date ? t->zone : zone_of_time(&c->m, c->root, &t->end);
	} else if (duration && ical_duration_parse(duration, &seconds) && seconds >= 0) {
		t->has_duration = true;
		t->end = t->start;
		/* Days are days of the calendar, hours are hours. */
		if (t->start.date || seconds % CAL_DAY == 0)
			t->end.t += t->start.date ? ical_midnight(seconds) : seconds;
		else
			t->end.t = t->start.utc ? t->start.t + seconds
				: zone_to_local(t->zone, zone_to_utc(t->zone, t->start.t) + seconds);
	} else {
		t->end = t->start;
	}
}

/* Outlook writes whole days as midnights and says so beside. */
static bool
whole_days(const struct ical *component, const struct cal_times *t)
{
	const char *said = ical_value(component, "X-MICROSOFT-CDO-ALLDAYEVENT");

	return said && text_casecmp(said, "TRUE") == 0 && !t->start.utc && t->start.t % CAL_DAY == 0 &&
		t->end.t % CAL_DAY == 0 &&
		t->end.t > t->start.t;
}

bool
cal_read_times(struct cal *c, const struct ical *component, struct cal_times *t_r)
{
	*t_r = (struct cal_times){ .zone = zone_utc() };
	if (!ical_time(&c->m, ical_line(component, "DTSTART"), &t_r->start) || !ical_in_range(t_r->start.t))
		return false;
	t_r->stored = t_r->start;
	t_r->zone = t_r->start.date ? c->day_zone : zone_of_time(&c->m, c->root, &t_r->start);
	read_end(c, component, t_r);
	if (!t_r->start.date && whole_days(component, t_r)) {
		t_r->start = (struct ical_time){ .date = true, .t = t_r->start.t };
		t_r->end = (struct ical_time){ .date = true, .t = t_r->end.t };
	}
	if (t_r->start.date) {
		t_r->end = (struct ical_time){ .date = true, .t = ical_midnight(t_r->end.t) };
		if (t_r->end.t <= t_r->start.t)
			t_r->end.t = t_r->start.t + CAL_DAY;
	} else if (cal_wire(c, &t_r->end, t_r->end_zone) < cal_wire(c, &t_r->start, t_r->zone)) {
		t_r->end = t_r->start;
		t_r->end_zone = t_r->zone;
	}
	return ical_in_range(t_r->end.t);
}

/* ---- alarms ---- */

static bool
alarm_minutes(struct cal *c, const struct ical *alarm, const struct cal_times *times, bool recurring,
	int64_t *minutes_r)
{
	const struct ical *trigger = ical_line(alarm, "TRIGGER");
	const char *action = ical_value(alarm, "ACTION");
	struct ical_time at;
	int64_t seconds;

	if (!trigger || (action && text_casecmp(action, "DISPLAY") != 0 && text_casecmp(action, "AUDIO") != 0))
		return false;
	if (ical_param_is(trigger, "RELATED", "END"))
		return false;
	if (ical_duration_parse(trigger->value, &seconds)) {
		*minutes_r = -seconds / 60;
		return seconds <= 0;
	}
	if (recurring || !ical_time(&c->m, trigger, &at) || at.date)
		return false;
	int64_t start = times->start.date ? zone_to_utc(c->day_zone, times->start.t)
		: cal_wire(c, &times->start, times->zone);
	seconds = start - cal_wire(c, &at, zone_of_time(&c->m, c->root, &at));
	*minutes_r = seconds / 60;
	return seconds >= 0;
}

struct ical *
cal_alarm(struct cal *c, const struct ical *component, const struct cal_times *times, int64_t *minutes_r)
{
	bool recurring = cal_repeats(component);

	for (struct ical *a = ical_component(component, "VALARM"); a; a = ical_next_component(a, "VALARM"))
		if (alarm_minutes(c, a, times, recurring, minutes_r) && *minutes_r <= INT32_MAX)
			return a;
	return NULL;
}

void
cal_remove_alarms(struct cal *c, struct ical *component, const struct cal_times *times)
{
	bool recurring = cal_repeats(component);
	int64_t minutes;

	for (struct ical *a = ical_component(component, "VALARM"), *next; a; a = next) {
		next = ical_next_component(a, "VALARM");
		if (alarm_minutes(c, a, times, recurring, &minutes) && minutes <= INT32_MAX)
			ical_remove(a);
	}
}

/* ---- the rest ---- */

static int
busy_of(const struct cal *c, const struct ical *component)
{
	static const struct {
		const char *word;
		int busy;
	} words[] = { { "FREE", 0 }, { "TENTATIVE", 1 }, { "BUSY", 2 }, { "OOF", 3 }, { "WORKINGELSEWHERE", 4 } };
	const char *transp = ical_value(component, "TRANSP"),
		*cdo = ical_value(component, "X-MICROSOFT-CDO-BUSYSTATUS");
	const char *status = ical_value(component, "STATUS");

	/* TRANSP is what other clients write; the finer word counts where it does not contradict. */
	if (transp && text_casecmp(transp, "TRANSPARENT") == 0)
		return 0;
	for (unsigned i = 0; cdo && i < ARRAY_LEN(words); i++) {
		if (text_casecmp(cdo, words[i].word) != 0 || (words[i].busy == 0 && transp))
			continue;
		return words[i].busy == 4 && !c->modern ? 2 : words[i].busy;
	}
	return status && text_casecmp(status, "TENTATIVE") == 0 ? 1 : 2;
}

bool
cal_is_coordinate(const char *s)
{
	return *s && !s[strspn(s, "+-.0123456789")];
}

/* "52.52;13.405"; anything else is left alone. */
static void
read_geo(struct cal *c, const char *geo, struct cal_event *ev)
{
	size_t n = geo ? strcspn(geo, ";") : 0;

	if (!geo || geo[n] != ';')
		return;
	const char *latitude = ical_dup(&c->m, geo, n), *longitude = geo + n + 1;
	if (!latitude || !cal_is_coordinate(latitude) || !cal_is_coordinate(longitude))
		return;
	ev->location[CAL_LATITUDE] = latitude;
	ev->location[CAL_LONGITUDE] = longitude;
}

static void
read_location(struct cal *c, const struct ical *component, struct cal_event *ev)
{
	const struct ical *place = ical_line(component, "LOCATION");

	for (unsigned i = 0; i < CAL_LOCATION_PARTS; i++)
		ev->location[i] = cal_location_lines[i] ? ical_text(&c->m, ical_line(component, cal_location_lines[i]))
			: "";
	const char *uri = place ? ical_param(&c->m, place, "ALTREP") : NULL;
	ev->location[CAL_URI] = uri ? uri : "";
	read_geo(c, ical_value(component, "GEO"), ev);
}

static void
read_recurrence(struct cal *c, const struct ical *component, struct cal_event *ev)
{
	const struct ical *line = ical_line(component, "RRULE");
	const struct cal_times *t = &ev->times;
	struct recurrence *rec = &ev->recurrence;
	struct rrule rule;
	struct series s;
	bool exact;
	int64_t last;

	if (!line || !rrule_parse(line->value, &rule) || !recurrence_from_rrule(&rule, t->start.t, rec, &exact))
		return;
	exact = exact && !ical_next_line(line, "RRULE") && !ical_line(component, "EXRULE");
	ev->recurring = true;
	if (exact && rec->occurrences && rec->occurrences <= 999)
		return;
	if (exact && rule.has_until) {
		rec->has_until = true;
		rec->until = cal_until(c, cal_last_local(&rule.until, t), t);
		return;
	}
	if (!rule.count && !rule.has_until)
		return;
	/* What EAS cannot count ends with the last instance. */
	rec->occurrences = 0;
	if (series_read(&c->m, c->root, component, &s) && series_last(&s, &last)) {
		rec->has_until = true;
		rec->until = cal_until(c, last, t);
	}
}

static const char *
compact(struct cal *c, const struct ical *component, const char *name)
{
	struct ical_time t;

	if (!ical_time(&c->m, ical_line(component, name), &t))
		return NULL;
	t.t = t.utc || t.date ? t.t : zone_to_utc(zone_of_time(&c->m, c->root, &t), t.t);
	t.utc = true;
	t.date = false;
	return ical_time_text(&c->m, &t);
}

/* Where an online meeting is to be joined: by a page, and by SIP. */
static void
read_conference(struct cal *c, const struct ical *component, struct cal_event *ev)
{
	static const char *const lines[] = { "CONFERENCE", "X-MICROSOFT-ONLINEMEETINGEXTERNALLINK",
		"X-MICROSOFT-ONLINEMEETINGCONFLINK",
		"X-MICROSOFT-SKYPETEAMSMEETINGURL", "X-GOOGLE-CONFERENCE" };

	for (unsigned i = 0; i < ARRAY_LEN(lines); i++)
		for (const struct ical *line = ical_line(component, lines[i]); line;
		    line = ical_next_line(line, lines[i])) {
			if (!ev->conference && text_casestarts(line->value, "http"))
				ev->conference = ical_text(&c->m, line);
			if (!ev->conference_sip &&
			    (text_casestarts(line->value, "sip:") || text_casestarts(line->value, "conf:sip:")))
				ev->conference_sip = ical_text(&c->m, line);
		}
}

enum err
cal_read_event(struct cal *c, const struct ical *component, struct cal_event *ev_r, struct error *e)
{
	const char *flag = ical_value(component, "X-MICROSOFT-DISALLOW-COUNTER");

	*ev_r = (struct cal_event){ .has = ~0u, .reminder = -1 };
	if (!cal_read_times(c, component, &ev_r->times))
		return c->m.failed ? err_set(e, ERR_NOMEM, "event: out of memory")
			: err_set(e, ERR_INVALID, "event without a usable DTSTART");
	ev_r->all_day = ev_r->times.start.date;
	ev_r->start = cal_wire(c, &ev_r->times.start, ev_r->times.zone);
	ev_r->end = cal_wire(c, &ev_r->times.end, ev_r->times.end_zone);
	ev_r->subject = ical_text(&c->m, ical_line(component, "SUMMARY"));
	ev_r->uid = ical_text(&c->m, ical_line(component, "UID"));
	read_location(c, component, ev_r);
	ev_r->busy = busy_of(c, component);
	ev_r->sensitivity = ical_sensitivity(component);
	if (!cal_alarm(c, component, &ev_r->times, &ev_r->reminder))
		ev_r->reminder = -1;
	ical_read_categories(&c->m, component, &ev_r->categories);
	ev_r->no_counter = flag && text_casecmp(flag, "TRUE") == 0;
	ical_read_body(&c->m, component, &ev_r->body);
	ev_r->stamp = compact(c, component, "LAST-MODIFIED");
	if (!ev_r->stamp)
		ev_r->stamp = compact(c, component, "DTSTAMP");
	ev_r->reply_time = compact(c, component, "X-MICROSOFT-CDO-REPLYTIME");
	read_conference(c, component, ev_r);
	cal_read_people(c, component, ev_r);
	if (c->modern)
		cal_read_attachments(c, component, ev_r);
	bool singles = component == c->master && cal_is_singles(c);
	if (singles || (component == c->master && !ical_line(component, "RECURRENCE-ID"))) {
		read_recurrence(c, component, ev_r);
		enum err err = cal_read_exceptions(c, component, ev_r, e);
		if (err)
			return err;
		if (singles || cal_is_date_list(component))
			cal_read_date_list(c, ev_r);
	}
	return c->m.failed ? err_set(e, ERR_NOMEM, "event: out of memory") : ERR_OK;
}
