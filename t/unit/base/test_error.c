/* err_set() and the names. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "base/error.h"
#include "base/text.h"

static void
code_and_sentence_are_recorded(void **state)
{
	(void)state;
	struct error e = { 0 };
	assert_int_equal(err_set(&e, ERR_PEER, "%s said %d", "host", 5), ERR_PEER);
	assert_int_equal(e.code, ERR_PEER);
	assert_string_equal(e.text, "host said 5");
	/* A later one replaces it, and may quote it. */
	assert_int_equal(err_set(&e, ERR_AUTH, "login: %s", e.text), ERR_AUTH);
	assert_string_equal(e.text, "login: host said 5");
	assert_int_equal(err_set(NULL, ERR_LIMIT, "nobody listens"), ERR_LIMIT);
}

static void
too_long_a_sentence_is_cut_between_characters(void **state)
{
	(void)state;
	struct error e = { 0 };
	char text[600] = "";
	for (size_t i = 0; i + 2 < sizeof text; i += 2)
		memcpy(text + i, "\xC3\xA4", 3);
	err_set(&e, ERR_INVALID, "x%s", text);
	assert_true(strlen(e.text) > 240);
	assert_true(text_is_utf8(e.text, strlen(e.text)));
	err_set(&e, ERR_INVALID, "%s", text);
	assert_true(text_is_utf8(e.text, strlen(e.text)));
}

static void
every_code_has_a_name_of_its_own(void **state)
{
	(void)state;
	for (int i = ERR_OK; i <= ERR_INTERNAL; i++) {
		assert_string_not_equal(err_name((enum err)i), "unknown");
		for (int j = ERR_OK; j < i; j++)
			assert_string_not_equal(err_name((enum err)i), err_name((enum err)j));
	}
	assert_string_equal(err_name((enum err)999), "unknown");
	assert_true(err_is_temporary(ERR_BUSY));
	assert_false(err_is_temporary(ERR_AUTH));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(code_and_sentence_are_recorded),
		cmocka_unit_test(too_long_a_sentence_is_cut_between_characters),
		cmocka_unit_test(every_code_has_a_name_of_its_own),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
