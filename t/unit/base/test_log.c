/* Lines as an admin's tools read them, and nothing a phone sends can forge one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"

static char path[] = "/tmp/cpush-test-log-XXXXXX";
static char content[200000];

static int
setup(void **state)
{
	(void)state;
	memcpy(strrchr(path, '-'), "-XXXXXX", 7);
	int fd = mkstemp(path);
	if (fd < 0)
		return -1;
	close(fd);
	return log_open(path, LEVEL_INFO);
}

static int
teardown(void **state)
{
	(void)state;
	unlink(path);
	return log_open("stderr", LEVEL_NOTICE);
}

static const char *
read_log(void)
{
	FILE *f = fopen(path, "r");
	assert_non_null(f);
	size_t n = fread(content, 1, sizeof content - 1, f);
	fclose(f);
	content[n] = '\0';
	return content;
}

/* The one line that was logged, without its time, which is checked for its form. */
static const char *
logged(void)
{
	static const char form[] = "0000-00-00T00:00:00Z ";
	const char *s = read_log();
	for (size_t i = 0; form[i]; i++) {
		if (form[i] == '0')
			assert_in_range(s[i], '0', '9');
		else
			assert_int_equal(s[i], form[i]);
	}
	return s + strlen(form);
}

static void
a_line_has_time_level_text_and_whom(void **state)
{
	(void)state;
	struct log_ctx ctx = { .user = "alice@example.com", .device = "A1", .command = "Sync", .client = "2001:db8::1" };
	log_info(&ctx, "%d items", 3);
	assert_string_equal(logged(), "info 3 items user=alice@example.com device=A1 command=Sync client=2001:db8::1\n");
}

static void
without_context_the_text_stands_alone(void **state)
{
	(void)state;
	log_error(NULL, "no state");
	assert_string_equal(logged(), "error no state\n");
}

static void
fields_that_are_not_known_are_left_out(void **state)
{
	(void)state;
	struct log_ctx ctx = { .client = "192.0.2.1" };
	log_warn(&ctx, "refused");
	assert_string_equal(logged(), "warn refused client=192.0.2.1\n");
}

static void
controls_cannot_forge_a_line(void **state)
{
	(void)state;
	struct log_ctx ctx = { .user = "x\n2026-01-01T00:00:00Z error y", .device = "a\" client=\"1", .client = "" };
	log_notice(&ctx, "a\r\nb\x1B[31m\x7F\t\xC2\x85");
	assert_string_equal(logged(),
		"notice a\\x0d\\x0ab\\x1b[31m\\x7f\\x09\\xc2\\x85 user=\"x\\x0a2026-01-01T00:00:00Z error y\""
		" device=\"a\\\" client=\\\"1\" client=\"\"\n");
}

static void
bytes_that_are_no_utf8_are_escaped(void **state)
{
	(void)state;
	log_info(NULL, "Gr\xC3\xBC\xC3\x9F" "e \xFC \xE2\x82 \xC3");
	assert_string_equal(logged(), "info Gr\xC3\xBC\xC3\x9F" "e \\xfc \\xe2\\x82 \\xc3\n");
}

static void
a_long_text_leaves_room_for_the_context(void **state)
{
	(void)state;
	static char big[20000];
	memset(big, '\n', sizeof big - 1);
	struct log_ctx ctx = { .user = big, .device = big, .command = big, .client = "192.0.2.1" };
	log_info(&ctx, "%s", big);
	const char *line = logged();
	size_t n = strlen(line);
	assert_true(n < 4096);
	assert_string_equal(line + n - strlen(" client=192.0.2.1\n"), " client=192.0.2.1\n");
	assert_ptr_equal(strchr(line, '\n'), line + n - 1);
}

static void
levels_above_the_set_one_are_silent(void **state)
{
	(void)state;
	log_debug(NULL, "unseen");
	assert_string_equal(read_log(), "");
	assert_int_equal(log_open(path, LEVEL_DEBUG), 0);
	log_debug(NULL, "seen");
	assert_string_equal(logged(), "debug seen\n");
	assert_int_equal(log_level(), LEVEL_DEBUG);
}

static void
level_words_are_known(void **state)
{
	(void)state;
	enum log_level level = LEVEL_DEBUG;
	assert_true(log_level_parse("error", &level));
	assert_int_equal(level, LEVEL_ERROR);
	assert_true(log_level_parse("debug", &level));
	assert_int_equal(level, LEVEL_DEBUG);
	assert_false(log_level_parse("loud", &level));
	assert_false(log_level_parse("", &level));
}

static void
a_target_that_cannot_be_opened_keeps_the_old(void **state)
{
	(void)state;
	errno = 0;
	assert_int_equal(log_open("/nonexistent/dir/log", LEVEL_DEBUG), -1);
	assert_int_equal(errno, ENOENT);
	assert_int_equal(log_level(), LEVEL_INFO);
	log_info(NULL, "still here");
	assert_string_equal(logged(), "info still here\n");
}

static void
errno_survives(void **state)
{
	(void)state;
	errno = EXDEV;
	log_info(NULL, "x");
	assert_int_equal(errno, EXDEV);
}

static void
opening_again_follows_a_rotated_file(void **state)
{
	(void)state;
	log_info(NULL, "old");
	assert_int_equal(unlink(path), 0);
	assert_int_equal(log_open(path, LEVEL_INFO), 0);
	log_info(NULL, "new");
	assert_string_equal(logged(), "info new\n");
	struct stat st;
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0137, 0);
}

static void *
write_many(void *arg)
{
	struct log_ctx ctx = { .user = arg };
	for (int i = 0; i < 200; i++)
		log_info(&ctx, "line of a thread");
	return NULL;
}

static void
threads_write_whole_lines(void **state)
{
	(void)state;
	pthread_t threads[4];
	static char names[][2] = { "a", "b", "c", "d" };
	for (int i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, write_many, names[i]), 0);
	for (int i = 0; i < 20; i++)
		assert_int_equal(log_open(path, LEVEL_INFO), 0);
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	int lines = 0;
	static const char model[] = "2026-11-26T10:00:00Z info line of a thread user=a\n";
	for (const char *s = read_log(); *s; s += strlen(model), lines++) {
		assert_memory_equal(s + 20, model + 20, strlen(" info line of a thread user="));
		assert_int_equal(s[strlen(model) - 1], '\n');
	}
	assert_int_equal(lines, 800);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_line_has_time_level_text_and_whom, setup, teardown),
		cmocka_unit_test_setup_teardown(without_context_the_text_stands_alone, setup, teardown),
		cmocka_unit_test_setup_teardown(fields_that_are_not_known_are_left_out, setup, teardown),
		cmocka_unit_test_setup_teardown(controls_cannot_forge_a_line, setup, teardown),
		cmocka_unit_test_setup_teardown(bytes_that_are_no_utf8_are_escaped, setup, teardown),
		cmocka_unit_test_setup_teardown(a_long_text_leaves_room_for_the_context, setup, teardown),
		cmocka_unit_test_setup_teardown(levels_above_the_set_one_are_silent, setup, teardown),
		cmocka_unit_test(level_words_are_known),
		cmocka_unit_test_setup_teardown(a_target_that_cannot_be_opened_keeps_the_old, setup, teardown),
		cmocka_unit_test_setup_teardown(errno_survives, setup, teardown),
		cmocka_unit_test_setup_teardown(opening_again_follows_a_rotated_file, setup, teardown),
		cmocka_unit_test_setup_teardown(threads_write_whole_lines, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
