#include "backend/imap/crlf.h"

size_t
imap_crlf_size(struct slice in)
{
	size_t n = in.len;
	for (size_t i = 0; i < in.len; i++) {
		bool cr = in.ptr[i] == '\r' && (i + 1 == in.len || in.ptr[i + 1] != '\n');
		bool lf = in.ptr[i] == '\n' && (i == 0 || in.ptr[i - 1] != '\r');
		n += cr || lf;
	}
	return n;
}

size_t
imap_crlf_next(struct imap_crlf *c, char *out, size_t room)
{
	size_t n = 0;
	while (n < room) {
		if (c->owe_lf) {
			c->owe_lf = false;
			out[n++] = '\n';
			continue;
		}
		if (c->pos == c->in.len)
			break;
		unsigned char b = c->in.ptr[c->pos++];
		if (b == '\r' || b == '\n') {
			if (b == '\r' && c->pos < c->in.len && c->in.ptr[c->pos] == '\n')
				c->pos++;
			c->owe_lf = true;
			b = '\r';
		}
		out[n++] = (char)b;
	}
	return n;
}
