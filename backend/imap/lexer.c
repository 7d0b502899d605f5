#include "backend/imap/lexer.h"

#include <stdlib.h>
#include <string.h>

#include "backend/imap/spool.h"
#include "base/text.h"

#define BUFFER_SIZE ((size_t)16 * 1024)

void
imap_lex_init(struct imap_lex *l, imap_read_fn read, void *ctx)
{
	*l = (struct imap_lex){ .read = read, .ctx = ctx, .spool_above = (uint64_t)1024 * 1024, .spool_dir = "/tmp" };
}

void
imap_lex_finish(struct imap_lex *l)
{
	free(l->data);
	l->data = NULL;
	l->pos = l->end = 0;
}

void
imap_lex_rest(struct imap_lex *l)
{
	if (l->pos == l->end)
		imap_lex_finish(l);
}

bool
imap_lex_buffered(const struct imap_lex *l)
{
	return l->pos < l->end;
}

unsigned char *
imap_lex_room(struct imap_lex *l, size_t *room_r)
{
	if (!l->data)
		l->data = malloc(BUFFER_SIZE);
	l->pos = l->end = 0;
	*room_r = BUFFER_SIZE;
	return l->data;
}

void
imap_lex_filled(struct imap_lex *l, size_t n)
{
	l->end = n;
}

static bool
fail(struct imap_lex *l, enum err err, const char *why)
{
	if (!l->err) {
		l->err = err;
		l->why = why;
	}
	return false;
}

void
imap_lex_bad(struct imap_lex *l, const char *why)
{
	fail(l, ERR_PEER, why);
}

void
imap_lex_begin(struct imap_lex *l, size_t budget)
{
	l->budget = budget;
}

static bool
fill(struct imap_lex *l)
{
	if (l->err)
		return false;
	if (!l->data && !(l->data = malloc(BUFFER_SIZE)))
		return fail(l, ERR_NOMEM, "no memory");
	l->pos = l->end = 0;
	size_t n = 0;
	enum err e = l->read(l->ctx, l->data, BUFFER_SIZE, &n);
	if (e)
		return fail(l, e, l->why ? l->why : "connection lost");
	l->end = n;
	return n > 0 || fail(l, ERR_UNAVAILABLE, "connection closed");
}

int
imap_lex_peek(struct imap_lex *l)
{
	if (l->err || (l->pos == l->end && !fill(l)))
		return -1;
	return l->data[l->pos];
}

int
imap_lex_get(struct imap_lex *l)
{
	int c = imap_lex_peek(l);
	if (c < 0)
		return -1;
	if (l->budget == 0) {
		fail(l, ERR_PEER, "a line without end");
		return -1;
	}
	l->budget--;
	l->pos++;
	return c;
}

static int
peek_unspaced(struct imap_lex *l)
{
	int c;
	while ((c = imap_lex_peek(l)) == ' ')
		imap_lex_get(l);
	return c;
}

/* CRLF; a bare LF is let through, a bare CR is not. */
static bool
take_eol(struct imap_lex *l)
{
	int c = imap_lex_get(l);
	if (c == '\r')
		c = imap_lex_get(l);
	return c == '\n' || fail(l, ERR_PEER, "end of line expected");
}

bool
imap_lex_number(struct imap_lex *l, uint64_t *n_r)
{
	uint64_t n = 0;
	unsigned digits = 0;
	int c;
	while ((c = imap_lex_peek(l)) >= '0' && c <= '9') {
		if (digits++ == 19)
			return fail(l, ERR_PEER, "number too large");
		n = n * 10 + (uint64_t)(c - '0');
		imap_lex_get(l);
	}
	*n_r = n;
	return digits > 0 || fail(l, ERR_PEER, "number expected");
}

/* Is a literal next? A "~" before it (literal8, RFC 3516) is taken; *tilde_r: so it is where a word begins with one. */
static bool
literal_next(struct imap_lex *l, bool *tilde_r)
{
	*tilde_r = imap_lex_peek(l) == '~';
	if (*tilde_r)
		imap_lex_get(l);
	return imap_lex_peek(l) == '{';
}

/* "{123}CRLF" or "{123+}CRLF"; the bytes follow. */
static bool
literal_head(struct imap_lex *l, uint64_t *size_r)
{
	if (imap_lex_get(l) != '{')
		return fail(l, ERR_PEER, "literal expected");
	if (!imap_lex_number(l, size_r))
		return false;
	int c = imap_lex_get(l);
	if (c == '+')
		c = imap_lex_get(l);
	if (c != '}')
		return fail(l, ERR_PEER, "malformed literal");
	return take_eol(l);
}

/* Up to n bytes of a literal: from the buffer, or straight from the source where that is worth it. 0 on an error. */
static size_t
literal_bytes(struct imap_lex *l, unsigned char *to, size_t n)
{
	if (l->err)
		return 0;
	if (l->pos == l->end) {
		size_t got = 0;
		if (n >= BUFFER_SIZE) {
			enum err e = l->read(l->ctx, to, n, &got);
			if (e)
				fail(l, e, l->why ? l->why : "connection lost");
			return e ? 0 : got;
		}
		if (!fill(l))
			return 0;
	}
	size_t have = l->end - l->pos;
	if (n > have)
		n = have;
	memcpy(to, l->data + l->pos, n);
	l->pos += n;
	return n;
}

static bool
skip_bytes(struct imap_lex *l, uint64_t n)
{
	while (n > 0) {
		if (imap_lex_peek(l) < 0)
			return false;
		size_t have = l->end - l->pos;
		if (have > n)
			have = (size_t)n;
		l->pos += have;
		n -= have;
	}
	return true;
}

static bool
literal_skip(struct imap_lex *l)
{
	uint64_t size;
	return literal_head(l, &size) && skip_bytes(l, size);
}

static bool
literal_text(struct imap_lex *l, struct buf *out)
{
	uint64_t left;
	if (!literal_head(l, &left))
		return false;
	if (left > IMAP_STRING_MAX)
		return fail(l, ERR_LIMIT, "literal too large");
	while (left > 0) {
		unsigned char part[1024];
		size_t n = literal_bytes(l, part, left < sizeof part ? (size_t)left : sizeof part);
		if (n == 0)
			return false;
		buf_add(out, part, n);
		left -= n;
	}
	return true;
}

/* out NULL: thrown away. */
static bool
quoted(struct imap_lex *l, struct buf *out)
{
	imap_lex_get(l);
	for (;;) {
		int c = imap_lex_get(l);
		if (c == '"')
			return true;
		if (c == '\\')
			c = imap_lex_get(l);
		if (c < 0)
			return false;
		if (c == '\r' || c == '\n' || c == 0)
			return fail(l, ERR_PEER, "line ends within a string");
		if (!out)
			continue;
		buf_add_byte(out, (unsigned char)c);
		if (!buf_ok(out))
			return fail(l, ERR_PEER, "string too long");
	}
}

static bool
ends_atom(int c, bool within)
{
	if (c < 0 || c == '\r' || c == '\n' || c == 0)
		return true;
	return !within && (c == ' ' || c == '(' || c == ')' || c == '"');
}

/* tilde: its first byte was one, and is taken. sections: what stands between brackets belongs to it, spaces and all. out NULL:
 * thrown away. */
static bool
atom(struct imap_lex *l, bool tilde, bool sections, struct buf *out)
{
	int c;
	bool within = false;
	size_t n = tilde;
	if (tilde && out)
		buf_add_byte(out, '~');
	while (!ends_atom(c = imap_lex_peek(l), within)) {
		if (imap_lex_get(l) < 0)
			return false;
		within = sections && (c == '[' || (within && c != ']'));
		n++;
		if (!out)
			continue;
		buf_add_byte(out, (unsigned char)c);
		if (!buf_ok(out))
			return fail(l, ERR_PEER, "word too long");
	}
	if (c < 0)
		return false;
	return n > 0 || fail(l, ERR_PEER, "word expected");
}

static enum imap_tok
token_text(struct imap_lex *l, int c, bool sections, struct buf *out)
{
	bool tilde;
	if (c == '"')
		return quoted(l, out) ? TOK_STRING : TOK_ERROR;
	if (literal_next(l, &tilde))
		return literal_text(l, out) ? TOK_STRING : TOK_ERROR;
	return atom(l, tilde, sections, out) ? TOK_ATOM : TOK_ERROR;
}

static struct imap_token
token(struct imap_lex *l, struct arena *a, bool sections)
{
	struct imap_token t = { TOK_ERROR, NULL, 0 };
	int c = peek_unspaced(l);
	if (c < 0)
		return t;
	if (c == '(' || c == ')') {
		imap_lex_get(l);
		t.type = c == '(' ? TOK_OPEN : TOK_CLOSE;
		return t;
	}
	if (c == '\r' || c == '\n') {
		t.type = take_eol(l) ? TOK_EOL : TOK_ERROR;
		return t;
	}
	struct buf out AUTO(buf_finish);
	buf_init(&out, IMAP_STRING_MAX);
	t.type = token_text(l, c, sections, &out);
	if (t.type != TOK_ERROR) {
		t.len = out.len;
		t.text = buf_str(&out) ? arena_strndup(a, buf_str(&out), out.len) : NULL;
		if (!t.text) {
			fail(l, ERR_NOMEM, "no memory");
			t.type = TOK_ERROR;
		}
	}
	return t;
}

struct imap_token
imap_lex_token(struct imap_lex *l, struct arena *a)
{
	return token(l, a, false);
}

struct imap_token
imap_lex_item(struct imap_lex *l, struct arena *a)
{
	return token(l, a, true);
}

bool
imap_lex_skip(struct imap_lex *l)
{
	unsigned depth = 0;
	do {
		int c = peek_unspaced(l);
		bool ok = true, tilde;
		if (c == '(') {
			imap_lex_get(l);
			depth++;
			if (depth > IMAP_DEPTH_MAX)
				return fail(l, ERR_PEER, "nested too deeply");
		} else if (c == ')' && depth > 0) {
			imap_lex_get(l);
			depth--;
		} else if (c == '"') {
			ok = quoted(l, NULL);
		} else if (literal_next(l, &tilde)) {
			ok = literal_skip(l);
		} else {
			ok = atom(l, tilde, false, NULL);
		}
		if (!ok)
			return false;
	} while (depth > 0);
	return true;
}

bool
imap_lex_skip_line(struct imap_lex *l)
{
	/* Nothing but "{number}" right before the end of the line matters: a literal must be stepped over, or the
	 * next response begins in the middle of it. `open` is the state of such a head, `size` its number. */
	enum { OUTSIDE, DIGITS, PLUS, CLOSED } open = OUTSIDE;
	uint64_t size = 0;
	for (;;) {
		int c = imap_lex_get(l);
		if (c < 0)
			return false;
		if (c == '\r')
			continue;
		if (c == '\n') {
			if (open != CLOSED)
				return true;
			if (!skip_bytes(l, size))
				return false;
			open = OUTSIDE;
		} else if (c == '{') {
			open = DIGITS;
			size = 0;
		} else if (open == DIGITS && c >= '0' && c <= '9' && size < UINT64_MAX / 100) {
			size = size * 10 + (uint64_t)(c - '0');
		} else if (open == DIGITS && c == '+') {
			open = PLUS;
		} else if ((open == DIGITS || open == PLUS) && c == '}') {
			open = CLOSED;
		} else {
			open = OUTSIDE;
		}
	}
}

bool
imap_lex_line(struct imap_lex *l, char *text, size_t room)
{
	size_t n = 0;
	int c;
	while ((c = imap_lex_get(l)) >= 0 && c != '\n') {
		if (n + 1 < room && c != 0)
			text[n++] = (char)c;
	}
	if (n > 0 && text[n - 1] == '\r')
		n--;
	text[n] = '\0';
	return c >= 0;
}

static bool
blob_literal(struct imap_lex *l, uint64_t max, struct imap_blob *blob_r)
{
	uint64_t size;
	if (!literal_head(l, &size))
		return false;
	if (size > max)
		return fail(l, ERR_LIMIT, "literal too large");
	struct imap_spool spool;
	imap_spool_init(&spool, size, size > l->spool_above ? l->spool_dir : NULL);
	while (spool.len < size) {
		size_t room;
		unsigned char *to = imap_spool_room(&spool, &room);
		if (!to) {
			imap_spool_drop(&spool);
			return fail(l, ERR_NOMEM, "no room for a large mail");
		}
		size_t n = literal_bytes(l, to, room);
		if (n == 0 || !imap_spool_took(&spool, n)) {
			imap_spool_drop(&spool);
			return fail(l, ERR_NOMEM, "no room for a large mail");
		}
	}
	return imap_spool_end(&spool, blob_r) || fail(l, ERR_NOMEM, "no room for a large mail");
}

bool
imap_lex_blob(struct imap_lex *l, uint64_t max, struct imap_blob *blob_r, bool *nil_r)
{
	*blob_r = (struct imap_blob){ NULL, 0, false };
	*nil_r = false;
	int c = peek_unspaced(l);
	bool tilde;
	if (literal_next(l, &tilde))
		return blob_literal(l, max, blob_r);
	struct buf out AUTO(buf_finish);
	buf_init(&out, IMAP_STRING_MAX);
	if (c != '"') {
		if (!atom(l, tilde, false, &out))
			return false;
		*nil_r = buf_str(&out) && text_casecmp(buf_str(&out), "NIL") == 0;
		return *nil_r || fail(l, ERR_PEER, "string expected");
	}
	if (!quoted(l, &out) || out.len > max)
		return fail(l, ERR_LIMIT, "string too long");
	*blob_r = (struct imap_blob){ out.data, out.len, false };
	buf_init(&out, 0); /* the bytes have a new owner */
	return true;
}
