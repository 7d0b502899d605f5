#include "eas/ical_item.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"

/* ---- categories ---- */

void
ical_read_categories(struct ical_mem *m, const struct ical *component, struct ical_words *w_r)
{
	const struct ical *line = ical_line(component, "CATEGORIES");
	size_t n;

	*w_r = (struct ical_words){ 0 };
	if (!line || !(w_r->v = ical_alloc(m, ICAL_CATEGORIES_MAX, sizeof *w_r->v)))
		return;
	for (; line; line = ical_next_line(line, "CATEGORIES")) {
		const char **list = ical_texts(m, line, &n);
		for (size_t i = 0; list && i < n && w_r->n < ICAL_CATEGORIES_MAX; i++)
			w_r->v[w_r->n++] = list[i];
	}
}

void
ical_take_categories(struct ical_mem *m, const struct wbxml_node *container, unsigned tag, struct ical_words *w_r)
{
	const struct wbxml_node *first = wbxml_child(container, tag);

	*w_r = (struct ical_words){ 0 };
	if (!first || !(w_r->v = ical_alloc(m, ICAL_CATEGORIES_MAX, sizeof *w_r->v)))
		return;
	for (const struct wbxml_node *n = first; n && w_r->n < ICAL_CATEGORIES_MAX; n = wbxml_next(n, tag))
		if (*n->text)
			w_r->v[w_r->n++] = n->text;
}

static bool
has_word(const struct ical_words *w, const char *word)
{
	for (size_t i = 0; i < w->n; i++)
		if (strcmp(w->v[i], word) == 0)
			return true;
	return false;
}

bool
ical_same_words(const struct ical_words *a, const struct ical_words *b)
{
	for (size_t i = 0; i < a->n; i++)
		if (!has_word(b, a->v[i]))
			return false;
	for (size_t i = 0; i < b->n; i++)
		if (!has_word(a, b->v[i]))
			return false;
	return true;
}

void
ical_put_categories(struct ical_mem *m, struct ical *component, const struct ical_words *w)
{
	AUTO(buf_finish) struct buf b;

	buf_init(&b, 0);
	for (size_t i = 0; i < w->n; i++) {
		const char *s = ical_escape(m, w->v[i]);
		if (i)
			buf_add_byte(&b, ',');
		buf_add_str(&b, s ? s : "");
	}
	const char *s = b.len ? buf_str(&b) : NULL;
	m->failed = m->failed || !buf_ok(&b);
	ical_put(m, component, "CATEGORIES", NULL, s ? ical_dup(m, s, b.len) : NULL);
}

/* ---- class ---- */

int
ical_sensitivity(const struct ical *component)
{
	const char *class = ical_value(component, "CLASS");

	if (class && text_casecmp(class, "PRIVATE") == 0)
		return 2;
	return class && text_casecmp(class, "CONFIDENTIAL") == 0 ? 3 : 0;
}

bool
ical_same_sensitivity(int a, int b)
{
	return a == b || (a && b && a < 3 && b < 3);
}

void
ical_put_sensitivity(struct ical_mem *m, struct ical *component, int sensitivity)
{
	ical_put(m, component, "CLASS", NULL,
		sensitivity == 0 ? "PUBLIC" : sensitivity == 3 ? "CONFIDENTIAL" : "PRIVATE");
}

/* ---- description ---- */

void
ical_read_body(struct ical_mem *m, const struct ical *component, struct ical_body *b_r)
{
	b_r->plain = ical_text(m, ical_line(component, "DESCRIPTION"));
	b_r->html = NULL;
	for (const struct ical *line = ical_line(component, "X-ALT-DESC"); line;
	    line = ical_next_line(line, "X-ALT-DESC"))
		if (ical_param_is(line, "FMTTYPE", "text/html")) {
			b_r->html = ical_text(m, line);
			break;
		}
	if (!b_r->html || !b_r->plain || *b_r->plain)
		return;
	/* HTML alone: what a phone that takes text only gets of it, and sends back. */
	b_r->plain = body_html_to_text(m->a, b_r->html, strlen(b_r->html));
	m->failed = m->failed || !b_r->plain;
}

bool
ical_take_body(struct ical_mem *m, const struct wbxml_node *data, bool modern, struct ical_body *b_r)
{
	bool present;

	b_r->plain = body_read(m->a, data, &present, &b_r->html);
	m->failed = m->failed || (present && !b_r->plain);
	if (!b_r->plain)
		b_r->plain = "";
	return body_is_sent(data, modern);
}

/* Words only: HTML and text are compared by what they say. */
static bool
same_words(const char *a, const char *b)
{
	for (;;) {
		a += strspn(a, " \t\r\n\xA0\xC2");
		b += strspn(b, " \t\r\n\xA0\xC2");
		if (!*a || *a != *b)
			return *a == *b;
		a++;
		b++;
	}
}

bool
ical_same_body(const struct item_view *v, const struct ical_body *now, const struct ical_body *want)
{
	if (want->html) {
		if (now->html && same_words(want->html, now->html))
			return true;
		return !now->html && same_words(want->plain, now->plain);
	}
	return body_same(v, now->plain, want->plain);
}

void
ical_put_body(struct ical_mem *m, struct ical *component, const struct ical_body *want)
{
	struct ical *line = ical_line(component, "DESCRIPTION");

	/* ALTREP would be the old text in another form. */
	if (line && ical_param(m, line, "ALTREP"))
		ical_put_param(m, line, "ALTREP", NULL);
	ical_put_text(m, component, "DESCRIPTION", want->plain);
	ical_remove_lines(component, "X-ALT-DESC");
	if (want->html && *want->html)
		(void)ical_add(m, component, "X-ALT-DESC", ";FMTTYPE=text/html", ical_escape(m, want->html));
}

enum err
ical_write_body(const struct item_view *v, struct arena *a, const struct ical_body *b, bool native,
	struct wbxml_writer *w)
{
	struct body_source source = { .plain = *b->plain || !b->html ? b->plain : NULL, .html = b->html };

	/* That an item has none is said by nothing; that an exception has none, by an empty one. */
	if (native && !*b->plain && !b->html)
		return ERR_OK;
	if (native)
		source.native = b->html ? 2 : 1;
	return body_write(v, a, &source, w);
}

/* ---- elements ---- */

bool
ical_take_time(const struct wbxml_node *data, unsigned tag, int64_t *t_r, bool *there_r)
{
	const char *s = wbxml_text(data, tag);
	struct ical_time t;

	*there_r = s && *s;
	if (!*there_r)
		return true;
	if (!ical_time_parse(s, &t))
		return false;
	*t_r = t.t;
	return true;
}

bool
ical_take_int(const struct wbxml_node *data, unsigned tag, int max, int *v_r, unsigned *has_r, unsigned field)
{
	int64_t v = wbxml_int(data, tag, 0, -1);

	if (!wbxml_has(data, tag))
		return true;
	if (v < 0 || v > max)
		return false;
	*has_r |= field;
	*v_r = (int)v;
	return true;
}

void
ical_write_time(struct wbxml_writer *w, unsigned tag, int64_t t, bool extended)
{
	struct ical_civil c;
	char s[40];

	ical_civil(t, &c);
	(void)snprintf(s, sizeof s, extended ? "%04d-%02u-%02uT%02u:%02u:%02u.000Z" : "%04d%02u%02uT%02u%02u%02uZ",
		(int)(c.year < 1 ? 1 : c.year > 9999 ? 9999 : c.year), c.month, c.day, c.hour, c.minute, c.second);
	wbxml_put(w, tag, s);
}

void
ical_write_categories(struct wbxml_writer *w, unsigned outer, unsigned inner, const struct ical_words *words)
{
	if (!words->n)
		return;
	wbxml_start(w, outer);
	for (size_t i = 0; i < words->n; i++)
		wbxml_put(w, inner, words->v[i]);
	wbxml_end(w);
}
