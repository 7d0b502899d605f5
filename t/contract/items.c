/* Items of any class: put, fetched, replaced, removed, moved, listed. */
#include <pthread.h>
#include <stdlib.h>

#include "suite.h"

/* Mail cannot be replaced everywhere; notes are mail to some. */
static bool
replaceable(enum backend_class class)
{
	return class != BACKEND_MAIL && class != BACKEND_NOTES;
}

static bool
names_items(enum backend_class class)
{
	return replaceable(class);
}

/* ---- what comes back ---- */

static int
by_bytes(const void *x, const void *y)
{
	return strcmp(*(const char *const *)x, *(const char *const *)y);
}

/* The content lines (RFC 5545, 3.1), unfolded and sorted. */
static const char **
lines_of(struct slice bytes, size_t *n_r)
{
	char *text = arena_strndup(a, (const char *)bytes.ptr, bytes.len), *w = text;
	const char **lines = arena_array(a, bytes.len + 1, sizeof *lines);
	size_t n = 0;

	for (const char *p = text; *p; p++) {
		bool fold = *p == '\n' && (p[1] == ' ' || p[1] == '\t');

		if (fold)
			p++;
		else if (*p != '\r')
			*w++ = *p;
	}
	*w = '\0';
	for (char *line = text; *line; line += strlen(line) + 1) {
		char *end = strchr(line, '\n');

		if (!end)
			break;
		*end = '\0';
		lines[n++] = line;
	}
	qsort(lines, n, sizeof *lines, by_bytes);
	*n_r = n;
	return lines;
}

static bool
same_lines(struct slice x, struct slice y)
{
	size_t n, m;
	const char **xs = lines_of(x, &n), **ys = lines_of(y, &m);

	for (size_t i = 0; n == m && i < n; i++) {
		if (strcmp(xs[i], ys[i]) != 0)
			return false;
	}
	return n == m;
}

/* Whether this may come back for what was put. A version vouches for the very bytes; of servers that give one and yet write the item in
 * their own order nothing may be missing. */
static bool
came_back(enum backend_class class, struct slice got, struct slice put, bool vouched)
{
	if (can.rewrites && !slice_eq(got, put))
		return same_lines(got, put);
	return slice_eq(got, put) || !(can.exact || vouched || class == BACKEND_MAIL);
}

static void
an_empty_folder(const char *folder)
{
	struct model m = { 0 };

	test("an empty folder");
	model_follow(&m, s, folder, 100);
	CHECK(m.n == 0, "%zu items", m.n);
	/* Whatever the cursor says, an unchanged folder has nothing new. */
	model_follow(&m, s, folder, 100);
	CHECK(m.n == 0, "%zu items", m.n);
	model_free(&m);
}

static void
put_and_fetch(enum backend_class class, const char *folder)
{
	unsigned number = fresh();
	struct backend_stored stored;
	struct slice bytes;
	struct model m = { 0 };
	const struct model_item *listed;
	struct got got;
	const char *key;

	test("what is put is there");
	model_follow(&m, s, folder, 100);
	key = put_new(s, folder, class, number, 0, NULL, BACKEND_NO_DATE, &stored);
	NEED(key != NULL, "not stored");
	model_follow(&m, s, folder, 100);
	listed = model_find(&m, key);
	if (CHECK(listed != NULL, "%s is not told of", key)) {
		CHECK(!*stored.version || strcmp(stored.version, listed->version) == 0, "put says version %s, changes() %s", stored.version,
			listed->version);
		CHECK((class == BACKEND_MAIL) == (listed->date != BACKEND_NO_DATE), "a date for %s", class_name(class));
	}
	if (!get(s, folder, key, WANT_BYTES, &got))
		return;
	bytes = sample(class, number, 0, 0);
	CHECK(got.item.err == ERR_OK, "it comes as %s", err_name(got.item.err));
	CHECK(came_back(class, got.item.bytes, bytes, *stored.version), "%zu bytes came back for %zu, or other ones",
		got.item.bytes.len, bytes.len);
	CHECK(got.item.bytes.len > 0, "it is empty");
	if (listed)
		CHECK(!got.item.version || strcmp(got.item.version, listed->version) == 0, "fetch says version %s, changes() %s",
			got.item.version, listed->version);
	if (get(s, folder, key, WANT_META, &got)) {
		CHECK(got.item.err == ERR_OK && got.item.bytes.len == 0, "META with bytes");
		CHECK(got.item.version && listed && strcmp(got.item.version, listed->version) == 0, "META says version %s",
			got.item.version ? got.item.version : "none");
	}
	CHECK(model_is_true(&m, folder), "the listing differs");
	model_free(&m);
}

static void
the_same_name_again(enum backend_class class, const char *folder)
{
	unsigned number = fresh();
	struct backend_put put = { .folder = folder, .date = BACKEND_NO_DATE };
	struct backend_stored stored;
	struct got before, after;
	const char *key;

	test("a name that is taken");
	key = put_new(s, folder, class, number, 0, NULL, BACKEND_NO_DATE, NULL);
	if (!key || !get(s, folder, key, WANT_BYTES, &before))
		return;
	put.name = sample_name(number);
	put.bytes = sample(class, number, 7, 0);
	EXPECT(ERR_EXISTS, ops->put(other, a, &put, &stored, &e));
	CHECK(strcmp(stored.key, key) == 0, "EXISTS names %s, not %s", stored.key, key);
	if (get(s, folder, key, WANT_BYTES, &after))
		CHECK(slice_eq(before.item.bytes, after.item.bytes), "it was replaced nevertheless");
}

static void
replacing(enum backend_class class, const char *folder)
{
	unsigned number = fresh();
	struct backend_put put = { .folder = folder, .date = BACKEND_NO_DATE };
	struct backend_stored stored;
	struct got first, second, third;
	const char *key;

	test("replaced by version");
	key = put_new(s, folder, class, number, 0, NULL, BACKEND_NO_DATE, NULL);
	if (!key || !get(s, folder, key, WANT_BYTES, &first))
		return;
	put.key = key;
	put.version = first.item.version;
	put.bytes = sample(class, number, 1, 0);
	NEED_OK(ops->put(other, a, &put, &stored, &e));
	CHECK(strcmp(stored.key, key) == 0, "its key became %s", stored.key);
	CHECK(!can.vouches || *stored.version, "no version");
	if (!get(s, folder, key, WANT_BYTES, &second))
		return;
	CHECK(strcmp(first.item.version, second.item.version) != 0, "the version is still %s", first.item.version);
	CHECK(!*stored.version || strcmp(stored.version, second.item.version) == 0, "put says version %s, fetch %s", stored.version,
		second.item.version);
	CHECK(came_back(class, second.item.bytes, put.bytes, *stored.version), "other bytes came back");
	put.bytes = sample(class, number, 2, 0);
	EXPECT(ERR_CONFLICT, ops->put(s, a, &put, &stored, &e));
	if (get(s, folder, key, WANT_BYTES, &third))
		CHECK(slice_eq(third.item.bytes, second.item.bytes), "a conflict, and it was replaced nevertheless");
	put.version = NULL;
	EXPECT(ERR_OK, ops->put(s, a, &put, &stored, &e));
	EXPECT(ERR_CONFLICT, ops->remove(s, folder, key, first.item.version, &e));
	CHECK(get_err(folder, key) == ERR_OK, "a conflict, and it was removed nevertheless");
	if (get(s, folder, key, WANT_META, &third))
		EXPECT(ERR_OK, ops->remove(s, folder, key, third.item.version, &e));
	EXPECT(ERR_NOTFOUND, ops->put(s, a, &put, &stored, &e));
	CHECK(get_err(folder, key) == ERR_NOTFOUND, "putting what is gone made it");
}

static void
removing(enum backend_class class, const char *folder)
{
	struct model m = { 0 };
	const char *key;

	test("removed is gone");
	key = put_new(s, folder, class, fresh(), 0, NULL, BACKEND_NO_DATE, NULL);
	NEED(key != NULL, "not stored");
	model_follow(&m, s, folder, 100);
	EXPECT(ERR_OK, ops->remove(other, folder, key, NULL, &e));
	CHECK(get_err(folder, key) == ERR_NOTFOUND, "it can be fetched");
	model_follow(&m, s, folder, 100);
	CHECK(!model_find(&m, key), "changes() does not say that it is gone");
	EXPECT(ERR_NOTFOUND, ops->remove(s, folder, key, NULL, &e));
	model_free(&m);
}

/* ---- several at once ---- */

struct several {
	const char *keys[16];
	unsigned times[16];
	enum err errs[16];
	size_t lengths[16];
	size_t n, calls, stop_at;
};

static enum err
note(void *ctx, const struct backend_item *item)
{
	struct several *all = ctx;

	all->calls++;
	for (size_t i = 0; i < all->n; i++) {
		if (strcmp(all->keys[i], item->key) == 0) {
			all->times[i]++;
			all->errs[i] = item->err;
			all->lengths[i] = item->bytes.len;
		}
	}
	return all->stop_at && all->calls >= all->stop_at ? ERR_QUOTA : ERR_OK;
}

/* Of nothing more once an item came. */
static uint64_t
no_room(void *ctx)
{
	const struct several *all = ctx;

	for (size_t i = 0; i < all->n; i++) {
		if (all->lengths[i])
			return 0;
	}
	return 1;
}

/* The first key is answered at any rate; what is left out is left out from the end. */
static void
leaving_out(enum backend_class class, const char *folder)
{
	struct several all = { .n = 0 };
	struct backend_fetch what = { .folder = folder, .keys = all.keys, .want = WANT_BYTES, .room = no_room };
	bool left_out = false;

	test("a fetch that may leave out");
	for (all.n = 0; all.n < 5; all.n++)
		all.keys[all.n] = put_new(s, folder, class, fresh(), 0, NULL, BACKEND_NO_DATE, NULL);
	what.n = all.n;
	EXPECT(ERR_OK, ops->fetch(s, &what, note, &all, &e));
	CHECK(all.times[0] == 1, "the first came %u times", all.times[0]);
	for (size_t i = 0; i < all.n; i++) {
		CHECK(all.times[i] <= !left_out, "number %zu came %u times, perhaps behind one that was left out", i, all.times[i]);
		left_out = left_out || all.times[i] == 0;
	}
}

static void
fetching_several(enum backend_class class, const char *folder)
{
	struct several all = { .n = 0 };
	struct backend_fetch what = { .folder = folder, .keys = all.keys, .want = WANT_BYTES };
	size_t missing = 5;

	test("several at once, one of them gone");
	for (all.n = 0; all.n < 10; all.n++) {
		all.keys[all.n] = put_new(s, folder, class, fresh(), 0, NULL, BACKEND_NO_DATE, NULL);
		NEED(all.keys[all.n] != NULL, "not stored");
	}
	EXPECT(ERR_OK, ops->remove(other, folder, all.keys[missing], NULL, &e));
	what.n = all.n;
	NEED_OK(ops->fetch(s, &what, note, &all, &e));
	CHECK(all.calls == all.n, "%zu calls for %zu keys", all.calls, all.n);
	for (size_t i = 0; i < all.n; i++) {
		CHECK(all.times[i] == 1, "%s came %u times", all.keys[i], all.times[i]);
		CHECK(all.errs[i] == (i == missing ? ERR_NOTFOUND : ERR_OK), "%s comes as %s", all.keys[i], err_name(all.errs[i]));
		CHECK((all.lengths[i] > 0) == (i != missing), "%s has %zu bytes", all.keys[i], all.lengths[i]);
	}
	test("a fetch that is stopped");
	memset(&all, 0, sizeof all);
	for (all.n = 0; all.n < 5; all.n++)
		all.keys[all.n] = put_new(s, folder, class, fresh(), 0, NULL, BACKEND_NO_DATE, NULL);
	all.stop_at = 2;
	what.n = all.n;
	EXPECT(ERR_QUOTA, ops->fetch(s, &what, note, &all, &e));
	CHECK(all.calls == 2, "%zu calls after it was to stop at 2", all.calls);
	what.n = 0;
	EXPECT(ERR_OK, ops->fetch(s, &what, note, &all, &e));
	CHECK(get_err(folder, all.keys[4]) == ERR_OK, "the session is of no use after that");
}

static void
a_large_item(enum backend_class class, const char *folder)
{
	unsigned number = fresh();
	struct backend_put put = { .folder = folder, .date = BACKEND_NO_DATE };
	struct backend_stored stored = { "", "" };
	struct several all = { .n = 2 };
	struct backend_fetch what = { .folder = folder, .keys = all.keys, .n = 2, .want = WANT_BYTES, .bytes_max = 50000 };
	struct model m = { 0 };
	struct got got;

	test("a large item");
	all.keys[1] = put_new(s, folder, class, fresh(), 0, NULL, BACKEND_NO_DATE, NULL);
	model_follow(&m, s, folder, 500);
	put.name = sample_name(number);
	put.bytes = sample(class, number, 0, can.large);
	NEED_OK(ops->put(s, a, &put, &stored, &e));
	all.keys[0] = stored.key;
	if (!*stored.key) {
		struct model now = { 0 };

		model_follow(&now, s, folder, 500);
		for (size_t i = 0; i < now.n; i++) {
			if (!model_find(&m, now.list[i].key))
				all.keys[0] = arena_strdup(a, now.list[i].key);
		}
		model_free(&now);
	}
	model_free(&m);
	if (!get(s, folder, all.keys[0], WANT_BYTES, &got))
		return;
	CHECK(came_back(class, got.item.bytes, put.bytes, *stored.version), "%zu bytes came back for %zu, or other ones",
		got.item.bytes.len, put.bytes.len);
	CHECK(got.item.bytes.len > can.large, "%zu bytes", got.item.bytes.len);
	NEED_OK(ops->fetch(s, &what, note, &all, &e));
	CHECK(all.errs[0] == ERR_LIMIT && all.times[0] == 1, "over bytes_max it comes as %s", err_name(all.errs[0]));
	CHECK(all.errs[1] == ERR_OK && all.times[1] == 1, "the one beside it comes as %s", err_name(all.errs[1]));
}

/* ---- moving ---- */

static void
moving(enum backend_class class, const char *folder, const char *second)
{
	struct backend_stored stored;
	struct got before, after;
	struct model m = { 0 };
	const char *key, *moved;

	test("moved");
	model_follow(&m, s, second, 500);
	key = put_new(s, folder, class, fresh(), class == BACKEND_MAIL ? FLAG_SEEN | FLAG_FLAGGED : 0, NULL, BACKEND_NO_DATE, NULL);
	if (!key || !get(s, folder, key, WANT_BYTES, &before))
		return;
	NEED_OK(ops->move(s, a, folder, key, second, &stored, &e));
	CHECK(!can.knows_keys || *stored.key, "move does not say the key");
	CHECK(get_err(folder, key) == ERR_NOTFOUND, "it is still where it was");
	moved = *stored.key ? stored.key : NULL;
	if (!moved) {
		struct model now = { 0 };

		model_follow(&now, s, second, 500);
		for (size_t i = 0; i < now.n; i++) {
			if (!model_find(&m, now.list[i].key))
				moved = arena_strdup(a, now.list[i].key);
		}
		model_free(&now);
	}
	NEED(moved != NULL, "it did not arrive");
	if (get(s, second, moved, WANT_BYTES, &after)) {
		CHECK(slice_eq(before.item.bytes, after.item.bytes), "it changed on its way");
		CHECK(before.item.flags == after.item.flags, "flags %u became %u", before.item.flags, after.item.flags);
		CHECK(!*stored.version || strcmp(stored.version, after.item.version) == 0, "move says version %s, fetch %s", stored.version,
			after.item.version);
		CHECK(class != BACKEND_MAIL || before.item.date == after.item.date, "its date changed");
	}
	model_follow(&m, s, second, 500);
	CHECK(model_find(&m, moved) != NULL, "changes() of the target does not tell of it");
	CHECK(model_is_true(&m, second), "the listing differs");
	EXPECT(ERR_NOTFOUND, ops->move(s, a, folder, key, second, &stored, &e));
	EXPECT(ERR_OK, ops->remove(s, second, moved, NULL, &e));
	model_free(&m);
	if (!ops->folder_make || !ops->folder_remove)
		return;
	moved = work_folder(class, "Contract three");
	key = put_new(s, folder, class, fresh(), 0, NULL, BACKEND_NO_DATE, NULL);
	NEED(moved && key, "nothing to move");
	EXPECT(ERR_OK, ops->folder_remove(s, moved, &e));
	EXPECT(ERR_NOFOLDER, ops->move(s, a, folder, key, moved, &stored, &e));
	CHECK(get_err(folder, key) == ERR_OK, "there is no such folder, and the item is gone");
}

/* ---- following ---- */

static void
following(enum backend_class class, const char *folder)
{
	struct model m = { 0 };
	const char *keys[6];

	test("what somebody else does is told of");
	model_follow(&m, s, folder, 100);
	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		keys[i] = put_new(other, folder, class, fresh(), 0, NULL, BACKEND_NO_DATE, NULL);
		NEED(keys[i] != NULL, "not stored");
		if (i % 2)
			model_follow(&m, s, folder, 100);
	}
	CHECK(model_is_true(&m, folder), "after new ones");
	EXPECT(ERR_OK, ops->remove(other, folder, keys[0], NULL, &e));
	EXPECT(ERR_OK, ops->remove(other, folder, keys[4], NULL, &e));
	if (replaceable(class)) {
		struct backend_put put = { .folder = folder, .key = keys[2], .bytes = sample(class, fresh() - 4, 9, 0), .date = BACKEND_NO_DATE };
		struct backend_stored stored;
		struct got got;

		/* The same item: servers do not like its UID to change. */
		if (get(s, folder, keys[2], WANT_BYTES, &got)) {
			put.bytes = got.item.bytes;
			EXPECT(ERR_OK, ops->put(other, a, &put, &stored, &e));
		}
	}
	model_follow(&m, s, folder, 1);
	CHECK(model_is_true(&m, folder), "after removals and changes, in parts of one");
	test("a cursor that nobody knows is a listing");
	free(m.cursor);
	m.cursor = strdup("certainly no cursor of yours");
	model_follow(&m, s, folder, 100);
	CHECK(model_is_true(&m, folder), "after a strange cursor");
	model_free(&m);
}

void
test_items(enum backend_class class, const char *folder, const char *second)
{
	an_empty_folder(folder);
	put_and_fetch(class, folder);
	if (names_items(class))
		the_same_name_again(class, folder);
	if (replaceable(class))
		replacing(class, folder);
	removing(class, folder);
	fetching_several(class, folder);
	leaving_out(class, folder);
	if (can.large)
		a_large_item(class, folder);
	following(class, folder);
	if (ops->move && second)
		moving(class, folder, second);
	else
		skip("moving", "the module cannot, or there is no second folder");
}

/* ---- many ---- */

static enum err
count_item(void *ctx, const struct backend_item *item)
{
	unsigned *counts = ctx;

	counts[item->err == ERR_OK && item->bytes.len > 0]++;
	return ERR_OK;
}

static void
fetch_all(const struct model *m, const char *folder)
{
	const char **keys = arena_array(a, m->n, sizeof *keys);
	struct backend_fetch what = { .folder = folder, .keys = keys, .n = m->n, .want = WANT_BYTES };
	unsigned counts[2] = { 0 };

	for (size_t i = 0; i < m->n; i++)
		keys[i] = m->list[i].key;
	NEED_OK(ops->fetch(s, &what, count_item, counts, &e));
	CHECK(counts[1] == m->n && counts[0] == 0, "of %zu items %u came and %u did not", m->n, counts[1], counts[0]);
}

static bool
fill_up(enum backend_class class, const char *folder)
{
	for (unsigned i = 0; i < can.many; i++) {
		struct arena *scratch = arena_new(0);
		struct arena_mark mark = arena_mark(a);
		unsigned number = fresh();
		struct backend_put put = { .folder = folder, .name = sample_name(number), .bytes = sample(class, number, 0, 0),
			.date = 1700000000 + (int64_t)i * 60 };
		struct backend_stored stored;
		bool good = EXPECT(ERR_OK, ops->put(s, scratch, &put, &stored, &e));

		arena_rewind(a, mark);
		arena_free(&scratch);
		if (!good)
			return false;
	}
	return true;
}

void
test_many(enum backend_class class, const char *folder)
{
	struct model m = { 0 };
	bool more = true;
	const char *added;
	char *victim;

	test("many, in parts, while they change");
	model_follow(&m, s, folder, 500);
	for (size_t i = 0; i < m.n; i++)
		EXPECT(ERR_OK, ops->remove(s, folder, m.list[i].key, NULL, &e));
	model_free(&m);
	if (!fill_up(class, folder))
		return;
	m.ordered = true;
	if (!model_step(&m, s, folder, 100, &more))
		return;
	NEED(m.n > 0, "an empty first part");
	/* One that was listed and one that most likely was not yet. */
	victim = strdup(m.list[0].key);
	EXPECT(ERR_OK, ops->remove(other, folder, victim, NULL, &e));
	added = put_new(other, folder, class, fresh(), 0, NULL, 1800000000, NULL);
	while (more && model_step(&m, s, folder, 100, &more))
		;
	CHECK(can.many <= 200 || m.parts > 1, "%u items came in one part, although parts of 100 were asked for", can.many);
	/* What happened meanwhile may come now. */
	model_follow(&m, s, folder, 100);
	CHECK(m.n == can.many, "%zu items are known, %u are there", m.n, can.many);
	CHECK(!model_find(&m, victim), "one that was removed meanwhile is known");
	CHECK(added && model_find(&m, added), "one that was added meanwhile is not known");
	CHECK(model_is_true(&m, folder), "the listing differs");
	fetch_all(&m, folder);
	free(victim);
	model_free(&m);
}

/* ---- races ---- */

struct racer {
	pthread_t thread;
	struct backend_session *session;
	struct arena *arena;
	struct backend_put put;
	enum err err;
};

static void *
race_put(void *arg)
{
	struct racer *r = arg;
	struct backend_stored stored;
	struct error why;

	r->err = ops->put(r->session, r->arena, &r->put, &stored, &why);
	return NULL;
}

/* Both at once; how many were OK. Others must be `loser`. */
static unsigned
race(struct racer racers[2], enum err loser)
{
	unsigned won = 0;

	for (int i = 0; i < 2; i++)
		pthread_create(&racers[i].thread, NULL, race_put, &racers[i]);
	for (int i = 0; i < 2; i++)
		pthread_join(racers[i].thread, NULL);
	for (int i = 0; i < 2; i++) {
		won += racers[i].err == ERR_OK;
		CHECK(racers[i].err == ERR_OK || racers[i].err == loser, "the one who lost got %s", err_name(racers[i].err));
	}
	return won;
}

/* A session that has the folder open gives what another one knows of already, and as that one left it. */
static void
one_makes_the_other_fetches(enum backend_class class, const char *folder)
{
	struct backend_flagging flag = { .folder = folder, .set = FLAG_SEEN };
	struct backend_stored stored;
	struct got got;

	for (int round = 0; round < 5; round++) {
		const char *key = put_new(other, folder, class, fresh(), 0, NULL, BACKEND_NO_DATE, NULL);

		CHECK(key && get(s, folder, key, WANT_BYTES, &got) && !got.item.err, "what another session put is not there");
		if (class != BACKEND_MAIL || !key)
			continue;
		flag.key = key;
		EXPECT(ERR_OK, ops->flag(other, a, &flag, &stored, &e));
		CHECK(get(s, folder, key, WANT_META, &got) && got.item.flags == FLAG_SEEN, "flags are not as another session left them");
	}
}

void
test_races(enum backend_class class, const char *folder)
{
	struct racer racers[2] = { { .session = s, .arena = arena_new(0) }, { .session = other, .arena = arena_new(0) } };
	struct model m = { 0 };
	size_t before;

	test("two sessions at once");
	model_follow(&m, s, folder, 500);
	before = m.n;
	for (int round = 0; round < 10; round++) {
		for (int i = 0; i < 2; i++) {
			unsigned number = fresh();

			racers[i].put = (struct backend_put){ .folder = folder, .name = sample_name(number), .bytes = sample(class, number, 0, 0),
				.date = BACKEND_NO_DATE };
		}
		CHECK(race(racers, ERR_OK) == 2, "two new items do not go well together");
	}
	one_makes_the_other_fetches(class, folder);
	model_follow(&m, s, folder, 500);
	CHECK(m.n == before + 25, "%zu items instead of %zu", m.n, before + 25);
	CHECK(model_is_true(&m, folder), "the listing differs");
	for (int round = 0; names_items(class) && round < 10; round++) {
		unsigned number = fresh();

		for (int i = 0; i < 2; i++)
			racers[i].put = (struct backend_put){ .folder = folder, .name = sample_name(number),
				.bytes = sample(class, number, (unsigned)i, 0), .date = BACKEND_NO_DATE };
		CHECK(race(racers, ERR_EXISTS) == 1, "one name was given twice, or not at all");
	}
	model_free(&m);
	arena_free(&racers[0].arena);
	arena_free(&racers[1].arena);
}
