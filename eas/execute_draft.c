/* A draft is edited by APPEND of the new and expunge of the old. The new one's name says which state of the draft is edited, its intent
 * also how: what a try left that died before the commit is found by whatever edit comes next. */
#include <string.h>

#include "eas/append.h"
#include "eas/content_hash.h"
#include "eas/execute_command.h"
#include "eas/hierarchy.h"

#define TRAIL_MAX 8 /* tries that died one after the other, each with another edit */

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

const char *
execute_draft_name(struct execute *x, int64_t id, const char *key)
{
	char name[CONTENT_HASH_MAX], item[ID_MAX];

	content_hash_texts(name, x->r->query.device_id, id_item(x->folder->id, id, item), key, (const char *)NULL);
	return arena_strdup(x->r->arena, name);
}

enum err
execute_draft_store(struct execute *x, const struct draft_edit *d, struct mirror_change *change, struct error *e)
{
	const struct item_merged *m = d->merged;
	struct backend_put put = { .folder = x->folder->key, .bytes = m->bytes,
		.flags = (d->now->flags & ~m->clear) | m->set | FLAG_DRAFT,
		.keywords = merge_keywords(x->r->arena, d->now->keywords, m), .date = d->row->date };
	struct backend_stored s;
	enum err err;

	if (!put.keywords)
		return ERR_NOMEM;
	err = append_new(x->r, &put, d->name, d->content, &s, e);
	if (err)
		return err;
	err = account_remove(x->r->account, x->folder->key, d->row->key, NULL, e);
	if (err && err != ERR_NOTFOUND)
		return err;
	change->key = s.key;
	change->version = s.version;
	return ERR_OK;
}

/* ---- what an earlier try left ---- */

struct trail {
	const char *keys[TRAIL_MAX + 1];
	const char *contents[TRAIL_MAX + 1]; /* of the edit that made it */
	size_t n, last;                      /* the last that is there; 0: none but the first may be */
};

static enum err
read_trail(struct execute *x, int64_t id, const char *key, struct trail *t_r, struct error *e)
{
	*t_r = (struct trail){ .keys = { key }, .n = 1 };
	while (t_r->n <= TRAIL_MAX) {
		const char *name = execute_draft_name(x, id, t_r->keys[t_r->n - 1]);
		struct backend_stored s;
		struct backend_item item;
		enum err err = name ? append_left(x->r, x->folder->key, name, &s, &t_r->contents[t_r->n], e) : ERR_NOMEM;

		if (err == ERR_NOTFOUND)
			break;
		if (err)
			return err;
		t_r->keys[t_r->n] = s.key;
		err = execute_fetch(x, s.key, WANT_META, &item, e);
		if (!err)
			t_r->last = t_r->n;
		else if (err != ERR_NOTFOUND)
			return err;
		t_r->n++;
	}
	return t_r->last ? ERR_OK : ERR_NOTFOUND;
}

enum err
execute_draft_follow(struct execute *x, int64_t id, const char **key, const char **content_r, struct error *e)
{
	struct trail t;
	enum err err = read_trail(x, id, *key, &t, e);

	for (size_t i = 0; !err && i < t.last; i++) {
		err = account_remove(x->r->account, x->folder->key, t.keys[i], NULL, e);
		if (err == ERR_NOTFOUND)
			err = ERR_OK;
	}
	if (err)
		return err;
	*key = t.keys[t.last];
	*content_r = t.contents[t.last];
	return ERR_OK;
}

struct finding {
	struct execute *x;
	const char *key;
	struct state_items rows;
};

static enum err
find_row(struct state_txn *t, void *arg, struct error *e)
{
	struct finding *in = arg;

	(void)e;
	return state_items_by_key(t, in->x->r->arena, in->x->folder->id, &in->key, 1, &in->rows);
}

enum err
execute_draft_heir(struct execute *x, const struct state_item *row, const struct state_item **heir_r, const char **content_r,
	struct error *e)
{
	struct finding in = { .x = x, .key = row->key };
	enum err err = execute_draft_follow(x, row->id, &in.key, content_r, e);

	if (!err)
		err = state_run(x->r->server->state, STATE_READ, find_row, &in, e);
	if (err)
		return err;
	*heir_r = in.rows.list;
	return in.rows.n ? ERR_OK : ERR_NOTFOUND;
}
