/* fcgi/hub.h - the thread that owns every parked request. Private to fcgi/.
 *
 * It waits on epoll: the sockets of parked requests (hang-up), the descriptors of watched backends, signals, and its
 * inbox; and keeps the
 * deadlines. It never blocks: what may block becomes a job. It knows nothing of EAS beyond eas/eas.h.
 * Threads:   hub_run() is the thread; the others talk to it through the inbox (all functions below may be called from
 * any thread).
 */
#ifndef FCGI_HUB_H
#define FCGI_HUB_H

#include "fcgi/request.h"

struct hub;
struct server;

struct hub *hub_new(struct server *server);
void hub_free(struct hub **hub);
/* Until the server stops: all parked requests were given to the workers. Reads the signals. */
void hub_run(struct hub *hub);

/* Takes over a request that eas_run() or eas_resume() parked (slim, r->park set). */
void hub_park(struct hub *hub, struct request *r);
/* Ends parked requests of the device, of these kinds. */
void hub_end(struct hub *hub, const char *user, const char *device_id, unsigned kinds, enum eas_wake why);
/* The user's mirrors changed: do parked requests of the user have something now? */
void hub_nudge(struct hub *hub, const char *user);
/* A request waits for a session of a backend: it is run again when one is free, or its time is up. */
void hub_busy(struct hub *hub, struct request *r);
/* A session or slot became free. */
void hub_free_slot(struct hub *hub);

#endif
