#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "store.h"

static enum err
add_user(struct state_txn *t, void *arg, struct error *e)
{
	int64_t user;

	(void)e;
	return state_user(t, arg, &user);
}

static enum err
read_user(struct state_txn *t, void *arg, struct error *e)
{
	return add_user(t, arg, e);
}

static const char *
path_of(const char *suffix)
{
	return arena_printf(arena, "%s/state.db%s", store_dir, suffix);
}

/* Another process holds the write lock until *in is closed. */
static pid_t
hold_lock(int *in)
{
	int to[2], from[2];
	char c;

	assert_int_equal(pipe(to), 0);
	assert_int_equal(pipe(from), 0);
	pid_t pid = fork();
	if (pid == 0) {
		dup2(to[0], 0);
		dup2(from[1], 1);
		close(to[1]);
		close(from[0]);
		execl("/proc/self/exe", "test_state", "hold", path_of(""), (char *)NULL);
		_exit(127);
	}
	close(to[0]);
	close(from[1]);
	assert_int_equal(read(from[0], &c, 1), 1);
	close(from[0]);
	*in = to[1];
	return pid;
}

static void
locked_by_another_process(void **unused)
{
	int in, status;

	(void)unused;
	state_close(&store);
	ok(open_with("lock_timeout = 1\n", false, &store));
	ok(state_run(store, STATE_WRITE, add_user, (void *)(uintptr_t)"alice", &error));
	pid_t pid = hold_lock(&in);
	fails(ERR_UNAVAILABLE, state_run(store, STATE_WRITE, add_user, (void *)(uintptr_t)"bob", &error));
	/* Reading goes on. */
	ok(state_run(store, STATE_READ, read_user, (void *)(uintptr_t)"alice", &error));
	close(in);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	ok(state_run(store, STATE_WRITE, add_user, (void *)(uintptr_t)"bob", &error));
	assert_int_equal(ask("select count(*) from user"), 2);
}

static enum err
fill(struct state_txn *t, void *arg, struct error *e)
{
	char key[4000];
	int64_t folder = *(int64_t *)arg;
	enum err err = t->db->ops->script(t->db, "pragma max_page_count = 60", e);

	memset(key, 'k', sizeof key - 1);
	key[sizeof key - 1] = 0;
	for (int i = 0; !err && i < 1000; i++) {
		struct state_item it = new_item(folder, key, i, 0);

		snprintf(key, 20, "%019d", i);
		err = state_items_save(t, &it, 1);
	}
	return err;
}

static void
the_disk_is_full(void **unused)
{
	(void)unused;
	begin(STATE_WRITE);
	int64_t f = make_folder(make_user("alice"), "x");
	make_item(f, "before", 1, 0);
	end();
	fails(ERR_UNAVAILABLE, state_run(store, STATE_WRITE, fill, &f, &error));
	assert_non_null(strstr(error.text, "full"));
	assert_int_equal(ask("select count(*) from item"), 1);
	begin(STATE_WRITE);
	make_item(f, "after", 2, 0);
	end();
	assert_int_equal(ask("select count(*) from item"), 2);
	/* "ok" is no number; a finding would be more rows. */
	assert_int_equal(ask("select count(*) from pragma_integrity_check where integrity_check = 'ok'"), 1);
}

static void
one_responder_at_a_time(void **unused)
{
	struct state *second;

	(void)unused;
	fails(ERR_UNAVAILABLE, open_with("", false, &second));
	assert_non_null(strstr(error.text, "state.db.lock"));
	ok(open_with("", true, &second));
	state_close(&second);
	state_close(&store);
	ok(open_with("", false, &store));
}

static void
the_file_is_not_for_all(void **unused)
{
	struct stat st;

	(void)unused;
	assert_int_equal(stat(path_of(""), &st), 0);
	assert_int_equal(st.st_mode & 07, 0);
	assert_int_equal(stat(path_of("-wal"), &st), 0);
	assert_int_equal(st.st_mode & 07, 0);
}

static void
no_database_is_refused(void **unused)
{
	FILE *f;
	struct state *s;

	(void)unused;
	state_close(&store);
	f = fopen(path_of(""), "w");
	assert_non_null(f);
	for (int i = 0; i < 1000; i++)
		fputs("this is no database\n", f);
	fclose(f);
	remove(path_of("-wal"));
	remove(path_of("-shm"));
	fails(ERR_INVALID, open_with("", false, &s));
	assert_non_null(strstr(error.text, "state.db"));
}

static void
a_commit_is_durable(void **unused)
{
	struct db_rows r;
	const char *mode = "";
	int64_t synchronous = 0;

	(void)unused;
	begin(STATE_WRITE);
	db_query(T, &r, "pragma journal_mode", NO_ARGS);
	while (db_next(&r))
		mode = db_text(&r, 0, arena);
	ok(db_end(&r));
	assert_string_equal(mode, "wal");
	db_query(T, &r, "pragma synchronous", NO_ARGS);
	while (db_next(&r))
		synchronous = db_int(&r, 0);
	ok(db_end(&r));
	assert_int_equal(synchronous, 2);
	end();
}

const struct CMUnitTest sqlite_tests[] = {
	STORE_TEST(locked_by_another_process),
	STORE_TEST(the_disk_is_full),
	STORE_TEST(one_responder_at_a_time),
	STORE_TEST(the_file_is_not_for_all),
	STORE_TEST(no_database_is_refused),
	STORE_TEST(a_commit_is_durable),
};
SUITE_END(sqlite);
