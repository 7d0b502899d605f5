/* What changed in a folder. The cursor says what it stands for, so any session can go on with it:
 *
 *   s1 VALIDITY UIDNEXT MODSEQ MESSAGES          everything up to here is told
 *   l1 VALIDITY UIDNEXT MODSEQ MESSAGES BELOW    a listing that began there; mails with UIDs below BELOW are still to
 *   come
 *
 * With QRESYNC (RFC 7162) one UID FETCH tells of changes and of what vanished. With CONDSTORE alone it tells of
 * changes, and the number of messages shows whether anything vanished: then, and where there is no MODSEQ at all,
 * everything is listed.
 */
#include <stdlib.h>
#include <string.h>

#include "backend/imap/mailbox.h"
#include "base/text.h"

#define PART_MIN 10
#define PART_MAX 5000
/* A delta that names more than that becomes a listing, which comes in parts. */
#define DELTA_MAX 4000
#define VANISHED_MAX 20000
/* Milliseconds after which a mailbox is selected anew: not every server tells a connection that has it open that it was
 * deleted and made anew meanwhile. */
#define OPEN_MAX 10000
#define JUST_NOW 100 /* ms since a SELECT that answer for the next call, too */

struct cursor {
	bool listing;
	uint64_t validity, uidnext, modseq, messages, below;
};

struct looking {
	struct imap_conn *c;
	struct arena *a;
	struct backend_changes *out;
	struct cursor from, now;
	size_t cap;
	uint64_t arrived;  /* mails of the delta that are new */
	uint32_t lowest;   /* UID seen in a part of a listing */
	bool too_many;
	bool listing;
};

static bool
cursor_parse(const char *text, struct cursor *k)
{
	*k = (struct cursor){ .listing = false };
	if (!text || (strncmp(text, "s1 ", 3) != 0 && strncmp(text, "l1 ", 3) != 0))
		return false;
	k->listing = text[0] == 'l';
	uint64_t *const fields[] = { &k->validity, &k->uidnext, &k->modseq, &k->messages, &k->below };
	size_t want = k->listing ? 5 : 4;
	text += 3;
	for (size_t i = 0; i < want; i++) {
		char number[24];
		size_t n = strcspn(text, " ");
		if (n == 0 || n >= sizeof number)
			return false;
		memcpy(number, text, n);
		number[n] = '\0';
		if (!text_to_u64(number, fields[i]) || (text[n] == '\0') != (i + 1 == want))
			return false;
		text += n + (text[n] == ' ');
	}
	return true;
}

static enum err
cursor_give(struct looking *l, const struct cursor *k, struct error *e)
{
	unsigned long long v[] = { k->validity, k->uidnext, k->modseq, k->messages, k->below };
	l->out->cursor = k->listing ? arena_printf(l->a, "l1 %llu %llu %llu %llu %llu", v[0], v[1], v[2], v[3], v[4])
	                            : arena_printf(l->a, "s1 %llu %llu %llu %llu", v[0], v[1], v[2], v[3]);
	return l->out->cursor ? ERR_OK : err_set(e, ERR_NOMEM, "no memory");
}

static struct backend_change *
add(struct looking *l, uint32_t uid)
{
	struct backend_changes *o = l->out;
	if (o->n == l->cap) {
		size_t cap = l->cap ? l->cap * 2 : 64;
		struct backend_change *more = arena_array(l->a, cap, sizeof *more);
		if (!more)
			return NULL;
		if (o->n > 0)
			memcpy(more, o->list, o->n * sizeof *more);
		o->list = more;
		l->cap = cap;
	}
	struct backend_change *ch = &o->list[o->n];
	*ch = (struct backend_change){ .key = arena_printf(l->a, "%u", uid), .date = BACKEND_NO_DATE };
	if (!ch->key)
		return NULL;
	o->n++;
	return ch;
}

static enum err
add_gone(struct looking *l, const struct imap_uidset *set)
{
	uint64_t end = l->c->box.uidnext;
	if (imap_uidset_count(set) > UINT32_MAX)
		l->too_many = true;
	for (size_t i = 0; i < set->n && !l->too_many; i++) {
		/* Servers may name UIDs that never were, but none that are still to come matters. */
		for (uint64_t uid = set->list[i].lo; uid <= set->list[i].hi && uid < end; uid++) {
			if (l->out->n > VANISHED_MAX) {
				l->too_many = true;
				return ERR_OK;
			}
			struct backend_change *ch = add(l, (uint32_t)uid);
			if (!ch)
				return ERR_NOMEM;
			ch->gone = true;
		}
	}
	return ERR_OK;
}

static enum err
on_change(void *ctx, struct imap_response *r)
{
	struct looking *l = ctx;
	const struct imap_fetch *f = &r->fetch;
	if (r->kind == RESP_VANISHED)
		return r->earlier || !l->listing ? add_gone(l, &r->set) : ERR_OK;
	if (r->kind != RESP_FETCH || !f->uid || !f->has_flags || l->too_many)
		return ERR_OK;
	/* Something else than an answer to us: the flags of a mail that changed just now. It comes again. */
	if (!f->has_date || (l->c->box.modseq && !f->has_modseq))
		return ERR_OK;
	if (l->listing && f->uid < l->lowest)
		l->lowest = f->uid;
	bool gone = (f->flags & IMAP_FLAG_DELETED) != 0;
	if (l->listing && (gone || f->uid >= l->now.below))
		return ERR_OK;
	if (f->uid >= l->from.uidnext && f->uid < l->now.uidnext)
		l->arrived++;
	if (!l->listing && l->out->n >= DELTA_MAX) {
		l->too_many = true;
		return ERR_OK;
	}
	struct backend_change *ch = add(l, f->uid);
	if (!ch)
		return ERR_NOMEM;
	ch->gone = gone;
	ch->date = f->date;
	ch->version = gone ? NULL : imap_version(l->a, f);
	return gone || ch->version ? ERR_OK : ERR_NOMEM;
}

static enum err
fetch_changes(struct looking *l, struct imap_cmd *cmd, struct error *e)
{
	struct imap_run run = { .fn = on_change, .ctx = l };
	struct imap_done done;
	enum err err = imap_cmd_run(cmd, &run, &done, e);
	if (err == ERR_NOMEM)
		return err_set(e, ERR_NOMEM, "no memory for the changes of a folder");
	return err ? err : imap_done_err(l->c, &done, "FETCH", ERR_UNAVAILABLE, e);
}

/* The delta by MODSEQ. *whole_r: it does not do, list everything. */
static enum err
delta(struct looking *l, bool *whole_r, struct error *e)
{
	struct imap_cmd cmd AUTO(imap_cmd_finish) = { .c = l->c };
	imap_cmd_begin(&cmd, l->c, "UID FETCH");
	/* Not 1:*, which ends with the last mail that is still there: what vanished behind it is not asked for then. */
	imap_cmd_printf(&cmd, " 1:%u (UID FLAGS INTERNALDATE) (CHANGEDSINCE %llu%s)", UINT32_MAX,
		(unsigned long long)l->from.modseq, l->c->qresync ? " VANISHED" : "");
	enum err err = fetch_changes(l, &cmd, e);
	if (err)
		return err;
	*whole_r = l->too_many || (!l->c->qresync && l->now.messages != l->from.messages + l->arrived);
	return *whole_r ? ERR_OK : cursor_give(l, &l->now, e);
}

static enum err
on_count(void *ctx, struct imap_response *r)
{
	if (r->kind == RESP_SEARCH)
		*(uint64_t *)ctx = r->has_count ? r->count : imap_uidset_count(&r->set);
	return ERR_OK;
}

/* How many messages have UIDs below; they are the first so many by sequence number. */
static enum err
count_below(struct looking *l, uint64_t *n_r, struct error *e)
{
	const struct imap_box *box = &l->c->box;
	if (box->part_uid == l->now.below && box->part_expunges == box->expunges) {
		*n_r = box->part_seq - 1;
		return ERR_OK;
	}
	*n_r = 0;
	if (l->now.below <= 1 || box->exists == 0)
		return ERR_OK;
	struct imap_run run = { .fn = on_count, .ctx = n_r };
	struct imap_done done;
	struct imap_cmd cmd AUTO(imap_cmd_finish) = { .c = l->c };
	imap_cmd_begin(&cmd, l->c, l->c->caps & CAP_ESEARCH ? "SEARCH RETURN (COUNT)" : "SEARCH");
	imap_cmd_printf(&cmd, " UID 1:%llu", (unsigned long long)l->now.below - 1);
	enum err err = imap_cmd_run(&cmd, &run, &done, e);
	err = err ? err : imap_done_err(l->c, &done, "SEARCH", ERR_UNAVAILABLE, e);
	if (!err && *n_r > box->exists)
		err = imap_conn_fail(l->c, ERR_PEER, "SEARCH finds more mails than there are", e);
	return err;
}

static int
newest_first(const void *a, const void *b)
{
	const struct backend_change *x = a, *y = b;
	uint32_t u = imap_uid(x->key), v = imap_uid(y->key);
	return u < v ? 1 : u > v ? -1 : 0;
}

/* One part, by sequence numbers: UIDs may have any gaps. Between counting and fetching no server may expunge. */
static enum err
list_part(struct looking *l, size_t part, struct error *e)
{
	struct imap_box *box = &l->c->box;
	uint64_t n;
	enum err err = count_below(l, &n, e);
	if (err)
		return err;
	l->out->listing = true;
	l->listing = true;
	struct cursor next = l->now;
	uint64_t first = n > part ? n - part + 1 : 1;
	if (n > 0) {
		struct imap_cmd cmd AUTO(imap_cmd_finish) = { .c = l->c };
		l->lowest = UINT32_MAX;
		imap_cmd_begin(&cmd, l->c, "FETCH");
		imap_cmd_printf(&cmd, " %llu:%llu (UID FLAGS INTERNALDATE%s)", (unsigned long long)first,
			(unsigned long long)n,
			box->modseq ? " MODSEQ" : "");
		unsigned expunges = box->expunges;
		if ((err = fetch_changes(l, &cmd, e)))
			return err;
		if (l->lowest >= l->now.below)
			return imap_conn_fail(l->c, ERR_PEER, "FETCH tells of no mail where there are some", e);
		next.below = l->lowest;
		box->part_uid = l->lowest;
		box->part_seq = (uint32_t)first;
		box->part_expunges = expunges;
		qsort(l->out->list, l->out->n, sizeof *l->out->list, newest_first);
	}
	next.listing = first > 1 && n > 0;
	l->out->more = next.listing;
	return cursor_give(l, &next, e);
}

static enum err
list_begin(struct looking *l, bool reset, size_t part, struct error *e)
{
	*l->out = (struct backend_changes){ .reset = reset };
	l->cap = 0;
	l->too_many = false;
	l->now.listing = true;
	l->now.below = l->now.uidnext;
	l->c->box.part_uid = 0;
	return list_part(l, part, e);
}

static struct cursor
box_cursor(const struct imap_box *box)
{
	return (struct cursor){ .validity = box->validity, .uidnext = box->uidnext, .modseq = box->modseq,
		.messages = box->exists };
}

/* Nothing new, by a STATUS that spares the SELECT? */
static enum err
same_by_status(struct looking *l, const char *folder, bool *same_r, struct error *e)
{
	struct imap_counts n;
	enum err err = imap_status(l->c, folder, &n, e);
	*same_r = !err && n.has & 16 && n.modseq == l->from.modseq && n.uidnext == l->from.uidnext &&
		n.uidvalidity == l->from.validity && n.messages == l->from.messages;
	return err;
}

/* The mailbox is selected, and nothing was told of it since? A NOOP brings what there is to tell (RFC 3501 6.1.2) and spares
 * the SELECT, for which some servers read the whole mailbox anew: each window of a first sync would cost that. */
static enum err
same_by_noop(struct looking *l, bool *same_r, struct error *e)
{
	const struct imap_box *box = &l->c->box;
	struct imap_done done;
	*same_r = false;
	bool same = box->validity == l->from.validity && box->uidnext == l->from.uidnext && box->modseq == l->from.modseq &&
		box->exists == l->from.messages;
	if (!same || box->news || imap_now() - box->opened > OPEN_MAX)
		return ERR_OK;
	enum err err = imap_run(l->c, "NOOP", NULL, &done, e);
	*same_r = !err && done.status == STATUS_OK && !box->news;
	return err;
}

static enum err
look(struct looking *l, const char *folder, bool known, size_t part, struct error *e)
{
	struct imap_conn *c = l->c;
	bool selected = c->box.name && strcmp(c->box.name, folder) == 0;
	if (known && !l->from.listing && l->from.modseq && c->condstore) {
		bool same;
		enum err err = selected ? same_by_noop(l, &same, e) : same_by_status(l, folder, &same, e);
		if (err || same) {
			l->now = l->from;
			return err ? err : cursor_give(l, &l->from, e);
		}
	}
	/* Going on with a listing needs no news. */
	enum err err = imap_select(c, folder, !known || !l->from.listing, e);
	if (err)
		return err;
	l->now = box_cursor(&c->box);
	bool reset = known && l->from.validity != c->box.validity;
	if (known && !reset && l->from.listing && (l->from.modseq != 0) == (c->box.modseq != 0)) {
		l->now = l->from;
		return list_part(l, part, e);
	}
	if (known && !reset && c->box.guessed && l->now.uidnext < l->from.uidnext)
		l->now.uidnext = l->from.uidnext;
	/* A UIDNEXT or MODSEQ that went back belongs to another life of the mailbox. */
	if (!known || reset || l->from.listing || !l->from.modseq || !l->now.modseq ||
		l->now.uidnext < l->from.uidnext ||
		l->now.modseq < l->from.modseq)
		return list_begin(l, reset || (known && l->now.uidnext < l->from.uidnext), part, e);
	if (l->now.modseq == l->from.modseq && l->now.uidnext == l->from.uidnext && l->now.messages == l->from.messages)
		return cursor_give(l, &l->now, e);
	bool whole;
	err = delta(l, &whole, e);
	return err || !whole ? err : list_begin(l, false, part, e);
}

enum err
imap_changes(struct backend_session *s, struct arena *a, const char *folder, const char *cursor, size_t part,
	struct backend_changes *c_r, struct error *e)
{
	*c_r = (struct backend_changes){ .n = 0 };
	struct looking l = { .a = a, .out = c_r };
	bool known = cursor_parse(cursor, &l.from);
	enum err err = imap_session_conn(s, &l.c, e);
	if (part == 0)
		part = 1000;
	part = part < PART_MIN ? PART_MIN : part > PART_MAX ? PART_MAX : part;
	err = err ? err : look(&l, folder, known, part, e);
	if (!err && !c_r->more)
		imap_session_saw(s, folder, l.now.validity, l.now.modseq);
	return err;
}

/* This session may never have asked, or before another one did. And it may have the mailbox open: Dovecot then says nothing of one that took
 * its name meanwhile, and does there what is asked for the old mails. */
void
imap_known(struct backend_session *s, const char *folder, const char *cursor)
{
	struct cursor k;
	if (s->cmd && s->cmd->box.name && imap_now() - s->cmd->box.opened > JUST_NOW)
		s->cmd->box.doubted = true;
	if (cursor_parse(cursor, &k) && !imap_session_saw_life(s, folder, k.validity))
		imap_session_saw(s, folder, k.validity, k.listing ? 0 : k.modseq);
}
