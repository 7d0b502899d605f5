/* Reading folders. A Maildir is read while others rename files in it, and a directory does not hold still for that: a file can be missed
 * that was there all along. So the directories are read again until two readings in a row agree, or nobody was at it. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "backend/local/local.h"
#include "base/text.h"

#define READINGS_MAX 6
#define SETTLED_NS 50000000 /* directories that were left alone for so long: their time would show a change */

void
scan_finish(struct scan *s)
{
	arena_free(&s->arena);
	free(s->list);
	memset(s, 0, sizeof *s);
}

struct entry *
scan_add(struct scan *s, const char *key, const char *name, const char *sub)
{
	struct entry *entry;

	if (!s->arena)
		s->arena = arena_new(0);
	if (s->n == s->room) {
		size_t room = s->room ? 2 * s->room : 64;
		struct entry *grown = realloc(s->list, room * sizeof *grown);

		if (!grown)
			return NULL;
		s->list = grown;
		s->room = room;
	}
	entry = &s->list[s->n];
	memset(entry, 0, sizeof *entry);
	entry->key = s->arena ? arena_strdup(s->arena, key) : NULL;
	entry->name = strcmp(key, name) == 0 ? entry->key : s->arena ? arena_strdup(s->arena, name) : NULL;
	entry->sub = sub;
	entry->date = BACKEND_NO_DATE;
	if (!entry->key || !entry->name)
		return NULL;
	s->n++;
	return entry;
}

/* ---- names of mail files: KEY or KEY:2,FLAGS ---- */

static size_t
key_length(const char *name)
{
	return strcspn(name, ":");
}

const char *
mail_version(struct arena *a, const char *name)
{
	const char *flags = strstr(name, ":2,");
	char *version;
	size_t n = 0;

	flags = flags ? flags + 3 : "";
	version = arena_alloc(a, strlen(flags) + 2);
	if (!version)
		return NULL;
	version[n++] = 'f';
	for (const char *p = flags; *p; p++) {
		size_t at = n;

		if (*p == ',' || memchr(version + 1, *p, n - 1))
			continue;
		for (; at > 1 && version[at - 1] > *p; at--)
			version[at] = version[at - 1];
		version[at] = *p;
		n++;
	}
	return n > BACKEND_VERSION_MAX ? NULL : version;
}

const char *
file_version(struct arena *a, const struct stat *st)
{
	return arena_printf(a, "%llx.%lx-%llx-%llx", (unsigned long long)st->st_mtim.tv_sec, (unsigned long)st->st_mtim.tv_nsec,
		(unsigned long long)st->st_size, (unsigned long long)st->st_ino);
}

/* ---- Maildir ---- */

static enum err
read_sub(int dir, const char *sub, struct scan *s, struct error *e)
{
	int fd = openat(dir, sub, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;
	char key[256];
	bool failed = false;

	if (!d) {
		enum err err = errno_err(e, ERR_NOFOLDER, "reading a mail folder");

		if (fd >= 0)
			close(fd);
		return err;
	}
	while (!failed && (entry = readdir(d)) != NULL) {
		size_t n = key_length(entry->d_name);

		if (entry->d_name[0] == '.' || n == 0 || n >= sizeof key || entry->d_type == DT_DIR)
			continue;
		memcpy(key, entry->d_name, n);
		key[n] = 0;
		failed = !scan_add(s, key, entry->d_name, sub);
	}
	closedir(d);
	return failed ? err_set(e, ERR_NOMEM, "out of memory") : ERR_OK;
}

/* By key; of two with one key the one in cur first, which new must have been moved to meanwhile. */
static int
by_key(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;
	int order = strcmp(x->key, y->key);

	return order ? order : strcmp(x->sub, y->sub);
}

static void
sort_unique(struct scan *s)
{
	size_t n = 0;

	if (s->n)
		qsort(s->list, s->n, sizeof *s->list, by_key);
	for (size_t i = 0; i < s->n; i++) {
		if (n == 0 || strcmp(s->list[n - 1].key, s->list[i].key) != 0)
			s->list[n++] = s->list[i];
	}
	s->n = n;
}

static int64_t
ns_of(const struct timespec *t)
{
	return (int64_t)t->tv_sec * 1000000000 + t->tv_nsec;
}

/* Nobody has been at the directories lately. */
static bool
settled(int dir, enum backend_class class)
{
	static const char *const mail[] = { "new", "cur", NULL }, *const other[] = { ".", NULL };
	struct timespec now;
	struct stat st;

	clock_gettime(CLOCK_REALTIME, &now);
	for (const char *const *sub = class == BACKEND_MAIL ? mail : other; *sub; sub++) {
		if (fstatat(dir, *sub, &st, 0) < 0 || ns_of(&st.st_mtim) > ns_of(&now) - SETTLED_NS)
			return false;
	}
	return true;
}

static bool
same_files(const struct scan *a, const struct scan *b)
{
	bool same = a->n == b->n;

	for (size_t i = 0; same && i < a->n; i++)
		same = strcmp(a->list[i].key, b->list[i].key) == 0 && strcmp(a->list[i].name, b->list[i].name) == 0;
	return same;
}

/* What only the earlier reading saw may have been missed by the later one: it is kept. If it is gone, the next look shows that. */
static enum err
join(struct scan *into, const struct scan *from, struct error *e)
{
	size_t n = into->n;

	for (size_t i = 0; i < from->n; i++) {
		const struct entry *old = &from->list[i];
		struct entry *added;

		if (n && bsearch(old, into->list, n, sizeof *old, by_key))
			continue;
		added = scan_add(into, old->key, old->name, old->sub);
		if (added && old->version)
			added->version = arena_strdup(into->arena, old->version);
		if (!added || (old->version && !added->version))
			return err_set(e, ERR_NOMEM, "out of memory");
	}
	sort_unique(into);
	return ERR_OK;
}

static enum err
read_maildir(int dir, struct scan *s, struct error *e)
{
	/* new before cur: what moves meanwhile is seen twice rather than not at all. */
	enum err err = read_sub(dir, "new", s, e);

	if (!err)
		err = read_sub(dir, "cur", s, e);
	return err;
}

/* ---- vdir ---- */

static enum err
add_file(int dir, const char *name, struct scan *s, struct error *e)
{
	struct entry *entry;
	struct stat st;

	if (fstatat(dir, name, &st, 0) < 0 || !S_ISREG(st.st_mode))
		return ERR_OK;
	entry = scan_add(s, name, name, ".");
	if (entry)
		entry->version = file_version(s->arena, &st);
	return entry && entry->version ? ERR_OK : err_set(e, ERR_NOMEM, "out of memory");
}

static enum err
read_vdir(int dir, enum backend_class class, struct scan *s, struct error *e)
{
	int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;
	enum err err = ERR_OK;

	if (!d) {
		err = errno_err(e, ERR_NOFOLDER, "reading a folder");
		if (fd >= 0)
			close(fd);
		return err;
	}
	while (!err && (entry = readdir(d)) != NULL) {
		if (entry->d_name[0] != '.' && text_ends(entry->d_name, class_extension(class)))
			err = add_file(dir, entry->d_name, s, e);
	}
	closedir(d);
	return err;
}

/* ---- readings that agree ---- */

static enum err
read_once(int dir, enum backend_class class, struct scan *s, struct error *e)
{
	enum err err = class == BACKEND_MAIL ? read_maildir(dir, s, e) : read_vdir(dir, class, s, e);

	sort_unique(s);
	return err;
}

static void
swap(struct scan *a, struct scan *b)
{
	struct scan was = *a;

	*a = *b;
	*b = was;
}

static enum err
read_until_sure(int dir, enum backend_class class, struct scan *s, struct error *e)
{
	bool quiet = settled(dir, class);
	enum err err = read_once(dir, class, s, e);

	for (int i = 1; !err && i < READINGS_MAX && !(quiet && settled(dir, class)); i++) {
		AUTO(scan_finish) struct scan again = { 0 };
		bool same;

		err = read_once(dir, class, &again, e);
		if (err)
			break;
		same = same_files(s, &again);
		if (!same && i == READINGS_MAX - 1)
			err = join(&again, s, e);
		swap(s, &again);
		if (same)
			break;
	}
	return err;
}

enum err
scan_folder(int dir, enum backend_class class, struct scan *s, struct error *e)
{
	enum err err = read_until_sure(dir, class, s, e);

	for (size_t i = 0; !err && class == BACKEND_MAIL && i < s->n; i++) {
		s->list[i].version = mail_version(s->arena, s->list[i].name);
		if (!s->list[i].version)
			err = err_set(e, ERR_NOMEM, "out of memory");
	}
	return err;
}

/* ---- one item ---- */

/* Most mails have one of a few names. */
static struct entry *
guess(int dir, const char *key, struct scan *s)
{
	static const char *const usual[] = { ":2,S", ":2,", ":2,RS", ":2,FS", "" };
	char path[300];

	for (size_t i = 0; i < ARRAY_LEN(usual); i++) {
		const char *sub = usual[i][0] ? "cur" : "new";

		if ((size_t)snprintf(path, sizeof path, "%s/%s%s", sub, key, usual[i]) < sizeof path &&
			faccessat(dir, path, F_OK, 0) == 0)
			return scan_add(s, key, path + strlen(sub) + 1, sub);
	}
	return NULL;
}

static enum err
find_mail(int dir, const char *key, struct scan *s, struct entry **entry_r, struct error *e)
{
	struct entry wanted = { .key = key, .sub = "" };
	enum err err;

	*entry_r = guess(dir, key, s);
	if (!*entry_r) {
		scan_finish(s);
		err = scan_folder(dir, BACKEND_MAIL, s, e);
		if (err)
			return err;
		for (size_t i = 0; i < s->n && !*entry_r; i++) {
			if (strcmp(s->list[i].key, wanted.key) == 0)
				*entry_r = &s->list[i];
		}
	}
	if (!*entry_r)
		return err_set(e, ERR_NOTFOUND, "no such mail");
	(*entry_r)->version = mail_version(s->arena, (*entry_r)->name);
	return (*entry_r)->version ? ERR_OK : err_set(e, ERR_NOMEM, "out of memory");
}

enum err
scan_find(int dir, enum backend_class class, const char *key, struct scan *s, struct entry **entry_r, struct error *e)
{
	enum err err;

	*entry_r = NULL;
	if (!*key || *key == '.' || strpbrk(key, "/:") || strlen(key) > 250)
		return err_set(e, ERR_NOTFOUND, "no such item");
	if (class == BACKEND_MAIL)
		return find_mail(dir, key, s, entry_r, e);
	if (!text_ends(key, class_extension(class)))
		return err_set(e, ERR_NOTFOUND, "no such item");
	err = add_file(dir, key, s, e);
	if (!err && s->n == 0)
		err = err_set(e, ERR_NOTFOUND, "no such item");
	if (!err)
		*entry_r = &s->list[s->n - 1];
	return err;
}
