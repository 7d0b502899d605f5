/* Objects that an edit makes, and what it leaves of one. */
#include "base/text.h"
#include "eas/ical_item.h"

struct ical *
ical_new_object(struct ical_mem *m, const char *name, const char *uid, struct ical **root_r)
{
	struct ical *root = ical_new_component(m, ""), *calendar = ical_new_component(m, "VCALENDAR");
	struct ical *component = ical_new_component(m, name);
	struct ical_time now = { .utc = true, .t = ical_now() };

	if (!root || !calendar || !component)
		return NULL;
	ical_append(root, calendar);
	ical_put(m, calendar, "VERSION", "", "2.0");
	ical_put(m, calendar, "PRODID", "", "-//cpush//cpush " CPUSH_VERSION "//EN");
	ical_append(calendar, component);
	ical_put_text(m, component, "UID", uid);
	ical_put_time(m, component, "DTSTAMP", &now);
	*root_r = root;
	return m->failed ? NULL : component;
}

struct ical *
ical_new_alarm(struct ical_mem *m, struct ical *component, const char *description)
{
	struct ical *alarm = ical_new_component(m, "VALARM");

	if (!alarm)
		return NULL;
	ical_put(m, alarm, "ACTION", "", "DISPLAY");
	ical_put_text(m, alarm, "DESCRIPTION", description && *description ? description : "Reminder");
	ical_append(component, alarm);
	return alarm;
}

void
ical_remove_series(struct ical *component)
{
	static const char *const names[] = { "RRULE", "RDATE", "EXRULE", "EXDATE" };

	for (unsigned i = 0; i < ARRAY_LEN(names); i++)
		ical_remove_lines(component, names[i]);
}

void
ical_touch(struct ical_mem *m, struct ical *component, bool own)
{
	struct ical_time now = { .utc = true, .t = ical_now() };
	const char *sequence = ical_value(component, "SEQUENCE");
	uint64_t n = 0;

	ical_put_time(m, component, "LAST-MODIFIED", &now);
	if (!own)
		return;
	ical_put_time(m, component, "DTSTAMP", &now);
	if (sequence && (!text_to_u64(sequence, &n) || n >= INT32_MAX))
		return;
	ical_put(m, component, "SEQUENCE", NULL, ical_printf(m, "%llu", (unsigned long long)n + 1));
}

enum err
ical_result(struct ical_mem *m, const struct ical *root, struct item_merged *m_r)
{
	AUTO(buf_finish) struct buf out = { 0 };

	buf_init(&out, 0);
	ical_write(root, &out);
	m_r->bytes = slice(buf_ok(&out) && !m->failed ? arena_memdup(m->a, out.data, out.len) : NULL, out.len);
	return m_r->bytes.ptr ? ERR_OK : ERR_NOMEM;
}
