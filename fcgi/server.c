#include "fcgi/server.h"

#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#define RESERVE 128         /* descriptors for ordinary requests, the store and the log */
#define PER_WAITING 1
#define PER_USER 3
#define PHONES_PER_USER 1   /* the careful guess: each user waits with one */

struct generation *
server_generation(struct server *s)
{
	struct generation *g;

	pthread_mutex_lock(&s->lock);
	g = generation_ref(s->generation);
	pthread_mutex_unlock(&s->lock);
	return g;
}

bool
server_reload(struct server *s)
{
	struct generation *fresh = NULL, *old;
	struct error e = { 0 };
	enum err err;

	err = generation_new(s->path, &s->hooks, &fresh, &e);
	if (!err)
		err = state_check(fresh->conf, &e);
	if (!err)
		err = conf_check_unbound(fresh->conf, &e);
	if (err) {
		generation_unref(&fresh);
		log_error(NULL, "the new configuration is not taken, the old one stays: %s", e.text);
		fresh = server_generation(s);
		if (log_open(fresh->server.log_to, generation_level(fresh)) < 0)
			log_error(NULL, "the log %s cannot be opened anew", fresh->server.log_to);
		generation_unref(&fresh);
		return false;
	}
	if (log_open(fresh->server.log_to, generation_level(fresh)) < 0)
		log_error(NULL, "the log %s cannot be opened", fresh->server.log_to);
	eas_config_use(fresh->config);
	backends_on_free(fresh->backends, s->slot_free, s);
	pthread_mutex_lock(&s->lock);
	old = s->generation;
	s->generation = fresh;
	pthread_mutex_unlock(&s->lock);
	generation_unref(&old);
	log_notice(NULL, "configuration read again: %s", s->path);
	return true;
}

uint64_t
server_limits(const struct server_config *c)
{
	struct rlimit lim;
	uint64_t n;

	if (getrlimit(RLIMIT_NOFILE, &lim) == 0 && lim.rlim_cur < lim.rlim_max) {
		lim.rlim_cur = lim.rlim_max;
		setrlimit(RLIMIT_NOFILE, &lim);
	}
	if (c->parked_max)
		return c->parked_max;
	if (getrlimit(RLIMIT_NOFILE, &lim) != 0 || lim.rlim_cur <= RESERVE)
		return 16;
	n = lim.rlim_cur > 1000000 ? 1000000 : lim.rlim_cur;
	return (n - RESERVE) * PHONES_PER_USER / (PER_WAITING * PHONES_PER_USER + PER_USER);
}
