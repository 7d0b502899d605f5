/* backend/imap/module.h - the module's configuration and its sessions; what the files of this directory share.
 *
 * Layer:     backend (imap.so)
 * Ownership: a backend lives from open to close and is shared and immutable; a session owns up to two connections:
 *            `cmd` for commands and, while watching, `idle`, which waits in IDLE.
 */
#ifndef BACKEND_IMAP_MODULE_H
#define BACKEND_IMAP_MODULE_H

#include "backend/backend.h"
#include "backend/imap/response.h"

#define IMAP_OWN_MAX 64
#define IMAP_SEEN_MAX 16
/* A mail that is sent more slowly, in bytes per second, is given up even where it moves. */
#define IMAP_SLOWEST 16384

enum imap_tls { TLS_AUTO, TLS_REQUIRED, TLS_OPTIONAL, TLS_OFF };
enum imap_listed { LISTED_ALL, LISTED_SUBSCRIBED };

/* [imap] as it is written. */
struct imap_settings {
	const char *url, *smtp, *sendmail;
	const char *username, *smtp_username, *address, *domain;
	const char *ca_file, *auth_mechanism, *smtp_auth_mechanism, *helo, *temp_dir;
	const char *sent, *drafts, *trash, *junk, *archive;
	int tls, smtp_tls, folders;
	uint64_t connect, answer, accept, poll, message_max;
};

struct backend {
	struct conf *conf; /* a reference */
	struct imap_settings set;
	char *host;        /* "imaps://mail.example.org:993" */
	char *smtp_url;    /* NULL: none; with the name for EHLO as its path */
	int tls, smtp_tls; /* AUTO resolved */
	struct tls_trust *trust;
};

struct imap_conn;
struct imap_watch;

/* A folder as this session last saw it in changes(): what has a MODSEQ up to `modseq` is known to the core. */
struct imap_seen {
	char *folder; /* owned; NULL: free */
	uint64_t validity, modseq;
};

/* A mail whose flags we stored: the MODSEQ that this gave is known to the core as well. */
struct imap_own {
	uint64_t validity, modseq;
	uint32_t uid;
};

struct backend_session {
	struct backend *b;
	char *user, *login, *password; /* owned; the password is cleansed */
	struct imap_conn *cmd, *idle;  /* NULL: not connected */
	struct imap_watch *watch;      /* NULL: not watching */
	unsigned logins;
	struct imap_seen seen[IMAP_SEEN_MAX];
	size_t seen_next;
	struct imap_own *own; /* IMAP_OWN_MAX of them, owned; NULL until the first */
	size_t own_next;
};

/* The connection for commands: connected, logged in, alive a moment ago. Fails as backend_ops.login does. */
enum err imap_session_conn(struct backend_session *s, struct imap_conn **c_r, struct error *e) NODISCARD;
/* A new connection, whatever there is. */
enum err imap_session_connect(struct backend_session *s, struct imap_conn **c_r, struct error *e) NODISCARD;

/* The same with the folder selected. UNAVAILABLE where its UIDVALIDITY is not what changes() last told of: no UID
 * means what the caller thinks until changes() was called again. */
enum err imap_session_select(struct backend_session *s, const char *folder, struct imap_conn **c_r,
	struct error *e) NODISCARD;

/* changes() told the core of everything up to modseq. */
void imap_session_saw(struct backend_session *s, const char *folder, uint64_t validity, uint64_t modseq);
/* Has this session told of this life of the folder? */
bool imap_session_saw_life(struct backend_session *s, const char *folder, uint64_t validity);
/* The highest MODSEQ of this mail that the core knows of by this session; 0: none. */
uint64_t imap_session_known(const struct backend_session *s, const char *folder, uint64_t validity, uint32_t uid);
void imap_session_stored(struct backend_session *s, uint64_t validity, uint32_t uid, uint64_t modseq);

/* One operation of the table each; the contracts are those of backend.h. */
enum err imap_folders(struct backend_session *s, struct arena *a, struct backend_folders *f_r, struct error *e);
void imap_known(struct backend_session *s, const char *folder, const char *cursor);
enum err imap_changes(struct backend_session *s, struct arena *a, const char *folder, const char *cursor, size_t part,
	struct backend_changes *c_r, struct error *e);
enum err imap_fetch(struct backend_session *s, const struct backend_fetch *what, backend_item_fn fn, void *ctx,
	struct error *e);
enum err imap_put(struct backend_session *s, struct arena *a, const struct backend_put *put,
	struct backend_stored *stored_r,
	struct error *e);
enum err imap_remove(struct backend_session *s, const char *folder, const char *key, const char *version,
	struct error *e);
enum err imap_move(struct backend_session *s, struct arena *a, const char *folder, const char *key, const char *target,
	struct backend_stored *stored_r, struct error *e);
enum err imap_flag(struct backend_session *s, struct arena *a, const struct backend_flagging *what,
	struct backend_stored *stored_r, struct error *e);
enum err imap_folder_make(struct backend_session *s, struct arena *a, const char *parent, const char *name,
	enum backend_class class, const char **key_r, struct error *e);
enum err imap_folder_rename(struct backend_session *s, struct arena *a, const char *key, const char *parent,
	const char *name,
	const char **key_r, struct error *e);
enum err imap_folder_remove(struct backend_session *s, const char *key, struct error *e);
enum err imap_send(struct backend_session *s, const struct backend_mail *mail, enum err (*sending)(void *ctx),
	void *ctx,
	struct error *e);
enum err imap_mark(struct backend_session *s, struct arena *a, const char *folder, const char **mark_r,
	struct error *e);
enum err imap_find(struct backend_session *s, struct arena *a, const char *folder, const char *message_id,
	const char *after,
	struct backend_stored *found_r, struct error *e);
enum err imap_search(struct backend_session *s, struct arena *a, const struct backend_query *q,
	struct backend_keys *keys_r,
	struct error *e);
enum err imap_watch(struct backend_session *s, const char *const *folders, size_t n, struct backend_watch *w_r,
	struct error *e);
enum err imap_noticed(struct backend_session *s, struct arena *a, struct backend_keys *folders_r,
	struct backend_watch *w_r,
	struct error *e);
void imap_unwatch(struct backend_session *s);
void imap_watch_free(struct imap_watch **w);
enum err imap_identity(struct backend_session *s, struct arena *a, struct backend_identity *id_r, struct error *e);
enum err imap_describe(struct backend_session *s, backend_say_fn say, void *ctx, struct error *e);

/* Checks that the mail server's other half can be reached and takes the login, without sending anything. */
enum err imap_smtp_probe(struct backend_session *s, struct error *e);
/* send() by a program. */
enum err imap_sendmail(const struct backend *b, const struct backend_mail *mail, enum err (*sending)(void *ctx),
	void *ctx,
	struct error *e);

#endif
