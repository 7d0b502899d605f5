/* Watching: one request of each home and interval, and what it may and may not say of a collection. */
#include "kit.h"

#include <string.h>

#define HOME "/dav/calendars/alice/"
#define PERSONAL HOME "personal/"
#define THINGS HOME "things/"
#define STATE(path, ctag, token) RESPONSE(path, "<cs:getctag>" ctag "</cs:getctag><d:sync-token>" token "</d:sync-token>")

static const char *const folders[] = { WORK, PERSONAL, PERSONAL "?tasks", THINGS };
static const char first[] = MULTI(RESPONSE(HOME, "") STATE(WORK, "1", "1") STATE(PERSONAL, "1", "1") STATE(THINGS, "1", "1"));

static void
watch(struct kit *k, const char *answer)
{
	struct backend_watch w;
	fake_xml(k->fake, 207, answer);
	kit_expect(k, k->ops->watch(k->s, folders, ARRAY_LEN(folders), &w, &k->e), ERR_OK);
	assert_int_equal(w.fd, -1);
	assert_int_equal(w.poll, 77);
}

/* What one look told of, each followed by a space. */
static const char *
noticed(struct kit *k, enum err want)
{
	struct backend_watch w;
	struct backend_keys keys = { 0 };
	const char *told = "";
	kit_expect(k, k->ops->noticed(k->s, k->a, &keys, &w, &k->e), want);
	assert_int_equal(w.poll, 77);
	for (size_t i = 0; !want && i < keys.n; i++)
		told = arena_printf(k->a, "%s%s ", told, keys.list[i]);
	return told;
}

static bool
asks(struct kit *k, long i, const char *property)
{
	return strstr(fake_request(k->fake, i)->body, property) != NULL;
}

static void
one_request_tells_of_all_collections(void **state)
{
	struct kit *k = *state;
	kit_ready(k, "caldav", kit_calendars, "poll = 77");
	watch(k, first);
	kit_asked(k, 0, "PROPFIND", HOME);
	assert_string_equal(fake_header(fake_request(k->fake, 0), "Depth"), "1");
	assert_true(fake_left_alone(k->fake));
	fake_xml(k->fake, 207, first);
	assert_string_equal(noticed(k, ERR_OK), "");
	assert_int_equal(fake_count(k->fake), 2);
	/* A collection that is two folders is told of as both. */
	static const char second[] = MULTI(STATE(THINGS, "1", "1") STATE(PERSONAL, "2", "2") STATE(WORK, "1", "1"));
	fake_xml(k->fake, 207, second);
	assert_string_equal(noticed(k, ERR_OK), PERSONAL " " PERSONAL "?tasks ");
	fake_xml(k->fake, 207, second);
	assert_string_equal(noticed(k, ERR_OK), "");
	assert_true(fake_left_alone(k->fake));
	/* Each has a ctag: to Radicale a sync-token is one more look through all items of all collections. */
	assert_true(asks(k, 0, "sync-token") && asks(k, 0, "getctag"));
	for (long i = 1; i < 4; i++)
		assert_true(asks(k, i, "getctag") && !asks(k, i, "sync-token"));
}

static void
the_server_knows_a_watch_by_its_cookie(void **state)
{
	struct kit *k = *state;
	struct backend_watch w;
	kit_ready(k, "caldav", kit_calendars, "poll = 77");
	fake_queue(k->fake, (struct fake_reply){ .status = 207, .headers = "Set-Cookie: known=yes; path=/\r\n", .body = first });
	kit_expect(k, k->ops->watch(k->s, folders, ARRAY_LEN(folders), &w, &k->e), ERR_OK);
	assert_true(fake_left_alone(k->fake));
	fake_xml(k->fake, 207, first);
	assert_string_equal(noticed(k, ERR_OK), "");
	assert_string_equal(fake_header(fake_request(k->fake, -1), "Cookie"), "known=yes");
}

/* Folders of before and after: what had a ctag loses it, and is seen by its sync-token then. */
static void
without_a_ctag_the_token_tells(void **state)
{
	static const char bare[] = MULTI(RESPONSE(WORK, "") STATE(PERSONAL, "1", "1") STATE(THINGS, "1", "1"));
	static const char token[] = MULTI(RESPONSE(WORK, "<d:sync-token>1</d:sync-token>") STATE(PERSONAL, "1", "1") STATE(THINGS, "1", "1"));
	struct kit *k = *state;
	kit_ready(k, "caldav", kit_calendars, "poll = 77");
	watch(k, first);
	fake_xml(k->fake, 207, bare);
	assert_string_equal(noticed(k, ERR_OK), WORK " ");
	assert_false(asks(k, 1, "sync-token"));
	for (long i = 2; i < 4; i++) {
		fake_xml(k->fake, 207, token);
		assert_string_equal(noticed(k, ERR_OK), i == 2 ? WORK " " : "");
		assert_true(asks(k, i, "sync-token"));
	}
}

/* Radicale answers 500 for the whole home where one item of one collection cannot be read. */
static void
a_collection_that_cannot_be_read_hides_no_other(void **state)
{
	struct kit *k = *state;
	kit_ready(k, "caldav", kit_calendars, "poll = 77");
	watch(k, first);
	fake_xml(k->fake, 500, "");
	fake_xml(k->fake, 207, MULTI(STATE(WORK, "2", "2")));
	fake_xml(k->fake, 500, "");
	fake_xml(k->fake, 404, "");
	assert_string_equal(noticed(k, ERR_OK), WORK " " THINGS " ");
	kit_asked(k, 2, "PROPFIND", WORK);
	kit_asked(k, 3, "PROPFIND", PERSONAL);
	kit_asked(k, 4, "PROPFIND", THINGS);
	assert_string_equal(fake_header(fake_request(k->fake, 2), "Depth"), "0");
	/* That it can be read again is news. */
	fake_xml(k->fake, 207, MULTI(STATE(WORK, "2", "2") STATE(PERSONAL, "1", "1")));
	assert_string_equal(noticed(k, ERR_OK), PERSONAL " " PERSONAL "?tasks ");
}

/* Of what tells neither ctag nor sync-token a change cannot be ruled out. */
static void
what_tells_nothing_is_looked_at_each_time(void **state)
{
	static const char some[] = MULTI(RESPONSE(WORK, "") RESPONSE(PERSONAL, "<cs:getctag>1</cs:getctag>")
		RESPONSE(THINGS, "<d:sync-token>1</d:sync-token>"));
	struct kit *k = *state;
	kit_ready(k, "caldav", kit_calendars, "poll = 77");
	watch(k, some);
	for (int i = 0; i < 2; i++) {
		fake_xml(k->fake, 207, some);
		assert_string_equal(noticed(k, ERR_OK), WORK " ");
	}
}

static void
a_collection_that_is_gone_is_told_of_once(void **state)
{
	static const char fewer[] = MULTI(STATE(WORK, "1", "1") STATE(PERSONAL, "1", "1"));
	struct kit *k = *state;
	kit_ready(k, "caldav", kit_calendars, "poll = 77");
	watch(k, first);
	fake_xml(k->fake, 207, fewer);
	assert_string_equal(noticed(k, ERR_OK), THINGS " ");
	fake_xml(k->fake, 207, fewer);
	assert_string_equal(noticed(k, ERR_OK), "");
	fake_xml(k->fake, 207, first);
	assert_string_equal(noticed(k, ERR_OK), THINGS " ");
}

/* An answer that is wanting says nothing, neither of what it names nor of what it does not. */
static void
a_server_in_trouble_tells_nothing(void **state)
{
	struct kit *k = *state;
	static const char changed[] = MULTI(STATE(WORK, "2", "2") STATE(PERSONAL, "1", "1") STATE(THINGS, "1", "1"));
	kit_ready(k, "caldav", kit_calendars, "poll = 77\nconnect = 1\nanswer = 1");
	watch(k, first);
	static const struct {
		struct fake_reply reply;
		enum err err;
	} rows[] = {
		{ { .status = 207, .body = changed, .how = FAKE_CUT }, ERR_UNAVAILABLE },
		{ { .status = 207, .body = changed, .how = FAKE_HANG_BODY }, ERR_UNAVAILABLE },
		{ { .status = 207, .body = "<multistatus xmlns=\"DAV:\">", .how = FAKE_UNTIL_CLOSE }, ERR_PEER },
		{ { .status = 500 }, ERR_PEER },
		{ { .status = 502 }, ERR_UNAVAILABLE },
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		fake_queue(k->fake, rows[i].reply);
		for (unsigned n = 0; rows[i].err == ERR_PEER && n < 3; n++)
			fake_xml(k->fake, 500, ""); /* each collection by itself */
		noticed(k, rows[i].err);
	}
	fake_xml(k->fake, 207, changed);
	assert_string_equal(noticed(k, ERR_OK), WORK " ");
}

/* Where the beginning could not be seen, everything may have changed since. */
static void
after_a_beginning_that_failed_all_is_told(void **state)
{
	struct kit *k = *state;
	struct backend_watch w;
	kit_ready(k, "caldav", kit_calendars, "poll = 77");
	fake_xml(k->fake, 502, "");
	kit_expect(k, k->ops->watch(k->s, folders, ARRAY_LEN(folders), &w, &k->e), ERR_UNAVAILABLE);
	fake_xml(k->fake, 207, first);
	assert_string_equal(noticed(k, ERR_OK), WORK " " PERSONAL " " PERSONAL "?tasks " THINGS " ");
	fake_xml(k->fake, 207, first);
	assert_string_equal(noticed(k, ERR_OK), "");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		KIT_TEST(one_request_tells_of_all_collections),
		KIT_TEST(the_server_knows_a_watch_by_its_cookie),
		KIT_TEST(without_a_ctag_the_token_tells),
		KIT_TEST(a_collection_that_cannot_be_read_hides_no_other),
		KIT_TEST(what_tells_nothing_is_looked_at_each_time),
		KIT_TEST(a_collection_that_is_gone_is_told_of_once),
		KIT_TEST(a_server_in_trouble_tells_nothing),
		KIT_TEST(after_a_beginning_that_failed_all_is_told),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
