/* eas/policy.h - the security policy of [policy] and who has acknowledged it [MS-ASPROV]. Private to eas/. */
#ifndef EAS_POLICY_H
#define EAS_POLICY_H

#include "eas/command.h"

/* The common status that keeps this request from being served: 140 wipe, 142 not provisioned, 143 policy changed; 126 wiped for good;
 * 0: served. Notes the first use of a final key in r->device (the caller saves it). */
unsigned policy_check(struct eas_request *r, const struct command *c);
/* EASProvisionDoc with what the configuration sets, in the order of the schema. */
void policy_write(const struct eas_config *config, struct wbxml_writer *w);
/* The i-th element that a policy can set; NULL behind the last. */
const char *policy_name(size_t i);
/* Can the i-th element have this value? */
bool policy_value_ok(size_t i, const char *value);

#endif
