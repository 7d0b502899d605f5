#include "state/collection.h"

#include "base/log.h"
#include "state/db.h"
#include "state/mark.h"
#include "state/pack.h"

/* ---- reading ---- */

/* The row without the columns of bytes that are packed: those are only there until the next row. */
static enum err
read_collection(struct db_rows *r, struct arena *a, struct state_collection *c, bool *marks_r)
{
	*c = (struct state_collection){
		.id = db_int(r, 0),
		.device = db_int(r, 1),
		.folder = db_int(r, 2),
		.epoch = db_int(r, 3),
		.n = (uint32_t)db_int(r, 4),
		.base = (uint32_t)db_int(r, 5),
		.options = db_text(r, 6, a),
		.supported = db_text(r, 7, a),
		.created = db_int(r, 8),
		.last_used = db_int(r, 9),
	};
	*marks_r = db_int(r, 12);
	enum err err = unpack_answers(db_bytes(r, 10), a, &c->answers, &c->n_answers);
	if (!err)
		err = unpack_done(db_bytes(r, 11), a, &c->done, &c->n_done);
	return err;
}

enum err
state_collections(struct state_txn *t, struct arena *a, int64_t device, int64_t folder,
	struct state_collection **list_r, size_t *n_r)
{
	AUTO(buf_finish) struct buf list = { 0 };
	AUTO(buf_finish) struct buf marked = { 0 };
	struct db_rows r;

	db_query(t, &r,
		"select id, device, folder, epoch, n, base, options, supported, created, last_used, answers, done, marks"
		" from collection where device = ? and folder = ? order by id desc", ARGS(I(device), I(folder)));
	while (db_next(&r)) {
		struct state_collection c;
		bool marks = false;
		enum err err = read_collection(&r, a, &c, &marks);

		/* Not for ever "try again": its keys are as good as forgotten. */
		if (err == ERR_INTERNAL) {
			log_warn(NULL, "the position of device %lld in folder %lld cannot be read: it starts over there", (long long)device,
				(long long)folder);
			continue;
		}
		if (err && !r.err)
			r.err = err;
		db_add(&r, &list, &c, sizeof c);
		db_add(&r, &marked, &marks, sizeof marks);
	}
	enum err err = db_list(&r, a, &list, sizeof **list_r, list_r, n_r);
	for (size_t i = 0; !err && i < *n_r; i++) {
		if (marked.data[i])
			err = mark_read(t, a, &(*list_r)[i]);
	}
	return err;
}

enum err
state_highest_cutoff(struct state_txn *t, int64_t folder, int64_t *date_r, int64_t *id_r)
{
	struct db_rows r;

	*date_r = INT64_MIN;
	*id_r = 0;
	db_query(t, &r,
		"select cut_date, cut_id from collection where folder = ? order by cut_date desc, cut_id desc limit 1",
		ARGS(I(folder)));
	while (db_next(&r)) {
		*date_r = db_int(&r, 0);
		*id_r = db_int(&r, 1);
	}
	return db_end(&r);
}

/* ---- writing ---- */

/* What the row says of the answers as a whole. */
struct summary {
	int64_t low_c, cut_date, cut_id;
};

static struct summary
summarise(const struct state_collection *c)
{
	struct summary s = { .low_c = c->n_answers ? INT64_MAX : 0, .cut_date = INT64_MIN };

	for (size_t i = 0; i < c->n_answers; i++) {
		const struct state_position *p = &c->answers[i].pos;

		if (p->c < s.low_c)
			s.low_c = p->c;
		if (p->cut_date > s.cut_date || (p->cut_date == s.cut_date && p->cut_id > s.cut_id)) {
			s.cut_date = p->cut_date;
			s.cut_id = p->cut_id;
		}
	}
	return s;
}

/* Two of the others stay at most: the latest, because a key 0 that is sent twice makes two and the phone has the one or the
 * other, and the one last used, because a phone that sent a second key 0 may go on with the chain before it. As last_used is
 * written at most hourly, one whose first key never came back counts as unused. */
static enum err
drop_others(struct state_txn *t, const struct state_collection *c)
{
	AUTO(buf_finish) struct buf ids = { 0 };
	struct db_rows r;
	int64_t latest = 0;

	db_query(t, &r, "select id from collection where device = ? and folder = ? and id <> ? order by id desc limit 1",
		ARGS(I(c->device), I(c->folder), I(c->id)));
	if (db_next(&r))
		latest = db_int(&r, 0);
	enum err err = db_end(&r);
	if (err || latest == 0)
		return err;
	db_query(t, &r,
		"select id from collection where device = ? and folder = ? and id <> ?"
		" order by base <> 0 desc, last_used desc, id desc",
		ARGS(I(c->device), I(c->folder), I(c->id)));
	for (size_t i = 0; db_next(&r); i++) {
		int64_t id = db_int(&r, 0);

		if (i > 0 && id != latest)
			db_add(&r, &ids, &id, sizeof id);
	}
	err = db_end(&r);
	for (size_t i = 0; !err && i < ids.len / sizeof(int64_t); i++)
		err = state_collection_drop(t, ((const int64_t *)(const void *)ids.data)[i]);
	return err;
}

enum err
state_collection_begin(struct state_txn *t, struct state_collection *c)
{
	AUTO(buf_finish) struct buf answers = { 0 };
	AUTO(buf_finish) struct buf done = { 0 };
	struct summary s = summarise(c);

	pack_answers(&answers, c->answers, c->n_answers);
	pack_done(&done, c->done, c->n_done);
	if (!buf_ok(&answers) || !buf_ok(&done))
		return err_set(t->e, ERR_NOMEM, "out of memory");
	enum err err = db_insert(t,
		"insert into collection (device, folder, epoch, n, base, options, supported, created, last_used, answers,"
		" done, marks, low_c, cut_date, cut_id) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
		ARGS(I(c->device), I(c->folder), I(c->epoch), I(c->n), I(c->base), S(c->options), S(c->supported),
			I(c->created), I(c->last_used), B(answers.data, answers.len), B(done.data, done.len), I(mark_count(c)),
			I(s.low_c), I(s.cut_date), I(s.cut_id)), &c->id);
	if (!err && mark_count(c))
		err = mark_save(t, c);
	if (!err) /* what was revoked has said so */
		err = db_exec(t, "delete from collection where device = ? and folder = ? and epoch = 0",
			ARGS(I(c->device), I(c->folder)), NULL);
	return err ? err : drop_others(t, c);
}

enum err
state_collection_drop(struct state_txn *t, int64_t collection)
{
	enum err err = db_exec(t, "delete from mark where collection = ?", ARGS(I(collection)), NULL);

	return err ? err : db_exec(t, "delete from collection where id = ?", ARGS(I(collection)), NULL);
}

/* Their ids are read first: MariaDB would look at every mark there is for a DELETE with a subquery. */
static enum err
take_marks(struct state_txn *t, int64_t device, int64_t folder, struct buf *ids)
{
	struct db_rows r;

	if (device && folder)
		db_query(t, &r, "select id from collection where device = ? and folder = ?",
			ARGS(I(device), I(folder)));
	else if (device)
		db_query(t, &r, "select id from collection where device = ?", ARGS(I(device)));
	else
		db_query(t, &r, "select id from collection where folder = ?", ARGS(I(folder)));
	while (db_next(&r)) {
		int64_t id = db_int(&r, 0);

		db_add(&r, ids, &id, sizeof id);
	}
	enum err err = db_end(&r);
	return err ? err : db_exec_ids(t, "delete from mark where collection in ", NULL, 0, (const void *)ids->data,
		ids->len / sizeof(int64_t));
}

enum err
collections_drop(struct state_txn *t, int64_t device, int64_t folder)
{
	AUTO(buf_finish) struct buf ids = { 0 };
	enum err err = take_marks(t, device, folder, &ids);

	return err ? err : db_exec_ids(t, "delete from collection where id in ", NULL, 0, (const void *)ids.data,
		ids.len / sizeof(int64_t));
}

enum err
collections_revoke(struct state_txn *t, int64_t device, int64_t folder)
{
	AUTO(buf_finish) struct buf ids = { 0 };
	enum err err = take_marks(t, device, folder, &ids);

	return err ? err : db_exec_ids(t,
		"update collection set epoch = 0, n = 0, base = 0, last_used = 0, answers = ?, done = ?, marks = 0, low_c = ?,"
		" cut_date = ?, cut_id = 0 where id in ", ARGS(B("", 0), B("", 0), I(INT64_MAX), I(INT64_MIN)), (const void *)ids.data,
		ids.len / sizeof(int64_t));
}

static bool
differ(const char *a, const char *b)
{
	return strcmp(a ? a : "", b ? b : "") != 0;
}

#define SET \
	"update collection set n = ?, base = ?, last_used = ?, answers = ?, done = ?, marks = ?, low_c = ?, cut_date = ?," \
	" cut_id = ?"
#define WHERE " where id = ? and epoch = ? and base = ? and n = ?"

/* The texts are long and seldom change: they are only written when they do. */
static enum err
update(struct state_txn *t, const struct state_collection *was, const struct state_collection *now, int64_t *matched_r)
{
	AUTO(buf_finish) struct buf answers = { 0 };
	AUTO(buf_finish) struct buf done = { 0 };
	struct summary s = summarise(now);
	struct db_value v[16];
	size_t n = 0;

	pack_answers(&answers, now->answers, now->n_answers);
	pack_done(&done, now->done, now->n_done);
	if (!buf_ok(&answers) || !buf_ok(&done))
		return err_set(t->e, ERR_NOMEM, "out of memory");
	v[n++] = I(now->n);
	v[n++] = I(now->base);
	v[n++] = I(now->last_used);
	v[n++] = B(answers.data, answers.len);
	v[n++] = B(done.data, done.len);
	v[n++] = I(mark_count(now));
	v[n++] = I(s.low_c);
	v[n++] = I(s.cut_date);
	v[n++] = I(s.cut_id);
	bool texts = differ(was->options, now->options) || differ(was->supported, now->supported);
	if (texts) {
		v[n++] = S(now->options);
		v[n++] = S(now->supported);
	}
	v[n++] = I(was->id);
	v[n++] = I(was->epoch);
	v[n++] = I(was->base);
	v[n++] = I(was->n);
	return db_exec(t, texts ? SET ", options = ?, supported = ?" WHERE : SET WHERE, v, n, matched_r);
}

enum err
state_collection_save(struct state_txn *t, const struct state_collection *was, const struct state_collection *now)
{
	int64_t matched;

	if (was->id != now->id || was->epoch != now->epoch)
		return err_set(t->e, ERR_INTERNAL, "two collections are not one");
	enum err err = update(t, was, now, &matched);
	if (!err && !matched)
		err = err_set(t->e, ERR_CONFLICT, "another request has moved the sync key on");
	return err ? err : mark_save(t, now);
}
