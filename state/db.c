#include "state/db.h"

#include <openssl/evp.h>
#include <stdlib.h>

#include "base/hash.h"

#define LIST_MAX (512UL << 20) /* bytes of one list; a folder of a million rows stays below it */

/* ---- the statement cache ---- */

static unsigned
bucket(const char *sql)
{
	return hash_text(HASH_START, sql) % DB_BUCKETS;
}

static enum err
find(struct state_txn *t, const char *sql, struct db_stmt **st_r)
{
	struct db *db = t->db;
	unsigned b = bucket(sql);
	struct db_stmt *st;

	SLIST_FOREACH(st, &db->cache[b], link) {
		if (strcmp(st->sql, sql) == 0) {
			*st_r = st;
			return ERR_OK;
		}
	}
	enum err err = db->ops->prepare(db, sql, &st, t->e);
	if (err)
		return err;
	st->db = db;
	st->writes = strncmp(sql, "select", 6) != 0 && strncmp(sql, "explain", 7) != 0;
	st->sql = strdup(sql);
	if (!st->sql) {
		db->ops->finalize(st);
		return err_set(t->e, ERR_NOMEM, "out of memory");
	}
	SLIST_INSERT_HEAD(&db->cache[b], st, link);
	*st_r = st;
	return ERR_OK;
}

void
db_forget(struct db *db)
{
	for (unsigned b = 0; b < DB_BUCKETS; b++) {
		struct db_stmt *st;

		while ((st = SLIST_FIRST(&db->cache[b]))) {
			SLIST_REMOVE_HEAD(&db->cache[b], link);
			free(st->sql);
			db->ops->finalize(st);
		}
	}
}

/* ---- running ---- */

/* Finds the statement and runs it; counted. After a failure of the transaction nothing more is sent. */
static enum err
run(struct state_txn *t, const char *sql, const struct db_value *v, size_t n, struct db_stmt **st_r)
{
	struct state *s = t->state;

	if (t->db->fate > DB_FAILED)
		return ERR_UNAVAILABLE;
	enum err err = find(t, sql, st_r);
	if (err)
		return err;
	if ((*st_r)->writes && t->mode == STATE_READ)
		return err_set(t->e, ERR_INTERNAL, "a write in a transaction that only reads");
	if (s->trace)
		s->trace(s->trace_arg, sql, v, n);
	count_add(COUNT_STORE_STATEMENTS, 1);
	if ((*st_r)->writes) {
		uint64_t bytes = 0;

		for (size_t i = 0; i < n; i++)
			bytes += v[i].type == DB_BYTES ? v[i].n : v[i].type == DB_INT ? sizeof v[i].i : 0;
		count_add(COUNT_STORE_OUT, bytes);
	}
	err = t->db->ops->execute(*st_r, v, n, t->e);
	if (err)
		t->db->ops->reset(*st_r);
	return err;
}

static enum err
run_write(struct state_txn *t, const char *sql, const struct db_value *v, size_t n, struct db_stmt **st_r)
{
	bool row = true;
	enum err err = run(t, sql, v, n, st_r);

	if (err)
		return err;
	while (!err && row)
		err = t->db->ops->step(*st_r, &row, t->e);
	if (!err && (*st_r)->writes)
		count_add(COUNT_STORE_ROWS, (uint64_t)t->db->ops->matched(*st_r));
	return err;
}

enum err
db_exec(struct state_txn *t, const char *sql, const struct db_value *v, size_t n, int64_t *matched_r)
{
	struct db_stmt *st;
	enum err err = run_write(t, sql, v, n, &st);

	if (err)
		return err;
	if (matched_r)
		*matched_r = t->db->ops->matched(st);
	t->db->ops->reset(st);
	return ERR_OK;
}

enum err
db_insert(struct state_txn *t, const char *sql, const struct db_value *v, size_t n, int64_t *id_r)
{
	struct db_stmt *st;
	enum err err = run_write(t, sql, v, n, &st);

	if (err)
		return err;
	*id_r = t->db->ops->last_id(st);
	t->db->ops->reset(st);
	return ERR_OK;
}

void
db_query(struct state_txn *t, struct db_rows *r, const char *sql, const struct db_value *v, size_t n)
{
	*r = (struct db_rows){ .t = t };
	r->err = run(t, sql, v, n, &r->st);
	if (r->err)
		r->st = NULL;
}

bool
db_next(struct db_rows *r)
{
	bool row = false;

	if (r->err)
		return false;
	r->err = r->t->db->ops->step(r->st, &row, r->t->e);
	return !r->err && row;
}

enum err
db_end(struct db_rows *r)
{
	if (r->st) {
		/* INSERT ... RETURNING */
		if (!r->err && r->st->writes)
			count_add(COUNT_STORE_ROWS, (uint64_t)r->t->db->ops->matched(r->st));
		r->t->db->ops->reset(r->st);
	}
	r->st = NULL;
	return r->err;
}

/* ---- columns and lists ---- */

static bool
column(struct db_rows *r, unsigned i, struct db_value *v)
{
	if (r->err)
		return false;
	if (!r->t->db->ops->column(r->st, i, v)) {
		r->err = err_set(r->t->e, ERR_NOMEM, "out of memory");
		return false;
	}
	count_add(COUNT_STORE_IN, v->type == DB_BYTES ? v->n : sizeof v->i);
	return true;
}

int64_t
db_int(struct db_rows *r, unsigned i)
{
	struct db_value v;

	return column(r, i, &v) && v.type == DB_INT ? v.i : 0;
}

struct slice
db_bytes(struct db_rows *r, unsigned i)
{
	struct db_value v;

	return column(r, i, &v) && v.type == DB_BYTES ? slice(v.p, v.n) : slice("", 0);
}

const char *
db_text(struct db_rows *r, unsigned i, struct arena *a)
{
	struct slice s = db_bytes(r, i);
	char *copy = arena_alloc(a, s.len + 1);

	if (!copy) {
		if (!r->err)
			r->err = err_set(r->t->e, ERR_NOMEM, "out of memory");
		return "";
	}
	if (s.len)
		memcpy(copy, s.ptr, s.len);
	return copy;
}

void
db_add(struct db_rows *r, struct buf *list, const void *row, size_t size)
{
	if (list->max == 0)
		list->max = LIST_MAX;
	buf_add(list, row, size);
	if (!buf_ok(list) && !r->err)
		r->err = err_set(r->t->e, ERR_NOMEM, "out of memory");
}

enum err
db_list(struct db_rows *r, struct arena *a, struct buf *list, size_t size, void *list_r, size_t *n_r)
{
	enum err err = db_end(r);

	if (err)
		return err;
	void *copy = arena_memdup(a, list->data, list->len);
	if (!copy)
		return err_set(r->t->e, ERR_NOMEM, "out of memory");
	*(void **)list_r = copy;
	*n_r = list->len / size;
	return ERR_OK;
}

/* ---- texts ---- */

const char *
db_either(const struct state_txn *t, const char *mariadb, const char *sqlite)
{
	return t->db->ops == &mariadb_ops ? mariadb : sqlite;
}

size_t
db_batch(size_t n)
{
	return n >= 128 ? 128 : n > 8 ? (n > 32 ? 128 : 32) : n > 1 ? 8 : 1;
}

void
db_add_marks(struct buf *sql, size_t n)
{
	for (size_t i = 0; i < n; i++)
		buf_add_str(sql, i ? ",?" : "?");
}

enum err
db_exec_ids(struct state_txn *t, const char *head, const struct db_value *fixed, size_t n_fixed, const int64_t *ids,
	size_t n)
{
	struct db_value v[4 + 128];

	if (n_fixed)
		memcpy(v, fixed, n_fixed * sizeof *v);
	for (size_t at = 0; at < n; at += 128) {
		AUTO(buf_finish) struct buf sql = { 0 };
		size_t part = n - at < 128 ? n - at : 128, room = db_batch(part);

		for (size_t i = 0; i < room; i++)
			v[n_fixed + i] = I(ids[at + (i < part ? i : part - 1)]);
		buf_add_str(&sql, head);
		buf_add_str(&sql, "(");
		db_add_marks(&sql, room);
		buf_add_str(&sql, ")");
		const char *text = buf_str(&sql);
		if (!text)
			return err_set(t->e, ERR_NOMEM, "out of memory");
		enum err err = db_exec(t, text, v, n_fixed + room, NULL);
		if (err)
			return err;
	}
	return ERR_OK;
}

enum err
db_hash(struct state_txn *t, const char *s, unsigned char out[DB_HASH])
{
	if (!EVP_Digest(s, strlen(s), out, NULL, EVP_sha256(), NULL))
		return err_set(t->e, ERR_NOMEM, "SHA-256 failed");
	return ERR_OK;
}
