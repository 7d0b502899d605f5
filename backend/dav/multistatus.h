/* backend/dav/multistatus.h - answers in XML: a push parser that hands over one response after the other.
 *
 * It reads a DAV:multistatus, a DAV:error, and the answers of MKCOL and MKCALENDAR, in pieces as they come, and keeps one
 * response at a time. A document type declaration is refused before anything in it is looked at: WebDAV has no use for one,
 * and with it go entities, inner and outer.
 *
 * Limits:    depth 32; one tag 256 kB; one item `item_max` bytes (more: the response comes with too_large and without data); other texts 8 kB
 *            (longer ones count as absent); 64 hrefs in one response.
 * Errors:    PEER for what is no such document, LIMIT, NOMEM; or what the callback returned. Sticky.
 * Spec:      RFC 4918, sections 14 and 16
 */
#ifndef BACKEND_DAV_MULTISTATUS_H
#define BACKEND_DAV_MULTISTATUS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

/* Properties that are text. */
enum dav_text {
	DAV_ETAG,
	DAV_CTAG,
	DAV_SYNC_TOKEN,
	DAV_DISPLAYNAME,
	DAV_LENGTH,
	DAV_DATA, /* calendar-data, address-data; lines end with LF, as XML has it */
	DAV_TEXTS
};

/* Properties that are hrefs. */
enum dav_link_prop {
	DAV_PRINCIPAL,        /* current-user-principal */
	DAV_CALENDAR_HOME,
	DAV_ADDRESSBOOK_HOME,
	DAV_OWNER,
	DAV_INBOX,            /* schedule-inbox-URL */
	DAV_OUTBOX,           /* schedule-outbox-URL */
	DAV_DEFAULT_CALENDAR, /* schedule-default-calendar-URL */
	DAV_ADDRESSES,        /* calendar-user-address-set */
	DAV_LINKS
};
#define DAV_LINK_MAX 8

/* resourcetype */
enum dav_type {
	DAV_TYPE_COLLECTION = 1,
	DAV_TYPE_CALENDAR = 2,
	DAV_TYPE_ADDRESSBOOK = 4,
	DAV_TYPE_SHARED = 8,
	DAV_TYPE_NOT_ONES_OWN = 16, /* inbox, trash bin, deleted, notifications, directory of all users: nothing to show */
	DAV_TYPE_PRINCIPAL = 32,
};

enum dav_component { DAV_VEVENT = 1, DAV_VTODO = 2, DAV_VJOURNAL = 4 };

/* What a DAV:error names (pre- and postconditions). */
enum dav_condition {
	DAV_BAD_TOKEN = 1,      /* valid-sync-token */
	DAV_TOO_MANY = 2,       /* number-of-matches-within-limits */
	DAV_UID_TAKEN = 4,      /* no-uid-conflict */
	DAV_TOO_LARGE = 8,      /* max-resource-size */
	DAV_BAD_DATA = 16,      /* valid-calendar-data, supported-calendar-component, ... */
	DAV_NO_PRIVILEGE = 32,  /* need-privileges */
	DAV_NO_QUOTA = 64,      /* quota-not-exceeded, sufficient-disk-space */
	DAV_NO_REPORT = 128,    /* supported-report */
};

struct dav_response {
	const char *href;    /* as it is written, without white space around it */
	unsigned status;     /* of the response itself; 0: it has propstats */
	unsigned refused;    /* the first status of a propstat that is not 2xx; 0: none */
	bool has_props;      /* there was a propstat with 2xx */
	/* What the propstats with 2xx say: */
	const char *text[DAV_TEXTS]; /* NULL: absent */
	const char *link[DAV_LINKS][DAV_LINK_MAX + 1]; /* NULL-terminated */
	unsigned types;      /* enum dav_type */
	unsigned components; /* enum dav_component; of supported-calendar-component-set */
	bool has_types, has_privileges, has_reports;
	bool has_components; /* it names any; known or not */
	bool may_write;      /* current-user-privilege-set grants some writing of items */
	bool syncs;          /* sync-collection is among the supported reports */
	bool too_large;      /* its data is over item_max */
	unsigned conditions; /* enum dav_condition */
};

/* Called for each href; everything is valid during the call only. Other than OK ends the parsing. */
typedef enum err (*dav_response_fn)(void *ctx, const struct dav_response *r);

struct dav_parser;

/* fn may be NULL. NULL if memory is short. */
struct dav_parser *dav_parser_new(size_t item_max, dav_response_fn fn, void *ctx);
/* Also an AUTO destructor. */
void dav_parser_free(struct dav_parser **p);

/* The next bytes. */
enum err dav_parser_feed(struct dav_parser *p, const void *data, size_t n) NODISCARD;
/* The last byte has come: OK only if the document is complete. */
enum err dav_parser_end(struct dav_parser *p) NODISCARD;
/* Why it failed, for people; "" if it did not. */
const char *dav_parser_why(const struct dav_parser *p);

/* sync-token of the multistatus (RFC 6578, section 6.4), NULL if there is none; valid until the parser is freed. */
const char *dav_parser_sync_token(const struct dav_parser *p);
/* What a document that is a DAV:error names: enum dav_condition. */
unsigned dav_parser_conditions(const struct dav_parser *p);
/* The href within no-uid-conflict, NULL if there is none. */
const char *dav_parser_conflict_href(const struct dav_parser *p);

#endif
