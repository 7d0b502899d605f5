/* state/collection.h - private to state/: whole groups of collections go. */
#ifndef STATE_COLLECTION_H
#define STATE_COLLECTION_H

#include "state/db.h"

/* Drops all collections of the device, in the folder, or both; 0: any. Not both 0. */
enum err collections_drop(struct state_txn *t, int64_t device, int64_t folder) NODISCARD;
/* The same, but what is left says that the phone held a key, which means nothing now: see struct state_collection. */
enum err collections_revoke(struct state_txn *t, int64_t device, int64_t folder) NODISCARD;

#endif
