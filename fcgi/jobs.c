#include "fcgi/jobs.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/queue.h>

#include "base/count.h"
#include "state/state.h"

#define STACK_SIZE (1u << 20)

struct job {
	job_fn fn;
	void *arg;
	STAILQ_ENTRY(job) link;
};

struct jobs {
	pthread_mutex_t lock;
	pthread_cond_t more;
	STAILQ_HEAD(, job) list;
	bool ending;
	struct state *state;
	size_t n;
	pthread_t threads[];
};

static struct job *
next(struct jobs *j)
{
	struct job *job;

	pthread_mutex_lock(&j->lock);
	while (STAILQ_EMPTY(&j->list) && !j->ending)
		pthread_cond_wait(&j->more, &j->lock);
	job = STAILQ_FIRST(&j->list);
	if (job)
		STAILQ_REMOVE_HEAD(&j->list, link);
	pthread_mutex_unlock(&j->lock);
	return job;
}

static void *
run(void *arg)
{
	struct jobs *j = arg;
	struct job *job;

	while ((job = next(j)) != NULL) {
		job->fn(job->arg);
		free(job);
		count_sub(COUNT_JOBS_NOW, 1);
	}
	state_thread_end(j->state);
	return NULL;
}

struct jobs *
jobs_new(size_t n, struct state *state)
{
	struct jobs *j = calloc(1, sizeof *j + n * sizeof j->threads[0]);
	pthread_attr_t attr;

	if (!j)
		return NULL;
	pthread_mutex_init(&j->lock, NULL);
	pthread_cond_init(&j->more, NULL);
	STAILQ_INIT(&j->list);
	j->state = state;
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK_SIZE);
	while (j->n < n && pthread_create(&j->threads[j->n], &attr, run, j) == 0)
		j->n++;
	pthread_attr_destroy(&attr);
	if (j->n == 0)
		jobs_free(&j);
	return j;
}

size_t
jobs_threads(const struct jobs *j)
{
	return j->n;
}

bool
jobs_add(struct jobs *j, job_fn fn, void *arg)
{
	struct job *job = malloc(sizeof *job);

	if (!job)
		return false;
	*job = (struct job){ .fn = fn, .arg = arg };
	count_add(COUNT_JOBS, 1);
	count_add(COUNT_JOBS_NOW, 1);
	pthread_mutex_lock(&j->lock);
	STAILQ_INSERT_TAIL(&j->list, job, link);
	pthread_cond_signal(&j->more);
	pthread_mutex_unlock(&j->lock);
	return true;
}

void
jobs_free(struct jobs **jp)
{
	struct jobs *j = *jp;

	*jp = NULL;
	if (!j)
		return;
	pthread_mutex_lock(&j->lock);
	j->ending = true;
	pthread_cond_broadcast(&j->more);
	pthread_mutex_unlock(&j->lock);
	for (size_t i = 0; i < j->n; i++)
		pthread_join(j->threads[i], NULL);
	pthread_cond_destroy(&j->more);
	pthread_mutex_destroy(&j->lock);
	free(j);
}
