/* account_login(): a remembered login, or one question to the module that decides. */
#include <stdlib.h>
#include <string.h>

#include "backend/internal.h"
#include "base/text.h"

#define TRIES_MS 60000

static enum err
check_form(const struct backend_login *who, struct error *e)
{
	size_t n = who->user ? strlen(who->user) : 0;

	if (n == 0 || n > USER_MAX || !text_is_utf8(who->user, n))
		return err_set(e, ERR_AUTH, "no such user name is possible");
	for (const unsigned char *p = (const unsigned char *)who->user; *p; p++) {
		if (*p < 0x20 || *p == 0x7F)
			return err_set(e, ERR_AUTH, "a user name with control characters");
	}
	if (!who->password || !*who->password || strlen(who->password) > PASSWORD_MAX)
		return err_set(e, ERR_AUTH, "no such password is possible");
	return ERR_OK;
}

/* Locked. Passwords that were not found good are passed on so often only: the servers throttle our address, not the guesser's. */
static enum err
count_try(struct backends *b, const char *user, int64_t now, struct error *e)
{
	struct pool_user *u = pool_user(b, user);

	if (!u)
		return err_set(e, ERR_NOMEM, "out of memory");
	if (u->tries == 0 || now - u->tries_since >= TRIES_MS) {
		u->tries = 0;
		u->tries_since = now;
	}
	if (u->tries >= b->set.login_tries)
		return err_set(e, ERR_UNAVAILABLE, "too many refused logins of this user within a minute");
	u->tries++;
	return ERR_OK;
}

/* Locked. OK: known to be good, or *ask_r: the caller asks now and settles what others wait for. */
static enum err
look(struct backends *b, const struct credentials *who, bool *ask_r, struct error *e)
{
	int64_t now = clock_ms(), until;
	enum err err;

	*ask_r = false;
	switch (remember_look(b->remember, &who->tag, now, &until)) {
	case REMEMBERED_GOOD:
		return ERR_OK;
	case REMEMBERED_BAD:
		return err_set(e, ERR_AUTH, "this password was refused before; it is not passed on for another %lld s",
			(long long)((until - now + 999) / 1000));
	case REMEMBERED_ASKING:
		count_add(COUNT_BUSY, 1);
		return err_set(e, ERR_BUSY, "the same login is under way");
	case REMEMBERED_NOT:
		break;
	}
	err = count_try(b, who->user, now, e);
	if (!err && !remember_asking(b->remember, &who->tag, who->user, now))
		err = err_set(e, ERR_NOMEM, "out of memory");
	*ask_r = !err;
	return err;
}

/* What the module said. A password that it accepted before and does not now was changed: all of the user's are proved again. */
static void
settle(struct backends *b, const struct credentials *who, enum err err)
{
	struct pooled_list out = TAILQ_HEAD_INITIALIZER(out);
	struct pool_user *u;
	bool was_good = false;

	pthread_mutex_lock(&b->lock);
	u = pool_user(b, who->user);
	if (err != ERR_AUTH && u && u->tries)
		u->tries--;
	if (!err) {
		remember_good(b->remember, &who->tag, who->user, clock_ms());
	} else if (err == ERR_AUTH) {
		remember_bad(b->remember, &who->tag, who->user, clock_ms(), &was_good);
		pool_pick(b, who->user, &who->tag, INT64_MAX, &out);
	} else {
		remember_unknown(b->remember, &who->tag);
	}
	if (was_good)
		remember_forget_good(b->remember, who->user);
	pthread_mutex_unlock(&b->lock);
	pool_logout(b, &out);
}

static enum err
prove(struct account *a, struct error *e)
{
	struct backends *b = a->b;
	enum err err;
	bool ask;

	pthread_mutex_lock(&b->lock);
	err = look(b, a->who, &ask, e);
	pthread_mutex_unlock(&b->lock);
	if (!ask)
		return err;
	err = pool_take(a, b->auth, true, e);
	settle(b, a->who, err);
	if (err != ERR_BUSY)
		pool_tell_free(b);
	return err == ERR_PEER || err == ERR_INTERNAL || err == ERR_LIMIT ? ERR_UNAVAILABLE : err;
}

enum err
account_login(struct backends *b, const struct backend_login *who, struct account **a_r, struct error *e)
{
	struct credentials *c;
	struct account *a;
	enum err err = check_form(who, e);

	*a_r = NULL;
	if (err)
		return err;
	c = credentials_new(b, who->user, who->password);
	a = c ? account_new(b, c, who->log) : NULL;
	credentials_free(&c);
	if (!a)
		return err_set(e, ERR_NOMEM, "out of memory");
	err = prove(a, e);
	if (err)
		account_release(&a);
	*a_r = a;
	return err;
}
