/* Watching: IDLE on the Inbox, on a connection that does nothing else; the other folders by NOTIFY (RFC 5465) where
 * the server has it, else by STATUS once per interval. */
#include <stdlib.h>
#include <string.h>

#include "backend/imap/mailbox.h"

#define RENEW_IDLE ((int64_t)20 * 60 * 1000)
/* A connection that was silent for so long is probed by ending and beginning IDLE. */
#define PROBE_IDLE ((int64_t)5 * 60 * 1000)
/* The core counts whole seconds: it asks up to one earlier than it was told to. */
#define POLL_EARLY 1500
#define CLOSE_UNUSED ((int64_t)60 * 1000)
#define BATCH 50

struct watched {
	char *folder;
	struct imap_counts counts; /* as last seen */
	bool known, asked, answered, hit;
};

struct imap_watch {
	struct watched *list;
	size_t n;
	int64_t looked;    /* when STATUS was last asked */
	int64_t idle_since;
	bool notified;     /* NOTIFY tells of the other folders on this connection */
	bool no_notify;    /* it was too much for the server */
	struct imap_cmd idle; /* the IDLE that runs */
};

static void
watched_free(struct watched *list, size_t n)
{
	for (size_t i = 0; list && i < n; i++)
		free(list[i].folder);
	free(list);
}

void
imap_watch_free(struct imap_watch **pw)
{
	struct imap_watch *w = *pw;
	*pw = NULL;
	if (!w)
		return;
	watched_free(w->list, w->n);
	imap_cmd_finish(&w->idle);
	free(w);
}

static struct watched *
find(const struct imap_watch *w, const char *folder)
{
	for (size_t i = 0; i < w->n; i++) {
		if (strcmp(w->list[i].folder, folder) == 0)
			return &w->list[i];
	}
	return NULL;
}

/* A new list; what was known of folders that stay is kept, so that nothing is missed in between. */
static bool
set_folders(struct imap_watch *w, const char *const *folders, size_t n)
{
	struct watched *list = calloc(n + 1, sizeof *list);
	if (!list)
		return false;
	for (size_t i = 0; i < n; i++) {
		const struct watched *old = find(w, folders[i]);
		if (old)
			list[i] = *old;
		if (!(list[i].folder = strdup(folders[i]))) {
			watched_free(list, n);
			return false;
		}
	}
	watched_free(w->list, w->n);
	w->list = list;
	w->n = n;
	return true;
}

/* Takes over what a look found, all or a part; does it differ from the one before? */
static void
compare(struct watched *f, const struct imap_counts *now)
{
	struct imap_counts *was = &f->counts;
	uint64_t *const old[] = { &was->messages, &was->uidnext, &was->uidvalidity, &was->unseen, &was->modseq };
	const uint64_t *const new[] = { &now->messages, &now->uidnext, &now->uidvalidity, &now->unseen, &now->modseq };
	for (unsigned i = 0; i < ARRAY_LEN(old); i++) {
		unsigned bit = 1U << i;
		f->hit |= f->known && was->has & now->has & bit && *old[i] != *new[i];
		if (now->has & bit)
			*old[i] = *new[i];
	}
	was->has |= now->has;
	f->known = true;
}

struct asking {
	struct imap_watch *w;
	struct imap_conn *c;
};

/* What a server with NOTIFY tells may come at any time, between any two lines. */
static enum err
on_told(void *ctx, struct imap_response *r)
{
	struct asking *ask = ctx;
	/* RFC 5465 5.8: the server gives up and behaves as after NOTIFY NONE, so that not even IDLE tells anything: it takes another
	 * connection. */
	if (r->kind == RESP_STATE && imap_code_is(r->code, "NOTIFICATIONOVERFLOW"))
		ask->w->no_notify = ask->c->dead = true;
	if (r->kind != RESP_STATUS)
		return ERR_OK;
	struct arena *a AUTO(arena_free) = arena_new(65536);
	const char *key = a ? imap_key_of(a, r->name, r->name_len, ask->c->utf8) : NULL;
	struct watched *f = key ? find(ask->w, key) : NULL;
	if (f) {
		f->answered = true;
		compare(f, &r->counts);
	}
	return ERR_OK;
}

/* The Inbox if it is watched, else the first; NULL: the server has no IDLE. */
static const char *
idle_folder(const struct imap_watch *w, const struct imap_conn *c)
{
	const struct watched *inbox = find(w, "INBOX");
	return !(c->caps & CAP_IDLE) ? NULL : inbox ? inbox->folder : w->n ? w->list[0].folder : NULL;
}

/* STATUS of all folders but the one that IDLE is for, which EXAMINE tells of; `fresh` only those of which nothing is
 * known yet. */
static enum err
look(struct imap_watch *w, struct imap_conn *c, bool fresh, struct error *e)
{
	struct asking ask = { w, c };
	struct imap_run run = { .fn = on_told, .ctx = &ask };
	struct imap_done done;
	const char *idle = idle_folder(w, c);
	for (size_t i = 0; i < w->n;) {
		struct imap_cmd cmd AUTO(imap_cmd_finish) = { .c = c };
		size_t from = i;
		for (unsigned n = 0; i < w->n && n < BATCH; i++) {
			struct watched *f = &w->list[i];
			f->answered = false;
			f->asked = f->folder != idle && !(fresh && f->known);
			if (!f->asked)
				continue;
			imap_cmd_begin(&cmd, c, "STATUS");
			imap_cmd_mailbox(&cmd, f->folder);
			imap_cmd_raw(&cmd, imap_status_items(c));
			n++;
		}
		enum err err = cmd.n_tags ? imap_cmd_run(&cmd, &run, &done, e) : ERR_OK;
		if (err)
			return err;
		for (; from < i; from++) {
			struct watched *f = &w->list[from];
			/* Refused: gone, which a look by changes() will tell; said once. */
			if (f->asked && !f->answered) {
				f->hit |= f->known;
				f->known = false;
			}
		}
	}
	w->looked = imap_now();
	return ERR_OK;
}

/* Reads what is there without waiting for more. */
static enum err
drain(struct imap_watch *w, struct imap_conn *c, struct error *e)
{
	struct asking ask = { w, c };
	while (imap_conn_readable(c)) {
		struct imap_response r;
		imap_conn_deadline(c);
		enum err err = imap_conn_response(c, 0, &r, e);
		if (err)
			return err;
		(void)on_told(&ask, &r);
		imap_response_finish(&r);
	}
	struct watched *f = c->box.name ? find(w, c->box.name) : NULL;
	if (f && c->changed) {
		f->hit = true;
		f->counts.has = 0; /* as it is now is not known; it need not be, while we are told */
	}
	c->changed = false;
	if (c->dead)
		return imap_conn_fail(c, ERR_UNAVAILABLE, "connection lost", e);
	imap_conn_rest(c);
	return ERR_OK;
}

static enum err
idle_end(struct imap_watch *w, struct imap_conn *c, struct error *e)
{
	if (!c->idling)
		return ERR_OK;
	c->idling = false;
	struct asking ask = { w, c };
	struct imap_run run = { .fn = on_told, .ctx = &ask };
	enum err err = imap_conn_send(c, "DONE\r\n", 6, e);
	err = err ? err : imap_cmd_wait(&w->idle, &run, NULL, e);
	imap_cmd_finish(&w->idle);
	return err ? err : drain(w, c, e);
}

/* NOTIFY for all folders but the selected one, which IDLE serves; with their STATUS, for something may have happened since the
 * last look. A server that will not is polled. */
static enum err
notify(struct imap_watch *w, struct imap_conn *c, struct error *e)
{
	if (w->notified || w->no_notify || !(c->caps & CAP_NOTIFY) || w->n < 2)
		return ERR_OK;
	struct imap_done done;
	struct imap_cmd cmd AUTO(imap_cmd_finish) = { .c = c };
	imap_cmd_begin(&cmd, c, "NOTIFY SET STATUS (SELECTED (MessageNew MessageExpunge FlagChange)) (MAILBOXES (");
	bool first = true;
	for (size_t i = 0; i < w->n; i++) {
		if (strcmp(w->list[i].folder, c->box.name) == 0)
			continue;
		if (first)
			imap_cmd_mailbox_bare(&cmd, w->list[i].folder);
		else
			imap_cmd_mailbox(&cmd, w->list[i].folder);
		first = false;
	}
	imap_cmd_raw(&cmd, ") (MessageNew MessageExpunge FlagChange))");
	struct asking ask = { w, c };
	struct imap_run run = { .fn = on_told, .ctx = &ask };
	enum err err = imap_cmd_run(&cmd, &run, &done, e);
	if (err)
		return err;
	w->notified = done.status == STATUS_OK;
	if (!w->notified)
		c->caps &= ~(unsigned)CAP_NOTIFY;
	return ERR_OK;
}

/* Opens the folder for IDLE; what it tells is compared with what was known. */
static enum err
open_folder(struct imap_watch *w, struct imap_conn *c, struct error *e)
{
	const char *folder = idle_folder(w, c);
	if (!folder)
		return imap_deselect(c, e);
	if (c->box.name && c->box.examined && strcmp(c->box.name, folder) == 0)
		return ERR_OK;
	enum err err = imap_examine(c, folder, e);
	struct watched *f = find(w, folder);
	if (err == ERR_NOFOLDER) {
		f->hit |= f->known;
		f->known = false;
		return ERR_OK;
	}
	if (err)
		return err;
	c->changed = false;
	const struct imap_box *box = &c->box;
	struct imap_counts now = { .messages = box->exists, .uidnext = box->uidnext, .uidvalidity = box->validity,
		.modseq = box->modseq, .has = box->modseq ? 1 | 2 | 4 | 16 : 1 | 2 | 4 };
	compare(f, &now);
	return ERR_OK;
}

static enum err
idle_begin(struct imap_watch *w, struct imap_conn *c, struct error *e)
{
	bool refused = false;
	enum err err = open_folder(w, c, e);
	if (err || !c->box.name)
		return err;
	if ((err = notify(w, c, e)))
		return err;
	struct asking ask = { w, c };
	struct imap_run run = { .fn = on_told, .ctx = &ask };
	w->idle = (struct imap_cmd){ .c = c };
	err = imap_cmd_idle(&w->idle, c, &run, &refused, e);
	if (err)
		return err;
	c->idling = !refused;
	if (refused) {
		c->caps &= ~(unsigned)CAP_IDLE;
		return imap_deselect(c, e);
	}
	w->idle_since = imap_now();
	return drain(w, c, e);
}

static unsigned
poll_of(const struct backend_session *s)
{
	const struct imap_watch *w = s->watch;
	uint64_t poll = PROBE_IDLE / 1000;
	bool others = (w->n > 1 && !w->notified) || !s->idle || !s->idle->idling;
	if (others && s->b->set.poll < poll)
		poll = s->b->set.poll;
	return (unsigned)(s->cmd && poll > CLOSE_UNUSED / 1000 ? CLOSE_UNUSED / 1000 : poll);
}

static void
how_to_wait(const struct backend_session *s, struct backend_watch *w_r)
{
	w_r->fd = s->idle && s->idle->idling && !s->idle->dead ? s->idle->fd : -1;
	w_r->poll = poll_of(s);
}

/* One folder after a reconnect: without MODSEQ nobody knows what flags became. */
static void
suspect_flags(struct imap_watch *w, const struct imap_conn *c)
{
	for (size_t i = 0; i < w->n; i++)
		w->list[i].hit |= w->list[i].known && (!c->condstore || !(w->list[i].counts.has & 16));
}

static enum err
reconnect(struct backend_session *s, struct error *e)
{
	imap_conn_close(&s->idle);
	imap_cmd_finish(&s->watch->idle);
	s->watch->notified = false;
	enum err err = imap_session_connect(s, &s->idle, e);
	if (err)
		return err;
	suspect_flags(s->watch, s->idle);
	err = look(s->watch, s->idle, false, e);
	return err ? err : idle_begin(s->watch, s->idle, e);
}

enum err
imap_watch(struct backend_session *s, const char *const *folders, size_t n, struct backend_watch *w_r, struct error *e)
{
	*w_r = (struct backend_watch){ -1, (unsigned)s->b->set.poll };
	if (!s->watch && !(s->watch = calloc(1, sizeof *s->watch)))
		return err_set(e, ERR_NOMEM, "no memory to watch folders");
	if (!set_folders(s->watch, folders, n))
		return err_set(e, ERR_NOMEM, "no memory to watch folders");
	enum err err = ERR_OK;
	if (s->idle && (err = idle_end(s->watch, s->idle, e)))
		imap_conn_close(&s->idle);
	s->watch->notified = false; /* the list may be another one */
	if (!s->idle && s->cmd && imap_conn_alive(s->cmd))
		s->idle = TAKE(s->cmd);
	if (!s->idle) {
		err = reconnect(s, e);
	} else {
		err = look(s->watch, s->idle, true, e);
		err = err ? err : idle_begin(s->watch, s->idle, e);
		err = err && s->idle->dead ? reconnect(s, e) : err;
	}
	if (s->idle && s->idle->dead)
		imap_conn_close(&s->idle);
	how_to_wait(s, w_r);
	return err;
}

static enum err
notice(struct backend_session *s, struct error *e)
{
	struct imap_watch *w = s->watch;
	struct imap_conn *c = s->idle;
	enum err err = c ? drain(w, c, e) : ERR_UNAVAILABLE;
	if (err)
		return reconnect(s, e);
	int64_t now = imap_now();
	bool others = (w->n > 1 && !w->notified) || !c->idling;
	bool due = others && now - w->looked >= (int64_t)s->b->set.poll * 1000 - POLL_EARLY;
	bool renew = c->idling && (now - w->idle_since >= RENEW_IDLE || now - c->last_heard >= PROBE_IDLE - 1000);
	if (!due && !renew)
		return ERR_OK;
	err = idle_end(w, c, e);
	if (!err && due)
		err = look(w, c, false, e);
	err = err ? err : idle_begin(w, c, e);
	return err ? reconnect(s, e) : ERR_OK;
}

static enum err
tell(struct imap_watch *w, struct arena *a, struct backend_keys *folders_r, struct error *e)
{
	folders_r->list = arena_array(a, w->n + 1, sizeof *folders_r->list);
	if (!folders_r->list)
		return err_set(e, ERR_NOMEM, "no memory");
	for (size_t i = 0; i < w->n; i++) {
		if (!w->list[i].hit)
			continue;
		if (!(folders_r->list[folders_r->n] = arena_strdup(a, w->list[i].folder)))
			return err_set(e, ERR_NOMEM, "no memory");
		folders_r->n++;
	}
	for (size_t i = 0; i < w->n; i++)
		w->list[i].hit = false;
	return ERR_OK;
}

enum err
imap_noticed(struct backend_session *s, struct arena *a, struct backend_keys *folders_r, struct backend_watch *w_r,
	struct error *e)
{
	*folders_r = (struct backend_keys){ NULL, 0 };
	*w_r = (struct backend_watch){ -1, (unsigned)s->b->set.poll };
	if (!s->watch)
		return err_set(e, ERR_INTERNAL, "nothing is watched");
	enum err err = notice(s, e);
	if (s->idle && (err || s->idle->dead))
		imap_conn_close(&s->idle);
	if (s->cmd && imap_now() - s->cmd->last_used >= CLOSE_UNUSED)
		imap_conn_close(&s->cmd);
	how_to_wait(s, w_r);
	return err ? err : tell(s->watch, a, folders_r, e);
}

void
imap_unwatch(struct backend_session *s)
{
	/* Making it fit for commands again would mean to wait for a server that may hang. */
	imap_conn_close(&s->idle);
	imap_watch_free(&s->watch);
}
