#include <stdlib.h>
#include <string.h>

#include "backend/imap/mailbox.h"
#include "backend/imap/utf7.h"
#include "base/hash.h"
#include "base/text.h"

#define KEYWORD_MAX 200

static const struct {
	unsigned flag;
	const char *word;
} flags_of[] = {
	{ FLAG_SEEN, "\\Seen" },
	{ FLAG_ANSWERED, "\\Answered" },
	{ FLAG_FLAGGED, "\\Flagged" },
	{ FLAG_DRAFT, "\\Draft" },
	{ FLAG_FORWARDED, "$Forwarded" },
	{ IMAP_FLAG_DELETED, "\\Deleted" },
};

char *
imap_keyword_wire(struct arena *a, const char *keyword)
{
	char *wire = keyword[0] ? imap_utf7_encode(a, keyword, true) : NULL;
	return wire && strlen(wire) <= KEYWORD_MAX ? wire : NULL;
}

const char *const *
imap_keywords(struct arena *a, const struct imap_fetch *f)
{
	const char **list = f->n_keywords ? arena_array(a, f->n_keywords + 1, sizeof *list) : NULL;
	size_t n = 0;
	for (size_t i = 0; list && i < f->n_keywords; i++) {
		const char *word = imap_utf7_decode(a, f->keywords[i], strlen(f->keywords[i]), true);
		if (!word)
			word = text_to_utf8(a, f->keywords[i], strlen(f->keywords[i]));
		if (word)
			list[n++] = word;
	}
	return list;
}

/* Is the word among the PERMANENTFLAGS? Flags that are not, a server takes for the session only, or not at all. */
static bool
is_permanent(const struct imap_box *box, const char *word)
{
	if (!box->permanent)
		return true;
	if (box->keywords && word[0] != '\\')
		return true; /* a keyword may be made */
	size_t n = strlen(word);
	for (const char *p = box->permanent; (p = strpbrk(p, " (")); ) {
		p++;
		if (text_ncasecmp(p, word, n) == 0 && (p[n] == ' ' || p[n] == ')'))
			return true;
	}
	/* The list was cut to what fits into a response code. */
	return strlen(box->permanent) >= 500;
}

static void
add_word(struct imap_cmd *cmd, const char *word, bool *first, bool check, bool *left_out)
{
	if (check && cmd->c->box.name && !is_permanent(&cmd->c->box, word)) {
		*left_out = true;
		/* Who takes any keyword may list only the flags that are in use (go-imap): worth a try, but nothing to vouch for. */
		if (!cmd->c->box.keywords)
			return;
	}
	imap_cmd_raw(cmd, *first ? "" : " ");
	imap_cmd_raw(cmd, word);
	*first = false;
}

void
imap_cmd_flags(struct imap_cmd *cmd, struct arena *a, unsigned flags, const char *const *keywords, bool removing,
	bool *left_out_r)
{
	bool first = true, left_out = false;
	imap_cmd_raw(cmd, " (");
	for (size_t i = 0; i < ARRAY_LEN(flags_of); i++) {
		if (flags & flags_of[i].flag)
			add_word(cmd, flags_of[i].word, &first, !removing, &left_out);
	}
	for (; keywords && *keywords; keywords++) {
		const char *wire = imap_keyword_wire(a, *keywords);
		if (!wire) {
			left_out = true;
			continue;
		}
		add_word(cmd, wire, &first, !removing, &left_out);
		/* A keyword of another client that only looks encoded ("R&D") goes by its own name. */
		bool plain = !strpbrk(*keywords, " (){%*\"\\]\r\n") && text_is_utf8(*keywords, strlen(*keywords));
		for (const char *p = *keywords; plain && *p; p++)
			plain = (unsigned char)*p > 0x20 && (unsigned char)*p < 0x7f;
		if (removing && plain && strcmp(wire, *keywords) != 0)
			add_word(cmd, *keywords, &first, false, &left_out);
	}
	imap_cmd_raw(cmd, ")");
	if (left_out_r)
		*left_out_r |= left_out;
}

static int
compare_words(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

char *
imap_version(struct arena *a, const struct imap_fetch *f)
{
	if (f->has_modseq)
		return arena_printf(a, "%llu", (unsigned long long)f->modseq);
	/* Over the sorted keywords: servers give them in any order. */
	const char **words = arena_array(a, f->n_keywords + 1, sizeof *words);
	if (!words)
		return NULL;
	if (f->n_keywords > 0)
		memcpy(words, f->keywords, f->n_keywords * sizeof *words);
	qsort(words, f->n_keywords, sizeof *words, compare_words);
	uint64_t hash = HASH_START;
	for (size_t i = 0; i < f->n_keywords; i++)
		hash = hash_text(hash, words[i]);
	return f->n_keywords ? arena_printf(a, "F%x-%016llx", f->flags & ~IMAP_FLAG_DELETED, (unsigned long long)hash)
	                     : arena_printf(a, "F%x", f->flags & ~IMAP_FLAG_DELETED);
}

struct peeking {
	struct arena *a;
	uint32_t uid;
	struct imap_fetch f;
	bool found;
};

/* What was read lives in the connection's scratch memory, so it is copied. */
static bool
keep(struct arena *a, struct imap_fetch *to, const struct imap_fetch *from)
{
	*to = *from;
	to->body = (struct imap_blob){ NULL, 0, false };
	if (!from->n_keywords)
		return true;
	to->keywords = arena_array(a, from->n_keywords + 1, sizeof *to->keywords);
	for (size_t i = 0; to->keywords && i < from->n_keywords; i++) {
		if (!(to->keywords[i] = arena_strdup(a, from->keywords[i])))
			return false;
	}
	return to->keywords != NULL;
}

static enum err
on_peek(void *ctx, struct imap_response *r)
{
	struct peeking *p = ctx;
	if (r->kind != RESP_FETCH || r->fetch.uid != p->uid || !r->fetch.has_flags)
		return ERR_OK;
	p->found = true;
	return keep(p->a, &p->f, &r->fetch) ? ERR_OK : ERR_NOMEM;
}

static enum err
peek(struct imap_conn *c, struct peeking *p, struct error *e)
{
	struct imap_run run = { .fn = on_peek, .ctx = p };
	struct imap_done done;
	struct imap_cmd cmd AUTO(imap_cmd_finish) = { .c = c };
	imap_cmd_begin(&cmd, c, "UID FETCH");
	imap_cmd_printf(&cmd, " %u (UID FLAGS%s)", p->uid, c->box.modseq ? " MODSEQ" : "");
	enum err err = imap_cmd_run(&cmd, &run, &done, e);
	return err ? err : imap_done_err(c, &done, "FETCH", ERR_UNAVAILABLE, e);
}

enum err
imap_peek_marked(struct imap_conn *c, struct arena *a, uint32_t uid, struct imap_fetch *f_r, struct error *e)
{
	struct peeking p = { .a = a, .uid = uid };
	struct imap_done done;
	enum err err = peek(c, &p, e);
	if (!err && !p.found) {
		/* What another connection has seen already, this one may have still to be told. */
		err = imap_run(c, "NOOP", NULL, &done, e);
		err = err ? err : peek(c, &p, e);
	}
	if (err)
		return err;
	if (!p.found)
		return err_set(e, ERR_NOTFOUND, "%s: no mail %u in this folder", c->b->host, uid);
	*f_r = p.f;
	return ERR_OK;
}

enum err
imap_peek(struct imap_conn *c, struct arena *a, uint32_t uid, struct imap_fetch *f_r, struct error *e)
{
	enum err err = imap_peek_marked(c, a, uid, f_r, e);

	if (!err && f_r->flags & IMAP_FLAG_DELETED)
		return err_set(e, ERR_NOTFOUND, "%s: mail %u of this folder is deleted", c->b->host, uid);
	return err;
}
