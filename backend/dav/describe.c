/* What `cpush -t -u USER` says of the service. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "backend/dav/session.h"
#include "base/text.h"

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
		c->readonly ? ", read-only" : "", c->shared ? ", shared" : "",
		c->has_sync ? "sync-collection" :
		c->ctag	    ? "ctag and listing" :
			      "listing");
	if (!c->sync_token && !c->ctag)
		say(t, false, "%s tells neither ctag nor sync-token: each poll looks through all of it", c->path);
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
	if (!s->collections)
		say(&t, false, "there is no collection in the home");
	for (const struct dav_collection *c = s->collections; c; c = c->next)
		if (dav_is_shown(s, c))
			describe_collection(&t, c);
	return ERR_OK;
}
