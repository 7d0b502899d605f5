/* An edit of a draft is APPEND, expunge, commit: what becomes of it, and of the edit that follows, if the process dies between two. */
#include "eas/rule.h"
#include "sync_kit.h"

enum death {
	UNSENT,      /* before APPEND */
	APPENDED,
	EXPUNGED,
	UNCOMMITTED,
	DEATHS
};

struct edit {
	const char *to, *subject; /* NULL: not said */
	bool attach;
};

/* What a phone would hold of its Drafts. */
static struct held {
	int64_t id;
	char subject[20];
} held[8];
static size_t n_held;
static int64_t drafts;

static struct held *
hold(int64_t id)
{
	for (size_t i = 0; i < n_held; i++) {
		if (held[i].id == id)
			return &held[i];
	}
	assert_true(n_held < ARRAY_LEN(held));
	held[n_held] = (struct held){ .id = id };
	return &held[n_held++];
}

static void
take_commands(void)
{
	const struct wbxml_node *commands = wbxml_child(answered(drafts), AirSync_Commands);

	for (const struct wbxml_node *n = commands ? commands->child : NULL; n; n = n->next) {
		const char *subject = wbxml_text(wbxml_child(n, AirSync_ApplicationData), Email_Subject);
		int64_t folder, id;
		struct held *h;

		assert_true(id_parse_item(wbxml_text(n, AirSync_ServerId), &folder, &id));
		h = hold(id);
		if (n->tag == AirSync_Delete)
			*h = held[--n_held];
		else if (subject)
			snprintf(h->subject, sizeof h->subject, "%s", subject);
	}
	take_key(drafts);
}

static void
put_edit(const struct edit *edit)
{
	wbxml_start(&call.w, AirSync_ApplicationData);
	wbxml_put(&call.w, Email_To, edit->to);
	wbxml_put(&call.w, Email_Subject, edit->subject);
	if (edit->attach) {
		wbxml_start(&call.w, AirSyncBase_Attachments);
		wbxml_start(&call.w, AirSyncBase_Add);
		wbxml_put(&call.w, AirSyncBase_ClientId, "f1");
		wbxml_put_int(&call.w, AirSyncBase_Method, 1);
		wbxml_put_opaque(&call.w, AirSyncBase_Content, slice_str("file"));
		wbxml_put(&call.w, AirSyncBase_DisplayName, "a.txt");
		wbxml_end(&call.w);
		wbxml_end(&call.w);
	}
}

static void
change(int64_t id, const struct edit *edit)
{
	char text[ID_MAX];

	ask_sync();
	ask_collection(drafts, key);
	ask_commands();
	wbxml_start(&call.w, AirSync_Change);
	wbxml_put(&call.w, AirSync_ServerId, id_item(drafts, id, text));
	put_edit(edit);
	run();
}

static int64_t
new_draft(void)
{
	int64_t made = 0;

	n_held = 0;
	snprintf(key, sizeof key, "0");
	sync_one(drafts, -1, -1, -1);
	sync_one(drafts, -1, -1, -1);
	ask_sync();
	ask_collection(drafts, key);
	ask_commands();
	wbxml_start(&call.w, AirSync_Add);
	wbxml_put(&call.w, AirSync_ClientId, "d1");
	put_edit(&(struct edit){ "boy@example.org", "one", false });
	run();
	assert_int_equal(add_status(drafts, "d1", &made), 1);
	take_key(drafts);
	hold(made);
	return made;
}

static void
die_in(int64_t id, const struct edit *edit, enum death death)
{
	if (death == UNSENT)
		mem_fail(kit.mem, MEM_PUT, 1, MEM_BEFORE, ERR_UNAVAILABLE);
	if (death == APPENDED)
		mem_fail(kit.mem, MEM_PUT, 1, MEM_AFTER, ERR_UNAVAILABLE);
	if (death == EXPUNGED)
		mem_fail(kit.mem, MEM_REMOVE, 1, MEM_AFTER, ERR_UNAVAILABLE);
	rule_die = death == UNCOMMITTED;
	change(id, edit);
	rule_die = false;
	assert_int_not_equal(status_of(drafts), 1);
}

/* The repeat, and Syncs until the phone is told nothing more. */
static void
go_on(int64_t id, const struct edit *edit)
{
	change(id, edit);
	assert_int_equal(status_of(drafts), 1);
	assert_int_equal(response_status(drafts, AirSync_Change, id), edit->attach ? 1 : -1);
	if (edit->subject)
		snprintf(hold(id)->subject, sizeof hold(id)->subject, "%s", edit->subject);
	take_commands();
	do {
		sync_one(drafts, -1, -1, -1);
		take_commands();
	} while (answered(drafts) && told(drafts, 0));
}

static size_t
times(struct slice text, const char *word)
{
	size_t n = 0, len = strlen(word);

	for (size_t i = 0; i + len <= text.len; i++)
		n += memcmp(text.ptr + i, word, len) == 0;
	return n;
}

/* One draft, at the server and on the phone. */
static struct slice
the_draft(const char *subject)
{
	struct mem_item m;

	assert_int_equal(mem_count(kit.mem, WORLD_USER, "drafts"), 1);
	assert_true(mem_at(kit.mem, call.r.arena, WORLD_USER, "drafts", 0, &m));
	assert_int_equal(n_held, 1);
	assert_string_equal(held[0].subject, subject);
	return m.bytes;
}

static int
open_drafts(void **state)
{
	kit_open(state);
	version = 161;
	drafts = folder_named("Drafts");
	return 0;
}

static void
begin_anew(void **state)
{
	kit_close(state);
	open_drafts(state);
}

static void
the_same_edit_again_is_done_once(void **state)
{
	const struct edit edit = { "boy@example.org", "two", true };

	(void)state;
	for (enum death death = UNSENT; death < DEATHS; death++) {
		int64_t made = new_draft();

		die_in(made, &edit, death);
		go_on(made, &edit);
		struct slice mail = the_draft("two");
		assert_int_equal(times(mail, "Subject: two\r\n"), 1);
		assert_int_equal(times(mail, "a.txt"), times(mail, "name=a.txt") + times(mail, "name=\"a.txt\""));
		assert_int_equal(times(mail, "Content-Disposition: attachment"), 1);
		begin_anew(state);
	}
}

static void
another_edit_comes_on_top(void **state)
{
	(void)state;
	for (enum death death = UNSENT; death < DEATHS; death++) {
		int64_t made = new_draft();

		die_in(made, &(struct edit){ "cyril@example.org", "two", true }, death);
		go_on(made, &(struct edit){ NULL, "three", false });
		struct slice mail = the_draft("three");
		assert_int_equal(times(mail, "Subject: three\r\n"), 1);
		/* The first edit is kept where it reached the server. */
		assert_int_equal(times(mail, "cyril@example.org"), death == UNSENT ? 0 : 1);
		assert_int_equal(times(mail, "Content-Disposition: attachment"), death == UNSENT ? 0 : 1);
		begin_anew(state);
	}
}

static void
two_deaths_leave_one_draft(void **state)
{
	(void)state;
	for (enum death first = UNSENT; first < DEATHS; first++) {
		for (enum death second = UNSENT; second < DEATHS; second++) {
			int64_t made = new_draft();

			die_in(made, &(struct edit){ NULL, "two", true }, first);
			die_in(made, &(struct edit){ NULL, "three", false }, second);
			go_on(made, &(struct edit){ NULL, "four", false });
			assert_int_equal(times(the_draft("four"), "Subject: four\r\n"), 1);
			begin_anew(state);
		}
	}
}

/* The edit that the first try did and the second undid. */
static void
back_and_forth(void **state)
{
	(void)state;
	int64_t made = new_draft();

	die_in(made, &(struct edit){ NULL, "two", false }, UNSENT);
	die_in(made, &(struct edit){ NULL, "three", false }, APPENDED);
	go_on(made, &(struct edit){ NULL, "two", false });
	assert_int_equal(times(the_draft("two"), "Subject: two\r\n"), 1);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, open_drafts, kit_close)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_same_edit_again_is_done_once),
		TEST(another_edit_comes_on_top),
		TEST(two_deaths_leave_one_draft),
		TEST(back_and_forth),
	};

	if (log_open("stderr", LEVEL_ERROR))
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
