#include <time.h>

#include "store.h"

static void
users_are_bytes(void **unused)
{
	int64_t a, b, again;
	char longest[256], longer[257];

	(void)unused;
	begin(STATE_WRITE);
	a = make_user("alice");
	b = make_user("Alice");
	assert_int_not_equal(a, b);
	ok(state_user(T, "alice", &again));
	assert_int_equal(a, again);
	/* A collation would take these for one. */
	assert_int_not_equal(make_user("a\xc3\xa9"), make_user("ae"));
	assert_int_not_equal(make_user("x"), make_user("x "));
	/* No encoding is asked for. */
	make_user("\xff\xfe");
	memset(longest, 'u', 255);
	longest[255] = 0;
	make_user(longest);
	memset(longer, 'u', 256);
	longer[256] = 0;
	fails(ERR_LIMIT, state_user(T, longer, &again));
	end();

	begin(STATE_READ);
	ok(state_user(T, "alice", &again));
	assert_int_equal(a, again);
	fails(ERR_NOTFOUND, state_user(T, "nobody", &again));
	end();
}

static void
devices_are_found_and_counted(void **unused)
{
	struct state_device d, found;
	char longer[300];

	(void)unused;
	begin(STATE_WRITE);
	int64_t alice = make_user("alice"), bob = make_user("bob");
	fails(ERR_NOTFOUND, state_device(T, arena, alice, "phone", false, 2, &d));
	ok(state_device(T, arena, alice, "phone", true, 2, &d));
	assert_string_equal(d.user_name, "alice");
	assert_string_equal(d.device_id, "phone");
	assert_string_equal(d.type, "");
	assert_int_equal(d.user, alice);
	assert_true(d.created > 1700000000);
	ok(state_device(T, arena, alice, "PHONE", true, 2, &found));
	assert_int_not_equal(d.id, found.id);
	fails(ERR_LIMIT, state_device(T, arena, alice, "third", true, 2, &found));
	ok(state_device(T, arena, alice, "phone", true, 2, &found));
	assert_int_equal(d.id, found.id);
	ok(state_device(T, arena, bob, "phone", true, 2, &found));
	assert_int_not_equal(d.id, found.id);
	memset(longer, 'x', sizeof longer - 1);
	longer[sizeof longer - 1] = 0;
	fails(ERR_LIMIT, state_device(T, arena, bob, longer, true, 0, &found));
	end();

	struct store_stats before, after;
	begin(STATE_READ);
	before = store_stats();
	ok(state_device_find(T, arena, "alice", "phone", &found));
	after = store_stats();
	assert_int_equal(after.statements - before.statements, 1);
	assert_int_equal(found.id, d.id);
	fails(ERR_NOTFOUND, state_device_find(T, arena, "alice", "Phone", &found));
	fails(ERR_NOTFOUND, state_device_find(T, arena, "carol", "phone", &found));
	end();
}

static void
a_device_is_saved_whole(void **unused)
{
	struct state_device d, found;
	char agent[5000];

	(void)unused;
	memset(agent, 'A', sizeof agent - 1);
	agent[sizeof agent - 1] = 0;
	begin(STATE_WRITE);
	ok(state_device(T, arena, make_user("alice"), "phone", true, 0, &d));
	d.type = "iPhone";
	d.agent = agent;
	d.version = 161;
	d.policy_hash = "abcdef";
	d.policy_temporary = UINT32_MAX;
	d.policy_final = UINT32_MAX - 1;
	d.policy_final_used = true;
	d.last_seen = 1764150000;
	/* The second time matches the row, too, though it changes nothing. */
	for (int i = 0; i < 2; i++) {
		ok(state_device_seen(T, &d));
		ok(state_device_info(T, d.id, "Model=x\nOS=\xff"));
		ok(state_device_policy(T, &d));
		ok(state_device_wipe(T, d.id, WIPE_DONE));
	}
	end();
	begin(STATE_READ);
	ok(state_device_find(T, arena, "alice", "phone", &found));
	end();
	assert_string_equal(found.type, "iPhone");
	assert_string_equal(found.agent, agent);
	assert_string_equal(found.info, "Model=x\nOS=\xff");
	assert_int_equal(found.version, 161);
	assert_string_equal(found.policy_hash, "abcdef");
	assert_true(found.policy_temporary == UINT32_MAX);
	assert_true(found.policy_final == UINT32_MAX - 1);
	assert_true(found.policy_final_used);
	assert_int_equal(found.wipe, 3);
	assert_int_equal(found.last_seen, 1764150000);

	begin(STATE_WRITE);
	ok(state_device_remove(T, d.id));
	fails(ERR_NOTFOUND, state_device_seen(T, &d));
	fails(ERR_NOTFOUND, state_device_info(T, d.id, ""));
	fails(ERR_NOTFOUND, state_device_policy(T, &d));
	fails(ERR_NOTFOUND, state_device_wipe(T, d.id, WIPE_ASKED));
	end();
}

/* Each writes its own columns: a copy of the row that has grown old overwrites nothing. */
static void
an_old_copy_of_a_device_overwrites_nothing(void **unused)
{
	struct state_device old, d;

	(void)unused;
	begin(STATE_WRITE);
	ok(state_device(T, arena, make_user("alice"), "phone", true, 0, &old));
	fails(ERR_NOTFOUND, state_device_wiped(T, old.id)); /* nobody asks */
	old.policy_final = 7;
	old.policy_final_used = true;
	ok(state_device_wipe(T, old.id, WIPE_ACCOUNT));
	ok(state_device_info(T, old.id, "Model=x\n"));
	d = old;
	d.policy_hash = "new";
	d.policy_final = 8;
	d.policy_final_used = false;
	ok(state_device_policy(T, &d));
	ok(state_device_seen(T, &old)); /* its key 7 was used, not 8 */
	ok(state_device_find(T, arena, "alice", "phone", &d));
	assert_int_equal(d.wipe, WIPE_ACCOUNT);
	assert_string_equal(d.info, "Model=x\n");
	assert_string_equal(d.policy_hash, "new");
	assert_int_equal(d.policy_final, 8);
	assert_false(d.policy_final_used);

	d.policy_final_used = true;
	ok(state_device_seen(T, &d));
	d.policy_final_used = false;
	ok(state_device_seen(T, &d)); /* once used, used */
	ok(state_device_wiped(T, d.id));
	ok(state_device_find(T, arena, "alice", "phone", &d));
	assert_true(d.policy_final_used);
	assert_int_equal(d.wipe, WIPE_DONE);
	end();
}

static void
devices_are_listed(void **unused)
{
	struct state_device *list;
	size_t n;

	(void)unused;
	begin(STATE_WRITE);
	int64_t bob = make_user("bob"), alice = make_user("alice");
	make_device(bob, "b2");
	make_device(bob, "b1");
	make_device(alice, "a");
	ok(state_devices(T, arena, NULL, &list, &n));
	assert_int_equal(n, 3);
	assert_string_equal(list[0].user_name, "alice");
	assert_string_equal(list[1].device_id, "b1");
	assert_string_equal(list[2].device_id, "b2");
	ok(state_devices(T, arena, "bob", &list, &n));
	assert_int_equal(n, 2);
	ok(state_devices(T, arena, "nobody", &list, &n));
	assert_int_equal(n, 0);
	end();
}

static void
a_request_is_written_only_when_it_differs(void **unused)
{
	struct store_stats before, after;
	const char *text;

	(void)unused;
	begin(STATE_WRITE);
	int64_t d = make_device(make_user("alice"), "phone");
	fails(ERR_NOTFOUND, state_request(T, arena, d, "sync", &text));
	ok(state_request_save(T, d, "sync", "one"));
	ok(state_request_save(T, d, "ping", "other"));
	ok(state_request(T, arena, d, "sync", &text));
	assert_string_equal(text, "one");
	before = store_stats();
	ok(state_request_save(T, d, "sync", "one"));
	after = store_stats();
	assert_int_equal(after.rows_written, before.rows_written);
	ok(state_request_save(T, d, "sync", "ONE"));
	ok(state_request(T, arena, d, "sync", &text));
	assert_string_equal(text, "ONE");
	ok(state_request_save(T, d, "sync", ""));
	ok(state_request(T, arena, d, "sync", &text));
	assert_string_equal(text, "");
	ok(state_request(T, arena, d, "ping", &text));
	assert_string_equal(text, "other");
	end();
}

static void
same_hierarchy(const struct state_hierarchy *a, const struct state_hierarchy *b)
{
	assert_true(a->epoch == b->epoch && a->n == b->n && a->base == b->base && a->view == b->view);
	assert_int_equal(a->n_keys, b->n_keys);
	for (unsigned i = 0; i < a->n_keys; i++)
		assert_true(a->keys[i].n == b->keys[i].n && a->keys[i].seq == b->keys[i].seq);
}

static void
hierarchy_keys_are_swapped(void **unused)
{
	struct state_hierarchy none, one, two, found;

	(void)unused;
	begin(STATE_WRITE);
	int64_t d = make_device(make_user("alice"), "phone");
	ok(state_hierarchy(T, d, &none));
	assert_int_equal(none.epoch, 0);
	assert_int_equal(none.n_keys, 0);
	one = (struct state_hierarchy){ .epoch = INT64_MIN + 3, .n = 1, .base = 0, .keys = { { 1, 17 } }, .n_keys = 1 };
	ok(state_hierarchy_save(T, d, &none, &one));
	fails(ERR_CONFLICT, state_hierarchy_save(T, d, &none, &one));
	two = (struct state_hierarchy){ .epoch = one.epoch, .n = UINT32_MAX, .base = 1, .view = UINT64_MAX - 5, .n_keys = 5,
		.keys = { { 1, 17 }, { 2, 20 }, { 3, 20 }, { 4, INT64_MAX }, { UINT32_MAX, 21 } } };
	ok(state_hierarchy_save(T, d, &one, &two));
	ok(state_hierarchy(T, d, &found));
	same_hierarchy(&found, &two);
	/* Nothing but the answers differs. */
	two.n_keys = 4;
	ok(state_hierarchy_save(T, d, &two, &two));
	ok(state_hierarchy(T, d, &found));
	same_hierarchy(&found, &two);
	ok(state_device_resync(T, d, 0));
	ok(state_hierarchy(T, d, &found));
	assert_int_equal(found.epoch, 0);
	assert_int_equal(found.n_keys, 0);
	fails(ERR_NOTFOUND, state_hierarchy(T, d + 1000, &found));
	end();
}

static void
what_hangs_on_a_device_goes_with_it(void **unused)
{
	const int64_t holes[] = { 5, 6 };

	(void)unused;
	begin(STATE_WRITE);
	int64_t user = make_user("alice"), d = make_device(user, "phone"), other = make_device(user, "pad"),
		f = make_folder(user, "imap:INBOX");
	for (int i = 0; i < 2; i++) {
		struct state_answer w = { .n = 1, .pos = { .holes = holes, .n_holes = 2 } };
		struct state_collection c = { .device = i ? other : d, .folder = f, .epoch = 7 + i, .n = 1,
			.options = "", .supported = "", .answers = &w, .n_answers = 1 };
		struct state_intent in = { .device = c.device, .kind = "send", .hash = "h", .client = "c",
			.step = INTENT_BEGUN };

		ok(state_collection_begin(T, &c));
		ok(state_intent_save(T, &in));
		ok(state_request_save(T, c.device, "sync", "x"));
	}
	ok(state_device_remove(T, d));
	end();
	assert_int_equal(ask("select count(*) from device"), 1);
	assert_int_equal(ask("select count(*) from collection"), 1);
	assert_int_equal(ask("select count(*) from mark"), 2);
	assert_int_equal(ask("select count(*) from intent"), 1);
	assert_int_equal(ask("select count(*) from request"), 1);

	begin(STATE_WRITE);
	ok(state_device_resync(T, other, f + 1));
	end();
	assert_int_equal(ask("select count(*) from collection"), 1);
	begin(STATE_WRITE);
	ok(state_device_resync(T, other, f));
	end();
	assert_int_equal(ask("select count(*) from collection where epoch <> 0"), 0);
	assert_int_equal(ask("select count(*) from collection"), 1);
	assert_int_equal(ask("select count(*) from mark"), 0);
}

static void
intents_are_found_by_both_ways(void **unused)
{
	struct state_intent in = { .kind = "send", .hash = "hash-1", .client = "client-1", .message_id = "", .mark = "",
		.result = "", .step = INTENT_BEGUN, .created = 1764150000 }, found;
	char *longest = arena_alloc(arena, 3000);

	(void)unused;
	memset(longest, 'h', 2999);
	begin(STATE_WRITE);
	in.device = make_device(make_user("alice"), "phone");
	ok(state_intent_save(T, &in));
	assert_true(in.id > 0);
	in.step = INTENT_SENDING;
	in.message_id = "<1@x>";
	in.mark = "77";
	in.result = "done";
	ok(state_intent_save(T, &in));
	ok(state_intent(T, arena, in.device, "send", "hash-1", "", &found));
	assert_int_equal(found.id, in.id);
	assert_int_equal(found.step, INTENT_SENDING);
	assert_string_equal(found.message_id, "<1@x>");
	assert_string_equal(found.mark, "77");
	assert_string_equal(found.result, "done");
	assert_string_equal(found.client, "client-1");
	assert_int_equal(found.created, 1764150000);
	fails(ERR_NOTFOUND, state_intent(T, arena, in.device, "move", "hash-1", "client-1", &found));
	fails(ERR_NOTFOUND, state_intent(T, arena, in.device, "send", "HASH-1", "", &found));
	fails(ERR_NOTFOUND, state_intent(T, arena, in.device, "send", "HASH-1", "CLIENT-1", &found));
	fails(ERR_NOTFOUND, state_intent(T, arena, in.device + 1, "send", "hash-1", "client-1", &found));
	ok(state_intent_by_message_id(T, arena, in.device, "send", "<1@x>", &found));
	assert_int_equal(found.id, in.id);
	fails(ERR_NOTFOUND, state_intent_by_message_id(T, arena, in.device, "append", "<1@x>", &found));
	fails(ERR_NOTFOUND, state_intent_by_message_id(T, arena, in.device, "send", "<1@X>", &found));
	fails(ERR_NOTFOUND, state_intent_by_message_id(T, arena, in.device + 1, "send", "<1@x>", &found));
	ok(state_intent(T, arena, in.device, "send", "other", "client-1", &found));
	assert_int_equal(found.id, in.id);

	/* The newest of two; the hash before the client. */
	struct state_intent newer = in;
	newer.id = 0;
	newer.client = "";
	ok(state_intent_save(T, &newer));
	ok(state_intent(T, arena, in.device, "send", "hash-1", "client-1", &found));
	assert_int_equal(found.id, newer.id);
	ok(state_intent_by_message_id(T, arena, in.device, "send", "<1@x>", &found));
	assert_int_equal(found.id, newer.id);
	/* One without a client id is not found by none. */
	fails(ERR_NOTFOUND, state_intent(T, arena, in.device, "send", "other", "", &found));

	struct state_intent longer = { .device = in.device, .kind = "append", .hash = longest, .client = longest,
		.step = INTENT_BEGUN };
	ok(state_intent_save(T, &longer));
	ok(state_intent(T, arena, in.device, "append", longest, "", &found));
	assert_string_equal(found.hash, longest);
	longer.id += 1000;
	fails(ERR_NOTFOUND, state_intent_save(T, &longer));
	end();
}

static void
troubles_are_replaced_and_cleared(void **unused)
{
	struct state_trouble *list;
	bool any, more;
	size_t n;

	(void)unused;
	begin(STATE_WRITE);
	int64_t alice = make_user("alice"), bob = make_user("bob");
	int64_t f = make_folder(alice, "caldav:x"), g = make_folder(bob, "caldav:y");
	const int64_t phone = make_device(alice, "PHONE"), tablet = make_device(alice, "TABLET");
	const char *const keys[] = { "a.ics", "A.ics", "b.ics" };
	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		struct state_item it = new_item(f, keys[i], (int64_t)i + 1, 0);

		it.version = "2";
		ok(state_items_save(T, &it, 1));
	}
	make_item(g, "a.ics", 1, 0);
	ok(state_has_trouble(T, f, &any));
	assert_false(any);
	ok(state_trouble_save(T, f, 0, "a.ics", "1", "cannot be read"));
	ok(state_trouble_save(T, f, 0, "A.ics", "2", "neither"));
	ok(state_trouble_save(T, f, 0, "a.ics", "2", "still cannot"));
	ok(state_trouble_save(T, f, 0, "b.ics", "1", "was so once"));
	ok(state_trouble_save(T, f, 0, "gone.ics", "2", "it was there"));
	ok(state_trouble_save(T, g, 0, "a.ics", "1", "nor this"));
	ok(state_has_trouble(T, f, &any));
	assert_true(any);
	ok(state_troubles(T, arena, "alice", &list, &n));
	assert_int_equal(n, 2);
	bool seen = false;
	for (size_t i = 0; i < n; i++) {
		assert_string_equal(list[i].user, "alice");
		assert_string_equal(list[i].folder_name, "caldav:x");
		if (strcmp(list[i].key, "a.ics") == 0) {
			seen = true;
			assert_string_equal(list[i].version, "2");
			assert_string_equal(list[i].reason, "still cannot");
			assert_string_equal(list[i].device, "");
			assert_true(list[i].when > 1700000000);
		}
	}
	assert_true(seen);
	ok(state_trouble_clear(T, f, phone, "a.ics"));
	ok(state_trouble_clear(T, f, phone, "not there"));
	ok(state_troubles(T, arena, NULL, &list, &n));
	assert_int_equal(n, 2);
	end();
	/* Two are listed; what was so once and what is gone are not kept either. */
	assert_int_equal(ask("select count(*) from trouble"), 4);
	ok(state_housekeep(store, time(NULL), 60 * 86400, &more, &error));
	assert_int_equal(ask("select count(*) from trouble"), 2);

	/* One device fails where another does not. */
	begin(STATE_WRITE);
	ok(state_trouble_save(T, f, phone, "a.ics", "2", "fails"));
	ok(state_trouble_clear(T, f, tablet, "a.ics"));
	ok(state_troubles(T, arena, "alice", &list, &n));
	assert_int_equal(n, 2);
	assert_string_equal(list[list[0].device[0] ? 0 : 1].device, "PHONE");
	ok(state_device_remove(T, phone));
	ok(state_troubles(T, arena, "alice", &list, &n));
	assert_int_equal(n, 1);
	end();
}

const struct CMUnitTest device_tests[] = {
	STORE_TEST(users_are_bytes),
	STORE_TEST(devices_are_found_and_counted),
	STORE_TEST(a_device_is_saved_whole),
	STORE_TEST(an_old_copy_of_a_device_overwrites_nothing),
	STORE_TEST(devices_are_listed),
	STORE_TEST(a_request_is_written_only_when_it_differs),
	STORE_TEST(hierarchy_keys_are_swapped),
	STORE_TEST(what_hangs_on_a_device_goes_with_it),
	STORE_TEST(intents_are_found_by_both_ways),
	STORE_TEST(troubles_are_replaced_and_cleared),
};
SUITE_END(device);
