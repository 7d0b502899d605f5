/* t/unit/eas/test_vcard.c - what is not touched keeps its bytes, what is touched says what was meant. */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "eas/vcard.h"

static struct arena *arena;

static int
set_up(void **state)
{
	(void)state;
	arena = arena_new(64u << 20);
	return arena ? 0 : -1;
}

static int
tear_down(void **state)
{
	(void)state;
	arena_free(&arena);
	return 0;
}

static struct vcard *
card(const char *text)
{
	struct vcard *v;
	assert_int_equal(vcard_parse(arena, slice_str(text), &v, NULL), ERR_OK);
	return v;
}

static const char *
written(struct vcard *v)
{
	struct buf out;
	buf_init(&out, 0);
	assert_int_equal(vcard_write(v, &out), ERR_OK);
	char *s = arena_strndup(arena, (const char *)out.data, out.len);
	buf_finish(&out);
	return s;
}

static struct vcard_prop *
prop(struct vcard *v, const char *name)
{
	struct vcard_prop *p = vcard_find(v, name);
	assert_non_null(p);
	return p;
}

/* A card around properties; version "" for none. */
static struct vcard *
with(const char *version, const char *props)
{
	return card(arena_printf(arena, "BEGIN:VCARD\r\nVERSION:%s\r\n%sEND:VCARD\r\n", version, props));
}

static void
reads_values(void **state)
{
	static const struct {
		const char *version, *props, *text;
	} rows[] = {
		{ "3.0", "NOTE:plain\r\n", "plain" },
		{ "3.0", "NOTE:fol\r\n ded and \r\n\tagain\r\n", "folded and again" },
		{ "2.1", "NOTE:folded\r\n at a space\r\n", "folded at a space" },
		{ "3.0", "NOTE:a\\, b\\; c\\nd\\\\e\r\n", "a, b; c\nd\\e" },
		{ "2.1", "NOTE;QUOTED-PRINTABLE:a=0D=0Ab=\r\nc\r\n", "a\nbc" },
		{ "2.1", "NOTE;ENCODING=QUOTED-PRINTABLE;CHARSET=ISO-8859-1:M=FCller\r\n", "M\xC3\xBCller" },
		{ "2.1", "NOTE;CHARSET=SHIFT_JIS;ENCODING=QUOTED-PRINTABLE:=88=C0\r\n", "\xE5\xAE\x89" },
		{ "2.1", "NOTE:M\xFCller\r\n", "M\xC3\xBCller" },
		{ "2.1", "NOTE;CHARSET=no-such-charset:x\r\n", "x" },
		{ "4.0", "item1.NOTE;X=\"a:b;c\":v\r\n", "v" },
		{ "3.0", "NOTE;X=\"never closed:v\r\n", "v" },
		{ "4.0", "NO\r\n TE;X=1\r\n :v\r\n", "v" },
		{ "3.0", "note:lower\r\n", "lower" },
	};
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct vcard *v = with(rows[i].version, rows[i].props);
		assert_string_equal(vcard_text(v, prop(v, "NOTE")), rows[i].text);
	}
}

static void
reads_structure_and_types(void **state)
{
	(void)state;
	struct vcard *v = with("3.0", "N:a\\;b;c,d;;e\r\nTEL;TYPE=home,\"work\";type=pref:1\r\nCATEGORIES:x\\,y,,z\r\n"
		"i.EMAIL:q\r\ni.X-ABLabel:_$!<Other>!$_\r\n");
	const struct vcard_prop *n = prop(v, "N"), *tel = prop(v, "TEL");
	assert_string_equal(vcard_component(v, n, 0), "a;b");
	assert_string_equal(vcard_component(v, n, 1), "c,d");
	assert_string_equal(vcard_component(v, n, 2), "");
	assert_string_equal(vcard_component(v, n, 3), "e");
	assert_string_equal(vcard_component(v, n, 9), "");
	assert_true(vcard_has_type(tel, "HOME"));
	assert_true(vcard_has_type(tel, "work"));
	assert_true(vcard_has_type(tel, "PREF"));
	assert_false(vcard_has_type(tel, "ome"));
	const char **list = vcard_list(v, prop(v, "CATEGORIES"), 9);
	assert_string_equal(list[0], "x,y");
	assert_string_equal(list[1], "z");
	assert_null(list[2]);
	assert_string_equal(vcard_label(v, prop(v, "EMAIL")), "Other");
	v = with("2.1", "TEL;WORK;FAX;ENCODING=8BIT:1\r\n");
	assert_true(vcard_has_type(prop(v, "TEL"), "work"));
	assert_false(vcard_has_type(prop(v, "TEL"), "8BIT"));
}

static void
reads_bytes(void **state)
{
	static const struct {
		const char *version, *props;
		bool ok;
	} rows[] = {
		{ "3.0", "PHOTO;ENCODING=b;TYPE=PNG:YW\r\n Jj\r\n", true },
		{ "2.1", "PHOTO;BASE64:\r\n YWJj\r\n\r\n", true },
		{ "2.1", "PHOTO;ENCODING=BASE64:YWJj\r\n\r\n", true },
		{ "4.0", "PHOTO:data:image/png;base64,YWJj\r\n", true },
		{ "4.0", "PHOTO:data:image/png;base64\\,YWJj\r\n", true },
		{ "3.0", "PHOTO;ENCODING=b:data:image/png;base64,YWJj\r\n", true },
		{ "3.0", "PHOTO;VALUE=uri:http://example.org/a.png\r\n", false },
		{ "3.0", "PHOTO;ENCODING=b:***\r\n", false },
	};
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct vcard *v = with(rows[i].version, rows[i].props);
		struct slice bytes;
		assert_int_equal(vcard_bytes(v, prop(v, "PHOTO"), &bytes), rows[i].ok);
		if (rows[i].ok)
			assert_true(slice_eq(bytes, slice_str("abc")));
	}
	struct vcard *v = with("2.1", "PHOTO;BASE64:YWJj\r\nYWJj\r\n\r\nFN:x\r\n");
	struct slice bytes;
	assert_true(vcard_bytes(v, prop(v, "PHOTO"), &bytes));
	assert_int_equal(bytes.len, 6);
}

static void
takes_the_first_of_many(void **state)
{
	(void)state;
	struct vcard *v = card("junk\nBEGIN:VCARD\nFN:1\nAGENT:\nBEGIN:VCARD\nFN:in\nEND:VCARD\nNOTE:n\nEND:VCARD\nBEGIN:VCARD\nFN:2\nEND:VCARD\n");
	assert_string_equal(vcard_text(v, prop(v, "FN")), "1");
	assert_null(vcard_next(prop(v, "FN"), "FN"));
	assert_string_equal(vcard_text(v, prop(v, "NOTE")), "n");
}

static void
refuses(void **state)
{
	(void)state;
	struct vcard *v;
	assert_int_equal(vcard_parse(arena, slice_str(""), &v, NULL), ERR_INVALID);
	assert_int_equal(vcard_parse(arena, slice_str("BEGIN:VCALENDAR\nEND:VCALENDAR\n"), &v, NULL), ERR_INVALID);
	struct buf b;
	buf_init(&b, 0);
	buf_add_str(&b, "BEGIN:VCARD\n");
	for (unsigned i = 0; i <= VCARD_PROPS_MAX; i++)
		buf_add_str(&b, "X:\n");
	assert_int_equal(vcard_parse(arena, buf_slice(&b), &v, NULL), ERR_LIMIT);
	buf_reset(&b);
	buf_add_str(&b, "BEGIN:VCARD\nX");
	for (unsigned i = 0; i <= VCARD_PARAMS_MAX; i++)
		buf_add_str(&b, ";A=1");
	buf_add_str(&b, ":\n");
	assert_int_equal(vcard_parse(arena, buf_slice(&b), &v, NULL), ERR_LIMIT);
	buf_reset(&b);
	buf_add_str(&b, "BEGIN:VCARD\n");
	for (unsigned i = 0; i <= VCARD_HEAD_MAX; i++)
		buf_add_byte(&b, 'x');
	assert_int_equal(vcard_parse(arena, buf_slice(&b), &v, NULL), ERR_LIMIT);
	buf_finish(&b);
}

#define AROUND "BEGIN:VCARD\r\nVERSION:%s\r\nX-ODD;;=:\\q\r\n\r\nno colon\r\n%sTEL:\r\n 1\r\nEND:VCARD\r\n"

static void
changes_one_property_only(void **state)
{
	static const struct {
		const char *version, *before, *text, *after;
	} rows[] = {
		{ "3.0", "i.NOTE;X-P=1;CHARSET=latin1:old\r\n y\r\n", "a,b;c\nd\\", "i.NOTE;X-P=1:a\\,b\\;c\\nd\\\\\r\n" },
		{ "4.0", "NOTE;LANGUAGE=de:old\r\n", "\xC3\xA4", "NOTE;LANGUAGE=de:\xC3\xA4\r\n" },
		{ "2.1", "NOTE;X;QUOTED-PRINTABLE:=41\r\n", "plain", "NOTE;X:plain\r\n" },
		{ "2.1", "NOTE:old\r\n", "a\n\xC3\xA4", "NOTE;ENCODING=QUOTED-PRINTABLE;CHARSET=UTF-8:a=0D=0A=C3=A4\r\n" },
	};
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct vcard *v = card(arena_printf(arena, AROUND, rows[i].version, rows[i].before));
		struct vcard_prop *p = prop(v, "NOTE");
		vcard_set(v, p, vcard_escape(v, rows[i].text, ""));
		const char *out = written(v);
		assert_string_equal(out, arena_printf(arena, AROUND, rows[i].version, rows[i].after));
		v = card(out);
		assert_string_equal(vcard_text(v, prop(v, "NOTE")), rows[i].text);
	}
}

static void
changes_parts(void **state)
{
	static const struct {
		const char *before;
		unsigned i;
		const char *text, *after;
	} rows[] = {
		{ "N:a;b\r\n", 3, "Dr.", "N:a;b;;Dr.;\r\n" },
		{ "N:a\\;;b,c;d;e;f\r\n", 0, "x;", "N:x\\;;b,c;d;e;f\r\n" },
		{ "ORG:A;B;C\r\n", 1, "", "ORG:A;;C\r\n" },
		{ "ORG:A;B\r\n", 1, "", "ORG:A\r\n" },
		{ "ORG:\r\n", 1, "B", "ORG:;B\r\n" },
		{ "ADR:;;s\r\n", 3, "t", "ADR:;;s;t;;;\r\n" },
		{ "ADR:1;2;3;4;5;6;7;8\r\n", 6, "", "ADR:1;2;3;4;5;6;;8\r\n" },
	};
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct vcard *v = with("3.0", rows[i].before);
		struct vcard_prop *p = v->first->next;
		vcard_set_component(v, p, rows[i].i, rows[i].text);
		assert_string_equal(written(v), written(with("3.0", rows[i].after)));
	}
}

static void
adds_and_removes(void **state)
{
	(void)state;
	struct vcard *v = with("3.0", "item1.TEL:1\r\nitem1.X-ABLabel:l\r\nitem2.TEL:2\r\nitem2.X-ABLabel:m\r\nFN:x\r\n");
	vcard_add(v, "TEL", "HOME VOICE", "3");
	assert_string_equal(written(v), "BEGIN:VCARD\r\nVERSION:3.0\r\nitem1.TEL:1\r\nitem1.X-ABLabel:l\r\nitem2.TEL:2\r\n"
		"TEL;TYPE=HOME;TYPE=VOICE:3\r\nitem2.X-ABLabel:m\r\nFN:x\r\nEND:VCARD\r\n");
	vcard_remove(v, prop(v, "TEL"));
	assert_string_equal(written(v), "BEGIN:VCARD\r\nVERSION:3.0\r\nitem2.TEL:2\r\nTEL;TYPE=HOME;TYPE=VOICE:3\r\n"
		"item2.X-ABLabel:m\r\nFN:x\r\nEND:VCARD\r\n");
	v = card("BEGIN:VCARD\nVERSION:2.1\nFN:x");
	vcard_add(v, "TEL", "HOME", "3");
	assert_string_equal(written(v), "BEGIN:VCARD\nVERSION:2.1\nFN:x\nTEL;HOME:3\nEND:VCARD\n");
}

static void
folds_between_characters(void **state)
{
	static const char *const versions[] = { "3.0", "4.0", "2.1" };
	(void)state;
	for (size_t k = 0; k < 3; k++) {
		struct buf b;
		buf_init(&b, 0);
		for (unsigned i = 0; i < 300; i++)
			buf_add_str(&b, i % 7 ? "\xE2\x82\xAC" : "= ");
		struct vcard *v = with(versions[k], "NOTE:\r\n");
		vcard_set(v, prop(v, "NOTE"), vcard_escape(v, buf_str(&b), ""));
		const char *out = written(v);
		for (const char *line = out; *line;) {
			size_t n = strcspn(line, "\r");
			assert_true(n <= 76);
			assert_true(((unsigned char)line[*line == ' '] & 0xC0) != 0x80);
			line += n + 2;
		}
		v = card(out);
		assert_string_equal(vcard_text(v, prop(v, "NOTE")), buf_str(&b));
		buf_finish(&b);
	}
}

static void
writes_bytes(void **state)
{
	static const char *const versions[] = { "2.1", "3.0", "4.0" };
	(void)state;
	char bytes[400];
	memset(bytes, 7, sizeof(bytes));
	for (size_t k = 0; k < 3; k++) {
		struct vcard *v = with(versions[k], "PHOTO;VALUE=uri:http://x\r\nFN:x\r\n");
		vcard_set_bytes(v, prop(v, "PHOTO"), slice(bytes, sizeof(bytes)), "PNG");
		v = card(written(v));
		struct slice got;
		assert_null(vcard_param(prop(v, "PHOTO"), "VALUE"));
		assert_true(vcard_bytes(v, prop(v, "PHOTO"), &got));
		assert_true(slice_eq(got, slice(bytes, sizeof(bytes))));
		assert_string_equal(vcard_text(v, prop(v, "FN")), "x");
	}
}

static struct slice
whole_file(const char *path)
{
	FILE *f = fopen(path, "rb");
	assert_non_null(f);
	char *bytes = arena_alloc(arena, 1 << 16);
	size_t n = fread(bytes, 1, 1 << 16, f);
	fclose(f);
	return slice(bytes, n);
}

static void
real_cards_keep_their_bytes(void **state)
{
	(void)state;
	const char *source = getenv("CPUSH_SOURCE");
	const char *dir = arena_printf(arena, "%s/t/data/vcard", source ? source : ".");
	DIR *d = opendir(dir);
	assert_non_null(d);
	unsigned n = 0;
	for (struct dirent *entry; (entry = readdir(d));) {
		size_t len = strlen(entry->d_name);
		if (len < 4 || strcmp(entry->d_name + len - 4, ".vcf") != 0)
			continue;
		struct slice in = whole_file(arena_printf(arena, "%s/%s", dir, entry->d_name));
		struct vcard *v;
		enum err e = vcard_parse(arena, in, &v, NULL);
		if (e == ERR_INVALID)
			continue;
		assert_int_equal(e, ERR_OK);
		struct buf out;
		buf_init(&out, 0);
		assert_int_equal(vcard_write(v, &out), ERR_OK);
		assert_true(slice_eq(buf_slice(&out), in));
		buf_finish(&out);
		n++;
	}
	closedir(d);
	assert_true(n > 30);
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(reads_values),
		TEST(reads_structure_and_types),
		TEST(reads_bytes),
		TEST(takes_the_first_of_many),
		TEST(refuses),
		TEST(changes_one_property_only),
		TEST(changes_parts),
		TEST(adds_and_removes),
		TEST(folds_between_characters),
		TEST(writes_bytes),
		TEST(real_cards_keep_their_bytes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
