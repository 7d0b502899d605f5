/* Drafts [MS-ASEMAIL 2.2.2.69, MS-ASAIRS 2.2.2.2, 2.2.2.21]: what the phone says of a mail becomes a message. What it
 * does not name stays as it is stored: other fields of the header, the text, attachments. */
#include <string.h>

#include "base/text.h"
#include "eas/clock.h"
#include "eas/mail.h"

struct draft {
	const struct item_view *view;
	struct arena *a;
	const struct item_edit *edit;
	struct mime *stored;          /* NULL: a new one */
	struct mime *sent;            /* Body of type 4; NULL: none */
	bool has_body;                /* of type 1 or 2 */
	const char *plain, *html;
	const struct wbxml_node *attachments;
	bool *gone;                   /* of each attachment of `stored`: the edit takes it away */
	struct mime_node *body;       /* the text, with what stands inside it */
	struct mime_node *files;      /* multipart/mixed of what is attached; its first child will be `body` */
	bool ok;
};

static const char *
text_of(const struct wbxml_node *data, unsigned tag)
{
	return wbxml_text(data, tag);
}

/* ---- the header ---- */

static bool
put_addresses(struct draft *d, struct buf *out, unsigned tag, const char *name)
{
	const char *text = text_of(d->edit->data, tag);
	struct mime_addresses l;

	if (!text)
		return true;
	if (mime_address_parse(d->a, text, &l))
		return false;
	mime_put_addresses(out, name, &l);
	return true;
}

static void
put_importance(struct draft *d, struct buf *out)
{
	int64_t v = wbxml_int(d->edit->data, Email_Importance, 1, 1);

	if (v == 2)
		buf_add_str(out, "Importance: high\r\nX-Priority: 1\r\n");
	else if (v == 0)
		buf_add_str(out, "Importance: low\r\nX-Priority: 5\r\n");
}

static void
put_from(struct draft *d, struct buf *out)
{
	struct mime_address me = { .name = d->view->name ? d->view->name : "",
		.address = d->view->address ? d->view->address : "" };
	struct mime_addresses l = { &me, 1 };

	if (*me.address)
		mime_put_addresses(out, "From", &l);
}

static void
put_message_id(struct draft *d, struct buf *out)
{
	const char *at = d->view->address ? strrchr(d->view->address, '@') : NULL;

	buf_printf(out, "Message-ID: <%s@%s>\r\n", d->edit->uid ? d->edit->uid : "draft",
		at && at[1] ? at + 1 : "localhost");
}

/* Fields that the edit says anew go; what is missing is put. */
static bool
write_header(struct draft *d, struct buf *out)
{
	static const struct {
		unsigned tag;
		const char *name, *also;
	} fields[] = { { Email_To, "To", NULL }, { Email_Cc, "Cc", NULL }, { Email2_Bcc, "Bcc", NULL },
		{ Email_ReplyTo, "Reply-To", NULL }, { Email_Subject, "Subject", NULL },
		{ Email_Importance, "Importance", "X-Priority" } };
	const char *without[2 * ARRAY_LEN(fields) + 2];
	const struct mime *base = d->sent ? d->sent : d->stored;
	struct slice header = base ? base->root->header : (struct slice){ 0 };
	const char *subject = text_of(d->edit->data, Email_Subject);
	size_t n = 0;

	for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
		if (!wbxml_has(d->edit->data, fields[i].tag))
			continue;
		without[n++] = fields[i].name;
		if (fields[i].also)
			without[n++] = fields[i].also;
	}
	if (!mime_message_id(d->a, header))
		without[n++] = "Message-ID"; /* one that names nothing would hide ours */
	without[n] = NULL;
	if (!mime_field(d->a, header, "From"))
		put_from(d, out);
	if (!put_addresses(d, out, Email_To, "To") || !put_addresses(d, out, Email_Cc, "Cc")
		|| !put_addresses(d, out, Email2_Bcc, "Bcc") || !put_addresses(d, out, Email_ReplyTo, "Reply-To"))
		return false;
	if (subject)
		mime_put_text(out, "Subject", subject);
	put_importance(d, out);
	mime_copy_fields(out, header, without);
	if (!mime_field(d->a, header, "Date"))
		mime_put_date(out, eas_now());
	if (!mime_message_id(d->a, header))
		put_message_id(d, out);
	return true;
}

/* ---- attachments ---- */

/* Which attachments the edit takes away. FileReference is "FOLDER:ITEM:PART". */
static enum err
read_deletes(struct draft *d)
{
	const struct wbxml_node *n = wbxml_child(d->attachments, AirSyncBase_Delete);
	const char *const *names = d->stored && n ? draft_part_names(d->a, d->stored) : NULL;

	if (!d->stored || !n)
		return ERR_OK;
	d->gone = arena_array(d->a, d->stored->n_attachments + 1, sizeof *d->gone);
	if (!names || !d->gone)
		return ERR_NOMEM;
	for (; n; n = wbxml_next(n, AirSyncBase_Delete)) {
		const char *reference = wbxml_text(n, AirSyncBase_FileReference);
		const char *part = reference ? strrchr(reference, ':') : NULL;

		if (part) /* one that is not there marks what stands behind the last */
			d->gone[draft_part_find(d->stored, names, part + 1, d->gone)] = true;
	}
	return ERR_OK;
}

static bool
is_deleted(void *ctx, const struct mime_part *p)
{
	const struct draft *d = ctx;

	for (size_t i = 0; d->gone && i < d->stored->n_attachments; i++) {
		if (d->stored->attachments[i] == p)
			return d->gone[i];
	}
	return false;
}

static void
add_to(struct draft *d, struct mime_node *parent, struct mime_node *child)
{
	if (parent && child)
		mime_node_add(parent, child);
	else
		d->ok = false;
}

/* The text and what it shows go together [RFC 2387]. */
static void
add_inline(struct draft *d, struct mime_node *child)
{
	if (d->body && !(d->body->kind == MIME_NODE_MULTIPART && strcmp(d->body->type, "multipart/related") == 0)) {
		struct mime_node *related = mime_node(d->a, MIME_NODE_MULTIPART, "multipart/related",
			(struct slice){ 0 });

		add_to(d, related, d->body);
		d->body = related;
	}
	add_to(d, d->body, child);
}

static const char *
file_type(struct draft *d, const struct wbxml_node *add)
{
	if (wbxml_int(add, AirSyncBase_Method, 1, 1) == 5)
		return "message/rfc822";
	return item_content_type(d->a, wbxml_text(add, AirSyncBase_ContentType));
}

static const struct wbxml_node *
next_add(const struct wbxml_node *attachments, const struct wbxml_node *n)
{
	return n ? wbxml_next(n, AirSyncBase_Add) : wbxml_child(attachments, AirSyncBase_Add);
}

static bool
is_inline(const struct wbxml_node *add)
{
	return wbxml_bool(add, AirSyncBase_IsInline, false) && wbxml_text(add, AirSyncBase_ContentId);
}

static void
add_new(struct draft *d, bool inside)
{
	for (const struct wbxml_node *n = next_add(d->attachments, NULL); n; n = next_add(d->attachments, n)) {
		const struct wbxml_node *content = wbxml_child(n, AirSyncBase_Content);
		const char *type = file_type(d, n);

		if (is_inline(n) != inside)
			continue;
		struct mime_node *file = type
			? mime_node(d->a, MIME_NODE_FILE, type, content ? content->data : (struct slice){ 0 }) : NULL;
		if (!file) {
			d->ok = false;
			return;
		}
		file->name = wbxml_text(n, AirSyncBase_DisplayName);
		file->content_id = wbxml_text(n, AirSyncBase_ContentId);
		file->location = wbxml_text(n, AirSyncBase_ContentLocation);
		file->is_inline = inside;
		if (inside)
			add_inline(d, file);
		else
			add_to(d, d->files, file);
	}
}

static struct mime_node *
raw(struct draft *d, const struct mime_part *p)
{
	struct mime_node *n = mime_node(d->a, MIME_NODE_RAW, p->type, p->raw);

	if (n)
		n->strip = !p->parent;
	return n;
}

/* What is attached to the stored message beside its text. */
static void
keep_attachments(struct draft *d, bool inside)
{
	for (size_t i = 0; d->stored && i < d->stored->n_attachments; i++) {
		const struct mime_part *p = d->stored->attachments[i];

		if (mime_is_inline(p) != inside || is_deleted(d, p))
			continue;
		if (inside)
			add_inline(d, raw(d, p));
		else
			add_to(d, d->files, raw(d, p));
	}
}

/* ---- the text ---- */

static struct mime_node *
text_node(struct draft *d)
{
	struct mime_node *plain = mime_node(d->a, MIME_NODE_TEXT, "text/plain", slice_str(d->plain));
	struct mime_node *both;

	if (!d->html)
		return plain;
	both = mime_node(d->a, MIME_NODE_MULTIPART, "multipart/alternative", (struct slice){ 0 });
	add_to(d, both, plain);
	add_to(d, both, mime_node(d->a, MIME_NODE_TEXT, "text/html", slice_str(d->html)));
	return both;
}

/* The stored message, text and all, but for what is deleted. What stood in a multipart/mixed goes straight into
 * ours. */
static void
keep_all(struct draft *d)
{
	const struct mime_part *root = d->stored->root;

	if (strcmp(root->type, "multipart/mixed") != 0) {
		d->body = mime_node_of(d->a, root, is_deleted, d, &d->ok);
		return;
	}
	for (const struct mime_part *p = root->child; p; p = p->next) {
		struct mime_node *n = mime_node_of(d->a, p, is_deleted, d, &d->ok);

		if (n && !d->body && !d->files->child)
			d->body = n;
		else if (n)
			add_to(d, d->files, n);
	}
}

static enum err
read_body(struct draft *d, struct error *e)
{
	const struct wbxml_node *body = wbxml_child(d->edit->data, AirSyncBase_Body);
	const struct wbxml_node *data = wbxml_child(body, AirSyncBase_Data);
	bool present;

	if (body && wbxml_int(body, AirSyncBase_Type, 1, 1) == 4)
		return data && data->data.len ? mime_open(d->a, data->data, &d->sent, e) : ERR_OK;
	d->plain = body_read(d->a, d->edit->data, &present, &d->html);
	d->has_body = present;
	return d->plain ? ERR_OK : ERR_NOMEM;
}

static struct mime_node *
build(struct draft *d)
{
	d->files = mime_node(d->a, MIME_NODE_MULTIPART, "multipart/mixed", (struct slice){ 0 });
	if (!d->files)
		return NULL;
	if (d->sent)
		d->body = raw(d, d->sent->root);
	else if (d->has_body || !d->stored)
		d->body = text_node(d);
	else
		keep_all(d);
	if (!d->body)
		d->body = mime_node(d->a, MIME_NODE_TEXT, "text/plain", (struct slice){ 0 });
	if (d->sent || d->has_body)
		keep_attachments(d, true);
	add_new(d, true);
	if (d->sent || d->has_body)
		keep_attachments(d, false);
	add_new(d, false);
	if (!d->ok || !d->body)
		return NULL;
	if (!d->files->child)
		return d->body;
	d->body->next = d->files->child;
	d->files->child = d->body;
	return d->files;
}

/* ---- what the phone is told ---- */

/* Attachments beside the text: not in the first part of our multipart/mixed. */
static size_t
count_files(const struct mime *m)
{
	const struct mime_part *root = m->root;
	size_t n = 0;

	for (size_t i = 0; strcmp(root->type, "multipart/mixed") == 0 && i < m->n_attachments; i++) {
		const struct mime_part *p = m->attachments[i];

		while (p->parent && p->parent != root)
			p = p->parent;
		n += p != root->child;
	}
	return n;
}

/* Which parts the new attachments became: the last of those inside the text, and the last of all. */
static bool
tell_added(struct arena *a, const struct wbxml_node *attachments, const struct mime *m, struct item_merged *m_r)
{
	size_t total = m->n_attachments, n_files = 0, n_inline = 0, files = 0, inside = 0, all_files = count_files(m);

	for (const struct wbxml_node *n = next_add(attachments, NULL); n; n = next_add(attachments, n)) {
		n_inline += is_inline(n);
		n_files += !is_inline(n);
	}
	if (n_files + n_inline == 0)
		return true;
	const char *const *names = draft_part_names(a, m);
	m_r->added = arena_array(a, n_files + n_inline, sizeof *m_r->added);
	if (!names || !m_r->added)
		return false;
	for (const struct wbxml_node *n = next_add(attachments, NULL); n; n = next_add(attachments, n)) {
		size_t back = is_inline(n) ? all_files + n_inline - inside++ : n_files - files++;
		const char *client = wbxml_text(n, AirSyncBase_ClientId);

		if (back <= total && client)
			m_r->added[m_r->n_added++] = (struct item_added){ client, names[total - back] };
	}
	return true;
}

static bool
tell_conversation(struct arena *a, struct slice header, struct item_merged *m_r)
{
	unsigned char *id = arena_alloc(a, MAIL_CONVERSATION), *index = arena_alloc(a, MAIL_INDEX_MAX);
	int64_t date = 0;

	if (!id || !index || mail_conversation(a, header, id))
		return false;
	mime_date(a, header, &date);
	m_r->conversation_id = slice(id, MAIL_CONVERSATION);
	m_r->conversation_index = slice(index, mail_conversation_index(a, header, date, index));
	return true;
}

enum err
draft_tell(struct arena *a, const struct wbxml_node *data, struct slice message, struct item_merged *m_r)
{
	struct mime *m;
	enum err err = mime_open(a, message, &m, NULL);

	if (err)
		return err;
	return tell_added(a, wbxml_child(data, AirSyncBase_Attachments), m, m_r)
		&& tell_conversation(a, m->root->header, m_r) ? ERR_OK : ERR_NOMEM;
}

static bool
compose(struct draft *d, struct item_merged *m_r)
{
	AUTO(buf_finish) struct buf header, out;
	struct mime_node *node = build(d);

	buf_init(&header, 0);
	buf_init(&out, 0);
	if (!node || !write_header(d, &header))
		return false;
	mime_write(d->a, buf_slice(&header), node, d->edit->uid ? d->edit->uid : "draft", &out);
	if (!buf_ok(&header) || !buf_ok(&out))
		return false;
	void *copy = arena_memdup(d->a, out.data, out.len);
	m_r->bytes = slice(copy, out.len);
	return copy && !draft_tell(d->a, d->edit->data, m_r->bytes, m_r);
}

enum err
draft_merge(const struct item_view *v, struct arena *a, const struct item_edit *edit, struct item_merged *m_r,
	struct error *e)
{
	struct draft d = { .view = v, .a = a, .edit = edit,
		.attachments = wbxml_child(edit->data, AirSyncBase_Attachments), .ok = true };
	enum err err = edit->stored.len ? mime_open(a, edit->stored, &d.stored, e) : ERR_OK;

	if (!err)
		err = read_body(&d, e);
	if (!err)
		err = read_deletes(&d);
	if (err)
		return err;
	if (!compose(&d, m_r))
		return err_set(e, ERR_NOMEM, "no memory for a draft");
	if (!edit->meta)
		m_r->set |= FLAG_DRAFT | FLAG_SEEN;
	/* Written elsewhere and not marked as a draft: the phone knows its attachments by their numbers alone. */
	else if (d.stored->n_attachments && !(edit->meta->flags & FLAG_DRAFT))
		m_r->altered = true;
	return ERR_OK;
}
