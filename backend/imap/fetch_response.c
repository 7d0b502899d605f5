#include "backend/imap/fetch_response.h"

#include <string.h>

#include "backend/backend.h"
#include "base/text.h"

/* More keywords than that on one mail are left out. */
#define KEYWORDS_MAX 256

static const struct {
	const char *word;
	unsigned flag; /* 0: known and of no interest */
} flags[] = {
	{ "\\Seen", FLAG_SEEN },
	{ "\\Answered", FLAG_ANSWERED },
	{ "\\Flagged", FLAG_FLAGGED },
	{ "\\Draft", FLAG_DRAFT },
	{ "\\Deleted", IMAP_FLAG_DELETED },
	{ "\\Recent", 0 },
	{ "$Forwarded", FLAG_FORWARDED },
};

static bool
add_flag(struct arena *a, const char *word, struct imap_fetch *f)
{
	for (size_t i = 0; i < ARRAY_LEN(flags); i++) {
		if (text_casecmp(word, flags[i].word) == 0) {
			f->flags |= flags[i].flag;
			return true;
		}
	}
	if (word[0] == '\\' || f->n_keywords == KEYWORDS_MAX)
		return true;
	if (!f->keywords) {
		f->keywords = arena_array(a, 8, sizeof *f->keywords);
	} else if (f->n_keywords >= 7 && ((f->n_keywords + 1) & f->n_keywords) == 0) {
		/* 7, 15, 31 ... are in it, and the NULL: full */
		const char **more = arena_array(a, 2 * (f->n_keywords + 1), sizeof *more);
		if (more)
			memcpy(more, f->keywords, f->n_keywords * sizeof *more);
		f->keywords = more;
	}
	if (!f->keywords)
		return false;
	f->keywords[f->n_keywords++] = word;
	return true;
}

static bool
read_flags(struct imap_lex *l, struct arena *a, struct imap_fetch *f)
{
	f->has_flags = true;
	f->flags = 0;
	f->keywords = NULL;
	f->n_keywords = 0;
	if (imap_lex_token(l, a).type != TOK_OPEN)
		return false;
	for (;;) {
		struct imap_token t = imap_lex_token(l, a);
		if (t.type == TOK_CLOSE)
			return true;
		if (t.type != TOK_ATOM || !add_flag(a, t.text, f))
			return false;
	}
}

static bool
read_modseq(struct imap_lex *l, struct imap_fetch *f)
{
	f->has_modseq = true;
	return imap_lex_get(l) == '(' && imap_lex_number(l, &f->modseq) && imap_lex_get(l) == ')';
}

static bool
read_date(struct imap_lex *l, struct arena *a, struct imap_fetch *f)
{
	struct imap_token t = imap_lex_token(l, a);
	if (t.type != TOK_STRING && t.type != TOK_ATOM)
		return false;
	f->has_date = true;
	f->date = imap_date_parse(t.text);
	return true;
}

static bool
read_item(struct imap_lex *l, struct arena *a, const char *word, uint64_t body_max, struct imap_fetch *f)
{
	if (text_casecmp(word, "UID") == 0) {
		uint64_t uid;
		if (!imap_lex_number(l, &uid) || uid > UINT32_MAX)
			return false;
		f->uid = (uint32_t)uid;
		return true;
	}
	if (text_casecmp(word, "FLAGS") == 0)
		return read_flags(l, a, f);
	if (text_casecmp(word, "MODSEQ") == 0)
		return read_modseq(l, f);
	if (text_casecmp(word, "INTERNALDATE") == 0)
		return read_date(l, a, f);
	if (text_casecmp(word, "RFC822.SIZE") == 0) {
		f->has_size = true;
		return imap_lex_number(l, &f->size);
	}
	if (text_casecmp(word, "BODY[]") == 0) {
		imap_blob_free(&f->body);
		f->has_body = true;
		return imap_lex_blob(l, body_max, &f->body, &f->nil_body);
	}
	return imap_lex_skip(l);
}

bool
imap_fetch_read(struct imap_lex *l, struct arena *a, uint64_t body_max, struct imap_fetch *f)
{
	f->date = BACKEND_NO_DATE;
	if (imap_lex_token(l, a).type != TOK_OPEN)
		return false;
	for (;;) {
		struct imap_token t = imap_lex_item(l, a);
		if (t.type == TOK_CLOSE)
			return true;
		if (t.type != TOK_ATOM)
			return false;
		while (imap_lex_peek(l) == ' ')
			imap_lex_get(l);
		if (!read_item(l, a, t.text, body_max, f))
			return false;
	}
}

static bool
number(const char **p, unsigned digits, int *n_r)
{
	int n = 0;
	for (; digits > 0; digits--, (*p)++) {
		if (**p < '0' || **p > '9')
			return false;
		n = n * 10 + (**p - '0');
	}
	*n_r = n;
	return true;
}

/* Days from 1970-01-01 in the proleptic Gregorian calendar; month 1..12. */
static int64_t
days(int year, int month, int day)
{
	int64_t y = month <= 2 ? year - 1 : year;
	int64_t era = (y >= 0 ? y : y - 399) / 400;
	int64_t of_era = y - era * 400;
	int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
	return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

int64_t
imap_date_parse(const char *p)
{
	static const char months[] = "janfebmaraprmayjunjulaugsepoctnovdec";
	int day, year, hour, minute, second, zone;
	if (*p == ' ')
		p++;
	if (!number(&p, p[0] && p[1] == '-' ? 1 : 2, &day) || *p++ != '-')
		return BACKEND_NO_DATE;
	int month = 0;
	while (month < 12 && text_ncasecmp(p, months + 3 * month, 3) != 0)
		month++;
	if (month == 12 || p[3] != '-')
		return BACKEND_NO_DATE;
	p += 4;
	if (!number(&p, 4, &year) || *p++ != ' ' || !number(&p, 2, &hour) || *p++ != ':' || !number(&p, 2, &minute) ||
		*p++ != ':' || !number(&p, 2, &second) || *p++ != ' ')
		return BACKEND_NO_DATE;
	int sign = *p == '-' ? -1 : 1;
	if ((*p != '-' && *p != '+') || (p++, !number(&p, 4, &zone)) || day < 1 || day > 31 || hour > 23 ||
		minute > 59 ||
		second > 60)
		return BACKEND_NO_DATE;
	int64_t offset = sign * ((zone / 100) * 3600 + (zone % 100) * 60);
	return days(year, month + 1, day) * 86400 + hour * 3600 + minute * 60 + second - offset;
}
