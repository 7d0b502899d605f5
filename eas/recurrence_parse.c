/* RRULE as text: parsing, and whether it may be expanded. */
#include <string.h>

#include "base/text.h"
#include "eas/recurrence.h"

/* A whole number from -max to max, without 0 unless zero is allowed; leaves *p behind it. */
static bool
number(const char **p, int max, bool zero, int *v_r)
{
	bool negative = **p == '-';
	int v = 0, n = 0;

	if (**p == '-' || **p == '+')
		(*p)++;
	for (; **p >= '0' && **p <= '9' && n < 6; n++)
		v = v * 10 + (*(*p)++ - '0');
	*v_r = negative ? -v : v;
	return n > 0 && v <= max && (zero || v != 0);
}

static bool
parse_list(const char *s, int max, bool zero, bool negative, struct rrule_list *list)
{
	int v;

	for (list->n = 0;; s++) {
		s += strspn(s, " ");
		if (!number(&s, max, zero, &v) || (v < 0 && !negative) || list->n >= RRULE_LIST_MAX)
			return false;
		list->v[list->n++] = (int16_t)v;
		if (*s == '\0')
			return true;
		if (*s != ',')
			return false;
	}
}

static int
weekday(const char *s)
{
	static const char names[][3] = { "SU", "MO", "TU", "WE", "TH", "FR", "SA" };

	for (int i = 0; i < 7; i++)
		if (text_ncasecmp(s, names[i], 2) == 0)
			return i;
	return -1;
}

static bool
parse_days(const char *s, struct rrule *r)
{
	for (r->by_day.n = 0;; s++) {
		int nth = 0;
		s += strspn(s, " ");
		if ((*s == '-' || *s == '+' || (*s >= '0' && *s <= '9')) && !number(&s, 53, false, &nth))
			return false;
		int day = weekday(s);
		if (day < 0 || r->by_day.n >= RRULE_LIST_MAX)
			return false;
		r->by_day.v[r->by_day.n].nth = (int16_t)nth;
		r->by_day.v[r->by_day.n++].day = (uint8_t)day;
		s += 2;
		if (*s == '\0')
			return true;
		if (*s != ',')
			return false;
	}
}

static bool
parse_freq(const char *s, enum rrule_freq *f_r)
{
	static const char *const names[] = { "SECONDLY", "MINUTELY", "HOURLY", "DAILY", "WEEKLY", "MONTHLY", "YEARLY" };

	for (unsigned i = 0; i < ARRAY_LEN(names); i++)
		if (text_casecmp(s, names[i]) == 0) {
			*f_r = (enum rrule_freq)i;
			return true;
		}
	return false;
}

static bool
parse_unsigned(const char *s, unsigned max, unsigned *v_r)
{
	uint64_t v;

	if (!text_to_u64(s, &v))
		return false;
	*v_r = v > max ? max : (unsigned)v;
	return true;
}

static bool
parse_part(const char *name, const char *v, struct rrule *r)
{
	static const struct {
		const char *name;
		size_t offset;
		int max;
		bool zero, negative;
	} lists[] = {
		{ "BYMONTH", offsetof(struct rrule, by_month), 12, false, false },
		{ "BYMONTHDAY", offsetof(struct rrule, by_month_day), 31, false, true },
		{ "BYYEARDAY", offsetof(struct rrule, by_year_day), 366, false, true },
		{ "BYWEEKNO", offsetof(struct rrule, by_week), 53, false, true },
		{ "BYSETPOS", offsetof(struct rrule, by_pos), 366, false, true },
		{ "BYHOUR", offsetof(struct rrule, by_hour), 23, true, false },
		{ "BYMINUTE", offsetof(struct rrule, by_minute), 59, true, false },
		{ "BYSECOND", offsetof(struct rrule, by_second), 59, true, false },
	};

	if (text_casecmp(name, "INTERVAL") == 0)
		return parse_unsigned(v, 30000, &r->interval) && r->interval > 0;
	if (text_casecmp(name, "COUNT") == 0)
		return parse_unsigned(v, 1000000, &r->count) && r->count > 0;
	if (text_casecmp(name, "UNTIL") == 0)
		return (r->has_until = ical_time_parse(v, &r->until));
	if (text_casecmp(name, "WKST") == 0) {
		int day = weekday(v);
		r->week_start = day < 0 ? 1 : (unsigned)day;
		return day >= 0;
	}
	if (text_casecmp(name, "BYDAY") == 0)
		return parse_days(v, r);
	if (text_casecmp(name, "RSCALE") == 0) {
		r->other_calendar = r->other_calendar || text_casecmp(v, "GREGORIAN") != 0;
		return true;
	}
	if (text_casecmp(name, "SKIP") == 0) {
		r->other_calendar = r->other_calendar || text_casecmp(v, "OMIT") != 0;
		return true;
	}
	for (unsigned i = 0; i < ARRAY_LEN(lists); i++)
		if (text_casecmp(name, lists[i].name) == 0)
			return parse_list(v, lists[i].max, lists[i].zero, lists[i].negative,
				(struct rrule_list *)(void *)((char *)r + lists[i].offset));
	return text_casestarts(name, "X-"); /* unknown parts would change what it means */
}

bool
rrule_parse(const char *s, struct rrule *r_r)
{
	char part[512];
	bool freq = false;

	*r_r = (struct rrule){ .interval = 1, .week_start = 1 };
	while (*s) {
		size_t n = strcspn(s, ";");
		if (n >= sizeof part)
			return false;
		memcpy(part, s, n);
		part[n] = '\0';
		s += n + (s[n] == ';');
		if (n == 0)
			continue;
		char *value = strchr(part, '=');
		if (!value)
			return false;
		*value++ = '\0';
		if (text_casecmp(part, "FREQ") == 0)
			freq = parse_freq(value, &r_r->freq);
		else if (!parse_part(part, value, r_r))
			return false;
	}
	return freq;
}

/* ---- may it be expanded? ---- */

static bool
lists(const struct rrule_list *l, int v)
{
	for (unsigned i = 0; i < l->n; i++)
		if (l->v[i] == v)
			return true;
	return false;
}

/* Does the weekday come at all? Which of the month it is does not matter here. */
static bool
names_weekday(const struct rrule *r, unsigned weekday_of_it)
{
	for (unsigned i = 0; i < r->by_day.n; i++)
		if (r->by_day.v[i].day == weekday_of_it)
			return true;
	return r->by_day.n == 0;
}

/* The week's number by Monday weeks, one more or less allowed for other week starts. */
static bool
names_week(const struct rrule *r, int day_of_year, int weekday_of_it)
{
	int week = (day_of_year + 9 - (weekday_of_it + 6) % 7) / 7;

	if (r->by_week.n == 0)
		return true;
	for (int w = week - 1; w <= week + 1; w++) {
		int at = w < 1 ? 52 : w > 53 ? 1 : w;
		if (lists(&r->by_week, at) || lists(&r->by_week, at - 53) || lists(&r->by_week, at - 54))
			return true;
	}
	return false;
}

static bool
names_day_in(const struct rrule *r, int64_t year)
{
	int n = 0, in_year = ical_month_days(year, 2) == 29 ? 366 : 365;

	for (unsigned month = 1; month <= 12; month++) {
		int in_month = (int)ical_month_days(year, month);
		for (int day = 1; day <= in_month; day++) {
			n++;
			unsigned wd = ical_weekday(ical_days(year, month, (unsigned)day) * 86400);
			if (r->by_month.n && !lists(&r->by_month, (int)month))
				continue;
			if (r->by_month_day.n && !lists(&r->by_month_day, day) &&
			    !lists(&r->by_month_day, day - in_month - 1))
				continue;
			if (r->by_year_day.n && !lists(&r->by_year_day, n) && !lists(&r->by_year_day, n - in_year - 1))
				continue;
			if (names_weekday(r, wd) && names_week(r, n, (int)wd))
				return true;
		}
	}
	return false;
}

/* Years repeat after 28: some year of each kind is among these. */
static bool
names_a_day(const struct rrule *r)
{
	if (!r->by_month_day.n && !r->by_year_day.n && !r->by_week.n)
		return true;
	for (int64_t year = 2000; year < 2028; year++)
		if (names_day_in(r, year))
			return true;
	return false;
}

/* Ordinals that no month or year has. */
static bool
names_weeks(const struct rrule *r)
{
	bool month = r->freq == RRULE_MONTHLY || (r->freq == RRULE_YEARLY && r->by_month.n);

	for (unsigned i = 0; i < r->by_day.n; i++) {
		int nth = r->by_day.v[i].nth;
		if (nth && r->freq < RRULE_MONTHLY)
			return false;
		if (month && (nth > 5 || nth < -5))
			return false;
	}
	return true;
}

bool
rrule_expandable(const struct rrule *r)
{
	if (r->freq < RRULE_HOURLY || r->other_calendar)
		return false;
	/* An hour's rule is expanded only if it is plain, a day's only if it has not too many times. */
	if (r->freq == RRULE_HOURLY && (r->by_month.n || r->by_month_day.n || r->by_year_day.n || r->by_week.n ||
	    r->by_pos.n ||
	    r->by_day.n || r->by_hour.n || r->by_minute.n || r->by_second.n))
		return false;
	unsigned hours = r->by_hour.n ? r->by_hour.n : 1, minutes = r->by_minute.n ? r->by_minute.n : 1;
	if (hours * minutes * (r->by_second.n ? r->by_second.n : 1) > RRULE_TIMES_MAX)
		return false;
	if (r->by_week.n && r->freq != RRULE_YEARLY)
		return false;
	if (r->by_year_day.n && r->freq != RRULE_YEARLY)
		return false;
	if (r->freq == RRULE_WEEKLY && r->by_month_day.n)
		return false;
	return names_weeks(r) && names_a_day(r);
}
