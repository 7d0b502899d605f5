#include "eas/arrival.h"

#include <inttypes.h>
#include <stdlib.h>

#include "eas/clock.h"

#define KIND "arrival"
#define NOTE_EVERY 600 /* seconds */

struct arrival {
	struct eas_request *r;
	int64_t at;
};

static enum err
load(struct state_txn *t, void *arg, struct error *e)
{
	struct arrival *in = arg;
	const char *text;
	enum err err = state_request(t, in->r->arena, in->r->device.id, KIND, &text);

	(void)e;
	in->at = err ? 0 : strtoll(text, NULL, 10);
	return err == ERR_NOTFOUND ? ERR_OK : err;
}

enum err
arrival_last(struct eas_request *r, int64_t *at_r, struct error *e)
{
	struct arrival in = { .r = r };
	enum err err = state_run(r->server->state, STATE_READ, load, &in, e);

	*at_r = in.at > eas_now() ? 0 : in.at; /* the clock was ahead: nobody knows when it was */
	return err;
}

enum err
arrival_note(struct state_txn *t, struct eas_request *r)
{
	struct arrival in = { .r = r };
	enum err err = load(t, &in, NULL);
	const char *text;

	if (err || (eas_now() >= in.at && eas_now() - in.at < NOTE_EVERY))
		return err;
	text = arena_printf(r->arena, "%" PRId64, eas_now());
	return text ? state_request_save(t, r->device.id, KIND, text) : ERR_NOMEM;
}
