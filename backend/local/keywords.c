/* Keywords are letters a to z in the file name; the folder's file dovecot-keywords says which letter is which. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "backend/local/local.h"
#include "base/text.h"

#define FILE_NAME "dovecot-keywords"
#define LOCK_NAME "dovecot-keywords.lock"
#define STALE_SECONDS 120

void
keywords_read(struct arena *a, int dir, struct keywords *k)
{
	AUTO_FD fd = openat(dir, FILE_NAME, O_RDONLY | O_CLOEXEC);
	char text[8192], *p = text, *line;
	ssize_t n = fd < 0 ? 0 : read(fd, text, sizeof text - 1);

	memset(k, 0, sizeof *k);
	text[n > 0 ? n : 0] = 0;
	while ((line = strsep(&p, "\n")) != NULL) {
		char *space = strchr(line, ' ');
		uint64_t letter;

		if (!space)
			continue;
		*space = 0;
		if (!text_to_u64(line, &letter) || letter >= ARRAY_LEN(k->names) || !space[1])
			continue;
		k->words[letter] = arena_strdup(a, space + 1);
		k->names[letter] = name_decode(a, space + 1, strlen(space + 1));
	}
}

/* As Dovecot locks it: the new content is written to the lock, which then becomes the file. */
static int
lock(int dir)
{
	for (int tries = 0; tries < 50; tries++) {
		int fd = openat(dir, LOCK_NAME, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
		struct stat st;

		if (fd >= 0 || errno != EEXIST)
			return fd;
		if (fstatat(dir, LOCK_NAME, &st, 0) == 0 && st.st_mtim.tv_sec + STALE_SECONDS < time(NULL))
			unlinkat(dir, LOCK_NAME, 0);
		else
			poll(NULL, 0, 20);
	}
	errno = EAGAIN;
	return -1;
}

static char
find(const struct keywords *k, const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(k->names); i++) {
		if (k->names[i] && strcmp(k->names[i], name) == 0)
			return (char)('a' + i);
	}
	return 0;
}

static bool
write_table(int fd, const struct keywords *k)
{
	struct buf text;
	bool good;

	buf_init(&text, 65536);
	for (size_t i = 0; i < ARRAY_LEN(k->names); i++) {
		if (k->words[i])
			buf_printf(&text, "%zu %s\n", i, k->words[i]);
	}
	good = buf_ok(&text) && write(fd, text.data, text.len) == (ssize_t)text.len && fsync(fd) == 0;
	buf_finish(&text);
	return good;
}

enum err
keywords_letter(struct arena *a, int dir, struct keywords *k, const char *name, char *letter_r, struct error *e)
{
	const char *word = name_encode(a, name, NAME_ATOM);
	bool written = false;
	int fd;

	*letter_r = find(k, name);
	if (*letter_r || !word)
		return ERR_OK;
	fd = lock(dir);
	if (fd < 0)
		return errno_err(e, ERR_NOFOLDER, "locking the keywords");
	keywords_read(a, dir, k);
	*letter_r = find(k, name);
	for (size_t i = 0; !*letter_r && i < ARRAY_LEN(k->names); i++) {
		if (k->names[i])
			continue;
		k->names[i] = arena_strdup(a, name);
		k->words[i] = word;
		*letter_r = (char)('a' + i);
		written = k->names[i] && write_table(fd, k) && renameat(dir, LOCK_NAME, dir, FILE_NAME) == 0;
		if (!written)
			*letter_r = 0;
	}
	close(fd);
	if (!written)
		unlinkat(dir, LOCK_NAME, 0);
	return ERR_OK;
}
