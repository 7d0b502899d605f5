/* eas/execute.h - what a phone wants done in a collection: the Commands of its request. Private to eas/.
 *
 * Each command is done at the backend at once; what it means for the mirror is gathered, to be committed in one transaction with the
 * list of what this base has done (`done`), before anything is told to the phone.
 */
#ifndef EAS_EXECUTE_H
#define EAS_EXECUTE_H

#include "eas/compose.h"
#include "eas/mirror.h"

struct response {
	unsigned tag;             /* AirSync_Add, Change, Delete, Fetch */
	const char *client_id;
	const char *server_id;    /* as the phone wrote it */
	const char *instance_id;
	int64_t item;             /* Add: known once committed; Fetch */
	size_t change;            /* Add: index into `changes`, whose item it is; SIZE_MAX: `item` */
	unsigned status;
	struct item_merged merged;/* 16.x: what the phone is told of the item: uid, added, the conversation */
};

struct execute {
	/* in */
	struct eas_request *r;
	struct collection *col;
	struct state_folder *folder;
	const struct item_class *class;
	struct item_view view;
	const struct wbxml_node *commands; /* NULL: none */
	const struct item_supported *supported;
	int64_t trash;            /* id of the Trash folder where deleted mail goes; 0: deleted for good */
	const char *trash_key;
	bool client_wins;
	/* out */
	struct response *responses;
	size_t n_responses;
	struct mirror_change *changes;
	size_t n_changes;
	struct state_done *done;  /* of this base: earlier tries and this one */
	size_t n_done;
	struct idset told;        /* ids that the answer confirms; those of new rows come in at the commit */
	struct compose_forced *forced;
	size_t n_forced;
	bool failed;              /* the backend failed for a moment: stop, commit, the old key and Status 16 */
	bool any;                 /* commands other than Fetch */
	/* between */
	size_t room;
	struct state_items rows;  /* that the commands name */
};

/* BUSY: nothing, or part, was done at the backend; what was done is in `changes` and must be committed all the same. */
enum err execute(struct execute *x, struct error *e) NODISCARD;
/* Writes down what was done: rows and `done`, and that the key came back; col->was is then what is stored. CONFLICT: another responder
 * or request was faster. */
enum err execute_commit(struct execute *x, struct error *e) NODISCARD;

#endif
