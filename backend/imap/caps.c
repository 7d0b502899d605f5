#include <string.h>

#include "backend/imap/conn.h"
#include "base/text.h"

static const struct {
	const char *word;
	unsigned cap;
} words_of[] = {
	{ "IDLE", CAP_IDLE },
	{ "UIDPLUS", CAP_UIDPLUS },
	{ "MOVE", CAP_MOVE },
	{ "CONDSTORE", CAP_CONDSTORE },
	{ "QRESYNC", CAP_QRESYNC | CAP_CONDSTORE },
	{ "ENABLE", CAP_ENABLE },
	{ "ESEARCH", CAP_ESEARCH },
	{ "LITERAL+", CAP_LITERAL_PLUS },
	{ "LITERAL-", CAP_LITERAL_MINUS },
	{ "NAMESPACE", CAP_NAMESPACE },
	{ "SPECIAL-USE", CAP_SPECIAL_USE },
	{ "LIST-EXTENDED", CAP_LIST_EXTENDED },
	{ "XLIST", CAP_XLIST },
	{ "ID", CAP_ID },
	{ "ACL", CAP_ACL },
	{ "UNSELECT", CAP_UNSELECT },
	{ "UTF8=ONLY", CAP_UTF8_ONLY },
	{ "NOTIFY", CAP_NOTIFY },
	{ "CREATE-SPECIAL-USE", CAP_CREATE_SPECIAL },
	/* RFC 9051: what IMAP4rev2 includes */
	{ "IMAP4rev2", CAP_IDLE | CAP_UIDPLUS | CAP_MOVE | CAP_ENABLE | CAP_ESEARCH | CAP_LITERAL_MINUS | CAP_NAMESPACE |
			CAP_SPECIAL_USE | CAP_LIST_EXTENDED | CAP_UNSELECT },
};

unsigned
imap_caps_parse(const char *words)
{
	unsigned caps = 0;
	while (*words) {
		size_t n = strcspn(words, " ");
		for (size_t i = 0; i < ARRAY_LEN(words_of); i++) {
			if (strlen(words_of[i].word) == n && text_ncasecmp(words, words_of[i].word, n) == 0)
				caps |= words_of[i].cap;
		}
		words += n;
		words += strspn(words, " ");
	}
	return caps;
}
