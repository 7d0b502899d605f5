#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "base/failpoint.h"
#include "state/db.h"

#define RETRIES 5

/* Tests: what happens to the next COMMIT of this thread. */
static _Thread_local enum state_cut next_cut;

void
state_cut_next_commit(struct state *s, enum state_cut when)
{
	(void)s;
	next_cut = when;
}

/* 10, 20, 40 ... ms and as much again by chance, so that two that met do not meet again. */
static void
wait_a_little(unsigned tried)
{
	struct timespec t;
	long ms = 10L << tried;

	clock_gettime(CLOCK_MONOTONIC, &t);
	ms += t.tv_nsec / 1000 % ms;
	t = (struct timespec){ .tv_nsec = ms * 1000000 };
	nanosleep(&t, NULL);
}

static enum err
commit(struct state_txn *t)
{
	enum state_cut cut = STATE_CUT_NONE;

	if (t->mode == STATE_WRITE) {
		cut = next_cut;
		next_cut = STATE_CUT_NONE;
		failpoint("commit.before");
	}
	enum err err = t->db->ops->commit(t->db, t->mode, cut, t->e);
	if (!err)
		count_add(t->mode == STATE_WRITE ? COUNT_STORE_COMMITS : COUNT_STORE_READS, 1);
	if (!err && t->mode == STATE_WRITE)
		failpoint("commit.after");
	return err;
}

static void
roll_back(struct state_txn *t)
{
	if (t->db->fate != DB_LOST)
		t->db->ops->rollback(t->db);
	count_add(COUNT_STORE_ROLLBACKS, 1);
}

/* One run on the thread's connection; what became of it is left in *fate_r. */
static enum err
run_once(struct state_txn *t, state_fn fn, void *arg, enum db_fate *fate_r)
{
	enum err err = db_get(t->state, &t->db, t->e);

	*fate_r = DB_DOWN;
	if (err)
		return err == ERR_NOMEM ? err : ERR_UNAVAILABLE;
	struct db *db = t->db;
	if (db->busy) {
		*fate_r = DB_FINE;
		return err_set(t->e, ERR_INTERNAL, "a transaction inside another one");
	}
	db->busy = true;
	db->fate = DB_FINE;
	err = db->ops->begin(db, t->mode, t->e);
	/* What half a beginning has set must not be there for the next transaction. */
	bool useless = err;
	if (!err) {
		err = fn(t, arg, t->e);
		/* Whatever fn makes of it: the store has said that this transaction is over. */
		if (db->fate > DB_FAILED && err != ERR_NOMEM)
			err = ERR_UNAVAILABLE;
		if (err)
			roll_back(t);
		else
			err = commit(t);
	}
	db->busy = false;
	*fate_r = db->fate;
	if (useless || db->fate >= DB_LOST)
		db_drop(t->state);
	return err;
}

enum err
state_run(struct state *s, enum state_mode mode, state_fn fn, void *arg, struct error *e)
{
	struct error own = { 0 };
	struct state_txn t = { .state = s, .mode = mode, .e = e ? e : &own };
	int64_t until = monotonic_ms() + (int64_t)s->config.answer_seconds * 1000;

	for (unsigned tried = 0;; tried++) {
		enum db_fate fate;
		enum err err = run_once(&t, fn, arg, &fate);

		if (!err || (fate != DB_RETRY && fate != DB_LOST))
			return err;
		if (tried == RETRIES || monotonic_ms() > until)
			return ERR_UNAVAILABLE;
		count_add(COUNT_STORE_RETRIES, 1);
		/* A connection that was found closed is opened again at once. */
		if (tried || fate == DB_RETRY)
			wait_a_little(tried);
	}
}
