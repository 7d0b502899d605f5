/* ItemOperations [MS-ASCMD 2.2.1.10]: items and attachments on demand, inline or as a multipart answer; emptying a
 * folder. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "eas/command.h"
#include "eas/hierarchy.h"
#include "eas/mail_lookup.h"
#include "eas/quirk.h"

#define OPERATIONS_MAX 100 /* R7490 */

enum {
	STATUS_OK = 1,
	STATUS_PROTOCOL = 2,
	STATUS_SERVER = 3,
	STATUS_NOT_FOUND = 6,
	STATUS_BAD_RANGE = 8,
	STATUS_BAD_STORE = 9,
	STATUS_TOO_LARGE = 11,
	STATUS_CONVERSION = 14,
	STATUS_BAD_ATTACHMENT = 15,
	STATUS_DENIED = 16,
	STATUS_PARTIAL = 17,
	STATUS_MOVE_FAILED = 154,
	STATUS_MOVE_ALWAYS = 155,
	STATUS_BODY_PART_TYPE = 164,
};

struct operations {
	struct eas_request *r;
	struct wbxml_writer *w;
	struct item_parts *parts; /* NULL: inline */
	struct backend_identity id;
	bool changed;             /* a folder was emptied */
};

struct fetch {
	struct operations *o;
	const struct wbxml_node *node;
	const char *collection, *server_id, *long_id, *reference, *part;
	const struct wbxml_node *schema; /* the properties that are wanted; NULL: all */
	struct item_options options;
	struct lookup found;
	bool ranged;
	uint64_t first, last;
	size_t from;              /* where in its buffer the attachment begins */
	unsigned status;
};

static unsigned
status_of(struct operations *o, enum err err, const struct error *e)
{
	switch (err) {
	case ERR_NOTFOUND:
	case ERR_NOFOLDER:
	case ERR_UNSUPPORTED: /* no item for phones */
		return STATUS_NOT_FOUND;
	case ERR_LIMIT:
	case ERR_NOMEM:
		log_warn(&o->r->log, "an item is too large to be fetched: %s", e->code ? e->text : err_name(err));
		return STATUS_TOO_LARGE;
	case ERR_INVALID:
		log_warn(&o->r->log, "an item cannot be shown: %s", e->code ? e->text : err_name(err));
		return STATUS_CONVERSION;
	case ERR_DENIED:
		return STATUS_DENIED;
	default:
		log_warn(&o->r->log, "an item was not fetched: %s", e->code ? e->text : err_name(err));
		return STATUS_SERVER;
	}
}

/* ---- what is asked for ---- */

/* "0-1023", both ends included [MS-ASCMD 2.2.3.143.2] */
static bool
parse_range(const char *s, uint64_t *first_r, uint64_t *last_r)
{
	const char *dash = strchr(s, '-');
	char first[24];

	if (!dash || dash == s || (size_t)(dash - s) >= sizeof first)
		return false;
	memcpy(first, s, (size_t)(dash - s));
	first[dash - s] = '\0';
	return text_to_u64(first, first_r) && text_to_u64(dash + 1, last_r) && *first_r <= *last_r;
}

static void
parse_fetch(struct fetch *f)
{
	const struct wbxml_node *options = wbxml_child(f->node, ItemOperations_Options);
	const char *store = wbxml_text(f->node, ItemOperations_Store),
		   *range = wbxml_text(options, ItemOperations_Range);

	f->collection = wbxml_text(f->node, AirSync_CollectionId);
	f->server_id = wbxml_text(f->node, AirSync_ServerId);
	f->long_id = wbxml_text(f->node, Search_LongId);
	f->reference = wbxml_text(f->node, AirSyncBase_FileReference);
	f->schema = wbxml_child(options, ItemOperations_Schema);
	const struct wbxml_node *reference = wbxml_child(f->node, AirSyncBase_FileReference);
	if (store && text_casecmp(store, "Mailbox") != 0)
		f->status = STATUS_BAD_STORE; /* no document library here */
	else if (!item_options_parse(options, &f->options)
		|| (reference && wbxml_next(reference, AirSyncBase_FileReference)))
		f->status = STATUS_PROTOCOL;
	else if (!item_options_parts_ok(options, f->o->r->query.version))
		f->status = STATUS_BODY_PART_TYPE;
	else if (range && !(f->ranged = parse_range(range, &f->first, &f->last)))
		f->status = STATUS_BAD_RANGE;
}

/* Which item; the part of a FileReference, too. */
static enum err
find(struct fetch *f, struct error *e)
{
	int64_t folder, item;
	bool good;

	if (f->reference)
		good = id_parse_reference(f->reference, &folder, &item, &f->part);
	else
		good = id_parse_item(f->server_id ? f->server_id : f->long_id, &folder, &item);
	if (!good) {
		f->status = f->reference ? STATUS_BAD_ATTACHMENT
			: f->server_id || f->long_id ? STATUS_NOT_FOUND : STATUS_PROTOCOL;
		return ERR_OK;
	}
	return lookup_item(f->o->r, folder, item, &f->found, e);
}

/* ---- answers ---- */

static void
write_ids(struct fetch *f, const char *class)
{
	struct wbxml_writer *w = f->o->w;

	wbxml_put(w, AirSync_CollectionId, f->reference ? NULL : f->collection);
	wbxml_put(w, AirSync_ServerId, f->reference ? NULL : f->server_id);
	wbxml_put(w, Search_LongId, f->reference || f->server_id ? NULL : f->long_id);
	wbxml_put(w, AirSync_Class, class);
	wbxml_put(w, AirSyncBase_FileReference, f->reference);
}

static void
begin_answer(struct fetch *f, const char *class)
{
	wbxml_start(f->o->w, ItemOperations_Fetch);
	wbxml_put_int(f->o->w, ItemOperations_Status, STATUS_OK);
	write_ids(f, class);
	wbxml_start(f->o->w, ItemOperations_Properties);
}

static void
end_answer(struct fetch *f)
{
	wbxml_end(f->o->w);
	wbxml_end(f->o->w);
}

/* The properties that Schema names [MS-ASEMAIL R63], out of all that were written apart. */
static enum err
put_chosen(struct fetch *f, const struct buf *all, struct error *e)
{
	struct wbxml_node *root;
	enum err err = wbxml_read(f->o->r->arena, buf_slice(all), NULL, &root, e);

	for (const struct wbxml_node *n = err ? NULL : root->child; n; n = n->next) {
		if (wbxml_has(f->schema, n->tag))
			wbxml_put_node(f->o->w, n);
	}
	return err;
}

static enum err
render_chosen(struct fetch *f, struct item_view *view, const struct backend_item *item, const char *id, struct error *e)
{
	const struct item_class *class = item_class((enum backend_class)f->found.folder.class);
	AUTO(buf_finish) struct buf all = { 0 };
	struct wbxml_writer apart;

	if (!wbxml_has(f->schema, AirSyncBase_Body))
		view->parts = NULL; /* it goes with the element */
	buf_init(&all, f->o->r->reply.body.max);
	wbxml_begin(&apart, &all);
	wbxml_start(&apart, ItemOperations_Properties);
	enum err err = class->render(view, f->o->r->arena, item, id, RENDER_FETCH, &apart, e);
	wbxml_end(&apart);
	if (!err && !buf_ok(&all))
		err = ERR_LIMIT;
	return err ? err : put_chosen(f, &all, e);
}

static enum err
write_item(void *ctx, const struct backend_item *item)
{
	struct fetch *f = ctx;
	struct eas_request *r = f->o->r;
	const struct item_class *class = item_class((enum backend_class)f->found.folder.class);
	struct item_view view = { .version = r->query.version, .options = &f->options,
		.address = f->o->id.address ? f->o->id.address : "",
		.name = f->o->id.name ? f->o->id.name : "", .log = &r->log, .parts = f->o->parts,
		.quirks = quirks_of(r->query.device_type, r->user_agent, r->query.version) };
	char id[ID_MAX];
	struct error e = { 0 };

	if (!class)
		return ERR_NOTFOUND;
	id_item(f->found.folder.id, f->found.item.id, id);
	begin_answer(f, class->name);
	enum err err = f->schema ? render_chosen(f, &view, item, id, &e)
		: class->render(&view, r->arena, item, id, RENDER_FETCH, f->o->w, &e);
	end_answer(f);
	return err;
}

/* In the inline form Data is base64 text [MS-ASCMD 2.2.3.39.1], made where it goes out from. */
static enum err
begin_attachment(void *ctx, const struct item_part *p)
{
	struct fetch *f = ctx;
	struct wbxml_writer *w = f->o->w;
	char range[64];

	if (f->ranged && f->first >= p->total && f->first > 0) {
		f->status = STATUS_BAD_RANGE;
		return ERR_INVALID;
	}
	begin_answer(f, NULL);
	if (f->ranged) { /* only where it was asked for: iOS fails on it otherwise */
		uint64_t last = f->last < p->total ? f->last : p->total - 1;

		snprintf(range, sizeof range, "%llu-%llu", (unsigned long long)f->first, (unsigned long long)last);
		if (p->total) /* of nothing there is no range */
			wbxml_put(w, ItemOperations_Range, range);
		wbxml_put_int(w, ItemOperations_Total, (int64_t)p->total);
	}
	wbxml_put(w, AirSyncBase_ContentType, p->type);
	if (!f->o->parts)
		wbxml_begin_text(w, ItemOperations_Data);
	f->from = f->o->parts ? f->o->parts->data.len : w->out->len;
	return ERR_OK;
}

static void
end_attachment(struct fetch *f)
{
	struct item_parts *parts = f->o->parts;

	if (parts) {
		parts->lengths[parts->n++] = parts->data.len - f->from;
		wbxml_put_int(f->o->w, ItemOperations_Part, (int64_t)parts->n);
	} else {
		text_base64_from(f->o->w->out, f->from);
		wbxml_end_text(f->o->w);
	}
	end_answer(f);
}

static enum err
write_attachment(void *ctx, const struct backend_item *item)
{
	struct fetch *f = ctx;
	const struct item_class *class = item_class((enum backend_class)f->found.folder.class);
	struct item_part p = { .part = f->part, .first = f->ranged ? f->first : 0, .last = f->ranged ? f->last : UINT64_MAX,
		.begin = begin_attachment, .ctx = f };
	struct buf *out = f->o->parts ? &f->o->parts->data : f->o->w->out;

	if (f->o->parts && f->o->parts->n == ITEM_PARTS_MAX)
		return ERR_LIMIT;
	enum err err = class && class->attachment ? class->attachment(f->o->r->arena, item->bytes, &p, out) : ERR_NOTFOUND;
	if (f->status)
		return ERR_OK;
	if (err == ERR_NOTFOUND) {
		f->status = STATUS_BAD_ATTACHMENT;
		return ERR_OK;
	}
	if (err)
		return err;
	end_attachment(f);
	return buf_ok(out) ? ERR_OK : ERR_NOMEM;
}

/* ---- one operation after the other ---- */

static enum err
run_fetch(struct fetch *f, struct error *e)
{
	enum err err;

	parse_fetch(f);
	if (f->status)
		return ERR_OK;
	err = find(f, e);
	if (err || f->status)
		return err;
	return lookup_fetch(f->o->r, &f->found, f->reference ? write_attachment : write_item, f, e);
}

static enum err
do_fetch(struct operations *o, const struct wbxml_node *node)
{
	struct fetch f = { .o = o, .node = node };
	struct wbxml_point point = wbxml_point(o->w);
	struct arena_mark mark = arena_mark(o->r->arena);
	size_t n_parts = o->parts ? o->parts->n : 0, parts_len = o->parts ? o->parts->data.len : 0;
	struct error e = { 0 };
	enum err err = run_fetch(&f, &e);

	if (err == ERR_BUSY)
		return err;
	if (!err && !f.status && buf_ok(o->w->out)) {
		arena_rewind(o->r->arena, mark);
		return ERR_OK;
	}
	if (!err && !f.status)
		err = ERR_LIMIT; /* the answer has no room for it */
	if (err)
		f.status = status_of(o, err, &e);
	wbxml_back(o->w, &point);
	if (o->parts) {
		o->parts->n = n_parts;
		o->parts->data.len = parts_len;
		o->parts->data.failed = false;
	}
	wbxml_start(o->w, ItemOperations_Fetch);
	wbxml_put_int(o->w, ItemOperations_Status, f.status);
	write_ids(&f, NULL);
	wbxml_end(o->w);
	arena_rewind(o->r->arena, mark);
	return ERR_OK;
}

/* ---- emptying a folder ---- */

static enum err
empty_folder(struct operations *o, const char *key, unsigned *failed, struct error *e)
{
	struct eas_request *r = o->r;
	const char *cursor = NULL;
	struct backend_changes c = { .more = true };

	while (c.more) {
		enum err err = account_changes(r->account, r->arena, key, cursor, 1000, &c, e);

		if (err)
			return err;
		for (size_t i = 0; i < c.n; i++) {
			if (c.list[i].gone)
				continue;
			err = account_remove(r->account, key, c.list[i].key, NULL, e);
			if (err == ERR_BUSY || err_is_temporary(err))
				return err;
			if (err && err != ERR_NOTFOUND)
				(*failed)++;
			o->changed = true;
		}
		cursor = c.cursor;
	}
	return ERR_OK;
}

struct tree {
	struct eas_request *r;
	struct state_folder *list;
	size_t n;
};

static enum err
read_tree(struct state_txn *t, void *arg, struct error *e)
{
	struct tree *tree = arg;
	int64_t seq;

	(void)e;
	return state_folders(t, tree->r->arena, tree->r->device.user, 0, &tree->list, &tree->n, &seq);
}

/* Those below the folder, the deepest first; each is tried, for a server may remove some with their parent. */
static enum err
remove_below(struct operations *o, const struct tree *tree, const char *key, unsigned depth, unsigned *failed,
	struct error *e)
{
	for (size_t i = 0; i < tree->n && depth < 32; i++) {
		const struct state_folder *f = &tree->list[i];
		enum err err;

		if (f->deleted || strcmp(f->parent, key) != 0)
			continue;
		err = remove_below(o, tree, f->key, depth + 1, failed, e);
		if (!err)
			err = account_folder_remove(o->r->account, f->key, e);
		if (err_is_temporary(err))
			return err;
		if (err && err != ERR_NOTFOUND && err != ERR_NOFOLDER)
			(*failed)++;
	}
	return ERR_OK;
}

static enum err
remove_subfolders(struct operations *o, const char *key, unsigned *failed, struct error *e)
{
	struct tree tree = { .r = o->r };
	struct hierarchy_look look = { 0 };
	enum err err = state_run(o->r->server->state, STATE_READ, read_tree, &tree, e);

	if (!err)
		err = remove_below(o, &tree, key, 0, failed, e);
	if (!err)
		err = hierarchy_refresh(o->r->server, o->r->account, &o->r->log, 0, &look, e);
	if (!err && look.changed)
		o->r->server->nudge(o->r->server->ctx, o->r->user);
	return err;
}

static enum err
do_empty(struct operations *o, const struct wbxml_node *node)
{
	const char *collection = wbxml_text(node, AirSync_CollectionId);
	bool subfolders = wbxml_bool(wbxml_child(node, ItemOperations_Options), ItemOperations_DeleteSubFolders, false);
	struct state_folder folder = { 0 };
	struct error e = { 0 };
	unsigned failed = 0, status = STATUS_OK;
	int64_t id;
	enum err err = ERR_OK;

	if (!id_parse_folder(collection, &id))
		status = collection ? STATUS_NOT_FOUND : STATUS_PROTOCOL;
	else
		err = lookup_folder(o->r, id, &folder, &e);
	if (!err && status == STATUS_OK && (folder.class != BACKEND_MAIL || folder.readonly))
		/* It is meant for the Trash [MS-ASCMD 2.2.3.58]; a calendar is not lost by one tap. */
		status = STATUS_DENIED;
	if (!err && status == STATUS_OK && !text_starts(folder.key, HIERARCHY_OWN)) {
		err = empty_folder(o, folder.key, &failed, &e);
		if (!err && subfolders)
			err = remove_subfolders(o, folder.key, &failed, &e);
	}
	if (err == ERR_BUSY)
		return err;
	if (err)
		status = status_of(o, err, &e);
	else if (failed)
		status = STATUS_PARTIAL;
	wbxml_start(o->w, ItemOperations_EmptyFolderContents);
	wbxml_put_int(o->w, ItemOperations_Status, status);
	wbxml_put(o->w, AirSync_CollectionId, collection ? collection : "");
	wbxml_end(o->w);
	return ERR_OK;
}

/* Conversations are not moved as such: the phone moves the mails that it knows with MoveItems. */
static void
do_move(struct operations *o, const struct wbxml_node *node)
{
	const struct wbxml_node *conversation = wbxml_child(node, ItemOperations_ConversationId);
	bool always = wbxml_has(wbxml_child(node, ItemOperations_Options), ItemOperations_MoveAlways);

	wbxml_start(o->w, ItemOperations_Move);
	if (conversation)
		wbxml_put_opaque(o->w, ItemOperations_ConversationId, conversation->data);
	wbxml_put_int(o->w, ItemOperations_Status, always ? STATUS_MOVE_FAILED : STATUS_MOVE_ALWAYS);
	wbxml_end(o->w);
}

/* ---- the answer as a whole ---- */

static void
put_u32(unsigned char *p, uint64_t v)
{
	for (unsigned i = 0; i < 4; i++)
		p[i] = (unsigned char)(v >> (8 * i));
}

/* MultiPartResponse [MS-ASCMD 2.2.1.10.1.1]: count, offset and length of each, then the parts; the WBXML is the first. The others, which
 * can be large, become the answer where they stand. */
static void
write_multipart(struct eas_request *r, const struct buf *wbxml, struct item_parts *parts)
{
	AUTO(buf_finish) struct buf head = { 0 };
	size_t n = parts->n + 1, at = 4 + 8 * n;
	unsigned char *p;

	buf_init(&head, 0);
	p = buf_reserve(&head, at);
	if (!p) {
		r->reply.body.failed = true;
		return;
	}
	head.len = at;
	put_u32(p, n);
	for (size_t i = 0; i < n; i++) {
		size_t len = i ? parts->lengths[i - 1] : wbxml->len;

		put_u32(p + 4 + 8 * i, at);
		put_u32(p + 8 + 8 * i, len);
		at += len;
	}
	buf_add_slice(&head, buf_slice(wbxml));
	parts->data.failed = parts->data.failed || !buf_ok(&head);
	buf_prepend(&parts->data, head.data, head.len);
	struct buf was = r->reply.body;

	r->reply.body = parts->data;
	parts->data = was;
	r->reply.content_type = "application/vnd.ms-sync.multipart";
}

static size_t
count_operations(const struct wbxml_node *root)
{
	return wbxml_count(root, ItemOperations_Fetch) + wbxml_count(root, ItemOperations_EmptyFolderContents)
		+ wbxml_count(root, ItemOperations_Move);
}

static enum err
run_operations(struct operations *o, const struct wbxml_node *root)
{
	enum err err = ERR_OK;

	wbxml_start(o->w, ItemOperations_ItemOperations);
	wbxml_put_int(o->w, ItemOperations_Status, STATUS_OK);
	wbxml_start(o->w, ItemOperations_Response);
	for (const struct wbxml_node *n = root->child; n && !err; n = n->next) {
		if (n->tag == ItemOperations_Fetch)
			err = do_fetch(o, n);
		else if (n->tag == ItemOperations_EmptyFolderContents)
			err = do_empty(o, n);
		else if (n->tag == ItemOperations_Move)
			do_move(o, n);
	}
	wbxml_end(o->w);
	wbxml_end(o->w);
	return err;
}

static void
finish_parts(struct item_parts **p)
{
	if (*p)
		buf_finish(&(*p)->data);
	free(*p);
	*p = NULL;
}

enum eas_outcome
cmd_itemoperations(struct eas_request *r, const struct wbxml_node *root)
{
	AUTO(finish_parts) struct item_parts *parts = NULL;
	AUTO(buf_finish) struct buf wbxml = { 0 };
	struct wbxml_writer w;
	struct operations o = { .r = r, .w = &w };
	struct error e = { 0 };

	buf_init(&wbxml, r->reply.body.max);
	if (!root->child)
		return reply_status(r, ItemOperations_ItemOperations, ItemOperations_Status, STATUS_PROTOCOL);
	if (count_operations(root) > OPERATIONS_MAX)
		return reply_status(r, ItemOperations_ItemOperations, ItemOperations_Status, STATUS_TOO_LARGE);
	if (account_identity(r->account, r->arena, &o.id, &e) == ERR_BUSY)
		return EAS_BUSY;
	reply_wbxml(r, &w);
	if (r->query.accept_multipart) {
		parts = calloc(1, sizeof *parts);
		if (!parts)
			return reply_status(r, ItemOperations_ItemOperations, ItemOperations_Status, STATUS_SERVER);
		buf_init(&parts->data, r->reply.body.max);
		wbxml_begin(&w, &wbxml);
		o.parts = parts;
	}
	if (run_operations(&o, root) == ERR_BUSY)
		return EAS_BUSY;
	if (parts)
		write_multipart(r, &wbxml, parts);
	if (!buf_ok(&r->reply.body))
		return reply_status(r, ItemOperations_ItemOperations, ItemOperations_Status, STATUS_TOO_LARGE);
	r->reply.eas_status = STATUS_OK;
	if (o.changed && r->server->nudge)
		r->server->nudge(r->server->ctx, r->user);
	return EAS_DONE;
}
