/* MeetingRequest [MS-ASEMAIL 2.2.2.48]: what an invitation, its cancellation or an answer to it says of the event. */
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "eas/calendar.h"
#include "eas/mail.h"

struct meeting {
	const struct item_view *view;
	struct arena *a;
	struct wbxml_writer *w;
	const char *method;
	struct cal cal;
	struct cal_event event;
};

static void
put_date(struct meeting *m, unsigned tag, int64_t t)
{
	char date[MAIL_DATE_MAX];

	mail_date(t, date);
	wbxml_put(m->w, tag, date);
}

static void
put_compact(struct meeting *m, unsigned tag, int64_t t)
{
	struct ical_time time = { .utc = true, .t = t };

	wbxml_put(m->w, tag, ical_time_text(&m->cal.m, &time));
}

/* ---- which meeting ---- */

#define CLASSID "040000008200E00074C5B7101A82E008"

/* The day of the instance that the message is about; 0 0 0 0 for a series or a single event. */
static void
put_instance_day(unsigned char *out, const struct ical_time *instance)
{
	struct ical_civil day;

	if (!instance)
		return;
	ical_civil(instance->t, &day);
	out[0] = (unsigned char)(day.year >> 8);
	out[1] = (unsigned char)day.year;
	out[2] = (unsigned char)day.month;
	out[3] = (unsigned char)day.day;
}

/* [MS-ASEMAIL 2.2.2.37]: of Outlook's own ids their bytes; others stand inside one, marked vCal-Uid. */
static const char *
global_id(struct meeting *m, const char *uid, const struct ical_time *instance)
{
	unsigned char head[40] = { 0 };
	AUTO(buf_finish) struct buf out = { 0 };
	size_t n = strlen(uid);

	buf_init(&out, 0);
	if (text_casestarts(uid, CLASSID) && n <= 2000) {
		unsigned char *bytes = arena_alloc(m->a, n / 2 + 1);
		long len = bytes ? text_unhex(uid, bytes, n / 2 + 1) : -1;

		if (len >= 40) {
			put_instance_day(bytes + 16, instance);
			return text_base64(m->a, bytes, (size_t)len);
		}
	}
	text_unhex(CLASSID, head, 16);
	put_instance_day(head + 16, instance);
	size_t count = strlen("vCal-Uid") + 4 + n + 1;
	for (unsigned i = 0; i < 4; i++)
		head[36 + i] = (unsigned char)(count >> (8 * i));
	buf_add(&out, head, sizeof head);
	buf_add(&out, "vCal-Uid\1\0\0\0", 12);
	buf_add(&out, uid, n + 1);
	return buf_ok(&out) ? text_base64(m->a, out.data, out.len) : NULL;
}

static void
put_id(struct meeting *m, const struct ical_time *instance)
{
	const char *uid = m->event.uid ? m->event.uid : "";

	if (m->view->version >= 160)
		wbxml_put(m->w, Calendar_UID, uid);
	else
		wbxml_put(m->w, Email_GlobalObjId, global_id(m, uid, instance));
}

/* ---- where, who ---- */

static void
put_location(struct meeting *m)
{
	const char *place = m->event.location[CAL_PLACE];

	if (!place || !*place)
		return;
	if (m->view->version < 160) {
		wbxml_put(m->w, Email_Location, place);
		return;
	}
	wbxml_start(m->w, AirSyncBase_Location);
	wbxml_put(m->w, AirSyncBase_DisplayName, place);
	wbxml_end(m->w);
}

static bool
put_organizer(struct meeting *m)
{
	struct mime_address one = { m->event.organizer_name ? m->event.organizer_name : "",
		m->event.organizer_email ? m->event.organizer_email : "" };
	struct mime_addresses l = { &one, 1 };

	if (!*one.address)
		return true;
	const char *text = mime_address_text(m->a, &l, ',', 1000);
	wbxml_put(m->w, Email_Organizer, text);
	return text != NULL;
}

/* ---- how often ---- */

static void
put_recurrence(struct meeting *m)
{
	const struct recurrence *r = &m->event.recurrence;
	struct wbxml_writer *w = m->w;

	if (!m->event.recurring)
		return;
	wbxml_start(w, Email_Recurrences);
	wbxml_start(w, Email_Recurrence);
	wbxml_put_int(w, Email_Type, r->type);
	wbxml_put_int(w, Email_Interval, r->interval ? r->interval : 1);
	if (r->has_until)
		put_compact(m, Email_Until, r->until);
	else if (r->occurrences)
		wbxml_put_int(w, Email_Occurrences, r->occurrences);
	if (r->type == 3 || r->type == 6)
		wbxml_put_int(w, Email_WeekOfMonth, r->week);
	if (r->type == 2 || r->type == 5)
		wbxml_put_int(w, Email_DayOfMonth, r->day);
	if (r->type == 1 || r->type == 3 || r->type == 6)
		wbxml_put_int(w, Email_DayOfWeek, r->days);
	if (r->type == 5 || r->type == 6)
		wbxml_put_int(w, Email_MonthOfYear, r->month);
	if (r->type >= 2 && m->view->version >= 140)
		wbxml_put_int(w, Email2_CalendarType, 1);
	if (r->type == 1 && r->first_day >= 0 && m->view->version >= 141)
		wbxml_put_int(w, Email2_FirstDayOfWeek, r->first_day);
	wbxml_end(w);
	wbxml_end(w);
}

static unsigned
message_type(const struct meeting *m)
{
	const char *sequence = ical_value(m->cal.master, "SEQUENCE");
	uint64_t n = 0;

	if (strcmp(m->method, "REQUEST") != 0)
		return 0;
	return sequence && text_to_u64(sequence, &n) && n > 0 ? 2 : 1;
}

/* ---- the whole ---- */

static bool
put_when(struct meeting *m, const struct ical_time *instance)
{
	const struct cal_event *ev = &m->event;
	const struct zone *zone = ev->all_day && m->cal.day_zone ? m->cal.day_zone : ev->times.zone;
	struct ical_time stamp;

	wbxml_put_int(m->w, Email_AllDayEvent, ev->all_day);
	put_date(m, Email_StartTime, ev->start);
	put_date(m, Email_DtStamp, ical_time(&m->cal.m, ical_line(m->cal.master, "DTSTAMP"), &stamp) ? stamp.t
		: ev->start);
	put_date(m, Email_EndTime, ev->end);
	wbxml_put_int(m->w, Email_InstanceType, instance ? 3 : ev->recurring ? 1 : 0);
	put_location(m);
	if (!put_organizer(m))
		return false;
	if (instance)
		put_date(m, Email_RecurrenceId, cal_wire(&m->cal, instance, zone ? zone : zone_default()));
	if (ev->reminder >= 0 && (ev->has & CAL_REMINDER))
		wbxml_put_int(m->w, Email_Reminder, ev->reminder * 60);
	wbxml_put_int(m->w, Email_ResponseRequested, ev->response_requested);
	put_recurrence(m);
	wbxml_put_int(m->w, Email_Sensitivity, ev->sensitivity);
	wbxml_put_int(m->w, Email_BusyStatus, ev->busy);
	wbxml_put(m->w, Email_TimeZone, zone_blob_text(&m->cal.m, zone ? zone : zone_default()));
	return true;
}

enum err
mail_write_meeting(const struct item_view *v, struct arena *a, const struct mime *mime, struct wbxml_writer *w)
{
	struct meeting m = { .view = v, .a = a, .w = w, .method = mime->calendar->method };
	const char *text = mime_part_text(a, mime->calendar);
	struct ical_time instance = { 0 };
	struct error e = { 0 };
	enum err err;

	if (!text)
		return ERR_NOMEM;
	err = cal_open(&m.cal, v, a, slice_str(text), &e);
	if (!err)
		err = cal_read_event(&m.cal, m.cal.master, &m.event, &e);
	if (err == ERR_NOMEM)
		return err;
	if (err)
		return ERR_OK; /* a mail like others, then */
	bool is_instance = ical_time(&m.cal.m, ical_line(m.cal.master, "RECURRENCE-ID"), &instance);
	m.event.recurring = m.event.recurring && !is_instance;
	wbxml_start(w, Email_MeetingRequest);
	bool ok = put_when(&m, is_instance ? &instance : NULL);
	put_id(&m, is_instance ? &instance : NULL);
	if (v->version >= 140)
		wbxml_put_int(w, Email_DisallowNewTimeProposal, m.event.no_counter);
	if (v->version >= 141)
		wbxml_put_int(w, Email2_MeetingMessageType, message_type(&m));
	if (v->version >= 161 && strcmp(m.method, "COUNTER") == 0) {
		put_compact(&m, MeetingResponse_ProposedStartTime, m.event.start);
		put_compact(&m, MeetingResponse_ProposedEndTime, m.event.end);
	}
	wbxml_end(w);
	return ok && !m.cal.m.failed ? ERR_OK : ERR_NOMEM;
}
