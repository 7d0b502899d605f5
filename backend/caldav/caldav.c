/* The module for calendars and task lists. */
#include "backend/dav/dav.h"

static const struct dav_kind calendars = {
	.id = DAV_CALENDARS,
	.name = "caldav",
	.well_known = "/.well-known/caldav",
	.extension = ".ics",
	.content_type = "text/calendar; charset=utf-8",
	.multiget = "C:calendar-multiget",
	.data = "C:calendar-data",
};

static enum err
caldav_open(struct conf *conf, struct backend **b_r, struct error *e)
{
	return dav_open(&calendars, conf, b_r, e);
}

extern const struct backend_ops backend_module;
EXPORT const struct backend_ops backend_module = {
	DAV_OPERATIONS,
	.name = "caldav",
	.classes = BACKEND_CALENDAR | BACKEND_TASKS,
	.open = caldav_open,
};
