/* cpush-admin: looks at the store and changes it beside the running responder; tells what that has counted. */
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/count.h"
#include "base/text.h"
#include "state/state.h"

#define CONFIG_DEFAULT "/etc/cpush/cpush.conf"

static int
usage(void)
{
	fputs("usage: cpush-admin [-c FILE] COMMAND\n"
	      "  device list [USER]          who syncs: user, device, type, version, last seen\n"
	      "  device show USER DEVICE     all that is known of one\n"
	      "  device remove USER DEVICE   forgets it and its sync state; it starts over, or is gone\n"
	      "  device resync USER DEVICE [FOLDER]\n"
	      "                              makes it fetch everything (or one folder, by its id) anew\n"
	      "  device wipe USER DEVICE     asks it to erase itself (account-only with 'wipe-account'); 'unwipe' takes it back\n"
	      "  folder list USER            the folders, their ids and backends\n"
	      "  trouble list [USER]         items that were set aside, and why\n"
	      "  stats                       what each running process has counted (doc/statistics.md)\n",
		stderr);
	return 2;
}

struct admin {
	struct arena *arena;
	const char *user, *device, *folder;
	const char *verb;
	enum state_wipe wipe;
};

static void
print_time(int64_t at)
{
	char text[32] = "never";
	time_t t = (time_t)at;
	struct tm tm;

	if (at > 0 && localtime_r(&t, &tm))
		strftime(text, sizeof text, "%Y-%m-%d %H:%M", &tm);
	printf("%-16s", text);
}

/* Phones and servers say what they like, and a terminal would obey it. */
static const char *
shown(struct admin *in, const char *s)
{
	const char *text = text_escape(in->arena, s);

	return text ? text : "?";
}

/* What a phone says of itself, a line each. */
static void
print_info(struct admin *in, const char *info)
{
	while (*info) {
		size_t n = strcspn(info, "\n");
		const char *line = arena_strndup(in->arena, info, n);

		puts(shown(in, line ? line : "?"));
		info += n + (info[n] == '\n');
	}
}

static enum err
device_list(struct state_txn *t, void *arg, struct error *e)
{
	struct admin *in = arg;
	struct state_device *list;
	size_t n;
	enum err err = state_devices(t, in->arena, in->user, &list, &n);

	(void)e;
	for (size_t i = 0; !err && i < n; i++) {
		printf("%-20s %-34s %-14s %2u.%u  ", shown(in, list[i].user_name), shown(in, list[i].device_id),
			shown(in, list[i].type), list[i].version / 10, list[i].version % 10);
		print_time(list[i].last_seen);
		printf("%s\n", list[i].wipe == WIPE_DONE ? "  wiped" : list[i].wipe ? "  wipe pending" : "");
	}
	return err;
}

static enum err
find(struct state_txn *t, struct admin *in, struct state_device *d_r)
{
	return state_device_find(t, in->arena, in->user, in->device, d_r);
}

static enum err
device_show(struct state_txn *t, void *arg, struct error *e)
{
	static const char *const wipes[] = { [WIPE_NONE] = "none",
		[WIPE_ASKED] = "asked for",
		[WIPE_ACCOUNT] = "asked for (account only)",
		[WIPE_DONE] = "acknowledged" };
	struct admin *in = arg;
	struct state_device d;
	enum err err = find(t, in, &d);

	(void)e;
	if (err)
		return err;
	printf("user:      %s\ndevice:    %s\ntype:      %s\nagent:     %s\nversion:   %u.%u\n", shown(in, d.user_name),
		shown(in, d.device_id), shown(in, d.type), shown(in, d.agent), d.version / 10, d.version % 10);
	printf("first seen: ");
	print_time(d.created);
	printf("\nlast seen:  ");
	print_time(d.last_seen);
	printf("\npolicy:    %s\nwipe:      %s\n", *d.policy_hash ? "acknowledged" : "none",
		wipes[d.wipe < ARRAY_LEN(wipes) ? d.wipe : WIPE_NONE]);
	print_info(in, d.info);
	return ERR_OK;
}

/* 0 where none is given: all. */
static enum err
folder_asked(struct state_txn *t, struct admin *in, int64_t user, int64_t *id_r, struct error *e)
{
	struct state_folder f;
	enum err err = ERR_OK;

	*id_r = 0;
	if (in->folder)
		err = text_to_i64(in->folder, id_r) ? state_folder(t, in->arena, user, *id_r, &f) : ERR_NOTFOUND;
	if (err == ERR_NOTFOUND)
		return err_set(e, err, "this user has no folder %s; cpush-admin folder list shows their ids", shown(in, in->folder));
	return err;
}

static enum err
device_change(struct state_txn *t, void *arg, struct error *e)
{
	struct admin *in = arg;
	struct state_device d;
	int64_t folder;
	enum err err = find(t, in, &d);

	if (!err)
		err = folder_asked(t, in, d.user, &folder, e);
	if (err)
		return err;
	if (strcmp(in->verb, "remove") == 0)
		return state_device_remove(t, d.id);
	if (strcmp(in->verb, "resync") == 0)
		return state_device_resync(t, d.id, folder);
	if (in->wipe == WIPE_ACCOUNT && d.version < 161)
		printf("it speaks version %u.%u, which knows no wipe of the account alone: it is locked out instead\n",
			d.version / 10, d.version % 10);
	return state_device_wipe(t, d.id, in->wipe);
}

static enum err
folder_list(struct state_txn *t, void *arg, struct error *e)
{
	struct admin *in = arg;
	struct state_folder *list;
	int64_t user, seq;
	size_t n;
	enum err err = state_user(t, in->user, &user);

	(void)e;
	if (!err)
		err = state_folders(t, in->arena, user, 0, &list, &n, &seq);
	for (size_t i = 0; !err && i < n; i++) {
		if (!list[i].deleted)
			printf("%-8lld type %-3u %-30s %s%s\n", (long long)list[i].id, list[i].type,
				shown(in, list[i].name), shown(in, list[i].key),
				list[i].readonly ? "  (read-only)" : "");
	}
	return err;
}

static enum err
trouble_list(struct state_txn *t, void *arg, struct error *e)
{
	struct admin *in = arg;
	struct state_trouble *list;
	size_t n;
	enum err err = state_troubles(t, in->arena, in->user, &list, &n);

	(void)e;
	for (size_t i = 0; !err && i < n; i++) {
		print_time(list[i].when);
		printf("  %s  %s  %s: %s%s%s\n", shown(in, list[i].user), shown(in, list[i].folder_name),
			shown(in, list[i].key), shown(in, list[i].reason), list[i].device[0] ? ": " : "",
			shown(in, list[i].device));
	}
	if (!err && n == 0)
		puts("nothing was set aside");
	return err;
}

/* ---- counters: of the processes, not of the store ---- */

static void
print_process(void *ctx, pid_t pid, int64_t started)
{
	(void)ctx;
	printf("process %ld, since ", (long)pid);
	print_time(started);
	putchar('\n');
}

static void
print_counter(void *ctx, const char *name, uint64_t value)
{
	(void)ctx;
	printf("%-32s %llu\n", name, (unsigned long long)value);
}

static int
stats(const char *path)
{
	const struct count_reader reader = { .begin = print_process, .each = print_counter };
	struct conf *conf = NULL;
	struct error e = { 0 };
	size_t n = 0;
	enum err err = conf_load(path, &conf, &e);

	if (!err) {
		const char *dir = conf_get(conf, "server", "stats");

		dir = dir ? dir : COUNT_DIR;
		err = count_read(dir, &reader, &n, &e);
		if (!err && n == 0)
			err = err_set(&e, ERR_NOTFOUND, "no running process publishes its counters in %s", dir);
	}
	if (err)
		fprintf(stderr, "cpush-admin: %s\n", e.text);
	conf_unref(&conf);
	return err ? 1 : 0;
}

/* ---- commands of the store ---- */

static const struct {
	const char *noun, *verb;
	int min, max; /* arguments */
	enum state_mode mode;
	state_fn fn;
	enum state_wipe wipe;
} commands[] = {
	{ "device", "list", 0, 1, STATE_READ, device_list, 0 },
	{ "device", "show", 2, 2, STATE_READ, device_show, 0 },
	{ "device", "remove", 2, 2, STATE_WRITE, device_change, 0 },
	{ "device", "resync", 2, 3, STATE_WRITE, device_change, 0 },
	{ "device", "wipe", 2, 2, STATE_WRITE, device_change, WIPE_ASKED },
	{ "device", "wipe-account", 2, 2, STATE_WRITE, device_change, WIPE_ACCOUNT },
	{ "device", "unwipe", 2, 2, STATE_WRITE, device_change, WIPE_NONE },
	{ "folder", "list", 1, 1, STATE_READ, folder_list, 0 },
	{ "trouble", "list", 0, 1, STATE_READ, trouble_list, 0 },
};

static int
run(const char *path, size_t which, char **argv, int argc)
{
	struct admin in = { .user = argc > 0 ? argv[0] : NULL, .device = argc > 1 ? argv[1] : NULL,
		.folder = argc > 2 ? argv[2] : NULL, .verb = commands[which].verb, .wipe = commands[which].wipe };
	struct conf *conf = NULL;
	struct state *state = NULL;
	struct error e = { 0 };
	enum err err = conf_load(path, &conf, &e);

	in.arena = arena_new(0);
	if (!err)
		err = state_open(conf, true, &state, &e);
	if (!err && in.arena)
		err = state_run(state, commands[which].mode, commands[which].fn, &in, &e);
	if (err)
		fprintf(stderr, "cpush-admin: %s\n", e.text[0] ? e.text
			: err == ERR_NOTFOUND ? "there is no such device" : err_name(err));
	arena_free(&in.arena);
	state_close(&state);
	conf_unref(&conf);
	return err ? 1 : 0;
}

int
main(int argc, char **argv)
{
	const char *path = CONFIG_DEFAULT;
	int c;

	while ((c = getopt(argc, argv, "+c:h")) != -1) {
		if (c != 'c')
			return usage();
		path = optarg;
	}
	argc -= optind;
	argv += optind;
	if (argc == 1 && strcmp(argv[0], "stats") == 0)
		return stats(path);
	for (size_t i = 0; argc >= 2 && i < ARRAY_LEN(commands); i++) {
		if (strcmp(argv[0], commands[i].noun) != 0 || strcmp(argv[1], commands[i].verb) != 0)
			continue;
		if (argc - 2 < commands[i].min || argc - 2 > commands[i].max)
			return usage();
		return run(path, i, argv + 2, argc - 2);
	}
	return usage();
}
