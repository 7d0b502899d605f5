/* What changed: a fingerprint of the folder is the cursor, and where it differs everything is listed. For mail the times of the two
 * directories stand before it, so that nothing new costs two system calls; a time that is too young to be trusted is not.
 *
 * Cursors: "NEW.CUR.FINGERPRINT" (hex; the times are 0 where they are not to be trusted), within a listing "part.ID.OFFSET". */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "backend/local/local.h"
#include "base/hash.h"
#include "base/text.h"

#define FINDS_MAX 10
#define TRUST_NS 1000000000 /* a directory may change twice within one tick of its file system's clock */

void
listing_finish(struct listing *l)
{
	scan_finish(&l->scan);
	free(l->folder);
	l->folder = NULL;
	l->id = 0;
}

static uint64_t
fingerprint(const struct scan *s)
{
	uint64_t h = HASH_START;

	/* In the order of the keys, which scan_folder() gives. */
	for (size_t i = 0; i < s->n; i++)
		h = hash_text(hash_text(h, s->list[i].key), s->list[i].version);
	return h;
}

/* The time of the directory in ns, 0 where it is not to be trusted. */
static uint64_t
dir_time(int dir, const char *sub)
{
	struct timespec now;
	struct stat st;
	int64_t at;

	if (fstatat(dir, sub, &st, 0) < 0)
		return 0;
	clock_gettime(CLOCK_REALTIME, &now);
	at = (int64_t)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec;
	return at > 0 && at < (int64_t)now.tv_sec * 1000000000 + now.tv_nsec - TRUST_NS ? (uint64_t)at : 0;
}

static int
newest_first(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;

	if (x->date != y->date)
		return x->date < y->date ? 1 : -1;
	return strcmp(y->key, x->key);
}

static bool
get_date(int dir, struct entry *entry)
{
	char path[300];
	struct stat st;

	snprintf(path, sizeof path, "%s/%s", entry->sub, entry->name);
	if (fstatat(dir, path, &st, 0) < 0)
		return false;
	entry->date = st.st_mtim.tv_sec;
	return true;
}

/* A mail that was renamed since the folder was read, as flags are set: looked for under its new name. Where somebody is quicker than we
 * are each time, the time in its name has to do. False: it is gone. */
static bool
find_date(int dir, struct entry *entry)
{
	for (int i = 0; i < FINDS_MAX; i++) {
		AUTO(scan_finish) struct scan scan = { 0 };
		struct entry *now;

		if (scan_find(dir, BACKEND_MAIL, entry->key, &scan, &now, NULL))
			return false;
		if (get_date(dir, now)) {
			entry->date = now->date;
			return true;
		}
	}
	entry->date = (int64_t)strtoll(entry->key, NULL, 10);
	return true;
}

/* What is gone by now is left out of the listing. The fingerprint has it still, so the next look lists again. */
static void
add_dates(int dir, struct scan *s)
{
	size_t n = 0;

	for (size_t i = 0; i < s->n; i++) {
		if (get_date(dir, &s->list[i]) || find_date(dir, &s->list[i]))
			s->list[n++] = s->list[i];
	}
	s->n = n;
	if (n)
		qsort(s->list, n, sizeof *s->list, newest_first);
}

static enum err
give_part(struct backend_session *s, struct arena *a, size_t offset, size_t part, struct backend_changes *c, struct error *e)
{
	const struct listing *l = &s->listing;
	size_t left = l->scan.n - offset, n = left < part ? left : part;

	c->listing = true;
	c->list = arena_array(a, n, sizeof *c->list);
	if (!c->list)
		return err_set(e, ERR_NOMEM, "out of memory");
	for (size_t i = 0; i < n; i++) {
		const struct entry *entry = &l->scan.list[offset + i];
		struct backend_change *change = &c->list[i];

		change->key = arena_strdup(a, entry->key);
		change->version = arena_strdup(a, entry->version);
		change->date = entry->date;
		if (!change->key || !change->version)
			return err_set(e, ERR_NOMEM, "out of memory");
	}
	c->n = n;
	c->more = n < left;
	c->cursor = c->more ? arena_printf(a, "part.%u.%zu", l->id, offset + n) : arena_strdup(a, l->cursor);
	if (!c->cursor)
		return err_set(e, ERR_NOMEM, "out of memory");
	if (!c->more)
		listing_finish(&s->listing);
	return ERR_OK;
}

/* Is this the middle of the listing that the session has at hand? */
static bool
continues(const struct listing *l, const char *folder, const char *cursor, size_t *offset_r)
{
	char text[40];
	uint64_t offset;
	size_t n;

	if (!l->id || !cursor || strcmp(l->folder, folder) != 0)
		return false;
	n = (size_t)snprintf(text, sizeof text, "part.%u.", l->id);
	if (strncmp(cursor, text, n) != 0 || !text_to_u64(cursor + n, &offset) || offset > l->scan.n)
		return false;
	*offset_r = (size_t)offset;
	return true;
}

static enum err
nothing_changed(struct arena *a, const char *cursor, struct backend_changes *c, struct error *e)
{
	c->cursor = arena_strdup(a, cursor);
	return c->cursor ? ERR_OK : err_set(e, ERR_NOMEM, "out of memory");
}

static enum err
begin_listing(struct backend_session *s, struct arena *a, struct scan *scan, const char *folder, const char *cursor, size_t part,
	struct backend_changes *c, struct error *e)
{
	struct listing *l = &s->listing;

	listing_finish(l);
	l->folder = strdup(folder);
	if (!l->folder)
		return err_set(e, ERR_NOMEM, "out of memory");
	l->scan = *scan;
	memset(scan, 0, sizeof *scan);
	l->id = ++s->listings;
	snprintf(l->cursor, sizeof l->cursor, "%s", cursor);
	return give_part(s, a, 0, part, c, e);
}

enum err
local_changes(struct backend_session *s, struct arena *a, const char *folder, const char *cursor, size_t part,
	struct backend_changes *c_r, struct error *e)
{
	AUTO(scan_finish) struct scan scan = { 0 };
	AUTO_FD dir = -1;
	enum backend_class class;
	uint64_t times[2] = { 0, 0 };
	char now[96], head[64];
	size_t offset;
	enum err err;

	memset(c_r, 0, sizeof *c_r);
	if (part == 0)
		part = 1000;
	if (continues(&s->listing, folder, cursor, &offset))
		return give_part(s, a, offset, part, c_r, e);
	err = folder_open(s->root, folder, &class, &dir, e);
	if (err)
		return err;
	if (class == BACKEND_MAIL) {
		times[0] = dir_time(dir, "new");
		times[1] = dir_time(dir, "cur");
	}
	snprintf(head, sizeof head, "%llx.%llx.", (unsigned long long)times[0], (unsigned long long)times[1]);
	if (times[0] && times[1] && cursor && text_starts(cursor, head))
		return nothing_changed(a, cursor, c_r, e);
	err = scan_folder(dir, class, &scan, e);
	if (err)
		return err;
	snprintf(now, sizeof now, "%s%016llx", head, (unsigned long long)fingerprint(&scan));
	if (cursor && strrchr(cursor, '.') && strcmp(strrchr(cursor, '.'), strrchr(now, '.')) == 0 && !text_starts(cursor, "part."))
		return nothing_changed(a, now, c_r, e);
	if (class == BACKEND_MAIL)
		add_dates(dir, &scan);
	return begin_listing(s, a, &scan, folder, now, part, c_r, e);
}
