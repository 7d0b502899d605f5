/* Items made to cost, of every class: dating, showing and editing them takes time and memory in proportion to their
 * size.
 *
 * Each is measured at sizes that grow fourfold, by the time of the thread, so neither the speed of the machine nor what
 * else it does counts: what grows with the square takes sixteen times as long. What is too large is refused, hence the
 * small sizes. And none takes many times what a plain item takes, however short it is: a rule that is walked for ever.
 * Left out are the attendees, of which at most CAL_ATTENDEES_MAX are compared with each other, and UTF-16 that is none:
 * AddressSanitizer looks through all that is left at every iconv().
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/defs.h"
#include "items_kit.h"

#define SIZES 4
#define LARGE ((size_t)256 << 10)  /* the last size; each is a fourth of the next */
#define GROWTH_MAX 9               /* from one size to the next */
#define FACTOR_MAX 150             /* of any, beside a plain item of LARGE */
#define TRIES 3                    /* the least counts */

/* The piece is repeated, with its number where it has %u or %05u; "": it stands there once. */
struct nasty {
	const char *head, *piece, *tail;
};

struct nasties {
	const struct item_class *class;
	const char *edit; /* of such an item; NULL: none */
	struct nasty plain;
	struct nasty list[64];
};

#define EVENT "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:x\r\nBEGIN:VEVENT\r\nUID:u\r\nDTSTAMP:20260101T000000Z\r\nDTSTART:20260310T090000Z\r\nSUMMARY:s\r\n"
#define EVENT_END "END:VEVENT\r\nEND:VCALENDAR\r\n"
#define DAILY "RRULE:FREQ=DAILY\r\n"
#define RULE(rule) { EVENT "RRULE:" rule "\r\n" EVENT_END, "", "" }
#define TODO "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:x\r\nBEGIN:VTODO\r\nUID:u\r\nDTSTAMP:20260101T000000Z\r\nDUE:20260310T090000Z\r\nSUMMARY:s\r\n"
#define TODO_END "END:VTODO\r\nEND:VCALENDAR\r\n"
#define CARD "BEGIN:VCARD\r\nVERSION:3.0\r\nUID:u\r\nN:l;f;;;\r\nFN:f\r\n"
#define CARD_END "END:VCARD\r\n"
#define TELS "g.TEL:1\r\ng.TEL:2\r\ng.TEL:3\r\ng.TEL:4\r\ng.TEL:5\r\ng.TEL:6\r\ng.TEL:7\r\ng.TEL:8\r\n"
#define MAIL "From: a@x\r\nSubject: s\r\nMIME-Version: 1.0\r\n"
#define HTML MAIL "Content-Type: text/html; charset=utf-8\r\n\r\n"
#define MIXED MAIL "Content-Type: multipart/mixed; boundary=a\r\n\r\n"

static const struct nasties all[] = {
	{ &item_calendar, "<C:Subject>new</C:Subject><C:StartTime>20260310T090000Z</C:StartTime><C:EndTime>20260310T100000Z</C:EndTime>",
		{ EVENT "DESCRIPTION:", "plain text ", "\r\n" EVENT_END },
		{
			RULE("FREQ=SECONDLY"), RULE("FREQ=MINUTELY;COUNT=2000000000"),
			RULE("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30"), RULE("FREQ=DAILY;COUNT=2147483647"),
			RULE("FREQ=DAILY;UNTIL=99991231T235959Z"),
			RULE("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29;BYDAY=MO;COUNT=100000"),
			RULE("FREQ=MONTHLY;BYDAY=MO;BYSETPOS=300"),
			RULE("FREQ=YEARLY;INTERVAL=2147483647"), RULE("FREQ=HOURLY;BYHOUR=3;BYMONTHDAY=31;BYMONTH=2"),
			RULE("FREQ=YEARLY;BYDAY=MO,TU,WE,TH,FR,SA,SU;BYHOUR=0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15;BYMINUTE=0,1,2,3,4,5,6,7,8,9;BYSETPOS=366"),
			{ EVENT DAILY "EXDATE:20260311T090000Z", ",20260312T090000Z", "\r\n" EVENT_END },
			{ EVENT DAILY, "EXDATE:20260312T090000Z\r\n", EVENT_END },
			{ EVENT DAILY, "EXDATE;TZID=Europe/Berlin:20260312T1%05u\r\n", EVENT_END },
			{ EVENT DAILY, "RDATE:20260312T1%05uZ\r\n", EVENT_END },
			{ EVENT, DAILY, EVENT_END },
			{ EVENT DAILY, "END:VEVENT\r\nBEGIN:VEVENT\r\nUID:u\r\nRECURRENCE-ID:20260312T090000Z\r\nDTSTART:20260312T1%05uZ\r\n", EVENT_END },
			{ EVENT DAILY, "END:VEVENT\r\nBEGIN:VEVENT\r\nUID:u%u\r\nDTSTART:20260312T090000Z\r\n", EVENT_END },
			{ EVENT "CATEGORIES:c", ",c%u", "\r\n" EVENT_END },
			{ EVENT, "CATEGORIES:c%u\r\n", EVENT_END },
			{ EVENT "SUMMARY:", "a\r\n ", "\r\n" EVENT_END },
			{ EVENT "X-A", ";B%u=c", ":d\r\n" EVENT_END },
			{ EVENT "DTSTART", ";TZID=x", ":20260310T090000\r\n" EVENT_END },
			{ EVENT "X-A;B=\"", "\\\"^", "\r\n" EVENT_END },
			{ EVENT, "BEGIN:VALARM\r\nACTION:DISPLAY\r\nTRIGGER:-PT5M\r\nEND:VALARM\r\n", EVENT_END },
			{ EVENT, "BEGIN:X\r\n", EVENT_END },
			{ EVENT, "END:X\r\n", EVENT_END },
			{ EVENT, "DESCRIPTION:x\r\n", EVENT_END },
			{ EVENT "DTSTART;TZID=a:20260310T090000\r\n" DAILY "END:VEVENT\r\nBEGIN:VTIMEZONE\r\nTZID:a\r\n",
			"BEGIN:STANDARD\r\nDTSTART:19700101T0%05u\r\nTZOFFSETFROM:+0100\r\nTZOFFSETTO:+0200\r\nRRULE:FREQ=DAILY\r\nEND:STANDARD\r\n",
				"END:VTIMEZONE\r\nEND:VCALENDAR\r\n" },
			{ EVENT "END:VEVENT\r\n", "BEGIN:VTIMEZONE\r\nTZID:a%u\r\nEND:VTIMEZONE\r\n", "END:VCALENDAR\r\n" },
			{ EVENT DAILY, "EXDATE;TZID=z%u:20260312T090000\r\n", EVENT_END },
			{ EVENT "DESCRIPTION:", "\\n\\,\\;", "\r\n" EVENT_END },
			{ EVENT "X-ALT-DESC;FMTTYPE=text/html:", "<b>", "\r\n" EVENT_END },
		} },
	{ &item_tasks, "<T:Subject>new</T:Subject><T:Complete>1</T:Complete><T:DateCompleted>2026-03-10T00:00:00.000Z</T:DateCompleted>"
			"<T:ReminderSet>0</T:ReminderSet>",
		{ TODO "DESCRIPTION:", "plain text ", "\r\n" TODO_END },
		{
			{ TODO "RRULE:FREQ=SECONDLY\r\n" TODO_END, "", "" },
			{ TODO "RRULE:FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30\r\n" TODO_END, "", "" },
			{ TODO "RRULE:FREQ=DAILY;COUNT=2147483647\r\n" TODO_END, "", "" },
			{ TODO DAILY "EXDATE:20260311T090000Z", ",20260312T1%05uZ", "\r\n" TODO_END },
			{ TODO DAILY, "EXDATE:20260312T090000Z\r\n", TODO_END },
			{ TODO DAILY, "END:VTODO\r\nBEGIN:VTODO\r\nUID:u\r\nRECURRENCE-ID:20260312T090000Z\r\nDUE:20260312T1%05uZ\r\n", TODO_END },
			{ TODO DAILY, "END:VTODO\r\nBEGIN:VTODO\r\nUID:u\r\nRECURRENCE-ID:20260312T1%05uZ\r\nSTATUS:COMPLETED\r\n", TODO_END },
			{ TODO "CATEGORIES:c", ",c%u", "\r\n" TODO_END },
			{ TODO, "BEGIN:VALARM\r\nACTION:DISPLAY\r\nTRIGGER:-PT5M\r\nEND:VALARM\r\n", TODO_END },
		} },
	{ &item_contacts, "<N:LastName>new</N:LastName><N:MobilePhoneNumber>1</N:MobilePhoneNumber>",
		{ CARD "NOTE:", "plain text ", "\r\n" CARD_END },
		{
			{ CARD, "X:\r\n", CARD_END }, { CARD, "TEL;X=Y:%05u%05u\r\n", CARD_END },
			{ CARD, "TEL;TYPE=CELL:%u\r\n", CARD_END }, { CARD, "EMAIL;TYPE=INTERNET:a%u@x\r\n", CARD_END },
			{ CARD, "g%u.TEL:123456789\r\n", CARD_END }, { CARD, "g%u.X-ABLABEL:x\r\n", CARD_END },
			{ CARD, "g%u.TEL:123456\r\ng%u.X-ABLABEL:x\r\n", CARD_END },
			{ CARD TELS TELS TELS TELS "g.X-ABLABEL:", "x", "\r\n" CARD_END },
			{ CARD "CATEGORIES:c", ",c%u", "\r\n" CARD_END },
			{ CARD "NOTE:", "a\r\n ", "\r\n" CARD_END }, { CARD "NOTE:", "\\n", "\r\n" CARD_END },
			{ CARD "TEL", ";TYPE=x", ":1\r\n" CARD_END },
			{ CARD "TEL;TYPE=x", ",y", ":1\r\n" CARD_END }, { CARD "N:", ";", "\r\n" CARD_END },
			{ CARD "ADR:", "\\;;", "\r\n" CARD_END },
			{ "BEGIN:VCARD\r\nVERSION:2.1\r\nN:l\r\nNOTE;ENCODING=QUOTED-PRINTABLE:", "=\r\n", "\r\n" CARD_END },
			{ "BEGIN:VCARD\r\nVERSION:2.1\r\nN:l\r\nNOTE;ENCODING=QUOTED-PRINTABLE:", "=FC=0A", "\r\n" CARD_END },
			{ CARD "PHOTO;ENCODING=b:", "AAAA", "\r\n" CARD_END },
			{ CARD "PHOTO;ENCODING=b:", "=", "\r\n" CARD_END }, { CARD, "BEGIN:VCARD\r\n", CARD_END },
			{ CARD "BDAY", ";VALUE=date", ":20200101\r\n" CARD_END },
		} },
	{ &item_mail, NULL,
		{ MAIL "Content-Type: text/plain; charset=utf-8\r\n\r\n", "plain text of words\r\n", "" },
		{
			{ HTML, "<b>", "" }, { HTML, "<table><tr><td>", "" }, { HTML, "<div x=\"y\">z", "" },
			{ HTML, "</b>", "" }, { HTML, "<ul><li>", "" },
			{ HTML, "&amp;", "" }, { HTML, "&#x41;&nosuch;", "" }, { HTML "<!--", "- ", "" },
			{ HTML "<a href=\"", "x", "" }, { HTML "<a", " b%u=c", ">" },
			{ HTML, "<br>\r\n", "" }, { HTML, "<blockquote>x", "" }, { HTML, "<style>x", "" },
			{ HTML, "<script>x</script>", "" }, { HTML, "<", "" },
			{ HTML, "<p>\xc3\xbc", "" }, { HTML, "<pre>\t", "" }, { HTML, "<![CDATA[", "" },
			{ HTML, "<?x", "" }, { HTML "<html", "<html", "" },
			{ MIXED, "--a\r\nContent-Type: text/plain\r\n\r\nx\r\n", "--a--\r\n" },
			{ MIXED, "--a\r\nContent-Type: text/html\r\n\r\n<b>\r\n", "--a--\r\n" },
			{ MIXED, "--a\r\nContent-Type: multipart/mixed; boundary=a%u\r\n\r\n--a%u\r\n", "" },
			{ MIXED, "--a\r\n\r\n", "" }, { MIXED, "--a", "" },
			{ MIXED, "--a\r\nContent-Type: message/rfc822\r\n\r\n", "" },
			{ MIXED, "--a\r\nContent-Type: text/calendar; method=REQUEST\r\n\r\n" EVENT DAILY EVENT_END, "--a--\r\n" },
			{ MAIL, "X-%u: y\r\n", "\r\nx" }, { MAIL "To: a@x", ",\r\n \"n%u\" <a%u@x>", "\r\n\r\nx" },
			{ MAIL "To: ", "((((", "\r\n\r\nx" },
			{ MAIL "To: ", "g%u:", "\r\n\r\nx" }, { MAIL "Cc: ", "\"\\", "\r\n\r\nx" },
			{ MAIL "Subject: ", "=?utf-8?q?=20?=", "\r\n\r\nx" },
			{ MAIL "Subject: ", "=?x-no-such-%u?b?AAAA?= ", "\r\n\r\nx" },
			{ MAIL "Subject: ", "=?utf-8?q?", "\r\n\r\nx" },
			{ MAIL "References:", " <%u@x>", "\r\n\r\nx" },
			{ MAIL "Content-Type: text/plain", "; a%u=b", "\r\n\r\nx" },
			{ MAIL "Content-Type: text/plain; charset=x", "; name*%u*=a", "\r\n\r\nx" },
			{ MAIL "Received: ", "x;", "\r\n\r\nx" },
			{ MAIL "Content-Transfer-Encoding: quoted-printable\r\n\r\n", "=\r\n", "" },
			{ MAIL "Content-Transfer-Encoding: quoted-printable\r\n\r\n", "=C3=BC", "" },
			{ MAIL "Content-Transfer-Encoding: base64\r\n\r\n", "=", "" },
			{ MAIL "Content-Type: text/plain; charset=x-no-such\r\n\r\n", "\xfc", "" },
			{ MAIL "Content-Type: text/plain; charset=iso-2022-jp\r\n\r\n", "\033$B", "" },
			{ MAIL "Content-Type: text/plain; format=flowed\r\n\r\n", "> \r\n", "" },
			{ MAIL "\r\n", "begin 644 a\r\n", "" },
			{ MAIL "\r\n", "\xff", "" }, { MAIL "\r\n", "\r", "" }, { MAIL "Date: ", "Mon, ", "\r\n\r\nx" },
			{ MAIL "Content-Type: ", "a/", "\r\n\r\nx" },
		} },
};

/* ---- what it costs ---- */

static void
add_piece(struct buf *out, const char *piece, unsigned number)
{
	const char *p;

	for (; (p = strchr(piece, '%')); piece = p) {
		buf_add(out, piece, (size_t)(p - piece));
		bool wide = p[1] == '0';
		buf_printf(out, wide ? "%05u" : "%u", wide ? number % 60000 : number);
		p += wide ? strlen("%05u") : strlen("%u");
	}
	buf_add_str(out, piece);
}

static struct slice
make(struct arena *a, const struct nasty *n, size_t size)
{
	AUTO(buf_finish) struct buf out;

	buf_init(&out, 0);
	buf_add_str(&out, n->head);
	for (unsigned i = 0; out.len < size && (*n->piece || i == 0); i++)
		add_piece(&out, n->piece, i);
	buf_add_str(&out, n->tail);
	assert_true(buf_ok(&out));
	return slice(arena_memdup(a, out.data, out.len), out.len);
}

/* The most memory that any step took. */
static void
rewind_to(struct arena *a, struct arena_mark mark, size_t *memory)
{
	*memory = arena_size(a) > *memory ? arena_size(a) : *memory;
	arena_rewind(a, mark);
}

static void
show(struct kit *k, struct arena *a, const struct item_class *class, struct slice bytes)
{
	struct backend_item item = { .bytes = bytes, .size = bytes.len };
	AUTO(buf_finish) struct buf out;
	struct wbxml_writer w;

	buf_init(&out, 0);
	wbxml_begin(&w, &out);
	wbxml_start(&w, AirSync_ApplicationData);
	if (class->render(&k->view, a, &item, "7:1", RENDER_ADD, &w, NULL))
		return;
	wbxml_end(&w);
	assert_true(buf_ok(&out));
	assert_true(out.len <= 16 * bytes.len + 65536);
}

static void
edit(struct kit *k, struct arena *a, const struct nasties *of, struct slice bytes)
{
	struct item_edit e = { .data = kit_parse(k, of->edit), .stored = bytes, .supported = &k->supported };
	struct item_merged m;

	if (!of->class->merge(&k->view, a, &e, &m, NULL) && !m.unchanged)
		assert_true(m.bytes.len <= bytes.len + bytes.len / 8 + 4096);
}

/* Microseconds of all that is done with an item. A refusal is as good as a result. */
static int64_t
measure(struct kit *k, const struct nasties *of, struct slice bytes)
{
	static const struct item_body_pref prefs[] = {
		{ .type = 1, .truncation = UINT32_MAX }, { .type = 2, .truncation = 4096, .preview = 255 }
	};
	AUTO(arena_free) struct arena *a = arena_new(0);
	struct arena_mark mark = arena_mark(a);
	struct timespec from, to;
	size_t memory = 0;

	assert_int_equal(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &from), 0);
	if (of->class->date)
		(void)of->class->date(a, bytes);
	rewind_to(a, mark, &memory);
	k->options.n_prefs = 1;
	for (size_t i = 0; i < ARRAY_LEN(prefs); i++) {
		k->options.prefs[0] = prefs[i];
		show(k, a, of->class, bytes);
		rewind_to(a, mark, &memory);
	}
	if (of->edit)
		edit(k, a, of, bytes);
	rewind_to(a, mark, &memory);
	assert_int_equal(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &to), 0);
	if (memory > 48 * bytes.len + (8u << 20))
		fail_msg("%zu bytes of memory for %zu", memory, bytes.len);
	return (to.tv_sec - from.tv_sec) * INT64_C(1000000) + (to.tv_nsec - from.tv_nsec) / 1000;
}

static int64_t
cost(struct kit *k, const struct nasties *of, const struct nasty *n, size_t size, int64_t enough)
{
	struct arena_mark mark = arena_mark(k->a);
	struct slice bytes = make(k->a, n, size);
	int64_t least = INT64_MAX;

	for (unsigned i = 0; i < TRIES && least > enough; i++) {
		int64_t t = measure(k, of, bytes);
		least = t < least ? t : least;
	}
	arena_rewind(k->a, mark);
	return least;
}

/* plain: of an item of LARGE */
static void
check(struct kit *k, const struct nasties *of, const struct nasty *n, int64_t plain)
{
	int64_t t[SIZES];

	for (unsigned i = 0; i < SIZES; i++) {
		size_t size = LARGE >> 2 * (SIZES - 1 - i);
		int64_t most = i > 0 ? GROWTH_MAX * t[i - 1] + plain / 8 : FACTOR_MAX * plain;
		t[i] = cost(k, of, n, size, most);
		if (t[i] > most || t[i] > FACTOR_MAX * plain)
			fail_msg("%s%s: %lld us of %zu bytes, %lld of a fourth, %lld of plain ones", n->head, n->piece,
				(long long)t[i], size, i > 0 ? (long long)t[i - 1] : -1LL, (long long)plain);
		if (!*n->piece)
			break;
	}
}

static void
items_cost_in_proportion_to_their_size(void **state)
{
	struct kit *k = *state;

	for (size_t i = 0; i < ARRAY_LEN(all); i++) {
		int64_t plain = cost(k, &all[i], &all[i].plain, LARGE, 0);
		for (const struct nasty *n = all[i].list; n->head; n++)
			check(k, &all[i], n, plain);
	}
}

/* This one looks through all that follows before every strstr() and memmem(). */
const char *__asan_default_options(void);
const char *
__asan_default_options(void)
{
	return "intercept_strstr=0:intercept_memmem=0";
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(items_cost_in_proportion_to_their_size, kit_setup, kit_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
