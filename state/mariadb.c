/* MariaDB through Connector/C; the only file that knows it. */
#include <inttypes.h>
#include <errno.h>
#include <mysql.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "state/db.h"

#define ROOM 256 /* of a column, to begin with */

struct mariadb {
	struct db db;
	MYSQL *mysql;
};

struct column {
	bool number;
	int64_t i;
	unsigned char *data;
	size_t room;
	unsigned long len;
	my_bool null, error;
};

struct mariadb_stmt {
	struct db_stmt st;
	MYSQL_STMT *stmt;
	MYSQL_BIND *in, *out;
	struct column *columns;
	unsigned n_in, n_out;
	bool bound;
	int64_t fetched;
};

static struct mariadb *
of(struct db *db)
{
	return (struct mariadb *)db;
}

static struct mariadb_stmt *
stmt_of(struct db_stmt *st)
{
	return (struct mariadb_stmt *)st;
}

/* ---- what went wrong ---- */

struct kind {
	enum db_fate fate;
	enum err err;
};

/* Numbers of the server's and the connector's errors; those that have no name in older headers are written out. */
static struct kind
classify(unsigned no)
{
	switch (no) {
	case 1020: /* ER_CHECKREAD: innodb_snapshot_isolation, or a row changed under Galera */
	case 1047: /* ER_UNKNOWN_COM_ERROR: the Galera node is not ready */
	case 1205: /* ER_LOCK_WAIT_TIMEOUT */
	case 1213: /* ER_LOCK_DEADLOCK: also a vote that was lost */
		return (struct kind){ DB_RETRY, ERR_UNAVAILABLE };
	case 1053: /* ER_SERVER_SHUTDOWN */
	case 1158: case 1159: case 1160: case 1161: /* ER_NET_* */
	case 1184: /* ER_NEW_ABORTING_CONNECTION */
	case 1927: /* ER_CONNECTION_KILLED */
	case 2006: /* CR_SERVER_GONE_ERROR */
	case 2013: /* CR_SERVER_LOST */
	case 2014: /* CR_COMMANDS_OUT_OF_SYNC: after a half-read answer */
	case 2027: /* CR_MALFORMED_PACKET */
	case 2055: /* CR_SERVER_LOST_EXTENDED */
	case 4031: /* ER_CLIENT_INTERACTION_TIMEOUT */
		return (struct kind){ DB_LOST, ERR_UNAVAILABLE };
	case 1062: /* ER_DUP_ENTRY */
		return (struct kind){ DB_FAILED, ERR_EXISTS };
	case 1153: /* ER_NET_PACKET_TOO_LARGE */
	case 1406: /* ER_DATA_TOO_LONG */
		return (struct kind){ DB_FAILED, ERR_LIMIT };
	case 2008: /* CR_OUT_OF_MEMORY */
		return (struct kind){ DB_FAILED, ERR_NOMEM };
	case 3: case 20: case 28: /* EE_WRITE, EE_DISK_FULL, ENOSPC */
	case 1021: /* ER_DISK_FULL */
	case 1026: /* ER_ERROR_ON_WRITE */
	case 1030: /* ER_GET_ERRNO: of the file system */
	case 1037: case 1041: /* ER_OUTOFMEMORY, ER_OUT_OF_RESOURCES */
	case 1114: /* ER_RECORD_FILE_FULL */
	case 1194: case 1195: /* ER_CRASHED_ON_USAGE, ER_CRASHED_ON_REPAIR */
	case 1206: /* ER_LOCK_TABLE_FULL */
	case 1226: /* ER_USER_LIMIT_REACHED */
	case 1290: case 1836: /* ER_OPTION_PREVENTS_STATEMENT, ER_READ_ONLY_MODE */
	case 1317: /* ER_QUERY_INTERRUPTED */
	case 1461: /* ER_MAX_PREPARED_STMT_COUNT_REACHED */
	case 1637: /* ER_TOO_MANY_CONCURRENT_TRXS */
	case 1969: /* ER_STATEMENT_TIMEOUT */
		return (struct kind){ DB_DOWN, ERR_UNAVAILABLE };
	default:
		return (struct kind){ DB_FAILED, ERR_INTERNAL };
	}
}

static enum err
failed(struct db *db, unsigned no, const char *text, struct error *e)
{
	struct kind k = classify(no);

	if (k.fate > db->fate)
		db->fate = k.fate;
	return err_set(e, k.err, "MariaDB: %s (%u)", text, no);
}

/* What the server says while rows are fetched, the connector keeps with the connection only. */
static enum err
failed_stmt(struct mariadb_stmt *m, struct error *e)
{
	MYSQL *mysql = of(m->st.db)->mysql;

	if (!mysql_stmt_errno(m->stmt) && mysql_errno(mysql))
		return failed(m->st.db, mysql_errno(mysql), mysql_error(mysql), e);
	return failed(m->st.db, mysql_stmt_errno(m->stmt), mysql_stmt_error(m->stmt), e);
}

static enum err
failed_db(struct mariadb *m, struct error *e)
{
	return failed(&m->db, mysql_errno(m->mysql), mysql_error(m->mysql), e);
}

/* ---- connecting ---- */

static bool
start(void)
{
	return mysql_library_init(0, NULL, NULL) == 0;
}

static enum err
script(struct db *db, const char *sql, struct error *e)
{
	if (mysql_real_query(of(db)->mysql, sql, strlen(sql)))
		return failed_db(of(db), e);
	return ERR_OK;
}

/* One row of one column as a number; -1 where there is none. */
static enum err
ask_number(struct db *db, const char *sql, long *n_r, struct error *e)
{
	enum err err = script(db, sql, e);

	*n_r = -1;
	if (err)
		return err;
	MYSQL_RES *res = mysql_store_result(of(db)->mysql);
	if (!res)
		return failed_db(of(db), e);
	MYSQL_ROW row = mysql_fetch_row(res);
	if (row && row[0])
		*n_r = strtol(row[0], NULL, 10);
	mysql_free_result(res);
	return ERR_OK;
}

static enum err
begin_session(struct state *s, struct db *db, struct error *e)
{
	char sql[200];
	long galera;
	const char *version = mysql_get_server_info(of(db)->mysql);

	if (!strstr(version, "MariaDB") || mysql_get_server_version(of(db)->mysql) < 101100)
		return err_set(e, ERR_INVALID, "the server is no MariaDB 10.11 or later, but %s", version);
	snprintf(sql, sizeof sql,
		"set session sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION', autocommit = 1,"
		" innodb_lock_wait_timeout = %u",
		(unsigned)s->config.lock_seconds);
	enum err err = script(db, sql, e);
	/* What a transaction that only reads needs; one that writes says otherwise for itself. */
	if (!err)
		err = script(db, "set session transaction isolation level repeatable read", e);
	if (!err)
		err = ask_number(db, "select count(*) from information_schema.session_variables "
			"where variable_name = 'wsrep_on' and variable_value = 'ON'", &galera, e);
	if (!err && galera > 0)
		err = script(db, "set session wsrep_sync_wait = 1", e);
	return err;
}

static MYSQL *
dial(const struct state *s, bool tls)
{
	const struct state_config *c = &s->config;
	unsigned connect = (unsigned)c->connect_seconds, answer = (unsigned)c->answer_seconds;
	my_bool yes = 1, no = 0, verify = tls && (c->tls == TLS_REQUIRED || c->ca_file);
	MYSQL *m = mysql_init(NULL);

	if (!m)
		return NULL;
	mysql_options(m, MYSQL_OPT_CONNECT_TIMEOUT, &connect);
	mysql_options(m, MYSQL_OPT_READ_TIMEOUT, &answer);
	mysql_options(m, MYSQL_OPT_WRITE_TIMEOUT, &answer);
	mysql_options(m, MYSQL_OPT_RECONNECT, &no);
	mysql_options(m, MYSQL_OPT_LOCAL_INFILE, NULL);
	mysql_options(m, MYSQL_SET_CHARSET_NAME, "utf8mb4");
	/* Both are said in any case: from 3.4 on the library itself wants TLS and a certificate. */
	mysql_options(m, MYSQL_OPT_SSL_ENFORCE, tls ? &yes : &no);
	mysql_options(m, MYSQL_OPT_SSL_VERIFY_SERVER_CERT, verify ? &yes : &no);
	if (tls && c->ca_file)
		mysql_options(m, MYSQL_OPT_SSL_CA, c->ca_file);
	mysql_real_connect(m, c->host, c->user, s->password ? s->password : c->password ? c->password : "", c->database,
		(unsigned)c->port, c->host ? NULL : c->socket, CLIENT_FOUND_ROWS);
	return m;
}

static void
close_connection(struct db *db)
{
	db_forget(db);
	mysql_close(of(db)->mysql);
	free(db);
}

static enum err
refused(MYSQL *m, struct error *e)
{
	unsigned no = mysql_errno(m);
	/* Access denied (to the server, the database), no such database, an unknown host, a plugin that is not there,
	 * no or wrong TLS. */
	bool settings = no == 1044 || no == 1045 || no == 1049 || no == 1698 || no == 2005 || no == 2026 || no == 2059;

	return err_set(e, settings ? ERR_INVALID : ERR_UNAVAILABLE, "MariaDB: %s (%u)", mysql_error(m), no);
}

static enum err
open_connection(struct state *s, struct db **db_r, struct error *e)
{
	struct mariadb *m = calloc(1, sizeof *m);
	/* A local socket needs no TLS, unless it is asked for. */
	bool tls = s->config.tls == TLS_REQUIRED || (s->config.tls == TLS_OPTIONAL && s->config.host);

	*db_r = NULL;
	if (!m)
		return err_set(e, ERR_NOMEM, "out of memory");
	m->db.ops = &mariadb_ops;
	m->db.state = s;
	m->mysql = dial(s, tls);
	/* A server without TLS, where TLS is wanted only if offered. */
	if (m->mysql && tls && s->config.tls == TLS_OPTIONAL && !s->config.ca_file && mysql_errno(m->mysql) == 2026) {
		mysql_close(m->mysql);
		m->mysql = dial(s, false);
	}
	enum err err = ERR_OK;
	if (!m->mysql)
		err = err_set(e, ERR_NOMEM, "out of memory");
	else if (mysql_errno(m->mysql))
		err = refused(m->mysql, e);
	else
		err = begin_session(s, &m->db, e);
	if (err) {
		mysql_close(m->mysql);
		free(m);
		return err == ERR_INTERNAL ? ERR_UNAVAILABLE : err;
	}
	*db_r = &m->db;
	return ERR_OK;
}

/* ---- transactions ---- */

static enum err
begin(struct db *db, enum state_mode mode, struct error *e)
{
	if (mode == STATE_READ)
		return script(db, "start transaction with consistent snapshot, read only", e);
	enum err err = script(db, "set transaction isolation level read committed", e);
	return err ? err : script(db, "start transaction", e);
}

static void
cut_connection(struct mariadb *m)
{
	shutdown(mysql_get_socket(m->mysql), SHUT_RDWR);
}

/* The server has nothing to say between two statements: if there is something to read, it is the end, and COMMIT was
 * not sent. */
static bool
is_gone(struct mariadb *m)
{
	struct pollfd p = { .fd = mysql_get_socket(m->mysql), .events = POLLIN };

	return poll(&p, 1, 0) > 0;
}

static enum err
lost_in_commit(struct db *db, struct error *e)
{
	db->fate = DB_DOWN;
	return err_set(e, ERR_UNAVAILABLE,
		"MariaDB: the connection was lost in COMMIT, which may have been done or not");
}

static enum err
commit_and_cut(struct mariadb *m, struct error *e)
{
	struct pollfd p = { .fd = mysql_get_socket(m->mysql), .events = POLLIN };

	if (mysql_send_query(m->mysql, "commit", 6) == 0)
		(void)poll(&p, 1, -1);
	cut_connection(m);
	return lost_in_commit(&m->db, e);
}

static enum err
commit(struct db *db, enum state_mode mode, enum state_cut cut, struct error *e)
{
	struct mariadb *m = of(db);

	if (cut == STATE_CUT_BEFORE)
		cut_connection(m);
	if (mode == STATE_WRITE && is_gone(m)) {
		db->fate = DB_LOST;
		return err_set(e, ERR_UNAVAILABLE, "MariaDB: the connection was lost");
	}
	if (cut == STATE_CUT_IN)
		return commit_and_cut(m, e);
	enum err err = script(db, "commit", e);
	/* What was read has been read. */
	if (err && mode == STATE_READ && db->fate == DB_LOST)
		return ERR_OK;
	if (err && db->fate == DB_LOST)
		return lost_in_commit(db, e);
	if (cut == STATE_CUT_AFTER)
		cut_connection(m);
	return err;
}

static void
rollback(struct db *db)
{
	if (script(db, "rollback", NULL) && db->fate < DB_LOST)
		db->fate = DB_LOST;
}

/* ---- statements ---- */

static void
free_columns(struct mariadb_stmt *m)
{
	for (unsigned i = 0; m->columns && i < m->n_out; i++)
		free(m->columns[i].data);
	free(m->columns);
	free(m->out);
	m->columns = NULL;
	m->out = NULL;
}

static void
finalize(struct db_stmt *st)
{
	struct mariadb_stmt *m = stmt_of(st);

	free_columns(m);
	free(m->in);
	if (m->stmt)
		mysql_stmt_close(m->stmt);
	free(m);
}

static bool
is_number(enum enum_field_types type)
{
	return type == MYSQL_TYPE_TINY || type == MYSQL_TYPE_SHORT || type == MYSQL_TYPE_INT24 ||
		type == MYSQL_TYPE_LONG || type == MYSQL_TYPE_LONGLONG;
}

static void
bind_column(MYSQL_BIND *b, struct column *c)
{
	b->buffer_type = c->number ? MYSQL_TYPE_LONGLONG : MYSQL_TYPE_BLOB;
	b->buffer = c->number ? (void *)&c->i : c->data;
	b->buffer_length = c->number ? sizeof c->i : (unsigned long)c->room;
	b->length = &c->len;
	b->is_null = &c->null;
	b->error = &c->error;
}

static enum err
prepare_columns(struct mariadb_stmt *m, struct error *e)
{
	/* Only now, for INSERT ... RETURNING has no columns when it is prepared. */
	m->n_out = mysql_stmt_field_count(m->stmt);
	if (!m->n_out)
		return ERR_OK;
	MYSQL_RES *meta = mysql_stmt_result_metadata(m->stmt);
	m->columns = calloc(m->n_out, sizeof *m->columns);
	m->out = calloc(m->n_out, sizeof *m->out);
	bool ok = meta && m->columns && m->out;
	for (unsigned i = 0; ok && i < m->n_out; i++) {
		struct column *c = &m->columns[i];

		c->number = is_number(mysql_fetch_field_direct(meta, i)->type);
		if (!c->number) {
			c->room = ROOM;
			c->data = malloc(c->room);
			ok = c->data;
		}
		bind_column(&m->out[i], c);
	}
	mysql_free_result(meta);
	if (!ok)
		return err_set(e, ERR_NOMEM, "out of memory");
	return mysql_stmt_bind_result(m->stmt, m->out) ? failed_stmt(m, e) : ERR_OK;
}

static enum err
prepare(struct db *db, const char *sql, struct db_stmt **st_r, struct error *e)
{
	struct mariadb_stmt *m = calloc(1, sizeof *m);
	enum err err = ERR_OK;

	if (!m)
		return err_set(e, ERR_NOMEM, "out of memory");
	m->st.db = db;
	m->stmt = mysql_stmt_init(of(db)->mysql);
	if (!m->stmt)
		err = err_set(e, ERR_NOMEM, "out of memory");
	else if (mysql_stmt_prepare(m->stmt, sql, strlen(sql)))
		err = failed_stmt(m, e);
	if (!err) {
		m->n_in = (unsigned)mysql_stmt_param_count(m->stmt);
		m->in = calloc(m->n_in + 1, sizeof *m->in);
		if (!m->in)
			err = err_set(e, ERR_NOMEM, "out of memory");
	}
	if (err) {
		finalize(&m->st);
		return err;
	}
	*st_r = &m->st;
	return ERR_OK;
}

static enum err
execute(struct db_stmt *st, const struct db_value *v, size_t n, struct error *e)
{
	static const enum enum_field_types types[] = { [DB_NULL] = MYSQL_TYPE_NULL, [DB_INT] = MYSQL_TYPE_LONGLONG,
		[DB_BYTES] = MYSQL_TYPE_BLOB };
	struct mariadb_stmt *m = stmt_of(st);

	if (n != m->n_in)
		return err_set(e, ERR_INTERNAL, "%zu values for %u parameters", n, m->n_in);
	for (size_t i = 0; i < n; i++) {
		MYSQL_BIND *b = &m->in[i];

		memset(b, 0, sizeof *b);
		b->buffer_type = types[v[i].type];
		/* The connector only reads; its structure is for both ways. */
		memcpy(&b->buffer, v[i].type == DB_INT ? &(const void *){ &v[i].i } : &v[i].p, sizeof b->buffer);
		b->buffer_length = v[i].type == DB_BYTES ? (unsigned long)v[i].n : 0;
	}
	m->fetched = 0;
	if ((n && mysql_stmt_bind_param(m->stmt, m->in)) || mysql_stmt_execute(m->stmt))
		return failed_stmt(m, e);
	if (m->bound)
		return ERR_OK;
	enum err err = prepare_columns(m, e);
	m->bound = !err;
	if (err)
		free_columns(m);
	return err;
}

/* Columns that did not fit are read again into more room. */
static enum err
enlarge(struct mariadb_stmt *m, struct error *e)
{
	for (unsigned i = 0; i < m->n_out; i++) {
		struct column *c = &m->columns[i];

		if (c->number || c->null || c->len <= c->room)
			continue;
		unsigned char *more = realloc(c->data, c->len);
		if (!more)
			return err_set(e, ERR_NOMEM, "out of memory");
		c->data = more;
		c->room = c->len;
		bind_column(&m->out[i], c);
		if (mysql_stmt_fetch_column(m->stmt, &m->out[i], i, 0))
			return failed_stmt(m, e);
	}
	if (mysql_stmt_bind_result(m->stmt, m->out))
		return failed_stmt(m, e);
	return ERR_OK;
}

static enum err
step(struct db_stmt *st, bool *row_r, struct error *e)
{
	struct mariadb_stmt *m = stmt_of(st);

	*row_r = false;
	if (!m->n_out)
		return ERR_OK;
	int got = mysql_stmt_fetch(m->stmt);
	if (got == MYSQL_NO_DATA)
		return ERR_OK;
	if (got && got != MYSQL_DATA_TRUNCATED)
		return failed_stmt(m, e);
	*row_r = true;
	m->fetched++;
	return got == MYSQL_DATA_TRUNCATED ? enlarge(m, e) : ERR_OK;
}

static void
reset(struct db_stmt *st)
{
	mysql_stmt_free_result(stmt_of(st)->stmt);
}

static bool
column(struct db_stmt *st, unsigned i, struct db_value *v_r)
{
	struct mariadb_stmt *m = stmt_of(st);
	struct column *c = &m->columns[i];

	*v_r = (struct db_value){ .type = c->null ? DB_NULL : c->number ? DB_INT : DB_BYTES, .i = c->i, .p = c->data,
		.n = c->len };
	return true;
}

static int64_t
matched(struct db_stmt *st)
{
	struct mariadb_stmt *m = stmt_of(st);
	my_ulonglong n = mysql_stmt_affected_rows(m->stmt);

	return m->n_out || n == (my_ulonglong)-1 ? m->fetched : (int64_t)n;
}

static int64_t
last_id(struct db_stmt *st)
{
	return (int64_t)mysql_stmt_insert_id(stmt_of(st)->stmt);
}

/* ---- the schema ---- */

static enum err
lock_schema(struct db *db, struct error *e)
{
	long got;
	enum err err = ask_number(db, "select get_lock(concat('cpush.', database()), 60)", &got, e);

	if (!err && got != 1)
		err = err_set(e, ERR_UNAVAILABLE,
			"MariaDB: another process has held the lock on the schema for a minute");
	return err;
}

static enum err
unlock_schema(struct db *db, bool done, struct error *e)
{
	long got;

	(void)done;
	return ask_number(db, "select release_lock(concat('cpush.', database()))", &got, e);
}

/* ---- locks that are nobody's rows ---- */

static enum err
hold(struct db *db, int64_t name, unsigned seconds, bool *got_r, struct error *e)
{
	char sql[120];
	long got = 0;

	snprintf(sql, sizeof sql, "select get_lock(concat('cpush.', crc32(database()), '.', %" PRId64 "), %u)", name, seconds);
	enum err err = ask_number(db, sql, &got, e);
	*got_r = !err && got == 1;
	return err;
}

static enum err
let_go(struct db *db, int64_t name, struct error *e)
{
	char sql[120];
	long was;

	snprintf(sql, sizeof sql, "select release_lock(concat('cpush.', crc32(database()), '.', %" PRId64 "))", name);
	return ask_number(db, sql, &was, e);
}

static const char *
type(const char *word)
{
	static const char *const words[][2] = {
		{ "id", "bigint not null auto_increment primary key" },
		{ "int", "bigint not null default 0" },
		{ "key", "varbinary(255) not null" },
		{ "hash", "binary(32)" },
		{ "bytes", "mediumblob not null" },
		{ "engine", "engine = InnoDB default charset = utf8mb4" },
	};

	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		if (strcmp(words[i][0], word) == 0)
			return words[i][1];
	}
	return NULL;
}

const struct db_ops mariadb_ops = {
	.name = "mariadb",
	.start = start,
	.open = open_connection,
	.close = close_connection,
	.begin = begin,
	.commit = commit,
	.rollback = rollback,
	.prepare = prepare,
	.finalize = finalize,
	.execute = execute,
	.step = step,
	.reset = reset,
	.column = column,
	.matched = matched,
	.last_id = last_id,
	.script = script,
	.lock_schema = lock_schema,
	.unlock_schema = unlock_schema,
	.hold = hold,
	.let_go = let_go,
	.type = type,
	.thread_end = mysql_thread_end,
};
