#include "eas/html.h"

#include <libxml/HTMLparser.h>
#include <string.h>

#include "base/buf.h"
#include "base/text.h"

#define CHUNK 1024      /* bytes between two looks at the depth */
#define DEPTH_MAX 128   /* the parser walks its stack of open elements at every end tag: never let it grow */

struct text {
	struct buf out;
	unsigned skip;   /* inside title and the like */
	unsigned pre;
	unsigned newlines; /* at the end of out */
	bool space;      /* one is due before the next word */
	bool begun;
};

/* ---- writing ---- */

static void
line_break(struct text *t, unsigned lines)
{
	t->space = false;
	if (!t->begun)
		return;
	while (t->newlines < lines) {
		buf_add_byte(&t->out, '\n');
		t->newlines++;
	}
}

static void
put(struct text *t, const char *s, size_t n)
{
	if (t->space && t->newlines == 0 && t->begun)
		buf_add_byte(&t->out, ' ');
	t->space = false;
	t->newlines = 0;
	t->begun = true;
	buf_add(&t->out, s, n);
}

static bool
is_space(unsigned char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f';
}

static void
put_pre(struct text *t, const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (s[i] == '\r')
			continue;
		if (s[i] == '\n') {
			buf_add_byte(&t->out, '\n');
			t->newlines++;
		} else {
			put(t, s + i, 1);
		}
	}
}

static void
on_text(void *ctx, const xmlChar *chars, int len)
{
	struct text *t = ctx;
	const char *s = (const char *)chars;
	size_t n = len > 0 ? (size_t)len : 0;

	if (t->skip || !buf_ok(&t->out))
		return;
	if (t->pre) {
		put_pre(t, s, n);
		return;
	}
	for (size_t i = 0; i < n;) {
		if (is_space((unsigned char)s[i])) {
			t->space = true;
			i++;
		} else if ((unsigned char)s[i] == 0xc2 && i + 1 < n && (unsigned char)s[i + 1] == 0xa0) {
			put(t, " ", 1); /* a space that does not break is one that is meant */
			i += 2;
		} else {
			size_t end = i;

			while (end < n && !is_space((unsigned char)s[end])
				&& !((unsigned char)s[end] == 0xc2 && end + 1 < n && (unsigned char)s[end + 1] == 0xa0))
				end++;
			put(t, s + i, end - i);
			i = end;
		}
	}
}

/* ---- elements ---- */

enum { BLOCK_ONE = 1, BLOCK_TWO = 2, SKIP = 4, PRE = 8 };

static unsigned
kind(const char *name)
{
	static const struct {
		const char *name;
		unsigned kind;
	} map[] = { { "address", BLOCK_ONE }, { "article", BLOCK_ONE }, { "blockquote", BLOCK_TWO },
		{ "body", BLOCK_ONE }, { "center", BLOCK_ONE }, { "dd", BLOCK_ONE }, { "div", BLOCK_ONE },
		{ "dl", BLOCK_ONE }, { "dt", BLOCK_ONE }, { "fieldset", BLOCK_ONE }, { "footer", BLOCK_ONE },
		{ "form", BLOCK_ONE }, { "h1", BLOCK_TWO }, { "h2", BLOCK_TWO }, { "h3", BLOCK_TWO },
		{ "h4", BLOCK_TWO }, { "h5", BLOCK_TWO }, { "h6", BLOCK_TWO }, { "header", BLOCK_ONE },
		{ "hr", BLOCK_ONE }, { "li", BLOCK_ONE }, { "main", BLOCK_ONE }, { "nav", BLOCK_ONE },
		{ "ol", BLOCK_TWO }, { "p", BLOCK_TWO }, { "pre", BLOCK_TWO | PRE },
		{ "section", BLOCK_ONE }, { "select", SKIP }, { "table", BLOCK_ONE },
		{ "textarea", PRE }, { "title", SKIP }, { "tr", BLOCK_ONE }, { "ul", BLOCK_TWO } };

	for (size_t i = 0; i < ARRAY_LEN(map); i++) {
		if (text_casecmp(name, map[i].name) == 0)
			return map[i].kind;
	}
	return 0;
}

static void
on_start(void *ctx, const xmlChar *name, const xmlChar **attributes)
{
	struct text *t = ctx;
	const char *n = (const char *)name;
	unsigned k = kind(n);

	(void)attributes;
	if (k & SKIP)
		t->skip++;
	if (t->skip)
		return;
	if (text_casecmp(n, "br") == 0) {
		t->space = false;
		if (t->begun) {
			buf_add_byte(&t->out, '\n');
			t->newlines++;
		}
	} else if (text_casecmp(n, "td") == 0 || text_casecmp(n, "th") == 0) {
		t->space = true;
	}
	if (k & (BLOCK_ONE | BLOCK_TWO))
		line_break(t, k & BLOCK_TWO ? 2 : 1);
	if (text_casecmp(n, "li") == 0)
		put(t, "* ", 2);
	else if (text_casecmp(n, "hr") == 0)
		put(t, "________________________________", 32);
	if (k & PRE)
		t->pre++;
}

static void
on_end(void *ctx, const xmlChar *name)
{
	struct text *t = ctx;
	unsigned k = kind((const char *)name);

	if ((k & SKIP) && t->skip)
		t->skip--;
	if (t->skip)
		return;
	if ((k & PRE) && t->pre)
		t->pre--;
	if (k & (BLOCK_ONE | BLOCK_TWO))
		line_break(t, k & BLOCK_TWO ? 2 : 1);
}

static void
on_error(void *ctx, const char *msg, ...)
{
	(void)ctx;
	(void)msg;
}

/* ---- the parser ---- */

static void
free_parser(htmlParserCtxtPtr *p)
{
	if (*p)
		htmlFreeParserCtxt(*p);
	*p = NULL;
}

static htmlParserCtxtPtr
new_parser(struct text *t)
{
	htmlSAXHandler sax = { .startElement = on_start, .endElement = on_end, .characters = on_text,
		.ignorableWhitespace = on_text,
		.cdataBlock = NULL, .error = on_error, .warning = on_error, .fatalError = on_error };
	htmlParserCtxtPtr p = htmlCreatePushParserCtxt(&sax, t, NULL, 0, NULL, XML_CHAR_ENCODING_UTF8);

	if (p)
		htmlCtxtUseOptions(p,
			HTML_PARSE_IGNORE_ENC | HTML_PARSE_NONET | HTML_PARSE_NOERROR | HTML_PARSE_NOWARNING
				| HTML_PARSE_RECOVER);
	return p;
}

static bool
parse(struct text *t, const char *html, size_t n)
{
	AUTO(free_parser) htmlParserCtxtPtr p = new_parser(t);

	if (!p)
		return false;
	for (size_t at = 0; at < n && buf_ok(&t->out);) {
		size_t len = n - at <= CHUNK ? n - at : text_cut(html + at, CHUNK);

		if (len == 0)
			len = n - at < CHUNK ? n - at : CHUNK;
		htmlParseChunk(p, html + at, (int)len, 0);
		at += len;
		if (p->nameNr > DEPTH_MAX) {
			/* Nothing that anybody reads is nested so deep: go on as if the page began here. */
			free_parser(&p);
			t->skip = t->pre = 0;
			p = new_parser(t);
			if (!p)
				return false;
		}
	}
	htmlParseChunk(p, "", 0, 1);
	return true;
}

static void
finish_text(struct text *t)
{
	buf_finish(&t->out);
}

char *
html_to_text(struct arena *a, const char *html, size_t n)
{
	AUTO(finish_text) struct text t = { 0 };
	AUTO(buf_finish) struct buf page = { 0 };

	if (n > HTML_MAX)
		n = text_cut(html, HTML_MAX);
	const char *copy = arena_strndup(a, html, n);
	buf_init(&page, (size_t)HTML_MAX * 5);
	buf_init(&t.out, (size_t)HTML_MAX * 2);
	if (copy)
		html_bare_tags(&page, copy);
	if (!copy || !buf_ok(&page) || !parse(&t, buf_str(&page), page.len))
		return NULL;
	while (t.out.len && is_space(t.out.data[t.out.len - 1]))
		t.out.len--;
	return text_to_utf8(a, t.out.len ? (char *)t.out.data : "", t.out.len);
}

/* ---- the other way ---- */

/* What stands in HTML for the byte at p of the text; NULL: itself. */
static const char *
replacement(const char *text, const char *p)
{
	switch (*p) {
	case '&':
		return "&amp;";
	case '<':
		return "&lt;";
	case '>':
		return "&gt;";
	case '"':
		return "&quot;";
	case '\r':
		return "";
	case '\n':
		return "<br>\r\n";
	case ' ': /* of several spaces all but the last are kept apart */
		return p[1] == ' ' || p == text || p[-1] == '\n' ? "&nbsp;" : NULL;
	default:
		return NULL;
	}
}

static void
escape(struct buf *out, const char *text)
{
	const char *run = text; /* what stays as it is, which is most of it */

	for (const char *p = text; *p; p++) {
		const char *instead = replacement(text, p);

		if (!instead)
			continue;
		buf_add(out, run, (size_t)(p - run));
		buf_add_str(out, instead);
		run = p + 1;
	}
	buf_add_str(out, run);
}

static char *
wrap(struct arena *a, const char *before, const char *text, const char *after)
{
	AUTO(buf_finish) struct buf out = { 0 };

	buf_init(&out, 0);
	buf_add_str(&out, before);
	escape(&out, text);
	buf_add_str(&out, after);
	return buf_ok(&out) ? arena_strndup(a, (char *)out.data, out.len) : NULL;
}

char *
html_from_text(struct arena *a, const char *text)
{
	return wrap(a,
		"<html><head><meta http-equiv=\"Content-Type\" content=\"text/html; charset=utf-8\"></head><body>",
		text, "</body></html>");
}

char *
html_fragment(struct arena *a, const char *text)
{
	return wrap(a, "<div>", text, "</div>");
}
