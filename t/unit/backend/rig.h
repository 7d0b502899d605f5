/* t/unit/backend/rig.h - backends opened from a few lines of configuration, with a clock that the test turns. */
#ifndef T_UNIT_BACKEND_RIG_H
#define T_UNIT_BACKEND_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "backend/account.h"
#include "base/count.h"
#include "mem.h"

extern struct backends *rig_backends;
extern struct arena *rig_arena;
extern struct error rig_error;
extern int64_t rig_now;    /* ms; the clock of the backends */
extern unsigned rig_freed; /* calls of the free function */

/* cmocka set-up and tear-down: empties the worlds, sets the clock. The backends are opened by the test. */
int rig_setup(void **state);
int rig_teardown(void **state);
/* Opens "backends = NAMES" with what else is to stand in [server] and behind it. */
void rig_open(const char *names, const char *more);
/* The same, for a configuration that may be refused. */
enum err rig_try(const char *names, const char *more);
struct account *rig_account(const char *user, const char *password);
enum err rig_login(const char *user, const char *password);
/* How many lines with this text an admin sees (at the default level) since the set-up. */
unsigned rig_logged(const char *what);
/* A test row with rig's set-up and tear-down. */
#define RIG(test) cmocka_unit_test_setup_teardown(test, rig_setup, rig_teardown)

#endif
