/* Noticing that something changed. */
#include <poll.h>
#include <stdlib.h>
#include <time.h>

#include "suite.h"

static int64_t
now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec;
}

/* Waits as the module said until it tells of the folder; false: not in time. */
static bool
noticed(struct backend_session *by, struct backend_watch *how, const char *folder)
{
	int64_t deadline = now() + (int64_t)can.watch_wait;

	while (now() < deadline) {
		struct pollfd p = { .fd = how->fd, .events = POLLIN };
		struct backend_keys keys;
		enum err err;

		/* A module that polls may be asked earlier than it says. */
		poll(&p, how->fd >= 0 ? 1 : 0, how->poll ? 1000 : (int)can.watch_wait * 1000);
		err = ops->noticed(by, a, &keys, how, &e);
		if (!EXPECT(ERR_OK, err))
			return false;
		for (size_t i = 0; i < keys.n; i++) {
			if (strcmp(keys.list[i], folder) == 0)
				return true;
		}
	}
	return false;
}

/* Until it has nothing more to say of what was before. */
static void
settle(struct backend_session *by, struct backend_watch *how)
{
	for (int i = 0; i < 20; i++) {
		struct pollfd p = { .fd = how->fd, .events = POLLIN };
		struct backend_keys keys;

		if (how->fd >= 0 && poll(&p, 1, 300) == 0)
			return;
		if (!EXPECT(ERR_OK, ops->noticed(by, a, &keys, how, &e)) || (keys.n == 0 && how->fd < 0))
			return;
	}
}

static void
watched(struct backend_session *by, enum backend_class class, const char *folder, const char *second)
{
	const char *both[2] = { folder, second };
	size_t n = second ? 2 : 1;
	struct backend_watch how = { .fd = -1 };
	struct backend_changes c;
	const char *key;

	NEED_OK(ops->watch(by, both, n, &how, &e));
	CHECK(how.fd >= 0 || how.poll > 0, "neither a descriptor nor an interval");
	settle(by, &how);
	key = put_new(s, folder, class, fresh(), 0, NULL, BACKEND_NO_DATE, NULL);
	NEED(key != NULL, "not stored");
	CHECK(noticed(by, &how, folder), "a new item is not noticed within %u s", can.watch_wait);
	settle(by, &how);
	EXPECT(ERR_OK, ops->remove(s, folder, key, NULL, &e));
	CHECK(noticed(by, &how, folder), "a removal is not noticed within %u s", can.watch_wait);
	settle(by, &how);
	/* The same session answers calls while it watches. */
	EXPECT(ERR_OK, ops->changes(by, a, folder, NULL, 100, &c, &e));
	if (second) {
		put_new(s, second, class, fresh(), 0, NULL, BACKEND_NO_DATE, NULL);
		CHECK(noticed(by, &how, second), "a new item in the second folder is not noticed within %u s", can.watch_wait);
		settle(by, &how);
		NEED_OK(ops->watch(by, &second, 1, &how, &e));
		settle(by, &how);
		put_new(s, second, class, fresh(), 0, NULL, BACKEND_NO_DATE, NULL);
		CHECK(noticed(by, &how, second), "after another list of folders, nothing is noticed within %u s", can.watch_wait);
	}
	ops->unwatch(by);
	EXPECT(ERR_OK, ops->changes(by, a, folder, NULL, 100, &c, &e));
	NEED_OK(ops->watch(by, both, 1, &how, &e));
	settle(by, &how);
	put_new(s, folder, class, fresh(), 0, NULL, BACKEND_NO_DATE, NULL);
	CHECK(noticed(by, &how, folder), "watching again, nothing is noticed within %u s", can.watch_wait);
}

void
test_watch(enum backend_class class, const char *folder, const char *second)
{
	struct backend_session *by;

	test("changes are noticed");
	by = log_in();
	NEED(by != NULL, "no session");
	watched(by, class, folder, second);
	/* Logging out ends watching, too. */
	ops->logout(&by);
}
