/* state/db.h - private to state/: what MariaDB and SQLite have in common, and the helpers that the tables are written
 * with.
 *
 * A `struct db` is one connection; a thread has one per store. A driver implements `struct db_ops`; everything else
 * speaks SQL that both understand, through db_exec() and db_query() with a transaction in hand. Statements are prepared
 * once per connection and found again by their text, so a text must come from a bounded set: values are always bound,
 * lists come in a few sizes.
 *
 * Errors:    a driver says what kind of failure it was (enum db_fate), which state_run() acts on, and records the
 *            sentence in the transaction's error. Values: all bytes are bound as bytes, all numbers as int64.
 * Threads:   a connection and its statements belong to the thread that opened it.
 */
#ifndef STATE_DB_H
#define STATE_DB_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/queue.h>

#include "base/buf.h"
#include "base/count.h"
#include "state/state.h"

enum db_fate {
	DB_FINE,
	DB_FAILED, /* the statement failed; the transaction would go on */
	DB_RETRY,  /* deadlock, lock time-out, lost vote: run the transaction again */
	DB_LOST,   /* the connection is gone, and nothing was committed */
	DB_DOWN,   /* no use in trying again now: full, read-only, refused, locked, or lost in COMMIT */
};

enum db_type { DB_NULL, DB_INT, DB_BYTES };

struct db_value {
	enum db_type type;
	int64_t i;
	const void *p; /* borrowed for the time of the call */
	size_t n;
};

static inline struct db_value
I(int64_t i)
{
	return (struct db_value){ .type = DB_INT, .i = i };
}

static inline struct db_value
B(const void *p, size_t n)
{
	return (struct db_value){ .type = DB_BYTES, .p = n ? p : "", .n = n };
}

static inline struct db_value
S(const char *s)
{
	return B(s ? s : "", s ? strlen(s) : 0);
}

static inline struct db_value
N(void)
{
	return (struct db_value){ .type = DB_NULL };
}

#define ARGS(...) \
	(const struct db_value[]){ __VA_ARGS__ }, \
		sizeof((const struct db_value[]){ __VA_ARGS__ }) / sizeof(struct db_value)
#define NO_ARGS NULL, 0

struct db;

/* A prepared statement; drivers put theirs behind it. */
struct db_stmt {
	struct db *db;
	SLIST_ENTRY(db_stmt) link;
	char *sql;
	bool writes;
};

struct db_ops {
	const char *name;
	bool (*start)(void); /* before the first connection */
	/* Connects. INVALID where the server refuses these settings, else UNAVAILABLE. *db_r is NULL then. */
	enum err (*open)(struct state *s, struct db **db_r, struct error *e);
	void (*close)(struct db *db);
	/* On failure these set db->fate. A transaction is open after begin() alone. */
	enum err (*begin)(struct db *db, enum state_mode mode, struct error *e);
	enum err (*commit)(struct db *db, enum state_mode mode, enum state_cut cut, struct error *e);
	void (*rollback)(struct db *db);
	enum err (*prepare)(struct db *db, const char *sql, struct db_stmt **st_r, struct error *e);
	void (*finalize)(struct db_stmt *st);
	/* Binds and runs; rows are then stepped through. reset() ends it in any case. */
	enum err (*execute)(struct db_stmt *st, const struct db_value *v, size_t n, struct error *e);
	enum err (*step)(struct db_stmt *st, bool *row_r, struct error *e);
	void (*reset)(struct db_stmt *st);
	/* Of the row stepped to; bytes are valid until the next step. */
	bool (*column)(struct db_stmt *st, unsigned i, struct db_value *v_r);
	int64_t (*matched)(struct db_stmt *st); /* rows that the WHERE of the last execute met, or that were inserted */
	int64_t (*last_id)(struct db_stmt *st);
	/* Text without parameters or rows, outside the cache. */
	enum err (*script)(struct db *db, const char *sql, struct error *e);
	/* Nobody else creates or migrates the schema meanwhile. */
	enum err (*lock_schema)(struct db *db, struct error *e);
	enum err (*unlock_schema)(struct db *db, bool commit, struct error *e);
	/* A named lock among all processes, of this connection; at most `seconds` are waited for it. NULL: there is one process only. */
	enum err (*hold)(struct db *db, int64_t name, unsigned seconds, bool *got_r, struct error *e);
	enum err (*let_go)(struct db *db, int64_t name, struct error *e);
	const char *(*type)(const char *word); /* what $word is in this dialect, see schema.c; NULL unknown */
	void (*thread_end)(void);
};

#define DB_BUCKETS 64

struct db {
	const struct db_ops *ops;
	struct state *state;
	SLIST_HEAD(, db_stmt) cache[DB_BUCKETS];
	LIST_ENTRY(db) link;
	enum db_fate fate;
	bool busy; /* in a transaction */
};

struct state_config {
	int driver, tls;
	const char *socket, *host, *database, *user, *password, *password_file, *ca_file, *path;
	uint64_t port, connect_seconds, answer_seconds, lock_seconds;
};
enum { DRIVER_MARIADB, DRIVER_SQLITE };
enum { TLS_OFF, TLS_OPTIONAL, TLS_REQUIRED };

struct state {
	const struct db_ops *ops;
	struct conf *conf;
	struct state_config config;
	bool tool;      /* makes nothing */
	char *password; /* as read from password_file; NULL: config.password */
	pthread_key_t key;
	pthread_mutex_t lock;         /* of `connections` and `swept` */
	LIST_HEAD(, db) connections;
	pthread_mutex_t writer;       /* SQLite: one writing transaction of this process at a time, in a queue */
	int lock_file;                /* SQLite: descriptor; -1 none */
	int64_t swept;                /* housekeeping: the folder that the last pass ended with */
	_Atomic bool reckoned;        /* put_back_reckon() is done */
	/* Tests: told of each statement that is run. */
	void (*trace)(void *arg, const char *sql, const struct db_value *v, size_t n);
	void *trace_arg;
};

struct state_txn {
	struct state *state;
	struct db *db;
	enum state_mode mode;
	struct error *e;
};

extern const struct db_ops mariadb_ops, sqlite_ops;

/* ---- for the tables ---- */

/* Runs a statement without rows. *matched_r may be NULL. EXISTS where a unique index has such a row; then the
 * transaction can go on. */
enum err db_exec(struct state_txn *t, const char *sql, const struct db_value *v, size_t n,
	int64_t *matched_r) NODISCARD;
/* The same for an INSERT into a table that numbers its rows. */
enum err db_insert(struct state_txn *t, const char *sql, const struct db_value *v, size_t n, int64_t *id_r) NODISCARD;

/* Rows of a SELECT: db_query(), db_next() until it is false, db_end(), which returns the first failure of all of them.
 * No other statement may run between db_query() and db_end(). */
struct db_rows {
	struct state_txn *t;
	struct db_stmt *st;
	enum err err;
};
void db_query(struct state_txn *t, struct db_rows *r, const char *sql, const struct db_value *v, size_t n);
bool db_next(struct db_rows *r);
enum err db_end(struct db_rows *r) NODISCARD;
/* Columns of the row: a number (NULL: 0); a copy with a NUL behind it (NULL: "", also where memory is short, which
 * db_end() tells); the bytes themselves, valid until db_next(). */
int64_t db_int(struct db_rows *r, unsigned i);
const char *db_text(struct db_rows *r, unsigned i, struct arena *a);
struct slice db_bytes(struct db_rows *r, unsigned i);
/* Appends a row to a list that db_list() turns into an array; fails like db_text(). */
void db_add(struct db_rows *r, struct buf *list, const void *row, size_t size);
/* db_end(), and what was added as an array in the arena. */
enum err db_list(struct db_rows *r, struct arena *a, struct buf *list, size_t size, void *list_r,
	size_t *n_r) NODISCARD;

/* The first text for MariaDB, the second for SQLite. */
const char *db_either(const struct state_txn *t, const char *mariadb, const char *sqlite);

/* Runs `head` + "(?,?,...)" with v[0..n_fixed) and then up to 128 ids at a time; shorter lists are filled up with their
 * last id, so that there are few texts. For DELETE, UPDATE and such. */
enum err db_exec_ids(struct state_txn *t, const char *head, const struct db_value *fixed, size_t n_fixed,
	const int64_t *ids, size_t n)
	NODISCARD;
/* How many parameters a list of n gets (1, 8, 32, 128), and the text of that many "?,?,?". */
size_t db_batch(size_t n);
void db_add_marks(struct buf *sql, size_t n);

/* SHA-256, for what is longer than an index may be. */
#define DB_HASH 32
enum err db_hash(struct state_txn *t, const char *s, unsigned char out[DB_HASH]) NODISCARD;

/* ---- for run.c, schema.c and the drivers ---- */

/* The thread's connection, made where there is none. */
enum err db_get(struct state *s, struct db **db_r, struct error *e) NODISCARD;
/* Closes the thread's connection. */
void db_drop(struct state *s);
/* Frees all cached statements of the connection: first thing in a driver's close(). */
void db_forget(struct db *db);
/* Creates or migrates the tables; for a tool: NOTFOUND where that has to be done. */
enum err schema_prepare(struct state *s, struct db *db, struct error *e) NODISCARD;
/* What this program knows. */
#define SCHEMA_VERSION 1
/* Sees to it that a store which went back (a restored backup) gives no id a second time and takes no old position for what a phone
 * has. At the start of a responder; where the store cannot be written to then, housekeeping does it later. */
enum err put_back_reckon(struct state *s, struct error *e) NODISCARD;

/* Retention, in seconds. */
#define KEEP_MOVED (7 * 86400)
#define KEEP_INTENT (7 * 86400)

#endif
