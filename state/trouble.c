#include <time.h>

#include "state/db.h"

enum err
state_trouble_clear(struct state_txn *t, int64_t folder, const char *key)
{
	unsigned char hash[DB_HASH];
	enum err err = db_hash(t, key, hash);

	if (err)
		return err;
	return db_exec(t, "delete from trouble where folder = ? and hash = ?", ARGS(I(folder), B(hash, sizeof hash)), NULL);
}

enum err
state_trouble_save(struct state_txn *t, int64_t folder, const char *key, const char *version, const char *reason)
{
	static const char update[] = "update trouble set version = ?, reason = ?, at = ? where folder = ? and hash = ?";
	unsigned char hash[DB_HASH];
	int64_t matched, now = time(NULL);
	enum err err = db_hash(t, key, hash);

	if (!err)
		err = db_exec(t, update, ARGS(S(version), S(reason), I(now), I(folder), B(hash, sizeof hash)),
			&matched);
	if (err || matched)
		return err;
	err = db_exec(t, "insert into trouble (folder, hash, bkey, version, reason, at) values (?, ?, ?, ?, ?, ?)",
		ARGS(I(folder), B(hash, sizeof hash), S(key), S(version), S(reason), I(now)), NULL);
	if (err != ERR_EXISTS)
		return err;
	/* Another responder was quicker. */
	return db_exec(t, update, ARGS(S(version), S(reason), I(now), I(folder), B(hash, sizeof hash)), NULL);
}

#define LIST \
	"select t.folder, u.name, f.name, t.bkey, t.version, t.reason, t.at from user u join folder f on f.user = u.id" \
	" join trouble t on t.folder = f.id"

enum err
state_troubles(struct state_txn *t, struct arena *a, const char *user, struct state_trouble **list_r, size_t *n_r)
{
	AUTO(buf_finish) struct buf list = { 0 };
	struct db_rows r;

	if (user)
		db_query(t, &r, LIST " where u.name = ? order by t.folder, t.at", ARGS(S(user)));
	else
		db_query(t, &r, LIST " order by u.name, t.folder, t.at", NO_ARGS);
	while (db_next(&r)) {
		struct state_trouble one = {
			.folder = db_int(&r, 0),
			.user = db_text(&r, 1, a),
			.folder_name = db_text(&r, 2, a),
			.key = db_text(&r, 3, a),
			.version = db_text(&r, 4, a),
			.reason = db_text(&r, 5, a),
			.when = db_int(&r, 6),
		};

		db_add(&r, &list, &one, sizeof one);
	}
	return db_list(&r, a, &list, sizeof **list_r, list_r, n_r);
}
