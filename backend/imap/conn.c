#include "backend/imap/conn.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "backend/imap/command.h"
#include "base/clock.h"
#include "base/count.h"
#include "base/text.h"

/* However steadily a server trickles, a command ends after so many answer times. */
#define END_FACTOR 40
#define PROBE_AFTER 60000

int64_t
imap_now(void)
{
	return monotonic_ms();
}

enum err
imap_conn_fail(struct imap_conn *c, enum err code, const char *what, struct error *e)
{
	c->dead = true;
	if (c->why[0])
		return err_set(e, ERR_UNAVAILABLE, "%s closed the connection: %s", c->b->host, c->why);
	return err_set(e, code, "%s: %s", c->b->host, what);
}

void
imap_conn_deadline(struct imap_conn *c)
{
	int64_t now = imap_now();
	c->deadline = now + (int64_t)c->b->set.answer * 1000;
	c->end = now + END_FACTOR * (int64_t)c->b->set.answer * 1000;
}

static void
progress(struct imap_conn *c)
{
	c->last_heard = imap_now();
	c->deadline = c->last_heard + (int64_t)c->b->set.answer * 1000;
}

/* Waits for the socket; false once a deadline has passed or it is broken. */
static bool
wait_for(struct imap_conn *c, short events)
{
	for (;;) {
		int64_t until = c->deadline < c->end ? c->deadline : c->end;
		int64_t left = until - imap_now();
		if (left <= 0)
			return false;
		struct pollfd p = { .fd = c->fd, .events = events };
		int n = poll(&p, 1, left > 60000 ? 60000 : (int)left);
		if (n > 0)
			return true;
		if (n < 0 && errno != EINTR)
			return false;
	}
}

static enum err
conn_read(void *ctx, void *p, size_t room, size_t *n_r)
{
	struct imap_conn *c = ctx;
	for (;;) {
		CURLcode code = curl_easy_recv(c->curl, p, room, n_r);
		if (code == CURLE_OK && *n_r == 0)
			return ERR_UNAVAILABLE;
		if (code == CURLE_OK) {
			count_add(COUNT_IMAP_IN, *n_r);
			/* Dribbling a line byte by byte is no progress; a large part of a mail is. */
			if (*n_r >= 1024)
				progress(c);
			return ERR_OK;
		}
		if (code != CURLE_AGAIN)
			return ERR_UNAVAILABLE;
		if (!wait_for(c, POLLIN)) {
			c->lex.why = "no answer in time";
			return ERR_UNAVAILABLE;
		}
	}
}

enum err
imap_conn_send(struct imap_conn *c, const void *p, size_t n, struct error *e)
{
	const char *from = p;
	imap_conn_deadline(c);
	while (n > 0) {
		size_t sent = 0;
		CURLcode code = curl_easy_send(c->curl, from, n, &sent);
		if (code == CURLE_OK && sent > 0) {
			from += sent;
			n -= sent;
			count_add(COUNT_IMAP_OUT, sent);
			progress(c);
		} else if (code != CURLE_OK && code != CURLE_AGAIN) {
			return imap_conn_fail(c, ERR_UNAVAILABLE, "connection lost while sending", e);
		} else if (!wait_for(c, POLLOUT)) {
			return imap_conn_fail(c, ERR_UNAVAILABLE, "does not take what we send", e);
		}
	}
	c->last_used = imap_now();
	return ERR_OK;
}

bool
imap_conn_readable(struct imap_conn *c)
{
	if (c->dead)
		return false;
	if (imap_lex_buffered(&c->lex))
		return true;
	size_t room, n = 0;
	unsigned char *to = imap_lex_room(&c->lex, &room);
	if (!to)
		return false;
	CURLcode code = curl_easy_recv(c->curl, to, room, &n);
	if (code == CURLE_OK && n > 0) {
		count_add(COUNT_IMAP_IN, n);
		imap_lex_filled(&c->lex, n);
		c->last_heard = imap_now();
		return true;
	}
	if (code != CURLE_AGAIN)
		c->dead = true;
	imap_lex_rest(&c->lex);
	return false;
}

void
imap_conn_rest(struct imap_conn *c)
{
	imap_lex_rest(&c->lex);
	arena_rewind(c->scratch, (struct arena_mark){ NULL, 0, NULL });
}

static void
note_state(struct imap_conn *c, const struct imap_response *r)
{
	if (r->status == STATUS_BYE && !c->why[0]) {
		size_t n = text_cut(r->text, sizeof c->why - 1 < strlen(r->text) ? sizeof c->why - 1 : strlen(r->text));
		memcpy(c->why, r->text[0] ? r->text : "BYE", n ? n : 4);
		c->why[n ? n : 3] = '\0';
		c->dead = true;
	}
	/* All that Dovecot says of an open mailbox whose name another has taken is "* NO Internal error", with an OK for the command. */
	if (r->status == STATUS_NO || r->status == STATUS_BAD)
		c->box.news = c->box.doubted = true;
}

/* What concerns the selected mailbox, whoever asked for it. */
static void
note(struct imap_conn *c, const struct imap_response *r)
{
	switch (r->kind) {
	case RESP_STATE:
		note_state(c, r);
		break;
	case RESP_EXISTS:
		c->changed |= r->number != c->box.exists;
		c->box.news |= r->number != c->box.exists;
		c->box.exists = r->number;
		break;
	case RESP_EXPUNGE:
		c->changed = c->box.news = true;
		c->box.expunges++;
		if (c->box.exists > 0)
			c->box.exists--;
		break;
	case RESP_VANISHED:
		if (r->earlier)
			break;
		c->changed = c->box.news = true;
		c->box.expunges++;
		uint64_t n = imap_uidset_count(&r->set);
		c->box.exists -= n < c->box.exists ? (uint32_t)n : c->box.exists;
		break;
	case RESP_FETCH:
		c->changed = true;
		/* Where CONDSTORE is on, what is not an answer to us has a MODSEQ (RFC 7162 3.2). */
		c->box.news |= r->fetch.has_modseq && r->fetch.modseq > c->box.modseq;
		break;
	default:
		break;
	}
}

enum err
imap_conn_response(struct imap_conn *c, uint64_t body_max, struct imap_response *r, struct error *e)
{
	*r = (struct imap_response){ .kind = RESP_NONE };
	if (c->dead)
		return imap_conn_fail(c, ERR_UNAVAILABLE, "connection lost", e);
	arena_rewind(c->scratch, (struct arena_mark){ NULL, 0, NULL });
	enum err got = imap_response_read(&c->lex, c->scratch, body_max, r);
	if (got)
		return imap_conn_fail(c, got, c->lex.why ? c->lex.why : "unreadable answer", e);
	progress(c);
	note(c, r);
	return ERR_OK;
}

bool
imap_conn_alive(struct imap_conn *c)
{
	while (imap_conn_readable(c)) {
		struct imap_response r;
		imap_conn_deadline(c);
		if (imap_conn_response(c, 0, &r, NULL))
			return false;
		imap_response_finish(&r);
	}
	if (!c->dead && imap_now() - c->last_heard > PROBE_AFTER && imap_run(c, "NOOP", NULL, NULL, NULL))
		return false;
	return !c->dead;
}

struct enabling {
	struct imap_conn *c;
	bool condstore, qresync, utf8;
};

static enum err
on_enabled(void *ctx, struct imap_response *r)
{
	struct enabling *en = ctx;
	if (r->kind == RESP_CAPABILITY) {
		en->c->caps = imap_caps_parse(r->words);
	} else if (r->kind == RESP_ENABLED) {
		en->qresync |= (imap_caps_parse(r->words) & CAP_QRESYNC) != 0;
		en->condstore |= (imap_caps_parse(r->words) & CAP_CONDSTORE) != 0;
		for (const char *p = r->words; *p; p++)
			en->utf8 |= text_casestarts(p, "UTF8=ACCEPT");
	}
	return ERR_OK;
}

/* RFC 5161: what is not said to be enabled is not. Where there is no ENABLE, CONDSTORE comes with the first use (RFC
 * 7162). */
static enum err
enable(struct imap_conn *c, struct error *e)
{
	struct enabling en = { .c = c };
	struct imap_run run = { .fn = on_enabled, .ctx = &en };
	struct imap_done done;
	/* Also skips what arrived together with the OK of the login, of which libcurl may have kept a part. */
	enum err err = imap_run(c, "CAPABILITY", &run, &done, e);
	if (err)
		return err;
	struct imap_cmd cmd AUTO(imap_cmd_finish) = { .c = c };
	bool any = false;
	if (c->caps & CAP_ENABLE && c->caps & (CAP_QRESYNC | CAP_CONDSTORE | CAP_UTF8_ONLY)) {
		any = true;
		imap_cmd_begin(&cmd, c, "ENABLE");
		imap_cmd_raw(&cmd, c->caps & CAP_QRESYNC ? " QRESYNC" : c->caps & CAP_CONDSTORE ? " CONDSTORE" : "");
		imap_cmd_raw(&cmd, c->caps & CAP_UTF8_ONLY ? " UTF8=ACCEPT" : "");
	}
	if (c->caps & CAP_ID) {
		/* Some servers let nobody select a mailbox before. */
		any = true;
		imap_cmd_begin(&cmd, c, "ID (\"name\" \"cpush\" \"version\" \"" CPUSH_VERSION "\")");
	}
	err = any ? imap_cmd_run(&cmd, &run, &done, e) : ERR_OK;
	c->qresync = en.qresync;
	c->condstore = en.condstore || en.qresync || (c->caps & CAP_CONDSTORE && !(c->caps & CAP_ENABLE));
	c->utf8 = en.utf8;
	return err;
}

static struct imap_conn *
conn_new(const struct backend *b)
{
	struct imap_conn *c = calloc(1, sizeof *c);
	if (!c)
		return NULL;
	c->b = b;
	c->fd = CURL_SOCKET_BAD;
	imap_lex_init(&c->lex, conn_read, c);
	c->lex.spool_dir = b->set.temp_dir;
	c->curl = curl_easy_init();
	c->scratch = arena_new((size_t)1024 * 1024);
	c->last_heard = c->last_used = imap_now();
	if (!c->curl || !c->scratch)
		imap_conn_close(&c);
	return c;
}

enum err
imap_conn_open(const struct backend *b, const char *login, const char *password, struct imap_conn **c_r,
	struct error *e)
{
	*c_r = NULL;
	/* Neither can be part of a password that any server knows, and neither may reach a command line. */
	if (strpbrk(login, "\r\n") || strpbrk(password, "\r\n") || !login[0] || !password[0])
		return err_set(e, ERR_AUTH, "the login has an empty or impossible name or password");
	struct imap_conn *c AUTO(imap_conn_close) = conn_new(b);
	if (!c)
		return err_set(e, ERR_NOMEM, "no memory for a connection");
	enum err err = imap_login(c, login, password, e);
	if (err) {
		c->dead = true;
		return err;
	}
	err = enable(c, e);
	if (!err)
		*c_r = TAKE(c);
	return err;
}

void
imap_conn_close(struct imap_conn **pc)
{
	struct imap_conn *c = *pc;
	*pc = NULL;
	if (!c)
		return;
	size_t sent;
	if (c->curl && !c->dead && c->fd != CURL_SOCKET_BAD)
		(void)curl_easy_send(c->curl, c->idling ? "DONE\r\nA0 LOGOUT\r\n" : "A0 LOGOUT\r\n",
			c->idling ? 17 : 11, &sent);
	curl_easy_cleanup(c->curl);
	imap_lex_finish(&c->lex);
	arena_free(&c->scratch);
	free(c->box.name);
	free(c->box.permanent);
	free(c);
}
