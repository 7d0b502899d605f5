/* eas/quirk.h - special cases for clients as data: who (device type, user agent, version), and which switches. Private
 * to eas/. */
#ifndef EAS_QUIRK_H
#define EAS_QUIRK_H

#include <stdint.h>

enum quirk {
	QUIRK_EARLY_START = 1,     /* gives up after 30 s without a byte: slow answers begin early */
	QUIRK_NO_PROVISION = 4,    /* does not provision and is let in nevertheless */
	QUIRK_HTTP_449 = 8,        /* provisions on the HTTP line only, also from 14.0 */
	QUIRK_MERGE_CALENDAR = 16, /* shows one calendar only */
	QUIRK_MERGE_CONTACTS = 32, /* shows one address book only */
	QUIRK_EMPTY_PICTURE = 64,  /* sends an empty Picture with edits of anything: it deletes nothing */
	QUIRK_UNTIL_DATE = 128,    /* sends Until as 00:00 UTC of the date where it is */
};

/* The switches of a client; device_type and user_agent may be "". */
uint64_t quirks_of(const char *device_type, const char *user_agent, unsigned version);

#endif
