/* Dates of iCalendar in 64-bit arithmetic of the proleptic Gregorian calendar. */
#include <string.h>
#include <time.h>

#include "base/text.h"
#include "eas/ical.h"

#define DAY INT64_C(86400)

int64_t
ical_days(int64_t year, unsigned month, unsigned day)
{
	int64_t y = year - (month <= 2), era = (y >= 0 ? y : y - 399) / 400, yoe = y - era * 400;
	int64_t doy = (153 * ((int64_t)month + (month > 2 ? -3 : 9)) + 2) / 5 + (int64_t)day - 1;

	return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
}

static int64_t
floor_div(int64_t a, int64_t b)
{
	return a / b - (a % b != 0 && (a < 0) != (b < 0));
}

int64_t
ical_midnight(int64_t t)
{
	return floor_div(t, DAY) * DAY;
}

bool
ical_in_range(int64_t t)
{
	return t >= ical_days(1, 1, 3) * DAY && t < ical_days(9999, 12, 30) * DAY;
}

int64_t
ical_seconds(const struct ical_civil *c)
{
	return ical_days(c->year, c->month, c->day) * DAY + (int64_t)c->hour * 3600 + (int64_t)c->minute * 60
		+ (int64_t)c->second;
}

void
ical_civil(int64_t t, struct ical_civil *c_r)
{
	int64_t days = floor_div(t, DAY), rest = t - days * DAY, z = days + 719468;
	int64_t era = (z >= 0 ? z : z - 146096) / 146097, doe = z - era * 146097;
	int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100), mp = (5 * doy + 2) / 153;

	c_r->day = (unsigned)(doy - (153 * mp + 2) / 5 + 1);
	c_r->month = (unsigned)(mp < 10 ? mp + 3 : mp - 9);
	c_r->year = yoe + era * 400 + (c_r->month <= 2);
	c_r->hour = (unsigned)(rest / 3600);
	c_r->minute = (unsigned)(rest / 60 % 60);
	c_r->second = (unsigned)(rest % 60);
}

unsigned
ical_weekday(int64_t t)
{
	int64_t d = (floor_div(t, DAY) + 4) % 7;
	return (unsigned)(d < 0 ? d + 7 : d);
}

unsigned
ical_month_days(int64_t year, unsigned month)
{
	static const unsigned char days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);

	if (month < 1 || month > 12)
		return 0;
	return month == 2 && leap ? 29 : days[month - 1];
}

int64_t
ical_now(void)
{
	struct timespec now;

	return clock_gettime(CLOCK_REALTIME, &now) == 0 ? (int64_t)now.tv_sec : 0;
}

/* n digits at *p, which moves behind them. */
static bool
digits(const char **p, unsigned n, unsigned *v_r)
{
	unsigned v = 0;

	for (unsigned i = 0; i < n; i++) {
		char c = (*p)[i];
		if (c < '0' || c > '9')
			return false;
		v = v * 10 + (unsigned)(c - '0');
	}
	*p += n;
	*v_r = v;
	return true;
}

static void
skip_char(const char **p, char c)
{
	if (**p == c)
		(*p)++;
}

static bool
parse_clock(const char **p, struct ical_civil *c)
{
	if (!digits(p, 2, &c->hour))
		return false;
	skip_char(p, ':');
	if (!digits(p, 2, &c->minute))
		return false;
	skip_char(p, ':');
	if (!digits(p, 2, &c->second))
		return false;
	if (**p == '.')
		*p += 1 + strspn(*p + 1, "0123456789");
	return c->hour < 24 && c->minute < 60 && c->second <= 60;
}

bool
ical_time_parse(const char *s, struct ical_time *t_r)
{
	struct ical_civil c = { 0 };
	unsigned year;

	s += strspn(s, " \t");
	if (!digits(&s, 4, &year))
		return false;
	c.year = year;
	skip_char(&s, '-');
	if (!digits(&s, 2, &c.month))
		return false;
	skip_char(&s, '-');
	if (!digits(&s, 2, &c.day))
		return false;
	if (c.year < 1 || c.day < 1 || c.day > ical_month_days(c.year, c.month))
		return false;
	*t_r = (struct ical_time){ .date = *s != 'T' && *s != 't' };
	if (!t_r->date) {
		s++;
		if (!parse_clock(&s, &c))
			return false;
		t_r->utc = *s == 'Z' || *s == 'z';
		s += t_r->utc;
	}
	s += strspn(s, " \t");
	if (*s)
		return false;
	if (c.second == 60)
		c.second = 59;
	t_r->t = ical_seconds(&c);
	return true;
}

bool
ical_time(struct ical_mem *m, const struct ical *line, struct ical_time *t_r)
{
	if (!line || !ical_time_parse(line->value, t_r))
		return false;
	if (!t_r->utc && !t_r->date) {
		const char *tzid = ical_param(m, line, "TZID");
		t_r->tzid = tzid && *tzid ? tzid : NULL;
	}
	return !m->failed;
}

char *
ical_time_text(struct ical_mem *m, const struct ical_time *t)
{
	struct ical_civil c;

	ical_civil(t->t, &c);
	if (c.year < 0 || c.year > 9999)
		c.year = 9999;
	if (t->date)
		return ical_printf(m, "%04d%02u%02u", (int)c.year, c.month, c.day);
	return ical_printf(m, "%04d%02u%02uT%02u%02u%02u%s", (int)c.year, c.month, c.day, c.hour, c.minute, c.second,
		t->utc ? "Z" : "");
}

const char *
ical_time_params(struct ical_mem *m, const struct ical_time *t)
{
	struct ical line = { .name = "", .params = "", .value = "" };

	if (t->date)
		return ";VALUE=DATE";
	if (!t->utc && t->tzid)
		ical_put_param(m, &line, "TZID", t->tzid);
	return line.params;
}

void
ical_put_time(struct ical_mem *m, struct ical *component, const char *name, const struct ical_time *t)
{
	struct ical *line = ical_line(component, name);
	char *text = ical_time_text(m, t);

	if (!text)
		return;
	if (!line) {
		(void)ical_add(m, component, name, ical_time_params(m, t), text);
		return;
	}
	ical_put_param(m, line, "VALUE", t->date ? "DATE" : NULL);
	ical_put_param(m, line, "TZID", t->date || t->utc ? NULL : t->tzid);
	ical_put(m, component, name, NULL, text);
}

bool
ical_duration_parse(const char *s, int64_t *seconds_r)
{
	bool negative = false, any = false;
	int64_t total = 0;

	s += strspn(s, " \t");
	if (*s == '+' || *s == '-')
		negative = *s++ == '-';
	if (*s != 'P' && *s != 'p')
		return false;
	for (s++; *s; s++) {
		int64_t v = 0;
		if (*s == 'T' || *s == 't')
			continue;
		size_t n = strspn(s, "0123456789");
		if (n == 0 || n > 9)
			break;
		for (size_t i = 0; i < n; i++)
			v = v * 10 + (s[i] - '0');
		s += n;
		int64_t unit = *s == 'W' ? 7 * DAY : *s == 'D' ? DAY : *s == 'H' ? 3600 : *s == 'M' ? 60 : *s == 'S' ? 1
			: 0;
		if (!unit)
			return false;
		total += v * unit;
		any = true;
	}
	*seconds_r = negative ? -total : total;
	return any && s[strspn(s, " \t")] == '\0';
}
