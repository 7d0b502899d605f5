/* [eas] and [policy]. */
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "eas/command.h"
#include "eas/policy.h"
#include "eas/timezone.h"
#include "eas/trace.h"

#define ROW(key_, type_, field, fallback_, min_, max_, doc_) \
	{ .key = (key_), .type = (type_), .offset = offsetof(struct eas_config, field), .fallback = (fallback_), \
		.min = (min_), .max = (max_), .doc = (doc_) }

#define VERSIONS "12.1 14.0 14.1 16.0 16.1"

static const unsigned versions[] = { 121, 140, 141, 160, 161 };

static const struct conf_row rows[] = {
	ROW("request_size", CONF_SIZE, request_max, "50M", 65536, 0, "largest body of a request"),
	ROW("response_size", CONF_SIZE, response_max, "64M", 65536, 0, "largest answer"),
	ROW("memory_size", CONF_SIZE, arena_max, "256M", 1 << 20, 0, "most memory of one request beside its answer"),
	ROW("devices", CONF_UINT, devices_max, "50", 0, 0, "devices per user; 0: no bound"),
	ROW("item_size", CONF_SIZE, item_bytes_max, "4M", 1024, 0, "larger events, tasks and contacts are set aside"),
	ROW("mail_size", CONF_SIZE, mail_bytes_max, "100M", 1024, 0, "larger mails are set aside"),
	ROW("heartbeat_min", CONF_SECONDS, heartbeat_min, "60", 1, 3600, "shortest wait that a phone may ask for"),
	ROW("heartbeat_max", CONF_SECONDS, heartbeat_max, "3540", 60, 3540, "longest wait"),
	ROW("ping_folders", CONF_UINT, ping_folders_max, "300", 1, 5000, "folders in one Ping"),
	ROW("quiet", CONF_SECONDS, quiet, "60", 0, 3600, "changed mails wake a phone after so long without another change"),
	ROW("quiet_max", CONF_SECONDS, quiet_max, "300", 0, 3600, "and at the latest after so long"),
	ROW("sync_time", CONF_SECONDS, sync_seconds, "60", 1, 600, "bound on the work for one Sync"),
	ROW("device_days", CONF_UINT, device_days, "60", 1, 3650, "a device unseen for so many days starts over"),
	{ .key = "sent_copy", .type = CONF_CHOICE, .offset = offsetof(struct eas_config, sent_copy), .fallback = "client",
		.choices = "client always never", .doc = "copy of sent mail in Sent: as the phone asks, always, never" },
	ROW("timezone", CONF_STRING, timezone, NULL, 0, 0, "whose midnights whole days begin at; none: the server's"),
	{ .key = "version", .type = CONF_CHOICE, .offset = offsetof(struct eas_config, version_choice), .fallback = "16.1",
		.choices = VERSIONS, .doc = "highest protocol version offered" },
};

static void
free_digest(EVP_MD_CTX **md)
{
	EVP_MD_CTX_free(*md);
}

/* What devices acknowledge is this set of values; any change of it makes them ask again. */
static void
hash_policy(struct eas_config *c)
{
	AUTO(free_digest) EVP_MD_CTX *md = EVP_MD_CTX_new();
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned n = 0;

	if (!md || !EVP_DigestInit_ex(md, EVP_sha256(), NULL))
		return;
	for (size_t i = 0; policy_name(i); i++) {
		const char *v = c->policy_values[i];

		EVP_DigestUpdate(md, v ? "=" : "-", 1);
		if (v)
			EVP_DigestUpdate(md, v, strlen(v) + 1);
	}
	if (EVP_DigestFinal_ex(md, digest, &n))
		text_hex(digest, 32, c->policy_hash);
}

static enum err
bind_policy(struct conf *conf, struct eas_config *c, struct error *e)
{
	size_t n = 0;
	enum err err;

	while (policy_name(n))
		n++;
	c->policy_values = calloc(n + 1, sizeof *c->policy_values);
	struct conf_row *policy_rows = calloc(n, sizeof *policy_rows);
	if (!c->policy_values || !policy_rows) {
		free(policy_rows);
		return err_set(e, ERR_NOMEM, "out of memory");
	}
	for (size_t i = 0; i < n; i++)
		policy_rows[i] = (struct conf_row){ .key = policy_name(i), .type = CONF_STRING,
			.offset = i * sizeof *c->policy_values };
	err = conf_bind(conf, "policy", policy_rows, n, c->policy_values, e);
	free(policy_rows);
	for (size_t i = 0; !err && i < n; i++) {
		const char *v = c->policy_values[i];

		if (v && !policy_value_ok(i, v))
			err = err_set(e, ERR_INVALID, "%s:%u: %s cannot have the value \"%s\"", conf_name(conf),
				conf_line(conf, "policy", policy_name(i)), policy_name(i), v);
		c->policy = c->policy || v;
	}
	return err;
}

/* ---- [user NAME] and [device ID]: a ceiling of their own ---- */

struct ceiling {
	int version;
};

static const struct conf_row ceiling_rows[] = {
	{ .key = "version", .type = CONF_CHOICE, .offset = offsetof(struct ceiling, version), .fallback = "16.1",
		.choices = VERSIONS, .doc = "highest protocol version for this user or device" },
};

static enum err
check_ceilings(struct conf *conf, const char *prefix, struct error *e)
{
	const char *section;
	enum err err = ERR_OK;

	for (size_t i = 0; !err && (section = conf_section(conf, prefix, i)) != NULL; i++) {
		struct ceiling c;

		err = conf_bind(conf, section, ceiling_rows, ARRAY_LEN(ceiling_rows), &c, e);
	}
	return err;
}

static unsigned
ceiling_of(const struct eas_config *c, const char *kind, const char *name, unsigned max)
{
	char section[300];
	const char *v;

	if (!name || !*name || snprintf(section, sizeof section, "%s %s", kind, name) >= (int)sizeof section)
		return max;
	v = conf_get(c->conf, section, "version");
	for (size_t i = 0; v && i < ARRAY_LEN(versions); i++) {
		char text[24];

		snprintf(text, sizeof text, "%u.%u", versions[i] / 10, versions[i] % 10);
		if (strcmp(text, v) == 0 && versions[i] < max)
			return versions[i];
	}
	return max;
}

unsigned
config_version_max(const struct eas_config *c, const char *user, const char *device_id)
{
	return ceiling_of(c, "device", device_id, ceiling_of(c, "user", user, c->version_max));
}

enum err
eas_config_new(struct conf *conf, struct eas_config **config_r, struct error *e)
{
	struct eas_config *c = calloc(1, sizeof *c);
	enum err err;

	if (!c)
		return err_set(e, ERR_NOMEM, "out of memory");
	c->conf = conf_ref(conf);
	err = conf_bind(conf, "eas", rows, ARRAY_LEN(rows), c, e);
	if (!err)
		err = bind_policy(conf, c, e);
	if (!err)
		err = trace_check(conf, e);
	if (!err)
		err = check_ceilings(conf, "user ", e);
	if (!err)
		err = check_ceilings(conf, "device ", e);
	if (!err && c->timezone && !zone_named(c->timezone))
		err = err_set(e, ERR_INVALID, "%s:%u: timezone: there is no zone \"%s\"", conf_name(conf),
			conf_line(conf, "eas", "timezone"), c->timezone);
	if (!err && c->heartbeat_min > c->heartbeat_max)
		err = err_set(e, ERR_INVALID, "%s:%u: heartbeat_min is above heartbeat_max", conf_name(conf),
			conf_line(conf, "eas", "heartbeat_min"));
	if (err) {
		eas_config_free(&c);
		return err;
	}
	c->version_max = versions[c->version_choice];
	if (c->policy)
		hash_policy(c);
	*config_r = c;
	return ERR_OK;
}

void
eas_config_free(struct eas_config **config)
{
	struct eas_config *c = *config;

	if (!c)
		return;
	conf_unref(&c->conf);
	free(c->policy_values);
	free(c);
	*config = NULL;
}

void
eas_config_use(const struct eas_config *config)
{
	(void)zone_set_default(config->timezone);
}

const char *
eas_timezone(const struct eas_config *config)
{
	return (config->timezone ? zone_named(config->timezone) : zone_default())->name;
}

enum err
eas_config_writable(const struct eas_config *config, struct error *e)
{
	return trace_writable(config->conf, e);
}

uint64_t
eas_request_max(const struct eas_config *config)
{
	return config->request_max;
}

uint64_t
eas_response_max(const struct eas_config *config)
{
	return config->response_max;
}

uint64_t
eas_arena_max(const struct eas_config *config)
{
	return config->arena_max;
}

int64_t
eas_unseen_max(const struct eas_config *config)
{
	return (int64_t)config->device_days * 86400;
}
