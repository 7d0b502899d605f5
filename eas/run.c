/* The way of a request through the protocol floor: who is it, may it, what does it say, which command. */
#include <string.h>

#include "base/text.h"
#include "eas/clock.h"
#include "eas/command.h"
#include "eas/policy.h"
#include "eas/quirk.h"
#include "eas/trace.h"

#define SEEN_EVERY 3600 /* seconds; a finer last_seen would write at every request */
#define DEVICE_ID_MAX 64
#define WBXML_1_3 0x03 /* the first byte of a document; a message cannot begin so */

static const unsigned versions[] = { 121, 140, 141, 160, 161 };

static bool
version_offered(const struct eas_request *r)
{
	for (size_t i = 0; i < ARRAY_LEN(versions); i++) {
		if (versions[i] == r->query.version)
			return versions[i] <= config_version_max(r->server->config, r->user, r->query.device_id);
	}
	return false;
}

static bool
device_id_ok(const char *s)
{
	size_t n = strlen(s);

	for (size_t i = 0; i < n; i++) {
		if ((unsigned char)s[i] <= 0x20 || (unsigned char)s[i] >= 0x7f)
			return false;
	}
	return n > 0 && n <= DEVICE_ID_MAX;
}

/* ---- the device ---- */

static enum err
find_device(struct state_txn *t, void *arg, struct error *e)
{
	struct eas_request *r = arg;

	(void)e;
	return state_device_find(t, r->arena, r->user, r->query.device_id, &r->device);
}

static enum err
make_device(struct state_txn *t, void *arg, struct error *e)
{
	struct eas_request *r = arg;
	int64_t user;
	enum err err = state_user(t, r->user, &user);

	if (err)
		return err;
	err = state_device(t, r->arena, user, r->query.device_id, true, (unsigned)r->server->config->devices_max,
		&r->device);
	if (err == ERR_LIMIT)
		return err_set(e, err,
			"the user has %u devices already; remove one with cpush-admin, or raise [eas] devices",
			(unsigned)r->server->config->devices_max);
	return err;
}

static enum err
save_seen(struct state_txn *t, void *arg, struct error *e)
{
	struct eas_request *r = arg;

	(void)e;
	return state_device_seen(t, &r->device);
}

static enum err
load_device(struct eas_request *r, struct error *e)
{
	struct state *s = r->server->state;
	enum err err = state_run(s, STATE_READ, find_device, r, e);

	if (err != ERR_NOTFOUND)
		return err;
	err = state_run(s, STATE_WRITE, make_device, r, e);
	if (!err)
		log_notice(&r->log, "new device: type %s, agent %s", r->query.device_type, r->user_agent);
	return err;
}

/* Writes down what this request tells of the device, where it differs or an hour has passed. */
static enum err
note_device(struct eas_request *r, const struct state_device *before, struct error *e)
{
	struct state_device *d = &r->device;
	int64_t now = eas_now();

	if (*r->query.device_type)
		d->type = r->query.device_type;
	if (*r->user_agent)
		d->agent = r->user_agent;
	d->version = r->query.version;
	if (d->version == before->version && d->policy_final_used == before->policy_final_used
		&& strcmp(d->type, before->type) == 0 && now < before->last_seen + SEEN_EVERY)
		return ERR_OK;
	d->last_seen = now;
	return state_run(r->server->state, STATE_WRITE, save_seen, r, e);
}

/* ---- what is refused ---- */

/* A common status, as the command's own answer has it. */
static enum eas_outcome
refuse(struct eas_request *r, const struct command *c, unsigned status)
{
	return reply_status(r, c ? c->root : WBXML_UNKNOWN, c ? c->status : WBXML_UNKNOWN, status);
}

static const char *
policy_words(unsigned status)
{
	switch (status) {
	case 126:
		return "the device was wiped: cpush-admin device remove lets it in again";
	case 129:
		return "only the account is to be wiped, and the device speaks no version that can";
	case 140:
		return "a wipe is pending";
	default:
		return "the device has to provision";
	}
}

static enum eas_outcome
refuse_policy(struct eas_request *r, const struct command *c, unsigned status)
{
	log_notice(&r->log, "status %u: %s", status, policy_words(status));
	if (status >= 142 && (quirks_of(r->query.device_type, r->user_agent, r->query.version) & QUIRK_HTTP_449)) {
		r->reply.eas_status = (int)status;
		return reply_http(r, 449);
	}
	return refuse(r, c, status);
}

/* What can be told without the store: 0 goes on, else a common status. */
static unsigned
check_request(struct eas_request *r, const struct command *c)
{
	if (!c || !c->run) {
		log_warn(&r->log, "refused: command %s is not offered", r->query.command_name);
		return 137;
	}
	if (!version_offered(r)) {
		log_warn(&r->log, "refused: protocol version %u.%u is not offered", r->query.version / 10,
			r->query.version % 10);
		return 138;
	}
	if (r->query.version < c->first || (c->last && r->query.version > c->last)) {
		log_warn(&r->log, "refused: %s is not part of version %u.%u", c->name, r->query.version / 10,
			r->query.version % 10);
		return 138;
	}
	if (!device_id_ok(r->query.device_id)) {
		log_warn(&r->log, "refused: no DeviceId, or a malformed one");
		return 108;
	}
	if (!*r->query.device_type) {
		log_warn(&r->log, "refused: no DeviceType");
		return 109;
	}
	return 0;
}

/* ---- the body ---- */

/* The tree of the request, NULL where it is none; 0 or a common status. The content type does not count where the bytes
 * speak for themselves. */
static unsigned
read_body(struct eas_request *r, const struct command *c, struct wbxml_node **root_r)
{
	bool mime = (c->flags & COMMAND_MIME) && r->query.version < 140;
	struct error e = { 0 };

	if (r->body.len == 0 && !(c->flags & COMMAND_EMPTY_OK)) {
		log_warn(&r->log, "refused: no body");
		return 101;
	}
	if (mime && r->body.ptr[0] == WBXML_1_3) {
		log_warn(&r->log, "refused: WBXML, where this version has a message");
		return 101;
	}
	if (mime || c->root == WBXML_UNKNOWN || r->body.len == 0)
		return 0;
	if (wbxml_read(r->arena, r->body, &wbxml_limits_default, root_r, &e)) {
		log_warn(&r->log, "refused: bad WBXML: %s", e.text);
		return *r->content_type && !text_casestarts(r->content_type, "application/") ? 101 : 102;
	}
	if ((*root_r)->tag != c->root) {
		const char *name = wbxml_tag_name((*root_r)->tag);

		log_warn(&r->log, "refused: a body for %s", name ? name : "an unknown command");
		return 103;
	}
	return 0;
}

static enum eas_outcome
run_command(struct eas_request *r, const struct command *c)
{
	struct wbxml_node *root = NULL;
	unsigned status = read_body(r, c, &root);

	return status ? refuse(r, c, status) : c->run(r, root);
}

enum eas_outcome
eas_run(struct eas_request *r)
{
	const struct command *c = command_find(r->query.command);
	struct state_device before;
	struct error e = { 0 };
	enum eas_outcome outcome;
	unsigned status;
	enum err err;

	if (r->query.command == EAS_OPTIONS)
		return cmd_options(r, NULL);
	status = check_request(r, c);
	if (status)
		return refuse(r, c, status);
	if (!r->traced)
		trace_request(r, c);
	r->traced = true;
	err = load_device(r, &e);
	if (err)
		return refuse(r, c, err == ERR_LIMIT ? 177 : reply_status_of(r, err, &e));
	before = r->device;
	status = policy_check(r, c);
	if (status)
		outcome = refuse_policy(r, c, status);
	else
		outcome = run_command(r, c);
	if (outcome != EAS_BUSY && note_device(r, &before, &e))
		log_warn(&r->log, "the device's row was not updated: %s", e.text);
	if (outcome == EAS_DONE)
		trace_reply(r, c);
	return outcome;
}
