/* Change: merged into what is stored; the conflict rules. */
#include <string.h>

#include "eas/content_hash.h"
#include "eas/execute_command.h"
#include "eas/hierarchy.h"
#include "eas/mail.h"
#include "eas/rule.h"
#include "eas/send.h"

struct taking {
	struct arena *a;
	struct backend_item item;
	bool taken;
	enum err err;
};

static const char *const *
copy_keywords(struct arena *a, const char *const *words)
{
	size_t n = 0;
	const char **copy;

	while (words && words[n])
		n++;
	copy = arena_array(a, n + 1, sizeof *copy);
	for (size_t i = 0; copy && i < n; i++)
		copy[i] = arena_strdup(a, words[i]);
	return copy;
}

static enum err
take_current(void *ctx, const struct backend_item *item)
{
	struct taking *c = ctx;

	c->taken = true;
	c->err = item->err;
	if (item->err)
		return ERR_OK;
	c->item = *item;
	c->item.key = arena_strdup(c->a, item->key);
	c->item.version = arena_strdup(c->a, item->version ? item->version : "");
	c->item.keywords = copy_keywords(c->a, item->keywords);
	c->item.bytes = slice(arena_memdup(c->a, item->bytes.ptr, item->bytes.len), item->bytes.len);
	return c->item.key && c->item.version && c->item.keywords && (c->item.bytes.ptr || !item->bytes.len) ? ERR_OK
		: ERR_NOMEM;
}

enum err
execute_fetch(struct execute *x, const char *key, enum backend_want want, struct backend_item *item_r, struct error *e)
{
	struct taking c = { .a = x->r->arena };
	struct backend_fetch what = { .folder = x->folder->key, .keys = &key, .n = 1, .want = want,
		.stored = true, .bytes_max = x->class->class == BACKEND_MAIL ? x->r->server->config->mail_bytes_max
			: x->r->server->config->item_bytes_max };
	enum err err = account_fetch(x->r->account, &what, take_current, &c, e);

	*item_r = c.item;
	if (err)
		return err;
	return c.taken ? c.err : ERR_NOTFOUND;
}

#ifdef CPUSH_FAILPOINTS
void
execute_vouch(struct execute *x, const char *key, const char **version)
{
	struct backend_item now;
	struct error e = { 0 };

	if (!RULE(VOUCH) && !**version && !execute_fetch(x, key, WANT_META, &now, &e))
		*version = now.version;
}
#endif

/* A draft is edited as a whole; of other mails only flags and categories can change. */
static bool
is_draft_edit(const struct execute *x, const struct wbxml_node *data)
{
	return x->class->class == BACKEND_MAIL && x->view.version >= 160 && x->folder->type == TYPE_DRAFTS
		&& (mail_wants_sending(data) || mail_edits_draft(data));
}

/* Send may come alone. NULL: memory. */
static const struct wbxml_node *
data_of(struct execute *x, const struct wbxml_node *n)
{
	const struct wbxml_node *data = wbxml_child(n, AirSync_ApplicationData);
	struct wbxml_node *none = data ? NULL : arena_alloc(x->r->arena, sizeof *none);

	if (none)
		*none = (struct wbxml_node){ .tag = AirSync_ApplicationData,
			.parent = (struct wbxml_node *)(uintptr_t)n, .text = "" };
	return data ? data : none;
}

/* ---- writing ---- */

static enum err
store_flags(struct execute *x, const struct state_item *row, const struct item_merged *m, struct mirror_change *change,
	struct error *e)
{
	struct backend_flagging flagging = { .folder = x->folder->key, .key = row->key, .set = m->set,
		.clear = m->clear, .add_keywords = m->add_keywords, .remove_keywords = m->remove_keywords };
	struct backend_stored s = { .key = "", .version = "" };
	enum err err = account_flag(x->r->account, x->r->arena, &flagging, &s, e);

	change->version = s.version ? s.version : "";
	return err;
}

static enum err
store_item(struct execute *x, const struct state_item *row, const struct backend_item *now, const struct item_merged *m,
	struct mirror_change *change, struct error *e)
{
	struct backend_put put = { .folder = x->folder->key, .key = row->key, .version = now->version,
		.bytes = m->bytes, .date = BACKEND_NO_DATE };
	struct backend_stored s = { .key = "", .version = "" };
	enum err err = account_put(x->r->account, x->r->arena, &put, &s, e);

	if (!err && s.key && *s.key)
		change->key = s.key;
#ifdef CPUSH_FAILPOINTS
	if (!err)
		execute_vouch(x, change->key, &s.version);
#endif
	change->version = s.version && !m->altered ? s.version : "";
	if (!err && x->class->date)
		change->date = x->class->date(x->r->arena, m->bytes);
	return err;
}

/* ---- deciding ---- */

static const struct state_done *
touched(const struct execute *x, int64_t item)
{
	for (size_t i = 0; i < x->n_done; i++) {
		if (x->done[i].kind == 't' && x->done[i].item == item)
			return &x->done[i];
	}
	return NULL;
}

/* Did somebody else change what the device has not seen yet? */
static bool
is_unseen(const struct execute *x, const struct state_item *row, const struct backend_item *now)
{
	if (row->seq > x->col->base.c && row->changed_by != x->col->now.epoch)
		return true;
	/* Newer at the backend than the mirror knows: somebody changed it since the look that this request began
	 * with. */
	return *row->version && *now->version && strcmp(row->version, now->version) != 0;
}

static unsigned
status_of(const struct execute *x, enum err err)
{
	switch (err) {
	case ERR_NOTFOUND:
	case ERR_NOFOLDER:
		return 8;
	case ERR_QUOTA:
		return 9;
	case ERR_DENIED:
		return 7;
	case ERR_LIMIT:
		return execute_too_large(x);
	default:
		return 6;
	}
}

/* The row as a later command of the same request finds it; what the server made of it is not known there. */
static void
take_over(struct execute *x, const struct mirror_change *change)
{
	for (size_t i = 0; i < x->rows.n; i++) {
		if (x->rows.list[i].id != change->item)
			continue;
		x->rows.list[i].key = change->key;
		x->rows.list[i].version = change->version;
		x->rows.list[i].date = change->date;
	}
}

/* A draft with Send goes out; what is left of it in Drafts goes, and the phone is told so. */
static enum err
send_stored(struct execute *x, const struct state_item *row, const struct item_merged *m, const char *hash,
	unsigned *status_r, struct error *e)
{
	struct mirror_change change = { .op = MIRROR_REMOVED, .item = row->id };
	enum err err = send_draft(x->r, m->bytes, status_r, e);

	if (err || *status_r != 1)
		return err;
	err = account_remove(x->r->account, x->folder->key, row->key, NULL, e);
	if (err && err != ERR_NOTFOUND)
		/* It is out: that it lies in Drafts still is the lesser evil. */
		return err_is_temporary(err) ? err : ERR_OK;
	execute_done(x, 't', "", row->id, hash);
	return execute_note(x, &change);
}

/* A draft of which earlier tries that died have made something else goes on as that, whatever becomes of this edit. */
static enum err
take_up(struct execute *x, struct state_item *row, int64_t origin, const char **content_r, struct error *e)
{
	struct mirror_change change = { .op = MIRROR_UPDATED, .item = row->id, .version = "", .was = row->version,
		.date = row->date };
	enum err err = execute_draft_follow(x, origin, &row->key, content_r, e);

	if (err)
		return err;
	row->version = "";
	change.key = row->key;
	change.by = row->seq > x->col->base.c && row->changed_by != x->col->now.epoch ? 0 : x->col->now.epoch;
	take_over(x, &change);
	execute_done(x, 't', "", row->id, *content_r);
	return execute_note(x, &change);
}

/* An earlier try did just that, attachments and all; the phone is told what they became. */
static enum err
tell_done(struct execute *x, const struct wbxml_node *data, const struct state_item *row, struct execute_edited *r,
	struct error *e)
{
	struct backend_item now;
	enum err err = execute_fetch(x, row->key, WANT_BYTES, &now, e);

	r->status = 1;
	return err ? err : draft_tell(x->r->arena, data, now.bytes, &r->merged);
}

/* One command's edit, tried. */
struct trying {
	struct item_edit edit;
	struct state_item row;    /* as it is to be edited: a draft may have gone on */
	const char *hash;
	const char *name;         /* of a draft's edit */
	bool draft, mail, add;
	bool otherwise;           /* another try did something else: perhaps a later one, whose answer the phone has */
};

static enum err
store(struct execute *x, const struct trying *t, const struct backend_item *now, const struct item_merged *m,
	struct mirror_change *change, struct error *e)
{
	struct draft_edit d = { .name = t->name, .content = t->hash, .row = &t->row, .now = now, .merged = m };

	if (t->draft)
		return execute_draft_store(x, &d, change, e);
	return t->mail ? store_flags(x, &t->row, m, change, e) : store_item(x, &t->row, now, m, change, e);
}

static enum err
merge(struct execute *x, struct trying *t, const struct wbxml_node *n, const struct backend_item *now,
	struct item_merged *m_r, struct error *e)
{
	enum err err;

	if (n->tag == AirSync_Delete)
		t->edit.data = NULL;
	if (t->draft)
		t->edit.uid = t->name;
	if (!t->draft || !t->add) { /* what an Add says now of a draft is all of it */
		t->edit.stored = now->bytes;
		t->edit.meta = t->mail ? now : NULL;
	}
	err = x->class->merge(&x->view, x->r->arena, &t->edit, m_r, e);
	if (err == ERR_NOTFOUND) /* no such instance: the item is there */
		return ERR_INVALID;
	return err ? err : execute_check_size(x, m_r, e);
}

/* Does it only what is there already? Then nothing is written. What the phone has may be something else all the same: a
 * part that cannot be kept, or a turn of a task that is long done. */
static enum err
leave(struct execute *x, const struct trying *t, struct execute_edited *r)
{
	struct mirror_change change = { .op = MIRROR_DISOWNED, .item = t->row.id };

	r->status = 1;
	if (r->merged.altered)
		execute_force(x, COMPOSE_CHANGE, t->row.id);
	return t->otherwise ? execute_note(x, &change) : ERR_OK;
}

static enum err
write_edit(struct execute *x, const struct trying *t, const struct backend_item *now, struct execute_edited *r,
	struct error *e)
{
	const struct item_merged *m = &r->merged;
	struct mirror_change change = { .op = MIRROR_UPDATED, .item = t->row.id, .key = t->row.key,
		.was = t->row.version, .date = t->row.date };
	bool unseen = !t->add && !r->origin && is_unseen(x, &t->row, now);
	enum err err;

	if (unseen && (!t->mail || t->draft) && !x->client_wins) { /* read, flag, categories are merged */
		r->status = 7;
		return ERR_OK;
	}
	err = store(x, t, now, m, &change, e);
	if (err)
		return err;
	r->status = 1;
	change.by = t->otherwise || (unseen && RULE(SEEN)) || m->altered ? 0 : x->col->now.epoch;
	if (!t->add)
		execute_done(x, 't', "", t->row.id, t->hash);
	take_over(x, &change);
	return execute_note(x, &change);
}

/* One try. CONFLICT: another version was found than the one that was read. */
static enum err
try_edit(struct execute *x, const struct wbxml_node *n, const struct state_item *row, const char *hash, bool add,
	struct execute_edited *r, struct error *e)
{
	const struct wbxml_node *data = data_of(x, n);
	const struct state_done *before = touched(x, row->id);
	const char *was = before ? before->hash : NULL;
	struct trying t = { .row = *row, .hash = hash, .add = add, .draft = is_draft_edit(x, data),
		.mail = x->class->class == BACKEND_MAIL,
		.edit = { .data = data, .instance_id = wbxml_text(n, AirSyncBase_InstanceId),
			.supported = x->supported } };
	int64_t origin = r->origin ? r->origin : row->id;
	struct backend_item now;
	enum err err = t.draft ? take_up(x, &t.row, origin, &was, e) : ERR_NOTFOUND;

	if (err && err != ERR_NOTFOUND)
		return err;
	t.otherwise = add || r->origin || (RULE(EDITED) && was && strcmp(was, hash) != 0);
	if (t.draft && was && !t.otherwise && !add && !mail_wants_sending(data)) {
		execute_done(x, 't', "", row->id, hash);
		return tell_done(x, data, &t.row, r, e);
	}
	t.name = t.draft ? execute_draft_name(x, origin, t.row.key) : "";
	if (!t.name)
		return ERR_NOMEM;
	err = execute_fetch(x, t.row.key, t.mail && !t.draft ? WANT_META : WANT_BYTES, &now, e);
	if (!err)
		err = merge(x, &t, n, &now, &r->merged, e);
	if (err)
		return err;
	if (r->merged.send)
		return send_stored(x, &t.row, &r->merged, hash, &r->status, e);
	return r->merged.unchanged ? leave(x, &t, r) : write_edit(x, &t, &now, r, e);
}

enum err
execute_edit(struct execute *x, const struct wbxml_node *n, const struct state_item *row, bool add,
	struct execute_edited *r, struct error *e)
{
	char *hash = arena_alloc(x->r->arena, CONTENT_HASH_MAX);
	enum err err;

	if (!hash)
		return ERR_NOMEM;
	content_hash(n, NULL, hash);
	r->status = 1;
	err = try_edit(x, n, row, hash, add, r, e);
	if (err == ERR_CONFLICT) /* read again and decided again, once */
		err = try_edit(x, n, row, hash, add, r, e);
	if (err == ERR_CONFLICT)
		return err_set(e, ERR_UNAVAILABLE, "%s: an item changes faster than it can be written", x->folder->key);
	if (err_is_temporary(err))
		return err;
	if (err) {
		log_warn(&x->r->log, "an edit in %s was refused: %s", x->folder->key,
			e->text[0] ? e->text : err_name(err));
		r->status = status_of(x, err);
		if (err == ERR_DENIED && !add)
			execute_force(x, COMPOSE_CHANGE, row->id);
	}
	return ERR_OK;
}

enum err
execute_tell(struct execute *x, const struct wbxml_node *n, const struct state_item *row, struct item_merged *m_r,
	struct error *e)
{
	struct item_edit edit = { .data = data_of(x, n), .supported = x->supported };
	struct backend_item now;
	enum err err = execute_fetch(x, row->key, WANT_BYTES, &now, e);

	*m_r = (struct item_merged){ 0 };
	edit.stored = now.bytes;
	if (!err && edit.data)
		err = x->class->class == BACKEND_MAIL ? draft_tell(x->r->arena, edit.data, now.bytes, m_r)
			: x->class->merge(&x->view, x->r->arena, &edit, m_r, e);
	if (err_is_temporary(err) || err == ERR_NOMEM)
		return err;
	if (err) /* gone, or not what it was: it was added all the same */
		*m_r = (struct item_merged){ 0 };
	return ERR_OK;
}

/* Did an earlier try from this base do just that? */
static bool
was_done(const struct execute *x, const struct wbxml_node *n, int64_t item)
{
	const struct state_done *before = touched(x, item);
	char hash[CONTENT_HASH_MAX];

	content_hash(n, NULL, hash);
	return before && strcmp(before->hash, hash) == 0;
}

/* A Change that was done is silent, unless the phone has something to learn of it. */
static void
respond_edited(struct execute *x, const struct wbxml_node *n, const struct state_item *row,
	const struct execute_edited *edited)
{
	struct response *response;

	if (edited->status == 1 && !edited->merged.n_added)
		return;
	response = execute_respond(x, AirSync_Change, n, edited->status);
	response->item = row->id;
	response->merged = edited->merged;
}

static enum err
respond_gone(struct execute *x, const struct wbxml_node *n)
{
	execute_respond(x, AirSync_Change, n, 8);
	return ERR_OK;
}

/* A draft that an edit took away, whose process then died: what that edit has made is a new item to the phone, and the
 * edit that comes now is one of it. */
static enum err
change_gone(struct execute *x, const struct wbxml_node *n, const struct state_item *row, struct error *e)
{
	struct execute_edited edited = { .origin = row->id, .status = 1 };
	const struct state_item *heir;
	const char *content;
	char hash[CONTENT_HASH_MAX];
	enum err err = ERR_NOTFOUND;

	if (is_draft_edit(x, data_of(x, n)) && !x->folder->readonly)
		err = execute_draft_heir(x, row, &heir, &content, e);
	content_hash(n, NULL, hash);
	if (!err && strcmp(content, hash) == 0)
		err = tell_done(x, data_of(x, n), heir, &edited, e);
	else if (!err)
		err = execute_edit(x, n, heir, false, &edited, e);
	if (err_is_temporary(err) || err == ERR_NOMEM)
		return err;
	if (err)
		return respond_gone(x, n);
	respond_edited(x, n, heir, &edited);
	return ERR_OK;
}

enum err
execute_change(struct execute *x, const struct wbxml_node *n, struct error *e)
{
	int64_t id = 0;
	const struct state_item *row = execute_named(x, n, &id);
	struct execute_edited edited = { .status = 1 };
	enum err err;

	if (!wbxml_has(n, AirSync_ApplicationData) && !wbxml_has(n, Email2_Send)) {
		execute_respond(x, AirSync_Change, n, 4);
		return ERR_OK;
	}
	if (row && row->deleted && was_done(x, n, id))
		return ERR_OK; /* a draft that the first try has sent */
	if (!row || row->deleted)
		return row ? change_gone(x, n, row, e) : respond_gone(x, n);
	if (x->folder->readonly) {
		edited.status = 7;
		execute_force(x, COMPOSE_CHANGE, row->id);
	} else {
		err = execute_edit(x, n, row, false, &edited, e);
		if (err)
			return err;
	}
	respond_edited(x, n, row, &edited);
	if (edited.status != 8)
		idset_add(&x->told, row->id);
	return ERR_OK;
}
