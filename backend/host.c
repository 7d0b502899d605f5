/* Limits and breakers, by host: a server that hangs may cost a few workers for a while, never all of them. */
#include "backend/internal.h"

/* A failure quicker than this holds no worker up. */
#define SLOW_MS 1000

enum err
host_check(const struct backends *b, const struct host *h, int64_t now, struct error *e)
{
	(void)b;
	if (!h->down || (now >= h->probe_at && !h->probing))
		return ERR_OK;
	return err_set(e, ERR_UNAVAILABLE, "%s is down; it is asked again in %lld s", h->name,
		(long long)(h->probe_at > now ? (h->probe_at - now + 999) / 1000 : 0));
}

enum err
host_claim(struct backends *b, struct host *h, int64_t now, struct error *e)
{
	enum err err = host_check(b, h, now, e);

	if (err)
		return err;
	if (h->down) {
		h->probing = true;
		h->probe_at = now + (int64_t)b->set.probe * 1000;
	}
	return ERR_OK;
}

/* One user's own trouble (too many connections of that user, a broken mailbox) that fails quickly is not the host's: it counts once
 * until somebody else's call fails, too. */
static bool
counts(const struct host *h, uint64_t user, int64_t took)
{
	return h->failures == 0 || took >= SLOW_MS || user != h->failed_user;
}

static void
note_result(struct backends *b, struct host *h, uint64_t user, int64_t began, int64_t now, enum err err)
{
	bool was_down = h->down;

	h->probing = false;
	/* What is ours, and a broken protocol, says nothing about whether the host can be reached. */
	if (err == ERR_PEER || err == ERR_NOMEM || err == ERR_INTERNAL || err == ERR_BUSY || err == ERR_PAUSED)
		return;
	if (err != ERR_UNAVAILABLE) {
		h->failures = 0;
		h->down = false;
		if (was_down)
			log_notice(NULL, "%s is back", h->name);
		return;
	}
	if (was_down) {
		h->probe_at = now + (int64_t)b->set.probe * 1000;
		return;
	}
	if (!counts(h, user, now - began))
		return;
	h->failed_user = user;
	h->failures++;
	if (b->set.breaker == 0 || h->failures < b->set.breaker)
		return;
	h->down = true;
	h->probe_at = now + (int64_t)b->set.probe * 1000;
	log_warn(NULL, "%s is down (%u failures in a row); it is tried every %u s", h->name, h->failures, (unsigned)b->set.probe);
}

enum err
host_result(struct backends *b, struct host *h, uint64_t user, int64_t began, int64_t now, enum err err)
{
	note_result(b, h, user, began, now, err);
	return err == ERR_PAUSED ? ERR_UNAVAILABLE : err;
}

enum err
host_enter(struct backends *b, struct host *h, struct error *e)
{
	if (h->held >= b->set.host_calls) {
		count_add(COUNT_BUSY, 1);
		return err_set(e, ERR_BUSY, "%u calls to %s are under way", h->held, h->name);
	}
	h->held++;
	return ERR_OK;
}

void
host_leave(struct host *h)
{
	h->held--;
}
