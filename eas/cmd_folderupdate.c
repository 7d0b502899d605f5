/* FolderUpdate [MS-ASCMD 2.2.1.6]: another name, another place, or both. */
#include <string.h>

#include "eas/folder_edit.h"

#define ROOT FolderHierarchy_FolderUpdate

static bool
is_default(const struct state_folder *f)
{
	return f->type < TYPE_USER_MAIL;
}

/* Folders below a renamed one get other keys where the key holds the path; the backend tells at the next look, and a
 * folder that is gone and comes under another key would be synced anew. So they are given their new keys here. */
struct renaming {
	struct eas_request *r;
	struct hierarchy *h;
	const char *old_key, *new_key;
};

static enum err
rename_below(struct state_txn *t, void *arg, struct error *e)
{
	struct renaming *in = arg;
	size_t n = strlen(in->old_key);
	enum err err = ERR_OK;

	(void)e;
	for (size_t i = 0; !err && i < in->h->n_folders; i++) {
		struct state_folder f = in->h->folders[i];
		bool below = !f.deleted && strncmp(f.key, in->old_key, n) == 0 && f.key[n] != '\0'
			&& strncmp(f.parent, in->old_key, n) == 0;

		if (!below)
			continue;
		f.key = arena_printf(in->r->arena, "%s%s", in->new_key, f.key + n);
		f.parent = arena_printf(in->r->arena, "%s%s", in->new_key, f.parent + n);
		if (!f.key || !f.parent)
			return ERR_NOMEM;
		err = state_folder_save(t, &f);
	}
	return err;
}

enum eas_outcome
cmd_folderupdate(struct eas_request *r, const struct wbxml_node *root)
{
	const char *name = wbxml_text(root, FolderHierarchy_DisplayName);
	int64_t id = wbxml_int(root, FolderHierarchy_ServerId, 0, -1);
	int64_t parent_id = wbxml_int(root, FolderHierarchy_ParentId, 0, -1);
	const struct state_folder *f, *parent;
	struct hierarchy h;
	struct error e = { 0 };
	const char *key, *parent_key;
	unsigned status = hierarchy_begin(r, wbxml_text(root, FolderHierarchy_SyncKey), false, &h);
	enum err err;

	if (!status && (!name || !*name || !wbxml_has(root, FolderHierarchy_ServerId)))
		status = 10;
	if (status)
		return reply_status(r, ROOT, FolderHierarchy_Status, status);
	f = hierarchy_folder(&h, id);
	parent = hierarchy_folder(&h, parent_id);
	if (!f)
		return reply_status(r, ROOT, FolderHierarchy_Status, 4);
	if (is_default(f))
		return reply_status(r, ROOT, FolderHierarchy_Status, 2);
	if (parent_id != 0
		&& (!parent || parent->class != f->class || parent == f || hierarchy_is_below(&h, parent, f->key)))
		return reply_status(r, ROOT, FolderHierarchy_Status, 5);
	parent_key = parent ? parent->key : "";
	if (strcmp(f->name, name) == 0 && strcmp(f->parent, parent_key) == 0)
		return folder_edit_again(r, &h, f, ROOT);
	err = account_folder_rename(r->account, r->arena, f->key, parent ? parent_key : NULL, name, &key, &e);
	if (err == ERR_BUSY)
		return EAS_BUSY;
	if (err)
		return folder_edit_failed(r, err, &e, ROOT, 4);
	struct renaming in = { r, &h, f->key, key };
	if (strcmp(key, f->key) != 0 && (err = state_run(r->server->state, STATE_WRITE, rename_below, &in, &e)))
		return folder_edit_failed(r, err, &e, ROOT, 6);
	struct state_folder now = *f;
	now.key = key;
	now.parent = parent_key;
	now.name = name;
	return folder_edit_done(r, &h, &now, ROOT);
}
