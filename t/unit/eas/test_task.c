/* Tasks between iCalendar and the Tasks class. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/defs.h"
#include "items_kit.h"

#define TODO(lines) \
	"BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:-//x//y//EN\nBEGIN:VTODO\nUID:t1\nDTSTAMP:20260101T000000Z\n" lines "END:VTODO\nEND:VCALENDAR\n"

static const char *const rent = TODO("SUMMARY:Pay rent\nDESCRIPTION:ok\nPRIORITY:1\nDTSTART;VALUE=DATE:20261201\nDUE;VALUE=DATE:20261203\n"
	"RRULE:FREQ=MONTHLY;BYMONTHDAY=3\nX-APPLE-SORT-ORDER:7\n"
	"BEGIN:VALARM\nACTION:DISPLAY\nTRIGGER;VALUE=DATE-TIME:20261202T080000Z\nEND:VALARM\n");

/* Example 033 */
static void
the_example(void **state)
{
	struct kit *k = *state;

	assert_string_equal(kit_render(k, &item_tasks, slice_str(rent), NULL),
		"<A:Body><A:Type>1</A:Type><A:EstimatedDataSize>2</A:EstimatedDataSize><A:Truncated>0</A:Truncated><A:Data>ok</A:Data></A:Body>"
		"<A:NativeBodyType>1</A:NativeBodyType>"
		"<T:Subject>Pay rent</T:Subject><T:Importance>2</T:Importance><T:UtcStartDate>2026-11-30T23:00:00.000Z</T:UtcStartDate>"
		"<T:StartDate>2026-12-01T00:00:00.000Z</T:StartDate><T:UtcDueDate>2026-12-02T23:00:00.000Z</T:UtcDueDate>"
		"<T:DueDate>2026-12-03T00:00:00.000Z</T:DueDate><T:Recurrence><T:Type>2</T:Type><T:Start>2026-12-01T00:00:00.000Z</T:Start>"
		"<T:Interval>1</T:Interval><T:DayOfMonth>3</T:DayOfMonth><T:CalendarType>1</T:CalendarType></T:Recurrence>"
		"<T:Complete>0</T:Complete><T:Sensitivity>0</T:Sensitivity><T:ReminderSet>1</T:ReminderSet>"
		"<T:ReminderTime>2026-12-02T08:00:00.000Z</T:ReminderTime>");
}

static void
lines_and_elements(void **state)
{
	static const struct {
		const char *lines, *element;
	} pairs[] = {
		{ "PRIORITY:0\n", "<T:Importance>1</T:Importance>" },
		{ "PRIORITY:3\n", "<T:Importance>2</T:Importance>" },
		{ "PRIORITY:7\n", "<T:Importance>0</T:Importance>" },
		{ "STATUS:COMPLETED\nCOMPLETED:20260304T050607Z\n", "<T:Complete>1</T:Complete><T:DateCompleted>2026-03-04T05:06:07.000Z</T:DateCompleted>" },
		{ "PERCENT-COMPLETE:100\n", "<T:Complete>1</T:Complete>" },
		{ "STATUS:CANCELLED\nDUE:20260701T100000Z\n", "<T:Complete>1</T:Complete>" },
		{ "STATUS:IN-PROCESS\nPERCENT-COMPLETE:50\n", "<T:Complete>0</T:Complete>" },
		{ "CLASS:PRIVATE\n", "<T:Sensitivity>2</T:Sensitivity>" },
		{ "DUE:20260701T100000Z\n", "<T:UtcDueDate>2026-07-01T10:00:00.000Z</T:UtcDueDate><T:DueDate>2026-07-01T12:00:00.000Z</T:DueDate>" },
		{ "DUE;TZID=America/New_York:20260701T100000\n",
			"<T:UtcDueDate>2026-07-01T14:00:00.000Z</T:UtcDueDate><T:DueDate>2026-07-01T10:00:00.000Z</T:DueDate>" },
		{ "DTSTART;VALUE=DATE:20260701\nDURATION:P2D\n", "<T:DueDate>2026-07-03T00:00:00.000Z</T:DueDate>" },
		{ "DUE:20260701T100000Z\nBEGIN:VALARM\nACTION:DISPLAY\nTRIGGER;RELATED=END:-PT1H\nEND:VALARM\n",
			"<T:ReminderTime>2026-07-01T09:00:00.000Z</T:ReminderTime>" },
		{ "BEGIN:VALARM\nACTION:DISPLAY\nTRIGGER:-PT1H\nEND:VALARM\n", "<T:ReminderSet>0</T:ReminderSet>" },
		{ "X-ORDINAL-DATE:2026-01-01T00:00:00.000Z\n", "<T:OrdinalDate>2026-01-01T00:00:00.000Z</T:OrdinalDate>" },
		{ "X-SUBORDINAL-DATE:5555555\n", "<T:SubOrdinalDate>5555555</T:SubOrdinalDate>" },
		{ "DUE:20260302T100000Z\nRRULE:FREQ=YEARLY;BYMONTH=3;BYDAY=1MO\n", "<T:Type>6</T:Type>" },
		{ "DUE:20260302T100000Z\nRRULE:FREQ=YEARLY;BYMONTH=3;BYDAY=1MO\n",
			"<T:WeekOfMonth>1</T:WeekOfMonth><T:DayOfWeek>2</T:DayOfWeek><T:MonthOfYear>3</T:MonthOfYear>" },
		{ "CATEGORIES:a,b\n", "<T:Categories><T:Category>a</T:Category><T:Category>b</T:Category></T:Categories>" },
		{ "DUE:20260701T100000Z\nRRULE:FREQ=DAILY;COUNT=3\nX-REGENERATE:1\n", "<T:Regenerate>1</T:Regenerate>" },
		{ "DUE:20260701T100000Z\nRRULE:FREQ=WEEKLY;UNTIL=20260801\n", "<T:Until>2026-08-01T00:00:00.000Z</T:Until>" },
		{ "DUE:20260701T100000Z\nRRULE:FREQ=MINUTELY;COUNT=1\n", "<T:Complete>0</T:Complete>" },
		/* What no phone can be told stays as it is. */
		{ "DUE;TZID=Asia/Tokyo:00010101T000000\n", "<T:Sensitivity>0</T:Sensitivity><T:ReminderSet>0</T:ReminderSet>" },
		{ "DTSTART:20260301T100000Z\nDURATION:P9999999W\n", "<T:StartDate>2026-03-01T11:00:00.000Z</T:StartDate><T:Complete>" },
		{ "DUE:20260301T100000Z\nBEGIN:VALARM\nTRIGGER:-P999999W\nEND:VALARM\n", "<T:ReminderSet>0</T:ReminderSet>" },
	};
	static const unsigned versions[] = { 121, 141, 161 };
	struct kit *k = *state;

	for (size_t i = 0; i < ARRAY_LEN(pairs) * ARRAY_LEN(versions); i++) {
		const char *lines = pairs[i / ARRAY_LEN(versions)].lines, *element = pairs[i / ARRAY_LEN(versions)].element;
		const char *ics = arena_printf(k->a, TODO("%s"), lines);
		struct item_merged m;
		k->view.version = versions[i % ARRAY_LEN(versions)];
		const char *xml = kit_render(k, &item_tasks, slice_str(ics), NULL);
		if (!xml || !strstr(xml, element))
			fail_msg("%s%s is not in %s", lines, element, xml ? xml : "-");
		assert_int_equal(kit_merge_tree(k, &item_tasks, slice_str(ics), kit_parse(k, xml), &m), ERR_OK);
		if (!m.unchanged)
			fail_msg("sent back, %s became\n%.*s", lines, (int)m.bytes.len, (const char *)m.bytes.ptr);
	}
}

static void
edits(void **state)
{
	static const struct {
		const char *lines, *sent, *there, *gone;
	} rows[] = {
		{ "SUMMARY:Old\n", "<T:Subject>New</T:Subject>", "SUMMARY:New\n", "Old" },
		{ "SUMMARY:Old\n", "<T:Complete>1</T:Complete><T:DateCompleted>2026-03-04T05:06:07.000Z</T:DateCompleted>",
			"COMPLETED:20260304T050607Z\n", "SUMMARY" },
		{ "STATUS:NEEDS-ACTION\nPERCENT-COMPLETE:30\n", "<T:Complete>1</T:Complete>", "STATUS:COMPLETED\nPERCENT-COMPLETE:100\n", "ACTION" },
		{ "STATUS:COMPLETED\nCOMPLETED:20260304T050607Z\nPERCENT-COMPLETE:100\n", "<T:Complete>0</T:Complete>", "STATUS:NEEDS-ACTION\n", "COMPLETE" },
		{ "", "<T:Importance>0</T:Importance>", "PRIORITY:9\n", "PRIORITY:5" },
		{ "PRIORITY:3\n", "<T:Subject>x</T:Subject>", "PRIORITY:3\n", "PRIORITY:5" },
		{ "DUE;VALUE=DATE:20260701\n", "<T:Subject>x</T:Subject>", "SUMMARY:x\n", "DUE" },
		{ "DUE;VALUE=DATE:20260701\n", "<T:UtcDueDate>2026-07-01T22:00:00.000Z</T:UtcDueDate><T:DueDate>2026-07-02T00:00:00.000Z</T:DueDate>",
			"DUE;VALUE=DATE:20260702\n", "20260701" },
		{ "", "<T:UtcDueDate>2026-07-02T10:00:00.000Z</T:UtcDueDate><T:DueDate>2026-07-02T12:00:00.000Z</T:DueDate>",
			"DUE:20260702T100000Z\n", "VALUE=DATE" },
		{ "DUE;TZID=Asia/Tokyo:20260701T090000\n",
			"<T:UtcDueDate>2026-07-01T01:00:00.000Z</T:UtcDueDate><T:DueDate>2026-07-01T10:00:00.000Z</T:DueDate>",
			"DUE;TZID=Asia/Tokyo:20260701T100000\n", "T09" },
		{ "DTSTART;VALUE=DATE:20260701\n", "<T:StartDate>2026-07-01T00:00:00.000Z</T:StartDate>"
			"<T:UtcDueDate>2026-07-02T10:00:00.000Z</T:UtcDueDate><T:DueDate>2026-07-02T12:00:00.000Z</T:DueDate>",
			"DTSTART:20260630T220000Z\n", "VALUE=DATE" },
		{ "BEGIN:VALARM\nACTION:DISPLAY\nTRIGGER;VALUE=DATE-TIME:20261202T080000Z\nX-A:1\nEND:VALARM\n",
			"<T:ReminderSet>1</T:ReminderSet><T:ReminderTime>2026-12-03T08:00:00.000Z</T:ReminderTime>",
			"TRIGGER;VALUE=DATE-TIME:20261203T080000Z\nX-A:1\n", "1202" },
		{ "BEGIN:VALARM\nACTION:DISPLAY\nTRIGGER;VALUE=DATE-TIME:20261202T080000Z\nEND:VALARM\n",
			"<T:Subject>x</T:Subject>", "TRIGGER;VALUE=DATE-TIME:20261202T080000Z\n", "?" },
		{ "BEGIN:VALARM\nACTION:DISPLAY\nTRIGGER;VALUE=DATE-TIME:20261202T080000Z\nEND:VALARM\n",
			"<T:ReminderSet>0</T:ReminderSet>", "UID:t1\n", "VALARM" },
		{ "BEGIN:VALARM\nACTION:DISPLAY\nTRIGGER;VALUE=DATE-TIME:20261202T080000Z\nEND:VALARM\n"
			"BEGIN:VALARM\nACTION:AUDIO\nTRIGGER;VALUE=DATE-TIME:20261202T090000Z\nEND:VALARM\n",
			"<T:ReminderSet>0</T:ReminderSet>", "UID:t1\n", "VALARM" },
		/* A relative alarm goes along with the date, and does not where the phone leaves it where it was. */
		{ "DUE:20260701T100000Z\nBEGIN:VALARM\nACTION:DISPLAY\nTRIGGER;RELATED=END:-PT1H\nEND:VALARM\n",
			"<T:UtcDueDate>2026-07-02T10:00:00.000Z</T:UtcDueDate><T:ReminderSet>1</T:ReminderSet>"
			"<T:ReminderTime>2026-07-02T09:00:00.000Z</T:ReminderTime>", "TRIGGER;RELATED=END:-PT1H\n", "20260701" },
		{ "DUE:20260701T100000Z\nBEGIN:VALARM\nACTION:DISPLAY\nTRIGGER;RELATED=END:-PT1H\nEND:VALARM\n",
			"<T:UtcDueDate>2026-07-02T10:00:00.000Z</T:UtcDueDate><T:ReminderSet>1</T:ReminderSet>"
			"<T:ReminderTime>2026-07-01T09:00:00.000Z</T:ReminderTime>", "TRIGGER;VALUE=DATE-TIME:20260701T090000Z\n", "RELATED" },
		{ "", "<T:Recurrence><T:Type>1</T:Type><T:Start>2026-07-01T00:00:00.000Z</T:Start><T:Interval>2</T:Interval>"
			"<T:DayOfWeek>8</T:DayOfWeek><T:Until>2026-09-01T00:00:00.000Z</T:Until></T:Recurrence>",
			"RRULE:FREQ=WEEKLY;INTERVAL=2;UNTIL=20260901;BYDAY=WE\n", "COUNT" },
		{ "", "<T:Recurrence><T:Type>0</T:Type><T:Start>2026-07-01T00:00:00.000Z</T:Start><T:Regenerate>1</T:Regenerate></T:Recurrence>",
			"DTSTART;VALUE=DATE:20260701\n", "COUNT" },
	};
	struct kit *k = *state;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const char *ics = arena_printf(k->a, TODO("%sX-OWN;A=b:c\n"), rows[i].lines);
		struct item_merged m;
		const char *out = kit_merge(k, &item_tasks, ics, rows[i].sent, &m);
		/* A line of an alarm lies behind X-OWN. */
		if (!out || m.unchanged || !kit_has(out, rows[i].there) || strstr(out, rows[i].gone))
			fail_msg("%s%s: not %s or still %s:\n%s", rows[i].lines, rows[i].sent, rows[i].there, rows[i].gone, out ? out : "-");
		assert_true(kit_has(out, "X-OWN;A=b:c\n"));
		assert_false(m.altered);
		assert_ptr_equal(kit_merge(k, &item_tasks, out, rows[i].sent, &m), out);
	}
}

static void
a_new_task(void **state)
{
	struct kit *k = *state;
	struct item_merged m;
	const char *sent = "<T:Subject>Call</T:Subject><T:Importance>2</T:Importance><T:UtcDueDate>2026-07-01T22:00:00.000Z</T:UtcDueDate>"
		"<T:DueDate>2026-07-02T00:00:00.000Z</T:DueDate><T:Complete>0</T:Complete><T:Sensitivity>0</T:Sensitivity><T:ReminderSet>0</T:ReminderSet>";
	const char *out = kit_merge(k, &item_tasks, NULL, sent, &m);

	assert_true(kit_has(out, "UID:0123456789abcdef0123456789abcdef\n"));
	assert_true(kit_has(out, "SUMMARY:Call\n") && kit_has(out, "DUE;VALUE=DATE:20260702\n") && kit_has(out, "PRIORITY:1\n"));
	assert_false(m.altered);
	assert_ptr_equal(kit_merge(k, &item_tasks, out, sent, &m), out);
}

static void
one_turn_is_done(void **state)
{
	struct kit *k = *state;
	struct item_merged m;
	/* The phone ticks it off as it is: it moves on, and the phone hears of it. */
	const char *xml = kit_render(k, &item_tasks, slice_str(rent), NULL);
	const char *at = strstr(xml, "<T:Complete>0");
	const char *sent = arena_printf(k->a, "%.*s<T:Complete>1</T:Complete><T:DateCompleted>2026-12-02T10:00:00.000Z</T:DateCompleted>%s",
		(int)(at - xml), xml, at + strlen("<T:Complete>0</T:Complete>"));
	const char *out = kit_merge(k, &item_tasks, rent, sent, &m);
	assert_true(kit_has(out, "DTSTART;VALUE=DATE:20261203\nDUE;VALUE=DATE:20261205\n"));
	assert_true(kit_has(out, "TRIGGER;VALUE=DATE-TIME:20261204T080000Z\n"));
	assert_null(strstr(out, "COMPLETED"));
	assert_true(m.altered);
	/* The last one is done for good. */
	const char *last = TODO("DUE:20260701T100000Z\nRRULE:FREQ=DAILY;COUNT=2\n");
	sent = "<T:UtcDueDate>%s</T:UtcDueDate>";
	out = kit_merge(k, &item_tasks, last, "<T:UtcDueDate>2026-07-01T10:00:00.000Z</T:UtcDueDate><T:Complete>1</T:Complete><T:Recurrence>"
		"<T:Type>0</T:Type><T:Start>2026-07-01T12:00:00.000Z</T:Start><T:Occurrences>2</T:Occurrences></T:Recurrence>", &m);
	assert_true(kit_has(out, "DUE:20260702T100000Z\nRRULE:FREQ=DAILY;COUNT=1\n"));
	out = kit_merge(k, &item_tasks, out, "<T:UtcDueDate>2026-07-02T10:00:00.000Z</T:UtcDueDate><T:Complete>1</T:Complete><T:Recurrence>"
		"<T:Type>0</T:Type><T:Start>2026-07-02T12:00:00.000Z</T:Start><T:Occurrences>1</T:Occurrences></T:Recurrence>", &m);
	assert_true(kit_has(out, "STATUS:COMPLETED\n"));
	/* Regenerate counts from the day it was done. */
	const char *plants = TODO("DUE;VALUE=DATE:20260701\nRRULE:FREQ=DAILY;INTERVAL=3\nX-REGENERATE:1\n");
	out = kit_merge(k, &item_tasks, plants, "<T:DueDate>2026-07-01T00:00:00.000Z</T:DueDate><T:Complete>1</T:Complete>"
		"<T:DateCompleted>2026-07-10T08:00:00.000Z</T:DateCompleted><T:Recurrence><T:Type>0</T:Type><T:Start>2026-07-01T00:00:00.000Z</T:Start>"
		"<T:Interval>3</T:Interval><T:Regenerate>1</T:Regenerate></T:Recurrence>", &m);
	assert_true(kit_has(out, "DUE;VALUE=DATE:20260713\n"));
}

/* Thunderbird and others leave the series as it is, and say of a turn by a VTODO of its own that it is done. */
static void
turns_done_elsewhere_are_over(void **state)
{
#define TURN(id, lines) "END:VTODO\nBEGIN:VTODO\nUID:t1\nDTSTAMP:20260101T000000Z\nRECURRENCE-ID" id "\n" lines
#define ALARM(at) "BEGIN:VALARM\nACTION:DISPLAY\nTRIGGER;VALUE=DATE-TIME:" at "\nEND:VALARM\n"
#define WEEKLY(more) "DTSTART;TZID=America/New_York:20261027T090000\nDUE;TZID=America/New_York:20261027T100000\nRRULE:FREQ=WEEKLY" more "\n"
	static const struct {
		const char *lines, *shown;
	} rows[] = {
		{ WEEKLY("") TURN(";TZID=America/New_York:20261027T090000", "STATUS:COMPLETED\n"), /* over the end of summer time */
			"<T:UtcStartDate>2026-11-03T14:00:00.000Z</T:UtcStartDate><T:StartDate>2026-11-03T09:00:00.000Z</T:StartDate>"
			"<T:UtcDueDate>2026-11-03T15:00:00.000Z</T:UtcDueDate><T:DueDate>2026-11-03T10:00:00.000Z</T:DueDate>" },
		{ WEEKLY("") TURN(":20261027T130000Z", "STATUS:CANCELLED\n"), "<T:StartDate>2026-11-03T09:00:00.000Z</T:StartDate>" },
		{ WEEKLY("") TURN(":20261027T130000Z", "STATUS:NEEDS-ACTION\n"), "<T:StartDate>2026-10-27T09:00:00.000Z</T:StartDate>" },
		/* the second one is not the next */
		{ WEEKLY("") TURN(":20261103T140000Z", "STATUS:COMPLETED\n"), "<T:StartDate>2026-10-27T09:00:00.000Z</T:StartDate>" },
		{ "DUE;VALUE=DATE:20260701\nEXDATE;VALUE=DATE:20260701,20260703\nRRULE:FREQ=DAILY;COUNT=4\n"
			TURN(";VALUE=DATE:20260702", "PERCENT-COMPLETE:100\n"), "<T:DueDate>2026-07-04T00:00:00.000Z</T:DueDate>" },
		{ "DUE;VALUE=DATE:20260701\nRRULE:FREQ=DAILY;COUNT=4\n" TURN(";VALUE=DATE:20260701", "STATUS:COMPLETED\n"),
			"<T:Occurrences>3</T:Occurrences>" },
		{ "DUE;VALUE=DATE:20260701\nRRULE:FREQ=DAILY;COUNT=2\n" TURN(";VALUE=DATE:20260701", "STATUS:COMPLETED\n")
			TURN(";VALUE=DATE:20260702", "STATUS:COMPLETED\n"), "<T:Complete>1</T:Complete>" },
		/* an alarm at a time of its own is that of the first turn; 8 o'clock in New York, before and after */
		{ WEEKLY("") ALARM("20261027T120000Z") TURN(":20261027T130000Z", "STATUS:COMPLETED\n"),
			"<T:ReminderTime>2026-11-03T13:00:00.000Z</T:ReminderTime>" },
	};
	struct kit *k = *state;
	struct item_merged m;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const char *ics = arena_printf(k->a, TODO("%s"), rows[i].lines), *xml = kit_render(k, &item_tasks, slice_str(ics), NULL);
		if (!xml || !strstr(xml, rows[i].shown))
			fail_msg("%s is not in %s", rows[i].shown, xml ? xml : "-");
		assert_int_equal(kit_merge_tree(k, &item_tasks, slice_str(ics), kit_parse(k, xml), &m), ERR_OK);
		assert_true(m.unchanged && !m.altered);
	}
	assert_true(item_tasks.date(k->a, slice_str(arena_printf(k->a, TODO("%s"), rows[6].lines))) == 0);
	/* Ticked off, it goes on to the next one that is left; what was done stays noted. */
	const char *ics = TODO("DUE;VALUE=DATE:20260701\nRRULE:FREQ=DAILY;COUNT=9\n" TURN(";VALUE=DATE:20260701", "STATUS:COMPLETED\n")
		TURN(";VALUE=DATE:20260703", "STATUS:COMPLETED\n"));
	const char *tick = "<T:DueDate>2026-07-02T00:00:00.000Z</T:DueDate><T:Complete>1</T:Complete><T:Recurrence><T:Type>0</T:Type>"
		"<T:Start>2026-07-02T00:00:00.000Z</T:Start><T:Occurrences>8</T:Occurrences></T:Recurrence>";
	const char *out = kit_merge(k, &item_tasks, ics, tick, &m);
	assert_true(kit_has(out, "DUE;VALUE=DATE:20260704\nRRULE:FREQ=DAILY;COUNT=6\n"));
	assert_true(kit_has(out, "RECURRENCE-ID;VALUE=DATE:20260703\nSTATUS:COMPLETED\n"));
	assert_true(m.altered);
	assert_ptr_equal(kit_merge(k, &item_tasks, out, tick, &m), out);
	/* Moved by the phone, all that it saw is what it was. */
	out = kit_merge(k, &item_tasks, ics, "<T:DueDate>2026-07-06T00:00:00.000Z</T:DueDate><T:Recurrence><T:Type>0</T:Type>"
		"<T:Start>2026-07-06T00:00:00.000Z</T:Start><T:Occurrences>8</T:Occurrences></T:Recurrence>", &m);
	assert_true(kit_has(out, "DUE;VALUE=DATE:20260706\nRRULE:FREQ=DAILY;COUNT=8\n"));
	assert_false(m.altered);
}

/* A reminder is for the turn that the phone was shown, and goes on from there. */
static void
a_reminder_is_for_the_turn_that_is_shown(void **state)
{
	struct kit *k = *state;
	struct item_merged m;
	const char *rule = "<T:Recurrence><T:Type>0</T:Type><T:Start>2026-07-02T00:00:00.000Z</T:Start><T:Occurrences>8</T:Occurrences>"
		"</T:Recurrence><T:DueDate>2026-07-02T00:00:00.000Z</T:DueDate>";
	const char *set = "<T:ReminderSet>1</T:ReminderSet><T:ReminderTime>2026-07-02T07:00:00.000Z</T:ReminderTime>";
	const char *sent = arena_printf(k->a, "%s%s", rule, set);
	const char *out = kit_merge(k, &item_tasks, TODO("DUE;VALUE=DATE:20260701\nRRULE:FREQ=DAILY;COUNT=9\n"
		TURN(";VALUE=DATE:20260701", "STATUS:COMPLETED\n")), sent, &m);

	assert_true(kit_has(out, "TRIGGER;VALUE=DATE-TIME:20260702T070000Z\n"));
	assert_non_null(strstr(kit_render(k, &item_tasks, slice_str(out), NULL), set));
	assert_false(m.altered);
	assert_ptr_equal(kit_merge(k, &item_tasks, out, sent, &m), out);
	out = kit_merge(k, &item_tasks, out, arena_printf(k->a, "%s<T:Complete>1</T:Complete>", sent), &m);
	assert_true(kit_has(out, "TRIGGER;VALUE=DATE-TIME:20260703T070000Z\n"));
	assert_true(kit_has(out, "DUE;VALUE=DATE:20260703\nRRULE:FREQ=DAILY;COUNT=7\n"));
}

#define DAILY(n) "<T:Recurrence><T:Type>0</T:Type><T:Start>2026-07-01T00:00:00.000Z</T:Start><T:Interval>" n "</T:Interval>"
#define DONE "<T:Complete>1</T:Complete><T:DateCompleted>2026-07-01T09:00:00.000Z</T:DateCompleted>"

/* The same tick once more, of which the answer was lost or which somebody else did too: its turn is over already. */
static void
a_turn_is_done_once(void **state)
{
	static const struct {
		const char *lines, *sent, *next;
	} rows[] = {
		{ "DUE;VALUE=DATE:20260701\nSTATUS:IN-PROCESS\nPERCENT-COMPLETE:50\nRRULE:FREQ=DAILY\n",
			"<T:DueDate>2026-07-01T00:00:00.000Z</T:DueDate>" DONE DAILY("1") "</T:Recurrence>",
			"DUE;VALUE=DATE:20260702\nSTATUS:NEEDS-ACTION\nRRULE:FREQ=DAILY\n" },
		{ "DUE:20260701T100000Z\nRRULE:FREQ=DAILY;INTERVAL=2;COUNT=3\n", "<T:UtcDueDate>2026-07-01T10:00:00.000Z</T:UtcDueDate>" DONE DAILY("2")
			"<T:Occurrences>3</T:Occurrences></T:Recurrence>", "DUE:20260703T100000Z\nRRULE:FREQ=DAILY;INTERVAL=2;COUNT=2\n" },
		/* over the end of summer time */
		{ "DTSTART;TZID=America/New_York:20261030T090000\nDUE;TZID=America/New_York:20261031T090000\nRRULE:FREQ=DAILY;INTERVAL=3\n",
			"<T:UtcStartDate>2026-10-30T13:00:00.000Z</T:UtcStartDate><T:StartDate>2026-10-30T09:00:00.000Z</T:StartDate>"
			"<T:UtcDueDate>2026-10-31T13:00:00.000Z</T:UtcDueDate><T:DueDate>2026-10-31T09:00:00.000Z</T:DueDate>" DONE DAILY("3") "</T:Recurrence>",
			"DTSTART;TZID=America/New_York:20261102T090000\nDUE;TZID=America/New_York:20261103T090000\n" },
		{ "DUE;VALUE=DATE:20260601\nRRULE:FREQ=WEEKLY\nX-REGENERATE:1\n", "<T:DueDate>2026-06-01T00:00:00.000Z</T:DueDate>" DONE
			"<T:Recurrence><T:Type>1</T:Type><T:Start>2026-06-01T00:00:00.000Z</T:Start><T:Interval>1</T:Interval><T:DayOfWeek>2</T:DayOfWeek><T:Regenerate>1</T:Regenerate></T:Recurrence>",
			"DUE;VALUE=DATE:20260708\n" },
		{ "DTSTART;TZID=America/New_York:20261030T090000\nRRULE:FREQ=DAILY;INTERVAL=3\n" ALARM("20261030T120000Z"),
			"<T:UtcStartDate>2026-10-30T13:00:00.000Z</T:UtcStartDate>" DONE DAILY("3") "</T:Recurrence>",
			"TRIGGER;VALUE=DATE-TIME:20261102T130000Z\n" },
		/* as MS-ASTASK_R157 has it */
		{ "DUE;VALUE=DATE:20260701\nRRULE:FREQ=DAILY\n", "<T:DueDate>2026-07-01T00:00:00.000Z</T:DueDate>" DONE DAILY("1")
			"<T:DeadOccur>1</T:DeadOccur></T:Recurrence>", "DUE;VALUE=DATE:20260702\nRRULE:FREQ=DAILY\n" },
	};
	struct kit *k = *state;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct item_merged m;
		const char *out = kit_merge(k, &item_tasks, arena_printf(k->a, TODO("%s"), rows[i].lines), rows[i].sent, &m);
		if (!out || !kit_has(out, rows[i].next) || strstr(out, "COMPLETED") || !m.altered)
			fail_msg("%s%s: not %s:\n%s", rows[i].lines, rows[i].sent, rows[i].next, out ? out : "-");
		if (kit_merge(k, &item_tasks, out, rows[i].sent, &m) != out || !m.altered)
			fail_msg("%s%s: done again\n%.*s", rows[i].lines, rows[i].sent, (int)m.bytes.len, (const char *)m.bytes.ptr);
	}
	/* What else it says is taken. */
	struct item_merged m;
	const char *out = kit_merge(k, &item_tasks, TODO("SUMMARY:Old\nDUE;VALUE=DATE:20260704\nRRULE:FREQ=DAILY\n"),
		"<T:Subject>New</T:Subject><T:DueDate>2026-07-01T00:00:00.000Z</T:DueDate>" DONE DAILY("1") "</T:Recurrence>", &m);
	assert_true(kit_has(out, "SUMMARY:New\nDUE;VALUE=DATE:20260704\nRRULE:FREQ=DAILY\n"));
	assert_true(m.altered);
	/* No turn of the series: the user has moved it. */
	out = kit_merge(k, &item_tasks, TODO("DUE;VALUE=DATE:20260704\nRRULE:FREQ=DAILY;INTERVAL=2\n"),
		"<T:DueDate>2026-07-01T00:00:00.000Z</T:DueDate>" DONE DAILY("2") "</T:Recurrence>", &m);
	assert_true(kit_has(out, "DUE;VALUE=DATE:20260701\n"));
}

/* Outlook and others move the series on themselves and add the turn that was done. */
static void
the_phone_moves_it_on(void **state)
{
	struct kit *k = *state;
	struct item_merged m;
	const char *out = kit_merge(k, &item_tasks, rent, "<T:Subject>Pay rent</T:Subject><T:StartDate>2027-01-01T00:00:00.000Z</T:StartDate>"
		"<T:DueDate>2027-01-03T00:00:00.000Z</T:DueDate><T:Complete>0</T:Complete><T:Recurrence><T:Type>2</T:Type>"
		"<T:Start>2027-01-01T00:00:00.000Z</T:Start><T:Interval>1</T:Interval><T:DayOfMonth>3</T:DayOfMonth></T:Recurrence>", &m);

	assert_true(kit_has(out, "DTSTART;VALUE=DATE:20270101\nDUE;VALUE=DATE:20270103\nRRULE:FREQ=MONTHLY;BYMONTHDAY=3\n"));
	assert_false(m.altered);
	out = kit_merge(k, &item_tasks, NULL, "<T:Subject>Pay rent</T:Subject><T:StartDate>2026-12-01T00:00:00.000Z</T:StartDate>"
		"<T:DueDate>2026-12-03T00:00:00.000Z</T:DueDate><T:Complete>1</T:Complete><T:DateCompleted>2026-12-02T10:00:00.000Z</T:DateCompleted>"
		"<T:Recurrence><T:Type>2</T:Type><T:Start>2026-12-01T00:00:00.000Z</T:Start><T:Interval>1</T:Interval><T:DayOfMonth>3</T:DayOfMonth>"
		"<T:DeadOccur>1</T:DeadOccur></T:Recurrence>", &m);
	assert_true(kit_has(out, "STATUS:COMPLETED\n"));
	assert_null(strstr(out, "RRULE"));
	assert_false(m.altered);
}

static void
what_makes_no_task(void **state)
{
	static const char *const sent[] = {
		"<T:ReminderSet>2</T:ReminderSet>", "<T:Importance>3</T:Importance>", "<T:DueDate>soon</T:DueDate>",
		"<T:Recurrence><T:Start>2026-12-01T00:00:00.000Z</T:Start></T:Recurrence>",
		"<T:Recurrence><T:Type>0</T:Type></T:Recurrence>",
		"<T:Recurrence><T:Type>2</T:Type><T:Start>2026-12-01T00:00:00.000Z</T:Start><T:DayOfWeek>1</T:DayOfWeek></T:Recurrence>",
		"<T:Recurrence><T:Type>0</T:Type><T:Start>2026-12-01T00:00:00.000Z</T:Start><T:DayOfMonth>1</T:DayOfMonth></T:Recurrence>",
		"<T:Recurrence><T:Type>1</T:Type><T:Start>2026-12-01T00:00:00.000Z</T:Start><T:CalendarType>1</T:CalendarType></T:Recurrence>",
	};
	struct kit *k = *state;

	for (size_t i = 0; i < ARRAY_LEN(sent); i++)
		if (kit_merge(k, &item_tasks, NULL, sent[i], NULL))
			fail_msg("%s was taken", sent[i]);
	enum err err;
	assert_null(kit_render(k, &item_tasks, slice_str("BEGIN:VCALENDAR\nEND:VCALENDAR\n"), NULL));
	/* A task that repeats by a rule that EAS has no word for: ticked off as a single one it would be done for good. */
	assert_null(kit_render(k, &item_tasks, slice_str(TODO("DUE:20260701T100000Z\nRRULE:FREQ=YEARLY;BYWEEKNO=3\n")), &err));
	assert_int_equal(err, ERR_INVALID);
}

static void
dates_for_the_filter(void **state)
{
	struct kit *k = *state;

	assert_true(item_tasks.date(k->a, slice_str(rent)) == ITEM_DATE_NEVER);
	assert_true(item_tasks.date(k->a, slice_str(TODO("STATUS:COMPLETED\n"))) == 0);
	assert_true(item_tasks.date(k->a, slice_str("?")) == ITEM_DATE_NEVER);
}

static void
every_failed_allocation_is_told(void **state)
{
	struct kit *k = *state;
	const struct wbxml_node *data = kit_parse(k, "<T:Subject>New</T:Subject><T:DueDate>2027-01-03T00:00:00.000Z</T:DueDate>");
	struct arena *own = k->a;
	bool done = false;

	for (size_t n = 1; !done; n++) {
		struct item_merged m;
		k->a = arena_new(0);
		arena_fail_after(k->a, n);
		enum err err = kit_merge_tree(k, &item_tasks, slice_str(rent), data, &m);
		done = err == ERR_OK;
		assert_true(done || err == ERR_NOMEM);
		arena_free(&k->a);
	}
	k->a = own;
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, kit_setup, kit_teardown)
	const struct CMUnitTest tests[] = {
		TEST(the_example),
		TEST(lines_and_elements),
		TEST(edits),
		TEST(a_new_task),
		TEST(one_turn_is_done),
		TEST(turns_done_elsewhere_are_over),
		TEST(a_reminder_is_for_the_turn_that_is_shown),
		TEST(a_turn_is_done_once),
		TEST(the_phone_moves_it_on),
		TEST(what_makes_no_task),
		TEST(dates_for_the_filter),
		TEST(every_failed_allocation_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
