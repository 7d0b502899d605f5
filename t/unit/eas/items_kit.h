/* items_kit.h - items and ApplicationData as text, for the tests of the mappings.
 *
 * Elements are written as <C:Subject>text</C:Subject>; C is Calendar, T Tasks, N Contacts, 2 Contacts2, A AirSyncBase. Line ends of iCalendar are LF here.
 */
#ifndef ITEMS_KIT_H
#define ITEMS_KIT_H

#include "eas/item.h"

struct kit {
	struct arena *a;
	struct item_options options;
	struct item_view view;
	struct item_supported supported;
	const char *instance; /* InstanceId of the next merge */
};

/* Version 14.1, alice@example.com, no preferences, the default zone Europe/Berlin. A test's setup and teardown. */
int kit_setup(void **state);
int kit_teardown(void **state);

/* A file below the source directory. */
struct slice kit_file(struct kit *k, const char *path);
/* The children of ApplicationData; NULL: it could not be rendered (*err_r says why; may be NULL). */
const char *kit_render(struct kit *k, const struct item_class *class, struct slice bytes, enum err *err_r);
/* The same as a tree, as a phone would send it back. */
const struct wbxml_node *kit_render_tree(struct kit *k, const struct item_class *class, struct slice bytes, enum err *err_r);
const struct wbxml_node *kit_parse(struct kit *k, const char *xml);
const char *kit_print(struct kit *k, const struct wbxml_node *children);
/* ics NULL: an Add; xml NULL: an instance is deleted. The text of the result with LF line ends, the stored one if it is unchanged; NULL:
 * refused. */
const char *kit_merge(struct kit *k, const struct item_class *class, const char *ics, const char *xml, struct item_merged *m_r);
enum err kit_merge_tree(struct kit *k, const struct item_class *class, struct slice stored, const struct wbxml_node *data,
	struct item_merged *m_r);
/* Does the text have this line, or these lines (each with its LF)? */
bool kit_has(const char *text, const char *lines);

#endif
