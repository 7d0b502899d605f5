/* Finds modules by name and opens them; the set of them is what the rest of this directory works with. */
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backend/internal.h"
#include "base/text.h"

/* Modules stay loaded until the process ends: sessions of an earlier configuration may still run their code. */
static struct {
	pthread_mutex_t lock;
	const struct backend_ops *builtin[MODULES_MAX];
	const struct backend_ops *loaded[MODULES_MAX * 2];
	size_t n_builtin, n_loaded;
} known = { .lock = PTHREAD_MUTEX_INITIALIZER };

void
backends_register_builtin(const struct backend_ops *ops)
{
	pthread_mutex_lock(&known.lock);
	for (size_t i = 0; i < known.n_builtin; i++) {
		if (strcmp(known.builtin[i]->name, ops->name) == 0) {
			known.builtin[i] = ops;
			ops = NULL;
			break;
		}
	}
	if (ops && known.n_builtin < ARRAY_LEN(known.builtin))
		known.builtin[known.n_builtin++] = ops;
	pthread_mutex_unlock(&known.lock);
}

static const struct backend_ops *
find_known(const char *name)
{
	for (size_t i = 0; i < known.n_builtin; i++) {
		if (strcmp(known.builtin[i]->name, name) == 0)
			return known.builtin[i];
	}
	for (size_t i = 0; i < known.n_loaded; i++) {
		if (strcmp(known.loaded[i]->name, name) == 0)
			return known.loaded[i];
	}
	return NULL;
}

static enum err
check_table(const char *path, const char *name, const struct backend_ops *ops, struct error *e)
{
	if (ops->abi != BACKEND_ABI)
		return err_set(e, ERR_INVALID, "%s was built for another cpush: its interface is %u, ours %u", path, ops->abi, BACKEND_ABI);
	if (!ops->name || strcmp(ops->name, name) != 0)
		return err_set(e, ERR_INVALID, "%s calls itself %s", path, ops->name ? ops->name : "nothing");
	if (!ops->open || !ops->close || !ops->host || !ops->login || !ops->logout || !ops->folders || !ops->changes || !ops->fetch ||
		!ops->put || !ops->remove || !ops->watch || !ops->noticed || !ops->unwatch)
		return err_set(e, ERR_INVALID, "%s lacks an operation that every module must have", path);
	return ERR_OK;
}

static enum err
load(const char *dir, const char *name, const struct backend_ops **ops_r, struct error *e)
{
	AUTO(arena_free) struct arena *a = arena_new(0);
	char *path = a ? arena_printf(a, "%s/%s.so", dir, name) : NULL;
	void *handle;
	enum err err;

	if (!path)
		return err_set(e, ERR_NOMEM, "out of memory");
	if (known.n_loaded == ARRAY_LEN(known.loaded))
		return err_set(e, ERR_LIMIT, "too many modules");
	if (access(path, R_OK) < 0)
		return err_set(e, ERR_NOTFOUND, "there is no module %s in %s", name, dir);
	handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	if (!handle)
		return err_set(e, ERR_INVALID, "%s", dlerror());
	*ops_r = dlsym(handle, BACKEND_SYMBOL);
	if (!*ops_r)
		err = err_set(e, ERR_INVALID, "%s is no module of cpush: it has no %s", path, BACKEND_SYMBOL);
	else
		err = check_table(path, name, *ops_r, e);
	if (err) {
		dlclose(handle);
		return err;
	}
	known.loaded[known.n_loaded++] = *ops_r;
	return ERR_OK;
}

enum err
registry_find(const char *dir, const char *name, const struct backend_ops **ops_r, struct error *e)
{
	enum err err = ERR_OK;

	if (strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_-") != strlen(name))
		return err_set(e, ERR_INVALID, "%s is no name of a module", name);
	pthread_mutex_lock(&known.lock);
	*ops_r = find_known(name);
	if (!*ops_r)
		err = load(dir, name, ops_r, e);
	pthread_mutex_unlock(&known.lock);
	return err;
}

/* ---- the set ---- */

#define ROW(field, type_, fallback_, min_, max_, doc_) \
	{ .key = #field, .type = (type_), .offset = offsetof(struct settings, field), .fallback = (fallback_), .min = (min_), .max = (max_), \
		.doc = (doc_) }

static const struct conf_row rows[] = {
	ROW(user_sessions, CONF_UINT, "4", 1, 64, "logins of one user at one module"),
	ROW(host_calls, CONF_UINT, "0", 0, 1024, "requests that may work with one server at once; 0: half of the workers, at least 3"),
	ROW(breaker, CONF_UINT, "2", 0, 100, "failures in a row after which a server is down; 0: never"),
	ROW(probe, CONF_SECONDS, "15", 1, 3600, "how often a server that is down is tried"),
	ROW(idle, CONF_SECONDS, "60", 1, 3600, "an unused login is closed after"),
	ROW(login_tries, CONF_UINT, "10", 1, 1000, "refused logins of one user that are passed on per minute"),
	ROW(refused_first, CONF_SECONDS, "60", 1, 3600, "a refused password is not passed on again for; doubles each time"),
	ROW(refused_most, CONF_SECONDS, "15m", 1, 86400, "the most that becomes"),
};

/* A key of [server], which fcgi binds and has checked: "90", "90s", "15m", "12h", "2d". */
static uint64_t
server_seconds(const struct conf *conf, const char *key, uint64_t fallback)
{
	static const struct {
		char suffix;
		unsigned factor;
	} units[] = { { 's', 1 }, { 'm', 60 }, { 'h', 3600 }, { 'd', 86400 } };
	const char *value = conf_get(conf, "server", key);
	size_t n = value ? strlen(value) : 0;
	unsigned factor = 1;
	char digits[16];
	uint64_t v;

	for (size_t i = 0; n && i < ARRAY_LEN(units); i++) {
		if (value[n - 1] == units[i].suffix) {
			factor = units[i].factor;
			n--;
			break;
		}
	}
	if (n == 0 || n >= sizeof digits)
		return fallback;
	memcpy(digits, value, n);
	digits[n] = 0;
	return text_to_u64(digits, &v) ? v * factor : fallback;
}

/* As fcgi counts its workers, if it is not told. */
static uint64_t
default_calls(const struct conf *conf)
{
	const char *value = conf_get(conf, "server", "workers");
	long cores = sysconf(_SC_NPROCESSORS_ONLN);
	uint64_t workers = 0;

	if (!value || !text_to_u64(value, &workers) || workers == 0)
		workers = cores > 2 ? 2 * (uint64_t)cores : 4;
	return workers / 2 > 3 ? workers / 2 : 3;
}

static struct host *
share_host(struct backends *b, const char *name)
{
	for (size_t i = 0; i < b->n_hosts; i++) {
		if (strcmp(b->hosts[i].name, name) == 0)
			return &b->hosts[i];
	}
	b->hosts[b->n_hosts].name = name;
	return &b->hosts[b->n_hosts++];
}

static enum err
open_module(struct backends *b, const char *name, struct error *e)
{
	const char *dir = conf_get(b->conf, "server", "module_dir");
	struct module *m = &b->modules[b->n];
	const char *host, *send_host;
	enum err err;

	for (size_t i = 0; i < b->n; i++) {
		if (strcmp(b->modules[i].ops->name, name) == 0)
			return err_set(e, ERR_INVALID, "module %s is named twice", name);
	}
	if (b->n == MODULES_MAX)
		return err_set(e, ERR_LIMIT, "at most %d modules", MODULES_MAX);
	err = registry_find(dir ? dir : CPUSH_MODULE_DIR, name, &m->ops, e);
	if (!err)
		err = m->ops->open(b->conf, &m->backend, e);
	if (err)
		return err;
	host = m->ops->host(m->backend);
	m->host = share_host(b, host ? host : name);
	send_host = m->ops->send_host ? m->ops->send_host(m->backend) : NULL;
	m->send_host = send_host ? share_host(b, send_host) : m->host;
	b->n++;
	return ERR_OK;
}

static enum err
open_modules(struct backends *b, struct error *e)
{
	AUTO(arena_free) struct arena *a = arena_new(0);
	const char *names = conf_get(b->conf, "server", "backends");
	enum err err = ERR_OK;

	while (a && !err && names && *names) {
		size_t n = strcspn(names, " \t,");

		if (n) {
			char *name = arena_strndup(a, names, n);

			err = name ? open_module(b, name, e) : err_set(e, ERR_NOMEM, "out of memory");
		}
		names += n + (names[n] != 0);
	}
	if (!a)
		return err_set(e, ERR_NOMEM, "out of memory");
	if (!err && b->n == 0)
		err = err_set(e, ERR_INVALID, "%s: [server] backends names no module", conf_name(b->conf));
	return err;
}

static enum err
find_auth(struct backends *b, struct error *e)
{
	const char *auth = conf_get(b->conf, "server", "auth");

	b->auth = 0;
	if (!auth)
		return ERR_OK;
	while (b->auth < b->n && strcmp(b->modules[b->auth].ops->name, auth) != 0)
		b->auth++;
	if (b->auth == b->n)
		return err_set(e, ERR_INVALID, "%s:%u: auth = %s is none of the backends", conf_name(b->conf),
			conf_line(b->conf, "server", "auth"), auth);
	return ERR_OK;
}

static enum err
fill(struct backends *b, struct error *e)
{
	enum err err = conf_bind(b->conf, "backends", rows, ARRAY_LEN(rows), &b->set, e);

	if (err)
		return err;
	if (b->set.host_calls == 0)
		b->set.host_calls = default_calls(b->conf);
	b->set.login_cache = server_seconds(b->conf, "login_cache", 600);
	b->domain = conf_get(b->conf, "server", "domain");
	b->remember = remember_new(&b->set);
	if (!b->remember)
		return err_set(e, ERR_NOMEM, "out of memory");
	err = open_modules(b, e);
	return err ? err : find_auth(b, e);
}

enum err
backends_open(struct conf *conf, struct backends **b_r, struct error *e)
{
	struct backends *b = calloc(1, sizeof *b);
	enum err err;

	*b_r = NULL;
	if (!b)
		return err_set(e, ERR_NOMEM, "out of memory");
	b->refs = 1;
	b->conf = conf_ref(conf);
	pthread_mutex_init(&b->lock, NULL);
	err = fill(b, e);
	if (err)
		backends_unref(&b);
	*b_r = b;
	return err;
}

struct backends *
backends_ref(struct backends *b)
{
	__atomic_add_fetch(&b->refs, 1, __ATOMIC_RELAXED);
	return b;
}

static void
free_users(struct backends *b)
{
	for (size_t i = 0; i < USER_BUCKETS; i++) {
		struct pool_user *u;

		while ((u = b->users[i]) != NULL) {
			b->users[i] = u->next;
			pool_logout(b, &u->sessions);
			free(u);
		}
	}
}

void
backends_unref(struct backends **bp)
{
	struct backends *b = *bp;

	*bp = NULL;
	if (!b || __atomic_sub_fetch(&b->refs, 1, __ATOMIC_ACQ_REL) > 0)
		return;
	free_users(b);
	for (size_t i = 0; i < b->n; i++)
		b->modules[i].ops->close(&b->modules[i].backend);
	remember_free(&b->remember);
	conf_unref(&b->conf);
	pthread_mutex_destroy(&b->lock);
	free(b);
}

void
backends_on_free(struct backends *b, account_free_fn fn, void *ctx)
{
	pthread_mutex_lock(&b->lock);
	b->on_free = fn;
	b->on_free_ctx = ctx;
	pthread_mutex_unlock(&b->lock);
}

unsigned
backends_classes(const struct backends *b)
{
	unsigned classes = 0;

	for (size_t i = 0; i < b->n; i++)
		classes |= b->modules[i].ops->classes;
	return classes;
}
