#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

#include "store.h"

/* `text` is refused, and the message has `what` in it. */
static void
refused(const char *text, const char *what)
{
	struct state *s;

	memset(&error, 0, sizeof error);
	fails(ERR_INVALID, open_text(text, true, &s));
	assert_null(s);
	if (!strstr(error.text, what)) {
		print_error("%s: %s is not in it\n", error.text, what);
		fail();
	}
}

static void
settings_are_checked(void **unused)
{
	(void)unused;
	state_close(&store);
	refused("[state]\ndriver = oracle\n", "test.conf:2");
	refused("[state]\ndriver = sqlite\npath =\n", "test.conf:3: [state] path");
	refused("[state]\ndriver = sqlite\npath = /nowhere/at/all/state.db\n", "/nowhere/at/all/state.db");
	refused("[state]\ndriver = mariadb\nsocket = /x\nhost = y\n", "test.conf:4: [state] host");
	refused("[state]\ndriver = mariadb\npassword = x\n\npassword_file = y\n", "test.conf:5: [state] password_file");
	refused("[state]\ndriver = mariadb\npassword_file = /nowhere/at/all\n", "test.conf:3: [state] password_file");
	refused("[state]\ndriver = mariadb\ntls = off\nca_file = /x\n", "test.conf:4: [state] ca_file");
	refused("[state]\ndriver = mariadb\nport = 70000\n", "test.conf:3");
	refused("[state]\ndriver = mariadb\nlock_timeout = 0\n", "test.conf:3");
	refused("[state]\nfoo = 1\n", "test.conf:2");
}

static void
the_schema_is_made_once(void **unused)
{
	struct state *second;
	uint64_t rows;

	(void)unused;
	assert_int_equal(ask("select max(version) from schema_version"), SCHEMA_VERSION);
	assert_string_equal(state_driver(store), on_mariadb ? "mariadb" : "sqlite");
	begin(STATE_WRITE);
	make_user("alice");
	end();
	state_close(&store);
	ok(open_with("", false, &store));
	rows = count_get(COUNT_STORE_ROWS);
	ok(open_with("", true, &second));
	assert_int_equal(ask("select count(*) from user"), 1);
	assert_int_equal(ask("select count(*) from schema_version"), 1);
	assert_int_equal(count_get(COUNT_STORE_ROWS), rows);
	state_close(&second);
}

static void
a_newer_store_is_refused(void **unused)
{
	struct state *s;

	(void)unused;
	state_close(&store);
	admin("insert into schema_version (version) values (7)");
	fails(ERR_INVALID, open_with("", false, &s));
	assert_null(s);
	assert_non_null(strstr(error.text, "version 7 "));
	admin("delete from schema_version where version = 7");
	ok(open_with("", false, &store));
}

static void
a_half_made_schema_is_completed(void **unused)
{
	(void)unused;
	state_close(&store);
	/* As if the process had died between two statements. */
	admin("delete from schema_version");
	admin("drop table intent");
	admin(on_mariadb ? "drop index item_date on item" : "drop index item_date");
	ok(open_with("", false, &store));
	assert_int_equal(ask("select count(*) from intent"), 0);
	assert_int_equal(ask("select max(version) from schema_version"), SCHEMA_VERSION);
	assert_true(ask(on_mariadb ?
		"select count(*) from information_schema.statistics where table_schema = 'cpush' and index_name = 'item_date'" :
		"select count(*) from sqlite_master where name = 'item_date'") > 0);
}

struct opening {
	pthread_t thread;
	struct conf *conf;
	enum err err;
	struct error e;
};

static void *
open_it(void *arg)
{
	struct opening *o = arg;
	struct state *s = NULL;

	o->err = state_open(o->conf, false, &s, &o->e);
	if (!on_mariadb && o->err == ERR_UNAVAILABLE)
		o->err = ERR_OK; /* one at a time */
	if (s)
		state_thread_end(s);
	state_close(&s);
	return NULL;
}

static void
several_may_start_at_once(void **unused)
{
	struct opening o[4];

	(void)unused;
	state_close(&store);
	if (on_mariadb) {
		admin("drop database cpush");
		admin("create database cpush");
	} else {
		char path[128];

		snprintf(path, sizeof path, "%s/state.db", store_dir);
		remove(path);
	}
	for (int i = 0; i < 4; i++) {
		o[i] = (struct opening){ .conf = parse_with("") };
		pthread_create(&o[i].thread, NULL, open_it, &o[i]);
	}
	for (int i = 0; i < 4; i++) {
		pthread_join(o[i].thread, NULL);
		conf_unref(&o[i].conf);
		error = o[i].e;
		check(o[i].err, ERR_OK, "state_open", __FILE__, __LINE__);
	}
	assert_int_equal(ask("select count(*) from schema_version"), 1);
}

static void
a_tool_makes_nothing(void **unused)
{
	struct state *s;
	char path[128];

	(void)unused;
	state_close(&store);
	snprintf(path, sizeof path, "%s/state.db", store_dir);
	if (on_mariadb) {
		admin("drop database cpush");
		admin("create database cpush");
	} else {
		remove(path);
	}
	fails(ERR_NOTFOUND, open_with("", true, &s));
	if (on_mariadb)
		assert_int_equal(ask("select count(*) from information_schema.tables where table_schema = 'cpush'"), 0);
	else
		assert_int_equal(access(path, F_OK), -1);
	ok(open_with("", false, &store));
	ok(open_with("", true, &s));
	state_close(&s);
	admin("delete from schema_version");
	fails(ERR_NOTFOUND, open_with("", true, &s));
	assert_int_equal(ask("select count(*) from schema_version"), 0);
	state_close(&store);
	ok(open_with("", false, &store));
}

const struct CMUnitTest open_tests[] = {
	STORE_TEST(settings_are_checked),
	STORE_TEST(the_schema_is_made_once),
	STORE_TEST(a_newer_store_is_refused),
	STORE_TEST(a_half_made_schema_is_completed),
	STORE_TEST(several_may_start_at_once),
	STORE_TEST(a_tool_makes_nothing),
};
SUITE_END(open);
