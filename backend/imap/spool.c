#include "backend/imap/spool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "backend/imap/lexer.h"

#define WINDOW ((size_t)64 * 1024)

static int
unnamed_file(const char *dir)
{
	int fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (fd >= 0)
		return fd;
	char name[256];
	int n = snprintf(name, sizeof name, "%s/cpush-XXXXXX", dir);
	if (n < 0 || (size_t)n >= sizeof name)
		return -1;
	fd = mkostemp(name, O_CLOEXEC);
	if (fd >= 0)
		unlink(name);
	return fd;
}

void
imap_spool_init(struct imap_spool *s, uint64_t size, const char *dir)
{
	*s = (struct imap_spool){ .fd = -1, .size = size };
	if (!dir)
		return;
	s->fd = unnamed_file(dir);
	s->failed = s->fd < 0;
}

unsigned char *
imap_spool_room(struct imap_spool *s, size_t *room_r)
{
	if (s->failed)
		return NULL;
	uint64_t left = s->size - s->len;
	if (s->fd >= 0) {
		if (!s->mem && !(s->mem = malloc(WINDOW)))
			return NULL;
		*room_r = left < WINDOW ? (size_t)left : WINDOW;
		return s->mem;
	}
	if (s->len == s->cap) {
		uint64_t want = s->cap ? (uint64_t)s->cap * 2 : WINDOW;
		if (want > s->size)
			want = s->size;
		unsigned char *more = realloc(s->mem, (size_t)want);
		if (!more)
			return NULL;
		s->mem = more;
		s->cap = (size_t)want;
	}
	*room_r = s->cap - (size_t)s->len;
	return s->mem + s->len;
}

bool
imap_spool_took(struct imap_spool *s, size_t n)
{
	for (size_t done = 0; s->fd >= 0 && done < n;) {
		ssize_t w = write(s->fd, s->mem + done, n - done);
		if (w < 0 && errno != EINTR)
			return false;
		if (w > 0)
			done += (size_t)w;
	}
	s->len += n;
	return true;
}

bool
imap_spool_end(struct imap_spool *s, struct imap_blob *blob_r)
{
	*blob_r = (struct imap_blob){ NULL, 0, false };
	if (s->failed) {
		imap_spool_drop(s);
		return false;
	}
	if (s->fd < 0) {
		*blob_r = (struct imap_blob){ s->mem, (size_t)s->len, false };
		s->mem = NULL;
		return true;
	}
	void *map = mmap(NULL, (size_t)s->len, PROT_READ, MAP_PRIVATE, s->fd, 0);
	bool ok = map != MAP_FAILED;
	if (ok)
		*blob_r = (struct imap_blob){ map, (size_t)s->len, true };
	imap_spool_drop(s);
	return ok;
}

void
imap_spool_drop(struct imap_spool *s)
{
	free(s->mem);
	s->mem = NULL;
	if (s->fd >= 0)
		close(s->fd);
	s->fd = -1;
}

void
imap_blob_free(struct imap_blob *b)
{
	if (b->mapped)
		munmap(b->ptr, b->len);
	else
		free(b->ptr);
	*b = (struct imap_blob){ NULL, 0, false };
}
