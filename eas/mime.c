/* Where the parts of a message begin and end, what they say of themselves, and which of them are the text. */
#include "eas/mime.h"

#include <gmime/gmime.h>
#include <pthread.h>
#include <string.h>
#include <strings.h>

#include "base/text.h"
#include "eas/mime_internal.h"

#define BOUNDARY_MAX 200 /* RFC 2046 allows 70 */
#define NAME_MAX_BYTES 255

static pthread_once_t once = PTHREAD_ONCE_INIT;

static void
init(void)
{
	g_mime_init();
}

void
mime_init(void)
{
	pthread_once(&once, init);
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

/* ---- lines ---- */

static size_t
line_end(struct slice s, size_t at)
{
	const unsigned char *nl = at < s.len ? memchr(s.ptr + at, '\n', s.len - at) : NULL;

	return nl ? (size_t)(nl - s.ptr) + 1 : s.len;
}

static bool
line_empty(struct slice s, size_t at, size_t end)
{
	while (at < end && (s.ptr[at] == '\r' || s.ptr[at] == '\n'))
		at++;
	return at == end;
}

/* Length of a field's name at the beginning of the line; 0: it is no field. */
static size_t
field_name(const unsigned char *line, size_t n)
{
	size_t i = 0;

	while (i < n && line[i] > ' ' && line[i] < 0x7f && line[i] != ':')
		i++;
	size_t name = i;
	while (i < n && (line[i] == ' ' || line[i] == '\t'))
		i++;
	return i < n && line[i] == ':' ? name : 0;
}

bool
mime_field_next(struct slice header, size_t *pos, struct slice *name_r, struct slice *value_r, struct slice *whole_r)
{
	while (*pos < header.len) {
		size_t begin = *pos, end = line_end(header, begin);
		size_t name = field_name(header.ptr + begin, end - begin);

		while (end < header.len && (header.ptr[end] == ' ' || header.ptr[end] == '\t')
			&& !line_empty(header, end, line_end(header, end)))
			end = line_end(header, end);
		*pos = end;
		if (!name)
			continue; /* an mbox separator, or damage: nothing that names a value */
		const unsigned char *colon = memchr(header.ptr + begin, ':', end - begin);
		size_t value = (size_t)(colon - header.ptr) + 1;
		*name_r = slice(header.ptr + begin, name);
		*value_r = slice(header.ptr + value, end - value);
		*whole_r = slice(header.ptr + begin, end - begin);
		return true;
	}
	return false;
}

/* The header ends with the first empty line. What does not begin like one has none: all is body. */
static size_t
header_end(struct slice s)
{
	size_t at = 0;
	bool field = false;

	for (unsigned lines = 0; at < s.len; lines++) {
		size_t end = line_end(s, at);

		if (line_empty(s, at, end))
			return field || at == 0 ? end : 0;
		field = field || field_name(s.ptr + at, end - at) > 0;
		if (!field && lines >= 5)
			return 0;
		at = end;
	}
	return field ? s.len : 0;
}

struct slice
mime_header_of(struct slice message)
{
	return slice(message.ptr, header_end(message));
}

/* ---- what a part says of itself ---- */

static const char *
parameter(struct arena *a, GMimeContentType *t, const char *name)
{
	const char *v = g_mime_content_type_get_parameter(t, name);

	return v && *v ? mime_clean(a, v, NAME_MAX_BYTES) : NULL;
}

static bool
says(GMimeContentType *t, const char *name, const char *value)
{
	const char *v = g_mime_content_type_get_parameter(t, name);

	return v && text_casecmp(v, value) == 0;
}

/* The word that there should be, without what some put around it and behind it. */
static const char *
unquoted(struct arena *a, const char *s)
{
	const char *from = s ? s + strspn(s, "\"' ") : NULL;

	return from && *from ? arena_strndup(a, from, strcspn(from, "\"' ;")) : NULL;
}

static char *
upper(char *s)
{
	for (char *p = s; p && *p; p++) {
		if (*p >= 'a' && *p <= 'z')
			*p = (char)(*p - 'a' + 'A');
	}
	return s;
}

static char *
lower(char *s)
{
	for (char *p = s; p && *p; p++) {
		if (*p >= 'A' && *p <= 'Z')
			*p = (char)(*p - 'A' + 'a');
	}
	return s;
}

/* Cut, if need be, in front of what says how to open it. */
static const char *
cut_name(struct arena *a, const char *name)
{
	const char *dot = strrchr(name, '.');
	size_t n = strlen(name), end = dot && strlen(dot) <= 16 ? strlen(dot) : 0;

	return n <= NAME_MAX_BYTES ? name
		: arena_printf(a, "%.*s%s", (int)text_cut(name, NAME_MAX_BYTES - end), name, name + n - end);
}

/* Many say a name twice: as RFC 2231 has it, which counts, and in ASCII for others. NULL: none. */
static const char *
file_name(struct arena *a, GMimeParamList *l, const char *parameter)
{
	const char *value = NULL, *name;

	for (int i = 0; i < g_mime_param_list_length(l); i++) {
		GMimeParam *p = g_mime_param_list_get_parameter_at(l, i);
		bool counts = g_mime_param_get_encoding_method(p) == GMIME_PARAM_ENCODING_METHOD_RFC2231;

		if (text_casecmp(g_mime_param_get_name(p), parameter) == 0 && (!value || counts))
			value = g_mime_param_get_value(p);
	}
	name = value && *value ? mime_decode_words(a, value) : NULL;
	return name ? cut_name(a, name) : NULL;
}

static bool
type_ok(const char *type)
{
	const char *slash = strchr(type, '/');

	if (!slash || slash == type || !slash[1])
		return false;
	for (const char *p = type; *p; p++) {
		if (*p <= ' ' || *p >= 0x7f || strchr("\"();<>,", *p))
			return false;
	}
	return true;
}

static void
read_type(struct arena *a, struct mime_part *p, const char *fallback)
{
	const char *value = mime_field(a, p->header, "Content-Type");
	AUTO(free_type) GMimeContentType *t = NULL;

	p->type = fallback;
	if (!value || !*value)
		return;
	if (text_casecmp(value, "text") == 0) { /* as RFC 934 mail has it */
		p->type = "text/plain";
		return;
	}
	t = g_mime_content_type_parse(NULL, value);
	char *type = t ? lower(arena_printf(a, "%s/%s", g_mime_content_type_get_media_type(t),
		g_mime_content_type_get_media_subtype(t))) : NULL;
	p->type = type && strlen(type) < 128 && type_ok(type) ? type : "application/octet-stream";
	if (!t)
		return;
	p->charset = unquoted(a, parameter(a, t, "charset"));
	p->name = file_name(a, g_mime_content_type_get_parameters(t), "name");
	if (text_starts(p->type, "multipart/")) {
		const char *b = g_mime_content_type_get_parameter(t, "boundary");

		p->boundary = b && *b && strlen(b) <= BOUNDARY_MAX ? arena_strdup(a, b) : NULL;
	}
	if (strcmp(p->type, "text/plain") == 0) {
		p->flowed = says(t, "format", "flowed");
		p->delete_space = says(t, "delsp", "yes");
	}
	if (strcmp(p->type, "text/calendar") == 0) {
		const char *method = g_mime_content_type_get_parameter(t, "method");

		p->method = method && *method ? upper(mime_clean(a, method, 32)) : NULL;
	}
	if (strcmp(p->type, "multipart/report") == 0)
		p->subtype = parameter(a, t, "report-type");
	else if (strcmp(p->type, "multipart/related") == 0)
		p->subtype = parameter(a, t, "start");
	else
		p->subtype = parameter(a, t, "smime-type");
}

static void
read_disposition(struct arena *a, struct mime_part *p)
{
	const char *value = mime_field(a, p->header, "Content-Disposition");
	AUTO(free_disposition) GMimeContentDisposition *d = value ? g_mime_content_disposition_parse(NULL, value)
		: NULL;

	if (!d)
		return;
	const char *name = file_name(a, g_mime_content_disposition_get_parameters(d), "filename");
	const char *how = g_mime_content_disposition_get_disposition(d);

	if (name)
		p->name = name;
	if (how && text_casecmp(how, "attachment") == 0)
		p->disposition = MIME_ATTACHMENT;
	else if (how && text_casecmp(how, "inline") == 0)
		p->disposition = MIME_INLINE;
}

static enum mime_encoding
read_encoding(struct arena *a, struct slice header)
{
	const char *v = unquoted(a, mime_field(a, header, "Content-Transfer-Encoding"));

	if (!v)
		return MIME_IDENTITY;
	if (text_casecmp(v, "base-64") == 0)
		return MIME_BASE64;
	switch (g_mime_content_encoding_from_string(v)) {
	case GMIME_CONTENT_ENCODING_BASE64:
		return MIME_BASE64;
	case GMIME_CONTENT_ENCODING_QUOTEDPRINTABLE:
		return MIME_QUOTED;
	case GMIME_CONTENT_ENCODING_UUENCODE:
		return MIME_UUENCODE;
	default:
		return MIME_IDENTITY;
	}
}

static const char *
without_brackets(struct arena *a, const char *s)
{
	size_t n = s ? strlen(s) : 0;

	if (n && s[0] == '<') {
		s++;
		n--;
	}
	if (n && s[n - 1] == '>')
		n--;
	char *copy = n ? arena_strndup(a, s, n) : NULL;
	return copy ? mime_clean(a, copy, NAME_MAX_BYTES) : NULL;
}

static void
read_header(struct arena *a, struct mime_part *p, const char *fallback)
{
	read_type(a, p, fallback);
	read_disposition(a, p);
	p->encoding = read_encoding(a, p->header);
	p->content_id = without_brackets(a, mime_field(a, p->header, "Content-ID"));
	const char *location = mime_field(a, p->header, "Content-Location");
	p->location = location && *location ? mime_clean(a, location, 1000) : NULL;
}

/* ---- parts inside parts ---- */

struct split {
	struct arena *a;
	struct mime *m;
	unsigned parts;
	bool nomem;
};

/* The next line that is the boundary, from `at` on: where the line begins; *end_r behind it, *last_r: the closing
 * one. */
static bool
find_boundary(struct slice s, size_t at, const char *dashed, size_t n, size_t *begin_r, size_t *end_r, bool *last_r)
{
	while (at < s.len) {
		const unsigned char *hit = memmem(s.ptr + at, s.len - at, dashed, n);

		if (!hit)
			return false;
		size_t begin = (size_t)(hit - s.ptr), i = begin + n;
		at = i;
		if (begin > 0 && s.ptr[begin - 1] != '\n')
			continue;
		size_t end = line_end(s, i); /* looked for once in a line, which may be the whole mail */
		*last_r = i + 2 <= end && s.ptr[i] == '-' && s.ptr[i + 1] == '-';
		if (*last_r)
			i += 2;
		while (i < end && (s.ptr[i] == ' ' || s.ptr[i] == '\t' || s.ptr[i] == '\r' || s.ptr[i] == '\n'))
			i++;
		if (i < end)
			continue; /* a longer boundary that begins like this one */
		*begin_r = begin;
		*end_r = end;
		return true;
	}
	return false;
}

static struct mime_part *parse_part(struct split *sp, struct mime_part *parent, struct slice raw, const char *number,
	unsigned depth);

static void
add_child(struct split *sp, struct mime_part *p, struct mime_part **last, size_t from, size_t to, unsigned index,
	unsigned depth)
{
	/* The line end in front of a boundary belongs to the boundary. */
	if (to > from && p->body.ptr[to - 1] == '\n')
		to--;
	if (to > from && p->body.ptr[to - 1] == '\r')
		to--;
	const char *number = *p->number ? arena_printf(sp->a, "%s.%u", p->number, index)
		: arena_printf(sp->a, "%u", index);
	struct mime_part *child = number ? parse_part(sp, p, slice(p->body.ptr + from, to - from), number, depth)
		: NULL;

	if (!child)
		return;
	if (*last)
		(*last)->next = child;
	else
		p->child = child;
	*last = child;
}

static void
split_parts(struct split *sp, struct mime_part *p, unsigned depth)
{
	const char *dashed = arena_printf(sp->a, "--%s", p->boundary);
	size_t n = dashed ? strlen(dashed) : 0, begin = 0, end = 0;
	struct mime_part *last = NULL;
	bool closing = false;

	if (!dashed) {
		sp->nomem = true;
		return;
	}
	bool found = find_boundary(p->body, 0, dashed, n, &begin, &end, &closing);
	for (unsigned index = 1; found && !closing; index++) {
		size_t from = end;

		if (sp->parts >= MIME_PARTS) {
			sp->m->limited = true;
			break;
		}
		found = find_boundary(p->body, from, dashed, n, &begin, &end, &closing);
		add_child(sp, p, &last, from, found ? begin : p->body.len, index, depth + 1);
	}
}

static struct mime_part *
parse_part(struct split *sp, struct mime_part *parent, struct slice raw, const char *number, unsigned depth)
{
	struct mime_part *p = arena_alloc(sp->a, sizeof *p);

	if (!p) {
		sp->nomem = true;
		return NULL;
	}
	size_t end = header_end(raw);
	p->parent = parent;
	p->number = number;
	p->raw = raw;
	p->header = slice(raw.ptr, end);
	p->body = slice(raw.ptr + end, raw.len - end);
	sp->parts++;
	read_header(sp->a, p, parent && strcmp(parent->type, "multipart/digest") == 0 ? "message/rfc822"
		: "text/plain");
	if (!text_starts(p->type, "multipart/"))
		return p;
	if (p->boundary && depth < MIME_DEPTH)
		split_parts(sp, p, depth);
	else if (p->boundary)
		sp->m->limited = true;
	if (!p->child) {
		/* No part can be told apart: what stands there is shown, too deep a nesting is kept whole. */
		p->type = p->boundary && depth >= MIME_DEPTH ? "application/octet-stream" : "text/plain";
		p->boundary = NULL;
	}
	return p;
}

const struct mime_part *
mime_next_part(const struct mime_part *p)
{
	if (p->child)
		return p->child;
	while (p && !p->next)
		p = p->parent;
	return p ? p->next : NULL;
}

/* ---- which parts are the text ---- */

static bool
is_text(const struct mime_part *p)
{
	return strcmp(p->type, "text/plain") == 0 || strcmp(p->type, "text/html") == 0;
}

static void
put_text(struct mime *m, struct mime_part *p, struct mime_text *alternative)
{
	struct mime_text *t = alternative;

	if (!t) {
		if (m->n_texts == MIME_TEXTS) {
			m->limited = true;
			return;
		}
		t = &m->texts[m->n_texts++];
	}
	if (strcmp(p->type, "text/html") == 0)
		t->html = p;
	else
		t->plain = p;
	p->body_text = true;
}

static bool
is_type(const struct mime_part *p, const char *type)
{
	return strcmp(p->type, type) == 0;
}

/* Is one of several alternatives HTML and more text beside it? Apple Mail: HTML, a file, HTML; lists: HTML, a footer. */
static bool
is_sequence(const struct mime_part *p)
{
	unsigned html = 0, plain = 0;

	if (!is_type(p, "multipart/mixed"))
		return false;
	for (const struct mime_part *c = p->child; c; c = c->next) {
		if (c->disposition != MIME_ATTACHMENT) {
			html += is_type(c, "text/html");
			plain += is_type(c, "text/plain") && !c->name;
		}
	}
	return html && html + plain > 1;
}

static void pick(struct mime *m, struct mime_part *p, struct mime_text *alternative, bool named);

static void
pick_alternative(struct mime *m, struct mime_part *p, struct mime_text *outer)
{
	struct mime_text t = { 0 };
	struct mime_part *sequence = NULL;

	for (struct mime_part *c = p->child; c; c = c->next) {
		if (is_sequence(c) && !outer)
			sequence = c;
		else
			pick(m, c, &t, true);
	}
	if (sequence) {
		pick(m, sequence, NULL, false); /* what the other alternatives said is in it, and more */
		return;
	}
	if (outer) {
		outer->plain = t.plain ? t.plain : outer->plain;
		outer->html = t.html ? t.html : outer->html;
	} else if ((t.plain || t.html) && m->n_texts < MIME_TEXTS) {
		m->texts[m->n_texts++] = t;
	}
}

static struct mime_part *
related_root(struct mime_part *p)
{
	if (p->subtype) {
		size_t n = strlen(p->subtype);
		bool brackets = n > 2 && p->subtype[0] == '<' && p->subtype[n - 1] == '>';

		for (struct mime_part *c = p->child; c; c = c->next) {
			if (c->content_id
				&& (brackets ? strlen(c->content_id) == n - 2 && strncmp(c->content_id, p->subtype + 1, n - 2) == 0
					: strcmp(c->content_id, p->subtype) == 0))
				return c;
		}
	}
	return p->child;
}

static void
pick_leaf(struct mime *m, struct mime_part *p, struct mime_text *alternative, bool named)
{
	if (is_type(p, "text/calendar") && p->method) {
		if (!m->calendar)
			m->calendar = p;
		if ((alternative || p == m->root) && p->disposition != MIME_ATTACHMENT)
			p->body_text = true;
		return;
	}
	if (!is_text(p)) {
		/* Other forms of the same text (enriched, AMP, for watches) are no attachments. */
		if (alternative && text_starts(p->type, "text/") && !p->name && p->disposition == MIME_UNSAID)
			p->body_text = true;
		return;
	}
	if (p->disposition != MIME_ATTACHMENT && (named || !p->name))
		put_text(m, p, alternative);
}

/* named: a text with a file name is a text all the same. */
static void
pick(struct mime *m, struct mime_part *p, struct mime_text *alternative, bool named)
{
	if (!p->child) {
		pick_leaf(m, p, alternative, named);
	} else if (is_type(p, "multipart/alternative")) {
		pick_alternative(m, p, alternative);
	} else if (is_type(p, "multipart/related")) {
		pick(m, related_root(p), alternative, true);
	} else if (is_type(p, "multipart/signed")) {
		pick(m, p->child, alternative, named);
	} else if (!is_type(p, "multipart/encrypted")) {
		for (struct mime_part *c = p->child; c; c = c->next)
			pick(m, c, alternative, false);
	}
}

/* Where nothing else is, a text with a name is shown; it stays a file all the same. */
static void
pick_named(struct mime *m)
{
	for (const struct mime_part *p = m->root; p && m->n_texts == 0; p = mime_next_part(p)) {
		if (is_text(p) && !p->child && p->disposition != MIME_ATTACHMENT)
			m->texts[m->n_texts++] = is_type(p, "text/html") ? (struct mime_text){ .html = p }
				: (struct mime_text){ .plain = p };
	}
}

static bool
list_attachments(struct arena *a, struct mime *m, unsigned parts)
{
	m->attachments = arena_array(a, parts, sizeof *m->attachments);
	if (!m->attachments)
		return false;
	for (const struct mime_part *p = m->root; p; p = mime_next_part(p)) {
		if (!p->child && !p->body_text && !(p == m->root && p->body.len == 0))
			m->attachments[m->n_attachments++] = p;
	}
	return true;
}

enum err
mime_open(struct arena *a, struct slice bytes, struct mime **m_r, struct error *e)
{
	struct mime *m = arena_alloc(a, sizeof *m);
	struct split sp = { .a = a, .m = m };

	mime_init();
	if (!m)
		return err_set(e, ERR_NOMEM, "no memory for a mail");
	if (!bytes.ptr)
		bytes.ptr = (const unsigned char *)"";
	m->root = parse_part(&sp, NULL, bytes, "", 0);
	if (m->root && !m->root->child)
		m->root->number = "1";
	if (!m->root || sp.nomem)
		return err_set(e, ERR_NOMEM, "no memory for the parts of a mail");
	pick(m, m->root, NULL, true);
	pick_named(m);
	if (!list_attachments(a, m, sp.parts))
		return err_set(e, ERR_NOMEM, "no memory for the parts of a mail");
	*m_r = m;
	return ERR_OK;
}

const struct mime_part *
mime_find(const struct mime *m, const char *number)
{
	for (const struct mime_part *p = m->root; p; p = mime_next_part(p)) {
		if (*p->number && strcmp(p->number, number) == 0)
			return p;
	}
	return NULL;
}

bool
mime_is_smime(const struct mime *m)
{
	return is_type(m->root, "application/pkcs7-mime") || is_type(m->root, "application/x-pkcs7-mime");
}

bool
mime_is_signed(const struct mime *m)
{
	if (!is_type(m->root, "multipart/signed"))
		return false;
	for (const struct mime_part *c = m->root->child; c; c = c->next) {
		if (is_type(c, "application/pkcs7-signature") || is_type(c, "application/x-pkcs7-signature"))
			return true;
	}
	return false;
}
