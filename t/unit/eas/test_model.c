/* Random runs of the model's worlds against the engine. CPUSH_MODEL_RUNS: how many; CPUSH_MODEL_SEED: the first one. */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/text.h"
#include "model.h"

#define RENEW 20

static uint64_t
number(const char *name, uint64_t fallback)
{
	const char *s = getenv(name);
	uint64_t v;

	return s && text_to_u64(s, &v) ? v : fallback;
}

static void
runs(const char *driver, uint64_t n)
{
	struct world w;
	char why[256], first[256] = "";
	uint64_t seed = number("CPUSH_MODEL_SEED", 0), end = seed + n, broken = 0, first_seed = 0;

	world_open(&w, driver, NULL);
	for (unsigned since = 0; seed < end; seed++) {
		if (++since == RENEW) { /* housekeeping looks at all users of a store */
			world_close(&w);
			world_open(&w, driver, NULL);
			since = 0;
		}
		if (model_run(&w, seed, why, sizeof why))
			continue;
		print_message("seed %" PRIu64 ": %s\n", seed, why);
		if (!broken++) {
			first_seed = seed;
			snprintf(first, sizeof first, "%s", why);
		}
	}
	world_close(&w);
	if (broken)
		fail_msg("%" PRIu64 " of %" PRIu64 " runs do not hold; seed %" PRIu64 ": %s", broken, n, first_seed, first);
}

static void
runs_hold_on_sqlite(void **state)
{
	(void)state;
	runs("sqlite", number("CPUSH_MODEL_RUNS", 100));
}

static void
runs_hold_on_mariadb(void **state)
{
	(void)state;
	if (!world_has_mariadb())
		skip();
	runs("mariadb", number("CPUSH_MODEL_RUNS", 10));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(runs_hold_on_sqlite),
		cmocka_unit_test(runs_hold_on_mariadb),
	};

	if (log_open("stderr", number("CPUSH_MODEL_TRACE", 0) ? LEVEL_DEBUG : LEVEL_ERROR))
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
