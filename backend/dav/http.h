/* backend/dav/http.h - one user's requests to one server, one at a time.
 *
 * Ownership: a dav_http owns its easy handle and a copy of the credentials, which is cleansed at its end.
 * Safety:    credentials go to the configured origin and nowhere else: a redirect is followed (method kept, at most 4) within it
 *            only. No proxy of the environment is used. TLS is verified unless the configuration says otherwise.
 * Limits:    connect and answer time-outs per request, twice their sum per call (dav_http_begin), response bytes.
 * Errors:    dav_http_run() returns OK whenever an answer came whose meaning is the caller's to tell; AUTH, UNAVAILABLE, PAUSED and
 *            PEER as backend.h has them; LIMIT for an answer that is too long; what the parser's callback returned.
 */
#ifndef BACKEND_DAV_HTTP_H
#define BACKEND_DAV_HTTP_H

#include <stdbool.h>
#include <stdint.h>

#include "backend/dav/multistatus.h"
#include "base/arena.h"
#include "base/buf.h"
#include "base/conf.h"
#include "base/error.h"
#include "base/log.h"

struct dav_http_settings {
	const char *name;    /* of the module, for messages */
	const char *origin;
	const char *ca_file;     /* NULL: the system's */
	struct tls_trust *trust; /* in what is there; borrowed */
	const char *user_agent;
	bool verify;
	uint64_t connect, answer; /* seconds */
	uint64_t response_max;
};

#define DAV_NO_DEPTH (-1)

struct dav_request {
	const char *method;
	const char *kind;         /* what it counts as; NULL: the method */
	const char *path;         /* as the server writes it */
	int depth;                /* DAV_NO_DEPTH, 0 or 1 */
	const char *accept;       /* NULL: whatever the server likes */
	const char *content_type; /* NULL: no body */
	struct slice body;
	const char *if_match;
	bool if_none_match;       /* If-None-Match: * */
	const char *destination;  /* path; Overwrite: F goes with it */
	bool compressed;          /* not for what is asked for its ETag: servers give compressed bytes another one */
	/* Where the answer goes: */
	struct dav_parser *parser; /* for 207; NULL: kept as the others */
	struct buf *body_r;        /* for other 2xx; NULL: dropped */
};

struct dav_answer {
	long status;
	const char *path;     /* that answered, after redirects */
	const char *etag;     /* "" : none */
	const char *location; /* path on this origin; NULL: none, or elsewhere */
	bool html;            /* the content is a page for people */
	unsigned conditions;  /* of the DAV:error in an answer >= 400: enum dav_condition */
	const char *conflict_href;
	bool parsed;          /* a complete multistatus went through the parser */
};

struct dav_http;

/* `user` and `password` are copied. */
enum err dav_http_open(const struct dav_http_settings *set, const char *user, const char *password, struct dav_http **h_r,
	struct error *e) NODISCARD;
/* Stores NULL. */
void dav_http_close(struct dav_http **h);
/* Closes the connection and gives its memory back, until the next request. What the server knows us by (cookies, TLS session)
 * stays with the link. */
void dav_http_rest(struct dav_http *h);
/* A new call of the module begins: its time starts. */
void dav_http_begin(struct dav_http *h);
/* Whether a time-out ended the last request. */
bool dav_http_timed_out(const struct dav_http *h);

/* Everything in answer_r lives in the arena. An answer of 207 was complete and well-formed if this returns OK. */
enum err dav_http_run(struct dav_http *h, struct arena *a, const struct dav_request *r, struct dav_answer *answer_r,
	struct error *e) NODISCARD;

/* What a status means that is no success and needs no special treatment: NOTFOUND for 404 and 410, ... never OK. */
enum err dav_http_refused(const struct dav_http *h, const char *method, const struct dav_answer *answer, struct error *e);

#endif
