/* Sync [MS-ASCMD 2.2.1.21]: all collections of the request, in order; or a wait. */
#include <string.h>

#include "eas/hierarchy.h"
#include "eas/sync_collection.h"
#include "eas/sync_wait.h"

#define ROOT AirSync_Sync
#define ANSWER_BYTES (4u << 20) /* the changes of one answer grow to this, but for one item of each collection */

static enum eas_outcome
status_only(struct eas_request *r, unsigned status)
{
	return reply_status(r, ROOT, AirSync_Status, status);
}

static enum eas_outcome
with_limit(struct eas_request *r, unsigned status, int64_t limit)
{
	struct wbxml_writer w;

	reply_wbxml(r, &w);
	wbxml_start(&w, ROOT);
	wbxml_put_int(&w, AirSync_Status, status);
	wbxml_put_int(&w, AirSync_Limit, limit);
	wbxml_end(&w);
	r->reply.eas_status = (int)status;
	return EAS_DONE;
}

/* The commands first. The phone sends all of it once more with another wait (R4462), as there are no Collections beside
 * Limit (R4562): what was done is found then, as after any answer that got lost. */
static enum eas_outcome
out_of_range(struct eas_request *r, const struct sync_request *q)
{
	for (size_t i = 0; i < q->n; i++) {
		struct sync_result *s = arena_alloc(r->arena, sizeof *s);

		q->list[i].commands_only = true;
		if (!q->list[i].commands)
			continue;
		if (!s)
			return status_only(r, 16);
		if (sync_collection_run(r, &q->list[i], 0, s) == ERR_BUSY)
			return EAS_BUSY;
	}
	return with_limit(r, 14, q->limit);
}

/* ---- running ---- */

static void
free_commands(void *buf)
{
	buf_finish(buf);
}

static enum err
run_all(struct eas_request *r, const struct sync_request *q, struct sync_result **list_r)
{
	struct sync_result *list = arena_array(r->arena, q->n + 1, sizeof *list);
	unsigned used = 0;
	size_t bytes = 0;
	bool given = false;

	if (!list)
		return ERR_NOMEM;
	*list_r = list;
	for (size_t i = 0; i < q->n; i++) {
		q->list[i].bytes = bytes < ANSWER_BYTES ? ANSWER_BYTES - bytes : 1;
		enum err err = sync_collection_run(r, &q->list[i], sync_window(r, q, i, used), &list[i]);

		/* An answer was given that must go out: by another run it would count as lost, and push out those that
		 * the phone may have. */
		if (err == ERR_BUSY && given) {
			sync_collection_later(&q->list[i], &list[i]);
			err = ERR_OK;
		}
		given = given || list[i].new_key;
		if (arena_defer(r->arena, free_commands, &list[i].commands) < 0)
			return ERR_NOMEM;
		if (err)
			return err;
		used += list[i].n;
		bytes += list[i].commands.len;
	}
	return ERR_OK;
}

static bool
has_fetch(const struct sync_collection *c)
{
	return wbxml_has(c->commands, AirSync_Fetch);
}

/* Does the collection have something to say, beyond its unchanged key? */
static bool
says_something(const struct sync_collection *c, const struct sync_result *s)
{
	return s->status != 1 || s->new_key || s->had_commands || s->n || s->first || s->no_room || has_fetch(c);
}

static bool
all_quiet(const struct sync_request *q, const struct sync_result *list)
{
	for (size_t i = 0; i < q->n; i++) {
		if (says_something(&q->list[i], &list[i]))
			return false;
	}
	return true;
}

static bool
may_wait(const struct sync_request *q, const struct sync_result *list)
{
	for (size_t i = 0; i < q->n; i++) {
		if (list[i].status != 1 || list[i].new_key || list[i].n || list[i].more || list[i].no_room
			|| has_fetch(&q->list[i]))
			return false;
	}
	return true;
}

/* ---- answering ---- */

struct storing {
	struct eas_request *r;
	const char *text, *before;
};

/* Looked at first: mostly it is the same, and a transaction that may write would have to wait for others. */
static enum err
load_stored(struct state_txn *t, void *arg, struct error *e)
{
	struct storing *in = arg;

	(void)e;
	return state_request(t, in->r->arena, in->r->device.id, "sync", &in->before);
}

static enum err
store(struct state_txn *t, void *arg, struct error *e)
{
	struct storing *in = arg;

	(void)e;
	return state_request_save(t, in->r->device.id, "sync", in->text);
}

/* Kept for the next empty or Partial request: what was asked, with the keys that the phone has now. Where one failed
 * for a moment that is the same; where it failed for good there is none. */
static void
store_request(struct eas_request *r, const struct sync_request *q, const struct sync_result *list)
{
	const char **keys = arena_array(r->arena, q->n + 1, sizeof *keys);
	struct storing in = { .r = r };
	struct error e = { 0 };

	for (size_t i = 0; keys && i < q->n; i++)
		keys[i] = list[i].status == 1 ? list[i].key : list[i].status == 16 ? q->list[i].key : NULL;
	in.text = keys ? sync_request_text(r->arena, q, keys) : NULL;
	if (in.text && !state_run(r->server->state, STATE_READ, load_stored, &in, &e)
		&& strcmp(in.before, in.text) == 0)
		return;
	if (!in.text || state_run(r->server->state, STATE_WRITE, store, &in, &e))
		log_warn(&r->log, "the request was not stored; an empty one will be answered with Status 13");
}

/* all: also the collections of which there is nothing to tell. */
static enum err
answer(struct eas_request *r, const struct sync_request *q, struct sync_result *list, bool all)
{
	struct wbxml_writer w;
	enum err err = ERR_OK;

	reply_wbxml(r, &w);
	wbxml_start(&w, ROOT);
	wbxml_start(&w, AirSync_Collections);
	for (size_t i = 0; !err && i < q->n; i++) {
		/* Nothing to tell of it: left out, as the empty answer leaves out all [MS-ASCMD 3.1.5.4]. */
		if (all || says_something(&q->list[i], &list[i]))
			err = sync_collection_write(r, &q->list[i], &list[i], &w);
		if (list[i].status != 1)
			r->reply.eas_status = (int)list[i].status;
	}
	wbxml_end(&w);
	wbxml_end(&w);
	if (r->reply.eas_status == 0)
		r->reply.eas_status = 1;
	return err;
}

static bool
stored_keys_hold(const struct sync_request *q, const struct sync_result *list)
{
	for (size_t i = 0; i < q->n; i++) {
		if (list[i].status == 3)
			return false;
	}
	return true;
}

enum eas_outcome
sync_answer(struct eas_request *r, const struct sync_request *q, bool park)
{
	struct sync_result *list;
	bool empty_request = r->body.len == 0 && !r->park, wait, quiet, begun;
	enum err err = run_all(r, q, &list);

	if (err == ERR_BUSY)
		return EAS_BUSY;
	if (err)
		return status_only(r, 5);
	if (empty_request && park && !stored_keys_hold(q, list))
		return status_only(r, 13);
	wait = park && may_wait(q, list);
	quiet = all_quiet(q, list);
	begun = (wait || quiet) && reply_has_begun(r);
	if (wait && !begun) {
		store_request(r, q, list);
		if (hierarchy_tell_news(r))
			return status_only(r, 12);
		return sync_park(r, q, list);
	}
	store_request(r, q, list);
	if (quiet && !begun) {
		r->reply.eas_status = 1;
		return reply_http(r, 200);
	}
	err = answer(r, q, list, begun);
	if (err || !buf_ok(&r->reply.body)) {
		log_error(&r->log,
			"the answer is larger than [eas] response_size; the phone is asked to try again, and gets less");
		return status_only(r, 16);
	}
	return EAS_DONE;
}

enum eas_outcome
cmd_sync(struct eas_request *r, const struct wbxml_node *root)
{
	struct sync_request q;
	unsigned status = sync_request_read(r, root, &q);

	if (status == 15)
		return with_limit(r, status, q.limit);
	if (status)
		return status_only(r, status == 111 ? 16 : status);
	r->server->end_parked(r->server->ctx, r->user, r->query.device_id, EAS_WAIT_SYNC | (q.wait ? EAS_WAIT_PING : 0),
		EAS_WAKE_SUPERSEDED);
	if (q.out_of_range)
		return out_of_range(r, &q);
	return sync_answer(r, &q, q.wait > 0 && !q.has_commands);
}
