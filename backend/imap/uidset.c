#include "backend/imap/uidset.h"

#include <stdlib.h>

void
imap_uidset_add(struct imap_uidset *s, uint32_t lo, uint32_t hi)
{
	if (lo > hi) {
		uint32_t swap = lo;
		lo = hi;
		hi = swap;
	}
	if (s->n > 0 && s->list[s->n - 1].hi != UINT32_MAX && s->list[s->n - 1].hi + 1 == lo) {
		s->list[s->n - 1].hi = hi;
		return;
	}
	if (s->n == s->cap) {
		size_t cap = s->cap ? s->cap * 2 : 16;
		struct imap_range *more = cap <= IMAP_UIDSET_MAX ? realloc(s->list, cap * sizeof *more) : NULL;
		if (!more) {
			s->failed = true;
			return;
		}
		s->list = more;
		s->cap = cap;
	}
	s->list[s->n++] = (struct imap_range){ lo, hi };
}

static const char *
parse_number(const char *p, uint32_t *n_r)
{
	if (*p == '*') {
		*n_r = UINT32_MAX;
		return p + 1;
	}
	uint64_t n = 0;
	const char *start = p;
	for (; *p >= '0' && *p <= '9' && p - start < 10; p++)
		n = n * 10 + (uint64_t)(*p - '0');
	if (p == start || n > UINT32_MAX)
		return NULL;
	*n_r = (uint32_t)n;
	return p;
}

bool
imap_uidset_parse(struct imap_uidset *s, const char *p)
{
	while (p && *p) {
		uint32_t lo, hi;
		if (!(p = parse_number(p, &lo)))
			return false;
		hi = lo;
		if (*p == ':' && !(p = parse_number(p + 1, &hi)))
			return false;
		imap_uidset_add(s, lo, hi);
		if (*p == ',')
			p++;
		else if (*p)
			return false;
	}
	return p && !s->failed;
}

uint64_t
imap_uidset_count(const struct imap_uidset *s)
{
	uint64_t n = 0;
	for (size_t i = 0; i < s->n; i++)
		n += (uint64_t)s->list[i].hi - s->list[i].lo + 1;
	return n;
}

void
imap_uidset_finish(struct imap_uidset *s)
{
	free(s->list);
	*s = (struct imap_uidset){ NULL, 0, 0, false };
}
