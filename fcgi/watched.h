/* fcgi/watched.h - the users whose backends are watched while a device of theirs waits. Private to fcgi/.
 *
 * The hub owns these and decides; what may block is done by one job per user at a time, to which the hub lends the
 * watch until the job's result comes back through its inbox. Of the parked requests a job has what it needs of its own:
 * the hub may answer or drop them at any time, however long the job takes.
 */
#ifndef FCGI_WATCHED_H
#define FCGI_WATCHED_H

#include "fcgi/request.h"

struct hub;

#define WATCH_WAITS 4

/* A folder that changed and could not be looked at yet. */
struct missed {
	SLIST_ENTRY(missed) link;
	char key[];
};
SLIST_HEAD(missed_list, missed);

struct watched {
	char *user;
	struct generation *generation; /* as of the latest job */
	struct watch *watch;           /* NULL until a job opened it; belongs to the job while `working` */
	struct request_queue parked;
	size_t n_parked;
	struct watch_wait waits[WATCH_WAITS];
	size_t n_waits;
	int fds[WATCH_WAITS];          /* in the hub's epoll now, -1: none */
	int64_t look_at;               /* CLOCK_MONOTONIC seconds: when the next job is due; INT64_MAX: none */
	int64_t folders_at;            /* when the hierarchy is looked at next */
	int64_t idle_since;            /* nobody has waited since; 0: somebody waits */
	uint64_t folders;              /* hash of the folder set that the watch was given */
	bool working;                  /* a job is at it */
	bool again;                    /* something happened meanwhile: one more job */
	bool ask;                      /* .. that asks what is due, whatever it finds */
	bool opened_anew;              /* the job compares all folders, since anything may have happened */
	struct missed_list missed;     /* each once; the job's, as the watch is */
	LIST_ENTRY(watched) link;
};

/* What a job is given and gives back. */
struct watch_job {
	struct hub *hub;
	struct watched *user;
	bool close;                    /* close the watch and nothing else */
	struct generation *was;        /* a reference: the user's before this job */
	bool look;                     /* a descriptor was readable */
	bool poll;                     /* .. or it is time to look */
	bool hierarchy;                /* the hierarchy is due; out: it was not seen whole */
	bool ask;                      /* what is due is to be asked; out: it was, since something may have changed */
	bool unasked;                  /* out: the store could not say what is due */
	int64_t again_in;              /* out: not all could be looked at: once more in so many seconds; 0: all was */
	size_t n;
	struct watch_wish {
		struct eas_park *park; /* a reference */
		char *password;        /* to open the watch with; cleansed */
		int64_t due;           /* out, where asked: when it is to be answered */
	} wishes[];                    /* of the requests that are parked when the job begins, in their order */
};

/* For the hub's thread, while no job of this user works. NULL: no memory. */
struct watch_job *watch_job_new(struct hub *hub, struct watched *user);
void watch_job_free(struct watch_job **job);
void missed_free(struct missed_list *missed);
/* Runs in a job thread; ends with hub_job_done(). */
void watched_work(void *watch_job);
void hub_job_done(struct hub *hub, struct watch_job *job);

#endif
