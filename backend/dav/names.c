#include "backend/dav/names.h"

#include <stdlib.h>
#include <string.h>

#include "base/defs.h"

struct row {
	const char *name;
	enum dav_name id;
};

#define DAV "DAV:\n"
#define CAL "urn:ietf:params:xml:ns:caldav\n"
#define CARD "urn:ietf:params:xml:ns:carddav\n"
#define CS "http://calendarserver.org/ns/\n"
#define NC "http://nextcloud.com/ns\n"

/* Sorted by strcmp. */
static const struct row rows[] = {
	{ DAV "all", N_MAY_WRITE },
	{ DAV "bind", N_MAY_WRITE },
	{ DAV "collection", N_COLLECTION },
	{ DAV "current-user-principal", N_PRINCIPAL },
	{ DAV "current-user-privilege-set", N_PRIVILEGES },
	{ DAV "displayname", N_DISPLAYNAME },
	{ DAV "error", N_ERROR },
	{ DAV "getcontentlength", N_LENGTH },
	{ DAV "getetag", N_ETAG },
	{ DAV "href", N_HREF },
	{ DAV "mkcol-response", N_MKCOL_RESPONSE },
	{ DAV "multistatus", N_MULTISTATUS },
	{ DAV "need-privileges", N_NO_PRIVILEGE },
	{ DAV "number-of-matches-within-limits", N_TOO_MANY },
	{ DAV "owner", N_OWNER },
	{ DAV "principal", N_PRINCIPAL_TYPE },
	{ DAV "privilege", N_PRIVILEGE },
	{ DAV "prop", N_PROP },
	{ DAV "propstat", N_PROPSTAT },
	{ DAV "quota-not-exceeded", N_NO_QUOTA },
	{ DAV "report", N_REPORT },
	{ DAV "resourcetype", N_TYPE },
	{ DAV "response", N_RESPONSE },
	{ DAV "status", N_STATUS },
	{ DAV "sufficient-disk-space", N_NO_QUOTA },
	{ DAV "supported-report", N_SUPPORTED_REPORT },
	{ DAV "supported-report-set", N_REPORTS },
	{ DAV "sync-collection", N_SYNC_COLLECTION },
	{ DAV "sync-token", N_SYNC_TOKEN },
	{ DAV "valid-sync-token", N_BAD_TOKEN },
	{ DAV "write", N_MAY_WRITE },
	{ DAV "write-content", N_MAY_WRITE },
	{ CS "dropbox-home", N_NOT_ONES_OWN },
	{ CS "getctag", N_CTAG },
	{ CS "notification", N_NOT_ONES_OWN },
	{ CS "shared", N_SHARED },
	{ NC "deleted-calendar", N_NOT_ONES_OWN },
	{ NC "trash-bin", N_NOT_ONES_OWN },
	{ CAL "calendar", N_CALENDAR },
	{ CAL "calendar-data", N_DATA },
	{ CAL "calendar-home-set", N_CALENDAR_HOME },
	{ CAL "calendar-user-address-set", N_ADDRESSES },
	{ CAL "comp", N_COMP },
	{ CAL "max-resource-size", N_TOO_LARGE },
	{ CAL "mkcalendar-response", N_MKCALENDAR_RESPONSE },
	{ CAL "no-uid-conflict", N_UID_TAKEN },
	{ CAL "schedule-default-calendar-URL", N_DEFAULT_CALENDAR },
	{ CAL "schedule-inbox", N_NOT_ONES_OWN },
	{ CAL "schedule-inbox-URL", N_INBOX_URL },
	{ CAL "schedule-outbox-URL", N_OUTBOX_URL },
	{ CAL "supported-calendar-component", N_BAD_DATA },
	{ CAL "supported-calendar-component-set", N_COMPONENTS },
	{ CAL "supported-calendar-data", N_BAD_DATA },
	{ CAL "supported-report", N_NO_REPORT },
	{ CAL "valid-calendar-data", N_BAD_DATA },
	{ CAL "valid-calendar-object-resource", N_BAD_DATA },
	{ CARD "address-data", N_DATA },
	{ CARD "addressbook", N_ADDRESSBOOK },
	{ CARD "addressbook-home-set", N_ADDRESSBOOK_HOME },
	{ CARD "directory", N_NOT_ONES_OWN },
	{ CARD "max-resource-size", N_TOO_LARGE },
	{ CARD "no-uid-conflict", N_UID_TAKEN },
	{ CARD "supported-address-data", N_BAD_DATA },
	{ CARD "valid-address-data", N_BAD_DATA },
};

static int
by_name(const void *key, const void *row)
{
	return strcmp(key, ((const struct row *)row)->name);
}

enum dav_name
dav_name_find(const char *name)
{
	const struct row *row = bsearch(name, rows, ARRAY_LEN(rows), sizeof *rows, by_name);
	return row ? row->id : N_OTHER;
}

bool
dav_names_sorted(void)
{
	for (size_t i = 1; i < ARRAY_LEN(rows); i++)
		if (strcmp(rows[i - 1].name, rows[i].name) >= 0)
			return false;
	return true;
}
