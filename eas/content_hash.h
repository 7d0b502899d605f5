/* eas/content_hash.h - what a phone sent, as a hash: a repeat says the same. Private to eas/. */
#ifndef EAS_CONTENT_HASH_H
#define EAS_CONTENT_HASH_H

#include "wbxml/wbxml.h"

#define CONTENT_HASH_MAX 65 /* with NUL */

/* SHA-256 over the element and all in it, as hex; `more` (may be NULL) goes in as well. */
void content_hash(const struct wbxml_node *node, const char *more, char out[CONTENT_HASH_MAX]);
/* Of plain texts; NULL-terminated list. */
void content_hash_texts(char out[CONTENT_HASH_MAX], const char *first, ...) __attribute__((sentinel));

#endif
