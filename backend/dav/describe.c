/* What `cpush -t -u USER` says of the service. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "backend/dav/session.h"
#include "base/text.h"

#define STATES_MAX (1024 * 1024)

struct saying {
	struct backend_session *s;
	backend_say_fn say;
	void *ctx;
};

static void PRINTF(3, 4)
say(struct saying *t, bool ok, const char *fmt, ...)
{
	char text[512];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	t->say(t->ctx, ok, text);
}

/* How a poll sees that something changed. */
static void
describe_state(struct saying *t, struct arena *a, const struct dav_collection *c)
{
	struct dav_response r;
	struct error why = { 0 };
	if (dav_propget(t->s, a, c->path, "<S:getctag/><D:sync-token/>", &r, &why))
		say(t, false, "%s cannot be polled: %s", c->path, why.text);
	else if (!r.text[DAV_CTAG] && !r.text[DAV_SYNC_TOKEN])
		say(t, false, "%s tells neither ctag nor sync-token: each poll looks through all of it", c->path);
}

static void
describe_collection(struct saying *t, const struct dav_collection *c)
{
	bool calendars = t->s->b->kind->id == DAV_CALENDARS;
	const char *what = !calendars                  ? "address book" :
			   dav_is_mixed(c)             ? "calendar and task list" :
			   c->components & DAV_VEVENT  ? "calendar" :
							 "task list";
	const char *is_default = c == dav_default(t->s, !calendars		   ? BACKEND_CONTACTS :
						       c->components & DAV_VEVENT ? BACKEND_CALENDAR :
										    BACKEND_TASKS) ?
					 ", the default" :
					 "";
	say(t, true, "%s \"%s\" at %s%s%s%s, changes by %s", what, c->name, c->path, is_default,
		c->readonly ? ", read-only" : "", c->shared ? ", shared" : "", c->has_sync ? "sync-collection" : "listing");
}

static enum err
describe_collections(struct saying *t, struct error *e)
{
	struct arena *a = arena_new(STATES_MAX);
	if (!a)
		return dav_nomem(e);
	if (!t->s->collections)
		say(t, false, "there is no collection in the home");
	for (const struct dav_collection *c = t->s->collections; c; c = c->next) {
		struct arena_mark m = arena_mark(a);
		if (!dav_is_shown(t->s, c))
			continue;
		describe_collection(t, c);
		dav_http_begin(t->s->http);
		describe_state(t, a, c);
		arena_rewind(a, m);
	}
	arena_free(&a);
	return ERR_OK;
}

/* Nobody listens in between there. */
static bool
is_this_host(const char *origin)
{
	const char *host = strstr(origin, "://") + 3;
	size_t n = strcspn(host, "/");
	const char *port = memchr(host, ']', n);

	n = port ? (size_t)(port - host) + 1 : strcspn(host, ":/");
	return text_starts(host, "127.") || (n == 9 && text_casestarts(host, "localhost")) || (n == 5 && text_starts(host, "[::1]"));
}

static void
describe_place(struct saying *t)
{
	struct backend_session *s = t->s;
	say(t, true, "login name %s, by %s", s->user, s->b->http.origin);
	if (strncmp(s->b->http.origin, "http:", 5) == 0 && !is_this_host(s->b->http.origin))
		say(t, false, "the connection is not encrypted (url is http://)");
	else if (!s->b->set.verify)
		say(t, false, "the server's certificate is not checked (tls_verify = no)");
	say(t, true, "principal: %s", s->principal ? s->principal : "not told");
	for (size_t i = 0; i < s->n_homes; i++)
		say(t, true, "%s: %s", s->b->templated ? "home as configured" : "home", s->homes[i]);
	if (s->address)
		say(t, true, "mail address: %s", s->address);
}

enum err
dav_describe(struct backend_session *s, backend_say_fn fn, void *ctx, struct error *e)
{
	struct saying t = { s, fn, ctx };
	struct error why = { 0 };
	dav_http_begin(s->http);
	describe_place(&t);
	enum err err = dav_collections(s, &why);
	if (!err)
		err = dav_discover_default(s, &why);
	if (err) {
		say(&t, false, "%s", why.text);
		return err_set(e, err, "%s", why.text);
	}
	return describe_collections(&t, e);
}
