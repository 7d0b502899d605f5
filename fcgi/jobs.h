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
/* What somebody waits for now goes first, and what can wait has half of the threads at most: a slow server that is
 * polled for many users does not keep from the others the mail that arrived. */
enum jobs_order { JOBS_NOW, JOBS_LATER };
/* Runs fn(arg) on one of them, in order of arrival within each kind. false: no memory (nothing will run). */
bool jobs_add(struct jobs *j, enum jobs_order order, job_fn fn, void *arg);
/* Finishes what is queued and ends the threads. */
void jobs_free(struct jobs **j);

#endif
