/* fcgi/turn.h - one request of a device at a time; the others wait without a worker. Private to fcgi/. */
#ifndef FCGI_TURN_H
#define FCGI_TURN_H

#include "fcgi/queue.h"

/* Takes the device's turn for r: true: go on; false: r was queued and will be pushed to `ready` when it is its turn
 * (the caller lets go of it); *full_r: too many wait already (the caller answers). */
bool turn_take(struct request *r, bool *full_r);
/* Gives r's turn to the next in line, if it holds one. Those whose peer has hung up are dropped: returns how many. */
unsigned turn_give(struct request *r, struct queue *ready);

#endif
