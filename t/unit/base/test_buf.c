/* What buf.h promises: growth up to the maximum, and a failure that sticks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/buf.h"

static int
setup(void **state)
{
	static struct buf b;
	buf_init(&b, 1000);
	*state = &b;
	return 0;
}

static int
teardown(void **state)
{
	buf_finish(*state);
	return 0;
}

static void
pieces_are_appended(void **state)
{
	struct buf *b = *state;
	buf_add(b, "ab", 2);
	buf_add(b, NULL, 0);
	buf_add_str(b, "cd");
	buf_add_byte(b, 'e');
	buf_add_slice(b, slice("fgX", 2));
	buf_printf(b, "%d%s", 12, "!");
	assert_true(buf_ok(b));
	assert_int_equal(b->len, 10);
	assert_string_equal(buf_str(b), "abcdefg12!");
	assert_int_equal(b->len, 10);
	assert_true(slice_eq(buf_slice(b), slice_str("abcdefg12!")));
}

static void
an_empty_buf_is_an_empty_string(void **state)
{
	struct buf *b = *state;
	assert_string_equal(buf_str(b), "");
	assert_int_equal(b->len, 0);
}

static void
the_maximum_is_exact(void **state)
{
	struct buf *b = *state;
	for (int i = 0; i < 1000; i++)
		buf_add_byte(b, 'x');
	assert_true(buf_ok(b));
	assert_int_equal(strlen(buf_str(b)), 1000);
	buf_add_byte(b, 'y');
	assert_false(buf_ok(b));
	assert_null(buf_str(b));
	assert_int_equal(b->len, 1000);
}

static void
a_failure_sticks_until_reset(void **state)
{
	struct buf *b = *state;
	buf_add_str(b, "kept");
	char big[2000] = { 0 };
	buf_add(b, big, sizeof big);
	buf_add_str(b, "no more");
	buf_printf(b, "nor %d", 1);
	assert_false(buf_ok(b));
	assert_int_equal(b->len, 4);
	assert_memory_equal(b->data, "kept", 4);
	assert_null(buf_reserve(b, 1));
	buf_reset(b);
	assert_true(buf_ok(b));
	buf_add_str(b, "new");
	assert_string_equal(buf_str(b), "new");
}

static void
a_printf_beyond_the_maximum_fails_as_a_whole(void **state)
{
	struct buf *b = *state;
	buf_printf(b, "%1001s", "x");
	assert_false(buf_ok(b));
	assert_int_equal(b->len, 0);
}

static void
reserved_room_can_be_filled(void **state)
{
	struct buf *b = *state;
	unsigned char *to = buf_reserve(b, 500);
	assert_non_null(to);
	memset(to, 'z', 500);
	b->len += 500;
	assert_null(buf_reserve(b, 501));
	assert_int_equal(b->len, 500);
}

static void
absurd_sizes_fail(void **state)
{
	(void)state;
	struct buf b;
	buf_init(&b, 0);
	buf_add_str(&b, "x");
	unsigned char *to = buf_reserve(&b, SIZE_MAX);
	bool ok = buf_ok(&b);
	buf_finish(&b);
	assert_null(to);
	assert_false(ok);
}

static void
dropping_moves_the_rest_forward(void **state)
{
	struct buf *b = *state;
	buf_add_str(b, "abcdef");
	buf_drop(b, 2);
	assert_string_equal(buf_str(b), "cdef");
	buf_drop(b, 0);
	assert_string_equal(buf_str(b), "cdef");
	buf_drop(b, 99);
	assert_int_equal(b->len, 0);
}

static void
prepending_moves_the_rest_back(void **state)
{
	struct buf *b = *state;
	buf_prepend(b, "cd", 2);
	buf_prepend(b, "", 0);
	buf_prepend(b, "ab", 2);
	assert_string_equal(buf_str(b), "abcd");
}

static void
slices_compare(void **state)
{
	(void)state;
	assert_true(slice_eq(slice(NULL, 0), slice_str("")));
	assert_true(slice_eq(slice_str("ab"), slice("abc", 2)));
	assert_false(slice_eq(slice_str("ab"), slice_str("abc")));
	assert_false(slice_eq(slice_str("ab"), slice_str("ac")));
	assert_int_equal(slice_str(NULL).len, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(pieces_are_appended, setup, teardown),
		cmocka_unit_test_setup_teardown(an_empty_buf_is_an_empty_string, setup, teardown),
		cmocka_unit_test_setup_teardown(the_maximum_is_exact, setup, teardown),
		cmocka_unit_test_setup_teardown(a_failure_sticks_until_reset, setup, teardown),
		cmocka_unit_test_setup_teardown(a_printf_beyond_the_maximum_fails_as_a_whole, setup, teardown),
		cmocka_unit_test_setup_teardown(reserved_room_can_be_filled, setup, teardown),
		cmocka_unit_test(absurd_sizes_fail),
		cmocka_unit_test_setup_teardown(dropping_moves_the_rest_forward, setup, teardown),
		cmocka_unit_test_setup_teardown(prepending_moves_the_rest_back, setup, teardown),
		cmocka_unit_test(slices_compare),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
