/* eas/contacts_name.c - FN and the filing string, which a phone does not send as the card has them: both are made from
 * the name. */
#include <string.h>

#include "base/text.h"
#include "eas/contacts.h"

/* How a full name can be made of the parts; the first one is how cpush makes one. */
static const struct form {
	enum contact_id part[5];
	unsigned n;
	bool comma; /* behind the first part */
} forms[] = {
	{ { C_TITLE, C_FIRST, C_MIDDLE, C_LAST, C_SUFFIX }, 5, false },
	{ { C_FIRST, C_MIDDLE, C_LAST }, 3, false },
	{ { C_FIRST, C_LAST }, 2, false },
	{ { C_FIRST, C_MIDDLE, C_LAST, C_SUFFIX }, 4, false },
	{ { C_TITLE, C_FIRST, C_LAST }, 3, false },
	{ { C_LAST, C_FIRST }, 2, true },
	{ { C_LAST, C_FIRST, C_MIDDLE }, 3, true },
	{ { C_LAST, C_FIRST }, 2, false },
	{ { C_LAST, C_FIRST, C_MIDDLE }, 3, false },
};

static const char *
form(struct arena *a, const struct form *f, const struct contact *c)
{
	AUTO(buf_finish) struct buf out = { 0 };
	buf_init(&out, 0);
	for (unsigned i = 0; i < f->n; i++) {
		const char *part = c->text[f->part[i]];
		if (!*part)
			continue;
		if (out.len)
			buf_add_str(&out, f->comma && f->part[i] == C_FIRST ? ", " : " ");
		buf_add_str(&out, part);
	}
	const char *s = out.len ? buf_str(&out) : "";
	s = s ? arena_strdup(a, s) : NULL;
	return s ? s : "";
}

bool
contact_has_name(const struct contact *c)
{
	static const enum contact_id parts[] = { C_FIRST, C_MIDDLE, C_LAST, C_TITLE, C_SUFFIX };
	for (size_t i = 0; i < ARRAY_LEN(parts) && !c->borrowed_name; i++)
		if (*c->text[parts[i]])
			return true;
	return false;
}

const char *
contact_nameless(const struct contact *c)
{
	static const enum contact_id others[] = { C_COMPANY, C_FILEAS, C_NICKNAME, C_EMAIL1, C_MOBILE, C_HOME,
		C_BUSINESS };
	for (size_t i = 0; i < ARRAY_LEN(others); i++)
		if (*c->text[others[i]])
			return c->text[others[i]];
	return "-";
}

/* Which form makes this string of this contact; ARRAY_LEN(forms) if none. */
static size_t
form_of(struct arena *a, const struct contact *c, const char *s)
{
	size_t i = 0;
	while (i < ARRAY_LEN(forms) && !(*s && strcmp(form(a, &forms[i], c), s) == 0))
		i++;
	return i;
}

const char *
contact_full_name(struct arena *a, const struct contact *old, const char *fn, const struct contact *c)
{
	size_t i = form_of(a, old, fn);
	const char *s = form(a, &forms[i < ARRAY_LEN(forms) ? i : 0], c);
	if (!*s)
		s = form(a, &forms[0], c);
	return *s ? s : contact_nameless(c);
}

const char *
contact_refile(struct arena *a, const struct contact *old, const char *fileas, const struct contact *c)
{
	size_t i = form_of(a, old, fileas);
	const char *s = i < ARRAY_LEN(forms) ? form(a, &forms[i], c) : fileas;
	return *s ? s : fileas;
}
