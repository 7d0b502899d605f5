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
	(void)r;
}

static void
write_oof(struct wbxml_writer *w, const struct wbxml_node *oof)
{
	wbxml_start(w, Settings_Oof);
	if (wbxml_has(oof, Settings_Get)) {
		wbxml_put_int(w, Settings_Status, 1);
		wbxml_start(w, Settings_Get);
		wbxml_put_int(w, Settings_OofState, 0); /* cpush sets none, so none is set */
		wbxml_end(w);
	} else {
		wbxml_put_int(w, Settings_Status, 5); /* it cannot be switched on here */
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
		return reply_status(r, Settings_Settings, Settings_Status, err_is_temporary(err) ? 4 : reply_status_of(r, err, &e));
	reply_wbxml(r, &w);
	wbxml_start(&w, Settings_Settings);
	wbxml_put_int(&w, Settings_Status, 1);
	for (const struct wbxml_node *n = root->child; n; n = n->next) {
		if (n->tag == Settings_Oof)
			write_oof(&w, n);
		else if (n->tag == Settings_DeviceInformation)
			write_status_only(&w, n->tag, 1);
		else if (n->tag == Settings_DevicePassword)
			write_status_only(&w, n->tag, 7); /* password recovery is off */
		else if (n->tag == Settings_UserInformation && user)
			write_user_information(r, &w, &id);
		else if (n->tag == Settings_RightsManagementInformation)
			write_status_only(&w, n->tag, 168); /* no rights management here */
	}
	wbxml_end(&w);
	r->reply.eas_status = 1;
	return EAS_DONE;
}
