/* eas/vcard_value.c - what a property says: unfolding, quoted-printable, character sets, escapes, structure. */
#include <errno.h>
#include <iconv.h>
#include <string.h>

#include "base/text.h"
#include "eas/vcard.h"

#define GROUP_MAX 64 /* each property may be compared with each label */

struct vcard_prop *
vcard_next(const struct vcard_prop *p, const char *name)
{
	struct vcard_prop *next = p ? p->next : NULL;
	while (next && strcmp(next->name, name) != 0)
		next = next->next;
	return next;
}

struct vcard_prop *
vcard_find(const struct vcard *v, const char *name)
{
	const struct vcard_prop before = { .next = v->first };
	return vcard_next(&before, name);
}

const char *
vcard_param(const struct vcard_prop *p, const char *name)
{
	for (size_t i = 0; i < p->n_params; i++)
		if (strcmp(p->params[i].name, name) == 0)
			return p->params[i].value;
	return NULL;
}

static bool
has_word(const char *list, const char *word)
{
	size_t n = strlen(word);
	while (*list) {
		size_t len = strcspn(list, ",");
		if (len == n && text_ncasecmp(list, word, n) == 0)
			return true;
		list += len + (list[len] == ',');
	}
	return false;
}

bool
vcard_has_type(const struct vcard_prop *p, const char *type)
{
	for (size_t i = 0; i < p->n_params; i++)
		if (strcmp(p->params[i].name, "TYPE") == 0 && has_word(p->params[i].value, type))
			return true;
	return false;
}

static const char *
label_text(struct vcard *v, const struct vcard_prop *label)
{
	const char *text = vcard_text(v, label);
	size_t n = strlen(text);
	if (n < 8 || !text_starts(text, "_$!<") || !text_ends(text, ">!$_"))
		return text;
	const char *inner = arena_strndup(v->arena, text + 4, n - 8);
	return inner ? inner : "";
}

/* Once: every property of a card may ask for its own. */
static void
read_labels(struct vcard *v)
{
	struct vcard_label **tail = &v->labels;
	unsigned n = 0;
	v->labelled = true;
	for (struct vcard_prop *p = vcard_find(v, "X-ABLABEL"); p && n < VCARD_LABELS_MAX; p = vcard_next(p, "X-ABLABEL")) {
		if (!*p->group || strlen(p->group) > GROUP_MAX)
			continue;
		struct vcard_label *label = arena_alloc(v->arena, sizeof *label);
		if (!label) {
			v->failed = true;
			return;
		}
		*label = (struct vcard_label){ .group = p->group, .text = label_text(v, p) };
		*tail = label;
		tail = &label->next;
		n++;
	}
}

const char *
vcard_label(struct vcard *v, const struct vcard_prop *p)
{
	if (!*p->group || strlen(p->group) > GROUP_MAX)
		return "";
	if (!v->labelled)
		read_labels(v);
	for (const struct vcard_label *label = v->labels; label; label = label->next)
		if (text_casecmp(label->group, p->group) == 0)
			return label->text;
	return "";
}

static int
hex(unsigned char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The folded value without line ends and the space that follows them. 2.1 folds at a space that is there already and stays. */
static void
unfold(const struct vcard *v, const struct vcard_prop *p, struct buf *out)
{
	const unsigned char *s = p->folded.ptr;
	size_t n = p->folded.len;
	unsigned char nl = strcmp(v->eol, "\r") == 0 ? '\r' : '\n';
	bool keep = v->version == 21 && p->encoding == VCARD_PLAIN;
	for (size_t i = 0; i < n; i++) {
		if (s[i] == '\r' && nl == '\n') {
			if (i + 1 < n && s[i + 1] != '\n' && s[i + 1] != '\r')
				buf_add_byte(out, '\n');
			continue;
		}
		if (s[i] != nl) {
			buf_add_byte(out, s[i]);
			continue;
		}
		if (p->encoding == VCARD_QP && out->len && out->data[out->len - 1] == '=')
			out->len--;
		if (i + 1 < n && (s[i + 1] == ' ' || s[i + 1] == '\t') && !keep)
			i++;
	}
	if (p->encoding == VCARD_QP && out->len && out->data[out->len - 1] == '=')
		out->len--;
}

static void
decode_qp(struct buf *b)
{
	if (!b->data)
		return;
	size_t to = 0;
	for (size_t i = 0; i < b->len; i++) {
		int hi = b->data[i] == '=' && i + 2 < b->len ? hex(b->data[i + 1]) : -1;
		int lo = hi >= 0 ? hex(b->data[i + 2]) : -1;
		if (lo >= 0)
			i += 2;
		b->data[to++] = lo >= 0 ? (unsigned char)((unsigned)hi << 4 | (unsigned)lo) : b->data[i];
	}
	b->len = to;
}

/* What cannot be converted becomes a question mark. */
static bool
convert(const char *charset, struct buf *in, struct buf *out)
{
	if (strlen(charset) > 40 || strspn(charset, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_:.") != strlen(charset))
		return false;
	iconv_t cd = iconv_open("UTF-8", charset);
	if (cd == (iconv_t)-1)
		return false;
	char *from = (char *)in->data;
	size_t left = in->len;
	while (left) {
		char room[512];
		char *to = room;
		size_t space = sizeof(room);
		size_t r = iconv(cd, &from, &left, &to, &space);
		buf_add(out, room, sizeof(room) - space);
		if (r != (size_t)-1 || errno == E2BIG)
			continue;
		buf_add_byte(out, '?');
		from++;
		left--;
	}
	iconv_close(cd);
	return true;
}

static const char *
to_utf8(struct arena *a, const struct vcard_prop *p, struct buf *raw)
{
	const char *charset = vcard_param(p, "CHARSET");
	AUTO(buf_finish) struct buf out = { 0 };
	buf_init(&out, VCARD_BYTES_MAX);
	if (!charset && !text_is_utf8(raw->data, raw->len) && !memchr(raw->data, 0, raw->len))
		charset = "windows-1252";
	if (charset && text_casecmp(charset, "UTF-8") != 0 && raw->len && convert(charset, raw, &out))
		return text_to_utf8(a, out.data, out.len);
	return text_to_utf8(a, raw->data, raw->len);
}

const char *
vcard_value(struct vcard *v, const struct vcard_prop *p)
{
	if (p->value)
		return p->value;
	AUTO(buf_finish) struct buf raw = { 0 };
	buf_init(&raw, VCARD_BYTES_MAX);
	unfold(v, p, &raw);
	if (p->encoding == VCARD_QP)
		decode_qp(&raw);
	const char *text = !buf_ok(&raw) ? NULL : raw.len ? to_utf8(v->arena, p, &raw) : "";
	if (!text)
		v->failed = true;
	return text ? text : "";
}

/* n bytes without escapes, CR left out. \n is taken in 2.1 too, where it should not be: many write it. */
static const char *
unescape(struct vcard *v, const char *s, size_t n)
{
	char *out = arena_alloc(v->arena, n + 1);
	if (!out) {
		v->failed = true;
		return "";
	}
	char *to = out;
	for (size_t i = 0; i < n; i++) {
		if (s[i] == '\r') {
			if (i + 1 == n || s[i + 1] != '\n')
				*to++ = '\n';
			continue;
		}
		if (s[i] != '\\' || i + 1 == n || !strchr("nN,;:\\", s[i + 1])) {
			*to++ = s[i];
			continue;
		}
		i++;
		*to++ = s[i] == 'n' || s[i] == 'N' ? '\n' : s[i];
	}
	return out;
}

const char *
vcard_text(struct vcard *v, const struct vcard_prop *p)
{
	const char *s = vcard_value(v, p);
	return unescape(v, s, strlen(s));
}

size_t
vcard_span(const char *s, char separator)
{
	size_t i = 0;
	for (; s[i] && s[i] != separator; i++)
		if (s[i] == '\\' && s[i + 1])
			i++;
	return i;
}

const char *
vcard_component(struct vcard *v, const struct vcard_prop *p, unsigned i)
{
	const char *s = vcard_value(v, p);
	for (; i; i--) {
		s += vcard_span(s, ';');
		if (!*s)
			return "";
		s++;
	}
	return unescape(v, s, vcard_span(s, ';'));
}

const char **
vcard_list(struct vcard *v, const struct vcard_prop *p, size_t max)
{
	const char *s = vcard_value(v, p);
	size_t n = 1;
	for (const char *c = s; *c; c++)
		n += *c == ',';
	const char **list = arena_array(v->arena, n + 1, sizeof(*list));
	if (!list) {
		static const char *none[1];
		v->failed = true;
		return none;
	}
	n = 0;
	while (*s && n < max) {
		size_t len = vcard_span(s, ',');
		if (len)
			list[n++] = unescape(v, s, len);
		s += len + (s[len] == ',');
	}
	return list;
}

static bool
data_uri(struct vcard *v, const char *s, struct slice *bytes_r)
{
	const char *comma = strchr(s, ',');
	if (!comma)
		return false;
	size_t n = (size_t)(comma - s);
	bool base64 = memmem(s, n, ";base64", 7) != NULL;
	const char *body = comma + 1;
	if (!base64)
		return false;
	unsigned char *bytes = text_unbase64(v->arena, body, strlen(body), &bytes_r->len);
	bytes_r->ptr = bytes;
	return bytes != NULL;
}

bool
vcard_bytes(struct vcard *v, const struct vcard_prop *p, struct slice *bytes_r)
{
	const char *s = vcard_value(v, p);
	while (*s == ' ')
		s++;
	/* Some write a data URI into a property that they call base64. */
	if (text_casestarts(s, "data:"))
		return data_uri(v, unescape(v, s, strlen(s)), bytes_r);
	if (p->encoding != VCARD_BASE64 || !*s)
		return false;
	unsigned char *bytes = text_unbase64(v->arena, s, strlen(s), &bytes_r->len);
	bytes_r->ptr = bytes;
	return bytes != NULL;
}
