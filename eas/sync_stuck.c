#include "eas/sync_stuck.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "eas/clock.h"

#define TIMES 3
#define SECONDS 3600
#define SEPARATOR ';' /* none of Base64 */

/* Answers given from the base and not seen to have arrived. Of many only the last are kept; the numbers tell of the others. */
static unsigned
repeats(const struct collection *c)
{
	unsigned kept = 0;

	if (c->received)
		return 0;
	for (size_t i = 0; i < c->was.n_answers; i++)
		kept += c->was.answers[i].n != c->was.base;
	return kept < STATE_ANSWERS ? kept : c->was.n - c->was.base;
}

unsigned
stuck_window(const struct collection *c, unsigned window)
{
	unsigned n = repeats(c);

	for (; n && window > 1; n--)
		window /= 2;
	return window;
}

const char *
stuck_load(struct arena *a, const struct collection *c, struct stuck *s_r)
{
	const char *rest = strchr(c->was.options, SEPARATOR);
	char *end;

	*s_r = (struct stuck){ 0 };
	if (!rest)
		return c->was.options;
	if (!c->received) {
		s_r->item = strtoll(rest + 1, &end, 10);
		s_r->times = (unsigned)strtoul(end, &end, 10);
		s_r->since = strtoll(end, NULL, 10);
	}
	return arena_strndup(a, c->was.options, (size_t)(rest - c->was.options));
}

int64_t
stuck_item(const struct stuck *s)
{
	return s->times >= TIMES && eas_now() - s->since > SECONDS ? s->item : 0;
}

const char *
stuck_note(struct arena *a, const char *options, struct stuck *s, unsigned n, int64_t item)
{
	if (n != 1 || item == 0)
		return options;
	if (s->item != item)
		*s = (struct stuck){ .item = item, .since = eas_now() };
	s->times++;
	return arena_printf(a, "%s%c%" PRId64 " %u %" PRId64, options, SEPARATOR, s->item, s->times, s->since);
}
