/* eas/contacts_read.c - from a vCard to a contact as EAS sees it. */
#include <string.h>

#include "base/text.h"
#include "eas/contacts.h"

const char *
contact_clean(struct arena *a, const char *text)
{
	if (!text)
		return "";
	char *out = arena_strdup(a, text);
	if (!out)
		return text; /* better unclean than gone */
	char *to = out;
	for (const char *from = text; *from; from++) {
		if (*from == '\r')
			continue;
		unsigned char c = (unsigned char)*from;
		*to++ = c < 32 && c != '\n' && c != '\t' ? ' ' : *from;
	}
	while (to > out && strchr(" \t\n", to[-1]))
		to--;
	*to = '\0';
	return out + strspn(out, " \t\n");
}

/* Android sends "Name <name@host>" or "name@host" <name@host>. */
const char *
contact_address(struct arena *a, const char *text)
{
	const char *clean = contact_clean(a, text);
	const char *open = strrchr(clean, '<');
	size_t n = open ? strlen(open) : 0;
	if (n < 3 || open[n - 1] != '>' || !memchr(open, '@', n))
		return clean;
	const char *inner = arena_strndup(a, open + 1, n - 2);
	return inner ? contact_clean(a, inner) : clean;
}

const char *
contact_value(struct vcard *v, const struct vcard_prop *p, enum slot slot)
{
	const char *text = contact_clean(v->arena, vcard_text(v, p));
	if (slot == SLOT_EMAIL)
		return contact_address(v->arena, text_casestarts(text, "mailto:") ? text + strlen("mailto:") : text);
	if (strcmp(p->name, "TEL") == 0 && text_casestarts(text, "tel:"))
		return contact_clean(v->arena, text + strlen("tel:"));
	return text;
}

const char *
contact_field_value(struct vcard *v, const struct vcard_prop *p, const struct contact_field *f)
{
	const char *text = contact_value(v, p, f->slot);
	return f->kind == FIELD_DATE ? contact_date_of_card(v->arena, text) : text;
}

static const char *
field_text(struct vcard *v, const struct contact_field *f)
{
	struct vcard_prop *props[CONTACT_LIST_MAX];
	if (f->kind == FIELD_PART) {
		const struct vcard_prop *p = contact_prop(v, f->slot);
		return p ? contact_clean(v->arena, vcard_component(v, p, f->index)) : "";
	}
	size_t n = contact_props(v, f->slot, props, f->index + 1);
	return n > f->index ? contact_field_value(v, props[f->index], f) : "";
}

static const char **
read_children(struct vcard *v)
{
	struct vcard_prop *props[CONTACT_LIST_MAX];
	size_t n = contact_props(v, SLOT_CHILD, props, CONTACT_LIST_MAX);
	const char **list = arena_array(v->arena, n + 1, sizeof(*list));
	for (size_t i = 0; list && i < n; i++)
		list[i] = contact_value(v, props[i], SLOT_CHILD);
	return list;
}

/* All of them: those beyond what EAS takes have to be known when the others are written back. */
static const char **
read_categories(struct vcard *v)
{
	size_t n = 0;
	for (struct vcard_prop *p = v->first; p; p = p->next)
		if (p->mark == SLOT_CATEGORIES)
			for (const char **l = vcard_list(v, p, SIZE_MAX); *l; l++)
				n++;
	const char **list = arena_array(v->arena, n + 1, sizeof(*list));
	size_t i = 0;
	for (struct vcard_prop *p = v->first; list && p; p = p->next)
		if (p->mark == SLOT_CATEGORIES)
			for (const char **l = vcard_list(v, p, SIZE_MAX); *l && i < n; l++) {
				list[i] = contact_clean(v->arena, *l);
				i += *list[i] != '\0';
			}
	if (list)
		list[i] = NULL;
	return list;
}

/* MS-ASCNTC_R381: what is larger is left out, so that the contact still comes. */
static struct slice
read_picture(struct vcard *v)
{
	const struct vcard_prop *p = contact_prop(v, SLOT_PHOTO);
	struct slice bytes;
	if (!p || p->raw.len > 3 * CONTACT_PICTURE_MAX || !vcard_bytes(v, p, &bytes))
		return slice(NULL, 0);
	return (bytes.len + 2) / 3 * 4 > CONTACT_PICTURE_MAX ? slice(NULL, 0) : bytes;
}

/* A card with FN and no N would be nameless on phones, which look at the parts alone. */
static void
borrow_name(struct contact *c, const char *fn)
{
	if (contact_has_name(c) || !*fn || strcmp(fn, contact_nameless(c)) == 0)
		return;
	c->text[C_LAST] = fn;
	c->borrowed_name = true;
}

enum err
contact_read(struct vcard *v, struct contact *c_r)
{
	*c_r = (struct contact){ 0 };
	for (unsigned i = 0; i < C_FIELDS; i++)
		c_r->text[i] = field_text(v, &contact_fields[i]);
	c_r->children = read_children(v);
	c_r->categories = read_categories(v);
	const struct vcard_prop *note = contact_prop(v, SLOT_NOTE);
	c_r->note = note ? contact_value(v, note, SLOT_NOTE) : "";
	c_r->picture = read_picture(v);
	if (v->failed || !c_r->children || !c_r->categories)
		return ERR_NOMEM;
	const struct vcard_prop *p = vcard_find(v, "FN");
	const char *fn = p ? contact_clean(v->arena, vcard_text(v, p)) : "";
	borrow_name(c_r, fn);
	if (!*c_r->text[C_FILEAS])
		c_r->text[C_FILEAS] = fn;
	return ERR_OK;
}
