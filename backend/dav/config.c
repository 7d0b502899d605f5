/* The section of the configuration, and the backend that it makes. */
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backend/dav/href.h"
#include "backend/dav/link.h"
#include "backend/dav/session.h"
#include "backend/tls/tls.h"
#include "base/text.h"

#define FIELD(name) offsetof(struct dav_settings, name)

static const struct conf_row rows[] = {
	{ .key = "url", .type = CONF_STRING, .offset = FIELD(url),
		.doc = "where the DAV service is; the homes are discovered from there, unless it has %u, %l or %d: then it is the home" },
	{ .key = "username", .type = CONF_STRING, .offset = FIELD(username), .fallback = "%u",
		.doc = "login name at the server: %u as typed, %l local part, %d domain" },
	{ .key = "domain", .type = CONF_STRING, .offset = FIELD(domain),
		.doc = "%d for names without an @; that of [server] where it is missing" },
	{ .key = "poll", .type = CONF_SECONDS, .offset = FIELD(poll), .fallback = "60", .min = 5, .max = 3600,
		.doc = "time between looks while a device waits" },
	{ .key = "ca_file", .type = CONF_STRING, .offset = FIELD(ca_file),
		.doc = "certificates of the authorities that vouch for the server, instead of the system's" },
	{ .key = "tls_verify", .type = CONF_BOOL, .offset = FIELD(verify), .fallback = "yes",
		.doc = "no: any certificate will do (for tests only)" },
	{ .key = "connect", .type = CONF_SECONDS, .offset = FIELD(connect), .fallback = "5", .min = 1, .max = 60,
		.doc = "for a connection" },
	{ .key = "answer", .type = CONF_SECONDS, .offset = FIELD(answer), .fallback = "25", .min = 1, .max = 600,
		.doc = "for an answer" },
	{ .key = "response_max", .type = CONF_SIZE, .offset = FIELD(response_max), .fallback = "64M", .min = 65536,
		.max = 1u << 30, .doc = "bytes of one answer" },
	{ .key = "item_max", .type = CONF_SIZE, .offset = FIELD(item_max), .fallback = "20M", .min = 4096, .max = 1u << 29,
		.doc = "bytes of one item" },
	{ .key = "user_agent", .type = CONF_STRING, .offset = FIELD(user_agent), .fallback = "cpush/" CPUSH_VERSION,
		.doc = "what the server is told that we are" },
};

static enum err
config_error(struct backend *b, const char *key, const char *what, struct error *e)
{
	unsigned line = conf_line(b->conf, b->kind->name, key);
	if (!line)
		line = conf_line(b->conf, b->kind->name, NULL);
	return err_set(e, ERR_INVALID, "%s:%u: [%s] %s %s", conf_name(b->conf), line, b->kind->name, key, what);
}

/* %u, %l and %d stand for the user, but an escape like %20 (or %da) is left alone. */
static bool
url_check(struct backend *b, const char **wrong_r)
{
	const char *url = b->set.url;
	const char *path = dav_url_path(url);
	for (const char *p = strchr(url, '%'); p; p = strchr(p + 1, '%')) {
		if (strspn(p + 1, "0123456789abcdefABCDEF") >= 2)
			continue;
		if (!dav_template_at(p)) {
			*wrong_r = "has a % that is neither %u, %l, %d nor an escape";
			return false;
		}
		if (p < path) {
			*wrong_r = "may name the user in its path only";
			return false;
		}
		b->templated = true;
	}
	return true;
}

static enum err
settings_check(struct backend *b, struct error *e)
{
	const char *wrong = NULL;
	if (!b->set.url || !*b->set.url)
		return config_error(b, "url", "is missing", e);
	if (!url_check(b, &wrong))
		return config_error(b, "url", wrong, e);
	if (strpbrk(b->set.url, "?# \t"))
		return config_error(b, "url", "has a query, a fragment or a space", e);
	b->http.origin = dav_origin(b->arena, b->set.url);
	if (!b->http.origin)
		return config_error(b, "url", "is no http:// or https:// address (without user and password)", e);
	if (!text_expand(b->arena, b->set.username, "user@example.org", NULL))
		return config_error(b, "username", "has a % that is not %u, %l, %d or %%", e);
	if (b->set.ca_file && access(b->set.ca_file, R_OK) != 0)
		return config_error(b, "ca_file", "cannot be read", e);
	return ERR_OK;
}

enum err
dav_open(const struct dav_kind *kind, struct conf *conf, struct backend **b_r, struct error *e)
{
	struct backend *b = calloc(1, sizeof *b);
	if (!b || !(b->arena = arena_new(64 * 1024))) {
		free(b);
		return err_set(e, ERR_NOMEM, "out of memory for %s", kind->name);
	}
	b->kind = kind;
	b->conf = conf_ref(conf);
	enum err err = dav_link_global(e);
	if (!err)
		err = conf_bind(conf, kind->name, rows, ARRAY_LEN(rows), &b->set, e);
	if (!err)
		err = settings_check(b, e);
	if (!err && !(b->http.trust = tls_trust_get(b->set.ca_file)))
		err = err_set(e, ERR_NOMEM, "out of memory for %s", kind->name);
	if (err) {
		dav_close(&b);
		return err;
	}
	b->domain = b->set.domain ? b->set.domain : conf_get(conf, "server", "domain");
	b->http.name = kind->name;
	b->http.ca_file = b->set.ca_file;
	b->http.user_agent = b->set.user_agent;
	b->http.verify = b->set.verify;
	b->http.connect = b->set.connect;
	b->http.answer = b->set.answer;
	b->http.response_max = b->set.response_max;
	*b_r = b;
	return ERR_OK;
}

void
dav_close(struct backend **b)
{
	if (!*b)
		return;
	tls_trust_put(&(*b)->http.trust);
	conf_unref(&(*b)->conf);
	arena_free(&(*b)->arena);
	free(*b);
	*b = NULL;
}

const char *
dav_host(const struct backend *b)
{
	return b->http.origin;
}
