/* FolderCreate [MS-ASCMD 2.2.1.2] */
#include <string.h>

#include "eas/folder_edit.h"

#define ROOT FolderHierarchy_FolderCreate

static enum backend_class
class_of_type(int64_t type)
{
	switch (type) {
	case 1:
	case TYPE_USER_MAIL:
		return BACKEND_MAIL;
	case TYPE_USER_CALENDAR:
		return BACKEND_CALENDAR;
	case TYPE_USER_CONTACTS:
		return BACKEND_CONTACTS;
	case TYPE_USER_TASKS:
		return BACKEND_TASKS;
	default:
		return 0; /* the default folders cannot be made */
	}
}

enum eas_outcome
cmd_foldercreate(struct eas_request *r, const struct wbxml_node *root)
{
	const char *name = wbxml_text(root, FolderHierarchy_DisplayName);
	int64_t parent_id = wbxml_int(root, FolderHierarchy_ParentId, 0, -1);
	int64_t type = wbxml_int(root, FolderHierarchy_Type, 0, 0);
	enum backend_class class = class_of_type(type);
	const struct state_folder *parent;
	const struct state_folder *there;
	struct hierarchy h;
	struct error e = { 0 };
	const char *key;
	unsigned status = hierarchy_begin(r, wbxml_text(root, FolderHierarchy_SyncKey), false, &h);
	enum err err;

	if (!status && (!folder_edit_name_ok(name) || !class))
		status = 10;
	if (status)
		return reply_status(r, ROOT, FolderHierarchy_Status, status);
	parent = hierarchy_folder(&h, parent_id);
	if (parent_id != 0 && (!parent || parent->class != class || strncmp(parent->key, HIERARCHY_OWN, 5) == 0))
		return reply_status(r, ROOT, FolderHierarchy_Status, 5);
	there = folder_edit_named(&h, parent ? parent->key : "", name, class);
	if (there && there->created_seq > h.seq)
		return folder_edit_again(r, &h, there, ROOT);
	if (there)
		return reply_status(r, ROOT, FolderHierarchy_Status, 2);
	err = account_folder_make(r->account, r->arena, parent ? parent->key : NULL, name, class, &key, &e);
	if (err == ERR_BUSY)
		return EAS_BUSY;
	/* EXISTS and unknown to us: an earlier try made it and its process died before the commit, or somebody else
	 * just did. */
	if (err == ERR_EXISTS && key && !hierarchy_by_key(&h, key))
		err = ERR_OK;
	if (err)
		return folder_edit_failed(r, err, &e, ROOT, 5);
	struct state_folder f = { .user = r->device.user, .key = key, .parent = parent ? parent->key : "", .name = name,
		.class = class, .type = type == 1 ? TYPE_USER_MAIL : (unsigned)type, .cursor = "" };
	return folder_edit_done(r, &h, &f, ROOT);
}
