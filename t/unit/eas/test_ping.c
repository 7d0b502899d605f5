/* Ping: what it answers at once, what it waits for, and what wakes it. */
#include "eas/clock.h"
#include "sync_kit.h"

#define MAIL "Message-ID: <one@example.org>\r\nFrom: a@example.org\r\nTo: b@example.org\r\nSubject: hello\r\n\r\ntext\r\n"
#define CARD "BEGIN:VCARD\r\nVERSION:3.0\r\nUID:1\r\nFN:Ada\r\nN:;Ada;;;\r\nEND:VCARD\r\n"
#define SETTINGS "heartbeat_min = 60\nheartbeat_max = 3540\nping_folders = 3\nquiet = 60\nquiet_max = 300\n"

static int64_t inbox, contacts;
static struct call ping;
static bool pinged;

static int
open_settled(void **state)
{
	char settings[] = SETTINGS;
	void *with = settings;

	(void)state;
	kit_open(&with);
	pinged = false;
	inbox = folder_named("Inbox");
	contacts = folder_named("Contacts");
	mem_add(kit.mem, WORLD_USER, "inbox", "1", MAIL, 0, (int64_t)TODAY * DAY);
	mem_add(kit.mem, WORLD_USER, "contacts", "a.vcf", CARD, 0, BACKEND_NO_DATE);
	sync_from_start(inbox, 0);
	sync_one(inbox, -1, -1, -1);
	sync_from_start(contacts, 0);
	sync_one(contacts, -1, -1, -1);
	kit.ended = 0;
	return 0;
}

static int
close_all(void **state)
{
	if (pinged)
		call_end(&ping);
	return kit_close(state);
}

static void
begin(void)
{
	if (pinged)
		call_end(&ping);
	call_begin(&ping, &kit, PHONE, version, EAS_PING);
	pinged = true;
}

static void
ask(int seconds, const int64_t *folders, size_t n)
{
	char id[ID_MAX];

	begin();
	wbxml_start(&ping.w, Ping_Ping);
	if (seconds)
		wbxml_put_int(&ping.w, Ping_HeartbeatInterval, seconds);
	if (n)
		wbxml_start(&ping.w, Ping_Folders);
	for (size_t i = 0; i < n; i++) {
		wbxml_start(&ping.w, Ping_Folder);
		wbxml_put(&ping.w, Ping_Id, id_folder(folders[i], id));
		wbxml_put(&ping.w, Ping_Class, "Email");
		wbxml_end(&ping.w);
	}
	call_run(&ping);
}

static void
ask_both(int seconds)
{
	ask(seconds, (int64_t[]){ inbox, contacts }, 2);
}

static int
status(const struct call *c)
{
	return (int)wbxml_int(c->answer, Ping_Status, -1, -2);
}

static bool
names(const struct call *c, int64_t folder)
{
	const struct wbxml_node *n = wbxml_child(wbxml_child(c->answer, Ping_Folders), Ping_Folder);
	char id[ID_MAX];

	id_folder(folder, id);
	while (n && strcmp(n->text, id) != 0)
		n = wbxml_next(n, Ping_Folder);
	return n != NULL;
}

/* As the responder's job does it. */
static void
look(const char *folder_key)
{
	const struct backend_login who = { WORLD_USER, "secret", NULL };
	struct account *a;
	struct error e = { 0 };

	assert_int_equal(account_login(kit.backends, &who, &a, &e), ERR_OK);
	assert_int_equal(eas_refresh(&kit.server, a, folder_key, NULL, &e), ERR_OK);
	account_release(&a);
}

static int64_t
due(void)
{
	return eas_due(&kit.server, ping.r.park, NULL);
}

static int
resumed(enum eas_wake why, int64_t folder)
{
	struct call c;
	int s;

	call_begin(&c, &kit, PHONE, version, EAS_PING);
	call_resume(&c, ping.r.park, why);
	assert_int_equal(c.outcome, EAS_DONE);
	s = status(&c);
	if (folder)
		assert_true(names(&c, folder));
	call_end(&c);
	return s;
}

static void
waits_on(enum eas_wake why)
{
	struct call c;

	call_begin(&c, &kit, PHONE, version, EAS_PING);
	call_resume(&c, ping.r.park, why);
	assert_int_equal(c.outcome, EAS_PARK);
	call_end(&c);
}

/* ---- at once ---- */

static void
an_empty_ping_with_nothing_stored_is_3(void **state)
{
	(void)state;
	begin();
	call_run_empty(&ping);
	assert_int_equal(status(&ping), 3);
}

static void
an_empty_ping_takes_the_stored_one(void **state)
{
	(void)state;
	ask_both(600);
	begin();
	call_run_empty(&ping);
	assert_int_equal(ping.outcome, EAS_PARK);
	assert_int_equal(ping.r.park->n, 2);
	ask(900, NULL, 0); /* another interval, the same folders */
	assert_int_equal(ping.outcome, EAS_PARK);
	assert_int_equal(ping.r.park->n, 2);
}

static void
an_interval_out_of_range_is_5_with_the_bound(void **state)
{
	(void)state;
	ask_both(10);
	assert_int_equal(status(&ping), 5);
	assert_int_equal(wbxml_int(ping.answer, Ping_HeartbeatInterval, 0, 0), 60);
	ask_both(100000);
	assert_int_equal(status(&ping), 5);
	assert_int_equal(wbxml_int(ping.answer, Ping_HeartbeatInterval, 0, 0), 3540);
}

static void
too_many_folders_are_6_with_the_number(void **state)
{
	(void)state;
	ask(600, (int64_t[]){ inbox, contacts, 4711, 4712 }, 4);
	assert_int_equal(status(&ping), 6);
	assert_int_equal(wbxml_int(ping.answer, Ping_MaxFolders, 0, 0), 3);
}

/* R6699 */
static void
a_folder_that_is_listed_twice_is_4(void **state)
{
	(void)state;
	ask(60, (int64_t[]){ inbox, contacts, inbox }, 3);
	assert_int_equal(status(&ping), 4);
}

static void
an_unknown_folder_is_7(void **state)
{
	(void)state;
	ask(600, (int64_t[]){ inbox, 4711 }, 2);
	assert_int_equal(status(&ping), 7);
}

static void
what_is_there_already_is_told_at_once(void **state)
{
	(void)state;
	mem_add(kit.mem, WORLD_USER, "inbox", "2", MAIL, 0, (int64_t)TODAY * DAY);
	look("mem:inbox");
	ask_both(600);
	assert_int_equal(ping.outcome, EAS_DONE);
	assert_int_equal(status(&ping), 2);
	assert_true(names(&ping, inbox));
	assert_false(names(&ping, contacts));
}

static void
a_newer_ping_ends_what_waits(void **state)
{
	(void)state;
	ask_both(600);
	assert_int_equal(kit.ended, EAS_WAIT_PING | EAS_WAIT_SYNC);
	assert_int_equal(kit.ended_why, EAS_WAKE_SUPERSEDED);
}

/* ---- waiting ---- */

static void
nothing_new_waits_for_its_folders(void **state)
{
	(void)state;
	ask_both(600);
	assert_int_equal(ping.outcome, EAS_PARK);
	assert_int_equal(ping.r.park->kind, EAS_WAIT_PING);
	assert_int_equal(ping.r.park->n, 2);
	assert_string_equal(ping.r.park->folders[0].key, "mem:inbox");
	assert_true(ping.r.park->deadline - eas_monotonic() <= 600 && ping.r.park->deadline - eas_monotonic() > 500);
	assert_true(due() == INT64_MAX);
}

static void
a_new_mail_wakes_at_once(void **state)
{
	(void)state;
	ask_both(600);
	mem_add(kit.mem, WORLD_USER, "inbox", "2", MAIL, 0, (int64_t)TODAY * DAY);
	look("mem:inbox");
	assert_int_equal(due(), 0);
	assert_int_equal(resumed(EAS_WAKE_CHANGE, inbox), 2);
}

static void
a_changed_contact_wakes_at_once(void **state)
{
	(void)state;
	ask_both(600);
	mem_edit(kit.mem, WORLD_USER, "contacts", "a.vcf", CARD);
	look("mem:contacts");
	assert_int_equal(due(), 0);
	assert_int_equal(resumed(EAS_WAKE_CHANGE, contacts), 2);
}

static void
a_changed_mail_wakes_after_a_quiet_minute(void **state)
{
	int64_t start = 1000;

	(void)state;
	ask_both(600);
	eas_clock_set_monotonic(start);
	mem_set_flags(kit.mem, WORLD_USER, "inbox", "1", FLAG_SEEN, NULL);
	look("mem:inbox");
	assert_int_equal(due(), start + 60);
	eas_clock_set_monotonic(start + 50);
	assert_int_equal(due(), start + 60); /* asked again for another reason: nothing more has changed */
	mem_set_flags(kit.mem, WORLD_USER, "inbox", "1", FLAG_SEEN | FLAG_FLAGGED, NULL);
	look("mem:inbox");
	assert_int_equal(due(), start + 110);
	eas_clock_set_monotonic(start + 110);
	assert_true(due() <= start + 110);
	assert_int_equal(resumed(EAS_WAKE_CHANGE, inbox), 2);
}

static void
changes_without_end_wake_after_five_minutes(void **state)
{
	int64_t start = 1000;

	(void)state;
	ask_both(600);
	for (int64_t t = 0; t < 290; t += 30) {
		eas_clock_set_monotonic(start + t);
		mem_set_flags(kit.mem, WORLD_USER, "inbox", "1", t / 30 % 2 ? FLAG_SEEN : 0, NULL);
		look("mem:inbox");
		assert_true(due() <= start + 300);
	}
	assert_int_equal(due(), start + 300);
}

static void
a_changed_mail_turns_the_end_into_a_2(void **state)
{
	(void)state;
	ask_both(600);
	mem_set_flags(kit.mem, WORLD_USER, "inbox", "1", FLAG_SEEN, NULL);
	look("mem:inbox");
	assert_int_equal(resumed(EAS_WAKE_DEADLINE, inbox), 2);
}

static void
the_phones_own_work_does_not_wake_it(void **state)
{
	char id[ID_MAX];
	int64_t item;

	(void)state;
	snprintf(key, sizeof key, "0");
	sync_one(inbox, -1, -1, -1);
	sync_one(inbox, -1, -1, 0);
	item = told_item(inbox, 0);
	ask_sync();
	ask_collection(inbox, key);
	ask_commands();
	wbxml_start(&call.w, AirSync_Change);
	wbxml_put(&call.w, AirSync_ServerId, id_item(inbox, item, id));
	wbxml_start(&call.w, AirSync_ApplicationData);
	wbxml_put_int(&call.w, Email_Read, 1);
	run();
	ask_both(600);
	assert_int_equal(ping.outcome, EAS_PARK);
	look("mem:inbox");
	assert_true(due() == INT64_MAX);
}

/* The mail is gone again when the wait would end for it: nobody is to hear of that before the heartbeat is over. */
static void
what_came_and_went_does_not_end_the_wait(void **state)
{
	(void)state;
	ask_both(600);
	mem_add(kit.mem, WORLD_USER, "inbox", "2", MAIL, 0, (int64_t)TODAY * DAY);
	look("mem:inbox");
	assert_int_equal(due(), 0);
	mem_delete(kit.mem, WORLD_USER, "inbox", "2");
	look("mem:inbox");
	waits_on(EAS_WAKE_CHANGE);
	assert_true(due() == INT64_MAX);
	assert_int_equal(resumed(EAS_WAKE_DEADLINE, 0), 1);
}

static void
a_folder_that_was_never_synced_does_not_wake(void **state)
{
	int64_t archive = folder_named("Archive");

	(void)state;
	mem_add(kit.mem, WORLD_USER, "archive", "2", MAIL, 0, (int64_t)TODAY * DAY);
	look("mem:archive");
	ask(600, &archive, 1);
	assert_int_equal(ping.outcome, EAS_PARK);
	assert_true(due() == INT64_MAX);
}

/* ---- how it ends ---- */

static void
the_end_of_a_quiet_wait_is_1(void **state)
{
	(void)state;
	ask_both(600);
	assert_int_equal(resumed(EAS_WAKE_DEADLINE, 0), 1);
	assert_int_equal(resumed(EAS_WAKE_SUPERSEDED, 0), 1);
	assert_int_equal(resumed(EAS_WAKE_SHUTDOWN, 0), 1);
}

/* The FolderSync that follows is refused: nothing else is told, though there is something. */
static void
policies_and_wipes_are_7(void **state)
{
	(void)state;
	ask_both(600);
	mem_add(kit.mem, WORLD_USER, "inbox", "2", MAIL, 0, (int64_t)TODAY * DAY);
	look("mem:inbox");
	world_wipe(&kit, PHONE, WIPE_ASKED);
	assert_int_equal(due(), 0);
	assert_int_equal(resumed(EAS_WAKE_CHANGE, 0), 7);
	assert_int_equal(resumed(EAS_WAKE_DEADLINE, 0), 7);
	world_wipe(&kit, PHONE, WIPE_NONE);
	world_configure(&kit, SETTINGS "[policy]\nDevicePasswordEnabled = 1");
	assert_int_equal(resumed(EAS_WAKE_CHANGE, 0), 7);
	sync_one(inbox, -1, -1, -1);
	assert_int_equal(due(), 0);
	ask_both(600);
	assert_int_equal(status(&ping), 7);
}

/* Another device's FolderSync finds a new folder: what waits on this one ends, once. */
static void
changed_folders_are_7(void **state)
{
	(void)state;
	ask_both(600);
	assert_int_equal(ping.outcome, EAS_PARK);
	assert_true(due() == INT64_MAX);
	mem_folder_add(kit.mem, WORLD_USER, "new", "", "New", BACKEND_MAIL, 0);
	kit.nudges = 0;
	world_folder(&kit, "other", version, "New");
	assert_true(kit.nudges > 0);
	assert_int_equal(due(), 0);
	assert_int_equal(resumed(EAS_WAKE_CHANGE, 0), 7);
	/* Phones that do not ask then would loop. */
	ask_both(600);
	assert_int_equal(ping.outcome, EAS_PARK);
	assert_true(due() == INT64_MAX);
	/* But the answer may have been lost. */
	eas_clock_set((int64_t)TODAY * DAY + DAY / 2 + 901);
	assert_int_equal(due(), 0);
}

/* The folders changed while the phone did not wait. */
static void
folders_that_changed_before_are_7_at_once(void **state)
{
	(void)state;
	mem_folder_drop(kit.mem, WORLD_USER, "archive");
	world_folder(&kit, "other", version, "Archive");
	ask_both(600);
	assert_int_equal(status(&ping), 7);
	world_folder(&kit, PHONE, version, "Archive");
	ask_both(600);
	assert_int_equal(ping.outcome, EAS_PARK);
	assert_true(due() == INT64_MAX);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, open_settled, close_all)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_empty_ping_with_nothing_stored_is_3),
		TEST(an_empty_ping_takes_the_stored_one),
		TEST(an_interval_out_of_range_is_5_with_the_bound),
		TEST(too_many_folders_are_6_with_the_number),
		TEST(a_folder_that_is_listed_twice_is_4), TEST(an_unknown_folder_is_7),
		TEST(what_is_there_already_is_told_at_once),
		TEST(a_newer_ping_ends_what_waits),
		TEST(nothing_new_waits_for_its_folders),
		TEST(a_new_mail_wakes_at_once),
		TEST(a_changed_contact_wakes_at_once),
		TEST(a_changed_mail_wakes_after_a_quiet_minute),
		TEST(changes_without_end_wake_after_five_minutes),
		TEST(a_changed_mail_turns_the_end_into_a_2),
		TEST(the_phones_own_work_does_not_wake_it),
		TEST(what_came_and_went_does_not_end_the_wait),
		TEST(a_folder_that_was_never_synced_does_not_wake),
		TEST(the_end_of_a_quiet_wait_is_1),
		TEST(policies_and_wipes_are_7),
		TEST(changed_folders_are_7),
		TEST(folders_that_changed_before_are_7_at_once),
	};

	if (log_open("stderr", LEVEL_ERROR))
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
