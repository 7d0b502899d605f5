/* backend/dav/dav.h - what the modules caldav and carddav have in common: everything but a few names.
 *
 * A module is a `struct dav_kind` and a table of operations that points at the functions below, which follow the contract
 * of backend/backend.h.
 *
 * Layer:     backend (base and backend.h below it; libcurl in http.c and link.c, expat in multistatus.c, nowhere else)
 * Keys:      a folder's key is the path of its collection as the server writes it ("/dav/alice/work/"), with "?tasks" behind
 *            it for the tasks of a calendar that holds events too. An item's key is what the server writes behind that path.
 *            Both are compared by their percent-decoded meaning, and sent as they were written.
 * Versions:  the ETag with its quotes.
 * Spec:      RFC 4918, 4791, 6352, 6578, 6638, 3744, 5397, 5689, 6764
 */
#ifndef BACKEND_DAV_DAV_H
#define BACKEND_DAV_DAV_H

#include "backend/backend.h"

enum dav_kind_id { DAV_CALENDARS, DAV_ADDRESSBOOKS };

struct dav_kind {
	enum dav_kind_id id;
	const char *name;         /* of the module and of its section */
	const char *well_known;   /* RFC 6764, section 5 */
	const char *extension;    /* of new items */
	const char *content_type; /* of items */
	const char *multiget;     /* element names, with the prefixes of dav_xml_begin(): the report, */
	const char *data;         /* and the property that is the item */
};

enum err dav_open(const struct dav_kind *kind, struct conf *conf, struct backend **b_r, struct error *e);
void dav_close(struct backend **b);
const char *dav_host(const struct backend *b);

enum err dav_login(struct backend *b, const struct backend_login *who, struct backend_session **s_r, struct error *e);
void dav_logout(struct backend_session **s);
enum err dav_identity(struct backend_session *s, struct arena *a, struct backend_identity *id_r, struct error *e);
enum err dav_describe(struct backend_session *s, backend_say_fn say, void *ctx, struct error *e);

enum err dav_folders(struct backend_session *s, struct arena *a, struct backend_folders *f_r, struct error *e);
enum err dav_changes(struct backend_session *s, struct arena *a, const char *folder, const char *cursor, size_t part,
	struct backend_changes *c_r, struct error *e);
enum err dav_fetch(struct backend_session *s, const struct backend_fetch *what, backend_item_fn fn, void *ctx,
	struct error *e);
enum err dav_put(struct backend_session *s, struct arena *a, const struct backend_put *put,
	struct backend_stored *stored_r, struct error *e);
enum err dav_remove(struct backend_session *s, const char *folder, const char *key, const char *version, struct error *e);
enum err dav_move(struct backend_session *s, struct arena *a, const char *folder, const char *key, const char *target,
	struct backend_stored *stored_r, struct error *e);

enum err dav_folder_make(struct backend_session *s, struct arena *a, const char *parent, const char *name,
	enum backend_class class, const char **key_r, struct error *e);
enum err dav_folder_rename(struct backend_session *s, struct arena *a, const char *key, const char *parent,
	const char *name, const char **key_r, struct error *e);
enum err dav_folder_remove(struct backend_session *s, const char *key, struct error *e);

enum err dav_watch(struct backend_session *s, const char *const *folders, size_t n, struct backend_watch *w_r,
	struct error *e);
enum err dav_noticed(struct backend_session *s, struct arena *a, struct backend_keys *folders_r, struct backend_watch *w_r,
	struct error *e);
void dav_unwatch(struct backend_session *s);

/* The operations that both modules have; a module adds name, classes and open. */
#define DAV_OPERATIONS \
	.abi = BACKEND_ABI, .close = dav_close, .host = dav_host, .login = dav_login, .logout = dav_logout, \
	.folders = dav_folders, .changes = dav_changes, .fetch = dav_fetch, .put = dav_put, .remove = dav_remove, \
	.move = dav_move, .folder_make = dav_folder_make, .folder_rename = dav_folder_rename, \
	.folder_remove = dav_folder_remove, .watch = dav_watch, .noticed = dav_noticed, .unwatch = dav_unwatch, \
	.identity = dav_identity, .describe = dav_describe

#endif
