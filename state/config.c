#include "state/config.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>

#define PASSWORD_MAX 1024

#define ROW(key_, type_, field, fallback_, min_, max_, choices_, doc_) \
	{ .key = (key_), .type = (type_), .offset = offsetof(struct state_config, field), .fallback = (fallback_), \
		.min = (min_), .max = (max_), .choices = (choices_), .doc = (doc_) }

static const struct conf_row rows[] = {
	ROW("driver", CONF_CHOICE, driver, "sqlite", 0, 0, "mariadb sqlite", "where the store is"),
	ROW("socket", CONF_STRING, socket, NULL, 0, 0, NULL, "mariadb: its socket; default: the client library's"),
	ROW("host", CONF_STRING, host, NULL, 0, 0, NULL, "mariadb: its host, where it is not reached by a socket"),
	ROW("port", CONF_UINT, port, "3306", 1, 65535, NULL, "mariadb: its port"),
	ROW("database", CONF_STRING, database, "cpush", 0, 0, NULL, "mariadb: the database"),
	ROW("user", CONF_STRING, user, "cpush", 0, 0, NULL, "mariadb: the user"),
	ROW("password", CONF_SECRET, password, NULL, 0, 0, NULL,
		"mariadb: the password; none for unix_socket authentication"),
	ROW("password_file", CONF_STRING, password_file, NULL, 0, 0, NULL,
		"mariadb: a file with nothing but the password"),
	ROW("tls", CONF_CHOICE, tls, "optional", 0, 0, "off optional required",
		"mariadb over a host: optional takes it where offered, required also checks the certificate"),
	ROW("ca_file", CONF_STRING, ca_file, NULL, 0, 0, NULL, "mariadb: certificates that its own is checked with"),
	ROW("path", CONF_STRING, path, "/var/lib/cpush/state.db", 0, 0, NULL, "sqlite: the file"),
	ROW("connect_timeout", CONF_SECONDS, connect_seconds, "5", 1, 60, NULL, "mariadb: for connecting"),
	ROW("answer_timeout", CONF_SECONDS, answer_seconds, "25", 1, 600, NULL,
		"mariadb: for the answer to one statement"),
	ROW("lock_timeout", CONF_SECONDS, lock_seconds, "5", 1, 60, NULL,
		"how long a transaction waits for another one's lock"),
};

static enum err
faulty(struct state *s, const char *key, const char *what, struct error *e)
{
	return err_set(e, ERR_INVALID, "%s:%u: [state] %s: %s", conf_name(s->conf), conf_line(s->conf, "state", key),
		key, what);
}

/* The file's content without the newlines at its end. */
static enum err
read_password(struct state *s, struct error *e)
{
	char text[PASSWORD_MAX + 2];
	FILE *f = fopen(s->config.password_file, "re");

	if (!f)
		return faulty(s, "password_file", strerrordesc_np(errno), e);
	size_t n = fread(text, 1, PASSWORD_MAX + 1, f);
	bool bad = ferror(f) || n > PASSWORD_MAX || memchr(text, 0, n);
	fclose(f);
	while (n > 0 && (text[n - 1] == '\n' || text[n - 1] == '\r'))
		n--;
	if (!bad)
		s->password = strndup(text, n);
	OPENSSL_cleanse(text, sizeof text);
	if (bad)
		return faulty(s, "password_file", "it cannot be read, or holds no password", e);
	return s->password ? ERR_OK : err_set(e, ERR_NOMEM, "out of memory");
}

enum err
config_bind(struct state *s, struct error *e)
{
	enum err err = conf_bind(s->conf, "state", rows, ARRAY_LEN(rows), &s->config, e);

	if (err)
		return err;
	const struct state_config *c = &s->config;
	if (c->driver == DRIVER_SQLITE)
		return *c->path ? ERR_OK : faulty(s, "path", "it is empty", e);
	if (c->socket && c->host)
		return faulty(s, "host", "there is a socket already: one of the two", e);
	if (c->password && c->password_file)
		return faulty(s, "password_file", "there is a password already: one of the two", e);
	if (c->ca_file && c->tls == TLS_OFF)
		return faulty(s, "ca_file", "tls is off", e);
	return c->password_file ? read_password(s, e) : ERR_OK;
}

void
config_finish(struct state *s)
{
	if (s->password)
		OPENSSL_cleanse(s->password, strlen(s->password));
	free(s->password);
	s->password = NULL;
}

enum err
state_check(struct conf *conf, struct error *e)
{
	struct state s = { .conf = conf };
	enum err err = config_bind(&s, e);

	config_finish(&s);
	return err;
}
