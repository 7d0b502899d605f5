/* Mails as phones get them, and what phones change of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "mail_case.h"

#define TEXT(root, ...) mail_case_text(root, __VA_ARGS__, 0)

#define SIMPLE "From: Bob <bob@example.com>\nTo: \"Alice\" <alice@example.com>, carol@example.com\nCc: dan@example.com\n" \
	"Reply-To: list@example.com\nSubject: Re: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\nMessage-ID: <2@x>\nReferences: <1@x>\n" \
	"Date: Mon, 23 Nov 2026 10:00:00 +0000\nX-Priority: 1 (Highest)\nBcc: secret@example.com\n" \
	"Content-Type: text/plain; charset=utf-8\n\nHallo\n"

/* ---- what is shown ---- */

static void
test_elements(void **state)
{
	struct mail_case *c = *state;
	const struct wbxml_node *root = mail_case_render_text(c, SIMPLE);

	assert_string_equal(TEXT(root, Email_To), "\"Alice\" <alice@example.com>, \"carol@example.com\" <carol@example.com>");
	assert_string_equal(TEXT(root, Email_Cc), "\"dan@example.com\" <dan@example.com>");
	assert_string_equal(TEXT(root, Email_From), "\"Bob\" <bob@example.com>");
	assert_string_equal(TEXT(root, Email_ReplyTo), "\"list@example.com\" <list@example.com>");
	assert_string_equal(TEXT(root, Email_Subject), "Re: Gr\xc3\xbc\xc3\x9f" "e");
	assert_string_equal(TEXT(root, Email_ThreadTopic), "Gr\xc3\xbc\xc3\x9f" "e");
	assert_string_equal(TEXT(root, Email_DateReceived), "2026-11-23T19:18:28.000Z");
	assert_string_equal(TEXT(root, Email_DisplayTo), "Alice; carol@example.com");
	assert_string_equal(TEXT(root, Email_Importance), "2");
	assert_string_equal(TEXT(root, Email_Read), "0");
	assert_string_equal(TEXT(root, Email_MessageClass), "IPM.Note");
	assert_string_equal(TEXT(root, Email_InternetCPID), "65001");
	assert_string_equal(TEXT(root, Email_ContentClass), "urn:content-classes:message");
	assert_string_equal(TEXT(root, AirSyncBase_NativeBodyType), "1");
	assert_string_equal(TEXT(root, AirSyncBase_Body, AirSyncBase_Data), "Hallo\r\n");
	assert_int_equal(wbxml_child(root, Email2_ConversationId)->data.len, 16);
	assert_int_equal(wbxml_child(root, Email2_ConversationIndex)->data.len, 5);
	assert_true(wbxml_has(root, Email_Flag));
	assert_null(wbxml_child(root, Email_Flag)->child);
	assert_true(wbxml_has(root, Email_Categories));
	assert_false(wbxml_has(root, AirSyncBase_Attachments));
	assert_false(wbxml_has(root, Email2_Bcc));
	assert_false(wbxml_has(root, Email2_IsDraft));
	assert_false(wbxml_has(root, Email2_LastVerbExecuted));
}

/* MS-ASEMAIL R711; the others are lists of RFC 5322. */
static void
test_several_to_reply_to(void **state)
{
	struct mail_case *c = *state;
	const struct wbxml_node *root = mail_case_render_text(c, "To: a@x, b@x\nReply-To: c@x, \"D; d\" <d@x>\n\n");

	assert_string_equal(TEXT(root, Email_To), "\"a@x\" <a@x>, \"b@x\" <b@x>");
	assert_string_equal(TEXT(root, Email_ReplyTo), "\"c@x\" <c@x>; \"D; d\" <d@x>");
}

static void
test_versions(void **state)
{
	struct mail_case *c = *state;

	c->item.flags = FLAG_SEEN | FLAG_FLAGGED | FLAG_ANSWERED | FLAG_DRAFT;
	c->view.version = 121;
	const struct wbxml_node *root = mail_case_render_text(c, SIMPLE);
	assert_false(wbxml_has(root, Email_Categories));
	assert_false(wbxml_has(root, Email2_ConversationId));
	assert_false(wbxml_has(root, Email2_LastVerbExecuted));
	assert_string_equal(TEXT(root, Email_Read), "1");
	assert_string_equal(TEXT(root, Email_Flag, Email_Status), "2");
	assert_string_equal(TEXT(root, Email_Flag, Email_FlagType), "Flag for follow up");
	c->view.version = 161;
	root = mail_case_render_text(c, SIMPLE);
	assert_string_equal(TEXT(root, Email2_IsDraft), "1");
	assert_string_equal(TEXT(root, Email2_Bcc), "\"secret@example.com\" <secret@example.com>");
	assert_string_equal(TEXT(root, Email2_LastVerbExecuted), "1");
	c->item.flags = 0;
	root = mail_case_render_text(c, SIMPLE);
	assert_string_equal(TEXT(root, Email2_IsDraft), "0");
	assert_false(wbxml_has(root, Email2_Bcc)); /* of a mail that went out it is nobody's business */
}

static void
test_without_dates(void **state)
{
	struct mail_case *c = *state;

	c->item.date = BACKEND_NO_DATE;
	assert_string_equal(TEXT(mail_case_render_text(c, SIMPLE), Email_DateReceived), "2026-11-23T10:00:00.000Z");
	assert_string_equal(TEXT(mail_case_render_text(c, "Subject: x\n\ny"), Email_DateReceived), "1970-01-01T00:00:00.000Z");
	assert_string_equal(TEXT(mail_case_render_text(c, "Date: rubbish\n\ny"), Email_DateReceived), "1970-01-01T00:00:00.000Z");
	assert_string_equal(TEXT(mail_case_render_text(c, ""), Email_Subject), "");
}

static void
test_change_needs_no_bytes(void **state)
{
	static const char *const words[] = { "Work", "$Junk", "NonJunk", "R\xc3\xb6t", NULL };
	struct mail_case *c = *state;

	c->item.flags = FLAG_SEEN | FLAG_FORWARDED;
	c->item.keywords = words;
	const struct wbxml_node *root = mail_case_render(c, (struct slice){ 0 }, RENDER_CHANGE);
	assert_string_equal(TEXT(root, Email_Read), "1");
	assert_string_equal(TEXT(root, Email2_LastVerbExecuted), "3");
	const struct wbxml_node *first = wbxml_child(wbxml_child(root, Email_Categories), Email_Category);
	assert_string_equal(first->text, "Work");
	assert_string_equal(first->next->text, "R\xc3\xb6t");
	assert_null(first->next->next);
	assert_false(wbxml_has(root, AirSyncBase_Body));
	assert_false(wbxml_has(root, Email_Subject));
}

static void
test_conversations(void **state)
{
	static const char *const same[] = { "Message-ID: <1@x>\nSubject: a\n\n", "Message-ID: <2@x>\nReferences: <1@x>\nSubject: b\n\n",
		"Message-ID: <3@x>\nReferences: <1@x> <2@x>\n\n", "Message-ID: <4@x>\nIn-Reply-To: <1@x>\n\n" };
	unsigned char first[MAIL_CONVERSATION], id[MAIL_CONVERSATION];
	struct mail_case *c = *state;

	assert_int_equal(mail_conversation(c->a, slice_str(same[0]), first), ERR_OK);
	for (size_t i = 1; i < ARRAY_LEN(same); i++) {
		assert_int_equal(mail_conversation(c->a, slice_str(same[i]), id), ERR_OK);
		assert_memory_equal(id, first, sizeof id);
	}
	assert_int_equal(mail_conversation(c->a, slice_str("Message-ID: <5@x>\nSubject: a\n\n"), id), ERR_OK);
	assert_memory_not_equal(id, first, sizeof id);
	assert_int_equal(mail_conversation(c->a, slice_str("Subject: Hello\n\n"), first), ERR_OK);
	assert_int_equal(mail_conversation(c->a, slice_str("Subject: AW: re: Hello\n\n"), id), ERR_OK);
	assert_memory_equal(id, first, sizeof id);
	/* Outlook's: the time, and one block per reply */
	unsigned char index[MAIL_INDEX_MAX];
	assert_int_equal(mail_conversation_index(c->a, slice_str("Thread-Index: AdxcsqMAEBESExQVFhcYGRobHB0eHwECAwQFBgcICQo=\n\n"), 0, index), 15);
	assert_memory_equal(index, "\x01\xdc\x5c\xb2\xa3", 5);
}

static void
test_classes(void **state)
{
	static const char *const rows[][2] = {
		{ "Content-Type: text/plain\n\nx", "IPM.Note" },
		{ "Content-Type: application/pkcs7-mime; smime-type=enveloped-data; name=smime.p7m\n\nx", "IPM.Note.SMIME" },
		{ "Content-Type: multipart/signed; boundary=a; protocol=\"application/pkcs7-signature\"\n\n--a\n\nx\n--a\n"
		  "Content-Type: application/pkcs7-signature\n\ny\n--a--\n", "IPM.Note.SMIME.MultipartSigned" },
		{ "Content-Type: multipart/signed; boundary=a\n\n--a\n\nx\n--a\nContent-Type: application/pgp-signature\n\ny\n--a--\n", "IPM.Note" },
		{ "Content-Type: multipart/report; report-type=delivery-status; boundary=a\n\n--a\n\nx\n--a\n"
		  "Content-Type: message/delivery-status\n\nReporting-MTA: dns; x\n\nFinal-Recipient: rfc822; y\nAction: delayed\n--a--\n",
		  "REPORT.IPM.NOTE.DELAYED" },
		{ "Content-Type: multipart/report; report-type=delivery-status; boundary=a\n\n--a\n\nx\n--a--\n", "REPORT.IPM.NOTE.NDR" },
		{ "Content-Type: multipart/report; report-type=disposition-notification; boundary=a\n\n--a\n\nx\n--a--\n",
		  "REPORT.IPM.NOTE.IPNRN" },
		{ "Content-Type: text/calendar; method=REQUEST\n\nx", "IPM.Schedule.Meeting.Request" },
		{ "Content-Type: text/calendar; method=CANCEL\n\nx", "IPM.Schedule.Meeting.Canceled" },
		{ "Content-Type: text/calendar; method=REPLY\n\nBEGIN:VCALENDAR\nBEGIN:VEVENT\nATTENDEE;PARTSTAT=DECLINED:mailto:a@b\nEND:VEVENT\n"
		  "END:VCALENDAR\n", "IPM.Schedule.Meeting.Resp.Neg" },
		{ "Content-Type: text/calendar; method=REPLY\n\nx", "IPM.Note" },
		{ "Content-Type: text/calendar; method=PUBLISH\n\nx", "IPM.Note" },
	};
	struct mail_case *c = *state;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		assert_string_equal(TEXT(mail_case_render_text(c, rows[i][0]), Email_MessageClass), rows[i][1]);
}

#define INVITATION "Subject: Lunch\nContent-Type: text/calendar; method=REQUEST; charset=utf-8\n\nBEGIN:VCALENDAR\nVERSION:2.0\nMETHOD:REQUEST\n" \
	"BEGIN:VEVENT\nUID:abc@example.com\nDTSTAMP:20261123T191828Z\nDTSTART:20261130T110000Z\nDTEND:20261130T120000Z\nSUMMARY:Lunch\n" \
	"LOCATION:Canteen\nRRULE:FREQ=WEEKLY;BYDAY=MO;COUNT=3\nORGANIZER;CN=Alice:mailto:alice@example.com\n" \
	"ATTENDEE;RSVP=TRUE:mailto:bob@example.com\nEND:VEVENT\nEND:VCALENDAR\n"

/* MS-ASEMAIL R291. */
static void
test_recurrence_names_its_calendar(void **state)
{
	static const char *const rules[] = { "FREQ=DAILY", "FREQ=WEEKLY;BYDAY=MO", "FREQ=MONTHLY;BYMONTHDAY=30", "FREQ=MONTHLY;BYDAY=-1MO",
		"FREQ=YEARLY", "FREQ=YEARLY;BYMONTH=11;BYDAY=-1MO" };
	struct mail_case *c = *state;

	for (size_t i = 0; i < ARRAY_LEN(rules); i++) {
		const char *at = strstr(INVITATION, "FREQ="), *mail = arena_printf(c->a, "%.*s%s%s", (int)(at - INVITATION), INVITATION,
			rules[i], strchr(at, '\n'));

		for (c->view.version = 121; c->view.version <= 140; c->view.version += 19) {
			const struct wbxml_node *m = wbxml_child(mail_case_render_text(c, mail), Email_MeetingRequest);
			const char *calendar = TEXT(m, Email_Recurrences, Email_Recurrence, Email2_CalendarType);
			assert_non_null(TEXT(m, Email_Recurrences, Email_Recurrence, Email_Type));
			assert_string_equal(calendar ? calendar : "none", i < 2 || c->view.version < 140 ? "none" : "1");
		}
	}
}

static void
test_meeting(void **state)
{
	struct mail_case *c = *state;
	const struct wbxml_node *m = wbxml_child(mail_case_render_text(c, INVITATION), Email_MeetingRequest);

	assert_non_null(m);
	assert_string_equal(TEXT(m, Email_StartTime), "2026-11-30T11:00:00.000Z");
	assert_string_equal(TEXT(m, Email_EndTime), "2026-11-30T12:00:00.000Z");
	assert_string_equal(TEXT(m, Email_DtStamp), "2026-11-23T19:18:28.000Z");
	assert_string_equal(TEXT(m, Email_AllDayEvent), "0");
	assert_string_equal(TEXT(m, Email_InstanceType), "1");
	assert_string_equal(TEXT(m, Email_Location), "Canteen");
	assert_string_equal(TEXT(m, Email_Organizer), "\"Alice\" <alice@example.com>");
	assert_string_equal(TEXT(m, Email_ResponseRequested), "1");
	assert_string_equal(TEXT(m, Email_Recurrences, Email_Recurrence, Email_Type), "1");
	assert_string_equal(TEXT(m, Email_Recurrences, Email_Recurrence, Email_Occurrences), "3");
	assert_string_equal(TEXT(m, Email2_MeetingMessageType), "1");
	assert_non_null(TEXT(m, Email_TimeZone));
	/* 04 00 .. 08, no day, no time, then vCal-Uid 1 and the UID */
	const char *id = TEXT(m, Email_GlobalObjId);
	size_t n;
	unsigned char *bytes = text_unbase64(c->a, id, strlen(id), &n);
	assert_int_equal(n, 40 + 12 + 16);
	assert_memory_equal(bytes, "\x04\0\0\0\x82\0\xe0\0\x74\xc5\xb7\x10\x1a\x82\xe0\x08\0\0\0\0", 20);
	assert_memory_equal(bytes + 36, "\x1c\0\0\0vCal-Uid\1\0\0\0abc@example.com\0", 32);
	c->view.version = 161;
	m = wbxml_child(mail_case_render_text(c, INVITATION), Email_MeetingRequest);
	assert_string_equal(TEXT(m, Calendar_UID), "abc@example.com");
	assert_string_equal(TEXT(m, AirSyncBase_Location, AirSyncBase_DisplayName), "Canteen");
	assert_false(wbxml_has(m, Email_GlobalObjId));
	/* What cannot be read is a mail like others. */
	assert_false(wbxml_has(mail_case_render_text(c, "Content-Type: text/calendar; method=REQUEST\n\nx"), Email_MeetingRequest));
}

static void
test_smime_gets_mime(void **state)
{
	struct mail_case *c = *state;

	c->options.mime_support = 1;
	mail_case_prefer(c, 1, UINT32_MAX);
	mail_case_prefer(c, 4, UINT32_MAX);
	assert_string_equal(TEXT(mail_case_render_text(c, SIMPLE), AirSyncBase_Body, AirSyncBase_Type), "1");
	assert_string_equal(TEXT(mail_case_render_text(c, "Content-Type: application/pkcs7-mime\n\nx"), AirSyncBase_Body, AirSyncBase_Type), "4");
	c->options.mime_support = 2;
	assert_string_equal(TEXT(mail_case_render_text(c, SIMPLE), AirSyncBase_Body, AirSyncBase_Type), "4");
}

/* ---- real mails ---- */

/* Every attachment that is listed can be fetched, and is as large as was said. */
static void
check_attachments(const struct wbxml_node *root, const struct mime *m, const char *name)
{
	const struct wbxml_node *list = wbxml_child(root, AirSyncBase_Attachments);

	for (const struct wbxml_node *n = wbxml_child(list, AirSyncBase_Attachment); n; n = wbxml_next(n, AirSyncBase_Attachment)) {
		const char *reference = wbxml_text(n, AirSyncBase_FileReference);
		const struct mime_part *p;
		struct buf data;

		assert_true(text_starts(reference, "7:9:"));
		p = mime_find(m, reference + 4);
		if (!p || p->child)
			fail_msg("%s: %s names no part", name, reference);
		buf_init(&data, 0);
		mime_decode_range(p, 0, UINT64_MAX, &data);
		assert_int_equal(data.len, wbxml_int(n, AirSyncBase_EstimatedDataSize, -1, -1));
		buf_finish(&data);
		assert_true(*wbxml_text(n, AirSyncBase_DisplayName));
	}
}

static void
check_tree(const struct wbxml_node *n)
{
	for (; n; n = n->next) {
		assert_true(text_is_utf8(n->text, strlen(n->text)));
		check_tree(n->child);
	}
}

static void
render_all(void *ctx, const char *name, struct slice bytes)
{
	static const unsigned versions[] = { 121, 141, 161 }, types[] = { 1, 2, 4 };
	struct mail_case *c = ctx;
	struct arena_mark mark = arena_mark(c->a);
	struct mime *m;

	assert_int_equal(mime_open(c->a, bytes, &m, NULL), ERR_OK);
	for (size_t v = 0; v < ARRAY_LEN(versions); v++) {
		for (size_t t = 0; t < ARRAY_LEN(types); t++) {
			c->view.version = versions[v];
			c->options = (struct item_options){ .conflict = 1, .mime_truncation = 8, .mime_support = 2 };
			mail_case_prefer(c, types[t], UINT32_MAX);
			c->options.prefs[0].preview = 100;
			const struct wbxml_node *root = mail_case_render(c, bytes, RENDER_ADD);

			assert_int_equal(wbxml_int(wbxml_child(root, AirSyncBase_Body), AirSyncBase_Type, 0, 0), types[t]);
			check_tree(root->child);
			check_attachments(root, m, name);
			mail_case_prefer(c, types[t], 100);
			c->options.prefs[0].truncation = 100;
			root = mail_case_render(c, bytes, RENDER_FETCH);
			assert_true(strlen(TEXT(root, AirSyncBase_Body, AirSyncBase_Data)) <= 102 * 3); /* U+FFFD for single bytes */
			arena_rewind(c->a, mark);
			assert_int_equal(mime_open(c->a, bytes, &m, NULL), ERR_OK);
		}
	}
}

static void
test_real_mails(void **state)
{
	mail_case_each_file(render_all, *state);
}

static void
test_large(void **state)
{
	struct mail_case *c = *state;
	struct buf in;

	buf_init(&in, 0);
	buf_add_str(&in, "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\ntext\r\n--b\r\nContent-Type: application/zip; name=z\r\n"
		"Content-Transfer-Encoding: base64\r\n\r\n");
	for (unsigned i = 0; i < 30 * 1024 * 1024 / 78; i++)
		buf_add_str(&in, "QUJDQUJDQUJDQUJDQUJDQUJDQUJDQUJDQUJDQUJDQUJDQUJDQUJDQUJDQUJDQUJDQUJDQUJDQUJD\r\n");
	buf_add_str(&in, "--b--\r\n");
	assert_true(buf_ok(&in));
	const struct wbxml_node *root = mail_case_render(c, buf_slice(&in), RENDER_ADD);
	assert_string_equal(TEXT(root, AirSyncBase_Body, AirSyncBase_Data), "text");
	assert_int_equal(wbxml_int(wbxml_child(wbxml_child(root, AirSyncBase_Attachments), AirSyncBase_Attachment), AirSyncBase_EstimatedDataSize,
		0, 0), 30 * 1024 * 1024 / 78 * 57);
	assert_true(arena_size(c->a) < 1 << 20); /* nothing of it was copied */
	buf_finish(&in);
}

/* ---- flags and categories ---- */

struct change {
	const char *read, *status, *start, *due, *utc_start, *utc_due, *reminder;
	const char *categories[4];
	bool flag, list;
};

static void
put_change(struct wbxml_writer *w, void *ctx)
{
	const struct change *x = ctx;

	wbxml_put(w, Email_Read, x->read);
	if (x->flag) {
		wbxml_start(w, Email_Flag);
		wbxml_put(w, Email_Status, x->status);
		wbxml_put(w, Tasks_StartDate, x->start);
		wbxml_put(w, Tasks_DueDate, x->due);
		wbxml_put(w, Tasks_UtcStartDate, x->utc_start);
		wbxml_put(w, Tasks_UtcDueDate, x->utc_due);
		wbxml_put(w, Tasks_ReminderSet, x->reminder);
		wbxml_end(w);
	}
	if (x->list) {
		wbxml_start(w, Email_Categories);
		for (size_t i = 0; i < 4 && x->categories[i]; i++)
			wbxml_put(w, Email_Category, x->categories[i]);
		wbxml_end(w);
	}
}

static enum err
change(struct mail_case *c, const struct change *x, struct item_merged *m_r)
{
	struct change copy = *x;
	struct item_edit edit = { .data = mail_case_data(c, put_change, &copy), .meta = &c->item };

	return item_mail.merge(&c->view, c->a, &edit, m_r, NULL);
}

#define DAY(n) "2026-11-" #n "T00:00:00.000Z"

static void
test_flags(void **state)
{
	static const struct {
		struct change change;
		unsigned now, set, clear;
		bool unchanged, altered;
		enum err err;
	} rows[] = {
		{ { .read = "1" }, 0, FLAG_SEEN, 0, false, false, ERR_OK },
		{ { .read = "0" }, FLAG_SEEN, 0, FLAG_SEEN, false, false, ERR_OK },
		{ { .read = "1" }, FLAG_SEEN, 0, 0, true, false, ERR_OK },
		{ { .read = "2" }, 0, 0, 0, false, false, ERR_INVALID },
		{ { .flag = true, .status = "2" }, 0, FLAG_FLAGGED, 0, false, false, ERR_OK },
		{ { .flag = true, .status = "2" }, FLAG_FLAGGED, 0, 0, true, false, ERR_OK },
		{ { .flag = true }, FLAG_FLAGGED, 0, FLAG_FLAGGED, false, false, ERR_OK },
		{ { .flag = true, .status = "0" }, FLAG_FLAGGED, 0, FLAG_FLAGGED, false, false, ERR_OK },
		{ { .flag = true, .status = "1" }, FLAG_FLAGGED, 0, FLAG_FLAGGED, false, true, ERR_OK },
		{ { .flag = true, .status = "3" }, 0, 0, 0, false, false, ERR_INVALID },
		{ { .flag = true, .status = "2", .start = "2026-11-23T00:00:00.000Z" }, 0, 0, 0, false, false, ERR_INVALID },
		{ { .flag = true, .status = "2", .start = DAY(23), .due = DAY(23), .utc_start = DAY(23), .utc_due = DAY(24) }, 0, FLAG_FLAGGED, 0, false, false, ERR_OK },
		{ { .flag = true, .status = "2", .start = DAY(24), .due = DAY(23), .utc_start = DAY(23), .utc_due = DAY(24) }, 0, 0, 0, false, false, ERR_INVALID },
		{ { .flag = true, .status = "2", .start = DAY(23), .due = DAY(24), .utc_start = DAY(24), .utc_due = DAY(23) }, 0, 0, 0, false, false, ERR_INVALID },
		{ { .flag = true, .status = "2", .reminder = "1" }, 0, 0, 0, false, false, ERR_INVALID },
		{ { .read = "1", .flag = true }, FLAG_FLAGGED, FLAG_SEEN, FLAG_FLAGGED, false, false, ERR_OK },
	};
	struct mail_case *c = *state;
	struct item_merged m;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		c->item.flags = rows[i].now;
		assert_int_equal(change(c, &rows[i].change, &m), rows[i].err);
		if (rows[i].err)
			continue;
		assert_int_equal(m.set, rows[i].set);
		assert_int_equal(m.clear, rows[i].clear);
		assert_int_equal(m.unchanged, rows[i].unchanged);
		assert_int_equal(m.altered, rows[i].altered);
		assert_int_equal(m.bytes.len, 0);
	}
}

static void
test_categories(void **state)
{
	static const char *const words[] = { "Work", "$Forwarded", "Home", NULL };
	struct mail_case *c = *state;
	struct item_merged m;

	c->item.keywords = words;
	assert_int_equal(change(c, &(struct change){ .list = true, .categories = { "work", "New one" } }, &m), ERR_OK);
	assert_string_equal(m.add_keywords[0], "New one");
	assert_null(m.add_keywords[1]);
	assert_string_equal(m.remove_keywords[0], "Home");
	assert_null(m.remove_keywords[1]);
	assert_int_equal(change(c, &(struct change){ .list = true }, &m), ERR_OK); /* empty: all go, but for the server's own */
	assert_string_equal(m.remove_keywords[1], "Home");
	assert_null(m.remove_keywords[2]);
	assert_int_equal(change(c, &(struct change){ .list = true, .categories = { "Home", "Work" } }, &m), ERR_OK);
	assert_true(m.unchanged);
	assert_int_equal(change(c, &(struct change){ .read = "0" }, &m), ERR_OK);
	assert_true(m.unchanged);
}

static void
put_one(struct wbxml_writer *w, void *ctx)
{
	wbxml_put_opaque(w, *(const unsigned *)ctx, slice("x", 1));
}

static void
test_refused(void **state)
{
	/* The server's alone: MS-ASEMAIL R723, R817, R835. */
	static const unsigned tags[] = { Email2_ConversationId, Email2_ReceivedAsBcc, Email2_Sender, Email2_UmCallerID, Email2_UmUserNotes };
	struct mail_case *c = *state;
	struct item_merged m;
	struct item_edit edit = { .meta = &c->item };

	for (size_t i = 0; i < ARRAY_LEN(tags); i++) {
		unsigned tag = tags[i];

		edit.data = mail_case_data(c, put_one, &tag);
		assert_int_equal(item_mail.merge(&c->view, c->a, &edit, &m, NULL), ERR_INVALID);
	}
	edit.data = NULL;
	assert_int_equal(item_mail.merge(&c->view, c->a, &edit, &m, NULL), ERR_INVALID);
	edit.meta = NULL; /* an Add before 16.0 */
	edit.data = mail_case_data(c, put_change, &(struct change){ .read = "1" });
	assert_int_equal(item_mail.merge(&c->view, c->a, &edit, &m, NULL), ERR_INVALID);
}

int
main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, mail_case_setup, mail_case_teardown)
	const struct CMUnitTest tests[] = { CASE(test_elements), CASE(test_several_to_reply_to), CASE(test_versions), CASE(test_without_dates), CASE(test_change_needs_no_bytes),
		CASE(test_conversations), CASE(test_classes), CASE(test_recurrence_names_its_calendar), CASE(test_meeting), CASE(test_smime_gets_mime), CASE(test_real_mails),
		CASE(test_large), CASE(test_flags), CASE(test_categories), CASE(test_refused) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
