/* t/unit/eas/world.h - one user, one mailbox in memory, one store, and requests to the commands, for tests of the engine.
 *
 * A world has the module "mem" (t/unit/backend/mem.h) behind a real store: SQLite in a directory of its own, or MariaDB where the
 * environment names the socket of one that t/lib/mariadb.sh has prepared (CPUSH_STORE_SOCKET or CPUSH_TEST_MARIADB_SOCKET). A call is one request: its elements are written, it is run, and the
 * answer is looked at as a tree.
 * Failure: what cannot be set up ends the program; a command that fails does not.
 */
#ifndef T_UNIT_EAS_WORLD_H
#define T_UNIT_EAS_WORLD_H

#include "eas/command.h"
#include "mem.h"
#include "t/unit/store_stats.h"

#define WORLD_USER "alice"

struct world {
	char dir[64];
	const char *user;           /* whose requests these are: WORLD_USER; runs that share a store set their own */
	struct conf *conf;
	struct eas_config *config;
	struct state *state;
	struct backends *backends;
	struct eas_server server;
	struct mem *mem;
	unsigned ended;             /* kinds that end_parked() was called with since the test looked */
	enum eas_wake ended_why;
	unsigned nudges;
};

/* A store that is empty; mem is as after mem_reset(). `settings` are lines of [eas] or NULL. driver: "sqlite" or "mariadb". */
void world_open(struct world *w, const char *driver, const char *settings);
/* The same with "mem mem2" as backends, or one of them. */
void world_open_with(struct world *w, const char *driver, const char *backends, const char *settings);
void world_close(struct world *w);
/* Another configuration of the floor from now on, as after a reload: lines of [eas], and other sections behind them. */
void world_configure(struct world *w, const char *settings);
/* cpush-admin's work on the device. */
void world_wipe(struct world *w, const char *device, enum state_wipe wipe);
/* Is there a MariaDB to test with? */
bool world_has_mariadb(void);

/* ---- one request ---- */

struct call {
	struct world *world;
	struct eas_request r;
	struct buf in;
	struct wbxml_writer w;       /* what is asked for: the root element is open already */
	struct wbxml_node *answer;   /* NULL: the answer is empty, or no WBXML */
	enum eas_outcome outcome;
	struct error error;
};

/* version as in eas_query: 141. */
void call_begin(struct call *c, struct world *w, const char *device, unsigned version, enum eas_command command);
/* Closes what is open and runs it. */
void call_run(struct call *c);
/* The same with an empty body. */
void call_run_empty(struct call *c);
/* As the responder hands it over, by eas_run(): the body is what was written, or r.body where nothing was. */
void call_run_whole(struct call *c);
/* Answers a park as the responder would, in a call that was begun and has run nothing. */
void call_resume(struct call *c, const struct eas_park *park, enum eas_wake why);
void call_end(struct call *c);
/* The answer as XML, for messages; valid until the next call of it. */
const char *call_dump(const struct call *c);

/* Id of the folder that FolderSync calls so; runs a FolderSync with key 0 for the device. "" where there is none. */
int64_t world_folder(struct world *w, const char *device, unsigned version, const char *name);

#endif
