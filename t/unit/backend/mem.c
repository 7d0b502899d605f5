#include "mem.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/text.h"

#define FAILS_MAX 64

struct item {
	struct item *next; /* oldest first */
	char *key, *keywords;
	unsigned char *bytes;
	size_t len;
	uint64_t number;   /* grows with each new item of the folder */
	uint64_t seq;      /* of the last change */
	int64_t date;
	unsigned flags;
	bool gone, readonly;
	enum err broken;
	char version[24];
};

struct folder {
	struct folder *next;
	char *key, *parent, *name;
	enum backend_class class;
	enum backend_role role;
	bool readonly, shared;
	uint64_t validity; /* a cursor of another one is answered with a reset */
	uint64_t era;      /* a cursor of another one is answered with a listing */
	uint64_t number, seq;
	struct item *items;
};

struct user {
	struct user *next;
	char *name, *password;
	struct folder *folders;
	unsigned made;
};

struct sent {
	char *from, *to;
	unsigned char *bytes;
	size_t len;
};

struct fail {
	enum mem_op op;
	enum mem_when when;
	unsigned nth;
	enum err err;
};

struct backend_session {
	struct backend_session *next;
	struct mem *mem;
	struct user *user;
	int fd;
	struct {
		char *key;
		uint64_t seq;
	} watched[64];
	size_t n_watched;
	bool watching;
};

struct mem {
	pthread_mutex_t lock;
	const char *name;
	struct mem_settings settings;
	struct user *users;
	struct backend_session *sessions;
	struct sent *sent;
	size_t n_sent;
	struct fail fails[FAILS_MAX];
	enum err down;
	mem_hook_fn hook;
	void *ctx;
	unsigned calls[MEM_ANY + 1], n_sessions;
};

struct backend {
	struct mem *mem;
};

static struct mem worlds[] = {
	{ .lock = PTHREAD_MUTEX_INITIALIZER, .name = "mem" },
	{ .lock = PTHREAD_MUTEX_INITIALIZER, .name = "mem2" },
};

static void *
must(void *p)
{
	if (!p)
		abort();
	return p;
}

static char *
copy(const char *s)
{
	return s ? must(strdup(s)) : NULL;
}

static unsigned char *
copy_bytes(struct slice s)
{
	unsigned char *p = must(malloc(s.len + 1));

	if (s.len)
		memcpy(p, s.ptr, s.len);
	p[s.len] = 0;
	return p;
}

static void
replace(char **field, const char *with)
{
	char *old = *field;

	*field = copy(with);
	free(old);
}

/* ---- the store; all under the lock ---- */

static struct folder *
find_folder(const struct user *u, const char *key)
{
	struct folder *f;

	for (f = u->folders; f && strcmp(f->key, key) != 0;)
		f = f->next;
	return f;
}

static struct item *
find_item(const struct folder *f, const char *key)
{
	struct item *i;

	for (i = f->items; i && (i->gone || strcmp(i->key, key) != 0);)
		i = i->next;
	return i;
}

static struct folder *
new_folder(struct user *u, const char *key, const char *parent, const char *name, enum backend_class class, enum backend_role role)
{
	struct folder *f = must(calloc(1, sizeof *f)), **end = &u->folders;

	f->key = copy(key);
	f->parent = copy(parent);
	f->name = copy(name);
	f->class = class;
	f->role = role;
	f->validity = 1;
	while (*end)
		end = &(*end)->next;
	*end = f;
	return f;
}

static bool
is_mem2(const struct mem *m)
{
	return m == &worlds[1];
}

static struct user *
get_user(struct mem *m, const char *name)
{
	struct user *u;

	for (u = m->users; u; u = u->next) {
		if (strcmp(u->name, name) == 0)
			return u;
	}
	u = must(calloc(1, sizeof *u));
	u->name = copy(name);
	u->next = m->users;
	m->users = u;
	if (!is_mem2(m)) {
		new_folder(u, "inbox", NULL, "Inbox", BACKEND_MAIL, ROLE_INBOX);
		new_folder(u, "drafts", NULL, "Drafts", BACKEND_MAIL, ROLE_DRAFTS);
		new_folder(u, "sent", NULL, "Sent", BACKEND_MAIL, ROLE_SENT);
		new_folder(u, "trash", NULL, "Trash", BACKEND_MAIL, ROLE_TRASH);
		new_folder(u, "junk", NULL, "Junk", BACKEND_MAIL, ROLE_JUNK);
		new_folder(u, "archive", NULL, "Archive", BACKEND_MAIL, ROLE_ARCHIVE);
		new_folder(u, "notes", NULL, "Notes", BACKEND_NOTES, ROLE_DEFAULT);
	}
	new_folder(u, "calendar", NULL, "Calendar", BACKEND_CALENDAR, ROLE_DEFAULT);
	new_folder(u, "tasks", NULL, "Tasks", BACKEND_TASKS, ROLE_DEFAULT);
	new_folder(u, "contacts", NULL, "Contacts", BACKEND_CONTACTS, ROLE_DEFAULT);
	return u;
}

/* Every change of a folder ends here: watchers are told. */
static void
touched(struct mem *m, struct folder *f, struct item *i)
{
	f->seq++;
	if (i) {
		i->seq = f->seq;
		snprintf(i->version, sizeof i->version, "v%llu", (unsigned long long)f->seq);
	}
	for (struct backend_session *s = m->sessions; s; s = s->next) {
		for (size_t k = 0; s->watching && s->fd >= 0 && k < s->n_watched; k++) {
			if (find_folder(s->user, s->watched[k].key) == f && eventfd_write(s->fd, 1) < 0)
				abort();
		}
	}
}

static struct item *
new_item(struct mem *m, struct folder *f, const char *key, struct slice bytes, unsigned flags, const char *keywords, int64_t date)
{
	struct item *i = must(calloc(1, sizeof *i)), **end = &f->items;
	char number[40];

	f->number++;
	snprintf(number, sizeof number, "%llu%s", (unsigned long long)f->number,
		f->class == BACKEND_MAIL || f->class == BACKEND_NOTES ? "" : f->class == BACKEND_CONTACTS ? ".vcf" : ".ics");
	i->key = copy(key ? key : number);
	i->number = f->number;
	i->bytes = copy_bytes(bytes);
	i->len = bytes.len;
	i->flags = flags;
	i->keywords = copy(keywords ? keywords : "");
	i->date = f->class == BACKEND_MAIL ? date : BACKEND_NO_DATE;
	while (*end)
		end = &(*end)->next;
	*end = i;
	touched(m, f, i);
	return i;
}

static void
drop_item(struct mem *m, struct folder *f, struct item *i)
{
	i->gone = true;
	free(i->bytes);
	i->bytes = NULL;
	i->len = 0;
	touched(m, f, i);
}

static void
set_bytes(struct mem *m, struct folder *f, struct item *i, struct slice bytes)
{
	free(i->bytes);
	i->bytes = copy_bytes(bytes);
	i->len = bytes.len;
	touched(m, f, i);
}

static void
free_items(struct folder *f)
{
	struct item *i;

	while ((i = f->items) != NULL) {
		f->items = i->next;
		free(i->key);
		free(i->keywords);
		free(i->bytes);
		free(i);
	}
}

static void
free_folder(struct user *u, struct folder *f)
{
	struct folder **p = &u->folders;

	while (*p != f)
		p = &(*p)->next;
	*p = f->next;
	free_items(f);
	free(f->key);
	free(f->parent);
	free(f->name);
	free(f);
}

static void
reset_world(struct mem *m)
{
	struct user *u;

	while ((u = m->users) != NULL) {
		m->users = u->next;
		while (u->folders)
			free_folder(u, u->folders);
		free(u->name);
		free(u->password);
		free(u);
	}
	for (size_t i = 0; i < m->n_sent; i++) {
		free(m->sent[i].from);
		free(m->sent[i].to);
		free(m->sent[i].bytes);
	}
	free(m->sent);
	m->sent = NULL;
	m->n_sent = 0;
	m->hook = NULL;
	m->down = ERR_OK;
	memset(&m->settings, 0, sizeof m->settings);
	memset(m->fails, 0, sizeof m->fails);
	memset(m->calls, 0, sizeof m->calls);
}

void
mem_reset(void)
{
	for (size_t i = 0; i < ARRAY_LEN(worlds); i++) {
		if (worlds[i].n_sessions)
			abort();
		reset_world(&worlds[i]);
	}
}

struct mem *
mem_world(const struct backend_ops *ops)
{
	return ops == &mem2_ops ? &worlds[1] : &worlds[0];
}

struct mem_settings *
mem_settings(struct mem *m)
{
	return &m->settings;
}

/* ---- hooks and failures ---- */

void
mem_hook(struct mem *m, mem_hook_fn fn, void *ctx)
{
	pthread_mutex_lock(&m->lock);
	m->hook = fn;
	m->ctx = ctx;
	pthread_mutex_unlock(&m->lock);
}

void
mem_fail(struct mem *m, enum mem_op op, unsigned nth, enum mem_when when, enum err err)
{
	size_t i = 0;

	pthread_mutex_lock(&m->lock);
	while (i < FAILS_MAX && m->fails[i].nth)
		i++;
	if (i == FAILS_MAX)
		abort();
	m->fails[i] = (struct fail){ op, when, nth, err };
	pthread_mutex_unlock(&m->lock);
}

void
mem_down(struct mem *m, enum err err)
{
	pthread_mutex_lock(&m->lock);
	m->down = err;
	pthread_mutex_unlock(&m->lock);
}

unsigned
mem_calls(struct mem *m, enum mem_op op)
{
	unsigned n;

	pthread_mutex_lock(&m->lock);
	n = m->calls[op];
	pthread_mutex_unlock(&m->lock);
	return n;
}

unsigned
mem_sessions(struct mem *m)
{
	unsigned n;

	pthread_mutex_lock(&m->lock);
	n = m->n_sessions;
	pthread_mutex_unlock(&m->lock);
	return n;
}

static enum err
planned_failure(struct mem *m, enum mem_op op, enum mem_when when)
{
	enum err err = when == MEM_BEFORE ? m->down : ERR_OK;

	for (size_t i = 0; i < FAILS_MAX; i++) {
		struct fail *f = &m->fails[i];

		if (f->nth == 0 || f->when != when || (f->op != op && f->op != MEM_ANY))
			continue;
		f->nth--;
		if (f->nth == 0 && !err)
			err = f->err;
	}
	return err;
}

static enum err
around(struct mem *m, enum mem_op op, enum mem_when when, const char *folder, const char *key, struct error *e)
{
	mem_hook_fn fn;
	void *ctx;
	enum err err;

	pthread_mutex_lock(&m->lock);
	if (when == MEM_BEFORE) {
		m->calls[op]++;
		m->calls[MEM_ANY]++;
	}
	err = planned_failure(m, op, when);
	fn = m->hook;
	ctx = m->ctx;
	pthread_mutex_unlock(&m->lock);
	if (fn) {
		enum err said = fn(ctx, op, when, folder, key);

		if (!err)
			err = said;
	}
	return err ? err_set(e, err, "mem: made to fail (%s)", err_name(err)) : ERR_OK;
}

/* An operation: hook and planned failures, the lock, then the work; `folder` and `key` are for the hook. */
#define BEGIN(m, op, folder, key) \
	do { \
		enum err before_ = around((m), (op), MEM_BEFORE, (folder), (key), e); \
		if (before_) \
			return before_; \
		pthread_mutex_lock(&(m)->lock); \
	} while (0)

static enum err
end(struct mem *m, enum mem_op op, const char *folder, const char *key, enum err err, struct error *e)
{
	enum err after;

	pthread_mutex_unlock(&m->lock);
	if (err)
		err_set(e, err, "mem: %s", err_name(err));
	after = around(m, op, MEM_AFTER, folder, key, e);
	return after ? after : err;
}

/* ---- the module ---- */

static enum err
open_world(struct mem *m, struct conf *conf, struct backend **b_r, struct error *e)
{
	enum err err = conf_bind(conf, m->name, NULL, 0, NULL, e);

	if (err)
		return err;
	*b_r = must(calloc(1, sizeof **b_r));
	(*b_r)->mem = m;
	return ERR_OK;
}

static enum err
open_mem(struct conf *conf, struct backend **b_r, struct error *e)
{
	return open_world(&worlds[0], conf, b_r, e);
}

static enum err
open_mem2(struct conf *conf, struct backend **b_r, struct error *e)
{
	return open_world(&worlds[1], conf, b_r, e);
}

static void
close_mem(struct backend **b)
{
	free(*b);
	*b = NULL;
}

static const char *
host(const struct backend *b)
{
	return b->mem->name;
}

static const char *
send_host(const struct backend *b)
{
	(void)b;
	return "smtp";
}

static void
forget_watched(struct backend_session *s)
{
	for (size_t i = 0; i < s->n_watched; i++)
		free(s->watched[i].key);
	s->n_watched = 0;
	s->watching = false;
}

static void
logout(struct backend_session **sp)
{
	struct backend_session *s = *sp, **p;

	*sp = NULL;
	if (!s)
		return;
	pthread_mutex_lock(&s->mem->lock);
	for (p = &s->mem->sessions; *p != s;)
		p = &(*p)->next;
	*p = s->next;
	s->mem->n_sessions--;
	pthread_mutex_unlock(&s->mem->lock);
	forget_watched(s);
	if (s->fd >= 0)
		close(s->fd);
	free(s);
}

static enum err
login(struct backend *b, const struct backend_login *who, struct backend_session **s_r, struct error *e)
{
	struct mem *m = b->mem;
	struct backend_session *s = NULL;
	struct user *u;
	enum err err = ERR_OK;

	BEGIN(m, MEM_LOGIN, NULL, NULL);
	u = get_user(m, who->user);
	if (u->password && strcmp(u->password, who->password) != 0) {
		err = ERR_AUTH;
	} else {
		s = must(calloc(1, sizeof *s));
		s->mem = m;
		s->user = u;
		s->fd = -1;
		s->next = m->sessions;
		m->sessions = s;
		m->n_sessions++;
	}
	err = end(m, MEM_LOGIN, NULL, NULL, err, e);
	if (err)
		logout(&s);
	*s_r = s;
	return err;
}

static enum err
folders(struct backend_session *s, struct arena *a, struct backend_folders *f_r, struct error *e)
{
	size_t n = 0;

	BEGIN(s->mem, MEM_FOLDERS, NULL, NULL);
	for (struct folder *f = s->user->folders; f; f = f->next)
		n++;
	f_r->list = must(arena_array(a, n, sizeof *f_r->list));
	f_r->n = 0;
	for (struct folder *f = s->user->folders; f; f = f->next) {
		f_r->list[f_r->n++] = (struct backend_folder){ .key = arena_strdup(a, f->key),
			.parent = f->parent ? arena_strdup(a, f->parent) : NULL, .name = arena_strdup(a, f->name), .class = f->class,
			.role = f->role, .readonly = f->readonly, .shared = f->shared };
	}
	return end(s->mem, MEM_FOLDERS, NULL, NULL, ERR_OK, e);
}

/* A cursor: "VALIDITY.ERA.SEQ.NUMBER": all up to SEQ is known; in the middle of a listing NUMBER is the next to be listed (counting
 * down), else 0. */
struct cursor {
	uint64_t validity, era, seq, number;
};

static bool
parse_cursor(const char *text, struct cursor *c)
{
	uint64_t *fields[] = { &c->validity, &c->era, &c->seq, &c->number };
	char part[24];

	for (size_t i = 0; i < 4; i++) {
		size_t n = strcspn(text, ".");

		if (n >= sizeof part)
			return false;
		memcpy(part, text, n);
		part[n] = 0;
		if (!text_to_u64(part, fields[i]))
			return false;
		text += n + (text[n] == '.');
	}
	return *text == 0;
}

static void
add_change(struct arena *a, struct backend_changes *c, const struct item *i)
{
	c->list[c->n++] = (struct backend_change){ .key = arena_strdup(a, i->key), .version = i->gone ? NULL : arena_strdup(a, i->version),
		.date = i->date, .gone = i->gone };
}

/* Newest first, in parts; what changes meanwhile comes with the first delta from where the listing began. */
static void
list_part(struct arena *a, const struct folder *f, struct cursor *at, size_t part, struct backend_changes *c)
{
	uint64_t below = at->number;

	c->listing = true;
	while (c->n < part) {
		const struct item *best = NULL;

		for (const struct item *i = f->items; i; i = i->next) {
			if (!i->gone && i->number <= below && (!best || i->number > best->number))
				best = i;
		}
		below = best ? best->number - 1 : 0;
		if (best)
			add_change(a, c, best);
		if (!best || below == 0)
			break;
	}
	at->number = below;
	c->more = below > 0;
}

static void
delta_part(struct arena *a, const struct folder *f, struct cursor *at, size_t part, struct backend_changes *c)
{
	while (c->n < part) {
		const struct item *next = NULL;

		for (const struct item *i = f->items; i; i = i->next) {
			if (i->seq > at->seq && (!next || i->seq < next->seq))
				next = i;
		}
		if (!next) {
			at->seq = f->seq;
			return;
		}
		add_change(a, c, next);
		at->seq = next->seq;
	}
	c->more = at->seq < f->seq;
}

static enum err
do_changes(struct backend_session *s, struct arena *a, const char *folder, const char *cursor, size_t part, struct backend_changes *c)
{
	const struct mem_settings *set = &s->mem->settings;
	struct folder *f = find_folder(s->user, folder);
	struct cursor at = { 0 };
	bool known;

	if (!f)
		return ERR_NOFOLDER;
	if (part == 0 || (set->part_max && part > set->part_max))
		part = set->part_max ? set->part_max : 100000;
	memset(c, 0, sizeof *c);
	c->list = must(arena_array(a, part < f->number + 1 ? part : f->number + 1, sizeof *c->list));
	known = cursor && parse_cursor(cursor, &at) && at.validity == f->validity && at.era == f->era;
	if (known && (at.number || !set->no_deltas)) {
		if (at.number)
			list_part(a, f, &at, part, c);
		else
			delta_part(a, f, &at, part, c);
	} else {
		/* In the middle of a listing a new validity means a reset too. */
		c->reset = cursor && at.validity != f->validity;
		at = (struct cursor){ f->validity, f->era, f->seq, f->number };
		list_part(a, f, &at, part, c);
	}
	c->cursor = must(arena_printf(a, "%llu.%llu.%llu.%llu", (unsigned long long)at.validity, (unsigned long long)at.era,
		(unsigned long long)at.seq, (unsigned long long)at.number));
	return ERR_OK;
}

static enum err
changes(struct backend_session *s, struct arena *a, const char *folder, const char *cursor, size_t part, struct backend_changes *c_r,
	struct error *e)
{
	BEGIN(s->mem, MEM_CHANGES, folder, NULL);
	return end(s->mem, MEM_CHANGES, folder, NULL, do_changes(s, a, folder, cursor, part, c_r), e);
}

static const char *const *
split(struct arena *a, const char *words)
{
	size_t n = 0, room = strlen(words) / 2 + 2;
	const char **list = must(arena_array(a, room, sizeof *list));

	while (*words) {
		size_t len = strcspn(words, " ");

		if (len)
			list[n++] = arena_strndup(a, words, len);
		words += len + (words[len] == ' ');
	}
	return list;
}

static void
show(const struct backend_fetch *what, const struct folder *f, const char *key, struct arena *a, struct backend_item *item)
{
	const struct item *i;

	memset(item, 0, sizeof *item);
	item->key = key;
	item->date = BACKEND_NO_DATE;
	i = find_item(f, key);
	if (!i) {
		item->err = ERR_NOTFOUND;
		return;
	}
	item->err = i->broken;
	item->version = arena_strdup(a, i->version);
	item->date = i->date;
	item->size = i->len;
	item->flags = i->flags;
	item->keywords = split(a, i->keywords);
	if (!item->err && what->want == WANT_BYTES && what->bytes_max && i->len > what->bytes_max)
		item->err = ERR_LIMIT;
	if (!item->err && what->want == WANT_BYTES)
		item->bytes = slice(arena_memdup(a, i->bytes, i->len), i->len);
}

/* The lock is not held while the caller is told of an item: it may change the world then. */
static enum err
fetch(struct backend_session *s, const struct backend_fetch *what, backend_item_fn fn, void *ctx, struct error *e)
{
	AUTO(arena_free) struct arena *a = must(arena_new(0));
	bool given = false;
	enum err err = ERR_OK;

	BEGIN(s->mem, MEM_FETCH, what->folder, what->n ? what->keys[0] : NULL);
	for (size_t i = 0; !err && i < what->n && !(given && what->room && !s->mem->settings.backwards && what->room(ctx) == 0); i++) {
		struct arena_mark mark = arena_mark(a);
		struct folder *f = find_folder(s->user, what->folder);
		struct backend_item item;

		if (!f) {
			err = ERR_NOFOLDER;
			break;
		}
		show(what, f, what->keys[s->mem->settings.backwards ? what->n - 1 - i : i], a, &item);
		given = given || item.bytes.len;
		pthread_mutex_unlock(&s->mem->lock);
		err = fn(ctx, &item);
		pthread_mutex_lock(&s->mem->lock);
		arena_rewind(a, mark);
	}
	return end(s->mem, MEM_FETCH, what->folder, what->n ? what->keys[0] : NULL, err, e);
}

static void
tell_stored(struct mem *m, struct arena *a, const struct folder *f, const struct item *i, bool moved, struct backend_stored *stored)
{
	bool unknown = m->settings.unknown_keys && f->class == BACKEND_MAIL && moved;

	stored->key = unknown ? "" : arena_strdup(a, i->key);
	stored->version = unknown || m->settings.unknown_versions || m->settings.rewrites ? "" : arena_strdup(a, i->version);
}

/* As a server that adds what it thinks is missing: a line before the last one. */
static struct slice
rewritten(struct mem *m, struct arena *a, const struct folder *f, struct slice in)
{
	static const char line[] = "X-MEM-REWRITTEN:1\r\n";
	size_t at = in.len;
	unsigned char *out;

	if (!m->settings.rewrites || f->class == BACKEND_MAIL || in.len < 2)
		return in;
	for (at = in.len - 2; at > 0 && in.ptr[at - 1] != '\n';)
		at--;
	out = must(arena_alloc(a, in.len + sizeof line));
	memcpy(out, in.ptr, at);
	memcpy(out + at, line, sizeof line - 1);
	memcpy(out + at + sizeof line - 1, in.ptr + at, in.len - at);
	return slice(out, in.len + sizeof line - 1);
}

static enum err
put_new(struct mem *m, struct arena *a, struct folder *f, const struct backend_put *put, struct item **i_r)
{
	AUTO(arena_free) struct arena *scratch = must(arena_new(0));
	struct buf words;
	const char *key = NULL;

	if (put->name && f->class != BACKEND_MAIL) {
		key = arena_printf(a, "%s.%s", put->name, f->class == BACKEND_CONTACTS ? "vcf" : "ics");
		*i_r = find_item(f, key);
		if (*i_r)
			return ERR_EXISTS;
	}
	buf_init(&words, 0);
	for (size_t i = 0; put->keywords && put->keywords[i]; i++)
		buf_printf(&words, "%s%s", i ? " " : "", put->keywords[i]);
	*i_r = new_item(m, f, key, rewritten(m, scratch, f, put->bytes), put->flags, buf_str(&words),
		put->date == BACKEND_NO_DATE ? 1700000000 : put->date);
	buf_finish(&words);
	return ERR_OK;
}

static enum err
do_put(struct mem *m, struct user *u, struct arena *a, const struct backend_put *put, struct backend_stored *stored)
{
	AUTO(arena_free) struct arena *scratch = must(arena_new(0));
	struct folder *f = find_folder(u, put->folder);
	struct item *i = NULL;
	enum err err = ERR_OK;

	if (!f)
		return ERR_NOFOLDER;
	if (f->readonly)
		return ERR_DENIED;
	if (!put->key) {
		err = put_new(m, a, f, put, &i);
	} else {
		i = find_item(f, put->key);
		if (!i)
			return ERR_NOTFOUND;
		if (i->readonly)
			return ERR_DENIED;
		if (put->version && strcmp(put->version, i->version) != 0)
			return ERR_CONFLICT;
		set_bytes(m, f, i, rewritten(m, scratch, f, put->bytes));
	}
	tell_stored(m, a, f, i, !put->key, stored);
	if (err == ERR_EXISTS)
		stored->key = arena_strdup(a, i->key);
	return err;
}

static enum err
put(struct backend_session *s, struct arena *a, const struct backend_put *p, struct backend_stored *stored_r, struct error *e)
{
	BEGIN(s->mem, MEM_PUT, p->folder, p->key);
	*stored_r = (struct backend_stored){ "", "" };
	return end(s->mem, MEM_PUT, p->folder, p->key, do_put(s->mem, s->user, a, p, stored_r), e);
}

static enum err
do_remove(struct mem *m, struct user *u, const char *folder, const char *key, const char *version)
{
	struct folder *f = find_folder(u, folder);
	struct item *i = f ? find_item(f, key) : NULL;

	if (!f)
		return ERR_NOFOLDER;
	if (!i)
		return ERR_NOTFOUND;
	if (f->readonly || i->readonly)
		return ERR_DENIED;
	if (version && strcmp(version, i->version) != 0)
		return ERR_CONFLICT;
	drop_item(m, f, i);
	return ERR_OK;
}

static enum err
remove_item(struct backend_session *s, const char *folder, const char *key, const char *version, struct error *e)
{
	BEGIN(s->mem, MEM_REMOVE, folder, key);
	return end(s->mem, MEM_REMOVE, folder, key, do_remove(s->mem, s->user, folder, key, version), e);
}

static enum err
do_move(struct mem *m, struct user *u, struct arena *a, const char *folder, const char *key, const char *target,
	struct backend_stored *stored)
{
	struct folder *f = find_folder(u, folder), *t = find_folder(u, target);
	struct item *i = f ? find_item(f, key) : NULL, *made;

	if (!f || !t || f->class != t->class)
		return ERR_NOFOLDER;
	if (!i)
		return ERR_NOTFOUND;
	if (f->readonly || t->readonly || i->readonly)
		return ERR_DENIED;
	if (f == t) {
		tell_stored(m, a, t, i, true, stored);
		return ERR_OK;
	}
	if (f->class != BACKEND_MAIL && find_item(t, key))
		return ERR_EXISTS;
	made = new_item(m, t, f->class == BACKEND_MAIL ? NULL : key, slice(i->bytes, i->len), i->flags, i->keywords, i->date);
	drop_item(m, f, i);
	tell_stored(m, a, t, made, true, stored);
	return ERR_OK;
}

static enum err
move(struct backend_session *s, struct arena *a, const char *folder, const char *key, const char *target, struct backend_stored *stored_r,
	struct error *e)
{
	BEGIN(s->mem, MEM_MOVE, folder, key);
	*stored_r = (struct backend_stored){ "", "" };
	return end(s->mem, MEM_MOVE, folder, key, do_move(s->mem, s->user, a, folder, key, target, stored_r), e);
}

static bool
has_word(const char *const *list, const char *word)
{
	for (size_t i = 0; list && list[i]; i++) {
		if (strcmp(list[i], word) == 0)
			return true;
	}
	return false;
}

static void
merge_keywords(struct item *i, const struct backend_flagging *what)
{
	AUTO(arena_free) struct arena *a = must(arena_new(0));
	const char *const *old = split(a, i->keywords);
	struct buf words;

	buf_init(&words, 0);
	for (size_t k = 0; old[k]; k++) {
		if (!has_word(what->remove_keywords, old[k]))
			buf_printf(&words, "%s%s", words.len ? " " : "", old[k]);
	}
	for (size_t k = 0; what->add_keywords && what->add_keywords[k]; k++) {
		if (!has_word(old, what->add_keywords[k]))
			buf_printf(&words, "%s%s", words.len ? " " : "", what->add_keywords[k]);
	}
	replace(&i->keywords, buf_str(&words));
	buf_finish(&words);
}

static enum err
do_flag(struct mem *m, struct user *u, struct arena *a, const struct backend_flagging *what, struct backend_stored *stored)
{
	struct folder *f = find_folder(u, what->folder);
	struct item *i = f ? find_item(f, what->key) : NULL;

	if (!f)
		return ERR_NOFOLDER;
	if (!i)
		return ERR_NOTFOUND;
	if (f->class != BACKEND_MAIL)
		return ERR_UNSUPPORTED;
	if (f->readonly || i->readonly)
		return ERR_DENIED;
	i->flags = (i->flags | what->set) & ~what->clear;
	merge_keywords(i, what);
	touched(m, f, i);
	tell_stored(m, a, f, i, false, stored);
	return ERR_OK;
}

static enum err
flag(struct backend_session *s, struct arena *a, const struct backend_flagging *what, struct backend_stored *stored_r, struct error *e)
{
	BEGIN(s->mem, MEM_FLAG, what->folder, what->key);
	*stored_r = (struct backend_stored){ "", "" };
	return end(s->mem, MEM_FLAG, what->folder, what->key, do_flag(s->mem, s->user, a, what, stored_r), e);
}

/* ---- folders ---- */

static struct folder *
named(struct user *u, const char *parent, const char *name, enum backend_class class)
{
	for (struct folder *f = u->folders; f; f = f->next) {
		bool same = parent && f->parent ? strcmp(parent, f->parent) == 0 : !parent && !f->parent;

		if (same && f->class == class && strcmp(f->name, name) == 0)
			return f;
	}
	return NULL;
}

static enum err
folder_make(struct backend_session *s, struct arena *a, const char *parent, const char *name, enum backend_class class, const char **key_r,
	struct error *e)
{
	struct folder *f;
	enum err err = ERR_OK;
	char key[32];

	BEGIN(s->mem, MEM_FOLDER_MAKE, parent, name);
	f = named(s->user, parent, name, class);
	if (parent && !find_folder(s->user, parent)) {
		err = ERR_NOFOLDER;
	} else if (f) {
		err = ERR_EXISTS;
		*key_r = arena_strdup(a, f->key);
	} else {
		snprintf(key, sizeof key, "made-%u", ++s->user->made);
		new_folder(s->user, key, parent, name, class, ROLE_NONE);
		*key_r = arena_strdup(a, key);
	}
	return end(s->mem, MEM_FOLDER_MAKE, parent, name, err, e);
}

static enum err
folder_rename(struct backend_session *s, struct arena *a, const char *key, const char *parent, const char *name, const char **key_r,
	struct error *e)
{
	struct folder *f, *there;
	enum err err = ERR_OK;

	BEGIN(s->mem, MEM_FOLDER_RENAME, key, name);
	f = find_folder(s->user, key);
	there = f ? named(s->user, parent, name, f->class) : NULL;
	if (!f || (parent && !find_folder(s->user, parent))) {
		err = ERR_NOFOLDER;
	} else if (f->role == ROLE_INBOX) {
		err = ERR_DENIED;
	} else if (there && there != f) {
		err = ERR_EXISTS;
	} else {
		replace(&f->name, name);
		replace(&f->parent, parent);
		*key_r = arena_strdup(a, f->key);
	}
	return end(s->mem, MEM_FOLDER_RENAME, key, name, err, e);
}

static enum err
folder_remove(struct backend_session *s, const char *key, struct error *e)
{
	struct folder *f;
	enum err err = ERR_OK;

	BEGIN(s->mem, MEM_FOLDER_REMOVE, key, NULL);
	f = find_folder(s->user, key);
	if (!f)
		err = ERR_NOFOLDER;
	else if (f->role == ROLE_INBOX || f->readonly)
		err = ERR_DENIED;
	else
		free_folder(s->user, f);
	return end(s->mem, MEM_FOLDER_REMOVE, key, NULL, err, e);
}

/* ---- sending, finding ---- */

static enum err
send_mail(struct backend_session *s, const struct backend_mail *mail, enum err (*sending)(void *ctx), void *ctx, struct error *e)
{
	struct mem *m = s->mem;
	struct buf to;
	enum err err;

	BEGIN(m, MEM_SEND, NULL, NULL);
	pthread_mutex_unlock(&m->lock);
	err = sending ? sending(ctx) : ERR_OK;
	pthread_mutex_lock(&m->lock);
	if (!err) {
		buf_init(&to, 0);
		for (size_t i = 0; i < mail->n; i++)
			buf_printf(&to, "%s%s", i ? " " : "", mail->to[i]);
		m->sent = must(realloc(m->sent, (m->n_sent + 1) * sizeof *m->sent));
		m->sent[m->n_sent++] = (struct sent){ copy(mail->from), copy(buf_str(&to)), copy_bytes(mail->bytes), mail->bytes.len };
		buf_finish(&to);
	}
	return end(m, MEM_SEND, NULL, NULL, err, e);
}

static enum err
mark(struct backend_session *s, struct arena *a, const char *folder, const char **mark_r, struct error *e)
{
	struct folder *f;

	BEGIN(s->mem, MEM_MARK, folder, NULL);
	f = find_folder(s->user, folder);
	if (f)
		*mark_r = arena_printf(a, "%llu", (unsigned long long)f->number);
	return end(s->mem, MEM_MARK, folder, NULL, f ? ERR_OK : ERR_NOFOLDER, e);
}

/* The value of the header field, without what surrounds it; false: none. */
static bool
header(const struct item *i, const char *field, struct slice *value_r)
{
	const char *p = (const char *)i->bytes, *stop = p + i->len;
	size_t n = strlen(field);

	while (p < stop && *p != '\r' && *p != '\n') {
		const char *eol = memchr(p, '\n', (size_t)(stop - p));

		if (!eol)
			eol = stop;
		if ((size_t)(eol - p) > n && text_ncasecmp(p, field, n) == 0 && p[n] == ':') {
			for (p += n + 1; p < eol && *p == ' ';)
				p++;
			while (eol > p && (eol[-1] == '\r' || eol[-1] == ' '))
				eol--;
			*value_r = slice(p, (size_t)(eol - p));
			return true;
		}
		p = eol + 1;
	}
	return false;
}

static enum err
find(struct backend_session *s, struct arena *a, const char *folder, const char *message_id, const char *after,
	struct backend_stored *found_r, struct error *e)
{
	struct folder *f;
	uint64_t above = 0;
	enum err err = ERR_NOTFOUND;

	BEGIN(s->mem, MEM_FIND, folder, message_id);
	f = find_folder(s->user, folder);
	if (!f || (after && !text_to_u64(after, &above)))
		err = f ? ERR_INVALID : ERR_NOFOLDER;
	for (struct item *i = f ? f->items : NULL; err == ERR_NOTFOUND && i; i = i->next) {
		struct slice value;

		if (!i->gone && i->number > above && header(i, "Message-ID", &value) && slice_eq(value, slice_str(message_id))) {
			*found_r = (struct backend_stored){ arena_strdup(a, i->key), arena_strdup(a, i->version) };
			err = ERR_OK;
		}
	}
	return end(s->mem, MEM_FIND, folder, message_id, err, e);
}

static bool
contains(struct slice in, const char *what)
{
	size_t n = strlen(what);

	for (size_t i = 0; i + n <= in.len; i++) {
		if (text_ncasecmp((const char *)in.ptr + i, what, n) == 0)
			return true;
	}
	return false;
}

static bool
field_contains(const struct item *i, const char *field, const char *what)
{
	struct slice value;

	return !what || (header(i, field, &value) && contains(value, what));
}

static enum err
search(struct backend_session *s, struct arena *a, const struct backend_query *q, struct backend_keys *keys_r, struct error *e)
{
	struct folder *f;

	BEGIN(s->mem, MEM_SEARCH, q->folder, NULL);
	f = find_folder(s->user, q->folder);
	keys_r->n = 0;
	keys_r->list = must(arena_array(a, f ? f->number + 1 : 1, sizeof *keys_r->list));
	for (const struct item *i = f ? f->items : NULL; i; i = i->next) {
		bool hit = !i->gone && (!q->text || contains(slice(i->bytes, i->len), q->text)) && field_contains(i, "From", q->from) &&
			field_contains(i, "To", q->to) && field_contains(i, "Subject", q->subject);

		if (hit && i->date != BACKEND_NO_DATE)
			hit = (q->since == BACKEND_NO_DATE || i->date >= q->since) && (q->before == BACKEND_NO_DATE || i->date < q->before);
		if (hit)
			keys_r->list[keys_r->n++] = arena_strdup(a, i->key);
	}
	for (size_t i = 0; i < keys_r->n / 2; i++) {
		const char *key = keys_r->list[i];

		keys_r->list[i] = keys_r->list[keys_r->n - 1 - i];
		keys_r->list[keys_r->n - 1 - i] = key;
	}
	if (keys_r->n > q->max)
		keys_r->n = q->max;
	return end(s->mem, MEM_SEARCH, q->folder, NULL, f ? ERR_OK : ERR_NOFOLDER, e);
}

/* ---- watching ---- */

static void
how_to_wait(const struct backend_session *s, struct backend_watch *w)
{
	w->fd = s->fd;
	w->poll = s->mem->settings.poll || s->fd >= 0 ? s->mem->settings.poll : 60;
}

static enum err
watch(struct backend_session *s, const char *const *list, size_t n, struct backend_watch *w_r, struct error *e)
{
	BEGIN(s->mem, MEM_WATCH, n ? list[0] : NULL, NULL);
	forget_watched(s);
	for (size_t i = 0; i < n && i < ARRAY_LEN(s->watched); i++) {
		struct folder *f = find_folder(s->user, list[i]);

		s->watched[i].key = copy(list[i]);
		s->watched[i].seq = f ? f->seq : 0;
		s->n_watched++;
	}
	if (s->fd < 0 && !s->mem->settings.no_fd)
		s->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	s->watching = true;
	how_to_wait(s, w_r);
	return end(s->mem, MEM_WATCH, n ? list[0] : NULL, NULL, ERR_OK, e);
}

static enum err
noticed(struct backend_session *s, struct arena *a, struct backend_keys *folders_r, struct backend_watch *w_r, struct error *e)
{
	eventfd_t any;

	folders_r->n = 0;
	how_to_wait(s, w_r);
	BEGIN(s->mem, MEM_NOTICED, NULL, NULL);
	if (s->fd >= 0)
		(void)!eventfd_read(s->fd, &any);
	folders_r->list = must(arena_array(a, s->n_watched, sizeof *folders_r->list));
	for (size_t i = 0; i < s->n_watched; i++) {
		struct folder *f = find_folder(s->user, s->watched[i].key);

		if (!f || f->seq == s->watched[i].seq)
			continue;
		s->watched[i].seq = f->seq;
		folders_r->list[folders_r->n++] = arena_strdup(a, f->key);
	}
	return end(s->mem, MEM_NOTICED, NULL, NULL, ERR_OK, e);
}

static void
unwatch(struct backend_session *s)
{
	pthread_mutex_lock(&s->mem->lock);
	forget_watched(s);
	pthread_mutex_unlock(&s->mem->lock);
}

static enum err
identity(struct backend_session *s, struct arena *a, struct backend_identity *id_r, struct error *e)
{
	BEGIN(s->mem, MEM_IDENTITY, NULL, NULL);
	id_r->address = strchr(s->user->name, '@') ? arena_strdup(a, s->user->name) : arena_printf(a, "%s@example.org", s->user->name);
	id_r->name = NULL;
	return end(s->mem, MEM_IDENTITY, NULL, NULL, ERR_OK, e);
}

static enum err
describe(struct backend_session *s, backend_say_fn say, void *ctx, struct error *e)
{
	BEGIN(s->mem, MEM_DESCRIBE, NULL, NULL);
	pthread_mutex_unlock(&s->mem->lock);
	say(ctx, true, "everything is in memory");
	pthread_mutex_lock(&s->mem->lock);
	return end(s->mem, MEM_DESCRIBE, NULL, NULL, ERR_OK, e);
}

const struct backend_ops mem_ops = {
	.abi = BACKEND_ABI,
	.name = "mem",
	.classes = BACKEND_MAIL | BACKEND_CALENDAR | BACKEND_TASKS | BACKEND_CONTACTS | BACKEND_NOTES,
	.open = open_mem,
	.close = close_mem,
	.host = host,
	.send_host = send_host,
	.login = login,
	.logout = logout,
	.folders = folders,
	.changes = changes,
	.fetch = fetch,
	.put = put,
	.remove = remove_item,
	.move = move,
	.flag = flag,
	.folder_make = folder_make,
	.folder_rename = folder_rename,
	.folder_remove = folder_remove,
	.send = send_mail,
	.mark = mark,
	.find = find,
	.search = search,
	.watch = watch,
	.noticed = noticed,
	.unwatch = unwatch,
	.identity = identity,
	.describe = describe,
};

const struct backend_ops mem2_ops = {
	.abi = BACKEND_ABI,
	.name = "mem2",
	.classes = BACKEND_CALENDAR | BACKEND_TASKS | BACKEND_CONTACTS,
	.open = open_mem2,
	.close = close_mem,
	.host = host,
	.login = login,
	.logout = logout,
	.folders = folders,
	.changes = changes,
	.fetch = fetch,
	.put = put,
	.remove = remove_item,
	.watch = watch,
	.noticed = noticed,
	.unwatch = unwatch,
};

/* ---- somebody else ---- */

void
mem_password(struct mem *m, const char *user, const char *password)
{
	pthread_mutex_lock(&m->lock);
	replace(&get_user(m, user)->password, password);
	pthread_mutex_unlock(&m->lock);
}

void
mem_folder_add(struct mem *m, const char *user, const char *key, const char *parent, const char *name, enum backend_class class,
	enum backend_role role)
{
	pthread_mutex_lock(&m->lock);
	new_folder(get_user(m, user), key, parent, name, class, role);
	pthread_mutex_unlock(&m->lock);
}

/* The folder, with the lock held, which the caller gives back. */
static struct folder *
lock_folder(struct mem *m, const char *user, const char *folder)
{
	pthread_mutex_lock(&m->lock);
	return must(find_folder(get_user(m, user), folder));
}

static struct folder *
lock_item(struct mem *m, const char *user, const char *folder, const char *key, struct item **i_r)
{
	struct folder *f = lock_folder(m, user, folder);

	*i_r = must(find_item(f, key));
	return f;
}

void
mem_folder_readonly(struct mem *m, const char *user, const char *folder, bool readonly)
{
	lock_folder(m, user, folder)->readonly = readonly;
	pthread_mutex_unlock(&m->lock);
}

void
mem_folder_shared(struct mem *m, const char *user, const char *folder)
{
	lock_folder(m, user, folder)->shared = true;
	pthread_mutex_unlock(&m->lock);
}

void
mem_folder_drop(struct mem *m, const char *user, const char *folder)
{
	struct folder *f = lock_folder(m, user, folder);

	free_folder(get_user(m, user), f);
	pthread_mutex_unlock(&m->lock);
}

void
mem_folder_renumber(struct mem *m, const char *user, const char *folder)
{
	struct folder *f = lock_folder(m, user, folder);

	f->validity++;
	for (struct item *i = f->items; i; i = i->next) {
		char key[40];

		if (i->gone)
			continue;
		snprintf(key, sizeof key, "%llu", (unsigned long long)++f->number);
		i->number = f->number;
		replace(&i->key, key);
	}
	touched(m, f, NULL);
	pthread_mutex_unlock(&m->lock);
}

void
mem_folder_forget_cursors(struct mem *m, const char *user, const char *folder)
{
	lock_folder(m, user, folder)->era++;
	pthread_mutex_unlock(&m->lock);
}

const char *
mem_add(struct mem *m, const char *user, const char *folder, const char *key, const char *bytes, unsigned flags, int64_t date)
{
	struct folder *f = lock_folder(m, user, folder);
	struct item *i = new_item(m, f, key, slice_str(bytes), flags, NULL, date);

	pthread_mutex_unlock(&m->lock);
	return i->key;
}

void
mem_edit(struct mem *m, const char *user, const char *folder, const char *key, const char *bytes)
{
	struct item *i;
	struct folder *f = lock_item(m, user, folder, key, &i);

	set_bytes(m, f, i, slice_str(bytes));
	pthread_mutex_unlock(&m->lock);
}

void
mem_set_flags(struct mem *m, const char *user, const char *folder, const char *key, unsigned flags, const char *keywords)
{
	struct item *i;
	struct folder *f = lock_item(m, user, folder, key, &i);

	i->flags = flags;
	if (keywords)
		replace(&i->keywords, keywords);
	touched(m, f, i);
	pthread_mutex_unlock(&m->lock);
}

void
mem_delete(struct mem *m, const char *user, const char *folder, const char *key)
{
	struct item *i;
	struct folder *f = lock_item(m, user, folder, key, &i);

	drop_item(m, f, i);
	pthread_mutex_unlock(&m->lock);
}

void
mem_item_readonly(struct mem *m, const char *user, const char *folder, const char *key, bool readonly)
{
	struct item *i;

	lock_item(m, user, folder, key, &i);
	i->readonly = readonly;
	pthread_mutex_unlock(&m->lock);
}

void
mem_item_broken(struct mem *m, const char *user, const char *folder, const char *key, enum err err)
{
	struct item *i;

	lock_item(m, user, folder, key, &i);
	i->broken = err;
	pthread_mutex_unlock(&m->lock);
}

/* ---- looking ---- */

size_t
mem_count(struct mem *m, const char *user, const char *folder)
{
	size_t n = 0;

	for (struct item *i = lock_folder(m, user, folder)->items; i; i = i->next)
		n += !i->gone;
	pthread_mutex_unlock(&m->lock);
	return n;
}

static void
look_at(struct arena *a, const struct item *i, struct mem_item *item_r)
{
	*item_r = (struct mem_item){ .key = arena_strdup(a, i->key), .version = arena_strdup(a, i->version),
		.keywords = arena_strdup(a, i->keywords), .bytes = slice(arena_memdup(a, i->bytes, i->len + 1), i->len), .flags = i->flags,
		.date = i->date };
}

bool
mem_at(struct mem *m, struct arena *a, const char *user, const char *folder, size_t n, struct mem_item *item_r)
{
	struct item *i = lock_folder(m, user, folder)->items;

	for (; i && (i->gone || n > 0); i = i->next)
		n -= !i->gone;
	if (i)
		look_at(a, i, item_r);
	pthread_mutex_unlock(&m->lock);
	return i != NULL;
}

bool
mem_get(struct mem *m, struct arena *a, const char *user, const char *folder, const char *key, struct mem_item *item_r)
{
	struct item *i = find_item(lock_folder(m, user, folder), key);

	if (i)
		look_at(a, i, item_r);
	pthread_mutex_unlock(&m->lock);
	return i != NULL;
}

bool
mem_has_folder(struct mem *m, const char *user, const char *folder)
{
	bool has;

	pthread_mutex_lock(&m->lock);
	has = find_folder(get_user(m, user), folder) != NULL;
	pthread_mutex_unlock(&m->lock);
	return has;
}

size_t
mem_sent_count(struct mem *m)
{
	size_t n;

	pthread_mutex_lock(&m->lock);
	n = m->n_sent;
	pthread_mutex_unlock(&m->lock);
	return n;
}

bool
mem_sent_at(struct mem *m, struct arena *a, size_t i, struct mem_sent *sent_r)
{
	bool has;

	pthread_mutex_lock(&m->lock);
	has = i < m->n_sent;
	if (has)
		*sent_r = (struct mem_sent){ arena_strdup(a, m->sent[i].from), arena_strdup(a, m->sent[i].to),
			slice(arena_memdup(a, m->sent[i].bytes, m->sent[i].len + 1), m->sent[i].len) };
	pthread_mutex_unlock(&m->lock);
	return has;
}
