/* Several modules as one account: routing, what is down, who sends. */
#include <string.h>

#include "rig.h"

static struct mem *mem, *mem2;
static struct account *account;

static int
setup(void **state)
{
	if (rig_setup(state))
		return -1;
	mem = mem_world(&mem_ops);
	mem2 = mem_world(&mem2_ops);
	rig_open("mem mem2", "domain = example.net\n");
	account = rig_account("alice", "x");
	return 0;
}

static int
teardown(void **state)
{
	account_release(&account);
	return rig_teardown(state);
}

static const struct backend_folder *
find(const struct backend_folders *f, const char *key)
{
	for (size_t i = 0; i < f->n; i++) {
		if (strcmp(f->list[i].key, key) == 0)
			return &f->list[i];
	}
	return NULL;
}

static void
folders_of_all(void **state)
{
	struct backend_folders f;
	const char *down;

	(void)state;
	mem_folder_add(mem, "alice", "work", "inbox", "Work", BACKEND_MAIL, ROLE_NONE);
	assert_int_equal(account_folders(account, rig_arena, &f, &down, &rig_error), ERR_OK);
	assert_string_equal(down, "");
	assert_int_equal(f.n, 14);
	assert_non_null(find(&f, "mem:calendar"));
	assert_non_null(find(&f, "mem2:calendar"));
	assert_string_equal(find(&f, "mem:work")->parent, "mem:inbox");
	assert_null(find(&f, "mem:inbox")->parent);
}

static void
what_is_down_is_named(void **state)
{
	struct backend_folders f;
	const char *down;

	(void)state;
	mem_down(mem2, ERR_UNAVAILABLE);
	assert_int_equal(account_folders(account, rig_arena, &f, &down, &rig_error), ERR_OK);
	assert_string_equal(down, "mem2");
	assert_int_equal(f.n, 10);
	mem_down(mem, ERR_PEER);
	assert_int_equal(account_folders(account, rig_arena, &f, &down, &rig_error), ERR_OK);
	assert_string_equal(down, "mem mem2");
	assert_int_equal(f.n, 0);
}

/* However often its phones ask. */
static void
what_is_down_for_one_user_is_said_once(void **state)
{
	struct backend_folders f;
	const char *down;

	(void)state;
	for (int round = 1; round <= 2; round++) {
		mem_down(mem2, ERR_PEER);
		for (int i = 0; i < 3; i++)
			assert_int_equal(account_folders(account, rig_arena, &f, &down, &rig_error), ERR_OK);
		assert_int_equal(rig_logged("warn the folders of mem2 are not known now: "), round);
		/* Sessions that nobody used go, what was said stays. */
		rig_now += 3600 * 1000;
		backends_tidy(rig_backends);
		mem_down(mem2, ERR_OK);
		for (int i = 0; i < 3; i++)
			assert_int_equal(account_folders(account, rig_arena, &f, &down, &rig_error), ERR_OK);
		assert_int_equal(rig_logged("the folders of mem2 are known again"), round);
	}
	assert_int_equal(rig_logged("the folders of "), 4);
}

static void
a_host_that_is_down_is_said_of_the_host(void **state)
{
	struct account *bob = rig_account("bob", "x");
	struct backend_folders f;
	const char *down;

	(void)state;
	mem_down(mem2, ERR_UNAVAILABLE);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(account_folders(account, rig_arena, &f, &down, &rig_error), ERR_OK);
		assert_int_equal(account_folders(bob, rig_arena, &f, &down, &rig_error), ERR_OK);
	}
	account_release(&bob);
	assert_int_equal(rig_logged(" is down ("), 1);
	assert_int_equal(rig_logged("the folders of "), 1); /* the one that came before it was known to be the host */
}

static void
a_refused_second_login_is_down(void **state)
{
	struct backend_folders f;
	const char *down;
	struct backend_changes c;

	(void)state;
	mem_password(mem2, "alice", "other");
	for (int i = 0; i < 3; i++) {
		assert_int_equal(account_folders(account, rig_arena, &f, &down, &rig_error), ERR_OK);
		assert_string_equal(down, "mem2");
		assert_int_equal(account_changes(account, rig_arena, "mem2:calendar", NULL, 10, &c, &rig_error), ERR_UNAVAILABLE);
	}
	assert_int_equal(mem_calls(mem2, MEM_LOGIN), 1);
	assert_int_equal(account_changes(account, rig_arena, "mem:calendar", NULL, 10, &c, &rig_error), ERR_OK);
	rig_now += 60000;
	mem_password(mem2, "alice", "x");
	assert_int_equal(account_changes(account, rig_arena, "mem2:calendar", NULL, 10, &c, &rig_error), ERR_OK);
}

static void
each_folder_to_its_owner(void **state)
{
	struct backend_put put = { .folder = "mem2:calendar", .name = "abc", .bytes = slice_str("BEGIN:VCALENDAR"),
		.date = BACKEND_NO_DATE };
	struct backend_stored stored;
	struct backend_changes c;

	(void)state;
	assert_int_equal(account_put(account, rig_arena, &put, &stored, &rig_error), ERR_OK);
	assert_string_equal(stored.key, "abc.ics");
	assert_int_equal(mem_count(mem2, "alice", "calendar"), 1);
	assert_int_equal(mem_count(mem, "alice", "calendar"), 0);
	assert_int_equal(account_put(account, rig_arena, &put, &stored, &rig_error), ERR_EXISTS);
	assert_string_equal(stored.key, "abc.ics");
	assert_int_equal(account_remove(account, "mem2:calendar", "abc.ics", NULL, &rig_error), ERR_OK);
	assert_int_equal(account_changes(account, rig_arena, "nosuch:calendar", NULL, 10, &c, &rig_error), ERR_NOFOLDER);
	assert_int_equal(account_changes(account, rig_arena, "calendar", NULL, 10, &c, &rig_error), ERR_NOFOLDER);
	assert_int_equal(account_changes(account, rig_arena, "me:calendar", NULL, 10, &c, &rig_error), ERR_NOFOLDER);
}

static void
not_across_modules(void **state)
{
	const char *key = mem_add(mem, "alice", "calendar", NULL, "BEGIN:VCALENDAR", 0, 0);
	struct backend_stored stored;
	const char *new_key;

	(void)state;
	mem_folder_add(mem, "alice", "second", NULL, "Second", BACKEND_CALENDAR, ROLE_NONE);
	assert_int_equal(account_move(account, rig_arena, "mem:calendar", key, "mem2:calendar", &stored, &rig_error), ERR_UNSUPPORTED);
	assert_int_equal(account_move(account, rig_arena, "mem:calendar", key, "mem:second", &stored, &rig_error), ERR_OK);
	assert_int_equal(mem_count(mem, "alice", "second"), 1);
	assert_int_equal(account_move(account, rig_arena, "mem2:calendar", key, "mem2:tasks", &stored, &rig_error), ERR_UNSUPPORTED);
	assert_int_equal(account_folder_rename(account, rig_arena, "mem:second", "mem2:calendar", "x", &new_key, &rig_error),
		ERR_UNSUPPORTED);
}

static void
folders_are_made_where_their_class_is(void **state)
{
	const char *key;

	(void)state;
	assert_int_equal(account_folder_make(account, rig_arena, "mem:inbox", "Project", BACKEND_MAIL, &key, &rig_error), ERR_OK);
	assert_string_equal(key, "mem:made-1");
	assert_int_equal(account_folder_make(account, rig_arena, "mem:inbox", "Project", BACKEND_MAIL, &key, &rig_error), ERR_EXISTS);
	assert_string_equal(key, "mem:made-1");
	/* mem2 cannot make folders: the first that can does, at its top. */
	assert_int_equal(account_folder_make(account, rig_arena, "mem2:calendar", "Team", BACKEND_CALENDAR, &key, &rig_error), ERR_OK);
	assert_string_equal(key, "mem:made-2");
	assert_int_equal(account_folder_rename(account, rig_arena, key, NULL, "Crew", &key, &rig_error), ERR_OK);
	assert_string_equal(key, "mem:made-2");
	assert_int_equal(account_folder_remove(account, key, &rig_error), ERR_OK);
	assert_false(mem_has_folder(mem, "alice", "made-2"));
	assert_int_equal(account_folder_remove(account, "mem2:calendar", &rig_error), ERR_UNSUPPORTED);
}

static void
what_a_module_can(void **state)
{
	(void)state;
	for (enum account_can what = CAN_MOVE; what <= CAN_FOLDER_MAKE; what++) {
		assert_true(account_can(account, "mem:inbox", what));
		assert_false(account_can(account, "mem2:calendar", what));
		assert_true(account_can(account, NULL, what));
		assert_false(account_can(account, "nosuch:x", what));
	}
	assert_true(account_can(account, "mem2:calendar", CAN_NAME_ITEMS));
}

static void
mail_is_sent_by_who_can(void **state)
{
	const char *to[] = { "bob@example.org" };
	struct backend_mail mail = { .bytes = slice_str("Subject: x\r\n\r\n"), .from = "alice@example.org", .to = to, .n = 1 };
	struct mem_sent sent;

	(void)state;
	assert_int_equal(account_send(account, &mail, NULL, NULL, &rig_error), ERR_OK);
	assert_true(mem_sent_at(mem, rig_arena, 0, &sent));
	assert_string_equal(sent.to, "bob@example.org");
}

static void
an_address_from_somewhere(void **state)
{
	struct backend_identity id;

	(void)state;
	assert_int_equal(account_identity(account, rig_arena, &id, &rig_error), ERR_OK);
	assert_string_equal(id.address, "alice@example.org");
	mem_fail(mem, MEM_IDENTITY, 1, MEM_BEFORE, ERR_UNAVAILABLE);
	assert_int_equal(account_identity(account, rig_arena, &id, &rig_error), ERR_OK);
	assert_string_equal(id.address, "alice@example.net");
}

#define ACCOUNT(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		ACCOUNT(folders_of_all),
		ACCOUNT(what_is_down_is_named),
		ACCOUNT(what_is_down_for_one_user_is_said_once),
		ACCOUNT(a_host_that_is_down_is_said_of_the_host),
		ACCOUNT(a_refused_second_login_is_down),
		ACCOUNT(each_folder_to_its_owner),
		ACCOUNT(not_across_modules),
		ACCOUNT(folders_are_made_where_their_class_is),
		ACCOUNT(what_a_module_can),
		ACCOUNT(mail_is_sent_by_who_can),
		ACCOUNT(an_address_from_somewhere),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
