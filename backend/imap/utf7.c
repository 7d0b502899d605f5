#include "backend/imap/utf7.h"

#include <stdint.h>
#include <string.h>

#include "base/buf.h"
#include "base/text.h"

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+,";

static bool
is_plain(uint32_t c, bool atom)
{
	if (c < 0x20 || c > 0x7e || c == '&')
		return false;
	return !atom || !strchr(" (){%*\"\\]", (int)c);
}

/* The next code point of text that is known to be UTF-8. */
static uint32_t
next_point(const unsigned char **p)
{
	uint32_t c = *(*p)++;
	unsigned more = c >= 0xf0 ? 3 : c >= 0xe0 ? 2 : c >= 0xc0 ? 1 : 0;
	if (more)
		c &= 0x3fU >> more;
	for (; more > 0; more--)
		c = c << 6 | (*(*p)++ & 0x3fU);
	return c;
}

/* A run of UTF-16 units as base64 without padding. */
struct run {
	struct buf *out;
	uint32_t bits;
	unsigned n;
};

static void
run_unit(struct run *r, uint32_t unit)
{
	r->bits = r->bits << 16 | unit;
	r->n += 16;
	while (r->n >= 6) {
		r->n -= 6;
		buf_add_byte(r->out, (unsigned char)digits[r->bits >> r->n & 63]);
	}
	r->bits &= (1U << r->n) - 1;
}

static void
run_end(struct run *r)
{
	if (r->n > 0)
		buf_add_byte(r->out, (unsigned char)digits[r->bits << (6 - r->n) & 63]);
	buf_add_byte(r->out, '-');
}

static void
encode(struct buf *out, const unsigned char *p, bool atom)
{
	while (*p) {
		if (*p == '&') {
			buf_add_str(out, "&-");
			p++;
			continue;
		}
		if (is_plain(*p, atom)) {
			buf_add_byte(out, *p++);
			continue;
		}
		struct run run = { out, 0, 0 };
		buf_add_byte(out, '&');
		while (*p && *p != '&' && !is_plain(*p, atom)) {
			uint32_t c = next_point(&p);
			if (c >= 0x10000) {
				run_unit(&run, 0xd800 + ((c - 0x10000) >> 10));
				c = 0xdc00 + ((c - 0x10000) & 0x3ff);
			}
			run_unit(&run, c);
		}
		run_end(&run);
	}
}

char *
imap_utf7_encode(struct arena *a, const char *utf8, bool atom)
{
	if (!text_is_utf8(utf8, strlen(utf8)))
		return NULL;
	struct buf out AUTO(buf_finish);
	buf_init(&out, 16384);
	encode(&out, (const unsigned char *)utf8, atom);
	const char *text = buf_str(&out);
	return text ? arena_strdup(a, text) : NULL;
}

static void
add_point(struct buf *out, uint32_t c)
{
	if (c < 0x80) {
		buf_add_byte(out, (unsigned char)c);
		return;
	}
	unsigned more = c >= 0x10000 ? 3 : c >= 0x800 ? 2 : 1;
	static const unsigned char lead[] = { 0, 0xc0, 0xe0, 0xf0 };
	buf_add_byte(out, (unsigned char)(lead[more] | c >> (6 * more)));
	while (more-- > 0)
		buf_add_byte(out, (unsigned char)(0x80 | (c >> (6 * more) & 0x3f)));
}

/* One shifted run, from behind the & up to the hyphen. Null where it is malformed. */
static const char *
decode_run(struct buf *out, const char *p, const char *end)
{
	uint32_t bits = 0, high = 0;
	unsigned n = 0;
	for (; p < end && *p != '-'; p++) {
		const char *digit = *p ? strchr(digits, *p) : NULL;
		if (!digit)
			return NULL;
		bits = bits << 6 | (uint32_t)(digit - digits);
		n += 6;
		if (n < 16)
			continue;
		n -= 16;
		uint32_t unit = bits >> n & 0xffff;
		bits &= (1U << n) - 1;
		if (high) {
			if (unit < 0xdc00 || unit > 0xdfff)
				return NULL;
			add_point(out, 0x10000 + ((high - 0xd800) << 10) + (unit - 0xdc00));
			high = 0;
		} else if (unit >= 0xd800 && unit <= 0xdbff) {
			high = unit;
		} else {
			add_point(out, unit);
		}
	}
	return p < end && !high ? p + 1 : NULL;
}

char *
imap_utf7_decode(struct arena *a, const char *utf7, size_t n, bool atom)
{
	struct buf out AUTO(buf_finish);
	buf_init(&out, 16384);
	const char *p = utf7, *end = utf7 + n;
	while (p && p < end) {
		if (*p != '&') {
			buf_add_byte(&out, (unsigned char)*p++);
		} else if (p + 1 < end && p[1] == '-') {
			buf_add_byte(&out, '&');
			p += 2;
		} else {
			p = decode_run(&out, p + 1, end);
		}
	}
	const char *text = p ? buf_str(&out) : NULL;
	if (!text || strlen(text) != out.len || !text_is_utf8(text, out.len))
		return NULL;
	/* Lone bits, a NUL or a needless shift would not come back as they were. */
	const char *again = imap_utf7_encode(a, text, atom);
	if (!again || strlen(again) != n || memcmp(again, utf7, n) != 0)
		return NULL;
	return arena_strdup(a, text);
}
