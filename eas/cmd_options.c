/* OPTIONS [MS-ASHTTP 2.2.3]: which versions and commands there are: exactly what works. */
#include "eas/command.h"

static const struct {
	unsigned number;
	const char *text;
} versions[] = { { 121, "12.1" }, { 140, "14.0" }, { 141, "14.1" }, { 160, "16.0" }, { 161, "16.1" } };

static void
list_versions(unsigned max, struct buf *out)
{
	/* 16.0 never without 16.1: some clients take the highest they know and then cannot be had for the other. */
	if (max == 160)
		max = 141;
	for (size_t i = 0; i < ARRAY_LEN(versions) && versions[i].number <= max; i++)
		buf_printf(out, "%s%s", out->len ? "," : "", versions[i].text);
}

static void
list_commands(unsigned max, struct buf *out)
{
	for (int code = 0; code < EAS_OPTIONS; code++) {
		const struct command *c = command_find((enum eas_command)code);

		if (c && c->run && c->first <= max)
			buf_printf(out, "%s%s", out->len ? "," : "", c->name);
	}
}

void
reply_offer(struct eas_request *r, bool resync)
{
	unsigned max = config_version_max(r->server->config, r->user, r->query.device_id);
	AUTO(buf_finish) struct buf text = { 0 };

	buf_init(&text, 1024);
	list_versions(max, &text);
	reply_header(r, "MS-ASProtocolVersions", buf_str(&text));
	if (resync)
		reply_header(r, "X-MS-RP", buf_str(&text));
	buf_reset(&text);
	list_commands(max, &text);
	reply_header(r, "MS-ASProtocolCommands", buf_str(&text));
}

enum eas_outcome
cmd_options(struct eas_request *r, const struct wbxml_node *root)
{
	(void)root;
	reply_offer(r, false);
	reply_header(r, "Public", "OPTIONS,POST");
	reply_header(r, "Allow", "OPTIONS,POST");
	return reply_http(r, 200);
}
