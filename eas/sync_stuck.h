/* eas/sync_stuck.h - a device that asks for the same page again and again. Private to eas/.
 *
 * It may be on a bad line, or choke on an item. The window halves per repeat; an item that came alone three times, over more than an hour, is
 * set aside: not sent until it changes. What is known of it stands behind the Options that are stored with a collection.
 */
#ifndef EAS_SYNC_STUCK_H
#define EAS_SYNC_STUCK_H

#include "eas/key.h"

struct stuck {
	int64_t item;      /* 0: none */
	unsigned times;    /* that it was sent alone from this base */
	int64_t since;     /* seconds since 1970 UTC */
};

/* The window for this try: halved for each answer that was given from the base already. */
unsigned stuck_window(const struct collection *c, unsigned window);
/* Splits what is stored: the Options; and what is known, where the key is the same base still. *options_r lives in a. NULL: memory. */
const char *stuck_load(struct arena *a, const struct collection *c, struct stuck *s_r);
/* The item that is to be set aside now; 0: none. */
int64_t stuck_item(const struct stuck *s);
/* The page that goes out now holds n changes, the last one of them of this item: notes it behind `options`. NULL: memory. */
const char *stuck_note(struct arena *a, const char *options, struct stuck *s, unsigned n, int64_t item);

#endif
