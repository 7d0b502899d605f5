/* backend/imap/mailbox.h - mailboxes: keys and names, SELECT, STATUS; UIDs as keys. */
#ifndef BACKEND_IMAP_MAILBOX_H
#define BACKEND_IMAP_MAILBOX_H

#include "backend/imap/command.h"

/* A folder's key is its mailbox name in UTF-8, "INBOX" for the Inbox however it is written. A name that is no
 * modified UTF-7 keeps its bytes behind a DEL, so that every key leads back to the very name. NULL: no memory, or the
 * name holds a NUL. */
char *imap_key_of(struct arena *a, const char *wire, size_t n, bool utf8) NODISCARD;
/* The way back. NULL: not a key of ours, or no memory. */
char *imap_key_wire(struct arena *a, const char *key, bool utf8) NODISCARD;

/* "17" to 17; 0 where it is no UID. */
uint32_t imap_uid(const char *key);

/* Selects the folder if it is not; `fresh` does so in any case, so that UIDNEXT and HIGHESTMODSEQ are those of now. */
enum err imap_select(struct imap_conn *c, const char *folder, bool fresh, struct error *e) NODISCARD;
/* EXAMINE: changes nothing, not even \Recent. */
enum err imap_examine(struct imap_conn *c, const char *folder, struct error *e) NODISCARD;
/* No mailbox is selected afterwards: for RENAME and DELETE of the one that was. */
enum err imap_deselect(struct imap_conn *c, struct error *e) NODISCARD;
/* STATUS: NOFOLDER where it is gone. */
enum err imap_status(struct imap_conn *c, const char *folder, struct imap_counts *counts_r, struct error *e) NODISCARD;
/* The items of STATUS that this server has. */
const char *imap_status_items(const struct imap_conn *c);

/* Flags of one mail: NOTFOUND where it is gone or, but for the second, \Deleted. Text lives in the arena. */
enum err imap_peek(struct imap_conn *c, struct arena *a, uint32_t uid, struct imap_fetch *f_r,
	struct error *e) NODISCARD;
enum err imap_peek_marked(struct imap_conn *c, struct arena *a, uint32_t uid, struct imap_fetch *f_r,
	struct error *e) NODISCARD;
/* A mail's version: MODSEQ where the folder has it, else a text made of its flags. */
char *imap_version(struct arena *a, const struct imap_fetch *f) NODISCARD;

/* A keyword as it goes over the wire: an atom; NULL where it cannot be one. */
char *imap_keyword_wire(struct arena *a, const char *keyword) NODISCARD;
/* The keywords of a mail as UTF-8, NULL-terminated; NULL: none. */
const char *const *imap_keywords(struct arena *a, const struct imap_fetch *f);
/* Appends " (\Seen $label ...)". Keywords that the folder does not take are left out; *left_out_r says so (may be
 * NULL). */
void imap_cmd_flags(struct imap_cmd *cmd, struct arena *a, unsigned flags, const char *const *keywords, bool removing,
	bool *left_out_r);

#endif
