#include "backend/imap/module.h"

#include <curl/curl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/imap/conn.h"
#include "backend/tls/tls.h"
#include "base/setid.h"
#include "base/text.h"

#define ROW(name, kind, ...) { #name, kind, offsetof(struct imap_settings, name), __VA_ARGS__ }

static const struct conf_row rows[] = {
	ROW(url, CONF_STRING, NULL, 0, 0, NULL, "imap://HOST[:PORT]/ or imaps://HOST[:PORT]/"),
	ROW(tls, CONF_CHOICE, "auto", 0, 0, "auto required optional off",
		"STARTTLS for imap://: auto is optional, and off to this very host"),
	ROW(ca_file, CONF_STRING, NULL, 0, 0, NULL, "certificates to trust instead of the system's"),
	ROW(username, CONF_STRING, "%u", 0, 0, NULL, "login name: %u as typed, %l before the @, %d behind it"),
	ROW(auth_mechanism, CONF_STRING, NULL, 0, 0, NULL, "AUTH=PLAIN and the like, where the server's first choice fails"),
	ROW(domain, CONF_STRING, NULL, 0, 0, NULL, "%d for names without an @; the default is [server] domain"),
	ROW(address, CONF_STRING, "%l@%d", 0, 0, NULL, "the user's own mail address"),
	ROW(smtp, CONF_STRING, NULL, 0, 0, NULL, "smtps://HOST/, submission://HOST/ or smtp://HOST/"),
	ROW(smtp_tls, CONF_CHOICE, "auto", 0, 0, "auto required optional off", "as tls"),
	ROW(smtp_username, CONF_STRING, NULL, 0, 0, NULL, "as username (the default); - sends without a login"),
	ROW(smtp_auth_mechanism, CONF_STRING, NULL, 0, 0, NULL, "as auth_mechanism"),
	ROW(helo, CONF_STRING, NULL, 0, 0, NULL, "our name for EHLO; the default is the host's"),
	ROW(sendmail, CONF_STRING, NULL, 0, 0, NULL, "program that sends instead of smtp: /usr/sbin/sendmail"),
	ROW(folders, CONF_CHOICE, "all", 0, 0, "all subscribed", "which folders phones see"),
	ROW(sent, CONF_STRING, NULL, 0, 0, NULL, "name of the folder for sent mail, where the server does not say"),
	ROW(drafts, CONF_STRING, NULL, 0, 0, NULL, "the same for drafts"),
	ROW(trash, CONF_STRING, NULL, 0, 0, NULL, "the same for deleted mail"),
	ROW(junk, CONF_STRING, NULL, 0, 0, NULL, "the same for spam"),
	ROW(archive, CONF_STRING, NULL, 0, 0, NULL, "the same for the archive"),
	ROW(connect, CONF_SECONDS, "5", 1, 300, NULL, "time to connect"),
	ROW(answer, CONF_SECONDS, "25", 1, 600, NULL, "time for the server to answer"),
	ROW(accept, CONF_SECONDS, "600", 1, 3600, NULL, "time to take a mail that was sent whole"),
	ROW(poll, CONF_SECONDS, "60", 5, 3600, NULL, "seconds between looks at folders that IDLE does not watch"),
	ROW(message_max, CONF_SIZE, "256M", 65536, 0, NULL, "larger mails are left out"),
	ROW(temp_dir, CONF_STRING, "/tmp", 0, 0, NULL, "where mails above 1 MB are put while they are worked on"),
};

static bool
is_loopback(const char *host)
{
	return text_casecmp(host, "localhost") == 0 || text_starts(host, "127.") || strcmp(host, "[::1]") == 0;
}

static void
url_cleanup(CURLU **u)
{
	curl_url_cleanup(*u);
}

static void
url_free(char **p)
{
	curl_free(*p);
}

/* "scheme://host:port" of a URL whose scheme is one of the words; *tls AUTO is resolved. NULL where it is malformed. */
static char *
server_of(const char *url, const char *const *schemes, const unsigned *ports, int *tls)
{
	CURLU *u AUTO(url_cleanup) = curl_url();
	char *host AUTO(url_free) = NULL, *port AUTO(url_free) = NULL, *user AUTO(url_free) = NULL;
	const char *colon = strstr(url, "://");
	size_t i = 0;
	while (schemes[i] && (!colon || strlen(schemes[i]) != (size_t)(colon - url) ||
		!text_casestarts(url, schemes[i])))
		i++;
	if (!u || !schemes[i])
		return NULL;
	/* libcurl does not know submission://, so every URL is read as one of smtp. */
	char as_smtp[512];
	int n = snprintf(as_smtp, sizeof as_smtp, "smtp%s", colon);
	if (n < 0 || (size_t)n >= sizeof as_smtp || curl_url_set(u, CURLUPART_URL, as_smtp, 0) ||
		curl_url_get(u, CURLUPART_HOST, &host, 0))
		return NULL;
	if (curl_url_get(u, CURLUPART_USER, &user, 0) == CURLUE_OK)
		return NULL;
	unsigned long number = ports[i];
	if (curl_url_get(u, CURLUPART_PORT, &port, 0) == CURLUE_OK)
		number = strtoul(port, NULL, 10);
	if (*tls == TLS_AUTO)
		*tls = is_loopback(host) ? TLS_OFF : TLS_OPTIONAL;
	const char *as = strcmp(schemes[i], "submission") == 0 ? "smtp" : schemes[i];
	char text[600];
	n = snprintf(text, sizeof text, "%s://%s:%lu", as, host, number);
	return n > 0 && (size_t)n < sizeof text ? strdup(text) : NULL;
}

static void
backend_close(struct backend **pb)
{
	struct backend *b = *pb;
	*pb = NULL;
	if (!b)
		return;
	free(b->host);
	free(b->smtp_url);
	tls_trust_put(&b->trust);
	conf_unref(&b->conf);
	free(b);
}

static enum err
bad(const struct backend *b, const char *key, const char *what, struct error *e)
{
	return err_set(e, ERR_INVALID, "%s:%u: %s in [imap]: %s", conf_name(b->conf), conf_line(b->conf, "imap", key),
		key, what);
}

static enum err
check(struct backend *b, struct error *e)
{
	static const char *const imap[] = { "imap", "imaps", NULL };
	static const char *const smtp[] = { "smtp", "smtps", "submission", NULL };
	static const unsigned imap_ports[4] = { 143, 993, 0, 0 }, smtp_ports[4] = { 25, 465, 587, 0 };
	b->tls = b->set.tls;
	b->smtp_tls = b->set.smtp_tls;
	if (!b->set.url)
		return err_set(e, ERR_INVALID, "%s:%u: [imap] url is missing: imaps://mail.example.org/", conf_name(b->conf),
			conf_line(b->conf, "imap", NULL));
	if (!(b->host = server_of(b->set.url, imap, imap_ports, &b->tls)))
		return bad(b, "url", "expected imap://HOST/ or imaps://HOST/ without a user", e);
	if (b->set.smtp && b->set.sendmail)
		return bad(b, "sendmail", "smtp and sendmail exclude each other", e);
	if (b->set.sendmail && is_setid(b->set.sendmail))
		log_warn(NULL, SETID_WARNING, b->set.sendmail);
	char *smtp_host = b->set.smtp ? server_of(b->set.smtp, smtp, smtp_ports, &b->smtp_tls) : NULL;
	if (b->set.smtp && !smtp_host)
		return bad(b, "smtp", "expected smtps://HOST/, submission://HOST/ or smtp://HOST/", e);
	if (b->set.helo && b->set.helo[strcspn(b->set.helo, " /?#\r\n")])
		return bad(b, "helo", "not a host name", e);
	if (smtp_host) {
		size_t n = strlen(smtp_host) + (b->set.helo ? strlen(b->set.helo) : 0) + 2;
		if ((b->smtp_url = malloc(n)))
			snprintf(b->smtp_url, n, "%s/%s", smtp_host, b->set.helo ? b->set.helo : "");
		free(smtp_host);
		if (!b->smtp_url)
			return err_set(e, ERR_NOMEM, "no memory");
	}
	struct arena *a AUTO(arena_free) = arena_new(16384);
	const struct {
		const char *key, *template;
	} templates[] = { { "username", b->set.username }, { "smtp_username", b->set.smtp_username },
		{ "address", b->set.address } };
	for (size_t i = 0; i < ARRAY_LEN(templates); i++) {
		if (templates[i].template && !text_expand(a, templates[i].template, "u@d", "d"))
			return bad(b, templates[i].key, "only %u, %l, %d and %% are known", e);
	}
	return ERR_OK;
}

static enum err
backend_open(struct conf *conf, struct backend **b_r, struct error *e)
{
	*b_r = NULL;
	struct backend *b AUTO(backend_close) = calloc(1, sizeof *b);
	if (!b)
		return err_set(e, ERR_NOMEM, "no memory");
	b->conf = conf_ref(conf);
	enum err err = conf_bind(conf, "imap", rows, ARRAY_LEN(rows), &b->set, e);
	if (!err && !b->set.domain)
		b->set.domain = conf_get(conf, "server", "domain");
	err = err ? err : check(b, e);
	if (!err && !(b->trust = tls_trust_get(b->set.ca_file)))
		err = err_set(e, ERR_NOMEM, "no memory");
	if (!err)
		*b_r = TAKE(b);
	return err;
}

static const char *
backend_host(const struct backend *b)
{
	return b->host;
}

static void
backend_logout(struct backend_session **ps)
{
	struct backend_session *s = *ps;
	*ps = NULL;
	if (!s)
		return;
	imap_watch_free(&s->watch);
	imap_conn_close(&s->cmd);
	imap_conn_close(&s->idle);
	if (s->password)
		explicit_bzero(s->password, strlen(s->password));
	free(s->password);
	free(s->user);
	free(s->login);
	free(s->own);
	for (size_t i = 0; i < IMAP_SEEN_MAX; i++)
		free(s->seen[i].folder);
	free(s);
}

static enum err
backend_login(struct backend *b, const struct backend_login *who, struct backend_session **s_r, struct error *e)
{
	*s_r = NULL;
	struct arena *a AUTO(arena_free) = arena_new(16384);
	struct backend_session *s AUTO(backend_logout) = calloc(1, sizeof *s);
	const char *login = a ? text_expand(a, b->set.username, who->user, b->set.domain) : NULL;
	if (!s || !login)
		return err_set(e, ERR_NOMEM, "no memory for a session");
	s->b = b;
	s->user = strdup(who->user);
	s->login = strdup(login);
	s->password = strdup(who->password);
	if (!s->user || !s->login || !s->password)
		return err_set(e, ERR_NOMEM, "no memory for a session");
	struct imap_conn *c;
	enum err err = imap_session_conn(s, &c, e);
	if (!err)
		*s_r = TAKE(s);
	return err;
}

EXPORT extern const struct backend_ops backend_module;
static const char *
backend_send_host(const struct backend *b)
{
	return b->set.smtp ? b->set.smtp : b->set.sendmail;
}

const struct backend_ops backend_module = {
	.abi = BACKEND_ABI,
	.name = "imap",
	.classes = BACKEND_MAIL,
	.open = backend_open,
	.close = backend_close,
	.host = backend_host,
	.send_host = backend_send_host,
	.login = backend_login,
	.logout = backend_logout,
	.folders = imap_folders,
	.changes = imap_changes,
	.known = imap_known,
	.fetch = imap_fetch,
	.put = imap_put,
	.remove = imap_remove,
	.move = imap_move,
	.flag = imap_flag,
	.folder_make = imap_folder_make,
	.folder_rename = imap_folder_rename,
	.folder_remove = imap_folder_remove,
	.send = imap_send,
	.mark = imap_mark,
	.find = imap_find,
	.search = imap_search,
	.watch = imap_watch,
	.noticed = imap_noticed,
	.unwatch = imap_unwatch,
	.identity = imap_identity,
	.describe = imap_describe,
};
