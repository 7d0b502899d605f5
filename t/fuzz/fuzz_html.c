/* HTML to plain text: always valid UTF-8, never longer than can be; and plain text to HTML and back. */
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "eas/html.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *a = arena_new(64u << 20);
	char *html = text_to_utf8(a, data, size);
	char *text = html ? html_to_text(a, html, strlen(html)) : NULL;

	if (text && (!text_is_utf8(text, strlen(text)) || strlen(text) > 40 * size + 64))
		abort();
	char *page = text ? html_from_text(a, text) : NULL;
	char *again = page ? html_to_text(a, page, strlen(page)) : NULL;

	if (again && !text_is_utf8(again, strlen(again)))
		abort();
	arena_free(&a);
	return 0;
}
