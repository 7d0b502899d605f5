#include "items_kit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "eas/timezone.h"

int
kit_setup(void **state)
{
	struct kit *k = calloc(1, sizeof *k);

	assert_non_null(k);
	assert_true(zone_set_default("Europe/Berlin"));
	k->a = arena_new(0);
	k->options = (struct item_options){ .conflict = 1, .mime_truncation = 8 };
	k->view = (struct item_view){ .version = 141, .options = &k->options, .address = "alice@example.com", .name = "Alice" };
	*state = k;
	return 0;
}

int
kit_teardown(void **state)
{
	struct kit *k = *state;

	arena_free(&k->a);
	free(k);
	return 0;
}

struct slice
kit_file(struct kit *k, const char *path)
{
	const char *source = getenv("CPUSH_SOURCE");
	FILE *in = fopen(arena_printf(k->a, "%s/%s", source ? source : ".", path), "rb");
	struct buf b;
	char piece[4096];
	size_t n;

	if (!in)
		fail_msg("no file %s", path);
	buf_init(&b, 0);
	while ((n = fread(piece, 1, sizeof piece, in)) > 0)
		buf_add(&b, piece, n);
	(void)fclose(in);
	struct slice s = slice(arena_memdup(k->a, b.data, b.len), b.len);
	buf_finish(&b);
	return s;
}

/* ---- elements ---- */

static const struct {
	char letter;
	const char *page;
} pages[] = { { 'C', "Calendar" }, { 'T', "Tasks" }, { 'A', "AirSyncBase" }, { 'N', "Contacts" }, { '2', "Contacts2" }, { 'S', "AirSync" } };

static const char *
parse_children(struct wbxml_writer *w, const char *p)
{
	while (*p) {
		char name[64], page[32] = "";
		if (p[0] != '<' || p[1] == '/')
			return p;
		size_t n = strcspn(p + 3, "/>");
		assert_true(p[2] == ':' && n < sizeof name);
		memcpy(name, p + 3, n);
		name[n] = '\0';
		for (size_t i = 0; i < sizeof pages / sizeof pages[0]; i++)
			if (pages[i].letter == p[1])
				(void)snprintf(page, sizeof page, "%s", pages[i].page);
		unsigned tag = wbxml_tag_find(page, name);
		if (tag == WBXML_UNKNOWN)
			fail_msg("no element %s:%s", page, name);
		p += 3 + n;
		if (*p == '/') {
			wbxml_empty(w, tag);
			p += 2;
			continue;
		}
		p++;
		if (*p == '<' && p[1] != '/') {
			wbxml_start(w, tag);
			p = parse_children(w, p);
			wbxml_end(w);
		} else {
			n = strcspn(p, "<");
			wbxml_put_n(w, tag, p, n);
			p += n;
		}
		p += strcspn(p, ">") + 1;
	}
	return p;
}

const struct wbxml_node *
kit_parse(struct kit *k, const char *xml)
{
	struct wbxml_node *root;
	struct wbxml_writer w;
	struct buf b;

	buf_init(&b, 0);
	wbxml_begin(&w, &b);
	wbxml_start(&w, AirSync_ApplicationData);
	(void)parse_children(&w, xml);
	wbxml_end(&w);
	assert_true(buf_ok(&b));
	assert_int_equal(wbxml_read(k->a, slice(arena_memdup(k->a, b.data, b.len), b.len), NULL, &root, NULL), ERR_OK);
	buf_finish(&b);
	return root;
}

static void
print(const struct wbxml_node *node, struct buf *b)
{
	for (; node; node = node->next) {
		const char *page = wbxml_page_name(node->tag >> 8);
		char letter = '?';
		for (size_t i = 0; i < sizeof pages / sizeof pages[0]; i++)
			if (page && strcmp(pages[i].page, page) == 0)
				letter = pages[i].letter;
		if (!node->child && !*node->text) {
			buf_printf(b, "<%c:%s/>", letter, wbxml_tag_name(node->tag));
			continue;
		}
		buf_printf(b, "<%c:%s>", letter, wbxml_tag_name(node->tag));
		if (node->child)
			print(node->child, b);
		else
			buf_add_str(b, node->text);
		buf_printf(b, "</%c:%s>", letter, wbxml_tag_name(node->tag));
	}
}

const char *
kit_print(struct kit *k, const struct wbxml_node *children)
{
	struct buf b;

	buf_init(&b, 0);
	print(children, &b);
	const char *s = buf_str(&b);
	assert_non_null(s);
	s = arena_strdup(k->a, s);
	buf_finish(&b);
	return s;
}

const struct wbxml_node *
kit_render_tree(struct kit *k, const struct item_class *class, struct slice bytes, enum err *err_r)
{
	struct backend_item item = { .bytes = bytes };
	struct wbxml_node *root = NULL;
	struct wbxml_writer w;
	struct buf b;

	buf_init(&b, 0);
	wbxml_begin(&w, &b);
	wbxml_start(&w, AirSync_ApplicationData);
	enum err err = class->render(&k->view, k->a, &item, "7:1", RENDER_ADD, &w, NULL);
	if (err_r)
		*err_r = err;
	if (!err) {
		wbxml_end(&w);
		assert_true(buf_ok(&b));
		assert_int_equal(wbxml_read(k->a, slice(arena_memdup(k->a, b.data, b.len), b.len), NULL, &root, NULL), ERR_OK);
	}
	buf_finish(&b);
	return root;
}

const char *
kit_render(struct kit *k, const struct item_class *class, struct slice bytes, enum err *err_r)
{
	const struct wbxml_node *root = kit_render_tree(k, class, bytes, err_r);
	return root ? kit_print(k, root->child) : NULL;
}

/* ---- merging ---- */

enum err
kit_merge_tree(struct kit *k, const struct item_class *class, struct slice stored, const struct wbxml_node *data, struct item_merged *m_r)
{
	struct item_edit edit = { .data = data, .instance_id = k->instance, .stored = stored, .supported = &k->supported,
		.uid = "0123456789abcdef0123456789abcdef" };
	struct error e = { 0 };
	enum err err = class->merge(&k->view, k->a, &edit, m_r, &e);

	if (err && !*e.text)
		fail_msg("an error without a word: %s", err_name(err));
	return err;
}

const char *
kit_merge(struct kit *k, const struct item_class *class, const char *ics, const char *xml, struct item_merged *m_r)
{
	struct item_merged own;

	if (!m_r)
		m_r = &own;
	if (kit_merge_tree(k, class, slice_str(ics), xml ? kit_parse(k, xml) : NULL, m_r))
		return NULL;
	if (m_r->unchanged)
		return ics;
	char *out = arena_strndup(k->a, (const char *)m_r->bytes.ptr, m_r->bytes.len), *to = out;
	for (char *p = out; *p; p++) {
		if (*p != '\r')
			*to++ = *p;
	}
	*to = '\0';
	return out;
}

bool
kit_has(const char *text, const char *lines)
{
	const char *at = text ? strstr(text, lines) : NULL;
	return at && (at == text || at[-1] == '\n');
}
