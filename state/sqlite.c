/* SQLite: a connection per thread on one file; the only file that knows it. */
#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "state/db.h"

struct sqlite {
	struct db db;
	sqlite3 *handle;
	bool writing; /* holds state->writer */
};

struct sqlite_stmt {
	struct db_stmt st;
	sqlite3_stmt *stmt;
	bool started, row; /* the first row was stepped to already, and is there */
	int64_t fetched;
};

static struct sqlite *
of(struct db *db)
{
	return (struct sqlite *)db;
}

static struct sqlite_stmt *
stmt_of(struct db_stmt *st)
{
	return (struct sqlite_stmt *)st;
}

static enum err
failed(struct db *db, int rc, struct error *e)
{
	enum db_fate fate = DB_DOWN;
	enum err err = ERR_UNAVAILABLE;

	if (rc == SQLITE_BUSY_SNAPSHOT) {
		fate = DB_RETRY;
	} else if (rc == SQLITE_CONSTRAINT_UNIQUE || rc == SQLITE_CONSTRAINT_PRIMARYKEY) {
		fate = DB_FAILED;
		err = ERR_EXISTS;
	} else {
		switch (rc & 0xFF) {
		case SQLITE_BUSY: case SQLITE_LOCKED: case SQLITE_FULL: case SQLITE_READONLY: case SQLITE_IOERR:
		case SQLITE_CANTOPEN: case SQLITE_CORRUPT: case SQLITE_NOTADB: case SQLITE_PROTOCOL:
		case SQLITE_PERM: case SQLITE_INTERRUPT:
			break;
		case SQLITE_NOMEM:
			err = ERR_NOMEM; /* which may have ended the transaction */
			break;
		case SQLITE_TOOBIG:
			fate = DB_FAILED;
			err = ERR_LIMIT;
			break;
		default:
			fate = DB_FAILED;
			err = ERR_INTERNAL;
		}
	}
	if (fate > db->fate)
		db->fate = fate;
	return err_set(e, err, "SQLite: %s (%d)", of(db)->handle ? sqlite3_errmsg(of(db)->handle) : sqlite3_errstr(rc),
		rc);
}

static enum err
script(struct db *db, const char *sql, struct error *e)
{
	int rc = sqlite3_exec(of(db)->handle, sql, NULL, NULL, NULL);

	return rc == SQLITE_OK ? ERR_OK : failed(db, rc, e);
}

/* ---- connecting ---- */

static bool
start(void)
{
	return sqlite3_threadsafe() != 0;
}

static void
close_connection(struct db *db)
{
	db_forget(db);
	sqlite3_close_v2(of(db)->handle);
	if (of(db)->writing)
		pthread_mutex_unlock(&db->state->writer);
	free(db);
}

/* Made before SQLite opens it, so that only its owner and group can read it. Only where it is not there: closing a file
 * that another connection of the process has open would drop that one's locks. */
static void
make_file(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0640);

	if (fd >= 0)
		close(fd);
}

/* A tool finds the file or does not; where it would be made, this user must be able to. */
static enum err
find_file(const char *path, struct error *e)
{
	char dir[4096];
	const char *slash = strrchr(path, '/');

	if (access(path, F_OK) == 0)
		return ERR_OK;
	if (errno != ENOENT)
		return err_set(e, ERR_INVALID, "%s: %s", path, strerrordesc_np(errno));
	if (!slash)
		snprintf(dir, sizeof dir, ".");
	else
		snprintf(dir, sizeof dir, "%.*s", slash == path ? 1 : (int)(slash - path), path);
	if (access(dir, W_OK | X_OK) < 0)
		return err_set(e, ERR_INVALID, "%s cannot be made: %s: %s", path, dir, strerrordesc_np(errno));
	return err_set(e, ERR_NOTFOUND, "%s is not there yet, the first start of cpush makes it", path);
}

static enum err
begin_session(struct sqlite *q, struct error *e)
{
	sqlite3_extended_result_codes(q->handle, 1);
	sqlite3_busy_timeout(q->handle, (int)q->db.state->config.lock_seconds * 1000);
	/* Which journal there is stands in the file, and is for its maker to say. */
	enum err err = q->db.state->tool ? ERR_OK : script(&q->db, "pragma journal_mode = wal", e);
	return err ? err : script(&q->db, "pragma synchronous = full; pragma foreign_keys = off;"
		"pragma trusted_schema = off; pragma journal_size_limit = 16777216", e);
}

static enum err
open_connection(struct state *s, struct db **db_r, struct error *e)
{
	struct sqlite *q;
	enum err err = s->tool ? find_file(s->config.path, e) : ERR_OK;

	*db_r = NULL;
	if (err)
		return err;
	q = calloc(1, sizeof *q);
	if (!q)
		return err_set(e, ERR_NOMEM, "out of memory");
	q->db.ops = &sqlite_ops;
	q->db.state = s;
	if (!s->tool)
		make_file(s->config.path);
	int rc = sqlite3_open_v2(s->config.path, &q->handle,
		SQLITE_OPEN_READWRITE | (s->tool ? 0 : SQLITE_OPEN_CREATE) | SQLITE_OPEN_NOMUTEX, NULL);
	err = rc == SQLITE_OK ? begin_session(q, e) : failed(&q->db, rc, e);
	if (err) {
		int why = sqlite3_errcode(q->handle) & 0xFF;

		/* Not there and not to be made, or no database: the setting is wrong. */
		if (why == SQLITE_CANTOPEN || why == SQLITE_NOTADB)
			err = err_set(e, ERR_INVALID, "%s: %s", s->config.path, sqlite3_errmsg(q->handle));
		close_connection(&q->db);
		return err;
	}
	*db_r = &q->db;
	return ERR_OK;
}

/* ---- transactions ---- */

static enum err
take_turn(struct sqlite *q, struct error *e)
{
	struct state *s = q->db.state;
	struct timespec until;

	/* Not the monotonic clock's pthread_mutex_clocklock(), which ThreadSanitizer does not know yet. */
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += (time_t)s->config.lock_seconds;
	if (pthread_mutex_timedlock(&s->writer, &until)) {
		q->db.fate = DB_DOWN;
		return err_set(e, ERR_UNAVAILABLE, "SQLite: the store was busy for %u s",
			(unsigned)s->config.lock_seconds);
	}
	q->writing = true;
	return ERR_OK;
}

static void
give_turn(struct sqlite *q)
{
	if (q->writing)
		pthread_mutex_unlock(&q->db.state->writer);
	q->writing = false;
}

static enum err
begin(struct db *db, enum state_mode mode, struct error *e)
{
	if (mode == STATE_READ)
		return script(db, "begin", e);
	enum err err = take_turn(of(db), e);
	if (!err)
		err = script(db, "begin immediate", e);
	if (err)
		give_turn(of(db));
	return err;
}

static void
rollback(struct db *db)
{
	/* Some failures have ended the transaction already. */
	if (!sqlite3_get_autocommit(of(db)->handle) && script(db, "rollback", NULL) && db->fate < DB_LOST)
		db->fate = DB_LOST;
	give_turn(of(db));
}

/* There is no connection that could be cut; the tests get the same outcomes. */
static enum err
commit(struct db *db, enum state_mode mode, enum state_cut cut, struct error *e)
{
	(void)mode;
	if (cut == STATE_CUT_BEFORE) {
		rollback(db);
		db->fate = DB_LOST;
		return err_set(e, ERR_UNAVAILABLE, "SQLite: cut before COMMIT");
	}
	enum err err = script(db, "commit", e);
	if (err) {
		rollback(db);
		return err;
	}
	give_turn(of(db));
	if (cut == STATE_CUT_IN) {
		db->fate = DB_DOWN;
		return err_set(e, ERR_UNAVAILABLE, "SQLite: cut in COMMIT");
	}
	if (cut == STATE_CUT_AFTER)
		db->fate = DB_LOST;
	return ERR_OK;
}

/* ---- statements ---- */

static void
finalize(struct db_stmt *st)
{
	sqlite3_finalize(stmt_of(st)->stmt);
	free(st);
}

static enum err
prepare(struct db *db, const char *sql, struct db_stmt **st_r, struct error *e)
{
	struct sqlite_stmt *m = calloc(1, sizeof *m);

	if (!m)
		return err_set(e, ERR_NOMEM, "out of memory");
	int rc = sqlite3_prepare_v3(of(db)->handle, sql, -1, SQLITE_PREPARE_PERSISTENT, &m->stmt, NULL);
	if (rc != SQLITE_OK) {
		finalize(&m->st);
		return failed(db, rc, e);
	}
	*st_r = &m->st;
	return ERR_OK;
}

/* The first step is made here, so that a failure is known at once, as with the other store. */
static enum err
execute(struct db_stmt *st, const struct db_value *v, size_t n, struct error *e)
{
	struct sqlite_stmt *m = stmt_of(st);
	int rc = SQLITE_OK;

	if ((int)n != sqlite3_bind_parameter_count(m->stmt))
		return err_set(e, ERR_INTERNAL, "%zu values for %d parameters", n,
			sqlite3_bind_parameter_count(m->stmt));
	for (size_t i = 0; i < n && rc == SQLITE_OK; i++) {
		int at = (int)i + 1;

		if (v[i].type == DB_INT)
			rc = sqlite3_bind_int64(m->stmt, at, v[i].i);
		else if (v[i].type == DB_BYTES)
			rc = sqlite3_bind_blob64(m->stmt, at, v[i].p, v[i].n, SQLITE_STATIC);
		else
			rc = sqlite3_bind_null(m->stmt, at);
	}
	if (rc != SQLITE_OK)
		return failed(st->db, rc, e);
	rc = sqlite3_step(m->stmt);
	if (rc != SQLITE_ROW && rc != SQLITE_DONE)
		return failed(st->db, rc, e);
	m->started = true;
	m->row = rc == SQLITE_ROW;
	m->fetched = 0;
	return ERR_OK;
}

static enum err
step(struct db_stmt *st, bool *row_r, struct error *e)
{
	struct sqlite_stmt *m = stmt_of(st);

	*row_r = false;
	if (!m->started && m->row) {
		int rc = sqlite3_step(m->stmt);

		if (rc != SQLITE_ROW && rc != SQLITE_DONE)
			return failed(st->db, rc, e);
		m->row = rc == SQLITE_ROW;
	}
	m->started = false;
	*row_r = m->row;
	m->fetched += m->row;
	return ERR_OK;
}

static void
reset(struct db_stmt *st)
{
	struct sqlite_stmt *m = stmt_of(st);

	sqlite3_reset(m->stmt);
	sqlite3_clear_bindings(m->stmt);
	m->started = m->row = false;
}

static bool
column(struct db_stmt *st, unsigned i, struct db_value *v_r)
{
	sqlite3_stmt *q = stmt_of(st)->stmt;
	int at = (int)i;

	switch (sqlite3_column_type(q, at)) {
	case SQLITE_INTEGER:
		*v_r = I(sqlite3_column_int64(q, at));
		return true;
	case SQLITE_NULL:
		*v_r = N();
		return true;
	default:
		break;
	}
	const void *p = sqlite3_column_blob(q, at);
	size_t n = (size_t)sqlite3_column_bytes(q, at);
	*v_r = B(p, n);
	return p || !n;
}

static int64_t
matched(struct db_stmt *st)
{
	struct sqlite_stmt *m = stmt_of(st);

	return sqlite3_column_count(m->stmt) ? m->fetched : sqlite3_changes64(sqlite3_db_handle(m->stmt));
}

static int64_t
last_id(struct db_stmt *st)
{
	return sqlite3_last_insert_rowid(sqlite3_db_handle(stmt_of(st)->stmt));
}

/* ---- the schema ---- */

static enum err
lock_schema(struct db *db, struct error *e)
{
	return script(db, "begin immediate", e);
}

static enum err
unlock_schema(struct db *db, bool done, struct error *e)
{
	if (!done) {
		rollback(db);
		return ERR_OK;
	}
	enum err err = script(db, "commit", e);
	if (err)
		rollback(db);
	return err;
}

static const char *
type(const char *word)
{
	static const char *const words[][2] = {
		/* autoincrement: an id that was deleted is never given again */
		{ "id", "integer primary key autoincrement" },
		{ "int", "integer not null default 0" },
		{ "key", "blob not null" },
		{ "hash", "blob" },
		{ "bytes", "blob not null" },
		{ "engine", "" },
	};

	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		if (strcmp(words[i][0], word) == 0)
			return words[i][1];
	}
	return NULL;
}

static void
thread_end(void)
{
}

const struct db_ops sqlite_ops = {
	.name = "sqlite",
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
	.type = type,
	.thread_end = thread_end,
};
