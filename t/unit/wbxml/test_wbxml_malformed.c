/* Input that is no good: nothing crashes, nothing is taken for a document that is none, limits hold. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "sample.h"
#include "wbxml/wbxml.h"

static struct arena *arena;

static int
setup(void **state)
{
	(void)state;
	arena = arena_new(8 << 20);
	return arena ? 0 : -1;
}

static int
teardown(void **state)
{
	(void)state;
	arena_free(&arena);
	return 0;
}

static int
group_teardown(void **state)
{
	(void)state;
	samples_free();
	return 0;
}

static enum err
read_limited(const void *bytes, size_t n, const struct wbxml_limits *limits, struct wbxml_node **root_r, struct error *e)
{
	/* A copy of the very size, so that a sanitizer sees a byte read behind it. */
	unsigned char *copy = malloc(n ? n : 1);
	assert_non_null(copy);
	if (n)
		memcpy(copy, bytes, n);
	enum err err = wbxml_read(arena, slice(copy, n), limits, root_r, e);
	free(copy);
	return err;
}

static enum err
read_bytes(const void *bytes, size_t n)
{
	struct wbxml_node *root;
	struct error e = { 0 };
	enum err err = read_limited(bytes, n, NULL, &root, &e);
	if (err != ERR_OK) {
		assert_null(root);
		assert_int_equal(e.code, err);
		assert_int_equal(strncmp(e.text, "WBXML byte ", 11), 0);
	}
	return err;
}

#define HEAD "\x03\x01\x6A\x00"
#define READ(literal) read_bytes(literal, sizeof(literal) - 1)

static void
every_truncation_is_refused(void **state)
{
	(void)state;
	size_t count;
	const struct sample *all = samples(&count);
	for (size_t i = 0; i < count; i++) {
		for (size_t n = 0; n < all[i].wbxml.len; n++) {
			struct arena_mark m = arena_mark(arena);
			if (read_bytes(all[i].wbxml.ptr, n) != ERR_INVALID)
				fail_msg("%s: taken for whole after %zu bytes", all[i].name, n);
			arena_rewind(arena, m);
		}
	}
}

static void
every_flipped_bit_is_survived(void **state)
{
	(void)state;
	size_t count;
	const struct sample *all = samples(&count);
	for (size_t i = 0; i < count; i++) {
		for (size_t bit = 0; bit < all[i].wbxml.len * 8; bit++) {
			struct arena_mark m = arena_mark(arena);
			unsigned char *copy = arena_memdup(arena, all[i].wbxml.ptr, all[i].wbxml.len);
			copy[bit / 8] ^= (unsigned char)(1 << bit % 8);
			enum err err = read_bytes(copy, all[i].wbxml.len);
			assert_true(err == ERR_OK || err == ERR_INVALID || err == ERR_LIMIT);
			arena_rewind(arena, m);
		}
	}
}

static void
garbage_is_survived(void **state)
{
	(void)state;
	uint32_t seed = 12345;
	for (int round = 0; round < 3000; round++) {
		unsigned char bytes[200] = HEAD;
		for (size_t i = 4; i < sizeof bytes; i++) {
			seed = seed * 1664525 + 1013904223;
			bytes[i] = (unsigned char)(seed >> 24);
		}
		struct arena_mark m = arena_mark(arena);
		enum err err = read_bytes(bytes, sizeof bytes);
		assert_true(err == ERR_INVALID || err == ERR_LIMIT);
		arena_rewind(arena, m);
	}
}

static void
headers_are_checked(void **state)
{
	(void)state;
	assert_int_equal(READ(""), ERR_INVALID);
	assert_int_equal(READ("<?xml version=\"1.0\"?>"), ERR_INVALID);
	assert_int_equal(READ("\x00\x01\x6A\x00\x05"), ERR_INVALID);
	assert_int_equal(READ("\x04\x01\x6A\x00\x05"), ERR_INVALID);
	assert_int_equal(READ("\x03\x01\x6A\x00"), ERR_INVALID);
	assert_int_equal(READ("\x03\x01\x6A\x00\x05"), ERR_OK);
	assert_int_equal(READ("\x02\x01\x6A\x00\x05"), ERR_OK);
	/* A public id in the string table, of which nothing is used. */
	assert_int_equal(READ("\x03\x00\x00\x6A\x02x\0\x05"), ERR_OK);
	/* UTF-16 */
	assert_int_equal(READ("\x03\x01\x87\x77\x00\x05"), ERR_INVALID);
	assert_int_equal(READ("\x03\x01\x00\x00\x05"), ERR_OK);
	/* A string table as long as all there is, and longer. */
	assert_int_equal(READ("\x03\x01\x6A\x05x"), ERR_INVALID);
	assert_int_equal(READ("\x03\x01\x6A\x8F\xFF\xFF\xFF\x7F\x05"), ERR_INVALID);
}

static void
what_activesync_does_not_use_is_refused(void **state)
{
	(void)state;
	static const unsigned char refused[] = { 0x02, 0x04, 0x40, 0x41, 0x42, 0x43, 0x44, 0x80, 0x81, 0x82, 0x83, 0x84, 0xC0, 0xC1,
		0xC2, 0xC4, 0x85, 0xC5 };
	for (size_t i = 0; i < sizeof refused; i++) {
		unsigned char root[] = { 3, 1, 0x6A, 0, refused[i], 1, 1 };
		unsigned char inside[] = { 3, 1, 0x6A, 0, 0x45, refused[i], 1, 1, 1 };
		assert_int_equal(read_bytes(root, sizeof root), ERR_INVALID);
		assert_int_equal(read_bytes(inside, sizeof inside), ERR_INVALID);
	}
}

static void
lengths_are_bounded(void **state)
{
	(void)state;
	assert_int_equal(READ(HEAD "\x45\xC3\x01x\x01"), ERR_OK);
	assert_int_equal(READ(HEAD "\x45\xC3\x00\x01"), ERR_OK);
	assert_int_equal(READ(HEAD "\x45\xC3\x80\x80\x80\x80\x01x\x01"), ERR_OK);
	assert_int_equal(READ(HEAD "\x45\xC3\x03x\x01"), ERR_INVALID);
	assert_int_equal(READ(HEAD "\x45\xC3\x8F\xFF\xFF\xFF\x7Fx\x01"), ERR_INVALID);
	/* More than 32 bits; these would be 1 if the upper ones were lost. */
	assert_int_equal(READ(HEAD "\x45\xC3\x90\x80\x80\x80\x01x\x01"), ERR_INVALID);
	assert_int_equal(READ(HEAD "\x45\xC3\x80\x80\x80\x80\x80\x01x\x01"), ERR_INVALID);
	assert_int_equal(READ(HEAD "\x45\xC3\x81"), ERR_INVALID);
}

static void
structure_is_checked(void **state)
{
	(void)state;
	assert_int_equal(READ(HEAD "\x45\x46\x01\x01"), ERR_OK);
	assert_int_equal(READ(HEAD "\x45\x46\x01"), ERR_INVALID);
	assert_int_equal(READ(HEAD "\x01"), ERR_INVALID);
	assert_int_equal(READ(HEAD "\x45\x01\x01"), ERR_INVALID);
	assert_int_equal(READ(HEAD "\x05\x05"), ERR_INVALID);
	assert_int_equal(READ(HEAD "\x45\x01\x00\x00"), ERR_INVALID);
	assert_int_equal(READ(HEAD "\x03x\0"), ERR_INVALID);
	assert_int_equal(READ(HEAD "\x03x\0\x05"), ERR_INVALID);
	assert_int_equal(READ(HEAD "\x45\x03x"), ERR_INVALID);
	assert_int_equal(READ(HEAD "\x45\x00"), ERR_INVALID);
	assert_int_equal(READ(HEAD "\x00\x07\x00\x00\x00\x07\x16"), ERR_OK);
}

static enum err
read_nested(unsigned depth, const struct wbxml_limits *limits)
{
	struct wbxml_node *root;
	unsigned char bytes[4 + 200] = HEAD;
	memset(bytes + 4, 0x45, depth);
	memset(bytes + 4 + depth, 0x01, depth);
	return read_limited(bytes, 4 + 2 * depth, limits, &root, NULL);
}

static void
depth_is_limited(void **state)
{
	(void)state;
	struct wbxml_limits limits = { .depth = 5, .elements = 100 };
	assert_int_equal(read_nested(5, &limits), ERR_OK);
	assert_int_equal(read_nested(6, &limits), ERR_LIMIT);
	assert_int_equal(read_nested(24, NULL), ERR_OK);
	assert_int_equal(read_nested(25, NULL), ERR_LIMIT);
}

static void
elements_are_limited(void **state)
{
	(void)state;
	struct wbxml_limits limits = { .depth = 5, .elements = 10 };
	struct wbxml_node *root;
	static const char ten[] = HEAD "\x45\x06\x06\x06\x06\x06\x06\x06\x06\x06\x01";
	static const char eleven[] = HEAD "\x45\x06\x06\x06\x06\x06\x06\x06\x06\x06\x06\x01";
	assert_int_equal(read_limited(ten, sizeof ten - 1, &limits, &root, NULL), ERR_OK);
	assert_int_equal(read_limited(eleven, sizeof eleven - 1, &limits, &root, NULL), ERR_LIMIT);
}

static void
a_large_tree_stops_at_the_cap(void **state)
{
	(void)state;
	struct wbxml_limits limits = { .depth = 5, .elements = 10000000 };
	struct wbxml_node *root;
	size_t n = 1000000;
	unsigned char *bytes = malloc(n);
	assert_non_null(bytes);
	memset(bytes, 0x06, n);
	memcpy(bytes, HEAD "\x45", 5);
	bytes[n - 1] = 0x01;
	enum err err = wbxml_read(arena, slice(bytes, n), &limits, &root, NULL);
	free(bytes);
	assert_int_equal(err, ERR_NOMEM);
	assert_null(root);
}

/* A million pieces of one letter: joined in time that grows with them and not with their square, without memory for each. */
static void
many_pieces_are_joined(void **state)
{
	(void)state;
	size_t n = 1000000;
	unsigned char *bytes = malloc(5 + 3 * n + 1);
	assert_non_null(bytes);
	memcpy(bytes, HEAD "\x45", 5);
	for (size_t i = 0; i < n; i++)
		memcpy(bytes + 5 + 3 * i, "\x03x", 3);
	bytes[5 + 3 * n] = 0x01;
	struct wbxml_node *root;
	enum err err = wbxml_read(arena, slice(bytes, 5 + 3 * n + 1), NULL, &root, NULL);
	free(bytes);
	assert_int_equal(err, ERR_OK);
	assert_int_equal(strlen(root->text), n);
}

static struct wbxml_node *
read_good(const void *bytes, size_t n)
{
	struct wbxml_node *root;
	assert_int_equal(wbxml_read(arena, slice(bytes, n), NULL, &root, NULL), ERR_OK);
	return root;
}

#define GOOD(literal) read_good(literal, sizeof(literal) - 1)

static void
pieces_become_one_text(void **state)
{
	(void)state;
	struct wbxml_node *n = GOOD(HEAD "\x45\x03\0\x03" "a\0\x00\x07\x03\0\x03" "bc\0\x03\0\xC3\x00\x01");
	assert_string_equal(n->text, "abc");
	assert_false(n->opaque);
	assert_int_equal(n->data.len, 3);
	n = GOOD(HEAD "\x45\x03" "a\0\xC3\x02" "bc\x03\0\x03" "d\0\x01");
	assert_string_equal(n->text, "abcd");
	assert_true(n->opaque);
	assert_int_equal(n->data.len, 4);
}

static void
text_beside_children_is_dropped(void **state)
{
	(void)state;
	struct wbxml_node *n = GOOD(HEAD "\x45\x03" "a\0\x46\x03" "b\0\x01\x03" "c\0\x07\x03" "d\0\x01");
	assert_string_equal(n->text, "");
	assert_int_equal(n->data.len, 0);
	assert_string_equal(wbxml_text(n, AirSync_Responses), "b");
	assert_string_equal(wbxml_text(n, AirSync_Add), "");
}

static void
text_that_is_no_utf8_is_latin1(void **state)
{
	(void)state;
	struct wbxml_node *n = GOOD(HEAD "\x45\x03" "Gr\xFC\xDF" "e\0\x01");
	assert_string_equal(n->text, "Gr\xC3\xBC\xC3\x9F" "e");
	assert_int_equal(n->data.len, 7);
	/* Opaque data of a tag that wants text: both are there, the bytes as they came. */
	n = GOOD(HEAD "\x45\xC3\x03" "a\xFC" "b\x01");
	assert_string_equal(n->text, "a\xC3\xBC" "b");
	assert_memory_equal(n->data.ptr, "a\xFC" "b", 3);
	assert_int_equal(n->data.len, 3);
	n = GOOD(HEAD "\x45\xC3\x03" "a\0b\x01");
	assert_string_equal(n->text, "");
	assert_int_equal(n->data.len, 3);
}

/* Mime is bytes: an old client's inline string keeps the bytes it had. */
static void
bytes_sent_inline_stay_as_they_came(void **state)
{
	(void)state;
	struct wbxml_node *n = GOOD(HEAD "\x00\x15\x50\x03" "a\xFC" "b\0\x01");
	assert_int_equal(n->tag, ComposeMail_Mime);
	assert_false(n->opaque);
	assert_int_equal(n->data.len, 3);
	assert_memory_equal(n->data.ptr, "a\xFC" "b", 3);
	assert_string_equal(n->text, "a\xC3\xBC" "b");
	n = GOOD(HEAD "\x00\x15\x50\x03" "ab\0\x03" "c\0\x01");
	assert_string_equal(n->text, "abc");
	n = GOOD(HEAD "\x00\x15\x50\xC3\x02" "ab\x01");
	assert_true(n->opaque);
	assert_string_equal(n->text, "");
	assert_int_equal(n->data.len, 2);
}

static void
unknown_elements_are_kept(void **state)
{
	(void)state;
	/* Page 99, and token 0x3F of page 0, which has none. */
	struct wbxml_node *n = GOOD(HEAD "\x45\x00\x63\x45\x46\x03x\0\x01\x01\x00\x00\x7F\x03y\0\x01\x0B\x01");
	assert_int_equal(n->child->tag, WBXML_UNKNOWN);
	assert_int_equal(n->child->child->tag, WBXML_UNKNOWN);
	assert_string_equal(n->child->child->text, "x");
	assert_int_equal(n->child->next->tag, WBXML_UNKNOWN);
	assert_string_equal(n->child->next->text, "y");
	assert_int_equal(n->child->next->next->tag, AirSync_SyncKey);
	assert_null(n->child->next->next->next);
}

static void
children_are_found(void **state)
{
	(void)state;
	struct wbxml_node *n = GOOD(HEAD "\x45\x4B\x03" "12\0\x01\x47\x4D\x03" "a\0\x01\x01\x05\x47\x4D\x03-5\0\x01\x01\x0E\x01");
	const struct wbxml_node *add = wbxml_child(n, AirSync_Add);
	assert_string_equal(wbxml_text(add, AirSync_ServerId), "a");
	add = wbxml_next(add, AirSync_Add);
	assert_int_equal(wbxml_int(add, AirSync_ServerId, 1, 2), -5);
	assert_null(wbxml_next(add, AirSync_Add));
	assert_int_equal(wbxml_int(n, AirSync_SyncKey, 1, 2), 12);
	assert_int_equal(wbxml_int(n, AirSync_Status, 1, 2), 1);
	assert_int_equal(wbxml_int(n, AirSync_Fetch, 1, 2), 1);
	assert_int_equal(wbxml_int(wbxml_child(n, AirSync_Add), AirSync_ServerId, 1, 2), 2);
	assert_true(wbxml_bool(n, AirSync_Status, false));
	assert_false(wbxml_bool(n, AirSync_SyncKey, true));
	assert_true(wbxml_bool(n, AirSync_Fetch, true));
	assert_true(wbxml_has(n, AirSync_Status));
	assert_false(wbxml_has(n, AirSync_Fetch));
	static const unsigned path[] = { AirSync_Add, AirSync_ServerId };
	assert_string_equal(wbxml_path(n, path, 2)->text, "a");
	static const unsigned nowhere[] = { AirSync_Fetch, AirSync_ServerId };
	assert_null(wbxml_path(n, nowhere, 2));
	assert_null(wbxml_child(NULL, AirSync_Add));
	assert_null(wbxml_next(NULL, AirSync_Add));
	assert_null(wbxml_text(NULL, AirSync_Add));
	assert_false(wbxml_has(NULL, AirSync_Add));
	assert_int_equal(wbxml_int(NULL, AirSync_Add, 3, 4), 3);
	assert_true(wbxml_bool(NULL, AirSync_Add, true));
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(every_truncation_is_refused),
		CASE(every_flipped_bit_is_survived),
		CASE(garbage_is_survived),
		CASE(headers_are_checked),
		CASE(what_activesync_does_not_use_is_refused),
		CASE(lengths_are_bounded),
		CASE(structure_is_checked),
		CASE(depth_is_limited),
		CASE(elements_are_limited),
		CASE(a_large_tree_stops_at_the_cap),
		CASE(many_pieces_are_joined),
		CASE(pieces_become_one_text),
		CASE(text_beside_children_is_dropped),
		CASE(text_that_is_no_utf8_is_latin1),
		CASE(bytes_sent_inline_stay_as_they_came),
		CASE(unknown_elements_are_kept),
		CASE(children_are_found),
	};
	return cmocka_run_group_tests(tests, NULL, group_teardown);
}
