#include "backend/imap/command.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/imap/mailbox.h"
#include "base/count.h"
#include "base/text.h"

#define TEXT_MAX ((size_t)1024 * 1024)
/* Longer strings go as literals: lines of any length are not every server's thing. */
#define QUOTED_MAX 1000
/* RFC 7888: LITERAL- takes no more without being asked; with LITERAL+ we keep to it too, so that a refusal comes
 * early. */
#define UNASKED_MAX 4096

void
imap_cmd_finish(struct imap_cmd *cmd)
{
	buf_finish(&cmd->text);
}

static void
close_line(struct imap_cmd *cmd)
{
	if (cmd->open)
		buf_add_str(&cmd->text, "\r\n");
	cmd->open = false;
}

/* By its name, in which UID is left out: "UID FETCH 1:* ..." is a FETCH. */
static void
count_command(const char *words)
{
	char name[24];
	size_t n;

	words += text_starts(words, "UID ") ? 4 : 0;
	n = strcspn(words, " ");
	if (n >= sizeof name)
		n = sizeof name - 1;
	memcpy(name, words, n);
	name[n] = '\0';
	count_one("imap", "command", name);
}

void
imap_cmd_begin(struct imap_cmd *cmd, struct imap_conn *c, const char *words)
{
	if (cmd->n_tags == 0) {
		cmd->c = c;
		buf_finish(&cmd->text);
		buf_init(&cmd->text, TEXT_MAX);
		cmd->tag = c->tag + 1;
	}
	close_line(cmd);
	cmd->n_tags++;
	cmd->open = true;
	buf_printf(&cmd->text, "A%u %s", ++c->tag, words);
	count_command(words);
}

void
imap_cmd_raw(struct imap_cmd *cmd, const char *text)
{
	buf_add_str(&cmd->text, text);
}

void
imap_cmd_printf(struct imap_cmd *cmd, const char *fmt, ...)
{
	char text[512];
	va_list args;
	va_start(args, fmt);
	int n = vsnprintf(text, sizeof text, fmt, args);
	va_end(args);
	if (n < 0 || (size_t)n >= sizeof text)
		cmd->invalid = true;
	else
		buf_add(&cmd->text, text, (size_t)n);
}

static void
literal_head(struct imap_cmd *cmd, size_t n)
{
	bool unasked = n <= UNASKED_MAX && cmd->c->caps & (CAP_LITERAL_PLUS | CAP_LITERAL_MINUS);
	buf_printf(&cmd->text, "{%zu%s}\r\n", n, unasked ? "+" : "");
	if (unasked)
		return;
	if (cmd->n_breaks == ARRAY_LEN(cmd->breaks))
		cmd->invalid = true;
	else
		cmd->breaks[cmd->n_breaks++] = cmd->text.len;
}

void
imap_cmd_literal(struct imap_cmd *cmd, size_t n)
{
	imap_cmd_raw(cmd, " ");
	literal_head(cmd, n);
	cmd->upload = true;
}

static bool
quotable(const struct imap_conn *c, const char *s, size_t n)
{
	if (n > QUOTED_MAX)
		return false;
	bool ascii = true;
	for (size_t i = 0; i < n; i++) {
		unsigned char b = (unsigned char)s[i];
		if (b == '\r' || b == '\n' || b == 0)
			return false;
		ascii &= b < 0x80;
	}
	return ascii || (c->utf8 && text_is_utf8(s, n));
}

static void
add_string(struct imap_cmd *cmd, const char *s)
{
	size_t n = strlen(s);
	if (!quotable(cmd->c, s, n)) {
		literal_head(cmd, n);
		buf_add(&cmd->text, s, n);
		return;
	}
	buf_add_byte(&cmd->text, '"');
	for (; *s; s++) {
		if (*s == '"' || *s == '\\')
			buf_add_byte(&cmd->text, '\\');
		buf_add_byte(&cmd->text, (unsigned char)*s);
	}
	buf_add_byte(&cmd->text, '"');
}

void
imap_cmd_string(struct imap_cmd *cmd, const char *s)
{
	imap_cmd_raw(cmd, " ");
	add_string(cmd, s);
}

void
imap_cmd_mailbox(struct imap_cmd *cmd, const char *key)
{
	imap_cmd_raw(cmd, " ");
	imap_cmd_mailbox_bare(cmd, key);
}

void
imap_cmd_mailbox_bare(struct imap_cmd *cmd, const char *key)
{
	struct arena *a AUTO(arena_free) = arena_new(32768);
	const char *wire = a ? imap_key_wire(a, key, cmd->c->utf8) : NULL;
	if (wire)
		add_string(cmd, wire);
	else
		cmd->invalid = true;
}

static void
copy_done(struct imap_done *d, const struct imap_response *r)
{
	if (!d)
		return;
	d->status = r->status;
	memcpy(d->code, r->code, sizeof d->code);
	memcpy(d->text, r->text, sizeof d->text);
}

static bool
is_ours(const struct imap_cmd *cmd, const struct imap_response *r)
{
	return r->kind == RESP_TAGGED && r->tag >= cmd->tag && r->tag - cmd->tag < cmd->n_tags;
}

/* Reads one response and hands it on. *kind_r is what it was; RESP_TAGGED only for replies to this command. */
static enum err
step(struct imap_cmd *cmd, const struct imap_run *run, enum err *stopped, enum imap_kind *kind_r,
	struct imap_done *done_r,
	struct error *e)
{
	struct imap_response r;
	enum err err = imap_conn_response(cmd->c, run ? run->body_max : 0, &r, e);
	if (err)
		return err;
	bool ours = is_ours(cmd, &r);
	*kind_r = r.kind == RESP_TAGGED && !ours ? RESP_NONE : r.kind;
	if (ours) {
		cmd->done++;
		if (r.tag == cmd->tag + cmd->n_tags - 1)
			copy_done(done_r, &r);
	}
	if (run && run->fn && !*stopped && (!ours || cmd->n_tags > 1))
		*stopped = run->fn(run->ctx, &r);
	imap_response_finish(&r);
	return ERR_OK;
}

/* Up to the "+" for a literal; *refused_r if the tagged reply comes instead. */
static enum err
continued(struct imap_cmd *cmd, const struct imap_run *run, bool *refused_r, struct imap_done *done_r, struct error *e)
{
	enum err stopped = ERR_OK;
	imap_conn_deadline(cmd->c);
	for (;;) {
		enum imap_kind kind;
		enum err err = step(cmd, run, &stopped, &kind, done_r, e);
		if (err)
			return err;
		if (kind == RESP_CONTINUE)
			return ERR_OK;
		if (kind != RESP_TAGGED)
			continue;
		if (cmd->n_tags > 1)
			return imap_conn_fail(cmd->c, ERR_PEER, "refuses a literal", e);
		*refused_r = true;
		return ERR_OK;
	}
}

enum err
imap_cmd_send(struct imap_cmd *cmd, const struct imap_run *run, bool *refused_r, struct imap_done *done_r,
	struct error *e)
{
	*refused_r = false;
	if (!cmd->upload)
		close_line(cmd);
	if (cmd->invalid || !buf_ok(&cmd->text))
		return err_set(e, ERR_INVALID, "something asked for cannot be said in IMAP");
	size_t from = 0;
	for (size_t i = 0; i < cmd->n_breaks; i++) {
		enum err err = imap_conn_send(cmd->c, cmd->text.data + from, cmd->breaks[i] - from, e);
		err = err ? err : continued(cmd, run, refused_r, done_r, e);
		if (err || *refused_r)
			return err;
		from = cmd->breaks[i];
	}
	return from < cmd->text.len ? imap_conn_send(cmd->c, cmd->text.data + from, cmd->text.len - from, e) : ERR_OK;
}

enum err
imap_cmd_idle(struct imap_cmd *cmd, struct imap_conn *c, const struct imap_run *run, bool *refused_r, struct error *e)
{
	imap_cmd_begin(cmd, c, "IDLE");
	close_line(cmd);
	cmd->breaks[cmd->n_breaks++] = cmd->text.len;
	return imap_cmd_send(cmd, run, refused_r, NULL, e);
}

enum err
imap_cmd_wait(struct imap_cmd *cmd, const struct imap_run *run, struct imap_done *done_r, struct error *e)
{
	enum err stopped = ERR_OK;
	imap_conn_deadline(cmd->c);
	while (cmd->done < cmd->n_tags) {
		enum imap_kind kind;
		enum err err = step(cmd, run, &stopped, &kind, done_r, e);
		if (err)
			return err;
	}
	cmd->c->last_used = imap_now();
	imap_lex_rest(&cmd->c->lex);
	return stopped;
}

enum err
imap_cmd_run(struct imap_cmd *cmd, const struct imap_run *run, struct imap_done *done_r, struct error *e)
{
	bool refused;
	enum err err = imap_cmd_send(cmd, run, &refused, done_r, e);
	return err || refused ? err : imap_cmd_wait(cmd, run, done_r, e);
}

enum err
imap_run(struct imap_conn *c, const char *text, const struct imap_run *run, struct imap_done *done_r, struct error *e)
{
	struct imap_cmd cmd AUTO(imap_cmd_finish) = { .c = c };
	imap_cmd_begin(&cmd, c, text);
	return imap_cmd_run(&cmd, run, done_r, e);
}

/* RFC 5530 and others. */
static const struct {
	const char *code;
	enum err err;
} codes[] = {
	{ "UNAVAILABLE", ERR_UNAVAILABLE },
	{ "INUSE", ERR_UNAVAILABLE },
	{ "SERVERBUG", ERR_UNAVAILABLE },
	{ "CONTACTADMIN", ERR_UNAVAILABLE },
	{ "THROTTLED", ERR_UNAVAILABLE },
	{ "NONEXISTENT", ERR_NOFOLDER },
	{ "TRYCREATE", ERR_NOFOLDER },
	{ "OVERQUOTA", ERR_QUOTA },
	{ "NOPERM", ERR_DENIED },
	{ "READ-ONLY", ERR_DENIED },
	{ "CANNOT", ERR_DENIED },
	{ "HASCHILDREN", ERR_DENIED },
	{ "ALREADYEXISTS", ERR_EXISTS },
	{ "LIMIT", ERR_LIMIT },
	{ "TOOBIG", ERR_LIMIT },
};

enum err
imap_done_err(const struct imap_conn *c, const struct imap_done *d, const char *what, enum err otherwise,
	struct error *e)
{
	if (d->status == STATUS_OK)
		return ERR_OK;
	enum err err = d->status == STATUS_NO ? otherwise : ERR_PEER;
	for (size_t i = 0; i < ARRAY_LEN(codes) && d->status == STATUS_NO; i++) {
		if (imap_code_is(d->code, codes[i].code))
			err = codes[i].err;
	}
	return err_set(e, err, "%s: %s: %s%s%s%s", c->b->host, what, d->code[0] ? "[" : "", d->code,
		d->code[0] ? "] " : "", d->text);
}

static enum err
on_list(void *ctx, struct imap_response *r)
{
	if (r->kind == RESP_LIST && !(r->attrs & (ATTR_NONEXISTENT | ATTR_NOSELECT)))
		*(bool *)ctx = true;
	return ERR_OK;
}

enum err
imap_done_folder(struct imap_conn *c, const struct imap_done *d, const char *what, const char *folder, struct error *e)
{
	enum err err = imap_done_err(c, d, what, ERR_UNSUPPORTED, e);
	if (err != ERR_UNSUPPORTED)
		return err;
	bool listed = false;
	struct imap_run run = { .fn = on_list, .ctx = &listed };
	struct imap_done list;
	struct imap_cmd cmd AUTO(imap_cmd_finish) = { .c = c };
	imap_cmd_begin(&cmd, c, "LIST \"\"");
	imap_cmd_mailbox(&cmd, folder);
	if (imap_cmd_run(&cmd, &run, &list, NULL) || list.status != STATUS_OK || listed)
		return err_set(e, ERR_UNAVAILABLE, "%s: %s: %s", c->b->host, what, d->text);
	return err_set(e, ERR_NOFOLDER, "%s: %s: %s", c->b->host, what, d->text);
}
