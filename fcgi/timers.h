/* fcgi/timers.h - a binary heap of parked requests by when they are due. Private to fcgi/; the hub's thread only. */
#ifndef FCGI_TIMERS_H
#define FCGI_TIMERS_H

#include "fcgi/request.h"

struct timers {
	struct request **heap; /* [1 .. n] */
	size_t n, room;
};

/* Puts r in, or moves it to where its `due` belongs. false: no memory. */
bool timers_set(struct timers *t, struct request *r);
void timers_remove(struct timers *t, struct request *r);
/* The one that is due first; NULL if there is none. */
struct request *timers_first(const struct timers *t);
void timers_finish(struct timers *t);

#endif
