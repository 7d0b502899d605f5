/* Collections that hold events and tasks: which of the two an item is (RFC 4791, 4.1: never both).
 *
 * Of a few items the content tells; of many the server is asked with a calendar-query for all of one component. */
#include <stdlib.h>
#include <string.h>

#include "backend/dav/href.h"
#include "backend/dav/session.h"
#include "base/text.h"

#define FEW 50

static const char *
component_name(unsigned component)
{
	return component == DAV_VTODO ? "VTODO" : "VEVENT";
}

/* ---- by content ---- */

static bool
line_is(const char *line, size_t n, const char *what)
{
	size_t len = strlen(what);
	return n == len && text_ncasecmp(line, what, len) == 0;
}

/* The first component of a VCALENDAR that is no time zone. */
static unsigned
component_of(struct slice bytes)
{
	const char *p = (const char *)bytes.ptr, *end = p + bytes.len;
	while (p && p < end) {
		const char *lf = memchr(p, '\n', (size_t)(end - p));
		size_t n = (size_t)((lf ? lf : end) - p);
		while (n > 0 && (p[n - 1] == '\r' || p[n - 1] == ' '))
			n--;
		if (line_is(p, n, "BEGIN:VEVENT"))
			return DAV_VEVENT;
		if (line_is(p, n, "BEGIN:VTODO"))
			return DAV_VTODO;
		if (line_is(p, n, "BEGIN:VJOURNAL"))
			return DAV_VJOURNAL;
		p = lf ? lf + 1 : NULL;
	}
	return 0;
}

struct kinds {
	struct arena *a;
	unsigned show;
	const char **keys; /* those that belong; borrowed from the changes */
	size_t n;
	const struct dav_listed *asked;
};

static enum err
on_content(void *ctx, const struct backend_item *item)
{
	struct kinds *k = ctx;
	/* What cannot be read is in both folders rather than in none: nothing is made of it, but what a phone has of it is not deleted. */
	bool belongs = item->err ? item->err != ERR_NOTFOUND : component_of(item->bytes) == k->show;
	if (belongs) {
		k->keys[k->n] = arena_strdup(k->a, item->key);
		if (!k->keys[k->n++])
			return ERR_NOMEM;
	}
	return ERR_OK;
}

static enum err
by_content(struct backend_session *s, const struct dav_folder *f, struct kinds *k, struct error *e)
{
	const char **keys = arena_array(k->a, k->asked->n, sizeof *keys);
	size_t n = 0;
	k->keys = arena_array(k->a, k->asked->n, sizeof *keys);
	k->n = 0;
	if (!keys || !k->keys)
		return dav_nomem(e);
	for (size_t i = 0; i < k->asked->n; i++)
		if (!k->asked->list[i].gone)
			keys[n++] = k->asked->list[i].key;
	struct backend_fetch what = { .keys = keys, .n = n, .want = WANT_BYTES };
	return dav_fetch_items(s, f->c, &what, on_content, k, e);
}

/* ---- by query ---- */

struct query {
	struct backend_session *s;
	struct arena *a;
	const struct dav_collection *c;
	struct dav_listed found;
	bool truncated;
};

static enum err
on_match(void *ctx, const struct dav_response *r)
{
	struct query *q = ctx;
	const char *path = dav_answer_path(q->s, q->a, q->c->path, r->href);
	const char *key = path ? dav_item_key(q->a, q->c, path) : NULL;
	if (r->status == 507)
		q->truncated = true;
	if (!key || r->status >= 400)
		return ERR_OK;
	const char *canonical = dav_path_canonical(q->a, key);
	return canonical ? dav_listed_add(q->a, &q->found, canonical, NULL, true) : ERR_NOMEM;
}

/* UNSUPPORTED where the server refuses or cuts the answer. */
static enum err
query(struct query *q, unsigned component, struct error *e)
{
	struct buf body AUTO(buf_finish);
	struct dav_answer answer;
	buf_init(&body, 0);
	dav_xml_begin(&body, "C:calendar-query");
	buf_printf(&body,
		"<D:prop><D:getetag/></D:prop><C:filter><C:comp-filter name=\"VCALENDAR\">"
		"<C:comp-filter name=\"%s\"/></C:comp-filter></C:filter>",
		component_name(component));
	dav_xml_end(&body, "C:calendar-query");
	struct dav_ask ask = { "REPORT", q->c->path, 1, &body, on_match, q, NULL, "calendar-query" };
	enum err err = dav_ask(q->s, q->a, &ask, &answer, e);
	if (err)
		return err;
	if (answer.status == 404 || answer.status == 410)
		return err_set(e, ERR_NOFOLDER, "%s: the collection is gone", q->s->b->kind->name);
	if (answer.status != 207 || q->truncated)
		return err_set(e, ERR_UNSUPPORTED, "%s: calendar-query: HTTP %ld", q->s->b->kind->name, answer.status);
	return ERR_OK;
}

/* ---- the filter ---- */

static int
by_text(const void *x, const void *y)
{
	return strcmp(*(const char *const *)x, *(const char *const *)y);
}

static enum err
by_query(struct backend_session *s, const struct dav_folder *f, struct kinds *k, struct error *e)
{
	struct query q = { .s = s, .a = k->a, .c = f->c };
	enum err err = query(&q, f->show, e);
	if (err)
		return err;
	k->n = 0;
	k->keys = arena_array(k->a, q.found.n, sizeof *k->keys);
	if (!k->keys)
		return dav_nomem(e);
	for (size_t i = 0; i < q.found.n; i++)
		k->keys[k->n++] = q.found.list[i].key;
	return ERR_OK;
}

static enum err
canonical_sorted(struct kinds *k)
{
	for (size_t i = 0; i < k->n; i++) {
		k->keys[i] = dav_path_canonical(k->a, k->keys[i]);
		if (!k->keys[i])
			return ERR_NOMEM;
	}
	if (k->n)
		qsort(k->keys, k->n, sizeof *k->keys, by_text);
	return ERR_OK;
}

enum err
dav_component_filter(struct backend_session *s, struct arena *a, const struct dav_folder *f, struct dav_listed *l,
	struct error *e)
{
	struct kinds k = { .a = a, .show = f->show, .asked = l };
	size_t live = 0;
	for (size_t i = 0; i < l->n; i++)
		live += !l->list[i].gone;
	if (live == 0)
		return ERR_OK;
	enum err err = live <= FEW ? by_content(s, f, &k, e) : by_query(s, f, &k, e);
	if (err == ERR_UNSUPPORTED && live > FEW)
		err = by_content(s, f, &k, e);
	if (err)
		return err;
	if (canonical_sorted(&k))
		return dav_nomem(e);
	size_t kept = 0;
	for (size_t i = 0; i < l->n; i++) {
		const struct backend_change c = l->list[i];
		const char *canonical = dav_path_canonical(a, c.key);
		if (!canonical)
			return dav_nomem(e);
		if (c.gone || (k.n && bsearch(&canonical, k.keys, k.n, sizeof *k.keys, by_text)))
			l->list[kept++] = c;
	}
	l->n = kept;
	return ERR_OK;
}

enum err
dav_component_any(struct backend_session *s, struct arena *a, const struct dav_collection *c, enum dav_component component,
	bool *any_r, struct error *e)
{
	struct query q = { .s = s, .a = a, .c = c };
	enum err err = query(&q, component, e);
	*any_r = q.found.n > 0;
	return err;
}
