/* wbxml/scan.h - from bytes to tokens; what reader.c and dump.c share. Private to wbxml/.
 *
 * The scanner checks each token by itself; whether they nest is for the caller to see.
 * Spec: WBXML 1.3 sections 5 and 7.1; what [MS-ASWBXML] 2.1.2 leaves out (attributes, entities, literals, extensions,
 * processing instructions, references into the string table) is ERR_INVALID.
 */
#ifndef WBXML_SCAN_H
#define WBXML_SCAN_H

#include "wbxml/wbxml.h"

enum scan_type {
	SCAN_START,  /* tag, page, token, content */
	SCAN_END,
	SCAN_TEXT,   /* data, with a NUL behind it that is not counted */
	SCAN_OPAQUE, /* data */
	SCAN_EOF,
};

struct scan_event {
	enum scan_type type;
	unsigned tag; /* WBXML_UNKNOWN where no code page has it */
	unsigned page, token;
	bool content; /* an END will follow */
	struct slice data;
};

struct scan {
	struct slice in;
	size_t pos;
	unsigned page;
	struct error *e; /* may be NULL */
};

/* Reads the header. ERR_INVALID. */
enum err scan_begin(struct scan *s, struct slice in, struct error *e) NODISCARD;
/* The next token; page switches are followed silently. ERR_INVALID; SCAN_EOF at the end of the input, as often as asked. */
enum err scan_next(struct scan *s, struct scan_event *event_r) NODISCARD;
/* Records "WBXML byte N: why" and returns code. */
enum err scan_fail(const struct scan *s, enum err code, const char *why);

#endif
