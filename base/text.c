#include "base/text.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

static unsigned char
lower(char c)
{
	return (unsigned char)(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
}

int
text_ncasecmp(const char *a, const char *b, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		int d = lower(a[i]) - lower(b[i]);
		if (d != 0 || a[i] == '\0')
			return d;
	}
	return 0;
}

int
text_casecmp(const char *a, const char *b)
{
	return text_ncasecmp(a, b, SIZE_MAX);
}

bool
text_starts(const char *s, const char *prefix)
{
	return strncmp(s, prefix, strlen(prefix)) == 0;
}

bool
text_casestarts(const char *s, const char *prefix)
{
	return text_ncasecmp(s, prefix, strlen(prefix)) == 0;
}

bool
text_ends(const char *s, const char *suffix)
{
	size_t n = strlen(s), m = strlen(suffix);
	return n >= m && memcmp(s + n - m, suffix, m) == 0;
}

/* The length of the well-formed UTF-8 sequence at p (RFC 3629, section 4), 0 if there is none; stores the character. */
static size_t
utf8_next(const unsigned char *p, size_t n, uint32_t *c_r)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	if (p[0] < 0x80) {
		*c_r = p[0];
		return 1;
	}
	size_t len = p[0] < 0xC2 ? 0 : p[0] < 0xE0 ? 2 : p[0] < 0xF0 ? 3 : p[0] < 0xF5 ? 4 : 0;
	if (len == 0 || len > n)
		return 0;
	uint32_t c = p[0] & (0x7Fu >> len);
	for (size_t i = 1; i < len; i++) {
		if ((p[i] & 0xC0) != 0x80)
			return 0;
		c = c << 6 | (p[i] & 0x3Fu);
	}
	if (c < least[len] || c > 0x10FFFF || (c >= 0xD800 && c <= 0xDFFF))
		return 0;
	*c_r = c;
	return len;
}

/* ASCII that XML takes as it is. Like the loop below without a branch, so that the compiler looks at many bytes at a time. */
static unsigned
is_plain(unsigned char c)
{
	return (unsigned)((c >= 0x20) & (c < 0x80)) | (c == '\n') | (c == '\r') | (c == '\t');
}

#define BLOCK 32

static bool
block_is_plain(const unsigned char *s)
{
	unsigned char all = 1;
	for (size_t i = 0; i < BLOCK; i++)
		all &= (unsigned char)is_plain(s[i]);
	return all;
}

/* How many bytes from s on are plain: most of all text. */
static size_t
plain_run(const unsigned char *s, size_t n)
{
	size_t i = 0;
	while (n - i >= BLOCK && block_is_plain(s + i))
		i += BLOCK;
	while (i < n && is_plain(s[i]))
		i++;
	return i;
}

bool
text_is_utf8(const void *p, size_t n)
{
	const unsigned char *s = p;
	while (n > 0) {
		uint32_t c = 1;
		size_t len = plain_run(s, n);
		if (len == 0)
			len = utf8_next(s, n, &c);
		if (len == 0 || c == 0)
			return false;
		s += len;
		n -= len;
	}
	return true;
}

/* What stands for the sequence of len bytes (0: malformed) at s: itself if XML 1.0 section 2.2 allows c. */
static struct slice
xml_piece(const unsigned char *s, size_t len, uint32_t c)
{
	if (len == 0 || c == 0xFFFE || c == 0xFFFF)
		return slice_str("\xEF\xBF\xBD");
	if (c < 0x20 && c != '\t' && c != '\n' && c != '\r')
		return slice_str(" ");
	return slice(s, len);
}

/* Steps over a run of plain ASCII, over one sequence, or over one malformed byte, and returns what stands for it. */
static struct slice
xml_next(struct slice *in)
{
	uint32_t c = 0;
	size_t plain = plain_run(in->ptr, in->len);
	if (plain) {
		struct slice run = slice(in->ptr, plain);
		*in = slice(in->ptr + plain, in->len - plain);
		return run;
	}
	size_t len = utf8_next(in->ptr, in->len, &c);
	struct slice piece = xml_piece(in->ptr, len, c);
	*in = slice(in->ptr + (len ? len : 1), in->len - (len ? len : 1));
	return piece;
}

void
text_add_utf8(struct buf *b, const void *p, size_t n)
{
	/* Runs that may stay as they are, which is nearly everything, are added in one go. */
	struct slice in = slice(p, n);
	const unsigned char *run = in.ptr;
	while (in.len > 0) {
		const unsigned char *at = in.ptr;
		struct slice piece = xml_next(&in);
		if (piece.ptr == at)
			continue;
		buf_add(b, run, (size_t)(at - run));
		buf_add_slice(b, piece);
		run = in.ptr;
	}
	buf_add(b, run, (size_t)(in.ptr - run));
}

char *
text_to_utf8(struct arena *a, const void *p, size_t n)
{
	char *out = NULL;
	/* Once to measure, once to copy. */
	for (int pass = 0; pass < 2; pass++) {
		size_t total = 0;
		for (struct slice in = slice(p, n); in.len > 0;) {
			struct slice piece = xml_next(&in);
			if (out)
				memcpy(out + total, piece.ptr, piece.len);
			total += piece.len;
		}
		if (!out && !(out = arena_alloc(a, total + 1)))
			return NULL;
	}
	return out;
}

char *
text_from_latin1(struct arena *a, const void *p, size_t n)
{
	const unsigned char *s = p;
	size_t total = n;
	for (size_t i = 0; i < n; i++)
		total += s[i] >= 0x80;
	char *out = arena_alloc(a, total + 1);
	if (!out)
		return NULL;
	char *to = out;
	for (size_t i = 0; i < n; i++) {
		if (s[i] < 0x80) {
			*to++ = (char)s[i];
		} else {
			*to++ = (char)(0xC0 | s[i] >> 6);
			*to++ = (char)(0x80 | (s[i] & 0x3F));
		}
	}
	return out;
}

/* Line separators, and what shows a line in another order than it has (UAX 9, 2). */
static bool
disguises(const unsigned char *p)
{
	if (p[0] == 0xD8)
		return p[1] == 0x9C;
	if (p[0] != 0xE2)
		return false;
	return (p[1] == 0x80 && (p[2] == 0x8E || p[2] == 0x8F || (p[2] >= 0xA8 && p[2] <= 0xAE)))
		|| (p[1] == 0x81 && p[2] >= 0xA6 && p[2] <= 0xA9);
}

size_t
text_printable(const char *s)
{
	const unsigned char *p = (const unsigned char *)s;
	size_t n = *p < 0x80 ? 1 : *p < 0xE0 ? 2 : *p < 0xF0 ? 3 : 4;

	if (*p < 0x20 || *p == 0x7F || (*p == 0xC2 && p[1] < 0xA0) || disguises(p))
		return 0;
	return strnlen(s, n) < n || !text_is_utf8(s, n) ? 0 : n;
}

char *
text_escape(struct arena *a, const char *s)
{
	char *out = arena_alloc(a, 4 * strlen(s) + 1), *to = out;

	while (out && *s) {
		size_t n = text_printable(s);

		if (n) {
			memcpy(to, s, n);
			to += n;
			s += n;
		} else {
			to += snprintf(to, 5, "\\x%02x", (unsigned char)*s++);
		}
	}
	if (out)
		*to = '\0';
	return out;
}

size_t
text_cut(const char *s, size_t n)
{
	size_t len = strnlen(s, n);
	if (len < n)
		return len;
	/* Only a continuation byte at the cut means that a sequence would be split. */
	size_t m = n;
	while (m > 0 && n - m < 3 && ((unsigned char)s[m] & 0xC0) == 0x80)
		m--;
	return ((unsigned char)s[m] & 0xC0) == 0x80 ? n : m;
}

bool
text_to_u64(const char *s, uint64_t *v_r)
{
	uint64_t v = 0;
	if (*s == '\0')
		return false;
	for (; *s; s++) {
		if (*s < '0' || *s > '9')
			return false;
		if (__builtin_mul_overflow(v, 10u, &v) || __builtin_add_overflow(v, (unsigned)(*s - '0'), &v))
			return false;
	}
	*v_r = v;
	return true;
}

bool
text_to_i64(const char *s, int64_t *v_r)
{
	uint64_t v;
	bool minus = *s == '-';
	if (!text_to_u64(s + minus, &v) || v > (uint64_t)INT64_MAX + minus)
		return false;
	*v_r = minus ? (int64_t)-v : (int64_t)v;
	return true;
}

void
text_hex(const void *p, size_t n, char *out)
{
	static const char digits[] = "0123456789abcdef";
	const unsigned char *s = p;
	for (size_t i = 0; i < n; i++) {
		*out++ = digits[s[i] >> 4];
		*out++ = digits[s[i] & 15];
	}
	*out = '\0';
}

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	unsigned char l = lower(c);
	return l >= 'a' && l <= 'f' ? l - 'a' + 10 : -1;
}

long
text_unhex(const char *s, unsigned char *out, size_t room)
{
	size_t n = 0;
	for (; *s; s += 2) {
		int hi = hex_digit(s[0]), lo = s[1] ? hex_digit(s[1]) : -1;
		if (hi < 0 || lo < 0 || n == room)
			return -1;
		out[n++] = (unsigned char)(hi << 4 | lo);
	}
	return (long)n;
}

char *
text_base64(struct arena *a, const void *p, size_t n)
{
	/* OpenSSL counts in int. */
	if (n > INT32_MAX / 2)
		return NULL;
	char *out = arena_alloc(a, (n + 2) / 3 * 4 + 1);
	if (out)
		EVP_EncodeBlock((unsigned char *)out, p, (int)n);
	return out;
}

void
text_base64_from(struct buf *b, size_t from)
{
	unsigned char in[768], out[sizeof in / 3 * 4 + 1]; /* OpenSSL writes a NUL */
	size_t n = b->len - from, coded = (n + 2) / 3 * 4;
	if (!buf_reserve(b, coded - n))
		return;
	/* From the end: the text of a block takes the place of its own bytes, and of some that are done already. */
	while (n > 0) {
		size_t at = (n - 1) / sizeof in * sizeof in;
		memcpy(in, b->data + from + at, n - at);
		EVP_EncodeBlock(out, in, (int)(n - at));
		memcpy(b->data + from + at / 3 * 4, out, (n - at + 2) / 3 * 4);
		n = at;
	}
	b->len = from + coded;
}

static bool
is_base64(char c)
{
	unsigned char l = lower(c);
	return (l >= 'a' && l <= 'z') || (c >= '0' && c <= '9') || c == '+' || c == '/';
}

bool
text_is_base64(const char *s, size_t n)
{
	size_t len = 0, pads = 0;

	for (size_t i = 0; i < n; i++) {
		if (s[i] == ' ' || s[i] == '\t' || s[i] == '\r' || s[i] == '\n')
			continue;
		if (s[i] == '=') {
			pads++;
			continue;
		}
		if (!is_base64(s[i]) || pads > 0)
			return false;
		len++;
	}
	return len % 4 != 1 && pads <= (4 - len % 4) % 4;
}

unsigned char *
text_unbase64(struct arena *a, const char *s, size_t n, size_t *n_r)
{
	if (n > INT32_MAX / 2 || !text_is_base64(s, n))
		return NULL;
	/* Bring it into the strict form that OpenSSL reads: no white space, whole groups, padding at the end only. */
	char *strict = arena_alloc(a, n + 4);
	if (!strict)
		return NULL;
	size_t len = 0;
	for (size_t i = 0; i < n; i++)
		if (is_base64(s[i]))
			strict[len++] = s[i];
	size_t missing = (4 - len % 4) % 4;
	memset(strict + len, '=', missing);
	len += missing;
	unsigned char *out = arena_alloc(a, len / 4 * 3 + 1);
	if (!out || EVP_DecodeBlock(out, (const unsigned char *)strict, (int)len) < 0)
		return NULL;
	*n_r = len / 4 * 3 - missing;
	out[*n_r] = '\0';
	return out;
}

char *
text_unpercent(struct arena *a, const char *s, size_t n, bool plus)
{
	char *out = arena_alloc(a, n + 1);
	if (!out)
		return NULL;
	char *to = out;
	for (size_t i = 0; i < n; i++) {
		char c = s[i];
		if (c == '%') {
			int hi = n - i > 2 ? hex_digit(s[i + 1]) : -1;
			int lo = n - i > 2 ? hex_digit(s[i + 2]) : -1;
			if (hi < 0 || lo < 0)
				return NULL;
			c = (char)(hi << 4 | lo);
			i += 2;
		} else if (c == '+' && plus) {
			c = ' ';
		}
		if (c == '\0')
			return NULL;
		*to++ = c;
	}
	return out;
}

static bool
is_unreserved(char c)
{
	unsigned char l = lower(c);
	return (l >= 'a' && l <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_' || c == '~';
}

char *
text_percent(struct arena *a, const char *s, const char *keep)
{
	static const char digits[] = "0123456789ABCDEF";
	size_t n;
	if (__builtin_mul_overflow(strlen(s), 3u, &n))
		return NULL;
	char *out = arena_alloc(a, n + 1);
	if (!out)
		return NULL;
	char *to = out;
	for (; *s; s++) {
		if (is_unreserved(*s) || (keep && strchr(keep, *s))) {
			*to++ = *s;
		} else {
			*to++ = '%';
			*to++ = digits[(unsigned char)*s >> 4];
			*to++ = digits[(unsigned char)*s & 15];
		}
	}
	return out;
}

/* What one escape of text_expand() stands for; ptr NULL for an escape that there is not. */
static struct slice
expansion(char escape, const char *user, const char *fallback_domain)
{
	const char *at = strrchr(user, '@');
	switch (escape) {
	case 'u':
		return slice_str(user);
	case 'l':
		return slice(user, at ? (size_t)(at - user) : strlen(user));
	case 'd':
		return slice_str(at ? at + 1 : fallback_domain ? fallback_domain : "");
	case '%':
		return slice_str("%");
	default:
		return slice(NULL, 0);
	}
}

char *
text_expand(struct arena *a, const char *template, const char *user, const char *fallback_domain)
{
	char *out = NULL;
	for (int pass = 0; pass < 2; pass++) {
		size_t total = 0;
		for (const char *s = template; *s; s++) {
			struct slice piece = slice(s, 1);
			if (*s == '%')
				piece = expansion(*++s, user, fallback_domain);
			if (!piece.ptr)
				return NULL;
			if (out)
				memcpy(out + total, piece.ptr, piece.len);
			total += piece.len;
		}
		if (!out && !(out = arena_alloc(a, total + 1)))
			return NULL;
	}
	return out;
}
