/* A module as small as can be: it refuses everybody. */
#include "backend/backend.h"
#include "base/error.h"

struct backend {
	int unused;
};

static struct backend only;

static enum err
open_it(struct conf *conf, struct backend **b_r, struct error *e)
{
	/* base/ comes from the executable that loads this. */
	enum err err = conf_bind(conf, "good_module", NULL, 0, NULL, e);

	*b_r = &only;
	return err;
}

static void
close_it(struct backend **b)
{
	*b = NULL;
}

static const char *
host(const struct backend *b)
{
	(void)b;
	return "nowhere";
}

static enum err
login(struct backend *b, const struct backend_login *who, struct backend_session **s_r, struct error *e)
{
	(void)b, (void)who, (void)s_r;
	return err_set(e, ERR_AUTH, "nobody may in");
}

static void
logout(struct backend_session **s)
{
	*s = NULL;
}

static enum err
folders(struct backend_session *s, struct arena *a, struct backend_folders *f_r, struct error *e)
{
	(void)s, (void)a, (void)f_r;
	return err_set(e, ERR_INTERNAL, "not reached");
}

static enum err
changes(struct backend_session *s, struct arena *a, const char *folder, const char *cursor, size_t part, struct backend_changes *c_r,
	struct error *e)
{
	(void)s, (void)a, (void)folder, (void)cursor, (void)part, (void)c_r;
	return err_set(e, ERR_INTERNAL, "not reached");
}

static enum err
fetch(struct backend_session *s, const struct backend_fetch *what, backend_item_fn fn, void *ctx, struct error *e)
{
	(void)s, (void)what, (void)fn, (void)ctx;
	return err_set(e, ERR_INTERNAL, "not reached");
}

static enum err
put(struct backend_session *s, struct arena *a, const struct backend_put *p, struct backend_stored *stored_r, struct error *e)
{
	(void)s, (void)a, (void)p, (void)stored_r;
	return err_set(e, ERR_INTERNAL, "not reached");
}

static enum err
remove_item(struct backend_session *s, const char *folder, const char *key, const char *version, struct error *e)
{
	(void)s, (void)folder, (void)key, (void)version;
	return err_set(e, ERR_INTERNAL, "not reached");
}

static enum err
watch(struct backend_session *s, const char *const *list, size_t n, struct backend_watch *w_r, struct error *e)
{
	(void)s, (void)list, (void)n, (void)w_r;
	return err_set(e, ERR_INTERNAL, "not reached");
}

static enum err
noticed(struct backend_session *s, struct arena *a, struct backend_keys *folders_r, struct backend_watch *w_r, struct error *e)
{
	(void)s, (void)a, (void)folders_r, (void)w_r;
	return err_set(e, ERR_INTERNAL, "not reached");
}

static void
unwatch(struct backend_session *s)
{
	(void)s;
}

EXPORT extern const struct backend_ops backend_module;

#ifndef ABI
#define ABI BACKEND_ABI
#define NAME "good_module"
#endif

const struct backend_ops backend_module = {
	.abi = ABI,
	.name = NAME,
	.classes = BACKEND_MAIL,
	.open = open_it,
	.close = close_it,
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
