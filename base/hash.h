/* base/hash.h - FNV-1a with 64 bits: for tables, and to tell one version of a thing from the next. Not for secrets, and not where
 * somebody gains by a collision. */
#ifndef BASE_HASH_H
#define BASE_HASH_H

#include <stdint.h>

#define HASH_START 14695981039346656037u

/* Goes on from h with s and its NUL, so that "ab", "c" and "a", "bc" differ. */
static inline uint64_t
hash_text(uint64_t h, const char *s)
{
	do
		h = (h ^ (unsigned char)*s) * 1099511628211u;
	while (*s++);
	return h;
}

#endif
