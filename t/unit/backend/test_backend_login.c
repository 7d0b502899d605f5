/* Who may in: asked once, remembered good and bad. */
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "rig.h"

#define MINUTE 60000

static struct mem *mem;

static unsigned
asked(void)
{
	return mem_calls(mem, MEM_LOGIN);
}

static void
begin(const char *more)
{
	mem = mem_world(&mem_ops);
	rig_open("mem", more);
	mem_password(mem, "alice", "right");
}

static void
a_good_login_is_remembered(void **state)
{
	(void)state;
	begin("");
	for (int i = 0; i < 5; i++)
		assert_int_equal(rig_login("alice", "right"), ERR_OK);
	assert_int_equal(asked(), 1);
	rig_now += 10 * MINUTE + 1;
	assert_int_equal(rig_login("alice", "right"), ERR_OK);
	assert_int_equal(asked(), 2);
}

static void
login_cache_is_a_setting(void **state)
{
	(void)state;
	begin("login_cache = 2m\n");
	assert_int_equal(rig_login("alice", "right"), ERR_OK);
	rig_now += 2 * MINUTE - 1;
	assert_int_equal(rig_login("alice", "right"), ERR_OK);
	assert_int_equal(asked(), 1);
	rig_now += 1;
	assert_int_equal(rig_login("alice", "right"), ERR_OK);
	assert_int_equal(asked(), 2);
}

static void
a_wrong_password_is_not_passed_on_again(void **state)
{
	/* After each of these the next try is passed on; just before it none is. */
	static const int minutes[] = { 1, 2, 4, 8, 15, 15 };

	(void)state;
	begin("");
	for (size_t i = 0; i < ARRAY_LEN(minutes); i++) {
		assert_int_equal(rig_login("alice", "wrong"), ERR_AUTH);
		assert_int_equal(asked(), i + 1);
		rig_now += minutes[i] * MINUTE - 1;
		assert_int_equal(rig_login("alice", "wrong"), ERR_AUTH);
		assert_int_equal(asked(), i + 1);
		rig_now += 1;
	}
}

static void
another_password_is_tried_at_once(void **state)
{
	(void)state;
	begin("");
	assert_int_equal(rig_login("alice", "wrong"), ERR_AUTH);
	assert_int_equal(rig_login("alice", "right"), ERR_OK);
	assert_int_equal(rig_login("alice", "wrong"), ERR_AUTH);
	assert_int_equal(asked(), 2);
}

static void
guesses_are_bounded(void **state)
{
	char guess[24];

	(void)state;
	begin("");
	assert_int_equal(rig_login("alice", "right"), ERR_OK);
	for (int i = 0; i < 50; i++) {
		snprintf(guess, sizeof guess, "guess %d", i);
		assert_int_equal(rig_login("alice", guess), i < 10 ? ERR_AUTH : ERR_UNAVAILABLE);
	}
	assert_int_equal(asked(), 11);
	/* Neither her own login nor other users are touched by it. */
	assert_int_equal(rig_login("alice", "right"), ERR_OK);
	assert_int_equal(rig_login("bob", "his"), ERR_OK);
	rig_now += MINUTE;
	assert_int_equal(rig_login("alice", "guess 40"), ERR_AUTH);
	assert_int_equal(asked(), 13);
}

static void
a_changed_password_ends_the_old_one(void **state)
{
	struct account *a;
	struct backend_folders f;
	const char *down;

	(void)state;
	begin("");
	a = rig_account("alice", "right");
	assert_int_equal(account_folders(a, rig_arena, &f, &down, &rig_error), ERR_OK);
	account_release(&a);
	assert_int_equal(mem_sessions(mem), 1);
	mem_password(mem, "alice", "new");
	rig_now += 11 * MINUTE;
	assert_int_equal(rig_login("alice", "right"), ERR_AUTH);
	assert_int_equal(mem_sessions(mem), 0);
	assert_int_equal(rig_login("alice", "new"), ERR_OK);
}

static void
a_session_that_is_refused_proves_the_login_again(void **state)
{
	struct account *a;
	struct backend_changes c;

	(void)state;
	begin("");
	a = rig_account("alice", "right");
	mem_fail(mem, MEM_CHANGES, 1, MEM_BEFORE, ERR_AUTH);
	mem_password(mem, "alice", "new");
	assert_int_equal(account_changes(a, rig_arena, "mem:inbox", NULL, 10, &c, &rig_error), ERR_UNAVAILABLE);
	account_release(&a);
	assert_int_equal(mem_sessions(mem), 0);
	assert_int_equal(rig_login("alice", "right"), ERR_AUTH);
}

static void
down_is_not_wrong(void **state)
{
	(void)state;
	begin("[backends]\nbreaker = 0\n");
	mem_down(mem, ERR_UNAVAILABLE);
	for (int i = 0; i < 20; i++)
		assert_int_equal(rig_login("alice", "right"), ERR_UNAVAILABLE);
	mem_down(mem, ERR_PEER);
	assert_int_equal(rig_login("alice", "right"), ERR_UNAVAILABLE);
	mem_down(mem, ERR_OK);
	assert_int_equal(rig_login("alice", "right"), ERR_OK);
}

static void
forgetting_asks_again(void **state)
{
	(void)state;
	begin("");
	assert_int_equal(rig_login("alice", "right"), ERR_OK);
	assert_int_equal(rig_login("alice", "wrong"), ERR_AUTH);
	backends_forget(rig_backends, "alice");
	assert_int_equal(mem_sessions(mem), 0);
	mem_password(mem, "alice", "wrong");
	assert_int_equal(rig_login("alice", "wrong"), ERR_OK);
	assert_int_equal(rig_login("alice", "right"), ERR_AUTH);
}

static void
impossible_names_are_refused(void **state)
{
	char big[2000];

	(void)state;
	begin("");
	memset(big, 'x', sizeof big - 1);
	big[sizeof big - 1] = 0;
	assert_int_equal(rig_login("", "x"), ERR_AUTH);
	assert_int_equal(rig_login("alice", ""), ERR_AUTH);
	assert_int_equal(rig_login("al\nice", "x"), ERR_AUTH);
	assert_int_equal(rig_login("al\xff", "x"), ERR_AUTH);
	assert_int_equal(rig_login(big, "x"), ERR_AUTH);
	assert_int_equal(rig_login("alice", big), ERR_AUTH);
	assert_int_equal(asked(), 0);
}

/* ---- two at once ---- */

static enum err inner;

static enum err
again_from_within(void *ctx, enum mem_op op, enum mem_when when, const char *folder, const char *key)
{
	(void)ctx, (void)folder, (void)key;
	if (op == MEM_LOGIN && when == MEM_BEFORE)
		inner = rig_login("alice", "wrong");
	return ERR_OK;
}

static void
the_same_login_is_asked_by_one(void **state)
{
	(void)state;
	begin("");
	mem_hook(mem, again_from_within, NULL);
	assert_int_equal(rig_login("alice", "wrong"), ERR_AUTH);
	assert_int_equal(inner, ERR_BUSY);
	assert_int_equal(asked(), 1);
	assert_true(rig_freed > 0);
	assert_int_equal(rig_login("alice", "wrong"), ERR_AUTH);
	assert_int_equal(asked(), 1);
}

static void *
hammer(void *arg)
{
	char password[16];

	for (int i = 0; i < 300; i++) {
		enum err err;

		snprintf(password, sizeof password, "%s", i % 3 ? "right" : "wrong");
		err = rig_login("alice", password);
		if (err != ERR_BUSY && err != (i % 3 ? ERR_OK : ERR_AUTH))
			*(enum err *)arg = err;
	}
	return NULL;
}

static void
many_threads_agree(void **state)
{
	pthread_t threads[8];
	enum err bad[8] = { 0 };

	(void)state;
	begin("");
	for (size_t i = 0; i < ARRAY_LEN(threads); i++)
		assert_int_equal(pthread_create(&threads[i], NULL, hammer, &bad[i]), 0);
	for (size_t i = 0; i < ARRAY_LEN(threads); i++)
		pthread_join(threads[i], NULL);
	for (size_t i = 0; i < ARRAY_LEN(threads); i++)
		assert_int_equal(bad[i], ERR_OK);
	assert_int_equal(asked(), 2);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		RIG(a_good_login_is_remembered),
		RIG(login_cache_is_a_setting),
		RIG(a_wrong_password_is_not_passed_on_again),
		RIG(another_password_is_tried_at_once),
		RIG(guesses_are_bounded),
		RIG(a_changed_password_ends_the_old_one),
		RIG(a_session_that_is_refused_proves_the_login_again),
		RIG(down_is_not_wrong),
		RIG(forgetting_asks_again),
		RIG(impossible_names_are_refused),
		RIG(the_same_login_is_asked_by_one),
		RIG(many_threads_agree),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
