/* eas/mirror_flight.h - looks at folders: one at a time for each, and when the last one was (what mirror.h asks of that is here, too).
 * Private to eas/mirror.c.
 *
 * Of this process only: another responder's looks are not known here.
 */
#ifndef EAS_MIRROR_FLIGHT_H
#define EAS_MIRROR_FLIGHT_H

#include <stdint.h>

#include "base/error.h"

enum flight_start {
	FLIGHT_OWN,      /* look, and then flight_land() */
	FLIGHT_SHARED,   /* somebody has looked since this call began */
	FLIGHT_TOO_LONG, /* somebody has been at it for seconds */
};

/* Waits where somebody is looking. */
enum flight_start flight_take_off(int64_t folder);
void flight_land(int64_t folder, enum err result);

#endif
