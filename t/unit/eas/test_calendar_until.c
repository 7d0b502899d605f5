/* The end of a series: UNTIL in iCalendar, Until in EAS, of both of which the day counts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/text.h"
#include "eas/calendar.h"
#include "eas/quirk.h"
#include "items_kit.h"

#define EVENT "BEGIN:VCALENDAR\nBEGIN:VEVENT\nUID:u1\nDTSTAMP:20260101T000000Z\n%sSUMMARY:Old\nEND:VEVENT\nEND:VCALENDAR\n"
#define DAYS "DTSTART;VALUE=DATE:20261201\nDTEND;VALUE=DATE:20261202\n"
#define NEW_YORK(clock) "DTSTART;TZID=America/New_York:20261201T" clock "\nDTEND;TZID=America/New_York:20261201T" clock "\n"
#define UTC(clock) "DTSTART:20261201T" clock "Z\nDTEND:20261201T" clock "Z\n"
#define BERLIN "DTSTART;TZID=Europe/Berlin:20261201T090000\nDTEND;TZID=Europe/Berlin:20261201T100000\n"
#define BERLIN_BLOB \
	"xP///1cALgAgAEUAdQByAG8AcABlACAAUwB0AGEAbgBkAGEAcgBkACAAVABpAG0AZQAAAAAAAAAAAAAAAAAAAAAAAAAAAAoAAAAFAAMAAAAAAAAAAAAA" \
	"AFcALgAgAEUAdQByAG8AcABlACAARABhAHkAbABpAGcAaAB0ACAAVABpAG0AZQAAAAAAAAAAAAAAAAAAAAAAAAAAAAMAAAAFAAIAAAAAAAAAxP///w=="

#define NEW_YORK_BLOB \
	"LAEAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAsAAAABAAIAAAAAAAAAAAAAAAAA" \
	"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAMAAAACAAIAAAAAAAAAxP///w=="

/* A series, the Until that is told of it, and what comes back with the next edit. */
static void
expect_rule(struct kit *k, const char *lines, const char *rule, const char *shown, const char *sent, const char *becomes)
{
	const char *ics = arena_printf(k->a, EVENT, arena_printf(k->a, "%s%s", lines, rule));
	const char *xml = kit_render(k, &item_calendar, slice_str(ics), NULL), *at = strstr(xml, "<C:Until>");
	struct item_merged m;

	if (!at || !text_starts(at + strlen("<C:Until>"), shown))
		fail_msg("%s is not told as %s: %s", rule, shown, xml);
	const char *title = strstr(xml, ">Old<");
	xml = arena_printf(k->a, "%.*s>New<%.*s<C:Until>%s%s", (int)(title - xml), xml, (int)(at - title - 5), title + 5,
		sent, at + strlen("<C:Until>20261231T100000Z"));
	const char *out = kit_merge(k, &item_calendar, ics, xml, &m);
	if (!kit_has(out, "SUMMARY:New\n") || !kit_has(out, becomes) || m.altered)
		fail_msg("%sand %s became\n%s", rule, sent, out);
}

/* With the next edit a phone sends another time of that day: Android the date where it is, others a midnight. The rule
 * stays as it is. */
static void
the_same_day_is_the_same_end(void **state)
{
	static const struct {
		const char *zone, *lines, *rule, *shown, *sent;
	} rows[] = {
		{ "Europe/Berlin", NEW_YORK("090000"), "RRULE:FREQ=DAILY;UNTIL=20261205T140000Z\n", "20261205T140000Z", "20261205T000000Z" },
		{ "Europe/Berlin", NEW_YORK("090000"), "RRULE:FREQ=WEEKLY;UNTIL=20261215T140000Z\n", "20261215T140000Z", "20261215T000000Z" },
		/* a time of day that is midnight in UTC */
		{ "Europe/Berlin", NEW_YORK("190000"), "RRULE:FREQ=WEEKLY;UNTIL=20261216T000000Z\n", "20261216T000000Z", "20261216T000000Z" },
		/* the last instance is the one before */
		{ "Europe/Berlin", NEW_YORK("090000"), "RRULE:FREQ=DAILY;UNTIL=20261206T000000Z\n", "20261205T140000Z", "20261205T000000Z" },
		{ "Europe/Berlin", BERLIN, "RRULE:FREQ=DAILY;UNTIL=20261206T075959Z\n", "20261205T080000Z", "20261205T000000Z" },
		{ "Europe/Berlin", BERLIN, "RRULE:FREQ=DAILY;UNTIL=20261205\n", "20261205T080000Z", "20261204T230000Z" },
		{ "Europe/Berlin", BERLIN, "RRULE:FREQ=DAILY;UNTIL=20261130T000000Z\n", "20261201T080000Z", "20261201T000000Z" },
		/* whole days: Android expands them in UTC */
		{ "Europe/Berlin", DAYS, "RRULE:FREQ=DAILY;UNTIL=20261231\n", "20261231T100000Z", "20261231T000000Z" },
		{ "Europe/Berlin", DAYS, "RRULE:FREQ=DAILY;UNTIL=20261231\n", "20261231T100000Z", "20261230T230000Z" },
		{ "Europe/Berlin", DAYS, "RRULE:FREQ=MONTHLY;BYMONTHDAY=1,15;COUNT=4\n", "20270115T100000Z", "20270115T000000Z" },
		{ "America/New_York", DAYS, "RRULE:FREQ=DAILY;UNTIL=20261231\n", "20261231T100000Z", "20261231T000000Z" },
		{ "America/New_York", DAYS, "RRULE:FREQ=WEEKLY;UNTIL=20261231\n", "20261231T100000Z", "20261231T050000Z" },
		{ "Pacific/Auckland", DAYS, "RRULE:FREQ=DAILY;UNTIL=20261231\n", "20261231T100000Z", "20261231T000000Z" },
		{ "Pacific/Auckland", DAYS, "RRULE:FREQ=DAILY;UNTIL=20261231\n", "20261231T100000Z", "20261230T110000Z" },
		{ "UTC", DAYS, "RRULE:FREQ=DAILY;UNTIL=20261231\n", "20261231T100000Z", "20261231T000000Z" },
	};
	struct kit *k = *state;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		assert_true(zone_set_default(rows[i].zone));
		expect_rule(k, rows[i].lines, rows[i].rule, rows[i].shown, rows[i].sent, rows[i].rule);
	}
}

static void
another_day_is_another_end(void **state)
{
	static const struct {
		const char *lines, *sent, *rule;
	} rows[] = {
		{ NEW_YORK("090000"), "20261206T000000Z", "RRULE:FREQ=DAILY;UNTIL=20261206T140000Z\n" },
		{ NEW_YORK("190000"), "20261206T000000Z", "RRULE:FREQ=DAILY;UNTIL=20261206T000000Z\n" },
		{ NEW_YORK("090000"), "20261206T235959Z", "RRULE:FREQ=DAILY;UNTIL=20261206T140000Z\n" },
		{ DAYS, "20261206T000000Z", "RRULE:FREQ=DAILY;UNTIL=20261206\n" },
		{ DAYS, "20261205T230000Z", "RRULE:FREQ=DAILY;UNTIL=20261206\n" },
		{ DAYS, "20261206T100000Z", "RRULE:FREQ=DAILY;UNTIL=20261206\n" },
	};
	struct kit *k = *state;
	struct item_merged m;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const char *ics = arena_printf(k->a, EVENT, arena_printf(k->a, "%sRRULE:FREQ=DAILY;COUNT=3\n", rows[i].lines));
		const char *out = kit_merge(k, &item_calendar, ics, arena_printf(k->a, "<C:Subject>Old</C:Subject><C:Recurrence><C:Type>0</C:Type>"
			"<C:Interval>1</C:Interval><C:Until>%s</C:Until></C:Recurrence>", rows[i].sent), &m);
		if (!kit_has(out, rows[i].rule) || m.altered)
			fail_msg("%s%s became\n%s", rows[i].lines, rows[i].sent, out);
	}
}

/* Where the last instance begins at 00:00 UTC, the date that Android sends could be the instance before; of a series in
 * UTC it is another date where the phone is. */
static void
androids_until_is_a_date(void **state)
{
	static const struct {
		const char *zone, *lines, *rule, *shown, *sent, *becomes; /* NULL: the rule that it was */
	} rows[] = {
		/* as it was told */
		{ "America/New_York", NEW_YORK("190000"), "FREQ=DAILY;UNTIL=20261206T000000Z", "20261206T000000Z", "20261205T000000Z", NULL },
		{ "Europe/Berlin", NEW_YORK("190000"), "FREQ=DAILY;UNTIL=20261206T000000Z", "20261206T000000Z", "20261205T000000Z", NULL },
		{ "Europe/Berlin", NEW_YORK("190000"), "FREQ=DAILY;UNTIL=20261206T000000Z", "20261206T000000Z", "20261206T000000Z", NULL },
		{ "America/New_York", NEW_YORK("200000"), "FREQ=DAILY;UNTIL=20270401T000000Z", "20270401T000000Z", "20270331T000000Z", NULL },
		{ "America/New_York", NEW_YORK("190000"), "FREQ=MONTHLY;BYMONTHDAY=1,15;COUNT=4", "20270116T000000Z", "20270115T000000Z", NULL },
		{ "America/Los_Angeles", UTC("010000"), "FREQ=DAILY;UNTIL=20270401T010000Z", "20270401T010000Z", "20270331T000000Z", NULL },
		{ "America/Los_Angeles", UTC("000000"), "FREQ=DAILY;UNTIL=20270401T000000Z", "20270401T000000Z", "20270331T000000Z", NULL },
		{ "Europe/Berlin", UTC("230000"), "FREQ=DAILY;UNTIL=20270401T230000Z", "20270401T230000Z", "20270402T000000Z", NULL },
		{ "Europe/Berlin", DAYS, "FREQ=DAILY;UNTIL=20261231", "20261231T100000Z", "20261231T000000Z", NULL },
		/* another day, by the date where the phone is */
		{ "America/New_York", NEW_YORK("190000"), "FREQ=DAILY;UNTIL=20261206T000000Z", "20261206T000000Z", "20261204T000000Z",
			"FREQ=DAILY;UNTIL=20261205T000000Z" },
		{ "America/New_York", NEW_YORK("190000"), "FREQ=DAILY;UNTIL=20261206T000000Z", "20261206T000000Z", "20261208T000000Z",
			"FREQ=DAILY;UNTIL=20261209T000000Z" },
		{ "America/Los_Angeles", UTC("010000"), "FREQ=DAILY;UNTIL=20270401T010000Z", "20270401T010000Z", "20270330T000000Z",
			"FREQ=DAILY;UNTIL=20270331T010000Z" },
		{ "Europe/Berlin", UTC("230000"), "FREQ=DAILY;UNTIL=20270401T230000Z", "20270401T230000Z", "20270331T000000Z",
			"FREQ=DAILY;UNTIL=20270330T230000Z" },
		{ "Europe/Berlin", BERLIN, "FREQ=DAILY;UNTIL=20261205T080000Z", "20261205T080000Z", "20261204T000000Z",
			"FREQ=DAILY;UNTIL=20261204T080000Z" },
		{ "Europe/Berlin", DAYS, "FREQ=DAILY;UNTIL=20261231", "20261231T100000Z", "20261230T000000Z", "FREQ=DAILY;UNTIL=20261230" },
	};
	struct kit *k = *state;

	k->view.quirks = quirks_of("Android", "Android-Mail/2026.10.1", 141);
	assert_false(quirks_of("iPhone", "Apple-iPhone12C5/2001.1", 141) & QUIRK_UNTIL_DATE);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const char *becomes = rows[i].becomes ? rows[i].becomes : rows[i].rule;
		assert_true(zone_set_default(rows[i].zone));
		expect_rule(k, rows[i].lines, arena_printf(k->a, "RRULE:%s\n", rows[i].rule), rows[i].shown, rows[i].sent,
			arena_printf(k->a, "RRULE:%s\n", becomes));
	}
	/* a series of the phone's own */
	const char *out = kit_merge(k, &item_calendar, NULL, "<C:Timezone>" NEW_YORK_BLOB "</C:Timezone><C:Subject>S</C:Subject>"
		"<C:StartTime>20261202T000000Z</C:StartTime><C:EndTime>20261202T010000Z</C:EndTime><C:Recurrence><C:Type>0</C:Type>"
		"<C:Interval>1</C:Interval><C:Until>20261205T000000Z</C:Until></C:Recurrence>", NULL);
	assert_true(kit_has(out, "RRULE:FREQ=DAILY;UNTIL=20261206T000000Z\n"));
}

/* The last day stays, whatever its new time is and in whichever form it stands (RFC 5545 3.3.10). */
static void
a_series_that_moves_keeps_its_last_day(void **state)
{
	static const struct {
		unsigned version;
		const char *lines, *rule, *sent, *becomes;
	} rows[] = {
		{ 161, BERLIN, "FREQ=DAILY;UNTIL=20261205T080000Z", "<C:StartTime>20261201T140000Z</C:StartTime>"
			"<C:EndTime>20261201T150000Z</C:EndTime>", "FREQ=DAILY;UNTIL=20261205T140000Z" },
		{ 141, BERLIN, "FREQ=DAILY;UNTIL=20261205T080000Z", "<C:StartTime>20261201T140000Z</C:StartTime>"
			"<C:EndTime>20261201T150000Z</C:EndTime><C:Recurrence><C:Type>0</C:Type><C:Until>20261205T080000Z</C:Until>"
			"</C:Recurrence>", "FREQ=DAILY;UNTIL=20261205T140000Z" },
		/* whose rule EAS has no word for */
		{ 161, BERLIN, "FREQ=MONTHLY;until=20270315T080000Z;BYMONTHDAY=1,15", "<C:StartTime>20261201T140000Z</C:StartTime>",
			"FREQ=MONTHLY;until=20270315T140000Z;BYMONTHDAY=1,15" },
		{ 161, BERLIN, "X-UNTIL=1;FREQ=DAILY;COUNT=5", "<C:StartTime>20261201T140000Z</C:StartTime>", "X-UNTIL=1;FREQ=DAILY;COUNT=5" },
		/* to whole days, and back */
		{ 161, BERLIN, "FREQ=DAILY;UNTIL=20261205T080000Z", "<C:AllDayEvent>1</C:AllDayEvent><C:StartTime>20261201T000000Z</C:StartTime>"
			"<C:EndTime>20261202T000000Z</C:EndTime>", "FREQ=DAILY;UNTIL=20261205" },
		{ 161, DAYS, "FREQ=DAILY;UNTIL=20261205", "<C:Timezone>" BERLIN_BLOB "</C:Timezone><C:AllDayEvent>0</C:AllDayEvent>"
			"<C:StartTime>20261201T140000Z</C:StartTime><C:EndTime>20261201T150000Z</C:EndTime>",
			"FREQ=DAILY;UNTIL=20261205T140000Z" },
		{ 141, DAYS, "FREQ=DAILY;UNTIL=20261205", "<C:Timezone>" BERLIN_BLOB "</C:Timezone><C:AllDayEvent>0</C:AllDayEvent>"
			"<C:StartTime>20261201T140000Z</C:StartTime><C:EndTime>20261201T150000Z</C:EndTime><C:Recurrence><C:Type>0</C:Type>"
			"<C:Until>20261205T100000Z</C:Until></C:Recurrence>", "FREQ=DAILY;UNTIL=20261205T140000Z" },
		/* from one that is midnight in UTC, and is the day before in New York */
		{ 141, NEW_YORK("190000"), "FREQ=DAILY;UNTIL=20261206T000000Z", "<C:StartTime>20261201T140000Z</C:StartTime>"
			"<C:EndTime>20261201T150000Z</C:EndTime><C:Recurrence><C:Type>0</C:Type><C:Until>20261206T000000Z</C:Until>"
			"</C:Recurrence>", "FREQ=DAILY;UNTIL=20261205T140000Z" },
		/* only the zone changes: the same instances */
		{ 161, NEW_YORK("190000"), "FREQ=DAILY;UNTIL=20261206T000000Z", "<C:Timezone>" BERLIN_BLOB "</C:Timezone>",
			"FREQ=DAILY;UNTIL=20261206T000000Z" },
	};
	struct kit *k = *state;
	struct item_merged m;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		k->view.version = rows[i].version;
		const char *ics = arena_printf(k->a, EVENT, arena_printf(k->a, "%sRRULE:%s\n", rows[i].lines, rows[i].rule));
		const char *out = kit_merge(k, &item_calendar, ics, arena_printf(k->a, "<C:Subject>New</C:Subject>%s", rows[i].sent), &m);
		if (!out || !kit_has(out, arena_printf(k->a, "RRULE:%s\n", rows[i].becomes)))
			fail_msg("%s%s\nbecame\n%s", rows[i].lines, rows[i].sent, out ? out : "-");
	}
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, kit_setup, kit_teardown)
	const struct CMUnitTest tests[] = {
		TEST(the_same_day_is_the_same_end),
		TEST(another_day_is_another_end),
		TEST(androids_until_is_a_date),
		TEST(a_series_that_moves_keeps_its_last_day),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
