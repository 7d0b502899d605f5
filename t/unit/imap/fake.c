#include "fake.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#define RULES_MAX 64
#define CONNS_MAX 64
#define LOG_MAX 4096

struct fake {
	pthread_mutex_t lock;
	pthread_t acceptor;
	int listener;
	int port;
	bool smtp;
	size_t chunk;
	struct fake_rule rules[RULES_MAX];
	unsigned used[RULES_MAX];
	int conns[CONNS_MAX];
	pthread_t threads[CONNS_MAX];
	size_t n_conns;
	int idle; /* the connection that sent IDLE last */
	char *log[LOG_MAX];
	size_t n_log;
	char *given;
};

struct conn {
	struct fake *f;
	int fd;
	char buf[65536];
	size_t pos, end;
};

static const struct fake_rule imap_rules[] = {
	{ "CAPABILITY", "* CAPABILITY IMAP4rev1\r\n$ OK done\r\n", FAKE_GO_ON, 0 },
	{ "LOGIN", "$ OK welcome\r\n", FAKE_GO_ON, 0 },
	{ "LOGOUT", "* BYE bye\r\n$ OK done\r\n", FAKE_CLOSE, 0 },
	{ "SELECT", "* 0 EXISTS\r\n* OK [UIDVALIDITY 1] ok\r\n* OK [UIDNEXT 1] ok\r\n$ OK [READ-WRITE] done\r\n", FAKE_GO_ON, 0 },
	{ "EXAMINE", "* 0 EXISTS\r\n* OK [UIDVALIDITY 1] ok\r\n* OK [UIDNEXT 1] ok\r\n$ OK [READ-ONLY] done\r\n", FAKE_GO_ON, 0 },
	{ "LIST", "* LIST () \"/\" INBOX\r\n$ OK done\r\n", FAKE_GO_ON, 0 },
	{ "STATUS", "* STATUS INBOX (MESSAGES 0 UIDNEXT 1 UIDVALIDITY 1 UNSEEN 0)\r\n$ OK done\r\n", FAKE_GO_ON, 0 },
	{ "IDLE", "+ idling\r\n", FAKE_GO_ON, 0 },
	{ "", "$ OK done\r\n", FAKE_GO_ON, 0 },
};

static const struct fake_rule smtp_rules[] = {
	{ "EHLO", "250-fake\r\n250-8BITMIME\r\n250 AUTH PLAIN\r\n", FAKE_GO_ON, 0 },
	{ "AUTH PLAIN", "334 \r\n", FAKE_GO_ON, 0 },
	{ "MAIL", "250 ok\r\n", FAKE_GO_ON, 0 },
	{ "RCPT", "250 ok\r\n", FAKE_GO_ON, 0 },
	{ "DATA", "354 go ahead\r\n", FAKE_GO_ON, 0 },
	{ "QUIT", "221 bye\r\n", FAKE_CLOSE, 0 },
	{ "TEXT", "250 taken\r\n", FAKE_GO_ON, 0 },
	{ "", "235 welcome\r\n", FAKE_GO_ON, 0 },
};

static int
next_byte(struct conn *c)
{
	if (c->pos == c->end) {
		ssize_t n = recv(c->fd, c->buf, sizeof c->buf, 0);
		if (n <= 0)
			return -1;
		c->pos = 0;
		c->end = (size_t)n;
	}
	return (unsigned char)c->buf[c->pos++];
}

static void
put(struct conn *c, const char *text, size_t n)
{
	size_t chunk = c->f->chunk ? c->f->chunk : n;
	while (n > 0) {
		size_t part = n < chunk ? n : chunk;
		ssize_t w = send(c->fd, text, part, MSG_NOSIGNAL);
		if (w <= 0)
			return;
		text += w;
		n -= (size_t)w;
	}
}

static void
reply(struct conn *c, const char *text, const char *tag)
{
	size_t room = strlen(text) + 1, tags = 0;
	for (const char *p = text; *p; p++)
		tags += *p == '$';
	char *out = malloc(room + tags * strlen(tag));
	size_t n = 0;
	for (const char *p = text; *p; p++) {
		if (*p != '$' || p[1] == '$') {
			p += *p == '$';
			out[n++] = *p;
			continue;
		}
		memcpy(out + n, tag, strlen(tag));
		n += strlen(tag);
	}
	put(c, out, n);
	free(out);
}

/* A command with its literals. NULL at the end of the connection. */
static char *
read_command(struct conn *c)
{
	char *text = NULL;
	size_t n = 0, cap = 0, line = 0;
	for (;;) {
		int b = next_byte(c);
		if (b < 0) {
			free(text);
			return NULL;
		}
		if (n + 2 > cap)
			text = realloc(text, cap = cap ? cap * 2 : 256);
		text[n++] = (char)b;
		text[n] = '\0';
		if (b != '\n')
			continue;
		while (n > line && (text[n - 1] == '\n' || text[n - 1] == '\r'))
			text[--n] = '\0';
		char *brace = n > 0 && text[n - 1] == '}' ? strrchr(text + line, '{') : NULL;
		if (!brace || c->f->smtp)
			return text;
		size_t size = strtoul(brace + 1, NULL, 10);
		bool asked = text[n - 2] != '+';
		text[n++] = '\n';
		if (asked)
			put(c, "+ go on\r\n", 9);
		if (n + size + 2 > cap)
			text = realloc(text, cap = n + size + 256);
		for (; size > 0 && (b = next_byte(c)) >= 0; size--)
			text[n++] = (char)b;
		line = n;
	}
}

static char *
read_text(struct conn *c)
{
	size_t n = 5, cap = 65536;
	char *text = malloc(cap);
	memcpy(text, "TEXT ", 5);
	int b;
	while ((b = next_byte(c)) >= 0) {
		if (n + 2 > cap)
			text = realloc(text, cap *= 2);
		text[n++] = (char)b;
		if (n >= 10 && memcmp(text + n - 5, "\r\n.\r\n", 5) == 0)
			break;
	}
	text[n] = '\0';
	return text;
}

static struct fake_rule
rule_for(struct fake *f, const char *command)
{
	for (size_t i = 0; i < RULES_MAX && f->rules[i].command; i++) {
		const struct fake_rule *r = &f->rules[i];
		if (strncasecmp(command, r->command, strlen(r->command)) != 0 || (r->times && f->used[i] >= r->times))
			continue;
		f->used[i]++;
		return *r;
	}
	const struct fake_rule *r = f->smtp ? smtp_rules : imap_rules;
	while (strncasecmp(command, r->command, strlen(r->command)) != 0)
		r++;
	return *r;
}

/* Until the peer or the test closes the connection, or the time is over. */
static void
await_close(struct conn *c, int ms)
{
	struct pollfd p = { .fd = c->fd, .events = POLLRDHUP };
	poll(&p, 1, ms);
}

static bool
serve_one(struct conn *c, char *line)
{
	struct fake *f = c->f;
	char tag[32] = "";
	const char *command = line;
	char *space = strchr(line, ' ');
	if (!f->smtp && space && (size_t)(space - line) < sizeof tag) {
		memcpy(tag, line, (size_t)(space - line));
		command = space + 1;
	}
	pthread_mutex_lock(&f->lock);
	if (f->n_log < LOG_MAX)
		f->log[f->n_log++] = strdup(command);
	struct fake_rule r = rule_for(f, command);
	if (strncasecmp(command, "IDLE", 4) == 0)
		f->idle = c->fd;
	pthread_mutex_unlock(&f->lock);
	if (r.then == FAKE_LATE)
		await_close(c, FAKE_LATE_MS);
	reply(c, r.reply, tag);
	if (r.then == FAKE_DEAF) {
		await_close(c, -1);
		return false;
	}
	if (f->smtp && strncmp(r.reply, "354", 3) == 0) {
		char *text = read_text(c);
		bool on = serve_one(c, text);
		free(text);
		return on && (r.then == FAKE_GO_ON || r.then == FAKE_LATE);
	}
	if (!f->smtp && strncasecmp(command, "IDLE", 4) == 0 && strstr(r.reply, "+ ")) {
		char *done = read_command(c);
		bool on = done != NULL;
		free(done);
		pthread_mutex_lock(&f->lock);
		r = rule_for(f, "DONE");
		pthread_mutex_unlock(&f->lock);
		if (on)
			reply(c, r.reply, tag);
		return on;
	}
	while (r.then == FAKE_HANG && next_byte(c) >= 0)
		;
	return r.then == FAKE_GO_ON || r.then == FAKE_LATE;
}

static void *
serve(void *arg)
{
	struct conn *c = arg;
	struct fake_rule hello = { "", c->f->smtp ? "220 fake ESMTP\r\n" : "* OK fake\r\n", FAKE_GO_ON, 0 };
	pthread_mutex_lock(&c->f->lock);
	for (size_t i = 0; i < RULES_MAX && c->f->rules[i].command; i++) {
		if (strcmp(c->f->rules[i].command, "HELLO") == 0)
			hello = c->f->rules[i];
	}
	pthread_mutex_unlock(&c->f->lock);
	reply(c, hello.reply, "*");
	bool on = hello.then == FAKE_GO_ON;
	while (hello.then == FAKE_HANG && next_byte(c) >= 0)
		;
	char *line;
	while (on && (line = read_command(c))) {
		on = serve_one(c, line);
		free(line);
	}
	shutdown(c->fd, SHUT_RDWR);
	free(c);
	return NULL;
}

static void *
accept_all(void *arg)
{
	struct fake *f = arg;
	for (;;) {
		int fd = accept(f->listener, NULL, NULL);
		if (fd < 0)
			return NULL;
		int one = 1;
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
		struct conn *c = calloc(1, sizeof *c);
		c->f = f;
		c->fd = fd;
		pthread_mutex_lock(&f->lock);
		if (f->n_conns == CONNS_MAX)
			abort();
		f->conns[f->n_conns] = fd;
		f->idle = fd;
		pthread_create(&f->threads[f->n_conns++], NULL, serve, c);
		pthread_mutex_unlock(&f->lock);
	}
}

static struct fake *
start(const struct fake_rule *rules, size_t chunk, bool smtp)
{
	struct fake *f = calloc(1, sizeof *f);
	pthread_mutex_init(&f->lock, NULL);
	f->smtp = smtp;
	f->chunk = chunk;
	fake_rules(f, rules);
	f->listener = socket(AF_INET, SOCK_STREAM, 0);
	struct sockaddr_in addr = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t n = sizeof addr;
	if (bind(f->listener, (struct sockaddr *)&addr, n) || listen(f->listener, 16) ||
		getsockname(f->listener, (struct sockaddr *)&addr, &n))
		abort();
	f->port = ntohs(addr.sin_port);
	pthread_create(&f->acceptor, NULL, accept_all, f);
	return f;
}

struct fake *
fake_start(const struct fake_rule *rules, size_t chunk)
{
	return start(rules, chunk, false);
}

struct fake *
fake_start_smtp(const struct fake_rule *rules)
{
	return start(rules, 0, true);
}

void
fake_stop(struct fake **pf)
{
	struct fake *f = *pf;
	*pf = NULL;
	if (!f)
		return;
	shutdown(f->listener, SHUT_RDWR);
	pthread_join(f->acceptor, NULL);
	close(f->listener);
	for (size_t i = 0; i < f->n_conns; i++) {
		shutdown(f->conns[i], SHUT_RDWR);
		pthread_join(f->threads[i], NULL);
		close(f->conns[i]);
	}
	for (size_t i = 0; i < f->n_log; i++)
		free(f->log[i]);
	free(f->given);
	pthread_mutex_destroy(&f->lock);
	free(f);
}

int
fake_port(const struct fake *f)
{
	return f->port;
}

void
fake_rules(struct fake *f, const struct fake_rule *rules)
{
	pthread_mutex_lock(&f->lock);
	memset(f->rules, 0, sizeof f->rules);
	memset(f->used, 0, sizeof f->used);
	for (size_t i = 0; rules && rules[i].command && i < RULES_MAX - 1; i++)
		f->rules[i] = rules[i];
	pthread_mutex_unlock(&f->lock);
}

void
fake_push(struct fake *f, const char *text)
{
	pthread_mutex_lock(&f->lock);
	if (send(f->idle, text, strlen(text), MSG_NOSIGNAL) < 0)
		abort();
	pthread_mutex_unlock(&f->lock);
}

void
fake_drop(struct fake *f)
{
	pthread_mutex_lock(&f->lock);
	for (size_t i = 0; i < f->n_conns; i++)
		shutdown(f->conns[i], SHUT_RDWR);
	pthread_mutex_unlock(&f->lock);
}

unsigned
fake_count(struct fake *f, const char *command)
{
	unsigned n = 0;
	pthread_mutex_lock(&f->lock);
	for (size_t i = 0; i < f->n_log; i++)
		n += strncasecmp(f->log[i], command, strlen(command)) == 0;
	pthread_mutex_unlock(&f->lock);
	return n;
}

const char *
fake_command(struct fake *f, const char *command, unsigned n)
{
	pthread_mutex_lock(&f->lock);
	free(f->given);
	f->given = NULL;
	for (size_t i = 0; i < f->n_log; i++) {
		if (strncasecmp(f->log[i], command, strlen(command)) == 0 && n-- == 0) {
			f->given = strdup(f->log[i]);
			break;
		}
	}
	pthread_mutex_unlock(&f->lock);
	return f->given;
}
