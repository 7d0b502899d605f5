/* What is refused before a command runs: by an HTTP status up to 12.1, in the command's own answer from 14.0 [MS-ASCMD 2.2.2]. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "world.h"

#define BYTES(text) { (const unsigned char *)(text), sizeof(text) - 1 }

static struct world w;
static struct call call;

static int
open_world(void **state)
{
	(void)state;
	world_open(&w, "sqlite", NULL);
	return 0;
}

static int
close_world(void **state)
{
	(void)state;
	world_close(&w);
	return 0;
}

/* A request as the responder hands it over. */
static void
begin(unsigned version, enum eas_command command, struct slice body)
{
	call_begin(&call, &w, "phone", version, command);
	call.r.body = body;
}

static void
run(void)
{
	call_run_whole(&call);
	assert_int_equal(call.outcome, EAS_DONE);
}

/* The answer is <ROOT><Status> alone. */
static void
assert_status(unsigned root, unsigned tag, int64_t status)
{
	assert_int_equal(call.r.reply.status, 200);
	assert_non_null(call.answer);
	assert_int_equal(call.answer->tag, root);
	assert_int_equal(wbxml_int(call.answer, tag, -1, -2), status);
	assert_null(call.answer->child->next);
}

static void
assert_http(unsigned status)
{
	assert_int_equal(call.r.reply.status, status);
	assert_int_equal(call.r.reply.body.len, 0);
}

/* R7545, R7547: 400 where the version has no Status for it. */
static void
test_bodies(void **state)
{
	static const struct slice empty = { NULL, 0 }, text = BYTES("hello"), cut = BYTES("\x03\x01\x6a\x00\x45"),
		other = BYTES("\x03\x01\x6a\x00\x00\x0d\x05"); /* <Ping/> */
	static const struct {
		enum eas_command command;
		struct slice body;
		const char *type;
		unsigned root, tag, status;
	} cases[] = {
		{ EAS_FOLDERSYNC, empty, "", FolderHierarchy_FolderSync, FolderHierarchy_Status, 101 },
		{ EAS_SENDMAIL, empty, "message/rfc822", ComposeMail_SendMail, ComposeMail_Status, 101 },
		{ EAS_PING, text, "text/plain", Ping_Ping, Ping_Status, 101 }, /* R4813 */
		{ EAS_SYNC, cut, "application/vnd.ms-sync.wbxml", AirSync_Sync, AirSync_Status, 102 },
		{ EAS_ITEMOPERATIONS, cut, "", ItemOperations_ItemOperations, ItemOperations_Status, 102 },
		{ EAS_SETTINGS, other, "application/vnd.ms-sync.wbxml", Settings_Settings, Settings_Status, 103 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		for (unsigned k = 0; k < 3; k++) {
			unsigned version = (unsigned[]){ 121, 140, 161 }[k];

			begin(version, cases[i].command, cases[i].body);
			call.r.content_type = cases[i].type;
			run();
			if (version == 121)
				assert_http(400);
			else
				assert_status(cases[i].root, cases[i].tag, cases[i].status);
			call_end(&call);
		}
	}
}

/* R4813: up to 12.1 SendMail has a message; elements would go out as one. */
static void
test_elements_are_no_message(void **state)
{
	static const struct slice body = BYTES("\x03\x01\x6a\x00\x00\x15\x45\x01");

	(void)state;
	begin(121, EAS_SENDMAIL, body);
	run();
	assert_http(400);
	call_end(&call);
}

static void
test_device(void **state)
{
	static const struct {
		const char *id, *type;
		unsigned status;
	} cases[] = {
		{ "", "Test", 108 },
		{ "a b", "Test", 108 },
		{ "a\xc3\xa9", "Test", 108 },
		{ "phone", "", 109 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		for (unsigned k = 0; k < 2; k++) {
			begin(k ? 141 : 121, EAS_PING, slice(NULL, 0));
			call.r.query.device_id = cases[i].id;
			call.r.query.device_type = cases[i].type;
			run();
			if (k)
				assert_status(Ping_Ping, Ping_Status, cases[i].status);
			else
				assert_http(400);
			call_end(&call);
		}
	}
}

/* R4895, R7558: what OPTIONS does not name. */
static void
test_commands_that_are_not_offered(void **state)
{
	static const struct {
		enum eas_command command;
		unsigned root, tag;
	} cases[] = {
		{ EAS_SEARCH, Search_Search, Search_Status },
		{ EAS_MEETINGRESPONSE, MeetingResponse_MeetingResponse, MeetingResponse_Status },
		{ EAS_RESOLVERECIPIENTS, ResolveRecipients_ResolveRecipients, ResolveRecipients_Status },
		{ EAS_VALIDATECERT, ValidateCert_ValidateCert, ValidateCert_Status },
		{ EAS_FIND, Find_Find, Find_Status },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		begin(161, cases[i].command, slice(NULL, 0));
		run();
		assert_status(cases[i].root, cases[i].tag, 137);
		call_end(&call);
		begin(121, cases[i].command, slice(NULL, 0));
		run();
		assert_http(501);
		call_end(&call);
	}
	begin(161, EAS_UNKNOWN, slice(NULL, 0)); /* nobody knows what its answer looks like */
	run();
	assert_http(501);
	call_end(&call);
}

/* R4897, R7559 */
static void
test_versions(void **state)
{
	(void)state;
	begin(170, EAS_SYNC, slice(NULL, 0));
	run();
	assert_status(AirSync_Sync, AirSync_Status, 138);
	call_end(&call);
	for (unsigned k = 0; k < 3; k++) {
		begin((unsigned[]){ 0, 25, 120 }[k], EAS_SYNC, slice(NULL, 0));
		run();
		assert_http(400);
		call_end(&call);
	}
	begin(141, EAS_GETATTACHMENT, slice(NULL, 0)); /* R6022; it has no elements that could say so */
	run();
	assert_http(400);
	call_end(&call);
}

/* OPTIONS names what runs, and nothing else. */
static void
test_options(void **state)
{
	char names[1024], *save = NULL;
	unsigned n = 0;

	(void)state;
	begin(0, EAS_OPTIONS, slice(NULL, 0));
	run();
	const char *line = strstr(buf_str(&call.r.reply.headers), "MS-ASProtocolCommands: ");
	assert_non_null(line);
	snprintf(names, sizeof names, "%.*s", (int)strcspn(line, "\r"), line);
	for (const char *name = strtok_r(names + strlen("MS-ASProtocolCommands: "), ",", &save); name; name = strtok_r(NULL, ",", &save)) {
		const struct command *c = command_named(name);

		assert_non_null(c);
		assert_non_null(c->run);
		assert_ptr_equal(command_find(c->code), c);
		n++;
	}
	for (int code = 0; code < 256; code++) {
		const struct command *c = command_find((enum eas_command)code);

		n -= c && c->run;
	}
	assert_int_equal(n, 0);
	assert_null(command_named("OPTIONS"));
	call_end(&call);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_bodies, open_world, close_world),
		cmocka_unit_test_setup_teardown(test_elements_are_no_message, open_world, close_world),
		cmocka_unit_test_setup_teardown(test_device, open_world, close_world),
		cmocka_unit_test_setup_teardown(test_commands_that_are_not_offered, open_world, close_world),
		cmocka_unit_test_setup_teardown(test_versions, open_world, close_world),
		cmocka_unit_test_setup_teardown(test_options, open_world, close_world),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
