/* Whatever the other suites have asked either store, with rows enough that an index matters: no statement reads a table from end to end.
 *
 * Statements are taken as the driver prepares them (store.c remembers each text with the values that came first), so that none
 * can be forgotten here: what no suite asks, no test covers. */
#include <stdlib.h>

#include "store.h"

#define TEXTS 256
#define USERS 60
#define FOLDERS 4 /* of each user */
#define ITEMS 50  /* of each folder */

struct text {
	char *sql;
	struct db_value *v;
	size_t n;
};

static struct text texts[TEXTS];
static size_t n_texts;

/* Who may read a whole table, and why. */
static const struct {
	const char *begins, *holds;
} allowed[] = {
	/* once, when a store is opened */
	{ "select count(*) from information_schema.", "" },
	{ "select count(*) from sqlite_master", "" },
	{ "select max(version) from schema_version", "" },
	/* cpush-admin: all there are */
	{ "select", "order by u.name, d.device_id" },
	{ "select t.folder, u.name", "order by u.name, t.folder, t.at" },
	/* cpush-admin removes a device; what was set aside is little */
	{ "delete from trouble where device = ?", "" },
	/* housekeeping: all devices, and all that was set aside, now and then */
	{ "select d.id from device d where d.last_seen < ?", "" },
	{ "select t.folder, t.hash from trouble t where not exists", "" },
};

static void *
copy(const void *p, size_t n)
{
	void *to = malloc(n + 1);

	assert_non_null(to);
	if (n)
		memcpy(to, p, n);
	return to;
}

void
index_remember(void *arg, const char *sql, const struct db_value *v, size_t n)
{
	(void)arg;
	for (size_t i = 0; i < n_texts; i++) {
		if (strcmp(texts[i].sql, sql) == 0)
			return;
	}
	assert_true(n_texts < TEXTS);
	struct text *t = &texts[n_texts++];
	*t = (struct text){ .sql = copy(sql, strlen(sql) + 1), .v = copy(v, n * sizeof *v), .n = n };
	for (size_t i = 0; i < n; i++) {
		if (v[i].type == DB_BYTES)
			t->v[i].p = copy(v[i].p, v[i].n);
	}
}

static void
forget(void)
{
	for (size_t i = 0; i < n_texts; i++) {
		for (size_t k = 0; k < texts[i].n; k++) {
			if (texts[i].v[k].type == DB_BYTES)
				free((void *)(uintptr_t)texts[i].v[k].p);
		}
		free(texts[i].v);
		free(texts[i].sql);
	}
	n_texts = 0;
}

/* ---- rows ---- */

static void
fill_folder(int64_t device, int64_t folder)
{
	struct state_item *items = arena_array(arena, ITEMS, sizeof *items);
	int64_t *holes = arena_array(arena, ITEMS, sizeof *holes);
	struct state_answer answer = { .n = 1 };
	struct state_collection c = { .device = device, .folder = folder, .epoch = folder * 1000 + 7, .n = 1, .options = "", .supported = "",
		.answers = &answer, .n_answers = 1 };

	for (int i = 0; i < ITEMS; i++) {
		items[i] = new_item(folder, arena_printf(arena, "key-%d", i), i + 1, i * 100);
		items[i].deleted = i % 10 == 0;
	}
	ok(state_items_save(T, items, ITEMS));
	for (int i = 0; i < ITEMS; i++)
		holes[i] = items[i].id;
	answer.pos = (struct state_position){ .a = ITEMS, .c = ITEMS, .cut_date = folder, .holes = holes, .n_holes = ITEMS / 2 };
	ok(state_collection_begin(T, &c));
	ok(state_trouble_save(T, folder, device, "key-1", "1", "why"));
}

static void
fill(void)
{
	begin(STATE_WRITE);
	for (int u = 0; u < USERS; u++) {
		int64_t user = make_user(arena_printf(arena, "user%d", u));
		int64_t device = make_device(user, arena_printf(arena, "device%d", u));

		make_device(user, arena_printf(arena, "other%d", u));
		ok(state_request_save(T, device, "sync", "text"));
		ok(state_request_save(T, device, "ping", "text"));
		for (int i = 0; i < 4; i++) {
			struct state_intent intent = { .device = device, .kind = "send", .hash = arena_printf(arena, "%d.%d", u, i),
				.client = arena_printf(arena, "c%d.%d", u, i), .message_id = "", .mark = "", .result = "", .step = INTENT_DONE,
				.created = u };

			ok(state_intent_save(T, &intent));
		}
		for (int f = 0; f < FOLDERS; f++)
			fill_folder(device, make_folder(user, arena_printf(arena, "imap:%d", f)));
	}
	end();
	static const char *const tables[] = { "user", "device", "request", "folder", "item", "collection", "mark", "intent", "trouble" };
	for (size_t i = 0; on_mariadb && i < ARRAY_LEN(tables); i++)
		admin(arena_printf(arena, "analyze table %s", tables[i]));
}

/* ---- plans ---- */

static bool
is_allowed(const char *sql)
{
	for (size_t i = 0; i < ARRAY_LEN(allowed); i++) {
		if (strncmp(sql, allowed[i].begins, strlen(allowed[i].begins)) == 0 && strstr(sql, allowed[i].holds))
			return true;
	}
	return false;
}

/* One line of the plan. MariaDB: type ALL is the table from end to end, index is an index so. */
static bool
is_scan(struct db_rows *r, const char **what_r)
{
	if (on_mariadb) {
		const char *type = db_text(r, 3, arena);

		*what_r = arena_printf(arena, "%s of %s", type, db_text(r, 2, arena));
		return strcmp(type, "ALL") == 0 || strcmp(type, "index") == 0;
	}
	*what_r = db_text(r, 3, arena);
	return strncmp(*what_r, "SCAN ", 5) == 0 && strcmp(*what_r, "SCAN CONSTANT ROW") != 0;
}

static bool
reads_it_all(const struct text *t)
{
	const char *what;
	struct db_rows r;
	bool bad = false;

	db_query(T, &r, arena_printf(arena, "explain %s%s", on_mariadb ? "" : "query plan ", t->sql), t->v, t->n);
	while (db_next(&r)) {
		if (!is_scan(&r, &what))
			continue;
		print_error("%s: %s\n", t->sql, what);
		bad = true;
	}
	ok(db_end(&r));
	return bad;
}

static void
no_statement_reads_a_table_from_end_to_end(void **unused)
{
	size_t n_asked = n_texts, n_bad = 0;

	(void)unused;
	store->trace = NULL;
	assert_true(n_asked > 70); /* the other suites have run */
	fill();
	begin(STATE_WRITE); /* MariaDB explains nothing that writes to who may only read */
	for (size_t i = 0; i < n_asked; i++) {
		const char *sql = texts[i].sql;

		if (strncmp(sql, "explain", 7) == 0 || (strncmp(sql, "insert", 6) == 0 && !strstr(sql, "select")) || is_allowed(sql))
			continue;
		n_bad += reads_it_all(&texts[i]);
	}
	undo();
	forget();
	assert_int_equal(n_bad, 0);
}

const struct CMUnitTest index_tests[] = {
	STORE_TEST(no_statement_reads_a_table_from_end_to_end),
};
SUITE_END(index);
