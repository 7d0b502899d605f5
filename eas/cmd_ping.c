/* Ping [MS-ASCMD 2.2.1.13]: waits until one of some folders has something for the device. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "eas/clock.h"
#include "eas/hierarchy.h"
#include "eas/policy.h"
#include "eas/sync_wait.h"

#define ROOT Ping_Ping

struct ping {
	int64_t seconds;
	int64_t *ids;
	size_t n;
	bool has_seconds, has_folders;
};

/* The command's own in the parked block. */
struct ping_wait {
	struct wait_quiet quiet;
};

static enum eas_outcome
answer(struct eas_request *r, unsigned status, unsigned tag, int64_t value)
{
	struct wbxml_writer w;

	reply_wbxml(r, &w);
	wbxml_start(&w, ROOT);
	wbxml_put_int(&w, Ping_Status, status);
	if (tag)
		wbxml_put_int(&w, tag, value);
	wbxml_end(&w);
	r->reply.eas_status = (int)status;
	return EAS_DONE;
}

/* ---- the request, and what is stored of it: "SECONDS ID ID ..." ---- */

static bool
is_listed(const struct ping *p, int64_t id)
{
	for (size_t i = 0; i < p->n; i++) {
		if (p->ids[i] == id)
			return true;
	}
	return false;
}

/* False: Status 4. */
static bool
read_tree(struct eas_request *r, const struct wbxml_node *root, struct ping *p)
{
	const struct wbxml_node *folders = wbxml_child(root, Ping_Folders);
	size_t n = wbxml_count(folders, Ping_Folder);

	p->has_seconds = wbxml_has(root, Ping_HeartbeatInterval);
	p->seconds = wbxml_int(root, Ping_HeartbeatInterval, 0, -1);
	p->has_folders = n > 0;
	p->ids = arena_array(r->arena, n + 1, sizeof *p->ids);
	if (!p->ids || p->seconds < 0)
		return false;
	for (const struct wbxml_node *f = wbxml_child(folders, Ping_Folder); f; f = wbxml_next(f, Ping_Folder)) {
		const char *text = wbxml_text(f, Ping_Id);
		int64_t id;

		if (!text)
			return false;
		if (!id_parse_folder(text, &id))
			id = 0; /* none of ours: Status 7 */
		else if (p->n <= r->server->config->ping_folders_max && is_listed(p, id))
			return false; /* R6699; more are Status 6 anyway */
		p->ids[p->n++] = id;
	}
	return true;
}

struct stored {
	struct eas_request *r;
	const char *text;
};

static enum err
load(struct state_txn *t, void *arg, struct error *e)
{
	struct stored *in = arg;

	(void)e;
	return state_request(t, in->r->arena, in->r->device.id, "ping", &in->text);
}

static enum err
save(struct state_txn *t, void *arg, struct error *e)
{
	struct stored *in = arg;

	(void)e;
	return state_request_save(t, in->r->device.id, "ping", in->text);
}

/* What the request leaves out is as it was the last time. */
static enum err
complete(struct eas_request *r, struct ping *p, struct error *e)
{
	struct stored in = { .r = r };
	enum err err;
	char *rest;
	size_t n = 0;

	if (p->has_seconds && p->has_folders)
		return ERR_OK;
	err = state_run(r->server->state, STATE_READ, load, &in, e);
	if (err)
		return err;
	if (!p->has_seconds)
		p->seconds = strtoll(in.text, NULL, 10);
	if (p->has_folders)
		return ERR_OK;
	for (const char *c = in.text; *c; c++)
		n += *c == ' ';
	p->ids = arena_array(r->arena, n + 1, sizeof *p->ids);
	if (!p->ids)
		return ERR_NOMEM;
	for (const char *c = strchr(in.text, ' '); c; c = strchr(rest, ' ')) {
		p->ids[p->n++] = strtoll(c + 1, &rest, 10);
	}
	return p->n ? ERR_OK : ERR_NOTFOUND;
}

static void
store(struct eas_request *r, const struct ping *p)
{
	AUTO(buf_finish) struct buf text = { 0 };
	struct stored in = { .r = r };
	struct error e = { 0 };

	buf_init(&text, 1 << 20);
	buf_printf(&text, "%" PRId64, p->seconds);
	for (size_t i = 0; i < p->n; i++)
		buf_printf(&text, " %" PRId64, p->ids[i]);
	if (!state_run(r->server->state, STATE_READ, load, &in, &e) && buf_str(&text)
		&& strcmp(in.text, buf_str(&text)) == 0)
		return; /* mostly it is the same */
	in.text = buf_str(&text);
	if (!in.text || state_run(r->server->state, STATE_WRITE, save, &in, &e))
		log_warn(&r->log, "the Ping was not stored; an empty one will be answered with Status 3");
}

/* ---- the folders ---- */

struct finding {
	struct eas_request *r;
	const struct ping *p;
	struct eas_park_folder *folders;
	size_t n;
	bool unknown;
};

static enum err
find(struct state_txn *t, void *arg, struct error *e)
{
	struct finding *in = arg;

	(void)e;
	in->n = 0;
	in->unknown = false;
	for (size_t i = 0; i < in->p->n; i++) {
		struct state_folder f;
		enum err err = in->p->ids[i] ? state_folder(t, in->r->arena, in->r->device.user, in->p->ids[i], &f)
			: ERR_NOTFOUND;

		if (err == ERR_NOTFOUND) {
			in->unknown = true;
			continue;
		}
		if (err)
			return err;
		if (!sync_is_empty(&f, in->r->query.version))
			in->folders[in->n++] = (struct eas_park_folder){ .id = f.id, .key = f.key };
	}
	return ERR_OK;
}

/* Writes Status 2 with the folders that have something; 0 folders: nothing is written. */
static enum err
changed(struct eas_request *r, const struct eas_park_folder *folders, size_t n, bool adds_only, size_t *n_r,
	struct error *e)
{
	struct wbxml_writer w;
	enum err err = ERR_OK;

	*n_r = 0;
	reply_wbxml(r, &w);
	wbxml_start(&w, ROOT);
	wbxml_put_int(&w, Ping_Status, 2);
	wbxml_start(&w, Ping_Folders);
	for (size_t i = 0; !err && i < n; i++) {
		struct wait_pending p;

		err = wait_look(r, folders[i].id, NULL, &p, e);
		if (err || !(p.adds || (p.changes && (!adds_only || !p.mail))))
			continue;
		wbxml_put_int(&w, Ping_Folder, folders[i].id);
		++*n_r;
	}
	wbxml_end(&w);
	wbxml_end(&w);
	r->reply.eas_status = 2;
	return err;
}

static unsigned
check(struct eas_request *r, const struct ping *p)
{
	const struct eas_config *config = r->server->config;

	if (p->seconds < (int64_t)config->heartbeat_min || p->seconds > (int64_t)config->heartbeat_max)
		return 5;
	return p->n > config->ping_folders_max ? 6 : 0;
}

enum eas_outcome
cmd_ping(struct eas_request *r, const struct wbxml_node *root)
{
	const struct eas_config *config = r->server->config;
	struct ping p = { 0 };
	struct finding in = { .r = r, .p = &p };
	struct ping_wait wait = { 0 };
	struct error e = { 0 };
	unsigned status;
	size_t n;
	enum err err;

	r->server->end_parked(r->server->ctx, r->user, r->query.device_id, EAS_WAIT_PING | EAS_WAIT_SYNC,
		EAS_WAKE_SUPERSEDED);
	if (root && !read_tree(r, root, &p))
		return answer(r, 4, 0, 0);
	err = complete(r, &p, &e);
	if (err == ERR_NOTFOUND)
		return answer(r, 3, 0, 0);
	status = err ? 8 : check(r, &p);
	if (status == 5)
		return answer(r, 5, Ping_HeartbeatInterval,
			(int64_t)(p.seconds < (int64_t)config->heartbeat_min ? config->heartbeat_min : config->heartbeat_max));
	if (status == 6)
		return answer(r, 6, Ping_MaxFolders, (int64_t)config->ping_folders_max);
	in.folders = arena_array(r->arena, p.n + 1, sizeof *in.folders);
	if (!err && in.folders)
		err = state_run(r->server->state, STATE_READ, find, &in, &e);
	if (err || !in.folders) {
		log_warn(&r->log, "%s", e.text[0] ? e.text : err_name(err));
		return answer(r, 8, 0, 0);
	}
	if (in.unknown)
		return answer(r, 7, 0, 0);
	store(r, &p);
	if (policy_ends_wait(r) || hierarchy_tell_news(r))
		return answer(r, 7, 0, 0);
	err = changed(r, in.folders, in.n, true, &n, &e);
	if (!err && n)
		return EAS_DONE;
	r->park = wait_park(r, EAS_WAIT_PING, p.seconds, in.folders, in.n, &wait, sizeof wait);
	return r->park ? EAS_PARK : answer(r, 8, 0, 0);
}

int64_t
ping_due(const struct eas_server *server, const struct eas_park *p, const struct log_ctx *log)
{
	struct ping_wait *wait = p->wait;
	struct wait_pending *pending;
	struct eas_request r;
	int64_t due = EAS_DUE_UNKNOWN;

	if (!wait_request(server, p, log, &r))
		return EAS_DUE_UNKNOWN;
	pending = arena_array(r.arena, p->n + 1, sizeof *pending);
	if (policy_ends_wait(&r) || hierarchy_has_news(&r))
		due = 0;
	for (size_t i = 0; due != 0 && pending && i < p->n; i++) {
		struct error e = { 0 };

		if (wait_look(&r, p->folders[i].id, NULL, &pending[i], &e))
			pending[i] = (struct wait_pending){ .unknown = true };
	}
	if (due != 0 && pending)
		due = wait_due(server->config, pending, p->n, &wait->quiet);
	wait_request_free(&r);
	return due;
}

static bool
one_is_gone(struct eas_request *r, const struct eas_park *p)
{
	for (size_t i = 0; i < p->n; i++) {
		struct wait_pending pending;
		struct error e = { 0 };

		if (!wait_look(r, p->folders[i].id, NULL, &pending, &e) && pending.gone)
			return true;
	}
	return false;
}

enum eas_outcome
ping_resume(struct eas_request *r, const struct eas_park *p, enum eas_wake why)
{
	struct error e = { 0 };
	size_t n = 0;
	enum err err;

	if ((why != EAS_WAKE_CHANGE && why != EAS_WAKE_DEADLINE) || wait_find_device(r, &e))
		return answer(r, 1, 0, 0);
	if (policy_ends_wait(r) || hierarchy_tell_news(r))
		return answer(r, 7, 0, 0);
	err = changed(r, p->folders, p->n, false, &n, &e);
	if (!err && n)
		return EAS_DONE;
	if (why == EAS_WAKE_CHANGE && one_is_gone(r, p))
		return answer(r, 7, 0, 0);
	/* What it was woken for is gone again. Where the store cannot be asked, or told, it would be woken for ever. */
	if (why == EAS_WAKE_CHANGE && !err && !hierarchy_has_news(r))
		return EAS_PARK;
	return answer(r, 1, 0, 0);
}
