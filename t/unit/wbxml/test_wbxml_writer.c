/* The writer: empty tags, pages, points to go back to, and text that must not be sent as it is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "wbxml/wbxml.h"

static struct buf out;
static struct wbxml_writer w;

static int
setup(void **state)
{
	(void)state;
	buf_init(&out, 10000);
	wbxml_begin(&w, &out);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	buf_finish(&out);
	return 0;
}

#define HEAD "\x03\x01\x6A\x00"

static void
written(const char *bytes, size_t n)
{
	assert_true(buf_ok(&out));
	assert_int_equal(out.len, n);
	assert_memory_equal(out.data, bytes, n);
}

#define WRITTEN(literal) written(literal, sizeof(literal) - 1)

static void
elements_without_content_are_empty_tags(void **state)
{
	(void)state;
	wbxml_start(&w, AirSync_Sync);
	wbxml_start(&w, AirSync_Collections);
	wbxml_end(&w);
	wbxml_empty(&w, AirSync_MoreAvailable);
	wbxml_put(&w, AirSync_SyncKey, "");
	wbxml_put(&w, AirSync_SyncKey, NULL);
	wbxml_put_n(&w, AirSync_SyncKey, NULL, 0);
	wbxml_put_opaque(&w, ComposeMail_Mime, slice(NULL, 0));
	wbxml_end(&w);
	WRITTEN(HEAD "\x45\x1C\x14\x0B\x00\x15\x10\x01");
}

static void
an_empty_root_is_one_byte(void **state)
{
	(void)state;
	wbxml_start(&w, AirSync_Sync);
	wbxml_end(&w);
	WRITTEN(HEAD "\x05");
}

static void
pages_are_switched_where_they_change(void **state)
{
	(void)state;
	wbxml_start(&w, FolderHierarchy_FolderSync);
	wbxml_put_int(&w, FolderHierarchy_Status, 1);
	wbxml_put_n(&w, AirSync_SyncKey, "abc", 2);
	wbxml_put_int(&w, FolderHierarchy_Count, -7);
	wbxml_end(&w);
	WRITTEN(HEAD "\x00\x07\x56\x4C\x03" "1\0\x01\x00\x00\x4B\x03" "ab\0\x01\x00\x07\x57\x03-7\0\x01\x01");
}

static void
text_can_be_written_by_the_caller(void **state)
{
	(void)state;
	wbxml_start(&w, AirSync_Sync);
	wbxml_begin_text(&w, AirSync_SyncKey);
	buf_add_str(w.out, "ab");
	wbxml_end_text(&w);
	wbxml_begin_text(&w, AirSync_SyncKey);
	wbxml_end_text(&w);
	wbxml_end(&w);
	WRITTEN(HEAD "\x45\x4B\x03" "ab\0\x01\x0B\x01");
}

static void
opaque_lengths_take_as_many_bytes_as_they_need(void **state)
{
	(void)state;
	static unsigned char bytes[200];
	wbxml_put_opaque(&w, ComposeMail_Mime, slice(bytes, 127));
	assert_memory_equal(out.data + 4, "\x00\x15\x50\xC3\x7F", 5);
	wbxml_put_opaque(&w, ComposeMail_Mime, slice(bytes, 128));
	assert_memory_equal(out.data + 4 + 5 + 128, "\x50\xC3\x81\x00", 4);
}

static void
a_noop_changes_nothing_but_makes_the_past_final(void **state)
{
	(void)state;
	wbxml_start(&w, FolderHierarchy_FolderSync);
	wbxml_noop(&w);
	/* As the responder does: what is there is sent and forgotten. */
	assert_memory_equal(out.data, HEAD "\x00\x07\x56\x00\x07", 9);
	buf_reset(&out);
	wbxml_put(&w, FolderHierarchy_Status, "1");
	wbxml_noop(&w);
	buf_reset(&out);
	wbxml_end(&w);
	WRITTEN("\x01");
}

static void
a_noop_may_stand_in_an_element_that_stays_empty(void **state)
{
	(void)state;
	wbxml_start(&w, AirSync_Sync);
	wbxml_start(&w, AirSync_Collections);
	wbxml_noop(&w);
	wbxml_end(&w);
	wbxml_end(&w);
	WRITTEN(HEAD "\x45\x5C\x00\x00\x01\x01");
}

static void
going_back_drops_what_was_written_since(void **state)
{
	(void)state;
	wbxml_start(&w, AirSync_Sync);
	wbxml_start(&w, AirSync_Commands);
	struct wbxml_point p = wbxml_point(&w);
	wbxml_start(&w, Email_Flag);
	wbxml_put(&w, Tasks_Subject, "x");
	wbxml_back(&w, &p);
	wbxml_end(&w);
	wbxml_put(&w, AirSync_Status, "1");
	wbxml_end(&w);
	/* Commands is an empty tag again, and the page is that of the point. */
	WRITTEN(HEAD "\x45\x16\x4E\x03" "1\0\x01\x01");
}

static void
going_back_takes_a_full_buf_back(void **state)
{
	(void)state;
	static char big[20000];
	memset(big, 'x', sizeof big - 1);
	wbxml_start(&w, AirSync_Sync);
	struct wbxml_point p = wbxml_point(&w);
	wbxml_start(&w, AirSync_Add);
	wbxml_put(&w, AirSync_ServerId, big);
	wbxml_end(&w);
	assert_false(buf_ok(&out));
	wbxml_back(&w, &p);
	wbxml_empty(&w, AirSync_MoreAvailable);
	wbxml_end(&w);
	WRITTEN(HEAD "\x45\x14\x01");
}

static void
a_failure_before_the_point_stays(void **state)
{
	(void)state;
	out.failed = true;
	struct wbxml_point p = wbxml_point(&w);
	wbxml_back(&w, &p);
	assert_false(buf_ok(&out));
}

static void
text_is_made_fit_for_xml(void **state)
{
	(void)state;
	static const char text[] = "a\0b\xFC" "c\x01" "d\n\xC3";
	wbxml_put_n(&w, AirSync_Sync, text, sizeof text - 1);
	WRITTEN(HEAD "\x45\x03" "a b\xEF\xBF\xBD" "c d\n\xEF\xBF\xBD\0\x01");
	struct arena *a = arena_new(0);
	struct wbxml_node *root;
	enum err err = wbxml_read(a, buf_slice(&out), NULL, &root, NULL);
	arena_free(&a);
	assert_int_equal(err, ERR_OK);
}

static void
opaque_bytes_are_left_alone(void **state)
{
	(void)state;
	wbxml_put_opaque(&w, Email2_ConversationId, slice("\0\xFF\x01", 3));
	WRITTEN(HEAD "\x00\x16\x49\xC3\x03\0\xFF\x01\x01");
}

static void
faults_of_ours_fail_the_buf(void **state)
{
	(void)state;
	for (int i = 0; i < WBXML_DEPTH_MAX; i++)
		wbxml_start(&w, AirSync_Sync);
	assert_true(buf_ok(&out));
	wbxml_start(&w, AirSync_Sync);
	assert_false(buf_ok(&out));

	buf_reset(&out);
	wbxml_begin(&w, &out);
	wbxml_end(&w);
	assert_false(buf_ok(&out));

	buf_reset(&out);
	wbxml_begin(&w, &out);
	wbxml_put(&w, WBXML_UNKNOWN, "x");
	assert_false(buf_ok(&out));
}

static void
every_maximum_ends_in_a_failure_and_nothing_worse(void **state)
{
	(void)state;
	for (size_t max = 1; max < 60; max++) {
		struct buf small;
		struct wbxml_writer sw;
		buf_init(&small, max);
		wbxml_begin(&sw, &small);
		wbxml_start(&sw, FolderHierarchy_FolderSync);
		wbxml_put(&sw, FolderHierarchy_Status, "1");
		wbxml_start(&sw, FolderHierarchy_Changes);
		wbxml_put_opaque(&sw, ComposeMail_Mime, slice_str("bytes"));
		wbxml_noop(&sw);
		wbxml_end(&sw);
		wbxml_end(&sw);
		bool ok = buf_ok(&small);
		size_t len = small.len;
		buf_finish(&small);
		assert_true(len <= max);
		assert_int_equal(ok, max >= 28);
	}
}

static void
nodes_are_copied_without_what_is_unknown(void **state)
{
	(void)state;
	static const char in[] = HEAD "\x45\x00\x63\x45\x46\x03x\0\x01\x01\x00\x00\x47\x0D\x7F\x01\x01\x4E\xC3\x01y\x01\x7F\x01\x01";
	struct arena *a = arena_new(0);
	struct wbxml_node *root;
	enum err err = wbxml_read(a, slice(in, sizeof in - 1), NULL, &root, NULL);
	if (err == ERR_OK)
		wbxml_put_node(&w, root);
	arena_free(&a);
	assert_int_equal(err, ERR_OK);
	WRITTEN(HEAD "\x45\x47\x0D\x01\x4E\xC3\x01y\x01\x01");
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(elements_without_content_are_empty_tags),
		CASE(an_empty_root_is_one_byte),
		CASE(pages_are_switched_where_they_change),
		CASE(text_can_be_written_by_the_caller),
		CASE(opaque_lengths_take_as_many_bytes_as_they_need),
		CASE(a_noop_changes_nothing_but_makes_the_past_final),
		CASE(a_noop_may_stand_in_an_element_that_stays_empty),
		CASE(going_back_drops_what_was_written_since),
		CASE(going_back_takes_a_full_buf_back),
		CASE(a_failure_before_the_point_stays),
		CASE(text_is_made_fit_for_xml),
		CASE(opaque_bytes_are_left_alone),
		CASE(faults_of_ours_fail_the_buf),
		CASE(every_maximum_ends_in_a_failure_and_nothing_worse),
		CASE(nodes_are_copied_without_what_is_unknown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
