/* state/pack.h - private to state/: lists of numbers and texts in one column.
 *
 * Numbers are written seven bits at a time, low ones first, the eighth bit saying that more follow; signed ones with
 * the sign in the lowest bit; a text is its length and its bytes. Reading what is no such thing sets `bad` and gives
 * zeros.
 */
#ifndef STATE_PACK_H
#define STATE_PACK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "state/state.h"

void pack_u64(struct buf *b, uint64_t v);
void pack_i64(struct buf *b, int64_t v);
void pack_text(struct buf *b, const char *s);

struct unpack {
	const unsigned char *p, *end;
	bool bad;
};
uint64_t unpack_u64(struct unpack *u);
int64_t unpack_i64(struct unpack *u);
/* NULL where it is bad or memory is short. */
const char *unpack_text(struct unpack *u, struct arena *a);
/* A number of things of at least one byte each, so that a wrong one cannot ask for more memory than there are bytes. */
size_t unpack_count(struct unpack *u);

/* Answers without holes and again, which are rows. */
void pack_answers(struct buf *b, const struct state_answer *list, size_t n);
enum err unpack_answers(struct slice s, struct arena *a, struct state_answer **list_r, size_t *n_r) NODISCARD;
void pack_done(struct buf *b, const struct state_done *list, size_t n);
enum err unpack_done(struct slice s, struct arena *a, struct state_done **list_r, size_t *n_r) NODISCARD;
void pack_hierarchy(struct buf *b, const struct state_hierarchy *h);
enum err unpack_hierarchy(struct slice s, struct state_hierarchy *h) NODISCARD;

#endif
