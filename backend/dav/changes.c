/* What changed in a collection: sync-collection (RFC 6578), and without it the ctag and a listing of ETags.
 *
 * Cursors: "T" LISTED token, LISTED the time of the last listing; "L" token, within a listing that the server cuts;
 * "P" within one that parts.c cuts; "G" ctag; "H" a sum over a listing.
 *
 * Tokens are not all that the standard makes of them. A change that is being committed while a token is made can lie
 * behind it and not be told (DAViCal, and others that number changes before they commit them), and servers answer a
 * token that is too old with what there is, of course without what went (DAViCal, after a week): so now and then all
 * is listed. */
#include <inttypes.h>
#include <openssl/evp.h>
#include <string.h>
#include <time.h>

#include "backend/dav/href.h"
#include "backend/dav/session.h"
#include "base/text.h"

#define LIST_AGAIN (24 * 3600) /* seconds after a listing */

struct look {
	struct backend_session *s;
	struct arena *a;
	const struct dav_folder *f;
	struct dav_listed found;
	bool truncated;
	bool itself;  /* the answer tells of the collection, too */
	bool initial; /* everything from the beginning: that something is gone is no news */
};

static bool
is_gone(unsigned status)
{
	return status == 404 || status == 410;
}

static enum err
on_change(void *ctx, const struct dav_response *r)
{
	struct look *l = ctx;
	const struct dav_collection *c = l->f->c;
	const char *path = dav_answer_path(l->s, l->a, c->path, r->href);
	if (!path)
		return ERR_OK;
	const char *key = dav_item_key(l->a, c, path);
	if (!key) {
		/* RFC 6578, 3.6: the collection itself, with 507, says that there is more. */
		if (dav_path_same(l->a, path, c->path)) {
			l->truncated |= r->status == 507;
			l->itself |= r->status < 400;
		}
		return ERR_OK;
	}
	/* What may not be seen is left out; what the server cannot tell of for now is there, in some version. */
	if (r->status >= 400 && r->status < 500 && !is_gone(r->status))
		return ERR_OK;
	if ((r->types & DAV_TYPE_COLLECTION) || strchr(key, '/'))
		return ERR_OK;
	if (l->initial && is_gone(r->status))
		return ERR_OK;
	return dav_listed_add(l->a, &l->found, key, r->text[DAV_ETAG], is_gone(r->status));
}

/* ---- sync-collection ---- */

enum sync_result { SYNC_OK, SYNC_REFUSED };

/* Never sends a limit: servers are known that cut the list and then hand out the token of its end. */
static enum err
sync_ask(struct look *l, const char *token, const char **token_r, enum sync_result *result_r, struct error *e)
{
	struct buf body AUTO(buf_finish);
	struct dav_answer answer;
	buf_init(&body, 0);
	dav_xml_begin(&body, "D:sync-collection");
	buf_add_str(&body, "<D:sync-token>");
	dav_xml_text(&body, token);
	buf_add_str(&body, "</D:sync-token><D:sync-level>1</D:sync-level><D:prop><D:getetag/></D:prop>");
	dav_xml_end(&body, "D:sync-collection");
	struct dav_ask ask = { "REPORT", l->f->c->path, 0, &body, on_change, l, token_r, "sync-collection" };
	*token_r = NULL;
	enum err err = dav_ask(l->s, l->a, &ask, &answer, e);
	if (err)
		return err;
	if (is_gone((unsigned)answer.status))
		return err_set(e, ERR_NOFOLDER, "%s: the collection is gone", l->s->b->kind->name);
	/* 403 with valid-sync-token is the standard's way to refuse; 400, 409, 412, 415, 500, 501 and 507 are seen too. */
	*result_r = answer.status == 207 && *token_r && **token_r ? SYNC_OK : SYNC_REFUSED;
	return ERR_OK;
}

static enum err
finish(struct look *l, struct backend_changes *c_r, struct error *e)
{
	if (l->f->show) {
		enum err err = dav_component_filter(l->s, l->a, l->f, &l->found, e);
		if (err)
			return err;
	}
	c_r->list = l->found.list;
	c_r->n = l->found.n;
	return c_r->cursor ? ERR_OK : dav_nomem(e);
}

/* A cursor of sync-collection, read. */
struct since {
	bool listing;
	uint64_t listed;
	const char *token; /* "" is the beginning */
};

static const char *
next_word(struct arena *a, const char **p)
{
	size_t n = strcspn(*p, " ");
	const char *word = n ? arena_strndup(a, *p, n) : NULL;
	*p += n + ((*p)[n] == ' ');
	return word;
}

static bool
next_number(struct arena *a, const char **p, uint64_t *n_r)
{
	const char *word = next_word(a, p);
	return word && text_to_u64(word, n_r);
}

/* False: it is none, or of a listing that is too long ago. */
static bool
since_read(struct arena *a, const char *cursor, struct since *k)
{
	const char *p = cursor + 1;
	uint64_t now = (uint64_t)time(NULL);
	*k = (struct since){ .listing = *cursor == 'L' };
	if (*cursor != 'L' && (*cursor != 'T' || !next_number(a, &p, &k->listed)))
		return false;
	k->token = p;
	return *p && (k->listing || (k->listed <= now && now - k->listed < LIST_AGAIN));
}

/* Where to go on behind what was told from `k` up to the token `next`. */
static const char *
since_write(const struct look *l, const struct since *k, const char *next)
{
	unsigned long long now = (unsigned long long)time(NULL), listed = k->listing ? now : k->listed;
	if (k->listing && l->truncated)
		return arena_printf(l->a, "L%s", next);
	return arena_printf(l->a, "T%llu %s", listed, next);
}

/* One look from there. */
static enum err
sync_from(struct look *l, const struct since *k, struct backend_changes *c_r, enum sync_result *result_r, struct error *e)
{
	const char *next, *from = k->token;
	l->found = (struct dav_listed){ 0 };
	l->truncated = false;
	l->initial = !*from;
	enum err err = sync_ask(l, from, &next, result_r, e);
	if (err || *result_r != SYNC_OK)
		return err;
	if (l->truncated && strcmp(next, from) == 0) {
		*result_r = SYNC_REFUSED; /* a server that cuts its answer and does not get on */
		return ERR_OK;
	}
	*c_r = (struct backend_changes){ .listing = k->listing, .more = l->truncated };
	c_r->cursor = since_write(l, k, next);
	return finish(l, c_r, e);
}

static enum err
by_sync(struct look *l, const char *cursor, struct backend_changes *c_r, enum sync_result *result_r, struct error *e)
{
	struct since k, beginning = { .listing = true, .token = "" };
	if (cursor && since_read(l->a, cursor, &k)) {
		enum err err = sync_from(l, &k, c_r, result_r, e);
		if (err || *result_r == SYNC_OK)
			return err;
		/* What went since its first parts would be taken for there: the caller is to begin with nothing. */
		if (k.listing) {
			l->f->c->has_sync = false;
			return err_set(e, ERR_UNAVAILABLE, "%s: a listing broke off", l->s->b->kind->name);
		}
	}
	return sync_from(l, &beginning, c_r, result_r, e);
}

/* ---- ctag and listing ---- */

/* The same for the same items in whatever order; NULL where an item has no version to tell it by. */
static const char *
sum_of(struct arena *a, const struct dav_listed *found)
{
	uint64_t sum[2] = { found->n, 0 };
	for (size_t i = 0; i < found->n; i++) {
		unsigned char digest[32];
		uint64_t part[2];
		const struct backend_change *c = &found->list[i];
		struct arena_mark m = arena_mark(a);
		const char *both = arena_printf(a, "%s %s", c->key, c->version);
		bool ok = both && *c->version && EVP_Digest(both, strlen(both), digest, NULL, EVP_sha256(), NULL) == 1;
		arena_rewind(a, m);
		if (!ok)
			return NULL;
		memcpy(part, digest, sizeof part);
		sum[0] += part[0];
		sum[1] += part[1];
	}
	return arena_printf(a, "H%016" PRIx64 "%016" PRIx64, sum[0], sum[1]);
}

static enum err
unchanged(struct arena *a, const char *cursor, struct backend_changes *c_r, struct error *e)
{
	*c_r = (struct backend_changes){ .cursor = arena_strdup(a, cursor) };
	return c_r->cursor ? ERR_OK : dav_nomem(e);
}

static enum err
no_folder(struct backend_session *s, enum err err, struct error *e)
{
	return err == ERR_NOTFOUND ? err_set(e, ERR_NOFOLDER, "%s: the collection is gone", s->b->kind->name) : err;
}

/* The ctag is asked for before the listing, so that what changes between them is listed again and not missed. */
static enum err
by_listing(struct look *l, const char *cursor, struct backend_changes *c_r, struct error *e)
{
	struct dav_response r;
	const char *path = l->f->c->path;
	enum err err = dav_propget(l->s, l->a, path, "<S:getctag/>", &r, e);
	if (err)
		return no_folder(l->s, err, e);
	const char *ctag = r.text[DAV_CTAG];
	if (ctag && *ctag && cursor && *cursor == 'G' && strcmp(cursor + 1, ctag) == 0)
		return unchanged(l->a, cursor, c_r, e);
	l->found = (struct dav_listed){ 0 };
	err = dav_propfind(l->s, l->a, path, 1, "<D:getetag/><D:resourcetype/>", on_change, l, e);
	if (err)
		return no_folder(l->s, err, e);
	/* RFC 4918, 9.1: the collection itself is in it. An answer without anything is no word that all items are gone. */
	if (l->found.n == 0 && !l->itself)
		return err_set(e, ERR_PEER, "%s: a listing tells of nothing, not even of the collection", l->s->b->kind->name);
	const char *sum = ctag && *ctag ? arena_printf(l->a, "G%s", ctag) : sum_of(l->a, &l->found);
	if (sum && *sum == 'H' && cursor && strcmp(cursor, sum) == 0)
		return unchanged(l->a, cursor, c_r, e);
	*c_r = (struct backend_changes){ .listing = true, .cursor = sum ? sum : "H" };
	return finish(l, c_r, e);
}

static enum err
look(struct look *l, const char *cursor, struct backend_changes *c_r, struct error *e)
{
	enum sync_result result = SYNC_REFUSED;
	if (l->f->c->has_sync) {
		enum err err = by_sync(l, cursor, c_r, &result, e);
		if (err || result == SYNC_OK)
			return err;
		l->f->c->has_sync = false; /* not even from the beginning: for this session, no more */
	}
	return by_listing(l, cursor, c_r, e);
}

enum err
dav_changes(struct backend_session *s, struct arena *a, const char *folder, const char *cursor, size_t part,
	struct backend_changes *c_r, struct error *e)
{
	struct dav_folder f;
	dav_http_begin(s->http);
	enum err err = cursor ? dav_parts_next(s, a, folder, cursor, part, c_r, e) : ERR_NOTFOUND;
	if (err != ERR_NOTFOUND)
		return err;
	err = dav_folder_find(s, folder, &f, e);
	struct look l = { .s = s, .a = a, .f = &f };
	if (!err)
		err = look(&l, cursor, c_r, e);
	return err ? err : dav_parts_hold(s, a, folder, part, c_r, e);
}
