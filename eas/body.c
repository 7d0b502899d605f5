/* Bodies [MS-ASAIRS 2.2.2.9, 2.2.2.10, 2.2.2.12]: which of the kinds a phone gets, how much of it, and what it
 * sends. */
#include <string.h>

#include "base/text.h"
#include "eas/html.h"
#include "eas/item.h"
#include "eas/mime.h"

enum { PLAIN = 1, HTML = 2, RTF = 3, MIME = 4 };

struct body {
	const struct item_view *view;
	struct arena *a;
	const struct body_source *source;
	struct wbxml_writer *w;
	struct mime_body text;  /* of the source */
	bool read;              /* text is known */
};

/* One kind of the body, made and measured. */
struct form {
	unsigned type;
	struct slice data;      /* all of it */
	unsigned long long size;
	size_t keep;            /* bytes that go out */
	bool truncated;
	bool withheld;          /* AllOrNone: nothing goes out */
};

/* ---- making ---- */

/* Plain text travels with CRLF. */
static bool
with_crlf(struct arena *a, const char *s, struct slice *r)
{
	AUTO(buf_finish) struct buf out = { 0 };
	size_t n = strlen(s);

	if (!memchr(s, '\n', n)) {
		*r = slice(s, n);
		return true;
	}
	buf_init(&out, 0);
	for (const char *p = s; *p;) {
		const char *nl = strchr(p, '\n');
		size_t len = nl ? (size_t)(nl - p) : strlen(p);

		buf_add(&out, p, len && nl && p[len - 1] == '\r' ? len - 1 : len);
		if (!nl)
			break;
		buf_add_str(&out, "\r\n");
		p = nl + 1;
	}
	*r = slice(buf_ok(&out) ? arena_memdup(a, out.data, out.len) : NULL, out.len);
	return r->ptr != NULL;
}

/* The texts of the source. A phone that gets the message as it is does without them. */
static bool
read_text(struct body *b)
{
	const struct body_source *s = b->source;

	if (b->read)
		return true;
	b->text = (struct mime_body){ .plain = s->plain, .html = s->html };
	b->read = s->plain || s->html || !s->message || !mime_body(b->a, s->message, &b->text);
	return b->read;
}

static const char *
plain_text(struct body *b)
{
	if (!read_text(b))
		return NULL;
	/* Where the item was written as HTML its plain twin is often a stub ("your client cannot ..."), but it is what its writer chose. */
	if (b->text.plain)
		return b->text.plain;
	return b->text.html ? html_to_text(b->a, b->text.html, strlen(b->text.html)) : "";
}

/* About how many bytes the item has behind what was made into this kind. */
static uint64_t
beyond(const struct body *b, unsigned type)
{
	const struct mime_body *t = &b->text;
	const char *from = (type == HTML && t->html) || !t->plain ? t->html : t->plain;
	uint64_t n = from && from == t->html ? t->html_beyond : t->plain_beyond;

	if (type == MIME || !from)
		return 0;
	if (type == PLAIN && from == t->html && strlen(from) > HTML_MAX)
		n += strlen(from) - HTML_MAX;
	return n;
}

static bool
make_data(struct body *b, unsigned type, struct slice *data_r)
{
	if (type == MIME)
		return !mime_as_text(b->a, b->source->message, data_r);
	if (type == HTML) {
		if (!read_text(b))
			return false;
		const struct mime_body *t = &b->text;
		const char *html = t->html ? t->html : t->plain && *t->plain ? html_from_text(b->a, t->plain) : "";

		*data_r = slice_str(html);
		return html != NULL;
	}
	const char *text = plain_text(b);
	return text && with_crlf(b->a, text, data_r);
}

/* MIMETruncation [MS-ASCMD 2.2.3.110] */
static uint32_t
mime_limit(const struct item_options *o)
{
	static const uint32_t sizes[] = { 0, 4096, 5120, 7168, 10240, 20480, 51200, 102400 };

	return o->mime_truncation < ARRAY_LEN(sizes) ? sizes[o->mime_truncation] : UINT32_MAX;
}

static bool
make(struct body *b, unsigned type, const struct item_body_pref *pref, struct form *f_r)
{
	uint32_t limit = pref ? pref->truncation : UINT32_MAX;

	*f_r = (struct form){ .type = type };
	if (!make_data(b, type, &f_r->data))
		return false;
	if (type == MIME && limit == UINT32_MAX)
		limit = mime_limit(b->view->options);
	f_r->size = f_r->data.len + beyond(b, type);
	f_r->keep = f_r->data.len;
	if (f_r->keep > limit)
		f_r->keep = text_cut((const char *)f_r->data.ptr, limit);
	f_r->truncated = f_r->keep < f_r->size;
	if (f_r->truncated && pref && pref->all_or_none) {
		f_r->withheld = true;
		f_r->keep = 0;
	}
	return true;
}

/* ---- choosing ---- */

static bool
can_make(const struct body *b, const struct item_body_pref *p)
{
	if (p->type == MIME)
		return b->source->message != NULL;
	return p->type == PLAIN || p->type == HTML;
}

/* The order in which the preferences are tried: MIME where it may be, what the item is stored as, the rest as it
 * came. */
static unsigned
order(const struct body *b, const struct item_body_pref **list)
{
	const struct item_options *o = b->view->options;
	unsigned n = 0;
	bool others = false;

	for (unsigned i = 0; i < o->n_prefs; i++)
		others = others || (o->prefs[i].type != MIME && can_make(b, &o->prefs[i]));
	for (unsigned pass = 0; pass < 3; pass++) {
		for (unsigned i = 0; i < o->n_prefs; i++) {
			const struct item_body_pref *p = &o->prefs[i];
			bool mime = p->type == MIME, native = p->type == b->source->native;

			if (!can_make(b, p) || (mime && others && o->mime_support == 0))
				continue;
			if (pass == (mime ? 0u : native ? 1u : 2u))
				list[n++] = p;
		}
	}
	return n;
}

static bool
choose(struct body *b, struct form *f_r, const struct item_body_pref **pref_r)
{
	const struct item_body_pref *list[ARRAY_LEN(b->view->options->prefs)];
	unsigned n = order(b, list);
	struct form first;

	*pref_r = n ? list[0] : NULL;
	if (n == 0)
		return make(b, PLAIN, NULL, f_r);
	for (unsigned i = 0; i < n; i++) {
		if (!make(b, list[i]->type, list[i], f_r))
			return false;
		if (!f_r->withheld) {
			*pref_r = list[i];
			return true;
		}
		if (i == 0)
			first = *f_r;
	}
	*f_r = first; /* all of it or nothing, for every kind that was offered: nothing */
	return true;
}

/* ---- writing ---- */

static bool
put_data(struct body *b, const struct form *f)
{
	struct item_parts *parts = b->view->parts;

	if (f->withheld)
		return true;
	if (!parts) {
		wbxml_put_n(b->w, AirSyncBase_Data, (const char *)f->data.ptr, f->keep);
		return true;
	}
	if (parts->n == ITEM_PARTS_MAX)
		return false;
	buf_add(&parts->data, f->data.ptr, f->keep);
	parts->lengths[parts->n++] = f->keep;
	wbxml_put_int(b->w, ItemOperations_Part, (int64_t)parts->n);
	return buf_ok(&parts->data);
}

/* At most `max` characters of the plain text, white space run together. */
static bool
put_preview(struct body *b, unsigned max)
{
	const char *text = plain_text(b);
	size_t n = 0, len = text ? strlen(text) : 0;
	unsigned chars = 0;
	char out[256 * 4];
	bool space = false;

	if (!text)
		return false;
	for (size_t i = 0; i < len && chars < max; i++) {
		unsigned char c = (unsigned char)text[i];

		if (c <= ' ') {
			space = n > 0;
			continue;
		}
		if (space && chars + 1 < max) {
			out[n++] = ' ';
			chars++;
		}
		space = false;
		out[n++] = (char)c;
		while (i + 1 < len && ((unsigned char)text[i + 1] & 0xc0) == 0x80)
			out[n++] = text[++i];
		chars++;
	}
	wbxml_put_n(b->w, AirSyncBase_Preview, out, n);
	return true;
}

static bool
put_body(struct body *b)
{
	const struct item_body_pref *pref;
	struct form f;

	if (!choose(b, &f, &pref))
		return false;
	wbxml_start(b->w, AirSyncBase_Body);
	wbxml_put_int(b->w, AirSyncBase_Type, f.type);
	wbxml_put_int(b->w, AirSyncBase_EstimatedDataSize, (int64_t)f.size);
	wbxml_put_int(b->w, AirSyncBase_Truncated, f.truncated);
	bool ok = put_data(b, &f);
	/* Not beside plain text, of which it would be the beginning again [MS-ASAIRS 2.2.2.35.1]. */
	if (ok && pref && pref->preview && b->view->version >= 140 && (f.type != PLAIN || f.keep == 0))
		ok = put_preview(b, pref->preview);
	wbxml_end(b->w);
	return ok;
}

/* What of a message is its own; cpush does not take the quoted messages out of it, so it is all of it. */
static bool
put_body_part(struct body *b)
{
	const struct item_body_pref *pref = &b->view->options->part_prefs[0];
	struct form f;

	if (!make(b, HTML, pref, &f))
		return false;
	wbxml_start(b->w, AirSyncBase_BodyPart);
	wbxml_put_int(b->w, AirSyncBase_Status, 1);
	wbxml_put_int(b->w, AirSyncBase_Type, HTML);
	wbxml_put_int(b->w, AirSyncBase_EstimatedDataSize, (int64_t)f.size);
	wbxml_put_int(b->w, AirSyncBase_Truncated, f.truncated);
	if (!f.withheld)
		wbxml_put_n(b->w, AirSyncBase_Data, (const char *)f.data.ptr, f.keep);
	bool ok = !pref->preview || put_preview(b, pref->preview);
	wbxml_end(b->w);
	return ok;
}

enum err
body_write(const struct item_view *v, struct arena *a, const struct body_source *source, struct wbxml_writer *w)
{
	static const struct item_options none = { .conflict = 1, .mime_truncation = 8 };
	struct item_view view = *v;
	struct body b = { .view = &view, .a = a, .source = source, .w = w };
	/* What is made here lives in the writer's buffer when it is done. */
	struct arena_mark mark = arena_mark(a);

	if (!view.options)
		view.options = &none;
	bool ok = put_body(&b);
	if (ok && v->version >= 141 && view.options->n_part_prefs && source->message)
		ok = put_body_part(&b);
	if (ok && source->native)
		wbxml_put_int(w, AirSyncBase_NativeBodyType, source->native);
	arena_rewind(a, mark);
	return ok ? ERR_OK : ERR_NOMEM;
}

/* ---- reading ---- */

/* LF line ends. */
static char *
without_cr(struct arena *a, const char *s)
{
	char *out = arena_strdup(a, s), *to = out;

	for (const char *p = out; p && *p; p++) {
		if (*p == '\r' && p[1] == '\n')
			continue;
		*to++ = *p;
	}
	if (to)
		*to = '\0';
	return out;
}

const char *
body_read(struct arena *a, const struct wbxml_node *data, bool *present_r, const char **html_r)
{
	const struct wbxml_node *body = wbxml_child(data, AirSyncBase_Body);
	const struct wbxml_node *node = wbxml_child(body, AirSyncBase_Data);
	int64_t type = wbxml_int(body, AirSyncBase_Type, PLAIN, PLAIN);

	*present_r = body != NULL;
	if (html_r)
		*html_r = NULL;
	if (!node)
		return "";
	const char *text = node->opaque ? text_to_utf8(a, node->data.ptr, node->data.len) : node->text;
	if (!text)
		return NULL;
	if (type == HTML) {
		if (html_r)
			*html_r = text;
		return html_to_text(a, text, strlen(text));
	}
	return without_cr(a, text);
}

bool
body_is_sent(const struct wbxml_node *data, bool modern)
{
	const struct wbxml_node *body = wbxml_child(data, AirSyncBase_Body);

	if (!body || wbxml_bool(body, AirSyncBase_Truncated, false))
		return false;
	return wbxml_has(body, AirSyncBase_Data) || (!body->child && modern);
}

/* The next character that counts: line ends are LF, spaces before them do not count. */
static const char *
significant(const char *s)
{
	const char *p = s + strspn(s, " \t\r");
	return *p == '\n' || !*p ? p : s;
}

static bool
same_plain(const char *a, const char *b, bool *prefix_r)
{
	const char *x = significant(a), *y = significant(b);

	while (*x && *x == *y) {
		x = significant(x + 1);
		y = significant(y + 1);
	}
	*prefix_r = *x == '\0';
	x += strspn(x, " \t\r\n");
	y += strspn(y, " \t\r\n");
	return !*x && !*y;
}

/* The text is what the phone got of a longer one: a cut that was sent back. */
static bool
was_cut(const struct item_view *v, const char *sent)
{
	const struct item_options *o = v->options;
	size_t n = strlen(sent);

	for (const char *p = sent; *p; p++)
		n += *p == '\n';
	for (unsigned i = 0; o && i < o->n_prefs; i++)
		if (o->prefs[i].truncation != UINT32_MAX && n <= o->prefs[i].truncation &&
		    n + 8 >= o->prefs[i].truncation)
			return true;
	return false;
}

bool
body_same(const struct item_view *v, const char *now, const char *sent)
{
	bool prefix;

	return same_plain(sent, now, &prefix) || (prefix && *sent && was_cut(v, sent));
}

char *
body_html_to_text(struct arena *a, const char *html, size_t n)
{
	return html_to_text(a, html, n);
}
