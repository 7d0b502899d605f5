#include "state/db.h"

#define COLUMNS "id, device, kind, hash, client, message_id, mark, result, step, created"

static enum err
read_intent(struct db_rows *r, struct arena *a, struct state_intent *i_r)
{
	bool found = false;

	while (db_next(r)) {
		*i_r = (struct state_intent){
			.id = db_int(r, 0),
			.device = db_int(r, 1),
			.kind = db_text(r, 2, a),
			.hash = db_text(r, 3, a),
			.client = db_text(r, 4, a),
			.message_id = db_text(r, 5, a),
			.mark = db_text(r, 6, a),
			.result = db_text(r, 7, a),
			.step = (enum state_intent_step)db_int(r, 8),
			.created = db_int(r, 9),
		};
		found = true;
	}
	enum err err = db_end(r);
	return err || found ? err : ERR_NOTFOUND;
}

/* Kinds are few; the index need not hold them. */
enum err
state_intent(struct state_txn *t, struct arena *a, int64_t device, const char *kind, const char *hash,
	const char *client, struct state_intent *i_r)
{
	unsigned char find[DB_HASH];
	struct db_rows r;
	enum err err = db_hash(t, hash, find);

	if (err)
		return err;
	db_query(t, &r,
		"select " COLUMNS " from intent where device = ? and find = ? and kind = ? order by id desc limit 1",
		ARGS(I(device), B(find, sizeof find), S(kind)));
	err = read_intent(&r, a, i_r);
	if (err != ERR_NOTFOUND || !client || !*client)
		return err;
	err = db_hash(t, client, find);
	if (err)
		return err;
	db_query(t, &r,
		"select " COLUMNS " from intent where device = ? and find_client = ? and kind = ? order by id desc limit 1",
		ARGS(I(device), B(find, sizeof find), S(kind)));
	return read_intent(&r, a, i_r);
}

/* Seldom asked, and a device has few: without an index. */
enum err
state_intent_by_message_id(struct state_txn *t, struct arena *a, int64_t device, const char *kind,
	const char *message_id, struct state_intent *i_r)
{
	struct db_rows r;

	db_query(t, &r,
		"select " COLUMNS " from intent where device = ? and message_id = ? and kind = ? order by id desc limit 1",
		ARGS(I(device), S(message_id), S(kind)));
	return read_intent(&r, a, i_r);
}

enum err
state_intent_save(struct state_txn *t, struct state_intent *i)
{
	unsigned char find[DB_HASH], find_client[DB_HASH];
	bool client = i->client && *i->client;
	int64_t matched;
	enum err err;

	if (i->id) {
		err = db_exec(t, "update intent set message_id = ?, mark = ?, result = ?, step = ? where id = ?",
			ARGS(S(i->message_id), S(i->mark), S(i->result), I(i->step), I(i->id)), &matched);
		return err || matched ? err : err_set(t->e, ERR_NOTFOUND, "the intent is gone");
	}
	err = db_hash(t, i->hash, find);
	if (!err && client)
		err = db_hash(t, i->client, find_client);
	if (err)
		return err;
	return db_insert(t,
		"insert into intent (device, kind, hash, client, find, find_client, message_id, mark, result, step, created)"
		" values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
		ARGS(I(i->device), S(i->kind), S(i->hash), S(i->client), B(find, sizeof find),
			client ? B(find_client, sizeof find_client) : N(),
			S(i->message_id), S(i->mark), S(i->result), I(i->step), I(i->created)), &i->id);
}

/* ---- one at a time ---- */

/* A connection that was found closed is opened again, once. */
static enum err
try_hold(struct state *s, int64_t device, bool *got_r, struct error *e)
{
	enum err err = ERR_OK;

	for (unsigned tried = 0; tried < 2; tried++) {
		struct db *db;

		err = db_get(s, &db, e);
		if (err)
			return err == ERR_NOMEM ? err : ERR_UNAVAILABLE;
		if (db->busy)
			return err_set(e, ERR_INTERNAL, "a wait for other responders inside a transaction");
		db->fate = DB_FINE;
		err = s->ops->hold(db, device, (unsigned)s->config.lock_seconds, got_r, e);
		if (!err)
			return ERR_OK;
		if (db->fate < DB_LOST)
			break;
		db_drop(s);
	}
	return err == ERR_NOMEM ? err : ERR_UNAVAILABLE;
}

enum err
state_device_hold(struct state *s, int64_t device, struct error *e)
{
	bool got = false;

	if (!s->ops->hold)
		return ERR_OK;
	enum err err = try_hold(s, device, &got, e);
	if (!err && !got)
		err = err_set(e, ERR_UNAVAILABLE, "another responder works on a request of this device");
	return err;
}

void
state_device_let_go(struct state *s, int64_t device)
{
	struct db *db;

	/* With a connection that was lost meanwhile the lock has gone, too: it is not this one's. */
	if (s->ops->let_go && !db_get(s, &db, NULL) && s->ops->let_go(db, device, NULL))
		db_drop(s);
}
