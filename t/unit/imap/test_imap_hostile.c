/* A server that means ill, or somebody who can write into the line: answers never asked for, other mails' bodies, numbers that shrink,
 * tags that are nobody's, words put in before TLS; and names that would be commands. */
#include "kit.h"

#define REPLY(command, reply) { command, reply, FAKE_GO_ON, 0 }
#define ONCE(command, reply) { command, reply, FAKE_GO_ON, 1 }
#define END { NULL, NULL, FAKE_GO_ON, 0 }
#define BOX(exists, validity, uidnext) \
	"* " #exists " EXISTS\r\n* OK [UIDVALIDITY " #validity "] x\r\n* OK [UIDNEXT " #uidnext "] x\r\n$ OK [READ-WRITE] done\r\n"
#define LINE(seq, uid, more) \
	"* " #seq " FETCH (UID " #uid " FLAGS () INTERNALDATE \"17-Jul-1996 02:44:25 +0000\"" more ")\r\n"
#define META(seq, uid) LINE(seq, uid, " RFC822.SIZE 4")
#define BODY(seq, uid, text) LINE(seq, uid, " BODY[] {4}\r\n" text)
#define ASK_META "UID FETCH 4 (UID FLAGS INTERNALDATE RFC822.SIZE)"

static const char *const four[] = { "4" };

/* Fetches mail 4 where the second FETCH is answered so. */
static enum err
fetch_four(struct kit *k, const char *answer, enum fake_then then)
{
	struct fake_rule rules[] = { REPLY("SELECT", BOX(2, 9, 12)), REPLY(ASK_META, META(1, 4) "$ OK done\r\n"),
		{ "UID FETCH", answer, then, 0 }, END };
	if (k->f)
		fake_rules(k->f, rules);
	else
		kit_login(k, rules, 0, "");
	k->n_items = 0;
	return kit_fetch(k, "INBOX", four, 1, 1000);
}

static void
only_what_was_asked_for_is_delivered(void **state)
{
	static const char *const answers[] = {
		BODY(2, 5, "EVIL") BODY(1, 4, "good") "$ OK done\r\n",
		BODY(1, 4, "good") BODY(1, 5, "EVIL") "$ OK done\r\n",
		BODY(1, 4, "good") BODY(1, 4, "EVIL") "$ OK done\r\n",
		"* 1 FETCH (BODY[] {4}\r\nEVIL)\r\n" BODY(1, 4, "good") "$ OK done\r\n",
		"* 1 FETCH (UID 4 BODY[] {4}\r\nEVIL)\r\n" BODY(1, 4, "good") "$ OK done\r\n",
		"A99999 OK not yours\r\n" BODY(1, 4, "good") "$ OK done\r\n",
		"A1 NO long gone\r\n" BODY(1, 4, "good") "$ OK done\r\n",
		BODY(1, 4, "good") "$ OK done\r\n$ OK again\r\n",
		"* LIST () \"/\" x\r\n* SEARCH 1 2 3\r\n* STATUS x (MESSAGES 7)\r\n+ go on\r\n" BODY(1, 4, "good") "$ OK done\r\n",
	};
	struct kit *k = *state;
	for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
		enum err err = fetch_four(k, answers[i], FAKE_GO_ON);
		if (err || k->n_items != 1 || strcmp(k->items[0].text, "good") != 0)
			fail_msg("answer %zu gives %s, %zu items, %s", i, err_name(err), k->n_items, k->items[0].text);
	}
}

/* An OK that comes twice is not the OK of the next command. */
static void
a_second_ok_answers_nothing(void **state)
{
	static const struct fake_rule rules[] = { REPLY("SELECT", BOX(1, 9, 5) "$ OK again\r\n"), 
		REPLY("UID FETCH 4", "* 1 FETCH (UID 4 FLAGS ())\r\n$ OK done\r\n$ OK x\r\n"),
		REPLY("UID STORE", "$ NO [NOPERM] not yours\r\n"), END };
	struct kit *k = *state;
	kit_login(k, rules, 0, "");
	assert_int_equal(backend_module.remove(k->s, "INBOX", "4", NULL, &k->e), ERR_DENIED);
	assert_int_equal(fake_count(k->f, "UID EXPUNGE") + fake_count(k->f, "EXPUNGE"), 0);
}

static void
a_bye_ends_it_wherever_it_comes(void **state)
{
	static const char *const answers[] = { "* BYE out\r\n", BODY(1, 4, "good") "* BYE out\r\n", META(1, 4) "* BYE out\r\n",
		"* OK x\r\n* BYE out\r\n$ OK done\r\n" };
	struct kit *k = *state;
	for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
		enum err err = fetch_four(k, answers[i], FAKE_CLOSE);
		if (err != ERR_UNAVAILABLE)
			fail_msg("answer %zu gives %s", i, err_name(err));
		assert_non_null(strstr(k->e.text, "out"));
		assert_int_equal(fetch_four(k, BODY(1, 4, "good") "$ OK done\r\n", FAKE_GO_ON), ERR_OK);
		assert_string_equal(k->items[0].text, "good");
	}
}

static void
a_literal_of_4_gb_is_not_read(void **state)
{
	struct kit *k = *state;
	assert_int_equal(fetch_four(k, LINE(1, 4, " BODY[] {4294967296}\r\nxxxx"), FAKE_HANG), ERR_OK);
	assert_int_equal(k->n_items, 1);
	assert_int_equal(k->items[0].err, ERR_LIMIT);
}

/* Fewer mails than before without a word of which have gone: what is listed is not cut short. */
static void
a_number_that_shrinks_deletes_nothing(void **state)
{
	static const struct fake_rule rules[] = { REPLY("SELECT", BOX(2, 9, 12)),
		REPLY("SEARCH", "* 1 EXISTS\r\n* 0 EXISTS\r\n* SEARCH 1 2\r\n$ OK done\r\n"),
		REPLY("FETCH", "* 0 EXISTS\r\n" META(1, 4) META(2, 11) "$ OK done\r\n"), END };
	struct kit *k = *state;
	kit_login(k, rules, 0, "");
	enum err err = kit_changes(k, "INBOX", NULL, 0);
	if (!err && k->changes.listing && !k->changes.more)
		assert_int_equal(k->changes.n, 2);
	else
		assert_true(!err || err == ERR_UNAVAILABLE || err == ERR_PEER);
}

/* In one session: the keys that the core holds are those of the old numbering. */
static void
a_new_uidvalidity_within_a_session_touches_no_mail(void **state)
{
	static const struct fake_rule rules[] = { ONCE("SELECT INBOX", BOX(1, 9, 5)), ONCE("SELECT \"INBOX\"", BOX(1, 9, 5)),
		REPLY("SELECT \"other\"", BOX(0, 3, 1)), REPLY("SELECT", BOX(1, 10, 5)), REPLY("SEARCH", "* SEARCH 1\r\n$ OK done\r\n"),
		REPLY("FETCH 1", META(1, 4) "$ OK done\r\n"), REPLY("UID FETCH", BODY(1, 4, "EVIL") "$ OK done\r\n"), END };
	struct kit *k = *state;
	kit_login(k, rules, 0, "");
	assert_int_equal(kit_changes(k, "INBOX", NULL, 0), ERR_OK);
	assert_int_equal(kit_changes(k, "other", NULL, 0), ERR_OK);
	assert_int_equal(kit_fetch(k, "INBOX", four, 1, 1000), ERR_UNAVAILABLE);
	assert_int_equal(k->n_items, 0);
	assert_int_equal(backend_module.remove(k->s, "INBOX", "4", NULL, &k->e), ERR_UNAVAILABLE);
	assert_int_equal(fake_count(k->f, "UID STORE"), 0);
}

/* What stands behind the OK of STARTTLS came in the clear: it is no answer of the server behind TLS, and nothing is said there. */
static void
what_comes_before_tls_is_thrown_away(void **state)
{
	static const struct fake_rule rules[] = { REPLY("CAPABILITY", "* CAPABILITY IMAP4rev1 STARTTLS AUTH=PLAIN\r\n$ OK done\r\n"),
		REPLY("STARTTLS", "$ OK begin\r\n* CAPABILITY IMAP4rev1 AUTH=PLAIN\r\nA003 OK injected\r\nA004 OK injected\r\n"), END };
	static const char *const settings[] = { "tls = required\nconnect = 1\nanswer = 1", "tls = optional\nconnect = 1\nanswer = 1" };
	for (size_t i = 0; i < ARRAY_LEN(settings); i++) {
		struct kit *k = *state;
		kit_open(k, rules, 0, settings[i]);
		assert_int_equal(kit_try_login(k, "alice", "secret"), ERR_UNAVAILABLE);
		assert_int_equal(fake_count(k->f, "STARTTLS"), 1);
		assert_int_equal(fake_count(k->f, "LOGIN") + fake_count(k->f, "AUTHENTICATE"), 0);
		kit_teardown(state);
		kit_setup(state);
	}
}

static void
names_of_folders_are_no_commands(void **state)
{
	static const struct {
		const char *name, *command; /* NULL: refused, and nothing is sent */
	} rows[] = {
		{ "a\r\nA9 DELETE INBOX", NULL }, { "a\nb", NULL }, { "a\rb", NULL }, { "a*", NULL }, { "%", NULL }, { "a/b", NULL }, { "", NULL },
		{ "\xff", NULL }, { "a\"b\\c", "CREATE \"a\\\"b\\\\c\"" }, { "a {5}", "CREATE \"a {5}\"" }, { "(x) NIL", "CREATE \"(x) NIL\"" },
		{ "\xc3\xbc", "CREATE \"&APw-\"" }, { "a\x01" "b\x7f", "CREATE \"a&AAE-b&AH8-\"" },
	};
	struct kit *k = *state;
	kit_login(k, (struct fake_rule[]){ REPLY("LIST \"\" \"\"", "* LIST (\\Noselect) \"/\" \"\"\r\n$ OK done\r\n"),
		REPLY("LIST", "$ OK done\r\n"), REPLY("CREATE", "$ OK done\r\n"), END }, 0, "");
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const char *key = NULL;
		unsigned before = fake_count(k->f, "CREATE");
		enum err err = backend_module.folder_make(k->s, k->a, NULL, rows[i].name, BACKEND_MAIL, &key, &k->e);
		const char *sent = fake_command(k->f, "CREATE", before);
		if (!rows[i].command ? err != ERR_INVALID || sent : !sent || strcmp(sent, rows[i].command) != 0)
			fail_msg("%s gives %s and %s", rows[i].name, err_name(err), sent ? sent : "nothing");
	}
	assert_int_equal(fake_count(k->f, "DELETE") + fake_count(k->f, "A9"), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, kit_setup, kit_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(only_what_was_asked_for_is_delivered),
		TEST(a_second_ok_answers_nothing),
		TEST(a_bye_ends_it_wherever_it_comes),
		TEST(a_literal_of_4_gb_is_not_read),
		TEST(a_number_that_shrinks_deletes_nothing),
		TEST(a_new_uidvalidity_within_a_session_touches_no_mail),
		TEST(what_comes_before_tls_is_thrown_away),
		TEST(names_of_folders_are_no_commands),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
