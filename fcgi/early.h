/* fcgi/early.h - answers that begin before they are complete, for phones that give up without a byte. Private to fcgi/.
 *
 * The command allows it once it can say everything in its document (eas_request.may_begin); after [server] early_start
 * seconds the hub
 * sends the HTTP head and the document's first bytes, and then tokens that change nothing, until the worker has the
 * rest. nginx is told
 * not to buffer such an answer.
 * Threads:   early_allow, early_end: the request's worker; early_tick: the hub. One lock for all: what is sent under it
 * fits into the
 *            socket's buffer or is left out, it never blocks. What cannot be sent does not end the work.
 */
#ifndef FCGI_EARLY_H
#define FCGI_EARLY_H

#include "fcgi/request.h"

/* For eas_request.may_begin and has_begun. */
void early_allow(struct eas_request *e);
bool early_has_begun(struct eas_request *e);
/* Nothing is sent by the hub from here on. true: the answer has begun, and the rest of its document is to follow. */
bool early_end(struct request *r);
/* Sends what is due at `now` (monotonic_ms()); returns when something is due next, INT64_MAX: nothing is. */
int64_t early_tick(int64_t now);

#endif
