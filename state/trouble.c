#include "state/trouble.h"

#include <string.h>
#include <time.h>

enum err
state_trouble_clear(struct state_txn *t, int64_t folder, int64_t device, const char *key)
{
	unsigned char hash[DB_HASH];
	enum err err = db_hash(t, key, hash);

	if (err)
		return err;
	return db_exec(t, "delete from trouble where folder = ? and hash = ? and device in (0, ?)",
		ARGS(I(folder), B(hash, sizeof hash), I(device)), NULL);
}

enum err
state_trouble_save(struct state_txn *t, int64_t folder, int64_t device, const char *key, const char *version, const char *reason)
{
	static const char update[] = "update trouble set version = ?, reason = ?, at = ? where folder = ? and hash = ? and device = ?";
	unsigned char hash[DB_HASH];
	int64_t matched, now = time(NULL);
	enum err err = db_hash(t, key, hash);

	if (!err)
		err = db_exec(t, update, ARGS(S(version), S(reason), I(now), I(folder), B(hash, sizeof hash), I(device)),
			&matched);
	if (err || matched)
		return err;
	err = db_exec(t, "insert into trouble (folder, hash, device, bkey, version, reason, at) values (?, ?, ?, ?, ?, ?, ?)",
		ARGS(I(folder), B(hash, sizeof hash), I(device), S(key), S(version), S(reason), I(now)), NULL);
	if (err != ERR_EXISTS)
		return err;
	/* Another responder was quicker. */
	return db_exec(t, update, ARGS(S(version), S(reason), I(now), I(folder), B(hash, sizeof hash), I(device)), NULL);
}

enum err
state_has_trouble(struct state_txn *t, int64_t folder, bool *any_r)
{
	struct db_rows r;

	*any_r = false;
	db_query(t, &r, "select exists (select 1 from trouble where folder = ?)", ARGS(I(folder)));
	while (db_next(&r))
		*any_r = db_int(&r, 0) != 0;
	return db_end(&r);
}

/* hash is NULL in rows of what is gone. */
#define SAME_ITEM "i.folder = t.folder and i.hash = t.hash and i.version = t.version"
#define LIST \
	"select t.folder, u.name, f.name, t.bkey, t.version, t.reason, t.at, d.device_id" \
	" from user u join folder f on f.user = u.id join trouble t on t.folder = f.id join item i on " SAME_ITEM \
	" left join device d on d.id = t.device"

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
			.device = db_text(&r, 7, a),
		};

		db_add(&r, &list, &one, sizeof one);
	}
	return db_list(&r, a, &list, sizeof **list_r, list_r, n_r);
}

/* ---- housekeeping ---- */

struct stale {
	int64_t folder;
	unsigned char hash[DB_HASH];
};

enum err
troubles_sweep(struct state_txn *t, size_t max, size_t *n_r)
{
	AUTO(buf_finish) struct buf found = { 0 };
	struct db_rows r;
	enum err err;

	db_query(t, &r, "select t.folder, t.hash from trouble t where not exists (select 1 from item i where " SAME_ITEM ") limit ?",
		ARGS(I((int64_t)max)));
	while (db_next(&r)) {
		struct stale one = { .folder = db_int(&r, 0) };
		struct slice hash = db_bytes(&r, 1);

		memcpy(one.hash, hash.ptr, hash.len < sizeof one.hash ? hash.len : sizeof one.hash);
		db_add(&r, &found, &one, sizeof one);
	}
	err = db_end(&r);
	const struct stale *list = (const void *)found.data;
	*n_r = found.len / sizeof *list;
	for (size_t i = 0; !err && i < *n_r; i++)
		err = db_exec(t, "delete from trouble where folder = ? and hash = ? and not exists (select 1 from item i"
			" where i.folder = trouble.folder and i.hash = trouble.hash and i.version = trouble.version)",
			ARGS(I(list[i].folder), B(list[i].hash, sizeof list[i].hash)), NULL);
	return err;
}
