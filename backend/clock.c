#include <time.h>

#include "backend/internal.h"

static int64_t (*replaced)(void);

void
backends_set_clock(int64_t (*now_ms)(void))
{
	replaced = now_ms;
}

int64_t
clock_ms(void)
{
	struct timespec t;

	if (replaced)
		return replaced();
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}
