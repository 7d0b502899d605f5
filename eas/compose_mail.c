/* What SendMail, SmartReply and SmartForward ask for. */
#include "eas/compose_mail.h"

#include <string.h>

#include "base/text.h"
#include "eas/calendar_forward.h"

struct request {
	struct eas_request *r;
	enum compose_how how;
	struct send_mail send;
	const char *folder_id, *item_id, *long_id, *instance_id;
	bool replace;
	bool people;            /* Forwardees: what goes out is of our making */
	bool gone;              /* the source: only its ids are known, by which an earlier try is found */
	struct lookup source;
};

/* ---- reading ---- */

static void
read_query(struct request *q)
{
	const struct eas_query *query = &q->r->query;

	q->send.mime = q->r->body;
	q->send.client_id = "";
	q->send.save = query->save_in_sent;
	q->folder_id = query->collection_id;
	q->item_id = query->item_id;
	q->long_id = query->long_id;
	q->instance_id = query->occurrence;
}

static const char *
or_empty(const char *s)
{
	return s ? s : "";
}

/* 16.x: an event is forwarded to the people named, with a few words and without a message of the phone's making. */
static unsigned
forwardees(struct request *q, const struct wbxml_node *root)
{
	const struct wbxml_node *list = wbxml_child(root, ComposeMail_Forwardees);
	AUTO(buf_finish) struct buf out = { 0 };
	const char *html = NULL;
	bool present;
	const char *text = body_read(q->r->arena, root, &present, &html);
	size_t n = 0;

	for (const struct wbxml_node *f = list->child; f; f = f->next)
		n++;
	struct mime_addresses to = { .list = arena_array(q->r->arena, n, sizeof *to.list) };
	struct mime_node *node = text
		? mime_node(q->r->arena, MIME_NODE_TEXT, html ? "text/html" : "text/plain", slice_str(html ? html : text))
				      : NULL;
	if (!to.list || !node)
		return SEND_ERROR;
	for (const struct wbxml_node *f = wbxml_child(list, ComposeMail_Forwardee); f;
		f = wbxml_next(f, ComposeMail_Forwardee)) {
		const char *address = or_empty(wbxml_text(f, ComposeMail_Email));

		if (!mime_address_ok(address))
			return SEND_UNRESOLVED;
		to.list[to.n++] = (struct mime_address){ or_empty(wbxml_text(f, ComposeMail_Name)), address };
	}
	buf_init(&out, 0);
	AUTO(buf_finish) struct buf header = { 0 };
	buf_init(&header, 0);
	mime_put_addresses(&header, "To", &to);
	mime_write(q->r->arena, buf_slice(&header), node, "forward", &out);
	q->send.mime = slice(buf_ok(&out) && buf_ok(&header) ? arena_memdup(q->r->arena, out.data, out.len) : NULL,
		out.len);
	return q->send.mime.ptr ? SEND_OK : SEND_ERROR;
}

static unsigned
read_wbxml(struct request *q, const struct wbxml_node *root)
{
	const struct wbxml_node *source = wbxml_child(root, ComposeMail_Source),
				*mime = wbxml_child(root, ComposeMail_Mime);
	const char *account = wbxml_text(root, ComposeMail_AccountId);

	q->people = q->how == MAIL_FORWARD && q->r->query.version >= 160 && wbxml_has(root, ComposeMail_Forwardees);
	q->send.client_id = or_empty(wbxml_text(root, ComposeMail_ClientId));
	/* By people it cannot be asked for (MS-ASCMD_R7176). */
	q->send.save = q->people || wbxml_has(root, ComposeMail_SaveInSentItems);
	q->replace = wbxml_has(root, ComposeMail_ReplaceMime);
	q->folder_id = or_empty(wbxml_text(source, ComposeMail_FolderId));
	q->item_id = or_empty(wbxml_text(source, ComposeMail_ItemId));
	q->long_id = or_empty(wbxml_text(source, ComposeMail_LongId));
	q->instance_id = or_empty(wbxml_text(source, ComposeMail_InstanceId));
	if (account && *account)
		return SEND_BAD_ACCOUNT; /* Settings names no AccountId that it could be */
	if (mime && q->people)
		return SEND_BAD_COMBINATION;
	if (q->people)
		return forwardees(q, root);
	if (!mime && q->how == MAIL_FORWARD && q->r->query.version >= 160)
		return SEND_BAD_FORWARD;
	if (!mime || !*q->send.client_id)
		return SEND_BAD_XML;
	q->send.mime = mime->data;
	return mime->data.len ? SEND_OK : SEND_BAD_MIME;
}

/* ---- the source ---- */

/* 2010-03-20T22:40:00.000Z, or without the punctuation. */
static bool
is_date(const char *s)
{
	size_t n = strlen(s);

	return n >= 15 && n <= 24 && strspn(s, "0123456789-:.TZ") == n && strchr(s, 'T') && s[0] >= '0' && s[0] <= '9';
}

static enum err
find_source(struct request *q, unsigned *status_r, struct error *e)
{
	int64_t folder, item;
	enum err err;

	if (q->how == MAIL_NEW)
		return ERR_OK;
	if (*q->instance_id && !is_date(q->instance_id)) {
		*status_r = SEND_BAD_DATE;
		return ERR_OK;
	}
	if (!id_parse_item(*q->item_id ? q->item_id : q->long_id, &folder, &item)) {
		*status_r = SEND_NO_SOURCE;
		return ERR_OK;
	}
	err = lookup_item(q->r, folder, item, &q->source, e);
	q->gone = err == ERR_NOTFOUND;
	if (q->gone) {
		q->source = (struct lookup){ .folder.id = folder, .item.id = item };
		err = ERR_OK;
	}
	q->send.source = &q->source;
	q->send.instance = q->instance_id;
	return err;
}

/* ---- composing ---- */

static void
tie(struct send_mail *s, struct arena *a, struct slice header)
{
	const char *references = mime_field(a, header, "References");
	const char *id = mime_message_id(a, header);

	s->in_reply_to = id;
	if (!id)
		return;
	/* Only what ids may consist of: nothing of a foreign header goes into ours otherwise. */
	AUTO(buf_finish) struct buf out = { 0 };
	buf_init(&out, 8192);
	for (size_t i = 0; references && i < 30; i++) {
		const char *one = mime_id_at(a, header, "References", i);

		if (!one)
			break;
		buf_printf(&out, "%s%s", i ? "\r\n " : "", one);
	}
	buf_printf(&out, "%s%s", out.len ? "\r\n " : "", id);
	s->references = buf_ok(&out) ? arena_strndup(a, (char *)out.data, out.len) : id;
}

/* What an event, or an instance of it, says and what there is to send of it. */
static unsigned
read_event(struct request *q, struct slice bytes, struct cal_forwarded *f, enum err *err_r, struct error *e)
{
	struct item_view view = { .version = q->r->query.version, .address = "", .name = "", .log = &q->r->log };

	*err_r = cal_forward(&view, q->r->arena, bytes, q->instance_id, f, e);
	if (*err_r == ERR_NOMEM)
		return SEND_OK;
	unsigned status = !*err_r ? SEND_OK : *err_r == ERR_UNSUPPORTED ? SEND_NO_SERIES : SEND_NO_SOURCE;
	*err_r = ERR_OK;
	return status;
}

static unsigned
open_event(struct request *q, struct slice bytes, struct compose_source *source, struct mime **original_r,
	enum err *err_r, struct error *e)
{
	struct cal_forwarded f;
	unsigned status = read_event(q, bytes, &f, err_r, e);

	if (status || *err_r)
		return status;
	*err_r = mime_open(q->r->arena, f.message, original_r, e);
	if (q->how == MAIL_FORWARD) {
		source->invitation = f.invitation;
		source->method = f.method;
	}
	return SEND_OK;
}

/* An invitation to a series may be forwarded for one instance; for another mail InstanceId says nothing. */
static unsigned
open_mail(struct request *q, struct slice bytes, struct compose_source *source, struct mime **original_r,
	enum err *err_r, struct error *e)
{
	struct cal_forwarded f;

	*err_r = mime_open(q->r->arena, bytes, original_r, e);
	if (*err_r)
		return SEND_OK;
	const struct mime_part *calendar = (*original_r)->calendar;
	if (q->people && !calendar)
		return SEND_BAD_COMBINATION; /* MS-ASCMD_R7177 */
	if (q->how != MAIL_FORWARD || !*q->instance_id || !calendar)
		return SEND_OK;
	const char *text = mime_part_text(q->r->arena, calendar);
	if (!text) {
		*err_r = ERR_NOMEM;
		return SEND_OK;
	}
	unsigned status = read_event(q, slice_str(text), &f, err_r, e);
	if (!status && !*err_r) {
		source->invitation = f.invitation;
		source->method = calendar->method;
	}
	return status;
}

static bool
name_it(struct request *q, const struct mime *original)
{
	const char *subject = mime_field_text(q->r->arena, original->root->header, "Subject");

	if (q->people)
		q->send.subject = arena_printf(q->r->arena, "FW: %s", or_empty(subject));
	return !q->people || q->send.subject;
}

static unsigned
compose(struct send_mail *s, const struct mime *phone, struct mime_node **node_r, enum err *err_r, struct error *e)
{
	struct request *q = s->ctx;
	struct arena *a = q->r->arena;
	struct compose_source source = { .how = q->how };
	bool as_is = false, mail = q->source.folder.class == BACKEND_MAIL;
	struct mime *original = NULL;
	struct slice bytes;

	*err_r = q->gone ? ERR_NOTFOUND : lookup_bytes(q->r, &q->source, &bytes, e);
	if (*err_r == ERR_NOTFOUND || *err_r == ERR_NOFOLDER) {
		*err_r = ERR_OK;
		return SEND_NO_SOURCE;
	}
	if (*err_r)
		return SEND_OK;
	unsigned status = mail ? open_mail(q, bytes, &source, &original, err_r, e)
		: open_event(q, bytes, &source, &original, err_r, e);
	if (status || *err_r)
		return status;
	if (mail && q->how == MAIL_REPLY)
		tie(s, a, original->root->header);
	if (q->replace)
		return SEND_OK;
	source.original = original;
	*node_r = name_it(q, original) ? compose_mail_merge(a, phone, &source, &as_is) : NULL;
	if (!*node_r && !as_is)
		*err_r = ERR_NOMEM;
	return SEND_OK;
}

/* ---- all of it ---- */

static const char *
command_name(enum compose_how how)
{
	return how == MAIL_NEW ? "SendMail" : how == MAIL_REPLY ? "SmartReply" : "SmartForward";
}

enum eas_outcome
compose_mail_run(struct eas_request *r, const struct wbxml_node *root, unsigned root_tag, enum compose_how how)
{
	struct request q = { .r = r, .how = how, .send = { .r = r, .command = command_name(how) } };
	unsigned status = SEND_OK;
	struct error e = { 0 };
	enum err err;

	if (root)
		status = read_wbxml(&q, root);
	else
		read_query(&q);
	err = status ? ERR_OK : find_source(&q, &status, &e);
	if (!err && !status) {
		q.send.verb = how == MAIL_REPLY ? FLAG_ANSWERED : how == MAIL_FORWARD ? FLAG_FORWARDED : 0;
		q.send.compose = how == MAIL_NEW ? NULL : compose;
		q.send.ctx = &q;
		err = send_mail(&q.send, &status, &e);
	}
	if (err == ERR_BUSY)
		return EAS_BUSY;
	if (err)
		status = reply_status_of(r, err, &e);
	if (status)
		return reply_status(r, root_tag, ComposeMail_Status, status);
	return reply_http(r, 200); /* success has no body */
}
