/* Every example message: its bytes are read as its XML says, and written back as the same bytes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "sample.h"
#include "wbxml/wbxml.h"

static struct arena *arena;
static const struct sample *all;
static size_t count;

static int
setup(void **state)
{
	(void)state;
	arena = arena_new(0);
	all = samples(&count);
	return arena ? 0 : -1;
}

static int
teardown(void **state)
{
	(void)state;
	arena_free(&arena);
	return 0;
}

static int
group_teardown(void **state)
{
	(void)state;
	samples_free();
	return 0;
}

static struct wbxml_node *
read_sample(const struct sample *s)
{
	struct wbxml_node *root;
	struct error e = { 0 };
	if (wbxml_read(arena, s->wbxml, &wbxml_limits_default, &root, &e) != ERR_OK)
		fail_msg("%s: %s", s->name, e.text);
	return root;
}

static void
same_content(const struct wbxml_node *w, struct xml_node *x)
{
	assert_int_equal(w->opaque, x->opaque != NULL);
	assert_int_equal(wbxml_tag_opaque(w->tag), w->opaque);
	if (x->opaque && strcmp(x->opaque, "hex") == 0) {
		char *hex = arena_alloc(arena, w->data.len * 2 + 1);
		text_hex(w->data.ptr, w->data.len, hex);
		assert_int_equal(text_casecmp(hex, buf_str(&x->text)), 0);
		assert_string_equal(w->text, "");
		return;
	}
	assert_true(slice_eq(w->data, buf_slice(&x->text)));
	assert_string_equal(w->text, w->opaque ? "" : buf_str(&x->text));
}

static void
same(const struct wbxml_node *w, struct xml_node *x, const struct wbxml_node *parent)
{
	assert_string_equal(wbxml_page_name(w->tag >> 8), x->page);
	assert_string_equal(wbxml_tag_name(w->tag), x->name);
	assert_int_equal(w->tag, wbxml_tag_find(x->page, x->name));
	assert_ptr_equal(w->parent, parent);
	if (!w->child) {
		assert_null(x->child);
		same_content(w, x);
		return;
	}
	assert_string_equal(w->text, "");
	assert_int_equal(w->data.len, 0);
	const struct wbxml_node *wc = w->child;
	struct xml_node *xc = x->child;
	for (; wc && xc; wc = wc->next, xc = xc->next)
		same(wc, xc, w);
	assert_null(wc);
	assert_null(xc);
}

static void
there_are_examples(void **state)
{
	(void)state;
	assert_true(count >= 87);
}

static void
bytes_are_read_as_their_xml_says(void **state)
{
	(void)state;
	for (size_t i = 0; i < count; i++) {
		struct xml_node *x = xml_parse(arena, all[i].xml);
		if (!x)
			fail_msg("%s: its XML is not well-formed", all[i].name);
		same(read_sample(&all[i]), x, NULL);
	}
}

static void
trees_are_written_as_the_same_bytes(void **state)
{
	(void)state;
	for (size_t i = 0; i < count; i++) {
		struct wbxml_writer w;
		struct buf out;
		buf_init(&out, 0);
		wbxml_begin(&w, &out);
		wbxml_put_node(&w, read_sample(&all[i]));
		bool equal = buf_ok(&out) && slice_eq(buf_slice(&out), all[i].wbxml);
		buf_finish(&out);
		if (!equal)
			fail_msg("%s: written otherwise than it was read", all[i].name);
	}
}

static void
write_xml(struct wbxml_writer *w, struct xml_node *x)
{
	unsigned tag = wbxml_tag_find(x->page, x->name);
	if (x->child) {
		wbxml_start(w, tag);
		for (struct xml_node *child = x->child; child; child = child->next)
			write_xml(w, child);
		wbxml_end(w);
	} else if (x->opaque && strcmp(x->opaque, "hex") == 0) {
		unsigned char bytes[100];
		long n = text_unhex(buf_str(&x->text), bytes, sizeof bytes);
		wbxml_put_opaque(w, tag, slice(bytes, n > 0 ? (size_t)n : 0));
	} else if (x->opaque) {
		wbxml_put_opaque(w, tag, buf_slice(&x->text));
	} else if (x->text.len == 0) {
		wbxml_empty(w, tag);
	} else {
		wbxml_put(w, tag, buf_str(&x->text));
	}
}

static void
xml_is_written_as_its_bytes(void **state)
{
	(void)state;
	for (size_t i = 0; i < count; i++) {
		struct wbxml_writer w;
		struct buf out;
		buf_init(&out, 0);
		wbxml_begin(&w, &out);
		write_xml(&w, xml_parse(arena, all[i].xml));
		bool equal = buf_ok(&out) && slice_eq(buf_slice(&out), all[i].wbxml);
		buf_finish(&out);
		if (!equal)
			fail_msg("%s: its XML is written otherwise", all[i].name);
	}
}

static void
failing_allocations_are_reported(void **state)
{
	(void)state;
	for (size_t i = 0; i < count; i++) {
		size_t n = 1;
		struct arena_mark m = arena_mark(arena);
		for (;; n++) {
			struct wbxml_node *root;
			arena_fail_after(arena, n);
			enum err err = wbxml_read(arena, all[i].wbxml, NULL, &root, NULL);
			arena_fail_after(arena, 0);
			arena_rewind(arena, m);
			if (err == ERR_OK)
				break;
			assert_int_equal(err, ERR_NOMEM);
			assert_null(root);
		}
		assert_true(n > 1);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(there_are_examples, setup, teardown),
		cmocka_unit_test_setup_teardown(bytes_are_read_as_their_xml_says, setup, teardown),
		cmocka_unit_test_setup_teardown(trees_are_written_as_the_same_bytes, setup, teardown),
		cmocka_unit_test_setup_teardown(xml_is_written_as_its_bytes, setup, teardown),
		cmocka_unit_test_setup_teardown(failing_allocations_are_reported, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, group_teardown);
}
