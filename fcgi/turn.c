#include "fcgi/turn.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"

#define BUCKETS 256
#define WAITING_MAX 16 /* per device; a phone that sends more at once is in a loop */

struct turn {
	char *name; /* "USER\nDEVICE" */
	struct request_queue waiting;
	unsigned n;
	LIST_ENTRY(turn) link;
};
LIST_HEAD(turn_list, turn);

static struct {
	pthread_mutex_t lock;
	struct turn_list bucket[BUCKETS];
} turns = { .lock = PTHREAD_MUTEX_INITIALIZER };

static struct turn_list *
bucket_of(const char *name)
{
	return &turns.bucket[hash_text(HASH_START, name) % BUCKETS];
}

static struct turn *
find(struct turn_list *bucket, const char *name)
{
	struct turn *t;

	LIST_FOREACH(t, bucket, link)
	{
		if (strcmp(t->name, name) == 0)
			return t;
	}
	return NULL;
}

static struct turn *
add(struct turn_list *bucket, const char *name)
{
	struct turn *t = calloc(1, sizeof *t);

	if (!t || !(t->name = strdup(name))) {
		free(t);
		return NULL;
	}
	TAILQ_INIT(&t->waiting);
	LIST_INSERT_HEAD(bucket, t, link);
	return t;
}

bool
turn_take(struct request *r, bool *full_r)
{
	const char *name = arena_printf(r->arena, "%s\n%s", r->user, r->eas.query.device_id);
	struct turn_list *bucket = name ? bucket_of(name) : NULL;
	struct turn *t;
	bool mine = false;

	*full_r = !name;
	if (!name)
		return false;
	pthread_mutex_lock(&turns.lock);
	t = find(bucket, name);
	if (!t) {
		t = add(bucket, name);
		*full_r = !t;
		mine = t != NULL;
	} else if (t->n >= WAITING_MAX) {
		*full_r = true;
	} else {
		TAILQ_INSERT_TAIL(&t->waiting, r, link);
		t->n++;
	}
	if (!*full_r)
		r->turn = t;
	pthread_mutex_unlock(&turns.lock);
	return mine;
}

/* The next that is still there; those that hung up go to `gone`. Called under the lock. */
static struct request *
next(struct turn *t, struct request_queue *gone)
{
	struct request *r;

	while ((r = TAILQ_FIRST(&t->waiting)) != NULL) {
		TAILQ_REMOVE(&t->waiting, r, link);
		t->n--;
		if (!request_gone(r))
			return r;
		TAILQ_INSERT_TAIL(gone, r, link);
	}
	LIST_REMOVE(t, link);
	free(t->name);
	free(t);
	return NULL;
}

unsigned
turn_give(struct request *r, struct queue *ready)
{
	struct request_queue gone = TAILQ_HEAD_INITIALIZER(gone);
	struct turn *t = r->turn;
	struct request *other;
	unsigned dropped = 0;

	if (!t)
		return 0;
	r->turn = NULL;
	pthread_mutex_lock(&turns.lock);
	other = next(t, &gone);
	pthread_mutex_unlock(&turns.lock);
	if (other)
		queue_push(ready, other);
	while ((other = TAILQ_FIRST(&gone)) != NULL) {
		TAILQ_REMOVE(&gone, other, link);
		other->turn = NULL;
		request_drop(&other);
		dropped++;
	}
	return dropped;
}
