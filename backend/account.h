/* backend/account.h - the backends of one user as one account: modules loaded by name, sessions that stay logged in, limits.
 *
 * `struct backends` is the set of modules that the configuration names ("combined": each folder belongs to one of them).
 * `struct account` is what one request holds while it works for one user: it takes sessions out of the pool as they are
 * needed and gives them back when it is released. Folder keys at this door are "MODULE:KEY"; the routing is done here.
 *
 * Layer:     backend, seen by eas and fcgi
 * Threads:   backends: any; an account belongs to one thread at a time.
 * Waiting:   nothing here waits for a lock that is held across a call to a server. Where all sessions of the user or all
 *            slots of the host are taken: ERR_BUSY, at once; `wanted` then says whom to queue for (see account_free_fn).
 *            A host that timed out twice in a row is down: UNAVAILABLE at once, one probe per 15 s.
 * Passwords: an account and a watch keep a copy and cleanse it at their end; the pool knows a keyed HMAC only, and so do remembered
 *            logins. The log of a login is borrowed as long as the account lives.
 * A module other than the one that decides who may in and that refuses the same login is down for this user: never AUTH.
 * From within the callback of account_fetch() no other call may be made on the same account.
 *
 * Configuration: [server] backends, auth, module_dir, domain, login_cache are read here and bound by fcgi; [backends] is bound here.
 */
#ifndef BACKEND_ACCOUNT_H
#define BACKEND_ACCOUNT_H

#include "backend/backend.h"

struct backends;
struct account;

/* Called, from any thread and with no lock held, whenever a session or a slot became free: whoever was BUSY may try again. */
typedef void (*account_free_fn)(void *ctx);

/* Before any thread starts: loads the modules that [server] backends names and opens each with its section. They are never
 * unloaded. With an earlier set (SIGHUP), modules that are loaded already are used again with the new configuration. */
enum err backends_open(struct conf *conf, struct backends **b_r, struct error *e) NODISCARD;
struct backends *backends_ref(struct backends *b);
/* The last reference logs everyone out. */
void backends_unref(struct backends **b);
void backends_on_free(struct backends *b, account_free_fn fn, void *ctx);
/* Classes that some module offers: bits of enum backend_class. */
unsigned backends_classes(const struct backends *b);
/* Logs out sessions that were unused for a minute; called now and then by the hub's job. */
void backends_tidy(struct backends *b);

/* Proves user and password: by a remembered good or bad login, else by the module named by [server] auth. AUTH where they are
 * refused (also: remembered as refused, with back-off), UNAVAILABLE where that cannot be told now, BUSY. */
enum err account_login(struct backends *b, const struct backend_login *who, struct account **a_r, struct error *e) NODISCARD;
/* Gives the sessions back; stores NULL. */
void account_release(struct account **a);
/* The same after BUSY: those who wait as well are not told of what is given back, or they would wake each other for ever. */
void account_yield(struct account **a);
/* The same user again, for a job of the hub: from what a watch keeps. */
const char *account_user(const struct account *a);
/* A password was changed or a user removed: forgets what is remembered and logs the idle sessions out. */
void backends_forget(struct backends *b, const char *user);

/* Does the module of this folder offer the operation? folder NULL: does any. CAN_NAME_ITEMS is about folders of calendars, tasks, contacts
 * and notes; items of mail folders are never named by the client. */
enum account_can { CAN_MOVE, CAN_FLAG, CAN_SEND, CAN_FIND, CAN_SEARCH, CAN_FOLDER_MAKE, CAN_NAME_ITEMS };
bool account_can(const struct account *a, const char *folder, enum account_can what);

/* The operations of backend.h with routed keys. `folders` lists all modules' folders; a module that is down is named in *down_r
 * (space-separated, "" if none), e says why the last of them is, and its folders are missing: the caller keeps what it knew of them. */
enum err account_folders(struct account *a, struct arena *arena, struct backend_folders *f_r, const char **down_r, struct error *e);
enum err account_changes(struct account *a, struct arena *arena, const char *folder, const char *cursor, size_t part,
	struct backend_changes *c_r, struct error *e);
/* What the caller knows of this folder; the calls about its items that follow are refused (UNAVAILABLE) where its keys mean something
 * else by now. One folder at a time; both are kept as they are. */
void account_known(struct account *a, const char *folder, const char *cursor);
enum err account_fetch(struct account *a, const struct backend_fetch *what, backend_item_fn fn, void *ctx, struct error *e);
enum err account_put(struct account *a, struct arena *arena, const struct backend_put *put, struct backend_stored *stored_r,
	struct error *e);
/* How many items the folder's host has stored, whoever's they are, since the configuration was read: one more says that
 * it can. */
uint64_t account_puts(const struct account *a, const char *folder);
enum err account_remove(struct account *a, const char *folder, const char *key, const char *version, struct error *e);
enum err account_move(struct account *a, struct arena *arena, const char *folder, const char *key, const char *target,
	struct backend_stored *stored_r, struct error *e);
enum err account_flag(struct account *a, struct arena *arena, const struct backend_flagging *what,
	struct backend_stored *stored_r, struct error *e);
enum err account_folder_make(struct account *a, struct arena *arena, const char *parent, const char *name,
	enum backend_class class, const char **key_r, struct error *e);
enum err account_folder_rename(struct account *a, struct arena *arena, const char *key, const char *parent, const char *name,
	const char **key_r, struct error *e);
enum err account_folder_remove(struct account *a, const char *key, struct error *e);
/* By the first module that can send. */
enum err account_send(struct account *a, const struct backend_mail *mail, enum err (*sending)(void *ctx), void *ctx,
	struct error *e);
enum err account_mark(struct account *a, struct arena *arena, const char *folder, const char **mark_r, struct error *e);
enum err account_find(struct account *a, struct arena *arena, const char *folder, const char *message_id, const char *after,
	struct backend_stored *found_r, struct error *e);
enum err account_search(struct account *a, struct arena *arena, const struct backend_query *q, struct backend_keys *keys_r,
	struct error *e);
/* The first module that knows; those behind it are asked for a name only where a session is at hand. address falls back to the login name
 * if that has an @, else user@[server] domain. */
enum err account_identity(struct account *a, struct arena *arena, struct backend_identity *id_r, struct error *e);
enum err account_describe(struct account *a, backend_say_fn say, void *ctx, struct error *e);

/* ---- watching: one per user, kept while any device of the user waits ---- */

struct watch;

/* Takes sessions of its own (logged in with the account's credentials) for the modules that own these folders; blocking, for a
 * job thread. A module that is down is tried again at its poll; OK unless nothing at all could be set up for lack of memory. */
enum err watch_open(struct account *a, const char *const *folders, size_t n, struct watch **w_r, struct error *e) NODISCARD;
/* Other folders from now on. */
enum err watch_folders(struct watch *w, const char *const *folders, size_t n, struct error *e) NODISCARD;
/* How to wait: one entry per module, up to `room`; returns how many. `deadline` is CLOCK_MONOTONIC seconds, 0: none. */
struct watch_wait {
	int fd;
	int64_t deadline;
	bool down; /* the module cannot be reached now */
};
size_t watch_waits(const struct watch *w, struct watch_wait *waits, size_t room);
/* After a descriptor became readable or, with `polls`, a deadline passed; blocking, for a job thread. Routed keys of folders that may have
 * changed. Modules that are neither readable nor due are left alone. */
enum err watch_noticed(struct watch *w, bool polls, struct arena *arena, struct backend_keys *folders_r, struct error *e);
/* An account for the watch's user, to refresh mirrors and ask for changes; release it as any other, before the watch is closed. */
enum err watch_account(struct watch *w, const struct log_ctx *log, struct account **a_r, struct error *e) NODISCARD;
/* Was it opened with these? Not where the configuration was read again since. */
bool watch_uses(const struct watch *w, const struct backends *b);
/* A server refused what the watch logs in with, and this is another password of the user: time to open it anew. */
bool watch_outdated(const struct watch *w, const char *password);
void watch_close(struct watch **w);

/* ---- for tests ---- */

/* A module that is linked in: its name in [server] backends means this table and loads nothing. Before backends_open(). */
void backends_register_builtin(const struct backend_ops *ops);
/* CLOCK_MONOTONIC milliseconds of this floor; NULL: the real clock again. */
void backends_set_clock(int64_t (*now_ms)(void));

#endif
