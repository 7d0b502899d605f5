#include <pthread.h>
#include <stdlib.h>

#include "store.h"

/* ---- state_run ---- */

struct job {
	unsigned runs;
	enum err answer;
	int64_t user;
	const char *name;
};

static enum err
make(struct state_txn *t, void *arg, struct error *e)
{
	struct job *j = arg;
	enum err err;

	j->runs++;
	err = state_user(t, j->name, &j->user);
	return err ? err : j->answer ? err_set(e, j->answer, "as it was asked for") : ERR_OK;
}

static void
what_fails_is_rolled_back(void **unused)
{
	struct job j = { .name = "alice", .answer = ERR_LIMIT };
	struct store_stats before, after;

	(void)unused;
	before = store_stats();
	assert_int_equal(state_run(store, STATE_WRITE, make, &j, &error), ERR_LIMIT);
	assert_string_equal(error.text, "as it was asked for");
	assert_int_equal(ask("select count(*) from user"), 0);
	j.answer = ERR_OK;
	ok(state_run(store, STATE_WRITE, make, &j, NULL));
	assert_int_equal(ask("select count(*) from user"), 1);
	after = store_stats();
	assert_int_equal(after.rollbacks - before.rollbacks, 1);
	assert_int_equal(after.commits - before.commits, 1);
	assert_int_equal(after.retries - before.retries, 0);
	assert_int_equal(j.runs, 2);
}

static enum err
nested(struct state_txn *t, void *arg, struct error *e)
{
	struct job j = { .name = "bob" };

	(void)arg;
	return state_run(t->state, STATE_WRITE, make, &j, e);
}

static enum err
write_something(struct state_txn *t, void *arg, struct error *e)
{
	(void)arg;
	(void)e;
	return db_exec(t, "update user set hierarchy_seq = 5", NO_ARGS, NULL);
}

static enum err
bad_sql(struct state_txn *t, void *arg, struct error *e)
{
	(void)arg;
	(void)e;
	return db_exec(t, "update no_such_table set x = 1", NO_ARGS, NULL);
}

static void
our_faults_are_internal(void **unused)
{
	struct job j = { .name = "alice" };

	(void)unused;
	assert_int_equal(state_run(store, STATE_READ, write_something, NULL, &error), ERR_INTERNAL);
	assert_int_equal(state_run(store, STATE_WRITE, nested, NULL, &error), ERR_INTERNAL);
	assert_int_equal(state_run(store, STATE_WRITE, bad_sql, NULL, &error), ERR_INTERNAL);
	ok(state_run(store, STATE_WRITE, make, &j, &error));
	assert_int_equal(ask("select count(*) from user"), 1);
}

static void
a_connection_lost_before_commit_runs_again(void **unused)
{
	struct job j = { .name = "alice" };
	struct store_stats before, after;

	(void)unused;
	before = store_stats();
	state_cut_next_commit(store, STATE_CUT_BEFORE);
	ok(state_run(store, STATE_WRITE, make, &j, &error));
	after = store_stats();
	assert_int_equal(j.runs, 2);
	assert_int_equal(after.retries - before.retries, 1);
	assert_int_equal(after.commits - before.commits, 1);
	assert_int_equal(ask("select count(*) from user"), 1);
}

static void
a_connection_lost_in_commit_is_told(void **unused)
{
	struct job j = { .name = "alice" };

	(void)unused;
	state_cut_next_commit(store, STATE_CUT_IN);
	assert_int_equal(state_run(store, STATE_WRITE, make, &j, &error), ERR_UNAVAILABLE);
	assert_int_equal(j.runs, 1);
	/* Here it was done. */
	assert_int_equal(ask("select count(*) from user"), 1);
	ok(state_run(store, STATE_WRITE, make, &j, &error));
	assert_int_equal(ask("select count(*) from user"), 1);
}

static void
a_connection_lost_after_commit_is_opened_again(void **unused)
{
	struct job j = { .name = "alice" };

	(void)unused;
	state_cut_next_commit(store, STATE_CUT_AFTER);
	ok(state_run(store, STATE_WRITE, make, &j, &error));
	assert_int_equal(j.runs, 1);
	j.name = "bob";
	ok(state_run(store, STATE_WRITE, make, &j, &error));
	assert_int_equal(ask("select count(*) from user"), 2);
	/* The same before a transaction that reads. */
	state_cut_next_commit(store, STATE_CUT_AFTER);
	ok(state_run(store, STATE_WRITE, make, &j, &error));
	ok(state_run(store, STATE_READ, make, &j, &error));
}

static void
a_snapshot_stays_as_it_is(void **unused)
{
	struct state_items found;

	(void)unused;
	begin(STATE_WRITE);
	int64_t f = make_folder(make_user("alice"), "x");
	make_item(f, "one", 1, 0);
	end();
	begin(STATE_READ);
	ok(state_items_live(T, arena, f, &found));
	assert_int_equal(found.n, 1);
	admin("update item set seq = 2, hash = null, deleted = 1");
	ok(state_items_changed(T, arena, f, 1, 10, &found));
	assert_int_equal(found.n, 0);
	ok(state_items_live(T, arena, f, &found));
	assert_int_equal(found.n, 1);
	end();
	begin(STATE_READ);
	ok(state_items_changed(T, arena, f, 1, 10, &found));
	assert_int_equal(found.n, 1);
	end();
}

/* ---- threads ---- */

struct work {
	pthread_t thread;
	pthread_barrier_t *barrier;
	int64_t ids[2];
	const struct state_collection *was, *now;
	unsigned runs;
	enum err err;
	struct error e;
	state_fn fn;
};

static void *
run_work(void *arg)
{
	struct work *w = arg;

	w->err = state_run(store, STATE_WRITE, w->fn, w, &w->e);
	state_thread_end(store);
	return NULL;
}

static void
run_both(struct work w[2])
{
	for (int i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&w[i].thread, NULL, run_work, &w[i]), 0);
	for (int i = 0; i < 2; i++)
		assert_int_equal(pthread_join(w[i].thread, NULL), 0);
}

static enum err
swap(struct state_txn *t, void *arg, struct error *e)
{
	struct work *w = arg;
	/* Both have read when one of them writes. SQLite lets in one at a time. */
	(void)e;
	if (on_mariadb && w->runs++ == 0)
		pthread_barrier_wait(w->barrier);
	return state_collection_save(t, w->was, w->now);
}

static void
one_of_two_swaps_wins(void **unused)
{
	pthread_barrier_t barrier;
	struct state_collection *back;
	size_t n;

	(void)unused;
	pthread_barrier_init(&barrier, NULL, 2);
	begin(STATE_WRITE);
	int64_t user = make_user("alice"), device = make_device(user, "phone"), folder = make_folder(user, "x");
	struct state_answer w[2] = { { .n = 1 }, { .n = 2, .pos = { .holes = (const int64_t[]){ 3 }, .n_holes = 1 } } };
	struct state_collection c = { .device = device, .folder = folder, .epoch = 5, .n = 1, .options = "",
		.supported = "", .answers = w, .n_answers = 1 };
	ok(state_collection_begin(T, &c));
	end();
	for (uint32_t round = 0; round < 20; round++) {
		struct state_collection now = c;

		now.n = c.n + 1;
		w[1].n = now.n;
		now.n_answers = 2;
		struct work both[2] = { { .barrier = &barrier, .was = &c, .now = &now, .fn = swap },
			{ .barrier = &barrier, .was = &c, .now = &now, .fn = swap } };
		run_both(both);
		assert_int_equal((both[0].err == ERR_OK) + (both[1].err == ERR_OK), 1);
		assert_int_equal((both[0].err == ERR_CONFLICT) + (both[1].err == ERR_CONFLICT), 1);
		c = now;
		begin(STATE_READ);
		ok(state_collections(T, arena, device, folder, &back, &n));
		end();
		assert_int_equal(back[0].n, c.n);
		assert_int_equal(back[0].answers[1].pos.n_holes, 1);
	}
	pthread_barrier_destroy(&barrier);
}

static enum err
cross(struct state_txn *t, void *arg, struct error *e)
{
	struct work *w = arg;
	enum err err = state_folder_advance(t, w->ids[0], 5, NULL);

	(void)e;
	if (on_mariadb && w->runs++ == 0)
		pthread_barrier_wait(w->barrier);
	return err ? err : state_folder_advance(t, w->ids[1], 5, NULL);
}

static void
a_deadlock_is_run_again(void **unused)
{
	pthread_barrier_t barrier;
	struct store_stats before, after;

	(void)unused;
	pthread_barrier_init(&barrier, NULL, 2);
	begin(STATE_WRITE);
	int64_t user = make_user("alice"), a = make_folder(user, "a"), b = make_folder(user, "b");
	end();
	before = store_stats();
	struct work both[2] = { { .barrier = &barrier, .ids = { a, b }, .fn = cross },
		{ .barrier = &barrier, .ids = { b, a }, .fn = cross } };
	run_both(both);
	assert_int_equal(both[0].err, ERR_OK);
	assert_int_equal(both[1].err, ERR_OK);
	after = store_stats();
	if (on_mariadb)
		assert_int_equal(after.retries - before.retries, 1);
	assert_int_equal(ask("select count(*) from folder where seq = 5"), 2);
	pthread_barrier_destroy(&barrier);
}

static enum err
same_key(struct state_txn *t, void *arg, struct error *e)
{
	struct work *w = arg;
	struct state_item it = new_item(w->ids[0], "the same", 1, 0);

	(void)e;
	if (on_mariadb && w->runs++ == 0)
		pthread_barrier_wait(w->barrier);
	return state_items_save(t, &it, 1);
}

static enum err
same_user(struct state_txn *t, void *arg, struct error *e)
{
	struct work *w = arg;

	(void)e;
	if (on_mariadb && w->runs++ == 0)
		pthread_barrier_wait(w->barrier);
	return state_user(t, "new one", &w->ids[1]);
}

static void
one_of_two_equal_keys_is_refused(void **unused)
{
	pthread_barrier_t barrier;

	(void)unused;
	pthread_barrier_init(&barrier, NULL, 2);
	begin(STATE_WRITE);
	int64_t f = make_folder(make_user("alice"), "a");
	end();
	struct work both[2] = { { .barrier = &barrier, .ids = { f }, .fn = same_key },
		{ .barrier = &barrier, .ids = { f }, .fn = same_key } };
	run_both(both);
	assert_int_equal((both[0].err == ERR_OK) + (both[1].err == ERR_OK), 1);
	assert_int_equal((both[0].err == ERR_EXISTS) + (both[1].err == ERR_EXISTS), 1);
	assert_int_equal(ask("select count(*) from item"), 1);

	/* Users are found or made. */
	both[0] = both[1] = (struct work){ .barrier = &barrier, .fn = same_user };
	run_both(both);
	assert_int_equal(both[0].err, ERR_OK);
	assert_int_equal(both[1].err, ERR_OK);
	assert_int_equal(both[0].ids[1], both[1].ids[1]);
	pthread_barrier_destroy(&barrier);
}

#define THREADS 8
#define TURNS 25

static enum err
count_up(struct state_txn *t, void *arg, struct error *e)
{
	AUTO(arena_free) struct arena *a = arena_new(0);
	const char *cursor;
	int64_t seq;
	enum err err = state_folder_lock(t, a, *(int64_t *)arg, &seq, &cursor);

	(void)e;
	return err ? err : state_folder_advance(t, *(int64_t *)arg, seq + 1, NULL);
}

static enum err
look(struct state_txn *t, void *arg, struct error *e)
{
	AUTO(arena_free) struct arena *a = arena_new(0);
	struct state_items found;

	(void)e;
	return state_items_live(t, a, *(int64_t *)arg, &found);
}

static void *
count_many(void *arg)
{
	uintptr_t failed = 0;

	for (int i = 0; i < TURNS; i++) {
		failed += state_run(store, STATE_WRITE, count_up, arg, NULL) != ERR_OK;
		failed += state_run(store, STATE_READ, look, arg, NULL) != ERR_OK;
	}
	/* Without state_thread_end(): the connection is closed all the same. */
	return (void *)failed;
}

static void
the_lock_of_a_folder_holds(void **unused)
{
	pthread_t threads[THREADS];

	(void)unused;
	begin(STATE_WRITE);
	int64_t f = make_folder(make_user("alice"), "a");
	end();
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, count_many, &f), 0);
	for (int i = 0; i < THREADS; i++) {
		void *failed;

		pthread_join(threads[i], &failed);
		assert_null(failed);
	}
	assert_int_equal(ask("select seq from folder"), THREADS * TURNS);
}

const struct CMUnitTest run_tests[] = {
	STORE_TEST(what_fails_is_rolled_back),
	STORE_TEST(our_faults_are_internal),
	STORE_TEST(a_connection_lost_before_commit_runs_again),
	STORE_TEST(a_connection_lost_in_commit_is_told),
	STORE_TEST(a_connection_lost_after_commit_is_opened_again),
	STORE_TEST(a_snapshot_stays_as_it_is),
	STORE_TEST(one_of_two_swaps_wins),
	STORE_TEST(a_deadlock_is_run_again),
	STORE_TEST(one_of_two_equal_keys_is_refused),
	STORE_TEST(the_lock_of_a_folder_holds),
};
SUITE_END(run);
