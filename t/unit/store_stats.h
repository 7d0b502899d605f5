/* What the store was asked for so far, of base/count.h: tests look at differences. */
#ifndef T_UNIT_STORE_STATS_H
#define T_UNIT_STORE_STATS_H

#include "base/count.h"

struct store_stats {
	uint64_t statements, commits, rollbacks, retries, rows_written, bytes_written;
};

static inline struct store_stats
store_stats(void)
{
	return (struct store_stats){ count_get(COUNT_STORE_STATEMENTS), count_get(COUNT_STORE_COMMITS),
		count_get(COUNT_STORE_ROLLBACKS), count_get(COUNT_STORE_RETRIES), count_get(COUNT_STORE_ROWS),
		count_get(COUNT_STORE_OUT) };
}

#endif
