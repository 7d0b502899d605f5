#include "model.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "eas/clock.h"
#include "eas/rule.h"
#include "model_phone.h"

#define PHONES 3
#define TURNS 150
#define KEYS 600
#define FIRST_DAY 20000 /* 2024-10-04 */

struct run {
	struct world *w;
	struct rng rng;
	bool calm;
	char user[32];
	int64_t today;
	struct phone phones[PHONES];
	char unreadable[KEYS][64];
	size_t n_unreadable;
	struct {
		char key[64];
		int64_t x;           /* as the phone made it */
	} seen[KEYS];            /* every item there ever was */
	size_t n_seen;
	unsigned names;
	bool armed;              /* the process is to die in this request, after a write */
	bool race;               /* somebody changes something before the next fetch */
	struct phone *meanwhile; /* or this phone's request runs then, start to end, as by another responder */
	struct twin {            /* or the same request does */
		struct phone *phone;
		bool getchanges, client_wins, answered;
		struct phone_answer answer;
	} twin;
	bool nested;
	char *why;
	size_t why_size;
};

static const unsigned filters[] = { 0, 0, 4, 4, 5 };

/* model_unreadable() knows no context. */
static struct run *current;

static void
fail(struct run *run, const char *what, const char *who)
{
	if (!*run->why)
		snprintf(run->why, run->why_size, "%s (%s)", what, who);
}

/* CPUSH_MODEL_TRACE=1 CPUSH_MODEL_RUNS=1 CPUSH_MODEL_SEED=n shows a run on stderr. */
static void
trace(const char *what, const char *key)
{
	if (getenv("CPUSH_MODEL_TRACE"))
		fprintf(stderr, "---- somebody: %s %s\n", what, key);
}

static bool
is_unreadable(const char *key)
{
	for (size_t i = 0; current && i < current->n_unreadable; i++) {
		if (strcmp(current->unreadable[i], key) == 0)
			return true;
	}
	return false;
}

/* ---- the mailbox, as somebody else changes it ---- */

static bool
any_item(struct run *run, struct arena *a, struct mem_item *item_r)
{
	size_t n = mem_count(run->w->mem, run->user, MODEL_FOLDER);

	return n && mem_at(run->w->mem, a, run->user, MODEL_FOLDER, rng_below(&run->rng, n), item_r);
}

static void
put(struct run *run, const char *key, struct model_content c)
{
	char buf[MODEL_BYTES];

	trace("changes", key);
	trace("  to", model_bytes(&c, buf));
	mem_edit(run->w->mem, run->user, MODEL_FOLDER, key, model_bytes(&c, buf));
}

static void
add(struct run *run, struct model_content c)
{
	char buf[MODEL_BYTES], key[32];

	snprintf(key, sizeof key, "other-%u.ics", ++run->names);
	trace("adds", key);
	trace("  as", model_bytes(&c, buf));
	mem_add(run->w->mem, run->user, MODEL_FOLDER, key, model_bytes(&c, buf), 0, BACKEND_NO_DATE);
}

static void
bump(struct run *run, const struct mem_item *item)
{
	struct model_content c = model_parse(item->bytes);

	c.y++;
	put(run, item->key, c);
}

static void
redate(struct run *run, const struct mem_item *item)
{
	static const int64_t back[] = { 0, 5, 20, 50 };
	struct model_content c = model_parse(item->bytes);

	c.date = run->today - back[rng_below(&run->rng, 4)];
	put(run, item->key, c);
}

static void
spoil(struct run *run, const struct mem_item *item)
{
	trace("spoils", item->key);
	if (rng_below(&run->rng, 2))
		mem_item_readonly(run->w->mem, run->user, MODEL_FOLDER, item->key, true);
	else if (run->n_unreadable < KEYS && !is_unreadable(item->key))
		snprintf(run->unreadable[run->n_unreadable++], sizeof run->unreadable[0], "%s", item->key);
}

static void
set_day(struct run *run, int64_t day)
{
	run->today = day;
	trace("lets days pass", "");
	eas_clock_set(day * MODEL_DAY + MODEL_DAY / 2);
}

static void
tidy(struct run *run)
{
	struct error e = { 0 };
	bool more = true;

	while (more) {
		if (state_housekeep(run->w->state, eas_now(), eas_unseen_max(run->w->config), &more, &e)) {
			fail(run, "housekeeping", e.text);
			return;
		}
	}
}

/* Someone else does something, or time passes. */
static void
others(struct run *run)
{
	AUTO(arena_free) struct arena *a = arena_new(0);
	struct mem_item item;

	switch (rng_below(&run->rng, 7)) {
	case 0:
		add(run, (struct model_content){ (int64_t)rng_below(&run->rng, 1000000000000), 0,
			run->today - (rng_below(&run->rng, 3) ? 0 : 20) });
		return;
	case 1:
	case 2:
		if (any_item(run, a, &item)) {
			bump(run, &item);
			return;
		}
		break;
	case 3:
		if (any_item(run, a, &item)) {
			trace("deletes", item.key);
			mem_delete(run->w->mem, run->user, MODEL_FOLDER, item.key);
			return;
		}
		break;
	case 4:
		if (!run->calm && any_item(run, a, &item)) {
			redate(run, &item);
			return;
		}
		break;
	case 5:
		if (rng_chance(&run->rng, 0.3)) {
			set_day(run, run->today + (rng_below(&run->rng, 2) ? 1 : 9));
			return;
		}
		break;
	case 6:
		if (rng_chance(&run->rng, 0.3) && any_item(run, a, &item)) {
			spoil(run, &item);
			return;
		}
		break;
	}
	tidy(run);
}

/* ---- what happens around the server's calls ---- */

static bool step(struct run *run, struct phone *p, bool busy, bool race);

static void
run_meanwhile(struct run *run)
{
	struct phone *p = run->meanwhile;
	struct twin *t = &run->twin;
	bool armed = run->armed;

	run->meanwhile = NULL;
	run->armed = false;
	if (p) {
		run->nested = true;
		step(run, p, true, false);
		run->nested = false;
	} else if (t->phone) {
		p = t->phone;
		t->phone = NULL;
		phone_ask(p, t->getchanges, t->client_wins, &t->answer);
		t->answered = !t->answer.retry;
	}
	run->armed = armed;
}

static enum err
hook(void *ctx, enum mem_op op, enum mem_when when, const char *folder, const char *key)
{
	struct run *run = ctx;

	(void)folder;
	(void)key;
	if (when == MEM_BEFORE && op == MEM_PUT)
		mem_settings(run->w->mem)->rewrites = !run->calm && rng_chance(&run->rng, 0.15);
	if (when == MEM_BEFORE && op == MEM_FETCH && run->race) {
		run->race = false;
		others(run);
	}
	if (when == MEM_BEFORE && (op == MEM_FETCH || op == MEM_PUT || op == MEM_REMOVE) && rng_below(&run->rng, 2))
		run_meanwhile(run);
	if (when == MEM_AFTER && (op == MEM_PUT || op == MEM_REMOVE) && run->armed) {
		run->armed = rng_below(&run->rng, 2);
		return ERR_UNAVAILABLE;
	}
	return ERR_OK;
}

/* ---- a request of a phone ---- */

/* An Add that was made already may not make another item. */
static void
look_for_doubles(struct run *run)
{
	AUTO(arena_free) struct arena *a = arena_new(0);
	struct mem_item item, other;

	for (size_t i = 0; mem_at(run->w->mem, a, run->user, MODEL_FOLDER, i, &item); i++) {
		size_t k = 0;

		while (k < run->n_seen && strcmp(run->seen[k].key, item.key) != 0)
			k++;
		if (k < run->n_seen || k == KEYS)
			continue;
		snprintf(run->seen[k].key, sizeof run->seen[k].key, "%s", item.key);
		run->seen[k].x = model_parse(item.bytes).x;
		run->n_seen++;
		for (size_t j = 0; j < k; j++) {
			if (run->seen[j].x == run->seen[k].x && mem_get(run->w->mem, a, run->user, MODEL_FOLDER, run->seen[j].key, &other))
				fail(run, "a repeated Add makes a second item", item.key);
		}
	}
}

/* True: there is more to do. */
static bool
step(struct run *run, struct phone *p, bool busy, bool race)
{
	bool first = strcmp(p->key, "0") == 0, trouble = busy && !run->calm, getchanges, client_wins, twice;
	struct phone_answer answers[2];
	unsigned n = 1;

	if (!p->waiting)
		p->n_pending = 0;
	if (busy && !p->waiting && !first)
		phone_compose(p, run->today);
	else if (busy && p->waiting)
		phone_repeat(p, run->today);
	p->waiting = true;
	getchanges = !busy || rng_chance(&run->rng, 0.8);
	client_wins = !run->calm && rng_below(&run->rng, 2);
	run->armed = trouble && !first && !run->nested && rng_chance(&run->rng, 0.1);
	run->race = race;
	if (race && rng_below(&run->rng, 2)) {
		struct phone *other = &run->phones[rng_below(&run->rng, PHONES)];

		run->race = false;
		run->meanwhile = other != p ? other : NULL;
		run->twin = (struct twin){ .phone = other == p ? p : NULL, .getchanges = getchanges, .client_wins = client_wins };
	}
#ifdef CPUSH_FAILPOINTS
	if (!run->nested) {
		rule_die = run->armed && rng_below(&run->rng, 2);
		run->armed = run->armed && !rule_die;
	}
#endif
	phone_ask(p, getchanges, client_wins, &answers[0]);
	if (!run->nested) {
		run->race = false;
		run->meanwhile = run->twin.phone = NULL;
#ifdef CPUSH_FAILPOINTS
		rule_die = false;
#endif
	}
	twice = trouble && !run->armed && !run->nested && rng_chance(&run->rng, 0.15);
	if (answers[0].retry) {
		if (!trouble && !*run->why)
			snprintf(run->why, run->why_size, "a quiet phone is told to try again (%u)", answers[0].status);
		run->armed = false;
		look_for_doubles(run);
		run->twin.answered = false;
		return true;
	}
	run->armed = false;
	if (run->twin.answered && !run->nested)
		answers[n++] = run->twin.answer;
	else if (twice)
		phone_ask(p, getchanges, client_wins, &answers[n++]);
	if (!run->nested)
		run->twin.answered = false;
	look_for_doubles(run);
	if (trouble && rng_chance(&run->rng, 0.2))
		return true; /* lost */
	p->waiting = false;
	return phone_take(p, &answers[rng_below(&run->rng, n)]);
}

/* ---- a run ---- */

static void
live(struct run *run)
{
	for (unsigned turn = 0; turn < TURNS && !*run->why; turn++) {
		struct phone *p = &run->phones[rng_below(&run->rng, PHONES)];

		switch (rng_below(&run->rng, 6)) {
		case 0:
		case 1:
			others(run);
			continue;
		case 2:
			if (rng_chance(&run->rng, 0.1)) {
				phone_reset(p);
				continue;
			}
			break;
		case 3:
			if (rng_chance(&run->rng, 0.2)) {
				p->filter = filters[rng_below(&run->rng, ARRAY_LEN(filters))];
				continue;
			}
			break;
		default:
			break;
		}
		step(run, p, true, !run->calm && rng_chance(&run->rng, 0.2));
	}
}

static void
mend(struct run *run)
{
	AUTO(arena_free) struct arena *a = arena_new(0);
	struct mem_item item;

	for (size_t i = 0; i < run->n_unreadable; i++) {
		if (mem_get(run->w->mem, a, run->user, MODEL_FOLDER, run->unreadable[i], &item))
			bump(run, &item);
	}
	run->n_unreadable = 0;
}

static void
settle(struct run *run)
{
	for (unsigned i = 0; i < 2 * PHONES && !*run->why; i++) { /* twice: what one still had to say, the others have to hear */
		struct phone *p = &run->phones[i % PHONES];
		unsigned steps = 0;

		while (!*run->why && step(run, p, false, false)) {
			if (++steps == 600)
				fail(run, "a quiet phone never comes to rest", p->name);
		}
	}
}

/* ---- what must be true in the end ---- */

struct rows {
	struct arena *a;
	struct phone *phone;
	struct state_items items;
};

static enum err
read_rows(struct state_txn *t, void *arg, struct error *e)
{
	struct rows *in = arg;
	int64_t *ids = arena_array(in->a, in->phone->n_items + 1, sizeof *ids);

	(void)e;
	for (size_t i = 0; i < in->phone->n_items; i++)
		ids[i] = in->phone->items[i].item;
	return state_items_by_id(t, in->a, in->phone->folder, ids, in->phone->n_items, &in->items);
}

static const struct state_item *
row_of_key(const struct rows *in, const char *key, unsigned *n_r)
{
	const struct state_item *found = NULL;

	*n_r = 0;
	for (size_t i = 0; i < in->items.n; i++) {
		if (!in->items.list[i].deleted && strcmp(in->items.list[i].key, key) == 0) {
			found = &in->items.list[i];
			++*n_r;
		}
	}
	return found;
}

static int64_t
epoch_of(const struct phone *p)
{
	return (int64_t)strtoull(p->key, NULL, 16);
}

static void
check_item(struct run *run, struct phone *p, const struct rows *in, const struct mem_item *item)
{
	struct model_content c = model_parse(item->bytes);
	unsigned n;
	const struct state_item *row = row_of_key(in, item->key, &n);
	bool want = p->filter == 0 || c.date >= run->today - (p->filter == 4 ? 14 : 31);
	struct phone_held *h = row ? phone_find(p, row->id) : NULL;

	if (n > 1)
		fail(run, "one item twice on the phone", item->key);
	if (!row && want)
		fail(run, "an item is missing", item->key);
	if (!row)
		return;
	if (!want && !(row->created_by == epoch_of(p) && row->outside))
		fail(run, "an item is left over", item->key);
	if (h && (h->x != c.x || h->y != c.y))
		{
		snprintf(run->why, *run->why ? 0 : run->why_size, "stale content: phone %s, row %lld (%s), seq %lld changed_by %llx, has %lld/%lld, is %lld/%lld, key %s", p->name, (long long)row->id,
			item->key, (long long)row->seq, (unsigned long long)row->changed_by, (long long)h->x, (long long)h->y, (long long)c.x, (long long)c.y, p->key);
	}
}

static void
check(struct run *run, struct phone *p)
{
	AUTO(arena_free) struct arena *a = arena_new(0);
	struct rows in = { .a = a, .phone = p };
	struct error e = { 0 };
	struct mem_item item;
	size_t alive = 0, n = 0;

	if (state_run(run->w->state, STATE_READ, read_rows, &in, &e)) {
		fail(run, "the store", e.text);
		return;
	}
	for (size_t i = 0; i < in.items.n; i++)
		alive += !in.items.list[i].deleted;
	if (alive != p->n_items)
		fail(run, "the phone holds what is gone", p->name);
	for (size_t i = 0; mem_at(run->w->mem, a, run->user, MODEL_FOLDER, i, &item); i++) {
		unsigned times;

		check_item(run, p, &in, &item);
		n += row_of_key(&in, item.key, &times) != NULL;
	}
	if (n != alive)
		fail(run, "the phone holds what the backend has not", p->name);
}

/* ---- setting it up ---- */

static void
set_up(struct run *run)
{
	static const char *const names[PHONES] = { "phone0", "phone1", "phone2" };
	static const unsigned sizes[] = { 0, 3, 30 };
	unsigned n = sizes[rng_below(&run->rng, 3)];

	set_day(run, FIRST_DAY);
	mem_settings(run->w->mem)->no_deltas = rng_below(&run->rng, 3) == 0;
	mem_settings(run->w->mem)->backwards = rng_below(&run->rng, 2);
	for (unsigned i = 0; i < n; i++)
		add(run, (struct model_content){ i, 0, run->today - (int64_t)rng_below(&run->rng, 60) });
	for (unsigned i = 0; i < PHONES; i++) {
		struct phone *p = &run->phones[i];

		*p = (struct phone){ .name = names[i], .world = run->w, .rng = &run->rng, .calm = run->calm, .why = run->why,
			.why_size = run->why_size, .filter = filters[rng_below(&run->rng, ARRAY_LEN(filters))] };
		p->folder = world_folder(run->w, p->name, 141, "Calendar");
		phone_reset(p);
	}
}

bool
model_run(struct world *w, uint64_t seed, char *why, size_t size)
{
	struct run *run = calloc(1, sizeof *run);
	bool ok;

	if (!run)
		abort();
	*run = (struct run){ .w = w, .rng = { seed * 0x2545f4914f6cdd1du + 1 }, .calm = seed % 5 == 0, .why = why, .why_size = size };
	/* A store may hold the users of earlier runs of this program. */
	snprintf(run->user, sizeof run->user, "user%" PRIu64 "%s", seed, strrchr(w->dir, '-'));
	*why = '\0';
	w->user = run->user;
	current = run;
	model_unreadable = is_unreadable;
	set_up(run);
	mem_hook(w->mem, hook, run);
	live(run);
	mend(run);
	for (int day = 0; day < 2 && !*why; day++) { /* what a phone set aside is tried again a day later */
		settle(run);
		set_day(run, run->today + 2);
	}
	if (!*why)
		settle(run);
	mem_hook(w->mem, NULL, NULL);
	for (unsigned i = 0; i < PHONES && !*why; i++)
		check(run, &run->phones[i]);
	mem_settings(w->mem)->rewrites = false;
	current = NULL;
	w->user = WORLD_USER;
	free(run);
	ok = !*why;
	return ok;
}
