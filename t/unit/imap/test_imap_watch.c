/* Watching and sending. */
#include "kit.h"

#include <poll.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define REPLY(command, reply) { command, reply, FAKE_GO_ON, 0 }
#define ONCE(command, reply) { command, reply, FAKE_GO_ON, 1 }
#define END { NULL, NULL, FAKE_GO_ON, 0 }
#define CAPS(words) REPLY("CAPABILITY", "* CAPABILITY IMAP4rev1 " words "\r\n$ OK done\r\n")
#define STATUS_SENT(uidnext) "* STATUS Sent (MESSAGES 0 UIDNEXT " #uidnext " UIDVALIDITY 3 UNSEEN 0)\r\n$ OK done\r\n"

/* The module's clock (the linker puts this one in its place). */
int64_t __real_imap_now(void);
int64_t __wrap_imap_now(void);

static int64_t clock_ahead; /* milliseconds */
static int64_t clock_step;  /* and so much more by each look at it */

int64_t
__wrap_imap_now(void)
{
	clock_ahead += clock_step;
	return __real_imap_now() + clock_ahead;
}

static enum err
watch(struct kit *k, const char *const *folders, size_t n)
{
	return backend_module.watch(k->s, folders, n, &k->watch, &k->e);
}

static enum err
noticed(struct kit *k)
{
	return backend_module.noticed(k->s, k->a, &k->keys, &k->watch, &k->e);
}

/* Until the descriptor says so; a server that never speaks fails the test by the time-out of ctest. */
static void
wait_for_news(struct kit *k)
{
	struct pollfd p = { .fd = k->watch.fd, .events = POLLIN };
	assert_true(k->watch.fd >= 0);
	assert_int_equal(poll(&p, 1, 100000), 1);
}

static const char *const inbox_sent[] = { "INBOX", "Sent" };

static void
idle_tells_of_the_inbox(void **state)
{
	static const struct fake_rule rules[] = { CAPS("IDLE"), REPLY("STATUS \"Sent\"", STATUS_SENT(1)), END };
	struct kit *k = *state;
	kit_login(k, rules, 0, "");
	assert_int_equal(watch(k, inbox_sent, 2), ERR_OK);
	assert_int_equal(k->watch.poll, 60);
	assert_int_equal(noticed(k), ERR_OK);
	assert_int_equal(k->keys.n, 0);
	fake_push(k->f, "* OK Still here\r\n");
	wait_for_news(k);
	assert_int_equal(noticed(k), ERR_OK);
	assert_int_equal(k->keys.n, 0);
	fake_push(k->f, "* 1 EXISTS\r\n");
	wait_for_news(k);
	assert_int_equal(noticed(k), ERR_OK);
	assert_int_equal(k->keys.n, 1);
	assert_string_equal(k->keys.list[0], "INBOX");
	assert_int_equal(noticed(k), ERR_OK);
	assert_int_equal(k->keys.n, 0);
	assert_int_equal(fake_count(k->f, "LOGIN"), 1);
	assert_int_equal(fake_count(k->f, "EXAMINE"), 1);
}

static void
commands_while_watching_have_a_connection_of_their_own(void **state)
{
	static const struct fake_rule rules[] = { CAPS("IDLE"), END };
	static const char *const inbox[] = { "INBOX" };
	struct kit *k = *state;
	kit_login(k, rules, 0, "");
	assert_int_equal(watch(k, inbox, 1), ERR_OK);
	assert_int_equal(k->watch.poll, 300);
	int fd = k->watch.fd;
	assert_int_equal(kit_changes(k, "INBOX", NULL, 0), ERR_OK);
	assert_int_equal(fake_count(k->f, "LOGIN"), 2);
	assert_int_equal(noticed(k), ERR_OK);
	assert_int_equal(k->watch.fd, fd);
	assert_int_equal(k->watch.poll, 60);
	backend_module.unwatch(k->s);
	assert_int_equal(kit_changes(k, "INBOX", NULL, 0), ERR_OK);
	assert_int_equal(fake_count(k->f, "LOGIN"), 2);
}

static void
after_watching_there_are_other_calls(void **state)
{
	static const struct fake_rule rules[] = { CAPS("IDLE"), END };
	struct kit *k = *state;
	kit_login(k, rules, 0, "");
	assert_int_equal(watch(k, inbox_sent, 1), ERR_OK);
	backend_module.unwatch(k->s);
	assert_int_equal(kit_changes(k, "INBOX", NULL, 0), ERR_OK);
	/* What was opened to look on only is not written to. */
	assert_int_equal(watch(k, inbox_sent, 1), ERR_OK);
	backend_module.unwatch(k->s);
	assert_int_equal(backend_module.remove(k->s, "INBOX", "1", NULL, &k->e), ERR_NOTFOUND);
	assert_int_equal(fake_count(k->f, "SELECT"), 2);
}

static void
other_folders_are_compared(void **state)
{
	static const struct fake_rule rules[] = { CAPS("IDLE"), ONCE("STATUS \"Sent\"", STATUS_SENT(1)),
		REPLY("STATUS \"Sent\"", STATUS_SENT(2)), END };
	struct kit *k = *state;
	kit_login(k, rules, 0, "");
	assert_int_equal(watch(k, inbox_sent, 2), ERR_OK);
	/* a reconnect compares every folder once */
	fake_drop(k->f);
	wait_for_news(k);
	assert_int_equal(noticed(k), ERR_OK);
	assert_int_equal(k->keys.n, 2); /* INBOX: no MODSEQ, so flags may have changed */
	assert_int_equal(fake_count(k->f, "LOGIN"), 2);
	assert_int_equal(noticed(k), ERR_OK);
	assert_int_equal(k->keys.n, 0);
}

static void
a_new_list_misses_nothing(void **state)
{
	static const struct fake_rule rules[] = { CAPS("IDLE"), ONCE("STATUS \"Sent\"", STATUS_SENT(1)), END };
	struct kit *k = *state;
	kit_login(k, rules, 0, "");
	assert_int_equal(watch(k, inbox_sent, 1), ERR_OK);
	fake_push(k->f, "* 1 EXISTS\r\n");
	assert_int_equal(watch(k, inbox_sent, 2), ERR_OK);
	assert_int_equal(noticed(k), ERR_OK);
	assert_int_equal(k->keys.n, 1);
	assert_string_equal(k->keys.list[0], "INBOX");
}

static void
a_server_that_is_down_is_tried_again(void **state)
{
	static const struct fake_rule rules[] = { CAPS("IDLE"), REPLY("STATUS \"Sent\"", STATUS_SENT(1)), END };
	static const struct fake_rule down[] = { { "HELLO", "* BYE maintenance\r\n", FAKE_CLOSE, 0 }, END };
	struct kit *k = *state;
	kit_login(k, rules, 0, "");
	assert_int_equal(watch(k, inbox_sent, 2), ERR_OK);
	fake_rules(k->f, down);
	fake_drop(k->f);
	wait_for_news(k);
	assert_int_equal(noticed(k), ERR_UNAVAILABLE);
	assert_int_equal(k->watch.fd, -1);
	assert_int_equal(k->watch.poll, 60);
	assert_int_equal(noticed(k), ERR_UNAVAILABLE);
	fake_rules(k->f, rules);
	assert_int_equal(noticed(k), ERR_OK);
	assert_true(k->watch.fd >= 0);
	assert_int_equal(k->keys.n, 2);
}

static void
notify_tells_of_the_other_folders(void **state)
{
	static const struct fake_rule rules[] = { CAPS("IDLE NOTIFY"), REPLY("STATUS \"Sent\"", STATUS_SENT(1)), END };
	struct kit *k = *state;
	kit_login(k, rules, 0, "");
	assert_int_equal(watch(k, inbox_sent, 2), ERR_OK);
	assert_int_equal(k->watch.poll, 300);
	assert_string_equal(fake_command(k->f, "NOTIFY", 0), "NOTIFY SET STATUS (SELECTED (MessageNew MessageExpunge FlagChange)) "
		"(MAILBOXES (\"Sent\") (MessageNew MessageExpunge FlagChange))");
	fake_push(k->f, "* STATUS Sent (UIDNEXT 2 MESSAGES 1)\r\n* STATUS Other (UIDNEXT 2 MESSAGES 1)\r\n");
	wait_for_news(k);
	assert_int_equal(noticed(k), ERR_OK);
	assert_int_equal(k->keys.n, 1);
	assert_string_equal(k->keys.list[0], "Sent");
	/* The server has enough, and tells this connection nothing any more (RFC 5465 5.8): another one, and back to the poll. */
	fake_push(k->f, "* OK [NOTIFICATIONOVERFLOW] too much\r\n");
	wait_for_news(k);
	assert_int_equal(noticed(k), ERR_OK);
	assert_int_equal(k->keys.n, 2);
	assert_int_equal(k->watch.poll, 60);
	assert_int_equal(fake_count(k->f, "LOGIN"), 2);
	assert_int_equal(fake_count(k->f, "NOTIFY"), 1);
	assert_int_equal(watch(k, inbox_sent, 2), ERR_OK);
	assert_int_equal(fake_count(k->f, "NOTIFY"), 1);
}

/* Whatever the server is answering when it has something to tell. */
static void
a_notice_between_the_commands_counts(void **state)
{
	static const struct {
		const char *command, *reply;
		unsigned keys, logins;
	} rows[] = {
		{ "IDLE", "* STATUS Sent (MESSAGES 1 UIDNEXT 2)\r\n+ idling\r\n", 1, 1 },
		{ "DONE", "* STATUS Sent (MESSAGES 1 UIDNEXT 2)\r\n$ OK idled\r\n", 1, 1 },
		{ "NOTIFY", "* STATUS Sent (MESSAGES 1 UIDNEXT 2)\r\n$ OK done\r\n", 1, 1 },
		{ "DONE", "* OK [NOTIFICATIONOVERFLOW] too much\r\n$ OK idled\r\n", 2, 2 },
		{ "IDLE", "* OK [NOTIFICATIONOVERFLOW] too much\r\n+ idling\r\n", 2, 2 },
	};
	struct kit *k = *state;
	kit_open(k, NULL, 0, "");
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const struct fake_rule rules[] = { CAPS("IDLE NOTIFY"), REPLY("STATUS \"Sent\"", STATUS_SENT(1)),
			ONCE(rows[i].command, rows[i].reply), END };
		fake_rules(k->f, rules);
		unsigned logins = fake_count(k->f, "LOGIN");
		assert_int_equal(kit_try_login(k, "alice", "secret"), ERR_OK);
		assert_int_equal(watch(k, inbox_sent, 2), ERR_OK);
		clock_ahead += 20 * 60 * 1000;
		assert_int_equal(noticed(k), ERR_OK);
		if (k->keys.n != rows[i].keys || fake_count(k->f, "LOGIN") - logins != rows[i].logins)
			fail_msg("%s %s tells of %zu folders", rows[i].command, rows[i].reply, k->keys.n);
		assert_string_equal(k->keys.list[k->keys.n - 1], "Sent");
		assert_int_equal(k->watch.poll, rows[i].logins == 1 ? 300 : 60);
		assert_true(k->watch.fd >= 0);
		backend_module.logout(&k->s);
	}
	clock_ahead = 0;
}

static void
a_server_that_will_not_notify_is_polled(void **state)
{
	static const struct fake_rule rules[] = { CAPS("IDLE NOTIFY"), REPLY("NOTIFY", "$ NO [BADEVENT (MessageNew)] no\r\n"), END };
	struct kit *k = *state;
	kit_login(k, rules, 0, "");
	assert_int_equal(watch(k, inbox_sent, 2), ERR_OK);
	assert_true(k->watch.fd >= 0);
	assert_int_equal(k->watch.poll, 60);
}

static void
without_idle_there_is_the_poll(void **state)
{
	static const struct fake_rule rules[] = { REPLY("STATUS \"Sent\"", STATUS_SENT(1)), END };
	struct kit *k = *state;
	kit_login(k, rules, 0, "poll = 30");
	assert_int_equal(kit_changes(k, "Sent", NULL, 0), ERR_OK);
	assert_int_equal(watch(k, inbox_sent, 2), ERR_OK);
	assert_int_equal(k->watch.fd, -1);
	assert_int_equal(k->watch.poll, 30);
	assert_int_equal(fake_count(k->f, "STATUS"), 2);
	assert_int_equal(fake_count(k->f, "CLOSE"), 1);
}

/* The core counts whole seconds, and so comes up to one early: a look that is put off then comes a whole poll later. */
static void
a_poll_that_comes_early_counts(void **state)
{
	static const struct fake_rule rules[] = { CAPS("IDLE"), REPLY("STATUS \"Sent\"", STATUS_SENT(1)), END };
	struct kit *k = *state;
	kit_login(k, rules, 0, "");
	assert_int_equal(watch(k, inbox_sent, 2), ERR_OK);
	assert_int_equal(k->watch.poll, 60);
	unsigned looks = fake_count(k->f, "STATUS");
	clock_ahead = 30000;
	assert_int_equal(noticed(k), ERR_OK);
	assert_int_equal(fake_count(k->f, "STATUS"), looks);
	clock_ahead = 59000;
	assert_int_equal(noticed(k), ERR_OK);
	assert_int_equal(fake_count(k->f, "STATUS"), looks + 1);
	clock_ahead = 0;
}

static void
idle_that_is_refused_is_the_poll_too(void **state)
{
	static const struct fake_rule rules[] = { CAPS("IDLE"), REPLY("IDLE", "$ NO not today\r\n"), REPLY("STATUS \"Sent\"", STATUS_SENT(1)), END };
	struct kit *k = *state;
	kit_login(k, rules, 0, "");
	assert_int_equal(watch(k, inbox_sent, 2), ERR_OK);
	assert_int_equal(k->watch.fd, -1);
	assert_int_equal(k->watch.poll, 60);
}

/* ---- sending ---- */

static unsigned told;

static enum err
sending(void *ctx)
{
	told++;
	return *(const enum err *)ctx;
}

static enum err
send_text(struct kit *k, struct slice text, const char *to, enum err answer)
{
	const char *recipients[] = { "bob@example.org", to };
	struct backend_mail mail = { .bytes = text, .from = "alice@example.org", .to = recipients, .n = 2 };
	told = 0;
	return backend_module.send(k->s, &mail, sending, &answer, &k->e);
}

static enum err
send_mail(struct kit *k, const char *to, enum err answer)
{
	return send_text(k, slice_str("A: b\r\n\r\n.dot\n.\nend\r\n"), to, answer);
}

static void
open_smtp_with(struct kit *k, const struct fake_rule *rules, const char *settings)
{
	char more[128];
	k->smtp = fake_start_smtp(rules);
	snprintf(more, sizeof more, "smtp = smtp://127.0.0.1:%d/\nhelo = here\n%s", fake_port(k->smtp), settings);
	kit_login(k, NULL, 0, more);
}

static void
open_smtp(struct kit *k, const struct fake_rule *rules)
{
	open_smtp_with(k, rules, "accept = 2");
}

static void
mail_is_sent(void **state)
{
	struct kit *k = *state;
	open_smtp(k, NULL);
	assert_int_equal(send_mail(k, "carol@example.org", ERR_OK), ERR_OK);
	assert_int_equal(told, 1);
	assert_string_equal(fake_command(k->smtp, "TEXT", 0), "TEXT A: b\r\n\r\n..dot\r\n..\r\nend\r\n.\r\n");
	assert_int_equal(fake_count(k->smtp, "EHLO here"), 1);
	assert_int_equal(fake_count(k->smtp, "MAIL FROM:<alice@example.org>"), 1);
	assert_int_equal(fake_count(k->smtp, "RCPT TO:<carol@example.org>"), 1);
}

static void
refused_mail(void **state)
{
	static const struct {
		const char *command, *reply;
		enum fake_then then;
		enum err err;
		unsigned told;
	} rows[] = {
		{ "RCPT TO:<carol", "550 no such user\r\n", FAKE_GO_ON, ERR_DENIED, 0 },
		{ "RCPT TO:<carol", "450 greylisted\r\n", FAKE_GO_ON, ERR_UNAVAILABLE, 0 },
		{ "MAIL", "553 not yours\r\n", FAKE_GO_ON, ERR_DENIED, 0 },
		{ "MAIL", "530 authenticate\r\n", FAKE_GO_ON, ERR_UNAVAILABLE, 0 },
		{ "DATA", "554 no\r\n", FAKE_GO_ON, ERR_DENIED, 0 },
		{ "DATA", "451 later\r\n", FAKE_GO_ON, ERR_UNAVAILABLE, 0 },
		{ "TEXT", "550 spam\r\n", FAKE_GO_ON, ERR_DENIED, 1 },
		{ "TEXT", "452 full\r\n", FAKE_GO_ON, ERR_UNAVAILABLE, 1 },
		{ "TEXT", "", FAKE_CLOSE, ERR_UNAVAILABLE, 1 },
		{ "TEXT", "", FAKE_HANG, ERR_UNAVAILABLE, 1 },
		{ "HELLO", "421 busy\r\n", FAKE_CLOSE, ERR_UNAVAILABLE, 0 },
		{ "HELLO", "554 go away\r\n", FAKE_CLOSE, ERR_UNAVAILABLE, 0 },
		{ "RCPT TO:<carol", "550-carol@example.org is\r\n550 no user\r\n", FAKE_GO_ON, ERR_DENIED, 0 },
	};
	struct kit *k = *state;
	open_smtp(k, NULL);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct fake_rule rules[] = { { rows[i].command, rows[i].reply, rows[i].then, 0 }, END };
		fake_rules(k->smtp, rules);
		enum err err = send_mail(k, "carol@example.org", ERR_OK);
		if (err != rows[i].err || told != rows[i].told)
			fail_msg("%s %s gives %s (%s), sending %u", rows[i].command, rows[i].reply, err_name(err), k->e.text, told);
	}
}

/* What the server would not do before, and we do without, says nothing of the mail; nor does its answer to our QUIT. */
static void
the_answer_that_counts_is_the_one_to_the_mail(void **state)
{
	static const struct fake_rule rules[] = { REPLY("EHLO", "250-fake\r\n250-STARTTLS\r\n250 AUTH PLAIN\r\n"),
		REPLY("STARTTLS", "454 not now\r\n"), REPLY("RCPT TO:<carol", "550 no such user\r\n"),
		REPLY("QUIT", "421 hurrying\r\n"), END };
	struct kit *k = *state;
	open_smtp_with(k, rules, "accept = 2\nsmtp_tls = optional");
	assert_int_equal(send_mail(k, "carol@example.org", ERR_OK), ERR_DENIED);
	assert_non_null(strstr(k->e.text, "550 no such user"));
	assert_int_equal(fake_count(k->smtp, "STARTTLS"), 1);
}

/* Scanners work on a mail before it is taken: who gives up before that sends it twice. */
static void
a_server_that_has_the_mail_may_take_its_time(void **state)
{
	static const struct fake_rule rules[] = { { "TEXT", "250 taken\r\n", FAKE_LATE, 0 }, END };
	struct kit *k = *state;
	open_smtp_with(k, rules, "answer = 1");
	if (send_mail(k, "carol@example.org", ERR_OK))
		fail_msg("%s", k->e.text);
	assert_int_equal(told, 1);
}

/* That a mail, once sent, may take 10 minutes is no reason to wait so long for anything before. */
static void
a_server_that_has_not_got_the_mail_may_not(void **state)
{
	static const struct {
		const char *command, *reply;
		enum fake_then then;
		unsigned told;
	} rows[] = {
		{ "HELLO", "", FAKE_HANG, 0 },
		{ "EHLO", "", FAKE_HANG, 0 },
		{ "MAIL", "", FAKE_HANG, 0 },
		{ "RCPT TO:<carol", "", FAKE_HANG, 0 },
		{ "DATA", "", FAKE_HANG, 0 },
		{ "DATA", "354 go ahead\r\n", FAKE_DEAF, 1 },
	};
	size_t size = (size_t)32 << 20; /* more than the kernel takes for a peer that does not read */
	struct kit *k = *state;
	unsigned char *text = malloc(size);
	assert_non_null(text);
	memset(text, 'x', size);
	open_smtp_with(k, NULL, "connect = 1\nanswer = 1");
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct fake_rule rules[] = { { rows[i].command, rows[i].reply, rows[i].then, 0 }, END };
		fake_rules(k->smtp, rules);
		enum err err = send_text(k, (struct slice){ text, size }, "carol@example.org", ERR_OK);
		if (err != ERR_UNAVAILABLE || told != rows[i].told)
			fail_msg("%s %s gives %s (%s), sending %u", rows[i].command, rows[i].reply, err_name(err), k->e.text, told);
	}
	free(text);
}

/* A mail that moves, however slowly, is not given up: it would begin at its first byte again, and never get further. */
static void
a_slow_line_carries_large_mails(void **state)
{
	size_t size = (size_t)8 << 20;
	struct kit *k = *state;
	unsigned char *text = malloc(size);
	assert_non_null(text);
	memset(text, 'x', size);
	open_smtp_with(k, NULL, "answer = 25");
	clock_step = 500;
	enum err err = send_text(k, (struct slice){ text, size }, "carol@example.org", ERR_OK);
	int64_t took = clock_ahead;
	clock_step = clock_ahead = 0;
	free(text);
	if (err)
		fail_msg("%s", k->e.text);
	assert_true(took > 5 * 25000 + 5000);
}

static const char *
many(struct kit *k, const char *head, const char *piece, const char *tail)
{
	struct buf b AUTO(buf_finish);
	buf_init(&b, 0);
	buf_add_str(&b, head);
	while (b.len < (size_t)1 << 20)
		buf_add_str(&b, piece);
	buf_add_str(&b, tail);
	return arena_strndup(k->a, (const char *)b.data, b.len);
}

/* Lines, and answers of lines, that never end: the mail is for later, and whoever reads the log does not read them all. */
static void
answers_without_end_are_given_up(void **state)
{
	struct kit *k = *state;
	const struct {
		const char *command, *reply;
		enum fake_then then;
		enum err err;
		unsigned told;
	} rows[] = {
		{ "HELLO", many(k, "220 ", "x", ""), FAKE_HANG, ERR_UNAVAILABLE, 0 },
		{ "HELLO", many(k, "", "220-x\r\n", ""), FAKE_HANG, ERR_UNAVAILABLE, 0 },
		{ "EHLO", many(k, "", "250-SIZE\r\n", ""), FAKE_HANG, ERR_UNAVAILABLE, 0 },
		{ "EHLO", many(k, "250-AUTH ", "PLAIN ", ""), FAKE_HANG, ERR_UNAVAILABLE, 0 },
		{ "MAIL", many(k, "", "* OK\r\n", ""), FAKE_HANG, ERR_UNAVAILABLE, 0 },
		{ "RCPT", arena_printf(k->a, "%.20000s\r\n", many(k, "550 ", "no ", "")), FAKE_GO_ON, ERR_DENIED, 0 },
		{ "TEXT", many(k, "", "250-x\r\n", ""), FAKE_HANG, ERR_UNAVAILABLE, 1 },
	};
	open_smtp(k, NULL);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct fake_rule rules[] = { { rows[i].command, rows[i].reply, rows[i].then, 0 }, END };
		fake_rules(k->smtp, rules);
		enum err err = send_mail(k, "carol@example.org", ERR_OK);
		if (err != rows[i].err || told != rows[i].told || strlen(k->e.text) > 600)
			fail_msg("%s %.20s... gives %s (%.200s), sending %u", rows[i].command, rows[i].reply, err_name(err), k->e.text, told);
	}
}

static void
refused_smtp_logins_lose_no_mail(void **state)
{
	static const struct fake_rule rules[] = { REPLY("AUTH", "535 no\r\n"), END };
	struct kit *k = *state;
	open_smtp(k, rules);
	assert_int_equal(send_mail(k, "carol@example.org", ERR_OK), ERR_UNAVAILABLE);
}

static void
a_login_needs_no_kerberos(void **state)
{
	static const struct fake_rule rules[] = { REPLY("EHLO", "250-fake\r\n250 AUTH GSSAPI LOGIN PLAIN\r\n"), END };
	struct kit *k = *state;
	open_smtp_with(k, rules, "smtp_username = %l@example.org");
	if (send_mail(k, "carol@example.org", ERR_OK))
		fail_msg("%s", k->e.text);
	assert_int_equal(fake_count(k->smtp, "AUTH PLAIN"), 1);
}

static void
a_login_goes_as_it_is_told(void **state)
{
	static const struct fake_rule rules[] = { REPLY("EHLO", "250-fake\r\n250 AUTH LOGIN PLAIN\r\n"),
		REPLY("AUTH LOGIN", "334 VXNlcm5hbWU6\r\n"), REPLY("YWxpY2U=", "334 UGFzc3dvcmQ6\r\n"),
		REPLY("c2VjcmV0", "235 welcome\r\n"), REPLY("AUTH", "535 no\r\n"), END };
	struct kit *k = *state;
	open_smtp_with(k, rules, "smtp_auth_mechanism = AUTH=LOGIN");
	if (send_mail(k, "carol@example.org", ERR_OK))
		fail_msg("%s", k->e.text);
}

static void
sending_can_be_given_up(void **state)
{
	struct kit *k = *state;
	open_smtp(k, NULL);
	assert_int_equal(send_mail(k, "carol@example.org", ERR_CONFLICT), ERR_CONFLICT);
	assert_int_equal(told, 1);
	const char *text = fake_command(k->smtp, "TEXT", 0);
	assert_true(!text || !strstr(text, "A: b"));
}

static void
addresses_cannot_break_out(void **state)
{
	static const char *const bad[] = { "", "a\r\nRCPT TO:<x@y>", "a b@c", "<a@b>", "a>b", "\xff@x", "a\tb" };
	struct kit *k = *state;
	open_smtp(k, NULL);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(send_mail(k, bad[i], ERR_OK), ERR_INVALID);
	assert_int_equal(fake_count(k->smtp, ""), 0);
	/* An option it would be to a program only. */
	assert_int_equal(send_mail(k, "-x@example.org", ERR_OK), ERR_OK);
	assert_int_equal(fake_count(k->smtp, "RCPT TO:<-x@example.org>"), 1);
}

/* A program in a directory of its own, which it runs in. */
static void
open_program(struct kit *k, char *dir, const char *script, unsigned answer)
{
	char path[64], more[128];
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof path, "%s/sendmail", dir);
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	fprintf(f, "#!/bin/sh\ncd %s\n%s\n", dir, script);
	assert_int_equal(fchmod(fileno(f), 0700), 0);
	fclose(f);
	snprintf(more, sizeof more, "answer = %u\nsendmail = %s", answer, path);
	kit_login(k, NULL, 0, more);
}

static void
a_program_may_read_slowly(void **state)
{
	static unsigned char large[2 << 20];
	struct kit *k = *state;
	char dir[] = "/tmp/cpush-test-XXXXXX", text[64];
	open_program(k, dir, "while [ $(head -c 65536 | wc -c) -gt 0 ]; do :; done", 5);
	memset(large, 'x', sizeof large);
	clock_step = 600;
	enum err err = send_text(k, (struct slice){ large, sizeof large }, "carol@example.org", ERR_OK);
	clock_step = clock_ahead = 0;
	assert_int_equal(err, ERR_OK);
	snprintf(text, sizeof text, "rm -r %s", dir);
	assert_int_equal(system(text), 0);
}

/* A program that keeps what it was given, and says what it was told to by its exit status. */
static void
mail_by_a_program(void **state)
{
	struct kit *k = *state;
	char dir[] = "/tmp/cpush-test-XXXXXX", text[1024];
	open_program(k, dir, "[ -e status ] && exit $(cat status)\n{ echo \"$@\"; cat; } >out\n[ ! -e slow ] || sleep 2", 1);
	assert_int_equal(send_mail(k, "carol@example.org", ERR_OK), ERR_OK);
	snprintf(text, sizeof text, "%s/out", dir);
	FILE *f = fopen(text, "r");
	assert_non_null(f);
	size_t n = fread(text, 1, sizeof text - 1, f);
	text[n] = '\0';
	fclose(f);
	assert_string_equal(text, "-i -f alice@example.org -- bob@example.org carol@example.org\nA: b\r\n\r\n.dot\r\n.\r\nend\r\n");
	assert_int_equal(send_mail(k, "-oQ/tmp", ERR_OK), ERR_INVALID);
	/* It has read all, and passes it on to a server that takes its time. */
	snprintf(text, sizeof text, "touch %s/slow", dir);
	assert_int_equal(system(text), 0);
	assert_int_equal(send_mail(k, "carol@example.org", ERR_OK), ERR_OK);
	static const struct {
		int status;
		enum err err;
	} said[] = { { 67, ERR_DENIED }, { 69, ERR_UNAVAILABLE }, { 75, ERR_UNAVAILABLE } };
	for (size_t i = 0; i < ARRAY_LEN(said); i++) {
		snprintf(text, sizeof text, "echo %d >%s/status", said[i].status, dir);
		assert_int_equal(system(text), 0);
		assert_int_equal(send_mail(k, "carol@example.org", ERR_OK), said[i].err);
	}
	assert_int_equal(send_mail(k, "carol@example.org", ERR_CONFLICT), ERR_CONFLICT);
	snprintf(text, sizeof text, "rm -r %s", dir);
	assert_int_equal(system(text), 0);
	assert_int_equal(send_mail(k, "carol@example.org", ERR_OK), ERR_UNAVAILABLE);
}

static void
no_way_to_send(void **state)
{
	struct kit *k = *state;
	kit_login(k, NULL, 0, "");
	assert_int_equal(send_mail(k, "carol@example.org", ERR_OK), ERR_UNSUPPORTED);
}

static unsigned findings, faults;
static char faults_said[1024];

static void
say(void *ctx, bool ok, const char *text)
{
	(void)ctx;
	assert_null(strstr(text, "secret"));
	findings++;
	faults += !ok;
	if (!ok)
		snprintf(faults_said + strlen(faults_said), sizeof faults_said - strlen(faults_said), "%s\n", text);
}

static void
describe(struct kit *k)
{
	findings = faults = 0;
	faults_said[0] = '\0';
	assert_int_equal(backend_module.describe(k->s, say, NULL, &k->e), ERR_OK);
}

static void
it_describes_itself(void **state)
{
	struct kit *k = *state;
	struct backend_identity id;
	open_smtp(k, NULL);
	describe(k);
	assert_true(findings > 10);
	assert_int_equal(faults, 1); /* the address is not known */
	assert_int_equal(backend_module.identity(k->s, k->a, &id, &k->e), ERR_OK);
	assert_null(id.address);
	assert_int_equal(fake_count(k->smtp, "MAIL"), 0);
}

/* As Postfix does it on port 587: it takes a login by TLS only, and libcurl goes on without one. */
static void
a_login_that_smtp_does_not_offer(void **state)
{
	static const struct fake_rule tls_first[] = { REPLY("EHLO", "250-fake\r\n250-STARTTLS\r\n250 SIZE\r\n"),
		REPLY("MAIL", "530 5.7.0 Authentication required\r\n"), END };
	static const struct fake_rule never[] = { REPLY("EHLO", "250-authsmtp.example.org\r\n250-AUTH=PLAIN\r\n250 SIZE\r\n"),
		REPLY("RCPT", "554 5.7.1 Relay access denied\r\n"), END };
	struct kit *k = *state;
	open_smtp(k, tls_first);
	describe(k);
	assert_non_null(strstr(faults_said, "offers no login without TLS (set smtp_tls = required"));
	assert_int_equal(send_mail(k, "carol@example.org", ERR_OK), ERR_UNAVAILABLE);
	assert_non_null(strstr(k->e.text, "offers no login without TLS (set smtp_tls = required"));
	assert_non_null(strstr(k->e.text, "530 5.7.0"));
	fake_rules(k->smtp, never);
	describe(k);
	assert_non_null(strstr(faults_said, "offers no login (set smtp_username = -"));
	assert_int_equal(send_mail(k, "carol@example.org", ERR_OK), ERR_DENIED);
	assert_non_null(strstr(k->e.text, "offers no login (set smtp_username = -"));
	/* Where mail is taken without it, nothing stands in the way. */
	fake_rules(k->smtp, (const struct fake_rule[]){ never[0], END });
	assert_int_equal(send_mail(k, "carol@example.org", ERR_OK), ERR_OK);
}

static void
sending_without_a_login(void **state)
{
	static const struct fake_rule rules[] = { REPLY("EHLO", "250 fake\r\n"), END };
	struct kit *k = *state;
	open_smtp_with(k, rules, "smtp_username = -");
	describe(k);
	assert_int_equal(faults, 1); /* the address is not known */
	assert_int_equal(fake_count(k->smtp, "AUTH"), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, kit_setup, kit_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(idle_tells_of_the_inbox),
		TEST(commands_while_watching_have_a_connection_of_their_own),
		TEST(after_watching_there_are_other_calls),
		TEST(other_folders_are_compared),
		TEST(a_new_list_misses_nothing),
		TEST(a_server_that_is_down_is_tried_again),
		TEST(notify_tells_of_the_other_folders),
		TEST(a_notice_between_the_commands_counts),
		TEST(a_server_that_will_not_notify_is_polled),
		TEST(without_idle_there_is_the_poll),
		TEST(a_poll_that_comes_early_counts),
		TEST(idle_that_is_refused_is_the_poll_too),
		TEST(mail_is_sent),
		TEST(refused_mail),
		TEST(the_answer_that_counts_is_the_one_to_the_mail),
		TEST(a_server_that_has_the_mail_may_take_its_time),
		TEST(a_server_that_has_not_got_the_mail_may_not),
		TEST(a_slow_line_carries_large_mails),
		TEST(answers_without_end_are_given_up),
		TEST(refused_smtp_logins_lose_no_mail),
		TEST(a_login_needs_no_kerberos),
		TEST(a_login_goes_as_it_is_told),
		TEST(sending_can_be_given_up),
		TEST(addresses_cannot_break_out),
		TEST(a_program_may_read_slowly),
		TEST(mail_by_a_program),
		TEST(no_way_to_send),
		TEST(it_describes_itself),
		TEST(a_login_that_smtp_does_not_offer),
		TEST(sending_without_a_login),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
