/* The module for address books. */
#include "backend/dav/dav.h"

static const struct dav_kind addressbooks = {
	.id = DAV_ADDRESSBOOKS,
	.name = "carddav",
	.well_known = "/.well-known/carddav",
	.extension = ".vcf",
	.content_type = "text/vcard; charset=utf-8",
	.multiget = "A:addressbook-multiget",
	.data = "A:address-data",
};

static enum err
carddav_open(struct conf *conf, struct backend **b_r, struct error *e)
{
	return dav_open(&addressbooks, conf, b_r, e);
}

extern const struct backend_ops backend_module;
EXPORT const struct backend_ops backend_module = {
	DAV_OPERATIONS,
	.name = "carddav",
	.classes = BACKEND_CONTACTS,
	.open = carddav_open,
};
