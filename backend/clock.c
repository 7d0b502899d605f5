#include "backend/internal.h"
#include "base/clock.h"

static int64_t (*replaced)(void);

void
backends_set_clock(int64_t (*now_ms)(void))
{
	replaced = now_ms;
}

int64_t
clock_ms(void)
{
	return replaced ? replaced() : monotonic_ms();
}
