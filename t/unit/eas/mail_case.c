#include "mail_case.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ARENA (256u << 20)

int
mail_case_setup(void **state)
{
	struct mail_case *c = calloc(1, sizeof *c);

	if (!c)
		return -1;
	c->a = arena_new(ARENA);
	c->options = (struct item_options){ .conflict = 1, .mime_truncation = 8 };
	c->view = (struct item_view){ .version = 141, .options = &c->options, .address = "alice@example.com", .name = "Alice" };
	c->item = (struct backend_item){ .key = "1", .version = "1", .date = 1795461508 };
	*state = c;
	return c->a ? 0 : -1;
}

int
mail_case_teardown(void **state)
{
	struct mail_case *c = *state;

	arena_free(&c->a);
	free(c);
	return 0;
}

void
mail_case_prefer(struct mail_case *c, unsigned type, uint32_t truncation)
{
	c->options.prefs[c->options.n_prefs++] = (struct item_body_pref){ .type = type, .truncation = truncation };
}

static const struct wbxml_node *
read_tree(struct mail_case *c, struct buf *out)
{
	struct wbxml_node *root = NULL;
	struct error e = { 0 };
	unsigned char *copy;

	assert_true(buf_ok(out));
	copy = arena_memdup(c->a, out->data, out->len);
	assert_non_null(copy);
	assert_int_equal(wbxml_read(c->a, slice(copy, out->len), NULL, &root, &e), ERR_OK);
	buf_finish(out);
	return root;
}

const struct wbxml_node *
mail_case_render(struct mail_case *c, struct slice bytes, enum item_render how)
{
	struct wbxml_writer w;
	struct error e = { 0 };
	struct buf out;

	buf_init(&out, 0);
	c->item.bytes = bytes;
	c->item.size = bytes.len;
	wbxml_begin(&w, &out);
	wbxml_start(&w, AirSync_ApplicationData);
	enum err err = item_mail.render(&c->view, c->a, &c->item, "7:9", how, &w, &e);
	wbxml_end(&w);
	if (err)
		buf_finish(&out);
	assert_int_equal(err, ERR_OK);
	return read_tree(c, &out);
}

const char *
mail_case_crlf(struct mail_case *c, const char *text)
{
	struct buf out;
	char *s;

	buf_init(&out, 0);
	for (const char *p = text; *p; p++) {
		if (*p == '\n')
			buf_add_byte(&out, '\r');
		buf_add_byte(&out, (unsigned char)*p);
	}
	s = arena_strndup(c->a, out.len ? (char *)out.data : "", out.len);
	buf_finish(&out);
	assert_non_null(s);
	return s;
}

const struct wbxml_node *
mail_case_render_text(struct mail_case *c, const char *message)
{
	return mail_case_render(c, slice_str(mail_case_crlf(c, message)), RENDER_ADD);
}

const char *
mail_case_text(const struct wbxml_node *node, ...)
{
	va_list tags;
	unsigned tag;

	va_start(tags, node);
	while (node && (tag = va_arg(tags, unsigned)) != 0)
		node = wbxml_child(node, tag);
	va_end(tags);
	return node ? node->text : NULL;
}

const struct wbxml_node *
mail_case_data(struct mail_case *c, void (*fill)(struct wbxml_writer *w, void *ctx), void *ctx)
{
	struct wbxml_writer w;
	struct buf out;

	buf_init(&out, 0);
	wbxml_begin(&w, &out);
	wbxml_start(&w, AirSync_ApplicationData);
	fill(&w, ctx);
	wbxml_end(&w);
	return read_tree(c, &out);
}

struct mime *
mail_case_open(struct mail_case *c, const char *message)
{
	struct mime *m = NULL;

	assert_int_equal(mime_open(c->a, slice_str(mail_case_crlf(c, message)), &m, NULL), ERR_OK);
	return m;
}

/* ---- files ---- */

static void
read_file(const char *path, struct buf *out)
{
	FILE *f = fopen(path, "rb");
	char block[4096];
	size_t n;

	assert_non_null(f);
	while ((n = fread(block, 1, sizeof block, f)) > 0)
		buf_add(out, block, n);
	fclose(f);
	assert_true(buf_ok(out));
}

void
mail_case_each_file(void (*fn)(void *ctx, const char *name, struct slice bytes), void *ctx)
{
	const char *source = getenv("CPUSH_SOURCE");
	char dir[512], path[1024];
	struct dirent **list = NULL;
	int n;

	snprintf(dir, sizeof dir, "%s/t/data/mime", source ? source : ".");
	n = scandir(dir, &list, NULL, alphasort);
	assert_true(n > 20);
	for (int i = 0; i < n; i++) {
		struct buf bytes;

		if (list[i]->d_name[0] != '.') {
			buf_init(&bytes, 0);
			snprintf(path, sizeof path, "%s/%s", dir, list[i]->d_name);
			read_file(path, &bytes);
			fn(ctx, list[i]->d_name, buf_slice(&bytes));
			buf_finish(&bytes);
		}
		free(list[i]);
	}
	free(list);
}
