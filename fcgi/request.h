/* fcgi/request.h - one HTTP request over FastCGI, from accept to answer. Private to fcgi/.
 *
 * Ownership: whoever holds the pointer: a worker while it runs, a turn's or the busy queue while it waits, the hub
 * while it is
 *            parked. It is handed on, never shared.
 * The user's password is kept for as long as the request lives (it logs in again when it is resumed) and cleansed with
 * it.
 */
#ifndef FCGI_REQUEST_H
#define FCGI_REQUEST_H

#include <fcgiapp.h>
#include <sys/queue.h>

#include "eas/eas.h"
#include "fcgi/generation.h"

struct turn;
struct watched;

struct request {
	FCGX_Request fcgx;
	struct generation *generation; /* a reference */
	struct arena *arena;           /* gone while parked */
	struct eas_request eas;
	char *user, *password;         /* heap; the password is cleansed */
	char client[64];               /* address of the phone */
	struct turn *turn;             /* held, or waited for; NULL: none */
	int64_t started;               /* CLOCK_MONOTONIC, ms */
	int64_t run_since;             /* ms: when the phone began to wait for this: accepted, or resumed */
	int64_t busy_since;            /* ms; 0: not busy */
	struct eas_park *park;         /* while parked and while it is resumed: a reference */
	enum eas_wake wake;            /* why it is resumed */
	bool resume;                   /* what a worker does with it: run or resume */
	struct {                       /* of fcgi/early.c, under its lock */
		bool listed, begun;
		int64_t due;           /* ms */
		LIST_ENTRY(request) link;
	} early;
	/* the hub's */
	struct watched *watched;
	unsigned ended;                /* as the hub's count of the device was when it was woken */
	int64_t due;                   /* CLOCK_MONOTONIC seconds */
	size_t timer;                  /* place in the heap, 1.. ; 0: not in it */
	TAILQ_ENTRY(request) link;     /* in a queue, or among the parked of its user */
	LIST_ENTRY(request) device_link;
};
TAILQ_HEAD(request_queue, request);

/* Reads what came on an accepted connection. NULL: it was no request, or no memory; the connection is closed. */
struct request *request_accept(int fd, struct generation *g);
/* Sends the reply, writes the log line, frees everything and stores NULL. */
void request_answer(struct request **r);
/* Frees it without an answer: the peer hung up. */
void request_drop(struct request **r);
/* Gives up what a parked request does not need: input and arena. */
void request_slim(struct request *r);
/* Prepares a slim request for eas_resume(): a fresh arena and reply, and the configuration that holds now (the
 * reference is taken over), for the hub has asked under it what is due. false: no memory. */
bool request_wake(struct request *r, struct generation *now);
/* The peer has hung up. */
bool request_gone(const struct request *r);
int request_fd(const struct request *r);
/* A plain answer of this status; Retry-After where seconds is not 0. */
void request_refuse(struct request *r, unsigned status, unsigned retry_after);

#endif
