/* The store, on SQLite (no argument) and on MariaDB (mariadb; mariadb snapshot: with innodb_snapshot_isolation). */
#include <stdlib.h>

#include "store.h"

#define RUN(name) \
	(only && strcmp(only, #name) != 0 ? 0 : \
		_cmocka_run_group_tests(#name, name##_tests, n_##name##_tests, NULL, NULL))

int
main(int argc, char **argv)
{
	int status = store_main(argc, argv);
	const char *only = getenv("CPUSH_TEST_SUITE");

	if (status >= 0)
		return status;
	int failed =
		RUN(pack) + RUN(open) + RUN(device) + RUN(folder) + RUN(item) + RUN(collection) + RUN(housekeep) + RUN(run);
	failed += on_mariadb ? RUN(mariadb) : RUN(sqlite);
	/* Last: it looks at what the others have asked. */
	failed += only ? 0 : RUN(index);
	return failed ? 1 : 0;
}
