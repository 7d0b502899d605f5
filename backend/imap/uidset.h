/* backend/imap/uidset.h - a set of numbers as ranges, grown as a response is read ("1:4,7,9:12").
 *
 * Limits: IMAP_UIDSET_MAX ranges. Failures are sticky and show in `failed`.
 */
#ifndef BACKEND_IMAP_UIDSET_H
#define BACKEND_IMAP_UIDSET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define IMAP_UIDSET_MAX ((size_t)1024 * 1024)

struct imap_range {
	uint32_t lo, hi; /* lo <= hi */
};

struct imap_uidset {
	struct imap_range *list; /* owned; in the order of the server */
	size_t n, cap;
	bool failed;
};

/* The ends may come in either order. A number right after the last range extends it. */
void imap_uidset_add(struct imap_uidset *s, uint32_t lo, uint32_t hi);
/* Parses "1:4,7" ("*" is 4294967295); false where it is malformed. */
bool imap_uidset_parse(struct imap_uidset *s, const char *text);
/* How many numbers, all ranges counted. */
uint64_t imap_uidset_count(const struct imap_uidset *s);
void imap_uidset_finish(struct imap_uidset *s);

#endif
