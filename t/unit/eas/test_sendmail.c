/* SendMail, SmartReply, SmartForward: to whom, what, once, and what is left behind. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "eas/clock.h"
#include "eas/mime.h"
#include "eas/send.h"
#include "eas/timezone.h"
#include "mail_world.h"

#define MAIL "From: alice@example.com\r\nTo: Bob <bob@example.com>, carol@example.com\r\nCc: BOB@example.com\r\nBcc: dan@example.com\r\n" \
	"Subject: Hi\r\nDate: Mon, 23 Nov 2026 10:00:00 +0000\r\nMessage-ID: <m1@phone>\r\n\r\nHello\r\n"
#define DATELESS "To: bob@example.com\r\nSubject: Hi\r\n\r\nHello\r\n"

static int
setup(void **state)
{
	*state = mail_world_new(NULL);
	return zone_set_default("Europe/Berlin") ? 0 : -1;
}

static int
setup_never(void **state)
{
	*state = mail_world_new("sent_copy = never");
	return 0;
}

static int
setup_always(void **state)
{
	*state = mail_world_new("sent_copy = always");
	return 0;
}

static int
teardown(void **state)
{
	mail_world_free(*state);
	return 0;
}

/* ---- requests ---- */

struct request {
	enum eas_command command;
	unsigned version;
	const char *client, *mime, *source, *instance, *account;
	bool save, replace;
};

static unsigned
status_of(const struct call *c)
{
	if (c->outcome != EAS_DONE)
		return 999;
	if (!c->r.reply.body.len)
		return c->r.reply.status == 200 ? 0 : c->r.reply.status;
	return (unsigned)wbxml_int(c->answer, ComposeMail_Status, 998, 997);
}

static unsigned
tag_of(enum eas_command command)
{
	return command == EAS_SENDMAIL ? ComposeMail_SendMail : command == EAS_SMARTREPLY ? ComposeMail_SmartReply : ComposeMail_SmartForward;
}

/* Sends it and says with what status: 0 success, 999 busy. */
static unsigned
send(struct mail_world *mw, const struct request *q)
{
	unsigned version = q->version ? q->version : 141, status;
	struct call c;

	call_begin(&c, &mw->w, DEVICE, version, q->command);
	wbxml_start(&c.w, tag_of(q->command));
	wbxml_put(&c.w, ComposeMail_ClientId, q->client ? q->client : "c1");
	wbxml_put(&c.w, ComposeMail_AccountId, q->account);
	if (q->save)
		wbxml_empty(&c.w, ComposeMail_SaveInSentItems);
	if (q->replace)
		wbxml_empty(&c.w, ComposeMail_ReplaceMime);
	if (q->source) {
		wbxml_start(&c.w, ComposeMail_Source);
		wbxml_put(&c.w, ComposeMail_FolderId, "1");
		wbxml_put(&c.w, ComposeMail_ItemId, q->source);
		wbxml_put(&c.w, ComposeMail_InstanceId, q->instance);
		wbxml_end(&c.w);
	}
	if (q->mime)
		wbxml_put_opaque(&c.w, ComposeMail_Mime, slice_str(q->mime));
	call_run(&c);
	if (c.answer)
		assert_int_equal(c.answer->tag, tag_of(q->command));
	status = status_of(&c);
	call_end(&c);
	return status;
}

static struct mem_sent
sent(struct mail_world *mw, size_t i)
{
	struct mem_sent s = { 0 };

	assert_true(mem_sent_at(mw->w.mem, mw->a, i, &s));
	return s;
}

static struct mime *
sent_mail(struct mail_world *mw, size_t i)
{
	struct mime *m = NULL;

	assert_int_equal(mime_open(mw->a, sent(mw, i).bytes, &m, NULL), ERR_OK);
	return m;
}

static size_t
sent_count(struct mail_world *mw)
{
	return mem_sent_count(mw->w.mem);
}

static const char *
plain_of(struct mail_world *mw, const struct mime *m)
{
	struct mime_body body;

	assert_int_equal(mime_body(mw->a, m, &body), ERR_OK);
	return body.plain;
}

static const char *
html_of(struct mail_world *mw, const struct mime *m)
{
	struct mime_body body;

	assert_int_equal(mime_body(mw->a, m, &body), ERR_OK);
	return body.html;
}

/* ---- SendMail ---- */

static void
test_sends(void **state)
{
	struct mail_world *mw = *state;

	assert_int_equal(send(mw, &(struct request){ EAS_SENDMAIL, .mime = MAIL, .save = true }), 0);
	assert_int_equal(sent_count(mw), 1);
	struct mem_sent s = sent(mw, 0);
	assert_string_equal(s.to, "bob@example.com carol@example.com dan@example.com"); /* each once, the hidden one too */
	struct mime *m = sent_mail(mw, 0);
	assert_null(mime_field(mw->a, m->root->header, "Bcc"));
	assert_string_equal(mime_field(mw->a, m->root->header, "Message-ID"), "<m1@phone>");
	assert_true(slice_eq(m->root->body, slice_str("Hello\r\n")));
	/* The copy says who got it. */
	struct mem_item item;
	assert_int_equal(mem_count(mw->w.mem, WORLD_USER, "sent"), 1);
	assert_true(mem_at(mw->w.mem, mw->a, WORLD_USER, "sent", 0, &item));
	assert_int_equal(item.flags, FLAG_SEEN);
	assert_int_equal(mime_open(mw->a, item.bytes, &m, NULL), ERR_OK);
	assert_string_equal(mime_field(mw->a, m->root->header, "Bcc"), "dan@example.com");
}

static void
test_without_copy(void **state)
{
	struct mail_world *mw = *state;

	assert_int_equal(send(mw, &(struct request){ EAS_SENDMAIL, .mime = MAIL }), 0);
	assert_int_equal(mem_count(mw->w.mem, WORLD_USER, "sent"), 0);
}

static void
test_never_copied(void **state)
{
	struct mail_world *mw = *state;

	assert_int_equal(send(mw, &(struct request){ EAS_SENDMAIL, .mime = MAIL, .save = true }), 0);
	assert_int_equal(mem_count(mw->w.mem, WORLD_USER, "sent"), 0);
}

static void
test_always_copied(void **state)
{
	struct mail_world *mw = *state;

	assert_int_equal(send(mw, &(struct request){ EAS_SENDMAIL, .mime = MAIL }), 0);
	assert_int_equal(mem_count(mw->w.mem, WORLD_USER, "sent"), 1);
}

static void
test_fields_that_lack(void **state)
{
	struct mail_world *mw = *state;

	eas_clock_set(1795461508);
	assert_int_equal(send(mw, &(struct request){ EAS_SENDMAIL, .mime = "To: bob@example.com\nFrom: \"A\" <alice>\nSubject: x\n\nline\nend" }), 0);
	struct mime *m = sent_mail(mw, 0);
	struct mime_addresses l;
	assert_int_equal(mime_addresses(mw->a, m->root->header, "From", &l), ERR_OK);
	assert_int_equal(l.n, 1);
	assert_true(mime_address_ok(l.list[0].address)); /* a name without a domain is not good enough */
	assert_string_equal(l.list[0].address, sent(mw, 0).from);
	assert_string_equal(mime_field(mw->a, m->root->header, "Date"), "Mon, 23 Nov 2026 19:18:28 +0000");
	assert_non_null(mime_message_id(mw->a, m->root->header));
	assert_true(slice_eq(m->root->body, slice_str("line\r\nend\r\n")));
}

static void
test_refused_mails(void **state)
{
	static const struct {
		const char *mime;
		unsigned status;
	} rows[] = {
		{ "From: a@b\r\nSubject: x\r\n\r\nx", 119 },
		{ "To: undisclosed-recipients:;\r\n\r\nx", 119 },
		{ "To: bob\r\n\r\nx", 116 },
		{ "To: \"x\" <a b@example.com>\r\n\r\nx", 116 },
		{ "To: good@example.com, a b@example.com, also@example.com\r\n\r\nx", 116 }, /* all of them or none */
		{ "To: a@b@c, also@example.com\r\n\r\nx", 116 },
		{ "no mail at all", 107 },
		{ "", 107 },
		{ NULL, 103 },
	};
	struct mail_world *mw = *state;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		assert_int_equal(send(mw, &(struct request){ EAS_SENDMAIL, .mime = rows[i].mime }), rows[i].status);
	assert_int_equal(send(mw, &(struct request){ EAS_SENDMAIL, .mime = MAIL, .client = "" }), 103);
	assert_int_equal(send(mw, &(struct request){ EAS_SENDMAIL, .mime = MAIL, .account = "7" }), 166);
	assert_int_equal(sent_count(mw), 0);
	assert_int_equal(mem_calls(mw->w.mem, MEM_SEND), 0);
}

static void
test_nothing_is_smuggled(void **state)
{
	struct mail_world *mw = *state;

	assert_int_equal(send(mw, &(struct request){ EAS_SENDMAIL, .mime = "To: bob@example.com\r\n\r\na\r.\rMAIL FROM:<x@y>\n.\nb\r\n" }), 0);
	struct slice s = sent(mw, 0).bytes;
	for (size_t i = 0; i < s.len; i++) {
		if (s.ptr[i] == '\n')
			assert_true(i > 0 && s.ptr[i - 1] == '\r');
		if (s.ptr[i] == '\r')
			assert_true(i + 1 < s.len && s.ptr[i + 1] == '\n');
	}
}

static void
test_old_versions(void **state)
{
	struct mail_world *mw = *state;
	struct call c;

	call_begin(&c, &mw->w, DEVICE, 121, EAS_SENDMAIL);
	c.r.query.save_in_sent = true;
	mail_world_run_message(&c, MAIL);
	assert_int_equal(status_of(&c), 0);
	call_end(&c);
	assert_int_equal(mem_count(mw->w.mem, WORLD_USER, "sent"), 1);
	call_begin(&c, &mw->w, DEVICE, 121, EAS_SENDMAIL);
	mail_world_run_message(&c, "Subject: nobody\r\n\r\nx");
	assert_int_equal(c.r.reply.status, 500);
	assert_int_equal(c.r.reply.body.len, 0);
	call_end(&c);
	mem_fail(mw->w.mem, MEM_SEND, 1, MEM_BEFORE, ERR_UNAVAILABLE);
	call_begin(&c, &mw->w, DEVICE, 121, EAS_SENDMAIL);
	mail_world_run_message(&c, "To: a@b.c\r\nSubject: later\r\n\r\nx");
	assert_int_equal(c.r.reply.status, 503);
	call_end(&c);
}

/* ---- once ---- */

static void
test_repeats(void **state)
{
	struct mail_world *mw = *state;

	assert_int_equal(send(mw, &(struct request){ EAS_SENDMAIL, .mime = MAIL, .save = true }), 0);
	assert_int_equal(send(mw, &(struct request){ EAS_SENDMAIL, .mime = MAIL, .save = true }), 0);
	assert_int_equal(send(mw, &(struct request){ EAS_SENDMAIL, .mime = MAIL, .save = true, .client = "c2" }), 0);
	assert_int_equal(sent_count(mw), 1);
	assert_int_equal(mem_count(mw->w.mem, WORLD_USER, "sent"), 1);
	/* Another mail is another mail, also where the ClientId was used before (a counter that began anew). */
	assert_int_equal(send(mw, &(struct request){ EAS_SENDMAIL,
		.mime = "To: b@c.d\r\nDate: Tue, 24 Nov 2026 10:00:00 +0000\r\n\r\nother\r\n" }), 0);
	assert_int_equal(sent_count(mw), 2);
}

static void
test_repeat_with_other_boundary(void **state)
{
	struct mail_world *mw = *state;
#define FORM(b) "To: b@c.d\r\nDate: Mon, 23 Nov 2026 10:00:00 +0000\r\nContent-Type: multipart/mixed; boundary=\"" b "\"\r\n\r\n--" b \
	"\r\n\r\ntext\r\n--" b "--\r\n"
	const char *one = FORM("aaa"), *two = FORM("bbb");

	assert_int_equal(send(mw, &(struct request){ EAS_SENDMAIL, .mime = one, .client = "1" }), 0);
	assert_int_equal(send(mw, &(struct request){ EAS_SENDMAIL, .mime = two, .client = "2" }), 0);
	assert_int_equal(sent_count(mw), 1);
}

static void
test_repeat_without_date(void **state)
{
	struct mail_world *mw = *state;

	eas_clock_set(1795461508);
	assert_int_equal(send(mw, &(struct request){ EAS_SENDMAIL, .mime = DATELESS }), 0);
	eas_clock_set(1795461508 + 500);
	assert_int_equal(send(mw, &(struct request){ EAS_SENDMAIL, .mime = DATELESS, .client = "c2" }), 0);
	assert_int_equal(sent_count(mw), 1);
	eas_clock_set(1795461508 + 700); /* the same words again, later: meant so */
	assert_int_equal(send(mw, &(struct request){ EAS_SENDMAIL, .mime = DATELESS, .client = "c3" }), 0);
	assert_int_equal(sent_count(mw), 2);
	assert_string_not_equal(mime_message_id(mw->a, sent_mail(mw, 0)->root->header), mime_message_id(mw->a, sent_mail(mw, 1)->root->header));
}

static void
test_died_before_data(void **state)
{
	struct mail_world *mw = *state;

	mem_fail(mw->w.mem, MEM_SEND, 1, MEM_BEFORE, ERR_UNAVAILABLE);
	assert_int_equal(send(mw, &(struct request){ EAS_SENDMAIL, .mime = MAIL, .save = true }), 111);
	assert_int_equal(sent_count(mw), 0);
	assert_int_equal(mem_count(mw->w.mem, WORLD_USER, "sent"), 0);
	assert_int_equal(send(mw, &(struct request){ EAS_SENDMAIL, .mime = MAIL, .save = true }), 0);
	assert_int_equal(sent_count(mw), 1);
	assert_int_equal(mem_count(mw->w.mem, WORLD_USER, "sent"), 1);
}

static void
test_died_in_data(void **state)
{
	struct mail_world *mw = *state;

	/* The server took it and its 250 was lost: nobody knows, so it goes again, under the same name and date. */
	eas_clock_set(1795461508);
	mem_fail(mw->w.mem, MEM_SEND, 1, MEM_AFTER, ERR_UNAVAILABLE);
	assert_int_equal(send(mw, &(struct request){ EAS_SENDMAIL, .mime = DATELESS }), 111);
	eas_clock_set(1795461508 + 100);
	assert_int_equal(send(mw, &(struct request){ EAS_SENDMAIL, .mime = DATELESS, .client = "c2" }), 0);
	assert_int_equal(sent_count(mw), 2);
	assert_string_equal(mime_message_id(mw->a, sent_mail(mw, 0)->root->header), mime_message_id(mw->a, sent_mail(mw, 1)->root->header));
	assert_string_equal(mime_field(mw->a, sent_mail(mw, 0)->root->header, "Date"), mime_field(mw->a, sent_mail(mw, 1)->root->header, "Date"));
	assert_int_equal(send(mw, &(struct request){ EAS_SENDMAIL, .mime = DATELESS, .client = "c3" }), 0);
	assert_int_equal(sent_count(mw), 2);
}

static void
test_refused_by_server(void **state)
{
	static const struct {
		enum err err;
		unsigned status;
	} rows[] = { { ERR_DENIED, 120 }, { ERR_QUOTA, 115 }, { ERR_LIMIT, 122 }, { ERR_UNAVAILABLE, 111 }, { ERR_PEER, 111 },
		{ ERR_UNSUPPORTED, 120 }, { ERR_INTERNAL, 110 }, { ERR_BUSY, 999 } };
	struct mail_world *mw = *state;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		mem_fail(mw->w.mem, MEM_SEND, 1, MEM_BEFORE, rows[i].err);
		assert_int_equal(send(mw, &(struct request){ EAS_SENDMAIL, .mime = MAIL }), rows[i].status);
		assert_int_equal(sent_count(mw), 0);
	}
	assert_int_equal(send(mw, &(struct request){ EAS_SENDMAIL, .mime = MAIL }), 0); /* the user tries again */
	assert_int_equal(sent_count(mw), 1);
}

/* What `sending` says must be in the store before the first byte of DATA. */
static enum err
cut_commit(void *ctx, enum mem_op op, enum mem_when when, const char *folder, const char *key)
{
	struct mail_world *mw = ctx;

	(void)folder;
	(void)key;
	if (op == MEM_SEND && when == MEM_BEFORE)
		state_cut_next_commit(mw->w.state, STATE_CUT_BEFORE);
	return ERR_OK;
}

static void
test_intent_first(void **state)
{
	struct mail_world *mw = *state;
	uint64_t before = store_stats().commits;

	assert_int_equal(send(mw, &(struct request){ EAS_SENDMAIL, .mime = MAIL }), 0);
	assert_in_range(store_stats().commits - before, 3, 5); /* begun, sending, done */
	mem_hook(mw->w.mem, cut_commit, mw);
	unsigned status = send(mw, &(struct request){ EAS_SENDMAIL, .client = "c9", .mime = "To: a@b.c\r\nDate: x\r\n\r\nx" });
	mem_hook(mw->w.mem, NULL, NULL);
	assert_true(status == 0 || status == 111); /* SQLite has no connection to lose */
}

static void
test_copy_fails(void **state)
{
	struct mail_world *mw = *state;

	mem_fail(mw->w.mem, MEM_PUT, 1, MEM_BEFORE, ERR_QUOTA);
	assert_int_equal(send(mw, &(struct request){ EAS_SENDMAIL, .mime = MAIL, .save = true }), 0);
	assert_int_equal(sent_count(mw), 1);
	assert_int_equal(mem_count(mw->w.mem, WORLD_USER, "sent"), 0);
}

/* A connection that died is no reason to lose the copy, nor to keep it twice. */
static void
test_copy_again(void **state)
{
	struct mail_world *mw = *state;

	for (unsigned i = 0; i < 2; i++) {
		char mail[256];

		snprintf(mail, sizeof mail, "To: bob@example.com\r\nDate: Mon, 23 Nov 2026 10:00:00 +0000\r\nSubject: %u\r\n\r\nHello\r\n", i);
		mem_fail(mw->w.mem, MEM_PUT, 1, i ? MEM_AFTER : MEM_BEFORE, ERR_UNAVAILABLE);
		assert_int_equal(send(mw, &(struct request){ EAS_SENDMAIL, .mime = mail, .client = i ? "a" : "b", .save = true }), 0);
		assert_int_equal(sent_count(mw), i + 1);
		assert_int_equal(mem_count(mw->w.mem, WORLD_USER, "sent"), i + 1);
	}
}

/* Where there is no place for the copy now, the mail stays with the phone. */
static void
test_no_place_for_the_copy(void **state)
{
	struct mail_world *mw = *state;

	mem_fail(mw->w.mem, MEM_MARK, 1, MEM_BEFORE, ERR_UNAVAILABLE);
	assert_int_equal(send(mw, &(struct request){ EAS_SENDMAIL, .mime = MAIL, .save = true }), 111);
	assert_int_equal(sent_count(mw), 0);
	assert_int_equal(send(mw, &(struct request){ EAS_SENDMAIL, .mime = MAIL, .save = true }), 0);
	assert_int_equal(sent_count(mw), 1);
	assert_int_equal(mem_count(mw->w.mem, WORLD_USER, "sent"), 1);
}

static void
test_copy_busy(void **state)
{
	struct mail_world *mw = *state;

	/* No session for the copy: the request comes again and finishes, and the mail goes once. */
	mem_fail(mw->w.mem, MEM_PUT, 1, MEM_BEFORE, ERR_BUSY);
	assert_int_equal(send(mw, &(struct request){ EAS_SENDMAIL, .mime = MAIL, .save = true }), 999);
	assert_int_equal(send(mw, &(struct request){ EAS_SENDMAIL, .mime = MAIL, .save = true }), 0);
	assert_int_equal(sent_count(mw), 1);
	assert_int_equal(mem_count(mw->w.mem, WORLD_USER, "sent"), 1);
	mem_fail(mw->w.mem, MEM_PUT, 1, MEM_AFTER, ERR_BUSY); /* the copy was made, and nobody heard of it */
	assert_int_equal(send(mw, &(struct request){ EAS_SENDMAIL, .mime = DATELESS, .client = "c2", .save = true }), 999);
	assert_int_equal(send(mw, &(struct request){ EAS_SENDMAIL, .mime = DATELESS, .client = "c2", .save = true }), 0);
	assert_int_equal(sent_count(mw), 2);
	assert_int_equal(mem_count(mw->w.mem, WORLD_USER, "sent"), 2);
}

/* ---- drafts of 16.x ---- */

static unsigned
go(struct mail_world *mw, const char *bytes, enum err wanted)
{
	unsigned status = 0;
	struct error e = { 0 };
	struct call c;

	call_begin(&c, &mw->w, DEVICE, 161, EAS_SYNC);
	assert_int_equal(send_draft(&c.r, slice_str(bytes), &status, &e), wanted);
	call_end(&c);
	return status;
}

#define DRAFT(subject) "From: alice@example.com\r\nTo: bob@example.com\r\nBcc: dan@example.com\r\nSubject: " subject \
	"\r\nDate: Sun, 01 Nov 2026 10:00:00 +0000\r\nMessage-ID: <d1@example.com>\r\n\r\ntext\r\n"

static void
test_draft(void **state)
{
	struct mail_world *mw = *state;

	eas_clock_set(1795461508);
	mem_fail(mw->w.mem, MEM_SEND, 1, MEM_BEFORE, ERR_UNAVAILABLE);
	go(mw, DRAFT("x"), ERR_UNAVAILABLE);
	assert_int_equal(go(mw, DRAFT("x"), ERR_OK), 1);
	assert_int_equal(go(mw, DRAFT("x"), ERR_OK), 1);
	assert_int_equal(go(mw, DRAFT("edited between two tries"), ERR_OK), 1);
	assert_int_equal(sent_count(mw), 1);
	assert_string_equal(sent(mw, 0).to, "bob@example.com dan@example.com");
	struct mime *m = sent_mail(mw, 0);
	assert_string_equal(mime_field(mw->a, m->root->header, "Date"), "Mon, 23 Nov 2026 19:18:28 +0000"); /* when it went */
	assert_string_equal(mime_message_id(mw->a, m->root->header), "<d1@example.com>");
	assert_int_equal(mem_count(mw->w.mem, WORLD_USER, "sent"), 1);
	assert_int_equal(go(mw, "Message-ID: <d2@x>\r\nSubject: nobody\r\n\r\nx", ERR_OK), 183);
	assert_int_equal(go(mw, "Message-ID: <d3@x>\r\nTo: bob\r\n\r\nx", ERR_OK), 183);
}

/* ---- replies and forwards ---- */

#define ORIGINAL "From: Bob <bob@example.com>\r\nTo: alice@example.com\r\nSubject: Question\r\nDate: Sun, 22 Nov 2026 09:00:00 +0000\r\n" \
	"Message-ID: <q@x>\r\nReferences: <p@x>\r\nContent-Type: multipart/mixed; boundary=o\r\n\r\n--o\r\n" \
	"Content-Type: multipart/related; boundary=r\r\n\r\n--r\r\nContent-Type: text/html; charset=utf-8\r\n\r\n" \
	"<html><head><style>b{}</style></head><body>Why <b>not</b>? <img src=\"cid:i@x\"></body></html>\r\n--r\r\n" \
	"Content-Type: image/png; name=i.png\r\nContent-ID: <i@x>\r\nContent-Transfer-Encoding: base64\r\n\r\nAAEC\r\n--r--\r\n--o\r\n" \
	"Content-Type: application/pdf; name=a.pdf\r\nContent-Transfer-Encoding: BASE64\r\nX-Own: kept\r\n\r\nUERG\r\n--o\r\n" \
	"Content-Type: message/rfc822\r\n\r\nSubject: inner\r\nContent-Type: multipart/mixed; boundary=n\r\n\r\n--n\r\n\r\nnested\r\n--n--\r\n\r\n--o--\r\n"
#define ANSWER "To: bob@example.com\r\nSubject: Re: Question\r\nDate: Mon, 23 Nov 2026 10:00:00 +0000\r\n" \
	"Content-Type: text/plain; charset=utf-8\r\n\r\nBecause.\r\n"

static const char *
names(struct mail_world *mw, const struct mime *m)
{
	char *s = arena_strdup(mw->a, "");

	for (size_t i = 0; i < m->n_attachments; i++)
		s = arena_printf(mw->a, "%s%s%s", s, i ? " " : "", mime_attachment_name(mw->a, m->attachments[i]));
	return s;
}

static void
test_reply(void **state)
{
	struct mail_world *mw = *state;
	const char *id = mail_world_add(mw, "inbox", ORIGINAL);
	struct mem_item item;

	assert_int_equal(send(mw, &(struct request){ EAS_SMARTREPLY, .mime = ANSWER, .source = id, .save = true }), 0);
	struct mime *m = sent_mail(mw, 0);
	const char *plain = plain_of(mw, m), *html = html_of(mw, m);
	assert_true(text_starts(plain, "Because.\r\n"));
	assert_non_null(strstr(plain, "> From: \"Bob\" <bob@example.com>"));
	assert_non_null(strstr(plain, "> Why not?"));
	assert_non_null(strstr(html, "Because."));
	assert_non_null(strstr(html, "Why <b>not</b>?"));
	assert_non_null(strstr(html, "<style>b{}</style>"));
	assert_non_null(strstr(html, "&lt;bob@example.com&gt;"));
	assert_string_equal(names(mw, m), "i.png"); /* the picture in the text, nothing else */
	assert_string_equal(mime_field(mw->a, m->root->header, "In-Reply-To"), "<q@x>");
	assert_string_equal(mime_field(mw->a, m->root->header, "References"), "<p@x> <q@x>");
	assert_true(mem_at(mw->w.mem, mw->a, WORLD_USER, "inbox", 0, &item));
	assert_int_equal(item.flags & FLAG_ANSWERED, FLAG_ANSWERED);
	assert_int_equal(mem_count(mw->w.mem, WORLD_USER, "sent"), 1);
}

static void
test_forward(void **state)
{
	struct mail_world *mw = *state;
	const char *id = mail_world_add(mw, "inbox", ORIGINAL);
	struct mime *original, *m;
	struct mem_item item;

	assert_int_equal(mime_open(mw->a, slice_str(ORIGINAL), &original, NULL), ERR_OK);
	assert_int_equal(send(mw, &(struct request){ EAS_SMARTFORWARD, .mime = ANSWER, .source = id }), 0);
	m = sent_mail(mw, 0);
	assert_string_equal(names(mw, m), "i.png a.pdf inner.eml");
	for (size_t i = 0; i < 3; i++) /* byte for byte, fields and all */
		assert_true(slice_eq(m->attachments[i]->raw, original->attachments[i]->raw));
	assert_non_null(strstr(plain_of(mw, m), "\r\nWhy not?"));
	assert_null(mime_field(mw->a, m->root->header, "In-Reply-To"));
	assert_true(mem_at(mw->w.mem, mw->a, WORLD_USER, "inbox", 0, &item));
	assert_int_equal(item.flags & FLAG_FORWARDED, FLAG_FORWARDED);
}

/* What the phone says of a meeting is neither text nor attachment, and goes out all the same. */
static void
test_own_calendar(void **state)
{
#define MINE "BEGIN:VCALENDAR\r\nMETHOD:REPLY\r\nEND:VCALENDAR"
	static const char head[] = "To: bob@example.com\r\nSubject: Accepted\r\n";
	static const char theirs[] = "From: bob@example.com\r\nSubject: Standup\r\nMessage-ID: <i@x>\r\nContent-Type: text/calendar; "
		"method=REQUEST\r\n\r\nBEGIN:VCALENDAR\r\nMETHOD:REQUEST\r\nEND:VCALENDAR\r\n";
	struct mail_world *mw = *state;
	const char *id = mail_world_add(mw, "inbox", theirs);
	const char *bodies[] = { "Content-Type: text/calendar; method=REPLY\r\n\r\n" MINE,
		"Content-Type: multipart/alternative; boundary=a\r\n\r\n--a\r\n\r\nyes\r\n--a\r\n"
		"Content-Type: text/calendar; method=REPLY\r\n\r\n" MINE "\r\n--a--\r\n" };

	for (int i = 0; i < 4; i++) {
		const char *mime = arena_printf(mw->a, "%sDate: Mon, 23 Nov 2026 10:00:0%d +0000\r\n%s", head, i, bodies[i % 2]);

		assert_int_equal(send(mw, &(struct request){ i < 2 ? EAS_SMARTREPLY : EAS_SMARTFORWARD, .mime = mime, .source = id }), 0);
		struct mime *m = sent_mail(mw, (size_t)i);
		assert_non_null(m->calendar);
		assert_string_equal(m->calendar->method, "REPLY");
		assert_string_equal(mime_part_text(mw->a, m->calendar), MINE);
		assert_string_equal(names(mw, m), "");
	}
}

static void
test_replace_mime(void **state)
{
	struct mail_world *mw = *state;
	const char *id = mail_world_add(mw, "inbox", ORIGINAL);
	struct mem_item item;

	assert_int_equal(send(mw, &(struct request){ EAS_SMARTREPLY, .mime = ANSWER, .source = id, .replace = true }), 0);
	struct mime *m = sent_mail(mw, 0);
	assert_true(slice_eq(m->root->body, slice_str("Because.\r\n")));
	assert_string_equal(mime_field(mw->a, m->root->header, "In-Reply-To"), "<q@x>");
	assert_true(mem_at(mw->w.mem, mw->a, WORLD_USER, "inbox", 0, &item));
	assert_int_equal(item.flags & FLAG_ANSWERED, FLAG_ANSWERED);
}

static void
test_closed_mails(void **state)
{
	struct mail_world *mw = *state;
	const char *secret = "Subject: secret\r\nContent-Type: application/pkcs7-mime; smime-type=enveloped-data\r\n\r\nMIAG\r\n";
	const char *id = mail_world_add(mw, "inbox", secret);

	assert_int_equal(send(mw, &(struct request){ EAS_SMARTFORWARD, .mime = ANSWER, .source = id }), 0);
	struct mime *m = sent_mail(mw, 0);
	assert_string_equal(names(mw, m), "secret.eml");
	assert_true(slice_eq(m->attachments[0]->body, slice(secret, strlen(secret) - 2)) || slice_eq(m->attachments[0]->body, slice_str(secret)));
	assert_string_equal(plain_of(mw, m), "Because.\r\n");
	assert_int_equal(send(mw, &(struct request){ EAS_SMARTREPLY, .mime = ANSWER, .source = id }), 0);
	assert_true(slice_eq(sent_mail(mw, 1)->root->body, slice_str("Because.\r\n")));
}

static void
test_sources_that_are_not(void **state)
{
	struct mail_world *mw = *state;
	const char *id = mail_world_add(mw, "inbox", ORIGINAL);

	assert_int_equal(send(mw, &(struct request){ EAS_SMARTREPLY, .mime = ANSWER, .source = "1:999" }), 150);
	assert_int_equal(send(mw, &(struct request){ EAS_SMARTREPLY, .mime = ANSWER, .source = "rubbish" }), 150);
	assert_int_equal(send(mw, &(struct request){ EAS_SMARTREPLY, .mime = ANSWER }), 150);
	assert_int_equal(send(mw, &(struct request){ EAS_SMARTREPLY, .mime = ANSWER, .source = id, .instance = "tomorrow" }), 104);
	mem_item_broken(mw->w.mem, WORLD_USER, "inbox", strchr(id, ':') ? "1" : "1", ERR_OK);
	mw->w.user = "mallory"; /* another user's id finds nothing */
	assert_int_equal(send(mw, &(struct request){ EAS_SMARTFORWARD, .mime = ANSWER, .source = id }), 150);
	mw->w.user = WORLD_USER;
	assert_int_equal(sent_count(mw), 0);
	mem_fail(mw->w.mem, MEM_FETCH, 1, MEM_BEFORE, ERR_UNAVAILABLE);
	assert_int_equal(send(mw, &(struct request){ EAS_SMARTREPLY, .mime = ANSWER, .source = id }), 111);
}

/* ---- repeats of them, when the source is gone or another command is used ---- */

#define LETTER(id, date, text) "To: bob@example.com\r\nSubject: Re: Question\r\nDate: " date " Nov 2026 10:00:00 +0000\r\n" \
	"Message-ID: <" id "@phone>\r\n\r\n" text "\r\n"

/* The original; its key at the backend into key_r. */
static const char *
add_original(struct mail_world *mw, const char **key_r)
{
	*key_r = mem_add(mw->w.mem, WORLD_USER, "inbox", NULL, ORIGINAL, 0, 1795461508);
	return arena_strdup(mw->a, mail_world_id(mw, "inbox", *key_r));
}

/* It is deleted, and the store knows. */
static void
drop_original(struct mail_world *mw, const char *key)
{
	mem_delete(mw->w.mem, WORLD_USER, "inbox", key);
	mail_world_add(mw, "inbox", "Subject: another\r\n\r\nx\r\n");
}

static void
test_repeat_without_source(void **state)
{
	static const enum eas_command commands[] = { EAS_SMARTREPLY, EAS_SMARTFORWARD };
	struct mail_world *mw = *state;

	for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
		const char *key, *id = add_original(mw, &key); /* ANSWER has no Message-ID */

		assert_int_equal(send(mw, &(struct request){ commands[i], .mime = ANSWER, .source = id, .save = true }), 0);
		drop_original(mw, key);
		assert_int_equal(send(mw, &(struct request){ commands[i], .mime = ANSWER, .source = id, .save = true }), 0);
		assert_int_equal(
			send(mw, &(struct request){ commands[i], .mime = ANSWER, .source = id, .save = true, .client = "c2" }), 0);
		assert_int_equal(sent_count(mw), i + 1);
		assert_int_equal(mem_count(mw->w.mem, WORLD_USER, "sent"), i + 1);
		assert_int_equal(send(mw, &(struct request){ commands[i], .mime = DATELESS, .source = id, .client = "c3" }), 150);
		assert_int_equal(sent_count(mw), i + 1);
	}
}

static void
test_repeat_asked_otherwise(void **state)
{
	struct mail_world *mw = *state;
	const char *key, *id = add_original(mw, &key), *moved = add_original(mw, &key);
	const char *mime = LETTER("a", "Mon, 23", "Because.");

	assert_int_equal(send(mw, &(struct request){ EAS_SMARTREPLY, .mime = mime, .source = id }), 0);
	assert_int_equal(send(mw, &(struct request){ EAS_SMARTREPLY, .mime = mime, .source = moved, .client = "c2" }), 0);
	assert_int_equal(send(mw, &(struct request){ EAS_SENDMAIL, .client = "c3",
		.mime = LETTER("a", "Mon, 23", "Because.\r\n> Why not?") }), 0);
	assert_int_equal(sent_count(mw), 1);
	/* The ClientId of another mail does not hide it. */
	assert_int_equal(send(mw, &(struct request){ EAS_SENDMAIL, .client = "c4", .mime = LETTER("b", "Tue, 24", "Because.") }), 0);
	assert_int_equal(sent_count(mw), 2);
	assert_int_equal(send(mw, &(struct request){ EAS_SENDMAIL, .client = "c4", .mime = LETTER("a", "Mon, 23", "Because!") }), 0);
	assert_int_equal(sent_count(mw), 2);
	/* The same id is not enough. */
	assert_int_equal(send(mw, &(struct request){ EAS_SENDMAIL, .client = "c5", .mime = LETTER("a", "Wed, 25", "Because.") }), 0);
	assert_int_equal(send(mw, &(struct request){ EAS_SENDMAIL, .client = "c6",
		.mime = "To: bob@example.com\r\nMessage-ID: <a@phone>\r\n\r\nBecause.\r\n" }), 0);
	assert_int_equal(sent_count(mw), 4);
}

/* Killed between the 250 and the copy, and then the source cannot be had: nobody may hear that the mail was not sent. */
static void
test_copy_without_source(void **state)
{
	struct mail_world *mw = *state;

	for (size_t i = 0; i < 2; i++) {
		const char *key, *id = add_original(mw, &key);
		const char *mime = i ? LETTER("b", "Tue, 24", "Because.") : LETTER("a", "Mon, 23", "Because.");
		struct request q = { EAS_SMARTREPLY, .mime = mime, .source = id, .save = true, .client = i ? "c1" : "c2" };
		struct mem_item copy;

		mem_fail(mw->w.mem, MEM_PUT, 1, MEM_BEFORE, ERR_BUSY);
		assert_int_equal(send(mw, &q), 999);
		if (i)
			mem_fail(mw->w.mem, MEM_FETCH, 1, MEM_BEFORE, ERR_UNAVAILABLE);
		else
			drop_original(mw, key);
		assert_int_equal(send(mw, &q), 0);
		assert_int_equal(send(mw, &q), 0);
		assert_int_equal(sent_count(mw), i + 1);
		assert_int_equal(mem_count(mw->w.mem, WORLD_USER, "sent"), i + 1);
		assert_true(mem_at(mw->w.mem, mw->a, WORLD_USER, "sent", i, &copy));
		assert_non_null(memmem(copy.bytes.ptr, copy.bytes.len, "Because.", 8));
	}
}

static void
test_smart_in_old_versions(void **state)
{
	struct mail_world *mw = *state;
	const char *id = mail_world_add(mw, "inbox", ORIGINAL);
	struct call c;

	call_begin(&c, &mw->w, DEVICE, 121, EAS_SMARTFORWARD);
	c.r.query.item_id = id;
	c.r.query.collection_id = "1";
	mail_world_run_message(&c, ANSWER);
	assert_int_equal(status_of(&c), 0);
	call_end(&c);
	assert_string_equal(names(mw, sent_mail(mw, 0)), "i.png a.pdf inner.eml");
}

#define EVENT "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nBEGIN:VEVENT\r\nUID:u\r\nDTSTART:20261130T110000Z\r\nDTEND:20261130T120000Z\r\n" \
	"SUMMARY:Lunch\r\nLOCATION:Room 1\r\nDESCRIPTION:Bring money\r\nBEGIN:VALARM\r\nTRIGGER:-PT5M\r\nEND:VALARM\r\nEND:VEVENT\r\n" \
	"END:VCALENDAR\r\n"
#define SERIES "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nBEGIN:VEVENT\r\nUID:s\r\nORGANIZER;CN=Bob:mailto:bob@example.com\r\n" \
	"ATTENDEE:mailto:alice@example.com\r\nDTSTART:20261130T110000Z\r\nDTEND:20261130T120000Z\r\nRRULE:FREQ=DAILY;COUNT=4\r\n" \
	"EXDATE:20261203T110000Z\r\nSUMMARY:Standup\r\nEND:VEVENT\r\nBEGIN:VEVENT\r\nUID:s\r\nORGANIZER;CN=Bob:mailto:bob@example.com\r\n" \
	"ATTENDEE:mailto:alice@example.com\r\nRECURRENCE-ID:20261202T110000Z\r\nDTSTART:20261202T150000Z\r\nDTEND:20261202T160000Z\r\n" \
	"SUMMARY:Late\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"

#define SINGLE_DAY(day, subject) "BEGIN:VEVENT\r\nUID:d\r\nRECURRENCE-ID:" day "T110000Z\r\nDTSTART:" day "T110000Z\r\n" \
	"DTEND:" day "T120000Z\r\nSUMMARY:" subject "\r\nEND:VEVENT\r\n"
#define SINGLE_DAYS "BEGIN:VCALENDAR\r\nVERSION:2.0\r\n" SINGLE_DAY("20261201", "First") SINGLE_DAY("20261203", "Second") \
	"END:VCALENDAR\r\n"

static const char *
add_event(struct mail_world *mw, const char *event)
{
	const char *key = mem_add(mw->w.mem, WORLD_USER, "calendar", NULL, event, 0, BACKEND_NO_DATE);

	return arena_strdup(mw->a, mail_world_id(mw, "calendar", key));
}

/* 16.x: to people, without a message of the phone's own. */
static unsigned
forward_to_carol(struct mail_world *mw, const char *id, const char *client, const char *instance)
{
	struct call c;

	call_begin(&c, &mw->w, DEVICE, 161, EAS_SMARTFORWARD);
	wbxml_start(&c.w, ComposeMail_SmartForward);
	wbxml_put(&c.w, ComposeMail_ClientId, client);
	wbxml_start(&c.w, ComposeMail_Source);
	wbxml_put(&c.w, ComposeMail_ItemId, id);
	wbxml_put(&c.w, ComposeMail_InstanceId, instance);
	wbxml_end(&c.w);
	wbxml_start(&c.w, AirSyncBase_Body);
	wbxml_put(&c.w, AirSyncBase_Type, "1");
	wbxml_put(&c.w, AirSyncBase_Data, "fyi");
	wbxml_end(&c.w);
	wbxml_start(&c.w, ComposeMail_Forwardees);
	wbxml_start(&c.w, ComposeMail_Forwardee);
	wbxml_put(&c.w, ComposeMail_Email, "carol@example.com");
	wbxml_put(&c.w, ComposeMail_Name, "Carol");
	wbxml_end(&c.w);
	wbxml_end(&c.w);
	call_run(&c);
	unsigned status = status_of(&c);
	call_end(&c);
	return status;
}

static void
test_forward_event(void **state)
{
	struct mail_world *mw = *state;
	const char *id = add_event(mw, EVENT);

	assert_int_equal(forward_to_carol(mw, id, "f1", NULL), 0);
	assert_string_equal(sent(mw, 0).to, "carol@example.com");
	struct mime *m = sent_mail(mw, 0);
	assert_string_equal(mime_field_text(mw->a, m->root->header, "Subject"), "FW: Lunch");
	const char *plain = plain_of(mw, m);
	assert_true(text_starts(plain, "fyi\r\n"));
	assert_non_null(strstr(plain, "Subject: Lunch\r\n"));
	assert_non_null(strstr(plain, "When: 2026-11-30 12:00 - 13:00 (Europe/Berlin)\r\nWhere: Room 1\r\n\r\nBring money"));
	assert_non_null(m->calendar);
	assert_string_equal(m->calendar->method, "PUBLISH"); /* nobody invites */
	const char *event = mime_part_text(mw->a, m->calendar);
	assert_non_null(strstr(event, "METHOD:PUBLISH\r\n"));
	assert_non_null(strstr(event, "SUMMARY:Lunch\r\n"));
	assert_null(strstr(event, "VALARM"));
	assert_int_equal(mem_count(mw->w.mem, WORLD_USER, "sent"), 1);
	assert_int_equal(send(mw, &(struct request){ EAS_SMARTFORWARD, .version = 161, .source = id }), 179);
	assert_int_equal(forward_to_carol(mw, mail_world_add(mw, "inbox", ORIGINAL), "f2", NULL), 178);
}

static void
test_forward_instance(void **state)
{
	static const struct {
		const char *instance, *has, *lacks;
		unsigned status;
	} rows[] = {
		{ NULL, "RRULE:FREQ=DAILY;COUNT=4\r\n", NULL, 0 },
		{ "2026-12-01T11:00:00.000Z", "RECURRENCE-ID:20261201T110000Z\r\n", "RRULE", 0 },
		{ "2026-12-01T11:00:00.000Z", "DTSTART:20261201T110000Z\r\n", "SUMMARY:Late", 0 },
		{ "20261202T110000Z", "DTSTART:20261202T150000Z\r\n", "Standup", 0 },
		{ "2026-12-03T11:00:00.000Z", NULL, NULL, 150 }, /* deleted */
		{ "2027-12-03T11:00:00.000Z", NULL, NULL, 150 },
	};
	struct mail_world *mw = *state;
	const char *id = add_event(mw, SERIES), *single = add_event(mw, EVENT);
	size_t n = 0;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct request q = { EAS_SMARTFORWARD, .mime = ANSWER, .source = id, .instance = rows[i].instance,
			.client = arena_printf(mw->a, "c%zu", i), .version = i % 2 ? 141 : 140 };
		q.mime = arena_printf(mw->a, "X-Try: %zu\r\n%s", i, ANSWER);
		assert_int_equal(send(mw, &q), rows[i].status);
		if (rows[i].status)
			continue;
		struct mime *m = sent_mail(mw, n++);
		assert_true(text_starts(plain_of(mw, m), "Because.\r\n"));
		assert_string_equal(m->calendar->method, "REQUEST");
		const char *event = mime_part_text(mw->a, m->calendar);
		assert_non_null(strstr(event, rows[i].has));
		assert_non_null(strstr(event, "ORGANIZER;CN=Bob:mailto:bob@example.com\r\n"));
		assert_true(!rows[i].lacks || !strstr(event, rows[i].lacks));
	}
	assert_int_equal(sent_count(mw), n);
	assert_int_equal(send(mw, &(struct request){ EAS_SMARTFORWARD, .mime = ANSWER, .source = single, .client = "x",
		.instance = "2026-11-30T11:00:00.000Z" }), 146);
	assert_int_equal(forward_to_carol(mw, id, "f1", "2026-12-02T11:00:00.000Z"), 0);
	assert_string_equal(mime_field_text(mw->a, sent_mail(mw, n)->root->header, "Subject"), "FW: Late");
	/* with the same words: another instance is another mail, the same one is a repeat */
	assert_int_equal(forward_to_carol(mw, id, "f2", "2026-12-01T11:00:00.000Z"), 0);
	assert_int_equal(forward_to_carol(mw, id, "f3", "2026-12-01T11:00:00.000Z"), 0);
	assert_int_equal(sent_count(mw), n + 2);
}

/* Of days without a series each is one, also the first, which stands for all. */
static void
test_forward_single_day(void **state)
{
	static const struct {
		const char *instance, *subject, *lacks;
	} rows[] = {
		{ "2026-12-01T11:00:00.000Z", "FW: First", "SUMMARY:Second" },
		{ "2026-12-03T11:00:00.000Z", "FW: Second", "SUMMARY:First" },
	};
	struct mail_world *mw = *state;
	const char *id = add_event(mw, SINGLE_DAYS);

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		assert_int_equal(forward_to_carol(mw, id, arena_printf(mw->a, "f%zu", i), rows[i].instance), 0);
		struct mime *m = sent_mail(mw, i);
		assert_string_equal(mime_field_text(mw->a, m->root->header, "Subject"), rows[i].subject);
		const char *event = mime_part_text(mw->a, m->calendar);
		assert_non_null(strstr(event, rows[i].subject + strlen("FW: ")));
		assert_null(strstr(event, rows[i].lacks));
		assert_non_null(strstr(event, "\r\nRECURRENCE-ID:"));
	}
	assert_int_equal(forward_to_carol(mw, id, "f2", "2026-12-02T11:00:00.000Z"), 150);
	assert_int_equal(sent_count(mw), 2);
}

/* A reply quotes the instance, and invites nobody. */
static void
test_reply_to_instance(void **state)
{
	struct mail_world *mw = *state;
	const char *id = add_event(mw, SERIES);

	assert_int_equal(send(mw, &(struct request){ EAS_SMARTREPLY, .mime = ANSWER, .source = id,
		.instance = "2026-12-02T11:00:00.000Z" }), 0);
	struct mime *m = sent_mail(mw, 0);
	const char *plain = plain_of(mw, m);
	assert_null(m->calendar);
	assert_non_null(strstr(plain, "> From: \"Bob\" <bob@example.com>\r\n"));
	assert_non_null(strstr(plain, "> Subject: Late\r\n"));
	assert_non_null(strstr(plain, "> When: 2026-12-02 16:00 - 17:00 (Europe/Berlin)\r\n"));
}

/* The same from the invitation that came by mail. */
static void
test_forward_instance_of_invitation(void **state)
{
	struct mail_world *mw = *state;
	const char *id = mail_world_add(mw, "inbox", "From: bob@example.com\r\nSubject: Standup\r\nMessage-ID: <i@x>\r\nContent-Type: text/calendar; "
		"method=REQUEST\r\n\r\n" SERIES);

	assert_int_equal(send(mw, &(struct request){ EAS_SMARTFORWARD, .mime = ANSWER, .source = id,
		.instance = "2026-12-02T11:00:00.000Z" }), 0);
	const char *event = mime_part_text(mw->a, sent_mail(mw, 0)->calendar);
	assert_non_null(strstr(event, "SUMMARY:Late\r\n"));
	assert_null(strstr(event, "RRULE"));
	assert_int_equal(send(mw, &(struct request){ EAS_SMARTFORWARD, .mime = "X-Other: 1\r\n" ANSWER, .source = id, .client = "c2",
		.instance = "2026-12-03T11:00:00.000Z" }), 150);
	/* nothing to be narrowed: the mail as it is */
	id = mail_world_add(mw, "inbox", ORIGINAL);
	assert_int_equal(send(mw, &(struct request){ EAS_SMARTFORWARD, .mime = ANSWER, .source = id, .client = "c3",
		.instance = "2026-12-03T11:00:00.000Z" }), 0);
	assert_string_equal(names(mw, sent_mail(mw, 1)), "i.png a.pdf inner.eml");
}

int
main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = { CASE(test_sends), CASE(test_without_copy),
		cmocka_unit_test_setup_teardown(test_never_copied, setup_never, teardown),
		cmocka_unit_test_setup_teardown(test_always_copied, setup_always, teardown), CASE(test_fields_that_lack), CASE(test_refused_mails),
		CASE(test_repeat_without_source), CASE(test_repeat_asked_otherwise), CASE(test_copy_without_source),
		CASE(test_nothing_is_smuggled), CASE(test_old_versions), CASE(test_repeats), CASE(test_repeat_with_other_boundary),
		CASE(test_repeat_without_date), CASE(test_died_before_data), CASE(test_died_in_data), CASE(test_refused_by_server),
		CASE(test_intent_first), CASE(test_copy_fails), CASE(test_copy_again),
		CASE(test_no_place_for_the_copy), CASE(test_copy_busy), CASE(test_draft), CASE(test_reply), CASE(test_forward),
		CASE(test_own_calendar), CASE(test_replace_mime), CASE(test_closed_mails), CASE(test_sources_that_are_not), CASE(test_smart_in_old_versions),
		CASE(test_forward_event), CASE(test_forward_instance), CASE(test_forward_single_day), CASE(test_reply_to_instance),
		CASE(test_forward_instance_of_invitation) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
