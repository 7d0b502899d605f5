/* Messages for a channel that carries text alone, as WBXML does. */
#include <string.h>

#include "base/text.h"
#include "eas/mime_internal.h"

#define INSIDE 4 /* messages inside each other that are looked into */

/* UTF-8, and no control that XML has no room for: ISO-2022-JP has ESC. */
static bool
fits(struct slice s)
{
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = s.ptr[i];

		if (c < 0x20 && c != '\t' && c != '\r' && c != '\n')
			return false;
	}
	return text_is_utf8(s.ptr, s.len);
}

static enum err as_text(struct arena *a, const struct mime *m, unsigned inside, struct buf *out);

static void
add_encoded(const struct mime_part *p, struct buf *out)
{
	static const char *const without[] = { "Content-Transfer-Encoding", NULL };
	bool text = text_starts(p->type, "text/");

	mime_copy_fields(out, p->header, without);
	buf_printf(out, "Content-Transfer-Encoding: %s\r\n\r\n", text ? "quoted-printable" : "base64");
	mime_encode(text ? MIME_QUOTED : MIME_BASE64, p->body, out);
}

/* A message may not be encoded, only what is in it [RFC 2046 5.2.1]. */
static enum err
add_message(struct arena *a, const struct mime_part *p, unsigned inside, struct buf *out)
{
	struct mime *m;

	buf_add_slice(out, p->header);
	return mime_open(a, p->body, &m, NULL) ? ERR_NOMEM : as_text(a, m, inside, out);
}

static enum err
as_text(struct arena *a, const struct mime *m, unsigned inside, struct buf *out)
{
	struct slice whole = m->root->raw;
	const unsigned char *from = whole.ptr;
	enum err err = ERR_OK;

	for (const struct mime_part *p = m->root; p && !err; p = mime_next_part(p)) {
		bool message = strcmp(p->type, "message/rfc822") == 0;

		if (p->child || p->encoding != MIME_IDENTITY || fits(p->body) || text_starts(p->type, "multipart/")
			|| (text_starts(p->type, "message/") && !(message && inside)))
			continue;
		buf_add(out, from, (size_t)(p->raw.ptr - from));
		if (message)
			err = add_message(a, p, inside - 1, out);
		else
			add_encoded(p, out);
		from = p->raw.ptr + p->raw.len;
	}
	buf_add(out, from, (size_t)(whole.ptr + whole.len - from));
	return err;
}

enum err
mime_as_text(struct arena *a, const struct mime *m, struct slice *text_r)
{
	AUTO(buf_finish) struct buf out = { 0 };

	*text_r = m->root->raw;
	if (fits(m->root->raw))
		return ERR_OK;
	buf_init(&out, 0);
	if (as_text(a, m, INSIDE, &out))
		return ERR_NOMEM;
	void *copy = buf_ok(&out) ? arena_memdup(a, out.data, out.len) : NULL;
	if (!copy)
		return ERR_NOMEM;
	*text_r = slice(copy, out.len);
	return ERR_OK;
}
