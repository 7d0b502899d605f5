/* The collections of the homes, and what folders they are to the core. */
#include "backend/dav/href.h"
#include "backend/dav/session.h"

#include <openssl/evp.h>
#include <string.h>

#include "base/hash.h"
#include "base/text.h"

#define COLLECTIONS_MAX 5000
#define LISTED_MAX (32 * 1024 * 1024) /* bytes of what is known of all collections */
/* Neither sync-token nor getctag: to some servers (Radicale) each is a look through all items, and fails where one of them cannot be read. */
#define COLLECTION_PROPS \
	"<D:resourcetype/><D:displayname/><D:owner/><D:current-user-privilege-set/><D:supported-report-set/>" \
	"<C:supported-calendar-component-set/>"

/* ---- reading them ---- */

struct listing {
	struct backend_session *s;
	struct arena *a;
	const char *home;
	struct dav_collection **last;
	unsigned n;
};

/* What this module may show: no principals, trash bins, inboxes, plain directories, nor journals. */
static bool
is_ours(const struct backend_session *s, const struct dav_response *r)
{
	unsigned type = s->b->kind->id == DAV_CALENDARS ? DAV_TYPE_CALENDAR : DAV_TYPE_ADDRESSBOOK;
	if (!(r->types & type) || (r->types & DAV_TYPE_NOT_ONES_OWN))
		return false;
	return !r->has_components || (r->components & (DAV_VEVENT | DAV_VTODO));
}

static unsigned
components_of(const struct backend_session *s, const struct dav_response *r)
{
	if (s->b->kind->id != DAV_CALENDARS)
		return 0;
	/* RFC 4791, 5.2.3: without the property all kinds are accepted. An empty one, which Radicale gives address books, says as little. */
	return r->has_components ? r->components : DAV_VEVENT | DAV_VTODO | DAV_VJOURNAL;
}

static const char *
text_or_null(struct arena *a, const char *text)
{
	return text && *text ? arena_strdup(a, text) : NULL;
}

static bool
is_shared(struct backend_session *s, struct arena *a, const struct dav_response *r)
{
	if (r->types & DAV_TYPE_SHARED)
		return true;
	const char *owner = r->link[DAV_OWNER][0];
	const char *path = owner ? dav_href_path(a, s->b->http.origin, r->href, owner) : NULL;
	return path && s->principal && !dav_path_same(a, path, s->principal);
}

static const char *
with_slash(struct arena *a, const char *path)
{
	return text_ends(path, "/") ? path : arena_printf(a, "%s/", path);
}

static struct dav_collection *
find(struct backend_session *s, const char *canonical)
{
	uint64_t hash = hash_text(HASH_START, canonical);
	struct dav_collection *c = s->collections;
	while (c && (c->hash != hash || strcmp(c->canonical, canonical) != 0))
		c = c->next;
	return c;
}

static enum err
on_collection(void *ctx, const struct dav_response *r)
{
	struct listing *l = ctx;
	struct arena *a = l->a;
	const char *path = is_ours(l->s, r) ? dav_answer_path(l->s, a, l->home, r->href) : NULL;
	if (!path || strlen(path) + strlen(DAV_TASKS) + 1 > BACKEND_KEY_MAX)
		return ERR_OK;
	if (l->n++ == COLLECTIONS_MAX)
		return ERR_LIMIT;
	struct dav_collection *c = arena_alloc(a, sizeof *c);
	if (!c || !(c->path = with_slash(a, path)) || !(c->canonical = dav_path_canonical(a, path)))
		return ERR_NOMEM;
	if (find(l->s, c->canonical))
		return ERR_OK; /* two homes may show one collection */
	c->hash = hash_text(HASH_START, c->canonical);
	c->name = text_or_null(a, r->text[DAV_DISPLAYNAME]);
	if (!c->name || !text_is_utf8(c->name, strlen(c->name)))
		c->name = text_to_utf8(a, dav_path_last(a, path), strlen(dav_path_last(a, path)));
	if (!c->name || !*c->name)
		c->name = l->s->b->kind->id == DAV_CALENDARS ? "Calendar" : "Contacts";
	c->components = components_of(l->s, r);
	c->readonly = r->has_privileges && !r->may_write;
	c->shared = is_shared(l->s, a, r);
	c->has_sync = r->syncs || !r->has_reports; /* where the server does not say, it is tried */
	c->inbox = l->s->inbox && dav_path_same(a, path, l->s->inbox);
	c->outbox = l->s->outbox && dav_path_same(a, path, l->s->outbox);
	*l->last = c;
	l->last = &c->next;
	return ERR_OK;
}

enum err
dav_collections(struct backend_session *s, struct error *e)
{
	struct arena *a = arena_new(LISTED_MAX);
	if (!a)
		return dav_nomem(e);
	struct dav_collection *old = s->collections;
	struct listing l = { .s = s, .a = a, .last = &s->collections };
	enum err err = ERR_OK;
	s->collections = NULL;
	for (size_t i = 0; !err && i < s->n_homes; i++) {
		l.home = s->homes[i];
		err = dav_propfind(s, a, l.home, s->home_is_collection ? 0 : 1, COLLECTION_PROPS, on_collection, &l, e);
		/* One of several homes may be somebody's that is no more. */
		if (s->n_homes > 1 && (err == ERR_NOTFOUND || err == ERR_DENIED))
			err = ERR_OK;
	}
	if (err) {
		s->collections = old;
		arena_free(&a);
		return err == ERR_NOTFOUND ? err_set(e, ERR_PEER, "%s: the home is gone", s->b->kind->name) : err;
	}
	arena_free(&s->listed);
	s->listed = a;
	return ERR_OK;
}

/* ---- folders ---- */

bool
dav_is_shown(const struct backend_session *s, const struct dav_collection *c)
{
	bool is_default = s->default_calendar && strcmp(c->canonical, s->default_calendar) == 0;
	return !c->inbox && (!c->outbox || is_default);
}

bool
dav_is_mixed(const struct dav_collection *c)
{
	return (c->components & (DAV_VEVENT | DAV_VTODO)) == (DAV_VEVENT | DAV_VTODO);
}

enum err
dav_folder_find(struct backend_session *s, const char *key, struct dav_folder *f_r, struct error *e)
{
	bool tasks = text_ends(key, DAV_TASKS);
	struct arena *a = arena_new(64 * 1024);
	char *path = a ? arena_strndup(a, key, strlen(key) - (tasks ? strlen(DAV_TASKS) : 0)) : NULL;
	char *canonical = path ? dav_path_canonical(a, path) : NULL;
	enum err err = canonical ? ERR_OK : dav_nomem(e);
	struct dav_collection *c = canonical && s->listed ? find(s, canonical) : NULL;
	if (!err && !c && !(err = dav_collections(s, e)))
		c = find(s, canonical);
	arena_free(&a);
	if (err)
		return err;
	if (!c || (tasks && !dav_is_mixed(c)))
		return err_set(e, ERR_NOFOLDER, "%s: no such collection", s->b->kind->name);
	*f_r = (struct dav_folder){ c, dav_is_mixed(c) ? (tasks ? DAV_VTODO : DAV_VEVENT) : 0 };
	return ERR_OK;
}

/* How much a collection looks like the one where new things belong; negative: not at all. */
static int
default_score(struct backend_session *s, struct arena *a, const struct dav_collection *c, enum backend_class class)
{
	static const char *const calendars[] = { "personal", "default", "calendar", "home", "events", NULL };
	static const char *const tasks[] = { "tasks", "todo", "personal", "default", "calendar", NULL };
	static const char *const contacts[] = { "contacts", "default", "addressbook", "personal", "card", NULL };
	unsigned needs = class == BACKEND_CALENDAR ? DAV_VEVENT : class == BACKEND_TASKS ? DAV_VTODO : 0;
	if (!dav_is_shown(s, c) || c->readonly || c->shared || (c->components & needs) != needs)
		return -1;
	int score = s->default_calendar && strcmp(c->canonical, s->default_calendar) == 0 ? 100 : 0;
	const char *const *names = class == BACKEND_CALENDAR ? calendars : class == BACKEND_TASKS ? tasks : contacts;
	const char *last = dav_path_last(a, c->path);
	for (int i = 0; names[i]; i++)
		if (text_casecmp(last, names[i]) == 0)
			return score + 10 - i;
	return score;
}

const struct dav_collection *
dav_default(struct backend_session *s, enum backend_class class)
{
	const struct dav_collection *best = NULL;
	struct arena *a = arena_new(64 * 1024);
	int most = 0;
	for (struct dav_collection *c = a ? s->collections : NULL; c; c = c->next) {
		struct arena_mark m = arena_mark(a);
		int score = default_score(s, a, c, class);
		arena_rewind(a, m);
		if (score <= most)
			continue;
		most = score;
		best = c;
	}
	arena_free(&a);
	return best;
}

static enum err
add_folder(struct arena *a, struct backend_folders *f, const struct dav_collection *c, enum backend_class class, bool is_default)
{
	bool second = class == BACKEND_TASKS && dav_is_mixed(c);
	struct backend_folder *folder = &f->list[f->n++];
	*folder = (struct backend_folder){
		.key = arena_printf(a, "%s%s", c->path, second ? DAV_TASKS : ""),
		.name = arena_strdup(a, c->name),
		.class = class,
		.role = is_default ? ROLE_DEFAULT : ROLE_NONE,
		.readonly = c->readonly,
		.shared = c->shared,
	};
	return folder->key && folder->name ? ERR_OK : ERR_NOMEM;
}

enum err
dav_folders(struct backend_session *s, struct arena *a, struct backend_folders *f_r, struct error *e)
{
	dav_http_begin(s->http);
	enum err err = dav_collections(s, e);
	if (!err)
		err = dav_discover_default(s, e);
	if (err)
		return err;
	size_t n = 0;
	for (struct dav_collection *c = s->collections; c; c = c->next)
		n += 2;
	*f_r = (struct backend_folders){ .list = arena_array(a, n, sizeof *f_r->list) };
	if (!f_r->list)
		return dav_nomem(e);
	bool calendars = s->b->kind->id == DAV_CALENDARS;
	const struct dav_collection *first = dav_default(s, calendars ? BACKEND_CALENDAR : BACKEND_CONTACTS);
	const struct dav_collection *tasks = calendars ? dav_default(s, BACKEND_TASKS) : NULL;
	for (struct dav_collection *c = s->collections; !err && c; c = c->next) {
		if (!dav_is_shown(s, c))
			continue;
		if (!calendars)
			err = add_folder(a, f_r, c, BACKEND_CONTACTS, c == first);
		if (c->components & DAV_VEVENT)
			err = add_folder(a, f_r, c, BACKEND_CALENDAR, c == first);
		if (!err && (c->components & DAV_VTODO))
			err = add_folder(a, f_r, c, BACKEND_TASKS, c == tasks);
	}
	return err ? dav_nomem(e) : ERR_OK;
}

/* ---- items ---- */

const char *
dav_item_path(struct arena *a, const struct dav_collection *c, const char *key)
{
	if (!*key || strchr(key, '/') || dav_path_climbs(key))
		return NULL;
	return arena_printf(a, "%s%s", c->path, key);
}

const char *
dav_item_key(struct arena *a, const struct dav_collection *c, const char *path)
{
	const char *key = dav_path_in(a, c->canonical, path);
	if (!key || strchr(key, '/') || strlen(key) > BACKEND_KEY_MAX || dav_path_climbs(key))
		return NULL;
	return key;
}

const char *
dav_version(struct arena *a, const char *etag)
{
	if (!etag)
		return "";
	if (strlen(etag) <= BACKEND_VERSION_MAX)
		return arena_strdup(a, etag);
	unsigned char digest[32];
	char hex[2 * sizeof digest + 1];
	if (EVP_Digest(etag, strlen(etag), digest, NULL, EVP_sha256(), NULL) != 1)
		return "";
	text_hex(digest, sizeof digest, hex);
	return arena_printf(a, "#%s", hex);
}

bool
dav_version_strong(const char *version)
{
	/* RFC 9110, 8.8.3. Some servers leave the quotes out; sent back as it came it is theirs to know. */
	return *version && !text_starts(version, "W/") && *version != '#' && !strpbrk(version, "\r\n");
}

enum err
dav_listed_add(struct arena *a, struct dav_listed *l, const char *key, const char *version, bool gone)
{
	if (l->n == l->room) {
		size_t room = l->room ? l->room * 2 : 64;
		struct backend_change *list = arena_array(a, room, sizeof *list);
		if (!list)
			return ERR_NOMEM;
		if (l->n)
			memcpy(list, l->list, l->n * sizeof *list);
		l->list = list;
		l->room = room;
	}
	struct backend_change *c = &l->list[l->n++];
	*c = (struct backend_change){ .key = arena_strdup(a, key), .date = BACKEND_NO_DATE, .gone = gone };
	c->version = gone ? NULL : dav_version(a, version);
	return c->key && (gone || c->version) ? ERR_OK : ERR_NOMEM;
}
