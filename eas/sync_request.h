/* eas/sync_request.h - a Sync request, read: from the phone, or from what was stored of it [MS-ASCMD 2.2.1.21]. Private
 * to eas/. */
#ifndef EAS_SYNC_REQUEST_H
#define EAS_SYNC_REQUEST_H

#include "eas/command.h"

struct sync_collection {
	const char *id_text;                /* CollectionId as sent */
	int64_t folder;                     /* 0: no id of ours */
	const char *key;
	const struct wbxml_node *options;   /* NULL: the stored ones */
	const struct wbxml_node *supported; /* NULL: none sent */
	const struct wbxml_node *commands;
	unsigned window;
	bool get_changes, has_get_changes;
	bool deletes_as_moves;
	bool conversations;                 /* ConversationMode was sent */
	bool malformed;                     /* Status 4 */
	bool given;                         /* of what is stored: the key came with that answer, and the phone may not have it */
	bool asked, tells;                  /* sync_window.c: does it need some of the global window? */
	bool looked_at;                     /* the mirror was brought up to date for this request already */
	bool commands_only;                 /* set by cmd_sync: they are run, and nothing is answered */
	size_t bytes;                       /* set by cmd_sync: its changes may take so many in the answer, but for one item */
};

struct sync_request {
	struct sync_collection *list;
	size_t n;
	unsigned window;                    /* global; 0: none */
	int64_t wait;                       /* seconds; 0: none */
	bool out_of_range;                  /* Status 14 */
	int64_t limit;                      /* of the wait, in the unit that was asked in; of the collections */
	bool has_commands;
};

/* Reads the request; an empty or Partial one is completed from the stored one. 0; 4: malformed; 13: nothing is stored,
 * or it cannot be completed; a common status where the store fails. */
unsigned sync_request_read(struct eas_request *r, const struct wbxml_node *root, struct sync_request *q_r);
/* The text to be stored, with the keys that the phone holds after this answer (keys[i], in order of q). Where that is
 * another one than before, or none (NULL), the collection cannot go on without being named. */
const char *sync_request_text(struct arena *a, const struct sync_request *q, const char *const *keys);
/* The other way round; false where it is no such text. */
bool sync_request_from_text(struct arena *a, const char *text, struct sync_request *q_r);

/* The Options of a collection; NULL: none. Those for text messages may stand beside (and before) those of the mails;
 * cpush has no text messages, and leaves them. False: two for one class, or for classes that do not go together, Status
 * 4 (R908, R930, R935). */
bool sync_options_choose(const struct wbxml_node *collection, const struct wbxml_node **options_r);
/* Options as they are kept with a collection, and back. NULL / false where memory is short or the text is none. */
const char *sync_options_text(struct arena *a, const struct wbxml_node *options);
bool sync_options_parse(struct arena *a, const char *text, struct item_options *o_r);
/* Supported likewise: "" none sent. */
const char *sync_supported_text(struct arena *a, const struct wbxml_node *supported);
bool sync_supported_parse(struct arena *a, const char *text, struct item_supported *s_r);

#endif
