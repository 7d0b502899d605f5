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
