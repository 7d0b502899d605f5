/* Add: a new item, or one that an earlier try has made already. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "eas/append.h"
#include "eas/content_hash.h"
#include "eas/execute_command.h"
#include "eas/hierarchy.h"
#include "eas/rule.h"
#include "eas/send.h"

#define NAME_LEN 32

/* ---- has an earlier try from this base made it? ---- */

/* What the Add is known by: of an event from 16.0 ClientUid, which stays where a ClientId does not (MS-ASCAL_R2061). */
static const char *
client_of(const struct execute *x, const struct wbxml_node *n)
{
	const char *uid = x->view.version >= 160 ? wbxml_text(wbxml_child(n, AirSync_ApplicationData), Calendar_ClientUid) : NULL;

	return uid && *uid ? uid : wbxml_text(n, AirSync_ClientId);
}

static bool
is_named(const struct execute *x, const char *client)
{
	for (const struct wbxml_node *n = x->commands->child; n; n = n->next) {
		const char *id = n->tag == AirSync_Add ? client_of(x, n) : NULL;

		if (id && strcmp(id, client) == 0)
			return true;
	}
	return false;
}

static bool
is_answered(const struct execute *x, int64_t item)
{
	for (size_t i = 0; i < x->n_responses; i++) {
		if (x->responses[i].tag == AirSync_Add && x->responses[i].change == SIZE_MAX && x->responses[i].item == item)
			return true;
	}
	return false;
}

/* By what it is known by; else by content, among those that the request does not name: some phones draw a new ClientId per try. */
static const struct state_done *
earlier(const struct execute *x, const char *client, const char *hash)
{
	for (size_t i = 0; i < x->n_done; i++) {
		if (x->done[i].kind == 'a' && strcmp(x->done[i].client, client) == 0)
			return &x->done[i];
	}
	for (size_t i = 0; RULE(CONTENT) && i < x->n_done; i++) {
		const struct state_done *d = &x->done[i];

		if (d->kind == 'a' && d->item > 0 && strcmp(d->hash, hash) == 0 && !is_named(x, d->client) && !is_answered(x, d->item))
			return d;
	}
	return NULL;
}

/* From 16.0 a phone is told what the server made of an event or a draft. */
static bool
tells(const struct execute *x)
{
	return x->view.version >= 160 && (x->class->class == BACKEND_MAIL || x->class->class == BACKEND_CALENDAR);
}

static enum err
again(struct execute *x, const struct wbxml_node *n, const struct state_done *d, const char *client, const char *hash, struct error *e)
{
	const struct state_item *row = execute_row(x, d->item);
	struct execute_edited edited = { .status = 1 };
	enum err err = ERR_OK;
	int64_t item = d->item;
	bool refused;

	if (row && !row->deleted && strcmp(d->hash, hash) != 0 && RULE(EDITED))
		err = execute_edit(x, n, row, true, &edited, e);
	else if (row && !row->deleted && tells(x))
		err = execute_tell(x, n, row, &edited.merged, e);
	if (err)
		return err;
	refused = edited.status != 1; /* what the first try made stays as it is, and takes the place of what the phone has */
	struct response *response = execute_respond(x, AirSync_Add, n, 1);
	if (!refused)
		response->merged = edited.merged;
	if (item > 0) {
		if (refused)
			execute_force(x, COMPOSE_CHANGE, item);
		response->item = item;
		idset_add(&x->told, item);
	} else { /* made by this very request */
		response->change = (size_t)(-item - 1);
	}
	execute_done(x, 'a', client, item, refused ? d->hash : hash);
	return ERR_OK;
}

/* ---- a new one ---- */

/* The name that every try of this Add derives, so that one whose process died before the commit is found. */
static const char *
derive_name(const struct execute *x, const char *hash)
{
	char place[96], out[CONTENT_HASH_MAX];
	unsigned ordinal = 0;

	for (size_t i = 0; i < x->n_done; i++)
		ordinal += x->done[i].kind == 'a' && strcmp(x->done[i].hash, hash) == 0;
	snprintf(place, sizeof place, "%" PRId64 "/%016" PRIx64 "/%" PRIu32 "/%u", x->folder->id, (uint64_t)x->col->now.epoch,
		x->col->now.base, ordinal);
	content_hash_texts(out, x->r->query.device_id, place, hash, (const char *)NULL);
	return arena_strndup(x->r->arena, out, NAME_LEN);
}

/* Left by a try that died: it is what this Add would have made. What became of it since nobody can vouch for: the phone is told. */
static enum err
adopt(struct execute *x, struct backend_stored *s, struct error *e)
{
	if (!s->key || !*s->key)
		return err_set(e, ERR_PEER, "%s: the name of a new item is taken, and the server does not say by what", x->folder->key);
	s->version = "";
	return ERR_OK;
}

static enum err
put(struct execute *x, const struct item_merged *m, const char *name, int64_t date, struct backend_stored *s_r, struct error *e)
{
	bool mail = x->class->class == BACKEND_MAIL;
	struct backend_put put = { .folder = x->folder->key, .name = name, .bytes = m->bytes, .flags = m->set,
		.keywords = m->add_keywords, .date = mail ? date : BACKEND_NO_DATE };
	enum err err;

	*s_r = (struct backend_stored){ .key = "", .version = "" };
	if (mail)
		return append_once(x->r, &put, name, s_r, e);
	err = account_put(x->r->account, x->r->arena, &put, s_r, e);
#ifdef CPUSH_FAILPOINTS
	if (!err)
		execute_vouch(x, s_r->key, &s_r->version);
#endif
	return err == ERR_EXISTS ? adopt(x, s_r, e) : err;
}

static int64_t
date_of(const struct execute *x, struct slice bytes)
{
	if (x->class->class == BACKEND_MAIL)
		return append_date();
	return x->class->date ? x->class->date(x->r->arena, bytes) : ITEM_DATE_NEVER;
}

/* A draft with Send goes out and is kept nowhere but in Sent: there is no id to answer with [MS-ASCMD 2.2.3.162]. */
static enum err
send_at_once(struct execute *x, const struct wbxml_node *n, const struct item_merged *m, struct error *e)
{
	unsigned status = 6;
	enum err err = send_draft(x->r, m->bytes, &status, e);

	if (err_is_temporary(err))
		return err;
	execute_respond(x, AirSync_Add, n, err ? 6 : status);
	return ERR_OK;
}

static enum err
make(struct execute *x, const struct wbxml_node *n, const char *client, const char *hash, struct error *e)
{
	const char *name = derive_name(x, RULE(CONTENT) ? hash : client);
	struct item_edit edit = { .data = wbxml_child(n, AirSync_ApplicationData), .supported = x->supported, .uid = name };
	struct item_merged m = { 0 };
	struct backend_stored s;
	struct response *response;
	int64_t date = 0;
	enum err err;

	if (!name)
		return ERR_NOMEM;
	err = x->class->merge(&x->view, x->r->arena, &edit, &m, e);
	if (!err)
		err = execute_check_size(x, &m, e);
	if (!err && m.send)
		return send_at_once(x, n, &m, e);
	if (!err) {
		date = date_of(x, m.bytes);
		err = put(x, &m, name, date, &s, e);
	}
	if (err_is_temporary(err))
		return err;
	if (err) {
		log_warn(&x->r->log, "an Add in %s was refused: %s", x->folder->key, e->text[0] ? e->text : err_name(err));
		execute_respond(x, AirSync_Add, n, err == ERR_QUOTA ? 9 : err == ERR_LIMIT ? execute_too_large(x) : 6);
		return ERR_OK;
	}
	struct mirror_change change = { .op = MIRROR_CREATED, .key = s.key, .version = m.altered ? "" : s.version,
		.date = date, .by = x->col->now.epoch, .cut_date = x->col->base.cut_date, .cut_id = x->col->base.cut_id };
	err = execute_note(x, &change);
	if (err)
		return err;
	response = execute_respond(x, AirSync_Add, n, 1);
	response->change = x->n_changes - 1;
	response->merged = m;
	execute_done(x, 'a', client, -(int64_t)x->n_changes, hash);
	return ERR_OK;
}

enum err
execute_add(struct execute *x, const struct wbxml_node *n, struct error *e)
{
	const char *client = wbxml_text(n, AirSync_ClientId);
	const struct wbxml_node *data = wbxml_child(n, AirSync_ApplicationData);
	char *hash = arena_alloc(x->r->arena, CONTENT_HASH_MAX);
	const struct state_done *d;

	if (!hash)
		return ERR_NOMEM;
	if (!client || !*client || !data) {
		execute_respond(x, AirSync_Add, n, 4);
		return ERR_OK;
	}
	client = client_of(x, n);
	/* Mails are added as drafts only [MS-ASCMD 2.2.3.7.2]. */
	if (x->folder->readonly || (x->class->class == BACKEND_MAIL && (x->view.version < 160 || x->folder->type != TYPE_DRAFTS))) {
		execute_respond(x, AirSync_Add, n, 6);
		return ERR_OK;
	}
	content_hash(data, NULL, hash);
	d = earlier(x, client, hash);
	return d ? again(x, n, d, client, hash, e) : make(x, n, client, hash, e);
}
