/* A series that is a list of dates: RDATE without RRULE, or instances without a series. EAS has no word for it, but for
 * a series of every so many days, days of which are left out, or moved to another time of day, there is one: it has a
 * *slot* on each of these days, at the time of day of DTSTART. */
#include "eas/calendar.h"

bool
cal_is_date_list(const struct ical *component)
{
	return ical_line(component, "RDATE") && !ical_line(component, "RRULE");
}

bool
cal_is_singles(const struct cal *c)
{
	bool any = false;

	for (const struct ical *v = ical_component(c->calendar, "VEVENT"); v; v = ical_next_component(v, "VEVENT"))
		any = any || (cal_of_series(v, c->master) && !cal_is_cancelled(v));
	return any && ical_line(c->master, "RECURRENCE-ID");
}

/* How many days are between two slots; 0: there are two dates of one day, or one before DTSTART. */
static int64_t
days_between(const struct cal_instances *set, int64_t start)
{
	int64_t step = 0;

	if (!set->n || set->v[0] != start)
		return 0;
	for (size_t i = 1; i < set->n; i++) {
		int64_t days = (ical_midnight(set->v[i]) - ical_midnight(set->v[i - 1])) / CAL_DAY;
		if (!days && set->v[i] != set->v[i - 1])
			return 0;
		step = recurrence_gcd(step, days);
	}
	return step;
}

/* What is stored of the instance of that day. An EXDATE that names none takes none out. */
static const struct cal_exception *
find_stored(const struct cal_event *ev, const struct cal_instances *set, int64_t day)
{
	for (size_t i = 0; i < ev->n_exceptions; i++) {
		const struct cal_exception *x = &ev->exceptions[i];
		if (ical_midnight(x->key.t) == day && (!x->deleted || cal_is_instance(set, x->key.t)))
			return x;
	}
	return NULL;
}

/* An instance at another time of day than the series. */
static struct cal_exception
moved(const struct cal *c, const struct cal_event *ev, struct ical_time key)
{
	struct cal_exception x = { .key = key, .event = *ev };
	struct cal_times *t = &x.event.times;

	x.event.recurring = false;
	x.event.exceptions = NULL;
	x.event.n_exceptions = 0;
	t->end.t += key.t - t->start.t;
	t->start.t = key.t;
	x.event.start = cal_wire(c, &t->start, t->zone);
	x.event.end = cal_wire(c, &t->end, t->end_zone);
	return x;
}

/* What there is to say of a slot; false: nothing, the instance is where it is expected. */
static bool
read_slot(const struct cal *c, const struct cal_event *ev, const struct cal_instances *set, struct ical_time slot,
	struct cal_exception *x_r)
{
	const struct cal_exception *stored = find_stored(ev, set, ical_midnight(slot.t));
	struct ical_time key = slot;
	bool there = cal_instance_of_day(set, slot.t, &key.t);

	if (slot.date)
		key.t = ical_midnight(key.t);
	if (!stored && there && key.t == slot.t)
		return false;
	*x_r = stored ? *stored : there ? moved(c, ev, key) : (struct cal_exception){ .deleted = true, .key = slot };
	x_r->original = cal_wire(c, &slot, ev->times.zone);
	return true;
}

void
cal_read_date_list(struct cal *c, struct cal_event *ev)
{
	struct ical_time slot = ev->times.start;
	struct cal_instances set;
	size_t n = 0;

	cal_list_instances(c, &set);
	int64_t step = set.v ? days_between(&set, slot.t) : 0;
	size_t slots = step ? (size_t)((ical_midnight(set.v[set.n - 1]) - ical_midnight(slot.t)) / CAL_DAY / step + 1)
		: 0;
	/* No more are left out than exceptions are told. */
	if (slots < 2 || step > 999 || slots > 999 || slots > set.n + CAL_EXCEPTIONS_SENT)
		return;
	struct cal_exception *list = ical_alloc(&c->m, slots, sizeof *list);
	for (size_t i = 0; list && i < slots; i++, slot.t += step * CAL_DAY)
		n += read_slot(c, ev, &set, slot, &list[n]);
	if (!list || n > CAL_EXCEPTIONS_SENT)
		return;
	ev->exceptions = list;
	ev->n_exceptions = n;
	ev->recurring = true;
	ev->recurrence = (struct recurrence){ .interval = (unsigned)step, .occurrences = (unsigned)slots,
		.first_day = -1 };
}

/* The instance keeps its time of day, under the key that the slot is. */
static void
write_slot(struct cal *c, const struct cal_event *ev, const struct cal_exception *x)
{
	struct ical_time slot = cal_key_of_wire(c, x->original, &ev->times);

	if (x->component) {
		cal_put_key(c, x->component, ev, &slot);
	} else if (x->deleted) {
		cal_add_exdate(c, ev, &slot);
	} else {
		struct ical *component = cal_new_override(c, ev, &slot);
		if (!component)
			return;
		ical_put_time(&c->m, component, "DTSTART", &x->event.times.start);
		ical_put_time(&c->m, component, "DTEND", &x->event.times.end);
	}
}

void
cal_write_date_list(struct cal *c, const struct cal_event *ev)
{
	ical_remove_lines(c->master, "EXDATE"); /* they are among the slots */
	for (size_t i = 0; ev->recurring && i < ev->n_exceptions; i++)
		write_slot(c, ev, &ev->exceptions[i]);
	ical_remove_lines(c->master, "RDATE");
}
