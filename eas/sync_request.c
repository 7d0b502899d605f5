#include "eas/sync_request.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

#define WINDOW_DEFAULT 100
#define WINDOW_MAX 512
#define COLLECTIONS_MAX 1000

/* ---- from the phone ---- */

static unsigned
window_of(const struct wbxml_node *node, unsigned fallback)
{
	int64_t v = wbxml_int(node, AirSync_WindowSize, fallback, -1);

	return v <= 0 || v > WINDOW_MAX ? WINDOW_MAX : (unsigned)v;
}

/* One of the four, with the id that its answer has to name. */
static bool
well_formed_command(const struct wbxml_node *n)
{
	switch (n->tag) {
	case AirSync_Add:
		return wbxml_has(n, AirSync_ClientId);
	case AirSync_Change:
	case AirSync_Delete:
	case AirSync_Fetch:
		return wbxml_has(n, AirSync_ServerId);
	default:
		return false;
	}
}

static void
read_collection(struct sync_request *q, struct sync_collection *c, const struct wbxml_node *node)
{
	c->id_text = wbxml_text(node, AirSync_CollectionId);
	c->key = wbxml_text(node, AirSync_SyncKey);
	c->supported = wbxml_child(node, AirSync_Supported);
	c->commands = wbxml_child(node, AirSync_Commands);
	c->window = window_of(node, WINDOW_DEFAULT);
	c->has_get_changes = wbxml_has(node, AirSync_GetChanges);
	c->get_changes = wbxml_bool(node, AirSync_GetChanges, true);
	c->deletes_as_moves = wbxml_bool(node, AirSync_DeletesAsMoves, true);
	c->conversations = wbxml_has(node, AirSync_ConversationMode);
	if (!sync_options_choose(node, &c->options) || !c->id_text || !c->key || (c->options && c->options->opaque))
		c->malformed = true;
	if (c->id_text && !id_parse_folder(c->id_text, &c->folder))
		c->folder = 0;
	for (const struct wbxml_node *n = c->commands ? c->commands->child : NULL; n; n = n->next) {
		if (!well_formed_command(n))
			c->malformed = true;
		q->has_commands = true;
	}
	if (c->key && strcmp(c->key, "0") == 0
		&& ((c->commands && c->commands->child) || (c->has_get_changes && c->get_changes)))
		c->malformed = true; /* R3128 */
}

static unsigned
read_collections(struct eas_request *r, const struct wbxml_node *root, struct sync_request *q)
{
	const struct wbxml_node *all = wbxml_child(root, AirSync_Collections);
	size_t n = wbxml_count(all, AirSync_Collection);

	if (n > COLLECTIONS_MAX) {
		q->limit = COLLECTIONS_MAX;
		return 15;
	}
	q->list = arena_array(r->arena, n + 1, sizeof *q->list);
	if (!q->list)
		return 110;
	for (const struct wbxml_node *c = wbxml_child(all, AirSync_Collection); c;
		c = wbxml_next(c, AirSync_Collection))
		read_collection(q, &q->list[q->n++], c);
	for (size_t i = 0; i < q->n; i++) {
		if (!item_options_parts_ok(q->list[i].options, r->query.version))
			return 164;
	}
	return 0;
}

/* Wait is in minutes, HeartbeatInterval in seconds [MS-ASCMD 2.2.3.198, 2.2.3.87]; less than the least is out of range
 * too, be it 0 (R3227, R3229). */
static unsigned
read_wait(struct eas_request *r, const struct wbxml_node *root, struct sync_request *q)
{
	const struct eas_config *config = r->server->config;
	bool in_minutes = wbxml_has(root, AirSync_Wait), in_seconds = wbxml_has(root, AirSync_HeartbeatInterval);
	int64_t minutes = wbxml_int(root, AirSync_Wait, 0, INT64_MIN);
	int64_t seconds = wbxml_int(root, AirSync_HeartbeatInterval, 0, INT64_MIN);
	int64_t min = (int64_t)config->heartbeat_min, max = (int64_t)config->heartbeat_max;

	if ((in_minutes && in_seconds) || minutes == INT64_MIN || seconds == INT64_MIN)
		return 4;
	if (in_minutes) {
		q->wait = minutes > 100000 ? INT32_MAX : minutes < 0 ? 0 : minutes * 60;
		q->out_of_range = q->wait > max || q->wait < min;
		q->limit = q->wait > max ? max / 60 : (min + 59) / 60;
	} else if (in_seconds) {
		q->wait = seconds;
		q->out_of_range = seconds > max || seconds < min;
		q->limit = seconds > max ? max : min;
	}
	return 0;
}

/* ---- from the store ---- */

struct loading {
	struct eas_request *r;
	const char *text;
};

static enum err
load(struct state_txn *t, void *arg, struct error *e)
{
	struct loading *in = arg;

	(void)e;
	return state_request(t, in->r->arena, in->r->device.id, "sync", &in->text);
}

static bool
names(const struct sync_request *q, int64_t folder)
{
	for (size_t i = 0; i < q->n; i++) {
		if (q->list[i].folder == folder)
			return true;
	}
	return false;
}

/* A collection that is not named takes its stored settings and key. A key that came with the answer may have got lost
 * with it, and to take it for received would lose what it stands for: 13, and the phone sends all of it. */
static unsigned
complete(struct eas_request *r, struct sync_request *q, bool empty)
{
	struct loading in = { .r = r };
	struct sync_request stored;
	struct sync_collection *list;
	struct error e = { 0 };
	enum err err = state_run(r->server->state, STATE_READ, load, &in, &e);

	if (err == ERR_NOTFOUND || (!err && !sync_request_from_text(r->arena, in.text, &stored)))
		return 13;
	if (err)
		return reply_status_of(r, err, &e);
	list = arena_array(r->arena, q->n + stored.n + 1, sizeof *list);
	if (!list)
		return 110;
	if (q->n)
		memcpy(list, q->list, q->n * sizeof *list);
	for (size_t i = 0, named = q->n; i < stored.n; i++) {
		struct sync_request known = { .list = list, .n = named };

		if (names(&known, stored.list[i].folder))
			continue;
		if (stored.list[i].given) {
			log_notice(&r->log,
				"an empty or partial Sync, but the last answer had a new key for folder %lld",
				(long long)stored.list[i].folder);
			return 13;
		}
		list[q->n++] = stored.list[i];
	}
	q->list = list;
	if (empty)
		q->wait = stored.wait;
	if (!q->window)
		q->window = stored.window;
	return q->n ? 0 : 13;
}

unsigned
sync_request_read(struct eas_request *r, const struct wbxml_node *root, struct sync_request *q_r)
{
	bool partial = wbxml_has(root, AirSync_Partial);
	unsigned status = 0;

	*q_r = (struct sync_request){ 0 };
	if (!root)
		return complete(r, q_r, true);
	if (wbxml_has(root, AirSync_WindowSize))
		q_r->window = window_of(root, WINDOW_MAX);
	status = read_wait(r, root, q_r);
	if (!status)
		status = read_collections(r, root, q_r);
	if (!status && partial)
		status = complete(r, q_r, false);
	else if (!status && q_r->n == 0)
		status = wbxml_has(root, AirSync_Wait) || wbxml_has(root, AirSync_HeartbeatInterval)
			? complete(r, q_r, false) : 4;
	return status;
}

/* ---- as text: "WAIT WINDOW\n" and a line "FOLDER KEY WINDOW GETCHANGES MOVES GIVEN" per collection ---- */

const char *
sync_request_text(struct arena *a, const struct sync_request *q, const char *const *keys)
{
	AUTO(buf_finish) struct buf text = { 0 };

	buf_init(&text, 1 << 20);
	buf_printf(&text, "%" PRId64 " %u\n", q->wait, q->window);
	for (size_t i = 0; i < q->n; i++) {
		const struct sync_collection *c = &q->list[i];
		bool given = !keys[i] || strcmp(keys[i], c->key) != 0;

		/* A key that was given is good for nothing but to say so: without it the text is the same for each window of a first sync, and
		 * need not be stored again. */
		if (c->folder)
			buf_printf(&text, "%" PRId64 " %s %u %d %d %d\n", c->folder, given ? "-" : keys[i], c->window, c->get_changes,
				c->deletes_as_moves, given);
	}
	return buf_str(&text) ? arena_strdup(a, buf_str(&text)) : NULL;
}

/* Up to the next space or line end; NULL at the end of the line. */
static char *
word(char **p)
{
	char *start = *p;
	size_t n = strcspn(start, " \n");

	if (n == 0)
		return NULL;
	*p += n;
	if (**p == ' ')
		*(*p)++ = '\0';
	return start;
}

static bool
number(char **p, uint64_t *v_r)
{
	char *w = word(p);
	char digits[24];
	size_t n = w ? strcspn(w, " \n") : 0;

	if (n == 0 || n >= sizeof digits)
		return false;
	memcpy(digits, w, n);
	digits[n] = '\0';
	return text_to_u64(digits, v_r);
}

static bool
line(struct arena *a, char **p, struct sync_collection *c)
{
	uint64_t folder, window, changes, moves, given;
	const char *key;
	char id[ID_MAX];

	if (!number(p, &folder) || !(key = word(p)) || !number(p, &window) || !number(p, &changes) || !number(p, &moves)
		|| !number(p, &given))
		return false;
	*c = (struct sync_collection){ .folder = (int64_t)folder, .key = key, .window = (unsigned)window, .get_changes = changes,
		.has_get_changes = true, .deletes_as_moves = moves, .given = given,
		.id_text = arena_strdup(a, id_folder((int64_t)folder, id)) };
	return c->id_text != NULL;
}

bool
sync_request_from_text(struct arena *a, const char *text, struct sync_request *q_r)
{
	char *p = arena_strdup(a, text);
	uint64_t wait, window;
	size_t lines = 0;

	*q_r = (struct sync_request){ 0 };
	for (const char *s = text; *s; s++)
		lines += *s == '\n';
	q_r->list = arena_array(a, lines + 1, sizeof *q_r->list);
	if (!p || !q_r->list || !number(&p, &wait) || !number(&p, &window) || *p != '\n')
		return false;
	q_r->wait = (int64_t)wait;
	q_r->window = (unsigned)window;
	for (p++; *p; p++) {
		if (!line(a, &p, &q_r->list[q_r->n]) || *p != '\n')
			return false;
		q_r->n++;
	}
	return true;
}

/* ---- Options and Supported ---- */

bool
sync_options_choose(const struct wbxml_node *collection, const struct wbxml_node **options_r)
{
	const struct wbxml_node *o = wbxml_child(collection, AirSync_Options);
	unsigned n_sms = 0;

	for (*options_r = NULL; o; o = wbxml_next(o, AirSync_Options)) {
		const char *class = wbxml_text(o, AirSync_Class);

		if (class && strcmp(class, "SMS") == 0) {
			n_sms++;
			continue;
		}
		if (*options_r)
			return false;
		*options_r = o;
	}
	return n_sms <= 1;
}

const char *
sync_options_text(struct arena *a, const struct wbxml_node *options)
{
	AUTO(buf_finish) struct buf out = { 0 };
	struct wbxml_writer w;

	if (!options)
		return "";
	buf_init(&out, 65536);
	wbxml_begin(&w, &out);
	wbxml_put_node(&w, options);
	return buf_ok(&out) ? text_base64(a, out.data, out.len) : NULL;
}

bool
sync_options_parse(struct arena *a, const char *text, struct item_options *o_r)
{
	struct wbxml_node *root;
	unsigned char *p;
	size_t n;

	size_t len = strcspn(text, ";"); /* more may stand behind it (eas/sync_stuck.h) */

	if (len == 0)
		return item_options_parse(NULL, o_r);
	p = text_unbase64(a, text, len, &n);
	if (!p || wbxml_read(a, slice(p, n), NULL, &root, NULL))
		return false;
	return item_options_parse(root, o_r);
}

const char *
sync_supported_text(struct arena *a, const struct wbxml_node *supported)
{
	AUTO(buf_finish) struct buf out = { 0 };

	if (!supported)
		return "";
	buf_init(&out, 65536);
	buf_add_byte(&out, 's');
	for (const struct wbxml_node *n = supported->child; n; n = n->next) {
		if (n->tag != WBXML_UNKNOWN)
			buf_printf(&out, " %u", n->tag);
	}
	return buf_str(&out) ? arena_strdup(a, buf_str(&out)) : NULL;
}

bool
sync_supported_parse(struct arena *a, const char *text, struct item_supported *s_r)
{
	unsigned *tags;
	size_t n = 0;

	*s_r = (struct item_supported){ .sent = *text == 's' };
	if (!s_r->sent)
		return true;
	for (const char *p = text; *p; p++)
		n += *p == ' ';
	tags = arena_array(a, n + 1, sizeof *tags);
	if (!tags)
		return false;
	for (const char *p = strchr(text, ' '); p; p = strchr(p + 1, ' '))
		tags[s_r->n++] = (unsigned)strtoul(p + 1, NULL, 10);
	s_r->tags = tags;
	return true;
}
