/* The reader of responses: what it takes, however the bytes are cut, and what it refuses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "backend/backend.h"
#include "backend/imap/response.h"

/* Bytes that come in two pieces, cut at `cut`; then `filler` without end, if there is one. */
struct source {
	const char *text;
	size_t n, pos, cut;
	const char *filler;
	size_t given; /* bytes of filler */
};

static enum err
from_source(void *ctx, void *p, size_t room, size_t *n_r)
{
	struct source *s = ctx;
	size_t end = s->pos < s->cut ? s->cut : s->n;
	size_t n = end - s->pos;
	if (n > room)
		n = room;
	if (n == 0 && s->filler) {
		size_t len = strlen(s->filler);
		for (size_t i = 0; i < room; i++)
			((char *)p)[i] = s->filler[(s->given + i) % len];
		s->given += room;
		*n_r = room;
		return ERR_OK;
	}
	if (n == 0)
		return ERR_UNAVAILABLE;
	memcpy(p, s->text + s->pos, n);
	s->pos += n;
	*n_r = n;
	return ERR_OK;
}

/* What a response was, as text that can be compared. */
static void
tell(struct buf *out, const struct imap_response *r)
{
	buf_printf(out, "%d %u %d [%s] {%s} %s %u %s %c %x|", (int)r->kind, r->tag, (int)r->status, r->code, r->text,
		r->words ? r->words : "", r->number, r->name ? r->name : "", r->delimiter ? r->delimiter : '-', r->attrs);
	buf_printf(out, "%llu %llu %llu %llu %llu %x|", (unsigned long long)r->counts.messages, (unsigned long long)r->counts.uidnext,
		(unsigned long long)r->counts.uidvalidity, (unsigned long long)r->counts.unseen, (unsigned long long)r->counts.modseq,
		r->counts.has);
	for (size_t i = 0; i < r->set.n; i++)
		buf_printf(out, "%u:%u,", r->set.list[i].lo, r->set.list[i].hi);
	buf_printf(out, "%d %llu|%u %x %llu %llu %lld %d ", r->earlier, (unsigned long long)r->count, r->fetch.uid, r->fetch.flags,
		(unsigned long long)r->fetch.size, (unsigned long long)r->fetch.modseq, (long long)r->fetch.date, r->fetch.nil_body);
	for (size_t i = 0; i < r->fetch.n_keywords; i++)
		buf_printf(out, "<%s>", r->fetch.keywords[i]);
	buf_printf(out, "%zu:%.*s", r->fetch.body.len, (int)r->fetch.body.len, r->fetch.body.len ? (const char *)r->fetch.body.ptr : "");
	for (const struct imap_space *s = r->spaces; s; s = s->next)
		buf_printf(out, " (%s %c %d)", s->prefix, s->delimiter, s->shared);
	buf_add_str(out, "\n");
}

/* Reads all responses of a text cut there; the error that ended it comes last. */
static void
read_all(struct source *src, uint64_t spool_above, struct buf *out)
{
	struct imap_lex l;
	struct arena *a = arena_new(1 << 20);
	imap_lex_init(&l, from_source, src);
	l.spool_above = spool_above;
	enum err err;
	do {
		struct imap_response r;
		err = imap_response_read(&l, a, 100000, &r);
		if (!err)
			tell(out, &r);
		imap_response_finish(&r);
		arena_rewind(a, (struct arena_mark){ NULL, 0, NULL });
	} while (!err);
	buf_printf(out, "%s", err_name(err));
	imap_lex_finish(&l);
	arena_free(&a);
}

static const char session[] =
	"* OK [CAPABILITY IMAP4rev1] hello\r\n"
	"+ idling\r\n"
	"* CAPABILITY IMAP4rev1 IDLE\r\n"
	"* LIST (\\HasNoChildren \\Sent) \"/\" \"Sent \\\"x\\\\\"\r\n"
	"* LIST (\\Noselect) NIL {3}\r\na\"b\r\n"
	"* LIST () \".\" INBOX.x (\"CHILDINFO\" (\"SUBSCRIBED\"))\r\n"
	"* STATUS \"Sent\" (MESSAGES 3 X-OTHER (1 2) UIDNEXT 7 UIDVALIDITY 9 UNSEEN 1 HIGHESTMODSEQ 12345678901234)\r\n"
	"* SEARCH 1 2 3 7 9 (MODSEQ 5)\r\n"
	"* SEARCH\r\n"
	"* ESEARCH (TAG \"A7\") UID ALL 1:3,7 COUNT 4\r\n"
	"* ESEARCH (TAG \"A7\")\r\n"
	"* VANISHED (EARLIER) 1:5,9\r\n"
	"* VANISHED 7\r\n"
	"* 5 EXISTS\r\n* 3 EXPUNGE\r\n* 0 RECENT\r\n"
	"* 2 FETCH (UID 7 FLAGS (\\Seen \\Recent $label1 Red&ACA-Cat) MODSEQ (77) INTERNALDATE \"17-Jul-1996 02:44:25 -0700\" "
	"RFC822.SIZE 12 BODY[] {12}\r\nA: b\r\n\r\n)\r\n1)\r\n"
	"* 3 FETCH (BODY[HEADER.FIELDS (TO \"CC\")]<0> {2}\r\n\r\n BODY[] NIL UID 8 X (a (b {1}\r\nc) NIL))\r\n"
	"* 4 FETCH (BODY[] \"quo\\\"ted\" UID 9)\r\n"
	"* NAMESPACE ((\"INBOX.\" \".\" \"X\" (\"y\"))) ((\"user/\" \"/\")) NIL\r\n"
	"* MYRIGHTS \"x y\" lrs\r\n"
	"* X-THING it's \"odd {5}\r\nhello {2}and {1+}\r\nx\r\n"
	"* BYE [UNAVAILABLE] going\r\n"
	"* LIST () \"/\" ~old\r\n"
	"* 5 FETCH (FLAGS (~later ~ \\Seen) X (~w ~{3}\r\n(\")) BODY[] ~{4}\r\n~~)\r UID 10)\r\n"
	"A7 OK [COPYUID 1 2 3] done\r\n"
	"A8 NO\r\n"
	"A9 BAD [BADCHARSET (UTF-8)] what\r\n";

static void
every_cut_gives_the_same(void **state)
{
	(void)state;
	struct buf whole, cut;
	buf_init(&whole, 0);
	buf_init(&cut, 0);
	struct source src = { session, sizeof session - 1, 0, 0, NULL, 0 };
	read_all(&src, 1 << 20, &whole);
	const char *text = buf_str(&whole);
	assert_non_null(strstr(text, "unavailable")); /* ends at the end, not before */
	assert_non_null(strstr(text, "12:A: b"));
	for (size_t i = 1; i < sizeof session - 1; i++) {
		buf_reset(&cut);
		src = (struct source){ session, sizeof session - 1, 0, i, NULL, 0 };
		read_all(&src, i % 2 ? 4 : 1 << 20, &cut); /* every other one through a file */
		assert_string_equal(buf_str(&cut), text);
	}
	buf_finish(&whole);
	buf_finish(&cut);
}

static void
every_truncation_is_an_error(void **state)
{
	(void)state;
	struct buf out;
	buf_init(&out, 0);
	for (size_t i = 0; i < sizeof session - 1; i++) {
		buf_reset(&out);
		struct source src = { session, i, 0, 0, NULL, 0 };
		read_all(&src, 1 << 20, &out);
		assert_non_null(strstr(buf_str(&out), "unavailable"));
	}
	buf_finish(&out);
}

static struct arena *arena;
static struct imap_lex lex;

static int
setup(void **state)
{
	(void)state;
	arena = arena_new(1 << 20);
	return arena ? 0 : -1;
}

static int
teardown(void **state)
{
	(void)state;
	imap_lex_finish(&lex);
	arena_free(&arena);
	return 0;
}

static enum err
read_one(struct source *src, struct imap_response *r)
{
	src->n = strlen(src->text);
	imap_lex_finish(&lex);
	imap_lex_init(&lex, from_source, src);
	return imap_response_read(&lex, arena, 100000, r);
}

static void
fetch_is_understood(void **state)
{
	(void)state;
	struct imap_response r;
	struct source src = { .text = "* 2 FETCH (UID 7 FLAGS (\\Seen $Forwarded \\Deleted a b) MODSEQ (77) BODY[] {3}\r\nxyz)\r\n" };
	assert_int_equal(read_one(&src, &r), ERR_OK);
	assert_int_equal(r.kind, RESP_FETCH);
	assert_int_equal(r.number, 2);
	assert_int_equal(r.fetch.uid, 7);
	assert_int_equal(r.fetch.flags, FLAG_SEEN | FLAG_FORWARDED | IMAP_FLAG_DELETED);
	assert_int_equal(r.fetch.n_keywords, 2);
	assert_string_equal(r.fetch.keywords[1], "b");
	assert_null(r.fetch.keywords[2]);
	assert_int_equal(r.fetch.modseq, 77);
	assert_int_equal(r.fetch.body.len, 3);
	imap_response_finish(&r);
}

/* RFC 3501, 9: "[" may stand in any atom; only in the section of a FETCH item does it open something. */
static void
brackets_stand_in_words(void **state)
{
	(void)state;
	struct imap_response r;
	struct source status = { .text = "* STATUS a[b (MESSAGES 3)\r\n" };
	assert_int_equal(read_one(&status, &r), ERR_OK);
	assert_string_equal(r.name, "a[b");
	assert_int_equal(r.counts.messages, 3);
	struct source rights = { .text = "* MYRIGHTS [b lrs\r\n" };
	assert_int_equal(read_one(&rights, &r), ERR_OK);
	assert_string_equal(r.name, "[b");
	assert_string_equal(r.words, "lrs");
	struct source fetch = { .text = "* 2 FETCH (FLAGS (x[y \\Seen) BODY[HEADER.FIELDS (TO)]<0> \"\" X (a[ b) UID 7)\r\n" };
	assert_int_equal(read_one(&fetch, &r), ERR_OK);
	assert_int_equal(r.fetch.n_keywords, 1);
	assert_string_equal(r.fetch.keywords[0], "x[y");
	assert_int_equal(r.fetch.flags, FLAG_SEEN);
	assert_int_equal(r.fetch.uid, 7);
	imap_response_finish(&r);
}

/* RFC 3516: "~" before a "{" makes it a literal8; elsewhere it is as good as any letter. */
static void
tildes_begin_words(void **state)
{
	(void)state;
	struct imap_response r;
	struct source list = { .text = "* LIST () \"/\" ~old\r\n" };
	assert_int_equal(read_one(&list, &r), ERR_OK);
	assert_string_equal(r.name, "~old");
	struct source fetch = { .text = "* 2 FETCH (FLAGS (~later ~) X (~w ~{3}\r\n(\")) BODY[] ~{3}\r\n~~) UID 7)\r\n" };
	assert_int_equal(read_one(&fetch, &r), ERR_OK);
	assert_int_equal(r.fetch.n_keywords, 2);
	assert_string_equal(r.fetch.keywords[0], "~later");
	assert_string_equal(r.fetch.keywords[1], "~");
	assert_int_equal(r.fetch.body.len, 3);
	assert_memory_equal(r.fetch.body.ptr, "~~)", 3);
	assert_int_equal(r.fetch.uid, 7);
	imap_response_finish(&r);
}

static void
many_keywords(void **state)
{
	(void)state;
	struct imap_response r;
	struct buf text;
	buf_init(&text, 0);
	buf_add_str(&text, "* 2 FETCH (FLAGS (");
	for (unsigned i = 0; i < 1000; i++)
		buf_printf(&text, " k%u", i);
	buf_add_str(&text, "))\r\n");
	struct source src = { .text = buf_str(&text) };
	assert_int_equal(read_one(&src, &r), ERR_OK);
	assert_int_equal(r.fetch.n_keywords, 256);
	for (unsigned i = 0; i < 256; i++) {
		char word[8];
		snprintf(word, sizeof word, "k%u", i);
		assert_string_equal(r.fetch.keywords[i], word);
	}
	assert_null(r.fetch.keywords[256]);
	buf_finish(&text);
}

static void
malformed_is_refused(void **state)
{
	static const char *const bad[] = {
		"\r\n", "*\r\n", "* 1\r\n", "* 99999999999 EXISTS\r\n", "* 1 FETCH\r\n", "* 1 FETCH (UID)\r\n", "* 1 FETCH (UID 5\r\n",
		"* 1 FETCH (UID 4294967296)\r\n", "* 1 FETCH (FLAGS \\Seen)\r\n", "* 1 FETCH (FLAGS ((\\Seen)))\r\n",
		"* 1 FETCH (MODSEQ 7)\r\n", "* 1 FETCH (BODY[] word)\r\n", "* 1 FETCH (BODY[] {99999999999999999999}\r\n",
		"* 1 FETCH (BODY[] {5x}\r\nhello)\r\n", "* 1 FETCH (BODY[ {5}\r\nhello)\r\n", "* LIST x\r\n", "* LIST () \"/\r\n\" x\r\n",
		"* STATUS x y\r\n", "* STATUS x (MESSAGES)\r\n", "* VANISHED\r\n", "* VANISHED 1,,2\r\n", "* ESEARCH ALL x\r\n",
		"B1 OK what\r\n", "A1 MAYBE\r\n", "A OK\r\n", "* NAMESPACE ((x)) NIL NIL\r\n",
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct imap_response r;
		struct source src = { .text = bad[i] };
		enum err err = read_one(&src, &r);
		if (err != ERR_PEER)
			fail_msg("%s gives %s", bad[i], err_name(err));
	}
}

static void
nesting_is_bounded(void **state)
{
	(void)state;
	struct imap_response r;
	struct source src = { .text = "* 1 FETCH (X ", .filler = "(" };
	assert_int_equal(read_one(&src, &r), ERR_PEER);
}

static void
endless_lines_end(void **state)
{
	static const char *const begins[] = { "* OK ", "* ", "A1 OK ", "* 1 FETCH (X \"", "* CAPABILITY ", "* LIST () \"/\" \"",
		"* 1 FETCH (FLAGS (", "+ ", "* SEARCH", "* VANISHED 1", "* X " };
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(begins); i++) {
		struct imap_response r;
		struct source src = { .text = begins[i], .filler = i == 6 ? "x " : i == 8 ? " 7" : i == 9 ? ",7" : "y" };
		enum err err = read_one(&src, &r);
		if (err != ERR_PEER && err != ERR_NOMEM)
			fail_msg("%s gives %s", begins[i], err_name(err));
		assert_true(src.given < (size_t)32 * 1024 * 1024);
	}
}

static void
literals_are_bounded_by_what_is_wanted(void **state)
{
	static const char *const large[] = { "* 1 FETCH (BODY[] {4294967296}\r\n", "* 1 FETCH (BODY[] {100001}\r\n",
		"* 1 FETCH (BODY[] {9223372036854775807}\r\n", "* LIST () \"/\" {70000}\r\n" };
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(large); i++) {
		struct imap_response r;
		struct source src = { .text = large[i], .filler = "x" };
		assert_int_equal(read_one(&src, &r), ERR_LIMIT);
		assert_int_equal(src.given, 0);
	}
}

static void
large_literals_are_mapped(void **state)
{
	(void)state;
	struct buf text;
	struct imap_response r;
	buf_init(&text, 0);
	buf_add_str(&text, "* 1 FETCH (BODY[] {90000}\r\n");
	for (unsigned i = 0; i < 9000; i++)
		buf_printf(&text, "%08u\r\n", i);
	buf_add_str(&text, " UID 3)\r\n");
	struct source src = { .text = buf_str(&text), .n = text.len };
	imap_lex_init(&lex, from_source, &src);
	lex.spool_above = 50000;
	assert_int_equal(imap_response_read(&lex, arena, 100000, &r), ERR_OK);
	assert_true(r.fetch.body.mapped);
	assert_int_equal(r.fetch.body.len, 90000);
	assert_memory_equal(r.fetch.body.ptr, "00000000\r\n", 10);
	assert_memory_equal(r.fetch.body.ptr + 89990, "00008999\r\n", 10);
	assert_int_equal(r.fetch.uid, 3);
	imap_response_finish(&r);
	src.pos = 0;
	imap_lex_finish(&lex);
	imap_lex_init(&lex, from_source, &src);
	lex.spool_above = 50000;
	lex.spool_dir = "/nonexistent";
	assert_int_equal(imap_response_read(&lex, arena, 100000, &r), ERR_NOMEM);
	buf_finish(&text);
}

static void
sets(void **state)
{
	(void)state;
	struct imap_uidset s = { NULL, 0, 0, false };
	assert_true(imap_uidset_parse(&s, "1:4,5,9:7,*"));
	assert_int_equal(s.n, 3);
	assert_int_equal(s.list[0].hi, 5);
	assert_int_equal(s.list[1].lo, 7);
	assert_int_equal(imap_uidset_count(&s), 9);
	imap_uidset_finish(&s);
	static const char *const bad[] = { "x", "1:", "1,", ":2", "1;2", "99999999999" };
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		bool ok = imap_uidset_parse(&s, bad[i]);
		imap_uidset_finish(&s);
		if (ok && strcmp(bad[i], "1,") != 0)
			fail_msg("%s was taken", bad[i]);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_cut_gives_the_same),
		cmocka_unit_test(every_truncation_is_an_error),
		cmocka_unit_test_setup_teardown(fetch_is_understood, setup, teardown),
		cmocka_unit_test_setup_teardown(brackets_stand_in_words, setup, teardown),
		cmocka_unit_test_setup_teardown(tildes_begin_words, setup, teardown),
		cmocka_unit_test_setup_teardown(many_keywords, setup, teardown),
		cmocka_unit_test_setup_teardown(malformed_is_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(nesting_is_bounded, setup, teardown),
		cmocka_unit_test_setup_teardown(endless_lines_end, setup, teardown),
		cmocka_unit_test_setup_teardown(literals_are_bounded_by_what_is_wanted, setup, teardown),
		cmocka_unit_test_setup_teardown(large_literals_are_mapped, setup, teardown),
		cmocka_unit_test(sets),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
