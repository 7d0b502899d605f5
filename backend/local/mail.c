/* Mail files: their names, their flags, and how they come into being without ever being half there. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "backend/local/local.h"
#include "base/text.h"

#define RENAMES_MAX 8

static const struct {
	char letter;
	enum backend_flag flag;
} letters[] = {
	{ 'D', FLAG_DRAFT },
	{ 'F', FLAG_FLAGGED },
	{ 'P', FLAG_FORWARDED },
	{ 'R', FLAG_ANSWERED },
	{ 'S', FLAG_SEEN },
};

/* As https://cr.yp.to/proto/maildir.html: time, microseconds, process, and a count of this process. */
char *
mail_unique(struct arena *a)
{
	static atomic_uint count;
	char host[64];
	struct timespec now;

	if (gethostname(host, sizeof host) < 0)
		host[0] = 0;
	host[sizeof host - 1] = 0;
	for (char *p = host; *p; p++) {
		if (*p == '/' || *p == ':' || *p == ',' || (unsigned char)*p <= ' ')
			*p = '_';
	}
	clock_gettime(CLOCK_REALTIME, &now);
	return arena_printf(a, "%lld.M%06ldP%ldQ%u.%s", (long long)now.tv_sec, now.tv_nsec / 1000, (long)getpid(),
		atomic_fetch_add(&count, 1), host[0] ? host : "localhost");
}

enum err
sync_dir(int dir, const char *sub, struct error *e)
{
	AUTO_FD fd = openat(dir, sub, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0 || fsync(fd) < 0)
		return errno_err(e, ERR_NOFOLDER, "writing a folder");
	return ERR_OK;
}

static bool
write_all(int fd, struct slice s)
{
	while (s.len) {
		ssize_t n = write(fd, s.ptr, s.len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		s.ptr += n;
		s.len -= (size_t)n;
	}
	return true;
}

static enum err
write_tmp(int dir, const char *path, const struct slice *pieces, size_t n, int64_t date, struct error *e)
{
	AUTO_FD fd = openat(dir, path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	bool good = true;

	if (fd < 0)
		return errno_err(e, ERR_NOFOLDER, "writing a mail");
	for (size_t i = 0; good && i < n; i++)
		good = write_all(fd, pieces[i]);
	if (good && date != BACKEND_NO_DATE) {
		const struct timespec times[2] = { { .tv_sec = (time_t)date }, { .tv_sec = (time_t)date } };

		good = futimens(fd, times) == 0;
	}
	if (good && fsync(fd) == 0)
		return ERR_OK;
	return errno_err(e, ERR_NOFOLDER, "writing a mail");
}

enum err
mail_write(struct arena *a, int dir, const struct slice *pieces, size_t n, const char *flags, int64_t date,
	struct mail_file *m_r, struct error *e)
{
	enum err err;

	*m_r = (struct mail_file){ .key = mail_unique(a), .sub = flags ? "cur" : "new" };
	if (m_r->key)
		m_r->tmp = arena_printf(a, "tmp/%s", m_r->key);
	if (m_r->tmp)
		m_r->final = flags ? arena_printf(a, "cur/%s:2,%s", m_r->key, flags) : arena_printf(a, "new/%s", m_r->key);
	if (!m_r->final)
		return err_set(e, ERR_NOMEM, "out of memory");
	err = write_tmp(dir, m_r->tmp, pieces, n, date, e);
	if (err)
		mail_drop(dir, m_r);
	return err;
}

enum err
mail_place(int dir, const struct mail_file *m, struct error *e)
{
	if (renameat(dir, m->tmp, dir, m->final) < 0) {
		enum err err = errno_err(e, ERR_NOFOLDER, "storing a mail");

		mail_drop(dir, m);
		return err;
	}
	return sync_dir(dir, m->sub, e);
}

void
mail_drop(int dir, const struct mail_file *m)
{
	unlinkat(dir, m->tmp, 0);
}

enum err
mail_store(struct arena *a, int dir, const struct slice *pieces, size_t n, const char *flags, int64_t date,
	const char **key_r, struct error *e)
{
	struct mail_file m;
	enum err err = mail_write(a, dir, pieces, n, flags, date, &m, e);

	if (err)
		return err;
	*key_r = m.key;
	return mail_place(dir, &m, e);
}

/* ---- flags ---- */

static void
sort_letters(char *s)
{
	size_t n = strlen(s);

	for (size_t i = 1; i < n; i++) {
		char c = s[i];
		size_t k = i;

		for (; k > 0 && s[k - 1] > c; k--)
			s[k] = s[k - 1];
		s[k] = c;
	}
}

/* Adds letters to what is there (room for all 52), each once. */
static void
add_letter(char *s, char letter)
{
	size_t n = strlen(s);

	if (letter && !strchr(s, letter)) {
		s[n] = letter;
		s[n + 1] = 0;
	}
}

static void
remove_letter(char *s, char letter)
{
	char *at = letter ? strchr(s, letter) : NULL;

	if (at)
		memmove(at, at + 1, strlen(at));
}

static void
add_flags(char *s, unsigned flags)
{
	for (size_t i = 0; i < ARRAY_LEN(letters); i++) {
		if (flags & letters[i].flag)
			add_letter(s, letters[i].letter);
	}
}

static enum err
add_keywords(struct arena *a, int dir, struct keywords *k, char *s, const char *const *names, bool *left_out_r, struct error *e)
{
	*left_out_r = false;
	for (size_t i = 0; names && names[i]; i++) {
		char letter;
		enum err err = keywords_letter(a, dir, k, names[i], &letter, e);

		if (err)
			return err;
		add_letter(s, letter);
		*left_out_r |= !letter;
	}
	return ERR_OK;
}

enum err
mail_stored(struct arena *a, const char *key, const char *flags, bool left_out, struct backend_stored *stored_r,
	struct error *e)
{
	stored_r->key = arena_strdup(a, key);
	stored_r->version = left_out ? "" : arena_printf(a, "f%s", flags);
	return stored_r->key && stored_r->version ? ERR_OK : err_set(e, ERR_NOMEM, "out of memory");
}

enum err
mail_letters(struct arena *a, int dir, unsigned flags, const char *const *keywords, const char **letters_r, bool *left_out_r,
	struct error *e)
{
	struct keywords k;
	char *s = arena_alloc(a, 64);
	enum err err;

	if (!s)
		return err_set(e, ERR_NOMEM, "out of memory");
	keywords_read(a, dir, &k);
	add_flags(s, flags);
	err = add_keywords(a, dir, &k, s, keywords, left_out_r, e);
	sort_letters(s);
	*letters_r = s;
	return err;
}

void
mail_flags(struct arena *a, const struct keywords *k, const char *version, unsigned *flags_r, const char *const **keywords_r)
{
	const char **list = arena_array(a, 27, sizeof *list);
	size_t n = 0;

	*flags_r = 0;
	for (size_t i = 0; i < ARRAY_LEN(letters); i++) {
		if (strchr(version + 1, letters[i].letter))
			*flags_r |= letters[i].flag;
	}
	for (const char *p = version + 1; list && *p; p++) {
		const char *name = *p >= 'a' && *p <= 'z' ? k->names[*p - 'a'] : NULL;

		if (name && text_casecmp(name, "$Forwarded") == 0)
			*flags_r |= FLAG_FORWARDED;
		else if (name)
			list[n++] = name;
	}
	*keywords_r = list;
}

static enum err
new_letters(struct arena *a, int dir, const struct entry *entry, const struct backend_flagging *what, const char **letters_r,
	bool *left_out_r, struct error *e)
{
	struct keywords k;
	char *s = arena_alloc(a, 512);
	enum err err;

	if (!s)
		return err_set(e, ERR_NOMEM, "out of memory");
	keywords_read(a, dir, &k);
	memcpy(s, entry->version + 1, strlen(entry->version));
	for (size_t i = 0; i < ARRAY_LEN(letters); i++) {
		if (what->clear & letters[i].flag)
			remove_letter(s, letters[i].letter);
	}
	for (size_t i = 0; i < ARRAY_LEN(k.names); i++) {
		bool out = false;

		for (size_t n = 0; k.names[i] && what->remove_keywords && what->remove_keywords[n]; n++)
			out = out || strcmp(what->remove_keywords[n], k.names[i]) == 0;
		if (k.names[i] && (what->clear & FLAG_FORWARDED) && text_casecmp(k.names[i], "$Forwarded") == 0)
			out = true;
		if (out)
			remove_letter(s, (char)('a' + i));
	}
	add_flags(s, what->set);
	err = add_keywords(a, dir, &k, s, what->add_keywords, left_out_r, e);
	sort_letters(s);
	*letters_r = s;
	return err;
}

/* One try; *again_r: somebody renamed the file first. */
static enum err
flag_once(struct arena *a, int dir, const struct backend_flagging *what, struct backend_stored *stored_r, bool *again_r, struct error *e)
{
	AUTO(scan_finish) struct scan scan = { 0 };
	struct entry *entry;
	const char *flags = "";
	char from[300], to[600];
	bool left_out = false;
	enum err err = scan_find(dir, BACKEND_MAIL, what->key, &scan, &entry, e);

	*again_r = false;
	if (!err)
		err = new_letters(a, dir, entry, what, &flags, &left_out, e);
	if (err)
		return err;
	snprintf(from, sizeof from, "%s/%s", entry->sub, entry->name);
	snprintf(to, sizeof to, "cur/%s:2,%s", entry->key, flags);
	err = mail_stored(a, what->key, flags, left_out, stored_r, e);
	if (err)
		return err;
	if (strcmp(from, to) == 0)
		return ERR_OK;
	if (renameat(dir, from, dir, to) < 0) {
		*again_r = errno == ENOENT;
		return errno_err(e, ERR_NOTFOUND, "flagging a mail");
	}
	return sync_dir(dir, "cur", e);
}

enum err
local_flag(struct backend_session *s, struct arena *a, const struct backend_flagging *what, struct backend_stored *stored_r,
	struct error *e)
{
	AUTO_FD dir = -1;
	enum backend_class class;
	bool again = false;
	enum err err = folder_open(s->root, what->folder, &class, &dir, e);

	*stored_r = (struct backend_stored){ "", "" };
	if (!err && class != BACKEND_MAIL)
		err = err_set(e, ERR_UNSUPPORTED, "only mail has flags");
	if (err)
		return err;
	for (int i = 0; i == 0 || (again && i < RENAMES_MAX); i++)
		err = flag_once(a, dir, what, stored_r, &again, e);
	return again ? err_set(e, ERR_UNAVAILABLE, "a file is renamed all the time") : err;
}
