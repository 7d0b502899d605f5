/* The steps of one answer: narrower, changes and deletes, new items, wider. */
#include "eas/compose.h"

#include <string.h>

#include "eas/clock.h"
#include "eas/compose_page.h"
#include "eas/mirror.h"
#include "eas/rule.h"

#define ROUND 2000    /* rows read at once where most are only passed */
#define ROUNDS_MAX 400
#define SKIP 5000

/* What one snapshot holds of what comes next. */
struct round {
	struct compose *c;
	struct position *start;       /* the position at the beginning of the answer: what the device has */
	const struct idset *unconfirmed, *extra_ids;
	struct page *page;
	int64_t seq;                  /* S */
	size_t limit, send_limit;
	struct state_items narrower, extra, changed, created, wider;
	bool all_narrower, all_changed, all_created, all_wider;
};

static bool
inside(const struct state_item *row, int64_t date, int64_t id)
{
	return row->date > date || (row->date == date && row->id >= id);
}

static bool
is_exempt(const struct compose *c, const struct state_item *row)
{
	return row->created_by == c->me && row->outside;
}

static bool
has(const struct round *in, const struct state_item *row)
{
	const struct position *p = in->start;

	if (idset_has(&p->holes, row->id) || idset_has(in->unconfirmed, row->id))
		return false;
	return is_exempt(in->c, row)
		|| ((row->created_by == in->c->me || row->created_seq <= p->a) && inside(row, p->cut_date, p->cut_id));
}

/* The new cut-off is (target, 0): within one day, too, the old one may lie above it. */
static bool
is_wider(const struct compose *c, int64_t edge_date, int64_t edge_id)
{
	return c->target < edge_date || (c->target == edge_date && edge_id > 0);
}

/* ---- reading ---- */

static enum err
read_changed(struct round *in, struct state_txn *t)
{
	struct compose *c = in->c;
	struct arena *a = c->r->arena;
	enum err err = ERR_OK;

	if (in->extra_ids->n)
		err = state_items_by_id(t, a, c->folder->id, in->extra_ids->v, in->extra_ids->n, &in->extra);
	/* In a large folder that it has nothing of, all would be passed, row by row. (It may have what it moved here
	 * itself, and that is looked at as long as there are few.) */
	bool skip = c->fresh && c->pos.a == 0 && in->seq - c->pos.c > SKIP;

	if (!err && in->seq > c->pos.c && !skip)
		err = state_items_changed(t, a, c->folder->id, c->pos.c, in->limit, &in->changed);
	in->all_changed = in->changed.n < in->limit;
	return err;
}

static bool
has_undated(const struct state_items *rows)
{
	for (size_t i = 0; i < rows->n; i++) {
		if (rows->list[i].date == ITEM_DATE_UNKNOWN)
			return true;
	}
	return false;
}

/* A new item without a date may turn out to lie outside: whether it is among those that a wider filter lets in can be read once it is passed. */
static enum err
read_rest(struct round *in, struct state_txn *t, int64_t edge_date, int64_t edge_id)
{
	struct compose *c = in->c;
	struct arena *a = c->r->arena;
	enum err err = ERR_OK;

	if (in->seq > c->pos.a)
		err = state_items_created(t, a, c->folder->id, c->pos.a, c->me, edge_date, edge_id, in->send_limit,
			&in->created);
	in->all_created = in->created.n < in->send_limit;
	if (err || !in->all_created || has_undated(&in->created))
		return err;
	if (is_wider(c, edge_date, edge_id))
		err = state_items_older(t, a, c->folder->id, in->seq, c->me, c->target, 0, edge_date, edge_id,
			in->send_limit, &in->wider);
	in->all_wider = in->wider.n < in->send_limit;
	return err;
}

static enum err
read_round(struct state_txn *t, void *arg, struct error *e)
{
	struct round *in = arg;
	struct compose *c = in->c;
	bool narrow = c->target > c->pos.cut_date;
	int64_t edge_date = c->pos.cut_date, edge_id = c->pos.cut_id;
	struct state_folder f;
	enum err err = state_folder(t, c->r->arena, c->folder->user, c->folder->id, &f);

	(void)e;
	if (err)
		return err == ERR_NOTFOUND ? ERR_NOFOLDER : err;
	in->narrower = in->extra = in->changed = in->created = in->wider = (struct state_items){ 0 };
	in->all_narrower = true;
	in->all_changed = in->all_created = in->all_wider = false;
	in->seq = f.seq;
	if (narrow) {
		err = state_items_between(t, c->r->arena, c->folder->id, c->pos.cut_date, c->pos.cut_id, c->target, 0,
			in->limit, &in->narrower);
		in->all_narrower = in->narrower.n < in->limit;
		edge_date = c->target;
		edge_id = 0;
	}
	if (!err && in->all_narrower)
		err = read_changed(in, t);
	if (!err && in->all_narrower && in->all_changed)
		err = read_rest(in, t, edge_date, edge_id);
	return err;
}

/* ---- what each row calls for ---- */

static bool
plan_narrower(struct round *in, struct page *page)
{
	struct compose *c = in->c;

	for (size_t i = 0; i < in->narrower.n; i++) {
		const struct state_item *row = &in->narrower.list[i];

		if (!has(in, row) || is_exempt(c, row)
			|| (row->deleted && row->seq <= in->start->c && !idset_has(&in->start->again, row->id)))
			continue;
		page_add(page, COMPOSE_SOFT, row, PAGE_CUT);
	}
	if (in->all_narrower && c->target > c->pos.cut_date)
		page_step(page, PAGE_CUT_TO, c->target, 0);
	return !page->failed;
}

/* Has the answer begun with it, as it is? */
static bool
is_forced(const struct compose *c, const struct state_item *row)
{
	for (size_t i = 0; i < c->n_forced; i++) {
		if (c->forced[i].item == row->id && row->seq <= c->forced[i].seq)
			return true;
	}
	return false;
}

static void
plan_change(struct round *in, struct page *page, const struct state_item *row, enum page_after after, int64_t edge_date,
	int64_t edge_id)
{
	struct compose *c = in->c;
	bool again = idset_has(&c->pos.again, row->id);
	bool mine = row->changed_by == c->me && !again;
	bool in_edge = inside(row, edge_date, edge_id) || is_exempt(c, row);

	if (idset_has(in->unconfirmed, row->id)) {
		if (!row->deleted && in_edge) {
			page_add(page, COMPOSE_ADD, row, after | PAGE_TOLD);
			return;
		}
	} else if (idset_has(&in->start->holes, row->id)) {
		if (!row->deleted && inside(row, edge_date, edge_id) && row->created_seq <= in->start->a
			&& idset_has(&c->pos.holes, row->id)) {
			page_add(page, COMPOSE_ADD, row, after | PAGE_FILLS);
			return;
		}
	} else if (has(in, row) && !mine && !is_forced(c, row) && in_edge) {
		page_add(page, row->deleted ? COMPOSE_DELETE : COMPOSE_CHANGE, row, after);
		return;
	}
	page_pass(page, row, after);
}

static bool
row_in(const struct state_items *rows, int64_t id)
{
	for (size_t i = 0; i < rows->n; i++) {
		if (rows->list[i].id == id)
			return true;
	}
	return false;
}

static bool
plan_changed(struct round *in, struct page *page, int64_t edge_date, int64_t edge_id)
{
	struct compose *c = in->c;

	/* Those that are to be told again come first and do not move c; a row among the changed is looked at there. */
	for (size_t i = 0; i < in->extra.n; i++) {
		const struct state_item *row = &in->extra.list[i];
		bool wanted = idset_has(&c->pos.again, row->id)
			|| (idset_has(in->unconfirmed, row->id) && !idset_has(&c->told, row->id));

		if (wanted && !(row->seq > c->pos.c && row_in(&in->changed, row->id)))
			plan_change(in, page, row, PAGE_AGAIN, edge_date, edge_id);
	}
	for (size_t i = 0; i < in->changed.n; i++)
		plan_change(in, page, &in->changed.list[i], PAGE_C | PAGE_AGAIN, edge_date, edge_id);
	if (in->all_changed)
		page_step(page, PAGE_C_TO, in->seq, 0);
	return !page->failed;
}

static bool
plan_created(struct round *in, struct page *page)
{
	for (size_t i = 0; i < in->created.n; i++)
		page_add(page, COMPOSE_ADD, &in->created.list[i], PAGE_A | PAGE_HOLE);
	if (in->all_created)
		page_step(page, PAGE_A_TO, in->seq, 0);
	return !page->failed;
}

static bool
plan_wider(struct round *in, struct page *page, int64_t edge_date, int64_t edge_id)
{
	struct compose *c = in->c;

	for (size_t i = 0; i < in->wider.n; i++)
		page_add(page, COMPOSE_ADD, &in->wider.list[i], PAGE_CUT_DOWN | PAGE_HOLE);
	if (in->all_wider && is_wider(c, edge_date, edge_id))
		page_step(page, PAGE_CUT_TO, c->target, 0);
	return !page->failed;
}

static bool
plan(struct round *in, struct page *page)
{
	struct compose *c = in->c;
	bool narrow = c->target > c->pos.cut_date;
	int64_t edge_date = narrow ? c->target : c->pos.cut_date, edge_id = narrow ? 0 : c->pos.cut_id;

	page->edge_date = edge_date;
	page->edge_id = edge_id;
	if (!plan_narrower(in, page))
		return false;
	if (!in->all_narrower)
		return true;
	if (!plan_changed(in, page, edge_date, edge_id))
		return false;
	if (!in->all_changed)
		return true;
	if (!plan_created(in, page))
		return false;
	return !in->all_created || plan_wider(in, page, edge_date, edge_id);
}

/* ---- an answer ---- */

/* Holes that have gone for good are forgotten, and so is what was to be told again of rows that are no more. */
static void
tidy_sets(struct compose *c, const struct round *in)
{
	for (size_t i = 0; i < in->extra.n; i++) {
		const struct state_item *row = &in->extra.list[i];

		if (row->deleted && row->seq <= c->pos.c && idset_has(&c->pos.holes, row->id)) {
			idset_remove(&c->pos.holes, row->id);
			c->moved = true;
		}
	}
	for (size_t i = 0; i < in->extra_ids->n; i++) {
		int64_t id = in->extra_ids->v[i];

		if (!row_in(&in->extra, id)) {
			idset_remove(&c->pos.holes, id);
			idset_remove(&c->pos.again, id);
		}
	}
}

static bool
nothing_to_do(const struct compose *c, const struct round *in)
{
	return c->folder->seq == c->pos.c && c->folder->seq == c->pos.a && c->target == c->pos.cut_date
		&& c->pos.cut_id == 0 && in->extra_ids->n == 0;
}

static enum err
send_forced(struct compose *c, struct page *page, struct error *e)
{
	struct state_items rows;
	enum err err = ERR_OK;

	for (size_t i = 0; !err && i < c->n_forced; i++) {
		err = page_read_row(c, c->forced[i].item, &rows, e);
		if (err || !rows.n || rows.list[0].deleted)
			continue;
		page_add(page, c->forced[i].kind, &rows.list[0],
			PAGE_FORCED | (c->forced[i].kind == COMPOSE_ADD ? PAGE_HOLE : 0));
		c->forced[i].seq = rows.list[0].seq;
	}
	if (!err)
		err = page_flush(page, e);
	for (size_t i = 0; i < c->n_forced; i++) {
		if (!idset_has(&page->sent, c->forced[i].item))
			c->forced[i].seq = -1; /* gone meanwhile, or not to be told */
	}
	return err;
}

void
compose_tries(struct arena *a, const struct state_done *done, size_t n, struct idset *added, struct idset *touched)
{
	idset_init(added, a);
	idset_init(touched, a);
	for (size_t i = 0; i < n; i++)
		idset_add(done[i].kind == 'a' ? added : touched, done[i].item);
}

/* `again` grows by what an earlier try of this request did and this one lacks; the adds that nobody confirmed yet. */
static enum err
note_tries(struct compose *c, struct idset *unconfirmed, struct idset *extra, struct error *e)
{
	struct state_items rows;
	enum err err = ERR_OK;

	for (size_t i = 0; RULE(SETTLE) && i < c->added->n; i++) {
		if (!idset_has(&c->told, c->added->v[i]))
			idset_add(unconfirmed, c->added->v[i]);
	}
	for (size_t i = 0; RULE(SETTLE) && !err && i < c->touched->n; i++) {
		if (idset_has(&c->told, c->touched->v[i]))
			continue;
		err = page_read_row(c, c->touched->v[i], &rows, e);
		if (!err && rows.n && rows.list[0].changed_by == c->me)
			idset_add(&c->pos.again, c->touched->v[i]);
	}
	for (size_t i = 0; !err && c->retry && i < c->retry->n; i++) {
		err = page_read_row(c, c->retry->v[i], &rows, e);
		if (!err && rows.n && !rows.list[0].deleted) /* that it is gone was told when it went */
			idset_add(&c->pos.again, c->retry->v[i]);
	}
	for (size_t i = 0; i < unconfirmed->n; i++)
		idset_add(extra, unconfirmed->v[i]);
	for (size_t i = 0; i < c->pos.again.n; i++)
		idset_add(extra, c->pos.again.v[i]);
	return err;
}

/* What the device has once it has what is written so far: where the next round begins. */
static void
begin_round(struct compose *c, struct round *in, struct position *start, struct idset *unconfirmed)
{
	struct arena *a = c->r->arena;

	*start = c->pos;
	idset_load(&start->holes, a, c->pos.holes.v, c->pos.holes.n);
	idset_load(&start->again, a, c->pos.again.v, c->pos.again.n);
	for (size_t i = 0; i < c->told.n; i++)
		idset_remove(unconfirmed, c->told.v[i]);
	in->limit = ROUND;
	in->send_limit = c->probe ? 1 : c->dry ? ROUND : page_reach(in->page);
}

static bool
at_the_end(const struct compose *c, const struct round *in)
{
	return in->all_narrower && in->all_changed && in->all_created && in->all_wider && c->pos.c == in->seq
		&& c->pos.a == in->seq;
}

/* All that the mirror holds was told: does the backend have more? Where it cannot say, and something was told, the phone comes again. */
static enum err
look_last(struct compose *c, struct error *e)
{
	enum err err = mirror_refresh(c->r->server, c->r->account, c->folder, &c->r->log, e);

	c->looked = true;
	if (!err || err == ERR_NOFOLDER || (err == ERR_BUSY && c->n == 0))
		return err;
	log_warn(&c->r->log, "%s: %s; the answer ends with what was known", c->folder->key, e->text[0] ? e->text : err_name(err));
	c->backend_failed = true;
	return ERR_OK;
}

enum err
compose(struct compose *c, struct error *e)
{
	struct arena *a = c->r->arena;
	struct position start;
	struct idset unconfirmed, extra;
	struct page page;
	struct round in = { .c = c, .start = &start, .unconfirmed = &unconfirmed, .extra_ids = &extra, .page = &page };
	enum err err;

	if (!RULE(WIDEN) && c->target < c->pos.cut_date)
		c->target = c->pos.cut_date;
	idset_init(&unconfirmed, a);
	idset_init(&extra, a);
	page_init(&page, c);
	err = note_tries(c, &unconfirmed, &extra, e);
	if (!err)
		err = send_forced(c, &page, e);
	if (err || !c->get_changes || c->backend_failed || nothing_to_do(c, &in))
		return err;
	if (c->folder->seq != c->pos.c || !c->looked) { /* holes may be filled, or gone */
		for (size_t i = 0; i < c->pos.holes.n; i++)
			idset_add(&extra, c->pos.holes.v[i]);
	}
	for (unsigned rounds = 0;; rounds++) {
		begin_round(c, &in, &start, &unconfirmed);
		err = state_run(c->r->server->state, STATE_READ, read_round, &in, e);
		if (err)
			return err;
		if (c->raised && in.seq != c->seq && !c->dry)
			return err_set(e, ERR_CONFLICT, "the folder changed while its filter was applied");
		if (c->target > c->pos.cut_date) {
			c->raised = true;
			c->seq = in.seq;
		}
		if (!plan(&in, &page))
			return ERR_NOMEM;
		err = page_flush(&page, e);
		if (err)
			return err;
		if (c->more || c->backend_failed || (c->probe && c->n_adds))
			break;
		if (at_the_end(c, &in) && !c->looked) {
			err = look_last(c, e);
			if (err)
				return err;
			if (c->folder->seq != in.seq && !c->backend_failed)
				continue;
		}
		if (at_the_end(c, &in)) {
			tidy_sets(c, &in);
			break;
		}
		if (rounds == ROUNDS_MAX || (c->until && eas_monotonic() >= c->until)) {
			c->more = true;
			break;
		}
	}
	return c->pos.holes.failed || c->pos.again.failed || c->told.failed ? ERR_NOMEM : ERR_OK;
}
