/* GetItemEstimate [MS-ASCMD 2.2.1.9]: how much a Sync would bring: the same steps, counted. */
#include <string.h>

#include "eas/sync_collection.h"

#define ROOT GetItemEstimate_GetItemEstimate

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

/* The filter of the request counts where there is one, else the stored one. */
static bool
options_of(struct eas_request *r, const struct wbxml_node *node, const struct collection *col, struct item_options *o_r)
{
	const struct wbxml_node *options = wbxml_child(node, AirSync_Options);

	if (options)
		return item_options_parse(options, o_r);
	if (wbxml_has(node, AirSync_FilterType)) /* up to 12.1 it stands beside the key */
		return item_options_parse(node, o_r);
	return sync_options_parse(r->arena, col->was.options, o_r);
}

/* 0 with *n_r, or the Status. */
static unsigned
count(struct eas_request *r, const struct wbxml_node *node, unsigned *n_r)
{
	const char *id = wbxml_text(node, GetItemEstimate_CollectionId), *key = wbxml_text(node, AirSync_SyncKey);
	struct counting in = { .r = r };
	struct collection col;
	struct item_options o;
	struct idset none;
	struct compose k;
	struct buf nothing;
	struct error e = { 0 };
	const struct item_class *class;
	enum err err = ERR_NOTFOUND;

	*n_r = 0;
	if (wbxml_has(wbxml_child(node, AirSync_Options), AirSync_MaxItems))
		return 2; /* it is for the recipient information cache alone (R3265) */
	if (id_parse_folder(id, &in.id))
		err = state_run(r->server->state, STATE_READ, find_folder, &in, &e);
	if (err)
		return err == ERR_NOTFOUND ? 2 : 3;
	if (!key || strcmp(key, "0") == 0)
		return 3;
	err = key_receive(r, in.f.id, key, &col, &e);
	class = item_class((enum backend_class)in.f.class);
	if (err)
		return err == ERR_NOTFOUND ? 4 : 3;
	if (!options_of(r, node, &col, &o))
		return r->query.version < 140 ? 2 : 103; /* R2984; up to 12.1 there is no word for it */
	if (!class || sync_is_empty(&in.f, r->query.version))
		return 0;
	err = mirror_refresh(r->server, r->account, &in.f, &r->log, &e);
	if (err && err != ERR_BUSY)
		log_warn(&r->log, "%s; counted as it was", e.text[0] ? e.text : err_name(err));
	idset_init(&none, r->arena);
	buf_init(&nothing, 1);
	k = (struct compose){ .r = r, .folder = &in.f, .class = class, .view = { .options = &o }, .me = col.was.epoch,
		.target = sync_filter_date(class->class, o.filter), .get_changes = true, .fresh = col.now.base == 1 && col.now.n_done == 0, .window = UINT32_MAX, .dry = true, .added = &none,
		.touched = &none, .out = &nothing, .pos = col.base };
	idset_init(&k.told, r->arena);
	if (compose(&k, &e))
		return 3;
	*n_r = k.n;
	return 0;
}

static void
write_estimate(struct eas_request *r, const struct wbxml_node *node, struct wbxml_writer *w)
{
	unsigned n, status = count(r, node, &n);

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
}

enum eas_outcome
cmd_getitemestimate(struct eas_request *r, const struct wbxml_node *root)
{
	const struct wbxml_node *all = wbxml_child(root, GetItemEstimate_Collections);
	struct wbxml_writer w;

	reply_wbxml(r, &w);
	wbxml_start(&w, ROOT);
	for (const struct wbxml_node *c = wbxml_child(all, GetItemEstimate_Collection); c;
		c = wbxml_next(c, GetItemEstimate_Collection))
		write_estimate(r, c, &w);
	wbxml_end(&w);
	return EAS_DONE;
}
