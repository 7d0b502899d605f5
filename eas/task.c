/* The Tasks class: a VTODO as ApplicationData. */
#include "eas/task.h"

#include <string.h>

#include "base/text.h"

#define DAY INT64_C(86400)

enum err
task_open(struct tasks *c, const struct item_view *v, struct arena *a, struct slice bytes, struct error *e)
{
	*c = (struct tasks){ .view = v, .m = { .a = a } };
	enum err err = ical_read(&c->m, bytes, &c->root, e);

	if (err)
		return err;
	c->calendar = ical_component(c->root, "VCALENDAR");
	if (!c->calendar)
		c->calendar = c->root;
	struct ical *first = ical_component(c->calendar, "VTODO");
	for (struct ical *t = first; t && !c->todo; t = ical_next_component(t, "VTODO"))
		if (!ical_line(t, "RECURRENCE-ID"))
			c->todo = t;
	if (!c->todo)
		c->todo = first;
	if (!c->todo)
		return err_set(e, ERR_INVALID, "no VTODO in the object");
	task_find_turn(c);
	return ERR_OK;
}

/* ---- reading ---- */

bool
task_is_complete(const struct ical *todo)
{
	const char *status = ical_value(todo, "STATUS"), *percent = ical_value(todo, "PERCENT-COMPLETE");

	/* What was cancelled is not to be done any more; EAS has no other word for that. */
	if (status)
		return text_casecmp(status, "COMPLETED") == 0 || text_casecmp(status, "CANCELLED") == 0;
	return ical_line(todo, "COMPLETED") || (percent && strcmp(percent, "100") == 0);
}

static void
set_date(struct tasks *c, struct task_date *d, const struct ical_time *t)
{
	d->there = ical_in_range(t->t);
	d->day = t->date;
	d->stored = *t;
	d->zone = zone_of_time(&c->m, c->root, t);
	d->utc = t->utc ? t->t : zone_to_utc(d->zone, t->t);
	/* The wall clock of a UTC time is that of the user. */
	d->local = t->utc ? zone_to_local(zone_default(), t->t) : t->t;
}

static void
read_dates(struct tasks *c, struct task *t)
{
	struct ical_time start, due;
	const char *duration = ical_value(c->todo, "DURATION");
	int64_t seconds;

	if (ical_time(&c->m, ical_line(c->todo, "DTSTART"), &start)) {
		start.t += c->turn.by;
		set_date(c, &t->start, &start);
	}
	if (ical_time(&c->m, ical_line(c->todo, "DUE"), &due)) {
		due.t += c->turn.by;
		set_date(c, &t->due, &due);
	} else if (t->start.there && duration && ical_duration_parse(duration, &seconds) && seconds > 0) {
		due = start;
		due.t += start.date ? ical_midnight(seconds) : seconds;
		set_date(c, &t->due, &due);
	}
}

/* PRIORITY 1..4 is high, 5 (and none) normal, 6..9 low (RFC 5545 3.8.1.9). */
static int
importance_of(const struct ical *todo)
{
	const char *s = ical_value(todo, "PRIORITY");
	int64_t v;

	if (!s || !text_to_i64(s, &v) || v < 1 || v > 9 || v == 5)
		return 1;
	return v < 5 ? 2 : 0;
}

int64_t
task_alarm_later(const struct task *t, int64_t utc, int64_t by)
{
	const struct task_date *base = t->start.there ? &t->start : &t->due;

	if (!base->there || base->stored.utc)
		return utc + by;
	return zone_to_utc(base->zone, zone_to_local(base->zone, utc) + by);
}

static bool
alarm_time(struct tasks *c, const struct ical *alarm, const struct task *dates, int64_t *utc_r)
{
	const struct ical *trigger = ical_line(alarm, "TRIGGER");
	const char *action = ical_value(alarm, "ACTION");
	struct ical_time t;
	int64_t seconds;

	if (!trigger || (action && text_casecmp(action, "DISPLAY") != 0 && text_casecmp(action, "AUDIO") != 0))
		return false;
	if (!ical_duration_parse(trigger->value, &seconds)) {
		if (!ical_time(&c->m, trigger, &t))
			return false;
		/* It was said of the first turn. */
		*utc_r = t.utc ? task_alarm_later(dates, t.t, c->turn.by)
			: zone_to_utc(zone_of_time(&c->m, c->root, &t), t.t + c->turn.by);
		return ical_in_range(*utc_r);
	}
	bool by_due = ical_param_is(trigger, "RELATED", "END") || !dates->start.there;
	const struct task_date *base = by_due ? &dates->due : &dates->start;
	*utc_r = base->utc + seconds;
	return base->there && ical_in_range(*utc_r);
}

struct ical *
task_alarm(struct tasks *c, int64_t *utc_r)
{
	struct task dates = { 0 };

	read_dates(c, &dates);
	for (struct ical *a = ical_component(c->todo, "VALARM"); a; a = ical_next_component(a, "VALARM"))
		if (alarm_time(c, a, &dates, utc_r))
			return a;
	return NULL;
}

void
task_remove_alarms(struct tasks *c)
{
	struct task dates = { 0 };
	int64_t utc;

	read_dates(c, &dates);
	for (struct ical *a = ical_component(c->todo, "VALARM"), *next; a; a = next) {
		next = ical_next_component(a, "VALARM");
		if (alarm_time(c, a, &dates, &utc))
			ical_remove(a);
	}
}

static void
read_recurrence(struct tasks *c, struct task *t)
{
	const struct task_date *base = t->start.there ? &t->start : &t->due;
	const struct ical *line = ical_line(c->todo, "RRULE");
	const char *regenerate = ical_value(c->todo, "X-REGENERATE");
	struct rrule rule;
	struct series s;
	int64_t last;
	bool exact;

	if (!line || !base->there || !rrule_parse(line->value, &rule) ||
	    !recurrence_from_rrule(&rule, base->stored.t, &t->recurrence, &exact))
		return;
	t->recurring = true;
	t->recurrence.start = base->local;
	t->recurrence.regenerate = regenerate && strcmp(regenerate, "1") == 0;
	if (exact && t->recurrence.occurrences > c->turn.passed && t->recurrence.occurrences - c->turn.passed <= 999) {
		t->recurrence.occurrences -= c->turn.passed;
		return;
	}
	t->recurrence.occurrences = 0;
	if (exact && rule.has_until) {
		t->recurrence.has_until = true;
		t->recurrence.until = rule.until.utc && !base->stored.utc ? zone_to_local(base->zone, rule.until.t)
			: rule.until.t;
	} else if ((rule.count || rule.has_until) && series_read(&c->m, c->root, c->todo, &s) &&
	    series_last(&s, &last)) {
		t->recurrence.has_until = true;
		t->recurrence.until = last;
	}
}

enum err
task_read(struct tasks *c, struct task *t_r, struct error *e)
{
	struct ical_time completed;

	*t_r = (struct task){ .has = ~0u };
	t_r->subject = ical_text(&c->m, ical_line(c->todo, "SUMMARY"));
	ical_read_body(&c->m, c->todo, &t_r->body);
	read_dates(c, t_r);
	t_r->complete = task_is_complete(c->todo) || c->turn.all_over;
	if (ical_time(&c->m, ical_line(c->todo, "COMPLETED"), &completed)) {
		t_r->has_completed = true;
		t_r->completed = completed.utc ? completed.t
			: zone_to_utc(zone_of_time(&c->m, c->root, &completed), completed.t);
	}
	t_r->importance = importance_of(c->todo);
	t_r->sensitivity = ical_sensitivity(c->todo);
	t_r->has_reminder = t_r->has_reminder_time = task_alarm(c, &t_r->reminder) != NULL;
	ical_read_categories(&c->m, c->todo, &t_r->categories);
	read_recurrence(c, t_r);
	t_r->ordinal = ical_text(&c->m, ical_line(c->todo, "X-ORDINAL-DATE"));
	t_r->sub_ordinal = ical_text(&c->m, ical_line(c->todo, "X-SUBORDINAL-DATE"));
	return c->m.failed ? err_set(e, ERR_NOMEM, "task: out of memory") : ERR_OK;
}

/* ---- rendering ---- */

static void
put_date(struct wbxml_writer *w, unsigned utc, unsigned local, const struct task_date *d)
{
	if (!d->there)
		return;
	ical_write_time(w, utc, d->utc, true);
	ical_write_time(w, local, d->local, true);
}

static void
put_completion(struct wbxml_writer *w, const struct task *t)
{
	wbxml_put_int(w, Tasks_Complete, t->complete);
	if (!t->complete)
		return;
	/* Required; where it is not known the day it was due, else long ago. */
	ical_write_time(w, Tasks_DateCompleted, t->has_completed ? t->completed : t->due.there ? t->due.utc : 0, true);
}

/* FilterType of tasks is 0 or 8 (incomplete): done ones are long ago, others always there. */
static int64_t
date_of(const struct tasks *c)
{
	return task_is_complete(c->todo) || c->turn.all_over ? 0 : ITEM_DATE_NEVER;
}

static enum err
render(const struct item_view *v, struct arena *a, const struct backend_item *item, const char *server_id,
	enum item_render how, struct wbxml_writer *w, struct error *e)
{
	struct tasks c;
	struct task t;

	(void)server_id;
	(void)how;
	enum err err = task_open(&c, v, a, item->bytes, e);
	if (v->dating)
		v->dating->date = err ? ITEM_DATE_NEVER : date_of(&c);
	if (!err && v->dating && v->dating->date < v->dating->from)
		return ERR_OK;
	if (!err)
		err = task_read(&c, &t, e);
	if (!err && !t.recurring && recurrence_repeats(c.todo))
		err = err_set(e, ERR_INVALID, "task: EAS has no word for its recurrence rule");
	if (!err)
		err = ical_write_body(v, a, &t.body, true, w);
	if (err)
		return err;
	wbxml_put(w, Tasks_Subject, t.subject);
	wbxml_put_int(w, Tasks_Importance, t.importance);
	put_date(w, Tasks_UtcStartDate, Tasks_StartDate, &t.start);
	put_date(w, Tasks_UtcDueDate, Tasks_DueDate, &t.due);
	ical_write_categories(w, Tasks_Categories, Tasks_Category, &t.categories);
	if (t.recurring)
		recurrence_write(w, &t.recurrence, true, v->version);
	put_completion(w, &t);
	wbxml_put_int(w, Tasks_Sensitivity, t.sensitivity);
	wbxml_put_int(w, Tasks_ReminderSet, t.has_reminder);
	if (t.has_reminder)
		ical_write_time(w, Tasks_ReminderTime, t.reminder, true);
	if (*t.ordinal)
		wbxml_put(w, Tasks_OrdinalDate, t.ordinal);
	if (*t.sub_ordinal)
		wbxml_put(w, Tasks_SubOrdinalDate, t.sub_ordinal);
	return ERR_OK;
}

static int64_t
date(struct arena *a, struct slice bytes)
{
	static const struct item_view view = { .version = 161, .address = "", .name = "" };
	struct arena_mark mark = arena_mark(a);
	struct tasks c;

	int64_t date = task_open(&c, &view, a, bytes, NULL) ? ITEM_DATE_NEVER : date_of(&c);

	arena_rewind(a, mark);
	return date;
}

const struct item_class item_tasks = {
	.class = BACKEND_TASKS,
	.name = "Tasks",
	.extension = "ics",
	.change_want = WANT_BYTES,
	.date = date,
	.render = render,
	.merge = task_merge,
};
