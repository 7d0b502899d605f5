/* Items made, replaced and deleted. */
#include <openssl/rand.h>
#include <string.h>

#include "backend/dav/href.h"
#include "backend/dav/session.h"
#include "base/text.h"


enum err
dav_version_now(struct backend_session *s, struct arena *a, const char *path, const char **version_r, struct error *e)
{
	struct dav_response r;
	enum err err = dav_propget(s, a, path, "<D:getetag/>", &r, e);
	if (err)
		return err;
	*version_r = dav_version(a, r.text[DAV_ETAG]);
	return *version_r ? ERR_OK : dav_nomem(e);
}

/* ---- requests that are meant for one version ---- */

/* What the request expects to replace: `version`, or NULL for what there is, which PUT needs to be something. Where an ETag is
 * weak, If-Match never matches (RFC 9110, 13.1.1): then it is compared here. */
static enum err
expect(struct backend_session *s, struct arena *a, struct dav_request *r, const char *version, const char **expected_r,
	struct error *e)
{
	*expected_r = version;
	if (version ? dav_version_strong(version) : strcmp(r->method, "PUT") != 0) {
		r->if_match = version;
		return ERR_OK;
	}
	const char *now;
	enum err err = dav_version_now(s, a, r->path, &now, e);
	if (err)
		return err;
	if (version && strcmp(version, now) != 0)
		return err_set(e, ERR_CONFLICT, "%s: %s: another version is stored", s->b->kind->name, r->method);
	r->if_match = dav_version_strong(now) ? now : NULL;
	*expected_r = now;
	return ERR_OK;
}

/* After a 412: is it gone, another one, or does the server not know its own ETag (compressed answers change it)? OK: try again. */
static enum err
refused(struct backend_session *s, struct arena *a, struct dav_request *r, const char *version, const char *expected,
	struct error *e)
{
	const char *now;
	enum err err = dav_version_now(s, a, r->path, &now, e);
	if (err)
		return err;
	if (!r->if_match || (version && strcmp(now, version) != 0))
		return err_set(e, ERR_CONFLICT, "%s: %s: another version is stored", s->b->kind->name, r->method);
	r->if_match = expected && strcmp(now, expected) == 0 ? NULL : now;
	return ERR_OK;
}

static enum err
run_expecting(struct backend_session *s, struct arena *a, struct dav_request *r, const char *version,
	struct dav_answer *answer_r, struct error *e)
{
	const char *expected;
	if (version && !*version)
		version = NULL;
	enum err err = expect(s, a, r, version, &expected, e);
	if (!err)
		err = dav_http_run(s->http, a, r, answer_r, e);
	if (err || answer_r->status != 412)
		return err;
	err = refused(s, a, r, version, expected, e);
	return err ? err : dav_http_run(s->http, a, r, answer_r, e);
}

/* ---- put ---- */

/* The name of a new item; the module draws one where the core has none. */
static const char *
new_key(struct backend_session *s, struct arena *a, const char *name)
{
	unsigned char random[16];
	char hex[2 * sizeof random + 1];
	if (!name && RAND_bytes(random, sizeof random) != 1)
		return NULL;
	if (!name)
		text_hex(random, sizeof random, hex);
	return arena_printf(a, "%s%s", name ? name : hex, s->b->kind->extension);
}

void
dav_stored(struct arena *a, const struct dav_collection *c, const char *key, const struct dav_answer *answer,
	struct backend_stored *stored_r)
{
	const char *elsewhere = answer->location ? dav_item_key(a, c, answer->location) : NULL;
	stored_r->key = elsewhere ? elsewhere : key;
	bool vouched = dav_version_strong(answer->etag) && answer->etag[0] == '"' &&
		       strlen(answer->etag) <= BACKEND_VERSION_MAX;
	stored_r->version = vouched ? answer->etag : "";
}

/* 409 that names no condition: that there is no collection (RFC 4918, 9.7.1), another version, or something that the server has against this
 * item (DAViCal's triggers say so). */
static enum err
put_conflict(struct backend_session *s, struct arena *a, const struct dav_collection *c, const struct backend_put *put,
	const char *path, struct error *e)
{
	const char *now, *name = s->b->kind->name;
	struct dav_response there;
	enum err err = dav_propget(s, a, c->path, "<D:resourcetype/>", &there, e);
	if (err)
		return err == ERR_NOTFOUND ? err_set(e, ERR_NOFOLDER, "%s: PUT: the collection is gone", name) : err;
	if (put->key && put->version && *put->version) {
		err = dav_version_now(s, a, path, &now, e);
		if (err)
			return err;
		if (strcmp(now, put->version) != 0)
			return err_set(e, ERR_CONFLICT, "%s: PUT: another version is stored", name);
	}
	return err_set(e, ERR_INVALID, "%s: PUT: HTTP 409 from %s", name, s->b->http.origin);
}

static enum err
put_refused(struct backend_session *s, struct arena *a, const struct dav_collection *c, const struct backend_put *put,
	const char *key, const struct dav_answer *answer, struct backend_stored *stored_r, struct error *e)
{
	enum err err = dav_unexpected(s, "PUT", answer, e);
	if (answer->status == 409 && err == ERR_NOFOLDER)
		return put_conflict(s, a, c, put, answer->path, e);
	if (!put->key && answer->status == 412)
		err = err_set(e, ERR_EXISTS, "%s: PUT: the name is taken", s->b->kind->name);
	if (!put->key && err == ERR_NOTFOUND)
		err = err_set(e, ERR_NOFOLDER, "%s: PUT: the collection is gone", s->b->kind->name);
	if (err != ERR_EXISTS)
		return err;
	if (answer->status == 412) {
		stored_r->key = key;
		return err;
	}
	/* Another item has its UID; where the server does not say which, the core has nothing to adopt. */
	const char *other = answer->conflict_href ? dav_item_key(a, c, answer->conflict_href) : NULL;
	if (!other || put->key)
		return err_set(e, ERR_INVALID, "%s: PUT: another item has this UID", s->b->kind->name);
	stored_r->key = other;
	return err;
}

enum err
dav_put(struct backend_session *s, struct arena *a, const struct backend_put *put, struct backend_stored *stored_r,
	struct error *e)
{
	struct dav_folder f;
	struct dav_answer answer;
	*stored_r = (struct backend_stored){ "", "" };
	dav_http_begin(s->http);
	enum err err = dav_folder_find(s, put->folder, &f, e);
	if (err)
		return err;
	const char *key = put->key ? put->key : new_key(s, a, put->name);
	if (!key)
		return dav_nomem(e);
	struct dav_request r = {
		.method = "PUT",
		.path = dav_item_path(a, f.c, key),
		.depth = DAV_NO_DEPTH,
		.content_type = s->b->kind->content_type,
		.body = put->bytes,
		.if_none_match = !put->key,
	};
	if (!r.path)
		return err_set(e, put->key ? ERR_NOTFOUND : ERR_INVALID, "%s: PUT: no such name", s->b->kind->name);
	err = put->key ? run_expecting(s, a, &r, put->version, &answer, e) : dav_http_run(s->http, a, &r, &answer, e);
	if (err)
		return err;
	if (answer.status != 200 && answer.status != 201 && answer.status != 204)
		return put_refused(s, a, f.c, put, key, &answer, stored_r, e);
	dav_stored(a, f.c, key, &answer, stored_r);
	return ERR_OK;
}

/* ---- remove ---- */

enum err
dav_remove(struct backend_session *s, const char *folder, const char *key, const char *version, struct error *e)
{
	struct dav_folder f;
	struct dav_answer answer;
	dav_http_begin(s->http);
	enum err err = dav_folder_find(s, folder, &f, e);
	if (err)
		return err;
	struct arena *a = arena_new(256 * 1024);
	struct dav_request r = { .method = "DELETE", .depth = DAV_NO_DEPTH, .path = a ? dav_item_path(a, f.c, key) : NULL };
	err = r.path ? run_expecting(s, a, &r, version, &answer, e) :
		       err_set(e, ERR_NOTFOUND, "%s: DELETE: no such name", s->b->kind->name);
	if (!err && (answer.status < 200 || answer.status > 299 || answer.status == 207))
		err = dav_unexpected(s, "DELETE", &answer, e);
	arena_free(&a);
	return err;
}
