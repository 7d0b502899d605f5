#include <stdlib.h>

#include "store.h"

static int64_t user, device, folder;

static void
make_rows(void)
{
	user = make_user("alice");
	device = make_device(user, "phone");
	folder = make_folder(user, "imap:INBOX");
}

static struct state_collection
read_one(void)
{
	struct state_collection *list;
	size_t n;

	ok(state_collections(T, arena, device, folder, &list, &n));
	assert_int_equal(n, 1);
	return list[0];
}

static void
same_ids(const int64_t *a, size_t n_a, const int64_t *b, size_t n_b)
{
	assert_int_equal(n_a, n_b);
	for (size_t i = 0; i < n_a; i++)
		assert_true(a[i] == b[i]);
}

static void
same_collection(const struct state_collection *a, const struct state_collection *b)
{
	assert_int_equal(a->id, b->id);
	assert_int_equal(a->device, b->device);
	assert_int_equal(a->folder, b->folder);
	assert_true(a->epoch == b->epoch);
	assert_true(a->n == b->n);
	assert_true(a->base == b->base);
	assert_string_equal(a->options, b->options);
	assert_string_equal(a->supported, b->supported);
	assert_true(a->created == b->created);
	assert_true(a->last_used == b->last_used);
	assert_int_equal(a->n_answers, b->n_answers);
	for (size_t i = 0; i < a->n_answers; i++) {
		const struct state_answer *x = &a->answers[i], *y = &b->answers[i];

		assert_true(x->n == y->n && x->pos.a == y->pos.a && x->pos.c == y->pos.c);
		assert_true(x->pos.cut_date == y->pos.cut_date && x->pos.cut_id == y->pos.cut_id);
		same_ids(x->told, x->n_told, y->told, y->n_told);
		same_ids(x->pos.holes, x->pos.n_holes, y->pos.holes, y->pos.n_holes);
		same_ids(x->pos.again, x->pos.n_again, y->pos.again, y->pos.n_again);
	}
	assert_int_equal(a->n_done, b->n_done);
	for (size_t i = 0; i < a->n_done; i++) {
		assert_int_equal(a->done[i].kind, b->done[i].kind);
		assert_true(a->done[i].item == b->done[i].item);
		assert_string_equal(a->done[i].client, b->done[i].client);
		assert_string_equal(a->done[i].hash, b->done[i].hash);
	}
}

#define LIST(...) (const int64_t[]){ __VA_ARGS__ }, ARRAY_LEN(((const int64_t[]){ __VA_ARGS__ }))

static struct state_answer
answer(uint32_t n, const int64_t *holes, size_t n_holes, const int64_t *again, size_t n_again)
{
	return (struct state_answer){ .n = n,
		.pos = { .a = n, .c = n, .cut_date = INT64_MIN, .holes = holes, .n_holes = n_holes, .again = again,
		.n_again = n_again } };
}

static void
a_collection_is_kept_whole(void **unused)
{
	struct state_done done[] = {
		{ .kind = 'a', .client = "client \xff", .item = 5, .hash = "0123456789abcdef" },
		{ .kind = 't', .client = "", .item = INT64_MAX, .hash = "" },
	};
	struct state_answer w[] = {
		{ .n = 3,
			.pos = { .a = 1, .c = INT64_MAX, .cut_date = INT64_MIN, .cut_id = 0,
			.holes = (const int64_t[]){ 1, 9 }, .n_holes = 2 },
			.told = (const int64_t[]){ 7, 8, 1000000000000 }, .n_told = 3 },
		{ .n = 4,
		.pos = { .a = -1, .c = 0, .cut_date = INT64_MAX, .cut_id = INT64_MAX,
		.again = (const int64_t[]){ 1, 2 }, .n_again = 2 } },
		{ .n = UINT32_MAX, .pos = { .cut_date = 1764150000, .cut_id = 5 },
		.told = (const int64_t[]){ INT64_MIN, INT64_MAX }, .n_told = 2 },
	};
	struct state_collection c = { .epoch = INT64_MIN + 1, .n = UINT32_MAX, .base = 3,
		.options = "Class=Email\nFilterType=2", .supported = "x", .created = 1764150000,
		.last_used = 1764150001, .answers = w, .n_answers = 3, .done = done, .n_done = 2 }, back;

	(void)unused;
	begin(STATE_WRITE);
	make_rows();
	c.device = device;
	c.folder = folder;
	ok(state_collection_begin(T, &c));
	back = read_one();
	same_collection(&back, &c);
	end();

	/* All of it otherwise. */
	begin(STATE_WRITE);
	struct state_answer w2[] = { w[2] };
	w2[0].pos.holes = (const int64_t[]){ 4 };
	w2[0].pos.n_holes = 1;
	struct state_collection now = c;
	now.base = UINT32_MAX;
	now.options = "";
	now.supported = "yy";
	now.last_used += 3600;
	now.answers = w2;
	now.n_answers = 1;
	now.done = done + 1;
	now.n_done = 1;
	ok(state_collection_save(T, &c, &now));
	back = read_one();
	same_collection(&back, &now);

	/* Only the texts are not touched. */
	struct state_collection third = now;
	third.n_answers = third.n_done = 0;
	ok(state_collection_save(T, &now, &third));
	back = read_one();
	same_collection(&back, &third);
	end();
	assert_int_equal(ask("select count(*) from mark"), 0);
}

static void
it_is_compared_and_swapped(void **unused)
{
	struct state_answer one = answer(1, NULL, 0, NULL, 0), two[] = { one, answer(2, LIST(5), NULL, 0) };

	(void)unused;
	begin(STATE_WRITE);
	make_rows();
	struct state_collection c = { .device = device, .folder = folder, .epoch = 9, .n = 1, .options = "",
		.supported = "", .answers = &one, .n_answers = 1 };
	ok(state_collection_begin(T, &c));
	struct state_collection next = c, wrong = c;
	next.n = 2;
	next.answers = two;
	next.n_answers = 2;
	ok(state_collection_save(T, &c, &next));
	/* Whoever has read the one before comes too late, and changes nothing. */
	fails(ERR_CONFLICT, state_collection_save(T, &c, &next));
	wrong = next;
	wrong.base = 1;
	fails(ERR_CONFLICT, state_collection_save(T, &wrong, &next));
	struct state_collection back = read_one();
	same_collection(&back, &next);
	/* The same again, with nothing moved, is no conflict. */
	ok(state_collection_save(T, &next, &next));
	ok(state_collection_save(T, &next, &next));
	back = read_one();
	same_collection(&back, &next);
	ok(state_collection_drop(T, c.id));
	fails(ERR_CONFLICT, state_collection_save(T, &next, &next));
	end();
}

static void
unchanged_holes_are_not_written_again(void **unused)
{
	int64_t holes[300];
	struct store_stats before, after;

	(void)unused;
	for (int i = 0; i < 300; i++)
		holes[i] = 1000 + i;
	begin(STATE_WRITE);
	make_rows();
	struct state_answer w[5] = { answer(1, holes, 300, NULL, 0) };
	struct state_collection c = { .device = device, .folder = folder, .epoch = 9, .n = 1, .base = 1, .options = "",
		.supported = "", .answers = w, .n_answers = 1 };
	ok(state_collection_begin(T, &c));
	assert_true(db_exec(T, "update mark set item = item where collection = ?", ARGS(I(c.id)), NULL) == ERR_OK);

	/* Three more answers from the base with the same holes, and one with another. */
	for (uint32_t n = 2; n <= 4; n++) {
		struct state_collection now = c;

		w[n - 1] = answer(n, holes, 300, NULL, 0);
		now.n = n;
		now.n_answers = n;
		before = store_stats();
		ok(state_collection_save(T, &c, &now));
		after = store_stats();
		assert_int_equal(after.rows_written - before.rows_written, 1);
		c = now;
	}
	w[4] = answer(7, holes, 299, holes + 299, 1);
	struct state_collection now = c;
	now.n = 7;
	now.n_answers = 5;
	before = store_stats();
	ok(state_collection_save(T, &c, &now));
	after = store_stats();
	/* The collection; the row of the hole that is none any more in 7 goes and comes; the one of again. */
	assert_int_equal(after.rows_written - before.rows_written, 1 + 1 + 1 + 1);
	struct state_collection back = read_one();
	same_collection(&back, &now);

	/* The last becomes the base; the siblings go. */
	c = now;
	now.answers = w + 4;
	now.n_answers = 1;
	now.base = 7;
	ok(state_collection_save(T, &c, &now));
	back = read_one();
	same_collection(&back, &now);
	end();
	assert_int_equal(ask("select count(*) from mark"), 300);
}

/* Any sequence of answers that come and go, and of sets: what is read is what was written. */
static void
random_marks_are_kept(void **unused)
{
	uint32_t seed = 12345;

	(void)unused;
	begin(STATE_WRITE);
	make_rows();
	struct state_collection c = { .device = device, .folder = folder, .epoch = 9, .options = "", .supported = "" };
	ok(state_collection_begin(T, &c));
	for (int round = 0; round < 300; round++) {
		struct state_collection now = c;
		struct state_answer *w = arena_array(arena, 5, sizeof *w);
		size_t n = 0;

		/* Some of the answers stay, changed or not; perhaps there is a new one. */
		for (size_t i = 0; i < c.n_answers; i++) {
			seed = seed * 1103515245 + 12345;
			if (n < 4 && seed >> 16 & 3)
				w[n++] = c.answers[i];
		}
		seed = seed * 1103515245 + 12345;
		if (seed >> 16 & 3) {
			now.n = c.n + 1 + (seed >> 20 & 1);
			w[n++].n = now.n;
		}
		for (size_t i = 0; i < n; i++) {
			int64_t *sets[2] = { arena_array(arena, 8, 8), arena_array(arena, 8, 8) };
			size_t counts[2] = { 0, 0 };

			seed = seed * 1103515245 + 12345;
			if (w[i].n != now.n && seed >> 16 & 1)
				continue;
			for (int64_t item = 0; item < 16; item++) {
				seed = seed * 1103515245 + 12345;
				if (seed >> 16 & 1)
					sets[item & 1][counts[item & 1]++] = item / 2 + 1;
			}
			w[i].pos.holes = sets[0];
			w[i].pos.n_holes = counts[0];
			w[i].pos.again = sets[1];
			w[i].pos.n_again = counts[1];
		}
		now.answers = w;
		now.n_answers = n;
		ok(state_collection_save(T, &c, &now));
		struct state_collection back = read_one();
		same_collection(&back, &now);
		c = now;
	}
	end();
	assert_true(ask("select count(*) from mark") <= 2 * 8 * 5);
}

static void
the_latest_and_the_last_used_stay(void **unused)
{
	struct state_collection *list;
	size_t n;

	(void)unused;
	begin(STATE_WRITE);
	make_rows();
	/* The fourth is newer than the second and later, but its key never came back. */
	const int64_t used[] = { 100, 900, 500, 950, 500 };
	const uint32_t base[] = { 1, 1, 1, 0, 1 };
	for (int i = 0; i < 5; i++) {
		struct state_answer w = answer(1, LIST(i), NULL, 0);
		struct state_collection c = { .device = device, .folder = folder, .epoch = i + 1, .n = 1, .base = base[i],
			.options = "", .supported = "", .last_used = used[i], .answers = &w, .n_answers = 1 };

		ok(state_collection_begin(T, &c));
		ok(state_collections(T, arena, device, folder, &list, &n));
		assert_int_equal(n, i < 1 ? 1 : i < 3 ? 2 : 3);
		assert_int_equal(list[0].epoch, i + 1);
		if (i > 0)
			assert_int_equal(list[1].epoch, i);
		if (i > 2)
			assert_int_equal(list[2].epoch, 2);
	}
	/* Others are not touched. */
	struct state_collection other = { .device = device, .folder = folder + 1, .epoch = 9, .options = "",
		.supported = "" };
	ok(state_collection_begin(T, &other));
	ok(state_collections(T, arena, device, folder, &list, &n));
	assert_int_equal(n, 3);
	end();
	assert_int_equal(ask("select count(*) from mark"), 3);
}

static void
the_highest_cutoff_is_over_all_answers(void **unused)
{
	int64_t date, id;

	(void)unused;
	begin(STATE_WRITE);
	make_rows();
	ok(state_highest_cutoff(T, folder, &date, &id));
	assert_true(date == INT64_MIN && id == 0);
	for (int i = 0; i < 3; i++) {
		struct state_answer w[2] = { answer(1, NULL, 0, NULL, 0), answer(2, NULL, 0, NULL, 0) };
		struct state_collection c = { .device = device + i, .folder = folder, .epoch = i + 1, .n = 2,
			.options = "", .supported = "", .answers = w, .n_answers = 2 };

		w[i & 1].pos.cut_date = 100;
		w[i & 1].pos.cut_id = 10 - i;
		w[!(i & 1)].pos.cut_date = 99;
		w[!(i & 1)].pos.cut_id = 1000;
		ok(state_collection_begin(T, &c));
	}
	ok(state_highest_cutoff(T, folder, &date, &id));
	assert_true(date == 100 && id == 10);
	ok(state_highest_cutoff(T, folder + 1, &date, &id));
	assert_true(date == INT64_MIN && id == 0);
	end();
}

static void
a_nothing_new_sync_is_few_statements(void **unused)
{
	struct store_stats before, after;
	struct state_collection *list;
	struct state_folder f;
	struct state_device d;
	const char *text;
	size_t n;

	(void)unused;
	begin(STATE_WRITE);
	make_rows();
	struct state_answer w = answer(1, NULL, 0, NULL, 0);
	struct state_collection c = { .device = device, .folder = folder, .epoch = 9, .n = 1, .options = "",
		.supported = "", .answers = &w, .n_answers = 1 };
	ok(state_collection_begin(T, &c));
	ok(state_request_save(T, device, "sync", "x"));
	end();
	before = store_stats();
	begin(STATE_READ);
	ok(state_device_find(T, arena, "alice", "phone", &d));
	ok(state_request(T, arena, device, "sync", &text));
	ok(state_folder(T, arena, user, folder, &f));
	ok(state_collections(T, arena, device, folder, &list, &n));
	end();
	after = store_stats();
	assert_int_equal(n, 1);
	assert_int_equal(after.statements - before.statements, 4);
	assert_int_equal(after.rows_written, before.rows_written);
	assert_int_equal(after.bytes_written, before.bytes_written);

	/* One new mail: what is written of it. */
	before = store_stats();
	begin(STATE_WRITE);
	make_item(folder, "12345", 1, 1764150000);
	ok(state_folder_advance(T, folder, 1, "uidvalidity 1 uidnext 12346 modseq 99999"));
	struct state_answer w2[2] = { w, answer(2, NULL, 0, NULL, 0) };
	struct state_collection now = c;
	now.n = 2;
	now.answers = w2;
	now.n_answers = 2;
	ok(state_collection_save(T, &c, &now));
	end();
	after = store_stats();
	assert_true(after.bytes_written - before.bytes_written < 512);
	assert_true(after.statements - before.statements <= 4);
}

const struct CMUnitTest collection_tests[] = {
	STORE_TEST(a_collection_is_kept_whole),
	STORE_TEST(it_is_compared_and_swapped),
	STORE_TEST(unchanged_holes_are_not_written_again),
	STORE_TEST(random_marks_are_kept),
	STORE_TEST(the_latest_and_the_last_used_stay),
	STORE_TEST(the_highest_cutoff_is_over_all_answers),
	STORE_TEST(a_nothing_new_sync_is_few_statements),
};
SUITE_END(collection);
