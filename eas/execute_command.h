/* eas/execute_command.h - Add, Change and Delete. Private to execute. */
#ifndef EAS_EXECUTE_COMMAND_H
#define EAS_EXECUTE_COMMAND_H

#include "eas/execute.h"

enum err execute_add(struct execute *x, const struct wbxml_node *n, struct error *e);
enum err execute_change(struct execute *x, const struct wbxml_node *n, struct error *e);
enum err execute_delete(struct execute *x, const struct wbxml_node *n, struct error *e);

/* What they share (execute.c). */
enum err execute_note(struct execute *x, const struct mirror_change *change);
struct response *execute_respond(struct execute *x, unsigned tag, const struct wbxml_node *command, unsigned status);
const struct state_item *execute_row(const struct execute *x, int64_t id);
const struct state_item *execute_named(const struct execute *x, const struct wbxml_node *command, int64_t *id_r);
void execute_force(struct execute *x, enum compose_kind kind, int64_t item);
/* item < 0: the row of changes[-item - 1], whose id is not known yet. */
void execute_done(struct execute *x, char kind, const char *client, int64_t item, const char *hash);
/* Changes an existing item (execute_change.c), also for an Add of which another try was otherwise. */
struct execute_edited {
	int64_t origin; /* in: a draft that has taken the place of this item; 0: it has not */
	unsigned status;
	struct item_merged merged;
};
enum err execute_edit(struct execute *x, const struct wbxml_node *n, const struct state_item *row, bool add, struct execute_edited *r,
	struct error *e);
/* What the phone is to know of an item as it is stored now, where its command was done by an earlier try. */
enum err execute_tell(struct execute *x, const struct wbxml_node *n, const struct state_item *row, struct item_merged *m_r,
	struct error *e);

/* The server has just failed (PEER) this Add, Change or Delete, though it had answered for the folder right before. True once it has done so
 * for an hour and several tries: it will not do otherwise (execute_vain.c). Never of mail. */
bool execute_in_vain(struct execute *x, const struct wbxml_node *n);
/* Answers that it cannot be done, and has the phone sent what is stored. */
void execute_give_up(struct execute *x, const struct wbxml_node *n);

/* The item as it is now, in the request's arena. */
enum err execute_fetch(struct execute *x, const char *key, enum backend_want want, struct backend_item *item_r, struct error *e) NODISCARD;

/* LIMIT: what was made would be set aside for its size as soon as it is read again. */
enum err execute_check_size(const struct execute *x, const struct item_merged *m, struct error *e) NODISCARD;
/* Status for it: from 16.0 it is an attachment that made it so. */
unsigned execute_too_large(const struct execute *x);

/* Edits of drafts (execute_draft.c). */
struct draft_edit {
	const char *name;                /* execute_draft_name() of what is edited */
	const char *content;             /* hash of the edit */
	const struct state_item *row;
	const struct backend_item *now;
	const struct item_merged *merged;
};
/* Of the edits of one state of a draft, the same on each try. NULL: memory. */
const char *execute_draft_name(struct execute *x, int64_t id, const char *key);
/* Appends what came out and takes the old one away; the new key goes into *change. */
enum err execute_draft_store(struct execute *x, const struct draft_edit *d, struct mirror_change *change, struct error *e) NODISCARD;
/* Follows a draft to what edits that died before their commit have made of it, and takes away what they left behind: *key, and the hash
 * of the last edit. NOTFOUND: there were none. */
enum err execute_draft_follow(struct execute *x, int64_t id, const char **key, const char **content_r, struct error *e) NODISCARD;
/* The same for a draft that a look has found gone, because such an edit had taken it away: the row of what it left. */
enum err execute_draft_heir(struct execute *x, const struct state_item *row, const struct state_item **heir_r, const char **content_r,
	struct error *e) NODISCARD;

#ifdef CPUSH_FAILPOINTS
/* Tests without the rule VOUCH: takes what is stored now for what was stored. */
void execute_vouch(struct execute *x, const char *key, const char **version);
#endif

#endif
