/* Properties that hold for every object: what is rendered and sent back changes nothing, an edit changes only its own lines, and none is
 * too much. */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/text.h"
#include "eas/ical.h"
#include "eas/recurrence.h"
#include "eas/timezone.h"
#include "items_kit.h"

static const unsigned versions[] = { 121, 140, 141, 160, 161 };

struct counts {
	unsigned files, rendered;
};

static void
each_file(struct kit *k, void (*fn)(struct kit *k, const char *name, struct slice bytes, struct counts *c), struct counts *c)
{
	const char *source = getenv("CPUSH_SOURCE");
	DIR *dir = opendir(arena_printf(k->a, "%s/t/data/ical", source ? source : "."));
	struct dirent *entry;

	assert_non_null(dir);
	while ((entry = readdir(dir))) {
		struct arena_mark mark = arena_mark(k->a);
		if (!text_ends(entry->d_name, ".ics"))
			continue;
		c->files++;
		fn(k, entry->d_name, kit_file(k, arena_printf(k->a, "t/data/ical/%s", entry->d_name)), c);
		arena_rewind(k->a, mark);
	}
	assert_int_equal(closedir(dir), 0);
}

static void
sent_back(struct kit *k, const char *name, struct slice bytes, struct counts *c)
{
	static const struct item_class *const classes[] = { &item_calendar, &item_tasks };

	for (size_t i = 0; i < ARRAY_LEN(classes) * ARRAY_LEN(versions); i++) {
		const struct item_class *class = classes[i % ARRAY_LEN(classes)];
		struct item_merged m;
		enum err err;
		k->view.version = versions[i / ARRAY_LEN(classes)];
		const struct wbxml_node *tree = kit_render_tree(k, class, bytes, &err);
		(void)class->date(k->a, bytes);
		if (!tree) {
			assert_true(err == ERR_INVALID);
			continue;
		}
		c->rendered++;
		if (kit_merge_tree(k, class, bytes, tree, &m) != ERR_OK)
			fail_msg("%s in %u cannot be sent back", name, k->view.version);
		if (!m.unchanged)
			fail_msg("%s in %u, sent back, became\n%.*s", name, k->view.version, (int)m.bytes.len, (const char *)m.bytes.ptr);
	}
}

static void
sent_back_nothing_changes(void **state)
{
	struct counts c = { 0 };

	each_file(*state, sent_back, &c);
	assert_true(c.files >= 60);
	assert_true(c.rendered >= 200);
}

/* Every line of the text that is not of these; with CRLF. */
static const char *
without(struct kit *k, const struct ical *root)
{
	static const char *const own[] = { "SUMMARY", "LAST-MODIFIED", "DTSTAMP", "SEQUENCE" };
	struct buf b;

	buf_init(&b, 0);
	struct ical_mem m = { .a = k->a };
	struct ical *copy = ical_clone(&m, root);
	struct ical *stack[64] = { copy };
	for (unsigned n = 1; n > 0;) {
		struct ical *c = stack[--n];
		for (size_t i = 0; i < ARRAY_LEN(own); i++)
			ical_remove_lines(c, own[i]);
		for (struct ical *child = c->child; child; child = child->next)
			if (child->is_component && n < ARRAY_LEN(stack))
				stack[n++] = child;
	}
	ical_write(copy, &b);
	const char *s = b.len ? arena_strndup(k->a, (const char *)b.data, b.len) : "";
	buf_finish(&b);
	return s;
}

static void
edited(struct kit *k, const char *name, struct slice bytes, struct counts *c)
{
	struct ical_mem m = { .a = k->a };
	struct ical *before, *after;
	struct item_merged merged;

	k->view.version = 161;
	if (!kit_render_tree(k, &item_calendar, bytes, NULL))
		return;
	c->rendered++;
	assert_int_equal(kit_merge_tree(k, &item_calendar, bytes, kit_parse(k, "<C:Subject>Quite another one</C:Subject>"), &merged), ERR_OK);
	assert_false(merged.unchanged);
	assert_false(merged.altered);
	assert_int_equal(ical_read(&m, bytes, &before, NULL), ERR_OK);
	assert_int_equal(ical_read(&m, merged.bytes, &after, NULL), ERR_OK);
	const char *x = without(k, before), *y = without(k, after);
	if (strcmp(x, y) != 0)
		fail_msg("%s: more than the subject changed:\n%s\n---\n%s", name, x, y);
}

static void
an_edit_touches_only_its_own_lines(void **state)
{
	struct counts c = { 0 };

	each_file(*state, edited, &c);
	assert_true(c.rendered >= 40);
}

/* Rendered for one version, taken by an empty store, rendered again: the same, but for what the server says alone. */
static void
copied(struct kit *k, const char *name, struct slice bytes, struct counts *c)
{
	static const char *const own[] = { "DtStamp", "UID", "Organizer", "Response", "MeetingStatus", "OnlineMeeting", "AppointmentReply",
		"AttendeeStatus", "Exceptions", "BusyStatus", "NativeBodyType", "Timezone", "Attendee", "EndTime", "Recurrence" };

	for (size_t i = 0; i < ARRAY_LEN(versions); i++) {
		struct item_merged m;
		k->view.version = versions[i];
		const struct wbxml_node *tree = kit_render_tree(k, &item_calendar, bytes, NULL);
		if (!tree)
			return;
		if (kit_merge_tree(k, &item_calendar, slice(NULL, 0), tree, &m) != ERR_OK)
			fail_msg("%s in %u cannot be added", name, versions[i]);
		const struct wbxml_node *again = kit_render_tree(k, &item_calendar, m.bytes, NULL);
		assert_non_null(again);
		c->rendered++;
		for (const struct wbxml_node *n = tree->child; n; n = n->next) {
			const struct wbxml_node *o = wbxml_child(again, n->tag);
			/* Up to 14.1 midnights of another zone may be sent for the same day. */
			bool skip = n->tag == Calendar_StartTime && versions[i] < 160 && wbxml_int(tree, Calendar_AllDayEvent, 0, 0) == 1;
			for (size_t j = 0; j < ARRAY_LEN(own); j++)
				skip = skip || text_starts(wbxml_tag_name(n->tag), own[j]);
			if (skip || n->child)
				continue;
			if (!o || strcmp(n->text, o->text) != 0)
				fail_msg("%s in %u: %s is %s, not %s", name, versions[i], wbxml_tag_name(n->tag), o ? o->text : "-", n->text);
		}
	}
}

static void
what_was_rendered_can_be_added(void **state)
{
	struct counts c = { 0 };

	each_file(*state, copied, &c);
	assert_true(c.rendered >= 200);
}

/* ---- too much of everything ---- */

/* n lines; @ is a time, a day later in each, # is its number. */
static struct slice
repeat(struct kit *k, const char *head, const char *line, unsigned n, const char *tail)
{
	struct buf b;

	buf_init(&b, 0);
	buf_add_str(&b, head);
	for (unsigned i = 0; i < n; i++) {
		struct ical_mem m = { .a = k->a };
		struct arena_mark mark = arena_mark(k->a);
		struct ical_time t = { .utc = true, .t = 1772359200 + (int64_t)i * 86400 };
		for (const char *p = line; *p; p++) {
			size_t plain = strcspn(p, "@#");
			buf_add(&b, p, plain);
			p += plain;
			if (*p == '@')
				buf_add_str(&b, ical_time_text(&m, &t));
			else if (*p == '#')
				buf_printf(&b, "%u", i);
			else
				break;
		}
		arena_rewind(k->a, mark);
	}
	buf_add_str(&b, tail);
	struct slice s = slice(arena_memdup(k->a, b.data, b.len), b.len);
	buf_finish(&b);
	return s;
}

#define SERIES "BEGIN:VCALENDAR\nBEGIN:VEVENT\nUID:u\nDTSTART:20260301T100000Z\nDTEND:20260301T110000Z\nSUMMARY:Old\nRRULE:FREQ=DAILY\n"
#define TAIL "END:VEVENT\nEND:VCALENDAR\n"

static void
objects_without_measure(void **state)
{
	struct kit *k = *state;
	const struct {
		struct slice bytes;
		bool readable;
	} rows[] = {
		{ repeat(k, SERIES, "EXDATE:@\n", 100000, TAIL), false },
		{ repeat(k, SERIES, "EXDATE:@\n", 5000, TAIL), false },
		{ repeat(k, SERIES "EXDATE:", "@,", 100000, "\n" TAIL), false },
		{ repeat(k, SERIES, "EXDATE:@\n", 4000, TAIL), true },
		{ repeat(k, SERIES "EXDATE:", "@,", 4000, "\n" TAIL), true },
		{ repeat(k, SERIES "RDATE:", "@,", 100000, "\n" TAIL), true },
		{ repeat(k, SERIES TAIL "BEGIN:VCALENDAR\n", "BEGIN:VEVENT\nUID:u\nRECURRENCE-ID:@\nDTSTART:20260301T120000Z\nEND:VEVENT\n", 8000,
			"END:VCALENDAR\n"), true },
		{ repeat(k, "BEGIN:VCALENDAR\n", "BEGIN:VEVENT\nUID:u\nRECURRENCE-ID:@\nDTSTART:20260301T120000Z\nEND:VEVENT\n", 8000,
			"BEGIN:VEVENT\nUID:u\nDTSTART:20260301T100000Z\nRRULE:FREQ=DAILY\nEND:VEVENT\nEND:VCALENDAR\n"), false },
		{ repeat(k, "BEGIN:VCALENDAR\n", "BEGIN:VEVENT\nUID:u\nRECURRENCE-ID:@\nDTSTART:20260301T120000Z\nEND:VEVENT\n", 4000,
			"BEGIN:VEVENT\nUID:u\nDTSTART:20260301T100000Z\nRRULE:FREQ=DAILY\nEND:VEVENT\nEND:VCALENDAR\n"), true },
		{ repeat(k, SERIES, "ATTENDEE:mailto:@.#\n", 20000, TAIL), true },
		{ repeat(k, SERIES, "CATEGORIES:@,#\n", 20000, TAIL), true },
		{ repeat(k, SERIES, "BEGIN:VALARM\nACTION:DISPLAY\nTRIGGER:-PT#M\nX:@\nEND:VALARM\n", 9000, TAIL), true },
		{ repeat(k, "", "BEGIN:X\n", 100000, ""), false },
		{ repeat(k, SERIES "DESCRIPTION:", "@\n ", 40000, "\n" TAIL), true },
		{ repeat(k, "BEGIN:VCALENDAR\n", "BEGIN:VTIMEZONE\nTZID:@\nEND:VTIMEZONE\n", 10000,
			"BEGIN:VEVENT\nDTSTART;TZID=None:20260301T100000\n" TAIL), true },
		{ repeat(k, "BEGIN:VCALENDAR\nBEGIN:VTIMEZONE\nTZID:Own\n", "BEGIN:STANDARD\nDTSTART:16010101T000000\nTZOFFSETFROM:+0100\n"
			"TZOFFSETTO:+0200\nRRULE:FREQ=YEARLY;BYMONTH=1\nX:@\nEND:STANDARD\n", 6000,
			"END:VTIMEZONE\nBEGIN:VEVENT\nDTSTART;TZID=Own:20260301T100000\n" TAIL), true },
		{ repeat(k, "BEGIN:VCALENDAR\nBEGIN:VTIMEZONE\nTZID:Own\n", "BEGIN:STANDARD\nDTSTART:16010101T000000\nTZOFFSETFROM:+0100\n"
			"TZOFFSETTO:+0200\nRRULE:FREQ=YEARLY;BYYEARDAY=-1\nX:@\nEND:STANDARD\n", 2000, "END:VTIMEZONE\n"
			"BEGIN:VEVENT\nUID:u\nDTSTART;TZID=Own:20260301T100000\nRRULE:FREQ=DAILY;COUNT=9\nEND:VEVENT\nEND:VCALENDAR\n"), true },
		{ repeat(k, "BEGIN:VCALENDAR\nBEGIN:VTIMEZONE\nTZID:Own\nBEGIN:STANDARD\nDTSTART:16010101T000000\nTZOFFSETFROM:+0100\n"
			"TZOFFSETTO:+0200\nRRULE:FREQ=YEARLY;BYYEARDAY=-1\nEND:STANDARD\nEND:VTIMEZONE\nBEGIN:VEVENT\nUID:u\n"
			"DTSTART;TZID=Own:20260301T100000\nRRULE:FREQ=DAILY\nEND:VEVENT\n", "BEGIN:VEVENT\nUID:u\nRECURRENCE-ID:@\n"
			"DTSTART;TZID=Own:20260301T120000\nDTEND;TZID=Y#:20260301T120000\nEND:VEVENT\n", 4000, "END:VCALENDAR\n"), true },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct arena_mark mark = arena_mark(k->a);
		struct item_merged m;
		enum err err;
		k->view.version = i % 2 ? 161 : 141;
		const struct wbxml_node *tree = kit_render_tree(k, &item_calendar, rows[i].bytes, &err);
		if ((tree != NULL) != rows[i].readable)
			fail_msg("object %zu: %s", i, err_name(err));
		(void)item_calendar.date(k->a, rows[i].bytes);
		if (tree) {
			assert_int_equal(kit_merge_tree(k, &item_calendar, rows[i].bytes, tree, &m), ERR_OK);
			assert_true(m.unchanged);
			/* No line is lost in an edit. */
			k->view.version = 161;
			assert_int_equal(kit_merge_tree(k, &item_calendar, rows[i].bytes,
				kit_parse(k, "<C:Subject>New</C:Subject><C:StartTime>20260301T103000Z</C:StartTime>"), &m), ERR_OK);
			assert_false(m.unchanged);
		}
		arena_rewind(k->a, mark);
	}
}

/* What is set aside says why, and costs no more memory than a request may have. */
static void
what_is_over_a_limit_says_so(void **state)
{
	struct kit *k = *state;
	const struct {
		struct slice bytes;
		const char *why;
	} rows[] = {
		{ repeat(k, SERIES, "EXDATE:@\n", 4097, TAIL), "event: more than 4096 exceptions" },
		{ repeat(k, SERIES "EXDATE:20260301T100000Z", ",20260301T100000Z", 900000, "\n" TAIL), "event: more than 4096 exceptions" },
		{ repeat(k, SERIES, "ATTENDEE:mailto:a#@x\n", 100000, TAIL), "iCalendar: more than 50000 lines" },
		{ repeat(k, "", "BEGIN:X\n", 10000, ""), "iCalendar: components are nested more than 8 deep" },
		{ repeat(k, SERIES "DESCRIPTION:", "0123456789abcdef", 1u << 20, "\n" TAIL), "iCalendar: 16777" },
		{ repeat(k, "BEGIN:VCALENDAR\nBEGIN:VTIMEZONE\nTZID:Own\n", "BEGIN:STANDARD\nRRULE:FREQ=YEARLY;BYMONTHDAY=31;BYMONTH=2\nEND:STANDARD\n",
			20000, "END:VTIMEZONE\nEND:VCALENDAR\n"), "iCalendar: more than 50000 lines" },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		AUTO(arena_free) struct arena *a = arena_new(64u << 20);
		struct backend_item item = { .bytes = rows[i].bytes };
		struct error e = { 0 };
		struct wbxml_writer w;
		struct buf b;
		buf_init(&b, 0);
		wbxml_begin(&w, &b);
		enum err err = item_calendar.render(&k->view, a, &item, "7:1", RENDER_ADD, &w, &e);
		buf_finish(&b);
		if (err != ERR_LIMIT || !text_starts(e.text, rows[i].why))
			fail_msg("object %zu: %s: %s", i, err_name(err), e.text);
	}
}

/* A VTIMEZONE of thousands of rules, each of which would be looked through for 28 years or more: counted, not timed. */
static void
zones_without_measure(void **state)
{
	static const char *const rules[] = { "FREQ=YEARLY;BYMONTHDAY=31;BYMONTH=2,4", "FREQ=YEARLY;BYYEARDAY=-1", "FREQ=MONTHLY;BYSETPOS=9;BYDAY=MO",
		"FREQ=YEARLY;BYMONTH=3;BYDAY=-1SU" };
	struct kit *k = *state;

	for (size_t i = 0; i < ARRAY_LEN(rules); i++) {
		struct ical_mem m = { .a = k->a };
		struct ical *root;
		const char *rule = arena_printf(k->a, "BEGIN:STANDARD\nDTSTART:16010101T000000\nTZOFFSETFROM:+0100\nTZOFFSETTO:+0200\nRRULE:%s\n"
			"END:STANDARD\n", rules[i]);
		struct slice bytes = repeat(k, "BEGIN:VCALENDAR\nBEGIN:VTIMEZONE\nTZID:Own\n", rule, 8000, "END:VTIMEZONE\nEND:VCALENDAR\n");
		assert_int_equal(ical_read(&m, bytes, &root, NULL), ERR_OK);
		for (unsigned n = 0; n < 100; n++) {
			const struct ical_time t = { .t = 1772359200 + n * INT64_C(86400), .tzid = n % 2 ? "Own" : arena_printf(k->a, "Z%u", n) };
			assert_non_null(zone_of_time(&m, root, &t));
		}
		assert_in_range(m.zone_looks, 1, 1000000 + 28 * 366 + RRULE_LOOKS_MAX);
	}
}

static void
at_most_256_exceptions_are_sent_and_all_are_kept(void **state)
{
	struct kit *k = *state;
	struct slice bytes = repeat(k, SERIES, "EXDATE:@\n", 1000, TAIL);
	const struct wbxml_node *tree = kit_render_tree(k, &item_calendar, bytes, NULL);
	struct item_merged m;
	unsigned n = 0;

	for (const struct wbxml_node *x = wbxml_child(wbxml_child(tree, Calendar_Exceptions), Calendar_Exception); x; x = x->next)
		n++;
	assert_int_equal(n, 256);
	const char *xml = kit_print(k, tree->child);
	/* The latest */
	assert_non_null(strstr(xml, "20281124T100000Z"));
	const char *at = strstr(xml, "<C:Subject>Old");
	assert_int_equal(kit_merge_tree(k, &item_calendar, bytes, kit_parse(k, arena_printf(k->a, "%.*s<C:Subject>New%s", (int)(at - xml), xml,
		at + strlen("<C:Subject>Old"))), &m), ERR_OK);
	n = 0;
	const char *out = arena_strndup(k->a, (const char *)m.bytes.ptr, m.bytes.len);
	for (const char *p = out; (p = strstr(p, "EXDATE:")); p++)
		n++;
	assert_int_equal(n, 1000);
	assert_non_null(strstr(out, "SUMMARY:New\r\n"));
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, kit_setup, kit_teardown)
	const struct CMUnitTest tests[] = {
		TEST(sent_back_nothing_changes),
		TEST(an_edit_touches_only_its_own_lines),
		TEST(what_was_rendered_can_be_added),
		TEST(objects_without_measure),
		TEST(what_is_over_a_limit_says_so),
		TEST(zones_without_measure),
		TEST(at_most_256_exceptions_are_sent_and_all_are_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
