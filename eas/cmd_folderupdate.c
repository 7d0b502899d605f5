/* FolderUpdate [MS-ASCMD 2.2.1.6]: another name, another place, or both. */
#include <string.h>

#include "eas/folder_edit.h"

#define ROOT FolderHierarchy_FolderUpdate

static bool
is_default(const struct state_folder *f)
{
	return f->type < TYPE_USER_MAIL;
}

/* Without a ParentId (R3626) it would move to the top. */
static bool
is_malformed(const struct wbxml_node *root)
{
	return !folder_edit_name_ok(wbxml_text(root, FolderHierarchy_DisplayName))
		|| !wbxml_has(root, FolderHierarchy_ServerId) || !wbxml_has(root, FolderHierarchy_ParentId)
		|| wbxml_has(root, FolderHierarchy_Status); /* R3102 */
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

	if (!status && is_malformed(root))
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
	/* A DAV server would have two of one name. */
	if (folder_edit_named(&h, parent_key, name, f->class))
		return reply_status(r, ROOT, FolderHierarchy_Status, 2);
	err = account_folder_rename(r->account, r->arena, f->key, parent ? parent_key : NULL, name, &key, &e);
	if (err == ERR_BUSY)
		return EAS_BUSY;
	if (err)
		return folder_edit_failed(r, err, &e, ROOT, 4);
	struct state_folder now = *f;
	now.key = key;
	now.parent = parent_key;
	now.name = name;
	return folder_edit_done(r, &h, &now, ROOT);
}
