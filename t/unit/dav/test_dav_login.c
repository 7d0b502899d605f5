/* Configuration, discovery, and what a login may and may not conclude from a server's answers. */
#include "kit.h"

#include <stdio.h>
#include <string.h>

#define PRINCIPAL_IS(path) "<d:current-user-principal><d:href>" path "</d:href></d:current-user-principal>"
#define HOME_IS(path) "<cal:calendar-home-set><d:href>" path "</d:href></cal:calendar-home-set>"

static struct fake_reply
reply(int status, const char *headers, const char *body)
{
	return (struct fake_reply){ .status = status, .headers = headers, .body = body };
}

static void
assert_login(struct kit *k, enum err want)
{
	kit_expect(k, kit_login(k), want);
}

static void
assert_told(struct kit *k, const char *what)
{
	if (!strstr(k->e.text, what))
		fail_msg("\"%s\" does not say \"%s\"", k->e.text, what);
	assert_null(strstr(k->e.text, "secret"));
	assert_null(strstr(k->e.text, "alice"));
}

/* ---- configuration ---- */

static void
faults_of_the_configuration_name_their_line(void **state)
{
	static const struct {
		const char *text, *told;
	} rows[] = {
		{ "[caldav]\n", "test.conf:1: [caldav] url is missing" },
		{ "[caldav]\nurl = cloud.example.org\n", "test.conf:2: [caldav] url is no http" },
		{ "[caldav]\nurl = ftp://h/\n", "test.conf:2: [caldav] url is no http" },
		{ "[caldav]\nurl = https://me:word@h/\n", "without user and password" },
		{ "[caldav]\npoll = 60\nurl = https://%d/dav/\n", "test.conf:3: [caldav] url may name the user in its path only" },
		{ "[caldav]\nurl = https://h/%x/\n", "test.conf:2: [caldav] url has a %" },
		{ "[caldav]\nurl = https://h/?a=b\n", "has a query" },
		{ "[caldav]\nurl = https://h/\nusername = %x\n", "test.conf:3: [caldav] username has a %" },
		{ "[caldav]\nurl = https://h/\nca_file = /nowhere/ca.pem\n", "test.conf:3: [caldav] ca_file cannot be read" },
		{ "[caldav]\nurl = https://h/\npoll = 1\n", "test.conf:3:" },
		{ "[caldav]\nurl = https://h/\nurk = 1\n", "test.conf:3:" },
	};
	struct kit *k = *state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		assert_int_equal(kit_open_text(k, "caldav", rows[i].text), ERR_INVALID);
		if (!strstr(k->e.text, rows[i].told))
			fail_msg("\"%s\" instead of \"%s\"", k->e.text, rows[i].told);
	}
}

static void
host_is_the_origin(void **state)
{
	struct kit *k = *state;
	assert_int_equal(kit_open_text(k, "carddav", "[carddav]\nurl = https://Cloud.example.org:443/a%20b/%u/\n"), ERR_OK);
	assert_string_equal(k->ops->host(k->b), "https://cloud.example.org");
}

/* ---- discovery ---- */

static void
finds_the_home_by_the_principal(void **state)
{
	struct kit *k = *state;
	struct backend_identity id;
	kit_session(k, "caldav", "");
	assert_int_equal(k->ops->identity(k->s, k->a, &id, &k->e), ERR_OK);
	assert_string_equal(id.address, "alice@example.org");
	assert_string_equal(id.name, "Alice Adams");
	fake_xml(k->fake, 207, kit_calendars);
	fake_xml(k->fake, 207, MULTI(RESPONSE("/dav/calendars/alice/inbox/", "")));
	struct backend_folders f;
	assert_int_equal(k->ops->folders(k->s, k->a, &f, &k->e), ERR_OK);
	kit_asked(k, 0, "PROPFIND", "/dav/calendars/alice/");
	assert_string_equal(fake_header(fake_request(k->fake, 0), "Depth"), "1");
}

static void
asks_with_credentials_from_the_first_request(void **state)
{
	struct kit *k = *state;
	assert_int_equal(kit_open(k, "caldav", "/x", "username = %l"), ERR_OK);
	fake_xml(k->fake, 207, MULTI(RESPONSE("/x", HOME_IS("/home/"))));
	assert_login(k, ERR_OK);
	/* alice:secret */
	assert_string_equal(fake_header(fake_request(k->fake, 0), "Authorization"), "Basic YWxpY2U6c2VjcmV0");
	assert_string_equal(fake_header(fake_request(k->fake, 0), "Depth"), "0");
}

static void
goes_by_the_well_known_address(void **state)
{
	struct kit *k = *state;
	assert_int_equal(kit_open(k, "caldav", "", ""), ERR_OK);
	fake_queue(k->fake, reply(405, NULL, ""));
	fake_queue(k->fake, reply(301, "Location: /remote.php/dav/\r\n", ""));
	fake_xml(k->fake, 207, MULTI(RESPONSE("/remote.php/dav/", PRINCIPAL_IS("/remote.php/dav/principals/users/alice/"))));
	fake_xml(k->fake, 207, MULTI(RESPONSE("/remote.php/dav/principals/users/alice/", HOME_IS("calendars/"))));
	assert_login(k, ERR_OK);
	kit_asked(k, 1, "PROPFIND", "/.well-known/caldav");
	kit_asked(k, 2, "PROPFIND", "/remote.php/dav/");
	assert_true(strstr(fake_request(k->fake, 2)->body, "current-user-principal") != NULL);
}

static void
a_page_for_people_is_no_dav(void **state)
{
	struct kit *k = *state;
	static const char html[] = "Content-Type: text/html; charset=utf-8\r\n";
	assert_int_equal(kit_open(k, "caldav", "/", ""), ERR_OK);
	fake_queue(k->fake, reply(200, html, "<!DOCTYPE html><html><form>Log in</form></html>"));
	fake_queue(k->fake, reply(404, html, "<!DOCTYPE html><html>no</html>"));
	assert_login(k, ERR_PEER);
	assert_told(k, "is url the address of its DAV service");
}

static void
a_template_is_the_home(void **state)
{
	struct kit *k = *state;
	struct backend_folders f;
	assert_int_equal(kit_open(k, "caldav", "/cal/%u/%l%20x/", ""), ERR_OK);
	fake_xml(k->fake, 207, MULTI(RESPONSE("/cal/alice@example.org/alice%20x/", PRINCIPAL_IS("/p/") HOME_IS("/wrong/"))));
	fake_xml(k->fake, 207, MULTI(RESPONSE("/cal/alice@example.org/alice%20x/w/",
		"<d:resourcetype><d:collection/><cal:calendar/></d:resourcetype>")));
	assert_login(k, ERR_OK);
	kit_asked(k, 0, "PROPFIND", "/cal/alice@example.org/alice%20x/");
	fake_forget(k->fake);
	fake_xml(k->fake, 207, MULTI(RESPONSE("/cal/alice%40example.org/alice%20x/w/",
		"<d:resourcetype><d:collection/><cal:calendar/></d:resourcetype>")));
	assert_int_equal(k->ops->folders(k->s, k->a, &f, &k->e), ERR_OK);
	kit_asked(k, 0, "PROPFIND", "/cal/alice@example.org/alice%20x/");
	assert_int_equal(f.n, 2);
}

static void
a_template_that_leads_nowhere_is_told(void **state)
{
	struct kit *k = *state;
	assert_int_equal(kit_open(k, "caldav", "/%u/", ""), ERR_OK);
	fake_queue(k->fake, reply(404, NULL, ""));
	assert_login(k, ERR_PEER);
	assert_told(k, "no collection at url");
}

static void
the_address_may_be_one_calendar(void **state)
{
	struct kit *k = *state;
	struct backend_folders f;
	static const char calendar[] = MULTI(RESPONSE("/a/one.cal/", "<d:resourcetype><d:collection/><cal:calendar/></d:resourcetype>"
		"<cal:supported-calendar-component-set><cal:comp name=\"VEVENT\"/></cal:supported-calendar-component-set>"));
	assert_int_equal(kit_open(k, "caldav", "/a/one.cal/", ""), ERR_OK);
	fake_xml(k->fake, 207, calendar);
	fake_queue(k->fake, reply(404, NULL, ""));
	assert_login(k, ERR_OK);
	fake_forget(k->fake);
	fake_xml(k->fake, 207, calendar);
	assert_int_equal(k->ops->folders(k->s, k->a, &f, &k->e), ERR_OK);
	assert_string_equal(fake_header(fake_request(k->fake, 0), "Depth"), "0");
	assert_int_equal(f.n, 1);
	assert_string_equal(f.list[0].key, "/a/one.cal/");
	assert_string_equal(f.list[0].name, "one.cal");
}

static void
a_home_at_another_server_is_not_followed(void **state)
{
	struct kit *k = *state;
	assert_int_equal(kit_open(k, "caldav", "/", ""), ERR_OK);
	fake_xml(k->fake, 207, MULTI(RESPONSE("/", PRINCIPAL_IS("/p/"))));
	fake_xml(k->fake, 207, MULTI(RESPONSE("/p/", HOME_IS("https://p01.example.net/cal/"))));
	fake_queue(k->fake, reply(404, NULL, ""));
	assert_login(k, ERR_PEER);
	assert_told(k, "https://p01.example.net/cal/");
}

/* ---- redirects ---- */

static void
credentials_never_follow_a_redirect_elsewhere(void **state)
{
	struct kit *k = *state;
	struct fake *other = fake_start();
	char location[128], same_host[160];
	snprintf(location, sizeof location, "Location: http://127.0.0.1:%u/dav/\r\n", fake_port(other));
	snprintf(same_host, sizeof same_host, "Location: //127.0.0.1:%u/dav/\r\n", fake_port(other));
	const char *const all[] = { location, same_host, "Location: https://127.0.0.1/\r\n" };
	assert_int_equal(kit_open(k, "caldav", "/", ""), ERR_OK);
	for (size_t i = 0; i < ARRAY_LEN(all); i++) {
		fake_queue(k->fake, reply(i ? 301 : 307, all[i], ""));
		fake_queue(k->fake, reply(404, NULL, ""));
		assert_login(k, ERR_PEER);
		assert_told(k, "redirects elsewhere");
	}
	assert_int_equal(fake_connections(other), 0);
	fake_stop(other);
}

static void
redirects_within_the_origin_are_followed(void **state)
{
	struct kit *k = *state;
	char location[128];
	assert_int_equal(kit_open(k, "caldav", "/dav", ""), ERR_OK);
	snprintf(location, sizeof location, "Location: http://127.0.0.1:%u/dav/\r\n", fake_port(k->fake));
	fake_queue(k->fake, reply(308, location, ""));
	fake_queue(k->fake, reply(302, "Location: deeper/\r\n", ""));
	fake_xml(k->fake, 207, MULTI(RESPONSE("/dav/deeper/", HOME_IS("/h/"))));
	assert_login(k, ERR_OK);
	kit_asked(k, 2, "PROPFIND", "/dav/deeper/");
	assert_true(fake_request(k->fake, 2)->body_len > 0);
	fake_forget(k->fake);
	for (int i = 0; i < 10; i++)
		fake_queue(k->fake, reply(302, "Location: /dav\r\n", ""));
	assert_int_equal(kit_login(k), ERR_PEER);
	assert_told(k, "in circles");
	assert_int_equal(fake_count(k->fake), 10);
}

/* ---- who may in ---- */

static void
a_refusal_is_a_refusal_at_once(void **state)
{
	struct kit *k = *state;
	assert_int_equal(kit_open(k, "caldav", "/", ""), ERR_OK);
	/* Nextcloud sets cookies even when it refuses: they were not there when it was asked, so it is not asked again. */
	fake_queue(k->fake, reply(401, "WWW-Authenticate: Basic realm=\"x\"\r\nSet-Cookie: oc_sessionPassphrase=a; path=/\r\n", ""));
	assert_login(k, ERR_AUTH);
	assert_told(k, "refused user or password");
	assert_int_equal(fake_count(k->fake), 1);
}

static void
an_expired_session_is_no_refusal(void **state)
{
	struct kit *k = *state;
	assert_int_equal(kit_open(k, "caldav", "/", ""), ERR_OK);
	fake_queue(k->fake, reply(207, "Set-Cookie: session=old; path=/\r\n", MULTI(RESPONSE("/", PRINCIPAL_IS("/p/")))));
	fake_queue(k->fake, reply(401, "WWW-Authenticate: Basic realm=\"x\"\r\n", ""));
	fake_queue(k->fake, reply(207, "Set-Cookie: session=new; path=/\r\n", MULTI(RESPONSE("/p/", HOME_IS("/h/")))));
	assert_login(k, ERR_OK);
	assert_string_equal(fake_header(fake_request(k->fake, 0), "Cookie"), "");
	assert_string_equal(fake_header(fake_request(k->fake, 1), "Cookie"), "session=old");
	assert_string_equal(fake_header(fake_request(k->fake, 2), "Cookie"), "");
	assert_string_equal(fake_header(fake_request(k->fake, 2), "Authorization"),
		fake_header(fake_request(k->fake, 1), "Authorization"));
	assert_int_equal(fake_connections(k->fake), 1);
	fake_forget(k->fake);
	fake_queue(k->fake, reply(401, NULL, ""));
	fake_queue(k->fake, reply(401, NULL, ""));
	struct backend_folders f;
	assert_int_equal(k->ops->folders(k->s, k->a, &f, &k->e), ERR_AUTH);
	assert_int_equal(fake_count(k->fake), 2);
}

/* Behind a server that cannot look the password up for once is no phone that asks its user for it. */
static void
what_was_right_before_is_asked_again_once(void **state)
{
	struct kit *k = *state;
	struct backend_folders f;
	kit_ready(k, "carddav", kit_addressbooks, "");
	fake_queue(k->fake, reply(401, "WWW-Authenticate: Basic realm=\"x\"\r\n", ""));
	fake_xml(k->fake, 207, kit_addressbooks);
	kit_expect(k, k->ops->folders(k->s, k->a, &f, &k->e), ERR_OK);
	assert_int_equal(f.n, 2);
	fake_forget(k->fake);
	fake_queue(k->fake, reply(401, NULL, ""));
	fake_queue(k->fake, reply(401, NULL, ""));
	kit_expect(k, k->ops->folders(k->s, k->a, &f, &k->e), ERR_AUTH);
}

/* Another password is another matter, although the session with the right one is there. */
static void
a_wrong_password_beside_a_right_one_is_refused_at_once(void **state)
{
	struct kit *k = *state;
	struct backend_login who = { .user = "alice@example.org", .password = "other" };
	struct backend_session *second = NULL;
	kit_session(k, "caldav", "");
	fake_queue(k->fake, reply(401, NULL, ""));
	kit_expect(k, k->ops->login(k->b, &who, &second, &k->e), ERR_AUTH);
	assert_null(second);
}

static void
connection_and_cookies_are_kept(void **state)
{
	struct kit *k = *state;
	struct backend_folders f;
	kit_ready(k, "carddav", kit_addressbooks, "");
	fake_queue(k->fake, reply(207, "Set-Cookie: session=abc; path=/; HttpOnly\r\n", kit_addressbooks));
	fake_xml(k->fake, 207, kit_addressbooks);
	fake_xml(k->fake, 207, kit_addressbooks);
	for (int i = 0; i < 3; i++)
		assert_int_equal(k->ops->folders(k->s, k->a, &f, &k->e), ERR_OK);
	assert_true(fake_done(k->fake));
	assert_string_equal(fake_header(fake_request(k->fake, 0), "Cookie"), "");
	assert_string_equal(fake_header(fake_request(k->fake, 1), "Cookie"), "session=abc");
	assert_string_equal(fake_header(fake_request(k->fake, 2), "Cookie"), "session=abc");
	assert_int_equal(fake_connections(k->fake), 1);
}

static void
digest_is_met(void **state)
{
	struct kit *k = *state;
	assert_int_equal(kit_open(k, "caldav", "/", ""), ERR_OK);
	static const char challenge[] = "WWW-Authenticate: Digest realm=\"x\", nonce=\"abc\", qop=\"auth\", algorithm=MD5\r\n";
	fake_queue(k->fake, reply(401, challenge, ""));
	fake_queue(k->fake, reply(401, challenge, ""));
	fake_xml(k->fake, 207, MULTI(RESPONSE("/", HOME_IS("/h/"))));
	assert_login(k, ERR_OK);
	assert_true(strncmp(fake_header(fake_request(k->fake, -1), "Authorization"), "Digest username=\"alice", 22) == 0);
}

static void
down_is_not_wrong(void **state)
{
	struct kit *k = *state;
	static const struct {
		int status;
		enum err err;
	} rows[] = { { 500, ERR_PEER }, { 502, ERR_UNAVAILABLE }, { 503, ERR_UNAVAILABLE }, { 504, ERR_UNAVAILABLE },
		{ 429, ERR_PAUSED }, { 403, ERR_DENIED }, { 407, ERR_PEER } };
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		assert_int_equal(kit_open(k, "caldav", "/", ""), ERR_OK);
		fake_forget(k->fake);
		fake_queue(k->fake, reply(rows[i].status, NULL, "<html>"));
		if (rows[i].err != ERR_UNAVAILABLE && rows[i].err != ERR_PAUSED)
			fake_queue(k->fake, reply(404, NULL, "")); /* the well-known address is tried */
		assert_login(k, rows[i].err);
	}
}

static void
a_server_in_maintenance_is_left_alone_for_a_while(void **state)
{
	struct kit *k = *state;
	kit_session(k, "caldav", "");
	fake_queue(k->fake, reply(503, "Retry-After: 120\r\nX-Nextcloud-Maintenance-Mode: 1\r\nContent-Type: application/xml\r\n",
		"<?xml version=\"1.0\"?><d:error xmlns:d=\"DAV:\" xmlns:s=\"http://sabredav.org/ns\">"
		"<s:exception>Sabre\\DAV\\Exception\\ServiceUnavailable</s:exception>"
		"<s:message>System is in maintenance mode.</s:message></d:error>"));
	struct backend_folders f;
	assert_int_equal(k->ops->folders(k->s, k->a, &f, &k->e), ERR_UNAVAILABLE);
	assert_int_equal(k->ops->folders(k->s, k->a, &f, &k->e), ERR_PAUSED);
	assert_told(k, "asked for a pause");
	assert_int_equal(fake_count(k->fake), 1);
}

/* Nothing of the session stays but that. */
static void
a_pause_outlives_the_login_that_was_told(void **state)
{
	struct kit *k = *state;
	assert_int_equal(kit_open(k, "caldav", "/dav/", ""), ERR_OK);
	fake_queue(k->fake, reply(429, "Retry-After: 120\r\n", ""));
	assert_login(k, ERR_PAUSED);
	assert_int_equal(kit_login(k), ERR_PAUSED);
	assert_told(k, "asked for a pause");
	assert_int_equal(fake_count(k->fake), 1);
}

static void
nobody_there_is_unavailable(void **state)
{
	struct kit *k = *state;
	struct fake *gone = fake_start();
	char text[128];
	snprintf(text, sizeof text, "[caldav]\nurl = http://127.0.0.1:%u/\n", fake_port(gone));
	fake_stop(gone);
	assert_int_equal(kit_open_text(k, "caldav", text), ERR_OK);
	assert_int_equal(kit_login(k), ERR_UNAVAILABLE);
}

static void
silence_ends_at_the_deadline(void **state)
{
	struct kit *k = *state;
	static const enum fake_how ways[] = { FAKE_HANG, FAKE_HANG_BODY };
	for (size_t i = 0; i < ARRAY_LEN(ways); i++) {
		assert_int_equal(kit_open(k, "caldav", "/", "connect = 1\nanswer = 1"), ERR_OK);
		fake_queue(k->fake, (struct fake_reply){ .status = 207, .body = kit_calendars, .how = ways[i] });
		assert_login(k, ERR_UNAVAILABLE);
	}
}

static void
a_connection_that_ends_early_is_unavailable(void **state)
{
	struct kit *k = *state;
	static const enum fake_how ways[] = { FAKE_CUT, FAKE_DROP };
	for (size_t i = 0; i < ARRAY_LEN(ways); i++) {
		assert_int_equal(kit_open(k, "caldav", "/", ""), ERR_OK);
		fake_queue(k->fake, (struct fake_reply){ .status = 207, .body = kit_calendars, .how = ways[i] });
		assert_login(k, ERR_UNAVAILABLE);
	}
}

static void
bombs_do_not_go_off(void **state)
{
	struct kit *k = *state;
	assert_int_equal(kit_open(k, "caldav", "/", ""), ERR_OK);
	fake_xml(k->fake, 207, "<!DOCTYPE m [<!ENTITY a \"aaaaaaaaaaaaaaaa\"><!ENTITY b \"&a;&a;&a;&a;&a;&a;&a;\">]>"
			       "<multistatus xmlns=\"DAV:\"><response><href>&b;</href></response></multistatus>");
	fake_xml(k->fake, 404, "");
	assert_login(k, ERR_PEER);
	assert_told(k, "document type");
}

static void
an_answer_has_a_limit(void **state)
{
	struct kit *k = *state;
	static char body[100 * 1024];
	memset(body, ' ', sizeof body - 1);
	memcpy(body, "<?xml version=\"1.0\"?>", 21);
	static const enum fake_how ways[] = { FAKE_PLAIN, FAKE_UNTIL_CLOSE };
	for (size_t i = 0; i < ARRAY_LEN(ways); i++) {
		assert_int_equal(kit_open(k, "caldav", "/", "response_max = 64k"), ERR_OK);
		fake_queue(k->fake, (struct fake_reply){ .status = 207, .body = body, .how = ways[i] });
		assert_login(k, ERR_LIMIT);
	}
}

static void
an_empty_name_is_nobodys(void **state)
{
	struct kit *k = *state;
	struct backend_login who = { .user = "alice", .password = "secret" };
	assert_int_equal(kit_open(k, "caldav", "/", "username = %d"), ERR_OK);
	assert_int_equal(k->ops->login(k->b, &who, &k->s, &k->e), ERR_AUTH);
	assert_int_equal(fake_count(k->fake), 0);
}

/* ---- description ---- */

struct said {
	char text[8192];
	unsigned bad;
};

static void
listen_to(void *ctx, bool ok, const char *text)
{
	struct said *s = ctx;
	size_t n = strlen(s->text);
	snprintf(s->text + n, sizeof s->text - n, "%s\n", text);
	s->bad += !ok;
}

static void
describes_what_it_found(void **state)
{
	struct kit *k = *state;
	struct said said = { .text = "" };
	kit_session(k, "caldav", "");
	fake_xml(k->fake, 207, kit_calendars);
	fake_xml(k->fake, 207, MULTI(RESPONSE("/dav/calendars/alice/inbox/",
		"<cal:schedule-default-calendar-URL><d:href>/dav/calendars/alice/work</d:href></cal:schedule-default-calendar-URL>")));
	fake_xml(k->fake, 207, MULTI(RESPONSE("/dav/calendars/alice/work/", "<cs:getctag>1</cs:getctag>")));
	fake_xml(k->fake, 207, MULTI(RESPONSE("/dav/calendars/alice/personal/", "<d:sync-token>1</d:sync-token>")));
	fake_xml(k->fake, 500, "");
	fake_xml(k->fake, 207, MULTI(RESPONSE("/dav/calendars/alice/team_shared_by_bob/", "")));
	kit_expect(k, k->ops->describe(k->s, listen_to, &said, &k->e), ERR_OK);
	assert_non_null(strstr(said.text, "calendar \"Work & more\" at /dav/calendars/alice/work/, the default, changes by sync"));
	assert_non_null(strstr(said.text, "calendar and task list \"Personal\""));
	assert_non_null(strstr(said.text, "\"Team (Bob)\" at /dav/calendars/alice/team_shared_by_bob/, read-only, shared"));
	assert_non_null(strstr(said.text, "home: /dav/calendars/alice/"));
	assert_null(strstr(said.text, "secret"));
	assert_non_null(strstr(said.text, "/dav/calendars/alice/things/ cannot be polled: "));
	assert_non_null(strstr(said.text, "/dav/calendars/alice/team_shared_by_bob/ tells neither ctag nor sync-token"));
	assert_int_equal(said.bad, 2); /* and plain HTTP, but to this very host: it crosses no network */
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		KIT_TEST(faults_of_the_configuration_name_their_line),
		KIT_TEST(host_is_the_origin),
		KIT_TEST(finds_the_home_by_the_principal),
		KIT_TEST(asks_with_credentials_from_the_first_request),
		KIT_TEST(goes_by_the_well_known_address),
		KIT_TEST(a_page_for_people_is_no_dav),
		KIT_TEST(a_template_is_the_home),
		KIT_TEST(a_template_that_leads_nowhere_is_told),
		KIT_TEST(the_address_may_be_one_calendar),
		KIT_TEST(a_home_at_another_server_is_not_followed),
		KIT_TEST(credentials_never_follow_a_redirect_elsewhere),
		KIT_TEST(redirects_within_the_origin_are_followed),
		KIT_TEST(a_refusal_is_a_refusal_at_once),
		KIT_TEST(an_expired_session_is_no_refusal),
		KIT_TEST(what_was_right_before_is_asked_again_once),
		KIT_TEST(a_wrong_password_beside_a_right_one_is_refused_at_once),
		KIT_TEST(connection_and_cookies_are_kept),
		KIT_TEST(digest_is_met),
		KIT_TEST(down_is_not_wrong),
		KIT_TEST(a_server_in_maintenance_is_left_alone_for_a_while),
		KIT_TEST(a_pause_outlives_the_login_that_was_told),
		KIT_TEST(nobody_there_is_unavailable),
		KIT_TEST(silence_ends_at_the_deadline),
		KIT_TEST(a_connection_that_ends_early_is_unavailable),
		KIT_TEST(bombs_do_not_go_off),
		KIT_TEST(an_answer_has_a_limit),
		KIT_TEST(an_empty_name_is_nobodys),
		KIT_TEST(describes_what_it_found),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
