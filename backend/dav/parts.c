/* Listings in parts. A server hands over a collection in one answer, however large; the core commits so many at a time. What
 * is over the first part waits in the session.
 *
 * Cursor: "P" id "." index. The id is random, so that no other session goes on with it, which may have looked at another time. */
#include <openssl/rand.h>
#include <string.h>

#include "backend/dav/session.h"
#include "base/text.h"

#define HELD_MAX (64 * 1024 * 1024) /* bytes of names and versions */

static enum err
cursor_make(const struct dav_parts *p, struct arena *a, size_t at, struct backend_changes *c_r, struct error *e)
{
	c_r->more = at < p->n || p->more;
	c_r->cursor = at < p->n ? arena_printf(a, "P%s.%zu", p->id, at) : arena_strdup(a, p->cursor);
	return c_r->cursor ? ERR_OK : dav_nomem(e);
}

/* The index that the cursor stands for; 0: it is of no listing that is held. */
static size_t
cursor_read(const struct dav_parts *p, const char *folder, const char *cursor)
{
	size_t len = strlen(p->id);
	uint64_t at;
	if (!p->arena || strcmp(p->folder, folder) != 0 || *cursor != 'P' || strncmp(cursor + 1, p->id, len) != 0 ||
		cursor[1 + len] != '.' || !text_to_u64(cursor + len + 2, &at) || at >= p->n)
		return 0;
	return (size_t)at;
}

/* A copy of these changes. */
static struct backend_change *
copy(struct arena *a, const struct backend_change *from, size_t n)
{
	struct backend_change *list = arena_array(a, n, sizeof *list);
	for (size_t i = 0; list && i < n; i++) {
		list[i] = from[i];
		list[i].key = arena_strdup(a, from[i].key);
		list[i].version = from[i].version ? arena_strdup(a, from[i].version) : NULL;
		if (!list[i].key || (from[i].version && !list[i].version))
			return NULL;
	}
	return list;
}

void
dav_parts_drop(struct backend_session *s)
{
	arena_free(&s->parts.arena);
	s->parts = (struct dav_parts){ 0 };
}

enum err
dav_parts_hold(struct backend_session *s, struct arena *a, const char *folder, size_t part, struct backend_changes *c,
	struct error *e)
{
	struct dav_parts *p = &s->parts;
	unsigned char random[(sizeof p->id - 1) / 2];
	dav_parts_drop(s);
	if (!c->listing || !part || c->n <= part)
		return ERR_OK;
	p->arena = arena_new(HELD_MAX);
	p->list = p->arena ? copy(p->arena, c->list, c->n) : NULL;
	p->folder = p->list ? arena_strdup(p->arena, folder) : NULL;
	p->cursor = p->folder ? arena_strdup(p->arena, c->cursor) : NULL;
	p->n = c->n;
	p->more = c->more;
	if (!p->cursor || RAND_bytes(random, sizeof random) != 1) {
		dav_parts_drop(s);
		return dav_nomem(e);
	}
	text_hex(random, sizeof random, p->id);
	c->n = part;
	return cursor_make(p, a, part, c, e);
}

enum err
dav_parts_next(struct backend_session *s, struct arena *a, const char *folder, const char *cursor, size_t part,
	struct backend_changes *c_r, struct error *e)
{
	struct dav_parts *p = &s->parts;
	size_t at = cursor_read(p, folder, cursor);
	if (!at)
		return ERR_NOTFOUND;
	size_t n = part && part < p->n - at ? part : p->n - at;
	*c_r = (struct backend_changes){ .listing = true, .n = n, .list = copy(a, p->list + at, n) };
	enum err err = c_r->list ? cursor_make(p, a, at + n, c_r, e) : dav_nomem(e);
	if (!err && at + n == p->n)
		dav_parts_drop(s);
	return err;
}
