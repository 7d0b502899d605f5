/* base/error.h - the one error type of the project.
 *
 * A function that can fail returns `enum err`. Where a detail helps an admin, it also takes a `struct error *e` as its last
 * parameter (NULL is allowed) and records one sentence there; nobody but the one who handles the error logs it.
 * What a phone gets is a Status that its command picks; never the sentence.
 *
 * The code says how far the damage reaches and whether to try again:
 *   this item:      NOTFOUND EXISTS CONFLICT DENIED INVALID LIMIT QUOTA UNSUPPORTED   (do not try again as it is)
 *   this folder:    NOFOLDER                                                        (it is gone)
 *   this backend:   UNAVAILABLE PAUSED PEER                                         (try again later)
 *   this request:   BUSY                                                            (try again when a session is free)
 *   the login:      AUTH                                                            (credentials were really refused)
 *   ourselves:      NOMEM INTERNAL
 */
#ifndef BASE_ERROR_H
#define BASE_ERROR_H

#include "base/defs.h"

enum err {
	ERR_OK = 0,
	ERR_NOTFOUND,    /* no such item */
	ERR_NOFOLDER,    /* no such folder */
	ERR_EXISTS,      /* the name is taken already */
	ERR_CONFLICT,    /* another version is stored than the one expected */
	ERR_DENIED,      /* not allowed, read-only: for good */
	ERR_AUTH,        /* the server refused user or password */
	ERR_INVALID,     /* malformed input */
	ERR_LIMIT,       /* one of our limits, or the peer's, was exceeded */
	ERR_QUOTA,       /* the server has no room for it */
	ERR_UNAVAILABLE, /* server down, time-out, "try again" */
	ERR_PAUSED,      /* the server is well, and wants us to wait; a module's alone, to the core it is UNAVAILABLE */
	ERR_BUSY,        /* no session or no slot free now: queue the request, run it again */
	ERR_UNSUPPORTED, /* this server or module cannot */
	ERR_PEER,        /* the server broke its protocol; treated like UNAVAILABLE */
	ERR_NOMEM,       /* the arena's cap, a buffer's maximum, or malloc */
	ERR_INTERNAL,    /* a fault of ours */
};

struct error {
	enum err code;
	char text[256]; /* for the log: what failed and with whom, never a password, body or address */
};

/* Records code and text in e (if not NULL; a later call replaces an earlier one) and returns code, so that failing is one
 * line: return err_set(e, ERR_PEER, "..."). Too long a text is cut. */
enum err err_set(struct error *e, enum err code, const char *fmt, ...) PRINTF(3, 4);

/* A short English word for the code, for logs; never NULL. */
const char *err_name(enum err code);

/* True for the codes after which the same call may succeed later without anything being changed. */
static inline int
err_is_temporary(enum err code)
{
	return code == ERR_UNAVAILABLE || code == ERR_PAUSED || code == ERR_PEER || code == ERR_BUSY || code == ERR_NOMEM;
}

#endif
