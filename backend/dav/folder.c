/* Collections made, renamed and deleted: MKCALENDAR (RFC 4791, 5.3.1), extended MKCOL (RFC 5689), PROPPATCH, DELETE. */
#include <openssl/evp.h>
#include <string.h>

#include "backend/dav/href.h"
#include "backend/dav/session.h"
#include "base/text.h"

#define TRIES 8 /* names for a new collection */
#define NAME_BYTES_MAX 1000

static const char *
component_of(enum backend_class class)
{
	return class == BACKEND_TASKS ? "VTODO" : "VEVENT";
}

static bool
offers(const struct backend_session *s, enum backend_class class)
{
	return s->b->kind->id == DAV_CALENDARS ? class == BACKEND_CALENDAR || class == BACKEND_TASKS : class == BACKEND_CONTACTS;
}

/* ---- make ---- */

/* A path segment that says something to people, and is the same for the same folder, so that a repeat finds it. */
static const char *
slug(struct arena *a, const char *name, enum backend_class class, unsigned attempt)
{
	char word[33];
	size_t n = 0;
	for (const char *p = name; *p && n < sizeof word - 1; p++) {
		char c = *p >= 'A' && *p <= 'Z' ? (char)(*p - 'A' + 'a') : *p;
		if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'))
			word[n++] = c;
		else if (n > 0 && word[n - 1] != '-')
			word[n++] = '-';
	}
	while (n > 0 && word[n - 1] == '-')
		n--;
	word[n] = '\0';
	unsigned char digest[32];
	char hex[9];
	const char *seed = arena_printf(a, "%d %u %s", (int)class, attempt, name);
	if (!seed || EVP_Digest(seed, strlen(seed), digest, NULL, EVP_sha256(), NULL) != 1)
		return NULL;
	text_hex(digest, 4, hex);
	return arena_printf(a, "%s%s%s/", word, n ? "-" : "", hex);
}

static void
make_body(struct backend_session *s, struct buf *body, const char *name, enum backend_class class, bool mkcalendar)
{
	bool calendar = s->b->kind->id == DAV_CALENDARS;
	const char *root = mkcalendar ? "C:mkcalendar" : "D:mkcol";
	dav_xml_begin(body, root);
	buf_add_str(body, "<D:set><D:prop>");
	if (!mkcalendar)
		buf_printf(body, "<D:resourcetype><D:collection/>%s</D:resourcetype>",
			calendar ? "<C:calendar/>" : "<A:addressbook/>");
	buf_add_str(body, "<D:displayname>");
	dav_xml_text(body, name);
	buf_add_str(body, "</D:displayname>");
	if (calendar)
		buf_printf(body, "<C:supported-calendar-component-set><C:comp name=\"%s\"/></C:supported-calendar-component-set>",
			component_of(class));
	buf_add_str(body, "</D:prop></D:set>");
	dav_xml_end(body, root);
}

static enum err
make_request(struct backend_session *s, struct arena *a, const char *path, const char *name, enum backend_class class,
	bool mkcalendar, struct dav_answer *answer_r, struct error *e)
{
	struct buf body AUTO(buf_finish);
	buf_init(&body, 0);
	make_body(s, &body, name, class, mkcalendar);
	if (!buf_ok(&body))
		return dav_nomem(e);
	struct dav_request r = {
		.method = mkcalendar ? "MKCALENDAR" : "MKCOL",
		.path = path,
		.depth = DAV_NO_DEPTH,
		.content_type = DAV_XML,
		.body = buf_slice(&body),
	};
	return dav_http_run(s->http, a, &r, answer_r, e);
}

/* EXISTS: something has this path already. UNSUPPORTED: not by this method. */
static enum err
make_by(struct backend_session *s, struct arena *a, const char *path, const char *name, enum backend_class class,
	bool mkcalendar, struct error *e)
{
	struct dav_answer answer;
	struct dav_response there;
	enum err err = make_request(s, a, path, name, class, mkcalendar, &answer, e);
	if (err)
		return err;
	if (answer.status == 200 || answer.status == 201)
		return ERR_OK;
	/* RFC 4918, 9.3.1: 405 where there is something; servers say 403 and 409 too, and 405 of the method: so look. */
	if (answer.status == 405 || answer.status == 403 || answer.status == 409) {
		err = dav_propget(s, a, path, "<D:resourcetype/>", &there, e);
		if (!err)
			return err_set(e, ERR_EXISTS, "%s: the collection exists", s->b->kind->name);
		if (err != ERR_NOTFOUND && err != ERR_DENIED)
			return err;
	}
	err = dav_unexpected(s, mkcalendar ? "MKCALENDAR" : "MKCOL", &answer, e);
	return answer.status == 405 || answer.status == 415 ? ERR_UNSUPPORTED : err;
}

static enum err
make_at(struct backend_session *s, struct arena *a, const char *path, const char *name, enum backend_class class,
	struct error *e)
{
	bool calendar = s->b->kind->id == DAV_CALENDARS;
	enum err err = make_by(s, a, path, name, class, calendar, e);
	return calendar && err == ERR_UNSUPPORTED ? make_by(s, a, path, name, class, false, e) : err;
}

static const char *
folder_key(struct arena *a, const struct dav_collection *c, enum backend_class class)
{
	return arena_printf(a, "%s%s", c->path, class == BACKEND_TASKS && dav_is_mixed(c) ? DAV_TASKS : "");
}

static bool
shows(const struct dav_collection *c, enum backend_class class)
{
	return class == BACKEND_CONTACTS || (c->components & (class == BACKEND_TASKS ? DAV_VTODO : DAV_VEVENT));
}

/* One's own collection of this name and class: what an earlier try, or another device, has made. */
static const struct dav_collection *
find_named(struct backend_session *s, const char *name, enum backend_class class)
{
	for (struct dav_collection *c = s->collections; c; c = c->next)
		if (!c->shared && strcmp(c->name, name) == 0 && shows(c, class))
			return c;
	return NULL;
}

static const struct dav_collection *
find_at(struct backend_session *s, struct arena *a, const char *path)
{
	const char *canonical = dav_path_canonical(a, path);
	for (struct dav_collection *c = s->collections; canonical && c; c = c->next)
		if (strcmp(c->canonical, canonical) == 0)
			return c;
	return NULL;
}

/* Whether what stands at the path of a new folder was made for it by a try whose answer was lost, and has no name yet or this one. */
static bool
was_made(struct backend_session *s, struct arena *a, const char *path, const char *name, enum backend_class class)
{
	const struct dav_collection *c = find_at(s, a, path);
	return c && !c->shared && shows(c, class) && (strcmp(c->name, name) == 0 || strcmp(c->name, dav_path_last(a, path)) == 0);
}

/* The first free path; stores the path of what was made. */
static enum err
make_anywhere(struct backend_session *s, struct arena *a, const char *name, enum backend_class class, const char **path_r,
	struct error *e)
{
	const char *home = s->homes[0];
	enum err err = ERR_EXISTS;
	for (unsigned attempt = 0; err == ERR_EXISTS && attempt < TRIES; attempt++) {
		const char *last = slug(a, name, class, attempt);
		*path_r = last ? arena_printf(a, "%s%s%s", home, text_ends(home, "/") ? "" : "/", last) : NULL;
		err = *path_r ? make_at(s, a, *path_r, name, class, e) : dav_nomem(e);
		if (err != ERR_EXISTS)
			break;
		enum err listed = dav_collections(s, e);
		if (listed || was_made(s, a, *path_r, name, class))
			return listed;
	}
	return err;
}

static enum err
set_name(struct backend_session *s, struct arena *a, const char *path, const char *name, struct error *e);

/* Whoever reads it again may take no longer one, and we none beyond 8 kB: such a collection would have another name the next time. */
static enum err
check_name(const struct backend_session *s, const char *name, struct error *e)
{
	if (strlen(name) > NAME_BYTES_MAX)
		return err_set(e, ERR_LIMIT, "%s: the name of the folder is too long", s->b->kind->name);
	return ERR_OK;
}

enum err
dav_folder_make(struct backend_session *s, struct arena *a, const char *parent, const char *name, enum backend_class class,
	const char **key_r, struct error *e)
{
	const char *path;
	dav_http_begin(s->http);
	if (!offers(s, class) || parent || s->home_is_collection)
		return err_set(e, ERR_UNSUPPORTED, "%s: no folder of this class can be made there", s->b->kind->name);
	enum err err = check_name(s, name, e);
	err = err ? err : dav_collections(s, e);
	const struct dav_collection *c = err ? NULL : find_named(s, name, class);
	if (c) {
		*key_r = folder_key(a, c, class);
		return *key_r ? err_set(e, ERR_EXISTS, "%s: there is a folder of this name", s->b->kind->name) : dav_nomem(e);
	}
	if (!err)
		err = make_anywhere(s, a, name, class, &path, e);
	if (!err)
		err = dav_collections(s, e);
	if (err)
		return err;
	c = find_at(s, a, path);
	if (!c)
		return err_set(e, ERR_PEER, "%s: the new collection is not in its home", s->b->kind->name);
	/* Servers that take no properties with MKCALENDAR have named it otherwise. */
	if (strcmp(c->name, name) != 0 && (err = set_name(s, a, c->path, name, e)))
		return err;
	*key_r = folder_key(a, c, class);
	return *key_r ? ERR_OK : dav_nomem(e);
}

/* ---- rename ---- */

static enum err
on_patched(void *ctx, const struct dav_response *r)
{
	unsigned *refused = ctx;
	if (r->refused && r->refused != 424)
		*refused = r->refused;
	else if (r->status >= 300)
		*refused = r->status;
	return ERR_OK;
}

static enum err
set_name(struct backend_session *s, struct arena *a, const char *path, const char *name, struct error *e)
{
	struct buf body AUTO(buf_finish);
	struct dav_answer answer;
	unsigned refused = 0;
	buf_init(&body, 0);
	dav_xml_begin(&body, "D:propertyupdate");
	buf_add_str(&body, "<D:set><D:prop><D:displayname>");
	dav_xml_text(&body, name);
	buf_add_str(&body, "</D:displayname></D:prop></D:set>");
	dav_xml_end(&body, "D:propertyupdate");
	struct dav_ask ask = { "PROPPATCH", path, DAV_NO_DEPTH, &body, on_patched, &refused, NULL, NULL };
	enum err err = dav_ask(s, a, &ask, &answer, e);
	if (err)
		return err;
	if (refused)
		answer.status = (long)refused;
	if (answer.status >= 200 && answer.status < 300)
		return ERR_OK;
	err = dav_unexpected(s, "PROPPATCH", &answer, e);
	return err == ERR_NOTFOUND ? err_set(e, ERR_NOFOLDER, "%s: the collection is gone", s->b->kind->name) : err;
}

enum err
dav_folder_rename(struct backend_session *s, struct arena *a, const char *key, const char *parent, const char *name,
	const char **key_r, struct error *e)
{
	struct dav_folder f;
	dav_http_begin(s->http);
	if (parent)
		return err_set(e, ERR_UNSUPPORTED, "%s: folders do not stand in each other", s->b->kind->name);
	enum err err = check_name(s, name, e);
	err = err ? err : dav_folder_find(s, key, &f, e);
	if (!err)
		err = set_name(s, a, f.c->path, name, e);
	if (err)
		return err;
	*key_r = arena_strdup(a, key);
	arena_free(&s->listed); /* the name that is known is the old one */
	s->collections = NULL;
	return *key_r ? ERR_OK : dav_nomem(e);
}

/* ---- remove ---- */

/* Of a collection with events and tasks a phone knows one folder as one thing: the other half must not go with it. */
static enum err
check_other_half(struct backend_session *s, struct arena *a, const struct dav_folder *f, struct error *e)
{
	bool any = false;
	if (!f->show)
		return ERR_OK;
	enum err err = dav_component_any(s, a, f->c, f->show == DAV_VTODO ? DAV_VEVENT : DAV_VTODO, &any, e);
	if (err == ERR_UNSUPPORTED || any)
		return err_set(e, ERR_DENIED, "%s: the collection holds %s too", s->b->kind->name,
			f->show == DAV_VTODO ? "events" : "tasks");
	return err;
}

enum err
dav_folder_remove(struct backend_session *s, const char *key, struct error *e)
{
	struct dav_folder f;
	struct dav_answer answer;
	dav_http_begin(s->http);
	enum err err = dav_folder_find(s, key, &f, e);
	if (err)
		return err;
	struct arena *a = arena_new(8 * 1024 * 1024);
	if (!a)
		return dav_nomem(e);
	err = check_other_half(s, a, &f, e);
	struct dav_request r = { .method = "DELETE", .path = f.c->path, .depth = DAV_NO_DEPTH };
	if (!err)
		err = dav_http_run(s->http, a, &r, &answer, e);
	if (!err && (answer.status < 200 || answer.status > 299 || answer.status == 207))
		err = dav_unexpected(s, "DELETE", &answer, e);
	if (err == ERR_NOTFOUND)
		err = err_set(e, ERR_NOFOLDER, "%s: the collection is gone already", s->b->kind->name);
	arena_free(&a);
	if (!err || err == ERR_NOFOLDER) {
		arena_free(&s->listed);
		s->collections = NULL;
	}
	return err;
}
