/* eas/clock.h - the time of day, which tests can set. Private to eas/. */
#ifndef EAS_CLOCK_H
#define EAS_CLOCK_H

#include <stdint.h>

int64_t eas_now(void);       /* seconds since 1970 UTC */
int64_t eas_monotonic(void); /* CLOCK_MONOTONIC, seconds: what deadlines are in */
/* Tests: this time from now on; 0: the real one again. */
void eas_clock_set(int64_t now);
void eas_clock_set_monotonic(int64_t now);

#endif
