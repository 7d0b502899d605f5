/* What arena.h promises: zeroed and aligned memory, the cap, marks, deferred calls, failure on demand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#endif

static int
setup(void **state)
{
	*state = arena_new(100000);
	return *state ? 0 : -1;
}

static int
teardown(void **state)
{
	struct arena *a = *state;
	arena_free(&a);
	return a ? -1 : 0;
}

static void
memory_is_zeroed_and_aligned(void **state)
{
	struct arena *a = *state;
	for (size_t n = 0; n < 200; n++) {
		unsigned char *p = arena_alloc(a, n);
		assert_non_null(p);
		assert_int_equal((uintptr_t)p % _Alignof(max_align_t), 0);
		for (size_t i = 0; i < n; i++)
			assert_int_equal(p[i], 0);
		memset(p, 0xAA, n);
	}
}

static void
memory_is_zeroed_after_a_rewind(void **state)
{
	struct arena *a = *state;
	char *keep = arena_strdup(a, "kept");
	struct arena_mark m = arena_mark(a);
	char *first = arena_alloc(a, 64);
	memset(first, 0xAA, 64);
	arena_rewind(a, m);
	char *again = arena_alloc(a, 64);
	assert_ptr_equal(first, again);
	for (int i = 0; i < 64; i++)
		assert_int_equal(again[i], 0);
	assert_string_equal(keep, "kept");
}

static void
pieces_do_not_overlap(void **state)
{
	struct arena *a = *state;
	unsigned char *p[300];
	for (size_t i = 0; i < 300; i++) {
		p[i] = arena_alloc(a, 1 + i % 40);
		assert_non_null(p[i]);
		memset(p[i], (int)(i & 0xFF), 1 + i % 40);
	}
	for (size_t i = 0; i < 300; i++) {
		for (size_t j = 0; j < 1 + i % 40; j++)
			assert_int_equal(p[i][j], i & 0xFF);
	}
}

static void
the_cap_bounds_all_blocks(void **state)
{
	struct arena *a = *state;
	size_t got = 0;
	while (arena_alloc(a, 1000)) {
		got += 1000;
		assert_true(arena_size(a) <= 100000);
	}
	/* Nearly all of the cap can be used. */
	assert_true(got > 85000);
	assert_null(arena_alloc(a, 5000));
	struct arena_mark all = { 0 };
	arena_rewind(a, all);
	assert_int_equal(arena_size(a), 0);
	assert_null(arena_alloc(a, 100001));
	assert_non_null(arena_alloc(a, 99000));
	assert_null(arena_alloc(a, 2000));
}

static void
a_request_too_large_for_size_t_fails(void **state)
{
	(void)state;
	struct arena *a = arena_new(0);
	void *huge = arena_alloc(a, SIZE_MAX);
	void *product = arena_array(a, SIZE_MAX / 2, 4);
	void *fine = arena_array(a, 10, 10);
	bool found = fine != NULL;
	arena_free(&a);
	assert_null(huge);
	assert_null(product);
	assert_true(found);
}

static void
without_a_cap_large_pieces_fit(void **state)
{
	(void)state;
	struct arena *a = arena_new(0);
	char *p = arena_alloc(a, 3000000);
	bool found = p != NULL;
	if (p)
		p[2999999] = 1;
	size_t size = arena_size(a);
	arena_free(&a);
	assert_true(found);
	assert_true(size >= 3000000);
}

static void
strings_are_copied(void **state)
{
	struct arena *a = *state;
	assert_string_equal(arena_strdup(a, "hello"), "hello");
	assert_string_equal(arena_strndup(a, "hello", 3), "hel");
	assert_string_equal(arena_strndup(a, "hello", 30), "hello");
	assert_string_equal(arena_strndup(a, "", 0), "");
	assert_string_equal(arena_printf(a, "%s-%d", "x", 7), "x-7");
	assert_memory_equal(arena_memdup(a, "a\0b", 3), "a\0b", 3);
	assert_non_null(arena_memdup(a, NULL, 0));
}

/* ---- deferred calls ---- */

static int calls[16];
static size_t call_count;

static void
note_call(void *obj)
{
	calls[call_count++] = *(int *)obj;
}

static void
defers_run_last_first(void **state)
{
	(void)state;
	static int one = 1, two = 2, three = 3;
	call_count = 0;
	struct arena *a = arena_new(0);
	int failed = arena_defer(a, note_call, &one) | arena_defer(a, note_call, &two);
	struct arena_mark m = arena_mark(a);
	failed |= arena_defer(a, note_call, &three);
	arena_rewind(a, m);
	size_t after_rewind = call_count;
	arena_free(&a);
	assert_int_equal(failed, 0);
	assert_int_equal(after_rewind, 1);
	assert_int_equal(call_count, 3);
	assert_int_equal(calls[0], 3);
	assert_int_equal(calls[1], 2);
	assert_int_equal(calls[2], 1);
}

static void
a_defer_may_use_arena_memory_that_goes_with_it(void **state)
{
	struct arena *a = *state;
	call_count = 0;
	struct arena_mark m = arena_mark(a);
	int *value = arena_alloc(a, sizeof *value);
	*value = 42;
	/* Blocks follow, so that the rewind frees some. */
	for (int i = 0; i < 10; i++)
		assert_non_null(arena_alloc(a, 4000));
	assert_int_equal(arena_defer(a, note_call, value), 0);
	arena_rewind(a, m);
	assert_int_equal(call_count, 1);
	assert_int_equal(calls[0], 42);
	assert_int_equal(arena_size(a), 0);
}

static void
a_defer_that_does_not_fit_is_called_at_once(void **state)
{
	struct arena *a = *state;
	static int nine = 9;
	call_count = 0;
	arena_fail_after(a, 1);
	assert_int_equal(arena_defer(a, note_call, &nine), -1);
	assert_int_equal(call_count, 1);
	arena_rewind(a, (struct arena_mark){ 0 });
	assert_int_equal(call_count, 1);
}

static void
fail_after_counts(void **state)
{
	struct arena *a = *state;
	arena_fail_after(a, 3);
	assert_non_null(arena_alloc(a, 1));
	assert_non_null(arena_strdup(a, "x"));
	assert_null(arena_alloc(a, 1));
	assert_null(arena_strdup(a, "x"));
	assert_null(arena_printf(a, "%d", 1));
	assert_null(arena_array(a, 1, 1));
	arena_fail_after(a, 0);
	assert_non_null(arena_alloc(a, 1));
}

static void
what_is_not_allocated_is_poisoned(void **state)
{
#ifdef __SANITIZE_ADDRESS__
	struct arena *a = *state;
	char *p = arena_alloc(a, 16);
	assert_false(__asan_address_is_poisoned(p + 15));
	assert_true(__asan_address_is_poisoned(p + 16));
	char *q = arena_alloc(a, 5);
	assert_false(__asan_address_is_poisoned(q + 4));
	assert_true(__asan_address_is_poisoned(q + 5));
	struct arena_mark m = arena_mark(a);
	char *r = arena_alloc(a, 8);
	arena_rewind(a, m);
	assert_true(__asan_address_is_poisoned(r));
	assert_false(__asan_address_is_poisoned(q));
#else
	(void)state;
	skip();
#endif
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(memory_is_zeroed_and_aligned, setup, teardown),
		cmocka_unit_test_setup_teardown(memory_is_zeroed_after_a_rewind, setup, teardown),
		cmocka_unit_test_setup_teardown(pieces_do_not_overlap, setup, teardown),
		cmocka_unit_test_setup_teardown(the_cap_bounds_all_blocks, setup, teardown),
		cmocka_unit_test(a_request_too_large_for_size_t_fails),
		cmocka_unit_test(without_a_cap_large_pieces_fit),
		cmocka_unit_test_setup_teardown(strings_are_copied, setup, teardown),
		cmocka_unit_test(defers_run_last_first),
		cmocka_unit_test_setup_teardown(a_defer_may_use_arena_memory_that_goes_with_it, setup, teardown),
		cmocka_unit_test_setup_teardown(a_defer_that_does_not_fit_is_called_at_once, setup, teardown),
		cmocka_unit_test_setup_teardown(fail_after_counts, setup, teardown),
		cmocka_unit_test_setup_teardown(what_is_not_allocated_is_poisoned, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
