/* Items written: put, removed, moved, and what a server's refusal means. */
#include "kit.h"

#include <stdio.h>
#include <string.h>

#define THINGS "/dav/calendars/alice/things/"
#define ERROR(inner) \
	"<d:error xmlns:d=\"DAV:\" xmlns:cal=\"urn:ietf:params:xml:ns:caldav\" xmlns:s=\"http://sabredav.org/ns\">" inner "</d:error>"
#define NOW(etag) MULTI(RESPONSE(WORK "1.ics", ETAG(etag)))

static void
queue(struct kit *k, int status, const char *headers, const char *body)
{
	fake_queue(k->fake, (struct fake_reply){ .status = status, .headers = headers, .body = body });
}

static enum err
put(struct kit *k, const char *key, const char *version, struct backend_stored *stored_r)
{
	struct backend_put p = { .folder = WORK, .key = key, .version = version, .name = key ? NULL : "new",
		.bytes = slice_str("BEGIN:VCALENDAR\r\nX:SECRET\r\nEND:VCALENDAR\r\n"), .date = BACKEND_NO_DATE };
	return k->ops->put(k->s, k->a, &p, stored_r, &k->e);
}

static void
assert_new(struct kit *k, const char *headers, const char *key, const char *version)
{
	struct backend_stored stored;
	queue(k, 201, headers, "");
	kit_expect(k, put(k, NULL, NULL, &stored), ERR_OK);
	assert_string_equal(stored.key, key);
	assert_string_equal(stored.version, version);
}

/* ---- put ---- */

static void
a_new_item_is_made_where_nothing_is(void **state)
{
	struct kit *k = *state;
	kit_ready(k, "caldav", kit_calendars, "");
	assert_new(k, "ETag: \"1\"\r\n", "new.ics", "\"1\"");
	kit_asked(k, 0, "PUT", WORK "new.ics");
	const struct fake_request *r = fake_request(k->fake, 0);
	assert_string_equal(fake_header(r, "If-None-Match"), "*");
	assert_string_equal(fake_header(r, "If-Match"), "");
	assert_string_equal(fake_header(r, "Content-Type"), "text/calendar; charset=utf-8");
	assert_string_equal(r->body, "BEGIN:VCALENDAR\r\nX:SECRET\r\nEND:VCALENDAR\r\n");
}

/* RFC 4791, 5.3.4: a strong ETag in the answer says that the very bytes were stored. Nothing else does. */
static void
only_a_strong_etag_vouches(void **state)
{
	struct kit *k = *state;
	kit_ready(k, "caldav", kit_calendars, "");
	assert_new(k, "", "new.ics", "");
	assert_new(k, "ETag: W/\"1\"\r\n", "new.ics", "");
	assert_new(k, "ETag: 1\r\n", "new.ics", "");
	assert_int_equal(fake_count(k->fake), 3);
}

static void
the_server_may_store_it_under_another_name(void **state)
{
	struct kit *k = *state;
	kit_ready(k, "caldav", kit_calendars, "");
	assert_new(k, "Location: " WORK "its%20own.ics\r\nETag: \"1\"\r\n", "its%20own.ics", "\"1\"");
	/* Within the collection only. */
	assert_new(k, "Location: http://127.0.0.1:9" WORK "x.ics\r\n", "new.ics", "");
	assert_new(k, "Location: " THINGS "x.ics\r\n", "new.ics", "");
	assert_new(k, "Location: " WORK "..%2fx.ics\r\n", "new.ics", "");
}

/* The first try was stored and its answer lost: the same name again finds it. */
static void
a_repeat_finds_what_the_first_try_made(void **state)
{
	struct kit *k = *state;
	struct backend_stored stored;
	kit_ready(k, "caldav", kit_calendars, "connect = 1\nanswer = 1");
	fake_queue(k->fake, (struct fake_reply){ .how = FAKE_HANG });
	kit_expect(k, put(k, NULL, NULL, &stored), ERR_UNAVAILABLE);
	queue(k, 412, NULL, "");
	kit_expect(k, put(k, NULL, NULL, &stored), ERR_EXISTS);
	assert_string_equal(stored.key, "new.ics");
	assert_string_equal(fake_request(k->fake, 0)->path, fake_request(k->fake, 1)->path);
	/* libcurl itself repeats what was sent on a kept connection that ended without a word. */
	fake_queue(k->fake, (struct fake_reply){ .how = FAKE_DROP });
	queue(k, 412, NULL, "");
	kit_expect(k, put(k, NULL, NULL, &stored), ERR_EXISTS);
}

static void
only_the_expected_version_is_replaced(void **state)
{
	struct kit *k = *state;
	struct backend_stored stored;
	kit_ready(k, "caldav", kit_calendars, "connect = 1\nanswer = 1");
	queue(k, 204, "ETag: \"2\"\r\n", "");
	kit_expect(k, put(k, "1.ics", "\"1\"", &stored), ERR_OK);
	assert_string_equal(stored.version, "\"2\"");
	assert_string_equal(fake_header(fake_request(k->fake, 0), "If-Match"), "\"1\"");
	assert_string_equal(fake_header(fake_request(k->fake, 0), "If-None-Match"), "");
	/* Another one is there; or none any more. */
	queue(k, 412, NULL, "");
	queue(k, 207, NULL, NOW("3"));
	kit_expect(k, put(k, "1.ics", "\"1\"", &stored), ERR_CONFLICT);
	queue(k, 412, NULL, "");
	queue(k, 404, NULL, "");
	kit_expect(k, put(k, "1.ics", "\"1\"", &stored), ERR_NOTFOUND);
	/* An earlier try of this very edit is another version, too. */
	fake_queue(k->fake, (struct fake_reply){ .how = FAKE_HANG });
	kit_expect(k, put(k, "1.ics", "\"1\"", &stored), ERR_UNAVAILABLE);
	queue(k, 412, NULL, "");
	queue(k, 207, NULL, NOW("2"));
	kit_expect(k, put(k, "1.ics", "\"1\"", &stored), ERR_CONFLICT);
}

/* If-Match never matches a weak ETag (RFC 9110, 13.1.1): it is compared here. */
static void
weak_versions_are_compared_here(void **state)
{
	struct kit *k = *state;
	struct backend_stored stored;
	static const char weak[] = MULTI(RESPONSE(WORK "1.ics", "<d:getetag>W/\"1\"</d:getetag>"));
	kit_ready(k, "caldav", kit_calendars, "");
	queue(k, 207, NULL, weak);
	queue(k, 204, "", "");
	kit_expect(k, put(k, "1.ics", "W/\"1\"", &stored), ERR_OK);
	assert_string_equal(fake_header(fake_request(k->fake, 1), "If-Match"), "");
	queue(k, 207, NULL, weak);
	kit_expect(k, put(k, "1.ics", "W/\"0\"", &stored), ERR_CONFLICT);
}

/* In XML an ETag may hold what no header can: it never becomes one, nor lines behind it. */
static void
an_etag_is_no_further_header(void **state)
{
	static const char *const bad[] = { "\"1\"\r\nX-Evil: 1", "\"1\"\nX-Evil: 1", "\"1\"\rX-Evil: 1" };
	struct kit *k = *state;
	struct backend_stored stored;
	static const char there[] = MULTI(RESPONSE(WORK "1.ics", "<d:getetag>\"1\"&#13;&#10;X-Evil: 1</d:getetag>"));
	kit_ready(k, "caldav", kit_calendars, "");
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		fake_forget(k->fake);
		queue(k, 207, NULL, there);
		queue(k, 204, "", "");
		enum err err = put(k, "1.ics", bad[i], &stored);
		assert_true(i == 0 ? err == ERR_OK : err == ERR_CONFLICT);
		for (size_t j = 0; j < fake_count(k->fake); j++) {
			assert_null(strstr(fake_request(k->fake, (long)j)->head, "X-Evil"));
			assert_string_equal(fake_header(fake_request(k->fake, (long)j), "If-Match"), "");
		}
	}
}

/* Keys come from hrefs of the server and go into request lines. */
static void
a_key_is_no_further_line(void **state)
{
	static const struct {
		const char *key, *path;
	} rows[] = {
		{ "a\r\nX-Evil: 1\r\n\r\nDELETE /x.ics", "a%0D%0AX-Evil:%201%0D%0A%0D%0ADELETE%20/x.ics" },
		{ "a b.ics", "a%20b.ics" }, { "a HTTP/1.1\n.ics", "a%20HTTP/1.1%0A.ics" }, { "\xc3\xbc\x01.ics", "%C3%BC%01.ics" },
	};
	struct kit *k = *state;
	struct backend_stored stored;
	kit_ready(k, "caldav", kit_calendars, "");
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char path[200];
		fake_forget(k->fake);
		queue(k, 204, "", "");
		(void)put(k, rows[i].key, "\"1\"", &stored);
		snprintf(path, sizeof path, "%s%s", WORK, rows[i].path);
		for (size_t j = 0; j < fake_count(k->fake); j++) {
			assert_string_equal(fake_request(k->fake, (long)j)->path, path);
			assert_null(strstr(fake_request(k->fake, (long)j)->head, "\nX-Evil"));
		}
		assert_true(fake_count(k->fake) <= 1);
	}
}

/* Whatever is there is replaced, but not what is not there. */
static void
without_a_version_it_must_be_there(void **state)
{
	struct kit *k = *state;
	struct backend_stored stored;
	kit_ready(k, "caldav", kit_calendars, "");
	queue(k, 207, NULL, NOW("7"));
	queue(k, 204, "", "");
	kit_expect(k, put(k, "1.ics", NULL, &stored), ERR_OK);
	assert_string_equal(fake_header(fake_request(k->fake, 1), "If-Match"), "\"7\"");
	queue(k, 404, NULL, "");
	kit_expect(k, put(k, "1.ics", NULL, &stored), ERR_NOTFOUND);
}

static void
refusals_say_how_far_they_reach(void **state)
{
	static const struct {
		int status;
		const char *body;
		enum err made, replaced;
		const char *key; /* of the one that exists */
	} rows[] = {
		{ 400, "", ERR_INVALID, ERR_INVALID, "" },
		{ 403, "", ERR_DENIED, ERR_DENIED, "" },
		{ 404, "", ERR_NOFOLDER, ERR_NOTFOUND, "" },
		{ 413, "", ERR_LIMIT, ERR_LIMIT, "" },
		{ 415, "", ERR_INVALID, ERR_INVALID, "" },
		{ 423, "", ERR_PAUSED, ERR_PAUSED, "" },
		{ 429, "", ERR_PAUSED, ERR_PAUSED, "" },
		{ 500, "", ERR_PEER, ERR_PEER, "" },
		{ 503, "", ERR_UNAVAILABLE, ERR_UNAVAILABLE, "" },
		{ 507, "", ERR_QUOTA, ERR_QUOTA, "" },
		{ 403, ERROR("<d:need-privileges/>"), ERR_DENIED, ERR_DENIED, "" },
		{ 403, ERROR("<d:quota-not-exceeded/>"), ERR_QUOTA, ERR_QUOTA, "" },
		{ 403, ERROR("<cal:max-resource-size/>"), ERR_LIMIT, ERR_LIMIT, "" },
		{ 403, ERROR("<cal:valid-calendar-data/>"), ERR_INVALID, ERR_INVALID, "" },
		{ 409, ERROR("<cal:no-uid-conflict><d:href>" WORK "x.ics</d:href></cal:no-uid-conflict>"), ERR_EXISTS, ERR_INVALID,
			"x.ics" },
		{ 409, ERROR("<cal:no-uid-conflict><d:href>" THINGS "x.ics</d:href></cal:no-uid-conflict>"), ERR_INVALID, ERR_INVALID,
			"" },
		{ 403, ERROR("<cal:no-uid-conflict/>"), ERR_INVALID, ERR_INVALID, "" },
	};
	struct kit *k = *state;
	struct backend_stored stored;
	kit_ready(k, "caldav", kit_calendars, "");
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		queue(k, rows[i].status, NULL, rows[i].body);
		kit_expect(k, put(k, NULL, NULL, &stored), rows[i].made);
		assert_string_equal(stored.key, rows[i].key);
		queue(k, rows[i].status, NULL, rows[i].body);
		kit_expect(k, put(k, "1.ics", "\"1\"", &stored), rows[i].replaced);
	}
}

/* 409 may be about the collection, the version or the item: only what is gone is said to be gone. */
static void
a_conflict_without_a_word_is_looked_into(void **state)
{
	static const struct {
		int collection;
		const char *now; /* the answer about the item; NULL: not asked */
		enum err made, replaced;
	} rows[] = {
		{ 404, NULL, ERR_NOFOLDER, ERR_NOFOLDER },
		{ 500, NULL, ERR_PEER, ERR_PEER },
		{ 207, NOW("1"), ERR_INVALID, ERR_INVALID },
		{ 207, NOW("2"), ERR_INVALID, ERR_CONFLICT },
		{ 207, MULTI(STATUS(WORK "1.ics", "404 Not Found")), ERR_INVALID, ERR_NOTFOUND },
	};
	static const char there[] = MULTI(RESPONSE(WORK, ""));
	struct kit *k = *state;
	struct backend_stored stored;
	kit_ready(k, "caldav", kit_calendars, "");
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		queue(k, 409, NULL, "");
		queue(k, rows[i].collection, NULL, rows[i].now ? there : "");
		kit_expect(k, put(k, NULL, NULL, &stored), rows[i].made);
		queue(k, 409, NULL, "");
		queue(k, rows[i].collection, NULL, rows[i].now ? there : "");
		if (rows[i].now)
			queue(k, 207, NULL, rows[i].now);
		kit_expect(k, put(k, "1.ics", "\"1\"", &stored), rows[i].replaced);
	}
}

/* ---- remove ---- */

static void
removes_only_the_expected_version(void **state)
{
	static const struct {
		int status;
		enum err err;
	} rows[] = { { 200, ERR_OK }, { 204, ERR_OK }, { 403, ERR_DENIED }, { 404, ERR_NOTFOUND }, { 410, ERR_NOTFOUND },
		{ 423, ERR_PAUSED }, { 500, ERR_PEER }, { 503, ERR_UNAVAILABLE } };
	struct kit *k = *state;
	kit_ready(k, "caldav", kit_calendars, "");
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		queue(k, rows[i].status, NULL, "");
		kit_expect(k, k->ops->remove(k->s, WORK, "1.ics", "\"1\"", &k->e), rows[i].err);
	}
	kit_asked(k, 0, "DELETE", WORK "1.ics");
	assert_string_equal(fake_header(fake_request(k->fake, 0), "If-Match"), "\"1\"");
	queue(k, 412, NULL, "");
	queue(k, 207, NULL, NOW("2"));
	kit_expect(k, k->ops->remove(k->s, WORK, "1.ics", "\"1\"", &k->e), ERR_CONFLICT);
	/* No version: whatever is there. */
	queue(k, 204, NULL, "");
	kit_expect(k, k->ops->remove(k->s, WORK, "1.ics", NULL, &k->e), ERR_OK);
	assert_string_equal(fake_header(fake_request(k->fake, -1), "If-Match"), "");
}

/* A key that would make another path, such as that of the collection, is none. */
static void
nothing_is_removed_beside_the_item(void **state)
{
	static const char *const keys[] = { "", ".", "..", "%2e%2e", "%2E.", "..%2Fthings", "x%2f..%2f..", "a/b", "..%5cthings" };
	struct kit *k = *state;
	struct backend_stored stored;
	kit_ready(k, "caldav", kit_calendars, "");
	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		kit_expect(k, k->ops->remove(k->s, WORK, keys[i], NULL, &k->e), ERR_NOTFOUND);
		kit_expect(k, put(k, keys[i], "\"1\"", &stored), ERR_NOTFOUND);
		kit_expect(k, k->ops->move(k->s, k->a, WORK, keys[i], THINGS, &stored, &k->e), ERR_NOTFOUND);
	}
	assert_int_equal(fake_count(k->fake), 0);
}

/* ---- move ---- */

static enum err
move(struct kit *k, struct backend_stored *stored_r)
{
	return k->ops->move(k->s, k->a, WORK, "1.ics", THINGS, stored_r, &k->e);
}

static void
moves_without_overwriting(void **state)
{
	struct kit *k = *state;
	struct backend_stored stored;
	char destination[128];
	kit_ready(k, "caldav", kit_calendars, "");
	snprintf(destination, sizeof destination, "http://127.0.0.1:%u" THINGS "1.ics", fake_port(k->fake));
	queue(k, 201, "ETag: \"1\"\r\n", "");
	kit_expect(k, move(k, &stored), ERR_OK);
	kit_asked(k, 0, "MOVE", WORK "1.ics");
	assert_string_equal(fake_header(fake_request(k->fake, 0), "Destination"), destination);
	assert_string_equal(fake_header(fake_request(k->fake, 0), "Overwrite"), "F");
	assert_string_equal(stored.key, "1.ics");
	assert_string_equal(stored.version, "");
	queue(k, 201, "Location: " THINGS "other.ics\r\n", "");
	kit_expect(k, move(k, &stored), ERR_OK);
	assert_string_equal(stored.key, "other.ics");
	queue(k, 412, NULL, "");
	queue(k, 207, NULL, NOW("1"));
	kit_expect(k, move(k, &stored), ERR_EXISTS);
	assert_string_equal(stored.key, "1.ics");
	/* What has the name there may be what was here, moved by an earlier try. */
	queue(k, 412, NULL, "");
	queue(k, 404, NULL, "");
	kit_expect(k, move(k, &stored), ERR_NOTFOUND);
}

static void
a_move_that_fails_says_what_is_missing(void **state)
{
	static const struct {
		int status;
		enum err err;
	} rows[] = { { 403, ERR_DENIED }, { 423, ERR_PAUSED }, { 500, ERR_PEER }, { 503, ERR_UNAVAILABLE }, { 507, ERR_QUOTA } };
	struct kit *k = *state;
	struct backend_stored stored;
	kit_ready(k, "caldav", kit_calendars, "");
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		queue(k, rows[i].status, NULL, "");
		kit_expect(k, move(k, &stored), rows[i].err);
	}
	queue(k, 409, NULL, "");
	queue(k, 207, NULL, NOW("1"));
	kit_expect(k, move(k, &stored), ERR_NOFOLDER);
	queue(k, 404, NULL, "");
	queue(k, 404, NULL, "");
	kit_expect(k, move(k, &stored), ERR_NOTFOUND);
}

/* A server without MOVE: what is there after any of its steps is the item, in one place or in both. */
static void
a_server_without_move_gets_a_copy(void **state)
{
	static const char *const etag = "ETag: \"1\"\r\n";
	struct kit *k = *state;
	struct backend_stored stored;
	kit_ready(k, "caldav", kit_calendars, "");
	queue(k, 405, NULL, "");
	queue(k, 200, etag, "ITEM");
	queue(k, 201, "Location: " THINGS "new.ics\r\n", "");
	queue(k, 204, NULL, "");
	kit_expect(k, move(k, &stored), ERR_OK);
	assert_string_equal(stored.key, "new.ics");
	assert_string_equal(stored.version, "");
	kit_asked(k, 2, "PUT", THINGS "1.ics");
	assert_string_equal(fake_request(k->fake, 2)->body, "ITEM");
	assert_string_equal(fake_header(fake_request(k->fake, 2), "If-None-Match"), "*");
	kit_asked(k, 3, "DELETE", WORK "1.ics");
	assert_string_equal(fake_header(fake_request(k->fake, 3), "If-Match"), "\"1\"");
	/* A repeat, after a DELETE that failed, finds the copy. 502 twice is the server's own: it takes the target for another's. */
	queue(k, 502, NULL, "");
	queue(k, 207, NULL, NOW("1"));
	queue(k, 502, NULL, "");
	queue(k, 200, etag, "ITEM");
	queue(k, 201, NULL, "");
	queue(k, 502, NULL, "");
	kit_expect(k, move(k, &stored), ERR_UNAVAILABLE);
	queue(k, 501, NULL, "");
	queue(k, 200, etag, "ITEM");
	queue(k, 412, NULL, "");
	queue(k, 200, etag, "ITEM");
	queue(k, 204, NULL, "");
	kit_expect(k, move(k, &stored), ERR_OK);
	assert_string_equal(stored.key, "1.ics");
}

/* A proxy answered for a server that went away in the middle: it may have moved the item, and knows MOVE all the same. */
static void
a_server_that_went_away_once_is_asked_to_move_again(void **state)
{
	struct kit *k = *state;
	struct backend_stored stored;
	kit_ready(k, "caldav", kit_calendars, "");
	queue(k, 502, NULL, "");
	queue(k, 207, NULL, NOW("1"));
	queue(k, 201, NULL, "");
	kit_expect(k, move(k, &stored), ERR_OK);
	kit_asked(k, -1, "MOVE", WORK "1.ics");
	assert_string_equal(stored.key, "1.ics");
	queue(k, 502, NULL, "");
	queue(k, 404, NULL, "");
	kit_expect(k, move(k, &stored), ERR_NOTFOUND);
	queue(k, 502, NULL, "");
	queue(k, 502, NULL, "");
	kit_expect(k, move(k, &stored), ERR_UNAVAILABLE);
}

static void
a_copy_that_cannot_be_whole_is_taken_back(void **state)
{
	static const struct {
		int status;
		enum err err;
	} rows[] = { { 412, ERR_CONFLICT }, { 403, ERR_DENIED } };
	struct kit *k = *state;
	struct backend_stored stored;
	kit_ready(k, "caldav", kit_calendars, "");
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		queue(k, 405, NULL, "");
		queue(k, 200, "ETag: \"1\"\r\n", "ITEM");
		queue(k, 201, NULL, "");
		queue(k, rows[i].status, NULL, "");
		if (rows[i].status == 412)
			queue(k, 207, NULL, NOW("2"));
		queue(k, 204, NULL, "");
		kit_expect(k, move(k, &stored), rows[i].err);
		kit_asked(k, -1, "DELETE", THINGS "1.ics");
		assert_string_equal(stored.key, "");
	}
	/* Another item is there: it stays, and so does this one. */
	queue(k, 405, NULL, "");
	queue(k, 200, "ETag: \"1\"\r\n", "ITEM");
	queue(k, 412, NULL, "");
	queue(k, 200, NULL, "OTHER");
	kit_expect(k, move(k, &stored), ERR_EXISTS);
	assert_string_equal(stored.key, "1.ics");
	/* Without a strong ETag an edit in between would go with the original. */
	queue(k, 405, NULL, "");
	queue(k, 200, "ETag: W/\"1\"\r\n", "ITEM");
	kit_expect(k, move(k, &stored), ERR_UNSUPPORTED);
	/* Gone here, or no such target. */
	queue(k, 405, NULL, "");
	queue(k, 404, NULL, "");
	kit_expect(k, move(k, &stored), ERR_NOTFOUND);
	queue(k, 405, NULL, "");
	queue(k, 200, "ETag: \"1\"\r\n", "ITEM");
	queue(k, 404, NULL, "");
	kit_expect(k, move(k, &stored), ERR_NOFOLDER);
}

/* A DELETE whose answer was cut off is sent again: the second finds nothing. */
static void
a_copy_stays_where_the_original_is_gone(void **state)
{
	static const struct {
		int status, version;
		enum err err;
	} rows[] = { { 404, 0, ERR_OK }, { 410, 0, ERR_OK }, { 412, 404, ERR_OK }, { 412, 503, ERR_UNAVAILABLE } };
	struct kit *k = *state;
	struct backend_stored stored;
	kit_ready(k, "caldav", kit_calendars, "");
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		queue(k, 405, NULL, "");
		queue(k, 200, "ETag: \"1\"\r\n", "ITEM");
		queue(k, 201, NULL, "");
		queue(k, rows[i].status, NULL, "");
		if (rows[i].version)
			queue(k, rows[i].version, NULL, "");
		kit_expect(k, move(k, &stored), rows[i].err);
		kit_asked(k, -1, rows[i].version ? "PROPFIND" : "DELETE", WORK "1.ics");
		assert_string_equal(stored.key, rows[i].err ? "" : "1.ics");
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		KIT_TEST(a_new_item_is_made_where_nothing_is),
		KIT_TEST(only_a_strong_etag_vouches),
		KIT_TEST(the_server_may_store_it_under_another_name),
		KIT_TEST(a_repeat_finds_what_the_first_try_made),
		KIT_TEST(only_the_expected_version_is_replaced),
		KIT_TEST(weak_versions_are_compared_here),
		KIT_TEST(an_etag_is_no_further_header),
		KIT_TEST(a_key_is_no_further_line),
		KIT_TEST(without_a_version_it_must_be_there),
		KIT_TEST(refusals_say_how_far_they_reach),
		KIT_TEST(a_conflict_without_a_word_is_looked_into),
		KIT_TEST(removes_only_the_expected_version),
		KIT_TEST(nothing_is_removed_beside_the_item),
		KIT_TEST(moves_without_overwriting),
		KIT_TEST(a_server_without_move_gets_a_copy),
		KIT_TEST(a_server_that_went_away_once_is_asked_to_move_again),
		KIT_TEST(a_copy_that_cannot_be_whole_is_taken_back),
		KIT_TEST(a_copy_stays_where_the_original_is_gone),
		KIT_TEST(a_move_that_fails_says_what_is_missing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
