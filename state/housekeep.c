/* What nobody needs any more. One pass looks at a bounded number of rows and deletes a bounded number, in a transaction
 * per step, so that it holds no lock for long and loses little to a deadlock. */
#include "state/collection.h"
#include "state/db.h"
#include "state/trouble.h"

#define FOLDERS 100    /* looked at in one pass */
#define TOMBSTONES 500 /* deleted in one pass */
#define DEVICES 20
#define INTENTS 500
#define TROUBLES 100

struct pass {
	int64_t now;
	int64_t unseen; /* seconds: collections of such devices go */
	int64_t after; /* folders with a greater id */
	int64_t last;  /* the last one that this pass has done; INT64_MAX: there are no more */
	bool more;
};

/* Ids that a statement selects. */
static enum err
select_ids(struct state_txn *t, const char *sql, const struct db_value *v, size_t n, struct buf *ids)
{
	struct db_rows r;

	db_query(t, &r, sql, v, n);
	while (db_next(&r)) {
		int64_t id = db_int(&r, 0);

		db_add(&r, ids, &id, sizeof id);
	}
	return db_end(&r);
}

static const int64_t *
list_of(const struct buf *ids)
{
	return (const void *)ids->data;
}

static size_t
count_of(const struct buf *ids)
{
	return ids->len / sizeof(int64_t);
}

/* ---- devices that did not come back, and old intents ---- */

static enum err
old_devices(struct state_txn *t, void *arg, struct error *e)
{
	AUTO(buf_finish) struct buf ids = { 0 };
	struct pass *p = arg;
	enum err err = select_ids(t, "select d.id from device d where d.last_seen < ? and d.created < ?"
		" and exists (select 1 from collection c where c.device = d.id) limit 20",
		ARGS(I(p->now - p->unseen), I(p->now - p->unseen)), &ids);

	(void)e;
	for (size_t i = 0; !err && i < count_of(&ids); i++)
		err = collections_drop(t, list_of(&ids)[i], 0);
	p->more |= count_of(&ids) == DEVICES;
	return err;
}

static enum err
old_intents(struct state_txn *t, void *arg, struct error *e)
{
	AUTO(buf_finish) struct buf ids = { 0 };
	struct pass *p = arg;
	enum err err = select_ids(t, "select id from intent where created < ? limit 500", ARGS(I(p->now - KEEP_INTENT)),
		&ids);

	(void)e;
	p->more |= count_of(&ids) == INTENTS;
	return err ? err : db_exec_ids(t, "delete from intent where id in ", NULL, 0, list_of(&ids), count_of(&ids));
}

static enum err
old_troubles(struct state_txn *t, void *arg, struct error *e)
{
	struct pass *p = arg;
	size_t n;
	enum err err = troubles_sweep(t, TROUBLES, &n);

	(void)e;
	p->more |= n == TROUBLES;
	return err;
}

/* ---- folders ---- */

struct swept {
	int64_t id;
	int64_t low_c; /* the lowest c of all positions in it */
	bool deleted, tombstones, collections;
};

static enum err
next_folders(struct state_txn *t, const struct pass *p, struct buf *folders)
{
	struct db_rows r;

	db_query(t, &r,
		"select f.id, f.deleted, exists (select 1 from item i where i.folder = f.id and i.hash is null),"
		" exists (select 1 from collection c where c.folder = f.id),"
		" (select min(c.low_c) from collection c where c.folder = f.id)"
		" from folder f where f.id > ? order by f.id limit 100", ARGS(I(p->after)));
	while (db_next(&r)) {
		struct swept f = { .id = db_int(&r, 0), .deleted = db_int(&r, 1), .tombstones = db_int(&r, 2),
			.collections = db_int(&r, 3), .low_c = db_int(&r, 4) };

		if (!f.collections)
			f.low_c = INT64_MAX;
		db_add(&r, folders, &f, sizeof f);
	}
	return db_end(&r);
}

static enum err
tombstones(struct state_txn *t, const struct pass *p, const struct swept *f, size_t *left)
{
	AUTO(buf_finish) struct buf ids = { 0 };
	enum err err = select_ids(t, "select i.id from item i where i.folder = ? and i.hash is null and i.seq <= ?"
		" and (i.moved_to = 0 or i.moved_at < ?)"
		" and not exists (select 1 from mark m join collection c on c.id = m.collection where m.item = i.id and m.kind = 2) limit ?",
		ARGS(I(f->id), I(f->low_c), I(p->now - KEEP_MOVED), I((int64_t)*left)), &ids);

	*left -= count_of(&ids);
	/* Holes that are gone are none. */
	if (!err)
		err = db_exec_ids(t, "delete from mark where item in ", NULL, 0, list_of(&ids), count_of(&ids));
	return err ? err : db_exec_ids(t, "delete from item where id in ", NULL, 0, list_of(&ids), count_of(&ids));
}

static enum err
sweep(struct state_txn *t, void *arg, struct error *e)
{
	AUTO(buf_finish) struct buf folders = { 0 };
	struct pass *p = arg;
	size_t left = TOMBSTONES;
	enum err err = next_folders(t, p, &folders);
	const struct swept *list = (const void *)folders.data;
	size_t n = folders.len / sizeof *list;

	(void)e;
	p->last = n < FOLDERS ? INT64_MAX : list[n - 1].id;
	for (size_t i = 0; !err && i < n; i++) {
		/* A Sync that ran when its folder was deleted may have left something. */
		if (list[i].deleted && list[i].collections)
			err = collections_drop(t, 0, list[i].id);
		if (!err && list[i].tombstones)
			err = tombstones(t, p, &list[i], &left);
		/* The next pass goes on with this folder. */
		if (!left) {
			p->last = list[i].id - 1;
			break;
		}
	}
	return err;
}

enum err
state_housekeep(struct state *s, int64_t now, int64_t unseen, bool *more_r, struct error *e)
{
	struct pass p = { .now = now, .unseen = unseen };

	*more_r = false;
	pthread_mutex_lock(&s->lock);
	p.after = s->swept;
	pthread_mutex_unlock(&s->lock);
	enum err err = s->reckoned ? ERR_OK : put_back_reckon(s, e);
	if (!err)
		err = state_run(s, STATE_WRITE, old_devices, &p, e);
	if (!err)
		err = state_run(s, STATE_WRITE, old_intents, &p, e);
	if (!err)
		err = state_run(s, STATE_WRITE, old_troubles, &p, e);
	if (!err)
		err = state_run(s, STATE_WRITE, sweep, &p, e);
	if (err)
		return err;
	bool done = p.last == INT64_MAX;
	pthread_mutex_lock(&s->lock);
	s->swept = done ? 0 : p.last;
	pthread_mutex_unlock(&s->lock);
	*more_r = p.more || !done;
	return ERR_OK;
}
