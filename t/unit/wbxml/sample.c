#include "sample.h"

#include <expat.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

static struct sample *all;
static size_t all_count;
static struct arena *all_arena;

static void
give_up(const char *what, const char *path)
{
	fprintf(stderr, "%s: %s\n", path, what);
	exit(1);
}

static char *
read_file(const char *path)
{
	FILE *f = fopen(path, "r");
	char *text = arena_alloc(all_arena, 65536);
	if (!f || !text)
		give_up("cannot be read", path);
	if (fread(text, 1, 65535, f) == 65535)
		give_up("too long", path);
	fclose(f);
	return text;
}

/* The header lines, "hex:" and lines of hex, "xml:" and the XML up to the end. */
static void
load(struct sample *s, const char *path)
{
	char *text = read_file(path);
	char *hex = strstr(text, "\nhex:\n"), *xml = hex ? strstr(hex, "\nxml:\n") : NULL;
	if (!xml)
		give_up("no hex or no xml", path);
	*xml = '\0';
	char *digits = hex + 6, *to = digits;
	for (const char *from = digits; *from; from++) {
		if (*from != ' ' && *from != '\n')
			*to++ = *from;
	}
	*to = '\0';
	/* Of the very size, so that a sanitizer sees a byte read behind it. */
	size_t room = strlen(digits) / 2;
	unsigned char *bytes = malloc(room);
	long n = bytes ? text_unhex(digits, bytes, room) : -1;
	if (n <= 0)
		give_up("bad hex", path);
	s->name = arena_strdup(all_arena, strrchr(path, '/') + 1);
	s->wbxml = slice(bytes, (size_t)n);
	s->xml = slice_str(xml + 6);
}

const struct sample *
samples(size_t *count_r)
{
	if (!all) {
		char pattern[1000];
		glob_t found;
		const char *source = getenv("CPUSH_SOURCE");
		snprintf(pattern, sizeof pattern, "%s/t/data/wbxml/*.txt", source ? source : ".");
		if (glob(pattern, 0, NULL, &found) != 0)
			give_up("no examples", pattern);
		all_arena = arena_new(0);
		all = calloc(found.gl_pathc, sizeof *all);
		if (!all_arena || !all)
			give_up("out of memory", pattern);
		for (all_count = 0; all_count < found.gl_pathc; all_count++)
			load(&all[all_count], found.gl_pathv[all_count]);
		globfree(&found);
	}
	*count_r = all_count;
	return all;
}

static void
free_bytes(const void *p)
{
	union {
		const void *borrowed;
		void *owned;
	} u = { .borrowed = p };
	free(u.owned);
}

void
samples_free(void)
{
	for (size_t i = 0; i < all_count; i++)
		free_bytes(all[i].wbxml.ptr);
	free(all);
	all = NULL;
	all_count = 0;
	if (all_arena)
		arena_free(&all_arena);
}

/* ---- expat ---- */

struct build {
	struct arena *arena;
	struct xml_node *root, *open;
	int failed;
};

static void
finish_text(void *text)
{
	buf_finish(text);
}

static void XMLCALL
on_start(void *data, const char *name, const char **attributes)
{
	struct build *b = data;
	struct xml_node *node = arena_alloc(b->arena, sizeof *node);
	if (!node) {
		b->failed = 1;
		return;
	}
	buf_init(&node->text, 0);
	b->failed |= arena_defer(b->arena, finish_text, &node->text) != 0;
	const char *bar = strchr(name, '|');
	node->page = bar ? arena_strndup(b->arena, name, (size_t)(bar - name)) : "";
	node->name = arena_strdup(b->arena, bar ? bar + 1 : name);
	node->parent = b->open;
	for (; *attributes; attributes += 2) {
		if (strcmp(attributes[0], "wbxml|opaque") == 0 || strcmp(attributes[0], "opaque") == 0)
			node->opaque = arena_strdup(b->arena, attributes[1]);
	}
	if (!b->open)
		b->root = node;
	else if (b->open->last)
		b->open->last->next = node;
	else
		b->open->child = node;
	if (b->open)
		b->open->last = node;
	b->open = node;
}

static void XMLCALL
on_end(void *data, const char *name)
{
	struct build *b = data;
	(void)name;
	if (b->open)
		b->open = b->open->parent;
}

static void XMLCALL
on_text(void *data, const char *s, int n)
{
	struct build *b = data;
	if (b->open)
		buf_add(&b->open->text, s, (size_t)n);
}

struct xml_node *
xml_parse(struct arena *a, struct slice in)
{
	struct build b = { .arena = a };
	XML_Parser p = XML_ParserCreateNS("UTF-8", '|');
	if (!p)
		return NULL;
	XML_SetUserData(p, &b);
	XML_SetElementHandler(p, on_start, on_end);
	XML_SetCharacterDataHandler(p, on_text);
	int good = XML_Parse(p, (const char *)in.ptr, (int)in.len, 1) == XML_STATUS_OK;
	XML_ParserFree(p);
	return good && !b.failed ? b.root : NULL;
}
