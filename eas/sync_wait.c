/* A Sync that waits (Wait, HeartbeatInterval). */
#include "eas/sync_wait.h"

#include <stdlib.h>
#include <string.h>

#include "eas/clock.h"
#include "eas/hierarchy.h"
#include "eas/policy.h"

/* The command's own in the parked block: the request as text, and how long changes of mail have been pending. */
struct sync_wait {
	struct wait_quiet quiet;
	char text[];
};

enum eas_outcome
sync_park(struct eas_request *r, const struct sync_request *q, const struct sync_result *list)
{
	struct eas_park_folder *folders = arena_array(r->arena, q->n + 1, sizeof *folders);
	const char **keys = arena_array(r->arena, q->n + 1, sizeof *keys);
	struct sync_wait *wait;
	const char *text;
	size_t n = 0, size;

	for (size_t i = 0; folders && keys && i < q->n; i++) {
		keys[i] = list[i].key;
		if (q->list[i].get_changes && mirror_is_backed(&list[i].folder) && !sync_is_empty(&list[i].folder, r->query.version))
			folders[n++] = (struct eas_park_folder){ .id = list[i].folder.id, .key = list[i].folder.key };
	}
	text = folders && keys ? sync_request_text(r->arena, q, keys) : NULL;
	size = text ? sizeof *wait + strlen(text) + 1 : 0;
	wait = text ? arena_alloc(r->arena, size) : NULL;
	if (!wait)
		return reply_status(r, AirSync_Sync, AirSync_Status, 16);
	memcpy(wait->text, text, strlen(text) + 1);
	r->park = wait_park(r, EAS_WAIT_SYNC, q->wait, folders, n, wait, size);
	return r->park ? EAS_PARK : reply_status(r, AirSync_Sync, AirSync_Status, 16);
}

static const char *
key_for(const struct sync_request *q, int64_t folder)
{
	for (size_t i = 0; i < q->n; i++) {
		if (q->list[i].folder == folder)
			return q->list[i].key;
	}
	return NULL;
}

int64_t
sync_due(const struct eas_server *server, const struct eas_park *p, const struct log_ctx *log)
{
	struct sync_wait *wait = p->wait;
	struct sync_request q;
	struct eas_request r;
	struct wait_pending *pending;
	int64_t due = EAS_DUE_UNKNOWN;

	if (!wait_request(server, p, log, &r))
		return EAS_DUE_UNKNOWN;
	pending = arena_array(r.arena, p->n + 1, sizeof *pending);
	if (!sync_request_from_text(r.arena, wait->text, &q) || policy_ends_wait(&r) || hierarchy_has_news(&r))
		due = 0;
	for (size_t i = 0; due != 0 && pending && i < p->n; i++) {
		struct error e = { 0 };

		if (wait_look(&r, p->folders[i].id, key_for(&q, p->folders[i].id), &pending[i], &e))
			pending[i] = (struct wait_pending){ .unknown = true };
	}
	if (due != 0 && pending)
		due = wait_due(server->config, pending, p->n, &wait->quiet);
	wait_request_free(&r);
	return due;
}

static bool
still_current(struct eas_request *r, const struct sync_request *q)
{
	for (size_t i = 0; i < q->n; i++) {
		struct wait_pending pending;
		struct error e = { 0 };

		if (!wait_look(r, q->list[i].folder, q->list[i].key, &pending, &e) && pending.replaced)
			return false;
	}
	return true;
}

/* Else it would be woken at once. */
static bool
nothing_pending(struct eas_request *r, const struct eas_park *p, const struct sync_request *q)
{
	for (size_t i = 0; i < p->n; i++) {
		struct wait_pending w;
		struct error e = { 0 };

		if (wait_look(r, p->folders[i].id, key_for(q, p->folders[i].id), &w, &e) || w.gone || w.replaced || w.adds
			|| w.changes)
			return false;
	}
	return !hierarchy_has_news(r);
}

enum eas_outcome
sync_resume(struct eas_request *r, const struct eas_park *p, enum eas_wake why)
{
	const struct sync_wait *wait = p->wait;
	enum eas_outcome outcome;
	struct sync_request q;
	struct error e = { 0 };

	r->reply.eas_status = 1;
	if (why != EAS_WAKE_CHANGE && why != EAS_WAKE_DEADLINE)
		return reply_http(r, 200); /* the ended one commits nothing */
	if (wait_find_device(r, &e) || policy_ends_wait(r) || !sync_request_from_text(r->arena, wait->text, &q)
		|| !still_current(r, &q))
		return reply_http(r, 200);
	if (hierarchy_tell_news(r))
		return reply_status(r, AirSync_Sync, AirSync_Status, 12);
	outcome = sync_answer(r, &q, false);
	if (outcome == EAS_DONE && why == EAS_WAKE_CHANGE && r->reply.body.len == 0 && nothing_pending(r, p, &q))
		return EAS_PARK; /* what it was woken for is gone again */
	return outcome;
}
