/* Charsets: what a mail says of them, and what its writer meant. */
#include <errno.h>
#include <gmime/gmime.h>
#include <iconv.h>
#include <string.h>

#include "base/text.h"
#include "eas/mime_internal.h"

#define BLOCK 8192

/* What mails call one thing and mean another: supersets that the writers really used. NULL: none that is known. */
static const char *
charset_name(const char *charset)
{
	static const struct {
		const char *said, *meant;
	} map[] = { { "gb2312", "GB18030" }, { "gbk", "GB18030" }, { "x-gbk", "GB18030" }, { "shift_jis", "CP932" },
		{ "sjis", "CP932" }, { "x-sjis", "CP932" }, { "shift-jis", "CP932" }, { "iso-8859-1", "CP1252" },
		{ "latin1", "CP1252" }, { "ks_c_5601-1987", "CP949" }, { "euc-kr", "CP949" },
		{ "iso-8859-9", "CP1254" }, { "iso-8859-11", "CP874" }, { "tis-620", "CP874" },
		{ "big5", "BIG5-HKSCS" }, { "iso-2022-jp", "ISO-2022-JP-2" }, { "iso-2022-jp-ms", "ISO-2022-JP-2" },
		{ "cp50220", "ISO-2022-JP-2" }, { "cp50221", "ISO-2022-JP-2" }, { "csiso2022jp", "ISO-2022-JP-2" },
		{ "unicode-1-1-utf-7", "UTF-7" },
		{ "iso-2022-cn-ext", NULL } };

	for (const char *p = charset; *p; p++) {
		if (!strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.:+()", *p))
			return NULL; /* above all no //TRANSLIT and no path */
	}
	for (size_t i = 0; i < ARRAY_LEN(map); i++) {
		if (text_casecmp(charset, map[i].said) == 0)
			return map[i].meant;
	}
	return g_mime_charset_iconv_name(charset);
}

static void
close_iconv(iconv_t *cd)
{
	if (*cd != (iconv_t)-1)
		iconv_close(*cd);
	*cd = (iconv_t)-1;
}

/* What cannot be read: one byte, and where all come in pairs its second, else all behind would be read askew. */
static size_t
bad_length(const char *s, size_t n, bool pairs)
{
	unsigned char c = (unsigned char)*s;
	bool lead = (c >= 0x81 && c <= 0x9f) || (c >= 0xe0 && c <= 0xfc);

	return pairs && lead && n > 1 && (unsigned char)s[1] >= 0x40 ? 2 : 1;
}

/* Returns how many bytes at the end were not looked at, for there is enough. */
static size_t
convert(iconv_t cd, struct slice in, bool pairs, struct buf *out)
{
	char *from = (char *)(uintptr_t)in.ptr;
	size_t left = in.len;
	char block[BLOCK];

	while (left > 0 && buf_ok(out) && out->len < MIME_TEXT) {
		char *to = block;
		size_t room = sizeof block;
		size_t before = left;
		size_t done = iconv(cd, &from, &left, &to, &room);

		if (to > block)
			text_add_utf8(out, block, (size_t)(to - block));
		if (done != (size_t)-1)
			break;
		if (errno == E2BIG && (to > block || left < before))
			continue;
		buf_add_str(out, "\xEF\xBF\xBD");
		if (errno == EINVAL || left == 0)
			break; /* cut off in the middle of a character */
		size_t bad = bad_length(from, left, pairs);
		from += bad;
		left -= bad;
	}
	return out->len < MIME_TEXT ? 0 : left;
}

/* ---- ISO-2022-JP ---- */

/* The set that the escape sequence at s calls for: B is ASCII (or Roman, which differs in what nobody means), I kana,
 * $ JIS X 0208; 0: a set of ISO-2022-JP-2, or none. */
static char
jp_set(const unsigned char *s, size_t n)
{
	if (n >= 3 && s[1] == '(')
		return s[2] == 'B' || s[2] == 'J' || s[2] == 'H' ? 'B' : s[2] == 'I' ? 'I' : 0;
	return n >= 3 && s[1] == '$' && (s[2] == 'B' || s[2] == '@') ? '$' : 0;
}

static bool
is_graphic(unsigned char c)
{
	return c >= 0x21 && c <= 0x7e;
}

/* A row and a cell of JIS X 0208 in the form that Shift_JIS gives them. */
static void
add_pair(struct buf *out, unsigned row, unsigned cell)
{
	unsigned lead = (row - 0x21) / 2 + 0x81;

	buf_add_byte(out, (unsigned char)(lead > 0x9f ? lead + 0x40 : lead));
	buf_add_byte(out, (unsigned char)(row % 2 == 0 ? cell + 0x7e : cell < 0x60 ? cell + 0x1f : cell + 0x20));
}

/* As Shift_JIS: glibc knows the characters that Windows added to JIS X 0208 in that form alone. false: there is more
 * in it than that. */
static bool
jp_to_shift(struct slice in, struct buf *out)
{
	char set = 'B';

	for (size_t i = 0, n; i < in.len; i += n) {
		unsigned char c = in.ptr[i];

		n = 1;
		if (c == 0x1b) {
			set = jp_set(in.ptr + i, in.len - i);
			n = 3;
			if (!set)
				return false;
		} else if (set == 'B' || !is_graphic(c)) {
			buf_add_byte(out, c);
		} else if (set == 'I') {
			buf_add_byte(out, c | 0x80);
		} else if (i + 1 < in.len && is_graphic(in.ptr[i + 1])) {
			add_pair(out, c, in.ptr[i + 1]);
			n = 2;
		} else {
			buf_add_byte(out, '?');
		}
	}
	return buf_ok(out);
}

static bool
says_utf8(const char *charset)
{
	return charset && (text_casecmp(charset, "utf-8") == 0 || text_casecmp(charset, "utf8") == 0);
}

static bool
says_nothing(const char *charset)
{
	return !charset || text_casecmp(charset, "us-ascii") == 0 || text_casecmp(charset, "ascii") == 0
		|| text_casecmp(charset, "unknown-8bit") == 0 || text_casecmp(charset, "x-unknown") == 0
		|| text_casecmp(charset, "default") == 0 || says_utf8(charset);
}

/* False, with nothing done: nobody knows it. *left_r as convert() returns it. */
static bool
convert_from(const char *charset, struct slice bytes, struct buf *out, size_t *left_r)
{
	AUTO(close_iconv) iconv_t cd = (iconv_t)-1;
	AUTO(buf_finish) struct buf shift = { 0 };
	bool japanese = false;

	buf_init(&shift, 0);
	if (strcmp(charset, "ISO-2022-JP-2") == 0 && jp_to_shift(bytes, &shift)) {
		japanese = true;
		charset = "CP932";
		bytes = shift.len ? buf_slice(&shift) : slice("", 0);
	}
	cd = iconv_open("UTF-8", charset);
	if (cd == (iconv_t)-1)
		return false;
	*left_r = convert(cd, bytes, japanese, out);
	return true;
}

size_t
mime_to_utf8(struct slice bytes, const char *charset, struct buf *out)
{
	const char *from = says_nothing(charset) ? NULL : charset_name(charset);

	size_t left;

	if (from && convert_from(from, bytes, out, &left))
		return left;
	/* What nobody says, or nobody knows, is UTF-8 or what most writers had who did not say it. */
	if (!says_utf8(charset) && !text_is_utf8(bytes.ptr, bytes.len) && convert_from("CP1252", bytes, out, &left))
		return left;
	text_add_utf8(out, bytes.ptr, bytes.len);
	return 0;
}
