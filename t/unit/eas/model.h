/* t/unit/eas/model.h - the model's worlds, run against the engine: three phones, a mailbox that others change too.
 *
 * In a run answers get lost, requests are repeated (as they were, with a new client id, with less, with more, edited), one request runs
 * twice, the process dies between the write to the backend and the commit, the backend changes between refresh and fetch, stores something
 * else than it was given, holds items that nobody can translate and items that nobody may change; filters widen and narrow, days
 * pass, phones start over. See model_run() for what is checked.
 */
#ifndef T_UNIT_EAS_MODEL_H
#define T_UNIT_EAS_MODEL_H

#include "model_class.h"
#include "world.h"

#define MODEL_FOLDER "calendar"

struct rng {
	uint64_t state;
};

uint64_t rng_next(struct rng *r);
uint64_t rng_below(struct rng *r, uint64_t n);
bool rng_chance(struct rng *r, double p);

/* Runs one world. False: `why` (size bytes) says what broke:
 *  - a phone got an Add for an item that it has, or a Change or Delete for one that it has not;
 *  - an Add repeated after a lost answer made a second item;
 *  - a phone was told to start over, or got an error without reason;
 *  - after all was quiet a phone did not hold exactly what the backend holds inside its filter, with the same content, each once;
 *  - in a calm run (every fifth: nothing lost, no crash, the server wins) something that a phone did came back to it. */
bool model_run(struct world *w, uint64_t seed, char *why, size_t size);

#endif
