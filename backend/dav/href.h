/* backend/dav/href.h - what servers write as hrefs: whose they are, and whether two mean the same.
 *
 * Servers write hrefs as a path, as a whole URL, now and then relative, and do not always escape the same characters
 * (RFC 4918, section 8.3). All results live in the arena that is given; NULL also where memory is short.
 */
#ifndef BACKEND_DAV_HREF_H
#define BACKEND_DAV_HREF_H

#include <stdbool.h>

#include "base/arena.h"

/* "https://cloud.example.org:8443" of a URL, in lower case and without the scheme's own port; NULL where it is no http(s) URL
 * or names a user. */
char *dav_origin(struct arena *a, const char *url);
/* The path of a URL as it is written, "/" where there is none. No origin is checked; borrowed from url. */
const char *dav_url_path(const char *url);

/* 'u', 'l' or 'd' where %u, %l or %d stands at p; 0 for anything else, also for an escape such as %20 or %da. */
char dav_template_at(const char *p);

/* Whether a segment of the path is "." or "..", in whatever way that is written (%2e, or behind an escaped slash or backslash):
 * somebody on the way would make another path of it. */
bool dav_path_climbs(const char *path);

/* The path that the href means, as it is written, when it stands in an answer to a request for the path `base` of this origin.
 * NULL where it belongs to another origin, climbs or is none. */
const char *dav_href_path(struct arena *a, const char *origin, const char *base, const char *href);

/* The one way to write this path: two paths are the same if and only if these are. The slash at the end does not count. */
char *dav_path_canonical(struct arena *a, const char *path);
bool dav_path_same(struct arena *a, const char *x, const char *y);

/* Where `path` stands directly in the collection: what is written behind the collection's path, borrowed from path. NULL where
 * it stands elsewhere, deeper, or is the collection itself. A slash at the end is kept: that is a collection. */
const char *dav_path_in(struct arena *a, const char *collection_canonical, const char *path);

/* The last segment, percent-decoded, without slashes; "" where it cannot be told. */
const char *dav_path_last(struct arena *a, const char *path);

#endif
