/* eas/compose_mail.h - SendMail, SmartReply and SmartForward [MS-ASCMD 2.2.1.17, 2.2.1.19, 2.2.1.20]: what they ask
 * for, in both forms, and how a reply or a forward becomes one message with what it answers. Private to eas/.
 */
#ifndef EAS_COMPOSE_MAIL_H
#define EAS_COMPOSE_MAIL_H

#include "eas/send.h"

enum compose_how { MAIL_NEW, MAIL_REPLY, MAIL_FORWARD };

/* Runs the command. root NULL: up to 12.1, the query and message/rfc822. */
enum eas_outcome compose_mail_run(struct eas_request *r, const struct wbxml_node *root, unsigned root_tag,
	enum compose_how how);

/* What is replied to or forwarded. */
struct compose_source {
	const struct mime *original;
	enum compose_how how;
	struct slice invitation; /* iCalendar that goes along in the place of the original's; empty: the original's as it stands */
	const char *method;      /* its METHOD */
};

/* The phone's message and the original as one: the original's text below, and for a forward its attachments as they
 * stand. NULL: memory, or (*as_is_r) the phone's message has to stay as it is. */
struct mime_node *compose_mail_merge(struct arena *a, const struct mime *phone, const struct compose_source *source,
	bool *as_is_r);

#endif
