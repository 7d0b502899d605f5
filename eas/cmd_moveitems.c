/* MoveItems [MS-ASCMD 2.2.1.12]. A move that is repeated gets the answer of the first one. */
#include <string.h>

#include "eas/mime.h"
#include "eas/clock.h"
#include "eas/sync_collection.h"

#define HEAD_MAX (1u << 20) /* of a larger mail the Message-ID is not looked for */

#define ROOT Move_MoveItems
#define MOVES_MAX 1000 /* R5653 */

enum move_status { SOURCE_INVALID = 1, TARGET_INVALID = 2, MOVED = 3, SAME_FOLDER = 4, FAILED = 5, LOCKED = 7 };

struct move {
	struct eas_request *r;
	int64_t from_id, item_id, to_id;
	struct state_folder from, to;
	struct state_item row;
	bool from_found, to_found, row_found;
	struct state_intent intent; /* id 0: none */
	struct backend_stored stored;
	int64_t new_id;           /* of the row in the target */
};

/* ---- reading ---- */

static enum err
find(struct state_txn *t, void *arg, struct error *e)
{
	struct move *m = arg;
	struct arena *a = m->r->arena;
	struct state_items rows = { 0 };
	enum err err = state_folder(t, a, m->r->device.user, m->from_id, &m->from);

	(void)e;
	m->from_found = !err;
	if (!err)
		err = state_items_by_id(t, a, m->from_id, &m->item_id, 1, &rows);
	if (err && err != ERR_NOTFOUND)
		return err;
	m->row_found = rows.n > 0;
	if (rows.n)
		m->row = rows.list[0];
	err = state_folder(t, a, m->r->device.user, m->to_id, &m->to);
	m->to_found = !err;
	return err == ERR_NOTFOUND ? ERR_OK : err;
}

/* ---- writing ---- */

/* The collection that the device has in a folder: it knows of its own move in both. NULL: none. */
static enum err
own_collection(struct state_txn *t, struct move *m, int64_t folder, const struct state_collection **c_r)
{
	struct state_collection *list;
	size_t n;
	enum err err = state_collections(t, m->r->arena, m->r->device.id, folder, &list, &n);

	*c_r = err ? NULL : key_in_use(list, n);
	return err;
}

static enum err
write_target(struct state_txn *t, struct move *m)
{
	struct mirror_change c = { .op = MIRROR_CREATED, .key = m->stored.key, .version = m->stored.version,
		.date = m->row.date,
		.cut_date = INT64_MIN };
	const struct state_collection *own;
	enum err err = own_collection(t, m, m->to.id, &own);

	if (err)
		return err;
	if (own && key_newest(own)) {
		c.by = own->epoch;
		c.cut_date = key_newest(own)->pos.cut_date;
		c.cut_id = key_newest(own)->pos.cut_id;
	}
	err = mirror_apply(t, m->r->arena, m->to.id, &c, 1);
	m->new_id = c.item;
	return err;
}

static enum err
write_source(struct state_txn *t, void *arg, struct error *e)
{
	struct move *m = arg;
	struct arena *a = m->r->arena;
	struct mirror_change c = { .op = MIRROR_REMOVED, .item = m->row.id };
	const struct state_collection *own;
	struct state_items rows;
	enum err err = own_collection(t, m, m->from.id, &own);

	(void)e;
	c.by = !err && own ? own->epoch : 0;
	if (!err)
		err = mirror_apply(t, a, m->from.id, &c, 1);
	if (!err)
		err = state_items_by_id(t, a, m->from.id, &m->row.id, 1, &rows);
	if (err || rows.n == 0)
		return err;
	rows.list[0].moved_to = m->new_id;
	rows.list[0].moved_at = eas_now();
	return state_items_save(t, &rows.list[0], 1);
}

/* The folders' rows are locked in the order of their ids, whichever way the item goes. */
static enum err
write_move(struct state_txn *t, void *arg, struct error *e)
{
	struct move *m = arg;
	const char *cursor;
	int64_t seq, first = m->from.id < m->to.id ? m->from.id : m->to.id;
	enum err err = state_folder_lock(t, m->r->arena, first, &seq, &cursor);

	if (!err)
		err = write_target(t, m);
	return err ? err : write_source(t, m, e);
}

/* ---- the intent: what is about to be moved, so that a repeat knows where it went ---- */

struct message {
	struct arena *a;
	const char *id;
};

static enum err
take_message(void *ctx, const struct backend_item *item)
{
	struct message *in = ctx;

	if (!item->err)
		in->id = mime_message_id(in->a, mime_header_of(item->bytes));
	return ERR_OK;
}

static enum err
find_intent(struct state_txn *t, void *arg, struct error *e)
{
	struct move *m = arg;
	enum err err = state_intent(t, m->r->arena, m->r->device.id, "move", m->intent.hash, "", &m->intent);

	(void)e;
	return err == ERR_NOTFOUND ? ERR_OK : err;
}

static enum err
save_intent(struct state_txn *t, void *arg, struct error *e)
{
	struct move *m = arg;
	struct state_intent i = m->intent;
	enum err err = state_intent_save(t, &i);

	(void)e;
	if (!err)
		m->intent.id = i.id;
	return err;
}

static enum err
read_intent(struct move *m, struct error *e)
{
	m->intent = (struct state_intent){ .hash = arena_printf(m->r->arena, "%lld:%lld>%lld", (long long)m->from_id,
		(long long)m->item_id, (long long)m->to_id) };
	return m->intent.hash ? state_run(m->r->server->state, STATE_READ, find_intent, m, e) : ERR_NOMEM;
}

/* Only for mail: elsewhere the name goes along. */
static enum err
begin_intent(struct move *m, struct error *e)
{
	struct eas_request *r = m->r;
	struct message message = { .a = r->arena };
	struct backend_fetch what = { .folder = m->from.key, .keys = &m->row.key, .n = 1, .want = WANT_BYTES,
		.bytes_max = HEAD_MAX };
	const char *mark = "";
	enum err err;

	if (m->from.class != BACKEND_MAIL || !account_can(r->account, m->to.key, CAN_FIND))
		return ERR_OK;
	err = read_intent(m, e);
	if (err || m->intent.id)
		return err; /* an earlier try noted it, before it moved anything */
	err = account_fetch(r->account, &what, take_message, &message, e);
	if (!err)
		err = account_mark(r->account, r->arena, m->to.key, &mark, e);
	if (err)
		return err;
	m->intent = (struct state_intent){ .device = r->device.id, .kind = "move", .hash = m->intent.hash, .client = "",
		.message_id = message.id ? message.id : "", .mark = mark, .result = "", .step = INTENT_BEGUN,
		.created = eas_now() };
	return state_run(r->server->state, STATE_WRITE, save_intent, m, e);
}

/* ---- where did it go? ---- */

/* By its Message-ID among what came to the target since the intent. NOTFOUND. */
static enum err
find_moved(struct move *m, struct error *e)
{
	const struct state_intent *i = &m->intent;

	if (!i->id || !*i->message_id)
		return ERR_NOTFOUND;
	return account_find(m->r->account, m->r->arena, m->to.key, i->message_id, *i->mark ? i->mark : NULL, &m->stored,
		e);
}

/* Without one: the row that came with the next look, has the mail's date (a move keeps it), and was made by nobody. */
static enum err
seek(struct state_txn *t, void *arg, struct error *e)
{
	struct move *m = arg;
	struct state_items rows;
	enum err err = state_items_between(t, m->r->arena, m->to.id, m->row.date, 0, m->row.date, INT64_MAX, 1000,
		&rows);

	(void)e;
	for (size_t i = 0; !err && i < rows.n; i++) {
		if (!rows.list[i].deleted && rows.list[i].created_by == 0 && rows.list[i].created_seq > m->to.seq)
			m->stored = (struct backend_stored){ .key = rows.list[i].key, .version = rows.list[i].version };
	}
	return err;
}

static enum err
seek_moved(struct move *m, struct error *e)
{
	struct state_folder to = m->to;
	enum err err = mirror_refresh(m->r->server, m->r->account, &to, &m->r->log, e);

	return err ? err : state_run(m->r->server->state, STATE_READ, seek, m, e);
}

static unsigned
write_down(struct move *m)
{
	struct error e = { 0 };

	if (state_run(m->r->server->state, STATE_WRITE, write_move, m, &e)) {
		log_warn(&m->r->log, "a move was not written down: %s", e.text);
		return LOCKED; /* the repeat finds it moved */
	}
	return MOVED;
}

/* ---- one move ---- */

struct owning {
	struct move *m;
	bool own;
};

/* Is what it was moved to this device's own? One that has no collection there is told of nothing twice. */
static enum err
find_own(struct state_txn *t, void *arg, struct error *e)
{
	struct owning *in = arg;
	struct move *m = in->m;
	struct state_collection *list;
	struct state_items rows;
	size_t n;
	enum err err = state_items_by_id(t, m->r->arena, m->to.id, &m->row.moved_to, 1, &rows);

	(void)e;
	in->own = false;
	if (err || !rows.n)
		return err;
	err = state_collections(t, m->r->arena, m->r->device.id, m->to.id, &list, &n);
	in->own = !err && n == 0;
	for (size_t i = 0; !err && i < n; i++)
		in->own = in->own || list[i].epoch == rows.list[0].created_by;
	return err;
}

/* The row says where it went. Another device of the user may have moved it: then it will be told, as of anybody's work. */
static unsigned
moved_as_noted(struct move *m)
{
	struct owning in = { .m = m };
	struct error e = { 0 };

	if (state_run(m->r->server->state, STATE_READ, find_own, &in, &e)) {
		log_warn(&m->r->log, "%s", e.text);
		return LOCKED;
	}
	m->new_id = m->row.moved_to;
	return in.own ? MOVED : SOURCE_INVALID;
}

/* The source is gone: by an earlier try of this very move, or by somebody else. */
static unsigned
moved_before(struct move *m)
{
	struct error e = { 0 };
	enum err err;

	if (m->row.moved_to)
		return moved_as_noted(m);
	err = m->intent.id ? ERR_OK : read_intent(m, &e);
	if (!err)
		err = find_moved(m, &e);
	if (err_is_temporary(err))
		return LOCKED;
	return err || !*m->stored.key ? SOURCE_INVALID : write_down(m);
}

static unsigned
status_of(struct move *m, enum err err, const struct error *e)
{
	switch (err) {
	case ERR_NOFOLDER:
		return TARGET_INVALID;
	case ERR_NOTFOUND:
		return moved_before(m);
	default:
		log_warn(&m->r->log, "a move from %s to %s failed: %s", m->from.key, m->to.key,
			e->text[0] ? e->text : err_name(err));
		return err_is_temporary(err) ? LOCKED : FAILED;
	}
}

static enum err
move_held(struct move *m, unsigned *status_r)
{
	struct error e = { 0 };
	enum err err = state_run(m->r->server->state, STATE_READ, find, m, &e);

	if (err) {
		*status_r = status_of(m, err, &e);
		return ERR_OK;
	}
	*status_r = !m->from_found || !m->row_found ? SOURCE_INVALID
		: !m->to_found || !mirror_is_backed(&m->to) ? TARGET_INVALID
		: m->from_id == m->to_id ? SAME_FOLDER : 0;
	if (*status_r)
		return ERR_OK;
	if (m->row.deleted) {
		*status_r = moved_before(m);
		return ERR_OK;
	}
	if (m->from.class != m->to.class || m->from.readonly || m->to.readonly) {
		*status_r = m->from.readonly ? FAILED : TARGET_INVALID;
		return ERR_OK;
	}
	account_known(m->r->account, m->from.key, m->from.cursor);
	err = begin_intent(m, &e);
	if (!err)
		err = account_move(m->r->account, m->r->arena, m->from.key, m->row.key, m->to.key, &m->stored, &e);
	if (err == ERR_BUSY)
		return err;
	if (err) {
		*status_r = status_of(m, err, &e);
		return ERR_OK;
	}
	if (!*m->stored.key) { /* no UIDPLUS */
		err = find_moved(m, &e);
		if (err)
			err = seek_moved(m, &e);
		if (err || !*m->stored.key)
			log_warn(&m->r->log, "%s: it was moved, but where to is not known: %s", m->to.key, e.text);
	}
	*status_r = *m->stored.key ? write_down(m) : LOCKED;
	return ERR_OK;
}

static enum err
move_one(struct move *m, unsigned *status_r)
{
	struct state *s = m->r->server->state;
	struct error e = { 0 };
	enum err err = state_device_hold(s, m->r->device.id, &e);

	if (err) {
		*status_r = status_of(m, err, &e);
		return ERR_OK;
	}
	err = move_held(m, status_r);
	state_device_let_go(s, m->r->device.id);
	return err;
}

/* 0 or the Status. */
static unsigned
read_move(struct eas_request *r, const struct wbxml_node *n, struct move *m)
{
	const struct wbxml_node *to = wbxml_child(n, Move_DstFldId);
	int64_t folder = 0;

	*m = (struct move){ .r = r, .stored = { .key = "", .version = "" } };
	if (to && wbxml_next(to, Move_DstFldId))
		return FAILED; /* R4222 */
	if (!id_parse_item(wbxml_text(n, Move_SrcMsgId), &m->from_id, &m->item_id)
		|| !id_parse_folder(wbxml_text(n, Move_SrcFldId), &folder) || folder != m->from_id)
		return SOURCE_INVALID;
	if (!id_parse_folder(wbxml_text(n, Move_DstFldId), &m->to_id))
		m->to_id = -1;
	return 0;
}

static void
respond(struct wbxml_writer *w, const struct wbxml_node *n, const struct move *m, unsigned status)
{
	char id[ID_MAX];

	wbxml_start(w, Move_Response);
	wbxml_put(w, Move_SrcMsgId, wbxml_text(n, Move_SrcMsgId));
	wbxml_put_int(w, Move_Status, status);
	if (status == MOVED)
		wbxml_put(w, Move_DstMsgId, id_item(m->to_id, m->new_id, id));
	wbxml_end(w);
}

enum eas_outcome
cmd_moveitems(struct eas_request *r, const struct wbxml_node *root)
{
	size_t moves = wbxml_count(root, Move_Move);
	struct wbxml_writer w;
	bool any = false;

	if (moves == 0 || moves > MOVES_MAX)
		return reply_status(r, ROOT, Move_Status, 103);
	reply_wbxml(r, &w);
	wbxml_start(&w, ROOT);
	for (const struct wbxml_node *n = wbxml_child(root, Move_Move); n; n = wbxml_next(n, Move_Move)) {
		struct move m;
		unsigned status = read_move(r, n, &m);

		if (!status && move_one(&m, &status) == ERR_BUSY)
			return EAS_BUSY; /* what was moved is found moved by the next run */
		any = any || status == MOVED;
		respond(&w, n, &m, status);
		r->reply.eas_status = (int)status;
	}
	wbxml_end(&w);
	if (any)
		r->server->nudge(r->server->ctx, r->user);
	return EAS_DONE;
}
