/* base/count.h - what the process has done so far, and what it has in hand, as numbers that another process can read.
 *
 * A counter is a name and a number. Those of COUNT_LIST are there from the start; those that depend on a module or on a
 * peer's protocol ("imap.call.fetch", "caldav.request.PROPFIND") are made when they first count something.
 * count_publish() lays all of them into a small file that stays mapped: counting goes on as before, an atomic addition,
 * and cpush-admin reads the file without asking the process, which neither wakes nor writes for it.
 *
 * Numbers go up from the start of the process, but for those that say "now". Bytes are those of bodies and of what a
 * peer's protocol carries, without TLS, FastCGI and the store's own wire.
 * Threads: all may be called from any thread; count_publish() and count_unpublish() while there is one only.
 */
#ifndef BASE_COUNT_H
#define BASE_COUNT_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"

/* X(constant, name, what it counts); doc/statistics.md has the same names. */
#define COUNT_LIST(X) \
	X(REQUESTS, "requests", "requests that were read") \
	X(QUEUED, "requests.queued", "times that a request had to wait for a session of a backend") \
	X(PARKED, "parked.now", "phones that wait") \
	X(PARKS, "parked", "times that a phone began to wait") \
	X(WOKEN, "parked.answered", "waiting phones that were answered") \
	X(HUNG_UP, "parked.hung-up", "waiting phones that hung up") \
	X(WATCHED, "watched.now", "users whose backends are watched") \
	X(JOBS, "jobs", "looks and other work done beside the requests") \
	X(JOBS_NOW, "jobs.now", "jobs that wait or run") \
	X(PHONE_IN, "phone.in", "bytes of requests' bodies") \
	X(PHONE_OUT, "phone.out", "bytes of answers' headers and bodies") \
	X(LOGINS_REFUSED, "logins.refused", "logins that a backend refused") \
	X(SESSIONS, "sessions.now", "logged-in sessions at backends") \
	X(BUSY, "sessions.busy", "times that no session was free") \
	X(WATCHES, "watches.now", "watches over backends, one per watched user") \
	X(IMAP_IN, "imap.in", "bytes read from IMAP") \
	X(IMAP_OUT, "imap.out", "bytes sent to IMAP") \
	X(SMTP_OUT, "smtp.out", "bytes of mail handed to SMTP") \
	X(DAV_IN, "dav.in", "bytes of headers and bodies read from DAV, compressed where they were") \
	X(DAV_OUT, "dav.out", "bytes of headers and bodies sent to DAV") \
	X(ICALENDAR, "icalendar", "iCalendar objects that were read: events, tasks, invitations") \
	X(STORE_STATEMENTS, "store.statements", "statements run in the store, but for those that begin and end transactions") \
	X(STORE_READS, "store.reads", "transactions that only read") \
	X(STORE_COMMITS, "store.commits", "transactions that wrote") \
	X(STORE_ROLLBACKS, "store.rollbacks", "transactions taken back") \
	X(STORE_RETRIES, "store.retries", "transactions run again") \
	X(STORE_ROWS, "store.rows", "rows written") \
	X(STORE_OUT, "store.out", "bytes bound to statements that write") \
	X(STORE_IN, "store.in", "bytes of the columns that were read")

enum count {
#define X(constant, name, what) COUNT_##constant,
	COUNT_LIST(X)
#undef X
	COUNT_FIXED
};

/* The directory of [server] stats where none is set. */
#define COUNT_DIR "/run/cpush/stats"

void count_add(enum count c, uint64_t n);
void count_sub(enum count c, uint64_t n);
uint64_t count_get(enum count c);

/* One more of "WHO.WHAT.KIND": what a module is asked for, and what it asks its server for. The kinds are a bounded set: a name has
 * 55 bytes at most and there is room for some hundred; what is beyond counts as "others". */
void count_one(const char *who, const char *what, const char *kind);
/* By its whole name; 0 where it has counted nothing yet. */
uint64_t count_named(const char *name);

/* Makes DIR/PID and keeps it until count_unpublish(), or until the process ends, however it does. Removes what dead processes left in
 * the directory. INVALID with the reason where the directory cannot be used; counting goes on all the same. */
enum err count_publish(const char *dir, struct error *e) NODISCARD;
void count_unpublish(void);

/* What the living processes of the directory have published: begin(ctx, pid, started (seconds since 1970 UTC)) for each, then
 * each(ctx, name, value) for its counters. *n_r: how many processes. INVALID where the directory cannot be read. */
struct count_reader {
	void (*begin)(void *ctx, pid_t pid, int64_t started);
	void (*each)(void *ctx, const char *name, uint64_t value);
	void *ctx;
};
enum err count_read(const char *dir, const struct count_reader *reader, size_t *n_r, struct error *e) NODISCARD;

#endif
