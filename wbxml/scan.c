#include "wbxml/scan.h"

#include <string.h>

/* The global tokens that are used; all others of WBXML 1.3 section 7.1 are refused. */
enum {
	SWITCH_PAGE = 0x00,
	END = 0x01,
	STR_I = 0x03,
	OPAQUE = 0xC3,
	FIRST_TAG = 0x05,
	BIT_CONTENT = 0x40,
	BIT_ATTRIBUTES = 0x80,
	TOKEN_MASK = 0x3F,
};

enum { CHARSET_UNKNOWN = 0, CHARSET_ASCII = 3, CHARSET_LATIN1 = 4, CHARSET_UTF8 = 106 };

enum err
scan_fail(const struct scan *s, enum err code, const char *why)
{
	return err_set(s->e, code, "WBXML byte %zu: %s", s->pos, why);
}

static bool
take_byte(struct scan *s, unsigned *v_r)
{
	if (s->pos == s->in.len)
		return false;
	*v_r = s->in.ptr[s->pos++];
	return true;
}

/* A multi-byte integer of 32 bits: seven bits a byte, the highest says that more follow (WBXML 1.3 section 5.1). */
static bool
take_int(struct scan *s, uint32_t *v_r)
{
	uint32_t v = 0;
	for (int i = 0; i < 5; i++) {
		unsigned byte;
		if (!take_byte(s, &byte) || v >> 25)
			return false;
		v = v << 7 | (byte & 0x7F);
		if (!(byte & 0x80)) {
			*v_r = v;
			return true;
		}
	}
	return false;
}

static bool
take_bytes(struct scan *s, size_t n, struct slice *data_r)
{
	if (n > s->in.len - s->pos)
		return false;
	*data_r = slice(s->in.ptr + s->pos, n);
	s->pos += n;
	return true;
}

enum err
scan_begin(struct scan *s, struct slice in, struct error *e)
{
	*s = (struct scan){ .in = in, .e = e };
	unsigned version;
	uint32_t public_id, ignored, charset, table;
	struct slice skipped;
	if (!take_byte(s, &version) || version < 1 || version > 3)
		return scan_fail(s, ERR_INVALID, "not WBXML 1.1 to 1.3");
	/* A public id of 0 says that its name stands in the string table; nobody needs it. */
	if (!take_int(s, &public_id) || (public_id == 0 && !take_int(s, &ignored)))
		return scan_fail(s, ERR_INVALID, "public id");
	if (!take_int(s, &charset))
		return scan_fail(s, ERR_INVALID, "charset");
	if (charset != CHARSET_UTF8 && charset != CHARSET_UNKNOWN && charset != CHARSET_ASCII && charset != CHARSET_LATIN1)
		return scan_fail(s, ERR_INVALID, "a charset other than UTF-8");
	if (!take_int(s, &table) || !take_bytes(s, table, &skipped))
		return scan_fail(s, ERR_INVALID, "string table");
	return ERR_OK;
}

static enum err
scan_text(struct scan *s, struct scan_event *event_r)
{
	size_t left = s->in.len - s->pos;
	const unsigned char *from = s->in.ptr + s->pos;
	const unsigned char *nul = left ? memchr(from, '\0', left) : NULL;
	if (!nul)
		return scan_fail(s, ERR_INVALID, "a string without end");
	event_r->type = SCAN_TEXT;
	event_r->data = slice(from, (size_t)(nul - from));
	s->pos += event_r->data.len + 1;
	return ERR_OK;
}

static enum err
scan_opaque(struct scan *s, struct scan_event *event_r)
{
	uint32_t n;
	event_r->type = SCAN_OPAQUE;
	if (!take_int(s, &n) || !take_bytes(s, n, &event_r->data))
		return scan_fail(s, ERR_INVALID, "opaque data longer than the document");
	return ERR_OK;
}

static enum err
scan_tag(struct scan *s, unsigned byte, struct scan_event *event_r)
{
	unsigned token = byte & TOKEN_MASK;
	if (token < FIRST_TAG)
		return scan_fail(s, ERR_INVALID, "a token that ActiveSync does not use");
	if (byte & BIT_ATTRIBUTES)
		return scan_fail(s, ERR_INVALID, "attributes");
	unsigned tag = s->page << 8 | token;
	event_r->type = SCAN_START;
	event_r->page = s->page;
	event_r->token = token;
	event_r->tag = wbxml_tag_name(tag) ? tag : WBXML_UNKNOWN;
	event_r->content = byte & BIT_CONTENT;
	return ERR_OK;
}

enum err
scan_next(struct scan *s, struct scan_event *event_r)
{
	*event_r = (struct scan_event){ .type = SCAN_EOF };
	unsigned byte;
	while (take_byte(s, &byte)) {
		switch (byte) {
		case SWITCH_PAGE:
			if (!take_byte(s, &s->page))
				return scan_fail(s, ERR_INVALID, "page switch without a page");
			break;
		case END:
			event_r->type = SCAN_END;
			return ERR_OK;
		case STR_I:
			return scan_text(s, event_r);
		case OPAQUE:
			return scan_opaque(s, event_r);
		default:
			return scan_tag(s, byte, event_r);
		}
	}
	return ERR_OK;
}
