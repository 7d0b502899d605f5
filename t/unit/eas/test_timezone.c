/* Time zones: the clocks of tzdata, of VTIMEZONEs, and the 172 bytes of EAS. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/conf.h"
#include "base/text.h"
#include "eas/eas.h"
#include "eas/timezone_internal.h"

struct fixture {
	struct arena *a;
	struct ical_mem m;
};

static int
setup(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);

	assert_non_null(f);
	f->a = arena_new(0);
	f->m.a = f->a;
	*state = f;
	assert_true(zone_set_default("Europe/Berlin"));
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;

	arena_free(&f->a);
	free(f);
	return 0;
}

static const char *
source_path(struct fixture *f, const char *rest)
{
	const char *source = getenv("CPUSH_SOURCE");

	return arena_printf(f->a, "%s/%s", source ? source : ".", rest);
}

/* Each line of the table: iana, Windows name, ..., base64 without names [8], with names [9]. */
static void
each_zone(struct fixture *f, void (*fn)(struct fixture *f, char **column))
{
	FILE *in = fopen(source_path(f, "t/data/ical/timezones.tsv"), "r");
	char line[4096];
	unsigned n = 0;

	assert_non_null(in);
	while (fgets(line, sizeof line, in)) {
		char *column[10] = { 0 }, *p = line;
		line[strcspn(line, "\n")] = '\0';
		for (unsigned i = 0; i < 10 && p; i++) {
			column[i] = p;
			p = strchr(p, '\t');
			if (p)
				*p++ = '\0';
		}
		if (n++ > 0)
			fn(f, column);
	}
	(void)fclose(in);
	assert_int_equal(n, 19);
}

static void
check_blob(struct fixture *f, char **column)
{
	const struct zone *z = zone_named(column[0]);
	unsigned char blob[ZONE_BLOB];

	assert_non_null(z);
	zone_blob(z, 2026, blob);
	assert_string_equal(text_base64(f->a, blob, sizeof blob), column[9]);
	assert_string_equal(zone_windows_name(z), column[1]);
	/* Without the names. */
	memset(blob + 4, 0, 64);
	memset(blob + 88, 0, 64);
	assert_string_equal(text_base64(f->a, blob, sizeof blob), column[8]);
}

static void
blobs_are_those_of_the_table(void **state)
{
	each_zone(*state, check_blob);
}

static void
check_reading(struct fixture *f, char **column)
{
	const struct zone *z = zone_named(column[0]);
	int64_t year = zone_this_year();

	/* With the zone at hand, by the names, by the rules. */
	assert_ptr_equal(zone_from_blob(&f->m, column[8], z), z);
	const struct zone *named = zone_from_blob(&f->m, column[9], NULL);
	assert_non_null(named);
	assert_true(zone_same_clocks(named, z, year));
	const struct zone *bare = zone_from_blob(&f->m, column[8], NULL);
	assert_non_null(bare);
	assert_true(zone_same_clocks(bare, z, year));
	assert_true(bare->builtin);
}

static void
blobs_are_read(void **state)
{
	each_zone(*state, check_reading);
}

static void
the_default_zone_goes_before_others_alike(void **state)
{
	struct fixture *f = *state;

	assert_true(zone_set_default("Europe/Paris"));
	char *paris = zone_blob_text(&f->m, zone_named("Europe/Berlin"));
	/* The name says Berlin. */
	assert_string_equal(zone_from_blob(&f->m, paris, NULL)->name, "Europe/Berlin");
	unsigned char blob[ZONE_BLOB];
	zone_blob(zone_named("Europe/Berlin"), zone_this_year(), blob);
	memset(blob + 4, 0, 64);
	memset(blob + 88, 0, 64);
	assert_string_equal(zone_from_blob(&f->m, text_base64(f->a, blob, sizeof blob), NULL)->name, "Europe/Paris");
	/* What the item has goes before both. */
	const struct zone *vienna = zone_named("Europe/Vienna");
	assert_ptr_equal(zone_from_blob(&f->m, paris, vienna), vienna);
	assert_true(zone_set_default("Europe/Berlin"));
}

static void
names_in_the_wild(void **state)
{
	static const struct {
		const char *name, *zone;
	} names[] = {
		{ "Europe/Berlin", "Europe/Berlin" },
		{ "/freeassociation.sourceforge.net/Europe/Berlin", "Europe/Berlin" },
		{ "/freeassociation.sourceforge.net/Tzfile/Europe/Berlin", "Europe/Berlin" },
		{ "/mozilla.org/20050126_1/America/New_York", "America/New_York" },
		{ "/citadel.org/20210210_1/America/Argentina/Buenos_Aires", "America/Argentina/Buenos_Aires" },
		{ "W. Europe Standard Time", "Europe/Berlin" },
		{ "w. europe standard time", "Europe/Berlin" },
		{ "UTC", "UTC" },
		{ "GMT", "UTC" },
		{ "Etc/UTC", "UTC" },
		{ "Nowhere/At_All", NULL },
		{ "../../etc/passwd", NULL },
		{ "/etc/passwd", NULL },
		{ "", NULL },
		{ "/", NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		const struct zone *z = zone_named(names[i].name);
		if (names[i].zone)
			assert_string_equal(z->name, names[i].zone);
		else
			assert_null(z);
	}
}

static void
broken_files(void **state)
{
	struct fixture *f = *state;
	unsigned char bytes[4096];
	struct zone z;
	FILE *in = fopen("/usr/share/zoneinfo/Europe/Berlin", "rb");

	assert_non_null(in);
	size_t n = fread(bytes, 1, sizeof bytes, in);
	(void)fclose(in);
	assert_true(zone_parse_tzif(&f->m, slice(bytes, n), &z));
	for (size_t len = 0; len < n; len += 7) {
		unsigned char *part = malloc(len + 1); /* so that reading beyond is seen */
		assert_non_null(part);
		memcpy(part, bytes, len);
		(void)zone_parse_tzif(&f->m, slice(part, len), &z);
		free(part);
	}
	for (size_t at = 0; at < n; at++) {
		unsigned char was = bytes[at];
		bytes[at] ^= 0xFF;
		(void)zone_parse_tzif(&f->m, slice(bytes, n), &z);
		bytes[at] = was;
	}
}

/* The C library reads tzdata by itself. */
static void
clocks_are_those_of_the_system(void **state)
{
	static const char *const names[] = { "Europe/Berlin", "Europe/London", "Europe/Dublin", "Africa/Cairo", "Africa/Casablanca",
		"America/New_York", "America/Sao_Paulo", "America/St_Johns", "America/Havana", "Asia/Jerusalem", "Asia/Kathmandu",
		"Asia/Kolkata", "Asia/Tehran", "Asia/Tokyo", "Australia/Lord_Howe", "Australia/Sydney", "Europe/Istanbul",
		"Europe/Moscow", "Pacific/Auckland", "Pacific/Chatham", "Pacific/Apia", "Asia/Gaza", "America/Nuuk" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		const struct zone *z = zone_named(names[i]);
		assert_non_null(z);
		assert_int_equal(setenv("TZ", names[i], 1), 0);
		tzset();
		for (int64_t t = -2000000000; t < INT64_C(4090000000); t += 86400 * 3 + 1111) {
			struct tm tm;
			time_t at = (time_t)t;
			assert_non_null(localtime_r(&at, &tm));
			if (zone_offset(z, t) != tm.tm_gmtoff)
				fail_msg("%s at %lld: %d, not %ld", names[i], (long long)t, zone_offset(z, t), tm.tm_gmtoff);
			/* There and back. */
			int64_t back = zone_to_utc(z, zone_to_local(z, t));
			assert_true(back == t || zone_to_local(z, back) == zone_to_local(z, t));
		}
	}
	assert_int_equal(unsetenv("TZ"), 0);
	tzset();
}

static void
clocks_go_on_after_2100(void **state)
{
	const struct zone *z = zone_named("Europe/Berlin");
	struct ical_time t;

	(void)state;
	assert_true(ical_time_parse("21500701T120000Z", &t));
	assert_int_equal(zone_offset(z, t.t), 7200);
	assert_true(ical_time_parse("99990101T120000Z", &t));
	assert_int_equal(zone_offset(z, t.t), 3600);
	assert_int_equal(zone_offset(z, INT64_MAX / 2), zone_offset(z, INT64_MAX / 2));
}

static void
hours_that_do_not_exist_or_come_twice(void **state)
{
	const struct zone *z = zone_named("Europe/Berlin");
	struct ical_time t;

	(void)state;
	assert_true(ical_time_parse("20260329T023000", &t));
	assert_int_equal(t.t - zone_to_utc(z, t.t), 3600);
	assert_true(ical_time_parse("20261025T023000", &t));
	assert_int_equal(t.t - zone_to_utc(z, t.t), 7200);
}

static const struct ical *
parse(struct fixture *f, const char *text)
{
	struct ical *root;

	assert_int_equal(ical_read(&f->m, slice_str(text), &root, NULL), ERR_OK);
	return root;
}

static const char *const odd_zone =
	"BEGIN:VCALENDAR\nBEGIN:VTIMEZONE\nTZID:Customized Time Zone\n"
	"BEGIN:STANDARD\nDTSTART:16010101T030000\nTZOFFSETFROM:+0200\nTZOFFSETTO:+0100\n"
	"RRULE:FREQ=YEARLY;INTERVAL=1;BYDAY=-1SU;BYMONTH=10\nEND:STANDARD\n"
	"BEGIN:DAYLIGHT\nDTSTART:16010101T020000\nTZOFFSETFROM:+0100\nTZOFFSETTO:+0200\n"
	"RRULE:FREQ=YEARLY;INTERVAL=1;BYDAY=-1SU;BYMONTH=3\nEND:DAYLIGHT\nEND:VTIMEZONE\nEND:VCALENDAR\n";

static void
a_zone_of_the_object_s_own(void **state)
{
	struct fixture *f = *state;
	const struct zone *z = zone_find(&f->m, parse(f, odd_zone), "Customized Time Zone");

	assert_non_null(z);
	assert_false(z->builtin);
	assert_true(zone_same_clocks(z, zone_named("Europe/Berlin"), 2026));
	for (int64_t t = 1000000000; t < 4000000000; t += 86400)
		assert_int_equal(zone_offset(z, t), zone_offset(zone_named("Europe/Berlin"), t));
	assert_null(zone_find(&f->m, parse(f, odd_zone), "Another"));
}

#define CHANGE(kind, start, from, to) \
	"BEGIN:" kind "\nDTSTART:" start "\nTZOFFSETFROM:" from "\nTZOFFSETTO:" to "\nRRULE:FREQ=YEARLY\nEND:" kind "\n"

static const struct zone *
zone_of_changes(struct fixture *f, const char *name, const char *changes)
{
	return zone_find(&f->m, parse(f, arena_printf(f->a, "BEGIN:VCALENDAR\nBEGIN:VTIMEZONE\nTZID:%s\n%sEND:VTIMEZONE\nEND:VCALENDAR\n",
		name, changes)), name);
}

/* RFC 5545 3.3.14 */
static void
offsets_of_a_zone_of_the_object_s_own(void **state)
{
	static const struct {
		const char *text;
		int offset;
	} good[] = { { "+0100", 3600 }, { "-0330", -12600 }, { "-003020", -1820 }, { "+235959", 86399 }, { "+05:30", 19800 } };
	static const char *const bad[] = { "", "0100", "+", "+1", "+2400", "+0160", "+010060", "+01000000", "+0100 or so",
		"+02099991231T235959Z" };
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		const char *changes = arena_printf(f->a, CHANGE("STANDARD", "19700101T000000", "+0100", "%s"), good[i].text);
		const struct zone *z = zone_of_changes(f, good[i].text, changes);
		if (!z || zone_offset(z, 1000000000) != good[i].offset)
			fail_msg("%s is %d", good[i].text, z ? zone_offset(z, 1000000000) : -1);
	}
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		const char *to = arena_printf(f->a, CHANGE("STANDARD", "19700101T000000", "+0100", "%s"), bad[i]);
		const char *from = arena_printf(f->a, CHANGE("STANDARD", "19700101T000000", "%s", "+0100"), bad[i]);
		if (zone_of_changes(f, arena_printf(f->a, "to %s", bad[i]), to) ||
		    zone_of_changes(f, arena_printf(f->a, "from %s", bad[i]), from))
			fail_msg("%s is an offset", bad[i]);
	}
}

/* A blob knows minutes, and no two changes by one rule: the zone that it was made of is meant all the same. */
static void
zones_that_a_blob_cannot_say(void **state)
{
	static const char *const zones[] = {
		CHANGE("STANDARD", "19700101T000000", "+0100", "+000921"),
		CHANGE("STANDARD", "19700101T000000", "-0100", "-003021"),
		CHANGE("DAYLIGHT", "19700329T020000", "+010030", "+021015") CHANGE("STANDARD", "19701025T030000", "+021015", "+010030"),
		CHANGE("DAYLIGHT", "19700329T020000", "+0100", "+010030") CHANGE("STANDARD", "19701025T030000", "+010030", "+0100"),
		CHANGE("STANDARD", "19700329T030000", "+0200", "+0100") CHANGE("DAYLIGHT", "19700329T030000", "+0100", "+0200"),
	};
	struct fixture *f = *state;
	unsigned char blob[ZONE_BLOB];

	for (size_t i = 0; i < ARRAY_LEN(zones); i++) {
		const struct zone *z = zone_of_changes(f, arena_printf(f->a, "zone %zu", i), zones[i]);
		assert_non_null(z);
		if (zone_from_blob(&f->m, zone_blob_text(&f->m, z), z) != z)
			fail_msg("not found again:\n%s", zones[i]);
	}
	/* the minutes of either */
	zone_blob(zone_of_changes(f, "zone 2", zones[2]), 2026, blob);
	assert_int_equal((int8_t)blob[0], -60);
	assert_int_equal((int8_t)blob[168], -70);
}

static void
a_blob_that_is_no_zone_s_becomes_one(void **state)
{
	struct fixture *f = *state;
	unsigned char blob[ZONE_BLOB];

	/* Berlin's rules at an offset of 1:07 */
	zone_blob(zone_named("Europe/Berlin"), 2026, blob);
	memset(blob + 4, 0, 64);
	blob[0] = 0xBD;
	const struct zone *z = zone_from_blob(&f->m, text_base64(f->a, blob, sizeof blob), NULL);
	assert_non_null(z);
	assert_false(z->builtin);
	assert_int_equal(zone_offset(z, 1767225600), 67 * 60);
	assert_int_equal(zone_offset(z, 1782864000), 127 * 60);
	/* It survives as a VTIMEZONE. */
	struct ical *root = ical_new_component(&f->m, ""), *calendar = ical_new_component(&f->m, "VCALENDAR");
	ical_append(root, calendar);
	ical_append(calendar, zone_component(&f->m, z));
	const struct zone *again = zone_find(&f->m, root, z->name);
	assert_non_null(again);
	for (int64_t t = 1000000000; t < 4000000000; t += 86400)
		assert_int_equal(zone_offset(z, t), zone_offset(again, t));
}

static void
check_component(struct fixture *f, char **column)
{
	const struct zone *z = zone_named(column[0]);
	struct ical *c = zone_component(&f->m, z);
	struct zone again;

	assert_non_null(c);
	assert_true(zone_compile(&f->m, c, &again));
	assert_true(zone_same_clocks(z, &again, zone_this_year()));
}

static void
zones_as_components(void **state)
{
	each_zone(*state, check_component);
}

static void
blobs_that_are_none(void **state)
{
	struct fixture *f = *state;
	static const char *const bad[] = { "", "AAAA", "!!!!", "xP///w==" };
	unsigned char blob[ZONE_BLOB];

	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_null(zone_from_blob(&f->m, bad[i], NULL));
	memset(blob, 0xFF, sizeof blob);
	const struct zone *z = zone_from_blob(&f->m, text_base64(f->a, blob, sizeof blob), NULL);
	assert_true(!z || zone_offset(z, 0) <= 86400);
	memset(blob, 0x7F, sizeof blob);
	assert_null(zone_from_blob(&f->m, text_base64(f->a, blob, sizeof blob), NULL));
}

/* A tzdata that has one name of a city only: Debian's has the older ones in a package of its own. */
static void
renamed_cities(void **state)
{
	struct fixture *f = *state;
	const char *directory = mkdtemp(arena_printf(f->a, "/tmp/cpush-zones-XXXXXX"));
	struct zone z;

	assert_non_null(directory);
	const char *asia = arena_printf(f->a, "%s/Asia", directory), *file = arena_printf(f->a, "%s/Kolkata", asia),
		*old = arena_printf(f->a, "%s/Katmandu", asia);
	assert_int_equal(mkdir(asia, 0700), 0);
	assert_int_equal(symlink("/usr/share/zoneinfo/Asia/Kolkata", file), 0);
	assert_int_equal(symlink("/usr/share/zoneinfo/Asia/Kathmandu", old), 0);
	assert_int_equal(setenv("TZDIR", directory, 1), 0);
	bool calcutta = zone_read_tzif(&f->m, "Asia/Calcutta", &z) && zone_offset(&z, 0) == 19800;
	bool kathmandu = zone_read_tzif(&f->m, "Asia/Kathmandu", &z) && zone_offset(&z, INT64_C(1700000000)) == 20700;
	bool rangoon = zone_read_tzif(&f->m, "Asia/Rangoon", &z), none = zone_read_tzif(&f->m, "Asia/Nowhere", &z);
	(void)unsetenv("TZDIR");
	(void)unlink(file);
	(void)unlink(old);
	(void)rmdir(asia);
	(void)rmdir(directory);
	assert_true(calcutta && kathmandu);
	assert_false(rangoon || none);
}

/* [eas] timezone; without one it is the process's. */
static void
the_default_zone_is_configured(void **state)
{
	struct eas_config *config;
	struct error e = { 0 };
	struct conf *conf;

	(void)state;
	assert_int_equal(setenv("TZ", "Asia/Tokyo", 1), 0);
	for (int configured = 1; configured >= 0; configured--) {
		assert_int_equal(conf_parse(configured ? "[eas]\ntimezone = Europe/Paris\n" : "[eas]\n", "test", &conf, &e), ERR_OK);
		assert_int_equal(eas_config_new(conf, &config, &e), ERR_OK);
		conf_unref(&conf);
		eas_config_use(config);
		assert_string_equal(zone_default()->name, configured ? "Europe/Paris" : "Asia/Tokyo");
		eas_config_free(&config);
	}
	assert_int_equal(conf_parse("[eas]\n\ntimezone = Europe/Pairs\n", "test", &conf, &e), ERR_OK);
	assert_int_equal(eas_config_new(conf, &config, &e), ERR_INVALID);
	assert_string_equal(e.text, "test:3: timezone: there is no zone \"Europe/Pairs\"");
	conf_unref(&conf);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(blobs_are_those_of_the_table, setup, teardown),
		cmocka_unit_test_setup_teardown(blobs_are_read, setup, teardown),
		cmocka_unit_test_setup_teardown(the_default_zone_goes_before_others_alike, setup, teardown),
		cmocka_unit_test_setup_teardown(renamed_cities, setup, teardown),
		cmocka_unit_test_setup_teardown(the_default_zone_is_configured, setup, teardown),
		cmocka_unit_test_setup_teardown(names_in_the_wild, setup, teardown),
		cmocka_unit_test_setup_teardown(clocks_are_those_of_the_system, setup, teardown),
		cmocka_unit_test_setup_teardown(broken_files, setup, teardown),
		cmocka_unit_test_setup_teardown(clocks_go_on_after_2100, setup, teardown),
		cmocka_unit_test_setup_teardown(hours_that_do_not_exist_or_come_twice, setup, teardown),
		cmocka_unit_test_setup_teardown(a_zone_of_the_object_s_own, setup, teardown),
		cmocka_unit_test_setup_teardown(offsets_of_a_zone_of_the_object_s_own, setup, teardown),
		cmocka_unit_test_setup_teardown(zones_that_a_blob_cannot_say, setup, teardown),
		cmocka_unit_test_setup_teardown(a_blob_that_is_no_zone_s_becomes_one, setup, teardown),
		cmocka_unit_test_setup_teardown(zones_as_components, setup, teardown),
		cmocka_unit_test_setup_teardown(blobs_that_are_none, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
