/* eas/recurrence.h - RRULE read, written and expanded, and the Recurrence of EAS that it becomes. Private to eas/.
 *
 * EAS knows six kinds of rules; RRULE knows thousands. A rule that EAS has a word for is translated exactly; of another
 * the nearest one is taken all of whose instances are real ones (every 1st and 15th: every 1st); where there is none,
 * the item is set aside.
 * Bounds:    SECONDLY, MINUTELY, and rules that name no existing day are never expanded; every expansion ends after
 *            SERIES_MAX instances.
 * Spec:      RFC 5545 3.3.10; [MS-ASCAL] 2.2.2.35..37, [MS-ASTASK] 2.2.2.18 (recurrence patterns)
 */
#ifndef EAS_RECURRENCE_H
#define EAS_RECURRENCE_H

#include "eas/ical.h"
#include "eas/timezone.h"
#include "wbxml/wbxml.h"

#define RRULE_LIST_MAX 64
#define SERIES_MAX 20000

enum rrule_freq { RRULE_SECONDLY, RRULE_MINUTELY, RRULE_HOURLY, RRULE_DAILY, RRULE_WEEKLY, RRULE_MONTHLY,
	RRULE_YEARLY };

struct rrule_list {
	unsigned n;
	int16_t v[RRULE_LIST_MAX];
};

/* A parsed RRULE */
struct rrule {
	enum rrule_freq freq;
	unsigned interval; /* at least 1 */
	unsigned count;    /* 0: none */
	bool has_until;
	struct ical_time until;
	unsigned week_start; /* 0 Sunday; RFC 5545's default is 1 */
	bool other_calendar; /* an RSCALE that is not Gregorian, or a SKIP */
	struct {
		unsigned n;
		struct { int16_t nth; uint8_t day; } v[RRULE_LIST_MAX]; /* nth 0: every */
	} by_day;
	struct rrule_list by_month, by_month_day, by_year_day, by_week, by_pos, by_hour, by_minute, by_second;
};

/* False: not understood (the line is left alone, and there is no Recurrence). */
bool rrule_parse(const char *s, struct rrule *r_r);
/* May it be expanded? */
bool rrule_expandable(const struct rrule *r);

/* Going through the instances of a rule; COUNT and UNTIL are the caller's business. */
#define RRULE_TIMES_MAX 256 /* a day */
struct rrule_walk {
	const struct rrule *rule; /* borrowed */
	int64_t start, day;
	struct ical_civil first;
	int weekday;
	unsigned period, looks;
	unsigned n_days, n_times, at;
	int64_t days[366];
	int32_t times[RRULE_TIMES_MAX];
};
/* The rule must be one that rrule_expandable() allows. */
void rrule_walk_begin(struct rrule_walk *w, const struct rrule *r, int64_t start);
/* The next wall clock, ascending, from the start on (which is only among them if the rule names it). False at the end:
 * the year 9999, or after looking at RRULE_LOOKS_MAX days and times, which for a rule with one day a year is 500
 * years. */
#define RRULE_LOOKS_MAX 200000
bool rrule_walk_next(struct rrule_walk *w, int64_t *local_r);

/* Recurrence of EAS */
struct recurrence {
	int type;                /* 0 daily, 1 weekly, 2 monthly, 3 monthly nth, 5 yearly, 6 yearly nth */
	unsigned interval;
	unsigned days;           /* bits, 1 Sunday .. 64 Saturday */
	unsigned day;            /* of the month */
	unsigned week;           /* 1..4, 5 last */
	unsigned month;
	unsigned occurrences;    /* 0: none */
	bool has_until;
	int64_t until;           /* as it travels: UTC, or floating where the item's times are */
	int first_day;           /* 0 Sunday; -1 not said */
	bool regenerate;         /* tasks */
	bool dead;               /* tasks */
	bool has_start;          /* tasks */
	int64_t start;           /* tasks, local */
};

/* start: the wall clock of DTSTART. False: there is no word for it. Else until is not set, and *exact_r false means
 * that the rule has more instances (and COUNT does not hold). */
bool recurrence_from_rrule(const struct rrule *r, int64_t start, struct recurrence *rec_r, bool *exact_r);
/* Has it a rule, and not one that means DTSTART alone? Without a Recurrence such a component would be shown as another
 * one: as its first instance, which a phone moves and deletes in the place of all. */
bool recurrence_repeats(const struct ical *component);
/* The greatest common divisor of two numbers that are not negative; the other where one is 0. */
int64_t recurrence_gcd(int64_t a, int64_t b);
/* The value of the RRULE; until_text: the value of UNTIL where has_until. */
char *recurrence_to_rrule(struct ical_mem *m, const struct recurrence *rec, const char *until_text);
/* The same instances? What was left out is taken from the start's day (start: its wall clock). until is compared by its
 * day: both as wall clocks, too. */
bool recurrence_same(const struct recurrence *a, const struct recurrence *b, int64_t start);

/* Reads the children of Recurrence, tasks: those of the Tasks page. False: Status 6. */
bool recurrence_read(const struct wbxml_node *node, bool tasks, int64_t start, struct recurrence *rec_r);
void recurrence_write(struct wbxml_writer *w, const struct recurrence *rec, bool tasks, unsigned version);

/* ---- instances ---- */

/* What DTSTART, RRULE and RDATE of a component say. */
struct series {
	struct ical_time start;
	const struct zone *zone;     /* of start; of floating times the default; never NULL */
	bool has_rule, readable;     /* readable: rule can be expanded */
	struct rrule rule;
	struct ical_time *rdates;    /* sorted in no way */
	size_t n_rdates;
	bool more_rdates;            /* than SERIES_MAX */
};

enum series_end {
	SERIES_ENDED,   /* all were told */
	SERIES_STOPPED, /* the callback returned false */
	SERIES_BOUND,   /* too many, or not expandable */
};

/* The dates of all lines of that name (RDATE, EXDATE, RECURRENCE-ID), as wall clocks of the series, at most SERIES_MAX;
 * *more_r: there are more. NULL where there are none, or memory is short. */
struct ical_time *series_dates(struct ical_mem *m, const struct ical *root, const struct ical *component,
	const char *name, const struct series *s, size_t *n_r, bool *more_r);
/* False: no DTSTART. */
bool series_read(struct ical_mem *m, const struct ical *root, const struct ical *component, struct series *s_r);
/* Calls fn with the wall clock of each instance of the rule, in order, the first being DTSTART; RDATEs are not among
 * them, EXDATEs are. */
enum series_end series_each(const struct series *s, bool (*fn)(void *ctx, int64_t local), void *ctx);
/* UTC of a wall clock of the series (of dates: of the midnight in UTC). */
int64_t series_utc(const struct series *s, int64_t local);
/* Is that an instance (RDATEs included)? With day_only, the instance of that day; *local_r gets its wall clock. */
bool series_has(const struct series *s, int64_t local, bool day_only, int64_t *local_r);
/* The wall clock of the last instance; false if there is none or it cannot be known. */
bool series_last(const struct series *s, int64_t *local_r);

#endif
