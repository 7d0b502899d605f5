/* The mirror catches up with the backend. */
#include "eas/mirror.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "eas/hierarchy.h"
#include "eas/mirror_flight.h"

#define PART 1000          /* rows in one commit of a listing */
#define DATES_AT_ONCE 200  /* items fetched at once for their dates */
#define ARENA_MAX (512u << 20)
#define TRIES 5            /* each makes fewer items without a date */
#define PARTS_MAX 100000   /* a backend that never ends its listing is broken */

bool
mirror_is_backed(const struct state_folder *f)
{
	return strncmp(f->key, HIERARCHY_OWN, strlen(HIERARCHY_OWN)) != 0;
}

/* ---- a look ---- */

struct flight {
	const struct eas_server *server;
	struct account *account;
	struct state_folder *f;
	const struct item_class *class;
	const struct log_ctx *log;
	struct arena *a;              /* of one part */
	struct backend_changes part;
	int64_t seq_before;           /* of a listing: rows beyond it are left to the next look */
	struct seen {                 /* keys that the listing has named, hashed */
		uint64_t *slot;
		size_t n, room;
	} seen, newer;                /* and keys of which the mirror knows more than the listing */
	bool listing;
	bool filling;                 /* the first listing of the folder */
	bool overtaken;               /* another responder has written this delta already */
	int64_t seq;                  /* as this flight left it */
	int64_t written;              /* by the part that is being committed */
};

/* Never 0, which is a free slot. */
static uint64_t
hash_key(const char *key)
{
	return hash_text(HASH_START, key) | 1;
}

static bool
seen_grow(struct seen *s)
{
	struct seen bigger = { .room = s->room ? 2 * s->room : 4096 };

	bigger.slot = calloc(bigger.room, sizeof *bigger.slot);
	if (!bigger.slot)
		return false;
	for (size_t i = 0; i < s->room; i++) {
		size_t k = s->slot[i] % bigger.room;

		if (!s->slot[i])
			continue;
		while (bigger.slot[k])
			k = (k + 1) % bigger.room;
		bigger.slot[k] = s->slot[i];
	}
	bigger.n = s->n;
	free(s->slot);
	*s = bigger;
	return true;
}

static bool
seen_add(struct seen *s, const char *key)
{
	uint64_t h = hash_key(key);
	size_t k;

	if (2 * (s->n + 1) > s->room && !seen_grow(s))
		return false;
	for (k = h % s->room; s->slot[k] && s->slot[k] != h; k = (k + 1) % s->room)
		;
	s->n += s->slot[k] == 0;
	s->slot[k] = h;
	return true;
}

static bool
seen_has(const struct seen *s, const char *key)
{
	uint64_t h = hash_key(key);

	if (s->room == 0)
		return false;
	for (size_t k = h % s->room; s->slot[k]; k = (k + 1) % s->room) {
		if (s->slot[k] == h)
			return true;
	}
	return false;
}

/* ---- dates of calendar items and tasks: they are in the bytes ----
 *
 * At its first filling a folder gets none: each item is fetched, and dated, when the first phone comes to it. Of what comes later (or, where
 * others wrote while it was filled, after the next look), and of what changes and phones may have, it is known at once whether it lies inside their filters. */

struct dating {
	struct flight *in;
};

static enum err
take_date(void *ctx, const struct backend_item *item)
{
	struct flight *in = ((struct dating *)ctx)->in;
	struct arena_mark mark;

	if (item->err)
		return ERR_OK;
	mark = arena_mark(in->a);
	for (size_t i = 0; i < in->part.n; i++) {
		struct backend_change *c = &in->part.list[i];

		if (!c->gone && strcmp(c->key, item->key) == 0) {
			c->date = in->class->date(in->a, item->bytes);
			break;
		}
	}
	arena_rewind(in->a, mark);
	return ERR_OK;
}

static enum err
fetch_dates(struct flight *in, const char **keys, size_t n, struct error *e)
{
	struct dating d = { in };
	enum err err = ERR_OK;

	for (size_t i = 0; !err && i < n; i += DATES_AT_ONCE) {
		struct backend_fetch what = { .folder = in->f->key, .keys = keys + i,
			.n = n - i < DATES_AT_ONCE ? n - i : DATES_AT_ONCE,
			.want = WANT_BYTES, .bytes_max = in->server->config->item_bytes_max };

		err = account_fetch(in->account, &what, take_date, &d, e);
	}
	return err;
}

struct comparing {
	struct flight *in;
	const char **keys; /* whose date has to be asked for */
	size_t n;
};

static int
by_row_key(const void *a, const void *b)
{
	return strcmp(((const struct state_item *)a)->key, ((const struct state_item *)b)->key);
}

static const struct state_item *
sorted_row(const struct state_items *rows, const char *key)
{
	struct state_item wanted = { .key = key };

	return rows->n ? bsearch(&wanted, rows->list, rows->n, sizeof *rows->list, by_row_key) : NULL;
}

static enum err
rows_of_part(struct flight *in, struct state_txn *t, struct state_items *rows_r)
{
	const char **keys = arena_array(in->a, in->part.n + 1, sizeof *keys);
	enum err err;

	if (!keys)
		return ERR_NOMEM;
	for (size_t i = 0; i < in->part.n; i++)
		keys[i] = in->part.list[i].key;
	err = state_items_by_key(t, in->a, in->f->id, keys, in->part.n, rows_r);
	if (!err && rows_r->n)
		qsort(rows_r->list, rows_r->n, sizeof *rows_r->list, by_row_key);
	return err;
}

static enum err
compare(struct state_txn *t, void *arg, struct error *e)
{
	struct comparing *c = arg;
	struct flight *in = c->in;
	struct state_items rows;
	enum err err = rows_of_part(in, t, &rows);

	(void)e;
	c->n = 0;
	for (size_t i = 0; !err && i < in->part.n; i++) {
		struct backend_change *change = &in->part.list[i];
		const struct state_item *row = change->gone ? NULL : sorted_row(&rows, change->key);

		if (change->gone)
			continue;
		if (row && strcmp(row->version, change->version) == 0)
			change->date = row->date; /* as it was: a phone's own PUT, or a listing */
		else if (row ? row->date == ITEM_DATE_UNKNOWN : in->filling)
			change->date = ITEM_DATE_UNKNOWN;
		else
			c->keys[c->n++] = change->key;
	}
	return err;
}

/* Gives every entry of the part its date. */
static enum err
date_part(struct flight *in, struct error *e)
{
	struct comparing c = { .in = in };
	enum err err;

	if (in->class->class == BACKEND_MAIL) {
		for (size_t i = 0; i < in->part.n; i++) {
			if (in->part.list[i].date == BACKEND_NO_DATE)
				in->part.list[i].date = 0;
		}
		return ERR_OK;
	}
	for (size_t i = 0; i < in->part.n; i++)
		in->part.list[i].date = ITEM_DATE_NEVER;
	if (!in->class->date || in->part.n == 0)
		return ERR_OK;
	c.keys = arena_array(in->a, in->part.n, sizeof *c.keys);
	if (!c.keys)
		return ERR_NOMEM;
	err = state_run(in->server->state, STATE_READ, compare, &c, e);
	return err || c.n == 0 ? err : fetch_dates(in, c.keys, c.n, e);
}

/* ---- writing a part ---- */

struct writing {
	struct flight *in;
	struct state_txn *t;
	struct state_item *rows; /* to be saved */
	size_t n;
	int64_t seq, high_date, high_id;
	bool dated;              /* a phone has got an item meanwhile of which this look has no date */
};

static void
write_change(struct writing *w, const struct backend_change *c, const struct state_item *row)
{
	if (c->gone) {
		if (!row)
			return;
		w->rows[w->n] = *row;
		w->rows[w->n].deleted = true;
		w->rows[w->n].seq = ++w->seq;
		w->rows[w->n].changed_by = 0;
		w->n++;
		return;
	}
	if (!row) {
		w->rows[w->n] = (struct state_item){ .folder = w->in->f->id, .key = c->key, .version = c->version,
			.date = c->date,
			.created_seq = w->seq + 1, .seq = w->seq + 1 };
		w->seq++;
		w->n++;
		return;
	}
	if (strcmp(row->version, c->version) == 0 && (row->date == c->date || c->date == ITEM_DATE_UNKNOWN))
		return;
	w->dated = w->dated || (c->date == ITEM_DATE_UNKNOWN && row->date != ITEM_DATE_UNKNOWN);
	w->n += mirror_update_row(row, c->version, c->date, 0, w->high_date, w->high_id, &w->seq, &w->rows[w->n]);
}

/* Keys that a listing may know less of than the mirror: what phones have changed or deleted since it began. */
static enum err
note_newer(struct flight *in, struct state_txn *t, int64_t seq_now)
{
	struct state_items rows;
	enum err err;

	if (!in->listing || seq_now == in->seq)
		return ERR_OK; /* nobody but this listing has written */
	err = state_items_changed(t, in->a, in->f->id, in->seq, 1000000, &rows);
	for (size_t i = 0; !err && i < rows.n; i++) {
		if (!seen_add(&in->newer, rows.list[i].key))
			err = ERR_NOMEM;
	}
	return err;
}

/* Those that are there already first: a renumbered row's key must be free before the new row takes it. */
static enum err
save_rows(struct writing *w)
{
	struct state_item *sorted = arena_array(w->in->a, w->n + 1, sizeof *sorted);
	size_t old = 0, n = 0;
	enum err err;

	if (!sorted)
		return ERR_NOMEM;
	for (size_t i = 0; i < w->n; i++) {
		if (w->rows[i].id)
			sorted[old++] = w->rows[i];
	}
	n = old;
	for (size_t i = 0; i < w->n; i++) {
		if (!w->rows[i].id)
			sorted[n++] = w->rows[i];
	}
	err = old ? state_items_save(w->t, sorted, old) : ERR_OK;
	return err || n == old ? err : state_items_save(w->t, sorted + old, n - old);
}

static enum err
write_part(struct state_txn *t, void *arg, struct error *e)
{
	struct flight *in = arg;
	struct writing w = { .in = in, .t = t };
	struct state_items rows;
	const char *cursor;
	enum err err = state_folder_lock(t, in->a, in->f->id, &w.seq, &cursor);
	int64_t before = w.seq;

	in->overtaken = false;
	if (err)
		return err;
	if (!in->listing && strcmp(cursor, in->f->cursor) != 0) {
		in->overtaken = true;
		in->f->seq = in->written = w.seq;
		return ERR_OK;
	}
	err = rows_of_part(in, t, &rows);
	if (!err)
		err = state_highest_cutoff(t, in->f->id, &w.high_date, &w.high_id);
	if (!err)
		err = note_newer(in, t, w.seq);
	w.rows = arena_array(in->a, 2 * in->part.n + 1, sizeof *w.rows);
	if (!err && !w.rows)
		err = ERR_NOMEM;
	for (size_t i = 0; !err && i < in->part.n; i++) {
		const struct backend_change *c = &in->part.list[i];

		if (!seen_has(&in->newer, c->key))
			write_change(&w, c, sorted_row(&rows, c->key));
	}
	if (!err && w.dated)
		return err_set(e, ERR_CONFLICT, "items got their dates while the folder was looked at");
	if (!err)
		err = save_rows(&w);
	if (!err && (w.seq != before || !in->listing))
		err = state_folder_advance(t, in->f->id, w.seq, in->listing ? NULL : in->part.cursor);
	in->f->seq = w.seq;
	in->written = w.seq;
	return err;
}

/* The listing is whole: what it did not name is gone, but for what changed since it began; and the cursor counts from
 * now on. */
static enum err
finish_listing(struct state_txn *t, void *arg, struct error *e)
{
	struct flight *in = arg;
	struct state_items rows;
	int64_t seq, *ids;
	size_t n = 0;
	const char *cursor;
	enum err err = state_folder_lock(t, in->a, in->f->id, &seq, &cursor);
	bool others = seq != in->seq;

	(void)e;
	if (!err)
		err = state_items_live(t, in->a, in->f->id, &rows);
	ids = err ? NULL : arena_array(in->a, rows.n + 1, sizeof *ids);
	if (!err && !ids)
		err = ERR_NOMEM;
	for (size_t i = 0; !err && i < rows.n; i++) {
		if (rows.list[i].seq <= in->seq_before && !seen_has(&in->seen, rows.list[i].key))
			ids[n++] = rows.list[i].id;
	}
	if (!err && n)
		err = state_items_by_id(t, in->a, in->f->id, ids, n, &rows); /* whole */
	for (size_t i = 0; !err && n && i < rows.n; i++) {
		rows.list[i].deleted = true;
		rows.list[i].seq = ++seq;
		rows.list[i].changed_by = 0;
	}
	if (!err && n)
		err = state_items_save(t, rows.list, rows.n);
	/* Where others wrote meanwhile, what the listing said of those rows was not looked at, and the cursor would
	 * never tell of it again: the next look lists once more. */
	if (!err)
		err = state_folder_advance(t, in->f->id, seq, in->newer.n || others ? "" : in->part.cursor);
	in->f->seq = seq;
	return err;
}

static enum err
reset_folder(struct state_txn *t, void *arg, struct error *e)
{
	struct flight *in = arg;
	const char *cursor;
	enum err err = state_folder_lock(t, in->a, in->f->id, &in->seq_before, &cursor);

	(void)e;
	if (!err)
		err = state_folder_reset(t, in->f->id);
	if (!err)
		err = state_folder_lock(t, in->a, in->f->id, &in->seq_before, &cursor);
	in->f->seq = in->seq_before;
	return err;
}

static enum err
read_seq(struct state_txn *t, void *arg, struct error *e)
{
	struct flight *in = arg;
	enum err err = state_folder(t, in->a, in->f->user, in->f->id, in->f);

	(void)e;
	return err == ERR_NOTFOUND ? ERR_NOFOLDER : err;
}

/* A key that a server names twice in one part counts as it was named last. */
static enum err
keep_last(struct backend_changes *part)
{
	struct seen named = { 0 };
	size_t to = part->n;
	enum err err = ERR_OK;

	for (size_t i = part->n; !err && i-- > 0;) {
		if (seen_has(&named, part->list[i].key))
			continue;
		part->list[--to] = part->list[i];
		if (!seen_add(&named, part->list[to].key))
			err = ERR_NOMEM;
	}
	free(named.slot);
	part->n -= to;
	if (to)
		memmove(part->list, part->list + to, part->n * sizeof *part->list);
	return err;
}

static enum err
take_part(struct flight *in, struct error *e)
{
	unsigned tries = 0;
	enum err err = keep_last(&in->part);

	if (err)
		return err_set(e, err, "out of memory");
	if (in->part.listing && !in->listing) {
		in->listing = true;
		in->filling = !*in->f->cursor;
		in->seq_before = in->seq = in->f->seq;
		if (in->part.reset && *in->f->cursor) {
			log_notice(in->log,
				"%s: the server has numbered everything anew (UIDVALIDITY): it is synced from the start",
				in->f->key);
			err = state_run(in->server->state, STATE_WRITE, reset_folder, in, e);
			if (err)
				return err;
		}
	}
	for (size_t i = 0; in->listing && i < in->part.n; i++) {
		if (!in->part.list[i].gone && !seen_add(&in->seen, in->part.list[i].key))
			return err_set(e, ERR_NOMEM, "out of memory");
	}
	/* Nothing new: nothing is written, not even a cursor that says the same. */
	if (!in->listing && in->part.n == 0 && strcmp(in->part.cursor, in->f->cursor) == 0)
		return ERR_OK;
	do {
		err = date_part(in, e);
		if (!err)
			err = state_run(in->server->state, STATE_WRITE, write_part, in, e);
	} while (err == ERR_CONFLICT && tries++ < TRIES);
	if (!err)
		in->seq = in->written;
	return err;
}

static enum err
fly(struct flight *in, struct error *e)
{
	const char *cursor = in->f->cursor;
	struct arena *next = NULL;
	enum err err = ERR_OK;

	for (unsigned parts = 0; !err && parts < PARTS_MAX; parts++) {
		in->a = arena_new(ARENA_MAX);
		if (!in->a)
			return err_set(e, ERR_NOMEM, "out of memory");
		err = account_changes(in->account, in->a, in->f->key, *cursor ? cursor : NULL, PART, &in->part, e);
		if (!err)
			err = take_part(in, e);
		if (!err && !in->part.more && in->listing)
			err = state_run(in->server->state, STATE_WRITE, finish_listing, in, e);
		arena_free(&next); /* the cursor that was just used lived there */
		if (err || !in->part.more || in->overtaken) {
			arena_free(&in->a);
			return err;
		}
		cursor = in->part.cursor;
		if (!in->listing)
			in->f->cursor = cursor;
		next = in->a;
	}
	arena_free(&next);
	return err ? err : err_set(e, ERR_PEER, "%s: the listing never ends", in->f->key);
}

enum err
mirror_refresh(const struct eas_server *server, struct account *account, struct state_folder *f,
	const struct log_ctx *log, struct error *e)
{
	struct state_folder copy = *f;
	struct flight in = { .server = server, .account = account, .f = &copy, .log = log,
		.class = item_class((enum backend_class)f->class) };
	enum flight_start how;
	enum err err;

	if (!in.class || !mirror_is_backed(f))
		return ERR_OK;
	how = flight_take_off(f->id);
	if (how == FLIGHT_TOO_LONG)
		return ERR_BUSY;
	/* Another flight may have landed since f was read. */
	in.a = arena_new(ARENA_MAX);
	err = in.a ? state_run(server->state, STATE_READ, read_seq, &in, e) : ERR_NOMEM;
	struct arena *holds_cursor = in.a;
	if (!err && how == FLIGHT_OWN)
		err = fly(&in, e);
	if (err == ERR_NOFOLDER)
		hierarchy_doubt(account_user(account));
	if (how == FLIGHT_OWN)
		flight_land(f->id, err);
	free(in.seen.slot);
	free(in.newer.slot);
	f->seq = copy.seq;
	arena_free(&holds_cursor);
	return err;
}
