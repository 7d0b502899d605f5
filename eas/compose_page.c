#include "eas/compose_page.h"

#include <string.h>

#include "eas/hierarchy.h"
#include "eas/rule.h"

#define MAILS_AT_ONCE 512 /* or as many as the answer has room for: they can be large */
#define ITEMS_AT_ONCE 200
#define LOOKS_MAX 3       /* in one answer, for what is missing */
#define SPARE 16          /* rows read beyond the window, most of which are sent */

void
page_init(struct page *p, struct compose *c)
{
	*p = (struct page){ .c = c, .edge_date = INT64_MIN };
	idset_init(&p->sent, c->r->arena);
}

static struct planned *
new_entry(struct page *p)
{
	if (p->n == p->room) {
		size_t room = p->room ? 2 * p->room : 64;
		struct planned *list = arena_array(p->c->r->arena, room, sizeof *list);

		if (!list) {
			p->failed = true;
			return NULL;
		}
		if (p->n)
			memcpy(list, p->list, p->n * sizeof *list);
		p->list = list;
		p->room = room;
	}
	return &p->list[p->n++];
}

void
page_add(struct page *p, enum compose_kind kind, const struct state_item *row, unsigned after)
{
	struct planned *x = new_entry(p);

	if (!x)
		return;
	*x = (struct planned){ .kind = kind, .after = after, .send = true, .row = *row };
	if (row->id == p->c->aside && (kind == COMPOSE_ADD || kind == COMPOSE_CHANGE)) {
		x->fetched = true;
		x->err = ERR_DENIED;
		x->why = "the device fails at it";
	}
}

void
page_pass(struct page *p, const struct state_item *row, unsigned after)
{
	struct planned *x = new_entry(p);

	if (x)
		*x = (struct planned){ .after = after, .row = *row };
}

void
page_step(struct page *p, enum page_after what, int64_t to, int64_t id)
{
	struct planned *x = new_entry(p);

	if (x)
		*x = (struct planned){ .after = what, .row = { .date = to, .seq = to, .id = id } };
}

/* How many more the window takes. */
static size_t
room(const struct page *p)
{
	return p->c->n < p->c->window ? p->c->window - p->c->n : 0;
}

size_t
page_reach(const struct page *p)
{
	return p->outside ? ITEMS_AT_ONCE : room(p) + SPARE;
}

struct reading {
	struct compose *c;
	int64_t id;
	struct state_items *rows;
};

static enum err
read_row(struct state_txn *t, void *arg, struct error *e)
{
	struct reading *in = arg;

	(void)e;
	return state_items_by_id(t, in->c->r->arena, in->c->folder->id, &in->id, 1, in->rows);
}

enum err
page_read_row(struct compose *c, int64_t id, struct state_items *rows_r, struct error *e)
{
	struct reading in = { c, id, rows_r };

	return state_run(c->r->server->state, STATE_READ, read_row, &in, e);
}

/* ---- fetching and rendering ---- */

/* All of it, or what can change alone? An edit that was refused is put back in full; of a draft (16.x) everything can
 * change. */
static bool
is_whole(const struct page *p, const struct planned *x)
{
	return x->kind == COMPOSE_ADD || (x->after & PAGE_FORCED) || p->c->folder->type == TYPE_DRAFTS;
}

static enum backend_want
want_of(const struct page *p, const struct planned *x)
{
	return is_whole(p, x) ? WANT_BYTES : p->c->class->change_want;
}

static bool
needs_fetch(const struct planned *x)
{
	return x->send && (x->kind == COMPOSE_ADD || x->kind == COMPOSE_CHANGE) && !x->fetched;
}

struct batch {
	struct page *p;
	struct planned **list;
	size_t n;
	size_t room;            /* what the window still takes; at least one */
	size_t kept;            /* of those without a date: rendered to be sent */
	enum backend_want want;
	uint64_t given, rendered; /* bytes that the items had, and what became of them */
};

/* Why it is left out: for the admin. */
static void
tell_why(struct planned *x, struct arena *a, enum err err, const char *detail)
{
	const char *why = err == ERR_LIMIT ? "too large, or over a limit of cpush"
		: err == ERR_DENIED ? "the server does not give it"
		: "it cannot be translated";

	x->why = *detail ? arena_printf(a, "%s: %s", why, detail) : why;
}

/* One element as it follows an AirSync page; the bytes live in the arena. */
static enum err
render(struct page *p, struct planned *x, const struct backend_item *item)
{
	struct compose *c = p->c;
	AUTO(buf_finish) struct buf out = { 0 };
	struct wbxml_writer w;
	struct arena_mark mark = arena_mark(c->r->arena);
	struct error e = { 0 };
	char id[ID_MAX];
	enum err err;

	buf_init(&out, c->r->reply.body.max);
	wbxml_begin_piece(&w, &out);
	wbxml_start(&w, x->kind == COMPOSE_ADD ? AirSync_Add : AirSync_Change);
	wbxml_put(&w, AirSync_ServerId, id_item(c->folder->id, x->row.id, id));
	wbxml_start(&w, AirSync_ApplicationData);
	err = c->class->render(&c->view, c->r->arena, item, id, is_whole(p, x) ? RENDER_ADD : RENDER_CHANGE, &w, &e);
	if (err) {
		arena_rewind(c->r->arena, mark);
		if (err == ERR_NOMEM)
			err = ERR_LIMIT; /* larger than one request may be: it is the item's fault */
		if (err == ERR_UNSUPPORTED)
			return err;
		tell_why(x, c->r->arena, err, e.text);
		log_warn(&c->r->log, "item %s (%s) is left out: %s", id, x->row.key,
			e.text[0] ? e.text : err_name(err));
		return err;
	}
	wbxml_end(&w);
	wbxml_end(&w);
	arena_rewind(c->r->arena, mark);
	if (!buf_ok(&out))
		return ERR_LIMIT;
	x->page_after = w.page;
	x->rendered = slice(arena_memdup(c->r->arena, out.data, out.len), out.len);
	return x->rendered.ptr ? ERR_OK : ERR_NOMEM;
}

static enum err
note_date(struct page *p, const struct state_item *row)
{
	if (p->n_dates == p->dates_room) {
		size_t room = p->dates_room ? 2 * p->dates_room : 128;
		struct mirror_date *list = arena_array(p->c->r->arena, room, sizeof *list);

		if (!list)
			return ERR_NOMEM;
		if (p->n_dates)
			memcpy(list, p->dates, p->n_dates * sizeof *list);
		p->dates = list;
		p->dates_room = room;
	}
	p->dates[p->n_dates++] = (struct mirror_date){ .item = row->id, .version = row->version, .date = row->date };
	return ERR_OK;
}

/* The first time that anybody fetches it: now it is known whether it lies inside. */
static enum err
take_undated(struct batch *b, struct planned *x, const struct backend_item *item)
{
	struct page *p = b->p;
	struct item_dating dating = { .from = p->edge_date + (x->row.id < p->edge_id), .date = ITEM_DATE_NEVER };
	enum err err;

	x->err = item->err;
	if (x->err == ERR_NOTFOUND)
		return ERR_OK; /* nothing is known of its date either */
	p->c->view.dating = &dating;
	if (!x->err && b->kept < b->room) {
		x->err = render(p, x, item);
	} else if (!x->err) {
		dating.date = p->c->class->date(p->c->r->arena, item->bytes);
		x->fetched = false;
		x->later = true;
	}
	p->c->view.dating = NULL;
	x->row.date = dating.date;
	x->send = dating.date >= dating.from;
	b->kept += x->send && x->fetched;
	p->outside = p->outside || !x->send;
	err = note_date(p, &x->row);
	return err ? err : x->err == ERR_NOMEM ? ERR_NOMEM : ERR_OK;
}

static enum err
take_item(void *ctx, const struct backend_item *item)
{
	struct batch *b = ctx;

	for (size_t i = 0; i < b->n; i++) {
		struct planned *x = b->list[i];

		if (x->fetched || strcmp(x->row.key, item->key) != 0)
			continue;
		x->fetched = true;
		if (x->row.date == ITEM_DATE_UNKNOWN)
			return take_undated(b, x, item);
		x->err = item->err ? item->err : render(b->p, x, item);
		b->given += item->bytes.len;
		b->rendered += x->rendered.len;
		return x->err == ERR_NOMEM ? ERR_NOMEM : ERR_OK;
	}
	return ERR_OK;
}

enum err
compose_identify(struct eas_request *r, struct item_view *view, struct error *e)
{
	struct backend_identity id = { 0 };
	enum err err = view->address ? ERR_OK : account_identity(r->account, r->arena, &id, e);

	if (err == ERR_BUSY || view->address)
		return err;
	if (err)
		id = (struct backend_identity){ 0 };
	view->address = id.address ? id.address : "";
	view->name = id.name ? id.name : "";
	return ERR_OK;
}

/* How many more bytes of items fit into the answer, if the next ones shrink (or do not) like those before. */
static uint64_t
room_left(void *ctx)
{
	const struct batch *b = ctx;
	const struct compose *c = b->p->c;
	uint64_t taken = c->out->len + b->rendered, left = taken < c->bytes ? c->bytes - taken : 0;

	return b->rendered && b->given > b->rendered ? left * (b->given / b->rendered) : left;
}

static enum err
fetch_batch(struct batch *b, struct error *e)
{
	struct compose *c = b->p->c;
	const char **keys = arena_array(c->r->arena, b->n, sizeof *keys);
	bool mail = c->class->class == BACKEND_MAIL;
	struct backend_fetch what = { .folder = c->folder->key, .keys = keys, .n = b->n, .want = b->want,
		.bytes_max = mail ? c->r->server->config->mail_bytes_max : c->r->server->config->item_bytes_max,
		.room = room_left };
	enum err err;

	if (!keys)
		return ERR_NOMEM;
	for (size_t i = 0; i < b->n; i++)
		keys[i] = b->list[i]->row.key;
	err = compose_identify(c->r, &c->view, e);
	if (!err)
		err = account_fetch(c->r->account, &what, take_item, b, e);
	if (!err && !b->list[0]->fetched && !b->list[0]->later) { /* the module forgot it: not the item's fault, but nothing to send */
		b->list[0]->fetched = true;
		b->list[0]->err = ERR_NOTFOUND;
	}
	return err;
}

/* Fetches what entry i needs, together with what the next ones need of the same kind, as far as the window reaches. Where items without a
 * date turn out to lie outside, many are fetched at once, to have their dates: who knows how many it takes to fill the window. */
static enum err
fetch_from(struct page *p, size_t i, struct error *e)
{
	size_t at_once = p->c->class->class == BACKEND_MAIL ? MAILS_AT_ONCE : ITEMS_AT_ONCE;
	struct batch b = { .p = p, .want = want_of(p, &p->list[i]), .room = room(p) ? room(p) : 1 };
	size_t dated = 0;

	b.list = arena_array(p->c->r->arena, at_once, sizeof *b.list);
	if (!b.list)
		return ERR_NOMEM;
	for (; i < p->n && b.n < at_once && (p->outside ? dated : b.n) < b.room; i++) {
		if (!needs_fetch(&p->list[i]) || want_of(p, &p->list[i]) != b.want)
			continue;
		p->list[i].later = false;
		dated += p->list[i].row.date != ITEM_DATE_UNKNOWN;
		b.list[b.n++] = &p->list[i];
	}
	return fetch_batch(&b, e);
}

static bool
is_missing(const struct planned *x)
{
	return x->send && x->fetched && x->err == ERR_NOTFOUND && !x->listed && !x->gone;
}

/* What is not there is gone since somebody looked, or new and not to be had yet. A look tells; what it does not take away is fetched once more. */
static enum err
look_for_missing(struct page *p, size_t i, struct error *e)
{
	struct compose *c = p->c;
	struct state_items rows;
	enum err err = mirror_refresh(c->r->server, c->r->account, c->folder, &c->r->log, e);

	p->looks++;
	for (; !err && i < p->n; i++) {
		struct planned *x = &p->list[i];

		if (!is_missing(x))
			continue;
		err = page_read_row(c, x->row.id, &rows, e);
		x->listed = !err && rows.n && !rows.list[0].deleted;
		x->gone = !x->listed;
		if (x->listed) {
			x->fetched = false;
			x->err = ERR_OK;
		}
	}
	return err;
}

/* More than once where it came behind others, for its date alone, or was missing. */
static enum err
fetch_entry(struct page *p, size_t i, struct error *e)
{
	struct planned *x = &p->list[i];
	enum err err = ERR_OK;

	while (!err && (needs_fetch(x) || (is_missing(x) && p->looks < LOOKS_MAX))) {
		err = needs_fetch(x) ? fetch_from(p, i, e) : look_for_missing(p, i, e);
		if (err != ERR_BUSY && err != ERR_NOMEM && x->fetched && !is_missing(x))
			err = ERR_OK;
	}
	return err;
}

/* ---- writing ---- */

static void
write_small(struct compose *c, const struct planned *x)
{
	struct wbxml_writer w;
	char id[ID_MAX];

	wbxml_begin_piece(&w, c->out);
	wbxml_start(&w, x->kind == COMPOSE_DELETE ? AirSync_Delete : AirSync_SoftDelete);
	wbxml_put(&w, AirSync_ServerId, id_item(c->folder->id, x->row.id, id));
	wbxml_end(&w);
}

static void
back_to_airsync(struct compose *c)
{
	if (c->page_after == WBXML_PAGE_AirSync)
		return;
	buf_add(c->out, (const unsigned char[]){ 0x00, WBXML_PAGE_AirSync }, 2);
	c->page_after = WBXML_PAGE_AirSync;
}

/* True if it was sent. */
static bool
write_entry(struct compose *c, const struct planned *x)
{
	if (x->kind == COMPOSE_ADD || x->kind == COMPOSE_CHANGE) {
		if (x->err)
			return false;
		back_to_airsync(c);
		buf_add_slice(c->out, x->rendered);
		c->page_after = x->page_after;
		c->last = x->row.id;
	} else {
		back_to_airsync(c);
		write_small(c, x);
	}
	c->n++;
	return true;
}

static void
move_position(struct compose *c, const struct planned *x, bool sent)
{
	struct position *p = &c->pos;
	const struct state_item *row = &x->row;

	if (x->after & PAGE_CUT) {
		p->cut_date = row->date;
		p->cut_id = row->id + 1;
	}
	if (x->after & PAGE_CUT_DOWN) {
		p->cut_date = row->date;
		p->cut_id = row->id;
	}
	if ((x->after & PAGE_C) && row->seq > p->c)
		p->c = row->seq;
	if ((x->after & PAGE_A) && row->created_seq > p->a)
		p->a = row->created_seq;
	if ((x->after & PAGE_AGAIN) && idset_has(&p->again, row->id)) {
		idset_remove(&p->again, row->id);
		idset_add(&c->told, row->id);
	}
	if (x->send && !sent && RULE(HOLES)) { /* and is not to be met again: a Ping would name the folder for it each time */
		if (x->after & PAGE_HOLE)
			idset_add(&p->holes, row->id);
		c->moved = true;
	}
	if (sent && (x->after & (PAGE_FILLS | PAGE_HOLE)) && idset_has(&p->holes, row->id)) {
		idset_remove(&p->holes, row->id);
		c->moved = true;
	}
	if (sent && (x->after & PAGE_TOLD))
		idset_add(&c->told, row->id);
	if (x->after & PAGE_CUT_TO) {
		p->cut_date = row->date;
		p->cut_id = row->id;
	}
	if ((x->after & PAGE_C_TO) && row->seq > p->c)
		p->c = row->seq;
	if ((x->after & PAGE_A_TO) && row->seq > p->a)
		p->a = row->seq;
}

/* An item that was set aside: the admin can list it. */
struct aside {
	struct compose *c;
	const struct planned *x;
};

static enum err
save_aside(struct state_txn *t, void *arg, struct error *e)
{
	struct aside *in = arg;
	int64_t device = in->x->row.id == in->c->aside ? in->c->r->device.id : 0;

	(void)e;
	return state_trouble_save(t, in->c->folder->id, device, in->x->row.key, in->x->row.version, in->x->why);
}

static void
set_aside(struct compose *c, struct planned *x)
{
	struct aside in = { c, x };
	struct error e = { 0 };

	if (x->err == ERR_NOTFOUND && !x->listed)
		return; /* gone before it was fetched */
	if (x->err == ERR_UNSUPPORTED)
		return; /* no item for phones: nothing is wrong with it */
	if (x->err == ERR_NOTFOUND)
		x->why = "its server lists it, and does not give it";
	if (!x->why)
		tell_why(x, c->r->arena, x->err, "");
	if (x->row.id == c->aside)
		c->left_aside = true;
	if (state_run(c->r->server->state, STATE_WRITE, save_aside, &in, &e))
		log_warn(&c->r->log, "%s", e.text);
}

static enum err
has_trouble(struct state_txn *t, void *arg, struct error *e)
{
	struct compose *c = arg;

	(void)e;
	return state_has_trouble(t, c->folder->id, &c->troubled);
}

static enum err
clear_trouble(struct state_txn *t, void *arg, struct error *e)
{
	struct page *p = arg;
	struct compose *c = p->c;
	enum err err = ERR_OK;

	(void)e;
	for (size_t i = 0; !err && i < p->n; i++) {
		if (p->list[i].went)
			err = state_trouble_clear(t, c->folder->id, c->r->device.id, p->list[i].row.key);
	}
	return err;
}

/* What goes out now is not set aside any more. Folders where anything is are few. */
static void
clear_delivered(struct page *p)
{
	struct compose *c = p->c;
	struct error e = { 0 };
	bool any = false;
	enum err err;

	for (size_t i = 0; i < p->n && !any; i++)
		any = p->list[i].went;
	if (!any)
		return;
	err = state_run(c->r->server->state, STATE_READ, has_trouble, c, &e);
	if (!err && c->troubled)
		err = state_run(c->r->server->state, STATE_WRITE, clear_trouble, p, &e);
	if (err)
		log_warn(&c->r->log, "%s", e.text);
}

static enum err
save_dates(struct state_txn *t, void *arg, struct error *e)
{
	const struct page *p = arg;
	const struct compose *c = p->c;

	(void)e;
	return mirror_take_dates(t, c->r->arena, c->folder->id, p->dates, p->n_dates);
}

static bool
is_full(const struct compose *c, const struct planned *x)
{
	if (x->after & PAGE_FORCED)
		return false;
	return c->n >= c->window || (c->n > 0 && c->out->len >= c->bytes);
}

/* What became of an item since its Add or Change was written, in this very answer, goes into the next one: phones look the id up when they
 * read a Delete or a Change, and store an Add once they have read all. */
static bool
ends_before(const struct page *p, const struct planned *x)
{
	return x->send && (is_full(p->c, x) || (!(x->after & PAGE_FORCED) && idset_has(&p->sent, x->row.id)));
}

static enum err
count_dry(struct page *p)
{
	struct compose *c = p->c;

	for (size_t i = 0; i < p->n; i++) {
		struct planned *x = &p->list[i];

		if (x->send && x->kind == COMPOSE_ADD)
			c->n_adds++;
		else if (x->send && x->kind != COMPOSE_SOFT)
			c->n_changes++;
		c->n += x->send;
		move_position(c, x, true);
	}
	p->n = 0;
	return ERR_OK;
}

enum err
page_flush(struct page *p, struct error *e)
{
	struct compose *c = p->c;

	if (p->failed)
		return ERR_NOMEM;
	if (c->dry)
		return count_dry(p);
	for (size_t i = 0; i < p->n; i++) {
		struct planned *x = &p->list[i];
		bool sent = false;

		if (ends_before(p, x)) {
			c->more = true;
			break;
		}
		enum err err = fetch_entry(p, i, e);

		if (err == ERR_BUSY || err == ERR_NOMEM)
			return err;
		if (err) {
			log_warn(&c->r->log, "%s; the answer ends before what could not be fetched", e->text);
			c->backend_failed = true;
			mirror_doubt(c->folder);
			break;
		}
		if (x->send) {
			sent = write_entry(c, x);
			x->went = sent && x->fetched;
			if (x->went)
				idset_add(&p->sent, x->row.id);
			if (!sent)
				set_aside(c, x);
		}
		move_position(c, x, sent);
	}
	clear_delivered(p);
	if (p->n_dates) {
		enum err err = state_run(c->r->server->state, STATE_WRITE, save_dates, p, e);

		if (err)
			return err;
	}
	p->n = p->n_dates = 0;
	return buf_ok(c->out) && !p->sent.failed ? ERR_OK : ERR_NOMEM;
}
