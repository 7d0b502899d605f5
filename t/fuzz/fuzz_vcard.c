/* t/fuzz/fuzz_vcard.c - a card of anybody's: what is read is written back as it was; what a phone is told of it, sent back, changes
 * nothing; an edit of every field leaves a card that can be read again. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "eas/contacts.h"

#define ARENA_MAX (64u << 20)

static void
same_bytes(struct arena *a, struct slice in)
{
	struct vcard *v;
	struct buf out;
	buf_init(&out, 0);
	if (!vcard_parse(a, in, &v, NULL)) {
		if (vcard_write(v, &out) || !slice_eq(buf_slice(&out), in))
			abort();
	}
	buf_finish(&out);
}

static struct wbxml_node *
rendered(struct arena *a, struct slice in, struct buf *wbxml)
{
	static const struct item_options options = { 0 };
	const struct item_view view = { .version = 161, .options = &options, .address = "", .name = "" };
	const struct backend_item item = { .bytes = in };
	struct wbxml_writer w;
	struct wbxml_node *root;
	wbxml_begin(&w, wbxml);
	wbxml_start(&w, AirSync_ApplicationData);
	if (item_contacts.render(&view, a, &item, "1:1", RENDER_ADD, &w, NULL))
		return NULL;
	wbxml_end(&w);
	if (!buf_ok(wbxml))
		return NULL;
	enum err e = wbxml_read(a, buf_slice(wbxml), NULL, &root, NULL);
	if (e == ERR_NOMEM || e == ERR_LIMIT)
		return NULL;
	if (e)
		abort();
	return root;
}

static void
merge(struct arena *a, struct slice stored, const struct wbxml_node *data, bool must_be_unchanged)
{
	static const struct item_options options = { 0 };
	const struct item_view view = { .version = 161, .options = &options, .address = "", .name = "" };
	const struct item_edit edit = { .data = data, .stored = stored, .uid = "0123456789abcdef0123456789abcdef" };
	struct item_merged m;
	struct vcard *v;
	if (item_contacts.merge(&view, a, &edit, &m, NULL))
		return;
	if (must_be_unchanged && !m.unchanged)
		abort();
	if (!m.unchanged && vcard_parse(a, m.bytes, &v, NULL) == ERR_INVALID)
		abort();
}

/* A phone's edit of every field, from the bytes too. */
static struct wbxml_node *
made_up(struct arena *a, const uint8_t *data, size_t n)
{
	struct wbxml_node *root = arena_alloc(a, sizeof(*root)), *last = NULL;
	if (!root)
		return NULL;
	root->text = "";
	for (unsigned i = 0; i < C_FIELDS; i++) {
		struct wbxml_node *node = arena_alloc(a, sizeof(*node));
		size_t from = n ? (i * 7u) % n : 0;
		char *text = arena_strndup(a, (const char *)data + from, n - from < 24 ? n - from : 24);
		if (!node || !text)
			return NULL;
		node->tag = contact_fields[i].tag;
		node->text = contact_fields[i].kind == FIELD_DATE ? "1980-05-17T22:00:00.000Z" : text_to_utf8(a, text, strlen(text));
		node->parent = root;
		if (!node->text)
			return NULL;
		node->data = slice_str(node->text);
		*(last ? &last->next : &root->child) = node;
		last = node;
	}
	return root;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct arena *a = arena_new(ARENA_MAX);
	if (!a)
		return 0;
	struct slice in = slice(data, n);
	struct buf wbxml;
	buf_init(&wbxml, ARENA_MAX);
	same_bytes(a, in);
	const struct wbxml_node *own = rendered(a, in, &wbxml);
	if (own)
		merge(a, in, own, true);
	const struct wbxml_node *other = made_up(a, data, n);
	if (other) {
		merge(a, in, other, false);
		merge(a, slice(NULL, 0), other, false);
	}
	buf_finish(&wbxml);
	arena_free(&a);
	return 0;
}
