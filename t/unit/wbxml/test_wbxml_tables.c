/* The code pages: complete, without doubles, and found both ways. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "wbxml/wbxml.h"

static const struct {
	unsigned tag;
	const char *page, *name;
	bool opaque;
} tags[] = {
#define PAGE(number, name)
#define TAG(page, token, name, opaque) { page##_##name, #page, #name, opaque },
#include "wbxml/codepages.def"
#undef PAGE
#undef TAG
};

static void
every_tag_is_found_by_number_and_by_name(void **state)
{
	(void)state;
	assert_int_equal(ARRAY_LEN(tags), 655);
	for (size_t i = 0; i < ARRAY_LEN(tags); i++) {
		unsigned token = tags[i].tag & 0xFF;
		assert_in_range(token, 0x05, 0x3F);
		assert_string_equal(wbxml_page_name(tags[i].tag >> 8), tags[i].page);
		assert_string_equal(wbxml_tag_name(tags[i].tag), tags[i].name);
		assert_int_equal(wbxml_tag_find(tags[i].page, tags[i].name), tags[i].tag);
		assert_int_equal(wbxml_tag_opaque(tags[i].tag), tags[i].opaque);
	}
}

static void
what_is_unassigned_has_no_name(void **state)
{
	(void)state;
	size_t named = 0;
	for (unsigned tag = 0; tag <= 0xFFFF; tag++)
		named += wbxml_tag_name(tag) != NULL;
	/* As many as there are lines: no number is given twice. */
	assert_int_equal(named, ARRAY_LEN(tags));
	assert_null(wbxml_tag_name(WBXML_UNKNOWN));
	assert_null(wbxml_tag_name(0x1000000));
	assert_null(wbxml_page_name(26));
	assert_null(wbxml_page_name(0xFFFFFFFF));
	assert_int_equal(wbxml_tag_find("AirSync", "Nonsense"), WBXML_UNKNOWN);
	assert_int_equal(wbxml_tag_find("Nonsense", "Sync"), WBXML_UNKNOWN);
	assert_false(wbxml_tag_opaque(WBXML_UNKNOWN));
}

/* Numbers that other implementations have got wrong, [MS-ASWBXML] 2.1.2.1.15 and 2.1.2.1.26. */
static void
numbers_are_those_of_the_specification(void **state)
{
	(void)state;
	assert_int_equal(Provision_EASProvisionDoc, 0x0E0D);
	assert_int_equal(Provision_AccountOnlyRemoteWipe, 0x0E3B);
	assert_int_equal(Find_Picture, 0x1922);
	assert_int_equal(Find_MaxPictures, 0x1920);
	assert_int_equal(ComposeMail_Mime, 0x1510);
	assert_int_equal(AirSyncBase_InstanceId, 0x112D);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_tag_is_found_by_number_and_by_name),
		cmocka_unit_test(what_is_unassigned_has_no_name),
		cmocka_unit_test(numbers_are_those_of_the_specification),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
