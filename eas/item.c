#include "eas/item.h"

#include <string.h>

#include "base/text.h"

bool
item_is_ghosted(const struct item_supported *s, unsigned tag)
{
	if (!s || !s->sent)
		return false;
	for (size_t i = 0; i < s->n; i++)
		if (s->tags[i] == tag)
			return false;
	return true;
}

const char *
item_content_type(struct arena *a, const char *said)
{
	const char *slash = said ? strchr(said, '/') : NULL;

	if (!slash || slash == said || !slash[1] || strlen(said) > 100 || text_casestarts(said, "multipart/") || text_casestarts(said, "message/"))
		return "application/octet-stream";
	for (const char *p = said; *p; p++) {
		if (*p <= ' ' || *p >= 0x7f || strchr("\"();<>,\\", *p))
			return "application/octet-stream";
	}
	return arena_strdup(a, said);
}
