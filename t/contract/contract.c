/* The contract suite: one program that holds a module to what backend.h says, through its table alone.
 *
 *     contract -c FILE -m MODULE -u USER -p PASSWORD [switches]
 *
 * FILE is a configuration with [server] module_dir and the module's section. The user's own folders are left as they are; the suite makes
 * folders of its own and removes them, or works in those named by --folder.
 */
#include <getopt.h>
#include <stdarg.h>
#include <stdlib.h>

#include "backend/internal.h"
#include "base/text.h"
#include "mem.h"
#include "suite.h"

const struct backend_ops *ops;
struct backend *backend;
struct backend_session *s, *other;
struct arena *a;
struct can can = { .many = 1000, .large = 5000000, .watch_wait = 20 };
struct error e;

static unsigned failures, tests, checks;
static const char *only;

static const enum backend_class classes[] = { BACKEND_MAIL, BACKEND_CALENDAR, BACKEND_TASKS, BACKEND_CONTACTS, BACKEND_NOTES };

const char *
class_name(enum backend_class class)
{
	static const char *const names[] = { "mail", "calendar", "tasks", "contacts", "notes" };

	for (size_t i = 0; i < ARRAY_LEN(classes); i++) {
		if (classes[i] == class)
			return names[i];
	}
	return "?";
}

/* ---- checking ---- */

bool
check_that(bool holds, const char *file, int line, const char *fmt, ...)
{
	va_list args;

	checks++;
	if (holds)
		return true;
	failures++;
	printf("    FAILED %s:%d: ", strrchr(file, '/') ? strrchr(file, '/') + 1 : file, line);
	va_start(args, fmt);
	vprintf(fmt, args);
	va_end(args);
	printf("\n");
	return false;
}

bool
check_err(enum err got, enum err want, const char *what, const char *file, int line)
{
	bool holds = check_that(got == want, file, line, "%s: %s where %s was expected%s%s", what, err_name(got), err_name(want),
		got && e.text[0] ? ": " : "", got ? e.text : "");

	memset(&e, 0, sizeof e);
	return holds;
}

void
test(const char *name)
{
	static struct arena_mark start;
	static bool begun;

	if (begun)
		arena_rewind(a, start);
	else
		start = arena_mark(a);
	begun = true;
	tests++;
	printf("  %s\n", name);
	fflush(stdout);
}

void
skip(const char *name, const char *why)
{
	printf("  (%s: %s)\n", name, why);
}

struct backend_session *
log_in(void)
{
	struct backend_login who = { .user = can.user, .password = can.password };
	struct backend_session *session = NULL;

	EXPECT(ERR_OK, ops->login(backend, &who, &session, &e));
	return session;
}

/* ---- the command line ---- */

static void
usage(void)
{
	fprintf(stderr,
		"usage: contract -c FILE -m MODULE -u USER -p PASSWORD [switches]\n"
		"  --classes LIST     mail,calendar,tasks,contacts,notes; default: all that the module names\n"
		"  --folder CLASS=KEY a folder to work in (its items are removed!), where none can be made\n"
		"  --exact            what is put comes back byte for byte\n"
		"  --rewrites         ... although there is a version: with its lines in another order (DAV servers that break RFC 4791, 5.3.4)\n"
		"  --vouches          put, move and flag give versions\n"
		"  --knows-keys       put and move of mail give keys\n"
		"  --many N           items in the test with parts (1000)\n"
		"  --large BYTES      size of the large item (5000000), 0: none\n"
		"  --watch-wait S     a change is noticed within so many seconds (20)\n"
		"  --send-to ADDRESS  an address of USER: mail that is sent there arrives in the Inbox\n"
		"  --send-bad ADDRESS an address that is refused for good\n"
		"  --no-auth --no-keywords --no-slash --no-percent --no-nested --no-rename --no-watch --no-search\n"
		"  --only CLASS       without the tests of session and folders\n");
	exit(2);
}

static size_t
class_index(const char *name, size_t n)
{
	for (size_t i = 0; i < ARRAY_LEN(classes); i++) {
		if (strlen(class_name(classes[i])) == n && strncmp(class_name(classes[i]), name, n) == 0)
			return i;
	}
	usage();
	return 0;
}

static unsigned
number(const char *text)
{
	uint64_t v;

	if (!text_to_u64(text, &v) || v > 1u << 30)
		usage();
	return (unsigned)v;
}

static void
set_classes(const char *list)
{
	while (*list) {
		size_t n = strcspn(list, ",");

		can.classes |= classes[class_index(list, n)];
		list += n + (list[n] == ',');
	}
}

enum choice { CLASSES = 256, FOLDER, EXACT, REWRITES, VOUCHES, KEYS, MANY, LARGE, WAIT, SEND_TO, SEND_BAD, NO_AUTH, NO_KEYWORDS, NO_SLASH,
	NO_PERCENT, NO_NESTED, NO_RENAME, NO_WATCH, NO_SEARCH, ONLY };

static void
take_switch(int option)
{
	switch (option) {
	case EXACT:
		can.exact = true;
		break;
	case REWRITES:
		can.rewrites = true;
		break;
	case VOUCHES:
		can.vouches = true;
		break;
	case KEYS:
		can.knows_keys = true;
		break;
	case NO_AUTH:
		can.no_auth = true;
		break;
	case NO_KEYWORDS:
		can.no_keywords = true;
		break;
	case NO_SLASH:
		can.no_slash = true;
		break;
	case NO_PERCENT:
		can.no_percent = true;
		break;
	case NO_NESTED:
		can.no_nested = true;
		break;
	case NO_RENAME:
		can.no_rename = true;
		break;
	case NO_WATCH:
		can.no_watch = true;
		break;
	case NO_SEARCH:
		can.no_search = true;
		break;
	default:
		usage();
	}
}

static void
parse(int argc, char **argv, const char **file_r, const char **module_r)
{
	static const struct option options[] = { { "classes", 1, 0, CLASSES }, { "folder", 1, 0, FOLDER }, { "exact", 0, 0, EXACT },
		{ "rewrites", 0, 0, REWRITES }, { "vouches", 0, 0, VOUCHES }, { "knows-keys", 0, 0, KEYS },
		{ "many", 1, 0, MANY }, { "large", 1, 0, LARGE },
		{ "watch-wait", 1, 0, WAIT }, { "send-to", 1, 0, SEND_TO }, { "send-bad", 1, 0, SEND_BAD }, { "no-auth", 0, 0, NO_AUTH },
		{ "no-keywords", 0, 0, NO_KEYWORDS }, { "no-slash", 0, 0, NO_SLASH }, { "no-percent", 0, 0, NO_PERCENT },
		{ "no-nested", 0, 0, NO_NESTED }, { "no-rename", 0, 0, NO_RENAME }, { "no-watch", 0, 0, NO_WATCH }, { "no-search", 0, 0, NO_SEARCH },
		{ "only", 1, 0, ONLY }, { 0 } };
	int option;

	while ((option = getopt_long(argc, argv, "c:m:u:p:", options, NULL)) != -1) {
		const char *equals = optarg ? strchr(optarg, '=') : NULL;

		if (option == 'c')
			*file_r = optarg;
		else if (option == 'm')
			*module_r = optarg;
		else if (option == 'u')
			can.user = optarg;
		else if (option == 'p')
			can.password = optarg;
		else if (option == CLASSES)
			set_classes(optarg);
		else if (option == FOLDER && equals)
			can.folders[class_index(optarg, (size_t)(equals - optarg))] = equals + 1;
		else if (option == MANY)
			can.many = number(optarg);
		else if (option == LARGE)
			can.large = number(optarg);
		else if (option == WAIT)
			can.watch_wait = number(optarg);
		else if (option == SEND_TO)
			can.send_to = optarg;
		else if (option == SEND_BAD)
			can.send_bad = optarg;
		else if (option == ONLY)
			only = optarg;
		else
			take_switch(option);
	}
	if (!*file_r || !*module_r || !can.user || !can.password)
		usage();
}

/* ---- running ---- */

static void
run_class(enum backend_class class)
{
	const char *folder, *second;

	printf("%s\n", class_name(class));
	if (!only)
		test_folder_ops(class);
	test("a folder to work in");
	folder = work_folder(class, "Contract one");
	second = ops->folder_make ? work_folder(class, "Contract two") : NULL;
	if (!folder) {
		skip(class_name(class), "no folder to work in: give --folder");
		return;
	}
	/* They outlive the tests' arena. */
	folder = strdup(folder);
	second = second ? strdup(second) : NULL;
	if (!folder || (!second && ops->folder_make))
		return;
	test_items(class, folder, second);
	if (class == BACKEND_MAIL)
		test_mail(folder, second);
	test_races(class, folder);
	if (can.no_watch)
		skip("watching", "switched off");
	else
		test_watch(class, folder, second);
	if (can.many)
		test_many(class, folder);
	test("the folders are removed");
	drop_folder(folder, class);
	if (second)
		drop_folder(second, class);
	free((void *)(uintptr_t)folder);
	free((void *)(uintptr_t)second);
}

static void
run(void)
{
	if (!only) {
		printf("session\n");
		test_session();
	}
	s = log_in();
	other = log_in();
	if (!s || !other)
		return;
	if (!only)
		test_folders();
	for (size_t i = 0; i < ARRAY_LEN(classes); i++) {
		if ((can.classes & classes[i]) && (!only || strcmp(only, class_name(classes[i])) == 0))
			run_class(classes[i]);
	}
	if (!only && ops->send && can.send_to)
		test_send();
}

int
main(int argc, char **argv)
{
	const char *file = NULL, *module = NULL, *dir;
	struct conf *conf = NULL;
	enum err err;

	setvbuf(stdout, NULL, _IOLBF, 0);
	parse(argc, argv, &file, &module);
	backends_register_builtin(&mem_ops);
	err = conf_load(file, &conf, &e);
	dir = err ? NULL : conf_get(conf, "server", "module_dir");
	if (!err)
		err = registry_find(dir ? dir : ".", module, &ops, &e);
	if (!err)
		err = ops->open(conf, &backend, &e);
	if (err) {
		fprintf(stderr, "contract: %s\n", e.text);
		conf_unref(&conf);
		return 2;
	}
	can.classes = can.classes ? can.classes & ops->classes : ops->classes;
	a = arena_new(0);
	run();
	if (s)
		ops->logout(&s);
	if (other)
		ops->logout(&other);
	ops->close(&backend);
	conf_unref(&conf);
	arena_free(&a);
	printf("%u tests, %u checks, %u failed\n", tests, checks, failures);
	return failures ? 1 : 0;
}
