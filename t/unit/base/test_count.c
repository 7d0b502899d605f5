/* Counters, and what another process reads of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/count.h"

static char dir[32];
static struct error error;

static int
setup(void **state)
{
	(void)state;
	snprintf(dir, sizeof dir, "/tmp/count-XXXXXX");
	return mkdtemp(dir) ? 0 : -1;
}

static int
teardown(void **state)
{
	char command[64];

	(void)state;
	count_unpublish();
	snprintf(command, sizeof command, "rm -rf %s", dir);
	return system(command);
}

/* ---- what a reader is told ---- */

struct told {
	size_t processes;
	pid_t pid;
	const char *wanted;
	uint64_t sum; /* of the wanted one, over all processes */
	size_t times;
};

static void
on_process(void *ctx, pid_t pid, int64_t started)
{
	struct told *t = ctx;

	assert_true(started > 0);
	t->processes++;
	t->pid = pid;
}

static void
on_counter(void *ctx, const char *name, uint64_t value)
{
	struct told *t = ctx;

	if (strcmp(name, t->wanted) == 0) {
		t->sum += value;
		t->times++;
	}
}

static struct told
ask(const char *name)
{
	struct told t = { .wanted = name };
	struct count_reader reader = { on_process, on_counter, &t };
	size_t n;

	assert_int_equal(count_read(dir, &reader, &n, &error), ERR_OK);
	assert_int_equal(n, t.processes);
	return t;
}

/* ---- tests ---- */

static void
numbers_go_up_and_down(void **state)
{
	uint64_t parked = count_get(COUNT_PARKED), in = count_get(COUNT_PHONE_IN);

	(void)state;
	count_add(COUNT_PARKED, 3);
	count_sub(COUNT_PARKED, 2);
	count_add(COUNT_PHONE_IN, 1000);
	assert_int_equal(count_get(COUNT_PARKED), parked + 1);
	assert_int_equal(count_get(COUNT_PHONE_IN), in + 1000);
	count_sub(COUNT_PARKED, 1);
}

static void
kinds_are_made_when_they_come(void **state)
{
	char kind[80];

	(void)state;
	assert_int_equal(count_named("some.call.fetch"), 0);
	count_one("some", "call", "fetch");
	count_one("some", "call", "fetch");
	assert_int_equal(count_named("some.call.fetch"), 2);
	assert_int_equal(count_named("some.call.fetc"), 0);
	/* Too long for a name. */
	memset(kind, 'x', sizeof kind - 1);
	kind[sizeof kind - 1] = '\0';
	count_one("some", "call", kind);
	assert_int_equal(count_named("some.call.fetch"), 2);
}

static void *
count_much(void *unused)
{
	(void)unused;
	for (int i = 0; i < 1000; i++) {
		char own[24];

		snprintf(own, sizeof own, "k%d", i % 8);
		count_add(COUNT_JOBS, 1);
		count_one("threads", "call", own);
	}
	return NULL;
}

static void
threads_lose_nothing(void **state)
{
	pthread_t threads[4];
	uint64_t jobs = count_get(COUNT_JOBS), sum = 0;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(threads); i++)
		assert_int_equal(pthread_create(&threads[i], NULL, count_much, NULL), 0);
	for (size_t i = 0; i < ARRAY_LEN(threads); i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(count_get(COUNT_JOBS) - jobs, 4000);
	for (int i = 0; i < 8; i++) {
		char name[32];

		snprintf(name, sizeof name, "threads.call.k%d", i);
		sum += count_named(name);
		assert_int_equal(count_named(name), 500);
	}
	assert_int_equal(sum, 4000);
}

static void
another_reads_what_was_published(void **state)
{
	uint64_t was;

	(void)state;
	count_add(COUNT_REQUESTS, 5);
	was = count_get(COUNT_REQUESTS);
	assert_int_equal(count_publish(dir, &error), ERR_OK);
	assert_int_equal(count_get(COUNT_REQUESTS), was);
	count_add(COUNT_REQUESTS, 2);
	count_one("new", "call", "fetch");
	/* Locks are of the open file: here the reader is another one, as another process is. */
	struct told t = ask("requests");
	assert_int_equal(t.processes, 1);
	assert_int_equal(t.pid, getpid());
	assert_int_equal(t.times, 1);
	assert_int_equal(t.sum, was + 2);
	assert_int_equal(ask("new.call.fetch").sum, 1);
	count_unpublish();
	assert_int_equal(count_get(COUNT_REQUESTS), was + 2);
	assert_int_equal(ask("requests").processes, 0);
}

/* Publishes, says so, and lives until its standard input ends. */
static pid_t
start_other(int *talk_r)
{
	int up[2], down[2];
	char c;

	assert_int_equal(pipe(up), 0);
	assert_int_equal(pipe(down), 0);
	pid_t pid = fork();
	if (pid == 0) {
		close(down[1]);
		count_add(COUNT_WATCHED, 7);
		c = count_publish(dir, &error) ? 'n' : 'y';
		if (write(up[1], &c, 1) != 1)
			_exit(2);
		_exit(read(down[0], &c, 1) == 0 ? 0 : 1); /* as if it were killed: nothing is put away */
	}
	close(up[1]);
	close(down[0]);
	assert_int_equal(read(up[0], &c, 1), 1);
	assert_int_equal(c, 'y');
	close(up[0]);
	*talk_r = down[1];
	return pid;
}

static void
end_other(pid_t pid, int talk)
{
	int status;

	close(talk);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void
several_publish_and_the_dead_do_not_count(void **state)
{
	uint64_t was = count_get(COUNT_WATCHED);
	int talk[2];
	pid_t one = start_other(&talk[0]), two = start_other(&talk[1]);
	char path[64];

	(void)state;
	struct told t = ask("watched.now");
	assert_int_equal(t.processes, 2);
	assert_int_equal(t.sum, 2 * (was + 7));
	/* The second has the writing end of the first's pipe, too: it goes first. */
	end_other(two, talk[1]);
	assert_int_equal(ask("watched.now").processes, 1);
	end_other(one, talk[0]);
	assert_int_equal(ask("watched.now").processes, 0);
	snprintf(path, sizeof path, "%s/%ld", dir, (long)one);
	assert_int_equal(access(path, F_OK), 0);
	/* Whoever publishes next tidies up. */
	assert_int_equal(count_publish(dir, &error), ERR_OK);
	assert_int_not_equal(access(path, F_OK), 0);
}

static void
what_is_no_table_is_left_alone(void **state)
{
	char path[64];
	FILE *f;

	(void)state;
	snprintf(path, sizeof path, "%s/notes", dir);
	f = fopen(path, "w");
	assert_non_null(f);
	fclose(f);
	assert_int_equal(count_publish(dir, &error), ERR_OK);
	assert_int_equal(access(path, F_OK), 0);
	assert_int_equal(ask("requests").processes, 1);
}

static void
no_directory_no_file(void **state)
{
	struct count_reader reader = { on_process, on_counter, NULL };
	uint64_t was = count_get(COUNT_REQUESTS);
	size_t n;

	(void)state;
	assert_int_equal(count_publish("/nonexistent/stats", &error), ERR_INVALID);
	assert_non_null(strstr(error.text, "/nonexistent/stats"));
	assert_int_equal(count_read("/nonexistent/stats", &reader, &n, &error), ERR_INVALID);
	count_add(COUNT_REQUESTS, 1);
	assert_int_equal(count_get(COUNT_REQUESTS), was + 1);
}

#define PUBLISHED(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_go_up_and_down),
		cmocka_unit_test(kinds_are_made_when_they_come),
		cmocka_unit_test(threads_lose_nothing),
		PUBLISHED(another_reads_what_was_published),
		PUBLISHED(several_publish_and_the_dead_do_not_count),
		PUBLISHED(what_is_no_table_is_left_alone),
		PUBLISHED(no_directory_no_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
