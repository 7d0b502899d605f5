/* Items by key: what a multiget gives, and what becomes of what it leaves out. */
#include "kit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ITEM "BEGIN:VCALENDAR\nBEGIN:VEVENT\nSUMMARY:SECRET\nEND:VEVENT\nEND:VCALENDAR\n"
#define ITEM_CRLF "BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nSUMMARY:SECRET\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
#define EVENT(name, etag) RESPONSE(WORK name, ETAG(etag) "<cal:calendar-data>" ITEM "</cal:calendar-data>")
#define BOTH EVENT("1.ics", "1") EVENT("2.ics", "2")

static enum err
fetch(struct kit *k, const char *const *keys, size_t n, uint64_t bytes_max, struct kit_items *items)
{
	struct backend_fetch what = { .folder = WORK, .keys = keys, .n = n, .want = WANT_BYTES, .bytes_max = bytes_max };
	*items = (struct kit_items){ .a = k->a };
	return k->ops->fetch(k->s, &what, kit_take, items, &k->e);
}

static void
assert_item(const struct kit_items *items, const char *key, enum err err, const char *version, const char *bytes)
{
	const struct backend_item *item = kit_item(items, key);
	assert_int_equal(item->err, err);
	assert_string_equal(item->version, version);
	assert_int_equal(item->bytes.len, strlen(bytes));
	assert_memory_equal(item->bytes.ptr, bytes, strlen(bytes));
}

static struct fake_reply
event(const char *headers)
{
	return (struct fake_reply){ .status = 200, .headers = headers, .body = ITEM_CRLF };
}

/* One is gone and said so; two are not mentioned: asked for by themselves, one of them is there and one is not. */
static void
what_a_multiget_leaves_out_is_asked_for(void **state)
{
	struct kit *k = *state;
	struct kit_items items;
	static const char *const keys[] = { "1.ics", "2.ics", "3.ics", "4.ics" };
	kit_ready(k, "caldav", kit_calendars, "");
	fake_xml(k->fake, 207, MULTI(EVENT("1.ics", "1") STATUS(WORK "2.ics", "404 Not Found")));
	fake_queue(k->fake, event("ETag: \"3\"\r\nContent-Type: text/calendar\r\n"));
	fake_queue(k->fake, (struct fake_reply){ .status = 404 });
	kit_expect(k, fetch(k, keys, 4, 0, &items), ERR_OK);
	assert_int_equal(items.n, 4);
	assert_item(&items, "1.ics", ERR_OK, "\"1\"", ITEM_CRLF);
	assert_item(&items, "2.ics", ERR_NOTFOUND, "", "");
	assert_item(&items, "3.ics", ERR_OK, "\"3\"", ITEM_CRLF);
	assert_item(&items, "4.ics", ERR_NOTFOUND, "", "");
	kit_asked(k, 0, "REPORT", WORK);
	assert_non_null(strstr(fake_request(k->fake, 0)->body, "<D:href>" WORK "4.ics</D:href>"));
	kit_asked(k, 1, "GET", WORK "3.ics");
	kit_asked(k, 2, "GET", WORK "4.ics");
}

#define THERE MULTI(RESPONSE(WORK, "<d:resourcetype><d:collection/></d:resourcetype>"))

/* That the server cannot read an item does not say that it is gone. */
static void
what_cannot_be_told_is_not_gone(void **state)
{
	static const int statuses[] = { 400, 403, 406, 409, 415, 422, 500, 501 };
	struct kit *k = *state;
	struct kit_items items;
	static const char *const keys[] = { "1.ics", "2.ics" };
	kit_ready(k, "caldav", kit_calendars, "");
	for (size_t i = 0; i < ARRAY_LEN(statuses); i++) {
		fake_xml(k->fake, 207, MULTI(STATUS(WORK "1.ics", "500 Oops") STATUS(WORK "2.ics", "403 No")));
		fake_queue(k->fake, (struct fake_reply){ .status = statuses[i] });
		fake_queue(k->fake, event("ETag: \"2\"\r\n"));
		fake_xml(k->fake, 207, THERE);
		fake_queue(k->fake, (struct fake_reply){ .status = statuses[i] });
		kit_expect(k, fetch(k, keys, 2, 0, &items), ERR_OK);
		assert_item(&items, "1.ics", ERR_INVALID, "", "");
		assert_item(&items, "2.ics", ERR_OK, "\"2\"", ITEM_CRLF);
	}
}

/* A server that fails for a moment says nothing of the items that it was asked for. */
static void
a_server_in_trouble_says_nothing_of_items(void **state)
{
	static const struct {
		int status;
		enum err err;
	} rows[] = { { 500, ERR_PEER }, { 503, ERR_UNAVAILABLE }, { 404, ERR_NOFOLDER } };
	struct kit *k = *state;
	struct kit_items items;
	static const char *const keys[] = { "1.ics", "2.ics" };
	kit_ready(k, "caldav", kit_calendars, "");
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		for (unsigned n = 0; n < 3; n++)
			fake_xml(k->fake, 500, ""); /* the multiget, and each item */
		fake_xml(k->fake, rows[i].status, "");
		kit_expect(k, fetch(k, keys, 2, 0, &items), rows[i].err);
		assert_int_equal(items.n, 0);
	}
	for (unsigned n = 0; n < 3; n++)
		fake_xml(k->fake, 500, "");
	fake_xml(k->fake, 207, THERE);
	fake_queue(k->fake, event("ETag: \"1\"\r\n"));
	fake_queue(k->fake, event("ETag: \"2\"\r\n"));
	kit_expect(k, fetch(k, keys, 2, 0, &items), ERR_OK);
	assert_item(&items, "1.ics", ERR_OK, "\"1\"", ITEM_CRLF);
	assert_item(&items, "2.ics", ERR_OK, "\"2\"", ITEM_CRLF);
}

static void
too_large_an_item_comes_alone_as_such(void **state)
{
	struct kit *k = *state;
	struct kit_items items;
	static const char *const keys[] = { "1.ics", "2.ics" };
	static char large[4098], body[16384];
	memset(large, 'x', sizeof large - 1);
	snprintf(body, sizeof body,
		"<multistatus xmlns=\"DAV:\" xmlns:c=\"urn:ietf:params:xml:ns:caldav\">"
		"<response><href>" WORK "1.ics</href><propstat><prop><getetag>\"1\"</getetag><c:calendar-data>%s</c:calendar-data>"
		"</prop></propstat></response>"
		"<response><href>" WORK "2.ics</href><propstat><prop><getetag>\"2\"</getetag><c:calendar-data>short</c:calendar-data>"
		"</prop></propstat></response></multistatus>",
		large);
	kit_ready(k, "caldav", kit_calendars, "item_max = 4096");
	fake_xml(k->fake, 207, body);
	kit_expect(k, fetch(k, keys, 2, 0, &items), ERR_OK);
	assert_item(&items, "1.ics", ERR_LIMIT, "\"1\"", "");
	assert_item(&items, "2.ics", ERR_OK, "\"2\"", "short");
	/* So does what is over the caller's bound. */
	fake_xml(k->fake, 207, MULTI(BOTH));
	kit_expect(k, fetch(k, keys, 2, strlen(ITEM_CRLF) - 1, &items), ERR_OK);
	assert_item(&items, "1.ics", ERR_LIMIT, "\"1\"", "");
	assert_item(&items, "2.ics", ERR_LIMIT, "\"2\"", "");
}

/* All together are over response_max, each by itself is not. */
static void
too_long_an_answer_is_asked_for_in_pieces(void **state)
{
	struct kit *k = *state;
	struct kit_items items;
	static const char *const keys[] = { "1.ics", "2.ics" };
	static const enum fake_how ways[] = { FAKE_PLAIN, FAKE_UNTIL_CLOSE };
	static char body[100 * 1024];
	snprintf(body, sizeof body, "%s%*s", "<multistatus xmlns=\"DAV:\">", (int)sizeof body - 100, "");
	for (size_t i = 0; i < ARRAY_LEN(ways); i++) {
		kit_ready(k, "caldav", kit_calendars, "response_max = 64k");
		fake_queue(k->fake, (struct fake_reply){ .status = 207, .body = body, .how = ways[i] });
		fake_queue(k->fake, event("ETag: \"1\"\r\n"));
		fake_queue(k->fake, event("ETag: \"2\"\r\n"));
		kit_expect(k, fetch(k, keys, 2, 0, &items), ERR_OK);
		assert_item(&items, "1.ics", ERR_OK, "\"1\"", ITEM_CRLF);
		assert_item(&items, "2.ics", ERR_OK, "\"2\"", ITEM_CRLF);
		fake_forget(k->fake);
	}
}

static void
a_server_without_multiget_is_asked_one_by_one(void **state)
{
	struct kit *k = *state;
	struct kit_items items;
	static const char *const keys[] = { "1.ics" };
	static const int statuses[] = { 400, 403, 405, 500, 501 };
	kit_ready(k, "caldav", kit_calendars, "");
	for (size_t i = 0; i < ARRAY_LEN(statuses); i++) {
		fake_xml(k->fake, statuses[i], "");
		fake_queue(k->fake, event("ETag: \"1\"\r\n"));
		kit_expect(k, fetch(k, keys, 1, 0, &items), ERR_OK);
		assert_item(&items, "1.ics", ERR_OK, "\"1\"", ITEM_CRLF);
	}
}

/* SabreDAV before 2.0 says 404 where it is an item that is gone. */
static void
whether_the_collection_is_gone_is_asked(void **state)
{
	struct kit *k = *state;
	struct kit_items items;
	static const char *const keys[] = { "1.ics", "2.ics" };
	kit_ready(k, "caldav", kit_calendars, "");
	fake_xml(k->fake, 404, "");
	fake_xml(k->fake, 404, "");
	kit_expect(k, fetch(k, keys, 2, 0, &items), ERR_NOFOLDER);
	assert_int_equal(items.n, 0);
	fake_xml(k->fake, 404, "");
	fake_xml(k->fake, 207, MULTI(RESPONSE(WORK, "<d:resourcetype><d:collection/></d:resourcetype>")));
	fake_queue(k->fake, (struct fake_reply){ .status = 404 });
	fake_queue(k->fake, event("ETag: \"2\"\r\n"));
	kit_expect(k, fetch(k, keys, 2, 0, &items), ERR_OK);
	assert_item(&items, "1.ics", ERR_NOTFOUND, "", "");
	assert_item(&items, "2.ics", ERR_OK, "\"2\"", ITEM_CRLF);
}

/* What had come whole is handed over; of the rest nothing is said, and least of all that it is gone. */
static void
an_answer_that_breaks_off_says_nothing_of_the_rest(void **state)
{
	struct kit *k = *state;
	struct kit_items items;
	static const char *const keys[] = { "1.ics", "2.ics" };
	static const enum fake_how ways[] = { FAKE_CUT, FAKE_HANG_BODY };
	kit_ready(k, "caldav", kit_calendars, "connect = 1\nanswer = 1");
	for (size_t i = 0; i < ARRAY_LEN(ways); i++) {
		fake_queue(k->fake, (struct fake_reply){ .status = 207, .body = MULTI(BOTH), .how = ways[i] });
		kit_expect(k, fetch(k, keys, 2, 0, &items), ERR_UNAVAILABLE);
		for (size_t j = 0; j < items.n; j++)
			assert_int_equal(items.list[j].err, ERR_OK);
		assert_true(items.n < 2);
	}
	/* A few are asked for at once all the same. */
	fake_xml(k->fake, 207, MULTI(BOTH));
	kit_expect(k, fetch(k, keys, 2, 0, &items), ERR_OK);
	assert_int_equal(items.n, 2);
}

/* ---- cards in a version of their own ---- */

#define BOOK "/dav/addressbooks/users/alice/contacts/"
#define CARD(version, prodid) "BEGIN:VCARD\r\nVERSION:" version "\r\n" prodid "NOTE:SECRET\r\nEND:VCARD\r\n"
#define SABRE "PRODID:-//Sabre//Sabre VObject 4.5.4//EN\r\n"

/* What SabreDAV keeps, and what it makes of it: cards that it hands out as they are have the version that was asked for. */
static const struct sabre_card {
	const char *key, *is3, *is4;
} sabre_cards[] = {
	{ "new.vcf", CARD("3.0", SABRE), CARD("4.0", "PRODID:-//x//y//EN\r\nKIND:group\r\n") },
	{ "bare.vcf", CARD("3.0", SABRE), CARD("4.0", "KIND:group\r\n") },
	{ "old.vcf", CARD("3.0", "PRODID:-//x//y//EN\r\n"), CARD("4.0", SABRE) },
	{ "own.vcf", CARD("3.0", SABRE), CARD("4.0", SABRE) },
};

static struct fake_reply
sabre_answers(void *ctx, const struct fake_request *r)
{
	bool multiget = strcmp(r->method, "REPORT") == 0;
	(void)ctx;
	for (size_t i = 0; i < ARRAY_LEN(sabre_cards); i++) {
		const struct sabre_card *c = &sabre_cards[i];
		static char xml[ARRAY_LEN(sabre_cards)][1024];
		if (!strstr(multiget ? r->body : r->path, c->key))
			continue;
		snprintf(xml[i], sizeof xml[i], MULTI(RESPONSE(BOOK "%s", ETAG("1") "<card:address-data>%s</card:address-data>")), c->key, c->is3);
		if (multiget)
			return (struct fake_reply){ .status = 207, .headers = "Content-Type: application/xml\r\n", .body = xml[i] };
		return (struct fake_reply){ .status = 200, .headers = "ETag: \"1\"\r\nContent-Type: text/vcard\r\n",
			.body = strstr(fake_header(r, "Accept"), "4.0") ? c->is4 : c->is3 };
	}
	return (struct fake_reply){ .status = 404 };
}

/* An edit begins with what is stored; who only looks asks once. */
static void
a_card_that_was_converted_is_asked_for_as_it_is(void **state)
{
	struct kit *k = *state;
	kit_ready(k, "carddav", kit_addressbooks, "");
	fake_handle(k->fake, sabre_answers, NULL);
	for (size_t i = 0; i < ARRAY_LEN(sabre_cards) * 2; i++) {
		const struct sabre_card *c = &sabre_cards[i / 2];
		struct backend_fetch what = { .folder = BOOK, .keys = &c->key, .n = 1, .want = WANT_BYTES, .stored = i % 2 };
		struct kit_items items = { .a = k->a };
		bool original = what.stored && i / 2 < 2;
		fake_forget(k->fake);
		assert_int_equal(k->ops->fetch(k->s, &what, kit_take, &items, &k->e), ERR_OK);
		assert_int_equal(items.n, 1);
		assert_item(&items, c->key, ERR_OK, "\"1\"", original ? c->is4 : c->is3);
		if (!what.stored || strcmp(c->key, "old.vcf") == 0)
			assert_int_equal(fake_count(k->fake), 1);
	}
}

/* ---- batches ---- */

struct giving {
	struct buf answer;
	size_t most; /* items in one answer */
};

/* Answers a multiget with all that it asks for. */
static struct fake_reply
give_all(void *ctx, const struct fake_request *r)
{
	struct giving *g = ctx;
	size_t n = 0;
	buf_reset(&g->answer);
	buf_add_str(&g->answer, "<multistatus xmlns=\"DAV:\" xmlns:c=\"urn:ietf:params:xml:ns:caldav\">");
	for (const char *p = r->body; (p = strstr(p, "<D:href>")); n++) {
		p += strlen("<D:href>");
		buf_printf(&g->answer,
			"<response><href>%.*s</href><propstat><prop><c:calendar-data>x</c:calendar-data></prop></propstat></response>",
			(int)strcspn(p, "<"), p);
	}
	buf_add_str(&g->answer, "</multistatus>");
	g->most = n > g->most ? n : g->most;
	return (struct fake_reply){ .status = 207, .body = buf_str(&g->answer) };
}

static void
many_come_in_few_requests(void **state)
{
	struct kit *k = *state;
	struct kit_items *items = arena_alloc(k->a, sizeof *items);
	const char *keys[450];
	static struct giving g; /* the server's thread may look at what it sent until it is stopped */
	buf_init(&g.answer, 0);
	for (size_t i = 0; i < ARRAY_LEN(keys); i++)
		keys[i] = arena_printf(k->a, "%zu.ics", i);
	kit_ready(k, "caldav", kit_calendars, "");
	fake_handle(k->fake, give_all, &g);
	assert_int_equal(fetch(k, keys, ARRAY_LEN(keys), 0, items), ERR_OK);
	assert_int_equal(items->n, ARRAY_LEN(keys));
	assert_int_equal(fake_count(k->fake), 3);
	assert_int_equal(g.most, 200);
}

/* Fewer are asked for after an answer that took too long, and by and by as many as before. */
static void
a_slow_answer_makes_smaller_batches_for_a_while(void **state)
{
	static struct giving g;
	struct kit *k = *state;
	struct kit_items *items = arena_alloc(k->a, sizeof *items);
	const char *keys[40];
	buf_init(&g.answer, 0);
	for (size_t i = 0; i < ARRAY_LEN(keys); i++)
		keys[i] = arena_printf(k->a, "%zu.ics", i);
	kit_ready(k, "caldav", kit_calendars, "connect = 1\nanswer = 1");
	fake_queue(k->fake, (struct fake_reply){ .how = FAKE_HANG });
	kit_expect(k, fetch(k, keys, ARRAY_LEN(keys), 0, items), ERR_UNAVAILABLE);
	fake_forget(k->fake);
	fake_handle(k->fake, give_all, &g);
	assert_int_equal(fetch(k, keys, ARRAY_LEN(keys), 0, items), ERR_OK);
	assert_int_equal(items->n, ARRAY_LEN(keys));
	assert_int_equal(g.most, 20);
	for (unsigned i = 0; i < 8; i++)
		assert_int_equal(fetch(k, keys, ARRAY_LEN(keys), 0, items), ERR_OK);
	assert_int_equal(g.most, 40);
}

/* Too long an answer to two items, then none to the one that was left. */
static void
no_batch_is_of_nothing(void **state)
{
	static struct giving g;
	static char body[100 * 1024];
	static const char *const keys[] = { "1.ics", "2.ics" };
	struct kit *k = *state;
	struct kit_items items;
	buf_init(&g.answer, 0);
	snprintf(body, sizeof body,
		"<multistatus xmlns=\"DAV:\" xmlns:c=\"urn:ietf:params:xml:ns:caldav\"><response><href>" WORK
		"1.ics</href><propstat><prop><c:calendar-data>x</c:calendar-data></prop></propstat></response>%*s",
		70 * 1024, "");
	kit_ready(k, "caldav", kit_calendars, "connect = 1\nanswer = 1\nresponse_max = 64k");
	fake_queue(k->fake, (struct fake_reply){ .status = 207, .body = body, .how = FAKE_UNTIL_CLOSE });
	fake_queue(k->fake, (struct fake_reply){ .how = FAKE_HANG });
	kit_expect(k, fetch(k, keys, 2, 0, &items), ERR_UNAVAILABLE);
	assert_int_equal(items.n, 1);
	fake_forget(k->fake);
	fake_handle(k->fake, give_all, &g);
	assert_int_equal(fetch(k, keys, 2, 0, &items), ERR_OK);
	assert_int_equal(items.n, 2);
	assert_int_equal(fake_count(k->fake), 2);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		KIT_TEST(what_a_multiget_leaves_out_is_asked_for),
		KIT_TEST(what_cannot_be_told_is_not_gone),
		KIT_TEST(a_server_in_trouble_says_nothing_of_items),
		KIT_TEST(too_large_an_item_comes_alone_as_such),
		KIT_TEST(too_long_an_answer_is_asked_for_in_pieces),
		KIT_TEST(a_server_without_multiget_is_asked_one_by_one),
		KIT_TEST(whether_the_collection_is_gone_is_asked),
		KIT_TEST(an_answer_that_breaks_off_says_nothing_of_the_rest),
		KIT_TEST(a_card_that_was_converted_is_asked_for_as_it_is),
		KIT_TEST(many_come_in_few_requests),
		KIT_TEST(a_slow_answer_makes_smaller_batches_for_a_while),
		KIT_TEST(no_batch_is_of_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
