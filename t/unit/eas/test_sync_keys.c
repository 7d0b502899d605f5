/* Windows, keys, empty answers: the rows of that table of the design. */
#include "eas/clock.h"
#include "model_kit.h"

static int64_t folder;

static int
open_folder(void **state)
{
	kit_open(state);
	folder = folder_named("Calendar");
	return 0;
}

static void
put_many(unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		char name[32];

		snprintf(name, sizeof name, "item-%03u.ics", i);
		other_puts(name, i, 0, 0);
	}
}

/* ---- key 0 ---- */

static void
key_0_gives_a_key_and_nothing_else(void **state)
{
	(void)state;
	put_many(3);
	sync_one(folder, -1, -1, -1);
	assert_int_equal(status_of(folder), 1);
	assert_string_not_equal(key, "0");
	assert_int_equal(told(folder, 0), 0);
	assert_false(has_more(folder));
}

static void
key_0_with_getchanges_is_status_4(void **state)
{
	(void)state;
	sync_one(folder, 1, -1, -1);
	assert_int_equal(status_of(folder), 4);
}

static void
key_0_with_commands_is_status_4(void **state)
{
	(void)state;
	ask_sync();
	ask_collection(folder, "0");
	ask_commands();
	ask_add("c1", 1, 2);
	run();
	assert_int_equal(status_of(folder), 4);
	assert_int_equal(stored_count(), 0);
}

static void
the_first_answer_is_never_empty(void **state)
{
	(void)state;
	sync_one(folder, -1, -1, -1);
	sync_one(folder, -1, -1, -1);
	assert_false(is_empty_answer());
	assert_int_equal(status_of(folder), 1);
}

/* ---- keys ---- */

static void
an_unknown_key_is_status_3(void **state)
{
	(void)state;
	sync_from_start(folder, 0);
	ask_sync();
	ask_collection(folder, "0123456789abcdef-1");
	run();
	assert_int_equal(status_of(folder), 3);
	assert_string_equal(wbxml_text(answered(folder), AirSync_SyncKey), "0");
	ask_sync();
	ask_collection(folder, "what is this");
	run();
	assert_int_equal(status_of(folder), 3);
}

static void
a_lost_answer_is_computed_again_under_a_new_key(void **state)
{
	char before[64], first[64];

	(void)state;
	sync_from_start(folder, 0);
	snprintf(before, sizeof before, "%s", key);
	other_puts("a.ics", 1, 2, 0);
	sync_one(folder, -1, -1, -1);
	assert_int_equal(told(folder, AirSync_Add), 1);
	snprintf(first, sizeof first, "%s", key);
	snprintf(key, sizeof key, "%s", before);
	sync_one(folder, -1, -1, -1);
	assert_int_equal(told(folder, AirSync_Add), 1);
	assert_string_not_equal(key, first);
	assert_string_not_equal(key, before);
}

/* Once an answer's key came back with something new, those beside it are gone; the base stays good. */
static void
siblings_go_when_a_key_comes_back(void **state)
{
	char before[64], first[64];

	(void)state;
	sync_from_start(folder, 0);
	snprintf(before, sizeof before, "%s", key);
	other_puts("a.ics", 1, 2, 0);
	sync_one(folder, -1, -1, -1);
	snprintf(first, sizeof first, "%s", key);
	snprintf(key, sizeof key, "%s", before);
	sync_one(folder, -1, -1, -1);
	other_puts("b.ics", 1, 2, 0);
	sync_one(folder, -1, -1, -1);
	assert_int_equal(told(folder, AirSync_Add), 1);
	snprintf(key, sizeof key, "%s", first);
	sync_one(folder, -1, -1, -1);
	assert_int_equal(status_of(folder), 3);
}

static void
two_epochs_stay_valid(void **state)
{
	char old[64];

	(void)state;
	put_many(2);
	sync_from_start(folder, 0);
	snprintf(old, sizeof old, "%s", key);
	sync_from_start(folder, 0);
	other_puts("new.ics", 1, 2, 0);
	snprintf(key, sizeof key, "%s", old);
	sync_one(folder, -1, -1, -1);
	assert_int_equal(status_of(folder), 1);
	assert_int_equal(told(folder, AirSync_Add), 1);
}

/* ---- nothing new ---- */

static void
nothing_new_is_empty_and_writes_nothing(void **state)
{
	struct store_stats before, after, device;
	unsigned looks;
	char was[64];
	struct call c;

	(void)state;
	put_many(3);
	sync_from_start(folder, 0);
	sync_one(folder, -1, -1, 0);
	snprintf(was, sizeof was, "%s", key);
	before = store_stats();
	looks = mem_calls(kit.mem, MEM_ANY);
	sync_one(folder, -1, -1, 0);
	after = store_stats();
	assert_true(is_empty_answer());
	assert_string_equal(key, was);
	assert_int_equal(after.rows_written, before.rows_written);
	assert_int_equal(mem_calls(kit.mem, MEM_ANY) - looks, 1);
	/* What the kit itself needs to find the device is no part of it. */
	device = store_stats();
	call_begin(&c, &kit, PHONE, version, EAS_SYNC);
	call_end(&c);
	assert_true(after.statements - before.statements - (store_stats().statements - device.statements) <= 5);
	assert_int_equal(after.commits - before.commits, store_stats().commits - device.commits);
}

static void
nothing_new_beside_something_new_is_left_quiet(void **state)
{
	int64_t tasks = folder_named("Tasks");
	char tasks_key[64];

	(void)state;
	sync_from_start(tasks, 0);
	sync_one(tasks, -1, -1, -1);
	snprintf(tasks_key, sizeof tasks_key, "%s", key);
	sync_from_start(folder, 0);
	other_puts("a.ics", 1, 2, 0);
	ask_sync();
	ask_collection(tasks, tasks_key);
	close_collection();
	ask_collection(folder, key);
	run();
	assert_int_equal(told(folder, AirSync_Add), 1);
	if (answered(tasks))
		assert_string_equal(wbxml_text(answered(tasks), AirSync_SyncKey), tasks_key);
}

/* ---- windows ---- */

static void
a_window_ends_the_page_with_moreavailable_and_a_new_key(void **state)
{
	unsigned sum = 0;

	(void)state;
	put_many(12);
	sync_one(folder, -1, -1, -1);
	do {
		sync_one(folder, -1, 5, 0);
		sum += told(folder, AirSync_Add);
		assert_true(told(folder, 0) <= 5);
	} while (has_more(folder));
	assert_int_equal(sum, 12);
}

static void
an_absent_window_is_100(void **state)
{
	(void)state;
	put_many(130);
	sync_one(folder, -1, -1, -1);
	sync_one(folder, -1, -1, 0);
	assert_int_equal(told(folder, AirSync_Add), 100);
	assert_true(has_more(folder));
}

static void
a_window_of_0_or_beyond_512_is_512(void **state)
{
	(void)state;
	put_many(520);
	sync_one(folder, -1, -1, -1);
	sync_one(folder, -1, 0, 0);
	assert_int_equal(told(folder, AirSync_Add), 512);
	sync_from_start(folder, 0);
	snprintf(key, sizeof key, "0");
	sync_one(folder, -1, -1, -1);
	sync_one(folder, -1, 1000, 0);
	assert_int_equal(told(folder, AirSync_Add), 512);
}

/* The folder and then the tasks, in one global window. */
static void
ask_both(int64_t tasks, const char *tasks_key, int window)
{
	ask_sync();
	ask_collection(folder, key);
	close_collection();
	ask_collection(tasks, tasks_key);
	close_collection();
	done();
	wbxml_put_int(&call.w, AirSync_WindowSize, window);
	run();
}

static void
the_global_window_leaves_one_for_each_later_collection(void **state)
{
	int64_t tasks = folder_named("Tasks");
	char tasks_key[64];

	(void)state;
	put_many(10);
	mem_add(kit.mem, WORLD_USER, "tasks", "t1.ics", "X:1\r\nY:2\r\nD:20000\r\n", 0, BACKEND_NO_DATE);
	mem_add(kit.mem, WORLD_USER, "tasks", "t2.ics", "X:1\r\nY:2\r\nD:20000\r\n", 0, BACKEND_NO_DATE);
	sync_one(tasks, -1, -1, -1);
	snprintf(tasks_key, sizeof tasks_key, "%s", key);
	snprintf(key, sizeof key, "0");
	sync_one(folder, -1, -1, -1);
	ask_both(tasks, tasks_key, 4);
	assert_int_equal(told(folder, AirSync_Add), 3);
	assert_true(has_more(folder));
	assert_int_equal(told(tasks, AirSync_Add), 1);
	assert_true(has_more(tasks));
}

static void
the_first_collection_gets_what_the_later_ones_may_not_need(void **state)
{
	int64_t tasks = folder_named("Tasks");
	char tasks_key[64];

	(void)state;
	put_many(10);
	sync_from_start(tasks, 0);
	sync_one(tasks, -1, -1, -1);
	snprintf(tasks_key, sizeof tasks_key, "%s", key);
	snprintf(key, sizeof key, "0");
	sync_one(folder, -1, -1, -1);
	ask_both(tasks, tasks_key, 4);
	assert_int_equal(told(folder, AirSync_Add), 4);
}

/* One that gets nothing has its key and Status 1, and can go on from there. */
static void
a_collection_that_the_global_window_leaves_nothing_keeps_its_key(void **state)
{
	int64_t tasks = folder_named("Tasks");
	char tasks_key[64];

	(void)state;
	put_many(10);
	mem_add(kit.mem, WORLD_USER, "tasks", "t1.ics", "X:1\r\nY:2\r\nD:20000\r\n", 0, BACKEND_NO_DATE);
	sync_one(tasks, -1, -1, -1);
	sync_one(tasks, 0, -1, -1);
	snprintf(tasks_key, sizeof tasks_key, "%s", key);
	snprintf(key, sizeof key, "0");
	sync_one(folder, -1, -1, -1);
	ask_both(tasks, tasks_key, 1);
	assert_int_equal(told(folder, AirSync_Add), 1);
	assert_int_equal(status_of(tasks), 1);
	assert_false(has_more(tasks));
	assert_string_equal(wbxml_text(answered(tasks), AirSync_SyncKey), tasks_key);
	snprintf(key, sizeof key, "%s", tasks_key);
	sync_one(tasks, -1, -1, -1);
	assert_int_equal(told(tasks, AirSync_Add), 1);
}

/* ---- a device that repeats itself ---- */

static void
repeat_from(const char *from)
{
	snprintf(key, sizeof key, "%s", from);
	sync_one(folder, -1, 4, 0);
}

/* An answer for another folder arrives, by its key's coming back. */
static void
another_answer_arrives(void)
{
	static unsigned n;
	int64_t tasks = folder_named("Tasks");
	char mine[64], name[32];

	snprintf(mine, sizeof mine, "%s", key);
	snprintf(name, sizeof name, "t%u.ics", n++);
	sync_from_start(tasks, 0);
	mem_add(kit.mem, WORLD_USER, "tasks", name, "X:1\r\nY:2\r\nD:20000\r\n", 0, BACKEND_NO_DATE);
	sync_one(tasks, -1, -1, -1);
	assert_int_equal(told(tasks, AirSync_Add), 1);
	mem_edit(kit.mem, WORLD_USER, "tasks", name, "X:2\r\nY:2\r\nD:20000\r\n");
	sync_one(tasks, -1, -1, -1);
	assert_int_equal(told(tasks, AirSync_Change), 1);
	snprintf(key, sizeof key, "%s", mine);
}

/* Nothing else arrives: the line is bad, and the item is not to blame. */
static void
nothing_is_set_aside_on_a_bad_line(void **state)
{
	char from[64];
	int64_t first;

	(void)state;
	put_many(2);
	sync_one(folder, -1, -1, -1);
	snprintf(from, sizeof from, "%s", key);
	for (int i = 0; i < 6; i++)
		repeat_from(from);
	first = told_item(folder, 0);
	for (int hour = 1; hour < 6; hour++) {
		eas_clock_set((int64_t)TODAY * DAY + DAY / 2 + 4000 * hour);
		repeat_from(from);
		assert_int_equal(told(folder, AirSync_Add), 1);
		assert_int_equal(told_item(folder, 0), first);
	}
}

static void
the_window_halves_per_repeat_and_then_the_item_is_set_aside(void **state)
{
	static const unsigned sizes[] = { 4, 2, 1, 1, 1 };
	char from[64];
	int64_t first;

	(void)state;
	put_many(6);
	sync_one(folder, -1, -1, -1);
	snprintf(from, sizeof from, "%s", key);
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		repeat_from(from);
		assert_int_equal(told(folder, AirSync_Add), sizes[i]);
	}
	first = told_item(folder, 0);
	eas_clock_set((int64_t)TODAY * DAY + DAY / 2 + 3000);
	repeat_from(from);
	assert_int_equal(told_item(folder, 0), first); /* not within an hour: the line may be bad */
	another_answer_arrives();
	eas_clock_set((int64_t)TODAY * DAY + DAY / 2 + 4000);
	repeat_from(from);
	assert_int_equal(told(folder, AirSync_Add), 1);
	assert_int_not_equal(told_item(folder, 0), first);
	sync_one(folder, -1, 100, 0); /* that one arrived: the window is as asked for again */
	assert_int_equal(told(folder, AirSync_Add), 4);
	sync_one(folder, -1, 100, 0);
	assert_int_equal(told(folder, 0), 0);
	eas_clock_set((int64_t)(TODAY + 1) * DAY + DAY / 2 + 5000); /* a day later it is tried again */
	sync_one(folder, -1, 100, 0);
	assert_true(is_told(folder, AirSync_Add, first));
	assert_int_equal(told(folder, 0), 1);
	sync_one(folder, -1, 100, 0);
	assert_int_equal(told(folder, 0), 0);
}

/* A Pi has no clock of its own: one that was ahead by years is put right. */
static void
a_clock_that_was_ahead_neither_blames_nor_hides_an_item(void **state)
{
	const int64_t now = (int64_t)TODAY * DAY + DAY / 2;
	char from[64];
	int64_t first;

	(void)state;
	eas_clock_set(now + 4000 * DAY);
	another_answer_arrives();
	snprintf(key, sizeof key, "0");
	eas_clock_set(now);
	put_many(6);
	sync_one(folder, -1, -1, -1);
	snprintf(from, sizeof from, "%s", key);
	for (int i = 0; i < 6; i++)
		repeat_from(from);
	first = told_item(folder, 0);
	eas_clock_set(now + 4000);
	repeat_from(from); /* that other answer came before: the line may be bad */
	assert_int_equal(told_item(folder, 0), first);
	another_answer_arrives();
	eas_clock_set(now + 4000 * DAY);
	repeat_from(from);
	assert_int_not_equal(told_item(folder, 0), first);
	eas_clock_set(now + 5000);
	sync_one(folder, -1, 100, 0);
	assert_true(is_told(folder, AirSync_Add, first));
}

static void
what_was_set_aside_comes_when_it_changes(void **state)
{
	char from[64];
	int64_t first;

	(void)state;
	put_many(2);
	sync_one(folder, -1, -1, -1);
	snprintf(from, sizeof from, "%s", key);
	for (int i = 0; i < 6; i++)
		repeat_from(from);
	first = told_item(folder, 0);
	eas_clock_set((int64_t)TODAY * DAY + DAY / 2 + 4000);
	another_answer_arrives();
	repeat_from(from);
	assert_int_not_equal(told_item(folder, 0), first);
	for (unsigned i = 0; i < 2; i++) {
		char name[32];

		snprintf(name, sizeof name, "item-%03u.ics", i);
		other_puts(name, i + 100, 0, 0);
	}
	sync_one(folder, -1, 100, 0);
	assert_true(is_told(folder, AirSync_Add, first));
	assert_int_equal(told(folder, AirSync_Change), 1);
}

static enum err
list_troubles(struct state_txn *t, void *arg, struct error *e)
{
	struct arena *a = arena_new(0);
	struct state_trouble *list;
	size_t n;
	enum err err = state_troubles(t, a, WORLD_USER, &list, &n);

	(void)e;
	*(char *)arg = '\0';
	for (size_t i = 0; !err && i < n; i++)
		snprintf((char *)arg + strlen(arg), 200, "%s %s: %s|", list[i].key, list[i].device, list[i].reason);
	arena_free(&a);
	return err;
}

/* KEY DEVICE: REASON| of each. */
static const char *
troubles(void)
{
	static char text[1000];
	struct error e;

	assert_int_equal(state_run(kit.state, STATE_READ, list_troubles, text, &e), ERR_OK);
	return text;
}

static void
what_cannot_be_sent_is_listed_until_it_was_delivered(void **state)
{
	(void)state;
	put_many(3);
	mem_item_broken(kit.mem, WORLD_USER, FOLDER, "item-001.ics", ERR_LIMIT);
	sync_from_start(folder, 0);
	assert_string_equal(troubles(), "item-001.ics : too large, or over a limit of cpush|");
	sync_one(folder, -1, 100, 0);
	assert_int_equal(told(folder, 0), 0);
	/* Nothing about the item has changed, but now it can be had. */
	mem_item_broken(kit.mem, WORLD_USER, FOLDER, "item-001.ics", ERR_OK);
	sync_from_start(folder, 0);
	assert_string_equal(troubles(), "");
}

static bool
is_any(const char *item_key)
{
	(void)item_key;
	return true;
}

/* A group of contacts is as its owner wants it. */
static void
what_is_not_for_phones_is_not_listed(void **state)
{
	(void)state;
	put_many(2);
	model_unreadable = is_any;
	model_refusal = ERR_UNSUPPORTED;
	sync_from_start(folder, 0);
	sync_one(folder, -1, 100, 0);
	model_unreadable = NULL;
	model_refusal = ERR_INVALID;
	assert_int_equal(status_of(folder), 1);
	assert_int_equal(told(folder, 0), 0);
	assert_false(has_more(folder));
	assert_string_equal(troubles(), "");
	other_puts("item-000.ics", 7, 7, 0); /* it became one for phones */
	sync_one(folder, -1, 100, 0);
	assert_int_equal(told(folder, AirSync_Add), 1);
}

static void
what_is_gone_or_has_changed_is_not_listed(void **state)
{
	(void)state;
	put_many(2);
	mem_item_broken(kit.mem, WORLD_USER, FOLDER, "item-000.ics", ERR_LIMIT);
	mem_item_broken(kit.mem, WORLD_USER, FOLDER, "item-001.ics", ERR_LIMIT);
	sync_from_start(folder, 0);
	assert_string_equal(troubles(), "item-000.ics : too large, or over a limit of cpush|"
		"item-001.ics : too large, or over a limit of cpush|");
	mem_delete(kit.mem, WORLD_USER, FOLDER, "item-000.ics");
	mem_item_broken(kit.mem, WORLD_USER, FOLDER, "item-001.ics", ERR_OK);
	other_puts("item-001.ics", 7, 7, 0);
	sync_one(folder, -1, 100, 0);
	assert_int_equal(told(folder, AirSync_Add), 1);
	assert_string_equal(troubles(), "");
}

static void
what_a_device_fails_at_is_listed_with_the_device(void **state)
{
	char from[64];

	(void)state;
	put_many(1);
	sync_one(folder, -1, -1, -1);
	snprintf(from, sizeof from, "%s", key);
	for (int i = 0; i < 6; i++)
		repeat_from(from);
	eas_clock_set((int64_t)TODAY * DAY + DAY / 2 + 4000);
	another_answer_arrives();
	repeat_from(from);
	assert_int_equal(told(folder, 0), 0);
	assert_string_equal(troubles(), "item-000.ics " PHONE ": the device fails at it|");
	other_puts("item-000.ics", 7, 7, 0);
	sync_one(folder, -1, 100, 0);
	assert_string_equal(troubles(), "");
}

/* One change after the other on a bad line: none of them was sent at a window of one. */
static void
what_came_alone_at_a_wider_window_is_not_set_aside(void **state)
{
	char from[64];
	int64_t item;

	(void)state;
	put_many(1);
	sync_one(folder, -1, -1, -1);
	snprintf(from, sizeof from, "%s", key);
	for (int i = 0; i < 4; i++) {
		snprintf(key, sizeof key, "%s", from);
		sync_one(folder, -1, 512, 0);
		item = told_item(folder, 0);
	}
	eas_clock_set((int64_t)TODAY * DAY + DAY / 2 + 4000);
	another_answer_arrives();
	snprintf(key, sizeof key, "%s", from);
	sync_one(folder, -1, 512, 0);
	assert_true(is_told(folder, AirSync_Add, item));
}

/* ---- GetChanges, Fetch, Options ---- */

static void
getchanges_0_tells_nothing(void **state)
{
	char was[64];

	(void)state;
	sync_from_start(folder, 0);
	other_puts("a.ics", 1, 2, 0);
	snprintf(was, sizeof was, "%s", key);
	sync_one(folder, 0, -1, -1);
	assert_int_equal(told(folder, 0), 0);
	assert_false(has_more(folder));
	assert_string_equal(key, was);
	sync_one(folder, -1, -1, -1);
	assert_int_equal(told(folder, AirSync_Add), 1);
}

static void
a_fetch_alone_keeps_the_key(void **state)
{
	char was[64];
	int64_t item;

	(void)state;
	other_puts("a.ics", 7, 2, 0);
	sync_one(folder, -1, -1, -1);
	sync_one(folder, -1, -1, 0);
	item = told_item(folder, 0);
	snprintf(was, sizeof was, "%s", key);
	ask_with_commands(folder, -1);
	ask_fetch(folder, item);
	ask_fetch(folder, item + 1000);
	run();
	take_key(folder);
	assert_string_equal(key, was);
	assert_int_equal(status_of(folder), 1);
	assert_int_equal(response_status(folder, AirSync_Fetch, item), 1);
	assert_int_equal(response_status(folder, AirSync_Fetch, item + 1000), 8);
}

static void
options_are_kept_until_others_come(void **state)
{
	(void)state;
	other_puts("old.ics", 1, 2, 100);
	other_puts("new.ics", 3, 4, 0);
	sync_one(folder, -1, -1, -1);
	sync_one(folder, -1, -1, 4);
	assert_int_equal(told(folder, AirSync_Add), 1);
	sync_one(folder, -1, -1, -1); /* none: as before */
	assert_int_equal(told(folder, 0), 0);
	ask_sync();
	ask_collection(folder, key);
	ask_options(-1, 1); /* a block without FilterType: all */
	run();
	take_key(folder);
	assert_int_equal(told(folder, AirSync_Add), 1);
}

static void
a_filter_narrows_with_softdelete_and_widens_with_add(void **state)
{
	int64_t item;

	(void)state;
	other_puts("old.ics", 1, 2, 100);
	sync_from_start(folder, 0);
	sync_from_start(folder, 0);
	sync_one(folder, -1, -1, 4);
	assert_int_equal(told(folder, AirSync_SoftDelete), 1);
	item = told_item(folder, 0);
	sync_one(folder, -1, -1, 0);
	assert_true(is_told(folder, AirSync_Add, item));
}

static void
a_filter_that_the_class_has_not_is_none(void **state)
{
	(void)state;
	other_puts("old.ics", 1, 2, 10);
	sync_one(folder, -1, -1, -1);
	sync_one(folder, -1, -1, 1); /* a day: of mail only */
	assert_int_equal(told(folder, AirSync_Add), 1);
}

/* R3080 */
static void
incomplete_tasks_of_a_mail_folder_are_status_4(void **state)
{
	int64_t inbox = folder_named("Inbox");

	(void)state;
	ask_sync();
	ask_collection(inbox, "0");
	ask_options(8, -1);
	run();
	assert_int_equal(status_of(inbox), 4);
	sync_one(inbox, -1, -1, -1);
	assert_int_equal(status_of(inbox), 1);
	sync_one(inbox, -1, -1, 8);
	assert_int_equal(status_of(inbox), 4);
}

/* ---- folders ---- */

static void
an_unknown_folder_is_status_12(void **state)
{
	(void)state;
	ask_sync();
	ask_collection(4711, "0");
	run();
	assert_int_equal(status_of(4711), 12);
}

static void
a_phone_that_loops_on_12_gets_3(void **state)
{
	(void)state;
	folder_named("Inbox"); /* a FolderSync */
	for (int i = 0; i < 3; i++) {
		ask_sync();
		ask_collection(4711, "0123456789abcdef-1");
		run();
		assert_int_equal(status_of(4711), i ? 3 : 12);
	}
	folder_named("Inbox");
	ask_sync();
	ask_collection(4711, "0123456789abcdef-1");
	run();
	assert_int_equal(status_of(4711), 12);
}

static void
a_phone_that_loops_on_12_of_two_folders_gets_3(void **state)
{
	(void)state;
	folder_named("Inbox");
	for (int i = 0; i < 2; i++) {
		ask_sync();
		ask_collection(4711, "0123456789abcdef-1");
		close_collection();
		ask_collection(4712, "0123456789abcdef-1");
		run();
		assert_int_equal(status_of(4711), i ? 3 : 12);
		assert_int_equal(status_of(4712), i ? 3 : 12);
	}
}

static void
another_users_folder_is_unknown(void **state)
{
	int64_t other;

	(void)state;
	kit.user = "mallory";
	other = world_folder(&kit, PHONE, version, "Calendar");
	kit.user = WORLD_USER;
	ask_sync();
	ask_collection(other, "0");
	run();
	assert_int_equal(status_of(other), 12);
}

static void
the_outbox_has_a_key_and_is_empty(void **state)
{
	int64_t outbox = folder_named("Outbox");

	(void)state;
	sync_one(outbox, -1, -1, -1);
	assert_int_equal(status_of(outbox), 1);
	assert_string_not_equal(key, "0");
	sync_one(outbox, -1, -1, -1);
	assert_int_equal(told(outbox, 0), 0);
}

/* Without a word the phone would take it for stored. */
static void
the_outbox_refuses_an_add(void **state)
{
	int64_t outbox = folder_named("Outbox");
	char was[64];

	(void)state;
	sync_one(outbox, -1, -1, -1);
	snprintf(was, sizeof was, "%s", key);
	ask_sync();
	ask_collection(outbox, key);
	ask_commands();
	wbxml_start(&call.w, AirSync_Add);
	wbxml_put(&call.w, AirSync_ClientId, "c1");
	wbxml_start(&call.w, AirSync_ApplicationData);
	wbxml_put(&call.w, Email_Subject, "Unsent");
	run();
	assert_int_equal(status_of(outbox), 1);
	assert_int_equal(add_status(outbox, "c1", NULL), 6);
	assert_string_equal(wbxml_text(answered(outbox), AirSync_SyncKey), was);
}

/* ---- Options ---- */

static void
ask_class(const char *class, int filter)
{
	wbxml_start(&call.w, AirSync_Options);
	if (class)
		wbxml_put(&call.w, AirSync_Class, class);
	wbxml_put_int(&call.w, AirSync_FilterType, filter);
	wbxml_end(&call.w);
}

static void
ask_two_classes(const char *one, int filter, const char *other, int other_filter)
{
	ask_sync();
	ask_collection(folder, key);
	ask_class(one, filter);
	ask_class(other, other_filter);
	run();
}

static void
options_of_text_messages_are_left_wherever_they_stand(void **state)
{
	(void)state;
	other_puts("old.ics", 1, 2, 100);
	sync_from_start(folder, 0);
	ask_two_classes("SMS", 0, "Calendar", 4);
	assert_int_equal(told(folder, AirSync_SoftDelete), 1);
	assert_true(take_key(folder));
	ask_two_classes(NULL, 0, "SMS", 4);
	assert_int_equal(told(folder, AirSync_Add), 1);
}

/* MS-ASCMD_R930, R935 */
static void
options_for_other_pairs_of_classes_are_status_4(void **state)
{
	(void)state;
	sync_from_start(folder, 0);
	ask_two_classes("Calendar", 0, "Calendar", 4);
	assert_int_equal(status_of(folder), 4);
	ask_two_classes("Calendar", 0, "Contacts", 0);
	assert_int_equal(status_of(folder), 4);
	ask_two_classes("SMS", 0, "SMS", 0);
	assert_int_equal(status_of(folder), 4);
}

static void
ask_body_part(int type)
{
	ask_sync();
	ask_collection(folder, key);
	wbxml_start(&call.w, AirSync_Options);
	wbxml_start(&call.w, AirSyncBase_BodyPartPreference);
	wbxml_put_int(&call.w, AirSyncBase_Type, type);
	run();
}

/* MS-ASCON_R241 */
static void
a_body_part_that_is_not_html_is_status_164(void **state)
{
	(void)state;
	sync_one(folder, -1, -1, -1);
	ask_body_part(1);
	assert_int_equal(root_status(), 164);
	ask_body_part(2);
	assert_int_equal(status_of(folder), 1);
	version = 140; /* which has no such element */
	ask_body_part(1);
	assert_int_equal(status_of(folder), 1);
}

/* MS-ASCMD_R2117 */
static void
conversations_of_what_is_no_mail_are_status_4(void **state)
{
	(void)state;
	sync_from_start(folder, 0);
	ask_sync();
	ask_collection(folder, key);
	wbxml_put_int(&call.w, AirSync_ConversationMode, 1);
	run();
	assert_int_equal(status_of(folder), 4);
	version = 121; /* which has no such element */
	ask_sync();
	ask_collection(folder, key);
	wbxml_put_int(&call.w, AirSync_ConversationMode, 1);
	run();
	assert_int_not_equal(status_of(folder), 4);
}

/* ---- a backend in trouble ---- */

static void
a_backend_that_is_down_is_status_16_with_the_old_key(void **state)
{
	char was[64];

	(void)state;
	sync_from_start(folder, 0);
	other_puts("a.ics", 1, 2, 0);
	snprintf(was, sizeof was, "%s", key);
	mem_fail(kit.mem, MEM_CHANGES, 1, MEM_BEFORE, ERR_UNAVAILABLE);
	sync_one(folder, -1, -1, -1);
	assert_int_equal(status_of(folder), 16);
	assert_string_equal(key, was);
	sync_one(folder, -1, -1, -1);
	assert_int_equal(told(folder, AirSync_Add), 1);
}

static void
a_fetch_that_fails_ends_the_page_before_the_item(void **state)
{
	char was[64];

	(void)state;
	sync_from_start(folder, 0);
	other_puts("a.ics", 1, 2, 0);
	snprintf(was, sizeof was, "%s", key);
	mem_fail(kit.mem, MEM_FETCH, 2, MEM_BEFORE, ERR_UNAVAILABLE); /* the first asks for the date */
	sync_one(folder, -1, -1, -1);
	assert_int_equal(status_of(folder), 16);
	assert_string_equal(key, was);
	sync_one(folder, -1, -1, -1);
	assert_int_equal(told(folder, AirSync_Add), 1);
}

static void
no_free_session_is_busy_and_costs_nothing(void **state)
{
	(void)state;
	sync_from_start(folder, 0);
	other_puts("a.ics", 1, 2, 0);
	mem_fail(kit.mem, MEM_CHANGES, 1, MEM_BEFORE, ERR_BUSY);
	ask_sync();
	ask_collection(folder, key);
	run();
	assert_int_equal(call.outcome, EAS_BUSY);
	sync_one(folder, -1, -1, -1);
	assert_int_equal(told(folder, AirSync_Add), 1);
}

/* ---- empty and partial requests ---- */

static void
ask_empty(void)
{
	call_end(&call);
	call_begin(&call, &kit, PHONE, version, EAS_SYNC);
	call_run_empty(&call);
}

static void
an_empty_request_without_a_stored_one_is_13(void **state)
{
	(void)state;
	ask_sync();
	ask_empty();
	assert_int_equal(root_status(), 13);
}

static void
an_empty_request_repeats_the_stored_one(void **state)
{
	(void)state;
	sync_from_start(folder, 0);
	sync_one(folder, -1, -1, -1);
	other_puts("a.ics", 1, 2, 0);
	ask_empty();
	assert_int_equal(told(folder, AirSync_Add), 1);
	assert_true(take_key(folder));
}

/* It may have got lost, and with it what it told; an empty request would confirm it. */
static void
an_empty_request_after_an_answer_with_a_new_key_is_13(void **state)
{
	(void)state;
	sync_from_start(folder, 0);
	other_puts("a.ics", 1, 2, 0);
	ask_sync();
	ask_collection(folder, key);
	run();
	assert_int_equal(told(folder, AirSync_Add), 1);
	ask_empty();
	assert_int_equal(root_status(), 13);
	sync_one(folder, -1, -1, -1); /* the whole request from the old key */
	assert_int_equal(told(folder, AirSync_Add), 1);
}

static void
an_empty_request_runs_no_commands(void **state)
{
	(void)state;
	sync_from_start(folder, 0);
	ask_with_commands(folder, -1);
	ask_add("c1", 1, 2);
	run();
	ask_empty();
	assert_int_equal(root_status(), 13);
	assert_int_equal(stored_count(), 1);
}

/* The collection is in it as before: a backend that is back is asked. */
static void
an_empty_request_repeats_a_collection_that_failed_for_a_moment(void **state)
{
	(void)state;
	sync_from_start(folder, 0);
	mem_down(kit.mem, ERR_UNAVAILABLE);
	sync_one(folder, -1, -1, -1);
	assert_int_equal(status_of(folder), 16);
	mem_down(kit.mem, ERR_OK);
	other_puts("a.ics", 1, 2, 0);
	ask_empty();
	assert_int_equal(told(folder, AirSync_Add), 1);
}

/* The phone cannot mean that this one goes on. */
static void
an_empty_request_after_a_collection_that_failed_for_good_is_13(void **state)
{
	(void)state;
	sync_from_start(folder, 0);
	sync_one(folder, -1, -1, -1);
	ask_sync();
	ask_collection(4711, "0123456789abcdef-1");
	close_collection();
	ask_collection(folder, key);
	run();
	assert_int_equal(status_of(4711), 12);
	ask_empty();
	assert_int_equal(root_status(), 13);
}

static void
a_partial_request_takes_the_other_collections_from_the_stored_one(void **state)
{
	int64_t tasks = folder_named("Tasks");
	char tasks_key[64];

	(void)state;
	sync_from_start(tasks, 0);
	sync_one(tasks, -1, -1, -1);
	snprintf(tasks_key, sizeof tasks_key, "%s", key);
	sync_from_start(folder, 0);
	sync_one(folder, -1, -1, -1);
	ask_sync();
	ask_collection(tasks, tasks_key);
	close_collection();
	ask_collection(folder, key);
	run();
	mem_add(kit.mem, WORLD_USER, "tasks", "t1.ics", "X:1\r\nY:2\r\nD:20000\r\n", 0, BACKEND_NO_DATE);
	other_puts("a.ics", 1, 2, 0);
	ask_sync();
	ask_collection(folder, key);
	wbxml_put_int(&call.w, AirSync_WindowSize, 50);
	close_collection();
	done();
	wbxml_empty(&call.w, AirSync_Partial);
	run();
	assert_int_equal(told(folder, AirSync_Add), 1);
	assert_int_equal(told(tasks, AirSync_Add), 1);
}

static void
a_partial_request_without_a_stored_one_is_13(void **state)
{
	(void)state;
	ask_sync();
	ask_collection(folder, "0");
	close_collection();
	done();
	wbxml_empty(&call.w, AirSync_Partial);
	run();
	assert_int_equal(root_status(), 13);
}

/* ---- malformed ---- */

static void
a_collection_without_a_key_is_status_4(void **state)
{
	char id[ID_MAX];

	(void)state;
	ask_sync();
	wbxml_start(&call.w, AirSync_Collection);
	wbxml_put(&call.w, AirSync_CollectionId, id_folder(folder, id));
	run();
	assert_true(status_of(folder) == 4 || root_status() == 4);
}

/* Its answer could not say which one it was. */
static void
a_command_without_its_id_is_status_4(void **state)
{
	static const unsigned commands[] = { AirSync_Add, AirSync_Change, AirSync_Delete, AirSync_Fetch };

	(void)state;
	sync_one(folder, -1, -1, -1);
	for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
		ask_sync();
		ask_collection(folder, key);
		ask_commands();
		wbxml_start(&call.w, commands[i]);
		wbxml_start(&call.w, AirSync_ApplicationData);
		wbxml_put(&call.w, Calendar_Subject, "Whose?");
		run();
		assert_int_equal(status_of(folder), 4);
	}
}

/* ---- the order of elements, and Class up to 12.1 ---- */

static void
elements_come_in_order(void **state)
{
	const struct wbxml_node *n;

	(void)state;
	put_many(9);
	sync_one(folder, -1, -1, -1);
	ask_sync();
	ask_collection(folder, key);
	wbxml_put_int(&call.w, AirSync_WindowSize, 2);
	ask_commands();
	ask_add("c1", 1, 2);
	run();
	n = answered(folder)->child;
	assert_int_equal(n->tag, AirSync_SyncKey);
	n = n->next;
	assert_int_equal(n->tag, AirSync_CollectionId);
	n = n->next;
	assert_int_equal(n->tag, AirSync_Status);
	n = n->next;
	assert_int_equal(n->tag, AirSync_MoreAvailable);
	assert_true(wbxml_has(answered(folder), AirSync_Responses));
	assert_true(wbxml_has(answered(folder), AirSync_Commands));
}

static void
class_is_named_up_to_12_1(void **state)
{
	(void)state;
	version = 121;
	sync_one(folder, -1, -1, -1);
	assert_string_equal(wbxml_text(answered(folder), AirSync_Class), "Calendar");
	version = 140;
	snprintf(key, sizeof key, "0");
	sync_one(folder, -1, -1, -1);
	assert_null(wbxml_text(answered(folder), AirSync_Class));
}

/* ---- GetItemEstimate ---- */

#define WAITS (-3) /* not a Status: for a session */

static int
estimate_with(const char *sync_key, unsigned option, int value, int *status_r)
{
	static const unsigned path[] = { GetItemEstimate_Response, GetItemEstimate_Collection };
	struct call c;
	char id[ID_MAX];
	int n;

	call_begin(&c, &kit, PHONE, version, EAS_GETITEMESTIMATE);
	wbxml_start(&c.w, GetItemEstimate_GetItemEstimate);
	wbxml_start(&c.w, GetItemEstimate_Collections);
	wbxml_start(&c.w, GetItemEstimate_Collection);
	wbxml_put(&c.w, AirSync_SyncKey, sync_key);
	wbxml_put(&c.w, GetItemEstimate_CollectionId, id_folder(folder, id));
	if (value >= 0) {
		wbxml_start(&c.w, AirSync_Options);
		wbxml_put_int(&c.w, option, value);
		wbxml_end(&c.w);
	}
	call_run(&c);
	*status_r = c.outcome == EAS_BUSY ? WAITS
		: (int)wbxml_int(wbxml_child(c.answer, GetItemEstimate_Response), GetItemEstimate_Status, -1, -2);
	n = (int)wbxml_int(wbxml_path(c.answer, path, 2), GetItemEstimate_Estimate, -1, -2);
	call_end(&c);
	return n;
}

static int
estimate(const char *sync_key, int filter, int *status_r)
{
	return estimate_with(sync_key, AirSync_FilterType, filter, status_r);
}

/* R3223, R5647 */
static void
too_many_collections_are_refused(void **state)
{
	struct call c;

	(void)state;
	ask_sync();
	for (int i = 0; i < 1001; i++) {
		ask_collection(folder, "0");
		close_collection();
	}
	run();
	assert_int_equal(root_status(), 15);
	assert_int_equal(wbxml_int(call.answer, AirSync_Limit, 0, -1), 1000);
	call_begin(&c, &kit, PHONE, version, EAS_GETITEMESTIMATE);
	wbxml_start(&c.w, GetItemEstimate_GetItemEstimate);
	wbxml_start(&c.w, GetItemEstimate_Collections);
	for (int i = 0; i < 1001; i++)
		wbxml_empty(&c.w, GetItemEstimate_Collection);
	call_run(&c);
	assert_int_equal(wbxml_int(c.answer, GetItemEstimate_Status, 0, -1), 103);
	call_end(&c);
}

static void
an_estimate_waits_for_a_session(void **state)
{
	int status;

	(void)state;
	sync_from_start(folder, 0);
	other_puts("a.ics", 1, 2, 0);
	mem_fail(kit.mem, MEM_CHANGES, 1, MEM_BEFORE, ERR_BUSY);
	estimate(key, -1, &status);
	assert_int_equal(status, WAITS);
	assert_int_equal(estimate(key, -1, &status), 1);
	assert_int_equal(status, 1);
}

static void
an_estimate_is_none_where_the_options_are_wrong(void **state)
{
	int status;

	(void)state;
	sync_one(folder, -1, -1, -1);
	assert_int_equal(estimate(key, 9, &status), -1);
	assert_int_equal(status, 103); /* MS-ASCMD_R2984 */
	assert_int_equal(estimate_with(key, AirSync_MaxItems, 5, &status), -1);
	assert_int_equal(status, 2); /* MS-ASCMD_R3265 */
}

static void
put_options(struct wbxml_writer *w, const char *class, int filter)
{
	wbxml_start(w, AirSync_Options);
	wbxml_put(w, AirSync_Class, class);
	wbxml_put_int(w, AirSync_FilterType, filter);
	wbxml_end(w);
}

/* Those of text messages are left (R905); two for one class are Status 4 (R908); conversations are of mail (R2100). */
static void
an_estimate_chooses_its_options_as_a_sync_does(void **state)
{
	static const struct {
		const char *classes[2];
		bool conversations;
		int status, n;
	} rows[] = { { { "SMS", "Calendar" }, false, 1, 7 }, { { "Calendar", "Calendar" }, false, 4, -1 }, { { NULL }, true, 103, -1 } };
	static const unsigned path[] = { GetItemEstimate_Response, GetItemEstimate_Collection };
	int status;

	(void)state;
	sync_one(folder, -1, -1, -1);
	assert_int_equal(estimate(key, 0, &status), 0); /* of what comes after a folder was first listed, dates are known at once */
	put_many(7);
	other_puts("old.ics", 1, 2, 100);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct call c;
		char id[ID_MAX];

		call_begin(&c, &kit, PHONE, version, EAS_GETITEMESTIMATE);
		wbxml_start(&c.w, GetItemEstimate_GetItemEstimate);
		wbxml_start(&c.w, GetItemEstimate_Collections);
		wbxml_start(&c.w, GetItemEstimate_Collection);
		wbxml_put(&c.w, AirSync_SyncKey, key);
		wbxml_put(&c.w, GetItemEstimate_CollectionId, id_folder(folder, id));
		if (rows[i].conversations)
			wbxml_put_int(&c.w, AirSync_ConversationMode, 1);
		for (size_t k = 0; k < 2 && rows[i].classes[k]; k++)
			put_options(&c.w, rows[i].classes[k], k ? 4 : 0);
		call_run(&c);
		assert_int_equal(wbxml_int(wbxml_child(c.answer, GetItemEstimate_Response), GetItemEstimate_Status, -1, -2), rows[i].status);
		assert_int_equal(wbxml_int(wbxml_path(c.answer, path, 2), GetItemEstimate_Estimate, -1, -2), rows[i].n);
		call_end(&c);
	}
}

/* Its answer was lost, and the item went: the phone has never heard of it. */
static void
an_estimate_counts_no_delete_of_an_add_that_was_not_answered(void **state)
{
	AUTO(arena_free) struct arena *a = arena_new(0);
	struct mem_item made;
	int status;

	(void)state;
	sync_one(folder, -1, -1, -1);
	sync_one(folder, -1, -1, -1);
	ask_with_commands(folder, -1);
	ask_add("c1", 5, 6);
	run();
	assert_true(mem_at(kit.mem, a, WORLD_USER, FOLDER, 0, &made));
	mem_delete(kit.mem, WORLD_USER, FOLDER, made.key);
	assert_int_equal(estimate(key, -1, &status), 0);
	sync_one(folder, -1, -1, -1);
	assert_int_equal(told(folder, 0), 0);
}

static void
an_estimate_counts_what_a_sync_would_send(void **state)
{
	int status;

	(void)state;
	put_many(7);
	other_puts("old.ics", 1, 2, 100);
	sync_one(folder, -1, -1, -1);
	assert_int_equal(estimate(key, 0, &status), 8);
	assert_int_equal(status, 1);
	assert_int_equal(estimate(key, 4, &status), 8); /* of an item that nobody has fetched the date is not known */
	sync_one(folder, -1, 512, 0);
	sync_one(folder, -1, 512, 0);
	assert_int_equal(estimate(key, 4, &status), 1);
	assert_int_equal(estimate(key, -1, &status), 0);
	other_puts("item-001.ics", 99, 0, 0);
	assert_int_equal(estimate(key, -1, &status), 1);
	assert_int_equal(estimate("0123456789abcdef-1", -1, &status), -1);
	assert_int_equal(status, 4);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, open_folder, kit_close)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(key_0_gives_a_key_and_nothing_else),
		TEST(key_0_with_getchanges_is_status_4),
		TEST(key_0_with_commands_is_status_4),
		TEST(the_first_answer_is_never_empty),
		TEST(an_unknown_key_is_status_3),
		TEST(a_lost_answer_is_computed_again_under_a_new_key),
		TEST(siblings_go_when_a_key_comes_back),
		TEST(two_epochs_stay_valid),
		TEST(nothing_new_is_empty_and_writes_nothing),
		TEST(nothing_new_beside_something_new_is_left_quiet),
		TEST(a_window_ends_the_page_with_moreavailable_and_a_new_key),
		TEST(an_absent_window_is_100),
		TEST(a_window_of_0_or_beyond_512_is_512),
		TEST(the_global_window_leaves_one_for_each_later_collection),
		TEST(the_first_collection_gets_what_the_later_ones_may_not_need),
		TEST(a_collection_that_the_global_window_leaves_nothing_keeps_its_key),
		TEST(nothing_is_set_aside_on_a_bad_line),
		TEST(the_window_halves_per_repeat_and_then_the_item_is_set_aside),
		TEST(a_clock_that_was_ahead_neither_blames_nor_hides_an_item),
		TEST(what_was_set_aside_comes_when_it_changes),
		TEST(what_cannot_be_sent_is_listed_until_it_was_delivered),
		TEST(what_is_not_for_phones_is_not_listed),
		TEST(what_is_gone_or_has_changed_is_not_listed),
		TEST(what_a_device_fails_at_is_listed_with_the_device),
		TEST(what_came_alone_at_a_wider_window_is_not_set_aside),
		TEST(getchanges_0_tells_nothing),
		TEST(a_fetch_alone_keeps_the_key),
		TEST(options_are_kept_until_others_come),
		TEST(a_filter_narrows_with_softdelete_and_widens_with_add),
		TEST(a_filter_that_the_class_has_not_is_none),
		TEST(incomplete_tasks_of_a_mail_folder_are_status_4),
		TEST(an_unknown_folder_is_status_12),
		TEST(a_phone_that_loops_on_12_gets_3),
		TEST(a_phone_that_loops_on_12_of_two_folders_gets_3),
		TEST(another_users_folder_is_unknown),
		TEST(the_outbox_has_a_key_and_is_empty),
		TEST(the_outbox_refuses_an_add),
		TEST(options_of_text_messages_are_left_wherever_they_stand),
		TEST(options_for_other_pairs_of_classes_are_status_4),
		TEST(a_body_part_that_is_not_html_is_status_164),
		TEST(conversations_of_what_is_no_mail_are_status_4),
		TEST(a_backend_that_is_down_is_status_16_with_the_old_key),
		TEST(a_fetch_that_fails_ends_the_page_before_the_item),
		TEST(no_free_session_is_busy_and_costs_nothing),
		TEST(an_empty_request_without_a_stored_one_is_13),
		TEST(an_empty_request_repeats_the_stored_one),
		TEST(an_empty_request_after_an_answer_with_a_new_key_is_13),
		TEST(an_empty_request_runs_no_commands),
		TEST(an_empty_request_repeats_a_collection_that_failed_for_a_moment),
		TEST(an_empty_request_after_a_collection_that_failed_for_good_is_13),
		TEST(a_partial_request_takes_the_other_collections_from_the_stored_one),
		TEST(a_partial_request_without_a_stored_one_is_13),
		TEST(a_collection_without_a_key_is_status_4),
		TEST(a_command_without_its_id_is_status_4),
		TEST(elements_come_in_order),
		TEST(class_is_named_up_to_12_1),
		TEST(too_many_collections_are_refused),
		TEST(an_estimate_waits_for_a_session),
		TEST(an_estimate_is_none_where_the_options_are_wrong),
		TEST(an_estimate_chooses_its_options_as_a_sync_does),
		TEST(an_estimate_counts_no_delete_of_an_add_that_was_not_answered),
		TEST(an_estimate_counts_what_a_sync_would_send),
	};

	if (log_open("stderr", LEVEL_ERROR))
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
