/* eas/contacts_date.c - birthdays and anniversaries: a day, whatever the time and zone that come with it. */
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "eas/contacts.h"

struct day {
	int year, month, day;
};

/* n digits; -1 if there are none. */
static int
digits(const char *s, unsigned n)
{
	int v = 0;
	for (unsigned i = 0; i < n; i++) {
		if (s[i] < '0' || s[i] > '9')
			return -1;
		v = v * 10 + (s[i] - '0');
	}
	return v;
}

static int
month_days(int year, int month)
{
	static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
	return month == 2 && leap ? 29 : days[month - 1];
}

static bool
is_day(const struct day *d)
{
	return d->year > 0 && d->month >= 1 && d->month <= 12 && d->day >= 1 && d->day <= month_days(d->year, d->month);
}

/* Month and day, with or without a hyphen between them; returns what is behind them, NULL if they are not there. */
static const char *
month_day(const char *s, struct day *d)
{
	d->month = digits(s, 2);
	if (d->month < 0)
		return NULL;
	s += 2;
	s += *s == '-';
	d->day = digits(s, 2);
	return d->day < 0 ? NULL : s + 2;
}

static const char *
read_day(const char *s, struct day *d)
{
	while (*s == ' ')
		s++;
	if (text_starts(s, "--")) {
		d->year = CONTACT_NO_YEAR;
		return month_day(s + 2, d);
	}
	d->year = digits(s, 4);
	if (d->year < 0)
		return NULL;
	s += 4;
	s += *s == '-';
	return month_day(s, d);
}

static void
print_day(const struct day *d, char date_r[CONTACT_DATE_SIZE])
{
	(void)snprintf(date_r, CONTACT_DATE_SIZE, "%04u-%02u-%02u", (unsigned)d->year % 10000, (unsigned)d->month % 100,
		(unsigned)d->day % 100);
}

const char *
contact_date_of_card(struct arena *a, const char *value)
{
	char date[CONTACT_DATE_SIZE];
	struct day d;
	const char *rest = read_day(value, &d);
	if (!rest || (*rest && *rest != 'T' && *rest != 't' && *rest != ' ' && *rest != 'Z') || !is_day(&d))
		return "";
	print_day(&d, date);
	const char *s = arena_strdup(a, date);
	return s ? s : "";
}

static void
next_day(struct day *d)
{
	if (++d->day <= month_days(d->year, d->month))
		return;
	d->day = 1;
	if (++d->month <= 12)
		return;
	d->month = 1;
	d->year++;
}

/* Phones send noon, midnight UTC, or midnight of where they are. The nearest midnight UTC is the day that was meant in
 * each case, but for midnights of places that are twelve hours ahead or more: only east of Greenwich midnight falls
 * into the afternoon before (MS-ASCNTC_R999 would have the time ignored). AOSP sends a birthday without a year as its
 * address book has it, --05-17. */
bool
contact_date_of_phone(const char *value, char date_r[CONTACT_DATE_SIZE])
{
	struct day d;
	const char *rest = read_day(value, &d);
	if (!rest || !is_day(&d) || (*rest && *rest != 'T'))
		return false;
	if (*rest) {
		int hour = digits(rest + 1, 2);
		if (hour < 0 || hour > 23)
			return false;
		int minute = digits(rest + 3 + (rest[3] == ':'), 2);
		if (minute < 0 || minute > 59)
			return false;
		if (hour > 12 || (hour == 12 && minute > 0))
			next_day(&d);
	}
	if (d.year > 9999)
		return false;
	print_day(&d, date_r);
	return true;
}

void
contact_date_set(struct vcard *v, struct vcard_prop *p, const char *date)
{
	struct day d;
	if (!read_day(date, &d)) {
		v->failed = true;
		return;
	}
	bool no_year = d.year == CONTACT_NO_YEAR;
	char *value;
	if (v->version == 30)
		value = arena_printf(v->arena, "%04d-%02d-%02d", d.year, d.month, d.day);
	else if (no_year)
		value = arena_printf(v->arena, "--%02d%02d", d.month, d.day);
	else
		value = arena_printf(v->arena, "%04d%02d%02d", d.year, d.month, d.day);
	if (!value)
		v->failed = true;
	vcard_set(v, p, value ? value : "");
	vcard_drop_param(v, p, "VALUE");
	vcard_drop_param(v, p, "CALSCALE");
	vcard_drop_param(v, p, "X-APPLE-OMIT-YEAR");
	if (no_year && v->version == 30)
		vcard_add_param(v, p, "X-APPLE-OMIT-YEAR", "1604");
}
