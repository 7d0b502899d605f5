/* The module `local` where the contract suite does not look: other programs' Maildirs, keys that lead out, passwords, sendmail. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "rig.h"

/* "secret", by openssl passwd -6 -salt saltsalt */
#define HASH "$6$saltsalt$TVLlQcbpFVof5W3Yz4DTP6gRstiNuHwwTt6GLc1E5n0U0aDehy0S5knV8wiOQSpT0Y77vwPZN.Pq.H91p5hVO1"

static char dir[64];
static struct account *account;

/* ---- the tree ---- */

static int
unlink_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st, (void)type, (void)ftw;
	return remove(path);
}

static const char *
in_dir(const char *path)
{
	return arena_printf(rig_arena, "%s/%s", dir, path);
}

static void
write_text(const char *path, const char *text)
{
	FILE *f = fopen(in_dir(path), "w");

	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

static char *
read_text(const char *path)
{
	char *text = arena_alloc(rig_arena, 8192);
	FILE *f = fopen(in_dir(path), "r");

	assert_non_null(f);
	text[fread(text, 1, 8191, f)] = 0;
	fclose(f);
	return text;
}

static bool
exists(const char *path)
{
	return access(in_dir(path), F_OK) == 0;
}

/* As if nobody had been at the directory for a while. */
static void
age(const char *path)
{
	const struct timespec times[2] = { { .tv_sec = 1700000000 }, { .tv_sec = 1700000000 } };

	assert_int_equal(utimensat(AT_FDCWD, in_dir(path), times, 0), 0);
}

static int
setup(void **state)
{
	if (rig_setup(state))
		return -1;
	snprintf(dir, sizeof dir, "/tmp/cpush-local-XXXXXX");
	return mkdtemp(dir) ? 0 : -1;
}

static int
teardown(void **state)
{
	account_release(&account);
	nftw(dir, unlink_one, 16, FTW_DEPTH | FTW_PHYS);
	return rig_teardown(state);
}

static void
open_local_of(const char *domain, const char *more)
{
	write_text("passwd", "# users\nalice:" HASH "\nbob:{SHA512-CRYPT}" HASH ":1000:1000:Bob Builder:/home/bob\nold:aaTnJ9jNGMB.c\n"
		"bob@other.example:" HASH "\n-bob:" HASH "\nempty:\n");
	rig_open("local", arena_printf(rig_arena, "module_dir = %s/lib\n[backends]\nlogin_tries = 1000\n[local]\npath = %s/%%u\n"
		"passwd_file = %s/passwd\n%s%s", getenv("CPUSH_BUILD"), dir, dir, domain, more));
}

static void
open_local(const char *more)
{
	open_local_of("domain = example.org\n", more);
}

static void
open_alice(const char *more)
{
	open_local(more);
	account = rig_account("alice", "secret");
}

/* ---- who may in ---- */

static void
passwords(void **state)
{
	struct backend_identity id;

	(void)state;
	open_local("");
	assert_int_equal(rig_login("alice", "secret"), ERR_OK);
	assert_int_equal(rig_login("alice", "Secret"), ERR_AUTH);
	assert_int_equal(rig_login("alic", "secret"), ERR_AUTH);
	assert_int_equal(rig_login("# users", "secret"), ERR_AUTH);
	/* Weak hashes, and users without any, are none. */
	assert_int_equal(rig_login("old", "secret"), ERR_AUTH);
	assert_int_equal(rig_login("empty", "secret"), ERR_AUTH);
	account = rig_account("bob", "secret");
	assert_int_equal(account_identity(account, rig_arena, &id, &rig_error), ERR_OK);
	assert_string_equal(id.name, "Bob Builder");
	assert_string_equal(id.address, "bob@example.org");
}

static void
no_password_file_is_down(void **state)
{
	(void)state;
	open_local("");
	assert_int_equal(unlink(in_dir("passwd")), 0);
	assert_int_equal(rig_login("alice", "secret"), ERR_UNAVAILABLE);
}

static void
no_user_leads_out(void **state)
{
	static const char *const users[] = { "..", ".", "../alice", "a/b", "/etc", "x@..", "x@.hidden", "..@x", "x@a/b", ".hidden" };
	char *lines = arena_strdup(rig_arena, "");

	(void)state;
	open_local("");
	/* They all have the right password. */
	for (size_t i = 0; i < ARRAY_LEN(users); i++)
		lines = arena_printf(rig_arena, "%s%s:" HASH "\n", lines, users[i]);
	write_text("passwd", lines);
	for (size_t i = 0; i < ARRAY_LEN(users); i++)
		assert_int_equal(rig_login(users[i], "secret"), ERR_AUTH);
	assert_false(exists("mail"));
}

/* ---- the tree ---- */

static void
the_first_login_makes_it(void **state)
{
	struct backend_folders f;
	const char *down;

	(void)state;
	open_alice("");
	assert_int_equal(account_folders(account, rig_arena, &f, &down, &rig_error), ERR_OK);
	assert_int_equal(f.n, 8);
	assert_true(exists("alice/mail/.Drafts/cur"));
	assert_string_equal(read_text("alice/calendars/calendar/displayname"), "Calendar");
}

static void
what_was_removed_does_not_come_back(void **state)
{
	(void)state;
	open_alice("");
	assert_int_equal(account_folder_remove(account, "local:mail/.Junk", &rig_error), ERR_OK);
	assert_int_equal(account_folder_remove(account, "local:tasks/tasks", &rig_error), ERR_OK);
	account_release(&account);
	backends_forget(rig_backends, "alice");
	account = rig_account("alice", "secret");
	assert_false(exists("alice/mail/.Junk"));
	assert_false(exists("alice/tasks/tasks"));
}

static void
no_key_leads_out(void **state)
{
	static const char *const folders[] = { "local:", "local:mail/..", "local:mail/../mail", "local:mail/.a/cur", "local:calendars",
		"local:calendars/..", "local:calendars/../mail", "local:calendars/.x", "local:/etc", "local:mail/cur", "local:mail/" };
	static const char *const keys[] = { "../../../passwd", "..", ".", "", "../displayname", "displayname", "x/y.ics", ".hidden.ics" };
	struct backend_put put = { .folder = "local:calendars/calendar", .bytes = slice_str("BEGIN:VCALENDAR\r\n"), .date = BACKEND_NO_DATE };
	struct backend_stored stored;
	struct backend_changes c;

	(void)state;
	open_alice("");
	for (size_t i = 0; i < ARRAY_LEN(folders); i++)
		assert_int_equal(account_changes(account, rig_arena, folders[i], NULL, 10, &c, &rig_error), ERR_NOFOLDER);
	write_text("alice/calendars/calendar/.hidden.ics", "BEGIN:VCALENDAR\r\n");
	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		assert_int_equal(account_remove(account, put.folder, keys[i], NULL, &rig_error), ERR_NOTFOUND);
		put.key = keys[i];
		assert_int_not_equal(account_put(account, rig_arena, &put, &stored, &rig_error), ERR_OK);
	}
	put.key = NULL;
	put.name = "../x";
	assert_int_equal(account_put(account, rig_arena, &put, &stored, &rig_error), ERR_INVALID);
	assert_true(exists("passwd"));
	assert_true(exists("alice/calendars/calendar/displayname"));
}

static void
names_as_an_imap_server_writes_them(void **state)
{
	struct backend_folders f;
	const char *down, *key;
	bool found = false, broken = false;

	(void)state;
	open_alice("");
	assert_int_equal(mkdir(in_dir("alice/mail/.Entw&APw-rfe"), 0700), 0);
	assert_int_equal(mkdir(in_dir("alice/mail/.Entw&APw-rfe/cur"), 0700), 0);
	assert_int_equal(mkdir(in_dir("alice/mail/.&!-.x"), 0700), 0);
	assert_int_equal(mkdir(in_dir("alice/mail/.&!-.x/cur"), 0700), 0);
	assert_int_equal(account_folder_make(account, rig_arena, NULL, "Gr\xC3\xB6\xC3\x9F""e / x.y & z", BACKEND_MAIL, &key, &rig_error), ERR_OK);
	assert_string_equal(key, "local:mail/.Gr&APYA3w-e &AC8- x&AC4-y &- z");
	assert_int_equal(account_folders(account, rig_arena, &f, &down, &rig_error), ERR_OK);
	for (size_t i = 0; i < f.n; i++) {
		found = found || strcmp(f.list[i].name, "Entw\xC3\xBCrfe") == 0;
		/* No valid encoding: shown as it is, and its parent made up. */
		broken = broken || (strcmp(f.list[i].name, "&!-") == 0 && f.list[i].noselect);
	}
	assert_true(found);
	assert_true(broken);
}

/* ---- what other programs leave ---- */

struct got {
	unsigned n, flags;
	enum err err;
	char bytes[256];
	char keywords[128];
};

static enum err
keep(void *ctx, const struct backend_item *item)
{
	struct got *got = ctx;

	got->n++;
	got->err = item->err;
	got->flags = item->flags;
	snprintf(got->bytes, sizeof got->bytes, "%.*s", (int)item->bytes.len, (const char *)item->bytes.ptr);
	for (size_t i = 0; item->keywords && item->keywords[i]; i++)
		snprintf(got->keywords + strlen(got->keywords), sizeof got->keywords - strlen(got->keywords), "%s ", item->keywords[i]);
	return ERR_OK;
}

static struct got
get(const char *folder, const char *key)
{
	struct backend_fetch what = { .folder = folder, .keys = &key, .n = 1, .want = WANT_BYTES };
	struct got got = { .n = 0 };

	assert_int_equal(account_fetch(account, &what, keep, &got, &rig_error), ERR_OK);
	assert_int_equal(got.n, 1);
	return got;
}

static void
another_programs_maildir(void **state)
{
	static const char *const add[] = { "$Label1", NULL };
	struct backend_flagging what = { .folder = "local:mail", .key = "1.two,S=9", .set = FLAG_ANSWERED, .add_keywords = add };
	struct backend_stored stored;
	struct got got;

	(void)state;
	open_alice("");
	write_text("alice/mail/new/1.one", "Subject: a\n\nb\r\nc\n");
	write_text("alice/mail/cur/1.two,S=9:2,FSTac", "Subject: x\r\n\r\n");
	write_text("alice/mail/cur/1.three", "");
	write_text("alice/mail/dovecot-keywords", "0 Work\n2 $Forwarded\n");
	got = get("local:mail", "1.one");
	assert_string_equal(got.bytes, "Subject: a\r\n\r\nb\r\nc\r\n");
	assert_int_equal(got.flags, 0);
	got = get("local:mail", "1.two,S=9");
	assert_int_equal(got.flags, FLAG_FLAGGED | FLAG_SEEN | FLAG_FORWARDED);
	assert_string_equal(got.keywords, "Work ");
	assert_int_equal(get("local:mail", "1.three").err, ERR_OK);
	assert_int_equal(account_flag(account, rig_arena, &what, &stored, &rig_error), ERR_OK);
	assert_true(exists("alice/mail/cur/1.two,S=9:2,FRSTabc"));
	assert_string_equal(read_text("alice/mail/dovecot-keywords"), "0 Work\n1 $Label1\n2 $Forwarded\n");
	assert_false(exists("alice/mail/dovecot-keywords.lock"));
	/* From new to cur, by being flagged. */
	what.key = "1.one";
	assert_int_equal(account_flag(account, rig_arena, &what, &stored, &rig_error), ERR_OK);
	assert_true(exists("alice/mail/cur/1.one:2,Rb"));
}

static void
more_keywords_than_letters(void **state)
{
	char words[30][16];
	const char *add[31] = { NULL };
	struct backend_flagging what = { .folder = "local:mail", .key = "1.one", .set = FLAG_SEEN, .add_keywords = add };
	struct backend_stored stored;

	(void)state;
	open_alice("");
	write_text("alice/mail/new/1.one", "Subject: a\n\n");
	for (int i = 0; i < 30; i++) {
		snprintf(words[i], sizeof words[i], "word%d", i);
		add[i] = words[i];
	}
	/* What finds no letter is left out, and not vouched for; the flag counts. */
	assert_int_equal(account_flag(account, rig_arena, &what, &stored, &rig_error), ERR_OK);
	assert_string_equal(stored.version, "");
	assert_true(exists("alice/mail/cur/1.one:2,Sabcdefghijklmnopqrstuvwxyz"));
	add[0] = NULL;
	assert_int_equal(account_flag(account, rig_arena, &what, &stored, &rig_error), ERR_OK);
	assert_string_equal(stored.version, "fSabcdefghijklmnopqrstuvwxyz");
}

/* IMAP servers on the same Maildir give them out as the atoms that they are. */
static void
keywords_that_are_no_atoms(void **state)
{
	static const char *const add[] = { "Red Category", "Gr\xC3\xBCn", "R&D", NULL };
	struct backend_flagging what = { .folder = "local:mail", .key = "1.one", .add_keywords = add };
	struct backend_stored stored;

	(void)state;
	open_alice("");
	write_text("alice/mail/new/1.one", "Subject: a\n\n");
	/* What was written by others stays as it is, encoded or not. */
	write_text("alice/mail/dovecot-keywords", "0 R&D\n1 Gr&APw-n\n3 a\xFFz\n");
	assert_int_equal(account_flag(account, rig_arena, &what, &stored, &rig_error), ERR_OK);
	assert_string_equal(read_text("alice/mail/dovecot-keywords"), "0 R&D\n1 Gr&APw-n\n2 Red&ACA-Category\n3 a\xFFz\n");
	assert_string_equal(get("local:mail", "1.one").keywords, "R&D Gr\xC3\xBCn Red Category ");
}

static struct backend_changes
look(const char *folder, const char *cursor)
{
	struct backend_changes c;

	assert_int_equal(account_changes(account, rig_arena, folder, cursor, 1000, &c, &rig_error), ERR_OK);
	return c;
}

static void
nothing_new_is_seen_by_the_times(void **state)
{
	struct backend_changes c;

	(void)state;
	open_alice("");
	write_text("alice/mail/cur/1.one:2,S", "Subject: x\n\n");
	age("alice/mail/cur");
	age("alice/mail/new");
	c = look("local:mail", NULL);
	assert_true(c.listing && c.n == 1);
	/* With the old times the directory is not even read: this file stays unseen. */
	write_text("alice/mail/cur/1.two:2,S", "Subject: y\n\n");
	age("alice/mail/cur");
	c = look("local:mail", c.cursor);
	assert_true(!c.listing && c.n == 0);
	write_text("alice/mail/new/1.three", "Subject: z\n\n");
	c = look("local:mail", c.cursor);
	assert_true(c.listing && c.n == 3);
	/* Young times are not trusted, but the content is: nothing new again. */
	c = look("local:mail", c.cursor);
	assert_true(!c.listing && c.n == 0);
}

static void
a_file_that_is_edited_in_place(void **state)
{
	struct backend_changes c;
	const char *version;

	(void)state;
	open_alice("");
	write_text("alice/calendars/calendar/a.ics", "BEGIN:VCALENDAR\n");
	c = look("local:calendars/calendar", NULL);
	version = c.list[0].version;
	c = look("local:calendars/calendar", c.cursor);
	assert_int_equal(c.n, 0);
	write_text("alice/calendars/calendar/a.ics", "BEGIN:VCALENDAR\nX:1\n");
	age("alice/calendars/calendar");
	c = look("local:calendars/calendar", c.cursor);
	assert_int_equal(c.n, 1);
	assert_string_not_equal(c.list[0].version, version);
}

static void
only_items_of_the_class(void **state)
{
	struct backend_put put = { .folder = "local:contacts/contacts", .name = "x", .date = BACKEND_NO_DATE };
	struct backend_stored stored;

	(void)state;
	open_alice("");
	put.bytes = slice_str("BEGIN:VCALENDAR\r\n");
	assert_int_equal(account_put(account, rig_arena, &put, &stored, &rig_error), ERR_INVALID);
	put.bytes = slice("BEGIN:VCARD\0\r\n", 14);
	assert_int_equal(account_put(account, rig_arena, &put, &stored, &rig_error), ERR_INVALID);
	put.bytes = slice_str("\xEF\xBB\xBF""begin:vcard\r\n");
	assert_int_equal(account_put(account, rig_arena, &put, &stored, &rig_error), ERR_OK);
	write_text("alice/contacts/contacts/y.ics", "BEGIN:VCALENDAR\n");
	assert_int_equal(look("local:contacts/contacts", NULL).n, 1);
}

static void
items_over_the_limit(void **state)
{
	char *big = arena_alloc(rig_arena, 5000);

	(void)state;
	open_alice("item_max = 4k\n");
	memset(big, 'x', 4999);
	write_text("alice/mail/new/1.big", big);
	assert_int_equal(get("local:mail", "1.big").err, ERR_LIMIT);
}

/* ---- renamed under our hands ---- */

#define MAILS 200
static bool stop;

static void *
rename_all(void *arg)
{
	int fd = *(int *)arg;
	const char *flags[] = { "S", "FS", "", "RS" };

	for (unsigned round = 0; !__atomic_load_n(&stop, __ATOMIC_RELAXED); round++) {
		for (int i = 0; i < MAILS; i++) {
			char from[64], to[64];

			snprintf(from, sizeof from, "1.m%d:2,%s", i, flags[round % 4]);
			snprintf(to, sizeof to, "1.m%d:2,%s", i, flags[(round + 1) % 4]);
			renameat(fd, from, fd, to);
		}
	}
	return NULL;
}

static void
a_listing_misses_nothing_that_is_renamed(void **state)
{
	const char *keys[MAILS];
	struct backend_fetch what = { .folder = "local:mail", .keys = keys, .n = MAILS, .want = WANT_META };
	pthread_t thread;
	size_t fewest = MAILS, most = 0, bad = 0;
	int fd;

	(void)state;
	open_alice("");
	for (int i = 0; i < MAILS; i++) {
		keys[i] = arena_printf(rig_arena, "1.m%d", i);
		write_text(arena_printf(rig_arena, "alice/mail/cur/1.m%d:2,S", i), "Subject: x\n\n");
	}
	stop = false;
	fd = open(in_dir("alice/mail/cur"), O_RDONLY | O_DIRECTORY);
	assert_true(fd >= 0);
	assert_int_equal(pthread_create(&thread, NULL, rename_all, &fd), 0);
	for (int i = 0; i < 50; i++) {
		struct backend_changes c = { 0 };
		struct got got = { .n = 0 };

		bad += account_changes(account, rig_arena, "local:mail", NULL, 1000, &c, &rig_error) != ERR_OK;
		fewest = c.n < fewest ? c.n : fewest;
		most = c.n > most ? c.n : most;
		bad += account_fetch(account, &what, keep, &got, &rig_error) != ERR_OK || got.n != MAILS;
	}
	__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	close(fd);
	assert_int_equal(bad, 0);
	assert_int_equal(fewest, MAILS);
	assert_int_equal(most, MAILS);
}

/* ---- sending ---- */

static void
open_sendmail(const char *script, const char *more)
{
	write_text("sendmail", arena_printf(rig_arena, "#!/bin/sh\n%s\n", script));
	assert_int_equal(chmod(in_dir("sendmail"), 0700), 0);
	open_alice(arena_printf(rig_arena, "sendmail = %s/sendmail\n%s", dir, more));
}

static enum err
send_to(const char *const *to, size_t n, const char *text)
{
	struct backend_mail mail = { .bytes = slice_str(text), .from = "alice@example.org", .to = to, .n = n };

	return account_send(account, &mail, NULL, NULL, &rig_error);
}

static void
the_program_gets_the_mail(void **state)
{
	static const char *const to[] = { "x@far.example", "y@far.example" };

	(void)state;
	open_sendmail(arena_printf(rig_arena, "echo \"$@\" > %s/args; cat > %s/mail", dir, dir), "");
	assert_int_equal(send_to(to, 2, "Subject: a\r\n\r\nb\r\n"), ERR_OK);
	assert_string_equal(read_text("args"), "-i -f alice@example.org -- x@far.example y@far.example\n");
	assert_string_equal(read_text("mail"), "Subject: a\n\nb\n");
}

static void
what_the_program_says(void **state)
{
	static const char *const to[] = { "x@far.example" }, *const odd[] = { "-oQ/tmp@x" }, *const folded[] = { "a@b\nc" };
	char *big = arena_alloc(rig_arena, 1000001);

	(void)state;
	memset(big, 'x', 1000000);
	open_sendmail(arena_printf(rig_arena, "exit $(cat %s/status)", dir), "answer = 1\naccept = 1\n");
	write_text("status", "67");
	assert_int_equal(send_to(to, 1, "a"), ERR_DENIED);
	write_text("status", "69");
	assert_int_equal(send_to(to, 1, "a"), ERR_UNAVAILABLE);
	write_text("status", "75");
	assert_int_equal(send_to(to, 1, "a"), ERR_UNAVAILABLE);
	/* One that does not read its input is no broken pipe to us. */
	write_text("status", "0");
	assert_int_equal(send_to(to, 1, big), ERR_OK);
	assert_int_equal(send_to(odd, 1, "a"), ERR_DENIED);
	struct backend_mail from_odd = { .bytes = slice_str("a"), .from = "-oQ/tmp@x", .to = to, .n = 1 };
	assert_int_equal(account_send(account, &from_odd, NULL, NULL, &rig_error), ERR_DENIED);
	assert_int_equal(send_to(folded, 1, "a"), ERR_DENIED);
	write_text("sendmail", "#!/bin/sh\nexec sleep 1000\n");
	assert_int_equal(send_to(to, 1, "a"), ERR_UNAVAILABLE);
	assert_int_equal(send_to(to, 1, big), ERR_UNAVAILABLE);
}

/* A program that reads, and one that has read all and passes it on, works: whoever gives up then sends the mail once more. */
static void
a_program_at_work_may_take_its_time(void **state)
{
	static const char *const to[] = { "x@far.example" };
	char *big = arena_alloc(rig_arena, 1500001);

	(void)state;
	memset(big, 'x', 1500000);
	open_sendmail("for i in 1 2 3 4; do sleep 0.8; head -c 300000 >/dev/null; done; cat >/dev/null; sleep 3", "answer = 2\n");
	if (send_to(to, 1, big))
		fail_msg("%s", rig_error.text);
}

static void
local_mail_is_delivered(void **state)
{
	static const char *const here[] = { "bob@Example.ORG" }, *const there[] = { "bob@far.example" }, *const whole[] = { "bob@other.example" },
		*const mixed[] = { "bob@example.org", "nobody@example.org" }, *const dash[] = { "-bob@example.org" };
	struct backend_changes c;

	(void)state;
	open_alice("deliver_local = yes\n");
	assert_int_equal(send_to(here, 1, "Subject: a\r\n\r\n"), ERR_OK);
	assert_int_equal(send_to(whole, 1, "Subject: b\r\n\r\n"), ERR_OK);
	assert_int_equal(send_to(dash, 1, "Subject: b\r\n\r\n"), ERR_OK);
	assert_int_equal(send_to(there, 1, "Subject: c\r\n\r\n"), ERR_DENIED);
	assert_int_equal(send_to(mixed, 2, "Subject: d\r\n\r\n"), ERR_DENIED);
	account_release(&account);
	account = rig_account("bob", "secret");
	c = look("local:mail", NULL);
	assert_int_equal(c.n, 1);
	assert_string_equal(get("local:mail", c.list[0].key).bytes, "Return-Path: <alice@example.org>\r\nSubject: a\r\n\r\n");
	assert_true(exists("bob@other.example/mail/new"));
}

/* Without a domain of ours, a part before the @ is no user of ours. */
static void
strangers_mail_is_not_ours(void **state)
{
	static const char *const there[] = { "bob@far.example" }, *const whole[] = { "bob@other.example" };

	(void)state;
	open_local_of("", "deliver_local = yes\n");
	account = rig_account("alice", "secret");
	assert_int_equal(send_to(there, 1, "Subject: a\r\n\r\n"), ERR_DENIED);
	assert_false(exists("bob"));
	assert_int_equal(send_to(whole, 1, "Subject: b\r\n\r\n"), ERR_OK);
}

static void
addresses_are_read_in_any_case(void **state)
{
	static const char *const to[] = { "Bob@example.org", "BOB@Other.Example", "bob@example.org" };

	(void)state;
	open_alice("deliver_local = yes\n");
	assert_int_equal(send_to(to, 3, "Subject: a\r\n\r\n"), ERR_OK);
	assert_true(exists("bob@other.example/mail/new"));
	account_release(&account);
	account = rig_account("bob", "secret");
	assert_int_equal(look("local:mail", NULL).n, 1);
}

static unsigned
files_in(const char *path)
{
	DIR *d = opendir(in_dir(path));
	unsigned n = 0;

	assert_non_null(d);
	for (struct dirent *f; (f = readdir(d)) != NULL;)
		n += f->d_name[0] != '.';
	closedir(d);
	return n;
}

/* Whoever sends again what failed, sends it to all: so nobody gets it before it is sure for everybody. */
static void
all_get_it_or_nobody(void **state)
{
	static const char *const to[] = { "bob@example.org", "bob@other.example", "x@far.example" };

	(void)state;
	open_sendmail(arena_printf(rig_arena, "cat > %s/mail; exit $(cat %s/status)", dir, dir), "deliver_local = yes\n");
	write_text("status", "75");
	assert_int_equal(send_to(to, 3, "Subject: a\r\n\r\n"), ERR_UNAVAILABLE);
	assert_int_equal(files_in("bob/mail/new") + files_in("bob/mail/tmp"), 0);
	assert_int_equal(unlink(in_dir("mail")), 0);
	write_text("status", "0");
	assert_int_equal(rmdir(in_dir("bob@other.example/mail/tmp")), 0);
	write_text("bob@other.example/mail/tmp", "no directory");
	assert_int_not_equal(send_to(to, 3, "Subject: a\r\n\r\n"), ERR_OK);
	assert_false(exists("mail"));
	assert_int_equal(files_in("bob/mail/new") + files_in("bob/mail/tmp"), 0);
	assert_int_equal(unlink(in_dir("bob@other.example/mail/tmp")), 0);
	assert_int_equal(mkdir(in_dir("bob@other.example/mail/tmp"), 0700), 0);
	assert_int_equal(send_to(to, 3, "Subject: a\r\n\r\n"), ERR_OK);
	assert_string_equal(read_text("mail"), "Subject: a\n\n");
	assert_int_equal(files_in("bob/mail/new"), 1);
	assert_int_equal(files_in("bob@other.example/mail/new"), 1);
}

static void
without_either_nothing_is_sent(void **state)
{
	static const char *const to[] = { "bob@example.org" };

	(void)state;
	open_alice("");
	assert_int_equal(send_to(to, 1, "a"), ERR_DENIED);
}

#define LOCAL(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		LOCAL(passwords),
		LOCAL(no_password_file_is_down),
		LOCAL(no_user_leads_out),
		LOCAL(the_first_login_makes_it),
		LOCAL(what_was_removed_does_not_come_back),
		LOCAL(no_key_leads_out),
		LOCAL(names_as_an_imap_server_writes_them),
		LOCAL(another_programs_maildir),
		LOCAL(more_keywords_than_letters),
		LOCAL(keywords_that_are_no_atoms),
		LOCAL(nothing_new_is_seen_by_the_times),
		LOCAL(a_file_that_is_edited_in_place),
		LOCAL(only_items_of_the_class),
		LOCAL(items_over_the_limit),
		LOCAL(a_listing_misses_nothing_that_is_renamed),
		LOCAL(the_program_gets_the_mail),
		LOCAL(what_the_program_says),
		LOCAL(a_program_at_work_may_take_its_time),
		LOCAL(local_mail_is_delivered),
		LOCAL(strangers_mail_is_not_ours),
		LOCAL(addresses_are_read_in_any_case),
		LOCAL(all_get_it_or_nobody),
		LOCAL(without_either_nothing_is_sent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
