/* Sessions that stay logged in, by user and module; who may log in; what is known to be refused. */
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

#include "backend/internal.h"
#include "base/hash.h"

#define TRIES_MS 60000

/* ---- credentials ---- */

uint64_t
user_hash(const char *user)
{
	return hash_text(HASH_START, user);
}

static struct credentials *
credentials_dup(const char *user, const char *password)
{
	struct credentials *c = calloc(1, sizeof *c);

	if (!c)
		return NULL;
	c->user = strdup(user);
	c->password = strdup(password);
	if (!c->user || !c->password)
		credentials_free(&c);
	return c;
}

struct credentials *
credentials_new(const struct backends *b, const char *user, const char *password)
{
	struct credentials *c = credentials_dup(user, password);

	if (c)
		remember_tag(b->remember, user, password, NULL, &c->tag);
	return c;
}

struct credentials *
credentials_copy(const struct credentials *of)
{
	struct credentials *c = credentials_dup(of->user, of->password);

	if (c)
		c->tag = of->tag;
	return c;
}

void
credentials_free(struct credentials **cp)
{
	struct credentials *c = *cp;

	*cp = NULL;
	if (!c)
		return;
	if (c->password)
		OPENSSL_cleanse(c->password, strlen(c->password));
	free(c->password);
	free(c->user);
	OPENSSL_cleanse(c, sizeof *c);
	free(c);
}

/* ---- users ---- */

struct pool_user *
pool_user(struct backends *b, const char *name)
{
	struct pool_user **head = &b->users[user_hash(name) % USER_BUCKETS], *u;
	size_t n = strlen(name) + 1;

	for (u = *head; u; u = u->next) {
		if (strcmp(u->name, name) == 0)
			return u;
	}
	u = calloc(1, sizeof *u + n);
	if (!u)
		return NULL;
	memcpy(u->name, name, n);
	TAILQ_INIT(&u->sessions);
	u->next = *head;
	*head = u;
	return u;
}

static void
remove_session(struct pool_user *u, struct pooled *p)
{
	TAILQ_REMOVE(&u->sessions, p, link);
	count_sub(COUNT_SESSIONS, 1);
}

void
pool_pick(struct backends *b, const char *user, const struct tag *tag, int64_t unused_since, struct pooled_list *out)
{
	struct pool_user *u = pool_user(b, user);
	struct pooled *p = u ? TAILQ_FIRST(&u->sessions) : NULL;

	while (p) {
		struct pooled *next = TAILQ_NEXT(p, link);
		bool ours = !tag || memcmp(p->tag.bytes, tag->bytes, TAG_BYTES) == 0;

		if (ours && p->held && unused_since == INT64_MAX)
			p->drop = true;
		if (ours && !p->held && p->used <= unused_since) {
			remove_session(u, p);
			TAILQ_INSERT_TAIL(out, p, link);
		}
		p = next;
	}
}

void
pool_logout(struct backends *b, struct pooled_list *list)
{
	struct pooled *p;

	while ((p = TAILQ_FIRST(list)) != NULL) {
		TAILQ_REMOVE(list, p, link);
		if (p->session)
			b->modules[p->module].ops->logout(&p->session);
		free(p);
	}
}

void
pool_tell_free(struct backends *b)
{
	account_free_fn fn;
	void *ctx;

	pthread_mutex_lock(&b->lock);
	fn = b->on_free;
	ctx = b->on_free_ctx;
	pthread_mutex_unlock(&b->lock);
	if (fn)
		fn(ctx);
}

void
backends_forget(struct backends *b, const char *user)
{
	struct pooled_list list = TAILQ_HEAD_INITIALIZER(list);

	pthread_mutex_lock(&b->lock);
	remember_forget(b->remember, user);
	pool_pick(b, user, NULL, INT64_MAX, &list);
	pthread_mutex_unlock(&b->lock);
	pool_logout(b, &list);
}

void
backends_tidy(struct backends *b)
{
	struct pooled_list list = TAILQ_HEAD_INITIALIZER(list);
	int64_t now = clock_ms();

	pthread_mutex_lock(&b->lock);
	for (size_t i = 0; i < USER_BUCKETS; i++) {
		struct pool_user **p = &b->users[i], *u;

		while ((u = *p) != NULL) {
			pool_pick(b, u->name, NULL, now - (int64_t)b->set.idle * 1000, &list);
			if (!TAILQ_EMPTY(&u->sessions) || u->failing || (u->tries && now - u->tries_since < TRIES_MS)) {
				p = &u->next;
				continue;
			}
			*p = u->next;
			free(u);
		}
	}
	remember_tidy(b->remember, now);
	pthread_mutex_unlock(&b->lock);
	pool_logout(b, &list);
}

bool
pool_news(struct account *a, size_t module, enum err err)
{
	struct backends *b = a->b;
	unsigned bit = 1u << module;
	struct pool_user *u;
	bool news = false;

	pthread_mutex_lock(&b->lock);
	u = pool_user(b, a->who->user);
	if (u && !(err && b->modules[module].host->down)) {
		news = (u->failing & bit) != (err ? bit : 0);
		u->failing = (u->failing & ~bit) | (err ? bit : 0);
	}
	pthread_mutex_unlock(&b->lock);
	return news;
}

/* ---- logging in ---- */

enum err
module_login(struct backends *b, size_t module, const struct credentials *who, const struct log_ctx *log,
	struct backend_session **s_r, struct error *e)
{
	const struct backend_login login = { .user = who->user, .password = who->password, .log = log };
	struct module *m = &b->modules[module];
	int64_t began = clock_ms();
	enum err err;

	*s_r = NULL;
	pthread_mutex_lock(&b->lock);
	err = host_claim(b, m->host, began, e);
	pthread_mutex_unlock(&b->lock);
	if (err)
		return err;
	count_one(m->ops->name, "call", "login");
	err = m->ops->login(m->backend, &login, s_r, e);
	pthread_mutex_lock(&b->lock);
	err = host_result(b, m->host, user_hash(who->user), began, clock_ms(), err);
	pthread_mutex_unlock(&b->lock);
	if (err == ERR_AUTH)
		count_add(COUNT_LOGINS_REFUSED, 1);
	return err;
}

enum err
module_refuses(struct backends *b, size_t module, const struct credentials *who, int64_t *until_r, struct error *e)
{
	const char *name = b->modules[module].ops->name;
	int64_t now = clock_ms();
	enum remembered what;
	struct tag tag;

	if (module == b->auth)
		return ERR_OK;
	remember_tag(b->remember, who->user, who->password, name, &tag);
	pthread_mutex_lock(&b->lock);
	what = remember_look(b->remember, &tag, now, until_r);
	pthread_mutex_unlock(&b->lock);
	if (what != REMEMBERED_BAD)
		return ERR_OK;
	return err_set(e, ERR_UNAVAILABLE, "%s refuses this login; it is asked again later", name);
}

/* The module that decides who may in: whatever is remembered of this user's passwords is proved again, for it was right once. */
static enum err
login_ended(struct backends *b, const struct credentials *who, struct error *e)
{
	struct pooled_list list = TAILQ_HEAD_INITIALIZER(list);

	pthread_mutex_lock(&b->lock);
	remember_forget_good(b->remember, who->user);
	pool_pick(b, who->user, &who->tag, INT64_MAX, &list);
	pthread_mutex_unlock(&b->lock);
	pool_logout(b, &list);
	return err_set(e, ERR_UNAVAILABLE, "%s does not accept this login any more", b->modules[b->auth].ops->name);
}

enum err
module_refused(struct backends *b, size_t module, const struct credentials *who, const struct log_ctx *log, struct error *e)
{
	const char *name = b->modules[module].ops->name, *auth = b->modules[b->auth].ops->name;
	bool was_good;
	int64_t ms;
	struct tag tag;

	if (module == b->auth)
		return login_ended(b, who, e);
	remember_tag(b->remember, who->user, who->password, name, &tag);
	pthread_mutex_lock(&b->lock);
	ms = remember_bad(b->remember, &tag, who->user, clock_ms(), &was_good);
	pthread_mutex_unlock(&b->lock);
	log_warn(log, "%s refuses the login that %s accepts, so this user sees nothing of it: make the passwords the same, or see to "
		"username in [%s]; it is asked again in %lld s", name, auth, name, (long long)(ms / 1000));
	return err_set(e, ERR_UNAVAILABLE, "%s refuses this login", name);
}

/* ---- taking ---- */

/* Locked. What to work with: an idle session (its `session` is set), a place to log in at, or NULL for BUSY. Whatever must be logged out
 * for it goes to `out`. */
static struct pooled *
find_place(struct backends *b, struct pool_user *u, const struct tag *tag, size_t module, bool fresh, struct pooled_list *out)
{
	struct pooled *p, *oldest = NULL;
	uint64_t n = 0;

	TAILQ_FOREACH(p, &u->sessions, link)
	{
		if (p->module != module)
			continue;
		n++;
		if (p->held)
			continue;
		if (!fresh && memcmp(p->tag.bytes, tag->bytes, TAG_BYTES) == 0)
			return p;
		if (!oldest || p->used < oldest->used)
			oldest = p;
	}
	if (n >= b->set.user_sessions) {
		if (!oldest)
			return NULL;
		remove_session(u, oldest);
		TAILQ_INSERT_TAIL(out, oldest, link);
	}
	p = calloc(1, sizeof *p);
	if (!p)
		return NULL;
	p->module = module;
	p->tag = *tag;
	TAILQ_INSERT_TAIL(&u->sessions, p, link);
	count_add(COUNT_SESSIONS, 1);
	return p;
}

static bool
holds_slot(const struct account *a, const struct host *h)
{
	for (size_t i = 0; i < a->b->n; i++) {
		if (a->held[i] && a->b->modules[i].host == h)
			return true;
	}
	return false;
}

/* Locked. */
static enum err
reserve(struct account *a, size_t module, bool fresh, struct pooled_list *out, struct error *e)
{
	struct backends *b = a->b;
	struct host *h = b->modules[module].host;
	struct pool_user *u = pool_user(b, a->who->user);
	bool slot = !holds_slot(a, h);
	struct pooled *p;
	enum err err;

	if (!u)
		return err_set(e, ERR_NOMEM, "out of memory");
	err = host_check(b, h, clock_ms(), e);
	if (!err && slot)
		err = host_enter(b, h, e);
	if (err)
		return err;
	p = find_place(b, u, &a->who->tag, module, fresh, out);
	if (!p) {
		if (slot)
			host_leave(h);
		count_add(COUNT_BUSY, 1);
		return err_set(e, ERR_BUSY, "all sessions of this user at %s are in use", b->modules[module].ops->name);
	}
	p->held = true;
	a->held[module] = p;
	return ERR_OK;
}

/* Locked: takes the session out of the account; it goes to `out` where it is of no use any more. */
static void
give_one(struct account *a, size_t module, struct pooled_list *out)
{
	struct backends *b = a->b;
	struct pooled *p = a->held[module];

	a->held[module] = NULL;
	if (!holds_slot(a, b->modules[module].host))
		host_leave(b->modules[module].host);
	p->held = false;
	p->used = clock_ms();
	if (!p->session || p->drop) {
		struct pool_user *u = pool_user(b, a->who->user); /* there: it has this session */

		remove_session(u, p);
		TAILQ_INSERT_TAIL(out, p, link);
	}
}

enum err
pool_take(struct account *a, size_t module, bool fresh, struct error *e)
{
	struct pooled_list out = TAILQ_HEAD_INITIALIZER(out);
	struct backends *b = a->b;
	enum err err;

	pthread_mutex_lock(&b->lock);
	err = reserve(a, module, fresh, &out, e);
	pthread_mutex_unlock(&b->lock);
	pool_logout(b, &out);
	if (err || a->held[module]->session)
		return err;
	err = module_login(b, module, a->who, a->log, &a->held[module]->session, e);
	if (!err)
		return ERR_OK;
	pthread_mutex_lock(&b->lock);
	give_one(a, module, &out);
	pthread_mutex_unlock(&b->lock);
	pool_logout(b, &out);
	pool_tell_free(b);
	return err;
}

bool
pool_at_hand(struct account *a, size_t module)
{
	struct pool_user *u;
	struct pooled *p;
	bool found = a->held[module] != NULL;

	pthread_mutex_lock(&a->b->lock);
	u = pool_user(a->b, a->who->user);
	p = u ? TAILQ_FIRST(&u->sessions) : NULL;
	for (; p && !found; p = TAILQ_NEXT(p, link))
		found = p->module == module && !p->held && memcmp(p->tag.bytes, a->who->tag.bytes, TAG_BYTES) == 0;
	pthread_mutex_unlock(&a->b->lock);
	return found;
}

bool
pool_give(struct account *a)
{
	struct pooled_list out = TAILQ_HEAD_INITIALIZER(out);
	struct backends *b = a->b;
	bool any = false;

	pthread_mutex_lock(&b->lock);
	for (size_t i = 0; i < b->n; i++) {
		if (!a->held[i])
			continue;
		give_one(a, i, &out);
		any = true;
	}
	pthread_mutex_unlock(&b->lock);
	pool_logout(b, &out);
	return any;
}
