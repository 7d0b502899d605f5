/* Commands of the phone: the rows of that table of the design, for items that the backend lets us name. */
#include "eas/clock.h"
#include "model_kit.h"

static int64_t folder, item; /* of a.ics: x 1, y 2 */

static int
open_with_one(void **state)
{
	kit_open(state);
	folder = folder_named("Calendar");
	other_puts("a.ics", 1, 2, 0);
	sync_one(folder, -1, -1, -1);
	sync_one(folder, -1, -1, 0);
	item = told_item(folder, 0);
	return item ? 0 : -1;
}

static void
send(void)
{
	run();
	assert_int_equal(call.outcome, EAS_DONE);
}

/* ---- Add ---- */

static void
an_add_is_answered_with_its_id(void **state)
{
	int64_t made;

	(void)state;
	kit.nudges = 0;
	ask_with_commands(folder, -1);
	ask_add("c1", 5, 6);
	send();
	assert_int_equal(add_status(folder, "c1", &made), 1);
	assert_true(made > 0);
	assert_true(take_key(folder));
	assert_int_equal(told(folder, 0), 0);
	assert_int_equal(stored_count(), 2);
	assert_int_equal(kit.nudges, 1);
	sync_one(folder, -1, -1, -1); /* its own does not come back */
	assert_int_equal(told(folder, 0), 0);
}

static void
an_add_whose_answer_was_lost_makes_no_second_item(void **state)
{
	int64_t first, second;

	(void)state;
	ask_with_commands(folder, -1);
	ask_add("c1", 5, 6);
	send();
	add_status(folder, "c1", &first);
	ask_with_commands(folder, -1);
	ask_add("c1", 5, 6);
	send();
	assert_int_equal(add_status(folder, "c1", &second), 1);
	assert_int_equal(first, second);
	assert_int_equal(stored_count(), 2);
}

static void
a_new_client_id_makes_no_second_item(void **state)
{
	int64_t first, second;

	(void)state;
	ask_with_commands(folder, -1);
	ask_add("c1", 5, 6);
	send();
	add_status(folder, "c1", &first);
	ask_with_commands(folder, -1);
	ask_add("c2", 5, 6);
	send();
	assert_int_equal(add_status(folder, "c2", &second), 1);
	assert_int_equal(first, second);
	assert_int_equal(stored_count(), 2);
}

static void
two_equal_adds_are_two_items(void **state)
{
	int64_t first, second;

	(void)state;
	ask_with_commands(folder, -1);
	ask_add("c1", 5, 6);
	ask_add("c2", 5, 6);
	send();
	assert_int_equal(add_status(folder, "c1", &first), 1);
	assert_int_equal(add_status(folder, "c2", &second), 1);
	assert_int_not_equal(first, second);
	assert_int_equal(stored_count(), 3);
}

static void
one_client_id_twice_in_one_request_is_one_item(void **state)
{
	int64_t made;

	(void)state;
	ask_with_commands(folder, -1);
	ask_add("c1", 5, 6);
	ask_add("c1", 5, 6);
	send();
	assert_int_equal(add_status(folder, "c1", &made), 1);
	assert_int_equal(stored_count(), 2);
	take_key(folder);
	ask_with_commands(folder, -1);
	ask_change(folder, made, 'y', 60);
	send();
	assert_int_equal(response_status(folder, AirSync_Change, made), -1);
}

static void
an_add_of_a_process_that_died_is_found(void **state)
{
	int64_t made;

	(void)state;
	mem_fail(kit.mem, MEM_PUT, 1, MEM_AFTER, ERR_UNAVAILABLE); /* it is stored, and nobody hears of it */
	ask_with_commands(folder, -1);
	ask_add("c1", 5, 6);
	send();
	assert_int_equal(status_of(folder), 16);
	assert_int_equal(stored_count(), 2);
	ask_with_commands(folder, -1);
	ask_add("c1", 5, 6);
	send();
	assert_int_equal(add_status(folder, "c1", &made), 1);
	assert_int_equal(stored_count(), 2);
}

static void
an_edited_repeat_changes_the_first(void **state)
{
	int64_t first, second;

	(void)state;
	ask_with_commands(folder, -1);
	ask_add("c1", 5, 6);
	send();
	add_status(folder, "c1", &first);
	ask_with_commands(folder, -1);
	ask_add("c1", 50, 6);
	send();
	add_status(folder, "c1", &second);
	assert_int_equal(first, second);
	assert_int_equal(stored_count(), 2);
	assert_int_equal(stored_at(1).x, 50);
}

/* The server refuses what the repeat makes of it: the phone gets what is there, however often it asks. */
static void
an_edit_of_an_add_that_is_refused_is_put_back(void **state)
{
	AUTO(arena_free) struct arena *a = arena_new(0);
	struct mem_item first;
	int64_t made;

	(void)state;
	ask_with_commands(folder, -1);
	ask_add("c1", 5, 6);
	send();
	assert_true(mem_at(kit.mem, a, WORLD_USER, "calendar", 1, &first));
	mem_item_readonly(kit.mem, WORLD_USER, "calendar", first.key, true);
	for (unsigned i = 0; i < 2; i++) {
		ask_with_commands(folder, -1);
		ask_add("c1", 50, 6);
		send();
		assert_int_equal(add_status(folder, "c1", &made), 1);
		assert_true(is_told(folder, AirSync_Change, made));
		assert_int_equal(told_x(folder, made), 5);
	}
	assert_int_equal(stored_count(), 2);
}

/* The first try waits somewhere until the second one has been answered: what it then does the phone has to hear of. */
static void
a_first_try_that_comes_last_is_told(void **state)
{
	char before[sizeof key], after[sizeof key];
	int64_t made;

	(void)state;
	snprintf(before, sizeof before, "%s", key);
	ask_with_commands(folder, -1);
	ask_add("c1", 50, 6);
	send();
	add_status(folder, "c1", &made);
	take_key(folder);
	snprintf(after, sizeof after, "%s", key);
	snprintf(key, sizeof key, "%s", before);
	ask_with_commands(folder, -1);
	ask_add("c1", 5, 6);
	send();
	assert_int_equal(stored_at(1).x, 5);
	snprintf(key, sizeof key, "%s", after);
	sync_one(folder, -1, -1, -1);
	assert_true(is_told(folder, AirSync_Change, made));
}

/* A repeat without the Add: the phone took it back, but the item is there, so it is told of it. */
static void
an_add_that_the_repeat_lacks_is_told(void **state)
{
	int64_t made;

	(void)state;
	ask_with_commands(folder, -1);
	ask_add("c1", 5, 6);
	send();
	add_status(folder, "c1", &made);
	sync_one(folder, -1, -1, -1);
	assert_true(is_told(folder, AirSync_Add, made));
}

static void
what_the_server_rewrites_comes_back(void **state)
{
	int64_t made;

	(void)state;
	mem_settings(kit.mem)->rewrites = true;
	ask_with_commands(folder, -1);
	ask_add("c1", 5, 6);
	send();
	add_status(folder, "c1", &made);
	take_key(folder);
	mem_settings(kit.mem)->rewrites = false;
	sync_one(folder, -1, -1, -1);
	assert_true(is_told(folder, AirSync_Change, made));
	assert_int_equal(told_y(folder, made), 1006);
}

static enum err
delete_before_fetch(void *ctx, enum mem_op op, enum mem_when when, const char *f, const char *k)
{
	const char **item_key = ctx;

	(void)f;
	(void)k;
	if (op == MEM_FETCH && when == MEM_BEFORE && *item_key) {
		mem_delete(kit.mem, WORLD_USER, "calendar", *item_key);
		*item_key = NULL;
	}
	return ERR_OK;
}

/* Another phone's look comes between a write that the server does not keep as it was and its commit: no later look tells of that write. */
static enum err
another_looks(void *ctx, enum mem_op op, enum mem_when when, const char *f, const char *k)
{
	const struct backend_login who = { WORLD_USER, "secret", NULL };
	struct account *a = NULL;
	struct error e = { 0 };

	(void)f;
	(void)k;
	if (op != MEM_PUT || when != MEM_AFTER)
		return ERR_OK;
	*(bool *)ctx = account_login(kit.backends, &who, &a, &e) == ERR_OK
		&& eas_refresh(&kit.server, a, "mem:calendar", NULL, &e) == ERR_OK;
	account_release(&a);
	return ERR_OK;
}

static void
a_rewritten_edit_that_another_look_saw_comes_back(void **state)
{
	bool looked = false;

	(void)state;
	mem_settings(kit.mem)->rewrites = true;
	mem_hook(kit.mem, another_looks, &looked);
	ask_with_commands(folder, -1);
	ask_change(folder, item, 'y', 20);
	send();
	mem_hook(kit.mem, NULL, NULL);
	mem_settings(kit.mem)->rewrites = false;
	assert_true(looked);
	assert_int_equal(stored("a.ics").y, 1020);
	if (!is_told(folder, AirSync_Change, item)) {
		take_key(folder);
		sync_one(folder, -1, -1, -1);
	}
	assert_true(is_told(folder, AirSync_Change, item));
	assert_int_equal(told_y(folder, item), 1020);
}

/* It is not told as it is, for it went: so it is told that. */
static void
an_edited_add_that_somebody_deleted_goes(void **state)
{
	AUTO(arena_free) struct arena *a = arena_new(0);
	struct mem_item first;
	int64_t made;

	(void)state;
	ask_with_commands(folder, -1);
	ask_add("c1", 5, 6);
	send();
	assert_true(mem_at(kit.mem, a, WORLD_USER, "calendar", 1, &first));
	mem_hook(kit.mem, delete_before_fetch, &first.key); /* after the request's look */
	ask_with_commands(folder, 1);
	ask_add("c1", 50, 6);
	send();
	mem_hook(kit.mem, NULL, NULL);
	assert_int_equal(add_status(folder, "c1", &made), 1);
	for (unsigned i = 0; i < 2 && !is_told(folder, AirSync_Delete, made); i++) {
		assert_true(take_key(folder));
		sync_one(folder, -1, -1, -1);
	}
	assert_true(is_told(folder, AirSync_Delete, made));
}

/* Made, deleted and made again under one name since the last look: some servers tell of each. */
static void
a_key_that_comes_twice_in_a_look_is_as_it_came_last(void **state)
{
	(void)state;
	other_puts("b.ics", 3, 4, 0);
	sync_one(folder, -1, -1, -1);
	for (unsigned i = 0; i < 2; i++) {
		mem_delete(kit.mem, WORLD_USER, "calendar", "b.ics");
		other_puts("b.ics", 5, 6, 0);
	}
	mem_delete(kit.mem, WORLD_USER, "calendar", "a.ics");
	sync_one(folder, -1, -1, -1);
	assert_int_equal(status_of(folder), 1);
	assert_true(is_told(folder, AirSync_Delete, item));
	mem_delete(kit.mem, WORLD_USER, "calendar", "b.ics");
	other_puts("b.ics", 7, 8, 0);
	mem_delete(kit.mem, WORLD_USER, "calendar", "b.ics");
	sync_one(folder, -1, -1, -1);
	assert_int_equal(status_of(folder), 1);
	assert_int_equal(told(folder, AirSync_Delete), 1);
}

static void
a_refused_add_is_6_and_one_without_room_9(void **state)
{
	(void)state;
	mem_fail(kit.mem, MEM_PUT, 1, MEM_BEFORE, ERR_DENIED);
	mem_fail(kit.mem, MEM_PUT, 2, MEM_BEFORE, ERR_QUOTA);
	ask_with_commands(folder, -1);
	ask_add("c1", 5, 6);
	ask_add("c2", 7, 8);
	send();
	assert_int_equal(add_status(folder, "c1", NULL), 6);
	assert_int_equal(add_status(folder, "c2", NULL), 9);
}

/* ---- Change ---- */

static void
a_change_is_merged_and_has_no_entry(void **state)
{
	(void)state;
	ask_with_commands(folder, -1);
	ask_change(folder, item, 'y', 20);
	send();
	assert_int_equal(response_status(folder, AirSync_Change, item), -1);
	assert_false(wbxml_has(answered(folder), AirSync_Responses));
	assert_true(take_key(folder));
	assert_int_equal(stored("a.ics").x, 1);
	assert_int_equal(stored("a.ics").y, 20);
	sync_one(folder, -1, -1, -1);
	assert_int_equal(told(folder, 0), 0);
}

static void
a_conflict_is_7_and_the_servers_item_follows(void **state)
{
	(void)state;
	other_puts("a.ics", 100, 2, 0);
	ask_with_commands(folder, -1);
	ask_change(folder, item, 'y', 20);
	send();
	assert_int_equal(response_status(folder, AirSync_Change, item), 7);
	assert_true(is_told(folder, AirSync_Change, item));
	assert_int_equal(told_x(folder, item), 100);
	assert_int_equal(stored("a.ics").y, 2);
}

static void
the_client_wins_field_by_field_where_it_says_so(void **state)
{
	(void)state;
	other_puts("a.ics", 100, 2, 0);
	ask_with_commands(folder, 0);
	ask_change(folder, item, 'y', 20);
	send();
	assert_int_equal(response_status(folder, AirSync_Change, item), -1);
	assert_int_equal(stored("a.ics").x, 100);
	assert_int_equal(stored("a.ics").y, 20);
	assert_int_equal(told_x(folder, item), 100); /* what it had not seen */
}

static void
a_change_that_is_there_already_is_no_conflict(void **state)
{
	(void)state;
	other_puts("a.ics", 1, 20, 0);
	ask_with_commands(folder, -1);
	ask_change(folder, item, 'y', 20);
	send();
	assert_int_equal(response_status(folder, AirSync_Change, item), -1);
}

static void
a_repeated_change_is_no_conflict(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++) {
		ask_with_commands(folder, -1);
		ask_change(folder, item, 'y', 20);
		send();
		assert_int_equal(response_status(folder, AirSync_Change, item), -1);
		assert_int_equal(told(folder, 0), 0);
	}
}

static void
two_changes_of_one_item_in_one_request_are_both_done(void **state)
{
	(void)state;
	ask_with_commands(folder, -1);
	ask_change(folder, item, 'y', 20);
	ask_change(folder, item, 'x', 10);
	send();
	assert_int_equal(response_status(folder, AirSync_Change, item), -1);
	assert_int_equal(stored("a.ics").x, 10);
	assert_int_equal(stored("a.ics").y, 20);
}

static enum err
somebody_is_faster(void *ctx, enum mem_op op, enum mem_when when, const char *f, const char *k)
{
	bool *once = ctx;

	(void)f;
	(void)k;
	if (op == MEM_PUT && when == MEM_BEFORE && *once) {
		*once = false;
		other_puts("a.ics", 100, 2, 0);
	}
	return ERR_OK;
}

static void
a_change_in_between_is_decided_again(void **state)
{
	bool once = true;

	(void)state;
	mem_hook(kit.mem, somebody_is_faster, &once);
	ask_with_commands(folder, 1);
	ask_change(folder, item, 'y', 20);
	send();
	assert_int_equal(response_status(folder, AirSync_Change, item), 7);
	assert_int_equal(stored("a.ics").x, 100);
	assert_int_equal(stored("a.ics").y, 2);
	take_key(folder);
	mem_hook(kit.mem, NULL, NULL);
	if (!is_told(folder, AirSync_Change, item))
		sync_one(folder, -1, -1, -1);
	assert_int_equal(told_x(folder, item), 100);
}

static void
a_change_of_what_is_gone_is_8(void **state)
{
	(void)state;
	mem_delete(kit.mem, WORLD_USER, FOLDER, "a.ics");
	ask_with_commands(folder, -1);
	ask_change(folder, item, 'y', 20);
	ask_change(folder, item + 1000, 'y', 20);
	send();
	assert_int_equal(response_status(folder, AirSync_Change, item), 8);
	assert_int_equal(response_status(folder, AirSync_Change, item + 1000), 8);
	assert_true(is_told(folder, AirSync_Delete, item));
}

static void
a_refused_change_is_put_back(void **state)
{
	(void)state;
	mem_item_readonly(kit.mem, WORLD_USER, FOLDER, "a.ics", true);
	for (int conflict = 0; conflict < 2; conflict++) {
		ask_with_commands(folder, conflict);
		ask_change(folder, item, 'y', 20);
		send();
		assert_int_equal(response_status(folder, AirSync_Change, item), 7);
		assert_int_equal(told_y(folder, item), 2);
		take_key(folder);
	}
}

static void
a_refused_change_is_put_back_without_getchanges(void **state)
{
	(void)state;
	mem_item_readonly(kit.mem, WORLD_USER, FOLDER, "a.ics", true);
	ask_sync();
	ask_collection(folder, key);
	wbxml_put_int(&call.w, AirSync_GetChanges, 0);
	ask_commands();
	ask_change(folder, item, 'y', 20);
	send();
	assert_int_equal(told_y(folder, item), 2);
}

/* What the class cannot keep, and nothing else: there is nothing to write, and the phone has to hear that it is not so. */
static void
what_cannot_be_kept_is_put_back(void **state)
{
	(void)state;
	for (unsigned try = 0; try < 2; try++) {
		ask_with_commands(folder, -1);
		ask_change(folder, item, 'y', -20);
		send();
		assert_int_equal(status_of(folder), 1);
		assert_int_equal(response_status(folder, AirSync_Change, item), -1);
		assert_int_equal(told_y(folder, item), 2);
		assert_int_equal(told(folder, 0), 1);
	}
	assert_true(take_key(folder));
	assert_int_equal(stored("a.ics").y, 2);
	sync_one(folder, -1, -1, -1);
	assert_int_equal(told(folder, 0), 0);
}

/* A date below a live cut-off: some device has it and some not, so it goes and comes under a new id. */
static void
a_date_that_crosses_a_cutoff_gives_a_new_id(void **state)
{
	(void)state;
	snprintf(key, sizeof key, "0");
	sync_one(folder, -1, -1, -1);
	sync_one(folder, -1, -1, 4);
	ask_with_commands(folder, -1);
	ask_change(folder, item, 'd', TODAY - 100);
	send();
	assert_int_equal(response_status(folder, AirSync_Change, item), -1);
	assert_true(is_told(folder, AirSync_Delete, item));
	assert_int_equal(told(folder, AirSync_Add), 0);
	take_key(folder);
	sync_one(folder, -1, -1, 0);
	assert_int_equal(told(folder, AirSync_Add), 1);
	assert_int_not_equal(told_item(folder, 0), item);
}

static void
without_a_filter_a_date_keeps_the_id(void **state)
{
	(void)state;
	ask_with_commands(folder, -1);
	ask_change(folder, item, 'd', TODAY - 100);
	send();
	assert_int_equal(told(folder, 0), 0);
	assert_int_equal(stored("a.ics").date, TODAY - 100);
}

/* ---- Delete ---- */

static void
a_delete_is_done_and_has_no_entry(void **state)
{
	(void)state;
	ask_with_commands(folder, -1);
	ask_delete(folder, item);
	send();
	assert_int_equal(response_status(folder, AirSync_Delete, item), -1);
	assert_int_equal(stored_count(), 0);
	assert_int_equal(told(folder, 0), 0);
}

static void
a_delete_wins_over_a_change_elsewhere(void **state)
{
	(void)state;
	other_puts("a.ics", 100, 2, 0);
	ask_with_commands(folder, 1);
	ask_delete(folder, item);
	send();
	assert_int_equal(response_status(folder, AirSync_Delete, item), -1);
	assert_int_equal(stored_count(), 0);
}

static void
a_delete_of_what_is_gone_is_good(void **state)
{
	(void)state;
	mem_delete(kit.mem, WORLD_USER, FOLDER, "a.ics");
	ask_with_commands(folder, -1);
	ask_delete(folder, item);
	ask_delete(folder, item + 1000);
	send();
	assert_int_equal(status_of(folder), 1);
	assert_false(wbxml_has(answered(folder), AirSync_Responses));
}

static void
a_refused_delete_brings_the_item_back(void **state)
{
	(void)state;
	mem_item_readonly(kit.mem, WORLD_USER, FOLDER, "a.ics", true);
	ask_with_commands(folder, -1);
	ask_delete(folder, item);
	send();
	assert_int_equal(response_status(folder, AirSync_Delete, item), 7);
	assert_true(is_told(folder, AirSync_Add, item));
}

static void
a_read_only_folder_refuses_all_three(void **state)
{
	(void)state;
	mem_folder_readonly(kit.mem, WORLD_USER, FOLDER, true);
	folder_named("Calendar"); /* a FolderSync sees it */
	ask_with_commands(folder, -1);
	ask_add("c1", 5, 6);
	ask_change(folder, item, 'y', 20);
	send();
	assert_int_equal(add_status(folder, "c1", NULL), 6);
	assert_int_equal(response_status(folder, AirSync_Change, item), 7);
	assert_int_equal(told_y(folder, item), 2);
	take_key(folder);
	ask_with_commands(folder, -1);
	ask_delete(folder, item);
	send();
	assert_int_equal(response_status(folder, AirSync_Delete, item), 7);
	assert_true(is_told(folder, AirSync_Add, item));
}

/* ---- trouble in the middle ---- */

static void
a_failure_in_the_middle_keeps_what_was_done(void **state)
{
	int64_t first;

	(void)state;
	mem_fail(kit.mem, MEM_PUT, 2, MEM_BEFORE, ERR_UNAVAILABLE);
	ask_with_commands(folder, -1);
	ask_add("c1", 5, 6);
	ask_add("c2", 7, 8);
	send();
	assert_int_equal(status_of(folder), 16);
	assert_false(wbxml_has(answered(folder), AirSync_Responses));
	assert_false(take_key(folder));
	assert_int_equal(stored_count(), 2);
	ask_with_commands(folder, -1);
	ask_add("c1", 5, 6);
	ask_add("c2", 7, 8);
	send();
	assert_int_equal(add_status(folder, "c1", &first), 1);
	assert_int_equal(add_status(folder, "c2", NULL), 1);
	assert_int_equal(stored_count(), 3);
}

/* One command after another may be what the server cannot do; what stands behind it waits for it. */
static void
ask_what_fails(unsigned tag)
{
	mem_fail(kit.mem, tag == AirSync_Delete ? MEM_REMOVE : MEM_PUT, 1, MEM_BEFORE, ERR_PEER);
	ask_with_commands(folder, -1);
	if (tag == AirSync_Add)
		ask_add("c1", 5, 6);
	else if (tag == AirSync_Change)
		ask_change(folder, item, 'y', 20);
	else
		ask_delete(folder, item);
	ask_add("c2", 7, 8);
	send();
}

/* The server does store something else, in another folder. */
static void
other_is_stored(void)
{
	const struct backend_login who = { WORLD_USER, "secret", NULL };
	const struct backend_put put = { .folder = "mem:contacts", .name = "other", .bytes = slice("x", 1), .date = BACKEND_NO_DATE };
	struct arena *arena AUTO(arena_free) = arena_new(65536);
	struct account *a = NULL;
	struct backend_stored stored;
	struct error e = { 0 };

	assert_int_equal(account_login(kit.backends, &who, &a, &e), ERR_OK);
	assert_int_equal(account_put(a, arena, &put, &stored, &e), ERR_OK);
	account_release(&a);
}

static void
set_hours(int64_t hours)
{
	eas_clock_set((int64_t)TODAY * DAY + DAY / 2 + hours * 3600);
}

static void
a_server_that_stores_nothing_has_three_days(void **state)
{
	(void)state;
	for (int64_t hour = 0; hour < 72; hour += 12) {
		set_hours(hour);
		ask_what_fails(AirSync_Add);
		assert_int_equal(status_of(folder), 16);
	}
	set_hours(72);
	ask_what_fails(AirSync_Add);
	assert_int_equal(add_status(folder, "c1", NULL), 6);
}

static int
status_of_failing(int i)
{
	mem_fail(kit.mem, MEM_PUT, 1, MEM_BEFORE, ERR_PEER);
	ask_with_commands(folder, -1);
	ask_add("c1", i, i + 1);
	send();
	return status_of(folder);
}

/* So many that some would have one place. */
static void
many_that_fail_are_counted_each_by_itself(void **state)
{
	enum { MANY = 64, TRIES = 4 };

	(void)state;
	for (int n = 0; n < TRIES * MANY; n++)
		assert_int_equal(status_of_failing(100 + n % MANY), 16);
	other_is_stored();
	set_hours(1);
	for (int i = 0; i < MANY; i++) {
		assert_int_equal(status_of_failing(100 + i), 1);
		assert_int_equal(add_status(folder, "c1", NULL), 6);
		assert_true(take_key(folder));
	}
}

static void
what_fails_each_time_is_refused_in_the_end(void **state)
{
	static const struct {
		unsigned tag;
		int status;
		unsigned told;
	} rows[] = { { AirSync_Add, 6, 0 }, { AirSync_Change, 6, AirSync_Change }, { AirSync_Delete, 7, AirSync_Add } };

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		if (i) {
			kit_close(state);
			assert_int_equal(open_with_one(state), 0);
		}
		for (unsigned n = 0; n < 5; n++) {
			ask_what_fails(rows[i].tag);
			assert_int_equal(status_of(folder), 16);
			assert_false(take_key(folder));
		}
		assert_int_equal(stored_count(), 1);
		other_is_stored();
		set_hours(1);
		ask_what_fails(rows[i].tag);
		assert_int_equal(status_of(folder), 1);
		assert_int_equal(rows[i].tag == AirSync_Add ? add_status(folder, "c1", NULL) : response_status(folder, rows[i].tag, item),
			rows[i].status);
		assert_int_equal(add_status(folder, "c2", NULL), 1);
		assert_true(!rows[i].told || is_told(folder, rows[i].told, item));
		assert_true(take_key(folder));
		assert_int_equal(stored_count(), 2);
		/* That is known: sent once more it does not wait for another hour. */
		ask_what_fails(rows[i].tag);
		assert_int_equal(status_of(folder), 1);
		assert_int_equal(rows[i].tag == AirSync_Add ? add_status(folder, "c1", NULL) : response_status(folder, rows[i].tag, item),
			rows[i].status);
		assert_true(take_key(folder));
	}
}

static void
busy_in_the_middle_keeps_what_was_done(void **state)
{
	(void)state;
	mem_fail(kit.mem, MEM_PUT, 2, MEM_BEFORE, ERR_BUSY);
	ask_with_commands(folder, -1);
	ask_add("c1", 5, 6);
	ask_add("c2", 7, 8);
	run();
	assert_int_equal(call.outcome, EAS_BUSY);
	ask_with_commands(folder, -1);
	ask_add("c1", 5, 6);
	ask_add("c2", 7, 8);
	send();
	assert_int_equal(add_status(folder, "c1", NULL), 1);
	assert_int_equal(add_status(folder, "c2", NULL), 1);
	assert_int_equal(stored_count(), 3);
}

static enum err
fail_fetch(void *ctx, enum mem_op op, enum mem_when when, const char *f, const char *k)
{
	(void)ctx;
	(void)f;
	(void)k;
	return op == MEM_FETCH && when == MEM_BEFORE && k && strcmp(k, "b.ics") == 0 ? ERR_UNAVAILABLE : ERR_OK;
}

static void
a_fetch_that_fails_after_commands_leaves_their_answers(void **state)
{
	(void)state;
	other_puts("b.ics", 3, 4, 0);
	ask_sync(); /* the mirror knows of it, and its date */
	ask_collection(folder, key);
	wbxml_put_int(&call.w, AirSync_GetChanges, 0);
	run();
	mem_hook(kit.mem, fail_fetch, NULL);
	ask_with_commands(folder, -1);
	ask_add("c1", 5, 6);
	send();
	assert_int_equal(status_of(folder), 1);
	assert_int_equal(add_status(folder, "c1", NULL), 1);
	assert_true(take_key(folder));
	assert_int_equal(told(folder, 0), 0);
	mem_hook(kit.mem, NULL, NULL);
	sync_one(folder, -1, -1, -1);
	assert_int_equal(told(folder, AirSync_Add), 1);
}

/* ---- what cannot be translated ---- */

static bool
is_b(const char *item_key)
{
	return strcmp(item_key, "b.ics") == 0;
}

static void
what_cannot_be_translated_is_set_aside_and_blocks_nothing(void **state)
{
	(void)state;
	model_unreadable = is_b;
	other_puts("b.ics", 3, 4, 0);
	other_puts("c.ics", 5, 6, 0);
	sync_one(folder, -1, -1, -1);
	assert_int_equal(told(folder, AirSync_Add), 1);
	model_unreadable = NULL;
	sync_one(folder, -1, -1, -1);
	assert_int_equal(told(folder, 0), 0);
	other_puts("b.ics", 3, 40, 0); /* changed: tried again, as an Add */
	sync_one(folder, -1, -1, -1);
	assert_int_equal(told(folder, AirSync_Add), 1);
	assert_int_equal(told_y(folder, told_item(folder, 0)), 40);
}

static void
a_change_that_cannot_be_translated_leaves_the_old_copy(void **state)
{
	(void)state;
	other_puts("b.ics", 3, 4, 0);
	sync_one(folder, -1, -1, -1);
	int64_t b = told_item(folder, 0);
	model_unreadable = is_b;
	other_puts("b.ics", 3, 5, 0);
	sync_one(folder, -1, -1, -1);
	assert_int_equal(told(folder, 0), 0);
	model_unreadable = NULL;
	other_puts("b.ics", 3, 6, 0);
	sync_one(folder, -1, -1, -1);
	assert_true(is_told(folder, AirSync_Change, b));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, open_with_one, kit_close)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_add_is_answered_with_its_id),
		TEST(an_add_whose_answer_was_lost_makes_no_second_item),
		TEST(a_new_client_id_makes_no_second_item),
		TEST(two_equal_adds_are_two_items),
		TEST(one_client_id_twice_in_one_request_is_one_item),
		TEST(an_add_of_a_process_that_died_is_found),
		TEST(an_edited_repeat_changes_the_first),
		TEST(an_edit_of_an_add_that_is_refused_is_put_back),
		TEST(a_first_try_that_comes_last_is_told),
		TEST(an_add_that_the_repeat_lacks_is_told),
		TEST(what_the_server_rewrites_comes_back),
		TEST(a_rewritten_edit_that_another_look_saw_comes_back),
		TEST(an_edited_add_that_somebody_deleted_goes),
		TEST(a_key_that_comes_twice_in_a_look_is_as_it_came_last),
		TEST(a_refused_add_is_6_and_one_without_room_9),
		TEST(a_change_is_merged_and_has_no_entry),
		TEST(a_conflict_is_7_and_the_servers_item_follows),
		TEST(the_client_wins_field_by_field_where_it_says_so),
		TEST(a_change_that_is_there_already_is_no_conflict),
		TEST(a_repeated_change_is_no_conflict),
		TEST(two_changes_of_one_item_in_one_request_are_both_done),
		TEST(a_change_in_between_is_decided_again),
		TEST(a_change_of_what_is_gone_is_8),
		TEST(a_refused_change_is_put_back),
		TEST(a_refused_change_is_put_back_without_getchanges),
		TEST(what_cannot_be_kept_is_put_back),
		TEST(a_date_that_crosses_a_cutoff_gives_a_new_id),
		TEST(without_a_filter_a_date_keeps_the_id),
		TEST(a_delete_is_done_and_has_no_entry),
		TEST(a_delete_wins_over_a_change_elsewhere),
		TEST(a_delete_of_what_is_gone_is_good),
		TEST(a_refused_delete_brings_the_item_back),
		TEST(a_read_only_folder_refuses_all_three),
		TEST(a_failure_in_the_middle_keeps_what_was_done),
		TEST(what_fails_each_time_is_refused_in_the_end),
		TEST(a_server_that_stores_nothing_has_three_days),
		TEST(many_that_fail_are_counted_each_by_itself),
		TEST(busy_in_the_middle_keeps_what_was_done),
		TEST(a_fetch_that_fails_after_commands_leaves_their_answers),
		TEST(what_cannot_be_translated_is_set_aside_and_blocks_nothing),
		TEST(a_change_that_cannot_be_translated_leaves_the_old_copy),
	};

	if (log_open("stderr", LEVEL_ERROR))
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
