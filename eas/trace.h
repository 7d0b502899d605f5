/* eas/trace.h - what a user's or device's requests and answers say, as readable XML, for the admin. Private to eas/.
 *
 * Switched on by a section [trace NAME] of the configuration, NAME being a login name or a device id; the files go to
 * its `dir`, one per device. Bodies, subjects, names and addresses are left out unless it says private = no.
 */
#ifndef EAS_TRACE_H
#define EAS_TRACE_H

#include "eas/command.h"

void trace_request(const struct eas_request *r, const struct command *c);
void trace_reply(const struct eas_request *r, const struct command *c);
/* Binds and checks the sections. */
enum err trace_check(struct conf *conf, struct error *e);
/* INVALID names a directory that this process cannot write to. */
enum err trace_writable(const struct conf *conf, struct error *e);

#endif
