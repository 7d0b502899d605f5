/* Sending: local users' mail straight into their trees, the rest by the sendmail program. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/local/local.h"
#include "base/text.h"

/* The user whom an address belongs to: the whole address, or its local part where its domain is ours. NULL: nobody here. */
static const char *
local_user(const struct backend *b, struct arena *a, const char *address)
{
	const char *at = strrchr(address, '@');
	const char *local;

	if (passwd_has(b, address))
		return address;
	if (!at)
		return NULL;
	local = arena_strndup(a, address, (size_t)(at - address));
	if (!local || (b->domain && text_casecmp(at + 1, b->domain) != 0))
		return NULL;
	return passwd_has(b, local) ? local : NULL;
}

static enum err
deliver(struct backend_session *s, struct arena *a, const char *user, const struct backend_mail *mail, struct error *e)
{
	AUTO_FD root = -1;
	AUTO_FD inbox = -1;
	char *trace = arena_printf(a, "Return-Path: <%s>\r\n", mail->from);
	struct slice pieces[2] = { slice_str(trace), mail->bytes };
	const char *key;
	enum err err;

	if (!trace)
		return err_set(e, ERR_NOMEM, "out of memory");
	err = tree_open(s->backend, user, &root, e);
	if (!err)
		err = folder_open(root, "mail", NULL, &inbox, e);
	return err ? err : mail_store(a, inbox, pieces, 2, NULL, BACKEND_NO_DATE, &key, e);
}

static bool
address_is_safe(const char *address)
{
	if (!*address || *address == '-')
		return false;
	for (const unsigned char *p = (const unsigned char *)address; *p; p++) {
		if (*p <= ' ' || *p == '<' || *p == '>' || *p == 0x7F)
			return false;
	}
	return true;
}

struct split {
	const char **users;  /* of this server */
	const char **others;
	size_t n_users, n_others;
};

static enum err
split_recipients(const struct backend *b, struct arena *a, const struct backend_mail *mail, struct split *to, struct error *e)
{
	to->users = arena_array(a, mail->n, sizeof *to->users);
	to->others = arena_array(a, mail->n, sizeof *to->others);
	if (!to->users || !to->others)
		return err_set(e, ERR_NOMEM, "out of memory");
	if (mail->n == 0 || (*mail->from && !address_is_safe(mail->from)))
		return err_set(e, ERR_DENIED, "a mail without recipients or with a bad sender");
	for (size_t i = 0; i < mail->n; i++) {
		const char *user;

		if (!address_is_safe(mail->to[i]))
			return err_set(e, ERR_DENIED, "a bad address of a recipient");
		user = b->set.deliver_local ? local_user(b, a, mail->to[i]) : NULL;
		if (user)
			to->users[to->n_users++] = user;
		else
			to->others[to->n_others++] = mail->to[i];
	}
	if (to->n_others && !b->set.sendmail)
		return err_set(e, ERR_DENIED, "%s", b->set.deliver_local ? "there is no such user here, and no sendmail is set" :
			"neither sendmail nor deliver_local is set in [local]");
	return ERR_OK;
}

enum err
local_send(struct backend_session *s, const struct backend_mail *mail, enum err (*sending)(void *ctx), void *ctx, struct error *e)
{
	AUTO(arena_free) struct arena *a = arena_new(0);
	struct backend_mail rest = *mail;
	struct split to = { 0 };
	enum err err;

	if (!a)
		return err_set(e, ERR_NOMEM, "out of memory");
	/* Who cannot be reached is known before anybody gets anything. */
	err = split_recipients(s->backend, a, mail, &to, e);
	if (!err && sending)
		err = sending(ctx);
	if (!err && to.n_others) {
		rest.to = to.others;
		rest.n = to.n_others;
		err = sendmail_run(s->backend->set.sendmail, &rest, (unsigned)s->backend->set.answer, e);
	}
	for (size_t i = 0; !err && i < to.n_users; i++)
		err = deliver(s, a, to.users[i], mail, e);
	return err;
}
