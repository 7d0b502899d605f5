/* What a server fails again and again, and nothing else: one item that it cannot store (Nextcloud answers 500 to a text
 * that its database has no room for) must not keep all of its folder from a phone for ever.
 *
 * That is known in memory only: after a restart such a command takes an hour more. */
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>

#include "base/hash.h"
#include "eas/clock.h"
#include "eas/content_hash.h"
#include "eas/execute_command.h"

#define SLOTS 256
#define PROBES 8
#define REPEATS 3
#define SECONDS 3600    /* a server that is out of order for a while has that long */
#define ALONE 259200    /* seconds where it stores nothing else either: its disk may be full */
#define FORGOTTEN 86400 /* seconds without a try; till then what was refused is refused at once */

struct failing {
	uint64_t command; /* of which device, in which folder, and what it says; 0: free */
	unsigned times;
	int64_t since, last;
	uint64_t puts; /* account_puts() when it began */
};

static struct {
	pthread_mutex_t lock;
	struct failing slot[SLOTS];
} failing = { .lock = PTHREAD_MUTEX_INITIALIZER };

/* The same for each try: some phones draw a new ClientId. */
static uint64_t
command_hash(const struct execute *x, const struct wbxml_node *n)
{
	const struct wbxml_node *data = n->tag == AirSync_Add ? wbxml_child(n, AirSync_ApplicationData) : n;
	char place[64], hash[CONTENT_HASH_MAX];

	snprintf(place, sizeof place, "%" PRId64 "/%" PRId64, x->r->device.id, x->folder->id);
	content_hash(data ? data : n, place, hash);
	return hash_text(HASH_START, hash);
}

static bool
count_failure(struct failing *f, uint64_t command, uint64_t puts, int64_t now)
{
	if (f->command != command || now < f->last || now - f->last > FORGOTTEN || puts < f->puts)
		*f = (struct failing){ .command = command, .since = now, .puts = puts };
	f->times++;
	f->last = now;
	return f->times > REPEATS && now - f->since >= (puts > f->puts ? SECONDS : ALONE);
}

/* Its slot; else, of those where it could be, the one that was not tried for the longest time. */
static struct failing *
find_slot(uint64_t command)
{
	struct failing *oldest = &failing.slot[command % SLOTS];

	for (unsigned i = 0; i < PROBES; i++) {
		struct failing *f = &failing.slot[(command + i) % SLOTS];

		if (f->command == command)
			return f;
		if (f->last < oldest->last)
			oldest = f;
	}
	return oldest;
}

bool
execute_in_vain(struct execute *x, const struct wbxml_node *n)
{
	uint64_t command = command_hash(x, n), puts = account_puts(x->r->account, x->folder->key);
	bool vain;

	if (x->class->class == BACKEND_MAIL)
		return false;
	pthread_mutex_lock(&failing.lock);
	vain = count_failure(find_slot(command), command, puts, eas_now());
	pthread_mutex_unlock(&failing.lock);
	return vain;
}

void
execute_give_up(struct execute *x, const struct wbxml_node *n)
{
	bool whole = n->tag == AirSync_Delete && !wbxml_has(n, AirSyncBase_InstanceId);
	int64_t id;

	execute_respond(x, n->tag, n, whole ? 7 : 6);
	if (n->tag != AirSync_Add && execute_named(x, n, &id))
		execute_force(x, whole ? COMPOSE_ADD : COMPOSE_CHANGE, id);
}
