/* Mails made to cost: whatever stands in them, what is made of them is bounded, by counts and memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>

#include "base/text.h"
#include "mail_case.h"

#define SIZE ((size_t)2 << 20)
#define HEAD "From: a@x\r\nSubject: s\r\n"

struct hostile {
	const char *head, *piece, *tail;
	size_t size; /* the piece is repeated up to it; 0: once */
};

static const struct hostile mails[] = {
	/* RFC 2231 */
	{ HEAD "Content-Type: image/png;\r\n name*0=a;\r\n name*4294967295=b;\r\n name*99999999999999999999=c", "", "\r\n\r\nx", 0 },
	{ HEAD "Content-Type: image/png;\r\n name*0*=utf-8''a;\r\n name*7*=b;\r\n name*-1=c;\r\n name*00=d", "", "\r\n\r\nx", 0 },
	{ HEAD "Content-Type: image/png", ";\r\n name*1*=%ff%fe", "\r\n\r\nx", 100000 },
	{ HEAD "Content-Disposition: attachment; filename*=no-such-charset'xx'", "%e4", "\r\n\r\nx", 100000 },
	/* charsets that do not exist */
	{ HEAD "Content-Type: text/plain; charset=\"no such; charset\"\r\n\r\n", "gr\xfc\xdf ", "", 100000 },
	{ HEAD "Content-Type: text/html; charset=utf-7\r\n\r\n", "+ADw-script+AD4-", "", 100000 },
	/* encodings */
	{ HEAD "Content-Type: application/x\r\nContent-Transfer-Encoding: base64\r\n\r\n", "*&^!=\xff\r\n", "", SIZE },
	{ HEAD "Content-Transfer-Encoding: base64\r\n\r\n", "====", "", SIZE },
	{ HEAD "Content-Transfer-Encoding: quoted-printable\r\n\r\n", "=", "", SIZE },
	{ HEAD "Content-Transfer-Encoding: x-uuencode\r\n\r\nbegin 644 ../../a\r\n", "M", "", SIZE },
	{ HEAD "\r\n", "begin 644 a\r\n#86)C\r\n`\r\nend\r\n", "", SIZE },
	/* lines and fields without end */
	{ HEAD "X-Long: ", "x", "", SIZE },
	{ HEAD, "X-Many: 1\r\n", "\r\nbody", SIZE },
	{ HEAD "To: a@b", ",\r\n a@b", "\r\n\r\nbody", SIZE },
	{ HEAD "To: a", ",a", "\r\n\r\nbody", SIZE },
	{ HEAD "To: a", ",<a@b", "\r\n\r\nbody", SIZE },
	{ HEAD "References:", " <a@b>", "\r\n\r\nbody", SIZE },
	{ HEAD "Subject: ", "=?utf-8?b?w7w=?= ", "\r\n\r\nbody", SIZE },
	{ HEAD "Content-Type: text/plain", "; a=b", "\r\n\r\nbody", SIZE },
	/* boundaries and nesting */
	{ HEAD "Content-Type: multipart/mixed; boundary=a\r\n\r\n", "--a\r\nContent-Type: multipart/mixed; boundary=a\r\n\r\n", "", SIZE },
	{ HEAD "Content-Type: multipart/mixed; boundary=a\r\n\r\n", "--a\r\nContent-Type: multipart/mixed; boundary=aa\r\n\r\n--aa\r\n\r\nx\r\n", "",
		SIZE },
	{ HEAD "Content-Type: multipart/mixed; boundary=a\r\n\r\n", "--a--\r\n--a\r\n", "", SIZE },
	{ HEAD, "Content-Type: message/rfc822\r\n\r\n", "body", SIZE },
	{ HEAD "Content-Type: multipart/mixed; boundary=\"\"\r\n\r\n", "--\r\n", "", SIZE },
};

static struct slice
make(struct buf *out, const struct hostile *h)
{
	buf_init(out, 0);
	buf_add_str(out, h->head);
	do
		buf_add_str(out, h->piece);
	while (out->len < h->size);
	buf_add_str(out, h->tail);
	return buf_slice(out);
}

static void
what_is_made_of_it_is_bounded(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(mails); i++) {
		AUTO(buf_finish) struct buf in;
		AUTO(arena_free) struct arena *a = arena_new(0);
		struct slice mail = make(&in, &mails[i]);
		struct mime_addresses l;
		struct mime_body body;
		struct mime *m;

		assert_int_equal(mime_open(a, mail, &m, NULL), ERR_OK);
		assert_int_equal(mime_body(a, m, &body), ERR_OK);
		assert_int_equal(mime_addresses(a, m->root->header, "To", &l), ERR_OK);
		assert_true(m->n_attachments <= MIME_PARTS);
		for (size_t j = 0; j < m->n_attachments; j++) {
			const char *name = mime_attachment_name(a, m->attachments[j]);

			assert_true(*name && strlen(name) <= 1000 && text_is_utf8(name, strlen(name)) && !strpbrk(name, "/\\\r\n\""));
		}
		if (arena_size(a) > 16 * mail.len + ((size_t)4 << 20))
			fail_msg("mail %zu of %zu bytes takes %zu", i, mail.len, arena_size(a));
	}
}

/* Fields of attachments that a phone fills in: no further field, no second value. */
static void
fields_of_attachments_cannot_be_forged(void **state)
{
	static const char *const bad[] = { "a\r\nX-Evil: 1", "a\nX-Evil: 1", "a\r\n\r\nX-Evil: 1", "a\"; x=\"b\r\nX-Evil: 1", "a>\r\nX-Evil: 1",
		"\xff\r\nX-Evil: 1", "\xc3\xbc\r\nX-Evil: 1" };
	struct mail_case *c = *state;

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		AUTO(buf_finish) struct buf out;
		struct mime_node *n = mime_node(c->a, MIME_NODE_FILE, "application/x", slice_str("bytes"));
		struct mime *m;

		n->name = n->content_id = n->location = bad[i];
		buf_init(&out, 0);
		mime_write(c->a, slice_str("Subject: s\r\n"), n, "seed", &out);
		assert_int_equal(mime_open(c->a, buf_slice(&out), &m, NULL), ERR_OK);
		assert_null(mime_field(c->a, m->root->header, "X-Evil"));
		assert_null(memmem(out.data, out.len, "\nX-Evil", 7));
		assert_int_equal(m->n_attachments, 1);
		assert_string_equal(m->attachments[0]->type, "application/x");
	}
}

int
main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, mail_case_setup, mail_case_teardown)
	const struct CMUnitTest tests[] = { CASE(what_is_made_of_it_is_bounded), CASE(fields_of_attachments_cannot_be_forged) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
