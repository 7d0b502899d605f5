/* Settings [MS-ASCMD 2.2.1.18]: what the phone says of itself, and what it may know of its user. */
#include <string.h>

#include "eas/command.h"
#include "eas/device_info.h"

static void
write_user_information(struct eas_request *r, struct wbxml_writer *w, const struct backend_identity *id)
{
	bool accounts = r->query.version >= 141; /* [MS-ASCMD 2.2.3.2, 2.2.3.58] */
	const char *name = id->name ? id->name : id->address;

	wbxml_start(w, Settings_UserInformation);
	wbxml_put_int(w, Settings_Status, 1);
	wbxml_start(w, Settings_Get);
	if (accounts) {
		wbxml_start(w, Settings_Accounts);
		wbxml_start(w, Settings_Account);
		wbxml_put(w, Settings_UserDisplayName, name);
	}
	wbxml_start(w, Settings_EmailAddresses);
	wbxml_put(w, Settings_SMTPAddress, id->address);
	if (accounts)
		wbxml_put(w, Settings_PrimarySmtpAddress, id->address);
	wbxml_end(w);
	if (accounts) {
		wbxml_end(w);
		wbxml_end(w);
	}
	wbxml_end(w);
	wbxml_end(w);
}

/* cpush sets no out-of-office message, so none is set, and to switch it off is done. */
static void
write_oof(struct wbxml_writer *w, const struct wbxml_node *oof)
{
	const struct wbxml_node *set = wbxml_child(oof, Settings_Set);
	bool get = wbxml_has(oof, Settings_Get);

	wbxml_start(w, Settings_Oof);
	wbxml_put_int(w, Settings_Status, !get && !set ? 2
		: get || wbxml_int(set, Settings_OofState, -1, -1) == 0 ? 1 : 5);
	if (get) {
		wbxml_start(w, Settings_Get);
		wbxml_put_int(w, Settings_OofState, 0);
		wbxml_end(w);
	}
	wbxml_end(w);
}

static void
write_status_only(struct wbxml_writer *w, unsigned tag, unsigned status)
{
	wbxml_start(w, tag);
	wbxml_put_int(w, Settings_Status, status);
	wbxml_end(w);
}

/* What is asked of a property, each by Get or Set; one that names neither is malformed: 2 [MS-ASCMD 2.2.3.177.15]. */
static void
write_property(struct eas_request *r, struct wbxml_writer *w, const struct wbxml_node *n,
	const struct backend_identity *id)
{
	bool get = wbxml_has(n, Settings_Get), set = wbxml_has(n, Settings_Set);

	switch (n->tag) {
	case Settings_Oof:
		write_oof(w, n);
		break;
	case Settings_DeviceInformation:
		write_status_only(w, n->tag, set ? 1 : 2);
		break;
	case Settings_DevicePassword:
		write_status_only(w, n->tag, set ? 7 : 2); /* password recovery is off */
		break;
	case Settings_UserInformation:
		if (get)
			write_user_information(r, w, id);
		else
			write_status_only(w, n->tag, 2);
		break;
	case Settings_RightsManagementInformation:
		if (r->query.version >= 141)
			write_status_only(w, n->tag, get ? 168 : 2); /* no rights management here */
		break;
	default:
		break;
	}
}

enum eas_outcome
cmd_settings(struct eas_request *r, const struct wbxml_node *root)
{
	const struct wbxml_node *info = wbxml_child(root, Settings_DeviceInformation);
	struct backend_identity id = { 0 };
	struct wbxml_writer w;
	struct error e = { 0 };
	enum err err = ERR_OK;
	bool user = wbxml_has(wbxml_child(root, Settings_UserInformation), Settings_Get);

	if (user)
		err = account_identity(r->account, r->arena, &id, &e);
	if (err == ERR_BUSY)
		return EAS_BUSY;
	if (!err && info)
		err = device_info_store(r, wbxml_child(info, Settings_Set), &e);
	if (err)
		return reply_status(r, Settings_Settings, Settings_Status,
			err_is_temporary(err) ? 4 : reply_status_of(r, err, &e));
	reply_wbxml(r, &w);
	wbxml_start(&w, Settings_Settings);
	wbxml_put_int(&w, Settings_Status, 1);
	for (const struct wbxml_node *n = root->child; n; n = n->next)
		write_property(r, &w, n, &id);
	wbxml_end(&w);
	r->reply.eas_status = 1;
	return EAS_DONE;
}
