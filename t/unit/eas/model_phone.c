#include "model_phone.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

uint64_t
rng_next(struct rng *r)
{
	uint64_t z = r->state += 0x9e3779b97f4a7c15u;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

uint64_t
rng_below(struct rng *r, uint64_t n)
{
	return rng_next(r) % n;
}

bool
rng_chance(struct rng *r, double p)
{
	return (double)(rng_next(r) >> 11) / 9007199254740992.0 < p;
}

void
phone_fail(struct phone *p, const char *what, int64_t item)
{
	if (!*p->why)
		snprintf(p->why, p->why_size, "%s, phone %s, item %" PRId64, what, p->name, item);
}

void
phone_reset(struct phone *p)
{
	snprintf(p->key, sizeof p->key, "0");
	p->n_items = p->n_dropped = p->n_refused = p->n_pending = 0;
	p->waiting = false;
}

/* ---- what it holds ---- */

struct phone_held *
phone_find(struct phone *p, int64_t item)
{
	for (size_t i = 0; i < p->n_items; i++) {
		if (p->items[i].item == item)
			return &p->items[i];
	}
	return NULL;
}

static void
hold(struct phone *p, int64_t item, int64_t x, int64_t y, bool told)
{
	if (p->n_items < PHONE_ITEMS)
		p->items[p->n_items++] = (struct phone_held){ item, x, y, told };
	else
		phone_fail(p, "too many items", item);
}

static void
drop(struct phone *p, int64_t item)
{
	struct phone_held *h = phone_find(p, item);

	if (h)
		*h = p->items[--p->n_items];
}

static bool
in_list(const int64_t *list, size_t n, int64_t item)
{
	for (size_t i = 0; i < n; i++) {
		if (list[i] == item)
			return true;
	}
	return false;
}

static void
note(int64_t *list, size_t *n, int64_t item)
{
	if (!in_list(list, *n, item) && *n < PHONE_ITEMS)
		list[(*n)++] = item;
}

/* ---- what its user does ---- */

static bool
names(const struct phone *p, int64_t item)
{
	for (size_t i = 0; i < p->n_pending; i++) {
		if (p->pending[i].verb != VERB_ADD && p->pending[i].item == item)
			return true;
	}
	return false;
}

static void
new_client(struct phone *p, struct phone_command *c)
{
	snprintf(c->client, sizeof c->client, "c%" PRIu64, rng_below(p->rng, 1000000000));
}

static void
one_command(struct phone *p, int64_t today)
{
	static const int64_t moved[] = { 0, 20, 50 };
	uint64_t verb = rng_below(p->rng, 4);
	struct phone_command c = { .date = -1 };

	if (verb == 0) {
		c.verb = VERB_ADD;
		new_client(p, &c);
		c.x = (int64_t)rng_below(p->rng, 1000000000000);
		c.date = today - (rng_below(p->rng, 2) ? 40 : 0);
	} else {
		if (p->n_items == 0)
			return;
		c.item = p->items[rng_below(p->rng, p->n_items)].item;
		if (names(p, c.item))
			return;
		c.verb = verb == 3 ? VERB_DELETE : VERB_CHANGE;
		c.field = rng_below(p->rng, 2) ? 'x' : 'y';
		c.x = c.y = (int64_t)rng_below(p->rng, 1000000);
		if (c.verb == VERB_CHANGE && !p->calm && rng_chance(p->rng, 0.2))
			c.date = today - moved[rng_below(p->rng, 3)];
	}
	if (p->n_pending < PHONE_COMMANDS)
		p->pending[p->n_pending++] = c;
}

static void
more_commands(struct phone *p, int64_t today)
{
	static const unsigned often[] = { 0, 0, 0, 1, 2 };

	for (unsigned n = often[rng_below(p->rng, 5)]; n; n--)
		one_command(p, today);
}

void
phone_compose(struct phone *p, int64_t today)
{
	p->n_pending = 0;
	more_commands(p, today);
}

void
phone_repeat(struct phone *p, int64_t today)
{
	double luck = (double)rng_below(p->rng, 1000) / 1000;

	if (luck < 0.2) {
		for (size_t i = 0; i < p->n_pending; i++) {
			if (p->pending[i].verb == VERB_ADD)
				new_client(p, &p->pending[i]);
		}
	} else if (luck < 0.3) {
		if (p->n_pending)
			memmove(&p->pending[0], &p->pending[1], --p->n_pending * sizeof p->pending[0]);
	} else if (luck < 0.4 && strcmp(p->key, "0") != 0) {
		more_commands(p, today);
	} else if (luck < 0.5) {
		for (size_t i = 0; i < p->n_pending; i++) {
			if (p->pending[i].verb == VERB_ADD)
				p->pending[i].x++;
		}
	}
}

/* ---- a request ---- */

static void
put_command(struct wbxml_writer *w, const struct phone *p, const struct phone_command *c)
{
	char id[ID_MAX];

	wbxml_start(w, c->verb == VERB_ADD ? AirSync_Add : c->verb == VERB_CHANGE ? AirSync_Change : AirSync_Delete);
	if (c->verb == VERB_ADD)
		wbxml_put(w, AirSync_ClientId, c->client);
	else
		wbxml_put(w, AirSync_ServerId, id_item(p->folder, c->item, id));
	if (c->verb != VERB_DELETE) {
		wbxml_start(w, AirSync_ApplicationData);
		if (c->verb == VERB_ADD || c->field == 'x')
			wbxml_put_int(w, Calendar_Subject, c->x);
		if (c->verb == VERB_ADD || c->field == 'y')
			wbxml_put_int(w, Calendar_Location, c->y);
		if (c->date >= 0)
			wbxml_put_int(w, Calendar_UID, c->date);
		wbxml_end(w);
	}
	wbxml_end(w);
}

static void
put_request(struct wbxml_writer *w, const struct phone *p, bool getchanges, bool client_wins)
{
	char id[ID_MAX];

	wbxml_start(w, AirSync_Sync);
	wbxml_start(w, AirSync_Collections);
	wbxml_start(w, AirSync_Collection);
	wbxml_put(w, AirSync_SyncKey, p->key);
	wbxml_put(w, AirSync_CollectionId, id_folder(p->folder, id));
	if (strcmp(p->key, "0") != 0) {
		wbxml_put_int(w, AirSync_GetChanges, getchanges);
		wbxml_put_int(w, AirSync_WindowSize, 5);
		wbxml_start(w, AirSync_Options);
		wbxml_put_int(w, AirSync_FilterType, p->filter);
		wbxml_put_int(w, AirSync_Conflict, !client_wins);
		wbxml_end(w);
		if (p->n_pending)
			wbxml_start(w, AirSync_Commands);
		for (size_t i = 0; i < p->n_pending; i++)
			put_command(w, p, &p->pending[i]);
	}
}

/* ---- its answer ---- */

static int64_t
item_of(const struct wbxml_node *n)
{
	int64_t folder, item;

	return id_parse_item(wbxml_text(n, AirSync_ServerId), &folder, &item) ? item : 0;
}

static void
read_responses(struct phone_answer *a, const struct wbxml_node *responses)
{
	for (const struct wbxml_node *n = responses ? responses->child : NULL; n && a->n_responses < PHONE_COMMANDS; n = n->next) {
		struct phone_response *r = &a->responses[a->n_responses++];
		const char *client = wbxml_text(n, AirSync_ClientId);

		*r = (struct phone_response){ .item = item_of(n), .status = (unsigned)wbxml_int(n, AirSync_Status, 0, 0) };
		snprintf(r->client, sizeof r->client, "%s", client ? client : "");
	}
}

static void
read_changes(struct phone_answer *a, const struct wbxml_node *commands)
{
	for (const struct wbxml_node *n = commands ? commands->child : NULL; n && a->n_changes < PHONE_CHANGES; n = n->next) {
		const struct wbxml_node *data = wbxml_child(n, AirSync_ApplicationData);

		a->changes[a->n_changes++] = (struct phone_change){ .item = item_of(n),
			.kind = n->tag == AirSync_Add ? 'a' : n->tag == AirSync_Change ? 'c' : n->tag == AirSync_Delete ? 'd' : 's',
			.x = wbxml_int(data, Calendar_Subject, -1, -1), .y = wbxml_int(data, Calendar_Location, -1, -1) };
	}
}

static void
read_answer(const struct phone *p, const struct call *c, struct phone_answer *a)
{
	static const unsigned path[] = { AirSync_Collections, AirSync_Collection };
	const struct wbxml_node *col = wbxml_path(c->answer, path, 2);

	*a = (struct phone_answer){ .status = 1 };
	snprintf(a->key, sizeof a->key, "%s", p->key);
	if (c->outcome != EAS_DONE || c->r.reply.status != 200) {
		a->retry = true;
		return;
	}
	if (!c->answer)
		return; /* nothing new */
	if (!col) {
		a->retry = true;
		a->status = (unsigned)wbxml_int(c->answer, AirSync_Status, 1, 0);
		return;
	}
	a->status = (unsigned)wbxml_int(col, AirSync_Status, 0, 0);
	a->retry = a->status == 16;
	snprintf(a->key, sizeof a->key, "%s", wbxml_text(col, AirSync_SyncKey) ? wbxml_text(col, AirSync_SyncKey) : "");
	a->more = wbxml_has(col, AirSync_MoreAvailable);
	read_responses(a, wbxml_child(col, AirSync_Responses));
	read_changes(a, wbxml_child(col, AirSync_Commands));
}

/* ---- for the trace ---- */

struct showing {
	const struct phone *phone;
	const struct call *call;
	struct state_collection *list;
	size_t n;
};

static enum err
read_collections(struct state_txn *t, void *arg, struct error *e)
{
	struct showing *in = arg;

	(void)e;
	return state_collections(t, in->call->r.arena, in->call->r.device.id, in->phone->folder, &in->list, &in->n);
}

static void
show_ids(const char *what, const int64_t *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		fprintf(stderr, " %s%" PRId64, what, list[i]);
}

static void
show_positions(const struct phone *p, const struct call *c)
{
	struct showing in = { .phone = p, .call = c };
	struct error e = { 0 };

	if (state_run(p->world->state, STATE_READ, read_collections, &in, &e))
		return;
	for (size_t i = 0; i < in.n; i++) {
		fprintf(stderr, "  epoch %016" PRIx64 " base %u n %u\n", (uint64_t)in.list[i].epoch, in.list[i].base, in.list[i].n);
		for (size_t k = 0; k < in.list[i].n_answers; k++) {
			const struct state_answer *a = &in.list[i].answers[k];

			fprintf(stderr, "    %u: a %" PRId64 " c %" PRId64 " cut %" PRId64 ",%" PRId64, a->n, a->pos.a, a->pos.c,
				a->pos.cut_date / MODEL_DAY, a->pos.cut_id);
			show_ids("hole ", a->pos.holes, a->pos.n_holes);
			show_ids("again ", a->pos.again, a->pos.n_again);
			show_ids("told ", a->told, a->n_told);
			fprintf(stderr, "\n");
		}
		for (size_t k = 0; k < in.list[i].n_done; k++)
			fprintf(stderr, "    done %c %s %" PRId64 "\n", in.list[i].done[k].kind, in.list[i].done[k].client, in.list[i].done[k].item);
	}
}

static void
show(const struct phone *p, const struct call *c)
{
	struct buf out;

	if (!getenv("CPUSH_MODEL_TRACE"))
		return;
	buf_init(&out, 0);
	wbxml_dump(buf_slice(&c->in), WBXML_DUMP_ALL, &out);
	fprintf(stderr, "---- %s asks:\n%s---- and gets:\n%s", p->name, buf_str(&out), call_dump(c));
	show_positions(p, c);
	buf_finish(&out);
}

void
phone_ask(struct phone *p, bool getchanges, bool client_wins, struct phone_answer *answer_r)
{
	struct call c;

	call_begin(&c, p->world, p->name, 141, EAS_SYNC);
	put_request(&c.w, p, getchanges, client_wins);
	call_run(&c);
	read_answer(p, &c, answer_r);
	show(p, &c);
	call_end(&c);
}

/* ---- believing it ---- */

static const struct phone_response *
response_for(const struct phone_answer *a, const struct phone_command *c)
{
	for (size_t i = 0; i < a->n_responses; i++) {
		if (c->verb == VERB_ADD ? strcmp(a->responses[i].client, c->client) == 0 : a->responses[i].item == c->item)
			return &a->responses[i];
	}
	return NULL;
}

static void
done(struct phone *p, const struct phone_answer *a, const struct phone_command *c)
{
	const struct phone_response *r = response_for(a, c);
	struct phone_held *h;

	if (r && r->status == 7)
		note(p->refused, &p->n_refused, c->item);
	if (c->verb == VERB_ADD) {
		if (!r || r->status != 1 || r->item == 0)
			phone_fail(p, "an Add is not answered", r ? (int64_t)r->status : 0);
		else if (phone_find(p, r->item))
			phone_fail(p, "two of its own", r->item);
		else
			hold(p, r->item, c->x, c->y, false);
		return;
	}
	if (c->verb == VERB_DELETE) {
		drop(p, c->item);
		note(p->dropped, &p->n_dropped, c->item);
		return;
	}
	h = phone_find(p, c->item);
	if (h && c->field == 'x')
		h->x = c->x;
	else if (h)
		h->y = c->y;
	if (h)
		h->told = false;
}

static void
change(struct phone *p, const struct phone_change *c)
{
	struct phone_held *h = phone_find(p, c->item);

	if (c->kind == 'a') {
		if (h)
			phone_fail(p, "Add of a known item", c->item);
		hold(p, c->item, c->x, c->y, true);
	} else if (c->kind == 'c') {
		if (!h) {
			phone_fail(p, "Change of an unknown item", c->item);
			return;
		}
		/* What was told when it had changed since the last look is told once more after the next one. */
		if (p->calm && !h->told && h->x == c->x && h->y == c->y && !in_list(p->refused, p->n_refused, c->item))
			phone_fail(p, "its own change comes back", c->item);
		h->x = c->x;
		h->y = c->y;
		h->told = true;
	} else {
		if (!h && !in_list(p->dropped, p->n_dropped, c->item))
			phone_fail(p, c->kind == 'd' ? "Delete of an unknown item" : "SoftDelete of an unknown item", c->item);
		drop(p, c->item);
	}
}

/* Phones look an id up as they read, and store what they read at the end. */
static bool
named_before(const struct phone_answer *a, size_t i)
{
	for (size_t k = 0; k < i; k++) {
		if (a->changes[k].item == a->changes[i].item)
			return true;
	}
	return false;
}

bool
phone_take(struct phone *p, const struct phone_answer *a)
{
	bool moved = strcmp(p->key, a->key) != 0;

	if (a->status != 1) {
		phone_fail(p, a->status == 3 ? "a phone is told to start over" : "an error without reason", a->status);
		return false;
	}
	if (a->more && !moved)
		phone_fail(p, "MoreAvailable with the old key", 0);
	for (size_t i = 0; i < p->n_pending; i++)
		done(p, a, &p->pending[i]);
	for (size_t i = 0; i < a->n_changes; i++) {
		if (named_before(a, i))
			phone_fail(p, "an item twice in one answer", a->changes[i].item);
		change(p, &a->changes[i]);
	}
	p->n_pending = 0;
	snprintf(p->key, sizeof p->key, "%s", a->key);
	return a->more || moved;
}
