#include <stdio.h>
#include <stdlib.h>

#include "store.h"

static const struct state_item *
find(const struct state_items *items, int64_t id)
{
	for (size_t i = 0; i < items->n; i++) {
		if (items->list[i].id == id)
			return &items->list[i];
	}
	return NULL;
}

/* The ids in order, as text: "3 1 2". */
static const char *
ids(const struct state_items *items)
{
	const char *text = "";

	for (size_t i = 0; i < items->n; i++)
		text = arena_printf(arena, "%s%s%lld", text, i ? " " : "", (long long)items->list[i].id);
	return text;
}

#define assert_ids(items, ...) \
	do { \
		const int64_t wanted_[] = { __VA_ARGS__ }; \
		struct state_item rows_[ARRAY_LEN(wanted_)]; \
		for (size_t i_ = 0; i_ < ARRAY_LEN(wanted_); i_++) \
			rows_[i_].id = wanted_[i_]; \
		assert_string_equal(ids(items), ids(&(struct state_items){ rows_, ARRAY_LEN(rows_) })); \
	} while (0)

static void
same_item(const struct state_item *a, const struct state_item *b)
{
	assert_string_equal(a->key, b->key);
	assert_string_equal(a->version, b->version);
	assert_true(a->id == b->id && a->folder == b->folder && a->date == b->date);
	assert_true(a->created_seq == b->created_seq && a->created_by == b->created_by);
	assert_true(a->seq == b->seq && a->changed_by == b->changed_by);
	assert_true(a->moved_to == b->moved_to && a->moved_at == b->moved_at);
	assert_true(a->outside == b->outside && a->deleted == b->deleted);
}

static void
all_columns_are_kept(void **unused)
{
	struct state_item it[2];
	struct state_items found;

	(void)unused;
	begin(STATE_WRITE);
	int64_t f = make_folder(make_user("alice"), "imap:INBOX");
	it[0] = (struct state_item){ .folder = f, .key = "a\xff.ics", .version = "\"etag\"", .date = INT64_MAX,
		.created_seq = 1, .created_by = INT64_MIN, .seq = 2, .changed_by = INT64_MAX, .moved_to = 7,
		.moved_at = 1764150000, .outside = true };
	it[1] = (struct state_item){ .folder = f, .key = "", .version = "", .date = INT64_MIN, .created_seq = 3,
		.created_by = -1, .seq = 3, .deleted = true };
	ok(state_items_save(T, it, 2));
	assert_true(it[0].id && it[1].id && it[0].id != it[1].id);
	const int64_t both[] = { it[0].id, it[1].id, it[1].id + 1 };
	ok(state_items_by_id(T, arena, f, both, 3, &found));
	assert_int_equal(found.n, 2);
	for (int i = 0; i < 2; i++)
		same_item(find(&found, it[i].id), &it[i]);
	/* Now all of them otherwise. */
	struct state_item other = { .id = it[0].id, .folder = f, .key = "new", .version = "2", .date = 5,
		.created_seq = 10, .created_by = 11, .seq = 12, .changed_by = 13, .moved_to = 14, .moved_at = 15,
		.deleted = true };
	ok(state_items_save(T, &other, 1));
	ok(state_items_by_id(T, arena, f, both, 1, &found));
	same_item(&found.list[0], &other);
	/* Of this folder only. */
	ok(state_items_by_id(T, arena, f + 1, both, 2, &found));
	assert_int_equal(found.n, 0);
	/* What is gone is not written. */
	other.id += 1000;
	fails(ERR_NOTFOUND, state_items_save(T, &other, 1));
	end();
}

static void
a_live_key_is_unique(void **unused)
{
	struct state_items found;
	const char *const keys[] = { "a.ics", "A.ics", "b.ics", "not there" };

	(void)unused;
	begin(STATE_WRITE);
	int64_t user = make_user("alice"), f = make_folder(user, "x"), g = make_folder(user, "y");
	int64_t a = make_item(f, "a.ics", 1, 0), upper = make_item(f, "A.ics", 2, 0);
	make_item(g, "a.ics", 1, 0);
	struct state_item again = new_item(f, "a.ics", 3, 0);
	fails(ERR_EXISTS, state_items_save(T, &again, 1));
	assert_int_equal(again.id, 0);
	ok(state_items_by_key(T, arena, f, keys, 4, &found));
	assert_int_equal(found.n, 2);
	assert_string_equal(find(&found, a)->key, "a.ics");
	assert_string_equal(find(&found, upper)->key, "A.ics");

	/* In one call: one goes, and its key comes again. */
	struct state_item both[2] = { new_item(f, "a.ics", 5, 0), *find(&found, a) };
	both[1].deleted = true;
	both[1].seq = 4;
	ok(state_items_save(T, both, 2));
	ok(state_items_by_key(T, arena, f, keys, 1, &found));
	assert_int_equal(found.n, 1);
	assert_int_equal(found.list[0].id, both[0].id);
	/* A second tombstone with the same key. */
	both[0].deleted = true;
	ok(state_items_save(T, both, 1));
	ok(state_items_by_key(T, arena, f, keys, 1, &found));
	assert_int_equal(found.n, 0);
	/* A key that another row has. */
	struct state_item renamed = new_item(f, "A.ics", 6, 0);
	renamed.id = a;
	fails(ERR_EXISTS, state_items_save(T, &renamed, 1));
	end();
}

static void
keys_may_be_long(void **unused)
{
	struct state_items found;
	char one[1025], two[1025], *huge = arena_alloc(arena, 60001);

	(void)unused;
	memset(one, 'k', 1024);
	memset(two, 'k', 1024);
	one[1024] = two[1024] = 0;
	two[1023] = 'K';
	memset(huge, 'h', 60000);
	begin(STATE_WRITE);
	int64_t f = make_folder(make_user("alice"), one);
	int64_t a = make_item(f, one, 1, 0), b = make_item(f, two, 2, 0), c = make_item(f, huge, 3, 0);
	const char *const keys[] = { one, two, huge };
	ok(state_items_by_key(T, arena, f, keys, 3, &found));
	assert_int_equal(found.n, 3);
	assert_string_equal(find(&found, a)->key, one);
	assert_string_equal(find(&found, b)->key, two);
	assert_string_equal(find(&found, c)->key, huge);
	struct state_folder folder;
	struct state_folder *list;
	size_t n;
	int64_t seq;
	ok(state_folders(T, arena, make_user("alice"), 0, &list, &n, &seq));
	folder = list[0];
	assert_string_equal(folder.key, one);
	end();
}

#define MANY 3333

static void
many_are_few_statements(void **unused)
{
	struct state_item *items = arena_array(arena, MANY, sizeof *items);
	const char **keys = arena_array(arena, MANY, sizeof *keys);
	int64_t *list = arena_array(arena, MANY, sizeof *list);
	struct state_items found;
	struct store_stats before, after;

	(void)unused;
	begin(STATE_WRITE);
	int64_t f = make_folder(make_user("alice"), "x"), first;
	for (int i = 0; i < MANY; i++) {
		keys[i] = arena_printf(arena, "key-%d", i);
		items[i] = new_item(f, keys[i], i + 1, i);
	}
	before = store_stats();
	ok(state_items_save(T, items, MANY));
	after = store_stats();
	assert_true(after.statements - before.statements <= MANY / 128 + 12);
	assert_int_equal(after.rows_written - before.rows_written, MANY);
	first = items[0].id;
	ok(state_items_live(T, arena, f, &found));
	assert_int_equal(found.n, MANY);
	for (int i = 0; i < MANY; i++) {
		/* Each row has got its own id. */
		const struct state_item *it = &found.list[i];
		long k = strtol(it->key + 4, NULL, 10);

		assert_int_equal(items[k].id, it->id);
		assert_int_equal(items[k].seq, it->seq);
		list[i] = it->id;
	}
	ok(state_items_by_key(T, arena, f, keys, MANY, &found));
	assert_int_equal(found.n, MANY);
	ok(state_items_by_id(T, arena, f, list, MANY, &found));
	assert_int_equal(found.n, MANY);

	for (int i = 0; i < MANY; i++) {
		items[i].seq += MANY;
		items[i].version = arena_printf(arena, "v%d", i);
		items[i].deleted = i % 3 == 0;
	}
	before = store_stats();
	ok(state_items_save(T, items, MANY));
	after = store_stats();
	assert_true(after.statements - before.statements <= MANY / 32 + 12);
	ok(state_items_by_id(T, arena, f, list, MANY, &found));
	for (int i = 0; i < MANY; i++) {
		const struct state_item *it = find(&found, items[i].id);

		assert_string_equal(it->version, items[i].version);
		assert_string_equal(it->key, keys[i]);
		assert_int_equal(it->seq, items[i].seq);
		assert_int_equal(it->deleted, items[i].deleted);
	}
	ok(state_items_live(T, arena, f, &found));
	assert_int_equal(found.n, MANY - (MANY + 2) / 3);
	ok(state_items_by_key(T, arena, f, keys, 0, &found));
	assert_int_equal(found.n, 0);
	ok(state_items_save(T, NULL, 0));
	end();
	assert_true(first > 0);
}

static void
the_steps_see_what_they_should(void **unused)
{
	struct state_items found;
	struct state_item it[6];

	(void)unused;
	begin(STATE_WRITE);
	int64_t user = make_user("alice"), f = make_folder(user, "x"), g = make_folder(user, "y");
	make_item(g, "other", 3, 30);
	for (int i = 0; i < 6; i++)
		it[i] = new_item(f, arena_printf(arena, "%d", i), i + 1, 10 * (i / 2)); /* dates 0 0 10 10 20 20 */
	ok(state_items_save(T, it, 6));
	int64_t id[6];
	for (int i = 0; i < 6; i++)
		id[i] = it[i].id;

	/* Changed: tombstones, too, by seq, not more than the limit. */
	it[0].seq = 7;
	it[1].seq = 8;
	it[1].deleted = true;
	ok(state_items_save(T, it, 2));
	ok(state_items_changed(T, arena, f, 4, 10, &found));
	assert_ids(&found, id[4], id[5], id[0], id[1]);
	ok(state_items_changed(T, arena, f, 5, 2, &found));
	assert_ids(&found, id[5], id[0]);
	ok(state_items_changed(T, arena, f, 8, 2, &found));
	assert_int_equal(found.n, 0);

	/* Created: live, not mine, inside. */
	it[3].created_by = -77;
	ok(state_items_save(T, &it[3], 1));
	ok(state_items_created(T, arena, f, 0, 5, INT64_MIN, 0, 10, &found));
	assert_ids(&found, id[0], id[2], id[3], id[4], id[5]);
	ok(state_items_created(T, arena, f, 0, -77, INT64_MIN, 0, 2, &found));
	assert_ids(&found, id[0], id[2]);
	ok(state_items_created(T, arena, f, 3, -77, 10, id[3], 10, &found));
	assert_ids(&found, id[4], id[5]);
	ok(state_items_created(T, arena, f, 0, 5, 10, id[3], 10, &found));
	assert_ids(&found, id[3], id[4], id[5]);
	ok(state_items_created(T, arena, f, 0, 5, 20, id[5] + 1, 10, &found));
	assert_int_equal(found.n, 0);

	/* Between: by (date, id), tombstones too; the upper edge is not inside. */
	ok(state_items_between(T, arena, f, INT64_MIN, 0, INT64_MAX, INT64_MAX, 10, &found));
	assert_ids(&found, id[0], id[1], id[2], id[3], id[4], id[5]);
	ok(state_items_between(T, arena, f, 0, id[1], 20, id[5], 10, &found));
	assert_ids(&found, id[1], id[2], id[3], id[4]);
	ok(state_items_between(T, arena, f, 0, id[1], 20, id[5], 2, &found));
	assert_ids(&found, id[1], id[2]);
	ok(state_items_between(T, arena, f, 10, 0, 10, INT64_MAX, 10, &found));
	assert_ids(&found, id[2], id[3]);

	/* Older: newest first, live, created up to, not (mine and outside). */
	it[2].created_by = -77;
	it[2].outside = true;
	ok(state_items_save(T, &it[2], 1));
	ok(state_items_older(T, arena, f, 6, -77, INT64_MIN, 0, 20, id[5], 10, &found));
	assert_ids(&found, id[4], id[3], id[0]);
	ok(state_items_older(T, arena, f, 6, 0, INT64_MIN, 0, 20, id[5], 3, &found));
	assert_ids(&found, id[4], id[3], id[2]);
	ok(state_items_older(T, arena, f, 4, 0, INT64_MIN, 0, INT64_MAX, 0, 10, &found));
	assert_ids(&found, id[3], id[2], id[0]);

	const int64_t two[] = { id[2], id[3] };
	ok(state_items_disown(T, f, two, 1));
	ok(state_items_by_id(T, arena, f, two, 2, &found));
	assert_int_equal(find(&found, id[2])->created_by, 0);
	assert_int_equal(find(&found, id[3])->created_by, -77);
	ok(state_items_disown(T, g, two, 2));
	ok(state_items_by_id(T, arena, f, two, 2, &found));
	assert_int_equal(find(&found, id[3])->created_by, -77);
	ok(state_items_disown(T, f, NULL, 0));

	ok(state_items_inherit(T, g, -77, -78));
	ok(state_items_inherit(T, f, -5, -78));
	ok(state_items_by_id(T, arena, f, two, 2, &found));
	assert_int_equal(find(&found, id[3])->created_by, -77);
	ok(state_items_inherit(T, f, -77, -78));
	ok(state_items_by_id(T, arena, f, two, 2, &found));
	assert_int_equal(find(&found, id[2])->created_by, 0);
	assert_int_equal(find(&found, id[3])->created_by, -78);
	end();
}

/* ---- indexes ---- */

#define STATEMENTS 16
#define VALUES 200

static struct statement {
	char *sql;
	struct db_value v[VALUES];
	unsigned char bytes[VALUES][DB_HASH];
	size_t n;
} statements[STATEMENTS];
static size_t n_statements;

static void
remember(void *arg, const char *sql, const struct db_value *v, size_t n)
{
	struct statement *s = &statements[n_statements++];

	(void)arg;
	s->sql = arena_printf(arena, "explain %s%s", on_mariadb ? "" : "query plan ", sql);
	s->n = n;
	for (size_t i = 0; i < n; i++) {
		s->v[i] = v[i];
		if (v[i].type == DB_BYTES) {
			memcpy(s->bytes[i], v[i].p, v[i].n);
			s->v[i].p = s->bytes[i];
		}
	}
}

static bool
uses(const char *plan, const char *index)
{
	if (on_mariadb)
		return strcmp(plan, index) == 0;
	if (strcmp(index, "PRIMARY") == 0)
		return strstr(plan, "USING INTEGER PRIMARY KEY") || strstr(plan, "USING PRIMARY KEY");
	const char *at = strstr(plan, "INDEX ");
	return at && strncmp(at + 6, index, strlen(index)) == 0 && at[6 + strlen(index)] == ' ';
}

/* Any index of the folder will do where all that it has is read; which one depends on the server's version. */
static bool
uses_any(const char *plan)
{
	return uses(plan, "item_key") || uses(plan, "item_seq") || uses(plan, "item_date");
}

/* The plan's first table is reached by this index (NULL: any of the folder), and no rows are sorted. */
static void
explain(const struct statement *s, const char *index)
{
	struct db_rows r;
	bool good = false;

	db_query(T, &r, s->sql, s->v, s->n);
	for (bool first = true; db_next(&r); first = false) {
		const char *plan = db_text(&r, on_mariadb ? 5 : 3, arena);
		const char *extra = on_mariadb ? db_text(&r, 9, arena) : plan;

		if (first)
			good = index ? uses(plan, index) : uses_any(plan);
		if (strstr(extra, "filesort") || strstr(extra, "TEMP B-TREE"))
			good = false;
		if (!good)
			print_error("%s: %s; %s instead of %s\n", s->sql, plan, extra, index ? index : "one of the folder");
	}
	ok(db_end(&r));
	assert_true(good);
}

static void
queries_use_an_index(void **unused)
{
	struct state_item *items = arena_array(arena, 20000, sizeof *items);
	int64_t f[20], user, seq, device;
	struct state_items found;
	struct state_collection *list;
	struct state_folder folder;
	struct state_device d;
	const char *cursor;
	size_t n;

	(void)unused;
	begin(STATE_WRITE);
	user = make_user("alice");
	device = make_device(user, "phone");
	for (int i = 0; i < 20; i++)
		f[i] = make_folder(user, arena_printf(arena, "imap:%d", i));
	for (int i = 0; i < 20000; i++) {
		items[i] = new_item(f[i % 20], arena_printf(arena, "%d", i), i + 1, i * 100);
		items[i].deleted = i % 100 == 0;
	}
	ok(state_items_save(T, items, 20000));
	end();
	admin(on_mariadb ? "analyze table item" : "analyze");
	for (int forgotten = 0; forgotten < 2; forgotten++) {
		int64_t ids[] = { items[3].id, items[23].id, items[43].id };
		const char *const keys[] = { "3", "23", "43" };

		begin(STATE_READ);
		n_statements = 0;
		store->trace = remember;
		ok(state_items_changed(T, arena, f[3], 19000, 100, &found));
		ok(state_items_created(T, arena, f[3], 19000, 5, 1000000, 0, 100, &found));
		ok(state_items_created(T, arena, f[3], 0, 5, 1900000, 0, 100, &found));
		ok(state_items_between(T, arena, f[3], 100000, 0, 200000, 0, 100, &found));
		ok(state_items_older(T, arena, f[3], 1000, 5, 100000, 0, 900000, 0, 100, &found));
		ok(state_items_by_key(T, arena, f[3], keys, 3, &found));
		ok(state_items_by_id(T, arena, f[3], ids, 3, &found));
		ok(state_items_live(T, arena, f[3], &found));
		ok(state_collections(T, arena, device, f[3], &list, &n));
		ok(state_folder(T, arena, user, f[3], &folder));
		ok(state_device_find(T, arena, "alice", "phone", &d));
		store->trace = NULL;
		end();
		begin(STATE_WRITE);
		store->trace = remember;
		ok(state_folder_lock(T, arena, f[3], &seq, &cursor));
		store->trace = NULL;
		assert_int_equal(n_statements, 12);
		explain(&statements[0], "item_seq");
		explain(&statements[1], "item_created");
		explain(&statements[2], "item_created");
		explain(&statements[3], "item_date");
		explain(&statements[4], "item_date");
		explain(&statements[5], "item_key");
		explain(&statements[6], "PRIMARY");
		/* All of the folder is wanted: any index that begins with it will do. */
		explain(&statements[7], NULL);
		if (!on_mariadb && forgotten) {
			/* Where a planner knows that there are few rows, its choice says nothing. */
			explain(&statements[8], "collection_device");
			explain(&statements[9], "PRIMARY");
			explain(&statements[10], "user_name");
			explain(&statements[11], "PRIMARY");
		}
		end();
		/* SQLite: without what ANALYZE has found, too, for nobody runs it. */
		if (!on_mariadb && !forgotten)
			admin("delete from sqlite_stat1");
		state_thread_end(store);
	}
}

const struct CMUnitTest item_tests[] = {
	STORE_TEST(all_columns_are_kept),
	STORE_TEST(a_live_key_is_unique),
	STORE_TEST(keys_may_be_long),
	STORE_TEST(many_are_few_statements),
	STORE_TEST(the_steps_see_what_they_should),
	STORE_TEST(queries_use_an_index),
};
SUITE_END(item);
