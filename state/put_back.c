/* The store may be a backup that was put back: then phones know ids that it has not given yet, and are further than it thinks. Nobody
 * tells it, so it reckons with it at every start. */
#include <time.h>

#include "state/db.h"

/* Ids begin above those of the lost time: no store gives so many in the long run. */
#define IDS_SINCE 1767225600 /* 2026-01-01 */
#define IDS_PER_SECOND 1000

/* A row that comes and goes takes the counter with it, on both stores. */
static enum err
raise_ids(struct state_txn *t, const char *insert, const char *delete, int64_t id)
{
	enum err err = db_exec(t, insert, ARGS(I(id)), NULL);

	if (err == ERR_EXISTS)
		return ERR_OK;
	return err ? err : db_exec(t, delete, ARGS(I(id)), NULL);
}

static enum err
reckon(struct state_txn *t, void *arg, struct error *e)
{
	int64_t seconds = (int64_t)time(NULL) - IDS_SINCE, id = seconds > 0 ? seconds * IDS_PER_SECOND : 0;
	enum err err = ERR_OK;

	(void)arg, (void)e;
	if (id)
		err = raise_ids(t, "insert into item (id, bkey, version, deleted) values (?, '', '', 1)", "delete from item where id = ?", id);
	if (!err && id)
		err = raise_ids(t, "insert into folder (id, bkey, parent, name, token, deleted) values (?, '', '', '', '', 1)",
			"delete from folder where id = ?", id);
	/* An empty Sync stands for the keys that are kept with the last one, and names none. */
	return err ? err : db_exec(t, "delete from request where kind = ?", ARGS(S("sync")), NULL);
}

enum err
put_back_reckon(struct state *s, struct error *e)
{
	enum err err = state_run(s, STATE_WRITE, reckon, NULL, e);

	s->reckoned = !err;
	return err;
}
