/* The reader of IMAP responses. The first byte says in how large pieces the bytes arrive, the second how large a literal may
 * be before it goes to a file; what follows is what the server sends. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "backend/backend.h"
#include "backend/imap/conn.h"
#include "backend/imap/mailbox.h"
#include "backend/imap/utf7.h"

struct source {
	const uint8_t *data;
	size_t left, piece;
};

static enum err
from_source(void *ctx, void *p, size_t room, size_t *n_r)
{
	struct source *s = ctx;
	size_t n = s->left < room ? s->left : room;
	if (s->piece && n > s->piece)
		n = s->piece;
	if (n == 0)
		return ERR_UNAVAILABLE;
	memcpy(p, s->data, n);
	s->data += n;
	s->left -= n;
	*n_r = n;
	return ERR_OK;
}

/* Whatever was read must be usable as the module uses it; a key must lead back to its name. */
static void
use(struct arena *a, const struct imap_response *r)
{
	if (r->name) {
		char *key = imap_key_of(a, r->name, r->name_len, false);
		char *wire = key ? imap_key_wire(a, key, false) : NULL;
		bool inbox = key && strcmp(key, "INBOX") == 0;
		if (key && (!wire || (!inbox && (strlen(wire) != r->name_len || memcmp(wire, r->name, r->name_len) != 0))))
			abort();
	}
	if (r->words)
		(void)imap_caps_parse(r->words);
	if (r->kind == RESP_FETCH) {
		const char *version = imap_version(a, &r->fetch);
		const char *const *words = imap_keywords(a, &r->fetch);
		if (version && strlen(version) > BACKEND_VERSION_MAX)
			abort();
		for (; words && *words; words++) {
			const char *wire = imap_keyword_wire(a, *words);
			if (wire && strpbrk(wire, " ()\r\n\"\\"))
				abort();
		}
	}
	(void)imap_login_judge(r->code);
	(void)imap_login_judge(r->text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 2)
		return 0;
	struct source src = { data + 2, size - 2, data[0] };
	struct imap_lex l;
	struct arena *a = arena_new((size_t)1024 * 1024);
	enum err err = a ? ERR_OK : ERR_NOMEM;
	imap_lex_init(&l, from_source, &src);
	l.spool_above = data[1] ? (uint64_t)data[1] * 4 : 1 << 20;
	while (!err) {
		struct imap_response r;
		err = imap_response_read(&l, a, 65536, &r);
		if (!err)
			use(a, &r);
		imap_response_finish(&r);
		arena_rewind(a, (struct arena_mark){ NULL, 0, NULL });
	}
	imap_lex_finish(&l);
	arena_free(&a);
	return 0;
}
