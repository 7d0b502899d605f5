/* wbxml/wbxml.h - the WBXML 1.3 subset of ActiveSync: a bounded reader into a tree, a writer, a dump as XML.
 *
 * Layer:     wbxml (may include base only)
 * Ownership: a tree lives in the arena it was read into and borrows the input's bytes for opaque data and for tags whose
 *            content is bytes (wbxml_tag_opaque); other text is copied and NUL-terminated. A writer borrows its buf.
 * Limits:    struct wbxml_limits; exceeding one is ERR_LIMIT.
 * Errors:    ERR_INVALID for malformed input, ERR_LIMIT, ERR_NOMEM. No input aborts.
 * Threads:   no state; the tables are const.
 * Spec:      [MS-ASWBXML] 2.1; the tokens are in wbxml/codepages.def, one line each.
 *
 * A tag is page << 8 | token and has a name: AirSync_Sync, Email2_UmCallerID, FolderHierarchy_ServerId ...
 */
#ifndef WBXML_WBXML_H
#define WBXML_WBXML_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"

enum wbxml_page {
#define PAGE(number, name) WBXML_PAGE_##name = number,
#define TAG(page, token, name, opaque)
#include "wbxml/codepages.def"
#undef PAGE
#undef TAG
};

enum wbxml_tag {
#define PAGE(number, name)
#define TAG(page, token, name, opaque) page##_##name = WBXML_PAGE_##page << 8 | (token),
#include "wbxml/codepages.def"
#undef PAGE
#undef TAG
};

/* Of a tag that no code page has: read so, never written. Such elements are kept, so that newer clients do no harm. */
#define WBXML_UNKNOWN 0xFFFFu

const char *wbxml_tag_name(unsigned tag);  /* "Sync"; NULL if unassigned */
const char *wbxml_page_name(unsigned page); /* "AirSync"; NULL if unassigned */
/* True if its content travels as OPAQUE bytes; a reader takes an inline string there too. */
bool wbxml_tag_opaque(unsigned tag);
unsigned wbxml_tag_find(const char *page, const char *name); /* WBXML_UNKNOWN if there is none */

/* ---- reading ---- */

struct wbxml_node {
	unsigned tag;
	bool opaque;              /* the content came as OPAQUE: use data, which may hold any bytes */
	struct wbxml_node *parent;
	struct wbxml_node *child; /* first child; NULL for a leaf */
	struct wbxml_node *next;  /* sibling */
	const char *text;         /* valid UTF-8, never NULL; "" where empty, where there are children, and of opaque data that is
	                           * no text: with a NUL in it, or of a tag whose content is bytes */
	struct slice data;        /* of text or opaque; the bytes as they came of a tag whose content is bytes */
};

struct wbxml_limits {
	unsigned depth;    /* elements inside each other */
	unsigned elements; /* in the whole document */
};
extern const struct wbxml_limits wbxml_limits_default; /* 24 and 50,000 */

/* Reads one whole document; limits NULL: the default. Bytes behind the root element are ERR_INVALID. Text and opaque pieces of one element are joined;
 * text that is not UTF-8 is taken as Latin-1. Elements with both text and children keep the children. */
enum err wbxml_read(struct arena *a, struct slice in, const struct wbxml_limits *limits, struct wbxml_node **root_r,
	struct error *e) NODISCARD;

/* All of these accept node == NULL and then find nothing. */
const struct wbxml_node *wbxml_child(const struct wbxml_node *node, unsigned tag);       /* the first one */
const struct wbxml_node *wbxml_next(const struct wbxml_node *node, unsigned tag);        /* the next sibling of that tag */
const struct wbxml_node *wbxml_path(const struct wbxml_node *node, const unsigned *tags, unsigned n);
bool wbxml_has(const struct wbxml_node *node, unsigned tag);
size_t wbxml_count(const struct wbxml_node *node, unsigned tag);
/* The text of the first such child; NULL if there is none. */
const char *wbxml_text(const struct wbxml_node *node, unsigned tag);
/* Its number (decimal, whole text); `fallback` where it is absent or empty; `bad` where it is no number. */
int64_t wbxml_int(const struct wbxml_node *node, unsigned tag, int64_t fallback, int64_t bad);
/* A boolean: absent: fallback; empty or "1": true; else false. */
bool wbxml_bool(const struct wbxml_node *node, unsigned tag, bool fallback);

/* ---- writing ---- */

#define WBXML_DEPTH_MAX 32

struct wbxml_writer {
	struct buf *out;
	unsigned page;
	unsigned depth;
	bool open; /* the start tag written last may still become an empty one */
	size_t tag_at;
	unsigned stack[WBXML_DEPTH_MAX];
};

/* Where a writer stood; going back drops what was written since (an item that could not be rendered). */
struct wbxml_point {
	struct wbxml_writer writer;
	size_t len;
	bool failed;
};

/* What every document begins with: version 1.3, no public id, UTF-8 (106), no string table. */
#define WBXML_HEADER "\x03\x01\x6A\x00"
#define WBXML_HEADER_LEN 4
/* SWITCH_PAGE to the page that is current at the beginning: any number may follow the header before the rest is known. */
#define WBXML_NO_OP "\x00\x00"
#define WBXML_NO_OP_LEN 2

/* Writes the header into out. Errors are those of the buf and are sticky there; too deep is a fault of ours and fails it. */
void wbxml_begin(struct wbxml_writer *w, struct buf *out);
void wbxml_start(struct wbxml_writer *w, unsigned tag);
/* Ends the innermost element; one without content becomes an empty tag. */
void wbxml_end(struct wbxml_writer *w);
void wbxml_empty(struct wbxml_writer *w, unsigned tag);
/* <tag>s</tag>. s should be UTF-8: malformed bytes become U+FFFD, NUL and other controls that XML forbids (phones turn
 * WBXML into XML) spaces. NULL writes nothing at all, "" an empty tag. */
void wbxml_put(struct wbxml_writer *w, unsigned tag, const char *s);
void wbxml_put_n(struct wbxml_writer *w, unsigned tag, const char *s, size_t n);
void wbxml_put_int(struct wbxml_writer *w, unsigned tag, int64_t v);
/* The same in two steps: between them the caller appends the text, clean UTF-8, to the buf himself. */
void wbxml_begin_text(struct wbxml_writer *w, unsigned tag);
void wbxml_end_text(struct wbxml_writer *w);
void wbxml_put_opaque(struct wbxml_writer *w, unsigned tag, struct slice bytes);
/* A page switch that changes nothing: keeps a slow answer alive. Allowed between any two calls before the root ends; all that
 * the buf holds then is final and may be sent and dropped (no point taken before is good for anything afterwards). */
void wbxml_noop(struct wbxml_writer *w);
/* Copies a tree that was read, tag and all, but for elements that are WBXML_UNKNOWN. */
void wbxml_put_node(struct wbxml_writer *w, const struct wbxml_node *node);
/* Elements that were written apart (from the AirSync page, without a header), put in as they are; they end on page_after. */
void wbxml_put_piece(struct wbxml_writer *w, struct slice piece, unsigned page_after);
/* A writer for such a piece: no header, at the AirSync page. */
void wbxml_begin_piece(struct wbxml_writer *w, struct buf *out);
struct wbxml_point wbxml_point(const struct wbxml_writer *w);
/* Also takes back a failure of the buf (its maximum was reached) that came after the point. */
void wbxml_back(struct wbxml_writer *w, const struct wbxml_point *p);

/* ---- traces ---- */

enum wbxml_dump {
	WBXML_DUMP_ALL = 0,
	WBXML_DUMP_PRIVATE = 1, /* bodies, subjects, names, addresses and passwords become their length: <Subject>[12 bytes]</Subject> */
};
/* Indented XML with namespaces where they change. Malformed input is dumped as far as it goes, then a comment says why. */
void wbxml_dump(struct slice in, enum wbxml_dump how, struct buf *out);

#endif
