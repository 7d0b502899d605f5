/* A task that repeats, done once: it moves on to its next turn. */
#include <string.h>

#include "base/text.h"
#include "eas/task.h"

#define DAY INT64_C(86400)

/* ---- the next one ---- */

/* Regenerate: one interval after it was done. */
static int64_t
regenerated(const struct recurrence *r, int64_t done)
{
	struct ical_civil c;

	if (r->type < 2)
		return ical_midnight(done) + (int64_t)r->interval * (r->type == 1 ? 7 : 1) * DAY;
	ical_civil(done, &c);
	unsigned months = c.month - 1 + r->interval * (r->type >= 5 ? 12 : 1);
	c.year += months / 12;
	c.month = months % 12 + 1;
	if (c.day > ical_month_days(c.year, c.month))
		c.day = ical_month_days(c.year, c.month);
	return ical_days(c.year, c.month, c.day) * DAY;
}

static bool
next_turn(struct tasks *c, const struct task *now, int64_t completed, int64_t from, int64_t *to_r, unsigned *passed_r)
{
	struct series s;

	if (now->recurrence.regenerate) {
		*to_r = regenerated(&now->recurrence, zone_to_local(zone_default(), completed))
			+ (from - ical_midnight(from));
		*passed_r = c->turn.passed + 1;
		return true;
	}
	if (!series_read(&c->m, c->root, c->todo, &s))
		return false;
	struct task_next next = task_next_turn(c, &s, from);
	*to_r = next.at;
	*passed_r = next.passed;
	return next.found;
}

/* So many fewer are left. */
static bool
count_down(struct tasks *c, unsigned by)
{
	struct ical *line = ical_line(c->todo, "RRULE");
	const char *at = line ? strstr(line->value, "COUNT=") : NULL;
	struct rrule rule;

	if (!at || !rrule_parse(line->value, &rule))
		return true;
	if (rule.count <= by)
		return false;
	size_t digits = strspn(at + 6, "0123456789");
	const char *value = ical_printf(&c->m, "%.*sCOUNT=%u%s", (int)(at - line->value), line->value, rule.count - by,
		at + 6 + digits);
	if (value)
		ical_set_value(line, NULL, value);
	return true;
}

void
task_reopen(struct tasks *c)
{
	ical_remove_lines(c->todo, "COMPLETED");
	ical_remove_lines(c->todo, "PERCENT-COMPLETE");
	if (ical_line(c->todo, "STATUS"))
		ical_put(&c->m, c->todo, "STATUS", NULL, "NEEDS-ACTION");
}

/* From what is shown. */
static void
move_on(struct tasks *c, const struct task *now, int64_t by)
{
	int64_t utc;
	struct ical *alarm = task_alarm(c, &utc);
	struct ical_time t;
	if (now->start.there) {
		t = now->start.stored;
		t.t += by;
		ical_put_time(&c->m, c->todo, "DTSTART", &t);
	}
	if (ical_line(c->todo, "DUE")) {
		t = now->due.stored;
		t.t += by;
		ical_put_time(&c->m, c->todo, "DUE", &t);
	}
	/* An alarm at a time of its own goes along; one that is relative does so by itself. */
	struct ical *trigger = alarm ? ical_line(alarm, "TRIGGER") : NULL;
	if (trigger && ical_time(&c->m, trigger, &t)) {
		by += c->turn.by;
		t.t = t.utc ? task_alarm_later(now, t.t, by) : t.t + by;
		ical_set_value(trigger, NULL, ical_time_text(&c->m, &t));
	}
}

bool
task_advance(struct tasks *c, const struct task *now, int64_t completed)
{
	const struct task_date *base = now->start.there ? &now->start : &now->due;
	unsigned passed;
	int64_t to;

	if (!base->there || !next_turn(c, now, completed, base->stored.t, &to, &passed) || !count_down(c, passed))
		return false;
	move_on(c, now, to - base->stored.t);
	task_reopen(c);
	return true;
}

void
task_catch_up(struct tasks *c, const struct task *now)
{
	if (c->turn.by && count_down(c, c->turn.passed))
		move_on(c, now, 0);
}

/* ---- a turn that is over ---- */

int64_t
task_clock(const struct task_date *now, const struct task_date *sent)
{
	if (now->day)
		return ical_midnight(sent->local);
	return now->stored.utc ? sent->utc : zone_to_local(now->zone, sent->utc);
}

/* Have both such a date, and by how much has it moved on since? */
static bool
moved(const struct task_date *now, const struct task_date *sent, int64_t *by_r)
{
	*by_r = now->there && sent->there ? now->stored.t - task_clock(now, sent) : 0;
	return now->there && sent->there;
}

bool
task_was_turn(struct tasks *c, const struct task *now, const struct task *sent)
{
	int64_t start, due, at = (now->start.there ? now->start : now->due).stored.t;
	bool starts = moved(&now->start, &sent->start, &start), ends = moved(&now->due, &sent->due, &due);
	int64_t by = starts ? start : due;
	struct series s;

	if (by <= 0 || (starts && ends && start != due))
		return false;
	if (now->recurrence.regenerate)
		return true;
	if (!series_read(&c->m, c->root, c->todo, &s))
		return false;
	s.start.t = at - by;
	s.rule.count = 0;
	return series_has(&s, at, false, &at);
}
