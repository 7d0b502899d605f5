#include "fcgi/check.h"

#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include "base/text.h"
#include "fcgi/server.h"

#define PASSWORD_MAX 1024

static void
no_end(void *ctx, const char *user, const char *device_id, unsigned kinds, enum eas_wake why)
{
	(void)ctx;
	(void)user;
	(void)device_id;
	(void)kinds;
	(void)why;
}

static void
no_nudge(void *ctx, const char *user)
{
	(void)ctx;
	(void)user;
}

/* One line from the terminal without echo, or from standard input. */
static bool
read_password(const char *user, char *out, size_t room)
{
	struct termios old, quiet;
	bool terminal = tcgetattr(STDIN_FILENO, &old) == 0;
	bool ok;

	if (terminal) {
		fprintf(stderr, "Password of %s: ", user);
		quiet = old;
		quiet.c_lflag &= ~(tcflag_t)ECHO;
		tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet);
	}
	ok = fgets(out, (int)room, stdin) != NULL;
	if (terminal) {
		tcsetattr(STDIN_FILENO, TCSAFLUSH, &old);
		fputc('\n', stderr);
	}
	if (ok)
		out[strcspn(out, "\r\n")] = '\0';
	return ok;
}

struct saying {
	unsigned wrong;
};

/* Servers say what they like, and a terminal would obey it. */
static void
print_escaped(const char *text)
{
	while (*text) {
		size_t n = text_printable(text);

		if (n)
			printf("%.*s", (int)n, text);
		else
			printf("\\x%02x", (unsigned char)*text);
		text += n ? n : 1;
	}
}

static void
say(void *ctx, bool ok, const char *text)
{
	struct saying *s = ctx;

	printf("  %s  ", ok ? "ok  " : "FAIL");
	print_escaped(text);
	putchar('\n');
	s->wrong += !ok;
}

static const char *
class_name(enum backend_class class)
{
	switch (class) {
	case BACKEND_MAIL:
		return "mail";
	case BACKEND_CALENDAR:
		return "calendar";
	case BACKEND_TASKS:
		return "tasks";
	case BACKEND_CONTACTS:
		return "contacts";
	case BACKEND_NOTES:
		return "notes";
	}
	return "";
}

static void
list_folders(struct account *account, struct saying *s)
{
	static const char *const roles[] = { "", "inbox", "drafts", "sent", "trash", "junk", "archive", "default" };
	struct arena *a = arena_new(32 << 20);
	struct backend_folders folders = { 0 };
	struct error e = { 0 };
	const char *down = "";

	if (!a || account_folders(account, a, &folders, &down, &e)) {
		say(s, false, e.text);
		arena_free(&a);
		return;
	}
	printf("Folders that a phone will see:\n");
	for (size_t i = 0; i < folders.n; i++) {
		const struct backend_folder *f = &folders.list[i];

		printf("  %-9s ", class_name(f->class));
		print_escaped(f->name);
		printf("%s%s%s%s\n", f->role ? "  = " : "", roles[f->role], f->readonly ? "  (read-only)" : "",
			f->noselect ? "  (holds folders only)" : "");
	}
	if (*down) {
		s->wrong++;
		printf("  FAIL  not reached: ");
		print_escaped(down);
		putchar('\n');
	}
	arena_free(&a);
}

static int
check_user(struct generation *g, const char *user)
{
	char password[PASSWORD_MAX];
	struct log_ctx log = { .user = user };
	struct backend_login who = { .user = user, .password = password, .log = &log };
	struct account *account = NULL;
	struct saying s = { 0 };
	struct error e = { 0 };
	enum err err;

	if (!read_password(user, password, sizeof password))
		return 1;
	err = account_login(g->backends, &who, &account, &e);
	OPENSSL_cleanse(password, sizeof password);
	if (err) {
		printf("  FAIL  login of %s: ", user);
		print_escaped(e.text[0] ? e.text : err_name(err));
		putchar('\n');
		return 1;
	}
	printf("Login of %s:\n", user);
	say(&s, true, "accepted");
	if (account_describe(account, say, &s, &e))
		say(&s, false, e.text);
	list_folders(account, &s);
	account_release(&account);
	printf(s.wrong ? "%u problem%s.\n" : "All is well.\n", s.wrong, s.wrong == 1 ? "" : "s");
	return s.wrong ? 1 : 0;
}

/* Makes nothing: whoever checks may be root, and the service another. */
static enum err
check_store(struct conf *conf, char *said, size_t room, struct error *e)
{
	struct state *state = NULL;
	enum err err = state_open(conf, true, &state, e);

	if (err == ERR_NOTFOUND) {
		snprintf(said, room, "%s", e->text);
		return ERR_OK;
	}
	if (!err)
		snprintf(said, room, "the store (%s) answers", state_driver(state));
	state_close(&state);
	return err;
}

/* Makes nothing either: the responder makes its log as whoever it runs as. */
static enum err
check_log(const struct generation *g, struct error *e)
{
	const char *log = g->server.log_to;
	char path[PATH_MAX];
	int rc;

	if (strcmp(log, "stderr") == 0 || strcmp(log, "syslog") == 0)
		return ERR_OK;
	rc = access(log, W_OK);
	if (rc != 0 && errno == ENOENT) {
		snprintf(path, sizeof path, "%s", log);
		rc = access(dirname(path), W_OK | X_OK);
	}
	if (rc == 0)
		return ERR_OK;
	return err_set(e, ERR_INVALID, "%s:%u: the log %s cannot be written: %s", conf_name(g->conf),
		conf_line(g->conf, "server", "log_to"), log, strerror(errno));
}

static void
warn_of_readers(const struct conf *conf, const char *path)
{
	struct stat st;

	if (conf_get(conf, "state", "password") && stat(path, &st) == 0 && (st.st_mode & S_IROTH))
		fprintf(stderr, "cpush: %s has a password in it and can be read by everyone: chmod 640\n", path);
}

int
check(const char *path, const char *user)
{
	struct eas_server hooks = { .end_parked = no_end, .nudge = no_nudge };
	struct generation *g = NULL;
	struct error e = { 0 };
	char store[sizeof e.text];
	enum err err = generation_new(path, &hooks, &g, &e);
	int rc = 0;

	if (!err)
		err = check_store(g->conf, store, sizeof store, &e);
	if (!err)
		err = conf_check_unbound(g->conf, &e);
	if (!err)
		err = check_log(g, &e);
	if (!err)
		err = eas_config_writable(g->config, &e);
	if (err) {
		fprintf(stderr, "cpush: %s\ncpush: configuration file %s test failed\n", e.text, path);
		rc = 1;
	} else {
		printf("cpush: configuration file %s: the syntax is ok, %s\n", path, store);
		printf("cpush: the limit on open files that is in force here allows %llu waiting phones, each of another user\n",
			(unsigned long long)server_limits(&g->server));
		printf("cpush: whole days begin at the midnights of %s\n", eas_timezone(g->config));
		warn_of_readers(g->conf, path);
		if (user)
			rc = check_user(g, user);
	}
	generation_unref(&g);
	return rc;
}
