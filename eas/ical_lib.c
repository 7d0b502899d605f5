#include "eas/ical_lib.h"

#include <libical/ical.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct ical_steps {
	struct icalrecur_iterator_impl *iterator;
};

/* libical's tables are built on first use, and the first load of a zone fills it: both race. */
static pthread_mutex_t zones = PTHREAD_MUTEX_INITIALIZER;

static const char *const freq_names[] = { "SECONDLY", "MINUTELY", "HOURLY", "DAILY", "WEEKLY", "MONTHLY", "YEARLY" };
static const char *const day_names[] = { "SU", "MO", "TU", "WE", "TH", "FR", "SA" };

static void
add_list(struct buf *b, const char *name, const struct rrule_list *list)
{
	for (unsigned i = 0; i < list->n; i++)
		buf_printf(b, "%s%s%d", i ? "," : name, i ? "" : "=", list->v[i]);
}

static void
rule_text(const struct rrule *r, struct buf *b)
{
	buf_printf(b, "FREQ=%s;INTERVAL=%u", freq_names[r->freq], r->interval);
	for (unsigned i = 0; i < r->by_day.n; i++) {
		buf_add_str(b, i ? "," : ";BYDAY=");
		if (r->by_day.v[i].nth)
			buf_printf(b, "%d", r->by_day.v[i].nth);
		buf_add_str(b, day_names[r->by_day.v[i].day % 7]);
	}
	add_list(b, ";BYMONTH", &r->by_month);
	add_list(b, ";BYMONTHDAY", &r->by_month_day);
	add_list(b, ";BYYEARDAY", &r->by_year_day);
	add_list(b, ";BYWEEKNO", &r->by_week);
	add_list(b, ";BYHOUR", &r->by_hour);
	add_list(b, ";BYMINUTE", &r->by_minute);
	add_list(b, ";BYSECOND", &r->by_second);
	add_list(b, ";BYSETPOS", &r->by_pos);
	buf_printf(b, ";WKST=%s", day_names[r->week_start % 7]);
}

static struct icaltimetype
to_libical(int64_t t)
{
	struct icaltimetype i = icaltime_null_time();
	struct ical_civil c;

	ical_civil(t, &c);
	i.year = (int)c.year;
	i.month = (int)c.month;
	i.day = (int)c.day;
	i.hour = (int)c.hour;
	i.minute = (int)c.minute;
	i.second = (int)c.second;
	return i;
}

struct ical_steps *
ical_steps_new(const struct rrule *r, int64_t start)
{
	AUTO(buf_finish) struct buf text = { 0 };
	struct icaltimetype first = to_libical(start);

	if (!rrule_expandable(r) || first.year < 1 || first.year > 2500)
		return NULL;
	buf_init(&text, 8192);
	rule_text(r, &text);
	const char *s = buf_str(&text);
	if (!s)
		return NULL;
	struct icalrecurrencetype rule = icalrecurrencetype_from_string(s);
	if (rule.freq == ICAL_NO_RECURRENCE)
		return NULL;
	struct ical_steps *steps = calloc(1, sizeof *steps);
	if (!steps)
		return NULL;
	steps->iterator = icalrecur_iterator_new(rule, first);
	if (!steps->iterator)
		ical_steps_free(&steps);
	return steps;
}

bool
ical_steps_next(struct ical_steps *s, int64_t *local_r)
{
	struct icaltimetype t = icalrecur_iterator_next(s->iterator);

	if (icaltime_is_null_time(t))
		return false;
	*local_r = ical_seconds(&(struct ical_civil){ t.year, (unsigned)t.month, (unsigned)t.day, (unsigned)t.hour,
		(unsigned)t.minute, (unsigned)t.second });
	return true;
}

void
ical_steps_free(struct ical_steps **s)
{
	if (*s) {
		if ((*s)->iterator)
			icalrecur_iterator_free((*s)->iterator);
		free(*s);
		*s = NULL;
	}
}

static char *
load(const char *name)
{
	icaltimezone *zone = icaltimezone_get_builtin_timezone(name);
	icalcomponent *component = zone ? icaltimezone_get_component(zone) : NULL;

	return component ? icalcomponent_as_ical_string_r(component) : NULL;
}

char *
ical_builtin_zone(const char *name)
{
	if (pthread_mutex_lock(&zones) != 0)
		return NULL;
	char *text = load(name);
	char *copy = text ? strdup(text) : NULL;
	icalmemory_free_buffer(text);
	(void)pthread_mutex_unlock(&zones);
	return copy;
}
