/* A message: rendered in three versions and as all kinds of bodies, its parts taken out by number, built anew, replied to and forwarded. */
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "eas/compose_mail.h"
#include "eas/mail.h"

#define ARENA (64u << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check(bool ok)
{
	if (!ok)
		abort();
}

static bool
has_control(struct slice s)
{
	for (size_t i = 0; i < s.len; i++) {
		if (s.ptr[i] < 0x20 && !strchr("\t\r\n", s.ptr[i]))
			return true;
	}
	return false;
}

static void
render(struct arena *a, struct slice bytes, unsigned version, unsigned type, unsigned flags)
{
	struct item_options options = { .conflict = 1, .mime_support = 2, .mime_truncation = 8, .n_prefs = 1,
		.prefs = { { .type = type, .truncation = version == 141 ? 50 : UINT32_MAX, .preview = 255 } } };
	struct item_view view = { .version = version, .options = &options, .address = "alice@example.com", .name = "Alice" };
	struct backend_item item = { .key = "1", .version = "1", .date = BACKEND_NO_DATE, .flags = flags, .bytes = bytes };
	struct wbxml_node *root = NULL;
	struct wbxml_writer w;
	struct buf out;

	buf_init(&out, 0);
	wbxml_begin(&w, &out);
	wbxml_start(&w, AirSync_ApplicationData);
	enum err err = item_mail.render(&view, a, &item, "1:1", RENDER_ADD, &w, NULL);
	wbxml_end(&w);
	check(err == ERR_OK || err == ERR_NOMEM);
	if (!err && buf_ok(&out)) {
		err = wbxml_read(a, buf_slice(&out), NULL, &root, NULL);
		check(err == ERR_OK || err == ERR_NOMEM || err == ERR_LIMIT);
	}
	buf_finish(&out);
}

/* What is listed can be fetched, is as large as was said, and has a name of its own as long as it is in a draft. */
static void
take_out(struct arena *a, const struct mime *m)
{
	const char *const *names = draft_part_names(a, m);

	for (size_t i = 0; i < m->n_attachments; i++) {
		const struct mime_part *p = m->attachments[i];
		struct buf out;

		check(mime_find(m, p->number) == p);
		check(!names || draft_part_find(m, names, names[i], NULL) == i);
		const char *name = mime_attachment_name(a, p);
		check(!name || (*name && text_is_utf8(name, strlen(name)) && !strchr(name, '/')));
		buf_init(&out, 0);
		mime_decode_range(p, 0, UINT64_MAX, &out);
		check(out.len == mime_decoded_size(p));
		buf_finish(&out);
	}
}

static void
merge(struct arena *a, const struct mime *m, const struct mime *other, enum compose_how how)
{
	struct send_parties parties = { .from = "alice@example.com" };
	struct send_stamp stamp = { .message_id = "<x@y>" };
	bool as_is = false;
	struct compose_source source = { .original = m, .how = how };
	struct mime_node *node = compose_mail_merge(a, other, &source, &as_is);
	struct buf out;

	if (!node)
		return;
	buf_init(&out, 0);
	send_write(a, other, node, &parties, &stamp, false, &out);
	for (size_t i = 0; i < out.len; i++)
		check(out.data[i] != '\n' || (i > 0 && out.data[i - 1] == '\r'));
	buf_finish(&out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const unsigned versions[] = { 121, 141, 161 }, types[] = { 1, 2, 4 };
	static const char phone[] = "To: bob@example.com\r\nSubject: Fw\r\n\r\nfyi\r\n";
	struct arena *a = arena_new(ARENA);
	struct arena_mark mark = arena_mark(a);
	struct slice bytes = slice(data, size), text;
	struct backend_identity id = { .address = "alice@example.com" };
	struct send_parties parties;
	struct mime *m, *other;
	char hash[65];

	for (size_t i = 0; i < ARRAY_LEN(versions); i++) {
		render(a, bytes, versions[i], types[(size + i) % 3], size % 2 ? FLAG_DRAFT : 0);
		arena_rewind(a, mark);
	}
	if (!mime_open(a, bytes, &m, NULL) && !mime_open(a, slice_str(phone), &other, NULL)) {
		take_out(a, m);
		if (!mime_as_text(a, m, &text) && text_is_utf8(data, size) && !has_control(bytes))
			check(text.ptr == data && text.len == size);
		send_hash("SendMail", "", m, hash);
		send_parties(a, m->root->header, &id, &parties);
		merge(a, m, other, MAIL_FORWARD);
		merge(a, other, m, MAIL_REPLY);
	}
	arena_free(&a);
	return 0;
}
