#include <string.h>

#include "backend/imap/mailbox.h"
#include "backend/imap/store.h"
#include "base/text.h"

static enum err
on_deleted(void *ctx, struct imap_response *r)
{
	if (r->kind == RESP_SEARCH)
		*(uint64_t *)ctx += imap_uidset_count(&r->set);
	return ERR_OK;
}

/* Without UIDPLUS an EXPUNGE takes whatever is marked. If somebody else's mail is marked too, ours stays marked: to
 * us that is gone already, and the next who expunges takes it. */
static enum err
expunge_alone(struct imap_conn *c, struct error *e)
{
	uint64_t marked = 0;
	struct imap_run run = { .fn = on_deleted, .ctx = &marked };
	struct imap_done done;
	enum err err = imap_run(c, "UID SEARCH DELETED", &run, &done, e);
	if (err || done.status != STATUS_OK || marked != 1)
		return err;
	return imap_run(c, "EXPUNGE", NULL, &done, e);
}

static enum err
mark_deleted(struct imap_conn *c, struct arena *a, const struct imap_fetch *f, const char *version, struct error *e)
{
	const char *there = imap_version(a, f);
	if (version && (!there || strcmp(version, there) != 0))
		return err_set(e, ERR_CONFLICT, "%s: the mail has changed", c->b->host);
	struct imap_store how = { .uid = f->uid, .flags = IMAP_FLAG_DELETED };
	if (version && f->has_modseq)
		how.unchanged_since = f->modseq;
	struct imap_stored stored;
	enum err err = imap_store(c, a, &how, &stored, e);
	if (err)
		return err;
	if (stored.modified)
		return err_set(e, ERR_CONFLICT, "%s: the mail has changed", c->b->host);
	if (stored.left_out && !(stored.flags & IMAP_FLAG_DELETED))
		return err_set(e, ERR_DENIED, "%s: mails may not be deleted in this folder", c->b->host);
	return ERR_OK;
}

enum err
imap_expunge(struct imap_conn *c, struct arena *a, uint32_t uid, const char *version, struct error *e)
{
	struct imap_fetch f;
	enum err err = imap_peek_marked(c, a, uid, &f, e);
	if (!err && !c->box.writable)
		err = err_set(e, ERR_DENIED, "%s: the folder is read-only", c->b->host);
	/* Marked already: an earlier try was cut before it came to the end. */
	if (!err && !(f.flags & IMAP_FLAG_DELETED))
		err = mark_deleted(c, a, &f, version, e);
	if (err)
		return err;
	if (!(c->caps & CAP_UIDPLUS))
		return expunge_alone(c, e);
	struct imap_done done;
	struct imap_cmd cmd AUTO(imap_cmd_finish) = { .c = c };
	imap_cmd_begin(&cmd, c, "UID EXPUNGE");
	imap_cmd_printf(&cmd, " %u", uid);
	err = imap_cmd_run(&cmd, NULL, &done, e);
	return err ? err : imap_done_err(c, &done, "EXPUNGE", ERR_DENIED, e);
}

enum err
imap_remove(struct backend_session *s, const char *folder, const char *key, const char *version, struct error *e)
{
	struct arena *a AUTO(arena_free) = arena_new((size_t)256 * 1024);
	struct imap_conn *c;
	uint32_t uid = imap_uid(key);
	if (!a)
		return err_set(e, ERR_NOMEM, "no memory");
	if (!uid)
		return err_set(e, ERR_NOTFOUND, "%s: no mail of this key", s->b->host);
	enum err err = imap_session_select(s, folder, &c, e);
	return err ? err : imap_expunge(c, a, uid, version, e);
}

/* "COPYUID validity source target" (RFC 4315), for one mail. "" where there is none. */
struct moving {
	char target[16];
};

static void
take_copyuid(struct moving *m, const char *code)
{
	if (!imap_code_is(code, "COPYUID"))
		return;
	const char *last = imap_code_last(code);
	size_t n = strlen(last);
	if (imap_uid(last) && n < sizeof m->target)
		memcpy(m->target, last, n + 1);
}

static enum err
on_move(void *ctx, struct imap_response *r)
{
	if (r->kind == RESP_STATE && r->status == STATUS_OK)
		take_copyuid(ctx, r->code);
	return ERR_OK;
}

static enum err
run_on_target(struct imap_conn *c, const char *word, uint32_t uid, const char *target, struct moving *m,
	struct error *e)
{
	struct imap_run run = { .fn = on_move, .ctx = m };
	struct imap_done done;
	struct imap_cmd cmd AUTO(imap_cmd_finish) = { .c = c };
	imap_cmd_begin(&cmd, c, word);
	imap_cmd_printf(&cmd, " %u", uid);
	imap_cmd_mailbox(&cmd, target);
	enum err err = imap_cmd_run(&cmd, &run, &done, e);
	if (err)
		return err;
	take_copyuid(m, done.code);
	if (done.status == STATUS_OK)
		return ERR_OK;
	return imap_done_folder(c, &done, word, target, e);
}

/* The copy is there. Where the connection is cut now, a repeat of the move would make another one: so this is tried again. */
static enum err
remove_copied(struct backend_session *s, struct arena *a, const char *folder, uint32_t uid, uint64_t validity,
	struct error *e)
{
	enum err err = ERR_UNAVAILABLE;
	for (int tries = 0; tries < 2 && err == ERR_UNAVAILABLE; tries++) {
		struct imap_conn *c;
		err = imap_session_select(s, folder, &c, e);
		if (!err && c->box.validity != validity)
			return err_set(e, ERR_UNAVAILABLE, "%s: the folder has got a new UIDVALIDITY", s->b->host);
		err = err ? err : imap_expunge(c, a, uid, NULL, e);
	}
	/* Gone meanwhile is what was wanted. */
	return err == ERR_NOTFOUND ? ERR_OK : err;
}

enum err
imap_move(struct backend_session *s, struct arena *a, const char *folder, const char *key, const char *target,
	struct backend_stored *stored_r, struct error *e)
{
	*stored_r = (struct backend_stored){ "", "" };
	struct imap_conn *c;
	struct imap_fetch f;
	struct moving m = { .target = "" };
	uint32_t uid = imap_uid(key);
	if (!uid)
		return err_set(e, ERR_NOTFOUND, "%s: no mail of this key", s->b->host);
	if (strcmp(folder, target) == 0)
		return err_set(e, ERR_INVALID, "a mail cannot be moved to where it is");
	enum err err = imap_session_select(s, folder, &c, e);
	err = err ? err : imap_peek(c, a, uid, &f, e);
	if (err)
		return err;
	if (!c->box.writable)
		return err_set(e, ERR_DENIED, "%s: the folder is read-only", s->b->host);
	if (c->caps & CAP_MOVE) {
		err = run_on_target(c, "UID MOVE", uid, target, &m, e);
	} else {
		uint64_t validity = c->box.validity;
		err = run_on_target(c, "UID COPY", uid, target, &m, e);
		err = err ? err : remove_copied(s, a, folder, uid, validity, e);
	}
	if (err)
		return err;
	stored_r->key = arena_strdup(a, m.target);
	return stored_r->key ? ERR_OK : err_set(e, ERR_NOMEM, "no memory");
}
