/* changes() with servers of every ability, fetch(), and servers that misbehave meanwhile. */
#include "kit.h"

#define REPLY(command, reply) { command, reply, FAKE_GO_ON, 0 }
#define ONCE(command, reply) { command, reply, FAKE_GO_ON, 1 }
#define END { NULL, NULL, FAKE_GO_ON, 0 }
#define CAPS(words) REPLY("CAPABILITY", "* CAPABILITY IMAP4rev1 " words "\r\n$ OK done\r\n")
#define QRESYNC CAPS("ENABLE QRESYNC CONDSTORE UIDPLUS MOVE ESEARCH"), REPLY("ENABLE", "* ENABLED QRESYNC\r\n$ OK done\r\n")
#define CONDSTORE CAPS("ENABLE CONDSTORE"), REPLY("ENABLE", "* ENABLED CONDSTORE\r\n$ OK done\r\n")
#define BOX(exists, validity, uidnext, modseq) \
	"* " #exists " EXISTS\r\n* OK [UIDVALIDITY " #validity "] x\r\n* OK [UIDNEXT " #uidnext "] x\r\n" \
	"* OK [HIGHESTMODSEQ " #modseq "] x\r\n$ OK [READ-WRITE] done\r\n"
#define PLAINBOX(exists, validity, uidnext) \
	"* " #exists " EXISTS\r\n* OK [UIDVALIDITY " #validity "] x\r\n* OK [UIDNEXT " #uidnext "] x\r\n$ OK [READ-WRITE] done\r\n"
#define MAIL(seq, uid, flags, modseq) \
	"* " #seq " FETCH (UID " #uid " FLAGS (" flags ") INTERNALDATE \"17-Jul-1996 02:44:25 +0000\" MODSEQ (" #modseq "))\r\n"
#define PLAINMAIL(seq, uid, flags) \
	"* " #seq " FETCH (UID " #uid " FLAGS (" flags ") INTERNALDATE \"17-Jul-1996 02:44:25 +0000\")\r\n"

static void
a_first_listing_is_newest_first(void **state)
{
	static const struct fake_rule rules[] = { QRESYNC, REPLY("SELECT", BOX(3, 9, 12, 50)),
		REPLY("SEARCH RETURN (COUNT) UID 1:11", "* ESEARCH (TAG \"$\") COUNT 3\r\n$ OK done\r\n"),
		REPLY("FETCH 1:3", MAIL(1, 4, "\\Seen", 40) MAIL(2, 7, "\\Deleted", 41) MAIL(3, 11, "", 42) "$ OK done\r\n"), END };
	struct kit *k = *state;
	kit_login(k, rules, 0, "");
	assert_int_equal(kit_changes(k, "INBOX", NULL, 0), ERR_OK);
	assert_true(k->changes.listing);
	assert_false(k->changes.more);
	assert_false(k->changes.reset);
	assert_string_equal(kit_told(k), "11=42 4=40");
	assert_int_equal(k->changes.list[0].date, 837571465);
	assert_string_equal(k->changes.cursor, "s1 9 12 50 3");
}

static const struct fake_rule four_in_parts[] = { QRESYNC, REPLY("SELECT", BOX(25, 9, 100, 50)),
	REPLY("SEARCH RETURN (COUNT) UID 1:99", "* ESEARCH (TAG \"$\") COUNT 25\r\n$ OK done\r\n"),
	REPLY("SEARCH RETURN (COUNT) UID 1:59", "* ESEARCH (TAG \"$\") COUNT 15\r\n$ OK done\r\n"),
	REPLY("FETCH 16:25", MAIL(16, 60, "", 1) MAIL(25, 99, "", 2) "$ OK done\r\n"),
	REPLY("FETCH 6:15", MAIL(6, 30, "", 3) MAIL(15, 59, "", 4) "$ OK done\r\n"),
	REPLY("FETCH 1:5", MAIL(1, 2, "", 5) MAIL(5, 29, "", 6) "$ OK done\r\n"), END };

static void
a_listing_comes_in_parts(void **state)
{
	struct kit *k = *state;
	kit_login(k, four_in_parts, 0, "");
	assert_int_equal(kit_changes(k, "INBOX", NULL, 10), ERR_OK);
	assert_string_equal(kit_told(k), "99=2 60=1");
	assert_true(k->changes.more);
	assert_int_equal(kit_changes(k, "INBOX", k->changes.cursor, 10), ERR_OK);
	assert_string_equal(kit_told(k), "59=4 30=3");
	assert_true(k->changes.more);
	assert_int_equal(kit_changes(k, "INBOX", k->changes.cursor, 10), ERR_OK);
	assert_string_equal(kit_told(k), "29=6 2=5");
	assert_false(k->changes.more);
	assert_string_equal(k->changes.cursor, "s1 9 100 50 25");
	assert_int_equal(fake_count(k->f, "SELECT"), 1);
	assert_int_equal(fake_count(k->f, "SEARCH"), 1);
}

static void
another_session_goes_on_with_a_listing(void **state)
{
	struct kit *k = *state;
	kit_login(k, four_in_parts, 0, "");
	assert_int_equal(kit_changes(k, "INBOX", NULL, 10), ERR_OK);
	fake_drop(k->f);
	assert_int_equal(kit_changes(k, "INBOX", k->changes.cursor, 10), ERR_OK);
	assert_string_equal(kit_told(k), "59=4 30=3");
	assert_int_equal(fake_count(k->f, "SEARCH"), 2);
}

static void
nothing_new_costs_one_exchange(void **state)
{
	static const struct fake_rule rules[] = { QRESYNC, REPLY("SELECT", BOX(3, 9, 12, 50)),
		REPLY("STATUS", "* STATUS INBOX (MESSAGES 3 UIDNEXT 12 UIDVALIDITY 9 UNSEEN 1 HIGHESTMODSEQ 50)\r\n$ OK done\r\n"), END };
	struct kit *k = *state;
	kit_login(k, rules, 0, "");
	unsigned before = fake_count(k->f, "");
	assert_int_equal(kit_changes(k, "INBOX", "s1 9 12 50 3", 0), ERR_OK);
	assert_int_equal(k->changes.n, 0);
	assert_false(k->changes.listing);
	assert_string_equal(k->changes.cursor, "s1 9 12 50 3");
	assert_int_equal(fake_count(k->f, "") - before, 1);
	assert_int_equal(fake_count(k->f, "STATUS"), 1);
}

/* For a SELECT some servers read the whole mailbox: one that is selected is asked by a NOOP, and selected anew only when that, or
 * any command before, has told something. */
static void
a_selected_mailbox_is_selected_anew_for_news_only(void **state)
{
	static const char *const news[] = { "* 4 EXISTS\r\n$ OK done\r\n", "* 2 EXPUNGE\r\n$ OK done\r\n", "* VANISHED 7\r\n$ OK done\r\n",
		"* 1 FETCH (UID 4 FLAGS (\\Seen) MODSEQ (51))\r\n$ OK done\r\n" };
	struct fake_rule rules[] = { QRESYNC, REPLY("SELECT", BOX(3, 9, 12, 50)),
		REPLY("SEARCH", "* ESEARCH (TAG \"$\") COUNT 3\r\n$ OK done\r\n"),
		REPLY("FETCH 1:3", MAIL(1, 4, "", 40) MAIL(2, 7, "", 41) MAIL(3, 11, "", 42) "$ OK done\r\n"),
		REPLY("UID FETCH 4", "* 1 FETCH (UID 4 RFC822.SIZE 10 FLAGS ())\r\n$ OK done\r\n"), REPLY("NOOP", "$ OK done\r\n"), END };
	struct fake_rule *noop = &rules[ARRAY_LEN(rules) - 2];
	const char *const key[] = { "4" };
	struct kit *k = *state;
	kit_login(k, rules, 0, "");
	assert_int_equal(kit_changes(k, "INBOX", NULL, 0), ERR_OK);
	for (unsigned i = 0; i < ARRAY_LEN(news); i++) {
		/* What we ask for ourselves is no news. */
		(void)kit_fetch(k, "INBOX", key, 1, 1000);
		unsigned before = fake_count(k->f, "");
		assert_int_equal(kit_changes(k, "INBOX", "s1 9 12 50 3", 0), ERR_OK);
		assert_int_equal(k->changes.n, 0);
		assert_string_equal(k->changes.cursor, "s1 9 12 50 3");
		assert_int_equal(fake_count(k->f, "") - before, 1);
		assert_int_equal(fake_count(k->f, "SELECT"), 1 + i);
		noop->reply = news[i];
		fake_rules(k->f, rules);
		assert_int_equal(kit_changes(k, "INBOX", "s1 9 12 50 3", 0), ERR_OK);
		assert_int_equal(fake_count(k->f, "SELECT"), 2 + i);
		noop->reply = "$ OK done\r\n";
		fake_rules(k->f, rules);
	}
}

static void
qresync_tells_what_changed_and_vanished(void **state)
{
	static const struct fake_rule rules[] = { QRESYNC, REPLY("SELECT", BOX(4, 9, 14, 60)),
		REPLY("STATUS", "* STATUS INBOX (MESSAGES 4 UIDNEXT 14 UIDVALIDITY 9 UNSEEN 1 HIGHESTMODSEQ 60)\r\n$ OK done\r\n"),
		REPLY("UID FETCH 1:4294967295 (UID FLAGS INTERNALDATE) (CHANGEDSINCE 50 VANISHED)",
			"* VANISHED (EARLIER) 3,5:6,14:99\r\n" MAIL(1, 4, "\\Seen \\Deleted", 55) MAIL(3, 12, "", 58) MAIL(4, 13, "", 60)
			"* 1 FETCH (UID 9 FLAGS (\\Seen) MODSEQ (61))\r\n$ OK done\r\n"), END };
	struct kit *k = *state;
	kit_login(k, rules, 0, "");
	assert_int_equal(kit_changes(k, "INBOX", "s1 9 12 50 3", 0), ERR_OK);
	assert_false(k->changes.listing);
	assert_string_equal(kit_told(k), "-3 -5 -6 -4 12=58 13=60");
	assert_string_equal(k->changes.cursor, "s1 9 14 60 4");
}

static void
too_much_vanished_becomes_a_listing(void **state)
{
	static const struct fake_rule rules[] = { QRESYNC, REPLY("SELECT", BOX(1, 9, 900000, 60)),
		REPLY("UID FETCH", "* VANISHED (EARLIER) 1:899998\r\n$ OK done\r\n"),
		REPLY("SEARCH", "* ESEARCH (TAG \"$\") COUNT 1\r\n$ OK done\r\n"),
		REPLY("FETCH 1:1", MAIL(1, 899999, "", 55) "$ OK done\r\n"), END };
	struct kit *k = *state;
	kit_login(k, rules, 0, "");
	assert_int_equal(kit_changes(k, "INBOX", "s1 9 12 50 3", 0), ERR_OK);
	assert_true(k->changes.listing);
	assert_string_equal(kit_told(k), "899999=55");
}

static void
condstore_counts_whether_anything_vanished(void **state)
{
	static const struct fake_rule none[] = { CONDSTORE, REPLY("SELECT", BOX(4, 9, 14, 60)),
		REPLY("UID FETCH 1:4294967295 (UID FLAGS INTERNALDATE) (CHANGEDSINCE 50)",
			MAIL(1, 4, "\\Seen", 55) MAIL(4, 13, "", 60) "$ OK done\r\n"), END };
	static const struct fake_rule one[] = { CONDSTORE, REPLY("SELECT", BOX(3, 9, 14, 60)),
		REPLY("UID FETCH", MAIL(1, 4, "\\Seen", 55) MAIL(3, 13, "", 60) "$ OK done\r\n"),
		REPLY("SEARCH", "* SEARCH 1 2 3\r\n$ OK done\r\n"),
		REPLY("FETCH 1:3", MAIL(1, 4, "\\Seen", 55) MAIL(2, 5, "", 3) MAIL(3, 13, "", 60) "$ OK done\r\n"), END };
	struct kit *k = *state;
	kit_login(k, none, 0, "");
	assert_int_equal(kit_changes(k, "INBOX", "s1 9 12 50 3", 0), ERR_OK);
	assert_false(k->changes.listing);
	assert_string_equal(kit_told(k), "4=55 13=60");
	assert_string_equal(k->changes.cursor, "s1 9 14 60 4");
	fake_rules(k->f, one);
	fake_drop(k->f);
	assert_int_equal(kit_changes(k, "INBOX", "s1 9 12 50 3", 0), ERR_OK);
	assert_true(k->changes.listing);
	assert_string_equal(kit_told(k), "13=60 5=3 4=55");
}

static void
without_condstore_flags_are_the_version(void **state)
{
	static const struct fake_rule rules[] = { REPLY("SELECT", PLAINBOX(2, 9, 12)),
		REPLY("SEARCH UID 1:11", "* SEARCH 1 2\r\n$ OK done\r\n"),
		ONCE("FETCH 1:2 (UID FLAGS INTERNALDATE)", PLAINMAIL(1, 4, "\\Seen") PLAINMAIL(2, 11, "x") "$ OK done\r\n"),
		REPLY("FETCH 1:2 (UID FLAGS INTERNALDATE)", PLAINMAIL(1, 4, "") PLAINMAIL(2, 11, "x") "$ OK done\r\n"), END };
	struct kit *k = *state;
	kit_login(k, rules, 0, "");
	assert_int_equal(kit_changes(k, "INBOX", NULL, 0), ERR_OK);
	const char *before = kit_told(k);
	assert_int_equal(kit_changes(k, "INBOX", k->changes.cursor, 0), ERR_OK);
	assert_true(k->changes.listing);
	assert_false(k->changes.reset);
	assert_string_not_equal(kit_told(k), before);
	assert_string_equal(k->changes.cursor, "s1 9 12 0 2");
}

static void
a_new_uidvalidity_resets(void **state)
{
	static const struct fake_rule rules[] = { QRESYNC, REPLY("SELECT", BOX(1, 10, 2, 60)),
		REPLY("SEARCH", "* ESEARCH (TAG \"$\") COUNT 1\r\n$ OK done\r\n"),
		REPLY("FETCH 1:1", MAIL(1, 1, "", 55) "$ OK done\r\n"), END };
	struct kit *k = *state;
	kit_login(k, rules, 0, "");
	assert_int_equal(kit_changes(k, "INBOX", "s1 9 12 50 3", 0), ERR_OK);
	assert_true(k->changes.listing);
	assert_true(k->changes.reset);
	assert_string_equal(kit_told(k), "1=55");
}

#define NAMELESS(exists) "* " #exists " EXISTS\r\n* OK [UIDVALIDITY 9] x\r\n$ OK [READ-WRITE] done\r\n"

static void
uidnext_is_asked_for_where_a_select_does_not_say_it(void **state)
{
	static const struct fake_rule rules[] = { REPLY("SELECT", NAMELESS(1)),
		REPLY("STATUS", "* STATUS INBOX (MESSAGES 1 UIDNEXT 20 UIDVALIDITY 9 UNSEEN 0)\r\n$ OK done\r\n"),
		REPLY("SEARCH UID 1:19", "* SEARCH 1\r\n$ OK done\r\n"),
		REPLY("FETCH 1:1", PLAINMAIL(1, 4, "") "$ OK done\r\n"), END };
	struct kit *k = *state;
	kit_login(k, rules, 0, "");
	assert_int_equal(kit_changes(k, "INBOX", NULL, 0), ERR_OK);
	assert_string_equal(k->changes.cursor, "s1 9 20 0 1");
}

/* By the last mail: when that is deleted, it is the same mailbox still. */
static void
a_guessed_uidnext_that_goes_back_resets_nothing(void **state)
{
	static const struct fake_rule rules[] = { ONCE("SELECT", NAMELESS(2)), ONCE("SELECT", NAMELESS(1)), REPLY("SELECT", NAMELESS(0)),
		REPLY("STATUS", "* STATUS INBOX (MESSAGES 2 UIDVALIDITY 9)\r\n$ OK done\r\n"),
		ONCE("FETCH * (UID)", "* 2 FETCH (UID 11)\r\n$ OK done\r\n"), REPLY("FETCH * (UID)", "* 1 FETCH (UID 4)\r\n$ OK done\r\n"),
		ONCE("SEARCH UID 1:11", "* SEARCH 1 2\r\n$ OK done\r\n"), REPLY("SEARCH UID 1:11", "* SEARCH 1\r\n$ OK done\r\n"),
		REPLY("FETCH 1:2", PLAINMAIL(1, 4, "") PLAINMAIL(2, 11, "") "$ OK done\r\n"),
		REPLY("FETCH 1:1", PLAINMAIL(1, 4, "") "$ OK done\r\n"), END };
	struct kit *k = *state;
	kit_login(k, rules, 0, "");
	assert_int_equal(kit_changes(k, "INBOX", NULL, 0), ERR_OK);
	assert_string_equal(k->changes.cursor, "s1 9 12 0 2");
	assert_int_equal(kit_changes(k, "INBOX", k->changes.cursor, 0), ERR_OK);
	assert_false(k->changes.reset);
	assert_int_equal(k->changes.n, 1);
	assert_string_equal(k->changes.cursor, "s1 9 12 0 1");
	assert_int_equal(kit_changes(k, "INBOX", k->changes.cursor, 0), ERR_OK);
	assert_false(k->changes.reset);
	assert_true(k->changes.listing);
	assert_int_equal(k->changes.n, 0);
	assert_string_equal(k->changes.cursor, "s1 9 12 0 0");
}

static void
unknown_cursors_begin_anew(void **state)
{
	static const char *const cursors[] = { "", "x", "s1 9", "s1 9 12 50 3 4", "s1 9 12 x 3", "s2 9 12 50 3", "l1 9 12 50 3", "s1  9 12 50 3",
		"s1 9 12 50 99999999999999999999" };
	static const struct fake_rule rules[] = { QRESYNC, REPLY("SELECT", BOX(0, 9, 12, 50)), REPLY("SEARCH", "$ OK done\r\n"), END };
	struct kit *k = *state;
	kit_login(k, rules, 0, "");
	for (size_t i = 0; i < ARRAY_LEN(cursors); i++) {
		assert_int_equal(kit_changes(k, "INBOX", cursors[i], 0), ERR_OK);
		assert_true(k->changes.listing);
		assert_int_equal(k->changes.n, 0);
	}
}

static void
a_gone_folder_is_told_from_a_server_in_trouble(void **state)
{
	static const struct fake_rule gone[] = { REPLY("SELECT", "$ NO no such mailbox\r\n"), REPLY("LIST", "$ OK done\r\n"), END };
	static const struct fake_rule coded[] = { REPLY("SELECT", "$ NO [NONEXISTENT] no\r\n"), END };
	static const struct fake_rule trouble[] = { REPLY("SELECT", "$ NO disk on fire\r\n"),
		REPLY("LIST", "* LIST () \"/\" Sent\r\n$ OK done\r\n"), END };
	static const struct fake_rule bug[] = { REPLY("SELECT", "$ NO [SERVERBUG] oops\r\n"), END };
	struct kit *k = *state;
	kit_login(k, gone, 0, "");
	assert_int_equal(kit_changes(k, "Sent", NULL, 0), ERR_NOFOLDER);
	fake_rules(k->f, coded);
	assert_int_equal(kit_changes(k, "Sent", NULL, 0), ERR_NOFOLDER);
	fake_rules(k->f, trouble);
	assert_int_equal(kit_changes(k, "Sent", NULL, 0), ERR_UNAVAILABLE);
	fake_rules(k->f, bug);
	assert_int_equal(kit_changes(k, "Sent", NULL, 0), ERR_UNAVAILABLE);
}

#define META(seq, uid, size) \
	"* " #seq " FETCH (UID " #uid " FLAGS (\\Seen) INTERNALDATE \"17-Jul-1996 02:44:25 +0000\" RFC822.SIZE " #size ")\r\n"
#define BODY(seq, uid, size, text) \
	"* " #seq " FETCH (UID " #uid " FLAGS (\\Seen) INTERNALDATE \"17-Jul-1996 02:44:25 +0000\" BODY[] {" #size "}\r\n" text ")\r\n"

static const struct fake_rule three_mails[] = { REPLY("SELECT", PLAINBOX(3, 9, 12)),
	REPLY("UID FETCH 4,5,6,7,9 (UID FLAGS INTERNALDATE RFC822.SIZE)",
		"* 3 EXISTS\r\n" META(1, 4, 5) META(2, 6, 9000) META(3, 7, 4) META(3, 9, 4) "$ OK done\r\n"),
	REPLY("UID FETCH 4,7,9 (UID FLAGS INTERNALDATE BODY.PEEK[])", BODY(3, 7, 4, "7777")
		"* 1 FETCH (FLAGS (\\Seen))\r\n" BODY(1, 4, 5, "4\r\n)4")
		"* 3 FETCH (UID 9 FLAGS () INTERNALDATE \"17-Jul-1996 02:44:25 +0000\" BODY[] NIL)\r\n$ OK done\r\n"), END };

static void
every_key_is_told_once(void **state)
{
	static const char *const keys[] = { "7", "x", "4", "5", "6", "4", "9" };
	struct kit *k = *state;
	kit_login(k, three_mails, 1, "");
	assert_int_equal(kit_fetch(k, "INBOX", keys, ARRAY_LEN(keys), 5000), ERR_OK);
	assert_int_equal(k->n_items, ARRAY_LEN(keys));
	unsigned seen = 0;
	for (size_t i = 0; i < k->n_items; i++) {
		const char *key = k->items[i].key;
		enum err want = strcmp(key, "x") == 0 || strcmp(key, "5") == 0 ? ERR_NOTFOUND : strcmp(key, "6") == 0 ? ERR_LIMIT :
			strcmp(key, "9") == 0 ? ERR_INVALID : ERR_OK;
		assert_int_equal(k->items[i].err, want);
		if (want == ERR_OK)
			assert_string_equal(k->items[i].text, strcmp(key, "4") == 0 ? "4\r\n)4" : "7777");
		seen += want == ERR_OK;
	}
	assert_int_equal(seen, 3);
}

static void
the_callback_can_stop_it(void **state)
{
	static const char *const keys[] = { "4", "5", "6", "7", "9" };
	struct kit *k = *state;
	kit_login(k, three_mails, 0, "");
	k->stop_with = ERR_CONFLICT;
	assert_int_equal(kit_fetch(k, "INBOX", keys, ARRAY_LEN(keys), 5000), ERR_CONFLICT);
	assert_int_equal(k->n_items, 1);
	k->stop_with = ERR_OK;
	assert_int_equal(kit_fetch(k, "INBOX", keys, ARRAY_LEN(keys), 5000), ERR_OK);
	assert_int_equal(fake_count(k->f, "LOGIN"), 1);
}

/* In the order of the keys, and no mail is read from the server for nothing. */
static void
what_has_no_room_is_not_asked_for(void **state)
{
	static const char *const keys[] = { "9", "6", "5", "7", "4" };
	static const struct fake_rule rules[] = { REPLY("SELECT", PLAINBOX(3, 9, 12)),
		REPLY("UID FETCH 4,5,6,7,9 (UID FLAGS INTERNALDATE RFC822.SIZE)",
			META(1, 4, 5) META(2, 6, 4) META(3, 7, 4) META(4, 9, 4) "$ OK done\r\n"),
		REPLY("UID FETCH 6,9 (", BODY(2, 6, 4, "6666") BODY(4, 9, 4, "9999") "$ OK done\r\n"),
		REPLY("UID FETCH 6,7,9 (", BODY(2, 6, 4, "6666") BODY(3, 7, 4, "7777") BODY(4, 9, 4, "9999") "$ OK done\r\n"), END };
	struct kit *k = *state;
	kit_login(k, rules, 0, "");
	k->room = 8;
	assert_int_equal(kit_fetch(k, "INBOX", keys, ARRAY_LEN(keys), 5000), ERR_OK);
	assert_int_equal(k->n_items, 3);
	assert_string_equal(k->items[0].text, "6666");
	assert_string_equal(k->items[1].text, "9999");
	assert_int_equal(k->items[2].err, ERR_NOTFOUND);
	k->room = 9; /* the last one may be larger than what there is room for */
	assert_int_equal(kit_fetch(k, "INBOX", keys, ARRAY_LEN(keys), 5000), ERR_OK);
	assert_int_equal(k->n_items, 4);
	assert_string_equal(k->items[1].text, "7777");
	assert_int_equal(fake_count(k->f, "UID FETCH"), 4);
	assert_int_equal(fake_count(k->f, "NOOP"), 1);
}

static void
one_mail_that_cannot_be_given_does_not_hide_the_others(void **state)
{
	static const char *const keys[] = { "4", "7" };
	static const struct fake_rule refusing[] = { REPLY("SELECT", PLAINBOX(2, 9, 12)),
		REPLY("UID FETCH 4,7 (UID FLAGS INTERNALDATE RFC822.SIZE)", META(1, 4, 5) META(2, 7, 4) "$ OK done\r\n"),
		REPLY("UID FETCH 4,7", "$ NO [SERVERBUG] mail 4 is broken\r\n"), REPLY("UID FETCH 4", "$ NO [SERVERBUG] broken\r\n"),
		REPLY("UID FETCH 7", BODY(2, 7, 4, "7777") "$ OK done\r\n"), END };
	static const struct fake_rule huge[] = { REPLY("SELECT", PLAINBOX(2, 9, 12)),
		REPLY("UID FETCH 4,7 (UID FLAGS INTERNALDATE RFC822.SIZE)", META(1, 4, 5) META(2, 7, 4) "$ OK done\r\n"),
		REPLY("UID FETCH 4", BODY(1, 4, 4294967296, "x")), REPLY("UID FETCH 7", BODY(2, 7, 4, "7777") "$ OK done\r\n"), END };
	struct kit *k = *state;
	kit_login(k, refusing, 0, "");
	assert_int_equal(kit_fetch(k, "INBOX", keys, 2, 0), ERR_OK);
	assert_int_equal(k->n_items, 2);
	assert_int_equal(k->items[0].err, ERR_INVALID);
	assert_string_equal(k->items[1].text, "7777");
	fake_rules(k->f, huge);
	assert_int_equal(kit_fetch(k, "INBOX", keys, 2, 0), ERR_OK);
	assert_int_equal(k->n_items, 2);
	assert_int_equal(k->items[0].err, ERR_LIMIT);
	assert_string_equal(k->items[1].text, "7777");
}

static void
a_reconnect_never_takes_other_mails_for_ours(void **state)
{
	static const struct fake_rule rules[] = { QRESYNC, ONCE("SELECT", BOX(1, 9, 5, 50)), REPLY("SELECT", BOX(1, 10, 5, 50)),
		REPLY("SEARCH", "* ESEARCH (TAG \"$\") COUNT 1\r\n$ OK done\r\n"), REPLY("FETCH 1:1", MAIL(1, 4, "", 3) "$ OK done\r\n"),
		REPLY("UID FETCH 4", MAIL(1, 4, "", 3) "$ OK done\r\n"), END };
	static const char *const keys[] = { "4" };
	struct kit *k = *state;
	kit_login(k, rules, 0, "");
	assert_int_equal(kit_changes(k, "INBOX", NULL, 0), ERR_OK);
	fake_drop(k->f);
	assert_int_equal(kit_fetch(k, "INBOX", keys, 1, 0), ERR_UNAVAILABLE);
	assert_int_equal(backend_module.remove(k->s, "INBOX", "4", NULL, &k->e), ERR_UNAVAILABLE);
	assert_int_equal(fake_count(k->f, "UID STORE"), 0);
	assert_int_equal(kit_changes(k, "INBOX", k->changes.cursor, 0), ERR_OK);
	assert_true(k->changes.reset);
}

static void
a_session_that_has_the_folder_open_is_told_first(void **state)
{
	static const char *const keys[] = { "4" };
	static const struct fake_rule rules[] = { REPLY("SELECT", PLAINBOX(0, 9, 4)), ONCE("UID FETCH 4", "$ OK done\r\n"),
		REPLY("NOOP", "* 1 EXISTS\r\n$ OK done\r\n"),
		REPLY("UID FETCH 4 (UID FLAGS INTERNALDATE RFC822.SIZE)", META(1, 4, 4) "$ OK done\r\n"),
		REPLY("UID FETCH 4", BODY(1, 4, 4, "4444") "$ OK done\r\n"), END };
	struct kit *k = *state;
	kit_login(k, rules, 0, "");
	assert_int_equal(kit_fetch(k, "INBOX", keys, 1, 0), ERR_OK);
	assert_int_equal(k->items[0].err, ERR_NOTFOUND);
	assert_int_equal(fake_count(k->f, "NOOP"), 0);
	assert_int_equal(kit_fetch(k, "INBOX", keys, 1, 0), ERR_OK);
	assert_int_equal(fake_count(k->f, "NOOP"), 1);
	assert_int_equal(k->items[0].err, ERR_OK);
	assert_string_equal(k->items[0].text, "4444");
}

/* Wherever the connection ends or the server falls silent, the call ends with an error and the next one works. */
static void
every_break_is_survived(void **state)
{
	static const char listing[] = PLAINMAIL(1, 4, "\\Seen") PLAINMAIL(2, 11, "x") "$ OK done\r\n";
	struct kit *k = *state;
	struct fake_rule rules[] = { REPLY("SELECT", PLAINBOX(2, 9, 12)), REPLY("SEARCH", "* SEARCH 1 2\r\n$ OK done\r\n"),
		{ "FETCH", NULL, FAKE_CLOSE, 1 }, { "FETCH", listing, FAKE_GO_ON, 0 }, END };
	kit_open(k, NULL, 0, "");
	for (size_t cut = 0; cut < sizeof listing - 2; cut++) {
		char part[sizeof listing];
		memcpy(part, listing, cut);
		part[cut] = '\0';
		rules[2].reply = part;
		fake_rules(k->f, rules);
		assert_int_equal(kit_try_login(k, "alice", "secret"), ERR_OK);
		/* The tag is longer than its "$", so a cut behind it may be within the final line as well. */
		enum err err = kit_changes(k, "INBOX", NULL, 0);
		if (err != ERR_UNAVAILABLE && err != ERR_PEER)
			fail_msg("cut at %zu gives %s", cut, err_name(err));
		assert_int_equal(kit_changes(k, "INBOX", NULL, 0), ERR_OK);
		assert_int_equal(k->changes.n, 2);
		backend_module.logout(&k->s);
		if (cut % 25 == 24)
			fake_stop(&k->f), kit_teardown(state), kit_setup(state), k = *state, kit_open(k, NULL, 0, "");
	}
}

static void
silence_and_chatter_end(void **state)
{
	static const struct fake_rule silent[] = { { "SELECT", "* 3 EXI", FAKE_HANG, 0 }, END };
	static const struct fake_rule bye[] = { { "SELECT", "* BYE [UNAVAILABLE] shutting down\r\n", FAKE_CLOSE, 0 }, END };
	static const struct fake_rule junk[] = { REPLY("SELECT", "220 this is no IMAP\r\n"), END };
	struct kit *k = *state;
	kit_login(k, silent, 0, "connect = 1\nanswer = 1");
	assert_int_equal(kit_changes(k, "INBOX", NULL, 0), ERR_UNAVAILABLE);
	fake_rules(k->f, bye);
	assert_int_equal(kit_changes(k, "INBOX", NULL, 0), ERR_UNAVAILABLE);
	assert_non_null(strstr(k->e.text, "shutting down"));
	fake_rules(k->f, junk);
	assert_int_equal(kit_changes(k, "INBOX", NULL, 0), ERR_PEER);
	fake_rules(k->f, NULL);
	assert_int_equal(kit_changes(k, "INBOX", NULL, 0), ERR_OK);
}

static void
unasked_responses_are_noted(void **state)
{
	static const struct fake_rule rules[] = { QRESYNC,
		REPLY("SELECT", "* OK [CLOSED] x\r\n* FLAGS (\\Seen)\r\n* OK [PERMANENTFLAGS (\\Seen \\*)] x\r\n* X-NEW {3}\r\na\r\n thing\r\n"
			BOX(2, 9, 12, 50)),
		REPLY("SEARCH", "* 3 EXISTS\r\n* 1 RECENT\r\n* ESEARCH (TAG \"$\") COUNT 2\r\n$ OK done\r\n"),
		REPLY("FETCH 1:2", "* CAPABILITY IMAP4rev1\r\n" MAIL(1, 4, "", 40) "* OK [ALERT] hello\r\n"
			"* 2 FETCH (FLAGS () UID 2 MODSEQ (99))\r\n" MAIL(2, 11, "", 42) "* 4 EXISTS\r\n$ OK done\r\n"), END };
	struct kit *k = *state;
	kit_login(k, rules, 1, "");
	assert_int_equal(kit_changes(k, "INBOX", NULL, 0), ERR_OK);
	assert_string_equal(kit_told(k), "11=42 4=40");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, kit_setup, kit_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_first_listing_is_newest_first),
		TEST(a_listing_comes_in_parts),
		TEST(another_session_goes_on_with_a_listing),
		TEST(nothing_new_costs_one_exchange),
		TEST(a_selected_mailbox_is_selected_anew_for_news_only),
		TEST(qresync_tells_what_changed_and_vanished),
		TEST(too_much_vanished_becomes_a_listing),
		TEST(condstore_counts_whether_anything_vanished),
		TEST(without_condstore_flags_are_the_version),
		TEST(a_new_uidvalidity_resets),
		TEST(uidnext_is_asked_for_where_a_select_does_not_say_it),
		TEST(a_guessed_uidnext_that_goes_back_resets_nothing),
		TEST(unknown_cursors_begin_anew),
		TEST(a_gone_folder_is_told_from_a_server_in_trouble),
		TEST(every_key_is_told_once),
		TEST(the_callback_can_stop_it),
		TEST(what_has_no_room_is_not_asked_for),
		TEST(one_mail_that_cannot_be_given_does_not_hide_the_others),
		TEST(a_reconnect_never_takes_other_mails_for_ours),
		TEST(a_session_that_has_the_folder_open_is_told_first),
		TEST(every_break_is_survived),
		TEST(silence_and_chatter_end),
		TEST(unasked_responses_are_noted),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
