/* Which collections are folders of the user's, as servers of several kinds lay them out. */
#include "kit.h"

#include <stdio.h>
#include <string.h>

#define PRINCIPAL_IS(path) "<d:current-user-principal><d:href>" path "</d:href></d:current-user-principal>"
#define URL_IS(property, path) "<cal:" property "><d:href>" path "</d:href></cal:" property ">"
#define TYPES(inner) "<d:resourcetype><d:collection/>" inner "</d:resourcetype>"

/* Logs in where the principal says this of itself, and lists the home. default_calendar: what the inbox says, NULL: there is none. */
static void
list(struct kit *k, const char *module, const char *principal, const char *home, const char *default_calendar,
	struct backend_folders *f)
{
	assert_int_equal(kit_open(k, module, "/dav/", ""), ERR_OK);
	fake_xml(k->fake, 207, MULTI(RESPONSE("/dav/", PRINCIPAL_IS("/dav/alice/"))));
	fake_xml(k->fake, 207, principal);
	kit_expect(k, kit_login(k), ERR_OK);
	fake_xml(k->fake, 207, home);
	if (default_calendar)
		fake_xml(k->fake, 207, default_calendar);
	kit_expect(k, k->ops->folders(k->s, k->a, f, &k->e), ERR_OK);
}

/* DAViCal */
static void
inbox_and_outbox_are_no_calendars_even_if_they_say_so(void **state)
{
	struct kit *k = *state;
	struct backend_folders f;
	list(k, "caldav",
		MULTI(RESPONSE("/dav/alice/", URL_IS("calendar-home-set", "/dav/alice/")
			URL_IS("schedule-inbox-URL", "/dav/alice/.in/") URL_IS("schedule-outbox-URL", "/dav/alice/.out/"))),
		MULTI(RESPONSE("/dav/alice/", TYPES("<d:principal/>"))
			RESPONSE("/dav/alice/.in/", TYPES("<cal:calendar/>"))
			RESPONSE("/dav/alice/calendar/", TYPES("<cal:calendar/>"))
			RESPONSE("/dav/alice/.out/", TYPES("<cal:calendar/>"))),
		MULTI(RESPONSE("/dav/alice/.in/", URL_IS("schedule-default-calendar-URL", "/dav/alice/calendar/"))), &f);
	assert_int_equal(f.n, 2); /* events and tasks of the one */
	for (size_t i = 0; i < f.n; i++) {
		assert_ptr_equal(strstr(f.list[i].key, "/dav/alice/calendar/"), f.list[i].key);
		assert_int_equal(f.list[i].role, ROLE_DEFAULT);
	}
}

/* SOGo: what is sent goes out by the calendar itself */
static void
default_calendar_is_one_though_it_is_the_outbox(void **state)
{
	struct kit *k = *state;
	struct backend_folders f;
	list(k, "caldav",
		MULTI(RESPONSE("/dav/alice/", URL_IS("calendar-home-set", "/dav/alice/Calendar/")
			URL_IS("schedule-inbox-URL", "/dav/alice/Calendar/inbox/")
			URL_IS("schedule-outbox-URL", "/dav/alice/Calendar/personal/"))),
		MULTI(RESPONSE("/dav/alice/Calendar/", TYPES(""))
			RESPONSE("/dav/alice/Calendar/personal.ics", "<d:resourcetype/>")
			RESPONSE("/dav/alice/Calendar/personal/", TYPES("<cal:calendar/><cal:schedule-outbox/>"))),
		MULTI(RESPONSE("/dav/alice/Calendar/inbox/",
			URL_IS("schedule-default-calendar-URL", "/dav/alice/Calendar/personal/"))), &f);
	assert_int_equal(f.n, 2);
	assert_string_equal(f.list[0].key, "/dav/alice/Calendar/personal/");
	assert_int_equal(f.list[0].class, BACKEND_CALENDAR);
}

/* SOGo's list of everybody: to be searched, not copied onto phones */
static void
directory_is_no_address_book(void **state)
{
	struct kit *k = *state;
	struct backend_folders f;
	list(k, "carddav",
		MULTI(RESPONSE("/dav/alice/", "<card:addressbook-home-set><d:href>/dav/alice/Contacts/</d:href></card:addressbook-home-set>")),
		MULTI(RESPONSE("/dav/alice/Contacts/", TYPES(""))
			RESPONSE("/dav/alice/Contacts/users/", TYPES("<card:addressbook/><card:directory/>"))
			RESPONSE("/dav/alice/Contacts/personal/", TYPES("<card:addressbook/>"))), NULL, &f);
	assert_int_equal(f.n, 1);
	assert_string_equal(f.list[0].key, "/dav/alice/Contacts/personal/");
}

/* Radicale 3.9 gives address books a supported-calendar-component-set with nothing in it. RFC 4791, 5.2.3, knows no empty one: it says nothing,
 * of a calendar either. */
static void
an_empty_set_of_components_says_nothing(void **state)
{
#define NONE "<cal:supported-calendar-component-set/>"
	struct kit *k = *state;
	struct backend_folders f;
	list(k, "carddav",
		MULTI(RESPONSE("/dav/alice/", "<card:addressbook-home-set><d:href>/dav/alice/</d:href></card:addressbook-home-set>")),
		MULTI(RESPONSE("/dav/alice/", TYPES("<d:principal/>"))
			RESPONSE("/dav/alice/book/", TYPES("<card:addressbook/>") NONE)), NULL, &f);
	assert_int_equal(f.n, 1);
	assert_string_equal(f.list[0].key, "/dav/alice/book/");
	k->ops->logout(&k->s);
	list(k, "caldav",
		MULTI(RESPONSE("/dav/alice/", URL_IS("calendar-home-set", "/dav/alice/"))),
		MULTI(RESPONSE("/dav/alice/", TYPES("<d:principal/>"))
			RESPONSE("/dav/alice/calendar/", TYPES("<cal:calendar/>") NONE)), NULL, &f);
	assert_int_equal(f.n, 2);
	assert_string_equal(f.list[0].key, "/dav/alice/calendar/");
}

/* Radicale lists in whatever order its directory has: a calendar that is made may come first, and must not become the default for that. */
static void
first_in_the_listing_is_no_default(void **state)
{
	struct kit *k = *state;
	struct backend_folders f;
	list(k, "caldav",
		MULTI(RESPONSE("/dav/alice/", URL_IS("calendar-home-set", "/dav/alice/"))),
		MULTI(RESPONSE("/dav/alice/new/", TYPES("<cal:calendar/>")) RESPONSE("/dav/alice/old/", TYPES("<cal:calendar/>"))), NULL, &f);
	assert_int_equal(f.n, 4);
	for (size_t i = 0; i < f.n; i++)
		assert_int_equal(f.list[i].role, ROLE_NONE);
}

/* To Radicale ctag and sync-token are looks through all items of all collections. */
static void
a_listing_asks_for_nothing_that_is_costly(void **state)
{
	struct kit *k = *state;
	struct backend_folders f;
	kit_session(k, "carddav", "");
	fake_xml(k->fake, 207, kit_addressbooks);
	kit_expect(k, k->ops->folders(k->s, k->a, &f, &k->e), ERR_OK);
	assert_null(strstr(fake_request(k->fake, 0)->body, "getctag"));
	assert_null(strstr(fake_request(k->fake, 0)->body, "sync-token"));
}

/* 405 says that something is there, or that there is no MKCALENDAR. */
static void
a_server_without_mkcalendar_gets_mkcol(void **state)
{
	static const int statuses[] = { 405, 415, 501 };
	struct kit *k = *state;
	for (size_t i = 0; i < ARRAY_LEN(statuses); i++) {
		const char *key = NULL;
		fake_forget(k->fake);
		kit_session(k, "caldav", "");
		fake_xml(k->fake, 207, kit_calendars);
		fake_xml(k->fake, statuses[i], "");
		if (statuses[i] == 405)
			fake_xml(k->fake, 404, "");
		fake_xml(k->fake, 403, "");
		fake_xml(k->fake, 404, "");
		kit_expect(k, k->ops->folder_make(k->s, k->a, NULL, "New", BACKEND_CALENDAR, &key, &k->e), ERR_DENIED);
		assert_string_equal(fake_request(k->fake, 1)->method, "MKCALENDAR");
		assert_string_equal(fake_request(k->fake, -2)->method, "MKCOL");
	}
}

struct making {
	char path[512];    /* of what is made; "" : nothing yet */
	char listing[4096];
	const char *name;  /* of what is made */
	unsigned made, named;
};

/* A server that makes a calendar and whose answer is lost: what libcurl sends again then finds it there. */
static struct fake_reply
make_and_lose(void *ctx, const struct fake_request *r)
{
	struct making *m = ctx;
	if (strcmp(r->method, "PROPPATCH") == 0) {
		m->named++;
		return (struct fake_reply){ .status = 207, .body = MULTI(RESPONSE("/", "<d:displayname/>")) };
	}
	if (strcmp(r->method, "MKCALENDAR") == 0) {
		m->made++;
		snprintf(m->path, sizeof m->path, "%s", r->path);
		snprintf(m->listing, sizeof m->listing, MULTI(RESPONSE("%s", TYPES("<cal:calendar/>") "%s")), m->path, m->name);
		return m->made == 1 ? (struct fake_reply){ .how = FAKE_DROP } : (struct fake_reply){ .status = 405 };
	}
	return (struct fake_reply){ .status = 207, .body = *m->path ? m->listing : MULTI("") };
}

static void
what_a_lost_try_made_is_the_folder(void **state)
{
	static const char *const names[] = { "", "<d:displayname>New</d:displayname>" };
	static struct making m;
	struct kit *k = *state;
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		const char *key = NULL;
		fake_handle(k->fake, NULL, NULL);
		kit_session(k, "caldav", "");
		m = (struct making){ .name = names[i] };
		fake_handle(k->fake, make_and_lose, &m);
		assert_int_equal(k->ops->folder_make(k->s, k->a, NULL, "New", BACKEND_CALENDAR, &key, &k->e), ERR_OK);
		assert_string_equal(key, m.path);
		assert_int_equal(m.made, 2);
		assert_int_equal(m.named, i == 0);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		KIT_TEST(inbox_and_outbox_are_no_calendars_even_if_they_say_so),
		KIT_TEST(default_calendar_is_one_though_it_is_the_outbox),
		KIT_TEST(directory_is_no_address_book),
		KIT_TEST(an_empty_set_of_components_says_nothing),
		KIT_TEST(a_server_without_mkcalendar_gets_mkcol),
		KIT_TEST(what_a_lost_try_made_is_the_folder),
		KIT_TEST(a_listing_asks_for_nothing_that_is_costly),
		KIT_TEST(first_in_the_listing_is_no_default),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
