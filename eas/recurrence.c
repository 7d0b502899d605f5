/* RRULE to and from the Recurrence of EAS. */
#include "eas/recurrence.h"

#include <string.h>

#define EVERY_DAY 127u
#define LAST 5u

/* ---- from RRULE ---- */

/* What the translation of one rule works on. */
struct mapping {
	const struct rrule *r;
	struct ical_civil start;
	unsigned weekday;      /* of the start */
	struct recurrence *rec;
	bool exact;
};

static bool
list_has(const struct rrule_list *l, int v)
{
	for (unsigned i = 0; i < l->n; i++)
		if (l->v[i] == v)
			return true;
	return false;
}

/* Hours, minutes and seconds: nothing but the start's own, or the start's among several. */
static bool
map_clock(struct mapping *m)
{
	const struct rrule *r = m->r;

	if ((r->by_hour.n && !list_has(&r->by_hour, (int)m->start.hour)) ||
	    (r->by_minute.n && !list_has(&r->by_minute, (int)m->start.minute)) ||
	    (r->by_second.n && !list_has(&r->by_second, (int)m->start.second)))
		return false;
	if (r->by_hour.n > 1 || r->by_minute.n > 1 || r->by_second.n > 1)
		m->exact = false;
	return true;
}

static unsigned
day_bits(const struct rrule *r)
{
	unsigned bits = 0;

	for (unsigned i = 0; i < r->by_day.n; i++)
		bits |= 1u << r->by_day.v[i].day;
	return bits;
}

/* Every weekday given is meant as such, not the nth of something. */
static bool
plain_days(const struct rrule *r)
{
	for (unsigned i = 0; i < r->by_day.n; i++)
		if (r->by_day.v[i].nth)
			return false;
	return true;
}

int64_t
recurrence_gcd(int64_t a, int64_t b)
{
	while (b) {
		int64_t t = a % b;
		a = b;
		b = t;
	}
	return a;
}

static bool
map_hourly(struct mapping *m)
{
	unsigned n = m->r->interval;

	m->exact = m->exact && n % 24 == 0;
	m->rec->type = 0;
	m->rec->interval = n / (unsigned)recurrence_gcd(n, 24); /* days until it is the same hour again */
	return true;
}

static bool
map_weekly(struct mapping *m, unsigned interval, unsigned days)
{
	m->rec->type = 1;
	m->rec->interval = interval;
	m->rec->days = days;
	m->rec->first_day = (int)m->r->week_start;
	return true;
}

static bool
map_daily(struct mapping *m)
{
	const struct rrule *r = m->r;

	if (r->by_pos.n || !plain_days(r))
		return false;
	if (r->by_month_day.n || r->by_month.n) {
		/* Only the start's own day of the month, in its own month, is surely among them. */
		if (r->interval != 1 || r->by_day.n ||
		    (r->by_month_day.n && !list_has(&r->by_month_day, (int)m->start.day)) ||
		    (r->by_month.n && !list_has(&r->by_month, (int)m->start.month)))
			return false;
		m->exact = m->exact && r->by_month_day.n == 1 && r->by_month.n <= 1;
		m->rec->type = r->by_month.n ? 5 : 2;
		m->rec->day = m->start.day;
		m->rec->month = r->by_month.n ? m->start.month : 0;
		return true;
	}
	if (!r->by_day.n) {
		m->rec->type = 0;
		m->rec->interval = r->interval;
		return true;
	}
	if (r->interval == 1)
		return map_weekly(m, 1, day_bits(r));
	if (!(day_bits(r) & 1u << m->weekday))
		return false;
	m->exact = false;
	return map_weekly(m, r->interval / (unsigned)recurrence_gcd(r->interval, 7), 1u << m->weekday);
}

/* BYDAY=SU;BYMONTHDAY=8,9,10,11,12,13,14 is another way to say the second Sunday; 0 if it is not of this kind. */
static unsigned
week_by_days(const struct rrule *r)
{
	if (r->by_day.n != 1 || r->by_day.v[0].nth || r->by_month_day.n != 7 || r->by_pos.n)
		return 0;
	for (unsigned week = 1; week <= 4; week++) {
		unsigned hits = 0;
		for (int d = (int)week * 7 - 6; d <= (int)week * 7; d++)
			hits += list_has(&r->by_month_day, d);
		if (hits == 7)
			return week;
	}
	return 0;
}

static bool
set_nth(struct mapping *m, unsigned days, int nth)
{
	if (nth != -1 && (nth < 1 || nth > 4))
		return false;
	m->rec->type = 3;
	m->rec->day = 0;
	m->rec->days = days;
	m->rec->week = nth == -1 ? LAST : (unsigned)nth;
	return true;
}

/* Several places in the list of such days of a month (BYSETPOS=1,3): the one that the start has. */
static bool
map_place_of_start(struct mapping *m)
{
	unsigned bits = day_bits(m->r), in_month = ical_month_days(m->start.year, m->start.month);
	int front = 0, back = 0;

	if (!(bits & 1u << m->weekday))
		return false;
	for (unsigned d = 1; d <= in_month; d++) {
		bool listed = bits & 1u << (m->weekday + 35 + d - m->start.day) % 7;
		front += listed && d <= m->start.day;
		back -= listed && d >= m->start.day;
	}
	m->exact = false;
	for (unsigned i = 0; i < m->r->by_pos.n; i++) {
		int nth = m->r->by_pos.v[i];
		if ((nth == front || nth == back) && set_nth(m, bits, nth))
			return true;
	}
	return false;
}

/* The weekdays of a month: the nth one, or the one of a list that the start is. */
static bool
map_month_days_of_week(struct mapping *m)
{
	const struct rrule *r = m->r;

	if (plain_days(r)) {
		if (r->by_pos.n == 1)
			return set_nth(m, day_bits(r), r->by_pos.v[0]);
		if (r->by_pos.n)
			return map_place_of_start(m);
		if (r->by_month.n || m->rec->interval != 1)
			return false;
		return map_weekly(m, 1, day_bits(r)); /* every Monday of every month */
	}
	if (r->by_pos.n)
		return false;
	if (r->by_day.n == 1)
		return set_nth(m, day_bits(r), r->by_day.v[0].nth);
	unsigned in_month = ical_month_days(m->start.year, m->start.month);
	int front = (int)(m->start.day - 1) / 7 + 1, back = -(int)((in_month - m->start.day) / 7) - 1;
	m->exact = false;
	for (unsigned i = 0; i < r->by_day.n; i++) {
		int nth = r->by_day.v[i].nth;
		if (r->by_day.v[i].day == m->weekday && (nth == front || nth == back) &&
		    set_nth(m, 1u << m->weekday, nth))
			return true;
	}
	return false;
}

/* BYMONTHDAY=28,29,30,31;BYSETPOS=-1 is another way to say the last day. */
static bool
last_of_days(const struct rrule *r)
{
	bool all = true;

	for (int d = 28; d <= 31; d++)
		all = all && list_has(&r->by_month_day, d);
	return all && r->by_month_day.n == 4 && r->by_pos.n == 1 && r->by_pos.v[0] == -1;
}

/* What a month has: a day, a weekday's turn. rec becomes type 2 or 3. */
static bool
map_month(struct mapping *m)
{
	const struct rrule *r = m->r;

	if (week_by_days(r))
		return set_nth(m, day_bits(r), (int)week_by_days(r));
	if (r->by_month_day.n && r->by_day.n)
		return false;
	if (r->by_day.n)
		return map_month_days_of_week(m);
	if (last_of_days(r))
		return set_nth(m, EVERY_DAY, -1);
	m->rec->type = 2;
	m->rec->day = m->start.day;
	if (r->by_pos.n && !(r->by_month_day.n == 1 && r->by_pos.n == 1 &&
	    (r->by_pos.v[0] == 1 || r->by_pos.v[0] == -1)))
		return false;
	if (r->by_month_day.n == 1) {
		int day = r->by_month_day.v[0];
		if (day == -1)
			return set_nth(m, EVERY_DAY, -1);
		m->rec->day = (unsigned)day;
		return day > 0;
	}
	if (r->by_month_day.n) {
		m->exact = false;
		return list_has(&r->by_month_day, (int)m->start.day);
	}
	return true;
}

static bool
map_months_of_year(struct mapping *m)
{
	const struct rrule *r = m->r;

	m->rec->month = r->by_month.n == 1 ? (unsigned)r->by_month.v[0] : m->start.month;
	if (r->by_month.n > 1) {
		m->exact = false;
		if (!list_has(&r->by_month, (int)m->start.month))
			return false;
	}
	if (!map_month(m) || m->rec->type == 1)
		return false;
	m->rec->type += 3; /* 2 to 5, 3 to 6 */
	return true;
}

static bool
map_monthly(struct mapping *m)
{
	m->rec->interval = m->r->interval;
	if (!m->r->by_month.n)
		return map_month(m);
	if (m->r->interval != 1)
		return false;
	return map_months_of_year(m);
}

static bool
map_yearly(struct mapping *m)
{
	const struct rrule *r = m->r;

	m->rec->interval = r->interval;
	if (r->by_year_day.n || r->by_week.n)
		return false;
	if (r->by_month.n)
		return map_months_of_year(m);
	if (r->by_pos.n || (r->by_day.n && (!plain_days(r) || r->by_month_day.n)))
		return false;
	if (r->by_day.n || r->by_month_day.n) /* of every month of the year */
		return r->interval == 1 && map_month(m);
	m->rec->type = 5;
	m->rec->month = m->start.month;
	m->rec->day = m->start.day;
	return true;
}

bool
recurrence_from_rrule(const struct rrule *r, int64_t start, struct recurrence *rec_r, bool *exact_r)
{
	struct mapping m = { .r = r, .weekday = ical_weekday(start), .rec = rec_r, .exact = true };
	bool ok = false;

	ical_civil(start, &m.start);
	*rec_r = (struct recurrence){ .interval = 1, .first_day = -1 };
	if (!rrule_expandable(r) || !map_clock(&m))
		return false;
	switch (r->freq) {
	case RRULE_SECONDLY:
	case RRULE_MINUTELY:
		return false;
	case RRULE_HOURLY:
		ok = map_hourly(&m);
		break;
	case RRULE_DAILY:
		ok = map_daily(&m);
		break;
	case RRULE_WEEKLY:
		ok = !r->by_pos.n && !r->by_month.n && !r->by_month_day.n && plain_days(r) &&
			map_weekly(&m, r->interval, r->by_day.n ? day_bits(r) : 1u << m.weekday);
		break;
	case RRULE_MONTHLY:
		ok = map_monthly(&m);
		break;
	case RRULE_YEARLY:
		ok = map_yearly(&m);
		break;
	}
	*exact_r = m.exact;
	if (ok && m.exact)
		rec_r->occurrences = r->count;
	return ok && rec_r->interval <= 999;
}

bool
recurrence_repeats(const struct ical *component)
{
	const struct ical *line = ical_line(component, "RRULE");
	struct rrule r;

	return line && (ical_next_line(line, "RRULE") || !rrule_parse(line->value, &r) || r.count != 1);
}

/* ---- to RRULE ---- */

static void
add_days(struct buf *b, unsigned days, int nth)
{
	static const char *const names[] = { "SU", "MO", "TU", "WE", "TH", "FR", "SA" };
	const char *between = ";BYDAY=";

	for (unsigned i = 0; i < 7; i++)
		if (days & 1u << i) {
			buf_add_str(b, between);
			if (nth)
				buf_printf(b, "%d", nth);
			buf_add_str(b, names[i]);
			between = ",";
		}
}

static void
add_month_part(struct buf *b, const struct recurrence *rec)
{
	int nth = rec->week == LAST ? -1 : (int)rec->week;
	bool single = (rec->days & (rec->days - 1)) == 0;

	if (rec->type == 2 || rec->type == 5) {
		buf_printf(b, ";BYMONTHDAY=%u", rec->day);
	} else if (rec->days == EVERY_DAY) {
		buf_printf(b, ";BYMONTHDAY=%d", nth);
	} else {
		add_days(b, rec->days, single ? nth : 0);
		if (!single)
			buf_printf(b, ";BYSETPOS=%d", nth);
	}
}

char *
recurrence_to_rrule(struct ical_mem *m, const struct recurrence *rec, const char *until_text)
{
	static const char *const freq[] = { "DAILY", "WEEKLY", "MONTHLY", "MONTHLY", "", "YEARLY", "YEARLY" };
	static const char *const names[] = { "SU", "MO", "TU", "WE", "TH", "FR", "SA" };
	AUTO(buf_finish) struct buf b = { 0 };

	buf_init(&b, 0);
	bool weekly = rec->type == 1 || (rec->type == 0 && rec->days && rec->days != EVERY_DAY && rec->interval <= 1);
	buf_printf(&b, "FREQ=%s", weekly ? "WEEKLY" : freq[rec->type]);
	if (rec->interval > 1)
		buf_printf(&b, ";INTERVAL=%u", rec->interval);
	if (rec->occurrences)
		buf_printf(&b, ";COUNT=%u", rec->occurrences);
	else if (rec->has_until && until_text)
		buf_printf(&b, ";UNTIL=%s", until_text);
	if (weekly)
		add_days(&b, rec->days, 0);
	if (rec->type == 5 || rec->type == 6)
		buf_printf(&b, ";BYMONTH=%u", rec->month);
	if (rec->type >= 2)
		add_month_part(&b, rec);
	if (weekly && rec->first_day >= 0)
		buf_printf(&b, ";WKST=%s", names[rec->first_day]);
	const char *s = buf_str(&b);
	char *text = s ? ical_dup(m, s, b.len) : NULL;
	m->failed = m->failed || !text;
	return text;
}

/* ---- comparing ---- */

static void
normalise(struct recurrence *r, int64_t start)
{
	struct ical_civil c;

	ical_civil(start, &c);
	if (r->interval == 0)
		r->interval = 1;
	if (r->type == 0 && r->interval == 1 && r->days && r->days != EVERY_DAY)
		r->type = 1;
	if (r->type == 1 && !r->days)
		r->days = 1u << ical_weekday(start);
	if (r->type == 1 && r->interval == 1 && r->days == EVERY_DAY)
		r->type = 0;
	if (r->type == 0)
		r->days = 0;
	if ((r->type == 3 || r->type == 6) && r->days == EVERY_DAY && r->week != LAST) {
		r->type--;
		r->day = r->week;
	}
	if ((r->type == 2 || r->type == 5) && !r->day)
		r->day = c.day;
	if (r->type >= 5 && !r->month)
		r->month = c.month;
	if (r->type < 5)
		r->month = 0;
	if (r->type == 2 || r->type == 5)
		r->days = r->week = 0;
	else
		r->day = 0;
	if (r->type < 3)
		r->week = 0;
	/* Where a week begins matters only if some are skipped and others have several days. */
	if (r->type != 1 || r->interval == 1 || (r->days & (r->days - 1)) == 0)
		r->first_day = -1;
}

/* Of a rule that counts days it can be seen which instance is the last. */
static void
count_days(struct recurrence *r, int64_t start)
{
	int64_t days = (ical_midnight(r->until) - ical_midnight(start)) / 86400;

	if (!r->has_until || r->occurrences || days < 0 || days / r->interval >= 999)
		return;
	r->occurrences = (unsigned)(days / r->interval) + 1;
	r->has_until = false;
}

bool
recurrence_same(const struct recurrence *a, const struct recurrence *b, int64_t start)
{
	struct recurrence x = *a, y = *b;

	normalise(&x, start);
	normalise(&y, start);
	if (x.type == 0 && y.type == 0) {
		count_days(&x, start);
		count_days(&y, start);
	}
	if (x.first_day >= 0 && y.first_day >= 0 && x.first_day != y.first_day)
		return false;
	if (x.type != y.type || x.interval != y.interval || x.days != y.days || x.day != y.day || x.week != y.week ||
	    x.month != y.month || x.occurrences != y.occurrences || x.regenerate != y.regenerate)
		return false;
	if (x.occurrences)
		return true;
	if (x.has_until != y.has_until)
		return false;
	return !x.has_until || ical_midnight(x.until) == ical_midnight(y.until);
}
