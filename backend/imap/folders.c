#include "backend/imap/folders.h"

#include <stdlib.h>
#include <string.h>

#include "backend/imap/roles.h"
#include "base/text.h"

/* A mailbox as LIST gave it. */
struct entry {
	const char *key;
	const char *rel;  /* the key without the prefix of its namespace */
	char delimiter;
	unsigned attrs;
	bool shared, readonly, kept;
	enum backend_role role;
	struct entry *next;
};

struct listing {
	struct imap_conn *c;
	struct arena *a;
	struct entry *first;
	struct entry **list; /* sorted by key */
	size_t n;
	bool marking;        /* LSUB: names only mark what is there as subscribed */
	struct imap_space *spaces;
};

static enum err
on_namespace(void *ctx, struct imap_response *r)
{
	struct listing *l = ctx;
	struct imap_space **tail = &l->spaces;
	if (r->kind != RESP_NAMESPACE)
		return ERR_OK;
	for (struct imap_space *s = r->spaces; s; s = s->next) {
		struct imap_space *copy = arena_memdup(l->a, s, sizeof *s);
		if (!copy)
			return ERR_NOMEM;
		/* "INBOX." must not become the Inbox, so a prefix is decoded with its delimiter. */
		copy->prefix = s->prefix[0] ? imap_key_of(l->a, s->prefix, strlen(s->prefix), l->c->utf8) : "";
		copy->next = NULL;
		if (!copy->prefix)
			return ERR_NOMEM;
		*tail = copy;
		tail = &copy->next;
	}
	return ERR_OK;
}

enum err
imap_namespaces(struct imap_conn *c, struct arena *a, struct imap_space **spaces_r, struct error *e)
{
	struct listing l = { .c = c, .a = a };
	struct imap_run run = { .fn = on_namespace, .ctx = &l };
	struct imap_done done;
	enum err err = ERR_OK;
	if (c->caps & CAP_NAMESPACE)
		err = imap_run(c, "NAMESPACE", &run, &done, e);
	if (!err && !l.spaces && !(l.spaces = arena_alloc(a, sizeof *l.spaces)))
		err = err_set(e, ERR_NOMEM, "no memory");
	else if (!err && !l.spaces->prefix)
		l.spaces->prefix = "";
	*spaces_r = l.spaces;
	return err;
}

static struct entry *
entry_of(const struct listing *l, const char *key)
{
	for (struct entry *en = l->first; en; en = en->next) {
		if (strcmp(en->key, key) == 0)
			return en;
	}
	return NULL;
}

static enum err
on_list(void *ctx, struct imap_response *r)
{
	struct listing *l = ctx;
	if (r->kind != RESP_LIST)
		return ERR_OK;
	const char *key = r->attrs & ATTR_INBOX ? "INBOX" : imap_key_of(l->a, r->name, r->name_len, l->c->utf8);
	if (!key)
		return memchr(r->name, 0, r->name_len) ? ERR_OK : ERR_NOMEM;
	if (!key[0] || strlen(key) > BACKEND_KEY_MAX)
		return ERR_OK;
	struct entry *en = l->marking || l->n > 4096 ? entry_of(l, key) : NULL;
	if (en || l->marking) {
		if (en)
			en->attrs |= l->marking ? ATTR_SUBSCRIBED : r->attrs;
		return ERR_OK;
	}
	if (!(en = arena_alloc(l->a, sizeof *en)))
		return ERR_NOMEM;
	*en = (struct entry){ .key = key, .rel = key, .delimiter = r->delimiter, .attrs = r->attrs, .next = l->first };
	l->first = en;
	l->n++;
	return ERR_OK;
}

/* Longest prefix wins: "" is a prefix of everything, but INBOX is the user's own in any namespace (RFC 9051 5.1). */
static void
place(struct listing *l)
{
	for (struct entry *en = l->first; en; en = en->next) {
		size_t best = 0;
		if (strcmp(en->key, "INBOX") == 0)
			continue;
		for (const struct imap_space *s = l->spaces; s; s = s->next) {
			size_t n = strlen(s->prefix);
			if (n < best || strncmp(en->key, s->prefix, n) != 0 || !en->key[n])
				continue;
			best = n;
			en->rel = en->key + n;
			en->shared = s->shared;
		}
	}
}

static bool
covers(const struct listing *l, const struct imap_space *s)
{
	for (const struct entry *en = l->first; en; en = en->next) {
		if (text_starts(en->key, s->prefix))
			return true;
	}
	return false;
}

static enum err
list_run(struct listing *l, const char *text, struct error *e)
{
	struct imap_run run = { .fn = on_list, .ctx = l };
	struct imap_done done;
	enum err err = imap_run(l->c, text, &run, &done, e);
	return err ? err : imap_done_err(l->c, &done, "LIST", ERR_UNAVAILABLE, e);
}

/* Namespaces that "*" does not reach. */
static enum err
list_spaces(struct listing *l, struct error *e)
{
	for (const struct imap_space *s = l->spaces; s; s = s->next) {
		const char *wire = s->prefix[0] && !covers(l, s) ? imap_key_wire(l->a, s->prefix, l->c->utf8) : NULL;
		if (!wire)
			continue;
		struct imap_run run = { .fn = on_list, .ctx = l };
		struct imap_done done;
		struct imap_cmd cmd AUTO(imap_cmd_finish) = { .c = l->c };
		imap_cmd_begin(&cmd, l->c, "LIST \"\"");
		const char *pattern = arena_printf(l->a, "%s*", wire);
		if (!pattern)
			return err_set(e, ERR_NOMEM, "no memory");
		imap_cmd_string(&cmd, pattern);
		enum err err = imap_cmd_run(&cmd, &run, &done, e);
		if (err)
			return err;
	}
	return ERR_OK;
}

static enum err
list_all(struct listing *l, struct error *e)
{
	unsigned caps = l->c->caps;
	bool extended = (caps & CAP_LIST_EXTENDED) != 0;
	bool subscribed = l->c->b->set.folders == LISTED_SUBSCRIBED;
	const char *text = "LIST \"\" \"*\"";
	if (extended && caps & CAP_SPECIAL_USE)
		text = subscribed ? "LIST \"\" \"*\" RETURN (SPECIAL-USE SUBSCRIBED)" :
			"LIST \"\" \"*\" RETURN (SPECIAL-USE)";
	else if (extended && subscribed)
		text = "LIST \"\" \"*\" RETURN (SUBSCRIBED)";
	else if (caps & CAP_XLIST && !(caps & CAP_SPECIAL_USE))
		text = "XLIST \"\" \"*\"";
	enum err err = list_run(l, text, e);
	err = err ? err : list_spaces(l, e);
	if (!err && subscribed && !extended) {
		l->marking = true;
		err = list_run(l, "LSUB \"\" \"*\"", e);
	}
	return err;
}

static int
compare_entries(const void *a, const void *b)
{
	return strcmp((*(struct entry *const *)a)->key, (*(struct entry *const *)b)->key);
}

/* Sorted, so that parents stand before their children; a name that came twice stays once. */
static bool
sort(struct listing *l)
{
	l->list = arena_array(l->a, l->n + 1, sizeof *l->list);
	if (!l->list)
		return false;
	size_t n = 0;
	for (struct entry *en = l->first; en; en = en->next)
		l->list[n++] = en;
	qsort(l->list, n, sizeof *l->list, compare_entries);
	l->n = 0;
	for (size_t i = 0; i < n; i++) {
		if (l->n > 0 && strcmp(l->list[l->n - 1]->key, l->list[i]->key) == 0)
			l->list[l->n - 1]->attrs |= l->list[i]->attrs;
		else
			l->list[l->n++] = l->list[i];
	}
	return true;
}

static const char *
last_part(const struct entry *en)
{
	const char *cut = en->delimiter ? strrchr(en->rel, en->delimiter) : NULL;
	return cut && cut[1] ? cut + 1 : en->rel;
}

static struct entry *
find_sorted(const struct listing *l, const char *key, size_t n)
{
	size_t lo = 0, hi = l->n;
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		int d = strncmp(l->list[mid]->key, key, n);
		if (d == 0 && l->list[mid]->key[n])
			d = 1;
		if (d == 0)
			return l->list[mid];
		if (d < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return NULL;
}

/* The nearest listed ancestor within the namespace. */
static struct entry *
parent_of(const struct listing *l, const struct entry *en)
{
	for (size_t n = strlen(en->key); en->delimiter && n > (size_t)(en->rel - en->key); n--) {
		struct entry *up = en->key[n - 1] == en->delimiter ? find_sorted(l, en->key, n - 1) : NULL;
		if (up && up != en)
			return up;
	}
	return NULL;
}

static void
give_role(const struct listing *l, struct entry *en, enum backend_role role)
{
	if (!en || en->role || en->shared || en->attrs & ATTR_NOSELECT || role == ROLE_NONE)
		return;
	for (size_t i = 0; i < l->n; i++) {
		if (l->list[i]->role == role)
			return;
	}
	en->role = role;
}

/* What the admin says goes before what the server says, and that before what names suggest. */
static void
give_roles(const struct listing *l)
{
	const struct imap_settings *set = &l->c->b->set;
	const struct {
		const char *name;
		enum backend_role role;
	} said[] = { { "INBOX", ROLE_INBOX }, { set->sent, ROLE_SENT }, { set->drafts, ROLE_DRAFTS },
		{ set->trash, ROLE_TRASH },
		{ set->junk, ROLE_JUNK }, { set->archive, ROLE_ARCHIVE } };
	for (size_t i = 0; i < ARRAY_LEN(said); i++) {
		for (size_t j = 0; j < l->n && said[i].name; j++) {
			if (strcmp(l->list[j]->key, said[i].name) == 0 || strcmp(l->list[j]->rel, said[i].name) == 0)
				give_role(l, l->list[j], said[i].role);
		}
	}
	for (size_t j = 0; j < l->n; j++)
		give_role(l, l->list[j], imap_role_by_attr(l->list[j]->attrs));
	for (size_t j = 0; j < l->n; j++) {
		struct entry *en = l->list[j];
		const struct entry *up = parent_of(l, en);
		if (!up || up->role == ROLE_INBOX || up->attrs & ATTR_NOSELECT)
			give_role(l, en, imap_role_by_name(last_part(en)));
	}
}

static void
keep_with_parents(const struct listing *l, struct entry *en)
{
	while (en && !en->kept) {
		en->kept = true;
		en = parent_of(l, en);
	}
}

/* Folders that hold nothing and lead nowhere are left out. */
static void
choose(const struct listing *l)
{
	bool subscribed = l->c->b->set.folders == LISTED_SUBSCRIBED;
	for (size_t i = 0; i < l->n; i++) {
		struct entry *en = l->list[i];
		bool wanted = !(en->attrs & ATTR_NOSELECT) && (!subscribed || en->role || en->attrs & ATTR_SUBSCRIBED);
		if (wanted)
			keep_with_parents(l, en);
	}
}

static enum err
on_rights(void *ctx, struct imap_response *r)
{
	struct listing *l = ctx;
	if (r->kind != RESP_RIGHTS)
		return ERR_OK;
	const char *key = imap_key_of(l->a, r->name, r->name_len, l->c->utf8);
	struct entry *en = key ? find_sorted(l, key, strlen(key)) : NULL;
	/* RFC 4314: i insert, t delete messages (d in RFC 2086), w write flags */
	if (en)
		en->readonly = !strpbrk(r->words, "itdw");
	return ERR_OK;
}

static enum err
ask_rights(struct listing *l, struct error *e)
{
	struct imap_run run = { .fn = on_rights, .ctx = l };
	struct imap_done done;
	for (size_t i = 0; i < l->n && l->c->caps & CAP_ACL;) {
		struct imap_cmd cmd AUTO(imap_cmd_finish) = { .c = l->c };
		for (unsigned batch = 0; i < l->n && batch < 50; i++) {
			if (!l->list[i]->shared || !l->list[i]->kept || l->list[i]->attrs & ATTR_NOSELECT)
				continue;
			imap_cmd_begin(&cmd, l->c, "MYRIGHTS");
			imap_cmd_mailbox(&cmd, l->list[i]->key);
			batch++;
		}
		enum err err = cmd.n_tags ? imap_cmd_run(&cmd, &run, &done, e) : ERR_OK;
		if (err)
			return err;
	}
	return ERR_OK;
}

static enum err
fill(struct listing *l, struct arena *a, struct backend_folders *f_r, struct error *e)
{
	f_r->list = arena_array(a, l->n + 1, sizeof *f_r->list);
	if (!f_r->list)
		return err_set(e, ERR_NOMEM, "no memory for the folders");
	for (size_t i = 0; i < l->n; i++) {
		const struct entry *en = l->list[i], *up = parent_of(l, en);
		if (!en->kept)
			continue;
		const char *last = last_part(en);
		struct backend_folder *f = &f_r->list[f_r->n++];
		f->key = en->key;
		f->parent = up ? up->key : NULL;
		f->name = text_to_utf8(a, last, strlen(last));
		f->class = BACKEND_MAIL;
		f->role = en->role;
		f->noselect = (en->attrs & ATTR_NOSELECT) != 0;
		f->shared = en->shared;
		f->readonly = en->readonly;
		if (!f->name)
			return err_set(e, ERR_NOMEM, "no memory for the folders");
	}
	return ERR_OK;
}

enum err
imap_folders(struct backend_session *s, struct arena *a, struct backend_folders *f_r, struct error *e)
{
	*f_r = (struct backend_folders){ NULL, 0 };
	struct listing l = { .a = a };
	enum err err = imap_session_conn(s, &l.c, e);
	err = err ? err : imap_namespaces(l.c, a, &l.spaces, e);
	err = err ? err : list_all(&l, e);
	if (err)
		return err;
	place(&l);
	if (!sort(&l))
		return err_set(e, ERR_NOMEM, "no memory for the folders");
	give_roles(&l);
	choose(&l);
	err = ask_rights(&l, e);
	return err ? err : fill(&l, a, f_r, e);
}
