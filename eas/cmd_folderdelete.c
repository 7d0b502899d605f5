/* FolderDelete [MS-ASCMD 2.2.1.3] */
#include "eas/folder_edit.h"

#define ROOT FolderHierarchy_FolderDelete

static const struct state_folder *
deleted_since(const struct hierarchy *h, int64_t id)
{
	for (size_t i = 0; i < h->n_folders; i++) {
		if (h->folders[i].id == id && h->folders[i].deleted && h->folders[i].hierarchy_seq > h->seq)
			return &h->folders[i];
	}
	return NULL;
}

enum eas_outcome
cmd_folderdelete(struct eas_request *r, const struct wbxml_node *root)
{
	int64_t id = wbxml_int(root, FolderHierarchy_ServerId, 0, -1);
	const struct state_folder *f, *gone;
	struct hierarchy h;
	struct error e = { 0 };
	unsigned status = hierarchy_begin(r, wbxml_text(root, FolderHierarchy_SyncKey), false, &h);
	enum err err;

	if (!status && !wbxml_has(root, FolderHierarchy_ServerId))
		status = 10;
	if (status)
		return reply_status(r, ROOT, FolderHierarchy_Status, status);
	f = hierarchy_folder(&h, id);
	gone = deleted_since(&h, id);
	if (!f && gone)
		return folder_edit_again(r, &h, gone, ROOT);
	if (!f)
		return reply_status(r, ROOT, FolderHierarchy_Status, 4);
	if (f->type < TYPE_USER_MAIL)
		return reply_status(r, ROOT, FolderHierarchy_Status, 3);
	err = account_folder_remove(r->account, f->key, &e);
	if (err == ERR_BUSY)
		return EAS_BUSY;
	if (err && err != ERR_NOTFOUND && err != ERR_NOFOLDER) /* gone already is as good */
		return folder_edit_failed(r, err, &e, ROOT, 4);
	struct state_folder now = *f;
	now.deleted = true;
	return folder_edit_done(r, &h, &now, ROOT);
}
