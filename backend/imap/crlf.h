/* backend/imap/crlf.h - a mail with every line ended by CRLF: bare CR and LF are refused by servers, or, worse, read
 * as the end of a line by some and not by others (SMTP smuggling).
 */
#ifndef BACKEND_IMAP_CRLF_H
#define BACKEND_IMAP_CRLF_H

#include "base/buf.h"

struct imap_crlf {
	struct slice in;
	size_t pos;
	bool owe_lf; /* the CR was given, its LF not yet */
};

/* The size of all that imap_crlf_next() will give. */
size_t imap_crlf_size(struct slice in);
/* The next bytes, at most room; 0 at the end. */
size_t imap_crlf_next(struct imap_crlf *c, char *out, size_t room);

#endif
