/* The compiled files of tzdata (RFC 8536).
 *
 * Read here and not by libical: the VTIMEZONEs that version 3.0.16 makes of them hold rules that only its own expansion takes for what
 * is meant (BYDAY=SA;BYMONTHDAY=1;BYMONTH=10 for each 1st of October), and some changes are missing (London, autumn of 1977).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "eas/timezone_internal.h"

#define DIRECTORY "/usr/share/zoneinfo"
#define FILE_MAX (64u << 10)
#define DAY INT64_C(86400)
#define LAST_YEAR 2100
#define CHANGES_MAX 4096

struct counts {
	size_t isut, isstd, leap, time, type, chars;
};

struct file {
	const unsigned char *p, *end;
};

static uint32_t
be32(const unsigned char *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static int64_t
be64(const unsigned char *p)
{
	return (int64_t)((uint64_t)be32(p) << 32 | be32(p + 4));
}

static bool
read_header(struct file *f, char *version_r, struct counts *c)
{
	if (f->end - f->p < 44 || memcmp(f->p, "TZif", 4) != 0)
		return false;
	*version_r = (char)f->p[4];
	*c = (struct counts){ be32(f->p + 20), be32(f->p + 24), be32(f->p + 28), be32(f->p + 32), be32(f->p + 36), be32(f->p + 40) };
	f->p += 44;
	return c->isut < FILE_MAX && c->isstd < FILE_MAX && c->leap < FILE_MAX && c->time < FILE_MAX && c->type < 256 && c->chars < FILE_MAX;
}

static size_t
block_size(const struct counts *c, size_t width)
{
	return c->time * (width + 1) + c->type * 6 + c->chars + c->leap * (width + 4) + c->isstd + c->isut;
}

/* ---- the rule behind the table, as POSIX TZ ---- */

struct posix_edge {
	char kind;              /* M, J (without February 29th) or N (with it) */
	unsigned month, week, day;
	int32_t time;           /* seconds; may be negative or beyond a day */
};

struct posix {
	int32_t standard, daylight; /* seconds east */
	bool changes;
	struct posix_edge begin, end;
};

static bool
number(const char **p, unsigned max, unsigned *v_r)
{
	unsigned v = 0, n = 0;

	for (; **p >= '0' && **p <= '9' && n < 4; n++)
		v = v * 10 + (unsigned)(*(*p)++ - '0');
	*v_r = v;
	return n > 0 && v <= max;
}

static bool
skip_name(const char **p)
{
	const char *s = *p;

	if (*s == '<') {
		s = strchr(s, '>');
		if (!s)
			return false;
		*p = s + 1;
		return true;
	}
	while ((*s >= 'A' && *s <= 'Z') || (*s >= 'a' && *s <= 'z'))
		s++;
	bool any = s > *p;
	*p = s;
	return any;
}

/* [+-]hh[:mm[:ss]] */
static bool
clock_value(const char **p, int32_t *v_r)
{
	bool negative = **p == '-';
	unsigned h, m = 0, s = 0;

	if (**p == '-' || **p == '+')
		(*p)++;
	if (!number(p, 167, &h))
		return false;
	if (**p == ':') {
		(*p)++;
		if (!number(p, 59, &m))
			return false;
	}
	if (**p == ':') {
		(*p)++;
		if (!number(p, 59, &s))
			return false;
	}
	*v_r = (int32_t)(h * 3600 + m * 60 + s) * (negative ? -1 : 1);
	return true;
}

static bool
edge(const char **p, struct posix_edge *e)
{
	*e = (struct posix_edge){ .kind = 'N', .time = 7200 };
	if (*(*p)++ != ',')
		return false;
	if (**p == 'M') {
		e->kind = *(*p)++;
		if (!number(p, 12, &e->month) || e->month < 1 || *(*p)++ != '.' || !number(p, 5, &e->week) || e->week < 1 ||
		    *(*p)++ != '.' || !number(p, 6, &e->day))
			return false;
	} else {
		if (**p == 'J')
			e->kind = *(*p)++;
		if (!number(p, 365, &e->day))
			return false;
	}
	if (**p == '/') {
		(*p)++;
		return clock_value(p, &e->time);
	}
	return true;
}

static bool
parse_posix(const char *s, struct posix *r)
{
	*r = (struct posix){ 0 };
	if (!skip_name(&s) || !clock_value(&s, &r->standard))
		return false;
	r->standard = -r->standard;
	r->daylight = r->standard + 3600;
	if (!*s)
		return true;
	r->changes = true;
	if (!skip_name(&s))
		return false;
	if (*s != ',') {
		if (!clock_value(&s, &r->daylight))
			return false;
		r->daylight = -r->daylight;
	}
	return edge(&s, &r->begin) && edge(&s, &r->end) && !*s;
}

static int64_t
edge_time(const struct posix_edge *e, int64_t year)
{
	if (e->kind == 'M') {
		struct zone_edge z = { .month = e->month, .week = e->week, .weekday = e->day };
		return zone_edge_time(&z, year) + e->time;
	}
	int64_t day = (int64_t)e->day;
	if (e->kind == 'J')
		day += ical_month_days(year, 2) == 29 && e->day >= 60 ? 0 : -1;
	return (ical_days(year, 1, 1) + day) * DAY + e->time;
}

/* ---- the table ---- */

static void
add(struct zone_change *list, size_t *n, int64_t utc, int32_t offset)
{
	if (*n < CHANGES_MAX && (*n == 0 || utc > list[*n - 1].utc))
		list[(*n)++] = (struct zone_change){ utc, offset };
}

static void
extend(const struct posix *r, struct zone_change *list, size_t *n)
{
	struct ical_civil c = { .year = 1970 };

	if (!r->changes)
		return;
	if (*n)
		ical_civil(list[*n - 1].utc, &c);
	for (int64_t year = c.year; year <= LAST_YEAR; year++) {
		int64_t summer = edge_time(&r->begin, year) - r->standard, winter = edge_time(&r->end, year) - r->daylight;
		if (summer < winter)
			add(list, n, summer, r->daylight);
		add(list, n, winter, r->standard);
		if (summer >= winter)
			add(list, n, summer, r->daylight);
	}
}

static bool
read_table(struct ical_mem *m, const struct file *f, const struct counts *c, const char *footer, struct zone *z_r)
{
	const unsigned char *times = f->p, *index = times + c->time * 8, *types = index + c->time;
	struct zone_change *list = ical_alloc(m, CHANGES_MAX, sizeof *list);
	struct posix rule;
	size_t n = 0;

	if (!list || c->type == 0)
		return false;
	for (size_t i = 0; i < c->time; i++) {
		if (index[i] >= c->type)
			return false;
		add(list, &n, be64(times + i * 8), (int32_t)be32(types + index[i] * 6));
	}
	if (parse_posix(footer, &rule))
		extend(&rule, list, &n);
	*z_r = (struct zone){ .first = (int32_t)be32(types), .n = n, .changes = list };
	return true;
}

bool
zone_parse_tzif(struct ical_mem *m, struct slice bytes, struct zone *z_r)
{
	struct file f = { bytes.ptr, bytes.ptr + bytes.len };
	struct counts c;
	char version, footer[128];

	/* The first block is for readers of 32 bits. */
	if (!read_header(&f, &version, &c) || version < '2' || (size_t)(f.end - f.p) < block_size(&c, 4))
		return false;
	f.p += block_size(&c, 4);
	if (!read_header(&f, &version, &c) || (size_t)(f.end - f.p) < block_size(&c, 8))
		return false;
	const unsigned char *tail = f.p + block_size(&c, 8);
	size_t n = (size_t)(f.end - tail), len = 0;
	if (n > 0 && *tail == '\n')
		for (tail++, n--; len < n && len < sizeof footer - 1 && tail[len] != '\n'; len++)
			footer[len] = (char)tail[len];
	footer[len] = '\0';
	return read_table(m, &f, &c, footer, z_r);
}

/* ---- files ---- */

/* Names of one zone. A tzdata need not have both (Debian has the older ones in tzdata-legacy); Windows' zones, phones
 * and calendars use either. */
static const char *const pairs[][2] = {
	{ "Africa/Asmera", "Africa/Asmara" }, { "America/Buenos_Aires", "America/Argentina/Buenos_Aires" },
	{ "America/Catamarca", "America/Argentina/Catamarca" }, { "America/Cordoba", "America/Argentina/Cordoba" },
	{ "America/Godthab", "America/Nuuk" }, { "America/Indianapolis", "America/Indiana/Indianapolis" },
	{ "America/Jujuy", "America/Argentina/Jujuy" }, { "America/Louisville", "America/Kentucky/Louisville" },
	{ "America/Mendoza", "America/Argentina/Mendoza" }, { "Asia/Calcutta", "Asia/Kolkata" },
	{ "Asia/Dacca", "Asia/Dhaka" }, { "Asia/Katmandu", "Asia/Kathmandu" }, { "Asia/Macao", "Asia/Macau" },
	{ "Asia/Rangoon", "Asia/Yangon" }, { "Asia/Saigon", "Asia/Ho_Chi_Minh" }, { "Asia/Tel_Aviv", "Asia/Jerusalem" },
	{ "Atlantic/Faeroe", "Atlantic/Faroe" }, { "Europe/Kiev", "Europe/Kyiv" }, { "Pacific/Enderbury", "Pacific/Kanton" },
	{ "Pacific/Ponape", "Pacific/Pohnpei" }, { "Pacific/Truk", "Pacific/Chuuk" }, { "US/Alaska", "America/Anchorage" },
	{ "US/Arizona", "America/Phoenix" }, { "US/Central", "America/Chicago" }, { "US/Eastern", "America/New_York" },
	{ "US/Hawaii", "Pacific/Honolulu" }, { "US/Mountain", "America/Denver" }, { "US/Pacific", "America/Los_Angeles" },
};

static const char *
other_name(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(pairs); i++)
		for (unsigned k = 0; k < 2; k++)
			if (strcmp(pairs[i][k], name) == 0)
				return pairs[i][1 - k];
	return NULL;
}

static FILE *
open_zone(struct ical_mem *m, const char *name)
{
	const char *directory = getenv("TZDIR");
	char *path = name ? ical_printf(m, "%s/%s", directory && *directory ? directory : DIRECTORY, name) : NULL;

	return path ? fopen(path, "rbe") : NULL;
}

bool
zone_read_tzif(struct ical_mem *m, const char *name, struct zone *z_r)
{
	unsigned char *bytes = ical_alloc(m, FILE_MAX, 1);
	FILE *in = bytes ? open_zone(m, name) : NULL;

	if (!in && bytes)
		in = open_zone(m, other_name(name));
	if (!in)
		return false;
	size_t n = fread(bytes, 1, FILE_MAX, in);
	(void)fclose(in);
	return zone_parse_tzif(m, slice(bytes, n), z_r);
}
