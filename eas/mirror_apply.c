/* What phones do, written into the mirror. */
#include <stdlib.h>
#include <string.h>

#include "eas/mirror.h"
#include "eas/rule.h"

static bool
below(int64_t date, int64_t id, int64_t high_date, int64_t high_id)
{
	return date < high_date || (date == high_date && id < high_id);
}

size_t
mirror_update_row(const struct state_item *row, const char *version, int64_t date, int64_t by, int64_t high_date,
	int64_t high_id, int64_t *seq, struct state_item rows_r[2])
{
	int64_t lower = date < row->date ? date : row->date;

	rows_r[0] = *row;
	if (date != row->date && below(lower, row->id, high_date, high_id)) {
		/* Some device has it and some not: the old goes under its old date, a new one comes, as someone else's
		 * work. */
		rows_r[0].deleted = true;
		rows_r[0].seq = ++*seq;
		rows_r[0].changed_by = RULE(RENUMBER) ? 0 : by;
		rows_r[1] = *row;
		rows_r[1].id = 0;
		rows_r[1].version = version;
		rows_r[1].date = date;
		rows_r[1].created_seq = rows_r[1].seq = ++*seq;
		rows_r[1].created_by = rows_r[1].changed_by = RULE(RENUMBER) ? 0 : by;
		rows_r[1].outside = false;
		return 2;
	}
	rows_r[0].version = version;
	rows_r[0].date = date;
	rows_r[0].seq = ++*seq;
	rows_r[0].changed_by = by;
	return 1;
}

struct applying {
	struct state_txn *t;
	struct arena *a;
	int64_t folder, seq, high_date, high_id;
};

static enum err
row_by_key(struct applying *in, const char *key, struct state_item **row_r)
{
	struct state_items items;
	enum err err = state_items_by_key(in->t, in->a, in->folder, &key, 1, &items);

	*row_r = !err && items.n ? &items.list[0] : NULL;
	return err;
}

static enum err
row_by_id(struct applying *in, int64_t id, struct state_item **row_r)
{
	struct state_items items;
	enum err err = state_items_by_id(in->t, in->a, in->folder, &id, 1, &items);

	*row_r = !err && items.n ? &items.list[0] : NULL;
	return err;
}

/* Another request's look may have found the item before this commit, or an earlier try made it and died: it is
 * adopted. */
static enum err
created(struct applying *in, struct mirror_change *c)
{
	struct state_item *row, fresh;
	enum err err = row_by_key(in, c->key, &row);

	if (err)
		return err;
	if (row) {
		row->created_by = RULE(ADOPT) ? c->by : row->created_by;
		if (strcmp(row->version, c->version) == 0)
			row->changed_by = c->by;
		if (row->date == ITEM_DATE_UNKNOWN)
			row->date = c->date;
	} else {
		fresh = (struct state_item){ .folder = in->folder, .key = c->key, .version = c->version,
			.date = c->date,
			.created_seq = in->seq + 1, .created_by = c->by, .seq = in->seq + 1, .changed_by = c->by };
		in->seq++;
		row = &fresh;
	}
	err = state_items_save(in->t, row, 1);
	if (!err && below(row->date, row->id, c->cut_date, c->cut_id) != row->outside) {
		row->outside = !row->outside;
		err = state_items_save(in->t, row, 1);
	}
	c->item = row->id;
	return err;
}

/* A draft that was edited has a new key. A look may have found that before this commit, as a new item: it is this
 * one. */
static enum err
take_key(struct applying *in, const struct state_item *row, const char *key)
{
	struct state_item *other;
	enum err err = strcmp(row->key, key) == 0 ? ERR_OK : row_by_key(in, key, &other);

	if (err || strcmp(row->key, key) == 0 || !other)
		return err;
	other->deleted = true;
	other->seq = ++in->seq;
	other->changed_by = 0;
	return state_items_save(in->t, other, 1);
}

/* The row has moved on since the command was judged: a look of another request may have seen the item after it was written, and then no
 * later one tells of that again. Where it saw just what was written, that is this device's; else what it saw stands, and the device is told. */
static enum err
seen(struct applying *in, struct state_item *row, const struct mirror_change *c)
{
	if (!*c->version || strcmp(row->version, c->version) != 0)
		return ERR_OK;
	row->changed_by = c->by;
	return state_items_save(in->t, row, 1);
}

static enum err
updated(struct applying *in, struct mirror_change *c)
{
	struct state_item *row, rows[2];
	size_t n;
	enum err err = row_by_id(in, c->item, &row);

	if (err || !row || row->deleted)
		return err;
	err = take_key(in, row, c->key);
	if (err)
		return err;
	if (strcmp(row->version, c->was) != 0 && strcmp(row->key, c->key) == 0)
		return seen(in, row, c);
	n = mirror_update_row(row, c->version, c->date, c->by, in->high_date, in->high_id, &in->seq, rows);
	rows[n - 1].key = c->key;
	for (size_t i = 0; !err && i < n; i++)
		err = state_items_save(in->t, &rows[i], 1);
	return err;
}

static enum err
removed(struct applying *in, const struct mirror_change *c)
{
	struct state_item *row;
	enum err err = row_by_id(in, c->item, &row);

	if (err || !row)
		return err;
	if (!row->deleted) {
		row->deleted = true;
		row->seq = ++in->seq;
	}
	row->changed_by = c->by;
	return state_items_save(in->t, row, 1);
}

static enum err
disowned(struct applying *in, const struct mirror_change *c)
{
	struct state_item *row;
	enum err err = row_by_id(in, c->item, &row);

	if (err || !row)
		return err;
	row->changed_by = 0;
	return state_items_save(in->t, row, 1);
}

enum err
mirror_apply(struct state_txn *t, struct arena *a, int64_t folder, struct mirror_change *changes, size_t n)
{
	struct applying in = { .t = t, .a = a, .folder = folder };
	const char *cursor;
	enum err err = state_folder_lock(t, a, folder, &in.seq, &cursor);
	int64_t before = in.seq;

	if (!err)
		err = state_highest_cutoff(t, folder, &in.high_date, &in.high_id);
	for (size_t i = 0; !err && i < n; i++) {
		switch (changes[i].op) {
		case MIRROR_CREATED:
			err = created(&in, &changes[i]);
			break;
		case MIRROR_UPDATED:
			err = updated(&in, &changes[i]);
			break;
		case MIRROR_REMOVED:
			err = removed(&in, &changes[i]);
			break;
		case MIRROR_DISOWNED:
			err = disowned(&in, &changes[i]);
			break;
		}
	}
	if (!err && in.seq != before)
		err = state_folder_advance(t, folder, in.seq, NULL);
	return err;
}

/* ---- dates ---- */

static int
by_item(const void *a, const void *b)
{
	int64_t x = ((const struct mirror_date *)a)->item, y = ((const struct mirror_date *)b)->item;

	return x < y ? -1 : x > y;
}

enum err
mirror_take_dates(struct state_txn *t, struct arena *a, int64_t folder, const struct mirror_date *dates, size_t n)
{
	struct mirror_date *sorted = arena_memdup(a, dates, n * sizeof *dates);
	int64_t *ids = arena_array(a, n + 1, sizeof *ids), seq;
	struct state_items rows;
	const char *cursor;
	size_t undated = 0;
	enum err err = sorted && ids ? state_folder_lock(t, a, folder, &seq, &cursor) : ERR_NOMEM;

	if (err)
		return err;
	qsort(sorted, n, sizeof *sorted, by_item);
	for (size_t i = 0; i < n; i++)
		ids[i] = sorted[i].item;
	err = state_items_by_id(t, a, folder, ids, n, &rows);
	for (size_t i = 0; !err && i < rows.n; i++) {
		struct state_item *row = &rows.list[i];
		const struct mirror_date key = { .item = row->id }, *d = bsearch(&key, sorted, n, sizeof *sorted, by_item);

		if (!d || row->date == d->date)
			continue;
		if (row->date != ITEM_DATE_UNKNOWN || strcmp(row->version, d->version) != 0)
			return ERR_CONFLICT;
		row->date = d->date;
		rows.list[undated++] = *row;
	}
	return err || !undated ? err : state_items_save(t, rows.list, undated);
}
