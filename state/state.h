/* state/state.h - the store: users, devices, folders, mirror rows, positions of sync keys, intents. On MariaDB or
 * SQLite.
 *
 * Layer:     state (may include base only)
 * Ownership: what is read lives in the arena that the call was given; what is written is borrowed.
 * Threads:   struct state: any thread; it keeps one connection per thread. A transaction belongs to the thread that
 *            runs it.
 * Errors:    UNAVAILABLE: the store is down, locked, full or read-only: "try again" to the phone. NOTFOUND, LIMIT,
 *            CONFLICT where said so. INTERNAL: a fault of ours (SQL).
 * Rules:     no transaction is open while a backend is asked. Keys, versions, cursors, sync keys and device ids are
 *            bytes that compare as bytes. Numbers that stand for nobody are 0, never NULL.
 *
 * The words (epoch, seq, cut-off, hole, again, told) are those of the design's page on the mirror.
 */
#ifndef STATE_STATE_H
#define STATE_STATE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/conf.h"
#include "base/error.h"

struct state;
struct state_txn;

/* ---- the store itself ---- */

/* Binds [state], connects once, creates or migrates the schema (under a lock: several responders may start at once).
 * SQLite: takes the lock file of the one responder. A `tool` beside it (cpush-admin, cpush -t) makes, migrates and locks nothing: it may be
 * run by root, or by a newer version than the one that serves; NOTFOUND where a responder has to come first. INVALID: configuration;
 * UNAVAILABLE. */
enum err state_open(struct conf *conf, bool tool, struct state **s_r, struct error *e) NODISCARD;
/* Binds and checks [state] without opening anything, for a configuration that is read again (the store itself stays as it is). */
enum err state_check(struct conf *conf, struct error *e) NODISCARD;
void state_close(struct state **s);
/* Called by a thread that ends: closes its connection. */
void state_thread_end(struct state *s);
const char *state_driver(const struct state *s); /* "mariadb" or "sqlite" */

enum state_mode {
	STATE_READ,  /* one consistent snapshot, nothing is written */
	STATE_WRITE, /* commits when fn returns OK, else rolls back */
};
typedef enum err (*state_fn)(struct state_txn *t, void *arg, struct error *e);

/* Runs fn in a transaction. Deadlocks, lock time-outs, lost Galera votes and a connection lost before COMMIT run fn
 * again from the start, five times at the most: fn must not change what it did not set up itself. A connection lost in
 * COMMIT is UNAVAILABLE (it may have been done or not). What fn returns is returned. */
enum err state_run(struct state *s, enum state_mode mode, state_fn fn, void *arg, struct error *e) NODISCARD;

/* Tests: kill this thread's connection right before, in (after it was sent, its answer unread) or right after the next
 *        COMMIT. */
enum state_cut { STATE_CUT_NONE, STATE_CUT_BEFORE, STATE_CUT_IN, STATE_CUT_AFTER };
void state_cut_next_commit(struct state *s, enum state_cut when);

/* ---- users and devices ---- */

/* Stored as numbers. */
enum state_wipe { WIPE_NONE, WIPE_ASKED, WIPE_ACCOUNT, WIPE_DONE };

/* Creates the user where there is none (NOTFOUND instead in STATE_READ). Names are compared as bytes (lower-cased by
 * the caller where the backend does so) and have at most 255: LIMIT. */
enum err state_user(struct state_txn *t, const char *name, int64_t *user_r) NODISCARD;

struct state_device {
	int64_t id;
	int64_t user;
	const char *user_name;
	const char *device_id;
	const char *type;       /* DeviceType */
	const char *agent;      /* User-Agent */
	const char *info;       /* DeviceInformation as "Model=...\nOS=..." text; "" */
	unsigned version;       /* last protocol version used, times ten: 141; 0 never */
	const char *policy_hash;/* of the policy that it has acknowledged; "" none */
	uint32_t policy_temporary, policy_final; /* X-MS-PolicyKey values, 0 none */
	bool policy_final_used;
	unsigned wipe;          /* enum state_wipe */
	int64_t created, last_seen; /* seconds since 1970 UTC; last_seen is written at most hourly by the caller */
};

/* Finds or creates; NOTFOUND if absent and !create; LIMIT if the user has `max` devices (0: no bound) and this were one
 * more, or if the id has more than 255 bytes. */
enum err state_device(struct state_txn *t, struct arena *a, int64_t user, const char *device_id, bool create,
	unsigned max, struct state_device *d_r) NODISCARD;
/* The same by the user's name, in one statement, creating nothing. NOTFOUND. */
enum err state_device_find(struct state_txn *t, struct arena *a, const char *user, const char *device_id,
	struct state_device *d_r)
	NODISCARD;
/* Each of these writes its own columns only, so that nothing is lost that somebody else has written since the row was
 * read. NOTFOUND: the device was removed meanwhile.
 * What a request tells: type, agent, version, last_seen; and that policy_final, if it still is this one, was used. */
enum err state_device_seen(struct state_txn *t, const struct state_device *d) NODISCARD;
enum err state_device_info(struct state_txn *t, int64_t device, const char *info) NODISCARD;
/* All of policy_*. */
enum err state_device_policy(struct state_txn *t, const struct state_device *d) NODISCARD;
enum err state_device_wipe(struct state_txn *t, int64_t device, enum state_wipe wipe) NODISCARD;
/* The phone says that it did: WIPE_DONE. NOTFOUND also where no wipe is asked for, or not any more. */
enum err state_device_wiped(struct state_txn *t, int64_t device) NODISCARD;
/* user NULL: all. For cpush-admin. */
enum err state_devices(struct state_txn *t, struct arena *a, const char *user, struct state_device **list_r,
	size_t *n_r)
	NODISCARD;
/* With all that hangs on it. */
enum err state_device_remove(struct state_txn *t, int64_t device) NODISCARD;
/* Forgets its sync keys (hierarchy and collections), so that it starts over; folder 0: all, else those there are revoked. */
enum err state_device_resync(struct state_txn *t, int64_t device, int64_t folder) NODISCARD;

/* The request stored for empty and partial ones; kind: "sync", "ping". NOTFOUND. Written only when it differs. */
enum err state_request(struct state_txn *t, struct arena *a, int64_t device, const char *kind,
	const char **text_r) NODISCARD;
enum err state_request_save(struct state_txn *t, int64_t device, const char *kind, const char *text) NODISCARD;

/* ---- folders: one hierarchy per user, its changes numbered ---- */

struct state_folder {
	int64_t id;
	int64_t user;
	const char *key;     /* "MODULE:KEY" */
	const char *parent;  /* key; "" top */
	const char *name;
	unsigned class;      /* enum backend_class of the caller's; opaque here */
	unsigned type;       /* FolderSync Type */
	bool readonly;
	const char *cursor;  /* of the backend; "" none yet: never filled */
	int64_t seq;         /* of its last change to an item */
	int64_t created_seq; /* hierarchy */
	int64_t hierarchy_seq;
	bool deleted;
};

/* All, deleted ones too (those with hierarchy_seq > since; 0: all), by id. *seq_r is the user's hierarchy seq. A transaction that writes
 * locks the user's row first: nobody saves a folder between this and its own state_folder_save(). */
enum err state_folders(struct state_txn *t, struct arena *a, int64_t user, int64_t since, struct state_folder **list_r,
	size_t *n_r, int64_t *seq_r) NODISCARD;
/* By id, and only if it is this user's: NOTFOUND else, or if it is deleted. */
enum err state_folder(struct state_txn *t, struct arena *a, int64_t user, int64_t id,
	struct state_folder *f_r) NODISCARD;
/* By its backend key, of the user of that name. NOTFOUND else, or if it is deleted. */
enum err state_folder_by_key(struct state_txn *t, struct arena *a, const char *user, const char *key,
	struct state_folder *f_r) NODISCARD;
/* id 0: inserts and sets id. Else writes key, parent, name, class, type, readonly, deleted. Both under the user row's
 * lock with the next hierarchy seq, which is left in f->hierarchy_seq. A deleted folder loses its items, collections
 * and cursor. EXISTS where the user has a live folder with this key. A run that is repeated (see state_run) must set id
 * to 0 again. */
enum err state_folder_save(struct state_txn *t, struct state_folder *f) NODISCARD;
/* Locks the folder's row until the transaction ends and reads seq and cursor anew. NOTFOUND if deleted meanwhile. */
enum err state_folder_lock(struct state_txn *t, struct arena *a, int64_t id, int64_t *seq_r,
	const char **cursor_r) NODISCARD;
/* Writes seq (items were changed up to it) and, where not NULL, the cursor. The caller holds the lock. */
enum err state_folder_advance(struct state_txn *t, int64_t id, int64_t seq, const char *cursor) NODISCARD;
/* Drops all items of the folder and revokes the keys of its collections, cursor "" (UIDVALIDITY changed). seq goes on. */
enum err state_folder_reset(struct state_txn *t, int64_t id) NODISCARD;

/* The device's position in the hierarchy, as for a collection: the key last received and the answers from it. */
struct state_hierarchy_key {
	uint32_t n;
	int64_t seq;
};
struct state_hierarchy {
	int64_t epoch;       /* 0: none yet */
	uint32_t n;          /* last used in a key */
	uint32_t base;
	uint64_t view;       /* hash of version class, merge switches, folder types */
	struct state_hierarchy_key keys[5]; /* base and up to four answers */
	unsigned n_keys;
};
enum err state_hierarchy(struct state_txn *t, int64_t device, struct state_hierarchy *h_r) NODISCARD;
/* CONFLICT unless the stored (epoch, base, n) still are those of `was`. */
enum err state_hierarchy_save(struct state_txn *t, int64_t device, const struct state_hierarchy *was,
	const struct state_hierarchy *now) NODISCARD;

/* ---- the mirror ---- */

struct state_item {
	int64_t id;
	int64_t folder;
	const char *key;
	const char *version;  /* "" not known */
	int64_t date;
	int64_t created_seq;
	int64_t created_by;   /* epoch; 0: someone else */
	int64_t seq;
	int64_t changed_by;   /* epoch; 0: someone else */
	int64_t moved_to;     /* tombstones: id of the item that it became in another folder; 0 */
	int64_t moved_at;     /* seconds since 1970 UTC */
	bool outside;
	bool deleted;
};

struct state_items {
	struct state_item *list;
	size_t n;
};

/* Live rows with these keys, in no order; keys without a row are not there. */
enum err state_items_by_key(struct state_txn *t, struct arena *a, int64_t folder, const char *const *keys, size_t n,
	struct state_items *items_r) NODISCARD;
/* Rows with these ids, tombstones too, of this folder only. */
enum err state_items_by_id(struct state_txn *t, struct arena *a, int64_t folder, const int64_t *ids, size_t n,
	struct state_items *items_r) NODISCARD;
/* All live rows of the folder with key, version, date, seq: what a listing is compared with. */
enum err state_items_live(struct state_txn *t, struct arena *a, int64_t folder, struct state_items *items_r) NODISCARD;
/* Inserts (id 0: sets it) or writes all columns of these rows; many in few statements. EXISTS where a live row has the
 * key. The caller holds the folder's lock and has numbered them. A run that is repeated (see state_run) must set the
 * ids of new ones to 0 again. */
enum err state_items_save(struct state_txn *t, struct state_item *items, size_t n) NODISCARD;

/* What the steps of one answer look at; at most `limit` rows each. */
/* seq > after, by seq (all rows, tombstones too). */
enum err state_items_changed(struct state_txn *t, struct arena *a, int64_t folder, int64_t after, size_t limit,
	struct state_items *items_r) NODISCARD;
/* created_seq > after, live, created_by <> me, (date, id) >= the edge; by created_seq. */
enum err state_items_created(struct state_txn *t, struct arena *a, int64_t folder, int64_t after, int64_t me,
	int64_t edge_date, int64_t edge_id, size_t limit, struct state_items *items_r) NODISCARD;
/* low <= (date, id) < high by (date, id), tombstones too. */
enum err state_items_between(struct state_txn *t, struct arena *a, int64_t folder, int64_t low_date, int64_t low_id,
	int64_t high_date, int64_t high_id, size_t limit, struct state_items *items_r) NODISCARD;
/* The same range, live rows with created_seq <= upto that are not (created_by me and outside), newest first. */
enum err state_items_older(struct state_txn *t, struct arena *a, int64_t folder, int64_t upto, int64_t me,
	int64_t low_date, int64_t low_id, int64_t high_date, int64_t high_id, size_t limit,
	struct state_items *items_r) NODISCARD;

/* ---- collections: a device in a folder, one row per epoch ---- */

struct state_position {
	int64_t a, c;
	int64_t cut_date, cut_id;
	const int64_t *holes; /* sorted */
	size_t n_holes;
	const int64_t *again; /* sorted */
	size_t n_again;
};

struct state_answer {      /* what a key EPOCH-N stands for */
	uint32_t n;
	struct state_position pos;
	const int64_t *told;  /* ids that the answer acknowledged, sorted */
	size_t n_told;
};

struct state_done {        /* what the tries from the base did */
	char kind;            /* 'a' Add, 't' touched: changed or deleted */
	const char *client;   /* 'a': ClientId */
	int64_t item;
	const char *hash;     /* of what was asked for; "" for a Delete */
};

#define STATE_ANSWERS 4 /* kept besides the base */

struct state_collection {
	int64_t id;
	int64_t device;
	int64_t folder;
	int64_t epoch;         /* 0, without answers: its keys were revoked, and the phone does not know yet */
	uint32_t n;            /* last number used in a key */
	uint32_t base;         /* of the key last received; 0: the first key was not received yet */
	const char *options;   /* stored Options, Class and the like; the caller's text */
	const char *supported; /* the caller's text; "" none sent */
	int64_t created, last_used; /* seconds since 1970 UTC */
	struct state_answer *answers; /* by n: the base, where it is kept, and those given from it */
	size_t n_answers;
	struct state_done *done;
	size_t n_done;
};

/* All epochs of the device in the folder, newest first, with answers, holes, again, told and done. */
enum err state_collections(struct state_txn *t, struct arena *a, int64_t device, int64_t folder,
	struct state_collection **list_r, size_t *n_r) NODISCARD;
/* A new epoch; sets c->id. Of the ones before that were not revoked, the newest stays, and the one last used: one with a base before one without,
 * then by last_used, then the newest. A caller that knows better drops the others itself before. */
enum err state_collection_begin(struct state_txn *t, struct state_collection *c) NODISCARD;
enum err state_collection_drop(struct state_txn *t, int64_t collection) NODISCARD;
/* Makes the stored collection `now`, writing only what differs from `was`, which is what was read: CONFLICT (nothing
 * written) unless the stored (epoch, base, n) still are those of `was`. What `now` lacks of the stored answers, done
 * entries, holes and again goes. At most 32 answers. */
enum err state_collection_save(struct state_txn *t, const struct state_collection *was,
	const struct state_collection *now)
	NODISCARD;
/* The highest (date, id) cut-off of any kept answer of the folder; (INT64_MIN, 0) if there is none. */
enum err state_highest_cutoff(struct state_txn *t, int64_t folder, int64_t *date_r, int64_t *id_r) NODISCARD;
/* These rows lose their maker: created_by becomes 0 (folder's lock not needed). */
enum err state_items_disown(struct state_txn *t, int64_t folder, const int64_t *ids, size_t n) NODISCARD;
/* What epoch `from` made and changed is `to`'s. Looks at each row of the folder (its lock not needed). */
enum err state_items_inherit(struct state_txn *t, int64_t folder, int64_t from, int64_t to) NODISCARD;

/* ---- intents: writes where the server names the thing ---- */

enum state_intent_step { INTENT_BEGUN = 1, INTENT_SENDING = 2, INTENT_DONE = 3, INTENT_FAILED = 4 };

struct state_intent {
	int64_t id;
	int64_t device;
	const char *kind;      /* "append", "move", "send" */
	const char *hash;      /* what is asked for, so that a repeat is known */
	const char *client;    /* ClientId: the second way in; "" */
	const char *message_id;/* derived or the mail's own */
	const char *mark;      /* of the target before the work (UIDNEXT) */
	const char *result;    /* the caller's text once done */
	enum state_intent_step step;
	int64_t created;       /* seconds since 1970 UTC */
};

/* The newest with this hash, else with this client id (where not ""), of the device and kind. NOTFOUND. */
enum err state_intent(struct state_txn *t, struct arena *a, int64_t device, const char *kind, const char *hash,
	const char *client, struct state_intent *i_r) NODISCARD;
/* The newest with this message_id of the device and kind. Looks at each intent of the device. NOTFOUND. */
enum err state_intent_by_message_id(struct state_txn *t, struct arena *a, int64_t device, const char *kind,
	const char *message_id, struct state_intent *i_r) NODISCARD;
/* id 0: inserts and sets it. Else writes message_id, mark, result, step. */
enum err state_intent_save(struct state_txn *t, struct state_intent *i) NODISCARD;

/* ---- one responder at a time ---- */

/* Until state_device_let_go() what the device asks to be written is this thread's alone, among all responders of the store: two that get
 * a request and its repeat at once would both begin, or see the other's `sending` and send again. On MariaDB a lock that goes with the
 * connection, so that one of a process that died hinders nobody; SQLite has one responder, in which a device's requests take turns. May
 * be taken again by who has it, and is let go as often. Not inside a transaction. UNAVAILABLE: somebody else had it for lock_timeout. */
enum err state_device_hold(struct state *s, int64_t device, struct error *e) NODISCARD;
void state_device_let_go(struct state *s, int64_t device);

/* ---- items set aside, for the admin ---- */

struct state_trouble {
	int64_t folder;
	const char *user, *folder_name;
	const char *device;    /* that fails at it; "": no device can have it */
	const char *key, *version;
	const char *reason;
	int64_t when;
};
/* One row per (folder, key, device); a later one replaces it. device 0: the item cannot go to any. */
enum err state_trouble_save(struct state_txn *t, int64_t folder, int64_t device, const char *key, const char *version,
	const char *reason) NODISCARD;
/* The device got it after all: what is noted of this device, and of all of them, goes. */
enum err state_trouble_clear(struct state_txn *t, int64_t folder, int64_t device, const char *key) NODISCARD;
/* Is anything noted in this folder? */
enum err state_has_trouble(struct state_txn *t, int64_t folder, bool *any_r) NODISCARD;
/* Of one user, or (NULL) of all: what is still there in the version that was set aside. */
enum err state_troubles(struct state_txn *t, struct arena *a, const char *user, struct state_trouble **list_r,
	size_t *n_r) NODISCARD;

/* ---- housekeeping ---- */

/* One bounded pass: tombstones that every kept position has passed and none has to tell again (with moved_to: after a
 * week); collections of devices unseen for `unseen` seconds; intents older than a week; collections of deleted folders;
 * notes on items set aside that are gone or have changed. *more_r: call again. */
enum err state_housekeep(struct state *s, int64_t now, int64_t unseen, bool *more_r, struct error *e) NODISCARD;

#endif
