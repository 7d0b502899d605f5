/* Mails as the phone sees them [MS-ASEMAIL]. */
#include "eas/mail.h"

#include <openssl/sha.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/text.h"

#define ADDRESSES_MAX 32768 /* characters [MS-ASEMAIL 2.2.2.79] */
#define CATEGORIES_MAX 300

struct mail {
	const struct item_view *view;
	struct arena *a;
	const struct backend_item *item;
	const char *server_id;
	struct wbxml_writer *w;
	struct mime *mime;
	struct slice header;
	const char *subject;
	struct mail_kind kind;
	int64_t date;
};

/* ---- small things ---- */

void
mail_date(int64_t t, char buf[MAIL_DATE_MAX])
{
	struct tm tm = { 0 };
	time_t when;

	if (t < 0 || t > 253402300799) /* the year 9999 */
		t = 0;
	when = (time_t)t;
	gmtime_r(&when, &tm);
	snprintf(buf, MAIL_DATE_MAX, "%04u-%02u-%02uT%02u:%02u:%02u.000Z", (unsigned)(tm.tm_year + 1900) % 10000u,
		(unsigned)(tm.tm_mon + 1) % 100u, (unsigned)tm.tm_mday % 100u, (unsigned)tm.tm_hour % 100u,
		(unsigned)tm.tm_min % 100u, (unsigned)tm.tm_sec % 100u);
}

/* The subject without Re:, Fwd: and their kin in other languages; points into subject. */
static const char *
topic_of(const char *subject)
{
	static const char *const prefixes[] = { "re:", "fw:", "fwd:", "aw:", "wg:", "antw:", "sv:", "vs:", "vl:", "tr:",
		"rv:", "ref:", "odp:", "pd:", "ynt:", "ilt:", "res:", "enc:", "r:", "i:" };
	bool again = true;

	while (again) {
		again = false;
		subject += strspn(subject, " \t");
		for (size_t i = 0; i < ARRAY_LEN(prefixes) && !again; i++) {
			if (text_casestarts(subject, prefixes[i])) {
				subject += strlen(prefixes[i]);
				again = true;
			}
		}
	}
	return subject;
}

enum err
mail_conversation(struct arena *a, struct slice header, unsigned char id_r[MAIL_CONVERSATION])
{
	const char *root = mime_id_at(a, header, "References", 0);
	unsigned char hash[SHA256_DIGEST_LENGTH];

	if (!root)
		root = mime_id_at(a, header, "In-Reply-To", 0);
	if (!root)
		root = mime_message_id(a, header);
	if (!root) {
		const char *subject = mime_field_text(a, header, "Subject");

		root = arena_printf(a, "topic:%s", subject ? topic_of(subject) : "");
	}
	if (!root)
		return ERR_NOMEM;
	SHA256((const unsigned char *)root, strlen(root), hash);
	memcpy(id_r, hash, MAIL_CONVERSATION);
	return ERR_OK;
}

size_t
mail_conversation_index(struct arena *a, struct slice header, int64_t date, unsigned char index_r[MAIL_INDEX_MAX])
{
	const char *said = mime_field(a, header, "Thread-Index");
	size_t n = 0, len = 5;
	unsigned char *bytes = said && strlen(said) < 4096 ? text_unbase64(a, said, strlen(said), &n) : NULL;
	uint64_t filetime = ((uint64_t)(date > 0 ? date : 0) + 11644473600u) * 10000000u;

	for (unsigned i = 0; i < 5; i++)
		index_r[i] = (unsigned char)(filetime >> (56 - 8 * i));
	if (!bytes || n < 22)
		return len;
	/* Thread-Index: 6 bytes of time, 16 of identity, then 5 per reply; the identity has an element of its own. */
	memcpy(index_r, bytes, 5);
	for (size_t at = 22; at + 5 <= n && len + 5 <= MAIL_INDEX_MAX; at += 5) {
		memcpy(index_r + len, bytes + at, 5);
		len += 5;
	}
	return len;
}

static unsigned
importance(struct arena *a, struct slice header)
{
	static const char *const fields[] = { "Importance", "X-Priority", "X-MSMail-Priority", "Priority" };

	for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
		const char *v = mime_field(a, header, fields[i]);

		if (!v || !*v)
			continue;
		if (text_casestarts(v, "high") || text_casestarts(v, "urgent") || *v == '1' || *v == '2')
			return 2;
		if (text_casestarts(v, "low") || text_casestarts(v, "non-urgent") || *v == '4' || *v == '5')
			return 0;
		return 1;
	}
	return 1;
}

/* ---- what can change ---- */

bool
mail_is_category(const char *keyword)
{
	static const char *const hidden[] = { "Junk", "NonJunk", "NotJunk", "JunkRecorded", "Forwarded", "MDNSent",
		"Redirected" };

	if (!*keyword || *keyword == '$' || *keyword == '\\')
		return false;
	for (size_t i = 0; i < ARRAY_LEN(hidden); i++) {
		if (text_casecmp(keyword, hidden[i]) == 0)
			return false;
	}
	return true;
}

static void
write_flag(struct mail *m)
{
	wbxml_start(m->w, Email_Flag);
	if (m->item->flags & FLAG_FLAGGED) {
		wbxml_put_int(m->w, Email_Status, 2);
		wbxml_put(m->w, Email_FlagType, "Flag for follow up");
	}
	wbxml_end(m->w);
}

static void
write_categories(struct mail *m)
{
	unsigned n = 0;

	wbxml_start(m->w, Email_Categories);
	for (const char *const *k = m->item->keywords; k && *k && n < CATEGORIES_MAX; k++) {
		if (mail_is_category(*k)) {
			wbxml_put(m->w, Email_Category, *k);
			n++;
		}
	}
	wbxml_end(m->w);
}

static void
write_state(struct mail *m)
{
	unsigned flags = m->item->flags;

	wbxml_put_int(m->w, Email_Read, flags & FLAG_SEEN ? 1 : 0);
	write_flag(m);
	if (m->view->version < 140)
		return;
	write_categories(m);
	if (flags & (FLAG_ANSWERED | FLAG_FORWARDED))
		wbxml_put_int(m->w, Email2_LastVerbExecuted, flags & FLAG_ANSWERED ? 1 : 3);
}

/* ---- header ---- */

/* Lists of RFC 5322, but for one [MS-ASEMAIL 2.2.2.66]. */
static enum err
put_list(struct mail *m, unsigned tag, const struct mime_addresses *l)
{
	const char *s = l->n ? mime_address_text(m->a, l, tag == Email_ReplyTo ? ';' : ',', ADDRESSES_MAX) : NULL;

	if (s)
		wbxml_put(m->w, tag, s);
	return s || l->n == 0 ? ERR_OK : ERR_NOMEM;
}

static enum err
put_addresses(struct mail *m, unsigned tag, const char *field)
{
	struct mime_addresses l;

	return mime_addresses(m->a, m->header, field, &l) ? ERR_NOMEM : put_list(m, tag, &l);
}

static enum err
put_display_to(struct mail *m, const struct mime_addresses *to)
{
	AUTO(buf_finish) struct buf out = { 0 };

	buf_init(&out, 0);
	for (size_t i = 0; i < to->n && out.len < ADDRESSES_MAX; i++) {
		if (i)
			buf_add_str(&out, "; ");
		buf_add_str(&out, *to->list[i].name ? to->list[i].name : to->list[i].address);
	}
	if (to->n && buf_ok(&out))
		wbxml_put_n(m->w, Email_DisplayTo, (const char *)out.data, out.len);
	return buf_ok(&out) ? ERR_OK : ERR_NOMEM;
}

/* Only where it is not the one named in From [MS-ASEMAIL 2.2.2.70]. */
static enum err
put_sender(struct mail *m, const struct mime_addresses *from)
{
	struct mime_addresses sender;

	if (m->view->version < 140)
		return ERR_OK;
	if (mime_addresses(m->a, m->header, "Sender", &sender))
		return ERR_NOMEM;
	if (sender.n && from->n && text_casecmp(from->list[0].address, sender.list[0].address) == 0)
		return ERR_OK;
	return put_list(m, Email2_Sender, &sender);
}

static enum err
write_header(struct mail *m)
{
	struct mime_addresses to, from;
	char date[MAIL_DATE_MAX];

	if (mime_addresses(m->a, m->header, "To", &to) || mime_addresses(m->a, m->header, "From", &from))
		return ERR_NOMEM;
	if (put_list(m, Email_To, &to) || put_addresses(m, Email_Cc, "Cc") || put_list(m, Email_From, &from))
		return ERR_NOMEM;
	wbxml_put(m->w, Email_Subject, m->subject);
	if (put_addresses(m, Email_ReplyTo, "Reply-To"))
		return ERR_NOMEM;
	mail_date(m->date, date);
	wbxml_put(m->w, Email_DateReceived, date);
	if (put_display_to(m, &to) || put_sender(m, &from))
		return ERR_NOMEM;
	wbxml_put(m->w, Email_ThreadTopic, topic_of(m->subject));
	wbxml_put_int(m->w, Email_Importance, importance(m->a, m->header));
	if (m->view->version < 160)
		return ERR_OK;
	wbxml_put_int(m->w, Email2_IsDraft, m->item->flags & FLAG_DRAFT ? 1 : 0);
	return m->item->flags & FLAG_DRAFT ? put_addresses(m, Email2_Bcc, "Bcc") : ERR_OK;
}

/* ---- attachments ---- */

static enum err
write_attachment(struct mail *m, const struct mime_part *p, const char *part)
{
	const char *name = mime_attachment_name(m->a, p);
	const char *reference = arena_printf(m->a, "%s:%s", m->server_id, part);

	if (!name || !reference)
		return ERR_NOMEM;
	wbxml_start(m->w, AirSyncBase_Attachment);
	wbxml_put(m->w, AirSyncBase_DisplayName, name);
	wbxml_put(m->w, AirSyncBase_FileReference, reference);
	wbxml_put_int(m->w, AirSyncBase_Method, strcmp(p->type, "message/rfc822") == 0 ? 5 : 1);
	wbxml_put_int(m->w, AirSyncBase_EstimatedDataSize, (int64_t)mime_decoded_size(p));
	if (p->content_id)
		wbxml_put(m->w, AirSyncBase_ContentId, p->content_id);
	if (p->location)
		wbxml_put(m->w, AirSyncBase_ContentLocation, p->location);
	if (mime_is_inline(p))
		wbxml_put_int(m->w, AirSyncBase_IsInline, 1);
	wbxml_end(m->w);
	return ERR_OK;
}

static enum err
write_attachments(struct mail *m)
{
	bool draft = m->item->flags & FLAG_DRAFT;

	if (m->mime->n_attachments == 0)
		return ERR_OK;
	const char *const *names = draft ? draft_part_names(m->a, m->mime) : NULL;
	if (draft && !names)
		return ERR_NOMEM;
	wbxml_start(m->w, AirSyncBase_Attachments);
	for (size_t i = 0; i < m->mime->n_attachments; i++) {
		struct arena_mark mark = arena_mark(m->a);
		const struct mime_part *p = m->mime->attachments[i];

		if (write_attachment(m, p, draft ? names[i] : p->number))
			return ERR_NOMEM;
		arena_rewind(m->a, mark);
	}
	wbxml_end(m->w);
	return ERR_OK;
}

/* ---- body ---- */

static enum err
write_body(struct mail *m)
{
	struct item_options options = { .conflict = 1, .mime_truncation = 8 };
	struct item_view view = *m->view;
	struct body_source source = { .message = m->mime, .native = mime_has_html(m->mime) ? 2 : 1 };

	if (m->view->options)
		options = *m->view->options;
	/* MIMESupport 1 is for S/MIME alone [MS-ASCMD 2.2.3.109]. */
	if (options.mime_support == 1)
		options.mime_support = mime_is_smime(m->mime) || mime_is_signed(m->mime) ? 2 : 0;
	view.options = &options;
	return body_write(&view, m->a, &source, m->w);
}

/* ---- the whole ---- */

static enum err
write_thread(struct mail *m)
{
	unsigned char id[MAIL_CONVERSATION], index[MAIL_INDEX_MAX];

	if (m->view->version < 140)
		return ERR_OK;
	if (mail_conversation(m->a, m->header, id))
		return ERR_NOMEM;
	wbxml_put_opaque(m->w, Email2_ConversationId, slice(id, sizeof id));
	size_t n = mail_conversation_index(m->a, m->header, m->date, index);
	wbxml_put_opaque(m->w, Email2_ConversationIndex, slice(index, n));
	return ERR_OK;
}

static enum err
write_all(struct mail *m)
{
	if (write_header(m))
		return ERR_NOMEM;
	write_state(m);
	if (write_attachments(m) || write_body(m))
		return ERR_NOMEM;
	wbxml_put(m->w, Email_MessageClass, m->kind.message_class);
	if (m->kind.meeting && mail_write_meeting(m->view, m->a, m->mime, m->w))
		return ERR_NOMEM;
	wbxml_put(m->w, Email_InternetCPID, "65001");
	wbxml_put(m->w, Email_ContentClass, m->kind.content_class);
	return write_thread(m);
}

static enum err
render(const struct item_view *v, struct arena *a, const struct backend_item *item, const char *server_id,
	enum item_render how, struct wbxml_writer *w, struct error *e)
{
	struct mail m = { .view = v, .a = a, .item = item, .server_id = server_id, .w = w, .date = item->date };
	enum err err;

	if (how == RENDER_CHANGE) {
		write_state(&m);
		return ERR_OK;
	}
	err = mime_open(a, item->bytes, &m.mime, e);
	if (err)
		return err;
	m.header = m.mime->root->header;
	m.subject = mime_field_text(a, m.header, "Subject");
	if (!m.subject)
		m.subject = "";
	if (m.date == BACKEND_NO_DATE && !mime_date(a, m.header, &m.date))
		m.date = 0;
	if (mail_kind(a, m.mime, &m.kind) || write_all(&m))
		return err_set(e, ERR_NOMEM, "no memory for a mail");
	return ERR_OK;
}

/* The part that a reference names; NOTFOUND. */
static enum err
find_part(struct arena *a, const struct mime *m, const char *name, const struct mime_part **part_r)
{
	const char *const *names;
	size_t i;

	*part_r = NULL;
	if (!strchr(name, '-')) {
		*part_r = mime_find(m, name);
		return *part_r ? ERR_OK : ERR_NOTFOUND;
	}
	names = draft_part_names(a, m);
	if (!names)
		return ERR_NOMEM;
	i = draft_part_find(m, names, name, NULL);
	if (i < m->n_attachments)
		*part_r = m->attachments[i];
	return *part_r ? ERR_OK : ERR_NOTFOUND;
}

static enum err
attachment(struct arena *a, struct slice bytes, struct item_part *p, struct buf *out)
{
	const struct mime_part *part;
	struct mime *m;

	if (mime_open(a, bytes, &m, NULL))
		return ERR_NOMEM;
	if (find_part(a, m, p->part, &part) == ERR_NOMEM)
		return ERR_NOMEM;
	if (!part || part->child)
		return ERR_NOTFOUND;
	p->type = part->type;
	if (p->first > 0 || p->last < UINT64_MAX)
		p->total = mime_decoded_size(part);
	enum err err = p->begin ? p->begin(p->ctx, p) : ERR_OK;
	if (!err)
		mime_decode_range(part, p->first, p->last, out);
	return err;
}

const struct item_class item_mail = {
	.class = BACKEND_MAIL,
	.name = "Email",
	.extension = "eml",
	.change_want = WANT_META,
	.render = render,
	.merge = mail_merge,
	.attachment = attachment,
};
