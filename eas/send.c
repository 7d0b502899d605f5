/* A mail goes out once: the intent, the sending, and what comes after it. */
#include "eas/send.h"

#include <inttypes.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "eas/clock.h"
#include "eas/hierarchy.h"

#define DATELESS_SECONDS 600 /* two equal mails without a Date within this time are one */
#define COPY_SECONDS 10      /* a server that took longer to fail is not asked for the copy again: the phone waits */

struct sending {
	struct send_mail *s;
	struct arena *a;
	struct mime *phone;
	struct mime_node *node;
	struct send_parties parties;
	struct send_stamp stamp;
	char hash[65];
	const char *client;         /* of command, source and ClientId; "" where the phone named none */
	const char *date_field;     /* of the phone's mail; "" none */
	const char *own_id;         /* its Message-ID; NULL none */
	struct state_intent intent; /* id 0: none yet */
	bool finished;              /* copy and flag are done, too */
	bool repeat;                /* an earlier try got somewhere */
	struct state_folder sent;   /* id 0: no copy */
};

/* ---- the intent ---- */

/* What `result` says: when the mail was dated, whether all that follows the sending is done, and the Date that the
 * phone gave it. */
static const char *
pack(struct sending *x)
{
	return arena_printf(x->a, "%" PRId64 " %d %s", x->stamp.date, x->finished ? 1 : 0, x->date_field);
}

static void
unpack(struct sending *x, const char *result, const char **date_r)
{
	char *end;
	long long date = strtoll(result, &end, 10);

	*date_r = "";
	if (*end != ' ')
		return;
	x->stamp.date = date;
	x->finished = end[1] == '1';
	if (end[1] && end[2] == ' ')
		*date_r = end + 3;
}

static enum err
find_intent(struct state_txn *t, void *arg, struct error *e)
{
	struct sending *x = arg;

	(void)e;
	return state_intent(t, x->a, x->s->r->device.id, "send", x->hash, x->client, &x->intent);
}

/* The same mail, asked for otherwise: where the source is gone or was moved, phones turn a reply into a mail of its own,
 * or name the source by its new id. */
static enum err
find_by_message_id(struct state_txn *t, void *arg, struct error *e)
{
	struct sending *x = arg;

	(void)e;
	return state_intent_by_message_id(t, x->a, x->s->r->device.id, "send", x->own_id, &x->intent);
}

static enum err
save_intent(struct state_txn *t, void *arg, struct error *e)
{
	(void)e;
	return state_intent_save(t, arg);
}

static enum err
save(struct sending *x, enum state_intent_step step, struct error *e)
{
	x->intent.step = step;
	x->intent.result = pack(x);
	if (!x->intent.result)
		return ERR_NOMEM;
	return state_run(x->s->r->server->state, STATE_WRITE, save_intent, &x->intent, e);
}

/* Is what was found this mail? The Date is the same on each try; without one, only time can tell. Counting ClientIds
 * begin anew when an account is set up again. */
static bool
is_repeat(const struct sending *x, const char *date)
{
	if (x->s->draft)
		return true; /* found by its id, which is no other's */
	if (strcmp(date, x->date_field) != 0)
		return false;
	return *date || eas_now() < x->intent.created + DATELESS_SECONDS;
}

static enum err
look_by(struct sending *x, state_fn find, struct error *e)
{
	const char *date = "";
	enum err err = state_run(x->s->r->server->state, STATE_READ, find, x, e);

	if (err == ERR_NOTFOUND) {
		x->intent = (struct state_intent){ 0 };
		return ERR_OK;
	}
	if (err)
		return err;
	unpack(x, x->intent.result, &date);
	if (is_repeat(x, date)) {
		x->repeat = x->intent.step != INTENT_BEGUN;
		return ERR_OK;
	}
	x->intent = (struct state_intent){ 0 };
	x->finished = false;
	return ERR_OK;
}

static enum err
look(struct sending *x, struct error *e)
{
	enum err err = look_by(x, find_intent, e);

	if (err || x->intent.id || x->s->draft || !x->own_id || !*x->date_field)
		return err;
	return look_by(x, find_by_message_id, e);
}

/* The id of a mail that has none: the same on each try, another one for the same words next week. */
static const char *
derive_id(struct sending *x)
{
	unsigned char hash[SHA256_DIGEST_LENGTH];
	char hex[33];
	const char *at = strrchr(x->parties.from, '@');
	char *s = arena_printf(x->a, "%" PRId64 " %" PRId64 " %s", x->s->r->device.id, x->intent.created, x->hash);

	if (!s)
		return NULL;
	SHA256((const unsigned char *)s, strlen(s), hash);
	text_hex(hash, 16, hex);
	return arena_printf(x->a, "<%s@%s>", hex, at && text_is_utf8(at, strlen(at)) ? at + 1 : "localhost");
}

/* Where the copy will come, so that a second try can see whether the first one made it. A server that is down now could
 * not take the copy either: the mail stays with the phone, which tries again. */
static enum err
note_mark(struct sending *x, struct error *e)
{
	const char *mark = NULL;

	x->intent.mark = "";
	if (!x->sent.id || !account_can(x->s->r->account, x->sent.key, CAN_FIND))
		return ERR_OK;
	enum err err = account_mark(x->s->r->account, x->a, x->sent.key, &mark, e);
	if (!err && mark)
		x->intent.mark = mark;
	return err == ERR_BUSY || err_is_temporary(err) ? err : ERR_OK;
}

static enum err
begin(struct sending *x, struct error *e)
{
	enum err err;

	if (x->intent.id) {
		x->stamp.message_id = x->intent.message_id;
		return save(x, x->intent.step == INTENT_FAILED ? INTENT_BEGUN : x->intent.step, e);
	}
	x->intent = (struct state_intent){ .device = x->s->r->device.id, .kind = "send", .hash = x->hash,
		.client = x->client,
		.mark = "", .result = "", .created = eas_now() };
	x->stamp.date = x->intent.created;
	x->stamp.message_id = x->own_id ? x->own_id : derive_id(x);
	if (!x->stamp.message_id)
		return ERR_NOMEM;
	x->intent.message_id = x->stamp.message_id;
	err = note_mark(x, e);
	return err ? err : save(x, INTENT_BEGUN, e);
}

/* ---- the copy in Sent, and the source's flag ---- */

static enum err
want_copy(struct sending *x, struct error *e)
{
	int how = x->s->r->server->config->sent_copy;
	enum err err;

	if (how == SENT_NEVER || (how == SENT_CLIENT && !x->s->save))
		return ERR_OK;
	err = lookup_typed(x->s->r, TYPE_SENT, &x->sent, e);
	if (err == ERR_NOTFOUND) {
		log_warn(&x->s->r->log, "no folder for sent mail is known: no copy is kept");
		x->sent.id = 0;
		return ERR_OK;
	}
	return err;
}

static enum err
try_copy(struct sending *x, bool look, struct error *e)
{
	struct eas_request *r = x->s->r;
	AUTO(buf_finish) struct buf out = { 0 };
	struct backend_stored stored = { .key = "", .version = "" };
	struct backend_put put = { .folder = x->sent.key, .flags = FLAG_SEEN, .date = BACKEND_NO_DATE };

	if (look) {
		const char *after = x->intent.mark && *x->intent.mark ? x->intent.mark : NULL;
		enum err err = account_find(r->account, x->a, x->sent.key, x->intent.message_id, after, &stored, e);

		if (err != ERR_NOTFOUND)
			return err;
	}
	buf_init(&out, 0);
	send_write(x->a, x->phone, x->node, &x->parties, &x->stamp, true, &out);
	if (!buf_ok(&out))
		return ERR_NOMEM;
	put.bytes = buf_slice(&out);
	return account_put(r->account, x->a, &put, &stored, e);
}

/* Twice, for a connection may have died; the second time by a look whether the first one got there. */
static enum err
copy_to_sent(struct sending *x, struct error *e)
{
	bool can_look = x->sent.id && account_can(x->s->r->account, x->sent.key, CAN_FIND);
	int64_t began = eas_monotonic();
	enum err err;

	if (!x->sent.id)
		return ERR_OK;
	err = try_copy(x, x->repeat && can_look, e);
	if (!err_is_temporary(err) || err == ERR_BUSY || !can_look || eas_monotonic() - began > COPY_SECONDS)
		return err;
	log_info(&x->s->r->log, "the copy of the mail is tried once more: %s", e->code ? e->text : err_name(err));
	*e = (struct error){ 0 };
	return try_copy(x, true, e);
}

static enum err
flag_source(struct sending *x, struct error *e)
{
	const struct lookup *l = x->s->source;
	struct backend_stored stored;
	struct backend_flagging flagging = { .set = x->s->verb };

	if (!l || !x->s->verb || l->folder.class != BACKEND_MAIL || l->folder.readonly)
		return ERR_OK;
	flagging.folder = l->folder.key;
	flagging.key = l->item.key;
	return account_can(x->s->r->account, l->folder.key, CAN_FLAG)
		? account_flag(x->s->r->account, x->a, &flagging, &stored, e) : ERR_OK;
}

/* The mail is out: nothing here may let the phone send it again. BUSY only, for then the request comes again by
 * itself. */
static enum err
finish(struct sending *x)
{
	struct eas_request *r = x->s->r;
	struct error e = { 0 };
	enum err err;

	if (x->finished)
		return ERR_OK;
	err = copy_to_sent(x, &e);
	if (err == ERR_BUSY)
		return err;
	if (err)
		log_warn(&r->log, "the mail was sent, but no copy was kept: %s", e.code ? e.text : err_name(err));
	err = flag_source(x, &e);
	if (err == ERR_BUSY)
		return err;
	if (err && err != ERR_NOTFOUND)
		log_warn(&r->log, "the mail was sent, but its source was not marked: %s",
			e.code ? e.text : err_name(err));
	x->finished = true;
	if (x->intent.id && save(x, INTENT_DONE, &e))
		log_warn(&r->log, "the mail was sent, but that could not be written down: %s", e.text);
	if (r->server->nudge)
		r->server->nudge(r->server->ctx, r->user);
	return ERR_OK;
}

/* ---- sending ---- */

static enum err
on_sending(void *ctx)
{
	struct sending *x = ctx;
	struct error e = { 0 };
	enum err err = save(x, INTENT_SENDING, &e);

	if (err)
		log_warn(&x->s->r->log, "not sent, for it could not be written down: %s",
			e.code ? e.text : err_name(err));
	return err;
}

static unsigned
status_of(enum err err)
{
	switch (err) {
	case ERR_UNAVAILABLE:
	case ERR_PEER:
	case ERR_NOMEM:
		return SEND_LATER;
	case ERR_QUOTA:
		return SEND_QUOTA;
	case ERR_LIMIT:
		return SEND_TOO_LARGE;
	case ERR_INTERNAL:
		return SEND_ERROR;
	default:
		return SEND_FAILED;
	}
}

static enum err
hand_over(struct sending *x, unsigned *status_r, struct error *e)
{
	struct eas_request *r = x->s->r;
	AUTO(buf_finish) struct buf out = { 0 };
	struct backend_mail mail = { .from = x->parties.from, .to = x->parties.to, .n = x->parties.n };
	struct error later = { 0 };
	enum err err;

	buf_init(&out, 0);
	send_write(x->a, x->phone, x->node, &x->parties, &x->stamp, false, &out);
	if (!buf_ok(&out))
		return ERR_NOMEM;
	mail.bytes = buf_slice(&out);
	err = account_send(r->account, &mail, on_sending, x, e);
	if (err == ERR_BUSY)
		return err;
	if (err) {
		*status_r = status_of(err);
		log_warn(&r->log, "the mail was not sent: %s", e->code ? e->text : err_name(err));
		if (!err_is_temporary(err) && save(x, INTENT_FAILED, &later))
			log_warn(&r->log, "that could not be written down: %s", later.text);
		return ERR_OK;
	}
	log_info(&r->log, "a mail was sent to %zu", mail.n);
	x->finished = !x->sent.id && !x->s->verb;
	if (save(x, INTENT_DONE, &later))
		log_warn(&r->log, "the mail was sent, but that could not be written down: %s", later.text);
	return ERR_OK;
}

/* ---- all of it ---- */

/* ClientIds count per command and source: some phones only count, and begin anew. Hashed, for a phone may send any
 * length. */
static const char *
client_key(struct sending *x, const char *source)
{
	unsigned char hash[SHA256_DIGEST_LENGTH];
	char hex[2 * SHA256_DIGEST_LENGTH + 1];
	char *s;

	if (!*x->s->client_id)
		return "";
	s = arena_printf(x->a, "%s %s %s", x->s->command, source, x->s->client_id);
	if (!s)
		return NULL;
	SHA256((const unsigned char *)s, strlen(s), hash);
	text_hex(hash, sizeof hash, hex);
	return arena_strdup(x->a, hex);
}

static enum err
prepare(struct sending *x, unsigned *status_r, struct error *e)
{
	struct backend_identity id = { 0 };
	struct slice name, value, whole;
	char id_text[ID_MAX];
	const char *source = "";
	size_t pos = 0;
	enum err err = mime_open(x->a, x->s->mime, &x->phone, e);

	if (err)
		return err;
	if (!mime_field_next(x->phone->root->header, &pos, &name, &value, &whole)) {
		*status_r = SEND_BAD_MIME;
		return ERR_OK;
	}
	err = account_identity(x->s->r->account, x->a, &id, e);
	if (err == ERR_BUSY)
		return err;
	*status_r = send_parties(x->a, x->phone->root->header, &id, &x->parties);
	if (x->s->source)
		source = arena_printf(x->a, "%s%s", id_item(x->s->source->folder.id, x->s->source->item.id, id_text),
			x->s->instance ? x->s->instance : "");
	if (!source)
		return ERR_NOMEM;
	send_hash(x->s->command, source, x->phone, x->hash);
	x->client = client_key(x, source);
	if (!x->client)
		return ERR_NOMEM;
	x->date_field = x->s->draft ? NULL : mime_field(x->a, x->phone->root->header, "Date");
	if (!x->date_field)
		x->date_field = "";
	x->own_id = mime_message_id(x->a, x->phone->root->header);
	x->stamp.redate = x->s->draft;
	return ERR_OK;
}

static enum err
compose(struct sending *x, unsigned *status_r, struct error *e)
{
	enum err err = ERR_OK;

	if (x->s->compose)
		*status_r = x->s->compose(x->s, x->phone, &x->node, &err, e);
	x->stamp.in_reply_to = x->s->in_reply_to;
	x->stamp.references = x->s->references;
	x->stamp.subject = x->s->subject;
	return err;
}

/* It went out before, and its copy was not kept then. Its source may be gone since: the copy has the phone's own words
 * at least. */
static enum err
finish_late(struct sending *x, enum err composed, unsigned *status_r, struct error *e)
{
	if (composed || *status_r) {
		log_warn(&x->s->r->log, "the mail was sent before, and its source cannot be read now: the copy lacks it");
		*e = (struct error){ 0 };
		*status_r = SEND_OK;
		x->node = NULL;
	}
	x->stamp.message_id = x->intent.message_id;
	return finish(x);
}

static enum err
run_held(struct sending *x, unsigned *status_r, struct error *e)
{
	enum err err = look(x, e);

	if (!err)
		err = want_copy(x, e);
	if (err)
		return err;
	bool done = x->intent.id && x->intent.step == INTENT_DONE;
	if (done && (x->finished || !x->sent.id)) {
		log_info(&x->s->r->log, "the mail was sent before: nothing is sent");
		x->stamp.message_id = x->intent.message_id;
		return finish(x);
	}
	err = compose(x, status_r, e);
	if (done && err != ERR_BUSY)
		return finish_late(x, err, status_r, e);
	if (err || *status_r)
		return err;
	err = begin(x, e);
	if (!err)
		err = hand_over(x, status_r, e);
	if (err || *status_r)
		return err;
	return finish(x);
}

static enum err
run(struct sending *x, unsigned *status_r, struct error *e)
{
	struct eas_request *r = x->s->r;
	enum err err = prepare(x, status_r, e);

	if (err || *status_r)
		return err;
	err = state_device_hold(r->server->state, r->device.id, e);
	if (err)
		return err;
	err = run_held(x, status_r, e);
	state_device_let_go(r->server->state, r->device.id);
	return err;
}

enum err
send_mail(struct send_mail *s, unsigned *status_r, struct error *e)
{
	struct sending x = { .s = s, .a = s->r->arena };
	enum err err;

	*status_r = SEND_OK;
	err = run(&x, status_r, e);
	if (err == ERR_BUSY)
		return err;
	if (err) {
		*status_r = reply_status_of(s->r, err, e);
		return ERR_OK;
	}
	return ERR_OK;
}

enum err
send_draft(struct eas_request *r, struct slice bytes, unsigned *status_r, struct error *e)
{
	struct send_mail s = { .r = r, .command = "Sync", .mime = bytes, .save = true, .draft = true };
	struct mime *m;
	unsigned status;
	enum err err = mime_open(r->arena, bytes, &m, e);

	if (err)
		return err;
	/* By the id alone: an edit between two tries makes another hash of the same mail. */
	s.client_id = mime_message_id(r->arena, m->root->header);
	if (!s.client_id)
		return err_set(e, ERR_INVALID, "a draft without a Message-ID cannot be sent once");
	err = send_mail(&s, &status, e);
	if (err)
		return err;
	if (status == SEND_LATER)
		return err_set(e, ERR_UNAVAILABLE, "a draft could not be sent now");
	*status_r = status == SEND_OK ? 1
		: status == SEND_UNRESOLVED || status == SEND_NO_RECIPIENT ? SEND_BAD_DRAFT : status;
	return ERR_OK;
}
