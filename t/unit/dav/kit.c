#include "kit.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define HOME "/dav/calendars/alice/"
#define BOOKS "/dav/addressbooks/users/alice/"
#define CALENDAR "<d:resourcetype><d:collection/><cal:calendar/></d:resourcetype>"
#define COMPONENTS(inner) \
	"<cal:supported-calendar-component-set>" inner "</cal:supported-calendar-component-set>"
#define EVENT "<cal:comp name=\"VEVENT\"/>"
#define TODO "<cal:comp name=\"VTODO\"/>"
#define JOURNAL "<cal:comp name=\"VJOURNAL\"/>"
#define OWNER(who) "<d:owner><d:href>/dav/principals/users/" who "/</d:href></d:owner>"
#define REPORTS(inner) "<d:supported-report-set><d:supported-report><d:report>" inner "</d:report></d:supported-report></d:supported-report-set>"
#define SYNCS REPORTS("<d:sync-collection/>")
#define MAY(what) "<d:privilege><d:" what "/></d:privilege>"
#define WRITES "<d:current-user-privilege-set>" MAY("read") MAY("write") MAY("bind") "</d:current-user-privilege-set>"
#define READS "<d:current-user-privilege-set>" MAY("read") MAY("read-acl") "</d:current-user-privilege-set>"

const char kit_calendars[] = MULTI(
	RESPONSE(HOME, "<d:resourcetype><d:collection/></d:resourcetype>" OWNER("alice"))
	RESPONSE(HOME "inbox/", "<d:resourcetype><d:collection/><cal:schedule-inbox/></d:resourcetype>")
	RESPONSE(HOME "outbox/", "<d:resourcetype><d:collection/><cal:schedule-outbox/></d:resourcetype>")
	RESPONSE(HOME "trashbin/", "<d:resourcetype><d:collection/><nc:trash-bin/></d:resourcetype>")
	RESPONSE(HOME "old/", "<d:resourcetype><d:collection/><cal:calendar/><nc:deleted-calendar/></d:resourcetype>")
	RESPONSE(HOME "notifications/", "<d:resourcetype><d:collection/><cs:notification/></d:resourcetype>")
	RESPONSE(HOME "work/", CALENDAR "<d:displayname>Work &amp; more</d:displayname>" OWNER("alice") SYNCS WRITES
		COMPONENTS(EVENT))
	RESPONSE(HOME "personal/", CALENDAR "<d:displayname>Personal</d:displayname>" OWNER("alice") SYNCS WRITES
		COMPONENTS(EVENT TODO))
	RESPONSE(HOME "things/", CALENDAR "<d:displayname>Things to do</d:displayname>" OWNER("alice") SYNCS WRITES
		COMPONENTS(TODO))
	RESPONSE(HOME "diary/", CALENDAR "<d:displayname>Diary</d:displayname>" OWNER("alice") SYNCS WRITES
		COMPONENTS(JOURNAL))
	RESPONSE(HOME "team_shared_by_bob/", CALENDAR "<d:displayname>Team (Bob)</d:displayname>" OWNER("bob") SYNCS READS
		COMPONENTS(EVENT))
	RESPONSE("https://elsewhere.example/cal/", CALENDAR "<d:displayname>Not ours</d:displayname>"));

const char kit_calendars_bare[] = MULTI(
	RESPONSE(HOME, "<d:resourcetype><d:collection/></d:resourcetype>")
	RESPONSE(HOME "plain/", CALENDAR COMPONENTS(EVENT) REPORTS("<cal:calendar-multiget/>"))
	RESPONSE(HOME "tagged/", CALENDAR COMPONENTS(EVENT) REPORTS("<cal:calendar-multiget/>"))
	RESPONSE(HOME "both/", CALENDAR REPORTS("<cal:calendar-multiget/>")));

const char kit_addressbooks[] = MULTI(
	RESPONSE(BOOKS, "<d:resourcetype><d:collection/></d:resourcetype>")
	RESPONSE(BOOKS "contacts/", "<d:resourcetype><d:collection/><card:addressbook/></d:resourcetype>"
		"<d:displayname>Contacts</d:displayname>" SYNCS WRITES)
	RESPONSE(BOOKS "z-app-generated--contactsinteraction--recent/",
		"<d:resourcetype><d:collection/><card:addressbook/></d:resourcetype>"
		"<d:displayname>Recently contacted</d:displayname>" SYNCS READS));

static const char principal[] = MULTI(
	RESPONSE("/dav/principals/users/alice/", "<d:displayname>Alice Adams</d:displayname>"
		"<cal:calendar-home-set><d:href>" HOME "</d:href></cal:calendar-home-set>"
		"<card:addressbook-home-set><d:href>" BOOKS "</d:href></card:addressbook-home-set>"
		"<cal:schedule-inbox-URL><d:href>" HOME "inbox/</d:href></cal:schedule-inbox-URL>"
		"<cal:calendar-user-address-set><d:href>/dav/principals/users/alice/</d:href>"
		"<d:href>mailto:alice@example.org</d:href></cal:calendar-user-address-set>"));

static const char root[] = MULTI(RESPONSE("/dav/",
	"<d:current-user-principal><d:href>/dav/principals/users/alice/</d:href></d:current-user-principal>"));

int
kit_setup(void **state)
{
	struct kit *k = calloc(1, sizeof *k);
	k->fake = fake_start();
	k->a = arena_new(0);
	*state = k;
	return 0;
}

int
kit_teardown(void **state)
{
	struct kit *k = *state;
	if (k->s)
		k->ops->logout(&k->s);
	if (k->b)
		k->ops->close(&k->b);
	conf_unref(&k->conf);
	fake_stop(k->fake); /* before the arena, from which it may still send */
	arena_free(&k->a);
	if (*k->log) {
		assert_int_equal(log_open("stderr", LEVEL_NOTICE), 0);
		unlink(k->log);
	}
	free(k);
	return 0;
}

enum err
kit_open_text(struct kit *k, const char *module, const char *text)
{
	char path[4096];
	const char *build = getenv("CPUSH_BUILD");
	snprintf(path, sizeof path, "%s/lib/%s.so", build ? build : ".", module);
	void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	if (!handle)
		fail_msg("%s", dlerror());
	k->ops = dlsym(handle, BACKEND_SYMBOL);
	assert_non_null(k->ops);
	if (k->b)
		k->ops->close(&k->b);
	conf_unref(&k->conf);
	assert_int_equal(conf_parse(text, "test.conf", &k->conf, &k->e), ERR_OK);
	return k->ops->open(k->conf, &k->b, &k->e);
}

enum err
kit_open(struct kit *k, const char *module, const char *path, const char *more)
{
	char text[2048];
	snprintf(text, sizeof text, "[%s]\nurl = http://127.0.0.1:%u%s\n%s\n", module, fake_port(k->fake), path, more);
	return kit_open_text(k, module, text);
}

enum err
kit_login(struct kit *k)
{
	struct backend_login who = { .user = "alice@example.org", .password = "secret" };
	if (k->s)
		k->ops->logout(&k->s);
	return k->ops->login(k->b, &who, &k->s, &k->e);
}

void
kit_session(struct kit *k, const char *module, const char *more)
{
	assert_int_equal(kit_open(k, module, "/dav/", more), ERR_OK);
	fake_xml(k->fake, 207, root);
	fake_xml(k->fake, 207, principal);
	if (kit_login(k))
		fail_msg("%s", k->e.text);
	assert_true(fake_done(k->fake));
	fake_forget(k->fake);
}

void
kit_ready(struct kit *k, const char *module, const char *listing, const char *more)
{
	struct backend_folders f;
	kit_session(k, module, more);
	fake_xml(k->fake, 207, listing);
	if (strcmp(module, "caldav") == 0)
		fake_xml(k->fake, 207, MULTI(RESPONSE(HOME "inbox/", "")));
	kit_expect(k, k->ops->folders(k->s, k->a, &f, &k->e), ERR_OK);
	fake_forget(k->fake);
}

void
kit_log(struct kit *k)
{
	snprintf(k->log, sizeof k->log, "/tmp/cpush-test-dav.XXXXXX");
	int fd = mkstemp(k->log);
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(log_open(k->log, LEVEL_DEBUG), 0);
}

unsigned
kit_logged(struct kit *k, const char *text)
{
	char line[4096];
	unsigned n = 0;
	FILE *f = fopen(k->log, "r");
	assert_non_null(f);
	while (fgets(line, sizeof line, f)) {
		assert_null(strstr(line, "secret"));
		assert_null(strstr(line, "SECRET"));
		n += strstr(line, text) != NULL;
	}
	fclose(f);
	return n;
}

void
kit_expect(struct kit *k, enum err got, enum err want)
{
	if (got != want)
		fail_msg("%s instead of %s: %s", err_name(got), err_name(want), k->e.text);
	if (!fake_done(k->fake))
		fail_msg("not what was to be asked");
}

void
kit_asked(struct kit *k, long i, const char *method, const char *path)
{
	const struct fake_request *r = fake_request(k->fake, i);
	assert_non_null(r);
	assert_string_equal(r->method, method);
	assert_string_equal(r->path, path);
}

enum err
kit_take(void *ctx, const struct backend_item *item)
{
	struct kit_items *items = ctx;
	struct backend_item *copy = &items->list[items->n++];
	*copy = *item;
	copy->key = arena_strdup(items->a, item->key);
	copy->version = arena_strdup(items->a, item->version);
	copy->bytes = slice(arena_strndup(items->a, (const char *)item->bytes.ptr ? (const char *)item->bytes.ptr : "",
				    item->bytes.len),
		item->bytes.len);
	return ERR_OK;
}

const struct backend_item *
kit_item(const struct kit_items *items, const char *key)
{
	for (size_t i = 0; i < items->n; i++)
		if (strcmp(items->list[i].key, key) == 0)
			return &items->list[i];
	fail_msg("no item %s", key);
	return NULL;
}

const struct backend_folder *
kit_folder(const struct backend_folders *f, const char *key)
{
	for (size_t i = 0; i < f->n; i++)
		if (strcmp(f->list[i].key, key) == 0)
			return &f->list[i];
	return NULL;
}

const struct backend_change *
kit_change(const struct backend_changes *c, const char *key)
{
	for (size_t i = 0; i < c->n; i++)
		if (strcmp(c->list[i].key, key) == 0)
			return &c->list[i];
	return NULL;
}
