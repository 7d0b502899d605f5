#include <time.h>

#include "store.h"

#define DAY 86400
#define UNSEEN (60 * DAY)

static void
sweep(int64_t now)
{
	bool more = true;

	for (int i = 0; more; i++) {
		ok(state_housekeep(store, now, UNSEEN, &more, &error));
		assert_true(i < 200);
	}
}

static void
tombstones_go_when_all_have_passed_them(void **unused)
{
	int64_t now = time(NULL);
	const int64_t *again;

	(void)unused;
	begin(STATE_WRITE);
	int64_t user = make_user("alice"), f = make_folder(user, "imap:INBOX"), other = make_folder(user, "imap:Sent");
	struct state_item it[6];
	for (int i = 0; i < 6; i++) {
		it[i] = new_item(f, "x", i + 1, 0);
		it[i].deleted = i < 5;
	}
	/* 1 passed; 2 to be told again; 3 moved a day ago; 4 moved long ago; 5 not passed; 6 alive */
	it[2].moved_to = it[3].moved_to = 99;
	it[2].moved_at = now - DAY;
	it[3].moved_at = now - 8 * DAY;
	ok(state_items_save(T, it, 6));
	struct state_item alone = new_item(other, "y", 1, 0);
	alone.deleted = true;
	ok(state_items_save(T, &alone, 1));
	again = &it[1].id;
	struct state_answer w[2] =
		{ { .n = 1, .pos = { .c = 4, .again = again, .n_again = 1, .holes = &it[0].id, .n_holes = 1 } },
		{ .n = 2, .pos = { .c = 6 } } };
	struct state_collection c = { .device = make_device(user, "phone"), .folder = f, .epoch = 5, .n = 2, .base = 1,
		.options = "", .supported = "", .answers = w, .n_answers = 2 };
	ok(state_collection_begin(T, &c));
	end();

	sweep(now);
	/* 2, 3, 5 and the live one; nobody needs the other folder's. */
	assert_int_equal(ask("select count(*) from item"), 4);
	assert_int_equal(ask("select count(*) from item where seq in (2, 3, 5, 6)"), 4);
	/* The hole went with its row. */
	assert_int_equal(ask("select count(*) from mark where kind = 1"), 0);
	sweep(now + 8 * DAY);
	assert_int_equal(ask("select count(*) from item where seq in (2, 5, 6)"), 3);
	assert_int_equal(ask("select count(*) from item"), 3);

	/* The answer's key has come back. */
	begin(STATE_WRITE);
	struct state_collection next = c;
	next.base = 2;
	next.answers = w + 1;
	next.n_answers = 1;
	ok(state_collection_save(T, &c, &next));
	end();
	sweep(now);
	assert_int_equal(ask("select count(*) from item"), 1);
	assert_int_equal(ask("select count(*) from item where deleted = 0"), 1);
}

static void
a_pass_is_bounded(void **unused)
{
	struct state_item *items = arena_array(arena, 1300, sizeof *items);
	bool more;

	(void)unused;
	begin(STATE_WRITE);
	int64_t user = make_user("alice"), f[250];
	for (int i = 0; i < 250; i++)
		f[i] = make_folder(user, arena_printf(arena, "imap:%d", i));
	for (int i = 0; i < 1300; i++) {
		items[i] = new_item(i < 1200 ? f[20] : f[i - 1060], arena_printf(arena, "%d", i), i + 1, 0);
	}
	ok(state_items_save(T, items, 1300));
	for (int i = 0; i < 1300; i++)
		items[i].deleted = true;
	ok(state_items_save(T, items, 1300));
	end();
	ok(state_housekeep(store, 0, UNSEEN, &more, &error));
	assert_true(more);
	assert_int_equal(ask("select count(*) from item"), 800);
	ok(state_housekeep(store, 0, UNSEEN, &more, &error));
	assert_int_equal(ask("select count(*) from item"), 300);
	ok(state_housekeep(store, 0, UNSEEN, &more, &error));
	assert_int_equal(ask("select count(*) from item"), 100);
	assert_true(more);
	sweep(0);
	assert_int_equal(ask("select count(*) from item"), 0);
}

static void
who_is_unseen_loses_its_collections(void **unused)
{
	int64_t now = time(NULL) + 1000 * DAY;
	struct state_device d;

	(void)unused;
	begin(STATE_WRITE);
	int64_t user = make_user("alice"), f = make_folder(user, "imap:INBOX");
	for (int i = 0; i < 45; i++) {
		struct state_answer w = { .n = 1, .pos = { .holes = (const int64_t[]){ 3 }, .n_holes = 1 } };
		struct state_collection c = { .folder = f, .epoch = i + 1, .n = 1, .options = "", .supported = "",
			.answers = &w, .n_answers = 1 };

		ok(state_device(T, arena, user, arena_printf(arena, "d%d", i), true, 0, &d));
		d.last_seen = i < 43 ? now - 61 * DAY : now - 59 * DAY;
		ok(state_device_seen(T, &d));
		c.device = d.id;
		ok(state_collection_begin(T, &c));
	}
	for (int i = 0; i < 3; i++) {
		struct state_intent in = { .device = d.id, .kind = "send", .hash = "x", .step = INTENT_DONE,
			.created = now - (6 + i) * DAY };

		ok(state_intent_save(T, &in));
	}
	end();
	sweep(now);
	assert_int_equal(ask("select count(*) from collection"), 2);
	assert_int_equal(ask("select count(*) from mark"), 2);
	assert_int_equal(ask("select count(*) from device"), 45);
	assert_int_equal(ask("select count(*) from intent"), 2);
	/* The admin is less patient. */
	bool more;
	ok(state_housekeep(store, now, 58 * DAY, &more, &error));
	assert_int_equal(ask("select count(*) from collection"), 0);
}

static void
deleted_folders_keep_no_collections(void **unused)
{
	struct state_folder f;

	(void)unused;
	begin(STATE_WRITE);
	int64_t user = make_user("alice"), id = make_folder(user, "imap:INBOX"), kept = make_folder(user, "imap:Sent");
	ok(state_folder(T, arena, user, id, &f));
	f.deleted = true;
	ok(state_folder_save(T, &f));
	/* A Sync that ran meanwhile. */
	for (int i = 0; i < 2; i++) {
		struct state_collection c = { .device = make_device(user, "phone"), .folder = i ? kept : id, .epoch = 5,
			.n = 2, .options = "", .supported = "" };

		ok(state_collection_begin(T, &c));
	}
	end();
	sweep(0);
	assert_int_equal(ask("select count(*) from collection"), 1);
}

const struct CMUnitTest housekeep_tests[] = {
	STORE_TEST(tombstones_go_when_all_have_passed_them),
	STORE_TEST(a_pass_is_bounded),
	STORE_TEST(who_is_unseen_loses_its_collections),
	STORE_TEST(deleted_folders_keep_no_collections),
};
SUITE_END(housekeep);
