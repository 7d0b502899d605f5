/* From the configured address to the principal and its homes (RFC 5397, RFC 6764 section 6, RFC 4791 6.2.1, RFC 6352 7.1.1). */
#include <string.h>

#include "backend/dav/href.h"
#include "backend/dav/session.h"
#include "base/text.h"

#define PRINCIPAL_PROPS \
	"<D:current-user-principal/><D:resourcetype/><C:calendar-home-set/><A:addressbook-home-set/>" \
	"<C:calendar-user-address-set/><C:schedule-inbox-URL/><C:schedule-outbox-URL/><D:displayname/>"

static enum dav_link_prop
home_prop(const struct backend_session *s)
{
	return s->b->kind->id == DAV_CALENDARS ? DAV_CALENDAR_HOME : DAV_ADDRESSBOOK_HOME;
}

static unsigned
own_type(const struct backend_session *s)
{
	return s->b->kind->id == DAV_CALENDARS ? DAV_TYPE_CALENDAR : DAV_TYPE_ADDRESSBOOK;
}

/* ---- what a resource says of the user ---- */

static enum err
take_homes(struct backend_session *s, const struct dav_response *r, struct error *e)
{
	const char *const *hrefs = r->link[home_prop(s)];
	const char *elsewhere = NULL;
	for (size_t i = 0; hrefs[i] && s->n_homes < DAV_HOMES_MAX; i++) {
		const char *path = dav_href_path(s->arena, s->b->http.origin, r->href, hrefs[i]);
		if (path)
			s->homes[s->n_homes++] = path;
		else
			elsewhere = hrefs[i];
	}
	if (elsewhere && s->n_homes == 0)
		return err_set(e, ERR_PEER, "%s: the home is at another server (%.80s): set url so", s->b->kind->name, elsewhere);
	return ERR_OK;
}

static void
take_identity(struct backend_session *s, const struct dav_response *r)
{
	if (r->text[DAV_DISPLAYNAME] && *r->text[DAV_DISPLAYNAME])
		s->name = arena_strdup(s->arena, r->text[DAV_DISPLAYNAME]);
	for (size_t i = 0; !s->address && r->link[DAV_ADDRESSES][i]; i++)
		if (text_casestarts(r->link[DAV_ADDRESSES][i], "mailto:"))
			s->address = arena_strdup(s->arena, r->link[DAV_ADDRESSES][i] + strlen("mailto:"));
	if (r->link[DAV_INBOX][0])
		s->inbox = dav_href_path(s->arena, s->b->http.origin, r->href, r->link[DAV_INBOX][0]);
	if (r->link[DAV_OUTBOX][0])
		s->outbox = dav_href_path(s->arena, s->b->http.origin, r->href, r->link[DAV_OUTBOX][0]);
}

/* The principal itself says where its homes are. */
static enum err
ask_principal(struct backend_session *s, struct error *e)
{
	struct dav_response r;
	enum err err = dav_propget(s, s->arena, s->principal, PRINCIPAL_PROPS, &r, e);
	if (err)
		return err;
	take_identity(s, &r);
	return take_homes(s, &r, e);
}

/* ---- steps ---- */

/* Asks the resource who the user is and where the homes are. Done once a home is known. */
static enum err
ask_resource(struct backend_session *s, const char *path, struct dav_response *r_r, struct error *e)
{
	enum err err = dav_propget(s, s->arena, path, PRINCIPAL_PROPS, r_r, e);
	if (err)
		return err;
	if (r_r->link[DAV_PRINCIPAL][0])
		s->principal = dav_href_path(s->arena, s->b->http.origin, r_r->href, r_r->link[DAV_PRINCIPAL][0]);
	if (r_r->link[home_prop(s)][0]) {
		take_identity(s, r_r);
		return take_homes(s, r_r, e);
	}
	return s->principal ? ask_principal(s, e) : ERR_OK;
}

/* A failure that says nothing about other addresses of the server. */
static bool
may_go_on(enum err err)
{
	return err == ERR_OK || err == ERR_NOTFOUND || err == ERR_DENIED || err == ERR_PEER || err == ERR_UNSUPPORTED;
}

struct looks {
	unsigned type;
	bool any;
};

static enum err
on_child(void *ctx, const struct dav_response *r)
{
	struct looks *l = ctx;
	l->any = l->any || (r->types & l->type);
	return ERR_OK;
}

/* The address itself as the home: if it has collections of our kind in it, or is one. */
static enum err
try_as_home(struct backend_session *s, const struct dav_response *r, struct error *e)
{
	const char *path = r->href ? r->href : s->base;
	struct looks l = { .type = own_type(s) };
	s->home_is_collection = (r->types & own_type(s)) != 0;
	if (!s->home_is_collection) {
		enum err err = dav_propfind(s, s->arena, path, 1, "<D:resourcetype/>", on_child, &l, e);
		if (err)
			return err;
	}
	if (s->home_is_collection || l.any)
		s->homes[s->n_homes++] = path;
	return ERR_OK;
}

static char *
expand_base(struct backend_session *s, const char *login)
{
	struct arena *a = s->arena;
	struct buf out AUTO(buf_finish);
	buf_init(&out, 8192);
	for (const char *p = dav_url_path(s->b->set.url); *p; p++) {
		char escape[3] = { '%', dav_template_at(p), '\0' };
		if (!escape[1]) {
			buf_add_byte(&out, (unsigned char)*p);
			continue;
		}
		const char *value = text_expand(a, escape, login, s->b->domain);
		const char *escaped = value ? text_percent(a, value, "@") : NULL;
		if (!escaped)
			return NULL;
		buf_add_str(&out, escaped);
		p++;
	}
	const char *path = buf_str(&out);
	return path ? arena_strdup(a, path) : NULL;
}

/* url names the user: it is the home. Who the principal is, is asked all the same: for the identity and the default. */
static enum err
discover_fixed(struct backend_session *s, struct error *e)
{
	struct dav_response r = { 0 };
	enum err err = ask_resource(s, s->base, &r, e);
	s->n_homes = 0;
	if (!err || (r.href && may_go_on(err)))
		err = try_as_home(s, &r, e);
	if (err == ERR_NOTFOUND || (!err && s->n_homes == 0))
		return err_set(e, ERR_PEER, "%s: there is no collection at url for this user", s->b->kind->name);
	return err;
}

static enum err
no_home(struct backend_session *s, struct error *e)
{
	return err_set(e, ERR_PEER, "%s: the server names no %s for this user", s->b->kind->name,
		s->b->kind->id == DAV_CALENDARS ? "calendar-home-set" : "addressbook-home-set");
}

/* url, then the well-known address, then url as the home itself. */
static enum err
discover_any(struct backend_session *s, struct error *e)
{
	struct dav_response r = { 0 }, known = { 0 };
	struct error first = { 0 };
	enum err err = ask_resource(s, s->base, &r, &first);
	if (s->n_homes == 0 && may_go_on(err)) {
		enum err next = ask_resource(s, s->b->kind->well_known, &known, e);
		if (s->n_homes || !may_go_on(next))
			return next;
	}
	if (err)
		return err_set(e, err == ERR_NOTFOUND ? ERR_PEER : err, "%s", first.text);
	if (s->n_homes)
		return ERR_OK;
	err = try_as_home(s, &r, e);
	return err || s->n_homes ? err : no_home(s, e);
}

enum err
dav_discover(struct backend_session *s, const char *login, struct error *e)
{
	s->base = expand_base(s, login);
	if (!s->base)
		return dav_nomem(e);
	return s->b->templated ? discover_fixed(s, e) : discover_any(s, e);
}

enum err
dav_discover_default(struct backend_session *s, struct error *e)
{
	struct dav_response r;
	if (s->asked_default || !s->inbox || s->b->kind->id != DAV_CALENDARS)
		return ERR_OK;
	enum err err = dav_propget(s, s->arena, s->inbox, "<C:schedule-default-calendar-URL/>", &r, e);
	if (err && !may_go_on(err))
		return err;
	s->asked_default = true;
	const char *href = err ? NULL : r.link[DAV_DEFAULT_CALENDAR][0];
	const char *path = href ? dav_href_path(s->arena, s->b->http.origin, r.href, href) : NULL;
	if (path)
		s->default_calendar = dav_path_canonical(s->arena, path);
	return ERR_OK;
}
