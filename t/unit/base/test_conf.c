/* The configuration: what it reads, and that each error names file and line. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/conf.h"

struct sample {
	const char *name;
	const char *password;
	uint64_t count;
	uint64_t wait;
	uint64_t size;
	bool on;
	int mode;
};

static const struct conf_row rows[] = {
	{ "name", CONF_STRING, offsetof(struct sample, name), NULL, 0, 0, NULL, "a name" },
	{ "password", CONF_SECRET, offsetof(struct sample, password), NULL, 0, 0, NULL, "a password" },
	{ "count", CONF_UINT, offsetof(struct sample, count), "5", 1, 10, NULL, "a count" },
	{ "wait", CONF_SECONDS, offsetof(struct sample, wait), "15m", 60, 0, NULL, "a time" },
	{ "size", CONF_SIZE, offsetof(struct sample, size), "20M", 0, 0, NULL, "a size" },
	{ "on", CONF_BOOL, offsetof(struct sample, on), "yes", 0, 0, NULL, "a switch" },
	{ "mode", CONF_CHOICE, offsetof(struct sample, mode), "slow", 0, 0, "off slow fast", "a choice" },
};

static struct conf *conf;
static struct error error;

static int
setup(void **state)
{
	(void)state;
	memset(&error, 0, sizeof error);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	conf_unref(&conf);
	return 0;
}

static void
parse(const char *text)
{
	conf_unref(&conf);
	assert_int_equal(conf_parse(text, "test.conf", &conf, &error), ERR_OK);
	assert_non_null(conf);
}

static void
parse_fails(const char *text, const char *sentence)
{
	conf_unref(&conf);
	assert_int_equal(conf_parse(text, "test.conf", &conf, &error), ERR_INVALID);
	assert_null(conf);
	assert_string_equal(error.text, sentence);
}

static enum err
bind_sample(struct sample *s)
{
	memset(s, 0xAA, sizeof *s);
	return conf_bind(conf, "sample", rows, ARRAY_LEN(rows), s, &error);
}

static void
bind_fails(const char *text, const char *sentence)
{
	struct sample s;
	parse(text);
	assert_int_equal(bind_sample(&s), ERR_INVALID);
	assert_string_equal(error.text, sentence);
}

static void
defaults_fill_a_missing_section(void **state)
{
	(void)state;
	struct sample s;
	parse("");
	assert_int_equal(bind_sample(&s), ERR_OK);
	assert_null(s.name);
	assert_null(s.password);
	assert_int_equal(s.count, 5);
	assert_int_equal(s.wait, 900);
	assert_int_equal(s.size, 20 << 20);
	assert_true(s.on);
	assert_int_equal(s.mode, 1);
	assert_false(conf_has_section(conf, "sample"));
}

static void
nothing_at_all_is_zero(void **state)
{
	(void)state;
	struct conf_row bare[ARRAY_LEN(rows)];
	memcpy(bare, rows, sizeof rows);
	for (size_t i = 0; i < ARRAY_LEN(bare); i++)
		bare[i].fallback = NULL;
	struct sample s;
	memset(&s, 0xAA, sizeof s);
	parse("");
	assert_int_equal(conf_bind(conf, "sample", bare, ARRAY_LEN(bare), &s, &error), ERR_OK);
	assert_null(s.name);
	assert_int_equal(s.count, 0);
	assert_int_equal(s.wait, 0);
	assert_int_equal(s.size, 0);
	assert_false(s.on);
	assert_int_equal(s.mode, -1);
}

static void
values_are_bound(void **state)
{
	(void)state;
	struct sample s;
	parse("\xEF\xBB\xBF; a comment\r\n"
	      "# another\r\n"
	      "\r\n"
	      "[sample] ; behind the head\r\n"
	      "name = imaps://mail.example.org/?a=b;c=d   ; a comment\r\n"
	      "  password =  s;e=c#ret \t\r\n"
	      "count=10\r\n"
	      "wait = 2d\r\n"
	      "size = 64k\r\n"
	      "on = Off\r\n"
	      "mode = fast");
	assert_int_equal(bind_sample(&s), ERR_OK);
	assert_string_equal(s.name, "imaps://mail.example.org/?a=b;c=d");
	assert_string_equal(s.password, "s;e=c#ret");
	assert_int_equal(s.count, 10);
	assert_int_equal(s.wait, 172800);
	assert_int_equal(s.size, 65536);
	assert_false(s.on);
	assert_int_equal(s.mode, 2);
	assert_int_equal(conf_line(conf, "sample", NULL), 4);
	assert_int_equal(conf_line(conf, "sample", "mode"), 11);
	assert_int_equal(conf_line(conf, "sample", "none"), 0);
	assert_int_equal(conf_line(conf, "none", "mode"), 0);
	assert_string_equal(conf_get(conf, "sample", "count"), "10");
	assert_null(conf_get(conf, "sample", "none"));
	assert_null(conf_get(conf, "none", "count"));
	assert_false(conf_get_bool(conf, "sample", "on", true));
	assert_true(conf_get_bool(conf, "sample", "none", true));
	assert_true(conf_get_bool(conf, "sample", "mode", true));
	assert_string_equal(conf_name(conf), "test.conf");
}

static void
units_are_understood(void **state)
{
	(void)state;
	static const struct {
		const char *wait, *size;
		uint64_t seconds, bytes;
	} units[] = {
		{ "90", "500", 90, 500 },
		{ "90s", "1K", 90, 1024 },
		{ "2m", "3m", 120, 3 << 20 },
		{ "1h", "1g", 3600, 1 << 30 },
		{ "1d", "2G", 86400, (uint64_t)2 << 30 },
	};
	for (size_t i = 0; i < ARRAY_LEN(units); i++) {
		char text[100];
		struct sample s;
		snprintf(text, sizeof text, "[sample]\nwait=%s\nsize=%s\n", units[i].wait, units[i].size);
		parse(text);
		assert_int_equal(bind_sample(&s), ERR_OK);
		assert_true(s.wait == units[i].seconds);
		assert_true(s.size == units[i].bytes);
	}
}

static void
long_lines_and_names_are_whole(void **state)
{
	(void)state;
	static char text[40000], value[30001], section[200];
	memset(value, 'v', sizeof value - 1);
	memset(section, 's', sizeof section - 1);
	snprintf(text, sizeof text, "[user %s@x]\nkey = %s\n", section, value);
	parse(text);
	char name[300];
	snprintf(name, sizeof name, "user %s@x", section);
	assert_true(conf_has_section(conf, name));
	assert_string_equal(conf_get(conf, name, "key"), value);
}

static void
sections_are_found_by_prefix_in_file_order(void **state)
{
	(void)state;
	parse("[user bob]\na=1\n[server]\n[user alice]\n[user bob]\nb=2\n");
	assert_string_equal(conf_section(conf, "user ", 0), "user bob");
	assert_string_equal(conf_section(conf, "user ", 1), "user alice");
	assert_null(conf_section(conf, "user ", 2));
	assert_true(conf_has_section(conf, "server"));
	/* Opened again, it is the same section. */
	assert_string_equal(conf_get(conf, "user bob", "a"), "1");
	assert_string_equal(conf_get(conf, "user bob", "b"), "2");
}

static void
syntax_errors_name_the_line(void **state)
{
	(void)state;
	parse_fails("\n[open\n", "test.conf:2: ] is missing behind the name of a section");
	parse_fails("[ ]\n", "test.conf:1: a section without a name");
	parse_fails("key = 1\n", "test.conf:1: a key before the first [section]");
	parse_fails("[a]\n\nword\n", "test.conf:3: neither [section] nor key = value");
	parse_fails("[a]\n= value\n", "test.conf:2: neither [section] nor key = value");
	parse_fails("[a]\nk = 1\n[b]\nk = 2\n[a]\nk = 3\n", "test.conf:6: k is given twice, first in line 2");
	parse_fails("[a]\nk = \xFC\n", "test.conf:2: not UTF-8");
}

static void
wrong_values_name_the_line_and_not_the_value(void **state)
{
	(void)state;
	bind_fails("[sample]\nname = x\nnmae = secret\n", "test.conf:3: [sample] knows no key nmae");
	bind_fails("[sample]\ncount = 11\n", "test.conf:2: count must be within 1 and 10");
	bind_fails("[sample]\ncount = 0\n", "test.conf:2: count must be within 1 and 10");
	bind_fails("[sample]\ncount = -1\n", "test.conf:2: count must be a number");
	bind_fails("[sample]\ncount =\n", "test.conf:2: count must be a number");
	bind_fails("[sample]\nwait = 59\n", "test.conf:2: wait must be at least 60");
	bind_fails("[sample]\nwait = 1w\n", "test.conf:2: wait must be a time like 90s, 15m, 12h or 2d");
	bind_fails("[sample]\nwait = m\n", "test.conf:2: wait must be a time like 90s, 15m, 12h or 2d");
	bind_fails("[sample]\nsize = 20MB\n", "test.conf:2: size must be a size like 500, 64k, 20M or 1G");
	bind_fails("[sample]\nsize = 99999999999999999G\n", "test.conf:2: size must be a size like 500, 64k, 20M or 1G");
	bind_fails("[sample]\non = maybe\n", "test.conf:2: on must be yes or no");
	bind_fails("[sample]\nmode = slo\n", "test.conf:2: mode must be one of: off slow fast");
	bind_fails("[sample]\nmode = slow fast\n", "test.conf:2: mode must be one of: off slow fast");
}

static void
a_wrong_default_is_a_fault_of_ours(void **state)
{
	(void)state;
	static const struct conf_row bad[] = { { "n", CONF_UINT, 0, "x", 0, 0, NULL, "" } };
	uint64_t n;
	parse("");
	assert_int_equal(conf_bind(conf, "s", bad, 1, &n, &error), ERR_INTERNAL);
}

static void
a_section_that_nobody_bound_is_an_error(void **state)
{
	(void)state;
	struct sample s;
	parse("[sample]\n\n[smaple]\n");
	assert_int_equal(bind_sample(&s), ERR_OK);
	assert_null(conf_get(conf, "smaple", "x"));
	assert_int_equal(conf_check_unbound(conf, &error), ERR_INVALID);
	assert_string_equal(error.text, "test.conf:3: no part of the program uses the section [smaple]");
	assert_int_equal(conf_bind(conf, "smaple", rows, ARRAY_LEN(rows), &s, &error), ERR_OK);
	assert_int_equal(conf_check_unbound(conf, &error), ERR_OK);
}

static void
files_are_read(void **state)
{
	(void)state;
	char path[] = "/tmp/cpush-test-conf-XXXXXX", sentence[200];
	int fd = mkstemp(path);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, "[a]\nb = c\nd\n", 10), 10);
	enum err good = conf_load(path, &conf, &error);
	bool right = good == ERR_OK && strcmp(conf_get(conf, "a", "b"), "c") == 0;
	conf_unref(&conf);
	assert_int_equal(write(fd, "d\n", 2), 2);
	enum err bad = conf_load(path, &conf, &error);
	snprintf(sentence, sizeof sentence, "%s:3: neither [section] nor key = value", path);
	assert_int_equal(write(fd, "\0", 1), 1);
	struct error binary;
	enum err nul = conf_load(path, &conf, &binary);
	close(fd);
	unlink(path);
	assert_true(right);
	assert_int_equal(bad, ERR_INVALID);
	assert_string_equal(error.text, sentence);
	assert_int_equal(nul, ERR_INVALID);
	assert_int_equal(conf_load("/nonexistent.conf", &conf, &error), ERR_NOTFOUND);
	assert_string_equal(error.text, "/nonexistent.conf: No such file or directory");
	assert_int_equal(conf_load("/", &conf, &error), ERR_NOTFOUND);
	assert_null(conf);
}

static void
references_keep_it_alive(void **state)
{
	(void)state;
	parse("[a]\nb = c\n");
	struct conf *second = conf_ref(conf);
	conf_unref(&conf);
	assert_null(conf);
	assert_string_equal(conf_get(second, "a", "b"), "c");
	conf_unref(&second);
	assert_null(second);
	conf_unref(&second);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(defaults_fill_a_missing_section),
		CASE(nothing_at_all_is_zero),
		CASE(values_are_bound),
		CASE(units_are_understood),
		CASE(long_lines_and_names_are_whole),
		CASE(sections_are_found_by_prefix_in_file_order),
		CASE(syntax_errors_name_the_line),
		CASE(wrong_values_name_the_line_and_not_the_value),
		CASE(a_wrong_default_is_a_fault_of_ours),
		CASE(a_section_that_nobody_bound_is_an_error),
		CASE(files_are_read),
		CASE(references_keep_it_alive),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
