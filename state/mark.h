/* state/mark.h - private to state/: holes and again of a collection's answers.
 *
 * A row says that an item is one in the answers from number from_n to number to_n. The last one of a run of kept
 * answers is open at its end, so that the next answer, which mostly has the same holes, writes nothing. What a row says
 * of numbers that are not kept means nothing.
 */
#ifndef STATE_MARK_H
#define STATE_MARK_H

#include "state/db.h"

/* Fills in pos.holes and pos.again of c->answers. */
enum err mark_read(struct state_txn *t, struct arena *a, struct state_collection *c) NODISCARD;
/* Makes the stored rows say what c->answers say; writes only what differs. */
enum err mark_save(struct state_txn *t, const struct state_collection *c) NODISCARD;
/* How many there are in all answers; 0: mark_read() is not needed. */
int64_t mark_count(const struct state_collection *c);

#endif
