/* Storing, flagging, moving, deleting, folders, searching: with servers that can and servers that cannot. */
#include "kit.h"

#define REPLY(command, reply) { command, reply, FAKE_GO_ON, 0 }
#define ONCE(command, reply) { command, reply, FAKE_GO_ON, 1 }
#define END { NULL, NULL, FAKE_GO_ON, 0 }
#define CAPS(words) REPLY("CAPABILITY", "* CAPABILITY IMAP4rev1 " words "\r\n$ OK done\r\n")
#define QRESYNC CAPS("ENABLE QRESYNC CONDSTORE UIDPLUS MOVE ESEARCH UNSELECT"), \
	REPLY("ENABLE", "* ENABLED QRESYNC\r\n$ OK done\r\n")
#define BOX "* 3 EXISTS\r\n* OK [UIDVALIDITY 9] x\r\n* OK [UIDNEXT 12] x\r\n* OK [HIGHESTMODSEQ 50] x\r\n" \
	"* OK [PERMANENTFLAGS (\\Seen \\Answered \\Flagged \\Deleted \\Draft old)] x\r\n$ OK [READ-WRITE] done\r\n"
#define SEEN_FOLDER REPLY("SEARCH RETURN (COUNT)", "* ESEARCH (TAG \"$\") COUNT 0\r\n$ OK done\r\n")
#define MAIL7 REPLY("UID FETCH 7", "* 2 FETCH (UID 7 FLAGS (\\Seen) MODSEQ (40))\r\n$ OK done\r\n")
#define NOMAIL REPLY("UID FETCH", "$ OK done\r\n")

static enum err
flag(struct kit *k, unsigned set, unsigned clear, const char *const *add)
{
	struct backend_flagging what = { .folder = "INBOX", .key = "7", .set = set, .clear = clear, .add_keywords = add };
	return backend_module.flag(k->s, k->a, &what, &k->stored, &k->e);
}

static const struct fake_rule flagging[] = { QRESYNC, REPLY("SELECT", BOX), SEEN_FOLDER, MAIL7,
	REPLY("UID STORE 7 (UNCHANGEDSINCE 50) +FLAGS (\\Flagged)", "* 2 FETCH (UID 7 FLAGS (\\Seen \\Flagged) MODSEQ (51))\r\n$ OK done\r\n"),
	REPLY("UID STORE 7 (UNCHANGEDSINCE 51) -FLAGS (\\Seen)", "* 2 FETCH (UID 7 FLAGS (\\Flagged) MODSEQ (52))\r\n$ OK done\r\n"),
	REPLY("UID STORE 7 (UNCHANGEDSINCE 52) +FLAGS (\\Answered)",
		"* 2 FETCH (UID 7 FLAGS (\\Flagged \\Answered) MODSEQ (53))\r\n$ OK done\r\n"),
	REPLY("UID STORE 7 (UNCHANGEDSINCE", "$ OK [MODIFIED 7] no\r\n"),
	REPLY("UID STORE 7 +FLAGS", "* 2 FETCH (UID 7 FLAGS (\\Seen \\Flagged) MODSEQ (99))\r\n$ OK done\r\n"), END };

static void
flags_are_vouched_for_after_a_look(void **state)
{
	struct kit *k = *state;
	kit_login(k, flagging, 0, "");
	assert_int_equal(kit_changes(k, "INBOX", NULL, 0), ERR_OK);
	assert_int_equal(flag(k, FLAG_FLAGGED, FLAG_SEEN, NULL), ERR_OK);
	assert_string_equal(k->stored.version, "52");
	assert_int_equal(flag(k, FLAG_ANSWERED, 0, NULL), ERR_OK);
	assert_string_equal(k->stored.version, "53");
}

static void
another_ones_change_in_between_is_not_hidden(void **state)
{
	struct kit *k = *state;
	kit_login(k, flagging, 0, "");
	/* never looked: nothing can be vouched for */
	assert_int_equal(flag(k, FLAG_FLAGGED, 0, NULL), ERR_OK);
	assert_string_equal(k->stored.version, "");
	/* looked, but the mail was changed since by somebody else */
	assert_int_equal(kit_changes(k, "INBOX", NULL, 0), ERR_OK);
	assert_int_equal(flag(k, FLAG_DRAFT, 0, NULL), ERR_OK);
	assert_string_equal(k->stored.version, "");
	assert_int_equal(fake_count(k->f, "UID STORE 7 +FLAGS (\\Draft)"), 1);
}

static void
keywords_that_cannot_be_stored_are_left_out(void **state)
{
	static const char *const add[] = { "old", "new thing", NULL };
	static const struct fake_rule rules[] = { QRESYNC, REPLY("SELECT", BOX), SEEN_FOLDER, MAIL7,
		REPLY("UID STORE 7 (UNCHANGEDSINCE 50) +FLAGS (old)", "* 2 FETCH (UID 7 FLAGS (old) MODSEQ (51))\r\n$ OK done\r\n"), END };
	struct kit *k = *state;
	kit_login(k, rules, 0, "");
	assert_int_equal(kit_changes(k, "INBOX", NULL, 0), ERR_OK);
	assert_int_equal(flag(k, 0, 0, add), ERR_OK);
	assert_string_equal(k->stored.version, "");
}

static void
flagging_what_is_gone(void **state)
{
	static const struct fake_rule rules[] = { QRESYNC, REPLY("SELECT", BOX), NOMAIL, END };
	static const struct fake_rule marked[] = { REPLY("UID FETCH", "* 2 FETCH (UID 7 FLAGS (\\Deleted) MODSEQ (4))\r\n$ OK done\r\n"), END };
	struct kit *k = *state;
	kit_login(k, rules, 0, "");
	assert_int_equal(flag(k, FLAG_FLAGGED, 0, NULL), ERR_NOTFOUND);
	fake_rules(k->f, marked);
	assert_int_equal(flag(k, FLAG_FLAGGED, 0, NULL), ERR_NOTFOUND);
	assert_int_equal(fake_count(k->f, "UID STORE"), 0);
}

static enum err
put(struct kit *k, const char *key, const char *version, const char *text)
{
	static const char *const keywords[] = { "old", NULL };
	struct backend_put p = { .folder = "INBOX", .key = key, .version = version, .bytes = slice_str(text), .flags = FLAG_SEEN,
		.keywords = keywords, .date = 837571465 };
	return backend_module.put(k->s, k->a, &p, &k->stored, &k->e);
}

static void
a_mail_is_appended_byte_by_byte(void **state)
{
	static const struct fake_rule rules[] = { QRESYNC, REPLY("SELECT", BOX),
		REPLY("APPEND", "* 4 EXISTS\r\n$ OK [APPENDUID 9 12] done\r\n"),
		REPLY("UID FETCH 12", "* 4 FETCH (UID 12 FLAGS (\\Seen old) MODSEQ (60))\r\n$ OK done\r\n"), END };
	struct kit *k = *state;
	kit_login(k, rules, 0, "");
	assert_int_equal(put(k, NULL, NULL, "A: b\n\n{5}\r\nx"), ERR_OK);
	assert_string_equal(fake_command(k->f, "APPEND", 0),
		"APPEND \"INBOX\" (\\Seen old) \"17-Jul-1996 02:44:25 +0000\" {14}\nA: b\r\n\r\n{5}\r\nx");
	assert_string_equal(k->stored.key, "12");
	assert_string_equal(k->stored.version, "60");
}

static void
appending_without_uidplus(void **state)
{
	static const struct fake_rule rules[] = { REPLY("SELECT", BOX), REPLY("APPEND", "$ OK done\r\n"), END };
	struct kit *k = *state;
	kit_login(k, rules, 0, "");
	assert_int_equal(put(k, NULL, NULL, "A: b\r\n\r\n"), ERR_OK);
	assert_string_equal(k->stored.key, "");
	assert_string_equal(k->stored.version, "");
}

/* A code that says where the mail went, and then does not. */
static void
codes_without_arguments(void **state)
{
	static const struct fake_rule rules[] = { CAPS("UIDPLUS MOVE"), REPLY("SELECT", BOX), REPLY("APPEND", "$ OK [APPENDUID] done\r\n"),
		REPLY("UID FETCH 7", "* 2 FETCH (UID 7 FLAGS (\\Seen))\r\n$ OK done\r\n"),
		REPLY("UID MOVE 7", "* OK [COPYUID] x\r\n$ OK [COPYUID] done\r\n"), END };
	struct kit *k = *state;
	kit_login(k, rules, 0, "");
	assert_int_equal(put(k, NULL, NULL, "A: b\r\n\r\n"), ERR_OK);
	assert_string_equal(k->stored.key, "");
	assert_int_equal(backend_module.move(k->s, k->a, "INBOX", "7", "Trash", &k->stored, &k->e), ERR_OK);
	assert_string_equal(k->stored.key, "");
}

static void
refused_appends(void **state)
{
	static const struct {
		const char *reply;
		enum err err;
	} rows[] = { { "$ NO [OVERQUOTA] full\r\n", ERR_QUOTA }, { "$ NO [TRYCREATE] none\r\n", ERR_NOFOLDER }, { "$ NO what\r\n", ERR_INVALID },
		{ "$ NO [UNAVAILABLE] later\r\n", ERR_UNAVAILABLE }, { "$ NO [NOPERM] no\r\n", ERR_DENIED }, { "$ BAD what\r\n", ERR_PEER } };
	struct kit *k = *state;
	kit_login(k, NULL, 0, "");
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct fake_rule rules[] = { REPLY("SELECT", BOX), REPLY("APPEND", NULL), END };
		rules[1].reply = rows[i].reply;
		fake_rules(k->f, rules);
		assert_int_equal(put(k, NULL, NULL, "A: b\r\n\r\n"), rows[i].err);
	}
	assert_int_equal(put(k, NULL, NULL, ""), ERR_INVALID);
}

static void
replacing_takes_the_old_one_away_last(void **state)
{
	static const struct fake_rule rules[] = { QRESYNC, REPLY("SELECT", BOX), MAIL7,
		REPLY("APPEND", "$ OK [APPENDUID 9 12] done\r\n"),
		REPLY("UID FETCH 12", "* 4 FETCH (UID 12 FLAGS (\\Seen) MODSEQ (60))\r\n$ OK done\r\n"),
		REPLY("UID STORE 7 +FLAGS (\\Deleted)", "* 2 FETCH (UID 7 FLAGS (\\Deleted) MODSEQ (61))\r\n$ OK done\r\n"),
		REPLY("UID EXPUNGE 7", "* VANISHED 7\r\n$ OK done\r\n"), NOMAIL, END };
	struct kit *k = *state;
	kit_login(k, rules, 0, "");
	assert_int_equal(put(k, "7", "41", "A: b\r\n\r\n"), ERR_CONFLICT);
	assert_int_equal(put(k, "8", NULL, "A: b\r\n\r\n"), ERR_NOTFOUND);
	assert_int_equal(fake_count(k->f, "APPEND"), 0);
	assert_int_equal(put(k, "7", "40", "A: b\r\n\r\n"), ERR_OK);
	assert_string_equal(k->stored.key, "12");
	assert_int_equal(fake_count(k->f, "UID EXPUNGE 7"), 1);
}

static void
removing(void **state)
{
	static const struct fake_rule rules[] = { QRESYNC, REPLY("SELECT", BOX), MAIL7,
		REPLY("UID STORE 7 (UNCHANGEDSINCE 40) +FLAGS (\\Deleted)", "* 2 FETCH (UID 7 MODSEQ (61))\r\n$ OK done\r\n"), NOMAIL, END };
	static const struct fake_rule raced[] = { MAIL7, REPLY("UID STORE", "$ OK [MODIFIED 7] no\r\n"), END };
	struct kit *k = *state;
	kit_login(k, rules, 0, "");
	assert_int_equal(backend_module.remove(k->s, "INBOX", "8", NULL, &k->e), ERR_NOTFOUND);
	assert_int_equal(backend_module.remove(k->s, "INBOX", "7", "39", &k->e), ERR_CONFLICT);
	assert_int_equal(backend_module.remove(k->s, "INBOX", "7", "40", &k->e), ERR_OK);
	assert_int_equal(fake_count(k->f, "UID EXPUNGE 7"), 1);
	fake_rules(k->f, raced);
	assert_int_equal(backend_module.remove(k->s, "INBOX", "7", "40", &k->e), ERR_CONFLICT);
	assert_int_equal(fake_count(k->f, "UID EXPUNGE 7"), 1);
}

static void
removing_what_an_earlier_try_has_only_marked(void **state)
{
	static const struct fake_rule rules[] = { QRESYNC, REPLY("SELECT", BOX),
		REPLY("UID FETCH 7", "* 2 FETCH (UID 7 FLAGS (\\Deleted) MODSEQ (61))\r\n$ OK done\r\n"),
		REPLY("UID EXPUNGE 7", "* VANISHED 7\r\n$ OK done\r\n"), END };
	struct kit *k = *state;
	kit_login(k, rules, 0, "");
	assert_int_equal(backend_module.remove(k->s, "INBOX", "7", NULL, &k->e), ERR_OK);
	assert_int_equal(fake_count(k->f, "UID STORE"), 0);
	assert_int_equal(fake_count(k->f, "UID EXPUNGE 7"), 1);
}

#define BOX_OF(flags) REPLY("SELECT", "* 3 EXISTS\r\n* OK [UIDVALIDITY 9] x\r\n* OK [UIDNEXT 12] x\r\n* OK [HIGHESTMODSEQ 50] x\r\n" \
	"* OK [PERMANENTFLAGS (" flags ")] x\r\n$ OK [READ-WRITE] done\r\n")

/* go-imap lists only what is in use, and takes any. */
static void
a_flag_that_is_not_listed_is_tried_where_any_keyword_is_taken(void **state)
{
	static const struct fake_rule rules[] = { QRESYNC, BOX_OF("old \\*"), SEEN_FOLDER, MAIL7,
		REPLY("UID STORE 7 (UNCHANGEDSINCE 50) +FLAGS (\\Flagged)",
			"* 2 FETCH (UID 7 FLAGS (\\Seen \\Flagged) MODSEQ (51))\r\n$ OK done\r\n"),
		REPLY("UID STORE 7 +FLAGS (\\Deleted)", "* 2 FETCH (UID 7 FLAGS (\\Deleted))\r\n$ OK done\r\n"),
		REPLY("UID EXPUNGE 7", "* VANISHED 7\r\n$ OK done\r\n"), NOMAIL, END };
	struct kit *k = *state;
	kit_login(k, rules, 0, "");
	assert_int_equal(kit_changes(k, "INBOX", NULL, 0), ERR_OK);
	assert_int_equal(flag(k, FLAG_FLAGGED, 0, NULL), ERR_OK);
	assert_string_equal(k->stored.version, ""); /* somebody has to look whether it stayed */
	assert_int_equal(fake_count(k->f, "UID STORE 7 (UNCHANGEDSINCE 50) +FLAGS (\\Flagged)"), 1);
	assert_int_equal(backend_module.remove(k->s, "INBOX", "7", NULL, &k->e), ERR_OK);
	assert_int_equal(fake_count(k->f, "UID EXPUNGE 7"), 1);
}

/* An ACL without t: a delete that does nothing must not be taken for one that was done. */
static void
where_deleted_is_not_to_be_had_nothing_was_deleted(void **state)
{
	static const struct fake_rule rules[] = { QRESYNC, BOX_OF("\\Seen"), SEEN_FOLDER, MAIL7,
		REPLY("UID STORE 7 +FLAGS ()", "$ OK done\r\n"), REPLY("UID EXPUNGE 7", "$ OK done\r\n"), NOMAIL, END };
	struct kit *k = *state;
	kit_login(k, rules, 0, "");
	assert_int_equal(backend_module.remove(k->s, "INBOX", "7", NULL, &k->e), ERR_DENIED);
	assert_int_equal(fake_count(k->f, "UID EXPUNGE 7"), 0);
}

static void
without_uidplus_nobody_elses_mail_is_expunged(void **state)
{
	static const struct fake_rule alone[] = { REPLY("SELECT", BOX), REPLY("UID FETCH 7", "* 2 FETCH (UID 7 FLAGS ())\r\n$ OK done\r\n"),
		REPLY("UID SEARCH DELETED", "* SEARCH 7\r\n$ OK done\r\n"), END };
	static const struct fake_rule others[] = { REPLY("UID FETCH 7", "* 2 FETCH (UID 7 FLAGS ())\r\n$ OK done\r\n"),
		REPLY("UID SEARCH DELETED", "* SEARCH 3 7\r\n$ OK done\r\n"), END };
	struct kit *k = *state;
	kit_login(k, alone, 0, "");
	assert_int_equal(backend_module.remove(k->s, "INBOX", "7", NULL, &k->e), ERR_OK);
	assert_int_equal(fake_count(k->f, "EXPUNGE"), 1);
	fake_rules(k->f, others);
	assert_int_equal(backend_module.remove(k->s, "INBOX", "7", NULL, &k->e), ERR_OK);
	assert_int_equal(fake_count(k->f, "EXPUNGE"), 1);
}

static enum err
move(struct kit *k, const char *target)
{
	return backend_module.move(k->s, k->a, "INBOX", "7", target, &k->stored, &k->e);
}

static void
moving(void **state)
{
	static const struct fake_rule rules[] = { QRESYNC, REPLY("SELECT", BOX), MAIL7,
		REPLY("UID MOVE 7 \"Trash\"", "* OK [COPYUID 5 7 33] x\r\n* VANISHED 7\r\n$ OK done\r\n"),
		REPLY("UID MOVE 7", "$ NO [TRYCREATE] none\r\n"), END };
	static const struct fake_rule gone[] = { NOMAIL, END };
	struct kit *k = *state;
	kit_login(k, rules, 0, "");
	assert_int_equal(move(k, "None"), ERR_NOFOLDER);
	assert_int_equal(move(k, "Trash"), ERR_OK);
	assert_string_equal(k->stored.key, "33");
	fake_rules(k->f, gone);
	assert_int_equal(move(k, "Trash"), ERR_NOTFOUND);
	assert_int_equal(fake_count(k->f, "UID MOVE"), 2);
}

static void
moving_without_move(void **state)
{
	static const struct fake_rule rules[] = { CAPS("UIDPLUS"), REPLY("SELECT", BOX),
		REPLY("UID FETCH 7", "* 2 FETCH (UID 7 FLAGS (\\Seen))\r\n$ OK done\r\n"), REPLY("UID COPY 7", "$ OK [COPYUID 5 7 33] x\r\n"), END };
	struct kit *k = *state;
	kit_login(k, rules, 0, "");
	assert_int_equal(move(k, "Trash"), ERR_OK);
	assert_string_equal(k->stored.key, "33");
	assert_int_equal(fake_count(k->f, "UID STORE 7 +FLAGS (\\Deleted)"), 1);
	assert_int_equal(fake_count(k->f, "UID EXPUNGE 7"), 1);
}

/* The copy is there already: a repeat of the whole would make a second one. */
static void
a_cut_after_the_copy_makes_no_second_one(void **state)
{
	static const struct fake_rule rules[] = { CAPS("UIDPLUS"), REPLY("SELECT", BOX),
		REPLY("UID FETCH 7", "* 2 FETCH (UID 7 FLAGS (\\Seen))\r\n$ OK done\r\n"), REPLY("UID COPY 7", "$ OK [COPYUID 5 7 33] x\r\n"),
		{ "UID STORE 7", "", FAKE_CLOSE, 1 }, END };
	struct kit *k = *state;
	kit_login(k, rules, 0, "");
	assert_int_equal(move(k, "Trash"), ERR_OK);
	assert_string_equal(k->stored.key, "33");
	assert_int_equal(fake_count(k->f, "UID COPY"), 1);
	assert_int_equal(fake_count(k->f, "UID EXPUNGE 7"), 1);
}

static void
read_only_folders_are_left_alone(void **state)
{
	static const struct fake_rule rules[] = { REPLY("SELECT", "* 3 EXISTS\r\n* OK [UIDVALIDITY 9] x\r\n* OK [UIDNEXT 12] x\r\n"
		"$ OK [READ-ONLY] done\r\n"), REPLY("UID FETCH 7", "* 2 FETCH (UID 7 FLAGS (\\Seen))\r\n$ OK done\r\n"), END };
	struct kit *k = *state;
	kit_login(k, rules, 0, "");
	assert_int_equal(flag(k, FLAG_FLAGGED, 0, NULL), ERR_DENIED);
	assert_int_equal(move(k, "Trash"), ERR_DENIED);
	assert_int_equal(backend_module.remove(k->s, "INBOX", "7", NULL, &k->e), ERR_DENIED);
}

/* "key<parent!role" of each folder. */
static const char *
folders(struct kit *k)
{
	struct buf b;
	if (backend_module.folders(k->s, k->a, &k->folders, &k->e))
		fail_msg("%s", k->e.text);
	buf_init(&b, 0);
	for (size_t i = 0; i < k->folders.n; i++) {
		const struct backend_folder *f = &k->folders.list[i];
		buf_printf(&b, "%s%s<%s:%s%s%s%s", i ? "|" : "", f->key, f->parent ? f->parent : "", f->name,
			f->noselect ? "-" : "", f->shared ? "+" : "", f->readonly ? "=" : "");
		if (f->role)
			buf_printf(&b, "!%d", (int)f->role);
	}
	const char *text = arena_strdup(k->a, buf_str(&b));
	buf_finish(&b);
	return text;
}

static void
folders_by_special_use(void **state)
{
	static const struct fake_rule rules[] = { CAPS("LIST-EXTENDED SPECIAL-USE NAMESPACE ACL"),
		REPLY("NAMESPACE", "* NAMESPACE ((\"\" \"/\")) NIL ((\"shared/\" \"/\"))\r\n$ OK done\r\n"),
		REPLY("LIST \"\" \"*\" RETURN (SPECIAL-USE)", "* LIST () \"/\" inbox\r\n* LIST (\\Sent) \"/\" Out\r\n* LIST () \"/\" Sent\r\n"
			"* LIST (\\Noselect) \"/\" a\r\n* LIST () \"/\" a/b\r\n* LIST (\\NonExistent) \"/\" empty\r\n* LIST () \"/\" \"Entw&APw-rfe\"\r\n"
			"* LIST () \"/\" x/y/z\r\n* LIST () \"/\" a/b\r\n$ OK done\r\n"),
		REPLY("LIST \"\" \"shared/*\"", "* LIST () \"/\" shared/team\r\n* LIST () \"/\" shared/Trash\r\n$ OK done\r\n"),
		REPLY("MYRIGHTS \"shared/team\"", "* MYRIGHTS shared/team lr\r\n$ OK done\r\n"), END };
	struct kit *k = *state;
	kit_login(k, rules, 0, "");
	assert_string_equal(folders(k), "Entwürfe<:Entwürfe!2|INBOX<:INBOX!1|Out<:Out!3|Sent<:Sent|a<:a-|a/b<a:b|"
		"shared/Trash<:Trash+|shared/team<:team+=|x/y/z<:z");
}

static void
folders_by_name_below_a_prefix(void **state)
{
	static const struct fake_rule rules[] = { CAPS("NAMESPACE"), REPLY("NAMESPACE", "* NAMESPACE ((\"INBOX.\" \".\")) NIL NIL\r\n$ OK done\r\n"),
		REPLY("LIST \"\" \"*\"", "* LIST () \".\" INBOX\r\n* LIST () \".\" INBOX.Sent\r\n* LIST () \".\" INBOX.Papierkorb\r\n"
			"* LIST () \".\" INBOX.work\r\n* LIST () \".\" INBOX.work.Drafts\r\n* LIST () \".\" INBOX.keep\r\n$ OK done\r\n"), END };
	struct kit *k = *state;
	kit_login(k, rules, 0, "junk = keep");
	assert_string_equal(folders(k), "INBOX<:INBOX!1|INBOX.Papierkorb<:Papierkorb!4|INBOX.Sent<:Sent!3|INBOX.keep<:keep!5|"
		"INBOX.work<:work|INBOX.work.Drafts<INBOX.work:Drafts");
	const char *key;
	assert_int_equal(backend_module.folder_make(k->s, k->a, NULL, "a.b", BACKEND_MAIL, &key, &k->e), ERR_INVALID);
	fake_rules(k->f, NULL);
	static const struct fake_rule making[] = { REPLY("NAMESPACE", "* NAMESPACE ((\"INBOX.\" \".\")) NIL NIL\r\n$ OK done\r\n"),
		REPLY("LIST", "$ OK done\r\n"), END };
	fake_rules(k->f, making);
	assert_int_equal(backend_module.folder_make(k->s, k->a, NULL, "Größe", BACKEND_MAIL, &key, &k->e), ERR_OK);
	assert_string_equal(key, "INBOX.Größe");
	assert_int_equal(fake_count(k->f, "CREATE \"INBOX.Gr&APYA3w-e\""), 1);
}

/* Cyrus without altnamespace: what is shared has no prefix, which INBOX begins with as everything does. */
static void
the_inbox_is_never_shared(void **state)
{
	static const struct fake_rule rules[] = { CAPS("NAMESPACE"),
		REPLY("NAMESPACE", "* NAMESPACE ((\"INBOX.\" \".\")) ((\"user.\" \".\")) ((\"\" \".\"))\r\n$ OK done\r\n"),
		REPLY("LIST \"\" \"*\"", "* LIST () \".\" INBOX\r\n* LIST () \".\" INBOX.Sent\r\n* LIST () \".\" team\r\n"
			"* LIST () \".\" user.bob\r\n$ OK done\r\n"), END };
	struct kit *k = *state;
	kit_login(k, rules, 0, "");
	assert_string_equal(folders(k), "INBOX<:INBOX!1|INBOX.Sent<:Sent!3|team<:team+|user.bob<:bob+");
}

static void
subscribed_folders_only(void **state)
{
	static const struct fake_rule rules[] = { REPLY("LIST \"\" \"*\"", "* LIST () \"/\" INBOX\r\n* LIST () \"/\" a\r\n* LIST () \"/\" b\r\n"
		"* LIST () \"/\" Sent\r\n$ OK done\r\n"), REPLY("LSUB", "* LSUB () \"/\" b\r\n* LSUB () \"/\" gone\r\n$ OK done\r\n"), END };
	struct kit *k = *state;
	kit_login(k, rules, 0, "folders = subscribed");
	assert_string_equal(folders(k), "INBOX<:INBOX!1|Sent<:Sent!3|b<:b");
}

static void
folders_of_an_old_gmail(void **state)
{
	static const struct fake_rule rules[] = { CAPS("XLIST"), REPLY("XLIST", "* XLIST (\\Inbox) \"/\" \"Posteingang\"\r\n"
		"* XLIST (\\Noselect) \"/\" \"[Gmail]\"\r\n* XLIST (\\Spam) \"/\" \"[Gmail]/Werbung\"\r\n$ OK done\r\n"), END };
	struct kit *k = *state;
	kit_login(k, rules, 0, "");
	assert_string_equal(folders(k), "INBOX<:INBOX!1|[Gmail]<:[Gmail]-|[Gmail]/Werbung<[Gmail]:Werbung!5");
}

static void
folder_operations(void **state)
{
	static const struct fake_rule rules[] = { CAPS("UNSELECT"), REPLY("SELECT", BOX),
		REPLY("LIST \"\" \"\"", "* LIST (\\Noselect) \"/\" \"\"\r\n$ OK done\r\n"),
		REPLY("LIST \"\" \"a\"", "* LIST () \"/\" a\r\n$ OK done\r\n"), REPLY("LIST \"\" \"a/b\"", "* LIST () \"/\" a/b\r\n$ OK done\r\n"),
		REPLY("LIST", "$ OK done\r\n"), REPLY("DELETE \"a/b\"", "$ NO [HASCHILDREN] no\r\n"), END };
	struct kit *k = *state;
	const char *key;
	kit_login(k, rules, 0, "");
	assert_int_equal(backend_module.folder_make(k->s, k->a, "a", "b", BACKEND_MAIL, &key, &k->e), ERR_EXISTS);
	assert_string_equal(key, "a/b");
	assert_int_equal(backend_module.folder_make(k->s, k->a, "none", "b", BACKEND_MAIL, &key, &k->e), ERR_NOFOLDER);
	assert_int_equal(backend_module.folder_rename(k->s, k->a, "a/b", NULL, "a", &key, &k->e), ERR_EXISTS);
	assert_int_equal(backend_module.folder_rename(k->s, k->a, "none", NULL, "c", &key, &k->e), ERR_NOFOLDER);
	assert_int_equal(backend_module.folder_rename(k->s, k->a, "INBOX", NULL, "c", &key, &k->e), ERR_DENIED);
	assert_int_equal(backend_module.folder_rename(k->s, k->a, "a/b", NULL, "c", &key, &k->e), ERR_OK);
	assert_string_equal(key, "c");
	assert_int_equal(fake_count(k->f, "RENAME \"a/b\" \"c\""), 1);
	assert_int_equal(backend_module.folder_remove(k->s, "a/b", &k->e), ERR_DENIED);
	assert_int_equal(backend_module.folder_remove(k->s, "none", &k->e), ERR_NOFOLDER);
	assert_int_equal(backend_module.folder_remove(k->s, "INBOX", &k->e), ERR_DENIED);
	assert_int_equal(kit_changes(k, "a", NULL, 0), ERR_OK);
	assert_int_equal(backend_module.folder_remove(k->s, "a", &k->e), ERR_OK);
	assert_int_equal(fake_count(k->f, "UNSELECT"), 1);
}

/* What was made, renamed or removed is: a repeat would find it so, and fail. */
static void
a_cut_while_subscribing_takes_nothing_back(void **state)
{
	static const struct fake_rule rules[] = { REPLY("LIST \"\" \"\"", "* LIST (\\Noselect) \"/\" \"\"\r\n$ OK done\r\n"),
		REPLY("LIST \"\" \"a\"", "* LIST () \"/\" a\r\n$ OK done\r\n"), REPLY("LIST", "$ OK done\r\n"),
		{ "SUBSCRIBE", "", FAKE_CLOSE, 0 }, { "UNSUBSCRIBE", "", FAKE_CLOSE, 0 }, END };
	struct kit *k = *state;
	const char *key;
	kit_login(k, rules, 0, "");
	assert_int_equal(backend_module.folder_make(k->s, k->a, NULL, "new", BACKEND_MAIL, &key, &k->e), ERR_OK);
	assert_string_equal(key, "new");
	assert_int_equal(backend_module.folder_rename(k->s, k->a, "a", NULL, "c", &key, &k->e), ERR_OK);
	assert_string_equal(key, "c");
	assert_int_equal(backend_module.folder_remove(k->s, "a", &k->e), ERR_OK);
	assert_int_equal(fake_count(k->f, "SUBSCRIBE") + fake_count(k->f, "UNSUBSCRIBE"), 3);
}

static void
searching(void **state)
{
	static const struct fake_rule rules[] = { REPLY("SELECT", BOX), REPLY("UID SEARCH", "* SEARCH 3 9 4 11\r\n$ OK done\r\n"), END };
	struct backend_query q = { .folder = "INBOX", .text = "Müller", .since = 86400, .before = BACKEND_NO_DATE, .max = 3 };
	struct kit *k = *state;
	kit_login(k, rules, 0, "");
	assert_int_equal(backend_module.search(k->s, k->a, &q, &k->keys, &k->e), ERR_OK);
	assert_int_equal(k->keys.n, 3);
	assert_string_equal(k->keys.list[0], "11");
	assert_string_equal(k->keys.list[2], "4");
	assert_string_equal(fake_command(k->f, "UID SEARCH", 0),
		"UID SEARCH CHARSET UTF-8 UNDELETED SINCE 2-Jan-1970 TEXT {7}\nMüller");
}

static void
searching_where_only_ascii_is_known(void **state)
{
	static const struct fake_rule rules[] = { REPLY("SELECT", BOX), REPLY("UID SEARCH CHARSET", "$ NO [BADCHARSET (US-ASCII)] no\r\n"),
		REPLY("UID SEARCH", "* SEARCH 3\r\n$ OK done\r\n"), END };
	struct backend_query q = { .folder = "INBOX", .text = "Müller", .since = BACKEND_NO_DATE, .before = BACKEND_NO_DATE, .max = 3 };
	struct kit *k = *state;
	kit_login(k, rules, 0, "");
	assert_int_equal(backend_module.search(k->s, k->a, &q, &k->keys, &k->e), ERR_OK);
	assert_int_equal(k->keys.n, 1);
	assert_int_equal(fake_count(k->f, "UID SEARCH UNDELETED TEXT \"ller\""), 1);
	/* Of this nothing can be asked for: not everything is meant. */
	q.text = "für";
	assert_int_equal(backend_module.search(k->s, k->a, &q, &k->keys, &k->e), ERR_OK);
	assert_int_equal(k->keys.n, 0);
}

static void
finding_what_came_after_a_mark(void **state)
{
	static const struct fake_rule rules[] = { REPLY("SELECT", BOX),
		REPLY("STATUS", "* STATUS INBOX (UIDNEXT 12 UIDVALIDITY 9)\r\n$ OK done\r\n"),
		ONCE("UID SEARCH UID 12:* UNDELETED HEADER Message-ID \"<a@b>\"", "* SEARCH 11\r\n$ OK done\r\n"),
		REPLY("UID SEARCH UID 12:*", "* SEARCH 12 14\r\n$ OK done\r\n"), REPLY("UID SEARCH UID 1:*", "* SEARCH 5\r\n$ OK done\r\n"), END };
	const char *mark;
	struct kit *k = *state;
	kit_login(k, rules, 0, "");
	assert_int_equal(backend_module.mark(k->s, k->a, "INBOX", &mark, &k->e), ERR_OK);
	assert_int_equal(backend_module.find(k->s, k->a, "INBOX", "<a@b>", mark, &k->stored, &k->e), ERR_NOTFOUND);
	assert_int_equal(backend_module.find(k->s, k->a, "INBOX", "<a@b>", mark, &k->stored, &k->e), ERR_OK);
	assert_string_equal(k->stored.key, "14");
	assert_int_equal(backend_module.find(k->s, k->a, "INBOX", "<a@b>", NULL, &k->stored, &k->e), ERR_OK);
	assert_string_equal(k->stored.key, "5");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, kit_setup, kit_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(flags_are_vouched_for_after_a_look),
		TEST(another_ones_change_in_between_is_not_hidden),
		TEST(keywords_that_cannot_be_stored_are_left_out),
		TEST(flagging_what_is_gone),
		TEST(a_mail_is_appended_byte_by_byte),
		TEST(appending_without_uidplus),
		TEST(codes_without_arguments),
		TEST(refused_appends),
		TEST(replacing_takes_the_old_one_away_last),
		TEST(removing),
		TEST(removing_what_an_earlier_try_has_only_marked),
		TEST(a_flag_that_is_not_listed_is_tried_where_any_keyword_is_taken),
		TEST(where_deleted_is_not_to_be_had_nothing_was_deleted),
		TEST(without_uidplus_nobody_elses_mail_is_expunged),
		TEST(moving),
		TEST(moving_without_move),
		TEST(a_cut_after_the_copy_makes_no_second_one),
		TEST(read_only_folders_are_left_alone),
		TEST(folders_by_special_use),
		TEST(folders_by_name_below_a_prefix),
		TEST(the_inbox_is_never_shared),
		TEST(subscribed_folders_only),
		TEST(folders_of_an_old_gmail),
		TEST(folder_operations),
		TEST(a_cut_while_subscribing_takes_nothing_back),
		TEST(searching),
		TEST(searching_where_only_ascii_is_known),
		TEST(finding_what_came_after_a_mark),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
