#include "eas/folder_edit.h"

struct storing {
	struct eas_request *r;
	const struct hierarchy *h;
	struct state_folder *f;
	size_t n_below; /* folders that went with it */
};

/* What stood in a folder that is deleted: a phone drops it with the folder or does not, and a mail server keeps it or
 * does not. So all of it is told to be gone, and what the next look finds comes as new. */
static enum err
forget_below(struct state_txn *t, struct storing *s)
{
	enum err err = ERR_OK;

	s->n_below = 0;
	for (size_t i = 0; !err && i < s->h->n_folders; i++) {
		struct state_folder f = s->h->folders[i];

		if (f.deleted || !hierarchy_is_below(s->h, &f, s->f->key))
			continue;
		f.deleted = true;
		err = state_folder_save(t, &f);
		s->n_below++;
	}
	return err;
}

static enum err
store(struct state_txn *t, void *arg, struct error *e)
{
	struct storing *s = arg;
	struct state_folder f = *s->f; /* a run that is repeated begins with what it was given */
	enum err err = state_folder_save(t, &f);

	(void)e;
	if (!err && f.deleted)
		err = forget_below(t, s);
	if (!err)
		*s->f = f;
	return err;
}

static enum eas_outcome
answer(struct eas_request *r, const char *key, const struct state_folder *f, unsigned root_tag)
{
	struct wbxml_writer w;

	reply_wbxml(r, &w);
	wbxml_start(&w, root_tag);
	wbxml_put_int(&w, FolderHierarchy_Status, 1);
	wbxml_put(&w, FolderHierarchy_SyncKey, key);
	if (root_tag == FolderHierarchy_FolderCreate)
		wbxml_put_int(&w, FolderHierarchy_ServerId, f->id);
	wbxml_end(&w);
	r->reply.eas_status = 1;
	return EAS_DONE;
}

static enum eas_outcome
take_key(struct eas_request *r, struct hierarchy *h, int64_t seq, const struct state_folder *f, unsigned root_tag)
{
	struct error e = { 0 };
	char key[KEY_MAX];
	enum err err = hierarchy_answer(r, h, seq, key, &e);

	if (err)
		return folder_edit_failed(r, err == ERR_CONFLICT ? ERR_UNAVAILABLE : err, &e, root_tag, 6);
	return answer(r, key, f, root_tag);
}

enum eas_outcome
folder_edit_done(struct eas_request *r, struct hierarchy *h, struct state_folder *f, unsigned root_tag)
{
	struct storing s = { .r = r, .h = h, .f = f };
	struct error e = { 0 };
	enum err err = state_run(r->server->state, STATE_WRITE, store, &s, &e);

	if (err)
		return folder_edit_failed(r, err, &e, root_tag, 6);
	if (s.n_below)
		hierarchy_doubt(account_user(r->account));
	/* Nothing else has happened since the key: the new one stands behind the phone's own change. Else that comes
	 * once more with the next FolderSync, which does no harm; to miss another change would. */
	bool alone = h->user_seq == h->seq && f->hierarchy_seq == h->user_seq + 1;
	enum eas_outcome outcome = take_key(r, h, alone ? f->hierarchy_seq : h->seq, f, root_tag);
	/* Once this device's key stands behind it: what waits on the others has news now. */
	r->server->nudge(r->server->ctx, r->user);
	return outcome;
}

enum eas_outcome
folder_edit_again(struct eas_request *r, struct hierarchy *h, const struct state_folder *f, unsigned root_tag)
{
	bool alone = f->hierarchy_seq == h->seq + 1 && h->user_seq == f->hierarchy_seq;

	return take_key(r, h, alone ? f->hierarchy_seq : h->seq, f, root_tag);
}

enum eas_outcome
folder_edit_failed(struct eas_request *r, enum err err, const struct error *e, unsigned root_tag, unsigned absent)
{
	unsigned status;

	switch (err) {
	case ERR_NOTFOUND:
	case ERR_NOFOLDER:
		status = absent;
		break;
	case ERR_EXISTS:
		status = 2;
		break;
	case ERR_DENIED:
	case ERR_UNSUPPORTED:
		log_warn(&r->log, "%s", e->text);
		status = root_tag == FolderHierarchy_FolderCreate ? 10 : 3;
		break;
	case ERR_INVALID:
	case ERR_LIMIT:
		log_warn(&r->log, "%s", e->text);
		status = 10;
		break;
	default:
		status = reply_status_of(r, err, e);
		if (status == 111 && r->query.version < 140)
			status = 6;
	}
	return reply_status(r, root_tag, FolderHierarchy_Status, status);
}
