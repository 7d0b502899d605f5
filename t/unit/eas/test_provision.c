/* Provision and what is refused without it [MS-ASPROV 3.1.5.1]: keys that are wrong, phones that cannot, wipes. */
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
	world_open(&w, "sqlite", "[policy]\nDevicePasswordEnabled = 1");
	return 0;
}

static int
open_lenient(void **state)
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
	call.world = NULL;
	world_close(&w);
	return 0;
}

/* ---- asking ---- */

static void
begin(unsigned version, enum eas_command command, uint32_t key)
{
	if (call.world)
		call_end(&call);
	call_begin(&call, &w, "phone", version, command);
	call.r.query.has_policy_key = true;
	call.r.query.policy_key = key;
}

/* Phase 1 with acknowledged 0, else phase 2 with that Status (below 0: without one). */
static void
provision(unsigned version, uint32_t key, int acknowledged)
{
	begin(version, EAS_PROVISION, key);
	wbxml_start(&call.w, Provision_Provision);
	wbxml_start(&call.w, Provision_Policies);
	wbxml_start(&call.w, Provision_Policy);
	wbxml_put(&call.w, Provision_PolicyType, "MS-EAS-Provisioning-WBXML");
	if (acknowledged)
		wbxml_put_int(&call.w, Provision_PolicyKey, key);
	if (acknowledged > 0)
		wbxml_put_int(&call.w, Provision_Status, acknowledged);
	call_run_whole(&call);
}

static const struct wbxml_node *
policy(void)
{
	return wbxml_child(wbxml_child(call.answer, Provision_Policies), Provision_Policy);
}

static uint32_t
key_given(void)
{
	return (uint32_t)wbxml_int(policy(), Provision_PolicyKey, 0, 0);
}

static int64_t
status(void)
{
	return wbxml_int(call.answer, Provision_Status, -1, -2);
}

static uint32_t
provisioned(unsigned version)
{
	provision(version, 0, 0);
	assert_int_equal(wbxml_int(policy(), Provision_Status, -1, -2), 1);
	provision(version, key_given(), 1);
	assert_int_equal(wbxml_int(policy(), Provision_Status, -1, -2), 1);
	return key_given();
}

/* Status of a FolderSync, or, where there is no body, that of HTTP. */
static int64_t
folder_sync(unsigned version, uint32_t key)
{
	begin(version, EAS_FOLDERSYNC, key);
	wbxml_start(&call.w, FolderHierarchy_FolderSync);
	wbxml_put(&call.w, FolderHierarchy_SyncKey, "0");
	call_run_whole(&call);
	return call.answer ? wbxml_int(call.answer, FolderHierarchy_Status, -1, -2) : (int64_t)call.r.reply.status;
}

static void
ask_for_wipe(enum state_wipe wipe)
{
	begin(141, EAS_PROVISION, 0); /* the device is there */
	world_wipe(&w, "phone", wipe);
}

/* ---- keys ---- */

static void
test_keys(void **state)
{
	uint32_t key;

	(void)state;
	assert_int_equal(folder_sync(141, 0), 142);
	assert_int_equal(folder_sync(121, 0), 449);
	key = provisioned(141);
	assert_int_equal(folder_sync(141, key), 1);
	assert_int_equal(folder_sync(141, key + 1), 144); /* R4912 */
	assert_int_equal(folder_sync(141, 0), 142);
	assert_int_equal(folder_sync(121, key + 1), 449); /* R7566 */
	assert_int_equal(folder_sync(121, key), 1);
	provision(141, key + 1, 1);
	assert_int_equal(status(), 1);
	assert_int_equal(wbxml_int(policy(), Provision_Status, -1, -2), 5);
	assert_int_equal(key_given(), 0);
}

/* It handles the line of HTTP only, whatever the version. */
static void
test_evolution(void **state)
{
	(void)state;
	begin(141, EAS_FOLDERSYNC, 0);
	call.r.query.device_type = "MeeGo";
	call.r.user_agent = "libeas";
	wbxml_start(&call.w, FolderHierarchy_FolderSync);
	wbxml_put(&call.w, FolderHierarchy_SyncKey, "0");
	call_run_whole(&call);
	assert_int_equal(call.r.reply.status, 449);
}

/* The answer to an acknowledgement was lost: the repeat gets the same key. */
static void
test_repeats(void **state)
{
	uint32_t temporary, key;

	(void)state;
	provision(141, 0, 0);
	temporary = key_given();
	provision(141, temporary, 1);
	key = key_given();
	assert_int_not_equal(key, temporary);
	assert_int_equal(folder_sync(141, temporary), 1);
	provision(141, temporary, 1);
	assert_int_equal(key_given(), key);
}

/* Somebody else's policy was acknowledged: it is no word for this one. */
static void
test_old_key(void **state)
{
	uint32_t key;

	(void)state;
	key = provisioned(141);
	call_end(&call);
	call.world = NULL;
	world_configure(&w, "[policy]\nDevicePasswordEnabled = 1\nMinDevicePasswordLength = 8");
	assert_int_equal(folder_sync(141, key), 143);
	provision(141, key, 1);
	assert_int_equal(wbxml_int(policy(), Provision_Status, -1, -2), 5);
	assert_int_equal(folder_sync(141, key), 143);
	assert_int_equal(folder_sync(141, provisioned(141)), 1);
}

static const char *
setting(unsigned tag)
{
	const struct wbxml_node *document = wbxml_child(wbxml_child(policy(), Provision_Data), Provision_EASProvisionDoc);

	return wbxml_text(document, tag);
}

/* What is not set has its default, so that a setting which is taken out comes undone (R652); "": none. */
static void
assert_open(void)
{
	assert_string_equal(setting(Provision_AllowCamera), "1");
	assert_string_equal(setting(Provision_RequireDeviceEncryption), "0");
	assert_string_equal(setting(Provision_MaxDevicePasswordFailedAttempts), "");
	assert_string_equal(setting(Provision_AllowBluetooth), "2");
	assert_string_equal(setting(Provision_MaxEmailBodyTruncationSize), "-1");
}

static void
test_document(void **state)
{
	(void)state;
	provision(141, 0, 0);
	assert_string_equal(setting(Provision_DevicePasswordEnabled), "1");
	assert_open();
}

/* The policy is taken out of the configuration: the phone is given one that asks nothing, and is left alone then. */
static void
test_policy_that_is_taken_out(void **state)
{
	uint32_t key;

	(void)state;
	key = provisioned(141);
	call_end(&call);
	call.world = NULL;
	world_configure(&w, "");
	assert_int_equal(folder_sync(141, key), 143);
	assert_int_equal(folder_sync(121, key), 449);
	provision(141, 0, 0);
	assert_string_equal(setting(Provision_DevicePasswordEnabled), "0");
	assert_open();
	assert_int_equal(folder_sync(141, key_given()), 143);
	provision(141, 0, 0);
	provision(141, key_given(), 1);
	assert_int_equal(wbxml_int(policy(), Provision_Status, -1, -2), 1);
	assert_int_not_equal(key_given(), 0);
	assert_int_equal(folder_sync(141, key_given()), 1);
	assert_int_equal(folder_sync(141, 4711), 1);
	provision(141, 0, 0);
	assert_int_equal(wbxml_int(policy(), Provision_Status, -1, -2), 2);
}

/* Refused by the phone 139, managed by others 145 (R461); in part is good enough. */
static void
test_acknowledgements(void **state)
{
	static const struct {
		int said;
		int64_t status, http;
	} rows[] = { { 2, 1, 200 }, { 3, 139, 403 }, { 4, 145, 403 } };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		provision(161, 0, 0);
		provision(161, key_given(), rows[i].said);
		assert_int_equal(status(), rows[i].status);
		provision(121, 0, 0);
		provision(121, key_given(), rows[i].said);
		assert_int_equal(call.r.reply.status, rows[i].http);
	}
}

static void
test_malformed(void **state)
{
	(void)state;
	begin(141, EAS_PROVISION, 0);
	wbxml_start(&call.w, Provision_Provision);
	call_run_whole(&call);
	assert_int_equal(status(), 1); /* it asks for a wipe, and there is none (R493) */
	assert_null(call.answer->child->next);
	begin(141, EAS_PROVISION, 0);
	wbxml_start(&call.w, Provision_Provision);
	wbxml_empty(&call.w, Provision_Policies);
	call_run_whole(&call);
	assert_int_equal(status(), 2);
	for (int said = -1; said <= 5; said += 6) { /* -1: not a word of how it went */
		provision(141, 0, 0);
		provision(141, key_given(), said);
		assert_int_equal(status(), 2);
	}
	begin(141, EAS_PROVISION, 0);
	wbxml_start(&call.w, Provision_Provision);
	wbxml_start(&call.w, Provision_Policies);
	wbxml_start(&call.w, Provision_Policy);
	wbxml_put(&call.w, Provision_PolicyType, "MS-WAP-Provisioning-XML");
	call_run_whole(&call);
	assert_int_equal(wbxml_int(policy(), Provision_Status, -1, -2), 3);
}

/* DeviceInformation has a word of its own in the answer, where it came. */
static void
test_device_information(void **state)
{
	(void)state;
	begin(141, EAS_PROVISION, 0);
	wbxml_start(&call.w, Provision_Provision);
	wbxml_start(&call.w, Settings_DeviceInformation);
	wbxml_start(&call.w, Settings_Set);
	wbxml_put(&call.w, Settings_Model, "Phone 1");
	wbxml_end(&call.w);
	wbxml_end(&call.w);
	wbxml_start(&call.w, Provision_Policies);
	wbxml_start(&call.w, Provision_Policy);
	wbxml_put(&call.w, Provision_PolicyType, "MS-EAS-Provisioning-WBXML");
	call_run_whole(&call);
	assert_int_equal(call.answer->child->tag, Settings_DeviceInformation);
	assert_int_equal(wbxml_int(call.answer->child, Settings_Status, -1, -2), 1);
	assert_int_equal(wbxml_int(policy(), Provision_Status, -1, -2), 2); /* no policy here */
}

/* ---- wipes ---- */

static void
acknowledge_wipe(unsigned tag, int said)
{
	begin(161, EAS_PROVISION, 0);
	wbxml_start(&call.w, Provision_Provision);
	wbxml_start(&call.w, tag);
	wbxml_put_int(&call.w, Provision_Status, said);
	call_run_whole(&call);
}

static void
demand(unsigned version)
{
	begin(version, EAS_PROVISION, 0);
	wbxml_start(&call.w, Provision_Provision); /* R622 */
	call_run_whole(&call);
}

static void
test_wipe(void **state)
{
	(void)state;
	ask_for_wipe(WIPE_ASKED);
	assert_int_equal(folder_sync(141, 0), 140);
	demand(141);
	assert_true(wbxml_has(call.answer, Provision_RemoteWipe));
	acknowledge_wipe(Provision_RemoteWipe, 2); /* it failed: it is asked for again (R665, R701) */
	assert_int_equal(status(), 2);
	assert_true(wbxml_has(call.answer, Provision_RemoteWipe));
	assert_int_equal(folder_sync(141, 0), 140);
	acknowledge_wipe(Provision_RemoteWipe, 1);
	assert_int_equal(status(), 1);
	assert_int_equal(folder_sync(141, 0), 126);
	assert_int_equal(folder_sync(121, 0), 403);
}

static void
test_wipe_that_nobody_asked_for(void **state)
{
	(void)state;
	for (int said = 1; said <= 2; said++) {
		acknowledge_wipe(Provision_RemoteWipe, said);
		assert_int_equal(status(), 1);
		assert_false(wbxml_has(call.answer, Provision_RemoteWipe));
	}
	assert_int_equal(folder_sync(141, 0), 1);
}

/* cpush-admin at work while a request runs: FolderSync and Provision end parked ones after they have read the row. */
static enum state_wipe meanwhile;

static void
wipe_meanwhile(void *ctx, const char *user, const char *device_id, unsigned kinds, enum eas_wake why)
{
	(void)ctx;
	(void)user;
	(void)kinds;
	(void)why;
	world_wipe(&w, device_id, meanwhile);
}

static void
test_wipe_meanwhile(void **state)
{
	(void)state;
	meanwhile = WIPE_ASKED;
	w.server.end_parked = wipe_meanwhile;
	assert_int_equal(folder_sync(141, 0), 1);
	assert_int_equal(folder_sync(141, 0), 140);
	meanwhile = WIPE_NONE;
	acknowledge_wipe(Provision_RemoteWipe, 1); /* too late: nobody asks for it any more */
	assert_int_equal(folder_sync(141, 0), 1);
}

/* Before 16.1 there is the whole device or nothing: then nothing, and no service. */
static void
test_wipe_of_the_account(void **state)
{
	(void)state;
	ask_for_wipe(WIPE_ACCOUNT);
	for (unsigned i = 0; i < 2; i++) {
		unsigned version = i ? 160 : 121;

		demand(version);
		assert_false(wbxml_has(call.answer, Provision_RemoteWipe));
		assert_int_equal(i ? status() : (int64_t)call.r.reply.status, i ? 129 : 403);
		assert_int_equal(folder_sync(version, 0), i ? 129 : 403);
	}
	assert_int_equal(folder_sync(161, 0), 140);
	demand(161);
	assert_true(wbxml_has(call.answer, Provision_AccountOnlyRemoteWipe));
	assert_false(wbxml_has(call.answer, Provision_RemoteWipe));
	acknowledge_wipe(Provision_AccountOnlyRemoteWipe, 1);
	assert_int_equal(folder_sync(161, 0), 126);
}

#define TEST(f, open) cmocka_unit_test_setup_teardown(f, open, close_world)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_keys, open_world), TEST(test_repeats, open_world), TEST(test_old_key, open_world), TEST(test_evolution, open_world),
		TEST(test_document, open_world), TEST(test_policy_that_is_taken_out, open_world),
		TEST(test_acknowledgements, open_world), TEST(test_malformed, open_world), TEST(test_device_information, open_lenient),
		TEST(test_wipe, open_lenient), TEST(test_wipe_that_nobody_asked_for, open_lenient),
		TEST(test_wipe_meanwhile, open_lenient),
		TEST(test_wipe_of_the_account, open_lenient),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
