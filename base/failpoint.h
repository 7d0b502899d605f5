/* base/failpoint.h - named points at which a test build dies by SIGKILL, as if the power had gone there.
 *
 * Only builds with CPUSH_FAILPOINTS have them: elsewhere nothing is left of a point. CPUSH_FAILPOINT=NAME:N in the environment, read when
 * the first point is passed, kills the process where NAME is passed for the Nth time; NAME "any" counts every point.
 * CPUSH_FAILPOINT_CLOCK names a file with a number of seconds, by which the wall clock of the protocol is off; it may change at any time.
 * Threads: any.
 */
#ifndef BASE_FAILPOINT_H
#define BASE_FAILPOINT_H

#include <stdint.h>

#ifdef CPUSH_FAILPOINTS
/* Names: put, remove, move, flag and send with .before and .after, for what is written to a backend; commit.before and .after. */
void failpoint(const char *name);
/* Seconds by which the clock is off. */
int64_t failpoint_clock(void);
#else
#define failpoint(name) ((void)0)
#define failpoint_clock() INT64_C(0)
#endif

#endif
