/* An edit of a phone, merged into the stored object. */
#include <string.h>

#include "base/text.h"
#include "eas/calendar.h"

/* What an exception takes from the series where it says nothing of its own [MS-ASCAL 2.2.2.21]. */
#define INHERITED \
	(CAL_SUBJECT | CAL_LOCATION | CAL_BUSY | CAL_SENSITIVITY | CAL_REMINDER | CAL_CATEGORIES | CAL_MEETING)
/* What follows the series where it was as there. */
#define PROPAGATED (INHERITED | CAL_BODY | CAL_ATTENDEES | CAL_RESPONSE_REQUESTED | CAL_NO_COUNTER | CAL_ATTACHMENTS)
/* What can be told apart after an edit. */
#define TOLD (~(unsigned)(CAL_UID | CAL_ORGANIZER | CAL_EXCEPTIONS))

#define HALF_HOUR INT64_C(1800)

struct merge {
	struct cal c;
	const struct item_edit *edit;
	struct error *e;
	bool singles; /* cal_is_singles() */
	bool changed, altered;
	struct item_added *added;
	size_t n_added;
};

static enum err
nomem(struct error *e)
{
	return err_set(e, ERR_NOMEM, "event: out of memory");
}

/* ---- what was sent ---- */

/* Up to 14.1 what is absent is removed unless it is ghosted; Location never is (MS-ASCMD R879, MS-ASCAL R301). */
static unsigned
removed(const struct merge *m)
{
	static const struct {
		unsigned tag, field;
	} rows[] = {
		{ Calendar_Subject, CAL_SUBJECT },
		{ Calendar_Reminder, CAL_REMINDER },
		{ Calendar_Categories, CAL_CATEGORIES },
		{ Calendar_Attendees, CAL_ATTENDEES },
		{ Calendar_Recurrence, CAL_RECURRENCE },
	};
	unsigned fields = CAL_LOCATION;

	if (m->c.modern)
		return 0;
	for (unsigned i = 0; i < ARRAY_LEN(rows); i++)
		if (!item_is_ghosted(m->edit->supported, rows[i].tag))
			fields |= rows[i].field;
	return fields;
}

static enum err
read_recurrence(struct merge *m, const struct cal_event *now, struct cal_event *want, unsigned fields)
{
	const struct wbxml_node *node = wbxml_child(m->edit->data, Calendar_Recurrence);
	struct cal_times t;

	if (!want->recurring)
		return ERR_OK;
	cal_new_times(&m->c, now, want, fields, &t);
	if (!recurrence_read(node, false, t.start.t, &want->recurrence))
		return err_set(m->e, ERR_INVALID, "event: a Recurrence that makes no sense");
	return ERR_OK;
}

/* ---- exceptions within an event ---- */

static bool
is_series(const struct merge *m, const struct cal_event *ev)
{
	return cal_repeats(m->c.master) || (m->singles && ev->recurring);
}

static void
touch_master(struct merge *m)
{
	struct ical_time now = { .utc = true, .t = ical_now() };

	ical_put_time(&m->c.m, m->c.master, "LAST-MODIFIED", &now);
	m->changed = true;
}

/* Is it the one that stands for the series? */
static bool
is_master(const struct merge *m, const struct cal_event *series, const struct ical_time *key,
	const struct cal_exception *x)
{
	return m->singles && !x && key->t == series->times.start.t;
}

/* The last one is the event, which is not deleted so. Without the one that stood for the series that is another. */
static void
delete_single(struct merge *m, const struct cal_event *series, const struct ical_time *key,
	const struct cal_exception *x)
{
	struct ical *component = is_master(m, series, key, x) ? m->c.master : x ? x->component : NULL;

	if (!component || !cal_is_singles(&m->c)) {
		m->altered = true;
		return;
	}
	m->altered = m->altered || component == m->c.master;
	ical_remove(component);
	m->c.master = cal_find_master(m->c.calendar);
	m->changed = true;
}

static void
delete_instance(struct merge *m, const struct cal_event *series, const struct ical_time *key,
	const struct cal_exception *x)
{
	if (x && x->deleted)
		return;
	if (m->singles) {
		delete_single(m, series, key, x);
		return;
	}
	if (x && x->component)
		ical_remove(x->component);
	cal_add_exdate(&m->c, series, key);
	touch_master(m);
}

/* The VEVENT of the instance, made if need be; *now_r is what it says. */
static enum err
open_instance(struct merge *m, const struct cal_event *series, const struct ical_time *key,
	const struct cal_exception *x, struct ical **component_r, struct cal_event *now_r)
{
	struct ical *component = x && x->component ? x->component : is_master(m, series, key, x) ? m->c.master
		: cal_new_override(&m->c, series, key);

	if (!component)
		return nomem(m->e);
	*component_r = component;
	return cal_read_event(&m->c, component, now_r, m->e);
}

/* What the exception is to be, where it says nothing itself. */
static unsigned
inherit(const struct merge *m, const struct cal_event *series, const struct ical_time *key,
	const struct cal_exception *x, struct cal_event *want)
{
	unsigned absent = INHERITED & ~want->has, fields = want->has;
	struct ical_time start = *key, end = series->times.end;

	if (m->c.modern)
		return fields;
	/* Up to 14.0 an exception cannot say that it has no reminder. */
	if (m->c.view->version < 141 && x && x->component && x->event.reminder < 0)
		absent &= ~(unsigned)CAL_REMINDER;
	if (absent & CAL_SUBJECT)
		want->subject = series->subject;
	if (absent & CAL_LOCATION)
		memcpy(want->location, series->location, sizeof want->location);
	if (absent & CAL_BUSY)
		want->busy = series->busy;
	if (absent & CAL_SENSITIVITY)
		want->sensitivity = series->sensitivity;
	if (absent & CAL_REMINDER)
		want->reminder = series->reminder;
	if (absent & CAL_CATEGORIES)
		want->categories = series->categories;
	if (absent & CAL_MEETING)
		want->meeting = series->meeting;
	if (!(want->has & CAL_ALL_DAY))
		want->all_day = series->all_day;
	end.t += key->t - series->times.start.t;
	if (!(want->has & CAL_START))
		want->start = cal_wire(&m->c, &start, series->times.zone);
	if (!(want->has & CAL_END))
		want->end = cal_wire(&m->c, &end, series->times.end_zone);
	return fields | absent | CAL_START | CAL_END | CAL_ALL_DAY;
}

static enum err
change_instance(struct merge *m, const struct cal_event *series, const struct ical_time *key,
	const struct cal_exception *x, struct cal_event *want)
{
	unsigned fields = inherit(m, series, key, x, want);
	bool fresh = !(x && x->component) && !is_master(m, series, key, x);
	struct ical *component = NULL;
	struct cal_event now;

	if (x && x->deleted)
		cal_remove_exdate(&m->c, series, key);
	if (x && x->deleted && x->component)
		ical_remove_lines(x->component, "STATUS");
	enum err err = open_instance(m, series, key, x, &component, &now);
	if (err)
		return err;
	if (cal_too_many_attachments(&now, want))
		return err_set(m->e, ERR_INVALID, "event: more than %d attachments", CAL_ATTACHMENTS_MAX);
	if (!cal_diff(&m->c, &now, want, fields)) {
		if (fresh && component)
			ical_remove(component);
		if (x && x->deleted)
			touch_master(m);
		return ERR_OK;
	}
	cal_apply(&m->c, component, &now, want, fields);
	m->changed = true;
	/* What stands for the series: to a phone, that is another one now. */
	m->altered = m->altered || component == m->c.master;
	err = cal_read_event(&m->c, component, &now, m->e);
	if (!err && cal_diff(&m->c, &now, want, want->has & TOLD))
		m->altered = true;
	return err;
}

/* Is the key among them? Else it is added. */
static bool
came_before(struct cal_instances *done, int64_t key)
{
	for (size_t i = 0; i < done->n; i++)
		if (done->v[i] == key)
			return true;
	done->v[done->n++] = key;
	return false;
}

/* An instance that comes twice counts once: what was stored of it is no longer so. */
static enum err
merge_exceptions(struct merge *m, struct cal_event *sent)
{
	struct cal_instances set, done = { 0 };
	struct cal_event series;
	enum err err = cal_read_event(&m->c, m->c.master, &series, m->e);

	if (err || !sent->n_exceptions || !is_series(m, &series))
		return err;
	cal_list_instances(&m->c, &set);
	done.v = ical_alloc(&m->c.m, sent->n_exceptions, sizeof *done.v);
	for (size_t i = 0; i < sent->n_exceptions && !err && !m->c.m.failed; i++) {
		struct cal_exception *x = &sent->exceptions[i];
		struct ical_time key = cal_key_of_wire(&m->c, x->original, &series.times);
		const struct cal_exception *stored;
		(void)cal_find_instance(&series, &set, &key, &stored);
		if (came_before(&done, key.t))
			m->altered = true;
		else if (x->deleted)
			delete_instance(m, &series, &key, stored);
		else
			err = change_instance(m, &series, &key, stored, &x->event);
	}
	return err;
}

/* ---- what the phone is told ---- */

static size_t
add_told(const struct cal_event *sent, struct item_added *list, size_t n)
{
	for (size_t i = 0; i < sent->n_attachments; i++)
		if (sent->attachments[i].client_id)
			list[n++] = (struct item_added){ sent->attachments[i].client_id, sent->attachments[i].part };
	return n;
}

/* What the attachments that came are known by from now on. */
static void
tell(struct merge *m, const struct cal_event *sent)
{
	size_t room = sent->n_attachments;

	for (size_t i = 0; i < sent->n_exceptions; i++)
		room += sent->exceptions[i].event.n_attachments;
	m->added = room ? ical_alloc(&m->c.m, room, sizeof *m->added) : NULL;
	if (!m->added)
		return;
	m->n_added = add_told(sent, m->added, 0);
	for (size_t i = 0; i < sent->n_exceptions; i++)
		m->n_added = add_told(&sent->exceptions[i].event, m->added, m->n_added);
}

/* ---- the event ---- */

/* Other instances, not only more or fewer of them. */
static bool
other_pattern(struct cal_event a, struct cal_event b, int64_t start)
{
	a.recurrence.has_until = b.recurrence.has_until = false;
	a.recurrence.occurrences = b.recurrence.occurrences = 0;
	return a.recurring && b.recurring && !recurrence_same(&a.recurrence, &b.recurrence, start);
}

/* What an instance had like the series it has like it again; so phones see it, which know no more than the
 * difference. */
static void
propagate(struct merge *m, const struct cal_event *now, const struct cal_event *want, unsigned diff)
{
	unsigned fields = diff & PROPAGATED;

	for (size_t i = 0; fields && i < now->n_exceptions; i++) {
		const struct cal_exception *x = &now->exceptions[i];
		if (x->component)
			cal_apply(&m->c, x->component, &x->event, want,
				fields & ~cal_diff(&m->c, &x->event, now, fields));
	}
}

/* Where the exceptions of the series stay after it changed. */
static enum err
follow(struct merge *m, const struct cal_event *now, const struct cal_event *want, unsigned diff)
{
	bool moves = diff & (CAL_START | CAL_ALL_DAY | CAL_ZONE), dates = cal_is_date_list(m->c.master);
	struct cal_event after;

	if (m->singles) { /* only the first moves */
		m->altered = m->altered || moves;
		return ERR_OK;
	}
	if (!is_series(m, want)) {
		cal_drop_exceptions(&m->c);
		return ERR_OK;
	}
	/* MS-ASCAL R2114: from 16.0 a series that gets other times or another pattern loses them. */
	bool lost = m->c.modern && (diff & (CAL_START | CAL_END | CAL_ALL_DAY) ||
		(diff & CAL_RECURRENCE && other_pattern(*now, *want, now->times.start.t)));
	if (lost)
		cal_drop_exceptions(&m->c);
	if (!moves)
		return ERR_OK;
	enum err err = cal_read_event(&m->c, m->c.master, &after, m->e);
	if (err)
		return err;
	if (dates) {
		cal_move_dates(&m->c, now, &after);
		/* days that the list leaves out are exceptions to a phone, which it may take for lost */
		m->altered = true;
	}
	if (!lost)
		cal_move_exceptions(&m->c, now, &after);
	return ERR_OK;
}

static enum err
check_result(struct merge *m, const struct cal_event *sent)
{
	struct cal_event after;
	enum err err = cal_read_event(&m->c, m->c.master, &after, m->e);

	if (!err && cal_diff(&m->c, &after, sent, sent->has & TOLD))
		m->altered = true;
	return err;
}

/* What an Add does not say of its times [MS-ASCAL 3.2.4.4]: it begins at the next half hour, or today, and takes half
 * an hour, or the day. Other than there, an end that is missing goes by the start: nobody means an event from last week
 * until now, or none at all. */
static enum err
fill_in_times(struct merge *m, struct cal_event *want)
{
	bool all_day = want->has & CAL_ALL_DAY && want->all_day;
	int64_t length = all_day ? CAL_DAY : HALF_HOUR, now = ical_now();

	if ((want->has & (CAL_START | CAL_END)) == (CAL_START | CAL_END))
		return ERR_OK;
	if (!(want->has & CAL_START)) {
		int64_t today = ical_midnight(zone_to_local(m->c.day_zone, now));
		want->start = !all_day ? (now + HALF_HOUR - 1) / HALF_HOUR * HALF_HOUR
			: m->c.modern ? today : zone_to_utc(m->c.day_zone, today);
		if (want->has & CAL_END && want->end < want->start)
			return err_set(m->e, ERR_INVALID, "event: over already, and without a start");
	}
	if (!(want->has & CAL_END))
		want->end = want->start + length;
	want->has |= CAL_START | CAL_END;
	m->altered = true; /* the phone has to be told */
	return ERR_OK;
}

static enum err
merge_master(struct merge *m, struct cal_event *now, bool series_before)
{
	struct cal_event want;
	enum err err = cal_take(&m->c, m->edit->data, &want, m->e);

	if (!err && !m->edit->stored.len)
		err = fill_in_times(m, &want);
	if (err)
		return err;
	unsigned fields = want.has | (m->edit->stored.len ? removed(m) : 0);
	err = read_recurrence(m, now, &want, fields);
	if (err)
		return err;
	if (cal_too_many_attachments(now, &want))
		return err_set(m->e, ERR_INVALID, "event: more than %d attachments", CAL_ATTACHMENTS_MAX);
	unsigned diff = cal_diff(&m->c, now, &want, fields);
	if (m->singles && diff & CAL_RECURRENCE) { /* the series is not ours to change */
		m->altered = true;
		fields &= ~(unsigned)CAL_RECURRENCE;
		diff &= ~(unsigned)CAL_RECURRENCE;
	}
	cal_apply(&m->c, m->c.master, now, &want, fields);
	m->changed = diff != 0;
	if (diff && series_before) {
		propagate(m, now, &want, diff);
		err = follow(m, now, &want, diff);
	}
	/* From 16.0 exceptions of a series that is there are changed one by one (MS-ASCAL R2112). */
	if (!err && (!m->c.modern || !m->edit->stored.len))
		err = merge_exceptions(m, &want);
	if (!err && m->changed)
		err = check_result(m, &want);
	tell(m, &want);
	return err;
}

static enum err
merge_change(struct merge *m)
{
	struct cal_event now;
	enum err err = cal_read_event(&m->c, m->c.master, &now, m->e);

	return err ? err : merge_master(m, &now, is_series(m, &now));
}

static enum err
merge_instance(struct merge *m)
{
	struct cal_instances set;
	struct cal_event series, want;
	struct ical_time t;

	if (!ical_time_parse(m->edit->instance_id, &t))
		return err_set(m->e, ERR_INVALID, "event: InstanceId is no date");
	enum err err = cal_read_event(&m->c, m->c.master, &series, m->e);
	if (err)
		return err;
	if (!is_series(m, &series))
		return err_set(m->e, ERR_NOTFOUND, "event: no series");
	struct ical_time key = cal_key_of_wire(&m->c, t.t, &series.times);
	cal_list_instances(&m->c, &set);
	const struct cal_exception *x;
	if (!cal_find_instance(&series, &set, &key, &x) || (x && x->deleted && m->edit->data))
		return err_set(m->e, ERR_NOTFOUND, "event: no such instance");
	if (!m->edit->data) {
		delete_instance(m, &series, &key, x);
		return ERR_OK;
	}
	err = cal_take(&m->c, m->edit->data, &want, m->e);
	if (err)
		return err;
	want.has &= ~(unsigned)(CAL_RECURRENCE | CAL_EXCEPTIONS);
	tell(m, &want);
	return change_instance(m, &series, &key, x, &want);
}

/* ---- a new event ---- */

static void
blank(struct cal_event *ev)
{
	*ev = (struct cal_event){ .reminder = -1, .busy = 2, .subject = "", .uid = "", .organizer_name = "",
		.organizer_email = "",
		.body = { .plain = "" } };
	for (unsigned i = 0; i < CAL_LOCATION_PARTS; i++)
		ev->location[i] = "";
}

static enum err
merge_add(struct merge *m, const char **uid_r)
{
	const char *sent_uid = m->c.modern ? NULL : wbxml_text(m->edit->data, Calendar_UID);
	const char *uid = sent_uid && *sent_uid ? sent_uid : m->edit->uid ? m->edit->uid : "";
	struct cal_event now;

	if (!m->edit->data->child)
		return err_set(m->e, ERR_INVALID, "event: there is nothing in it");
	m->c.master = ical_new_object(&m->c.m, "VEVENT", uid, &m->c.root);
	if (!m->c.master)
		return nomem(m->e);
	m->c.calendar = m->c.master->parent;
	*uid_r = uid;
	blank(&now);
	enum err err = merge_master(m, &now, false);
	m->changed = true;
	return err;
}

enum err
cal_merge(const struct item_view *v, struct arena *a, const struct item_edit *edit, struct item_merged *m_r,
	struct error *e)
{
	struct merge m = { .c = { .view = v, .m = { .a = a }, .modern = v->version >= 160, .day_zone = zone_default() },
		.edit = edit, .e = e };
	enum err err;

	*m_r = (struct item_merged){ 0 };
	if (edit->stored.len == 0) {
		if (!edit->data || edit->instance_id)
			return err_set(e, edit->instance_id ? ERR_NOTFOUND : ERR_INVALID, "event: nothing to change");
		err = merge_add(&m, &m_r->uid);
	} else {
		err = cal_open(&m.c, v, a, edit->stored, e);
		m.singles = !err && cal_is_singles(&m.c);
		m_r->uid = err ? NULL : ical_text(&m.c.m, ical_line(m.c.master, "UID"));
		if (!err)
			err = edit->instance_id ? merge_instance(&m) : edit->data ? merge_change(&m)
				: err_set(e, ERR_INVALID, "event: no data");
	}
	if (m.c.m.failed)
		return nomem(e);
	if (err)
		return err;
	m_r->unchanged = !m.changed;
	m_r->altered = m.altered;
	m_r->added = m.added;
	m_r->n_added = m.n_added;
	return m.changed && ical_result(&m.c.m, m.c.root, m_r) ? nomem(e) : ERR_OK;
}
