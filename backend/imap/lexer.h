/* backend/imap/lexer.h - what an IMAP server sends, cut into tokens (RFC 9051 section 9).
 *
 * Bytes come from a function that blocks until some are there (or its deadline has passed). One response at a time is
 * read: imap_lex_begin(), then tokens up to the end of its line.
 * Ownership: text of tokens lives in the arena; a blob is given back with imap_blob_free().
 * Limits:    bytes of one response outside of literals (the budget), of one string (IMAP_STRING_MAX), of a blob
 *            (given per call). Memory for a literal is taken as its bytes arrive, never because of what is announced.
 * Errors:    sticky: the first one stays in `err` (PEER for bad syntax and lines without end, LIMIT for a literal too
 *            large, NOMEM, or what the source gave) and every later call fails. The connection is of no use then.
 */
#ifndef BACKEND_IMAP_LEXER_H
#define BACKEND_IMAP_LEXER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"

#define IMAP_STRING_MAX ((size_t)64 * 1024)
#define IMAP_DEPTH_MAX 32

/* At least one byte on OK. */
typedef enum err (*imap_read_fn)(void *ctx, void *p, size_t room, size_t *n_r);

struct imap_lex {
	imap_read_fn read;
	void *ctx;
	unsigned char *data; /* owned; NULL while nothing is buffered */
	size_t pos, end;
	size_t budget;
	enum err err;
	const char *why;     /* static text beside err */
	uint64_t spool_above; /* blobs larger than this go to a file */
	const char *spool_dir; /* borrowed */
};

/* A literal or string of any size: memory, or a mapping of a file that has no name. */
struct imap_blob {
	unsigned char *ptr;
	size_t len;
	bool mapped;
};

enum imap_tok { TOK_ERROR, TOK_EOL, TOK_OPEN, TOK_CLOSE, TOK_ATOM, TOK_STRING };

struct imap_token {
	enum imap_tok type;
	const char *text; /* ATOM and STRING, with a NUL behind it */
	size_t len;
};

void imap_lex_init(struct imap_lex *l, imap_read_fn read, void *ctx);
void imap_lex_finish(struct imap_lex *l);
/* Gives the buffer's memory back if nothing is in it. */
void imap_lex_rest(struct imap_lex *l);
/* True while read bytes wait in the buffer. */
bool imap_lex_buffered(const struct imap_lex *l);

/* Room for bytes that the caller reads by itself while nothing is buffered, and how many it put there. NULL: no
 * memory. */
unsigned char *imap_lex_room(struct imap_lex *l, size_t *room_r);
void imap_lex_filled(struct imap_lex *l, size_t n);

/* A new response begins, which may have so many bytes outside of literals. */
void imap_lex_begin(struct imap_lex *l, size_t budget);
/* The next byte without taking it, or -1. */
int imap_lex_peek(struct imap_lex *l);
int imap_lex_get(struct imap_lex *l);
/* Fails the lexer (PEER) with a static text. */
void imap_lex_bad(struct imap_lex *l, const char *why);

/* The next token; spaces before it are skipped. */
struct imap_token imap_lex_token(struct imap_lex *l, struct arena *a);
/* The same where the name of a FETCH item may come, which has its section within: BODY[HEADER.FIELDS (TO)]<0>. */
struct imap_token imap_lex_item(struct imap_lex *l, struct arena *a);
/* Atom, string or list, thrown away without taking memory. False on an error or where none is there. */
bool imap_lex_skip(struct imap_lex *l);
/* The rest of the line and its end. */
bool imap_lex_skip_line(struct imap_lex *l);
/* The rest of the line as text (cut at `room` - 1 bytes, NUL added), its end taken. */
bool imap_lex_line(struct imap_lex *l, char *text, size_t room);
/* Decimal digits. False (and an error) where none or too many are there. */
bool imap_lex_number(struct imap_lex *l, uint64_t *n_r);
/* A string or literal of up to max bytes, or NIL (then *nil_r). */
bool imap_lex_blob(struct imap_lex *l, uint64_t max, struct imap_blob *blob_r, bool *nil_r);
void imap_blob_free(struct imap_blob *b);

#endif
