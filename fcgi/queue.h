/* fcgi/queue.h - requests that are ready for a worker; a descriptor tells that there are some. Private to fcgi/. */
#ifndef FCGI_QUEUE_H
#define FCGI_QUEUE_H

#include <pthread.h>

#include "fcgi/request.h"

struct queue {
	pthread_mutex_t lock;
	struct request_queue list;
	int fd; /* eventfd, a semaphore: readable once per request */
};

bool queue_init(struct queue *q);
void queue_push(struct queue *q, struct request *r);
/* NULL if another worker was faster. */
struct request *queue_pop(struct queue *q);

#endif
