/* t/unit/eas/mail_case.h - what the tests of the mail mapping share: messages, and what becomes of them. */
#ifndef T_UNIT_EAS_MAIL_CASE_H
#define T_UNIT_EAS_MAIL_CASE_H

#include "eas/mail.h"

/* One test's memory; all of it goes at the end. */
struct mail_case {
	struct arena *a;
	struct item_view view;
	struct item_options options;
	struct backend_item item;
};

/* Version 14.1, no preferences, a mail received 2026-11-23T19:18:28Z. */
int mail_case_setup(void **state);
int mail_case_teardown(void **state);
/* Asks for a body of that type; truncation UINT32_MAX: all of it. */
void mail_case_prefer(struct mail_case *c, unsigned type, uint32_t truncation);
/* Renders the message; a tree whose root's children are those of ApplicationData. Fails the test where that cannot be. */
const struct wbxml_node *mail_case_render(struct mail_case *c, struct slice bytes, enum item_render how);
const struct wbxml_node *mail_case_render_text(struct mail_case *c, const char *message);
/* The text of a path of tags, ended by 0; NULL where it is not there. */
const char *mail_case_text(const struct wbxml_node *node, ...);
/* A text with its line ends as CRLF. */
const char *mail_case_crlf(struct mail_case *c, const char *text);
/* A tree for ApplicationData: the writer that fill() gets stands inside the element. */
const struct wbxml_node *mail_case_data(struct mail_case *c, void (*fill)(struct wbxml_writer *w, void *ctx), void *ctx);

struct mime *mail_case_open(struct mail_case *c, const char *message);

/* Calls fn for each file of t/data/mime. */
void mail_case_each_file(void (*fn)(void *ctx, const char *name, struct slice bytes), void *ctx);

#endif
