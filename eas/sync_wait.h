/* eas/sync_wait.h - a Sync that waits, and what wakes it. Private to eas/. */
#ifndef EAS_SYNC_WAIT_H
#define EAS_SYNC_WAIT_H

#include "eas/sync_collection.h"

/* Runs the collections and answers; or parks where `park` and there is nothing to say (cmd_sync.c). */
enum eas_outcome sync_answer(struct eas_request *r, const struct sync_request *q, bool park);
enum eas_outcome sync_park(struct eas_request *r, const struct sync_request *q, const struct sync_result *list);

/* ---- for Ping, too (wait.c) ---- */

/* Makes the one heap block of a parked request: folders and `extra` bytes for the command's own. */
struct eas_park *wait_park(const struct eas_request *r, enum eas_wait_kind kind, int64_t seconds,
	const struct eas_park_folder *folders, size_t n, const void *extra, size_t extra_len);

/* What has piled up in one folder for a device. */
struct wait_pending {
	bool mail;
	bool adds, changes;
	int64_t seq;   /* of the folder's mirror */
	bool gone;     /* the folder */
	bool replaced; /* the key that was waited from is not the newest any more */
	bool unknown;  /* the caller's: it could not be looked at, which is no reason to wake */
};
/* key NULL: the newest collection of the device in the folder; none: nothing is pending. */
enum err wait_look(struct eas_request *r, int64_t folder, const char *key, struct wait_pending *p_r,
	struct error *e) NODISCARD;

/* Mail that only changed waits for a quiet moment: when the first such change was seen, and the latest one. Kept with
 * the wait. */
struct wait_quiet {
	int64_t since, latest; /* 0: none yet */
	int64_t seqs;          /* of the folders, added up: another sum is another change */
};

/* When a wait is over for which these folders have this pending; as eas_due() says it. */
int64_t wait_due(const struct eas_config *config, const struct wait_pending *list, size_t n, struct wait_quiet *quiet);

/* A request as eas_due() needs it: store and log only. */
bool wait_request(const struct eas_server *server, const struct eas_park *p, const struct log_ctx *log,
	struct eas_request *r_r);
void wait_request_free(struct eas_request *r);
/* Fills r->device for a request that is resumed. */
enum err wait_find_device(struct eas_request *r, struct error *e) NODISCARD;

#endif
