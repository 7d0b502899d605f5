#include "eas/device_info.h"

#include <string.h>

#define INFO_MAX 2000 /* bytes kept in all */

static enum err
save(struct state_txn *t, void *arg, struct error *e)
{
	struct eas_request *r = arg;

	(void)e;
	return state_device_info(t, r->device.id, r->device.info);
}

enum err
device_info_store(struct eas_request *r, const struct wbxml_node *set, struct error *e)
{
	static const unsigned tags[] = { Settings_Model, Settings_FriendlyName, Settings_OS, Settings_OSLanguage,
		Settings_UserAgent, Settings_MobileOperator };
	AUTO(buf_finish) struct buf text = { 0 };

	buf_init(&text, INFO_MAX);
	for (size_t i = 0; i < ARRAY_LEN(tags); i++) {
		const char *v = wbxml_text(set, tags[i]);

		if (v && *v && !strchr(v, '\n'))
			buf_printf(&text, "%s=%s\n", wbxml_tag_name(tags[i]), v);
	}
	if (!buf_str(&text) || text.len == 0 || strcmp(buf_str(&text), r->device.info) == 0)
		return ERR_OK;
	r->device.info = arena_strdup(r->arena, buf_str(&text));
	if (!r->device.info)
		return ERR_NOMEM;
	return state_run(r->server->state, STATE_WRITE, save, r, e);
}
