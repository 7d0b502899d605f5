/* eas/html.h - between HTML and plain text. Private to eas/; the one room that knows libxml2's HTML parser.
 *
 * Limits:  HTML_MAX bytes of HTML are looked at; depth and time are bounded whatever they are.
 * Errors:  NULL where memory is short.
 */
#ifndef EAS_HTML_H
#define EAS_HTML_H

#include "base/arena.h"
#include "base/buf.h"

#define HTML_MAX (4u << 20)

/* LF line ends; blank lines are kept to one at a time. */
char *html_to_text(struct arena *a, const char *html, size_t n);
/* A whole small page: escaped, lines as they are. */
char *html_from_text(struct arena *a, const char *text);
/* The same without html and body elements. */
char *html_fragment(struct arena *a, const char *text);

/* Of html_tags.c, for html_to_text(): the page as it is given to libxml2. */
void html_bare_tags(struct buf *out, const char *page);

#endif
