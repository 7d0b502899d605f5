/* state/trouble.h - private to state/: notes on items set aside that say nothing any more. */
#ifndef STATE_TROUBLE_H
#define STATE_TROUBLE_H

#include "state/db.h"

/* Deletes notes on at most `max` items that are gone, or are there in another version; *n_r: on how many. */
enum err troubles_sweep(struct state_txn *t, size_t max, size_t *n_r) NODISCARD;

#endif
