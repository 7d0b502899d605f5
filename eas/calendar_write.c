/* What an event says as the elements of the Calendar class [MS-ASCAL 2.2.2]. */
#include <string.h>

#include "eas/calendar.h"

static void
put_text(struct wbxml_writer *w, unsigned tag, const char *s)
{
	if (*s)
		wbxml_put(w, tag, s);
}

/* empty: also where there is none, as an exception says that it has none. */
static void
put_location(const struct cal *c, const struct cal_event *ev, bool empty, struct wbxml_writer *w)
{
	bool any = false;

	if (!c->modern) {
		if (empty || *ev->location[CAL_PLACE])
			wbxml_put(w, Calendar_Location, ev->location[CAL_PLACE]);
		return;
	}
	for (unsigned i = 0; i < CAL_LOCATION_PARTS; i++)
		any = any || *ev->location[i];
	if (!any && !empty)
		return;
	wbxml_start(w, AirSyncBase_Location);
	for (unsigned i = 0; i < CAL_LOCATION_PARTS; i++)
		put_text(w, cal_location_tags[i], ev->location[i]);
	wbxml_end(w);
}

static void
put_attendees(const struct cal_event *ev, struct wbxml_writer *w)
{
	if (!ev->n_attendees)
		return;
	wbxml_start(w, Calendar_Attendees);
	for (size_t i = 0; i < ev->n_attendees; i++) {
		const struct cal_attendee *a = &ev->attendees[i];
		wbxml_start(w, Calendar_Attendee);
		wbxml_put(w, Calendar_Email, a->email);
		wbxml_put(w, Calendar_Name, a->name);
		wbxml_put_int(w, Calendar_AttendeeStatus, a->status);
		wbxml_put_int(w, Calendar_AttendeeType, a->type);
		wbxml_end(w);
	}
	wbxml_end(w);
}

/* ---- exceptions ---- */

static bool
same_attendees(const struct cal_event *a, const struct cal_event *b)
{
	if (a->n_attendees != b->n_attendees)
		return false;
	for (size_t i = 0; i < a->n_attendees; i++) {
		const struct cal_attendee *x = &a->attendees[i], *y = &b->attendees[i];
		if (strcmp(x->email, y->email) != 0 || strcmp(x->name, y->name) != 0 || x->status != y->status ||
		    x->type != y->type)
			return false;
	}
	return true;
}

static bool
same_location(const struct cal_event *a, const struct cal_event *b)
{
	for (unsigned i = 0; i < CAL_LOCATION_PARTS; i++)
		if (strcmp(a->location[i], b->location[i]) != 0)
			return false;
	return true;
}

/* Either may be NULL. */
static bool
same(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

/* What is left out is as in the series [MS-ASCAL 2.2.2.21]. */
static enum err
put_difference(struct cal *c, const struct cal_event *series, const struct cal_event *ev, struct wbxml_writer *w)
{
	unsigned version = c->view->version;
	enum err err = ERR_OK;

	if (strcmp(ev->subject, series->subject) != 0)
		wbxml_put(w, Calendar_Subject, ev->subject);
	ical_write_time(w, Calendar_StartTime, ev->start, false);
	ical_write_time(w, Calendar_EndTime, ev->end, false);
	if (!same_location(ev, series))
		put_location(c, ev, true, w);
	if (!ical_same_body(c->view, &ev->body, &series->body))
		err = ical_write_body(c->view, c->m.a, &ev->body, false, w);
	if (ev->sensitivity != series->sensitivity)
		wbxml_put_int(w, Calendar_Sensitivity, ev->sensitivity);
	if (ev->busy != series->busy)
		wbxml_put_int(w, Calendar_BusyStatus, ev->busy);
	if (ev->all_day || series->all_day) /* Android takes it for 0 where it is left out */
		wbxml_put_int(w, Calendar_AllDayEvent, ev->all_day);
	if (ev->reminder != series->reminder && ev->reminder >= 0)
		wbxml_put_int(w, Calendar_Reminder, ev->reminder);
	else if (ev->reminder != series->reminder && version >= 141)
		wbxml_empty(w, Calendar_Reminder);
	if (ev->meeting != series->meeting)
		wbxml_put_int(w, Calendar_MeetingStatus, ev->meeting);
	if (!ical_same_words(&ev->categories, &series->categories)) {
		if (!ev->categories.n)
			wbxml_empty(w, Calendar_Categories);
		ical_write_categories(w, Calendar_Categories, Calendar_Category, &ev->categories);
	}
	if (version >= 140 && !same_attendees(ev, series)) {
		if (!ev->n_attendees) /* as of all that an instance has lost (MS-ASCAL_R543) */
			wbxml_empty(w, Calendar_Attendees);
		put_attendees(ev, w);
	}
	if (!cal_same_attachments(ev, series))
		cal_write_attachments(c, ev, true, w);
	if (version >= 140 && ev->response_type != series->response_type)
		wbxml_put_int(w, Calendar_ResponseType, ev->response_type);
	if (version >= 140 && !same(ev->reply_time, series->reply_time))
		wbxml_put(w, Calendar_AppointmentReplyTime, ev->reply_time);
	if (version >= 141 && !same(ev->conference, series->conference))
		wbxml_put(w, Calendar_OnlineMeetingExternalLink, ev->conference ? ev->conference : "");
	if (version >= 141 && !same(ev->conference_sip, series->conference_sip))
		wbxml_put(w, Calendar_OnlineMeetingConfLink, ev->conference_sip ? ev->conference_sip : "");
	return err;
}

static enum err
put_exceptions(struct cal *c, const struct cal_event *ev, struct wbxml_writer *w)
{
	size_t n = ev->n_exceptions, first = n > CAL_EXCEPTIONS_SENT ? n - CAL_EXCEPTIONS_SENT : 0;
	enum err err = ERR_OK;

	if (n == 0 || !ev->recurring)
		return ERR_OK;
	wbxml_start(w, Calendar_Exceptions);
	for (size_t i = first; i < n && err == ERR_OK; i++) {
		const struct cal_exception *x = &ev->exceptions[i];
		wbxml_start(w, Calendar_Exception);
		if (x->deleted)
			wbxml_put_int(w, Calendar_Deleted, 1);
		ical_write_time(w, c->modern ? AirSyncBase_InstanceId : Calendar_ExceptionStartTime, x->original,
			false);
		if (!x->deleted)
			err = put_difference(c, ev, &x->event, w);
		wbxml_end(w);
	}
	wbxml_end(w);
	return err;
}

/* ---- the whole ---- */

static void
put_answers(const struct cal *c, const struct cal_event *ev, struct wbxml_writer *w)
{
	if (c->view->version < 140)
		return;
	if (ev->n_attendees)
		wbxml_put_int(w, Calendar_ResponseRequested, ev->response_requested);
	if (ev->reply_time)
		wbxml_put(w, Calendar_AppointmentReplyTime, ev->reply_time);
	wbxml_put_int(w, Calendar_ResponseType, ev->response_type);
	if (ev->no_counter)
		wbxml_put_int(w, Calendar_DisallowNewTimeProposal, 1);
	if (c->view->version < 141)
		return;
	wbxml_put(w, Calendar_OnlineMeetingConfLink, ev->conference_sip);
	wbxml_put(w, Calendar_OnlineMeetingExternalLink, ev->conference);
}

enum err
cal_write(struct cal *c, const struct cal_event *ev, struct wbxml_writer *w)
{
	/* All-day events are dates from 16.0, in no zone (MS-ASCAL R2006). */
	char *zone = c->modern && ev->all_day ? NULL : zone_blob_text(&c->m, ev->times.zone);

	wbxml_put(w, Calendar_Timezone, zone);
	wbxml_put(w, Calendar_DtStamp, ev->stamp);
	ical_write_time(w, Calendar_StartTime, ev->start, false);
	wbxml_put(w, Calendar_Subject, ev->subject);
	put_text(w, Calendar_UID, ev->uid);
	put_text(w, Calendar_OrganizerName, *ev->organizer_name ? ev->organizer_name : ev->organizer_email);
	put_text(w, Calendar_OrganizerEmail, ev->organizer_email);
	put_attendees(ev, w);
	put_location(c, ev, false, w);
	ical_write_time(w, Calendar_EndTime, ev->end, false);
	enum err err = ical_write_body(c->view, c->m.a, &ev->body, true, w);
	cal_write_attachments(c, ev, false, w);
	wbxml_put_int(w, Calendar_Sensitivity, ev->sensitivity);
	wbxml_put_int(w, Calendar_BusyStatus, ev->busy);
	wbxml_put_int(w, Calendar_AllDayEvent, ev->all_day);
	if (ev->reminder >= 0)
		wbxml_put_int(w, Calendar_Reminder, ev->reminder);
	wbxml_put_int(w, Calendar_MeetingStatus, ev->meeting);
	ical_write_categories(w, Calendar_Categories, Calendar_Category, &ev->categories);
	if (ev->recurring)
		recurrence_write(w, &ev->recurrence, false, c->view->version);
	if (err == ERR_OK)
		err = put_exceptions(c, ev, w);
	put_answers(c, ev, w);
	return c->m.failed ? ERR_NOMEM : err;
}
