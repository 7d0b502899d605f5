/* The lossless tree of iCalendar: reading, writing, values, limits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/text.h"
#include "eas/ical.h"

static int
setup(void **state)
{
	struct ical_mem *m = calloc(1, sizeof *m);

	assert_non_null(m);
	m->a = arena_new(0);
	*state = m;
	return 0;
}

static int
teardown(void **state)
{
	struct ical_mem *m = *state;

	arena_free(&m->a);
	free(m);
	return 0;
}

static struct ical *
parse(struct ical_mem *m, const char *text)
{
	struct ical *root;

	assert_int_equal(ical_read(m, slice_str(text), &root, NULL), ERR_OK);
	return root;
}

static const char *
written(struct ical_mem *m, const struct ical *root)
{
	struct buf b;

	buf_init(&b, 0);
	ical_write(root, &b);
	assert_true(buf_ok(&b));
	const char *s = b.len ? arena_strndup(m->a, (const char *)b.data, b.len) : "";
	buf_finish(&b);
	return s;
}

static void
untouched_bytes_stay(void **state)
{
	static const char *const texts[] = {
		"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nBEGIN:VEVENT\r\nSUMMARY:a\r\n b\r\n\tc\r\nX-ODD;P=\"a:b;c\";Q=^n:v:w;x\r\nno colon here\r\n"
		"x-lower;p=1:v\r\nEND:VEVENT\r\nX-BEHIND:1\r\nEND:VCALENDAR\r\n",
		"BEGIN:VCALENDAR\r\n;odd:line\r\n:\r\n;\r\nDESCRIPTION;ENCODING=QUOTED-PRINTABLE:a=0D=0A=\r\nb\r\nEND:VCALENDAR\r\n",
		"BEGIN:VCALENDAR\r\nX:\xFF\xFE\x80\r\nEND:VCALENDAR\r\n",
		"BEGIN:VCALENDAR\r\nBEGIN:VTODO\r\nBEGIN:\r\nRRULE:?\r\nEND:\r\nEND:VTODO\r\nEND:VCALENDAR\r\n",
	};
	struct ical_mem *m = *state;

	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		assert_string_equal(written(m, parse(m, texts[i])), texts[i]);
}

static void
line_ends_of_every_kind(void **state)
{
	struct ical_mem *m = *state;
	const char *want = "BEGIN:VCALENDAR\r\nA:1\r\n 2\r\nB:3\r\nEND:VCALENDAR\r\n";

	assert_string_equal(written(m, parse(m, "BEGIN:VCALENDAR\nA:1\n 2\nB:3\nEND:VCALENDAR")), want);
	assert_string_equal(written(m, parse(m, "BEGIN:VCALENDAR\rA:1\r 2\rB:3\rEND:VCALENDAR\r")), want);
	assert_string_equal(written(m, parse(m, "\xEF\xBB\xBF" "begin:vcalendar\r\n\r\nA:1\r\n 2\n\nB:3\r\nEnd:vcalendar \r\n\r\n")), want);
	assert_string_equal(ical_value(ical_component(parse(m, want), "VCALENDAR"), "A"), "12");
}

static void
ends_that_are_missing_or_too_many(void **state)
{
	struct ical_mem *m = *state;

	assert_string_equal(written(m, parse(m, "END:X\nBEGIN:VCALENDAR\nBEGIN:VEVENT\nEND:VALARM\nA:1\n")),
		"BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nA:1\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n");
	assert_string_equal(written(m, parse(m, "BEGIN:VCALENDAR\nBEGIN:VEVENT\nA:1\nEND:VCALENDAR\nBEGIN:VTODO\n")),
		"BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nA:1\r\nEND:VEVENT\r\nEND:VCALENDAR\r\nBEGIN:VTODO\r\nEND:VTODO\r\n");
}

static void
limits(void **state)
{
	struct ical_mem *m = *state;
	struct ical *root;
	struct buf b;

	buf_init(&b, 0);
	for (unsigned i = 0; i < ICAL_DEPTH_MAX; i++)
		buf_add_str(&b, "BEGIN:X\n");
	assert_int_equal(ical_read(m, buf_slice(&b), &root, NULL), ERR_OK);
	buf_add_str(&b, "BEGIN:X\n");
	assert_int_equal(ical_read(m, buf_slice(&b), &root, NULL), ERR_LIMIT);
	buf_reset(&b);
	for (unsigned i = 0; i < 3000; i++)
		buf_add_str(&b, "BEGIN:X\n");
	assert_int_equal(ical_read(m, buf_slice(&b), &root, NULL), ERR_LIMIT);
	buf_reset(&b);
	buf_add_str(&b, "BEGIN:X\n");
	for (unsigned i = 0; i < ICAL_LINES_MAX; i++)
		buf_add_str(&b, "A:1\n");
	assert_int_equal(ical_read(m, buf_slice(&b), &root, NULL), ERR_LIMIT);
	buf_reset(&b);
	assert_non_null(buf_reserve(&b, ICAL_BYTES_MAX + 1u));
	memset(b.data, 'A', ICAL_BYTES_MAX + 1u);
	b.len = ICAL_BYTES_MAX + 1u;
	assert_int_equal(ical_read(m, buf_slice(&b), &root, NULL), ERR_LIMIT);
	buf_finish(&b);
	assert_int_equal(ical_read(m, slice_str("SUMMARY:x\n"), &root, NULL), ERR_INVALID);
	assert_int_equal(ical_read(m, slice(NULL, 0), &root, NULL), ERR_INVALID);
}

static void
parameters(void **state)
{
	struct ical_mem *m = *state;
	struct ical *line = ical_line(ical_component(parse(m, "BEGIN:X\nA;B=c;D=\"e;f:g\";H=^'i^n^^;J:v\nEND:X\n"), "X"), "A");

	assert_string_equal(line->value, "v");
	assert_string_equal(ical_param(m, line, "B"), "c");
	assert_string_equal(ical_param(m, line, "d"), "e;f:g");
	assert_string_equal(ical_param(m, line, "H"), "\"i\n^");
	assert_string_equal(ical_param(m, line, "J"), "");
	assert_null(ical_param(m, line, "K"));
	assert_true(ical_param_is(line, "B", "C"));
	assert_true(ical_param_is(line, "D", "E;F:G"));
	ical_put_param(m, line, "B", "x,y\"z\n");
	ical_put_param(m, line, "J", NULL);
	ical_put_param(m, line, "NEW", "1");
	assert_string_equal(line->params, ";D=\"e;f:g\";H=^'i^n^^;B=\"x,y^'z^n\";NEW=1");
	assert_string_equal(ical_param(m, line, "B"), "x,y\"z\n");
}

static void
texts(void **state)
{
	struct ical_mem *m = *state;
	struct ical *c = ical_component(parse(m, "BEGIN:X\nA:a\\nb\\Nc\\,d\\;e\\\\f\\\nL:one,two\\,three,, four \n"
		"Q;ENCODING=QUOTED-PRINTABLE;CHARSET=UTF-8:=C3=A4=0D=0A=\nx=3Dy=zz\nBAD:\xFFx\nEND:X\n"), "X");
	size_t n;

	assert_string_equal(ical_text(m, ical_line(c, "A")), "a\nb\nc,d;e\\f\\");
	const char **list = ical_texts(m, ical_line(c, "L"), &n);
	assert_int_equal(n, 3);
	assert_string_equal(list[1], "two,three");
	assert_string_equal(list[2], "four ");
	assert_string_equal(ical_text(m, ical_line(c, "Q")), "\xC3\xA4\nx=yzz");
	assert_true(text_is_utf8(ical_text(m, ical_line(c, "BAD")), strlen(ical_text(m, ical_line(c, "BAD")))));
	assert_string_equal(ical_text(m, NULL), "");
	assert_string_equal(ical_escape(m, "a\r\nb,c;d\\e\x01" "f"), "a\\nb\\,c\\;d\\\\ef");
}

static void
new_lines_are_folded(void **state)
{
	struct ical_mem *m = *state;
	struct ical *root = parse(m, "BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nOLD:1\r\nBEGIN:VALARM\r\nEND:VALARM\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n");
	struct ical *event = ical_component(ical_component(root, "VCALENDAR"), "VEVENT");
	char text[400];

	for (size_t i = 0; i < 199; i++)
		memcpy(text + 2 * i, "\xC3\xA4", 2);
	text[398] = '\0';
	ical_put_text(m, event, "SUMMARY", text);
	const char *out = written(m, root);
	/* Each line has at most 75 octets and is whole characters; unfolded it is the text. */
	for (const char *p = out; *p;) {
		size_t n = strcspn(p, "\r");
		assert_true(n <= 75);
		assert_true(text_is_utf8(p, n));
		assert_true(p[n + 1] == '\n');
		p += n + 2;
	}
	struct ical *again = ical_component(ical_component(parse(m, out), "VCALENDAR"), "VEVENT");
	assert_string_equal(ical_text(m, ical_line(again, "SUMMARY")), text);
	/* Lines come before components. */
	assert_true(strstr(out, "SUMMARY") < strstr(out, "VALARM"));
}

static void
changes(void **state)
{
	struct ical_mem *m = *state;
	struct ical *root = parse(m, "BEGIN:X\nA;P=1:1\nB:2\nA:3\nA:4\nC:5\nEND:X\n"), *x = ical_component(root, "X");

	ical_put(m, x, "A", NULL, "new");
	assert_string_equal(written(m, root), "BEGIN:X\r\nA;P=1:new\r\nB:2\r\nC:5\r\nEND:X\r\n");
	ical_put(m, x, "C", NULL, NULL);
	ical_put(m, x, "D", ";Q=2", "6");
	struct ical *copy = ical_clone(m, x);
	ical_remove_lines(x, "B");
	assert_string_equal(written(m, root), "BEGIN:X\r\nA;P=1:new\r\nD;Q=2:6\r\nEND:X\r\n");
	ical_append(root, copy);
	assert_string_equal(written(m, root), "BEGIN:X\r\nA;P=1:new\r\nD;Q=2:6\r\nEND:X\r\nBEGIN:X\r\nA;P=1:new\r\nB:2\r\nD;Q=2:6\r\nEND:X\r\n");
	ical_remove(x);
	ical_remove(copy);
	assert_string_equal(written(m, root), "");
}

static void
dates(void **state)
{
	static const struct {
		const char *text;
		int64_t t;
		bool ok, date, utc;
	} rows[] = {
		{ "19700101", 0, true, true, false },
		{ "19700101T000001", 1, true, false, false },
		{ "20260301T100000Z", 1772359200, true, false, true },
		{ "2026-03-01T10:00:00.000Z", 1772359200, true, false, true },
		{ "2026-03-01T10:00:00Z", 1772359200, true, false, true },
		{ "20240229", 1709164800, true, true, false },
		{ "99991231T235959Z", 253402300799, true, false, true },
		{ "00010101", -62135596800, true, true, false },
		{ "20250229", 0, false, false, false },
		{ "20261301", 0, false, false, false },
		{ "20260100", 0, false, false, false },
		{ "20260101T240000", 0, false, false, false },
		{ "20260101T1000", 0, false, false, false },
		{ "20260101X", 0, false, false, false },
		{ "", 0, false, false, false },
		{ "00000101", 0, false, false, false },
	};
	struct ical_time t;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		assert_int_equal(ical_time_parse(rows[i].text, &t), rows[i].ok);
		if (rows[i].ok)
			assert_true(t.t == rows[i].t && t.date == rows[i].date && t.utc == rows[i].utc);
	}
	/* There and back over 12,000 years, and each day's weekday is the next one. */
	unsigned weekday = ical_weekday(-377705116800 - 86400);
	for (int64_t day = -377705116800; day < 253402300800; day += 86400) {
		struct ical_civil c;
		ical_civil(day + 12345, &c);
		assert_true(ical_seconds(&c) == day + 12345);
		assert_true(ical_midnight(day + 12345) == day);
		assert_true(ical_weekday(day) == (weekday + 1) % 7);
		weekday = ical_weekday(day);
	}
}

static void
durations(void **state)
{
	static const struct {
		const char *text;
		int64_t seconds;
		bool ok;
	} rows[] = {
		{ "PT15M", 900, true }, { "-PT15M", -900, true }, { "P1DT2H3M4S", 93784, true }, { "P2W", 1209600, true }, { "+P1D", 86400, true },
		{ "PT0S", 0, true }, { "P", 0, false }, { "PT", 0, false }, { "15M", 0, false }, { "P1X", 0, false }, { "", 0, false },
		{ "P9999999999D", 0, false }, { "PT1M ", 60, true }, { "PT5", 0, false },
	};
	int64_t v;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		if (ical_duration_parse(rows[i].text, &v) != rows[i].ok)
			fail_msg("%s", rows[i].text);
		if (rows[i].ok)
			assert_true(v == rows[i].seconds);
	}
}

static void
out_of_memory(void **state)
{
	const char *text = "BEGIN:VCALENDAR\nA;B=c:d\nBEGIN:VEVENT\nE:f\n g\nEND:VEVENT\nEND:VCALENDAR\n";
	bool done = false;

	(void)state;
	for (size_t n = 1; !done; n++) {
		struct ical_mem m = { .a = arena_new(0) };
		struct ical *root;
		arena_fail_after(m.a, n);
		enum err err = ical_read(&m, slice_str(text), &root, NULL);
		done = err == ERR_OK;
		assert_true(done || err == ERR_NOMEM);
		arena_free(&m.a);
	}
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(untouched_bytes_stay),
		TEST(line_ends_of_every_kind),
		TEST(ends_that_are_missing_or_too_many),
		TEST(limits),
		TEST(parameters),
		TEST(texts),
		TEST(new_lines_are_folded),
		TEST(changes),
		TEST(dates),
		TEST(durations),
		TEST(out_of_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
