/* Items by key: calendar-multiget (RFC 4791, 7.9) and addressbook-multiget (RFC 6352, 8.7), and GET for what they leave out.
 *
 * SabreDAV hands out a card of 4.0 as one of 3.0 where nobody asks for 4.0, and one of 3.0 as one of 4.0 where somebody does; what it has
 * converted has its PRODID. An edit would put back what that lost (PREF, KIND, ...): it begins with the card as it is stored.
 */
#include <stdlib.h>
#include <string.h>

#include "backend/dav/href.h"
#include "backend/dav/session.h"
#include "base/text.h"

#define BATCH_FEW 10 /* items: that they are slow says little of larger batches */
#define FETCH_MAX (64 * 1024 * 1024) /* bytes of an arena for one batch: names and headers, never items */

struct wanted {
	const char *canonical;
	const char *key; /* as it was asked for */
	bool converted;  /* it was, and is not what was asked for */
	bool failed;     /* the server did not give it, once */
	bool done;
};

struct fetching {
	struct backend_session *s;
	const struct dav_collection *c;
	const struct backend_fetch *what;
	backend_item_fn fn;
	void *ctx;
	struct arena *a;       /* one batch */
	struct wanted *wanted; /* sorted by canonical */
	size_t n;
	struct buf bytes;
	enum err stopped;      /* by fn */
};

static int
by_canonical(const void *x, const void *y)
{
	const struct wanted *v = x, *w = y;
	return strcmp(v->canonical, w->canonical);
}

static bool
has_line(struct slice bytes, const char *start)
{
	const char *p = (const char *)bytes.ptr, *end = p + bytes.len;
	size_t n = strlen(start);
	while (p && (size_t)(end - p) >= n && text_ncasecmp(p, start, n) != 0) {
		p = memchr(p, '\n', (size_t)(end - p));
		p = p ? p + 1 : NULL;
	}
	return p && (size_t)(end - p) >= n;
}

static bool
by_sabre(struct slice bytes, const char *version)
{
	return has_line(bytes, version) && has_line(bytes, "PRODID:-//Sabre//Sabre VObject");
}

static enum err
deliver(struct fetching *f, struct wanted *w, enum err err, const char *version, struct slice bytes)
{
	uint64_t max = f->what->bytes_max;
	bool meta = f->what->want == WANT_META;
	if (!err && f->what->stored && !w->converted && by_sabre(bytes, "VERSION:3.0")) {
		w->converted = true; /* perhaps: it is asked for once more, by itself */
		return ERR_OK;
	}
	if (!err && !meta && max && bytes.len > max)
		err = ERR_LIMIT;
	struct backend_item item = {
		.err = err,
		.key = w->key,
		.version = version ? version : "",
		.date = BACKEND_NO_DATE,
		.size = bytes.len,
		.bytes = err || meta ? slice(NULL, 0) : bytes,
	};
	w->done = true;
	f->stopped = f->fn(f->ctx, &item);
	return f->stopped;
}

/* XML turned the line ends into LF (XML 1.0, 2.11); both formats have CRLF (RFC 5545, 3.1; RFC 6350, 3.2). */
static void
add_lines(struct buf *b, const char *s)
{
	while (*s) {
		size_t n = strcspn(s, "\n");
		bool cr = n > 0 && s[n - 1] == '\r';
		buf_add(b, s, n);
		if (s[n])
			buf_add_str(b, cr ? "\n" : "\r\n");
		s += n + (s[n] ? 1 : 0);
	}
}

/* ---- many at once ---- */

static enum err
deliver_response(struct fetching *f, struct wanted *w, const struct dav_response *r)
{
	const char *version = dav_version(f->a, r->text[DAV_ETAG]);
	if (r->status == 404 || r->status == 410)
		return deliver(f, w, ERR_NOTFOUND, NULL, slice(NULL, 0));
	if (f->what->want == WANT_META)
		return r->has_props ? deliver(f, w, ERR_OK, version, slice(NULL, 0)) : ERR_OK;
	if (r->too_large)
		return deliver(f, w, ERR_LIMIT, version, slice(NULL, 0));
	if (!r->text[DAV_DATA])
		return ERR_OK; /* asked for by itself afterwards */
	buf_reset(&f->bytes);
	add_lines(&f->bytes, r->text[DAV_DATA]);
	if (!buf_ok(&f->bytes))
		return ERR_NOMEM;
	return deliver(f, w, ERR_OK, version, buf_slice(&f->bytes));
}

static enum err
on_item(void *ctx, const struct dav_response *r)
{
	struct fetching *f = ctx;
	struct arena_mark m = arena_mark(f->a);
	const char *path = dav_answer_path(f->s, f->a, f->c->path, r->href);
	const char *key = path ? dav_item_key(f->a, f->c, path) : NULL;
	struct wanted sought = { .canonical = key ? dav_path_canonical(f->a, key) : NULL };
	struct wanted *w = NULL;
	if (sought.canonical && f->n)
		w = bsearch(&sought, f->wanted, f->n, sizeof *w, by_canonical);
	/* One key may have been asked for twice: go back to the first of its kind. */
	while (w && w > f->wanted && by_canonical(w - 1, &sought) == 0)
		w--;
	enum err err = ERR_OK;
	for (; !err && w && w < f->wanted + f->n && by_canonical(w, &sought) == 0; w++)
		if (!w->done)
			err = deliver_response(f, w, r);
	arena_rewind(f->a, m);
	return err;
}

/* Whether the server answers for the collection: OK, NOFOLDER, or what it failed with. */
static enum err
ask_collection(struct fetching *f, struct error *e)
{
	struct dav_response r;
	enum err err = dav_propget(f->s, f->a, f->c->path, "<D:resourcetype/>", &r, e);
	return err == ERR_NOTFOUND ? err_set(e, ERR_NOFOLDER, "%s: the collection is gone", f->s->b->kind->name) : err;
}

/* UNSUPPORTED where the server cannot, or answered with XML that is none: then each is asked for by itself. */
static enum err
multiget(struct fetching *f, struct error *e)
{
	struct buf body AUTO(buf_finish);
	struct dav_answer answer;
	const struct dav_kind *kind = f->s->b->kind;
	buf_init(&body, 0);
	dav_xml_begin(&body, kind->multiget);
	buf_add_str(&body, "<D:prop><D:getetag/>");
	if (f->what->want == WANT_BYTES)
		buf_printf(&body, "<%s/>", kind->data);
	buf_add_str(&body, "</D:prop>");
	for (size_t i = 0; i < f->n; i++) {
		if (f->wanted[i].done)
			continue;
		buf_add_str(&body, "<D:href>");
		dav_xml_text(&body, f->c->path);
		dav_xml_text(&body, f->wanted[i].key);
		buf_add_str(&body, "</D:href>");
	}
	dav_xml_end(&body, kind->multiget);
	struct dav_ask ask = { "REPORT", f->c->path, DAV_NO_DEPTH, &body, on_item, f, NULL, "multiget" };
	enum err err = dav_ask(f->s, f->a, &ask, &answer, e);
	if (f->stopped)
		return f->stopped;
	if (err == ERR_PEER)
		return err_set(e, ERR_UNSUPPORTED, "%s: the answer to a multiget cannot be read", kind->name);
	if (err)
		return err;
	/* 404 is no word on the collection: SabreDAV before 2.0 says it where one of the items is gone. */
	if ((answer.status == 404 || answer.status == 410) && (err = ask_collection(f, e)))
		return err;
	return answer.status == 207 ? ERR_OK : err_set(e, ERR_UNSUPPORTED, "%s: multiget: HTTP %ld", kind->name, answer.status);
}

/* ---- one by one ---- */

static enum err
get_meta(struct fetching *f, struct wanted *w, const char *path, struct error *e)
{
	const char *version;
	enum err err = dav_version_now(f->s, f->a, path, &version, e);
	if (err && err != ERR_NOTFOUND)
		return err;
	return deliver(f, w, err, err ? NULL : version, slice(NULL, 0));
}

/* The original, if the card is one of 4.0; else nothing is delivered. */
static enum err
get_original(struct fetching *f, struct wanted *w, const char *path, struct error *e)
{
	struct dav_answer answer;
	struct dav_request r = { .method = "GET", .path = path, .depth = DAV_NO_DEPTH, .accept = "text/vcard; version=4.0",
		.body_r = &f->bytes };
	buf_reset(&f->bytes);
	enum err err = dav_http_run(f->s->http, f->a, &r, &answer, e);
	if (err || answer.status != 200 || answer.html)
		return err == ERR_LIMIT ? ERR_OK : err;
	struct slice bytes = buf_slice(&f->bytes);
	if (!has_line(bytes, "VERSION:4.0") || by_sabre(bytes, "VERSION:4.0"))
		return ERR_OK;
	return deliver(f, w, ERR_OK, dav_version(f->a, answer.etag), bytes);
}

/* Servers say so of one item that they cannot read. A 500 is as often the server's own trouble, for a moment. */
static bool
is_about_item(long status)
{
	return (status >= 400 && status < 500) || status == 500 || status == 501;
}

static enum err
get(struct fetching *f, struct wanted *w, struct error *e)
{
	const char *path = dav_item_path(f->a, f->c, w->key);
	if (!path)
		return deliver(f, w, ERR_NOTFOUND, NULL, slice(NULL, 0));
	if (f->what->want == WANT_META)
		return get_meta(f, w, path, e);
	if (w->converted) {
		enum err err = get_original(f, w, path, e);
		if (err || w->done)
			return err;
	}
	struct dav_answer answer;
	struct dav_request r = { .method = "GET", .path = path, .depth = DAV_NO_DEPTH, .body_r = &f->bytes };
	buf_reset(&f->bytes);
	enum err err = dav_http_run(f->s->http, f->a, &r, &answer, e);
	if (err == ERR_LIMIT)
		return deliver(f, w, ERR_LIMIT, NULL, slice(NULL, 0));
	if (err)
		return err;
	if (answer.status == 200 && !answer.html)
		return deliver(f, w, ERR_OK, dav_version(f->a, answer.etag), buf_slice(&f->bytes));
	err = dav_unexpected(f->s, "GET", &answer, e);
	if (err == ERR_NOTFOUND)
		return deliver(f, w, err, NULL, slice(NULL, 0));
	if (err == ERR_PAUSED || !is_about_item(answer.status))
		return err;
	if (w->failed)
		return deliver(f, w, ERR_INVALID, NULL, slice(NULL, 0));
	w->failed = true;
	return ERR_OK;
}

/* Those that have not failed yet, or those that have. */
static enum err
get_left(struct fetching *f, bool failed, struct error *e)
{
	enum err err = ERR_OK;
	for (size_t i = 0; !err && i < f->n; i++) {
		struct arena_mark m = arena_mark(f->a);
		struct wanted *w = &f->wanted[i];
		while (!err && !w->done && w->failed == failed)
			err = get(f, w, e);
		arena_rewind(f->a, m);
	}
	return err;
}

static size_t
left(const struct fetching *f)
{
	size_t n = 0;
	for (size_t i = 0; i < f->n; i++)
		n += !f->wanted[i].done;
	return n;
}

/* That the server cannot give an item is said of those only that fail twice, while it answers for their collection in between: what is set
 * aside for a server in trouble would be missing on phones for a day. */
static enum err
get_rest(struct fetching *f, struct error *e)
{
	enum err err = get_left(f, false, e);
	if (err || left(f) == 0)
		return err;
	err = ask_collection(f, e);
	return err ? err : get_left(f, true, e);
}

/* ---- batches ---- */

static enum err
batch_fill(struct fetching *f, size_t from, size_t n, struct error *e)
{
	f->wanted = arena_array(f->a, n, sizeof *f->wanted);
	f->n = n;
	if (!f->wanted)
		return dav_nomem(e);
	for (size_t i = 0; i < n; i++) {
		const char *key = f->what->keys[from + i];
		f->wanted[i] = (struct wanted){ .canonical = dav_path_canonical(f->a, key), .key = key };
		if (!f->wanted[i].canonical)
			return dav_nomem(e);
	}
	qsort(f->wanted, n, sizeof *f->wanted, by_canonical);
	return ERR_OK;
}

/* How many to ask for from now on, after a multiget of so many: a server may be slow for once, and one item says nothing. */
static void
adapt_batch(struct backend_session *s, size_t n, enum err err)
{
	if (err == ERR_LIMIT)
		s->batch = s->batch_max = n > 2 ? n / 2 : 1;
	else if (err && dav_http_timed_out(s->http) && n > 1)
		s->batch = ((n > BATCH_FEW ? n : s->batch) + 1) / 2;
	else if (!err && n == s->batch)
		s->batch += n / 4 + 1;
	if (s->batch > s->batch_max)
		s->batch = s->batch_max;
}

/* One multiget, or as many as are needed where the answer has no room for all; what they leave out is asked for one by one. */
static enum err
batch(struct fetching *f, struct error *e)
{
	struct backend_session *s = f->s;
	enum err err;
	size_t before, after;
	do {
		before = left(f);
		err = multiget(f, e);
		after = left(f);
		if (f->stopped)
			return f->stopped;
		adapt_batch(s, f->n, err);
	} while (err == ERR_LIMIT && after < before);
	if (err == ERR_LIMIT || err == ERR_UNSUPPORTED)
		err = ERR_OK;
	return err || after == 0 ? err : get_rest(f, e);
}

enum err
dav_fetch_items(struct backend_session *s, const struct dav_collection *c, const struct backend_fetch *what,
	backend_item_fn fn, void *ctx, struct error *e)
{
	struct fetching f = { .s = s, .c = c, .what = what, .fn = fn, .ctx = ctx, .a = arena_new(FETCH_MAX) };
	if (!f.a)
		return dav_nomem(e);
	buf_init(&f.bytes, s->b->set.item_max * 2);
	enum err err = ERR_OK;
	for (size_t from = 0, n; !err && from < what->n; from += n) {
		struct arena_mark m = arena_mark(f.a);
		n = what->n - from < s->batch ? what->n - from : s->batch;
		err = batch_fill(&f, from, n, e);
		if (!err)
			err = batch(&f, e);
		arena_rewind(f.a, m);
	}
	buf_finish(&f.bytes);
	arena_free(&f.a);
	return err;
}

enum err
dav_fetch(struct backend_session *s, const struct backend_fetch *what, backend_item_fn fn, void *ctx, struct error *e)
{
	struct dav_folder f;
	dav_http_begin(s->http);
	enum err err = dav_folder_find(s, what->folder, &f, e);
	return err ? err : dav_fetch_items(s, f.c, what, fn, ctx, e);
}
