/* What Ping and a waiting Sync have in common. */
#include <stdlib.h>
#include <string.h>

#include "eas/clock.h"
#include "eas/hierarchy.h"
#include "eas/sync_wait.h"

#define ARENA_MAX (16u << 20)

/* ---- the block ---- */

struct block {
	char *p, *end;
};

static const char *
keep(struct block *b, const char *s)
{
	size_t n = strlen(s) + 1;
	char *copy = b->p;

	memcpy(copy, s, n);
	b->p += n;
	return copy;
}

static size_t
size_of(const struct eas_request *r, const struct eas_park_folder *folders, size_t n)
{
	const struct eas_query *q = &r->query;
	size_t size = strlen(r->user) + strlen(r->user_agent) + 2;
	const char *texts[] = { q->command_name, q->device_id, q->device_type };

	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		size += strlen(texts[i]) + 1;
	for (size_t i = 0; i < n; i++)
		size += strlen(folders[i].key) + 1;
	return size + 8;
}

struct eas_park *
wait_park(const struct eas_request *r, enum eas_wait_kind kind, int64_t seconds, const struct eas_park_folder *folders,
	size_t n, const void *extra, size_t extra_len)
{
	size_t extra_room = (extra_len + 15) / 16 * 16;
	size_t size = sizeof(struct eas_park) + n * sizeof *folders + extra_room + size_of(r, folders, n) + 16;
	struct eas_park *p = calloc(1, size);
	struct block b;

	if (!p)
		return NULL;
	p->folders = (void *)(p + 1);
	p->wait = (char *)(p->folders + n);
	b.p = (char *)p->wait + extra_room;
	b.end = (char *)p + size;
	if (extra_len)
		memcpy(p->wait, extra, extra_len);
	p->refs = 1;
	p->kind = kind;
	p->deadline = eas_monotonic() + seconds;
	p->device = r->device.id;
	p->user = keep(&b, r->user);
	p->user_agent = keep(&b, r->user_agent);
	p->query = r->query;
	p->query.command_name = keep(&b, r->query.command_name);
	p->query.device_id = p->device_id = keep(&b, r->query.device_id);
	p->query.device_type = keep(&b, r->query.device_type);
	p->query.user = p->query.attachment = p->query.collection_id = p->query.item_id = p->query.long_id =
		p->query.occurrence = "";
	p->n = n;
	for (size_t i = 0; i < n; i++)
		p->folders[i] = (struct eas_park_folder){ .id = folders[i].id, .key = keep(&b, folders[i].key) };
	return p;
}

/* ---- what is pending ---- */

struct looking {
	struct eas_request *r;
	int64_t id;
	struct state_folder f;
	struct state_collection *list;
	size_t n;
};

static enum err
look(struct state_txn *t, void *arg, struct error *e)
{
	struct looking *in = arg;
	enum err err = state_folder(t, in->r->arena, in->r->device.user, in->id, &in->f);

	(void)e;
	if (!err)
		err = state_collections(t, in->r->arena, in->r->device.id, in->id, &in->list, &in->n);
	return err;
}

/* The one that the key is of; without a key the one in use. */
static const struct state_collection *
current(const struct looking *in, const char *key)
{
	int64_t epoch;
	uint32_t n;

	if (!key)
		return key_in_use(in->list, in->n);
	if (!key_parse(key, &epoch, &n))
		return NULL;
	for (size_t i = 0; i < in->n; i++) {
		if (in->list[i].epoch == epoch)
			return &in->list[i];
	}
	return NULL;
}

enum err
wait_look(struct eas_request *r, int64_t folder, const char *key, struct wait_pending *p_r, struct error *e)
{
	struct looking in = { .r = r, .id = folder };
	const struct state_collection *c;
	const struct state_answer *newest;
	unsigned adds = 0, changes = 0;
	int64_t epoch;
	uint32_t n;
	enum err err = state_run(r->server->state, STATE_READ, look, &in, e);

	*p_r = (struct wait_pending){ 0 };
	if (err == ERR_NOTFOUND) {
		p_r->gone = true;
		return ERR_OK;
	}
	if (err)
		return err;
	p_r->mail = in.f.class == BACKEND_MAIL;
	p_r->seq = in.f.seq;
	c = current(&in, key);
	newest = c ? key_newest(c) : NULL;
	if (key && (!newest || !key_parse(key, &epoch, &n) || newest->n != n)) {
		p_r->replaced = true;
		return ERR_OK;
	}
	if (c && c->epoch == 0) {
		p_r->adds = true; /* the phone has to hear that its key is none */
		return ERR_OK;
	}
	if (!newest || sync_is_empty(&in.f, r->query.version) || !item_class((enum backend_class)in.f.class))
		return ERR_OK;
	err = sync_would_send(r, &in.f, c, &adds, &changes, e);
	p_r->adds = adds > 0;
	p_r->changes = changes > 0;
	return err;
}

int64_t
wait_due(const struct eas_config *config, const struct wait_pending *list, size_t n, struct wait_quiet *quiet)
{
	int64_t now = eas_monotonic(), seqs = 0, calm, latest;
	bool changes = false, unknown = false;

	for (size_t i = 0; i < n; i++) {
		const struct wait_pending *p = &list[i];

		if (p->gone || p->replaced || p->adds || (p->changes && !p->mail))
			return 0;
		changes = changes || p->changes;
		unknown = unknown || p->unknown;
		seqs += p->changes ? p->seq : 0;
	}
	if (!changes) {
		*quiet = (struct wait_quiet){ 0 };
		return unknown ? EAS_DUE_UNKNOWN : INT64_MAX;
	}
	if (quiet->since == 0)
		quiet->since = now;
	if (quiet->latest == 0 || quiet->seqs != seqs)
		quiet->latest = now;
	quiet->seqs = seqs;
	calm = quiet->latest + (int64_t)config->quiet;
	latest = quiet->since + (int64_t)config->quiet_max;
	return calm < latest ? calm : latest;
}

/* ---- a request to look with ---- */

static enum err
find_device(struct state_txn *t, void *arg, struct error *e)
{
	struct eas_request *r = arg;

	(void)e;
	return state_device_find(t, r->arena, r->user, r->query.device_id, &r->device);
}

enum err
wait_find_device(struct eas_request *r, struct error *e)
{
	return state_run(r->server->state, STATE_READ, find_device, r, e);
}

bool
wait_request(const struct eas_server *server, const struct eas_park *p, const struct log_ctx *log,
	struct eas_request *r_r)
{
	struct error e = { 0 };

	*r_r = (struct eas_request){ .server = server, .arena = arena_new(ARENA_MAX), .user = p->user, .user_agent = p->user_agent,
		.query = p->query };
	if (log)
		r_r->log = *log;
	if (r_r->arena && !wait_find_device(r_r, &e))
		return true;
	arena_free(&r_r->arena);
	return false;
}

void
wait_request_free(struct eas_request *r)
{
	arena_free(&r->arena);
}
