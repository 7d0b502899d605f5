/* eas/mime.h - messages [RFC 5322, 2045-2047, 2183, 2231]: their parts by number, their texts as UTF-8, and building
 * new ones.
 *
 * Layer:     eas, private to it; the one room that knows GMime
 * Division:  where parts begin and end is found here, without recursion and with bounds, because a part must be known
 * by its bytes: what is
 *            forwarded is carried over as it stands. What stands inside a field or a part (addresses, encoded words,
 *            parameters,
 *            charsets, transfer encodings) is GMime's.
 * Ownership: struct mime and all it points to live in the arena; slices borrow the message's bytes.
 * Limits:    MIME_DEPTH multiparts inside each other, MIME_PARTS parts, MIME_HEADER bytes of one header, MIME_FIELD of
 * one field,
 *            MIME_TEXT bytes of one text. What lies beyond a limit is left whole (a multipart that is too deep is one
 *            attachment) or cut.
 * Errors:    NOMEM only: every sequence of bytes is a message of some kind.
 * Threads:   any; nothing is shared.
 */
#ifndef EAS_MIME_H
#define EAS_MIME_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"

#define MIME_DEPTH 24
#define MIME_PARTS 1000
#define MIME_HEADER (256u << 10)
#define MIME_FIELD (32u << 10)
#define MIME_TEXT (16u << 20)

enum mime_encoding { MIME_IDENTITY, MIME_BASE64, MIME_QUOTED, MIME_UUENCODE };
enum mime_disposition { MIME_UNSAID, MIME_INLINE, MIME_ATTACHMENT };

struct mime_part {
	struct mime_part *parent, *child, *next;
	const char *number;     /* as IMAP has it: "2.1"; of a multipart root "" */
	struct slice raw;       /* header and body */
	struct slice header;    /* with the empty line */
	struct slice body;      /* as encoded */
	const char *type;       /* "text/plain", lower case, never NULL */
	const char *charset;    /* NULL: not said */
	const char *boundary;   /* of a multipart that was split */
	const char *name;       /* of the file, UTF-8; NULL */
	const char *method;     /* of text/calendar, upper case; NULL */
	const char *subtype;    /* smime-type, report-type or start, whichever its type has; NULL */
	const char *content_id; /* without angle brackets; NULL */
	const char *location;   /* NULL */
	enum mime_encoding encoding;
	enum mime_disposition disposition;
	bool flowed, delete_space; /* of text/plain: format=flowed, DelSp=yes [RFC 3676] */
	bool body_text;         /* picked as a part of the text */
};

struct mime_text {              /* one piece of the body; a message may have several, one after the other */
	const struct mime_part *plain, *html; /* alternatives; one may be NULL */
};

#define MIME_TEXTS 50

struct mime {
	struct mime_part *root;
	struct mime_text texts[MIME_TEXTS];
	size_t n_texts;
	const struct mime_part **attachments; /* every leaf that is no text of the body, by number */
	size_t n_attachments;
	const struct mime_part *calendar; /* text/calendar with a METHOD; NULL */
	bool limited;           /* a limit was met */
};

enum err mime_open(struct arena *a, struct slice bytes, struct mime **m_r, struct error *e) NODISCARD;
/* The part with this number (a leaf or a multipart); NULL if there is none. */
const struct mime_part *mime_find(const struct mime *m, const char *number);
/* In document order; NULL behind the last. */
const struct mime_part *mime_next_part(const struct mime_part *p);
/* Encrypted or opaquely signed (pkcs7-mime), and clear signed. */
bool mime_is_smime(const struct mime *m);
bool mime_is_signed(const struct mime *m);

/* ---- what a part holds ---- */

/* The bytes from first to last (included) of what is there after the transfer encoding was undone, appended to out. What is left out takes
 * no memory. */
void mime_decode_range(const struct mime_part *p, uint64_t first, uint64_t last, struct buf *out);
uint64_t mime_decoded_size(const struct mime_part *p);
/* A text part as UTF-8 without NUL, its paragraphs joined where it is flowed, never more than MIME_TEXT bytes. An
 * unknown charset is taken for UTF-8, else for CP1252; malformed bytes become U+FFFD. NULL: memory. */
char *mime_part_text(struct arena *a, const struct mime_part *p);
/* All of the body as plain text or as HTML, made from the other kind where a piece has one only. plain is NULL where no
 * piece is plain, html where none is HTML (the caller converts). What was cut off at MIME_TEXT is about so many bytes;
 * 0: nothing. */
struct mime_body {
	const char *plain, *html;
	uint64_t plain_beyond, html_beyond;
};
/* NOMEM. */
enum err mime_body(struct arena *a, const struct mime *m, struct mime_body *r) NODISCARD;
/* Is any piece of the body HTML, and so mime_body.html not NULL? */
bool mime_has_html(const struct mime *m);
/* What to call an attachment; never NULL or empty, no path and no control characters. NULL: memory. */
const char *mime_attachment_name(struct arena *a, const struct mime_part *p);
/* A file's name without what a file system, a header or a phone would trip over; may be "". NULL: memory. */
char *mime_safe_name(struct arena *a, const char *name);
/* ".jpg" for image/jpeg and the like; "" for others. */
const char *mime_extension(const char *type);
/* Shown inside the text: part of a multipart/related, or inline with a Content-ID. */
bool mime_is_inline(const struct mime_part *p);
/* The message with every leaf of other bytes as quoted-printable or base64, for channels that carry UTF-8 without
 * controls only; the bytes themselves where that is all they are. NOMEM. */
enum err mime_as_text(struct arena *a, const struct mime *m, struct slice *text_r) NODISCARD;

/* ---- fields of a header ---- */

/* The fields of a message, with the empty line behind them. */
struct slice mime_header_of(struct slice message);
/* The first field of that name: unfolded, bytes as they are, without surrounding space. NULL: there is none, or
 * memory. */
const char *mime_field(struct arena *a, struct slice header, const char *name);
/* The same, decoded to UTF-8. */
const char *mime_field_text(struct arena *a, struct slice header, const char *name);
/* Walks the fields: name and raw value (folded, with its last line end). *pos begins at 0. */
bool mime_field_next(struct slice header, size_t *pos, struct slice *name_r, struct slice *value_r,
	struct slice *whole_r);

struct mime_address {
	const char *name; /* UTF-8; "" none */
	const char *address; /* as written; may be malformed */
};
struct mime_addresses {
	struct mime_address *list;
	size_t n;
};
/* All mailboxes of all fields of that name, groups opened. NOMEM. */
enum err mime_addresses(struct arena *a, struct slice header, const char *name, struct mime_addresses *l_r) NODISCARD;
/* The same from one text, decoded or not. */
enum err mime_address_parse(struct arena *a, const char *text, struct mime_addresses *l_r) NODISCARD;
/* "Name" <address>, ... with `between` (a comma, a semicolon) between two, where it is cut to at most max bytes.
 * NULL: memory. */
const char *mime_address_text(struct arena *a, const struct mime_addresses *l, char between, size_t max);
/* Fit for an envelope: one @ with something on both sides, no space, control or bracket. */
bool mime_address_ok(const char *address);

/* With angle brackets; NULL: none. */
const char *mime_message_id(struct arena *a, struct slice header);
/* Ids of a field such as References, with angle brackets; the i-th, NULL behind the last. */
const char *mime_id_at(struct arena *a, struct slice header, const char *name, size_t i);
/* Date as seconds since 1970 UTC; false: none, or malformed. */
bool mime_date(struct arena *a, struct slice header, int64_t *t_r);

/* ---- building ---- */

enum mime_node_kind {
	MIME_NODE_RAW,       /* a part as it stands: header and body in `bytes` */
	MIME_NODE_TEXT,      /* `bytes` is UTF-8 of type `type` */
	MIME_NODE_FILE,      /* `bytes` are an attachment */
	MIME_NODE_MULTIPART, /* `type`, children */
};
struct mime_node {
	enum mime_node_kind kind;
	const char *type;
	const char *name;       /* FILE */
	const char *method;     /* TEXT: of text/calendar */
	const char *content_id; /* FILE; without brackets */
	const char *location;
	bool is_inline;
	bool strip;             /* RAW: of its header only the Content- fields */
	struct slice bytes;
	struct mime_node *child, *last, *next;
};
struct mime_node *mime_node(struct arena *a, enum mime_node_kind kind, const char *type, struct slice bytes);
void mime_node_add(struct mime_node *parent, struct mime_node *child);
/* The part as it stands, without those leaves for which drop() says so; NULL where nothing is left (or memory is short:
 * *ok_r). */
struct mime_node *mime_node_of(struct arena *a, const struct mime_part *p,
	bool (*drop)(void *ctx, const struct mime_part *p), void *ctx, bool *ok_r);
/* The whole as a message: `header` (fields without those of MIME, no empty line) and the node. Boundaries are derived
 * from seed and tried against the content. CRLF. NOMEM through out. */
void mime_write(struct arena *a, struct slice header, const struct mime_node *n, const char *seed, struct buf *out);
/* "Name: value\r\n" with the value encoded (RFC 2047) and folded; line ends and controls in it become spaces. */
void mime_put_text(struct buf *out, const char *name, const char *value);
/* The same for addresses. Nothing where the list is empty. */
void mime_put_addresses(struct buf *out, const char *name, const struct mime_addresses *l);
/* Date: of t in UTC. */
void mime_put_date(struct buf *out, int64_t t);
/* Copies the fields of header but for those named (NULL-terminated list); line ends become CRLF. */
void mime_copy_fields(struct buf *out, struct slice header, const char *const *without);
/* Line ends become CRLF; a last line without one gets it. */
void mime_add_crlf(struct buf *out, struct slice bytes);

#endif
