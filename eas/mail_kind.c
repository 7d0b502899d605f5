/* MessageClass and ContentClass of a message. */
#include <string.h>

#include "base/text.h"
#include "eas/ical.h"
#include "eas/mail.h"

static bool
is_type(const struct mime_part *p, const char *type)
{
	return strcmp(p->type, type) == 0;
}

/* What a delivery report says became of the mail [RFC 3464 2.3.3]. */
static const char *
report_class(struct arena *a, const struct mime *m)
{
	const char *type = m->root->subtype;

	if (type && text_casecmp(type, "disposition-notification") == 0)
		return "REPORT.IPM.NOTE.IPNRN";
	for (const struct mime_part *p = m->root; p; p = mime_next_part(p)) {
		if (!is_type(p, "message/delivery-status"))
			continue;
		char *text = mime_part_text(a, p);
		const char *action = text ? strcasestr(text, "\nAction:") : NULL;

		if (!action)
			break;
		action += strlen("\nAction:");
		action += strspn(action, " \t");
		if (text_casestarts(action, "delayed"))
			return "REPORT.IPM.NOTE.DELAYED";
		if (text_casestarts(action, "delivered") || text_casestarts(action, "relayed")
			|| text_casestarts(action, "expanded"))
			return "REPORT.IPM.NOTE.DR";
		return "REPORT.IPM.NOTE.NDR";
	}
	return type && text_casecmp(type, "delivery-status") == 0 ? "REPORT.IPM.NOTE.NDR" : "IPM.Note";
}

/* How an attendee answered. */
static enum err
reply_class(struct arena *a, const struct mime_part *calendar, const char **class_r)
{
	struct ical_mem mem = { .a = a };
	struct ical *root = NULL;
	char *text = mime_part_text(a, calendar);

	*class_r = "IPM.Note";
	if (!text)
		return ERR_NOMEM;
	if (ical_read(&mem, slice_str(text), &root, NULL))
		return mem.failed ? ERR_NOMEM : ERR_OK;
	const struct ical *event = ical_component(ical_component(root, "VCALENDAR"), "VEVENT");
	const struct ical *attendee = ical_line(event, "ATTENDEE");

	if (!attendee)
		return ERR_OK;
	if (ical_param_is(attendee, "PARTSTAT", "ACCEPTED"))
		*class_r = "IPM.Schedule.Meeting.Resp.Pos";
	else if (ical_param_is(attendee, "PARTSTAT", "DECLINED"))
		*class_r = "IPM.Schedule.Meeting.Resp.Neg";
	else if (ical_param_is(attendee, "PARTSTAT", "TENTATIVE"))
		*class_r = "IPM.Schedule.Meeting.Resp.Tent";
	return ERR_OK;
}

static enum err
meeting_kind(struct arena *a, const struct mime *m, struct mail_kind *k_r)
{
	const char *method = m->calendar->method;

	if (strcmp(method, "REQUEST") == 0) {
		k_r->message_class = "IPM.Schedule.Meeting.Request";
		k_r->meeting = true;
	} else if (strcmp(method, "CANCEL") == 0) {
		k_r->message_class = "IPM.Schedule.Meeting.Canceled";
		k_r->meeting = true;
	} else if (strcmp(method, "COUNTER") == 0) {
		k_r->message_class = "IPM.Schedule.Meeting.Resp.Tent";
		k_r->meeting = true;
	} else if (strcmp(method, "REPLY") == 0) {
		if (reply_class(a, m->calendar, &k_r->message_class))
			return ERR_NOMEM;
		k_r->meeting = strcmp(k_r->message_class, "IPM.Note") != 0;
	}
	if (k_r->meeting)
		k_r->content_class = "urn:content-classes:calendarmessage";
	return ERR_OK;
}

enum err
mail_kind(struct arena *a, const struct mime *m, struct mail_kind *k_r)
{
	*k_r = (struct mail_kind){ .message_class = "IPM.Note", .content_class = "urn:content-classes:message" };
	if (mime_is_smime(m))
		k_r->message_class = "IPM.Note.SMIME";
	else if (mime_is_signed(m))
		k_r->message_class = "IPM.Note.SMIME.MultipartSigned";
	else if (is_type(m->root, "multipart/report"))
		k_r->message_class = report_class(a, m);
	else if (m->calendar)
		return meeting_kind(a, m, k_r);
	return ERR_OK;
}
