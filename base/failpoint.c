#include "base/failpoint.h"

#ifdef CPUSH_FAILPOINTS
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char point[64]; /* empty: none */
static const char *clock_file;
static atomic_long left;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void
read_environment(void)
{
	const char *s = getenv("CPUSH_FAILPOINT");
	const char *colon = s ? strrchr(s, ':') : NULL;

	clock_file = getenv("CPUSH_FAILPOINT_CLOCK");
	if (!colon || (size_t)(colon - s) >= sizeof point)
		return;
	memcpy(point, s, (size_t)(colon - s));
	atomic_store(&left, strtol(colon + 1, NULL, 10));
}

void
failpoint(const char *name)
{
	pthread_once(&once, read_environment);
	if (!*point || (strcmp(point, "any") != 0 && strcmp(point, name) != 0))
		return;
	if (atomic_fetch_sub(&left, 1) == 1)
		raise(SIGKILL);
}

int64_t
failpoint_clock(void)
{
	long long seconds = 0;
	FILE *f;

	pthread_once(&once, read_environment);
	f = clock_file ? fopen(clock_file, "re") : NULL;
	if (!f)
		return 0;
	if (fscanf(f, "%lld", &seconds) != 1)
		seconds = 0;
	fclose(f);
	return seconds;
}
#else
typedef int failpoints_are_left_out; /* a file must not be empty [C17 6.9] */
#endif
