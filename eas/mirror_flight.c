/* Who looks at a folder, and who waits for what that one finds. */
#include "eas/mirror_flight.h"

#include <pthread.h>
#include <time.h>

#include "eas/clock.h"
#include "eas/mirror.h"

#define FLIGHTS 256
#define WAIT_SECONDS 5 /* most looks take milliseconds; a first listing does not, and no worker is kept that long */
#define LOOKS 4096     /* folders whose last look is known; two that share a place push each other out, and are looked at once more */
#define FRESH_SECONDS 60

struct slot {
	int64_t folder;     /* 0: free */
	pthread_t pilot;
	bool flying;
	unsigned waiters;
	uint64_t began;     /* ticket */
	int64_t at;         /* eas_monotonic() */
	enum err result;
};

static struct {
	pthread_mutex_t lock;
	pthread_cond_t landed;
	uint64_t tickets;
	struct slot slots[FLIGHTS];
	struct look {
		int64_t folder; /* 0: none */
		int64_t at;
	} looks[LOOKS];
} flights = { .lock = PTHREAD_MUTEX_INITIALIZER, .landed = PTHREAD_COND_INITIALIZER };

static struct slot *
slot_of(int64_t folder)
{
	for (size_t i = 0; i < FLIGHTS; i++) {
		if (flights.slots[i].folder == folder)
			return &flights.slots[i];
	}
	return NULL;
}

static void
leave(struct slot *s)
{
	if (!s->flying && s->waiters == 0)
		s->folder = 0;
}

/* False: it took too long. */
static bool
wait_for(struct slot *s)
{
	struct timespec until;
	int failed = 0;

	if (pthread_equal(s->pilot, pthread_self()))
		return false; /* a look within a look */
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += WAIT_SECONDS;
	s->waiters++;
	while (s->flying && !failed)
		failed = pthread_cond_timedwait(&flights.landed, &flights.lock, &until);
	s->waiters--;
	return !s->flying;
}

/* A look that began after the call is as good as one of its own; one that was under way may have been too early. */
enum flight_start
flight_take_off(int64_t folder)
{
	enum flight_start how = FLIGHT_OWN;
	struct slot *s;
	uint64_t arrived;

	pthread_mutex_lock(&flights.lock);
	arrived = ++flights.tickets;
	s = slot_of(folder);
	while (s && s->flying && how == FLIGHT_OWN) {
		if (!wait_for(s))
			how = FLIGHT_TOO_LONG;
		else if (s->began > arrived && s->result == ERR_OK)
			how = FLIGHT_SHARED;
		leave(s);
		s = slot_of(folder);
	}
	if (how == FLIGHT_OWN && !s)
		s = slot_of(0);
	if (how == FLIGHT_OWN && !s)
		how = FLIGHT_TOO_LONG;
	if (how == FLIGHT_OWN) {
		s->folder = folder;
		s->flying = true;
		s->pilot = pthread_self();
		s->began = ++flights.tickets;
		s->at = eas_monotonic();
	}
	pthread_mutex_unlock(&flights.lock);
	return how;
}

static struct look *
look_of(int64_t folder)
{
	return &flights.looks[(uint64_t)folder % LOOKS];
}

void
flight_land(int64_t folder, enum err result)
{
	struct slot *s;

	pthread_mutex_lock(&flights.lock);
	s = slot_of(folder);
	if (s) { /* always: it took off */
		s->flying = false;
		s->result = result;
		if (!result)
			*look_of(folder) = (struct look){ folder, s->at };
		leave(s);
	}
	pthread_cond_broadcast(&flights.landed);
	pthread_mutex_unlock(&flights.lock);
}

bool
mirror_is_fresh(const struct state_folder *f)
{
	const struct look *look = look_of(f->id);
	bool fresh;

	pthread_mutex_lock(&flights.lock);
	fresh = look->folder == f->id && eas_monotonic() - look->at < FRESH_SECONDS;
	pthread_mutex_unlock(&flights.lock);
	return fresh;
}

void
mirror_doubt(const struct state_folder *f)
{
	struct look *look = look_of(f->id);

	pthread_mutex_lock(&flights.lock);
	if (look->folder == f->id)
		look->folder = 0;
	pthread_mutex_unlock(&flights.lock);
}
