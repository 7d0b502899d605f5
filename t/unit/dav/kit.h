/* What the tests of the DAV modules share: a module loaded as cpush loads it, pointed at a fake server, and a session. */
#ifndef T_UNIT_DAV_KIT_H
#define T_UNIT_DAV_KIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "backend/backend.h"
#include "fake.h"

struct kit {
	struct fake *fake;
	const struct backend_ops *ops;
	struct conf *conf;
	struct backend *b;
	struct backend_session *s;
	struct arena *a;
	struct error e;
	char log[64]; /* path of its file; "": not kept */
};

#define KIT_TEST(fn) cmocka_unit_test_setup_teardown(fn, kit_setup, kit_teardown)
#define WORK "/dav/calendars/alice/work/"
#define PLAIN "/dav/calendars/alice/plain/"
#define TAGGED "/dav/calendars/alice/tagged/"

/* Setup and teardown of cmocka: a fake server, nothing opened yet. */
int kit_setup(void **state);
int kit_teardown(void **state);

/* Loads the module and opens it; `path` is that of url, `more` further lines of its section (may be ""). */
enum err kit_open(struct kit *k, const char *module, const char *path, const char *more);
/* Opens with a configuration as it is written; %s of it stands for nothing. */
enum err kit_open_text(struct kit *k, const char *module, const char *text);
enum err kit_login(struct kit *k);

/* A session for alice of a server like Nextcloud with the home /dav/calendars/alice/ or /dav/addressbooks/alice/, all requests
 * of the login forgotten. */
void kit_session(struct kit *k, const char *module, const char *more);

/* The same with its collections (kit_calendars, ...) listed already. */
void kit_ready(struct kit *k, const char *module, const char *listing, const char *more);

/* From now on what is logged is kept. */
void kit_log(struct kit *k);
/* How often the text stands in the log; neither the password nor a body of the tests ("SECRET") may. */
unsigned kit_logged(struct kit *k, const char *text);

/* The result is this one, and every answer that was queued was asked for. */
void kit_expect(struct kit *k, enum err got, enum err want);
void kit_asked(struct kit *k, long i, const char *method, const char *path);

/* The collections of that home: sync-collection everywhere. */
extern const char kit_calendars[];      /* work (events, default), mixed (both), tasks, shared and read-only ones ... */
extern const char kit_calendars_bare[]; /* no sync-collection: plain has no ctag either, tagged has one, both holds events and tasks */
extern const char kit_addressbooks[];

/* A multistatus around responses. */
#define MULTI(inner) \
	"<?xml version=\"1.0\"?>\n<d:multistatus xmlns:d=\"DAV:\" xmlns:cal=\"urn:ietf:params:xml:ns:caldav\" " \
	"xmlns:card=\"urn:ietf:params:xml:ns:carddav\" xmlns:cs=\"http://calendarserver.org/ns/\" " \
	"xmlns:s=\"http://sabredav.org/ns\" xmlns:oc=\"http://owncloud.org/ns\" xmlns:nc=\"http://nextcloud.com/ns\">" inner \
	"</d:multistatus>"
#define RESPONSE(href, props) \
	"<d:response><d:href>" href "</d:href><d:propstat><d:prop>" props \
	"</d:prop><d:status>HTTP/1.1 200 OK</d:status></d:propstat></d:response>"
#define STATUS(href, status) "<d:response><d:href>" href "</d:href><d:status>HTTP/1.1 " status "</d:status></d:response>"
#define ETAG(etag) "<d:getetag>&quot;" etag "&quot;</d:getetag>"

/* Fetched items, copied. */
struct kit_items {
	struct arena *a;
	struct backend_item list[512];
	size_t n;
};
enum err kit_take(void *ctx, const struct backend_item *item);
const struct backend_item *kit_item(const struct kit_items *items, const char *key);

const struct backend_folder *kit_folder(const struct backend_folders *f, const char *key);
const struct backend_change *kit_change(const struct backend_changes *c, const char *key);

#endif
