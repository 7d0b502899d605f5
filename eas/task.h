/* eas/task.h - tasks between iCalendar and the Tasks class [MS-ASTASK]. Private to eas/task*.c.
 *
 * As with events: a struct task is made of a VTODO or of what a phone sent, the two are compared field by field, and
 * only what differs is written.
 * Times: EAS says each date twice, in UTC and as a wall clock written with a Z. Days (VALUE=DATE) go by the wall clock,
 * others by UTC.
 */
#ifndef EAS_TASK_H
#define EAS_TASK_H

#include "eas/ical_item.h"
#include "eas/recurrence.h"

enum task_field {
	TASK_SUBJECT = 1 << 0,
	TASK_BODY = 1 << 1,
	TASK_START = 1 << 2,
	TASK_DUE = 1 << 3,
	TASK_COMPLETE = 1 << 4,
	TASK_COMPLETED = 1 << 5,
	TASK_IMPORTANCE = 1 << 6,
	TASK_SENSITIVITY = 1 << 7,
	TASK_REMINDER = 1 << 8,
	TASK_CATEGORIES = 1 << 9,
	TASK_RECURRENCE = 1 << 10,
	TASK_ORDINAL = 1 << 11,
	TASK_SUB_ORDINAL = 1 << 12,
};

struct task_date {
	bool there;
	bool day;       /* a date, without a clock */
	int64_t utc, local;
	struct ical_time stored; /* of a VTODO */
	const struct zone *zone;
};

struct task {
	unsigned has;   /* enum task_field */
	const char *subject;
	struct ical_body body;
	struct task_date start, due;
	bool complete;
	bool has_completed;
	int64_t completed; /* UTC */
	int importance, sensitivity;
	bool has_reminder, has_reminder_time;
	int64_t reminder;  /* UTC */
	struct ical_words categories;
	bool recurring;
	struct recurrence recurrence;
	const char *ordinal, *sub_ordinal; /* "" */
};

/* Where a series stands: other programs leave its dates as they were and say of each turn that it was done or
 * cancelled, by a VTODO of its own, or left out, by EXDATE. A phone is shown the first one that is not over. */
struct task_turn {
	int64_t by;              /* how far behind the start it is */
	unsigned passed;         /* how many turns are before it */
	bool all_over;
	struct ical_time *over;  /* those that are, as wall clocks of the series, sorted; by day where `date` */
	size_t n_over, room;
};

struct tasks {
	const struct item_view *view;
	struct ical_mem m;
	struct ical *root, *calendar, *todo;
	struct task_turn turn;
};

enum err task_open(struct tasks *c, const struct item_view *v, struct arena *a, struct slice bytes,
	struct error *e) NODISCARD;
enum err task_read(struct tasks *c, struct task *t_r, struct error *e) NODISCARD;
/* The alarm that ReminderTime stands for, and when it goes off; NULL. */
struct ical *task_alarm(struct tasks *c, int64_t *utc_r);
/* The time of an alarm, in UTC, of a turn so much further on: its wall clock is that of the dates of t. */
int64_t task_alarm_later(const struct task *t, int64_t utc, int64_t by);
/* All that ReminderTime could stand for. */
void task_remove_alarms(struct tasks *c);
bool task_is_complete(const struct ical *todo);
enum err task_merge(const struct item_view *v, struct arena *a, const struct item_edit *edit, struct item_merged *m_r,
	struct error *e);
/* It is to be done: nothing of it is yet. */
void task_reopen(struct tasks *c);

/* Sets c->turn by what is stored. */
void task_find_turn(struct tasks *c);
/* A turn, and how many are before it. */
struct task_next {
	const struct tasks *c;
	int64_t after, at;
	unsigned passed;
	bool found;
	bool none; /* the series has no such turn; else, not found, it is only too far away to be looked for */
};

/* The first one after that wall clock that is not done, cancelled or left out. */
struct task_next task_next_turn(const struct tasks *c, const struct series *s, int64_t after);

/* The next instance after the one that is shown: start and due move on. False: there is none. */
bool task_advance(struct tasks *c, const struct task *now, int64_t completed);
/* Makes the stored dates those that are shown. */
void task_catch_up(struct tasks *c, const struct task *now);
/* Do the dates that were sent name a turn of the series from before the stored one? */
bool task_was_turn(struct tasks *c, const struct task *now, const struct task *sent);
/* A date that was sent, in the form of the stored one: UTC, its wall clock, or a day. */
int64_t task_clock(const struct task_date *now, const struct task_date *sent);

#endif
