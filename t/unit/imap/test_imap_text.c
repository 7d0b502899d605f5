/* Names, keywords, dates, quoting, line ends: what needs no server. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "backend/imap/command.h"
#include "backend/imap/crlf.h"
#include "backend/imap/mailbox.h"
#include "backend/imap/roles.h"
#include "backend/imap/utf7.h"

static int
setup(void **state)
{
	*state = arena_new(0);
	return *state ? 0 : -1;
}

static int
teardown(void **state)
{
	struct arena *a = *state;
	arena_free(&a);
	return 0;
}

static const struct {
	const char *utf8, *wire, *atom;
} names[] = {
	{ "INBOX", "INBOX", "INBOX" },
	{ "Entwürfe", "Entw&APw-rfe", "Entw&APw-rfe" },
	{ "R&D", "R&-D", "R&-D" },
	{ "~peter/mail/台北/日本語", "~peter/mail/&U,BTFw-/&ZeVnLIqe-", "~peter/mail/&U,BTFw-/&ZeVnLIqe-" },
	{ "Red Category", "Red Category", "Red&ACA-Category" },
	{ "😀", "&2D3eAA-", "&2D3eAA-" },
	{ "ü&ö", "&APw-&-&APY-", "&APw-&-&APY-" },
	{ "a\tb", "a&AAk-b", "a&AAk-b" },
	{ "", "", "" },
};

static void
names_go_both_ways(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		assert_string_equal(imap_utf7_encode(*state, names[i].utf8, false), names[i].wire);
		assert_string_equal(imap_utf7_encode(*state, names[i].utf8, true), names[i].atom);
		assert_string_equal(imap_utf7_decode(*state, names[i].wire, strlen(names[i].wire), false), names[i].utf8);
		assert_string_equal(imap_utf7_decode(*state, names[i].atom, strlen(names[i].atom), true), names[i].utf8);
	}
}

static void
malformed_names_are_not_decoded(void **state)
{
	static const char *const bad[] = { "&", "&U,BTFw", "a&b", "&AGE-", "&!-", "&2D0-", "&3gA-", "&AAA-", "\xe4", "&APw-&APY-", "&A-" };
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_null(imap_utf7_decode(*state, bad[i], strlen(bad[i]), false));
	assert_null(imap_utf7_encode(*state, "\xff", false));
}

static void
keys_lead_back_to_the_very_name(void **state)
{
	static const char *const wire[] = { "Sent", "Entw&APw-rfe", "a&b", "raw \xe4\xf6", "&AGE-", "x/y.z" };
	for (size_t i = 0; i < ARRAY_LEN(wire); i++) {
		const char *key = imap_key_of(*state, wire[i], strlen(wire[i]), false);
		assert_non_null(key);
		assert_string_equal(imap_key_wire(*state, key, false), wire[i]);
	}
	assert_string_equal(imap_key_of(*state, "inbox", 5, false), "INBOX");
	assert_string_equal(imap_key_of(*state, "Entw\xc3\xbcrfe", 9, true), "Entwürfe");
	assert_string_equal(imap_key_wire(*state, "Entwürfe", true), "Entwürfe");
	assert_null(imap_key_of(*state, "a\0b", 3, false));
}

static void
uids(void **state)
{
	(void)state;
	assert_int_equal(imap_uid("17"), 17);
	assert_int_equal(imap_uid("4294967295"), UINT32_MAX);
	static const char *const bad[] = { "", "0", "017", "4294967296", "1 2", "-1", "+1", "1:*", "*", "x" };
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(imap_uid(bad[i]), 0);
}

static void
dates(void **state)
{
	(void)state;
	assert_int_equal(imap_date_parse("17-Jul-1996 02:44:25 -0700"), 837596665);
	assert_int_equal(imap_date_parse(" 1-Jan-1970 00:00:00 +0000"), 0);
	assert_int_equal(imap_date_parse("01-Jan-1970 01:00:00 +0100"), 0);
	assert_int_equal(imap_date_parse("29-Feb-2040 12:00:00 +0000"), 2214129600);
	static const char *const bad[] = { "", "x", "17-Jul-1996", "17-Foo-1996 02:44:25 -0700", "17-Jul-1996 25:44:25 -0700",
		"17-Jul-1996 02:44:25 0700", "00-Jul-1996 02:44:25 -0700", "17-Jul-96 02:44:25 -0700", "17-Jul-1996 02:44:25 -07" };
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_true(imap_date_parse(bad[i]) == BACKEND_NO_DATE);
}

/* The text of a command with one string. */
static const char *
quoted(struct arena *a, unsigned caps, const char *s, bool *invalid_r)
{
	struct imap_conn c = { .caps = caps };
	struct imap_cmd cmd AUTO(imap_cmd_finish) = { .c = &c };
	imap_cmd_begin(&cmd, &c, "X");
	imap_cmd_string(&cmd, s);
	*invalid_r = cmd.invalid;
	return arena_strndup(a, (const char *)cmd.text.data, cmd.text.len);
}

static void
strings_cannot_break_out(void **state)
{
	bool invalid;
	assert_string_equal(quoted(*state, 0, "plain", &invalid), "A1 X \"plain\"");
	assert_string_equal(quoted(*state, 0, "a\"b\\c", &invalid), "A1 X \"a\\\"b\\\\c\"");
	assert_string_equal(quoted(*state, 0, "", &invalid), "A1 X \"\"");
	assert_string_equal(quoted(*state, CAP_LITERAL_PLUS, "a\r\nA2 DELETE x", &invalid), "A1 X {14+}\r\na\r\nA2 DELETE x");
	assert_string_equal(quoted(*state, 0, "a\nb", &invalid), "A1 X {3}\r\na\nb");
	assert_string_equal(quoted(*state, CAP_LITERAL_MINUS, "\xc3\xbc", &invalid), "A1 X {2+}\r\n\xc3\xbc");
	assert_false(invalid);
}

static void
mailboxes_that_cannot_be_said_are_refused(void **state)
{
	(void)state;
	struct imap_conn c = { .caps = 0 };
	struct imap_cmd cmd AUTO(imap_cmd_finish) = { .c = &c };
	struct error e;
	bool refused;
	imap_cmd_begin(&cmd, &c, "SELECT");
	imap_cmd_mailbox(&cmd, "\xff");
	assert_true(cmd.invalid);
	assert_int_equal(imap_cmd_send(&cmd, NULL, &refused, NULL, &e), ERR_INVALID);
}

static void
flags_are_atoms(void **state)
{
	static const char *const keywords[] = { "$label1", "Red Category", "a)b", NULL };
	static const char *const crazy[] = { "R&D", NULL };
	struct imap_conn c = { .caps = 0 };
	struct imap_cmd cmd AUTO(imap_cmd_finish) = { .c = &c };
	imap_cmd_begin(&cmd, &c, "X");
	imap_cmd_flags(&cmd, *state, FLAG_SEEN | FLAG_FORWARDED, keywords, false, NULL);
	assert_string_equal(buf_str(&cmd.text), "A1 X (\\Seen $Forwarded $label1 Red&ACA-Category a&ACk-b)");
	struct imap_cmd cmd2 AUTO(imap_cmd_finish) = { .c = &c };
	imap_cmd_begin(&cmd2, &c, "X");
	imap_cmd_flags(&cmd2, *state, 0, crazy, true, NULL);
	assert_string_equal(buf_str(&cmd2.text), "A2 X (R&-D R&D)");
}

static void
keywords_that_a_folder_does_not_take(void **state)
{
	static const char *const keywords[] = { "new", "OLD", NULL };
	char permanent[] = "PERMANENTFLAGS (\\Seen \\Flagged old)", name[] = "INBOX";
	struct imap_conn c = { .box = { .name = name, .permanent = permanent } };
	struct imap_cmd cmd AUTO(imap_cmd_finish) = { .c = &c };
	bool left_out = false;
	imap_cmd_begin(&cmd, &c, "X");
	imap_cmd_flags(&cmd, *state, FLAG_SEEN, keywords, false, &left_out);
	assert_string_equal(buf_str(&cmd.text), "A1 X (\\Seen OLD)");
	assert_true(left_out);
}

static void
versions_do_not_depend_on_order(void **state)
{
	const char *ab[] = { "a", "b", NULL }, *ba[] = { "b", "a", NULL }, *a_b[] = { "ab", NULL };
	struct imap_fetch f = { .flags = FLAG_SEEN, .keywords = ab, .n_keywords = 2 }, g = f, h = f;
	g.keywords = ba;
	h.keywords = a_b;
	h.n_keywords = 1;
	assert_string_equal(imap_version(*state, &f), imap_version(*state, &g));
	assert_string_not_equal(imap_version(*state, &f), imap_version(*state, &h));
	f.n_keywords = 0;
	assert_string_equal(imap_version(*state, &f), "F1");
	f.has_modseq = true;
	f.modseq = 77;
	assert_string_equal(imap_version(*state, &f), "77");
}

static void
roles(void **state)
{
	(void)state;
	assert_int_equal(imap_role_by_name("sent items"), ROLE_SENT);
	assert_int_equal(imap_role_by_name("Entwürfe"), ROLE_DRAFTS);
	assert_int_equal(imap_role_by_name("Corbeille"), ROLE_TRASH);
	assert_int_equal(imap_role_by_name("Спам"), ROLE_JUNK);
	assert_int_equal(imap_role_by_name("Sentinel"), ROLE_NONE);
	/* As Exchange names them. */
	assert_int_equal(imap_role_by_name("Elküldött elemek"), ROLE_SENT);
	assert_int_equal(imap_role_by_name("已发送邮件"), ROLE_SENT);
	assert_int_equal(imap_role_by_name("Kladd"), ROLE_DRAFTS);
	assert_int_equal(imap_role_by_name("Borttagna objekt"), ROLE_TRASH);
	assert_int_equal(imap_role_by_name("Itens Eliminados"), ROLE_TRASH);
	assert_int_equal(imap_role_by_name("削除済みアイテム"), ROLE_TRASH);
	assert_int_equal(imap_role_by_name("已删除邮件"), ROLE_TRASH);
}

static void
lines_end_in_crlf(void **state)
{
	static const struct {
		const char *in, *out;
	} rows[] = {
		{ "", "" }, { "a", "a" }, { "a\r\nb", "a\r\nb" }, { "a\nb\n", "a\r\nb\r\n" }, { "a\rb\r", "a\r\nb\r\n" },
		{ "\n\r", "\r\n\r\n" }, { "\r\r\n\n", "\r\n\r\n\r\n" }, { "\n.\nx", "\r\n.\r\nx" },
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		for (size_t room = 1; room < 8; room++) {
			struct imap_crlf c = { .in = slice_str(rows[i].in) };
			struct buf out;
			char part[8];
			size_t n;
			buf_init(&out, 0);
			while ((n = imap_crlf_next(&c, part, room)) > 0)
				buf_add(&out, part, n);
			assert_string_equal(buf_str(&out), rows[i].out);
			assert_int_equal(imap_crlf_size(slice_str(rows[i].in)), out.len);
			buf_finish(&out);
		}
	}
	(void)state;
}

static void
refused_logins_are_judged_by_their_reason(void **state)
{
	static const struct {
		const char *line;
		enum err err;
	} rows[] = {
		{ "A003 NO [AUTHENTICATIONFAILED] Authentication failed.", ERR_AUTH },
		{ "A003 NO Login failed", ERR_AUTH },
		{ "A003 NO [AUTHORIZATIONFAILED] no", ERR_AUTH },
		{ "A003 NO [EXPIRED] password expired", ERR_AUTH },
		{ "A003 NO [ALERT] Application-specific password required", ERR_AUTH },
		{ "A003 NO [UNAVAILABLE] Temporary authentication failure.", ERR_UNAVAILABLE },
		{ "A003 NO [INUSE] maintenance", ERR_UNAVAILABLE },
		{ "A003 NO [LIMIT] too many connections", ERR_UNAVAILABLE },
		{ "A003 NO [ALERT] Too many simultaneous connections. (Failure)", ERR_UNAVAILABLE },
		{ "A003 NO Server temporarily unavailable, try again", ERR_UNAVAILABLE },
		{ "A003 BAD what", ERR_UNAVAILABLE },
		{ "A003 OK fine", ERR_UNAVAILABLE },
		{ "garbage", ERR_UNAVAILABLE },
		{ NULL, ERR_UNAVAILABLE },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		assert_int_equal(imap_login_judge(rows[i].line), rows[i].err);
}

static void
capabilities(void **state)
{
	(void)state;
	assert_int_equal(imap_caps_parse("IMAP4rev1 idle UIDPLUS LITERAL- X-MOVE"), CAP_IDLE | CAP_UIDPLUS | CAP_LITERAL_MINUS);
	assert_int_equal(imap_caps_parse(""), 0);
	assert_true(imap_caps_parse("IMAP4rev2") & CAP_MOVE);
	assert_true(imap_caps_parse("QRESYNC") & CAP_CONDSTORE);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(names_go_both_ways, setup, teardown),
		cmocka_unit_test_setup_teardown(malformed_names_are_not_decoded, setup, teardown),
		cmocka_unit_test_setup_teardown(keys_lead_back_to_the_very_name, setup, teardown),
		cmocka_unit_test(uids),
		cmocka_unit_test(dates),
		cmocka_unit_test_setup_teardown(strings_cannot_break_out, setup, teardown),
		cmocka_unit_test(mailboxes_that_cannot_be_said_are_refused),
		cmocka_unit_test_setup_teardown(flags_are_atoms, setup, teardown),
		cmocka_unit_test_setup_teardown(keywords_that_a_folder_does_not_take, setup, teardown),
		cmocka_unit_test_setup_teardown(versions_do_not_depend_on_order, setup, teardown),
		cmocka_unit_test(roles),
		cmocka_unit_test(lines_end_in_crlf),
		cmocka_unit_test(refused_logins_are_judged_by_their_reason),
		cmocka_unit_test(capabilities),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
