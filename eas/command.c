#include "eas/command.h"

#include "base/text.h"

#define TURN COMMAND_TURN

static const struct command table[] = {
	{ EAS_PROVISION, "Provision", Provision_Provision, Provision_Status, 121, 0, TURN | COMMAND_NO_POLICY, cmd_provision },
	{ EAS_FOLDERSYNC, "FolderSync", FolderHierarchy_FolderSync, FolderHierarchy_Status, 121, 0, TURN, cmd_foldersync },
	{ EAS_FOLDERCREATE, "FolderCreate", FolderHierarchy_FolderCreate, FolderHierarchy_Status, 121, 0, TURN, cmd_foldercreate },
	{ EAS_FOLDERUPDATE, "FolderUpdate", FolderHierarchy_FolderUpdate, FolderHierarchy_Status, 121, 0, TURN, cmd_folderupdate },
	{ EAS_FOLDERDELETE, "FolderDelete", FolderHierarchy_FolderDelete, FolderHierarchy_Status, 121, 0, TURN, cmd_folderdelete },
	{ EAS_SYNC, "Sync", AirSync_Sync, AirSync_Status, 121, 0, TURN | COMMAND_EMPTY_OK, cmd_sync },
	{ EAS_GETITEMESTIMATE, "GetItemEstimate", GetItemEstimate_GetItemEstimate, GetItemEstimate_Status, 121, 0, TURN,
		cmd_getitemestimate },
	{ EAS_MOVEITEMS, "MoveItems", Move_MoveItems, Move_Status, 121, 0, TURN, cmd_moveitems },
	{ EAS_PING, "Ping", Ping_Ping, Ping_Status, 121, 0, COMMAND_EMPTY_OK | COMMAND_NO_POLICY, cmd_ping },
	{ EAS_ITEMOPERATIONS, "ItemOperations", ItemOperations_ItemOperations, ItemOperations_Status, 121, 0, 0, cmd_itemoperations },
	{ EAS_GETATTACHMENT, "GetAttachment", WBXML_UNKNOWN, WBXML_UNKNOWN, 121, 121, COMMAND_EMPTY_OK, cmd_getattachment },
	{ EAS_SENDMAIL, "SendMail", ComposeMail_SendMail, ComposeMail_Status, 121, 0, TURN | COMMAND_MIME, cmd_sendmail },
	{ EAS_SMARTREPLY, "SmartReply", ComposeMail_SmartReply, ComposeMail_Status, 121, 0, TURN | COMMAND_MIME, cmd_smartreply },
	{ EAS_SMARTFORWARD, "SmartForward", ComposeMail_SmartForward, ComposeMail_Status, 121, 0, TURN | COMMAND_MIME,
		cmd_smartforward },
	{ EAS_SETTINGS, "Settings", Settings_Settings, Settings_Status, 121, 0, TURN, cmd_settings },
	/* Not there: known, so that the answer can be a Status. */
	{ EAS_MEETINGRESPONSE, "MeetingResponse", MeetingResponse_MeetingResponse, MeetingResponse_Status, 121, 0, 0, NULL },
	{ EAS_SEARCH, "Search", Search_Search, Search_Status, 121, 0, 0, NULL },
	{ EAS_RESOLVERECIPIENTS, "ResolveRecipients", ResolveRecipients_ResolveRecipients, ResolveRecipients_Status, 121, 0, 0, NULL },
	{ EAS_VALIDATECERT, "ValidateCert", ValidateCert_ValidateCert, ValidateCert_Status, 121, 0, 0, NULL },
	{ EAS_FIND, "Find", Find_Find, Find_Status, 161, 0, 0, NULL },
};

const struct command *
command_find(enum eas_command code)
{
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		if (table[i].code == code)
			return &table[i];
	}
	return NULL;
}

const struct command *
command_named(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		if (text_casecmp(table[i].name, name) == 0)
			return &table[i];
	}
	return NULL;
}

bool
eas_needs_turn(enum eas_command command)
{
	const struct command *c = command_find(command);

	return c && (c->flags & COMMAND_TURN);
}
