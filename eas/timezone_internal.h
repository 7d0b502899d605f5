/* eas/timezone_internal.h - what the files of timezone share. */
#ifndef EAS_TIMEZONE_INTERNAL_H
#define EAS_TIMEZONE_INTERNAL_H

#include "eas/timezone.h"

/* One change of the clocks, as it comes every year. */
struct zone_edge {
	unsigned month;      /* 1..12 */
	unsigned weekday;    /* 0 Sunday */
	unsigned week;       /* 1..4, 5 last; 0: day is the day of the month */
	unsigned day;
	unsigned hour, minute, second, ms; /* wall clock before the change; 23:59:59.999 is the midnight behind it */
};

/* Standard and daylight time with their rules. */
struct zone_rule {
	int32_t standard, daylight; /* seconds east */
	bool changes;               /* there is daylight time */
	struct zone_edge to_standard, to_daylight;
};

/* What holds in that year, and best in the eleven that follow. */
void zone_rule_of(const struct zone *z, int64_t year, struct zone_rule *r_r);
/* The wall clock of the edge in a year. */
int64_t zone_edge_time(const struct zone_edge *e, int64_t year);
bool zone_rule_same(const struct zone_rule *a, const struct zone_rule *b, int64_t year);
/* The changes from 1970 to 2100; false where memory is short. */
bool zone_of_rule(struct ical_mem *m, const struct zone_rule *r, const char *name, struct zone *z_r);

#define ZONE_LOOKS_MAX 1000000 /* days looked at for all zones of an object (m->zone_looks); further rules are passed over */
/* Computes the changes of a VTIMEZONE; z_r->name is its TZID. False: nothing usable in it, an offset that cannot
 * be (half a zone would be no better than none), or memory is short. */
bool zone_compile(struct ical_mem *m, const struct ical *vtimezone, struct zone *z_r);

/* The same of a compiled file of tzdata: its bytes, and the file of a name that was checked. */
bool zone_parse_tzif(struct ical_mem *m, struct slice bytes, struct zone *z_r);
bool zone_read_tzif(struct ical_mem *m, const char *name, struct zone *z_r);

/* The zone that stands for a Windows name; NULL. */
const struct zone *zone_windows(const char *name);
/* The first Windows zone with these clocks, common ones before others; NULL. */
const struct zone *zone_by_rule(const struct zone_rule *r, int64_t year);
/* Of tzdata, by its exact name; NULL. */
const struct zone *zone_builtin(const char *name);

int64_t zone_this_year(void);

#endif
