/* A host that hangs is left alone, but for one probe now and then. */
#include "rig.h"

static struct mem *mem;
static struct account *account;
static int64_t takes; /* ms that a call takes */

static enum err
slow(void *ctx, enum mem_op op, enum mem_when when, const char *folder, const char *key)
{
	(void)ctx, (void)op, (void)folder, (void)key;
	if (when == MEM_BEFORE)
		rig_now += takes;
	return ERR_OK;
}

static enum err
use(void)
{
	struct backend_changes c;

	return account_changes(account, rig_arena, "mem:inbox", NULL, 10, &c, &rig_error);
}

static int
setup(void **state)
{
	if (rig_setup(state))
		return -1;
	mem = mem_world(&mem_ops);
	rig_open("mem", "");
	account = rig_account("alice", "x");
	takes = 25000;
	mem_hook(mem, slow, NULL);
	return 0;
}

static int
teardown(void **state)
{
	account_release(&account);
	return rig_teardown(state);
}

static void
two_timeouts_and_it_is_down(void **state)
{
	unsigned calls;

	(void)state;
	mem_down(mem, ERR_UNAVAILABLE);
	assert_int_equal(use(), ERR_UNAVAILABLE);
	assert_int_equal(use(), ERR_UNAVAILABLE);
	calls = mem_calls(mem, MEM_ANY);
	for (int i = 0; i < 10; i++) {
		assert_int_equal(use(), ERR_UNAVAILABLE);
		assert_int_equal(rig_login("bob", "x"), ERR_UNAVAILABLE);
	}
	assert_int_equal(mem_calls(mem, MEM_ANY), calls);
}

/* 429 and the like: one user is to wait, or one thing is locked. */
static void
a_server_that_asks_to_wait_is_not_down(void **state)
{
	(void)state;
	mem_down(mem, ERR_PAUSED);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(use(), ERR_UNAVAILABLE);
		assert_int_equal(rig_login("bob", "x"), ERR_UNAVAILABLE);
	}
	mem_down(mem, ERR_OK);
	assert_int_equal(use(), ERR_OK);
}

static void
one_probe_per_interval(void **state)
{
	unsigned calls;

	(void)state;
	mem_down(mem, ERR_UNAVAILABLE);
	(void)!use();
	(void)!use();
	calls = mem_calls(mem, MEM_ANY);
	rig_now += 14999;
	(void)!use();
	assert_int_equal(mem_calls(mem, MEM_ANY), calls);
	rig_now += 1;
	assert_int_equal(use(), ERR_UNAVAILABLE);
	assert_int_equal(mem_calls(mem, MEM_ANY), calls + 1);
	/* The next interval begins when the probe ended. */
	rig_now += 14999;
	(void)!use();
	assert_int_equal(mem_calls(mem, MEM_ANY), calls + 1);
	rig_now += 1;
	mem_down(mem, ERR_OK);
	takes = 0;
	assert_int_equal(use(), ERR_OK);
	assert_int_equal(use(), ERR_OK);
	assert_int_equal(mem_calls(mem, MEM_ANY), calls + 3);
}

static enum err probed_meanwhile;

static enum err
second_probe(void *ctx, enum mem_op op, enum mem_when when, const char *folder, const char *key)
{
	(void)ctx, (void)op, (void)folder, (void)key;
	if (when == MEM_BEFORE)
		probed_meanwhile = rig_login("bob", "x");
	return ERR_OK;
}

static void
the_others_do_not_wait_for_the_probe(void **state)
{
	(void)state;
	mem_down(mem, ERR_UNAVAILABLE);
	(void)!use();
	(void)!use();
	rig_now += 15000;
	mem_down(mem, ERR_OK);
	mem_hook(mem, second_probe, NULL);
	probed_meanwhile = ERR_OK;
	assert_int_equal(use(), ERR_OK);
	assert_int_equal(probed_meanwhile, ERR_UNAVAILABLE);
}

static void
a_success_between_starts_anew(void **state)
{
	(void)state;
	for (int i = 0; i < 5; i++) {
		mem_fail(mem, MEM_CHANGES, 1, MEM_BEFORE, ERR_UNAVAILABLE);
		assert_int_equal(use(), ERR_UNAVAILABLE);
		assert_int_equal(use(), ERR_OK);
	}
}

static void
answers_of_all_kinds_are_answers(void **state)
{
	static const enum err answers[] = { ERR_NOTFOUND, ERR_DENIED, ERR_CONFLICT, ERR_NOFOLDER, ERR_QUOTA };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
		mem_fail(mem, MEM_CHANGES, 1, MEM_BEFORE, ERR_UNAVAILABLE);
		assert_int_equal(use(), ERR_UNAVAILABLE);
		mem_fail(mem, MEM_CHANGES, 1, MEM_BEFORE, answers[i]);
		assert_int_equal(use(), answers[i]);
	}
	assert_int_equal(use(), ERR_OK);
}

/* What fails at once for one user holds no worker up, and may be his own trouble. */
static void
quick_failures_of_one_user_do_not_count(void **state)
{
	(void)state;
	takes = 10;
	for (int i = 0; i < 10; i++) {
		mem_fail(mem, MEM_CHANGES, 1, MEM_BEFORE, ERR_UNAVAILABLE);
		assert_int_equal(use(), ERR_UNAVAILABLE);
	}
	assert_int_equal(use(), ERR_OK);
}

static void
quick_failures_of_two_users_do(void **state)
{
	unsigned calls;

	(void)state;
	takes = 10;
	mem_down(mem, ERR_UNAVAILABLE);
	assert_int_equal(use(), ERR_UNAVAILABLE);
	assert_int_equal(rig_login("bob", "x"), ERR_UNAVAILABLE);
	calls = mem_calls(mem, MEM_ANY);
	assert_int_equal(use(), ERR_UNAVAILABLE);
	assert_int_equal(mem_calls(mem, MEM_ANY), calls);
}

#define BREAKER(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		BREAKER(two_timeouts_and_it_is_down),
		BREAKER(one_probe_per_interval),
		BREAKER(a_server_that_asks_to_wait_is_not_down),
		BREAKER(the_others_do_not_wait_for_the_probe),
		BREAKER(a_success_between_starts_anew),
		BREAKER(answers_of_all_kinds_are_answers),
		BREAKER(quick_failures_of_one_user_do_not_count),
		BREAKER(quick_failures_of_two_users_do),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
