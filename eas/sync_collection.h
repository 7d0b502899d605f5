/* eas/sync_collection.h - one collection of a Sync: key, commands, changes, answer. Private to eas/. */
#ifndef EAS_SYNC_COLLECTION_H
#define EAS_SYNC_COLLECTION_H

#include "eas/execute.h"
#include "eas/sync_request.h"
#include "eas/sync_stuck.h"

/* What became of one collection. */
struct sync_result {
	unsigned status;
	const char *key;        /* for the answer; NULL: none */
	bool new_key;
	bool had_commands;      /* other than Fetch */
	bool first;             /* the key is the first of its epoch */
	bool looked;            /* at the backend, before anything else */
	bool more;
	bool no_room;           /* there is more, but nothing was left of the global window: the key stays */
	unsigned n;             /* changes told */
	struct execute x;
	struct state_folder folder;
	struct item_options options;
	const char *options_text; /* to be stored */
	bool options_changed;
	struct stuck stuck;
	struct collection col;
	struct buf commands;    /* elements inside Commands; the arena's */
	unsigned page_after;
};

/* Runs it. window: what is left for it of the global one. BUSY as in execute. OK: `s` says what to answer. */
enum err sync_collection_run(struct eas_request *r, const struct sync_collection *c, unsigned window,
	struct sync_result *s) NODISCARD;
/* After BUSY: the phone is to ask for this collection again (Status 16). */
void sync_collection_later(const struct sync_collection *c, struct sync_result *s);
/* Writes the Collection element. */
enum err sync_collection_write(struct eas_request *r, const struct sync_collection *c, struct sync_result *s,
	struct wbxml_writer *w) NODISCARD;

/* What the i-th collection gets of its own and the global window, of which `used` are gone: each later one that has
 * something to tell keeps one, so that all get on. */
unsigned sync_window(struct eas_request *r, const struct sync_request *q, size_t i, unsigned used);

/* Where a FilterType begins today: the cut-off's date. INT64_MIN: there is none, also where the class has no such
 * filter. */
int64_t sync_filter_date(enum backend_class class, unsigned filter);
/* Is the folder one whose Sync is always empty: the Outbox, Drafts before 16.0, a folder without a backend? */
bool sync_is_empty(const struct state_folder *f, unsigned version);

/* Would a Sync from the newest answer of this collection send something? n_adds and n_changes say what, as far as it
 * was looked. */
enum err sync_would_send(struct eas_request *r, const struct state_folder *f, const struct state_collection *stored,
	unsigned *adds_r, unsigned *changes_r, struct error *e) NODISCARD;

#endif
