/* Sync of mail: flags, deletes, Trash, Drafts, large folders, a server that numbers anew. */
#include <pthread.h>

#include "base/text.h"
#include "eas/clock.h"
#include "sync_kit.h"

#define MAIL "Message-ID: <one@example.org>\r\nFrom: a@example.org\r\nTo: b@example.org\r\nSubject: hello\r\n\r\ntext\r\n"

static int64_t inbox, trash, item;

static int
open_with_mail(void **state)
{
	kit_open(state);
	inbox = folder_named("Inbox");
	trash = folder_named("Trash");
	mem_add(kit.mem, WORLD_USER, "inbox", "1", MAIL, 0, (int64_t)(TODAY - 1) * DAY);
	sync_one(inbox, -1, -1, -1);
	sync_one(inbox, -1, -1, 0);
	item = told_item(inbox, 0);
	return item ? 0 : -1;
}

static unsigned
flags_of(const char *folder, const char *mail_key)
{
	AUTO(arena_free) struct arena *a = arena_new(0);
	struct mem_item m;

	return mem_get(kit.mem, a, WORLD_USER, folder, mail_key, &m) ? m.flags : 4711;
}

static void
start_command(unsigned tag, int64_t folder, int64_t what)
{
	char id[ID_MAX];

	ask_sync();
	ask_collection(folder, key);
	ask_commands();
	wbxml_start(&call.w, tag);
	wbxml_put(&call.w, AirSync_ServerId, id_item(folder, what, id));
}

static void
read_mail(int64_t what, int read)
{
	start_command(AirSync_Change, inbox, what);
	wbxml_start(&call.w, AirSync_ApplicationData);
	wbxml_put_int(&call.w, Email_Read, read);
	run();
}

static void
read_is_written_and_does_not_come_back(void **state)
{
	(void)state;
	read_mail(item, 1);
	assert_int_equal(response_status(inbox, AirSync_Change, item), -1);
	assert_true(take_key(inbox));
	assert_int_equal(flags_of("inbox", "1"), FLAG_SEEN);
	sync_one(inbox, -1, -1, -1);
	assert_int_equal(told(inbox, 0), 0);
}

static void
read_elsewhere_is_a_small_change(void **state)
{
	const struct wbxml_node *data;

	(void)state;
	mem_set_flags(kit.mem, WORLD_USER, "inbox", "1", FLAG_SEEN, NULL);
	sync_one(inbox, -1, -1, -1);
	assert_true(is_told(inbox, AirSync_Change, item));
	data = wbxml_child(wbxml_child(wbxml_child(answered(inbox), AirSync_Commands), AirSync_Change), AirSync_ApplicationData);
	assert_int_equal(wbxml_int(data, Email_Read, -1, -1), 1);
	assert_false(wbxml_has(data, AirSyncBase_Body));
}

/* Flags are merged, never a conflict; and the device hears what it had not seen. */
static void
flags_of_two_sides_are_merged(void **state)
{
	(void)state;
	mem_set_flags(kit.mem, WORLD_USER, "inbox", "1", FLAG_FLAGGED, NULL);
	read_mail(item, 1);
	assert_int_equal(response_status(inbox, AirSync_Change, item), -1);
	assert_int_equal(flags_of("inbox", "1"), FLAG_SEEN | FLAG_FLAGGED);
	take_key(inbox);
	if (!is_told(inbox, AirSync_Change, item))
		sync_one(inbox, -1, -1, -1);
	assert_true(is_told(inbox, AirSync_Change, item));
}

static void
a_deleted_mail_goes_to_trash(void **state)
{
	(void)state;
	start_command(AirSync_Delete, inbox, item);
	run();
	assert_int_equal(status_of(inbox), 1);
	assert_false(wbxml_has(answered(inbox), AirSync_Responses));
	assert_int_equal(mem_count(kit.mem, WORLD_USER, "inbox"), 0);
	assert_int_equal(mem_count(kit.mem, WORLD_USER, "trash"), 1);
	take_key(inbox);
	sync_one(inbox, -1, -1, -1);
	assert_int_equal(told(inbox, 0), 0);
	sync_from_start(trash, 0); /* the copy is told like any other */
	assert_int_equal(mem_count(kit.mem, WORLD_USER, "trash"), 1);
}

static void
without_deletesasmoves_it_is_gone(void **state)
{
	char id[ID_MAX];

	(void)state;
	ask_sync();
	ask_collection(inbox, key);
	wbxml_put_int(&call.w, AirSync_DeletesAsMoves, 0);
	ask_commands();
	wbxml_start(&call.w, AirSync_Delete);
	wbxml_put(&call.w, AirSync_ServerId, id_item(inbox, item, id));
	run();
	assert_int_equal(mem_count(kit.mem, WORLD_USER, "inbox"), 0);
	assert_int_equal(mem_count(kit.mem, WORLD_USER, "trash"), 0);
}

static void
in_trash_a_delete_is_final(void **state)
{
	int64_t old;

	(void)state;
	mem_add(kit.mem, WORLD_USER, "trash", "5", MAIL, 0, (int64_t)TODAY * DAY);
	snprintf(key, sizeof key, "0");
	sync_one(trash, -1, -1, -1);
	sync_one(trash, -1, -1, 0);
	old = told_item(trash, 0);
	start_command(AirSync_Delete, trash, old);
	run();
	assert_int_equal(status_of(trash), 1);
	assert_int_equal(mem_count(kit.mem, WORLD_USER, "trash"), 0);
}

static void
an_instance_of_a_mail_is_the_mail(void **state)
{
	(void)state;
	version = 161;
	start_command(AirSync_Delete, inbox, item);
	wbxml_put(&call.w, AirSyncBase_InstanceId, "20241004T120000Z");
	run();
	assert_int_equal(status_of(inbox), 1);
	assert_int_equal(mem_count(kit.mem, WORLD_USER, "inbox"), 0);
}

static void
an_add_to_the_inbox_is_refused(void **state)
{
	(void)state;
	for (version = 141; version <= 161; version += 20) {
		ask_sync();
		ask_collection(inbox, key);
		ask_commands();
		wbxml_start(&call.w, AirSync_Add);
		wbxml_put(&call.w, AirSync_ClientId, "c1");
		wbxml_start(&call.w, AirSync_ApplicationData);
		wbxml_put(&call.w, Email_Subject, "planted");
		run();
		assert_int_equal(add_status(inbox, "c1", NULL), 6);
		assert_int_equal(mem_count(kit.mem, WORLD_USER, "inbox"), 1);
		take_key(inbox);
	}
}

/* What was answered of the first folder goes out, though the second has no session: with another run its key would be one that was lost. */
static void
a_busy_folder_lets_the_answer_of_another_go(void **state)
{
	char inbox_key[64], trash_key[64];

	(void)state;
	snprintf(inbox_key, sizeof inbox_key, "%s", key);
	sync_from_start(trash, 0);
	snprintf(trash_key, sizeof trash_key, "%s", key);
	mem_add(kit.mem, WORLD_USER, "inbox", "2", MAIL, 0, (int64_t)(TODAY - 1) * DAY);
	mem_add(kit.mem, WORLD_USER, "trash", "9", MAIL, 0, (int64_t)(TODAY - 1) * DAY);
	mem_fail(kit.mem, MEM_CHANGES, 2, MEM_BEFORE, ERR_BUSY);
	ask_sync();
	ask_collection(inbox, inbox_key);
	close_collection();
	ask_collection(trash, trash_key);
	run();
	assert_int_equal(call.outcome, EAS_DONE);
	assert_int_equal(told(inbox, AirSync_Add), 1);
	assert_int_equal(status_of(trash), 16);
	snprintf(key, sizeof key, "%s", trash_key);
	sync_one(trash, -1, -1, -1);
	assert_int_equal(told(trash, AirSync_Add), 1);
}

/* ---- Drafts ---- */

static void
drafts_are_empty_before_16(void **state)
{
	int64_t drafts = folder_named("Drafts");

	(void)state;
	mem_add(kit.mem, WORLD_USER, "drafts", "1", MAIL, FLAG_DRAFT, (int64_t)TODAY * DAY);
	snprintf(key, sizeof key, "0");
	sync_one(drafts, -1, -1, -1);
	assert_string_not_equal(key, "0");
	sync_one(drafts, -1, -1, 0);
	assert_int_equal(told(drafts, 0), 0);
	assert_int_not_equal(status_of(drafts), 3);
}

static int64_t
add_draft(int64_t drafts, const char *client, const char *subject)
{
	int64_t made = 0;

	ask_sync();
	ask_collection(drafts, key);
	ask_commands();
	wbxml_start(&call.w, AirSync_Add);
	wbxml_put(&call.w, AirSync_ClientId, client);
	wbxml_start(&call.w, AirSync_ApplicationData);
	wbxml_put(&call.w, Email_To, "b@example.org");
	wbxml_put(&call.w, Email_Subject, subject);
	wbxml_start(&call.w, AirSyncBase_Body);
	wbxml_put_int(&call.w, AirSyncBase_Type, 1);
	wbxml_put(&call.w, AirSyncBase_Data, "to be continued");
	run();
	assert_int_equal(add_status(drafts, client, &made), 1);
	return made;
}

/* The device has the folder of drafts, as 16.1 does. */
static int64_t
sync_drafts(void)
{
	int64_t drafts = folder_named("Drafts");

	version = 161;
	snprintf(key, sizeof key, "0");
	sync_one(drafts, -1, -1, -1);
	sync_one(drafts, -1, -1, -1);
	return drafts;
}

static void
a_draft_is_appended_once(void **state)
{
	int64_t drafts, first, second;

	(void)state;
	drafts = sync_drafts();
	first = add_draft(drafts, "d1", "one");
	assert_int_equal(mem_count(kit.mem, WORLD_USER, "drafts"), 1);
	second = add_draft(drafts, "d2", "one"); /* the answer was lost, and a new ClientId drawn */
	assert_int_equal(first, second);
	assert_int_equal(mem_count(kit.mem, WORLD_USER, "drafts"), 1);
	take_key(drafts);
	sync_one(drafts, -1, -1, -1);
	assert_int_equal(told(drafts, AirSync_Add), 0);
}

static void
a_draft_of_a_process_that_died_is_found(void **state)
{
	int64_t drafts;

	(void)state;
	drafts = sync_drafts();
	mem_fail(kit.mem, MEM_PUT, 1, MEM_AFTER, ERR_UNAVAILABLE);
	ask_sync();
	ask_collection(drafts, key);
	ask_commands();
	wbxml_start(&call.w, AirSync_Add);
	wbxml_put(&call.w, AirSync_ClientId, "d1");
	wbxml_start(&call.w, AirSync_ApplicationData);
	wbxml_put(&call.w, Email_To, "b@example.org");
	wbxml_put(&call.w, Email_Subject, "one");
	wbxml_start(&call.w, AirSyncBase_Body);
	wbxml_put_int(&call.w, AirSyncBase_Type, 1);
	wbxml_put(&call.w, AirSyncBase_Data, "to be continued");
	run();
	assert_int_equal(status_of(drafts), 16);
	add_draft(drafts, "d1", "one");
	assert_int_equal(mem_count(kit.mem, WORLD_USER, "drafts"), 1);
}

static void
an_edited_draft_keeps_its_id(void **state)
{
	int64_t drafts, made;
	struct mem_item m;

	(void)state;
	drafts = sync_drafts();
	made = add_draft(drafts, "d1", "one");
	take_key(drafts);
	start_command(AirSync_Change, drafts, made);
	wbxml_start(&call.w, AirSync_ApplicationData);
	wbxml_put(&call.w, Email_To, "b@example.org");
	wbxml_put(&call.w, Email_Subject, "two");
	wbxml_start(&call.w, AirSyncBase_Body);
	wbxml_put_int(&call.w, AirSyncBase_Type, 1);
	wbxml_put(&call.w, AirSyncBase_Data, "continued");
	run();
	assert_int_equal(response_status(drafts, AirSync_Change, made), -1);
	assert_int_equal(mem_count(kit.mem, WORLD_USER, "drafts"), 1);
	assert_true(mem_at(kit.mem, call.r.arena, WORLD_USER, "drafts", 0, &m));
	assert_non_null(memmem(m.bytes.ptr, m.bytes.len, "Subject: two", 12));
	take_key(drafts);
	sync_one(drafts, -1, -1, -1);
	assert_int_equal(told(drafts, AirSync_Add) + told(drafts, AirSync_Delete), 0);
}

static void
draft_with(int64_t drafts, int64_t what, const char *client, const char *subject, bool send)
{
	char id[ID_MAX];

	ask_sync();
	ask_collection(drafts, key);
	ask_commands();
	wbxml_start(&call.w, client ? AirSync_Add : AirSync_Change);
	if (client)
		wbxml_put(&call.w, AirSync_ClientId, client);
	else
		wbxml_put(&call.w, AirSync_ServerId, id_item(drafts, what, id));
	if (send)
		wbxml_empty(&call.w, Email2_Send);
	wbxml_start(&call.w, AirSync_ApplicationData);
	wbxml_put(&call.w, Email_To, "b@example.org");
	wbxml_put(&call.w, Email_Subject, subject);
	wbxml_start(&call.w, AirSyncBase_Body);
	wbxml_put_int(&call.w, AirSyncBase_Type, 1);
	wbxml_put(&call.w, AirSyncBase_Data, "done");
	wbxml_end(&call.w);
	if (send)
		wbxml_empty(&call.w, Email2_Send);
	run();
}

/* Of other mails a Change tells only flags; what a lost answer has confirmed of a draft is its text. */
static void
an_edited_draft_is_told_in_full(void **state)
{
	int64_t drafts, made;
	const struct wbxml_node *data;

	(void)state;
	drafts = sync_drafts();
	made = add_draft(drafts, "d1", "one");
	take_key(drafts);
	draft_with(drafts, made, NULL, "two", false);
	sync_one(drafts, -1, -1, -1); /* with the key before it, and without the edit */
	assert_true(is_told(drafts, AirSync_Change, made));
	data = wbxml_child(wbxml_child(wbxml_child(answered(drafts), AirSync_Commands), AirSync_Change), AirSync_ApplicationData);
	assert_string_equal(wbxml_text(data, Email_Subject), "two");
	assert_string_equal(wbxml_text(wbxml_child(data, AirSyncBase_Body), AirSyncBase_Data), "done");
}

static void
a_draft_with_send_goes_out_once(void **state)
{
	int64_t drafts;

	(void)state;
	drafts = sync_drafts();
	for (int i = 0; i < 2; i++) { /* the answer to the first is lost */
		draft_with(drafts, 0, i ? "d2" : "d1", "out", true);
		assert_int_equal(add_status(drafts, i ? "d2" : "d1", NULL), 1);
		assert_int_equal(mem_sent_count(kit.mem), 1);
		assert_int_equal(mem_count(kit.mem, WORLD_USER, "drafts"), 0);
	}
}

static void
a_stored_draft_with_send_goes_out_once_and_is_gone(void **state)
{
	int64_t drafts, made;

	(void)state;
	drafts = sync_drafts();
	made = add_draft(drafts, "d1", "one");
	take_key(drafts);
	for (int i = 0; i < 2; i++) {
		draft_with(drafts, made, NULL, "out", true);
		assert_int_equal(status_of(drafts), 1);
		assert_int_equal(response_status(drafts, AirSync_Change, made), -1);
		assert_true(is_told(drafts, AirSync_Delete, made));
		assert_int_equal(mem_sent_count(kit.mem), 1);
		assert_int_equal(mem_count(kit.mem, WORLD_USER, "drafts"), 0);
	}
}

/* What is answered to an Add or Change of a draft: "CLIENT REFERENCE|" per attachment, and whether the conversation is named. */
static const char *
made_of(int64_t drafts, unsigned tag, bool *conversation_r)
{
	static char text[500];
	const struct wbxml_node *response = wbxml_child(wbxml_child(answered(drafts), AirSync_Responses), tag);
	const struct wbxml_node *data = wbxml_child(response, AirSync_ApplicationData);
	const struct wbxml_node *list = wbxml_child(data, AirSyncBase_Attachments);

	text[0] = '\0';
	for (const struct wbxml_node *n = wbxml_child(list, AirSyncBase_Attachment); n; n = wbxml_next(n, AirSyncBase_Attachment))
		snprintf(text + strlen(text), sizeof text - strlen(text), "%s %s|", wbxml_text(n, AirSyncBase_ClientId),
			wbxml_text(n, AirSyncBase_FileReference));
	const struct wbxml_node *id = wbxml_child(data, Email2_ConversationId), *index = wbxml_child(data, Email2_ConversationIndex);
	*conversation_r = id && id->data.len == 16 && index && index->data.len >= 5;
	return text;
}

static void
attach(const char *client, const char *name)
{
	wbxml_start(&call.w, AirSyncBase_Attachments);
	wbxml_start(&call.w, AirSyncBase_Add);
	wbxml_put(&call.w, AirSyncBase_ClientId, client);
	wbxml_put_int(&call.w, AirSyncBase_Method, 1);
	wbxml_put_opaque(&call.w, AirSyncBase_Content, slice_str("file"));
	wbxml_put(&call.w, AirSyncBase_DisplayName, name);
	wbxml_end(&call.w);
	wbxml_end(&call.w);
}

static void
add_with_attachment(int64_t drafts, const char *client, const char *name)
{
	ask_sync();
	ask_collection(drafts, key);
	ask_commands();
	wbxml_start(&call.w, AirSync_Add);
	wbxml_put(&call.w, AirSync_ClientId, client);
	wbxml_start(&call.w, AirSync_ApplicationData);
	wbxml_put(&call.w, Email_Subject, "files");
	attach("a1", name);
	run();
}

static int64_t
open_drafts(void)
{
	int64_t drafts;

	drafts = sync_drafts();
	return drafts;
}

static struct mem_item
only_draft(void)
{
	struct mem_item m;

	assert_int_equal(mem_count(kit.mem, WORLD_USER, "drafts"), 1);
	assert_true(mem_at(kit.mem, call.r.arena, WORLD_USER, "drafts", 0, &m));
	return m;
}

static unsigned
times(struct slice in, const char *what)
{
	const unsigned char *p = in.ptr, *end = in.ptr + in.len;
	unsigned n = 0;

	for (; (p = memmem(p, (size_t)(end - p), what, strlen(what))); p += strlen(what))
		n++;
	return n;
}

/* MS-ASEMAIL R1184, R1190; MS-ASAIRS R1336, R1368. The same where the answer was lost, also when the phone says something else then. */
static void
an_added_draft_is_answered_with_what_it_became(void **state)
{
	int64_t drafts = open_drafts(), made = 0;
	bool conversation;
	char wanted[ID_MAX + 10], id[ID_MAX];

	(void)state;
	for (int i = 0; i < 3; i++) {
		add_with_attachment(drafts, "d1", i < 2 ? "a.txt" : "b.txt");
		assert_int_equal(add_status(drafts, "d1", &made), 1);
		snprintf(wanted, sizeof wanted, "a1 %s:2-", id_item(drafts, made, id));
		assert_true(text_starts(made_of(drafts, AirSync_Add, &conversation), wanted));
		assert_true(conversation);
		assert_int_equal(times(only_draft().bytes, "Content-Disposition: attachment"), 1);
		assert_int_equal(times(only_draft().bytes, i < 2 ? "a.txt" : "b.txt") > 0, 1);
	}
	assert_int_equal(times(only_draft().bytes, "a.txt"), 0);
}

static void
an_attachment_that_comes_with_a_change_is_answered_and_comes_once(void **state)
{
	int64_t drafts = open_drafts(), made = add_draft(drafts, "d1", "one");
	bool conversation;
	char wanted[ID_MAX + 10], answer[ID_MAX + 64], id[ID_MAX];

	(void)state;
	take_key(drafts);
	for (int i = 0; i < 2; i++) { /* the first answer is lost */
		start_command(AirSync_Change, drafts, made);
		wbxml_start(&call.w, AirSync_ApplicationData);
		attach("a7", "late.txt");
		run();
		assert_int_equal(response_status(drafts, AirSync_Change, made), 1);
		snprintf(wanted, sizeof wanted, "a7 %s:2-", id_item(drafts, made, id));
		snprintf(answer, sizeof answer, "%s", made_of(drafts, AirSync_Change, &conversation));
		assert_true(text_starts(answer, wanted));
		assert_false(conversation);
		assert_int_equal(times(only_draft().bytes, "Content-Disposition: attachment"), 1);
	}
	take_key(drafts);
	start_command(AirSync_Change, drafts, made);
	wbxml_start(&call.w, AirSync_ApplicationData);
	wbxml_start(&call.w, AirSyncBase_Attachments);
	wbxml_start(&call.w, AirSyncBase_Delete);
	wbxml_put(&call.w, AirSyncBase_FileReference, answer + strlen("a7 "));
	run();
	assert_int_equal(times(only_draft().bytes, "Content-Disposition: attachment"), 1); /* with the "|" it is none */
	take_key(drafts);
	answer[strlen(answer) - 1] = '\0';
	start_command(AirSync_Change, drafts, made);
	wbxml_start(&call.w, AirSync_ApplicationData);
	wbxml_start(&call.w, AirSyncBase_Attachments);
	wbxml_start(&call.w, AirSyncBase_Delete);
	wbxml_put(&call.w, AirSyncBase_FileReference, answer + strlen("a7 "));
	run();
	assert_int_equal(times(only_draft().bytes, "Content-Disposition: attachment"), 0);
	assert_int_equal(times(only_draft().bytes, "to be continued"), 1);
}

/* Each alone makes an edit, and with it come flags and categories. */
static void
what_a_draft_has_can_be_changed_one_by_one(void **state)
{
	static const struct {
		unsigned tag;
		const char *value, *line;
	} rows[] = { { Email_Importance, "2", "Importance: high\r\n" }, { Email_ReplyTo, "r@example.org", "Reply-To: r@example.org\r\n" },
		{ Email2_Bcc, "x@example.org", "Bcc: x@example.org\r\n" }, { Email_Cc, "c@example.org", "Cc: c@example.org\r\n" },
		{ Email_Subject, "Two", "Subject: Two\r\n" } };
	int64_t drafts = open_drafts(), made = add_draft(drafts, "d1", "one");

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		take_key(drafts);
		start_command(AirSync_Change, drafts, made);
		wbxml_start(&call.w, AirSync_ApplicationData);
		wbxml_put(&call.w, rows[i].tag, rows[i].value);
		wbxml_start(&call.w, Email_Flag);
		wbxml_put_int(&call.w, Email_Status, 2);
		run();
		assert_int_equal(response_status(drafts, AirSync_Change, made), -1);
		assert_int_equal(times(only_draft().bytes, rows[i].line), 1);
		assert_int_equal(only_draft().flags, FLAG_DRAFT | FLAG_SEEN | FLAG_FLAGGED);
	}
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) /* the later left the earlier as they were */
		assert_int_equal(times(only_draft().bytes, rows[i].line), 1);
}

/* MS-ASEMAIL R1386, R1389: an empty tag beside ApplicationData, which need not be there. */
static void
send_alone_sends_what_is_stored(void **state)
{
	int64_t drafts = open_drafts(), made = add_draft(drafts, "d1", "one");

	(void)state;
	take_key(drafts);
	start_command(AirSync_Change, drafts, made);
	wbxml_empty(&call.w, Email2_Send);
	run();
	assert_int_equal(status_of(drafts), 1);
	assert_int_equal(response_status(drafts, AirSync_Change, made), -1);
	assert_int_equal(mem_sent_count(kit.mem), 1);
	assert_int_equal(mem_count(kit.mem, WORLD_USER, "drafts"), 0);
}

/* ---- the mirror ---- */

static void
a_large_folder_comes_newest_first_and_whole(void **state)
{
	unsigned sum = 0;

	(void)state;
	for (int i = 0; i < 2500; i++)
		mem_add(kit.mem, WORLD_USER, "archive", NULL, MAIL, 0, (int64_t)(TODAY - 3000 + i) * DAY);
	int64_t archive = folder_named("Archive");
	snprintf(key, sizeof key, "0");
	sync_one(archive, -1, -1, -1);
	do {
		sync_one(archive, -1, 512, 0);
		sum += told(archive, AirSync_Add);
	} while (has_more(archive));
	assert_int_equal(sum, 2500);
}

static void
a_server_that_numbers_anew_is_synced_from_the_start(void **state)
{
	(void)state;
	mem_folder_renumber(kit.mem, WORLD_USER, "inbox");
	sync_one(inbox, -1, -1, -1);
	assert_int_equal(status_of(inbox), 3);
	sync_from_start(inbox, 0);
	sync_one(inbox, -1, -1, -1);
	assert_int_equal(status_of(inbox), -1); /* once */
}

static void
without_deltas_a_listing_tells_the_same(void **state)
{
	(void)state;
	mem_settings(kit.mem)->no_deltas = true;
	mem_add(kit.mem, WORLD_USER, "inbox", "2", MAIL, 0, (int64_t)TODAY * DAY);
	mem_set_flags(kit.mem, WORLD_USER, "inbox", "1", FLAG_SEEN, NULL);
	sync_one(inbox, -1, -1, -1);
	assert_int_equal(told(inbox, AirSync_Add), 1);
	assert_true(is_told(inbox, AirSync_Change, item));
	mem_delete(kit.mem, WORLD_USER, "inbox", "1");
	sync_one(inbox, -1, -1, -1);
	assert_true(is_told(inbox, AirSync_Delete, item));
}

static void
two_phones_share_one_mirror(void **state)
{
	unsigned fetched = mem_calls(kit.mem, MEM_CHANGES);

	(void)state;
	ask_sync();
	call.r.query.device_id = "other";
	ask_collection(inbox, "0");
	run();
	assert_int_equal(status_of(inbox), 1);
	assert_int_equal(mem_calls(kit.mem, MEM_CHANGES), fetched);
}

/* ---- several at once ---- */

#define LOOKERS 6

struct gate {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	unsigned started;
};

/* The first look goes on only when all have begun, so that the others come while it is under way. */
static enum err
hold_first(void *ctx, enum mem_op op, enum mem_when when, const char *f, const char *k)
{
	struct gate *g = ctx;

	(void)f;
	(void)k;
	if (op != MEM_CHANGES || when != MEM_BEFORE)
		return ERR_OK;
	pthread_mutex_lock(&g->lock);
	while (g->started < LOOKERS)
		pthread_cond_wait(&g->changed, &g->lock);
	pthread_mutex_unlock(&g->lock);
	return ERR_OK;
}

static void *
look(void *ctx)
{
	const struct backend_login who = { WORLD_USER, "secret", NULL };
	struct gate *g = ctx;
	struct account *a = NULL;
	struct error e = { 0 };
	enum err err = account_login(kit.backends, &who, &a, &e);

	pthread_mutex_lock(&g->lock);
	g->started++;
	pthread_cond_broadcast(&g->changed);
	pthread_mutex_unlock(&g->lock);
	if (!err)
		err = eas_refresh(&kit.server, a, "mem:inbox", NULL, &e);
	account_release(&a);
	state_thread_end(kit.state);
	return err == ERR_OK || err == ERR_BUSY ? NULL : g;
}

static void
looks_at_once_are_one_after_the_other_and_see_all(void **state)
{
	struct gate g = { .lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER };
	pthread_t threads[LOOKERS];
	void *result;
	unsigned before;

	(void)state;
	for (int i = 0; i < 50; i++)
		mem_add(kit.mem, WORLD_USER, "inbox", NULL, MAIL, 0, (int64_t)TODAY * DAY);
	before = mem_calls(kit.mem, MEM_CHANGES);
	mem_hook(kit.mem, hold_first, &g);
	for (int i = 0; i < LOOKERS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, look, &g), 0);
	for (int i = 0; i < LOOKERS; i++) {
		assert_int_equal(pthread_join(threads[i], &result), 0);
		assert_null(result);
	}
	mem_hook(kit.mem, NULL, NULL);
	assert_true(mem_calls(kit.mem, MEM_CHANGES) - before <= LOOKERS);
	sync_one(inbox, -1, -1, 0);
	assert_int_equal(told(inbox, AirSync_Add), 50);
}

static void
mails_leave_the_filter_as_days_pass(void **state)
{
	(void)state;
	snprintf(key, sizeof key, "0");
	sync_one(inbox, -1, -1, -1);
	sync_one(inbox, -1, -1, 1);
	assert_int_equal(told(inbox, AirSync_Add), 1);
	eas_clock_set((int64_t)(TODAY + 3) * DAY);
	sync_one(inbox, -1, -1, 1);
	assert_int_equal(told(inbox, AirSync_SoftDelete), 1);
	assert_true(is_told(inbox, AirSync_SoftDelete, item));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, open_with_mail, kit_close)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(read_is_written_and_does_not_come_back),
		TEST(read_elsewhere_is_a_small_change),
		TEST(flags_of_two_sides_are_merged),
		TEST(a_deleted_mail_goes_to_trash),
		TEST(without_deletesasmoves_it_is_gone),
		TEST(in_trash_a_delete_is_final),
		TEST(an_instance_of_a_mail_is_the_mail),
		TEST(an_add_to_the_inbox_is_refused),
		TEST(a_busy_folder_lets_the_answer_of_another_go),
		TEST(drafts_are_empty_before_16),
		TEST(a_draft_is_appended_once),
		TEST(a_draft_of_a_process_that_died_is_found),
		TEST(an_edited_draft_keeps_its_id),
		TEST(an_edited_draft_is_told_in_full),
		TEST(a_draft_with_send_goes_out_once),
		TEST(a_stored_draft_with_send_goes_out_once_and_is_gone),
		TEST(an_added_draft_is_answered_with_what_it_became),
		TEST(an_attachment_that_comes_with_a_change_is_answered_and_comes_once),
		TEST(what_a_draft_has_can_be_changed_one_by_one),
		TEST(send_alone_sends_what_is_stored),
		TEST(a_large_folder_comes_newest_first_and_whole),
		TEST(a_server_that_numbers_anew_is_synced_from_the_start),
		TEST(without_deltas_a_listing_tells_the_same),
		TEST(two_phones_share_one_mirror),
		TEST(looks_at_once_are_one_after_the_other_and_see_all),
		TEST(mails_leave_the_filter_as_days_pass),
	};

	if (log_open("stderr", LEVEL_ERROR))
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
