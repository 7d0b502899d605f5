#include <string.h>

#include "backend/imap/conn.h"
#include "backend/tls/tls.h"
#include "base/text.h"

/* RFC 5530 codes of a refused login that say nothing against the credentials. */
static const char *const not_now[] = { "UNAVAILABLE", "INUSE", "LIMIT", "SERVERBUG", "CONTACTADMIN", "PRIVACYREQUIRED",
	"CLIENTBUG", "THROTTLED", "OVERQUOTA" };
static const char *const refused[] = { "AUTHENTICATIONFAILED", "AUTHORIZATIONFAILED", "EXPIRED", "NOPERM", "WEBALERT" };
/* Servers that throttle without a code say so in words (Gmail: "[ALERT] Too many simultaneous connections"). */
static const char *const busy_words[] = { "too many", "try again", "temporar", "later", "unavailable", "timed out",
	"timeout",
	"internal", "overload", "maximum number", "rate limit", "throttl" };

static bool
contains(const char *text, const char *word)
{
	for (; *text; text++) {
		if (text_casestarts(text, word))
			return true;
	}
	return false;
}

enum err
imap_login_judge(const char *line)
{
	const char *space = line ? strchr(line, ' ') : NULL;
	if (!space)
		return ERR_UNAVAILABLE;
	struct imap_response r;
	imap_response_state(space + 1, &r);
	if (r.status != STATUS_NO)
		return ERR_UNAVAILABLE;
	for (size_t i = 0; i < ARRAY_LEN(not_now); i++) {
		if (imap_code_is(r.code, not_now[i]))
			return ERR_UNAVAILABLE;
	}
	for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
		if (imap_code_is(r.code, refused[i]))
			return ERR_AUTH;
	}
	for (size_t i = 0; i < ARRAY_LEN(busy_words); i++) {
		if (contains(r.text, busy_words[i]))
			return ERR_UNAVAILABLE;
	}
	return ERR_AUTH;
}

/* What the server said while libcurl logged in. */
struct heard {
	char tagged[512]; /* the last "TAG NO|BAD|OK ..." */
	char bye[256];
	bool preauth;
	struct imap_dial dial;
	char error[CURL_ERROR_SIZE]; /* libcurl's own words */
};

static void
hear_line(struct heard *h, const char *line, size_t n)
{
	while (n > 0 && (line[n - 1] == '\r' || line[n - 1] == '\n'))
		n--;
	char *to = NULL;
	size_t room = 0;
	if (n > 2 && line[0] == '*') {
		if (n >= 9 && text_ncasecmp(line + 2, "PREAUTH", 7) == 0)
			h->preauth = true;
		if (n < 5 || text_ncasecmp(line + 2, "BYE", 3) != 0)
			return;
		to = h->bye;
		room = sizeof h->bye;
	} else if (n > 2 && line[0] != '+') {
		to = h->tagged;
		room = sizeof h->tagged;
	} else {
		return;
	}
	if (n >= room)
		n = room - 1;
	memcpy(to, line, n);
	to[n] = '\0';
}

/* Only what comes from the server is looked at: what goes out holds the password. */
static int
hear(CURL *curl, curl_infotype type, char *data, size_t size, void *ctx)
{
	(void)curl;
	while (type == CURLINFO_HEADER_IN && size > 0) {
		const char *nl = memchr(data, '\n', size);
		size_t n = nl ? (size_t)(nl - data) + 1 : size;
		hear_line(ctx, data, n);
		data += n;
		size -= n;
	}
	return 0;
}

bool
imap_dial_late(const struct imap_dial *dial)
{
	curl_off_t connected = 0;
	if (imap_now() < dial->until)
		return false;
	return curl_easy_getinfo(dial->curl, CURLINFO_CONNECT_TIME_T, &connected) == CURLE_OK && connected == 0;
}

/* Called about once a second. */
static int
give_up(void *ctx, curl_off_t dltotal, curl_off_t dlnow, curl_off_t ultotal, curl_off_t ulnow)
{
	(void)dltotal, (void)dlnow, (void)ultotal, (void)ulnow;
	return imap_dial_late(ctx);
}

bool
imap_curl_common(CURL *curl, const struct backend *b, int tls, struct imap_dial *dial)
{
	*dial = (struct imap_dial){ curl, imap_now() + (int64_t)b->set.connect * 1000 };
	static const long use_ssl[] = { CURLUSESSL_TRY, CURLUSESSL_ALL, CURLUSESSL_TRY, CURLUSESSL_NONE };
	bool ok = curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L) == CURLE_OK;
	ok = ok && curl_easy_setopt(curl, CURLOPT_PROXY, "") == CURLE_OK;
	ok = ok && curl_easy_setopt(curl, CURLOPT_USE_SSL, use_ssl[tls]) == CURLE_OK;
	ok = ok && curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)((b->set.connect + b->set.answer) * 1000)) ==
		CURLE_OK;
	ok = ok && curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L) == CURLE_OK;
	ok = ok && curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, give_up) == CURLE_OK;
	ok = ok && curl_easy_setopt(curl, CURLOPT_XFERINFODATA, dial) == CURLE_OK;
	ok = ok && curl_easy_setopt(curl, CURLOPT_SERVER_RESPONSE_TIMEOUT, (long)b->set.answer) == CURLE_OK;
	ok = ok && curl_easy_setopt(curl, CURLOPT_TCP_KEEPALIVE, 1L) == CURLE_OK;
	ok = ok && curl_easy_setopt(curl, CURLOPT_TCP_KEEPIDLE, 120L) == CURLE_OK;
	ok = ok && curl_easy_setopt(curl, CURLOPT_TCP_KEEPINTVL, 30L) == CURLE_OK;
	return ok && tls_trust_apply(b->trust, curl);
}

static bool
set_up(struct imap_conn *c, const char *login, const char *password, const char *mechanisms, struct heard *h)
{
	CURL *curl = c->curl;
	const struct backend *b = c->b;
	bool ok = imap_curl_common(curl, b, b->tls, &h->dial);
	ok = ok && curl_easy_setopt(curl, CURLOPT_URL, b->host) == CURLE_OK;
	ok = ok && curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "imap,imaps") == CURLE_OK;
	ok = ok && curl_easy_setopt(curl, CURLOPT_CONNECT_ONLY, 1L) == CURLE_OK;
	ok = ok && curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS,
		(long)((b->set.connect + b->set.answer) * 1000)) == CURLE_OK;
	ok = ok && curl_easy_setopt(curl, CURLOPT_BUFFERSIZE, 4096L) == CURLE_OK;
	ok = ok && curl_easy_setopt(curl, CURLOPT_USERNAME, login) == CURLE_OK;
	ok = ok && curl_easy_setopt(curl, CURLOPT_PASSWORD, password) == CURLE_OK;
	ok = ok && curl_easy_setopt(curl, CURLOPT_LOGIN_OPTIONS, mechanisms) == CURLE_OK;
	ok = ok && curl_easy_setopt(curl, CURLOPT_VERBOSE, 1L) == CURLE_OK;
	ok = ok && curl_easy_setopt(curl, CURLOPT_DEBUGFUNCTION, hear) == CURLE_OK;
	ok = ok && curl_easy_setopt(curl, CURLOPT_DEBUGDATA, h) == CURLE_OK;
	return ok && curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, h->error) == CURLE_OK;
}

static enum err
failed(const struct imap_conn *c, CURLcode code, const struct heard *h, struct error *e)
{
	const char *host = c->b->host;
	if (code == CURLE_OUT_OF_MEMORY)
		return err_set(e, ERR_NOMEM, "no memory to connect to %s", host);
	if (code == CURLE_ABORTED_BY_CALLBACK)
		return err_set(e, ERR_UNAVAILABLE, "cannot connect to %s in time", host);
	if (h->bye[0])
		return err_set(e, ERR_UNAVAILABLE, "%s said %s", host, h->bye + 2);
	if (code == CURLE_LOGIN_DENIED && h->tagged[0]) {
		enum err judged = imap_login_judge(h->tagged);
		const char *said = strchr(h->tagged, ' ');
		if (judged == ERR_AUTH)
			return err_set(e, ERR_AUTH, "%s refused the login: %s", host, said ? said + 1 : "");
		if (!text_starts(said ? said : "", " OK"))
			return err_set(e, ERR_UNAVAILABLE, "%s does not take logins now: %s", host,
				said ? said + 1 : "");
	}
	if (code == CURLE_LOGIN_DENIED)
		return err_set(e, ERR_UNAVAILABLE, "%s offers no way to log in here (no TLS? see tls in [imap])", host);
	if (code == CURLE_SSL_CACERT_BADFILE)
		return err_set(e, ERR_UNAVAILABLE, "%s: no certificates can be read that would vouch for it (ca_file in [imap])", host);
	if (code == CURLE_PEER_FAILED_VERIFICATION)
		return err_set(e, ERR_UNAVAILABLE, "certificate of %s is not trusted: %s (ca_file in [imap] can name its CA)", host,
			h->error[0] ? h->error : curl_easy_strerror(code));
	if (code == CURLE_USE_SSL_FAILED)
		return err_set(e, ERR_UNAVAILABLE, "%s offers no STARTTLS, which tls in [imap] asks for", host);
	return err_set(e, ERR_UNAVAILABLE, "cannot connect to %s: %s", host,
		h->error[0] ? h->error : curl_easy_strerror(code));
}

/* CURLE_FAILED_INIT where libcurl refuses a setting. */
static CURLcode
attempt(struct imap_conn *c, const char *login, const char *password, const char *mechanisms, struct heard *h_r)
{
	*h_r = (struct heard){ .preauth = false };
	bool ok = set_up(c, login, password, mechanisms, h_r);
	CURLcode code = ok ? curl_easy_perform(c->curl) : CURLE_FAILED_INIT;
	/* Nothing of this frame may be used later; and libcurl needs no copy of the password any more. */
	curl_easy_setopt(c->curl, CURLOPT_NOPROGRESS, 1L);
	curl_easy_setopt(c->curl, CURLOPT_XFERINFODATA, NULL);
	curl_easy_setopt(c->curl, CURLOPT_VERBOSE, 0L);
	curl_easy_setopt(c->curl, CURLOPT_DEBUGFUNCTION, NULL);
	curl_easy_setopt(c->curl, CURLOPT_DEBUGDATA, NULL);
	curl_easy_setopt(c->curl, CURLOPT_ERRORBUFFER, NULL);
	curl_easy_setopt(c->curl, CURLOPT_PASSWORD, NULL);
	return code;
}

enum err
imap_login(struct imap_conn *c, const char *login, const char *password, struct error *e)
{
	const char *mechanisms = c->b->set.auth_mechanism;
	struct heard h;
	CURLcode code = attempt(c, login, password, mechanisms, &h);
	/* Not at once, for with mechanisms named libcurl does not fall back to the command LOGIN. */
	if (code == CURLE_AUTH_ERROR && !mechanisms)
		code = attempt(c, login, password, IMAP_PASSWORD_MECHANISMS, &h);
	if (code == CURLE_FAILED_INIT)
		return err_set(e, ERR_INTERNAL, "libcurl refuses a setting for %s", c->b->host);
	if (code != CURLE_OK)
		return failed(c, code, &h, e);
	if (h.preauth)
		return err_set(e, ERR_UNAVAILABLE, "%s greets with PREAUTH: it would let anybody in", c->b->host);
	if (curl_easy_getinfo(c->curl, CURLINFO_ACTIVESOCKET, &c->fd) != CURLE_OK || c->fd == CURL_SOCKET_BAD)
		return err_set(e, ERR_UNAVAILABLE, "connection to %s was lost after the login", c->b->host);
	return ERR_OK;
}
