/* The Recurrence element of calendar and tasks [MS-ASCAL 2.2.2.35, MS-ASTASK 2.2.2.18]. */
#include "eas/ical_item.h"
#include "eas/recurrence.h"

/* The same elements in two code pages. */
struct tags {
	unsigned type, interval, days, day, week, month, occurrences, until, first_day, calendar, leap;
};

static const struct tags calendar_tags = {
	Calendar_Type, Calendar_Interval, Calendar_DayOfWeek, Calendar_DayOfMonth, Calendar_WeekOfMonth,
	Calendar_MonthOfYear, Calendar_Occurrences, Calendar_Until, Calendar_FirstDayOfWeek, Calendar_CalendarType,
	Calendar_IsLeapMonth,
};
static const struct tags task_tags = {
	Tasks_Type, Tasks_Interval, Tasks_DayOfWeek, Tasks_DayOfMonth, Tasks_WeekOfMonth, Tasks_MonthOfYear,
	Tasks_Occurrences, Tasks_Until, Tasks_FirstDayOfWeek, Tasks_CalendarType, Tasks_IsLeapMonth,
};

/* A number within min..max; 0 where it is absent. False: it is there and out of range. */
static bool
number(const struct wbxml_node *node, unsigned tag, int64_t min, int64_t max, unsigned *v_r)
{
	int64_t v = wbxml_int(node, tag, 0, -1);

	*v_r = 0;
	if (!wbxml_has(node, tag) || (v == 0 && min > 0 && !*wbxml_text(node, tag)))
		return true;
	if (v < min || v > max)
		return false;
	*v_r = (unsigned)v;
	return true;
}

/* Calendars whose months are those of the Gregorian one. */
static bool
gregorian(const struct wbxml_node *node, unsigned tag)
{
	int64_t v = wbxml_int(node, tag, 0, -1);
	return (v >= 0 && v <= 5) || v == 7 || (v >= 9 && v <= 12);
}

static bool
read_pattern(const struct wbxml_node *node, const struct tags *t, struct recurrence *rec)
{
	if (!number(node, t->interval, 0, 999, &rec->interval) || !number(node, t->days, 1, 127, &rec->days) ||
	    !number(node, t->day, 1, 31, &rec->day) || !number(node, t->week, 1, 5, &rec->week) ||
	    !number(node, t->month, 1, 12, &rec->month) || !number(node, t->occurrences, 0, 999, &rec->occurrences))
		return false;
	if (!rec->interval)
		rec->interval = 1;
	int64_t first = wbxml_int(node, t->first_day, -1, -2);
	if (first < -1 || first > 6)
		return false;
	rec->first_day = (int)first;
	return true;
}

/* Tasks: what does not belong to a type is an error [MS-ASTASK 2.2.2.4, 2.2.2.9, 2.2.2.10, 2.2.2.32]. */
static bool
belongs(const struct wbxml_node *node, const struct tags *t, int64_t type)
{
	bool monthly = type == 2 || type == 5, nth = type == 3 || type == 6;

	return (monthly || !wbxml_has(node, t->day)) && (nth || !wbxml_has(node, t->week)) &&
		(!monthly || !wbxml_has(node, t->days)) &&
		(monthly || nth || !wbxml_has(node, t->calendar));
}

/* What the type needs and was left out comes from the start; what cannot is an error. */
static bool
complete(struct recurrence *rec, int64_t start)
{
	struct ical_civil c;

	ical_civil(start, &c);
	if (rec->type == 1 && !rec->days)
		rec->days = 1u << ical_weekday(start);
	if ((rec->type == 2 || rec->type == 5) && !rec->day)
		rec->day = c.day;
	if (rec->type >= 5 && !rec->month)
		rec->month = c.month;
	if (rec->type != 3 && rec->type != 6)
		return rec->type != 5 || rec->day <= ical_month_days(2000, rec->month);
	if (rec->days == 127 && !rec->week) /* the last day of the month, as Android says it */
		rec->week = 5;
	return rec->days && rec->week;
}

bool
recurrence_read(const struct wbxml_node *node, bool tasks, int64_t start, struct recurrence *rec_r)
{
	const struct tags *t = tasks ? &task_tags : &calendar_tags;
	int64_t type = wbxml_int(node, t->type, -1, -1);
	const char *until = wbxml_text(node, t->until), *first = tasks ? wbxml_text(node, Tasks_Start) : NULL;
	struct ical_time at;

	*rec_r = (struct recurrence){ .first_day = -1 };
	if (type < 0 || type > 6 || type == 4 || !gregorian(node, t->calendar) || !read_pattern(node, t, rec_r))
		return false;
	rec_r->type = (int)type;
	if (until && *until) {
		if (!ical_time_parse(until, &at))
			return false;
		rec_r->has_until = true;
		rec_r->until = at.t;
	}
	if (rec_r->occurrences)
		rec_r->has_until = false; /* the two exclude each other; Occurrences wins [MS-ASCAL R469] */
	if (tasks && (!first || !ical_time_parse(first, &at) || !belongs(node, t, type)))
		return false;
	if (first && ical_time_parse(first, &at)) {
		rec_r->has_start = true;
		rec_r->start = at.t;
		start = at.t;
	}
	if (tasks) {
		rec_r->regenerate = wbxml_bool(node, Tasks_Regenerate, false);
		rec_r->dead = wbxml_int(node, Tasks_DeadOccur, 0, 1) != 0;
	}
	return complete(rec_r, start);
}

static void
put_pattern(struct wbxml_writer *w, const struct recurrence *rec, const struct tags *t)
{
	if (rec->type == 2 || rec->type == 5)
		wbxml_put_int(w, t->day, rec->day);
	if (rec->type == 3 || rec->type == 6)
		wbxml_put_int(w, t->week, rec->week);
	if (rec->type == 1 || rec->type == 3 || rec->type == 6 || (rec->type == 0 && rec->days))
		wbxml_put_int(w, t->days, rec->days);
	if (rec->type >= 5)
		wbxml_put_int(w, t->month, rec->month);
}

void
recurrence_write(struct wbxml_writer *w, const struct recurrence *rec, bool tasks, unsigned version)
{
	const struct tags *t = tasks ? &task_tags : &calendar_tags;

	wbxml_start(w, tasks ? Tasks_Recurrence : Calendar_Recurrence);
	wbxml_put_int(w, t->type, rec->type);
	if (tasks)
		ical_write_time(w, Tasks_Start, rec->start, true);
	wbxml_put_int(w, t->interval, rec->interval);
	put_pattern(w, rec, t);
	if (rec->occurrences)
		wbxml_put_int(w, t->occurrences, rec->occurrences);
	else if (rec->has_until)
		ical_write_time(w, t->until, rec->until, tasks);
	if (version >= 140 && rec->type >= 2)
		wbxml_put_int(w, t->calendar, 1);
	if (version >= 141 && rec->type == 1)
		wbxml_put_int(w, t->first_day, rec->first_day < 0 ? 1 : rec->first_day);
	if (tasks && rec->regenerate)
		wbxml_put_int(w, Tasks_Regenerate, 1);
	if (tasks && rec->dead)
		wbxml_put_int(w, Tasks_DeadOccur, 1);
	wbxml_end(w);
}
