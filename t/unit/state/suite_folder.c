#include "store.h"

static void
folders_are_numbered_by_hierarchy(void **unused)
{
	struct state_folder *list, f;
	size_t n;
	int64_t seq;

	(void)unused;
	begin(STATE_WRITE);
	int64_t user = make_user("alice"), other = make_user("bob");
	ok(state_folders(T, arena, user, 0, &list, &n, &seq));
	assert_int_equal(n, 0);
	assert_int_equal(seq, 0);
	int64_t a = make_folder(user, "imap:A"), b = make_folder(user, "imap:a");
	make_folder(other, "imap:A");
	ok(state_folders(T, arena, user, 0, &list, &n, &seq));
	assert_int_equal(n, 2);
	assert_int_equal(seq, 2);
	assert_int_equal(list[0].id, a);
	assert_int_equal(list[0].created_seq, 1);
	assert_int_equal(list[1].hierarchy_seq, 2);

	ok(state_folder(T, arena, user, a, &f));
	f.name = "new name \xf0\x9f\x98\x80";
	f.parent = "imap:a";
	f.readonly = true;
	f.type = 5;
	f.class = 3;
	f.key = "imap:B";
	ok(state_folder_save(T, &f));
	assert_int_equal(f.hierarchy_seq, 3);
	ok(state_folder(T, arena, user, a, &f));
	assert_string_equal(f.name, "new name \xf0\x9f\x98\x80");
	assert_string_equal(f.parent, "imap:a");
	assert_string_equal(f.key, "imap:B");
	assert_true(f.readonly);
	assert_int_equal(f.type, 5);
	assert_int_equal(f.class, 3);
	assert_int_equal(f.created_seq, 1);
	ok(state_folders(T, arena, user, 2, &list, &n, &seq));
	assert_int_equal(n, 1);
	assert_int_equal(list[0].id, a);
	assert_int_equal(seq, 3);

	fails(ERR_NOTFOUND, state_folder(T, arena, other, a, &f));
	ok(state_folder_by_key(T, arena, "alice", "imap:B", &f));
	assert_int_equal(f.id, a);
	fails(ERR_NOTFOUND, state_folder_by_key(T, arena, "alice", "imap:b", &f));
	fails(ERR_NOTFOUND, state_folder_by_key(T, arena, "bob", "imap:B", &f));
	fails(ERR_NOTFOUND, state_folder_by_key(T, arena, "carol", "imap:B", &f));
	fails(ERR_NOTFOUND, state_folder(T, arena, user, b + 1000, &f));
	fails(ERR_NOTFOUND, state_folders(T, arena, user + 1000, 0, &list, &n, &seq));
	struct state_folder same = { .user = user, .key = "imap:a", .parent = "", .name = "x", .cursor = "" };
	fails(ERR_EXISTS, state_folder_save(T, &same));
	/* Somebody else's is not written. */
	struct state_folder foreign = { .id = a, .user = other, .key = "imap:Z", .parent = "", .name = "x" };
	fails(ERR_NOTFOUND, state_folder_save(T, &foreign));
	undo();
}

static void
a_deleted_folder_is_emptied_and_may_come_again(void **unused)
{
	struct state_folder f, *list;
	const int64_t holes[] = { 1 };
	const char *cursor;
	int64_t seq;
	size_t n;

	(void)unused;
	begin(STATE_WRITE);
	int64_t user = make_user("alice"), id = make_folder(user, "imap:A"), kept = make_folder(user, "imap:B");
	make_item(id, "1", 1, 0);
	make_item(kept, "1", 1, 0);
	ok(state_folder_advance(T, id, 1, "cursor"));
	ok(state_trouble_save(T, id, 0, "1", "", "x"));
	struct state_answer w = { .n = 1, .pos = { .holes = holes, .n_holes = 1 } };
	struct state_collection c = { .device = make_device(user, "d"), .folder = id, .epoch = 1, .n = 1, .options = "",
		.supported = "", .answers = &w, .n_answers = 1 };
	ok(state_collection_begin(T, &c));
	ok(state_folder(T, arena, user, id, &f));
	assert_string_equal(f.cursor, "cursor");
	assert_int_equal(f.seq, 1);
	f.deleted = true;
	ok(state_folder_save(T, &f));
	fails(ERR_NOTFOUND, state_folder(T, arena, user, id, &f));
	fails(ERR_NOTFOUND, state_folder_by_key(T, arena, "alice", "imap:A", &f));
	fails(ERR_NOTFOUND, state_folder_lock(T, arena, id, &seq, &cursor));
	ok(state_folders(T, arena, user, 2, &list, &n, &seq));
	assert_int_equal(n, 1);
	assert_true(list[0].deleted);
	assert_string_equal(list[0].cursor, "");
	assert_int_not_equal(make_folder(user, "imap:A"), id);
	end();
	assert_int_equal(ask("select count(*) from item"), 1);
	assert_int_equal(ask("select count(*) from collection"), 0);
	assert_int_equal(ask("select count(*) from mark"), 0);
	assert_int_equal(ask("select count(*) from trouble"), 0);
}

static void
make_collection(int64_t device, int64_t folder, int64_t epoch)
{
	struct state_answer first = { .n = 1 };
	struct state_collection c = { .device = device, .folder = folder, .epoch = epoch, .n = 1, .options = "", .supported = "",
		.answers = &first, .n_answers = 1 };

	ok(state_collection_begin(T, &c));
}

static void
a_folder_is_locked_advanced_and_reset(void **unused)
{
	const char *cursor;
	int64_t seq;
	char *big = arena_alloc(arena, 200001);

	(void)unused;
	memset(big, 'c', 200000);
	begin(STATE_WRITE);
	int64_t user = make_user("alice"), id = make_folder(user, "imap:A");
	ok(state_folder_lock(T, arena, id, &seq, &cursor));
	assert_int_equal(seq, 0);
	assert_string_equal(cursor, "");
	ok(state_folder_advance(T, id, 5, big));
	ok(state_folder_advance(T, id, 7, NULL));
	ok(state_folder_lock(T, arena, id, &seq, &cursor));
	assert_int_equal(seq, 7);
	assert_string_equal(cursor, big);
	make_item(id, "x", 7, 0);
	int64_t device = make_device(user, "DEVICE");
	make_collection(device, id, 77);
	ok(state_folder_reset(T, id));
	struct state_collection *list;
	size_t n;
	ok(state_collections(T, arena, device, id, &list, &n));
	assert_int_equal(n, 1);
	assert_int_equal(list[0].epoch, 0);
	assert_int_equal(list[0].n_answers, 0);
	make_collection(device, id, 78);
	ok(state_collections(T, arena, device, id, &list, &n));
	assert_int_equal(n, 1);
	assert_int_equal(list[0].epoch, 78);
	ok(state_folder_lock(T, arena, id, &seq, &cursor));
	assert_int_equal(seq, 7);
	assert_string_equal(cursor, "");
	end();
	assert_int_equal(ask("select count(*) from item"), 0);
}

const struct CMUnitTest folder_tests[] = {
	STORE_TEST(folders_are_numbered_by_hierarchy),
	STORE_TEST(a_deleted_folder_is_emptied_and_may_come_again),
	STORE_TEST(a_folder_is_locked_advanced_and_reset),
};
SUITE_END(folder);
