#include "backend/dav/http.h"

#include <curl/curl.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "backend/dav/href.h"
#include "backend/dav/link.h"
#include "backend/tls/tls.h"
#include "base/clock.h"
#include "base/count.h"
#include "base/text.h"

#define REDIRECTS_MAX 4
#define HOLD_MAX 300             /* seconds of Retry-After that are believed */
#define ERROR_BODY_MAX (64 * 1024)
#define HEADER_MAX 2048          /* of a header's value that is kept */
#define COOKIES_MAX 100          /* beyond which a server is no longer believed to need them */

struct dav_http {
	const struct dav_http_settings *set; /* borrowed from the backend, which outlives its sessions */
	CURL *curl;
	struct dav_link *link;
	char *user;
	char *password;      /* cleansed at the end, as is the next */
	char *authorization; /* the whole header of Basic */
	int64_t deadline;    /* of the call under way, CLOCK_MONOTONIC milliseconds */
	bool timed_out;
	char error[CURL_ERROR_SIZE];
};

/* One request on its way, through redirects and repetitions. */
struct exchange {
	struct dav_http *h;
	struct arena *a;
	const struct dav_request *r;
	struct dav_answer *answer;
	struct buf error_body;
	uint64_t bytes;
	bool digest_offered, basic_offered;
	const char *location; /* as it came */
	enum err failed;      /* why a callback ended the transfer */
};

static void
secret_free(char **s)
{
	if (*s) {
		OPENSSL_cleanse(*s, strlen(*s));
		free(*s);
	}
	*s = NULL;
}

/* RFC 7617; in memory of its own, so that it can be cleansed. */
static char *
basic_header(const char *user, const char *password)
{
	static const char head[] = "Authorization: Basic ";
	size_t n = strlen(user) + 1 + strlen(password);
	char *pair = malloc(n + 1);
	char *header = malloc(sizeof head + (n + 2) / 3 * 4 + 1);
	if (pair && header) {
		snprintf(pair, n + 1, "%s:%s", user, password);
		memcpy(header, head, sizeof head);
		EVP_EncodeBlock((unsigned char *)header + sizeof head - 1, (const unsigned char *)pair, (int)n);
	} else {
		free(header);
		header = NULL;
	}
	secret_free(&pair);
	return header;
}

enum err
dav_http_open(const struct dav_http_settings *set, const char *user, const char *password, struct dav_http **h_r,
	struct error *e)
{
	if (strlen(user) + strlen(password) > 4096)
		return err_set(e, ERR_AUTH, "%s: user name or password too long", set->name);
	struct dav_http *h = calloc(1, sizeof *h);
	if (!h)
		return err_set(e, ERR_NOMEM, "out of memory for a session");
	h->set = set;
	h->user = strdup(user);
	h->password = strdup(password);
	h->authorization = basic_header(user, password);
	enum err err = dav_link_get(set->origin, set->ca_file, user, password, &h->link, e);
	if (!err && (!h->user || !h->password || !h->authorization))
		err = err_set(e, ERR_NOMEM, "out of memory for a session");
	if (err) {
		dav_http_close(&h);
		return err;
	}
	dav_http_begin(h);
	*h_r = h;
	return ERR_OK;
}

void
dav_http_rest(struct dav_http *h)
{
	if (h->curl)
		curl_easy_setopt(h->curl, CURLOPT_COOKIEFILE, NULL);
	curl_easy_cleanup(h->curl);
	h->curl = NULL;
}

void
dav_http_close(struct dav_http **h)
{
	if (!*h)
		return;
	dav_http_rest(*h);
	dav_link_put(&(*h)->link);
	secret_free(&(*h)->password);
	secret_free(&(*h)->authorization);
	free((*h)->user);
	free(*h);
	*h = NULL;
}

void
dav_http_begin(struct dav_http *h)
{
	h->deadline = monotonic_ms() + (int64_t)(2 * (h->set->connect + h->set->answer)) * 1000;
	h->timed_out = false;
}

bool
dav_http_timed_out(const struct dav_http *h)
{
	return h->timed_out;
}

/* ---- what comes back ---- */

/* The value of the header line if it has this name, else NULL. */
static const char *
header_value(struct arena *a, const char *line, size_t n, const char *name)
{
	size_t len = strlen(name);
	if (n <= len || line[len] != ':' || text_ncasecmp(line, name, len) != 0)
		return NULL;
	const char *p = line + len + 1, *end = line + n;
	while (p < end && (*p == ' ' || *p == '\t'))
		p++;
	while (end > p && (end[-1] == '\r' || end[-1] == '\n' || end[-1] == ' ' || end[-1] == '\t'))
		end--;
	return (size_t)(end - p) > HEADER_MAX || memchr(p, '\0', (size_t)(end - p)) ?
		       NULL :
		       arena_strndup(a, p, (size_t)(end - p));
}

static size_t
on_header(char *line, size_t one, size_t n, void *ctx)
{
	struct exchange *x = ctx;
	(void)one;
	const char *v;
	if (n > 5 && memcmp(line, "HTTP/", 5) == 0) {
		x->answer->etag = "";
		x->answer->html = x->basic_offered = x->digest_offered = false;
		x->location = NULL;
	} else if ((v = header_value(x->a, line, n, "ETag"))) {
		x->answer->etag = v;
	} else if ((v = header_value(x->a, line, n, "Location"))) {
		x->location = v;
	} else if ((v = header_value(x->a, line, n, "Content-Type"))) {
		x->answer->html = text_casestarts(v, "text/html");
	} else if ((v = header_value(x->a, line, n, "WWW-Authenticate"))) {
		x->basic_offered = x->basic_offered || text_casestarts(v, "Basic");
		x->digest_offered = x->digest_offered || text_casestarts(v, "Digest");
	}
	return n;
}

static size_t
on_body(char *data, size_t one, size_t n, void *ctx)
{
	struct exchange *x = ctx;
	(void)one;
	long status = 0;
	curl_easy_getinfo(x->h->curl, CURLINFO_RESPONSE_CODE, &status);
	x->bytes += n;
	if (x->bytes > x->h->set->response_max) {
		x->failed = ERR_LIMIT;
		return 0;
	}
	if (status == 207 && x->r->parser) {
		x->failed = dav_parser_feed(x->r->parser, data, n);
	} else if (status >= 200 && status < 300 && x->r->body_r) {
		buf_add(x->r->body_r, data, n);
		x->failed = buf_ok(x->r->body_r) ? ERR_OK : ERR_LIMIT;
	} else if (status >= 400) {
		buf_add(&x->error_body, data, n); /* what is beyond the maximum is of no interest */
	}
	return x->failed ? 0 : n;
}

/* ---- what goes out ---- */

/* The path with everything escaped that would not stay one word on a request line; what is escaped already is left alone. */
static char *
path_for_wire(struct arena *a, const char *path)
{
	char *out = arena_array(a, strlen(path) + 2, 3);
	if (!out)
		return NULL;
	char *w = out;
	if (*path != '/')
		*w++ = '/';
	for (; *path; path++) {
		unsigned char c = (unsigned char)*path;
		if (c > 0x20 && c < 0x7f && !strchr("\"<>\\^`{|}", c)) {
			*w++ = (char)c;
			continue;
		}
		*w++ = '%';
		*w++ = "0123456789ABCDEF"[c >> 4];
		*w++ = "0123456789ABCDEF"[c & 15];
	}
	*w = '\0';
	return out;
}

static void
headers_free(struct curl_slist **list)
{
	/* libcurl copied the credentials into the list. */
	for (struct curl_slist *l = *list; l; l = l->next)
		OPENSSL_cleanse(l->data, strlen(l->data));
	curl_slist_free_all(*list);
	*list = NULL;
}

static bool
header_add(struct curl_slist **list, const char *line)
{
	struct curl_slist *more = line ? curl_slist_append(*list, line) : NULL;
	if (more)
		*list = more;
	return more;
}

static bool
headers_make(struct exchange *x, struct curl_slist **list)
{
	const struct dav_request *r = x->r;
	struct arena *a = x->a;
	bool ok = header_add(list, "Expect:") &&
		  header_add(list, r->accept ? arena_printf(a, "Accept: %s", r->accept) : "Accept:");
	if (!dav_link_digest(x->h->link))
		ok = ok && header_add(list, x->h->authorization);
	if (r->depth != DAV_NO_DEPTH)
		ok = ok && header_add(list, r->depth ? "Depth: 1" : "Depth: 0");
	if (r->content_type)
		ok = ok && header_add(list, arena_printf(a, "Content-Type: %s", r->content_type));
	if (r->if_match)
		ok = ok && header_add(list, arena_printf(a, "If-Match: %s", r->if_match));
	if (r->if_none_match)
		ok = ok && header_add(list, "If-None-Match: *");
	if (r->destination) {
		const char *to = path_for_wire(a, r->destination);
		ok = ok && to && header_add(list, arena_printf(a, "Destination: %s%s", x->h->set->origin, to)) &&
		     header_add(list, "Overwrite: F");
	}
	/* Nextcloud hides subscribed calendars from clients that could fetch them from their source by themselves. */
	return ok && header_add(list, "X-NC-CalDAV-Webcal-Caching: On");
}

static void
credentials_set(struct dav_http *h)
{
	if (!dav_link_digest(h->link))
		return;
	curl_easy_setopt(h->curl, CURLOPT_HTTPAUTH, (long)CURLAUTH_DIGEST);
	curl_easy_setopt(h->curl, CURLOPT_USERNAME, h->user);
	curl_easy_setopt(h->curl, CURLOPT_PASSWORD, h->password);
}

static void
limits_set(struct dav_http *h, int64_t left)
{
	CURL *c = h->curl;
	curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT_MS, (long)(h->set->connect * 1000));
	curl_easy_setopt(c, CURLOPT_TIMEOUT_MS, (long)left);
	curl_easy_setopt(c, CURLOPT_LOW_SPEED_LIMIT, 16L);
	curl_easy_setopt(c, CURLOPT_LOW_SPEED_TIME, (long)h->set->answer);
	curl_easy_setopt(c, CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)h->set->response_max);
	curl_easy_setopt(c, CURLOPT_TCP_KEEPALIVE, 1L);
	curl_easy_setopt(c, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(c, CURLOPT_PROXY, "");
	curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 0L);
#if LIBCURL_VERSION_NUM >= 0x075500
	curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");
#else
	curl_easy_setopt(c, CURLOPT_PROTOCOLS, (long)(CURLPROTO_HTTP | CURLPROTO_HTTPS));
#endif
	curl_easy_setopt(c, CURLOPT_SSL_VERIFYPEER, h->set->verify ? 1L : 0L);
	curl_easy_setopt(c, CURLOPT_SSL_VERIFYHOST, h->set->verify ? 2L : 0L);
	if (h->set->user_agent)
		curl_easy_setopt(c, CURLOPT_USERAGENT, h->set->user_agent);
}

static void
request_set(struct exchange *x, const char *url, struct curl_slist *headers)
{
	CURL *c = x->h->curl;
	curl_easy_setopt(c, CURLOPT_URL, url);
	curl_easy_setopt(c, CURLOPT_PATH_AS_IS, 1L);
	if (x->r->content_type) {
		curl_easy_setopt(c, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)x->r->body.len);
		curl_easy_setopt(c, CURLOPT_POSTFIELDS, x->r->body.len ? (const char *)x->r->body.ptr : "");
	}
	curl_easy_setopt(c, CURLOPT_CUSTOMREQUEST, x->r->method);
	curl_easy_setopt(c, CURLOPT_HTTPHEADER, headers);
	if (x->r->compressed)
		curl_easy_setopt(c, CURLOPT_ACCEPT_ENCODING, "");
	curl_easy_setopt(c, CURLOPT_ERRORBUFFER, x->h->error);
	curl_easy_setopt(c, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(c, CURLOPT_HEADERDATA, x);
	curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(c, CURLOPT_WRITEDATA, x);
}

/* ---- one request ---- */

static enum err
transfer_failed(struct exchange *x, CURLcode code, struct error *e)
{
	struct dav_http *h = x->h;
	const char *name = h->set->name, *method = x->r->method;
	const char *why = h->error[0] ? h->error : curl_easy_strerror(code);
	switch (code) {
	case CURLE_WRITE_ERROR:
		if (x->failed == ERR_PEER)
			return err_set(e, ERR_PEER, "%s: %s: %s", name, method, dav_parser_why(x->r->parser));
		if (x->failed == ERR_LIMIT)
			return err_set(e, ERR_LIMIT, "%s: %s: the answer is too long", name, method);
		return x->failed ? err_set(e, x->failed, "%s: %s: %s", name, method, err_name(x->failed)) :
				   err_set(e, ERR_PEER, "%s: %s: %s", name, method, why);
	case CURLE_FILESIZE_EXCEEDED:
		return err_set(e, ERR_LIMIT, "%s: %s: the answer is too long", name, method);
	case CURLE_OUT_OF_MEMORY:
		return err_set(e, ERR_NOMEM, "%s: %s: out of memory", name, method);
	case CURLE_UNSUPPORTED_PROTOCOL: /* HTTP/0.9 */
	case CURLE_WEIRD_SERVER_REPLY:
	case CURLE_BAD_CONTENT_ENCODING:
		return err_set(e, ERR_PEER, "%s: %s: %s", name, method, why);
	case CURLE_SSL_CACERT_BADFILE:
		return err_set(e, ERR_UNAVAILABLE, "%s: no certificates can be read that would vouch for %s (ca_file)", name, h->set->origin);
	default:
		h->timed_out = code == CURLE_OPERATION_TIMEDOUT;
		return err_set(e, ERR_UNAVAILABLE, "%s: %s %s: %s", name, method, h->set->origin, why);
	}
}

/* Bytes as they were on the line: libcurl has sizes of bodies before they are unpacked. */
static void
count_transfer(struct exchange *x)
{
	CURL *c = x->h->curl;
	curl_off_t up = 0, down = 0;
	long request = 0, headers = 0;

	count_one(x->h->set->name, "request", x->r->kind ? x->r->kind : x->r->method);
	curl_easy_getinfo(c, CURLINFO_SIZE_UPLOAD_T, &up);
	curl_easy_getinfo(c, CURLINFO_SIZE_DOWNLOAD_T, &down);
	curl_easy_getinfo(c, CURLINFO_REQUEST_SIZE, &request);
	curl_easy_getinfo(c, CURLINFO_HEADER_SIZE, &headers);
	count_add(COUNT_DAV_OUT, (uint64_t)up + (uint64_t)request);
	count_add(COUNT_DAV_IN, (uint64_t)down + (uint64_t)headers);
}

/* As new but for its connection, with the link's cookies, which are to be used. */
static bool
handle_ready(struct dav_http *h)
{
	if (h->curl) {
		curl_easy_setopt(h->curl, CURLOPT_COOKIEFILE, NULL); /* the reset would leak its list (libcurl 7.88) */
		curl_easy_reset(h->curl);
	} else if (!(h->curl = curl_easy_init())) {
		return false;
	}
	return curl_easy_setopt(h->curl, CURLOPT_SHARE, dav_link_share(h->link)) == CURLE_OK
		&& curl_easy_setopt(h->curl, CURLOPT_COOKIEFILE, "") == CURLE_OK;
}

static enum err
transfer(struct exchange *x, const char *path, struct error *e)
{
	struct dav_http *h = x->h;
	struct curl_slist *headers AUTO(headers_free) = NULL;
	const char *wire = path_for_wire(x->a, path);
	const char *url = wire ? arena_printf(x->a, "%s%s", h->set->origin, wire) : NULL;
	if (!url || !headers_make(x, &headers))
		return err_set(e, ERR_NOMEM, "%s: out of memory for a request", h->set->name);
	int64_t begun = monotonic_ms(), left = h->deadline - begun, most = (int64_t)(h->set->connect + h->set->answer) * 1000;
	if (dav_link_held(h->link))
		return err_set(e, ERR_PAUSED, "%s: %s asked for a pause", h->set->name, h->set->origin);
	if (left <= 0) {
		h->timed_out = true;
		return err_set(e, ERR_UNAVAILABLE, "%s: %s takes too long", h->set->name, h->set->origin);
	}
	if (h->set->verify && !tls_trust_apply(h->set->trust, h->curl))
		return err_set(e, ERR_NOMEM, "%s: out of memory for a request", h->set->name);
	limits_set(h, left < most ? left : most);
	credentials_set(h);
	request_set(x, url, headers);
	h->error[0] = '\0';
	h->timed_out = false;
	buf_reset(&x->error_body);
	x->bytes = 0;
	CURLcode code = curl_easy_perform(h->curl);
	count_transfer(x);
	curl_easy_getinfo(h->curl, CURLINFO_RESPONSE_CODE, &x->answer->status);
	log_debug(&(struct log_ctx){ .user = h->user }, "%s: %s %s: %ld, %llu bytes, %lld ms", h->set->name, x->r->method,
		path, x->answer->status, (unsigned long long)x->bytes, (long long)(monotonic_ms() - begun));
	x->answer->path = path;
	return code == CURLE_OK ? ERR_OK : transfer_failed(x, code, e);
}

/* libcurl keeps as many as the server gives it, and a session lives for days: too many are thrown away. */
static bool
has_cookies(CURL *c)
{
	struct curl_slist *list = NULL;
	size_t n = 0;
	if (curl_easy_getinfo(c, CURLINFO_COOKIELIST, &list) == CURLE_OK)
		for (const struct curl_slist *l = list; l; l = l->next)
			n++;
	curl_slist_free_all(list);
	if (n > COOKIES_MAX)
		curl_easy_setopt(c, CURLOPT_COOKIELIST, "ALL");
	return n > 0 && n <= COOKIES_MAX;
}

/* The request until it has an answer that is neither a redirect nor a challenge that can be met. */
static enum err
transfer_all(struct exchange *x, struct error *e)
{
	struct dav_http *h = x->h;
	const char *path = x->r->path;
	for (unsigned hops = 0, tries = 0;;) {
		if (!handle_ready(h))
			return err_set(e, ERR_NOMEM, "%s: out of memory for a request", h->set->name);
		bool cookies = has_cookies(h->curl);
		enum err err = transfer(x, path, e);
		if (err)
			return err;
		long status = x->answer->status;
		if (status == 401) {
			if (!dav_link_digest(h->link) && x->digest_offered && !x->basic_offered) {
				dav_link_set_digest(h->link);
			} else if ((cookies || dav_link_proven(h->link)) && tries++ == 0) {
				/* A session that has expired is no wrong password, nor is a server that cannot look it up for once:
				 * ask again, without cookies. */
				curl_easy_setopt(h->curl, CURLOPT_COOKIELIST, "ALL");
			} else {
				return err_set(e, ERR_AUTH, "%s: %s refused user or password", h->set->name, h->set->origin);
			}
			continue;
		}
		if (status >= 200 && status < 300)
			dav_link_prove(h->link);
		if (!(status == 301 || status == 302 || status == 307 || status == 308) || !x->location)
			return ERR_OK;
		const char *to = dav_href_path(x->a, h->set->origin, path, x->location);
		if (!to)
			return err_set(e, ERR_PEER, "%s: %s redirects elsewhere (to %.60s): not followed; if that is right, set url so",
				h->set->name, h->set->origin, x->location);
		if (++hops > REDIRECTS_MAX)
			return err_set(e, ERR_PEER, "%s: %s redirects in circles", h->set->name, h->set->origin);
		path = to;
	}
}

/* What the body of a refusal says, where it is a DAV:error. */
static void
read_refusal(struct exchange *x)
{
	struct dav_parser *p AUTO(dav_parser_free) = dav_parser_new(ERROR_BODY_MAX, NULL, NULL);
	struct buf *b = &x->error_body;
	if (!p || x->answer->html || dav_parser_feed(p, b->data, b->len) || dav_parser_end(p))
		return;
	x->answer->conditions = dav_parser_conditions(p);
	const char *href = dav_parser_conflict_href(p);
	if (href)
		x->answer->conflict_href = dav_href_path(x->a, x->h->set->origin, x->answer->path, href);
}

static enum err
unavailable(struct exchange *x, struct error *e)
{
	struct dav_http *h = x->h;
	curl_off_t seconds = 0;
	curl_easy_getinfo(h->curl, CURLINFO_RETRY_AFTER, &seconds);
	if (seconds > 0)
		dav_link_hold(h->link, (seconds < HOLD_MAX ? seconds : HOLD_MAX) * 1000);
	bool alive = x->answer->status < 500;
	return err_set(e, alive ? ERR_PAUSED : ERR_UNAVAILABLE, "%s: %s: HTTP %ld from %s", h->set->name, x->r->method,
		x->answer->status, h->set->origin);
}

/* RFC 4918, 9.9.4: 502 to a MOVE is the server's answer, of a target that it takes for another's. */
static bool
is_unavailable(const struct dav_request *r, long status)
{
	return status == 408 || status == 429 || (status == 502 && !r->destination) || status == 503 || status == 504;
}

enum err
dav_http_run(struct dav_http *h, struct arena *a, const struct dav_request *r, struct dav_answer *answer_r, struct error *e)
{
	*answer_r = (struct dav_answer){ .etag = "" };
	struct exchange x = { .h = h, .a = a, .r = r, .answer = answer_r };
	buf_init(&x.error_body, ERROR_BODY_MAX);
	enum err err = transfer_all(&x, e);
	long status = answer_r->status;
	if (!err && is_unavailable(r, status))
		err = unavailable(&x, e);
	if (!err && status >= 400)
		read_refusal(&x);
	if (!err && status == 207 && r->parser) {
		err = dav_parser_end(r->parser);
		if (err)
			err_set(e, err, "%s: %s: %s", h->set->name, r->method, dav_parser_why(r->parser));
		answer_r->parsed = !err;
	}
	if (!err && x.location)
		answer_r->location = dav_href_path(a, h->set->origin, answer_r->path, x.location);
	buf_finish(&x.error_body);
	return err;
}

/* ---- statuses ---- */

static enum err
condition_err(unsigned conditions)
{
	if (conditions & DAV_UID_TAKEN)
		return ERR_EXISTS;
	if (conditions & DAV_TOO_LARGE)
		return ERR_LIMIT;
	if (conditions & DAV_BAD_DATA)
		return ERR_INVALID;
	if (conditions & DAV_NO_QUOTA)
		return ERR_QUOTA;
	return conditions & DAV_NO_PRIVILEGE ? ERR_DENIED : ERR_OK;
}

static enum err
status_err(long status, bool writes)
{
	switch (status) {
	case 400:
	case 415:
	case 422:
		return writes ? ERR_INVALID : ERR_PEER;
	case 403:
	case 405:
		return ERR_DENIED;
	case 404:
	case 410:
		return ERR_NOTFOUND;
	case 409:
		return writes ? ERR_NOFOLDER : ERR_PEER;
	case 412:
		return ERR_CONFLICT;
	case 413:
	case 414:
		return ERR_LIMIT;
	case 423:
		return ERR_PAUSED;
	case 501:
		return ERR_UNSUPPORTED;
	case 507:
		return ERR_QUOTA;
	default:
		return ERR_PEER;
	}
}

enum err
dav_http_refused(const struct dav_http *h, const char *method, const struct dav_answer *answer, struct error *e)
{
	if (answer->status < 300 && answer->html)
		return err_set(e, ERR_PEER, "%s: %s: %s answered with a web page: is url the address of its DAV service?",
			h->set->name, method, h->set->origin);
	bool writes = strcmp(method, "PROPFIND") != 0 && strcmp(method, "REPORT") != 0;
	enum err err = condition_err(answer->conditions);
	if (!err)
		err = status_err(answer->status, writes);
	return err_set(e, err, "%s: %s: HTTP %ld from %s", h->set->name, method, answer->status, h->set->origin);
}
