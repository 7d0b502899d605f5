/* eas/key.h - the sync key of a collection: which epoch, which answer; and what becomes of it. Private to eas/. */
#ifndef EAS_KEY_H
#define EAS_KEY_H

#include "eas/command.h"
#include "eas/idset.h"

/* A position that is being worked on: the sets can grow and shrink. */
struct position {
	int64_t a, c;
	int64_t cut_date, cut_id;
	struct idset holes, again;
};

void position_load(struct position *p, struct arena *a, const struct state_position *stored);
/* Borrows the sets of p. */
struct state_position position_store(const struct position *p);

/* One collection of a device during one request. */
struct collection {
	struct state_collection was; /* as stored */
	struct state_collection now; /* as it becomes */
	struct position base;        /* of the key that was received */
	struct idset disowned;       /* rows that turn out not to be this epoch's */
	bool received;               /* the key came back for the first time: siblings and `done` have gone */
};

#define KEY_MAX 32

/* "EPOCH-N" */
void key_format(int64_t epoch, uint32_t n, char out[KEY_MAX]);
bool key_parse(const char *s, int64_t *epoch_r, uint32_t *n_r);
/* Draws an epoch, never 0. false: there are no random numbers. */
bool key_epoch(int64_t *epoch_r);

/* A new epoch for key 0, stored; its first key in key_r. cut_*: where its filter begins. */
enum err key_begin(struct eas_request *r, int64_t folder, const char *options, const char *supported, int64_t cut_date,
	char key_r[KEY_MAX], struct error *e) NODISCARD;

/* Finds the collection that the key belongs to and takes it as received. NOTFOUND: it is none that is kept: Status 3
 * (logged). */
enum err key_receive(struct eas_request *r, int64_t folder, const char *key, struct collection *c_r,
	struct error *e) NODISCARD;

/* The next key in c->now, for an answer that stands for pos and acknowledges `told`. */
enum err key_answer(struct collection *c, struct arena *a, const struct position *pos, const struct idset *told,
	char key_r[KEY_MAX]) NODISCARD;

/* The newest answer given in the epoch (or the base): what a wait waits from. */
const struct state_answer *key_newest(const struct state_collection *c);

/* Of a folder's epochs, newest first, the one that the device goes on with: one whose first key came back before one
 * without (it began anew and the answer was lost), then the one last used, which says little where the clock was set
 * meanwhile. NULL: there is none. */
const struct state_collection *key_in_use(const struct state_collection *list, size_t n);

#endif
