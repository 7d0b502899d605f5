/* GetItemEstimate [MS-ASCMD 2.2.1.9]: how much a Sync would bring: the same steps, counted. */
#include <limits.h>
#include <string.h>

#include "eas/sync_collection.h"

#define ROOT GetItemEstimate_GetItemEstimate
#define COLLECTIONS_MAX 1000 /* R5647 */

struct counting {
	struct eas_request *r;
	int64_t id;
	struct state_folder f;
};

static enum err
find_folder(struct state_txn *t, void *arg, struct error *e)
{
	struct counting *in = arg;

	(void)e;
	return state_folder(t, in->r->arena, in->r->device.user, in->id, &in->f);
}

/* The filter of the request counts where there is one, else the stored one. 0 or the Status. */
static unsigned
read_options(struct eas_request *r, const struct wbxml_node *node, const struct collection *col,
	struct item_options *o_r)
{
	const struct wbxml_node *options;
	bool good;

	if (!sync_options_choose(node, &options))
		return 4; /* R908 */
	if (wbxml_has(options, AirSync_MaxItems))
		return 2; /* it is for the recipient information cache alone (R3265) */
	if (options)
		good = item_options_parse(options, o_r);
	else if (wbxml_has(node, AirSync_FilterType)) /* up to 12.1 it stands beside the key */
		good = item_options_parse(node, o_r);
	else
		good = sync_options_parse(r->arena, col->was.options, o_r);
	return good ? 0 : r->query.version < 140 ? 2 : 103; /* R2984; up to 12.1 there is no word for it */
}

/* Composed as a Sync from this position would be, to be counted. */
static enum err
count(struct eas_request *r, struct state_folder *f, const struct item_class *class, const struct collection *col,
	const struct item_options *o, unsigned *n_r)
{
	struct idset added, touched;
	struct buf nothing;
	struct error e = { 0 };
	struct compose k = { .r = r, .folder = f, .class = class, .view = { .options = o }, .me = col->was.epoch,
		.target = sync_filter_date(class->class, o->filter), .get_changes = true, .looked = true,
		.fresh = col->now.base == 1 && col->now.n_done == 0, .window = UINT32_MAX, .dry = true, .added = &added,
		.touched = &touched, .out = &nothing, .pos = col->base };
	enum err err;

	compose_tries(r->arena, col->now.done, col->now.n_done, &added, &touched);
	idset_init(&k.told, r->arena);
	buf_init(&nothing, 1);
	err = compose(&k, &e);
	*n_r = k.n;
	return err;
}

#define BUSY UINT_MAX /* no session is free: the request waits for one */

/* 0 with *n_r, the Status, or BUSY. */
static unsigned
estimate(struct eas_request *r, const struct wbxml_node *node, unsigned *n_r)
{
	const char *id = wbxml_text(node, GetItemEstimate_CollectionId), *key = wbxml_text(node, AirSync_SyncKey);
	struct counting in = { .r = r };
	const struct item_class *class;
	struct collection col;
	struct item_options o;
	struct error e = { 0 };
	unsigned status;
	enum err err = ERR_NOTFOUND;

	*n_r = 0;
	if (id_parse_folder(id, &in.id))
		err = state_run(r->server->state, STATE_READ, find_folder, &in, &e);
	if (err)
		return err == ERR_NOTFOUND ? 2 : 3;
	if (!key || strcmp(key, "0") == 0)
		return 3;
	if (wbxml_has(node, AirSync_ConversationMode) && r->query.version >= 140 && in.f.class != BACKEND_MAIL)
		return 103; /* R2100 */
	err = key_receive(r, in.f.id, key, &col, &e);
	if (err)
		return err == ERR_NOTFOUND ? 4 : 3;
	status = read_options(r, node, &col, &o);
	class = item_class((enum backend_class)in.f.class);
	if (status || !class || sync_is_empty(&in.f, r->query.version))
		return status;
	err = mirror_refresh(r->server, r->account, &in.f, &r->log, &e);
	if (err == ERR_BUSY)
		return BUSY;
	if (err)
		log_warn(&r->log, "%s; counted as it was", e.text[0] ? e.text : err_name(err));
	return count(r, &in.f, class, &col, &o, n_r) ? 3 : 0;
}

static enum eas_outcome
write_estimate(struct eas_request *r, const struct wbxml_node *node, struct wbxml_writer *w)
{
	unsigned n, status = estimate(r, node, &n);

	if (status == BUSY)
		return EAS_BUSY;
	wbxml_start(w, GetItemEstimate_Response);
	wbxml_put_int(w, GetItemEstimate_Status, status ? status : 1);
	wbxml_start(w, GetItemEstimate_Collection);
	if (r->query.version < 140)
		wbxml_put(w, GetItemEstimate_Class, wbxml_text(node, GetItemEstimate_Class));
	wbxml_put(w, GetItemEstimate_CollectionId, wbxml_text(node, GetItemEstimate_CollectionId));
	if (!status)
		wbxml_put_int(w, GetItemEstimate_Estimate, n);
	wbxml_end(w);
	wbxml_end(w);
	r->reply.eas_status = status ? (int)status : 1;
	return EAS_DONE;
}

enum eas_outcome
cmd_getitemestimate(struct eas_request *r, const struct wbxml_node *root)
{
	const struct wbxml_node *all = wbxml_child(root, GetItemEstimate_Collections);
	size_t n = wbxml_count(all, GetItemEstimate_Collection);
	struct wbxml_writer w;

	if (n == 0 || n > COLLECTIONS_MAX)
		return reply_status(r, ROOT, GetItemEstimate_Status, 103);
	reply_wbxml(r, &w);
	wbxml_start(&w, ROOT);
	for (const struct wbxml_node *c = wbxml_child(all, GetItemEstimate_Collection); c;
		c = wbxml_next(c, GetItemEstimate_Collection)) {
		if (write_estimate(r, c, &w) == EAS_BUSY)
			return EAS_BUSY;
	}
	wbxml_end(&w);
	return EAS_DONE;
}
