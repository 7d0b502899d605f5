/* fcgi/server.h - the process: what its threads share. Private to fcgi/. */
#ifndef FCGI_SERVER_H
#define FCGI_SERVER_H

#include "fcgi/generation.h"
#include "fcgi/hub.h"
#include "fcgi/jobs.h"
#include "fcgi/queue.h"

struct server {
	const char *path;              /* of the configuration file */
	struct state *state;
	struct hub *hub;
	struct jobs *jobs;
	struct queue ready;            /* for the workers */
	struct eas_server hooks;       /* what each generation is given */
	account_free_fn slot_free;     /* told by each generation's backends */
	pthread_mutex_t lock;          /* of `generation` */
	struct generation *generation; /* the current one */
	int stop_fd;                   /* eventfd: readable for good once the server stops */
	bool stopping;                 /* atomic */
	bool ended;                    /* atomic: the hub has, and nothing will come any more: the workers go */
	uint64_t running;              /* atomic: requests in the workers' hands or queues */
	uint64_t parked_max;
};

/* A reference to the current configuration. */
struct generation *server_generation(struct server *s);
/* Reads the configuration file again; a faulty one keeps the old and is logged. Blocking: for a job. true: there is a
 * new one. */
bool server_reload(struct server *s);
/* Raises the limit on open files and says how many requests may park with it. */
uint64_t server_limits(const struct server_config *c);
/* The threads. Both return when the server stops. */
void *worker_run(void *server);

#endif
