#include "state/pack.h"

void
pack_u64(struct buf *b, uint64_t v)
{
	for (; v >= 0x80; v >>= 7)
		buf_add_byte(b, (unsigned char)(v | 0x80));
	buf_add_byte(b, (unsigned char)v);
}

void
pack_i64(struct buf *b, int64_t v)
{
	uint64_t u = (uint64_t)v << 1;

	pack_u64(b, v < 0 ? ~u : u);
}

void
pack_text(struct buf *b, const char *s)
{
	size_t n = s ? strlen(s) : 0;

	pack_u64(b, n);
	buf_add(b, s, n);
}

uint64_t
unpack_u64(struct unpack *u)
{
	uint64_t v = 0;

	for (unsigned shift = 0; shift < 64; shift += 7) {
		if (u->bad || u->p == u->end)
			break;
		unsigned char c = *u->p++;

		v |= (uint64_t)(c & 0x7F) << shift;
		if (!(c & 0x80))
			return v;
	}
	u->bad = true;
	return 0;
}

int64_t
unpack_i64(struct unpack *u)
{
	uint64_t v = unpack_u64(u);

	return (int64_t)(v & 1 ? ~(v >> 1) : v >> 1);
}

size_t
unpack_count(struct unpack *u)
{
	uint64_t n = unpack_u64(u);

	if (n > (uint64_t)(u->end - u->p))
		u->bad = true;
	return u->bad ? 0 : (size_t)n;
}

const char *
unpack_text(struct unpack *u, struct arena *a)
{
	size_t n = unpack_count(u);

	if (u->bad)
		return NULL;
	char *s = arena_strndup(a, (const char *)u->p, n);
	u->p += n;
	return s;
}

#define FORMAT 1 /* of answers and done; an empty column is an empty list */

static struct unpack
begin(struct slice s)
{
	struct unpack u = { .p = s.ptr, .end = s.ptr + s.len };

	if (s.len && unpack_u64(&u) != FORMAT)
		u.bad = true;
	return u;
}

void
pack_answers(struct buf *b, const struct state_answer *list, size_t n)
{
	if (!n)
		return;
	pack_u64(b, FORMAT);
	pack_u64(b, n);
	for (size_t i = 0; i < n; i++) {
		const struct state_answer *w = &list[i];
		int64_t before = 0;

		pack_u64(b, w->n);
		pack_i64(b, w->pos.a);
		pack_i64(b, w->pos.c);
		pack_i64(b, w->pos.cut_date);
		pack_i64(b, w->pos.cut_id);
		pack_u64(b, w->n_told);
		for (size_t k = 0; k < w->n_told; k++) {
			pack_i64(b, (int64_t)((uint64_t)w->told[k] - (uint64_t)before));
			before = w->told[k];
		}
	}
}

static enum err
unpack_told(struct unpack *u, struct arena *a, struct state_answer *w)
{
	int64_t *told, before = 0;

	w->n_told = unpack_count(u);
	told = arena_array(a, w->n_told, sizeof *told);
	if (!told)
		return ERR_NOMEM;
	for (size_t k = 0; k < w->n_told; k++)
		before = told[k] = (int64_t)((uint64_t)before + (uint64_t)unpack_i64(u));
	w->told = told;
	return ERR_OK;
}

enum err
unpack_answers(struct slice s, struct arena *a, struct state_answer **list_r, size_t *n_r)
{
	struct unpack u = begin(s);
	size_t n = s.len ? unpack_count(&u) : 0;
	struct state_answer *list = arena_array(a, n, sizeof *list);

	if (!list)
		return ERR_NOMEM;
	for (size_t i = 0; i < n; i++) {
		struct state_answer *w = &list[i];

		w->n = (uint32_t)unpack_u64(&u);
		w->pos.a = unpack_i64(&u);
		w->pos.c = unpack_i64(&u);
		w->pos.cut_date = unpack_i64(&u);
		w->pos.cut_id = unpack_i64(&u);
		if (unpack_told(&u, a, w))
			return ERR_NOMEM;
	}
	*list_r = list;
	*n_r = n;
	return u.bad || u.p != u.end ? ERR_INTERNAL : ERR_OK;
}

void
pack_done(struct buf *b, const struct state_done *list, size_t n)
{
	if (!n)
		return;
	pack_u64(b, FORMAT);
	pack_u64(b, n);
	for (size_t i = 0; i < n; i++) {
		buf_add_byte(b, (unsigned char)list[i].kind & 0x7F);
		pack_text(b, list[i].client);
		pack_i64(b, list[i].item);
		pack_text(b, list[i].hash);
	}
}

enum err
unpack_done(struct slice s, struct arena *a, struct state_done **list_r, size_t *n_r)
{
	struct unpack u = begin(s);
	size_t n = s.len ? unpack_count(&u) : 0;
	struct state_done *list = arena_array(a, n, sizeof *list);

	if (!list)
		return ERR_NOMEM;
	for (size_t i = 0; i < n && !u.bad; i++) {
		list[i].kind = (char)unpack_u64(&u);
		list[i].client = unpack_text(&u, a);
		list[i].item = unpack_i64(&u);
		list[i].hash = unpack_text(&u, a);
		if (!u.bad && (!list[i].client || !list[i].hash))
			return ERR_NOMEM;
	}
	*list_r = list;
	*n_r = n;
	return u.bad || u.p != u.end ? ERR_INTERNAL : ERR_OK;
}

void
pack_hierarchy(struct buf *b, const struct state_hierarchy *h)
{
	if (!h->n_keys)
		return;
	pack_u64(b, FORMAT);
	pack_u64(b, h->n_keys);
	for (unsigned i = 0; i < h->n_keys; i++) {
		pack_u64(b, h->keys[i].n);
		pack_i64(b, h->keys[i].seq);
	}
}

enum err
unpack_hierarchy(struct slice s, struct state_hierarchy *h)
{
	struct unpack u = begin(s);
	size_t n = s.len ? unpack_count(&u) : 0;

	if (n > ARRAY_LEN(h->keys))
		return ERR_INTERNAL;
	for (size_t i = 0; i < n; i++) {
		h->keys[i].n = (uint32_t)unpack_u64(&u);
		h->keys[i].seq = unpack_i64(&u);
	}
	h->n_keys = (unsigned)n;
	return u.bad || u.p != u.end ? ERR_INTERNAL : ERR_OK;
}
