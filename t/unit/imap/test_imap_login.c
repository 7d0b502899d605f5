/* Logging in: what is asked of the server, and what its refusals mean. */
#include "kit.h"

#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "backend/imap/conn.h"

#define REPLY(command, reply) { command, reply, FAKE_GO_ON, 0 }
#define END { NULL, NULL, FAKE_GO_ON, 0 }

static void
one_login_serves_a_session(void **state)
{
	struct kit *k = *state;
	kit_login(k, NULL, 0, "");
	assert_int_equal(backend_module.folders(k->s, k->a, &k->folders, &k->e), ERR_OK);
	assert_int_equal(backend_module.folders(k->s, k->a, &k->folders, &k->e), ERR_OK);
	assert_int_equal(kit_changes(k, "INBOX", NULL, 0), ERR_OK);
	assert_int_equal(fake_count(k->f, "LOGIN"), 1);
	assert_string_equal(fake_command(k->f, "LOGIN", 0), "LOGIN alice secret");
}

static void
names_are_made_by_the_template(void **state)
{
	struct kit *k = *state;
	kit_open(k, NULL, 0, "username = %l.%d\ndomain = example.org");
	assert_int_equal(kit_try_login(k, "bob", "pass\"word"), ERR_OK);
	assert_string_equal(fake_command(k->f, "LOGIN", 0), "LOGIN bob.example.org \"pass\\\"word\"");
}

static void
refusals(void **state)
{
	static const struct {
		const char *reply;
		enum fake_then then;
		enum err err;
	} rows[] = {
		{ "$ NO [AUTHENTICATIONFAILED] no\r\n", FAKE_GO_ON, ERR_AUTH },
		{ "$ NO wrong\r\n", FAKE_GO_ON, ERR_AUTH },
		{ "$ NO [UNAVAILABLE] database down\r\n", FAKE_GO_ON, ERR_UNAVAILABLE },
		{ "* BYE too many connections\r\n", FAKE_CLOSE, ERR_UNAVAILABLE },
		{ "", FAKE_CLOSE, ERR_UNAVAILABLE },
		{ "$ BAD what\r\n", FAKE_GO_ON, ERR_UNAVAILABLE },
		{ "* 1 garbage", FAKE_CLOSE, ERR_UNAVAILABLE },
	};
	struct kit *k = *state;
	kit_open(k, NULL, 0, "");
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct fake_rule rules[] = { { "LOGIN", rows[i].reply, rows[i].then, 0 }, END };
		fake_rules(k->f, rules);
		enum err err = kit_try_login(k, "alice", "secret");
		assert_null(k->s);
		if (err != rows[i].err)
			fail_msg("%s gives %s: %s", rows[i].reply, err_name(err), k->e.text);
		assert_null(strstr(k->e.text, "secret"));
	}
}

static void
impossible_passwords_do_not_reach_the_server(void **state)
{
	struct kit *k = *state;
	kit_open(k, NULL, 0, "");
	assert_int_equal(kit_try_login(k, "alice", "a\r\nA9 DELETE INBOX"), ERR_AUTH);
	assert_int_equal(kit_try_login(k, "alice\n", "a"), ERR_AUTH);
	assert_int_equal(kit_try_login(k, "alice", ""), ERR_AUTH);
	assert_int_equal(fake_count(k->f, ""), 0);
}

static void
a_server_that_lets_anybody_in_is_not_believed(void **state)
{
	static const struct fake_rule rules[] = { REPLY("HELLO", "* PREAUTH welcome\r\n"), END };
	struct kit *k = *state;
	kit_open(k, rules, 0, "");
	assert_int_equal(kit_try_login(k, "alice", "wrong"), ERR_UNAVAILABLE);
}

static void
no_way_to_log_in_is_no_refusal(void **state)
{
	static const struct fake_rule rules[] = {
		REPLY("CAPABILITY", "* CAPABILITY IMAP4rev1 LOGINDISABLED\r\n$ OK done\r\n"), END };
	struct kit *k = *state;
	kit_open(k, rules, 0, "");
	assert_int_equal(kit_try_login(k, "alice", "secret"), ERR_UNAVAILABLE);
}

/* libcurl prefers GSSAPI where it is offered (Exchange, Zimbra, FreeIPA), for which there is no ticket. */
static void
kerberos_is_not_for_us(void **state)
{
	static const struct fake_rule rules[] = {
		REPLY("CAPABILITY", "* CAPABILITY IMAP4rev1 SASL-IR AUTH=GSSAPI AUTH=PLAIN\r\n$ OK done\r\n"),
		REPLY("AUTHENTICATE PLAIN AGFsaWNlQGV4YW1wbGUub3JnAHNlY3JldA==", "$ OK welcome\r\n"),
		REPLY("AUTHENTICATE PLAIN", "$ NO [AUTHENTICATIONFAILED] no\r\n"), END };
	struct kit *k = *state;
	kit_open(k, rules, 0, "");
	if (kit_try_login(k, "alice@example.org", "secret"))
		fail_msg("%s", k->e.text);
	backend_module.logout(&k->s);
	assert_int_equal(kit_try_login(k, "alice@example.org", "wrong"), ERR_AUTH);
}

static void
tls_that_is_required_is_required(void **state)
{
	struct kit *k = *state;
	kit_open(k, NULL, 0, "tls = required");
	assert_int_equal(kit_try_login(k, "alice", "secret"), ERR_UNAVAILABLE);
	assert_int_equal(fake_count(k->f, "LOGIN"), 0);
}

static void
silent_servers_do_not_hold_us(void **state)
{
	static const struct fake_rule hello[] = { { "HELLO", "", FAKE_HANG, 0 }, END };
	static const struct fake_rule login[] = { { "LOGIN", "", FAKE_HANG, 0 }, END };
	static const struct fake_rule after[] = { { "CAPABILITY", "* CAPABILITY IMAP4rev1\r\n$ OK\r\n", FAKE_GO_ON, 1 },
		{ "CAPABILITY", "* CAPABILITY ", FAKE_HANG, 0 }, END };
	struct kit *k = *state;
	kit_open(k, NULL, 0, "connect = 1\nanswer = 1");
	fake_rules(k->f, hello);
	assert_int_equal(kit_try_login(k, "alice", "secret"), ERR_UNAVAILABLE);
	fake_rules(k->f, login);
	assert_int_equal(kit_try_login(k, "alice", "secret"), ERR_UNAVAILABLE);
	fake_rules(k->f, after);
	assert_int_equal(kit_try_login(k, "alice", "secret"), ERR_UNAVAILABLE);
}

/* A listener whose queue is full answers no SYN; a login may take longer than connecting. */
static void
connecting_has_a_limit_of_its_own(void **state)
{
	static const struct fake_rule slow[] = { { "LOGIN", "", FAKE_HANG, 0 }, END };
	struct kit *k = *state;
	kit_open(k, slow, 0, "connect = 1\nanswer = 3");
	assert_int_equal(kit_try_login(k, "alice", "secret"), ERR_UNAVAILABLE);
	assert_null(strstr(k->e.text, "in time"));
	int listener = socket(AF_INET, SOCK_STREAM, 0), filler[8];
	struct sockaddr_in addr = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t n = sizeof addr;
	assert_int_equal(bind(listener, (struct sockaddr *)&addr, n), 0);
	assert_int_equal(listen(listener, 0), 0);
	assert_int_equal(getsockname(listener, (struct sockaddr *)&addr, &n), 0);
	for (size_t i = 0; i < ARRAY_LEN(filler); i++) {
		filler[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
		assert_true(connect(filler[i], (struct sockaddr *)&addr, n) == 0 || errno == EINPROGRESS);
	}
	backend_module.close(&k->b);
	conf_unref(&k->conf);
	char text[128];
	snprintf(text, sizeof text, "[imap]\nurl = imap://127.0.0.1:%d/\nconnect = 1\nanswer = 20\n", ntohs(addr.sin_port));
	assert_int_equal(conf_parse(text, "test.conf", &k->conf, &k->e), ERR_OK);
	assert_int_equal(backend_module.open(k->conf, &k->b, &k->e), ERR_OK);
	assert_int_equal(kit_try_login(k, "alice", "secret"), ERR_UNAVAILABLE);
	assert_non_null(strstr(k->e.text, "in time"));
	for (size_t i = 0; i < ARRAY_LEN(filler); i++)
		close(filler[i]);
	close(listener);
}

static void
nobody_there(void **state)
{
	struct kit *k = *state;
	kit_open(k, NULL, 0, "");
	fake_stop(&k->f);
	assert_int_equal(kit_try_login(k, "alice", "secret"), ERR_UNAVAILABLE);
}

static void
extensions_are_enabled_once(void **state)
{
	static const struct fake_rule rules[] = {
		REPLY("CAPABILITY", "* CAPABILITY IMAP4rev1 ENABLE QRESYNC CONDSTORE ID\r\n$ OK done\r\n"),
		REPLY("ENABLE", "* ENABLED QRESYNC CONDSTORE\r\n$ OK done\r\n"), END };
	struct kit *k = *state;
	kit_login(k, rules, 0, "");
	assert_int_equal(fake_count(k->f, "ENABLE QRESYNC"), 1);
	assert_int_equal(fake_count(k->f, "ID ("), 1);
}

static void
a_lost_connection_is_made_again(void **state)
{
	struct kit *k = *state;
	kit_login(k, NULL, 0, "");
	fake_drop(k->f);
	assert_int_equal(backend_module.folders(k->s, k->a, &k->folders, &k->e), ERR_OK);
	assert_int_equal(fake_count(k->f, "LOGIN"), 2);
}

static void
a_connection_lost_in_a_command_is_an_error_once(void **state)
{
	static const struct fake_rule rules[] = { { "LIST", "* LIST () \"/\" IN", FAKE_CLOSE, 1 }, END };
	struct kit *k = *state;
	kit_login(k, rules, 0, "");
	assert_int_equal(backend_module.folders(k->s, k->a, &k->folders, &k->e), ERR_UNAVAILABLE);
	assert_int_equal(backend_module.folders(k->s, k->a, &k->folders, &k->e), ERR_OK);
	assert_int_equal(k->folders.n, 1);
}

static void
faulty_settings_name_their_line(void **state)
{
	static const char *const bad[] = {
		"url = http://x/", "url = imap://", "url = imap://u:p@x/", "tls = perhaps\nurl = imap://x", "url = imap://x\nsmtp = http://y",
		"url = imap://x\nsmtp = smtp://y\nsendmail = /bin/z", "url = imap://x\nusername = %q", "url = imap://x\nanswer = 0",
		"url = imap://x\nhelo = a/b", "url = imap://x\nwhat = 1", "",
	};
	struct kit *k = *state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		char text[256];
		snprintf(text, sizeof text, "[imap]\n%s\n", bad[i]);
		assert_int_equal(conf_parse(text, "test.conf", &k->conf, &k->e), ERR_OK);
		if (backend_module.open(k->conf, &k->b, &k->e) != ERR_INVALID)
			fail_msg("taken: %s", bad[i]);
		assert_non_null(strstr(k->e.text, "test.conf:"));
		assert_null(strstr(k->e.text, "(null)"));
		assert_null(k->b);
		conf_unref(&k->conf);
	}
}

static void
hosts_are_named(void **state)
{
	static const char *const rows[][2] = { { "imaps://mail.example.org/", "imaps://mail.example.org:993" },
		{ "imap://[::1]:1143", "imap://[::1]:1143" }, { "imap://x", "imap://x:143" } };
	struct kit *k = *state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char text[256];
		snprintf(text, sizeof text, "[imap]\nurl = %s\n", rows[i][0]);
		assert_int_equal(conf_parse(text, "test.conf", &k->conf, &k->e), ERR_OK);
		assert_int_equal(backend_module.open(k->conf, &k->b, &k->e), ERR_OK);
		assert_string_equal(backend_module.host(k->b), rows[i][1]);
		backend_module.close(&k->b);
		conf_unref(&k->conf);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, kit_setup, kit_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(one_login_serves_a_session),
		TEST(names_are_made_by_the_template),
		TEST(refusals),
		TEST(impossible_passwords_do_not_reach_the_server),
		TEST(a_server_that_lets_anybody_in_is_not_believed),
		TEST(no_way_to_log_in_is_no_refusal),
		TEST(kerberos_is_not_for_us),
		TEST(tls_that_is_required_is_required),
		TEST(silent_servers_do_not_hold_us),
		TEST(connecting_has_a_limit_of_its_own),
		TEST(nobody_there),
		TEST(extensions_are_enabled_once),
		TEST(a_lost_connection_is_made_again),
		TEST(a_connection_lost_in_a_command_is_an_error_once),
		TEST(faulty_settings_name_their_line),
		TEST(hosts_are_named),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
