#include "rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct backends *rig_backends;
struct arena *rig_arena;
struct error rig_error;
int64_t rig_now;
unsigned rig_freed;
static char log_path[32];

static int64_t
clock_of_test(void)
{
	return __atomic_load_n(&rig_now, __ATOMIC_RELAXED);
}

static void
freed(void *ctx)
{
	(void)ctx;
	__atomic_add_fetch(&rig_freed, 1, __ATOMIC_RELAXED);
}

int
rig_setup(void **state)
{
	int fd;

	(void)state;
	snprintf(log_path, sizeof log_path, "/tmp/cpush-log-XXXXXX");
	fd = mkstemp(log_path);
	if (fd < 0 || close(fd) || log_open(log_path, LEVEL_NOTICE))
		return -1;
	mem_reset();
	rig_now = 1000000;
	rig_freed = 0;
	memset(&rig_error, 0, sizeof rig_error);
	rig_arena = arena_new(0);
	backends_set_clock(clock_of_test);
	backends_register_builtin(&mem_ops);
	backends_register_builtin(&mem2_ops);
	return rig_arena ? 0 : -1;
}

int
rig_teardown(void **state)
{
	(void)state;
	backends_unref(&rig_backends);
	arena_free(&rig_arena);
	backends_set_clock(NULL);
	unlink(log_path);
	return log_open("stderr", LEVEL_NOTICE);
}

unsigned
rig_logged(const char *what)
{
	char line[4096];
	unsigned n = 0;
	FILE *f = fopen(log_path, "r");

	assert_non_null(f);
	while (fgets(line, sizeof line, f))
		n += strstr(line, what) != NULL;
	fclose(f);
	return n;
}

enum err
rig_try(const char *names, const char *more)
{
	struct conf *conf = NULL;
	char text[1024];
	enum err err;

	snprintf(text, sizeof text, "[server]\nbackends = %s\n%s\n", names, more);
	err = conf_parse(text, "test.conf", &conf, &rig_error);
	if (!err)
		err = backends_open(conf, &rig_backends, &rig_error);
	conf_unref(&conf);
	return err;
}

void
rig_open(const char *names, const char *more)
{
	enum err err = rig_try(names, more);

	if (err)
		print_error("%s\n", rig_error.text);
	assert_int_equal(err, ERR_OK);
	backends_on_free(rig_backends, freed, NULL);
}

enum err
rig_login(const char *user, const char *password)
{
	struct backend_login who = { .user = user, .password = password };
	struct account *a;
	enum err err = account_login(rig_backends, &who, &a, &rig_error);

	account_release(&a);
	return err;
}

struct account *
rig_account(const char *user, const char *password)
{
	struct backend_login who = { .user = user, .password = password };
	struct account *a;

	assert_int_equal(account_login(rig_backends, &who, &a, &rig_error), ERR_OK);
	return a;
}
