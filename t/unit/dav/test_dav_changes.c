/* What changed in a collection, by each of the ways to ask; no answer that is wanting is taken for items that are gone. */
#include "kit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define TOKEN(n) "<d:sync-token>http://x/" n "</d:sync-token>"
#define ITEM(name, etag) RESPONSE(WORK name, ETAG(etag))
#define CUT_HERE STATUS(WORK, "507 Insufficient Storage")
#define BAD_TOKEN "<d:error xmlns:d=\"DAV:\"><d:valid-sync-token/></d:error>"
#define CTAG(path, tag) MULTI(RESPONSE(path, "<cs:getctag>" tag "</cs:getctag>"))

static enum err
changes(struct kit *k, const char *folder, const char *cursor, size_t part, struct backend_changes *c_r)
{
	return k->ops->changes(k->s, k->a, folder, cursor, part, c_r, &k->e);
}

static void
assert_changes(struct kit *k, const char *folder, const char *cursor, struct backend_changes *c_r)
{
	kit_expect(k, changes(k, folder, cursor, 1000, c_r), ERR_OK);
}

/* "name version" and "name gone" of all, in their order. */
static void
assert_list(struct kit *k, const struct backend_changes *c, bool listing, bool more, const char *want)
{
	const char *got = "";
	for (size_t i = 0; i < c->n; i++)
		got = arena_printf(k->a, "%s%s %s\n", got, c->list[i].key, c->list[i].gone ? "gone" : c->list[i].version);
	assert_string_equal(got, want);
	assert_int_equal(c->listing, listing);
	assert_int_equal(c->more, more);
}

/* A cursor of a collection that was listed so many seconds ago, whose token is the first. */
static const char *
since_first(struct kit *k, int ago)
{
	return arena_printf(k->a, "T%lld http://x/1", (long long)time(NULL) - ago);
}

static void
assert_token_sent(struct kit *k, long request, const char *token)
{
	const char *want = arena_printf(k->a, "<D:sync-token>%s</D:sync-token>", token);
	if (!strstr(fake_request(k->fake, request)->body, want))
		fail_msg("no %s in %s", want, fake_request(k->fake, request)->body);
}

/* ---- sync-collection ---- */

static void
a_token_gives_what_changed_since(void **state)
{
	struct kit *k = *state;
	struct backend_changes c;
	kit_ready(k, "caldav", kit_calendars, "");
	fake_xml(k->fake, 207, MULTI(ITEM("1.ics", "1") ITEM("2.ics", "2") STATUS(WORK "old.ics", "404 Gone") TOKEN("1")));
	assert_changes(k, WORK, NULL, &c);
	assert_list(k, &c, true, false, "1.ics \"1\"\n2.ics \"2\"\n");
	kit_asked(k, 0, "REPORT", WORK);
	assert_non_null(strstr(fake_request(k->fake, 0)->body, "<D:sync-token></D:sync-token>"));
	assert_null(strstr(fake_request(k->fake, 0)->body, "limit"));
	fake_xml(k->fake, 207, MULTI(ITEM("3.ics", "3") STATUS(WORK "1.ics", "404 Not Found") TOKEN("2")));
	assert_changes(k, WORK, c.cursor, &c);
	assert_list(k, &c, false, false, "3.ics \"3\"\n1.ics gone\n");
	assert_non_null(strstr(fake_request(k->fake, 1)->body, "<D:sync-token>http://x/1</D:sync-token>"));
}

/* DAViCal answers a token that it has forgotten with all there is, and no word of what went. */
static void
a_listing_is_taken_anew_each_day(void **state)
{
	struct kit *k = *state;
	struct backend_changes c;
	kit_ready(k, "caldav", kit_calendars, "");
	fake_xml(k->fake, 207, MULTI(ITEM("1.ics", "1") TOKEN("9")));
	assert_changes(k, WORK, since_first(k, 25 * 3600), &c);
	assert_token_sent(k, 0, "");
	assert_list(k, &c, true, false, "1.ics \"1\"\n");
	fake_xml(k->fake, 207, MULTI(TOKEN("9")));
	assert_changes(k, WORK, c.cursor, &c);
	assert_token_sent(k, 1, "http://x/9");
	assert_list(k, &c, false, false, "");
}

/* RFC 6578, 3.6 */
static void
a_server_may_cut_its_answer(void **state)
{
	struct kit *k = *state;
	struct backend_changes c;
	kit_ready(k, "caldav", kit_calendars, "");
	fake_xml(k->fake, 207, MULTI(ITEM("1.ics", "1") CUT_HERE TOKEN("1")));
	fake_xml(k->fake, 207, MULTI(ITEM("2.ics", "2") CUT_HERE TOKEN("2")));
	fake_xml(k->fake, 207, MULTI(ITEM("3.ics", "3") TOKEN("3")));
	assert_int_equal(changes(k, WORK, NULL, 1000, &c), ERR_OK);
	assert_list(k, &c, true, true, "1.ics \"1\"\n");
	assert_int_equal(changes(k, WORK, c.cursor, 1000, &c), ERR_OK);
	assert_list(k, &c, true, true, "2.ics \"2\"\n");
	assert_changes(k, WORK, c.cursor, &c);
	assert_list(k, &c, true, false, "3.ics \"3\"\n");
	/* The same of changes, which are no listing. */
	fake_xml(k->fake, 207, MULTI(ITEM("4.ics", "4") CUT_HERE TOKEN("4")));
	fake_xml(k->fake, 207, MULTI(STATUS(WORK "2.ics", "404 X") TOKEN("5")));
	assert_int_equal(changes(k, WORK, c.cursor, 1000, &c), ERR_OK);
	assert_list(k, &c, false, true, "4.ics \"4\"\n");
	assert_changes(k, WORK, c.cursor, &c);
	assert_list(k, &c, false, false, "2.ics gone\n");
}

static void
a_token_that_is_no_more_becomes_a_listing(void **state)
{
	static const int statuses[] = { 403, 409, 400, 412, 507, 500 };
	struct kit *k = *state;
	struct backend_changes c;
	kit_ready(k, "caldav", kit_calendars, "");
	for (size_t i = 0; i < ARRAY_LEN(statuses); i++) {
		fake_xml(k->fake, statuses[i], i ? "" : BAD_TOKEN);
		fake_xml(k->fake, 207, MULTI(ITEM("1.ics", "1") TOKEN("9")));
		assert_changes(k, WORK, since_first(k, 60), &c);
		assert_list(k, &c, true, false, "1.ics \"1\"\n");
	}
}

static void
a_server_that_does_not_get_on_is_asked_from_the_beginning(void **state)
{
	struct kit *k = *state;
	struct backend_changes c;
	kit_ready(k, "caldav", kit_calendars, "");
	fake_xml(k->fake, 207, MULTI(ITEM("1.ics", "1") CUT_HERE TOKEN("1")));
	fake_xml(k->fake, 207, MULTI(ITEM("1.ics", "1") ITEM("2.ics", "2") TOKEN("2")));
	assert_changes(k, WORK, since_first(k, 60), &c);
	assert_list(k, &c, true, false, "1.ics \"1\"\n2.ics \"2\"\n");
}

/* A listing that breaks off in the middle is none: what went meanwhile would be taken for there by what its first parts had named. */
static void
a_listing_that_breaks_off_is_none(void **state)
{
	static const char listing[] = MULTI(RESPONSE(WORK, "<d:resourcetype><d:collection/></d:resourcetype>") ITEM("2.ics", "2"));
	struct kit *k = *state;
	struct backend_changes c;
	kit_ready(k, "caldav", kit_calendars, "");
	fake_xml(k->fake, 207, MULTI(ITEM("1.ics", "1") CUT_HERE TOKEN("1")));
	assert_int_equal(changes(k, WORK, NULL, 1000, &c), ERR_OK);
	fake_xml(k->fake, 403, BAD_TOKEN);
	kit_expect(k, changes(k, WORK, c.cursor, 1000, &c), ERR_UNAVAILABLE);
	fake_xml(k->fake, 207, CTAG(WORK, "a"));
	fake_xml(k->fake, 207, listing);
	assert_changes(k, WORK, NULL, &c);
	assert_list(k, &c, true, false, "2.ics \"2\"\n");
}

/* Offered and refused even from the beginning: the other way, and it is not tried again. */
static void
a_server_without_it_is_listed(void **state)
{
	struct kit *k = *state;
	struct backend_changes c;
	static const char listing[] = MULTI(RESPONSE(WORK, "<d:resourcetype><d:collection/></d:resourcetype>")
		ITEM("1.ics", "1"));
	kit_ready(k, "caldav", kit_calendars, "");
	fake_xml(k->fake, 501, "");
	fake_xml(k->fake, 207, CTAG(WORK, "a"));
	fake_xml(k->fake, 207, listing);
	assert_changes(k, WORK, NULL, &c);
	assert_list(k, &c, true, false, "1.ics \"1\"\n");
	fake_xml(k->fake, 207, CTAG(WORK, "a"));
	assert_changes(k, WORK, c.cursor, &c);
	assert_list(k, &c, false, false, "");
}

/* ---- ctag and listing ---- */

static void
a_ctag_spares_the_listing(void **state)
{
	struct kit *k = *state;
	struct backend_changes c;
	kit_ready(k, "caldav", kit_calendars_bare, "");
	fake_xml(k->fake, 207, CTAG(TAGGED, "a"));
	fake_xml(k->fake, 207, MULTI(RESPONSE(TAGGED "1.ics", ETAG("1")) RESPONSE(TAGGED "sub/", "")));
	assert_changes(k, TAGGED, NULL, &c);
	assert_list(k, &c, true, false, "1.ics \"1\"\n");
	fake_xml(k->fake, 207, CTAG(TAGGED, "a"));
	assert_changes(k, TAGGED, c.cursor, &c);
	assert_list(k, &c, false, false, "");
	fake_xml(k->fake, 207, CTAG(TAGGED, "b"));
	fake_xml(k->fake, 207, MULTI(RESPONSE(TAGGED "2.ics", ETAG("2"))));
	assert_changes(k, TAGGED, c.cursor, &c);
	assert_list(k, &c, true, false, "2.ics \"2\"\n");
}

static void
without_a_ctag_the_etags_tell(void **state)
{
	struct kit *k = *state;
	struct backend_changes c;
	static const char none[] = MULTI(RESPONSE(PLAIN, ""));
	kit_ready(k, "caldav", kit_calendars_bare, "");
	fake_xml(k->fake, 207, none);
	fake_xml(k->fake, 207, MULTI(RESPONSE(PLAIN "1.ics", ETAG("1")) RESPONSE(PLAIN "2.ics", ETAG("2"))));
	assert_changes(k, PLAIN, NULL, &c);
	assert_int_equal(c.n, 2);
	fake_xml(k->fake, 207, none);
	fake_xml(k->fake, 207, MULTI(RESPONSE(PLAIN "2.ics", ETAG("2")) RESPONSE(PLAIN "1.ics", ETAG("1"))));
	assert_changes(k, PLAIN, c.cursor, &c);
	assert_list(k, &c, false, false, "");
	fake_xml(k->fake, 207, none);
	fake_xml(k->fake, 207, MULTI(RESPONSE(PLAIN "2.ics", ETAG("2")) RESPONSE(PLAIN "1.ics", ETAG("3"))));
	assert_changes(k, PLAIN, c.cursor, &c);
	assert_list(k, &c, true, false, "2.ics \"2\"\n1.ics \"3\"\n");
}

/* ---- what is wanting ---- */

/* However an answer ends early, it is an error and no listing; the next one that is whole is as if nothing had been. */
static void
nothing_is_gone_by_an_answer_that_breaks_off(void **state)
{
	static const char whole[] = MULTI(ITEM("1.ics", "1") ITEM("2.ics", "2") TOKEN("2"));
	static const char listing[] = MULTI(RESPONSE(PLAIN "1.ics", ETAG("1")) RESPONSE(PLAIN "2.ics", ETAG("2")));
	struct kit *k = *state;
	struct backend_changes c;
	struct fake_reply ways[] = { { .status = 207, .how = FAKE_CUT }, { .status = 207, .how = FAKE_HANG_BODY },
		{ .status = 207, .how = FAKE_UNTIL_CLOSE } };
	kit_ready(k, "caldav", kit_calendars, "connect = 1\nanswer = 1");
	for (size_t i = 0; i < ARRAY_LEN(ways); i++) {
		ways[i].body = i < 2 ? whole : arena_strndup(k->a, whole, strlen(whole) - 20);
		fake_queue(k->fake, ways[i]);
		kit_expect(k, changes(k, WORK, NULL, 1000, &c), i < 2 ? ERR_UNAVAILABLE : ERR_PEER);
		fake_queue(k->fake, ways[i]);
		kit_expect(k, changes(k, WORK, since_first(k, 60), 1000, &c), i < 2 ? ERR_UNAVAILABLE : ERR_PEER);
	}
	fake_xml(k->fake, 207, whole);
	assert_changes(k, WORK, NULL, &c);
	assert_int_equal(c.n, 2);
	kit_ready(k, "caldav", kit_calendars_bare, "connect = 1\nanswer = 1");
	for (size_t i = 0; i < ARRAY_LEN(ways); i++) {
		ways[i].body = i < 2 ? listing : arena_strndup(k->a, listing, strlen(listing) - 20);
		fake_xml(k->fake, 207, MULTI(RESPONSE(PLAIN, "")));
		fake_queue(k->fake, ways[i]);
		kit_expect(k, changes(k, PLAIN, NULL, 1000, &c), i < 2 ? ERR_UNAVAILABLE : ERR_PEER);
	}
}

static void
nothing_is_gone_by_an_answer_that_tells_of_nothing(void **state)
{
	struct kit *k = *state;
	struct backend_changes c;
	kit_ready(k, "caldav", kit_calendars_bare, "");
	fake_xml(k->fake, 207, MULTI(RESPONSE(PLAIN, "")));
	fake_xml(k->fake, 207, MULTI(""));
	kit_expect(k, changes(k, PLAIN, NULL, 1000, &c), ERR_PEER);
	fake_xml(k->fake, 207, MULTI(RESPONSE(PLAIN, "")));
	fake_xml(k->fake, 207, MULTI(STATUS(PLAIN, "500 Internal Server Error")));
	kit_expect(k, changes(k, PLAIN, NULL, 1000, &c), ERR_PEER);
	fake_xml(k->fake, 207, MULTI(RESPONSE(PLAIN, "")));
	fake_xml(k->fake, 207, MULTI(RESPONSE(PLAIN, "")));
	assert_changes(k, PLAIN, NULL, &c);
	assert_list(k, &c, true, false, "");
}

static void
nothing_is_gone_by_a_server_in_trouble(void **state)
{
	static const struct {
		int status;
		enum err err;
	} rows[] = { { 500, ERR_PEER }, { 502, ERR_UNAVAILABLE }, { 503, ERR_UNAVAILABLE } };
	struct kit *k = *state;
	struct backend_changes c;
	kit_ready(k, "caldav", kit_calendars_bare, "");
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		fake_xml(k->fake, rows[i].status, "");
		kit_expect(k, changes(k, PLAIN, NULL, 1000, &c), rows[i].err);
		fake_xml(k->fake, 207, MULTI(RESPONSE(PLAIN, "")));
		fake_xml(k->fake, rows[i].status, "");
		kit_expect(k, changes(k, PLAIN, NULL, 1000, &c), rows[i].err);
	}
	fake_xml(k->fake, 404, "");
	kit_expect(k, changes(k, PLAIN, NULL, 1000, &c), ERR_NOFOLDER);
}

/* An item that the server cannot tell of for now is there, in whatever version; one that may not be seen is not. */
static void
an_item_in_trouble_is_not_gone(void **state)
{
	struct kit *k = *state;
	struct backend_changes c;
	kit_ready(k, "caldav", kit_calendars, "");
	fake_xml(k->fake, 207, MULTI(ITEM("1.ics", "1") STATUS(WORK "2.ics", "500 Oops") STATUS(WORK "3.ics", "403 No")
		TOKEN("1")));
	assert_changes(k, WORK, NULL, &c);
	assert_list(k, &c, true, false, "1.ics \"1\"\n2.ics \n");
}

#define PERSONAL "/dav/calendars/alice/personal/"
#define KEPT(name) RESPONSE(PERSONAL name, ETAG("1"))
#define DATA(name, component) \
	RESPONSE(PERSONAL name, ETAG("1") "<cal:calendar-data>BEGIN:VCALENDAR\nBEGIN:" component "\n</cal:calendar-data>")

/* Of a collection with events and tasks: what cannot be read is one or the other, and a phone may have it. */
static void
what_cannot_be_read_is_gone_from_neither_folder(void **state)
{
	static const char *const folders[] = { PERSONAL, PERSONAL "?tasks" };
	static const char *const lists[] = { "event.ics \"1\"\nbroken.ics \"1\"\n", "task.ics \"1\"\nbroken.ics \"1\"\n" };
	struct kit *k = *state;
	struct backend_changes c;
	kit_ready(k, "caldav", kit_calendars, "");
	for (size_t i = 0; i < ARRAY_LEN(folders); i++) {
		fake_xml(k->fake, 207, MULTI(KEPT("event.ics") KEPT("task.ics") KEPT("broken.ics") KEPT("gone.ics") TOKEN("1")));
		fake_xml(k->fake, 207, MULTI(DATA("event.ics", "VEVENT") DATA("task.ics", "VTODO") STATUS(PERSONAL "broken.ics", "500 No")
			STATUS(PERSONAL "gone.ics", "404 No")));
		fake_xml(k->fake, 500, "");
		fake_xml(k->fake, 207, MULTI(RESPONSE(PERSONAL, "")));
		fake_xml(k->fake, 500, "");
		assert_changes(k, folders[i], NULL, &c);
		assert_list(k, &c, true, false, lists[i]);
	}
}

/* ---- parts ---- */

static char *
many_items(struct kit *k, unsigned n, unsigned token)
{
	struct buf b;
	buf_init(&b, 0);
	buf_add_str(&b, "<multistatus xmlns=\"DAV:\">");
	for (unsigned i = 0; i < n; i++)
		buf_printf(&b, "<response><href>" WORK "%u.ics</href><propstat><prop><getetag>\"%u\"</getetag></prop></propstat>"
			"</response>", i, i);
	buf_printf(&b, "<sync-token>http://x/%u</sync-token></multistatus>", token);
	char *text = arena_strdup(k->a, buf_str(&b));
	buf_finish(&b);
	return text;
}

/* The server gives everything at once; it is handed on in parts, without asking again. */
static void
a_listing_comes_in_parts(void **state)
{
	struct kit *k = *state;
	struct backend_changes c = { 0 };
	size_t seen = 0, parts = 0;
	kit_ready(k, "caldav", kit_calendars, "");
	fake_xml(k->fake, 207, many_items(k, 250, 1));
	for (const char *cursor = NULL; parts == 0 || c.more; cursor = c.cursor, parts++) {
		assert_int_equal(changes(k, WORK, cursor, 100, &c), ERR_OK);
		assert_true(c.listing && c.n <= 100);
		for (size_t i = 0; i < c.n; i++, seen++) {
			assert_string_equal(c.list[i].key, arena_printf(k->a, "%zu.ics", seen));
			assert_string_equal(c.list[i].version, arena_printf(k->a, "\"%zu\"", seen));
		}
	}
	assert_int_equal(seen, 250);
	assert_int_equal(parts, 3);
	assert_true(fake_done(k->fake));
	fake_xml(k->fake, 207, MULTI(TOKEN("2")));
	assert_changes(k, WORK, c.cursor, &c);
	assert_non_null(strstr(fake_request(k->fake, 1)->body, "<D:sync-token>http://x/1</D:sync-token>"));
}

/* The cursor of a part means nothing in another session, nor after another listing: it begins again, so that no half of one
 * is taken together with half of another. */
static void
parts_of_two_listings_never_mix(void **state)
{
	struct kit *k = *state;
	struct backend_changes first, second, c;
	kit_ready(k, "caldav", kit_calendars, "");
	fake_xml(k->fake, 207, many_items(k, 250, 1));
	fake_xml(k->fake, 207, many_items(k, 150, 2));
	assert_int_equal(changes(k, WORK, NULL, 100, &first), ERR_OK);
	assert_int_equal(changes(k, WORK, NULL, 100, &second), ERR_OK);
	fake_xml(k->fake, 207, many_items(k, 120, 3));
	assert_int_equal(changes(k, WORK, first.cursor, 100, &c), ERR_OK);
	assert_string_equal(c.list[0].key, "0.ics");
	assert_true(c.more);
	/* What was kept of the second is gone with that. */
	fake_xml(k->fake, 207, many_items(k, 90, 4));
	assert_changes(k, WORK, second.cursor, &c);
	assert_int_equal(c.n, 90);
	assert_false(c.more);
	/* Nor of what is no cursor at all. */
	static const char *const strange[] = { "P", "P.1", "P0000000000000000.1", "Pxyz", "" };
	for (size_t i = 0; i < ARRAY_LEN(strange); i++) {
		fake_xml(k->fake, 207, MULTI(TOKEN("1")));
		assert_changes(k, WORK, strange[i], &c);
		assert_true(c.listing);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		KIT_TEST(a_token_gives_what_changed_since),
		KIT_TEST(a_listing_is_taken_anew_each_day),
		KIT_TEST(a_server_may_cut_its_answer),
		KIT_TEST(a_token_that_is_no_more_becomes_a_listing),
		KIT_TEST(a_server_that_does_not_get_on_is_asked_from_the_beginning),
		KIT_TEST(a_listing_that_breaks_off_is_none),
		KIT_TEST(a_server_without_it_is_listed),
		KIT_TEST(a_ctag_spares_the_listing),
		KIT_TEST(without_a_ctag_the_etags_tell),
		KIT_TEST(nothing_is_gone_by_an_answer_that_breaks_off),
		KIT_TEST(nothing_is_gone_by_an_answer_that_tells_of_nothing),
		KIT_TEST(nothing_is_gone_by_a_server_in_trouble),
		KIT_TEST(an_item_in_trouble_is_not_gone),
		KIT_TEST(what_cannot_be_read_is_gone_from_neither_folder),
		KIT_TEST(a_listing_comes_in_parts),
		KIT_TEST(parts_of_two_listings_never_mix),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
