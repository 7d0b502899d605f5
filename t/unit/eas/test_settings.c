/* Settings: each property by itself [MS-ASCMD 2.2.1.18], in the shape that the version has. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "world.h"

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
	call_end(&call);
	world_close(&w);
	return 0;
}

static void
begin(unsigned version)
{
	call_begin(&call, &w, "phone", version, EAS_SETTINGS);
	wbxml_start(&call.w, Settings_Settings);
}

/* A property with an action in it; 0: none. */
static void
ask(unsigned property, unsigned action)
{
	wbxml_start(&call.w, property);
	if (action)
		wbxml_empty(&call.w, action);
	wbxml_end(&call.w);
}

static int64_t
status_of(unsigned property)
{
	return wbxml_int(wbxml_child(call.answer, property), Settings_Status, -1, -2);
}

static void
test_malformed(void **state)
{
	static const unsigned properties[] = { Settings_Oof, Settings_DevicePassword, Settings_DeviceInformation, Settings_UserInformation,
		Settings_RightsManagementInformation };

	(void)state;
	begin(141);
	call_run(&call); /* none at all is allowed (MS-ASCMD_R477) */
	assert_int_equal(wbxml_int(call.answer, Settings_Status, -1, -2), 1);
	assert_null(call.answer->child->next);
	call_end(&call);
	begin(141);
	for (size_t i = 0; i < ARRAY_LEN(properties); i++)
		ask(properties[i], 0);
	call_run(&call);
	assert_int_equal(wbxml_int(call.answer, Settings_Status, -1, -2), 1);
	for (size_t i = 0; i < ARRAY_LEN(properties); i++)
		assert_int_equal(status_of(properties[i]), 2);
}

/* None can be set, so none is: it can be asked for and switched off. */
static void
test_out_of_office(void **state)
{
	static const unsigned path[] = { Settings_Oof, Settings_Get };

	(void)state;
	begin(141);
	wbxml_start(&call.w, Settings_Oof);
	wbxml_start(&call.w, Settings_Get);
	wbxml_put(&call.w, Settings_BodyType, "Text");
	call_run(&call);
	assert_int_equal(status_of(Settings_Oof), 1);
	assert_int_equal(wbxml_int(wbxml_path(call.answer, path, 2), Settings_OofState, -1, -2), 0);
	for (int on = 0; on < 3; on++) {
		call_end(&call);
		begin(141);
		wbxml_start(&call.w, Settings_Oof);
		wbxml_start(&call.w, Settings_Set);
		wbxml_put_int(&call.w, Settings_OofState, on);
		call_run(&call);
		assert_int_equal(status_of(Settings_Oof), on ? 5 : 1);
	}
}

static void
test_what_there_is_not(void **state)
{
	(void)state;
	begin(141);
	ask(Settings_DevicePassword, Settings_Set);
	ask(Settings_RightsManagementInformation, Settings_Get);
	call_run(&call);
	assert_int_equal(status_of(Settings_DevicePassword), 7);
	assert_int_equal(status_of(Settings_RightsManagementInformation), 168);
	call_end(&call);
	begin(140); /* R7084 */
	ask(Settings_RightsManagementInformation, Settings_Get);
	call_run(&call);
	assert_int_equal(status_of(Settings_RightsManagementInformation), -1);
}

/* R6980, R6981, R7421, R7422: accounts and the primary address from 14.1. */
static void
test_user_information(void **state)
{
	static const unsigned plain[] = { Settings_UserInformation, Settings_Get, Settings_EmailAddresses },
		account[] = { Settings_UserInformation, Settings_Get, Settings_Accounts, Settings_Account, Settings_EmailAddresses };
	static const unsigned versions[] = { 121, 140, 141, 160, 161 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(versions); i++) {
		bool accounts = versions[i] >= 141;
		const struct wbxml_node *addresses;

		if (i)
			call_end(&call);
		begin(versions[i]);
		ask(Settings_UserInformation, Settings_Get);
		call_run(&call);
		assert_int_equal(status_of(Settings_UserInformation), 1);
		addresses = accounts ? wbxml_path(call.answer, account, 5) : wbxml_path(call.answer, plain, 3);
		assert_non_null(addresses);
		assert_string_equal(wbxml_text(addresses, Settings_SMTPAddress), "alice@example.org");
		assert_int_equal(wbxml_has(addresses, Settings_PrimarySmtpAddress), accounts);
		assert_int_equal(wbxml_path(call.answer, accounts ? plain : account, accounts ? 3 : 5) != NULL, false);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_malformed, open_world, close_world),
		cmocka_unit_test_setup_teardown(test_out_of_office, open_world, close_world),
		cmocka_unit_test_setup_teardown(test_what_there_is_not, open_world, close_world),
		cmocka_unit_test_setup_teardown(test_user_information, open_world, close_world),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
