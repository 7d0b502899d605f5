#include <stdio.h>

#include "eas/command.h"
#include "eas/quirk.h"

#define WBXML_TYPE "application/vnd.ms-sync.wbxml"

void
reply_wbxml(struct eas_request *r, struct wbxml_writer *w)
{
	r->reply.status = 200;
	r->reply.content_type = WBXML_TYPE;
	buf_reset(&r->reply.body);
	wbxml_begin(w, &r->reply.body);
}

enum eas_outcome
reply_http(struct eas_request *r, unsigned status)
{
	r->reply.status = status;
	r->reply.content_type = NULL;
	buf_reset(&r->reply.body);
	return EAS_DONE;
}

/* What stands for a common status where the version has no in-band ones [MS-ASCMD 2.2.2, MS-ASHTTP 2.2.2.1.1]. */
static unsigned
http_of(unsigned status)
{
	static const struct {
		unsigned status, http;
	} map[] = { { 101, 400 }, { 102, 400 }, { 103, 400 }, { 104, 400 }, { 105, 400 }, { 106, 400 }, { 108, 400 },
		{ 109, 400 }, { 110, 500 }, { 111, 503 }, { 112, 403 }, { 113, 507 }, { 114, 503 }, { 123, 403 },
		{ 125, 403 }, { 126, 403 }, { 129, 403 }, { 130, 403 }, { 131, 403 }, { 132, 403 }, { 137, 501 },
		{ 138, 400 }, { 139, 403 }, { 140, 449 }, { 141, 449 }, { 142, 449 }, { 143, 449 }, { 144, 449 },
		{ 145, 403 }, { 147, 400 }, { 177, 403 } };

	for (size_t i = 0; i < ARRAY_LEN(map); i++) {
		if (map[i].status == status)
			return map[i].http;
	}
	return 500;
}

enum eas_outcome
reply_status(struct eas_request *r, unsigned root_tag, unsigned status_tag, unsigned status)
{
	struct wbxml_writer w;

	r->reply.eas_status = (int)status;
	if (status == 111)
		reply_header(r, "Retry-After", "60");
	if (status > 100 && (r->query.version < 140 || root_tag == WBXML_UNKNOWN))
		return reply_http(r, http_of(status));
	reply_wbxml(r, &w);
	wbxml_start(&w, root_tag);
	wbxml_put_int(&w, status_tag, status);
	wbxml_end(&w);
	return EAS_DONE;
}

void
reply_may_begin(struct eas_request *r)
{
	if (r->may_begin && (quirks_of(r->query.device_type, r->user_agent, r->query.version) & QUIRK_EARLY_START))
		r->may_begin(r);
}

bool
reply_has_begun(struct eas_request *r)
{
	return r->has_begun && r->has_begun(r);
}

void
eas_in_document(struct eas_request *r)
{
	if (r->reply.status == 200 && r->reply.body.len)
		return;
	reply_status(r, AirSync_Sync, AirSync_Status, 16);
}

void
reply_header(struct eas_request *r, const char *name, const char *value)
{
	for (const char *p = value; *p; p++) {
		if ((unsigned char)*p < 0x20)
			return; /* never a second header out of one */
	}
	buf_printf(&r->reply.headers, "%s: %s\r\n", name, value);
}

unsigned
reply_status_of(struct eas_request *r, enum err err, const struct error *e)
{
	const char *text = e && e->code ? e->text : err_name(err);

	if (err_is_temporary(err)) {
		log_warn(&r->log, "%s; the phone is asked to try again", text);
		return 111;
	}
	if (err == ERR_QUOTA) {
		log_warn(&r->log, "%s", text);
		return 113;
	}
	if (err == ERR_DENIED) {
		log_warn(&r->log, "%s", text);
		return 130;
	}
	log_error(&r->log, "%s", text);
	return 110;
}
