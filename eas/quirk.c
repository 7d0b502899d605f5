#include "eas/quirk.h"

#include <stddef.h>

#include "base/defs.h"
#include "base/text.h"

/* A row holds for clients whose device type and user agent begin so (NULL: any), in versions first..last (0: any). */
static const struct {
	const char *device_type, *user_agent;
	unsigned first, last;
	uint64_t quirks;
} table[] = {
	/* Gmail and the AOSP client: 30 s without a byte end a Sync; Until is a date [AOSP EasServerConnection,
	 * CalendarUtilities]. */
	{ "Android", "Android-Mail/", 0, 0, QUIRK_EARLY_START | QUIRK_UNTIL_DATE },
	{ "Android", "Android/", 0, 0, QUIRK_EARLY_START | QUIRK_UNTIL_DATE },
	/* The Connectivity Analyzer does not follow 449. */
	{ "TestActiveSyncConnectivity", NULL, 0, 0, QUIRK_NO_PROVISION },
	/* iOS, since 8: the photo would go with the first edit of a telephone number. */
	{ "iPhone", NULL, 0, 0, QUIRK_EMPTY_PICTURE },
	{ "iPad", NULL, 0, 0, QUIRK_EMPTY_PICTURE },
	{ "iPod", NULL, 0, 0, QUIRK_EMPTY_PICTURE },
	/* Evolution's library calls itself so; it handles the HTTP line only. */
	{ "MeeGo", "libeas", 0, 0, QUIRK_HTTP_449 },
};

uint64_t
quirks_of(const char *device_type, const char *user_agent, unsigned version)
{
	uint64_t quirks = 0;

	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		if (table[i].device_type && !text_casestarts(device_type, table[i].device_type))
			continue;
		if (table[i].user_agent && !text_casestarts(user_agent, table[i].user_agent))
			continue;
		if (version < table[i].first || (table[i].last && version > table[i].last))
			continue;
		quirks |= table[i].quirks;
	}
	return quirks;
}
