/* backend/local/local.h - mail, calendars, tasks and contacts as plain files. Private to backend/local/.
 *
 * Under [local] path, one tree per user:
 *   mail/            a Maildir; its folders beside cur, new and tmp as .Name and .Name.Sub (Maildir++, names in IMAP's UTF-7)
 *   calendars/NAME/  one .ics file per event, with `displayname` and `color` (the layout of vdirsyncer and khal)
 *   tasks/NAME/      the same with to-dos
 *   contacts/NAME/   one .vcf file per contact
 * A folder's key is its path in the tree ("mail", "mail/.Sent", "calendars/work"). An item's key is its file name, for mail without the
 * flags behind the colon. Nothing is kept beside the files: other programs may change them at any time.
 */
#ifndef BACKEND_LOCAL_LOCAL_H
#define BACKEND_LOCAL_LOCAL_H

#include <sys/stat.h>

#include "backend/backend.h"

struct settings {
	const char *path, *passwd_file, *domain, *sendmail;
	uint64_t item_max, answer, accept;
	bool deliver_local;
};

struct backend {
	struct settings set;
	struct conf *conf;
	const char *domain; /* [local] domain, else [server] domain; may be NULL */
};

/* One file of a folder. */
struct entry {
	const char *key;
	const char *name;    /* of the file, below `sub` */
	const char *sub;     /* "cur", "new"; "." where the class has none */
	const char *version;
	int64_t date;
};

/* What a folder holds; strings live in its own arena. */
struct scan {
	struct arena *arena;
	struct entry *list;
	size_t n, room;
};

/* A listing that is being handed over in parts. */
struct listing {
	struct scan scan;
	char *folder;
	unsigned id;
	char cursor[96];     /* when it is over */
};

struct watcher;

struct backend_session {
	struct backend *backend;
	char *user, *name;
	int root;            /* the user's tree */
	struct listing listing;
	unsigned listings;
	struct watcher *watcher;
};

void close_fd(int *fd);
#define AUTO_FD AUTO(close_fd) int

/* errno as one of ours; what: "writing the mail". A missing file is `missing`. */
enum err errno_err(struct error *e, enum err missing, const char *what);

/* ---- passwd.c ---- */
/* AUTH, UNAVAILABLE (the file cannot be read). *name_r (malloc, may be NULL) is the full name, where the file has one. */
enum err passwd_check(const struct backend *b, const char *user, const char *password, char **name_r, struct error *e);
/* The user of this name as the file spells it: that very one, else in any case. NULL: there is none (or no memory). */
const char *passwd_user(const struct backend *b, struct arena *a, const char *name);

/* ---- tree.c ---- */
/* Can this be a user at all: nothing that leads out of the tree. */
bool user_is_safe(const char *user);
/* Opens the user's tree; makes it and the folders that everybody has at the first login. */
enum err tree_open(const struct backend *b, const char *user, int *root_r, struct error *e);
/* The class that the key tells; false: no key of ours. */
bool key_class(const char *key, enum backend_class *class_r);
/* The directory of a folder; NOFOLDER. class_r may be NULL. */
enum err folder_open(int root, const char *key, enum backend_class *class_r, int *fd_r, struct error *e);
enum err local_folders(struct backend_session *s, struct arena *a, struct backend_folders *f_r, struct error *e);
/* Makes dir/cur, new and tmp below at/name. */
enum err maildir_make(int at, const char *name, struct error *e);
/* Writes a small file whole, by way of a temporary name. */
enum err write_file(int dir, const char *name, const void *p, size_t n, struct error *e);
/* The first line of a small file, trimmed; NULL. */
char *read_line(struct arena *a, int dir, const char *name);
/* "calendars" and so on; NULL for mail. */
const char *class_dir(enum backend_class class);
const char *class_extension(enum backend_class class);

/* ---- name.c: names of mail folders and keywords, RFC 3501 5.1.3 ---- */
#define NAME_FOLDER "./"            /* separate */
#define NAME_ATOM " (){%*\"\\]"     /* cannot be in the atom that a keyword is for IMAP (RFC 9051, section 9) */
/* With these characters encoded, too. NULL where memory is short or the name cannot be (bad UTF-8, empty, too long). */
char *name_encode(struct arena *a, const char *name, const char *apart);
/* What is no valid encoding is shown as it is. */
char *name_decode(struct arena *a, const char *encoded, size_t n);

/* ---- folder_ops.c ---- */
enum err local_folder_make(struct backend_session *s, struct arena *a, const char *parent, const char *name, enum backend_class class,
	const char **key_r, struct error *e);
enum err local_folder_rename(struct backend_session *s, struct arena *a, const char *key, const char *parent, const char *name,
	const char **key_r, struct error *e);
enum err local_folder_remove(struct backend_session *s, const char *key, struct error *e);

/* ---- scan.c ---- */
void scan_finish(struct scan *s);
struct entry *scan_add(struct scan *s, const char *key, const char *name, const char *sub);
/* Reads a folder; date is not filled in for mail. */
enum err scan_folder(int dir, enum backend_class class, struct scan *s, struct error *e);
/* One item without reading the whole folder, where that is possible. NOTFOUND. The entry lives in s. */
enum err scan_find(int dir, enum backend_class class, const char *key, struct scan *s, struct entry **entry_r, struct error *e);
/* "f" and the flags of the file name, sorted. */
const char *mail_version(struct arena *a, const char *name);
const char *file_version(struct arena *a, const struct stat *st);

/* ---- changes.c ---- */
enum err local_changes(struct backend_session *s, struct arena *a, const char *folder, const char *cursor, size_t part,
	struct backend_changes *c_r, struct error *e);
void listing_finish(struct listing *l);

/* ---- fetch.c ---- */
enum err local_fetch(struct backend_session *s, const struct backend_fetch *what, backend_item_fn fn, void *ctx, struct error *e);
/* The whole file, at most max bytes (LIMIT), mail with its lines ended by CRLF. */
enum err read_item(int dir, const struct entry *entry, bool mail, uint64_t max, struct buf *out, struct error *e);

/* ---- keywords.c: the table of letters a to z that Dovecot keeps in a Maildir folder ---- */
struct keywords {
	const char *names[26]; /* NULL: letter not in use */
	const char *words[26]; /* the names as they are written in the file */
};
void keywords_read(struct arena *a, int dir, struct keywords *k);
/* The letter of the keyword, given to it if it had none; 0: all are in use, or it cannot be written. */
enum err keywords_letter(struct arena *a, int dir, struct keywords *k, const char *name, char *letter_r, struct error *e);

/* ---- write.c ---- */
enum err local_put(struct backend_session *s, struct arena *a, const struct backend_put *put, struct backend_stored *stored_r,
	struct error *e);
enum err local_remove(struct backend_session *s, const char *folder, const char *key, const char *version, struct error *e);
enum err local_move(struct backend_session *s, struct arena *a, const char *folder, const char *key, const char *target,
	struct backend_stored *stored_r, struct error *e);

/* ---- mail.c ---- */
/* A new mail that waits in tmp; its text lives in an arena. */
struct mail_file {
	const char *key, *tmp, *final, *sub;
};
/* Writes a mail for cur (with flags) or new (flags NULL) to tmp, safely on disk. */
enum err mail_write(struct arena *a, int dir, const struct slice *pieces, size_t n, const char *flags, int64_t date,
	struct mail_file *m_r, struct error *e);
/* Into its place, and gone from there if that fails; or away with it. */
enum err mail_place(int dir, const struct mail_file *m, struct error *e);
void mail_drop(int dir, const struct mail_file *m);
/* Both at once; key_r lives in a. */
enum err mail_store(struct arena *a, int dir, const struct slice *pieces, size_t n, const char *flags, int64_t date, const char **key_r,
	struct error *e);
/* A name that no other mail ever has. */
char *mail_unique(struct arena *a);
/* flags and keywords as letters of a file name, sorted; *left_out_r: there was no letter for some. */
enum err mail_letters(struct arena *a, int dir, unsigned flags, const char *const *keywords, const char **letters_r, bool *left_out_r,
	struct error *e);
/* The key and, unless something was left out, the version of a mail that was stored with these letters. */
enum err mail_stored(struct arena *a, const char *key, const char *flags, bool left_out, struct backend_stored *stored_r,
	struct error *e);
void mail_flags(struct arena *a, const struct keywords *k, const char *version, unsigned *flags_r, const char *const **keywords_r);
enum err local_flag(struct backend_session *s, struct arena *a, const struct backend_flagging *what, struct backend_stored *stored_r,
	struct error *e);
enum err sync_dir(int dir, const char *sub, struct error *e);

/* ---- find.c ---- */
enum err local_mark(struct backend_session *s, struct arena *a, const char *folder, const char **mark_r, struct error *e);
enum err local_find(struct backend_session *s, struct arena *a, const char *folder, const char *message_id, const char *after,
	struct backend_stored *found_r, struct error *e);
enum err local_search(struct backend_session *s, struct arena *a, const struct backend_query *q, struct backend_keys *keys_r,
	struct error *e);

/* ---- watch.c ---- */
enum err local_watch(struct backend_session *s, const char *const *folders, size_t n, struct backend_watch *w_r, struct error *e);
enum err local_noticed(struct backend_session *s, struct arena *a, struct backend_keys *folders_r, struct backend_watch *w_r,
	struct error *e);
void local_unwatch(struct backend_session *s);

/* ---- send.c ---- */
enum err local_send(struct backend_session *s, const struct backend_mail *mail, enum err (*sending)(void *ctx), void *ctx, struct error *e);

/* ---- sendmail.c ---- */
/* Hands the mail to set->sendmail for these recipients. It may take `answer` seconds for each part of it, and `accept` to pass on
 * what it has read. */
enum err sendmail_run(const struct settings *set, const struct backend_mail *mail, struct error *e);

#endif
