/* The operations of the modules under one roof: routed by folder, each with a session out of the pool. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/internal.h"
#include "base/failpoint.h"

struct account *
account_new(struct backends *b, const struct credentials *who, const struct log_ctx *log)
{
	struct account *a = calloc(1, sizeof *a);

	if (!a)
		return NULL;
	a->who = credentials_copy(who);
	if (!a->who) {
		free(a);
		return NULL;
	}
	a->b = backends_ref(b);
	a->log = log;
	return a;
}

static void
release(struct account **ap, bool tell)
{
	struct account *a = *ap;

	*ap = NULL;
	if (!a)
		return;
	if (pool_give(a) && tell)
		pool_tell_free(a->b);
	credentials_free(&a->who);
	backends_unref(&a->b);
	free(a);
}

void
account_release(struct account **a)
{
	release(a, true);
}

void
account_yield(struct account **a)
{
	release(a, false);
}

const char *
account_user(const struct account *a)
{
	return a->who->user;
}

/* ---- routing ---- */

enum err
account_route(const struct backends *b, const char *folder, size_t *module_r, const char **key_r, struct error *e)
{
	const char *colon = strchr(folder, ':');
	size_t n = colon ? (size_t)(colon - folder) : 0;

	for (size_t i = 0; colon && i < b->n; i++) {
		if (strlen(b->modules[i].ops->name) == n && memcmp(b->modules[i].ops->name, folder, n) == 0) {
			*module_r = i;
			*key_r = colon + 1;
			return ERR_OK;
		}
	}
	return err_set(e, ERR_NOFOLDER, "no backend has the folder %.80s", folder);
}

static const char *
add_prefix(struct arena *arena, const struct module *m, const char *key)
{
	return arena_printf(arena, "%s:%s", m->ops->name, key);
}

static bool
can(const struct backend_ops *ops, enum account_can what)
{
	switch (what) {
	case CAN_MOVE:
		return ops->move != NULL;
	case CAN_FLAG:
		return ops->flag != NULL;
	case CAN_SEND:
		return ops->send != NULL;
	case CAN_FIND:
		return ops->find != NULL && ops->mark != NULL;
	case CAN_SEARCH:
		return ops->search != NULL;
	case CAN_FOLDER_MAKE:
		return ops->folder_make != NULL;
	case CAN_NAME_ITEMS:
		return (ops->classes & (BACKEND_CALENDAR | BACKEND_TASKS | BACKEND_CONTACTS)) != 0;
	}
	return false;
}

bool
account_can(const struct account *a, const char *folder, enum account_can what)
{
	const char *key;
	size_t m;

	if (folder)
		return !account_route(a->b, folder, &m, &key, NULL) && can(a->b->modules[m].ops, what);
	for (size_t i = 0; i < a->b->n; i++) {
		if (can(a->b->modules[i].ops, what))
			return true;
	}
	return false;
}

/* ---- one call ---- */

struct call {
	struct account *a;
	size_t module;
	const struct backend_ops *ops;
	struct backend_session *s;
	struct host *host;
	int64_t began;
};

static enum err
refused(struct account *a, size_t module, struct error *e)
{
	if (a->refused)
		*a->refused = true;
	return module_refused(a->b, module, a->who, a->log, e);
}

/* A session, and the leave of the host that the call goes to; counted as a call of that kind. After OK the operation is called and its result
 * given to call_end(). */
static enum err
call_host(struct account *a, size_t module, struct host *host, const char *kind, struct call *c, struct error *e)
{
	struct module *m = &a->b->modules[module];
	enum err err = ERR_OK;

	if (!a->held[module]) {
		err = module_refuses(a->b, module, a->who, NULL, e);
		if (!err)
			err = pool_take(a, module, false, e);
		if (err == ERR_AUTH)
			err = refused(a, module, e);
	}
	if (err)
		return err;
	*c = (struct call){ .a = a, .module = module, .ops = m->ops, .s = a->held[module]->session, .host = host,
		.began = clock_ms() };
	pthread_mutex_lock(&a->b->lock);
	err = host_claim(a->b, host, c->began, e);
	pthread_mutex_unlock(&a->b->lock);
	if (!err)
		count_one(m->ops->name, "call", kind);
	return err;
}

static enum err
call_begin(struct account *a, size_t module, const char *kind, struct call *c, struct error *e)
{
	return call_host(a, module, a->b->modules[module].host, kind, c, e);
}

static enum err
call_end(struct call *c, enum err err, struct error *e)
{
	struct account *a = c->a;

	pthread_mutex_lock(&a->b->lock);
	err = host_result(a->b, c->host, user_hash(a->who->user), c->began, clock_ms(), err);
	if (err == ERR_AUTH)
		a->held[c->module]->drop = true;
	pthread_mutex_unlock(&a->b->lock);
	return err == ERR_AUTH ? refused(a, c->module, e) : err;
}

void
account_known(struct account *a, const char *folder, const char *cursor)
{
	a->known_folder = folder;
	a->known_cursor = cursor;
}

/* What is known is told once: the session stays this account's. */
static enum err
call_at(struct account *a, size_t module, const char *folder, const char *key, const char *kind, struct call *c, struct error *e)
{
	enum err err = call_begin(a, module, kind, c, e);

	if (!err && a->known_folder && *a->known_cursor && strcmp(a->known_folder, folder) == 0) {
		if (c->ops->known)
			c->ops->known(c->s, key, a->known_cursor);
		a->known_folder = NULL;
	}
	return err;
}

/* The same for a call about a folder; key_r is its key without the module. */
static enum err
call_folder(struct account *a, const char *folder, const char *kind, const char **key_r, struct call *c, struct error *e)
{
	size_t module;
	enum err err = account_route(a->b, folder, &module, key_r, e);

	return err ? err : call_at(a, module, folder, *key_r, kind, c, e);
}

/* The same for an operation that a module need not have. */
static enum err
call_optional(struct account *a, const char *folder, enum account_can what, const char *kind, const char **key_r,
	struct call *c, struct error *e)
{
	size_t module;
	enum err err = account_route(a->b, folder, &module, key_r, e);

	if (err)
		return err;
	if (!can(a->b->modules[module].ops, what))
		return err_set(e, ERR_UNSUPPORTED, "%s cannot do that", a->b->modules[module].ops->name);
	return call_at(a, module, folder, *key_r, kind, c, e);
}

/* Writes: the points at which tests kill the process stand around the operation alone. */
#define WRITE(point, call) (failpoint(point ".before"), passed(point ".after", call))

static enum err
passed(const char *point, enum err err)
{
	(void)point;
	failpoint(point);
	return err;
}

/* ---- folders ---- */

static bool
out_of_memory(const struct backend_folder *f)
{
	return !f->key || (f->parent && !*f->parent);
}

static enum err
module_folders(struct account *a, struct arena *arena, size_t module, struct backend_folders *f_r, struct error *e)
{
	const struct module *m = &a->b->modules[module];
	struct call c;
	enum err err = call_begin(a, module, "folders", &c, e);

	memset(f_r, 0, sizeof *f_r);
	if (err)
		return err;
	err = call_end(&c, c.ops->folders(c.s, arena, f_r, e), e);
	for (size_t i = 0; !err && i < f_r->n; i++) {
		struct backend_folder *f = &f_r->list[i];

		f->key = add_prefix(arena, m, f->key);
		if (f->parent) {
			f->parent = add_prefix(arena, m, f->parent);
			if (!f->parent)
				f->parent = "";
		}
		if (out_of_memory(f))
			err = err_set(e, ERR_NOMEM, "out of memory");
	}
	return err;
}

enum err
account_folders(struct account *a, struct arena *arena, struct backend_folders *f_r, const char **down_r, struct error *e)
{
	struct backend_folders each[MODULES_MAX];
	struct backend_folder *next;
	const char *down = "";

	memset(f_r, 0, sizeof *f_r);
	for (size_t i = 0; i < a->b->n; i++) {
		const char *name = a->b->modules[i].ops->name;
		struct error why = { 0 };
		enum err err = module_folders(a, arena, i, &each[i], &why);

		if (err == ERR_BUSY || err == ERR_NOMEM)
			return err_set(e, err, "%s", why.text);
		bool news = pool_news(a, i, err);
		if (news && !err)
			log_notice(a->log, "the folders of %s are known again", name);
		if (err) {
			log_write(news ? LEVEL_WARN : LEVEL_INFO, a->log, "the folders of %s are not known now: %s", name, why.text);
			(void)err_set(e, err, "%s", why.text);
			down = arena_printf(arena, "%s%s%s", down, *down ? " " : "", name);
			each[i].n = 0;
		}
		if (!down)
			return err_set(e, ERR_NOMEM, "out of memory");
		f_r->n += each[i].n;
	}
	next = f_r->list = arena_array(arena, f_r->n, sizeof *f_r->list);
	if (!next)
		return err_set(e, ERR_NOMEM, "out of memory");
	for (size_t i = 0; i < a->b->n; i++) {
		if (each[i].n)
			memcpy(next, each[i].list, each[i].n * sizeof *next);
		next += each[i].n;
	}
	*down_r = down;
	return ERR_OK;
}

/* Where a folder of the class is made: at the parent's module if that has the class, else at the first that has it. */
static enum err
place_for_folder(const struct backends *b, const char **parent, enum backend_class class, size_t *module_r, struct error *e)
{
	const char *key;
	enum err err;

	if (*parent) {
		err = account_route(b, *parent, module_r, &key, e);
		if (err)
			return err;
		if ((b->modules[*module_r].ops->classes & class) && b->modules[*module_r].ops->folder_make) {
			*parent = key;
			return ERR_OK;
		}
		*parent = NULL;
	}
	for (size_t i = 0; i < b->n; i++) {
		if ((b->modules[i].ops->classes & class) && b->modules[i].ops->folder_make) {
			*module_r = i;
			return ERR_OK;
		}
	}
	return err_set(e, ERR_UNSUPPORTED, "no backend can make such a folder");
}

static enum err
prefix_result(struct arena *arena, const struct call *c, enum err err, const char **key_r, struct error *e)
{
	if (err && err != ERR_EXISTS)
		return err;
	if (*key_r) {
		*key_r = add_prefix(arena, &c->a->b->modules[c->module], *key_r);
		if (!*key_r)
			return err_set(e, ERR_NOMEM, "out of memory");
	}
	return err;
}

enum err
account_folder_make(struct account *a, struct arena *arena, const char *parent, const char *name, enum backend_class class,
	const char **key_r, struct error *e)
{
	struct call c;
	size_t module;
	enum err err = place_for_folder(a->b, &parent, class, &module, e);

	*key_r = NULL;
	if (!err)
		err = call_begin(a, module, "folder_make", &c, e);
	if (err)
		return err;
	err = call_end(&c, c.ops->folder_make(c.s, arena, parent, name, class, key_r, e), e);
	return prefix_result(arena, &c, err, key_r, e);
}

enum err
account_folder_rename(struct account *a, struct arena *arena, const char *key, const char *parent, const char *name,
	const char **key_r, struct error *e)
{
	const char *own = NULL, *above = NULL;
	size_t module, above_module = 0;
	struct call c;
	enum err err = account_route(a->b, key, &module, &own, e);

	*key_r = NULL;
	if (!err && parent)
		err = account_route(a->b, parent, &above_module, &above, e);
	if (err)
		return err;
	if ((parent && above_module != module) || !a->b->modules[module].ops->folder_rename)
		return err_set(e, ERR_UNSUPPORTED, "%s cannot move that folder there", a->b->modules[module].ops->name);
	err = call_begin(a, module, "folder_rename", &c, e);
	if (err)
		return err;
	err = call_end(&c, c.ops->folder_rename(c.s, arena, own, above, name, key_r, e), e);
	return prefix_result(arena, &c, err, key_r, e);
}

enum err
account_folder_remove(struct account *a, const char *folder, struct error *e)
{
	const char *key = NULL;
	size_t module;
	struct call c;
	enum err err = account_route(a->b, folder, &module, &key, e);

	if (!err && !a->b->modules[module].ops->folder_remove)
		err = err_set(e, ERR_UNSUPPORTED, "%s cannot remove folders", a->b->modules[module].ops->name);
	if (!err)
		err = call_begin(a, module, "folder_remove", &c, e);
	return err ? err : call_end(&c, c.ops->folder_remove(c.s, key, e), e);
}

/* ---- items ---- */

enum err
account_changes(struct account *a, struct arena *arena, const char *folder, const char *cursor, size_t part,
	struct backend_changes *c_r, struct error *e)
{
	const char *key;
	struct call c;
	enum err err = call_folder(a, folder, "changes", &key, &c, e);

	memset(c_r, 0, sizeof *c_r);
	return err ? err : call_end(&c, c.ops->changes(c.s, arena, key, cursor, part, c_r, e), e);
}

enum err
account_fetch(struct account *a, const struct backend_fetch *what, backend_item_fn fn, void *ctx, struct error *e)
{
	struct backend_fetch routed = *what;
	struct call c;
	enum err err = call_folder(a, what->folder, "fetch", &routed.folder, &c, e);

	return err ? err : call_end(&c, c.ops->fetch(c.s, &routed, fn, ctx, e), e);
}

static const struct backend_stored nothing = { "", "" };

enum err
account_put(struct account *a, struct arena *arena, const struct backend_put *put, struct backend_stored *stored_r, struct error *e)
{
	struct backend_put routed = *put;
	struct call c;
	enum err err = call_folder(a, put->folder, "put", &routed.folder, &c, e);

	*stored_r = nothing;
	if (!err)
		err = call_end(&c, WRITE("put", c.ops->put(c.s, arena, &routed, stored_r, e)), e);
	if (!err) {
		pthread_mutex_lock(&a->b->lock);
		c.host->puts++;
		pthread_mutex_unlock(&a->b->lock);
	}
	return err;
}

uint64_t
account_puts(const struct account *a, const char *folder)
{
	const char *key;
	size_t module;
	uint64_t n;

	if (account_route(a->b, folder, &module, &key, NULL))
		return 0;
	pthread_mutex_lock(&a->b->lock);
	n = a->b->modules[module].host->puts;
	pthread_mutex_unlock(&a->b->lock);
	return n;
}

enum err
account_remove(struct account *a, const char *folder, const char *key, const char *version, struct error *e)
{
	const char *routed;
	struct call c;
	enum err err = call_folder(a, folder, "remove", &routed, &c, e);

	return err ? err : call_end(&c, WRITE("remove", c.ops->remove(c.s, routed, key, version, e)), e);
}

enum err
account_move(struct account *a, struct arena *arena, const char *folder, const char *key, const char *target,
	struct backend_stored *stored_r, struct error *e)
{
	const char *from = NULL, *to = NULL;
	size_t module, other;
	struct call c;
	enum err err = account_route(a->b, target, &other, &to, e);

	*stored_r = nothing;
	if (!err)
		err = account_route(a->b, folder, &module, &from, e);
	if (err)
		return err;
	if (module != other)
		return err_set(e, ERR_UNSUPPORTED, "items cannot be moved from %s to %s", a->b->modules[module].ops->name,
			a->b->modules[other].ops->name);
	err = call_optional(a, folder, CAN_MOVE, "move", &from, &c, e);
	return err ? err : call_end(&c, WRITE("move", c.ops->move(c.s, arena, from, key, to, stored_r, e)), e);
}

enum err
account_flag(struct account *a, struct arena *arena, const struct backend_flagging *what, struct backend_stored *stored_r,
	struct error *e)
{
	struct backend_flagging routed = *what;
	struct call c;
	enum err err = call_optional(a, what->folder, CAN_FLAG, "flag", &routed.folder, &c, e);

	*stored_r = nothing;
	return err ? err : call_end(&c, WRITE("flag", c.ops->flag(c.s, arena, &routed, stored_r, e)), e);
}

/* While mail is handed over the session holds a slot of the server that takes it, and none of its own: many that hang there keep nobody from
 * his mailbox. */
static enum err
lend_slot(struct account *a, const struct module *m, struct error *e)
{
	enum err err;

	if (m->send_host == m->host)
		return ERR_OK;
	pthread_mutex_lock(&a->b->lock);
	err = host_enter(a->b, m->send_host, e);
	if (!err)
		host_leave(m->host);
	pthread_mutex_unlock(&a->b->lock);
	return err;
}

static void
take_slot_back(struct account *a, const struct module *m)
{
	if (m->send_host == m->host)
		return;
	pthread_mutex_lock(&a->b->lock);
	host_leave(m->send_host);
	m->host->held++; /* whether there is room or not: it ends soon */
	pthread_mutex_unlock(&a->b->lock);
}

enum err
account_send(struct account *a, const struct backend_mail *mail, enum err (*sending)(void *ctx), void *ctx, struct error *e)
{
	struct call c;
	enum err err;

	for (size_t i = 0; i < a->b->n; i++) {
		const struct module *m = &a->b->modules[i];

		if (!can(m->ops, CAN_SEND))
			continue;
		err = call_host(a, i, m->send_host, "send", &c, e);
		if (err)
			return err;
		err = lend_slot(a, m, e);
		if (err) {
			(void)call_end(&c, err, e);
			return err; /* BUSY is ours here */
		}
		err = WRITE("send", c.ops->send(c.s, mail, sending, ctx, e));
		take_slot_back(a, m);
		return call_end(&c, err, e);
	}
	return err_set(e, ERR_UNSUPPORTED, "no backend can send mail");
}

enum err
account_mark(struct account *a, struct arena *arena, const char *folder, const char **mark_r, struct error *e)
{
	const char *key;
	struct call c;
	enum err err = call_optional(a, folder, CAN_FIND, "mark", &key, &c, e);

	*mark_r = NULL;
	return err ? err : call_end(&c, c.ops->mark(c.s, arena, key, mark_r, e), e);
}

enum err
account_find(struct account *a, struct arena *arena, const char *folder, const char *message_id, const char *after,
	struct backend_stored *found_r, struct error *e)
{
	const char *key;
	struct call c;
	enum err err = call_optional(a, folder, CAN_FIND, "find", &key, &c, e);

	*found_r = nothing;
	return err ? err : call_end(&c, c.ops->find(c.s, arena, key, message_id, after, found_r, e), e);
}

enum err
account_search(struct account *a, struct arena *arena, const struct backend_query *q, struct backend_keys *keys_r, struct error *e)
{
	struct backend_query routed = *q;
	struct call c;
	enum err err = call_optional(a, q->folder, CAN_SEARCH, "search", &routed.folder, &c, e);

	memset(keys_r, 0, sizeof *keys_r);
	return err ? err : call_end(&c, c.ops->search(c.s, arena, &routed, keys_r, e), e);
}

/* ---- the user ---- */

static const char *
fallback_address(struct account *a, struct arena *arena)
{
	const char *user = a->who->user;

	if (strchr(user, '@'))
		return arena_strdup(arena, user);
	return a->b->domain ? arena_printf(arena, "%s@%s", user, a->b->domain) : NULL;
}

enum err
account_identity(struct account *a, struct arena *arena, struct backend_identity *id_r, struct error *e)
{
	memset(id_r, 0, sizeof *id_r);
	for (size_t i = 0; i < a->b->n && !(id_r->address && id_r->name); i++) {
		struct backend_identity id = { 0 };
		struct call c;
		enum err err;

		/* A name is worth no login, and no wait for a server that may hang. */
		if (!a->b->modules[i].ops->identity || (id_r->address && !pool_at_hand(a, i)))
			continue;
		err = call_begin(a, i, "identity", &c, e);
		if (!err)
			err = call_end(&c, c.ops->identity(c.s, arena, &id, e), e);
		if ((err == ERR_BUSY && !id_r->address) || err == ERR_NOMEM)
			return err;
		if (err)
			continue;
		if (!id_r->address)
			id_r->address = id.address;
		if (!id_r->name)
			id_r->name = id.name;
	}
	if (!id_r->address)
		id_r->address = fallback_address(a, arena);
	return ERR_OK;
}

static void
say_error(backend_say_fn say, void *ctx, const char *name, enum err err, const struct error *e)
{
	char text[400];

	snprintf(text, sizeof text, "%s: %s", name, e->text[0] ? e->text : err_name(err));
	say(ctx, false, text);
}

enum err
account_describe(struct account *a, backend_say_fn say, void *ctx, struct error *e)
{
	enum err first = ERR_OK;

	for (size_t i = 0; i < a->b->n; i++) {
		const char *name = a->b->modules[i].ops->name;
		struct error why = { 0 };
		struct call c;
		char text[128];
		enum err err = call_begin(a, i, "describe", &c, &why);

		if (!err) {
			snprintf(text, sizeof text, "%s: logged in at %s", name, a->b->modules[i].host->name);
			say(ctx, true, text);
			err = call_end(&c, c.ops->describe ? c.ops->describe(c.s, say, ctx, &why) : ERR_OK, &why);
		}
		if (err)
			say_error(say, ctx, name, err, &why);
		if (err && !first)
			first = err_set(e, err, "%s", why.text);
	}
	return first;
}
