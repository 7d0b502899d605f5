/* The commands of a phone, one after the other. */
#include "eas/execute.h"

#include <string.h>

#include "eas/execute_command.h"
#include "eas/rule.h"

enum err
execute_note(struct execute *x, const struct mirror_change *change)
{
	if (x->n_changes >= x->room)
		return ERR_NOMEM;
	x->changes[x->n_changes++] = *change;
	return ERR_OK;
}

struct response *
execute_respond(struct execute *x, unsigned tag, const struct wbxml_node *command, unsigned status)
{
	struct response *p = &x->responses[x->n_responses++];

	*p = (struct response){ .tag = tag, .client_id = wbxml_text(command, AirSync_ClientId),
		.server_id = wbxml_text(command, AirSync_ServerId),
		.instance_id = wbxml_text(command, AirSyncBase_InstanceId), .change = SIZE_MAX, .status = status };
	return p;
}

const struct state_item *
execute_row(const struct execute *x, int64_t id)
{
	for (size_t i = 0; i < x->rows.n; i++) {
		if (x->rows.list[i].id == id)
			return &x->rows.list[i];
	}
	return NULL;
}

/* The row that ServerId names, if it is one of this folder's. */
const struct state_item *
execute_named(const struct execute *x, const struct wbxml_node *command, int64_t *id_r)
{
	int64_t folder;

	if (!id_parse_item(wbxml_text(command, AirSync_ServerId), &folder, id_r) || folder != x->folder->id)
		return NULL;
	return execute_row(x, *id_r);
}

void
execute_force(struct execute *x, enum compose_kind kind, int64_t item)
{
	x->forced[x->n_forced++] = (struct compose_forced){ .kind = kind, .item = item };
}

enum err
execute_check_size(const struct execute *x, const struct item_merged *m, struct error *e)
{
	const struct eas_config *c = x->r->server->config;
	uint64_t max = x->class->class == BACKEND_MAIL ? c->mail_bytes_max : c->item_bytes_max;

	return m->bytes.len <= max ? ERR_OK
		: err_set(e, ERR_LIMIT, "%zu bytes are more than items may have", m->bytes.len);
}

unsigned
execute_too_large(const struct execute *x)
{
	return x->view.version >= 160 ? 122 : 6; /* AttachmentIsTooLarge */
}

/* ---- what this base has done ---- */

void
execute_done(struct execute *x, char kind, const char *client, int64_t item, const char *hash)
{
	for (size_t i = 0; i < x->n_done; i++) {
		struct state_done *d = &x->done[i];

		if (d->kind == kind && (kind == 'a' ? strcmp(d->client, client) == 0 : d->item == item)) {
			d->item = item;
			d->hash = hash;
			return;
		}
	}
	x->done[x->n_done++] = (struct state_done){ .kind = kind, .client = client, .item = item, .hash = hash };
}

/* ---- rows ---- */

struct reading {
	struct execute *x;
	struct idset ids;
};

static enum err
read_rows(struct state_txn *t, void *arg, struct error *e)
{
	struct reading *in = arg;

	(void)e;
	return state_items_by_id(t, in->x->r->arena, in->x->folder->id, in->ids.v, in->ids.n, &in->x->rows);
}

static enum err
load_rows(struct execute *x, struct error *e)
{
	struct reading in = { .x = x };
	int64_t folder, id;

	idset_init(&in.ids, x->r->arena);
	for (const struct wbxml_node *n = x->commands->child; n; n = n->next) {
		if (id_parse_item(wbxml_text(n, AirSync_ServerId), &folder, &id) && folder == x->folder->id)
			idset_add(&in.ids, id);
	}
	for (size_t i = 0; i < x->n_done; i++)
		idset_add(&in.ids, x->done[i].item);
	if (in.ids.failed)
		return ERR_NOMEM;
	return in.ids.n ? state_run(x->r->server->state, STATE_READ, read_rows, &in, e) : ERR_OK;
}

/* Room for what the commands can come to: three changes each (a row that is renumbered counts once). */
static enum err
make_room(struct execute *x)
{
	struct arena *a = x->r->arena;
	size_t n = 0;

	for (const struct wbxml_node *c = x->commands->child; c; c = c->next)
		n++;
	x->room = 3 * n + 1;
	x->responses = arena_array(a, n + 1, sizeof *x->responses);
	x->changes = arena_array(a, x->room, sizeof *x->changes);
	x->forced = arena_array(a, n + 1, sizeof *x->forced);
	x->done = arena_array(a, x->col->now.n_done + 2 * n + 1, sizeof *x->done); /* an Add that edits is two */
	if (!x->responses || !x->changes || !x->forced || !x->done)
		return ERR_NOMEM;
	if (x->col->now.n_done)
		memcpy(x->done, x->col->now.done, x->col->now.n_done * sizeof *x->done);
	x->n_done = x->col->now.n_done;
	return ERR_OK;
}

static enum err
run_one(struct execute *x, const struct wbxml_node *n, struct error *e)
{
	switch (n->tag) {
	case AirSync_Add:
		return execute_add(x, n, e);
	case AirSync_Change:
		return execute_change(x, n, e);
	case AirSync_Delete:
		return execute_delete(x, n, e);
	case AirSync_Fetch:
		execute_respond(x, AirSync_Fetch, n, 1);
		return ERR_OK;
	default:
		return ERR_OK;
	}
}

enum err
execute(struct execute *x, struct error *e)
{
	enum err err;

	idset_init(&x->told, x->r->arena);
	x->done = x->col->now.done;
	x->n_done = x->col->now.n_done;
	if (!x->commands || !x->commands->child)
		return ERR_OK;
	err = make_room(x);
	if (!err)
		err = load_rows(x, e);
	for (const struct wbxml_node *n = x->commands->child; !err && n; n = n->next) {
		x->any = x->any || n->tag != AirSync_Fetch;
		err = run_one(x, n, e);
		if (err == ERR_PEER && execute_in_vain(x, n)) {
			log_warn(&x->r->log, "%s: what the phone asks for fails each time, while the server answers "
				"otherwise: refused: %s", x->folder->key, e->text);
			execute_give_up(x, n);
			err = ERR_OK;
		}
		if (err_is_temporary(err) && err != ERR_BUSY) {
			log_warn(&x->r->log, "%s; the phone is asked to try again",
				e->text[0] ? e->text : err_name(err));
			x->failed = true;
			return ERR_OK;
		}
	}
	return err;
}

/* ---- the commit ---- */

struct committing {
	struct execute *x;
	struct mirror_change *changes;
	struct state_collection now;
};

static enum err
commit(struct state_txn *t, void *arg, struct error *e)
{
	struct committing *in = arg;
	struct execute *x = in->x;
	struct state_done *done = arena_array(x->r->arena, x->n_done + 1, sizeof *done);
	enum err err = ERR_OK;

	(void)e;
	if (!done)
		return ERR_NOMEM;
	if (x->n_changes) {
		/* A run that is repeated begins afresh. */
		memcpy(in->changes, x->changes, x->n_changes * sizeof *x->changes);
		err = mirror_apply(t, x->r->arena, x->folder->id, in->changes, x->n_changes);
	}
	if (!err && x->col->disowned.n)
		err = state_items_disown(t, x->folder->id, x->col->disowned.v, x->col->disowned.n);
	if (err)
		return err;
	if (x->n_done)
		memcpy(done, x->done, x->n_done * sizeof *done);
	for (size_t i = 0; i < x->n_done; i++) {
		if (done[i].item < 0) /* a new row: its id is known now */
			done[i].item = in->changes[-done[i].item - 1].item;
	}
	in->now = x->col->now;
	in->now.done = done;
	in->now.n_done = x->n_done;
	return state_collection_save(t, &x->col->was, &in->now);
}

enum err
execute_commit(struct execute *x, struct error *e)
{
	struct committing in = { .x = x };
	enum err err;

	if (x->n_changes == 0 && x->n_done == x->col->was.n_done && x->col->disowned.n == 0 && !x->col->received)
		return ERR_OK;
	if (x->n_changes == 0 && x->n_done == 0 && x->col->disowned.n == 0)
		return ERR_OK; /* only the key came back: that is written with the next answer */
	in.changes = arena_array(x->r->arena, x->n_changes + 1, sizeof *in.changes);
	if (!in.changes)
		return ERR_NOMEM;
#ifdef CPUSH_FAILPOINTS
	if (rule_die && x->n_changes)
		return err_set(e, ERR_UNAVAILABLE, "a test lets the process die");
#endif
	err = state_run(x->r->server->state, STATE_WRITE, commit, &in, e);
	if (err)
		return err;
	x->changes = in.changes;
	x->col->now = x->col->was = in.now;
	x->done = in.now.done;
	for (size_t i = 0; i < x->n_responses; i++) {
		if (x->responses[i].change != SIZE_MAX)
			x->responses[i].item = x->changes[x->responses[i].change].item;
		if (x->responses[i].tag == AirSync_Add && x->responses[i].status == 1)
			idset_add(&x->told, x->responses[i].item);
	}
	x->folder->seq = -1; /* it has gone on: compose reads it */
	if (x->n_changes)
		x->r->server->nudge(x->r->server->ctx, x->r->user);
	return x->told.failed ? ERR_NOMEM : ERR_OK;
}
