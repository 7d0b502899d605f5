#include <stdio.h>

#include "base/text.h"
#include "wbxml/wbxml.h"

enum { SWITCH_PAGE = 0x00, END = 0x01, STR_I = 0x03, OPAQUE = 0xC3, BIT_CONTENT = 0x40 };

void
wbxml_begin(struct wbxml_writer *w, struct buf *out)
{
	*w = (struct wbxml_writer){ .out = out };
	buf_add(out, WBXML_HEADER, WBXML_HEADER_LEN);
}

static void
switch_page(struct wbxml_writer *w, unsigned page)
{
	buf_add_byte(w->out, SWITCH_PAGE);
	buf_add_byte(w->out, (unsigned char)page);
	w->page = page;
}

/* The element whose start was written last gets content after all. */
static void
fill(struct wbxml_writer *w)
{
	if (w->open && buf_ok(w->out))
		w->out->data[w->tag_at] |= BIT_CONTENT;
	w->open = false;
}

static void
put_tag(struct wbxml_writer *w, unsigned tag)
{
	/* A name of ours that is in no code page is a fault of ours. */
	if (!wbxml_tag_name(tag)) {
		w->out->failed = true;
		return;
	}
	fill(w);
	if (tag >> 8 != w->page)
		switch_page(w, tag >> 8);
	w->tag_at = w->out->len;
	buf_add_byte(w->out, (unsigned char)(tag & 0xFF));
}

void
wbxml_start(struct wbxml_writer *w, unsigned tag)
{
	put_tag(w, tag);
	if (w->depth >= WBXML_DEPTH_MAX) {
		w->out->failed = true;
		return;
	}
	w->stack[w->depth++] = tag;
	w->open = true;
}

void
wbxml_end(struct wbxml_writer *w)
{
	if (w->depth == 0) {
		w->out->failed = true;
		return;
	}
	w->depth--;
	if (!w->open)
		buf_add_byte(w->out, END);
	w->open = false;
}

void
wbxml_empty(struct wbxml_writer *w, unsigned tag)
{
	put_tag(w, tag);
}

/* A leaf from its start tag to the place where its content goes. */
static void
start_leaf(struct wbxml_writer *w, unsigned tag)
{
	put_tag(w, tag);
	if (buf_ok(w->out))
		w->out->data[w->tag_at] |= BIT_CONTENT;
}

void
wbxml_begin_text(struct wbxml_writer *w, unsigned tag)
{
	start_leaf(w, tag);
	buf_add_byte(w->out, STR_I);
}

void
wbxml_end_text(struct wbxml_writer *w)
{
	if (w->out->len == w->tag_at + 2 && buf_ok(w->out)) { /* no text: an empty tag */
		w->out->len--;
		w->out->data[w->tag_at] &= (unsigned char)~BIT_CONTENT;
		return;
	}
	buf_add(w->out, (const unsigned char[]){ '\0', END }, 2);
}

void
wbxml_put_n(struct wbxml_writer *w, unsigned tag, const char *s, size_t n)
{
	if (!s)
		return;
	wbxml_begin_text(w, tag);
	text_add_utf8(w->out, s, n);
	wbxml_end_text(w);
}

void
wbxml_put(struct wbxml_writer *w, unsigned tag, const char *s)
{
	if (s)
		wbxml_put_n(w, tag, s, strlen(s));
}

void
wbxml_put_int(struct wbxml_writer *w, unsigned tag, int64_t v)
{
	char digits[24];
	snprintf(digits, sizeof digits, "%lld", (long long)v);
	wbxml_put(w, tag, digits);
}

static void
put_length(struct buf *out, uint32_t n)
{
	for (int shift = 28; shift > 0; shift -= 7) {
		if (n >> shift)
			buf_add_byte(out, (unsigned char)(0x80 | (n >> shift & 0x7F)));
	}
	buf_add_byte(out, n & 0x7F);
}

void
wbxml_put_opaque(struct wbxml_writer *w, unsigned tag, struct slice bytes)
{
	if (bytes.len == 0) {
		put_tag(w, tag);
		return;
	}
	if (bytes.len > UINT32_MAX) {
		w->out->failed = true;
		return;
	}
	start_leaf(w, tag);
	buf_add_byte(w->out, OPAQUE);
	put_length(w->out, (uint32_t)bytes.len);
	buf_add_slice(w->out, bytes);
	buf_add_byte(w->out, END);
}

void
wbxml_noop(struct wbxml_writer *w)
{
	/* What was written so far may leave the buf at once, so no start tag in it may change any more. */
	fill(w);
	switch_page(w, w->page);
}

static void
put_leaf(struct wbxml_writer *w, const struct wbxml_node *node)
{
	if (node->opaque)
		wbxml_put_opaque(w, node->tag, node->data);
	else
		wbxml_put(w, node->tag, node->text);
}

void
wbxml_put_node(struct wbxml_writer *w, const struct wbxml_node *node)
{
	const struct wbxml_node *at = node;
	while (at) {
		/* What no code page names cannot be written, nor what is in it. */
		bool inside = at->child && at->tag != WBXML_UNKNOWN;
		if (inside)
			wbxml_start(w, at->tag);
		else if (at->tag != WBXML_UNKNOWN)
			put_leaf(w, at);
		if (inside) {
			at = at->child;
			continue;
		}
		while (at != node && !at->next) {
			wbxml_end(w);
			at = at->parent;
		}
		at = at == node ? NULL : at->next;
	}
}

struct wbxml_point
wbxml_point(const struct wbxml_writer *w)
{
	return (struct wbxml_point){ *w, w->out->len, w->out->failed };
}

void
wbxml_back(struct wbxml_writer *w, const struct wbxml_point *p)
{
	*w = p->writer;
	w->out->len = p->len;
	w->out->failed = p->failed;
	if (w->open && buf_ok(w->out))
		w->out->data[w->tag_at] &= (unsigned char)~BIT_CONTENT;
}

void
wbxml_begin_piece(struct wbxml_writer *w, struct buf *out)
{
	*w = (struct wbxml_writer){ .out = out };
}

void
wbxml_put_piece(struct wbxml_writer *w, struct slice piece, unsigned page_after)
{
	if (piece.len == 0)
		return;
	fill(w);
	if (w->page != WBXML_PAGE_AirSync)
		switch_page(w, WBXML_PAGE_AirSync);
	buf_add_slice(w->out, piece);
	w->page = page_after;
}
