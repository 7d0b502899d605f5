#include "base/text.h"
#include "wbxml/wbxml.h"

const struct wbxml_node *
wbxml_child(const struct wbxml_node *node, unsigned tag)
{
	const struct wbxml_node *child = node ? node->child : NULL;
	while (child && child->tag != tag)
		child = child->next;
	return child;
}

const struct wbxml_node *
wbxml_next(const struct wbxml_node *node, unsigned tag)
{
	const struct wbxml_node *next = node ? node->next : NULL;
	while (next && next->tag != tag)
		next = next->next;
	return next;
}

const struct wbxml_node *
wbxml_path(const struct wbxml_node *node, const unsigned *tags, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		node = wbxml_child(node, tags[i]);
	return node;
}

bool
wbxml_has(const struct wbxml_node *node, unsigned tag)
{
	return wbxml_child(node, tag) != NULL;
}

size_t
wbxml_count(const struct wbxml_node *node, unsigned tag)
{
	size_t n = 0;

	for (const struct wbxml_node *c = wbxml_child(node, tag); c; c = wbxml_next(c, tag))
		n++;
	return n;
}

const char *
wbxml_text(const struct wbxml_node *node, unsigned tag)
{
	const struct wbxml_node *child = wbxml_child(node, tag);
	return child ? child->text : NULL;
}

int64_t
wbxml_int(const struct wbxml_node *node, unsigned tag, int64_t fallback, int64_t bad)
{
	const char *s = wbxml_text(node, tag);
	int64_t v;
	if (!s || *s == '\0')
		return fallback;
	return text_to_i64(s, &v) ? v : bad;
}

bool
wbxml_bool(const struct wbxml_node *node, unsigned tag, bool fallback)
{
	const char *s = wbxml_text(node, tag);
	if (!s)
		return fallback;
	return *s == '\0' || (s[0] == '1' && s[1] == '\0');
}
