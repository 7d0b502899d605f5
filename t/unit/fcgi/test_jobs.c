/* What somebody waits for now gets a thread, however many jobs that can wait are slow. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <pthread.h>
#include <time.h>

#include "fcgi/jobs.h"

#define THREADS 4
#define SLOW 10

static struct {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool released;        /* slow jobs may end */
	int running, most, ended, quick;
} w = { .lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER };

static void
slow(void *arg)
{
	(void)arg;
	pthread_mutex_lock(&w.lock);
	w.running++;
	w.most = w.running > w.most ? w.running : w.most;
	pthread_cond_broadcast(&w.changed);
	while (!w.released)
		pthread_cond_wait(&w.changed, &w.lock);
	w.running--;
	w.ended++;
	pthread_mutex_unlock(&w.lock);
}

static void
quick(void *arg)
{
	(void)arg;
	pthread_mutex_lock(&w.lock);
	w.quick++;
	pthread_cond_broadcast(&w.changed);
	pthread_mutex_unlock(&w.lock);
}

/* Until *value is n, or a minute has passed: then it never will be. */
static bool
becomes(const int *value, int n)
{
	struct timespec until;
	int failed = 0;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += 60;
	pthread_mutex_lock(&w.lock);
	while (*value != n && !failed)
		failed = pthread_cond_timedwait(&w.changed, &w.lock, &until);
	bool is = *value == n;
	pthread_mutex_unlock(&w.lock);
	return is;
}

static void
release(void)
{
	pthread_mutex_lock(&w.lock);
	w.released = true;
	pthread_cond_broadcast(&w.changed);
	pthread_mutex_unlock(&w.lock);
}

static void
slow_jobs_leave_half_of_the_threads(void **unused)
{
	struct jobs *j = jobs_new(THREADS, NULL);

	(void)unused;
	assert_non_null(j);
	for (int i = 0; i < SLOW; i++)
		assert_true(jobs_add(j, JOBS_LATER, slow, NULL));
	assert_true(becomes(&w.running, THREADS / 2));
	for (int i = 0; i < SLOW; i++)
		assert_true(jobs_add(j, JOBS_NOW, quick, NULL));
	assert_true(becomes(&w.quick, SLOW));
	assert_int_equal(w.most, THREADS / 2);
	release();
	jobs_free(&j);
	assert_int_equal(w.ended, SLOW);
}

/* One thread is enough for both kinds. */
static void
a_single_thread_does_all(void **unused)
{
	struct jobs *j = jobs_new(1, NULL);

	(void)unused;
	assert_non_null(j);
	w.released = true;
	w.ended = w.quick = 0;
	for (int i = 0; i < SLOW; i++) {
		assert_true(jobs_add(j, JOBS_LATER, slow, NULL));
		assert_true(jobs_add(j, JOBS_NOW, quick, NULL));
	}
	jobs_free(&j);
	assert_int_equal(w.ended, SLOW);
	assert_int_equal(w.quick, SLOW);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(slow_jobs_leave_half_of_the_threads),
		cmocka_unit_test(a_single_thread_does_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
