#include "backend/dav/href.h"

#include <curl/curl.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/text.h"

static void
url_cleanup(CURLU **u)
{
	curl_url_cleanup(*u);
	*u = NULL;
}

static void
part_free(char **part)
{
	curl_free(*part);
	*part = NULL;
}

static char *
url_part(CURLU *u, CURLUPart what)
{
	char *part = NULL;
	return curl_url_get(u, what, &part, CURLU_NO_DEFAULT_PORT) == CURLUE_OK ? part : NULL;
}

char *
dav_origin(struct arena *a, const char *url)
{
	if (!text_casestarts(url, "http://") && !text_casestarts(url, "https://"))
		return NULL;
	/* Only what stands before the path is given to libcurl: the rest may be a template. */
	const char *authority = strstr(url, "://") + 3;
	size_t n = (size_t)(authority - url) + strcspn(authority, "/?#");
	char *head = arena_strndup(a, url, n);
	CURLU *u AUTO(url_cleanup) = curl_url();
	if (!head || !u || curl_url_set(u, CURLUPART_URL, head, 0) != CURLUE_OK)
		return NULL;
	char *user AUTO(part_free) = url_part(u, CURLUPART_USER);
	char *scheme AUTO(part_free) = url_part(u, CURLUPART_SCHEME);
	char *host AUTO(part_free) = url_part(u, CURLUPART_HOST);
	char *port AUTO(part_free) = url_part(u, CURLUPART_PORT);
	if (user || !scheme || !host)
		return NULL;
	char *origin = arena_printf(a, "%s://%s%s%s", scheme, host, port ? ":" : "", port ? port : "");
	for (char *p = origin; p && *p; p++)
		if (*p >= 'A' && *p <= 'Z')
			*p = (char)(*p - 'A' + 'a');
	return origin;
}

const char *
dav_url_path(const char *url)
{
	const char *authority = strstr(url, "://");
	const char *path = authority ? strpbrk(authority + 3, "/?#") : strchr(url, '/');
	return path && *path == '/' ? path : "/";
}

/* A scheme and a colon before any slash (RFC 3986, section 3.1). */
static bool
has_scheme(const char *href)
{
	size_t n = strspn(href, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+-.");
	return n > 0 && href[n] == ':' && href[n + 1] == '/';
}

static const char *
resolve(struct arena *a, const char *origin, const char *base, const char *href)
{
	if (href[0] == '/' && href[1] != '/')
		return arena_strndup(a, href, strcspn(href, "#"));
	if (has_scheme(href) || href[0] == '/') {
		const char *url = href;
		if (href[0] == '/')
			url = arena_printf(a, "%.*s:%s", (int)strcspn(origin, ":"), origin, href);
		char *theirs = url ? dav_origin(a, url) : NULL;
		if (!theirs || strcmp(theirs, origin) != 0)
			return NULL;
		const char *path = dav_url_path(url);
		return arena_strndup(a, path, strcspn(path, "#"));
	}
	const char *slash = strrchr(base, '/');
	int dir = slash ? (int)(slash - base + 1) : 0;
	return arena_printf(a, "%.*s%.*s", dir, base, (int)strcspn(href, "#"), href);
}

static int
hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)(c | 0x20);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The byte at *p, unescaped; moves *p behind it. */
static unsigned char
next_byte(const char **p)
{
	const char *s = *p;
	bool escaped = s[0] == '%' && hex(s[1]) >= 0 && hex(s[2]) >= 0;
	*p = s + (escaped ? 3 : 1);
	return (unsigned char)(escaped ? hex(s[1]) << 4 | hex(s[2]) : s[0]);
}

bool
dav_path_climbs(const char *path)
{
	size_t n = 0, dots = 0; /* of the segment so far */
	for (const char *p = path;;) {
		bool end = !*p;
		unsigned char c = end ? '/' : next_byte(&p);
		if (c == '/' || c == '\\') {
			if (n == dots && (n == 1 || n == 2))
				return true;
			n = dots = 0;
		} else {
			n++;
			dots += c == '.';
		}
		if (end)
			return false;
	}
}

const char *
dav_href_path(struct arena *a, const char *origin, const char *base, const char *href)
{
	const char *path = *href ? resolve(a, origin, base, href) : NULL;
	return path && !dav_path_climbs(path) ? path : NULL;
}

char
dav_template_at(const char *p)
{
	if (p[0] != '%' || (hex(p[1]) >= 0 && hex(p[2]) >= 0))
		return '\0';
	return p[1] == 'u' || p[1] == 'l' || p[1] == 'd' ? p[1] : '\0';
}

static bool
unreserved(unsigned char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || (c && strchr("-._~", c));
}

char *
dav_path_canonical(struct arena *a, const char *path)
{
	size_t n = strlen(path);
	while (n > 1 && path[n - 1] == '/')
		n--;
	char *out = arena_array(a, n + 1, 3);
	if (!out)
		return NULL;
	char *w = out;
	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)path[i];
		bool escaped = c == '%' && i + 2 < n && hex(path[i + 1]) >= 0 && hex(path[i + 2]) >= 0;
		if (escaped) {
			c = (unsigned char)(hex(path[i + 1]) << 4 | hex(path[i + 2]));
			i += 2;
		}
		if (unreserved(c) || (c == '/' && !escaped)) {
			*w++ = (char)c;
		} else {
			*w++ = '%';
			*w++ = "0123456789ABCDEF"[c >> 4];
			*w++ = "0123456789ABCDEF"[c & 15];
		}
	}
	*w = '\0';
	return out;
}

bool
dav_path_same(struct arena *a, const char *x, const char *y)
{
	const char *cx = dav_path_canonical(a, x);
	const char *cy = dav_path_canonical(a, y);
	return cx && cy && strcmp(cx, cy) == 0;
}

const char *
dav_path_in(struct arena *a, const char *collection_canonical, const char *path)
{
	size_t n = strlen(path);
	while (n > 0 && path[n - 1] == '/')
		n--;
	while (n > 0 && path[n - 1] != '/')
		n--;
	const char *name = path + n;
	if (n == 0 || !*name || *name == '/')
		return NULL;
	struct arena_mark m = arena_mark(a);
	const char *dir = arena_strndup(a, path, n);
	const char *canonical = dir ? dav_path_canonical(a, dir) : NULL;
	bool in = canonical && strcmp(canonical, collection_canonical) == 0;
	arena_rewind(a, m);
	return in ? name : NULL;
}

const char *
dav_path_last(struct arena *a, const char *path)
{
	size_t n = strlen(path);
	while (n > 0 && path[n - 1] == '/')
		n--;
	size_t from = n;
	while (from > 0 && path[from - 1] != '/')
		from--;
	const char *last = text_unpercent(a, path + from, n - from, false);
	return last ? last : "";
}
