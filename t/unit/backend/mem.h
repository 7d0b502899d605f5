/* t/unit/backend/mem.h - a complete backend in memory, for tests: all five classes, one item store, every operation.
 *
 * Two worlds are there: mem_ops ("mem", all classes, every operation) and mem2_ops ("mem2": calendars, tasks and contacts only, none of the
 * operations for mail). A test gives them to backends_register_builtin(), names them in [server] backends, and steers the world behind
 * them with the functions below: it changes items as somebody else would, makes calls fail, and looks at what came out.
 * A user comes into being at the first login or the first mem_ call, with an Inbox, Drafts, Sent, Trash, Junk, Archive, a Calendar, Tasks,
 * Contacts and Notes; keys of folders are those words in lower case ("inbox", "calendar"). Any password is right until mem_password().
 *
 * Threads:   all functions may be called from any thread; hooks are called without a lock.
 * Failure:   out of memory aborts: it is a test.
 */
#ifndef T_UNIT_BACKEND_MEM_H
#define T_UNIT_BACKEND_MEM_H

#include "backend/backend.h"

struct mem;

extern const struct backend_ops mem_ops;  /* "mem" */
extern const struct backend_ops mem2_ops; /* "mem2" */

/* The world behind the one or the other. */
struct mem *mem_world(const struct backend_ops *ops);
/* Forgets users, items, counters, failures, hooks and settings of both worlds. Not while sessions are open. */
void mem_reset(void);

/* ---- how the server behaves; set before it is used ---- */

struct mem_settings {
	bool no_deltas;    /* changes() always lists everything */
	bool unknown_keys; /* put and move of mail do not say the new key (no UIDPLUS) */
	bool unknown_versions; /* put, flag and move say "" */
	bool rewrites;     /* what put() stores is altered (X-MEM-REWRITTEN is put before its last line), and not vouched for */
	bool backwards;    /* fetch() gives the last that was asked for first */
	bool no_fd;        /* watch() gives a poll interval only */
	size_t part_max;   /* a part of changes() has at most so many entries; 0: what was asked for */
	unsigned poll;     /* seconds for watch(); 0 with a descriptor */
};
struct mem_settings *mem_settings(struct mem *m);

/* ---- trouble ---- */

enum mem_op {
	MEM_LOGIN, MEM_FOLDERS, MEM_CHANGES, MEM_FETCH, MEM_PUT, MEM_REMOVE, MEM_MOVE, MEM_FLAG, MEM_FOLDER_MAKE, MEM_FOLDER_RENAME,
	MEM_FOLDER_REMOVE, MEM_SEND, MEM_MARK, MEM_FIND, MEM_SEARCH, MEM_WATCH, MEM_NOTICED, MEM_IDENTITY, MEM_DESCRIBE,
	MEM_ANY, /* for mem_fail: any operation */
};

enum mem_when {
	MEM_BEFORE, /* nothing was done yet: what is returned instead of OK becomes the result, and nothing is done */
	MEM_AFTER,  /* it was done: what is returned becomes the result, as when the answer was lost */
};

/* Called around each operation; may call mem_ functions, sleep, or wait for another thread. folder and key may be NULL. */
typedef enum err (*mem_hook_fn)(void *ctx, enum mem_op op, enum mem_when when, const char *folder, const char *key);
void mem_hook(struct mem *m, mem_hook_fn fn, void *ctx);
/* The nth call of op from now on (1: the next) gives err. Several may be set at once. */
void mem_fail(struct mem *m, enum mem_op op, unsigned nth, enum mem_when when, enum err err);
/* While set, every operation, logins too, gives err. ERR_OK: no more. */
void mem_down(struct mem *m, enum err err);
/* Calls so far, failed ones too; MEM_ANY: of all. */
unsigned mem_calls(struct mem *m, enum mem_op op);
/* Sessions that are open. */
unsigned mem_sessions(struct mem *m);

/* ---- the world, as somebody else changes it ---- */

/* From now on only this password is right. */
void mem_password(struct mem *m, const char *user, const char *password);
void mem_folder_add(struct mem *m, const char *user, const char *key, const char *parent, const char *name, enum backend_class class,
	enum backend_role role);
void mem_folder_readonly(struct mem *m, const char *user, const char *folder, bool readonly);
/* It is somebody else's. */
void mem_folder_shared(struct mem *m, const char *user, const char *folder);
void mem_folder_drop(struct mem *m, const char *user, const char *folder);
/* UIDVALIDITY changes: items get new keys, the next changes() says reset. */
void mem_folder_renumber(struct mem *m, const char *user, const char *folder);
/* Earlier cursors are not honoured any more: the next changes() is a listing. */
void mem_folder_forget_cursors(struct mem *m, const char *user, const char *folder);

/* A new item. key NULL: the next number, for classes other than mail with ".ics" or ".vcf"; the key is valid as long as the item.
 * date: of receipt, for mail. */
const char *mem_add(struct mem *m, const char *user, const char *folder, const char *key, const char *bytes, unsigned flags, int64_t date);
void mem_edit(struct mem *m, const char *user, const char *folder, const char *key, const char *bytes);
/* keywords: separated by spaces; NULL: as they are. */
void mem_set_flags(struct mem *m, const char *user, const char *folder, const char *key, unsigned flags, const char *keywords);
void mem_delete(struct mem *m, const char *user, const char *folder, const char *key);
/* The item can be neither changed nor deleted (DENIED). */
void mem_item_readonly(struct mem *m, const char *user, const char *folder, const char *key, bool readonly);
/* fetch() gives the item with this err. */
void mem_item_broken(struct mem *m, const char *user, const char *folder, const char *key, enum err err);

/* ---- what there is ---- */

struct mem_item {
	const char *key;
	const char *version;
	const char *keywords; /* separated by spaces */
	struct slice bytes;
	unsigned flags;
	int64_t date;
};
size_t mem_count(struct mem *m, const char *user, const char *folder);
/* The i-th (oldest first) into *item_r, whose pointers live in a; false: no such. */
bool mem_at(struct mem *m, struct arena *a, const char *user, const char *folder, size_t i, struct mem_item *item_r);
bool mem_get(struct mem *m, struct arena *a, const char *user, const char *folder, const char *key, struct mem_item *item_r);
bool mem_has_folder(struct mem *m, const char *user, const char *folder);

struct mem_sent {
	const char *from;
	const char *to; /* separated by spaces */
	struct slice bytes;
};
size_t mem_sent_count(struct mem *m);
bool mem_sent_at(struct mem *m, struct arena *a, size_t i, struct mem_sent *sent_r);

#endif
