/* What libxml2 is given of a page: its tags without attributes, which plain text has no use for, and no comments,
 * declarations and scripts. Its time grows with the square of a tag's attributes, so it must never see any: each `<`
 * that is written begins a tag that is closed behind its name. */
#include <string.h>

#include "base/text.h"
#include "eas/html.h"

#define NAME "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789:_-."

static bool
is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static const char *
skip_spaces(const char *p)
{
	return p + strspn(p, " \t\r\n\f");
}

/* Behind the end of s, or at the end of the page. */
static const char *
behind(const char *p, const char *s)
{
	const char *end = strstr(p, s);
	return end ? end + strlen(s) : p + strlen(p);
}

/* Behind the `>`, which may stand in a quoted value. */
static const char *
skip_attributes(const char *p)
{
	while (*p && *p != '>') {
		if (*p++ != '=')
			continue;
		p = skip_spaces(p);
		const char *end = *p == '"' || *p == '\'' ? strchr(p + 1, *p) : NULL;
		p = end ? end + 1 : p + strcspn(p, " \t\r\n\f>");
	}
	return *p ? p + 1 : p;
}

static bool
is_name(const char *name, size_t n, const char *wanted)
{
	return n == strlen(wanted) && text_casestarts(name, wanted);
}

/* The content of a script is no markup. */
static const char *
skip_raw(const char *p, const char *name, size_t n)
{
	for (; *p; p++)
		if (p[0] == '<' && p[1] == '/' && text_ncasecmp(p + 2, name, n) == 0)
			break;
	return p;
}

static const char *
take_start(struct buf *out, const char *p)
{
	size_t n = strspn(p, NAME);
	const char *end = skip_attributes(p + n);

	buf_add_byte(out, '<');
	buf_add(out, p, n);
	buf_add_byte(out, '>');
	return is_name(p, n, "script") || is_name(p, n, "style") ? skip_raw(end, p, n) : end;
}

/* The parser stops at </html>, but lists put their footers there, and mails of several pieces go on with the next
 * page: a line break in its place keeps the words apart. */
static const char *
take_end(struct buf *out, const char *p)
{
	size_t n = strspn(p, NAME);

	if (is_name(p, n, "html") || is_name(p, n, "body")) {
		buf_add_str(out, "<br>");
	} else {
		buf_add_str(out, "</");
		buf_add(out, p, n);
		buf_add_byte(out, '>');
	}
	return behind(p + n, ">");
}

void
html_bare_tags(struct buf *out, const char *page)
{
	for (const char *p = page; *p;) {
		size_t n = strcspn(p, "<");

		buf_add(out, p, n);
		p += n;
		if (!*p)
			break;
		if (is_letter(p[1])) {
			p = take_start(out, p + 1);
		} else if (p[1] == '/' && is_letter(p[2])) {
			p = take_end(out, p + 2);
		} else if (strncmp(p, "<!--", 4) == 0) {
			p = behind(p + 2, "-->"); /* <!--> is one, too */
		} else if (p[1] == '!' || p[1] == '?') {
			p = behind(p, ">");
		} else {
			buf_add_str(out, "&lt;");
			p++;
		}
	}
}
