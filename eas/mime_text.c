/* What parts hold: transfer encodings, the text of the body, attachments. */
#include <gmime/gmime.h>
#include <string.h>

#include "base/text.h"
#include "eas/html.h"
#include "eas/mime_internal.h"

#define BLOCK 8192

/* GMime's number for the encoding; both are known to be in range. */
static int
gmime_encoding(enum mime_encoding e)
{
	switch (e) {
	case MIME_BASE64:
		return GMIME_CONTENT_ENCODING_BASE64;
	case MIME_QUOTED:
		return GMIME_CONTENT_ENCODING_QUOTEDPRINTABLE;
	case MIME_UUENCODE:
		return GMIME_CONTENT_ENCODING_UUENCODE;
	case MIME_IDENTITY:
		break;
	}
	return GMIME_CONTENT_ENCODING_8BIT;
}

/* ---- transfer encodings ---- */

/* Base64 that lacks its padding, or was cut: what would complete it. GMime drops an incomplete last group. */
static size_t
missing_padding(struct slice s)
{
	size_t n = 0;

	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = s.ptr[i];

		n += (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '+' || c == '/'
			|| c == '=';
	}
	return n % 4 >= 2 ? 4 - n % 4 : 0;
}

/* Appends those of the bytes from..from + n that lie in first..last. */
static void
add_between(struct buf *out, const void *bytes, uint64_t from, size_t n, uint64_t first, uint64_t last)
{
	uint64_t begin = first > from ? first - from : 0, end = last - from < n ? last - from + 1 : n;

	if (last >= from && begin < end)
		buf_add(out, (const char *)bytes + begin, (size_t)(end - begin));
}

/* Decodes block by block, up to `max` bytes; sink gets those from first to last and may be NULL. Returns how many there
 * are (up to max). */
static uint64_t
decode_between(const struct mime_part *p, struct buf *sink, uint64_t first, uint64_t last, uint64_t max)
{
	GMimeEncoding state;
	char out[BLOCK + 64];
	uint64_t total = 0;

	mime_init();
	if (p->encoding == MIME_IDENTITY) {
		total = p->body.len < max ? p->body.len : max;
		if (sink)
			add_between(sink, p->body.ptr, 0, (size_t)total, first, last);
		return total;
	}
	g_mime_encoding_init_decode(&state, (GMimeContentEncoding)gmime_encoding(p->encoding));
	for (size_t at = 0; at < p->body.len && total < max; at += BLOCK) {
		size_t n = p->body.len - at < BLOCK ? p->body.len - at : BLOCK;
		size_t got = g_mime_encoding_step(&state, (const char *)p->body.ptr + at, n, out);

		if (got > max - total)
			got = max - total;
		if (sink)
			add_between(sink, out, total, got, first, last);
		total += got;
	}
	if (total < max) {
		size_t padding = p->encoding == MIME_BASE64 ? missing_padding(p->body) : 0;
		size_t got = g_mime_encoding_flush(&state, "==", padding, out);

		if (got > max - total)
			got = max - total;
		if (sink)
			add_between(sink, out, total, got, first, last);
		total += got;
	}
	return total;
}

static uint64_t
decode(const struct mime_part *p, struct buf *sink, uint64_t max)
{
	return decode_between(p, sink, 0, UINT64_MAX, max);
}

void
mime_decode_range(const struct mime_part *p, uint64_t first, uint64_t last, struct buf *out)
{
	decode_between(p, out, first, last, last < UINT64_MAX ? last + 1 : last);
}

uint64_t
mime_decoded_size(const struct mime_part *p)
{
	return decode(p, NULL, UINT64_MAX);
}

void
mime_encode(enum mime_encoding e, struct slice bytes, struct buf *out)
{
	AUTO(buf_finish) struct buf raw = { 0 };
	GMimeEncoding state;
	char block[BLOCK * 4 + 64]; /* quoted-printable: three for one, and soft line ends */

	mime_init();
	buf_init(&raw, 0);
	g_mime_encoding_init_encode(&state, (GMimeContentEncoding)gmime_encoding(e));
	for (size_t at = 0; at < bytes.len; at += BLOCK) {
		size_t n = bytes.len - at < BLOCK ? bytes.len - at : BLOCK;

		buf_add(&raw, block, g_mime_encoding_step(&state, (const char *)bytes.ptr + at, n, block));
	}
	buf_add(&raw, block, g_mime_encoding_flush(&state, "", 0, block));
	if (!buf_ok(&raw))
		out->failed = true;
	size_t before = out->len;
	mime_add_crlf(out, buf_slice(&raw));
	/* The last line end belongs to what comes behind, unless it is the text's own. */
	bool own = e == MIME_QUOTED && bytes.len && bytes.ptr[bytes.len - 1] == '\n';
	if (!own && buf_ok(out) && out->len >= before + 2)
		out->len -= 2;
}

/* ---- texts ---- */

/* The charset that a page says of itself; a mail program that says none in the header often leaves it to that. */
static const char *
html_charset(struct arena *a, struct slice html)
{
	size_t n = html.len < 2048 ? html.len : 2048;
	char *head = arena_strndup(a, (const char *)html.ptr, n);
	const char *p = head ? strcasestr(head, "charset=") : NULL;

	if (!p)
		return NULL;
	p += strlen("charset=");
	p += strspn(p, "\"' ");
	n = strcspn(p, "\"' >;/\r\n");
	return n > 0 && n < 40 ? arena_strndup(a, p, n) : NULL;
}

/* *beyond_r grows by what was left out, about. */
static char *
part_text(struct arena *a, const struct mime_part *p, uint64_t *beyond_r)
{
	AUTO(buf_finish) struct buf raw, text;
	const char *charset = p->charset;
	struct slice bytes = p->body;

	buf_init(&raw, 0);
	buf_init(&text, (size_t)MIME_TEXT * 4);
	if (p->encoding != MIME_IDENTITY) {
		decode(p, &raw, MIME_TEXT);
		bytes = raw.len ? buf_slice(&raw) : slice("", 0);
	}
	if (bytes.len >= MIME_TEXT) {
		*beyond_r += mime_decoded_size(p) - MIME_TEXT;
		bytes.len = MIME_TEXT;
	}
	if (!charset && strcmp(p->type, "text/html") == 0)
		charset = html_charset(a, bytes);
	*beyond_r += mime_to_utf8(bytes, charset, &text);
	if (!buf_ok(&raw) || !buf_ok(&text))
		return NULL;
	const char *s = (const char *)text.data;
	size_t n = text.len < MIME_TEXT ? text.len : text_cut(s, MIME_TEXT);
	*beyond_r += text.len - n;
	if (n >= 3 && memcmp(s, "\xEF\xBB\xBF", 3) == 0) {
		s += 3;
		n -= 3;
	}
	char *copy = arena_strndup(a, n ? s : "", n);
	if (copy && p->flowed)
		mime_unflow(copy, p->delete_space);
	return copy;
}

char *
mime_part_text(struct arena *a, const struct mime_part *p)
{
	uint64_t beyond = 0;

	return part_text(a, p, &beyond);
}

/* ---- the body ---- */

static bool
blank(const char *s)
{
	return s[strspn(s, " \t\r\n")] == '\0';
}

struct body {
	struct arena *a;
	struct buf plain, html;
	bool has_plain, has_html;
	struct mime_body *result;
};

static bool
add_piece(struct body *b, const struct mime_text *t, bool want_html)
{
	const char *plain = t->plain ? part_text(b->a, t->plain, &b->result->plain_beyond) : NULL;
	const char *html = t->html ? part_text(b->a, t->html, &b->result->html_beyond) : NULL;

	if ((t->plain && !plain) || (t->html && !html))
		return false;
	if (html && plain && blank(html) && !blank(plain))
		html = NULL;
	if (!plain && html && b->has_plain)
		plain = html_to_text(b->a, html, strlen(html));
	if (!html && plain && want_html)
		html = html_fragment(b->a, plain);
	if ((b->has_plain && !plain) || (want_html && !html))
		return false;
	if (plain && b->has_plain) {
		if (b->plain.len && b->plain.data[b->plain.len - 1] != '\n')
			buf_add_str(&b->plain, "\r\n");
		buf_add_str(&b->plain, plain);
	}
	if (html && want_html)
		buf_add_str(&b->html, html);
	return true;
}

static void
finish_body(struct body *b)
{
	buf_finish(&b->plain);
	buf_finish(&b->html);
}

/* What stands behind a text that is long enough. */
static void
pass_piece(struct body *b, const struct mime_text *t)
{
	const struct mime_part *plain = t->plain ? t->plain : t->html, *html = t->html ? t->html : t->plain;

	if (plain)
		b->result->plain_beyond += mime_decoded_size(plain);
	if (html)
		b->result->html_beyond += mime_decoded_size(html);
}

bool
mime_has_html(const struct mime *m)
{
	for (size_t i = 0; i < m->n_texts; i++) {
		if (m->texts[i].html)
			return true;
	}
	return false;
}

enum err
mime_body(struct arena *a, const struct mime *m, struct mime_body *r)
{
	AUTO(finish_body) struct body b = { .a = a, .result = r };

	buf_init(&b.plain, (size_t)MIME_TEXT * 2);
	buf_init(&b.html, (size_t)MIME_TEXT * 2);
	*r = (struct mime_body){ 0 };
	b.has_html = mime_has_html(m);
	for (size_t i = 0; i < m->n_texts; i++)
		b.has_plain = b.has_plain || m->texts[i].plain;
	for (size_t i = 0; i < m->n_texts; i++) {
		if (b.plain.len >= MIME_TEXT || b.html.len >= MIME_TEXT)
			pass_piece(&b, &m->texts[i]);
		else if (!add_piece(&b, &m->texts[i], b.has_html))
			return ERR_NOMEM;
	}
	if (b.has_plain && !(r->plain = arena_strndup(a, b.plain.len ? (char *)b.plain.data : "", b.plain.len)))
		return ERR_NOMEM;
	if (b.has_html && !(r->html = arena_strndup(a, b.html.len ? (char *)b.html.data : "", b.html.len)))
		return ERR_NOMEM;
	return buf_ok(&b.plain) && buf_ok(&b.html) ? ERR_OK : ERR_NOMEM;
}

/* ---- attachments ---- */

bool
mime_is_inline(const struct mime_part *p)
{
	if (!p->content_id || p->disposition == MIME_ATTACHMENT)
		return false;
	return p->disposition == MIME_INLINE || (p->parent && strcmp(p->parent->type, "multipart/related") == 0);
}

char *
mime_safe_name(struct arena *a, const char *name)
{
	char *s = arena_strdup(a, name);
	size_t n = s ? strlen(s) : 0;

	for (char *p = s; p && *p; p++) {
		if ((unsigned char)*p < 0x20 || strchr("/\\:*?\"<>|", *p))
			*p = '_';
	}
	while (n && (s[n - 1] == ' ' || s[n - 1] == '.'))
		s[--n] = '\0';
	while (s && *s == ' ')
		s++;
	return s;
}

static const char *
message_name(struct arena *a, const struct mime_part *p)
{
	AUTO(buf_finish) struct buf decoded = { 0 };
	struct slice bytes = p->body;

	buf_init(&decoded, MIME_HEADER);
	if (p->encoding != MIME_IDENTITY) {
		decode(p, &decoded, MIME_HEADER);
		bytes = buf_slice(&decoded);
	} else if (bytes.len > MIME_HEADER) {
		bytes.len = MIME_HEADER;
	}
	const char *subject = mime_field_text(a, bytes, "Subject");
	if (!subject || blank(subject))
		return NULL;
	char *cut = arena_strndup(a, subject, text_cut(subject, strlen(subject) < 120 ? strlen(subject) : 120));
	return cut ? arena_printf(a, "%s.eml", cut) : NULL;
}

const char *
mime_extension(const char *type)
{
	static const struct {
		const char *type, *extension;
	} map[] = { { "message/rfc822", ".eml" }, { "text/plain", ".txt" }, { "text/html", ".html" },
		{ "text/calendar", ".ics" }, { "image/jpeg", ".jpg" }, { "image/png", ".png" }, { "image/gif", ".gif" },
		{ "application/pdf", ".pdf" }, { "message/delivery-status", ".txt" }, { "text/rfc822-headers", ".txt" },
		{ "application/pgp-signature", ".asc" }, { "application/pkcs7-signature", ".p7s" },
		{ "application/pkcs7-mime", ".p7m" }, { "text/vcard", ".vcf" } };

	for (size_t i = 0; i < ARRAY_LEN(map); i++) {
		if (strcmp(type, map[i].type) == 0)
			return map[i].extension;
	}
	return "";
}

const char *
mime_attachment_name(struct arena *a, const struct mime_part *p)
{
	const char *name = p->name;

	if (!name && strcmp(p->type, "message/rfc822") == 0)
		name = message_name(a, p);
	if (!name && strcmp(p->type, "application/ms-tnef") == 0)
		name = "winmail.dat";
	if (!name
		&& (strcmp(p->type, "application/pkcs7-mime") == 0 || strcmp(p->type, "application/x-pkcs7-mime") == 0))
		name = "smime.p7m";
	name = name ? mime_safe_name(a, name) : NULL;
	if (name && *name)
		return name;
	return arena_printf(a, "part-%s%s", *p->number ? p->number : "1", mime_extension(p->type));
}
