/* Provision [MS-ASPROV 3.1.5.1]: the policy in two phases, and the wipe. */
#include <openssl/rand.h>
#include <string.h>

#include "base/text.h"
#include "eas/command.h"
#include "eas/device_info.h"
#include "eas/policy.h"

#define POLICY_TYPE "MS-EAS-Provisioning-WBXML"

static enum err
save_policy(struct state_txn *t, void *arg, struct error *e)
{
	struct eas_request *r = arg;

	(void)e;
	return state_device_policy(t, &r->device);
}

/* Never 0, which stands for "none", and another one than `other`. */
static uint32_t
new_key(uint32_t other)
{
	uint32_t key = 0;

	do {
		if (RAND_bytes((unsigned char *)&key, sizeof key) != 1)
			return 0;
		key &= INT32_MAX; /* some clients read it as a signed number */
	} while (key == 0 || key == other);
	return key;
}

static enum eas_outcome
fail(struct eas_request *r, enum err err, const struct error *e)
{
	unsigned status = reply_status_of(r, err, e);

	return r->query.version < 140 ? reply_status(r, Provision_Provision, Provision_Status, status)
		: reply_status(r, Provision_Provision, Provision_Status, status == 111 ? 3 : status);
}

/* ---- the wipe ---- */

static bool
wipe_is_asked(const struct eas_request *r)
{
	return r->device.wipe == WIPE_ASKED || r->device.wipe == WIPE_ACCOUNT;
}

static enum eas_outcome
demand_wipe(struct eas_request *r, unsigned status)
{
	struct wbxml_writer w;

	reply_wbxml(r, &w);
	wbxml_start(&w, Provision_Provision);
	wbxml_put_int(&w, Provision_Status, status);
	wbxml_empty(&w, r->device.wipe == WIPE_ACCOUNT ? Provision_AccountOnlyRemoteWipe : Provision_RemoteWipe);
	wbxml_end(&w);
	r->reply.eas_status = (int)status;
	return EAS_DONE;
}

static enum err
save_wiped(struct state_txn *t, void *arg, struct error *e)
{
	struct eas_request *r = arg;

	(void)e;
	return state_device_wiped(t, r->device.id);
}

static enum eas_outcome
acknowledge_wipe(struct eas_request *r, const struct wbxml_node *wipe)
{
	struct error e = { 0 };
	enum err err;

	if (wbxml_int(wipe, Provision_Status, 0, 0) == 1) {
		err = state_run(r->server->state, STATE_WRITE, save_wiped, r, &e);
		if (err && err != ERR_NOTFOUND)
			return fail(r, err, &e);
		if (err)
			log_warn(&r->log, "the phone answers to a wipe that nobody asks for");
		else
			log_notice(&r->log, "the phone says that it is wiped");
	} else {
		log_warn(&r->log, "the phone says that the wipe failed");
		if (wipe_is_asked(r))
			return demand_wipe(r, 2);
	}
	return reply_status(r, Provision_Provision, Provision_Status, 1);
}

/* ---- the policy ---- */

struct answer {
	unsigned status;  /* of the whole; not 1: nothing else is answered */
	unsigned policy_status;
	uint32_t key;     /* 0: none */
	bool data;
	bool changed;     /* r->device is to be saved */
};

/* Phase 1: the policy with a temporary key. */
static struct answer
offer(struct eas_request *r)
{
	struct state_device *d = &r->device;
	bool new = d->policy_temporary == 0 || d->policy_final_used
		|| strcmp(d->policy_hash, r->server->config->policy_hash) != 0;

	if (new)
		d->policy_temporary = new_key(d->policy_final);
	return (struct answer){ .status = 1, .policy_status = 1, .key = d->policy_temporary, .data = true,
		.changed = new };
}

/* Phase 2: the phone says what it made of it. A repeat of the acknowledgement gets the same final key. */
static struct answer
acknowledge(struct eas_request *r, uint32_t key, int64_t status)
{
	struct state_device *d = &r->device;
	const char *hash = r->server->config->policy_hash;
	bool done = d->policy_final != 0 && strcmp(d->policy_hash, hash) == 0;

	/* A final key of another policy says nothing of this one. */
	if (key == 0 || (key != d->policy_temporary && !(done && key == d->policy_final)))
		return (struct answer){ .status = 1, .policy_status = 5 };
	if (status < 1 || status > 4)
		return (struct answer){ .status = 2 };
	if (status > 2) {
		log_warn(&r->log, "the phone did not apply the policy (status %d)", (int)status);
		return (struct answer){ .status = status == 4 ? 145 : 139 }; /* managed by somebody else */
	}
	if (status == 2)
		log_notice(&r->log, "the phone applied the policy in part");
	if (!done) {
		d->policy_final = new_key(d->policy_temporary);
		d->policy_final_used = false;
		d->policy_hash = hash;
	}
	return (struct answer){ .status = 1, .policy_status = 1, .key = d->policy_final, .changed = !done };
}

static struct answer
decide(struct eas_request *r, const struct wbxml_node *policy)
{
	const char *type = wbxml_text(policy, Provision_PolicyType);
	const char *key_text = wbxml_text(policy, Provision_PolicyKey);
	uint64_t key = 0;

	if (!type || strcmp(type, POLICY_TYPE) != 0)
		return (struct answer){ .status = 1, .policy_status = 3 };
	/* One that has acknowledged a policy is given a document that asks nothing. */
	if (!r->server->config->policy && !*r->device.policy_hash)
		return (struct answer){ .status = 1, .policy_status = 2 };
	if (!key_text)
		return offer(r);
	if (!text_to_u64(key_text, &key) || key > UINT32_MAX)
		key = 0;
	return acknowledge(r, (uint32_t)key, wbxml_int(policy, Provision_Status, 0, 0));
}

static void
write_answer(struct eas_request *r, const struct answer *a, const char *type, bool info)
{
	struct wbxml_writer w;

	reply_wbxml(r, &w);
	wbxml_start(&w, Provision_Provision);
	if (info) {
		wbxml_start(&w, Settings_DeviceInformation);
		wbxml_put_int(&w, Settings_Status, 1);
		wbxml_end(&w);
	}
	wbxml_put_int(&w, Provision_Status, a->status);
	wbxml_start(&w, Provision_Policies);
	wbxml_start(&w, Provision_Policy);
	wbxml_put(&w, Provision_PolicyType, type);
	wbxml_put_int(&w, Provision_Status, a->policy_status);
	if (a->key)
		wbxml_put_int(&w, Provision_PolicyKey, a->key);
	if (a->data) {
		wbxml_start(&w, Provision_Data);
		policy_write(r->server->config, &w);
		wbxml_end(&w);
	}
	wbxml_end(&w);
	wbxml_end(&w);
	wbxml_end(&w);
	r->reply.eas_status = 1;
}

enum eas_outcome
cmd_provision(struct eas_request *r, const struct wbxml_node *root)
{
	const struct wbxml_node *wipe = wbxml_child(root, Provision_RemoteWipe);
	const struct wbxml_node *account = wbxml_child(root, Provision_AccountOnlyRemoteWipe);
	const struct wbxml_node *policy = wbxml_child(wbxml_child(root, Provision_Policies), Provision_Policy);
	const struct wbxml_node *info = wbxml_child(root, Settings_DeviceInformation);
	struct error e = { 0 };
	struct answer a;
	enum err err;

	r->server->end_parked(r->server->ctx, r->user, r->query.device_id, EAS_WAIT_PING | EAS_WAIT_SYNC,
		EAS_WAKE_SUPERSEDED);
	err = device_info_store(r, wbxml_child(info, Settings_Set), &e);
	if (err)
		return fail(r, err, &e);
	if (policy_locks_out(r))
		return reply_status(r, Provision_Provision, Provision_Status, 129);
	if (wipe || account)
		return acknowledge_wipe(r, wipe ? wipe : account);
	if (wipe_is_asked(r))
		return demand_wipe(r, 1);
	if (!policy) /* an empty one asks for a wipe, and there is none (R493) */
		return reply_status(r, Provision_Provision, Provision_Status, root->child ? 2 : 1);
	a = decide(r, policy);
	if (a.status != 1)
		return reply_status(r, Provision_Provision, Provision_Status, a.status);
	if (a.changed && (err = state_run(r->server->state, STATE_WRITE, save_policy, r, &e)))
		return fail(r, err, &e);
	write_answer(r, &a, wbxml_text(policy, Provision_PolicyType), info != NULL);
	return EAS_DONE;
}
