#include <string.h>

#include "base/text.h"
#include "wbxml/scan.h"

const struct wbxml_limits wbxml_limits_default = { .depth = 24, .elements = 50000 };

struct reader {
	struct arena *arena;
	struct scan scan;
	const struct wbxml_limits *limits;
	struct wbxml_node *root;
	struct wbxml_node *open; /* the innermost open element */
	unsigned depth;
	unsigned elements;
	/* Pieces of text in `open`. Once it has a child they no longer matter. */
	struct scan first;       /* stands at the first of them, to read them again */
	struct scan_event piece; /* the last of them */
	unsigned pieces;
	size_t total;
	bool opaque;
};

static enum err
no_memory(struct reader *r)
{
	return scan_fail(&r->scan, ERR_NOMEM, "the tree is too large");
}

/* Several pieces become one. They lie one behind the other in the input, so they are found by reading it again. */
static enum err
join(struct reader *r, struct slice *data_r)
{
	unsigned char *to = arena_alloc(r->arena, r->total + 1);
	if (!to)
		return no_memory(r);
	*data_r = slice(to, r->total);
	struct scan again = r->first;
	while (to < data_r->ptr + r->total) {
		struct scan_event event;
		enum err err = scan_next(&again, &event);
		if (err != ERR_OK)
			return err;
		if (event.data.len)
			memcpy(to, event.data.ptr, event.data.len);
		to += event.data.len;
	}
	return ERR_OK;
}

/* Text of a node whose content is bytes by its code page: only what came as an inline string, and without a copy where one
 * string is valid as it is (it has a NUL behind it in the input): it may be a mail of many megabytes. */
static enum err
set_bytes(struct reader *r, struct wbxml_node *node)
{
	if (node->opaque)
		return ERR_OK;
	node->text = (const char *)node->data.ptr;
	if (!text_is_utf8(node->data.ptr, node->data.len))
		node->text = text_from_latin1(r->arena, node->data.ptr, node->data.len);
	return node->text ? ERR_OK : no_memory(r);
}

static enum err
set_text(struct reader *r, struct wbxml_node *node)
{
	struct slice data = node->data;
	/* Opaque bytes that hold a NUL are no text. */
	if (node->opaque && memchr(data.ptr, '\0', data.len))
		return ERR_OK;
	if (text_is_utf8(data.ptr, data.len))
		node->text = arena_strndup(r->arena, (const char *)data.ptr, data.len);
	else
		node->text = text_from_latin1(r->arena, data.ptr, data.len);
	if (!node->text)
		return no_memory(r);
	if (!node->opaque)
		node->data = slice_str(node->text);
	return ERR_OK;
}

static enum err
finish_leaf(struct reader *r, struct wbxml_node *node)
{
	if (r->total == 0)
		return ERR_OK;
	node->opaque = r->opaque;
	node->data = r->piece.data;
	if (r->pieces > 1) {
		enum err err = join(r, &node->data);
		if (err != ERR_OK)
			return err;
	}
	return wbxml_tag_opaque(node->tag) ? set_bytes(r, node) : set_text(r, node);
}

static enum err
on_text(struct reader *r, const struct scan *before, const struct scan_event *event)
{
	if (!r->open)
		return scan_fail(&r->scan, ERR_INVALID, "text outside of the root element");
	if (r->open->child || event->data.len == 0)
		return ERR_OK;
	if (r->pieces == 0)
		r->first = *before;
	r->piece = *event;
	r->pieces++;
	r->total += event->data.len;
	r->opaque = r->opaque || event->type == SCAN_OPAQUE;
	return ERR_OK;
}

static void
forget_text(struct reader *r)
{
	r->pieces = 0;
	r->total = 0;
	r->opaque = false;
}

static enum err
on_start(struct reader *r, const struct scan_event *event)
{
	if (r->root && !r->open)
		return scan_fail(&r->scan, ERR_INVALID, "a second root element");
	if (r->depth >= r->limits->depth)
		return scan_fail(&r->scan, ERR_LIMIT, "elements nested too deep");
	if (r->elements >= r->limits->elements)
		return scan_fail(&r->scan, ERR_LIMIT, "too many elements");
	struct wbxml_node *node = arena_alloc(r->arena, sizeof *node);
	if (!node)
		return no_memory(r);
	r->elements++;
	node->tag = event->tag;
	node->text = "";
	node->data = slice("", 0);
	node->parent = r->open;
	forget_text(r);
	if (r->open) {
		/* Children are kept last first until their parent ends. */
		node->next = r->open->child;
		r->open->child = node;
	} else {
		r->root = node;
	}
	if (event->content) {
		r->open = node;
		r->depth++;
	}
	return ERR_OK;
}

static enum err
on_end(struct reader *r)
{
	struct wbxml_node *node = r->open;
	if (!node)
		return scan_fail(&r->scan, ERR_INVALID, "an end without a beginning");
	struct wbxml_node *first = NULL;
	for (struct wbxml_node *child = node->child; child;) {
		struct wbxml_node *before = child->next;
		child->next = first;
		first = child;
		child = before;
	}
	node->child = first;
	enum err err = first ? ERR_OK : finish_leaf(r, node);
	forget_text(r);
	r->open = node->parent;
	r->depth--;
	return err;
}

static enum err
read_all(struct reader *r)
{
	for (;;) {
		struct scan before = r->scan;
		struct scan_event event;
		enum err err = scan_next(&r->scan, &event);
		if (err != ERR_OK)
			return err;
		switch (event.type) {
		case SCAN_START:
			err = on_start(r, &event);
			break;
		case SCAN_END:
			err = on_end(r);
			break;
		case SCAN_TEXT:
		case SCAN_OPAQUE:
			err = on_text(r, &before, &event);
			break;
		case SCAN_EOF:
			return scan_fail(&r->scan, ERR_INVALID, "the document ends too early");
		}
		if (err != ERR_OK)
			return err;
		if (r->root && !r->open)
			return ERR_OK;
	}
}

enum err
wbxml_read(struct arena *a, struct slice in, const struct wbxml_limits *limits, struct wbxml_node **root_r, struct error *e)
{
	*root_r = NULL;
	struct reader r = { .arena = a, .limits = limits ? limits : &wbxml_limits_default };
	enum err err = scan_begin(&r.scan, in, e);
	if (err == ERR_OK)
		err = read_all(&r);
	if (err == ERR_OK && r.scan.pos != in.len)
		err = scan_fail(&r.scan, ERR_INVALID, "bytes behind the root element");
	if (err == ERR_OK)
		*root_r = r.root;
	return err;
}
