/* eas/mirror.h - the mirror of one folder: brought up to date from its backend, and changed by what phones do. Private
 * to eas/.
 *
 * The rules are those of the design's page on the mirror; the words too.
 */
#ifndef EAS_MIRROR_H
#define EAS_MIRROR_H

#include "eas/command.h"

/* Does a backend stand behind the folder? (Not behind the Outbox and other folders of our own.) */
bool mirror_is_backed(const struct state_folder *f);

/* Looks what changed at the backend and writes it down; f's seq is as it then is. One look per folder at a time: who
 * comes second waits. BUSY: another request has been at it for seconds, or no session was free. UNAVAILABLE ..: the
 * mirror is as it was. NOFOLDER: it is gone. */
enum err mirror_refresh(const struct eas_server *server, struct account *account, struct state_folder *f,
	const struct log_ctx *log, struct error *e) NODISCARD;

/* Has this process looked at the folder within the last minute? Then the mirror is good for what it holds: a phone that pages through it need
 * not look for each window, but before it is told that there is no more. */
bool mirror_is_fresh(const struct state_folder *f);
/* The backend is in trouble: mirror_is_fresh() is false until the next look. */
void mirror_doubt(const struct state_folder *f);

/* What a phone's command did at the backend, to be written into the mirror in one transaction. */
enum mirror_op { MIRROR_CREATED, MIRROR_UPDATED, MIRROR_REMOVED, MIRROR_DISOWNED };

struct mirror_change {
	enum mirror_op op;
	int64_t item;        /* UPDATED, REMOVED, DISOWNED: which; CREATED: out, the row's id */
	const char *key;     /* CREATED, UPDATED (a new key where it changed) */
	const char *version; /* "" unknown */
	const char *was;     /* UPDATED: the row's version when the command was judged */
	int64_t date;
	int64_t by;          /* epoch whose work it is; 0: someone else's */
	int64_t cut_date, cut_id; /* CREATED: the maker's cut-off, for `outside` */
};

/* Applies the changes to the rows of the folder, in order; to be called within a write transaction. Locks the folder's
 * row. */
enum err mirror_apply(struct state_txn *t, struct arena *a, int64_t folder, struct mirror_change *changes,
	size_t n) NODISCARD;

/* The date of an item that was fetched for the first time (ITEM_DATE_UNKNOWN until then). */
struct mirror_date {
	int64_t item;
	const char *version; /* of the row when it was fetched */
	int64_t date;
};

/* Writes them down: no change of the items, which nobody has had; to be called within a write transaction, before anything that was decided
 * by them is committed. Locks the folder's row. CONFLICT: an item has changed since, or has another date now. */
enum err mirror_take_dates(struct state_txn *t, struct arena *a, int64_t folder, const struct mirror_date *dates, size_t n) NODISCARD;

/* Renumbers, updates or leaves a row whose item has this version and date now: the one place for "an item whose date
 * moves". rows_r gets what is to be saved (one row or two); *seq is the folder's, counted on. */
size_t mirror_update_row(const struct state_item *row, const char *version, int64_t date, int64_t by, int64_t high_date,
	int64_t high_id, int64_t *seq, struct state_item rows_r[2]);

#endif
