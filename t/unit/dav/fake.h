/* A server of HTTP for tests: threads of the test program that answer as they are told and remember what they were asked. */
#ifndef T_UNIT_DAV_FAKE_H
#define T_UNIT_DAV_FAKE_H

#include <stdbool.h>
#include <stddef.h>

enum fake_how {
	FAKE_PLAIN,    /* Content-Length */
	FAKE_CHUNKED,  /* in chunks of 7 bytes */
	FAKE_BYTEWISE, /* Content-Length, a write per byte */
	FAKE_UNTIL_CLOSE, /* no length: the end is the end of the connection */
	FAKE_CUT,      /* Content-Length, but closed in the middle of the body */
	FAKE_HANG,     /* no answer until the client goes away */
	FAKE_HANG_BODY, /* half of the body, then nothing until the client goes away */
	FAKE_ENDLESS,  /* the body again and again, until the client goes away */
	FAKE_DROP,     /* closed without an answer */
};

struct fake_reply {
	int status;
	const char *headers; /* lines that end with CRLF; NULL: none but Content-Type: application/xml */
	const char *body;    /* NULL: empty */
	size_t body_len;     /* 0: that of the text */
	enum fake_how how;
};

struct fake_request {
	char method[16];
	char path[512];
	char head[8192]; /* all lines */
	char *body;
	size_t body_len;
};

struct fake;

/* Decides the answer; called from any thread, one at a time. The strings must stay. */
typedef struct fake_reply (*fake_handler)(void *ctx, const struct fake_request *r);

struct fake *fake_start(void);
void fake_stop(struct fake *f);
unsigned fake_port(const struct fake *f);
/* Answers come from here instead of the queue. */
void fake_handle(struct fake *f, fake_handler fn, void *ctx);
/* The answer to the next request that has none yet. Where there is none when a request comes, it gets 599. */
void fake_queue(struct fake *f, struct fake_reply r);
void fake_xml(struct fake *f, int status, const char *body);
/* Every answer that was queued was asked for, and no more. */
bool fake_done(struct fake *f);

size_t fake_count(struct fake *f);
/* The i-th request, from 0; the last for a negative i: -1. NULL if there is none. Valid until fake_forget(). */
const struct fake_request *fake_request(struct fake *f, long i);
/* The value of a header of the request, "" if it has none; in a static buffer per call of the test's thread. */
const char *fake_header(const struct fake_request *r, const char *name);
/* Forgets requests and queue. */
void fake_forget(struct fake *f);
size_t fake_connections(struct fake *f);
/* No connection is open, at the latest in half a minute. */
bool fake_left_alone(struct fake *f);

#endif
