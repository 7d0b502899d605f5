/* eas/folder_edit.h - what FolderCreate, FolderUpdate and FolderDelete have in common. Private to eas/. */
#ifndef EAS_FOLDER_EDIT_H
#define EAS_FOLDER_EDIT_H

#include "eas/hierarchy.h"

/* 1 to 256 characters (R2194). NULL: no. */
bool folder_edit_name_ok(const char *name);
/* The folder of that class that is called so in this place; NULL. */
struct state_folder *folder_edit_named(struct hierarchy *h, const char *parent, const char *name, unsigned class);
/* Stores f (state_folder_save), with all below it where it is deleted or renamed, and the next key, and answers with Status 1, the
 * key and, for a new folder, its id. */
enum eas_outcome folder_edit_done(struct eas_request *r, struct hierarchy *h, const struct state_folder *f,
	unsigned root_tag);
/* The effect was there already: the answer of the first time. */
enum eas_outcome folder_edit_again(struct eas_request *r, struct hierarchy *h, const struct state_folder *f,
	unsigned root_tag);
/* A backend's refusal as this command's Status: `absent` for NOTFOUND and NOFOLDER. */
enum eas_outcome folder_edit_failed(struct eas_request *r, enum err err, const struct error *e, unsigned root_tag,
	unsigned absent);

#endif
