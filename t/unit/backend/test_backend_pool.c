/* Sessions stay logged in, are bounded per user and host, and nobody waits for one. */
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "rig.h"

static struct mem *mem;

static enum err
use(struct account *a, const char *folder)
{
	struct backend_changes c;

	return account_changes(a, rig_arena, folder, NULL, 10, &c, &rig_error);
}

static void
a_session_is_used_again(void **state)
{
	uint64_t sessions = count_get(COUNT_SESSIONS), logins = count_named("mem.call.login");
	uint64_t changes = count_named("mem.call.changes");

	(void)state;
	mem = mem_world(&mem_ops);
	rig_open("mem", "");
	for (int i = 0; i < 5; i++) {
		struct account *a = rig_account("alice", "x");

		assert_int_equal(use(a, "mem:inbox"), ERR_OK);
		account_release(&a);
	}
	assert_int_equal(mem_calls(mem, MEM_LOGIN), 1);
	assert_int_equal(mem_calls(mem, MEM_CHANGES), 5);
	assert_int_equal(count_named("mem.call.login") - logins, 1);
	assert_int_equal(count_named("mem.call.changes") - changes, 5);
	assert_int_equal(count_get(COUNT_SESSIONS) - sessions, 1);
}

static void
a_remembered_login_opens_nothing(void **state)
{
	struct account *a;

	(void)state;
	mem = mem_world(&mem_ops);
	rig_open("mem", "");
	assert_int_equal(rig_login("alice", "x"), ERR_OK);
	rig_now += 61000;
	backends_tidy(rig_backends);
	assert_int_equal(mem_sessions(mem), 0);
	a = rig_account("alice", "x");
	assert_int_equal(mem_sessions(mem), 0);
	assert_int_equal(use(a, "mem:inbox"), ERR_OK);
	assert_int_equal(mem_sessions(mem), 1);
	account_release(&a);
}

static void
the_unused_are_logged_out(void **state)
{
	struct account *a;

	(void)state;
	mem = mem_world(&mem_ops);
	rig_open("mem", "");
	a = rig_account("alice", "x");
	assert_int_equal(rig_login("bob", "x"), ERR_OK);
	rig_now += 59000;
	backends_tidy(rig_backends);
	assert_int_equal(mem_sessions(mem), 2);
	rig_now += 1000;
	backends_tidy(rig_backends);
	assert_int_equal(mem_sessions(mem), 1); /* hers is held */
	account_release(&a);
	backends_tidy(rig_backends);
	assert_int_equal(mem_sessions(mem), 1);
	rig_now += 60000;
	backends_tidy(rig_backends);
	assert_int_equal(mem_sessions(mem), 0);
}

static void
a_user_has_so_many_and_no_more(void **state)
{
	struct account *a[5];
	uint64_t busy = count_get(COUNT_BUSY);

	(void)state;
	mem = mem_world(&mem_ops);
	rig_open("mem", "[backends]\nuser_sessions = 4\nhost_calls = 100\n");
	for (int i = 0; i < 5; i++) {
		a[i] = rig_account("alice", "x");
		assert_int_equal(use(a[i], "mem:inbox"), i < 4 ? ERR_OK : ERR_BUSY);
	}
	assert_int_equal(count_get(COUNT_BUSY) - busy, 1);
	rig_freed = 0;
	account_release(&a[0]);
	assert_int_equal(rig_freed, 1);
	assert_int_equal(use(a[4], "mem:inbox"), ERR_OK);
	assert_int_equal(mem_sessions(mem), 4);
	for (int i = 1; i < 5; i++)
		account_release(&a[i]);
}

/* Two that each hold what the other needs would wake each other for ever. */
static void
who_found_no_session_wakes_nobody(void **state)
{
	struct account *a, *b, *none;

	(void)state;
	mem = mem_world(&mem_ops);
	rig_open("mem", "[backends]\nuser_sessions = 1\nhost_calls = 100\n");
	a = rig_account("alice", "x");
	b = rig_account("alice", "x");
	assert_int_equal(use(a, "mem:inbox"), ERR_OK);
	assert_int_equal(use(b, "mem:inbox"), ERR_BUSY);
	rig_freed = 0;
	account_yield(&b);
	account_yield(&a);
	assert_int_equal(rig_freed, 0);
	assert_int_equal(mem_sessions(mem), 1);
	none = rig_account("alice", "x");
	assert_int_equal(use(none, "mem:inbox"), ERR_OK);
	account_release(&none);
	assert_int_equal(rig_freed, 1);
}

static void
a_login_that_found_no_session_wakes_nobody(void **state)
{
	struct account *a;

	(void)state;
	mem = mem_world(&mem_ops);
	rig_open("mem", "[backends]\nhost_calls = 1\n");
	a = rig_account("alice", "x");
	assert_int_equal(use(a, "mem:inbox"), ERR_OK);
	rig_freed = 0;
	assert_int_equal(rig_login("bob", "x"), ERR_BUSY);
	assert_int_equal(rig_freed, 0);
	account_release(&a);
}

/* Each device may have a password of its own: an idle session of another one makes room. */
static void
another_password_makes_room(void **state)
{
	struct account *a;

	(void)state;
	mem = mem_world(&mem_ops);
	rig_open("mem", "[backends]\nuser_sessions = 2\n");
	for (int i = 0; i < 5; i++) {
		char password[16];

		snprintf(password, sizeof password, "p%d", i);
		a = rig_account("alice", password);
		assert_int_equal(use(a, "mem:inbox"), ERR_OK);
		account_release(&a);
		rig_now += 10;
		assert_true(mem_sessions(mem) <= 2);
	}
	/* And never is one password's session given to another. */
	assert_int_equal(mem_calls(mem, MEM_LOGIN), 5);
}

static void
a_host_has_so_many_and_no_more(void **state)
{
	struct account *a[4];
	uint64_t busy = count_get(COUNT_BUSY);
	char user[16];

	(void)state;
	mem = mem_world(&mem_ops);
	rig_open("mem mem2", "[backends]\nhost_calls = 3\n");
	for (int i = 0; i < 4; i++) {
		struct backend_login who = { .user = user, .password = "x" };

		snprintf(user, sizeof user, "u%d", i);
		assert_int_equal(account_login(rig_backends, &who, &a[i], &rig_error), i < 3 ? ERR_OK : ERR_BUSY);
	}
	assert_int_equal(count_get(COUNT_BUSY) - busy, 1);
	/* The other host has slots of its own; who holds one is not refused later. */
	for (int i = 0; i < 3; i++) {
		assert_int_equal(use(a[i], "mem2:calendar"), ERR_OK);
		assert_int_equal(use(a[i], "mem:inbox"), ERR_OK);
	}
	account_release(&a[0]);
	a[0] = rig_account("u3", "x");
	for (int i = 0; i < 3; i++)
		account_release(&a[i]);
}

static void
a_failed_login_leaves_nothing_behind(void **state)
{
	(void)state;
	mem = mem_world(&mem_ops);
	rig_open("mem", "[backends]\nhost_calls = 1\nuser_sessions = 1\nbreaker = 0\n");
	for (int i = 0; i < 3; i++) {
		mem_fail(mem, MEM_LOGIN, 1, i % 2 ? MEM_AFTER : MEM_BEFORE, ERR_UNAVAILABLE);
		assert_int_equal(rig_login("alice", "x"), ERR_UNAVAILABLE);
		assert_int_equal(mem_sessions(mem), 0);
	}
	assert_int_equal(rig_login("alice", "x"), ERR_OK);
}

static void
a_session_survives_a_failed_call(void **state)
{
	struct account *a;

	(void)state;
	mem = mem_world(&mem_ops);
	rig_open("mem", "");
	a = rig_account("alice", "x");
	mem_fail(mem, MEM_CHANGES, 1, MEM_BEFORE, ERR_UNAVAILABLE);
	assert_int_equal(use(a, "mem:inbox"), ERR_UNAVAILABLE);
	assert_int_equal(use(a, "mem:inbox"), ERR_OK);
	account_release(&a);
	assert_int_equal(mem_calls(mem, MEM_LOGIN), 1);
}

/* ---- threads ---- */

static void *
work(void *arg)
{
	struct arena *arena = arena_new(0);
	unsigned *bad = arg;

	for (int i = 0; i < 200; i++) {
		struct backend_login who = { .user = i % 2 ? "alice" : "bob", .password = "x" };
		struct backend_changes c;
		struct error e;
		struct account *a;
		enum err err = account_login(rig_backends, &who, &a, &e);

		if (!err)
			err = account_changes(a, arena, i % 3 ? "mem:inbox" : "mem2:calendar", NULL, 10, &c, &e);
		if (err && err != ERR_BUSY)
			++*bad;
		account_release(&a);
		if (i % 50 == 0)
			backends_tidy(rig_backends);
		__atomic_add_fetch(&rig_now, 500, __ATOMIC_RELAXED);
	}
	arena_free(&arena);
	return NULL;
}

static void
threads_share_it(void **state)
{
	pthread_t threads[6];
	unsigned bad[6] = { 0 };
	uint64_t before = count_get(COUNT_SESSIONS), sessions;

	(void)state;
	mem = mem_world(&mem_ops);
	rig_open("mem mem2", "[backends]\nhost_calls = 3\nuser_sessions = 2\n");
	for (size_t i = 0; i < ARRAY_LEN(threads); i++)
		assert_int_equal(pthread_create(&threads[i], NULL, work, &bad[i]), 0);
	for (size_t i = 0; i < ARRAY_LEN(threads); i++)
		pthread_join(threads[i], NULL);
	for (size_t i = 0; i < ARRAY_LEN(threads); i++)
		assert_int_equal(bad[i], 0);
	sessions = count_get(COUNT_SESSIONS) - before;
	assert_int_equal(sessions, mem_sessions(mem) + mem_sessions(mem_world(&mem2_ops)));
	assert_true(sessions <= 8);
	backends_unref(&rig_backends);
	assert_int_equal(mem_sessions(mem), 0);
}

/* ---- the server that takes mail ---- */

static enum err
send_one(struct account *a)
{
	const char *to[] = { "bob@example.org" };
	struct backend_mail mail = { .bytes = slice_str("Subject: x\r\n\r\n"), .from = "alice@example.org", .to = to, .n = 1 };

	return account_send(a, &mail, NULL, NULL, &rig_error);
}

static enum err
others_meanwhile(void *ctx, enum mem_op op, enum mem_when when, const char *folder, const char *key)
{
	enum err *err = ctx;

	(void)folder, (void)key;
	if (op == MEM_SEND && when == MEM_BEFORE) {
		struct account *bob = rig_account("bob", "x");

		err[0] = use(bob, "mem:inbox");
		err[1] = send_one(bob);
		account_release(&bob);
	}
	return ERR_OK;
}

static void
a_send_keeps_nobody_from_his_mailbox(void **state)
{
	enum err err[2] = { ERR_INTERNAL, ERR_INTERNAL };
	struct account *a;

	(void)state;
	mem = mem_world(&mem_ops);
	rig_open("mem", "[backends]\nhost_calls = 1\n");
	a = rig_account("alice", "x");
	mem_hook(mem, others_meanwhile, err);
	assert_int_equal(send_one(a), ERR_OK);
	mem_hook(mem, NULL, NULL);
	assert_int_equal(err[0], ERR_OK);
	assert_int_equal(err[1], ERR_BUSY);
	assert_int_equal(use(a, "mem:inbox"), ERR_OK);
	account_release(&a);
	a = rig_account("carol", "x"); /* all slots are back */
	assert_int_equal(use(a, "mem:inbox"), ERR_OK);
	assert_int_equal(send_one(a), ERR_OK);
	account_release(&a);
}

static void
mailboxes_are_there_while_no_mail_is_taken(void **state)
{
	struct account *a;

	(void)state;
	mem = mem_world(&mem_ops);
	rig_open("mem", "[backends]\nbreaker = 2\n");
	a = rig_account("alice", "x");
	for (unsigned i = 0; i < 3; i++)
		mem_fail(mem, MEM_SEND, i + 1, MEM_BEFORE, ERR_UNAVAILABLE);
	for (unsigned i = 0; i < 3; i++) {
		rig_now += 10000;
		assert_int_equal(send_one(a), ERR_UNAVAILABLE);
		assert_int_equal(use(a, "mem:inbox"), ERR_OK);
	}
	account_release(&a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		RIG(a_session_is_used_again),
		RIG(a_remembered_login_opens_nothing),
		RIG(the_unused_are_logged_out),
		RIG(a_user_has_so_many_and_no_more),
		RIG(a_send_keeps_nobody_from_his_mailbox),
		RIG(mailboxes_are_there_while_no_mail_is_taken),
		RIG(who_found_no_session_wakes_nobody),
		RIG(a_login_that_found_no_session_wakes_nobody),
		RIG(another_password_makes_room),
		RIG(a_host_has_so_many_and_no_more),
		RIG(a_failed_login_leaves_nothing_behind),
		RIG(a_session_survives_a_failed_call),
		RIG(threads_share_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
