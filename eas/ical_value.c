/* Values of iCalendar: parameters, text, lists, durations. */
#include <string.h>

#include "base/text.h"
#include "eas/ical.h"

/* One ";NAME=VALUE" beginning at p: its name and its value, still quoted. Returns what follows; NULL at the end. */
static const char *
next_param(const char *p, struct slice *name_r, struct slice *value_r)
{
	if (*p != ';')
		return NULL;
	p++;
	size_t n = strcspn(p, "=;");
	*name_r = slice(p, n);
	*value_r = slice(p + n, 0);
	p += n;
	if (*p != '=')
		return p;
	const char *v = ++p;
	bool quoted = false;
	for (; *p && (quoted || *p != ';'); p++)
		if (*p == '"')
			quoted = !quoted;
	*value_r = slice(v, (size_t)(p - v));
	return p;
}

static bool
find_param(const struct ical *line, const char *name, struct slice *value_r)
{
	struct slice n;

	for (const char *p = line->params; p && (p = next_param(p, &n, value_r));)
		if (n.len == strlen(name) && text_ncasecmp((const char *)n.ptr, name, n.len) == 0)
			return true;
	return false;
}

bool
ical_param_is(const struct ical *line, const char *name, const char *value)
{
	struct slice v;

	if (!line || !find_param(line, name, &v))
		return false;
	if (v.len >= 2 && v.ptr[0] == '"' && v.ptr[v.len - 1] == '"')
		v = slice(v.ptr + 1, v.len - 2);
	return v.len == strlen(value) && text_ncasecmp((const char *)v.ptr, value, v.len) == 0;
}

const char *
ical_param(struct ical_mem *m, const struct ical *line, const char *name)
{
	struct slice v;

	if (!line || !find_param(line, name, &v))
		return NULL;
	char *out = ical_alloc(m, v.len + 1, 1);
	if (!out)
		return NULL;
	size_t n = 0;
	for (size_t i = 0; i < v.len; i++) {
		unsigned char c = v.ptr[i], d = i + 1 < v.len ? v.ptr[i + 1] : 0;
		if (c == '"')
			continue;
		if (c == '^' && (d == 'n' || d == '^' || d == '\'')) {
			c = d == 'n' ? '\n' : d == '\'' ? '"' : '^';
			i++;
		}
		out[n++] = (char)c;
	}
	char *text = text_to_utf8(m->a, out, n);
	if (!text)
		m->failed = true;
	return text;
}

/* For a parameter: RFC 6868 encoded, quoted where needed. */
static const char *
encode_param(struct ical_mem *m, const char *value)
{
	bool quote = value[strcspn(value, ";:,")] != '\0';
	char *out = ical_alloc(m, 2 * strlen(value) + 3, 1);
	char *p = out;

	if (!out)
		return NULL;
	if (quote)
		*p++ = '"';
	for (const char *s = value; *s; s++) {
		if (*s == '\n' || *s == '"' || *s == '^') {
			*p++ = '^';
			*p++ = *s == '\n' ? 'n' : *s == '"' ? '\'' : '^';
		} else if ((unsigned char)*s >= 0x20 || *s == '\t') {
			*p++ = *s;
		}
	}
	if (quote)
		*p++ = '"';
	*p = '\0';
	return out;
}

void
ical_put_param(struct ical_mem *m, struct ical *line, const char *name, const char *value)
{
	struct slice n, v;
	const char *encoded = value ? encode_param(m, value) : NULL;
	char *out = ical_alloc(m, strlen(line->params) + strlen(name) + (encoded ? strlen(encoded) : 0) + 3, 1);

	if (!out || (value && !encoded))
		return;
	char *end = out;
	for (const char *p = line->params, *q; (q = next_param(p, &n, &v)); p = q) {
		if (n.len == strlen(name) && text_ncasecmp((const char *)n.ptr, name, n.len) == 0)
			continue;
		memcpy(end, p, (size_t)(q - p));
		end += q - p;
	}
	*end = '\0';
	const char *params = encoded ? ical_printf(m, "%s;%s=%s", out, name, encoded) : out;
	if (params)
		ical_set_value(line, params, line->value);
}

/* ---- text ---- */

static int
hex(int c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return -1;
}

static size_t
unquote(const char *s, char *out)
{
	size_t n = 0;

	for (; *s; s++) {
		int hi = *s == '=' ? hex(s[1]) : -1, lo = hi >= 0 ? hex(s[2]) : -1;
		if (lo >= 0) {
			out[n++] = (char)(hi << 4 | lo);
			s += 2;
		} else if (*s != '=') {
			out[n++] = *s;
		}
	}
	return n;
}

static size_t
unescape(const char *s, size_t len, char *out)
{
	size_t n = 0;

	for (size_t i = 0; i < len; i++) {
		if (s[i] == '\\' && i + 1 < len) {
			char c = s[++i];
			out[n++] = c == 'n' || c == 'N' ? '\n' : c;
		} else {
			out[n++] = s[i];
		}
	}
	return n;
}

static const char *
finish_text(struct ical_mem *m, char *s, size_t n)
{
	size_t k = 0;

	for (size_t i = 0; i < n; i++)
		if (s[i] != '\r')
			s[k++] = s[i];
		else if (i + 1 >= n || s[i + 1] != '\n')
			s[k++] = '\n';
	const char *text = text_to_utf8(m->a, s, k);
	if (!text)
		m->failed = true;
	return text;
}

const char *
ical_text(struct ical_mem *m, const struct ical *line)
{
	if (!line)
		return "";
	size_t len = strlen(line->value);
	char *out = ical_alloc(m, len + 1, 1);
	if (!out)
		return NULL;
	size_t n = ical_param_is(line, "ENCODING", "QUOTED-PRINTABLE") ? unquote(line->value, out)
		: unescape(line->value, len, out);
	return finish_text(m, out, n);
}

const char **
ical_texts(struct ical_mem *m, const struct ical *line, size_t *n_r)
{
	size_t n = 1, k = 0;

	*n_r = 0;
	for (const char *p = line->value; *p; p++) {
		if (*p == '\\' && p[1])
			p++;
		else if (*p == ',')
			n++;
	}
	const char **list = ical_alloc(m, n, sizeof *list);
	if (!list)
		return NULL;
	for (const char *p = line->value;;) {
		const char *q = p;
		for (; *q && *q != ','; q++)
			if (*q == '\\' && q[1])
				q++;
		char *out = ical_alloc(m, (size_t)(q - p) + 1, 1);
		const char *text = out ? finish_text(m, out, unescape(p, (size_t)(q - p), out)) : NULL;
		if (!text)
			return NULL;
		text += strspn(text, " ");
		if (*text)
			list[k++] = text;
		if (!*q)
			break;
		p = q + 1;
	}
	*n_r = k;
	return list;
}

const char *
ical_escape(struct ical_mem *m, const char *text)
{
	char *out = ical_alloc(m, 2 * strlen(text) + 1, 1);
	char *p = out;

	for (const char *s = text; out && *s; s++) {
		if (*s == '\r') {
			if (s[1] == '\n')
				continue;
			*p++ = '\\';
			*p++ = 'n';
		} else if (*s == '\n') {
			*p++ = '\\';
			*p++ = 'n';
		} else if (*s == '\\' || *s == ';' || *s == ',') {
			*p++ = '\\';
			*p++ = *s;
		} else if ((unsigned char)*s >= 0x20 || *s == '\t') {
			*p++ = *s;
		}
	}
	if (out)
		*p = '\0';
	return out;
}
