/* backend/backend.h - the contract between cpush and a backend module.
 *
 * A module is a shared object NAME.so with one exported symbol, `const struct backend_ops backend_module`. It speaks its
 * server's language on one side and the native formats on the other: RFC 5322 messages, iCalendar and vCard as bytes,
 * each with a key and a version. It knows nothing of EAS, devices or sync keys.
 *
 * Layer:     backend (a module may include base, this header, and its own directory)
 * Ownership: what a call returns lives in the arena that it was given; arguments are borrowed for the time of the call.
 * Threads:   a `struct backend` (one configured module) is shared by all threads; a session is used by one thread at a time,
 *            not always the same one. No module starts threads, changes signals or the locale, or prints.
 * Blocking:  every call may block, up to the time-outs of its configuration (connect 5 s, answer 25 s). A call may be several
 *            exchanges. DAV ends it after twice the sum of both at the latest (60 s), and a login that has to come before it
 *            may take as long. IMAP counts `answer` anew for each command of a call and each time the server goes on with
 *            its answer, up to a multiple of it. send() takes connect, 5 times `answer`, the mail's bytes / 16384 in
 *            seconds, and `accept` (600 s) once the server has the whole mail. What is read from files has no limit.
 * Errors:    base/error.h. After UNAVAILABLE or PEER the session may be used again (the module reconnects by itself) or
 *            logged out. AUTH comes only where the server really refused user or password; a server that is down, busy,
 *            throttling or that closed on us is UNAVAILABLE; PAUSED where it is well, and wants this user to
 *            wait (429, 423): to the core as good as UNAVAILABLE, but not the host's failure. e gets one sentence for the log, without secrets.
 * Optional:  an operation marked so may be NULL: the module cannot do that. The front functions turn it into UNSUPPORTED.
 *
 * Keys       name a thing for good: an IMAP UID ("17"), a DAV href as the server writes it, a file name. At most
 *            BACKEND_KEY_MAX bytes, no NUL. A folder's key is unique in its backend, an item's in its folder.
 * Versions   change whenever the item does: an ETag, MODSEQ or flags, mtime and size. Opaque, at most BACKEND_VERSION_MAX
 *            bytes, no NUL. "" where the server did not say: the core then treats the next look as someone else's change.
 * Cursors    stand for a state of a folder: a sync-token, UIDVALIDITY and HIGHESTMODSEQ. Opaque, NUL-terminated text.
 */
#ifndef BACKEND_BACKEND_H
#define BACKEND_BACKEND_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/conf.h"
#include "base/error.h"
#include "base/log.h"

#define BACKEND_ABI 2
#define BACKEND_KEY_MAX 1024
#define BACKEND_VERSION_MAX 255
#define BACKEND_NO_DATE INT64_MIN

enum backend_class {
	BACKEND_MAIL = 1,
	BACKEND_CALENDAR = 2,
	BACKEND_TASKS = 4,
	BACKEND_CONTACTS = 8,
	BACKEND_NOTES = 16,
};

enum backend_role {
	ROLE_NONE,
	ROLE_INBOX,
	ROLE_DRAFTS,
	ROLE_SENT,
	ROLE_TRASH,
	ROLE_JUNK,
	ROLE_ARCHIVE,
	ROLE_DEFAULT, /* the default calendar, task list, address book: the module may name one per class; the core sees to it that
	               * there is exactly one */
};

struct backend_folder {
	const char *key;
	const char *parent; /* key of the folder that it stands in; NULL: top */
	const char *name;   /* UTF-8, never empty */
	enum backend_class class; /* exactly one; a DAV collection with VEVENT and VTODO is listed twice, as KEY and with ?tasks */
	enum backend_role role;
	bool readonly;      /* items can be neither made, changed nor deleted */
	bool noselect;      /* holds folders only */
	bool shared;        /* somebody else's */
};

struct backend_folders {
	struct backend_folder *list;
	size_t n;
};

/* One thing that changes() tells of. */
struct backend_change {
	const char *key;
	const char *version; /* NULL where gone */
	int64_t date;        /* seconds since 1970 UTC of receipt (mail); BACKEND_NO_DATE for other classes */
	bool gone;
};

struct backend_changes {
	struct backend_change *list; /* mail: newest first in a listing */
	size_t n;
	bool listing;       /* a part of everything there is: once `more` ends, what no part named is gone. Else: what changed
	                     * since the cursor, and what is not named is as it was */
	bool more;          /* call again with `cursor` for the next part; until then nothing is known to be complete */
	bool reset;         /* the keys of before mean nothing any more (UIDVALIDITY changed); with listing only */
	const char *cursor; /* where to go on */
};

/* RFC 5322 and IMAP flags; "keywords" are the others. */
enum backend_flag {
	FLAG_SEEN = 1,
	FLAG_ANSWERED = 2,
	FLAG_FLAGGED = 4,
	FLAG_DRAFT = 8,
	FLAG_FORWARDED = 16, /* $Forwarded */
};

struct backend_item {
	enum err err;        /* OK; NOTFOUND: gone meanwhile; LIMIT: over `bytes_max`; INVALID: the server cannot give it */
	const char *key;
	const char *version;
	int64_t date;        /* as in backend_change */
	uint64_t size;       /* of the whole item in bytes, where known */
	unsigned flags;      /* mail: enum backend_flag */
	const char *const *keywords; /* mail: NULL-terminated, UTF-8, without those that are flags; may be NULL */
	struct slice bytes;  /* empty if only the metadata was wanted */
};

/* Called once per key asked for, those at the list's beginning about first, from within fetch(). Everything in item is valid during the call only (a large
 * item may be a mapped temporary file). Return other than OK to stop the fetch, which then returns that. */
typedef enum err (*backend_item_fn)(void *ctx, const struct backend_item *item);

enum backend_want {
	WANT_META,  /* version, date, flags, size; no bytes */
	WANT_BYTES,
};

struct backend_fetch {
	const char *folder;
	const char *const *keys;
	size_t n;
	enum backend_want want;
	uint64_t bytes_max; /* items above it come as LIMIT; 0: no bound */
	bool stored;        /* WANT_BYTES: as they are stored, for an edit begins with them; else as the server likes to hand them out */
	/* Asked now and then, with the ctx of the callback: of how many more bytes items are welcome. 0: the module may leave out keys from the
	 * end of the list, without a call for them, once one item was given. NULL: all are wanted. */
	uint64_t (*room)(void *ctx);
};

struct backend_put {
	const char *folder;
	const char *key;     /* replace this item; NULL: make a new one */
	const char *version; /* replace only this version, else CONFLICT; NULL: whatever is there */
	const char *name;    /* new items where the client names them (DAV, vdir): a name without extension, [a-z0-9-]; the same name
	                      * again is EXISTS, with the key of what is there. IMAP ignores it */
	struct slice bytes;
	unsigned flags;      /* mail */
	const char *const *keywords; /* mail; may be NULL */
	int64_t date;        /* mail: date of receipt; BACKEND_NO_DATE: now */
};

/* What became of a put, move or flag: "" where the server does not say. */
struct backend_stored {
	const char *key;     /* "" : not known (no UIDPLUS); the caller looks with find() or at the next changes() */
	const char *version; /* "" unless the server vouches for having stored just what was given */
};

struct backend_flagging {
	const char *folder;
	const char *key;
	unsigned set, clear; /* enum backend_flag */
	const char *const *add_keywords; /* NULL-terminated or NULL */
	const char *const *remove_keywords;
};

struct backend_mail {
	struct slice bytes;       /* the message as it is to be sent: CRLF, no Bcc field */
	const char *from;         /* envelope sender: bare address */
	const char *const *to;    /* envelope recipients: bare addresses */
	size_t n;
};

struct backend_query {
	const char *folder;
	const char *text;         /* UTF-8: anywhere in the item; NULL: all */
	const char *from, *to, *subject; /* NULL: not asked for */
	int64_t since, before;    /* BACKEND_NO_DATE: no bound */
	unsigned max;             /* at most so many, newest first */
};

struct backend_keys {
	const char **list;
	size_t n;
};

/* What a module tells of the user. Each may be NULL. */
struct backend_identity {
	const char *address; /* primary mail address */
	const char *name;
};

struct backend_login {
	const char *user;     /* as the phone sent it; the module makes its own name of it (username = %u) */
	const char *password; /* the module keeps a copy of its own and cleanses it at logout */
	const struct log_ctx *log;
};

/* How to learn that something changed: either or both. */
struct backend_watch {
	int fd;               /* readable when noticed() has something to say; -1: none */
	unsigned poll;        /* call noticed() at least every so many seconds; 0: not needed */
};

/* Says one finding to the admin; ok is false for what will not work. */
typedef void (*backend_say_fn)(void *ctx, bool ok, const char *text);

struct backend;         /* one configured module; each module defines its own */
struct backend_session; /* one user logged in; each module defines its own */

struct backend_ops {
	unsigned abi;      /* BACKEND_ABI */
	const char *name;  /* also the section of the configuration */
	unsigned classes;  /* bits of enum backend_class */

	/* Binds the section and checks it; opens no connection. */
	enum err (*open)(struct conf *conf, struct backend **b_r, struct error *e);
	void (*close)(struct backend **b);
	/* "https://cloud.example.org" of this configuration: what limits and breakers are counted by. Valid until close. */
	const char *(*host)(const struct backend *b);
	/* Optional, for modules that send: the server (or program) that mail is handed to, where that is another. Limits and breaker of its own:
	 * a send may take minutes. Valid until close. */
	const char *(*send_host)(const struct backend *b);

	/* Connects and proves user and password to the server. */
	enum err (*login)(struct backend *b, const struct backend_login *who, struct backend_session **s_r, struct error *e);
	void (*logout)(struct backend_session **s);

	/* All folders of the user, parents before children where there are parents. */
	enum err (*folders)(struct backend_session *s, struct arena *a, struct backend_folders *f_r, struct error *e);

	/* What changed in the folder since the cursor; NULL or a cursor that the server no longer honours: a listing. Parts have
	 * about `part` entries (a hint). Within one listing the cursor of a part may be good in this session only; a module that
	 * does not know it any more begins the listing again. */
	enum err (*changes)(struct backend_session *s, struct arena *a, const char *folder, const char *cursor, size_t part,
		struct backend_changes *c_r, struct error *e);

	/* Optional, for modules whose keys can come to mean something else (a new UIDVALIDITY): what the caller knows of the folder, before a
	 * call about its items. Where the keys do not belong to that cursor any more, those calls end as UNAVAILABLE. Asks no server. */
	void (*known)(struct backend_session *s, const char *folder, const char *cursor);

	/* Many items at once (one multiget, one UID FETCH), asking in batches as the server likes them. OK also where single items
	 * are missing: they come with their own err. */
	enum err (*fetch)(struct backend_session *s, const struct backend_fetch *what, backend_item_fn fn, void *ctx, struct error *e);

	/* New or replaced. EXISTS (stored_r->key is what is there), CONFLICT, NOTFOUND (the key to replace), DENIED, QUOTA, INVALID. */
	enum err (*put)(struct backend_session *s, struct arena *a, const struct backend_put *put, struct backend_stored *stored_r,
		struct error *e);
	/* version as in put; NOTFOUND where it is gone already. */
	enum err (*remove)(struct backend_session *s, const char *folder, const char *key, const char *version, struct error *e);
	/* To another folder of the same backend and class. NOTFOUND: no such item; NOFOLDER: no such target. Optional. */
	enum err (*move)(struct backend_session *s, struct arena *a, const char *folder, const char *key, const char *target,
		struct backend_stored *stored_r, struct error *e);
	/* Mail only, optional. Flags are merged, never replaced. */
	enum err (*flag)(struct backend_session *s, struct arena *a, const struct backend_flagging *what,
		struct backend_stored *stored_r, struct error *e);

	/* Folders: optional each. parent NULL: top. make: EXISTS with the key of what is there. rename gives the new key. */
	enum err (*folder_make)(struct backend_session *s, struct arena *a, const char *parent, const char *name,
		enum backend_class class, const char **key_r, struct error *e);
	enum err (*folder_rename)(struct backend_session *s, struct arena *a, const char *key, const char *parent, const char *name,
		const char **key_r, struct error *e);
	enum err (*folder_remove)(struct backend_session *s, const char *key, struct error *e);

	/* Hands a mail over for delivery; OK only once the server has taken responsibility (250 after DATA). `sending` is called right
	 * before the first byte after which delivery can no longer be ruled out (DATA); other than OK from it ends the call with that.
	 * DENIED: refused for good (5xx); UNAVAILABLE: later (4xx, down). Optional. */
	enum err (*send)(struct backend_session *s, const struct backend_mail *mail, enum err (*sending)(void *ctx), void *ctx,
		struct error *e);

	/* Where the next new item of the folder will come: text that find() takes as `after`. Optional, with find. */
	enum err (*mark)(struct backend_session *s, struct arena *a, const char *folder, const char **mark_r, struct error *e);
	/* The item with this Message-ID (with its angle brackets) among those that came after the mark (NULL: all). NOTFOUND. */
	enum err (*find)(struct backend_session *s, struct arena *a, const char *folder, const char *message_id, const char *after,
		struct backend_stored *found_r, struct error *e);
	/* Optional. */
	enum err (*search)(struct backend_session *s, struct arena *a, const struct backend_query *q, struct backend_keys *keys_r,
		struct error *e);

	/* From now on tell of changes in these folders (all at once; a second call replaces the list). */
	enum err (*watch)(struct backend_session *s, const char *const *folders, size_t n, struct backend_watch *w_r, struct error *e);
	/* The folders that may have changed since the last call; does not block longer than one exchange. w_r is how to wait
	 * from now on (the descriptor may be another one after a reconnect). UNAVAILABLE: down; call again at the next poll. */
	enum err (*noticed)(struct backend_session *s, struct arena *a, struct backend_keys *folders_r, struct backend_watch *w_r,
		struct error *e);
	/* Ends watching; the session can be used for other calls again. Calls while watching are allowed (a module that cannot do
	 * both on one connection opens a second one). */
	void (*unwatch)(struct backend_session *s);

	/* Optional. */
	enum err (*identity)(struct backend_session *s, struct arena *a, struct backend_identity *id_r, struct error *e);
	/* For `cpush -t -u USER`: says step by step what the server offers and what will and will not work. Optional. */
	enum err (*describe)(struct backend_session *s, backend_say_fn say, void *ctx, struct error *e);
};

/* The symbol that a module exports: extern const struct backend_ops backend_module; */
#define BACKEND_SYMBOL "backend_module"

#endif
