/* eas/idset.h - a sorted set of row ids in the request's arena. Private to eas/. */
#ifndef EAS_IDSET_H
#define EAS_IDSET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"

struct idset {
	struct arena *arena;
	int64_t *v;
	size_t n, room;
	bool failed; /* memory was short: sticky, asked for once */
};

void idset_init(struct idset *s, struct arena *a);
/* From a sorted array, which is copied. */
void idset_load(struct idset *s, struct arena *a, const int64_t *v, size_t n);
bool idset_has(const struct idset *s, int64_t id);
void idset_add(struct idset *s, int64_t id);
void idset_remove(struct idset *s, int64_t id);

#endif
