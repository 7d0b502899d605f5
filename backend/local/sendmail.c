/* The sendmail program: the mail on its standard input, lines ended by LF as such programs want them. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include "backend/local/local.h"
#include "base/clock.h"

#define SLOWEST 16384 /* bytes per second: a mail that moves more slowly is given up */

static char **
arguments(struct arena *a, const char *program, const struct backend_mail *mail)
{
	char **argv = arena_array(a, mail->n + 6, sizeof *argv);
	size_t n = 0;

	if (!argv)
		return NULL;
	argv[n++] = arena_strdup(a, program);
	argv[n++] = arena_strdup(a, "-i");
	argv[n++] = arena_strdup(a, "-f");
	argv[n++] = arena_strdup(a, mail->from);
	argv[n++] = arena_strdup(a, "--");
	for (size_t i = 0; i < mail->n; i++)
		argv[n++] = arena_strdup(a, mail->to[i]);
	for (size_t i = 0; i < n; i++) {
		if (!argv[i])
			return NULL;
	}
	return argv;
}

/* The child starts with no signal blocked, nothing of our descriptors but the mail, and no output. */
static bool
start(const char *program, char **argv, int in, pid_t *pid_r)
{
	char path[] = "PATH=/usr/sbin:/usr/bin:/sbin:/bin";
	char *const environment[] = { path, NULL };
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	sigset_t none, all;
	int failed;

	sigemptyset(&none);
	sigfillset(&all);
	if (posix_spawn_file_actions_init(&actions) != 0)
		return false;
	if (posix_spawnattr_init(&attr) != 0) {
		posix_spawn_file_actions_destroy(&actions);
		return false;
	}
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	posix_spawnattr_setsigmask(&attr, &none);
	posix_spawnattr_setsigdefault(&attr, &all);
	failed = posix_spawn_file_actions_adddup2(&actions, in, 0);
	if (!failed)
		failed = posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
	if (!failed)
		failed = posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
	if (!failed)
		failed = posix_spawn_file_actions_addclosefrom_np(&actions, 3);
	if (!failed)
		failed = posix_spawn(pid_r, program, &actions, &attr, argv, environment);
	posix_spawnattr_destroy(&attr);
	posix_spawn_file_actions_destroy(&actions);
	errno = failed;
	return !failed;
}

static void
without_cr(struct slice in, struct buf *out)
{
	for (size_t i = 0; i < in.len; i++) {
		if (in.ptr[i] != '\r' || i + 1 == in.len || in.ptr[i + 1] != '\n')
			buf_add_byte(out, in.ptr[i]);
	}
}

/* False: the program stopped reading for so long, or reads too slowly. One that ends early says why by its exit status. */
static bool
feed(int fd, struct slice bytes, int64_t silence)
{
	int64_t moved = monotonic_ms(), end = moved + silence + (int64_t)bytes.len * 1000 / SLOWEST;

	while (bytes.len) {
		struct pollfd p = { .fd = fd, .events = POLLOUT };
		int64_t left = (moved + silence < end ? moved + silence : end) - monotonic_ms();
		ssize_t n;

		if (left <= 0 || poll(&p, 1, (int)left) == 0)
			return false;
		n = send(fd, bytes.ptr, bytes.len, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n < 0 && errno != EAGAIN && errno != EINTR)
			return true;
		if (n <= 0)
			continue;
		bytes = slice(bytes.ptr + n, bytes.len - (size_t)n);
		moved = monotonic_ms();
	}
	return true;
}

/* Its exit status; -1: killed by a signal, ours if it took too long. */
static int
wait_for(pid_t pid, int64_t deadline)
{
	int fd = (int)syscall(SYS_pidfd_open, pid, 0), status = 0;
	struct pollfd p = { .fd = fd, .events = POLLIN };
	int64_t left;

	do {
		left = deadline - monotonic_ms();
	} while (fd >= 0 && left > 0 && poll(&p, 1, (int)left) < 0 && errno == EINTR);
	if (fd >= 0 && !(p.revents & POLLIN))
		kill(pid, SIGKILL);
	if (fd >= 0)
		close(fd);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* EX_UNAVAILABLE is no refusal: msmtp, which has no queue, says it of what a server puts off, too. */
static enum err
judge(const char *program, int status, struct error *e)
{
	switch (status) {
	case EX_OK:
		return ERR_OK;
	case EX_USAGE:
	case EX_DATAERR:
	case EX_NOUSER:
	case EX_NOHOST:
	case EX_NOPERM:
		return err_set(e, ERR_DENIED, "%s refuses the mail (exit status %d)", program, status);
	default:
		return err_set(e, ERR_UNAVAILABLE, "%s failed (exit status %d)", program, status);
	}
}

enum err
sendmail_run(const struct settings *set, const struct backend_mail *mail, struct error *e)
{
	const char *program = set->sendmail;
	AUTO(arena_free) struct arena *a = arena_new(0);
	char **argv = a ? arguments(a, program, mail) : NULL;
	AUTO(buf_finish) struct buf bytes = { 0 };
	int pair[2];
	pid_t pid;
	bool fed;

	buf_init(&bytes, 0);
	if (argv)
		without_cr(mail->bytes, &bytes);
	if (!argv || !buf_ok(&bytes))
		return err_set(e, ERR_NOMEM, "out of memory");
	/* A socket, for it can be written to without a signal when nobody reads. */
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return err_set(e, ERR_UNAVAILABLE, "starting %s: %s", program, strerror(errno));
	if (!start(program, argv, pair[1], &pid)) {
		err_set(e, ERR_UNAVAILABLE, "starting %s: %s", program, strerror(errno));
		close(pair[0]);
		close(pair[1]);
		return ERR_UNAVAILABLE;
	}
	close(pair[1]);
	shutdown(pair[0], SHUT_RD);
	fed = feed(pair[0], buf_slice(&bytes), (int64_t)set->answer * 1000);
	close(pair[0]);
	/* Who passes it on has to wait for the answer of a server (RFC 5321 4.5.3.2.6). */
	return judge(program, wait_for(pid, fed ? monotonic_ms() + (int64_t)set->accept * 1000 : 0), e);
}
