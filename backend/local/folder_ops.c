/* Making, renaming and removing folders. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "backend/local/local.h"
#include "base/text.h"

/* ---- mail ---- */

/* The key of a mail folder of that name below parent. INVALID names are those that cannot be written down. */
static enum err
mail_key(struct arena *a, const char *parent, const char *name, const char **key_r, struct error *e)
{
	char *encoded = name_encode(a, name, NAME_FOLDER);
	const char *above = "mail/";

	if (!encoded)
		return err_set(e, ERR_INVALID, "no such folder name is possible");
	if (parent)
		above = strcmp(parent, "mail") == 0 ? "mail/.INBOX" : parent;
	*key_r = arena_printf(a, "%s.%s", above, encoded);
	if (!*key_r)
		return err_set(e, ERR_NOMEM, "out of memory");
	if (strlen(*key_r) > 240)
		return err_set(e, ERR_INVALID, "the folder name is too long");
	return ERR_OK;
}

static bool
is_there(int root, const char *key)
{
	char path[300];

	snprintf(path, sizeof path, "%s/cur", key);
	return faccessat(root, path, F_OK, 0) == 0;
}

static enum err
make_mail(struct backend_session *s, struct arena *a, const char *parent, const char *name, const char **key_r, struct error *e)
{
	AUTO_FD mail = -1;
	enum err err;

	if (!parent && text_casecmp(name, "INBOX") == 0) {
		*key_r = "mail";
		return err_set(e, ERR_EXISTS, "the Inbox is there");
	}
	err = mail_key(a, parent, name, key_r, e);
	if (err)
		return err;
	if (is_there(s->root, *key_r))
		return err_set(e, ERR_EXISTS, "the folder is there");
	mail = openat(s->root, "mail", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (mail < 0)
		return errno_err(e, ERR_NOFOLDER, "making a folder");
	err = maildir_make(mail, *key_r + strlen("mail/"), e);
	return err ? err : sync_dir(mail, ".", e);
}

/* Calls fn for each folder below the key, with its whole key. */
static enum err
each_below(int root, const char *key, enum err (*fn)(void *ctx, const char *below), void *ctx, struct error *e)
{
	int fd = openat(root, "mail", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	const char *name = key + strlen("mail/");
	size_t n = strlen(name);
	struct dirent *entry;
	enum err err = ERR_OK;
	char below[300];

	if (!d) {
		if (fd >= 0)
			close(fd);
		return errno_err(e, ERR_NOFOLDER, "reading the folders");
	}
	while (!err && (entry = readdir(d)) != NULL) {
		if (strncmp(entry->d_name, name, n) != 0 || entry->d_name[n] != '.' || !entry->d_name[n + 1])
			continue;
		snprintf(below, sizeof below, "mail/%s", entry->d_name);
		err = fn(ctx, below);
	}
	closedir(d);
	return err;
}

struct renaming {
	int root;
	const char *from, *to;
	struct error *e;
	size_t n;
};

static enum err
rename_below(void *ctx, const char *below)
{
	struct renaming *r = ctx;
	char to[600];

	snprintf(to, sizeof to, "%s%s", r->to, below + strlen(r->from));
	r->n++;
	if (renameat(r->root, below, r->root, to) == 0 || errno == ENOENT)
		return ERR_OK;
	return errno_err(r->e, ERR_NOFOLDER, "renaming a folder");
}

static enum err
rename_mail(struct backend_session *s, struct arena *a, const char *key, const char *parent, const char *name, const char **key_r,
	struct error *e)
{
	struct renaming r = { .root = s->root, .from = key, .e = e };
	size_t n = strlen(key);
	enum err err;

	if (strcmp(key, "mail") == 0)
		return err_set(e, ERR_DENIED, "the Inbox cannot be renamed");
	if (parent && strncmp(parent, key, n) == 0 && (parent[n] == '.' || !parent[n]))
		return err_set(e, ERR_INVALID, "a folder cannot go into itself");
	err = mail_key(a, parent, name, key_r, e);
	if (err)
		return err;
	if (strcmp(key, *key_r) == 0)
		return ERR_OK;
	if (is_there(s->root, *key_r) || (!parent && text_casecmp(name, "INBOX") == 0))
		return err_set(e, ERR_EXISTS, "the folder is there");
	r.to = *key_r;
	if (renameat(s->root, key, s->root, *key_r) < 0)
		return errno_err(e, ERR_NOFOLDER, "renaming a folder");
	err = each_below(s->root, key, rename_below, &r, e);
	return err ? err : sync_dir(s->root, "mail", e);
}

/* ---- removing ---- */

/* One level of files, and one of directories in it: as deep as a folder is. */
static enum err
empty_dir(int at, const char *name, int depth, struct error *e)
{
	int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;
	enum err err = ERR_OK;

	if (!d) {
		if (fd >= 0)
			close(fd);
		return errno_err(e, ERR_NOFOLDER, "removing a folder");
	}
	while (!err && (entry = readdir(d)) != NULL) {
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0 || unlinkat(fd, entry->d_name, 0) == 0 ||
			errno == ENOENT)
			continue;
		if (depth > 0 && (errno == EISDIR || errno == EPERM))
			err = empty_dir(fd, entry->d_name, depth - 1, e);
		else
			err = errno_err(e, ERR_NOFOLDER, "removing a folder");
	}
	closedir(d);
	if (!err && unlinkat(at, name, AT_REMOVEDIR) < 0)
		err = errno_err(e, ERR_NOFOLDER, "removing a folder");
	return err;
}

/* Out of sight first, under a name that no listing shows: a folder that is half empty is never seen. */
static enum err
remove_dir(int root, const char *key, struct error *e)
{
	char away[96];
	unsigned random;

	if (getrandom(&random, sizeof random, 0) != sizeof random)
		return err_set(e, ERR_INTERNAL, "no random numbers");
	snprintf(away, sizeof away, ".removed-%lx-%x", (unsigned long)getpid(), random);
	if (renameat(root, key, root, away) < 0)
		return errno_err(e, ERR_NOFOLDER, "removing a folder");
	return empty_dir(root, away, 3, e);
}

static enum err
count_below(void *ctx, const char *below)
{
	(void)below;
	++*(size_t *)ctx;
	return ERR_OK;
}

enum err
local_folder_remove(struct backend_session *s, const char *key, struct error *e)
{
	enum backend_class class;
	size_t below = 0;

	if (!key_class(key, &class))
		return err_set(e, ERR_NOFOLDER, "no such folder");
	if (strcmp(key, "mail") == 0)
		return err_set(e, ERR_DENIED, "the Inbox cannot be removed");
	if (class == BACKEND_MAIL && !is_there(s->root, key)) {
		enum err err = each_below(s->root, key, count_below, &below, e);

		if (!err && below)
			err = err_set(e, ERR_DENIED, "there are folders in it");
		return err ? err : err_set(e, ERR_NOFOLDER, "no such folder");
	}
	return remove_dir(s->root, key, e);
}

/* ---- calendars, task lists, address books: what they are called is a file in them ---- */

/* The folder of that class with this display name, or NULL. */
static const char *
find_name(const struct backend_folders *f, enum backend_class class, const char *name)
{
	for (size_t i = 0; i < f->n; i++) {
		if (f->list[i].class == class && strcmp(f->list[i].name, name) == 0)
			return f->list[i].key;
	}
	return NULL;
}

/* A directory name that resembles the display name. */
static void
directory_name(const char *name, char *out, size_t room)
{
	size_t n = 0;

	for (; *name && n + 1 < room; name++) {
		char c = *name >= 'A' && *name <= 'Z' ? (char)(*name + 32) : *name;
		bool plain = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');

		if (plain)
			out[n++] = c;
		else if (n && out[n - 1] != '-')
			out[n++] = '-';
	}
	while (n && out[n - 1] == '-')
		n--;
	if (n == 0)
		out[n++] = 'x';
	out[n] = 0;
}

static enum err
make_vdir(struct backend_session *s, struct arena *a, const char *name, enum backend_class class, const char **key_r, struct error *e)
{
	struct backend_folders all;
	AUTO_FD dir = -1;
	char plain[64];
	enum err err = local_folders(s, a, &all, e);

	if (err)
		return err;
	*key_r = find_name(&all, class, name);
	if (*key_r)
		return err_set(e, ERR_EXISTS, "a folder of that name is there");
	if (strpbrk(name, "\r\n") || !text_is_utf8(name, strlen(name)) || strlen(name) > 400)
		return err_set(e, ERR_INVALID, "no such folder name is possible");
	directory_name(name, plain, sizeof plain);
	for (unsigned i = 1;; i++) {
		*key_r = i == 1 ? arena_printf(a, "%s/%s", class_dir(class), plain) : arena_printf(a, "%s/%s-%u", class_dir(class), plain, i);
		if (!*key_r)
			return err_set(e, ERR_NOMEM, "out of memory");
		if (mkdirat(s->root, *key_r, 0700) == 0)
			break;
		if (errno != EEXIST || i == 1000)
			return errno_err(e, ERR_NOFOLDER, "making a folder");
	}
	err = folder_open(s->root, *key_r, NULL, &dir, e);
	if (!err)
		err = write_file(dir, "displayname", name, strlen(name), e);
	return err ? err : sync_dir(s->root, class_dir(class), e);
}

static enum err
rename_vdir(struct backend_session *s, struct arena *a, const char *key, const char *name, enum backend_class class, const char **key_r,
	struct error *e)
{
	struct backend_folders all;
	AUTO_FD dir = -1;
	const char *other;
	enum err err = folder_open(s->root, key, NULL, &dir, e);

	if (!err)
		err = local_folders(s, a, &all, e);
	if (err)
		return err;
	other = find_name(&all, class, name);
	if (other && strcmp(other, key) != 0) {
		*key_r = other;
		return err_set(e, ERR_EXISTS, "a folder of that name is there");
	}
	if (!*name || strpbrk(name, "\r\n") || !text_is_utf8(name, strlen(name)) || strlen(name) > 400)
		return err_set(e, ERR_INVALID, "no such folder name is possible");
	*key_r = arena_strdup(a, key);
	return *key_r ? write_file(dir, "displayname", name, strlen(name), e) : err_set(e, ERR_NOMEM, "out of memory");
}

/* ---- the door ---- */

/* The parent must be there; calendars and the like stand in nothing. */
static enum err
check_parent(struct backend_session *s, const char *parent, enum backend_class class, struct error *e)
{
	enum backend_class above;
	AUTO_FD dir = -1;

	if (!parent || class != BACKEND_MAIL)
		return ERR_OK;
	if (!key_class(parent, &above) || above != BACKEND_MAIL)
		return err_set(e, ERR_NOFOLDER, "no such parent folder");
	return folder_open(s->root, parent, &above, &dir, e);
}

enum err
local_folder_make(struct backend_session *s, struct arena *a, const char *parent, const char *name, enum backend_class class,
	const char **key_r, struct error *e)
{
	enum err err = check_parent(s, parent, class, e);

	*key_r = NULL;
	if (err)
		return err;
	if (!*name)
		return err_set(e, ERR_INVALID, "a folder without a name");
	if (class == BACKEND_MAIL)
		return make_mail(s, a, parent, name, key_r, e);
	if (!class_dir(class))
		return err_set(e, ERR_UNSUPPORTED, "there are no such folders here");
	return make_vdir(s, a, name, class, key_r, e);
}

enum err
local_folder_rename(struct backend_session *s, struct arena *a, const char *key, const char *parent, const char *name,
	const char **key_r, struct error *e)
{
	enum backend_class class;
	enum err err;

	*key_r = NULL;
	if (!key_class(key, &class))
		return err_set(e, ERR_NOFOLDER, "no such folder");
	err = check_parent(s, parent, class, e);
	if (err)
		return err;
	if (class == BACKEND_MAIL)
		return rename_mail(s, a, key, parent, name, key_r, e);
	return rename_vdir(s, a, key, name, class, key_r, e);
}
