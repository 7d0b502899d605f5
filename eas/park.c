/* Parked requests: which command they belong to; and the mirrors that they wait for. */
#include <stdlib.h>

#include "eas/mirror.h"
#include "eas/trace.h"

#define ARENA_MAX (4u << 20)

int64_t
eas_due(const struct eas_server *server, const struct eas_park *p, const struct log_ctx *log)
{
	return p->kind == EAS_WAIT_PING ? ping_due(server, p, log) : sync_due(server, p, log);
}

enum eas_outcome
eas_resume(struct eas_request *r, const struct eas_park *p, enum eas_wake why)
{
	enum eas_outcome outcome = p->kind == EAS_WAIT_PING ? ping_resume(r, p, why) : sync_resume(r, p, why);

	if (outcome == EAS_DONE)
		trace_reply(r, command_find(r->query.command));
	return outcome;
}

bool
eas_needs_account(const struct eas_park *p, enum eas_wake why)
{
	return p->kind == EAS_WAIT_SYNC && (why == EAS_WAKE_CHANGE || why == EAS_WAKE_DEADLINE);
}

struct eas_park *
eas_park_ref(struct eas_park *p)
{
	__atomic_add_fetch(&p->refs, 1, __ATOMIC_RELAXED);
	return p;
}

void
eas_park_unref(struct eas_park **pp)
{
	struct eas_park *p = *pp;

	*pp = NULL;
	if (p && __atomic_sub_fetch(&p->refs, 1, __ATOMIC_ACQ_REL) == 0)
		free(p);
}

struct finding {
	struct arena *a;
	const char *user, *key;
	struct state_folder f;
};

static enum err
find(struct state_txn *t, void *arg, struct error *e)
{
	struct finding *in = arg;

	(void)e;
	return state_folder_by_key(t, in->a, in->user, in->key, &in->f);
}

enum err
eas_refresh(const struct eas_server *server, struct account *account, const char *folder_key, const struct log_ctx *log,
	struct error *e)
{
	struct finding in = { .a = arena_new(ARENA_MAX), .user = account_user(account), .key = folder_key };
	enum err err;

	if (!in.a)
		return err_set(e, ERR_NOMEM, "out of memory");
	err = state_run(server->state, STATE_READ, find, &in, e);
	if (!err)
		err = mirror_refresh(server, account, &in.f, log, e);
	arena_free(&in.a);
	return err == ERR_NOTFOUND ? ERR_NOFOLDER : err;
}
