/* How the global window of a Sync is shared out among its collections [MS-ASCMD 2.2.3.199]. */
#include <string.h>

#include "eas/sync_collection.h"
#include "eas/sync_wait.h"

#define WINDOW_DEFAULT 100

struct finding {
	struct eas_request *r;
	int64_t id;
	struct state_folder f;
};

static enum err
find(struct state_txn *t, void *arg, struct error *e)
{
	struct finding *in = arg;

	(void)e;
	return state_folder(t, in->r->arena, in->r->device.user, in->id, &in->f);
}

/* Would it tell something? If that cannot be known now, it may. */
static bool
may_tell(struct eas_request *r, struct sync_collection *c)
{
	struct finding in = { .r = r, .id = c->folder };
	struct wait_pending pending;
	struct error e = { 0 };

	if (c->malformed || !c->get_changes || strcmp(c->key, "0") == 0)
		return false;
	if (state_run(r->server->state, STATE_READ, find, &in, &e) || sync_is_empty(&in.f, r->query.version))
		return false;
	if (mirror_is_fresh(&in.f) && !wait_look(r, c->folder, NULL, &pending, &e) && (pending.adds || pending.changes))
		return true;
	if (mirror_refresh(r->server, r->account, &in.f, &r->log, &e))
		return true;
	c->looked_at = true;
	return wait_look(r, c->folder, NULL, &pending, &e) || pending.adds || pending.changes;
}

/* How many of those behind i keep one: at most `enough` matter. */
static unsigned
later(struct eas_request *r, const struct sync_request *q, size_t i, unsigned enough)
{
	unsigned n = 0;

	for (size_t k = i + 1; k < q->n && n < enough; k++) {
		struct sync_collection *c = &q->list[k];

		if (!c->asked)
			c->tells = may_tell(r, c);
		c->asked = true;
		n += c->tells;
	}
	return n;
}

unsigned
sync_window(struct eas_request *r, const struct sync_request *q, size_t i, unsigned used)
{
	unsigned own = q->list[i].window ? q->list[i].window : WINDOW_DEFAULT;
	unsigned left = q->window > used ? q->window - used : 0;

	if (q->window == 0 || left >= own + (q->n - i - 1)) /* enough for all */
		return own;
	if (left > 1)
		left -= later(r, q, i, left - 1);
	return left < own ? left : own;
}
