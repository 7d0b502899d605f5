/* t/contract/suite.h - what the parts of the contract suite share.
 *
 * A check that does not hold is counted and printed with what was expected; the suite goes on. NEED() leaves the function, for what could
 * not mean anything any more.
 */
#ifndef T_CONTRACT_SUITE_H
#define T_CONTRACT_SUITE_H

#include <stdio.h>
#include <string.h>

#include "backend/backend.h"

/* What the module and its server can, and where to look; from the command line. */
struct can {
	unsigned classes;
	const char *user, *password;
	const char *folders[5];   /* by class: a folder to work in, where none can be made */
	bool no_auth;             /* the server takes any password */
	bool exact;               /* what is put comes back byte for byte, whatever the class */
	bool rewrites;            /* it gives a version for what it stores in an order of its own */
	bool vouches;             /* put, move and flag give versions */
	bool knows_keys;          /* put and move of mail give keys */
	bool no_keywords, no_slash, no_percent, no_nested, no_watch, no_search, no_rename;
	unsigned many;            /* items of the test with parts */
	unsigned large;           /* bytes of the large item; 0: none */
	unsigned watch_wait;      /* seconds until a change must have been noticed */
	const char *send_to;      /* an address of the user's own, whose mail arrives in the Inbox */
	const char *send_bad;     /* an address that the server refuses for good */
};

extern const struct backend_ops *ops;
extern struct backend *backend;
extern struct backend_session *s;     /* ours */
extern struct backend_session *other; /* the same user, as somebody else */
extern struct arena *a;               /* emptied between tests */
extern struct can can;
extern struct error e;

/* ---- checking ---- */
bool check_that(bool holds, const char *file, int line, const char *fmt, ...) PRINTF(4, 5);
bool check_err(enum err got, enum err want, const char *what, const char *file, int line);
#define CHECK(cond, ...) check_that((cond), __FILE__, __LINE__, __VA_ARGS__)
#define NEED(cond, ...) \
	do { \
		if (!CHECK(cond, __VA_ARGS__)) \
			return; \
	} while (0)
#define EXPECT(want, call) check_err((call), (want), #call, __FILE__, __LINE__)
#define NEED_OK(call) \
	do { \
		if (!EXPECT(ERR_OK, call)) \
			return; \
	} while (0)
/* Begins a test of that name: prints it, empties the arena. */
void test(const char *name);
void skip(const char *name, const char *why);
struct backend_session *log_in(void);

/* ---- samples ---- */
const char *class_name(enum backend_class class);
/* The number-th item of the class, the variant-th version of it; `extra` bytes more than need be. */
struct slice sample(enum backend_class class, unsigned number, unsigned variant, size_t extra);
const char *sample_id(unsigned number); /* Message-ID of the mail */
const char *sample_name(unsigned number); /* for put.name */
/* A number that no test used before. */
unsigned fresh(void);

/* ---- the folder as a device would know it ---- */
struct model {
	struct model_item {
		char *key, *version;
		int64_t date;
		bool listed;
	} *list;
	size_t n, room;
	char *cursor;
	bool listing;   /* in the middle of one */
	bool ordered;   /* items came in the order of their dates: so a listing must be newest first */
	size_t parts;
};
void model_free(struct model *m);
struct model_item *model_find(const struct model *m, const char *key);
/* One part of changes(); *more_r. False (and checked) if it failed. */
bool model_step(struct model *m, struct backend_session *by, const char *folder, size_t part, bool *more_r);
/* All parts. */
bool model_follow(struct model *m, struct backend_session *by, const char *folder, size_t part);
/* The same keys and versions as a listing from nothing. */
bool model_is_true(const struct model *m, const char *folder);

/* ---- doing ---- */
/* A new item by `by`, which must work; its key, looked up where the server does not say. NULL. */
const char *put_new(struct backend_session *by, const char *folder, enum backend_class class, unsigned number, unsigned flags,
	const char *const *keywords, int64_t date, struct backend_stored *stored_r);
struct got {
	struct backend_item item; /* copied into the arena */
	unsigned times;
};
/* Fetches one; what came is in got_r. */
bool get(struct backend_session *by, const char *folder, const char *key, enum backend_want want, struct got *got_r);
enum err get_err(const char *folder, const char *key);
/* Makes a folder to work in; or the one from the command line. NULL: neither. */
const char *work_folder(enum backend_class class, const char *name);
void drop_folder(const char *key, enum backend_class class);
const struct backend_folder *find_folder(const struct backend_folders *f, const char *key);
bool list_folders(struct backend_folders *f_r);

/* ---- the tests ---- */
void test_session(void);
void test_folders(void);
void test_folder_ops(enum backend_class class);
void test_items(enum backend_class class, const char *folder, const char *second);
void test_many(enum backend_class class, const char *folder);
void test_races(enum backend_class class, const char *folder);
void test_mail(const char *folder, const char *second);
void test_watch(enum backend_class class, const char *folder, const char *second);
void test_send(void);

#endif
