/* What a phone changes of a mail: read, flag, categories; of a draft all of it. */
#include <string.h>

#include "base/text.h"
#include "eas/ical.h"
#include "eas/mail.h"

/* ---- read and flag ---- */

static void
set_flag(const struct item_edit *edit, unsigned flag, bool on, struct item_merged *m_r)
{
	unsigned now = edit->meta ? edit->meta->flags : 0;

	if (on && !(now & flag))
		m_r->set |= flag;
	if (!on && (now & flag))
		m_r->clear |= flag;
}

static bool
in_order(const struct wbxml_node *flag, unsigned start_tag, unsigned due_tag)
{
	const char *start = wbxml_text(flag, start_tag), *due = wbxml_text(flag, due_tag);
	struct ical_time from, to;

	return !start || !due || !ical_time_parse(start, &from) || !ical_time_parse(due, &to) || from.t <= to.t;
}

/* All four dates or none, nothing due before it starts; a reminder needs a time [MS-ASEMAIL 2.2.2.31, 2.2.2.64,
 * 2.2.2.72, 2.2.2.86]. */
static bool
flag_dates_ok(const struct wbxml_node *flag)
{
	unsigned n = wbxml_has(flag, Tasks_StartDate) + wbxml_has(flag, Tasks_DueDate)
		+ wbxml_has(flag, Tasks_UtcStartDate) + wbxml_has(flag, Tasks_UtcDueDate);

	if (n != 0 && n != 4)
		return false;
	if (!in_order(flag, Tasks_StartDate, Tasks_DueDate) || !in_order(flag, Tasks_UtcStartDate, Tasks_UtcDueDate))
		return false;
	return !wbxml_bool(flag, Tasks_ReminderSet, false) || wbxml_has(flag, Tasks_ReminderTime);
}

static enum err
merge_flag(const struct item_edit *edit, struct item_merged *m_r, struct error *e)
{
	const struct wbxml_node *flag = wbxml_child(edit->data, Email_Flag);
	int64_t status;

	if (!flag)
		return ERR_OK;
	if (!flag->child) {
		set_flag(edit, FLAG_FLAGGED, false, m_r);
		return ERR_OK;
	}
	status = wbxml_int(flag, Email_Status, -2, -1);
	if (status == -2 && flag_dates_ok(flag))
		return ERR_OK;
	if (status < 0 || status > 2 || !flag_dates_ok(flag))
		return err_set(e, ERR_INVALID, "a flag that makes no sense");
	set_flag(edit, FLAG_FLAGGED, status == 2, m_r);
	if (status == 1)
		m_r->altered = true; /* "complete" cannot be kept: the phone is told that the flag is gone */
	return ERR_OK;
}

static enum err
merge_read(const struct item_edit *edit, struct item_merged *m_r, struct error *e)
{
	int64_t read = wbxml_int(edit->data, Email_Read, -2, -1);

	if (read == -2)
		return ERR_OK;
	if (read != 0 && read != 1)
		return err_set(e, ERR_INVALID, "Read is neither 0 nor 1");
	set_flag(edit, FLAG_SEEN, read == 1, m_r);
	return ERR_OK;
}

/* ---- categories ---- */

static bool
is_listed(const struct wbxml_node *categories, const char *keyword)
{
	for (const struct wbxml_node *n = wbxml_child(categories, Email_Category); n;
		n = wbxml_next(n, Email_Category)) {
		if (text_casecmp(n->text, keyword) == 0)
			return true;
	}
	return false;
}

static bool
is_keyword(const struct backend_item *meta, const char *category)
{
	for (const char *const *k = meta ? meta->keywords : NULL; k && *k; k++) {
		if (text_casecmp(*k, category) == 0)
			return true;
	}
	return false;
}

static enum err
merge_categories(struct arena *a, const struct item_edit *edit, struct item_merged *m_r)
{
	const struct wbxml_node *categories = wbxml_child(edit->data, Email_Categories);
	size_t wanted = 0, had = 0, n = 0;

	if (!categories)
		return ERR_OK;
	for (const struct wbxml_node *c = categories->child; c; c = c->next)
		wanted++;
	while (edit->meta && edit->meta->keywords && edit->meta->keywords[had])
		had++;
	m_r->add_keywords = arena_array(a, wanted + 1, sizeof *m_r->add_keywords);
	m_r->remove_keywords = arena_array(a, had + 1, sizeof *m_r->remove_keywords);
	if (!m_r->add_keywords || !m_r->remove_keywords)
		return ERR_NOMEM;
	for (const struct wbxml_node *c = wbxml_child(categories, Email_Category); c;
		c = wbxml_next(c, Email_Category)) {
		if (mail_is_category(c->text) && !is_keyword(edit->meta, c->text))
			m_r->add_keywords[n++] = c->text;
	}
	n = 0;
	for (size_t i = 0; i < had; i++) {
		const char *k = edit->meta->keywords[i];

		if (mail_is_category(k) && !is_listed(categories, k))
			m_r->remove_keywords[n++] = k;
	}
	return ERR_OK;
}

/* ---- all ---- */

bool
mail_edits_draft(const struct wbxml_node *data)
{
	static const unsigned tags[] = { Email_To, Email_Cc, Email2_Bcc, Email_Subject, Email_Importance, Email_ReplyTo,
		AirSyncBase_Body, AirSyncBase_Attachments };

	for (size_t i = 0; i < ARRAY_LEN(tags); i++) {
		if (wbxml_has(data, tags[i]))
			return true;
	}
	return false;
}

bool
mail_wants_sending(const struct wbxml_node *data)
{
	return wbxml_has(data, Email2_Send) || wbxml_has(data->parent, Email2_Send);
}

static bool
is_draft_edit(const struct item_view *v, const struct item_edit *edit)
{
	return v->version >= 160 && (!edit->meta || (edit->stored.len > 0 && mail_edits_draft(edit->data)));
}

/* [MS-ASEMAIL 2.2.2.21, 2.2.2.59, 2.2.2.70, 2.2.2.83, 2.2.2.84] */
static bool
says_what_is_ours(const struct wbxml_node *data)
{
	static const unsigned tags[] = { Email2_ConversationId, Email2_ReceivedAsBcc, Email2_Sender, Email2_UmCallerID,
		Email2_UmUserNotes };

	for (size_t i = 0; i < ARRAY_LEN(tags); i++) {
		if (wbxml_has(data, tags[i]))
			return true;
	}
	return false;
}

static bool
is_empty(const char **list)
{
	return !list || !*list;
}

enum err
mail_merge(const struct item_view *v, struct arena *a, const struct item_edit *edit, struct item_merged *m_r,
	struct error *e)
{
	bool draft;
	enum err err;

	*m_r = (struct item_merged){ 0 };
	if (!edit->data || edit->instance_id)
		return err_set(e, ERR_INVALID, "a mail has no instances");
	if (says_what_is_ours(edit->data))
		return err_set(e, ERR_INVALID, "what only the server can say of a mail");
	draft = is_draft_edit(v, edit);
	if (!edit->meta && !draft)
		return err_set(e, ERR_INVALID, "mails can be added as drafts only, from version 16.0 on");
	err = merge_read(edit, m_r, e);
	if (!err)
		err = merge_flag(edit, m_r, e);
	if (!err && v->version >= 140)
		err = merge_categories(a, edit, m_r);
	if (!err && draft)
		err = draft_merge(v, a, edit, m_r, e);
	if (err)
		return err;
	m_r->send = v->version >= 160 && mail_wants_sending(edit->data);
	if (m_r->send && !m_r->bytes.len)
		m_r->bytes = edit->stored;
	bool same_bytes = !draft || (edit->meta && slice_eq(m_r->bytes, edit->stored));
	m_r->unchanged = edit->meta && same_bytes && !m_r->send && !m_r->set && !m_r->clear && !m_r->altered
		&& is_empty(m_r->add_keywords) && is_empty(m_r->remove_keywords);
	return ERR_OK;
}
