/* fcgi/jobs.h - threads for what the hub cannot do itself because it may block. Private to fcgi/. */
#ifndef FCGI_JOBS_H
#define FCGI_JOBS_H

#include <stdbool.h>
#include <stddef.h>

struct jobs;
struct state;

typedef void (*job_fn)(void *arg);

/* Starts n threads; NULL if it cannot. Each closes its connection to the store when it ends. */
struct jobs *jobs_new(size_t n, struct state *state);
size_t jobs_threads(const struct jobs *j);
/* Runs fn(arg) on one of them, in order of arrival. false: no memory (nothing will run). */
bool jobs_add(struct jobs *j, job_fn fn, void *arg);
/* Finishes what is queued and ends the threads. */
void jobs_free(struct jobs **j);

#endif
