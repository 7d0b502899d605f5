#include <curl/curl.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>

#include "backend/imap/conn.h"
#include "backend/imap/crlf.h"
#include "base/count.h"
#include "base/text.h"

struct sending {
	struct imap_dial dial;
	const struct imap_settings *set;
	struct imap_crlf crlf;
	size_t left;          /* bytes that libcurl has not asked for yet */
	int64_t moved, until; /* when anything last went over the line; when libcurl must have asked for all */
	enum err (*sending)(void *ctx);
	void *ctx;
	bool told;
	enum err stopped;
	bool login;                   /* we have a name and a password to give */
	bool greeted, auth, starttls; /* the last EHLO was answered, and offered these */
	bool quit;       /* said; nothing after it is about the mail */
	char reply[256]; /* the last line before that; with its code, without addresses */
};

static void
curl_done(CURL **c)
{
	curl_easy_cleanup(*c);
	*c = NULL;
}

static void
slist_done(struct curl_slist **l)
{
	curl_slist_free_all(*l);
	*l = NULL;
}

/* libcurl asks for the first byte once the server has said 354. */
static size_t
give(char *to, size_t size, size_t n, void *ctx)
{
	struct sending *s = ctx;
	if (!s->told) {
		s->told = true;
		s->stopped = s->sending ? s->sending(s->ctx) : ERR_OK;
	}
	if (s->stopped)
		return CURL_READFUNC_ABORT;
	size_t got = imap_crlf_next(&s->crlf, to, size * n);
	s->left -= got;
	return got;
}

/* Called about once a second. Whoever has the whole mail may look through it for long before he answers (RFC 5321
 * 4.5.3.2.6): he will deliver it, so whoever gives up then sends it once more. Before that nothing is lost by it. */
static int
give_up(void *ctx, curl_off_t dltotal, curl_off_t dlnow, curl_off_t ultotal, curl_off_t ulnow)
{
	const struct sending *s = ctx;
	(void)dltotal, (void)dlnow, (void)ultotal, (void)ulnow;
	int64_t now = imap_now();
	uint64_t silence = s->left > 0 ? s->set->answer : s->set->accept;
	return imap_dial_late(&s->dial) || (s->left > 0 && now >= s->until) ||
		now - s->moved >= (int64_t)silence * 1000;
}

/* Servers name whom they refuse; that is nothing for a log. */
static void
hide_addresses(char *s)
{
	static const char ends[] = " \t<>()[]\"',;:";
	char *to = s;
	while (*s) {
		size_t n = strcspn(s, ends);
		if (memchr(s, '@', n)) {
			*to++ = '@';
		} else {
			memmove(to, s, n);
			to += n;
		}
		s += n;
		if (*s)
			*to++ = *s++;
	}
	*to = '\0';
}

/* What is offered is a whole word: the first line has the server's name there, and AUTH=, as it was before RFC 2554, is
 * nothing to libcurl. */
static bool
is_offer(const char *line, size_t n, const char *keyword)
{
	size_t end = 4 + strlen(keyword);
	return n > end && text_ncasecmp(line + 4, keyword, end - 4) == 0 && strchr(" \r\n", line[end]);
}

/* A line of the server: what an EHLO before STARTTLS was told, counts no more behind its 220. */
static void
note_offer(struct sending *s, const char *line, size_t n)
{
	if (n >= 3 && memcmp(line, "220", 3) == 0)
		s->greeted = s->auth = s->starttls = false;
	if (n < 3 || memcmp(line, "250", 3) != 0)
		return;
	s->greeted = true;
	s->auth = s->auth || is_offer(line, n, "AUTH");
	s->starttls = s->starttls || is_offer(line, n, "STARTTLS");
}

/* libcurl goes on without a login where none is offered, and then most servers refuse the mail. NULL: that is not so. */
static const char *
no_login(const struct sending *s)
{
	if (!s->login || !s->greeted || s->auth)
		return NULL;
	return s->starttls ? "offers no login without TLS (set smtp_tls = required and the name in its certificate, or "
			     "smtp_username = -)"
			   : "offers no login (set smtp_username = - if it needs none)";
}

static int
hear(CURL *curl, curl_infotype type, char *data, size_t size, void *ctx)
{
	(void)curl;
	struct sending *s = ctx;
	if (type != CURLINFO_TEXT)
		s->moved = imap_now();
	if (type == CURLINFO_HEADER_IN)
		note_offer(s, data, size);
	s->quit |= type == CURLINFO_HEADER_OUT && size >= 4 && memcmp(data, "QUIT", 4) == 0;
	if (type == CURLINFO_HEADER_IN && size > 3 && !s->quit) {
		size_t n = size < sizeof s->reply ? size : sizeof s->reply - 1;
		memcpy(s->reply, data, n);
		s->reply[n] = '\0';
		s->reply[strcspn(s->reply, "\r\n")] = '\0';
		hide_addresses(s->reply + 3);
	}
	return 0;
}

/* Nothing in an address may end the line or the path that it is put into, or be an option of the program that gets it. */
static bool
is_address(const char *s, bool argument)
{
	size_t n = strlen(s);
	if (n == 0 || n > 320 || (argument && s[0] == '-') || !text_is_utf8(s, n))
		return false;
	for (; *s; s++) {
		unsigned char b = (unsigned char)*s;
		if (b <= ' ' || b == 0x7f || b == '<' || b == '>')
			return false;
	}
	return true;
}

static bool
credentials(CURL *curl, struct backend_session *s, struct arena *a, struct sending *state)
{
	const struct imap_settings *set = &s->b->set;
	const char *template = set->smtp_username ? set->smtp_username : set->username;
	if (strcmp(template, "-") == 0)
		return true;
	const char *name = text_expand(a, template, s->user, set->domain);
	const char *mechanisms = set->smtp_auth_mechanism ? set->smtp_auth_mechanism : IMAP_PASSWORD_MECHANISMS;
	state->login = true;
	return name && curl_easy_setopt(curl, CURLOPT_LOGIN_OPTIONS, mechanisms) == CURLE_OK &&
		curl_easy_setopt(curl, CURLOPT_USERNAME, name) == CURLE_OK &&
		curl_easy_setopt(curl, CURLOPT_PASSWORD, s->password) == CURLE_OK;
}

static bool
set_up(CURL *curl, struct backend_session *s, struct sending *state, char *error)
{
	struct arena *a AUTO(arena_free) = arena_new(16384);
	const struct backend *b = s->b;
	bool ok = a && imap_curl_common(curl, b, b->smtp_tls, &state->dial) && credentials(curl, s, a, state);
	state->set = &b->set;
	state->moved = state->dial.until; /* connecting has its own time */
	state->until = state->dial.until + 5 * (int64_t)b->set.answer * 1000 + (int64_t)state->left * 1000 / IMAP_SLOWEST;
	/* One limit for all answers, the last one too: give_up() knows them apart. */
	ok = ok && curl_easy_setopt(curl, CURLOPT_SERVER_RESPONSE_TIMEOUT, (long)(b->set.answer + b->set.accept)) ==
		CURLE_OK;
	ok = ok && curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, give_up) == CURLE_OK;
	ok = ok && curl_easy_setopt(curl, CURLOPT_XFERINFODATA, state) == CURLE_OK;
	ok = ok && curl_easy_setopt(curl, CURLOPT_URL, b->smtp_url) == CURLE_OK;
	ok = ok && curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "smtp,smtps") == CURLE_OK;
	ok = ok && curl_easy_setopt(curl, CURLOPT_VERBOSE, 1L) == CURLE_OK;
	ok = ok && curl_easy_setopt(curl, CURLOPT_DEBUGFUNCTION, hear) == CURLE_OK;
	ok = ok && curl_easy_setopt(curl, CURLOPT_DEBUGDATA, state) == CURLE_OK;
	return ok && curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, error) == CURLE_OK;
}

static enum err
judge(const struct backend *b, CURLcode code, const struct sending *state, const char *error, struct error *e)
{
	if (code == CURLE_OK)
		return ERR_OK;
	if (state->stopped)
		return err_set(e, state->stopped, "sending was given up");
	if (code == CURLE_ABORTED_BY_CALLBACK)
		return err_set(e, ERR_UNAVAILABLE, imap_dial_late(&state->dial) ? "cannot connect to %s in time" :
			"%s does not answer in time", b->smtp_url);
	if (code == CURLE_OUT_OF_MEMORY)
		return err_set(e, ERR_NOMEM, "no memory to send mail");
	/* The mail server let the user in: refused here is a fault of the configuration, and the mail must not be
	 * lost for it. */
	if (code == CURLE_LOGIN_DENIED)
		return err_set(e, ERR_UNAVAILABLE, "%s refuses the login (smtp_username in [imap]): %s", b->smtp_url,
			state->reply);
	/* A greeting or EHLO that is refused concerns us; 530 and 538 ask for a login or for TLS: not the mail's
	 * fault either. */
	bool greeting = !state->told && (code == CURLE_WEIRD_SERVER_REPLY || code == CURLE_REMOTE_ACCESS_DENIED);
	bool ours = greeting || text_starts(state->reply, "530") || text_starts(state->reply, "538");
	const char *hint = no_login(state) ? no_login(state) : "";
	if (state->reply[0] == '5' && !ours)
		return err_set(e, ERR_DENIED, "%s %s%srefused the mail: %s", b->smtp_url, hint, *hint ? " and " : "", state->reply);
	if (state->reply[0] == '5' || state->reply[0] == '4')
		return err_set(e, ERR_UNAVAILABLE, "%s%s%s: %s", b->smtp_url, *hint ? " " : "", hint, state->reply);
	return err_set(e, ERR_UNAVAILABLE, "%s: %s", b->smtp_url, error[0] ? error : curl_easy_strerror(code));
}

/* libcurl writes the domain of an address as DNS has it (IDNA) in a locale of UTF-8 only, and cpush runs in none. */
static CURLcode
perform(CURL *curl)
{
	locale_t utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
	locale_t before = utf8 ? uselocale(utf8) : (locale_t)0;
	CURLcode code = curl_easy_perform(curl);
	if (utf8) {
		uselocale(before);
		freelocale(utf8);
	}
	return code;
}

static enum err
upload(struct backend_session *s, CURL *curl, const struct backend_mail *mail, struct sending *state, struct error *e)
{
	struct curl_slist *to AUTO(slist_done) = NULL;
	char error[CURL_ERROR_SIZE] = "";
	bool ok = set_up(curl, s, state, error);
	for (size_t i = 0; i < mail->n && ok; i++) {
		struct curl_slist *more = curl_slist_append(to, mail->to[i]);
		ok = more != NULL;
		to = more ? more : to;
	}
	uint64_t limit = s->b->set.connect + 5 * s->b->set.answer + state->left / IMAP_SLOWEST + s->b->set.accept;
	ok = ok && curl_easy_setopt(curl, CURLOPT_MAIL_FROM, mail->from) == CURLE_OK;
	ok = ok && curl_easy_setopt(curl, CURLOPT_MAIL_RCPT, to) == CURLE_OK;
	ok = ok && curl_easy_setopt(curl, CURLOPT_UPLOAD, 1L) == CURLE_OK;
	ok = ok && curl_easy_setopt(curl, CURLOPT_INFILESIZE_LARGE, (curl_off_t)state->left) == CURLE_OK;
	ok = ok && curl_easy_setopt(curl, CURLOPT_READFUNCTION, give) == CURLE_OK;
	ok = ok && curl_easy_setopt(curl, CURLOPT_READDATA, state) == CURLE_OK;
	ok = ok && curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)(limit * 1000)) == CURLE_OK;
	if (!ok)
		return err_set(e, ERR_NOMEM, "no memory to send mail");
	CURLcode code = perform(curl);
	curl_off_t sent = 0;
	if (curl_easy_getinfo(curl, CURLINFO_SIZE_UPLOAD_T, &sent) == CURLE_OK)
		count_add(COUNT_SMTP_OUT, (uint64_t)sent);
	return judge(s->b, code, state, error, e);
}

enum err
imap_send(struct backend_session *s, const struct backend_mail *mail, enum err (*sending)(void *ctx), void *ctx,
	struct error *e)
{
	bool program = s->b->set.sendmail != NULL;
	bool ok = mail->n > 0 && mail->bytes.len > 0 && is_address(mail->from, program);
	for (size_t i = 0; i < mail->n && ok; i++)
		ok = is_address(mail->to[i], program);
	if (!ok)
		return err_set(e, ERR_INVALID, "a mail without usable addresses or without a text");
	if (program)
		return imap_sendmail(s->b, mail, sending, ctx, e);
	if (!s->b->smtp_url)
		return err_set(e, ERR_UNSUPPORTED, "neither smtp nor sendmail is set in [imap]: mail cannot be sent");
	CURL *curl AUTO(curl_done) = curl_easy_init();
	struct sending state = { .crlf = { .in = mail->bytes }, .left = imap_crlf_size(mail->bytes), .sending = sending,
		.ctx = ctx };
	return curl ? upload(s, curl, mail, &state, e) : err_set(e, ERR_NOMEM, "no memory to send mail");
}

enum err
imap_smtp_probe(struct backend_session *s, struct error *e)
{
	CURL *curl AUTO(curl_done) = curl_easy_init();
	struct sending state = { .told = false };
	char error[CURL_ERROR_SIZE] = "";
	if (!curl || !set_up(curl, s, &state, error) || curl_easy_setopt(curl, CURLOPT_CONNECT_ONLY, 1L) ||
		curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)((s->b->set.connect + s->b->set.answer) * 1000)))
		return err_set(e, ERR_NOMEM, "no memory to ask the SMTP server");
	enum err err = judge(s->b, curl_easy_perform(curl), &state, error, e);
	if (!err && no_login(&state))
		err = err_set(e, ERR_UNAVAILABLE, "%s %s", s->b->smtp_url, no_login(&state));
	return err;
}
