/* state/config.h - private to state/: what [state] of the configuration says. */
#ifndef STATE_CONFIG_H
#define STATE_CONFIG_H

#include "state/db.h"

/* Binds [state] into s->config, checks what the rows cannot say, reads password_file. INVALID names file and line. */
enum err config_bind(struct state *s, struct error *e) NODISCARD;
/* Wipes and frees the password. */
void config_finish(struct state *s);

#endif
