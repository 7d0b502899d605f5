/* What a device has not been told of the folders, asked while it waits. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "eas/clock.h"
#include "eas/hierarchy.h"

#define TELL_AGAIN 900 /* seconds; some phones answer Status 12 with the same Sync, for ever */
#define KIND "hierarchy" /* stored: "EPOCH N SEQ", a space, and when it was told */

struct news {
	struct eas_request *r;
	char what[80]; /* of the stored text: to whom and up to where; "" nothing is new */
};

/* The newest: what the phone has, or will have when it is told again. Of its first answers it may have any, so that which tells least. */
static const struct state_hierarchy_key *
held(const struct state_hierarchy *h)
{
	const struct state_hierarchy_key *best = NULL;

	for (unsigned i = 0; i < h->n_keys; i++) {
		const struct state_hierarchy_key *key = &h->keys[i];

		if (!best || (h->base == 0 ? key->seq < best->seq : key->n > best->n))
			best = key;
	}
	return best;
}

static enum err
find(struct state_txn *t, struct eas_request *r, struct news *in)
{
	struct state_hierarchy h;
	const struct state_hierarchy_key *key;
	struct state_folder *list;
	size_t n;
	int64_t seq;
	enum err err = state_hierarchy(t, r->device.id, &h);

	*in->what = '\0';
	key = err ? NULL : held(&h);
	if (!key)
		return err;
	err = state_folders(t, r->arena, r->device.user, key->seq, &list, &n, &seq);
	for (size_t i = 0; !err && i < n && !*in->what; i++) {
		if (!list[i].deleted || list[i].created_seq <= key->seq) /* not one that came and went meanwhile */
			snprintf(in->what, sizeof in->what, "%" PRId64 " %u %" PRId64, h.epoch, key->n, seq);
	}
	return err;
}

static bool
told_lately(const char *stored, const char *what)
{
	size_t n = strlen(what);

	return strncmp(stored, what, n) == 0 && stored[n] == ' '
		&& eas_now() - strtoll(stored + n, NULL, 10) < TELL_AGAIN;
}

static enum err
look(struct state_txn *t, void *arg, struct error *e)
{
	struct news *in = arg;
	const char *stored;
	enum err err = find(t, in->r, in);

	(void)e;
	if (err || !*in->what)
		return err;
	err = state_request(t, in->r->arena, in->r->device.id, KIND, &stored);
	if (!err && told_lately(stored, in->what))
		*in->what = '\0';
	return err == ERR_NOTFOUND ? ERR_OK : err;
}

static enum err
note(struct state_txn *t, void *arg, struct error *e)
{
	struct news *in = arg;
	const char *text = arena_printf(in->r->arena, "%s %" PRId64, in->what, eas_now());

	(void)e;
	return text ? state_request_save(t, in->r->device.id, KIND, text) : ERR_NOMEM;
}

bool
hierarchy_has_news(struct eas_request *r)
{
	struct news in = { .r = r };
	struct error e = { 0 };

	return !state_run(r->server->state, STATE_READ, look, &in, &e) && *in.what;
}

bool
hierarchy_tell_news(struct eas_request *r)
{
	struct news in = { .r = r };
	struct error e = { 0 };

	if (state_run(r->server->state, STATE_READ, look, &in, &e) || !*in.what)
		return false;
	log_debug(&r->log, "folders came, went or were renamed: the phone is to ask");
	/* Not noted it would be told once more, and at once. */
	return !state_run(r->server->state, STATE_WRITE, note, &in, &e);
}
