/* The dates that a filter looks at: in a folder's first sync each item is fetched once, for its date and for the answer. */
#include "model_kit.h"

#define WINDOW 10
#define TWO_WEEKS 4 /* FilterType */

static int64_t folder;
static unsigned fetches;

static int
open_folder(void **state)
{
	kit_open(state);
	folder = folder_named("Calendar");
	return 0;
}

/* Items NAME-00 and on, so many days old; x counts on from `x`. */
static void
put_many(const char *name, unsigned n, int64_t x, int64_t age)
{
	for (unsigned i = 0; i < n; i++) {
		char item_key[32];

		snprintf(item_key, sizeof item_key, "%s-%03u.ics", name, i);
		other_puts(item_key, x + i, 0, age);
	}
}

/* Times that the backend was asked for items since it was asked last. */
static unsigned
fetched(void)
{
	unsigned before = fetches;

	fetches = mem_calls(kit.mem, MEM_FETCH);
	return fetches - before;
}

/* Syncs by windows until nothing more is available; how many items were added. *windows_r: answers that told something. */
static unsigned
sync_all(int filter, unsigned *windows_r)
{
	unsigned n = 0;

	*windows_r = 0;
	sync_one(folder, -1, -1, -1);
	do {
		sync_one(folder, -1, WINDOW, filter);
		n += told(folder, AirSync_Add);
		*windows_r += told(folder, AirSync_Add) > 0;
		assert_int_equal(told(folder, 0), told(folder, AirSync_Add));
	} while (has_more(folder));
	return n;
}

static unsigned
sync_anew(int filter, unsigned *windows_r)
{
	snprintf(key, sizeof key, "0");
	return sync_all(filter, windows_r);
}

static void
a_window_is_fetched_once(void **state)
{
	unsigned windows;

	(void)state;
	put_many("item", 3 * WINDOW, 0, 0);
	fetched();
	assert_int_equal(sync_all(0, &windows), 3 * WINDOW);
	assert_int_equal(fetched(), windows);
	assert_int_equal(windows, 3);
	assert_int_equal(sync_anew(TWO_WEEKS, &windows), 3 * WINDOW);
	assert_int_equal(fetched(), windows);
}

/* 20 of 420 lie inside: what is old is fetched by hundreds, and that once. */
static void
old_items_are_fetched_once_and_not_told(void **state)
{
	unsigned windows;

	(void)state;
	put_many("new", 5, 0, 0);
	put_many("old", 400, 1000, 100);
	put_many("newer", 15, 100, 0);
	fetched();
	assert_int_equal(sync_all(TWO_WEEKS, &windows), 20);
	assert_in_range(fetched(), windows, windows + 6);
	assert_int_equal(sync_anew(TWO_WEEKS, &windows), 20);
	assert_int_equal(fetched(), windows);
	assert_int_equal(sync_anew(0, &windows), 420);
	assert_int_equal(fetched(), windows);
}

/* Half of them lie inside, and the backend gives them in another order than the window takes them. */
static void
an_answer_in_another_order_loses_none(void **state)
{
	unsigned windows;

	(void)state;
	mem_settings(kit.mem)->backwards = true;
	for (unsigned i = 0; i < 60; i++) {
		char item_key[32];

		snprintf(item_key, sizeof item_key, "item-%03u.ics", i);
		other_puts(item_key, i, 0, i % 2 ? 100 : 0);
	}
	assert_int_equal(sync_all(TWO_WEEKS, &windows), 30);
}

static void
nothing_is_told_where_all_is_old(void **state)
{
	unsigned windows;

	(void)state;
	put_many("old", 250, 0, 100);
	assert_int_equal(sync_all(TWO_WEEKS, &windows), 0);
	fetched();
	sync_one(folder, -1, WINDOW, -1);
	assert_int_equal(fetched(), 0);
	sync_one(folder, -1, 512, 0); /* wider: the rest comes */
	assert_int_equal(told(folder, AirSync_Add), 250);
}

/* The phone takes the filter away before it has come to them: they are among what that lets in. */
static void
a_wider_filter_lets_in_what_nobody_fetched(void **state)
{
	unsigned n;

	(void)state;
	put_many("old", 20, 1000, 100);
	put_many("new", WINDOW + 1, 0, 0); /* the newest comes first */
	sync_one(folder, -1, -1, -1);
	sync_one(folder, -1, WINDOW, TWO_WEEKS);
	n = told(folder, AirSync_Add);
	assert_int_equal(n, WINDOW);
	do {
		sync_one(folder, -1, 512, 0);
		n += told(folder, AirSync_Add);
	} while (has_more(folder));
	assert_int_equal(n, 20 + WINDOW + 1);
}

/* Before the phone comes to it: what counts is how it is then, and what becomes of it later is told as of any other. */
static void
an_item_may_change_before_anybody_fetched_it(void **state)
{
	(void)state;
	other_puts("a.ics", 100, 0, 0);
	other_puts("b.ics", 101, 0, 100);
	other_puts("c.ics", 102, 0, 0);
	put_many("new", WINDOW, 0, 0); /* the newest comes first */
	sync_one(folder, -1, -1, -1);
	sync_one(folder, -1, 1, TWO_WEEKS);
	other_puts("a.ics", 200, 0, 100);
	other_puts("b.ics", 201, 0, 0);
	mem_delete(kit.mem, WORLD_USER, FOLDER, "c.ics");
	unsigned n = told(folder, AirSync_Add);
	int64_t of_b = 0, of_others = 0;
	while (has_more(folder)) {
		sync_one(folder, -1, 2, -1);
		for (unsigned i = 0; i < told(folder, AirSync_Add); i++) {
			int64_t x = told_x(folder, told_item(folder, i));

			of_b += x == 201;
			of_others += x != 201 && x >= WINDOW;
		}
		n += told(folder, AirSync_Add);
	}
	assert_int_equal(of_b, 1);
	assert_int_equal(of_others, 0);
	assert_int_equal(n, WINDOW + 1);
	other_puts("a.ics", 300, 0, 0); /* inside again */
	sync_one(folder, -1, 512, -1);
	assert_int_equal(told(folder, AirSync_Add), 1);
	assert_int_equal(told(folder, 0), 1);
	assert_int_equal(told_x(folder, told_item(folder, 0)), 300);
}

/* What comes once the folder is filled has its date before a phone is woken for it. */
static void
an_old_item_that_comes_later_is_no_news(void **state)
{
	unsigned windows;

	(void)state;
	put_many("new", 3, 0, 0);
	sync_all(TWO_WEEKS, &windows);
	sync_one(folder, -1, -1, -1);
	other_puts("old.ics", 100, 0, 100);
	ask_sync();
	ask_collection(folder, key);
	close_collection();
	wbxml_end(&call.w);
	wbxml_put_int(&call.w, AirSync_HeartbeatInterval, 600);
	run();
	assert_int_equal(call.outcome, EAS_PARK);
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, open_folder, kit_close)
	const struct CMUnitTest tests[] = {
		TEST(a_window_is_fetched_once),
		TEST(old_items_are_fetched_once_and_not_told),
		TEST(an_answer_in_another_order_loses_none),
		TEST(nothing_is_told_where_all_is_old),
		TEST(a_wider_filter_lets_in_what_nobody_fetched),
		TEST(an_item_may_change_before_anybody_fetched_it),
		TEST(an_old_item_that_comes_later_is_no_news),
	};

	if (log_open("stderr", LEVEL_ERROR))
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
