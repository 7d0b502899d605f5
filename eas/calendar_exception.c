/* The exceptions of a series: EXDATE, and VEVENTs with RECURRENCE-ID. */
#include <stdlib.h>
#include <string.h>

#include "eas/calendar.h"

#define HALF_DAY INT64_C(43200)

struct ical_time
cal_key(struct cal *c, const struct ical_time *t, const struct cal_times *series)
{
	struct ical_time key = series->start;
	int64_t clock = series->start.t - ical_midnight(series->start.t);

	if (t->date) { /* in a series of times: that day's instance */
		key.t = t->t + (series->start.date ? 0 : clock);
		return key;
	}
	if (series->stored.date) {
		key.t = ical_midnight(t->t);
		return key;
	}
	const struct zone *z = zone_of_time(&c->m, c->root, t);
	int64_t utc = t->utc ? t->t : zone_to_utc(z, t->t);
	key.t = series->start.utc ? utc : z == series->zone && !t->utc ? t->t : zone_to_local(series->zone, utc);
	if (key.date)
		key.t = ical_midnight(key.t);
	return key;
}

struct ical_time
cal_key_of_wire(const struct cal *c, int64_t wire, const struct cal_times *series)
{
	struct ical_time key = series->start;

	if (!series->start.date) {
		key.t = series->start.utc ? wire : zone_to_local(series->zone, wire);
	} else if (c->modern || (wire % CAL_DAY == 0 && zone_to_local(c->day_zone, wire) % CAL_DAY != 0)) {
		key.t = ical_midnight(wire);
	} else {
		key.t = ical_midnight(zone_to_local(c->day_zone, wire) + HALF_DAY);
	}
	return key;
}

/* ---- reading ---- */

bool
cal_of_series(const struct ical *component, const struct ical *master)
{
	const char *a = ical_value(component, "UID"), *b = ical_value(master, "UID");

	return component != master && ical_line(component, "RECURRENCE-ID") &&
		(a == b || (a && b && strcmp(a, b) == 0));
}

static struct cal_exception *
add(struct cal_event *ev, size_t room)
{
	return ev->n_exceptions < room ? &ev->exceptions[ev->n_exceptions++] : NULL;
}

static size_t
count(struct cal *c, const struct ical *master)
{
	size_t n = 0;

	for (const struct ical *v = ical_component(c->calendar, "VEVENT"); v; v = ical_next_component(v, "VEVENT"))
		n += cal_of_series(v, master);
	for (const struct ical *line = ical_line(master, "EXDATE"); line; line = ical_next_line(line, "EXDATE")) {
		n++;
		for (const char *p = line->value; *p; p++)
			n += *p == ',';
	}
	return n;
}

/* The next value of a list of times; *p moves behind it. False at the end; t_r->t is set only if *valid_r. */
static bool
next_time(const char **p, const char *tzid, struct ical_time *t_r, bool *valid_r)
{
	char one[40];
	size_t n = strcspn(*p, ",");

	if (!**p)
		return false;
	*valid_r = n < sizeof one;
	if (*valid_r) {
		memcpy(one, *p, n);
		one[n] = '\0';
		*valid_r = ical_time_parse(one, t_r);
		t_r->tzid = *valid_r && !t_r->date && !t_r->utc ? tzid : NULL;
	}
	*p += n + ((*p)[n] == ',');
	return true;
}

static int
by_key(const void *a, const void *b)
{
	const struct cal_exception *x = a, *y = b;

	if (x->key.t != y->key.t)
		return x->key.t < y->key.t ? -1 : 1;
	if (x->deleted != y->deleted)
		return (int)x->deleted - (int)y->deleted; /* what is both is shown */
	return !x->component - !y->component;
}

static void
read_overrides(struct cal *c, const struct ical *master, struct cal_event *ev, size_t room)
{
	for (struct ical *v = ical_component(c->calendar, "VEVENT"); v; v = ical_next_component(v, "VEVENT")) {
		struct cal_exception x = { .component = v };
		struct ical_time id;
		if (!cal_of_series(v, master) || !ical_time(&c->m, ical_line(v, "RECURRENCE-ID"), &id))
			continue;
		if (cal_read_event(c, v, &x.event, NULL) != ERR_OK)
			continue;
		x.key = cal_key(c, &id, &ev->times);
		x.original = cal_wire(c, &x.key, ev->times.zone);
		/* An instance of a meeting is told with its MeetingStatus. */
		x.deleted = !x.event.meeting && cal_says_cancelled(v);
		struct cal_exception *to = ical_in_range(x.original) ? add(ev, room) : NULL;
		if (to)
			*to = x;
	}
}

static void
read_exdates(struct cal *c, const struct ical *master, struct cal_event *ev, size_t room)
{
	for (const struct ical *line = ical_line(master, "EXDATE"); line; line = ical_next_line(line, "EXDATE")) {
		const char *tzid = ical_param(&c->m, line, "TZID"), *p = line->value;
		struct ical_time t;
		bool valid;
		while (ev->n_exceptions < room && next_time(&p, tzid, &t, &valid)) {
			if (!valid)
				continue;
			struct cal_exception x = { .deleted = true, .key = cal_key(c, &t, &ev->times) };
			x.original = cal_wire(c, &x.key, ev->times.zone);
			struct cal_exception *to = ical_in_range(x.original) ? add(ev, room) : NULL;
			if (to)
				*to = x;
		}
	}
}

enum err
cal_read_exceptions(struct cal *c, const struct ical *master, struct cal_event *ev, struct error *e)
{
	size_t room = count(c, master), n = 0;

	if (room > CAL_EXCEPTIONS_READ)
		return err_set(e, ERR_LIMIT, "event: more than %d exceptions", CAL_EXCEPTIONS_READ);
	ev->exceptions = room ? ical_alloc(&c->m, room, sizeof *ev->exceptions) : NULL;
	if (!ev->exceptions)
		return ERR_OK;
	read_overrides(c, master, ev, room);
	read_exdates(c, master, ev, room);
	qsort(ev->exceptions, ev->n_exceptions, sizeof *ev->exceptions, by_key);
	for (size_t i = 0; i < ev->n_exceptions; i++)
		if (n == 0 || ev->exceptions[n - 1].key.t != ev->exceptions[i].key.t)
			ev->exceptions[n++] = ev->exceptions[i];
	ev->n_exceptions = n;
	return ERR_OK;
}

/* ---- changing ---- */

void
cal_add_exdate(struct cal *c, const struct cal_event *series, const struct ical_time *key)
{
	struct ical_time t = cal_in_form(&series->times, key->t);

	(void)ical_add(&c->m, c->master, "EXDATE", ical_time_params(&c->m, &t), ical_time_text(&c->m, &t));
}

static bool
same_key(const struct ical_time *a, const struct ical_time *b)
{
	return a->t == b->t && a->date == b->date && a->utc == b->utc &&
		(a->tzid == b->tzid || (a->tzid && b->tzid && strcmp(a->tzid, b->tzid) == 0));
}

/* What becomes of a key: false: it goes. */
typedef bool key_fn(void *ctx, struct ical_time *key);

/* One line of EXDATE or RDATE. Those that move get lines of their own; a line whose keys all stay is not touched. */
static void
edit_line(struct cal *c, const struct cal_event *series, struct ical *line, key_fn *fn, void *ctx)
{
	AUTO(buf_finish) struct buf kept = { 0 };
	const char *tzid = ical_param(&c->m, line, "TZID"), *p = line->value, *before = p;
	bool valid, changed = false;
	struct ical_time t = { 0 };

	buf_init(&kept, 0);
	for (; next_time(&p, tzid, &t, &valid); before = p) {
		struct ical_time was = valid ? cal_key(c, &t, &series->times) : t, key = was;
		bool stays = !valid || fn(ctx, &key);
		if (stays && (!valid || same_key(&key, &was))) {
			if (kept.len)
				buf_add_byte(&kept, ',');
			buf_add(&kept, before, strcspn(before, ","));
			continue;
		}
		changed = true;
		if (stays)
			(void)ical_add(&c->m, c->master, line->name, ical_time_params(&c->m, &key),
				ical_time_text(&c->m, &key));
	}
	const char *text = changed ? buf_str(&kept) : NULL;
	if (changed && (!text || !*text))
		ical_remove(line);
	else if (changed)
		ical_set_value(line, NULL, ical_dup(&c->m, text, kept.len));
}

static void
edit_lines(struct cal *c, const struct cal_event *series, const char *name, key_fn *fn, void *ctx)
{
	struct ical *next, *last = NULL;

	for (struct ical *line = ical_line(c->master, name); line; line = ical_next_line(line, name))
		last = line;
	/* New lines come behind the last one. */
	for (struct ical *line = ical_line(c->master, name); line; line = next) {
		next = line == last ? NULL : ical_next_line(line, name);
		edit_line(c, series, line, fn, ctx);
	}
}

static bool
not_key(void *ctx, struct ical_time *key)
{
	return key->t != ((const struct ical_time *)ctx)->t;
}

void
cal_remove_exdate(struct cal *c, const struct cal_event *series, const struct ical_time *key)
{
	struct ical_time copy = *key;
	edit_lines(c, series, "EXDATE", not_key, &copy);
}

void
cal_put_key(struct cal *c, struct ical *component, const struct cal_event *series, const struct ical_time *key)
{
	struct ical_time t = cal_in_form(&series->times, key->t);

	ical_put_time(&c->m, component, "RECURRENCE-ID", &t);
}

/* Those of an instance that stands at its place in the series. */
static void
put_own_times(struct cal *c, struct ical *component, const struct cal_times *series, int64_t key)
{
	struct ical_time start = cal_in_form(series, key), end = series->end;

	end.t += key - series->start.t;
	if (end.date)
		end = cal_in_form(series, end.t);
	ical_put_time(&c->m, component, "DTSTART", &start);
	ical_put_time(&c->m, component, "DTEND", &end);
	ical_remove_lines(component, "DURATION");
}

struct ical *
cal_new_override(struct cal *c, const struct cal_event *series, const struct ical_time *key)
{
	static const char *const of_series_only[] = { "RRULE", "RDATE", "EXDATE", "EXRULE" };
	struct ical *copy = ical_clone(&c->m, c->master), *last = c->master;

	if (!copy)
		return NULL;
	for (unsigned i = 0; i < ARRAY_LEN(of_series_only); i++)
		ical_remove_lines(copy, of_series_only[i]);
	cal_put_key(c, copy, series, key);
	put_own_times(c, copy, &series->times, key->t);
	/* Behind the last event. */
	for (struct ical *v = ical_component(c->calendar, "VEVENT"); v; v = ical_next_component(v, "VEVENT"))
		last = v;
	if (last->next)
		ical_insert_before(last->next, copy);
	else
		ical_append(c->calendar, copy);
	return copy;
}

/* ---- a series that moved ---- */

struct move {
	struct cal *c;
	const struct cal_event *old, *now;
	struct cal_instances instances; /* of the series as it is now */
};

/* The day of the old instance at the new time of day, if that is an instance; else as far away as the series went. */
static struct ical_time
moved(const struct move *m, int64_t old_key)
{
	struct ical_time key = cal_in_form(&m->now->times, m->now->times.start.t);
	int64_t clock = key.date ? 0 : key.t - ical_midnight(key.t);
	int64_t same_day = ical_midnight(old_key) + clock,
		along = same_day + ical_midnight(key.t) - ical_midnight(m->old->times.start.t);

	key.t = same_day;
	if (!cal_is_instance(&m->instances, same_day) && cal_is_instance(&m->instances, along))
		key.t = along;
	return key;
}

static bool
move_exdate(void *ctx, struct ical_time *key)
{
	const struct move *m = ctx;

	*key = moved(m, key->t);
	return true;
}

/* An instance that stood at its place in the series goes with it. */
static void
move_override(const struct move *m, const struct cal_exception *x)
{
	const struct cal_times *t = &x->event.times;
	struct ical_time key = moved(m, x->key.t);

	if (t->start.date == m->old->times.start.date && t->start.t == x->key.t &&
	    t->end.t - t->start.t == m->old->times.end.t - m->old->times.start.t)
		put_own_times(m->c, x->component, &m->now->times, key.t);
	cal_put_key(m->c, x->component, m->now, &key);
}

void
cal_move_exceptions(struct cal *c, const struct cal_event *old, const struct cal_event *now)
{
	struct move m = { .c = c, .old = old, .now = now };

	cal_list_instances(c, &m.instances);
	if (c->m.failed)
		return;
	edit_lines(c, old, "EXDATE", move_exdate, &m);
	for (size_t i = 0; i < old->n_exceptions; i++)
		if (old->exceptions[i].component)
			move_override(&m, &old->exceptions[i]);
}

/* As far as the series went. */
static bool
move_date(void *ctx, struct ical_time *key)
{
	const struct move *m = ctx;
	int64_t t = key->t + m->now->times.start.t - m->old->times.start.t;

	*key = cal_in_form(&m->now->times, t);
	key->t = key->date ? ical_midnight(t) : t;
	return true;
}

void
cal_move_dates(struct cal *c, const struct cal_event *old, const struct cal_event *now)
{
	struct move m = { .c = c, .old = old, .now = now };

	edit_lines(c, old, "RDATE", move_date, &m);
}

void
cal_drop_exceptions(struct cal *c)
{
	ical_remove_lines(c->master, "EXDATE");
	for (struct ical *v = ical_component(c->calendar, "VEVENT"), *next; v; v = next) {
		next = ical_next_component(v, "VEVENT");
		if (cal_of_series(v, c->master))
			ical_remove(v);
	}
}
