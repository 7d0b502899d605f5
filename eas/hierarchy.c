#include "eas/hierarchy.h"

#include <string.h>

#include "eas/key.h"
#include "eas/quirk.h"

#define DEPTH_MAX 64 /* of folders within folders; a ring of parents ends here */

/* A hash of what decides how this device sees the folders. */
static uint64_t
view_of(const struct eas_request *r)
{
	uint64_t quirks = quirks_of(r->query.device_type, r->user_agent, r->query.version);
	uint64_t class = r->query.version >= 160 ? 3 : r->query.version >= 140 ? 2 : 1;

	return class << 8 | (quirks & (QUIRK_MERGE_CALENDAR | QUIRK_MERGE_CONTACTS));
}

/* ---- reading ---- */

struct reading {
	struct eas_request *r;
	struct hierarchy *h;
};

static enum err
read_hierarchy(struct state_txn *t, void *arg, struct error *e)
{
	struct reading *in = arg;
	struct eas_request *r = in->r;
	struct hierarchy *h = in->h;
	enum err err = state_hierarchy(t, r->device.id, &h->was);

	(void)e;
	if (err)
		return err;
	return state_folders(t, r->arena, r->device.user, 0, &h->folders, &h->n_folders, &h->user_seq);
}

/* The key that came back becomes the base; the other answers from the old base go. */
static bool
receive(struct hierarchy *h, int64_t epoch, uint32_t n)
{
	for (unsigned i = 0; i < h->was.n_keys; i++) {
		if (h->was.epoch != epoch || h->was.keys[i].n != n)
			continue;
		h->seq = h->was.keys[i].seq;
		if (n == h->was.base)
			return true;
		h->now.base = n;
		h->now.keys[0] = h->was.keys[i];
		h->now.n_keys = 1;
		return true;
	}
	return false;
}

/* None of the answers to key 0 has come back: the phone may have any of them, and the next one stands beside them. Else
 * all begins anew. */
static bool
start(struct hierarchy *h, uint64_t view)
{
	h->seq = 0;
	if (h->was.epoch && h->was.base == 0 && h->was.view == view)
		return true;
	h->now = (struct state_hierarchy){ .view = view };
	return key_epoch(&h->now.epoch);
}

unsigned
hierarchy_begin(struct eas_request *r, const char *key, bool fresh, struct hierarchy *h)
{
	struct reading in = { r, h };
	struct error e = { 0 };
	int64_t epoch;
	uint32_t n;
	enum err err;

	*h = (struct hierarchy){ 0 };
	if (!key)
		return 10;
	err = state_run(r->server->state, STATE_READ, read_hierarchy, &in, &e);
	if (err)
		return reply_status_of(r, err, &e);
	h->now = h->was;
	if (strcmp(key, "0") == 0)
		return !fresh ? 9 : start(h, view_of(r)) ? 0 : 110;
	if (h->was.view != view_of(r)) {
		log_notice(&r->log,
			"hierarchy key refused: the client sees the folders otherwise than before (new version)");
		return 9;
	}
	if (!key_parse(key, &epoch, &n) || !receive(h, epoch, n)) {
		log_notice(&r->log, "hierarchy key refused: it is not one that was given to this device lately");
		return 9;
	}
	return 0;
}

/* ---- writing ---- */

enum err
hierarchy_answer_in(struct state_txn *t, struct eas_request *r, struct hierarchy *h, int64_t seq, char key_r[KEY_MAX])
{
	struct state_hierarchy *now = &h->now;

	if (now->n_keys == ARRAY_LEN(now->keys)) { /* the oldest answer goes, the base stays */
		unsigned oldest = now->keys[0].n == now->base ? 1 : 0;

		memmove(&now->keys[oldest], &now->keys[oldest + 1], (now->n_keys - oldest - 1) * sizeof now->keys[0]);
		now->n_keys--;
	}
	now->keys[now->n_keys++] = (struct state_hierarchy_key){ .n = ++now->n, .seq = seq };
	key_format(now->epoch, now->n, key_r);
	return state_hierarchy_save(t, r->device.id, &h->was, now);
}

struct answering {
	struct eas_request *r;
	const struct hierarchy *h;
	int64_t seq;
	char *key;
};

static enum err
answer(struct state_txn *t, void *arg, struct error *e)
{
	struct answering *in = arg;
	struct hierarchy h = *in->h; /* a run that is repeated begins with what it was given */

	(void)e;
	return hierarchy_answer_in(t, in->r, &h, in->seq, in->key);
}

enum err
hierarchy_answer(struct eas_request *r, const struct hierarchy *h, int64_t seq, char key_r[KEY_MAX], struct error *e)
{
	struct answering in = { r, h, seq, key_r };

	return state_run(r->server->state, STATE_WRITE, answer, &in, e);
}

static enum err
save(struct state_txn *t, void *arg, struct error *e)
{
	struct reading *in = arg;

	(void)e;
	return state_hierarchy_save(t, in->r->device.id, &in->h->was, &in->h->now);
}

enum err
hierarchy_same(struct eas_request *r, struct hierarchy *h, struct error *e)
{
	struct reading in = { r, h };

	if (memcmp(&h->was, &h->now, sizeof h->was) == 0)
		return ERR_OK;
	return state_run(r->server->state, STATE_WRITE, save, &in, e);
}

/* ---- looking things up ---- */

const struct state_folder *
hierarchy_folder(const struct hierarchy *h, int64_t id)
{
	for (size_t i = 0; i < h->n_folders; i++) {
		if (h->folders[i].id == id && !h->folders[i].deleted)
			return &h->folders[i];
	}
	return NULL;
}

const struct state_folder *
hierarchy_by_key(const struct hierarchy *h, const char *key)
{
	for (size_t i = 0; i < h->n_folders; i++) {
		if (!h->folders[i].deleted && strcmp(h->folders[i].key, key) == 0)
			return &h->folders[i];
	}
	return NULL;
}

int64_t
hierarchy_parent(const struct hierarchy *h, const struct state_folder *f)
{
	const struct state_folder *parent = *f->parent ? hierarchy_by_key(h, f->parent) : NULL;

	return parent ? parent->id : 0;
}

bool
hierarchy_is_below(const struct hierarchy *h, const struct state_folder *f, const char *key)
{
	for (unsigned depth = 0; f && *f->parent && depth < DEPTH_MAX; depth++) {
		if (strcmp(f->parent, key) == 0)
			return true;
		f = hierarchy_by_key(h, f->parent);
	}
	return false;
}
