/* t/unit/eas/sync_kit.h - what the tests of Sync, Ping and MoveItems say in one line each. */
#ifndef T_UNIT_EAS_SYNC_KIT_H
#define T_UNIT_EAS_SYNC_KIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "world.h"

#define PHONE "phone"
#define DAY 86400
#define TODAY 20000 /* 2024-10-04, noon is the hour of all tests */

extern struct world kit;
extern struct call call;     /* the latest */
extern char key[64];         /* the phone's sync key, as the latest answer gave it */
extern unsigned version;     /* of the protocol: 141 */
extern const char *phone;    /* who asks: PHONE */

/* cmocka's: a new world, TODAY at noon; and its end. */
int kit_open(void **state);
int kit_close(void **state);
/* Id of the folder of that name. */
int64_t folder_named(const char *name);

/* ---- asking ---- */

/* Begins a Sync with its Collections; ends an earlier call. */
void ask_sync(void);
/* The call is somebody else's now: it is not ended here. */
void forget_call(void);
/* Opens a Collection with this key. Whatever is not closed is closed by run(). */
void ask_collection(int64_t folder, const char *sync_key);
void close_collection(void);
/* Options with FilterType and Conflict; -1: left out. */
void ask_options(int filter, int conflict);
void ask_commands(void);
/* Closes the element that is open. */
void done(void);
void run(void);
/* A Sync of one collection with `key`, and what else is usual: all that is not -1. */
void sync_one(int64_t folder, int getchanges, int window, int filter);
/* Key 0, then Syncs until nothing more is available. */
void sync_from_start(int64_t folder, int filter);

/* ---- answers ---- */

/* The Collection of the answer; NULL. */
const struct wbxml_node *answered(int64_t folder);
/* Status of the collection, -1 where it is not in the answer. */
int status_of(int64_t folder);
/* Status of the whole, -1. */
int root_status(void);
/* Takes the key of the answer, if it has one; true: it is another one than before. */
bool take_key(int64_t folder);
bool has_more(int64_t folder);
/* Commands of that kind (0: all). */
unsigned told(int64_t folder, unsigned tag);
/* The i-th command's item id. */
int64_t told_item(int64_t folder, unsigned i);
bool is_told(int64_t folder, unsigned tag, int64_t item);
/* Responses: status of the Add with this ClientId, or of the Change, Delete, Fetch of this item; -1: none. */
int add_status(int64_t folder, const char *client, int64_t *item_r);
int response_status(int64_t folder, unsigned tag, int64_t item);
bool is_empty_answer(void);

#endif
