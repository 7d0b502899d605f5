#include "eas/ical.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/count.h"
#include "base/text.h"

void *
ical_alloc(struct ical_mem *m, size_t count, size_t size)
{
	void *p = arena_array(m->a, count, size);
	if (!p)
		m->failed = true;
	return p;
}

char *
ical_dup(struct ical_mem *m, const char *s, size_t n)
{
	char *p = arena_strndup(m->a, s, n);
	if (!p)
		m->failed = true;
	return p;
}

char *
ical_printf(struct ical_mem *m, const char *fmt, ...)
{
	va_list ap, again;
	char *p = NULL;

	va_start(ap, fmt);
	va_copy(again, ap);
	int n = vsnprintf(NULL, 0, fmt, ap);
	if (n >= 0)
		p = ical_alloc(m, (size_t)n + 1, 1);
	if (p)
		(void)vsnprintf(p, (size_t)n + 1, fmt, again);
	va_end(again);
	va_end(ap);
	return p;
}

/* ---- reading ---- */

struct reader {
	struct ical_mem *m;
	const unsigned char *p, *end;
	struct ical *at; /* the component that is open */
	unsigned depth, lines;
};

/* The bytes up to the line end; *next_r is behind it. */
static size_t
physical_line(const unsigned char *p, const unsigned char *end, const unsigned char **next_r)
{
	const unsigned char *q = p;

	while (q < end && *q != '\n' && *q != '\r')
		q++;
	size_t n = (size_t)(q - p);
	if (q < end && *q == '\r')
		q++;
	if (q < end && *q == '\n')
		q++;
	*next_r = q;
	return n;
}

static bool
has_nocase(const char *s, size_t n, const char *what)
{
	size_t k = strlen(what);

	for (size_t i = 0; i + k <= n; i++)
		if (text_ncasecmp(s + i, what, k) == 0)
			return true;
	return false;
}

/* vCalendar 1.0: a quoted-printable value whose line ends in = goes on in the next line, which need not begin with a
 * space. */
static bool
has_soft_breaks(const char *line, size_t n)
{
	const char *colon = memchr(line, ':', n);
	return n > 0 && line[n - 1] == '=' && colon && has_nocase(line, (size_t)(colon - line), "QUOTED-PRINTABLE");
}

/* The next content line, unfolded, in *line_r; raw_r is what it was read from. False at the end. */
static bool
logical_line(struct reader *r, char **line_r, struct slice *raw_r)
{
	const unsigned char *begin = r->p, *next;
	size_t total = 0, lines = 0;

	if (r->p >= r->end)
		return false;
	/* How much there is, at most; then the copy. */
	for (const unsigned char *p = begin;; p = next) {
		total += physical_line(p, r->end, &next);
		lines++;
		if (next >= r->end || (*next != ' ' && *next != '\t'))
			break;
	}
	char *line = ical_alloc(r->m, total + 1, 1);
	if (!line)
		return false;
	size_t len = 0;
	const unsigned char *p = begin;
	for (size_t i = 0; i < lines; i++) {
		size_t n = physical_line(p, r->end, &next), skip = i > 0 && n > 0 ? 1 : 0;
		memcpy(line + len, p + skip, n - skip);
		len += n - skip;
		p = next;
	}
	for (bool soft = has_soft_breaks(line, len); soft && p < r->end && line[len - 1] == '=';) {
		size_t n = physical_line(p, r->end, &next);
		char *longer = ical_alloc(r->m, len + n, 1);
		if (!longer)
			return false;
		memcpy(longer, line, len - 1);
		memcpy(longer + len - 1, p, n);
		len += n - 1;
		line = longer;
		lines++;
		p = next;
		if (lines > 1000) /* each step copies all of it */
			break;
		line[len] = '\0';
	}
	line[len] = '\0';
	r->p = p;
	*line_r = line;
	*raw_r = slice(begin, (size_t)(p - begin));
	return true;
}

/* Where the value begins: the first colon outside quotes; NULL if there is none. */
static char *
value_colon(char *s)
{
	bool quoted = false;

	for (; *s; s++) {
		if (*s == '"')
			quoted = !quoted;
		else if (*s == ':' && !quoted)
			return s;
	}
	return NULL;
}

static bool
is_name(const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)s[i];
		if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') && !(c >= '0' && c <= '9') && c != '-' &&
		    c != '_' && c != '.')
			return false;
	}
	return n > 0;
}

static char *
upper(struct ical_mem *m, const char *s, size_t n)
{
	char *p = ical_dup(m, s, n);
	for (char *q = p; q && *q; q++)
		if (*q >= 'a' && *q <= 'z')
			*q = (char)(*q - 'a' + 'A');
	return p;
}

/* Splits a line into name, parameters and value; what cannot be split has the name "". */
static void
split(struct ical_mem *m, char *line, struct ical *node)
{
	size_t n = strcspn(line, ";:");
	char *colon = value_colon(line);

	/* A quote that never ends hides the colon: then the first one it is. */
	if (!colon)
		colon = strchr(line, ':');
	node->name = "";
	node->params = "";
	node->value = line;
	if (!colon || !is_name(line, n))
		return;
	node->params = ical_dup(m, line + n, (size_t)(colon - line) - n);
	node->name = upper(m, line, n);
	node->value = colon + 1;
	if (!node->params || !node->name)
		node->name = node->params = "";
}

void
ical_append(struct ical *component, struct ical *node)
{
	node->parent = component;
	node->prev = component->last;
	node->next = NULL;
	if (component->last)
		component->last->next = node;
	else
		component->child = node;
	component->last = node;
}

static char *
trimmed_upper(struct ical_mem *m, const char *s)
{
	size_t n = strlen(s);
	while (n > 0 && (s[n - 1] == ' ' || s[n - 1] == '\t'))
		n--;
	while (n > 0 && (*s == ' ' || *s == '\t')) {
		s++;
		n--;
	}
	return upper(m, s, n);
}

static enum err
begin_component(struct reader *r, const char *value, struct error *e)
{
	if (++r->depth > ICAL_DEPTH_MAX)
		return err_set(e, ERR_LIMIT, "iCalendar: components are nested more than %d deep", ICAL_DEPTH_MAX);
	struct ical *node = ical_alloc(r->m, 1, sizeof *node);
	if (!node || !(node->name = trimmed_upper(r->m, value)))
		return ERR_NOMEM;
	node->is_component = true;
	node->params = node->value = "";
	ical_append(r->at, node);
	r->at = node;
	return ERR_OK;
}

static void
end_component(struct reader *r, const char *value)
{
	const char *name = trimmed_upper(r->m, value);
	unsigned up = 1;

	for (struct ical *c = r->at; name && c->parent; c = c->parent, up++)
		if (strcmp(c->name, name) == 0) {
			r->at = c->parent;
			r->depth -= up;
			return;
		}
}

enum err
ical_read(struct ical_mem *m, struct slice in, struct ical **root_r, struct error *e)
{
	struct reader r = { .m = m, .p = in.ptr, .end = in.ptr + in.len };
	struct ical *root = ical_new_component(m, "");
	struct slice raw;
	char *line;

	if (!root)
		return err_set(e, ERR_NOMEM, "iCalendar: out of memory");
	count_add(COUNT_ICALENDAR, 1);
	if (in.len > ICAL_BYTES_MAX)
		return err_set(e, ERR_LIMIT, "iCalendar: %zu bytes", in.len);
	if (in.len >= 3 && memcmp(in.ptr, "\xEF\xBB\xBF", 3) == 0)
		r.p += 3;
	r.at = root;
	while (logical_line(&r, &line, &raw)) {
		if (++r.lines > ICAL_LINES_MAX)
			return err_set(e, ERR_LIMIT, "iCalendar: more than %d lines", ICAL_LINES_MAX);
		if (!*line)
			continue;
		struct ical *node = ical_alloc(m, 1, sizeof *node);
		if (!node)
			break;
		split(m, line, node);
		enum err err = ERR_OK;
		if (strcmp(node->name, "BEGIN") == 0) {
			err = begin_component(&r, node->value, e);
		} else if (strcmp(node->name, "END") == 0) {
			end_component(&r, node->value);
		} else {
			node->raw = raw;
			ical_append(r.at, node);
		}
		if (err == ERR_LIMIT)
			return err;
	}
	if (m->failed)
		return err_set(e, ERR_NOMEM, "iCalendar: out of memory");
	for (const struct ical *c = root->child; c; c = c->next)
		if (c->is_component) {
			*root_r = root;
			return ERR_OK;
		}
	return err_set(e, ERR_INVALID, "iCalendar: no component");
}

/* ---- finding ---- */

static struct ical *
find(const struct ical *node, const char *name, bool component)
{
	for (; node; node = node->next)
		if (node->is_component == component && strcmp(node->name, name) == 0)
			break;
	return (struct ical *)(uintptr_t)node; /* the caller's constness is its own business, as with strchr() */
}

struct ical *
ical_component(const struct ical *in, const char *name)
{
	return in ? find(in->child, name, true) : NULL;
}

struct ical *
ical_next_component(const struct ical *node, const char *name)
{
	return find(node->next, name, true);
}

struct ical *
ical_line(const struct ical *in, const char *name)
{
	return in ? find(in->child, name, false) : NULL;
}

struct ical *
ical_next_line(const struct ical *node, const char *name)
{
	return find(node->next, name, false);
}

const char *
ical_value(const struct ical *in, const char *name)
{
	const struct ical *line = ical_line(in, name);
	return line ? line->value : NULL;
}
