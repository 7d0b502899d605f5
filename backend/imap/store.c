#include <string.h>

#include "backend/imap/mailbox.h"
#include "backend/imap/store.h"

struct storing {
	struct arena *a;
	uint32_t uid;
	bool found;
	struct imap_fetch f; /* keywords are not kept */
};

static enum err
on_store(void *ctx, struct imap_response *r)
{
	struct storing *st = ctx;
	const struct imap_fetch *f = &r->fetch;
	if (r->kind != RESP_FETCH || f->uid != st->uid)
		return ERR_OK;
	st->found = true;
	if (f->has_flags) {
		st->f.has_flags = true;
		st->f.flags = f->flags;
	}
	if (f->has_modseq) {
		st->f.has_modseq = true;
		st->f.modseq = f->modseq;
	}
	return ERR_OK;
}

enum err
imap_store(struct imap_conn *c, struct arena *a, const struct imap_store *how, struct imap_stored *r, struct error *e)
{
	struct storing st = { .a = a, .uid = how->uid };
	struct imap_run run = { .fn = on_store, .ctx = &st };
	struct imap_done done;
	struct imap_cmd cmd AUTO(imap_cmd_finish) = { .c = c };
	imap_cmd_begin(&cmd, c, "UID STORE");
	imap_cmd_printf(&cmd, " %u", how->uid);
	if (how->unchanged_since)
		imap_cmd_printf(&cmd, " (UNCHANGEDSINCE %llu)", (unsigned long long)how->unchanged_since);
	imap_cmd_raw(&cmd, how->remove ? " -FLAGS" : " +FLAGS");
	bool left_out = false;
	imap_cmd_flags(&cmd, a, how->flags, how->keywords, how->remove, &left_out);
	*r = (struct imap_stored){ .left_out = left_out };
	enum err err = imap_cmd_run(&cmd, &run, &done, e);
	if (err)
		return err;
	/* RFC 7162 3.1.3: MODIFIED comes with an OK, or with a NO */
	r->modified = imap_code_is(done.code, "MODIFIED");
	if (r->modified)
		return ERR_OK;
	r->found = st.found;
	r->modseq = st.f.has_modseq ? st.f.modseq : 0;
	r->flags = st.f.flags;
	return imap_done_err(c, &done, "STORE", ERR_DENIED, e);
}

/* Is there something that a STORE could say? An empty list is no error, but a waste. */
static bool
any(unsigned flags, const char *const *keywords)
{
	return flags || (keywords && keywords[0]);
}

struct flagging {
	const struct backend_flagging *what;
	uint32_t uid;
	uint64_t known;   /* the core knows of all up to this MODSEQ; 0: we cannot vouch */
	bool clean;       /* what the core knew and what we did is all there is */
	uint64_t modseq;  /* after our last STORE */
};

/* One STORE: guarded by UNCHANGEDSINCE while we can vouch, plain once somebody else was in between: flags are merged,
 * and the core must see the other change as somebody else's. */
static enum err
half(struct imap_conn *c, struct arena *a, struct flagging *fl, bool remove, struct error *e)
{
	const struct backend_flagging *w = fl->what;
	struct imap_store how = {
		.uid = fl->uid,
		.flags = remove ? w->clear : w->set,
		.keywords = remove ? w->remove_keywords : w->add_keywords,
		.remove = remove,
		.unchanged_since = fl->clean ? fl->known : 0,
	};
	if (!any(how.flags, how.keywords))
		return ERR_OK;
	struct imap_stored stored;
	enum err err = imap_store(c, a, &how, &stored, e);
	if (!err && stored.modified) {
		fl->clean = false;
		how.unchanged_since = 0;
		err = imap_store(c, a, &how, &stored, e);
	}
	if (err)
		return err;
	fl->clean = fl->clean && stored.modseq && !stored.left_out;
	fl->modseq = fl->known = stored.modseq;
	return ERR_OK;
}

enum err
imap_flag(struct backend_session *s, struct arena *a, const struct backend_flagging *what,
	struct backend_stored *stored_r,
	struct error *e)
{
	*stored_r = (struct backend_stored){ what->key, "" };
	struct imap_conn *c;
	struct imap_fetch f;
	struct flagging fl = { .what = what, .uid = imap_uid(what->key) };
	if (!fl.uid)
		return err_set(e, ERR_NOTFOUND, "%s: no mail of this key", s->b->host);
	enum err err = imap_session_select(s, what->folder, &c, e);
	err = err ? err : imap_peek(c, a, fl.uid, &f, e);
	if (err)
		return err;
	if (!c->box.writable)
		return err_set(e, ERR_DENIED, "%s: the folder is read-only", s->b->host);
	fl.known = c->box.modseq ? imap_session_known(s, what->folder, c->box.validity, fl.uid) : 0;
	fl.clean = fl.known != 0;
	err = half(c, a, &fl, false, e);
	err = err ? err : half(c, a, &fl, true, e);
	if (err || !fl.clean || !fl.modseq)
		return err;
	imap_session_stored(s, c->box.validity, fl.uid, fl.modseq);
	stored_r->version = arena_printf(a, "%llu", (unsigned long long)fl.modseq);
	return stored_r->version ? ERR_OK : err_set(e, ERR_NOMEM, "no memory");
}
