/* eas/mime_internal.h - what the files of mime.h share. */
#ifndef EAS_MIME_INTERNAL_H
#define EAS_MIME_INTERNAL_H

#include "eas/mime.h"

/* GMime has global tables: made once, whoever comes first. */
void mime_init(void);
/* A value of a field (unfolded, bytes as they are) as clean UTF-8. */
char *mime_clean(struct arena *a, const char *s, size_t max);
/* Encodes bytes with CRLF line ends. */
void mime_encode(enum mime_encoding e, struct slice bytes, struct buf *out);

#endif
