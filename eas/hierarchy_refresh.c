/* The folders that the backends list, brought into the store: what came, went, was renamed. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/text.h"
#include "eas/clock.h"
#include "eas/hierarchy.h"

#define ARENA_MAX (32u << 20)
#define LOOKS 2 /* at once; what is stale then is looked at with the next request */

/* One folder as it should stand in the store. */
struct wanted {
	const char *key, *parent, *name;
	enum backend_class class;
	unsigned type;
	bool readonly;
};

struct look {
	struct arena *arena;
	const char *user;
	struct backend_folders found;
	const char *down;         /* modules that could not be asked */
	struct wanted *list;
	size_t n;
	int64_t before;           /* the user's hierarchy_seq when the listing began */
	bool stale;               /* folders changed since: the listing may lack a new one, and have an old name */
	bool changed;
	const struct log_ctx *log;
};

/* ---- when was the last look ---- */

#define SLOTS 1024

static struct {
	pthread_mutex_t lock;
	struct {
		uint64_t user;
		int64_t at;
	} slot[SLOTS];
} last = { .lock = PTHREAD_MUTEX_INITIALIZER };

/* True if it is this caller's turn to look; the others are spared until `age` has passed. */
static bool
due(const char *user, int64_t age)
{
	uint64_t h = hash_text(HASH_START, user);
	int64_t now = eas_now();
	bool yes;

	pthread_mutex_lock(&last.lock);
	yes = last.slot[h % SLOTS].user != h || now >= last.slot[h % SLOTS].at + age || now < last.slot[h % SLOTS].at;
	if (yes) {
		last.slot[h % SLOTS].user = h;
		last.slot[h % SLOTS].at = now;
	}
	pthread_mutex_unlock(&last.lock);
	return yes;
}

void
hierarchy_doubt(const char *user)
{
	uint64_t h = hash_text(HASH_START, user);

	pthread_mutex_lock(&last.lock);
	if (last.slot[h % SLOTS].user == h)
		last.slot[h % SLOTS].at = INT64_MIN / 2;
	pthread_mutex_unlock(&last.lock);
}

/* ---- what the phone shall see ---- */

static unsigned
type_of_role(const struct backend_folder *f)
{
	static const unsigned mail[] = { [ROLE_NONE] = TYPE_USER_MAIL, [ROLE_INBOX] = TYPE_INBOX,
		[ROLE_DRAFTS] = TYPE_DRAFTS,
		[ROLE_SENT] = TYPE_SENT, [ROLE_TRASH] = TYPE_TRASH, [ROLE_JUNK] = TYPE_USER_MAIL,
		[ROLE_ARCHIVE] = TYPE_USER_MAIL, [ROLE_DEFAULT] = TYPE_USER_MAIL };

	switch (f->class) {
	case BACKEND_MAIL:
		return mail[f->role];
	case BACKEND_CALENDAR:
		return TYPE_USER_CALENDAR;
	case BACKEND_TASKS:
		return TYPE_USER_TASKS;
	case BACKEND_CONTACTS:
		return TYPE_USER_CONTACTS;
	case BACKEND_NOTES:
		break;
	}
	return 0;
}

static const struct backend_folder *
find_folder(const struct look *l, const char *key)
{
	for (size_t i = 0; key && i < l->found.n; i++) {
		if (strcmp(l->found.list[i].key, key) == 0)
			return &l->found.list[i];
	}
	return NULL;
}

/* A folder that only holds folders is not shown: what stands in it moves up and carries its name. */
static void
place(struct look *l, const struct backend_folder *f, struct wanted *w)
{
	const struct backend_folder *p = find_folder(l, f->parent);
	const char *name = f->name;

	for (unsigned depth = 0; p && p->noselect && depth < 32; depth++) {
		const char *longer = arena_printf(l->arena, "%s/%s", p->name, name);

		name = longer ? longer : name;
		p = find_folder(l, p->parent);
	}
	w->name = name;
	w->parent = p ? p->key : "";
}

static bool
has_type(const struct look *l, unsigned type)
{
	for (size_t i = 0; i < l->n; i++) {
		if (l->list[i].type == type)
			return true;
	}
	return false;
}

/* Exactly one of the class gets the default type: the one that its module names, else the one that was it before, else the first of one's
 * own that can be written, else the first that can. */
static void
choose_default(struct look *l, enum backend_class class, unsigned user_type, unsigned type,
	const struct state_folder *stored, size_t n_stored)
{
	struct wanted *best = NULL;
	int best_rank = -1;

	for (size_t i = 0; i < l->n; i++) {
		struct wanted *w = &l->list[i];
		const struct backend_folder *f = find_folder(l, w->key);
		int rank;

		if (w->class != class || w->type != user_type || !f)
			continue;
		rank = w->readonly ? 0 : f->shared ? 1 : 2;
		for (size_t k = 0; k < n_stored; k++) {
			if (!stored[k].deleted && stored[k].type == type && strcmp(stored[k].key, w->key) == 0)
				rank += 4;
		}
		rank += f->role == ROLE_DEFAULT ? 8 : 0;
		if (rank > best_rank) {
			best = w;
			best_rank = rank;
		}
	}
	if (best)
		best->type = type;
}

static void
add_own(struct look *l, const char *key, const char *name, unsigned type)
{
	if (!has_type(l, type))
		l->list[l->n++] = (struct wanted){ .key = key, .parent = "", .name = name, .class = BACKEND_MAIL,
			.type = type,
			.readonly = true };
}

static bool
mail_is_down(const struct look *l, const struct state_folder *stored, size_t n_stored)
{
	if (!*l->down)
		return false;
	for (size_t i = 0; i < n_stored; i++) {
		const char *colon = strchr(stored[i].key, ':');

		if (!stored[i].deleted && stored[i].type == TYPE_INBOX && colon) {
			char *module = arena_strndup(l->arena, stored[i].key, (size_t)(colon - stored[i].key));

			return module && strstr(l->down, module) != NULL;
		}
	}
	return true; /* nobody knows: then nothing is made up */
}

static enum err
arrange(struct look *l, const struct state_folder *stored, size_t n_stored)
{
	l->list = arena_array(l->arena, l->found.n + 8, sizeof *l->list);
	l->n = 0;
	if (!l->list)
		return ERR_NOMEM;
	for (size_t i = 0; i < l->found.n; i++) {
		const struct backend_folder *f = &l->found.list[i];
		unsigned type = type_of_role(f);
		struct wanted *w = &l->list[l->n];

		if (f->noselect || type == 0)
			continue;
		if (type != TYPE_USER_MAIL && f->class == BACKEND_MAIL && has_type(l, type))
			type = TYPE_USER_MAIL; /* a second Sent is a folder like others */
		*w = (struct wanted){ .key = f->key, .class = f->class, .type = type, .readonly = f->readonly };
		place(l, f, w);
		l->n++;
	}
	choose_default(l, BACKEND_CALENDAR, TYPE_USER_CALENDAR, TYPE_CALENDAR, stored, n_stored);
	choose_default(l, BACKEND_TASKS, TYPE_USER_TASKS, TYPE_TASKS, stored, n_stored);
	choose_default(l, BACKEND_CONTACTS, TYPE_USER_CONTACTS, TYPE_CONTACTS, stored, n_stored);
	add_own(l, HIERARCHY_OWN "outbox", "Outbox", TYPE_OUTBOX);
	if (!mail_is_down(l, stored, n_stored)) { /* phones reset the account without these */
		add_own(l, HIERARCHY_OWN "inbox", "Inbox", TYPE_INBOX);
		add_own(l, HIERARCHY_OWN "drafts", "Drafts", TYPE_DRAFTS);
		add_own(l, HIERARCHY_OWN "trash", "Trash", TYPE_TRASH);
		add_own(l, HIERARCHY_OWN "sent", "Sent", TYPE_SENT);
	}
	return ERR_OK;
}

/* ---- into the store ---- */

static bool
module_is_down(const struct look *l, const char *key)
{
	size_t n = strcspn(key, ":");

	for (const char *p = l->down; *p;) {
		size_t m = strcspn(p, " ");

		if (m == n && strncmp(p, key, n) == 0)
			return true;
		p += m;
		p += *p == ' ';
	}
	return false;
}

static enum err
save_wanted(struct look *l, struct state_txn *t, int64_t user, const struct wanted *w, struct state_folder *f)
{
	struct state_folder now = f ? *f : (struct state_folder){ .user = user };

	if (f && strcmp(f->name, w->name) == 0 && strcmp(f->parent, w->parent) == 0 && f->class == w->class
		&& f->type == w->type && f->readonly == w->readonly)
		return ERR_OK;
	now.key = w->key;
	now.parent = w->parent;
	now.name = w->name;
	now.class = w->class;
	now.type = w->type;
	now.readonly = w->readonly;
	l->changed = true;
	return state_folder_save(t, &now);
}

static enum err
save_gone(struct look *l, struct state_txn *t, struct state_folder *f)
{
	struct state_folder now = *f;

	if (module_is_down(l, f->key))
		return ERR_OK;
	log_notice(l->log, "folder %s is gone", f->key);
	now.deleted = true;
	l->changed = true;
	return state_folder_save(t, &now);
}

static enum err
merge(struct state_txn *t, void *arg, struct error *e)
{
	struct look *l = arg;
	struct state_folder *stored;
	size_t n;
	int64_t user, seq;
	enum err err = state_user(t, l->user, &user);

	(void)e;
	l->changed = false;
	if (!err)
		err = state_folders(t, l->arena, user, 0, &stored, &n, &seq);
	l->stale = !err && seq != l->before;
	if (l->stale)
		return ERR_OK;
	if (!err)
		err = arrange(l, stored, n);
	for (size_t i = 0; !err && i < l->n; i++) {
		struct state_folder *f = NULL;

		for (size_t k = 0; k < n && !f; k++) {
			if (!stored[k].deleted && strcmp(stored[k].key, l->list[i].key) == 0)
				f = &stored[k];
		}
		err = save_wanted(l, t, user, &l->list[i], f);
	}
	for (size_t k = 0; !err && k < n; k++) {
		bool still = false;

		for (size_t i = 0; i < l->n && !still; i++)
			still = strcmp(stored[k].key, l->list[i].key) == 0;
		if (!still && !stored[k].deleted)
			err = save_gone(l, t, &stored[k]);
	}
	return err;
}

/* Backends take their time: what a phone makes, renames or deletes meanwhile must not be undone by what they listed. */
static enum err
note_seq(struct state_txn *t, void *arg, struct error *e)
{
	struct look *l = arg;
	struct state_folder *stored;
	int64_t user;
	size_t n;
	enum err err = state_user(t, l->user, &user);

	(void)e;
	l->before = 0;
	if (err)
		return err == ERR_NOTFOUND ? ERR_OK : err;
	return state_folders(t, l->arena, user, INT64_MAX, &stored, &n, &l->before); /* none of them: their head */
}

/* Drafts, Sent and Trash are made where the mail server lacks them and can. */
static bool
make_missing(struct look *l, struct account *account)
{
	static const struct {
		enum backend_role role;
		const char *name;
	} needed[] = { { ROLE_DRAFTS, "Drafts" }, { ROLE_SENT, "Sent" }, { ROLE_TRASH, "Trash" } };
	const struct backend_folder *inbox = NULL;
	bool made = false;

	for (size_t i = 0; i < l->found.n; i++) {
		if (l->found.list[i].role == ROLE_INBOX && l->found.list[i].class == BACKEND_MAIL)
			inbox = &l->found.list[i];
	}
	if (!inbox || !account_can(account, inbox->key, CAN_FOLDER_MAKE))
		return false;
	for (size_t k = 0; k < ARRAY_LEN(needed); k++) {
		struct error e = { 0 };
		const char *key;
		bool there = false;

		for (size_t i = 0; i < l->found.n; i++)
			there = there || l->found.list[i].role == needed[k].role;
		if (there)
			continue;
		if (account_folder_make(account, l->arena, NULL, needed[k].name, BACKEND_MAIL, &key, &e)) {
			log_warn(l->log, "the mail server has no folder for %s, and none could be made: %s",
				needed[k].name, e.text);
		} else {
			log_notice(l->log, "made the folder %s, which phones need", needed[k].name);
			made = true;
		}
	}
	return made;
}

static enum err
look_once(struct look *l, const struct eas_server *server, struct account *account, struct error *e)
{
	enum err err = state_run(server->state, STATE_READ, note_seq, l, e);

	if (!err)
		err = account_folders(account, l->arena, &l->found, &l->down, e);
	if (!err && make_missing(l, account))
		err = account_folders(account, l->arena, &l->found, &l->down, e);
	if (!err && l->found.n == 0 && *l->down)
		err = err_set(e, ERR_UNAVAILABLE, "no backend can be reached: %s", l->down);
	return err ? err : state_run(server->state, STATE_WRITE, merge, l, e);
}

enum err
hierarchy_refresh(const struct eas_server *server, struct account *account, const struct log_ctx *log, int64_t age,
	struct hierarchy_look *look_r, struct error *e)
{
	struct look l = { .user = account_user(account), .log = log };
	enum err err = ERR_OK;

	*look_r = (struct hierarchy_look){ 0 };
	if (!due(l.user, age))
		return ERR_OK;
	l.arena = arena_new(ARENA_MAX);
	if (!l.arena)
		return err_set(e, ERR_NOMEM, "out of memory");
	l.stale = true;
	for (unsigned i = 0; !err && l.stale && i < LOOKS; i++)
		err = look_once(&l, server, account, e);
	if (err || l.stale || *l.down)
		hierarchy_doubt(l.user);
	if (!err) {
		look_r->changed = l.changed;
		snprintf(look_r->down, sizeof look_r->down, "%s", l.down);
	}
	arena_free(&l.arena);
	return err;
}

enum err
eas_refresh_folders(const struct eas_server *server, struct account *account, const struct log_ctx *log,
	struct error *e)
{
	struct hierarchy_look look; /* whoever looks here asks all that waits afterwards */
	enum err err = hierarchy_refresh(server, account, log, 240, &look, e);

	return !err && *look.down ? ERR_UNAVAILABLE : err;
}
