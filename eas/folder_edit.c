#include "eas/folder_edit.h"

#include <string.h>

#define NAME_CHARACTERS 256

bool
folder_edit_name_ok(const char *name)
{
	size_t n = 0;

	for (const char *p = name ? name : ""; *p; p++)
		n += ((unsigned char)*p & 0xc0) != 0x80; /* bytes that go on with a character do not count */
	return n > 0 && n <= NAME_CHARACTERS;
}

struct state_folder *
folder_edit_named(struct hierarchy *h, const char *parent, const char *name, unsigned class)
{
	for (size_t i = 0; i < h->n_folders; i++) {
		struct state_folder *f = &h->folders[i];

		if (!f->deleted && f->class == class && strcmp(f->parent, parent) == 0 && strcmp(f->name, name) == 0)
			return f;
	}
	return NULL;
}

struct storing {
	struct eas_request *r;
	const struct hierarchy *h;
	const struct state_folder *f;
	struct state_folder stored;
	size_t n_below;    /* folders that went with it */
	char key[KEY_MAX]; /* the new one */
	bool late;         /* it could not be stored: another responder was faster */
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

/* A key that begins with the old key of what was renamed, as it is now; another stays. */
static const char *
rekey(const struct storing *s, const char *key, const char *old)
{
	size_t n = strlen(old);

	return strncmp(key, old, n) == 0 ? arena_printf(s->r->arena, "%s%s", s->f->key, key + n) : key;
}

/* Folders below a renamed one get other keys where the key holds the path; the backend tells at the next look, and a
 * folder that is gone and comes under another key would be synced anew. So they are given their new keys here. */
static enum err
rename_below(struct state_txn *t, const struct storing *s, const char *old_key)
{
	enum err err = ERR_OK;

	for (size_t i = 0; !err && i < s->h->n_folders; i++) {
		struct state_folder f = s->h->folders[i];

		/* By the parents: a folder beside it may be called the same and more. */
		if (f.deleted || !hierarchy_is_below(s->h, &f, old_key))
			continue;
		f.key = rekey(s, f.key, old_key);
		f.parent = rekey(s, f.parent, old_key);
		if (!f.key || !f.parent)
			return ERR_NOMEM;
		err = state_folder_save(t, &f);
	}
	return err;
}

static enum err
save_below(struct state_txn *t, struct storing *s)
{
	const struct state_folder *was = hierarchy_folder(s->h, s->f->id);

	if (s->f->deleted)
		return forget_below(t, s);
	return was && strcmp(was->key, s->f->key) != 0 ? rename_below(t, s, was->key) : ERR_OK;
}

/* What the new key stands for. Nothing else has happened since the old one: it stands behind the phone's own change. Else
 * that comes once more with the next FolderSync, which does no harm; to miss another change would. */
static int64_t
behind(const struct hierarchy *h, const struct state_folder *f)
{
	return h->user_seq == h->seq && f->hierarchy_seq == h->user_seq + 1 ? f->hierarchy_seq : h->seq;
}

/* The folder and the key in one: what waits on this device would take its own change for news. Where the key comes too
 * late, the folder is stored all the same, as the backend has it so. */
static enum err
store(struct state_txn *t, void *arg, struct error *e)
{
	struct storing *s = arg;
	struct hierarchy h = *s->h; /* a run that is repeated begins with what it was given */
	struct state_folder f = *s->f;
	enum err err = state_folder_save(t, &f);

	(void)e;
	if (!err)
		err = save_below(t, s);
	if (!err)
		err = hierarchy_answer_in(t, s->r, &h, behind(&h, &f), s->key);
	s->late = err == ERR_CONFLICT;
	if (err && !s->late)
		return err;
	s->stored = f;
	return ERR_OK;
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

enum eas_outcome
folder_edit_done(struct eas_request *r, struct hierarchy *h, const struct state_folder *f, unsigned root_tag)
{
	struct storing s = { .r = r, .h = h, .f = f };
	struct error e = { 0 };
	enum err err = state_run(r->server->state, STATE_WRITE, store, &s, &e);

	if (err)
		return folder_edit_failed(r, err, &e, root_tag, 6);
	if (s.n_below)
		hierarchy_doubt(account_user(r->account));
	r->server->nudge(r->server->ctx, r->user);
	return s.late ? folder_edit_failed(r, ERR_UNAVAILABLE, &e, root_tag, 6) : answer(r, s.key, &s.stored, root_tag);
}

enum eas_outcome
folder_edit_again(struct eas_request *r, struct hierarchy *h, const struct state_folder *f, unsigned root_tag)
{
	bool alone = f->hierarchy_seq == h->seq + 1 && h->user_seq == f->hierarchy_seq;
	struct error e = { 0 };
	char key[KEY_MAX];
	enum err err = hierarchy_answer(r, h, alone ? f->hierarchy_seq : h->seq, key, &e);

	if (err)
		return folder_edit_failed(r, err == ERR_CONFLICT ? ERR_UNAVAILABLE : err, &e, root_tag, 6);
	return answer(r, key, f, root_tag);
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
