#include "fake.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#define MOST 4096
#define CONNECTIONS 64

struct fake {
	int listener;
	unsigned port;
	pthread_t accepting;
	pthread_t threads[CONNECTIONS];
	int fds[CONNECTIONS];
	size_t connections, open;
	pthread_cond_t closed;
	int quit[2]; /* readable once the server is to end */
	pthread_mutex_t lock; /* for all below */
	fake_handler handler;
	void *ctx;
	struct fake_reply queue[MOST];
	size_t queued, answered;
	bool starved;
	struct fake_request *requests[MOST];
	size_t n;
};

struct connection {
	struct fake *f;
	int fd;
};

static bool
send_all(int fd, const char *p, size_t n)
{
	while (n > 0) {
		ssize_t sent = send(fd, p, n, MSG_NOSIGNAL);
		if (sent <= 0)
			return false;
		p += sent;
		n -= (size_t)sent;
	}
	return true;
}

/* Returns when the client has gone away, or the server ends. */
static void
wait_for_end(struct fake *f, int fd)
{
	char rest[256];
	for (;;) {
		struct pollfd p[2] = { { .fd = fd, .events = POLLIN }, { .fd = f->quit[0], .events = POLLIN } };
		if (poll(p, 2, -1) < 0 || p[1].revents || recv(fd, rest, sizeof rest, 0) <= 0)
			return;
	}
}

static bool
send_body(struct fake *f, int fd, const struct fake_reply *r, const char *body, size_t n)
{
	char size[16];
	switch (r->how) {
	case FAKE_CHUNKED:
		for (size_t i = 0, part; i < n; i += part) {
			part = n - i < 7 ? n - i : 7;
			int len = snprintf(size, sizeof size, "%zx\r\n", part);
			if (!send_all(fd, size, (size_t)len) || !send_all(fd, body + i, part) || !send_all(fd, "\r\n", 2))
				return false;
		}
		return send_all(fd, "0\r\n\r\n", 5);
	case FAKE_BYTEWISE:
		for (size_t i = 0; i < n; i++)
			if (!send_all(fd, body + i, 1))
				return false;
		return true;
	case FAKE_ENDLESS:
		while (send_all(fd, body, n))
			;
		return false;
	case FAKE_CUT:
		send_all(fd, body, n / 2);
		return false;
	case FAKE_HANG_BODY:
		send_all(fd, body, n / 2);
		wait_for_end(f, fd);
		return false;
	default:
		return send_all(fd, body, n) && r->how != FAKE_UNTIL_CLOSE;
	}
}

/* False once the connection is over. */
static bool
answer(struct fake *f, int fd, const struct fake_reply *r)
{
	const char *headers = r->headers ? r->headers : "Content-Type: application/xml; charset=utf-8\r\n";
	char head[128], length[64] = "";
	const char *body = r->body ? r->body : "";
	size_t n = r->body_len ? r->body_len : strlen(body);
	if (r->how == FAKE_HANG)
		wait_for_end(f, fd);
	if (r->how == FAKE_HANG || r->how == FAKE_DROP)
		return false;
	if (r->how == FAKE_CHUNKED)
		snprintf(length, sizeof length, "Transfer-Encoding: chunked\r\n");
	else if (r->how == FAKE_UNTIL_CLOSE || r->how == FAKE_ENDLESS)
		snprintf(length, sizeof length, "Connection: close\r\n");
	else
		snprintf(length, sizeof length, "Content-Length: %zu\r\n", n);
	snprintf(head, sizeof head, "HTTP/1.1 %d Whatever\r\n%s", r->status, length);
	return send_all(fd, head, strlen(head)) && send_all(fd, headers, strlen(headers)) && send_all(fd, "\r\n", 2) && send_body(f, fd, r, body, n);
}

static struct fake_reply
next_reply(struct fake *f, struct fake_request *r)
{
	struct fake_reply reply = { .status = 599 };
	pthread_mutex_lock(&f->lock);
	if (f->n < MOST)
		f->requests[f->n++] = r;
	if (f->handler)
		reply = f->handler(f->ctx, r);
	else if (f->answered < f->queued)
		reply = f->queue[f->answered++];
	else
		f->starved = true;
	pthread_mutex_unlock(&f->lock);
	return reply;
}

/* Reads one request; NULL at the end of the connection. */
static struct fake_request *
read_request(int fd)
{
	struct fake_request *r = calloc(1, sizeof *r);
	size_t n = 0;
	while (r && n + 1 < sizeof r->head && !strstr(r->head, "\r\n\r\n")) {
		if (recv(fd, r->head + n, 1, 0) != 1) {
			free(r);
			return NULL;
		}
		n++;
	}
	const char *space = r ? strchr(r->head, ' ') : NULL;
	const char *end = space ? strchr(space + 1, ' ') : NULL;
	if (!end) {
		free(r);
		return NULL;
	}
	snprintf(r->method, sizeof r->method, "%.*s", (int)(space - r->head), r->head);
	snprintf(r->path, sizeof r->path, "%.*s", (int)(end - space - 1), space + 1);
	r->body_len = (size_t)strtoul(fake_header(r, "Content-Length"), NULL, 10);
	r->body = calloc(1, r->body_len + 1);
	for (size_t got = 0; r->body && got < r->body_len;) {
		ssize_t part = recv(fd, r->body + got, r->body_len - got, 0);
		if (part <= 0)
			break;
		got += (size_t)part;
	}
	return r;
}

static void *
serve(void *arg)
{
	struct connection c = *(struct connection *)arg;
	free(arg);
	for (;;) {
		struct fake_request *r = read_request(c.fd);
		if (!r)
			break;
		struct fake_reply reply = next_reply(c.f, r);
		if (!answer(c.f, c.fd, &reply))
			break;
	}
	shutdown(c.fd, SHUT_RDWR);
	pthread_mutex_lock(&c.f->lock);
	c.f->open--;
	pthread_cond_signal(&c.f->closed);
	pthread_mutex_unlock(&c.f->lock);
	return NULL;
}

static void *
accept_all(void *arg)
{
	struct fake *f = arg;
	for (;;) {
		int fd = accept(f->listener, NULL, NULL), one = 1;
		if (fd < 0)
			return NULL;
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
		struct connection *c = malloc(sizeof *c);
		*c = (struct connection){ f, fd };
		pthread_mutex_lock(&f->lock);
		size_t i = f->connections++;
		f->open++;
		pthread_mutex_unlock(&f->lock);
		if (i >= CONNECTIONS)
			abort();
		f->fds[i] = fd;
		pthread_create(&f->threads[i], NULL, serve, c);
	}
}

struct fake *
fake_start(void)
{
	struct fake *f = calloc(1, sizeof *f);
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
	socklen_t n = sizeof a;
	pthread_mutex_init(&f->lock, NULL);
	pthread_cond_init(&f->closed, NULL);
	f->listener = socket(AF_INET, SOCK_STREAM, 0);
	if (pipe(f->quit) || bind(f->listener, (struct sockaddr *)&a, sizeof a) || listen(f->listener, 64) ||
		getsockname(f->listener, (struct sockaddr *)&a, &n))
		abort();
	f->port = ntohs(a.sin_port);
	pthread_create(&f->accepting, NULL, accept_all, f);
	return f;
}

void
fake_forget(struct fake *f)
{
	pthread_mutex_lock(&f->lock);
	for (size_t i = 0; i < f->n; i++) {
		free(f->requests[i]->body);
		free(f->requests[i]);
	}
	f->n = f->queued = f->answered = 0;
	f->starved = false;
	pthread_mutex_unlock(&f->lock);
}

void
fake_stop(struct fake *f)
{
	shutdown(f->listener, SHUT_RDWR);
	pthread_join(f->accepting, NULL);
	close(f->quit[1]);
	for (size_t i = 0; i < f->connections; i++) {
		shutdown(f->fds[i], SHUT_RDWR);
		pthread_join(f->threads[i], NULL);
		close(f->fds[i]);
	}
	close(f->quit[0]);
	close(f->listener);
	fake_forget(f);
	pthread_cond_destroy(&f->closed);
	pthread_mutex_destroy(&f->lock);
	free(f);
}

unsigned
fake_port(const struct fake *f)
{
	return f->port;
}

void
fake_handle(struct fake *f, fake_handler fn, void *ctx)
{
	pthread_mutex_lock(&f->lock);
	f->handler = fn;
	f->ctx = ctx;
	pthread_mutex_unlock(&f->lock);
}

void
fake_queue(struct fake *f, struct fake_reply r)
{
	pthread_mutex_lock(&f->lock);
	f->queue[f->queued++] = r;
	pthread_mutex_unlock(&f->lock);
}

void
fake_xml(struct fake *f, int status, const char *body)
{
	fake_queue(f, (struct fake_reply){ .status = status, .body = body });
}

bool
fake_done(struct fake *f)
{
	pthread_mutex_lock(&f->lock);
	bool done = f->answered == f->queued && !f->starved;
	if (!done)
		fprintf(stderr, "%zu of %zu answers were asked for%s\n", f->answered, f->queued, f->starved ? ", and more" : "");
	for (size_t i = 0; !done && i < f->n; i++)
		fprintf(stderr, "  %s %s\n", f->requests[i]->method, f->requests[i]->path);
	pthread_mutex_unlock(&f->lock);
	return done;
}

size_t
fake_count(struct fake *f)
{
	pthread_mutex_lock(&f->lock);
	size_t n = f->n;
	pthread_mutex_unlock(&f->lock);
	return n;
}

size_t
fake_connections(struct fake *f)
{
	pthread_mutex_lock(&f->lock);
	size_t n = f->connections;
	pthread_mutex_unlock(&f->lock);
	return n;
}

bool
fake_left_alone(struct fake *f)
{
	struct timespec until;
	int failed = 0;
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += 30;
	pthread_mutex_lock(&f->lock);
	while (f->open > 0 && !failed)
		failed = pthread_cond_timedwait(&f->closed, &f->lock, &until);
	bool alone = f->open == 0;
	pthread_mutex_unlock(&f->lock);
	return alone;
}

const struct fake_request *
fake_request(struct fake *f, long i)
{
	pthread_mutex_lock(&f->lock);
	size_t at = i < 0 ? f->n - (size_t)-i : (size_t)i;
	const struct fake_request *r = at < f->n ? f->requests[at] : NULL;
	pthread_mutex_unlock(&f->lock);
	return r;
}

const char *
fake_header(const struct fake_request *r, const char *name)
{
	static _Thread_local char value[1024];
	size_t len = strlen(name);
	value[0] = '\0';
	for (const char *line = r->head; line; line = strstr(line, "\r\n"), line = line ? line + 2 : NULL) {
		if (strncasecmp(line, name, len) != 0 || line[len] != ':')
			continue;
		const char *v = line + len + 1 + strspn(line + len + 1, " ");
		snprintf(value, sizeof value, "%.*s", (int)strcspn(v, "\r"), v);
	}
	return value;
}
