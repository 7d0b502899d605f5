/* A worker: takes what is ready, else accepts; runs the request; hands it on. */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/count.h"
#include "fcgi/basic.h"
#include "fcgi/server.h"
#include "fcgi/turn.h"

static void
done(struct server *s)
{
	__atomic_sub_fetch(&s->running, 1, __ATOMIC_ACQ_REL);
}

static void
give_turn(struct server *s, struct request *r)
{
	for (unsigned n = turn_give(r, &s->ready); n > 0; n--)
		done(s);
}

static void
answer(struct server *s, struct request *r)
{
	give_turn(s, r);
	request_answer(&r);
	done(s);
}

/* 0: logged in, or no need to. Else the HTTP status to answer with; BUSY is 0 with *busy_r set. */
static unsigned
log_in(struct request *r, bool *busy_r)
{
	struct backend_login who = { .user = r->user, .password = r->password, .log = &r->eas.log };
	struct error e = { 0 };
	enum err err;

	*busy_r = false;
	if (r->eas.account || (r->resume && !eas_needs_account(r->park, r->wake)))
		return 0;
	err = account_login(r->generation->backends, &who, &r->eas.account, &e);
	if (err == ERR_OK)
		return 0;
	if (err == ERR_BUSY) {
		*busy_r = true;
		return 0;
	}
	if (err == ERR_AUTH) {
		/* One form for all, so that fail2ban can count it. */
		log_warn(&r->eas.log, "authentication failed: %s", e.text);
		return 401;
	}
	log_warn(&r->eas.log, "cannot tell who this is: %s", e.text[0] ? e.text : err_name(err));
	return 503;
}

static void
refuse_login(struct server *s, struct request *r, unsigned status)
{
	if (status == 401)
		buf_printf(&r->eas.reply.headers, "WWW-Authenticate: Basic realm=\"%s\", charset=\"UTF-8\"\r\n",
			r->generation->server.realm);
	request_refuse(r, status, status == 503 ? 60 : 0);
	answer(s, r);
}

/* The request is run again when a session is free, unless it has waited too long. */
static void
busy(struct server *s, struct request *r)
{
	int64_t now = monotonic_ms();

	account_yield(&r->eas.account);
	if (r->busy_since == 0)
		r->busy_since = now;
	if (now - r->busy_since > (int64_t)r->generation->server.busy_seconds * 1000) {
		log_warn(&r->eas.log, "no backend session was free for %d s; the phone is asked to try again",
			(int)r->generation->server.busy_seconds);
		request_refuse(r, 503, 30);
		answer(s, r);
		return;
	}
	hub_busy(s->hub, r);
}

static void
park(struct server *s, struct request *r)
{
	uint64_t parked = count_get(COUNT_PARKED);

	give_turn(s, r);
	if (!r->resume)
		r->park = r->eas.park;
	r->busy_since = 0;
	if (parked >= s->parked_max && !r->resume) {
		log_warn(&r->eas.log, "too many waiting phones (%llu): raise the limit on open files",
			(unsigned long long)parked);
		request_refuse(r, 503, 120);
		request_answer(&r);
		done(s);
		return;
	}
	request_slim(r);
	hub_park(s->hub, r);
	done(s);
}

/* What a parked one is answered with does not need its turn: it commits only against the keys that it remembers. */
static enum eas_outcome
work(struct request *r)
{
	if (r->resume)
		return eas_resume(&r->eas, r->park, r->wake);
	return eas_run(&r->eas);
}

static void
run(struct server *s, struct request *r)
{
	bool is_busy, full;
	unsigned status;

	if (r->resume && !r->arena && !request_wake(r, server_generation(s))) {
		request_refuse(r, 503, 60);
		answer(s, r);
		return;
	}
	status = log_in(r, &is_busy);
	if (status) {
		refuse_login(s, r, status);
		return;
	}
	if (is_busy) {
		busy(s, r);
		return;
	}
	if (!r->resume && !r->turn && eas_needs_turn(r->eas.query.command)) {
		/* The account is given back while it waits: no session is held without a worker. */
		account_release(&r->eas.account);
		if (!turn_take(r, &full)) {
			if (!full)
				return;
			log_warn(&r->eas.log, "too many requests of this device at once");
			request_refuse(r, 503, 30);
			answer(s, r);
			return;
		}
		run(s, r);
		return;
	}
	switch (work(r)) {
	case EAS_DONE:
		account_release(&r->eas.account);
		answer(s, r);
		return;
	case EAS_PARK:
		park(s, r);
		return;
	case EAS_BUSY:
		busy(s, r);
		return;
	}
}

/* ---- accepting ---- */

static void
accept_one(struct server *s)
{
	struct generation *g;
	struct request *r;
	int fd = accept4(STDIN_FILENO, NULL, NULL, SOCK_CLOEXEC);

	if (fd < 0) {
		if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
			static int64_t said; /* of any thread; a torn read costs a line more */

			if (monotonic_ms() - __atomic_load_n(&said, __ATOMIC_RELAXED) > 10000) {
				__atomic_store_n(&said, monotonic_ms(), __ATOMIC_RELAXED);
				log_error(NULL, "cannot accept: %s; raise the limit on open files", strerror(errno));
			}
			poll(NULL, 0, 100);
		}
		return;
	}
	__atomic_add_fetch(&s->running, 1, __ATOMIC_ACQ_REL);
	g = server_generation(s);
	r = request_accept(fd, g);
	generation_unref(&g);
	if (r)
		run(s, r);
	else
		done(s);
}

void *
worker_run(void *arg)
{
	struct server *s = arg;
	struct pollfd p[3] = { { .fd = s->ready.fd, .events = POLLIN }, { .fd = s->stop_fd, .events = POLLIN },
		{ .fd = STDIN_FILENO, .events = POLLIN } };
	bool stopping = false;

	for (;;) {
		struct request *r = queue_pop(&s->ready);

		if (r) {
			run(s, r);
			continue;
		}
		if (stopping && __atomic_load_n(&s->ended, __ATOMIC_ACQUIRE))
			break;
		/* Stopping: what runs, and what the hub still has to answer, is finished, nothing new is taken; it
		 * wakes by itself to see that the hub has ended. */
		if (poll(p, stopping ? 1 : 3, stopping ? 50 : -1) < 0 && errno != EINTR)
			break;
		stopping = stopping || __atomic_load_n(&s->stopping, __ATOMIC_ACQUIRE);
		if (!stopping && !(p[0].revents & POLLIN) && (p[2].revents & (POLLIN | POLLERR | POLLHUP)))
			accept_one(s);
	}
	state_thread_end(s->state);
	return NULL;
}
