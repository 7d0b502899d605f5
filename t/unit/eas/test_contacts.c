/* Contacts between vCard and the Contacts class: what a card of either version says to a phone, and what an edit leaves of a card. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/text.h"
#include "eas/clock.h"
#include "eas/contacts.h"
#include "eas/quirk.h"
#include "items_kit.h"

#define CARD(version, lines) "BEGIN:VCARD\nVERSION:" version "\nUID:u1\n" lines "END:VCARD\n"
#define NAME "FN:Ada Lovelace\nN:Lovelace;Ada;;;\n"
#define NAME_SENT "<N:FirstName>Ada</N:FirstName><N:LastName>Lovelace</N:LastName>"
#define MAIL(n, text) "<N:Email" n "Address>" text "</N:Email" n "Address>"
#define PNG "iVBORw0KGgoAAAANSUhEUg=="
#define GIF "R0lGODlhAQABAAAAACw="

static const char *const versions_of_cards[] = { "3.0", "4.0" };

static const char *
card(struct kit *k, const char *version, const char *lines)
{
	const char *s = arena_printf(k->a, "BEGIN:VCARD\nVERSION:%s\nUID:u1\n%sEND:VCARD\n", version, lines);
	assert_non_null(s);
	return s;
}

static const char *
shown(struct kit *k, const char *vcf)
{
	const char *xml = kit_render(k, &item_contacts, slice_str(vcf), NULL);
	assert_non_null(xml);
	return xml;
}

static const char *
edit(struct kit *k, const char *vcf, const char *xml, struct item_merged *m)
{
	const char *out = kit_merge(k, &item_contacts, vcf, xml, m);
	if (!out)
		fail_msg("%s was refused", xml);
	return out;
}

static void
assert_shows(struct kit *k, const char *vcf, const char *element)
{
	if (!strstr(shown(k, vcf), element))
		fail_msg("%s is not in %s of\n%s", element, shown(k, vcf), vcf);
}

static void
assert_line(const char *vcf, const char *line)
{
	if (!kit_has(vcf, line))
		fail_msg("%s is not in\n%s", line, vcf);
}

static void
assert_no(const char *vcf, const char *text)
{
	if (strstr(vcf, text))
		fail_msg("%s is in\n%s", text, vcf);
}

/* What the phone was shown, sent back in any version, leaves the card as it is. */
static void
assert_stable(struct kit *k, const char *vcf)
{
	static const unsigned versions[] = { 121, 140, 141, 160, 161 };
	unsigned before = k->view.version;

	for (size_t i = 0; i < ARRAY_LEN(versions); i++) {
		struct item_merged m;
		k->view.version = versions[i];
		const struct wbxml_node *tree = kit_render_tree(k, &item_contacts, slice_str(vcf), NULL);
		assert_non_null(tree);
		assert_int_equal(kit_merge_tree(k, &item_contacts, slice_str(vcf), tree, &m), ERR_OK);
		if (!m.unchanged || m.altered)
			fail_msg("sent back in %u,\n%s became\n%.*s", versions[i], vcf, (int)m.bytes.len, (const char *)m.bytes.ptr);
	}
	k->view.version = before;
}

/* ---- fields ---- */

/* An element, and the line that it becomes in a card of 3.0 and of 4.0 (NULL: the same). */
static const struct field_row {
	const char *element, *line, *line4;
} fields[] = {
	{ "<N:MiddleName>King</N:MiddleName>", "N:Lovelace;Ada;King;;\n", NULL },
	{ "<N:Title>Dr.</N:Title>", "N:Lovelace;Ada;;Dr.;\n", NULL },
	{ "<N:Suffix>PhD</N:Suffix>", "N:Lovelace;Ada;;;PhD\n", NULL },
	{ "<N:CompanyName>Engines; Ltd, Inc</N:CompanyName>", "ORG:Engines\\; Ltd\\, Inc\n", NULL },
	{ "<N:Department>Programs</N:Department>", "ORG:;Programs\n", NULL },
	{ "<N:JobTitle>Programmer</N:JobTitle>", "TITLE:Programmer\n", NULL },
	{ "<N:OfficeLocation>Room 5</N:OfficeLocation>", "ADR;TYPE=WORK:;Room 5;;;;;\n", NULL },
	{ "<N:Email1Address>a@example.org</N:Email1Address>", "EMAIL;TYPE=INTERNET:a@example.org\n", "EMAIL:a@example.org\n" },
	{ "<N:MobilePhoneNumber>+44 1</N:MobilePhoneNumber>", "TEL;TYPE=CELL:+44 1\n", NULL },
	{ "<N:HomePhoneNumber>+44 2</N:HomePhoneNumber>", "TEL;TYPE=HOME;TYPE=VOICE:+44 2\n", NULL },
	{ "<N:BusinessPhoneNumber>+44 3</N:BusinessPhoneNumber>", "TEL;TYPE=WORK;TYPE=VOICE:+44 3\n", NULL },
	{ "<N:HomeFaxNumber>+44 4</N:HomeFaxNumber>", "TEL;TYPE=HOME;TYPE=FAX:+44 4\n", NULL },
	{ "<N:BusinessFaxNumber>+44 5</N:BusinessFaxNumber>", "TEL;TYPE=WORK;TYPE=FAX:+44 5\n", NULL },
	{ "<N:PagerNumber>+44 6</N:PagerNumber>", "TEL;TYPE=PAGER:+44 6\n", NULL },
	{ "<N:CarPhoneNumber>+44 7</N:CarPhoneNumber>", "TEL;TYPE=CAR:+44 7\n", NULL },
	{ "<N:RadioPhoneNumber>+44 8</N:RadioPhoneNumber>", "TEL;TYPE=x-radio:+44 8\n", NULL },
	{ "<N:AssistantPhoneNumber>+44 9</N:AssistantPhoneNumber>", "TEL;TYPE=WORK;TYPE=x-assistant:+44 9\n", NULL },
	{ "<2:CompanyMainPhone>+44 10</2:CompanyMainPhone>", "TEL;TYPE=WORK;TYPE=x-company:+44 10\n", NULL },
	{ "<2:MMS>+44 11</2:MMS>", "TEL;TYPE=x-mms:+44 11\n", NULL },
	{ "<N:HomeAddressStreet>1 Mill Lane\nBack door</N:HomeAddressStreet>", "ADR;TYPE=HOME:;;1 Mill Lane\\nBack door;;;;\n", NULL },
	{ "<N:BusinessAddressCity>London</N:BusinessAddressCity>", "ADR;TYPE=WORK:;;;London;;;\n", NULL },
	{ "<N:BusinessAddressState>England</N:BusinessAddressState>", "ADR;TYPE=WORK:;;;;England;;\n", NULL },
	{ "<N:OtherAddressPostalCode>OX1</N:OtherAddressPostalCode>", "ADR:;;;;;OX1;\n", NULL },
	{ "<N:HomeAddressCountry>UK</N:HomeAddressCountry>", "ADR;TYPE=HOME:;;;;;;UK\n", NULL },
	{ "<N:Birthday>1815-12-10T11:59:00.000Z</N:Birthday>", "BDAY:1815-12-10\n", "BDAY:18151210\n" },
	{ "<N:Anniversary>1835-07-08T11:59:00.000Z</N:Anniversary>", "X-ANNIVERSARY:1835-07-08\n", "ANNIVERSARY:18350708\n" },
	{ "<N:Spouse>William</N:Spouse>", "X-SPOUSE:William\n", "RELATED;TYPE=spouse;VALUE=text:William\n" },
	{ "<N:AssistantName>Mary</N:AssistantName>", "X-ASSISTANT:Mary\n", "RELATED;TYPE=agent;VALUE=text:Mary\n" },
	{ "<2:ManagerName>Charles</2:ManagerName>", "X-MANAGER:Charles\n", NULL },
	{ "<N:Children><N:Child>Byron</N:Child></N:Children>", "X-MS-CHILD:Byron\n", "RELATED;TYPE=child;VALUE=text:Byron\n" },
	{ "<N:WebPage>https://example.org/a,b;c</N:WebPage>", "URL:https://example.org/a,b;c\n", NULL },
	{ "<2:IMAddress>xmpp:ada@example.org</2:IMAddress>", "IMPP:xmpp:ada@example.org\n", NULL },
	{ "<2:NickName>Enchantress</2:NickName>", "NICKNAME:Enchantress\n", NULL },
	{ "<2:CustomerId>7</2:CustomerId>", "X-CUSTOMER-ID:7\n", NULL },
	{ "<2:GovernmentId>8</2:GovernmentId>", "X-GOVERNMENT-ID:8\n", NULL },
	{ "<2:AccountName>9</2:AccountName>", "X-ACCOUNT-NAME:9\n", NULL },
	{ "<N:YomiFirstName>eida</N:YomiFirstName>", "X-PHONETIC-FIRST-NAME:eida\n", NULL },
	{ "<N:YomiLastName>rabu</N:YomiLastName>", "X-PHONETIC-LAST-NAME:rabu\n", NULL },
	{ "<N:YomiCompanyName>enjin</N:YomiCompanyName>", "X-PHONETIC-ORG:enjin\n", NULL },
	{ "<N:Categories><N:Category>a,b</N:Category><N:Category>c</N:Category></N:Categories>", "CATEGORIES:a\\,b,c\n", NULL },
};

static void
each_field_both_ways(void **state)
{
	struct kit *k = *state;

	for (size_t i = 0; i < ARRAY_LEN(fields) * 2; i++) {
		const struct field_row *f = &fields[i / 2];
		const char *line = i % 2 && f->line4 ? f->line4 : f->line;
		const char *empty = card(k, versions_of_cards[i % 2], NAME "X-OWN;A=1:kept\nSOURCE:x\n");
		struct item_merged m;
		/* Set on the phone, it is the line, and everything else is as it was. */
		const char *out = edit(k, empty, arena_printf(k->a, NAME_SENT "%s", f->element), &m);
		assert_line(out, line);
		assert_line(out, "X-OWN;A=1:kept\nSOURCE:x\n");
		assert_false(m.altered);
		/* The line says the element, and goes when the phone leaves that out. */
		assert_shows(k, out, f->element);
		assert_stable(k, out);
		out = edit(k, out, NAME_SENT, &m);
		assert_no(out, text_starts(line, "N:") ? line : arena_printf(k->a, "\n%s", line));
		assert_line(out, "X-OWN;A=1:kept\n");
	}
}

/* Other ways to say the same, as programs write them. */
static void
lines_in_the_wild(void **state)
{
	static const struct {
		const char *lines, *element;
	} rows[] = {
		{ "TEL:tel: 1\n", "<N:HomePhoneNumber>1</N:HomePhoneNumber>" },
		{ "TEL;VALUE=uri;TYPE=cell:tel:+49-1\n", "<N:MobilePhoneNumber>+49-1</N:MobilePhoneNumber>" },
		{ "TEL:tel:\nTEL:2\n", "<N:HomePhoneNumber>2</N:HomePhoneNumber>" },
		{ "TEL;TYPE=CELL:  1 \n", "<N:MobilePhoneNumber>1</N:MobilePhoneNumber>" },
		{ "TEL;TYPE=\"voice,cell\":1\n", "<N:MobilePhoneNumber>1</N:MobilePhoneNumber>" },
		{ "a.TEL:1\na.X-ABLabel:_$!<Work>!$_\n", "<N:BusinessPhoneNumber>1</N:BusinessPhoneNumber>" },
		{ "TEL:1\nTEL:2\nTEL:3\n", "<N:HomePhoneNumber>1</N:HomePhoneNumber><N:Home2PhoneNumber>2</N:Home2PhoneNumber>"
			"<N:BusinessPhoneNumber>3</N:BusinessPhoneNumber>" },
		{ "TEL:1\nTEL;TYPE=HOME:2\n", "<N:HomePhoneNumber>1</N:HomePhoneNumber><N:Home2PhoneNumber>2</N:Home2PhoneNumber>" },
		{ "TEL;TYPE=FAX:1\n", "<N:BusinessFaxNumber>1</N:BusinessFaxNumber>" },
		{ "EMAIL:mailto: ada@example.org\n", "<N:Email1Address>ada@example.org</N:Email1Address>" },
		{ "EMAIL:Ada <ada@example.org>\n", "<N:Email1Address>ada@example.org</N:Email1Address>" },
		{ "EMAIL:\nEMAIL:ada@example.org\n", "<N:Email1Address>ada@example.org</N:Email1Address>" },
		{ "X-EVOLUTION-SPOUSE:William\n", "<N:Spouse>William</N:Spouse>" },
		{ "a.X-ABRELATEDNAMES:William\na.X-ABLabel:_$!<Spouse>!$_\n", "<N:Spouse>William</N:Spouse>" },
		{ "X-AIM:ada\nIMPP:aim:ada\n", "<2:IMAddress>aim:ada</2:IMAddress>" },
		{ "X-AIM:ada\n", "<2:IMAddress>ada</2:IMAddress>" },
		{ "BDAY:1815-12-10T23:00:00Z\n", "<N:Birthday>1815-12-10T11:59:00.000Z</N:Birthday>" },
		{ "BDAY;VALUE=date:18151210\n", "<N:Birthday>1815-12-10T11:59:00.000Z</N:Birthday>" },
		{ "BDAY:--1210\n", "<N:Birthday>1604-12-10T11:59:00.000Z</N:Birthday>" },
		{ "BDAY:--0229\n", "<N:Birthday>1604-02-29T11:59:00.000Z</N:Birthday>" },
		{ "a.X-ABDATE:1835-07-08\na.X-ABLabel:_$!<Anniversary>!$_\n", "<N:Anniversary>1835-07-08T11:59:00.000Z</N:Anniversary>" },
		{ "CATEGORIES:a\nCATEGORIES:b\n", "<N:Categories><N:Category>a</N:Category><N:Category>b</N:Category></N:Categories>" },
		{ "NOTE:a\\nb\\, c\n", "<A:Data>a\r\nb, c</A:Data>" },
	};
	struct kit *k = *state;

	for (size_t i = 0; i < ARRAY_LEN(rows) * 2; i++) {
		const char *vcf = card(k, versions_of_cards[i % 2], arena_printf(k->a, NAME "%s", rows[i / 2].lines));
		assert_shows(k, vcf, rows[i / 2].element);
		assert_stable(k, vcf);
	}
}

/* An edit of one field: the bytes of everything else stay, in their order. */
static void
an_edit_is_one_line(void **state)
{
	static const char before[] = "BEGIN:VCARD\nVERSION:3.0\nPRODID:-//x//y//EN\nUID:u1\n" NAME
		"item1.EMAIL;type=INTERNET;X-LIST=\"a;b\":ada@example.org\nitem1.X-ABLabel:Weekend\nitem2.ADR;TYPE=HOME:;;1 Mill\n"
		"  Lane;London;;;\nitem2.X-ABADR:gb\nTEL;TYPE=CELL;PREF=1:";
	static const char after[] = "\nX-SOCIALPROFILE;TYPE=x;x-user=ada:https://example.org/ada\nKEY:data\nX-LONG:"
		"0123456789012345678901234567890123456789012345678901234567890123456789\n 0123456789\nLOGO:https://x/y\nfoo bar\nEND:VCARD\n";
	struct kit *k = *state;
	struct item_merged m;
	const char *vcf = arena_printf(k->a, "%s+49 1%s", before, after);
	const char *sent = arena_printf(k->a, NAME_SENT "<N:Email1Address>ada@example.org</N:Email1Address><N:MobilePhoneNumber>+49 2"
		"</N:MobilePhoneNumber><N:HomeAddressStreet>1 Mill Lane</N:HomeAddressStreet><N:HomeAddressCity>London</N:HomeAddressCity>");

	assert_stable(k, vcf);
	assert_string_equal(edit(k, vcf, sent, &m), arena_printf(k->a, "%s+49 2%s", before, after));
	assert_false(m.altered);
}

static void
an_edit_is_a_revision(void **state)
{
	struct kit *k = *state;
	struct item_merged m;

	eas_clock_set(1800000000);
	assert_line(edit(k, CARD("3.0", NAME "REV:2026-01-01T00:00:00Z\n"), NAME_SENT "<N:JobTitle>x</N:JobTitle>", &m), "REV:2027-01-15T08:00:00Z\n");
	assert_line(edit(k, CARD("4.0", NAME "REV:20260101T000000Z\n"), NAME_SENT "<N:JobTitle>x</N:JobTitle>", &m), "REV:20270115T080000Z\n");
	assert_string_equal(edit(k, CARD("4.0", NAME "REV:20260101T000000Z\n"), NAME_SENT, &m), CARD("4.0", NAME "REV:20260101T000000Z\n"));
	eas_clock_set(0);
}

/* The address in one piece, which other programs show, is not the old one. */
static void
a_label_goes_with_its_address(void **state)
{
	struct kit *k = *state;
	struct item_merged m;
	const char *out = edit(k, CARD("3.0", NAME "ADR;TYPE=HOME:;;Old;;;;\nLABEL;TYPE=home:Old\nLABEL;TYPE=WORK:Mill\n"),
		NAME_SENT "<N:HomeAddressStreet>New</N:HomeAddressStreet>", &m);

	assert_string_equal(out, CARD("3.0", NAME "ADR;TYPE=HOME:;;New;;;;\nLABEL;TYPE=WORK:Mill\n"));
}

/* Apple's labels go with what they are a label of, and with nothing else. */
static void
groups_go_with_their_property(void **state)
{
	struct kit *k = *state;
	struct item_merged m;
	const char *vcf = CARD("3.0", NAME "a.URL:https://x\na.X-ABLabel:Blog\nb.EMAIL:e@example.org\nb.X-ABLabel:Weekend\n");
	const char *out = edit(k, vcf, NAME_SENT "<N:Email1Address>e@example.org</N:Email1Address>", &m);

	assert_string_equal(out, CARD("3.0", NAME "b.EMAIL:e@example.org\nb.X-ABLabel:Weekend\n"));
	out = edit(k, vcf, NAME_SENT "<N:Email1Address>f@example.org</N:Email1Address><N:WebPage>https://x</N:WebPage>", &m);
	assert_line(out, "b.EMAIL:f@example.org\nb.X-ABLabel:Weekend\n");
}

/* ---- the same said twice ---- */

/* For one program and for another: both follow the phone, and what it took away does not come back. */
static void
what_is_said_twice_changes_twice(void **state)
{
	static const struct {
		const char *lines, *sent, *after;
	} rows[] = {
		{ "X-ANNIVERSARY:1835-07-08\na.X-ABDATE:1835-07-08\na.X-ABLabel:_$!<Anniversary>!$_\n",
			"<N:Anniversary>1835-07-09T11:59:00.000Z</N:Anniversary>",
			"X-ANNIVERSARY:1835-07-09\na.X-ABDATE:1835-07-09\na.X-ABLabel:_$!<Anniversary>!$_\n" },
		{ "X-ANNIVERSARY:1835-07-08\na.X-ABDATE:18350708\na.X-ABLabel:_$!<Anniversary>!$_\n", "", "" },
		{ "X-SPOUSE:W\nX-EVOLUTION-SPOUSE:W\nX-MS-SPOUSE:other\n", "<N:Spouse>V</N:Spouse>",
			"X-SPOUSE:V\nX-EVOLUTION-SPOUSE:V\nX-MS-SPOUSE:other\n" },
		{ "X-EVOLUTION-MANAGER:M\nX-MANAGER:M\n", "", "" },
		{ "X-ASSISTANT:A\nX-EVOLUTION-ASSISTANT:A\n", "<N:AssistantName>B</N:AssistantName>",
			"X-ASSISTANT:B\nX-EVOLUTION-ASSISTANT:B\n" },
		{ "IMPP;X-SERVICE-TYPE=AIM:aim:ada\nX-AIM:ada\nX-ICQ:7\n", "<2:IMAddress>aim:bea</2:IMAddress>",
			"IMPP;X-SERVICE-TYPE=AIM:aim:bea\nX-AIM:bea\nX-ICQ:7\n" },
		{ "X-AIM:ada\nIMPP;X-SERVICE-TYPE=AIM:aim:ada\n", "", "" },
		{ "IMPP:aim:ada\nIMPP:icq:7\nX-AIM:ada\nX-ICQ:7\n", "<2:IMAddress>icq:7</2:IMAddress>", "IMPP:icq:7\nX-ICQ:7\n" },
		/* the same name with two services */
		{ "IMPP:aim:ada\nIMPP:skype:ada\nX-SKYPE:ada\nX-AIM:ada\n", "<2:IMAddress>skype:ada</2:IMAddress>",
			"IMPP:skype:ada\nX-SKYPE:ada\n" },
		{ "IMPP:aim:ada\nIMPP:skype:ada\nX-AIM:ada\nX-SKYPE-USERNAME:ada\n",
			"<2:IMAddress>aim:ada</2:IMAddress><2:IMAddress2>skype:bea</2:IMAddress2>",
			"IMPP:aim:ada\nIMPP:skype:bea\nX-AIM:ada\nX-SKYPE-USERNAME:bea\n" },
		{ "TEL;TYPE=CELL:1\nTEL;TYPE=CELL,pref:1\n", "<N:MobilePhoneNumber>2</N:MobilePhoneNumber>",
			"TEL;TYPE=CELL:2\nTEL;TYPE=CELL,pref:2\n" },
		/* of more than one field */
		{ "TEL;TYPE=HOME:1\nTEL;TYPE=HOME:2\nTEL;TYPE=HOME:1\n", "<N:HomePhoneNumber>2</N:HomePhoneNumber>", "TEL;TYPE=HOME:2\n" },
		{ "TEL;TYPE=HOME:1\nTEL;TYPE=HOME:2\nTEL;TYPE=HOME:1\n",
			"<N:HomePhoneNumber>3</N:HomePhoneNumber><N:Home2PhoneNumber>2</N:Home2PhoneNumber>",
			"TEL;TYPE=HOME:3\nTEL;TYPE=HOME:2\nTEL;TYPE=HOME:3\n" },
	};
	struct kit *k = *state;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct item_merged m;
		const char *vcf = card(k, "3.0", arena_printf(k->a, NAME "%s", rows[i].lines));
		assert_stable(k, vcf);
		assert_string_equal(edit(k, vcf, arena_printf(k->a, NAME_SENT "%s", rows[i].sent), &m),
			card(k, "3.0", arena_printf(k->a, NAME "%s", rows[i].after)));
		assert_false(m.altered);
	}
}

/* ---- more than EAS has places for ---- */

/* A telephone goes where a place is left; the preferred ones keep theirs. */
static void
telephones_find_a_place(void **state)
{
	static const struct {
		const char *lines, *elements;
	} rows[] = {
		{ "TEL;TYPE=CELL,HOME:1\nTEL;TYPE=CELL,WORK:2\n", "<N:MobilePhoneNumber>1</N:MobilePhoneNumber><N:BusinessPhoneNumber>2<" },
		{ "TEL;TYPE=CELL:1\nTEL;TYPE=CELL:2\nTEL;TYPE=HOME:3\n",
			"<N:MobilePhoneNumber>1</N:MobilePhoneNumber><N:HomePhoneNumber>3</N:HomePhoneNumber><N:Home2PhoneNumber>2<" },
		{ "TEL;TYPE=CELL:1\nTEL;TYPE=CELL;PREF=1:2\n", "<N:MobilePhoneNumber>2</N:MobilePhoneNumber><N:HomePhoneNumber>1<" },
		{ "TEL;TYPE=WORK:1\nTEL;TYPE=WORK:2\nTEL;TYPE=WORK,pref:3\n",
			"<N:HomePhoneNumber>2</N:HomePhoneNumber><N:BusinessPhoneNumber>1</N:BusinessPhoneNumber><N:Business2PhoneNumber>3<" },
		{ "TEL;TYPE=FAX,WORK:1\nTEL;TYPE=FAX,WORK:2\n", "<N:HomeFaxNumber>2</N:HomeFaxNumber><N:BusinessFaxNumber>1<" },
		{ "EMAIL:a@x\nEMAIL:b@x\nEMAIL:c@x\nEMAIL;TYPE=PREF:d@x\n", MAIL("1", "a@x") MAIL("2", "b@x") MAIL("3", "d@x") },
		{ "ADR;TYPE=HOME:;;Old;;;;\nADR;TYPE=HOME,pref:;;New;;;;\n", "<N:HomeAddressStreet>New<" },
	};
	struct kit *k = *state;
	struct item_merged m;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const char *vcf = card(k, "3.0", arena_printf(k->a, NAME "%s", rows[i].lines));
		assert_shows(k, vcf, rows[i].elements);
		assert_stable(k, vcf);
	}
	/* Each is edited where it stands, and takes its type along. */
	const char *vcf = CARD("3.0", NAME "TEL;TYPE=CELL:1\nTEL;TYPE=CELL:2\nTEL;TYPE=CELL:4\n");
	const char *out = edit(k, vcf, NAME_SENT "<N:MobilePhoneNumber>1</N:MobilePhoneNumber><N:HomePhoneNumber>3</N:HomePhoneNumber>"
		"<N:Home2PhoneNumber>4</N:Home2PhoneNumber>", &m);
	assert_string_equal(out, CARD("3.0", NAME "TEL;TYPE=CELL:1\nTEL;TYPE=CELL:3\nTEL;TYPE=CELL:4\n"));
	assert_false(m.altered);
	out = edit(k, vcf, NAME_SENT "<N:MobilePhoneNumber>1</N:MobilePhoneNumber><N:HomePhoneNumber>2</N:HomePhoneNumber>", &m);
	assert_string_equal(out, CARD("3.0", NAME "TEL;TYPE=CELL:1\nTEL;TYPE=CELL:2\n"));
}

#define FIVE "EMAIL;TYPE=work:a1@x.org\nEMAIL;PREF=1:a2@x.org\nEMAIL:a3@x.org\nEMAIL;TYPE=home:a4@x.org\nEMAIL:a5@x.org\n"

static void
five_addresses(void **state)
{
	struct kit *k = *state;
	struct item_merged m;

	for (size_t i = 0; i < 2; i++) {
		const char *vcf = card(k, versions_of_cards[i], NAME FIVE);
		assert_shows(k, vcf, MAIL("1", "a1@x.org") MAIL("2", "a2@x.org") MAIL("3", "a3@x.org") "<A:Body>");
		assert_stable(k, vcf);
		const char *out = edit(k, vcf, NAME_SENT MAIL("1", "a1@x.org") MAIL("2", "new@x.org") MAIL("3", "a3@x.org"), &m);
		assert_line(out, "EMAIL;TYPE=work:a1@x.org\nEMAIL;PREF=1:new@x.org\nEMAIL:a3@x.org\nEMAIL;TYPE=home:a4@x.org\nEMAIL:a5@x.org\n");
		assert_false(m.altered);
		/* One goes: the fourth takes a place that is free, and the phone is told. */
		out = edit(k, vcf, NAME_SENT MAIL("2", "a2@x.org") MAIL("3", "a3@x.org"), &m);
		assert_line(out, "EMAIL;PREF=1:a2@x.org\nEMAIL:a3@x.org\nEMAIL;TYPE=home:a4@x.org\nEMAIL:a5@x.org\n");
		assert_no(out, "a1@");
		assert_true(m.altered);
		assert_shows(k, out, MAIL("1", "a2@x.org") MAIL("2", "a3@x.org") MAIL("3", "a4@x.org"));
		/* Two change places, each with what belongs to it. */
		out = edit(k, vcf, NAME_SENT MAIL("1", "a2@x.org") MAIL("2", "a1@x.org") MAIL("3", "a3@x.org"), &m);
		assert_line(out, "EMAIL;PREF=1:a2@x.org\nEMAIL;TYPE=work:a1@x.org\nEMAIL:a3@x.org\n");
	}
}

static void
lists_beyond_300(void **state)
{
	struct kit *k = *state;
	struct item_merged m;
	struct buf b;

	buf_init(&b, 0);
	for (unsigned i = 0; i < 400; i++)
		buf_printf(&b, "CATEGORIES:c%u\nX-MS-CHILD:k%u\n", i, i);
	const char *vcf = card(k, "3.0", arena_printf(k->a, NAME "%s", buf_str(&b)));
	buf_finish(&b);
	assert_stable(k, vcf);
	assert_shows(k, vcf, "<N:Category>c299</N:Category></N:Categories>");
	assert_shows(k, vcf, "<N:Child>k299</N:Child></N:Children>");
	const char *xml = shown(k, vcf), *at = strstr(xml, "<N:Category>c7<");
	const char *out = edit(k, vcf, arena_printf(k->a, "%.*s<N:Category>new<%s", (int)(at - xml), xml, at + strlen("<N:Category>c7<")), &m);
	assert_non_null(strstr(out, ",new,"));
	assert_non_null(strstr(out, "c399\n"));
	assert_line(out, "X-MS-CHILD:k399\n");
}

/* ---- names ---- */

static void
cards_without_a_name_of_some_kind(void **state)
{
	struct kit *k = *state;
	struct item_merged m;
	/* FN alone: it is what the phone can show, and stays where it is. */
	const char *vcf = CARD("3.0", "FN:Ada Lovelace\nTEL;TYPE=CELL:1\n");
	assert_shows(k, vcf, "<N:LastName>Ada Lovelace</N:LastName>");
	assert_stable(k, vcf);
	assert_string_equal(edit(k, vcf, "<N:LastName>Ada Lovelace</N:LastName><N:MobilePhoneNumber>2</N:MobilePhoneNumber>", &m),
		CARD("3.0", "FN:Ada Lovelace\nTEL;TYPE=CELL:2\n"));
	const char *out = edit(k, vcf, NAME_SENT "<N:MobilePhoneNumber>1</N:MobilePhoneNumber>", &m);
	assert_line(out, "FN:Ada Lovelace\n");
	assert_line(out, "N:Lovelace;Ada;;;\n");
	/* N alone */
	vcf = CARD("3.0", "N:Lovelace;Ada;;;\nTEL;TYPE=CELL:1\n");
	assert_stable(k, vcf);
	assert_string_equal(edit(k, vcf, NAME_SENT "<N:MobilePhoneNumber>2</N:MobilePhoneNumber>", &m),
		CARD("3.0", "N:Lovelace;Ada;;;\nTEL;TYPE=CELL:2\n"));
	out = edit(k, vcf, "<N:FirstName>Augusta</N:FirstName><N:LastName>Lovelace</N:LastName><N:MobilePhoneNumber>1</N:MobilePhoneNumber>", &m);
	assert_line(out, "N:Lovelace;Augusta;;;\n");
	assert_line(out, "FN:Augusta Lovelace\n");
	/* Neither: a company's */
	vcf = CARD("3.0", "ORG:Engines\nTEL;TYPE=WORK:1\n");
	assert_stable(k, vcf);
	assert_no(shown(k, vcf), "LastName");
	assert_string_equal(edit(k, vcf, "<N:CompanyName>Engines</N:CompanyName><N:BusinessPhoneNumber>2</N:BusinessPhoneNumber>", &m),
		CARD("3.0", "ORG:Engines\nTEL;TYPE=WORK:2\n"));
	/* FN is the company's: that is no person's name, and follows the company. */
	vcf = CARD("4.0", "FN:Engines\nORG:Engines\n");
	assert_no(shown(k, vcf), "LastName");
	assert_line(edit(k, vcf, "<N:CompanyName>Looms</N:CompanyName>", &m), "FN:Looms\n");
}

static void
a_full_name_keeps_its_form(void **state)
{
	static const struct {
		const char *fn, *after;
	} rows[] = {
		{ "Ada Lovelace", "Augusta Lovelace" }, { "Lovelace, Ada", "Lovelace, Augusta" }, { "Lovelace Ada", "Lovelace Augusta" },
		{ "The Countess", "Augusta Lovelace" },
	};
	struct kit *k = *state;
	struct item_merged m;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const char *vcf = card(k, versions_of_cards[i % 2], arena_printf(k->a, "FN:%s\nN:Lovelace;Ada;;;\n",
			arena_printf(k->a, i == 1 ? "Lovelace\\, Ada" : "%s", rows[i].fn)));
		assert_shows(k, vcf, arena_printf(k->a, "<N:FileAs>%s</N:FileAs>", rows[i].fn));
		assert_stable(k, vcf);
		const char *out = edit(k, vcf, "<N:FirstName>Augusta</N:FirstName><N:LastName>Lovelace</N:LastName>", &m);
		assert_shows(k, out, arena_printf(k->a, "<N:FileAs>%s</N:FileAs>", rows[i].after));
		assert_line(out, "N:Lovelace;Augusta;;;\n");
	}
}

/* It is made of the name where it was, and absent it is as it was: most phones send none. */
static void
a_filing_string_of_its_own(void **state)
{
	struct kit *k = *state;
	struct item_merged m;
	const char *vcf = edit(k, CARD("3.0", NAME), NAME_SENT "<N:FileAs>Countess, the</N:FileAs>", &m);

	assert_line(vcf, "X-MS-FILEAS:Countess\\, the\n");
	assert_shows(k, vcf, "<N:FileAs>Countess, the</N:FileAs>");
	assert_stable(k, vcf);
	vcf = edit(k, vcf, "<N:FirstName>Augusta</N:FirstName><N:LastName>Lovelace</N:LastName>", &m);
	assert_line(vcf, "X-MS-FILEAS:Countess\\, the\n");
	vcf = edit(k, CARD("4.0", NAME "X-EVOLUTION-FILE-AS:Lovelace\\, Ada\n"), "<N:FirstName>Augusta</N:FirstName><N:LastName>Lovelace</N:LastName>", &m);
	assert_line(vcf, "X-EVOLUTION-FILE-AS:Lovelace\\, Augusta\n");
}

/* ---- ghosting ---- */

static void
what_is_absent(void **state)
{
	static const unsigned named[] = { Contacts_FirstName, Contacts_LastName, Contacts_MobilePhoneNumber };
	static const char lines[] = NAME "TEL;TYPE=CELL:1\nTEL;TYPE=HOME:2\nNICKNAME:E\nBDAY:1815-12-10\nCATEGORIES:c\nX-MS-CHILD:k\nNOTE:n\n"
		"PHOTO;ENCODING=b;TYPE=PNG:" PNG "\nADR;TYPE=HOME:;;1 Mill Lane;;;;\n";
	struct kit *k = *state;
	struct item_merged m;
	const char *vcf = card(k, "3.0", lines);

	/* Without Supported: removed, but for the body and the picture (MS-ASCMD R873..R881). */
	assert_string_equal(edit(k, vcf, NAME_SENT, &m), card(k, "3.0", NAME "NOTE:n\nPHOTO;ENCODING=b;TYPE=PNG:" PNG "\n"));
	/* Named: removed. Not named: as it is. */
	k->supported = (struct item_supported){ .sent = true, .tags = named, .n = ARRAY_LEN(named) };
	const char *out = edit(k, vcf, NAME_SENT, &m);
	assert_no(out, "TEL;TYPE=CELL");
	assert_line(out, "TEL;TYPE=HOME:2\nNICKNAME:E\nBDAY:1815-12-10\nCATEGORIES:c\nX-MS-CHILD:k\nNOTE:n\n");
	assert_line(out, "ADR;TYPE=HOME:;;1 Mill Lane;;;;\n");
	assert_false(m.altered);
	/* What is not named and sent nevertheless counts. */
	assert_line(edit(k, vcf, NAME_SENT "<2:NickName>F</2:NickName><N:MobilePhoneNumber>1</N:MobilePhoneNumber>", &m), "NICKNAME:F\n");
	/* An empty one: all are ghosted. */
	k->supported = (struct item_supported){ .sent = true };
	assert_string_equal(edit(k, vcf, "<N:LastName>Lovelace</N:LastName>", &m), vcf);
	/* Present and empty: removed. */
	out = edit(k, vcf, "<N:MobilePhoneNumber/><N:Birthday/><N:Categories/>", &m);
	assert_no(out, "TEL;TYPE=CELL");
	assert_no(out, "BDAY");
	assert_no(out, "CATEGORIES");
	assert_line(out, "TEL;TYPE=HOME:2\nNICKNAME:E\n");
	/* A picture or a body alone says nothing about the rest. */
	k->supported = (struct item_supported){ 0 };
	assert_line(edit(k, vcf, "<A:Body><A:Type>1</A:Type><A:Data>m</A:Data></A:Body>", &m), "NICKNAME:E\nBDAY:1815-12-10\n");
}

/* ---- pictures ---- */

static void
pictures(void **state)
{
	static const char *const photos[] = { "PHOTO;ENCODING=b;TYPE=PNG:" PNG "\n", "PHOTO:data:image/png;base64," PNG "\n" };
	static const char *const new_photos[] = { "PHOTO;ENCODING=b;TYPE=GIF:" GIF "\n", "PHOTO:data:image/gif;base64," GIF "\n" };
	struct kit *k = *state;
	struct item_merged m;

	for (size_t i = 0; i < 2; i++) {
		const char *vcf = card(k, versions_of_cards[i], arena_printf(k->a, NAME "%s", photos[i]));
		assert_shows(k, vcf, "<N:Picture>" PNG "</N:Picture>");
		assert_stable(k, vcf);
		const char *out = edit(k, vcf, NAME_SENT "<N:Picture>" GIF "</N:Picture>", &m);
		assert_string_equal(out, card(k, versions_of_cards[i], arena_printf(k->a, NAME "%s", new_photos[i])));
		assert_line(edit(k, card(k, versions_of_cards[i], NAME), NAME_SENT "<N:Picture>" GIF "</N:Picture>", &m), new_photos[i]);
		/* An empty one deletes it; not where a client sends it with everything, which is told what is there. */
		assert_string_equal(edit(k, vcf, NAME_SENT "<N:Picture/>", &m), card(k, versions_of_cards[i], NAME));
		k->view.quirks = QUIRK_EMPTY_PICTURE;
		assert_string_equal(edit(k, vcf, NAME_SENT "<N:Picture/>", &m), vcf);
		assert_true(m.altered);
		assert_string_equal(edit(k, card(k, versions_of_cards[i], NAME), NAME_SENT "<N:Picture/>", &m), card(k, versions_of_cards[i], NAME));
		assert_false(m.altered);
		k->view.quirks = 0;
	}
	assert_true(quirks_of("iPhone", "Apple-iPhone12C5/2001.1", 161) & QUIRK_EMPTY_PICTURE);
	assert_false(quirks_of("Android", "Android-Mail/1", 161) & QUIRK_EMPTY_PICTURE);
}

static void
pictures_too_large_or_elsewhere(void **state)
{
	struct kit *k = *state;
	struct item_merged m;
	char *large = arena_alloc(k->a, 48 * 1024 + 5);

	memset(large, 'A', 48 * 1024 + 4);
	const char *const lines[] = { arena_printf(k->a, "PHOTO;ENCODING=b;TYPE=JPEG:%s\n", large), "PHOTO;VALUE=uri:https://x/y.png\n",
		"PHOTO;ENCODING=b:not base64!\n" };
	for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
		/* The contact comes without it, and no edit harms it: what the phone never had it does not delete. */
		const char *vcf = card(k, "3.0", arena_printf(k->a, NAME "%s", lines[i]));
		assert_no(shown(k, vcf), "Picture");
		assert_stable(k, vcf);
		assert_string_equal(edit(k, vcf, NAME_SENT "<N:Picture/>", &m), vcf);
		assert_line(edit(k, vcf, NAME_SENT "<N:JobTitle>x</N:JobTitle>", &m), lines[i]);
	}
	/* MS-ASCNTC R384: Status 6 */
	assert_null(kit_merge(k, &item_contacts, CARD("3.0", NAME), arena_printf(k->a, NAME_SENT "<N:Picture>%s</N:Picture>", large), NULL));
	large[48 * 1024] = '\0';
	assert_non_null(kit_merge(k, &item_contacts, CARD("3.0", NAME), arena_printf(k->a, NAME_SENT "<N:Picture>%s</N:Picture>", large), NULL));
}

/* ---- dates ---- */

static void
dates_that_phones_send(void **state)
{
	/* Noon, midnight UTC, or midnight of where the phone is: the day that was meant. */
	static const struct {
		const char *sent, *line3, *line4;
	} rows[] = {
		{ "1980-05-17T11:59:00.000Z", "BDAY:1980-05-17\n", "BDAY:19800517\n" },
		{ "1980-05-17T00:00:00.000Z", "BDAY:1980-05-17\n", "BDAY:19800517\n" },
		{ "1980-05-16T22:00:00.000Z", "BDAY:1980-05-17\n", "BDAY:19800517\n" }, /* Berlin */
		{ "1980-05-17T07:00:00.000Z", "BDAY:1980-05-17\n", "BDAY:19800517\n" }, /* Denver */
		{ "1979-12-31T15:00:00.000Z", "BDAY:1980-01-01\n", "BDAY:19800101\n" }, /* Tokyo */
		{ "19800517T115900Z", "BDAY:1980-05-17\n", "BDAY:19800517\n" },
		{ "1980-05-17", "BDAY:1980-05-17\n", "BDAY:19800517\n" },
		{ "--05-17", "BDAY;X-APPLE-OMIT-YEAR=1604:1604-05-17\n", "BDAY:--0517\n" }, /* AOSP */
		{ "--0229", "BDAY;X-APPLE-OMIT-YEAR=1604:1604-02-29\n", "BDAY:--0229\n" },
		{ "1604-02-29T11:59:00.000Z", "BDAY;X-APPLE-OMIT-YEAR=1604:1604-02-29\n", "BDAY:--0229\n" },
	};
	static const char *const bad[] = { "soon", "1980-13-01", "1981-02-29T00:00:00.000Z", "1980-05-17T25:00:00Z", "--05", "---17", "--13-01" };
	struct kit *k = *state;
	struct item_merged m;

	for (size_t i = 0; i < ARRAY_LEN(rows) * 2; i++)
		assert_line(edit(k, card(k, versions_of_cards[i % 2], NAME), arena_printf(k->a, NAME_SENT "<N:Birthday>%s</N:Birthday>",
			rows[i / 2].sent), &m), i % 2 ? rows[i / 2].line4 : rows[i / 2].line3);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		if (kit_merge(k, &item_contacts, CARD("3.0", NAME), arena_printf(k->a, NAME_SENT "<N:Birthday>%s</N:Birthday>", bad[i]), NULL))
			fail_msg("%s is a date", bad[i]);
}

static void
dates_that_no_phone_can_have(void **state)
{
	static const char *const lines[] = { "BDAY;VALUE=text:circa 1800\n", "BDAY:1815\n", "BDAY:---10\n", "BDAY:1815-12\n", "BDAY:T10\n" };
	struct kit *k = *state;
	struct item_merged m;

	for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
		const char *vcf = card(k, "4.0", arena_printf(k->a, NAME "%s", lines[i]));
		assert_no(shown(k, vcf), "Birthday");
		assert_stable(k, vcf);
		assert_line(edit(k, vcf, NAME_SENT "<N:JobTitle>x</N:JobTitle>", &m), lines[i]);
	}
	/* The time of day that a card says stays as long as the day does. */
	const char *vcf = CARD("4.0", NAME "BDAY:18151210T103000Z\nDEATHDATE:18521127\n");
	assert_line(edit(k, vcf, NAME_SENT "<N:JobTitle>x</N:JobTitle><N:Birthday>1815-12-10T00:00:00.000Z</N:Birthday>", &m),
		"BDAY:18151210T103000Z\nDEATHDATE:18521127\n");
}

/* ---- notes ---- */

static void
notes_are_bodies(void **state)
{
	struct kit *k = *state;
	struct item_merged m;
	const char *vcf = CARD("3.0", NAME "NOTE:one\\ntwo\\, three\\; four \\\\ five\n");

	assert_shows(k, vcf, "<A:Body><A:Type>1</A:Type><A:EstimatedDataSize>28</A:EstimatedDataSize><A:Truncated>0</A:Truncated>"
		"<A:Data>one\r\ntwo, three; four \\ five</A:Data></A:Body>");
	assert_stable(k, vcf);
	const char *out = edit(k, vcf, NAME_SENT "<A:Body><A:Type>1</A:Type><A:Data>a, b\r\nc</A:Data></A:Body>", &m);
	assert_line(out, "NOTE:a\\, b\\nc\n");
	assert_false(m.altered);
	/* HTML becomes text; the beginning of a longer note says nothing about the rest; an empty one removes. */
	assert_line(edit(k, vcf, NAME_SENT "<A:Body><A:Type>2</A:Type><A:Data>new</A:Data></A:Body>", &m), "NOTE:new\n");
	assert_string_equal(edit(k, vcf, NAME_SENT "<A:Body><A:Type>1</A:Type><A:Truncated>1</A:Truncated><A:Data>on</A:Data></A:Body>", &m), vcf);
	assert_string_equal(edit(k, vcf, NAME_SENT "<A:Body><A:Type>1</A:Type><A:Data/></A:Body>", &m), CARD("3.0", NAME));
	/* Without Data it says nothing (MS-ASCMD_R878). */
	assert_string_equal(edit(k, vcf, NAME_SENT "<A:Body><A:Type>1</A:Type></A:Body>", &m), vcf);
	k->options.prefs[0] = (struct item_body_pref){ .type = 1, .truncation = 5 };
	k->options.n_prefs = 1;
	assert_shows(k, vcf, "<A:Truncated>1</A:Truncated>");
	assert_stable(k, vcf);
}

/* Cut for the phone, and sent back with another field changed, by phones that say that it is cut and by phones that do not. */
static void
the_beginning_of_a_note_takes_nothing_from_it(void **state)
{
	struct kit *k = *state;
	struct item_merged m;
	const char *vcf = CARD("3.0", NAME "NOTE:first line\\nsecond line\\nthe rest\n");

	k->options.prefs[0] = (struct item_body_pref){ .type = 1, .truncation = 25 };
	k->options.n_prefs = 1;
	assert_shows(k, vcf, "<A:Truncated>1</A:Truncated><A:Data>first line\r\nsecond line\r\n</A:Data>");
	assert_line(edit(k, vcf, NAME_SENT "<N:JobTitle>x</N:JobTitle><A:Body><A:Type>1</A:Type><A:Data>first line\r\nsecond line</A:Data></A:Body>", &m),
		"NOTE:first line\\nsecond line\\nthe rest\n");
	assert_false(m.altered);
	/* What was shortened by hand is shorter than what it was cut to. */
	assert_line(edit(k, vcf, NAME_SENT "<A:Body><A:Type>1</A:Type><A:Data>first line</A:Data></A:Body>", &m), "NOTE:first line\n");
}

/* ---- whole cards ---- */

static void
a_group_is_nobody(void **state)
{
	static const char *const lines[] = { "KIND:group\nMEMBER:urn:uuid:1\n", "X-ADDRESSBOOKSERVER-KIND:GROUP\n" };
	struct kit *k = *state;
	enum err err;

	for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
		assert_null(kit_render(k, &item_contacts, slice_str(card(k, versions_of_cards[!i], arena_printf(k->a, NAME "%s", lines[i]))), &err));
		assert_int_equal(err, ERR_UNSUPPORTED);
	}
	assert_shows(k, card(k, "4.0", "FN:Looms\nKIND:org\nORG:Looms\n"), "<N:CompanyName>Looms<");
}

static void
a_new_card(void **state)
{
	struct kit *k = *state;
	struct item_merged m;
	const char *out = kit_merge(k, &item_contacts, NULL, "<N:FirstName>Grace</N:FirstName><N:LastName>Hopper</N:LastName>"
		"<N:Email1Address>\"Grace\" &lt;grace@example.org></N:Email1Address><N:FileAs>Hopper, Grace</N:FileAs>", &m);

	assert_true(text_starts(out, "BEGIN:VCARD\nVERSION:3.0\n"));
	assert_true(text_ends(out, "END:VCARD\n"));
	assert_line(out, "UID:0123456789abcdef0123456789abcdef\n");
	assert_string_equal(m.uid, "0123456789abcdef0123456789abcdef");
	assert_line(out, "N:Hopper;Grace;;;\n");
	assert_line(out, "FN:Grace Hopper\n");
	assert_line(out, "X-MS-FILEAS:Hopper\\, Grace\n");
	assert_stable(k, out);
	/* RFC 6350 6.2.1: there is an FN, whatever the phone says. */
	assert_line(kit_merge(k, &item_contacts, NULL, "<N:CompanyName>Engines</N:CompanyName>", &m), "FN:Engines\n");
	assert_line(kit_merge(k, &item_contacts, NULL, "<N:HomePhoneNumber>1</N:HomePhoneNumber>", &m), "FN:1\n");
	assert_line(kit_merge(k, &item_contacts, NULL, "<N:JobTitle>x</N:JobTitle>", &m), "FN:-\n");
}

/* The old way to write cards, which some servers still hand out. */
static void
a_card_of_2_1(void **state)
{
	struct kit *k = *state;
	struct item_merged m;
	const char *vcf = "BEGIN:VCARD\nVERSION:2.1\nN;CHARSET=ISO-8859-1;ENCODING=QUOTED-PRINTABLE:M=FCller;J=F6rg\nTEL;CELL:1\n"
		"NOTE;QUOTED-PRINTABLE:a=0D=0Ab\nPHOTO;PNG;BASE64:\n " PNG "\n\nX-OWN:kept\nEND:VCARD\n";

	assert_shows(k, vcf, "<N:FirstName>J\xC3\xB6rg</N:FirstName><N:LastName>M\xC3\xBCller</N:LastName>");
	assert_shows(k, vcf, "<N:Picture>" PNG "</N:Picture>");
	assert_shows(k, vcf, "<A:Data>a\r\nb</A:Data>");
	assert_stable(k, vcf);
	const char *out = edit(k, vcf, "<N:FirstName>J\xC3\xB6rg</N:FirstName><N:LastName>M\xC3\xBCller</N:LastName>"
		"<N:MobilePhoneNumber>2</N:MobilePhoneNumber>", &m);
	assert_string_equal(out, arena_printf(k->a, "%.*s2%s", (int)(strstr(vcf, "CELL:1") + 5 - vcf), vcf, strstr(vcf, "CELL:1") + 6));
	assert_shows(k, edit(k, vcf, "<N:FirstName>J\xC3\xBCrg</N:FirstName><N:LastName>M\xC3\xBCller</N:LastName>", &m),
		"<N:FirstName>J\xC3\xBCrg</N:FirstName>");
}

static void
what_makes_no_contact(void **state)
{
	struct kit *k = *state;
	struct item_merged m;
	enum err err;

	assert_null(kit_merge(k, &item_contacts, NULL, "", NULL));
	assert_null(kit_merge(k, &item_contacts, NULL, NAME_SENT "<N:Picture>not base64!</N:Picture>", NULL));
	assert_null(kit_render(k, &item_contacts, slice_str("BEGIN:VCALENDAR\nEND:VCALENDAR\n"), &err));
	assert_int_equal(err, ERR_INVALID);
	k->instance = "20260101T000000Z";
	assert_int_equal(kit_merge_tree(k, &item_contacts, slice_str(CARD("3.0", NAME)), kit_parse(k, NAME_SENT), &m), ERR_INVALID);
}

/* ---- too much of everything ---- */

static const char *
repeated(struct kit *k, const char *head, const char *piece, unsigned n, const char *tail)
{
	struct buf b;

	buf_init(&b, 0);
	buf_add_str(&b, head);
	for (unsigned i = 0; i < n; i++)
		buf_add_str(&b, piece);
	buf_add_str(&b, tail);
	const char *s = arena_strdup(k->a, buf_str(&b));
	buf_finish(&b);
	assert_non_null(s);
	return s;
}

#define BEGIN "BEGIN:VCARD\nVERSION:3.0\n" NAME
#define END "END:VCARD\n"

/* None costs more memory than a request may have; what is over a limit says so. why NULL: it is shown, and an edit leaves it all. */
static void
cards_without_measure(void **state)
{
	struct kit *k = *state;
	const struct {
		const char *vcf, *why;
	} rows[] = {
		{ repeated(k, BEGIN, "TEL:1\n", 100000, END), "the vCard has too many or too long properties" },
		{ repeated(k, BEGIN "TEL", ";TYPE=x", 1000, ":1\n" END), "the vCard has too many or too long properties" },
		{ repeated(k, BEGIN "TEL;X=", "aaaaaaaa", 10000, ":1\n" END), "the vCard has too many or too long properties" },
		{ repeated(k, BEGIN "NOTE:", "aaaaaaaaaaaaaaaa", 1u << 20, "\n" END), "the vCard is larger than 16777216 bytes" },
		{ repeated(k, BEGIN, "BEGIN:VCARD\n", 10000, END), NULL },
		{ repeated(k, BEGIN, "TEL:1\n", 3900, END), NULL },
		{ repeated(k, BEGIN, "g.X-ABLabel:work\ng.TEL:1\n", 1900, END), NULL },
		{ repeated(k, BEGIN "NOTE:", "aaaaaaaa", 20000, "\n" END), NULL },
		{ repeated(k, BEGIN "NOTE:", "aa\n aa", 20000, "\n" END), NULL },
		{ repeated(k, BEGIN "CATEGORIES:", "a,", 20000, "\n" END), NULL },
		{ repeated(k, BEGIN "X-ODD;P=\"", ";", 60000, "\":1\n" END), NULL },
		/* A quote that never ends does not make the value a part of the head. */
		{ repeated(k, BEGIN "NOTE;X=\"never closed:", "aaaaaaaa", 20000, "\n" END), NULL },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		AUTO(arena_free) struct arena *a = arena_new(64u << 20);
		struct backend_item item = { .bytes = slice_str(rows[i].vcf) };
		struct item_merged m;
		struct error e = { 0 };
		struct wbxml_writer w;
		struct buf b;
		buf_init(&b, 0);
		wbxml_begin(&w, &b);
		enum err err = item_contacts.render(&k->view, a, &item, "7:1", RENDER_ADD, &w, &e);
		buf_finish(&b);
		if (err != (rows[i].why ? ERR_LIMIT : ERR_OK) || (rows[i].why && strcmp(e.text, rows[i].why) != 0))
			fail_msg("card %zu: %s: %s", i, err_name(err), e.text);
		if (err)
			continue;
		assert_stable(k, rows[i].vcf);
		const char *out = edit(k, rows[i].vcf, NAME_SENT "<N:JobTitle>x</N:JobTitle>", &m);
		assert_line(out, "TITLE:x\n");
	}
}

static void
every_failed_allocation_is_told(void **state)
{
	struct kit *k = *state;
	const char *vcf = CARD("4.0", NAME FIVE "NOTE:n\nCATEGORIES:a,b\nPHOTO:data:image/png;base64," PNG "\nBDAY:--1210\n");
	const struct wbxml_node *sent = kit_parse(k, "<N:FirstName>B</N:FirstName>" MAIL("1", "b@x.org") "<N:Picture>" GIF "</N:Picture>"
		"<N:Categories><N:Category>c</N:Category></N:Categories><N:Birthday>1980-05-17T11:59:00.000Z</N:Birthday>");
	struct item_edit e = { .data = sent, .stored = slice_str(vcf), .supported = &k->supported };
	unsigned failures = 0;
	enum err err = ERR_NOMEM;

	for (size_t n = 1; err == ERR_NOMEM && n < 5000; n++) {
		struct arena_mark mark = arena_mark(k->a);
		struct item_merged m;
		arena_fail_after(k->a, n);
		err = item_contacts.merge(&k->view, k->a, &e, &m, NULL);
		arena_fail_after(k->a, 0);
		failures += err == ERR_NOMEM;
		if (err && err != ERR_NOMEM)
			fail_msg("allocation %zu: %s", n, err_name(err));
		arena_rewind(k->a, mark);
	}
	assert_int_equal(err, ERR_OK);
	assert_true(failures > 50);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, kit_setup, kit_teardown)
	const struct CMUnitTest tests[] = {
		TEST(each_field_both_ways),
		TEST(lines_in_the_wild),
		TEST(an_edit_is_one_line),
		TEST(an_edit_is_a_revision),
		TEST(a_label_goes_with_its_address),
		TEST(groups_go_with_their_property),
		TEST(what_is_said_twice_changes_twice),
		TEST(telephones_find_a_place),
		TEST(five_addresses),
		TEST(lists_beyond_300),
		TEST(cards_without_a_name_of_some_kind),
		TEST(a_full_name_keeps_its_form),
		TEST(a_filing_string_of_its_own),
		TEST(what_is_absent),
		TEST(pictures),
		TEST(pictures_too_large_or_elsewhere),
		TEST(dates_that_phones_send),
		TEST(dates_that_no_phone_can_have),
		TEST(notes_are_bodies),
		TEST(the_beginning_of_a_note_takes_nothing_from_it),
		TEST(a_group_is_nobody),
		TEST(a_new_card),
		TEST(a_card_of_2_1),
		TEST(what_makes_no_contact),
		TEST(cards_without_measure),
		TEST(every_failed_allocation_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
