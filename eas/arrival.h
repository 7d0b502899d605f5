/* eas/arrival.h - when an answer was last seen to have arrived at the device: its sync key came back. Private to eas/.
 *
 * To the nearest ten minutes, and of all folders alike: it tells a bad line from a device that fails at an item
 * (eas/sync_stuck.h).
 */
#ifndef EAS_ARRIVAL_H
#define EAS_ARRIVAL_H

#include "eas/eas.h"

/* Seconds since 1970 UTC; 0: never yet. */
enum err arrival_last(struct eas_request *r, int64_t *at_r, struct error *e) NODISCARD;
/* One has arrived; within the transaction that moves the key on. */
enum err arrival_note(struct state_txn *t, struct eas_request *r) NODISCARD;

#endif
