#include "fcgi/generation.h"

#include <stdlib.h>
#include <string.h>

#include "base/count.h"

#define ROW(key_, type_, field, fallback_, min_, max_, doc_) \
	{ .key = (key_), .type = (type_), .offset = offsetof(struct server_config, field), .fallback = (fallback_), \
		.min = (min_), .max = (max_), .doc = (doc_) }

static const struct conf_row rows[] = {
	ROW("backends", CONF_STRING, backends, NULL, 0, 0, "modules, in order: imap caldav carddav local"),
	ROW("auth", CONF_STRING, auth, NULL, 0, 0, "the module that decides who may in; default: the first"),
	ROW("module_dir", CONF_STRING, module_dir, NULL, 0, 0, "where the modules are"),
	ROW("domain", CONF_STRING, domain, NULL, 0, 0, "mail domain of login names without one"),
	ROW("login_cache", CONF_SECONDS, login_cache, "10m", 0, 86400, "how long a good login is remembered"),
	{ .key = "log",
		.type = CONF_CHOICE,
		.offset = offsetof(struct server_config, log),
		.fallback = "notice",
		.choices = "error warn notice info debug",
		.doc = "how much is logged" },
	ROW("log_to", CONF_STRING, log_to, "stderr", 0, 0, "stderr, syslog or a file"),
	ROW("workers", CONF_UINT, workers, "0", 0, 1024, "threads for requests; 0: two per core, at least 4"),
	ROW("jobs", CONF_UINT, jobs, "0", 0, 1024, "threads for watching; 0: as many"),
	ROW("parked", CONF_UINT, parked_max, "0", 0, 1000000,
		"waiting phones; 0: as many as the limit on open files allows"),
	ROW("io_timeout", CONF_SECONDS, io_seconds, "30", 1, 600,
		"for reading a request from nginx and writing the answer"),
	ROW("busy_timeout", CONF_SECONDS, busy_seconds, "30", 1, 600,
		"how long a request waits for a busy backend session"),
	ROW("early_start", CONF_SECONDS, early_seconds, "10", 1, 600,
		"slow answers begin so early for phones that give up without a byte"),
	ROW("linger", CONF_SECONDS, linger_seconds, "90", 1, 3600, "a user stays watched so long between two waits"),
	ROW("stats", CONF_STRING, stats, COUNT_DIR, 0, 0, "directory in which each process publishes its counters"),
	ROW("realm", CONF_STRING, realm, "ActiveSync", 0, 0, "of Basic authentication"),
};

static enum err
load(struct generation *g, const char *path, struct error *e)
{
	enum err err = conf_load(path, &g->conf, e);

	if (!err)
		err = conf_bind(g->conf, "server", rows, ARRAY_LEN(rows), &g->server, e);
	if (!err && !g->server.backends)
		err = err_set(e, ERR_INVALID, "%s:%u: [server] needs backends", path,
			conf_line(g->conf, "server", NULL));
	if (!err && (strpbrk(g->server.realm, "\"\\\r\n")))
		err = err_set(e, ERR_INVALID, "%s:%u: realm must not contain quotes", path,
			conf_line(g->conf, "server", "realm"));
	if (!err)
		err = eas_config_new(g->conf, &g->config, e);
	if (!err)
		err = backends_open(g->conf, &g->backends, e);
	return err;
}

enum err
generation_new(const char *path, const struct eas_server *hooks, struct generation **g_r,
	struct error *e)
{
	struct generation *g = calloc(1, sizeof *g);
	enum err err;

	if (!g)
		return err_set(e, ERR_NOMEM, "out of memory");
	g->refs = 1;
	err = load(g, path, e);
	if (err) {
		generation_unref(&g);
		return err;
	}
	g->eas = *hooks;
	g->eas.config = g->config;
	g->eas.backends = g->backends;
	*g_r = g;
	return ERR_OK;
}

struct generation *
generation_ref(struct generation *g)
{
	__atomic_add_fetch(&g->refs, 1, __ATOMIC_RELAXED);
	return g;
}

void
generation_unref(struct generation **gp)
{
	struct generation *g = *gp;

	*gp = NULL;
	if (!g || __atomic_sub_fetch(&g->refs, 1, __ATOMIC_ACQ_REL) > 0)
		return;
	backends_unref(&g->backends);
	eas_config_free(&g->config);
	conf_unref(&g->conf);
	free(g);
}

enum log_level
generation_level(const struct generation *g)
{
	static const enum log_level levels[] = { LEVEL_ERROR, LEVEL_WARN, LEVEL_NOTICE, LEVEL_INFO, LEVEL_DEBUG };

	return levels[g->server.log];
}
