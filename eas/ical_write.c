/* Changing the tree and writing it. */
#include <string.h>

#include "base/text.h"
#include "eas/ical.h"

#define FOLD 75

struct ical *
ical_new_component(struct ical_mem *m, const char *name)
{
	struct ical *node = ical_alloc(m, 1, sizeof *node);

	if (node) {
		node->is_component = true;
		node->name = name;
		node->params = node->value = "";
	}
	return node;
}

void
ical_insert_before(struct ical *at, struct ical *node)
{
	node->parent = at->parent;
	node->prev = at->prev;
	node->next = at;
	*(at->prev ? &at->prev->next : &at->parent->child) = node;
	at->prev = node;
}

struct ical *
ical_add(struct ical_mem *m, struct ical *component, const char *name, const char *params, const char *value)
{
	struct ical *node = ical_alloc(m, 1, sizeof *node), *next = NULL;

	if (!node || !params || !value)
		return NULL;
	node->name = name;
	node->params = params;
	node->value = value;
	for (struct ical *c = component->last; c && c->is_component; c = c->prev)
		next = c;
	if (next)
		ical_insert_before(next, node);
	else
		ical_append(component, node);
	return node;
}

void
ical_set_value(struct ical *line, const char *params, const char *value)
{
	if (params)
		line->params = params;
	line->value = value;
	line->raw = slice(NULL, 0);
}

void
ical_remove(struct ical *node)
{
	struct ical *parent = node->parent;

	*(node->prev ? &node->prev->next : &parent->child) = node->next;
	*(node->next ? &node->next->prev : &parent->last) = node->prev;
	node->parent = node->prev = node->next = NULL;
}

static void
remove_others(struct ical *component, const char *name, const struct ical *keep)
{
	for (struct ical *line = ical_line(component, name), *next; line; line = next) {
		next = ical_next_line(line, name);
		if (line != keep)
			ical_remove(line);
	}
}

void
ical_remove_lines(struct ical *component, const char *name)
{
	remove_others(component, name, NULL);
}

void
ical_put(struct ical_mem *m, struct ical *component, const char *name, const char *params, const char *value)
{
	struct ical *line = ical_line(component, name);

	if (!value) {
		ical_remove_lines(component, name);
	} else if (line) {
		remove_others(component, name, line);
		ical_set_value(line, params, value);
	} else {
		(void)ical_add(m, component, name, params ? params : "", value);
	}
}

void
ical_put_text(struct ical_mem *m, struct ical *component, const char *name, const char *text)
{
	struct ical *line = ical_line(component, name);
	const char *escaped = text && *text ? ical_escape(m, text) : NULL;

	if (m->failed)
		return;
	/* vCalendar 1.0 lines are replaced by ordinary ones. */
	if (line && ical_param_is(line, "ENCODING", "QUOTED-PRINTABLE")) {
		ical_put_param(m, line, "ENCODING", NULL);
		ical_put_param(m, line, "CHARSET", NULL);
	}
	ical_put(m, component, name, NULL, escaped);
}

struct ical *
ical_clone(struct ical_mem *m, const struct ical *node)
{
	struct ical *copy = ical_alloc(m, 1, sizeof *copy);

	if (!copy)
		return NULL;
	*copy = *node;
	copy->parent = copy->prev = copy->next = copy->child = copy->last = NULL;
	for (const struct ical *c = node->child; c; c = c->next) {
		struct ical *child = ical_clone(m, c); /* as deep as ICAL_DEPTH_MAX */
		if (!child)
			return NULL;
		ical_append(copy, child);
	}
	return copy;
}

static void
write_raw(struct slice raw, struct buf *out)
{
	const unsigned char *p = raw.ptr, *end = p + raw.len;

	while (p < end) {
		const unsigned char *q = p;
		while (q < end && *q != '\n' && *q != '\r')
			q++;
		buf_add(out, p, (size_t)(q - p));
		buf_add_str(out, "\r\n");
		if (q < end && *q == '\r')
			q++;
		if (q < end && *q == '\n')
			q++;
		p = q;
	}
}

/* RFC 5545 3.1: lines are at most 75 octets; none is broken inside a character. */
static void
write_folded(struct buf *line, struct buf *out)
{
	size_t at = 0, room = FOLD;
	const char *s = buf_str(line);

	if (!s) {
		out->failed = true;
		return;
	}
	while (line->len - at > room) {
		size_t n = text_cut(s + at, room);
		if (n == 0 || n > room)
			n = room;
		buf_add(out, s + at, n);
		buf_add_str(out, "\r\n ");
		at += n;
		room = FOLD - 1;
	}
	buf_add(out, s + at, line->len - at);
	buf_add_str(out, "\r\n");
}

static void
write_line(const struct ical *node, struct buf *scratch, struct buf *out)
{
	if (node->raw.len) {
		write_raw(node->raw, out);
		return;
	}
	buf_reset(scratch);
	if (*node->name) {
		buf_add_str(scratch, node->name);
		buf_add_str(scratch, node->params);
		buf_add_byte(scratch, ':');
	}
	buf_add_str(scratch, node->value);
	write_folded(scratch, out);
}

static void
write_node(const struct ical *node, struct buf *scratch, struct buf *out)
{
	if (!node->is_component) {
		write_line(node, scratch, out);
		return;
	}
	bool whole = !node->parent && !*node->name; /* what ical_read() gives; there are files with a nameless component */
	if (!whole)
		buf_printf(out, "BEGIN:%s\r\n", node->name);
	for (const struct ical *c = node->child; c; c = c->next)
		write_node(c, scratch, out);
	if (!whole)
		buf_printf(out, "END:%s\r\n", node->name);
}

void
ical_write(const struct ical *root, struct buf *out)
{
	AUTO(buf_finish) struct buf scratch = { 0 };

	buf_init(&scratch, 0);
	write_node(root, &scratch, out);
}
