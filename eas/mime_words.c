/* Encoded words [RFC 2047]. */
#include <string.h>

#include "base/text.h"
#include "eas/mime_internal.h"

#define WORD_MAX 4096  /* 75 by the RFC; some put a whole text into one */
#define CHARSET_MAX 40

size_t
mime_word(const char *s, struct mime_word *w_r)
{
	const char *charset = s + 2, *text, *end;
	size_t n;

	if (s[0] != '=' || s[1] != '?')
		return 0;
	n = strcspn(charset, "?*= \t");
	if (n == 0 || n >= CHARSET_MAX)
		return 0;
	w_r->charset = slice(charset, n);
	if (charset[n] == '*') /* a language [RFC 2231 5] */
		n += strcspn(charset + n, "?= \t");
	if (charset[n] != '?' || !charset[n + 1] || !strchr("bBqQ", charset[n + 1]) || charset[n + 2] != '?')
		return 0;
	text = charset + n + 3;
	end = memmem(text, strnlen(text, WORD_MAX), "?=", 2);
	if (!end)
		return 0;
	w_r->base64 = charset[n + 1] == 'b' || charset[n + 1] == 'B';
	w_r->text = slice(text, (size_t)(end - text));
	return (size_t)(end - s) + 2;
}

static void
decode_word(const struct mime_word *w, struct buf *out)
{
	AUTO(buf_finish) struct buf spaced = { 0 };
	struct mime_part part = { .encoding = w->base64 ? MIME_BASE64 : MIME_QUOTED, .body = w->text };

	buf_init(&spaced, WORD_MAX);
	if (!w->base64) {
		buf_add_slice(&spaced, w->text);
		for (size_t i = 0; i < spaced.len; i++) {
			if (spaced.data[i] == '_')
				spaced.data[i] = ' ';
		}
		part.body = spaced.len ? buf_slice(&spaced) : slice("", 0);
	}
	mime_decode_range(&part, 0, UINT64_MAX, out);
}

/* Words one after the other that say the same charset are one text: writers split it between the bytes of a character.
 * Returns what stands behind them. */
static const char *
decode_run(const char *s, size_t n, struct mime_word w, struct buf *out)
{
	AUTO(buf_finish) struct buf bytes = { 0 };
	char charset[CHARSET_MAX];
	struct mime_word next;

	buf_init(&bytes, 0);
	memcpy(charset, w.charset.ptr, w.charset.len);
	charset[w.charset.len] = '\0';
	decode_word(&w, &bytes);
	for (s += n; buf_ok(&bytes); s += n) {
		size_t space = strspn(s, " \t");

		n = mime_word(s + space, &next);
		if (!n || next.charset.len != w.charset.len
			|| text_ncasecmp((const char *)next.charset.ptr, charset, w.charset.len) != 0)
			break;
		n += space;
		decode_word(&next, &bytes);
	}
	mime_to_utf8(bytes.len ? buf_slice(&bytes) : slice("", 0), charset, out);
	if (!buf_ok(&bytes))
		out->failed = true;
	return s;
}

char *
mime_decode_words(struct arena *a, const char *s)
{
	AUTO(buf_finish) struct buf out = { 0 };
	bool after = false; /* an encoded word: white space between two of them is none */

	buf_init(&out, 0);
	while (*s && buf_ok(&out) && out.len < MIME_FIELD) {
		size_t gap = 0, n = 0;
		struct mime_word w;

		while (s[gap] && !(n = mime_word(s + gap, &w)))
			gap += 1 + strcspn(s + gap + 1, "=");
		if (gap && !(n && after && strspn(s, " \t") == gap))
			mime_to_utf8(slice(s, gap), NULL, &out);
		s += gap;
		if (n)
			s = decode_run(s, n, w, &out);
		after = n > 0;
	}
	return buf_ok(&out) ? mime_clean(a, out.len ? buf_str(&out) : "", MIME_FIELD) : NULL;
}
