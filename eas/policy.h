/* eas/policy.h - the security policy of [policy] and who has acknowledged it [MS-ASPROV]. Private to eas/. */
#ifndef EAS_POLICY_H
#define EAS_POLICY_H

#include "eas/command.h"

/* Only the account is to be wiped, which versions before 16.1 have no word for: they are locked out (129), for the
 * other wipe takes all that is on the device. */
bool policy_locks_out(const struct eas_request *r);
/* The common status that keeps this request from being served: 140 wipe, 142 not provisioned, 143 policy changed, 144
 * another key; 126 wiped for good, 129 locked out; 0: served. Notes the first use of a final key in r->device (the
 * caller saves it). */
unsigned policy_check(struct eas_request *r, const struct command *c);
/* A wipe is asked for, or a policy set (or taken out) that the device has not acknowledged: what it asks next will be refused, and what
 * waits ends for that. Keys do not count. */
bool policy_ends_wait(const struct eas_request *r);
/* EASProvisionDoc with what the configuration sets, and for the rest what stands for no setting, so that one which is
 * taken out comes undone (R652); in the order of the schema. */
void policy_write(const struct eas_config *config, struct wbxml_writer *w);
/* The i-th element that a policy can set; NULL behind the last. */
const char *policy_name(size_t i);
/* Can the i-th element have this value? */
bool policy_value_ok(size_t i, const char *value);

#endif
