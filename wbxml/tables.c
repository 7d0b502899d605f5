#include <string.h>

#include "wbxml/wbxml.h"

#define PAGES 26
#define TOKENS 0x40

static const char *const page_names[PAGES] = {
#define PAGE(number, name) [number] = #name,
#define TAG(page, token, name, opaque)
#include "wbxml/codepages.def"
#undef PAGE
#undef TAG
};

static const char *const tag_names[PAGES][TOKENS] = {
#define PAGE(number, name)
#define TAG(page, token, name, opaque) [WBXML_PAGE_##page][token] = #name,
#include "wbxml/codepages.def"
#undef PAGE
#undef TAG
};

const char *
wbxml_page_name(unsigned page)
{
	return page < PAGES ? page_names[page] : NULL;
}

const char *
wbxml_tag_name(unsigned tag)
{
	unsigned page = tag >> 8, token = tag & 0xFF;
	return page < PAGES && token < TOKENS ? tag_names[page][token] : NULL;
}

bool
wbxml_tag_opaque(unsigned tag)
{
	switch (tag) {
#define PAGE(number, name)
#define TAG(page, token, name, opaque) \
	case page##_##name: \
		return opaque;
#include "wbxml/codepages.def"
#undef PAGE
#undef TAG
	default:
		return false;
	}
}

unsigned
wbxml_tag_find(const char *page, const char *name)
{
	for (unsigned p = 0; p < PAGES; p++) {
		if (strcmp(page_names[p], page) != 0)
			continue;
		for (unsigned token = 0; token < TOKENS; token++) {
			if (tag_names[p][token] && strcmp(tag_names[p][token], name) == 0)
				return p << 8 | token;
		}
	}
	return WBXML_UNKNOWN;
}
