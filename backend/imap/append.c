#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "backend/imap/crlf.h"
#include "backend/imap/mailbox.h"
#include "backend/imap/store.h"
#include "base/text.h"

/* "17-Jul-1996 02:44:25 +0000" */
static void
date_time(int64_t when, char *text, size_t room)
{
	static const char months[12][4] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov",
		"Dec" };
	time_t t = (time_t)when;
	struct tm tm;
	text[0] = '\0';
	if (gmtime_r(&t, &tm) && tm.tm_year >= 0 && tm.tm_year < 8000)
		snprintf(text, room, " \"%02d-%s-%04d %02d:%02d:%02d +0000\"", tm.tm_mday, months[tm.tm_mon],
			tm.tm_year + 1900,
			tm.tm_hour, tm.tm_min, tm.tm_sec);
}

static enum err
upload(struct imap_conn *c, struct slice bytes, struct error *e)
{
	struct imap_crlf crlf = { .in = bytes };
	char part[16384];
	size_t n;
	while ((n = imap_crlf_next(&crlf, part, sizeof part)) > 0) {
		enum err err = imap_conn_send(c, part, n, e);
		if (err)
			return err;
	}
	return imap_conn_send(c, "\r\n", 2, e);
}

/* "APPENDUID validity uid" (RFC 4315); 0 where there is none. */
static uint32_t
append_uid(const struct imap_done *d)
{
	return imap_code_is(d->code, "APPENDUID") ? imap_uid(imap_code_last(d->code)) : 0;
}

static enum err
append(struct imap_conn *c, struct arena *a, const struct backend_put *put, uint32_t *uid_r, bool *left_out_r,
	struct error *e)
{
	struct imap_done done = { .status = STATUS_NONE };
	struct imap_cmd cmd AUTO(imap_cmd_finish) = { .c = c };
	char when[64] = "";
	if (put->date != BACKEND_NO_DATE)
		date_time(put->date, when, sizeof when);
	imap_cmd_begin(&cmd, c, "APPEND");
	imap_cmd_mailbox(&cmd, put->folder);
	imap_cmd_flags(&cmd, a, put->flags, put->keywords, false, left_out_r);
	imap_cmd_raw(&cmd, when);
	imap_cmd_literal(&cmd, imap_crlf_size(put->bytes));
	bool refused;
	enum err err = imap_cmd_send(&cmd, NULL, &refused, &done, e);
	if (!err && !refused) {
		err = upload(c, put->bytes, e);
		err = err ? err : imap_cmd_wait(&cmd, NULL, &done, e);
	}
	if (err)
		return err;
	*uid_r = append_uid(&done);
	return imap_done_err(c, &done, "APPEND", ERR_INVALID, e);
}

/* The version of what was just made: the UID says that it is ours, so what the flags are now is what was meant, if
 * they are. */
static enum err
vouch(struct backend_session *s, struct arena *a, const struct backend_put *put, uint32_t uid,
	struct backend_stored *stored_r,
	struct error *e)
{
	struct imap_conn *c;
	struct imap_fetch f;
	enum err err = imap_session_select(s, put->folder, &c, e);
	err = err ? err : imap_peek(c, a, uid, &f, e);
	unsigned wanted = put->flags;
	if (!err && f.flags == wanted) {
		stored_r->version = imap_version(a, &f);
		if (!stored_r->version)
			return err_set(e, ERR_NOMEM, "no memory");
		if (f.has_modseq)
			imap_session_stored(s, c->box.validity, uid, f.modseq);
	}
	/* The mail is there: not being able to look is no failure. */
	return ERR_OK;
}

/* Is what shall be replaced there, and as it was? */
static enum err
check_old(struct backend_session *s, struct arena *a, const struct backend_put *put, struct error *e)
{
	struct imap_conn *c;
	struct imap_fetch f;
	uint32_t uid = imap_uid(put->key);
	if (!uid)
		return err_set(e, ERR_NOTFOUND, "%s: no mail of this key", s->b->host);
	enum err err = imap_session_select(s, put->folder, &c, e);
	err = err ? err : imap_peek(c, a, uid, &f, e);
	if (err || !put->version)
		return err;
	const char *there = imap_version(a, &f);
	if (!there || strcmp(there, put->version) != 0)
		return err_set(e, ERR_CONFLICT, "%s: the mail has changed", s->b->host);
	return ERR_OK;
}

enum err
imap_put(struct backend_session *s, struct arena *a, const struct backend_put *put, struct backend_stored *stored_r,
	struct error *e)
{
	*stored_r = (struct backend_stored){ "", "" };
	if (put->bytes.len == 0 || put->bytes.len > s->b->set.message_max)
		return err_set(e, put->bytes.len ? ERR_LIMIT : ERR_INVALID,
			"a mail to be stored is empty or too large");
	struct imap_conn *c;
	uint32_t uid = 0;
	bool left_out = false;
	enum err err = put->key ? check_old(s, a, put, e) : ERR_OK;
	/* Selected first: then it is known which keywords it takes, and its version can be asked for afterwards. */
	err = err ? err : imap_session_select(s, put->folder, &c, e);
	err = err ? err : append(c, a, put, &uid, &left_out, e);
	if (err)
		return err;
	if (uid) {
		stored_r->key = arena_printf(a, "%u", uid);
		if (!stored_r->key)
			return err_set(e, ERR_NOMEM, "no memory");
		if (!left_out && (err = vouch(s, a, put, uid, stored_r, e)))
			return err;
	}
	/* The new one is safe; if the old one stays, there are two, which is better than none. */
	if (put->key && !(err = imap_session_select(s, put->folder, &c, e)))
		err = imap_expunge(c, a, imap_uid(put->key), NULL, e);
	return err == ERR_NOTFOUND ? ERR_OK : err;
}
