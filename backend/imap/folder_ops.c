#include <string.h>

#include "backend/imap/folders.h"
#include "base/text.h"

static enum err
on_delimiter(void *ctx, struct imap_response *r)
{
	if (r->kind == RESP_LIST)
		*(char *)ctx = r->delimiter;
	return ERR_OK;
}

enum err
imap_child_key(struct imap_conn *c, struct arena *a, const char *parent, const char *name, const char **key_r,
	struct error *e)
{
	struct imap_space *space;
	enum err err = imap_namespaces(c, a, &space, e);
	if (err)
		return err;
	while (space && space->shared)
		space = space->next;
	/* RFC 3501 6.3.8: LIST with an empty pattern gives the delimiter. */
	char delimiter = space ? space->delimiter : '\0';
	struct imap_run run = { .fn = on_delimiter, .ctx = &delimiter };
	struct imap_done done;
	if (!delimiter && (err = imap_run(c, "LIST \"\" \"\"", &run, &done, e)))
		return err;
	if (!name[0] || !text_is_utf8(name, strlen(name)) || strpbrk(name, "\r\n*%") ||
		(delimiter && strchr(name, delimiter)))
		return err_set(e, ERR_INVALID, "%s: a folder cannot have this name", c->b->host);
	if (parent && !delimiter)
		return err_set(e, ERR_DENIED, "%s has no folders within folders", c->b->host);
	const char *key = parent ? arena_printf(a, "%s%c%s", parent, delimiter, name) :
		arena_printf(a, "%s%s", space ? space->prefix : "", name);
	if (!key)
		return err_set(e, ERR_NOMEM, "no memory");
	if (strlen(key) > BACKEND_KEY_MAX)
		return err_set(e, ERR_LIMIT, "the name of the folder is too long");
	*key_r = text_casecmp(key, "INBOX") == 0 ? "INBOX" : key;
	return ERR_OK;
}

static enum err
on_list(void *ctx, struct imap_response *r)
{
	if (r->kind == RESP_LIST && !(r->attrs & ATTR_NONEXISTENT))
		*(bool *)ctx = true;
	return ERR_OK;
}

static enum err
is_there(struct imap_conn *c, const char *key, bool *there_r, struct error *e)
{
	*there_r = false;
	struct imap_run run = { .fn = on_list, .ctx = there_r };
	struct imap_done done;
	struct imap_cmd cmd AUTO(imap_cmd_finish) = { .c = c };
	imap_cmd_begin(&cmd, c, "LIST \"\"");
	imap_cmd_mailbox(&cmd, key);
	return imap_cmd_run(&cmd, &run, &done, e);
}

/* One command with one or two mailboxes. */
static enum err
run_on(struct imap_conn *c, const char *word, const char *key, const char *key2, struct imap_done *done_r,
	struct error *e)
{
	struct imap_cmd cmd AUTO(imap_cmd_finish) = { .c = c };
	imap_cmd_begin(&cmd, c, word);
	imap_cmd_mailbox(&cmd, key);
	if (key2)
		imap_cmd_mailbox(&cmd, key2);
	return imap_cmd_run(&cmd, NULL, done_r, e);
}

/* Other programs show subscribed folders only. No error: the folder is made, renamed or removed by now, whatever becomes of this. */
static void
subscribe(struct imap_conn *c, const char *word, const char *key)
{
	struct imap_done done;
	if (!c->dead)
		(void)run_on(c, word, key, NULL, &done, NULL);
}

enum err
imap_folder_make(struct backend_session *s, struct arena *a, const char *parent, const char *name,
	enum backend_class class,
	const char **key_r, struct error *e)
{
	(void)class;
	struct imap_conn *c;
	struct imap_done done;
	bool there = false;
	enum err err = imap_session_conn(s, &c, e);
	if (!err && parent && !(err = is_there(c, parent, &there, e)) && !there)
		return err_set(e, ERR_NOFOLDER, "%s: the parent folder is gone", s->b->host);
	err = err ? err : imap_child_key(c, a, parent, name, key_r, e);
	err = err ? err : is_there(c, *key_r, &there, e);
	if (err)
		return err;
	if (there)
		return err_set(e, ERR_EXISTS, "%s: the folder is there already", s->b->host);
	err = run_on(c, "CREATE", *key_r, NULL, &done, e);
	err = err ? err : imap_done_err(c, &done, "CREATE", ERR_DENIED, e);
	if (!err)
		subscribe(c, "SUBSCRIBE", *key_r);
	return err;
}

enum err
imap_folder_rename(struct backend_session *s, struct arena *a, const char *key, const char *parent, const char *name,
	const char **key_r, struct error *e)
{
	struct imap_conn *c;
	struct imap_done done;
	bool there = false;
	if (strcmp(key, "INBOX") == 0)
		/* RFC 3501 6.3.5: that would move its mail */
		return err_set(e, ERR_DENIED, "the Inbox cannot be renamed");
	enum err err = imap_session_conn(s, &c, e);
	err = err ? err : imap_child_key(c, a, parent, name, key_r, e);
	if (err || strcmp(*key_r, key) == 0)
		return err;
	if ((err = is_there(c, key, &there, e)))
		return err;
	if (!there)
		return err_set(e, ERR_NOFOLDER, "%s: the folder is gone", s->b->host);
	if ((err = is_there(c, *key_r, &there, e)))
		return err;
	if (there)
		return err_set(e, ERR_EXISTS, "%s: a folder with this name is there already", s->b->host);
	err = imap_deselect(c, e);
	err = err ? err : run_on(c, "RENAME", key, *key_r, &done, e);
	err = err ? err : imap_done_err(c, &done, "RENAME", ERR_DENIED, e);
	if (err)
		return err;
	subscribe(c, "SUBSCRIBE", *key_r);
	subscribe(c, "UNSUBSCRIBE", key);
	return ERR_OK;
}

enum err
imap_folder_remove(struct backend_session *s, const char *key, struct error *e)
{
	struct imap_conn *c;
	struct imap_done done;
	bool there = false;
	if (strcmp(key, "INBOX") == 0)
		return err_set(e, ERR_DENIED, "the Inbox cannot be removed");
	enum err err = imap_session_conn(s, &c, e);
	err = err ? err : is_there(c, key, &there, e);
	if (err)
		return err;
	if (!there)
		return err_set(e, ERR_NOFOLDER, "%s: the folder is gone already", s->b->host);
	err = imap_deselect(c, e);
	err = err ? err : run_on(c, "DELETE", key, NULL, &done, e);
	err = err ? err : imap_done_err(c, &done, "DELETE", ERR_DENIED, e);
	if (!err)
		subscribe(c, "UNSUBSCRIBE", key);
	return err;
}
