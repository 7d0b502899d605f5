/* eas/device_info.h - DeviceInformation [MS-ASCMD 2.2.3.45], sent in Settings and in Provision. Private to eas/. */
#ifndef EAS_DEVICE_INFO_H
#define EAS_DEVICE_INFO_H

#include "eas/command.h"

/* Stores the children of Set (NULL: nothing to do) with the device, where they differ from what is stored. */
enum err device_info_store(struct eas_request *r, const struct wbxml_node *set, struct error *e);

#endif
