/* Watching: what is noticed, what is down, what comes back. */
#include <poll.h>
#include <string.h>

#include "rig.h"

static struct mem *mem, *mem2;
static struct watch *watch;
static const char *const both[] = { "mem:inbox", "mem:calendar", "mem2:calendar" };

static int
setup(void **state)
{
	if (rig_setup(state))
		return -1;
	mem = mem_world(&mem_ops);
	mem2 = mem_world(&mem2_ops);
	mem_settings(mem2)->no_fd = true;
	mem_settings(mem2)->poll = 60;
	rig_open("mem mem2", "");
	return 0;
}

static int
teardown(void **state)
{
	watch_close(&watch);
	return rig_teardown(state);
}

static void
open_watch(const char *const *folders, size_t n)
{
	struct account *a = rig_account("alice", "x");

	assert_int_equal(watch_open(a, folders, n, &watch, &rig_error), ERR_OK);
	account_release(&a);
}

static bool
readable(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, 0) > 0;
}

static void
noticed(size_t n, const char *first)
{
	struct backend_keys keys;

	assert_int_equal(watch_noticed(watch, true, rig_arena, &keys, &rig_error), ERR_OK);
	assert_int_equal(keys.n, n);
	if (first)
		assert_string_equal(keys.list[0], first);
}

static void
tells_how_to_wait(void **state)
{
	struct watch_wait waits[4];

	(void)state;
	open_watch(both, 3);
	assert_int_equal(watch_waits(watch, waits, 4), 2);
	assert_true(waits[0].fd >= 0);
	assert_int_equal(waits[0].deadline, 0);
	assert_false(waits[0].down);
	assert_int_equal(waits[1].fd, -1);
	assert_int_equal(waits[1].deadline, rig_now / 1000 + 60);
	assert_int_equal(watch_waits(watch, waits, 1), 1);
}

static void
notices_by_descriptor_and_by_poll(void **state)
{
	struct watch_wait waits[2];

	(void)state;
	open_watch(both, 3);
	noticed(0, NULL);
	watch_waits(watch, waits, 2);
	assert_false(readable(waits[0].fd));
	mem_add(mem, "alice", "inbox", NULL, "Subject: x\r\n\r\n", 0, 0);
	mem_add(mem, "alice", "drafts", NULL, "Subject: x\r\n\r\n", 0, 0);
	mem_add(mem2, "alice", "calendar", NULL, "BEGIN:VCALENDAR", 0, 0);
	assert_true(readable(waits[0].fd));
	noticed(1, "mem:inbox");
	noticed(0, NULL);
	assert_int_equal(mem_calls(mem2, MEM_NOTICED), 0);
	rig_now += 60000;
	noticed(1, "mem2:calendar");
	noticed(0, NULL);
	assert_int_equal(mem_calls(mem2, MEM_NOTICED), 1);
}

static void
other_folders_from_now_on(void **state)
{
	static const char *const other[] = { "mem:drafts" };
	struct watch_wait waits[2];
	unsigned sessions;

	(void)state;
	open_watch(both, 3);
	sessions = mem_sessions(mem2);
	assert_int_equal(watch_folders(watch, other, 1, &rig_error), ERR_OK);
	assert_int_equal(watch_waits(watch, waits, 2), 1);
	assert_int_equal(mem_sessions(mem2), sessions - 1);
	mem_add(mem, "alice", "inbox", NULL, "Subject: x\r\n\r\n", 0, 0);
	noticed(0, NULL);
	mem_add(mem, "alice", "drafts", NULL, "Subject: x\r\n\r\n", 0, 0);
	noticed(1, "mem:drafts");
	/* The same list once more asks nobody. */
	assert_int_equal(mem_calls(mem, MEM_WATCH), 2);
	assert_int_equal(watch_folders(watch, other, 1, &rig_error), ERR_OK);
	assert_int_equal(mem_calls(mem, MEM_WATCH), 2);
}

static void
a_module_that_is_down_at_first(void **state)
{
	struct watch_wait waits[2];

	(void)state;
	mem_down(mem2, ERR_UNAVAILABLE);
	open_watch(both, 3);
	watch_waits(watch, waits, 2);
	assert_true(waits[1].down);
	assert_int_equal(waits[1].deadline, rig_now / 1000 + 15);
	noticed(0, NULL);
	mem_down(mem2, ERR_OK);
	rig_now += 15000;
	/* Anything may have happened. */
	noticed(1, "mem2:calendar");
	watch_waits(watch, waits, 2);
	assert_false(waits[1].down);
}

static void
a_module_that_goes_down_and_comes_back(void **state)
{
	struct watch_wait waits[2];

	(void)state;
	open_watch(both, 3);
	mem_add(mem, "alice", "inbox", NULL, "Subject: x\r\n\r\n", 0, 0);
	mem_fail(mem, MEM_NOTICED, 1, MEM_BEFORE, ERR_UNAVAILABLE);
	noticed(0, NULL);
	watch_waits(watch, waits, 2);
	assert_true(waits[0].down);
	assert_int_equal(waits[0].fd, -1);
	rig_now += 15000;
	noticed(2, "mem:inbox"); /* both of its folders are to be compared */
	watch_waits(watch, waits, 2);
	assert_false(waits[0].down);
	assert_true(waits[0].fd >= 0);
}

static void
what_cannot_be_watched_is_said_once(void **state)
{
	(void)state;
	open_watch(both, 3);
	mem_add(mem, "alice", "inbox", NULL, "Subject: x\r\n\r\n", 0, 0);
	/* A connection that ends, and is there again at the next try. */
	mem_fail(mem, MEM_NOTICED, 1, MEM_BEFORE, ERR_PEER);
	noticed(0, NULL);
	rig_now += 15000;
	noticed(2, "mem:inbox");
	assert_int_equal(rig_logged("watched"), 0);
	mem_add(mem, "alice", "inbox", NULL, "Subject: y\r\n\r\n", 0, 0);
	mem_down(mem, ERR_PEER);
	for (int i = 0; i < 4; i++) {
		rig_now += 60000;
		noticed(0, NULL);
	}
	assert_int_equal(rig_logged("warn mem cannot be watched now: "), 1);
	mem_down(mem, ERR_OK);
	for (int i = 0; i < 2; i++) {
		rig_now += 60000;
		noticed(i ? 0 : 2, i ? NULL : "mem:inbox");
	}
	assert_int_equal(rig_logged("mem is watched again user=alice"), 1);
	assert_int_equal(rig_logged("watched"), 2);
}

static void
a_refused_login_is_down_too(void **state)
{
	struct watch_wait waits[2];

	(void)state;
	mem_password(mem2, "alice", "other");
	open_watch(both, 3);
	watch_waits(watch, waits, 2);
	assert_true(waits[1].down);
	for (int i = 0; i < 5; i++) {
		rig_now += 10000;
		noticed(0, NULL);
	}
	assert_int_equal(mem_calls(mem2, MEM_LOGIN), 1);
}

static void
no_slot_now_means_a_moment_later(void **state)
{
	struct account *a;
	struct watch_wait waits[2];
	struct backend_identity id;

	(void)state;
	backends_unref(&rig_backends);
	rig_open("mem", "[backends]\nhost_calls = 1\n");
	a = rig_account("alice", "x");
	assert_int_equal(watch_open(a, both, 1, &watch, &rig_error), ERR_OK);
	watch_waits(watch, waits, 2);
	assert_false(waits[0].down);
	assert_int_equal(waits[0].deadline, rig_now / 1000 + 1);
	account_release(&a);
	rig_now += 1000;
	noticed(1, "mem:inbox");
	noticed(0, NULL);
	/* And not at once again: what is readable stays so until it was looked at. */
	a = rig_account("alice", "x");
	assert_int_equal(account_identity(a, rig_arena, &id, &rig_error), ERR_OK);
	mem_add(mem, "alice", "inbox", NULL, "Subject: x\r\n\r\n", 0, 0);
	watch_waits(watch, waits, 2);
	assert_true(readable(waits[0].fd));
	noticed(0, NULL);
	watch_waits(watch, waits, 2);
	assert_int_equal(waits[0].fd, -1);
	assert_int_equal(waits[0].deadline, rig_now / 1000 + 1);
	account_release(&a);
	rig_now += 1000;
	noticed(1, "mem:inbox");
	watch_waits(watch, waits, 2);
	assert_true(waits[0].fd >= 0 && !readable(waits[0].fd));
}

static void
an_account_for_its_user(void **state)
{
	struct account *a;
	struct backend_changes c;
	uint64_t watches = count_get(COUNT_WATCHES);

	(void)state;
	open_watch(both, 3);
	assert_int_equal(watch_account(watch, NULL, &a, &rig_error), ERR_OK);
	assert_string_equal(account_user(a), "alice");
	assert_int_equal(account_changes(a, rig_arena, "mem:inbox", NULL, 10, &c, &rig_error), ERR_OK);
	account_release(&a);
	assert_int_equal(count_get(COUNT_WATCHES) - watches, 1);
	watch_close(&watch);
	assert_int_equal(count_get(COUNT_WATCHES), watches);
}

/* Only of another password than the one that was refused, to an account of the watch or to the watch itself. */
static void
is_outdated_once_it_is_refused(void **state)
{
	struct account *a;
	struct backend_changes c;

	(void)state;
	open_watch(both, 3);
	assert_false(watch_outdated(watch, "new"));
	assert_int_equal(watch_account(watch, NULL, &a, &rig_error), ERR_OK);
	mem_fail(mem, MEM_CHANGES, 1, MEM_BEFORE, ERR_AUTH);
	assert_int_equal(account_changes(a, rig_arena, "mem:inbox", NULL, 10, &c, &rig_error), ERR_UNAVAILABLE);
	account_release(&a);
	assert_true(watch_outdated(watch, "new"));
	assert_false(watch_outdated(watch, "x"));
	watch_close(&watch);
	open_watch(both, 3);
	assert_false(watch_outdated(watch, "new"));
	mem_fail(mem2, MEM_NOTICED, 1, MEM_BEFORE, ERR_AUTH);
	rig_now += 60000;
	noticed(0, NULL);
	assert_true(watch_outdated(watch, "new"));
}

#define WATCH(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		WATCH(tells_how_to_wait),
		WATCH(notices_by_descriptor_and_by_poll),
		WATCH(other_folders_from_now_on),
		WATCH(a_module_that_is_down_at_first),
		WATCH(a_module_that_goes_down_and_comes_back),
		WATCH(what_cannot_be_watched_is_said_once),
		WATCH(a_refused_login_is_down_too),
		WATCH(no_slot_now_means_a_moment_later),
		WATCH(an_account_for_its_user),
		WATCH(is_outdated_once_it_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
