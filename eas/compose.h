/* eas/compose.h - what a device is told of a collection: the Commands of one answer. Private to eas/.
 *
 * Works on a position, in rounds: read rows that come next in one snapshot, fetch what they need from the backend,
 * write them, move the position behind them. Every position in between is one that a key may stand for.
 */
#ifndef EAS_COMPOSE_H
#define EAS_COMPOSE_H

#include "eas/key.h"

enum compose_kind { COMPOSE_ADD, COMPOSE_CHANGE, COMPOSE_DELETE, COMPOSE_SOFT };

/* A row that is sent whatever the position says: a refused edit is put back. */
struct compose_forced {
	enum compose_kind kind; /* ADD or CHANGE */
	int64_t item;
	int64_t seq;            /* out: of the row as it was told; -1: it was not */
};

struct compose {
	/* in */
	struct eas_request *r;
	struct state_folder *folder;
	const struct item_class *class;
	struct item_view view;      /* address NULL: the user's is asked for when something is rendered */
	int64_t me;                 /* epoch */
	int64_t target;             /* the new cut-off's date: from FilterType; INT64_MIN: none */
	bool get_changes;
	bool looked;                /* false: the mirror is brought up to date once all that it holds was told, not before */
	bool fresh;                 /* the first key of an epoch, and nothing was done from it: the device has nothing */
	unsigned window;
	size_t bytes;               /* the answer's body may grow to this, but for one item */
	struct compose_forced *forced;
	size_t n_forced;
	const struct idset *added;  /* made from the base by this or an earlier try */
	const struct idset *touched;
	bool dry;                   /* count only: nothing is fetched or rendered, the window is none */
	bool probe;                 /* dry, and one Add is enough to know */
	const struct idset *retry;  /* items that were set aside and are tried again, if they are alive; NULL: none */
	int64_t aside;              /* an item that the device fails at: not sent; 0: none */
	int64_t until;              /* eas_monotonic() at which to stop with what there is; 0: never */
	/* in and out */
	struct position pos;        /* from, to */
	struct idset told;
	/* out */
	struct buf *out;            /* the elements inside Commands, as they follow an AirSync page */
	unsigned page_after;        /* the code page that they end on */
	unsigned n;                 /* how many */
	unsigned n_adds, n_changes; /* dry: what kinds (changes: and deletes) */
	int64_t last;               /* item of the last Add or Change */
	bool more;
	bool moved;                 /* holes were found or filled, or something could not be sent */
	bool raised;                /* the cut-off went up: the mirror must still stand at `seq` when this is committed */
	int64_t seq;
	bool left_aside;            /* `aside` would have gone out */
	bool troubled;              /* the folder has items that were set aside */
	bool backend_failed;        /* for a moment: the page ends before what could not be fetched */
};

/* OK also where backend_failed. BUSY: nothing was done. UNAVAILABLE: the store. CONFLICT: the mirror went on while the
 * cut-off went up: begin again. */
enum err compose(struct compose *c, struct error *e) NODISCARD;

/* What the tries from the base did, as compose() asks for it; both sets are begun here. */
void compose_tries(struct arena *a, const struct state_done *done, size_t n, struct idset *added, struct idset *touched);

/* Asks who the user is, once. BUSY; other failures leave it unknown. */
enum err compose_identify(struct eas_request *r, struct item_view *view, struct error *e) NODISCARD;

#endif
