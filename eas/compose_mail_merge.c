/* A reply or a forward and what it answers, as one message. */
#include <string.h>

#include "base/text.h"
#include "eas/compose_mail.h"
#include "eas/html.h"

struct merge {
	struct arena *a;
	const struct mime *phone, *original;
	const struct compose_source *source;
	enum compose_how how;
	const char *plain, *html;     /* of the phone's */
	const char *old_plain, *old_html;
	bool ok;
};

/* ---- the lines that say what was answered ---- */

struct head {
	const char *name, *value;
};

static size_t
read_head(struct merge *m, struct head list[5])
{
	static const struct {
		const char *label, *field;
		bool address;
	} rows[] = { { "From", "From", true }, { "Sent", "Date", false }, { "To", "To", true }, { "Cc", "Cc", true },
		{ "Subject", "Subject", false } };
	struct slice header = m->original->root->header;
	size_t n = 0;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct mime_addresses l = { 0 };
		const char *value;

		if (rows[i].address) {
			if (mime_addresses(m->a, header, rows[i].field, &l)) {
				m->ok = false;
				continue;
			}
			value = l.n ? mime_address_text(m->a, &l, ',', 2000) : NULL;
		} else {
			value = mime_field_text(m->a, header, rows[i].field);
		}
		if (value && *value)
			list[n++] = (struct head){ rows[i].label, value };
	}
	return n;
}

/* ---- plain ---- */

static void
add_lines(struct buf *out, const char *text, const char *prefix)
{
	for (const char *p = text; *p;) {
		size_t n = strcspn(p, "\n");
		size_t len = n && p[n - 1] == '\r' ? n - 1 : n;

		buf_add_str(out, prefix);
		buf_add(out, p, len);
		buf_add_str(out, "\r\n");
		p += n + (p[n] == '\n');
	}
}

static const char *
merge_plain(struct merge *m)
{
	const char *prefix = m->how == MAIL_REPLY ? "> " : "";
	AUTO(buf_finish) struct buf out = { 0 };
	struct head heads[5];
	size_t n = read_head(m, heads);
	const char *mine = m->plain ? m->plain : m->html ? html_to_text(m->a, m->html, strlen(m->html)) : "";
	const char *old = m->old_plain ? m->old_plain
		: m->old_html ? html_to_text(m->a, m->old_html, strlen(m->old_html)) : "";

	buf_init(&out, (size_t)MIME_TEXT * 4);
	if (!mine || !old)
		return NULL;
	add_lines(&out, mine, "");
	buf_add_str(&out, "\r\n________________________________\r\n");
	for (size_t i = 0; i < n; i++)
		buf_printf(&out, "%s%s: %s\r\n", prefix, heads[i].name, heads[i].value);
	buf_printf(&out, "%s\r\n", prefix);
	add_lines(&out, old, prefix);
	return buf_ok(&out) ? arena_strndup(m->a, (char *)out.data, out.len) : NULL;
}

/* ---- HTML ---- */

static const char *
last_of(const char *html, const char *tag)
{
	const char *hit = NULL;

	for (const char *p = strcasestr(html, tag); p; p = strcasestr(p + 1, tag))
		hit = p;
	return hit;
}

/* A page inside a page: what stands in its body, after the styles of its head. */
static void
add_page(struct buf *out, const char *html)
{
	const char *body = strcasestr(html, "<body"), *begin = body ? strchr(body, '>') : NULL;
	const char *end = begin ? last_of(begin, "</body") : NULL;

	for (const char *p = html; body && p && p < body;) {
		const char *style = strcasestr(p, "<style");
		const char *close = style && style < body ? strcasestr(style, "</style>") : NULL;

		if (!close || close > body)
			break;
		close += strlen("</style>");
		buf_add(out, style, (size_t)(close - style));
		p = close;
	}
	if (!begin) {
		buf_add_str(out, html);
		return;
	}
	begin++;
	buf_add(out, begin, end ? (size_t)(end - begin) : strlen(begin));
}

static void
add_heads(struct merge *m, struct buf *out)
{
	struct head heads[5];
	size_t n = read_head(m, heads);

	buf_add_str(out, "<div style=\"border-top:1px solid #b5c4df;padding-top:3pt\">");
	for (size_t i = 0; i < n; i++) {
		const char *value = html_fragment(m->a, heads[i].value);

		if (!value) {
			m->ok = false;
			return;
		}
		/* without the div around it */
		buf_printf(out, "<b>%s:</b> %.*s<br>\r\n", heads[i].name, (int)strlen(value) - 11, value + 5);
	}
	buf_add_str(out, "</div><br>\r\n");
}

static const char *
merge_html(struct merge *m)
{
	AUTO(buf_finish) struct buf out = { 0 };
	const char *mine = m->html ? m->html : html_fragment(m->a, m->plain ? m->plain : "");
	const char *old = m->old_html ? m->old_html : html_fragment(m->a, m->old_plain ? m->old_plain : "");

	buf_init(&out, (size_t)MIME_TEXT * 4);
	if (!mine || !old)
		return NULL;
	const char *end = last_of(mine, "</body");
	if (!end)
		end = last_of(mine, "</html");
	size_t n = end ? (size_t)(end - mine) : strlen(mine);
	buf_add(&out, mine, n);
	buf_add_str(&out, "\r\n<br>\r\n");
	add_heads(m, &out);
	if (m->how == MAIL_REPLY)
		buf_add_str(&out,
			"<blockquote style=\"margin:0 0 0 .8ex;border-left:1px solid #ccc;padding-left:1ex\">");
	add_page(&out, old);
	if (m->how == MAIL_REPLY)
		buf_add_str(&out, "</blockquote>");
	buf_add_str(&out, mine + n);
	return buf_ok(&out) ? arena_strndup(m->a, (char *)out.data, out.len) : NULL;
}

/* ---- the message ---- */

static struct mime_node *
multipart(struct merge *m, const char *type, struct mime_node *first)
{
	struct mime_node *n = mime_node(m->a, MIME_NODE_MULTIPART, type, (struct slice){ 0 });

	if (n && first)
		mime_node_add(n, first);
	else
		m->ok = false;
	return n;
}

static void
add(struct merge *m, struct mime_node *parent, struct mime_node *child)
{
	if (parent && child)
		mime_node_add(parent, child);
	else
		m->ok = false;
}

static struct mime_node *
as_it_is(struct merge *m, const struct mime_part *p)
{
	struct mime_node *n = mime_node(m->a, MIME_NODE_RAW, p->type, p->raw);

	if (n)
		n->strip = !p->parent;
	else
		m->ok = false;
	return n;
}

static struct mime_node *
new_invitation(struct merge *m)
{
	struct mime_node *n = mime_node(m->a, MIME_NODE_TEXT, "text/calendar", m->source->invitation);

	if (n)
		n->method = m->source->method;
	return n;
}

/* An invitation stays one, and so does what the phone says itself of a meeting, which then counts. NULL: there is
 * none. */
static struct mime_node *
invitation(struct merge *m)
{
	const struct mime_part *calendar = m->how == MAIL_FORWARD ? m->original->calendar : NULL, *own = m->phone->calendar;

	if (own && own->body_text)
		return as_it_is(m, own);
	if (m->source->invitation.len) {
		struct mime_node *n = new_invitation(m);
		m->ok = m->ok && n;
		return n;
	}
	return calendar && calendar->body_text ? as_it_is(m, calendar) : NULL;
}

static struct mime_node *
text(struct merge *m)
{
	const char *plain = merge_plain(m), *html = m->html || m->old_html ? merge_html(m) : "";
	struct mime_node *n, *event = invitation(m);

	if (!plain || !html) {
		m->ok = false;
		return NULL;
	}
	n = mime_node(m->a, MIME_NODE_TEXT, "text/plain", slice_str(plain));
	if (!*html && !event)
		return n;
	n = multipart(m, "multipart/alternative", n);
	if (*html)
		add(m, n, mime_node(m->a, MIME_NODE_TEXT, "text/html", slice_str(html)));
	if (event)
		add(m, n, event);
	return n;
}

/* A signature over what is not there any more helps nobody. */
static bool
is_signature(const struct mime_part *p)
{
	return p->parent && strcmp(p->parent->type, "multipart/signed") == 0 && p != p->parent->child;
}

/* Of a reply only pictures that the quoted text shows. */
static bool
is_carried(const struct merge *m, const struct mime_part *p, bool old)
{
	if (!old)
		return true;
	if (is_signature(p))
		return false;
	return m->how == MAIL_FORWARD || (mime_is_inline(p) && m->old_html && strstr(m->old_html, p->content_id));
}

static struct mime_node *
add_parts(struct merge *m, struct mime_node *n, const struct mime *from, bool inside, const char *type)
{
	for (size_t i = 0; i < from->n_attachments; i++) {
		const struct mime_part *p = from->attachments[i];

		if (mime_is_inline(p) != inside || !is_carried(m, p, from == m->original))
			continue;
		if (!n || n->kind != MIME_NODE_MULTIPART || strcmp(n->type, type) != 0)
			n = multipart(m, type, n);
		add(m, n, as_it_is(m, p));
	}
	return n;
}

/* Encrypted or signed, or past our limits: nothing can be put into it or taken out of it. */
static bool
is_closed(const struct mime *m)
{
	return m->limited || mime_is_smime(m) || strcmp(m->root->type, "multipart/encrypted") == 0;
}

static struct mime_node *
attach_whole(struct merge *m)
{
	struct mime_node *n = multipart(m, "multipart/mixed", as_it_is(m, m->phone->root));

	if (m->source->invitation.len) {
		add(m, n, new_invitation(m));
		return m->ok ? n : NULL;
	}
	const char *subject = mime_field_text(m->a, m->original->root->header, "Subject");
	struct mime_node *old = mime_node(m->a, MIME_NODE_FILE, "message/rfc822", m->original->root->raw);

	if (old)
		old->name = arena_printf(m->a, "%.100s.eml",
			subject && *subject && text_is_utf8(subject, strlen(subject)) ? subject : "message");
	add(m, n, old);
	return m->ok ? n : NULL;
}

static bool
is_cut(const struct mime_body *b)
{
	return b->plain_beyond || b->html_beyond;
}

struct mime_node *
compose_mail_merge(struct arena *a, const struct mime *phone, const struct compose_source *source, bool *as_is_r)
{
	const struct mime *original = source->original;
	enum compose_how how = source->how;
	struct merge m = { .a = a, .phone = phone, .original = original, .source = source, .how = how, .ok = true };
	bool closed = is_closed(phone) || strcmp(phone->root->type, "multipart/signed") == 0 || is_closed(original);
	struct mime_body new, old;

	*as_is_r = false;
	if (!closed) {
		if (mime_body(a, phone, &new) || mime_body(a, original, &old))
			return NULL;
		/* What is too long to be put together is not cut either; a quotation may be. */
		closed = is_cut(&new) || (how == MAIL_FORWARD && is_cut(&old));
	}
	*as_is_r = closed && how == MAIL_REPLY;
	if (*as_is_r)
		return NULL;
	if (closed)
		return attach_whole(&m);
	m.plain = new.plain;
	m.html = new.html;
	m.old_plain = old.plain;
	m.old_html = old.html;
	struct mime_node *n = text(&m);
	n = add_parts(&m, n, phone, true, "multipart/related");
	n = add_parts(&m, n, original, true, "multipart/related");
	n = add_parts(&m, n, phone, false, "multipart/mixed");
	n = add_parts(&m, n, original, false, "multipart/mixed");
	return m.ok ? n : NULL;
}
