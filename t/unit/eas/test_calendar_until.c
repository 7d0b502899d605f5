/* The end of a series: UNTIL in iCalendar, Until in EAS, of both of which the day counts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/text.h"
#include "eas/calendar.h"
#include "items_kit.h"

#define EVENT "BEGIN:VCALENDAR\nBEGIN:VEVENT\nUID:u1\nDTSTAMP:20260101T000000Z\n%sSUMMARY:Old\nEND:VEVENT\nEND:VCALENDAR\n"
#define DAYS "DTSTART;VALUE=DATE:20261201\nDTEND;VALUE=DATE:20261202\n"
#define NEW_YORK(clock) "DTSTART;TZID=America/New_York:20261201T" clock "\nDTEND;TZID=America/New_York:20261201T" clock "\n"
#define BERLIN "DTSTART;TZID=Europe/Berlin:20261201T090000\nDTEND;TZID=Europe/Berlin:20261201T100000\n"
#define BERLIN_BLOB \
	"xP///1cALgAgAEUAdQByAG8AcABlACAAUwB0AGEAbgBkAGEAcgBkACAAVABpAG0AZQAAAAAAAAAAAAAAAAAAAAAAAAAAAAoAAAAFAAMAAAAAAAAAAAAA" \
	"AFcALgAgAEUAdQByAG8AcABlACAARABhAHkAbABpAGcAaAB0ACAAVABpAG0AZQAAAAAAAAAAAAAAAAAAAAAAAAAAAAMAAAAFAAIAAAAAAAAAxP///w=="

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
	struct item_merged m;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		assert_true(zone_set_default(rows[i].zone));
		const char *ics = arena_printf(k->a, EVENT, arena_printf(k->a, "%s%s", rows[i].lines, rows[i].rule));
		const char *xml = kit_render(k, &item_calendar, slice_str(ics), NULL), *at = strstr(xml, "<C:Until>");
		if (!at || !text_starts(at + strlen("<C:Until>"), rows[i].shown))
			fail_msg("%s is not told as %s: %s", rows[i].rule, rows[i].shown, xml);
		const char *title = strstr(xml, ">Old<");
		xml = arena_printf(k->a, "%.*s>New<%.*s<C:Until>%s%s", (int)(title - xml), xml, (int)(at - title - 5), title + 5,
			rows[i].sent, at + strlen("<C:Until>20261231T100000Z"));
		const char *out = kit_merge(k, &item_calendar, ics, xml, &m);
		if (!kit_has(out, "SUMMARY:New\n") || !kit_has(out, rows[i].rule) || m.altered)
			fail_msg("%sand %s became\n%s", rows[i].rule, rows[i].sent, out);
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
		TEST(a_series_that_moves_keeps_its_last_day),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
