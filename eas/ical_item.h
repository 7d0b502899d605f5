/* eas/ical_item.h - what events and tasks have alike: categories, class, description. Private to eas/calendar*.c and
 * eas/task*.c. */
#ifndef EAS_ICAL_ITEM_H
#define EAS_ICAL_ITEM_H

#include "eas/ical.h"
#include "eas/item.h"

#define ICAL_CATEGORIES_MAX 300 /* [MS-ASCAL 2.2.2.11] */

struct ical_words {
	const char **v;
	size_t n;
};

/* All CATEGORIES lines. */
void ical_read_categories(struct ical_mem *m, const struct ical *component, struct ical_words *w_r);
/* The children `tag` of the container. */
void ical_take_categories(struct ical_mem *m, const struct wbxml_node *container, unsigned tag, struct ical_words *w_r);
bool ical_same_words(const struct ical_words *a, const struct ical_words *b);
void ical_put_categories(struct ical_mem *m, struct ical *component, const struct ical_words *w);

/* CLASS as Sensitivity: 0 public, 1 and 2 private, 3 confidential. */
int ical_sensitivity(const struct ical *component);
bool ical_same_sensitivity(int a, int b);
void ical_put_sensitivity(struct ical_mem *m, struct ical *component, int sensitivity);

/* DESCRIPTION and its HTML twin, X-ALT-DESC. */
struct ical_body {
	const char *plain; /* "" where there is none; of HTML alone its text */
	const char *html;  /* NULL where there is none */
};
void ical_read_body(struct ical_mem *m, const struct ical *component, struct ical_body *b_r);
/* False: none that says what it is to be (body_is_sent). */
bool ical_take_body(struct ical_mem *m, const struct wbxml_node *data, bool modern, struct ical_body *b_r);
/* Does what was sent say the same? As body_same; for HTML white space does not matter. */
bool ical_same_body(const struct item_view *v, const struct ical_body *now, const struct ical_body *want);
void ical_put_body(struct ical_mem *m, struct ical *component, const struct ical_body *want);
enum err ical_write_body(const struct item_view *v, struct arena *a, const struct ical_body *b, bool native,
	struct wbxml_writer *w);

/* ---- elements that both classes have ---- */

/* A time. False: it is there and none; *t_r is set only if *there_r. */
bool ical_take_time(const struct wbxml_node *data, unsigned tag, int64_t *t_r, bool *there_r);
/* A number from 0 to max; *has_r |= field where it is there. False: it is there and none of these. */
bool ical_take_int(const struct wbxml_node *data, unsigned tag, int max, int *v_r, unsigned *has_r, unsigned field);
/* 2026-11-24T10:00:00.000Z where extended, else 20261124T100000Z [MS-ASDTYPE 2.7]. */
void ical_write_time(struct wbxml_writer *w, unsigned tag, int64_t t, bool extended);
void ical_write_categories(struct wbxml_writer *w, unsigned outer, unsigned inner, const struct ical_words *words);

/* ---- objects (eas/ical_object.c) ---- */

/* A VCALENDAR of ours with one component of that name, which is returned. NULL where memory is short. */
struct ical *ical_new_object(struct ical_mem *m, const char *name, const char *uid, struct ical **root_r);
/* A VALARM without TRIGGER at the end of the component. NULL where memory is short. */
struct ical *ical_new_alarm(struct ical_mem *m, struct ical *component, const char *description);
/* Its rules and dates. */
void ical_remove_series(struct ical *component);
/* The object as the bytes of m_r. ERR_NOMEM. */
enum err ical_result(struct ical_mem *m, const struct ical *root, struct item_merged *m_r) NODISCARD;
/* LAST-MODIFIED; with `own` DTSTAMP and SEQUENCE, too. */
void ical_touch(struct ical_mem *m, struct ical *component, bool own);

#endif
