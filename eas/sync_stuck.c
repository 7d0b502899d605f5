#include "eas/sync_stuck.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "eas/clock.h"

#define TIMES 3
#define SECONDS 3600
#define RETRY 86400
#define SEPARATOR ';' /* none of Base64 */

/* Answers given from the base and not seen to have arrived. Of many only the last are kept; the numbers tell of the
 * others. */
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

/* A time to come was noted by a clock that was ahead (a Pi has none of its own): as good as past. */
static bool
is_due(int64_t since)
{
	return eas_now() - since >= RETRY || since > eas_now();
}

/* Was it tried again in the answer that has come back? Its `again` has confirmed it then. */
static bool
was_retried(const struct collection *c, int64_t item)
{
	for (size_t i = 0; c->received && i < c->was.n_answers; i++) {
		const struct state_answer *answer = &c->was.answers[i];

		for (size_t k = 0; answer->n == c->now.base && k < answer->n_told; k++) {
			if (answer->told[k] == item)
				return true;
		}
	}
	return false;
}

/* ";ITEM TIMES SINCE" and " ITEM SINCE" of each that is aside. */
static void
parse(const char *p, const struct collection *c, struct stuck *s)
{
	char *end;

	s->item = strtoll(p, &end, 10);
	s->times = (unsigned)strtoul(end, &end, 10);
	s->since = strtoll(end, &end, 10);
	if (c->received) {
		s->item = s->since = 0;
		s->times = 0;
	}
	if (s->since > eas_now())
		s->since = eas_now();
	while (*end == ' ' && s->n_aside < STUCK_ASIDE) {
		int64_t item = strtoll(end, &end, 10), since = strtoll(end, &end, 10);

		if (is_due(since) && was_retried(c, item))
			continue;
		s->aside[s->n_aside].item = item;
		s->aside[s->n_aside++].since = since;
	}
}

const char *
stuck_load(struct arena *a, const struct collection *c, struct stuck *s_r)
{
	const char *rest = strchr(c->was.options, SEPARATOR);

	*s_r = (struct stuck){ 0 };
	if (!rest)
		return c->was.options;
	parse(rest + 1, c, s_r);
	return arena_strndup(a, c->was.options, (size_t)(rest - c->was.options));
}

bool
stuck_is_suspect(const struct stuck *s)
{
	return s->item && s->times >= TIMES && eas_now() - s->since > SECONDS;
}

int64_t
stuck_item(const struct stuck *s)
{
	return stuck_is_suspect(s) && s->answered > s->since ? s->item : 0;
}

void
stuck_retry(struct stuck *s, struct idset *retry)
{
	for (unsigned i = 0; i < s->n_aside; i++) {
		if (is_due(s->aside[i].since))
			idset_add(retry, s->aside[i].item);
	}
	s->retried = retry->n > 0;
}

void
stuck_in_vain(struct stuck *s)
{
	for (unsigned i = 0; i < s->n_aside; i++) {
		if (is_due(s->aside[i].since))
			s->aside[i].since = eas_now();
	}
}

static void
put_aside(struct stuck *s)
{
	if (s->n_aside == STUCK_ASIDE)
		/* it is tried again when it changes */
		memmove(&s->aside[0], &s->aside[1], --s->n_aside * sizeof s->aside[0]);
	s->aside[s->n_aside].item = s->item;
	s->aside[s->n_aside++].since = eas_now();
	s->item = 0;
	s->times = 0;
}

void
stuck_sent(struct stuck *s, unsigned window, unsigned n, int64_t item)
{
	if (stuck_item(s))
		put_aside(s); /* this page was made without it */
	if (window > 1 || n != 1 || item == 0)
		return;
	if (s->item != item) {
		s->item = item;
		s->times = 0;
		s->since = eas_now();
	}
	s->times++;
}

const char *
stuck_text(struct arena *a, const char *options, const struct stuck *s)
{
	AUTO(buf_finish) struct buf text = { 0 };

	if (s->item == 0 && s->n_aside == 0)
		return options;
	buf_init(&text, 1 << 20);
	buf_printf(&text, "%s%c%" PRId64 " %u %" PRId64, options, SEPARATOR, s->item, s->times, s->since);
	for (unsigned i = 0; i < s->n_aside; i++)
		buf_printf(&text, " %" PRId64 " %" PRId64, s->aside[i].item, s->aside[i].since);
	return buf_str(&text) ? arena_strdup(a, buf_str(&text)) : NULL;
}
