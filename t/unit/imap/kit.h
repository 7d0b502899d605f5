/* t/unit/imap/kit.h - the module, opened for a fake server, with a session; and what the tests of it share. */
#ifndef T_UNIT_IMAP_KIT_H
#define T_UNIT_IMAP_KIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "backend/backend.h"
#include "fake.h"

struct kit {
	struct fake *f, *smtp;
	struct conf *conf;
	struct backend *b;
	struct backend_session *s;
	struct arena *a;
	struct error e;
	struct backend_folders folders;
	struct backend_changes changes;
	struct backend_stored stored;
	struct backend_keys keys;
	struct backend_watch watch;
	/* what fetch() gave */
	struct {
		char key[32], version[64], text[4096];
		enum err err;
		unsigned flags;
		uint64_t size;
	} items[64];
	size_t n_items;
	enum err stop_with; /* what the callback returns */
	uint64_t room;      /* bytes that are welcome, less with each item; 0: any number */
};

extern const struct backend_ops backend_module;

/* Setup and teardown of each test. */
int kit_setup(void **state);
int kit_teardown(void **state);
/* Starts the server with these rules and opens the module with `more` lines of configuration ("" for none); no login yet. */
void kit_open(struct kit *k, const struct fake_rule *rules, size_t chunk, const char *more);
/* The same and a login that must succeed. */
void kit_login(struct kit *k, const struct fake_rule *rules, size_t chunk, const char *more);
enum err kit_try_login(struct kit *k, const char *user, const char *password);
enum err kit_changes(struct kit *k, const char *folder, const char *cursor, size_t part);
enum err kit_fetch(struct kit *k, const char *folder, const char *const *keys, size_t n, uint64_t max);
/* "7=77 5 -3": keys with versions, "-" before what is gone. */
const char *kit_told(struct kit *k);

#endif
