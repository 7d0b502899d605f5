/* Random runs of the model's worlds against the engine. CPUSH_MODEL_RUNS: how many; CPUSH_MODEL_SEED: the first one. */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/text.h"
#include "eas/rule.h"
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
	runs("sqlite", number("CPUSH_MODEL_RUNS", 200));
}

#ifdef CPUSH_FAILPOINTS
/* Each rule is for something: without it some run breaks. */
static void
each_rule_is_needed(void **state)
{
	static const struct {
		const char *name;
		enum rule rule;
	} rules[] = { { "settle", RULE_SETTLE }, { "content", RULE_CONTENT }, { "edited", RULE_EDITED }, { "adopt", RULE_ADOPT },
		{ "keys", RULE_KEYS }, { "epochs", RULE_EPOCHS }, { "widen", RULE_WIDEN }, { "delete", RULE_DELETE }, { "seen", RULE_SEEN },
		{ "holes", RULE_HOLES }, { "renumber", RULE_RENUMBER }, { "vouch", RULE_VOUCH } };
	uint64_t most = number("CPUSH_MODEL_RULE_RUNS", 400);
	unsigned idle = 0;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rules); i++) {
		struct world w;
		char why[256] = "";
		uint64_t seed = 0;

		rules_off = rules[i].rule;
		world_open(&w, "sqlite", NULL);
		for (; seed < most && model_run(&w, seed, why, sizeof why); seed++) {
			if (seed % RENEW == RENEW - 1) {
				world_close(&w);
				world_open(&w, "sqlite", NULL);
			}
		}
		world_close(&w);
		rules_off = 0;
		print_message("without %s: %s (seed %" PRIu64 ")\n", rules[i].name, *why ? why : "nothing breaks", seed);
		idle += !*why;
	}
	assert_int_equal(idle, 0);
}
#endif

static void
runs_hold_on_mariadb(void **state)
{
	(void)state;
	runs("mariadb", number("CPUSH_MODEL_RUNS", 20));
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(runs_hold_on_sqlite),
#ifdef CPUSH_FAILPOINTS
		cmocka_unit_test(each_rule_is_needed),
#endif
	};
	const struct CMUnitTest mariadb[] = {
		cmocka_unit_test(runs_hold_on_mariadb),
	};

	if (log_open("stderr", number("CPUSH_MODEL_TRACE", 0) ? LEVEL_DEBUG : LEVEL_ERROR))
		return 1;
	if (argc > 1 && strcmp(argv[1], "mariadb") == 0)
		return world_has_mariadb() ? cmocka_run_group_tests(mariadb, NULL, NULL) : 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
