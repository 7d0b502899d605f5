/* The table of the module, its section, and who is logged in. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backend/local/local.h"
#include "base/setid.h"
#include "base/text.h"

#define ROW(field, type_, fallback_, min_, max_, doc_) \
	{ .key = #field, .type = (type_), .offset = offsetof(struct settings, field), .fallback = (fallback_), .min = (min_), .max = (max_), \
		.doc = (doc_) }

static const struct conf_row rows[] = {
	ROW(path, CONF_STRING, "/var/lib/cpush/local/%u", 0, 0, "a user's tree: %u is the login, %l what stands before the @, %d behind it"),
	ROW(passwd_file, CONF_STRING, NULL, 0, 0, "lines of user:hash; make a hash with openssl passwd -6"),
	ROW(domain, CONF_STRING, NULL, 0, 0, "mail domain of users without an @; the default is [server] domain"),
	ROW(sendmail, CONF_STRING, NULL, 0, 0, "program that sends mail: /usr/sbin/sendmail"),
	ROW(deliver_local, CONF_BOOL, "no", 0, 0, "mail to users of passwd_file goes straight into their tree"),
	ROW(item_max, CONF_SIZE, "64M", 1024, 0, "larger items are left out"),
	ROW(answer, CONF_SECONDS, "25", 1, 600, "time for the sendmail program to read on"),
	ROW(accept, CONF_SECONDS, "600", 1, 3600, "time for it to pass on a mail that it has read"),
};

void
close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

enum err
errno_err(struct error *e, enum err missing, const char *what)
{
	enum err err;

	switch (errno) {
	case ENOENT:
	case ENOTDIR:
		err = missing;
		break;
	case EACCES:
	case EPERM:
	case EROFS:
		err = ERR_DENIED;
		break;
	case ENOSPC:
	case EDQUOT:
		err = ERR_QUOTA;
		break;
	case ENOMEM:
		err = ERR_NOMEM;
		break;
	case ENAMETOOLONG:
		err = ERR_INVALID;
		break;
	default:
		err = ERR_UNAVAILABLE;
		break;
	}
	return err_set(e, err, "%s: %s", what, strerror(errno));
}

static void
close_local(struct backend **bp)
{
	struct backend *b = *bp;

	*bp = NULL;
	if (!b)
		return;
	conf_unref(&b->conf);
	free(b);
}

static enum err
open_local(struct conf *conf, struct backend **b_r, struct error *e)
{
	struct backend *b = calloc(1, sizeof *b);
	enum err err;

	*b_r = NULL;
	if (!b)
		return err_set(e, ERR_NOMEM, "out of memory");
	err = conf_bind(conf, "local", rows, ARRAY_LEN(rows), &b->set, e);
	if (!err && !b->set.passwd_file)
		err = err_set(e, ERR_INVALID, "%s:%u: [local] needs passwd_file", conf_name(conf), conf_line(conf, "local", NULL));
	if (!err && b->set.path[0] != '/')
		err = err_set(e, ERR_INVALID, "%s:%u: path must begin with a /", conf_name(conf), conf_line(conf, "local", "path"));
	if (!err && b->set.sendmail && access(b->set.sendmail, X_OK) < 0)
		err = err_set(e, ERR_INVALID, "%s:%u: %s: %s", conf_name(conf), conf_line(conf, "local", "sendmail"), b->set.sendmail,
			strerror(errno));
	if (!err && b->set.sendmail && is_setid(b->set.sendmail))
		log_warn(NULL, SETID_WARNING, b->set.sendmail);
	b->conf = conf_ref(conf);
	b->domain = b->set.domain ? b->set.domain : conf_get(conf, "server", "domain");
	if (!err && b->set.deliver_local && !b->domain)
		log_warn(NULL, "deliver_local without a domain in [local]: mail is for users whose name is an address only");
	if (err)
		close_local(&b);
	*b_r = b;
	return err;
}

static const char *
host(const struct backend *b)
{
	(void)b;
	return "local";
}

static void
logout(struct backend_session **sp)
{
	struct backend_session *s = *sp;

	*sp = NULL;
	if (!s)
		return;
	local_unwatch(s);
	listing_finish(&s->listing);
	close_fd(&s->root);
	free(s->user);
	free(s->name);
	free(s);
}

static enum err
login(struct backend *b, const struct backend_login *who, struct backend_session **s_r, struct error *e)
{
	struct backend_session *s;
	enum err err;

	*s_r = NULL;
	if (!user_is_safe(who->user))
		return err_set(e, ERR_AUTH, "no such user");
	s = calloc(1, sizeof *s);
	if (!s)
		return err_set(e, ERR_NOMEM, "out of memory");
	s->backend = b;
	s->root = -1;
	s->user = strdup(who->user);
	err = s->user ? passwd_check(b, who->user, who->password, &s->name, e) : err_set(e, ERR_NOMEM, "out of memory");
	if (!err)
		err = tree_open(b, who->user, &s->root, e);
	if (err)
		logout(&s);
	*s_r = s;
	return err;
}

static enum err
identity(struct backend_session *s, struct arena *a, struct backend_identity *id_r, struct error *e)
{
	(void)e;
	if (strchr(s->user, '@'))
		id_r->address = arena_strdup(a, s->user);
	else
		id_r->address = s->backend->domain ? arena_printf(a, "%s@%s", s->user, s->backend->domain) : NULL;
	id_r->name = s->name ? arena_strdup(a, s->name) : NULL;
	return ERR_OK;
}

static enum err
describe(struct backend_session *s, backend_say_fn say, void *ctx, struct error *e)
{
	AUTO(arena_free) struct arena *a = arena_new(0);
	const struct settings *set = &s->backend->set;
	char *text = a ? text_expand(a, set->path, s->user, NULL) : NULL;

	text = text ? arena_printf(a, "the files are in %s", text) : NULL;
	if (!text)
		return err_set(e, ERR_NOMEM, "out of memory");
	say(ctx, true, text);
	if (set->sendmail && is_setid(set->sendmail)) {
		text = arena_printf(a, SETID_WARNING, set->sendmail);
		say(ctx, false, text ? text : "");
		return ERR_OK;
	}
	if (set->sendmail)
		text = arena_printf(a, "mail is sent by %s%s", set->sendmail, set->deliver_local ? ", local mail is delivered at once" : "");
	else
		text = arena_strdup(a, set->deliver_local ? "only mail between local users is delivered: there is no sendmail" :
			"mail cannot be sent: set sendmail or deliver_local");
	say(ctx, set->sendmail || set->deliver_local, text ? text : "");
	return ERR_OK;
}

EXPORT extern const struct backend_ops backend_module;

const struct backend_ops backend_module = {
	.abi = BACKEND_ABI,
	.name = "local",
	.classes = BACKEND_MAIL | BACKEND_CALENDAR | BACKEND_TASKS | BACKEND_CONTACTS,
	.open = open_local,
	.close = close_local,
	.host = host,
	.login = login,
	.logout = logout,
	.folders = local_folders,
	.changes = local_changes,
	.fetch = local_fetch,
	.put = local_put,
	.remove = local_remove,
	.move = local_move,
	.flag = local_flag,
	.folder_make = local_folder_make,
	.folder_rename = local_folder_rename,
	.folder_remove = local_folder_remove,
	.send = local_send,
	.mark = local_mark,
	.find = local_find,
	.search = local_search,
	.watch = local_watch,
	.noticed = local_noticed,
	.unwatch = local_unwatch,
	.identity = identity,
	.describe = describe,
};
