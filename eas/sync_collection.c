#include "eas/sync_collection.h"

#include <stdlib.h>
#include <string.h>

#include "eas/arrival.h"
#include "eas/clock.h"
#include "eas/hierarchy.h"
#include "eas/quirk.h"
#include "eas/sync_stuck.h"

#define TRIES 3
#define MOVE_ROWS 500           /* a position moves in place after so many rows, or an hour */
#define MOVE_SECONDS 3600
#define HOLES_MANY 1000
#define GONE_BYTES 4000         /* of unknown folders that a phone was told of; further ones are Status 3 at once */

int64_t
sync_filter_date(enum backend_class class, unsigned filter)
{
	static const struct {
		unsigned classes; /* that have it [MS-ASCMD 2.2.3.68.2] */
		int days;
	} filters[] = { { 0, 0 }, { BACKEND_MAIL, 1 }, { BACKEND_MAIL, 3 }, { BACKEND_MAIL, 7 },
		{ BACKEND_MAIL | BACKEND_CALENDAR, 14 }, { BACKEND_MAIL | BACKEND_CALENDAR, 31 },
		{ BACKEND_CALENDAR, 92 }, { BACKEND_CALENDAR, 183 } };
	int64_t today = eas_now() / 86400 * 86400;

	if (class == BACKEND_TASKS)
		return filter == 8 ? 1 : INT64_MIN; /* complete ones have the date 0 */
	if (filter >= ARRAY_LEN(filters) || !(filters[filter].classes & class))
		return INT64_MIN;
	return today - (int64_t)filters[filter].days * 86400;
}

bool
sync_is_empty(const struct state_folder *f, unsigned version)
{
	return f->type == TYPE_OUTBOX || !mirror_is_backed(f) || (f->type == TYPE_DRAFTS && version < 160);
}

/* ---- folder and key ---- */

struct finding {
	struct eas_request *r;
	int64_t id;
	struct state_folder *f;
	const char **trash_key;
	int64_t *trash;
};

static enum err
find_folder(struct state_txn *t, void *arg, struct error *e)
{
	struct finding *in = arg;

	(void)e;
	return state_folder(t, in->r->arena, in->r->device.user, in->id, in->f);
}

static enum err
find_trash(struct state_txn *t, void *arg, struct error *e)
{
	struct finding *in = arg;
	struct state_folder *list;
	size_t n;
	int64_t seq;
	enum err err = state_folders(t, in->r->arena, in->r->device.user, 0, &list, &n, &seq);

	(void)e;
	for (size_t i = 0; !err && i < n; i++) {
		if (!list[i].deleted && list[i].type == TYPE_TRASH && mirror_is_backed(&list[i])) {
			*in->trash = list[i].id;
			*in->trash_key = list[i].key;
		}
	}
	return err;
}

static void
set_status(struct sync_result *s, unsigned status, const char *key)
{
	s->status = status;
	s->key = key;
}

/* False: Status 4. Of the filters that a class does not have only this one is refused (R3080). */
static bool
read_options(const struct sync_collection *c, const struct sync_result *s, struct item_options *o_r)
{
	return item_options_parse(c->options, o_r) && !(s->folder.class == BACKEND_MAIL && o_r->filter == 8);
}

/* Key 0: a key, Status 1, nothing else. */
static enum err
begin(struct eas_request *r, const struct sync_collection *c, struct sync_result *s, struct error *e)
{
	const char *options = sync_options_text(r->arena, c->options);
	const char *supported = sync_supported_text(r->arena, c->supported);
	char *key = arena_alloc(r->arena, KEY_MAX);
	struct item_options o;
	enum err err;

	if (!options || !supported || !key)
		return ERR_NOMEM;
	if (!read_options(c, s, &o)) {
		set_status(s, 4, NULL);
		return ERR_OK;
	}
	err = key_begin(r, s->folder.id, options, supported,
		sync_filter_date((enum backend_class)s->folder.class, o.filter), key, e);
	if (!err) {
		set_status(s, 1, key);
		s->new_key = true;
	}
	return err;
}

static bool
has_commands(const struct sync_collection *c)
{
	for (const struct wbxml_node *n = c->commands ? c->commands->child : NULL; n; n = n->next) {
		if (n->tag != AirSync_Fetch)
			return true;
	}
	return false;
}

static bool
take_options(struct eas_request *r, const struct sync_collection *c, struct sync_result *s)
{
	struct collection *col = &s->col;
	const char *stored = stuck_load(r->arena, col, &s->stuck);

	if (!stored)
		return false;
	if (c->options) {
		const char *text = sync_options_text(r->arena, c->options);

		if (!text || !read_options(c, s, &s->options))
			return false;
		s->options_changed = strcmp(text, stored) != 0;
		s->options_text = text;
		return true;
	}
	s->options_text = stored;
	return sync_options_parse(r->arena, stored, &s->options);
}

/* ---- the work between two keys ---- */

static enum err
run_commands(struct eas_request *r, const struct sync_collection *c, struct sync_result *s, struct error *e)
{
	struct item_supported *supported = arena_alloc(r->arena, sizeof *supported);
	struct finding in = { .r = r, .trash = &s->x.trash, .trash_key = &s->x.trash_key };
	enum err err = ERR_OK, committed;

	if (!supported || !sync_supported_parse(r->arena, s->col.was.supported, supported))
		return ERR_NOMEM;
	s->x.r = r;
	s->x.col = &s->col;
	s->x.folder = &s->folder;
	s->x.commands = c->commands;
	s->x.supported = supported;
	s->x.client_wins = s->options.conflict == 0;
	if (s->x.class->class == BACKEND_MAIL && c->deletes_as_moves && has_commands(c))
		err = state_run(r->server->state, STATE_READ, find_trash, &in, e);
	if (s->folder.type == TYPE_TRASH)
		s->x.trash = 0;
	if (!err && c->commands)
		err = compose_identify(r, &s->x.view, e);
	if (!err)
		err = execute(&s->x, e);
	committed = execute_commit(&s->x, e);
	return err ? err : committed;
}

static enum err
run_compose(struct eas_request *r, const struct sync_collection *c, unsigned window, struct sync_result *s,
	struct compose *k, struct error *e)
{
	struct idset *added = arena_alloc(r->arena, sizeof *added), *touched = arena_alloc(r->arena, sizeof *touched);
	struct idset *retry = arena_alloc(r->arena, sizeof *retry);
	struct state_position base = position_store(&s->col.base);

	if (!added || !touched || !retry)
		return ERR_NOMEM;
	compose_tries(r->arena, s->x.done, s->x.n_done, added, touched);
	buf_init(&s->commands, r->reply.body.max);
	if (stuck_is_suspect(&s->stuck)) {
		enum err err = arrival_last(r, &s->stuck.answered, e);

		if (err)
			return err;
	}
	if (stuck_item(&s->stuck))
		log_warn(&r->log,
			"item %lld:%lld was sent %u times without an answer: it is set aside until it changes, or for a day",
			(long long)s->folder.id, (long long)s->stuck.item, s->stuck.times);
	*k = (struct compose){ .r = r, .folder = &s->folder, .class = s->x.class, .view = s->x.view, .me = s->col.now.epoch,
		.target = sync_filter_date(s->x.class->class, s->options.filter), .get_changes = c->get_changes, .looked = s->looked,
		.fresh = s->col.now.base == 1 && s->x.n_done == 0,
		.window = stuck_window(&s->col, window), .aside = stuck_item(&s->stuck),
		.bytes = c->bytes, .forced = s->x.forced, .n_forced = s->x.n_forced, .added = added, .touched = touched,
		.until = eas_monotonic() + (int64_t)r->server->config->sync_seconds, .told = s->x.told,
		.out = &s->commands };
	position_load(&k->pos, r->arena, &base); /* a copy: the base is kept beside the answer */
	idset_init(retry, r->arena);
	stuck_retry(&s->stuck, retry);
	k->retry = retry;
	return added->failed || touched->failed ? ERR_NOMEM : compose(k, e);
}

struct saving {
	struct eas_request *r;
	struct collection *col;
	struct state_collection now;
	int64_t seq;            /* of the mirror that was read; -1: it does not matter */
};

/* A cut-off that goes up is to be seen by whoever changes a date from now on, and nobody may have changed one since the
 * rows were read. */
static enum err
save(struct state_txn *t, void *arg, struct error *e)
{
	struct saving *in = arg;
	const char *cursor;
	int64_t seq;
	enum err err = in->seq < 0 ? ERR_OK : state_folder_lock(t, in->r->arena, in->col->was.folder, &seq, &cursor);

	if (err)
		return err;
	if (in->seq >= 0 && seq != in->seq)
		return err_set(e, ERR_CONFLICT, "the folder changed while its filter was applied");
	err = in->col->received ? arrival_note(t, in->r) : ERR_OK;
	return err ? err : state_collection_save(t, &in->col->was, &in->now);
}

/* Nothing was told: the same key may stand further on, so that the same rows are not looked at (and fetched) again and
 * again. */
static bool
may_move(const struct sync_result *s, const struct compose *k)
{
	const struct collection *col = &s->col;
	int64_t moved = k->pos.c - col->base.c + k->pos.a - col->base.a;

	if (col->now.n_answers != 1)
		return false;
	return k->moved || moved >= MOVE_ROWS || (moved > 0 && eas_now() - col->was.last_used >= MOVE_SECONDS);
}

static enum err
keep_key(struct eas_request *r, struct sync_result *s, struct compose *k, struct error *e)
{
	struct saving in = { .r = r, .col = &s->col, .now = s->col.now, .seq = k->raised ? k->seq : -1 };
	bool stale = eas_now() - s->col.was.last_used >= MOVE_SECONDS;
	bool options = s->options_changed;
	/* The phone has this answer and not one given later: a wait has to know. */
	bool siblings = s->col.received && s->col.was.answers[s->col.was.n_answers - 1].n != s->col.now.base;
	struct state_answer moved;
	enum err err;

	if (!may_move(s, k) && !stale && !options && !siblings && !s->stuck.retried)
		return ERR_OK;
	if (may_move(s, k)) {
		moved = s->col.now.answers[0];
		moved.pos = position_store(&k->pos);
		in.now.answers = &moved;
	}
	in.now.last_used = eas_now();
	if (s->stuck.retried)
		stuck_in_vain(&s->stuck);
	in.now.options = stuck_text(r->arena, s->options_text, &s->stuck);
	if (!in.now.options)
		return ERR_NOMEM;
	err = state_run(r->server->state, STATE_WRITE, save, &in, e);
	return err == ERR_CONFLICT ? ERR_OK : err; /* somebody else moved it: as good */
}

static enum err
next_key(struct eas_request *r, struct sync_result *s, struct compose *k, struct error *e)
{
	struct saving in = { .r = r, .col = &s->col, .seq = k->raised ? k->seq : -1 };
	char *key = arena_alloc(r->arena, KEY_MAX);
	enum err err = key ? key_answer(&s->col, r->arena, &k->pos, &k->told, key) : ERR_NOMEM;

	if (err)
		return err;
	s->col.now.last_used = eas_now();
	stuck_sent(&s->stuck, k->window, k->n, k->last);
	s->col.now.options = stuck_text(r->arena, s->options_text, &s->stuck);
	if (!s->col.now.options)
		return ERR_NOMEM;
	in.now = s->col.now;
	err = state_run(r->server->state, STATE_WRITE, save, &in, e);
	if (!err) {
		s->key = key;
		s->new_key = true;
	}
	return err;
}

static enum err
refresh(struct eas_request *r, struct sync_result *s, struct error *e)
{
	enum err err = mirror_refresh(r->server, r->account, &s->folder, &r->log, e);

	if (err == ERR_NOFOLDER) {
		log_notice(&r->log, "folder %s is gone at its server", s->folder.key);
		s->status = 12;
		return ERR_OK;
	}
	if (err && err != ERR_BUSY) {
		log_warn(&r->log, "%s: %s; the phone is asked to try again", s->folder.key,
			e->text[0] ? e->text : err_name(err));
		s->status = 16;
		return ERR_OK;
	}
	return err;
}

/* The mirror holds something for the phone, and somebody has just looked: the backend is asked when the phone has been told all of that.
 * Commands are judged by what there is now, and so is the moment at which a cut-off goes up. */
static bool
may_look_last(const struct sync_collection *c, const struct sync_result *s)
{
	const struct position *base = &s->col.base;

	return c->get_changes && !c->commands && (s->folder.seq != base->a || s->folder.seq != base->c)
		&& sync_filter_date(s->x.class->class, s->options.filter) <= base->cut_date && mirror_is_fresh(&s->folder);
}

/* What comes before the answer: where the key stands, a look at the backend, the commands. */
static enum err
prepare(struct eas_request *r, const struct sync_collection *c, struct sync_result *s, struct error *e)
{
	enum err err = key_receive(r, s->folder.id, c->key, &s->col, e);

	s->x = (struct execute){ .class = item_class((enum backend_class)s->folder.class) };
	s->status = 1;
	if (err == ERR_NOTFOUND) {
		set_status(s, 3, "0");
		return ERR_OK;
	}
	if (err)
		return err;
	reply_may_begin(r);
	s->key = c->key;
	s->first = s->col.now.base == 1 && s->col.now.n == 1;
	if (!take_options(r, c, s)) {
		s->status = 4;
		return ERR_OK;
	}
	/* The user's address and name are asked for where they are needed. */
	s->x.view = (struct item_view){ .version = r->query.version, .options = &s->options,
		.quirks = quirks_of(r->query.device_type, r->user_agent, r->query.version), .log = &r->log };
	s->looked = c->looked_at || !may_look_last(c, s);
	err = c->looked_at || !s->looked ? ERR_OK : refresh(r, s, e);
	if (err || s->status != 1)
		return err;
	if (s->had_commands)
		account_known(r->account, s->folder.key, s->folder.cursor);
	return run_commands(r, c, s, e);
}

/* An Add and its repeat, edited, would be two items if another responder ran them at once: the names that they derive
 * differ. */
static enum err
prepare_alone(struct eas_request *r, const struct sync_collection *c, struct sync_result *s, struct error *e)
{
	enum err err = state_device_hold(r->server->state, r->device.id, e);

	if (err)
		return err;
	err = prepare(r, c, s, e);
	state_device_let_go(r->server->state, r->device.id);
	return err;
}

/* One try, from a key that is known. CONFLICT: somebody else was faster. */
static enum err
try_once(struct eas_request *r, const struct sync_collection *c, unsigned window, struct sync_result *s,
	struct error *e)
{
	struct compose k;
	enum err err;

	s->had_commands = has_commands(c);
	err = s->had_commands ? prepare_alone(r, c, s, e) : prepare(r, c, s, e);
	if (err || s->status != 1 || c->commands_only)
		return err;
	if (s->x.failed) {
		s->status = 16;
		return ERR_OK;
	}
	err = run_compose(r, c, window, s, &k, e);
	if (err)
		return err;
	if (k.pos.holes.n > HOLES_MANY && s->col.base.holes.n <= HOLES_MANY)
		log_warn(&r->log,
			"folder %lld: the phone lacks more than %d items that it was not or cannot be sent (cpush-admin lists them)",
			(long long)s->folder.id, HOLES_MANY);
	s->more = k.more || (k.backend_failed && k.n > 0);
	s->n = k.n;
	s->page_after = k.page_after;
	s->no_room = window == 0 && k.n == 0 && s->more && !s->had_commands;
	if (s->no_room)
		s->more = false; /* with the old key it stops phones ("looping") */
	if (k.backend_failed && k.n == 0 && !s->had_commands) {
		s->status = 16;
		return ERR_OK;
	}
	/* What is set aside is behind the new key, even alone: else a repeat would meet it again, and one that was
	 * repaired never go. */
	if (s->had_commands || k.n > 0 || s->more || k.left_aside)
		return next_key(r, s, &k, e);
	return keep_key(r, s, &k, e);
}

/* Some phones answer Status 12 with the same Sync, for ever: the second time without a FolderSync between they get
 * 3. */
struct unknown {
	struct eas_request *r;
	int64_t folder; /* 0: an id that is none of ours, whatever it is */
	bool before;
};

/* Stored: "EPOCH N BASE", where the phone stands in the hierarchy, and a space and a folder for each that it was told
 * 12 of there. */
static bool
is_among(const char *folders, int64_t folder)
{
	char *rest;

	for (const char *p = folders; *p == ' '; p = rest) {
		if (strtoll(p + 1, &rest, 10) == folder)
			return true;
	}
	return false;
}

static enum err
note_unknown(struct state_txn *t, void *arg, struct error *e)
{
	struct unknown *in = arg;
	struct arena *a = in->r->arena;
	struct state_hierarchy h;
	const char *was, *head;
	enum err err = state_hierarchy(t, in->r->device.id, &h);
	size_t n;

	(void)e;
	if (!err)
		err = state_request(t, a, in->r->device.id, "gone", &was);
	if (err && err != ERR_NOTFOUND)
		return err;
	head = arena_printf(a, "%lld %u %u", (long long)h.epoch, h.n, h.base);
	if (!head)
		return ERR_NOMEM;
	n = strlen(head);
	if (err || strncmp(was, head, n) != 0 || was[n] != ' ')
		was = head;
	in->before = is_among(was + n, in->folder) || strlen(was) > GONE_BYTES;
	if (in->before)
		return ERR_OK;
	was = arena_printf(a, "%s %lld", was, (long long)in->folder);
	return was ? state_request_save(t, in->r->device.id, "gone", was) : ERR_NOMEM;
}

static bool
told_12_before(struct eas_request *r, int64_t folder)
{
	struct unknown in = { .r = r, .folder = folder };
	struct error e = { 0 };

	return !state_run(r->server->state, STATE_WRITE, note_unknown, &in, &e) && in.before;
}

static void
drop_commands(struct sync_result *s)
{
	buf_finish(&s->commands);
	s->n = 0;
	s->more = false;
	s->new_key = false;
}

/* A folder that is always empty takes nothing: each Add is told so, or the phone would take it for stored. */
static enum err
refuse_commands(struct eas_request *r, const struct sync_collection *c, struct sync_result *s)
{
	const struct wbxml_node *commands = c->commands ? c->commands->child : NULL;
	size_t n = 0;

	for (const struct wbxml_node *k = commands; k; k = k->next)
		n++;
	s->x.responses = arena_array(r->arena, n + 1, sizeof *s->x.responses);
	if (!s->x.responses)
		return ERR_NOMEM;
	for (const struct wbxml_node *k = commands; k; k = k->next) {
		/* what is not there is deleted */
		unsigned status = k->tag == AirSync_Add ? 6 : k->tag == AirSync_Delete ? 1 : 8;

		s->x.responses[s->x.n_responses++] = (struct response){ .tag = k->tag,
			.client_id = wbxml_text(k, AirSync_ClientId),
			.server_id = wbxml_text(k, AirSync_ServerId), .change = SIZE_MAX, .status = status };
	}
	s->had_commands = has_commands(c);
	return ERR_OK;
}

/* A collection that has no items for this phone: its key alone. */
static enum err
run_empty(struct eas_request *r, const struct sync_collection *c, struct sync_result *s, struct error *e)
{
	struct collection col;
	enum err err = key_receive(r, s->folder.id, c->key, &col, e);

	if (err == ERR_NOTFOUND) {
		set_status(s, 3, "0");
		return ERR_OK;
	}
	set_status(s, 1, c->key);
	return err ? err : refuse_commands(r, c, s);
}

void
sync_collection_later(const struct sync_collection *c, struct sync_result *s)
{
	drop_commands(s);
	set_status(s, 16, c->key);
}

enum err
sync_collection_run(struct eas_request *r, const struct sync_collection *c, unsigned window, struct sync_result *s)
{
	struct finding in = { .r = r, .id = c->folder, .f = &s->folder };
	struct error e = { 0 };
	enum err err;

	*s = (struct sync_result){ .status = 1 };
	if (c->malformed) {
		set_status(s, 4, NULL);
		return ERR_OK;
	}
	err = c->folder ? state_run(r->server->state, STATE_READ, find_folder, &in, &e) : ERR_NOTFOUND;
	if (err == ERR_NOTFOUND) {
		bool loops = strcmp(c->key, "0") != 0 && told_12_before(r, c->folder);

		log_notice(&r->log, "folder %s is unknown: status %u", c->id_text, loops ? 3 : 12);
		set_status(s, loops ? 3 : 12, loops ? "0" : NULL);
		return ERR_OK;
	}
	if (!err && c->conversations && r->query.version >= 140 && s->folder.class != BACKEND_MAIL) {
		set_status(s, 4, NULL); /* R2117 */
		return ERR_OK;
	}
	for (int i = 0; !err && i < TRIES; i++) {
		if (strcmp(c->key, "0") == 0) {
			err = begin(r, c, s, &e);
			break;
		}
		if (sync_is_empty(&s->folder, r->query.version) || !item_class((enum backend_class)s->folder.class)) {
			err = run_empty(r, c, s, &e);
			break;
		}
		err = try_once(r, c, window, s, &e);
		if (err != ERR_CONFLICT)
			break;
		log_debug(&r->log, "folder %lld: another request was faster; once more", (long long)s->folder.id);
		drop_commands(s);
		err = i + 1 < TRIES ? ERR_OK : ERR_CONFLICT;
	}
	if (err == ERR_BUSY)
		return err;
	if (err) {
		drop_commands(s);
		log_warn(&r->log, "folder %lld: %s", (long long)s->folder.id, e.text[0] ? e.text : err_name(err));
		set_status(s, err == ERR_NOFOLDER ? 12 : err_is_temporary(err) || err == ERR_CONFLICT ? 16 : 5, c->key);
	}
	return ERR_OK;
}
