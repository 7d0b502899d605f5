/* What libwbxml's wbxml2xml makes of the examples is what our reader makes of them. Skipped (77) where it is not installed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "sample.h"
#include "wbxml/wbxml.h"

#define SKIPPED 77

static struct arena *arena;
static char directory[] = "/tmp/cpush-test-peer-XXXXXX";
static char in_path[64], out_path[64];
static size_t compared;

static int
setup(void **state)
{
	(void)state;
	arena = arena_new(0);
	if (!arena || !mkdtemp(directory))
		return -1;
	snprintf(in_path, sizeof in_path, "%s/in", directory);
	snprintf(out_path, sizeof out_path, "%s/out", directory);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	unlink(in_path);
	unlink(out_path);
	rmdir(directory);
	arena_free(&arena);
	samples_free();
	return 0;
}

/* Its XML of the example; NULL where it gives up, as it does where it has no name for a token. */
static struct xml_node *
peer_read(const struct sample *s)
{
	FILE *f = fopen(in_path, "w");
	assert_non_null(f);
	assert_int_equal(fwrite(s->wbxml.ptr, 1, s->wbxml.len, f), s->wbxml.len);
	assert_int_equal(fclose(f), 0);
	unlink(out_path);
	char command[300];
	snprintf(command, sizeof command, "wbxml2xml -l ACTIVESYNC -m 0 -k -o %s %s >/dev/null 2>&1", out_path, in_path);
	f = popen(command, "r");
	assert_non_null(f);
	pclose(f);
	f = fopen(out_path, "r");
	if (!f)
		return NULL;
	char *text = arena_alloc(arena, 65536);
	assert_non_null(text);
	size_t n = fread(text, 1, 65535, f);
	fclose(f);
	return xml_parse(arena, slice(text, n));
}

/* Names of an older text of the specification. */
static const char *const aliases[][2] = {
	{ "RequireStorageCardEncryption", "DeviceEncryptionEnabled" },
};

/* Its capitals differ, it writes some words apart (Organizer_Name), and it puts the parent's name before some (FlagStatus for
 * the Status of a Flag). */
static bool
same_name(const struct wbxml_node *ours, const char *theirs)
{
	const char *name = wbxml_tag_name(ours->tag);
	const char *parent = ours->parent ? wbxml_tag_name(ours->parent->tag) : "";
	for (size_t i = 0; i < ARRAY_LEN(aliases); i++) {
		if (strcmp(name, aliases[i][0]) == 0 && strcmp(theirs, aliases[i][1]) == 0)
			return true;
	}
	char joined[64];
	size_t n = 0;
	for (; *theirs && n + 1 < sizeof joined; theirs++) {
		if (*theirs != '_')
			joined[n++] = *theirs;
	}
	joined[n] = '\0';
	return text_casecmp(name, joined) == 0 || text_casecmp(arena_printf(arena, "%s%s", parent, name), joined) == 0;
}

/* It writes namespaces with a colon behind them. */
static bool
same_page(const char *ours, const char *theirs)
{
	size_t n = strlen(theirs);
	return n > 0 && theirs[n - 1] == ':' && strlen(ours) == n - 1 && text_ncasecmp(ours, theirs, n - 1) == 0;
}

static bool
same_content(const struct wbxml_node *ours, struct xml_node *theirs)
{
	if (!ours->opaque) {
		/* Its XML does not escape carriage returns, so that XML's line ends swallow them. */
		char *text = arena_alloc(arena, ours->data.len + 1), *to = text;
		for (const char *from = ours->text; *from; from++) {
			if (*from != '\r')
				*to++ = *from;
		}
		return strcmp(text, buf_str(&theirs->text)) == 0;
	}
	const char *coded = text_base64(arena, ours->data.ptr, ours->data.len);
	return strcmp(coded, buf_str(&theirs->text)) == 0;
}

static bool
same(const struct wbxml_node *ours, struct xml_node *theirs)
{
	if (text_casestarts(theirs->name, "unknown"))
		return true;
	compared++;
	if (!same_name(ours, theirs->name) || !same_page(wbxml_page_name(ours->tag >> 8), theirs->page))
		return false;
	if (!ours->child)
		return !theirs->child && same_content(ours, theirs);
	const struct wbxml_node *a = ours->child;
	struct xml_node *b = theirs->child;
	for (; a && b; a = a->next, b = b->next) {
		if (!same(a, b)) {
			printf("ours %s, theirs %s \"%s\"\n", wbxml_tag_name(a->tag), b->name, buf_str(&b->text));
			return false;
		}
	}
	return !a && !b;
}

static void
both_read_the_same(void **state)
{
	(void)state;
	size_t count, read = 0, different = 0;
	const struct sample *all = samples(&count);
	for (size_t i = 0; i < count; i++) {
		struct xml_node *theirs = peer_read(&all[i]);
		if (!theirs)
			continue;
		read++;
		struct wbxml_node *ours;
		assert_int_equal(wbxml_read(arena, all[i].wbxml, NULL, &ours, NULL), ERR_OK);
		if (!same(ours, theirs)) {
			printf("%s is read otherwise\n", all[i].name);
			different++;
		}
	}
	printf("%zu of %zu examples, %zu elements compared\n", read, count, compared);
	assert_int_equal(different, 0);
	assert_true(read > count / 2);
}

int
main(void)
{
	FILE *f = popen("command -v wbxml2xml >/dev/null 2>&1", "r");
	if (!f || pclose(f) != 0) {
		printf("wbxml2xml (Debian package libwbxml2-utils) is not installed: nothing compared\n");
		return SKIPPED;
	}
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_read_the_same),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
