/* FolderSync [MS-ASCMD 2.2.1.5]: the folders, and what became of them since the key. */
#include <string.h>

#include "eas/hierarchy.h"

#define LOOK_AGAIN 20 /* seconds; pulling to refresh shall find a new folder, a phone in a loop shall not ask the backends */

static enum eas_outcome
fail(struct eas_request *r, enum err err, const struct error *e)
{
	return reply_status(r, FolderHierarchy_FolderSync, FolderHierarchy_Status, reply_status_of(r, err, e));
}

static bool
is_add(const struct hierarchy *h, const struct state_folder *f)
{
	return !f->deleted && f->created_seq > h->seq;
}

static bool
is_update(const struct hierarchy *h, const struct state_folder *f)
{
	return !f->deleted && f->created_seq <= h->seq && f->hierarchy_seq > h->seq;
}

static bool
is_delete(const struct hierarchy *h, const struct state_folder *f)
{
	return f->deleted && f->created_seq <= h->seq && f->hierarchy_seq > h->seq;
}

static void
write_folder(struct wbxml_writer *w, const struct hierarchy *h, const struct state_folder *f, unsigned tag)
{
	wbxml_start(w, tag);
	wbxml_put_int(w, FolderHierarchy_ServerId, f->id);
	if (tag != FolderHierarchy_Delete) {
		wbxml_put_int(w, FolderHierarchy_ParentId, hierarchy_parent(h, f));
		wbxml_put(w, FolderHierarchy_DisplayName, f->name);
		wbxml_put_int(w, FolderHierarchy_Type, f->type);
	}
	wbxml_end(w);
}

/* Parents come before what stands in them: a folder is written once its parent is known to the phone. */
static void
write_adds(struct wbxml_writer *w, const struct hierarchy *h, bool *written)
{
	bool progress = true;

	while (progress) {
		progress = false;
		for (size_t i = 0; i < h->n_folders; i++) {
			const struct state_folder *f = &h->folders[i];
			const struct state_folder *parent = *f->parent ? hierarchy_by_key(h, f->parent) : NULL;

			if (written[i] || !is_add(h, f)
				|| (parent && is_add(h, parent) && !written[parent - h->folders]))
				continue;
			write_folder(w, h, f, FolderHierarchy_Add);
			written[i] = progress = true;
		}
	}
	for (size_t i = 0; i < h->n_folders; i++) { /* a ring of parents: at the top, rather than not at all */
		if (!written[i] && is_add(h, &h->folders[i]))
			write_folder(w, h, &h->folders[i], FolderHierarchy_Add);
	}
}

static unsigned
count(const struct hierarchy *h)
{
	unsigned n = 0;

	for (size_t i = 0; i < h->n_folders; i++)
		n += is_add(h, &h->folders[i]) || is_update(h, &h->folders[i]) || is_delete(h, &h->folders[i]);
	return n;
}

static enum eas_outcome
answer(struct eas_request *r, const struct hierarchy *h, const char *key, unsigned changes)
{
	bool *written = arena_array(r->arena, h->n_folders + 1, sizeof *written);
	struct wbxml_writer w;

	if (!written)
		return fail(r, ERR_NOMEM, NULL);
	reply_wbxml(r, &w);
	wbxml_start(&w, FolderHierarchy_FolderSync);
	wbxml_put_int(&w, FolderHierarchy_Status, 1);
	wbxml_put(&w, FolderHierarchy_SyncKey, key);
	wbxml_start(&w, FolderHierarchy_Changes);
	wbxml_put_int(&w, FolderHierarchy_Count, changes);
	for (size_t i = 0; i < h->n_folders; i++) {
		if (is_update(h, &h->folders[i]))
			write_folder(&w, h, &h->folders[i], FolderHierarchy_Update);
	}
	for (size_t i = 0; i < h->n_folders; i++) {
		if (is_delete(h, &h->folders[i]))
			write_folder(&w, h, &h->folders[i], FolderHierarchy_Delete);
	}
	write_adds(&w, h, written);
	wbxml_end(&w);
	wbxml_end(&w);
	r->reply.eas_status = 1;
	return EAS_DONE;
}

enum eas_outcome
cmd_foldersync(struct eas_request *r, const struct wbxml_node *root)
{
	const char *key = wbxml_text(root, FolderHierarchy_SyncKey);
	bool first = key && strcmp(key, "0") == 0;
	struct error e = { 0 };
	struct hierarchy h;
	char new_key[KEY_MAX];
	struct hierarchy_look look;
	unsigned status, changes;
	enum err err;

	r->server->end_parked(r->server->ctx, r->user, r->query.device_id, EAS_WAIT_PING | EAS_WAIT_SYNC,
		EAS_WAKE_SUPERSEDED);
	err = hierarchy_refresh(r->server, r->account, &r->log, first ? 0 : LOOK_AGAIN, &look, &e);
	if (err == ERR_BUSY)
		return EAS_BUSY;
	if (err && (first || !err_is_temporary(err)))
		return fail(r, err, &e);
	if (err)
		log_warn(&r->log, "%s; the folders are as they were", e.text);
	if (first && *look.down)
		log_warn(&r->log, "first FolderSync without the folders of %s: %s", look.down, e.text);
	if (look.changed)
		r->server->nudge(r->server->ctx, r->user);
	status = hierarchy_begin(r, key, true, &h);
	if (status)
		return reply_status(r, FolderHierarchy_FolderSync, FolderHierarchy_Status, status);
	changes = count(&h);
	if (changes || first) {
		err = hierarchy_answer(r, &h, h.user_seq, new_key, &e);
		key = new_key;
	} else {
		err = hierarchy_same(r, &h, &e);
	}
	if (err)
		return fail(r, err == ERR_CONFLICT ? ERR_UNAVAILABLE : err, &e);
	if (first) {
		log_notice(&r->log, "first FolderSync: %u folders", changes);
		reply_offer(r, true);
	}
	return answer(r, &h, key, changes);
}
