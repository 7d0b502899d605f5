/* A message as it goes out: who sends it to whom, what it is known by, and its bytes. */
#include <openssl/evp.h>
#include <string.h>

#include "base/text.h"
#include "eas/send.h"

/* ---- recipients ---- */

static bool
is_listed(const struct send_parties *p, const char *address)
{
	for (size_t i = 0; i < p->n; i++) {
		if (text_casecmp(p->to[i], address) == 0)
			return true;
	}
	return false;
}

static unsigned
add_recipients(struct arena *a, struct slice header, const char *name, struct send_parties *p)
{
	struct mime_addresses l;

	if (mime_addresses(a, header, name, &l))
		return SEND_ERROR;
	const char **to = arena_array(a, p->n + l.n, sizeof *to);
	if (!to)
		return SEND_ERROR;
	if (p->n)
		memcpy(to, p->to, p->n * sizeof *to);
	p->to = to;
	for (size_t i = 0; i < l.n; i++) {
		if (!mime_address_ok(l.list[i].address))
			return SEND_UNRESOLVED;
		if (!is_listed(p, l.list[i].address))
			p->to[p->n++] = l.list[i].address;
	}
	return SEND_OK;
}

unsigned
send_parties(struct arena *a, struct slice header, const struct backend_identity *id, struct send_parties *p_r)
{
	static const char *const fields[] = { "To", "Cc", "Bcc" };
	struct mime_addresses from;

	*p_r = (struct send_parties){ .id = *id };
	if (header.len > MIME_HEADER)
		return SEND_TOO_LARGE; /* nobody among the recipients may be left out without a word */
	for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
		unsigned status = add_recipients(a, header, fields[i], p_r);

		if (status)
			return status;
	}
	if (p_r->n == 0)
		return SEND_NO_RECIPIENT;
	if (mime_addresses(a, header, "From", &from))
		return SEND_ERROR;
	p_r->keep_from = from.n == 1 && mime_address_ok(from.list[0].address);
	if (id->address && mime_address_ok(id->address))
		p_r->from = id->address;
	else if (p_r->keep_from)
		p_r->from = from.list[0].address;
	else
		return SEND_FAILED; /* nobody knows the user's address */
	return SEND_OK;
}

/* ---- what it is known by ---- */

static void
hash_bytes(EVP_MD_CTX *md, const void *p, size_t n)
{
	EVP_DigestUpdate(md, p, n);
}

/* Phones draw new boundaries per try: of the fields all but their values counts. */
static void
hash_header(EVP_MD_CTX *md, const struct mime_part *part)
{
	struct slice name, value, whole;
	size_t pos = 0, n = part->boundary ? strlen(part->boundary) : 0;

	while (mime_field_next(part->header, &pos, &name, &value, &whole)) {
		const unsigned char *hit = n ? memmem(whole.ptr, whole.len, part->boundary, n) : NULL;

		if (hit) {
			hash_bytes(md, whole.ptr, (size_t)(hit - whole.ptr));
			hash_bytes(md, hit + n, whole.len - (size_t)(hit - whole.ptr) - n);
		} else {
			hash_bytes(md, whole.ptr, whole.len);
		}
	}
}

void
send_hash(const char *command, const char *source, const struct mime *m, char *out)
{
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	unsigned char digest[EVP_MAX_MD_SIZE] = { 0 };

	if (md && EVP_DigestInit_ex(md, EVP_sha256(), NULL)) {
		hash_bytes(md, command, strlen(command) + 1);
		hash_bytes(md, source, strlen(source) + 1);
		for (const struct mime_part *p = m->root; p; p = mime_next_part(p)) {
			hash_header(md, p);
			if (!p->child)
				hash_bytes(md, p->body.ptr, p->body.len);
		}
		EVP_DigestFinal_ex(md, digest, NULL);
	}
	EVP_MD_CTX_free(md);
	text_hex(digest, 32, out);
}

/* ---- its bytes ---- */

/* SMTP knows CRLF only; a lone CR or LF would let a text end the mail and begin another command. */
static void
add_clean(struct buf *out, struct slice s)
{
	size_t from = 0;

	for (size_t i = 0; i < s.len; i++) {
		if (s.ptr[i] != '\r' && s.ptr[i] != '\n')
			continue;
		buf_add(out, s.ptr + from, i - from);
		buf_add(out, "\r\n", 2);
		if (s.ptr[i] == '\r' && i + 1 < s.len && s.ptr[i + 1] == '\n')
			i++;
		from = i + 1;
	}
	buf_add(out, s.ptr + from, s.len - from);
	if (out->len < 2 || out->data[out->len - 1] != '\n')
		buf_add(out, "\r\n", 2);
}

static void
write_header(struct arena *a, struct slice header, const struct send_parties *p, const struct send_stamp *stamp,
	bool bcc, struct buf *out)
{
	const char *without[8];
	size_t n = 0;
	const char *name = p->id.name ? p->id.name : "";
	struct mime_address me = { name, p->from };
	struct mime_addresses from = { &me, 1 };
	bool dated = !stamp->redate && mime_field(a, header, "Date"), known = mime_message_id(a, header) != NULL;

	if (!bcc)
		without[n++] = "Bcc";
	if (!p->keep_from)
		without[n++] = "From";
	if (!dated)
		without[n++] = "Date";
	if (!known)
		without[n++] = "Message-ID"; /* there may be a malformed one */
	without[n] = NULL;
	if (!p->keep_from)
		mime_put_addresses(out, "From", &from);
	mime_copy_fields(out, header, without);
	if (!dated)
		mime_put_date(out, stamp->date);
	if (!known)
		buf_printf(out, "Message-ID: %s\r\n", stamp->message_id);
	if (stamp->subject && !mime_field(a, header, "Subject"))
		mime_put_text(out, "Subject", stamp->subject);
	if (stamp->in_reply_to && !mime_field(a, header, "In-Reply-To"))
		buf_printf(out, "In-Reply-To: %s\r\n", stamp->in_reply_to);
	if (stamp->references && !mime_field(a, header, "References"))
		buf_printf(out, "References: %s\r\n", stamp->references);
}

void
send_write(struct arena *a, const struct mime *phone, const struct mime_node *node, const struct send_parties *p,
	const struct send_stamp *stamp, bool bcc, struct buf *out)
{
	AUTO(buf_finish) struct buf header, whole;

	buf_init(&header, 0);
	buf_init(&whole, 0);
	write_header(a, phone->root->header, p, stamp, bcc, &header);
	if (node) {
		mime_write(a, buf_slice(&header), node, stamp->message_id, &whole);
	} else {
		buf_add_slice(&whole, buf_slice(&header));
		buf_add_str(&whole, "\r\n");
		buf_add_slice(&whole, phone->root->body);
	}
	if (!buf_ok(&header) || !buf_ok(&whole))
		out->failed = true;
	add_clean(out, buf_slice(&whole));
}
