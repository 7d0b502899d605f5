/* Building messages: out of texts, files, and parts that go over as they stand. */
#include <gmime/gmime.h>
#include <openssl/sha.h>
#include <string.h>

#include "base/text.h"
#include "eas/mime_internal.h"

#define LINE 76 /* RFC 5322 2.1.1 */

static void
free_g(char **s)
{
	g_free(*s);
	*s = NULL;
}

static void
free_type(GMimeContentType **t)
{
	g_clear_object(t);
}

static void
free_disposition(GMimeContentDisposition **d)
{
	g_clear_object(d);
}

static void
unref_address(InternetAddress **ia)
{
	g_clear_object(ia);
}

/* ---- nodes ---- */

struct mime_node *
mime_node(struct arena *a, enum mime_node_kind kind, const char *type, struct slice bytes)
{
	struct mime_node *n = arena_alloc(a, sizeof *n);

	if (n) {
		n->kind = kind;
		n->type = type;
		n->bytes = bytes;
	}
	return n;
}

void
mime_node_add(struct mime_node *parent, struct mime_node *child)
{
	if (parent->last)
		parent->last->next = child;
	else
		parent->child = child;
	parent->last = child;
}

static struct mime_node *
raw_node(struct arena *a, const struct mime_part *p, bool *ok_r)
{
	struct mime_node *n = mime_node(a, MIME_NODE_RAW, p->type, p->raw);

	if (!n)
		*ok_r = false;
	else
		n->strip = !p->parent;
	return n;
}

struct mime_node *
mime_node_of(struct arena *a, const struct mime_part *p, bool (*drop)(void *ctx, const struct mime_part *p), void *ctx,
	bool *ok_r)
{
	struct mime_node *n;
	bool whole = true;

	if (!p->child)
		return drop(ctx, p) ? NULL : raw_node(a, p, ok_r);
	n = mime_node(a, MIME_NODE_MULTIPART, strcmp(p->type, "multipart/signed") == 0 ? "multipart/mixed" : p->type,
		(struct slice){ 0 });
	for (const struct mime_part *c = p->child; n && c; c = c->next) {
		struct mime_node *child = mime_node_of(a, c, drop, ctx, ok_r);

		whole = whole && child && child->kind == MIME_NODE_RAW && child->bytes.ptr == c->raw.ptr
			&& child->bytes.len == c->raw.len;
		if (child)
			mime_node_add(n, child);
	}
	if (!n) {
		*ok_r = false;
		return NULL;
	}
	if (whole)
		return raw_node(a, p, ok_r);
	return n->child && n->child->next ? n : n->child;
}

/* ---- fields ---- */

void
mime_add_crlf(struct buf *out, struct slice bytes)
{
	size_t at = 0;

	while (at < bytes.len) {
		const unsigned char *nl = memchr(bytes.ptr + at, '\n', bytes.len - at);
		size_t end = nl ? (size_t)(nl - bytes.ptr) : bytes.len;
		size_t n = end - at;

		if (n && bytes.ptr[end - 1] == '\r')
			n--;
		buf_add(out, bytes.ptr + at, n);
		buf_add(out, "\r\n", 2);
		at = nl ? end + 1 : bytes.len;
	}
}

void
mime_copy_fields(struct buf *out, struct slice header, const char *const *without)
{
	struct slice name, value, whole;
	size_t pos = 0;

	while (mime_field_next(header, &pos, &name, &value, &whole)) {
		bool skip = false;

		for (const char *const *w = without; w && *w && !skip; w++)
			skip = name.len == strlen(*w) && text_ncasecmp((const char *)name.ptr, *w, name.len) == 0;
		if (!skip)
			mime_add_crlf(out, whole);
	}
}

/* "Name: words" with line ends between words where a line would grow too long. */
static void
put_folded(struct buf *out, const char *name, const char *value)
{
	size_t column = strlen(name) + 1;

	buf_printf(out, "%s:", name);
	while (*value) {
		size_t space = strspn(value, " \t\r\n"), word = strcspn(value + space, " \t\r\n");

		if (word == 0)
			break;
		if (column + 1 + word > LINE && column > strlen(name) + 1) {
			buf_add_str(out, "\r\n");
			column = 0;
		}
		buf_add_byte(out, ' ');
		buf_add(out, value + space, word);
		column += 1 + word;
		value += space + word;
	}
	buf_add_str(out, "\r\n");
}

void
mime_put_text(struct buf *out, const char *name, const char *value)
{
	AUTO(buf_finish) struct buf clean = { 0 };

	mime_init();
	buf_init(&clean, MIME_FIELD);
	text_add_utf8(&clean, value, strlen(value) < MIME_FIELD / 2 ? strlen(value) : text_cut(value, MIME_FIELD / 2));
	for (size_t i = 0; i < clean.len; i++) {
		if (clean.data[i] < 0x20 || clean.data[i] == 0x7f)
			clean.data[i] = ' ';
	}
	const char *s = clean.len ? buf_str(&clean) : "";
	AUTO(free_g) char *encoded = s ? g_mime_utils_header_encode_text(NULL, s, "utf-8") : NULL;
	if (encoded)
		put_folded(out, name, encoded);
	else
		out->failed = true;
}

void
mime_put_addresses(struct buf *out, const char *name, const struct mime_addresses *l)
{
	AUTO(buf_finish) struct buf value = { 0 };

	mime_init();
	buf_init(&value, 0);
	for (size_t i = 0; i < l->n; i++) {
		const struct mime_address *m = &l->list[i];
		AUTO(unref_address) InternetAddress *ia = internet_address_mailbox_new(*m->name ? m->name : NULL,
			m->address);
		AUTO(free_g) char *s = internet_address_to_string(ia, NULL, TRUE);

		if (i)
			buf_add_str(&value, ", ");
		buf_add_str(&value, s);
	}
	if (l->n == 0)
		return;
	if (buf_str(&value))
		put_folded(out, name, buf_str(&value));
	else
		out->failed = true;
}

void
mime_put_date(struct buf *out, int64_t t)
{
	GDateTime *d = g_date_time_new_from_unix_utc(t);
	AUTO(free_g) char *s = NULL;

	mime_init();
	if (d) {
		s = g_mime_utils_header_format_date(d);
		g_date_time_unref(d);
	}
	if (s)
		put_folded(out, "Date", s);
}

/* ---- writing ---- */

struct writing {
	struct arena *a;
	struct buf *out;
	const char *seed;
	unsigned boundaries;
	const struct mime_node *root;
};

static bool
contains(const struct mime_node *n, const char *s, size_t len)
{
	for (const struct mime_node *c = n->child; c; c = c->next) {
		if (contains(c, s, len))
			return true;
	}
	return n->bytes.len && memmem(n->bytes.ptr, n->bytes.len, s, len);
}

/* Derived, so that the same mail is the same bytes on each try; encoded texts and files cannot hold "=_". */
static const char *
boundary(struct writing *w)
{
	for (unsigned try = 0; try < 20; try++) {
		unsigned char hash[SHA256_DIGEST_LENGTH];
		char hex[33];
		char *s = arena_printf(w->a, "%u:%u:%s", w->boundaries, try, w->seed);

		if (!s)
			break;
		SHA256((const unsigned char *)s, strlen(s), hash);
		text_hex(hash, 16, hex);
		char *b = arena_printf(w->a, "=_%s", hex);
		if (b && !contains(w->root, b, strlen(b))) {
			w->boundaries++;
			return b;
		}
	}
	w->out->failed = true;
	return "=_";
}

static void
put_parameters(struct buf *out, const char *name, const char *encoded)
{
	struct slice s = slice_str(encoded);

	while (s.len && (s.ptr[s.len - 1] == '\n' || s.ptr[s.len - 1] == '\r'))
		s.len--;
	buf_printf(out, "%s: ", name);
	while (s.len && (*s.ptr == ' ' || *s.ptr == '\n')) {
		s.ptr++;
		s.len--;
	}
	mime_add_crlf(out, s);
}

/* GMime takes line ends in a parameter for granted, and they would begin a field of their own. */
static const char *
clean(struct writing *w, const char *value)
{
	const char *copy = mime_clean(w->a, value, 1000);

	return copy ? copy : "";
}

static void
put_type(struct writing *w, const struct mime_node *n, const char *b)
{
	AUTO(free_type) GMimeContentType *t = g_mime_content_type_parse(NULL, n->type);

	if (b)
		g_mime_content_type_set_parameter(t, "boundary", b);
	if (n->kind == MIME_NODE_TEXT)
		g_mime_content_type_set_parameter(t, "charset", "utf-8");
	if (n->method)
		g_mime_content_type_set_parameter(t, "method", clean(w, n->method));
	if (n->kind == MIME_NODE_FILE && n->name)
		g_mime_content_type_set_parameter(t, "name", clean(w, n->name));
	AUTO(free_g) char *encoded = g_mime_content_type_encode(t, NULL);
	put_parameters(w->out, "Content-Type", encoded);
}

static void
put_token_field(struct buf *out, const char *name, const char *before, const char *value, const char *after)
{
	buf_printf(out, "%s: %s", name, before);
	for (const char *p = value; *p && p - value < 900; p++) {
		if (*p > ' ' && *p < 0x7f)
			buf_add_byte(out, (unsigned char)*p);
	}
	buf_printf(out, "%s\r\n", after);
}

static void
put_file_fields(struct writing *w, const struct mime_node *n)
{
	AUTO(free_disposition) GMimeContentDisposition *d = g_mime_content_disposition_new();

	g_mime_content_disposition_set_disposition(d, n->is_inline ? "inline" : "attachment");
	if (n->name)
		g_mime_content_disposition_set_parameter(d, "filename", clean(w, n->name));
	AUTO(free_g) char *encoded = g_mime_content_disposition_encode(d, NULL);
	put_parameters(w->out, "Content-Disposition", encoded);
	if (n->content_id)
		put_token_field(w->out, "Content-ID", "<", n->content_id, ">");
	if (n->location)
		put_token_field(w->out, "Content-Location", "", n->location, "");
}

static void
put_raw(struct writing *w, const struct mime_node *n)
{
	struct slice header, body, name, value, whole;
	size_t pos = 0;

	if (!n->strip) {
		buf_add_slice(w->out, n->bytes);
		return;
	}
	struct mime *m;
	if (mime_open(w->a, n->bytes, &m, NULL)) {
		w->out->failed = true;
		return;
	}
	header = m->root->header;
	body = m->root->body;
	while (mime_field_next(header, &pos, &name, &value, &whole)) {
		if (name.len > 8 && text_ncasecmp((const char *)name.ptr, "Content-", 8) == 0)
			mime_add_crlf(w->out, whole);
	}
	buf_add_str(w->out, "\r\n");
	buf_add_slice(w->out, body);
}

/* A message inside a message may not be encoded: [RFC 2046 5.2.1]. */
static bool
is_message(const struct mime_node *n)
{
	return strcmp(n->type, "message/rfc822") == 0;
}

/* No NUL, and no line of more than 998 bytes: [RFC 2045 2.8]. */
static bool
is_8bit(struct slice s)
{
	size_t line = 0;

	for (size_t i = 0; i < s.len; i++) {
		if (s.ptr[i] == '\n')
			line = 0;
		else if (s.ptr[i] == '\0' || (s.ptr[i] != '\r' && ++line > 998))
			return false;
	}
	return true;
}

static void
put_node(struct writing *w, const struct mime_node *n)
{
	if (n->kind == MIME_NODE_RAW) {
		put_raw(w, n);
		return;
	}
	const char *b = n->kind == MIME_NODE_MULTIPART ? boundary(w) : NULL;

	put_type(w, n, b);
	if (b) {
		buf_add_str(w->out, "\r\n");
		for (const struct mime_node *c = n->child; c; c = c->next) {
			buf_printf(w->out, "--%s\r\n", b);
			put_node(w, c);
			buf_add_str(w->out, "\r\n");
		}
		buf_printf(w->out, "--%s--\r\n", b);
		return;
	}
	if (n->kind == MIME_NODE_FILE)
		put_file_fields(w, n);
	if (is_message(n)) {
		buf_printf(w->out, "Content-Transfer-Encoding: %s\r\n\r\n", is_8bit(n->bytes) ? "8bit" : "binary");
		mime_add_crlf(w->out, n->bytes);
		return;
	}
	bool quoted = n->kind == MIME_NODE_TEXT;
	buf_printf(w->out, "Content-Transfer-Encoding: %s\r\n\r\n", quoted ? "quoted-printable" : "base64");
	mime_encode(quoted ? MIME_QUOTED : MIME_BASE64, n->bytes, w->out);
}

void
mime_write(struct arena *a, struct slice header, const struct mime_node *n, const char *seed, struct buf *out)
{
	static const char *const mime_fields[] = { "MIME-Version", "Content-Type", "Content-Transfer-Encoding",
		"Content-Disposition", "Content-ID", "Content-Description", "Content-Location", "Content-Language",
		NULL };
	struct writing w = { .a = a, .out = out, .seed = seed, .root = n };

	mime_init();
	mime_copy_fields(out, header, mime_fields);
	buf_add_str(out, "MIME-Version: 1.0\r\n");
	put_node(&w, n);
}
