/* Items moved: by MOVE, and where a server cannot, by a copy that is deleted here. */
#include <string.h>

#include "backend/dav/href.h"
#include "backend/dav/session.h"

#define COPY_MAX (64 * 1024 * 1024)

/* ---- without MOVE ---- */

struct copying {
	struct backend_session *s;
	struct arena *a;
	const char *from, *to; /* paths */
	struct buf bytes;
	const char *etag;      /* of what is copied */
	bool made;             /* the copy, by this very call */
};

static enum err
read_item(struct copying *c, const char *path, struct buf *bytes, const char **etag_r, struct error *e)
{
	struct dav_answer answer;
	struct dav_request r = { .method = "GET", .path = path, .depth = DAV_NO_DEPTH, .body_r = bytes };
	enum err err = dav_http_run(c->s->http, c->a, &r, &answer, e);
	if (!err && (answer.status != 200 || answer.html))
		err = dav_unexpected(c->s, "GET", &answer, e);
	*etag_r = answer.etag;
	return err;
}

/* What is at the target already is the copy of an earlier try, or another item: EXISTS. */
static enum err
check_copy(struct copying *c, struct error *e)
{
	struct buf there AUTO(buf_finish);
	const char *etag;
	buf_init(&there, COPY_MAX);
	enum err err = read_item(c, c->to, &there, &etag, e);
	if (!err && !slice_eq(buf_slice(&there), buf_slice(&c->bytes)))
		err = err_set(e, ERR_EXISTS, "%s: the target has an item of this name", c->s->b->kind->name);
	return err;
}

static enum err
write_copy(struct copying *c, const struct dav_collection *target, const char *key, struct backend_stored *stored_r,
	struct error *e)
{
	struct dav_answer answer;
	struct dav_request r = {
		.method = "PUT",
		.path = c->to,
		.depth = DAV_NO_DEPTH,
		.content_type = c->s->b->kind->content_type,
		.body = buf_slice(&c->bytes),
		.if_none_match = true,
	};
	stored_r->key = key;
	enum err err = dav_http_run(c->s->http, c->a, &r, &answer, e);
	if (!err && answer.status == 412)
		return check_copy(c, e);
	if (!err && answer.status != 200 && answer.status != 201 && answer.status != 204)
		err = dav_unexpected(c->s, "PUT", &answer, e);
	if (err)
		return err == ERR_NOTFOUND ? err_set(e, ERR_NOFOLDER, "%s: no such target", c->s->b->kind->name) : err;
	c->made = true;
	dav_stored(c->a, target, key, &answer, stored_r);
	c->to = dav_item_path(c->a, target, stored_r->key);
	return c->to ? ERR_OK : dav_nomem(e);
}

static enum err
delete_item(struct copying *c, const char *path, const char *etag, struct error *e)
{
	struct dav_answer answer;
	struct dav_request r = { .method = "DELETE", .path = path, .depth = DAV_NO_DEPTH, .if_match = etag };
	enum err err = dav_http_run(c->s->http, c->a, &r, &answer, e);
	if (!err && (answer.status < 200 || answer.status > 299 || answer.status == 207))
		err = dav_unexpected(c->s, "DELETE", &answer, e);
	return err;
}

/* Where the original is another version by now, or has to stay, the copy is taken back. Where there is none any more the copy
 * is all that is left: libcurl sends a request again whose answer was cut off, and the first one may have been heard. An
 * answer that is lost for good leaves both, and a repeat finds the copy. */
static enum err
delete_original(struct copying *c, struct error *e)
{
	const char *version;
	enum err err = delete_item(c, c->from, c->etag, e);
	if (err == ERR_CONFLICT) {
		/* So say some of what is not there, too. */
		enum err there = dav_version_now(c->s, c->a, c->from, &version, e);
		err = there ? there : ERR_CONFLICT;
	}
	if (err == ERR_NOTFOUND)
		return ERR_OK;
	if (c->made && (err == ERR_CONFLICT || err == ERR_DENIED)) {
		struct error ignored;
		(void)delete_item(c, c->to, NULL, &ignored);
	}
	return err;
}

static enum err
move_by_copy(struct backend_session *s, struct arena *a, const struct dav_request *move, const struct dav_collection *target,
	const char *key, struct backend_stored *stored_r, struct error *e)
{
	struct copying c = { .s = s, .a = a, .from = move->path, .to = move->destination };
	buf_init(&c.bytes, COPY_MAX);
	enum err err = read_item(&c, c.from, &c.bytes, &c.etag, e);
	/* Else an edit that comes in between would be deleted with the original. */
	if (!err && !dav_version_strong(c.etag))
		err = err_set(e, ERR_UNSUPPORTED, "%s: the server has neither MOVE nor strong ETags", s->b->kind->name);
	if (!err)
		err = write_copy(&c, target, key, stored_r, e);
	if (!err)
		err = delete_original(&c, e);
	if (err && err != ERR_EXISTS)
		*stored_r = (struct backend_stored){ "", "" };
	stored_r->version = "";
	buf_finish(&c.bytes);
	return err;
}

/* ---- MOVE ---- */

static enum err
move_refused(struct backend_session *s, struct arena *a, const char *path, const struct dav_answer *answer, struct error *e)
{
	const char *version;
	enum err err = ERR_OK;
	switch (answer->status) {
	case 404:
	case 409:
	case 410:
		if (answer->conditions)
			break;
		/* It may be the item or the target that is not there. */
		err = dav_version_now(s, a, path, &version, e);
		return err ? err : err_set(e, ERR_NOFOLDER, "%s: MOVE: no such target", s->b->kind->name);
	default:
		break;
	}
	return dav_unexpected(s, "MOVE", answer, e);
}

/* Both folders at once: looking for the second may read the list anew, after which the first is found without. */
static enum err
move_folders(struct backend_session *s, const char *folder, const char *target, struct dav_folder *from_r,
	struct dav_folder *to_r, struct error *e)
{
	enum err err = dav_folder_find(s, target, to_r, e);
	if (!err)
		err = dav_folder_find(s, folder, from_r, e) ? err_set(e, ERR_NOTFOUND, "%s: no such folder", s->b->kind->name) :
							     ERR_OK;
	return err ? err : dav_folder_find(s, target, to_r, e);
}

/* Servers look at the two ends in either order: what is gone from here may be what is there. */
static enum err
move_taken(struct backend_session *s, struct arena *a, const char *path, const char *key, struct backend_stored *stored_r,
	struct error *e)
{
	const char *version;
	enum err err = dav_version_now(s, a, path, &version, e);
	if (err)
		return err;
	stored_r->key = key;
	return err_set(e, ERR_EXISTS, "%s: MOVE: the target has an item of this name", s->b->kind->name);
}

/* 502: a Radicale behind a proxy takes its own address for another server's (RFC 4918, 9.9.4). A proxy whose server went
 * away in the middle says so once: a copy whose original is deleted would have the server call off a meeting that is only
 * moved. */
static enum err
ask_move(struct backend_session *s, struct arena *a, const struct dav_request *r, struct dav_answer *answer_r, struct error *e)
{
	const char *version;
	enum err err = dav_http_run(s->http, a, r, answer_r, e);
	if (err || answer_r->status != 502)
		return err;
	err = dav_version_now(s, a, r->path, &version, e);
	return err ? err : dav_http_run(s->http, a, r, answer_r, e);
}

enum err
dav_move(struct backend_session *s, struct arena *a, const char *folder, const char *key, const char *target,
	struct backend_stored *stored_r, struct error *e)
{
	struct dav_folder from, to;
	struct dav_answer answer;
	*stored_r = (struct backend_stored){ "", "" };
	dav_http_begin(s->http);
	enum err err = move_folders(s, folder, target, &from, &to, e);
	if (err)
		return err;
	if (from.c == to.c)
		return err_set(e, ERR_UNSUPPORTED, "%s: MOVE: both folders are one collection", s->b->kind->name);
	struct dav_request r = {
		.method = "MOVE",
		.depth = DAV_NO_DEPTH,
		.path = dav_item_path(a, from.c, key),
		.destination = dav_item_path(a, to.c, key),
	};
	if (!r.path || !r.destination)
		return err_set(e, ERR_NOTFOUND, "%s: MOVE: no such name", s->b->kind->name);
	err = ask_move(s, a, &r, &answer, e);
	if (err)
		return err;
	if (answer.status == 405 || answer.status == 501 || answer.status == 502)
		return move_by_copy(s, a, &r, to.c, key, stored_r, e);
	if (answer.status == 412)
		return move_taken(s, a, r.path, key, stored_r, e);
	if (answer.status < 200 || answer.status > 299 || answer.status == 207)
		return move_refused(s, a, r.path, &answer, e);
	dav_stored(a, to.c, key, &answer, stored_r);
	stored_r->version = ""; /* whether the server rewrote it, the next look tells */
	return ERR_OK;
}
