#include "backend/imap/response.h"

#include <string.h>

#include "backend/backend.h"
#include "backend/imap/fetch_response.h"
#include "base/text.h"

/* Lines that name many messages, and all others. */
#define BUDGET_LONG ((size_t)16 * 1024 * 1024)
#define BUDGET ((size_t)256 * 1024)

bool
imap_code_is(const char *code, const char *word)
{
	size_t n = strlen(word);
	return text_ncasecmp(code, word, n) == 0 && (code[n] == '\0' || code[n] == ' ');
}

const char *
imap_code_last(const char *code)
{
	const char *space = strrchr(code, ' ');
	return space ? space + 1 : "";
}

static const struct {
	const char *word;
	enum imap_status status;
} states[] = {
	{ "OK", STATUS_OK },
	{ "NO", STATUS_NO },
	{ "BAD", STATUS_BAD },
	{ "BYE", STATUS_BYE },
	{ "PREAUTH", STATUS_PREAUTH },
};

static enum imap_status
status_word(const char *word)
{
	for (size_t i = 0; i < ARRAY_LEN(states); i++) {
		if (text_casecmp(word, states[i].word) == 0)
			return states[i].status;
	}
	return STATUS_NONE;
}

static void
copy(char *to, size_t room, const char *from, size_t n)
{
	if (n >= room)
		n = room - 1;
	memcpy(to, from, n);
	to[n] = '\0';
}

/* "[CODE args] text" */
static void
state_text(const char *line, struct imap_response *r)
{
	while (*line == ' ')
		line++;
	r->code[0] = '\0';
	const char *end = *line == '[' ? strchr(line, ']') : NULL;
	if (end) {
		copy(r->code, sizeof r->code, line + 1, (size_t)(end - line - 1));
		line = end + 1;
		while (*line == ' ')
			line++;
	}
	copy(r->text, sizeof r->text, line, text_cut(line, strnlen(line, sizeof r->text - 1)));
}

void
imap_response_state(const char *line, struct imap_response *r)
{
	char word[16];
	size_t n = strcspn(line, " ");
	copy(word, sizeof word, line, n);
	r->status = status_word(word);
	state_text(line + n, r);
}

static bool
read_state(struct imap_lex *l, struct imap_response *r)
{
	char line[1024];
	if (!imap_lex_line(l, line, sizeof line))
		return false;
	state_text(line, r);
	return true;
}

static bool
read_words(struct imap_lex *l, struct arena *a, struct imap_response *r)
{
	char line[8192];
	if (!imap_lex_line(l, line, sizeof line))
		return false;
	r->words = arena_strdup(a, line[0] == ' ' ? line + 1 : line);
	return r->words != NULL;
}

static const struct {
	const char *word;
	unsigned attr;
} attributes[] = {
	{ "\\Noselect", ATTR_NOSELECT },
	{ "\\NonExistent", ATTR_NOSELECT | ATTR_NONEXISTENT },
	{ "\\Drafts", ATTR_DRAFTS },
	{ "\\Sent", ATTR_SENT },
	{ "\\Trash", ATTR_TRASH },
	{ "\\Junk", ATTR_JUNK },
	{ "\\Spam", ATTR_JUNK }, /* XLIST */
	{ "\\Archive", ATTR_ARCHIVE },
	{ "\\Inbox", ATTR_INBOX },
	{ "\\Subscribed", ATTR_SUBSCRIBED },
};

static bool
read_attrs(struct imap_lex *l, struct arena *a, unsigned *attrs_r)
{
	if (imap_lex_token(l, a).type != TOK_OPEN)
		return false;
	for (;;) {
		struct imap_token t = imap_lex_token(l, a);
		if (t.type == TOK_CLOSE)
			return true;
		if (t.type != TOK_ATOM)
			return false;
		for (size_t i = 0; i < ARRAY_LEN(attributes); i++) {
			if (text_casecmp(t.text, attributes[i].word) == 0)
				*attrs_r |= attributes[i].attr;
		}
	}
}

static bool
read_name(struct imap_lex *l, struct arena *a, struct imap_response *r)
{
	struct imap_token t = imap_lex_token(l, a);
	if (t.type != TOK_ATOM && t.type != TOK_STRING)
		return false;
	r->name = t.text;
	r->name_len = t.len;
	return true;
}

static bool
read_delimiter(struct imap_lex *l, struct arena *a, char *delimiter_r)
{
	struct imap_token t = imap_lex_token(l, a);
	if (t.type != TOK_STRING && t.type != TOK_ATOM)
		return false;
	*delimiter_r = t.type == TOK_STRING && t.len == 1 ? t.text[0] : '\0';
	return true;
}

/* (\Attr ...) "/" name [extended data] */
static bool
read_list(struct imap_lex *l, struct arena *a, struct imap_response *r)
{
	return read_attrs(l, a, &r->attrs) && read_delimiter(l, a, &r->delimiter) && read_name(l, a, r) &&
		imap_lex_skip_line(l);
}

static bool
read_count(struct imap_lex *l, const char *word, struct imap_counts *c)
{
	static const char *const words[] = { "MESSAGES", "UIDNEXT", "UIDVALIDITY", "UNSEEN", "HIGHESTMODSEQ" };
	uint64_t *const fields[] = { &c->messages, &c->uidnext, &c->uidvalidity, &c->unseen, &c->modseq };
	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		if (text_casecmp(word, words[i]) == 0) {
			c->has |= 1U << i;
			return imap_lex_number(l, fields[i]);
		}
	}
	return imap_lex_skip(l);
}

static bool
read_status(struct imap_lex *l, struct arena *a, struct imap_response *r)
{
	if (!read_name(l, a, r) || imap_lex_token(l, a).type != TOK_OPEN)
		return false;
	for (;;) {
		struct imap_token t = imap_lex_token(l, a);
		if (t.type == TOK_CLOSE)
			return imap_lex_skip_line(l);
		if (t.type != TOK_ATOM || imap_lex_get(l) != ' ' || !read_count(l, t.text, &r->counts))
			return false;
	}
}

/* Numbers up to the end of the line. Exchange's habit of a space before it, and CONDSTORE's (MODSEQ n), are let
 * through. */
static bool
read_search(struct imap_lex *l, struct imap_response *r)
{
	for (;;) {
		int c = imap_lex_peek(l);
		if (c == ' ') {
			imap_lex_get(l);
		} else if (c >= '0' && c <= '9') {
			uint64_t n;
			if (!imap_lex_number(l, &n) || n > UINT32_MAX)
				return false;
			imap_uidset_add(&r->set, (uint32_t)n, (uint32_t)n);
		} else {
			return c >= 0 && imap_lex_skip_line(l);
		}
	}
}

/* A set can be longer than any string that we take, so it is read byte by byte. */
static bool
read_set(struct imap_lex *l, struct imap_uidset *set)
{
	for (;;) {
		uint64_t lo, hi;
		if (!imap_lex_number(l, &lo))
			return false;
		hi = lo;
		int c = imap_lex_peek(l);
		if (c == ':') {
			imap_lex_get(l);
			if (!imap_lex_number(l, &hi))
				return false;
			c = imap_lex_peek(l);
		}
		if (lo > UINT32_MAX || hi > UINT32_MAX)
			return false;
		imap_uidset_add(set, (uint32_t)lo, (uint32_t)hi);
		if (c != ',')
			return c >= 0;
		imap_lex_get(l);
	}
}

/* (TAG "a7") UID ALL 1:4,7 COUNT 5 */
static bool
read_esearch(struct imap_lex *l, struct arena *a, struct imap_response *r)
{
	for (;;) {
		while (imap_lex_peek(l) == ' ')
			imap_lex_get(l);
		if (imap_lex_peek(l) == '(') {
			if (!imap_lex_skip(l))
				return false;
			continue;
		}
		struct imap_token t = imap_lex_token(l, a);
		if (t.type == TOK_EOL)
			return true;
		if (t.type != TOK_ATOM)
			return false;
		if (text_casecmp(t.text, "UID") == 0)
			continue;
		if (imap_lex_get(l) != ' ')
			return false;
		if (text_casecmp(t.text, "ALL") == 0) {
			if (!read_set(l, &r->set))
				return false;
		} else if (text_casecmp(t.text, "COUNT") == 0) {
			r->has_count = true;
			if (!imap_lex_number(l, &r->count))
				return false;
		} else if (!imap_lex_skip(l)) {
			return false;
		}
	}
}

static bool
read_vanished(struct imap_lex *l, struct imap_response *r)
{
	while (imap_lex_peek(l) == ' ')
		imap_lex_get(l);
	if (imap_lex_peek(l) == '(') {
		r->earlier = true;
		if (!imap_lex_skip(l) || imap_lex_get(l) != ' ')
			return false;
	}
	return read_set(l, &r->set) && imap_lex_skip_line(l);
}

/* One of the three parts of NAMESPACE: NIL or (("prefix" "/" extensions) ...) */
static bool
read_spaces(struct imap_lex *l, struct arena *a, bool shared, struct imap_space ***tail)
{
	struct imap_token t = imap_lex_token(l, a);
	if (t.type == TOK_ATOM)
		return true;
	if (t.type != TOK_OPEN)
		return false;
	while ((t = imap_lex_token(l, a)).type == TOK_OPEN) {
		struct imap_space *s = arena_alloc(a, sizeof *s);
		t = imap_lex_token(l, a);
		if (!s || t.type != TOK_STRING || !read_delimiter(l, a, &s->delimiter))
			return false;
		s->prefix = t.text;
		s->shared = shared;
		**tail = s;
		*tail = &s->next;
		for (;;) {
			while (imap_lex_peek(l) == ' ')
				imap_lex_get(l);
			if (imap_lex_peek(l) == ')')
				break;
			if (!imap_lex_skip(l))
				return false;
		}
		imap_lex_get(l);
	}
	return t.type == TOK_CLOSE;
}

static bool
read_namespace(struct imap_lex *l, struct arena *a, struct imap_response *r)
{
	struct imap_space **tail = &r->spaces;
	return read_spaces(l, a, false, &tail) && read_spaces(l, a, true, &tail) && read_spaces(l, a, true, &tail) &&
		imap_lex_skip_line(l);
}

static bool
read_rights(struct imap_lex *l, struct arena *a, struct imap_response *r)
{
	return read_name(l, a, r) && read_words(l, a, r);
}

/* "* WORD ..." */
static bool
read_word(struct imap_lex *l, struct arena *a, const char *word, struct imap_response *r)
{
	r->status = status_word(word);
	if (r->status) {
		r->kind = RESP_STATE;
		return read_state(l, r);
	}
	static const struct {
		const char *word;
		enum imap_kind kind;
	} kinds[] = {
		{ "CAPABILITY", RESP_CAPABILITY }, { "ENABLED", RESP_ENABLED }, { "LIST", RESP_LIST },
			{ "XLIST", RESP_LIST },
		{ "LSUB", RESP_LIST }, { "STATUS", RESP_STATUS }, { "SEARCH", RESP_SEARCH }, { "ESEARCH", RESP_NONE },
		{ "VANISHED", RESP_VANISHED }, { "NAMESPACE", RESP_NAMESPACE }, { "MYRIGHTS", RESP_RIGHTS },
	};
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		if (text_casecmp(word, kinds[i].word) == 0)
			r->kind = kinds[i].kind;
	}
	switch (r->kind) {
	case RESP_CAPABILITY:
	case RESP_ENABLED:
		return read_words(l, a, r);
	case RESP_LIST:
		return read_list(l, a, r);
	case RESP_STATUS:
		return read_status(l, a, r);
	case RESP_SEARCH:
		l->budget = BUDGET_LONG;
		return read_search(l, r);
	case RESP_VANISHED:
		l->budget = BUDGET_LONG;
		return read_vanished(l, r);
	case RESP_NAMESPACE:
		return read_namespace(l, a, r);
	case RESP_RIGHTS:
		return read_rights(l, a, r);
	default:
		break;
	}
	if (text_casecmp(word, "ESEARCH") != 0)
		return imap_lex_skip_line(l);
	r->kind = RESP_SEARCH;
	l->budget = BUDGET_LONG;
	return read_esearch(l, a, r);
}

/* "* 12 EXISTS" */
static bool
read_numbered(struct imap_lex *l, struct arena *a, uint64_t body_max, struct imap_response *r)
{
	uint64_t n;
	if (!imap_lex_number(l, &n) || n > UINT32_MAX)
		return false;
	r->number = (uint32_t)n;
	struct imap_token t = imap_lex_token(l, a);
	if (t.type != TOK_ATOM)
		return false;
	if (text_casecmp(t.text, "FETCH") == 0) {
		r->kind = RESP_FETCH;
		return imap_fetch_read(l, a, body_max, &r->fetch) && imap_lex_skip_line(l);
	}
	if (text_casecmp(t.text, "EXISTS") == 0)
		r->kind = RESP_EXISTS;
	else if (text_casecmp(t.text, "EXPUNGE") == 0)
		r->kind = RESP_EXPUNGE;
	return imap_lex_skip_line(l);
}

/* Our tags are the letter A and a number. */
static bool
read_tagged(struct imap_lex *l, struct arena *a, const char *tag, struct imap_response *r)
{
	uint64_t n;
	if (tag[0] != 'A' || !text_to_u64(tag + 1, &n) || n > UINT32_MAX)
		return false;
	struct imap_token t = imap_lex_token(l, a);
	if (t.type != TOK_ATOM)
		return false;
	r->kind = RESP_TAGGED;
	r->tag = (uint32_t)n;
	r->status = status_word(t.text);
	return r->status != STATUS_NONE && read_state(l, r);
}

static bool
read_any(struct imap_lex *l, struct arena *a, uint64_t body_max, struct imap_response *r)
{
	if (imap_lex_peek(l) == '+') {
		r->kind = RESP_CONTINUE;
		return imap_lex_skip_line(l);
	}
	struct imap_token t = imap_lex_token(l, a);
	if (t.type != TOK_ATOM)
		return false;
	if (t.text[0] != '*' || t.len != 1)
		return read_tagged(l, a, t.text, r);
	while (imap_lex_peek(l) == ' ')
		imap_lex_get(l);
	int c = imap_lex_peek(l);
	if (c >= '0' && c <= '9')
		return read_numbered(l, a, body_max, r);
	t = imap_lex_token(l, a);
	return t.type == TOK_ATOM && read_word(l, a, t.text, r);
}

enum err
imap_response_read(struct imap_lex *l, struct arena *a, uint64_t body_max, struct imap_response *r)
{
	*r = (struct imap_response){ .kind = RESP_NONE };
	imap_lex_begin(l, BUDGET);
	if (read_any(l, a, body_max, r) && !r->set.failed)
		return ERR_OK;
	imap_lex_bad(l, r->set.failed ? "too many numbers in one line" : "unexpected response");
	imap_response_finish(r);
	return l->err;
}

void
imap_response_finish(struct imap_response *r)
{
	imap_uidset_finish(&r->set);
	imap_blob_free(&r->fetch.body);
}
