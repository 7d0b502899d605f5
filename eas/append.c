#include "eas/append.h"

#include "eas/clock.h"
#include "eas/mime.h"

int64_t
append_date(void)
{
	return eas_now();
}

struct appending {
	struct eas_request *r;
	struct state_intent i;
	const char *name, *content;
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
	in->i = (struct state_intent){ .device = r->device.id, .kind = "append", .hash = in->name,
		.client = in->content, .mark = mark,
		.message_id = mime_message_id(r->arena, mime_header_of(put->bytes)), .result = "", .step = INTENT_BEGUN,
		.created = eas_now() };
	if (!in->i.message_id)
		in->i.message_id = "";
	return state_run(r->server->state, STATE_WRITE, save_intent, in, e);
}

enum err
append_left(struct eas_request *r, const char *folder, const char *name, struct backend_stored *s_r,
	const char **content_r, struct error *e)
{
	struct appending in = { .r = r, .name = name };
	enum err err = state_run(r->server->state, STATE_READ, find_intent, &in, e);

	*s_r = (struct backend_stored){ .key = "", .version = "" };
	*content_r = "";
	if (err)
		return err;
	*content_r = in.i.client;
	if (in.i.step == INTENT_DONE && *in.i.result) {
		s_r->key = in.i.result;
		return ERR_OK;
	}
	if (!*in.i.message_id)
		return ERR_NOTFOUND;
	err = account_find(r->account, r->arena, folder, in.i.message_id, *in.i.mark ? in.i.mark : NULL, s_r, e);
	return err == ERR_UNSUPPORTED ? ERR_NOTFOUND : err;
}

enum err
append_new(struct eas_request *r, const struct backend_put *put, const char *name, const char *content,
	struct backend_stored *s_r, struct error *e)
{
	struct appending in = { .r = r, .name = name, .content = content };
	enum err err = begin(&in, put, e);

	*s_r = (struct backend_stored){ .key = "", .version = "" };
	if (!err)
		err = account_put(r->account, r->arena, put, s_r, e);
	if (!err && !*s_r->key && *in.i.message_id)
		err = account_find(r->account, r->arena, put->folder, in.i.message_id, *in.i.mark ? in.i.mark : NULL,
			s_r, e);
	if (err)
		return err;
	in.i.result = s_r->key;
	in.i.step = INTENT_DONE;
	return state_run(r->server->state, STATE_WRITE, save_intent, &in, e);
}

enum err
append_once(struct eas_request *r, const struct backend_put *put, const char *name, struct backend_stored *s_r,
	struct error *e)
{
	const char *content;
	enum err err = append_left(r, put->folder, name, s_r, &content, e);

	return err == ERR_NOTFOUND ? append_new(r, put, name, "", s_r, e) : err;
}
