/* When a Sync looks at the backend: a phone that pages is told what the mirror holds, and there is a look before it is told the end. */
#include "eas/clock.h"
#include "model_kit.h"

#define ITEMS 25
#define WINDOW 10

static int64_t folder;
static unsigned looks;

/* A phone that has had the first of three windows. */
static int
open_paging(void **state)
{
	kit_open(state);
	folder = folder_named("Calendar");
	for (unsigned i = 0; i < ITEMS; i++) {
		char name[32];

		snprintf(name, sizeof name, "item-%02u.ics", i);
		other_puts(name, i, 0, 0);
	}
	sync_one(folder, -1, -1, -1);
	looks = mem_calls(kit.mem, MEM_CHANGES);
	sync_one(folder, -1, WINDOW, 0);
	assert_int_equal(told(folder, AirSync_Add), WINDOW);
	return 0;
}

static int
close_paging(void **state)
{
	eas_clock_set_monotonic(0);
	return kit_close(state);
}

/* The item that the last answer told with this x. */
static int64_t
item_with(int64_t x)
{
	for (unsigned i = 0; i < told(folder, AirSync_Add); i++) {
		int64_t item = told_item(folder, i);

		if (told_x(folder, item) == x)
			return item;
	}
	fail_msg("no item with %lld was told", (long long)x);
	return 0;
}

/* Looks since it was asked last. */
static unsigned
looked(void)
{
	unsigned before = looks;

	looks = mem_calls(kit.mem, MEM_CHANGES);
	return looks - before;
}

/* The next window: so many Adds, with or without more behind them. */
static void
page(unsigned adds, bool more)
{
	sync_one(folder, -1, WINDOW, -1);
	assert_int_equal(status_of(folder), 1);
	assert_int_equal(told(folder, AirSync_Add), adds);
	assert_int_equal(has_more(folder), more);
}

static void
the_first_and_the_last_window_look(void **state)
{
	(void)state;
	assert_int_equal(looked(), 1);
	page(WINDOW, true);
	assert_int_equal(looked(), 0);
	page(ITEMS - 2 * WINDOW, false);
	assert_int_equal(looked(), 1);
	sync_one(folder, -1, WINDOW, -1);
	assert_true(is_empty_answer());
	assert_int_equal(looked(), 1);
}

static void
what_came_meanwhile_is_in_the_last_window(void **state)
{
	(void)state;
	other_puts("new.ics", 100, 0, 0);
	page(WINDOW, true);
	page(ITEMS - 2 * WINDOW + 1, false);
}

static void
what_changed_or_went_meanwhile_is_told_before_the_end(void **state)
{
	int64_t changed = item_with(24), gone = item_with(23);

	(void)state;
	other_puts("item-24.ics", 100, 0, 0);
	mem_delete(kit.mem, WORLD_USER, FOLDER, "item-23.ics");
	page(WINDOW, true);
	assert_int_equal(told(folder, 0), WINDOW);
	page(ITEMS - 2 * WINDOW, false);
	assert_int_equal(told_x(folder, changed), 100);
	assert_true(is_told(folder, AirSync_Delete, gone));
}

/* In the answer that adds it phones do not find it yet: what becomes of it meanwhile comes in the next one. */
static enum err
changes_as_it_is_fetched(void *ctx, enum mem_op op, enum mem_when when, const char *f, const char *k)
{
	bool *once = ctx;

	(void)f;
	(void)k;
	if (op == MEM_FETCH && when == MEM_AFTER && *once) {
		*once = false;
		other_puts("item-01.ics", 100, 0, 0);
		mem_delete(kit.mem, WORLD_USER, FOLDER, "item-02.ics");
	}
	return ERR_OK;
}

static void
no_item_is_named_twice_in_one_answer(void **state)
{
	bool once = true;

	(void)state;
	page(WINDOW, true);
	mem_hook(kit.mem, changes_as_it_is_fetched, &once);
	page(ITEMS - 2 * WINDOW, true);
	mem_hook(kit.mem, NULL, NULL);
	assert_false(once);
	int64_t changed = item_with(1), gone = item_with(2);
	assert_int_equal(told(folder, 0), ITEMS - 2 * WINDOW);
	page(0, false);
	assert_int_equal(told(folder, 0), 2);
	assert_int_equal(told_x(folder, changed), 100);
	assert_true(is_told(folder, AirSync_Delete, gone));
}

static void
no_end_is_told_where_the_last_look_fills_the_window(void **state)
{
	(void)state;
	for (char name[] = "a.ics"; *name < 'h'; ++*name)
		other_puts(name, 100, 0, 0);
	page(WINDOW, true);
	page(WINDOW, true);
	page(2, false);
}

static void
a_look_is_good_for_a_minute(void **state)
{
	(void)state;
	looked();
	eas_clock_set_monotonic(eas_monotonic() + 61);
	page(WINDOW, true);
	assert_int_equal(looked(), 1);
}

static void
commands_look_first(void **state)
{
	int64_t item = item_with(24);

	(void)state;
	other_puts("item-24.ics", 100, 0, 0);
	looked();
	ask_with_commands(folder, 1);
	ask_change(folder, item, 'x', 200);
	run();
	take_key(folder);
	assert_int_equal(looked(), 1);
	assert_int_equal(response_status(folder, AirSync_Change, item), 7);
	assert_int_equal(told_x(folder, item), 100);
}

/* Of what was told the phone has a key; the end it hears of when the backend can be asked. */
static void
a_last_look_that_fails_leaves_more(void **state)
{
	(void)state;
	page(WINDOW, true);
	mem_fail(kit.mem, MEM_CHANGES, 1, MEM_BEFORE, ERR_UNAVAILABLE);
	page(ITEMS - 2 * WINDOW, true);
	mem_fail(kit.mem, MEM_CHANGES, 1, MEM_BEFORE, ERR_UNAVAILABLE);
	sync_one(folder, -1, WINDOW, -1);
	assert_int_equal(status_of(folder), 16);
	sync_one(folder, -1, WINDOW, -1);
	assert_int_not_equal(status_of(folder), 16);
	assert_false(has_more(folder));
}

static void
an_item_that_is_gone_is_looked_for_once(void **state)
{
	(void)state;
	mem_delete(kit.mem, WORLD_USER, FOLDER, "item-10.ics");
	mem_delete(kit.mem, WORLD_USER, FOLDER, "item-11.ics");
	looked();
	page(WINDOW, true);
	assert_int_equal(looked(), 1);
	page(ITEMS - 2 * WINDOW - 2, false);
	assert_int_equal(looked(), 1);
}

/* Another session made it, and this one has not been told yet: a look brings that. */
static enum err
there_after_a_look(void *ctx, enum mem_op op, enum mem_when when, const char *f, const char *k)
{
	(void)ctx;
	(void)f;
	(void)k;
	if (op == MEM_CHANGES && when == MEM_AFTER)
		mem_item_broken(kit.mem, WORLD_USER, FOLDER, "item-10.ics", ERR_OK);
	return ERR_OK;
}

static void
an_item_that_is_not_to_be_had_yet_is_told_all_the_same(void **state)
{
	(void)state;
	mem_item_broken(kit.mem, WORLD_USER, FOLDER, "item-10.ics", ERR_NOTFOUND);
	mem_hook(kit.mem, there_after_a_look, NULL);
	page(WINDOW, true);
	page(ITEMS - 2 * WINDOW, false);
	mem_hook(kit.mem, NULL, NULL);
}

/* It comes when it changes, as everything that was left out. */
static void
an_item_that_is_listed_and_not_given_is_left_out(void **state)
{
	(void)state;
	mem_item_broken(kit.mem, WORLD_USER, FOLDER, "item-10.ics", ERR_NOTFOUND);
	page(WINDOW, true);
	page(ITEMS - 2 * WINDOW - 1, false);
	mem_item_broken(kit.mem, WORLD_USER, FOLDER, "item-10.ics", ERR_OK);
	other_puts("item-10.ics", 100, 0, 0);
	page(1, false);
}

static void
a_fetch_that_fails_has_the_next_window_look(void **state)
{
	(void)state;
	mem_fail(kit.mem, MEM_FETCH, 1, MEM_BEFORE, ERR_UNAVAILABLE);
	looked();
	sync_one(folder, -1, WINDOW, -1);
	assert_int_equal(status_of(folder), 16);
	assert_int_equal(looked(), 0);
	page(WINDOW, true);
	assert_int_equal(looked(), 1);
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, open_paging, close_paging)
	const struct CMUnitTest tests[] = {
		TEST(the_first_and_the_last_window_look),
		TEST(what_came_meanwhile_is_in_the_last_window),
		TEST(what_changed_or_went_meanwhile_is_told_before_the_end),
		TEST(no_item_is_named_twice_in_one_answer),
		TEST(no_end_is_told_where_the_last_look_fills_the_window),
		TEST(a_look_is_good_for_a_minute),
		TEST(commands_look_first),
		TEST(a_last_look_that_fails_leaves_more),
		TEST(an_item_that_is_gone_is_looked_for_once),
		TEST(an_item_that_is_not_to_be_had_yet_is_told_all_the_same),
		TEST(an_item_that_is_listed_and_not_given_is_left_out),
		TEST(a_fetch_that_fails_has_the_next_window_look),
	};

	if (log_open("stderr", LEVEL_ERROR))
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
