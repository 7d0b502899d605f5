#include "eas/item.h"

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
