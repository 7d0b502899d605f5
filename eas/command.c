#include "eas/command.h"

#define TURN COMMAND_TURN

static const struct command table[] = {
	{ EAS_OPTIONS, "OPTIONS", WBXML_UNKNOWN, 0, 0, COMMAND_EMPTY_OK | COMMAND_NO_POLICY, cmd_options },
	{ EAS_PROVISION, "Provision", Provision_Provision, 121, 0, TURN | COMMAND_NO_POLICY, cmd_provision },
	{ EAS_FOLDERSYNC, "FolderSync", FolderHierarchy_FolderSync, 121, 0, TURN, cmd_foldersync },
	{ EAS_FOLDERCREATE, "FolderCreate", FolderHierarchy_FolderCreate, 121, 0, TURN, cmd_foldercreate },
	{ EAS_FOLDERUPDATE, "FolderUpdate", FolderHierarchy_FolderUpdate, 121, 0, TURN, cmd_folderupdate },
	{ EAS_FOLDERDELETE, "FolderDelete", FolderHierarchy_FolderDelete, 121, 0, TURN, cmd_folderdelete },
	{ EAS_SYNC, "Sync", AirSync_Sync, 121, 0, TURN | COMMAND_EMPTY_OK, cmd_sync },
	{ EAS_GETITEMESTIMATE, "GetItemEstimate", GetItemEstimate_GetItemEstimate, 121, 0, TURN, cmd_getitemestimate },
	{ EAS_MOVEITEMS, "MoveItems", Move_MoveItems, 121, 0, TURN, cmd_moveitems },
	{ EAS_PING, "Ping", Ping_Ping, 121, 0, COMMAND_EMPTY_OK | COMMAND_NO_POLICY, cmd_ping },
	{ EAS_ITEMOPERATIONS, "ItemOperations", ItemOperations_ItemOperations, 121, 0, 0, cmd_itemoperations },
	{ EAS_GETATTACHMENT, "GetAttachment", WBXML_UNKNOWN, 121, 121, COMMAND_EMPTY_OK, cmd_getattachment },
	{ EAS_SENDMAIL, "SendMail", ComposeMail_SendMail, 121, 0, TURN | COMMAND_MIME, cmd_sendmail },
	{ EAS_SMARTREPLY, "SmartReply", ComposeMail_SmartReply, 121, 0, TURN | COMMAND_MIME, cmd_smartreply },
	{ EAS_SMARTFORWARD, "SmartForward", ComposeMail_SmartForward, 121, 0, TURN | COMMAND_MIME, cmd_smartforward },
	{ EAS_SETTINGS, "Settings", Settings_Settings, 121, 0, TURN, cmd_settings },
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

bool
eas_needs_turn(enum eas_command command)
{
	const struct command *c = command_find(command);

	return c && (c->flags & COMMAND_TURN);
}
