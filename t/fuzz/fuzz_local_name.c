/* Names of Maildir++ folders, and keywords: whatever a directory is called is shown as valid UTF-8, and what can be written down comes back. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "backend/local/local.h"
#include "base/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *a = arena_new(1 << 20);
	char *shown = a ? name_decode(a, (const char *)data, size) : NULL;
	const char *apart = size % 2 ? NAME_FOLDER : NAME_ATOM;
	char *encoded = shown ? name_encode(a, shown, apart) : NULL;

	if (shown && !text_is_utf8(shown, strlen(shown)))
		abort();
	if (encoded) {
		char *again = name_decode(a, encoded, strlen(encoded));

		if (strpbrk(encoded, apart) || !again || strcmp(again, shown) != 0)
			abort();
	}
	arena_free(&a);
	return 0;
}
