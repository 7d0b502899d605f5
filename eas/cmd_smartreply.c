#include "eas/compose_mail.h"

enum eas_outcome
cmd_smartreply(struct eas_request *r, const struct wbxml_node *root)
{
	return compose_mail_run(r, root, ComposeMail_SmartReply, MAIL_REPLY);
}
