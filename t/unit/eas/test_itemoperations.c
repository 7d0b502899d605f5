/* ItemOperations and GetAttachment: items, attachments, ranges, the multipart form, emptying. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "mail_world.h"

#define MAIL "From: bob@example.com\r\nTo: alice@example.com\r\nSubject: Hi\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n" \
	"Content-Type: text/html; charset=utf-8\r\n\r\n<p>Hello</p>\r\n--b\r\nContent-Type: application/pdf; name=a.pdf\r\n" \
	"Content-Transfer-Encoding: base64\r\n\r\nMDEyMzQ1Njc4OQ==\r\n--b--\r\n"

static int
setup(void **state)
{
	*state = mail_world_new(NULL);
	return 0;
}

static int
setup_small(void **state)
{
	*state = mail_world_new("response_size = 65536");
	return 0;
}

static int
teardown(void **state)
{
	mail_world_free(*state);
	return 0;
}

/* ---- asking ---- */

struct fetch {
	const char *store, *server_id, *long_id, *reference, *range, *type, *truncation, *mime_support, *part_type;
	unsigned schema[3]; /* the elements that are wanted; 0: no Schema */
};

static void
begin(struct call *c, struct mail_world *mw, bool multipart)
{
	call_begin(c, &mw->w, DEVICE, 141, EAS_ITEMOPERATIONS);
	c->r.query.accept_multipart = multipart;
	wbxml_start(&c->w, ItemOperations_ItemOperations);
}

static void
put_fetch(struct call *c, const struct fetch *f)
{
	struct wbxml_writer *w = &c->w;

	wbxml_start(w, ItemOperations_Fetch);
	wbxml_put(w, ItemOperations_Store, f->store ? f->store : "Mailbox");
	if (f->server_id)
		wbxml_put(w, AirSync_CollectionId, "1");
	wbxml_put(w, AirSync_ServerId, f->server_id);
	wbxml_put(w, Search_LongId, f->long_id);
	wbxml_put(w, AirSyncBase_FileReference, f->reference);
	wbxml_start(w, ItemOperations_Options);
	wbxml_put(w, ItemOperations_Range, f->range);
	if (f->schema[0]) {
		wbxml_start(w, ItemOperations_Schema);
		for (size_t i = 0; i < ARRAY_LEN(f->schema) && f->schema[i]; i++)
			wbxml_empty(w, f->schema[i]);
		wbxml_end(w);
	}
	wbxml_put(w, AirSync_MIMESupport, f->mime_support);
	if (f->type) {
		wbxml_start(w, AirSyncBase_BodyPreference);
		wbxml_put(w, AirSyncBase_Type, f->type);
		wbxml_put(w, AirSyncBase_TruncationSize, f->truncation);
		wbxml_end(w);
	}
	if (f->part_type) {
		wbxml_start(w, AirSyncBase_BodyPartPreference);
		wbxml_put(w, AirSyncBase_Type, f->part_type);
		wbxml_end(w);
	}
	wbxml_end(w);
	wbxml_end(w);
}

/* The i-th answer. */
static const struct wbxml_node *
answer(const struct call *c, size_t i)
{
	const struct wbxml_node *n = wbxml_child(c->answer, ItemOperations_Response);

	assert_int_equal(c->outcome, EAS_DONE);
	assert_string_equal(wbxml_text(c->answer, ItemOperations_Status), "1");
	n = n ? n->child : NULL;
	while (n && i-- > 0)
		n = n->next;
	assert_non_null(n);
	return n;
}

static const char *
property(const struct wbxml_node *fetch, unsigned tag)
{
	return wbxml_text(wbxml_child(fetch, ItemOperations_Properties), tag);
}

static int64_t
status(const struct wbxml_node *n)
{
	return wbxml_int(n, ItemOperations_Status, -1, -2);
}

/* ---- inline ---- */

static void
test_item(void **state)
{
	struct mail_world *mw = *state;
	const char *id = mail_world_add(mw, "inbox", MAIL);
	struct call c;

	begin(&c, mw, false);
	put_fetch(&c, &(struct fetch){ .server_id = id, .type = "2" });
	put_fetch(&c, &(struct fetch){ .long_id = id, .type = "4", .mime_support = "2" });
	put_fetch(&c, &(struct fetch){ .server_id = id, .type = "1", .truncation = "2" });
	call_run(&c);
	const struct wbxml_node *n = answer(&c, 0), *body;
	assert_int_equal(status(n), 1);
	assert_string_equal(wbxml_text(n, AirSync_ServerId), id);
	assert_string_equal(wbxml_text(n, AirSync_Class), "Email");
	assert_string_equal(property(n, Email_Subject), "Hi");
	body = wbxml_child(wbxml_child(n, ItemOperations_Properties), AirSyncBase_Body);
	assert_string_equal(wbxml_text(body, AirSyncBase_Data), "<p>Hello</p>");
	n = answer(&c, 1);
	assert_string_equal(wbxml_text(n, Search_LongId), id);
	body = wbxml_child(wbxml_child(n, ItemOperations_Properties), AirSyncBase_Body);
	assert_string_equal(wbxml_text(body, AirSyncBase_Data), MAIL);
	body = wbxml_child(wbxml_child(answer(&c, 2), ItemOperations_Properties), AirSyncBase_Body);
	assert_string_equal(wbxml_text(body, AirSyncBase_Data), "He");
	assert_string_equal(wbxml_text(body, AirSyncBase_Truncated), "1");
	call_end(&c);
}

static void
test_attachment(void **state)
{
	static const struct {
		const char *range, *data, *total, *said;
		int64_t status;
	} rows[] = {
		{ NULL, "MDEyMzQ1Njc4OQ==", NULL, NULL, 1 }, /* "0123456789"; no Range, no Total: iOS fails on them */
		{ "0-3", "MDEyMw==", "10", "0-3", 1 },
		{ "8-100", "ODk=", "10", "8-9", 1 },
		{ "0-0", "MA==", "10", "0-0", 1 },
		{ "10-12", NULL, NULL, NULL, 8 },
		{ "3-2", NULL, NULL, NULL, 8 },
		{ "x", NULL, NULL, NULL, 8 },
		{ "0-99999999999999999999999", NULL, NULL, NULL, 8 },
	};
	struct mail_world *mw = *state;
	const char *reference = arena_printf(mw->a, "%s:2", mail_world_add(mw, "inbox", MAIL));
	struct call c;

	begin(&c, mw, false);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		put_fetch(&c, &(struct fetch){ .reference = reference, .range = rows[i].range });
	call_run(&c);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const struct wbxml_node *n = answer(&c, i);

		assert_int_equal(status(n), rows[i].status);
		assert_string_equal(wbxml_text(n, AirSyncBase_FileReference), reference);
		if (rows[i].status != 1) {
			assert_false(wbxml_has(n, ItemOperations_Properties));
			continue;
		}
		assert_string_equal(property(n, AirSyncBase_ContentType), "application/pdf");
		assert_string_equal(property(n, ItemOperations_Data), rows[i].data);
		if (rows[i].range) {
			assert_string_equal(property(n, ItemOperations_Range), rows[i].said);
			assert_string_equal(property(n, ItemOperations_Total), rows[i].total);
		} else {
			assert_null(property(n, ItemOperations_Range));
			assert_null(property(n, ItemOperations_Total));
		}
	}
	call_end(&c);
}

/* All of nothing is nothing, and no range of bytes. */
static void
test_empty_attachment(void **state)
{
	static const char *const ranges[] = { "0-0", "0-99", "1-99" };
	struct mail_world *mw = *state;
	const char *id = mail_world_add(mw, "inbox", "From: a@x\r\nContent-Type: application/pdf; name=e.pdf\r\nContent-Transfer-Encoding: base64\r\n\r\n\r\n");
	const char *reference = arena_printf(mw->a, "%s:1", id);
	struct call c;

	begin(&c, mw, false);
	for (size_t i = 0; i < ARRAY_LEN(ranges); i++)
		put_fetch(&c, &(struct fetch){ .reference = reference, .range = ranges[i] });
	call_run(&c);
	for (size_t i = 0; i < ARRAY_LEN(ranges); i++) {
		const struct wbxml_node *n = answer(&c, i);

		assert_int_equal(status(n), i < 2 ? 1 : 8);
		if (i == 2)
			continue;
		assert_string_equal(property(n, ItemOperations_Data), "");
		assert_string_equal(property(n, ItemOperations_Total), "0");
		assert_null(property(n, ItemOperations_Range));
	}
	call_end(&c);
}

static void
test_what_is_not_there(void **state)
{
	struct mail_world *mw = *state;
	const char *id = mail_world_add(mw, "inbox", MAIL);
	const struct {
		struct fetch fetch;
		int64_t status;
	} rows[] = {
		{ { .server_id = "1:999999" }, 6 }, { { .server_id = "999:1" }, 6 }, { { .server_id = "x" }, 6 }, { { .long_id = "x" }, 6 },
		{ { .reference = "x" }, 15 }, { { .reference = arena_printf(mw->a, "%s:3", id) }, 15 },
		{ { .reference = arena_printf(mw->a, "%s:999", id) }, 15 }, { { .reference = "1:999999:2" }, 6 },
		{ { .server_id = id, .store = "DocumentLibrary" }, 9 }, { { .store = "Mailbox" }, 2 },
		{ { .server_id = id, .type = "9" }, 2 }, { { .server_id = id, .mime_support = "7" }, 2 }, { { .server_id = id }, 1 },
	};
	struct call c;

	begin(&c, mw, false);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		put_fetch(&c, &rows[i].fetch);
	call_run(&c);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		assert_int_equal(status(answer(&c, i)), rows[i].status);
	call_end(&c);
	/* Another user's ids give nothing. */
	mw->w.user = "mallory";
	begin(&c, mw, false);
	put_fetch(&c, &(struct fetch){ .server_id = id });
	put_fetch(&c, &(struct fetch){ .reference = arena_printf(mw->a, "%s:2", id) });
	call_run(&c);
	assert_int_equal(status(answer(&c, 0)), 6);
	assert_int_equal(status(answer(&c, 1)), 6);
	call_end(&c);
	mw->w.user = WORLD_USER;
}

static void
test_backend_trouble(void **state)
{
	static const struct {
		enum err err;
		int64_t status;
	} rows[] = { { ERR_UNAVAILABLE, 3 }, { ERR_PEER, 3 }, { ERR_NOTFOUND, 6 }, { ERR_LIMIT, 11 }, { ERR_INVALID, 14 }, { ERR_DENIED, 16 } };
	struct mail_world *mw = *state;
	const char *id = mail_world_add(mw, "inbox", MAIL);
	struct call c;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		mem_fail(mw->w.mem, MEM_FETCH, 1, MEM_BEFORE, rows[i].err);
		begin(&c, mw, false);
		put_fetch(&c, &(struct fetch){ .server_id = id });
		put_fetch(&c, &(struct fetch){ .server_id = id });
		call_run(&c);
		assert_int_equal(status(answer(&c, 0)), rows[i].status);
		assert_int_equal(status(answer(&c, 1)), 1); /* the others work */
		call_end(&c);
	}
	mem_fail(mw->w.mem, MEM_FETCH, 1, MEM_BEFORE, ERR_BUSY);
	begin(&c, mw, false);
	put_fetch(&c, &(struct fetch){ .server_id = id });
	call_run(&c);
	assert_int_equal(c.outcome, EAS_BUSY);
	call_end(&c);
}

static void
test_too_large(void **state)
{
	struct mail_world *mw = *state;
	struct buf in;
	struct call c;

	buf_init(&in, 0);
	buf_add_str(&in, "Subject: large\r\n\r\n");
	while (in.len < 100000)
		buf_add_str(&in, "0123456789 0123456789 0123456789 0123456789 0123456789\r\n");
	const char *large = arena_strdup(mw->a, mail_world_add(mw, "inbox", buf_str(&in)));
	const char *small = mail_world_add(mw, "inbox", MAIL);

	begin(&c, mw, false);
	c.r.reply.body.max = 65536;
	put_fetch(&c, &(struct fetch){ .server_id = large, .type = "1" });
	put_fetch(&c, &(struct fetch){ .server_id = small, .type = "1" });
	call_run(&c);
	assert_int_equal(status(answer(&c, 0)), 11);
	assert_int_equal(status(answer(&c, 1)), 1);
	call_end(&c);
	buf_finish(&in);
}

/* ---- multipart ---- */

static uint32_t
u32(struct slice s, size_t at)
{
	assert_true(at + 4 <= s.len);
	return (uint32_t)s.ptr[at] | (uint32_t)s.ptr[at + 1] << 8 | (uint32_t)s.ptr[at + 2] << 16 | (uint32_t)s.ptr[at + 3] << 24;
}

static struct slice
part(struct slice s, uint32_t i)
{
	uint32_t at = u32(s, 4 + 8 * i), len = u32(s, 8 + 8 * i);

	assert_true((size_t)at + len <= s.len);
	return slice(s.ptr + at, len);
}

static void
test_multipart(void **state)
{
	struct mail_world *mw = *state;
	const char *id = arena_strdup(mw->a, mail_world_add(mw, "inbox", MAIL));
	struct error e;
	struct call c;

	begin(&c, mw, true);
	put_fetch(&c, &(struct fetch){ .reference = arena_printf(mw->a, "%s:2", id), .range = "2-4" });
	put_fetch(&c, &(struct fetch){ .server_id = "1:99999" });
	put_fetch(&c, &(struct fetch){ .server_id = id, .type = "2" });
	call_run(&c);
	assert_int_equal(c.outcome, EAS_DONE);
	assert_string_equal(c.r.reply.content_type, "application/vnd.ms-sync.multipart");
	struct slice all = buf_slice(&c.r.reply.body);
	assert_int_equal(u32(all, 0), 3);
	assert_int_equal(u32(all, 4), 4 + 3 * 8);
	assert_true(slice_eq(part(all, 1), slice_str("234")));
	assert_true(slice_eq(part(all, 2), slice_str("<p>Hello</p>")));
	assert_ptr_equal(part(all, 2).ptr + part(all, 2).len, all.ptr + all.len);
	assert_int_equal(wbxml_read(c.r.arena, part(all, 0), NULL, &c.answer, &e), ERR_OK);
	assert_string_equal(property(answer(&c, 0), ItemOperations_Part), "1");
	assert_string_equal(property(answer(&c, 0), ItemOperations_Range), "2-4");
	assert_null(property(answer(&c, 0), ItemOperations_Data));
	assert_int_equal(status(answer(&c, 1)), 6);
	const struct wbxml_node *body = wbxml_child(wbxml_child(answer(&c, 2), ItemOperations_Properties), AirSyncBase_Body);
	assert_string_equal(wbxml_text(body, ItemOperations_Part), "2");
	assert_string_equal(wbxml_text(body, AirSyncBase_EstimatedDataSize), "12");
	assert_null(wbxml_text(body, AirSyncBase_Data));
	call_end(&c);
}

/* Of what there is only that (MS-ASEMAIL_R63, MS-ASCAL_R530); no part for a body that is not. */
static void
test_schema(void **state)
{
	struct mail_world *mw = *state;
	const char *id = arena_strdup(mw->a, mail_world_add(mw, "inbox", MAIL));
	const struct wbxml_node *properties;
	struct error e;
	struct call c;

	for (int multipart = 0; multipart <= 1; multipart++) {
		begin(&c, mw, multipart);
		put_fetch(&c, &(struct fetch){ .server_id = id, .type = "2", .schema = { Email_Subject, Email_From } });
		put_fetch(&c, &(struct fetch){ .server_id = id, .type = "2", .schema = { AirSyncBase_Body } });
		call_run(&c);
		if (multipart) {
			struct slice all = buf_slice(&c.r.reply.body);

			assert_int_equal(u32(all, 0), 2);
			assert_true(slice_eq(part(all, 1), slice_str("<p>Hello</p>")));
			assert_int_equal(wbxml_read(c.r.arena, part(all, 0), NULL, &c.answer, &e), ERR_OK);
		}
		properties = wbxml_child(answer(&c, 0), ItemOperations_Properties);
		assert_string_equal(wbxml_text(properties, Email_Subject), "Hi");
		assert_true(wbxml_has(properties, Email_From));
		assert_null(properties->child->next->next);
		properties = wbxml_child(answer(&c, 1), ItemOperations_Properties);
		assert_int_equal(properties->child->tag, AirSyncBase_Body);
		assert_null(properties->child->next);
		assert_string_equal(wbxml_text(properties->child, multipart ? ItemOperations_Part : AirSyncBase_Data),
			multipart ? "1" : "<p>Hello</p>");
		call_end(&c);
	}
}

/* MS-ASCMD_R7490 */
static void
test_too_many(void **state)
{
	struct call c;

	for (int n = 100; n <= 101; n++) {
		begin(&c, *state, false);
		for (int i = 0; i < n; i++)
			wbxml_empty(&c.w, i % 2 ? ItemOperations_Fetch : ItemOperations_EmptyFolderContents);
		call_run(&c);
		assert_int_equal(wbxml_int(c.answer, ItemOperations_Status, -1, -2), n > 100 ? 11 : 1);
		call_end(&c);
	}
}

/* MS-ASCON_R241 */
static void
test_body_part_type(void **state)
{
	struct mail_world *mw = *state;
	const char *id = mail_world_add(mw, "inbox", MAIL);
	struct call c;

	begin(&c, mw, false);
	put_fetch(&c, &(struct fetch){ .server_id = id, .type = "2", .part_type = "1" });
	put_fetch(&c, &(struct fetch){ .server_id = id, .type = "2", .part_type = "2" });
	call_run(&c);
	assert_int_equal(status(answer(&c, 0)), 164);
	assert_int_equal(status(answer(&c, 1)), 1);
	call_end(&c);
}

/* ---- GetAttachment ---- */

static void
test_get_attachment(void **state)
{
	struct mail_world *mw = *state;
	const char *id = mail_world_add(mw, "inbox", MAIL);
	static const char *const bad[] = { "", "x", "1:99999:2" };
	struct call c;

	call_begin(&c, &mw->w, DEVICE, 121, EAS_GETATTACHMENT);
	c.r.query.attachment = arena_printf(mw->a, "%s:2", id);
	mail_world_run_message(&c, "");
	assert_int_equal(c.r.reply.status, 200);
	assert_string_equal(c.r.reply.content_type, "application/pdf");
	assert_true(slice_eq(buf_slice(&c.r.reply.body), slice_str("0123456789")));
	call_end(&c);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		call_begin(&c, &mw->w, DEVICE, 121, EAS_GETATTACHMENT);
		c.r.query.attachment = bad[i];
		mail_world_run_message(&c, "");
		assert_int_equal(c.r.reply.status, 500); /* MS-ASCMD_R166 */
		call_end(&c);
	}
}

/* ---- emptying and moving ---- */

static void
put_empty(struct call *c, const char *collection, bool subfolders)
{
	wbxml_start(&c->w, ItemOperations_EmptyFolderContents);
	wbxml_put(&c->w, AirSync_CollectionId, collection);
	if (subfolders) {
		wbxml_start(&c->w, ItemOperations_Options);
		wbxml_empty(&c->w, ItemOperations_DeleteSubFolders);
		wbxml_end(&c->w);
	}
	wbxml_end(&c->w);
}

static void
test_empty_folder(void **state)
{
	struct mail_world *mw = *state;
	char id[ID_MAX], calendar[ID_MAX];
	struct call c;

	for (unsigned i = 0; i < 30; i++)
		mem_add(mw->w.mem, WORLD_USER, "trash", NULL, MAIL, 0, 1795461508);
	mem_add(mw->w.mem, WORLD_USER, "inbox", NULL, MAIL, 0, 1795461508);
	mem_folder_add(mw->w.mem, WORLD_USER, "trash/sub", "trash", "Sub", BACKEND_MAIL, ROLE_NONE);
	mem_add(mw->w.mem, WORLD_USER, "trash/sub", NULL, MAIL, 0, 1795461508);
	id_folder(mw->trash, id);
	id_folder(world_folder(&mw->w, DEVICE, 141, "Calendar"), calendar);
	begin(&c, mw, false);
	put_empty(&c, id, false);
	put_empty(&c, "99999", false);
	put_empty(&c, calendar, false);
	call_run(&c);
	assert_int_equal(status(answer(&c, 0)), 1);
	assert_string_equal(wbxml_text(answer(&c, 0), AirSync_CollectionId), id);
	assert_int_equal(status(answer(&c, 1)), 6);
	assert_int_equal(status(answer(&c, 2)), 16); /* a calendar is not lost by one tap */
	call_end(&c);
	assert_int_equal(mem_count(mw->w.mem, WORLD_USER, "trash"), 0);
	assert_int_equal(mem_count(mw->w.mem, WORLD_USER, "inbox"), 1);
	assert_int_equal(mem_count(mw->w.mem, WORLD_USER, "trash/sub"), 1);
	assert_true(mw->w.nudges > 0);
	begin(&c, mw, false);
	put_empty(&c, id, true);
	call_run(&c);
	assert_int_equal(status(answer(&c, 0)), 1);
	call_end(&c);
	assert_false(mem_has_folder(mw->w.mem, WORLD_USER, "trash/sub"));
	assert_int_equal(world_folder(&mw->w, DEVICE, 141, "Sub"), 0);
}

static void
test_empty_partly(void **state)
{
	struct mail_world *mw = *state;
	const char *key = mem_add(mw->w.mem, WORLD_USER, "trash", NULL, MAIL, 0, 1795461508);
	char id[ID_MAX];
	struct call c;

	mem_add(mw->w.mem, WORLD_USER, "trash", NULL, MAIL, 0, 1795461508);
	mem_item_readonly(mw->w.mem, WORLD_USER, "trash", key, true);
	begin(&c, mw, false);
	put_empty(&c, id_folder(mw->trash, id), false);
	call_run(&c);
	assert_int_equal(status(answer(&c, 0)), 17);
	call_end(&c);
	assert_int_equal(mem_count(mw->w.mem, WORLD_USER, "trash"), 1);
}

static void
test_move_and_nothing(void **state)
{
	struct mail_world *mw = *state;
	struct call c;

	begin(&c, mw, false);
	for (unsigned i = 0; i < 2; i++) {
		wbxml_start(&c.w, ItemOperations_Move);
		wbxml_put_opaque(&c.w, ItemOperations_ConversationId, slice_str("0123456789abcdef"));
		wbxml_put(&c.w, ItemOperations_DstFldId, "1");
		wbxml_start(&c.w, ItemOperations_Options);
		if (i)
			wbxml_empty(&c.w, ItemOperations_MoveAlways);
		wbxml_end(&c.w);
		wbxml_end(&c.w);
	}
	call_run(&c);
	assert_int_equal(status(answer(&c, 0)), 155);
	assert_int_equal(status(answer(&c, 1)), 154);
	assert_true(slice_eq(wbxml_child(answer(&c, 1), ItemOperations_ConversationId)->data, slice_str("0123456789abcdef")));
	call_end(&c);
	begin(&c, mw, false);
	call_run(&c);
	assert_string_equal(wbxml_text(c.answer, ItemOperations_Status), "2");
	call_end(&c);
}

int
main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = { CASE(test_item), CASE(test_attachment), CASE(test_empty_attachment), CASE(test_what_is_not_there), CASE(test_backend_trouble),
		cmocka_unit_test_setup_teardown(test_too_large, setup_small, teardown), CASE(test_multipart), CASE(test_get_attachment), CASE(test_body_part_type),
		CASE(test_empty_folder), CASE(test_empty_partly), CASE(test_move_and_nothing), CASE(test_schema), CASE(test_too_many) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
