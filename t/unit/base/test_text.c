/* The text helpers, with the cases at the edges of each. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "base/text.h"

static int
setup(void **state)
{
	*state = arena_new(0);
	return *state ? 0 : -1;
}

static int
teardown(void **state)
{
	struct arena *a = *state;
	arena_free(&a);
	return 0;
}

static void
comparing_is_ascii_only(void **state)
{
	(void)state;
	assert_int_equal(text_casecmp("Sync", "sYNC"), 0);
	assert_true(text_casecmp("a", "B") < 0);
	assert_true(text_casecmp("ab", "a") > 0);
	assert_int_not_equal(text_casecmp("\xC4", "\xE4"), 0);
	assert_int_equal(text_ncasecmp("abX", "ABy", 2), 0);
	assert_int_equal(text_ncasecmp("a", "b", 0), 0);
	assert_true(text_starts("abc", "ab"));
	assert_false(text_starts("a", "ab"));
	assert_true(text_casestarts("ABc", "ab"));
	assert_false(text_casestarts("A", "ab"));
	assert_true(text_ends("abc", "bc"));
	assert_true(text_ends("abc", ""));
	assert_false(text_ends("c", "bc"));
}

static const struct {
	const char *s;
	bool good;
} utf8_cases[] = {
	{ "", true },
	{ "plain", true },
	{ "Gr\xC3\xBC\xC3\x9F" "e", true },
	{ "\xE2\x82\xAC", true },
	{ "\xF0\x9F\x98\x80", true },
	{ "\xF4\x8F\xBF\xBF", true },
	{ "\xEF\xBF\xBF", true },
	{ "\xC3", false },             /* cut */
	{ "\xE2\x82", false },
	{ "\xF0\x9F\x98", false },
	{ "\x80", false },             /* a continuation alone */
	{ "\xC0\x80", false },         /* overlong */
	{ "\xC1\xBF", false },
	{ "\xE0\x80\x80", false },
	{ "\xE0\x9F\xBF", false },
	{ "\xF0\x80\x80\x80", false },
	{ "\xF0\x8F\xBF\xBF", false },
	{ "\xE0\xA0\x80", true },
	{ "\xF0\x90\x80\x80", true },
	{ "\xED\xA0\x80", false },     /* surrogates */
	{ "\xED\xBF\xBF", false },
	{ "\xF4\x90\x80\x80", false }, /* beyond U+10FFFF */
	{ "\xF8\x88\x80\x80\x80", false },
	{ "\xFF", false },
	{ "a\xFC", false },
};

static void
utf8_is_checked_strictly(void **state)
{
	struct arena *a = *state;
	for (size_t i = 0; i < ARRAY_LEN(utf8_cases); i++) {
		const char *s = utf8_cases[i].s;
		size_t n = strlen(s);
		assert_int_equal(text_is_utf8(s, n), utf8_cases[i].good);
		const char *made = text_to_utf8(a, s, n);
		assert_true(text_is_utf8(made, strlen(made)));
	}
	assert_false(text_is_utf8("a\0b", 3));
}

static void
malformed_bytes_are_replaced_one_by_one(void **state)
{
	struct arena *a = *state;
	assert_string_equal(text_to_utf8(a, "a\xFC" "b\xE2\x82", 5), "a\xEF\xBF\xBD" "b\xEF\xBF\xBD\xEF\xBF\xBD");
	assert_string_equal(text_to_utf8(a, "\x01\t\r\n\0x", 6), " \t\r\n x");
	assert_string_equal(text_to_utf8(a, "\xEF\xBF\xBE", 3), "\xEF\xBF\xBD");
	assert_string_equal(text_to_utf8(a, "", 0), "");
	arena_fail_after(a, 1);
	assert_null(text_to_utf8(a, "x", 1));
}

static void
appending_replaces_likewise(void **state)
{
	struct arena *a = *state;
	static const char in[] = "fine\xFC\x01then \xC3\xBC and \xEF\xBF\xBF";
	struct buf b;
	buf_init(&b, 0);
	text_add_utf8(&b, in, sizeof in - 1);
	text_add_utf8(&b, "", 0);
	char *got = arena_strdup(a, buf_str(&b));
	buf_finish(&b);
	assert_string_equal(got, text_to_utf8(a, in, sizeof in - 1));
}

/* Plain text is looked at in blocks: wherever the one byte stands that is not. */
static void
one_byte_is_found_anywhere(void **state)
{
	static const struct {
		const char *byte, *becomes;
		bool utf8;
	} cases[] = { { "\x01", " ", true }, { "\x1f", " ", true }, { "\x80", "\xEF\xBF\xBD", false }, { "\xff", "\xEF\xBF\xBD", false },
		{ "\x7f", "\x7f", true }, { "\t", "\t", true } };
	struct arena *a = *state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		for (int at = 0; at < 100; at++) {
			char *text = arena_printf(a, "%*s%s%*s", at, "", cases[i].byte, 99 - at, "");
			assert_int_equal(text_is_utf8(text, 100), cases[i].utf8);
			assert_string_equal(text_to_utf8(a, text, 100), arena_printf(a, "%*s%s%*s", at, "", cases[i].becomes, 99 - at, ""));
			text[at] = '\0';
			assert_false(text_is_utf8(text, 100));
		}
	}
}

static void
latin1_becomes_utf8(void **state)
{
	struct arena *a = *state;
	assert_string_equal(text_from_latin1(a, "p\xE4ss\xFF\x80", 6), "p\xC3\xA4ss\xC3\xBF\xC2\x80");
	assert_string_equal(text_from_latin1(a, "", 0), "");
}

static void
cutting_splits_no_character(void **state)
{
	(void)state;
	static const char s[] = "a\xC3\xA4\xE2\x82\xAC\xF0\x9F\x98\x80z";
	static const size_t expected[] = { 0, 1, 1, 3, 3, 3, 6, 6, 6, 6, 10, 11, 11, 11 };
	for (size_t n = 0; n < ARRAY_LEN(expected); n++)
		assert_int_equal(text_cut(s, n), expected[n]);
	/* Garbage is cut where asked and not looked for a beginning it has not. */
	assert_int_equal(text_cut("\x80\x80\x80\x80\x80\x80", 5), 5);
}

static void
numbers_are_whole_and_bounded(void **state)
{
	(void)state;
	uint64_t u = 7;
	int64_t i = 7;
	assert_true(text_to_u64("0", &u));
	assert_int_equal(u, 0);
	assert_true(text_to_u64("18446744073709551615", &u));
	assert_true(u == UINT64_MAX);
	static const char *const bad[] = { "", " 1", "1 ", "+1", "-1", "0x1", "1a", "18446744073709551616", "99999999999999999999" };
	for (size_t n = 0; n < ARRAY_LEN(bad); n++)
		assert_false(text_to_u64(bad[n], &u));
	assert_true(text_to_i64("-9223372036854775808", &i));
	assert_true(i == INT64_MIN);
	assert_true(text_to_i64("9223372036854775807", &i));
	assert_true(i == INT64_MAX);
	assert_true(text_to_i64("-1", &i));
	assert_int_equal(i, -1);
	static const char *const bad_signed[] = { "", "-", "--1", "9223372036854775808", "-9223372036854775809", "- 1" };
	for (size_t n = 0; n < ARRAY_LEN(bad_signed); n++)
		assert_false(text_to_i64(bad_signed[n], &i));
}

static void
hex_goes_both_ways(void **state)
{
	(void)state;
	char hex[7];
	text_hex("\x00\xAB\x7f", 3, hex);
	assert_string_equal(hex, "00ab7f");
	unsigned char out[3];
	assert_int_equal(text_unhex("00aB7F", out, 3), 3);
	assert_memory_equal(out, "\x00\xAB\x7f", 3);
	assert_int_equal(text_unhex("", out, 3), 0);
	assert_int_equal(text_unhex("0", out, 3), -1);
	assert_int_equal(text_unhex("000", out, 3), -1);
	assert_int_equal(text_unhex("0g", out, 3), -1);
	assert_int_equal(text_unhex("00000000", out, 3), -1);
}

static const struct {
	const char *plain, *coded;
} base64_cases[] = {
	{ "", "" },
	{ "f", "Zg==" },
	{ "fo", "Zm8=" },
	{ "foo", "Zm9v" },
	{ "foob", "Zm9vYg==" },
	{ "fooba", "Zm9vYmE=" },
	{ "foobar", "Zm9vYmFy" },
};

static void
base64_goes_both_ways(void **state)
{
	struct arena *a = *state;
	for (size_t i = 0; i < ARRAY_LEN(base64_cases); i++) {
		const char *plain = base64_cases[i].plain, *coded = base64_cases[i].coded;
		assert_string_equal(text_base64(a, plain, strlen(plain)), coded);
		size_t n = 99;
		const unsigned char *back = text_unbase64(a, coded, strlen(coded), &n);
		assert_non_null(back);
		assert_int_equal(n, strlen(plain));
		assert_memory_equal(back, plain, n);
		/* Padding may be missing. */
		back = text_unbase64(a, coded, strcspn(coded, "="), &n);
		assert_non_null(back);
		assert_int_equal(n, strlen(plain));
	}
	unsigned char all[256];
	for (int i = 0; i < 256; i++)
		all[i] = (unsigned char)i;
	size_t n;
	const char *coded = text_base64(a, all, sizeof all);
	assert_memory_equal(text_unbase64(a, coded, strlen(coded), &n), all, sizeof all);
	assert_int_equal(n, sizeof all);
}

/* Of any length, over several blocks, and without a byte of what stands before. */
static void
base64_is_made_in_place(void **state)
{
	static const size_t lengths[] = { 0, 1, 2, 3, 4, 767, 768, 769, 770, 1536, 5000 };
	struct arena *a = *state;
	unsigned char all[5000];
	for (size_t i = 0; i < sizeof all; i++)
		all[i] = (unsigned char)(i * 7 + i / 256);
	for (size_t i = 0; i < ARRAY_LEN(lengths); i++) {
		struct buf b AUTO(buf_finish);
		buf_init(&b, 0);
		buf_add_str(&b, "head:");
		buf_add(&b, all, lengths[i]);
		text_base64_from(&b, 5);
		assert_string_equal(buf_str(&b), arena_printf(a, "head:%s", text_base64(a, all, lengths[i])));
	}
	struct buf small AUTO(buf_finish);
	buf_init(&small, 5);
	buf_add(&small, all, 4);
	text_base64_from(&small, 0);
	assert_false(buf_ok(&small));
}

static void
base64_skips_white_space_and_refuses_the_rest(void **state)
{
	struct arena *a = *state;
	size_t n = 0;
	const unsigned char *out = text_unbase64(a, " Zm9v\r\n\tYm Fy ", 14, &n);
	assert_non_null(out);
	assert_int_equal(n, 6);
	assert_memory_equal(out, "foobar", 6);
	static const char *const bad[] = { "Z", "Zm9vY", "Zm9v=", "Zg===", "Z===", "=Zg=", "Zg=x", "Zm-v", "Zm_v", "Zm9\x80", "====" };
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		assert_false(text_is_base64(bad[i], strlen(bad[i])));
		assert_null(text_unbase64(a, bad[i], strlen(bad[i]), &n));
	}
	assert_null(text_unbase64(a, "Zm\0v", 4, &n));
}

static void
percent_goes_both_ways(void **state)
{
	struct arena *a = *state;
	assert_string_equal(text_unpercent(a, "a%20b%2Bc%c3%A4", 15, false), "a b+c\xC3\xA4");
	assert_string_equal(text_unpercent(a, "a+b", 3, true), "a b");
	assert_string_equal(text_unpercent(a, "a+b", 3, false), "a+b");
	assert_string_equal(text_unpercent(a, "", 0, false), "");
	static const char *const bad[] = { "%", "%2", "%2g", "a%0", "%00", "%g0" };
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_null(text_unpercent(a, bad[i], strlen(bad[i]), false));
	assert_null(text_unpercent(a, "a\0b", 3, false));
	/* Not a byte behind the end is looked at. */
	assert_null(text_unpercent(a, "%20", 2, false));
	assert_string_equal(text_percent(a, "a b/c@\xC3\xA4~-._", NULL), "a%20b%2Fc%40%C3%A4~-._");
	assert_string_equal(text_percent(a, "a/b@c", "/@"), "a/b@c");
}

static void
names_are_expanded(void **state)
{
	struct arena *a = *state;
	assert_string_equal(text_expand(a, "%u", "bob@example.com", NULL), "bob@example.com");
	assert_string_equal(text_expand(a, "x-%l-%d%%", "bob@example.com", "other"), "x-bob-example.com%");
	assert_string_equal(text_expand(a, "%l|%d", "bob", "other"), "bob|other");
	assert_string_equal(text_expand(a, "%l|%d", "bob", NULL), "bob|");
	assert_string_equal(text_expand(a, "%l|%d", "a@b@c", NULL), "a@b|c");
	assert_string_equal(text_expand(a, "", "bob", NULL), "");
	/* What the user typed is not expanded again. */
	assert_string_equal(text_expand(a, "%u", "%u%d", "x"), "%u%d");
	assert_null(text_expand(a, "%x", "bob", NULL));
	assert_null(text_expand(a, "bad%", "bob", NULL));
	arena_fail_after(a, 1);
	assert_null(text_expand(a, "%u", "bob", NULL));
}

static void
controls_are_escaped(void **state)
{
	static const struct {
		const char *in, *out;
	} rows[] = {
		{ "", "" }, { "Entw\xc3\xbcrfe \\ \"x\"", "Entw\xc3\xbcrfe \\ \"x\"" }, { "a\x1b[2Jb", "a\\x1b[2Jb" },
		{ "\r\n\t\x7f", "\\x0d\\x0a\\x09\\x7f" }, { "\xc2\x9b" "1m", "\\xc2\\x9b1m" }, { "\xff\xe2\x82", "\\xff\\xe2\\x82" },
		{ "\xe2\x80\xae" "a\xe2\x80\xa8", "\\xe2\\x80\\xaea\\xe2\\x80\\xa8" }, { "\xe2\x81\xa6\xd8\x9c", "\\xe2\\x81\\xa6\\xd8\\x9c" },
		{ "\xe2\x80\x93\xe2\x82\xac\xe2\x81\xa5\xd8\x9b", "\xe2\x80\x93\xe2\x82\xac\xe2\x81\xa5\xd8\x9b" },
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		assert_string_equal(text_escape(*state, rows[i].in), rows[i].out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(comparing_is_ascii_only),
		cmocka_unit_test_setup_teardown(utf8_is_checked_strictly, setup, teardown),
		cmocka_unit_test_setup_teardown(malformed_bytes_are_replaced_one_by_one, setup, teardown),
		cmocka_unit_test_setup_teardown(appending_replaces_likewise, setup, teardown),
		cmocka_unit_test_setup_teardown(one_byte_is_found_anywhere, setup, teardown),
		cmocka_unit_test_setup_teardown(latin1_becomes_utf8, setup, teardown),
		cmocka_unit_test_setup_teardown(controls_are_escaped, setup, teardown),
		cmocka_unit_test(cutting_splits_no_character),
		cmocka_unit_test(numbers_are_whole_and_bounded),
		cmocka_unit_test(hex_goes_both_ways),
		cmocka_unit_test_setup_teardown(base64_goes_both_ways, setup, teardown),
		cmocka_unit_test_setup_teardown(base64_is_made_in_place, setup, teardown),
		cmocka_unit_test_setup_teardown(base64_skips_white_space_and_refuses_the_rest, setup, teardown),
		cmocka_unit_test_setup_teardown(percent_goes_both_ways, setup, teardown),
		cmocka_unit_test_setup_teardown(names_are_expanded, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
