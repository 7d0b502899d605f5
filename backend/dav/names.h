/* backend/dav/names.h - the XML names that the parser knows; private to it. */
#ifndef BACKEND_DAV_NAMES_H
#define BACKEND_DAV_NAMES_H

#include <stdbool.h>

#define DAV_NS_SEPARATOR '\n' /* expat joins namespace and name with it; it cannot stand in a namespace's name */

enum dav_name {
	N_OTHER,
	/* structure */
	N_MULTISTATUS, N_ERROR, N_MKCOL_RESPONSE, N_MKCALENDAR_RESPONSE,
	N_RESPONSE, N_PROPSTAT, N_PROP, N_STATUS, N_HREF,
	/* properties that are text, in the order of enum dav_text */
	N_ETAG, N_CTAG, N_SYNC_TOKEN, N_DISPLAYNAME, N_LENGTH, N_DATA,
	/* properties that are hrefs, in the order of enum dav_link_prop */
	N_PRINCIPAL, N_CALENDAR_HOME, N_ADDRESSBOOK_HOME, N_OWNER, N_INBOX_URL, N_OUTBOX_URL, N_DEFAULT_CALENDAR,
	N_ADDRESSES,
	/* the other properties */
	N_TYPE, N_COMPONENTS, N_PRIVILEGES, N_REPORTS,
	/* within them */
	N_COMP, N_PRIVILEGE, N_SUPPORTED_REPORT, N_REPORT, N_SYNC_COLLECTION,
	N_COLLECTION, N_CALENDAR, N_ADDRESSBOOK, N_SHARED, N_NOT_ONES_OWN, N_PRINCIPAL_TYPE,
	N_MAY_WRITE,
	/* conditions, in the order of the bits of enum dav_condition */
	N_BAD_TOKEN, N_TOO_MANY, N_UID_TAKEN, N_TOO_LARGE, N_BAD_DATA, N_NO_PRIVILEGE, N_NO_QUOTA, N_NO_REPORT,
};

/* name as expat gives it: "DAV:\nhref". */
enum dav_name dav_name_find(const char *name);
/* Tests: whether the table is in the order that the search needs. */
bool dav_names_sorted(void);

#endif
