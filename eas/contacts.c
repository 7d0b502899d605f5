/* eas/contacts.c - the class Contacts: [MS-ASCNTC] on one side, vCard on the other. */
#include "eas/contacts.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/text.h"
#include "eas/clock.h"
#include "eas/quirk.h"

static bool
on_page(unsigned tag, unsigned page)
{
	return tag >> 8 == page;
}

static void
put_fields(struct wbxml_writer *w, struct arena *a, const struct contact *c, unsigned page)
{
	for (unsigned i = 0; i < C_FIELDS; i++) {
		const char *text = c->text[i];
		if (!*text || !on_page(contact_fields[i].tag, page))
			continue;
		if (contact_fields[i].kind == FIELD_DATE)
			/* the same day nearly everywhere: MS-ASCNTC_R999 */
			text = arena_printf(a, "%sT11:59:00.000Z", text);
		wbxml_put(w, contact_fields[i].tag, text);
	}
}

static void
put_list(struct wbxml_writer *w, unsigned outer, unsigned inner, const char **list)
{
	if (!*list)
		return;
	wbxml_start(w, outer);
	for (size_t i = 0; list[i] && i < CONTACT_LIST_MAX; i++)
		wbxml_put(w, inner, list[i]);
	wbxml_end(w);
}

static enum err
load(struct arena *a, struct slice bytes, struct vcard **v_r, struct contact *c_r, struct error *e)
{
	enum err err = vcard_parse(a, bytes, v_r, e);
	if (err)
		return err;
	contact_slots(*v_r);
	err = contact_read(*v_r, c_r);
	return err ? err_set(e, err, "no memory for a contact") : ERR_OK;
}

/* A list of cards (RFC 6350 6.1.4, and Apple's word for it in 3.0). As a person that could be deleted it would be gone
 * for all who have it. */
static bool
is_group(struct vcard *v)
{
	const struct vcard_prop *kind = vcard_find(v, "KIND");
	if (!kind)
		kind = vcard_find(v, "X-ADDRESSBOOKSERVER-KIND");
	return kind && text_casecmp(contact_clean(v->arena, vcard_text(v, kind)), "group") == 0;
}

static enum err
render(const struct item_view *view, struct arena *a, const struct backend_item *item, const char *server_id,
	enum item_render how, struct wbxml_writer *w, struct error *e)
{
	(void)server_id;
	(void)how;
	struct vcard *v;
	struct contact c;
	enum err err = load(a, item->bytes, &v, &c, e);
	if (!err && is_group(v))
		err = err_set(e, ERR_UNSUPPORTED, "a group of contacts");
	if (err)
		return err;
	put_fields(w, a, &c, WBXML_PAGE_Contacts);
	put_list(w, Contacts_Categories, Contacts_Category, c.categories);
	put_list(w, Contacts_Children, Contacts_Child, c.children);
	if (c.picture.len) {
		const char *base64 = text_base64(a, c.picture.ptr, c.picture.len);
		if (!base64)
			return err_set(e, ERR_NOMEM, "no memory for a picture");
		wbxml_put(w, Contacts_Picture, base64);
	}
	put_fields(w, a, &c, WBXML_PAGE_Contacts2);
	struct body_source source = { .plain = c.note, .native = 1 };
	return body_write(view, a, &source, w);
}

/* An ApplicationData with nothing of a contact in it but its picture or body says nothing about the rest. */
static bool
says_something(const struct wbxml_node *data)
{
	for (const struct wbxml_node *n = data->child; n; n = n->next)
		if ((on_page(n->tag, WBXML_PAGE_Contacts) && n->tag != Contacts_Picture) ||
		    on_page(n->tag, WBXML_PAGE_Contacts2))
			return true;
	return false;
}

/* What the phone sent for a field, as the card would say it. INVALID, NOMEM. */
static enum err
sent_text(struct arena *a, const struct contact_field *f, const char *text, const char **text_r)
{
	char date[CONTACT_DATE_SIZE];
	*text_r = f->slot == SLOT_EMAIL ? contact_address(a, text) : contact_clean(a, text);
	if (f->kind != FIELD_DATE || !**text_r)
		return ERR_OK;
	if (!contact_date_of_phone(*text_r, date))
		return ERR_INVALID;
	*text_r = arena_strdup(a, date);
	return *text_r ? ERR_OK : ERR_NOMEM;
}

static const char **
sent_list(struct arena *a, const struct wbxml_node *node, unsigned tag, const char **rest)
{
	size_t n = 0, room = 0;
	for (const struct wbxml_node *c = wbxml_child(node, tag); c; c = wbxml_next(c, tag))
		room++;
	for (const char **r = rest; *r; r++)
		room++;
	const char **list = arena_array(a, room + 1, sizeof(*list));
	for (const struct wbxml_node *c = wbxml_child(node, tag); c && list && n < CONTACT_LIST_MAX;
	    c = wbxml_next(c, tag)) {
		list[n] = contact_clean(a, c->text);
		n += *list[n] != '\0';
	}
	for (const char **r = rest; *r && list; r++)
		list[n++] = *r;
	if (list)
		list[n] = NULL;
	return list;
}

/* What lies beyond the number that a phone is given. */
static const char **
beyond(const char **list)
{
	size_t n = 0;
	while (list[n] && n < CONTACT_LIST_MAX)
		n++;
	return list + n;
}

static enum err
want_lists(struct arena *a, const struct item_edit *edit, const struct contact *old, struct contact *want)
{
	static const char *nothing[1];
	const struct wbxml_node *node = wbxml_child(edit->data, Contacts_Categories);
	if (node || !item_is_ghosted(edit->supported, Contacts_Categories))
		want->categories = sent_list(a, node, Contacts_Category, beyond(old->categories));
	node = wbxml_child(edit->data, Contacts_Children);
	if (node || !item_is_ghosted(edit->supported, Contacts_Children))
		want->children = sent_list(a, node, Contacts_Child, nothing);
	return want->categories && want->children ? ERR_OK : ERR_NOMEM;
}

/* An empty one deletes the picture that the phone has, never one that it was not given because it is too large. */
static enum err
want_picture(const struct item_view *view, struct arena *a, const struct wbxml_node *data, struct contact *want,
	struct error *e)
{
	const struct wbxml_node *node = wbxml_child(data, Contacts_Picture);
	if (!node)
		return ERR_OK;
	if (!node->data.len) {
		if (!(view->quirks & QUIRK_EMPTY_PICTURE))
			want->picture = slice(NULL, 0);
		return ERR_OK;
	}
	if (node->data.len > CONTACT_PICTURE_MAX + CONTACT_PICTURE_MAX / 32)
		/* MS-ASCNTC_R384; line ends do not count */
		return err_set(e, ERR_INVALID, "the picture is larger than 48 KB");
	size_t n;
	if (!text_is_base64((const char *)node->data.ptr, node->data.len))
		return err_set(e, ERR_INVALID, "the picture is not base64");
	unsigned char *bytes = text_unbase64(a, (const char *)node->data.ptr, node->data.len, &n);
	if (!bytes)
		return err_set(e, ERR_NOMEM, "no memory for a picture");
	if ((n + 2) / 3 * 4 > CONTACT_PICTURE_MAX)
		return err_set(e, ERR_INVALID, "the picture is larger than 48 KB");
	want->picture = slice(bytes, n);
	return ERR_OK;
}

static enum err
want_note(const struct item_view *view, struct arena *a, const struct wbxml_node *data, struct contact *want,
	struct error *e)
{
	bool present;
	if (!body_is_sent(data, view->version >= 160))
		return ERR_OK;
	const char *text = body_read(a, data, &present, NULL);
	if (!text)
		return err_set(e, ERR_NOMEM, "no memory for a note");
	if (!body_same(view, want->note, text))
		want->note = contact_clean(a, text);
	return ERR_OK;
}

static enum err
want_fields(struct arena *a, const struct item_edit *edit, struct contact *want, struct error *e)
{
	for (unsigned i = 0; i < C_FIELDS; i++) {
		const struct contact_field *f = &contact_fields[i];
		const char *text = wbxml_text(edit->data, f->tag);
		enum err err = text ? sent_text(a, f, text, &want->text[i]) : ERR_OK;
		if (err)
			return err_set(e, err,
				err == ERR_NOMEM ? "no memory for a contact" : "a date of a contact is malformed");
		if (!text && f->kind != FIELD_FILEAS && !item_is_ghosted(edit->supported, f->tag))
			/* the filing string can be made of the rest: phones that know none send none */
			want->text[i] = "";
	}
	return ERR_OK;
}

/* What the contact is to be, after the rules of ghosting. */
static enum err
make_want(const struct item_view *view, struct arena *a, const struct item_edit *edit, const struct contact *old,
	struct contact *want, struct error *e)
{
	*want = *old;
	enum err err = ERR_OK;
	if (says_something(edit->data)) {
		err = want_fields(a, edit, want, e);
		if (!err && want_lists(a, edit, old, want))
			err = err_set(e, ERR_NOMEM, "no memory for a contact");
	}
	if (!err)
		err = want_picture(view, a, edit->data, want, e);
	if (!err)
		err = want_note(view, a, edit->data, want, e);
	if (err)
		return err;
	/* A name that stands in FN only is the same name as long as the phone leaves it alone. */
	want->borrowed_name = old->borrowed_name && strcmp(want->text[C_LAST], old->text[C_LAST]) == 0 &&
		!*want->text[C_FIRST] && !*want->text[C_MIDDLE] && !*want->text[C_TITLE] && !*want->text[C_SUFFIX];
	return ERR_OK;
}

/* Whether the phone has to be told what came of it. Only a picture that it sent empty is compared too. */
static bool
came_out_otherwise(const struct item_edit *edit, const struct contact *want, const struct contact *now)
{
	for (unsigned i = 0; i < C_FIELDS; i++) {
		bool sent = wbxml_has(edit->data, contact_fields[i].tag);
		if (contact_fields[i].kind == FIELD_FILEAS && !sent)
			continue;
		if (strcmp(want->text[i], now->text[i]) != 0)
			return true;
	}
	for (unsigned k = 0; k < 2; k++) {
		const char **a = k ? want->children : want->categories, **b = k ? now->children : now->categories;
		for (; *a && *b; a++, b++)
			if (strcmp(*a, *b) != 0)
				return true;
		if (*a || *b)
			return true;
	}
	const struct wbxml_node *picture = wbxml_child(edit->data, Contacts_Picture);
	if (picture && !picture->data.len && now->picture.len)
		return true;
	return strcmp(want->note, now->note) != 0 || !slice_eq(want->picture, now->picture);
}

/* The time, as REV says it. */
static const char *
revision(struct vcard *v)
{
	time_t now = (time_t)eas_now();
	struct tm tm;
	char rev[32] = "";
	if (gmtime_r(&now, &tm))
		strftime(rev, sizeof(rev), v->version == 40 ? "%Y%m%dT%H%M%SZ" : "%Y-%m-%dT%H:%M:%SZ", &tm);
	const char *stamp = arena_strdup(v->arena, rev);
	return stamp ? stamp : "";
}

static void
add_stamps(struct vcard *v, const char *uid)
{
	vcard_add(v, "PRODID", "", "-//cpush//EN");
	vcard_add(v, "UID", "", vcard_escape(v, uid, ""));
	vcard_add(v, "N", "", ";;;;");
	vcard_add(v, "REV", "", revision(v));
}

static enum err
begin(struct arena *a, const struct item_edit *edit, struct vcard **v_r, struct contact *old, struct error *e)
{
	if (edit->stored.len)
		return load(a, edit->stored, v_r, old, e);
	*v_r = vcard_new(a);
	if (!*v_r)
		return err_set(e, ERR_NOMEM, "no memory for a contact");
	add_stamps(*v_r, edit->uid ? edit->uid : "");
	contact_slots(*v_r);
	return contact_read(*v_r, old) ? err_set(e, ERR_NOMEM, "no memory for a contact") : ERR_OK;
}

static enum err
finish(struct arena *a, struct vcard *v, struct slice *bytes_r, struct error *e)
{
	AUTO(buf_finish) struct buf out = { 0 };
	buf_init(&out, VCARD_BYTES_MAX);
	if (vcard_write(v, &out))
		return err_set(e, v->failed ? ERR_NOMEM : ERR_LIMIT, "the vCard cannot be written");
	void *copy = arena_memdup(a, out.data, out.len);
	*bytes_r = slice(copy, out.len);
	return copy ? ERR_OK : err_set(e, ERR_NOMEM, "no memory for a vCard");
}

static const char *
card_uid(struct vcard *v)
{
	const struct vcard_prop *p = vcard_find(v, "UID");
	return p ? contact_clean(v->arena, vcard_text(v, p)) : NULL;
}

static enum err
merge(const struct item_view *view, struct arena *a, const struct item_edit *edit, struct item_merged *m_r,
	struct error *e)
{
	struct vcard *v;
	struct contact old, want, now;
	*m_r = (struct item_merged){ 0 };
	if (!edit->data || edit->instance_id)
		return err_set(e, ERR_INVALID, "a contact has no instances");
	if (!edit->stored.len && !edit->data->child)
		return err_set(e, ERR_INVALID, "there is nothing in the contact");
	enum err err = begin(a, edit, &v, &old, e);
	if (!err)
		err = make_want(view, a, edit, &old, &want, e);
	if (err)
		return err;
	bool changed = contact_apply(v, &old, &want);
	m_r->uid = card_uid(v);
	if (!edit->stored.len && !vcard_find(v, "FN"))
		vcard_add(v, "FN", "", contact_nameless(&want));
	struct vcard_prop *rev = changed && edit->stored.len ? vcard_find(v, "REV") : NULL;
	if (rev)
		vcard_set(v, rev, revision(v));
	if (!changed && edit->stored.len) {
		m_r->unchanged = true;
		m_r->bytes = edit->stored;
		m_r->altered = came_out_otherwise(edit, &want, &old);
		return ERR_OK;
	}
	err = finish(a, v, &m_r->bytes, e);
	if (!err)
		err = load(a, m_r->bytes, &v, &now, e);
	if (!err)
		m_r->altered = came_out_otherwise(edit, &want, &now);
	return err;
}

const struct item_class item_contacts = {
	.class = BACKEND_CONTACTS,
	.name = "Contacts",
	.extension = "vcf",
	.change_want = WANT_BYTES,
	.render = render,
	.merge = merge,
};
