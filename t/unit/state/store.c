#include "store.h"

#include <mysql.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct state *store;
struct conf *store_conf;
bool on_mariadb;
char store_dir[64];
struct error error;
_Thread_local struct state_txn *T;
struct arena *arena;

static const char *mariadb_socket;
static bool with_snapshot;
static char driver_lines[512];
static _Thread_local struct state_txn txn;

/* ---- the administrator ---- */

static MYSQL *
admin_connect(void)
{
	MYSQL *m = mysql_init(NULL);

	if (!m || !mysql_real_connect(m, NULL, "root", "", NULL, 0, mariadb_socket, 0)) {
		fprintf(stderr, "%s: %s\n", mariadb_socket, m ? mysql_error(m) : "memory");
		exit(1);
	}
	return m;
}

static void
admin_mariadb(const char *sql, int64_t *n_r)
{
	MYSQL *m = admin_connect();

	/* The database may not be there. */
	mysql_select_db(m, "cpush");
	if (mysql_query(m, sql)) {
		fprintf(stderr, "%s: %s\n", sql, mysql_error(m));
		exit(1);
	}
	MYSQL_RES *res = mysql_store_result(m);
	MYSQL_ROW row = res ? mysql_fetch_row(res) : NULL;
	*n_r = row && row[0] ? strtoll(row[0], NULL, 10) : -1;
	mysql_free_result(res);
	mysql_close(m);
}

static void
admin_sqlite(const char *sql, int64_t *n_r)
{
	char path[128];
	sqlite3 *q;
	sqlite3_stmt *st = NULL;

	snprintf(path, sizeof path, "%s/state.db", store_dir);
	if (sqlite3_open(path, &q) || sqlite3_busy_timeout(q, 5000) || sqlite3_prepare_v2(q, sql, -1, &st, NULL)) {
		fprintf(stderr, "%s: %s\n", sql, sqlite3_errmsg(q));
		exit(1);
	}
	int rc = sqlite3_step(st);
	*n_r = rc == SQLITE_ROW ? sqlite3_column_int64(st, 0) : -1;
	if (rc != SQLITE_ROW && rc != SQLITE_DONE) {
		fprintf(stderr, "%s: %s\n", sql, sqlite3_errmsg(q));
		exit(1);
	}
	sqlite3_finalize(st);
	sqlite3_close(q);
}

bool
tcp(const char **port_r, const char **ca_r)
{
	char port[16] = "";
	const char *dir = arena_strndup(arena, mariadb_socket, strlen(mariadb_socket) - strlen("/mariadb.sock"));
	FILE *f = fopen(arena_printf(arena, "%s/port", dir), "r");

	if (!f)
		return false;
	if (!fgets(port, sizeof port, f))
		port[0] = 0;
	fclose(f);
	port[strcspn(port, "\n")] = 0;
	*port_r = arena_strdup(arena, port);
	*ca_r = arena_printf(arena, "%s/ca.pem", dir);
	return true;
}

int64_t
ask(const char *sql)
{
	int64_t n;

	(on_mariadb ? admin_mariadb : admin_sqlite)(sql, &n);
	return n;
}

void
admin(const char *sql)
{
	(void)ask(sql);
}

/* ---- the store ---- */

/* Holds SQLite's write lock until the standard input ends. */
static int
hold(const char *path)
{
	char c;
	sqlite3 *q;

	if (sqlite3_open(path, &q) || sqlite3_exec(q, "begin immediate", NULL, NULL, NULL))
		return 1;
	if (write(1, "!", 1) != 1)
		return 1;
	while (read(0, &c, 1) > 0)
		;
	sqlite3_close(q);
	return 0;
}

int
store_main(int argc, char **argv)
{
	if (argc > 2 && strcmp(argv[1], "hold") == 0)
		return hold(argv[2]);
	on_mariadb = argc > 1 && strcmp(argv[1], "mariadb") == 0;
	with_snapshot = argc > 2 && strcmp(argv[2], "snapshot") == 0;
	if (!on_mariadb)
		return -1;
	mariadb_socket = getenv("CPUSH_STORE_SOCKET");
	if (!mariadb_socket)
		mariadb_socket = getenv("CPUSH_TEST_MARIADB_SOCKET");
	if (!mariadb_socket) {
		fprintf(stderr, "CPUSH_TEST_MARIADB_SOCKET is not set\n");
		return 1;
	}
	if (with_snapshot && !ask("select count(*) from information_schema.system_variables where variable_name ="
			" 'innodb_snapshot_isolation'")) {
		printf("this server has no innodb_snapshot_isolation: skipped\n");
		return 77;
	}
	if (ask("select count(*) from information_schema.system_variables where variable_name = 'innodb_snapshot_isolation'"))
		admin(with_snapshot ? "set global innodb_snapshot_isolation = on"
			: "set global innodb_snapshot_isolation = off");
	return -1;
}

enum err
open_text(const char *text, bool tool, struct state **s_r)
{
	struct conf *conf;

	*s_r = NULL;
	conf_unref(&store_conf);
	enum err err = conf_parse(text, "test.conf", &conf, &error);
	if (err)
		return err;
	store_conf = conf;
	return state_open(conf, tool, s_r, &error);
}

struct conf *
parse_with(const char *lines)
{
	char text[2048];
	struct conf *conf;

	snprintf(text, sizeof text, "[state]\n%s%s", driver_lines, lines);
	ok(conf_parse(text, "test.conf", &conf, &error));
	return conf;
}

enum err
open_with(const char *lines, bool tool, struct state **s_r)
{
	char text[2048];

	snprintf(text, sizeof text, "[state]\n%s%s", driver_lines, lines);
	return open_text(text, tool, s_r);
}

int
setup(void **unused)
{
	(void)unused;
	memset(&error, 0, sizeof error);
	arena = arena_new(0);
	snprintf(store_dir, sizeof store_dir, "/tmp/state-XXXXXX");
	if (!mkdtemp(store_dir))
		return -1;
	if (on_mariadb) {
		admin("drop database if exists cpush");
		admin("create database cpush character set utf8mb4 collate utf8mb4_bin");
		snprintf(driver_lines, sizeof driver_lines,
			"driver = mariadb\nsocket = %s\npassword = secret\nlock_timeout = 10\n", mariadb_socket);
	} else {
		snprintf(driver_lines, sizeof driver_lines, "driver = sqlite\npath = %s/state.db\n", store_dir);
	}
	if (open_with("", false, &store)) {
		fprintf(stderr, "%s\n", error.text);
		return -1;
	}
	store->trace = index_remember;
	return 0;
}

int
teardown(void **unused)
{
	char command[128];

	(void)unused;
	T = NULL;
	state_close(&store);
	conf_unref(&store_conf);
	arena_free(&arena);
	snprintf(command, sizeof command, "rm -rf '%s'", store_dir);
	return system(command);
}

/* ---- transactions ---- */

void
check(enum err got, enum err wanted, const char *what, const char *file, int line)
{
	if (got == wanted)
		return;
	print_error("%s:%d: %s: %s instead of %s (%s)\n", file, line, what, err_name(got), err_name(wanted),
		error.text);
	_fail(file, line);
}

void
begin(enum state_mode mode)
{
	txn = (struct state_txn){ .state = store, .mode = mode, .e = &error };
	ok(db_get(store, &txn.db, &error));
	txn.db->fate = DB_FINE;
	txn.db->busy = true;
	ok(txn.db->ops->begin(txn.db, mode, &error));
	T = &txn;
}

void
end(void)
{
	ok(txn.db->ops->commit(txn.db, txn.mode, STATE_CUT_NONE, &error));
	txn.db->busy = false;
	T = NULL;
}

void
undo(void)
{
	txn.db->ops->rollback(txn.db);
	txn.db->busy = false;
	T = NULL;
}

/* ---- rows ---- */

int64_t
make_user(const char *name)
{
	int64_t user;

	ok(state_user(T, name, &user));
	return user;
}

int64_t
make_device(int64_t user, const char *device_id)
{
	struct state_device d;

	ok(state_device(T, arena, user, device_id, true, 0, &d));
	return d.id;
}

int64_t
make_folder(int64_t user, const char *key)
{
	struct state_folder f = { .user = user, .key = key, .parent = "", .name = key, .class = 1, .type = 12,
		.cursor = "" };

	ok(state_folder_save(T, &f));
	return f.id;
}

struct state_item
new_item(int64_t folder, const char *key, int64_t seq, int64_t date)
{
	return (struct state_item){ .folder = folder, .key = key, .version = "1", .date = date, .created_seq = seq,
		.seq = seq };
}

int64_t
make_item(int64_t folder, const char *key, int64_t seq, int64_t date)
{
	struct state_item it = new_item(folder, key, seq, date);

	ok(state_items_save(T, &it, 1));
	return it.id;
}
