/* The dump: XML that says what the bytes say, and in a private trace nothing of the user's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "base/text.h"
#include "sample.h"
#include "wbxml/wbxml.h"

static struct arena *arena;
static struct buf out;

static int
setup(void **state)
{
	(void)state;
	arena = arena_new(0);
	buf_init(&out, 1 << 20);
	return arena ? 0 : -1;
}

static int
teardown(void **state)
{
	(void)state;
	arena_free(&arena);
	buf_finish(&out);
	return 0;
}

static int
group_teardown(void **state)
{
	(void)state;
	samples_free();
	return 0;
}

static const char *
dump(const char *bytes, size_t n, enum wbxml_dump how)
{
	buf_reset(&out);
	wbxml_dump(slice(bytes, n), how, &out);
	assert_true(buf_ok(&out));
	return buf_str(&out);
}

#define HEAD "\x03\x01\x6A\x00"
#define DUMP(literal) dump(literal, sizeof(literal) - 1, WBXML_DUMP_ALL)
#define PRIVATE(literal) dump(literal, sizeof(literal) - 1, WBXML_DUMP_PRIVATE)

/* Data that an example shows as hex the dump shows as text where it is text. */
static bool
same_content(struct xml_node *a, struct xml_node *b)
{
	if (a->opaque && b->opaque && strcmp(a->opaque, "hex") == 0 && strcmp(b->opaque, "text") == 0) {
		char *hex = arena_alloc(arena, b->text.len * 2 + 1);
		text_hex(b->text.data, b->text.len, hex);
		return text_casecmp(hex, buf_str(&a->text)) == 0;
	}
	return slice_eq(buf_slice(&a->text), buf_slice(&b->text));
}

static void
same(struct xml_node *a, struct xml_node *b)
{
	for (; a && b; a = a->next, b = b->next) {
		assert_string_equal(a->page, b->page);
		assert_string_equal(a->name, b->name);
		assert_int_equal(a->opaque != NULL, b->opaque != NULL);
		if (!a->child)
			assert_true(same_content(a, b));
		same(a->child, b->child);
	}
	assert_null(a);
	assert_null(b);
}

static void
the_dump_of_an_example_is_its_xml(void **state)
{
	(void)state;
	size_t count;
	const struct sample *all = samples(&count);
	for (size_t i = 0; i < count; i++) {
		dump((const char *)all[i].wbxml.ptr, all[i].wbxml.len, WBXML_DUMP_ALL);
		struct xml_node *dumped = xml_parse(arena, buf_slice(&out));
		if (!dumped)
			fail_msg("%s: the dump is not well-formed:\n%s", all[i].name, buf_str(&out));
		same(xml_parse(arena, all[i].xml), dumped);
	}
}

static void
elements_are_indented(void **state)
{
	(void)state;
	assert_string_equal(DUMP(HEAD "\x45\x5C\x4B\x03" "1\0\x01\x14\x01\x00\x02\x54\x03<&>\r\0\x01\x00\x00\x05\x01"),
		"<Sync xmlns=\"AirSync\">\n"
		"  <Collections>\n"
		"    <SyncKey>1</SyncKey>\n"
		"    <MoreAvailable/>\n"
		"  </Collections>\n"
		"  <Subject xmlns=\"Email\">&lt;&amp;&gt;&#13;</Subject>\n"
		"  <Sync/>\n"
		"</Sync>\n");
}

static void
opaque_and_unknown_are_told(void **state)
{
	(void)state;
	assert_string_equal(DUMP(HEAD "\x00\x15\x50\xC3\x02" "a\x01\x01"),
		"<Mime xmlns=\"ComposeMail\" opaque=\"hex\">6101</Mime>\n");
	assert_string_equal(DUMP(HEAD "\x00\x63\x7F\x00\x16\x49\xC3\x02\xFF\x00\x01\x00\x15\x50\xC3\x01" "a\x01\x01"),
		"<unknown page=\"99\" token=\"0x3F\">\n"
		"  <ConversationId xmlns=\"Email2\" opaque=\"hex\">FF00</ConversationId>\n"
		"  <Mime xmlns=\"ComposeMail\" opaque=\"text\">a</Mime>\n"
		"</unknown>\n");
}

static void
malformed_input_is_dumped_as_far_as_it_goes(void **state)
{
	(void)state;
	assert_string_equal(DUMP(""), "<!-- WBXML byte 0: not WBXML 1.1 to 1.3 -->\n");
	assert_string_equal(DUMP(HEAD), "<!-- WBXML byte 4: the document is empty -->\n");
	assert_string_equal(DUMP(HEAD "\x45\x4B\x03" "1\0"),
		"<Sync xmlns=\"AirSync\">\n  <SyncKey>1\n<!-- WBXML byte 9: the document ends too early -->\n");
	assert_string_equal(DUMP(HEAD "\x45\x4B\x80"),
		"<Sync xmlns=\"AirSync\">\n  <SyncKey>\n<!-- WBXML byte 7: a token that ActiveSync does not use -->\n");
	assert_string_equal(DUMP(HEAD "\x05\x05"),
		"<Sync xmlns=\"AirSync\"/>\n<!-- WBXML byte 5: bytes behind the root element -->\n");
	assert_string_equal(DUMP(HEAD "\x01"), "<!-- WBXML byte 5: content outside of the root element -->\n");
	char deep[4 + 100] = HEAD;
	memset(deep + 4, 0x45, 100);
	assert_non_null(strstr(dump(deep, sizeof deep, WBXML_DUMP_ALL), "elements nested too deep"));
}

static void
a_private_trace_shows_lengths(void **state)
{
	(void)state;
	/* Subject and key, a body of opaque bytes, an element of no code page. */
	assert_string_equal(PRIVATE(HEAD "\x45\x4B\x03" "17\0\x01\x00\x02\x54\x03secret\0\x01\x00\x15\x50\xC3\x06secret\x01"
				       "\x00\x63\x45\x03secret\0\x01\x01"),
		"<Sync xmlns=\"AirSync\">\n"
		"  <SyncKey>17</SyncKey>\n"
		"  <Subject xmlns=\"Email\">[6 bytes]</Subject>\n"
		"  <Mime xmlns=\"ComposeMail\" opaque=\"text\">[6 bytes]</Mime>\n"
		"  <unknown page=\"99\" token=\"0x05\">[6 bytes]</unknown>\n"
		"</Sync>\n");
}

/* Everything in which a user's words, names, addresses or passwords can stand. */
static void
no_tag_of_the_users_is_shown(void **state)
{
	(void)state;
	static const unsigned hidden[] = { Email_Subject, Email_From, Email_To, Email_Cc, Email_ReplyTo, Email_DisplayTo,
		Email_ThreadTopic, Email_Body, Email_MIMEData, Email_Location, Email_Organizer, Email_Category, Email2_Bcc,
		Email2_Sender, Calendar_Subject, Calendar_Location, Calendar_OrganizerName, Calendar_OrganizerEmail,
		Calendar_Name, Calendar_Email, Calendar_UID, Calendar_Category, Calendar_Body, Tasks_Subject, Tasks_Body,
		Tasks_Category, Notes_Subject, Notes_Category, Contacts_FirstName, Contacts_LastName, Contacts_Email1Address,
		Contacts_MobilePhoneNumber, Contacts_Birthday, Contacts_Picture, Contacts_FileAs, Contacts2_NickName,
		Contacts2_IMAddress, GAL_DisplayName, GAL_EmailAddress, GAL_Phone, GAL_Data, AirSyncBase_Data,
		AirSyncBase_Preview, AirSyncBase_DisplayName, AirSyncBase_Content, AirSyncBase_Street, AirSyncBase_Latitude,
		AirSyncBase_Annotation, ItemOperations_Data, ItemOperations_UserName, ItemOperations_Password,
		Search_Query, Search_FreeText, Search_Value, Search_UserName, Search_Password, Find_FreeText, Find_DisplayCc,
		Find_DisplayBcc, Find_Preview, FolderHierarchy_DisplayName, ComposeMail_Mime, ComposeMail_Name,
		ComposeMail_Email, Settings_Password, Settings_ReplyMessage, Settings_SMTPAddress, Settings_PrimarySmtpAddress,
		Settings_PhoneNumber, Settings_IMEI, Settings_FriendlyName, Settings_UserDisplayName, Settings_AccountName,
		ResolveRecipients_To, ResolveRecipients_EmailAddress, ResolveRecipients_DisplayName,
		ResolveRecipients_MergedFreeBusy, ResolveRecipients_Certificate, ResolveRecipients_Data,
		ValidateCert_Certificate };
	for (size_t i = 0; i < ARRAY_LEN(hidden); i++) {
		struct wbxml_writer w;
		struct buf b;
		buf_init(&b, 0);
		wbxml_begin(&w, &b);
		wbxml_put(&w, hidden[i], "secret");
		buf_reset(&out);
		wbxml_dump(buf_slice(&b), WBXML_DUMP_PRIVATE, &out);
		buf_finish(&b);
		if (strstr(buf_str(&out), "secret"))
			fail_msg("shown: %s", buf_str(&out));
	}
}

static void
a_full_buf_ends_the_dump(void **state)
{
	(void)state;
	struct buf small;
	buf_init(&small, 20);
	static const char in[] = HEAD "\x45\x5C\x4B\x03" "1\0\x01\x14\x01\x01";
	wbxml_dump(slice(in, sizeof in - 1), WBXML_DUMP_ALL, &small);
	bool ok = buf_ok(&small);
	size_t len = small.len;
	buf_finish(&small);
	assert_false(ok);
	assert_true(len <= 20);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(the_dump_of_an_example_is_its_xml),
		CASE(elements_are_indented),
		CASE(opaque_and_unknown_are_told),
		CASE(malformed_input_is_dumped_as_far_as_it_goes),
		CASE(a_private_trace_shows_lengths),
		CASE(no_tag_of_the_users_is_shown),
		CASE(a_full_buf_ends_the_dump),
	};
	return cmocka_run_group_tests(tests, NULL, group_teardown);
}
