/* backend/imap/command.h - commands: built piece by piece, run, and their result judged.
 *
 * Strings from outside go through imap_cmd_string() or imap_cmd_mailbox() only, which quote them or make them
 * literals; what cannot be sent (NUL) fails the command with INVALID before a byte of it leaves.
 */
#ifndef BACKEND_IMAP_COMMAND_H
#define BACKEND_IMAP_COMMAND_H

#include "backend/imap/conn.h"

struct imap_cmd {
	struct imap_conn *c;
	struct buf text;
	size_t breaks[16]; /* where a continuation must come before the next byte is sent */
	size_t n_breaks;
	bool invalid;
	uint32_t tag;      /* of the first command in text */
	uint32_t n_tags;   /* pipelined commands in text */
	uint32_t done;     /* of those, answered */
	bool open;         /* text lacks its last CRLF */
	bool upload;       /* a literal that the caller sends stands at its end */
};

/* How the tagged reply was. */
struct imap_done {
	enum imap_status status;
	char code[512];
	char text[256];
};

/* Called for each untagged response of a command, and for tagged ones of pipelined commands. Other than OK: no more
 * calls, the rest is read and thrown away, and the run returns it. */
typedef enum err (*imap_response_fn)(void *ctx, struct imap_response *r);

struct imap_run {
	imap_response_fn fn; /* may be NULL */
	void *ctx;
	uint64_t body_max;
};

/* The destructor for AUTO. */
void imap_cmd_finish(struct imap_cmd *cmd);
/* Begins a command with its first word(s), "UID FETCH". A second begin on the same cmd pipelines another one behind
 * it. */
void imap_cmd_begin(struct imap_cmd *cmd, struct imap_conn *c, const char *words);
void imap_cmd_raw(struct imap_cmd *cmd, const char *text);
void imap_cmd_printf(struct imap_cmd *cmd, const char *fmt, ...) PRINTF(2, 3);
/* A space and the string: quoted where that can be, else a literal. */
void imap_cmd_string(struct imap_cmd *cmd, const char *s);
/* A space and the mailbox with this key. */
void imap_cmd_mailbox(struct imap_cmd *cmd, const char *key);
/* The same without a space before it. */
void imap_cmd_mailbox_bare(struct imap_cmd *cmd, const char *key);
/* A space and the head of a literal of n bytes, which the caller sends himself after imap_cmd_send(), then CRLF. */
void imap_cmd_literal(struct imap_cmd *cmd, size_t n);

/* Sends and reads up to the tagged reply of the last command; done_r (may be NULL) is how that went. OK also for NO
 * and BAD. */
enum err imap_cmd_run(struct imap_cmd *cmd, const struct imap_run *run, struct imap_done *done_r,
	struct error *e) NODISCARD;
/* The same for a command whose text is complete. */
enum err imap_run(struct imap_conn *c, const char *text, const struct imap_run *run, struct imap_done *done_r,
	struct error *e)
	NODISCARD;
/* Sends the command without waiting for its end; then imap_cmd_wait(). Where the server refuses a literal, *refused_r
 * is set, done_r says how, and there is nothing to wait for. */
enum err imap_cmd_send(struct imap_cmd *cmd, const struct imap_run *run, bool *refused_r, struct imap_done *done_r,
	struct error *e) NODISCARD;
enum err imap_cmd_wait(struct imap_cmd *cmd, const struct imap_run *run, struct imap_done *done_r,
	struct error *e) NODISCARD;

/* IDLE up to its "+"; the caller ends it with DONE and imap_cmd_wait(). *refused_r where the server will not. */
enum err imap_cmd_idle(struct imap_cmd *cmd, struct imap_conn *c, const struct imap_run *run, bool *refused_r,
	struct error *e) NODISCARD;

/* OK for STATUS_OK; else what the code says, `otherwise` for a NO without one, PEER for BAD. `what` names the action.
 */
enum err imap_done_err(const struct imap_conn *c, const struct imap_done *d, const char *what, enum err otherwise,
	struct error *e);
/* The same with a folder: a NO that does not say why is NOFOLDER only if LIST does not know the folder either. */
enum err imap_done_folder(struct imap_conn *c, const struct imap_done *d, const char *what, const char *folder,
	struct error *e);

#endif
