/* Watching by inotify; where the system has no more of that, by being asked now and then. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "backend/local/local.h"

#define POLL_SECONDS 60
#define EVENTS (IN_CLOSE_WRITE | IN_MOVED_FROM | IN_MOVED_TO | IN_CREATE | IN_DELETE | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR)

struct seen {
	char *key;
	int wd[2];     /* new and cur, or the one directory; -1: none */
	bool changed;
};

struct watcher {
	int fd;
	bool polling;  /* some folder could not be watched */
	struct seen *list;
	size_t n;
};

static void
watcher_free(struct watcher **wp)
{
	struct watcher *w = *wp;

	*wp = NULL;
	if (!w)
		return;
	if (w->fd >= 0)
		close(w->fd);
	for (size_t i = 0; i < w->n; i++)
		free(w->list[i].key);
	free(w->list);
	free(w);
}

void
local_unwatch(struct backend_session *s)
{
	watcher_free(&s->watcher);
}

/* inotify wants a path: that of the open tree. */
static int
add(const struct backend_session *s, const struct watcher *w, const char *key, const char *sub)
{
	char path[BACKEND_KEY_MAX + 64];

	snprintf(path, sizeof path, "/proc/self/fd/%d/%s/%s", s->root, key, sub);
	return inotify_add_watch(w->fd, path, EVENTS);
}

static void
watch_folder(const struct backend_session *s, struct watcher *w, struct seen *seen)
{
	enum backend_class class;

	seen->wd[0] = seen->wd[1] = -1;
	if (w->fd < 0 || !key_class(seen->key, &class)) {
		w->polling = w->polling || w->fd < 0;
		return;
	}
	seen->wd[0] = add(s, w, seen->key, class == BACKEND_MAIL ? "new" : ".");
	/* A folder that is not there cannot change; one that cannot be watched is asked for. */
	if (seen->wd[0] < 0 && errno != ENOENT && errno != ENOTDIR)
		w->polling = true;
	if (seen->wd[0] >= 0 && class == BACKEND_MAIL)
		seen->wd[1] = add(s, w, seen->key, "cur");
	if (seen->wd[0] >= 0 && class == BACKEND_MAIL && seen->wd[1] < 0)
		w->polling = true;
}

static void
how_to_wait(const struct watcher *w, struct backend_watch *w_r)
{
	w_r->fd = w->fd;
	w_r->poll = w->polling ? POLL_SECONDS : 0;
}

enum err
local_watch(struct backend_session *s, const char *const *folders, size_t n, struct backend_watch *w_r, struct error *e)
{
	struct watcher *w = calloc(1, sizeof *w);
	bool failed = !w;

	if (w) {
		w->fd = -1;
		w->list = calloc(n + 1, sizeof *w->list);
		failed = !w->list;
	}
	for (size_t i = 0; !failed && i < n; i++) {
		w->list[i].key = strdup(folders[i]);
		failed = !w->list[i].key;
		if (!failed)
			w->n++;
	}
	if (failed) {
		watcher_free(&w);
		return err_set(e, ERR_NOMEM, "out of memory");
	}
	w->fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	for (size_t i = 0; i < n; i++)
		watch_folder(s, w, &w->list[i]);
	local_unwatch(s);
	s->watcher = w;
	how_to_wait(w, w_r);
	return ERR_OK;
}

/* Our own temporary files, and those of others, are no news. */
static bool
is_news(const struct inotify_event *event)
{
	return event->len == 0 || event->name[0] != '.';
}

static void
take_event(struct watcher *w, const struct inotify_event *event)
{
	for (size_t i = 0; i < w->n; i++) {
		if ((event->mask & IN_Q_OVERFLOW) || ((w->list[i].wd[0] == event->wd || w->list[i].wd[1] == event->wd) && is_news(event)))
			w->list[i].changed = true;
	}
}

static void
take_events(struct watcher *w)
{
	_Alignas(struct inotify_event) char events[8192];
	ssize_t n;

	while (w->fd >= 0 && (n = read(w->fd, events, sizeof events)) > 0) {
		for (ssize_t at = 0; at < n;) {
			struct inotify_event event;

			memcpy(&event, events + at, sizeof event);
			take_event(w, (const struct inotify_event *)(const void *)(events + at));
			at += (ssize_t)(sizeof event + event.len);
		}
	}
}

enum err
local_noticed(struct backend_session *s, struct arena *a, struct backend_keys *folders_r, struct backend_watch *w_r, struct error *e)
{
	struct watcher *w = s->watcher;

	memset(folders_r, 0, sizeof *folders_r);
	if (!w)
		return err_set(e, ERR_INTERNAL, "nothing is watched");
	how_to_wait(w, w_r);
	folders_r->list = arena_array(a, w->n, sizeof *folders_r->list);
	if (!folders_r->list)
		return err_set(e, ERR_NOMEM, "out of memory");
	take_events(w);
	for (size_t i = 0; i < w->n; i++) {
		struct seen *seen = &w->list[i];

		/* Asking costs the caller little where nothing changed: changes() says so at once. */
		if (!seen->changed && !w->polling)
			continue;
		folders_r->list[folders_r->n] = arena_strdup(a, seen->key);
		if (!folders_r->list[folders_r->n])
			return err_set(e, ERR_NOMEM, "out of memory");
		folders_r->n++;
		seen->changed = false;
	}
	return ERR_OK;
}
