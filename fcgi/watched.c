#include "fcgi/watched.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "fcgi/basic.h"
#include "fcgi/server.h"

#define ARENA_MAX (8u << 20)

/* After how many seconds it is looked again, where that was not possible: */
#define AGAIN_BUSY 1    /* no session, no slot, no memory */
#define AGAIN_OUTDATED 1 /* with another password */
#define AGAIN_FAILED 15 /* a server or the store is down */
#define AGAIN_BROKEN 60 /* anything else, which is likely to happen again */

/* ---- the job ---- */

struct watch_job *
watch_job_new(struct hub *hub, struct watched *u)
{
	struct watch_job *job = calloc(1, sizeof *job + u->n_parked * sizeof job->wishes[0]);
	struct request *r;
	bool whole = true;

	if (!job)
		return NULL;
	job->hub = hub;
	job->user = u;
	TAILQ_FOREACH(r, &u->parked, link)
	{
		struct watch_wish *w = &job->wishes[job->n++];

		w->park = eas_park_ref(r->park);
		w->password = strdup(r->password);
		whole = whole && w->password;
	}
	if (!whole)
		watch_job_free(&job);
	return job;
}

void
watch_job_free(struct watch_job **jp)
{
	struct watch_job *job = *jp;

	*jp = NULL;
	if (!job)
		return;
	for (size_t i = 0; i < job->n; i++) {
		eas_park_unref(&job->wishes[i].park);
		basic_free(&job->wishes[i].password);
	}
	generation_unref(&job->was);
	free(job);
}

/* ---- which folders ---- */

struct keys {
	const char **list;
	size_t n;
};

static int
by_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* All folders that some parked request of the user waits for, each once. */
static bool
collect(struct arena *a, const struct watch_job *job, struct keys *keys_r)
{
	size_t room = 0, n = 0;
	const char **list;

	for (size_t i = 0; i < job->n; i++)
		room += job->wishes[i].park->n;
	list = arena_array(a, room + 1, sizeof *list);
	if (!list)
		return false;
	for (size_t i = 0; i < job->n; i++) {
		for (size_t k = 0; k < job->wishes[i].park->n; k++)
			list[n++] = job->wishes[i].park->folders[k].key;
	}
	qsort(list, n, sizeof *list, by_text);
	keys_r->list = list;
	keys_r->n = 0;
	for (size_t i = 0; i < n; i++) {
		if (i == 0 || strcmp(list[i], list[i - 1]) != 0)
			list[keys_r->n++] = list[i];
	}
	return true;
}

static uint64_t
hash_keys(const struct keys *keys)
{
	uint64_t h = HASH_START;

	for (size_t i = 0; i < keys->n; i++)
		h = hash_text(h, keys->list[i]);
	return h;
}

/* ---- the watch ---- */

static enum err
open_with(struct watch_job *job, const char *password, const struct keys *keys, const struct log_ctx *log, struct error *e)
{
	struct backend_login who = { .user = job->user->user, .password = password, .log = log };
	struct account *account = NULL;
	enum err err = account_login(job->user->generation->backends, &who, &account, e);

	if (!err)
		err = watch_open(account, keys->list, keys->n, &job->user->watch, e);
	account_release(&account);
	return err;
}

/* A request may wait longer than its password is good for: the newest one that is not refused. */
static enum err
open_watch(struct watch_job *job, const struct keys *keys, const struct log_ctx *log, struct error *e)
{
	enum err err = ERR_AUTH;

	for (size_t i = job->n; err == ERR_AUTH && i-- > 0;)
		err = open_with(job, job->wishes[i].password, keys, log, e);
	return err;
}

/* The configuration was read again since the watch was opened; or its password is of no use any more, and somebody
 * waits with another. */
static bool
is_outdated(const struct watch_job *job)
{
	const struct watch *w = job->user->watch;
	bool outdated = w && !watch_uses(w, job->user->generation->backends);

	for (size_t i = 0; w && !outdated && i < job->n; i++)
		outdated = watch_outdated(w, job->wishes[i].password);
	return outdated;
}

/* Opens the watch, or gives it the folders that are waited for now; after either, anything may have changed unseen. */
static void
tend(struct watch_job *job, const struct keys *keys, const struct log_ctx *log)
{
	struct watched *u = job->user;
	struct error e = { 0 };
	uint64_t hash = hash_keys(keys);
	enum err err;

	if (is_outdated(job))
		watch_close(&u->watch);
	if (keys->n == 0 || (u->watch && u->folders == hash))
		return;
	err = u->watch ? watch_folders(u->watch, keys->list, keys->n, &e) : open_watch(job, keys, log, &e);
	if (err && err != ERR_BUSY)
		log_warn(log, "the backends cannot be watched now: %s", e.text);
	if (err)
		return;
	u->folders = hash;
	u->opened_anew = true;
}

static void
look_again(struct watch_job *job, int64_t seconds)
{
	if (!job->again_in || seconds < job->again_in)
		job->again_in = seconds;
}

/* A watch tells of a change once: what cannot be looked at now is kept for later. */
static void
miss(struct watch_job *job, const char *key, enum err why)
{
	struct watched *u = job->user;
	size_t n = strlen(key) + 1;
	struct missed *m;

	look_again(job, why == ERR_BUSY ? AGAIN_BUSY : why == ERR_UNAVAILABLE ? AGAIN_FAILED : AGAIN_BROKEN);
	SLIST_FOREACH(m, &u->missed, link)
	{
		if (strcmp(m->key, key) == 0)
			return;
	}
	m = malloc(sizeof *m + n);
	if (!m) {
		u->opened_anew = true; /* it is found by looking at all */
		return;
	}
	memcpy(m->key, key, n);
	SLIST_INSERT_HEAD(&u->missed, m, link);
}

void
missed_free(struct missed_list *missed)
{
	struct missed *m;

	while ((m = SLIST_FIRST(missed)) != NULL) {
		SLIST_REMOVE_HEAD(missed, link);
		free(m);
	}
}

static void
refresh(struct watch_job *job, struct account *account, const char *key, const struct log_ctx *log)
{
	struct error e = { 0 };
	enum err err = eas_refresh(&job->user->generation->eas, account, key, log, &e);

	if (err && err != ERR_NOFOLDER)
		miss(job, key, err);
	if (err && err != ERR_BUSY)
		log_debug(log, "%s was not looked at: %s", key, e.text);
}

/* Where nobody waits, that is left to the next who does. */
static bool
look_at_all(const struct watched *u, const struct keys *keys)
{
	return u->opened_anew && keys->n > 0;
}

/* All that is waited for where anything may have happened; else what was noticed, now or earlier. */
static void
refresh_each(struct watch_job *job, struct account *account, const struct keys *keys, const struct backend_keys *noticed,
	const struct log_ctx *log)
{
	struct watched *u = job->user;
	struct missed_list missed = u->missed;
	struct missed *m;

	SLIST_INIT(&u->missed);
	if (look_at_all(u, keys)) {
		u->opened_anew = false;
		for (size_t i = 0; i < keys->n; i++)
			refresh(job, account, keys->list[i], log);
	} else {
		for (size_t i = 0; i < noticed->n; i++)
			refresh(job, account, noticed->list[i], log);
		SLIST_FOREACH(m, &missed, link)
			refresh(job, account, m->key, log);
	}
	missed_free(&missed);
}

static void
look(struct watch_job *job, struct arena *a, const struct keys *keys, const struct log_ctx *log)
{
	struct watched *u = job->user;
	struct backend_keys noticed = { 0 };
	struct account *account = NULL;
	struct error e = { 0 };

	if ((job->look || job->poll) && watch_noticed(u->watch, job->poll, a, &noticed, &e))
		log_debug(log, "watch: %s", e.text);
	if (!look_at_all(u, keys) && noticed.n == 0 && SLIST_EMPTY(&u->missed) && !job->hierarchy)
		return;
	job->ask = true;
	if (watch_account(u->watch, log, &account, &e)) {
		u->opened_anew = true;
		look_again(job, AGAIN_BUSY);
		return;
	}
	refresh_each(job, account, keys, &noticed, log);
	if (job->hierarchy) {
		job->hierarchy = eas_refresh_folders(&u->generation->eas, account, log, &e) != ERR_OK;
		if (job->hierarchy)
			log_debug(log, "not all folders are known: %s", e.text);
	}
	account_release(&account);
}

/* Where the store cannot say, it is asked again. */
static void
ask(struct watch_job *job, struct watch_wish *w, const struct eas_server *server)
{
	struct log_ctx log = { .user = w->park->user, .device = w->park->device_id,
		.command = w->park->query.command_name };

	w->due = eas_due(server, w->park, &log);
	if (w->due == EAS_DUE_UNKNOWN) {
		w->due = INT64_MAX;
		job->unasked = true;
		look_again(job, AGAIN_FAILED);
	}
}

static void
work(struct watch_job *job)
{
	struct watched *u = job->user;
	struct log_ctx log = { .user = u->user };
	struct arena *a = arena_new(ARENA_MAX);
	struct keys keys;

	if (!a || !collect(a, job, &keys)) {
		look_again(job, AGAIN_BUSY);
		arena_free(&a);
		return;
	}
	tend(job, &keys, &log);
	if (u->watch)
		look(job, a, &keys, &log);
	if (is_outdated(job))
		look_again(job, AGAIN_OUTDATED);
	for (size_t i = 0; job->ask && i < job->n; i++)
		ask(job, &job->wishes[i], &u->generation->eas);
	u->n_waits = u->watch ? watch_waits(u->watch, u->waits, WATCH_WAITS) : 0;
	arena_free(&a);
}

void
watched_work(void *arg)
{
	struct watch_job *job = arg;

	if (job->close)
		watch_close(&job->user->watch);
	else
		work(job);
	generation_unref(&job->was);
	hub_job_done(job->hub, job);
}
