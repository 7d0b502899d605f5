/* cpush: the responder. */
#include <errno.h>
#include <gmime/gmime.h>
#include <curl/curl.h>
#include <libxml/parser.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>
#include <fcntl.h>

#include "base/count.h"
#include "fcgi/check.h"
#include "fcgi/server.h"

#define CONFIG_DEFAULT "/etc/cpush/cpush.conf"
#define STACK_SIZE (1u << 20)
#define PARTING_SECONDS 2

static int
usage(void)
{
	fputs("usage: cpush [-c FILE]            serve FastCGI on descriptor 0 (spawn-fcgi, systemd)\n"
	      "       cpush [-c FILE] -t         check the configuration\n"
	      "       cpush [-c FILE] -t -u USER log in to each backend and say what was found; the password is read\n"
	      "                                  from the terminal or from standard input\n"
	      "       cpush -V                   say the version\n",
		stderr);
	return 2;
}

/* Libraries with state of their own, before any thread starts. */
static void
init_libraries(void)
{
	curl_global_init(CURL_GLOBAL_DEFAULT);
	g_mime_init();
	/* Classes that GLib would make at their first use, in whatever thread that is. */
	g_type_class_ref(INTERNET_ADDRESS_TYPE_MAILBOX);
	g_type_class_ref(INTERNET_ADDRESS_TYPE_GROUP);
	g_type_class_ref(INTERNET_ADDRESS_LIST_TYPE);
	xmlInitParser();
	FCGX_Init();
}

/* Signals are for the hub to read; nobody else is interrupted. No core: it would hold passwords. */
static void
init_process(void)
{
	struct rlimit none = { 0, 0 };
	sigset_t set;

	mallopt(M_ARENA_MAX, 2);
	setrlimit(RLIMIT_CORE, &none);
	prctl(PR_SET_DUMPABLE, 0);
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	sigfillset(&set);
	sigdelset(&set, SIGSEGV);
	sigdelset(&set, SIGBUS);
	sigdelset(&set, SIGFPE);
	sigdelset(&set, SIGILL);
	sigdelset(&set, SIGABRT);
	sigdelset(&set, SIGPROF);
	pthread_sigmask(SIG_SETMASK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
}

static void
end_parked(void *ctx, const char *user, const char *device_id, unsigned kinds, enum eas_wake why)
{
	struct server *s = ctx;

	hub_end(s->hub, user, device_id, kinds, why);
}

static void
nudge(void *ctx, const char *user)
{
	struct server *s = ctx;

	hub_nudge(s->hub, user);
}

static void
slot_free(void *ctx)
{
	struct server *s = ctx;

	hub_free_slot(s->hub);
}

static size_t
default_threads(uint64_t wanted)
{
	long cores = sysconf(_SC_NPROCESSORS_ONLN);

	if (wanted)
		return (size_t)wanted;
	return cores > 2 ? (size_t)cores * 2 : 4;
}

static bool
is_listening(int fd)
{
	int yes = 0;
	socklen_t n = sizeof yes;

	return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &yes, &n) == 0 && yes;
}

/* Nobody's mail depends on it. */
static void
publish_counters(const struct server *s)
{
	struct error e = { 0 };

	if (count_publish(s->generation->server.stats, &e))
		log_info(NULL, "the counters are not published: %s", e.text);
}

static enum err
start(struct server *s, struct error *e)
{
	enum err err;

	s->hooks = (struct eas_server){ .end_parked = end_parked, .nudge = nudge, .ctx = s };
	pthread_mutex_init(&s->lock, NULL);
	err = generation_new(s->path, &s->hooks, &s->generation, e);
	if (err)
		return err;
	if (log_open(s->generation->server.log_to, generation_level(s->generation)) < 0)
		return err_set(e, ERR_INVALID, "the log %s cannot be opened: %s", s->generation->server.log_to,
			strerror(errno));
	publish_counters(s);
	err = state_open(s->generation->conf, false, &s->state, e);
	if (!err)
		err = conf_check_unbound(s->generation->conf, e);
	if (err)
		return err;
	eas_config_use(s->generation->config);
	s->hooks.state = s->generation->eas.state = s->state;
	s->parked_max = server_limits(&s->generation->server);
	s->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	s->jobs = jobs_new(default_threads(s->generation->server.jobs), s->state);
	s->hub = hub_new(s);
	if (s->stop_fd < 0 || !s->jobs || !s->hub || !queue_init(&s->ready))
		return err_set(e, ERR_INTERNAL, "cannot start: %s", strerror(errno));
	s->slot_free = slot_free;
	backends_on_free(s->generation->backends, slot_free, s);
	return ERR_OK;
}

static bool parted; /* atomic */

/* Everyone is answered. Looks under way are ended and sessions logged out, but a server that hangs does not keep the
 * process for that. */
static void *
leave_anyway(void *arg)
{
	(void)arg;
	sleep(PARTING_SECONDS);
	if (__atomic_load_n(&parted, __ATOMIC_ACQUIRE))
		return NULL;
	log_notice(NULL, "stopped; a server that hangs was not waited for");
	_exit(0);
}

static void
part(void)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, leave_anyway, NULL) == 0)
		pthread_detach(thread);
}

static int
serve(struct server *s)
{
	size_t n = default_threads(s->generation->server.workers), started = 0;
	pthread_t *threads = calloc(n, sizeof *threads);
	pthread_attr_t attr;

	fcntl(STDIN_FILENO, F_SETFL, fcntl(STDIN_FILENO, F_GETFL) | O_NONBLOCK);
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK_SIZE);
	while (threads && started < n && pthread_create(&threads[started], &attr, worker_run, s) == 0)
		started++;
	pthread_attr_destroy(&attr);
	if (started == 0) {
		free(threads);
		log_error(NULL, "cannot start a thread");
		return 1;
	}
	log_notice(NULL, "cpush %s: %zu workers, up to %llu waiting phones, store %s", CPUSH_VERSION, started,
		(unsigned long long)s->parked_max, state_driver(s->state));
	hub_run(s->hub);
	if (__atomic_load_n(&s->running, __ATOMIC_ACQUIRE) > 0) {
		log_warn(NULL, "some requests did not end in time");
		_exit(1);
	}
	part();
	__atomic_store_n(&s->ended, true, __ATOMIC_RELEASE);
	for (size_t i = 0; i < started; i++)
		pthread_join(threads[i], NULL);
	free(threads);
	return 0;
}

static int
run(const char *path)
{
	struct server s = { .path = path };
	struct error e = { 0 };
	int rc = 1;

	if (!is_listening(STDIN_FILENO)) {
		fputs("cpush: descriptor 0 is no listening socket: start it with spawn-fcgi or a systemd socket unit\n",
			stderr);
		return 2;
	}
	init_process();
	init_libraries();
	if (start(&s, &e)) {
		fprintf(stderr, "cpush: %s\n", e.text);
		log_error(NULL, "%s", e.text);
	} else {
		rc = serve(&s);
	}
	jobs_free(&s.jobs);
	generation_unref(&s.generation);
	hub_free(&s.hub);
	state_close(&s.state);
	__atomic_store_n(&parted, true, __ATOMIC_RELEASE);
	count_unpublish();
	if (rc == 0)
		log_notice(NULL, "stopped");
	return rc;
}

int
main(int argc, char **argv)
{
	const char *path = CONFIG_DEFAULT, *user = NULL;
	bool test = false;
	int c;

	while ((c = getopt(argc, argv, "c:tu:Vh")) != -1) {
		switch (c) {
		case 'c':
			path = optarg;
			break;
		case 't':
			test = true;
			break;
		case 'u':
			user = optarg;
			break;
		case 'V':
			puts("cpush " CPUSH_VERSION);
			return 0;
		default:
			return usage();
		}
	}
	if (optind < argc || (user && !test))
		return usage();
	if (!test)
		return run(path);
	init_libraries();
	return check(path, user);
}
