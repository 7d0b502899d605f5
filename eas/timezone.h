/* eas/timezone.h - time zones: those of tzdata and those that an object defines, and the 172 bytes that EAS makes of them. Private to eas/.
 *
 * A zone is a sorted list of changes, computed once; the ones of tzdata stay in the process, a VTIMEZONE's lives in the arena.
 * Whichever way a zone is named (Europe/Berlin, /freeassociation.sourceforge.net/Europe/Berlin, W. Europe Standard Time), tzdata
 * wins over the object's own definition, which may be twenty years old.
 * Threads:   any; loading is under a lock.
 * Spec:      [MS-ASDTYPE] 2.7.6 TimeZone; RFC 5545 3.6.5
 */
#ifndef EAS_TIMEZONE_H
#define EAS_TIMEZONE_H

#include <stdbool.h>
#include <stdint.h>

#include "eas/ical.h"

#define ZONE_BLOB 172

struct zone_change {
	int64_t utc;
	int32_t offset; /* seconds east, from then on */
};

struct zone {
	const char *name;      /* IANA name or the VTIMEZONE's TZID */
	bool builtin;          /* of tzdata */
	int32_t first;         /* offset before all changes */
	size_t n;
	const struct zone_change *changes;
};

const struct zone *zone_utc(void);
/* For what names no zone (floating times, all-day events up to 14.1): what zone_set_default() said, else the zone of the process
 * (TZ, /etc/localtime), else UTC. */
const struct zone *zone_default(void);
/* NULL: the process's. False: no such zone. */
bool zone_set_default(const char *name);
/* By IANA name, a path that ends in one, or a Windows name; NULL. */
const struct zone *zone_named(const char *name);
/* By the TZID of an object: as above, else its VTIMEZONE, else NULL. */
const struct zone *zone_find(struct ical_mem *m, const struct ical *root, const char *tzid);
/* Is that the definition of a TZID, as a parameter says it? Its own TZID is a text, escaped or (some do not) as it is. */
bool zone_defines(struct ical_mem *m, const struct ical *vtimezone, const char *tzid);
/* The zone of a time: UTC, its TZID's, else (dates, floating, unknown TZID) the calendar's X-WR-TIMEZONE or the default. */
const struct zone *zone_of_time(struct ical_mem *m, const struct ical *root, const struct ical_time *t);

int32_t zone_offset(const struct zone *z, int64_t utc);
int64_t zone_to_local(const struct zone *z, int64_t utc);
/* A wall clock that does not exist is taken by the offset before the gap, one that comes twice is the first (RFC 5545 3.3.5). */
int64_t zone_to_utc(const struct zone *z, int64_t local);

/* ---- TimeZone of EAS ---- */

/* Fills the 172 bytes with the rules of the years from `year` on, and the Windows name where there is one. */
void zone_blob(const struct zone *z, int64_t year, unsigned char out[ZONE_BLOB]);
/* Base64 of it, by the rules of today. */
char *zone_blob_text(struct ical_mem *m, const struct zone *z);
/* The zone that a base64 blob means: `stored` (may be NULL) if its clocks are the same, else by its names, else the default zone if
 * its clocks are the same, else the first of the Windows zones that has them, else one made in the arena. NULL: no blob. */
const struct zone *zone_from_blob(struct ical_mem *m, const char *base64, const struct zone *stored);
/* A VTIMEZONE of today's rules for it. */
struct ical *zone_component(struct ical_mem *m, const struct zone *z);
/* The Windows name of a zone; NULL. */
const char *zone_windows_name(const struct zone *z);

/* For a test: what the blob of a zone says, by itself. */
bool zone_same_clocks(const struct zone *a, const struct zone *b, int64_t year);

#endif
