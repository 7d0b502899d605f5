/* eas/eas.h - the door of the protocol floor: what the responder calls, and what it must offer.
 *
 * Layer:     eas; the one header of it that fcgi/ includes
 * The way of a request: fcgi fills struct eas_request, logs in (account_login), takes the device's turn where
 * eas_needs_turn() says so, and calls eas_run() on a worker. That returns
 *   EAS_DONE   the reply is complete: send it;
 *   EAS_PARK   nothing to say yet: r->park tells what is waited for; the arena can go, the worker is free. Later a
 *              worker calls eas_resume() with a fresh arena, and mostly the reply is complete then;
 *   EAS_BUSY   no session or slot was free; nothing is lost: run the same request again from the start when one is.
 * Everything is committed before EAS_DONE is returned: a phone never holds a sync key that the store does not know.
 * Threads:   eas_run, eas_resume, eas_due: workers and jobs, one thread per request; struct eas_server is shared.
 */
#ifndef EAS_EAS_H
#define EAS_EAS_H

#include <stdbool.h>
#include <stdint.h>

#include "backend/account.h"
#include "base/arena.h"
#include "base/buf.h"
#include "base/conf.h"
#include "base/error.h"
#include "base/log.h"
#include "state/state.h"

struct eas_config; /* bound from the configuration by eas_config_new() */
struct eas_park;

/* Which parked requests of a device something ends. */
enum eas_wait_kind { EAS_WAIT_PING = 1, EAS_WAIT_SYNC = 2 };

/* Why a parked request is answered. */
enum eas_wake {
	EAS_WAKE_CHANGE,     /* a folder of its list has something for it, the folders themselves changed, or a policy or
	                      * a wipe was set */
	EAS_WAKE_DEADLINE,   /* its heartbeat is over */
	EAS_WAKE_SUPERSEDED, /* a newer request of the device took over */
	EAS_WAKE_SHUTDOWN,
};

/* One process-wide instance per configuration; reference-counted by fcgi. */
struct eas_server {
	const struct eas_config *config;
	struct state *state;
	struct backends *backends;
	/* Ends parked requests of this device, of these kinds (bits of enum eas_wait_kind), with this reason. From a
	 * worker. */
	void (*end_parked)(void *ctx, const char *user, const char *device_id, unsigned kinds, enum eas_wake why);
	/* Something of the user changed that parked requests of other devices may wait for (own writes, hierarchy):
	 * look now. */
	void (*nudge)(void *ctx, const char *user);
	void *ctx;
};

enum eas_command {
	EAS_SYNC = 0,
	EAS_SENDMAIL = 1,
	EAS_SMARTFORWARD = 2,
	EAS_SMARTREPLY = 3,
	EAS_GETATTACHMENT = 4,
	EAS_FOLDERSYNC = 9,
	EAS_FOLDERCREATE = 10,
	EAS_FOLDERDELETE = 11,
	EAS_FOLDERUPDATE = 12,
	EAS_MOVEITEMS = 13,
	EAS_GETITEMESTIMATE = 14,
	EAS_MEETINGRESPONSE = 15,
	EAS_SEARCH = 16,
	EAS_SETTINGS = 17,
	EAS_PING = 18,
	EAS_ITEMOPERATIONS = 19,
	EAS_PROVISION = 20,
	EAS_RESOLVERECIPIENTS = 21,
	EAS_VALIDATECERT = 22,
	EAS_FIND = 23,
	EAS_OPTIONS = 100, /* the HTTP method */
	EAS_UNKNOWN = 101,
};

/* [MS-ASHTTP] 2.2.1.1.1: both forms of the query, decoded. Strings live in the request's arena, never NULL. */
struct eas_query {
	unsigned version;       /* times ten; 0: neither in the query nor in a header */
	enum eas_command command;
	const char *command_name;
	const char *device_id;
	const char *device_type;
	const char *user;       /* of the query; for logs only */
	bool has_policy_key;
	uint32_t policy_key;
	const char *attachment, *collection_id, *item_id, *long_id, *occurrence;
	bool save_in_sent, accept_multipart;
};

struct eas_reply {
	unsigned status;          /* HTTP; 200 */
	const char *content_type; /* NULL: none */
	struct buf headers;       /* "Name: value\r\n" lines besides the usual ones */
	struct buf body;          /* bounded by the configuration; whole before the first byte is sent */
	int eas_status;           /* the Status that the log line names; 0: none */
};

struct eas_request {
	const struct eas_server *server;
	struct arena *arena;
	struct account *account;  /* logged in; NULL for nothing but tests */
	const char *user;         /* login name as the backends know it */
	const char *user_agent;   /* "" if none */
	const char *accept_language;
	struct eas_query query;
	struct slice body;        /* of the request */
	const char *content_type; /* "" if none */
	struct log_ctx log;
	struct eas_reply reply;
	/* Of the responder; NULL: never. Called by the command: its answer may begin before it is complete, for a phone
	 * that gives up without a byte. What fails from here on must be said in the document. */
	void (*may_begin)(struct eas_request *r);
	/* Has it? From here on it does not any more, until may_begin() is called again. */
	bool (*has_begun)(struct eas_request *r);
	/* set by eas_run() */
	struct state_device device;
	struct eas_park *park;
	bool traced; /* the request: it may be run more than once */
};

enum eas_outcome { EAS_DONE, EAS_PARK, EAS_BUSY };

/* Binds [eas], [policy], [device ...] and the like; config_r lives as long as conf (it keeps a reference). */
enum err eas_config_new(struct conf *conf, struct eas_config **config_r, struct error *e) NODISCARD;
void eas_config_free(struct eas_config **config);
/* Its time zone is the default of the process from now on. */
void eas_config_use(const struct eas_config *config);
/* The name of that zone. */
const char *eas_timezone(const struct eas_config *config);
/* For cpush -t: INVALID where this process cannot write what it is told to write. */
enum err eas_config_writable(const struct eas_config *config, struct error *e) NODISCARD;
/* Largest request body and largest answer, bytes; cap of a request's arena. */
uint64_t eas_request_max(const struct eas_config *config);
uint64_t eas_response_max(const struct eas_config *config);
uint64_t eas_arena_max(const struct eas_config *config);
/* Seconds: a device that was not seen for so long starts over. */
int64_t eas_unseen_max(const struct eas_config *config);

/* Decodes the query string: plain (Cmd=...) or base64. INVALID; an unknown command is OK with EAS_UNKNOWN.
 * version_header is the value of MS-ASProtocolVersion, policy_header of X-MS-PolicyKey, multipart_header of
 * MS-ASAcceptMultiPart; NULL where absent. */
enum err eas_query_parse(struct arena *a, const char *query, const char *version_header, const char *policy_header,
	const char *multipart_header, struct eas_query *q_r) NODISCARD;

/* Requests of this command are served one at a time per (user, device). */
bool eas_needs_turn(enum eas_command command);

enum eas_outcome eas_run(struct eas_request *r);
/* For an answer that has begun: makes the reply a document if it is none, with a Status that has the phone try
 * again. */
void eas_in_document(struct eas_request *r);

/* ---- parked requests ---- */

/* What a parked request waits for. Heap memory of a few hundred bytes, reference-counted; nothing in it points
 * elsewhere. */
struct eas_park {
	unsigned refs;
	enum eas_wait_kind kind;
	int64_t deadline;         /* CLOCK_MONOTONIC, seconds */
	int64_t device;           /* state_device.id */
	const char *user, *device_id;
	size_t n;
	struct eas_park_folder {
		int64_t id;
		const char *key;  /* "MODULE:KEY" */
	} *folders;
	struct eas_query query;   /* strings point into this block, too */
	const char *user_agent;
	void *wait;               /* the command's own, in this block */
};

#define EAS_DUE_UNKNOWN (-1)
/* When to answer it: a CLOCK_MONOTONIC second (0: now), INT64_MAX while there is nothing, or EAS_DUE_UNKNOWN where the store cannot say.
 * Asked by a job after the mirrors of its changed folders were refreshed; reads the store only. One thread at a time per park. */
int64_t eas_due(const struct eas_server *server, const struct eas_park *p, const struct log_ctx *log);
/* Brings the mirror of a folder up to date, for all devices of the user; for a job after watch_noticed(). */
enum err eas_refresh(const struct eas_server *server, struct account *account, const char *folder_key,
	const struct log_ctx *log, struct error *e);
/* Looks whether folders came, went or were renamed, and records it. At most every few minutes per user. UNAVAILABLE where some could not
 * be asked: what the others list is recorded, and the next call looks again. */
enum err eas_refresh_folders(const struct eas_server *server, struct account *account, const struct log_ctx *log,
	struct error *e);
/* Completes the reply of r (prepared as for eas_run, without a body): DONE or BUSY. PARK: there is nothing to say after
 * all, and p goes on waiting as it is. The park stays the caller's. */
enum eas_outcome eas_resume(struct eas_request *r, const struct eas_park *p, enum eas_wake why);
/* Does eas_resume() use r->account? A Ping, and whatever is ended without news, is answered without one. */
bool eas_needs_account(const struct eas_park *p, enum eas_wake why);
/* References from any thread. */
struct eas_park *eas_park_ref(struct eas_park *p);
void eas_park_unref(struct eas_park **p);

#endif
