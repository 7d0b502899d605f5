/* backend/imap/fetch_response.h - the list of a FETCH response: (UID 7 FLAGS (\Seen) BODY[] {123} ...). See
 * response.h. */
#ifndef BACKEND_IMAP_FETCH_RESPONSE_H
#define BACKEND_IMAP_FETCH_RESPONSE_H

#include "backend/imap/response.h"

/* False on an error of the lexer or of the syntax. */
bool imap_fetch_read(struct imap_lex *l, struct arena *a, uint64_t body_max, struct imap_fetch *f);

#endif
