/* Handing over items. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backend/local/local.h"

#define FINDS_MAX 10
#define MANY 8 /* from so many mails on, one reading of the folder is cheaper than guessing each one's name */

/* Mail comes with its lines ended by CRLF, as RFC 5322 says and every IMAP server gives it; files mostly have LF alone. */
static void
crlf(struct buf *b)
{
	size_t bare = 0, from, to;

	for (size_t i = 0; i < b->len; i++)
		bare += b->data[i] == '\n' && (i == 0 || b->data[i - 1] != '\r');
	if (bare == 0 || !buf_reserve(b, bare))
		return;
	from = b->len;
	to = b->len + bare;
	b->len = to;
	while (from > 0 && to > from) {
		b->data[--to] = b->data[--from];
		if (b->data[to] == '\n' && (from == 0 || b->data[from - 1] != '\r'))
			b->data[--to] = '\r';
	}
}

enum err
read_item(int dir, const struct entry *entry, bool mail, uint64_t max, struct buf *out, struct error *e)
{
	AUTO_FD fd = -1;
	char path[300];
	struct stat st;
	ssize_t n = 1;

	snprintf(path, sizeof path, "%s/%s", entry->sub, entry->name);
	fd = openat(dir, path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		return errno_err(e, ERR_NOTFOUND, "reading an item");
	if (st.st_size < 0 || (uint64_t)st.st_size > max)
		return err_set(e, ERR_LIMIT, "an item of %lld bytes", (long long)st.st_size);
	while (n > 0) {
		size_t want = out->len < (size_t)st.st_size ? (size_t)st.st_size - out->len : 1;
		unsigned char *room = buf_reserve(out, want);

		if (!room)
			return err_set(e, ERR_NOMEM, "out of memory");
		n = read(fd, room, want);
		if (n < 0 && errno != EINTR)
			return errno_err(e, ERR_UNAVAILABLE, "reading an item");
		if (n > 0)
			out->len += (size_t)n;
		if (out->len > max)
			return err_set(e, ERR_LIMIT, "an item that grows");
		n = n < 0 ? 1 : n;
	}
	if (mail)
		crlf(out);
	return buf_ok(out) ? ERR_OK : err_set(e, ERR_NOMEM, "out of memory");
}

struct fetching {
	const struct backend_fetch *what;
	uint64_t item_max;
	enum backend_class class;
	int dir;
	struct keywords keywords;
	struct arena *arena;
	struct buf bytes;
};

static uint64_t
limit(const struct fetching *f)
{
	return f->what->bytes_max && f->what->bytes_max < f->item_max ? f->what->bytes_max : f->item_max;
}

/* Fills in the item; what is wrong with it alone goes into item->err. */
static enum err
fill(struct fetching *f, struct entry *entry, struct backend_item *item, struct error *e)
{
	char path[300];
	struct stat st;

	snprintf(path, sizeof path, "%s/%s", entry->sub, entry->name);
	if (fstatat(f->dir, path, &st, 0) < 0)
		return errno_err(e, ERR_NOTFOUND, "reading an item");
	item->size = (uint64_t)st.st_size;
	item->version = entry->version;
	if (f->class == BACKEND_MAIL) {
		item->date = st.st_mtim.tv_sec;
		mail_flags(f->arena, &f->keywords, entry->version, &item->flags, &item->keywords);
	} else {
		item->version = file_version(f->arena, &st);
	}
	if (!item->version)
		return err_set(e, ERR_NOMEM, "out of memory");
	if (f->what->want != WANT_BYTES)
		return ERR_OK;
	buf_reset(&f->bytes);
	item->err = read_item(f->dir, entry, f->class == BACKEND_MAIL, limit(f), &f->bytes, e);
	if (!item->err)
		item->bytes = buf_slice(&f->bytes);
	return item->err == ERR_LIMIT ? ERR_OK : item->err;
}

/* One item whose file is looked for; renamed under our hands, it is looked for again. */
static enum err
fetch_one(struct fetching *f, const char *key, struct entry *known, bool surely_gone, struct backend_item *item, struct error *e)
{
	enum err err = known ? fill(f, known, item, e) : ERR_NOTFOUND;

	for (int tries = 0; err == ERR_NOTFOUND && !surely_gone && tries < FINDS_MAX; tries++) {
		AUTO(scan_finish) struct scan scan = { 0 };
		struct entry *entry;

		err = scan_find(f->dir, f->class, key, &scan, &entry, e);
		if (err)
			break;
		if (tries == FINDS_MAX - 1)
			return err_set(e, ERR_UNAVAILABLE, "a file is renamed all the time");
		err = fill(f, entry, item, e);
		if (!err && item->version == entry->version)
			item->version = arena_strdup(f->arena, entry->version);
		if (!err && !item->version)
			err = err_set(e, ERR_NOMEM, "out of memory");
	}
	item->err = err == ERR_NOTFOUND ? ERR_NOTFOUND : item->err;
	return err == ERR_NOTFOUND ? ERR_OK : err;
}

static int
by_key(const void *key, const void *entry)
{
	return strcmp(key, ((const struct entry *)entry)->key);
}

static enum err
fetch_all(struct fetching *f, const struct scan *scan, backend_item_fn fn, void *ctx, struct error *e)
{
	bool given = false;
	enum err err = ERR_OK;

	for (size_t i = 0; !err && i < f->what->n && !(given && f->what->room && f->what->room(ctx) == 0); i++) {
		const char *key = f->what->keys[i];
		struct entry *known = scan->n ? bsearch(key, scan->list, scan->n, sizeof *known, by_key) : NULL;
		struct backend_item item = { .key = key, .date = BACKEND_NO_DATE };
		struct arena_mark mark = arena_mark(f->arena);

		err = fetch_one(f, key, known, scan->n > 0 && !known, &item, e);
		given = given || item.bytes.len;
		if (!err)
			err = fn(ctx, &item);
		arena_rewind(f->arena, mark);
	}
	return err;
}

enum err
local_fetch(struct backend_session *s, const struct backend_fetch *what, backend_item_fn fn, void *ctx, struct error *e)
{
	AUTO(scan_finish) struct scan scan = { 0 };
	AUTO(arena_free) struct arena *a = arena_new(0);
	AUTO_FD dir = -1;
	struct fetching f = { .what = what, .item_max = s->backend->set.item_max, .arena = a };
	enum err err;

	if (!a)
		return err_set(e, ERR_NOMEM, "out of memory");
	err = folder_open(s->root, what->folder, &f.class, &dir, e);
	f.dir = dir;
	if (!err && f.class == BACKEND_MAIL) {
		keywords_read(a, dir, &f.keywords);
		if (what->n >= MANY)
			err = scan_folder(dir, f.class, &scan, e);
	}
	if (err)
		return err;
	buf_init(&f.bytes, 0);
	err = fetch_all(&f, &scan, fn, ctx, e);
	buf_finish(&f.bytes);
	return err;
}
