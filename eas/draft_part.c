/* What names an attachment of a draft to a phone, which keeps the name while the draft is edited [MS-ASAIRS
 * 2.2.2.24.2]: every edit may number the parts anew, so what the part holds is in the name too. */
#include <openssl/sha.h>
#include <string.h>

#include "base/text.h"
#include "eas/content_hash.h"
#include "eas/mail.h"

#define HASH 16 /* hex digits: enough to tell the attachments of one draft apart */

static char *
part_name(struct arena *a, const struct mime_part *p)
{
	unsigned char digest[SHA256_DIGEST_LENGTH];
	char body[2 * SHA256_DIGEST_LENGTH + 1], hash[CONTENT_HASH_MAX];

	SHA256(p->body.ptr, p->body.len, digest);
	text_hex(digest, sizeof digest, body);
	content_hash_texts(hash, body, p->name ? p->name : "", (const char *)NULL);
	return arena_printf(a, "%s-%.*s", p->number, HASH, hash);
}

const char *const *
draft_part_names(struct arena *a, const struct mime *m)
{
	const char **names = arena_array(a, m->n_attachments + 1, sizeof *names);

	for (size_t i = 0; names && i < m->n_attachments; i++) {
		names[i] = part_name(a, m->attachments[i]);
		if (!names[i])
			return NULL;
	}
	return names;
}

static bool
is_named(const struct mime *m, const char *const *names, size_t i, const char *name)
{
	return strcmp(strchr(name, '-') ? names[i] : m->attachments[i]->number, name) == 0;
}

size_t
draft_part_find(const struct mime *m, const char *const *names, const char *name, const bool *without)
{
	const char *hash = strchr(name, '-');

	for (size_t i = 0; i < m->n_attachments; i++) {
		if (!(without && without[i]) && is_named(m, names, i, name))
			return i;
	}
	for (size_t i = 0; hash && i < m->n_attachments; i++) {
		if (!(without && without[i]) && strcmp(strchr(names[i], '-'), hash) == 0)
			return i;
	}
	return m->n_attachments;
}
