/* The Calendar class. */
#include "eas/calendar.h"

#include <string.h>

#include "base/text.h"

static int64_t
instance_of(const struct ical *component)
{
	const char *id = ical_value(component, "RECURRENCE-ID");
	struct ical_time t;

	return id && ical_time_parse(id, &t) ? t.t : INT64_MAX;
}

bool
cal_says_cancelled(const struct ical *component)
{
	const char *status = ical_value(component, "STATUS");

	return status && text_casecmp(status, "CANCELLED") == 0;
}

bool
cal_is_cancelled(const struct ical *component)
{
	return cal_says_cancelled(component) && !ical_line(component, "ATTENDEE");
}

bool
cal_repeats(const struct ical *component)
{
	return ical_line(component, "RRULE") || ical_line(component, "RDATE");
}

/* What takes place first. */
static bool
stands_before(const struct ical *a, const struct ical *b)
{
	bool gone = cal_is_cancelled(a), other_gone = cal_is_cancelled(b);

	return gone != other_gone ? other_gone : instance_of(a) < instance_of(b);
}

struct ical *
cal_find_master(const struct ical *calendar)
{
	struct ical *found = ical_component(calendar, "VEVENT");

	for (struct ical *v = found; v; v = ical_next_component(v, "VEVENT"))
		if (!ical_line(v, "RECURRENCE-ID"))
			return v;
	for (struct ical *v = found; v; v = ical_next_component(v, "VEVENT"))
		if (cal_of_series(v, found) && stands_before(v, found))
			found = v;
	return found;
}

enum err
cal_open(struct cal *c, const struct item_view *v, struct arena *a, struct slice bytes, struct error *e)
{
	*c = (struct cal){ .view = v, .m = { .a = a }, .modern = v->version >= 160 };
	enum err err = ical_read(&c->m, bytes, &c->root, e);

	if (err)
		return err;
	c->calendar = ical_component(c->root, "VCALENDAR");
	if (!c->calendar)
		c->calendar = c->root;
	/* Several calendars in a file: the first that has an event. */
	for (struct ical *k = ical_component(c->root, "VCALENDAR"); k && !cal_find_master(c->calendar);
	    k = ical_next_component(k, "VCALENDAR"))
		c->calendar = k;
	c->master = cal_find_master(c->calendar);
	if (!c->master)
		return err_set(e, ERR_INVALID, "no VEVENT in the object");
	c->day_zone = zone_of_time(&c->m, c->root, &(struct ical_time){ .date = true });
	return c->m.failed ? err_set(e, ERR_NOMEM, "event: out of memory") : ERR_OK;
}

/* ---- the date that FilterType looks at ---- */

static int64_t
end_of(const struct cal *c, const struct cal_times *t)
{
	return t->end.date ? t->end.t : cal_wire(c, &t->end, t->end_zone);
}

static int64_t
last_end(struct cal *c)
{
	int64_t length, end, last;
	struct cal_times t, other;
	struct series s;

	if (!cal_read_times(c, c->master, &t) || !series_read(&c->m, c->root, c->master, &s) || !series_last(&s, &last))
		return ITEM_DATE_NEVER;
	length = end_of(c, &t) - (t.start.date ? t.start.t : cal_wire(c, &t.start, t.zone));
	end = series_utc(&s, last) + length;
	for (struct ical *v = ical_component(c->calendar, "VEVENT"); v; v = ical_next_component(v, "VEVENT"))
		if (v != c->master && cal_read_times(c, v, &other) && end_of(c, &other) > end)
			end = end_of(c, &other);
	return end;
}

static int64_t
date_of(struct cal *c)
{
	int64_t date = last_end(c);

	return c->m.failed ? ITEM_DATE_NEVER : date;
}

int64_t
cal_date(struct arena *a, struct slice bytes)
{
	static const struct item_view view = { .version = 161, .address = "", .name = "" };
	struct arena_mark mark = arena_mark(a);
	struct cal c;
	int64_t date = cal_open(&c, &view, a, bytes, NULL) ? ITEM_DATE_NEVER : date_of(&c);

	arena_rewind(a, mark);
	return date;
}

/* ---- rendering ---- */

static enum err
render(const struct item_view *v, struct arena *a, const struct backend_item *item, const char *server_id,
	enum item_render how, struct wbxml_writer *w, struct error *e)
{
	struct cal_event ev;
	struct cal c;

	(void)how;
	enum err err = cal_open(&c, v, a, item->bytes, e);
	c.server_id = server_id;
	if (v->dating)
		v->dating->date = err ? ITEM_DATE_NEVER : date_of(&c);
	if (!err && v->dating && v->dating->date < v->dating->from)
		return ERR_OK;
	if (!err)
		err = cal_read_event(&c, c.master, &ev, e);
	if (!err && !ev.recurring && !ical_line(c.master, "RECURRENCE-ID") && recurrence_repeats(c.master))
		err = err_set(e, ERR_INVALID, "event: EAS has no word for its recurrence rule");
	return err ? err : cal_write(&c, &ev, w);
}

const struct item_class item_calendar = {
	.class = BACKEND_CALENDAR,
	.name = "Calendar",
	.extension = "ics",
	.change_want = WANT_BYTES,
	.date = cal_date,
	.render = render,
	.merge = cal_merge,
	.attachment = cal_attachment,
};
