#include "state/collection.h"
#include "state/db.h"

#define COLUMNS \
	"id, user, bkey, parent, name, class, type, readonly, token, seq, created_seq, hierarchy_seq, deleted"

static void
read_folder(struct db_rows *r, struct arena *a, struct state_folder *f)
{
	*f = (struct state_folder){
		.id = db_int(r, 0),
		.user = db_int(r, 1),
		.key = db_text(r, 2, a),
		.parent = db_text(r, 3, a),
		.name = db_text(r, 4, a),
		.class = (unsigned)db_int(r, 5),
		.type = (unsigned)db_int(r, 6),
		.readonly = db_int(r, 7),
		.cursor = db_text(r, 8, a),
		.seq = db_int(r, 9),
		.created_seq = db_int(r, 10),
		.hierarchy_seq = db_int(r, 11),
		.deleted = db_int(r, 12),
	};
}

/* Who will write locks the row: what is read now is what is changed then. */
static enum err
read_seq(struct state_txn *t, int64_t user, int64_t *seq_r)
{
	struct db_rows r;
	bool found = false;

	db_query(t, &r, t->mode == STATE_WRITE ? db_either(t, "select hierarchy_seq from user where id = ? for update",
		"select hierarchy_seq from user where id = ?") : "select hierarchy_seq from user where id = ?", ARGS(I(user)));
	while (db_next(&r)) {
		*seq_r = db_int(&r, 0);
		found = true;
	}
	enum err err = db_end(&r);
	return err || found ? err : err_set(t->e, ERR_NOTFOUND, "there is no such user");
}

enum err
state_folders(struct state_txn *t, struct arena *a, int64_t user, int64_t since, struct state_folder **list_r,
	size_t *n_r, int64_t *seq_r)
{
	AUTO(buf_finish) struct buf list = { 0 };
	struct db_rows r;
	enum err err = read_seq(t, user, seq_r);

	if (err)
		return err;
	db_query(t, &r, "select " COLUMNS " from folder where user = ? and hierarchy_seq > ? order by id",
		ARGS(I(user), I(since)));
	while (db_next(&r)) {
		struct state_folder f;

		read_folder(&r, a, &f);
		db_add(&r, &list, &f, sizeof f);
	}
	return db_list(&r, a, &list, sizeof **list_r, list_r, n_r);
}

enum err
state_folder(struct state_txn *t, struct arena *a, int64_t user, int64_t id, struct state_folder *f_r)
{
	struct db_rows r;
	bool found = false;

	db_query(t, &r, "select " COLUMNS " from folder where id = ? and user = ? and deleted = 0",
		ARGS(I(id), I(user)));
	while (db_next(&r)) {
		read_folder(&r, a, f_r);
		found = true;
	}
	enum err err = db_end(&r);
	return err || found ? err : ERR_NOTFOUND;
}

enum err
state_folder_by_key(struct state_txn *t, struct arena *a, const char *user, const char *key, struct state_folder *f_r)
{
	unsigned char hash[DB_HASH];
	struct db_rows r;
	bool found = false;
	enum err err = db_hash(t, key, hash);

	if (err)
		return err;
	db_query(t, &r, "select " COLUMNS " from folder where user = (select id from user where name = ?) and hash = ?",
		ARGS(S(user), B(hash, sizeof hash)));
	while (db_next(&r)) {
		read_folder(&r, a, f_r);
		found = true;
	}
	err = db_end(&r);
	return err || found ? err : ERR_NOTFOUND;
}

/* Without items, and nothing was looked at. */
static enum err
empty(struct state_txn *t, int64_t id)
{
	static const char *const texts[] = {
		"delete from item where folder = ?",
		"delete from trouble where folder = ?",
		"update folder set token = '' where id = ?",
	};
	enum err err = ERR_OK;

	for (size_t i = 0; !err && i < ARRAY_LEN(texts); i++)
		err = db_exec(t, texts[i], ARGS(I(id)), NULL);
	return err;
}

static enum err
insert(struct state_txn *t, struct state_folder *f, struct db_value hash)
{
	f->created_seq = f->hierarchy_seq;
	return db_insert(t,
		"insert into folder (user, bkey, hash, parent, name, class, type, readonly, token, created_seq, hierarchy_seq,"
		" deleted) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
		ARGS(I(f->user), S(f->key), hash, S(f->parent), S(f->name), I(f->class), I(f->type), I(f->readonly),
		S(f->cursor),
			I(f->created_seq), I(f->hierarchy_seq), I(f->deleted)), &f->id);
}

static enum err
update(struct state_txn *t, const struct state_folder *f, struct db_value hash)
{
	int64_t matched;
	enum err err = db_exec(t,
		"update folder set bkey = ?, hash = ?, parent = ?, name = ?, class = ?, type = ?, readonly = ?,"
		" hierarchy_seq = ?, deleted = ? where id = ? and user = ?",
		ARGS(S(f->key), hash, S(f->parent), S(f->name), I(f->class), I(f->type), I(f->readonly),
		I(f->hierarchy_seq),
			I(f->deleted), I(f->id), I(f->user)), &matched);

	if (!err && !matched)
		err = err_set(t->e, ERR_NOTFOUND, "there is no such folder");
	if (err || !f->deleted)
		return err;
	err = collections_drop(t, 0, f->id);
	return err ? err : empty(t, f->id);
}

enum err
state_folder_save(struct state_txn *t, struct state_folder *f)
{
	unsigned char hash[DB_HASH];
	int64_t id = f->id;
	/* Takes the row's lock, too. */
	enum err err = db_exec(t, "update user set hierarchy_seq = hierarchy_seq + 1 where id = ?", ARGS(I(f->user)),
		NULL);

	if (!err)
		err = read_seq(t, f->user, &f->hierarchy_seq);
	if (!err)
		err = db_hash(t, f->key, hash);
	if (err)
		return err;
	struct db_value found_by = f->deleted ? N() : B(hash, sizeof hash);
	err = id ? update(t, f, found_by) : insert(t, f, found_by);
	if (err == ERR_EXISTS)
		err_set(t->e, err, "there is a folder with this key already");
	return err;
}

enum err
state_folder_lock(struct state_txn *t, struct arena *a, int64_t id, int64_t *seq_r, const char **cursor_r)
{
	struct db_rows r;
	bool found = false;

	db_query(t, &r, db_either(t, "select seq, token from folder where id = ? and deleted = 0 for update",
		"select seq, token from folder where id = ? and deleted = 0"), ARGS(I(id)));
	while (db_next(&r)) {
		*seq_r = db_int(&r, 0);
		*cursor_r = db_text(&r, 1, a);
		found = true;
	}
	enum err err = db_end(&r);
	return err || found ? err : ERR_NOTFOUND;
}

enum err
state_folder_advance(struct state_txn *t, int64_t id, int64_t seq, const char *cursor)
{
	if (!cursor)
		return db_exec(t, "update folder set seq = ? where id = ?", ARGS(I(seq), I(id)), NULL);
	return db_exec(t, "update folder set seq = ?, token = ? where id = ?", ARGS(I(seq), S(cursor), I(id)), NULL);
}

enum err
state_folder_reset(struct state_txn *t, int64_t id)
{
	enum err err = collections_revoke(t, 0, id);

	return err ? err : empty(t, id);
}
