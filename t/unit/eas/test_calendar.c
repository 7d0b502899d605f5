/* Events between iCalendar and the Calendar class: pairs written by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/text.h"
#include "eas/calendar.h"
#include "items_kit.h"

#define BERLIN_BLOB \
	"xP///1cALgAgAEUAdQByAG8AcABlACAAUwB0AGEAbgBkAGEAcgBkACAAVABpAG0AZQAAAAAAAAAAAAAAAAAAAAAAAAAAAAoAAAAFAAMAAAAAAAAAAAAA" \
	"AFcALgAgAEUAdQByAG8AcABlACAARABhAHkAbABpAGcAaAB0ACAAVABpAG0AZQAAAAAAAAAAAAAAAAAAAAAAAAAAAAMAAAAFAAIAAAAAAAAAxP///w=="

#define EVENT(lines) \
	"BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:-//x//y//EN\nX-WR-CALNAME:Mine\nBEGIN:VEVENT\nUID:u1\nDTSTAMP:20260101T000000Z\n" lines \
	"END:VEVENT\nEND:VCALENDAR\n"

static const char *const jour_fixe =
	"BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:-//x//y//EN\n"
	"BEGIN:VEVENT\nUID:0f1e2d3c-0001@example.com\nDTSTAMP:20261123T191828Z\nDTSTART;TZID=Europe/Berlin:20261130T090000\n"
	"DTEND;TZID=Europe/Berlin:20261130T100000\nSUMMARY:Jour fixe\nLOCATION:Room 1\nDESCRIPTION:Agenda\n"
	"ORGANIZER;CN=Alice:mailto:alice@example.com\n"
	"ATTENDEE;CN=Bob;PARTSTAT=ACCEPTED;RSVP=TRUE;X-NUM-GUESTS=0:mailto:bob@example.com\n"
	"RRULE:FREQ=WEEKLY;UNTIL=20261228T080000Z;BYDAY=MO\nEXDATE;TZID=Europe/Berlin:20261207T090000\nX-KEEP;X-P=1:me\n"
	"BEGIN:VALARM\nACTION:DISPLAY\nDESCRIPTION:x\nTRIGGER:-PT15M\nX-ALARM:1\nEND:VALARM\n"
	"BEGIN:VALARM\nACTION:EMAIL\nDESCRIPTION:x\nTRIGGER:-PT1D\nATTENDEE:mailto:z@example.com\nEND:VALARM\nEND:VEVENT\n"
	"BEGIN:VEVENT\nUID:0f1e2d3c-0001@example.com\nDTSTAMP:20261123T191828Z\nRECURRENCE-ID;TZID=Europe/Berlin:20261214T090000\n"
	"DTSTART;TZID=Europe/Berlin:20261214T110000\nDTEND;TZID=Europe/Berlin:20261214T120000\nSUMMARY:Jour fixe\nLOCATION:Room 1\n"
	"DESCRIPTION:Agenda\nORGANIZER;CN=Alice:mailto:alice@example.com\n"
	"ATTENDEE;CN=Bob;PARTSTAT=ACCEPTED;RSVP=TRUE:mailto:bob@example.com\n"
	"BEGIN:VALARM\nACTION:DISPLAY\nTRIGGER:-PT15M\nEND:VALARM\nEND:VEVENT\n"
	"END:VCALENDAR\n";

#define JOUR_FIXE_HEAD(location) \
	"<C:Timezone>" BERLIN_BLOB "</C:Timezone><C:DtStamp>20261123T191828Z</C:DtStamp><C:StartTime>20261130T080000Z</C:StartTime>" \
	"<C:Subject>Jour fixe</C:Subject><C:UID>0f1e2d3c-0001@example.com</C:UID><C:OrganizerName>Alice</C:OrganizerName>" \
	"<C:OrganizerEmail>alice@example.com</C:OrganizerEmail><C:Attendees><C:Attendee><C:Email>bob@example.com</C:Email>" \
	"<C:Name>Bob</C:Name><C:AttendeeStatus>3</C:AttendeeStatus><C:AttendeeType>1</C:AttendeeType></C:Attendee></C:Attendees>" \
	location "<C:EndTime>20261130T090000Z</C:EndTime><A:Body><A:Type>1</A:Type><A:EstimatedDataSize>6</A:EstimatedDataSize>" \
	"<A:Truncated>0</A:Truncated><A:Data>Agenda</A:Data></A:Body><A:NativeBodyType>1</A:NativeBodyType>" \
	"<C:Sensitivity>0</C:Sensitivity><C:BusyStatus>2</C:BusyStatus><C:AllDayEvent>0</C:AllDayEvent><C:Reminder>15</C:Reminder>" \
	"<C:MeetingStatus>1</C:MeetingStatus>"

static void
the_example_of_a_series(void **state)
{
	struct kit *k = *state;

	assert_string_equal(kit_render(k, &item_calendar, slice_str(jour_fixe), NULL),
		JOUR_FIXE_HEAD("<C:Location>Room 1</C:Location>")
		"<C:Recurrence><C:Type>1</C:Type><C:Interval>1</C:Interval><C:DayOfWeek>2</C:DayOfWeek><C:Until>20261228T080000Z</C:Until>"
		"<C:FirstDayOfWeek>1</C:FirstDayOfWeek></C:Recurrence>"
		"<C:Exceptions><C:Exception><C:Deleted>1</C:Deleted><C:ExceptionStartTime>20261207T080000Z</C:ExceptionStartTime></C:Exception>"
		"<C:Exception><C:ExceptionStartTime>20261214T080000Z</C:ExceptionStartTime><C:StartTime>20261214T100000Z</C:StartTime>"
		"<C:EndTime>20261214T110000Z</C:EndTime></C:Exception></C:Exceptions>"
		"<C:ResponseRequested>1</C:ResponseRequested><C:ResponseType>1</C:ResponseType>");
	k->view.version = 161;
	assert_string_equal(kit_render(k, &item_calendar, slice_str(jour_fixe), NULL),
		JOUR_FIXE_HEAD("<A:Location><A:DisplayName>Room 1</A:DisplayName></A:Location>")
		"<C:Recurrence><C:Type>1</C:Type><C:Interval>1</C:Interval><C:DayOfWeek>2</C:DayOfWeek><C:Until>20261228T080000Z</C:Until>"
		"<C:FirstDayOfWeek>1</C:FirstDayOfWeek></C:Recurrence>"
		"<C:Exceptions><C:Exception><C:Deleted>1</C:Deleted><A:InstanceId>20261207T080000Z</A:InstanceId></C:Exception>"
		"<C:Exception><A:InstanceId>20261214T080000Z</A:InstanceId><C:StartTime>20261214T100000Z</C:StartTime>"
		"<C:EndTime>20261214T110000Z</C:EndTime></C:Exception></C:Exceptions>"
		"<C:ResponseRequested>1</C:ResponseRequested><C:ResponseType>1</C:ResponseType>");
	k->view.version = 121;
	const char *old = kit_render(k, &item_calendar, slice_str(jour_fixe), NULL);
	assert_null(strstr(old, "Response"));
	assert_null(strstr(old, "FirstDayOfWeek"));
}

static void
sent_back_as_it_was_nothing_changes(void **state)
{
	static const unsigned versions[] = { 121, 140, 141, 160, 161 };
	struct kit *k = *state;
	struct item_merged m;

	for (size_t i = 0; i < ARRAY_LEN(versions); i++) {
		k->view.version = versions[i];
		const struct wbxml_node *tree = kit_render_tree(k, &item_calendar, slice_str(jour_fixe), NULL);
		assert_int_equal(kit_merge_tree(k, &item_calendar, slice_str(jour_fixe), tree, &m), ERR_OK);
		assert_true(m.unchanged);
		assert_false(m.altered);
	}
}

/* ---- fields ---- */

/* A line of a VEVENT and an element that it becomes, for all versions or from one on. */
static void
lines_and_elements(void **state)
{
	static const struct {
		const char *lines, *element;
		unsigned version;
	} pairs[] = {
		{ "DTSTART:20260301T100000Z\nDTEND:20260301T110000Z\n", "<C:StartTime>20260301T100000Z</C:StartTime>", 141 },
		{ "DTSTART:20260301T100000Z\nDTEND:20260301T110000Z\n", "<C:EndTime>20260301T110000Z</C:EndTime>", 141 },
		{ "DTSTART:20260301T100000Z\nDURATION:PT90M\n", "<C:EndTime>20260301T113000Z</C:EndTime>", 141 },
		{ "DTSTART:20260301T100000Z\n", "<C:EndTime>20260301T100000Z</C:EndTime>", 141 },
		/* floating: the default zone */
		{ "DTSTART:20260301T100000\nDTEND:20260301T110000\n", "<C:StartTime>20260301T090000Z</C:StartTime>", 141 },
		{ "DTSTART;TZID=America/New_York:20260301T100000\n", "<C:StartTime>20260301T150000Z</C:StartTime>", 141 },
		{ "DTSTART;TZID=Eastern Standard Time:20260301T100000\n", "<C:StartTime>20260301T150000Z</C:StartTime>", 141 },
		{ "DTSTART;TZID=\"/freeassociation.sourceforge.net/Asia/Tokyo\":20260301T100000\n",
			"<C:StartTime>20260301T010000Z</C:StartTime>", 141 },
		/* days of a month of clocks changing: a day is a day */
		{ "DTSTART;TZID=Europe/Berlin:20260328T120000\nDURATION:P1D\n", "<C:EndTime>20260329T100000Z</C:EndTime>", 141 },
		{ "DTSTART;TZID=Europe/Berlin:20260328T120000\nDURATION:PT25H\n", "<C:EndTime>20260329T120000Z</C:EndTime>", 141 },
		{ "DTSTART;VALUE=DATE:20260301\nDTEND;VALUE=DATE:20260302\n", "<C:StartTime>20260228T230000Z</C:StartTime>", 141 },
		{ "DTSTART;VALUE=DATE:20260301\nDTEND;VALUE=DATE:20260302\n", "<C:EndTime>20260301T230000Z</C:EndTime>", 141 },
		{ "DTSTART;VALUE=DATE:20260301\nDTEND;VALUE=DATE:20260302\n", "<C:AllDayEvent>1</C:AllDayEvent>", 141 },
		{ "DTSTART;VALUE=DATE:20260301\nDTEND;VALUE=DATE:20260302\n", "<C:StartTime>20260301T000000Z</C:StartTime>", 160 },
		{ "DTSTART;VALUE=DATE:20260301\n", "<C:EndTime>20260302T000000Z</C:EndTime>", 161 },
		{ "DTSTART;VALUE=DATE:20260301\nDTEND;VALUE=DATE:20260301\n", "<C:EndTime>20260302T000000Z</C:EndTime>", 161 },
		{ "DTSTART;TZID=Europe/Berlin:20260301T000000\nDTEND;TZID=Europe/Berlin:20260303T000000\nX-MICROSOFT-CDO-ALLDAYEVENT:TRUE\n",
			"<C:EndTime>20260303T000000Z</C:EndTime>", 161 },
		{ "DTSTART:20260301T100000Z\nSUMMARY:a\\, b\\; c\\\\ d\\ne\n", "<C:Subject>a, b; c\\ d\ne</C:Subject>", 141 },
		{ "DTSTART:20260301T100000Z\nCLASS:PRIVATE\n", "<C:Sensitivity>2</C:Sensitivity>", 141 },
		{ "DTSTART:20260301T100000Z\nCLASS:CONFIDENTIAL\n", "<C:Sensitivity>3</C:Sensitivity>", 141 },
		{ "DTSTART:20260301T100000Z\nCLASS:X-ODD\n", "<C:Sensitivity>0</C:Sensitivity>", 141 },
		{ "DTSTART:20260301T100000Z\nTRANSP:TRANSPARENT\n", "<C:BusyStatus>0</C:BusyStatus>", 141 },
		{ "DTSTART:20260301T100000Z\nSTATUS:TENTATIVE\n", "<C:BusyStatus>1</C:BusyStatus>", 141 },
		{ "DTSTART:20260301T100000Z\nX-MICROSOFT-CDO-BUSYSTATUS:OOF\n", "<C:BusyStatus>3</C:BusyStatus>", 141 },
		{ "DTSTART:20260301T100000Z\nX-MICROSOFT-CDO-BUSYSTATUS:OOF\nTRANSP:TRANSPARENT\n", "<C:BusyStatus>0</C:BusyStatus>", 141 },
		{ "DTSTART:20260301T100000Z\nX-MICROSOFT-CDO-BUSYSTATUS:FREE\nTRANSP:OPAQUE\n", "<C:BusyStatus>2</C:BusyStatus>", 141 },
		{ "DTSTART:20260301T100000Z\nX-MICROSOFT-CDO-BUSYSTATUS:WORKINGELSEWHERE\n", "<C:BusyStatus>2</C:BusyStatus>", 141 },
		{ "DTSTART:20260301T100000Z\nX-MICROSOFT-CDO-BUSYSTATUS:WORKINGELSEWHERE\n", "<C:BusyStatus>4</C:BusyStatus>", 161 },
		{ "DTSTART:20260301T100000Z\nCATEGORIES:Work,a\\,b\nCATEGORIES:Home\n",
			"<C:Categories><C:Category>Work</C:Category><C:Category>a,b</C:Category><C:Category>Home</C:Category></C:Categories>", 141 },
		{ "DTSTART:20260301T100000Z\nGEO:52.52;13.405\nLOCATION;ALTREP=\"http://x/y\":Home\nX-LOCATION-CITY:Berlin\n",
			"<A:Location><A:DisplayName>Home</A:DisplayName><A:City>Berlin</A:City><A:Latitude>52.52</A:Latitude>"
			"<A:Longitude>13.405</A:Longitude><A:LocationUri>http://x/y</A:LocationUri></A:Location>", 161 },
		{ "DTSTART:20260301T100000Z\nLOCATION:Home\nGEO:1;\x01" "a\n", "<A:Location><A:DisplayName>Home</A:DisplayName></A:Location>", 161 },
		{ "DTSTART:20260301T100000Z\nX-MICROSOFT-DISALLOW-COUNTER:TRUE\n",
			"<C:DisallowNewTimeProposal>1</C:DisallowNewTimeProposal>", 140 },
		{ "DTSTART:20260301T100000Z\nX-GOOGLE-CONFERENCE:https://meet.example/abc\n",
			"<C:OnlineMeetingExternalLink>https://meet.example/abc</C:OnlineMeetingExternalLink>", 141 },
		{ "DTSTART:20260301T100000Z\nCONFERENCE;VALUE=URI:tel:+49\nCONFERENCE;VALUE=URI:sip:room@example.com;gruu\n",
			"<C:OnlineMeetingConfLink>sip:room@example.com;gruu</C:OnlineMeetingConfLink>", 141 },
		{ "DTSTART:20260301T100000Z\nBEGIN:VALARM\nACTION:AUDIO\nTRIGGER:-P1DT1M\nEND:VALARM\n", "<C:Reminder>1441</C:Reminder>", 141 },
		{ "DTSTART:20260301T100000Z\nBEGIN:VALARM\nACTION:DISPLAY\nTRIGGER;VALUE=DATE-TIME:20260301T094500Z\nEND:VALARM\n",
			"<C:Reminder>15</C:Reminder>", 141 },
		{ "DTSTART:20260301T100000Z\nBEGIN:VALARM\nACTION:EMAIL\nTRIGGER:-PT5M\nEND:VALARM\nBEGIN:VALARM\nACTION:DISPLAY\n"
			"TRIGGER;RELATED=END:-PT1M\nEND:VALARM\nBEGIN:VALARM\nACTION:DISPLAY\nTRIGGER:PT0S\nEND:VALARM\n",
			"<C:Reminder>0</C:Reminder>", 141 },
		/* meetings */
		{ "DTSTART:20260301T100000Z\nORGANIZER:mailto:alice@example.com\n", "<C:MeetingStatus>0</C:MeetingStatus>", 141 },
		{ "DTSTART:20260301T100000Z\nORGANIZER:mailto:Alice@Example.com\nATTENDEE:mailto:b@x\n",
			"<C:MeetingStatus>1</C:MeetingStatus>", 141 },
		{ "DTSTART:20260301T100000Z\nORGANIZER:mailto:boss@x\nATTENDEE;PARTSTAT=TENTATIVE:mailto:alice@example.com\n",
			"<C:MeetingStatus>3</C:MeetingStatus>", 141 },
		{ "DTSTART:20260301T100000Z\nORGANIZER:mailto:boss@x\nATTENDEE;PARTSTAT=TENTATIVE:mailto:alice@example.com\n",
			"<C:ResponseType>2</C:ResponseType>", 141 },
		{ "DTSTART:20260301T100000Z\nSTATUS:CANCELLED\nORGANIZER:mailto:boss@x\nATTENDEE:mailto:alice@example.com\n",
			"<C:MeetingStatus>7</C:MeetingStatus>", 141 },
		{ "DTSTART:20260301T100000Z\nATTENDEE;CUTYPE=ROOM;CN=R1:mailto:room@x\n",
			"<C:Attendee><C:Email>room@x</C:Email><C:Name>R1</C:Name><C:AttendeeStatus>5</C:AttendeeStatus>"
			"<C:AttendeeType>3</C:AttendeeType></C:Attendee>", 141 },
		{ "DTSTART:20260301T100000Z\nATTENDEE;CN=\"Doe, J\";ROLE=OPT-PARTICIPANT:MAILTO:j@x\n",
			"<C:Attendee><C:Email>j@x</C:Email><C:Name>Doe, J</C:Name><C:AttendeeStatus>5</C:AttendeeStatus>"
			"<C:AttendeeType>2</C:AttendeeType></C:Attendee>", 141 },
		/* the organizer is no attendee */
		{ "DTSTART:20260301T100000Z\nORGANIZER:mailto:alice@example.com\nATTENDEE:mailto:alice@example.com\nATTENDEE:mailto:b@x\n",
			"<C:Attendees><C:Attendee><C:Email>b@x</C:Email>", 141 },
	};
	struct kit *k = *state;

	for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
		const char *ics = arena_printf(k->a, EVENT("%s"), pairs[i].lines);
		struct item_merged m;
		k->view.version = pairs[i].version;
		const char *xml = kit_render(k, &item_calendar, slice_str(ics), NULL);
		if (!xml || !strstr(xml, pairs[i].element))
			fail_msg("%s%s\nis not in\n%s", pairs[i].lines, pairs[i].element, xml ? xml : "(nothing)");
		assert_int_equal(kit_merge_tree(k, &item_calendar, slice_str(ics), kit_parse(k, xml), &m), ERR_OK);
		if (!m.unchanged)
			fail_msg("sent back, %s became\n%.*s", pairs[i].lines, (int)m.bytes.len, (const char *)m.bytes.ptr);
	}
}

static void
all_day_events_have_no_zone_from_16(void **state)
{
	struct kit *k = *state;

	k->view.version = 160;
	assert_null(strstr(kit_render(k, &item_calendar, slice_str(EVENT("DTSTART;VALUE=DATE:20260301\n")), NULL), "Timezone"));
	k->view.version = 141;
	assert_non_null(strstr(kit_render(k, &item_calendar, slice_str(EVENT("DTSTART;VALUE=DATE:20260301\n")), NULL), "Timezone"));
}

/* ---- edits ---- */

#define BASE "DTSTART;TZID=Europe/Berlin:20260301T100000\nDTEND;TZID=Europe/Berlin:20260301T110000\nSUMMARY:Old\nLOCATION:There\n" \
	"X-OWN;A=b:c\n"

/* What is sent on top of BASE in 16.1, and the lines that are in the result, and those that are not. */
static void
edits_of_single_fields(void **state)
{
	static const struct {
		const char *lines, *sent, *there, *gone;
	} edits[] = {
		{ "", "<C:Subject>New, one</C:Subject>", "SUMMARY:New\\, one\n", "SUMMARY:Old\n" },
		{ "", "<C:Subject/>", "LOCATION:There\n", "SUMMARY" },
		{ "", "<A:Location/>", "SUMMARY:Old\n", "LOCATION" },
		{ "", "<A:Location><A:DisplayName>Here</A:DisplayName><A:Latitude>1.5</A:Latitude><A:Longitude>-2</A:Longitude></A:Location>",
			"LOCATION:Here\n", "There" },
		{ "", "<A:Location><A:DisplayName>Here</A:DisplayName><A:Latitude>1.5</A:Latitude><A:Longitude>-2</A:Longitude></A:Location>",
			"GEO:1.5;-2\n", "There" },
		{ "", "<C:StartTime>20260301T080000Z</C:StartTime>", "DTSTART;TZID=Europe/Berlin:20260301T090000\n", "T110000\n" },
		{ "", "<C:StartTime>20260301T080000Z</C:StartTime>", "DTEND;TZID=Europe/Berlin:20260301T100000\n", "T110000\n" },
		{ "", "<C:EndTime>20260301T120000Z</C:EndTime>", "DTEND;TZID=Europe/Berlin:20260301T130000\n", "T110000\n" },
		{ "", "<C:AllDayEvent>1</C:AllDayEvent><C:StartTime>20260305T000000Z</C:StartTime><C:EndTime>20260307T000000Z</C:EndTime>",
			"DTSTART;VALUE=DATE:20260305\n", "TZID" },
		{ "", "<C:AllDayEvent>1</C:AllDayEvent><C:StartTime>20260305T000000Z</C:StartTime><C:EndTime>20260307T000000Z</C:EndTime>",
			"DTEND;VALUE=DATE:20260307\n", "TZID" },
		{ "", "<C:BusyStatus>0</C:BusyStatus>", "TRANSP:TRANSPARENT\n", "CDO" },
		{ "", "<C:BusyStatus>3</C:BusyStatus>", "X-MICROSOFT-CDO-BUSYSTATUS:OOF\n", "TRANSPARENT" },
		{ "STATUS:TENTATIVE\n", "<C:BusyStatus>2</C:BusyStatus>", "STATUS:TENTATIVE\n", "TRANSPARENT" },
		{ "", "<C:Sensitivity>2</C:Sensitivity>", "CLASS:PRIVATE\n", "PUBLIC" },
		{ "", "<C:Categories><C:Category>a,b</C:Category><C:Category>c</C:Category></C:Categories>", "CATEGORIES:a\\,b,c\n", "?" },
		{ "CATEGORIES:x\nCATEGORIES:y\n", "<C:Categories/>", "SUMMARY:Old\n", "CATEGORIES" },
		{ "", "<C:Reminder>30</C:Reminder>", "BEGIN:VALARM\nACTION:DISPLAY\nDESCRIPTION:Old\nTRIGGER:-PT30M\nEND:VALARM\n", "?" },
		{ "BEGIN:VALARM\nACTION:DISPLAY\nTRIGGER:-PT5M\nX-A:1\nEND:VALARM\n", "<C:Reminder>30</C:Reminder>",
			"BEGIN:VALARM\nACTION:DISPLAY\nTRIGGER:-PT30M\nX-A:1\nEND:VALARM\n", "PT5M" },
		{ "BEGIN:VALARM\nACTION:DISPLAY\nTRIGGER:-PT5M\nEND:VALARM\nBEGIN:VALARM\nACTION:EMAIL\nTRIGGER:-PT9M\nEND:VALARM\n",
			"<C:Reminder/>", "BEGIN:VALARM\nACTION:EMAIL\nTRIGGER:-PT9M\nEND:VALARM\n", "DISPLAY" },
		/* "none" means all that can be told of, not the first alone */
		{ "BEGIN:VALARM\nACTION:DISPLAY\nTRIGGER:-PT5M\nEND:VALARM\nBEGIN:VALARM\nACTION:EMAIL\nTRIGGER:-PT9M\nEND:VALARM\n"
			"BEGIN:VALARM\nACTION:AUDIO\nTRIGGER:-P1D\nEND:VALARM\nBEGIN:VALARM\nACTION:DISPLAY\nTRIGGER:-PT1H\nEND:VALARM\n",
			"<C:Reminder/>", "BEGIN:VALARM\nACTION:EMAIL\nTRIGGER:-PT9M\nEND:VALARM\nEND:VEVENT\n", "DISPLAY" },
		{ "DESCRIPTION:text\nX-ALT-DESC;FMTTYPE=text/html:<b>text</b>\n",
			"<A:Body><A:Type>1</A:Type><A:Data>other</A:Data></A:Body>", "DESCRIPTION:other\n", "X-ALT-DESC" },
		{ "DESCRIPTION:text\n", "<A:Body/>", "SUMMARY:Old\n", "DESCRIPTION" },
		{ "", "<C:Recurrence><C:Type>0</C:Type><C:Interval>2</C:Interval><C:Occurrences>5</C:Occurrences></C:Recurrence>",
			"RRULE:FREQ=DAILY;INTERVAL=2;COUNT=5\n", "UNTIL" },
		{ "", "<C:Recurrence><C:Type>1</C:Type><C:DayOfWeek>62</C:DayOfWeek><C:Until>20260401T080000Z</C:Until></C:Recurrence>",
			"RRULE:FREQ=WEEKLY;UNTIL=20260401T080000Z;BYDAY=MO,TU,WE,TH,FR\n", "COUNT" },
		/* the last day of the month, as Android says it */
		{ "", "<C:Recurrence><C:Type>3</C:Type><C:DayOfWeek>127</C:DayOfWeek></C:Recurrence>",
			"RRULE:FREQ=MONTHLY;BYMONTHDAY=-1\n", "COUNT" },
		{ "", "<C:Recurrence><C:Type>6</C:Type><C:DayOfWeek>127</C:DayOfWeek><C:MonthOfYear>2</C:MonthOfYear></C:Recurrence>",
			"RRULE:FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=-1\n", "COUNT" },
		{ "RRULE:FREQ=DAILY\nEXDATE;TZID=Europe/Berlin:20260302T100000\n", "<C:Recurrence/>", "SUMMARY:Old\n", "EXDATE" },
		{ "RRULE:FREQ=DAILY;COUNT=9\nEXDATE;TZID=Europe/Berlin:20260302T100000\n",
			"<C:Recurrence><C:Type>0</C:Type><C:Occurrences>10</C:Occurrences></C:Recurrence>",
			"EXDATE;TZID=Europe/Berlin:20260302T100000\n", "COUNT=9" },
		/* MS-ASCAL R2114 */
		{ "RRULE:FREQ=DAILY;COUNT=9\nEXDATE;TZID=Europe/Berlin:20260302T100000\n", "<C:StartTime>20260301T080000Z</C:StartTime>",
			"RRULE:FREQ=DAILY;COUNT=9\n", "EXDATE" },
	};
	struct kit *k = *state;

	k->view.version = 161;
	for (size_t i = 0; i < ARRAY_LEN(edits); i++) {
		const char *ics = arena_printf(k->a, EVENT(BASE "%s"), edits[i].lines);
		struct item_merged m;
		const char *out = kit_merge(k, &item_calendar, ics, edits[i].sent, &m);
		if (!out || m.unchanged || !kit_has(out, edits[i].there) || strstr(out, edits[i].gone))
			fail_msg("%s%s: not %s or still %s:\n%s", edits[i].lines, edits[i].sent, edits[i].there, edits[i].gone, out ? out : "-");
		/* What the phone does not know is there. */
		assert_true(kit_has(out, "X-OWN;A=b:c\n"));
		assert_true(kit_has(out, "X-WR-CALNAME:Mine\n"));
		assert_true(kit_has(out, "PRODID:-//x//y//EN\n"));
		assert_true(strstr(out, "LAST-MODIFIED:") && kit_has(out, "SEQUENCE:1\n"));
		/* Once more, and nothing changes. */
		assert_ptr_equal(kit_merge(k, &item_calendar, out, edits[i].sent, &m), out);
		assert_true(m.unchanged);
	}
}

static void
absent_means_unchanged_in_16_and_removed_before(void **state)
{
	struct kit *k = *state;
	const char *ics = EVENT(BASE "DESCRIPTION:text\nCATEGORIES:x\nBEGIN:VALARM\nACTION:DISPLAY\nTRIGGER:-PT5M\nEND:VALARM\n"
		"RRULE:FREQ=DAILY\nEXDATE;TZID=Europe/Berlin:20260303T100000\n");
	const char *sent = "<C:Subject>New</C:Subject>";

	k->view.version = 161;
	const char *out = kit_merge(k, &item_calendar, ics, sent, NULL);
	assert_true(kit_has(out, "LOCATION:There\n") && kit_has(out, "CATEGORIES:x\n") && kit_has(out, "TRIGGER:-PT5M\n") &&
		kit_has(out, "RRULE:FREQ=DAILY\n") && kit_has(out, "DESCRIPTION:text\n"));

	k->view.version = 141;
	out = kit_merge(k, &item_calendar, ics, sent, NULL);
	assert_true(kit_has(out, "SUMMARY:New\n") && kit_has(out, "DESCRIPTION:text\n"));
	assert_null(strstr(out, "LOCATION"));
	assert_null(strstr(out, "CATEGORIES"));
	assert_null(strstr(out, "VALARM"));
	assert_null(strstr(out, "RRULE"));

	/* Supported, and empty: all but Location is ghosted. */
	k->supported.sent = true;
	out = kit_merge(k, &item_calendar, ics, sent, NULL);
	assert_true(kit_has(out, "CATEGORIES:x\n") && kit_has(out, "RRULE:FREQ=DAILY\n"));
	assert_null(strstr(out, "LOCATION"));

	/* Supported names Categories: only those are the phone's to remove. */
	static const unsigned tags[] = { Calendar_Categories };
	k->supported = (struct item_supported){ .sent = true, .tags = tags, .n = 1 };
	out = kit_merge(k, &item_calendar, ics, sent, NULL);
	assert_null(strstr(out, "CATEGORIES"));
	assert_true(kit_has(out, "TRIGGER:-PT5M\n"));
}

static void
zones_of_an_edit(void **state)
{
	struct kit *k = *state;
	struct item_merged m;

	/* The phone's blob is another zone's: the event moves there, at the same instant. */
	const char *out = kit_merge(k, &item_calendar, EVENT("DTSTART:20260301T100000Z\nDTEND:20260301T110000Z\n"),
		"<C:Timezone>" BERLIN_BLOB "</C:Timezone><C:StartTime>20260301T100000Z</C:StartTime><C:EndTime>20260301T110000Z</C:EndTime>", &m);
	assert_true(kit_has(out, "DTSTART;TZID=Europe/Berlin:20260301T110000\n"));
	assert_true(kit_has(out, "DTEND;TZID=Europe/Berlin:20260301T120000\n"));
	assert_true(kit_has(out, "BEGIN:VTIMEZONE\nTZID:Europe/Berlin\n"));
	assert_false(m.altered);
	/* The stored zone has the same clocks: it stays. */
	const char *vienna = EVENT("DTSTART;TZID=Europe/Vienna:20260301T110000\nDTEND;TZID=Europe/Vienna:20260301T120000\n");
	assert_ptr_equal(kit_merge(k, &item_calendar, vienna,
		"<C:Timezone>" BERLIN_BLOB "</C:Timezone><C:StartTime>20260301T100000Z</C:StartTime>", NULL), vienna);
	/* A flight keeps the zone of its end. */
	const char *flight = EVENT("DTSTART;TZID=Europe/Berlin:20260301T110000\nDTEND;TZID=America/New_York:20260301T130000\n");
	out = kit_merge(k, &item_calendar, flight, "<C:StartTime>20260301T103000Z</C:StartTime><C:EndTime>20260301T183000Z</C:EndTime>", NULL);
	assert_true(kit_has(out, "DTEND;TZID=America/New_York:20260301T133000\n"));
	/* An end that is a date beside a start that is none gets the start's form. */
	const char *mixed = EVENT("DTSTART;TZID=Europe/Berlin:20260301T110000\nDTEND;VALUE=DATE:20260302\n");
	out = kit_merge(k, &item_calendar, mixed, "<C:StartTime>20260301T100000Z</C:StartTime><C:EndTime>20260301T183000Z</C:EndTime>", NULL);
	assert_true(kit_has(out, "DTSTART;TZID=Europe/Berlin:20260301T110000\nDTEND;TZID=Europe/Berlin:20260301T193000\n"));
	assert_ptr_equal(kit_merge(k, &item_calendar, mixed, "<C:EndTime>20260301T230000Z</C:EndTime>", NULL), mixed);
	/* A floating event floats on. */
	const char *floating = EVENT("DTSTART:20260301T110000\nDTEND:20260301T120000\n");
	out = kit_merge(k, &item_calendar, floating, "<C:StartTime>20260301T103000Z</C:StartTime><C:EndTime>20260301T113000Z</C:EndTime>", NULL);
	assert_true(kit_has(out, "DTSTART:20260301T113000\n"));
}

/* TZID is a text, in which a comma is escaped (RFC 5545 3.8.3.1); in a parameter it stands as it is. */
static void
zones_with_a_comma_in_their_name(void **state)
{
	static const char *const names[] = { "Kuala Lumpur\\, Singapore", "Kuala Lumpur, Singapore" };
	struct kit *k = *state;

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		const char *ics = arena_printf(k->a, "BEGIN:VCALENDAR\nBEGIN:VTIMEZONE\nTZID:%s\nBEGIN:STANDARD\nDTSTART:16010101T000000\n"
			"TZOFFSETFROM:+0900\nTZOFFSETTO:+0800\nEND:STANDARD\nEND:VTIMEZONE\nBEGIN:VEVENT\nUID:u\n"
			"DTSTART;TZID=\"Kuala Lumpur, Singapore\":20260301T093000\nEND:VEVENT\nEND:VCALENDAR\n", names[i]);
		const char *xml = kit_render(k, &item_calendar, slice_str(ics), NULL);
		assert_non_null(strstr(xml, "<C:StartTime>20260301T013000Z</C:StartTime>"));
		/* It is not defined again. */
		const char *out = kit_merge(k, &item_calendar, ics, "<C:StartTime>20260301T023000Z</C:StartTime>", NULL);
		assert_true(kit_has(out, "DTSTART;TZID=\"Kuala Lumpur, Singapore\":20260301T103000\n"));
		assert_null(strstr(strstr(out, "BEGIN:VTIMEZONE") + 1, "BEGIN:VTIMEZONE"));
	}
}

/* Outlook writes whole days as midnights of a zone. What is added stands in that form, too. */
static void
whole_days_as_midnights(void **state)
{
	struct kit *k = *state;
	struct item_merged m;
	const char *ics = EVENT("DTSTART;TZID=Europe/Berlin:20261201T000000\nDTEND;TZID=Europe/Berlin:20261202T000000\nSUMMARY:Old\n"
		"X-MICROSOFT-CDO-ALLDAYEVENT:TRUE\nRRULE:FREQ=DAILY;UNTIL=20261231T230000Z\nEXDATE:20261202T230000Z\n");

	k->view.version = 161;
	const char *xml = kit_render(k, &item_calendar, slice_str(ics), NULL);
	assert_non_null(strstr(xml, "<C:Until>20270101T000000Z</C:Until>"));
	assert_non_null(strstr(xml, "<A:InstanceId>20261203T000000Z</A:InstanceId>"));
	assert_ptr_equal(kit_merge(k, &item_calendar, ics, xml, &m), ics);
	k->instance = "20261205T000000Z";
	const char *out = kit_merge(k, &item_calendar, ics, NULL, &m);
	assert_true(kit_has(out, "EXDATE;TZID=Europe/Berlin:20261205T000000\n"));
	out = kit_merge(k, &item_calendar, ics, "<C:Subject>Own</C:Subject>", &m);
	assert_true(kit_has(out, "RECURRENCE-ID;TZID=Europe/Berlin:20261205T000000\n"));
	assert_true(kit_has(out, "DTSTART;TZID=Europe/Berlin:20261205T000000\nDTEND;TZID=Europe/Berlin:20261206T000000\nSUMMARY:Own\n"
		"X-MICROSOFT-CDO-ALLDAYEVENT:TRUE\n"));
	assert_null(strstr(out, "VALUE=DATE"));
	assert_false(m.altered);
	k->instance = NULL;
	k->view.version = 141;
	/* A day later, and two days long. */
	const char *moved = kit_merge(k, &item_calendar, out, "<C:Subject>Old</C:Subject><C:AllDayEvent>1</C:AllDayEvent>"
		"<C:StartTime>20261201T230000Z</C:StartTime><C:EndTime>20261203T230000Z</C:EndTime><C:Recurrence><C:Type>0</C:Type>"
		"<C:Until>20270102T000000Z</C:Until></C:Recurrence>", &m);
	assert_true(kit_has(moved, "DTSTART;TZID=Europe/Berlin:20261202T000000\nDTEND;TZID=Europe/Berlin:20261204T000000\n"));
	assert_true(kit_has(moved, "RRULE:FREQ=DAILY;UNTIL=20270101T230000Z\n"));
	assert_null(strstr(moved, "VALUE=DATE"));
	/* To an hour: no whole days any more. */
	out = kit_merge(k, &item_calendar, ics, "<C:Subject>Old</C:Subject><C:AllDayEvent>0</C:AllDayEvent><C:StartTime>20261201T080000Z</C:StartTime>"
		"<C:EndTime>20261201T090000Z</C:EndTime><C:Recurrence><C:Type>0</C:Type><C:Until>20270101T100000Z</C:Until></C:Recurrence>", &m);
	assert_true(kit_has(out, "DTSTART;TZID=Europe/Berlin:20261201T090000\n") && kit_has(out, "X-MICROSOFT-CDO-ALLDAYEVENT:FALSE\n"));
	assert_true(kit_has(out, "RRULE:FREQ=DAILY;UNTIL=20270101T080000Z\n"));
	assert_true(kit_has(out, "EXDATE;TZID=Europe/Berlin:20261203T090000\n"));
}

/* With the name of the place goes what says where it was. */
static void
another_place(void **state)
{
	static const struct {
		unsigned version;
		const char *sent, *result;
		bool apple, rest;
	} rows[] = {
		{ 141, "<C:Location>Here</C:Location>", "LOCATION:Here\n", false, false },
		{ 141, "<C:Location>There</C:Location><C:Subject>x</C:Subject>", "LOCATION;ALTREP=\"http://x/y\":There\n", true, true },
		{ 141, "<C:Location/>", "SUMMARY:Old\n", false, false },
		{ 161, "<A:Location><A:DisplayName>Here</A:DisplayName></A:Location>", "LOCATION:Here\n", false, false },
		{ 161, "<A:Location><A:DisplayName>Here</A:DisplayName><A:City>Berlin</A:City><A:Latitude>52.52</A:Latitude>"
			"<A:Longitude>13.405</A:Longitude></A:Location>", "LOCATION:Here\n", false, true },
		{ 161, "<A:Location><A:DisplayName>There</A:DisplayName></A:Location>", "LOCATION:There\n", true, false },
	};
	const char *ics = EVENT("DTSTART:20260301T100000Z\nSUMMARY:Old\nLOCATION;ALTREP=\"http://x/y\":There\nGEO:52.52;13.405\n"
		"X-LOCATION-CITY:Berlin\nX-APPLE-STRUCTURED-LOCATION;VALUE=URI;X-TITLE=There:geo:52.52,13.405\n");
	struct kit *k = *state;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		k->view.version = rows[i].version;
		const char *sent = arena_printf(k->a, "<C:Subject>Old</C:Subject>%s", rows[i].sent);
		const char *out = kit_merge(k, &item_calendar, ics, sent, NULL);
		if (!strstr(out, rows[i].result) || !strstr(out, "X-APPLE-STRUCTURED-LOCATION") == rows[i].apple ||
		    !strstr(out, "GEO:52.52;13.405\n") == rows[i].rest || !strstr(out, "X-LOCATION-CITY:Berlin\n") == rows[i].rest)
			fail_msg("%s became\n%s", rows[i].sent, out);
	}
}

static void
days_are_days_wherever_the_phone_is(void **state)
{
	struct kit *k = *state;
	const char *ics = EVENT("DTSTART;VALUE=DATE:20260301\nDTEND;VALUE=DATE:20260302\nSUMMARY:Day\n");
	/* From New York: its midnights */
	const char *new_york =
		"LAEAAEUAYQBzAHQAZQByAG4AIABTAHQAYQBuAGQAYQByAGQAIABUAGkAbQBlAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAsAAAAB"
		"AAIAAAAAAAAAAAAAAEUAYQBzAHQAZQByAG4AIABEAGEAeQBsAGkAZwBoAHQAIABUAGkAbQBlAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAMAAAACAAIAAAAAAAAAxP///w==";

	assert_ptr_equal(kit_merge(k, &item_calendar, ics, arena_printf(k->a, "<C:Timezone>%s</C:Timezone><C:AllDayEvent>1</C:AllDayEvent>"
		"<C:StartTime>20260301T050000Z</C:StartTime><C:EndTime>20260302T050000Z</C:EndTime><C:Subject>Day</C:Subject>", new_york), NULL), ics);
	/* Midnights of UTC, whatever the zone says (birthdays). */
	assert_ptr_equal(kit_merge(k, &item_calendar, ics, "<C:Timezone>" BERLIN_BLOB "</C:Timezone><C:AllDayEvent>1</C:AllDayEvent>"
		"<C:StartTime>20260301T000000Z</C:StartTime><C:EndTime>20260302T000000Z</C:EndTime><C:Subject>Day</C:Subject>", NULL), ics);
	k->view.version = 161;
	const char *out = kit_merge(k, &item_calendar, ics, "<C:StartTime>20260310T000000Z</C:StartTime><C:EndTime>20260312T000000Z</C:EndTime>", NULL);
	assert_true(kit_has(out, "DTSTART;VALUE=DATE:20260310\nDTEND;VALUE=DATE:20260312\n"));
}

/* ---- new events ---- */

static void
the_example_of_a_holiday(void **state)
{
	struct kit *k = *state;
	struct item_merged m;

	k->view.version = 161;
	const char *out = kit_merge(k, &item_calendar, NULL, "<C:ClientUid>6d0f3a52</C:ClientUid><C:AllDayEvent>1</C:AllDayEvent>"
		"<C:StartTime>20261224T000000Z</C:StartTime><C:EndTime>20261225T000000Z</C:EndTime><C:Subject>Holiday</C:Subject>"
		"<A:Location><A:DisplayName>Home</A:DisplayName><A:Latitude>52.52</A:Latitude><A:Longitude>13.405</A:Longitude></A:Location>"
		"<C:BusyStatus>0</C:BusyStatus>", &m);
	assert_true(kit_has(out, "DTSTART;VALUE=DATE:20261224\nDTEND;VALUE=DATE:20261225\n"));
	assert_true(kit_has(out, "UID:0123456789abcdef0123456789abcdef\n"));
	assert_true(kit_has(out, "GEO:52.52;13.405\n"));
	assert_true(kit_has(out, "TRANSP:TRANSPARENT\n"));
	assert_string_equal(m.uid, "0123456789abcdef0123456789abcdef");
	assert_false(m.unchanged);
	assert_false(m.altered);
}

static void
a_meeting_from_14_1(void **state)
{
	struct kit *k = *state;
	struct item_merged m;
	const char *sent = "<C:Timezone>" BERLIN_BLOB "</C:Timezone><C:AllDayEvent>0</C:AllDayEvent><C:StartTime>20260706T080000Z</C:StartTime>"
		"<C:EndTime>20260706T090000Z</C:EndTime><C:Subject>Plan</C:Subject><C:UID>phone-1</C:UID><C:MeetingStatus>1</C:MeetingStatus>"
		"<C:Attendees><C:Attendee><C:Email>bob@x</C:Email><C:Name>Bob</C:Name><C:AttendeeType>2</C:AttendeeType></C:Attendee></C:Attendees>"
		"<C:Recurrence><C:Type>3</C:Type><C:Interval>1</C:Interval><C:WeekOfMonth>5</C:WeekOfMonth><C:DayOfWeek>2</C:DayOfWeek></C:Recurrence>"
		"<C:Exceptions><C:Exception><C:Deleted>1</C:Deleted><C:ExceptionStartTime>20260831T080000Z</C:ExceptionStartTime></C:Exception>"
		"</C:Exceptions>";
	const char *out = kit_merge(k, &item_calendar, NULL, sent, &m);

	assert_true(kit_has(out, "UID:phone-1\n"));
	assert_true(kit_has(out, "DTSTART;TZID=Europe/Berlin:20260706T100000\n"));
	assert_true(kit_has(out, "RRULE:FREQ=MONTHLY;BYDAY=-1MO\n"));
	assert_true(kit_has(out, "EXDATE;TZID=Europe/Berlin:20260831T100000\n"));
	assert_true(kit_has(out, "ORGANIZER;CN=Alice:mailto:alice@example.com\n"));
	assert_non_null(strstr(out, "ROLE=OPT-PARTICIPANT"));
	assert_non_null(strstr(out, "RSVP=TRUE"));
	assert_false(m.altered);
	assert_ptr_equal(kit_merge(k, &item_calendar, out, sent, &m), out);
	/* An appointment is nobody's meeting. */
	out = kit_merge(k, &item_calendar, NULL, "<C:StartTime>20260706T080000Z</C:StartTime><C:EndTime>20260706T090000Z</C:EndTime>"
		"<C:OrganizerEmail>alice@example.com</C:OrganizerEmail><C:OrganizerName>Alice</C:OrganizerName>", NULL);
	assert_null(strstr(out, "ORGANIZER"));
}

static void
attendees_come_and_go(void **state)
{
	struct kit *k = *state;
	const char *ics = EVENT("DTSTART:20260301T100000Z\nDTEND:20260301T110000Z\nORGANIZER:mailto:alice@example.com\n"
		"ATTENDEE;ROLE=CHAIR:mailto:alice@example.com\nATTENDEE;X-A=1;CN=Bob;PARTSTAT=ACCEPTED:mailto:bob@x\nATTENDEE:mailto:carl@x\n");
	const char *out = kit_merge(k, &item_calendar, ics, "<C:Attendees><C:Attendee><C:Email>BOB@x</C:Email><C:Name>Robert</C:Name>"
		"<C:AttendeeStatus>4</C:AttendeeStatus></C:Attendee><C:Attendee><C:Email>dora@x</C:Email><C:Name>Dora</C:Name></C:Attendee>"
		"</C:Attendees>", NULL);

	assert_true(kit_has(out, "ATTENDEE;ROLE=CHAIR:mailto:alice@example.com\n"));
	assert_non_null(strstr(out, "X-A=1"));
	assert_non_null(strstr(out, "PARTSTAT=DECLINED"));
	assert_non_null(strstr(out, "CN=Robert"));
	assert_null(strstr(out, "carl"));
	assert_non_null(strstr(out, "mailto:dora@x"));
	/* From 16.0 a status is not the phone's to say. */
	k->view.version = 161;
	out = kit_merge(k, &item_calendar, ics, "<C:Attendees><C:Attendee><C:Email>bob@x</C:Email><C:Name>Bob</C:Name>"
		"<C:AttendeeStatus>4</C:AttendeeStatus></C:Attendee><C:Attendee><C:Email>carl@x</C:Email><C:Name>carl@x</C:Name></C:Attendee></C:Attendees>", NULL);
	assert_ptr_equal(out, ics);
}

/* What was not shown stays: who comes twice, and who comes after very many. */
static void
attendees_that_the_phone_does_not_see(void **state)
{
	struct kit *k = *state;
	struct item_merged m;
	struct buf b;
	unsigned n = 0;

	const char *twice = EVENT("DTSTART:20260301T100000Z\nORGANIZER:mailto:alice@example.com\nATTENDEE;PARTSTAT=ACCEPTED:mailto:bob@x\n"
		"ATTENDEE;PARTSTAT=DECLINED:mailto:BOB@x\nATTENDEE:mailto:mailto: carl@x\n");
	const char *xml = kit_render(k, &item_calendar, slice_str(twice), NULL);
	assert_non_null(strstr(xml, "<C:Attendees><C:Attendee><C:Email>bob@x</C:Email><C:Name>bob@x</C:Name><C:AttendeeStatus>3</C:AttendeeStatus>"
		"<C:AttendeeType>1</C:AttendeeType></C:Attendee><C:Attendee><C:Email>carl@x</C:Email>"));
	assert_ptr_equal(kit_merge(k, &item_calendar, twice, xml, &m), twice);
	const char *out = kit_merge(k, &item_calendar, twice, "<C:Attendees><C:Attendee><C:Email>bob@x</C:Email></C:Attendee></C:Attendees>", &m);
	assert_true(kit_has(out, "ATTENDEE;PARTSTAT=ACCEPTED:mailto:bob@x\nATTENDEE;PARTSTAT=DECLINED:mailto:BOB@x\n"));
	assert_null(strstr(out, "carl"));

	buf_init(&b, 0);
	for (unsigned i = 0; i < CAL_ATTENDEES_MAX + 100; i++)
		buf_printf(&b, "ATTENDEE:mailto:a%u@x\n", i);
	const char *many = arena_printf(k->a, EVENT("DTSTART:20260301T100000Z\n%s"), buf_str(&b));
	buf_finish(&b);
	out = kit_merge(k, &item_calendar, many, "<C:Attendees><C:Attendee><C:Email>a7@x</C:Email></C:Attendee></C:Attendees>", &m);
	for (const char *p = out; (p = strstr(p, "\nATTENDEE:")); p++)
		n++;
	assert_int_equal(n, 101);
	assert_true(kit_has(out, "ATTENDEE:mailto:a7@x\n") && kit_has(out, "ATTENDEE:mailto:a2099@x\n"));
}

static void
addresses_in_the_wild(void **state)
{
	static const struct {
		const char *sent, *address;
	} rows[] = {
		{ "a@b", "a@b" }, { "Ann <a@b>", "a@b" }, { "\"Ann, B\" <a@b>", "a@b" }, { "<a@b>", "a@b" }, { "mailto:a@b", "a@b" },
		{ "MAILTO:a@b ", "a@b" }, { "a@b\r\nATTENDEE:x", "a@b" }, { "", "" }, { "<", "<" }, { ">", ">" }, { "<>", "" },
		{ "Ann <a@b> (away", "a@b" }, { "<p>Hello <b>you</b", "b" }, { "<a@b <c", "<a@b" }, { "<<a@b>>", "a@b" }, { "a> <b", "a>" },
	};
	struct kit *k = *state;
	struct ical_mem m = { .a = k->a };

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		assert_string_equal(cal_address(&m, rows[i].sent), rows[i].address);
		/* as a phone gives it back */
		assert_string_equal(cal_address(&m, rows[i].address), rows[i].address);
	}
}

static void
what_makes_no_event(void **state)
{
	static const char *const sent[] = {
		"", "<C:EndTime>20260706T080000Z</C:EndTime>", "<C:StartTime>yesterday</C:StartTime>",
		"<C:StartTime>20260706T080000Z</C:StartTime><C:BusyStatus>9</C:BusyStatus>",
		"<C:StartTime>20260706T080000Z</C:StartTime><C:Recurrence><C:Type>4</C:Type></C:Recurrence>",
		"<C:StartTime>20260706T080000Z</C:StartTime><C:Recurrence><C:Type>3</C:Type></C:Recurrence>",
		"<C:StartTime>20260706T080000Z</C:StartTime><C:Recurrence><C:Type>0</C:Type><C:CalendarType>13</C:CalendarType></C:Recurrence>",
		"<C:StartTime>20260706T080000Z</C:StartTime><C:Recurrence><C:Type>5</C:Type><C:DayOfMonth>31</C:DayOfMonth>"
			"<C:MonthOfYear>2</C:MonthOfYear></C:Recurrence>",
		"<C:StartTime>20261336T080000Z</C:StartTime>",
	};
	struct kit *k = *state;

	for (size_t i = 0; i < ARRAY_LEN(sent); i++)
		assert_null(kit_merge(k, &item_calendar, NULL, sent[i], NULL));
	enum err err;
	assert_null(kit_render(k, &item_calendar, slice_str("nothing"), &err));
	assert_int_equal(err, ERR_INVALID);
	/* No start, and times for which EAS has no year. */
	static const char *const lines[] = { "SUMMARY:no start\n", "DTSTART;TZID=Asia/Tokyo:00010101T000000\n",
		"DTSTART;TZID=America/New_York:99991231T230000\n", "DTSTART;VALUE=DATE:00010101\n",
		"DTSTART:20260301T100000Z\nDURATION:P999999999W\n" };
	for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
		assert_null(kit_render(k, &item_calendar, slice_str(arena_printf(k->a, EVENT("%s"), lines[i])), &err));
		assert_int_equal(err, ERR_INVALID);
	}
}

/* A phone that takes text gets the text of it; sent back, that is no other description. */
static void
a_description_in_html_alone(void **state)
{
	static const unsigned versions[] = { 121, 141, 161 };
	const char *ics = EVENT("DTSTART:20260301T100000Z\nX-ALT-DESC;FMTTYPE=text/html:<p>Hello\\, <b>you</b></p>\nDESCRIPTION;ALTREP=\"cid:x\":\n");
	struct kit *k = *state;
	struct item_merged m;

	for (size_t i = 0; i < ARRAY_LEN(versions); i++) {
		k->view.version = versions[i];
		const char *xml = kit_render(k, &item_calendar, slice_str(ics), NULL);
		assert_non_null(strstr(xml, "<A:Type>1</A:Type>"));
		assert_non_null(strstr(xml, "<A:Data>Hello, you</A:Data>"));
		assert_ptr_equal(kit_merge(k, &item_calendar, ics, xml, &m), ics);
	}
	const char *out = kit_merge(k, &item_calendar, ics, "<A:Body><A:Type>1</A:Type><A:Data>Other</A:Data></A:Body>", &m);
	assert_true(kit_has(out, "DESCRIPTION:Other\n"));
	assert_null(strstr(out, "Hello"));
}

/* ---- exceptions ---- */

static void
instances_of_16(void **state)
{
	struct kit *k = *state;
	struct item_merged m;

	k->view.version = 160;
	/* Example 030: an instance that has a VEVENT */
	k->instance = "20261214T080000Z";
	const char *out = kit_merge(k, &item_calendar, jour_fixe, "<C:Subject>Moved</C:Subject>", &m);
	assert_true(kit_has(out, "SUMMARY:Moved\n") && kit_has(out, "SUMMARY:Jour fixe\n"));
	assert_true(kit_has(out, "DTSTART;TZID=Europe/Berlin:20261214T110000\n"));
	assert_false(m.altered);
	/* One that has none */
	k->instance = "20261221T080000Z";
	out = kit_merge(k, &item_calendar, jour_fixe, "<C:Subject>Last</C:Subject>", &m);
	const char *at = strstr(out, "RECURRENCE-ID;TZID=Europe/Berlin:20261221T090000\n");
	assert_non_null(at);
	assert_true(kit_has(out, "DTSTART;TZID=Europe/Berlin:20261221T090000\nDTEND;TZID=Europe/Berlin:20261221T100000\nSUMMARY:Last\n"));
	/* It is a copy of the master, without what makes a series. */
	const char *copy = strstr(strstr(strstr(out, "20261214T090000\n"), "BEGIN:VEVENT"), "SUMMARY:Last");
	assert_non_null(strstr(copy, "X-KEEP;X-P=1:me\n"));
	assert_null(strstr(copy, "RRULE"));
	assert_null(strstr(copy, "EXDATE"));
	/* The same values change nothing. */
	assert_ptr_equal(kit_merge(k, &item_calendar, jour_fixe, "<C:Subject>Jour fixe</C:Subject>", &m), jour_fixe);
	/* Deleted: without a VEVENT, with one, deleted already, none */
	out = kit_merge(k, &item_calendar, jour_fixe, NULL, &m);
	assert_true(kit_has(out, "EXDATE;TZID=Europe/Berlin:20261221T090000\n"));
	k->instance = "20261214T080000Z";
	out = kit_merge(k, &item_calendar, jour_fixe, NULL, &m);
	assert_true(kit_has(out, "EXDATE;TZID=Europe/Berlin:20261214T090000\n"));
	assert_null(strstr(out, "RECURRENCE-ID"));
	k->instance = "20261207T080000Z";
	assert_ptr_equal(kit_merge(k, &item_calendar, jour_fixe, NULL, &m), jour_fixe);
	assert_int_equal(kit_merge_tree(k, &item_calendar, slice_str(jour_fixe), kit_parse(k, "<C:Subject>x</C:Subject>"), &m), ERR_NOTFOUND);
	k->instance = "20261208T080000Z";
	assert_int_equal(kit_merge_tree(k, &item_calendar, slice_str(jour_fixe), NULL, &m), ERR_NOTFOUND);
	k->instance = "nonsense";
	assert_int_equal(kit_merge_tree(k, &item_calendar, slice_str(jour_fixe), NULL, &m), ERR_INVALID);
	k->instance = "20260301T100000Z";
	assert_int_equal(kit_merge_tree(k, &item_calendar, slice_str(EVENT(BASE)), NULL, &m), ERR_NOTFOUND);
}

#define SERIES BASE "RRULE:FREQ=DAILY;COUNT=20\nEXDATE;TZID=Europe/Berlin:20260302T100000,20260303T100000\n"
#define SERIES_SENT "<C:Subject>Old</C:Subject><C:Location>There</C:Location><C:Recurrence><C:Type>0</C:Type><C:Interval>1</C:Interval>" \
	"<C:Occurrences>20</C:Occurrences></C:Recurrence>"

static void
exceptions_up_to_14_1(void **state)
{
	struct kit *k = *state;
	struct item_merged m;
	const char *ics = EVENT(SERIES);

	/* Absent Exceptions are unchanged (MS-ASCMD R876), and so is an absent one. */
	assert_ptr_equal(kit_merge(k, &item_calendar, ics, SERIES_SENT, &m), ics);
	assert_ptr_equal(kit_merge(k, &item_calendar, ics, SERIES_SENT "<C:Exceptions><C:Exception><C:Deleted>1</C:Deleted>"
		"<C:ExceptionStartTime>20260302T090000Z</C:ExceptionStartTime></C:Exception></C:Exceptions>", &m), ics);
	/* One more is deleted, one is moved and renamed, one comes back. */
	const char *out = kit_merge(k, &item_calendar, ics, SERIES_SENT "<C:Exceptions>"
		"<C:Exception><C:Deleted>1</C:Deleted><C:ExceptionStartTime>20260304T090000Z</C:ExceptionStartTime></C:Exception>"
		"<C:Exception><C:ExceptionStartTime>20260305T090000Z</C:ExceptionStartTime><C:StartTime>20260305T120000Z</C:StartTime>"
		"<C:EndTime>20260305T130000Z</C:EndTime><C:Subject>Other</C:Subject></C:Exception>"
		"<C:Exception><C:ExceptionStartTime>20260303T090000Z</C:ExceptionStartTime></C:Exception></C:Exceptions>", &m);
	assert_true(kit_has(out, "EXDATE;TZID=Europe/Berlin:20260302T100000\n"));
	assert_true(kit_has(out, "EXDATE;TZID=Europe/Berlin:20260304T100000\n"));
	assert_true(kit_has(out, "RECURRENCE-ID;TZID=Europe/Berlin:20260305T100000\n"));
	assert_true(kit_has(out, "DTSTART;TZID=Europe/Berlin:20260305T130000\nDTEND;TZID=Europe/Berlin:20260305T140000\nSUMMARY:Other\n"));
	assert_null(strstr(out, "20260303"));
	assert_false(m.altered);
	/* What is left out is the series' again. */
	out = kit_merge(k, &item_calendar, out, SERIES_SENT "<C:Exceptions><C:Exception>"
		"<C:ExceptionStartTime>20260305T090000Z</C:ExceptionStartTime><C:StartTime>20260305T120000Z</C:StartTime></C:Exception></C:Exceptions>", &m);
	assert_null(strstr(out, "SUMMARY:Other"));
	assert_true(kit_has(out, "DTSTART;TZID=Europe/Berlin:20260305T130000\n"));
}

static void
exceptions_whose_time_the_phone_gets_wrong(void **state)
{
	struct kit *k = *state;
	const char *ics = EVENT(SERIES);
	/* The day counts. */
	const char *out = kit_merge(k, &item_calendar, ics, SERIES_SENT "<C:Exceptions><C:Exception><C:Deleted>1</C:Deleted>"
		"<C:ExceptionStartTime>20260306T120000Z</C:ExceptionStartTime></C:Exception></C:Exceptions>", NULL);

	assert_true(kit_has(out, "EXDATE;TZID=Europe/Berlin:20260306T100000\n"));
	/* All-day series: midnights of the zone, or of UTC */
	const char *days = EVENT("DTSTART;VALUE=DATE:20260301\nDTEND;VALUE=DATE:20260302\nSUMMARY:Old\nLOCATION:There\nRRULE:FREQ=DAILY;COUNT=20\n");
	static const char *const times[] = { "20260306T230000Z", "20260307T000000Z" };
	for (size_t i = 0; i < ARRAY_LEN(times); i++) {
		out = kit_merge(k, &item_calendar, days, arena_printf(k->a, SERIES_SENT "<C:Exceptions><C:Exception><C:Deleted>1</C:Deleted>"
			"<C:ExceptionStartTime>%s</C:ExceptionStartTime></C:Exception></C:Exceptions>", times[i]), NULL);
		assert_true(kit_has(out, "EXDATE;VALUE=DATE:20260307\n"));
	}
}

/* Android reads an exception without AllDayEvent as one of times. */
static void
instances_of_whole_days_say_that_they_are(void **state)
{
	struct kit *k = *state;
	struct item_merged m;
	const char *ics = "BEGIN:VCALENDAR\nBEGIN:VEVENT\nUID:u\nDTSTART;VALUE=DATE:20260301\nSUMMARY:S\nRRULE:FREQ=DAILY;COUNT=9\nEND:VEVENT\n"
		"BEGIN:VEVENT\nUID:u\nRECURRENCE-ID;VALUE=DATE:20260303\nDTSTART;VALUE=DATE:20260303\nSUMMARY:Own\nEND:VEVENT\nEND:VCALENDAR\n";
	const char *xml = kit_render(k, &item_calendar, slice_str(ics), NULL);

	assert_non_null(strstr(strstr(xml, "<C:Exceptions>"), "<C:AllDayEvent>1</C:AllDayEvent>"));
	assert_ptr_equal(kit_merge(k, &item_calendar, ics, xml, &m), ics);
	assert_null(strstr(strstr(kit_render(k, &item_calendar, slice_str(jour_fixe), NULL), "<C:Exceptions>"), "AllDayEvent"));
}

/* Other clients cancel an instance without taking it out. Of a meeting it is told that it is cancelled. */
static void
cancelled_instances_do_not_take_place(void **state)
{
	static const char *const series = "BEGIN:VCALENDAR\nBEGIN:VEVENT\nUID:u\nDTSTART:20260301T100000Z\nSUMMARY:S\nRRULE:FREQ=DAILY;COUNT=9\n%s"
		"END:VEVENT\nBEGIN:VEVENT\nUID:u\nRECURRENCE-ID:20260303T100000Z\nDTSTART:20260303T120000Z\nSUMMARY:S\nSTATUS:CANCELLED\n%s"
		"END:VEVENT\nEND:VCALENDAR\n";
	static const char *const people = "ORGANIZER:mailto:boss@x\nATTENDEE:mailto:alice@example.com\n";
	static const unsigned versions[] = { 121, 161 };
	struct kit *k = *state;
	struct item_merged m;

	for (size_t i = 0; i < ARRAY_LEN(versions); i++) {
		k->view.version = versions[i];
		const char *ics = arena_printf(k->a, series, "", ""), *xml = kit_render(k, &item_calendar, slice_str(ics), NULL);
		assert_non_null(strstr(xml, "<C:Exceptions><C:Exception><C:Deleted>1</C:Deleted>"));
		assert_null(strstr(xml, "20260303T120000Z"));
		assert_ptr_equal(kit_merge(k, &item_calendar, ics, xml, &m), ics);
		ics = arena_printf(k->a, series, people, people);
		xml = strstr(kit_render(k, &item_calendar, slice_str(ics), NULL), "<C:Exceptions>");
		assert_null(strstr(xml, "Deleted"));
		assert_non_null(strstr(xml, "<C:MeetingStatus>7</C:MeetingStatus>"));
	}
	/* It takes place again. */
	k->view.version = 141;
	const char *out = kit_merge(k, &item_calendar, arena_printf(k->a, series, "", ""), "<C:Subject>S</C:Subject><C:Recurrence><C:Type>0</C:Type>"
		"<C:Occurrences>9</C:Occurrences></C:Recurrence><C:Exceptions><C:Exception><C:ExceptionStartTime>20260303T100000Z"
		"</C:ExceptionStartTime></C:Exception></C:Exceptions>", NULL);
	assert_null(strstr(out, "CANCELLED"));
	assert_null(strstr(kit_render(k, &item_calendar, slice_str(out), NULL), "Deleted"));
}

static void
a_series_that_moves_takes_its_exceptions_along(void **state)
{
	struct kit *k = *state;
	const char *ics = "BEGIN:VCALENDAR\nBEGIN:VEVENT\nUID:u\nDTSTART;TZID=Europe/Berlin:20260302T100000\nDTEND;TZID=Europe/Berlin:20260302T110000\n"
		"SUMMARY:S\nRRULE:FREQ=WEEKLY;BYDAY=MO\nEXDATE;TZID=Europe/Berlin:20260309T100000\nEND:VEVENT\n"
		"BEGIN:VEVENT\nUID:u\nRECURRENCE-ID;TZID=Europe/Berlin:20260316T100000\nDTSTART;TZID=Europe/Berlin:20260316T100000\n"
		"DTEND;TZID=Europe/Berlin:20260316T110000\nSUMMARY:Named\nEND:VEVENT\n"
		"BEGIN:VEVENT\nUID:u\nRECURRENCE-ID;TZID=Europe/Berlin:20260323T100000\nDTSTART;TZID=Europe/Berlin:20260324T150000\n"
		"DTEND;TZID=Europe/Berlin:20260324T160000\nSUMMARY:S\nEND:VEVENT\nEND:VCALENDAR\n";
	/* An hour later */
	const char *out = kit_merge(k, &item_calendar, ics, "<C:Subject>S</C:Subject><C:StartTime>20260302T100000Z</C:StartTime>"
		"<C:EndTime>20260302T110000Z</C:EndTime><C:Recurrence><C:Type>1</C:Type><C:DayOfWeek>2</C:DayOfWeek></C:Recurrence>", NULL);

	assert_true(kit_has(out, "EXDATE;TZID=Europe/Berlin:20260309T110000\n"));
	assert_true(kit_has(out, "RECURRENCE-ID;TZID=Europe/Berlin:20260316T110000\nDTSTART;TZID=Europe/Berlin:20260316T110000\n"));
	assert_true(kit_has(out, "RECURRENCE-ID;TZID=Europe/Berlin:20260323T110000\nDTSTART;TZID=Europe/Berlin:20260324T150000\n"));
	/* A day later */
	out = kit_merge(k, &item_calendar, ics, "<C:Subject>S</C:Subject><C:StartTime>20260303T090000Z</C:StartTime>"
		"<C:EndTime>20260303T100000Z</C:EndTime><C:Recurrence><C:Type>1</C:Type><C:DayOfWeek>4</C:DayOfWeek></C:Recurrence>", NULL);
	assert_true(kit_has(out, "EXDATE;TZID=Europe/Berlin:20260310T100000\n"));
	assert_true(kit_has(out, "RECURRENCE-ID;TZID=Europe/Berlin:20260317T100000\n"));
	/* To whole days */
	out = kit_merge(k, &item_calendar, ics, "<C:Subject>S</C:Subject><C:AllDayEvent>1</C:AllDayEvent><C:StartTime>20260301T230000Z</C:StartTime>"
		"<C:EndTime>20260302T230000Z</C:EndTime><C:Recurrence><C:Type>1</C:Type><C:DayOfWeek>2</C:DayOfWeek></C:Recurrence>", NULL);
	assert_true(kit_has(out, "EXDATE;VALUE=DATE:20260309\n"));
	assert_true(kit_has(out, "RECURRENCE-ID;VALUE=DATE:20260316\n"));
}

static void
a_new_name_of_the_series_is_that_of_its_instances(void **state)
{
	struct kit *k = *state;

	k->view.version = 161;
	const char *out = kit_merge(k, &item_calendar, jour_fixe, "<C:Subject>Round</C:Subject>", NULL);
	assert_null(strstr(out, "Jour fixe"));
	/* But not of those that had one of their own. */
	k->instance = "20261214T080000Z";
	const char *named = kit_merge(k, &item_calendar, jour_fixe, "<C:Subject>Mine</C:Subject>", NULL);
	k->instance = NULL;
	out = kit_merge(k, &item_calendar, named, "<C:Subject>Round</C:Subject>", NULL);
	assert_true(kit_has(out, "SUMMARY:Mine\n") && kit_has(out, "SUMMARY:Round\n"));
}

static void
rules_without_a_word_in_eas_survive(void **state)
{
	static const struct {
		const char *rule, *shown; /* "": none */
	} rules[] = {
		{ "RRULE:FREQ=MONTHLY;BYMONTHDAY=1,15\n", "<C:Type>2</C:Type><C:Interval>1</C:Interval><C:DayOfMonth>1</C:DayOfMonth>" },
		{ "RRULE:FREQ=SECONDLY;COUNT=1\n", "" },
		{ "RDATE;TZID=Europe/Berlin:20260310T100000,20260320T100000\n",
			"<C:Type>0</C:Type><C:Interval>1</C:Interval><C:Occurrences>20</C:Occurrences>" },
		/* two of one day, and one before the start: the first alone */
		{ "RDATE;TZID=Europe/Berlin:20260310T100000,20260310T120000\n", "" },
		{ "RDATE;TZID=Europe/Berlin:20260210T100000\n", "" },
		{ "RDATE;TZID=Europe/Berlin:20360210T100000\n", "" }, /* 3633 days: Interval goes to 999 */
		{ "RRULE:FREQ=DAILY;COUNT=1500\n", "<C:Until>20300408T080000Z</C:Until>" },
		{ "RRULE:FREQ=HOURLY;INTERVAL=6;COUNT=8\n", "<C:Type>0</C:Type><C:Interval>1</C:Interval><C:Until>20260303T030000Z</C:Until>" },
	};
	struct kit *k = *state;
	struct item_merged m;

	for (size_t i = 0; i < ARRAY_LEN(rules); i++) {
		const char *ics = arena_printf(k->a, EVENT(BASE "%s"), rules[i].rule);
		const char *xml = kit_render(k, &item_calendar, slice_str(ics), NULL);
		assert_non_null(xml);
		if (*rules[i].shown ? !strstr(xml, rules[i].shown) : strstr(xml, "<C:Recurrence>") != NULL)
			fail_msg("%s became %s", rules[i].rule, xml);
		/* The phone changes something else and sends the rule back as it got it. */
		static const unsigned versions[] = { 121, 141, 161 };
		for (size_t v = 0; v < ARRAY_LEN(versions); v++) {
			k->view.version = versions[v];
			xml = kit_render(k, &item_calendar, slice_str(ics), NULL);
			const char *old = strstr(xml, "<C:Subject>Old");
			const char *sent = arena_printf(k->a, "%.*s<C:Subject>New%s", (int)(old - xml), xml, old + strlen("<C:Subject>Old"));
			const char *out = kit_merge(k, &item_calendar, ics, sent, &m);
			assert_true(kit_has(out, rules[i].rule));
			assert_true(kit_has(out, "SUMMARY:New\n"));
			assert_false(m.altered);
		}
		k->view.version = 141;
	}
}

/* ---- lists of dates ---- */

#define DATES "RDATE;TZID=Europe/Berlin:20260308T100000,20260322T100000,20260405T120000\n"
#define LIST(more) EVENT(BASE DATES more)
#define DAY_OUT(original) "<C:Exception><C:Deleted>1</C:Deleted><C:ExceptionStartTime>" original "</C:ExceptionStartTime></C:Exception>"

static void
a_list_of_dates_is_a_rule_with_days_left_out(void **state)
{
	struct kit *k = *state;
	const char *xml = kit_render(k, &item_calendar, slice_str(LIST("EXDATE;TZID=Europe/Berlin:20260308T100000\n")), NULL);

	/* every week; clocks change on 29 March; the last is two hours later */
	assert_non_null(strstr(xml, "<C:Recurrence><C:Type>0</C:Type><C:Interval>7</C:Interval><C:Occurrences>6</C:Occurrences></C:Recurrence>"));
	assert_non_null(strstr(xml, "<C:Exceptions>" DAY_OUT("20260308T090000Z") DAY_OUT("20260315T090000Z") DAY_OUT("20260329T080000Z")
		"<C:Exception><C:ExceptionStartTime>20260405T080000Z</C:ExceptionStartTime><C:StartTime>20260405T100000Z</C:StartTime>"
		"<C:EndTime>20260405T110000Z</C:EndTime></C:Exception></C:Exceptions>"));
}

static void
an_exdate_of_no_date_takes_none_out(void **state)
{
	struct kit *k = *state;
	const char *ics = LIST("EXDATE;TZID=Europe/Berlin:20260308T113000\n"), *xml = kit_render(k, &item_calendar, slice_str(ics), NULL);
	struct item_merged m;

	assert_null(strstr(xml, "20260308"));
	(void)kit_merge(k, &item_calendar, ics, xml, &m);
	assert_true(m.unchanged);
}

static void
a_list_of_dates_is_edited(void **state)
{
	struct kit *k = *state;
	struct item_merged m;
	static const char *const shown = "<C:Recurrence><C:Type>0</C:Type><C:Interval>7</C:Interval><C:Occurrences>6</C:Occurrences></C:Recurrence>";

	/* one instance gets a name, one is taken out; that days are left out changes nothing */
	const char *out = kit_merge(k, &item_calendar, LIST(""), arena_printf(k->a, "<C:Subject>Old</C:Subject>%s<C:Exceptions>"
		DAY_OUT("20260315T090000Z") DAY_OUT("20260322T090000Z") DAY_OUT("20260329T080000Z") "<C:Exception><C:ExceptionStartTime>"
		"20260405T080000Z</C:ExceptionStartTime><C:StartTime>20260405T100000Z</C:StartTime><C:EndTime>20260405T110000Z</C:EndTime>"
		"<C:Subject>Late</C:Subject></C:Exception></C:Exceptions>", shown), &m);
	assert_true(kit_has(out, DATES));
	assert_true(kit_has(out, "EXDATE;TZID=Europe/Berlin:20260322T100000\n"));
	assert_null(strstr(out, "20260315"));
	assert_true(kit_has(out, "RECURRENCE-ID;TZID=Europe/Berlin:20260405T120000\n"));
	assert_true(kit_has(out, "SUMMARY:Late\n"));
	/* the end said otherwise is the same end */
	k->view.version = 161;
	out = kit_merge(k, &item_calendar, LIST(""), "<C:Recurrence><C:Type>0</C:Type><C:Interval>7</C:Interval>"
		"<C:Until>20260405T080000Z</C:Until></C:Recurrence>", &m);
	assert_true(m.unchanged);
	k->view.version = 141;
	/* an hour later, all of them */
	out = kit_merge(k, &item_calendar, LIST(""), arena_printf(k->a, "<C:Subject>Old</C:Subject><C:StartTime>20260301T100000Z</C:StartTime>"
		"<C:EndTime>20260301T110000Z</C:EndTime>%s", shown), &m);
	assert_true(kit_has(out, "DTSTART;TZID=Europe/Berlin:20260301T110000\n"));
	assert_null(strstr(out, "RDATE;TZID=Europe/Berlin:20260308T100000"));
	assert_true(kit_has(out, "RDATE;TZID=Europe/Berlin:20260308T110000\n"));
	assert_true(kit_has(out, "RDATE;TZID=Europe/Berlin:20260405T130000\n"));
	/* no series any more */
	out = kit_merge(k, &item_calendar, LIST(""), "<C:Subject>Old</C:Subject>", &m);
	assert_null(strstr(out, "RDATE"));
	/* another name, from 16.0: instances stay what they are */
	k->view.version = 161;
	k->instance = "20260322T090000Z";
	out = kit_merge(k, &item_calendar, LIST(""), "<C:Subject>One</C:Subject>", NULL);
	k->instance = NULL;
	out = kit_merge(k, &item_calendar, out, "<C:Location>x</C:Location><C:Reminder>5</C:Reminder>", NULL);
	assert_true(kit_has(out, "SUMMARY:One\n"));
	assert_true(kit_has(out, DATES));
}

/* The phone makes fewer of them: now it is a rule, and what the dates left out stays out. */
static void
a_list_of_dates_becomes_a_rule(void **state)
{
	static const unsigned versions[] = { 141, 161 };
	struct kit *k = *state;

	for (size_t i = 0; i < ARRAY_LEN(versions); i++) {
		k->view.version = versions[i];
		const char *out = kit_merge(k, &item_calendar, LIST(""), "<C:Subject>Old</C:Subject><C:Recurrence><C:Type>0</C:Type>"
			"<C:Interval>7</C:Interval><C:Occurrences>7</C:Occurrences></C:Recurrence>", NULL);
		assert_true(kit_has(out, "RRULE:FREQ=DAILY;INTERVAL=7;COUNT=7\n"));
		assert_null(strstr(out, "RDATE"));
		const char *xml = kit_render(k, &item_calendar, slice_str(out), NULL);
		assert_non_null(strstr(xml, "20260315T090000Z"));
		assert_non_null(strstr(xml, "20260329T080000Z"));
		assert_null(strstr(xml, "20260322T090000Z"));
		assert_non_null(strstr(xml, ">20260405T080000Z<"));
		assert_non_null(strstr(xml, "<C:StartTime>20260405T100000Z</C:StartTime>"));
	}
}

/* Who is invited to single days of a series has nothing but these: they are a list of dates, too. */
#define SINGLE(day, clock, more) "BEGIN:VEVENT\nUID:u\nRECURRENCE-ID;TZID=Europe/Berlin:202603" day "T100000\n" \
	"DTSTART;TZID=Europe/Berlin:202603" day "T" clock "\nDURATION:PT1H\nSUMMARY:S\n" more "END:VEVENT\n"
#define SINGLES "BEGIN:VCALENDAR\n" SINGLE("24", "120000", "LOCATION:L\n") SINGLE("10", "100000", "") SINGLE("31", "100000", "") \
	"END:VCALENDAR\n"

static unsigned
events(const char *ics)
{
	unsigned n = 0;

	for (const char *p = ics; (p = strstr(p, "BEGIN:VEVENT")); p++)
		n++;
	return n;
}

static void
single_days_of_a_series_are_a_list_of_dates(void **state)
{
	static const unsigned versions[] = { 121, 141, 161 };
	struct kit *k = *state;
	struct item_merged m;
	const char *xml = kit_render(k, &item_calendar, slice_str(SINGLES), NULL);

	assert_non_null(strstr(xml, "<C:StartTime>20260310T090000Z</C:StartTime>"));
	assert_non_null(strstr(xml, "<C:Recurrence><C:Type>0</C:Type><C:Interval>7</C:Interval><C:Occurrences>4</C:Occurrences></C:Recurrence>"
		"<C:Exceptions>" DAY_OUT("20260317T090000Z") "<C:Exception><C:ExceptionStartTime>20260324T090000Z</C:ExceptionStartTime>"
		"<C:StartTime>20260324T110000Z</C:StartTime><C:EndTime>20260324T120000Z</C:EndTime><C:Location>L</C:Location></C:Exception>"));
	for (size_t i = 0; i < ARRAY_LEN(versions); i++) {
		k->view.version = versions[i];
		assert_int_equal(kit_merge_tree(k, &item_calendar, slice_str(SINGLES),
			kit_render_tree(k, &item_calendar, slice_str(SINGLES), NULL), &m), ERR_OK);
		assert_true(m.unchanged && !m.altered);
	}
	/* One is deleted: one in the middle, the first. */
	k->instance = "20260324T090000Z";
	const char *out = kit_merge(k, &item_calendar, SINGLES, NULL, &m);
	assert_true(events(out) == 2 && !strstr(out, "20260324") && !strstr(out, "EXDATE"));
	assert_false(m.altered);
	k->instance = "20260310T090000Z"; /* to the phone the series is this one */
	out = kit_merge(k, &item_calendar, SINGLES, NULL, &m);
	assert_true(events(out) == 2 && !strstr(out, "20260310") && !strstr(out, "EXDATE") && m.altered);
	assert_non_null(strstr(kit_render(k, &item_calendar, slice_str(out), NULL), "<C:StartTime>20260324T110000Z</C:StartTime>"));
	/* One is edited: the first, another. */
	out = kit_merge(k, &item_calendar, SINGLES, "<C:Subject>X</C:Subject>", &m);
	assert_true(events(out) == 3 && kit_has(out, "DTSTART;TZID=Europe/Berlin:20260310T100000\nDURATION:PT1H\nSUMMARY:X\n"));
	assert_true(kit_has(out, "DURATION:PT1H\nSUMMARY:S\nLOCATION:L\n") && m.altered);
	(void)kit_merge(k, &item_calendar, SINGLES, "<C:Subject>S</C:Subject>", &m);
	assert_true(m.unchanged && !m.altered);
	k->instance = "20260324T090000Z";
	out = kit_merge(k, &item_calendar, SINGLES, "<C:Subject>X</C:Subject>", &m);
	assert_true(events(out) == 3 && kit_has(out, "DURATION:PT1H\nSUMMARY:X\nLOCATION:L\n") && !m.altered);
	k->instance = NULL;
	/* All are: their name. They are nobody's rule, and what would make one of them is not taken. */
	out = kit_merge(k, &item_calendar, SINGLES, "<C:Subject>X</C:Subject>", &m);
	assert_true(events(out) == 3 && !strstr(out, "SUMMARY:S") && !m.altered);
	static const char *const others[] = { "<C:Recurrence><C:Type>0</C:Type><C:Occurrences>9</C:Occurrences></C:Recurrence>", "<C:Recurrence/>",
		"<C:StartTime>20260310T100000Z</C:StartTime>" };
	for (size_t i = 0; i < ARRAY_LEN(others); i++) {
		out = kit_merge(k, &item_calendar, SINGLES, others[i], &m);
		if (events(out) != 3 || strstr(out, "FREQ=DAILY") || !strstr(out, "RECURRENCE-ID;TZID=Europe/Berlin:20260310T100000") || !m.altered)
			fail_msg("%s became\n%s", others[i], out);
	}
}

/* A day that is cancelled does not take place: neither the first, which would stand for the others, nor another. */
static void
single_days_that_are_cancelled(void **state)
{
	static const char cancelled[] = "STATUS:CANCELLED\n", shown[] = "<C:StartTime>20260310T090000Z</C:StartTime>";
	struct kit *k = *state;
	struct item_merged m;

	const char *ics = arena_printf(k->a, "BEGIN:VCALENDAR\n" SINGLE("03", "100000", "%s") SINGLE("10", "100000", "")
		SINGLE("17", "100000", "%s") SINGLE("24", "100000", "") SINGLE("31", "100000", "%s") "END:VCALENDAR\n",
		cancelled, cancelled, cancelled);
	const char *xml = kit_render(k, &item_calendar, slice_str(ics), NULL);
	assert_non_null(strstr(xml, shown));
	assert_non_null(strstr(xml, "<C:Recurrence><C:Type>0</C:Type><C:Interval>14</C:Interval><C:Occurrences>2</C:Occurrences>"));
	assert_null(strstr(xml, "20260303"));
	assert_null(strstr(xml, "20260331"));
	assert_int_equal(kit_merge_tree(k, &item_calendar, slice_str(ics), kit_render_tree(k, &item_calendar, slice_str(ics), NULL),
		&m), ERR_OK);
	assert_true(m.unchanged && !m.altered);
	/* where nothing else is left */
	ics = arena_printf(k->a, "BEGIN:VCALENDAR\n" SINGLE("10", "100000", "%s") SINGLE("17", "100000", "%s") "END:VCALENDAR\n",
		cancelled, cancelled);
	assert_non_null(strstr(kit_render(k, &item_calendar, slice_str(ics), NULL), shown));
	/* of a meeting it is told that it is cancelled */
	ics = "BEGIN:VCALENDAR\n" SINGLE("10", "100000", "STATUS:CANCELLED\nORGANIZER:mailto:bob@example.com\n"
		"ATTENDEE:mailto:alice@example.com\n") SINGLE("17", "100000", "") "END:VCALENDAR\n";
	assert_non_null(strstr(kit_render(k, &item_calendar, slice_str(ics), NULL), shown));
}

/* One instance twice in one Change: it is not looked for in what is no longer so. */
#define CHANGED(original, subject) "<C:Exception><C:ExceptionStartTime>" original "</C:ExceptionStartTime><C:Subject>" subject \
	"</C:Subject></C:Exception>"
static void
an_instance_comes_twice(void **state)
{
	static const char of_singles[] = "<C:Subject>S</C:Subject><C:Recurrence><C:Type>0</C:Type><C:Interval>7</C:Interval>"
		"<C:Occurrences>4</C:Occurrences></C:Recurrence><C:Exceptions>%s</C:Exceptions>";
	struct kit *k = *state;
	struct item_merged m;

	/* one that stands for itself */
	const char *out = kit_merge(k, &item_calendar, SINGLES, arena_printf(k->a, of_singles,
		DAY_OUT("20260324T090000Z") DAY_OUT("20260324T090000Z")), &m);
	assert_true(events(out) == 2 && !strstr(out, ":20260324T") && m.altered);
	/* the first day, which stands for the series: the second stays */
	out = kit_merge(k, &item_calendar, SINGLES, arena_printf(k->a, of_singles,
		DAY_OUT("20260310T090000Z") DAY_OUT("20260310T090000Z")), &m);
	assert_true(events(out) == 2 && !strstr(out, ":20260310T") && strstr(out, ":20260324T") && m.altered);
	/* of a series with a rule */
	out = kit_merge(k, &item_calendar, EVENT(SERIES), SERIES_SENT "<C:Exceptions>" CHANGED("20260310T090000Z", "A")
		CHANGED("20260310T090000Z", "B") DAY_OUT("20260311T090000Z") DAY_OUT("20260311T090000Z") "</C:Exceptions>", &m);
	assert_true(events(out) == 2 && m.altered && kit_has(out, "SUMMARY:A\n"));
	out = kit_merge(k, &item_calendar, out, SERIES_SENT "<C:Exceptions>" DAY_OUT("20260310T090000Z")
		DAY_OUT("20260310T090000Z") "</C:Exceptions>", &m);
	assert_true(events(out) == 1 && m.altered);
}

/* As its first instance alone such a series would be another event. */
static void
rules_without_any_form_are_set_aside(void **state)
{
	static const char *const rules[] = {
		"RRULE:FREQ=SECONDLY\n", "RRULE:FREQ=MINUTELY;INTERVAL=15;COUNT=10\n", "RRULE:FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30\n",
		"RRULE:FREQ=YEARLY;BYWEEKNO=20;BYDAY=MO\n", "RRULE:FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=1,-1\n",
		"RRULE:FREQ=NONSENSE\n", "RRULE:FREQ=YEARLY;RSCALE=CHINESE\n", "RRULE:FREQ=MINUTELY;COUNT=1\nRRULE:FREQ=DAILY;BYHOUR=3\n",
	};
	struct kit *k = *state;
	struct item_merged m;
	enum err err;

	for (size_t i = 0; i < ARRAY_LEN(rules); i++) {
		const char *ics = arena_printf(k->a, EVENT(BASE "%s"), rules[i]);
		if (kit_render(k, &item_calendar, slice_str(ics), &err) || err != ERR_INVALID)
			fail_msg("%s is shown", rules[i]);
		/* A phone that has it from before may still edit it. */
		const char *out = kit_merge(k, &item_calendar, ics, "<C:Subject>New</C:Subject>", &m);
		assert_true(kit_has(out, rules[i]) && kit_has(out, "SUMMARY:New\n"));
	}
}

/* ---- dates for the filter ---- */

static void
when_it_is_over(void **state)
{
	static const struct {
		const char *lines, *end; /* NULL: never */
	} rows[] = {
		{ "DTSTART:20260301T100000Z\nDTEND:20260301T110000Z\n", "20260301T110000Z" },
		{ "DTSTART;VALUE=DATE:20260301\n", "20260302T000000Z" },
		{ "DTSTART:20260301T100000Z\nDTEND:20260301T110000Z\nRRULE:FREQ=DAILY;COUNT=3\n", "20260303T110000Z" },
		{ "DTSTART:20260301T100000Z\nDTEND:20260301T110000Z\nRRULE:FREQ=WEEKLY;UNTIL=20260331\n", "20260329T110000Z" },
		{ "DTSTART:20260301T100000Z\nDTEND:20260301T110000Z\nRRULE:FREQ=DAILY;COUNT=3\nRDATE:20270101T100000Z\n", "20270101T110000Z" },
		{ "DTSTART:20260301T100000Z\nRRULE:FREQ=DAILY\n", NULL },
		{ "DTSTART:20260301T100000Z\nRRULE:FREQ=SECONDLY;COUNT=3\n", NULL },
		{ "DTSTART:20260301T100000Z\nRRULE:FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30;COUNT=3\n", NULL },
		{ "DTSTART:20260301T100000Z\nRRULE:FREQ=ODD\n", NULL },
		{ "SUMMARY:no start\n", NULL },
	};
	struct kit *k = *state;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		int64_t date = item_calendar.date(k->a, slice_str(arena_printf(k->a, EVENT("%s"), rows[i].lines)));
		struct ical_time t = { .t = ITEM_DATE_NEVER };
		if (rows[i].end)
			assert_true(ical_time_parse(rows[i].end, &t));
		if (date != t.t)
			fail_msg("%sends at %lld, not %lld", rows[i].lines, (long long)date, (long long)t.t);
	}
	assert_true(item_calendar.date(k->a, slice_str("")) == ITEM_DATE_NEVER);
}

static void
fail_each_allocation(struct kit *k, const char *xml, const char *line)
{
	const struct wbxml_node *data = kit_parse(k, xml);
	struct arena *own = k->a;
	bool done = false;

	for (size_t n = 1; !done; n++) {
		struct item_merged m;
		k->a = arena_new(0);
		arena_fail_after(k->a, n);
		enum err err = kit_merge_tree(k, &item_calendar, slice_str(jour_fixe), data, &m);
		done = err == ERR_OK;
		assert_true(done || err == ERR_NOMEM);
		if (done)
			assert_true(kit_has(arena_strndup(own, (const char *)m.bytes.ptr, m.bytes.len), line));
		arena_free(&k->a);
	}
	k->a = own;
}

static void
every_failed_allocation_is_told(void **state)
{
	struct kit *k = *state;

	fail_each_allocation(k, "<C:Subject>New</C:Subject><C:StartTime>20261130T090000Z</C:StartTime>"
		"<C:Attendees><C:Attendee><C:Email>x@y</C:Email><C:Name>X</C:Name></C:Attendee></C:Attendees>", "SUMMARY:New\r\n");
	k->view.version = 161;
	fail_each_allocation(k, "<A:Attachments><A:Add><A:ClientId>c</A:ClientId><A:Content>bytes</A:Content><A:ContentType>a/b</A:ContentType>"
		"<A:DisplayName>n</A:DisplayName></A:Add><A:Delete><A:FileReference>7:1:none</A:FileReference></A:Delete></A:Attachments>",
		"ATTACH;ENCODING=BASE64;VALUE=BINARY;FMTTYPE=a/b;FILENAME=n:Ynl0ZXM=\r\n");
}

/* ---- times that are missing ---- */

static int64_t
time_of(struct kit *k, const char *ics, const char *name)
{
	const char *at = ics ? strstr(ics, name) : NULL;
	struct ical_time t;

	at = at ? strchr(at, ':') : NULL;
	if (!at || !ical_time_parse(arena_strndup(k->a, at + 1, strcspn(at + 1, "\n")), &t))
		fail_msg("no %s in %s", name, ics ? ics : "nothing");
	return t.t;
}

static void
times_that_a_new_event_lacks(void **state)
{
	static const unsigned versions[] = { 121, 141, 161 };
	struct kit *k = *state;
	struct item_merged m;

	for (size_t i = 0; i < ARRAY_LEN(versions); i++) {
		k->view.version = versions[i];
		/* both: from the next half hour on */
		int64_t before = ical_now();
		const char *ics = kit_merge(k, &item_calendar, NULL, "<C:Subject>x</C:Subject>", &m);
		int64_t start = time_of(k, ics, "DTSTART");
		assert_true(start >= before && start < ical_now() + 1800 && start % 1800 == 0);
		assert_int_equal(time_of(k, ics, "DTEND") - start, 1800);
		assert_true(m.altered); /* the phone does not know when */
		/* the start: the same, where the end leaves room for it */
		ics = kit_merge(k, &item_calendar, NULL, "<C:EndTime>21000101T100000Z</C:EndTime>", &m);
		assert_true(time_of(k, ics, "DTSTART") >= before && time_of(k, ics, "DTSTART") < ical_now() + 1800);
		assert_non_null(strstr(ics, ":21000101T100000Z"));
		/* the end, whenever it is */
		ics = kit_merge(k, &item_calendar, NULL, "<C:StartTime>21000101T100000Z</C:StartTime>", &m);
		assert_int_equal(time_of(k, ics, "DTEND") - time_of(k, ics, "DTSTART"), 1800);
		assert_true(m.altered);
		ics = kit_merge(k, &item_calendar, NULL, "<C:StartTime>20000101T100000Z</C:StartTime>", &m);
		assert_int_equal(time_of(k, ics, "DTEND") - time_of(k, ics, "DTSTART"), 1800);
		/* a day: today */
		int64_t today = ical_midnight(zone_to_local(zone_default(), ical_now()));
		ics = kit_merge(k, &item_calendar, NULL, "<C:AllDayEvent>1</C:AllDayEvent>", &m);
		assert_non_null(strstr(ics, "DTSTART;VALUE=DATE:"));
		assert_true(time_of(k, ics, "DTSTART") >= today && time_of(k, ics, "DTSTART") <= today + CAL_DAY);
		assert_int_equal(time_of(k, ics, "DTEND") - time_of(k, ics, "DTSTART"), CAL_DAY);
	}
}

/* What an instance has lost is said by an empty element, what it has of its own in full. */
static void
an_instance_with_other_people_and_links(void **state)
{
	static const char *const series = "BEGIN:VCALENDAR\nBEGIN:VEVENT\nUID:u\nDTSTART:20260301T100000Z\nRRULE:FREQ=DAILY;COUNT=3\n"
		"ORGANIZER:mailto:alice@example.com\nATTENDEE:mailto:bob@example.com\nCONFERENCE:https://a.example/\nEND:VEVENT\n"
		"BEGIN:VEVENT\nUID:u\nRECURRENCE-ID:20260302T100000Z\nDTSTART:20260302T100000Z\nCONFERENCE:sip:b@example\n"
		"X-MICROSOFT-CDO-REPLYTIME:20260101T000000Z\nEND:VEVENT\nEND:VCALENDAR\n";
	static const char *const own[] = { "<C:Attendees/>", "<C:OnlineMeetingExternalLink/>",
		"<C:OnlineMeetingConfLink>sip:b@example</C:OnlineMeetingConfLink>", "<C:AppointmentReplyTime>20260101T000000Z</C:AppointmentReplyTime>" };
	struct kit *k = *state;
	const char *xml = strstr(kit_render(k, &item_calendar, slice_str(series), NULL), "<C:Exceptions>");

	for (size_t i = 0; i < ARRAY_LEN(own); i++)
		if (!strstr(xml, own[i]))
			fail_msg("%s is not in %s", own[i], xml);
	k->view.version = 121;
	xml = strstr(kit_render(k, &item_calendar, slice_str(series), NULL), "<C:Exceptions>");
	for (size_t i = 0; i < ARRAY_LEN(own); i++)
		assert_null(strstr(xml, own[i]));
}

/* ---- attachments ---- */

#define NOTE "ATTACH;FMTTYPE=text/plain;ENCODING=BASE64;VALUE=BINARY;X-FILENAME=\"a, b.txt\":SGVsbG8sIHdvcmxkCg==\n"
#define LINK "ATTACH;FMTTYPE=application/pdf:https://example.org/file.pdf\n"
#define ATTACHED EVENT("DTSTART:20260301T100000Z\nDTEND:20260301T110000Z\nSUMMARY:x\n" LINK NOTE)
#define PNG "ATTACH;ENCODING=BASE64;VALUE=BINARY;FMTTYPE=image/png;FILENAME=p.png:iVBO\n"

/* The nth FileReference of what is shown; NULL. */
static const char *
reference(struct kit *k, const char *xml, unsigned n)
{
	const char *p = xml;

	for (unsigned i = 0; p && i <= n; i++) {
		p = strstr(p, "<A:FileReference>");
		p = p ? p + strlen("<A:FileReference>") : NULL;
	}
	return p ? arena_strndup(k->a, p, strcspn(p, "<")) : NULL;
}

/* The bytes first to last of the attachment as text; NULL: there is none. */
static const char *
fetched(struct kit *k, const char *ics, const char *file, uint64_t first, uint64_t last, struct item_part *p)
{
	struct buf out;

	*p = (struct item_part){ .part = strrchr(file, ':') + 1, .first = first, .last = last };
	buf_init(&out, 0);
	enum err err = item_calendar.attachment(k->a, slice_str(ics), p, &out);
	assert_true(err == ERR_OK || err == ERR_NOTFOUND);
	const char *text = err ? NULL : arena_strndup(k->a, out.data ? (const char *)out.data : "", out.len);
	buf_finish(&out);
	return text;
}

static void
attachments_are_told_and_fetched_from_16(void **state)
{
	struct kit *k = *state;
	struct item_part p;

	assert_null(strstr(kit_render(k, &item_calendar, slice_str(ATTACHED), NULL), "Attachment"));
	k->view.version = 160;
	const char *xml = kit_render(k, &item_calendar, slice_str(ATTACHED), NULL), *file = reference(k, xml, 0);
	assert_non_null(file);
	assert_memory_equal(file, "7:1:", 4);
	assert_non_null(strstr(xml, arena_printf(k->a, "<A:Attachments><A:Attachment><A:DisplayName>a, b.txt</A:DisplayName>"
		"<A:FileReference>%s</A:FileReference><A:Method>1</A:Method><A:EstimatedDataSize>13</A:EstimatedDataSize>"
		"</A:Attachment></A:Attachments>", file)));
	assert_string_equal(fetched(k, ATTACHED, file, 0, UINT64_MAX, &p), "Hello, world\n");
	assert_string_equal(p.type, "text/plain");
	assert_int_equal(p.total, 13);
	assert_string_equal(fetched(k, ATTACHED, file, 7, 11, &p), "world");
	assert_string_equal(fetched(k, ATTACHED, file, 7, 99, &p), "world\n");
	assert_string_equal(fetched(k, ATTACHED, file, 13, 99, &p), "");
	assert_int_equal(p.total, 13);
	assert_null(fetched(k, ATTACHED, "7:1:1", 0, UINT64_MAX, &p));
	assert_null(fetched(k, EVENT("DTSTART:20260301T100000Z\n"), file, 0, UINT64_MAX, &p));
	/* its name is its own, wherever it stands; what names nothing gets one */
	assert_string_equal(reference(k, kit_render(k, &item_calendar, slice_str(EVENT("DTSTART:20260302T100000Z\n" PNG NOTE)), NULL), 1), file);
	xml = kit_render(k, &item_calendar, slice_str(EVENT("DTSTART:20260301T100000Z\nATTACH;ENCODING=BASE64;FMTTYPE=image/jpeg:AAAA\n"
		"ATTACH;ENCODING=BASE64;FILENAME=/etc/x:AAAA\nATTACH;ENCODING=BASE64:no b64!\nATTACH:CID:1@x\n")), NULL);
	assert_non_null(strstr(xml, "<A:DisplayName>attachment.jpg<"));
	assert_non_null(strstr(xml, "<A:DisplayName>_etc_x<"));
	assert_null(reference(k, xml, 2));
}

static void
attachments_come_and_go(void **state)
{
	struct kit *k = *state;
	struct item_merged m;
	struct item_part p;

	k->view.version = 161;
	const char *file = reference(k, kit_render(k, &item_calendar, slice_str(ATTACHED), NULL), 0);
	/* not mentioned, or sent back as it was told: it stays */
	assert_true(kit_has(kit_merge(k, &item_calendar, ATTACHED, "<C:Subject>new</C:Subject>", &m), NOTE));
	const struct wbxml_node *tree = kit_render_tree(k, &item_calendar, slice_str(ATTACHED), NULL);
	assert_int_equal(kit_merge_tree(k, &item_calendar, slice_str(ATTACHED), tree, &m), ERR_OK);
	assert_true(m.unchanged);
	/* one more */
	const char *add = "<A:Attachments><A:Add><A:ClientId>c1</A:ClientId><A:Content>bytes</A:Content><A:ContentType>image/png</A:ContentType>"
		"<A:DisplayName>x;\"y\"^.png</A:DisplayName><A:Method>1</A:Method></A:Add></A:Attachments>";
	const char *after = kit_merge(k, &item_calendar, ATTACHED, add, &m);
	assert_true(kit_has(after, LINK) && kit_has(after, NOTE));
	assert_int_equal(m.n_added, 1);
	assert_string_equal(m.added[0].client_id, "c1");
	assert_false(m.altered);
	assert_string_equal(fetched(k, after, arena_printf(k->a, ":%s", m.added[0].part), 0, UINT64_MAX, &p), "bytes");
	assert_string_equal(p.type, "image/png");
	const char *xml = kit_render(k, &item_calendar, slice_str(after), NULL);
	assert_non_null(strstr(xml, "<A:DisplayName>x;_y_^.png</A:DisplayName>"));
	assert_string_equal(strrchr(reference(k, xml, 1), ':') + 1, m.added[0].part);
	/* the same again: there already, and told once more */
	assert_non_null(kit_merge(k, &item_calendar, after, add, &m));
	assert_true(m.unchanged);
	assert_int_equal(m.n_added, 1);
	/* gone */
	const char *gone = kit_merge(k, &item_calendar, after, arena_printf(k->a,
		"<A:Attachments><A:Delete><A:FileReference>%s</A:FileReference></A:Delete></A:Attachments>", file), &m);
	assert_false(kit_has(gone, NOTE));
	assert_true(kit_has(gone, LINK));
	assert_null(reference(k, kit_render(k, &item_calendar, slice_str(gone), NULL), 1));
	assert_int_equal(m.n_added, 0);
	/* what brings nothing, and what is no type */
	after = kit_merge(k, &item_calendar, ATTACHED, "<A:Attachments><A:Add><A:ClientId>c</A:ClientId><A:DisplayName>x</A:DisplayName></A:Add>"
		"</A:Attachments>", &m);
	assert_true(m.unchanged && m.n_added == 0);
	after = kit_merge(k, &item_calendar, ATTACHED, "<A:Attachments><A:Add><A:ClientId>c</A:ClientId><A:Content>b</A:Content>"
		"<A:ContentType>a/b;c: d</A:ContentType></A:Add></A:Attachments>", &m);
	assert_non_null(strstr(after, ";FMTTYPE=application/octet-stream;"));
	/* up to 14.1 there is no such element */
	k->view.version = 141;
	assert_true(kit_has(kit_merge(k, &item_calendar, ATTACHED, add, &m), NOTE));
	assert_int_equal(m.n_added, 0);
}

static void
attachments_of_instances(void **state)
{
	static const char *const add = "<A:Attachments><A:Add><A:ClientId>c1</A:ClientId><A:Content>bytes</A:Content>"
		"<A:ContentType>text/plain</A:ContentType><A:DisplayName>n</A:DisplayName><A:Method>1</A:Method></A:Add></A:Attachments>";
	static const char *const series = EVENT("DTSTART:20260301T100000Z\nDTEND:20260301T110000Z\nRRULE:FREQ=DAILY;COUNT=3\n" NOTE);
	struct kit *k = *state;
	struct item_merged m;
	struct item_part p;

	k->view.version = 161;
	k->instance = "20260302T100000Z";
	const char *after = kit_merge(k, &item_calendar, series, add, &m);
	assert_int_equal(m.n_added, 1);
	const char *master = strstr(after, "BEGIN:VEVENT"), *instance = strstr(after, "RECURRENCE-ID:20260302T100000Z");
	assert_non_null(instance);
	assert_true(strstr(master, "FILENAME=n") > instance);
	assert_string_equal(fetched(k, after, arena_printf(k->a, ":%s", m.added[0].part), 0, UINT64_MAX, &p), "bytes");
	/* the instance says all that it has, the series its own */
	const char *xml = kit_render(k, &item_calendar, slice_str(after), NULL), *exceptions = strstr(xml, "<C:Exceptions>");
	assert_non_null(reference(k, exceptions, 1));
	assert_null(reference(k, xml, 3));
	/* one taken from an instance stays with the series */
	const char *gone = kit_merge(k, &item_calendar, series, arena_printf(k->a,
		"<A:Attachments><A:Delete><A:FileReference>%s</A:FileReference></A:Delete></A:Attachments>", reference(k, xml, 0)), &m);
	assert_non_null(strstr(gone, "RECURRENCE-ID"));
	assert_null(strstr(strstr(gone, "RECURRENCE-ID"), "ATTACH"));
	xml = kit_render(k, &item_calendar, slice_str(gone), NULL);
	assert_non_null(strstr(strstr(xml, "<C:Exceptions>"), "<A:Attachments/>"));
	/* one given to the series is given to the instances that had what it had */
	const char *named = kit_merge(k, &item_calendar, series, "<C:Subject>other</C:Subject>", NULL);
	k->instance = NULL;
	after = kit_merge(k, &item_calendar, named, add, &m);
	assert_true(strstr(after, "FILENAME=n") < strstr(after, "RECURRENCE-ID"));
	assert_non_null(strstr(strstr(after, "RECURRENCE-ID"), "FILENAME=n"));
	after = kit_merge(k, &item_calendar, gone, add, &m);
	assert_null(strstr(strstr(after, "RECURRENCE-ID"), "FILENAME=n"));
	/* with the series' own Add */
	after = kit_merge(k, &item_calendar, NULL, "<C:StartTime>20260301T100000Z</C:StartTime><C:EndTime>20260301T110000Z</C:EndTime>"
		"<C:Recurrence><C:Type>0</C:Type><C:Occurrences>3</C:Occurrences></C:Recurrence><C:Exceptions><C:Exception>"
		"<A:InstanceId>20260302T100000Z</A:InstanceId><A:Attachments><A:Add><A:ClientId>c2</A:ClientId><A:Content>two</A:Content>"
		"<A:DisplayName>n</A:DisplayName></A:Add></A:Attachments></C:Exception></C:Exceptions><A:Attachments><A:Add>"
		"<A:ClientId>c1</A:ClientId><A:Content>one</A:Content><A:DisplayName>n</A:DisplayName></A:Add></A:Attachments>", &m);
	assert_int_equal(m.n_added, 2);
	assert_string_equal(m.added[0].client_id, "c1");
	assert_string_equal(m.added[1].client_id, "c2");
	assert_string_equal(fetched(k, after, arena_printf(k->a, ":%s", m.added[1].part), 0, UINT64_MAX, &p), "two");
}

static void
attachments_have_limits(void **state)
{
	struct kit *k = *state;
	struct buf b;

	k->view.version = 161;
	buf_init(&b, 0);
	for (unsigned i = 0; i <= CAL_ATTACHMENTS_MAX; i++) {
		if (i == CAL_ATTACHMENTS_MAX)
			assert_non_null(kit_merge(k, &item_calendar, ATTACHED, "<C:Subject>y</C:Subject>", NULL));
		buf_printf(&b, "<A:Add><A:ClientId>%u</A:ClientId><A:Content>%u</A:Content><A:DisplayName>n</A:DisplayName></A:Add>", i, i);
		if (i == CAL_ATTACHMENTS_MAX - 1)
			assert_null(kit_merge(k, &item_calendar, ATTACHED, arena_printf(k->a, "<A:Attachments>%s</A:Attachments>", buf_str(&b)), NULL));
	}
	assert_null(kit_merge(k, &item_calendar, NULL, arena_printf(k->a, "<C:StartTime>20260301T100000Z</C:StartTime>"
		"<A:Attachments>%s</A:Attachments>", buf_str(&b)), NULL));
	buf_finish(&b);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, kit_setup, kit_teardown)
	const struct CMUnitTest tests[] = {
		TEST(the_example_of_a_series),
		TEST(sent_back_as_it_was_nothing_changes),
		TEST(lines_and_elements),
		TEST(all_day_events_have_no_zone_from_16),
		TEST(edits_of_single_fields),
		TEST(absent_means_unchanged_in_16_and_removed_before),
		TEST(zones_of_an_edit),
		TEST(zones_with_a_comma_in_their_name),
		TEST(whole_days_as_midnights),
		TEST(another_place),
		TEST(days_are_days_wherever_the_phone_is),
		TEST(the_example_of_a_holiday),
		TEST(a_meeting_from_14_1),
		TEST(attendees_come_and_go),
		TEST(attendees_that_the_phone_does_not_see),
		TEST(a_description_in_html_alone),
		TEST(addresses_in_the_wild),
		TEST(what_makes_no_event),
		TEST(instances_of_16),
		TEST(exceptions_up_to_14_1),
		TEST(exceptions_whose_time_the_phone_gets_wrong),
		TEST(instances_of_whole_days_say_that_they_are),
		TEST(cancelled_instances_do_not_take_place),
		TEST(a_series_that_moves_takes_its_exceptions_along),
		TEST(a_new_name_of_the_series_is_that_of_its_instances),
		TEST(rules_without_a_word_in_eas_survive),
		TEST(a_list_of_dates_is_a_rule_with_days_left_out),
		TEST(an_exdate_of_no_date_takes_none_out),
		TEST(a_list_of_dates_is_edited),
		TEST(a_list_of_dates_becomes_a_rule),
		TEST(single_days_of_a_series_are_a_list_of_dates),
		TEST(single_days_that_are_cancelled),
		TEST(an_instance_comes_twice),
		TEST(rules_without_any_form_are_set_aside),
		TEST(when_it_is_over),
		TEST(times_that_a_new_event_lacks),
		TEST(an_instance_with_other_people_and_links),
		TEST(attachments_are_told_and_fetched_from_16),
		TEST(attachments_come_and_go),
		TEST(attachments_of_instances),
		TEST(attachments_have_limits),
		TEST(every_failed_allocation_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
