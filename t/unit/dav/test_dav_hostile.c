/* A server that means ill, or somebody who can write what it shows: bombs, hrefs and redirects that lead elsewhere, answers
 * without end. Whatever it is, it is refused and the log says so; nothing goes to anybody else. */
#include "kit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "backend/dav/link.h"

#define TOKEN "<d:sync-token>http://x/1</d:sync-token>"
#define ITEM(href) RESPONSE(href, ETAG("1") "<cal:calendar-data>BEGIN:VCALENDAR\nEND:VCALENDAR\n</cal:calendar-data>")

/* ---- documents ---- */

static const char laughs[] =
	"<?xml version=\"1.0\"?><!DOCTYPE m [<!ENTITY a \"aaaaaaaaaaaaaaaaaaaaaaaa\">"
	"<!ENTITY b \"&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;\"><!ENTITY c \"&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;\">"
	"<!ENTITY d \"&c;&c;&c;&c;&c;&c;&c;&c;&c;&c;\"><!ENTITY e \"&d;&d;&d;&d;&d;&d;&d;&d;&d;&d;\">"
	"<!ENTITY f \"&e;&e;&e;&e;&e;&e;&e;&e;&e;&e;\"><!ENTITY g \"&f;&f;&f;&f;&f;&f;&f;&f;&f;&f;\">]>"
	"<multistatus xmlns=\"DAV:\"><response><href>&g;</href></response></multistatus>";

/* Each way to ask for XML, refused with the reason. */
static void
assert_refused(struct kit *k, const char *document)
{
	static const char *const watched[] = { WORK };
	struct backend_changes c;
	struct backend_folders f;
	struct backend_watch w;
	struct kit_items items = { .a = k->a };
	const char *key = "1.ics";
	struct backend_fetch what = { .folder = WORK, .keys = &key, .n = 1, .want = WANT_BYTES };
	fake_xml(k->fake, 207, document);
	kit_expect(k, k->ops->changes(k->s, k->a, WORK, NULL, 100, &c, &k->e), ERR_PEER);
	assert_non_null(strstr(k->e.text, "document type declaration"));
	fake_xml(k->fake, 207, document);
	kit_expect(k, k->ops->folders(k->s, k->a, &f, &k->e), ERR_PEER);
	assert_non_null(strstr(k->e.text, "document type declaration"));
	fake_xml(k->fake, 207, document);
	fake_xml(k->fake, 207, document); /* the collection by itself */
	kit_expect(k, k->ops->watch(k->s, watched, 1, &w, &k->e), ERR_PEER);
	assert_non_null(strstr(k->e.text, "document type declaration"));
	/* Items can be had without XML. */
	fake_xml(k->fake, 207, document);
	fake_queue(k->fake, (struct fake_reply){ .status = 200, .headers = "ETag: \"1\"\r\n", .body = "BEGIN:VCALENDAR\r\n" });
	kit_expect(k, k->ops->fetch(k->s, &what, kit_take, &items, &k->e), ERR_OK);
	assert_int_equal(kit_item(&items, key)->err, ERR_OK);
}

static void
document_types_are_refused_wherever_xml_is_read(void **state)
{
	struct kit *k = *state;
	struct fake *other = fake_start();
	char outer[512], subset[512];
	snprintf(outer, sizeof outer, "<!DOCTYPE m [<!ENTITY x SYSTEM \"http://127.0.0.1:%u/x\">]>"
		"<multistatus xmlns=\"DAV:\"><response><href>&x;</href></response></multistatus>", fake_port(other));
	snprintf(subset, sizeof subset, "<!DOCTYPE m SYSTEM \"http://127.0.0.1:%u/x.dtd\"><multistatus xmlns=\"DAV:\"/>",
		fake_port(other));
	kit_ready(k, "caldav", kit_calendars, "");
	assert_refused(k, laughs);
	assert_refused(k, outer);
	assert_refused(k, subset);
	assert_refused(k, "<!DOCTYPE m [<!ENTITY x SYSTEM \"file:///etc/passwd\">]>"
			  "<multistatus xmlns=\"DAV:\"><response><href>&x;</href></response></multistatus>");
	assert_int_equal(fake_connections(other), 0);
	fake_stop(other);
}

/* ---- hrefs ---- */

#define ELSEWHERE \
	ITEM("http://elsewhere.example" WORK "1.ics") ITEM("//elsewhere.example" WORK "1.ics") \
	ITEM("ftp://127.0.0.1" WORK "1.ics") ITEM("/dav/calendars/bob/work/1.ics") ITEM("/dav/calendars/alice/1.ics") \
	ITEM(WORK "sub/1.ics") ITEM(WORK) ITEM(WORK "../things/1.ics") ITEM(WORK "%2e%2e/1.ics") ITEM(WORK "..") \
	ITEM(WORK "%2e%2e") ITEM(WORK ".") ITEM(WORK "..%2f1.ics") ITEM(WORK "1.ics/..") ITEM("/etc/passwd") ITEM("")

static void
hrefs_that_lead_elsewhere_are_left_out(void **state)
{
	struct kit *k = *state;
	struct backend_changes c;
	struct kit_items items = { .a = k->a };
	const char *keys[] = { "1.ics", ".." };
	struct backend_fetch what = { .folder = WORK, .keys = keys, .n = 2, .want = WANT_BYTES };
	kit_log(k);
	kit_ready(k, "caldav", kit_calendars_bare, ""); /* whose listing leads nowhere else */
	assert_int_equal(kit_logged(k, "names what is elsewhere"), 0);
	kit_ready(k, "caldav", kit_calendars, "");
	assert_int_equal(kit_logged(k, "names what is elsewhere"), 1);
	fake_xml(k->fake, 207, MULTI(ELSEWHERE ITEM(WORK "real.ics") TOKEN));
	kit_expect(k, k->ops->changes(k->s, k->a, WORK, NULL, 100, &c, &k->e), ERR_OK);
	assert_int_equal(c.n, 1);
	assert_string_equal(c.list[0].key, "real.ics");
	/* Nor do they count as the answer for an item that was asked for. */
	fake_xml(k->fake, 207, MULTI(ELSEWHERE));
	fake_queue(k->fake, (struct fake_reply){ .status = 404 });
	kit_expect(k, k->ops->fetch(k->s, &what, kit_take, &items, &k->e), ERR_OK);
	assert_int_equal(items.n, 2);
	assert_int_equal(kit_item(&items, "1.ics")->err, ERR_NOTFOUND);
	assert_int_equal(kit_item(&items, "..")->err, ERR_NOTFOUND);
	kit_asked(k, -1, "GET", WORK "1.ics");
	/* Once for each session, however many there are. */
	assert_int_equal(kit_logged(k, "names what is elsewhere"), 1);
}

/* Gone is only what is named as such, where it stands. */
static void
nobody_elsewhere_says_what_is_gone(void **state)
{
	struct kit *k = *state;
	struct backend_changes c;
	kit_ready(k, "caldav", kit_calendars, "");
	fake_xml(k->fake, 207, MULTI(STATUS("http://elsewhere.example" WORK "1.ics", "404 X")
		STATUS(WORK "../work/1.ics", "404 X") STATUS(WORK, "404 X") STATUS(WORK "%2e%2e/work/1.ics", "404 X") TOKEN));
	const char *since = arena_printf(k->a, "T%lld http://x/0", (long long)time(NULL) - 60);
	kit_expect(k, k->ops->changes(k->s, k->a, WORK, since, 100, &c, &k->e), ERR_OK);
	assert_false(c.listing);
	assert_int_equal(c.n, 0);
}

static void
homes_that_lead_elsewhere_are_left_out(void **state)
{
	struct kit *k = *state;
	assert_int_equal(kit_open(k, "caldav", "/", ""), ERR_OK);
	fake_xml(k->fake, 207, MULTI(RESPONSE("/", "<cal:calendar-home-set><d:href>http://elsewhere.example/</d:href>"
		"<d:href>/a/../b/</d:href></cal:calendar-home-set>")));
	fake_xml(k->fake, 404, "");
	kit_expect(k, kit_login(k), ERR_PEER);
	assert_null(k->s);
}

/* Who the user is, where invitations come in, which calendar is the default: whatever is said to be elsewhere is nobody's. */
static void
nothing_is_asked_where_a_principal_leads_elsewhere(void **state)
{
	struct kit *k = *state;
	struct fake *other = fake_start();
	struct backend_folders f;
	const char *there = arena_printf(k->a, "http://127.0.0.1:%u/p/", fake_port(other));
	static const char *const also[] = { "https://127.0.0.1/p/", "//elsewhere.example/p/", "/a/../p/", "http://127.0.0.1@elsewhere.example/p/",
		"http://", "ldap:///p/", "" };
	assert_int_equal(kit_open(k, "caldav", "/", ""), ERR_OK);
	for (size_t i = 0; i <= ARRAY_LEN(also); i++) {
		const char *href = i ? also[i - 1] : there;
		fake_xml(k->fake, 207, arena_printf(k->a, MULTI(RESPONSE("/", "<d:current-user-principal><d:href>%s</d:href></d:current-user-principal>")),
			href));
		fake_xml(k->fake, 404, "");
		fake_xml(k->fake, 207, MULTI(RESPONSE("/", ""))); /* the address itself is no home */
		kit_expect(k, kit_login(k), ERR_PEER);
		fake_forget(k->fake);
	}
	fake_xml(k->fake, 207, arena_printf(k->a, MULTI(RESPONSE("/", "<cal:calendar-home-set><d:href>/dav/calendars/alice/</d:href></cal:calendar-home-set>"
		"<cal:schedule-inbox-URL><d:href>%s</d:href></cal:schedule-inbox-URL>")), there));
	kit_expect(k, kit_login(k), ERR_OK);
	fake_xml(k->fake, 207, kit_calendars);
	kit_expect(k, k->ops->folders(k->s, k->a, &f, &k->e), ERR_OK);
	assert_int_equal(fake_connections(other), 0);
	fake_stop(other);
}

/* ---- redirects ---- */

static void
nothing_follows_a_redirect_to_another_origin(void **state)
{
	static const int statuses[] = { 301, 302, 307, 308 };
	struct kit *k = *state;
	struct fake *other = fake_start();
	char location[256];
	struct backend_changes c;
	struct backend_stored stored;
	struct backend_put put = { .folder = WORK, .name = "new", .bytes = slice_str("X:SECRET\r\n"), .date = BACKEND_NO_DATE };
	snprintf(location, sizeof location, "Location: http://127.0.0.1:%u" WORK "\r\n", fake_port(other));
	kit_ready(k, "caldav", kit_calendars, "");
	for (size_t i = 0; i < ARRAY_LEN(statuses); i++) {
		fake_queue(k->fake, (struct fake_reply){ .status = statuses[i], .headers = location });
		kit_expect(k, k->ops->changes(k->s, k->a, WORK, NULL, 100, &c, &k->e), ERR_PEER);
		assert_non_null(strstr(k->e.text, "redirects elsewhere"));
		fake_queue(k->fake, (struct fake_reply){ .status = statuses[i], .headers = location });
		kit_expect(k, k->ops->put(k->s, k->a, &put, &stored, &k->e), ERR_PEER);
		fake_queue(k->fake, (struct fake_reply){ .status = statuses[i], .headers = location });
		kit_expect(k, k->ops->remove(k->s, WORK, "1.ics", NULL, &k->e), ERR_PEER);
	}
	/* Not even within the origin upwards. */
	fake_queue(k->fake, (struct fake_reply){ .status = 307, .headers = "Location: " WORK "..%2f..%2f\r\n" });
	kit_expect(k, k->ops->remove(k->s, WORK, "1.ics", NULL, &k->e), ERR_PEER);
	assert_int_equal(fake_connections(other), 0);
	fake_stop(other);
}

/* ---- without end ---- */

static void
an_endless_answer_ends_at_the_limit(void **state)
{
	struct kit *k = *state;
	struct backend_changes c;
	static const char *const units[] = { " ", "<multistatus xmlns=\"DAV:\">", "<a b=\"", "x" };
	static const int statuses[] = { 207, 200, 404, 500 };
	const char *bodies[ARRAY_LEN(units)];
	for (size_t i = 0; i < ARRAY_LEN(units); i++) {
		bodies[i] = units[i];
		while (strlen(bodies[i]) < 4096)
			bodies[i] = arena_printf(k->a, "%s%s", bodies[i], bodies[i]);
	}
	for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
		for (size_t j = 0; j < ARRAY_LEN(statuses); j++) {
			kit_ready(k, "caldav", kit_calendars_bare, "response_max = 64k");
			fake_queue(k->fake, (struct fake_reply){ .status = statuses[j], .body = bodies[i], .how = FAKE_ENDLESS });
			enum err err = k->ops->changes(k->s, k->a, PLAIN, NULL, 100, &c, &k->e);
			if (err != ERR_LIMIT && err != ERR_PEER)
				fail_msg("%s for \"%s\" with %d", err_name(err), units[i], statuses[j]);
			fake_forget(k->fake);
		}
	}
}

/* 230 bytes that are 200,000 spaces: what counts is what they become. */
static void
a_small_answer_that_becomes_a_large_one_is_large(void **state)
{
	static const unsigned char head[] = { 0x1f, 0x8b, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0x03, 0xed, 0xc1, 0x31,
		0x01, 0x00, 0x00, 0x00, 0xc2, 0xa0, 0x2a, 0xeb, 0x9f, 0xd2, 0x0c, 0xfe, 0x40, 0x01 };
	static const unsigned char tail[] = { 0xaf, 0x01, 0x31, 0x61, 0x62, 0x10, 0x40, 0x0d, 0x03, 0x00 };
	char body[sizeof head + 193 + sizeof tail] = { 0 };
	struct kit *k = *state;
	struct backend_changes c;
	memcpy(body, head, sizeof head);
	memcpy(body + sizeof body - sizeof tail, tail, sizeof tail);
	kit_ready(k, "caldav", kit_calendars_bare, "response_max = 64k");
	fake_queue(k->fake, (struct fake_reply){ .status = 207, .headers = "Content-Encoding: gzip\r\n",
		.body = arena_memdup(k->a, body, sizeof body), .body_len = sizeof body });
	kit_expect(k, k->ops->changes(k->s, k->a, PLAIN, NULL, 100, &c, &k->e), ERR_LIMIT);
	assert_non_null(strstr(k->e.text, "too long"));
}

/* One that says how long it will be is not even begun with. */
static void
an_answer_that_is_announced_as_too_long_is_not_read(void **state)
{
	struct kit *k = *state;
	struct backend_changes c;
	kit_ready(k, "caldav", kit_calendars_bare, "response_max = 64k");
	fake_queue(k->fake, (struct fake_reply){ .status = 207, .headers = "Content-Length: 99999999999\r\n", .body = " ",
		.how = FAKE_ENDLESS });
	kit_expect(k, k->ops->changes(k->s, k->a, PLAIN, NULL, 100, &c, &k->e), ERR_LIMIT);
	assert_non_null(strstr(k->e.text, "too long"));
}

/* libcurl has a limit of its own for all of them; in any case what we keep of them is bounded by the caller's memory. */
static void
headers_without_end_are_no_answer(void **state)
{
	static const char *const lines[] = { "X-Many: 1\r\n", "ETag: \"x\"\r\n", "Location: /x\r\n", "WWW-Authenticate: Basic\r\n", "Set-Cookie: a=b\r\n" };
	struct kit *k = *state;
	struct backend_changes c;
	struct buf b;
	for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
		buf_init(&b, 0);
		while (b.len < (size_t)2 << 20)
			buf_add_str(&b, lines[i]);
		kit_ready(k, "caldav", kit_calendars_bare, "");
		fake_queue(k->fake, (struct fake_reply){ .status = 207, .headers = buf_str(&b), .body = MULTI("") });
		enum err err = k->ops->changes(k->s, k->a, PLAIN, NULL, 100, &c, &k->e);
		if (err != ERR_UNAVAILABLE && err != ERR_PEER && err != ERR_NOMEM)
			fail_msg("%s for %s", err_name(err), lines[i]);
		fake_forget(k->fake);
		buf_finish(&b);
	}
}

/* The cookies that a session with this server has, one way or another: they are the link's. */
static size_t
cookies(struct kit *k)
{
	struct dav_link *l;
	struct curl_slist *list = NULL;
	size_t n = 0;
	CURL *c = curl_easy_init();
	assert_int_equal(dav_link_get(arena_printf(k->a, "http://127.0.0.1:%u", fake_port(k->fake)), NULL, "alice@example.org", "secret", &l, &k->e), ERR_OK);
	assert_int_equal(curl_easy_setopt(c, CURLOPT_SHARE, dav_link_share(l)), CURLE_OK);
	assert_int_equal(curl_easy_getinfo(c, CURLINFO_COOKIELIST, &list), CURLE_OK);
	for (const struct curl_slist *at = list; at; at = at->next)
		n++;
	curl_slist_free_all(list);
	curl_easy_cleanup(c);
	dav_link_put(&l);
	return n;
}

static void
cookies_do_not_pile_up(void **state)
{
	struct kit *k = *state;
	struct backend_folders f;
	size_t most = 0;
	kit_ready(k, "carddav", kit_addressbooks, "");
	for (unsigned i = 0; i < 40; i++) {
		char *headers = arena_strdup(k->a, "");
		for (unsigned j = 0; j < 20; j++)
			headers = arena_printf(k->a, "%sSet-Cookie: c%u-%u=x; path=/\r\n", headers, i, j);
		fake_queue(k->fake, (struct fake_reply){ .status = 207, .headers = headers, .body = kit_addressbooks });
		kit_expect(k, k->ops->folders(k->s, k->a, &f, &k->e), ERR_OK);
		most = cookies(k) > most ? cookies(k) : most;
	}
	assert_in_range(most, 20, 200);
}

/* What it sets for others goes to nobody, and is no reason to send it what others set. */
static void
cookies_of_others_are_not_taken(void **state)
{
	struct kit *k = *state;
	struct backend_folders f;
	kit_ready(k, "carddav", kit_addressbooks, "");
	fake_queue(k->fake, (struct fake_reply){ .status = 207, .headers = "Set-Cookie: a=1; domain=elsewhere.example; path=/\r\n"
		"Set-Cookie: b=2; domain=.com\r\nSet-Cookie: c=3; path=/elsewhere/\r\nSet-Cookie: d=4\x01; path=/\r\nSet-Cookie: e=5; path=/\r\n",
		.body = kit_addressbooks });
	kit_expect(k, k->ops->folders(k->s, k->a, &f, &k->e), ERR_OK);
	fake_xml(k->fake, 207, kit_addressbooks);
	assert_int_equal(k->ops->folders(k->s, k->a, &f, &k->e), ERR_OK);
	assert_string_equal(fake_header(fake_request(k->fake, -1), "Cookie"), "e=5");
}

/* ---- thousands ---- */

static char *
collections(struct kit *k, unsigned n)
{
	struct buf b;
	buf_init(&b, 0);
	buf_add_str(&b, "<d:multistatus xmlns:d=\"DAV:\" xmlns:c=\"urn:ietf:params:xml:ns:caldav\">");
	for (unsigned i = 0; i < n; i++)
		buf_printf(&b, "<d:response><d:href>/dav/calendars/alice/a-calendar-with-a-rather-long-name-%u/</d:href>"
			"<d:propstat><d:prop>"
			"<d:resourcetype><d:collection/><c:calendar/></d:resourcetype><d:displayname>Number %u</d:displayname>"
			"<d:owner><d:href>/dav/principals/users/alice/</d:href></d:owner><d:sync-token>%u</d:sync-token>"
			"<c:supported-calendar-component-set><c:comp name=\"VEVENT\"/></c:supported-calendar-component-set>"
			"</d:prop></d:propstat></d:response>", i, i, i);
	buf_add_str(&b, "</d:multistatus>");
	char *text = arena_strdup(k->a, buf_str(&b));
	buf_finish(&b);
	return text;
}

static void
thousands_of_collections_are_listed_and_watched(void **state)
{
	struct kit *k = *state;
	struct backend_folders f;
	struct backend_watch w;
	struct backend_keys keys;
	const char *all = collections(k, 3000), *last = "/dav/calendars/alice/a-calendar-with-a-rather-long-name-2999/";
	kit_session(k, "caldav", "");
	fake_xml(k->fake, 207, all);
	fake_xml(k->fake, 404, "");
	kit_expect(k, k->ops->folders(k->s, k->a, &f, &k->e), ERR_OK);
	assert_int_equal(f.n, 3000);
	assert_non_null(kit_folder(&f, last));
	fake_xml(k->fake, 207, all);
	kit_expect(k, k->ops->watch(k->s, &last, 1, &w, &k->e), ERR_OK);
	fake_xml(k->fake, 207, all);
	kit_expect(k, k->ops->noticed(k->s, k->a, &keys, &w, &k->e), ERR_OK);
	assert_int_equal(keys.n, 0);
}

/* Beyond all reason: refused as such, without a folder less than before. */
static void
too_many_collections_are_refused(void **state)
{
	struct kit *k = *state;
	struct backend_folders f;
	kit_ready(k, "caldav", kit_calendars, "");
	fake_xml(k->fake, 207, collections(k, 5001));
	kit_expect(k, k->ops->folders(k->s, k->a, &f, &k->e), ERR_LIMIT);
	assert_non_null(strstr(k->e.text, "too long"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		KIT_TEST(document_types_are_refused_wherever_xml_is_read),
		KIT_TEST(hrefs_that_lead_elsewhere_are_left_out),
		KIT_TEST(nobody_elsewhere_says_what_is_gone),
		KIT_TEST(homes_that_lead_elsewhere_are_left_out),
		KIT_TEST(nothing_is_asked_where_a_principal_leads_elsewhere),
		KIT_TEST(nothing_follows_a_redirect_to_another_origin),
		KIT_TEST(an_endless_answer_ends_at_the_limit),
		KIT_TEST(a_small_answer_that_becomes_a_large_one_is_large),
		KIT_TEST(an_answer_that_is_announced_as_too_long_is_not_read),
		KIT_TEST(headers_without_end_are_no_answer),
		KIT_TEST(cookies_do_not_pile_up),
		KIT_TEST(cookies_of_others_are_not_taken),
		KIT_TEST(thousands_of_collections_are_listed_and_watched),
		KIT_TEST(too_many_collections_are_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
