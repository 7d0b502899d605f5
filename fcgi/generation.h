/* fcgi/generation.h - everything that comes from one reading of the configuration file, reference-counted. Private to
 * fcgi/.
 *
 * SIGHUP makes a new one for new work; what runs keeps the old until it is done. Threads: references from any.
 */
#ifndef FCGI_GENERATION_H
#define FCGI_GENERATION_H

#include "eas/eas.h"

struct server_config {
	const char *backends, *auth, *module_dir, *domain; /* read by backend/, listed here as known */
	uint64_t login_cache;
	int log;                 /* index into "error warn notice info debug" */
	const char *log_to;
	uint64_t workers, jobs;  /* 0: by the number of cores */
	uint64_t parked_max;     /* 0: by the limit on open files */
	uint64_t io_seconds;     /* SO_RCVTIMEO and SO_SNDTIMEO */
	uint64_t busy_seconds;   /* how long a request may wait for a session */
	uint64_t early_seconds;  /* after which slow answers begin early */
	uint64_t linger_seconds; /* how long a user stays watched after the last phone stopped waiting */
	const char *realm;
	const char *stats;       /* directory that the counters are published in */
};

struct generation {
	struct conf *conf;
	struct server_config server;
	struct eas_config *config;
	struct backends *backends;
	struct eas_server eas;
	unsigned refs;
};

/* Loads and checks all of it. hooks: state, end_parked, nudge, ctx. */
enum err generation_new(const char *path, const struct eas_server *hooks, struct generation **g_r,
	struct error *e) NODISCARD;
struct generation *generation_ref(struct generation *g);
void generation_unref(struct generation **g);
enum log_level generation_level(const struct generation *g);

#endif
