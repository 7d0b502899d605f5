/* eas/vcard_edit.c - changing properties, and writing a card. */
#include <string.h>

#include "base/text.h"
#include "eas/vcard.h"

#define FOLD_AT 75 /* octets without the line end: RFC 6350 3.2 */

struct vcard *
vcard_new(struct arena *a)
{
	static const char begin[] = "BEGIN:VCARD\r\nVERSION:3.0\r\nEND:VCARD\r\n";
	struct vcard *v;
	return vcard_parse(a, slice_str(begin), &v, NULL) ? NULL : v;
}

const char *
vcard_escape(struct vcard *v, const char *text, const char *keep)
{
	char *out = arena_array(v->arena, strlen(text) + 1, 2);
	if (!out) {
		v->failed = true;
		return "";
	}
	char *to = out;
	for (; *text; text++) {
		if (*text == '\r')
			continue;
		/* 2.1 has no escape for a line end: it is encoded when the card is written. Nor has it lists of values. */
		if (v->version == 21 && (*text == '\n' || *text == ',')) {
			*to++ = *text;
			continue;
		}
		if (strchr("\\\n,;", *text) && !strchr(keep, *text))
			*to++ = '\\';
		*to++ = *text == '\n' ? 'n' : *text;
	}
	return out;
}

static void
drop_param(struct vcard_prop *p, const char *name)
{
	size_t to = 0;
	for (size_t i = 0; i < p->n_params; i++)
		if (strcmp(p->params[i].name, name) != 0)
			p->params[to++] = p->params[i];
	p->n_params = to;
}

void
vcard_set(struct vcard *v, struct vcard_prop *p, const char *escaped)
{
	p->value = escaped;
	p->encoding = VCARD_PLAIN;
	p->raw = slice(NULL, 0);
	v->changed = true;
	drop_param(p, "ENCODING");
	drop_param(p, "CHARSET");
}

void
vcard_drop_param(struct vcard *v, struct vcard_prop *p, const char *name)
{
	if (!vcard_param(p, name))
		return;
	/* The value is decoded from here on, so that the parameters that say how it was encoded are wrong. */
	if (p->raw.ptr)
		vcard_set(v, p, vcard_value(v, p));
	drop_param(p, name);
}

/* How many parts the property has to have, whatever is in them. */
static unsigned
components_min(const struct vcard_prop *p)
{
	return strcmp(p->name, "N") == 0 ? 5 : strcmp(p->name, "ADR") == 0 ? 7 : 1;
}

void
vcard_set_component(struct vcard *v, struct vcard_prop *p, unsigned i, const char *text)
{
	const char *s = vcard_value(v, p);
	const char *escaped = vcard_escape(v, text, "");
	unsigned min = components_min(p);
	AUTO(buf_finish) struct buf out = { 0 };
	buf_init(&out, VCARD_BYTES_MAX);
	size_t end = 0; /* behind the last part that says something, or has to be there */
	for (unsigned k = 0; *s || k <= i || k < min; k++) {
		size_t n = vcard_span(s, ';');
		if (k)
			buf_add_byte(&out, ';');
		if (k == i)
			buf_add_str(&out, escaped);
		else
			buf_add(&out, s, n);
		if (k < min || (k == i ? *escaped != '\0' : n != 0))
			end = out.len;
		s += n;
		if (!*s)
			continue;
		s++;
		if (!*s && k + 1 > i && k + 1 >= min)
			break;
	}
	const char *all = buf_str(&out);
	const char *value = all ? arena_strndup(v->arena, all, end) : NULL;
	if (!value)
		v->failed = true;
	vcard_set(v, p, value ? value : "");
}

bool
vcard_add_param(struct vcard *v, struct vcard_prop *p, const char *name, const char *value)
{
	struct vcard_param *params = arena_array(v->arena, p->n_params + 2, sizeof(*params));
	char *raw = *name ? arena_printf(v->arena, "%s=%s", name, value) : arena_strdup(v->arena, value);
	if (!params || !raw) {
		v->failed = true;
		return false;
	}
	if (p->n_params)
		memcpy(params, p->params, p->n_params * sizeof(*params));
	params[p->n_params] = (struct vcard_param){ .name = *name ? name : "TYPE", .value = value, .raw = raw };
	p->params = params;
	p->n_params++;
	p->raw = slice(NULL, 0);
	v->changed = true;
	return true;
}

void
vcard_set_bytes(struct vcard *v, struct vcard_prop *p, struct slice bytes, const char *type)
{
	const char *base64 = text_base64(v->arena, bytes.ptr, bytes.len);
	if (!base64) {
		v->failed = true;
		return;
	}
	vcard_set(v, p, base64);
	vcard_drop_param(v, p, "VALUE");
	vcard_drop_param(v, p, "TYPE");
	vcard_drop_param(v, p, "MEDIATYPE");
	if (v->version != 40) {
		p->encoding = VCARD_BASE64;
		vcard_add_param(v, p, "ENCODING", v->version == 21 ? "BASE64" : "b");
		vcard_add_param(v, p, "TYPE", type);
		return;
	}
	char *uri = arena_printf(v->arena, "data:image/%s;base64,%s", type, base64);
	for (char *c = uri; c && c < uri + strlen("data:image/") + strlen(type); c++)
		if (*c >= 'A' && *c <= 'Z')
			*c = (char)(*c - 'A' + 'a');
	if (!uri)
		v->failed = true;
	vcard_set(v, p, uri ? uri : "");
}

/* Behind which a new one of that name goes. The empty line that ends a photo of 2.1 stays behind it. */
static struct vcard_prop *
last_of(const struct vcard *v, const char *name)
{
	struct vcard_prop *last = NULL, *same = NULL;
	for (struct vcard_prop *p = v->first; p; p = p->next) {
		if (*p->name)
			last = p;
		if (strcmp(p->name, name) == 0)
			same = p;
	}
	struct vcard_prop *after = same ? same : last;
	if (after && after->encoding == VCARD_BASE64 && after->next && !*after->next->name && after->next->raw.len <= 2)
		return after->next;
	return after;
}

struct vcard_prop *
vcard_add(struct vcard *v, const char *name, const char *types, const char *escaped)
{
	struct vcard_prop *p = arena_alloc(v->arena, sizeof(*p));
	if (!p || v->n >= VCARD_PROPS_MAX) {
		v->failed = true;
		return NULL;
	}
	p->group = "";
	p->name = name;
	p->value = escaped;
	for (const char *s = types; *s;) {
		size_t n = strcspn(s, " ");
		char *word = arena_strndup(v->arena, s, n);
		if (!word || !vcard_add_param(v, p, v->version == 21 ? "" : "TYPE", word)) {
			v->failed = true;
			return NULL;
		}
		s += n + (s[n] == ' ');
	}
	struct vcard_prop *after = last_of(v, name);
	struct vcard_prop **at = after ? &after->next : &v->first;
	p->next = *at;
	*at = p;
	v->n++;
	v->changed = true;
	return p;
}

static void
unlink_prop(struct vcard *v, const struct vcard_prop *p)
{
	for (struct vcard_prop **at = &v->first; *at; at = &(*at)->next)
		if (*at == p) {
			*at = p->next;
			v->n--;
			v->changed = true;
			return;
		}
}

void
vcard_remove(struct vcard *v, struct vcard_prop *p)
{
	unlink_prop(v, p);
	if (!*p->group || text_casestarts(p->name, "X-ABLABEL") || text_casestarts(p->name, "X-ABADR"))
		return;
	struct vcard_prop *q;
	for (q = v->first; q; q = q->next)
		if (text_casecmp(q->group, p->group) == 0 && strcmp(q->name, "X-ABLABEL") != 0 && strcmp(q->name, "X-ABADR") != 0)
			return;
	for (struct vcard_prop *next = v->first; (q = next);) {
		next = q->next;
		if (text_casecmp(q->group, p->group) == 0)
			unlink_prop(v, q);
	}
}

/* Folds at 75 octets, never inside a character. */
static void
put_folded(const struct vcard *v, const char *line, size_t n, struct buf *out)
{
	size_t room = FOLD_AT;
	while (n > room) {
		size_t cut = text_cut(line, room);
		if (!cut)
			cut = room;
		buf_add(out, line, cut);
		buf_add_str(out, v->eol);
		buf_add_byte(out, ' ');
		line += cut;
		n -= cut;
		room = FOLD_AT - 1;
	}
	buf_add(out, line, n);
}

/* Quoted-printable, whose lines end with = where they go on. column: octets that the line has already. */
static void
put_qp(const struct vcard *v, const char *value, size_t column, struct buf *out)
{
	for (; *value; value++) {
		unsigned char c = (unsigned char)*value;
		if (c == '\r' && value[1] == '\n')
			continue;
		const char *code = NULL;
		char hex[4];
		bool last = value[1] == '\0';
		if (c == '\n') {
			code = "=0D=0A";
		} else if (c < 32 || c > 126 || c == '=' || (c == ' ' && last)) {
			static const char digits[] = "0123456789ABCDEF";
			hex[0] = '=';
			hex[1] = digits[c >> 4];
			hex[2] = digits[c & 15];
			hex[3] = '\0';
			code = hex;
		}
		size_t n = code ? strlen(code) : 1;
		if (column + n > FOLD_AT - 1) {
			buf_add_byte(out, '=');
			buf_add_str(out, v->eol);
			column = 0;
		}
		if (code)
			buf_add_str(out, code);
		else
			buf_add_byte(out, c);
		column += n;
	}
}

static bool
needs_qp(const struct vcard *v, const struct vcard_prop *p)
{
	if (v->version != 21 || p->encoding == VCARD_BASE64)
		return false;
	for (const char *s = p->value; *s; s++)
		if ((unsigned char)*s >= 0x80 || ((unsigned char)*s < 0x20 && *s != '\t'))
			return true;
	return false;
}

/* A line end can be left in what was quoted-printable before. */
static void
put_value(const char *value, struct buf *out)
{
	for (; *value; value++)
		if (*value == '\n')
			buf_add_str(out, "\\n");
		else if (*value != '\r')
			buf_add_byte(out, (unsigned char)*value);
}

static void
put_changed(const struct vcard *v, const struct vcard_prop *p, struct buf *out)
{
	AUTO(buf_finish) struct buf line = { 0 };
	buf_init(&line, VCARD_BYTES_MAX);
	bool qp = needs_qp(v, p);
	if (*p->group)
		buf_printf(&line, "%s.", p->group);
	buf_add_str(&line, p->name);
	for (size_t i = 0; i < p->n_params; i++) {
		buf_add_byte(&line, ';');
		buf_add_str(&line, p->params[i].raw);
	}
	buf_add_str(&line, qp ? ";ENCODING=QUOTED-PRINTABLE;CHARSET=UTF-8:" : ":");
	bool folds = v->version != 21 || p->encoding == VCARD_BASE64;
	if (!qp)
		put_value(p->value, &line);
	if (folds)
		put_folded(v, (const char *)line.data, line.len, out);
	else
		buf_add_slice(out, buf_slice(&line));
	if (qp)
		put_qp(v, p->value, line.len < FOLD_AT ? line.len : FOLD_AT, out);
	buf_add_str(out, v->eol);
	if (v->version == 21 && p->encoding == VCARD_BASE64)
		buf_add_str(out, v->eol);
	if (!buf_ok(&line))
		out->failed = true;
}

static void
end_line(const struct vcard *v, struct buf *out)
{
	if (v->changed && out->len && out->data[out->len - 1] != '\n' && out->data[out->len - 1] != '\r')
		buf_add_str(out, v->eol);
}

enum err
vcard_write(struct vcard *v, struct buf *out)
{
	buf_add_slice(out, v->head);
	for (const struct vcard_prop *p = v->first; p; p = p->next) {
		end_line(v, out);
		if (p->raw.ptr)
			buf_add_slice(out, p->raw);
		else
			put_changed(v, p, out);
	}
	end_line(v, out);
	buf_add_slice(out, v->tail);
	if (v->changed && !v->tail.len)
		buf_printf(out, "END:VCARD%s", v->eol);
	return v->failed || !buf_ok(out) ? ERR_NOMEM : ERR_OK;
}
