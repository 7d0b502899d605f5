#include "fcgi/queue.h"

#include <sys/eventfd.h>
#include <unistd.h>

bool
queue_init(struct queue *q)
{
	pthread_mutex_init(&q->lock, NULL);
	TAILQ_INIT(&q->list);
	q->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK | EFD_SEMAPHORE);
	return q->fd >= 0;
}

void
queue_push(struct queue *q, struct request *r)
{
	uint64_t one = 1;

	pthread_mutex_lock(&q->lock);
	TAILQ_INSERT_TAIL(&q->list, r, link);
	pthread_mutex_unlock(&q->lock);
	while (write(q->fd, &one, sizeof one) < 0)
		; /* it cannot be full: there are fewer requests than descriptors */
}

struct request *
queue_pop(struct queue *q)
{
	struct request *r;
	uint64_t one;

	if (read(q->fd, &one, sizeof one) != sizeof one)
		return NULL;
	pthread_mutex_lock(&q->lock);
	r = TAILQ_FIRST(&q->list);
	if (r)
		TAILQ_REMOVE(&q->list, r, link);
	pthread_mutex_unlock(&q->lock);
	return r;
}
