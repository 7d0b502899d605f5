/* base/log.h - one line per event: time, level, what, and for whom.
 *
 * Levels: error: the admin must act; warn: a peer or a phone misbehaved, or something is degraded; notice: starts, stops,
 * new devices, resyncs; info: one line per request; debug: what the parts say to each other.
 * Never at any level: credentials. Never above debug: bodies, subjects, mail addresses other than the login name.
 * A line: 2026-11-26T10:00:00Z level text user=... device=... command=... client=...; what is not known is left out, a value
 * with a space, quote, backslash or = in it is quoted. syslog gets it without the time.
 * Control characters in what is logged are escaped, so a phone cannot forge lines.
 * Threads: all functions may be called from any thread; log_open() and log_level() from one at a time.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdbool.h>

#include "base/defs.h"

enum log_level { LEVEL_ERROR, LEVEL_WARN, LEVEL_NOTICE, LEVEL_INFO, LEVEL_DEBUG };

/* Whose event it is; each field may be NULL, the context itself too. Borrowed for the time of the call. */
struct log_ctx {
	const char *user;
	const char *device;
	const char *command;
	const char *client; /* address of the phone */
};

/* target: "stderr", "syslog" or the path of a file (opened for appending, mode 0640; opened anew by each log_open(), so
 * SIGHUP is log_open() again). 0, or -1 with errno set and the old target kept. */
int log_open(const char *target, enum log_level level) NODISCARD;
enum log_level log_level(void);
/* "error".."debug" to a level; false if the word is none. */
bool log_level_parse(const char *word, enum log_level *level_r);

void log_write(enum log_level level, const struct log_ctx *ctx, const char *fmt, ...) PRINTF(3, 4);

#define log_error(ctx, ...) log_write(LEVEL_ERROR, (ctx), __VA_ARGS__)
#define log_warn(ctx, ...) log_write(LEVEL_WARN, (ctx), __VA_ARGS__)
#define log_notice(ctx, ...) log_write(LEVEL_NOTICE, (ctx), __VA_ARGS__)
#define log_info(ctx, ...) log_write(LEVEL_INFO, (ctx), __VA_ARGS__)
#define log_debug(ctx, ...) \
	do { \
		if (log_level() >= LEVEL_DEBUG) \
			log_write(LEVEL_DEBUG, (ctx), __VA_ARGS__); \
	} while (0)

#endif
