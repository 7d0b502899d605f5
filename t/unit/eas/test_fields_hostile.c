/* Every element of a phone's event, task and contact, filled with what would be another line, parameter or component of the stored text:
 * whatever is stored has the lines that it should have, and no other. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/defs.h"
#include "base/text.h"
#include "items_kit.h"

#define MARK "@" /* where the text goes in a frame */

/* Each would be, or would hide, a property, a parameter or a component called X-EVIL. */
static const char *const texts[] = {
	"a\r\nX-EVIL:1", "1\r\nX-EVIL:1", "20260310T090000Z\r\nX-EVIL:1", "x@y\";X-EVIL=1:mailto:z", "AAAA\r\nX-EVIL:1", "a\nX-EVIL:1",
	"a\rX-EVIL:1", "a\r\n X-EVIL:1\r\nX-EVIL:1", "a\\nX-EVIL:1", "a\xc2\x85X-EVIL:1", "a\x0bX-EVIL:1",
	"a\r\nEND:VEVENT\r\nEND:VTODO\r\nEND:VCARD\r\nBEGIN:X-EVIL\r\n", "a;X-EVIL=1:b", "a\";X-EVIL=1:b", "a\";X-EVIL=\"1", "\"", "a\\", "a,b;c:d",
	"mailto:a@b\r\nX-EVIL:1", "<a@b>\r\nX-EVIL:1", "^n^'^^X-EVIL", "../../../x", "%s%n%00", "\x1b[2J\x07",
	"http://x/\r\nX-EVIL:1", "FREQ=DAILY\r\nX-EVIL:1",
};

struct frame {
	char page; /* whose elements are filled in, one after the other */
	const char *xml; /* "%s" is the element */
};

struct frames {
	const struct item_class *class;
	struct frame list[12];
	const char *stored;
	const char *components; /* that may be */
};

#define WHEN "<C:StartTime>20260310T090000Z</C:StartTime><C:EndTime>20260310T100000Z</C:EndTime><C:Subject>s</C:Subject>"
#define RULE "<C:Recurrence>%s<C:Type>0</C:Type><C:Interval>1</C:Interval><C:Occurrences>9</C:Occurrences></C:Recurrence>"
#define DAILY "<C:Recurrence><C:Type>0</C:Type><C:Interval>1</C:Interval><C:Occurrences>9</C:Occurrences></C:Recurrence>"
#define EXCEPT(more) "<C:Exceptions><C:Exception>" more "<C:ExceptionStartTime>20260311T090000Z</C:ExceptionStartTime></C:Exception></C:Exceptions>"
#define WHO "<C:Attendee>%s<C:Email>x@y</C:Email><C:Name>n</C:Name></C:Attendee>"
#define BODY "<A:Body><A:Type>1</A:Type>%s</A:Body>"

static const struct frames all[] = {
	{ &item_calendar,
		{ { 'C', "%s" WHEN }, { 'C', WHEN RULE }, { 'C', "<C:Attendees>" WHO "</C:Attendees>" WHEN }, { 'C', "<C:Categories>%s</C:Categories>" WHEN },
			{ 'A', "<A:Location>%s</A:Location>" WHEN }, { 'A', BODY WHEN }, { 'C', EXCEPT("%s") WHEN DAILY },
			{ 'C', EXCEPT("<C:Attendees>" WHO "</C:Attendees>") WHEN DAILY }, { 'C', EXCEPT("<C:Categories>%s</C:Categories>") WHEN DAILY },
			{ 'A', EXCEPT("<A:Location>%s</A:Location>") WHEN DAILY }, { 'A', EXCEPT(BODY) WHEN DAILY } },
		"BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:x\nBEGIN:VEVENT\nUID:u\nDTSTAMP:20260101T000000Z\nDTSTART:20260310T090000Z\n"
		"DTEND:20260310T100000Z\nSUMMARY:s\nORGANIZER:mailto:alice@example.com\nATTENDEE:mailto:b@c\nCATEGORIES:k\nLOCATION:l\n"
		"RRULE:FREQ=DAILY;COUNT=9\nBEGIN:VALARM\nACTION:DISPLAY\nTRIGGER:-PT5M\nDESCRIPTION:d\nEND:VALARM\nEND:VEVENT\nEND:VCALENDAR\n",
		"VCALENDAR VEVENT VALARM VTIMEZONE STANDARD DAYLIGHT" },
	{ &item_tasks,
		{ { 'T', "%s<T:Subject>s</T:Subject>" }, { 'T', "<T:Categories>%s</T:Categories><T:Subject>s</T:Subject>" }, { 'A', BODY },
			{ 'T', "<T:Recurrence>%s<T:Type>0</T:Type><T:Start>2026-07-01T00:00:00.000Z</T:Start></T:Recurrence>" } },
		"BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:x\nBEGIN:VTODO\nUID:u\nDTSTAMP:20260101T000000Z\nSUMMARY:s\nCATEGORIES:k\nPRIORITY:1\n"
		"DUE;VALUE=DATE:20261203\nEND:VTODO\nEND:VCALENDAR\n", "VCALENDAR VTODO VALARM VTIMEZONE STANDARD DAYLIGHT" },
	{ &item_contacts,
		{ { 'N', "%s<N:LastName>l</N:LastName>" }, { '2', "%s<N:LastName>l</N:LastName>" }, { 'A', BODY },
			{ 'N', "<N:Categories>%s</N:Categories><N:LastName>l</N:LastName>" }, { 'N', "<N:Children>%s</N:Children><N:LastName>l</N:LastName>" } },
		"BEGIN:VCARD\nVERSION:3.0\nUID:u\nFN:f\nN:l;f;;;\nORG:o;d\nTEL;TYPE=CELL,VOICE:1\nitem1.EMAIL:a@b\nitem1.X-ABLABEL:x\n"
		"ADR;TYPE=HOME:;;s;c;r;p;l\nCATEGORIES:k\nNOTE:n\nEND:VCARD\n", "VCARD" },
};

/* ---- what is stored ---- */

/* Lines are unfolded; the text is ours alone. */
static char *
unfold(struct kit *k, struct slice s)
{
	char *text = arena_strndup(k->a, (const char *)s.ptr, s.len), *to = text;

	assert_int_equal(strlen(text), s.len);
	for (const char *p = text; *p; p++) {
		if (p[0] == '\r' && p[1] == '\n' && (p[2] == ' ' || p[2] == '\t'))
			p += 2;
		else
			*to++ = *p;
	}
	*to = '\0';
	return text;
}

/* The name at *p up to one of the ends, upper case or not; moves there. */
static const char *
word(struct kit *k, const char **p, const char *ends)
{
	size_t n = strcspn(*p, ends);
	const char *w = arena_strndup(k->a, *p, n);

	if (n == 0 || strspn(w, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-.") != n)
		return NULL;
	*p += n;
	return w;
}

/* NAME *(;NAME=VALUE) : VALUE, where a quoted VALUE hides the ends. */
static const char *
fault_of_line(struct kit *k, const char *line, const char *components)
{
	const char *p = line, *name = word(k, &p, ";:");

	if (!name)
		return "no property";
	if (strstr(name, "EVIL"))
		return "a forged property";
	while (*p == ';') {
		p++;
		const char *param = word(k, &p, "=;:");
		if (!param || strstr(param, "EVIL"))
			return "a forged parameter";
		while (*p && *p != ';' && *p != ':') {
			if (*p == '"' && !(p = strchr(p + 1, '"')))
				return "an open quote";
			p++;
		}
	}
	if (*p != ':')
		return "no value";
	bool begins = text_casecmp(name, "BEGIN") == 0 || text_casecmp(name, "END") == 0;
	if (begins && !strstr(components, p + 1))
		return "a forged component";
	for (; *p; p++) {
		if (((unsigned char)*p < 0x20 && *p != '\t') || *p == 0x7f)
			return "a control character";
	}
	return NULL;
}

static void
check(struct kit *k, const struct frames *f, struct slice stored, const char *what, const char *text)
{
	char *line = unfold(k, stored);
	int depth = 0;

	assert_true(text_is_utf8(line, strlen(line)));
	while (*line) {
		char *end = strstr(line, "\r\n");
		if (!end)
			fail_msg("%s with \"%s\": no end of line in %s", what, text, line);
		*end = '\0';
		const char *fault = fault_of_line(k, line, f->components);
		if (fault)
			fail_msg("%s with \"%s\": %s: %s", what, text, fault, line);
		depth += text_casestarts(line, "BEGIN:") ? 1 : text_casestarts(line, "END:") ? -1 : 0;
		assert_true(depth > 0 || !end[2]);
		line = end + 2;
	}
	assert_int_equal(depth, 0);
}

/* ---- all elements ---- */

static void
fill(const struct wbxml_node *node, const char *text)
{
	for (; node; node = node->next) {
		if (strcmp(node->text, MARK) == 0) {
			struct wbxml_node *leaf = (struct wbxml_node *)(uintptr_t)node;
			leaf->text = text;
			leaf->data = slice_str(text);
		}
		fill(node->child, text);
	}
}

static const char *
with_crlf(struct kit *k, const char *text)
{
	char *out = arena_array(k->a, strlen(text) + 1, 2), *to = out;

	for (; *text; text++) {
		if (*text == '\n')
			*to++ = '\r';
		*to++ = *text;
	}
	*to = '\0';
	return out;
}

/* The frame with the text in its marks, merged; empty where it is refused or changes nothing. */
static struct slice
merged(struct kit *k, const struct frames *f, const char *xml, const char *text, bool add)
{
	const struct wbxml_node *data = kit_parse(k, xml);
	struct item_merged m;

	fill(data, text);
	enum err err = kit_merge_tree(k, f->class, add ? (struct slice){ 0 } : slice_str(with_crlf(k, f->stored)), data, &m);
	if (err && err != ERR_INVALID && err != ERR_LIMIT)
		fail_msg("\"%s\": %s", text, err_name(err));
	return err || m.unchanged ? (struct slice){ 0 } : m.bytes;
}

/* How many of the texts were stored. An element that means nothing in its frame is found out by some. */
static unsigned
try_all(struct kit *k, const struct frames *f, const char *xml, const char *without, const char *what)
{
	unsigned stored = 0, ignored = 0;

	for (size_t i = 0; i < ARRAY_LEN(texts) && ignored < 5; i++) {
		bool add = (i + k->view.version) % 2; /* each is added in one version and edited in the other */
		struct arena_mark mark = arena_mark(k->a);
		struct slice is = merged(k, f, xml, texts[i], add);
		if (is.len)
			check(k, f, is, what, texts[i]);
		stored += is.len > 0;
		if (ignored == i && is.len)
			ignored += slice_eq(is, merged(k, f, without, "", add));
		arena_rewind(k->a, mark);
	}
	return stored;
}

static void
try_frame(struct kit *k, const struct frames *f, const struct frame *frame)
{
	static const unsigned pages[] = { ['C'] = WBXML_PAGE_Calendar, ['T'] = WBXML_PAGE_Tasks, ['N'] = WBXML_PAGE_Contacts, ['2'] = WBXML_PAGE_Contacts2,
		['A'] = WBXML_PAGE_AirSyncBase };
	const char *at = strstr(frame->xml, "%s");
	unsigned stored = 0;

	for (unsigned token = 5; token < 64; token++) {
		const char *name = wbxml_tag_name(pages[(unsigned char)frame->page] << 8 | token);
		struct arena_mark mark = arena_mark(k->a);
		if (!name)
			continue;
		const char *element = arena_printf(k->a, "<%c:%s>" MARK "</%c:%s>", frame->page, name, frame->page, name);
		const char *without = arena_printf(k->a, "%.*s%s", (int)(at - frame->xml), frame->xml, at + 2);
		stored += try_all(k, f, arena_printf(k->a, "%.*s%s%s", (int)(at - frame->xml), frame->xml, element, at + 2), without, element);
		arena_rewind(k->a, mark);
	}
	assert_true(stored > ARRAY_LEN(texts) / 3); /* most elements mean nothing in a frame, but not all */
}

static void
no_element_makes_a_line(void **state)
{
	static const unsigned versions[] = { 141, 160 };
	struct kit *k = *state;

	for (size_t i = 0; i < ARRAY_LEN(all) * ARRAY_LEN(versions); i++) {
		const struct frames *f = &all[i / ARRAY_LEN(versions)];
		k->view.version = versions[i % ARRAY_LEN(versions)];
		for (const struct frame *frame = f->list; frame->xml; frame++)
			try_frame(k, f, frame);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test_setup_teardown(no_element_makes_a_line, kit_setup, kit_teardown) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
