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
	const char *at = strrchr(address, '@'), *user = passwd_user(b, a, address), *local;

	if (user || !at || !b->domain || text_casecmp(at + 1, b->domain) != 0)
		return user;
	local = arena_strndup(a, address, (size_t)(at - address));
	return local ? passwd_user(b, a, local) : NULL;
}

/* What one user gets. */
struct copy {
	int inbox;
	struct mail_file file;
};

static enum err
write_copy(const struct backend *b, struct arena *a, const char *user, const struct backend_mail *mail,
	struct copy *c_r, struct error *e)
{
	AUTO_FD root = -1;
	char *trace = arena_printf(a, "Return-Path: <%s>\r\n", mail->from);
	struct slice pieces[2] = { slice_str(trace), mail->bytes };
	enum err err;

	c_r->inbox = -1;
	if (!trace)
		return err_set(e, ERR_NOMEM, "out of memory");
	err = tree_open(b, user, &root, e);
	if (!err)
		err = folder_open(root, "mail", NULL, &c_r->inbox, e);
	if (!err)
		err = mail_write(a, c_r->inbox, pieces, 2, NULL, BACKEND_NO_DATE, &c_r->file, e);
	if (err)
		close_fd(&c_r->inbox);
	return err;
}

/* Into the Inboxes with them, or away. */
static enum err
finish_copies(struct copy *c, size_t n, bool deliver, struct error *e)
{
	enum err err = ERR_OK;

	for (size_t i = 0; i < n; i++) {
		enum err one = deliver ? mail_place(c[i].inbox, &c[i].file, e) : ERR_OK;

		if (!deliver)
			mail_drop(c[i].inbox, &c[i].file);
		close_fd(&c[i].inbox);
		err = err ? err : one;
	}
	return err;
}

/* argument: of a program, which may take it for an option. */
static bool
address_is_safe(const char *address, bool argument)
{
	if (!*address || (argument && *address == '-'))
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

static bool
is_among(const char *user, const char *const *users, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (strcmp(users[i], user) == 0)
			return true;
	}
	return false;
}

static enum err
split_recipients(const struct backend *b, struct arena *a, const struct backend_mail *mail, struct split *to, struct error *e)
{
	to->users = arena_array(a, mail->n, sizeof *to->users);
	to->others = arena_array(a, mail->n, sizeof *to->others);
	if (!to->users || !to->others)
		return err_set(e, ERR_NOMEM, "out of memory");
	if (mail->n == 0 || (*mail->from && !address_is_safe(mail->from, false)))
		return err_set(e, ERR_DENIED, "a mail without recipients or with a bad sender");
	for (size_t i = 0; i < mail->n; i++) {
		const char *user;

		user = b->set.deliver_local ? local_user(b, a, mail->to[i]) : NULL;
		if (!address_is_safe(mail->to[i], !user))
			return err_set(e, ERR_DENIED, "a bad address of a recipient");
		if (!user)
			to->others[to->n_others++] = mail->to[i];
		else if (!is_among(user, to->users, to->n_users))
			to->users[to->n_users++] = user;
	}
	if (to->n_others && !b->set.sendmail)
		return err_set(e, ERR_DENIED, "%s", b->set.deliver_local ? "there is no such user here, and no sendmail is set" :
			"neither sendmail nor deliver_local is set in [local]");
	if (to->n_others && *mail->from == '-')
		return err_set(e, ERR_DENIED, "the sender would be an option of the program");
	return ERR_OK;
}

enum err
local_send(struct backend_session *s, const struct backend_mail *mail, enum err (*sending)(void *ctx), void *ctx, struct error *e)
{
	AUTO(arena_free) struct arena *a = arena_new(0);
	struct backend_mail rest = *mail;
	struct split to = { 0 };
	struct copy *copies;
	size_t n = 0;
	enum err err, placed;

	if (!a)
		return err_set(e, ERR_NOMEM, "out of memory");
	/* Who cannot be reached is known before anybody gets anything, and so is for whom there is no room: after an error it
	 * is sent to all again. */
	err = split_recipients(s->backend, a, mail, &to, e);
	copies = err ? NULL : arena_array(a, to.n_users + 1, sizeof *copies);
	if (!err && !copies)
		err = err_set(e, ERR_NOMEM, "out of memory");
	while (!err && n < to.n_users) {
		err = write_copy(s->backend, a, to.users[n], mail, &copies[n], e);
		n += !err;
	}
	if (!err && sending)
		err = sending(ctx);
	if (!err && to.n_others) {
		rest.to = to.others;
		rest.n = to.n_others;
		err = sendmail_run(&s->backend->set, &rest, e);
	}
	placed = finish_copies(copies, n, !err, e);
	return err ? err : placed;
}
