/* eas/mail_lookup.h - from the ids that a phone names to the item at the backend; another user's ids find nothing.
 * Private to eas/. */
#ifndef EAS_MAIL_LOOKUP_H
#define EAS_MAIL_LOOKUP_H

#include "eas/command.h"

struct lookup {
	struct state_folder folder;
	struct state_item item;
};

/* NOTFOUND: no such folder or item of this user, or it is gone. */
enum err lookup_item(struct eas_request *r, int64_t folder, int64_t item, struct lookup *l_r,
	struct error *e) NODISCARD;
enum err lookup_folder(struct eas_request *r, int64_t folder, struct state_folder *f_r, struct error *e) NODISCARD;
/* The user's folder of that FolderSync type at a backend. NOTFOUND. */
enum err lookup_typed(struct eas_request *r, unsigned type, struct state_folder *f_r, struct error *e) NODISCARD;
/* Fetches the item and gives it to fn, whose result is returned; the item's own err where it has one (LIMIT: too
 * large). */
enum err lookup_fetch(struct eas_request *r, const struct lookup *l, backend_item_fn fn, void *ctx,
	struct error *e) NODISCARD;
/* The item's bytes, copied into the request's arena. */
enum err lookup_bytes(struct eas_request *r, const struct lookup *l, struct slice *bytes_r, struct error *e) NODISCARD;

#endif
