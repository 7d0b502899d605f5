#include "eas/mail_lookup.h"

#include <string.h>

#include "base/text.h"
#include "eas/hierarchy.h"

struct query {
	struct eas_request *r;
	int64_t folder, item;
	unsigned type;
	struct lookup *l;
};

static enum err
read_item(struct state_txn *t, void *arg, struct error *e)
{
	struct query *q = arg;
	struct state_items items = { 0 };
	enum err err = state_folder(t, q->r->arena, q->r->device.user, q->folder, &q->l->folder);

	(void)e;
	if (err || !q->item)
		return err;
	err = state_items_by_id(t, q->r->arena, q->folder, &q->item, 1, &items);
	if (err)
		return err;
	if (items.n == 0 || items.list[0].deleted)
		return ERR_NOTFOUND;
	q->l->item = items.list[0];
	return ERR_OK;
}

static enum err
read_typed(struct state_txn *t, void *arg, struct error *e)
{
	struct query *q = arg;
	struct state_folder *list;
	int64_t seq;
	size_t n;
	enum err err = state_folders(t, q->r->arena, q->r->device.user, 0, &list, &n, &seq);

	(void)e;
	for (size_t i = 0; !err && i < n; i++) {
		if (!list[i].deleted && list[i].type == q->type && !text_starts(list[i].key, HIERARCHY_OWN)) {
			q->l->folder = list[i];
			return ERR_OK;
		}
	}
	return err ? err : ERR_NOTFOUND;
}

static enum err
run(struct eas_request *r, state_fn fn, struct query *q, struct error *e)
{
	enum err err = state_run(r->server->state, STATE_READ, fn, q, e);

	/* What is not there is for the phone to hear of, not for the log. */
	return err == ERR_NOFOLDER ? ERR_NOTFOUND : err;
}

enum err
lookup_item(struct eas_request *r, int64_t folder, int64_t item, struct lookup *l_r, struct error *e)
{
	struct query q = { .r = r, .folder = folder, .item = item, .l = l_r };

	*l_r = (struct lookup){ 0 };
	enum err err = run(r, read_item, &q, e);
	if (!err)
		account_known(r->account, l_r->folder.key, l_r->folder.cursor);
	return err;
}

enum err
lookup_folder(struct eas_request *r, int64_t folder, struct state_folder *f_r, struct error *e)
{
	struct lookup l = { 0 };
	struct query q = { .r = r, .folder = folder, .l = &l };
	enum err err = run(r, read_item, &q, e);

	*f_r = l.folder;
	return err;
}

enum err
lookup_typed(struct eas_request *r, unsigned type, struct state_folder *f_r, struct error *e)
{
	struct lookup l = { 0 };
	struct query q = { .r = r, .type = type, .l = &l };
	enum err err = run(r, read_typed, &q, e);

	*f_r = l.folder;
	return err;
}

struct fetching {
	backend_item_fn fn;
	void *ctx;
	bool called;
	enum err err;
};

static enum err
give(void *ctx, const struct backend_item *item)
{
	struct fetching *f = ctx;

	f->called = true;
	f->err = item->err ? item->err : f->fn(f->ctx, item);
	return ERR_OK;
}

enum err
lookup_fetch(struct eas_request *r, const struct lookup *l, backend_item_fn fn, void *ctx, struct error *e)
{
	const struct eas_config *c = r->server->config;
	struct fetching f = { .fn = fn, .ctx = ctx };
	struct backend_fetch what = { .folder = l->folder.key, .keys = &l->item.key, .n = 1, .want = WANT_BYTES,
		.bytes_max = l->folder.class == BACKEND_MAIL ? c->mail_bytes_max : c->item_bytes_max };
	enum err err = account_fetch(r->account, &what, give, &f, e);

	if (err)
		return err;
	return f.called ? f.err : ERR_NOTFOUND;
}

struct copying {
	struct arena *a;
	struct slice bytes;
};

static enum err
copy(void *ctx, const struct backend_item *item)
{
	struct copying *c = ctx;
	void *p = arena_memdup(c->a, item->bytes.ptr ? item->bytes.ptr : (const unsigned char *)"", item->bytes.len);

	c->bytes = slice(p, item->bytes.len);
	return p ? ERR_OK : ERR_NOMEM;
}

enum err
lookup_bytes(struct eas_request *r, const struct lookup *l, struct slice *bytes_r, struct error *e)
{
	struct copying c = { .a = r->arena };
	enum err err = lookup_fetch(r, l, copy, &c, e);

	*bytes_r = c.bytes;
	return err;
}
