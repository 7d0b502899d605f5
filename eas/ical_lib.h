/* eas/ical_lib.h - the one door to libical: expanding rules and the built-in zones. Private to eas/recurrence.c and eas/timezone.c.
 *
 * libical sees only what was parsed and checked before: rules that rrule_expandable() allows, written anew, and names of zones made of
 * safe characters. The text of an object never reaches its parser. Times go in and out as int64_t wall clocks.
 * Threads:   rules have no shared state; the built-in zones are looked up and loaded under a lock of ours.
 */
#ifndef EAS_ICAL_LIB_H
#define EAS_ICAL_LIB_H

#include "eas/recurrence.h"

struct ical_steps;

/* COUNT and UNTIL are the caller's business: without them. NULL: libical would not take it, or memory is short. */
struct ical_steps *ical_steps_new(const struct rrule *r, int64_t start);
/* The next wall clock, ascending; false at the end (libical ends in 2582). */
bool ical_steps_next(struct ical_steps *s, int64_t *local_r);
void ical_steps_free(struct ical_steps **s);

/* A VTIMEZONE with all that tzdata knows of the zone, malloc'ed; NULL if there is no such. */
char *ical_builtin_zone(const char *name);

#endif
