#include "eas/key.h"

#include <inttypes.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "eas/clock.h"
#include "eas/rule.h"

void
position_load(struct position *p, struct arena *a, const struct state_position *stored)
{
	p->a = stored->a;
	p->c = stored->c;
	p->cut_date = stored->cut_date;
	p->cut_id = stored->cut_id;
	idset_load(&p->holes, a, stored->holes, stored->n_holes);
	idset_load(&p->again, a, stored->again, stored->n_again);
}

struct state_position
position_store(const struct position *p)
{
	return (struct state_position){ .a = p->a, .c = p->c, .cut_date = p->cut_date, .cut_id = p->cut_id,
		.holes = p->holes.v,
		.n_holes = p->holes.n, .again = p->again.v, .n_again = p->again.n };
}

void
key_format(int64_t epoch, uint32_t n, char out[KEY_MAX])
{
	snprintf(out, KEY_MAX, "%016" PRIx64 "-%" PRIu32, (uint64_t)epoch, n);
}

bool
key_parse(const char *s, int64_t *epoch_r, uint32_t *n_r)
{
	unsigned char raw[8];
	char hex[17];
	uint64_t n, epoch = 0;

	if (strlen(s) < 18 || s[16] != '-' || !text_to_u64(s + 17, &n) || n == 0 || n > UINT32_MAX)
		return false;
	memcpy(hex, s, 16);
	hex[16] = '\0';
	if (text_unhex(hex, raw, sizeof raw) != 8)
		return false;
	for (size_t i = 0; i < sizeof raw; i++)
		epoch = epoch << 8 | raw[i];
	*epoch_r = (int64_t)epoch;
	*n_r = (uint32_t)n;
	return *epoch_r != 0;
}

bool
key_epoch(int64_t *epoch_r)
{
	*epoch_r = 0;
	while (*epoch_r == 0) {
		if (RAND_bytes((unsigned char *)epoch_r, sizeof *epoch_r) != 1)
			return false;
	}
	return true;
}

/* ---- key 0 ---- */

struct beginning {
	struct state_collection c;
};

static enum err
begin(struct state_txn *t, void *arg, struct error *e)
{
	struct beginning *b = arg;
	struct state_collection c = b->c;
	enum err err = RULE(EPOCHS) ? ERR_OK : state_device_resync(t, c.device, c.folder);

	(void)e;
	if (!err)
		err = state_collection_begin(t, &c);
	b->c.id = c.id;
	return err;
}

enum err
key_begin(struct eas_request *r, int64_t folder, const char *options, const char *supported, int64_t cut_date,
	char key_r[KEY_MAX], struct error *e)
{
	struct state_answer first = { .n = 1, .pos = { .cut_date = cut_date } };
	struct beginning b = { .c = { .device = r->device.id, .folder = folder, .n = 1, .options = options,
		.supported = supported,
		.created = eas_now(), .last_used = eas_now(), .answers = &first, .n_answers = 1 } };

	if (!key_epoch(&b.c.epoch))
		return err_set(e, ERR_INTERNAL, "no random numbers");
	key_format(b.c.epoch, 1, key_r);
	return state_run(r->server->state, STATE_WRITE, begin, &b, e);
}

/* ---- a key comes back ---- */

struct finding {
	struct eas_request *r;
	int64_t folder;
	struct state_collection *list;
	size_t n;
};

static enum err
find(struct state_txn *t, void *arg, struct error *e)
{
	struct finding *f = arg;

	(void)e;
	return state_collections(t, f->r->arena, f->r->device.id, f->folder, &f->list, &f->n);
}

static const struct state_answer *
answer_of(const struct state_collection *c, uint32_t n)
{
	for (size_t i = 0; i < c->n_answers; i++) {
		if (c->answers[i].n == n)
			return &c->answers[i];
	}
	return NULL;
}

const struct state_answer *
key_newest(const struct state_collection *c)
{
	return c->n_answers ? &c->answers[c->n_answers - 1] : NULL;
}

const struct state_collection *
key_in_use(const struct state_collection *list, size_t n)
{
	const struct state_collection *best = NULL;

	for (size_t i = 0; i < n; i++) {
		bool used = list[i].base != 0;

		if (!best || used > (best->base != 0)
			|| (used == (best->base != 0) && list[i].last_used > best->last_used))
			best = &list[i];
	}
	return best;
}

/* Rows that the entries of `done` name. */
struct naming {
	struct eas_request *r;
	int64_t folder;
	const struct idset *ids;
	struct state_items rows;
};

static enum err
read_rows(struct state_txn *t, void *arg, struct error *e)
{
	struct naming *n = arg;

	(void)e;
	return state_items_by_id(t, n->r->arena, n->folder, n->ids->v, n->ids->n, &n->rows);
}

static const struct state_item *
row_of(const struct state_items *rows, int64_t id)
{
	for (size_t i = 0; i < rows->n; i++) {
		if (rows->list[i].id == id)
			return &rows->list[i];
	}
	return NULL;
}

/* What this answer did not confirm is not the device's own: an Add of it becomes a hole, a change of it is told
 * again. */
static enum err
settle(struct eas_request *r, struct collection *c, const struct state_answer *answer, struct error *e)
{
	struct arena *a = r->arena;
	struct idset told, added, ids;
	struct naming n = { .r = r, .folder = c->was.folder, .ids = &ids };
	enum err err = ERR_OK;

	idset_load(&told, a, answer->told, answer->n_told);
	idset_load(&ids, a, answer->pos.holes, answer->pos.n_holes);
	idset_init(&added, a);
	for (size_t i = 0; i < c->was.n_done; i++) {
		idset_add(&ids, c->was.done[i].item);
		if (c->was.done[i].kind == 'a')
			idset_add(&added, c->was.done[i].item);
	}
	if (told.failed || added.failed || ids.failed)
		return ERR_NOMEM;
	if (c->was.n_done)
		err = state_run(r->server->state, STATE_READ, read_rows, &n, e);
	for (size_t i = 0; !err && i < c->was.n_done; i++) {
		int64_t id = c->was.done[i].item;
		const struct state_item *row = row_of(&n.rows, id);

		if (!row || idset_has(&told, id))
			continue;
		if (c->was.done[i].kind == 'a') {
			if (row->created_by == c->was.epoch) {
				idset_add(&c->base.holes, id);
				if (!row->deleted)
					idset_add(&c->base.again, id);
			}
		} else if (!idset_has(&added, id) && row->changed_by == c->was.epoch) {
			idset_add(&c->base.again, id);
		}
	}
	for (size_t i = 0; !err && i < c->base.holes.n; i++) {
		const struct state_item *row = row_of(&n.rows, c->base.holes.v[i]);

		if (row && row->created_by == c->was.epoch)
			idset_add(&c->disowned, row->id);
	}
	return err;
}

static enum err
receive(struct eas_request *r, struct collection *c, const struct state_answer *answer, struct error *e)
{
	struct state_answer *only;
	enum err err;

	if (answer->n == c->was.base)
		return ERR_OK;
	err = RULE(SETTLE) ? settle(r, c, answer, e) : ERR_OK;
	if (err)
		return err;
	only = arena_alloc(r->arena, sizeof *only);
	if (!only)
		return ERR_NOMEM;
	*only = (struct state_answer){ .n = answer->n, .pos = position_store(&c->base) };
	c->received = true;
	c->now.base = answer->n;
	c->now.answers = only;
	c->now.n_answers = 1;
	c->now.done = NULL;
	c->now.n_done = 0;
	return ERR_OK;
}

struct heir {
	int64_t folder, from, to;
};

static enum err
inherit(struct state_txn *t, void *arg, struct error *e)
{
	struct heir *h = arg;

	(void)e;
	return state_items_inherit(t, h->folder, h->from, h->to);
}

/* The device began twice and goes on with this epoch: what it has moved here since was written down as the other's. */
static enum err
take_over(struct eas_request *r, const struct finding *f, const struct state_collection *me, struct error *e)
{
	enum err err = ERR_OK;

	for (size_t i = 0; !err && me->base == 0 && i < f->n; i++) {
		struct heir h = { f->folder, f->list[i].epoch, me->epoch };

		if (h.from && h.from != h.to && f->list[i].base == 0) /* 0: revoked, and nobody's */
			err = state_run(r->server->state, STATE_WRITE, inherit, &h, e);
	}
	return err;
}

enum err
key_receive(struct eas_request *r, int64_t folder, const char *key, struct collection *c_r, struct error *e)
{
	struct finding f = { .r = r, .folder = folder };
	const struct state_answer *answer = NULL;
	int64_t epoch;
	uint32_t n;
	enum err err = state_run(r->server->state, STATE_READ, find, &f, e);

	if (err)
		return err;
	*c_r = (struct collection){ 0 };
	if (!key_parse(key, &epoch, &n)) {
		log_notice(&r->log, "sync key refused in folder %lld: it is not one of ours", (long long)folder);
		return ERR_NOTFOUND;
	}
	for (size_t i = 0; i < f.n && !answer; i++) {
		if (f.list[i].epoch != epoch)
			continue;
		answer = answer_of(&f.list[i], n);
		c_r->was = c_r->now = f.list[i];
	}
	if (!answer) {
		log_notice(&r->log, "sync key refused in folder %lld: %s", (long long)folder, !c_r->was.id
			? "its epoch is not kept (set up anew, unseen for long, or the store went back)"
			: n > c_r->was.n ? "it was never given: the store went back"
			: "a later one has come back already");
		return ERR_NOTFOUND;
	}
	idset_init(&c_r->disowned, r->arena);
	position_load(&c_r->base, r->arena, &answer->pos);
	if (c_r->base.holes.failed || c_r->base.again.failed)
		return ERR_NOMEM;
	err = take_over(r, &f, &c_r->was, e);
	return err ? err : receive(r, c_r, answer, e);
}

/* ---- a new answer ---- */

enum err
key_answer(struct collection *c, struct arena *a, const struct position *pos, const struct idset *told,
	char key_r[KEY_MAX])
{
	struct state_collection *now = &c->now;
	struct state_answer *answers = arena_array(a, now->n_answers + 1, sizeof *answers);
	size_t n = 0;

	if (!answers || pos->holes.failed || pos->again.failed || told->failed)
		return ERR_NOMEM;
	now->n = RULE(KEYS) ? now->n + 1 : now->base + 1;
	for (size_t i = 0; i < now->n_answers; i++) {
		/* The base stays; of the others the latest few. */
		if (!RULE(KEYS) && now->answers[i].n == now->n)
			continue;
		if (now->answers[i].n == now->base || now->n_answers - i < STATE_ANSWERS)
			answers[n++] = now->answers[i];
	}
	answers[n++] = (struct state_answer){ .n = now->n, .pos = position_store(pos), .told = told->v,
		.n_told = told->n };
	now->answers = answers;
	now->n_answers = n;
	key_format(now->epoch, now->n, key_r);
	return ERR_OK;
}
