/* Any bytes as an event and as a task: dated, rendered for three versions, and the rendering merged back.
 *
 * Beyond not crashing: what was rendered can be merged, says nothing new, and merging an edit gives something that can be rendered.
 */
#include <stdint.h>
#include <stdlib.h>

#include "eas/item.h"
#include "eas/timezone.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define ARENA_MAX (256u << 20)

static void
require(bool ok)
{
	if (!ok)
		abort();
}

static const struct wbxml_node *
render(const struct item_class *class, const struct item_view *v, struct arena *a, struct slice bytes)
{
	AUTO(buf_finish) struct buf out;
	struct backend_item item = { .bytes = bytes };
	struct wbxml_node *root = NULL;
	struct wbxml_writer w;

	buf_init(&out, 0);
	wbxml_begin(&w, &out);
	wbxml_start(&w, AirSync_ApplicationData);
	if (class->render(v, a, &item, "1:1", RENDER_ADD, &w, NULL) != ERR_OK)
		return NULL;
	wbxml_end(&w);
	struct slice copy = slice(arena_memdup(a, out.data, out.len), out.len);
	const struct wbxml_limits limits = { .depth = 24, .elements = 1000000 };
	if (!copy.ptr || wbxml_read(a, copy, &limits, &root, NULL) == ERR_NOMEM)
		return NULL;
	require(root != NULL);
	return root;
}

/* The same tree with another subject. */
static const struct wbxml_node *
edited(struct arena *a, const struct wbxml_node *root, unsigned subject)
{
	struct wbxml_node *copy = arena_memdup(a, root, sizeof *root), *node = arena_alloc(a, sizeof *node);

	if (!copy || !node)
		return NULL;
	*node = (struct wbxml_node){ .tag = subject, .parent = copy, .next = root->child, .text = "Edited", .data = slice_str("Edited") };
	copy->child = node;
	return copy;
}

static void
try(const struct item_class *class, unsigned version, unsigned subject, struct slice bytes)
{
	static const struct item_options options[] = {
		{ .conflict = 1, .mime_truncation = 8 },
		{ .conflict = 1, .mime_truncation = 8, .n_prefs = 1, .prefs = { { .type = 2, .truncation = UINT32_MAX } } },
		{ .conflict = 1, .mime_truncation = 8, .n_prefs = 1, .prefs = { { .type = 1, .truncation = 20 } } },
	};
	AUTO(arena_free) struct arena *a = arena_new(ARENA_MAX);
	struct item_view v = { .version = version, .options = &options[version % ARRAY_LEN(options)], .address = "a@example.com", .name = "A" };
	struct item_supported supported = { 0 };
	struct item_edit edit = { .stored = bytes, .supported = &supported, .uid = "0123456789abcdef0123456789abcdef" };
	struct item_merged merged;

	if (!a)
		return;
	const struct wbxml_node *root = render(class, &v, a, bytes);
	if (!root)
		return;
	edit.data = root;
	enum err err = class->merge(&v, a, &edit, &merged, NULL);
	if (err == ERR_NOMEM)
		return;
	require(err == ERR_OK);
	require(merged.unchanged);
	edit.data = edited(a, root, subject);
	err = edit.data ? class->merge(&v, a, &edit, &merged, NULL) : ERR_NOMEM;
	if (err == ERR_NOMEM)
		return;
	require(err == ERR_OK);
	if (!merged.unchanged)
		require(render(class, &v, a, merged.bytes) != NULL || arena_size(a) > ARENA_MAX / 2);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const unsigned versions[] = { 121, 141, 161 };
	struct slice bytes = slice(data, size);
	struct arena *a = arena_new(ARENA_MAX);

	if (!a)
		return 0;
	(void)zone_set_default("Europe/Berlin");
	(void)item_calendar.date(a, bytes);
	(void)item_tasks.date(a, bytes);
	arena_free(&a);
	for (unsigned i = 0; i < ARRAY_LEN(versions); i++) {
		try(&item_calendar, versions[i], Calendar_Subject, bytes);
		try(&item_tasks, versions[i], Tasks_Subject, bytes);
	}
	return 0;
}
