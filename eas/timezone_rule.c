/* Two changes a year: what a zone's table comes to, and the other way round. */
#include <string.h>

#include "eas/timezone_internal.h"

#define DAY INT64_C(86400)
#define YEARS 12 /* that a rule should fit */

int64_t
zone_edge_time(const struct zone_edge *e, int64_t year)
{
	int64_t first = ical_days(year, e->month, 1), day = (int64_t)e->day - 1;
	unsigned in_month = ical_month_days(year, e->month);

	if (e->week) {
		day = (e->weekday + 7 - ical_weekday(first * DAY)) % 7 + (e->week - 1) * 7;
		while (day >= in_month)
			day -= 7;
	}
	int64_t t = (first + day) * DAY + (int64_t)e->hour * 3600 + (int64_t)e->minute * 60 + (int64_t)e->second;
	return t + (e->ms >= 500);
}

/* The changes of a year that change something; at most max. */
static size_t
changes_of(const struct zone *z, int64_t year, struct zone_change *list, int32_t *before, size_t max)
{
	int64_t begin = ical_days(year, 1, 1) * DAY, end = ical_days(year + 1, 1, 1) * DAY;
	int32_t offset = zone_offset(z, begin - 1);
	size_t n = 0, low = 0, high = z->n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		if (z->changes[mid].utc < begin)
			low = mid + 1;
		else
			high = mid;
	}
	for (size_t i = low; i < z->n && z->changes[i].utc < end; i++) {
		if (z->changes[i].offset == offset)
			continue;
		if (n < max) {
			list[n] = z->changes[i];
			before[n] = offset;
		}
		n++;
		offset = z->changes[i].offset;
	}
	return n;
}

/* The wall clock at which the zone changes to that offset in a year; false if it does not just once. */
static bool
change_to(const struct zone *z, int64_t year, int32_t to, int64_t *local_r)
{
	struct zone_change list[2];
	int32_t before[2];
	size_t n = changes_of(z, year, list, before, 2);

	for (size_t i = 0; i < n && n <= 2; i++)
		if (list[i].offset == to) {
			*local_r = list[i].utc + before[i];
			return true;
		}
	return false;
}

static unsigned
fits(const struct zone *z, const struct zone_edge *e, int64_t year, int32_t to)
{
	unsigned n = 0;
	int64_t local;

	for (int64_t y = year; y < year + YEARS; y++)
		n += change_to(z, y, to, &local) && local == zone_edge_time(e, y);
	return n;
}

/* The forms that a change of this year can be said in, and the one that fits most of the following years. */
static void
find_edge(const struct zone *z, int64_t year, int32_t to, int64_t local, struct zone_edge *e_r)
{
	unsigned best = 0;

	/* A change at midnight may be one at 24:00 of the day before. */
	for (int night = 0; night <= (local % DAY == 0); night++) {
		struct ical_civil c;
		ical_civil(night ? local - 1 : local, &c);
		struct zone_edge e = { .month = c.month, .weekday = ical_weekday(night ? local - 1 : local), .day = c.day,
			.hour = c.hour, .minute = c.minute, .second = c.second, .ms = night ? 999 : 0 };
		bool last = c.day + 7 > ical_month_days(c.year, c.month);
		for (unsigned form = 0; form < 2; form++) {
			e.week = form == 0 && last ? 5 : (c.day - 1) / 7 + 1;
			unsigned n = fits(z, &e, year, to);
			if (n > best) {
				best = n;
				*e_r = e;
			}
		}
	}
	e_r->day = e_r->week;
}

void
zone_rule_of(const struct zone *z, int64_t year, struct zone_rule *r_r)
{
	struct zone_change list[2];
	int32_t before[2];
	size_t n = changes_of(z, year, list, before, 2);

	*r_r = (struct zone_rule){ 0 };
	r_r->standard = r_r->daylight = zone_offset(z, ical_days(year + 1, 1, 1) * DAY - 1);
	if (n != 2 || list[1].offset != before[0])
		return;
	unsigned summer = list[0].offset > before[0] ? 0 : 1;
	r_r->changes = true;
	r_r->daylight = list[summer].offset;
	r_r->standard = list[1 - summer].offset;
	find_edge(z, year, r_r->daylight, list[summer].utc + before[summer], &r_r->to_daylight);
	find_edge(z, year, r_r->standard, list[1 - summer].utc + before[1 - summer], &r_r->to_standard);
}

/* But for a second, by which 23:59:59 and midnight differ. */
static bool
same_edge(const struct zone_edge *a, const struct zone_edge *b, int64_t year)
{
	int64_t d = zone_edge_time(a, year) - zone_edge_time(b, year);
	return d >= -1 && d <= 1;
}

static bool
same_year(const struct zone_rule *a, const struct zone_rule *b, int64_t year)
{
	return same_edge(&a->to_standard, &b->to_standard, year) && same_edge(&a->to_daylight, &b->to_daylight, year);
}

bool
zone_rule_same(const struct zone_rule *a, const struct zone_rule *b, int64_t year)
{
	if (a->standard != b->standard || a->changes != b->changes)
		return false;
	/* A rule can be right for one year only (Jerusalem, Casablanca). */
	return !a->changes || (a->daylight == b->daylight && (same_year(a, b, year) || same_year(a, b, year + 1)));
}

bool
zone_same_clocks(const struct zone *a, const struct zone *b, int64_t year)
{
	struct zone_rule x, y;

	if (a == b)
		return true;
	zone_rule_of(a, year, &x);
	zone_rule_of(b, year, &y);
	return zone_rule_same(&x, &y, year);
}

bool
zone_of_rule(struct ical_mem *m, const struct zone_rule *r, const char *name, struct zone *z_r)
{
	size_t n = 0;

	*z_r = (struct zone){ .name = name, .first = r->standard };
	if (!r->changes)
		return true;
	struct zone_change *list = ical_alloc(m, 2 * (2101 - 1970), sizeof *list);
	if (!list)
		return false;
	for (int64_t year = 1970; year <= 2100; year++) {
		struct zone_change summer = { zone_edge_time(&r->to_daylight, year) - r->standard, r->daylight };
		struct zone_change winter = { zone_edge_time(&r->to_standard, year) - r->daylight, r->standard };
		bool north = summer.utc < winter.utc;
		list[n++] = north ? summer : winter;
		list[n++] = north ? winter : summer;
	}
	z_r->n = n;
	z_r->changes = list;
	if (list[0].offset == r->standard)
		z_r->first = r->daylight;
	return true;
}
