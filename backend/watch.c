/* Watching: a session of its own per module that owns watched folders, for as long as a device of the user waits. */
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "backend/internal.h"

#define BUSY_AGAIN 1     /* seconds until a watch that found no slot tries again */
#define BUSY_POLL 8      /* .. one that polls: this part of its interval, for others poll the same server */
#define POLL_DEFAULT 60  /* where a module gives neither descriptor nor interval */
#define REFUSED_AGAIN 900

struct watched {
	struct backend_session *session;
	char **folders;          /* keys without the module, sorted as given */
	size_t n;
	struct backend_watch how;
	int64_t deadline;        /* s; 0: none */
	bool down;
	bool said;               /* that it is, in the log */
	bool later;              /* there was no slot to look with: not before the deadline, whatever the descriptor says */
	bool told;               /* the session watches these folders */
	bool missed;             /* something may have happened unseen: all folders are to be looked at */
};

struct watch {
	struct backends *b;      /* a reference */
	struct credentials *who;
	struct watched modules[MODULES_MAX];
	bool refused;            /* a server refused the credentials, here or to an account of watch_account() */
};

static int64_t
now_s(void)
{
	return clock_ms() / 1000;
}

static void
free_folders(struct watched *w)
{
	for (size_t i = 0; i < w->n; i++)
		free(w->folders[i]);
	free(w->folders);
	w->folders = NULL;
	w->n = 0;
}

static void
end_session(struct watch *w, size_t module)
{
	struct watched *m = &w->modules[module];
	const struct backend_ops *ops = w->b->modules[module].ops;

	if (m->session) {
		if (m->told)
			ops->unwatch(m->session);
		ops->logout(&m->session);
	}
	m->told = false;
	m->how = (struct backend_watch){ .fd = -1 };
}

static void
wait_as_told(struct watched *m)
{
	if (m->how.fd < 0 && m->how.poll == 0)
		m->how.poll = POLL_DEFAULT;
	m->deadline = m->how.poll ? now_s() + m->how.poll : 0;
}

/* ---- calls: with a slot of the host for the time of the call ---- */

static enum err
enter(struct watch *w, size_t module, struct error *e)
{
	struct host *h = w->b->modules[module].host;
	enum err err;

	pthread_mutex_lock(&w->b->lock);
	err = host_check(w->b, h, clock_ms(), e);
	if (!err)
		err = host_enter(w->b, h, e);
	pthread_mutex_unlock(&w->b->lock);
	return err;
}

static void
leave(struct watch *w, size_t module)
{
	pthread_mutex_lock(&w->b->lock);
	host_leave(w->b->modules[module].host);
	pthread_mutex_unlock(&w->b->lock);
	pool_tell_free(w->b);
}

static enum err
claim(struct watch *w, size_t module, int64_t *began_r, struct error *e)
{
	enum err err;

	*began_r = clock_ms();
	pthread_mutex_lock(&w->b->lock);
	err = host_claim(w->b, w->b->modules[module].host, *began_r, e);
	pthread_mutex_unlock(&w->b->lock);
	return err;
}

static enum err
result(struct watch *w, size_t module, int64_t began, enum err err)
{
	pthread_mutex_lock(&w->b->lock);
	err = host_result(w->b, w->b->modules[module].host, user_hash(w->who->user), began, clock_ms(), err);
	pthread_mutex_unlock(&w->b->lock);
	return err;
}

static bool
host_down(struct watch *w, size_t module)
{
	bool down;

	pthread_mutex_lock(&w->b->lock);
	down = w->b->modules[module].host->down;
	pthread_mutex_unlock(&w->b->lock);
	return down;
}

/* Logs in where needed and tells the session what to watch. */
static enum err
connect_module(struct watch *w, size_t module, const struct log_ctx *log, struct error *e)
{
	const struct backend_ops *ops = w->b->modules[module].ops;
	struct watched *m = &w->modules[module];
	enum err err = module_refuses(w->b, module, w->who, NULL, e);
	int64_t began;

	if (!err && !m->session)
		err = module_login(w->b, module, w->who, log, &m->session, e);
	if (!err)
		err = claim(w, module, &began, e);
	if (err)
		return err;
	count_one(ops->name, "call", "watch");
	err = ops->watch(m->session, (const char *const *)m->folders, m->n, &m->how, e);
	err = result(w, module, began, err);
	m->told = m->told || !err;
	return err;
}

static enum err
ask(struct watch *w, size_t module, struct arena *a, struct backend_keys *keys_r, struct error *e)
{
	struct watched *m = &w->modules[module];
	struct backend_watch how = { .fd = -1 };
	int64_t began;
	enum err err = claim(w, module, &began, e);

	if (err)
		return err;
	count_one(w->b->modules[module].ops->name, "call", "noticed");
	err = w->b->modules[module].ops->noticed(m->session, a, keys_r, &how, e);
	err = result(w, module, began, err);
	m->how = how;
	return err;
}

/* That a connection ended is no news yet. That there is no new one is, unless it was said of the host, or of the login. */
static void
say_down(struct watch *w, size_t module, enum err err, const struct log_ctx *log, const struct error *e)
{
	struct watched *m = &w->modules[module];
	bool warn = m->down && !m->said && err != ERR_AUTH && !host_down(w, module);

	if (warn || !m->down)
		log_write(warn ? LEVEL_WARN : LEVEL_INFO, log, "%s cannot be watched now: %s", w->b->modules[module].ops->name,
			e && e->text[0] ? e->text : err_name(err));
	m->said = m->said || warn;
	m->down = true;
}

/* What a failed call means for the waiting: later, and then everything has to be looked at. */
static void
failed(struct watch *w, size_t module, enum err err, const struct log_ctx *log, struct error *e)
{
	struct watched *m = &w->modules[module];
	int64_t again = m->how.poll && m->how.poll < w->b->set.probe ? m->how.poll : (int64_t)w->b->set.probe;

	m->later = err == ERR_BUSY;
	if (m->later) {
		m->deadline = now_s() + (m->how.fd < 0 && m->how.poll > BUSY_POLL ? m->how.poll / BUSY_POLL : BUSY_AGAIN);
		return;
	}
	if (err == ERR_AUTH) {
		w->refused = true;
		(void)module_refused(w->b, module, w->who, log, e);
		end_session(w, module);
		again = REFUSED_AGAIN;
	}
	say_down(w, module, err, log, e);
	m->missed = true;
	m->how.fd = -1;
	m->deadline = now_s() + again;
}

static bool
is_due(const struct watched *m, bool polls)
{
	struct pollfd p = { .fd = m->how.fd, .events = POLLIN };

	if (m->n == 0)
		return false;
	if (polls && m->deadline && now_s() >= m->deadline)
		return true;
	return m->how.fd >= 0 && poll(&p, 1, 0) > 0;
}

/* One module: what it noticed into keys_r (without the module's name). */
static void
look(struct watch *w, size_t module, struct arena *a, const struct log_ctx *log, struct backend_keys *keys_r, struct error *e)
{
	struct watched *m = &w->modules[module];
	struct backend_watch how = m->how;
	bool connecting = !m->session || !m->told;
	enum err err = enter(w, module, e);

	keys_r->n = 0;
	if (!err) {
		err = connecting ? connect_module(w, module, log, e) : ask(w, module, a, keys_r, e);
		leave(w, module);
	}
	if (err) {
		if (err == ERR_BUSY || err == ERR_NOMEM)
			m->how = how;
		failed(w, module, err, log, e);
		keys_r->n = 0;
		return;
	}
	if (m->said)
		log_notice(log, "%s is watched again", w->b->modules[module].ops->name);
	m->down = m->said = m->later = false;
	wait_as_told(m);
	if (connecting || m->missed) {
		keys_r->list = (const char **)(void *)m->folders;
		keys_r->n = m->n;
	}
	m->missed = false;
}

/* ---- the door ---- */

static bool
add_folder(struct watched *m, const char *key)
{
	char **grown;

	for (size_t i = 0; i < m->n; i++) {
		if (strcmp(m->folders[i], key) == 0)
			return true;
	}
	grown = realloc(m->folders, (m->n + 1) * sizeof *grown);
	if (!grown)
		return false;
	m->folders = grown;
	grown[m->n] = strdup(key);
	if (!grown[m->n])
		return false;
	m->n++;
	return true;
}

static bool
same_folders(const struct watched *a, const struct watched *b)
{
	bool same = a->n == b->n;

	for (size_t i = 0; same && i < a->n; i++) {
		bool there = false;

		for (size_t k = 0; k < b->n && !there; k++)
			there = strcmp(a->folders[i], b->folders[k]) == 0;
		same = there;
	}
	return same;
}

static void
take_folders(struct watch *w, size_t module, struct watched *lists, const struct log_ctx *log)
{
	struct watched *m = &w->modules[module], *wanted = &lists[module];
	struct backend_keys all;
	struct error e = { 0 };

	if (wanted->n == 0) {
		end_session(w, module);
		free_folders(m);
		m->deadline = 0;
		m->down = m->later = false;
		return;
	}
	if (same_folders(m, wanted) && m->told)
		return;
	free_folders(m);
	m->folders = TAKE(wanted->folders);
	m->n = wanted->n;
	wanted->n = 0;
	/* A session that watches other folders goes on with them until it is told of these. */
	m->told = false;
	look(w, module, NULL, log, &all, &e);
}

static enum err
set_folders(struct watch *w, const char *const *folders, size_t n, const struct log_ctx *log, struct error *e)
{
	struct watched lists[MODULES_MAX] = { 0 };
	enum err err = ERR_OK;

	for (size_t i = 0; !err && i < n; i++) {
		const char *key;
		size_t module;

		/* One of a module that is gone is nobody's to watch. */
		if (account_route(w->b, folders[i], &module, &key, NULL))
			continue;
		if (!add_folder(&lists[module], key))
			err = err_set(e, ERR_NOMEM, "out of memory");
	}
	for (size_t i = 0; i < w->b->n; i++) {
		if (!err)
			take_folders(w, i, lists, log);
		free_folders(&lists[i]);
	}
	return err;
}

enum err
watch_open(struct account *a, const char *const *folders, size_t n, struct watch **w_r, struct error *e)
{
	struct watch *w = calloc(1, sizeof *w);
	enum err err;

	*w_r = NULL;
	if (w)
		w->who = credentials_copy(a->who);
	if (!w || !w->who) {
		free(w);
		return err_set(e, ERR_NOMEM, "out of memory");
	}
	w->b = backends_ref(a->b);
	for (size_t i = 0; i < MODULES_MAX; i++)
		w->modules[i].how.fd = -1;
	count_add(COUNT_WATCHES, 1);
	err = set_folders(w, folders, n, a->log, e);
	if (err)
		watch_close(&w);
	*w_r = w;
	return err;
}

enum err
watch_folders(struct watch *w, const char *const *folders, size_t n, struct error *e)
{
	struct log_ctx log = { .user = w->who->user };

	return set_folders(w, folders, n, &log, e);
}

size_t
watch_waits(const struct watch *w, struct watch_wait *waits, size_t room)
{
	size_t n = 0;

	for (size_t i = 0; i < w->b->n && n < room; i++) {
		const struct watched *m = &w->modules[i];

		if (m->n)
			waits[n++] = (struct watch_wait){ .fd = m->later ? -1 : m->how.fd, .deadline = m->deadline, .down = m->down };
	}
	return n;
}

static enum err
append(struct arena *a, const struct module *m, const struct backend_keys *found, struct backend_keys *all, struct error *e)
{
	const char **list = arena_array(a, all->n + found->n, sizeof *list);

	if (!list)
		return err_set(e, ERR_NOMEM, "out of memory");
	if (all->n)
		memcpy(list, all->list, all->n * sizeof *list);
	for (size_t i = 0; i < found->n; i++) {
		list[all->n + i] = arena_printf(a, "%s:%s", m->ops->name, found->list[i]);
		if (!list[all->n + i])
			return err_set(e, ERR_NOMEM, "out of memory");
	}
	all->list = list;
	all->n += found->n;
	return ERR_OK;
}

enum err
watch_noticed(struct watch *w, bool polls, struct arena *arena, struct backend_keys *folders_r, struct error *e)
{
	struct log_ctx log = { .user = w->who->user };
	enum err err = ERR_OK;

	memset(folders_r, 0, sizeof *folders_r);
	for (size_t i = 0; i < w->b->n; i++) {
		struct backend_keys found = { 0 };
		struct error why = { 0 };
		enum err one;

		if (!is_due(&w->modules[i], polls))
			continue;
		look(w, i, arena, &log, &found, &why);
		one = append(arena, &w->b->modules[i], &found, folders_r, e);
		if (one) {
			w->modules[i].missed = true; /* what was found and cannot be told is found again */
			w->modules[i].deadline = now_s() + BUSY_AGAIN;
			err = one;
		}
	}
	return err;
}

enum err
watch_account(struct watch *w, const struct log_ctx *log, struct account **a_r, struct error *e)
{
	*a_r = account_new(w->b, w->who, log);
	if (!*a_r)
		return err_set(e, ERR_NOMEM, "out of memory");
	(*a_r)->refused = &w->refused;
	return ERR_OK;
}

bool
watch_uses(const struct watch *w, const struct backends *b)
{
	return w->b == b;
}

bool
watch_outdated(const struct watch *w, const char *password)
{
	return w->refused && strcmp(w->who->password, password) != 0;
}

void
watch_close(struct watch **wp)
{
	struct watch *w = *wp;

	*wp = NULL;
	if (!w)
		return;
	for (size_t i = 0; i < w->b->n; i++) {
		end_session(w, i);
		free_folders(&w->modules[i]);
	}
	count_sub(COUNT_WATCHES, 1);
	credentials_free(&w->who);
	backends_unref(&w->b);
	free(w);
}
