/* The parser of what DAV servers answer. The first byte says in how large pieces the bytes arrive; what follows is the document.
 *
 * Seen to hold: however it is cut into pieces, the same responses come and the same is said of it in the end; what is handed over
 * keeps within its limits; a document that ends early never counts as whole. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "backend/dav/href.h"
#include "backend/dav/multistatus.h"

#define ITEM_MAX 4096
#define NAME_MAX_BYTES 8192
#define CANONICAL_MAX (4 * 3 * NAME_MAX_BYTES)

/* What was seen of one reading. */
struct seen {
	uint64_t sum; /* of all that the callback was told */
	size_t n;
	unsigned conditions;
	enum err err;
};

static void
must(bool holds)
{
	if (!holds)
		abort();
}

static void
add(struct seen *s, const char *text)
{
	for (; text && *text; text++)
		s->sum = (s->sum ^ (unsigned char)*text) * 1099511628211u;
	s->sum = (s->sum ^ (text ? 1u : 2u)) * 1099511628211u;
}

/* Two ways of writing are one path if and only if their canonical forms are the same; so that form is its own. */
static void
use_href(const char *href)
{
	struct arena *a = arena_new((size_t)CANONICAL_MAX * 4);
	const char *path = a ? dav_href_path(a, "http://h", "/dav/a/", href) : NULL;
	const char *once = path ? dav_path_canonical(a, path) : NULL;
	const char *twice = once ? dav_path_canonical(a, once) : NULL;
	if (twice)
		must(strcmp(once, twice) == 0);
	const char *name = path ? dav_path_in(a, "/dav/a", path) : NULL;
	if (name) { /* one segment, and what ends a collection */
		size_t n = strcspn(name, "/");
		must(n > 0 && name > path && name[-1] == '/' && n + strspn(name + n, "/") == strlen(name));
		must(!dav_path_climbs(name));
	}
	arena_free(&a);
}

static enum err
on_response(void *ctx, const struct dav_response *r)
{
	struct seen *s = ctx;
	must(r->href && strlen(r->href) <= NAME_MAX_BYTES);
	must(r->status < 1000 && r->refused < 1000);
	must(!r->too_large || r->has_props);
	add(s, r->href);
	for (size_t i = 0; i < DAV_TEXTS; i++) {
		must(!r->text[i] || strlen(r->text[i]) <= (i == DAV_DATA ? ITEM_MAX : NAME_MAX_BYTES));
		add(s, r->text[i]);
	}
	for (size_t i = 0; i < DAV_LINKS; i++) {
		must(!r->link[i][DAV_LINK_MAX]);
		for (size_t j = 0; r->link[i][j]; j++)
			add(s, r->link[i][j]);
	}
	s->sum += r->status + 1000u * r->refused + r->types * 7u + r->components * 11u + r->conditions * 13u;
	s->n++;
	if (s->n <= 16)
		use_href(r->href);
	return ERR_OK;
}

static struct seen
parse(const uint8_t *data, size_t n, size_t piece)
{
	struct seen s = { 0 };
	struct dav_parser *p = dav_parser_new(ITEM_MAX, on_response, &s);
	must(p != NULL);
	for (size_t part; !s.err && n > 0; data += part, n -= part) {
		part = n < piece ? n : piece;
		s.err = dav_parser_feed(p, data, part);
	}
	if (!s.err)
		s.err = dav_parser_end(p);
	must((s.err != ERR_OK) == (*dav_parser_why(p) != '\0'));
	must(dav_parser_end(p) == s.err || !s.err);
	add(&s, dav_parser_sync_token(p));
	add(&s, dav_parser_conflict_href(p));
	s.conditions = dav_parser_conditions(p);
	dav_parser_free(&p);
	return s;
}

/* Of a document that is whole, what lacks its last byte that means something is not. */
static void
cut_is_not_whole(const uint8_t *data, size_t n)
{
	while (n > 0 && data[n - 1] != '>')
		n--;
	if (n > 0)
		must(parse(data, n - 1, SIZE_MAX).err != ERR_OK);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 1)
		return 0;
	size_t piece = data[0] ? data[0] : SIZE_MAX;
	data++;
	size--;
	struct seen whole = parse(data, size, SIZE_MAX), pieces = parse(data, size, piece);
	must(whole.err == pieces.err);
	if (whole.err)
		return 0;
	must(whole.sum == pieces.sum && whole.n == pieces.n && whole.conditions == pieces.conditions);
	/* Comments and instructions may stand behind the root; they end with > too, and mean nothing. */
	if (!memmem(data, size, "<!--", 4) && !memmem(data, size, "<?", 2))
		cut_is_not_whole(data, size);
	return 0;
}
