/* base/buf.h - bytes: `struct slice` borrows them, `struct buf` grows them up to a maximum.
 *
 * A buf is given its maximum at buf_init(). Appending returns nothing; a failure (maximum, malloc) is sticky and is asked
 * for once, at the end, with buf_ok(). A failed buf keeps what it had and takes nothing more.
 */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "base/defs.h"

struct slice {
	const unsigned char *ptr; /* borrowed; may be NULL where len is 0 */
	size_t len;
};

static inline struct slice
slice(const void *p, size_t n)
{
	return (struct slice){ p, n };
}

static inline struct slice
slice_str(const char *s)
{
	return (struct slice){ (const unsigned char *)s, s ? strlen(s) : 0 };
}

bool slice_eq(struct slice a, struct slice b);

struct buf {
	unsigned char *data;
	size_t len;
	size_t cap;
	size_t max;
	bool failed;
};

/* max in bytes; 0: no maximum. No memory is taken yet. */
void buf_init(struct buf *b, size_t max);
/* Frees the memory; the buf is as after buf_init() with the same maximum. Also an AUTO destructor. */
void buf_finish(struct buf *b);
/* Empties it and keeps the memory; clears the failure. */
void buf_reset(struct buf *b);

void buf_add(struct buf *b, const void *p, size_t n);
void buf_add_str(struct buf *b, const char *s);
void buf_add_byte(struct buf *b, unsigned char c);
void buf_add_slice(struct buf *b, struct slice s);
void buf_printf(struct buf *b, const char *fmt, ...) PRINTF(2, 3);
/* Room for n more bytes, to be filled by the caller who then adds to b->len; NULL on failure. */
unsigned char *buf_reserve(struct buf *b, size_t n);
/* Puts n bytes before what is there. */
void buf_prepend(struct buf *b, const void *p, size_t n);
/* Drops the first n bytes. */
void buf_drop(struct buf *b, size_t n);
/* The content with a NUL behind it (not counted), valid until the next change; NULL if the buf has failed. */
const char *buf_str(struct buf *b);
/* False once anything was refused. */
bool buf_ok(const struct buf *b);

static inline struct slice
buf_slice(const struct buf *b)
{
	return (struct slice){ b->data, b->len };
}

#endif
