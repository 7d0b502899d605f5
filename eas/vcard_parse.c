/* eas/vcard_parse.c - bytes to a list of properties. Only where each begins and ends is decided here, and what its parameters are. */
#include <ctype.h>
#include <string.h>

#include "base/text.h"
#include "eas/vcard.h"

struct cursor {
	const unsigned char *p;
	const unsigned char *end;
	unsigned char nl; /* \n; \r in a file that has no other line end */
};

/* The line at p without its end; *next_r is where the following one begins. */
static struct slice
line_at(const struct cursor *c, const unsigned char *p, const unsigned char **next_r)
{
	const unsigned char *nl = memchr(p, c->nl, (size_t)(c->end - p));
	*next_r = nl ? nl + 1 : c->end;
	const unsigned char *stop = nl ? nl : c->end;
	while (stop > p && stop[-1] == '\r')
		stop--;
	return slice(p, (size_t)(stop - p));
}

static bool
line_is(struct slice line, const char *text)
{
	while (line.len && (line.ptr[line.len - 1] == ' ' || line.ptr[line.len - 1] == '\t'))
		line.len--;
	return line.len == strlen(text) && text_ncasecmp((const char *)line.ptr, text, line.len) == 0;
}

/* Whether the line at p belongs to the one before it. */
static bool
continues(const struct cursor *c, const unsigned char *p)
{
	return p < c->end && (*p == ' ' || *p == '\t');
}

/* Old writers do not indent the lines of a base64 value, they end it with an empty line. */
static bool
is_base64_line(struct slice line)
{
	if (line.len < 4)
		return false;
	for (size_t i = 0; i < line.len; i++)
		if (!isalnum(line.ptr[i]) && !strchr("+/=", line.ptr[i]))
			return false;
	return true;
}

/* Copies the unfolded head, up to the colon; a colon in quotes ends it only if there is no other. *value_r: behind the colon. */
static enum err
unfold_head(const struct cursor *c, const unsigned char *p, bool quotes, struct buf *head, const unsigned char **value_r)
{
	bool quoted = false;
	*value_r = NULL;
	buf_reset(head);
	for (; p < c->end; p++) {
		if (*p == '\r' && c->nl == '\n')
			continue;
		if (*p == c->nl) {
			if (!continues(c, p + 1))
				return ERR_OK;
			p++;
			continue;
		}
		if (*p == '"')
			quoted = !quoted;
		if (*p == ':' && !(quotes && quoted)) {
			*value_r = p + 1;
			return ERR_OK;
		}
		buf_add_byte(head, *p ? *p : ' ');
		if (!buf_ok(head))
			return head->len >= VCARD_HEAD_MAX - 1 ? ERR_LIMIT : ERR_NOMEM;
	}
	return ERR_OK;
}

static char *
upper(struct arena *a, const char *s, size_t n)
{
	while (n && (*s == ' ' || *s == '\t')) {
		s++;
		n--;
	}
	while (n && (s[n - 1] == ' ' || s[n - 1] == '\t'))
		n--;
	char *u = arena_strndup(a, s, n);
	for (size_t i = 0; u && u[i]; i++)
		if (u[i] >= 'a' && u[i] <= 'z')
			u[i] = (char)(u[i] - 'a' + 'A');
	return u;
}

static const char *
bare_param(const char *word)
{
	static const char *const encodings[] = { "QUOTED-PRINTABLE", "BASE64", "8BIT", "7BIT", NULL };
	static const char *const places[] = { "URL", "INLINE", "CID", "CONTENT-ID", NULL };
	for (unsigned i = 0; encodings[i]; i++)
		if (text_casecmp(word, encodings[i]) == 0)
			return "ENCODING";
	for (unsigned i = 0; places[i]; i++)
		if (text_casecmp(word, places[i]) == 0)
			return "VALUE";
	return "TYPE";
}

static char *
without_quotes(struct arena *a, const char *s)
{
	char *out = arena_strdup(a, s);
	char *to = out;
	for (const char *from = out; from && *from; from++)
		if (*from != '"')
			*to++ = *from;
	if (to)
		*to = '\0';
	return out;
}

static bool
parse_param(struct arena *a, const char *s, size_t n, struct vcard_param *param)
{
	char *raw = arena_strndup(a, s, n);
	if (!raw)
		return false;
	param->raw = raw;
	const char *eq = strchr(raw, '=');
	param->name = eq ? upper(a, raw, (size_t)(eq - raw)) : bare_param(raw);
	param->value = without_quotes(a, eq ? eq + 1 : raw);
	return param->name && param->value;
}

/* Where the piece that begins at s ends: at a semicolon outside of quotes, or at the end. */
static const char *
piece_end(const char *s)
{
	const char *last_quote = strrchr(s, '"');
	bool quoted = false;
	for (; *s; s++) {
		if (*s == '"')
			quoted = !quoted;
		if (*s == ';' && !(quoted && s < last_quote))
			return s;
	}
	return s;
}

static void
find_encoding(struct vcard_prop *p)
{
	const char *encoding = vcard_param(p, "ENCODING");
	if (!encoding)
		return;
	if (text_casecmp(encoding, "QUOTED-PRINTABLE") == 0)
		p->encoding = VCARD_QP;
	else if (text_casecmp(encoding, "B") == 0 || text_casecmp(encoding, "BASE64") == 0)
		p->encoding = VCARD_BASE64;
}

/* group.NAME;param;param=value */
static enum err
parse_head(struct arena *a, const char *head, struct vcard_prop *p)
{
	const char *end = piece_end(head);
	const char *dot = memrchr(head, '.', (size_t)(end - head));
	p->group = dot ? arena_strndup(a, head, (size_t)(dot - head)) : "";
	const char *name = dot ? dot + 1 : head;
	p->name = upper(a, name, (size_t)(end - name));
	if (!p->group || !p->name)
		return ERR_NOMEM;
	size_t n = 0;
	for (const char *s = end; *s == ';' && n <= VCARD_PARAMS_MAX; s = piece_end(s + 1))
		n++;
	if (n > VCARD_PARAMS_MAX)
		return ERR_LIMIT;
	p->params = arena_array(a, n + 1, sizeof(*p->params));
	if (!p->params)
		return ERR_NOMEM;
	for (const char *s = end; *s == ';';) {
		const char *start = s + 1;
		s = piece_end(start);
		if (s > start && !parse_param(a, start, (size_t)(s - start), &p->params[p->n_params++]))
			return ERR_NOMEM;
	}
	find_encoding(p);
	return ERR_OK;
}

/* Where the value that begins at `value` ends: the beginning of the next property. */
static const unsigned char *
value_end(const struct cursor *c, const struct vcard_prop *p, const unsigned char *value)
{
	const unsigned char *next = value;
	for (;;) {
		struct slice line = line_at(c, next, &next);
		if (next >= c->end)
			return c->end;
		if (continues(c, next))
			continue;
		const unsigned char *after;
		struct slice following = line_at(c, next, &after);
		if (line_is(following, "END:VCARD"))
			return next;
		if (p->encoding == VCARD_QP && line.len && line.ptr[line.len - 1] == '=')
			continue;
		if (p->encoding == VCARD_BASE64 && is_base64_line(following))
			continue;
		return next;
	}
}

/* A line that is no property, with the lines that continue it; a card inside the card as a whole. */
static const unsigned char *
opaque_end(const struct cursor *c, const unsigned char *p)
{
	const unsigned char *next;
	if (!line_is(line_at(c, p, &next), "BEGIN:VCARD")) {
		while (continues(c, next))
			line_at(c, next, &next);
		return next;
	}
	for (unsigned depth = 1; depth && next < c->end;) {
		struct slice line = line_at(c, next, &next);
		if (line_is(line, "BEGIN:VCARD"))
			depth++;
		else if (line_is(line, "END:VCARD"))
			depth--;
	}
	return next;
}

static enum err
parse_prop(struct vcard *v, struct cursor *c, struct buf *head, struct vcard_prop **prop_r)
{
	struct vcard_prop *p = arena_alloc(v->arena, sizeof(*p));
	if (!p)
		return ERR_NOMEM;
	p->group = p->name = "";
	const unsigned char *next, *value = NULL;
	bool nested = line_is(line_at(c, c->p, &next), "BEGIN:VCARD");
	enum err e = nested ? ERR_OK : unfold_head(c, c->p, true, head, &value);
	if (!nested && (e == ERR_LIMIT || (!e && !value))) /* a quote that never ends hides the colon */
		e = unfold_head(c, c->p, false, head, &value);
	if (!e && value) {
		const char *text = buf_str(head);
		const char *copy = text ? text_to_utf8(v->arena, text, strlen(text)) : NULL;
		e = copy ? parse_head(v->arena, copy, p) : ERR_NOMEM;
	}
	if (e)
		return e;
	next = value ? value_end(c, p, value) : opaque_end(c, c->p);
	p->raw = slice(c->p, (size_t)(next - c->p));
	p->folded = value ? slice(value, (size_t)(next - value)) : slice(c->p, 0);
	c->p = next;
	*prop_r = p;
	return ERR_OK;
}

static bool
find_begin(struct vcard *v, struct cursor *c)
{
	const unsigned char *start = c->p;
	while (c->p < c->end) {
		const unsigned char *next;
		struct slice line = line_at(c, c->p, &next);
		if (line.len >= 3 && memcmp(line.ptr, "\xEF\xBB\xBF", 3) == 0)
			line = slice(line.ptr + 3, line.len - 3);
		c->p = next;
		if (line_is(line, "BEGIN:VCARD")) {
			v->head = slice(start, (size_t)(c->p - start));
			v->eol = c->nl == '\r' ? "\r" : next - 2 >= start && next[-2] == '\r' ? "\r\n" : "\n";
			return true;
		}
	}
	return false;
}

static enum err
parse_props(struct vcard *v, struct cursor *c)
{
	AUTO(buf_finish) struct buf head = { 0 };
	buf_init(&head, VCARD_HEAD_MAX);
	struct vcard_prop **tail = &v->first;
	while (c->p < c->end) {
		const unsigned char *next;
		if (line_is(line_at(c, c->p, &next), "END:VCARD")) {
			v->tail = slice(c->p, (size_t)(c->end - c->p));
			break;
		}
		if (v->n >= VCARD_PROPS_MAX)
			return ERR_LIMIT;
		enum err e = parse_prop(v, c, &head, tail);
		if (e)
			return e;
		tail = &(*tail)->next;
		v->n++;
	}
	return ERR_OK;
}

static unsigned
find_version(struct vcard *v)
{
	const struct vcard_prop *p = vcard_find(v, "VERSION");
	const char *text = p ? vcard_value(v, p) : "";
	while (*text == ' ')
		text++;
	return text_starts(text, "2.1") ? 21 : text_starts(text, "4") ? 40 : 30;
}

enum err
vcard_parse(struct arena *a, struct slice in, struct vcard **v_r, struct error *e)
{
	if (in.len > VCARD_BYTES_MAX)
		return err_set(e, ERR_LIMIT, "the vCard is larger than %u bytes", VCARD_BYTES_MAX);
	struct vcard *v = arena_alloc(a, sizeof(*v));
	if (!v)
		return err_set(e, ERR_NOMEM, "no memory for a vCard");
	v->arena = a;
	v->version = 30;
	struct cursor c = { in.ptr, in.ptr + in.len, '\n' };
	if (in.len && !memchr(in.ptr, '\n', in.len))
		c.nl = '\r';
	if (!in.len || !find_begin(v, &c))
		return err_set(e, ERR_INVALID, "there is no vCard in it");
	enum err err = parse_props(v, &c);
	if (err)
		return err_set(e, err, err == ERR_LIMIT ? "the vCard has too many or too long properties" : "no memory for a vCard");
	v->version = find_version(v);
	*v_r = v;
	return ERR_OK;
}
