/* Any bytes: the reader ends within its limits, and what it took for a document can be written, read again, and is then
 * written as the same bytes. The dump takes anything. */
#include <stdlib.h>

#include "wbxml/wbxml.h"

#define ARENA_CAP (8 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check(bool holds)
{
	if (!holds)
		abort();
}

static void
encode(const struct wbxml_node *root, struct buf *out)
{
	struct wbxml_writer w;
	wbxml_begin(&w, out);
	wbxml_put_node(&w, root);
	check(buf_ok(out));
}

static void
check_tree(const struct wbxml_node *root)
{
	for (const struct wbxml_node *n = root; n;) {
		check(n->text != NULL);
		check(n->opaque || n->text[0] == '\0' || n->data.len > 0);
		check(!n->child || (n->data.len == 0 && n->text[0] == '\0' && n->child->parent == n));
		if (n->child) {
			n = n->child;
			continue;
		}
		while (n != root && !n->next)
			n = n->parent;
		n = n == root ? NULL : n->next;
	}
}

/* Without the elements of no code page a tree of them has nothing in it. */
static void
check_round_trip(struct arena *a, const struct wbxml_node *root)
{
	struct wbxml_node *again;
	AUTO(buf_finish) struct buf first;
	AUTO(buf_finish) struct buf second;
	buf_init(&first, 0);
	buf_init(&second, 0);
	encode(root, &first);
	if (root->tag == WBXML_UNKNOWN)
		return;
	enum err err = wbxml_read(a, buf_slice(&first), NULL, &again, NULL);
	if (err == ERR_NOMEM)
		return;
	check(err == ERR_OK);
	check_tree(again);
	encode(again, &second);
	check(slice_eq(buf_slice(&first), buf_slice(&second)));
}

static void
check_dump(struct slice in)
{
	AUTO(buf_finish) struct buf out;
	buf_init(&out, 1 << 16);
	wbxml_dump(in, WBXML_DUMP_ALL, &out);
	buf_reset(&out);
	wbxml_dump(in, WBXML_DUMP_PRIVATE, &out);
	check(out.len <= 1 << 16);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct error e = { 0 };
	struct wbxml_node *root;
	AUTO(arena_free) struct arena *a = arena_new(ARENA_CAP);
	check(a != NULL);
	enum err err = wbxml_read(a, slice(data, size), &wbxml_limits_default, &root, &e);
	check((err == ERR_OK) == (root != NULL));
	check(err == ERR_OK || (e.code == err && (err == ERR_INVALID || err == ERR_LIMIT || err == ERR_NOMEM)));
	if (root) {
		check_tree(root);
		check_round_trip(a, root);
	}
	check_dump(slice(data, size));
	check(arena_size(a) <= ARENA_CAP);
	return 0;
}
