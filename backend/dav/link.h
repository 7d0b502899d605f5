/* backend/dav/link.h - what all sessions of one user with one server share: cookies, addresses, TLS sessions, and the word
 * of the server that it wants to be left alone for a while.
 *
 * The calendars and the address books of a user are often at the same server, which then checks the password once (slowly)
 * and afterwards knows the user by a cookie. Connections are not shared: libcurl's pool is not safe between threads.
 *
 * Threads:   any; a link has locks of its own.
 * Passwords: a link is found by a keyed hash; the key is drawn at the start and never leaves the process.
 */
#ifndef BACKEND_DAV_LINK_H
#define BACKEND_DAV_LINK_H

#include <curl/curl.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

struct dav_link;

/* Before any thread starts, once per module. */
enum err dav_link_global(struct error *e) NODISCARD;

/* The link of these four, made if there is none; give it back with dav_link_put(). ca_file (NULL: the system's) is one of them
 * because a TLS session that is resumed is not verified again. */
enum err dav_link_get(const char *origin, const char *ca_file, const char *user, const char *password, struct dav_link **l_r,
	struct error *e) NODISCARD;
/* Stores NULL. The last one to give it back ends it, unless the server asked for a pause that is not over; its easy handles must be closed
 * by then. */
void dav_link_put(struct dav_link **l);

CURLSH *dav_link_share(struct dav_link *l);

/* Retry-After: no request for so many milliseconds, also by sessions that are opened meanwhile. */
void dav_link_hold(struct dav_link *l, int64_t ms);
bool dav_link_held(const struct dav_link *l);
/* The server took user and password: a refusal after that may be a hiccup of its own. */
void dav_link_prove(struct dav_link *l);
bool dav_link_proven(const struct dav_link *l);
/* The server wants Digest, not Basic. */
void dav_link_set_digest(struct dav_link *l);
bool dav_link_digest(const struct dav_link *l);

#endif
