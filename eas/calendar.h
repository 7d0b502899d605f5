/* eas/calendar.h - events between iCalendar and the Calendar class [MS-ASCAL]. Private to eas/calendar*.c and what
 * deals with meetings.
 *
 * A struct cal_event says what the elements of ApplicationData say. It is made of a VEVENT (cal_read_event) or of what
 * a phone sent (cal_take); two of them are compared field by field (cal_diff), and only fields that differ are written
 * into the VEVENT (cal_apply). So what a phone sends back as it got it changes nothing, and what EAS has no word for is
 * never touched.
 *
 * Times travel as UTC seconds; those of all-day events as local midnights up to 14.1, as floating midnights from 16.0.
 */
#ifndef EAS_CALENDAR_H
#define EAS_CALENDAR_H

#include "eas/ical.h"
#include "eas/ical_item.h"
#include "eas/item.h"
#include "eas/recurrence.h"
#include "eas/timezone.h"

#define CAL_DAY INT64_C(86400)
#define CAL_EXCEPTIONS_READ 4096 /* of a series; one with more is set aside: what is deleted would be shown */
#define CAL_EXCEPTIONS_SENT 256  /* [MS-ASCAL 2.2.2.21], the latest */
#define CAL_ATTENDEES_MAX 2000   /* further lines are kept, but not shown */
#define CAL_ATTACHMENTS_MAX 100  /* the same */

enum cal_field {
	CAL_ALL_DAY = 1 << 0,
	CAL_ZONE = 1 << 1,
	CAL_START = 1 << 2,
	CAL_END = 1 << 3,
	CAL_SUBJECT = 1 << 4,
	CAL_LOCATION = 1 << 5,
	CAL_ORGANIZER = 1 << 6,
	CAL_ATTENDEES = 1 << 7,
	CAL_BUSY = 1 << 8,
	CAL_SENSITIVITY = 1 << 9,
	CAL_REMINDER = 1 << 10,
	CAL_CATEGORIES = 1 << 11,
	CAL_MEETING = 1 << 12,
	CAL_RESPONSE_REQUESTED = 1 << 13,
	CAL_NO_COUNTER = 1 << 14,
	CAL_BODY = 1 << 15,
	CAL_RECURRENCE = 1 << 16,
	CAL_EXCEPTIONS = 1 << 17,
	CAL_UID = 1 << 18,
	CAL_ATTACHMENTS = 1 << 19,
	CAL_TIMES = CAL_ALL_DAY | CAL_ZONE | CAL_START | CAL_END,
};

/* Children of AirSyncBase:Location; the first is LOCATION's text. */
enum { CAL_PLACE, CAL_ANNOTATION, CAL_STREET, CAL_CITY, CAL_STATE, CAL_COUNTRY, CAL_POSTAL_CODE, CAL_LATITUDE,
	CAL_LONGITUDE, CAL_ACCURACY, CAL_ALTITUDE, CAL_ALTITUDE_ACCURACY, CAL_URI, CAL_LOCATION_PARTS };

struct cal_attendee {
	const char *email, *name;
	int status; /* AttendeeStatus */
	int type;   /* AttendeeType */
};

/* A file that is stored with the event, or that a phone sends to be. */
struct cal_attachment {
	const char *part;        /* its name within the item: made of its name and content */
	const char *name;
	size_t size;             /* in bytes */
	struct ical *line;       /* stored: the ATTACH; NULL */
	const char *type, *value, *client_id; /* sent: Content-Type, base64, ClientId (NULL: none) */
};

/* Of a VEVENT: what its times are stored as. */
struct cal_times {
	struct ical_time start, end; /* both dates, or both none */
	struct ical_time stored;     /* the form of DTSTART: that of start, or (whole days) midnights of zone */
	const struct zone *zone, *end_zone;
	bool has_duration, has_end;
};

struct cal_exception;

struct cal_event {
	unsigned has;            /* enum cal_field: what there is to say, or was sent */
	bool all_day;
	int64_t start, end;
	struct cal_times times;  /* cal_read_event() only */
	const char *timezone;    /* cal_take(): base64 */
	const char *subject, *uid;
	const char *location[CAL_LOCATION_PARTS]; /* "" where there is none */
	const char *organizer_name, *organizer_email; /* "" */
	const struct cal_attendee *attendees;
	size_t n_attendees;
	int busy, sensitivity, meeting, response_type;
	int64_t reminder;        /* minutes; -1 none */
	struct ical_words categories;
	bool response_requested, no_counter;
	struct ical_body body;
	const struct cal_attachment *attachments; /* 16.x; of what was sent: those to be added */
	size_t n_attachments;
	const char **dropped;    /* sent: parts to be removed */
	size_t n_dropped;
	bool recurring;
	struct recurrence recurrence;
	struct cal_exception *exceptions;
	size_t n_exceptions;
	const char *stamp, *reply_time; /* compact dates; NULL */
	const char *conference, *conference_sip; /* links of an online meeting; NULL */
};

struct cal_exception {
	int64_t original;          /* start of the instance in the series, as it travels */
	struct ical_time key;      /* the same, as a wall clock of the series (dates: of the day) */
	bool deleted;
	struct ical *component;    /* the VEVENT with the RECURRENCE-ID (of a deleted one: it is cancelled); NULL */
	struct cal_event event;
};

/* One object at work. */
struct cal {
	const struct item_view *view;
	struct ical_mem m;
	bool modern;               /* 16.x */
	const char *server_id;     /* rendering: "FOLDER:ITEM" */
	struct ical *root, *calendar, *master;
	const struct zone *day_zone; /* whose midnights all-day events up to 14.1 have */
};

/* ---- calendar.c ---- */

bool cal_says_cancelled(const struct ical *component);
/* It does not take place? Of a meeting phones are told so; it is not meant. */
bool cal_is_cancelled(const struct ical *component);
/* Has it a rule, or a list of dates? */
bool cal_repeats(const struct ical *component);
/* The first VEVENT without RECURRENCE-ID; else of the series that the first VEVENT is of the first instance that is not
 * cancelled, or the first one. NULL. */
struct ical *cal_find_master(const struct ical *calendar);
/* Parses; finds the master. INVALID: no VEVENT. */
enum err cal_open(struct cal *c, const struct item_view *v, struct arena *a, struct slice bytes,
	struct error *e) NODISCARD;
/* The end of the last instance, UTC; ITEM_DATE_NEVER. */
int64_t cal_date(struct arena *a, struct slice bytes);

/* ---- calendar_read.c ---- */

/* INVALID: no usable DTSTART. LIMIT: more than CAL_EXCEPTIONS_READ exceptions. Recurrence and exceptions only for the
 * master. */
enum err cal_read_event(struct cal *c, const struct ical *component, struct cal_event *ev_r, struct error *e) NODISCARD;
/* False: no DTSTART, or times that no phone can be told. */
bool cal_read_times(struct cal *c, const struct ical *component, struct cal_times *t_r);
/* A wall clock in the form of DTSTART. */
struct ical_time cal_in_form(const struct cal_times *t, int64_t local);
int64_t cal_wire(const struct cal *c, const struct ical_time *t, const struct zone *z);
/* The alarm that Reminder stands for; NULL. */
struct ical *cal_alarm(struct cal *c, const struct ical *component, const struct cal_times *times, int64_t *minutes_r);
/* All that could be it. */
void cal_remove_alarms(struct cal *c, struct ical *component, const struct cal_times *times);
bool cal_same_address(const char *a, const char *b);
/* "mailto:a@b" or "Name <a@b>" to the address alone; an address to itself. */
const char *cal_address(struct ical_mem *m, const char *s);
/* May it stand in GEO? */
bool cal_is_coordinate(const char *s);
/* property names; NULL where it is a part of another */
extern const char *const cal_location_lines[CAL_LOCATION_PARTS];
extern const unsigned cal_location_tags[CAL_LOCATION_PARTS];

/* ---- calendar_exception.c ---- */

/* LIMIT. */
enum err cal_read_exceptions(struct cal *c, const struct ical *master, struct cal_event *ev, struct error *e) NODISCARD;
/* An instance of its own of that series? */
bool cal_of_series(const struct ical *component, const struct ical *master);
/* A time that names an instance, as a wall clock of the series. */
struct ical_time cal_key(struct cal *c, const struct ical_time *t, const struct cal_times *series);
/* The key that a phone means by an ExceptionStartTime or InstanceId. */
struct ical_time cal_key_of_wire(const struct cal *c, int64_t wire, const struct cal_times *series);
/* Adds an EXDATE, takes one away; RECURRENCE-ID in the series' form. */
void cal_add_exdate(struct cal *c, const struct cal_event *series, const struct ical_time *key);
void cal_remove_exdate(struct cal *c, const struct cal_event *series, const struct ical_time *key);
/* A VEVENT for an instance that has none, behind the others of the object: the master's copy at its time. */
struct ical *cal_new_override(struct cal *c, const struct cal_event *series, const struct ical_time *key);
void cal_put_key(struct cal *c, struct ical *component, const struct cal_event *series, const struct ical_time *key);
/* After the series moved (old to new): every key is moved to the instance that it now is. */
void cal_move_exceptions(struct cal *c, const struct cal_event *old, const struct cal_event *now);
/* The same for the dates of a list. */
void cal_move_dates(struct cal *c, const struct cal_event *old, const struct cal_event *now);
/* Drops all exceptions of the series. */
void cal_drop_exceptions(struct cal *c);

/* ---- calendar_instance.c ---- */

/* The wall clocks of the series' instances, ascending, as far as SERIES_MAX goes; of what cannot be expanded the first
 * alone. */
struct cal_instances {
	int64_t *v;
	size_t n;
};
void cal_list_instances(struct cal *c, struct cal_instances *set_r);
bool cal_is_instance(const struct cal_instances *set, int64_t local);
/* The instance of that day. */
bool cal_instance_of_day(const struct cal_instances *set, int64_t local, int64_t *found_r);
/* The instance that a phone means: exactly, or (they are wrong about times of moved and of all-day series) the one of
 * that day. *key becomes the instance's, *x_r what is stored of it (NULL: nothing). False: there is none. */
bool cal_find_instance(const struct cal_event *series, const struct cal_instances *set, struct ical_time *key,
	const struct cal_exception **x_r);

/* ---- calendar_dates.c ---- */

/* RDATEs, and no RRULE? */
bool cal_is_date_list(const struct ical *component);
/* Instances of a series without the series: what is there for whom only some days were meant. Its exceptions are the
 * others. One alone that is not cancelled is none such. */
bool cal_is_singles(const struct cal *c);
/* Behind the exceptions: makes a Recurrence and exceptions that say the same. Nothing where there are none: two dates
 * of one day, a date before DTSTART, too many days without. */
void cal_read_date_list(struct cal *c, struct cal_event *ev);
/* Of such an event, before it gets a rule: what the dates said is said by EXDATE and instances of their own. */
void cal_write_date_list(struct cal *c, const struct cal_event *ev);

/* ---- calendar_until.c ---- */

/* The wall clock of the last instance that UNTIL can leave. A date where times are needed means all of that day; a time
 * where dates are needed, its date. */
int64_t cal_last_local(const struct ical_time *until, const struct cal_times *t);
/* The Until that says so. */
int64_t cal_until(const struct cal *c, int64_t last, const struct cal_times *t);
/* Are the recurrences the same, with the times that the event gets (cal_new_times)? */
bool cal_same_recurrence(struct cal *c, const struct cal_event *now, const struct cal_event *want, unsigned fields);
/* The value of RRULE for want's Recurrence; t: the times that the event gets. NULL where memory is short. */
const char *cal_rrule(struct cal *c, const struct cal_event *now, const struct cal_event *want,
	const struct cal_times *t);
/* Of a rule that stays while the start moves: the last instance stays on its day; where it only is in another zone, at
 * its time. */
void cal_move_until(struct cal *c, struct ical *component, const struct cal_times *old, const struct cal_times *t);

/* ---- calendar_write.c ---- */

enum err cal_write(struct cal *c, const struct cal_event *ev, struct wbxml_writer *w) NODISCARD;

/* ---- calendar_take.c ---- */

/* What was sent. INVALID. */
enum err cal_take(struct cal *c, const struct wbxml_node *data, struct cal_event *ev_r, struct error *e) NODISCARD;

/* ---- calendar_diff.c, calendar_apply.c, calendar_people.c ---- */

/* The fields among `fields` in which `want` differs from `now` (which was read from a VEVENT). */
unsigned cal_diff(struct cal *c, const struct cal_event *now, const struct cal_event *want, unsigned fields);
/* Writes those fields of want into the component, and that it was changed. */
void cal_apply(struct cal *c, struct ical *component, const struct cal_event *now, const struct cal_event *want,
	unsigned fields);
/* The times that the event gets: want's where they are among the fields, else now's. */
void cal_new_times(struct cal *c, const struct cal_event *now, const struct cal_event *want, unsigned fields,
	struct cal_times *t_r);
void cal_read_people(struct cal *c, const struct ical *component, struct cal_event *ev);
bool cal_same_people(const struct cal *c, const struct cal_event *now, const struct cal_event *want);
void cal_put_attendees(struct cal *c, struct ical *component, const struct cal_event *now,
	const struct cal_event *want);
void cal_put_organizer(struct cal *c, struct ical *component, const struct cal_event *want);
void cal_put_response_requested(struct cal *c, struct ical *component, bool on);

/* ---- calendar_attach.c ---- */

void cal_read_attachments(struct cal *c, const struct ical *component, struct cal_event *ev);
/* Attachments, from 16.0; empty: also where there are none. */
void cal_write_attachments(const struct cal *c, const struct cal_event *ev, bool empty, struct wbxml_writer *w);
bool cal_same_attachments(const struct cal_event *a, const struct cal_event *b);
/* Add and Delete. False: more than CAL_ATTACHMENTS_MAX. */
bool cal_take_attachments(struct cal *c, const struct wbxml_node *data, struct cal_event *ev);
/* Has the stored event what was sent to be added, and not what was sent to be removed? */
bool cal_has_attachments(const struct cal_event *now, const struct cal_event *want);
void cal_put_attachments(struct cal *c, struct ical *component, const struct cal_event *now,
	const struct cal_event *want);
bool cal_too_many_attachments(const struct cal_event *now, const struct cal_event *want);
enum err cal_attachment(struct arena *a, struct slice bytes, struct item_part *p, struct buf *out);

/* ---- calendar_merge.c ---- */

enum err cal_merge(const struct item_view *v, struct arena *a, const struct item_edit *edit, struct item_merged *m_r,
	struct error *e);

#endif
