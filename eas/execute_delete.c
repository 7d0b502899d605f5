/* Delete: always wins; mail goes to Trash first. */
#include <string.h>

#include "eas/execute_command.h"
#include "eas/rule.h"

/* The copy in Trash is nobody's own: the phone, which has only been told to forget the mail, hears of it there. */
static enum err
move_to_trash(struct execute *x, const struct state_item *row, struct error *e)
{
	struct backend_stored s;
	enum err err = account_move(x->r->account, x->r->arena, x->folder->key, row->key, x->trash_key, &s, e);

	if (err == ERR_NOFOLDER || err == ERR_UNSUPPORTED) {
		log_warn(&x->r->log, "%s cannot be moved to %s, it is deleted for good: %s", row->key, x->trash_key, e->text);
		err = account_remove(x->r->account, x->folder->key, row->key, NULL, e);
	}
	return err;
}

static bool
goes_to_trash(const struct execute *x)
{
	return x->class->class == BACKEND_MAIL && x->trash && x->trash != x->folder->id;
}

struct twin {
	const struct execute *x;
	const struct state_item *row;
	bool lives;
};

static enum err
find_twin(struct state_txn *t, void *arg, struct error *e)
{
	struct twin *in = arg;
	struct state_items rows;
	enum err err = state_items_by_key(t, in->x->r->arena, in->x->folder->id, &in->row->key, 1, &rows);

	(void)e;
	in->lives = !err && rows.n > 0;
	return err;
}

/* Gone already is as good. But a mail may be gone to us alone: an earlier try was cut after it had been marked and before it
 * was expunged. One with the same key that is there is another to the phone: a mark that was taken off, an edited draft. */
static enum err
delete_again(struct execute *x, const struct state_item *row, struct error *e)
{
	struct twin twin = { x, row, false };
	enum err err;

	if (x->class->class != BACKEND_MAIL || goes_to_trash(x) || x->folder->readonly || row->changed_by == x->col->now.epoch)
		return ERR_OK;
	err = state_run(x->r->server->state, STATE_READ, find_twin, &twin, e);
	if (!err && !twin.lives)
		err = account_remove(x->r->account, x->folder->key, row->key, NULL, e);
	return err_is_temporary(err) ? err : ERR_OK;
}

/* An instance of a series (16.x): an edit of the series. */
static enum err
delete_instance(struct execute *x, const struct wbxml_node *n, const struct state_item *row, struct error *e)
{
	struct execute_edited edited = { .status = 1 };
	enum err err = x->folder->readonly ? ERR_OK : execute_edit(x, n, row, false, &edited, e);

	if (err)
		return err;
	if (x->folder->readonly) {
		edited.status = 7;
		execute_force(x, COMPOSE_CHANGE, row->id);
	}
	if (edited.status != 1)
		execute_respond(x, AirSync_Delete, n, edited.status);
	idset_add(&x->told, row->id);
	return ERR_OK;
}

enum err
execute_delete(struct execute *x, const struct wbxml_node *n, struct error *e)
{
	int64_t id = 0;
	const struct state_item *row = execute_named(x, n, &id);
	struct mirror_change change = { .op = MIRROR_REMOVED, .item = id, .by = x->col->now.epoch };
	enum err err;

	if (id)
		idset_add(&x->told, id);
	if (!row)
		return ERR_OK;
	if (row->deleted)
		return delete_again(x, row, e);
	if (x->class->class == BACKEND_CALENDAR && wbxml_has(n, AirSyncBase_InstanceId))
		return delete_instance(x, n, row, e);
	if (!RULE(DELETE) && row->seq > x->col->base.c && row->changed_by != x->col->now.epoch) {
		execute_respond(x, AirSync_Delete, n, 7);
		return ERR_OK;
	}
	if (x->folder->readonly)
		err = ERR_DENIED;
	else if (goes_to_trash(x))
		err = move_to_trash(x, row, e);
	else
		err = account_remove(x->r->account, x->folder->key, row->key, NULL, e);
	if (err_is_temporary(err))
		return err;
	if (err && err != ERR_NOTFOUND) {
		log_warn(&x->r->log, "a delete in %s was refused: %s", x->folder->key, x->folder->readonly ? "it is read-only" : e->text);
		execute_respond(x, AirSync_Delete, n, 7);
		execute_force(x, COMPOSE_ADD, row->id);
		return ERR_OK;
	}
	execute_done(x, 't', "", row->id, "");
	return execute_note(x, &change);
}
