/* A Sync that waits (Wait, HeartbeatInterval): when it does, what wakes it, how it ends. */
#include "eas/clock.h"
#include "model_kit.h"

static int64_t folder;
static struct call waiting;
static bool asked;

static int
open_settled(void **state)
{
	kit_open(state);
	asked = false;
	folder = folder_named("Calendar");
	other_puts("a.ics", 1, 2, 0);
	sync_from_start(folder, 0);
	sync_one(folder, -1, -1, -1);
	kit.ended = 0;
	return 0;
}

static int
close_all(void **state)
{
	if (asked)
		call_end(&waiting);
	return kit_close(state);
}

/* A Sync of the folder with that element, in `waiting`. */
static void
wait_with(unsigned tag, int64_t value, const char *client)
{
	if (asked)
		call_end(&waiting);
	asked = false;
	ask_sync();
	ask_collection(folder, key);
	if (client) {
		ask_commands();
		ask_add(client, 5, 6);
	}
	close_collection();
	done();
	wbxml_put_int(&call.w, tag, value);
	run();
	if (call.outcome != EAS_PARK)
		return;
	waiting = call;
	asked = true;
	/* The writer points into the call: it is not used any more. */
	forget_call();
	ask_sync();
}

static void
look_at(const char *folder_key)
{
	const struct backend_login who = { WORLD_USER, "secret", NULL };
	struct account *a;
	struct error e = { 0 };

	assert_int_equal(account_login(kit.backends, &who, &a, &e), ERR_OK);
	assert_int_equal(eas_refresh(&kit.server, a, folder_key, NULL, &e), ERR_OK);
	account_release(&a);
}

static void
look(void)
{
	look_at("mem:calendar");
}

static void
resume_as(enum eas_wake why, enum eas_outcome outcome)
{
	call_end(&call);
	call_begin(&call, &kit, PHONE, version, EAS_SYNC);
	call_resume(&call, waiting.r.park, why);
	assert_int_equal(call.outcome, outcome);
}

static void
resume(enum eas_wake why)
{
	resume_as(why, EAS_DONE);
}

static void
nothing_new_waits(void **state)
{
	int64_t left;

	(void)state;
	wait_with(AirSync_HeartbeatInterval, 600, NULL);
	assert_true(asked);
	assert_int_equal(waiting.r.park->kind, EAS_WAIT_SYNC);
	assert_int_equal(waiting.r.park->n, 1);
	assert_string_equal(waiting.r.park->folders[0].key, "mem:calendar");
	left = waiting.r.park->deadline - eas_monotonic();
	assert_true(left > 500 && left <= 600);
	assert_true(eas_due(&kit.server, waiting.r.park, NULL) == INT64_MAX);
	wait_with(AirSync_Wait, 10, NULL); /* minutes */
	assert_true(asked);
	left = waiting.r.park->deadline - eas_monotonic();
	assert_true(left > 500 && left <= 600);
}

static void
something_new_does_not_wait(void **state)
{
	(void)state;
	other_puts("b.ics", 1, 2, 0);
	wait_with(AirSync_HeartbeatInterval, 600, NULL);
	assert_false(asked);
	assert_int_equal(told(folder, AirSync_Add), 1);
}

static void
commands_do_not_wait(void **state)
{
	(void)state;
	wait_with(AirSync_HeartbeatInterval, 600, "c1");
	assert_false(asked);
	assert_int_equal(add_status(folder, "c1", NULL), 1);
}

static void
both_intervals_are_status_4(void **state)
{
	(void)state;
	ask_sync();
	ask_collection(folder, key);
	close_collection();
	done();
	wbxml_put_int(&call.w, AirSync_Wait, 10);
	wbxml_put_int(&call.w, AirSync_HeartbeatInterval, 600);
	run();
	assert_int_equal(root_status(), 4);
}

static void
out_of_range_is_14_with_the_limit_in_the_same_unit(void **state)
{
	(void)state;
	wait_with(AirSync_HeartbeatInterval, 10, NULL);
	assert_int_equal(root_status(), 14);
	assert_int_equal(wbxml_int(call.answer, AirSync_Limit, 0, 0), 60);
	wait_with(AirSync_HeartbeatInterval, 99999, NULL);
	assert_int_equal(wbxml_int(call.answer, AirSync_Limit, 0, 0), 3540);
	wait_with(AirSync_Wait, 60, NULL);
	assert_int_equal(root_status(), 14);
	assert_int_equal(wbxml_int(call.answer, AirSync_Limit, 0, 0), 59);
	/* MS-ASCMD_R3227, R3229 */
	wait_with(AirSync_Wait, 0, NULL);
	assert_int_equal(root_status(), 14);
	assert_int_equal(wbxml_int(call.answer, AirSync_Limit, 0, 0), 1);
	wait_with(AirSync_HeartbeatInterval, 0, NULL);
	assert_int_equal(root_status(), 14);
	assert_int_equal(wbxml_int(call.answer, AirSync_Limit, 0, 0), 60);
}

static void
out_of_range_keeps_no_command_waiting(void **state)
{
	(void)state;
	wait_with(AirSync_HeartbeatInterval, 99999, "c1");
	assert_int_equal(root_status(), 14);
	assert_int_equal(stored_count(), 2);
	/* The phone sends it all again with a wait that is allowed: it is not done twice. */
	wait_with(AirSync_HeartbeatInterval, 600, "c1");
	assert_int_equal(add_status(folder, "c1", NULL), 1);
	assert_int_equal(stored_count(), 2);
	assert_true(take_key(folder));
	sync_one(folder, -1, -1, -1);
	assert_true(is_empty_answer());
}

static void
a_waiting_sync_ends_ping_and_sync_a_plain_one_sync_only(void **state)
{
	(void)state;
	wait_with(AirSync_HeartbeatInterval, 600, NULL);
	assert_int_equal(kit.ended, EAS_WAIT_PING | EAS_WAIT_SYNC);
	kit.ended = 0;
	sync_one(folder, -1, -1, -1);
	assert_int_equal(kit.ended, EAS_WAIT_SYNC);
}

static void
a_change_wakes_it_and_is_told(void **state)
{
	(void)state;
	wait_with(AirSync_HeartbeatInterval, 600, NULL);
	other_puts("b.ics", 1, 2, 0);
	look();
	assert_int_equal(eas_due(&kit.server, waiting.r.park, NULL), 0);
	resume(EAS_WAKE_CHANGE);
	assert_int_equal(told(folder, AirSync_Add), 1);
	assert_true(take_key(folder));
}

/* A change that cannot be told, and one of an item that was left out: the phone is not called for them again and again. */
static void
what_cannot_be_told_is_passed(void **state)
{
	(void)state;
	other_puts("big.ics", 1, 2, 0);
	mem_item_broken(kit.mem, WORLD_USER, "calendar", "big.ics", ERR_LIMIT);
	sync_one(folder, -1, -1, -1);
	for (unsigned i = 0; i < 2; i++) {
		other_puts(i ? "a.ics" : "big.ics", 3, 4, 0);
		mem_item_broken(kit.mem, WORLD_USER, "calendar", i ? "a.ics" : "big.ics", ERR_LIMIT);
		sync_one(folder, -1, -1, -1);
		assert_int_equal(told(folder, 0), 0);
		wait_with(AirSync_HeartbeatInterval, 600, NULL);
		assert_true(eas_due(&kit.server, waiting.r.park, NULL) == INT64_MAX);
	}
}

/* What it was woken for is gone again. */
static void
what_came_and_went_does_not_end_the_wait(void **state)
{
	(void)state;
	wait_with(AirSync_HeartbeatInterval, 600, NULL);
	other_puts("b.ics", 1, 2, 0);
	look();
	assert_int_equal(eas_due(&kit.server, waiting.r.park, NULL), 0);
	mem_delete(kit.mem, WORLD_USER, "calendar", "b.ics");
	look();
	resume_as(EAS_WAKE_CHANGE, EAS_PARK);
	assert_true(eas_due(&kit.server, waiting.r.park, NULL) == INT64_MAX);
	other_puts("c.ics", 1, 2, 0);
	look();
	resume(EAS_WAKE_CHANGE);
	assert_int_equal(told(folder, AirSync_Add), 1);
}

/* It would be told nothing, and wait again: at once, for ever. */
static void
what_it_does_not_want_does_not_wake(void **state)
{
	int64_t tasks = folder_named("Tasks");
	char tasks_key[64];

	(void)state;
	snprintf(tasks_key, sizeof tasks_key, "%s", key);
	sync_from_start(tasks, 0);
	sync_one(tasks, -1, -1, -1);
	ask_sync();
	ask_collection(folder, tasks_key);
	wbxml_put(&call.w, AirSync_GetChanges, "0");
	close_collection();
	ask_collection(tasks, key);
	close_collection();
	done();
	wbxml_put_int(&call.w, AirSync_HeartbeatInterval, 600);
	run();
	assert_int_equal(call.outcome, EAS_PARK);
	other_puts("b.ics", 1, 2, 0);
	look();
	assert_true(eas_due(&kit.server, call.r.park, NULL) == INT64_MAX);
	mem_add(kit.mem, WORLD_USER, "tasks", "t1.ics", "X:1\r\nY:2\r\nD:20000\r\n", 0, BACKEND_NO_DATE);
	look_at("mem:tasks");
	assert_int_equal(eas_due(&kit.server, call.r.park, NULL), 0);
}

static void
the_end_of_a_quiet_wait_is_empty(void **state)
{
	(void)state;
	wait_with(AirSync_HeartbeatInterval, 600, NULL);
	resume(EAS_WAKE_DEADLINE);
	assert_true(is_empty_answer());
}

/* Nothing else ends it with news, and nothing is committed: the key stays as it was. */
static void
one_that_is_ended_is_empty_and_commits_nothing(void **state)
{
	static const enum eas_wake whys[] = { EAS_WAKE_SUPERSEDED, EAS_WAKE_SHUTDOWN };
	struct store_stats before, after;

	(void)state;
	wait_with(AirSync_HeartbeatInterval, 600, NULL);
	other_puts("b.ics", 1, 2, 0);
	look();
	before = store_stats();
	for (size_t i = 0; i < ARRAY_LEN(whys); i++) {
		resume(whys[i]);
		assert_true(is_empty_answer());
	}
	after = store_stats();
	assert_int_equal(before.rows_written, after.rows_written);
	sync_one(folder, -1, -1, -1);
	assert_int_equal(told(folder, AirSync_Add), 1);
}

/* The same: what the phone asks next is refused. */
static void
one_whose_phone_is_to_be_wiped_is_told_nothing(void **state)
{
	(void)state;
	wait_with(AirSync_HeartbeatInterval, 600, NULL);
	world_wipe(&kit, PHONE, WIPE_ASKED);
	assert_int_equal(eas_due(&kit.server, waiting.r.park, NULL), 0);
	other_puts("b.ics", 1, 2, 0);
	look();
	resume(EAS_WAKE_CHANGE);
	assert_true(is_empty_answer());
	resume(EAS_WAKE_DEADLINE);
	assert_true(is_empty_answer());
	world_wipe(&kit, PHONE, WIPE_NONE);
	world_configure(&kit, "[policy]\nDevicePasswordEnabled = 1");
	resume(EAS_WAKE_CHANGE);
	assert_true(is_empty_answer());
	sync_one(folder, -1, -1, -1);
	assert_int_equal(told(folder, AirSync_Add), 1);
}

static bool has_begun_is;

static bool
has_begun(struct eas_request *r)
{
	(void)r;
	return has_begun_is;
}

/* An answer that has begun cannot be empty, and what HTTP would say is said by a Status in it. */
static void
an_answer_that_has_begun_is_a_document(void **state)
{
	struct wbxml_node *root;
	struct error e = { 0 };

	(void)state;
	ask_sync();
	call.r.has_begun = has_begun;
	has_begun_is = true;
	ask_collection(folder, key);
	close_collection();
	done();
	wbxml_put_int(&call.w, AirSync_HeartbeatInterval, 600);
	run();
	assert_int_equal(call.outcome, EAS_DONE);
	assert_int_equal(status_of(folder), 1);
	assert_false(take_key(folder));
	reply_http(&call.r, 503);
	eas_in_document(&call.r);
	assert_int_equal(call.r.reply.status, 200);
	assert_int_equal(wbxml_read(call.r.arena, buf_slice(&call.r.reply.body), NULL, &root, &e), ERR_OK);
	assert_int_equal(wbxml_int(root, AirSync_Status, 0, 0), 16);
}

/* Another device's FolderSync finds a new folder. */
static void
changed_folders_are_12(void **state)
{
	(void)state;
	wait_with(AirSync_HeartbeatInterval, 600, NULL);
	mem_folder_add(kit.mem, WORLD_USER, "new", "", "New", BACKEND_MAIL, 0);
	world_folder(&kit, "other", version, "New");
	assert_int_equal(eas_due(&kit.server, waiting.r.park, NULL), 0);
	resume(EAS_WAKE_CHANGE);
	assert_int_equal(root_status(), 12);
	/* Some phones send the same again, for ever. */
	wait_with(AirSync_HeartbeatInterval, 601, NULL);
	assert_true(asked);
	assert_true(eas_due(&kit.server, waiting.r.park, NULL) == INT64_MAX);
}

/* Another request went on from the key meanwhile (on another responder). */
static void
one_whose_key_went_on_ends_empty(void **state)
{
	(void)state;
	wait_with(AirSync_HeartbeatInterval, 600, NULL);
	other_puts("b.ics", 1, 2, 0);
	sync_one(folder, -1, -1, -1);
	assert_int_equal(told(folder, AirSync_Add), 1);
	assert_int_equal(eas_due(&kit.server, waiting.r.park, NULL), 0);
	resume(EAS_WAKE_CHANGE);
	assert_true(is_empty_answer());
}

static void
an_empty_request_waits_again(void **state)
{
	(void)state;
	wait_with(AirSync_HeartbeatInterval, 600, NULL);
	resume(EAS_WAKE_DEADLINE);
	call_end(&call);
	call_begin(&call, &kit, PHONE, version, EAS_SYNC);
	call_run_empty(&call);
	assert_int_equal(call.outcome, EAS_PARK);
	assert_true(call.r.park->deadline - eas_monotonic() > 500);
}

/* The phone has the first of two answers; what it waits from is written down, or the wait would end at once, again and again. */
static void
it_waits_from_the_answer_that_the_phone_has(void **state)
{
	char before[64], first[64];

	(void)state;
	other_puts("b.ics", 1, 2, 0);
	snprintf(before, sizeof before, "%s", key);
	sync_one(folder, -1, -1, -1);
	snprintf(first, sizeof first, "%s", key);
	snprintf(key, sizeof key, "%s", before);
	sync_one(folder, -1, -1, -1);
	snprintf(key, sizeof key, "%s", first);
	wait_with(AirSync_HeartbeatInterval, 600, NULL);
	assert_true(asked);
	assert_true(eas_due(&kit.server, waiting.r.park, NULL) == INT64_MAX);
}

static void
a_filter_alone_does_not_wake(void **state)
{
	(void)state;
	snprintf(key, sizeof key, "0");
	sync_one(folder, -1, -1, -1);
	sync_one(folder, -1, -1, 4);
	sync_one(folder, -1, -1, -1);
	wait_with(AirSync_HeartbeatInterval, 600, NULL);
	assert_true(asked);
	eas_clock_set((int64_t)(TODAY + 30) * DAY); /* a.ics leaves the filter */
	assert_true(eas_due(&kit.server, waiting.r.park, NULL) == INT64_MAX);
	resume(EAS_WAKE_DEADLINE);
	assert_int_equal(told(folder, AirSync_SoftDelete), 1);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, open_settled, close_all)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(nothing_new_waits),
		TEST(something_new_does_not_wait),
		TEST(commands_do_not_wait),
		TEST(both_intervals_are_status_4),
		TEST(out_of_range_is_14_with_the_limit_in_the_same_unit),
		TEST(out_of_range_keeps_no_command_waiting),
		TEST(a_waiting_sync_ends_ping_and_sync_a_plain_one_sync_only),
		TEST(a_change_wakes_it_and_is_told),
		TEST(what_cannot_be_told_is_passed),
		TEST(what_came_and_went_does_not_end_the_wait),
		TEST(what_it_does_not_want_does_not_wake),
		TEST(the_end_of_a_quiet_wait_is_empty),
		TEST(one_that_is_ended_is_empty_and_commits_nothing),
		TEST(one_whose_phone_is_to_be_wiped_is_told_nothing),
		TEST(an_answer_that_has_begun_is_a_document),
		TEST(changed_folders_are_12),
		TEST(one_whose_key_went_on_ends_empty),
		TEST(an_empty_request_waits_again),
		TEST(it_waits_from_the_answer_that_the_phone_has),
		TEST(a_filter_alone_does_not_wake),
	};

	if (log_open("stderr", LEVEL_ERROR))
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
