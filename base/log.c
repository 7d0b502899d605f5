#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "base/text.h"

/* A line fits into PIPE_BUF, so that lines of several processes on one pipe stay whole too. */
#define LINE_MAX_BYTES 4096
#define TEXT_MAX 2800
#define FIELD_MAX 256

static const char *const level_names[] = { "error", "warn", "notice", "info", "debug" };
static const int level_priorities[] = { LOG_ERR, LOG_WARNING, LOG_NOTICE, LOG_INFO, LOG_DEBUG };

/* Held for reading while a line is written, so that log_open() never closes a descriptor under a writer. */
static pthread_rwlock_t target_lock = PTHREAD_RWLOCK_INITIALIZER;
static int target_fd = STDERR_FILENO; /* -1: syslog */
static atomic_int current_level = LEVEL_NOTICE;

struct line {
	char text[LINE_MAX_BYTES];
	size_t len;
};

static void
line_raw(struct line *l, const char *s)
{
	size_t n = strlen(s);
	if (n > sizeof l->text - l->len)
		n = sizeof l->text - l->len;
	memcpy(l->text + l->len, s, n);
	l->len += n;
}

/* At most max bytes of s, escaped; never half an escape or half a character. */
static void
line_escaped(struct line *l, const char *s, size_t max, bool quoted)
{
	const unsigned char *p = (const unsigned char *)s;
	size_t end = l->len + max;
	while (*p) {
		char piece[8];
		size_t n = text_printable((const char *)p);
		if (n == 0) {
			snprintf(piece, sizeof piece, "\\x%02x", *p);
			n = 1;
		} else if (quoted && (*p == '"' || *p == '\\')) {
			snprintf(piece, sizeof piece, "\\%c", *p);
		} else {
			memcpy(piece, p, n);
			piece[n] = '\0';
		}
		if (l->len + strlen(piece) > end)
			return;
		line_raw(l, piece);
		p += n;
	}
}

static void
line_field(struct line *l, const char *name, const char *value)
{
	if (!value)
		return;
	bool quoted = *value == '\0' || strpbrk(value, " \"=\\");
	line_raw(l, " ");
	line_raw(l, name);
	line_raw(l, quoted ? "=\"" : "=");
	line_escaped(l, value, FIELD_MAX, quoted);
	if (quoted)
		line_raw(l, "\"");
}

static void
line_stamp(struct line *l, enum log_level level)
{
	struct timespec now;
	struct tm tm;
	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &tm);
	l->len = strftime(l->text, sizeof l->text, "%Y-%m-%dT%H:%M:%SZ ", &tm);
	line_raw(l, level_names[level]);
	line_raw(l, " ");
}

int
log_open(const char *target, enum log_level level)
{
	int fd;
	if (strcmp(target, "syslog") == 0) {
		fd = -1;
		openlog("cpush", LOG_PID | LOG_NDELAY, LOG_DAEMON);
	} else if (strcmp(target, "stderr") == 0) {
		fd = STDERR_FILENO;
	} else {
		fd = open(target, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, 0640);
		if (fd < 0)
			return -1;
	}
	pthread_rwlock_wrlock(&target_lock);
	int old = target_fd;
	target_fd = fd;
	pthread_rwlock_unlock(&target_lock);
	if (old > STDERR_FILENO)
		close(old);
	atomic_store(&current_level, (int)level);
	return 0;
}

enum log_level
log_level(void)
{
	return (enum log_level)atomic_load_explicit(&current_level, memory_order_relaxed);
}

bool
log_level_parse(const char *word, enum log_level *level_r)
{
	for (size_t i = 0; i < ARRAY_LEN(level_names); i++) {
		if (strcmp(word, level_names[i]) == 0) {
			*level_r = (enum log_level)i;
			return true;
		}
	}
	return false;
}

void
log_write(enum log_level level, const struct log_ctx *ctx, const char *fmt, ...)
{
	if (level > log_level())
		return;
	int saved_errno = errno;
	char text[TEXT_MAX];
	va_list args;
	va_start(args, fmt);
	if (vsnprintf(text, sizeof text, fmt, args) < 0)
		text[0] = '\0';
	va_end(args);

	struct line l;
	line_stamp(&l, level);
	size_t stamp = l.len;
	line_escaped(&l, text, TEXT_MAX, false);
	if (ctx) {
		line_field(&l, "user", ctx->user);
		line_field(&l, "device", ctx->device);
		line_field(&l, "command", ctx->command);
		line_field(&l, "client", ctx->client);
	}

	pthread_rwlock_rdlock(&target_lock);
	if (target_fd < 0) {
		/* syslog adds the time itself. */
		stamp -= strlen(level_names[level]) + 1;
		syslog(level_priorities[level], "%.*s", (int)(l.len - stamp), l.text + stamp);
	} else {
		l.text[l.len++] = '\n';
		/* A log that cannot be written has nowhere to be reported. */
		ssize_t unused = write(target_fd, l.text, l.len);
		(void)unused;
	}
	pthread_rwlock_unlock(&target_lock);
	errno = saved_errno;
}
