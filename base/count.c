#include "base/count.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/text.h"

#define SLOTS 256
#define MAGIC "cpush 1"
#define OTHERS (SLOTS - 1)

/* One cache line, so that threads that count different things do not meet. */
struct slot {
	char name[56];
	_Atomic uint64_t value;
};

/* What the file holds. */
struct table {
	char magic[8];
	int64_t pid, started;
	_Atomic uint64_t used; /* a slot's name is there before it is counted here */
	char unused[32];
	struct slot slots[SLOTS];
};
_Static_assert(sizeof(struct slot) == 64 && sizeof(struct table) == 64 + SLOTS * 64, "the layout is read by another program");

static struct table own = {
	.used = COUNT_FIXED,
	.slots = {
#define X(constant, name_, what) [COUNT_##constant] = { .name = (name_) },
		COUNT_LIST(X)
#undef X
		[OTHERS] = { .name = "others" },
	},
};
static struct table *table = &own;
static pthread_mutex_t making = PTHREAD_MUTEX_INITIALIZER;

/* ---- counting ---- */

void
count_add(enum count c, uint64_t n)
{
	atomic_fetch_add_explicit(&table->slots[c].value, n, memory_order_relaxed);
}

void
count_sub(enum count c, uint64_t n)
{
	atomic_fetch_sub_explicit(&table->slots[c].value, n, memory_order_relaxed);
}

uint64_t
count_get(enum count c)
{
	return atomic_load_explicit(&table->slots[c].value, memory_order_relaxed);
}

/* The slot of that name among the first n, else n. */
static size_t
find(const struct table *t, size_t n, const char *name)
{
	size_t i = 0;

	while (i < n && strcmp(t->slots[i].name, name) != 0)
		i++;
	return i;
}

static size_t
make(const char *name)
{
	pthread_mutex_lock(&making);
	size_t n = atomic_load(&table->used), i = find(table, n, name);
	if (i == n && n < OTHERS) {
		memcpy(table->slots[n].name, name, strlen(name) + 1);
		atomic_store(&table->used, n + 1);
	}
	pthread_mutex_unlock(&making);
	return i;
}

void
count_one(const char *who, const char *what, const char *kind)
{
	char name[sizeof table->slots[0].name];
	int len = snprintf(name, sizeof name, "%s.%s.%s", who, what, kind);
	size_t n = atomic_load(&table->used), i = OTHERS;

	if (len > 0 && (size_t)len < sizeof name) {
		i = find(table, n, name);
		if (i == n)
			i = make(name);
	}
	atomic_fetch_add_explicit(&table->slots[i].value, 1, memory_order_relaxed);
}

uint64_t
count_named(const char *name)
{
	size_t n = atomic_load(&table->used), i = find(table, n, name);

	return i < n ? atomic_load_explicit(&table->slots[i].value, memory_order_relaxed) : 0;
}

/* ---- publishing ---- */

static char published[4096]; /* path; "": not published */
static int published_fd = -1;

/* Whoever publishes holds the lock for as long as it lives. */
static bool
is_alive(int fd)
{
	return flock(fd, LOCK_SH | LOCK_NB) != 0;
}

static bool
is_pid(const char *name)
{
	uint64_t pid;

	return text_to_u64(name, &pid);
}

static void
remove_dead(const char *dir)
{
	DIR *d = opendir(dir);
	struct dirent *entry;

	while (d && (entry = readdir(d))) {
		int fd = is_pid(entry->d_name) ? openat(dirfd(d), entry->d_name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW) : -1;

		if (fd >= 0 && !is_alive(fd))
			unlinkat(dirfd(d), entry->d_name, 0);
		if (fd >= 0)
			close(fd);
	}
	if (d)
		closedir(d);
}

/* The pages are claimed now: on a full file system they could not be later, and that is a signal then. */
static struct table *
map_file(int fd)
{
	int no = flock(fd, LOCK_EX | LOCK_NB) ? errno : posix_fallocate(fd, 0, sizeof own);

	if (no) {
		errno = no;
		return NULL;
	}
	void *p = mmap(NULL, sizeof own, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	return p == MAP_FAILED ? NULL : p;
}

enum err
count_publish(const char *dir, struct error *e)
{
	char hidden[sizeof published];
	int n = snprintf(published, sizeof published, "%s/%ld", dir, (long)getpid());

	if (n < 0 || (size_t)snprintf(hidden, sizeof hidden, "%s/.%ld", dir, (long)getpid()) >= sizeof hidden) {
		published[0] = '\0';
		return err_set(e, ERR_INVALID, "%.80s...: the path is too long", dir);
	}
	remove_dead(dir);
	unlink(hidden);
	/* Under its name only once it is whole and locked. */
	published_fd = open(hidden, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0640);
	struct table *shared = published_fd >= 0 ? map_file(published_fd) : NULL;
	if (shared) {
		memcpy(own.magic, MAGIC, sizeof own.magic);
		own.pid = getpid();
		own.started = time(NULL);
		memcpy(shared, &own, sizeof own);
	}
	if (!shared || rename(hidden, published)) {
		err_set(e, ERR_INVALID, "%s: %s", dir, strerrordesc_np(errno));
		if (shared)
			munmap(shared, sizeof own);
		if (published_fd >= 0)
			close(published_fd);
		published_fd = -1;
		unlink(hidden);
		published[0] = '\0';
		return ERR_INVALID;
	}
	table = shared;
	return ERR_OK;
}

void
count_unpublish(void)
{
	if (table == &own)
		return;
	unlink(published);
	memcpy(&own, table, sizeof own);
	munmap(table, sizeof own);
	close(published_fd);
	table = &own;
	published_fd = -1;
	published[0] = '\0';
}

/* ---- reading ---- */

static bool
read_table(int fd, struct table *t)
{
	size_t got = 0;

	while (got < sizeof *t) {
		ssize_t n = pread(fd, (char *)t + got, sizeof *t - got, (off_t)got);

		if (n <= 0)
			return false;
		got += (size_t)n;
	}
	return memcmp(t->magic, MAGIC, sizeof t->magic) == 0 && t->used <= OTHERS;
}

static void
report(struct table *t, const struct count_reader *reader)
{
	reader->begin(reader->ctx, (pid_t)t->pid, t->started);
	for (size_t i = 0; i < t->used; i++) {
		t->slots[i].name[sizeof t->slots[i].name - 1] = '\0';
		reader->each(reader->ctx, t->slots[i].name, t->slots[i].value);
	}
	if (t->slots[OTHERS].value)
		reader->each(reader->ctx, "others", t->slots[OTHERS].value);
}

enum err
count_read(const char *dir, const struct count_reader *reader, size_t *n_r, struct error *e)
{
	DIR *d = opendir(dir);
	struct dirent *entry;

	*n_r = 0;
	if (!d)
		return err_set(e, ERR_INVALID, "%s: %s", dir, strerrordesc_np(errno));
	while ((entry = readdir(d))) {
		struct table t;
		int fd = is_pid(entry->d_name) ? openat(dirfd(d), entry->d_name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW) : -1;

		if (fd < 0)
			continue;
		if (is_alive(fd) && read_table(fd, &t)) {
			report(&t, reader);
			++*n_r;
		}
		close(fd);
	}
	closedir(d);
	return ERR_OK;
}
