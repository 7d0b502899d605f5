/* The store under test: SQLite in a directory of its own, or MariaDB, as the command line says; empty at the start of
 * each test.
 *
 * Most tests do without callbacks: begin(), calls with `T`, end(). What state_run() does is tested in suite_run.c.
 */
#ifndef STORE_H
#define STORE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "state/db.h"
#include "state/state.h"
#include "t/unit/store_stats.h"

extern struct state *store;
extern struct conf *store_conf;
extern bool on_mariadb;
extern char store_dir[];
extern struct error error;
extern _Thread_local struct state_txn *T;
extern struct arena *arena;

/* argv: [mariadb [snapshot] | hold PATH]. The exit status, or -1 to go on. */
int store_main(int argc, char **argv);

int setup(void **unused);
int teardown(void **unused);

/* A configuration with these lines of [state] after the driver's; opened. */
enum err open_with(const char *lines, bool tool, struct state **s_r);
/* The same as a configuration that nobody has bound. */
struct conf *parse_with(const char *lines);
/* Without those of the driver. */
enum err open_text(const char *text, bool tool, struct state **s_r);

void begin(enum state_mode mode);
void end(void);
void undo(void);

/* MariaDB's port, as text, and its certificate; false where it listens to no port. */
bool tcp(const char **port_r, const char **ca_r);

/* Runs SQL as the administrator, on a connection of its own. */
void admin(const char *sql);
/* The first column of the first row, as a number. */
int64_t ask(const char *sql);

/* What most tests need: a user, a device, a folder. */
int64_t make_user(const char *name);
int64_t make_device(int64_t user, const char *device_id);
int64_t make_folder(int64_t user, const char *key);
/* One live item; seq and created_seq as given. */
int64_t make_item(int64_t folder, const char *key, int64_t seq, int64_t date);
struct state_item new_item(int64_t folder, const char *key, int64_t seq, int64_t date);

/* A trace of a store: remembers its statements for the suite `index`. */
void index_remember(void *arg, const char *sql, const struct db_value *v, size_t n);

#define ok(call) check((call), ERR_OK, #call, __FILE__, __LINE__)
#define fails(err, call) check((call), (err), #call, __FILE__, __LINE__)
void check(enum err got, enum err wanted, const char *what, const char *file, int line);

#define SUITE(name) extern const struct CMUnitTest name##_tests[]; extern const size_t n_##name##_tests
#define SUITE_END(name) const size_t n_##name##_tests = ARRAY_LEN(name##_tests)
#define STORE_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
SUITE(collection);
SUITE(device);
SUITE(folder);
SUITE(housekeep);
SUITE(index);
SUITE(item);
SUITE(mariadb);
SUITE(open);
SUITE(pack);
SUITE(run);
SUITE(sqlite);

#endif
