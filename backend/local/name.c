/* Names of Maildir++ folders, and keywords: the modified UTF-7 of RFC 3501 5.1.3, so that an IMAP server on the same Maildir shows the
 * same names. What must not stand in them for other reasons is encoded too. */
#include <string.h>

#include "backend/local/local.h"
#include "base/text.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+,";

/* The next character of valid UTF-8. */
static uint32_t
next_char(const unsigned char **p)
{
	uint32_t c = *(*p)++;
	int more = c >= 0xF0 ? 3 : c >= 0xE0 ? 2 : c >= 0xC0 ? 1 : 0;

	if (more)
		c &= 0x3Fu >> more;
	for (; more > 0; more--)
		c = c << 6 | (*(*p)++ & 0x3Fu);
	return c;
}

static bool
is_plain(unsigned char c, const char *apart)
{
	return c >= 0x20 && c < 0x7F && c != '&' && !strchr(apart, c);
}

/* Bits on their way from UTF-16 to base64. */
struct bits {
	uint32_t value;
	unsigned n;
};

static void
push16(struct buf *out, struct bits *b, uint32_t unit)
{
	b->value = b->value << 16 | unit;
	b->n += 16;
	while (b->n >= 6) {
		b->n -= 6;
		buf_add_byte(out, (unsigned char)alphabet[b->value >> b->n & 63]);
	}
	b->value &= (1u << b->n) - 1;
}

static const unsigned char *
encode_run(struct buf *out, const unsigned char *p, const char *apart)
{
	struct bits b = { 0 };

	buf_add_byte(out, '&');
	while (*p && *p != '&' && !is_plain(*p, apart)) {
		uint32_t c = next_char(&p);

		if (c >= 0x10000) {
			push16(out, &b, 0xD800 + ((c - 0x10000) >> 10));
			c = 0xDC00 + ((c - 0x10000) & 0x3FF);
		}
		push16(out, &b, c);
	}
	if (b.n)
		buf_add_byte(out, (unsigned char)alphabet[b.value << (6 - b.n) & 63]);
	buf_add_byte(out, '-');
	return p;
}

char *
name_encode(struct arena *a, const char *name, const char *apart)
{
	const unsigned char *p = (const unsigned char *)name;
	struct buf out;
	char *copy = NULL;

	if (!*name || !text_is_utf8(name, strlen(name)))
		return NULL;
	buf_init(&out, 200);
	while (*p) {
		if (*p == '&') {
			buf_add_str(&out, "&-");
			p++;
		} else if (is_plain(*p, apart)) {
			buf_add_byte(&out, *p++);
		} else {
			p = encode_run(&out, p, apart);
		}
	}
	if (buf_ok(&out))
		copy = arena_strndup(a, (const char *)out.data, out.len);
	buf_finish(&out);
	return copy;
}

static void
add_char(struct buf *out, uint32_t c)
{
	if (c < 0x80) {
		buf_add_byte(out, (unsigned char)c);
		return;
	}
	if (c < 0x800) {
		buf_add_byte(out, (unsigned char)(0xC0 | c >> 6));
	} else {
		if (c < 0x10000) {
			buf_add_byte(out, (unsigned char)(0xE0 | c >> 12));
		} else {
			buf_add_byte(out, (unsigned char)(0xF0 | c >> 18));
			buf_add_byte(out, (unsigned char)(0x80 | (c >> 12 & 0x3F)));
		}
		buf_add_byte(out, (unsigned char)(0x80 | (c >> 6 & 0x3F)));
	}
	buf_add_byte(out, (unsigned char)(0x80 | (c & 0x3F)));
}

/* What stands between & and -; false: no valid encoding. */
static bool
decode_run(struct buf *out, const char *p, size_t n)
{
	struct bits b = { 0 };
	uint32_t high = 0;

	for (size_t i = 0; i < n; i++) {
		const char *at = strchr(alphabet, p[i]);
		uint32_t unit;

		if (!at || !p[i])
			return false;
		b.value = b.value << 6 | (uint32_t)(at - alphabet);
		b.n += 6;
		if (b.n < 16)
			continue;
		b.n -= 16;
		unit = b.value >> b.n & 0xFFFF;
		b.value &= (1u << b.n) - 1;
		if (high) {
			if (unit < 0xDC00 || unit > 0xDFFF)
				return false;
			add_char(out, 0x10000 + ((high - 0xD800) << 10) + (unit - 0xDC00));
			high = 0;
		} else if (unit >= 0xD800 && unit < 0xDC00) {
			high = unit;
		} else if (unit == 0 || (unit >= 0xDC00 && unit < 0xE000)) {
			return false;
		} else {
			add_char(out, unit);
		}
	}
	return !high && b.n < 6 && b.value == 0;
}

char *
name_decode(struct arena *a, const char *encoded, size_t n)
{
	struct buf out;
	char *copy = NULL;
	size_t i = 0;
	bool good = true;

	buf_init(&out, 0);
	while (good && i < n) {
		const char *end;

		if (encoded[i] != '&') {
			buf_add_byte(&out, (unsigned char)encoded[i++]);
			continue;
		}
		end = memchr(encoded + i, '-', n - i);
		good = end != NULL;
		if (good && end == encoded + i + 1)
			buf_add_byte(&out, '&');
		else if (good)
			good = decode_run(&out, encoded + i + 1, (size_t)(end - encoded) - i - 1);
		if (good)
			i = (size_t)(end - encoded) + 1;
	}
	if (good && buf_ok(&out) && out.len && text_is_utf8(out.data, out.len))
		copy = arena_strndup(a, (const char *)out.data, out.len);
	else
		copy = text_to_utf8(a, encoded, n);
	buf_finish(&out);
	return copy;
}
