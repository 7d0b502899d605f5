/* eas/mime_internal.h - what the files of mime.h share. */
#ifndef EAS_MIME_INTERNAL_H
#define EAS_MIME_INTERNAL_H

#include "eas/mime.h"

/* GMime has global tables: made once, whoever comes first. */
void mime_init(void);
/* A value of a field (unfolded, bytes as they are) as clean UTF-8. */
char *mime_clean(struct arena *a, const char *s, size_t max);
/* A value with the line ends taken out, and the white space around it; at most max bytes. NULL: memory. */
char *mime_unfold(struct arena *a, struct slice value, size_t max);
bool mime_is_named(struct slice name, const char *wanted);
/* Encodes bytes with CRLF line ends. */
void mime_encode(enum mime_encoding e, struct slice bytes, struct buf *out);

/* Appends the bytes as UTF-8. charset: as a mail says it, NULL: it does not. Returns about how many bytes at the end
 * were left out, for out has MIME_TEXT of them. */
size_t mime_to_utf8(struct slice bytes, const char *charset, struct buf *out);

/* Joins the lines of a text of format=flowed in place; delete_space: DelSp=yes [RFC 3676]. */
void mime_unflow(char *text, bool delete_space);

/* An encoded word [RFC 2047]. */
struct mime_word {
	struct slice charset, text;
	bool base64;
};
/* The length of the encoded word at s; 0: there is none. Spaces inside, which do not belong there, are taken for part
 * of it. */
size_t mime_word(const char *s, struct mime_word *w_r);
/* The unfolded value of a field with its encoded words undone: clean UTF-8, at most MIME_FIELD bytes. NULL: memory. */
char *mime_decode_words(struct arena *a, const char *s);

#endif
