/* backend/dav/session.h - the module's configuration, its sessions, and what the files of this directory share.
 *
 * Layer:     backend (libcpush-dav)
 * Ownership: a backend lives from open to close, is shared and immutable; a session owns its requests, the homes that were
 *            discovered at login, and what it knows of the collections.
 */
#ifndef BACKEND_DAV_SESSION_H
#define BACKEND_DAV_SESSION_H

#include "backend/dav/dav.h"
#include "backend/dav/http.h"
#include "backend/dav/multistatus.h"

#define DAV_HOMES_MAX 8
#define DAV_TASKS "?tasks"       /* behind the key of a folder: only the tasks of a collection that holds events too */
#define DAV_BATCH 200            /* hrefs in one multiget */
#define DAV_XML "application/xml; charset=utf-8"

/* [caldav] and [carddav] as they are written. */
struct dav_settings {
	const char *url, *username, *domain, *ca_file, *user_agent;
	uint64_t poll, connect, answer, response_max, item_max;
	bool verify;
};

struct backend {
	const struct dav_kind *kind;
	struct conf *conf; /* a reference */
	struct dav_settings set;
	struct dav_http_settings http;
	const char *domain; /* for %d of names without an @; NULL: none */
	bool templated;     /* url has %u, %l or %d: the home itself */
	struct arena *arena;
};

struct dav_collection {
	struct dav_collection *next;
	const char *path;      /* as the server writes it, with its slash at the end */
	const char *canonical;
	uint64_t hash;         /* of it */
	const char *name;
	unsigned components;   /* enum dav_component; of address books 0 */
	bool readonly, shared;
	bool has_sync;         /* offers sync-collection, or may do so */
	bool inbox, outbox;    /* invitations come in or go out by it */
};

/* Of a folder that is watched: what its ctag or sync-token was. */
struct dav_watched {
	const char *key, *path, *canonical;
	char *state; /* malloc; NULL: not known, so it may have changed */
};

/* A listing of which a part was handed out. */
struct dav_parts {
	struct arena *arena; /* NULL: none */
	char id[17];
	const char *folder;
	struct backend_change *list;
	size_t n;
	bool more;           /* what follows the last part */
	const char *cursor;
};

struct backend_session {
	struct backend *b;
	struct dav_http *http;
	struct arena *arena;       /* lives as long as the session */
	const char *user;          /* as the server is told */
	const char *base;          /* path of url */
	const char *principal;     /* path; NULL: not known */
	const char *address, *name; /* of the principal; NULL: not known */
	const char *inbox, *outbox; /* paths for scheduling; NULL: none */
	const char *homes[DAV_HOMES_MAX];
	size_t n_homes;
	const char *default_calendar; /* canonical; NULL: the server names none */
	bool asked_default;
	bool told_elsewhere;       /* that hrefs are left out was logged */
	bool home_is_collection;   /* the one home is a calendar or address book itself */

	struct arena *listed;      /* the collections, replaced by each look at the homes; NULL: none yet */
	struct dav_collection *collections;

	struct dav_parts parts;
	size_t batch;              /* hrefs in one multiget: less for a while once an answer took too long */
	size_t batch_max;          /* and never more, once an answer was too large */
	struct arena *watch_arena; /* NULL: nothing is watched */
	struct dav_watched *watched;
	size_t n_watched;
	bool watch_ctags;          /* each of them has a ctag: no other property is asked for */
};

/* ---- requests ---- */

/* A request for XML: PROPFIND, REPORT, MKCALENDAR ... `fn` gets each response of the multistatus. The caller looks at
 * answer_r->status; 207 is complete. token_r (may be NULL): the sync-token of the answer. */
struct dav_ask {
	const char *method, *path;
	int depth;
	struct buf *body; /* NUL or failed is NOMEM */
	dav_response_fn fn;
	void *ctx;
	const char **token_r;
	const char *kind; /* as in struct dav_request */
};
enum err dav_ask(struct backend_session *s, struct arena *a, const struct dav_ask *ask, struct dav_answer *answer_r,
	struct error *e) NODISCARD;

/* PROPFIND of these properties, which are the inner XML of DAV:prop with the prefixes D, C, A, S. 207 or an error. */
enum err dav_propfind(struct backend_session *s, struct arena *a, const char *path, int depth, const char *props,
	dav_response_fn fn, void *ctx, struct error *e) NODISCARD;

/* The same of one resource; NOTFOUND where there is none. response_r lives in the arena; its href is a path. */
enum err dav_propget(struct backend_session *s, struct arena *a, const char *path, const char *props,
	struct dav_response *response_r, struct error *e) NODISCARD;

/* The path of an href in an answer about `base`, as dav_href_path() has it. The first of a session that leads elsewhere is
 * logged. */
const char *dav_answer_path(struct backend_session *s, struct arena *a, const char *base, const char *href);

/* A copy of a response in the arena, without its data. NOMEM. */
enum err dav_response_keep(struct arena *a, const struct dav_response *r, struct dav_response *copy_r);

/* The error for what nobody expected of this answer. */
enum err dav_unexpected(struct backend_session *s, const char *method, const struct dav_answer *answer, struct error *e);
enum err dav_nomem(struct error *e);

/* ---- XML that is sent ---- */

/* Text with what has a meaning in XML escaped, without characters that XML cannot hold. */
void dav_xml_text(struct buf *b, const char *s);
/* `<D:NAME xmlns:D="DAV:" xmlns:C=... xmlns:A=... xmlns:S=...>` behind an XML declaration; A is carddav, S calendarserver. */
void dav_xml_begin(struct buf *b, const char *name);
void dav_xml_end(struct buf *b, const char *name);

/* ---- discovery and collections ---- */

/* Finds principal and homes; the first requests of a session. login: as the user typed it. */
enum err dav_discover(struct backend_session *s, const char *login, struct error *e) NODISCARD;
/* schedule-default-calendar-URL, asked for once. */
enum err dav_discover_default(struct backend_session *s, struct error *e) NODISCARD;

/* Reads the homes anew. Collections that were handed out before are gone. */
enum err dav_collections(struct backend_session *s, struct error *e) NODISCARD;

/* A folder of the core: its collection, and which components it shows. */
struct dav_folder {
	struct dav_collection *c;
	unsigned show; /* enum dav_component: the one kind that it shows of a mixed collection; 0: everything */
};
/* NOFOLDER where there is none. Valid until dav_collections(). */
enum err dav_folder_find(struct backend_session *s, const char *key, struct dav_folder *f_r, struct error *e) NODISCARD;

/* Whether it is a folder of the user's. Some servers say of the inbox and outbox of RFC 6638 that they are calendars, too (DAViCal); to others
 * the default calendar is the outbox (SOGo). Known after dav_discover_default(). */
bool dav_is_shown(const struct backend_session *s, const struct dav_collection *c);
/* Events and tasks in one collection: two folders. */
bool dav_is_mixed(const struct dav_collection *c);
/* The default folder of a class: what the server names, else what is called like one. NULL: there is none such, and which comes first in a
 * listing means nothing. */
const struct dav_collection *dav_default(struct backend_session *s, enum backend_class class);

/* The path of an item: what a key means. NULL where memory is short or the key is none. */
const char *dav_item_path(struct arena *a, const struct dav_collection *c, const char *key);
/* The key of what has this path in the collection; NULL: not in there, or no key. */
const char *dav_item_key(struct arena *a, const struct dav_collection *c, const char *path);
/* The version that an ETag is; "" for NULL. An ETag longer than a version becomes a hash. */
const char *dav_version(struct arena *a, const char *etag);
/* Whether a server takes it in If-Match: strong and whole. */
bool dav_version_strong(const char *version);

/* ---- changes ---- */

/* Leaves about `part` of a listing in c and keeps the rest, in place of what was kept before. Other changes stay whole: their
 * cursors must be good for other sessions too. */
enum err dav_parts_hold(struct backend_session *s, struct arena *a, const char *folder, size_t part, struct backend_changes *c,
	struct error *e) NODISCARD;
/* The part that the cursor stands for; NOTFOUND: it is no cursor of what is kept. */
enum err dav_parts_next(struct backend_session *s, struct arena *a, const char *folder, const char *cursor, size_t part,
	struct backend_changes *c_r, struct error *e) NODISCARD;
void dav_parts_drop(struct backend_session *s);

struct dav_listed {
	struct backend_change *list;
	size_t n, room;
};
enum err dav_listed_add(struct arena *a, struct dav_listed *l, const char *key, const char *version, bool gone) NODISCARD;

/* Leaves only those changes whose items are of the components that the folder shows; gone ones stay. */
enum err dav_component_filter(struct backend_session *s, struct arena *a, const struct dav_folder *f, struct dav_listed *l,
	struct error *e) NODISCARD;
/* Whether the collection holds anything of this component. */
enum err dav_component_any(struct backend_session *s, struct arena *a, const struct dav_collection *c,
	enum dav_component component, bool *any_r, struct error *e) NODISCARD;

/* ---- items ---- */

/* Fetch of keys of a collection, whatever they are. */
enum err dav_fetch_items(struct backend_session *s, const struct dav_collection *c, const struct backend_fetch *what,
	backend_item_fn fn, void *ctx, struct error *e) NODISCARD;

/* What the answer to a PUT or MOVE says of the item that was stored as `key`: where it is, and whether byte for byte (RFC 4791,
 * 5.3.4). */
void dav_stored(struct arena *a, const struct dav_collection *c, const char *key, const struct dav_answer *answer,
	struct backend_stored *stored_r);

/* The ETag that is stored now, as a version. NOTFOUND. */
enum err dav_version_now(struct backend_session *s, struct arena *a, const char *path, const char **version_r,
	struct error *e) NODISCARD;

#endif
