/* Where things are: the user's tree, its folders, and what their keys mean. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backend/local/local.h"
#include "base/text.h"

static const struct {
	enum backend_class class;
	const char *dir, *extension, *first, *first_name;
} classes[] = {
	{ BACKEND_CALENDAR, "calendars", ".ics", "calendar", "Calendar" },
	{ BACKEND_TASKS, "tasks", ".ics", "tasks", "Tasks" },
	{ BACKEND_CONTACTS, "contacts", ".vcf", "contacts", "Contacts" },
};

static const struct {
	const char *name;
	enum backend_role role;
	bool made; /* at the first login */
} mail_roles[] = {
	{ "Drafts", ROLE_DRAFTS, true },
	{ "Sent", ROLE_SENT, true },
	{ "Trash", ROLE_TRASH, true },
	{ "Junk", ROLE_JUNK, true },
	{ "Archive", ROLE_ARCHIVE, false },
};

const char *
class_dir(enum backend_class class)
{
	for (size_t i = 0; i < ARRAY_LEN(classes); i++) {
		if (classes[i].class == class)
			return classes[i].dir;
	}
	return NULL;
}

const char *
class_extension(enum backend_class class)
{
	for (size_t i = 0; i < ARRAY_LEN(classes); i++) {
		if (classes[i].class == class)
			return classes[i].extension;
	}
	return "";
}

static bool
part_is_safe(const char *p, size_t n)
{
	return n > 0 && *p != '.' && !memchr(p, '/', n);
}

/* %u, %l and %d all become parts of a path. */
bool
user_is_safe(const char *user)
{
	const char *at = strrchr(user, '@');
	size_t n = strlen(user);

	if (n > 200 || !part_is_safe(user, n))
		return false;
	return !at || (part_is_safe(user, (size_t)(at - user)) && part_is_safe(at + 1, strlen(at + 1)));
}

bool
key_class(const char *key, enum backend_class *class_r)
{
	size_t n = strcspn(key, "/");
	const char *name = key + n + 1;

	if (strcmp(key, "mail") == 0 || (text_starts(key, "mail/.") && name[1] && name[1] != '.' && !strchr(name, '/'))) {
		*class_r = BACKEND_MAIL;
		return true;
	}
	for (size_t i = 0; key[n] && i < ARRAY_LEN(classes); i++) {
		if (strlen(classes[i].dir) == n && memcmp(classes[i].dir, key, n) == 0 && part_is_safe(name, strlen(name))) {
			*class_r = classes[i].class;
			return true;
		}
	}
	return false;
}

enum err
folder_open(int root, const char *key, enum backend_class *class_r, int *fd_r, struct error *e)
{
	enum backend_class class;

	*fd_r = -1;
	if (!key_class(key, &class))
		return err_set(e, ERR_NOFOLDER, "no such folder");
	if (class_r)
		*class_r = class;
	*fd_r = openat(root, key, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return *fd_r < 0 ? errno_err(e, ERR_NOFOLDER, "opening a folder") : ERR_OK;
}

/* ---- small files ---- */

char *
read_line(struct arena *a, int dir, const char *name)
{
	AUTO_FD fd = openat(dir, name, O_RDONLY | O_CLOEXEC);
	char line[512];
	ssize_t n = fd < 0 ? -1 : read(fd, line, sizeof line - 1);
	char *start = line, *text;

	if (n <= 0)
		return NULL;
	line[n] = 0;
	line[strcspn(line, "\r\n")] = 0;
	start += strspn(start, " \t");
	for (n = (ssize_t)strlen(start); n > 0 && (start[n - 1] == ' ' || start[n - 1] == '\t'); n--)
		;
	if (n == 0)
		return NULL;
	text = text_to_utf8(a, start, (size_t)n);
	return text;
}

enum err
write_file(int dir, const char *name, const void *p, size_t n, struct error *e)
{
	char tmp[300];
	int fd;
	bool good;

	snprintf(tmp, sizeof tmp, ".%.250s.new", name);
	fd = openat(dir, tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0)
		return errno_err(e, ERR_NOFOLDER, "writing a file");
	good = write(fd, p, n) == (ssize_t)n && fsync(fd) == 0;
	close(fd);
	if (good && renameat(dir, tmp, dir, name) == 0)
		return ERR_OK;
	unlinkat(dir, tmp, 0);
	return errno_err(e, ERR_NOFOLDER, "writing a file");
}

/* ---- the tree ---- */

enum err
maildir_make(int at, const char *name, struct error *e)
{
	static const char *const subs[] = { "tmp", "new", "cur" };
	AUTO_FD dir = -1;

	if (mkdirat(at, name, 0700) < 0 && errno != EEXIST)
		return errno_err(e, ERR_NOFOLDER, "making a mail folder");
	dir = openat(at, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return errno_err(e, ERR_NOFOLDER, "making a mail folder");
	for (size_t i = 0; i < ARRAY_LEN(subs); i++) {
		if (mkdirat(dir, subs[i], 0700) < 0 && errno != EEXIST)
			return errno_err(e, ERR_NOFOLDER, "making a mail folder");
	}
	if (name[0] == '.') {
		/* Delivery programs tell a folder from a mailbox by this. */
		int fd = openat(dir, "maildirfolder", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

		if (fd >= 0)
			close(fd);
	}
	return ERR_OK;
}

static enum err
make_mail(int root, struct error *e)
{
	AUTO_FD mail = -1;
	enum err err;

	if (faccessat(root, "mail/cur", F_OK, 0) == 0)
		return ERR_OK;
	err = maildir_make(root, "mail", e);
	if (err)
		return err;
	mail = openat(root, "mail", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (mail < 0)
		return errno_err(e, ERR_UNAVAILABLE, "opening the Maildir");
	for (size_t i = 0; !err && i < ARRAY_LEN(mail_roles); i++) {
		char name[32];

		snprintf(name, sizeof name, ".%s", mail_roles[i].name);
		if (mail_roles[i].made)
			err = maildir_make(mail, name, e);
	}
	return err;
}

static enum err
make_vdirs(int root, struct error *e)
{
	enum err err = ERR_OK;

	for (size_t i = 0; !err && i < ARRAY_LEN(classes); i++) {
		AUTO_FD dir = -1;
		char path[64];

		/* Only where the class is new: what a user removed does not come back. */
		if (mkdirat(root, classes[i].dir, 0700) < 0) {
			if (errno == EEXIST)
				continue;
			return errno_err(e, ERR_UNAVAILABLE, "making a folder");
		}
		snprintf(path, sizeof path, "%s/%s", classes[i].dir, classes[i].first);
		if (mkdirat(root, path, 0700) < 0 && errno != EEXIST)
			return errno_err(e, ERR_UNAVAILABLE, "making a folder");
		dir = openat(root, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (dir < 0)
			return errno_err(e, ERR_UNAVAILABLE, "making a folder");
		err = write_file(dir, "displayname", classes[i].first_name, strlen(classes[i].first_name), e);
	}
	return err;
}

/* Makes the path's directories from the first one that is missing. */
static bool
make_path(char *path)
{
	for (char *p = path + 1; *p; p++) {
		if (*p != '/')
			continue;
		*p = 0;
		if (mkdir(path, 0700) < 0 && errno != EEXIST && errno != EROFS && errno != EACCES)
			return false;
		*p = '/';
	}
	return mkdir(path, 0700) == 0 || errno == EEXIST;
}

enum err
tree_open(const struct backend *b, const char *user, int *root_r, struct error *e)
{
	AUTO(arena_free) struct arena *a = arena_new(0);
	char *path = a ? text_expand(a, b->set.path, user, b->domain) : NULL;
	enum err err;
	int root;

	if (!path)
		return err_set(e, a ? ERR_INVALID : ERR_NOMEM, "[local] path cannot be made for this user");
	root = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (root < 0 && errno == ENOENT && make_path(path))
		root = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (root < 0)
		return err_set(e, ERR_UNAVAILABLE, "the user's directory: %s", strerror(errno));
	err = make_mail(root, e);
	if (!err)
		err = make_vdirs(root, e);
	if (err) {
		close(root);
		return err;
	}
	*root_r = root;
	return ERR_OK;
}

/* ---- folders ---- */

struct found {
	struct arena *a;
	struct backend_folder *list;
	size_t n, room;
	bool failed;
};

static struct backend_folder *
add(struct found *f, const struct backend_folder *folder)
{
	if (f->n == f->room) {
		size_t room = f->room ? 2 * f->room : 16;
		struct backend_folder *grown = arena_array(f->a, room, sizeof *grown);

		if (!grown) {
			f->failed = true;
			return NULL;
		}
		if (f->n)
			memcpy(grown, f->list, f->n * sizeof *grown);
		f->list = grown;
		f->room = room;
	}
	f->list[f->n] = *folder;
	f->failed = f->failed || !folder->key || !folder->name;
	return &f->list[f->n++];
}

static bool
is_listed(const struct found *f, const char *key, size_t len)
{
	for (size_t i = 0; i < f->n; i++) {
		if (strlen(f->list[i].key) == len && memcmp(f->list[i].key, key, len) == 0)
			return true;
	}
	return false;
}

/* The key of what a mail folder stands in; the Inbox where its name begins with INBOX. NULL: top. */
static char *
parent_key(struct arena *a, const char *key)
{
	const char *dot = strrchr(key, '.');

	if (strlen("mail/.") >= (size_t)(dot - key))
		return NULL;
	if ((size_t)(dot - key) == strlen("mail/.INBOX") && text_ncasecmp(key, "mail/.INBOX", strlen("mail/.INBOX")) == 0)
		return arena_strdup(a, "mail");
	return arena_strndup(a, key, (size_t)(dot - key));
}

static void
add_mail_folder(struct found *f, int root, const char *key, bool noselect)
{
	const char *dot = strrchr(key, '.');
	struct backend_folder folder = { .key = key, .class = BACKEND_MAIL, .noselect = noselect };

	folder.parent = parent_key(f->a, key);
	/* Maildir++ allows .A.B without .A. */
	if (folder.parent && !is_listed(f, folder.parent, strlen(folder.parent)))
		add_mail_folder(f, root, folder.parent, true);
	folder.name = name_decode(f->a, dot + 1, strlen(dot + 1));
	folder.readonly = !noselect && faccessat(root, key, W_OK, AT_EACCESS) < 0;
	for (size_t i = 0; !folder.parent && i < ARRAY_LEN(mail_roles); i++) {
		if (folder.name && text_casecmp(folder.name, mail_roles[i].name) == 0)
			folder.role = mail_roles[i].role;
	}
	add(f, &folder);
}

static int
by_name(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Names of the directories in path, sorted: parents before children. */
static enum err
list_dirs(struct arena *a, int root, const char *path, bool dotted, const char ***list_r, size_t *n_r, struct error *e)
{
	int fd = openat(root, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	const char **list = NULL;
	size_t n = 0, room = 0;
	struct dirent *entry;
	bool failed = false;

	*n_r = 0;
	if (!d) {
		if (fd >= 0)
			close(fd);
		return errno == ENOENT ? ERR_OK : errno_err(e, ERR_NOFOLDER, "listing the folders");
	}
	while (!failed && (entry = readdir(d)) != NULL) {
		struct stat st;

		if ((entry->d_name[0] == '.') != dotted || strcmp(entry->d_name, ".") == 0 || text_starts(entry->d_name, ".."))
			continue;
		if (fstatat(fd, entry->d_name, &st, 0) < 0 || !S_ISDIR(st.st_mode))
			continue;
		if (n == room) {
			const char **grown = arena_array(a, room = room ? 2 * room : 16, sizeof *grown);

			failed = !grown;
			if (failed)
				break;
			if (n)
				memcpy(grown, list, n * sizeof *grown);
			list = grown;
		}
		list[n] = arena_strdup(a, entry->d_name);
		failed = !list[n++];
	}
	closedir(d);
	if (failed)
		return err_set(e, ERR_NOMEM, "out of memory");
	if (n)
		qsort(list, n, sizeof *list, by_name);
	*list_r = list;
	*n_r = n;
	return ERR_OK;
}

static enum err
list_mail(struct found *f, int root, struct error *e)
{
	struct backend_folder inbox = { .key = "mail", .name = "Inbox", .class = BACKEND_MAIL, .role = ROLE_INBOX };
	const char **names;
	size_t n;
	enum err err = list_dirs(f->a, root, "mail", true, &names, &n, e);

	if (err)
		return err;
	inbox.readonly = faccessat(root, "mail", W_OK, AT_EACCESS) < 0;
	add(f, &inbox);
	for (size_t i = 0; !f->failed && i < n; i++) {
		char *key = arena_printf(f->a, "mail/%s", names[i]), *cur = key ? arena_printf(f->a, "%s/cur", key) : NULL;

		if (!cur)
			f->failed = true;
		else if (faccessat(root, cur, F_OK, 0) == 0 && !is_listed(f, key, strlen(key)))
			add_mail_folder(f, root, key, false);
	}
	return ERR_OK;
}

static void
add_vdir(struct found *f, int root, size_t class, const char *dir_name, bool first)
{
	AUTO_FD dir = -1;
	struct backend_folder folder = { .class = classes[class].class };

	folder.key = arena_printf(f->a, "%s/%s", classes[class].dir, dir_name);
	if (folder.key)
		dir = openat(root, folder.key, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	folder.name = dir < 0 ? NULL : read_line(f->a, dir, "displayname");
	if (!folder.name)
		folder.name = text_to_utf8(f->a, dir_name, strlen(dir_name));
	folder.readonly = folder.key && faccessat(root, folder.key, W_OK, AT_EACCESS) < 0;
	if (first)
		folder.role = ROLE_DEFAULT;
	add(f, &folder);
}

static enum err
list_vdirs(struct found *f, int root, size_t class, struct error *e)
{
	const char **names = NULL;
	size_t n, first = 0;
	enum err err = list_dirs(f->a, root, classes[class].dir, false, &names, &n, e);

	for (size_t i = 0; !err && i < n; i++) {
		if (strcmp(names[i], classes[class].first) == 0)
			first = i;
	}
	for (size_t i = 0; !err && i < n; i++)
		add_vdir(f, root, class, names[i], i == first);
	return err;
}

enum err
local_folders(struct backend_session *s, struct arena *a, struct backend_folders *f_r, struct error *e)
{
	struct found f = { .a = a };
	enum err err = list_mail(&f, s->root, e);

	for (size_t i = 0; !err && i < ARRAY_LEN(classes); i++)
		err = list_vdirs(&f, s->root, i, e);
	if (!err && f.failed)
		err = err_set(e, ERR_NOMEM, "out of memory");
	f_r->list = f.list;
	f_r->n = f.n;
	return err;
}
