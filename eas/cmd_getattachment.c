/* GetAttachment [MS-ASCMD 2.2.1.7], up to 12.1: one attachment as it is, named by its FileReference. */
#include "eas/mail_lookup.h"

struct getting {
	struct eas_request *r;
	const char *part;
	const char *type; /* NULL: no such part */
};

static enum err
take(void *ctx, const struct backend_item *item)
{
	struct getting *g = ctx;
	struct item_part p = { .part = g->part, .last = UINT64_MAX };
	enum err err;

	buf_reset(&g->r->reply.body);
	err = item_mail.attachment(g->r->arena, item->bytes, &p, &g->r->reply.body);
	g->type = p.type;
	return err || buf_ok(&g->r->reply.body) ? err : ERR_LIMIT;
}

enum eas_outcome
cmd_getattachment(struct eas_request *r, const struct wbxml_node *root)
{
	struct getting g = { .r = r };
	struct lookup l;
	struct error e = { 0 };
	int64_t folder, item;
	enum err err = ERR_NOTFOUND;

	(void)root;
	if (id_parse_reference(r->query.attachment, &folder, &item, &g.part))
		err = lookup_item(r, folder, item, &l, &e);
	if (!err && l.folder.class != BACKEND_MAIL)
		err = ERR_NOTFOUND;
	if (!err)
		err = lookup_fetch(r, &l, take, &g, &e);
	if (err == ERR_BUSY)
		return EAS_BUSY;
	if (err == ERR_NOTFOUND || err == ERR_NOFOLDER)
		return reply_http(r, 500); /* MS-ASCMD_R166 */
	if (err)
		return reply_status(r, WBXML_UNKNOWN, WBXML_UNKNOWN, reply_status_of(r, err, &e));
	r->reply.status = 200;
	r->reply.content_type = g.type;
	return EAS_DONE;
}
