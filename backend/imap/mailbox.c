#include "backend/imap/mailbox.h"

#include <stdlib.h>
#include <string.h>

#include "backend/imap/utf7.h"
#include "base/text.h"

#define RAW '\x7f'

char *
imap_key_of(struct arena *a, const char *wire, size_t n, bool utf8)
{
	if (memchr(wire, 0, n))
		return NULL;
	if (n == 5 && text_ncasecmp(wire, "INBOX", 5) == 0)
		return arena_strdup(a, "INBOX");
	char *key = NULL;
	if (utf8)
		key = text_is_utf8(wire, n) ? arena_strndup(a, wire, n) : NULL;
	else
		key = imap_utf7_decode(a, wire, n, false);
	if (key && key[0] != RAW)
		return key;
	char *raw = arena_alloc(a, n + 2);
	if (raw) {
		raw[0] = RAW;
		memcpy(raw + 1, wire, n);
	}
	return raw;
}

char *
imap_key_wire(struct arena *a, const char *key, bool utf8)
{
	if (key[0] == RAW)
		return arena_strdup(a, key + 1);
	if (utf8)
		return text_is_utf8(key, strlen(key)) ? arena_strdup(a, key) : NULL;
	return imap_utf7_encode(a, key, false);
}

uint32_t
imap_uid(const char *key)
{
	uint64_t n;
	/* "017" is not the key of UID 17. */
	return key[0] != '0' && text_to_u64(key, &n) && n <= UINT32_MAX ? (uint32_t)n : 0;
}

static void
unselect(struct imap_conn *c)
{
	free(c->box.name);
	free(c->box.permanent);
	c->box = (struct imap_box){ .name = NULL };
}

static uint64_t
code_number(const char *code)
{
	const char *space = strchr(code, ' ');
	uint64_t n;
	return space && text_to_u64(space + 1, &n) ? n : 0;
}

/* What SELECT says. RFC 7162: lines before CLOSED are about the mailbox that was selected before. */
static enum err
on_select(void *ctx, struct imap_response *r)
{
	struct imap_conn *c = ctx;
	struct imap_box *box = &c->box;
	if (r->kind != RESP_STATE || r->status != STATUS_OK)
		return ERR_OK;
	if (imap_code_is(r->code, "CLOSED")) {
		box->exists = 0;
	} else if (imap_code_is(r->code, "UIDVALIDITY")) {
		box->validity = code_number(r->code);
	} else if (imap_code_is(r->code, "UIDNEXT")) {
		box->uidnext = code_number(r->code);
	} else if (imap_code_is(r->code, "HIGHESTMODSEQ")) {
		box->modseq = code_number(r->code);
	} else if (imap_code_is(r->code, "PERMANENTFLAGS")) {
		free(box->permanent);
		box->permanent = strdup(r->code);
		box->keywords = strstr(r->code, "\\*") != NULL;
	}
	return ERR_OK;
}

static enum err
on_last_uid(void *ctx, struct imap_response *r)
{
	if (r->kind == RESP_FETCH && r->fetch.uid >= *(uint64_t *)ctx)
		*(uint64_t *)ctx = (uint64_t)r->fetch.uid + 1;
	return ERR_OK;
}

/* Not every server says UIDNEXT with a SELECT (RFC 3501 came with it; Courier does not to this day). What the last mail suggests
 * goes back when that one is deleted, which a true one never does. */
static enum err
find_uidnext(struct imap_conn *c, const char *folder, struct error *e)
{
	struct imap_counts counts;
	enum err err = imap_status(c, folder, &counts, e);
	if (c->dead)
		return err;
	if (!err && counts.has & 2 && counts.uidnext > 0) {
		c->box.uidnext = counts.uidnext;
		return ERR_OK;
	}
	c->box.guessed = true;
	c->box.uidnext = 1;
	if (c->box.exists == 0)
		return ERR_OK;
	struct imap_run run = { .fn = on_last_uid, .ctx = &c->box.uidnext };
	struct imap_done done;
	err = imap_run(c, "FETCH * (UID)", &run, &done, e);
	return err ? err : imap_done_err(c, &done, "FETCH", ERR_UNAVAILABLE, e);
}

static enum err
open_box(struct imap_conn *c, const char *words, const char *folder, struct error *e)
{
	unselect(c);
	char *name = strdup(folder);
	if (!name)
		return err_set(e, ERR_NOMEM, "no memory");
	struct imap_run run = { .fn = on_select, .ctx = c };
	struct imap_done done;
	struct imap_cmd cmd AUTO(imap_cmd_finish) = { .c = c };
	imap_cmd_begin(&cmd, c, words);
	imap_cmd_mailbox(&cmd, folder);
	if (c->condstore && !(c->caps & CAP_ENABLE))
		imap_cmd_raw(&cmd, " (CONDSTORE)");
	enum err err = imap_cmd_run(&cmd, &run, &done, e);
	if (!err && done.status != STATUS_OK)
		err = imap_done_folder(c, &done, "SELECT", folder, e);
	if (err) {
		free(name);
		unselect(c);
		return err;
	}
	c->box.name = name;
	c->box.news = false;
	c->box.opened = imap_now();
	c->box.doubted = false;
	c->box.writable = !imap_code_is(done.code, "READ-ONLY");
	if (!c->condstore)
		c->box.modseq = 0;
	if (c->box.validity == 0 || c->box.validity > UINT32_MAX)
		return imap_conn_fail(c, ERR_PEER, "SELECT gives no usable UIDVALIDITY", e);
	return c->box.uidnext ? ERR_OK : find_uidnext(c, folder, e);
}

enum err
imap_select(struct imap_conn *c, const char *folder, bool fresh, struct error *e)
{
	if (!fresh && c->box.name && !c->box.examined && strcmp(c->box.name, folder) == 0)
		return ERR_OK;
	return open_box(c, "SELECT", folder, e);
}

enum err
imap_examine(struct imap_conn *c, const char *folder, struct error *e)
{
	enum err err = open_box(c, "EXAMINE", folder, e);
	c->box.examined = !err;
	c->box.writable = false;
	return err;
}

enum err
imap_deselect(struct imap_conn *c, struct error *e)
{
	if (!c->box.name)
		return ERR_OK;
	/* CLOSE expunges, unless the mailbox was opened by EXAMINE (RFC 3501 6.4.2). */
	bool unselects = (c->caps & CAP_UNSELECT) != 0;
	enum err err = unselects || c->box.examined ? ERR_OK : imap_examine(c, "INBOX", e);
	struct imap_done done;
	if (err)
		return err;
	unselect(c);
	return imap_run(c, unselects ? "UNSELECT" : "CLOSE", NULL, &done, e);
}

const char *
imap_status_items(const struct imap_conn *c)
{
	return c->condstore ? " (MESSAGES UIDNEXT UIDVALIDITY UNSEEN HIGHESTMODSEQ)" :
		" (MESSAGES UIDNEXT UIDVALIDITY UNSEEN)";
}

struct counting {
	struct imap_conn *c;
	const char *folder;
	struct imap_counts *counts;
};

static enum err
on_status(void *ctx, struct imap_response *r)
{
	struct counting *k = ctx;
	if (r->kind != RESP_STATUS)
		return ERR_OK;
	struct arena *a AUTO(arena_free) = arena_new(65536);
	const char *key = a ? imap_key_of(a, r->name, r->name_len, k->c->utf8) : NULL;
	if (key && strcmp(key, k->folder) == 0)
		*k->counts = r->counts;
	return ERR_OK;
}

enum err
imap_status(struct imap_conn *c, const char *folder, struct imap_counts *counts_r, struct error *e)
{
	*counts_r = (struct imap_counts){ .has = 0 };
	struct counting k = { c, folder, counts_r };
	struct imap_run run = { .fn = on_status, .ctx = &k };
	struct imap_done done;
	struct imap_cmd cmd AUTO(imap_cmd_finish) = { .c = c };
	imap_cmd_begin(&cmd, c, "STATUS");
	imap_cmd_mailbox(&cmd, folder);
	imap_cmd_raw(&cmd, imap_status_items(c));
	enum err err = imap_cmd_run(&cmd, &run, &done, e);
	if (err || done.status == STATUS_OK)
		return err;
	return imap_done_folder(c, &done, "STATUS", folder, e);
}
