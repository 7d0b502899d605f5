/* The TimeZone structure [MS-ASDTYPE 2.7.6], and VTIMEZONEs made of it. */
#include <string.h>

#include "base/text.h"
#include "eas/timezone_internal.h"

enum { BIAS = 0, STANDARD_NAME = 4, STANDARD_DATE = 68, STANDARD_BIAS = 84, DAYLIGHT_NAME = 88, DAYLIGHT_DATE = 152, DAYLIGHT_BIAS = 168,
	NAME_UNITS = 32 };

static void
put16(unsigned char *p, unsigned v)
{
	p[0] = (unsigned char)(v & 0xFF);
	p[1] = (unsigned char)(v >> 8 & 0xFF);
}

static void
put32(unsigned char *p, int32_t v)
{
	put16(p, (unsigned)((uint32_t)v & 0xFFFF));
	put16(p + 2, (unsigned)((uint32_t)v >> 16));
}

static unsigned
get16(const unsigned char *p)
{
	return p[0] | (unsigned)p[1] << 8;
}

static int32_t
get32(const unsigned char *p)
{
	return (int32_t)((uint32_t)get16(p) | (uint32_t)get16(p + 2) << 16);
}

static void
put_name(unsigned char *p, const char *name)
{
	for (unsigned i = 0; i < NAME_UNITS - 1 && name[i]; i++)
		put16(p + 2 * i, (unsigned char)name[i] < 0x80 ? (unsigned char)name[i] : '?');
}

static void
put_edge(unsigned char *p, const struct zone_edge *e)
{
	put16(p + 2, e->month);
	put16(p + 4, e->weekday);
	put16(p + 6, e->week);
	put16(p + 8, e->hour);
	put16(p + 10, e->minute);
	put16(p + 12, e->second);
	put16(p + 14, e->ms);
}

/* "W. Europe Standard Time" to "W. Europe Daylight Time" */
static void
daylight_name(const char *standard, char out[NAME_UNITS])
{
	static const char winter[] = " Standard Time", summer[] = " Daylight Time";
	size_t n = strlen(standard), k = sizeof winter - 1;

	if (n >= NAME_UNITS)
		n = NAME_UNITS - 1;
	memcpy(out, standard, n);
	out[n] = '\0';
	if (n >= k && memcmp(out + n - k, winter, k) == 0)
		memcpy(out + n - k, summer, k);
}

static void
rule_blob(const struct zone_rule *r, const char *name, unsigned char out[ZONE_BLOB])
{
	char daylight[NAME_UNITS];

	memset(out, 0, ZONE_BLOB);
	put32(out + BIAS, -(r->standard / 60));
	put_name(out + STANDARD_NAME, name);
	daylight_name(name, daylight);
	put_name(out + DAYLIGHT_NAME, r->changes ? daylight : name);
	if (!r->changes)
		return;
	put32(out + DAYLIGHT_BIAS, r->standard / 60 - r->daylight / 60);
	put_edge(out + STANDARD_DATE, &r->to_standard);
	put_edge(out + DAYLIGHT_DATE, &r->to_daylight);
}

void
zone_blob(const struct zone *z, int64_t year, unsigned char out[ZONE_BLOB])
{
	const char *name = zone_windows_name(z);
	struct zone_rule r;

	zone_rule_of(z, year, &r);
	rule_blob(&r, name ? name : z->name, out);
}

char *
zone_blob_text(struct ical_mem *m, const struct zone *z)
{
	unsigned char blob[ZONE_BLOB];

	zone_blob(z, zone_this_year(), blob);
	char *text = text_base64(m->a, blob, sizeof blob);
	m->failed = m->failed || !text;
	return text;
}

/* ---- reading ---- */

static bool
get_edge(const unsigned char *p, struct zone_edge *e)
{
	*e = (struct zone_edge){ .month = get16(p + 2), .weekday = get16(p + 4), .week = get16(p + 6), .hour = get16(p + 8),
		.minute = get16(p + 10), .second = get16(p + 12), .ms = get16(p + 14) };
	if (get16(p)) { /* a date of one year: taken for that day of every year */
		e->day = e->week;
		e->week = 0;
		if (e->day < 1 || e->day > 31)
			return false;
	} else if (e->week < 1 || e->week > 5) {
		return false;
	}
	return e->month >= 1 && e->month <= 12 && e->weekday <= 6 && e->hour < 24 && e->minute < 60 && e->second < 60;
}

static void
get_name(const unsigned char *p, char out[NAME_UNITS])
{
	unsigned n = 0;

	for (; n < NAME_UNITS - 1; n++) {
		unsigned c = get16(p + 2 * n);
		if (c == 0)
			break;
		out[n] = c < 0x80 ? (char)c : '?';
	}
	out[n] = '\0';
}

static bool
parse_rule(const unsigned char *p, struct zone_rule *r)
{
	int64_t bias = get32(p + BIAS), standard = get32(p + STANDARD_BIAS), daylight = get32(p + DAYLIGHT_BIAS);

	*r = (struct zone_rule){ 0 };
	if (bias + standard < -1440 || bias + standard > 1440 || bias + daylight < -1440 || bias + daylight > 1440)
		return false;
	r->changes = standard != daylight && memcmp(p + STANDARD_DATE, p + DAYLIGHT_DATE, 16) != 0 &&
		get_edge(p + STANDARD_DATE, &r->to_standard) && get_edge(p + DAYLIGHT_DATE, &r->to_daylight);
	r->standard = (int32_t)(-(bias + standard) * 60);
	r->daylight = r->changes ? (int32_t)(-(bias + daylight) * 60) : r->standard;
	if (r->changes && r->daylight < r->standard) { /* the names the wrong way round */
		struct zone_rule swapped = { r->daylight, r->standard, true, r->to_daylight, r->to_standard };
		*r = swapped;
	}
	return true;
}

/* Compared as a phone is told the zone: a blob says whole minutes, and cannot say every two changes. */
static bool
means(const struct zone *z, const struct zone_rule *r, int64_t year)
{
	unsigned char blob[ZONE_BLOB];
	struct zone_rule own;

	if (!z)
		return false;
	zone_rule_of(z, year, &own);
	rule_blob(&own, "", blob);
	return parse_rule(blob, &own) && zone_rule_same(&own, r, year);
}

/* A name counts if at least its standard time is right. */
static const struct zone *
by_name(const char *name, const struct zone_rule *r, int64_t year)
{
	const struct zone *z = *name ? zone_named(name) : NULL;
	struct zone_rule own;

	if (!z)
		return NULL;
	zone_rule_of(z, year, &own);
	return own.standard == r->standard ? z : NULL;
}

static void
add_edge_name(struct buf *b, const struct zone_edge *e)
{
	buf_printf(b, "-%02u.%u.%u.%02u%02u", e->month, e->week ? e->week : e->day + 10, e->weekday, e->hour, e->minute);
}

/* A zone of its own; its name says its rules, so that equal ones share a VTIMEZONE. */
static const struct zone *
custom(struct ical_mem *m, const struct zone_rule *r)
{
	AUTO(buf_finish) struct buf b = { 0 };
	struct zone *z = ical_alloc(m, 1, sizeof *z);
	int32_t minutes = r->standard / 60;

	buf_init(&b, 0);
	buf_printf(&b, "Custom%c%02d%02d", minutes < 0 ? '-' : '+', (minutes < 0 ? -minutes : minutes) / 60,
		(minutes < 0 ? -minutes : minutes) % 60);
	if (r->changes) {
		add_edge_name(&b, &r->to_daylight);
		add_edge_name(&b, &r->to_standard);
	}
	const char *s = buf_str(&b), *name = s ? ical_dup(m, s, b.len) : NULL;
	if (!name)
		m->failed = true;
	return z && name && zone_of_rule(m, r, name, z) ? z : NULL;
}

const struct zone *
zone_from_blob(struct ical_mem *m, const char *base64, const struct zone *stored)
{
	int64_t year = zone_this_year();
	const struct zone *z;
	struct zone_rule r;
	char name[NAME_UNITS];
	size_t n = 0;

	const unsigned char *p = text_unbase64(m->a, base64, strlen(base64), &n);
	if (!p || n < ZONE_BLOB || !parse_rule(p, &r))
		return NULL;
	if (means(stored, &r, year))
		return stored;
	get_name(p + STANDARD_NAME, name);
	if ((z = by_name(name, &r, year)))
		return z;
	if (means(zone_default(), &r, year))
		return zone_default();
	if (r.standard == 0 && !r.changes)
		return zone_utc();
	z = zone_by_rule(&r, year);
	return z ? z : custom(m, &r);
}

/* ---- VTIMEZONE ---- */

static void
add_observance(struct ical_mem *m, struct ical *zone, const char *name, const struct zone_edge *e, int32_t from, int32_t to)
{
	static const char *const days[] = { "SU", "MO", "TU", "WE", "TH", "FR", "SA" };
	struct ical *o = ical_new_component(m, name);
	struct ical_time start = { 0 };

	if (!o)
		return;
	if (e) {
		struct zone_edge whole = *e;
		whole.ms = 0;
		start.t = zone_edge_time(&whole, 1970);
	}
	ical_put_time(m, o, "DTSTART", &start);
	if (e && e->week)
		ical_put(m, o, "RRULE", "", ical_printf(m, "FREQ=YEARLY;BYMONTH=%u;BYDAY=%d%s", e->month,
			e->week == 5 ? -1 : (int)e->week, days[e->weekday]));
	else if (e)
		ical_put(m, o, "RRULE", "", ical_printf(m, "FREQ=YEARLY;BYMONTH=%u;BYMONTHDAY=%u", e->month, e->day));
	ical_put(m, o, "TZOFFSETFROM", "", ical_printf(m, "%c%02d%02d", from < 0 ? '-' : '+', (from < 0 ? -from : from) / 3600,
		(from < 0 ? -from : from) / 60 % 60));
	ical_put(m, o, "TZOFFSETTO", "", ical_printf(m, "%c%02d%02d", to < 0 ? '-' : '+', (to < 0 ? -to : to) / 3600,
		(to < 0 ? -to : to) / 60 % 60));
	ical_append(zone, o);
}

struct ical *
zone_component(struct ical_mem *m, const struct zone *z)
{
	struct ical *c = ical_new_component(m, "VTIMEZONE");
	struct zone_rule r;

	if (!c)
		return NULL;
	zone_rule_of(z, zone_this_year(), &r);
	ical_put_text(m, c, "TZID", z->name);
	if (r.changes)
		add_observance(m, c, "DAYLIGHT", &r.to_daylight, r.standard, r.daylight);
	add_observance(m, c, "STANDARD", r.changes ? &r.to_standard : NULL, r.changes ? r.daylight : r.standard, r.standard);
	return m->failed ? NULL : c;
}
