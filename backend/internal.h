/* backend/internal.h - what the files behind account.h share. Private to backend/.
 *
 * One mutex per set of backends guards hosts, pool and remembered logins. It is held for looking and noting only, never
 * across a call to a module. Functions marked "locked" are called with it held.
 */
#ifndef BACKEND_INTERNAL_H
#define BACKEND_INTERNAL_H

#include <pthread.h>
#include <sys/queue.h>

#include "backend/account.h"
#include "base/count.h"

#define MODULES_MAX 8
#define USER_BUCKETS 512
#define TAG_BYTES 32
#define USER_MAX 255
#define PASSWORD_MAX 1024

/* (user, password) without either: what sessions and remembered logins are known by. */
struct tag {
	unsigned char bytes[TAG_BYTES];
};

/* [backends] */
struct settings {
	uint64_t user_sessions, host_calls, breaker, probe, idle, login_tries, refused_first, refused_most;
	uint64_t login_cache; /* [server] */
};

/* Limits and the breaker are counted by host: two DAV modules of one server share it. */
struct host {
	const char *name;      /* borrowed from the module */
	unsigned held;         /* slots: accounts and watches that work with it now */
	unsigned failures;     /* in a row */
	uint64_t failed_user;  /* whose the last counted failure was */
	bool down, probing;
	int64_t probe_at;      /* ms */
	uint64_t puts;         /* items that it has stored */
};

struct module {
	const struct backend_ops *ops;
	struct backend *backend;
	struct host *host, *send_host; /* often two */
};

/* One login at one module; in the list of its user. */
struct pooled {
	TAILQ_ENTRY(pooled) link;
	struct backend_session *session; /* NULL: logging in now */
	size_t module;
	struct tag tag;
	int64_t used;          /* ms */
	bool held;
	bool drop;             /* logged out when it is given back */
};
TAILQ_HEAD(pooled_list, pooled);

struct pool_user {
	struct pool_user *next;
	struct pooled_list sessions;
	int64_t tries_since;   /* ms: when the present minute of tries began */
	unsigned tries;        /* logins passed on in it that were not found good */
	unsigned failing;      /* modules (bits) whose folders could not be listed, and that was said */
	char name[];
};

struct remember;

struct backends {
	int refs;
	struct conf *conf;
	struct settings set;
	const char *domain;    /* borrowed from conf; may be NULL */
	struct module modules[MODULES_MAX];
	size_t n, auth;
	struct host hosts[2 * MODULES_MAX];
	size_t n_hosts;

	pthread_mutex_t lock;
	struct pool_user *users[USER_BUCKETS];
	struct remember *remember;
	account_free_fn on_free;
	void *on_free_ctx;
};

struct account {
	struct backends *b;    /* a reference */
	const struct log_ctx *log;
	struct pooled *held[MODULES_MAX];
	struct credentials *who;
	const char *known_folder, *known_cursor; /* account_known(); borrowed */
	bool *refused;         /* set where a server refuses the credentials; NULL: nobody asks. Borrowed from a watch */
};

/* A copy of name and password, cleansed at its end. */
struct credentials {
	char *user, *password;
	struct tag tag;
};

/* ---- clock.c ---- */
int64_t clock_ms(void);

/* ---- registry.c ---- */
/* Finds the module by name: built in, loaded before, or in the directory. */
enum err registry_find(const char *dir, const char *name, const struct backend_ops **ops_r, struct error *e) NODISCARD;

/* ---- host.c: all locked ---- */
/* UNAVAILABLE while it is down and no probe is due. Claims nothing. */
enum err host_check(const struct backends *b, const struct host *h, int64_t now, struct error *e) NODISCARD;
/* Right before a call; as host_check(), but a due probe is taken. Each OK is answered by one host_result(). */
enum err host_claim(struct backends *b, struct host *h, int64_t now, struct error *e) NODISCARD;
/* Notes how a call ended that began at that time. Returns what that is to the caller: UNAVAILABLE for a module's PAUSED. */
enum err host_result(struct backends *b, struct host *h, uint64_t user, int64_t began, int64_t now, enum err err);
/* A slot, or BUSY. */
enum err host_enter(struct backends *b, struct host *h, struct error *e) NODISCARD;
void host_leave(struct host *h);

/* ---- remember.c: locked ---- */
enum remembered { REMEMBERED_NOT, REMEMBERED_GOOD, REMEMBERED_BAD, REMEMBERED_ASKING };

struct remember *remember_new(const struct settings *set);
void remember_free(struct remember **r);
/* HMAC with a key of this process. module NULL: the login itself; else what this module thinks of it. Needs no lock. */
void remember_tag(const struct remember *r, const char *user, const char *password, const char *module, struct tag *tag_r);
/* *until_r (may be NULL): when a refused one may be asked again, ms. */
enum remembered remember_look(struct remember *r, const struct tag *tag, int64_t now, int64_t *until_r);
/* Somebody asks the backend now; the others wait for what it says. False where memory is short: then nobody waits. */
bool remember_asking(struct remember *r, const struct tag *tag, const char *user, int64_t now);
void remember_good(struct remember *r, const struct tag *tag, const char *user, int64_t now);
/* *was_good_r: it had been good before. Returns for how many ms it is not asked again. */
int64_t remember_bad(struct remember *r, const struct tag *tag, const char *user, int64_t now, bool *was_good_r);
/* The question was not answered. */
void remember_unknown(struct remember *r, const struct tag *tag);
void remember_forget(struct remember *r, const char *user);
/* Only what is remembered as good: it is proved again. */
void remember_forget_good(struct remember *r, const char *user);
void remember_tidy(struct remember *r, int64_t now);

/* ---- pool.c ---- */
struct credentials *credentials_new(const struct backends *b, const char *user, const char *password);
struct credentials *credentials_copy(const struct credentials *c);
void credentials_free(struct credentials **c);
uint64_t user_hash(const char *user);
/* Locked. NULL where memory is short. */
struct pool_user *pool_user(struct backends *b, const char *user);
/* A session of the module into a->held, with a slot of its host. fresh: by a login, never an idle one. OK, BUSY, UNAVAILABLE, AUTH
 * (only ever of a login), or what else the login gives. */
enum err pool_take(struct account *a, size_t module, bool fresh, struct error *e) NODISCARD;
/* The account holds a session of the module, or an idle one is there that pool_take() would find. */
bool pool_at_hand(struct account *a, size_t module);
/* Notes whether the user's folders at the module could be listed. True: that is news, and worth a line. It is none where the host is
 * down, which is said of the host. */
bool pool_news(struct account *a, size_t module, enum err err);
/* Gives back all that the account holds. False: it held nothing. */
bool pool_give(struct account *a);
/* Locked: takes idle sessions that fn picks out of the pool, to be given to pool_logout() without the lock. */
void pool_pick(struct backends *b, const char *user, const struct tag *tag, int64_t unused_since, struct pooled_list *out);
void pool_logout(struct backends *b, struct pooled_list *list);
/* Tells the one who queues that something became free. Not locked. */
void pool_tell_free(struct backends *b);
/* One login with claim and result: for pool and watch. The slot is the caller's. */
enum err module_login(struct backends *b, size_t module, const struct credentials *who, const struct log_ctx *log,
	struct backend_session **s_r, struct error *e) NODISCARD;
/* Is the module known to refuse this user's login (then UNAVAILABLE)? *until_r: when it may be asked, ms. */
enum err module_refuses(struct backends *b, size_t module, const struct credentials *who, int64_t *until_r, struct error *e) NODISCARD;
/* A module refused the credentials in the middle of things: notes it, logs it, and says what to return instead of AUTH. */
enum err module_refused(struct backends *b, size_t module, const struct credentials *who, const struct log_ctx *log, struct error *e);

/* ---- account.c ---- */
/* Without proving anything. NULL where memory is short. */
struct account *account_new(struct backends *b, const struct credentials *who, const struct log_ctx *log);
/* "MODULE:KEY" to module and key; NOFOLDER for a module that is not there. */
enum err account_route(const struct backends *b, const char *folder, size_t *module_r, const char **key_r, struct error *e) NODISCARD;

#endif
