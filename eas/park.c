/* Parked requests: which command they belong to. */
#include <stdlib.h>

#include "eas/command.h"

int64_t
eas_due(const struct eas_server *server, const struct eas_park *p, const struct log_ctx *log)
{
	return p->kind == EAS_WAIT_PING ? ping_due(server, p, log) : sync_due(server, p, log);
}

enum eas_outcome
eas_resume(struct eas_request *r, const struct eas_park *p, enum eas_wake why)
{
	return p->kind == EAS_WAIT_PING ? ping_resume(r, p, why) : sync_resume(r, p, why);
}

void
eas_park_free(struct eas_park **p)
{
	free(*p);
	*p = NULL;
}
