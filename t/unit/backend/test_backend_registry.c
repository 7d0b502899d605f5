/* Modules by name: what is loaded, what is refused and how. */
#include <string.h>

#include "rig.h"

#define IN_MODULES "module_dir = " MODULES "\n"

static void
loads_a_shared_object(void **state)
{
	(void)state;
	rig_open("good_module", IN_MODULES);
	assert_int_equal(backends_classes(rig_backends), BACKEND_MAIL);
	assert_int_equal(rig_login("alice", "secret"), ERR_AUTH);
}

static void
loads_it_once_for_two_configurations(void **state)
{
	struct backends *first;

	(void)state;
	rig_open("good_module", IN_MODULES);
	first = rig_backends;
	/* Found without the directory: it is in the process already. */
	rig_open("good_module", "");
	backends_unref(&first);
	assert_int_equal(rig_login("alice", "secret"), ERR_AUTH);
}

static void
refuses(const char *names, const char *more, const char *words)
{
	assert_int_not_equal(rig_try(names, more), ERR_OK);
	assert_null(rig_backends);
	if (!strstr(rig_error.text, words))
		fail_msg("\"%s\" does not say \"%s\"", rig_error.text, words);
}

static void
refuses_what_is_no_module(void **state)
{
	(void)state;
	refuses("old_module", IN_MODULES, "another cpush");
	refuses("misnamed_module", IN_MODULES, "calls itself somebody");
	refuses("empty_module", IN_MODULES, "backend_module");
	refuses("nosuch", IN_MODULES, "no module nosuch");
	refuses("../escape", IN_MODULES, "no name of a module");
	refuses("/etc/passwd", IN_MODULES, "no name of a module");
	refuses("", "", "names no module");
	refuses("mem mem", "", "twice");
}

static void
refuses_a_wrong_configuration(void **state)
{
	(void)state;
	refuses("mem", "auth = mem2\n", "test.conf:3: auth = mem2");
	refuses("mem", "[mem]\ncolour = red\n", "test.conf:4");
	refuses("mem", "[backends]\nprobe = 0\n", "test.conf:4");
}

static void
takes_several(void **state)
{
	(void)state;
	rig_open("mem, mem2", "auth = mem2\n");
	assert_int_equal(backends_classes(rig_backends), 31);
	mem_password(mem_world(&mem2_ops), "alice", "right");
	assert_int_equal(rig_login("alice", "wrong"), ERR_AUTH);
	assert_int_equal(rig_login("alice", "right"), ERR_OK);
	assert_int_equal(mem_calls(mem_world(&mem_ops), MEM_LOGIN), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		RIG(refuses_what_is_no_module),
		RIG(loads_a_shared_object),
		RIG(loads_it_once_for_two_configurations),
		RIG(refuses_a_wrong_configuration),
		RIG(takes_several),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
