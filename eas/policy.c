#include "eas/policy.h"

#include <string.h>

#include "base/text.h"
#include "eas/quirk.h"

/* In the order of the schema; a value is a number in min..max, or empty where that is allowed. */
static const struct {
	const char *name;
	unsigned tag;
	const char *unset; /* what stands for no setting: asks nothing and allows all [MS-ASPROV 2.2.2] */
	bool may_be_empty;
	int64_t min, max;
} elements[] = {
	{ "DevicePasswordEnabled", Provision_DevicePasswordEnabled, "0", false, 0, 1 },
	{ "AlphanumericDevicePasswordRequired", Provision_AlphanumericDevicePasswordRequired, "0", false, 0, 1 },
	{ "PasswordRecoveryEnabled", Provision_PasswordRecoveryEnabled, "0", false, 0, 1 },
	{ "RequireStorageCardEncryption", Provision_RequireStorageCardEncryption, "0", false, 0, 1 },
	{ "AttachmentsEnabled", Provision_AttachmentsEnabled, "1", false, 0, 1 },
	{ "MinDevicePasswordLength", Provision_MinDevicePasswordLength, "", true, 1, 255 },
	{ "MaxInactivityTimeDeviceLock", Provision_MaxInactivityTimeDeviceLock, "", true, 0, UINT32_MAX },
	{ "MaxDevicePasswordFailedAttempts", Provision_MaxDevicePasswordFailedAttempts, "", true, 4, 16 },
	{ "MaxAttachmentSize", Provision_MaxAttachmentSize, "", true, 0, UINT32_MAX },
	{ "AllowSimpleDevicePassword", Provision_AllowSimpleDevicePassword, "1", false, 0, 1 },
	{ "DevicePasswordExpiration", Provision_DevicePasswordExpiration, "0", true, 0, UINT32_MAX },
	{ "DevicePasswordHistory", Provision_DevicePasswordHistory, "0", false, 0, UINT32_MAX },
	{ "AllowStorageCard", Provision_AllowStorageCard, "1", false, 0, 1 },
	{ "AllowCamera", Provision_AllowCamera, "1", false, 0, 1 },
	{ "RequireDeviceEncryption", Provision_RequireDeviceEncryption, "0", false, 0, 1 },
	{ "AllowUnsignedApplications", Provision_AllowUnsignedApplications, "1", false, 0, 1 },
	{ "AllowUnsignedInstallationPackages", Provision_AllowUnsignedInstallationPackages, "1", false, 0, 1 },
	{ "MinDevicePasswordComplexCharacters", Provision_MinDevicePasswordComplexCharacters, "1", false, 1, 4 },
	{ "AllowWiFi", Provision_AllowWiFi, "1", false, 0, 1 },
	{ "AllowTextMessaging", Provision_AllowTextMessaging, "1", false, 0, 1 },
	{ "AllowPOPIMAPEmail", Provision_AllowPOPIMAPEmail, "1", false, 0, 1 },
	{ "AllowBluetooth", Provision_AllowBluetooth, "2", false, 0, 2 },
	{ "AllowIrDA", Provision_AllowIrDA, "1", false, 0, 1 },
	{ "RequireManualSyncWhenRoaming", Provision_RequireManualSyncWhenRoaming, "0", false, 0, 1 },
	{ "AllowDesktopSync", Provision_AllowDesktopSync, "1", false, 0, 1 },
	{ "MaxCalendarAgeFilter", Provision_MaxCalendarAgeFilter, "0", false, 0, 7 },
	{ "AllowHTMLEmail", Provision_AllowHTMLEmail, "1", false, 0, 1 },
	{ "MaxEmailAgeFilter", Provision_MaxEmailAgeFilter, "0", false, 0, 5 },
	{ "MaxEmailBodyTruncationSize", Provision_MaxEmailBodyTruncationSize, "-1", false, -1, INT32_MAX },
	{ "MaxEmailHTMLBodyTruncationSize", Provision_MaxEmailHTMLBodyTruncationSize, "-1", false, -1, INT32_MAX },
	{ "RequireSignedSMIMEMessages", Provision_RequireSignedSMIMEMessages, "0", false, 0, 1 },
	{ "RequireEncryptedSMIMEMessages", Provision_RequireEncryptedSMIMEMessages, "0", false, 0, 1 },
	{ "RequireSignedSMIMEAlgorithm", Provision_RequireSignedSMIMEAlgorithm, "0", false, 0, 1 },
	{ "RequireEncryptionSMIMEAlgorithm", Provision_RequireEncryptionSMIMEAlgorithm, "0", false, 0, 4 },
	{ "AllowSMIMEEncryptionAlgorithmNegotiation", Provision_AllowSMIMEEncryptionAlgorithmNegotiation, "2", false, 0, 2 },
	{ "AllowSMIMESoftCerts", Provision_AllowSMIMESoftCerts, "1", false, 0, 1 },
	{ "AllowBrowser", Provision_AllowBrowser, "1", false, 0, 1 },
	{ "AllowConsumerEmail", Provision_AllowConsumerEmail, "1", false, 0, 1 },
	{ "AllowRemoteDesktop", Provision_AllowRemoteDesktop, "1", false, 0, 1 },
	{ "AllowInternetSharing", Provision_AllowInternetSharing, "1", false, 0, 1 },
};

const char *
policy_name(size_t i)
{
	return i < ARRAY_LEN(elements) ? elements[i].name : NULL;
}

bool
policy_value_ok(size_t i, const char *value)
{
	int64_t v;

	if (*value == '\0')
		return elements[i].may_be_empty;
	return text_to_i64(value, &v) && v >= elements[i].min && v <= elements[i].max;
}

void
policy_write(const struct eas_config *config, struct wbxml_writer *w)
{
	wbxml_start(w, Provision_EASProvisionDoc);
	for (size_t i = 0; i < ARRAY_LEN(elements); i++)
		wbxml_put(w, elements[i].tag, config->policy_values[i] ? config->policy_values[i] : elements[i].unset);
	wbxml_end(w);
}

bool
policy_locks_out(const struct eas_request *r)
{
	return r->device.wipe == WIPE_ACCOUNT && r->query.version < 161;
}

static bool
is_exempt(const struct eas_request *r)
{
	return quirks_of(r->query.device_type, r->user_agent, r->query.version) & QUIRK_NO_PROVISION;
}

/* The policy that is set; that there is none goes without saying, but for who has acknowledged one. */
static bool
is_acknowledged(const struct eas_request *r)
{
	return strcmp(r->device.policy_hash, r->server->config->policy_hash) == 0;
}

bool
policy_ends_wait(const struct eas_request *r)
{
	return r->device.wipe != WIPE_NONE || (!is_exempt(r) && !is_acknowledged(r));
}

static bool
wipe_reaches(const struct eas_request *r, const struct command *c)
{
	if (r->device.wipe == WIPE_NONE)
		return false;
	/* Settings with DeviceInformation comes before provisioning at 12.1; the rest of Settings tells nothing
	 * either. */
	return c->code != EAS_PROVISION && c->code != EAS_SETTINGS;
}

unsigned
policy_check(struct eas_request *r, const struct command *c)
{
	const struct eas_config *config = r->server->config;
	struct state_device *d = &r->device;
	uint32_t key = r->query.has_policy_key ? r->query.policy_key : 0;

	if (wipe_reaches(r, c))
		return policy_locks_out(r) ? 129 : d->wipe == WIPE_DONE ? 126 : 140;
	if (c->flags & COMMAND_NO_POLICY)
		return 0;
	/* Up to 12.1 a device tells of itself before it provisions; later it does in Provision. */
	if (c->code == EAS_SETTINGS && r->query.version <= 121)
		return 0;
	if (is_exempt(r))
		return 0;
	if (!is_acknowledged(r))
		return d->policy_final ? 143 : 142;
	if (!config->policy)
		return 0;
	if (key && key == d->policy_final) {
		d->policy_final_used = true;
		return 0;
	}
	/* The answer to the acknowledgement may have been lost: the temporary key is good until the final one was
	 * used. */
	if (key && key == d->policy_temporary && !d->policy_final_used)
		return 0;
	return key ? 144 : 142;
}
