/* The tests' own backend: its listings come in parts, its trouble comes when it was ordered. */
#include <string.h>

#include "rig.h"

static struct mem *mem;
static struct account *account;

static int
setup(void **state)
{
	if (rig_setup(state))
		return -1;
	mem = mem_world(&mem_ops);
	rig_open("mem", "[backends]\nbreaker = 0\n");
	account = rig_account("alice", "x");
	return 0;
}

static int
teardown(void **state)
{
	account_release(&account);
	return rig_teardown(state);
}

static struct backend_changes
look(const char *cursor, size_t part)
{
	struct backend_changes c;

	assert_int_equal(account_changes(account, rig_arena, "mem:inbox", cursor, part, &c, &rig_error), ERR_OK);
	return c;
}

static void
a_listing_in_parts_and_a_delta(void **state)
{
	struct backend_changes c;

	(void)state;
	for (int i = 0; i < 5; i++)
		mem_add(mem, "alice", "inbox", NULL, "Subject: x\r\n\r\n", 0, i);
	c = look(NULL, 2);
	assert_true(c.listing && c.more && !c.reset);
	assert_string_equal(c.list[0].key, "5");
	assert_string_equal(c.list[1].key, "4");
	mem_delete(mem, "alice", "inbox", "5");
	mem_add(mem, "alice", "inbox", NULL, "Subject: y\r\n\r\n", 0, 9);
	c = look(c.cursor, 2);
	assert_true(c.listing && c.more);
	c = look(c.cursor, 2);
	assert_true(c.listing && !c.more);
	assert_int_equal(c.n, 1);
	c = look(c.cursor, 1);
	assert_true(!c.listing && c.more && c.list[0].gone);
	assert_string_equal(c.list[0].key, "5");
	c = look(c.cursor, 1);
	assert_true(!c.more && !c.list[0].gone);
	assert_string_equal(c.list[0].key, "6");
	c = look(c.cursor, 1);
	assert_int_equal(c.n, 0);
}

static void
a_new_validity_and_old_cursors(void **state)
{
	struct backend_changes c;

	(void)state;
	mem_add(mem, "alice", "inbox", NULL, "Subject: x\r\n\r\n", 0, 0);
	c = look(NULL, 10);
	mem_folder_forget_cursors(mem, "alice", "inbox");
	c = look(c.cursor, 10);
	assert_true(c.listing && !c.reset);
	mem_folder_renumber(mem, "alice", "inbox");
	c = look(c.cursor, 10);
	assert_true(c.listing && c.reset);
	assert_string_equal(c.list[0].key, "2");
	c = look(c.cursor, 10);
	assert_false(c.listing);
}

static void
ordered_trouble(void **state)
{
	struct backend_put put = { .folder = "mem:calendar", .name = "a", .bytes = slice_str("BEGIN:X\r\nEND:X\r\n"), .date = BACKEND_NO_DATE };
	struct backend_stored stored;
	struct mem_item item;

	(void)state;
	mem_fail(mem, MEM_PUT, 2, MEM_AFTER, ERR_UNAVAILABLE);
	assert_int_equal(account_put(account, rig_arena, &put, &stored, &rig_error), ERR_OK);
	put.name = "b";
	assert_int_equal(account_put(account, rig_arena, &put, &stored, &rig_error), ERR_UNAVAILABLE);
	assert_int_equal(mem_count(mem, "alice", "calendar"), 2);
	put.name = "c";
	mem_settings(mem)->rewrites = true;
	assert_int_equal(account_put(account, rig_arena, &put, &stored, &rig_error), ERR_OK);
	assert_string_equal(stored.version, "");
	assert_true(mem_get(mem, rig_arena, "alice", "calendar", "c.ics", &item));
	assert_string_equal((const char *)item.bytes.ptr, "BEGIN:X\r\nX-MEM-REWRITTEN:1\r\nEND:X\r\n");
	mem_item_readonly(mem, "alice", "calendar", "c.ics", true);
	assert_int_equal(account_remove(account, "mem:calendar", "c.ics", NULL, &rig_error), ERR_DENIED);
}

#define MEM(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		MEM(a_listing_in_parts_and_a_delta),
		MEM(a_new_validity_and_old_cursors),
		MEM(ordered_trouble),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
