/* eas/ical.h - iCalendar as a tree of components and content lines that loses nothing. Private to eas/.
 *
 * What cpush does not touch is written again as it was read, byte by byte (folding included; line ends become CRLF):
 * unknown properties and parameters, values that no library would take, the order of things. Only changed lines are
 * made anew.
 *
 * Limits:    ICAL_*_MAX, checked while reading; ERR_LIMIT.
 * Errors:    no input is malformed enough to be refused but one without any component (ERR_INVALID).
 * Memory:    everything lives in the arena of struct ical_mem. A failed allocation sets `failed` there and the function
 *            returns NULL or does nothing; callers ask once, at their end, and return ERR_NOMEM.
 * Dates:     int64_t seconds and days by own arithmetic, never time_t.
 * Spec:      RFC 5545 3.1, RFC 6868; vCalendar 1.0's quoted-printable is read.
 */
#ifndef EAS_ICAL_H
#define EAS_ICAL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"

#define ICAL_DEPTH_MAX 8
#define ICAL_LINES_MAX 50000
#define ICAL_BYTES_MAX (16u << 20)

struct ical_mem {
	struct arena *a;
	bool failed;
	struct zone_memo *zones; /* eas/timezone.c: what the object's TZIDs turned out to be */
	unsigned n_zones;
	unsigned zone_looks;     /* eas/timezone_compile.c: days looked at for the rules of its VTIMEZONEs */
};

/* A component, or a content line (property). A line that is neither has the name "" and is kept. */
struct ical {
	bool is_component;
	const char *name;        /* upper case */
	const char *params;      /* ";TZID=Europe/Berlin" as it stands, or "" */
	const char *value;       /* as it stands, unfolded */
	struct slice raw;        /* the lines as read; empty: made or changed by us */
	struct ical *parent, *prev, *next, *child, *last;
};

/* Formatted or copied into the memory. */
char *ical_printf(struct ical_mem *m, const char *fmt, ...) PRINTF(2, 3);
char *ical_dup(struct ical_mem *m, const char *s, size_t n);
void *ical_alloc(struct ical_mem *m, size_t count, size_t size);

/* ---- reading ---- */

/* root_r is a component without a name that holds what is at the top, usually one VCALENDAR. Unclosed components end
 * with the text, ends without a beginning are dropped. */
enum err ical_read(struct ical_mem *m, struct slice in, struct ical **root_r, struct error *e) NODISCARD;

/* The first component or line of that name in `in` (which may be NULL), and the next one behind `node`. */
struct ical *ical_component(const struct ical *in, const char *name);
struct ical *ical_next_component(const struct ical *node, const char *name);
struct ical *ical_line(const struct ical *in, const char *name);
struct ical *ical_next_line(const struct ical *node, const char *name);
/* The raw value of the first such line; NULL if there is none. */
const char *ical_value(const struct ical *in, const char *name);

/* A parameter's value without quotes, RFC 6868 decoded; NULL if absent. */
const char *ical_param(struct ical_mem *m, const struct ical *line, const char *name);
/* Is that parameter there with this value (ASCII case does not matter)? */
bool ical_param_is(const struct ical *line, const char *name, const char *value);
/* A TEXT value: escapes resolved, valid UTF-8, LF line ends; "" is never NULL but where memory is short. */
const char *ical_text(struct ical_mem *m, const struct ical *line);
/* The comma-separated TEXT values of a line; n_r of them. NULL if there are none. */
const char **ical_texts(struct ical_mem *m, const struct ical *line, size_t *n_r);

/* ---- changing and writing ---- */

const char *ical_escape(struct ical_mem *m, const char *text);
struct ical *ical_new_component(struct ical_mem *m, const char *name);
/* Behind the last line of the component (before its components). params and value as they shall stand. */
struct ical *ical_add(struct ical_mem *m, struct ical *component, const char *name, const char *params,
	const char *value);
void ical_append(struct ical *component, struct ical *node); /* as its last child */
void ical_insert_before(struct ical *at, struct ical *node);
void ical_set_value(struct ical *line, const char *params, const char *value); /* params NULL: as they are */
/* The first line of that name gets the value (params NULL: keeps its own), others of the name go; value NULL: all
 * go. */
void ical_put(struct ical_mem *m, struct ical *component, const char *name, const char *params, const char *value);
void ical_put_text(struct ical_mem *m, struct ical *component, const char *name, const char *text);
/* Sets (value NULL: removes) a parameter. */
void ical_put_param(struct ical_mem *m, struct ical *line, const char *name, const char *value);
void ical_remove(struct ical *node);
void ical_remove_lines(struct ical *component, const char *name);
struct ical *ical_clone(struct ical_mem *m, const struct ical *node);
/* Folded at 75 octets, CRLF. */
void ical_write(const struct ical *root, struct buf *out);

/* ---- dates ---- */

struct ical_time {
	bool date;         /* VALUE=DATE: t is a midnight */
	bool utc;
	int64_t t;         /* the wall clock's seconds since 1970-01-01T00:00:00, as if it were UTC */
	const char *tzid;  /* NULL: floating, UTC or a date */
};

struct ical_civil {
	int64_t year;
	unsigned month, day, hour, minute, second;
};

int64_t ical_days(int64_t year, unsigned month, unsigned day); /* since 1970-01-01 */
int64_t ical_seconds(const struct ical_civil *c);
void ical_civil(int64_t t, struct ical_civil *c_r);
unsigned ical_weekday(int64_t t); /* 0 Sunday */
unsigned ical_month_days(int64_t year, unsigned month);
int64_t ical_midnight(int64_t t); /* of its day */
bool ical_in_range(int64_t t); /* the clocks of all zones say it with a year of 1 to 9999 */
int64_t ical_now(void);

/* 20261124, 20261124T100000, 20261124T100000Z; also with - and : and fractions (2026-11-24T10:00:00.000Z). */
bool ical_time_parse(const char *s, struct ical_time *t_r);
/* The value of DTSTART and its kin with its TZID; false where there is none or it is none. */
bool ical_time(struct ical_mem *m, const struct ical *line, struct ical_time *t_r);
/* "20261124" or "20261124T100000[Z]" */
char *ical_time_text(struct ical_mem *m, const struct ical_time *t);
/* ";VALUE=DATE", ";TZID=..." or "" */
const char *ical_time_params(struct ical_mem *m, const struct ical_time *t);
/* Sets or adds the line; other parameters stay. */
void ical_put_time(struct ical_mem *m, struct ical *component, const char *name, const struct ical_time *t);
/* PT15M, -P1DT2H, P2W: seconds. */
bool ical_duration_parse(const char *s, int64_t *seconds_r);

#endif
