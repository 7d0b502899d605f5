/* Bodies: which kind, how much of it, and between HTML and plain text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "eas/html.h"
#include "eas/mime.h"
#include "mail_case.h"

#define ALL UINT32_MAX

struct options_case {
	const char *name;
	bool good;
	void (*fill)(struct wbxml_writer *w);
};

/* ---- what is written for a source ---- */

static const struct wbxml_node *
body(struct mail_case *c, const char *plain, const char *html, const char *mime, unsigned native)
{
	struct body_source source = { .plain = plain, .html = html, .native = native };
	struct wbxml_node *root = NULL;
	struct mime *message = NULL;
	struct wbxml_writer w;
	struct buf out;

	if (*mime)
		assert_int_equal(mime_open(c->a, slice_str(mime), &message, NULL), ERR_OK);
	source.message = message;
	buf_init(&out, 0);
	wbxml_begin(&w, &out);
	wbxml_start(&w, AirSync_ApplicationData);
	assert_int_equal(body_write(&c->view, c->a, &source, &w), ERR_OK);
	wbxml_end(&w);
	assert_true(buf_ok(&out));
	assert_int_equal(wbxml_read(c->a, slice(arena_memdup(c->a, out.data, out.len), out.len), NULL, &root, NULL), ERR_OK);
	buf_finish(&out);
	return root;
}

/* ---- texts beyond what is looked at ---- */

/* A mail of this type whose text has so many lines of 50 bytes. */
static const struct wbxml_node *
long_mail(struct mail_case *c, const char *header, const char *end, size_t lines)
{
	size_t head = strlen(header), tail = strlen(end);
	char *mail = arena_alloc(c->a, head + lines * 50 + tail + 1);

	assert_non_null(mail);
	memcpy(mail, header, head);
	for (size_t i = 0; i < lines; i++)
		memcpy(mail + head + i * 50, "The quick brown fox jumps over the lazy dogs. 12\r\n", 50);
	memcpy(mail + head + lines * 50, end, tail);
	return mail_case_render(c, slice(mail, head + lines * 50 + tail), RENDER_FETCH);
}

#define GET(root, tag) mail_case_text(root, AirSyncBase_Body, AirSyncBase_##tag, 0)

static void
test_choice(void **state)
{
	static const struct {
		unsigned prefs[4];
		unsigned mime_support, native;
		const char *plain, *html;
		const char *type, *data;
	} rows[] = {
		{ { 0 }, 0, 2, "p", "<b>h</b>", "1", "p" },              /* nothing asked for: plain */
		{ { 1, 2 }, 0, 2, "p", "<b>h</b>", "2", "<b>h</b>" },    /* as it is stored */
		{ { 1, 2 }, 0, 1, "p", NULL, "1", "p" },
		{ { 2, 1 }, 0, 1, "p", NULL, "1", "p" },
		{ { 1 }, 0, 2, NULL, "<b>h</b>", "1", "h" },             /* never a kind that was not offered */
		{ { 2 }, 0, 1, "a<b", NULL, "2", NULL },
		{ { 3, 1 }, 0, 2, NULL, "<b>h</b>", "1", "h" },          /* no RTF here */
		{ { 3 }, 0, 1, "p", NULL, "1", "p" },
		{ { 1, 2, 4 }, 0, 2, "p", "<b>h</b>", "2", "<b>h</b>" }, /* MIMESupport 0: never MIME */
		{ { 1, 2, 4 }, 2, 2, "p", "<b>h</b>", "4", "mime" },
		{ { 4 }, 0, 2, "p", "<b>h</b>", "4", "mime" },           /* unless it is all that is offered */
		{ { 2 }, 2, 2, "p", "<b>h</b>", "2", "<b>h</b>" },
	};
	struct mail_case *c = *state;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		c->options.n_prefs = 0;
		c->options.mime_support = rows[i].mime_support;
		for (size_t k = 0; k < 4 && rows[i].prefs[k]; k++)
			mail_case_prefer(c, rows[i].prefs[k], ALL);
		const struct wbxml_node *root = body(c, rows[i].plain, rows[i].html, "mime", rows[i].native);

		assert_string_equal(GET(root, Type), rows[i].type);
		if (rows[i].data)
			assert_string_equal(GET(root, Data), rows[i].data);
		else
			assert_non_null(strstr(GET(root, Data), "a&lt;b"));
		assert_string_equal(GET(root, Truncated), "0");
		assert_string_equal(mail_case_text(root, AirSyncBase_NativeBodyType, 0), rows[i].native == 2 ? "2" : "1");
	}
}

static void
test_truncation(void **state)
{
	static const struct {
		uint32_t size;
		const char *data, *truncated;
	} rows[] = { { ALL, "gr\xc3\xbc\xc3\x9f\xf0\x9f\x98\x80", "0" }, { 10, "gr\xc3\xbc\xc3\x9f\xf0\x9f\x98\x80", "0" },
		{ 9, "gr\xc3\xbc\xc3\x9f", "1" }, { 7, "gr\xc3\xbc\xc3\x9f", "1" }, { 6, "gr\xc3\xbc\xc3\x9f", "1" }, { 5, "gr\xc3\xbc", "1" },
		{ 3, "gr", "1" }, { 1, "g", "1" }, { 0, "", "1" } };
	struct mail_case *c = *state;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		c->options.n_prefs = 0;
		mail_case_prefer(c, 1, rows[i].size);
		const struct wbxml_node *root = body(c, "gr\xc3\xbc\xc3\x9f\xf0\x9f\x98\x80", NULL, "", 1);

		assert_string_equal(GET(root, Data), rows[i].data);
		assert_string_equal(GET(root, Truncated), rows[i].truncated);
		assert_string_equal(GET(root, EstimatedDataSize), "10");
	}
}

static void
test_all_or_none(void **state)
{
	struct mail_case *c = *state;

	/* HTML is too long and may not be cut: plain instead. */
	mail_case_prefer(c, 2, 5);
	c->options.prefs[0].all_or_none = true;
	mail_case_prefer(c, 1, 5);
	const struct wbxml_node *root = body(c, "plain text", "<b>long enough</b>", "", 2);
	assert_string_equal(GET(root, Type), "1");
	assert_string_equal(GET(root, Data), "plain");
	/* Neither may: no data at all. */
	c->options.prefs[1].all_or_none = true;
	root = body(c, "plain text", "<b>long enough</b>", "", 2);
	assert_string_equal(GET(root, Type), "2");
	assert_string_equal(GET(root, Truncated), "1");
	assert_string_equal(GET(root, EstimatedDataSize), "18");
	assert_null(GET(root, Data));
	/* It fits. */
	root = body(c, "plain text", "<b>!", "", 2);
	assert_string_equal(GET(root, Type), "2");
	assert_string_equal(GET(root, Data), "<b>!");
}

static void
test_mime(void **state)
{
	struct mail_case *c = *state;

	c->options.mime_support = 2;
	mail_case_prefer(c, 4, 11);
	const struct wbxml_node *root = body(c, "x", NULL, "Subject: a\r\n\r\nbody", 1);
	assert_string_equal(GET(root, Data), "Subject: a\r");
	assert_string_equal(GET(root, EstimatedDataSize), "18");
	assert_string_equal(GET(root, Truncated), "1");
	/* MIMETruncation counts where the preference says nothing. */
	c->options.prefs[0].truncation = ALL;
	c->options.mime_truncation = 0;
	root = body(c, "x", NULL, "Subject: a\r\n\r\nbody", 1);
	assert_string_equal(GET(root, Data), "");
	c->options.mime_truncation = 1;
	root = body(c, "x", NULL, "Subject: a\r\n\r\nbody", 1);
	assert_string_equal(GET(root, Data), "Subject: a\r\n\r\nbody");
}

static void
test_preview(void **state)
{
	struct mail_case *c = *state;

	mail_case_prefer(c, 2, 3);
	c->options.prefs[0].preview = 7;
	const struct wbxml_node *root = body(c, NULL, "<p>gr\xc3\xbc\xc3\x9f</p>\n<p>dich</p>", "", 2);
	assert_string_equal(GET(root, Preview), "gr\xc3\xbc\xc3\x9f di");
	/* Not beside plain text, of which it would say the beginning again; not before 14.0. */
	c->options.prefs[0].type = 1;
	assert_null(GET(body(c, "text", NULL, "", 1), Preview));
	c->options.prefs[0].truncation = 0;
	assert_string_equal(GET(body(c, "text", NULL, "", 1), Preview), "text");
	c->view.version = 121;
	assert_null(GET(body(c, "text", NULL, "", 1), Preview));
}

static void
test_line_ends_and_controls(void **state)
{
	struct mail_case *c = *state;

	assert_string_equal(GET(body(c, "a\nb\r\nc\n", NULL, "", 1), Data), "a\r\nb\r\nc\r\n");
	assert_string_equal(GET(body(c, "a\x02" "b", NULL, "", 1), Data), "a b");
	assert_string_equal(GET(body(c, "", NULL, "", 1), EstimatedDataSize), "0");
	assert_string_equal(GET(body(c, NULL, NULL, "", 1), Data), "");
}

static void
test_body_part(void **state)
{
	struct mail_case *c = *state;

	c->options.n_part_prefs = 1;
	c->options.part_prefs[0] = (struct item_body_pref){ .type = 2, .truncation = 4 };
	const struct wbxml_node *root = body(c, "x", "<p>y</p>", "mime", 2);
	assert_string_equal(mail_case_text(root, AirSyncBase_BodyPart, AirSyncBase_Status, 0), "1");
	assert_string_equal(mail_case_text(root, AirSyncBase_BodyPart, AirSyncBase_Data, 0), "<p>y");
	assert_string_equal(mail_case_text(root, AirSyncBase_BodyPart, AirSyncBase_Truncated, 0), "1");
	c->view.version = 140;
	assert_false(wbxml_has(body(c, "x", "<p>y</p>", "mime", 2), AirSyncBase_BodyPart));
}

static void
test_parts(void **state)
{
	static struct item_parts parts;
	struct mail_case *c = *state;

	buf_init(&parts.data, 0);
	parts.n = 0;
	c->view.parts = &parts;
	const struct wbxml_node *root = body(c, "text", NULL, "", 1);
	assert_null(GET(root, Data));
	assert_string_equal(mail_case_text(root, AirSyncBase_Body, ItemOperations_Part, 0), "1");
	assert_true(slice_eq(buf_slice(&parts.data), slice_str("text")));
	buf_finish(&parts.data);
}

/* ---- what a phone sends ---- */

static void
put_body(struct wbxml_writer *w, void *ctx)
{
	const char **s = ctx;

	wbxml_start(w, AirSyncBase_Body);
	wbxml_put(w, AirSyncBase_Type, s[0]);
	wbxml_put(w, AirSyncBase_Data, s[1]);
	wbxml_end(w);
}

static void
put_nothing(struct wbxml_writer *w, void *ctx)
{
	(void)ctx;
	wbxml_put(w, Email_Subject, "x");
}

static void
test_read(void **state)
{
	struct mail_case *c = *state;
	const char *plain[] = { "1", "a\r\nb" }, *page[] = { "2", "<p>a</p><p>b</p>" }, *html;
	bool present;

	assert_string_equal(body_read(c->a, mail_case_data(c, put_body, plain), &present, &html), "a\nb");
	assert_true(present);
	assert_null(html);
	assert_string_equal(body_read(c->a, mail_case_data(c, put_body, page), &present, &html), "a\n\nb");
	assert_string_equal(html, "<p>a</p><p>b</p>");
	assert_string_equal(body_read(c->a, mail_case_data(c, put_body, page), &present, NULL), "a\n\nb");
	assert_string_equal(body_read(c->a, mail_case_data(c, put_nothing, NULL), &present, &html), "");
	assert_false(present);
}

/* ---- HTML ---- */

static void
test_html_to_text(void **state)
{
	static const char *const rows[][2] = {
		{ "<p>a</p><p>b</p>", "a\n\nb" },
		{ "a<br>b<br/>c", "a\nb\nc" },
		{ "<div>a</div><div>b</div>", "a\nb" },
		{ "a  \n b\t c", "a b c" },
		{ "<style>p{}</style><script>x()</script><title>t</title>a", "a" },
		{ "&lt;&amp;&uuml;&#8364;&nbsp;x", "<&\xc3\xbc\xe2\x82\xac x" },
		{ "<ul><li>a<li>b</ul>c", "* a\n* b\n\nc" },
		{ "<pre>a\n  b</pre>", "a\n  b" },
		{ "<table><tr><td>a<td>b<tr><td>c</table>", "a b\nc" },
		{ "a<!-- <p>x -->b", "ab" },
		{ "a</b></i>b<b>c", "abc" },
		{ "gr\xc3\xbc\xc3\x9f", "gr\xc3\xbc\xc3\x9f" },
		{ "<meta charset=iso-8859-1>gr\xc3\xbc\xc3\x9f", "gr\xc3\xbc\xc3\x9f" },
		{ "<html><body>x</body>tail</html> <p>more", "x\ntail\n\nmore" },
		{ "", "" },
		{ "a < b", "a < b" },
		{ "I <3 you </3 <", "I <3 you </3 <" },
		{ "<p title='a > b'>c", "c" },
		{ "<a href=\"x>c</a>d", "cd" },
		{ "<!DOCTYPE html><!-->a<?xml x?>b<style>c</style >d", "abd" },
	};
	struct mail_case *c = *state;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		assert_string_equal(html_to_text(c->a, rows[i][0], strlen(rows[i][0])), rows[i][1]);
}

/* libxml2's time grows with the square of a tag's attributes: whatever a page does to hide them, it sees none. */
static void
test_tags_are_bare(void **state)
{
	static const char *const rows[][2] = {
		{ "<a b c=d e='>' f=\">\" g>x", "<a>x" },
		{ "<a/b/c>x", "<a>x" },
		{ "<a b='<c d='e>f", "<a>f" },
		{ "<!-- <a b=\" --><c d e>", "<c>" },
		{ "<<!-- -->a b c>", "&lt;a b c>" },
		{ "<script><a b=\"</script><c d e>", "<script></script><c>" },
		{ "<STYLE x><a b='</style y='z'><c d e>", "<STYLE></style><c>" },
		{ "<![CDATA[<a b c>", "" },
		{ "</a b c='>'", "</a>'" },
		{ "<a b", "<a>" },
		{ "</body b='<html c>x", "<br>x" },
	};
	struct buf out;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		buf_init(&out, 0);
		html_bare_tags(&out, rows[i][0]);
		assert_string_equal(buf_str(&out), rows[i][1]);
		buf_finish(&out);
	}
}

static void
test_hostile_html(void **state)
{
	static const char *const pieces[] = { "<b>", "</i>", "<b></i>", "<table>", "<div ", "<!--", "&", "&#", "<a x='", "<p><pre>", "<li>",
		"<script>", "<![CDATA[", "]]>", "<select>", "<form><div>", "<font><p>" };
	struct mail_case *c = *state;

	for (size_t i = 0; i < ARRAY_LEN(pieces); i++) {
		struct buf in;
		char *text;

		buf_init(&in, 0);
		while (in.len < 300000)
			buf_add_str(&in, pieces[i]);
		text = html_to_text(c->a, (char *)in.data, in.len);
		assert_non_null(text);
		assert_true(text_is_utf8(text, strlen(text)));
		buf_finish(&in);
	}
}

static void
test_text_to_html(void **state)
{
	struct mail_case *c = *state;

	assert_string_equal(html_fragment(c->a, "a<b>&\"\n  c d"), "<div>a&lt;b&gt;&amp;&quot;<br>\r\n&nbsp; c d</div>");
	const char *page = html_from_text(c->a, "a < b\n\nc");
	assert_string_equal(html_to_text(c->a, page, strlen(page)), "a < b\n\nc");
}

/* ---- options ---- */

static void
fill_full(struct wbxml_writer *w)
{
	wbxml_put(w, AirSync_FilterType, "5");
	wbxml_put(w, AirSync_MIMESupport, "2");
	wbxml_put(w, AirSync_MIMETruncation, "3");
	wbxml_put(w, AirSync_Conflict, "0");
	for (unsigned i = 1; i <= 2; i++) {
		wbxml_start(w, AirSyncBase_BodyPreference);
		wbxml_put_int(w, AirSyncBase_Type, i);
		wbxml_put(w, AirSyncBase_TruncationSize, "4294967295");
		wbxml_put(w, AirSyncBase_AllOrNone, "1");
		wbxml_put(w, AirSyncBase_Preview, "255");
		wbxml_end(w);
	}
}

#define ONE(name, tag, value) \
	static void name(struct wbxml_writer *w) \
	{ \
		wbxml_put(w, tag, value); \
	}
#define PREF(name, type, tag, value) \
	static void name(struct wbxml_writer *w) \
	{ \
		wbxml_start(w, AirSyncBase_BodyPreference); \
		wbxml_put(w, AirSyncBase_Type, type); \
		wbxml_put(w, tag, value); \
		wbxml_end(w); \
	}
ONE(fill_filter, AirSync_FilterType, "9")
ONE(fill_mime, AirSync_MIMESupport, "3")
ONE(fill_truncation, AirSync_MIMETruncation, "9")
ONE(fill_conflict, AirSync_Conflict, "x")
PREF(fill_type, "5", AirSyncBase_Preview, "1")
PREF(fill_no_type, NULL, AirSyncBase_Preview, "1")
PREF(fill_preview, "1", AirSyncBase_Preview, "256")
PREF(fill_size, "1", AirSyncBase_TruncationSize, "4294967296")

static void
call_fill(struct wbxml_writer *w, void *ctx)
{
	const struct options_case *oc = ctx;

	oc->fill(w);
}

static void
test_options(void **state)
{
	struct options_case rows[] = { { "all", true, fill_full }, { "filter", false, fill_filter }, { "mime", false, fill_mime },
		{ "truncation", false, fill_truncation }, { "conflict", false, fill_conflict }, { "type", false, fill_type },
		{ "no type", false, fill_no_type }, { "preview", false, fill_preview }, { "size", false, fill_size } };
	struct mail_case *c = *state;
	struct item_options o;

	assert_true(item_options_parse(NULL, &o));
	assert_int_equal(o.conflict, 1);
	assert_int_equal(o.mime_truncation, 8);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		assert_int_equal(item_options_parse(mail_case_data(c, call_fill, &rows[i]), &o), rows[i].good);
	assert_true(item_options_parse(mail_case_data(c, call_fill, &rows[0]), &o));
	assert_int_equal(o.filter, 5);
	assert_int_equal(o.n_prefs, 2);
	assert_int_equal(o.prefs[1].preview, 255);
	assert_false(o.prefs[1].all_or_none); /* it says nothing where all is asked for */
}

/* What the phone does not get it is told of, however the text came to be cut. */
static void
test_cut_texts_are_told(void **state)
{
	static const struct {
		const char *header, *end;
		size_t lines;
		unsigned type;
		size_t least, most; /* of EstimatedDataSize; 0, 0: nothing is cut */
	} rows[] = {
		{ "Content-Type: text/plain\r\n\r\n", "", 400000, 1, 20000000, 20000000 },
		{ "Content-Type: text/plain\r\n\r\n", "", 400000, 2, 20000000, 25000000 },
		{ "Content-Type: text/plain\r\n\r\n", "", 300000, 1, 0, 0 },
		{ "Content-Type: text/plain; charset=utf-16le\r\n\r\n", "", 400000, 1, 20000000, 30000000 },
		{ "Content-Type: text/html\r\n\r\n<p>", "</p>", 400000, 2, 20000007, 20000007 },
		{ "Content-Type: text/html\r\n\r\n<p>", "</p>", 100000, 1, 4900000, 5000007 }, /* only 4 MB of HTML become text */
		{ "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\n", "--b\r\n\r\nfirst\r\n--b--\r\n", 400000, 1, 20000000,
			20000010 },
	};
	struct mail_case *c = *state;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct arena_mark mark = arena_mark(c->a);

		c->options.n_prefs = 0;
		mail_case_prefer(c, rows[i].type, ALL);
		const struct wbxml_node *root = long_mail(c, rows[i].header, rows[i].end, rows[i].lines);
		unsigned long long size = strtoull(GET(root, EstimatedDataSize), NULL, 10), got = strlen(GET(root, Data));

		assert_string_equal(GET(root, Truncated), rows[i].most ? "1" : "0");
		if (rows[i].most) {
			assert_true(got < size);
			assert_in_range(size, rows[i].least, rows[i].most);
		} else {
			assert_true(got == size);
		}
		arena_rewind(c->a, mark);
	}
}

int
main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, mail_case_setup, mail_case_teardown)
	const struct CMUnitTest tests[] = { CASE(test_choice), CASE(test_truncation), CASE(test_all_or_none), CASE(test_mime), CASE(test_preview),
		CASE(test_line_ends_and_controls), CASE(test_body_part), CASE(test_parts), CASE(test_read), CASE(test_html_to_text),
		CASE(test_tags_are_bare), CASE(test_hostile_html), CASE(test_cut_texts_are_told), CASE(test_text_to_html), CASE(test_options) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
