/* eas/contacts_apply.c - makes a card say what a phone wants, property by property; what is said already keeps its
 * bytes. */
#include <string.h>

#include "base/text.h"
#include "eas/contacts.h"

/* Lists of names and addresses keep the separators that are part of what was typed. */
static const char *
escape(struct vcard *v, enum slot slot, const char *text)
{
	return vcard_escape(v, text, slot == SLOT_NICKNAME ? "," : slot == SLOT_URL || slot == SLOT_IM ? ",;" : "");
}

static void
set_value(struct vcard *v, struct vcard_prop *p, enum slot slot, const char *text)
{
	vcard_set(v, p, escape(v, slot, text));
	if (strcmp(p->name, "TEL") == 0)
		vcard_drop_param(v, p, "VALUE"); /* what people type is seldom a tel: URI */
}

/* Which property is to carry which value: the one that has it already, else the one in its place, else any that is
 * left. */
static void
match(struct vcard *v, enum slot slot, struct vcard_prop **props, size_t n_props, const char *const *values,
	size_t n_values, struct vcard_prop **match_r)
{
	const char *said[CONTACT_LIST_MAX];
	for (size_t k = 0; k < n_props; k++)
		said[k] = contact_value(v, props[k], slot);
	for (size_t i = 0; i < n_values; i++) {
		match_r[i] = NULL;
		for (size_t k = 0; k < n_props && !match_r[i]; k++)
			if (props[k] && strcmp(said[k], values[i]) == 0) {
				match_r[i] = props[k];
				props[k] = NULL;
			}
	}
	for (size_t i = 0; i < n_values; i++) {
		size_t k = i;
		if (match_r[i])
			continue;
		if (k >= n_props || !props[k])
			for (k = 0; k < n_props && !props[k]; k++)
				;
		if (k >= n_props)
			continue;
		match_r[i] = props[k];
		props[k] = NULL;
	}
}

/* Makes the properties stand in the card in the order of the list: their contents change places, nothing else moves. */
static void
put_in_order(struct vcard *v, struct vcard_prop **want, size_t n)
{
	struct vcard_prop **places = arena_array(v->arena, n + 1, sizeof(struct vcard_prop *));
	struct vcard_prop *contents = arena_array(v->arena, n + 1, sizeof(*contents));
	size_t found = 0;
	for (struct vcard_prop *p = v->first; p && places; p = p->next)
		for (size_t i = 0; i < n; i++)
			if (want[i] == p && found < n)
				places[found++] = p;
	if (!places || !contents || found != n) {
		v->failed = true;
		return;
	}
	for (size_t i = 0; i < n; i++)
		contents[i] = *want[i];
	for (size_t i = 0; i < n; i++) {
		struct vcard_prop *next = places[i]->next;
		v->changed |= places[i] != want[i];
		*places[i] = contents[i];
		places[i]->next = next;
	}
}

/* What there was no place for, said once more, follows its twin; now is NULL where that goes. */
static void
apply_spares(struct vcard *v, enum slot slot, const char *was, const char *now)
{
	for (struct vcard_prop *p = v->first, *next; p; p = next) {
		next = p->next;
		if (p->mark != (slot | CONTACT_SPARE) || strcmp(contact_value(v, p, slot), was) != 0)
			continue;
		if (now)
			set_value(v, p, slot, now);
		else
			vcard_remove(v, p);
	}
}

/* The fields of one slot, which are the first n_props properties of it. Empty values are left out. */
static void
apply_values(struct vcard *v, enum slot slot, const char *const *values, size_t n_values)
{
	struct vcard_prop *props[CONTACT_LIST_MAX], *carrier[CONTACT_LIST_MAX];
	size_t n_props = contact_props(v, slot, props, contact_slot_size(slot));
	match(v, slot, props, n_props, values, n_values, carrier);
	for (size_t i = 0; i < n_values; i++) {
		const char *was = carrier[i] ? contact_value(v, carrier[i], slot) : values[i];
		if (!carrier[i])
			carrier[i] = contact_new_prop(v, slot, escape(v, slot, values[i]));
		if (!carrier[i]) {
			v->failed = true;
			return;
		}
		if (strcmp(was, values[i]) != 0) {
			set_value(v, carrier[i], slot, values[i]);
			apply_spares(v, slot, was, values[i]);
		}
	}
	put_in_order(v, carrier, n_values);
	for (size_t k = 0; k < n_props; k++)
		if (props[k]) {
			apply_spares(v, slot, contact_value(v, props[k], slot), NULL);
			vcard_remove(v, props[k]);
		}
}

static bool
differs(const struct contact *a, const struct contact *b, unsigned i)
{
	return strcmp(a->text[i], b->text[i]) != 0;
}

/* A slot with one field. What a card says twice, for one program and for another, goes on saying the same. */
static void
apply_single(struct vcard *v, const struct contact_field *f, const char *old, const char *want)
{
	struct vcard_prop *first = contact_prop(v, f->slot);
	if (!first && !(first = contact_new_prop(v, f->slot, ""))) {
		v->failed = true;
		return;
	}
	for (struct vcard_prop *p = v->first, *next; p; p = next) {
		next = p->next;
		if (p != first && ((p->mark & ~CONTACT_SPARE) != f->slot ||
		    strcmp(contact_field_value(v, p, f), old) != 0))
			continue;
		if (!*want)
			vcard_remove(v, p);
		else if (f->kind == FIELD_DATE)
			contact_date_set(v, p, want);
		else
			set_value(v, p, f->slot, want);
	}
}

static bool
apply_singles(struct vcard *v, const struct contact *old, const struct contact *want)
{
	bool changed = false;
	for (unsigned i = 0; i < C_FIELDS; i++) {
		const struct contact_field *f = &contact_fields[i];
		if ((f->kind != FIELD_VALUE && f->kind != FIELD_DATE) || contact_slot_size(f->slot) > 1 ||
		    !differs(old, want, i))
			continue;
		apply_single(v, f, old->text[i], want->text[i]);
		changed = true;
	}
	return changed;
}

static bool
apply_value_slot(struct vcard *v, enum slot slot, const struct contact *old, const struct contact *want)
{
	const char *values[8];
	size_t n = 0;
	bool changed = false;
	for (unsigned index = 0; contact_slot_size(slot) > 1 && index < ARRAY_LEN(values); index++)
		for (unsigned i = 0; i < C_FIELDS; i++) {
			const struct contact_field *f = &contact_fields[i];
			if (f->kind != FIELD_VALUE || f->slot != slot || f->index != index)
				continue;
			changed |= differs(old, want, i);
			if (*want->text[i])
				values[n++] = want->text[i];
		}
	if (changed)
		apply_values(v, slot, values, n);
	return changed;
}

/* The old address in one piece: a parameter in 4.0, in 3.0 a property beside it. */
static void
drop_label(struct vcard *v, struct vcard_prop *adr)
{
	vcard_drop_param(v, adr, "LABEL");
	for (struct vcard_prop *p = vcard_find(v, "LABEL"), *next; p; p = next) {
		next = vcard_next(p, "LABEL");
		if (vcard_has_type(p, "home") == vcard_has_type(adr, "home") &&
		    vcard_has_type(p, "work") == vcard_has_type(adr, "work"))
			vcard_remove(v, p);
	}
}

static bool
apply_part_slot(struct vcard *v, enum slot slot, const struct contact *old, const struct contact *want)
{
	struct vcard_prop *p = contact_prop(v, slot);
	bool changed = false;
	for (unsigned i = 0; i < C_FIELDS; i++)
		changed |= contact_fields[i].kind == FIELD_PART && contact_fields[i].slot == slot &&
			differs(old, want, i);
	if (!changed)
		return false;
	if (!p)
		p = contact_new_prop(v, slot, "");
	if (!p) {
		v->failed = true;
		return true;
	}
	/* A name that was borrowed from FN is nowhere in N yet. */
	bool all = slot == SLOT_N && old->borrowed_name;
	for (unsigned i = 0; i < C_FIELDS; i++)
		if (contact_fields[i].kind == FIELD_PART && contact_fields[i].slot == slot &&
		    (all || differs(old, want, i)))
			vcard_set_component(v, p, contact_fields[i].index, want->text[i]);
	if (strcmp(p->name, "ADR") == 0)
		drop_label(v, p);
	const char *value = vcard_value(v, p);
	if (slot != SLOT_N && strspn(value, ";") == strlen(value))
		vcard_remove(v, p);
	return true;
}

static bool
has_im(const struct contact *c, const char *text)
{
	for (unsigned i = C_IM1; i <= C_IM3; i++)
		if (strcmp(c->text[i], text) == 0)
			return true;
	return false;
}

/* ada of aim:ada */
static const char *
handle(const char *im)
{
	const char *colon = strchr(im, ':');
	return colon ? colon + 1 : im;
}

/* Does a property such as X-AIM say this one? Where the name is kept with another service, its own service decides. */
static bool
says_im(struct vcard *v, const struct vcard_prop *p, const char *im, const struct contact *want)
{
	bool kept = false;
	for (unsigned i = C_IM1; i <= C_IM3; i++)
		kept |= strcmp(handle(want->text[i]), handle(im)) == 0;
	return strcmp(contact_value(v, p, SLOT_IM), handle(im)) == 0 &&
		(!kept || text_ncasecmp(p->name + strlen("X-"), im, strcspn(im, ":")) == 0);
}

/* Apple writes an address twice: as IMPP, and as X-AIM and the like, which no phone sees beside it. */
static void
apply_old_ims(struct vcard *v, const struct contact *old, const struct contact *want)
{
	for (unsigned i = C_IM1; i <= C_IM3; i++) {
		if (!*old->text[i] || has_im(want, old->text[i]))
			continue;
		const char *now = has_im(old, want->text[i]) ? "" : handle(want->text[i]);
		for (struct vcard_prop *p = v->first, *next; p; p = next) {
			next = p->next;
			if (p->mark != SLOT_NONE || !contact_is_old_im(p) || !says_im(v, p, old->text[i], want))
				continue;
			if (*now)
				set_value(v, p, SLOT_IM, now);
			else
				vcard_remove(v, p);
		}
	}
}

static bool
lists_equal(const char **a, const char **b)
{
	while (*a && *b && strcmp(*a, *b) == 0) {
		a++;
		b++;
	}
	return !*a && !*b;
}

static bool
apply_children(struct vcard *v, const struct contact *old, const struct contact *want)
{
	size_t n = 0;
	if (lists_equal(old->children, want->children))
		return false;
	while (want->children[n] && n < CONTACT_LIST_MAX)
		n++;
	apply_values(v, SLOT_CHILD, want->children, n);
	return true;
}

static bool
apply_categories(struct vcard *v, const struct contact *old, const struct contact *want)
{
	if (lists_equal(old->categories, want->categories))
		return false;
	AUTO(buf_finish) struct buf joined = { 0 };
	buf_init(&joined, VCARD_BYTES_MAX);
	for (const char **c = want->categories; *c; c++) {
		if (joined.len)
			buf_add_byte(&joined, ',');
		buf_add_str(&joined, vcard_escape(v, *c, ""));
	}
	const char *s = joined.len ? buf_str(&joined) : "";
	s = s ? arena_strdup(v->arena, s) : NULL;
	if (!s) {
		v->failed = true;
		return true;
	}
	struct vcard_prop *p = contact_prop(v, SLOT_CATEGORIES);
	if (p && *s)
		vcard_set(v, p, s);
	else if (*s)
		p = contact_new_prop(v, SLOT_CATEGORIES, s);
	/* The first one has them all now. */
	for (struct vcard_prop *q = v->first, *next; q; q = next) {
		next = q->next;
		if (q->mark == SLOT_CATEGORIES && (q != p || !*s))
			vcard_remove(v, q);
	}
	return true;
}

static bool
apply_note(struct vcard *v, const struct contact *old, const struct contact *want)
{
	if (strcmp(old->note, want->note) == 0)
		return false;
	struct vcard_prop *p = contact_prop(v, SLOT_NOTE);
	const char *escaped = vcard_escape(v, want->note, "");
	if (p && *want->note)
		vcard_set(v, p, escaped);
	else if (p)
		vcard_remove(v, p);
	else
		contact_new_prop(v, SLOT_NOTE, escaped);
	return true;
}

static const char *
picture_type(struct slice s)
{
	static const struct {
		const char *magic, *type;
	} types[] = { { "\x89PNG", "PNG" }, { "GIF8", "GIF" }, { "BM", "BMP" }, { "RIFF", "WEBP" } };
	for (size_t i = 0; i < ARRAY_LEN(types); i++)
		if (s.len > 4 && memcmp(s.ptr, types[i].magic, strlen(types[i].magic)) == 0)
			return types[i].type;
	return "JPEG";
}

static bool
apply_picture(struct vcard *v, const struct contact *old, const struct contact *want)
{
	if (slice_eq(old->picture, want->picture))
		return false;
	struct vcard_prop *p = contact_prop(v, SLOT_PHOTO);
	if (p && !want->picture.len) {
		vcard_remove(v, p);
		return true;
	}
	if (!p)
		p = contact_new_prop(v, SLOT_PHOTO, "");
	if (p)
		vcard_set_bytes(v, p, want->picture, picture_type(want->picture));
	return true;
}

static bool
names_differ(const struct contact *a, const struct contact *b)
{
	return differs(a, b, C_TITLE) || differs(a, b, C_FIRST) || differs(a, b, C_MIDDLE) || differs(a, b, C_LAST) ||
		differs(a, b, C_SUFFIX);
}

/* FN follows the name, or what stands for one. A card that came without it gets one only with its next name. */
static const char *
apply_full_name(struct vcard *v, const struct contact *old, const struct contact *want)
{
	struct vcard_prop *p = vcard_find(v, "FN");
	const char *fn = p ? contact_clean(v->arena, vcard_text(v, p)) : "";
	bool names = names_differ(old, want);
	if (!names && (!*fn || contact_has_name(want) || strcmp(fn, contact_nameless(old)) != 0))
		return fn;
	const char *now = names ? contact_full_name(v->arena, old, fn, want) : contact_nameless(want);
	if (strcmp(now, fn) == 0)
		return fn;
	if (p)
		vcard_set(v, p, vcard_escape(v, now, ""));
	else
		vcard_add(v, "FN", "", vcard_escape(v, now, ""));
	return now;
}

/* The filing string is FN unless the card or the phone says otherwise; it follows the name it was made from. */
static void
apply_fileas(struct vcard *v, const struct contact *old, const struct contact *want, const char *fn)
{
	struct vcard_prop *p = contact_prop(v, SLOT_FILEAS);
	const char *now = want->text[C_FILEAS];
	if (!differs(old, want, C_FILEAS)) {
		if (!p)
			return;
		now = names_differ(old, want) ? contact_refile(v->arena, old, now, want) : now;
	}
	if (p && strcmp(contact_value(v, p, SLOT_FILEAS), now) != 0)
		vcard_set(v, p, vcard_escape(v, now, ""));
	else if (!p && *now && (strcmp(now, fn) != 0 || !contact_has_name(want)))
		contact_new_prop(v, SLOT_FILEAS, vcard_escape(v, now, ""));
}

bool
contact_apply(struct vcard *v, const struct contact *old, const struct contact *want)
{
	bool changed = false;
	for (unsigned slot = SLOT_NONE + 1; slot < SLOTS; slot++) {
		changed |= apply_part_slot(v, slot, old, want);
		changed |= apply_value_slot(v, slot, old, want);
	}
	changed |= apply_singles(v, old, want);
	apply_old_ims(v, old, want);
	changed |= apply_children(v, old, want);
	changed |= apply_categories(v, old, want);
	changed |= apply_note(v, old, want);
	changed |= apply_picture(v, old, want);
	changed |= differs(old, want, C_FILEAS);
	if (changed)
		apply_fileas(v, old, want, apply_full_name(v, old, want));
	return changed;
}
