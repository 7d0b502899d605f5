/* Putting, removing and moving items. Who writes holds the folder's lock, so that two of us never replace one version both. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "backend/local/local.h"
#include "base/text.h"

static const struct backend_stored nothing = { "", "" };

static enum err
stored(struct arena *a, const char *key, const char *version, struct backend_stored *stored_r, struct error *e)
{
	stored_r->key = arena_strdup(a, key);
	stored_r->version = arena_strdup(a, version);
	if (!stored_r->key || !stored_r->version)
		return err_set(e, ERR_NOMEM, "out of memory");
	return ERR_OK;
}

/* ---- calendars, tasks, contacts ---- */

static bool
looks_right(enum backend_class class, struct slice bytes)
{
	const char *head = class == BACKEND_CONTACTS ? "BEGIN:VCARD" : "BEGIN:VCALENDAR";
	size_t n = strlen(head);

	if (bytes.len >= 3 && memcmp(bytes.ptr, "\xEF\xBB\xBF", 3) == 0)
		bytes = slice(bytes.ptr + 3, bytes.len - 3);
	return bytes.len > n && text_ncasecmp((const char *)bytes.ptr, head, n) == 0 && !memchr(bytes.ptr, 0, bytes.len);
}

/* A temporary file with the content, safely on disk; its version is that of the item to be, for renaming changes neither. */
static enum err
write_tmp(struct arena *a, int dir, const char *tmp, struct slice bytes, const char **version_r, struct error *e)
{
	AUTO_FD fd = openat(dir, tmp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	struct stat st;
	size_t done = 0;

	if (fd < 0)
		return errno_err(e, ERR_NOFOLDER, "writing an item");
	while (done < bytes.len) {
		ssize_t n = write(fd, bytes.ptr + done, bytes.len - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return errno_err(e, ERR_NOFOLDER, "writing an item");
		done += (size_t)n;
	}
	if (fsync(fd) < 0 || fstat(fd, &st) < 0)
		return errno_err(e, ERR_NOFOLDER, "writing an item");
	*version_r = file_version(a, &st);
	return *version_r ? ERR_OK : err_set(e, ERR_NOMEM, "out of memory");
}

/* A name that is taken is EXISTS, whoever took it: link(2) never replaces. */
static enum err
link_new(int dir, const char *tmp, const char *key, struct error *e)
{
	if (linkat(dir, tmp, dir, key, 0) == 0)
		return ERR_OK;
	if (errno == EEXIST)
		return err_set(e, ERR_EXISTS, "the name is taken");
	return errno_err(e, ERR_NOFOLDER, "storing an item");
}

static enum err
check_version(int dir, enum backend_class class, const char *key, const char *version, struct error *e)
{
	AUTO(scan_finish) struct scan scan = { 0 };
	struct entry *entry;
	enum err err = scan_find(dir, class, key, &scan, &entry, e);

	if (!err && version && strcmp(version, entry->version) != 0)
		err = err_set(e, ERR_CONFLICT, "another version is there");
	return err;
}

static enum err
put_file(struct arena *a, int dir, enum backend_class class, const struct backend_put *put, struct backend_stored *stored_r, struct error *e)
{
	char *unique = mail_unique(a), *tmp = unique ? arena_printf(a, ".%s.tmp", unique) : NULL;
	const char *key = put->key, *version = "";
	enum err err = ERR_OK;

	if (!key && tmp)
		key = arena_printf(a, "%s%s", put->name ? put->name : unique, class_extension(class));
	if (!tmp || !key)
		return err_set(e, ERR_NOMEM, "out of memory");
	if (*key == '.' || strchr(key, '/') || strlen(key) > 250)
		return err_set(e, ERR_INVALID, "no such name is possible");
	if (!looks_right(class, put->bytes))
		return err_set(e, ERR_INVALID, "the item is not of this folder's class");
	if (flock(dir, LOCK_EX) < 0)
		return errno_err(e, ERR_NOFOLDER, "locking a folder");
	if (put->key)
		err = check_version(dir, class, key, put->version, e);
	if (!err)
		err = write_tmp(a, dir, tmp, put->bytes, &version, e);
	if (!err && !put->key)
		err = link_new(dir, tmp, key, e);
	else if (!err && renameat(dir, tmp, dir, key) < 0)
		err = errno_err(e, ERR_NOFOLDER, "storing an item");
	unlinkat(dir, tmp, 0);
	flock(dir, LOCK_UN);
	if (err && err != ERR_EXISTS)
		return err;
	if (!err)
		err = sync_dir(dir, ".", e);
	if (stored(a, key, err ? "" : version, stored_r, e))
		return ERR_NOMEM;
	return err;
}

/* ---- mail ---- */

static enum err
put_mail(struct arena *a, int dir, const struct backend_put *put, struct backend_stored *stored_r, struct error *e)
{
	const char *flags, *key;
	bool left_out;
	enum err err;

	if (put->key)
		return err_set(e, ERR_UNSUPPORTED, "a mail cannot be replaced: put a new one and remove the old");
	err = mail_letters(a, dir, put->flags, put->keywords, &flags, &left_out, e);
	if (!err)
		err = mail_store(a, dir, &put->bytes, 1, flags, put->date, &key, e);
	return err ? err : mail_stored(a, key, flags, left_out, stored_r, e);
}

/* ---- the door ---- */

enum err
local_put(struct backend_session *s, struct arena *a, const struct backend_put *put, struct backend_stored *stored_r, struct error *e)
{
	AUTO_FD dir = -1;
	enum backend_class class;
	enum err err = folder_open(s->root, put->folder, &class, &dir, e);

	*stored_r = nothing;
	if (!err && put->bytes.len > s->backend->set.item_max)
		err = err_set(e, ERR_LIMIT, "larger than item_max");
	if (err)
		return err;
	return class == BACKEND_MAIL ? put_mail(a, dir, put, stored_r, e) : put_file(a, dir, class, put, stored_r, e);
}

/* The file's name may change between looking and doing: then once more. */
static enum err
remove_once(int dir, enum backend_class class, const char *key, const char *version, bool *again_r, struct error *e)
{
	AUTO(scan_finish) struct scan scan = { 0 };
	struct entry *entry;
	char path[300];
	enum err err = scan_find(dir, class, key, &scan, &entry, e);

	*again_r = false;
	if (!err && version && strcmp(version, entry->version) != 0)
		err = err_set(e, ERR_CONFLICT, "another version is there");
	if (err)
		return err;
	snprintf(path, sizeof path, "%s/%s", entry->sub, entry->name);
	if (unlinkat(dir, path, 0) < 0) {
		*again_r = errno == ENOENT;
		return errno_err(e, ERR_NOTFOUND, "removing an item");
	}
	return sync_dir(dir, entry->sub, e);
}

enum err
local_remove(struct backend_session *s, const char *folder, const char *key, const char *version, struct error *e)
{
	AUTO_FD dir = -1;
	enum backend_class class;
	bool again = false;
	enum err err = folder_open(s->root, folder, &class, &dir, e);

	if (err)
		return err;
	if (class != BACKEND_MAIL && flock(dir, LOCK_EX) < 0)
		return errno_err(e, ERR_NOFOLDER, "locking a folder");
	for (int i = 0; i == 0 || (again && i < 10); i++)
		err = remove_once(dir, class, key, version, &again, e);
	if (class != BACKEND_MAIL)
		flock(dir, LOCK_UN);
	return again ? err_set(e, ERR_UNAVAILABLE, "a file is renamed all the time") : err;
}

/* A mail gets a new name where it goes: find() tells by it when the mail came. Its keywords are letters of the new folder. */
static enum err
move_mail(struct arena *a, int dir, int to, const char *key, struct backend_stored *stored_r, bool *again_r, struct error *e)
{
	AUTO(scan_finish) struct scan scan = { 0 };
	struct entry *entry;
	struct keywords k;
	const char *const *keywords;
	const char *flags;
	char *unique = mail_unique(a);
	char from_path[300], to_path[400];
	unsigned bits;
	bool left_out;
	enum err err = unique ? scan_find(dir, BACKEND_MAIL, key, &scan, &entry, e) : err_set(e, ERR_NOMEM, "out of memory");

	*again_r = false;
	if (err)
		return err;
	keywords_read(a, dir, &k);
	mail_flags(a, &k, entry->version, &bits, &keywords);
	err = mail_letters(a, to, bits, keywords, &flags, &left_out, e);
	if (err)
		return err;
	snprintf(from_path, sizeof from_path, "%s/%s", entry->sub, entry->name);
	snprintf(to_path, sizeof to_path, "cur/%s:2,%s", unique, flags);
	if (renameat(dir, from_path, to, to_path) < 0) {
		*again_r = errno == ENOENT && faccessat(to, "cur", F_OK, 0) == 0;
		if (errno == EXDEV)
			return err_set(e, ERR_UNSUPPORTED, "the folder is on another file system");
		return errno_err(e, ERR_NOTFOUND, "moving a mail");
	}
	err = mail_stored(a, unique, flags, left_out, stored_r, e);
	err = err ? err : sync_dir(to, "cur", e);
	return err ? err : sync_dir(dir, entry->sub, e);
}

static enum err
move_file(struct arena *a, int dir, int to, enum backend_class class, const char *key, struct backend_stored *stored_r, struct error *e)
{
	AUTO(scan_finish) struct scan scan = { 0 };
	struct entry *entry;
	enum err err = scan_find(dir, class, key, &scan, &entry, e);

	if (err)
		return err;
	if (linkat(dir, key, to, key, 0) < 0) {
		if (errno == EEXIST)
			return err_set(e, ERR_EXISTS, "the name is taken in that folder");
		if (errno == EXDEV)
			return err_set(e, ERR_UNSUPPORTED, "the folder is on another file system");
		return errno_err(e, ERR_NOTFOUND, "moving an item");
	}
	err = sync_dir(to, ".", e);
	if (!err && unlinkat(dir, key, 0) < 0 && errno != ENOENT)
		err = errno_err(e, ERR_NOTFOUND, "moving an item");
	if (!err)
		err = sync_dir(dir, ".", e);
	return err ? err : stored(a, key, entry->version, stored_r, e);
}

enum err
local_move(struct backend_session *s, struct arena *a, const char *folder, const char *key, const char *target,
	struct backend_stored *stored_r, struct error *e)
{
	AUTO_FD dir = -1;
	AUTO_FD to = -1;
	AUTO(scan_finish) struct scan scan = { 0 };
	enum backend_class class, to_class;
	struct entry *entry;
	bool again = false;
	enum err err = folder_open(s->root, folder, &class, &dir, e);

	*stored_r = nothing;
	if (!err)
		err = folder_open(s->root, target, &to_class, &to, e);
	if (!err && class != to_class)
		err = err_set(e, ERR_NOFOLDER, "the folder is of another class");
	if (err)
		return err;
	if (strcmp(folder, target) == 0) {
		err = scan_find(dir, class, key, &scan, &entry, e);
		return err ? err : stored(a, key, entry->version, stored_r, e);
	}
	if (class != BACKEND_MAIL)
		return move_file(a, dir, to, class, key, stored_r, e);
	for (int i = 0; i == 0 || (again && i < 10); i++)
		err = move_mail(a, dir, to, key, stored_r, &again, e);
	return again ? err_set(e, ERR_UNAVAILABLE, "a file is renamed all the time") : err;
}
