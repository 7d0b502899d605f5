/* Many mails with few commands: sizes and flags of many in one go, then their texts in batches that are bounded in bytes,
 * so that stopping in the middle costs little and one large mail does not hold up the others. While a batch comes, what
 * there is of it is handed on already: the server goes on reading mails meanwhile. */
#include <stdlib.h>
#include <string.h>

#include "backend/imap/mailbox.h"
#include "base/text.h"

#define BATCH 200 /* mails named by one command: RFC 2683 3.2.1.5 advises against long lines */
#define BYTES_TOGETHER ((uint64_t)2 * 1024 * 1024)

/* One mail that was asked for. */
struct wish {
	uint32_t uid;
	size_t key;     /* index of the caller's key */
	bool told;      /* the callback has had it */
	bool seen;      /* the server knows it */
	bool partial;   /* the server tells of it, but not what was asked for */
	uint64_t size;
};

struct fetching {
	struct backend_session *s;
	struct imap_conn *c;
	const struct backend_fetch *what;
	backend_item_fn fn;
	void *ctx;
	struct arena *a;
	struct wish *wishes;  /* in the caller's order */
	struct wish **sorted; /* by UID */
	size_t n;
	uint64_t max;
	uint64_t given;       /* bytes handed on */
	bool bytes;           /* the texts are being fetched, not the sizes */
};

static int
by_uid(const void *a, const void *b)
{
	uint32_t x = (*(struct wish *const *)a)->uid, y = (*(struct wish *const *)b)->uid;
	return x < y ? -1 : x > y;
}

/* Where the wishes with this UID begin in `sorted`, or n. */
static size_t
find(const struct fetching *f, uint32_t uid)
{
	size_t lo = 0, hi = f->n;
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		if (f->sorted[mid]->uid < uid)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < f->n && f->sorted[lo]->uid == uid ? lo : f->n;
}

static enum err
tell(struct fetching *f, struct wish *w, struct backend_item *item)
{
	w->told = true;
	item->key = f->what->keys[w->key];
	if (!item->version)
		item->version = "";
	return f->fn(f->ctx, item);
}

static enum err
tell_err(struct fetching *f, struct wish *w, enum err err)
{
	struct backend_item item = { .err = err, .date = BACKEND_NO_DATE, .size = w->size };
	return tell(f, w, &item);
}

static bool
complete(const struct fetching *f, const struct imap_fetch *r)
{
	return r->has_flags && r->has_date && (f->c->box.modseq == 0 || r->has_modseq) &&
		(f->bytes ? r->has_body : r->has_size);
}

/* One mail as the server gave it, for each wish with its UID. */
static enum err
deliver(struct fetching *f, const struct imap_fetch *r, size_t i)
{
	for (; i < f->n && f->sorted[i]->uid == r->uid; i++) {
		struct wish *w = f->sorted[i];
		if (w->told)
			continue;
		w->seen = true;
		w->size = f->bytes ? r->body.len : r->size;
		enum err err = ERR_OK;
		if (r->flags & IMAP_FLAG_DELETED) {
			err = tell_err(f, w, ERR_NOTFOUND);
		} else if (f->bytes && r->nil_body) {
			err = tell_err(f, w, ERR_INVALID);
		} else if (w->size > f->max) {
			err = tell_err(f, w, ERR_LIMIT);
		} else if (f->bytes || f->what->want == WANT_META) {
			struct backend_item item = { .err = ERR_OK, .date = r->date, .size = w->size,
				.flags = r->flags };
			item.version = imap_version(f->a, r);
			item.keywords = imap_keywords(f->a, r);
			item.bytes = slice(r->body.ptr, r->body.len);
			f->given += r->body.len;
			err = item.version ? tell(f, w, &item) : ERR_NOMEM;
		}
		if (err)
			return err;
	}
	return ERR_OK;
}

static enum err
on_item(void *ctx, struct imap_response *r)
{
	struct fetching *f = ctx;
	size_t i = r->kind == RESP_FETCH && r->fetch.uid ? find(f, r->fetch.uid) : f->n;
	if (i < f->n && !complete(f, &r->fetch)) {
		for (size_t j = i; j < f->n && f->sorted[j]->uid == r->fetch.uid; j++)
			f->sorted[j]->partial = true;
		return ERR_OK;
	}
	struct arena_mark mark = arena_mark(f->a);
	enum err err = i < f->n ? deliver(f, &r->fetch, i) : ERR_OK;
	arena_rewind(f->a, mark);
	return err;
}

/* Asks for these wishes, which are sorted, by one command. *done_r: how it went. */
static enum err
ask(struct fetching *f, struct wish *const *list, size_t n, struct imap_done *done_r, struct error *e)
{
	struct imap_run run = { .fn = on_item, .ctx = f, .body_max = f->max };
	struct imap_cmd cmd AUTO(imap_cmd_finish) = { .c = f->c };
	imap_cmd_begin(&cmd, f->c, "UID FETCH");
	for (size_t i = 0; i < n; i++) {
		if (i == 0 || list[i]->uid != list[i - 1]->uid)
			imap_cmd_printf(&cmd, "%c%u", i ? ',' : ' ', list[i]->uid);
	}
	imap_cmd_printf(&cmd, " (UID FLAGS INTERNALDATE%s %s)", f->c->box.modseq ? " MODSEQ" : "",
		f->bytes ? "BODY.PEEK[]" : "RFC822.SIZE");
	return imap_cmd_run(&cmd, &run, done_r, e);
}

/* The connection, with the folder selected: again after it was lost to a literal that is too large. */
static enum err
ready(struct fetching *f, struct error *e)
{
	if (f->c && !f->c->dead)
		return ERR_OK;
	return imap_session_select(f->s, f->what->folder, &f->c, e);
}

/* Refused because the server is in trouble, not because of the mail; what it calls a bug of its own goes with the mail. */
static bool
is_trouble(const struct fetching *f, const struct imap_done *done, struct error *e)
{
	return done->status == STATUS_NO && !imap_code_is(done->code, "SERVERBUG") &&
		imap_done_err(f->c, done, "FETCH", ERR_INVALID, e) == ERR_UNAVAILABLE;
}

/* A server that refuses the whole command for the sake of one mail is asked for each by itself. */
static enum err
ask_singly(struct fetching *f, struct wish *const *list, size_t n, struct error *e)
{
	for (size_t i = 0; i < n; i++) {
		struct imap_done done = { .status = STATUS_OK };
		if (list[i]->told)
			continue;
		enum err err = ready(f, e);
		err = err ? err : ask(f, &list[i], 1, &done, e);
		if (err == ERR_LIMIT && f->c->dead)
			err = tell_err(f, list[i], ERR_LIMIT);
		else if (!err && is_trouble(f, &done, e))
			err = ERR_UNAVAILABLE;
		else if (!err && done.status != STATUS_OK && !list[i]->told)
			err = tell_err(f, list[i], ERR_INVALID);
		if (err)
			return err;
	}
	return ERR_OK;
}

static enum err
ask_batch(struct fetching *f, struct wish *const *list, size_t n, struct error *e)
{
	struct imap_done done = { .status = STATUS_OK };
	enum err err = ready(f, e);
	err = err ? err : ask(f, list, n, &done, e);
	bool refused = !err && done.status != STATUS_OK && !imap_code_is(done.code, "EXPUNGEISSUED");
	bool too_large = err == ERR_LIMIT && f->c->dead;
	return refused || too_large ? ask_singly(f, list, n, e) : err;
}

/* How many bytes of texts the caller would take; sizes are always welcome. */
static uint64_t
room(const struct fetching *f)
{
	return f->bytes && f->what->room ? f->what->room(f->ctx) : UINT64_MAX;
}

static bool
is_enough(const struct fetching *f)
{
	return f->given && room(f) == 0;
}

/* The wishes from *at up to `to` that are not told yet, in batches; *at is where it ended: before `to` once there is enough. */
static enum err
ask_all(struct fetching *f, size_t *at, size_t to, struct error *e)
{
	struct wish *batch[BATCH];
	while (*at < to && !is_enough(f)) {
		uint64_t bytes = 0, most = room(f);
		size_t n = 0;
		for (; *at < to; ++*at) {
			struct wish *w = &f->wishes[*at];
			if (w->told || !w->uid || w->seen != f->bytes)
				continue;
			if (f->bytes && n > 0 && (bytes + w->size > BYTES_TOGETHER || bytes >= most))
				break;
			bytes += w->size;
			batch[n++] = w;
		}
		if (n > 1)
			qsort(batch, n, sizeof *batch, by_uid);
		enum err err = n ? ask_batch(f, batch, n, e) : ERR_OK;
		if (err)
			return err;
	}
	return ERR_OK;
}

/* What another connection has seen already, and asks for therefore, this one may have still to be told, if it has the folder open. The NOOP
 * is a step of its own: of commands that are sent together a server may tell of the news after the last (RFC 3501 5.5; Dovecot does). */
static enum err
select_fresh(struct fetching *f, struct error *e)
{
	enum err err = imap_session_conn(f->s, &f->c, e);
	if (err)
		return err;
	const struct imap_box *box = &f->c->box;
	bool untold = box->name && strcmp(box->name, f->what->folder) == 0 && !box->doubted;
	err = imap_session_select(f->s, f->what->folder, &f->c, e);
	return err || !untold ? err : imap_run(f->c, "NOOP", NULL, NULL, e);
}

static enum err
run(struct fetching *f, struct error *e)
{
	enum err err = select_fresh(f, e);
	for (size_t from = 0; from < f->n && !err && !is_enough(f);) {
		size_t to = f->n - from < BATCH ? f->n : from + BATCH, at = from;
		f->bytes = false;
		err = ask_all(f, &at, to, e);
		if (!err && f->what->want == WANT_BYTES) {
			f->bytes = true;
			at = from;
			err = ask_all(f, &at, to, e);
		}
		for (; from < at && !err; from++) {
			struct wish *w = &f->wishes[from];
			if (!w->told)
				err = tell_err(f, w, w->partial ? ERR_INVALID : ERR_NOTFOUND);
		}
	}
	return err;
}

enum err
imap_fetch(struct backend_session *s, const struct backend_fetch *what, backend_item_fn fn, void *ctx, struct error *e)
{
	struct arena *a AUTO(arena_free) = arena_new(0);
	struct fetching f = { .s = s, .what = what, .fn = fn, .ctx = ctx, .a = a, .n = what->n,
		.max = s->b->set.message_max };
	if (what->bytes_max && what->bytes_max < f.max)
		f.max = what->bytes_max;
	f.wishes = a ? arena_array(a, what->n + 1, sizeof *f.wishes) : NULL;
	f.sorted = a ? arena_array(a, what->n + 1, sizeof(struct wish *)) : NULL;
	if (!f.wishes || !f.sorted)
		return err_set(e, ERR_NOMEM, "no memory to fetch mails");
	for (size_t i = 0; i < f.n; i++) {
		f.wishes[i] = (struct wish){ .uid = imap_uid(what->keys[i]), .key = i };
		f.sorted[i] = &f.wishes[i];
	}
	qsort(f.sorted, f.n, sizeof(struct wish *), by_uid);
	return run(&f, e);
}
