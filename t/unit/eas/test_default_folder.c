/* Which calendar is the one that new things go to, where the module names none. */
#include "sync_kit.h"

#include <string.h>

#define TYPE_CALENDAR 8

/* The name of the folder that FolderSync gives that type; "" where there is none. */
static const char *
default_calendar(void)
{
	static const unsigned path[] = { FolderHierarchy_Changes };
	static char name[64];
	struct call c;

	name[0] = '\0';
	call_begin(&c, &kit, PHONE, version, EAS_FOLDERSYNC);
	wbxml_start(&c.w, FolderHierarchy_FolderSync);
	wbxml_put(&c.w, FolderHierarchy_SyncKey, "0");
	call_run(&c);
	for (const struct wbxml_node *n = wbxml_child(wbxml_path(c.answer, path, 1), FolderHierarchy_Add); n;
		n = wbxml_next(n, FolderHierarchy_Add)) {
		if (wbxml_int(n, FolderHierarchy_Type, 0, 0) == TYPE_CALENDAR)
			snprintf(name, sizeof name, "%s", wbxml_text(n, FolderHierarchy_DisplayName));
	}
	call_end(&c);
	return name;
}

static void
calendar(const char *folder, const char *name)
{
	mem_folder_add(kit.mem, WORLD_USER, folder, NULL, name, BACKEND_CALENDAR, ROLE_NONE);
}

static int
open_without(void **state)
{
	kit_open(state);
	mem_folder_drop(kit.mem, WORLD_USER, "calendar");
	return 0;
}

static void
ones_own_goes_before_a_shared_one(void **state)
{
	(void)state;
	calendar("team", "Team");
	mem_folder_shared(kit.mem, WORLD_USER, "team");
	calendar("work", "Work");
	assert_string_equal(default_calendar(), "Work");
}

static void
a_shared_one_goes_before_what_cannot_be_written(void **state)
{
	(void)state;
	calendar("holidays", "Holidays");
	mem_folder_readonly(kit.mem, WORLD_USER, "holidays", true);
	calendar("team", "Team");
	mem_folder_shared(kit.mem, WORLD_USER, "team");
	assert_string_equal(default_calendar(), "Team");
}

/* Whatever the order that the server lists them in. */
static void
what_it_was_it_stays(void **state)
{
	(void)state;
	calendar("work", "Work");
	assert_string_equal(default_calendar(), "Work");
	mem_folder_drop(kit.mem, WORLD_USER, "work");
	calendar("new", "New");
	calendar("work", "Work");
	assert_string_equal(default_calendar(), "Work");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(ones_own_goes_before_a_shared_one, open_without, kit_close),
		cmocka_unit_test_setup_teardown(a_shared_one_goes_before_what_cannot_be_written, open_without, kit_close),
		cmocka_unit_test_setup_teardown(what_it_was_it_stays, open_without, kit_close),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
