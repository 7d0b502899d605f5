/* The Collection element of an answer [MS-ASCMD 2.2.1.21]. */
#include <stdio.h>
#include <string.h>

#include "eas/sync_collection.h"

/* ---- Fetch in a Sync ---- */

struct fetching {
	struct eas_request *r;
	struct sync_result *s;
	struct wbxml_writer *w;
	const char *server_id;
	bool rendered;
};

static enum err
render_fetched(void *ctx, const struct backend_item *item)
{
	struct fetching *in = ctx;
	struct wbxml_point before = wbxml_point(in->w);
	struct arena_mark mark;
	struct error e = { 0 };
	enum err err;

	if (item->err)
		return ERR_OK;
	wbxml_start(in->w, AirSync_Fetch);
	wbxml_put(in->w, AirSync_ServerId, in->server_id);
	wbxml_put_int(in->w, AirSync_Status, 1);
	wbxml_start(in->w, AirSync_ApplicationData);
	mark = arena_mark(in->r->arena);
	err = in->s->x.class->render(&in->s->x.view, in->r->arena, item, in->server_id, RENDER_FETCH, in->w, &e);
	arena_rewind(in->r->arena, mark);
	if (err) {
		log_warn(&in->r->log, "item %s cannot be fetched: %s", in->server_id,
			e.text[0] ? e.text : err_name(err));
		wbxml_back(in->w, &before);
		return ERR_OK;
	}
	wbxml_end(in->w);
	wbxml_end(in->w);
	in->rendered = true;
	return ERR_OK;
}

struct locating {
	struct eas_request *r;
	int64_t folder, id;
	struct state_items items;
};

static enum err
locate(struct state_txn *t, void *arg, struct error *e)
{
	struct locating *in = arg;

	(void)e;
	return state_items_by_id(t, in->r->arena, in->folder, &in->id, 1, &in->items);
}

static enum err
write_fetch(struct eas_request *r, struct sync_result *s, const struct response *p, struct wbxml_writer *w)
{
	struct fetching in = { .r = r, .s = s, .w = w, .server_id = p->server_id };
	struct locating where = { .r = r };
	struct error e = { 0 };
	int64_t folder;
	enum err err = ERR_NOTFOUND;

	if (s->x.class && id_parse_item(p->server_id, &folder, &where.id) && folder == s->folder.id) {
		where.folder = folder;
		err = state_run(r->server->state, STATE_READ, locate, &where, &e);
	}
	if (!err && where.items.n && !where.items.list[0].deleted) {
		struct backend_fetch what = { .folder = s->folder.key, .keys = &where.items.list[0].key, .n = 1,
			.want = WANT_BYTES,
			.bytes_max = r->server->config->mail_bytes_max };

		err = account_fetch(r->account, &what, render_fetched, &in, &e);
	}
	if (in.rendered)
		return ERR_OK;
	/* BUSY, too: the rest of the answer must go out (cmd_sync.c). */
	wbxml_start(w, AirSync_Fetch);
	wbxml_put(w, AirSync_ServerId, p->server_id);
	wbxml_put_int(w, AirSync_Status, err_is_temporary(err) ? 16 : 8);
	wbxml_end(w);
	return ERR_OK;
}

/* ---- Responses ---- */

static void
write_attachments(const struct sync_result *s, const struct response *p, struct wbxml_writer *w)
{
	char reference[ID_MAX + 192], id[ID_MAX];

	if (p->merged.n_added == 0)
		return;
	wbxml_start(w, AirSyncBase_Attachments);
	for (size_t i = 0; i < p->merged.n_added; i++) {
		snprintf(reference, sizeof reference, "%s:%s", id_item(s->folder.id, p->item, id),
			p->merged.added[i].part);
		wbxml_start(w, AirSyncBase_Attachment);
		wbxml_put(w, AirSyncBase_ClientId, p->merged.added[i].client_id);
		wbxml_put(w, AirSyncBase_FileReference, reference);
		wbxml_end(w);
	}
	wbxml_end(w);
}

/* From 16.0 the server says what it made of the item: the name of an event [MS-ASCAL 2.2.2.46], the conversation of a
 * draft [MS-ASEMAIL 2.2.2.21, 2.2.2.22], where attachments that came are to be had [MS-ASAIRS 2.2.2.14]. */
static void
write_made(const struct sync_result *s, const struct response *p, struct wbxml_writer *w)
{
	const struct item_merged *m = &p->merged;
	bool add = p->tag == AirSync_Add;

	if (p->status != 1 || p->item <= 0 || !((add && (m->uid || m->conversation_id.len)) || m->n_added))
		return;
	wbxml_start(w, AirSync_ApplicationData);
	write_attachments(s, p, w);
	if (add && s->folder.class == BACKEND_CALENDAR)
		wbxml_put(w, Calendar_UID, m->uid);
	if (add && m->conversation_id.len) {
		wbxml_put_opaque(w, Email2_ConversationId, m->conversation_id);
		wbxml_put_opaque(w, Email2_ConversationIndex, m->conversation_index);
	}
	wbxml_end(w);
}

static void
write_response(struct eas_request *r, const struct sync_result *s, const struct response *p, struct wbxml_writer *w)
{
	char id[ID_MAX];

	wbxml_start(w, p->tag);
	wbxml_put(w, AirSync_ClientId, p->tag == AirSync_Add ? p->client_id : NULL);
	if (p->tag == AirSync_Add && p->status == 1 && p->item > 0)
		wbxml_put(w, AirSync_ServerId, id_item(s->folder.id, p->item, id));
	else if (p->tag != AirSync_Add)
		wbxml_put(w, AirSync_ServerId, p->server_id);
	if (p->tag != AirSync_Add && p->instance_id)
		wbxml_put(w, AirSyncBase_InstanceId, p->instance_id);
	wbxml_put_int(w, AirSync_Status, p->status);
	if (r->query.version >= 160 && (s->folder.class == BACKEND_CALENDAR || s->folder.class == BACKEND_MAIL))
		write_made(s, p, w);
	wbxml_end(w);
}

/* 1 stands for itself: only Add, Fetch and what brought attachments have an entry then (R7069, R5256). No empty
 * Responses (R3836). */
static bool
is_said(const struct response *p)
{
	return p->status != 1 || p->tag == AirSync_Add || p->tag == AirSync_Fetch || p->merged.n_added;
}

static enum err
write_responses(struct eas_request *r, struct sync_result *s, struct wbxml_writer *w)
{
	bool any = false;
	enum err err = ERR_OK;

	for (size_t i = 0; i < s->x.n_responses; i++)
		any = any || is_said(&s->x.responses[i]);
	if (!any)
		return ERR_OK;
	wbxml_start(w, AirSync_Responses);
	for (size_t i = 0; !err && i < s->x.n_responses; i++) {
		const struct response *p = &s->x.responses[i];

		if (p->tag == AirSync_Fetch)
			err = write_fetch(r, s, p, w);
		else if (is_said(p))
			write_response(r, s, p, w);
	}
	wbxml_end(w);
	return err;
}

/* The pieces begin on the AirSync page and know where they end. */
static void
write_commands(struct sync_result *s, struct wbxml_writer *w)
{
	if (s->n == 0)
		return;
	wbxml_start(w, AirSync_Commands);
	wbxml_put_piece(w, buf_slice(&s->commands), s->page_after);
	wbxml_end(w);
}

enum err
sync_collection_write(struct eas_request *r, const struct sync_collection *c, struct sync_result *s,
	struct wbxml_writer *w)
{
	const struct item_class *class = item_class((enum backend_class)s->folder.class);
	enum err err = ERR_OK;

	wbxml_start(w, AirSync_Collection);
	if (r->query.version < 140 && class)
		wbxml_put(w, AirSync_Class, class->name);
	wbxml_put(w, AirSync_SyncKey, s->key ? s->key : c->key ? c->key : "0");
	wbxml_put(w, AirSync_CollectionId, c->id_text ? c->id_text : "");
	wbxml_put_int(w, AirSync_Status, s->status);
	if (s->status == 1) {
		if (s->more)
			wbxml_empty(w, AirSync_MoreAvailable);
		err = write_responses(r, s, w);
		write_commands(s, w);
	}
	wbxml_end(w);
	return err;
}
