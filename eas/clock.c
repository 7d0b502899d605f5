#include "eas/clock.h"

#include <time.h>

#include "base/failpoint.h"

static int64_t fixed, fixed_monotonic;

int64_t
eas_now(void)
{
	int64_t now = __atomic_load_n(&fixed, __ATOMIC_RELAXED);

	return now ? now : (int64_t)time(NULL) + failpoint_clock();
}

int64_t
eas_monotonic(void)
{
	int64_t now = __atomic_load_n(&fixed_monotonic, __ATOMIC_RELAXED);
	struct timespec ts;

	if (now)
		return now;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec;
}

void
eas_clock_set(int64_t now)
{
	__atomic_store_n(&fixed, now, __ATOMIC_RELAXED);
}

void
eas_clock_set_monotonic(int64_t now)
{
	__atomic_store_n(&fixed_monotonic, now, __ATOMIC_RELAXED);
}
