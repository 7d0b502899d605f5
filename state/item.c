/* The mirror's rows. Range conditions are written so that MariaDB finds them in an index, and `+ 0` keeps both planners
 * from taking the index of a column that the order does not follow. */
#include <stdlib.h>

#include "state/db.h"

#define COLUMNS \
	"id, folder, bkey, version, date, created_seq, created_by, seq, changed_by, moved_to, moved_at, outside," \
	" deleted"
#define LOW "date >= ? and (date > ? or id >= ?)"
#define HIGH "date <= ? and (date < ? or id < ?)"

/* ---- reading ---- */

static void
read_items(struct db_rows *r, struct arena *a, struct buf *list)
{
	while (db_next(r)) {
		struct state_item it = {
			.id = db_int(r, 0),
			.folder = db_int(r, 1),
			.key = db_text(r, 2, a),
			.version = db_text(r, 3, a),
			.date = db_int(r, 4),
			.created_seq = db_int(r, 5),
			.created_by = db_int(r, 6),
			.seq = db_int(r, 7),
			.changed_by = db_int(r, 8),
			.moved_to = db_int(r, 9),
			.moved_at = db_int(r, 10),
			.outside = db_int(r, 11),
			.deleted = db_int(r, 12),
		};

		db_add(r, list, &it, sizeof it);
	}
}

static enum err
select_items(struct state_txn *t, struct arena *a, const char *sql, const struct db_value *v, size_t n,
	struct state_items *items_r)
{
	AUTO(buf_finish) struct buf list = { 0 };
	struct db_rows r;

	db_query(t, &r, sql, v, n);
	read_items(&r, a, &list);
	return db_list(&r, a, &list, sizeof *items_r->list, &items_r->list, &items_r->n);
}

#define LOOK_UP 128

/* `head` (?, ?, ...) with up to LOOK_UP values, which are filled up with the last one. */
static enum err
look_up(struct state_txn *t, struct arena *a, const char *head, struct db_value v[LOOK_UP + 1], size_t n,
	struct buf *list)
{
	AUTO(buf_finish) struct buf sql = { 0 };
	struct db_rows r;
	size_t room = db_batch(n);

	for (size_t i = n; i < room; i++)
		v[1 + i] = v[n];
	buf_add_str(&sql, head);
	buf_add_str(&sql, "(");
	db_add_marks(&sql, room);
	buf_add_str(&sql, ")");
	const char *text = buf_str(&sql);
	if (!text)
		return err_set(t->e, ERR_NOMEM, "out of memory");
	db_query(t, &r, text, v, 1 + room);
	read_items(&r, a, list);
	return db_end(&r);
}

static enum err
finish(struct state_txn *t, struct arena *a, const struct buf *list, struct state_items *items_r)
{
	items_r->list = arena_memdup(a, list->data, list->len);
	items_r->n = list->len / sizeof *items_r->list;
	return items_r->list ? ERR_OK : err_set(t->e, ERR_NOMEM, "out of memory");
}

enum err
state_items_by_key(struct state_txn *t, struct arena *a, int64_t folder, const char *const *keys, size_t n,
	struct state_items *items_r)
{
	AUTO(buf_finish) struct buf list = { 0 };
	unsigned char hash[LOOK_UP][DB_HASH];
	struct db_value v[LOOK_UP + 1];

	v[0] = I(folder);
	for (size_t at = 0; at < n; at += LOOK_UP) {
		size_t part = n - at < LOOK_UP ? n - at : LOOK_UP;
		enum err err = ERR_OK;

		for (size_t i = 0; i < part && !err; i++) {
			err = db_hash(t, keys[at + i], hash[i]);
			v[1 + i] = B(hash[i], DB_HASH);
		}
		if (!err)
			err = look_up(t, a, "select " COLUMNS " from item where folder = ? and hash in ", v, part,
				&list);
		if (err)
			return err;
	}
	return finish(t, a, &list, items_r);
}

enum err
state_items_by_id(struct state_txn *t, struct arena *a, int64_t folder, const int64_t *ids, size_t n,
	struct state_items *items_r)
{
	AUTO(buf_finish) struct buf list = { 0 };
	struct db_value v[LOOK_UP + 1];

	v[0] = I(folder);
	for (size_t at = 0; at < n; at += LOOK_UP) {
		size_t part = n - at < LOOK_UP ? n - at : LOOK_UP;

		for (size_t i = 0; i < part; i++)
			v[1 + i] = I(ids[at + i]);
		enum err err = look_up(t, a, "select " COLUMNS " from item where folder + 0 = ? and id in ", v, part,
			&list);
		if (err)
			return err;
	}
	return finish(t, a, &list, items_r);
}

enum err
state_items_live(struct state_txn *t, struct arena *a, int64_t folder, struct state_items *items_r)
{
	return select_items(t, a, "select " COLUMNS " from item where folder = ? and hash is not null", ARGS(I(folder)),
		items_r);
}

enum err
state_items_changed(struct state_txn *t, struct arena *a, int64_t folder, int64_t after, size_t limit,
	struct state_items *items_r)
{
	return select_items(t, a, "select " COLUMNS " from item where folder = ? and seq > ? order by seq limit ?",
		ARGS(I(folder), I(after), I((int64_t)limit)), items_r);
}

enum err
state_items_created(struct state_txn *t, struct arena *a, int64_t folder, int64_t after, int64_t me, int64_t edge_date,
	int64_t edge_id, size_t limit, struct state_items *items_r)
{
	return select_items(t, a,
		"select " COLUMNS " from item where folder = ? and created_seq > ? and deleted = 0 and created_by <> ?"
		" and date + 0 >= ? and (date > ? or id >= ?) order by created_seq limit ?",
		ARGS(I(folder), I(after), I(me), I(edge_date), I(edge_date), I(edge_id), I((int64_t)limit)), items_r);
}

enum err
state_items_between(struct state_txn *t, struct arena *a, int64_t folder, int64_t low_date, int64_t low_id,
	int64_t high_date, int64_t high_id, size_t limit, struct state_items *items_r)
{
	return select_items(t, a,
		"select " COLUMNS " from item where folder = ? and " LOW " and " HIGH " order by date, id limit ?",
		ARGS(I(folder), I(low_date), I(low_date), I(low_id), I(high_date), I(high_date), I(high_id),
		I((int64_t)limit)), items_r);
}

enum err
state_items_older(struct state_txn *t, struct arena *a, int64_t folder, int64_t upto, int64_t me, int64_t low_date,
	int64_t low_id, int64_t high_date, int64_t high_id, size_t limit, struct state_items *items_r)
{
	return select_items(t, a,
		"select " COLUMNS " from item where folder = ? and " LOW " and " HIGH " and created_seq + 0 <= ?"
		" and deleted = 0 and not (created_by = ? and outside = 1) order by date desc, id desc limit ?",
		ARGS(I(folder), I(low_date), I(low_date), I(low_id), I(high_date), I(high_date), I(high_id), I(upto),
		I(me),
			I((int64_t)limit)), items_r);
}

/* ---- writing ---- */

/* What is written of a row, in the order of `columns`. */
static const char *const columns[] = { "bkey", "hash", "version", "date", "created_seq", "created_by", "seq",
	"changed_by", "moved_to",
	"moved_at", "outside", "deleted" };
#define WRITTEN 12
#define HASH 1
#define PART 128  /* rows of one INSERT, at most */
#define UPDATE 32 /* rows of one UPDATE */

struct written {
	struct state_item *item;
	unsigned char hash[DB_HASH];
	struct db_value v[WRITTEN];
};

static enum err
prepare(struct state_txn *t, struct state_item *it, struct written *w)
{
	enum err err = it->deleted ? ERR_OK : db_hash(t, it->key, w->hash);

	w->item = it;
	struct db_value v[WRITTEN] = { S(it->key), it->deleted ? N() : B(w->hash, DB_HASH), S(it->version), I(it->date),
		I(it->created_seq), I(it->created_by), I(it->seq), I(it->changed_by), I(it->moved_to), I(it->moved_at),
		I(it->outside), I(it->deleted) };
	memcpy(w->v, v, sizeof v);
	return err;
}

/* update item set COLUMN = case id when ? then ? ... end, ... where id in (...): one statement for many rows, known to
 * both stores. Fewer rows than the statement has room for: the last is named again. */
static enum err
update(struct state_txn *t, const struct written *w, size_t n)
{
	AUTO(buf_finish) struct buf sql = { 0 };
	struct db_value v[UPDATE * (2 * WRITTEN + 1)];
	size_t room = n > 8 ? UPDATE : n > 1 ? 8 : 1, at = 0;
	int64_t matched;

	buf_add_str(&sql, "update item set ");
	for (size_t c = 0; c < WRITTEN; c++) {
		buf_printf(&sql, "%s%s = case id", c ? ", " : "", columns[c]);
		for (size_t i = 0; i < room; i++) {
			const struct written *row = &w[i < n ? i : n - 1];

			buf_add_str(&sql, " when ? then ?");
			v[at++] = I(row->item->id);
			v[at++] = row->v[c];
		}
		buf_add_str(&sql, " end");
	}
	buf_add_str(&sql, " where id in (");
	db_add_marks(&sql, room);
	buf_add_str(&sql, ")");
	for (size_t i = 0; i < room; i++)
		v[at++] = I(w[i < n ? i : n - 1].item->id);
	const char *text = buf_str(&sql);
	if (!text)
		return err_set(t->e, ERR_NOMEM, "out of memory");
	enum err err = db_exec(t, text, v, at, &matched);
	if (!err && matched < (int64_t)n)
		err = err_set(t->e, ERR_NOTFOUND, "an item that was to be written is gone");
	return err;
}

/* The ids that the store has given; told apart by the key's hash, for no one promises the order. A tombstone comes
 * alone. */
static void
read_ids(struct db_rows *r, struct written *w, size_t n)
{
	for (size_t k = 0; db_next(r); k++) {
		struct slice hash = db_bytes(r, 1);

		for (size_t i = 0; i < n; i++) {
			struct written *row = &w[(k + i) % n];

			if (n == 1 || (hash.len == DB_HASH && memcmp(hash.ptr, row->hash, DB_HASH) == 0)) {
				row->item->id = db_int(r, 0);
				break;
			}
		}
	}
}

static enum err
insert(struct state_txn *t, struct written *w, size_t n)
{
	AUTO(buf_finish) struct buf sql = { 0 };
	struct db_value v[PART * (WRITTEN + 1)];
	struct db_rows r;
	size_t at = 0;

	buf_add_str(&sql, "insert into item (folder");
	for (size_t c = 0; c < WRITTEN; c++)
		buf_printf(&sql, ", %s", columns[c]);
	buf_add_str(&sql, ") values ");
	for (size_t i = 0; i < n; i++) {
		buf_add_str(&sql, i ? ", (" : "(");
		db_add_marks(&sql, WRITTEN + 1);
		buf_add_str(&sql, ")");
		v[at++] = I(w[i].item->folder);
		memcpy(v + at, w[i].v, sizeof w[i].v);
		at += WRITTEN;
	}
	buf_add_str(&sql, " returning id, hash");
	const char *text = buf_str(&sql);
	if (!text)
		return err_set(t->e, ERR_NOMEM, "out of memory");
	db_query(t, &r, text, v, at);
	read_ids(&r, w, n);
	enum err err = db_end(&r);
	for (size_t i = 0; !err && i < n; i++) {
		if (!w[i].item->id)
			err = err_set(t->e, ERR_INTERNAL, "an item got no id");
	}
	return err;
}

static enum err
insert_all(struct state_txn *t, struct written *w, size_t n)
{
	enum err err = ERR_OK;

	for (size_t at = 0, part; !err && at < n; at += part) {
		part = n - at >= 128 ? 128 : n - at >= 32 ? 32 : n - at >= 8 ? 8 : 1;
		for (size_t i = 0; part > 1 && i < part; i++) {
			if (w[at + i].item->deleted)
				part = 1;
		}
		err = insert(t, w + at, part);
	}
	return err;
}

/* Tombstones first, so that a live row can take the key of one in the same call. */
enum pass { TOMBSTONES, LIVE, NEW, PASSES };

static enum pass
pass_of(const struct state_item *it)
{
	return !it->id ? NEW : it->deleted ? TOMBSTONES : LIVE;
}

static enum err
write_part(struct state_txn *t, enum pass pass, struct written *w, size_t n)
{
	enum err err = pass == NEW ? insert_all(t, w, n) : ERR_OK;

	for (size_t at = 0; pass != NEW && !err && at < n; at += UPDATE)
		err = update(t, w + at, n - at < UPDATE ? n - at : UPDATE);
	if (err == ERR_EXISTS)
		err_set(t->e, err, "a live item has this key already");
	return err;
}

enum err
state_items_save(struct state_txn *t, struct state_item *items, size_t n)
{
	struct written *w = malloc(PART * sizeof *w);
	enum err err = w ? ERR_OK : err_set(t->e, ERR_NOMEM, "out of memory");
	/* Ids that this call gives out are not to be taken for rows that were there. */
	AUTO(buf_finish) struct buf passes = { 0 };

	for (size_t i = 0; i < n; i++)
		buf_add_byte(&passes, (unsigned char)pass_of(&items[i]));
	if (!err && !buf_ok(&passes))
		err = err_set(t->e, ERR_NOMEM, "out of memory");
	for (unsigned pass = 0; pass < PASSES; pass++) {
		size_t held = 0;

		for (size_t i = 0; !err && i < n; i++) {
			if (passes.data[i] != pass)
				continue;
			err = prepare(t, &items[i], &w[held++]);
			if (!err && held == PART) {
				err = write_part(t, pass, w, held);
				held = 0;
			}
		}
		if (!err)
			err = write_part(t, pass, w, held);
	}
	/* A run that is rolled back and repeated must insert them again. */
	for (size_t i = 0; err && buf_ok(&passes) && i < n; i++) {
		if (passes.data[i] == NEW)
			items[i].id = 0;
	}
	free(w);
	return err;
}

enum err
state_items_disown(struct state_txn *t, int64_t folder, const int64_t *ids, size_t n)
{
	const struct db_value fixed[] = { I(folder) };

	return db_exec_ids(t, "update item set created_by = 0 where folder + 0 = ? and id in ", fixed, 1, ids, n);
}

enum err
state_items_inherit(struct state_txn *t, int64_t folder, int64_t from, int64_t to)
{
	enum err err = db_exec(t, "update item set changed_by = ? where folder = ? and changed_by = ?", ARGS(I(to), I(folder), I(from)),
		NULL);

	if (err)
		return err;
	return db_exec(t, "update item set created_by = ? where folder = ? and created_by = ?", ARGS(I(to), I(folder), I(from)), NULL);
}
