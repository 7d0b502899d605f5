#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "backend/imap/conn.h"
#include "base/setid.h"
#include "base/text.h"

enum err
imap_identity(struct backend_session *s, struct arena *a, struct backend_identity *id_r, struct error *e)
{
	*id_r = (struct backend_identity){ NULL, NULL };
	const char *address = strchr(s->user, '@') && strcmp(s->b->set.address, "%l@%d") == 0
		? s->user : text_expand(a, s->b->set.address, s->user, s->b->set.domain);
	if (!address)
		return err_set(e, ERR_NOMEM, "no memory");
	const char *at = strrchr(address, '@');
	if (at && at > address && at[1])
		id_r->address = arena_strdup(a, address);
	return ERR_OK;
}

struct saying {
	backend_say_fn say;
	void *ctx;
};

PRINTF(3, 4)
static void
say(const struct saying *to, bool ok, const char *fmt, ...)
{
	char text[512];
	va_list args;
	va_start(args, fmt);
	vsnprintf(text, sizeof text, fmt, args);
	va_end(args);
	to->say(to->ctx, ok, text);
}

static void
say_caps(const struct saying *to, const struct imap_conn *c)
{
	static const struct {
		unsigned cap;
		const char *name, *without;
	} caps[] = {
		{ CAP_QRESYNC, "QRESYNC", "deletions are found by comparing whole folders" },
		{ CAP_CONDSTORE, "CONDSTORE", "every look reads the flags of a whole folder: slow with large ones" },
		{ CAP_IDLE, "IDLE", "new mail is noticed at the next poll only" },
		{ CAP_UIDPLUS, "UIDPLUS", "stored mail is found by its Message-ID, and deleted mail may stay marked" },
		{ CAP_MOVE, "MOVE", "mail is copied and then deleted" },
		{ CAP_SPECIAL_USE, "SPECIAL-USE", "Sent, Drafts, Trash and Junk are guessed by name, or set in [imap]" },
	};
	for (size_t i = 0; i < ARRAY_LEN(caps); i++) {
		bool has = (c->caps & caps[i].cap) != 0;
		say(to, true, has ? "server offers %s" : "server lacks %s: %s", caps[i].name, caps[i].without);
	}
}

static void
say_folders(const struct saying *to, const struct backend_folders *f)
{
	static const char *const roles[] = { "", "Inbox", "Drafts", "Sent", "Trash", "Junk", "Archive" };
	say(to, f->n > 0, "%zu folders", f->n);
	for (int role = ROLE_INBOX; role <= ROLE_ARCHIVE; role++) {
		const char *key = NULL;
		for (size_t i = 0; i < f->n; i++)
			key = (int)f->list[i].role == role ? f->list[i].key : key;
		if (key)
			say(to, true, "%s is %s", roles[role], key);
		else
			say(to, role != ROLE_INBOX, "no folder for %s", roles[role]);
	}
}

static void
say_sending(const struct saying *to, struct backend_session *s)
{
	struct error e = { .code = ERR_OK };
	if (s->b->set.sendmail && is_setid(s->b->set.sendmail))
		say(to, false, SETID_WARNING, s->b->set.sendmail);
	else if (s->b->set.sendmail)
		say(to, true, "mail is sent by %s", s->b->set.sendmail);
	else if (!s->b->smtp_url)
		say(to, false, "mail cannot be sent: neither smtp nor sendmail is set in [imap]");
	else if (imap_smtp_probe(s, &e))
		say(to, false, "%s", e.text);
	else
		say(to, true, s->b->set.smtp_username && strcmp(s->b->set.smtp_username, "-") == 0 ?
			"%s answers: mail is sent without a login" : "%s takes the login: mail can be sent", s->b->smtp_url);
}

enum err
imap_describe(struct backend_session *s, backend_say_fn fn, void *ctx, struct error *e)
{
	struct saying to = { fn, ctx };
	struct arena *a AUTO(arena_free) = arena_new(0);
	struct imap_conn *c;
	struct backend_folders folders;
	struct backend_identity id;
	enum err err = a ? imap_session_conn(s, &c, e) : ERR_NOMEM;
	if (err)
		return err;
	struct curl_tlssessioninfo *tls = NULL;
	bool secure = curl_easy_getinfo(c->curl, CURLINFO_TLS_SSL_PTR, &tls) == CURLE_OK && tls && tls->internals;
	say(&to, true, "login name %s, %s", s->login, secure ? "by TLS" : "without TLS");
	say_caps(&to, c);
	if ((err = imap_folders(s, a, &folders, e)))
		return err;
	say_folders(&to, &folders);
	say_sending(&to, s);
	if ((err = imap_identity(s, a, &id, e)))
		return err;
	if (id.address)
		say(&to, true, "the user's address is %s", id.address);
	else
		say(&to, false, "the user's address is not known: set domain or address in [imap]");
	return ERR_OK;
}
