#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "backend/imap/mailbox.h"
#include "base/text.h"


static enum err
on_found(void *ctx, struct imap_response *r)
{
	struct imap_uidset *set = ctx;
	if (r->kind != RESP_SEARCH)
		return ERR_OK;
	for (size_t i = 0; i < r->set.n; i++)
		imap_uidset_add(set, r->set.list[i].lo, r->set.list[i].hi);
	return set->failed ? ERR_LIMIT : ERR_OK;
}

static bool
is_ascii(const char *s)
{
	for (; s && *s; s++) {
		if ((unsigned char)*s >= 0x80)
			return false;
	}
	return true;
}

/* The longest run of ASCII in the text, for servers that know no other charset; NULL: too short to find anything by. */
static const char *
ascii_part(struct arena *a, const char *s)
{
	size_t best = 0, at = 0;
	for (size_t i = 0; s[i];) {
		size_t n = 0;
		while (s[i + n] && (unsigned char)s[i + n] < 0x80)
			n++;
		if (n > best) {
			best = n;
			at = i;
		}
		i += n + (s[i + n] != '\0');
	}
	return best >= 3 ? arena_strndup(a, s + at, best) : NULL;
}

/* Is this nothing that such servers can be asked for, not even a part of it? */
static bool
is_beyond(struct arena *a, const char *text)
{
	return text && !is_ascii(text) && !ascii_part(a, text);
}

static void
criterion(struct imap_cmd *cmd, struct arena *a, const char *word, const char *text, bool ascii)
{
	if (!text || !text[0])
		return;
	if (ascii && !is_ascii(text) && !(text = ascii_part(a, text))) {
		cmd->invalid = true;
		return;
	}
	imap_cmd_raw(cmd, word);
	imap_cmd_string(cmd, text);
}

static void
day(struct imap_cmd *cmd, const char *word, int64_t when)
{
	static const char months[12][4] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov",
		"Dec" };
	time_t t = (time_t)when;
	struct tm tm;
	if (when != BACKEND_NO_DATE && gmtime_r(&t, &tm) && tm.tm_year >= 0 && tm.tm_year < 8000)
		imap_cmd_printf(cmd, " %s %d-%s-%04d", word, tm.tm_mday, months[tm.tm_mon], tm.tm_year + 1900);
}

static enum err
ask(struct imap_conn *c, struct arena *a, const struct backend_query *q, bool ascii, struct imap_uidset *set,
	struct imap_done *done_r, struct error *e)
{
	struct imap_run run = { .fn = on_found, .ctx = set };
	struct imap_cmd cmd AUTO(imap_cmd_finish) = { .c = c };
	bool plain = is_ascii(q->text) && is_ascii(q->from) && is_ascii(q->to) && is_ascii(q->subject);
	/* RFC 6855: no CHARSET once UTF8=ACCEPT is enabled. */
	imap_cmd_begin(&cmd, c, plain || ascii || c->utf8 ? "UID SEARCH" : "UID SEARCH CHARSET UTF-8");
	imap_cmd_raw(&cmd, " UNDELETED");
	day(&cmd, "SINCE", q->since);
	/* BEFORE leaves the day itself out; hours are not its business. */
	day(&cmd, "BEFORE", q->before == BACKEND_NO_DATE ? q->before : q->before + 86400);
	criterion(&cmd, a, " FROM", q->from, ascii);
	criterion(&cmd, a, " TO", q->to, ascii);
	criterion(&cmd, a, " SUBJECT", q->subject, ascii);
	criterion(&cmd, a, " TEXT", q->text, ascii);
	return imap_cmd_run(&cmd, &run, done_r, e);
}

static int
by_lo(const void *a, const void *b)
{
	uint32_t x = ((const struct imap_range *)a)->lo, y = ((const struct imap_range *)b)->lo;
	return x < y ? 1 : x > y ? -1 : 0;
}

static enum err
newest(struct arena *a, struct imap_uidset *set, unsigned max, struct backend_keys *keys_r, struct error *e)
{
	uint64_t n = imap_uidset_count(set);
	if (max && n > max)
		n = max;
	keys_r->list = n <= 1000000 ? arena_array(a, (size_t)n + 1, sizeof *keys_r->list) : NULL;
	if (!keys_r->list)
		return err_set(e, ERR_NOMEM, "no memory for what was found");
	if (set->n > 1)
		qsort(set->list, set->n, sizeof *set->list, by_lo);
	for (size_t i = 0; i < set->n; i++) {
		for (uint64_t uid = set->list[i].hi; uid >= set->list[i].lo && uid > 0 && keys_r->n < n; uid--) {
			if (!(keys_r->list[keys_r->n++] = arena_printf(a, "%llu", (unsigned long long)uid)))
				return err_set(e, ERR_NOMEM, "no memory for what was found");
		}
	}
	return ERR_OK;
}

enum err
imap_search(struct backend_session *s, struct arena *a, const struct backend_query *q, struct backend_keys *keys_r,
	struct error *e)
{
	*keys_r = (struct backend_keys){ NULL, 0 };
	struct imap_uidset set AUTO(imap_uidset_finish) = { NULL, 0, 0, false };
	struct imap_conn *c;
	struct imap_done done;
	enum err err = imap_session_select(s, q->folder, &c, e);
	/* A search does not see what was not announced yet. */
	err = err ? err : imap_run(c, "NOOP", NULL, &done, e);
	err = err ? err : ask(c, a, q, false, &set, &done, e);
	if (!err && done.status != STATUS_OK) {
		if (is_beyond(a, q->from) || is_beyond(a, q->to) || is_beyond(a, q->subject) || is_beyond(a, q->text))
			return ERR_OK;
		imap_uidset_finish(&set);
		err = ask(c, a, q, true, &set, &done, e);
	}
	err = err ? err : imap_done_err(c, &done, "SEARCH", ERR_UNSUPPORTED, e);
	return err ? err : newest(a, &set, q->max, keys_r, e);
}

enum err
imap_mark(struct backend_session *s, struct arena *a, const char *folder, const char **mark_r, struct error *e)
{
	struct imap_conn *c;
	struct imap_counts n;
	enum err err = imap_session_conn(s, &c, e);
	err = err ? err : imap_status(c, folder, &n, e);
	if (err)
		return err;
	*mark_r = arena_printf(a, "%llu %llu", (unsigned long long)n.uidvalidity, (unsigned long long)n.uidnext);
	return *mark_r ? ERR_OK : err_set(e, ERR_NOMEM, "no memory");
}

/* "VALIDITY UIDNEXT"; 1 where the mark does not belong to this mailbox any more. */
static uint64_t
first_uid(const struct imap_conn *c, const char *mark)
{
	char text[48];
	size_t n = mark ? strlen(mark) : 0;
	uint64_t validity, uidnext;
	if (n == 0 || n >= sizeof text)
		return 1;
	memcpy(text, mark, n + 1);
	char *space = strchr(text, ' ');
	if (!space)
		return 1;
	*space = '\0';
	if (!text_to_u64(text, &validity) || !text_to_u64(space + 1, &uidnext) || validity != c->box.validity)
		return 1;
	return uidnext > 0 && uidnext <= UINT32_MAX ? uidnext : 1;
}

enum err
imap_find(struct backend_session *s, struct arena *a, const char *folder, const char *message_id, const char *after,
	struct backend_stored *found_r, struct error *e)
{
	*found_r = (struct backend_stored){ "", "" };
	struct imap_uidset set AUTO(imap_uidset_finish) = { NULL, 0, 0, false };
	struct imap_run run = { .fn = on_found, .ctx = &set };
	struct imap_conn *c;
	struct imap_done done;
	enum err err = imap_session_select(s, folder, &c, e);
	err = err ? err : imap_run(c, "NOOP", NULL, &done, e);
	if (err)
		return err;
	uint64_t first = first_uid(c, after);
	struct imap_cmd cmd AUTO(imap_cmd_finish) = { .c = c };
	imap_cmd_begin(&cmd, c, "UID SEARCH");
	imap_cmd_printf(&cmd, " UID %llu:* UNDELETED HEADER Message-ID", (unsigned long long)first);
	imap_cmd_string(&cmd, message_id);
	err = imap_cmd_run(&cmd, &run, &done, e);
	err = err ? err : imap_done_err(c, &done, "SEARCH", ERR_UNSUPPORTED, e);
	if (err)
		return err;
	/* "n:*" also matches the last mail where that lies below n. */
	uint32_t uid = 0;
	for (size_t i = 0; i < set.n; i++) {
		if (set.list[i].hi >= first && set.list[i].hi > uid)
			uid = set.list[i].hi;
	}
	if (!uid)
		return err_set(e, ERR_NOTFOUND, "%s: no such Message-ID in the folder", s->b->host);
	found_r->key = arena_printf(a, "%u", uid);
	return found_r->key ? ERR_OK : err_set(e, ERR_NOMEM, "no memory");
}
