#include "fcgi/hub.h"

#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/count.h"
#include "base/hash.h"
#include "fcgi/early.h"
#include "fcgi/server.h"
#include "fcgi/timers.h"
#include "fcgi/watched.h"

#define BUCKETS 1024
#define FOLDERS_EVERY 300  /* seconds between looks at the hierarchy of a watched user */
#define FOLDERS_AGAIN 60   /* .. where a server could not say what it has */
#define RETRY_AFTER 15     /* seconds after which a watch that could not be opened is tried again */
#define TIDY_EVERY 20
#define TIDY_PASSES 20 /* of the store's housekeeping at a time; the rest next time */
#define STOP_SECONDS 10

enum message_kind { MESSAGE_PARK, MESSAGE_END, MESSAGE_NUDGE, MESSAGE_BUSY, MESSAGE_FREE, MESSAGE_JOB, MESSAGE_TIDIED,
	MESSAGE_RELOADED };

struct message {
	enum message_kind kind;
	struct request *request;
	struct watch_job *job;
	char *user, *device;
	unsigned kinds;
	enum eas_wake why;
	STAILQ_ENTRY(message) link;
};
STAILQ_HEAD(inbox, message);

LIST_HEAD(device_list, request);
LIST_HEAD(watched_list, watched);

struct hub {
	struct server *server;
	int epoll, signals, bell;
	pthread_mutex_t lock; /* of the inbox and n_busy */
	struct inbox inbox;
	bool slot_told;       /* a MESSAGE_FREE is in the inbox already */
	uint64_t n_busy;
	/* the thread's own */
	struct timers timers;
	struct device_list devices[BUCKETS];
	unsigned ended[BUCKETS][2]; /* how often what waits of a device in there was ended: Pings, Syncs */
	struct watched_list users[BUCKETS];
	struct request_queue busy;
	size_t polls;         /* jobs that poll, queued or at it */
	int64_t tidy_at, busy_at;
	bool tidying;
};

static int64_t
now_s(void)
{
	return monotonic_ms() / 1000;
}

static struct device_list *
device_bucket(struct hub *h, const char *user, const char *device)
{
	return &h->devices[hash_text(hash_text(HASH_START, user), device) % BUCKETS];
}

static unsigned *
ended(struct hub *h, const char *user, const char *device, enum eas_wait_kind kind)
{
	return &h->ended[device_bucket(h, user, device) - h->devices][kind == EAS_WAIT_SYNC];
}

static struct watched_list *
user_bucket(struct hub *h, const char *user)
{
	return &h->users[hash_text(HASH_START, user) % BUCKETS];
}

/* ---- the inbox ---- */

static void
post(struct hub *h, struct message *m)
{
	uint64_t one = 1;

	pthread_mutex_lock(&h->lock);
	STAILQ_INSERT_TAIL(&h->inbox, m, link);
	pthread_mutex_unlock(&h->lock);
	while (write(h->bell, &one, sizeof one) < 0 && errno == EINTR)
		;
}

static struct message *
message_new(enum message_kind kind)
{
	struct message *m = calloc(1, sizeof *m);

	if (!m)
		abort(); /* less than 100 bytes: nothing can go on without them */
	m->kind = kind;
	return m;
}

static void
message_free(struct message *m)
{
	free(m->user);
	free(m->device);
	free(m);
}

void
hub_park(struct hub *h, struct request *r)
{
	struct message *m = message_new(MESSAGE_PARK);

	m->request = r;
	count_add(COUNT_PARKED, 1);
	count_add(COUNT_PARKS, 1);
	post(h, m);
}

void
hub_end(struct hub *h, const char *user, const char *device_id, unsigned kinds, enum eas_wake why)
{
	struct message *m = message_new(MESSAGE_END);

	m->user = strdup(user);
	m->device = strdup(device_id);
	m->kinds = kinds;
	m->why = why;
	post(h, m);
}

void
hub_nudge(struct hub *h, const char *user)
{
	struct message *m = message_new(MESSAGE_NUDGE);

	m->user = strdup(user);
	post(h, m);
}

void
hub_busy(struct hub *h, struct request *r)
{
	struct message *m = message_new(MESSAGE_BUSY);

	m->request = r;
	post(h, m);
}

void
hub_free_slot(struct hub *h)
{
	bool tell;

	pthread_mutex_lock(&h->lock);
	tell = !h->slot_told && h->n_busy > 0;
	h->slot_told = h->slot_told || tell;
	pthread_mutex_unlock(&h->lock);
	if (tell)
		post(h, message_new(MESSAGE_FREE));
}

void
hub_job_done(struct hub *h, struct watch_job *job)
{
	struct message *m = message_new(MESSAGE_JOB);

	m->job = job;
	post(h, m);
}

/* ---- parked requests ---- */

static void
leave(struct hub *h, struct request *r)
{
	struct watched *u = r->watched;

	timers_remove(&h->timers, r);
	LIST_REMOVE(r, device_link);
	TAILQ_REMOVE(&u->parked, r, link);
	u->n_parked--;
	if (u->n_parked == 0)
		u->idle_since = now_s();
	r->watched = NULL;
	count_sub(COUNT_PARKED, 1);
}

static void
drop(struct hub *h, struct request *r)
{
	epoll_ctl(h->epoll, EPOLL_CTL_DEL, request_fd(r), NULL);
	leave(h, r);
	count_add(COUNT_HUNG_UP, 1);
	log_debug(&r->eas.log, "the phone hung up");
	request_drop(&r);
}

static void
wake(struct hub *h, struct request *r, enum eas_wake why)
{
	epoll_ctl(h->epoll, EPOLL_CTL_DEL, request_fd(r), NULL);
	leave(h, r);
	count_add(COUNT_WOKEN, 1);
	r->wake = why;
	r->resume = true;
	r->ended = *ended(h, r->user, r->park->device_id, r->park->kind);
	__atomic_add_fetch(&h->server->running, 1, __ATOMIC_ACQ_REL);
	queue_push(&h->server->ready, r);
}

static void
set_due(struct hub *h, struct request *r, int64_t due)
{
	r->due = due < r->park->deadline ? due : r->park->deadline;
	if (!timers_set(&h->timers, r))
		wake(h, r, EAS_WAKE_DEADLINE); /* no memory for a timer: better early than never */
}

/* ---- watched users ---- */

static struct watched *
find_user(struct hub *h, const char *user)
{
	struct watched *u;

	LIST_FOREACH(u, user_bucket(h, user), link)
	{
		if (strcmp(u->user, user) == 0)
			return u;
	}
	return NULL;
}

static struct watched *
add_user(struct hub *h, const char *user)
{
	struct watched *u = calloc(1, sizeof *u);

	if (!u || !(u->user = strdup(user))) {
		free(u);
		return NULL;
	}
	TAILQ_INIT(&u->parked);
	SLIST_INIT(&u->missed);
	u->generation = server_generation(h->server);
	u->look_at = 0;
	u->folders_at = now_s() + FOLDERS_EVERY;
	for (size_t i = 0; i < WATCH_WAITS; i++)
		u->fds[i] = -1;
	LIST_INSERT_HEAD(user_bucket(h, user), u, link);
	count_add(COUNT_WATCHED, 1);
	return u;
}

static void
unwatch_fds(struct hub *h, struct watched *u)
{
	for (size_t i = 0; i < WATCH_WAITS; i++) {
		if (u->fds[i] >= 0)
			epoll_ctl(h->epoll, EPOLL_CTL_DEL, u->fds[i], NULL);
		u->fds[i] = -1;
	}
}

static void
free_user(struct hub *h, struct watched *u)
{
	unwatch_fds(h, u);
	LIST_REMOVE(u, link);
	generation_unref(&u->generation);
	missed_free(&u->missed);
	free(u->user);
	free(u);
	count_sub(COUNT_WATCHED, 1);
}

/* Descriptors are told apart from requests by the lowest bit of the pointer. */
#define AS_USER(u) ((void *)((uintptr_t)(u) | 1))
#define IS_USER(p) ((uintptr_t)(p) & 1)
#define TO_USER(p) ((struct watched *)((uintptr_t)(p) & ~(uintptr_t)1))

static void
watch_fds(struct hub *h, struct watched *u)
{
	u->look_at = u->watch ? INT64_MAX : now_s() + RETRY_AFTER;
	for (size_t i = 0; i < u->n_waits; i++) {
		struct epoll_event ev = { .events = EPOLLIN | EPOLLONESHOT, .data.ptr = AS_USER(u) };

		if (u->waits[i].deadline && u->waits[i].deadline < u->look_at)
			u->look_at = u->waits[i].deadline;
		if (u->waits[i].fd >= 0 && epoll_ctl(h->epoll, EPOLL_CTL_ADD, u->waits[i].fd, &ev) == 0)
			u->fds[i] = u->waits[i].fd;
	}
}

/* The configuration that holds now. The job drops the one before: its end may log sessions out. */
static void
take_generation(struct hub *h, struct watched *u, struct watch_job *job)
{
	job->was = u->generation;
	u->generation = server_generation(h->server);
}

enum job_kind {
	JOB_ASK,   /* what is due, for somebody waits anew or another request changed something */
	JOB_LOOK,  /* at the backends: something was noticed */
	JOB_POLL,  /* .. it is time to */
	JOB_CLOSE, /* stop watching */
};

/* Lends the user's watch to a job. Until that is done his descriptors are not heard. */
static void
start_job(struct hub *h, struct watched *u, enum job_kind kind)
{
	struct watch_job *job;

	if (h->server->stopping)
		return;
	u->ask |= kind == JOB_ASK;
	if (u->working) {
		u->again = true;
		return;
	}
	job = watch_job_new(h, u);
	if (!job) {
		u->look_at = now_s() + RETRY_AFTER;
		return;
	}
	job->look = kind == JOB_LOOK;
	job->poll = kind == JOB_POLL;
	h->polls += job->poll;
	job->ask = u->ask;
	job->close = kind == JOB_CLOSE;
	take_generation(h, u, job);
	job->hierarchy = now_s() >= u->folders_at;
	if (job->hierarchy)
		u->folders_at = now_s() + FOLDERS_EVERY;
	u->working = true;
	u->again = u->ask = false;
	unwatch_fds(h, u);
	if (!jobs_add(h->server->jobs, watched_work, job))
		hub_job_done(h, job);
}

/* Those that still wait of whom the job was asked: they stand in the same order, and newer ones behind them. */
static void
heed(struct hub *h, const struct watch_job *job)
{
	struct request *r = TAILQ_FIRST(&job->user->parked);

	for (size_t i = 0; job->ask && r && i < job->n; i++) {
		struct request *after = TAILQ_NEXT(r, link);

		if (r->park != job->wishes[i].park)
			continue;
		if (job->wishes[i].due <= now_s())
			wake(h, r, EAS_WAKE_CHANGE);
		else
			set_due(h, r, job->wishes[i].due);
		r = after;
	}
}

static void
job_done(struct hub *h, struct watch_job *job)
{
	struct watched *u = job->user;

	u->working = false;
	u->ask |= job->unasked;
	h->polls -= job->poll;
	heed(h, job);
	if (job->close && !u->watch && u->n_parked == 0) {
		free_user(h, u);
	} else {
		watch_fds(h, u);
		if (job->again_in && u->look_at > now_s() + job->again_in)
			u->look_at = now_s() + job->again_in;
		if (job->hierarchy)
			u->folders_at = now_s() + FOLDERS_AGAIN;
		if (u->again)
			start_job(h, u, JOB_LOOK);
	}
	watch_job_free(&job);
}

/* ---- messages ---- */

static void
take_park(struct hub *h, struct request *r)
{
	struct watched *u = find_user(h, r->user);
	struct epoll_event ev = { .events = EPOLLRDHUP | EPOLLIN, .data.ptr = r };

	if (!u)
		u = add_user(h, r->user);
	if (!u || epoll_ctl(h->epoll, EPOLL_CTL_ADD, request_fd(r), &ev) < 0) {
		log_error(&r->eas.log, "cannot wait: %s", u ? strerror(errno) : "out of memory");
		count_sub(COUNT_PARKED, 1);
		request_drop(&r);
		return;
	}
	log_debug(&r->eas.log, r->resume ? "goes on waiting" : "waits");
	r->watched = u;
	TAILQ_INSERT_TAIL(&u->parked, r, link);
	u->n_parked++;
	u->idle_since = 0;
	LIST_INSERT_HEAD(device_bucket(h, r->user, r->park->device_id), r, device_link);
	set_due(h, r, INT64_MAX);
	if (!r->watched)
		return; /* answered already */
	/* Woken for nothing, and then ended while a worker had it: another device of the bucket may have been meant, whose
	 * phone asks again. */
	if (r->resume && r->ended != *ended(h, r->user, r->park->device_id, r->park->kind))
		wake(h, r, EAS_WAKE_SUPERSEDED);
	else if (__atomic_load_n(&h->server->stopping, __ATOMIC_ACQUIRE))
		wake(h, r, EAS_WAKE_SHUTDOWN);
	else
		start_job(h, u, JOB_ASK);
}

static void
take_end(struct hub *h, const struct message *m)
{
	struct request *r, *after;

	for (unsigned kind = EAS_WAIT_PING; kind <= EAS_WAIT_SYNC; kind <<= 1) {
		if (m->kinds & kind)
			++*ended(h, m->user, m->device, kind);
	}
	for (r = LIST_FIRST(device_bucket(h, m->user, m->device)); r; r = after) {
		after = LIST_NEXT(r, device_link);
		if ((m->kinds & r->park->kind) && strcmp(r->user, m->user) == 0
			&& strcmp(r->park->device_id, m->device) == 0)
			wake(h, r, m->why);
	}
}

static void
take_nudge(struct hub *h, const char *user)
{
	struct watched *u = find_user(h, user);

	if (u && u->n_parked)
		start_job(h, u, JOB_ASK);
}

/* After a reload: a policy that is set ends what waits. One by one, as polls are made: each logs in anew. */
static void
ask_all(struct hub *h)
{
	struct watched *u;

	for (size_t i = 0; i < BUCKETS; i++) {
		LIST_FOREACH(u, &h->users[i], link)
		{
			u->ask = true;
			u->look_at = now_s();
		}
	}
}

static void
take_busy(struct hub *h, struct request *r)
{
	TAILQ_INSERT_TAIL(&h->busy, r, link);
	pthread_mutex_lock(&h->lock);
	h->n_busy++;
	pthread_mutex_unlock(&h->lock);
	count_add(COUNT_QUEUED, 1);
	if (h->busy_at == INT64_MAX)
		/* also without a word: the slot may have become free just before it was noted here */
		h->busy_at = now_s() + 1;
}

/* All of them: each takes what it needs, and whoever comes too late is back here at once. */
static void
retry_busy(struct hub *h)
{
	struct request *r;

	h->busy_at = INT64_MAX;
	pthread_mutex_lock(&h->lock);
	h->n_busy = 0;
	pthread_mutex_unlock(&h->lock);
	while ((r = TAILQ_FIRST(&h->busy)) != NULL) {
		TAILQ_REMOVE(&h->busy, r, link);
		queue_push(&h->server->ready, r);
	}
}

static void
take(struct hub *h, struct message *m)
{
	switch (m->kind) {
	case MESSAGE_PARK:
		take_park(h, m->request);
		break;
	case MESSAGE_END:
		if (m->user && m->device)
			take_end(h, m);
		break;
	case MESSAGE_NUDGE:
		if (m->user)
			take_nudge(h, m->user);
		break;
	case MESSAGE_RELOADED:
		ask_all(h);
		break;
	case MESSAGE_BUSY:
		take_busy(h, m->request);
		break;
	case MESSAGE_FREE:
		pthread_mutex_lock(&h->lock);
		h->slot_told = false;
		pthread_mutex_unlock(&h->lock);
		retry_busy(h);
		break;
	case MESSAGE_JOB:
		job_done(h, m->job);
		break;
	case MESSAGE_TIDIED:
		h->tidying = false;
		break;
	}
	message_free(m);
}

static void
take_all(struct hub *h)
{
	struct message *m;
	uint64_t n;

	while (read(h->bell, &n, sizeof n) < 0 && errno == EINTR)
		;
	for (;;) {
		pthread_mutex_lock(&h->lock);
		m = STAILQ_FIRST(&h->inbox);
		if (m)
			STAILQ_REMOVE_HEAD(&h->inbox, link);
		pthread_mutex_unlock(&h->lock);
		if (!m)
			return;
		take(h, m);
	}
}

/* ---- time ---- */

static void
tidy_job(void *arg)
{
	struct hub *h = arg;
	struct generation *g = server_generation(h->server);
	struct error e = { 0 };
	bool more = true;

	backends_tidy(g->backends);
	for (int passes = 0; more && passes < TIDY_PASSES; passes++) {
		if (state_housekeep(h->server->state, time(NULL), eas_unseen_max(g->config), &more, &e)) {
			log_debug(NULL, "housekeeping: %s", e.text);
			break;
		}
	}
	generation_unref(&g);
	/* What sessions and answers had lies between what is still there: without this it would stay ours for good. */
	malloc_trim(0);
	post(h, message_new(MESSAGE_TIDIED));
}

static void
reload_job(void *arg)
{
	struct hub *h = arg;

	if (server_reload(h->server))
		post(h, message_new(MESSAGE_RELOADED));
}

/* Of the users whose poll or hierarchy is due the one who has waited for it longest; NULL: none. Stops watching for those who have not
 * been waited for long enough. *next_r: the time of the next such event. */
static struct watched *
first_due(struct hub *h, int64_t now, int64_t *next_r)
{
	struct watched *u, *after, *first = NULL;
	int64_t since = INT64_MAX;

	*next_r = INT64_MAX;
	for (size_t i = 0; i < BUCKETS; i++) {
		for (u = LIST_FIRST(&h->users[i]); u; u = after) {
			int64_t at = u->look_at, end = u->idle_since + (int64_t)u->generation->server.linger_seconds;

			after = LIST_NEXT(u, link);
			if (u->working)
				continue;
			if (u->n_parked && u->folders_at < at)
				at = u->folders_at;
			if (!u->n_parked && now >= end) {
				start_job(h, u, JOB_CLOSE);
				continue;
			}
			if (at <= now && at < since) {
				first = u;
				since = at;
			}
			if (!u->n_parked && end < at)
				at = end;
			if (at > now && at < *next_r)
				*next_r = at;
		}
	}
	return first;
}

/* Polls have half of the threads: a slow server that is polled for many users must not keep from the others what arrived for them. Who
 * has to wait for his poll is heard meanwhile; the end of a job comes back here. */
static int64_t
look_after_users(struct hub *h)
{
	size_t most = (jobs_threads(h->server->jobs) + 1) / 2;
	int64_t now = now_s(), next;
	struct watched *u = first_due(h, now, &next);

	for (size_t n = h->polls; u && n < most; n++) {
		start_job(h, u, JOB_POLL);
		u = first_due(h, now, &next);
	}
	return next;
}

/* Milliseconds until it is time for answers that begin early; one that is allowed to from now on is not overslept by
 * more than half of what it has. */
static int64_t
early_wait(struct hub *h)
{
	struct generation *g = server_generation(h->server);
	int64_t now = monotonic_ms(), next = early_tick(now), most = (int64_t)g->server.early_seconds * 500;

	generation_unref(&g);
	next = next > now ? next - now : 1;
	return next < most ? next : most;
}

static int
tick(struct hub *h)
{
	int64_t now = now_s(), next = h->tidy_at, early;
	struct request *r;
	int64_t users;

	while ((r = timers_first(&h->timers)) != NULL && r->due <= now) {
		enum eas_wake why = r->due >= r->park->deadline ? EAS_WAKE_DEADLINE : EAS_WAKE_CHANGE;

		timers_remove(&h->timers, r);
		wake(h, r, why);
	}
	if (r && r->due < next)
		next = r->due;
	if (h->busy_at <= now)
		retry_busy(h);
	if (h->busy_at < next)
		next = h->busy_at;
	if (now >= h->tidy_at) {
		h->tidy_at = now + TIDY_EVERY;
		if (!h->tidying)
			h->tidying = jobs_add(h->server->jobs, tidy_job, h);
	}
	users = look_after_users(h);
	if (users < next)
		next = users;
	next = next > now ? next - now : 1;
	next = next > TIDY_EVERY ? TIDY_EVERY * 1000 : next * 1000;
	early = early_wait(h);
	return (int)(early < next ? early : next);
}

/* ---- the thread ---- */

static void
stop(struct hub *h)
{
	uint64_t one = 1;
	struct request *r, *after;

	log_notice(NULL, "stopping: %llu waiting phones are answered", (unsigned long long)count_get(COUNT_PARKED));
	__atomic_store_n(&h->server->stopping, true, __ATOMIC_RELEASE);
	for (size_t i = 0; i < BUCKETS; i++) {
		for (r = LIST_FIRST(&h->devices[i]); r; r = after) {
			after = LIST_NEXT(r, device_link);
			wake(h, r, EAS_WAKE_SHUTDOWN);
		}
	}
	while (write(h->server->stop_fd, &one, sizeof one) < 0 && errno == EINTR)
		;
}

static void
take_signals(struct hub *h)
{
	struct signalfd_siginfo si;

	while (read(h->signals, &si, sizeof si) == sizeof si) {
		if (si.ssi_signo == SIGHUP)
			jobs_add(h->server->jobs, reload_job, h);
		else if ((si.ssi_signo == SIGTERM || si.ssi_signo == SIGINT) && !h->server->stopping)
			stop(h);
	}
}

/* nginx says nothing more on a connection but goodbye. The end of the request itself may still be on its way: libfcgi reads no further than
 * it must. */
static bool
says_goodbye(const struct epoll_event *ev, const struct request *r)
{
	char rest[4096];
	ssize_t n = 0;

	if (!(ev->events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)))
		n = recv(request_fd(r), rest, sizeof rest, MSG_DONTWAIT);
	return n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR);
}

static void
handle(struct hub *h, const struct epoll_event *ev)
{
	if (ev->data.ptr == &h->bell)
		take_all(h);
	else if (ev->data.ptr == &h->signals)
		take_signals(h);
	else if (IS_USER(ev->data.ptr)) {
		struct watched *u = TO_USER(ev->data.ptr);

		start_job(h, u, JOB_LOOK);
	} else if (says_goodbye(ev, ev->data.ptr)) {
		drop(h, ev->data.ptr);
	}
}

static bool
is_own(const struct hub *h, const struct epoll_event *ev)
{
	return ev->data.ptr == &h->bell || ev->data.ptr == &h->signals;
}

static bool
finished(struct hub *h, int64_t since)
{
	if (!__atomic_load_n(&h->server->stopping, __ATOMIC_ACQUIRE))
		return false;
	/* In this order: what parks is counted there before it ends here. No answer depends on a job. */
	if (__atomic_load_n(&h->server->running, __ATOMIC_ACQUIRE) == 0 && count_get(COUNT_PARKED) == 0)
		return true;
	return since && now_s() - since >= STOP_SECONDS;
}

void
hub_run(struct hub *h)
{
	struct epoll_event events[64];
	int64_t stopping_since = 0;

	while (!finished(h, stopping_since)) {
		int wait = tick(h);
		int n;

		if (h->server->stopping) {
			stopping_since = stopping_since ? stopping_since : now_s();
			wait = 50;
		}
		n = epoll_wait(h->epoll, events, ARRAY_LEN(events), wait);
		/* The inbox and the signals last: what they bring may free what another event of this batch points
		 * at. */
		for (int i = 0; i < n; i++) {
			if (!is_own(h, &events[i]))
				handle(h, &events[i]);
		}
		for (int i = 0; i < n; i++) {
			if (is_own(h, &events[i]))
				handle(h, &events[i]);
		}
	}
}

static bool
add_own(struct hub *h, int fd, void *mark)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.ptr = mark };

	return fd >= 0 && epoll_ctl(h->epoll, EPOLL_CTL_ADD, fd, &ev) == 0;
}

struct hub *
hub_new(struct server *server)
{
	struct hub *h = calloc(1, sizeof *h);
	sigset_t set;

	if (!h)
		return NULL;
	h->server = server;
	pthread_mutex_init(&h->lock, NULL);
	STAILQ_INIT(&h->inbox);
	TAILQ_INIT(&h->busy);
	h->busy_at = INT64_MAX;
	h->tidy_at = now_s() + TIDY_EVERY;
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	h->epoll = epoll_create1(EPOLL_CLOEXEC);
	h->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	h->bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (h->epoll < 0 || !add_own(h, h->signals, &h->signals) || !add_own(h, h->bell, &h->bell)) {
		hub_free(&h);
		return NULL;
	}
	return h;
}

void
hub_free(struct hub **hp)
{
	struct hub *h = *hp;
	struct message *m;

	*hp = NULL;
	if (!h)
		return;
	while ((m = STAILQ_FIRST(&h->inbox)) != NULL) {
		STAILQ_REMOVE_HEAD(&h->inbox, link);
		watch_job_free(&m->job);
		message_free(m);
	}
	for (size_t i = 0; i < BUCKETS; i++) {
		struct watched *u;

		while ((u = LIST_FIRST(&h->users[i])) != NULL) {
			watch_close(&u->watch);
			free_user(h, u);
		}
	}
	close(h->epoll);
	close(h->signals);
	close(h->bell);
	timers_finish(&h->timers);
	pthread_mutex_destroy(&h->lock);
	free(h);
}
