/* What a phone sends as a task, merged into the stored VTODO. */
#include <string.h>

#include "base/text.h"
#include "eas/task.h"

#define DAY INT64_C(86400)
/* Absent in a Change: removed [sync.md, Ghosting]; Importance and ReminderSet are kept [MS-ASTASK 3.2.5], and so is
 * what has no "none". */
#define REMOVED (TASK_SUBJECT | TASK_START | TASK_DUE | TASK_CATEGORIES | TASK_RECURRENCE)

struct merge {
	struct tasks c;
	const struct item_edit *edit;
	struct error *e;
	bool changed, altered;
};

/* ---- what was sent ---- */

/* Both forms, or the one that was sent and the other by the default zone. A midnight of the wall clock is a day. */
static bool
take_date(const struct wbxml_node *data, unsigned utc, unsigned local, unsigned field, struct task *t,
	struct task_date *d)
{
	bool has_utc, has_local;

	if (!ical_take_time(data, utc, &d->utc, &has_utc) || !ical_take_time(data, local, &d->local, &has_local))
		return false;
	if (wbxml_has(data, utc) || wbxml_has(data, local))
		t->has |= field;
	d->there = has_utc || has_local;
	if (!has_utc)
		d->utc = zone_to_utc(zone_default(), d->local);
	if (!has_local)
		d->local = zone_to_local(zone_default(), d->utc);
	d->day = d->local % DAY == 0;
	return true;
}

static bool
take_reminder(const struct wbxml_node *data, struct task *t)
{
	int set = 0;

	if (!ical_take_int(data, Tasks_ReminderSet, 1, &set, &t->has, TASK_REMINDER) ||
	    !ical_take_time(data, Tasks_ReminderTime, &t->reminder, &t->has_reminder_time))
		return false;
	t->has_reminder = set;
	return true;
}

static bool
take_recurrence(const struct wbxml_node *data, struct task *t)
{
	const struct wbxml_node *node = wbxml_child(data, Tasks_Recurrence);

	if (!node)
		return true;
	t->has |= TASK_RECURRENCE;
	if (!node->child)
		return true;
	if (!recurrence_read(node, true, t->start.there ? t->start.local : t->due.local, &t->recurrence))
		return false;
	t->recurring = !t->recurrence.dead;
	return true;
}

static bool
take(struct merge *m, struct task *t)
{
	const struct wbxml_node *data = m->edit->data;
	const char *subject = wbxml_text(data, Tasks_Subject), *ordinal = wbxml_text(data, Tasks_OrdinalDate);
	const char *sub_ordinal = wbxml_text(data, Tasks_SubOrdinalDate);
	int complete = 0;

	*t = (struct task){ .importance = 1, .subject = subject ? subject : "", .ordinal = ordinal ? ordinal : "",
		.sub_ordinal = sub_ordinal ? sub_ordinal : "" };
	t->has = (subject ? TASK_SUBJECT : 0u) | (ordinal ? TASK_ORDINAL : 0u) | (sub_ordinal ? TASK_SUB_ORDINAL : 0u);
	if (ical_take_body(&m->c.m, data, m->c.view->version >= 160, &t->body))
		t->has |= TASK_BODY;
	if (wbxml_has(data, Tasks_Categories)) {
		t->has |= TASK_CATEGORIES;
		ical_take_categories(&m->c.m, wbxml_child(data, Tasks_Categories), Tasks_Category, &t->categories);
	}
	if (!take_date(data, Tasks_UtcStartDate, Tasks_StartDate, TASK_START, t, &t->start) ||
	    !take_date(data, Tasks_UtcDueDate, Tasks_DueDate, TASK_DUE, t, &t->due) ||
	    !ical_take_int(data, Tasks_Complete, 1, &complete, &t->has, TASK_COMPLETE) ||
	    !ical_take_int(data, Tasks_Importance, 2, &t->importance, &t->has, TASK_IMPORTANCE) ||
	    !ical_take_int(data, Tasks_Sensitivity, 3, &t->sensitivity, &t->has, TASK_SENSITIVITY) ||
	    !take_reminder(data, t) ||
	    !ical_take_time(data, Tasks_DateCompleted, &t->completed, &t->has_completed) || !take_recurrence(data, t))
		return false;
	t->complete = complete;
	t->has |= t->has_completed ? TASK_COMPLETED : 0u;
	return true;
}

/* ---- comparing ---- */

static bool
same_date(const struct task_date *now, const struct task_date *want)
{
	if (now->there != want->there || !now->there)
		return now->there == want->there;
	/* A day that is sent as a midnight of whichever clock is the day. */
	if (now->day)
		return now->local == want->local || now->utc == want->utc;
	return now->utc == want->utc;
}

static bool
same_recurrence(const struct task *now, const struct task *want)
{
	if (now->recurring != want->recurring)
		return false;
	return !now->recurring || recurrence_same(&now->recurrence, &want->recurrence, now->recurrence.start);
}

static bool
same_reminder(const struct task *now, const struct task *want)
{
	return now->has_reminder == want->has_reminder &&
		(!want->has_reminder || !want->has_reminder_time || now->reminder == want->reminder);
}

static unsigned
diff_of(const struct merge *m, const struct task *now, const struct task *want, unsigned fields)
{
	unsigned diff = 0;

	if (strcmp(now->subject, want->subject) != 0)
		diff |= TASK_SUBJECT;
	if (fields & TASK_BODY && !ical_same_body(m->c.view, &now->body, &want->body))
		diff |= TASK_BODY;
	if (!same_date(&now->start, &want->start))
		diff |= TASK_START;
	if (!same_date(&now->due, &want->due))
		diff |= TASK_DUE;
	if (now->complete != want->complete)
		diff |= TASK_COMPLETE;
	if (want->complete && now->has_completed && now->completed != want->completed)
		diff |= TASK_COMPLETED;
	if (now->importance != want->importance)
		diff |= TASK_IMPORTANCE;
	if (!ical_same_sensitivity(now->sensitivity, want->sensitivity))
		diff |= TASK_SENSITIVITY;
	if (!same_reminder(now, want))
		diff |= TASK_REMINDER;
	if (!ical_same_words(&now->categories, &want->categories))
		diff |= TASK_CATEGORIES;
	if (!same_recurrence(now, want))
		diff |= TASK_RECURRENCE;
	if (strcmp(now->ordinal, want->ordinal) != 0)
		diff |= TASK_ORDINAL;
	if (strcmp(now->sub_ordinal, want->sub_ordinal) != 0)
		diff |= TASK_SUB_ORDINAL;
	return diff & fields;
}

/* ---- writing ---- */

static void
put_date(struct merge *m, const char *name, const struct task_date *now, const struct task_date *want, bool clock)
{
	struct ical_time t = { .date = !clock, .t = want->local };

	if (!want->there) {
		ical_remove_lines(m->c.todo, name);
		return;
	}
	if (clock && now->there && !now->day) { /* in the form that it has */
		t = now->stored;
		t.t = task_clock(now, want);
	} else if (clock) {
		t = (struct ical_time){ .utc = true, .t = want->utc };
	} else {
		t.t = ical_midnight(want->local);
	}
	ical_put_time(&m->c.m, m->c.todo, name, &t);
}

/* Start and due are both days or both times (RFC 5545 3.8.2.3). */
static void
put_dates(struct merge *m, const struct task *now, const struct task *want, unsigned diff)
{
	const struct task_date *start = diff & TASK_START ? &want->start : &now->start,
		*due = diff & TASK_DUE ? &want->due : &now->due;
	bool clock = (start->there && !start->day) || (due->there && !due->day);

	if (!(diff & (TASK_START | TASK_DUE)))
		return;
	if (diff & TASK_START || (start->there && start->day == clock))
		put_date(m, "DTSTART", &now->start, start, clock);
	if (diff & TASK_DUE || (due->there && due->day == clock))
		put_date(m, "DUE", &now->due, due, clock);
	if (ical_line(m->c.todo, "DUE") || !ical_line(m->c.todo, "DTSTART"))
		ical_remove_lines(m->c.todo, "DURATION");
}

static void
put_complete(struct merge *m, const struct task *want)
{
	struct ical *todo = m->c.todo;
	struct ical_time at = { .utc = true, .t = want->has_completed ? want->completed : ical_now() };

	if (want->complete) {
		ical_put(&m->c.m, todo, "STATUS", NULL, "COMPLETED");
		ical_put(&m->c.m, todo, "PERCENT-COMPLETE", NULL, "100");
		ical_put_time(&m->c.m, todo, "COMPLETED", &at);
		return;
	}
	task_reopen(&m->c);
}

/* Dates that moved have taken a relative alarm along: is it now where the phone wants it? */
static unsigned
look_again(struct merge *m, const struct task *want, unsigned diff)
{
	struct task now = { 0 };

	if (!(diff & (TASK_START | TASK_DUE)) || !(want->has & TASK_REMINDER))
		return diff;
	task_find_turn(&m->c);
	now.has_reminder = task_alarm(&m->c, &now.reminder) != NULL;
	return same_reminder(&now, want) ? diff & ~(unsigned)TASK_REMINDER : diff | TASK_REMINDER;
}

static void
put_reminder(struct merge *m, const struct task *want)
{
	int64_t utc;
	struct ical *alarm = task_alarm(&m->c, &utc);
	struct ical_time at = { .utc = true, .t = want->reminder };

	if (!want->has_reminder) { /* nor is the next one to go off */
		task_remove_alarms(&m->c);
		return;
	}
	if (!want->has_reminder_time)
		return;
	if (!alarm)
		alarm = ical_new_alarm(&m->c.m, m->c.todo, want->subject);
	if (alarm)
		ical_put(&m->c.m, alarm, "TRIGGER", ";VALUE=DATE-TIME", ical_time_text(&m->c.m, &at));
}

static void
put_recurrence(struct merge *m, const struct task *want)
{
	struct ical *todo = m->c.todo;
	struct ical_time start, until = { .date = true, .t = ical_midnight(want->recurrence.until) };

	if (!want->recurring) {
		ical_remove_series(todo);
		ical_remove_lines(todo, "X-REGENERATE");
		return;
	}
	/* A rule needs a DTSTART (RFC 5545 3.8.5.3), of the form that DUE has. */
	if (!ical_line(todo, "DTSTART")) {
		if (!ical_time(&m->c.m, ical_line(todo, "DUE"), &start))
			start = (struct ical_time){ .date = true, .t = ical_midnight(want->recurrence.start) };
		ical_put_time(&m->c.m, todo, "DTSTART", &start);
	}
	if (ical_time(&m->c.m, ical_line(todo, "DTSTART"), &start) && !start.date) {
		until = (struct ical_time){ .utc = true, .t = until.t + DAY - 1 };
		if (!start.utc)
			until.t = zone_to_utc(zone_of_time(&m->c.m, m->c.root, &start), until.t);
	}
	ical_remove_lines(todo, "EXRULE");
	ical_put(&m->c.m, todo, "RRULE", "",
		recurrence_to_rrule(&m->c.m, &want->recurrence, ical_time_text(&m->c.m, &until)));
	ical_put(&m->c.m, todo, "X-REGENERATE", NULL, want->recurrence.regenerate ? "1" : NULL);
}

static void
apply(struct merge *m, const struct task *now, const struct task *want, unsigned diff)
{
	static const char *const priorities[] = { "9", "5", "1" };
	struct ical_mem *mem = &m->c.m;
	struct ical *todo = m->c.todo;

	if (diff & TASK_SUBJECT)
		ical_put_text(mem, todo, "SUMMARY", want->subject);
	if (diff & TASK_BODY)
		ical_put_body(mem, todo, &want->body);
	put_dates(m, now, want, diff);
	diff = look_again(m, want, diff);
	if (diff & (TASK_COMPLETE | TASK_COMPLETED))
		put_complete(m, want);
	if (diff & TASK_IMPORTANCE)
		ical_put(mem, todo, "PRIORITY", NULL, priorities[want->importance]);
	if (diff & TASK_SENSITIVITY)
		ical_put_sensitivity(mem, todo, want->sensitivity);
	if (diff & TASK_RECURRENCE)
		put_recurrence(m, want);
	if (diff & TASK_REMINDER)
		put_reminder(m, want);
	if (diff & TASK_CATEGORIES)
		ical_put_categories(mem, todo, &want->categories);
	if (diff & TASK_ORDINAL)
		ical_put_text(mem, todo, "X-ORDINAL-DATE", want->ordinal);
	if (diff & TASK_SUB_ORDINAL)
		ical_put_text(mem, todo, "X-SUBORDINAL-DATE", want->sub_ordinal);
}

/* ---- the whole ---- */

/* Which turn of a task that repeats a phone ticks off. */
enum turn {
	TURN_NONE, /* it ticks off nothing, or the series as it moved it itself */
	TURN_THIS, /* the stored one: the task moves on */
	TURN_PAST, /* one that is done already, by an earlier try or by somebody else: there is nothing to do */
};

/* The rule of the stored task, as it was when more turns were left? */
static bool
same_rule(const struct task *now, const struct task *want)
{
	struct recurrence rule = want->recurrence;

	/* Which day it is follows from when it was done last. */
	if (now->recurrence.regenerate && rule.regenerate)
		return now->recurrence.type == rule.type && now->recurrence.interval == rule.interval;
	rule.occurrences = now->recurrence.occurrences;
	return recurrence_same(&now->recurrence, &rule, now->recurrence.start);
}

static enum turn
ticked_off(struct merge *m, const struct task *now, const struct task *want, unsigned diff)
{
	if (!(diff & TASK_COMPLETE) || !want->complete || !now->recurring || !want->recurring)
		return TURN_NONE;
	if (!(diff & (TASK_START | TASK_DUE | TASK_RECURRENCE)))
		return TURN_THIS;
	return same_rule(now, want) && task_was_turn(&m->c, now, want) ? TURN_PAST : TURN_NONE;
}

static enum err
merge_fields(struct merge *m, const struct task *now)
{
	struct task want, after;

	if (!take(m, &want))
		return err_set(m->e, ERR_INVALID, "task: a value out of range");
	unsigned fields = want.has | (m->edit->stored.len ? REMOVED : 0u);
	if (want.recurring && !(want.has & TASK_START)) /* a series has a start, which Recurrence names */
		fields &= ~(unsigned)TASK_START;
	/* What was done of a series is this turn (MS-ASTASK_R157 has DeadOccur sent with it); what is added as done is
	 * one alone. */
	want.recurring = want.recurring || (want.recurrence.dead && now->recurring);
	unsigned diff = diff_of(m, now, &want, fields);
	enum turn turn = ticked_off(m, now, &want, diff);
	bool advanced = turn == TURN_THIS && task_advance(&m->c, now, want.has_completed ? want.completed : ical_now());
	if (advanced || turn == TURN_PAST)
		diff &= ~(unsigned)(TASK_COMPLETE | TASK_COMPLETED | TASK_REMINDER);
	if (turn == TURN_PAST)
		diff &= ~(unsigned)(TASK_START | TASK_DUE | TASK_RECURRENCE);
	m->altered = turn == TURN_PAST;
	if (diff == 0 && !advanced)
		return ERR_OK;
	if (!advanced && diff & (TASK_START | TASK_DUE | TASK_RECURRENCE | TASK_REMINDER))
		task_catch_up(&m->c, now);
	apply(m, now, &want, diff);
	ical_touch(&m->c.m, m->c.todo, true);
	m->changed = true;
	task_find_turn(&m->c);
	enum err err = task_read(&m->c, &after, m->e);
	if (!err)
		m->altered = diff_of(m, &after, &want, want.has & ~(unsigned)TASK_COMPLETED) != 0;
	return err;
}

static enum err
merge_add(struct merge *m)
{
	static const struct task blank = { .subject = "", .body = { .plain = "" }, .importance = 1, .ordinal = "",
		.sub_ordinal = "" };

	m->c.todo = ical_new_object(&m->c.m, "VTODO", m->edit->uid ? m->edit->uid : "", &m->c.root);
	if (!m->c.todo)
		return ERR_NOMEM;
	m->c.calendar = m->c.todo->parent;
	enum err err = merge_fields(m, &blank);
	m->changed = true;
	return err;
}

static enum err
merge_change(struct merge *m)
{
	struct task now;
	enum err err = task_open(&m->c, m->c.view, m->c.m.a, m->edit->stored, m->e);

	if (!err)
		err = task_read(&m->c, &now, m->e);
	return err ? err : merge_fields(m, &now);
}

enum err
task_merge(const struct item_view *v, struct arena *a, const struct item_edit *edit, struct item_merged *m_r,
	struct error *e)
{
	struct merge m = { .c = { .view = v, .m = { .a = a } }, .edit = edit, .e = e };

	*m_r = (struct item_merged){ 0 };
	if (edit->instance_id)
		return err_set(e, ERR_NOTFOUND, "task: instances are not edited");
	if (!edit->data)
		return err_set(e, ERR_INVALID, "task: no data");
	enum err err = edit->stored.len ? merge_change(&m) : merge_add(&m);
	if (m.c.m.failed)
		return err_set(e, ERR_NOMEM, "task: out of memory");
	if (err)
		return err;
	m_r->unchanged = !m.changed;
	m_r->altered = m.altered;
	return m.changed && ical_result(&m.c.m, m.c.root, m_r) ? err_set(e, ERR_NOMEM, "task: out of memory") : ERR_OK;
}
