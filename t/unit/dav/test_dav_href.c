/* Hrefs: whose they are, whether two mean the same, and what stands in a collection. */
#include "kit.h"

#include <string.h>

#include "backend/dav/href.h"
#include "backend/dav/names.h"

static int
setup(void **state)
{
	*state = arena_new(0);
	return 0;
}

static int
teardown(void **state)
{
	struct arena *a = *state;
	arena_free(&a);
	return 0;
}

static void
assert_text(const char *got, const char *want)
{
	if (!want)
		assert_null(got);
	else if (!got)
		fail_msg("NULL instead of %s", want);
	else
		assert_string_equal(got, want);
}

static void
an_origin_is_scheme_host_and_port(void **state)
{
	static const struct {
		const char *url, *origin;
	} rows[] = {
		{ "https://Cloud.Example.org/remote.php/dav/", "https://cloud.example.org" },
		{ "HTTPS://cloud.example.org:443", "https://cloud.example.org" },
		{ "http://cloud.example.org:80/x", "http://cloud.example.org" },
		{ "http://cloud.example.org:443/x", "http://cloud.example.org:443" },
		{ "http://[::1]:8080/%u/", "http://[::1]:8080" },
		{ "http://h?x", "http://h" },
		{ "http://h#/x", "http://h" },
		{ "https://user:word@cloud.example.org/", NULL },
		{ "https://cloud.example.org@evil.example/", NULL },
		{ "ftp://cloud.example.org/", NULL },
		{ "/path", NULL },
		{ "https:///path", NULL },
		{ "", NULL },
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		assert_text(dav_origin(*state, rows[i].url), rows[i].origin);
}

static void
hrefs_of_other_origins_are_none(void **state)
{
	static const struct {
		const char *href, *path;
	} rows[] = {
		{ "/a/b.ics", "/a/b.ics" },
		{ "b.ics", "/dav/b.ics" },
		{ "https://h/a/b%20c.ics", "/a/b%20c.ics" },
		{ "https://H:443/a", "/a" },
		{ "https://h", "/" },
		{ "//h/a", "/a" },
		{ "/a#part", "/a" },
		{ "//evil/a", NULL },
		{ "http://h/a", NULL },
		{ "https://h:444/a", NULL },
		{ "https://h.evil/a", NULL },
		{ "https://h@evil/a", NULL },
		{ "https://x@h/a", NULL },
		{ "ftp://h/a", NULL },
		{ "/dav/home/../other/a", NULL },
		{ "../other/a", NULL },
		{ "https://h/dav/%2e%2E/a", NULL },
		{ "", NULL },
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		assert_text(dav_href_path(*state, "https://h", "/dav/home", rows[i].href), rows[i].path);
}

static void
paths_that_climb_are_seen_through(void **state)
{
	(void)state;
	static const char *const climbs[] = { "..", ".", "/a/..", "/a/../b", "/./a", "/a/%2e%2e/b", "/a/.%2E", "/a/%2e",
		"/a/..%2fb", "/a/x%2f..%2F..%2fb", "/a/..%5cb", "/a/x%5C%2e%2e", "..%2Fx.ics" };
	static const char *const stays[] = { "", "/", "/a/b.ics", "/a/...", "/a/..b", "/a/b..", "/a/x%2Fy.ics",
		"/a/%252e%252e/b", "/a/%2", "/a/.b/", "/a//b" };
	for (size_t i = 0; i < ARRAY_LEN(climbs); i++)
		if (!dav_path_climbs(climbs[i]))
			fail_msg("%s stays", climbs[i]);
	for (size_t i = 0; i < ARRAY_LEN(stays); i++)
		if (dav_path_climbs(stays[i]))
			fail_msg("%s climbs", stays[i]);
}

static void
escapes_do_not_count_for_sameness(void **state)
{
	assert_true(dav_path_same(*state, "/a%40b/", "/a@b"));
	assert_true(dav_path_same(*state, "/%c3%a9", "/\xc3\xa9"));
	assert_true(dav_path_same(*state, "/%7Euser/x", "/~user/x"));
	assert_true(dav_path_same(*state, "/", "/"));
	assert_false(dav_path_same(*state, "/a%2Fb", "/a/b"));
	assert_false(dav_path_same(*state, "/A", "/a"));
	assert_false(dav_path_same(*state, "/a%", "/a"));
	assert_string_equal(dav_path_canonical(*state, "/a%zz%2"), "/a%25zz%252");
}

static void
only_what_stands_directly_in_a_collection_is_in_it(void **state)
{
	static const struct {
		const char *path, *name;
	} rows[] = {
		{ "/u%40h/work/a%20b.ics", "a%20b.ics" },
		{ "/u@h/work/x.ics", "x.ics" },
		{ "/u@h/work/sub/", "sub/" },
		{ "/u@h/work/sub/x.ics", NULL },
		{ "/u@h/work/", NULL },
		{ "/u@h/work", NULL },
		{ "/u@h/works/x.ics", NULL },
		{ "/x.ics", NULL },
		{ "//", NULL },
		{ "", NULL },
	};
	const char *canonical = dav_path_canonical(*state, "/u@h/work/");
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		assert_text(dav_path_in(*state, canonical, rows[i].path), rows[i].name);
	assert_text(dav_path_in(*state, dav_path_canonical(*state, "/"), "/x.ics"), "x.ics");
}

static void
templates_are_not_mistaken_for_escapes(void **state)
{
	(void)state;
	assert_int_equal(dav_template_at("%u/"), 'u');
	assert_int_equal(dav_template_at("%d"), 'd');
	assert_int_equal(dav_template_at("%l@%d"), 'l');
	assert_int_equal(dav_template_at("%20"), 0);
	assert_int_equal(dav_template_at("%da"), 0);
	assert_int_equal(dav_template_at("%x"), 0);
	assert_int_equal(dav_template_at("%"), 0);
	assert_int_equal(dav_template_at("u"), 0);
}

static void
the_last_segment_is_decoded(void **state)
{
	assert_string_equal(dav_path_last(*state, "/a/Gr%C3%BCn/"), "Gr\xc3\xbcn");
	assert_string_equal(dav_path_last(*state, "/"), "");
	assert_string_equal(dav_path_last(*state, "/a%00b"), "");
}

/* The table is searched by bisection: each name of it must be found. */
static void
names_are_found(void **state)
{
	(void)state;
	static const char *const names[] = { "DAV:\nall", "DAV:\nwrite-content", "DAV:\nhref", "DAV:\nsync-token",
		"DAV:\nneed-privileges", "DAV:\nsufficient-disk-space", "DAV:\nsupported-report-set", "DAV:\nresponse",
		"http://calendarserver.org/ns/\ngetctag", "http://nextcloud.com/ns\ntrash-bin",
		"urn:ietf:params:xml:ns:caldav\ncalendar", "urn:ietf:params:xml:ns:caldav\nvalid-calendar-object-resource",
		"urn:ietf:params:xml:ns:carddav\naddress-data", "urn:ietf:params:xml:ns:carddav\nvalid-address-data" };
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		assert_int_not_equal(dav_name_find(names[i]), N_OTHER);
	assert_true(dav_names_sorted());
	assert_int_equal(dav_name_find("DAV:\nhrefs"), N_OTHER);
	assert_int_equal(dav_name_find("href"), N_OTHER);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(an_origin_is_scheme_host_and_port, setup, teardown),
		cmocka_unit_test_setup_teardown(hrefs_of_other_origins_are_none, setup, teardown),
		cmocka_unit_test_setup_teardown(escapes_do_not_count_for_sameness, setup, teardown),
		cmocka_unit_test_setup_teardown(only_what_stands_directly_in_a_collection_is_in_it, setup, teardown),
		cmocka_unit_test_setup_teardown(the_last_segment_is_decoded, setup, teardown),
		cmocka_unit_test(paths_that_climb_are_seen_through),
		cmocka_unit_test(templates_are_not_mistaken_for_escapes),
		cmocka_unit_test(names_are_found),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
