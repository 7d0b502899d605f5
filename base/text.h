/* base/text.h - small helpers for text, none of which knows a locale. */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"

/* ASCII only, whatever the locale. */
int text_casecmp(const char *a, const char *b);
int text_ncasecmp(const char *a, const char *b, size_t n);
bool text_starts(const char *s, const char *prefix);
bool text_casestarts(const char *s, const char *prefix);
bool text_ends(const char *s, const char *suffix);

/* Well-formed UTF-8 (RFC 3629: no surrogates, no overlong forms) without NUL. */
bool text_is_utf8(const void *p, size_t n);
/* A copy in which each malformed byte became U+FFFD and controls that XML 1.0 forbids became spaces; always valid. */
char *text_to_utf8(struct arena *a, const void *p, size_t n) NODISCARD;
/* The same, appended to b. */
void text_add_utf8(struct buf *b, const void *p, size_t n);
/* Every byte is a character of ISO 8859-1 (as old clients send Basic credentials). */
char *text_from_latin1(struct arena *a, const void *p, size_t n) NODISCARD;
/* Bytes of the UTF-8 sequence at s if a terminal may get it as it is; 0 for controls (C1, those of direction, and separators of
 * lines too) and malformed bytes. */
size_t text_printable(const char *s);
/* A copy in which all else became \xNN. */
char *text_escape(struct arena *a, const char *s) NODISCARD;
/* The largest m <= n at which s may be cut without splitting a UTF-8 sequence. */
size_t text_cut(const char *s, size_t n);

/* Decimal digits only, no sign, no space, whole string; false on overflow or anything else. */
bool text_to_u64(const char *s, uint64_t *v_r);
bool text_to_i64(const char *s, int64_t *v_r);

/* Lower-case hex of n bytes, with NUL; out has 2 * n + 1. */
void text_hex(const void *p, size_t n, char *out);
/* Whole string; -1 unless even and hex; else the number of bytes written to out (which has room for strlen/2). */
long text_unhex(const char *s, unsigned char *out, size_t room);

/* Base64 (RFC 4648, with padding). Decoding skips white space, accepts missing padding; NULL if malformed or memory is short. */
bool text_is_base64(const char *s, size_t n);
char *text_base64(struct arena *a, const void *p, size_t n) NODISCARD;
/* Turns what b holds from that byte on into its base64, where it stands: large things need no second buffer. */
void text_base64_from(struct buf *b, size_t from);
unsigned char *text_unbase64(struct arena *a, const char *s, size_t n, size_t *n_r) NODISCARD;

/* Percent-decoding; `plus` also turns + into a space. NULL on a malformed escape or a NUL byte. */
char *text_unpercent(struct arena *a, const char *s, size_t n, bool plus) NODISCARD;
/* Percent-encodes all but unreserved characters (RFC 3986) and those in `keep`. */
char *text_percent(struct arena *a, const char *s, const char *keep) NODISCARD;

/* Replaces %u (the login as typed), %l (its part before the last @, or all) and %d (what is behind it, or fallback_domain,
 * or ""), %% by %. NULL for any other escape or where memory is short. */
char *text_expand(struct arena *a, const char *template, const char *user, const char *fallback_domain) NODISCARD;

#endif
