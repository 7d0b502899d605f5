/* Drafts of 16.x: made, changed, with attachments that come, stay and go. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "mail_case.h"

struct attachment {
	const char *client, *name, *content_id, *type, *content;
	bool is_inline;
};

struct draft {
	const char *to, *cc, *bcc, *subject, *importance, *read;
	const char *body_type, *body;
	const char *deleted[3];
	struct attachment added[3];
	bool send;
};

static void
put_draft(struct wbxml_writer *w, void *ctx)
{
	const struct draft *d = ctx;

	wbxml_put(w, Email_To, d->to);
	wbxml_put(w, Email_Cc, d->cc);
	wbxml_put(w, Email2_Bcc, d->bcc);
	wbxml_put(w, Email_Subject, d->subject);
	wbxml_put(w, Email_Importance, d->importance);
	wbxml_put(w, Email_Read, d->read);
	if (d->body) {
		wbxml_start(w, AirSyncBase_Body);
		wbxml_put(w, AirSyncBase_Type, d->body_type);
		wbxml_put(w, AirSyncBase_Data, d->body);
		wbxml_end(w);
	}
	if (d->deleted[0] || d->added[0].client) {
		wbxml_start(w, AirSyncBase_Attachments);
		for (size_t i = 0; i < 3 && d->added[i].client; i++) {
			wbxml_start(w, AirSyncBase_Add);
			wbxml_put(w, AirSyncBase_ClientId, d->added[i].client);
			wbxml_put(w, AirSyncBase_Method, "1");
			wbxml_put_opaque(w, AirSyncBase_Content, slice_str(d->added[i].content));
			wbxml_put(w, AirSyncBase_DisplayName, d->added[i].name);
			wbxml_put(w, AirSyncBase_ContentId, d->added[i].content_id);
			wbxml_put(w, AirSyncBase_ContentType, d->added[i].type);
			if (d->added[i].is_inline)
				wbxml_empty(w, AirSyncBase_IsInline);
			wbxml_end(w);
		}
		for (size_t i = 0; i < 3 && d->deleted[i]; i++) {
			wbxml_start(w, AirSyncBase_Delete);
			wbxml_put(w, AirSyncBase_FileReference, d->deleted[i]);
			wbxml_end(w);
		}
		wbxml_end(w);
	}
	if (d->send)
		wbxml_empty(w, Email2_Send);
}

/* stored NULL: an Add. */
static struct mime *
merge(struct mail_case *c, const struct draft *d, const struct mime *stored, struct item_merged *m_r)
{
	struct draft copy = *d;
	struct item_edit edit = { .data = mail_case_data(c, put_draft, &copy), .uid = "0123456789abcdef0123456789abcdef" };
	struct mime *m;

	c->view.version = 161;
	if (stored) {
		c->item.flags = FLAG_DRAFT | FLAG_SEEN;
		edit.stored = stored->root->raw;
		edit.meta = &c->item;
		edit.uid = NULL;
	}
	assert_int_equal(item_mail.merge(&c->view, c->a, &edit, m_r, NULL), ERR_OK);
	assert_int_equal(mime_open(c->a, m_r->bytes, &m, NULL), ERR_OK);
	return m;
}

static const char *
field(struct mail_case *c, const struct mime *m, const char *name)
{
	return mime_field_text(c->a, m->root->header, name);
}

static const char *
text(struct mail_case *c, const struct mime *m, bool html)
{
	struct mime_body body;

	assert_int_equal(mime_body(c->a, m, &body), ERR_OK);
	return html ? body.html : body.plain;
}

static const char *
names(struct mail_case *c, const struct mime *m)
{
	char *s = arena_strdup(c->a, "");

	for (size_t i = 0; i < m->n_attachments; i++)
		s = arena_printf(c->a, "%s%s%s:%s", s, i ? " " : "", m->attachments[i]->number, mime_attachment_name(c->a, m->attachments[i]));
	return s;
}

/* The number of the part that the nth attachment became. */
static const char *
number(struct mail_case *c, const struct item_merged *m, size_t i)
{
	return arena_strndup(c->a, m->added[i].part, strcspn(m->added[i].part, "-"));
}

static void
test_new(void **state)
{
	struct mail_case *c = *state;
	struct mime_addresses l;
	struct item_merged r;
	struct mime *m = merge(c, &(struct draft){ .to = "Bob <bob@example.com>, \"\xc3\x9c, B\" <u@x>", .cc = "c@x", .bcc = "d@x",
		.subject = "Gr\xc3\xbc\xc3\x9f" "e\r\nX-Evil: 1", .importance = "2", .body_type = "1", .body = "line\r\nlast" }, NULL, &r);

	assert_int_equal(r.set, FLAG_DRAFT | FLAG_SEEN);
	assert_false(r.send);
	assert_false(r.unchanged);
	assert_string_equal(field(c, m, "From"), "Alice <alice@example.com>");
	assert_int_equal(mime_addresses(c->a, m->root->header, "To", &l), ERR_OK);
	assert_string_equal(mime_address_text(c->a, &l, ',', 1000), "\"Bob\" <bob@example.com>, \"\xc3\x9c, B\" <u@x>");
	assert_string_equal(field(c, m, "Bcc"), "d@x");
	assert_string_equal(field(c, m, "Subject"), "Gr\xc3\xbc\xc3\x9f" "e X-Evil: 1");
	assert_null(field(c, m, "X-Evil"));
	assert_string_equal(field(c, m, "Importance"), "high");
	assert_string_equal(field(c, m, "Message-ID"), "<0123456789abcdef0123456789abcdef@example.com>");
	assert_non_null(field(c, m, "Date"));
	assert_string_equal(text(c, m, false), "line\r\nlast");
	assert_null(text(c, m, true));
	assert_int_equal(r.conversation_id.len, 16);
	assert_int_equal(r.conversation_index.len, 5);
	/* What the phone gets is what it wrote. */
	const struct wbxml_node *root = mail_case_render(c, r.bytes, RENDER_ADD);
	assert_string_equal(mail_case_text(root, AirSyncBase_Body, AirSyncBase_Data, 0), "line\r\nlast");
	assert_string_equal(mail_case_text(root, Email_Importance, 0), "2");
}

static void
test_html_and_attachments(void **state)
{
	struct mail_case *c = *state;
	struct item_merged r;
	struct mime *m = merge(c, &(struct draft){ .subject = "s", .body_type = "2", .body = "<p>page <img src=\"cid:i@x\"></p>",
		.added = { { "a1", "a.txt", NULL, "text/plain", "AAA", false }, { "a2", "i.png", "i@x", "image/png", "III", true },
			{ "a3", "b.bin", NULL, NULL, "BBB", false } } }, NULL, &r);

	assert_string_equal(text(c, m, true), "<p>page <img src=\"cid:i@x\"></p>");
	assert_string_equal(text(c, m, false), "page");
	assert_string_equal(names(c, m), "1.2:i.png 2:a.txt 3:b.bin");
	assert_true(mime_is_inline(m->attachments[0]));
	assert_int_equal(r.n_added, 3);
	assert_string_equal(r.added[0].client_id, "a1");
	assert_string_equal(number(c, &r, 0), "2");
	assert_string_equal(r.added[1].client_id, "a2");
	assert_string_equal(number(c, &r, 1), "1.2");
	assert_string_equal(number(c, &r, 2), "3");
}

static struct mime *
stored(struct mail_case *c)
{
	struct item_merged r;

	return merge(c, &(struct draft){ .to = "bob@example.com", .subject = "s", .body_type = "2", .body = "<p>old</p>",
		.added = { { "a1", "a.txt", NULL, "text/plain", "AAA", false }, { "a2", "i.png", "i@x", "image/png", "III", true },
			{ "a3", "b.bin", NULL, NULL, "BBB", false } } }, NULL, &r);
}

static void
test_change_one_thing(void **state)
{
	struct mail_case *c = *state;
	struct item_merged r;
	struct mime *was = stored(c), *m = merge(c, &(struct draft){ .subject = "new" }, was, &r);

	assert_string_equal(field(c, m, "Subject"), "new");
	assert_string_equal(field(c, m, "To"), "bob@example.com");
	assert_string_equal(field(c, m, "Message-ID"), field(c, was, "Message-ID"));
	assert_string_equal(text(c, m, true), "<p>old</p>");
	assert_string_equal(names(c, m), names(c, was));
	assert_int_equal(r.set, 0);
	for (size_t i = 0; i < 3; i++)
		assert_true(slice_eq(m->attachments[i]->raw, was->attachments[i]->raw));
	/* Edits do not pile up. */
	for (unsigned i = 0; i < 30; i++)
		m = merge(c, &(struct draft){ .subject = i % 2 ? "one" : "two" }, m, &r);
	assert_string_equal(names(c, m), names(c, was));
	assert_in_range(m->root->raw.len, was->root->raw.len, was->root->raw.len + 10);
}

static void
test_change_body(void **state)
{
	struct mail_case *c = *state;
	struct item_merged r;
	struct mime *m = merge(c, &(struct draft){ .body_type = "1", .body = "new", .deleted = { "7:9:2" },
		.added = { { "n1", "n.txt", NULL, NULL, "NNN", false }, { "n2", "j.png", "j@x", "image/png", "JJJ", true } } }, stored(c), &r);

	assert_string_equal(text(c, m, false), "new");
	assert_null(text(c, m, true));
	assert_string_equal(names(c, m), "1.2:i.png 1.3:j.png 2:b.bin 3:n.txt");
	assert_string_equal(r.added[0].client_id, "n1");
	assert_string_equal(number(c, &r, 0), "3");
	assert_string_equal(number(c, &r, 1), "1.3");
}

static void
test_delete_and_add(void **state)
{
	struct mail_case *c = *state;
	struct item_merged r;
	struct mime *m = merge(c, &(struct draft){ .deleted = { "7:9:1.2", "7:9:3" }, .added = { { "n1", "n.txt", NULL, NULL, "NNN", false } } },
		stored(c), &r);

	assert_string_equal(text(c, m, true), "<p>old</p>");
	assert_string_equal(names(c, m), "2:a.txt 3:n.txt");
	assert_string_equal(number(c, &r, 0), "3");
	m = merge(c, &(struct draft){ .deleted = { "7:9:2", "7:9:3", "7:9:1.1" } }, m, &r); /* the text is no attachment */
	assert_string_equal(names(c, m), "");
	assert_string_equal(text(c, m, true), "<p>old</p>");
}

static const char *
fetched(struct mail_case *c, const struct mime *m, const char *part)
{
	struct item_part p = { .part = part, .last = UINT64_MAX };
	const char *s = NULL;
	struct buf out;

	buf_init(&out, 0);
	if (!item_mail.attachment(c->a, m->root->raw, &p, &out))
		s = arena_strndup(c->a, (const char *)out.data, out.len);
	buf_finish(&out);
	return s;
}

/* What a phone was told of an attachment names it until it is gone, however the parts are numbered meanwhile: MS-ASAIRS R1374. */
static void
test_references_last(void **state)
{
	struct mail_case *c = *state;
	const struct draft all = { .body_type = "1", .body = "b", .added = { { "a", "a.txt", NULL, "text/plain", "same", false },
		{ "b", "b.txt", NULL, "text/plain", "same", false }, { "c", "c.txt", NULL, "text/plain", "CCC", false } } };
	struct item_merged first, r;
	struct mime *m = merge(c, &all, NULL, &first);
	const char *a = arena_printf(c->a, "7:9:%s", first.added[0].part), *b = arena_printf(c->a, "7:9:%s", first.added[1].part);
	const struct wbxml_node *list;

	c->item.flags = FLAG_DRAFT;
	list = wbxml_child(mail_case_render(c, m->root->raw, RENDER_ADD), AirSyncBase_Attachments);
	assert_string_equal(mail_case_text(list, AirSyncBase_Attachment, AirSyncBase_FileReference, 0), a);
	m = merge(c, &(struct draft){ .deleted = { a } }, m, &r);
	assert_string_equal(names(c, m), "2:b.txt 3:c.txt");
	assert_string_equal(fetched(c, m, first.added[2].part), "CCC");
	assert_null(fetched(c, m, first.added[0].part));
	m = merge(c, &(struct draft){ .deleted = { a, b } }, m, &r); /* the answer to the first was lost */
	assert_string_equal(names(c, m), "2:c.txt");
	m = merge(c, &(struct draft){ .body_type = "1", .body = "new", .added = { { "b", "b.txt", NULL, "text/plain", "same", false } } }, m, &r);
	m = merge(c, &(struct draft){ .deleted = { b } }, m, &r);
	assert_string_equal(names(c, m), "2:c.txt");
}

/* Of two that are alike in all one goes at a time. */
static void
test_twice_the_same_file(void **state)
{
	struct mail_case *c = *state;
	struct item_merged first, r;
	struct mime *m = merge(c, &(struct draft){ .added = { { "a", "a.txt", NULL, NULL, "same", false },
		{ "b", "b.txt", NULL, NULL, "B", false }, { "c", "a.txt", NULL, NULL, "same", false } } }, NULL, &first);
	const char *a = arena_printf(c->a, "7:9:%s", first.added[0].part), *b = arena_printf(c->a, "7:9:%s", first.added[2].part);

	assert_string_equal(names(c, merge(c, &(struct draft){ .deleted = { b } }, m, &r)), "2:a.txt 3:b.txt");
	m = merge(c, &(struct draft){ .added = { { "i", "i.png", "i@x", "image/png", "III", true } } }, m, &r);
	assert_string_equal(names(c, merge(c, &(struct draft){ .deleted = { a, b } }, m, &r)), "1.2:i.png 2:b.txt");
}

/* What was not known to be a draft had mere numbers as references: the phone is told the new ones. */
static void
test_of_another_program(void **state)
{
	struct mail_case *c = *state;
	struct item_edit edit = { .data = mail_case_data(c, put_draft, &(struct draft){ .subject = "x" }), .meta = &c->item };
	struct item_merged r;

	edit.stored = stored(c)->root->raw;
	for (unsigned i = 0; i < 2; i++) {
		c->item.flags = i ? FLAG_DRAFT : 0;
		assert_int_equal(item_mail.merge(&c->view, c->a, &edit, &r, NULL), ERR_OK);
		assert_int_equal(r.altered, !i);
	}
}

static void
test_emptied(void **state)
{
	struct mail_case *c = *state;
	struct item_merged r;
	struct mime *m = merge(c, &(struct draft){ .to = "", .subject = "", .body_type = "1", .body = "" }, stored(c), &r);

	assert_null(field(c, m, "To"));
	assert_string_equal(field(c, m, "Subject"), "");
	assert_string_equal(text(c, m, false), "");
}

static void
test_repeated(void **state)
{
	struct mail_case *c = *state;
	const struct draft d = { .subject = "new", .body_type = "1", .body = "b" };
	struct item_merged r;
	struct mime *m = merge(c, &d, stored(c), &r);

	assert_false(r.unchanged);
	merge(c, &d, m, &r);
	assert_true(r.unchanged);
}

static void
test_mime_body(void **state)
{
	struct mail_case *c = *state;
	struct item_merged r;
	const char *mime = "Subject: from MIME\r\nTo: m@x\r\nMessage-ID: <own@phone>\r\nContent-Type: multipart/alternative; boundary=b\r\n\r\n"
		"--b\r\n\r\nplain\r\n--b\r\nContent-Type: text/html\r\n\r\n<p>html\r\n--b--\r\n";
	struct mime *m = merge(c, &(struct draft){ .body_type = "4", .body = mime, .importance = "0" }, NULL, &r);

	assert_string_equal(field(c, m, "Subject"), "from MIME");
	assert_string_equal(field(c, m, "To"), "m@x");
	assert_string_equal(field(c, m, "Message-ID"), "<own@phone>");
	assert_string_equal(field(c, m, "Importance"), "low");
	assert_string_equal(text(c, m, false), "plain");
	m = merge(c, &(struct draft){ .body_type = "4", .body = mime, .deleted = { "7:9:3" } }, stored(c), &r);
	assert_string_equal(text(c, m, false), "plain");
	assert_string_equal(names(c, m), "1.2:i.png 2:a.txt");
}

static void
test_send(void **state)
{
	struct mail_case *c = *state;
	struct item_merged r;
	struct mime *was = stored(c);

	merge(c, &(struct draft){ .to = "x@y", .send = true }, NULL, &r);
	assert_true(r.send);
	merge(c, &(struct draft){ .send = true }, was, &r); /* as it is stored */
	assert_true(r.send);
	assert_false(r.unchanged);
	assert_true(slice_eq(r.bytes, was->root->raw));
}

static void
test_other_mails_are_no_drafts(void **state)
{
	struct mail_case *c = *state;
	struct item_edit edit = { .data = mail_case_data(c, put_draft, &(struct draft){ .subject = "x", .read = "1" }), .meta = &c->item };
	struct item_merged r;

	c->view.version = 161;
	assert_int_equal(item_mail.merge(&c->view, c->a, &edit, &r, NULL), ERR_OK);
	assert_int_equal(r.set, FLAG_SEEN);
	assert_int_equal(r.bytes.len, 0);
}

/* A Message-ID that names nothing gives way to one by which an edit that died is found. */
static void
test_malformed_message_id(void **state)
{
	struct mail_case *c = *state;
	struct mime *stored = mail_case_open(c, "From: a@x\nMessage-ID: garbage\nReferences: <r@x>\nSubject: old\n\ntext\n"), *m;
	struct item_merged r;

	m = merge(c, &(struct draft){ .subject = "new" }, stored, &r);
	assert_non_null(mime_message_id(c->a, m->root->header));
	assert_string_not_equal(mime_message_id(c->a, m->root->header), "<r@x>");
	assert_string_equal(field(c, m, "References"), "<r@x>");
}

/* Of all that a phone fills in, nothing becomes a field of its own, another recipient, or a second part. */
static void
test_fields_make_no_other(void **state)
{
	static const char *const texts[] = { "a@b\r\nX-Evil: 1", "a@b\nX-Evil: 1", "a@b\rX-Evil: 1", "a@b\r\n\r\nX-Evil: 1", "\"a\r\nX-Evil: 1\" <a@b>",
		"=?utf-8?q?a=0D=0AX-Evil:_1?= <a@b>", "<a@b\r\nX-Evil: 1>", "a@b>\r\nRCPT TO:<x@evil", "\"\r\nX-Evil: 1", "text/plain; x=\"\r\nX-Evil: 1\"",
		"text/plain\r\nX-Evil: 1", "-oQ/tmp@evil", "a\x85" "b\xe2\x80\xa8X-Evil: 1", "--b\r\nX-Evil: 1", "../../etc/passwd", "\x1b[2J\x07" };
	static const char known[] = " From To Cc Bcc Subject Date Message-ID Importance X-Priority MIME-Version Content-Type Content-Transfer-Encoding"
		" Content-Disposition Content-ID Content-Location X-Unsent ";
	struct mail_case *c = *state;

	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		const char *t = texts[i];
		struct item_merged r;
		struct mime *m = merge(c, &(struct draft){ .to = t, .cc = t, .bcc = t, .subject = t, .body_type = "1",
			.body = "body", .added = { { t, t, t, t, t, true }, { t, t, t, t, t, false } } }, NULL, &r);

		assert_null(memmem(r.bytes.ptr, r.bytes.len, "\nX-Evil", 8));
		for (const struct mime_part *p = m->root; p; p = mime_next_part(p)) {
			struct slice name, value, whole;
			size_t pos = 0;

			while (mime_field_next(p->header, &pos, &name, &value, &whole)) {
				const char *word = arena_printf(c->a, " %.*s ", (int)name.len, (const char *)name.ptr);
				if (!strstr(known, word))
					fail_msg("\"%s\" makes the field%s", t, word);
				for (size_t at = 0; at < whole.len; at++)
					assert_true(whole.ptr[at] >= 0x20 || strchr("\t\r\n", whole.ptr[at]));
			}
		}
		assert_int_equal(m->n_attachments, 2);
		assert_string_equal(text(c, m, false), "body");
	}
}

int
main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, mail_case_setup, mail_case_teardown)
	const struct CMUnitTest tests[] = { CASE(test_new), CASE(test_html_and_attachments), CASE(test_change_one_thing), CASE(test_change_body),
		CASE(test_delete_and_add), CASE(test_references_last), CASE(test_twice_the_same_file), CASE(test_of_another_program), CASE(test_emptied), CASE(test_repeated), CASE(test_mime_body), CASE(test_send),
		CASE(test_other_mails_are_no_drafts), CASE(test_malformed_message_id), CASE(test_fields_make_no_other) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
