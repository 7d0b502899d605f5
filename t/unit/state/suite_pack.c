#include <stdlib.h>

#include "state/pack.h"
#include "store.h"

static void
numbers_come_back(void **unused)
{
	static const int64_t list[] = { 0, 1, -1, 63, 64, -64, -65, 127, 128, INT32_MAX, INT32_MIN, INT64_MAX,
		INT64_MIN, INT64_MAX - 1 };
	AUTO(buf_finish) struct buf b = { 0 };

	(void)unused;
	for (size_t i = 0; i < ARRAY_LEN(list); i++) {
		pack_i64(&b, list[i]);
		pack_u64(&b, (uint64_t)list[i]);
	}
	struct unpack u = { .p = b.data, .end = b.data + b.len };
	for (size_t i = 0; i < ARRAY_LEN(list); i++) {
		assert_true(unpack_i64(&u) == list[i]);
		assert_true(unpack_u64(&u) == (uint64_t)list[i]);
	}
	assert_false(u.bad);
	assert_ptr_equal(u.p, u.end);
	assert_int_equal(unpack_u64(&u), 0);
	assert_true(u.bad);
}

/* Every shorter part, and every byte changed: an error or something else, but no crash and no great memory. */
static void
what_is_broken_is_refused(void **unused)
{
	const int64_t told[] = { 1, 2, 3 };
	struct state_answer w[] = { { .n = 1, .told = told, .n_told = 3 }, { .n = 2, .pos = { .a = 5 } } }, *answers;
	struct state_done d[] = { { .kind = 'a', .client = "c1", .item = 5, .hash = "h" },
		{ .kind = 't', .client = "", .hash = "" } }, *done;
	struct state_hierarchy h = { .keys = { { 1, 2 }, { 3, 4 } }, .n_keys = 2 };
	AUTO(buf_finish) struct buf a = { 0 };
	AUTO(buf_finish) struct buf b = { 0 };
	AUTO(buf_finish) struct buf c = { 0 };
	AUTO(arena_free) struct arena *small = arena_new(65536);
	size_t n;

	(void)unused;
	pack_answers(&a, w, 2);
	pack_done(&b, d, 2);
	pack_hierarchy(&c, &h);
	for (size_t len = 1; len < a.len; len++)
		assert_int_equal(unpack_answers(slice(a.data, len), small, &answers, &n), ERR_INTERNAL);
	for (size_t len = 1; len < b.len; len++)
		assert_int_equal(unpack_done(slice(b.data, len), small, &done, &n), ERR_INTERNAL);
	for (size_t len = 1; len < c.len; len++)
		assert_int_equal(unpack_hierarchy(slice(c.data, len), &h), ERR_INTERNAL);
	for (unsigned i = 0; i < 256 * a.len; i++) {
		struct arena_mark m = arena_mark(small);
		unsigned char *copy = malloc(a.len);

		memcpy(copy, a.data, a.len);
		copy[i / 256] = (unsigned char)i;
		enum err err = unpack_answers(slice(copy, a.len), small, &answers, &n);
		assert_true(err == ERR_OK || err == ERR_INTERNAL);
		memcpy(copy, b.data, b.len < a.len ? b.len : a.len);
		copy[i / 256] = (unsigned char)i;
		err = unpack_done(slice(copy, b.len < a.len ? b.len : a.len), small, &done, &n);
		assert_true(err == ERR_OK || err == ERR_INTERNAL);
		free(copy);
		arena_rewind(small, m);
	}
	assert_int_equal(unpack_answers(slice("", 0), small, &answers, &n), ERR_OK);
	assert_int_equal(n, 0);
}

const struct CMUnitTest pack_tests[] = {
	cmocka_unit_test(numbers_come_back),
	cmocka_unit_test(what_is_broken_is_refused),
};
SUITE_END(pack);
