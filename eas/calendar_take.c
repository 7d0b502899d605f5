/* What a phone sends as an event. */
#include <string.h>

#include "base/text.h"
#include "eas/calendar.h"

static void
take_location(struct cal *c, const struct wbxml_node *data, struct cal_event *ev)
{
	const struct wbxml_node *place = wbxml_child(data, AirSyncBase_Location);
	const char *s = wbxml_text(data, Calendar_Location);

	for (unsigned i = 0; i < CAL_LOCATION_PARTS; i++)
		ev->location[i] = "";
	if (c->modern && place) {
		ev->has |= CAL_LOCATION;
		for (unsigned i = 0; i < CAL_LOCATION_PARTS; i++) {
			const char *part = wbxml_text(place, cal_location_tags[i]);
			ev->location[i] = part ? part : "";
		}
	} else if (s) {
		ev->has |= CAL_LOCATION;
		ev->location[CAL_PLACE] = s;
	}
}

static size_t
children(const struct wbxml_node *node, unsigned tag, size_t max)
{
	size_t n = 0;

	for (const struct wbxml_node *child = wbxml_child(node, tag); child && n < max; child = wbxml_next(child, tag))
		n++;
	return n;
}

static void
take_attendees(struct cal *c, const struct wbxml_node *data, struct cal_event *ev)
{
	const struct wbxml_node *list = wbxml_child(data, Calendar_Attendees);
	size_t room = children(list, Calendar_Attendee, CAL_ATTENDEES_MAX), n = 0;

	if (!list)
		return;
	ev->has |= CAL_ATTENDEES;
	struct cal_attendee *all = room ? ical_alloc(&c->m, room, sizeof *all) : NULL;
	for (const struct wbxml_node *a = wbxml_child(list, Calendar_Attendee); all && a && n < room;
	    a = wbxml_next(a, Calendar_Attendee)) {
		const char *email = wbxml_text(a, Calendar_Email), *name = wbxml_text(a, Calendar_Name);
		int64_t status = wbxml_int(a, Calendar_AttendeeStatus, -1, -1),
			type = wbxml_int(a, Calendar_AttendeeType, -1, -1);
		const char *address = email ? cal_address(&c->m, email) : NULL;
		if (!address || !*address)
			continue;
		all[n++] = (struct cal_attendee){ address, name ? name : "",
			c->modern || status < 0 || status > 5 ? -1 : (int)status,
			type < 1 || type > 3 ? -1 : (int)type };
	}
	ev->attendees = all;
	ev->n_attendees = n;
}

static void
take_texts(struct cal *c, const struct wbxml_node *data, struct cal_event *ev)
{
	const char *s = wbxml_text(data, Calendar_Subject), *email = wbxml_text(data, Calendar_OrganizerEmail);
	const char *name = wbxml_text(data, Calendar_OrganizerName), *uid = wbxml_text(data, Calendar_UID);

	ev->subject = s ? s : "";
	ev->has |= s ? CAL_SUBJECT : 0;
	ev->organizer_email = ev->organizer_name = "";
	if (email && *email) {
		const char *address = cal_address(&c->m, email);
		ev->organizer_email = address ? address : "";
		ev->organizer_name = name ? name : "";
		ev->has |= CAL_ORGANIZER;
	}
	ev->uid = uid && !c->modern ? uid : "";
	ev->has |= *ev->uid ? CAL_UID : 0;
	if (ical_take_body(&c->m, data, c->modern, &ev->body))
		ev->has |= CAL_BODY;
}

static bool
take_times(struct cal *c, const struct wbxml_node *data, struct cal_event *ev)
{
	bool start, end;
	const char *zone = wbxml_text(data, Calendar_Timezone);

	(void)c;
	if (!ical_take_time(data, Calendar_StartTime, &ev->start, &start) ||
	    !ical_take_time(data, Calendar_EndTime, &ev->end, &end))
		return false;
	ev->has |= start ? CAL_START : 0;
	ev->has |= end ? CAL_END : 0;
	if (wbxml_has(data, Calendar_AllDayEvent)) {
		ev->has |= CAL_ALL_DAY;
		ev->all_day = wbxml_bool(data, Calendar_AllDayEvent, false);
	}
	if (zone && *zone) {
		ev->has |= CAL_ZONE;
		ev->timezone = zone;
	}
	return true;
}

static bool
take_reminder(const struct wbxml_node *data, struct cal_event *ev)
{
	int64_t v = wbxml_int(data, Calendar_Reminder, -1, -2);

	ev->reminder = -1;
	if (!wbxml_has(data, Calendar_Reminder))
		return true;
	/* Some say "none" by the largest number there is. */
	if (v == -2 || v < -1)
		return false;
	ev->has |= CAL_REMINDER;
	ev->reminder = v > INT32_MAX ? -1 : v;
	return true;
}

static bool
take_numbers(const struct wbxml_node *data, struct cal_event *ev)
{
	ev->busy = 2;
	if (!ical_take_int(data, Calendar_BusyStatus, 4, &ev->busy, &ev->has, CAL_BUSY) ||
	    !ical_take_int(data, Calendar_Sensitivity, 3, &ev->sensitivity, &ev->has, CAL_SENSITIVITY) ||
	    !ical_take_int(data, Calendar_MeetingStatus, 15, &ev->meeting, &ev->has, CAL_MEETING) ||
	    !take_reminder(data, ev))
		return false;
	if (wbxml_has(data, Calendar_ResponseRequested)) {
		ev->has |= CAL_RESPONSE_REQUESTED;
		ev->response_requested = wbxml_bool(data, Calendar_ResponseRequested, false);
	}
	if (wbxml_has(data, Calendar_DisallowNewTimeProposal)) {
		ev->has |= CAL_NO_COUNTER;
		ev->no_counter = wbxml_bool(data, Calendar_DisallowNewTimeProposal, false);
	}
	return true;
}

static bool
take_event(struct cal *c, const struct wbxml_node *data, struct cal_event *ev)
{
	*ev = (struct cal_event){ .reminder = -1 };
	if (!take_times(c, data, ev) || !take_numbers(data, ev))
		return false;
	take_texts(c, data, ev);
	take_location(c, data, ev);
	take_attendees(c, data, ev);
	if (!cal_take_attachments(c, data, ev))
		return false;
	if (wbxml_has(data, Calendar_Categories)) {
		ev->has |= CAL_CATEGORIES;
		ical_take_categories(&c->m, wbxml_child(data, Calendar_Categories), Calendar_Category, &ev->categories);
	}
	return true;
}

static bool
take_exceptions(struct cal *c, const struct wbxml_node *data, struct cal_event *ev)
{
	const struct wbxml_node *list = wbxml_child(data, Calendar_Exceptions);
	size_t room = children(list, Calendar_Exception, CAL_EXCEPTIONS_READ);
	bool present;

	if (!list)
		return true;
	ev->has |= CAL_EXCEPTIONS;
	ev->exceptions = room ? ical_alloc(&c->m, room, sizeof *ev->exceptions) : NULL;
	if (!ev->exceptions)
		return true;
	for (const struct wbxml_node *n = wbxml_child(list, Calendar_Exception); n && ev->n_exceptions < room;
	    n = wbxml_next(n, Calendar_Exception)) {
		struct cal_exception *x = &ev->exceptions[ev->n_exceptions];
		unsigned tag = wbxml_has(n, AirSyncBase_InstanceId) ? AirSyncBase_InstanceId
			: Calendar_ExceptionStartTime;
		if (!ical_take_time(n, tag, &x->original, &present) || !present)
			return false;
		x->deleted = wbxml_bool(n, Calendar_Deleted, false);
		if (!x->deleted && !take_event(c, n, &x->event))
			return false;
		ev->n_exceptions++;
	}
	return true;
}

enum err
cal_take(struct cal *c, const struct wbxml_node *data, struct cal_event *ev_r, struct error *e)
{
	const struct wbxml_node *rec = wbxml_child(data, Calendar_Recurrence);

	if (!take_event(c, data, ev_r))
		return err_set(e, ERR_INVALID, "event: a value out of range");
	if (rec) {
		ev_r->has |= CAL_RECURRENCE;
		ev_r->recurring = rec->child != NULL;
	}
	if (!take_exceptions(c, data, ev_r))
		return err_set(e, ERR_INVALID, "event: an exception without a usable start");
	return c->m.failed ? err_set(e, ERR_NOMEM, "event: out of memory") : ERR_OK;
}
