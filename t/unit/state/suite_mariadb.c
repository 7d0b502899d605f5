#include <stdio.h>
#include <stdlib.h>

#include "store.h"

struct job {
	unsigned runs;
	unsigned fail_at_most; /* runs that fail */
	unsigned no;
	bool swallow;
};

static enum err
signalling(struct state_txn *t, void *arg, struct error *e)
{
	struct job *j = arg;
	char sql[100];
	int64_t user;
	enum err err = state_user(t, "alice", &user);

	if (err || j->runs++ >= j->fail_at_most)
		return err;
	snprintf(sql, sizeof sql, "signal sqlstate 'HY000' set mysql_errno = %u, message_text = 'made up'", j->no);
	err = t->db->ops->script(t->db, sql, e);
	return j->swallow ? ERR_OK : err;
}

static void
what_may_pass_is_run_again(void **unused)
{
	static const unsigned again[] = { 1020, 1047, 1205, 1213 };

	(void)unused;
	for (size_t i = 0; i < ARRAY_LEN(again); i++) {
		struct job j = { .fail_at_most = 3, .no = again[i] };

		ok(state_run(store, STATE_WRITE, signalling, &j, &error));
		assert_int_equal(j.runs, 4);
		/* Not for ever. */
		j = (struct job){ .fail_at_most = 100, .no = again[i] };
		fails(ERR_UNAVAILABLE, state_run(store, STATE_WRITE, signalling, &j, &error));
		assert_int_equal(j.runs, 6);
		/* Whatever the caller makes of it. */
		j = (struct job){ .fail_at_most = 1, .no = again[i], .swallow = true };
		ok(state_run(store, STATE_WRITE, signalling, &j, &error));
		assert_int_equal(j.runs, 2);
		j = (struct job){ .fail_at_most = 1, .no = again[i] };
		admin("insert ignore into user (name, hierarchy_seq) values ('alice', 0)");
		ok(state_run(store, STATE_READ, signalling, &j, &error));
		assert_int_equal(j.runs, 2);
	}
}

static void
what_stays_is_told_at_once(void **unused)
{
	static const unsigned down[] = { 3, 28, 1021, 1114, 1290, 1836 };

	(void)unused;
	for (size_t i = 0; i < ARRAY_LEN(down); i++) {
		struct job j = { .fail_at_most = 100, .no = down[i] };

		fails(ERR_UNAVAILABLE, state_run(store, STATE_WRITE, signalling, &j, &error));
		assert_int_equal(j.runs, 1);
		assert_non_null(strstr(error.text, "made up"));
	}
	struct job j = { .fail_at_most = 100, .no = 1054 };
	fails(ERR_INTERNAL, state_run(store, STATE_WRITE, signalling, &j, &error));
	assert_int_equal(j.runs, 1);
	assert_int_equal(ask("select count(*) from user"), 0);
}

static enum err
killed(struct state_txn *t, void *arg, struct error *e)
{
	struct job *j = arg;
	struct db_rows r;
	int64_t user;
	char sql[50] = "";
	enum err err = state_user(t, "alice", &user);

	(void)e;
	if (err || j->runs++ >= j->fail_at_most)
		return err;
	db_query(t, &r, "select connection_id()", NO_ARGS);
	while (db_next(&r))
		snprintf(sql, sizeof sql, "kill %lld", (long long)db_int(&r, 0));
	err = db_end(&r);
	if (!err)
		admin(sql);
	return err ? err : j->swallow ? ERR_OK : state_user(t, "bob", &user);
}

static void
a_killed_connection_is_opened_again(void **unused)
{
	(void)unused;
	for (unsigned i = 0; i < 2; i++) {
		/* It is met in the next statement, and else before COMMIT is sent, or in COMMIT where the server was
		 * slow to close it. */
		struct job j = { .fail_at_most = 1, .swallow = i };
		enum err err = state_run(store, STATE_WRITE, killed, &j, &error);

		assert_true(err == ERR_OK || (i && err == ERR_UNAVAILABLE));
		assert_int_equal(j.runs, err ? 1 : 2);
	}
	struct job j = { 0 };
	ok(state_run(store, STATE_WRITE, killed, &j, &error));
	assert_int_equal(ask("select count(*) from user where name = 'alice'"), 1);
}

static void
a_store_that_is_read_only(void **unused)
{
	struct job j = { 0 };
	struct state *second;

	(void)unused;
	ok(state_run(store, STATE_WRITE, signalling, &j, &error));
	admin("set global read_only = 1");
	enum err written = state_run(store, STATE_WRITE, (state_fn)signalling, &j, &error);
	enum err other = ERR_OK;
	struct state_device d;
	/* Something that must write. */
	struct error e = { 0 };
	state_thread_end(store);
	enum err opened = open_with("", true, &second);
	if (second) {
		struct state_txn t = { .state = second, .mode = STATE_WRITE, .e = &e };

		if (!db_get(second, &t.db, &e) && !t.db->ops->begin(t.db, STATE_WRITE, &e)) {
			other = state_device(&t, arena, 1, "phone", true, 0, &d);
			t.db->ops->rollback(t.db);
		}
		state_close(&second);
	}
	admin("set global read_only = 0");
	/* The user is there already: nothing was written. */
	assert_int_equal(written, ERR_OK);
	assert_int_equal(opened, ERR_OK);
	assert_int_equal(other, ERR_UNAVAILABLE);
	ok(state_run(store, STATE_WRITE, signalling, &j, &error));
}

static void
refusals_are_told_apart(void **unused)
{
	struct state *s;

	(void)unused;
	fails(ERR_INVALID, open_text(arena_printf(arena, "[state]\ndriver = mariadb\nsocket = %s\npassword = wrong\n",
		store->config.socket), true, &s));
	assert_null(strstr(error.text, "wrong"));
	fails(ERR_INVALID,
		open_text(arena_printf(arena,
		"[state]\ndriver = mariadb\nsocket = %s\npassword = secret\ndatabase = other\n", store->config.socket),
		true, &s));
	fails(ERR_UNAVAILABLE,
		open_text("[state]\ndriver = mariadb\nsocket = /nowhere/at/all\npassword = secret\n", true, &s));
	fails(ERR_UNAVAILABLE,
		open_text("[state]\ndriver = mariadb\nhost = 127.0.0.1\nport = 1\npassword = secret\n", true, &s));
}

/* Opens by TCP with these lines, and says whether TLS is used. */
static enum err
open_tcp(const char *port, const char *lines, bool *tls_r)
{
	struct state *s;
	struct db_rows r;
	struct state_txn t = { .mode = STATE_READ, .e = &error };
	enum err err =
		open_text(arena_printf(arena,
		"[state]\ndriver = mariadb\nhost = 127.0.0.1\nport = %s\npassword = secret\n%s", port, lines), true,
		&s);

	*tls_r = false;
	if (err)
		return err;
	t.state = s;
	ok(db_get(s, &t.db, &error));
	ok(t.db->ops->begin(t.db, STATE_READ, &error));
	db_query(&t, &r,
		"select variable_value from information_schema.session_status where variable_name = 'ssl_cipher'",
		NO_ARGS);
	while (db_next(&r))
		*tls_r = *db_text(&r, 0, arena);
	ok(db_end(&r));
	state_close(&s);
	return ERR_OK;
}

static void
a_host_is_reached_with_tls(void **unused)
{
	const char *port, *ca;
	bool tls;

	(void)unused;
	if (!tcp(&port, &ca) || !ask("select @@have_ssl = 'YES'")) {
		print_message("the server has no port with TLS\n");
		skip();
	}
	ok(open_tcp(port, "tls = off\n", &tls));
	assert_false(tls);
	ok(open_tcp(port, "", &tls));
	assert_true(tls);
	ok(open_tcp(port, arena_printf(arena, "tls = required\nca_file = %s\n", ca), &tls));
	assert_true(tls);
	ok(open_tcp(port, arena_printf(arena, "tls = optional\nca_file = %s\n", ca), &tls));
	assert_true(tls);
	/* Nobody whom the system trusts has signed it. (From 11.4 on the server proves it by the password.) */
	if (ask("select substring_index(version(), '.', 2) + 0 < 11.4"))
		fails(ERR_INVALID, open_tcp(port, "tls = required\n", &tls));
	fails(ERR_INVALID, open_tcp(port, "tls = required\nca_file = /etc/hostname\n", &tls));
}

/* Without TLS on the server: taken where it need not be, else refused. */
static void
a_server_without_tls(void **unused)
{
	const char *port, *ca;
	bool tls;

	(void)unused;
	if (!tcp(&port, &ca) || ask("select @@have_ssl = 'YES'"))
		skip();
	ok(open_tcp(port, "", &tls));
	assert_false(tls);
	fails(ERR_INVALID, open_tcp(port, "tls = required\n", &tls));
}

static void
the_password_may_be_in_a_file(void **unused)
{
	const char *path = arena_printf(arena, "%s/password", store_dir);
	struct state *s;
	FILE *f = fopen(path, "w");

	(void)unused;
	assert_non_null(f);
	fputs("secret\n", f);
	fclose(f);
	ok(open_text(arena_printf(arena, "[state]\ndriver = mariadb\nsocket = %s\npassword_file = %s\n",
		store->config.socket, path), true, &s));
	state_close(&s);
}

/* One that writes sees what others have committed meanwhile: what it decides on is what is there. */
static void
a_write_reads_what_is_committed(void **unused)
{
	struct state_items found;

	(void)unused;
	begin(STATE_WRITE);
	int64_t f = make_folder(make_user("alice"), "x");
	make_item(f, "one", 1, 0);
	end();
	begin(STATE_WRITE);
	ok(state_items_changed(T, arena, f, 0, 10, &found));
	assert_int_equal(found.n, 1);
	admin("update item set seq = 2");
	ok(state_items_changed(T, arena, f, 1, 10, &found));
	assert_int_equal(found.n, 1);
	/* And may write to it, with innodb_snapshot_isolation, too. */
	found.list[0].seq = 3;
	ok(state_items_save(T, found.list, 1));
	end();
	assert_int_equal(ask("select seq from item"), 3);
}

/* Two responders that got the same request at once; and one that died in it. */
static void
intents_are_one_responders_at_a_time(void **unused)
{
	struct state *second;

	(void)unused;
	ok(open_text(arena_printf(arena, "[state]\ndriver = mariadb\nsocket = %s\npassword = secret\nlock_timeout = 1\n",
		store->config.socket), true, &second));
	ok(state_device_hold(store, 7, &error));
	fails(ERR_UNAVAILABLE, state_device_hold(second, 7, &error));
	ok(state_device_hold(second, 8, &error));
	state_device_let_go(store, 7);
	ok(state_device_hold(second, 7, &error));
	state_close(&second); /* its connection, as when a process dies */
	ok(state_device_hold(store, 7, &error));
	ok(state_device_hold(store, 8, &error));
	state_device_let_go(store, 8);
	state_device_let_go(store, 7);
}

/* Else two responders that see a user's folders for the first time both insert them. */
static void
folders_to_be_written_are_read_under_a_lock(void **unused)
{
	struct state *second;
	struct state_folder *list;
	struct error e = { 0 };
	int64_t user, seq;
	size_t n;

	(void)unused;
	begin(STATE_WRITE);
	user = make_user("alice");
	end();
	ok(open_text(arena_printf(arena, "[state]\ndriver = mariadb\nsocket = %s\npassword = secret\nlock_timeout = 1\n",
		store->config.socket), true, &second));
	begin(STATE_WRITE);
	ok(state_folders(T, arena, user, 0, &list, &n, &seq));
	struct state_txn t = { .state = second, .mode = STATE_WRITE, .e = &e };
	ok(db_get(second, &t.db, &e));
	ok(t.db->ops->begin(t.db, STATE_WRITE, &e));
	fails(ERR_UNAVAILABLE, state_folders(&t, arena, user, 0, &list, &n, &seq));
	t.db->ops->rollback(t.db);
	end();
	state_close(&second);
}

const struct CMUnitTest mariadb_tests[] = {
	STORE_TEST(what_may_pass_is_run_again),
	STORE_TEST(what_stays_is_told_at_once),
	STORE_TEST(a_killed_connection_is_opened_again),
	STORE_TEST(a_store_that_is_read_only),
	STORE_TEST(refusals_are_told_apart),
	STORE_TEST(a_host_is_reached_with_tls),
	STORE_TEST(a_server_without_tls),
	STORE_TEST(the_password_may_be_in_a_file),
	STORE_TEST(a_write_reads_what_is_committed),
	STORE_TEST(intents_are_one_responders_at_a_time),
	STORE_TEST(folders_to_be_written_are_read_under_a_lock),
};
SUITE_END(mariadb);
