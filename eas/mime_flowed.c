/* Text in paragraphs that was sent in short lines: format=flowed [RFC 3676]. */
#include <string.h>

#include "eas/mime_internal.h"

struct line {
	const char *begin, *end, *next; /* its text, and what stands behind its line end */
	const char *content;            /* the text without quote marks and the space that was stuffed in */
	size_t depth;                   /* of the quotation */
	bool signature, flows;
};

static struct line
read_line(const char *p)
{
	size_t n = strcspn(p, "\n"), len = n && p[n - 1] == '\r' ? n - 1 : n;
	struct line l = { .begin = p, .end = p + len, .next = p + n + (p[n] == '\n'), .depth = strspn(p, ">") };

	l.content = p + l.depth + (p[l.depth] == ' ');
	l.signature = l.end - l.content == 3 && memcmp(l.content, "-- ", 3) == 0;
	l.flows = l.end > l.content && l.end[-1] == ' ' && !l.signature;
	return l;
}

static char *
put(char *out, const char *from, const char *to)
{
	memmove(out, from, (size_t)(to - from));
	return out + (to - from);
}

void
mime_unflow(char *text, bool delete_space)
{
	const char *ending = ""; /* of the line before; held back until the next shows whether the paragraph goes on */
	struct line l, before = { 0 };
	char *out = text;

	for (const char *p = text; *p; p = l.next, before = l) {
		l = read_line(p);
		bool joins = before.flows && l.depth == before.depth && !l.signature;
		bool crlf = *l.end == '\r', ended = l.next > l.end;

		if (!joins)
			out = put(out, ending, ending + strlen(ending));
		out = put(out, joins || !l.depth ? l.content : l.begin, l.end);
		if (l.flows && ended && delete_space)
			out--;
		ending = !ended ? "" : crlf ? "\r\n" : "\n";
	}
	out = put(out, ending, ending + strlen(ending));
	*out = '\0';
}
