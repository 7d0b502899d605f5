/* eas/calendar_forward.h - events that are forwarded or replied to. Private to eas/. */
#ifndef EAS_CALENDAR_FORWARD_H
#define EAS_CALENDAR_FORWARD_H

#include "eas/item.h"

struct cal_forwarded {
	struct slice invitation; /* iCalendar with a METHOD, without the user's own alarms */
	const char *method;      /* that one, else REQUEST, or PUBLISH where the event has no organizer */
	struct slice message;    /* what the event says, as a mail from its organizer that can be quoted */
	const char *subject;
};

/* The event, or the instance of it that starts (in the series) at `instance` ("": all of it). UNSUPPORTED: the event
 * has no instances. NOTFOUND: not this one. INVALID: no event. LIMIT, NOMEM. All in the arena. */
enum err cal_forward(const struct item_view *v, struct arena *a, struct slice bytes, const char *instance,
	struct cal_forwarded *f_r, struct error *e) NODISCARD;

#endif
