/* The trace of a device: each request once, each answer, and the contents only where the admin said so. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "world.h"

#define VERSION 141

static struct world w;
static struct call call;

static int
open_world(void **state)
{
	(void)state;
	/* Into the directory that the tests run in: that of the world is not known before it is made. */
	world_open(&w, "sqlite", "heartbeat_min = 60\n[trace traced]\ndir = .\nprivate = no\n[trace hiding]\ndir = .\nprivate = ON\n");
	remove("traced.xml");
	remove("hiding.xml");
	return 0;
}

static int
close_world(void **state)
{
	(void)state;
	world_close(&w);
	remove("traced.xml");
	remove("hiding.xml");
	return 0;
}

/* The file, "" where there is none. */
static const char *
trace_of(const char *device)
{
	static char text[65536];
	char path[64];
	FILE *f;

	snprintf(path, sizeof path, "%s.xml", device);
	f = fopen(path, "r");
	text[f ? fread(text, 1, sizeof text - 1, f) : 0] = '\0';
	if (f)
		fclose(f);
	return text;
}

static unsigned
count(const char *text, const char *what)
{
	unsigned n = 0;

	for (const char *p = text; (p = strstr(p, what)) != NULL; p++)
		n++;
	return n;
}

static void
begin_foldersync(const char *device)
{
	call_begin(&call, &w, device, VERSION, EAS_FOLDERSYNC);
	wbxml_start(&call.w, FolderHierarchy_FolderSync);
	wbxml_put(&call.w, FolderHierarchy_SyncKey, "0");
}

static void
foldersync(const char *device)
{
	begin_foldersync(device);
	call_run_whole(&call);
	assert_int_equal(call.outcome, EAS_DONE);
	call_end(&call);
}

static void
test_contents_are_left_out_however_yes_is_written(void **state)
{
	(void)state;
	foldersync("hiding");
	assert_int_equal(count(trace_of("hiding"), "answer FolderSync"), 1);
	assert_int_equal(count(trace_of("hiding"), "Inbox"), 0);
	foldersync("traced");
	assert_int_equal(count(trace_of("traced"), "Inbox"), 1);
}

static void
test_waiting_request_has_its_answer(void **state)
{
	struct call answer;
	char id[32];

	(void)state;
	snprintf(id, sizeof id, "%lld", (long long)world_folder(&w, "traced", VERSION, "Inbox"));
	call_begin(&call, &w, "traced", VERSION, EAS_PING);
	wbxml_start(&call.w, Ping_Ping);
	wbxml_put_int(&call.w, Ping_HeartbeatInterval, 60);
	wbxml_start(&call.w, Ping_Folders);
	wbxml_start(&call.w, Ping_Folder);
	wbxml_put(&call.w, Ping_Id, id);
	wbxml_put(&call.w, Ping_Class, "Email");
	call_run_whole(&call);
	assert_int_equal(call.outcome, EAS_PARK);
	assert_int_equal(count(trace_of("traced"), "answer Ping"), 0);
	call_begin(&answer, &w, "traced", VERSION, EAS_PING);
	call_resume(&answer, call.r.park, EAS_WAKE_DEADLINE);
	assert_int_equal(answer.outcome, EAS_DONE);
	call_end(&answer);
	call_end(&call);
	assert_int_equal(count(trace_of("traced"), "request Ping"), 1);
	assert_int_equal(count(trace_of("traced"), "answer Ping"), 1);
	assert_non_null(strstr(strstr(trace_of("traced"), "answer Ping"), "<Status>1</Status>"));
}

static void
test_request_that_is_run_again_is_there_once(void **state)
{
	(void)state;
	begin_foldersync("traced");
	mem_fail(w.mem, MEM_FOLDERS, 1, MEM_BEFORE, ERR_BUSY);
	call_run_whole(&call);
	assert_int_equal(call.outcome, EAS_BUSY);
	call_run_whole(&call);
	assert_int_equal(call.outcome, EAS_DONE);
	call_end(&call);
	assert_int_equal(count(trace_of("traced"), "request FolderSync"), 1);
	assert_int_equal(count(trace_of("traced"), "answer FolderSync"), 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_contents_are_left_out_however_yes_is_written, open_world, close_world),
		cmocka_unit_test_setup_teardown(test_waiting_request_has_its_answer, open_world, close_world),
		cmocka_unit_test_setup_teardown(test_request_that_is_run_again_is_there_once, open_world, close_world),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
