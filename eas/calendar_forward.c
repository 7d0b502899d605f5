/* An event for somebody else: as an invitation (RFC 5546 3.2.2), and in words that can be quoted. */
#include "eas/calendar_forward.h"

#include <string.h>

#include "eas/calendar.h"
#include "eas/mime.h"

/* ---- one instance of a series ---- */

static void
drop_events_but(struct ical *calendar, const struct ical *kept)
{
	for (struct ical *v = ical_component(calendar, "VEVENT"), *next; v; v = next) {
		next = ical_next_component(v, "VEVENT");
		if (v != kept)
			ical_remove(v);
	}
}

/* The VEVENT of the instance; x: what is stored of it, or NULL. */
static struct ical *
vevent_of(struct cal *c, const struct cal_event *series, const struct ical_time *key, const struct cal_exception *x)
{
	if (x && x->component)
		return x->component;
	if (!x && cal_is_singles(c) && key->t == series->times.start.t)
		return c->master;
	return cal_new_override(c, series, key);
}

/* The instance is all that is left of the object. */
static enum err
narrow(struct cal *c, const char *instance, struct error *e)
{
	const struct cal_exception *x;
	struct cal_instances set;
	struct cal_event series;
	struct ical_time t;
	enum err err = cal_read_event(c, c->master, &series, e);

	if (err)
		return err;
	if (!cal_repeats(c->master) && !cal_is_singles(c))
		return err_set(e, ERR_UNSUPPORTED, "event: no series");
	if (!ical_time_parse(instance, &t))
		return err_set(e, ERR_NOTFOUND, "event: InstanceId is no date");
	struct ical_time key = cal_key_of_wire(c, t.t, &series.times);
	cal_list_instances(c, &set);
	if (!cal_find_instance(&series, &set, &key, &x) || (x && x->deleted))
		return err_set(e, ERR_NOTFOUND, "event: no such instance");
	struct ical *component = vevent_of(c, &series, &key, x);
	if (!component)
		return err_set(e, ERR_NOMEM, "event: out of memory");
	drop_events_but(c->calendar, component);
	c->master = component;
	return ERR_OK;
}

/* ---- the invitation ---- */

/* What is the user's own business only. */
static void
strip(struct ical *event)
{
	for (struct ical *a = ical_component(event, "VALARM"), *next; a; a = next) {
		next = ical_next_component(a, "VALARM");
		ical_remove(a);
	}
}

static enum err
write_invitation(struct cal *c, struct cal_forwarded *f_r)
{
	AUTO(buf_finish) struct buf out = { 0 };
	const char *method = ical_value(c->calendar, "METHOD");

	/* An invitation has an organizer (RFC 5546 3.2.2); what has none is published. */
	if (!method) {
		method = ical_line(c->master, "ORGANIZER") ? "REQUEST" : "PUBLISH";
		ical_put(&c->m, c->calendar, "METHOD", "", method);
	}
	for (struct ical *v = ical_component(c->calendar, "VEVENT"); v; v = ical_next_component(v, "VEVENT"))
		strip(v);
	buf_init(&out, 0);
	ical_write(c->calendar, &out);
	f_r->method = method;
	f_r->invitation = slice(buf_ok(&out) ? arena_memdup(c->m.a, out.data, out.len) : NULL, out.len);
	return f_r->invitation.ptr && !c->m.failed ? ERR_OK : ERR_NOMEM;
}

/* ---- in words ---- */

static void
put_day(struct buf *out, int64_t t)
{
	struct ical_civil day;

	ical_civil(t, &day);
	buf_printf(out, "%04d-%02u-%02u", (int)day.year, day.month, day.day);
}

static void
put_clock(struct buf *out, int64_t t)
{
	struct ical_civil clock;

	ical_civil(t, &clock);
	buf_printf(out, "%02u:%02u", clock.hour, clock.minute);
}

/* "2026-12-14 09:00 - 10:00 (Europe/Berlin)"; days where it has no clock. */
static void
put_when(const struct cal *c, const struct cal_event *ev, struct buf *out)
{
	const struct zone *z = ev->times.start.utc ? zone_default() : ev->times.zone;
	int64_t start = ev->times.start.t, end = ev->times.end.t - CAL_DAY;

	if (!ev->all_day) {
		start = zone_to_local(z, cal_wire(c, &ev->times.start, ev->times.zone));
		end = zone_to_local(z, cal_wire(c, &ev->times.end, ev->times.end_zone));
	}
	buf_add_str(out, "When: ");
	put_day(out, start);
	if (!ev->all_day) {
		buf_add_byte(out, ' ');
		put_clock(out, start);
	}
	if (end > start)
		buf_add_str(out, " - ");
	if (ical_midnight(end) > ical_midnight(start))
		put_day(out, end);
	if (ical_midnight(end) > ical_midnight(start) && !ev->all_day)
		buf_add_byte(out, ' ');
	if (!ev->all_day && end > start)
		put_clock(out, end);
	if (!ev->all_day)
		buf_printf(out, " (%s)", z->name);
	buf_add_str(out, "\r\n");
}

static bool
put_header(struct cal *c, const struct cal_event *ev, struct buf *out)
{
	struct mime_address organizer = { ev->organizer_name, ev->organizer_email };
	struct mime_addresses from = { &organizer, *ev->organizer_email != '\0' }, to = { 0 };

	to.list = arena_array(c->m.a, ev->n_attendees + 1, sizeof *to.list);
	for (size_t i = 0; to.list && i < ev->n_attendees; i++)
		to.list[to.n++] = (struct mime_address){ ev->attendees[i].name, ev->attendees[i].email };
	mime_put_addresses(out, "From", &from);
	mime_put_addresses(out, "To", &to);
	mime_put_text(out, "Subject", ev->subject);
	return to.list != NULL;
}

static enum err
write_message(struct cal *c, const struct cal_event *ev, struct cal_forwarded *f_r)
{
	AUTO(buf_finish) struct buf header = { 0 }, text = { 0 }, out = { 0 };
	const char *place = ev->location[CAL_PLACE];

	buf_init(&header, 0);
	buf_init(&text, 0);
	buf_init(&out, 0);
	put_when(c, ev, &text);
	if (*place)
		buf_printf(&text, "Where: %s\r\n", place);
	if (*ev->body.plain)
		buf_printf(&text, "\r\n%s", ev->body.plain);
	struct mime_node *node = mime_node(c->m.a, MIME_NODE_TEXT, "text/plain", buf_slice(&text));
	if (!node || !put_header(c, ev, &header) || !buf_ok(&header) || !buf_ok(&text))
		return ERR_NOMEM;
	mime_write(c->m.a, buf_slice(&header), node, "event", &out);
	f_r->subject = ev->subject;
	f_r->message = slice(buf_ok(&out) ? arena_memdup(c->m.a, out.data, out.len) : NULL, out.len);
	return f_r->message.ptr ? ERR_OK : ERR_NOMEM;
}

/* ---- the whole ---- */

enum err
cal_forward(const struct item_view *v, struct arena *a, struct slice bytes, const char *instance,
	struct cal_forwarded *f_r, struct error *e)
{
	struct cal_event ev;
	struct cal c;
	enum err err = cal_open(&c, v, a, bytes, e);

	/* An instance that stands alone is the only one that there is. */
	if (!err && *instance && (!ical_line(c.master, "RECURRENCE-ID") || cal_is_singles(&c)))
		err = narrow(&c, instance, e);
	if (!err)
		err = cal_read_event(&c, c.master, &ev, e);
	if (err)
		return err;
	if (write_message(&c, &ev, f_r) || write_invitation(&c, f_r))
		return err_set(e, ERR_NOMEM, "event: out of memory");
	return ERR_OK;
}
