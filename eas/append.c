#include "eas/append.h"

#include <string.h>

#include "base/text.h"
#include "eas/clock.h"

int64_t
append_date(void)
{
	return eas_now();
}

const char *
append_message_id(struct arena *a, struct slice m)
{
	const char *p = (const char *)m.ptr, *end = p + m.len;

	while (p < end) {
		const char *eol = memchr(p, '\n', (size_t)(end - p));
		size_t n = eol ? (size_t)(eol - p) : (size_t)(end - p);

		if (n <= 1)
			return NULL; /* the end of the head */
		if (n > 11 && text_ncasecmp(p, "Message-ID:", 11) == 0) {
			const char *from = memchr(p, '<', (size_t)(end - p));
			const char *to = from ? memchr(from, '>', (size_t)(end - from)) : NULL;

			return to && to - from < 900 ? arena_strndup(a, from, (size_t)(to - from) + 1) : NULL;
		}
		p = eol ? eol + 1 : end;
	}
	return NULL;
}

struct appending {
	struct eas_request *r;
	struct state_intent i;
	const char *name;
};

static enum err
find_intent(struct state_txn *t, void *arg, struct error *e)
{
	struct appending *in = arg;

	(void)e;
	return state_intent(t, in->r->arena, in->r->device.id, "append", in->name, "", &in->i);
}

static enum err
save_intent(struct state_txn *t, void *arg, struct error *e)
{
	struct appending *in = arg;
	struct state_intent i = in->i;
	enum err err = state_intent_save(t, &i);

	(void)e;
	if (!err)
		in->i.id = i.id;
	return err;
}

static enum err
begin(struct appending *in, const struct backend_put *put, struct error *e)
{
	struct eas_request *r = in->r;
	const char *mark = "";
	enum err err = account_mark(r->account, r->arena, put->folder, &mark, e);

	if (err && err != ERR_UNSUPPORTED)
		return err;
	in->i = (struct state_intent){ .device = r->device.id, .kind = "append", .hash = in->name, .client = "", .mark = mark,
		.message_id = append_message_id(r->arena, put->bytes), .result = "", .step = INTENT_BEGUN, .created = eas_now() };
	if (!in->i.message_id)
		in->i.message_id = "";
	return state_run(r->server->state, STATE_WRITE, save_intent, in, e);
}

static enum err
append_held(struct eas_request *r, const struct backend_put *put, const char *name, struct backend_stored *s_r, struct error *e)
{
	struct appending in = { .r = r, .name = name };
	struct state *state = r->server->state;
	enum err err = state_run(state, STATE_READ, find_intent, &in, e);

	*s_r = (struct backend_stored){ .key = "", .version = "" };
	if (!err && in.i.step == INTENT_DONE && *in.i.result) {
		s_r->key = in.i.result;
		return ERR_OK;
	}
	if (!err && *in.i.message_id) {
		err = account_find(r->account, r->arena, put->folder, in.i.message_id, *in.i.mark ? in.i.mark : NULL, s_r, e);
		if (!err)
			return ERR_OK;
		if (err != ERR_NOTFOUND && err != ERR_UNSUPPORTED)
			return err;
	} else if (err == ERR_NOTFOUND) {
		err = begin(&in, put, e);
		if (err)
			return err;
	} else if (err) {
		return err;
	}
	err = account_put(r->account, r->arena, put, s_r, e);
	if (!err && !*s_r->key && *in.i.message_id)
		err = account_find(r->account, r->arena, put->folder, in.i.message_id, *in.i.mark ? in.i.mark : NULL, s_r, e);
	if (err)
		return err;
	in.i.result = s_r->key;
	in.i.step = INTENT_DONE;
	return state_run(state, STATE_WRITE, save_intent, &in, e);
}

enum err
append_once(struct eas_request *r, const struct backend_put *put, const char *name, struct backend_stored *s_r, struct error *e)
{
	enum err err = state_device_hold(r->server->state, r->device.id, e);

	*s_r = (struct backend_stored){ .key = "", .version = "" };
	if (err)
		return err;
	err = append_held(r, put, name, s_r, e);
	state_device_let_go(r->server->state, r->device.id);
	return err;
}
