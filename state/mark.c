#include "state/mark.h"

#include <stdlib.h>

#define OPEN_END UINT32_MAX
#define ANSWERS_MAX 32 /* bits of a set of answers */

enum { HOLE = 1, AGAIN = 2 };

struct row {
	int64_t kind, item;
	int64_t from, to;
};

static enum err
read_rows(struct state_txn *t, int64_t collection, struct buf *rows)
{
	struct db_rows r;

	db_query(t, &r, "select kind, item, from_n, to_n from mark where collection = ? order by kind, item, from_n",
		ARGS(I(collection)));
	while (db_next(&r)) {
		struct row row = { .kind = db_int(&r, 0), .item = db_int(&r, 1), .from = db_int(&r, 2),
			.to = db_int(&r, 3) };

		db_add(&r, rows, &row, sizeof row);
	}
	return db_end(&r);
}

static bool
covers(const struct row *row, uint32_t n)
{
	return row->from <= n && n <= row->to;
}

/* The items of one kind that the rows give to answer number n, sorted as the rows are. */
static const int64_t *
items_of(struct arena *a, const struct row *rows, size_t n_rows, int64_t kind, uint32_t n, size_t *n_r)
{
	size_t found = 0;

	for (size_t i = 0; i < n_rows; i++)
		found += rows[i].kind == kind && covers(&rows[i], n);
	int64_t *items = arena_array(a, found, sizeof *items);
	*n_r = 0;
	for (size_t i = 0; items && i < n_rows; i++) {
		if (rows[i].kind == kind && covers(&rows[i], n))
			items[(*n_r)++] = rows[i].item;
	}
	return items;
}

enum err
mark_read(struct state_txn *t, struct arena *a, struct state_collection *c)
{
	AUTO(buf_finish) struct buf buf = { 0 };
	enum err err = read_rows(t, c->id, &buf);

	if (err)
		return err;
	const struct row *rows = (const void *)buf.data;
	size_t n = buf.len / sizeof *rows;
	for (size_t i = 0; i < c->n_answers; i++) {
		struct state_answer *w = &c->answers[i];

		w->pos.holes = items_of(a, rows, n, HOLE, w->n, &w->pos.n_holes);
		w->pos.again = items_of(a, rows, n, AGAIN, w->n, &w->pos.n_again);
		if (!w->pos.holes || !w->pos.again)
			return err_set(t->e, ERR_NOMEM, "out of memory");
	}
	return ERR_OK;
}

int64_t
mark_count(const struct state_collection *c)
{
	int64_t n = 0;

	for (size_t i = 0; i < c->n_answers; i++)
		n += (int64_t)(c->answers[i].pos.n_holes + c->answers[i].pos.n_again);
	return n;
}

/* ---- writing ---- */

/* What one answer, or one stored row, says of an item; sorted, those of one item stand together. */
struct entry {
	int64_t kind, item;
	uint32_t wanted; /* bit i: answer i shall have it */
	uint32_t stored; /* bit i: a row gives it to answer i */
	bool row;
};

static int
compare(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;

	if (x->kind != y->kind)
		return x->kind < y->kind ? -1 : 1;
	return x->item < y->item ? -1 : x->item > y->item;
}

static void
add_wanted(struct buf *entries, int64_t kind, const int64_t *items, size_t n, unsigned bit)
{
	for (size_t i = 0; i < n; i++) {
		struct entry one = { .kind = kind, .item = items[i], .wanted = 1U << bit };

		buf_add(entries, &one, sizeof one);
	}
}

static void
add_stored(struct buf *entries, const struct row *row, const struct state_collection *c)
{
	struct entry one = { .kind = row->kind, .item = row->item, .row = true };

	for (unsigned i = 0; i < c->n_answers; i++) {
		if (covers(row, c->answers[i].n))
			one.stored |= 1U << i;
	}
	buf_add(entries, &one, sizeof one);
}

/* One row per run of answers that have the item. */
static void
add_runs(struct buf *rows, const struct entry *one, const struct state_collection *c)
{
	for (unsigned i = 0; i < c->n_answers; i++) {
		unsigned last = i;

		if (!(one->wanted & 1U << i))
			continue;
		while (last + 1 < c->n_answers && one->wanted & 1U << (last + 1))
			last++;
		struct row row = { .kind = one->kind, .item = one->item, .from = c->answers[i].n,
			.to = last + 1 == c->n_answers ? OPEN_END : c->answers[last].n };

		buf_add(rows, &row, sizeof row);
		i = last;
	}
}

struct changes {
	struct buf gone[AGAIN + 1]; /* by kind: items whose rows go */
	struct buf rows;            /* that come */
};

static void
changes_finish(struct changes *ch)
{
	for (size_t i = 0; i < ARRAY_LEN(ch->gone); i++)
		buf_finish(&ch->gone[i]);
	buf_finish(&ch->rows);
}

static void
compute(struct entry *list, size_t n, const struct state_collection *c, struct changes *ch)
{
	if (n)
		qsort(list, n, sizeof *list, compare);
	for (size_t i = 0, next; i < n; i = next) {
		struct entry all = list[i];

		for (next = i + 1; next < n && compare(&list[i], &list[next]) == 0; next++) {
			all.wanted |= list[next].wanted;
			all.stored |= list[next].stored;
			all.row |= list[next].row;
		}
		/* A row that gives it to no kept answer goes, too. */
		if (all.wanted == all.stored && (all.wanted || !all.row))
			continue;
		if (all.row)
			buf_add(&ch->gone[all.kind == HOLE ? HOLE : AGAIN], &all.item, sizeof all.item);
		add_runs(&ch->rows, &all, c);
	}
}

static enum err
insert(struct state_txn *t, int64_t collection, const struct row *rows, size_t n)
{
	struct db_value v[128 * 5];
	enum err err = ERR_OK;

	for (size_t at = 0, part; !err && at < n; at += part) {
		AUTO(buf_finish) struct buf sql = { 0 };

		part = n - at >= 128 ? 128 : n - at >= 32 ? 32 : n - at >= 8 ? 8 : 1;
		buf_add_str(&sql, "insert into mark (collection, kind, item, from_n, to_n) values ");
		for (size_t i = 0; i < part; i++) {
			const struct row *row = &rows[at + i];
			const struct db_value one[] = { I(collection), I(row->kind), I(row->item), I(row->from),
				I(row->to) };

			buf_add_str(&sql, i ? ", (?, ?, ?, ?, ?)" : "(?, ?, ?, ?, ?)");
			memcpy(v + 5 * i, one, sizeof one);
		}
		const char *text = buf_str(&sql);
		err = text ? db_exec(t, text, v, 5 * part, NULL) : err_set(t->e, ERR_NOMEM, "out of memory");
	}
	return err;
}

static enum err
write_changes(struct state_txn *t, int64_t collection, const struct changes *ch)
{
	enum err err = ERR_OK;

	for (int64_t kind = HOLE; !err && kind <= AGAIN; kind++) {
		const struct db_value fixed[] = { I(collection), I(kind) };
		const struct buf *gone = &ch->gone[kind];

		err = db_exec_ids(t, "delete from mark where collection = ? and kind = ? and item in ", fixed, 2,
			(const void *)gone->data, gone->len / sizeof(int64_t));
	}
	return err ? err : insert(t, collection, (const void *)ch->rows.data, ch->rows.len / sizeof(struct row));
}

enum err
mark_save(struct state_txn *t, const struct state_collection *c)
{
	AUTO(buf_finish) struct buf stored = { 0 };
	AUTO(buf_finish) struct buf entries = { 0 };
	AUTO(changes_finish) struct changes ch = { 0 };

	if (c->n_answers > ANSWERS_MAX)
		return err_set(t->e, ERR_INTERNAL, "%zu answers are kept", c->n_answers);
	enum err err = read_rows(t, c->id, &stored);
	if (err)
		return err;
	for (unsigned i = 0; i < c->n_answers; i++) {
		const struct state_position *pos = &c->answers[i].pos;

		add_wanted(&entries, HOLE, pos->holes, pos->n_holes, i);
		add_wanted(&entries, AGAIN, pos->again, pos->n_again, i);
	}
	for (size_t i = 0; i < stored.len / sizeof(struct row); i++)
		add_stored(&entries, (const struct row *)(const void *)stored.data + i, c);
	compute((struct entry *)(void *)entries.data, entries.len / sizeof(struct entry), c, &ch);
	if (!buf_ok(&entries) || !buf_ok(&ch.gone[HOLE]) || !buf_ok(&ch.gone[AGAIN]) || !buf_ok(&ch.rows))
		return err_set(t->e, ERR_NOMEM, "out of memory");
	return write_changes(t, c->id, &ch);
}
