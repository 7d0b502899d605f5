/* Finding mails by Message-ID, and searching. A mail's name begins with the time at which it came here, which is what a mark is. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "backend/local/local.h"
#include "base/text.h"

#define HEADER_MAX (256 * 1024)

/* ---- header fields ---- */

/* The value of the field, unfolded, in a; NULL if there is none. bytes begin with the header. */
static char *
field(struct arena *a, struct slice bytes, const char *name)
{
	const char *p = (const char *)bytes.ptr, *stop = p + bytes.len;
	size_t n = strlen(name);

	while (p < stop && *p != '\r' && *p != '\n') {
		const char *end = memchr(p, '\n', (size_t)(stop - p));
		char *value;
		size_t len = 0;

		end = end ? end + 1 : stop;
		while (end < stop && (*end == ' ' || *end == '\t')) {
			const char *next = memchr(end, '\n', (size_t)(stop - end));

			end = next ? next + 1 : stop;
		}
		if ((size_t)(end - p) <= n || text_ncasecmp(p, name, n) != 0 || p[n] != ':') {
			p = end;
			continue;
		}
		value = arena_strndup(a, p + n + 1, (size_t)(end - p) - n - 1);
		for (char *c = value; value && *c; c++) {
			if (*c != '\r' && *c != '\n' && (len || *c != ' '))
				value[len++] = *c;
		}
		while (len && (value[len - 1] == ' ' || value[len - 1] == '\t'))
			len--;
		if (value)
			value[len] = 0;
		return value;
	}
	return NULL;
}

/* Anywhere, without regard to the case of ASCII. */
static bool
contains(struct slice in, const char *what)
{
	size_t n = strlen(what);

	for (size_t i = 0; n && i + n <= in.len; i++) {
		if (text_ncasecmp((const char *)in.ptr + i, what, n) == 0)
			return true;
	}
	return n == 0;
}

/* ---- mark and find ---- */

/* Microseconds since 1970 out of a name: "SECONDS.M123456P...", or of the whole second, rounded up. 0: another kind of name. */
static uint64_t
name_time(const char *key)
{
	char *end;
	unsigned long long seconds = strtoull(key, &end, 10), micro = 999999;

	if (end == key || *end != '.')
		return 0;
	if (end[1] == 'M' && end[2] >= '0' && end[2] <= '9')
		micro = strtoull(end + 2, NULL, 10) % 1000000;
	return seconds * 1000000 + micro;
}

static enum err
open_mail(struct backend_session *s, const char *folder, int *dir_r, struct error *e)
{
	enum backend_class class;
	enum err err = folder_open(s->root, folder, &class, dir_r, e);

	if (!err && class != BACKEND_MAIL)
		err = err_set(e, ERR_UNSUPPORTED, "only mail is found by Message-ID");
	return err;
}

enum err
local_mark(struct backend_session *s, struct arena *a, const char *folder, const char **mark_r, struct error *e)
{
	AUTO_FD dir = -1;
	struct timespec now;
	enum err err = open_mail(s, folder, &dir, e);

	if (err)
		return err;
	clock_gettime(CLOCK_REALTIME, &now);
	*mark_r = arena_printf(a, "%lld", (long long)now.tv_sec * 1000000 + now.tv_nsec / 1000);
	return *mark_r ? ERR_OK : err_set(e, ERR_NOMEM, "out of memory");
}

static bool
has_id(struct arena *a, int dir, const struct entry *entry, const char *message_id, struct buf *bytes)
{
	struct arena_mark mark = arena_mark(a);
	char *value;
	bool yes;

	buf_reset(bytes);
	if (read_item(dir, entry, false, 64 << 20, bytes, NULL))
		return false;
	value = field(a, slice(bytes->data, bytes->len < HEADER_MAX ? bytes->len : HEADER_MAX), "Message-ID");
	yes = value && strcmp(value, message_id) == 0;
	arena_rewind(a, mark);
	return yes;
}

enum err
local_find(struct backend_session *s, struct arena *a, const char *folder, const char *message_id, const char *after,
	struct backend_stored *found_r, struct error *e)
{
	AUTO(scan_finish) struct scan scan = { 0 };
	AUTO_FD dir = -1;
	struct buf bytes;
	uint64_t since = 0;
	enum err err = open_mail(s, folder, &dir, e);

	*found_r = (struct backend_stored){ "", "" };
	if (!err && after && !text_to_u64(after, &since))
		err = err_set(e, ERR_INVALID, "no mark of ours");
	if (!err)
		err = scan_folder(dir, BACKEND_MAIL, &scan, e);
	if (err)
		return err;
	buf_init(&bytes, 0);
	err = ERR_NOTFOUND;
	for (size_t i = scan.n; err == ERR_NOTFOUND && i > 0; i--) {
		const struct entry *entry = &scan.list[i - 1];

		if (since && name_time(entry->key) && name_time(entry->key) < since)
			continue;
		if (!has_id(a, dir, entry, message_id, &bytes))
			continue;
		found_r->key = arena_strdup(a, entry->key);
		found_r->version = arena_strdup(a, entry->version);
		err = found_r->key && found_r->version ? ERR_OK : ERR_NOMEM;
	}
	buf_finish(&bytes);
	return err ? err_set(e, err, "no mail has this Message-ID") : ERR_OK;
}

/* ---- search ---- */

static bool
field_contains(struct arena *a, struct slice bytes, const char *name, const char *what)
{
	const char *value = what ? field(a, bytes, name) : NULL;

	return !what || (value && contains(slice_str(value), what));
}

static bool
matches(struct arena *a, const struct backend_query *q, bool mail, struct slice bytes)
{
	struct arena_mark mark = arena_mark(a);
	bool yes = !q->text || contains(bytes, q->text);

	if (mail)
		yes = yes && field_contains(a, bytes, "From", q->from) && field_contains(a, bytes, "Subject", q->subject) &&
			(field_contains(a, bytes, "To", q->to) || field_contains(a, bytes, "Cc", q->to));
	arena_rewind(a, mark);
	return yes;
}

static int
newest_first(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;

	if (x->date != y->date)
		return x->date < y->date ? 1 : -1;
	return strcmp(y->key, x->key);
}

static void
add_dates(int dir, struct scan *scan)
{
	for (size_t i = 0; i < scan->n; i++) {
		char path[300];
		struct stat st;

		snprintf(path, sizeof path, "%s/%s", scan->list[i].sub, scan->list[i].name);
		scan->list[i].date = fstatat(dir, path, &st, 0) == 0 ? st.st_mtim.tv_sec : 0;
	}
	if (scan->n)
		qsort(scan->list, scan->n, sizeof *scan->list, newest_first);
}

enum err
local_search(struct backend_session *s, struct arena *a, const struct backend_query *q, struct backend_keys *keys_r, struct error *e)
{
	AUTO(scan_finish) struct scan scan = { 0 };
	AUTO_FD dir = -1;
	enum backend_class class;
	struct buf bytes;
	enum err err = folder_open(s->root, q->folder, &class, &dir, e);

	memset(keys_r, 0, sizeof *keys_r);
	if (!err && class != BACKEND_MAIL && (q->from || q->to || q->subject))
		err = err_set(e, ERR_UNSUPPORTED, "only mail has senders and subjects");
	if (!err)
		err = scan_folder(dir, class, &scan, e);
	if (err)
		return err;
	add_dates(dir, &scan);
	keys_r->list = arena_array(a, scan.n < q->max ? scan.n : q->max, sizeof *keys_r->list);
	buf_init(&bytes, 0);
	for (size_t i = 0; keys_r->list && i < scan.n && keys_r->n < q->max; i++) {
		const struct entry *entry = &scan.list[i];

		if ((q->since != BACKEND_NO_DATE && entry->date < q->since) || (q->before != BACKEND_NO_DATE && entry->date >= q->before))
			continue;
		buf_reset(&bytes);
		if (read_item(dir, entry, false, s->backend->set.item_max, &bytes, NULL) ||
			!matches(a, q, class == BACKEND_MAIL, buf_slice(&bytes)))
			continue;
		keys_r->list[keys_r->n] = arena_strdup(a, entry->key);
		if (!keys_r->list[keys_r->n++])
			err = ERR_NOMEM;
	}
	buf_finish(&bytes);
	return err || !keys_r->list ? err_set(e, ERR_NOMEM, "out of memory") : ERR_OK;
}
