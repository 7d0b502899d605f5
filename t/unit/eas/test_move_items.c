/* MoveItems: each item once in the target, whatever gets lost. */
#include "eas/clock.h"
#include "sync_kit.h"

#define MAIL "Message-ID: <one@example.org>\r\nFrom: a@example.org\r\nTo: b@example.org\r\nSubject: x\r\n\r\ntext\r\n"
#define WHEN ((int64_t)(TODAY - 1) * DAY)

static int64_t inbox, archive, item;
static char archive_key[64];

static int
open_with_mail(void **state)
{
	kit_open(state);
	inbox = folder_named("Inbox");
	archive = folder_named("Archive");
	mem_add(kit.mem, WORLD_USER, "inbox", "1", MAIL, 0, WHEN);
	sync_from_start(archive, 0);
	sync_one(archive, -1, -1, -1);
	snprintf(archive_key, sizeof archive_key, "%s", key);
	snprintf(key, sizeof key, "0");
	sync_one(inbox, -1, -1, -1);
	sync_one(inbox, -1, -1, 0);
	item = told_item(inbox, 0);
	return item ? 0 : -1;
}

/* Status; the id that the item got in dst_r. */
static int
move(int64_t from, int64_t what, int64_t to, int64_t *dst_r)
{
	struct call c;
	const struct wbxml_node *n;
	char id[ID_MAX];
	int64_t folder;
	int status;

	call_begin(&c, &kit, phone, version, EAS_MOVEITEMS);
	wbxml_start(&c.w, Move_MoveItems);
	wbxml_start(&c.w, Move_Move);
	wbxml_put(&c.w, Move_SrcMsgId, id_item(from, what, id));
	wbxml_put(&c.w, Move_SrcFldId, id_folder(from, id));
	wbxml_put(&c.w, Move_DstFldId, id_folder(to, id));
	call_run(&c);
	n = wbxml_child(c.answer, Move_Response);
	status = (int)wbxml_int(n, Move_Status, -1, -2);
	*dst_r = 0;
	if (wbxml_text(n, Move_DstMsgId) && id_parse_item(wbxml_text(n, Move_DstMsgId), &folder, dst_r) && folder != to)
		*dst_r = -1;
	call_end(&c);
	return status;
}

static void
a_thousand_moves_are_the_limit(void **state)
{
	struct call c;

	(void)state;
	for (int n = 1000; n <= 1001; n++) {
		call_begin(&c, &kit, phone, version, EAS_MOVEITEMS);
		wbxml_start(&c.w, Move_MoveItems);
		for (int i = 0; i < n; i++)
			wbxml_empty(&c.w, Move_Move);
		call_run(&c);
		assert_int_equal(wbxml_int(c.answer, Move_Status, 0, -1), n > 1000 ? 103 : 0);
		call_end(&c);
	}
}

static size_t
count(const char *folder)
{
	return mem_count(kit.mem, WORLD_USER, folder);
}

static void
nothing_is_told_of_its_own_move(int64_t moved)
{
	sync_one(inbox, -1, -1, -1);
	if (told(inbox, 0))
		print_message("%s\n", call_dump(&call));
	assert_int_equal(told(inbox, 0), 0);
	snprintf(key, sizeof key, "%s", archive_key);
	sync_one(archive, -1, -1, -1);
	if (told(archive, 0))
		print_message("%lld: %s\n", (long long)moved, call_dump(&call));
	assert_int_equal(told(archive, 0), 0);
}

static void
a_move_is_3_and_the_phone_hears_no_more_of_it(void **state)
{
	int64_t moved;

	(void)state;
	kit.nudges = 0; /* the first FolderSync gave one */
	assert_int_equal(move(inbox, item, archive, &moved), 3);
	assert_true(moved > 0);
	assert_int_equal(count("inbox"), 0);
	assert_int_equal(count("archive"), 1);
	assert_int_equal(kit.nudges, 1);
	nothing_is_told_of_its_own_move(moved);
}

static void
a_repeated_move_gets_the_answer_of_the_first(void **state)
{
	int64_t first, second;

	(void)state;
	assert_int_equal(move(inbox, item, archive, &first), 3);
	assert_int_equal(move(inbox, item, archive, &second), 3);
	assert_int_equal(first, second);
	assert_int_equal(count("archive"), 1);
}

static void
a_move_of_a_process_that_died_is_found(void **state)
{
	int64_t moved;

	(void)state;
	mem_fail(kit.mem, MEM_MOVE, 1, MEM_AFTER, ERR_UNAVAILABLE); /* it is moved, and nobody hears of it */
	assert_int_equal(move(inbox, item, archive, &moved), 7);
	assert_int_equal(count("archive"), 1);
	assert_int_equal(move(inbox, item, archive, &moved), 3);
	assert_int_equal(count("archive"), 1);
	nothing_is_told_of_its_own_move(moved);
}

static void
so_it_is_after_a_look_in_between(void **state)
{
	int64_t moved;

	(void)state;
	mem_fail(kit.mem, MEM_MOVE, 1, MEM_AFTER, ERR_UNAVAILABLE);
	assert_int_equal(move(inbox, item, archive, &moved), 7);
	sync_one(inbox, -1, -1, -1);
	assert_true(is_told(inbox, AirSync_Delete, item));
	assert_int_equal(move(inbox, item, archive, &moved), 3);
	assert_true(moved > 0);
}

static void
a_server_that_does_not_say_where_it_went_is_asked(void **state)
{
	int64_t moved;

	(void)state;
	mem_settings(kit.mem)->unknown_keys = true;
	mem_add(kit.mem, WORLD_USER, "archive", "7", "Message-ID: <other@example.org>\r\n\r\n", 0, WHEN);
	assert_int_equal(move(inbox, item, archive, &moved), 3);
	snprintf(key, sizeof key, "%s", archive_key);
	sync_one(archive, -1, -1, -1);
	assert_int_equal(told(archive, AirSync_Add), 1);
	assert_false(is_told(archive, AirSync_Add, moved));
}

static void
a_mail_without_a_message_id_is_found_by_its_date(void **state)
{
	int64_t moved, plain;

	(void)state;
	mem_settings(kit.mem)->unknown_keys = true;
	mem_add(kit.mem, WORLD_USER, "inbox", "2", "From: a@example.org\r\nSubject: y\r\n\r\nz\r\n", 0, WHEN + 7);
	sync_one(inbox, -1, -1, -1);
	plain = told_item(inbox, 0);
	assert_int_equal(move(inbox, plain, archive, &moved), 3);
	nothing_is_told_of_its_own_move(moved);
}

/* Outside the filter of the target: the phone has it nevertheless, and is not told to drop it, nor gets it twice. */
static void
a_move_below_the_targets_filter_is_exempt(void **state)
{
	int64_t moved, old;

	(void)state;
	snprintf(key, sizeof key, "0");
	sync_one(archive, -1, -1, -1);
	mem_add(kit.mem, WORLD_USER, "archive", "9", MAIL, 0, (int64_t)TODAY * DAY);
	sync_one(archive, -1, -1, 1);
	snprintf(archive_key, sizeof archive_key, "%s", key);
	mem_add(kit.mem, WORLD_USER, "inbox", "3", "Message-ID: <old@example.org>\r\n\r\n", 0, WHEN - 100 * DAY);
	snprintf(key, sizeof key, "0");
	sync_one(inbox, -1, -1, -1);
	sync_one(inbox, -1, -1, 0);
	old = told_item(inbox, 0) == item ? told_item(inbox, 1) : told_item(inbox, 0);
	assert_int_equal(move(inbox, old, archive, &moved), 3);
	snprintf(key, sizeof key, "%s", archive_key);
	sync_one(archive, -1, -1, 1);
	assert_int_equal(told(archive, 0), 0);
	sync_one(archive, -1, -1, 0);
	assert_false(is_told(archive, AirSync_Add, moved));
}

static void
sources_and_targets_that_are_none(void **state)
{
	int64_t moved;

	(void)state;
	assert_int_equal(move(inbox, item + 1000, archive, &moved), 1);
	assert_int_equal(move(4711, item, archive, &moved), 1);
	assert_int_equal(move(inbox, item, 4711, &moved), 2);
	assert_int_equal(move(inbox, item, inbox, &moved), 4);
	assert_int_equal(move(inbox, item, folder_named("Calendar"), &moved), 2);
	assert_int_equal(move(inbox, item, folder_named("Outbox"), &moved), 2);
	assert_int_equal(count("inbox"), 1);
}

/* R4222; without a Move there is nothing to answer to. */
static void
two_targets_are_5_and_none_to_move_is_103(void **state)
{
	struct call c;
	char id[ID_MAX];

	(void)state;
	call_begin(&c, &kit, PHONE, version, EAS_MOVEITEMS);
	wbxml_start(&c.w, Move_MoveItems);
	wbxml_start(&c.w, Move_Move);
	wbxml_put(&c.w, Move_SrcMsgId, id_item(inbox, item, id));
	wbxml_put(&c.w, Move_SrcFldId, id_folder(inbox, id));
	wbxml_put(&c.w, Move_DstFldId, id_folder(archive, id));
	wbxml_put(&c.w, Move_DstFldId, id_folder(inbox, id));
	call_run(&c);
	assert_int_equal(wbxml_int(wbxml_child(c.answer, Move_Response), Move_Status, -1, -2), 5);
	assert_int_equal(count("inbox"), 1);
	call_end(&c);
	call_begin(&c, &kit, PHONE, version, EAS_MOVEITEMS);
	wbxml_start(&c.w, Move_MoveItems);
	call_run(&c);
	assert_int_equal(wbxml_int(c.answer, Move_Status, -1, -2), 103);
	call_end(&c);
}

static void
what_somebody_else_deleted_is_1(void **state)
{
	int64_t moved;

	(void)state;
	mem_delete(kit.mem, WORLD_USER, "inbox", "1");
	assert_int_equal(move(inbox, item, archive, &moved), 1);
}

static void
a_backend_that_is_down_is_7_and_nothing_is_lost(void **state)
{
	int64_t moved;

	(void)state;
	mem_fail(kit.mem, MEM_MOVE, 1, MEM_BEFORE, ERR_UNAVAILABLE);
	assert_int_equal(move(inbox, item, archive, &moved), 7);
	assert_int_equal(count("inbox"), 1);
	assert_int_equal(move(inbox, item, archive, &moved), 3);
}

/* It began anew in the target and lost the answer; then the clock was put back. It goes on with the keys that it has. */
static void
a_beginning_that_was_lost_is_not_its_own(void **state)
{
	char inbox_key[64];
	int64_t moved;

	(void)state;
	snprintf(inbox_key, sizeof inbox_key, "%s", key);
	snprintf(key, sizeof key, "0");
	eas_clock_set((int64_t)TODAY * DAY + DAY / 2 + 3600);
	sync_one(archive, -1, -1, -1);
	eas_clock_set((int64_t)TODAY * DAY + DAY / 2);
	snprintf(key, sizeof key, "%s", inbox_key);
	assert_int_equal(move(inbox, item, archive, &moved), 3);
	nothing_is_told_of_its_own_move(moved);
}

/* It began twice, and the answer of either may have been lost: the key that comes back says which one it goes on with. */
static void
goes_on_with_one_of_two_beginnings(int one)
{
	char keys[2][sizeof key];
	int64_t moved;

	phone = "other";
	sync_from_start(inbox, 0);
	for (int i = 0; i < 2; i++) {
		snprintf(key, sizeof key, "0");
		sync_one(archive, -1, -1, -1);
		snprintf(keys[i], sizeof keys[i], "%s", key);
	}
	assert_int_equal(move(inbox, item, archive, &moved), 3);
	snprintf(key, sizeof key, "%s", keys[one]);
	sync_one(archive, -1, -1, -1);
	assert_int_equal(told(archive, 0), 0);
	mem_add(kit.mem, WORLD_USER, "archive", "9", "Message-ID: <two@example.org>\r\n\r\n", 0, WHEN);
	sync_one(archive, -1, -1, -1);
	assert_int_equal(told(archive, 0), 1);
	assert_false(is_told(archive, 0, moved));
}

static void
a_move_before_the_first_sync_is_its_own(void **state)
{
	(void)state;
	goes_on_with_one_of_two_beginnings(0);
}

static void
so_it_is_with_the_later_beginning(void **state)
{
	(void)state;
	goes_on_with_one_of_two_beginnings(1);
}

/* The phone has the mail in the source, and will be told of it in the target as of anybody's work. */
static void
what_another_device_has_moved_is_1(void **state)
{
	char source[sizeof key], target[sizeof key];
	int64_t moved;

	(void)state;
	phone = "other";
	sync_from_start(inbox, 0);
	snprintf(source, sizeof source, "%s", key);
	sync_from_start(archive, 0);
	snprintf(target, sizeof target, "%s", key);
	phone = PHONE;
	assert_int_equal(move(inbox, item, archive, &moved), 3);
	phone = "other";
	assert_int_equal(move(inbox, item, archive, &(int64_t){ 0 }), 1);
	snprintf(key, sizeof key, "%s", source);
	sync_one(inbox, -1, -1, -1);
	assert_true(is_told(inbox, AirSync_Delete, item));
	snprintf(key, sizeof key, "%s", target);
	sync_one(archive, -1, -1, -1);
	assert_true(is_told(archive, AirSync_Add, moved));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, open_with_mail, kit_close)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_move_is_3_and_the_phone_hears_no_more_of_it),
		TEST(a_repeated_move_gets_the_answer_of_the_first),
		TEST(a_move_of_a_process_that_died_is_found),
		TEST(so_it_is_after_a_look_in_between),
		TEST(a_server_that_does_not_say_where_it_went_is_asked),
		TEST(a_mail_without_a_message_id_is_found_by_its_date),
		TEST(a_move_below_the_targets_filter_is_exempt),
		TEST(sources_and_targets_that_are_none), TEST(two_targets_are_5_and_none_to_move_is_103),
		TEST(what_somebody_else_deleted_is_1),
		TEST(a_backend_that_is_down_is_7_and_nothing_is_lost),
		TEST(a_beginning_that_was_lost_is_not_its_own),
		TEST(a_move_before_the_first_sync_is_its_own),
		TEST(so_it_is_with_the_later_beginning),
		TEST(what_another_device_has_moved_is_1),
		TEST(a_thousand_moves_are_the_limit),
	};

	if (log_open("stderr", LEVEL_ERROR))
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
