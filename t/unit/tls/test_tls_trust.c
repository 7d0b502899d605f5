/* Whom the modules let vouch for a server, and how often they read who that is. */
#include "server.h"

#include <dlfcn.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <cmocka.h>

#include "backend/backend.h"
#include "backend/tls/tls.h"

#define HOUR 3600L
#define HERE "IP:127.0.0.1"

static const char *const modules[] = { "imap", "caldav" };

struct rig {
	char dir[64], ca_file[96];
	struct identity root, between, other;
	struct server *server;
	struct conf *conf;
	const struct backend_ops *ops;
	struct backend *b;
	struct error e;
	unsigned trusted; /* clients of the server until now */
};

static int
set_up(void **state)
{
	struct rig *r = calloc(1, sizeof *r);
	snprintf(r->dir, sizeof r->dir, "/tmp/cpush-tls-XXXXXX");
	assert_non_null(mkdtemp(r->dir));
	snprintf(r->ca_file, sizeof r->ca_file, "%s/ca.pem", r->dir);
	r->root = identity_make(&(struct made){ "root", NULL, NULL, -HOUR, HOUR, true });
	r->between = identity_make(&(struct made){ "between", NULL, &r->root, -HOUR, HOUR, true });
	r->other = identity_make(&(struct made){ "other root", NULL, NULL, -HOUR, HOUR, true });
	*state = r;
	return 0;
}

static void
close_module(struct rig *r)
{
	if (r->b)
		r->ops->close(&r->b);
	conf_unref(&r->conf);
}

static int
tear_down(void **state)
{
	struct rig *r = *state;
	close_module(r);
	server_stop(&r->server);
	identity_free(&r->root);
	identity_free(&r->between);
	identity_free(&r->other);
	unlink(r->ca_file);
	rmdir(r->dir);
	free(r);
	return 0;
}

static void
serve(struct rig *r, const struct identity *own, const struct identity *between)
{
	server_stop(&r->server);
	r->server = server_start(own, between);
	r->trusted = 0;
}

/* The module with the server as its own; with ca_file, or trusting the system's authorities. */
static void
open_module(struct rig *r, const char *module, bool ca_file)
{
	char path[4096], text[512];
	const char *build = getenv("CPUSH_BUILD");
	close_module(r);
	snprintf(path, sizeof path, "%s/lib/%s.so", build ? build : ".", module);
	void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	if (!handle)
		fail_msg("%s", dlerror());
	r->ops = dlsym(handle, BACKEND_SYMBOL);
	assert_non_null(r->ops);
	snprintf(text, sizeof text, "[%s]\nurl = %s://127.0.0.1:%d/\n%s%s\n", module, strcmp(module, "imap") == 0 ? "imaps" : "https",
		server_port(r->server), ca_file ? "ca_file = " : "", ca_file ? r->ca_file : "");
	assert_int_equal(conf_parse(text, "test.conf", &r->conf, &r->e), ERR_OK);
	if (r->ops->open(r->conf, &r->b, &r->e))
		fail_msg("%s", r->e.text);
}

/* A login, which this server never lets succeed: did the client trust it? */
static bool
trusts(struct rig *r)
{
	struct backend_session *s = NULL;
	struct backend_login who = { .user = "alice", .password = "secret" };
	unsigned before = r->trusted;
	assert_true(err_is_temporary(r->ops->login(r->b, &who, &s, &r->e)));
	r->trusted = server_trusted(r->server);
	return r->trusted > before;
}

static void
only_the_right_certificate_is_trusted(void **state)
{
	struct rig *r = *state;
	enum vouch { SYSTEM, ROOT, BETWEEN, OTHER, ITSELF };
	const struct {
		const char *what;
		struct made made;
		enum vouch ca_file;
		bool trusted;
	} cases[] = {
		{ "by the authority", { "a", HERE, &r->root, -HOUR, HOUR, false }, ROOT, true },
		{ "by one between", { "b", HERE, &r->between, -HOUR, HOUR, false }, ROOT, true },
		{ "by one between, which is all that is trusted", { "c", HERE, &r->between, -HOUR, HOUR, false }, BETWEEN, true },
		{ "by itself, and known", { "d", HERE, NULL, -HOUR, HOUR, false }, ITSELF, true },
		{ "by itself", { "e", HERE, NULL, -HOUR, HOUR, false }, ROOT, false },
		{ "by another authority", { "f", HERE, &r->other, -HOUR, HOUR, false }, ROOT, false },
		{ "by one that the system does not know", { "g", HERE, &r->root, -HOUR, HOUR, false }, SYSTEM, false },
		{ "for another address", { "h", "IP:127.0.0.2", &r->root, -HOUR, HOUR, false }, ROOT, false },
		{ "for a name", { "127.0.0.1", "DNS:mail.example.org", &r->root, -HOUR, HOUR, false }, ROOT, false },
		{ "expired", { "i", HERE, &r->root, -2 * HOUR, -HOUR, false }, ROOT, false },
		{ "not yet valid", { "j", HERE, &r->root, HOUR, 2 * HOUR, false }, ROOT, false },
		{ "known, but expired", { "k", HERE, NULL, -2 * HOUR, -HOUR, false }, ITSELF, false },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct identity own = identity_make(&cases[i].made);
		const struct identity *file[] = { &r->root, &r->root, &r->between, &r->other, &own };
		identity_write(file[cases[i].ca_file], r->ca_file);
		serve(r, &own, cases[i].made.issuer == &r->between ? &r->between : NULL);
		for (size_t m = 0; m < ARRAY_LEN(modules); m++) {
			open_module(r, modules[m], cases[i].ca_file != SYSTEM);
			if (trusts(r) != cases[i].trusted)
				fail_msg("%s: a certificate %s (%s)", modules[m], cases[i].what, r->e.text);
		}
		identity_free(&own);
	}
}

static void
without_verification_any_is_trusted(void **state)
{
	struct rig *r = *state;
	char text[256];
	struct identity own = identity_make(&(struct made){ "own", "DNS:elsewhere.example", NULL, -2 * HOUR, -HOUR, false });
	serve(r, &own, NULL);
	open_module(r, "caldav", false);
	close_module(r);
	snprintf(text, sizeof text, "[caldav]\nurl = https://127.0.0.1:%d/\ntls_verify = no\n", server_port(r->server));
	assert_int_equal(conf_parse(text, "test.conf", &r->conf, &r->e), ERR_OK);
	assert_int_equal(r->ops->open(r->conf, &r->b, &r->e), ERR_OK);
	assert_true(trusts(r));
	identity_free(&own);
}

/* What the file holds at the time of a connection counts, without a restart. */
static void
a_changed_file_counts_at_once(void **state)
{
	struct rig *r = *state;
	struct identity own = identity_make(&(struct made){ "own", HERE, &r->root, -HOUR, HOUR, false });
	serve(r, &own, NULL);
	for (size_t m = 0; m < ARRAY_LEN(modules); m++) {
		identity_write(&r->other, r->ca_file);
		open_module(r, modules[m], true);
		assert_false(trusts(r));
		identity_write(&r->root, r->ca_file);
		assert_true(trusts(r));
		identity_write(&r->other, r->ca_file);
		assert_false(trusts(r));
		assert_int_equal(truncate(r->ca_file, 0), 0);
		assert_false(trusts(r));
		assert_int_equal(unlink(r->ca_file), 0);
		assert_false(trusts(r));
		assert_non_null(strstr(r->e.text, "ca_file"));
		identity_write(&r->root, r->ca_file);
		assert_true(trusts(r));
	}
	identity_free(&own);
}

/* Was the file opened since the last question? (Equal events that nobody has read are made one.) */
static bool
opened(int watch)
{
	struct inotify_event event;
	return read(watch, &event, sizeof event) > 0;
}

static void
a_file_is_read_once_for_all(void **state)
{
	struct rig *r = *state;
	if (!strstr(curl_version_info(CURLVERSION_NOW)->ssl_version, "OpenSSL"))
		skip(); /* nothing but libcurl reads it then */
	struct identity own = identity_make(&(struct made){ "own", HERE, &r->root, -HOUR, HOUR, false });
	struct tls_trust *held = tls_trust_get(r->ca_file);
	identity_write(&r->root, r->ca_file);
	int watch = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	assert_true(inotify_add_watch(watch, r->ca_file, IN_OPEN) >= 0);
	serve(r, &own, NULL);
	for (size_t m = 0; m < ARRAY_LEN(modules); m++) {
		open_module(r, modules[m], true);
		assert_true(trusts(r));
		assert_int_equal(opened(watch), m == 0);
		assert_true(trusts(r));
		assert_false(opened(watch));
	}
	tls_trust_put(&held);
	close(watch);
	identity_free(&own);
}

int
main(void)
{
	signal(SIGPIPE, SIG_IGN);
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(only_the_right_certificate_is_trusted, set_up, tear_down),
		cmocka_unit_test_setup_teardown(without_verification_any_is_trusted, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_changed_file_counts_at_once, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_file_is_read_once_for_all, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
