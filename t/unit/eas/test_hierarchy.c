/* FolderSync: which keys are good after requests that were sent twice, and whose answers came in another order. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "eas/clock.h"
#include "world.h"

#define PHONE "phone"

static struct world w;

static int
open_world(void **state)
{
	(void)state;
	world_open(&w, "sqlite", NULL);
	return 0;
}

static int
close_world(void **state)
{
	(void)state;
	world_close(&w);
	return 0;
}

/* Its Status; what it says besides into key_r (ID_MAX bytes) and adds_r, where not NULL. */
static int
folder_sync(const char *key, char *key_r, int *adds_r)
{
	const char *text;
	struct call c;
	int status;

	call_begin(&c, &w, PHONE, 141, EAS_FOLDERSYNC);
	wbxml_start(&c.w, FolderHierarchy_FolderSync);
	wbxml_put(&c.w, FolderHierarchy_SyncKey, key);
	call_run(&c);
	status = (int)wbxml_int(c.answer, FolderHierarchy_Status, 0, -1);
	text = wbxml_text(c.answer, FolderHierarchy_SyncKey);
	if (key_r)
		snprintf(key_r, ID_MAX, "%s", text ? text : "");
	if (adds_r) {
		*adds_r = 0;
		for (const struct wbxml_node *n = wbxml_child(wbxml_child(c.answer, FolderHierarchy_Changes), FolderHierarchy_Add);
			n; n = wbxml_next(n, FolderHierarchy_Add))
			++*adds_r;
	}
	call_end(&c);
	return status;
}

/* A phone that hangs up and asks again may be answered in either order, by two responders. */
static void
each_beginning_is_good_until_one_comes_back(void **state)
{
	char keys[3][ID_MAX];
	int adds, again;

	(void)state;
	assert_int_equal(folder_sync("0", keys[0], &adds), 1);
	assert_true(adds > 0);
	assert_int_equal(folder_sync("0", keys[1], &again), 1);
	assert_int_equal(again, adds);
	assert_int_equal(folder_sync("0", keys[2], NULL), 1);
	assert_string_not_equal(keys[0], keys[1]);
	assert_string_not_equal(keys[1], keys[2]);
	assert_int_equal(folder_sync(keys[0], NULL, &adds), 1);
	assert_int_equal(adds, 0);
	assert_int_equal(folder_sync(keys[1], NULL, NULL), 9);
	assert_int_equal(folder_sync(keys[0], NULL, NULL), 1);
}

static void
a_phone_that_begins_anew_ends_what_it_had(void **state)
{
	char old[ID_MAX], new[ID_MAX];

	(void)state;
	assert_int_equal(folder_sync("0", old, NULL), 1);
	assert_int_equal(folder_sync(old, NULL, NULL), 1);
	assert_int_equal(folder_sync("0", new, NULL), 1);
	assert_int_equal(folder_sync(old, NULL, NULL), 9);
	assert_int_equal(folder_sync(new, NULL, NULL), 1);
}

/* ---- the device's row, written by a request that began before the first FolderSync (on another responder) ---- */

static struct arena *arena;
static struct state_device device;

static enum err
read_row(struct state_txn *t, void *arg, struct error *e)
{
	(void)arg;
	(void)e;
	return state_device_find(t, arena, WORLD_USER, PHONE, &device);
}

static enum err
write_row(struct state_txn *t, void *arg, struct error *e)
{
	(void)arg;
	(void)e;
	return state_device_seen(t, &device);
}

static void
a_row_that_is_written_late_leaves_the_keys_good(void **state)
{
	struct error e = { 0 };
	char key[ID_MAX];

	(void)state;
	arena = arena_new(1 << 20);
	assert_int_equal(folder_sync("4711-1", NULL, NULL), 9); /* the device is known */
	assert_int_equal(state_run(w.state, STATE_READ, read_row, NULL, &e), ERR_OK);
	assert_int_equal(folder_sync("0", key, NULL), 1);
	assert_int_equal(state_run(w.state, STATE_WRITE, write_row, NULL, &e), ERR_OK);
	assert_int_equal(folder_sync(key, NULL, NULL), 1);
	arena_free(&arena);
}

/* ---- what phones do with folders ---- */

/* Status; text NULL: the element is not there. The key goes on. */
static int
edit(enum eas_command command, unsigned root, char *key, const char *id, const char *parent, const char *name, bool status)
{
	const char *next;
	struct call c;
	int s;

	call_begin(&c, &w, PHONE, 141, command);
	wbxml_start(&c.w, root);
	wbxml_put(&c.w, FolderHierarchy_SyncKey, key);
	wbxml_put(&c.w, FolderHierarchy_ServerId, id);
	wbxml_put(&c.w, FolderHierarchy_ParentId, parent);
	wbxml_put(&c.w, FolderHierarchy_DisplayName, name);
	if (status)
		wbxml_put(&c.w, FolderHierarchy_Status, "1");
	if (root == FolderHierarchy_FolderCreate)
		wbxml_put(&c.w, FolderHierarchy_Type, "12");
	call_run(&c);
	s = (int)wbxml_int(c.answer, FolderHierarchy_Status, 0, -1);
	next = wbxml_text(c.answer, FolderHierarchy_SyncKey);
	if (next)
		snprintf(key, ID_MAX, "%s", next);
	call_end(&c);
	return s;
}

#define UPDATE EAS_FOLDERUPDATE, FolderHierarchy_FolderUpdate
#define CREATE EAS_FOLDERCREATE, FolderHierarchy_FolderCreate

static void
malformed_updates_are_10(void **state)
{
	char key[ID_MAX], id[ID_MAX];

	(void)state;
	id_folder(world_folder(&w, PHONE, 141, "Archive"), id);
	assert_int_equal(folder_sync("0", key, NULL), 1);
	assert_int_equal(edit(UPDATE, key, id, NULL, "Old", false), 10); /* R3626; it would move to the top */
	assert_int_equal(edit(UPDATE, key, id, "0", "Old", true), 10);   /* R3102 */
	assert_int_equal(edit(UPDATE, key, id, "0", "", false), 10);
	assert_int_equal(mem_calls(w.mem, MEM_FOLDER_RENAME), 0);
	assert_int_equal(edit(UPDATE, key, id, "0", "Old", false), 1);
}

/* R2194: characters, not bytes. */
static void
names_have_256_characters_at_most(void **state)
{
	char key[ID_MAX], name[257 * 2 + 1] = "";

	(void)state;
	for (int i = 0; i < 257; i++)
		memcpy(name + 2 * i, "\u00e4", 2);
	assert_int_equal(folder_sync("0", key, NULL), 1);
	assert_int_equal(edit(CREATE, key, NULL, "0", name, false), 10);
	assert_int_equal(edit(UPDATE, key, "1", "0", name, false), 10);
	name[256 * 2] = '\0';
	assert_int_equal(edit(CREATE, key, NULL, "0", name, false), 1);
}

/* R5438: the backend, which may have two of one name, is not asked. */
static void
a_name_that_is_taken_is_2(void **state)
{
	char key[ID_MAX], id[ID_MAX];

	(void)state;
	assert_int_equal(folder_sync("0", key, NULL), 1);
	assert_int_equal(edit(CREATE, key, NULL, "0", "One", false), 1);
	assert_int_equal(edit(CREATE, key, NULL, "0", "Two", false), 1);
	id_folder(world_folder(&w, PHONE, 141, "Two"), id);
	assert_int_equal(folder_sync("0", key, NULL), 1);
	assert_int_equal(edit(UPDATE, key, id, "0", "One", false), 2);
	assert_int_equal(mem_calls(w.mem, MEM_FOLDER_RENAME), 0);
	assert_int_equal(edit(UPDATE, key, id, "0", "Three", false), 1);
}

/* ---- folders that change while they are listed ---- */

static unsigned listings;

static enum err
make_row(struct state_txn *t, void *arg, struct error *e)
{
	int64_t user;
	enum err err = state_user(t, WORLD_USER, &user);

	(void)e;
	if (err)
		return err;
	*(struct state_folder *)arg = (struct state_folder){ .user = user, .key = "mem:late", .parent = "", .name = "Late",
		.class = BACKEND_MAIL, .type = 12 };
	return state_folder_save(t, arg);
}

/* Another device makes a folder once the list is written, and its row is there first. */
static enum err
make_meanwhile(void *ctx, enum mem_op op, enum mem_when when, const char *folder, const char *key)
{
	struct error e = { 0 };

	(void)folder;
	(void)key;
	if (op != MEM_FOLDERS || when != MEM_AFTER || listings++)
		return ERR_OK;
	mem_folder_add(w.mem, WORLD_USER, "late", NULL, "Late", BACKEND_MAIL, ROLE_NONE);
	assert_int_equal(state_run(w.state, STATE_WRITE, make_row, ctx, &e), ERR_OK);
	return ERR_OK;
}

static void
a_folder_made_during_a_look_stays(void **state)
{
	struct state_folder made = { 0 };

	(void)state;
	listings = 0;
	mem_hook(w.mem, make_meanwhile, &made);
	assert_int_equal(folder_sync("0", NULL, NULL), 1);
	mem_hook(w.mem, NULL, NULL);
	assert_int_not_equal(made.id, 0);
	assert_int_equal(world_folder(&w, "other", 141, "Late"), made.id);
}

/* ---- a backend that cannot be asked ---- */

static enum err
look(struct error *e)
{
	struct log_ctx log = { .user = WORLD_USER };
	struct backend_login who = { .user = WORLD_USER, .password = "secret", .log = &log };
	struct account *account;
	enum err err;

	assert_int_equal(account_login(w.backends, &who, &account, e), ERR_OK);
	err = eas_refresh_folders(&w.server, account, &log, e);
	account_release(&account);
	return err;
}

/* A new user gets what there is, the admin is told, and nobody waits minutes for the rest. */
static void
folders_that_are_missing_are_looked_for_soon(void **state)
{
	struct mem *other = mem_world(&mem2_ops);
	struct error e = { 0 };
	char path[] = "/tmp/cpush-test-log.XXXXXX", key[ID_MAX], line[1024] = "";
	int fd = mkstemp(path), adds;

	(void)state;
	assert_true(fd >= 0);
	world_close(&w);
	world_open_with(&w, "sqlite", "mem mem2", NULL);
	eas_clock_set(1000000);
	mem_down(other, ERR_PEER);
	assert_int_equal(log_open(path, LEVEL_WARN), 0);
	assert_int_equal(folder_sync("0", key, NULL), 1);
	assert_int_equal(log_open("stderr", LEVEL_ERROR), 0);
	assert_true(read(fd, line, sizeof line - 1) > 0);
	close(fd);
	unlink(path);
	assert_non_null(strstr(line, "first FolderSync without the folders of mem2"));
	assert_int_equal(look(&e), ERR_UNAVAILABLE);
	assert_true(e.text[0]);
	mem_down(other, ERR_OK);
	assert_int_equal(look(&e), ERR_OK);
	assert_int_equal(look(&e), ERR_OK);
	assert_int_equal(mem_calls(other, MEM_FOLDERS), 1); /* nothing is missing: the next look is not due */
	assert_int_equal(folder_sync(key, NULL, &adds), 1);
	assert_int_equal(adds, 3); /* calendar, tasks, contacts */
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, open_world, close_world)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(each_beginning_is_good_until_one_comes_back),
		TEST(a_phone_that_begins_anew_ends_what_it_had),
		TEST(a_row_that_is_written_late_leaves_the_keys_good),
		TEST(a_folder_made_during_a_look_stays),
		TEST(folders_that_are_missing_are_looked_for_soon),
		TEST(malformed_updates_are_10),
		TEST(names_have_256_characters_at_most),
		TEST(a_name_that_is_taken_is_2),
	};

	if (log_open("stderr", LEVEL_ERROR))
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
