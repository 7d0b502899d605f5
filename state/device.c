#include <time.h>

#include "base/log.h"
#include "state/collection.h"
#include "state/db.h"
#include "state/pack.h"

#define NAME_MAX_BYTES 255 /* of what an index holds as it is */

/* ---- users ---- */

static enum err
find_user(struct state_txn *t, const char *name, int64_t *user_r)
{
	struct db_rows r;

	*user_r = 0;
	db_query(t, &r, "select id from user where name = ?", ARGS(S(name)));
	while (db_next(&r))
		*user_r = db_int(&r, 0);
	return db_end(&r);
}

enum err
state_user(struct state_txn *t, const char *name, int64_t *user_r)
{
	if (strlen(name) > NAME_MAX_BYTES)
		return err_set(t->e, ERR_LIMIT, "the user's name has more than %d bytes", NAME_MAX_BYTES);
	enum err err = find_user(t, name, user_r);
	if (err || *user_r)
		return err;
	if (t->mode == STATE_READ)
		return err_set(t->e, ERR_NOTFOUND, "there is no such user");
	err = db_insert(t, "insert into user (name, hierarchy_seq) values (?, 0)", ARGS(S(name)), user_r);
	/* Another responder was quicker. */
	return err == ERR_EXISTS ? find_user(t, name, user_r) : err;
}

/* ---- devices ---- */

#define COLUMNS \
	"d.id, d.user, u.name, d.device_id, d.type, d.agent, d.info, d.version, d.policy_hash, d.policy_temporary," \
	" d.policy_final, d.policy_final_used, d.wipe, d.created, d.last_seen"

static void
read_device(struct db_rows *r, struct arena *a, struct state_device *d)
{
	*d = (struct state_device){
		.id = db_int(r, 0),
		.user = db_int(r, 1),
		.user_name = db_text(r, 2, a),
		.device_id = db_text(r, 3, a),
		.type = db_text(r, 4, a),
		.agent = db_text(r, 5, a),
		.info = db_text(r, 6, a),
		.version = (unsigned)db_int(r, 7),
		.policy_hash = db_text(r, 8, a),
		.policy_temporary = (uint32_t)db_int(r, 9),
		.policy_final = (uint32_t)db_int(r, 10),
		.policy_final_used = db_int(r, 11),
		.wipe = (unsigned)db_int(r, 12),
		.created = db_int(r, 13),
		.last_seen = db_int(r, 14),
	};
}

static enum err
read_one(struct db_rows *r, struct arena *a, struct state_device *d_r)
{
	bool found = false;

	while (db_next(r)) {
		read_device(r, a, d_r);
		found = true;
	}
	enum err err = db_end(r);
	return err || found ? err : ERR_NOTFOUND;
}

/* The user's row is locked, so that two devices that appear at once are counted one after the other. */
static enum err
count_devices(struct state_txn *t, int64_t user, unsigned max)
{
	struct db_rows r;
	int64_t n = 0, matched;
	enum err err = db_exec(t, "update user set hierarchy_seq = hierarchy_seq where id = ?", ARGS(I(user)),
		&matched);

	if (err)
		return err;
	if (!matched)
		return err_set(t->e, ERR_NOTFOUND, "there is no such user");
	db_query(t, &r, "select count(*) from device where user = ?", ARGS(I(user)));
	while (db_next(&r))
		n = db_int(&r, 0);
	err = db_end(&r);
	if (!err && max && n >= max)
		err = err_set(t->e, ERR_LIMIT, "the user has %lld devices", (long long)n);
	return err;
}

static enum err
find_device(struct state_txn *t, struct arena *a, int64_t user, const char *device_id, struct state_device *d_r)
{
	struct db_rows r;

	db_query(t, &r,
		"select " COLUMNS " from device d join user u on u.id = d.user where d.user = ? and d.device_id = ?",
		ARGS(I(user), S(device_id)));
	return read_one(&r, a, d_r);
}

enum err
state_device(struct state_txn *t, struct arena *a, int64_t user, const char *device_id, bool create, unsigned max,
	struct state_device *d_r)
{
	int64_t id;

	if (strlen(device_id) > NAME_MAX_BYTES)
		return err_set(t->e, ERR_LIMIT, "the device's id has more than %d bytes", NAME_MAX_BYTES);
	enum err err = find_device(t, a, user, device_id, d_r);
	if (err != ERR_NOTFOUND || !create)
		return err;
	err = count_devices(t, user, max);
	if (err)
		return err;
	err = db_insert(t, "insert into device (user, device_id, type, agent, info, policy_hash, h_keys, created)"
		" values (?, ?, ?, ?, ?, ?, ?, ?)", ARGS(I(user), S(device_id), S(""), S(""), S(""), S(""), S(""),
		I(time(NULL))), &id);
	if (err && err != ERR_EXISTS)
		return err;
	return find_device(t, a, user, device_id, d_r);
}

enum err
state_device_find(struct state_txn *t, struct arena *a, const char *user, const char *device_id,
	struct state_device *d_r)
{
	struct db_rows r;

	db_query(t, &r,
		"select " COLUMNS " from user u join device d on d.user = u.id where u.name = ? and d.device_id = ?",
		ARGS(S(user), S(device_id)));
	return read_one(&r, a, d_r);
}

/* Of its own columns only: other requests, other responders and cpush-admin write theirs meanwhile. */
static enum err
update(struct state_txn *t, const char *sql, const struct db_value *v, size_t n)
{
	int64_t matched;
	enum err err = db_exec(t, sql, v, n, &matched);

	return err || matched ? err : err_set(t->e, ERR_NOTFOUND, "the device was removed meanwhile");
}

enum err
state_device_seen(struct state_txn *t, const struct state_device *d)
{
	/* The key that was used may be the final one no more: then this says nothing of the new one. */
	int64_t used = d->policy_final_used ? (int64_t)d->policy_final : -1;

	return update(t, "update device set type = ?, agent = ?, version = ?, last_seen = ?,"
		" policy_final_used = case when policy_final = ? then 1 else policy_final_used end where id = ?",
		ARGS(S(d->type), S(d->agent), I(d->version), I(d->last_seen), I(used), I(d->id)));
}

enum err
state_device_info(struct state_txn *t, int64_t device, const char *info)
{
	return update(t, "update device set info = ? where id = ?", ARGS(S(info), I(device)));
}

enum err
state_device_policy(struct state_txn *t, const struct state_device *d)
{
	return update(t, "update device set policy_hash = ?, policy_temporary = ?, policy_final = ?,"
		" policy_final_used = ? where id = ?", ARGS(S(d->policy_hash), I(d->policy_temporary),
		I(d->policy_final), I(d->policy_final_used), I(d->id)));
}

enum err
state_device_wipe(struct state_txn *t, int64_t device, enum state_wipe wipe)
{
	return update(t, "update device set wipe = ? where id = ?", ARGS(I(wipe), I(device)));
}

enum err
state_device_wiped(struct state_txn *t, int64_t device)
{
	return update(t, "update device set wipe = ? where id = ? and wipe in (?, ?)",
		ARGS(I(WIPE_DONE), I(device), I(WIPE_ASKED), I(WIPE_ACCOUNT)));
}

enum err
state_devices(struct state_txn *t, struct arena *a, const char *user, struct state_device **list_r, size_t *n_r)
{
	AUTO(buf_finish) struct buf list = { 0 };
	struct db_rows r;

	if (user)
		db_query(t, &r,
			"select " COLUMNS " from user u join device d on d.user = u.id where u.name = ? order by d.device_id",
			ARGS(S(user)));
	else
		db_query(t, &r,
			"select " COLUMNS " from user u join device d on d.user = u.id order by u.name, d.device_id",
			NO_ARGS);
	while (db_next(&r)) {
		struct state_device d;

		read_device(&r, a, &d);
		db_add(&r, &list, &d, sizeof d);
	}
	return db_list(&r, a, &list, sizeof **list_r, list_r, n_r);
}

enum err
state_device_remove(struct state_txn *t, int64_t device)
{
	enum err err = collections_drop(t, device, 0);

	if (!err)
		err = db_exec(t, "delete from request where device = ?", ARGS(I(device)), NULL);
	if (!err)
		err = db_exec(t, "delete from intent where device = ?", ARGS(I(device)), NULL);
	if (!err)
		err = db_exec(t, "delete from trouble where device = ?", ARGS(I(device)), NULL);
	return err ? err : db_exec(t, "delete from device where id = ?", ARGS(I(device)), NULL);
}

enum err
state_device_resync(struct state_txn *t, int64_t device, int64_t folder)
{
	enum err err = folder ? collections_revoke(t, device, folder) : collections_drop(t, device, 0);

	if (err || folder)
		return err;
	return db_exec(t, "update device set h_epoch = 0, h_n = 0, h_base = 0, h_keys = ? where id = ?",
		ARGS(S(""), I(device)), NULL);
}

/* ---- stored requests ---- */

enum err
state_request(struct state_txn *t, struct arena *a, int64_t device, const char *kind, const char **text_r)
{
	struct db_rows r;

	*text_r = NULL;
	db_query(t, &r, "select body from request where device = ? and kind = ?", ARGS(I(device), S(kind)));
	while (db_next(&r))
		*text_r = db_text(&r, 0, a);
	enum err err = db_end(&r);
	return err || *text_r ? err : ERR_NOTFOUND;
}

enum err
state_request_save(struct state_txn *t, int64_t device, const char *kind, const char *text)
{
	struct db_rows r;
	bool there = false, same = false;

	db_query(t, &r, "select body from request where device = ? and kind = ?", ARGS(I(device), S(kind)));
	while (db_next(&r)) {
		there = true;
		same = slice_eq(db_bytes(&r, 0), slice_str(text));
	}
	enum err err = db_end(&r);
	if (err || same)
		return err;
	if (!there) {
		err = db_exec(t, "insert into request (device, kind, body) values (?, ?, ?)",
			ARGS(I(device), S(kind), S(text)), NULL);
		if (err != ERR_EXISTS)
			return err;
	}
	return db_exec(t, "update request set body = ? where device = ? and kind = ?",
		ARGS(S(text), I(device), S(kind)), NULL);
}

/* ---- the position in the hierarchy ---- */

enum err
state_hierarchy(struct state_txn *t, int64_t device, struct state_hierarchy *h_r)
{
	struct db_rows r;
	enum err bad = ERR_NOTFOUND;

	*h_r = (struct state_hierarchy){ 0 };
	db_query(t, &r, "select h_epoch, h_n, h_base, view, h_keys from device where id = ?", ARGS(I(device)));
	while (db_next(&r)) {
		h_r->epoch = db_int(&r, 0);
		h_r->n = (uint32_t)db_int(&r, 1);
		h_r->base = (uint32_t)db_int(&r, 2);
		h_r->view = (uint64_t)db_int(&r, 3);
		bad = unpack_hierarchy(db_bytes(&r, 4), h_r);
	}
	enum err err = db_end(&r);
	if (!err && bad == ERR_INTERNAL) {
		log_warn(NULL, "the hierarchy keys of device %lld cannot be read: it starts over", (long long)device);
		h_r->n_keys = 0;
		bad = ERR_OK;
	}
	return err ? err : bad;
}

enum err
state_hierarchy_save(struct state_txn *t, int64_t device, const struct state_hierarchy *was,
	const struct state_hierarchy *now)
{
	AUTO(buf_finish) struct buf keys = { 0 };
	int64_t matched;

	if (now->n_keys > ARRAY_LEN(now->keys))
		return err_set(t->e, ERR_INTERNAL, "%u hierarchy keys", now->n_keys);
	pack_hierarchy(&keys, now);
	if (!buf_ok(&keys))
		return err_set(t->e, ERR_NOMEM, "out of memory");
	enum err err = db_exec(t, "update device set h_epoch = ?, h_n = ?, h_base = ?, view = ?, h_keys = ?"
		" where id = ? and h_epoch = ? and h_base = ? and h_n = ?",
		ARGS(I(now->epoch), I(now->n), I(now->base), I((int64_t)now->view), B(keys.data, keys.len), I(device),
		I(was->epoch), I(was->base), I(was->n)), &matched);
	return err || matched ? err : err_set(t->e, ERR_CONFLICT, "another request has moved the hierarchy keys on");
}
