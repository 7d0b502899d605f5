#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include "backend/imap/conn.h"
#include "backend/imap/crlf.h"

extern char **environ;

/* The program gets our end of a socket as its input, nothing else that we have open, and the signals as a program
 * expects them. */
static int
spawn(const struct backend *b, char *const *argv, int input, pid_t *pid_r)
{
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attr;
	sigset_t none, all;
	sigemptyset(&none);
	sigfillset(&all);
	if (posix_spawn_file_actions_init(&files))
		return ENOMEM;
	if (posix_spawnattr_init(&attr)) {
		posix_spawn_file_actions_destroy(&files);
		return ENOMEM;
	}
	int err = posix_spawn_file_actions_adddup2(&files, input, 0);
	err = err ? err : posix_spawn_file_actions_addopen(&files, 1, "/dev/null", O_WRONLY, 0);
	err = err ? err : posix_spawn_file_actions_addclosefrom_np(&files, 3);
	err = err ? err : posix_spawnattr_setsigmask(&attr, &none);
	err = err ? err : posix_spawnattr_setsigdefault(&attr, &all);
	err = err ? err : posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	err = err ? err : posix_spawn(pid_r, b->set.sendmail, &files, &attr, argv, environ);
	posix_spawnattr_destroy(&attr);
	posix_spawn_file_actions_destroy(&files);
	return err;
}

/* False if the program stops reading, for so long (milliseconds) or for good, or reads too slowly. */
static bool
feed(int fd, struct slice bytes, int64_t silence)
{
	struct imap_crlf crlf = { .in = bytes };
	char part[16384];
	size_t n;
	int64_t moved = imap_now(), end = moved + silence + (int64_t)bytes.len * 1000 / IMAP_SLOWEST;
	while ((n = imap_crlf_next(&crlf, part, sizeof part)) > 0) {
		for (size_t done = 0; done < n;) {
			ssize_t w = send(fd, part + done, n - done, MSG_NOSIGNAL | MSG_DONTWAIT);
			if (w > 0) {
				done += (size_t)w;
				moved = imap_now();
				continue;
			}
			struct pollfd p = { .fd = fd, .events = POLLOUT };
			int64_t left = (moved + silence < end ? moved + silence : end) - imap_now();
			if ((w < 0 && errno != EAGAIN && errno != EINTR) || left <= 0 || poll(&p, 1, (int)left) == 0)
				return false;
		}
	}
	return true;
}

/* The exit status, or -1: it did not end in time (and was killed) or not by itself. */
static int
reap(pid_t pid, int64_t until)
{
	int status = 0;
	for (;;) {
		pid_t got = waitpid(pid, &status, WNOHANG);
		if (got == pid)
			return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
		if (got < 0 && errno != EINTR)
			return -1;
		if (imap_now() >= until)
			break;
		poll(NULL, 0, 20);
	}
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	return -1;
}

/* EX_UNAVAILABLE is no refusal: msmtp, which has no queue, says it of what a server puts off, too. */
static enum err
judge(const struct backend *b, int status, struct error *e)
{
	switch (status) {
	case EX_OK:
		return ERR_OK;
	case EX_USAGE:
	case EX_DATAERR:
	case EX_NOUSER:
	case EX_NOHOST:
	case EX_NOPERM:
		return err_set(e, ERR_DENIED, "%s refused the mail (exit status %d)", b->set.sendmail, status);
	default:
		return err_set(e, ERR_UNAVAILABLE, "%s could not take the mail (exit status %d)", b->set.sendmail,
			status);
	}
}

enum err
imap_sendmail(const struct backend *b, const struct backend_mail *mail, enum err (*sending)(void *ctx), void *ctx,
	struct error *e)
{
	struct arena *a AUTO(arena_free) = arena_new(0);
	const char *head[] = { b->set.sendmail, "-i", "-f", mail->from, "--" };
	char **argv = a ? arena_array(a, ARRAY_LEN(head) + mail->n + 1, sizeof *argv) : NULL;
	for (size_t i = 0; argv && i < ARRAY_LEN(head) + mail->n; i++)
		argv[i] = arena_strdup(a, i < ARRAY_LEN(head) ? head[i] : mail->to[i - ARRAY_LEN(head)]);
	int pair[2];
	if (!argv || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair))
		return err_set(e, ERR_NOMEM, "no memory or descriptors to send mail");
	/* Whatever the program has read when something goes wrong, it may send: from here on nothing can be ruled
	 * out. */
	enum err err = sending ? sending(ctx) : ERR_OK;
	pid_t pid;
	int failed = err ? 0 : spawn(b, argv, pair[1], &pid);
	close(pair[1]);
	if (err || failed) {
		close(pair[0]);
		return err ? err : err_set(e, ERR_UNAVAILABLE, "cannot run %s: %s", b->set.sendmail,
			strerrordesc_np(failed));
	}
	bool fed = feed(pair[0], mail->bytes, (int64_t)b->set.answer * 1000);
	if (!fed)
		kill(pid, SIGKILL);
	close(pair[0]);
	/* A program that passes it on has to wait for the server's answer (RFC 5321 4.5.3.2.6). */
	int status = reap(pid, imap_now() + (fed ? (int64_t)b->set.accept * 1000 : 0));
	return judge(b, fed ? status : status > 0 ? status : -1, e);
}
