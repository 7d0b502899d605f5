/* Change: merged into what is stored; the conflict rules. */
#include <string.h>

#include "eas/append.h"
#include "eas/content_hash.h"
#include "eas/execute_command.h"
#include "eas/hierarchy.h"
#include "eas/mail.h"
#include "eas/rule.h"
#include "eas/send.h"

/* The item as it is now, in the request's arena. */
struct current {
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
	struct current *c = ctx;

	c->taken = true;
	c->err = item->err;
	if (item->err)
		return ERR_OK;
	c->item = *item;
	c->item.key = arena_strdup(c->a, item->key);
	c->item.version = arena_strdup(c->a, item->version ? item->version : "");
	c->item.keywords = copy_keywords(c->a, item->keywords);
	c->item.bytes = slice(arena_memdup(c->a, item->bytes.ptr, item->bytes.len), item->bytes.len);
	return c->item.key && c->item.version && c->item.keywords && (c->item.bytes.ptr || !item->bytes.len) ? ERR_OK : ERR_NOMEM;
}

static enum err
fetch_current(struct execute *x, const char *key, enum backend_want want, struct current *c_r, struct error *e)
{
	struct backend_fetch what = { .folder = x->folder->key, .keys = &key, .n = 1, .want = want,
		.bytes_max = x->class->class == BACKEND_MAIL ? x->r->server->config->mail_bytes_max
			: x->r->server->config->item_bytes_max };
	enum err err;

	*c_r = (struct current){ .a = x->r->arena };
	err = account_fetch(x->r->account, &what, take_current, c_r, e);
	if (err)
		return err;
	return c_r->taken ? c_r->err : ERR_NOTFOUND;
}

#ifdef CPUSH_FAILPOINTS
void
execute_vouch(struct execute *x, const char *key, const char **version)
{
	struct current c;
	struct error e = { 0 };

	if (!RULE(VOUCH) && !**version && !fetch_current(x, key, WANT_META, &c, &e))
		*version = c.item.version;
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
		*none = (struct wbxml_node){ .tag = AirSync_ApplicationData, .parent = (struct wbxml_node *)(uintptr_t)n, .text = "" };
	return data ? data : none;
}

/* ---- writing ---- */

static enum err
store_flags(struct execute *x, const struct state_item *row, const struct item_merged *m, struct mirror_change *change, struct error *e)
{
	struct backend_flagging flagging = { .folder = x->folder->key, .key = row->key, .set = m->set, .clear = m->clear,
		.add_keywords = m->add_keywords, .remove_keywords = m->remove_keywords };
	struct backend_stored s = { .key = "", .version = "" };
	enum err err = account_flag(x->r->account, x->r->arena, &flagging, &s, e);

	change->version = s.version ? s.version : "";
	return err;
}

static bool
has_word(const char *const *words, const char *word)
{
	for (; words && *words; words++) {
		if (strcmp(*words, word) == 0)
			return true;
	}
	return false;
}

/* Those that the draft has, less those that go, and those that come. NULL: memory. */
static const char *const *
merge_keywords(struct arena *a, const char *const *have, const struct item_merged *m)
{
	size_t n = 0, kept = 0;
	const char **list;

	for (size_t i = 0; have && have[i]; i++)
		n++;
	for (size_t i = 0; m->add_keywords && m->add_keywords[i]; i++)
		n++;
	list = arena_array(a, n + 1, sizeof *list);
	for (size_t i = 0; list && have && have[i]; i++) {
		if (!has_word(m->remove_keywords, have[i]))
			list[kept++] = have[i];
	}
	for (size_t i = 0; list && m->add_keywords && m->add_keywords[i]; i++)
		list[kept++] = m->add_keywords[i];
	return list;
}

/* Of one edit of one state of a draft: the same on each try. */
static const char *
edit_name(struct execute *x, const struct state_item *row)
{
	char name[CONTENT_HASH_MAX], id[ID_MAX];

	content_hash_texts(name, x->r->query.device_id, id_item(x->folder->id, row->id, id), row->key, (const char *)NULL);
	return arena_strdup(x->r->arena, name);
}

/* APPEND the new, expunge the old; the row keeps its id under the new key. */
static enum err
store_draft(struct execute *x, const struct state_item *row, const struct current *c, const struct item_merged *m,
	struct mirror_change *change, struct error *e)
{
	struct backend_put put = { .folder = x->folder->key, .bytes = m->bytes,
		.flags = (c->item.flags & ~m->clear) | m->set | FLAG_DRAFT,
		.keywords = merge_keywords(x->r->arena, c->item.keywords, m), .date = row->date };
	const char *name = edit_name(x, row);
	struct backend_stored s;
	enum err err;

	if (!name || !put.keywords)
		return ERR_NOMEM;
	err = append_once(x->r, &put, name, &s, e);
	if (err)
		return err;
	err = account_remove(x->r->account, x->folder->key, row->key, NULL, e);
	if (err && err != ERR_NOTFOUND)
		return err;
	change->key = s.key;
	change->version = s.version;
	return ERR_OK;
}

static enum err
store_item(struct execute *x, const struct state_item *row, const struct current *c, const struct item_merged *m,
	struct mirror_change *change, struct error *e)
{
	struct backend_put put = { .folder = x->folder->key, .key = row->key, .version = c->item.version, .bytes = m->bytes,
		.date = BACKEND_NO_DATE };
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
is_unseen(const struct execute *x, const struct state_item *row, const struct current *c)
{
	if (row->seq > x->col->base.c && row->changed_by != x->col->now.epoch)
		return true;
	/* Newer at the backend than the mirror knows: somebody changed it since the look that this request began with. */
	return *row->version && *c->item.version && strcmp(row->version, c->item.version) != 0;
}

static unsigned
status_of(enum err err)
{
	switch (err) {
	case ERR_NOTFOUND:
	case ERR_NOFOLDER:
		return 8;
	case ERR_QUOTA:
		return 9;
	case ERR_DENIED:
		return 7;
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
send_stored(struct execute *x, const struct state_item *row, const struct item_merged *m, const char *hash, unsigned *status_r,
	struct error *e)
{
	struct mirror_change change = { .op = MIRROR_REMOVED, .item = row->id };
	enum err err = send_draft(x->r, m->bytes, status_r, e);

	if (err || *status_r != 1)
		return err;
	err = account_remove(x->r->account, x->folder->key, row->key, NULL, e);
	if (err && err != ERR_NOTFOUND)
		return err_is_temporary(err) ? err : ERR_OK; /* it is out: that it lies in Drafts still is the lesser evil */
	execute_done(x, 't', "", row->id, hash);
	return execute_note(x, &change);
}

/* One try. CONFLICT: another version was found than the one that was read. */
static enum err
try_edit(struct execute *x, const struct wbxml_node *n, const struct state_item *row, const char *hash, bool add,
	struct execute_edited *r, struct error *e)
{
	const struct wbxml_node *data = data_of(x, n);
	bool draft = is_draft_edit(x, data), mail = x->class->class == BACKEND_MAIL;
	struct item_edit edit = { .data = data, .instance_id = wbxml_text(n, AirSyncBase_InstanceId), .supported = x->supported };
	struct item_merged m = { 0 };
	struct current c;
	unsigned *status_r = &r->status;
	const struct state_done *before = touched(x, row->id);
	bool otherwise = RULE(EDITED) && before && strcmp(before->hash, hash) != 0;
	struct mirror_change change = { .op = MIRROR_UPDATED, .item = row->id, .key = row->key, .date = row->date };
	enum err err = fetch_current(x, row->key, mail && !draft ? WANT_META : WANT_BYTES, &c, e);

	if (n->tag == AirSync_Delete)
		edit.data = NULL;
	if (!err && draft && before && !otherwise && !add && !mail_wants_sending(data)) {
		*status_r = 1; /* attachments that it adds are there already */
		return draft_tell(x->r->arena, data, c.item.bytes, &r->merged);
	}
	if (!err && draft && add) { /* what the phone says now is all of it */
		edit.uid = edit_name(x, row);
		err = edit.uid ? ERR_OK : ERR_NOMEM;
	} else if (!err) {
		edit.stored = c.item.bytes;
		edit.meta = mail ? &c.item : NULL;
		edit.uid = draft ? edit_name(x, row) : NULL;
	}
	if (!err) {
		err = x->class->merge(&x->view, x->r->arena, &edit, &m, e);
		if (err == ERR_NOTFOUND)
			err = ERR_INVALID; /* no such instance: the item is there */
	}
	if (err)
		return err;
	r->merged = m;
	if (m.send)
		return send_stored(x, row, &m, hash, status_r, e);
	if (m.unchanged) { /* an earlier try did it, or it always was so */
		*status_r = 1;
		if (otherwise) {
			change.op = MIRROR_DISOWNED;
			return execute_note(x, &change);
		}
		return ERR_OK;
	}
	bool unseen = !add && is_unseen(x, row, &c);
	bool conflict = unseen && (!mail || draft); /* read, flag, categories are merged */
	if (conflict && !x->client_wins) {
		*status_r = 7;
		return ERR_OK;
	}
	if (draft)
		err = store_draft(x, row, &c, &m, &change, e);
	else if (mail)
		err = store_flags(x, row, &m, &change, e);
	else
		err = store_item(x, row, &c, &m, &change, e);
	if (err)
		return err;
	*status_r = 1;
	change.by = otherwise || (unseen && RULE(SEEN)) || m.altered || (add && row->changed_by != x->col->now.epoch) ? 0 : x->col->now.epoch;
	if (!add)
		execute_done(x, 't', "", row->id, hash);
	take_over(x, &change);
	return execute_note(x, &change);
}

enum err
execute_edit(struct execute *x, const struct wbxml_node *n, const struct state_item *row, bool add, struct execute_edited *r,
	struct error *e)
{
	char *hash = arena_alloc(x->r->arena, CONTENT_HASH_MAX);
	enum err err;

	if (!hash)
		return ERR_NOMEM;
	content_hash(n, NULL, hash);
	*r = (struct execute_edited){ .status = 1 };
	err = try_edit(x, n, row, hash, add, r, e);
	if (err == ERR_CONFLICT) /* read again and decided again, once */
		err = try_edit(x, n, row, hash, add, r, e);
	if (err == ERR_CONFLICT)
		return err_set(e, ERR_UNAVAILABLE, "%s: an item changes faster than it can be written", x->folder->key);
	if (err_is_temporary(err))
		return err;
	if (err) {
		log_warn(&x->r->log, "an edit in %s was refused: %s", x->folder->key, e->text[0] ? e->text : err_name(err));
		r->status = status_of(err);
		if (err == ERR_DENIED && !add)
			execute_force(x, COMPOSE_CHANGE, row->id);
	}
	return ERR_OK;
}

enum err
execute_tell(struct execute *x, const struct wbxml_node *n, const struct state_item *row, struct item_merged *m_r, struct error *e)
{
	struct item_edit edit = { .data = data_of(x, n), .supported = x->supported };
	struct current c;
	enum err err = fetch_current(x, row->key, WANT_BYTES, &c, e);

	*m_r = (struct item_merged){ 0 };
	edit.stored = c.item.bytes;
	if (!err && edit.data)
		err = x->class->class == BACKEND_MAIL ? draft_tell(x->r->arena, edit.data, c.item.bytes, m_r)
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
	if (!row || row->deleted) {
		execute_respond(x, AirSync_Change, n, 8);
		return ERR_OK;
	}
	if (x->folder->readonly) {
		edited.status = 7;
		execute_force(x, COMPOSE_CHANGE, row->id);
	} else {
		err = execute_edit(x, n, row, false, &edited, e);
		if (err)
			return err;
	}
	if (edited.status != 1 || edited.merged.n_added) {
		struct response *response = execute_respond(x, AirSync_Change, n, edited.status);

		response->item = row->id;
		response->merged = edited.merged;
	}
	if (edited.status != 8)
		idset_add(&x->told, row->id);
	return ERR_OK;
}
