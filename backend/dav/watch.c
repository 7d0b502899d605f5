/* Watching: one PROPFIND of depth 1 of each home per interval tells of all its collections.
 *
 * To some servers a ctag, and a sync-token even more, is a look through all items (Radicale): where each folder has a ctag, the other is
 * not asked for. */
#include <stdlib.h>
#include <string.h>

#include "backend/dav/href.h"
#include "backend/dav/session.h"
#include "base/text.h"

#define WATCH_MAX (1024 * 1024)
#define LOOK_MAX (32 * 1024 * 1024)

struct seen {
	struct seen *next;
	const char *canonical;
	const char *state; /* NULL: the server tells nothing by which a change could be seen */
	bool by_ctag;
	bool failed;       /* the server could not tell */
};

struct look {
	struct backend_session *s;
	struct arena *a;
	const char *base; /* path that was asked for */
	struct seen *seen;
};

static enum err
add_seen(struct look *l, const char *path, const struct dav_response *r)
{
	struct seen *seen = arena_alloc(l->a, sizeof *seen);
	const char *ctag = r ? r->text[DAV_CTAG] : NULL, *state = ctag ? ctag : r ? r->text[DAV_SYNC_TOKEN] : NULL;
	if (!seen || !(seen->canonical = dav_path_canonical(l->a, path)))
		return ERR_NOMEM;
	if (state && !(seen->state = arena_printf(l->a, "%s%s", ctag ? "ctag " : "", state)))
		return ERR_NOMEM;
	seen->by_ctag = ctag;
	seen->failed = !r;
	seen->next = l->seen;
	l->seen = seen;
	return ERR_OK;
}

static enum err
on_state(void *ctx, const struct dav_response *r)
{
	struct look *l = ctx;
	const char *path = dav_answer_path(l->s, l->a, l->base, r->href);
	return path && r->status < 400 ? add_seen(l, path, r) : ERR_OK;
}

static const struct seen *
find_seen(const struct seen *seen, const char *canonical)
{
	while (seen && strcmp(seen->canonical, canonical) != 0)
		seen = seen->next;
	return seen;
}

static const char *
state_props(const struct backend_session *s)
{
	return s->watch_ctags ? "<S:getctag/>" : "<S:getctag/><D:sync-token/>";
}

/* One collection that cannot be read makes some servers (Radicale) answer nothing for the whole home: what is watched there is asked by
 * itself. What the home failed with, where all fail. */
static enum err
look_at_each(struct look *l, enum err why, struct error *e)
{
	struct backend_session *s = l->s;
	const char *home = dav_path_canonical(l->a, l->base);
	bool any = false;
	if (!home)
		return dav_nomem(e);
	for (size_t i = 0; i < s->n_watched; i++) {
		const char *path = s->watched[i].path;
		struct dav_response r;
		struct error own = { 0 };
		if (!dav_path_in(l->a, home, path) || find_seen(l->seen, s->watched[i].canonical))
			continue;
		enum err err = dav_propget(s, l->a, path, state_props(s), &r, &own);
		if (err == ERR_NOTFOUND)
			continue;
		if (err && err != ERR_PEER)
			return err_set(e, err, "%s", own.text);
		any = any || !err;
		if (add_seen(l, path, err ? NULL : &r))
			return dav_nomem(e);
	}
	return any ? ERR_OK : why;
}

static enum err
look_at_homes(struct look *l, struct error *e)
{
	struct backend_session *s = l->s;
	enum err err = ERR_OK;
	for (size_t i = 0; !err && i < s->n_homes; i++) {
		struct seen *before = l->seen;
		l->base = s->homes[i];
		err = dav_propfind(s, l->a, l->base, s->home_is_collection ? 0 : 1, state_props(s), on_state, l, e);
		if (err == ERR_PEER && !s->home_is_collection) {
			l->seen = before;
			err = look_at_each(l, err, e);
		}
		if (s->n_homes > 1 && (err == ERR_NOTFOUND || err == ERR_DENIED))
			err = ERR_OK;
	}
	return err;
}

/* Takes over what is seen of the folder now, and says whether it may have changed. */
static bool
compare(struct dav_watched *w, const struct seen *seen)
{
	const char *state = seen && seen->state ? seen->state : NULL;
	if (seen && seen->failed) { /* once it can be read again it may have changed */
		free(w->state);
		w->state = NULL;
		return false;
	}
	bool same = w->state && state && strcmp(w->state, state) == 0;
	bool still_gone = !seen && w->state && !*w->state;
	if (same || still_gone)
		return false;
	free(w->state);
	w->state = strdup(seen ? (state ? state : "?") : "");
	if (seen && !state) { /* nothing to go by: looked at each time */
		free(w->state);
		w->state = NULL;
	}
	return true;
}

void
dav_unwatch(struct backend_session *s)
{
	for (size_t i = 0; i < s->n_watched; i++)
		free(s->watched[i].state);
	s->watched = NULL;
	s->n_watched = 0;
	s->watch_ctags = false;
	arena_free(&s->watch_arena);
}

static enum err
remember(struct backend_session *s, const char *const *folders, size_t n, struct error *e)
{
	struct arena *a = s->watch_arena = arena_new(WATCH_MAX);
	s->watched = a ? arena_array(a, n, sizeof *s->watched) : NULL;
	if (!s->watched)
		return dav_nomem(e);
	for (size_t i = 0; i < n; i++) {
		struct dav_watched *w = &s->watched[i];
		size_t len = strlen(folders[i]) - (text_ends(folders[i], DAV_TASKS) ? strlen(DAV_TASKS) : 0);
		char *path = arena_strndup(a, folders[i], len);
		w->key = arena_strdup(a, folders[i]);
		w->path = path;
		w->canonical = path ? dav_path_canonical(a, path) : NULL;
		if (!w->key || !w->canonical)
			return dav_nomem(e);
		s->n_watched = i + 1;
	}
	return ERR_OK;
}

static enum err
look(struct backend_session *s, struct arena *a, struct backend_keys *folders_r, struct error *e)
{
	struct look l = { .s = s, .a = arena_new(LOOK_MAX) };
	enum err err = l.a ? look_at_homes(&l, e) : dav_nomem(e);
	bool ctags = true;
	for (size_t i = 0; !err && i < s->n_watched; i++) {
		const struct seen *seen = find_seen(l.seen, s->watched[i].canonical);
		ctags = ctags && (!seen || seen->by_ctag || seen->failed);
		if (!compare(&s->watched[i], seen) || !folders_r)
			continue;
		const char *key = arena_strdup(a, s->watched[i].key);
		if (!key)
			err = dav_nomem(e);
		else
			folders_r->list[folders_r->n++] = key;
	}
	if (!err)
		s->watch_ctags = ctags;
	/* Until the next look nothing is asked: many servers would close the connection before, and it is most of what a waiting user takes. */
	dav_http_rest(s->http);
	arena_free(&l.a);
	return err;
}

enum err
dav_watch(struct backend_session *s, const char *const *folders, size_t n, struct backend_watch *w_r, struct error *e)
{
	dav_unwatch(s);
	*w_r = (struct backend_watch){ .fd = -1, .poll = (unsigned)s->b->set.poll };
	enum err err = remember(s, folders, n, e);
	if (err) {
		dav_unwatch(s);
		return err;
	}
	dav_http_begin(s->http);
	/* Where the server cannot be asked now, the first look that succeeds tells of all folders. */
	return n ? look(s, NULL, NULL, e) : ERR_OK;
}

enum err
dav_noticed(struct backend_session *s, struct arena *a, struct backend_keys *folders_r, struct backend_watch *w_r,
	struct error *e)
{
	*w_r = (struct backend_watch){ .fd = -1, .poll = (unsigned)s->b->set.poll };
	*folders_r = (struct backend_keys){ .list = arena_array(a, s->n_watched, sizeof *folders_r->list) };
	if (!folders_r->list)
		return dav_nomem(e);
	if (s->n_watched == 0)
		return ERR_OK;
	dav_http_begin(s->http);
	return look(s, a, folders_r, e);
}
