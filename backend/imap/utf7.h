/* backend/imap/utf7.h - modified UTF-7 (RFC 3501 5.1.3), for mailbox names and, more strictly, for keywords.
 *
 * Ownership: results live in the arena that is given.
 * Errors:    NULL where the input is malformed or memory is short.
 */
#ifndef BACKEND_IMAP_UTF7_H
#define BACKEND_IMAP_UTF7_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"

/* From UTF-8. `atom` also encodes what an atom may not hold (space, parentheses, quotes ...), so that a keyword can
 * be any text ("Red Category" becomes Red&ACA-Category). */
char *imap_utf7_encode(struct arena *a, const char *utf8, bool atom) NODISCARD;
/* To UTF-8. Only what imap_utf7_encode() would write is accepted, so that decoding and encoding give the same bytes. */
char *imap_utf7_decode(struct arena *a, const char *utf7, size_t n, bool atom) NODISCARD;

#endif
