#include "fcgi/request.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/count.h"
#include "base/text.h"
#include "fcgi/basic.h"
#include "fcgi/early.h"
#include "wbxml/wbxml.h"

#define HEADERS_MAX 16384

static const char *
param(const struct request *r, const char *name)
{
	const char *v = FCGX_GetParam(name, r->fcgx.envp);

	return v ? v : "";
}

static const char *
param_or_null(const struct request *r, const char *name)
{
	return FCGX_GetParam(name, r->fcgx.envp);
}

/* ---- reading ---- */

static void
set_timeouts(int fd, uint64_t seconds)
{
	struct timeval tv = { .tv_sec = (time_t)seconds };

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof tv);
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof tv);
}

/* ERR_LIMIT: larger than allowed; ERR_INVALID: it ended before it was complete. */
static enum err
read_body(struct request *r, struct slice *body_r)
{
	uint64_t n = 0, max = eas_request_max(r->generation->config);
	const char *length = param(r, "CONTENT_LENGTH");
	unsigned char *p;

	*body_r = slice(NULL, 0);
	if (*length && !text_to_u64(length, &n))
		return ERR_INVALID;
	if (n > max)
		return ERR_LIMIT;
	if (n == 0)
		return ERR_OK;
	p = arena_alloc(r->arena, (size_t)n);
	if (!p)
		return ERR_NOMEM;
	for (uint64_t got = 0; got < n;) {
		int step = n - got > 1 << 20 ? 1 << 20 : (int)(n - got);
		int m = FCGX_GetStr((char *)p + got, step, r->fcgx.in);

		if (m <= 0)
			return ERR_INVALID;
		got += (uint64_t)m;
	}
	count_add(COUNT_PHONE_IN, n);
	*body_r = slice(p, (size_t)n);
	return ERR_OK;
}

static void
prepare_reply(struct request *r)
{
	struct eas_reply *reply = &r->eas.reply;

	reply->status = 200;
	reply->content_type = NULL;
	reply->eas_status = 0;
	buf_init(&reply->headers, HEADERS_MAX);
	buf_init(&reply->body, eas_response_max(r->generation->config));
}

static bool
begin(struct request *r)
{
	/* Twice the body: it is kept beside what is read out of it. */
	r->arena = arena_new((size_t)(eas_request_max(r->generation->config) + eas_arena_max(r->generation->config)));
	if (!r->arena)
		return false;
	r->eas.server = &r->generation->eas;
	r->eas.may_begin = early_allow;
	r->eas.has_begun = early_has_begun;
	r->eas.arena = r->arena;
	r->eas.user_agent = arena_strdup(r->arena, param(r, "HTTP_USER_AGENT"));
	r->eas.accept_language = param(r, "HTTP_ACCEPT_LANGUAGE");
	r->eas.content_type = param(r, "CONTENT_TYPE");
	snprintf(r->client, sizeof r->client, "%s", param(r, "REMOTE_ADDR"));
	prepare_reply(r);
	return r->eas.user_agent != NULL;
}

/* What the log line can name is set as early as it is known. */
static void
set_log(struct request *r)
{
	r->eas.log = (struct log_ctx){ .user = r->user, .device = r->eas.query.device_id,
		.command = r->eas.query.command_name,
		.client = r->client };
}

/* Leaves a reply in r and false where the request cannot go on. */
static bool
parse(struct request *r)
{
	const char *method = param(r, "REQUEST_METHOD");
	enum err err;

	err = eas_query_parse(r->arena, param(r, "QUERY_STRING"), param_or_null(r, "HTTP_MS_ASPROTOCOLVERSION"),
		param_or_null(r, "HTTP_X_MS_POLICYKEY"), param_or_null(r, "HTTP_MS_ASACCEPTMULTIPART"), &r->eas.query);
	if (strcmp(method, "OPTIONS") == 0) {
		r->eas.query.command = EAS_OPTIONS;
		r->eas.query.command_name = "OPTIONS";
		err = ERR_OK;
	}
	set_log(r);
	if (strcmp(method, "POST") != 0 && strcmp(method, "OPTIONS") != 0) {
		buf_add_str(&r->eas.reply.headers, "Allow: OPTIONS,POST\r\n");
		request_refuse(r, 501, 0); /* [MS-ASHTTP 2.2.2.1.1] */
		return false;
	}
	if (err) {
		log_warn(&r->eas.log, "refused: the query cannot be read");
		request_refuse(r, 400, 0);
		return false;
	}
	err = read_body(r, &r->eas.body);
	if (err) {
		log_warn(&r->eas.log, "refused: %s", err == ERR_LIMIT
			? "the body is larger than [eas] request_size allows"
			: err == ERR_NOMEM ? "no memory for the body" : "the body is not complete");
		request_refuse(r, err == ERR_LIMIT ? 413 : err == ERR_NOMEM ? 503 : 400, 0);
		return false;
	}
	return true;
}

static bool
authenticate(struct request *r)
{
	char *header = FCGX_GetParam("HTTP_AUTHORIZATION", r->fcgx.envp);

	if (basic_decode(header, &r->user, &r->password)) {
		r->eas.user = r->user;
		set_log(r);
		return true;
	}
	buf_printf(&r->eas.reply.headers, "WWW-Authenticate: Basic realm=\"%s\", charset=\"UTF-8\"\r\n",
		r->generation->server.realm);
	request_refuse(r, 401, 0);
	return false;
}

struct request *
request_accept(int fd, struct generation *g)
{
	struct request *r = calloc(1, sizeof *r);

	if (!r) {
		close(fd);
		return NULL;
	}
	r->started = r->run_since = monotonic_ms();
	r->generation = generation_ref(g);
	set_timeouts(fd, g->server.io_seconds);
	FCGX_InitRequest(&r->fcgx, -1, 0); /* no socket: where this connection says nothing, FCGX_Accept_r has none to take another from */
	r->fcgx.ipcFd = fd;
	r->fcgx.keepConnection = 1; /* so that FCGX_Accept_r reads from this connection */
	if (FCGX_Accept_r(&r->fcgx) < 0) {
		request_drop(&r);
		return NULL;
	}
	r->fcgx.keepConnection = 0;
	count_add(COUNT_REQUESTS, 1);
	if (!begin(r)) {
		request_drop(&r);
		return NULL;
	}
	/* Credentials first: they are overwritten before anything else can happen to the request. */
	if (!authenticate(r) || !parse(r)) {
		request_answer(&r);
		return NULL;
	}
	return r;
}

/* ---- answering ---- */

static const char *
reason(unsigned status)
{
	static const struct {
		unsigned status;
		const char *text;
	} reasons[] = { { 200, "OK" }, { 400, "Bad Request" }, { 401, "Unauthorized" }, { 403, "Forbidden" },
		{ 413, "Content Too Large" }, { 449, "Retry With" },
		{ 500, "Internal Server Error" },
		{ 501, "Not Implemented" }, { 503, "Service Unavailable" }, { 505, "Version Not Supported" },
		{ 507, "Insufficient Storage" } };

	for (size_t i = 0; i < ARRAY_LEN(reasons); i++) {
		if (reasons[i].status == status)
			return reasons[i].text;
	}
	return "Status";
}

static void
put(FCGX_Stream *out, const void *p, size_t n)
{
	for (size_t done = 0; done < n;) {
		int step = n - done > 1 << 20 ? 1 << 20 : (int)(n - done);

		if (FCGX_PutStr((const char *)p + done, step, out) < 0)
			return; /* the peer is gone; FCGX remembers the error */
		done += (size_t)step;
	}
}

static void
send_reply(struct request *r)
{
	struct eas_reply *reply = &r->eas.reply;
	FCGX_Stream *out = r->fcgx.out;

	if (!buf_ok(&reply->body)) {
		log_error(&r->eas.log, "the answer is larger than [eas] response_size allows");
		request_refuse(r, 500, 0);
	}
	if (early_end(r)) { /* the head and the document's header are gone already */
		eas_in_document(&r->eas);
		put(out, reply->body.data + WBXML_HEADER_LEN, reply->body.len - WBXML_HEADER_LEN);
		return;
	}
	FCGX_FPrintF(out, "Status: %d %s\r\n", (int)reply->status, reason(reply->status));
	put(out, reply->headers.data, reply->headers.len);
	FCGX_FPrintF(out, "MS-Server-ActiveSync: 16.1\r\nCache-Control: private\r\n");
	if (reply->body.len && reply->content_type)
		FCGX_FPrintF(out, "Content-Type: %s\r\n", reply->content_type);
	FCGX_FPrintF(out, "Content-Length: %lu\r\n\r\n", (unsigned long)reply->body.len);
	put(out, reply->body.data, reply->body.len);
	count_add(COUNT_PHONE_OUT, reply->headers.len + reply->body.len);
}

static void
log_line(struct request *r)
{
	const struct eas_query *q = &r->eas.query;
	int64_t ms = monotonic_ms() - r->started;

	log_info(&r->eas.log, "http=%u status=%d version=%u.%u in=%zu out=%zu ms=%lld", r->eas.reply.status,
		r->eas.reply.eas_status, q->version / 10, q->version % 10, r->eas.body.len, r->eas.reply.body.len,
		(long long)ms);
}

void
request_answer(struct request **rp)
{
	struct request *r = *rp;

	send_reply(r);
	FCGX_FClose(r->fcgx.err);
	FCGX_FClose(r->fcgx.out);
	FCGX_Detach(&r->fcgx); /* or its close would wait for the peer's */
	log_line(r);
	request_drop(rp);
}

void
request_drop(struct request **rp)
{
	struct request *r = *rp;

	*rp = NULL;
	if (!r)
		return;
	early_end(r);
	account_release(&r->eas.account);
	FCGX_Detach(&r->fcgx);
	FCGX_Free(&r->fcgx, 1);
	buf_finish(&r->eas.reply.headers);
	buf_finish(&r->eas.reply.body);
	arena_free(&r->arena);
	basic_free(&r->user);
	basic_free(&r->password);
	eas_park_unref(&r->park);
	generation_unref(&r->generation);
	free(r);
}

/* ---- waiting ---- */

void
request_slim(struct request *r)
{
	account_release(&r->eas.account);
	FCGX_FreeStream(&r->fcgx.in);
	buf_finish(&r->eas.reply.headers);
	buf_finish(&r->eas.reply.body);
	r->eas.query = r->park->query;
	r->eas.user_agent = r->park->user_agent;
	r->eas.accept_language = "";
	r->eas.content_type = "";
	r->eas.body = slice(NULL, 0);
	r->eas.park = NULL;
	arena_free(&r->arena);
	r->eas.arena = NULL;
	set_log(r);
}

bool
request_wake(struct request *r, struct generation *now)
{
	generation_unref(&r->generation);
	r->generation = now;
	r->eas.server = &now->eas;
	r->run_since = monotonic_ms();
	r->arena = arena_new((size_t)eas_arena_max(r->generation->config));
	r->eas.arena = r->arena;
	prepare_reply(r);
	return r->arena != NULL;
}

int
request_fd(const struct request *r)
{
	return r->fcgx.ipcFd;
}

bool
request_gone(const struct request *r)
{
	struct pollfd p = { .fd = r->fcgx.ipcFd, .events = POLLRDHUP };

	return poll(&p, 1, 0) > 0 && (p.revents & (POLLRDHUP | POLLHUP | POLLERR | POLLNVAL));
}

void
request_refuse(struct request *r, unsigned status, unsigned retry_after)
{
	if (retry_after)
		buf_printf(&r->eas.reply.headers, "Retry-After: %u\r\n", retry_after);
	buf_reset(&r->eas.reply.body);
	r->eas.reply.status = status;
	r->eas.reply.content_type = NULL;
}
