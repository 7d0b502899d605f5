/* A named point kills the process where it is passed for the Nth time; the clock is off by what the file says. */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/failpoint.h"

#ifdef CPUSH_FAILPOINTS
/* How a child ends that passes a, b, a, b: the number of points that it came past, or -SIGNAL. */
static int
passed(const char *point)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		setenv("CPUSH_FAILPOINT", point, 1);
		for (int i = 0; i < 4; i++)
			failpoint(i % 2 ? "b" : "a");
		_exit(4);
	}
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

static void
test_nth_time(void **state)
{
	(void)state;
	assert_int_equal(passed("a:2"), -SIGKILL);
	assert_int_equal(passed("a:3"), 4);
	assert_int_equal(passed("any:4"), -SIGKILL);
	assert_int_equal(passed("any:5"), 4);
	assert_int_equal(passed("c:1"), 4);
	assert_int_equal(passed("a"), 4);
}

static void
test_clock(void **state)
{
	char name[] = "/tmp/cpush-clock-XXXXXX";
	int fd = mkstemp(name);
	FILE *f = fdopen(fd, "w");

	(void)state;
	assert_non_null(f);
	fputs("-3600\n", f);
	fclose(f);
	setenv("CPUSH_FAILPOINT_CLOCK", name, 1);
	assert_int_equal(failpoint_clock(), -3600);
	unlink(name);
	assert_int_equal(failpoint_clock(), 0);
}
#endif

int
main(void)
{
#ifdef CPUSH_FAILPOINTS
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_nth_time), cmocka_unit_test(test_clock) };

	return cmocka_run_group_tests(tests, NULL, NULL);
#else
	puts("left out of this build");
	return 0;
#endif
}
