#include "eas/content_hash.h"

#include <openssl/evp.h>
#include <stdarg.h>
#include <string.h>

#include "base/text.h"

static void
free_digest(EVP_MD_CTX **md)
{
	EVP_MD_CTX_free(*md);
}

static void
add_text(EVP_MD_CTX *md, const void *p, size_t n)
{
	uint64_t len = n;

	EVP_DigestUpdate(md, &len, sizeof len); /* so that "ab","c" is not "a","bc" */
	if (n)
		EVP_DigestUpdate(md, p, n);
}

/* Depth first without recursion: down, next, up. */
static void
add_tree(EVP_MD_CTX *md, const struct wbxml_node *root)
{
	const struct wbxml_node *n = root;

	while (n) {
		EVP_DigestUpdate(md, &n->tag, sizeof n->tag);
		add_text(md, n->data.ptr, n->data.len);
		if (n->child) {
			n = n->child;
			continue;
		}
		while (n != root && !n->next) {
			EVP_DigestUpdate(md, "<", 1);
			n = n->parent;
		}
		n = n == root ? NULL : n->next;
	}
}

static void
finish(EVP_MD_CTX *md, char *out)
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned n = 0;

	out[0] = '\0';
	if (EVP_DigestFinal_ex(md, digest, &n))
		text_hex(digest, 32, out);
}

void
content_hash(const struct wbxml_node *node, const char *more, char out[CONTENT_HASH_MAX])
{
	AUTO(free_digest) EVP_MD_CTX *md = EVP_MD_CTX_new();

	out[0] = '\0';
	if (!md || !EVP_DigestInit_ex(md, EVP_sha256(), NULL))
		return;
	add_tree(md, node);
	if (more)
		add_text(md, more, strlen(more));
	finish(md, out);
}

void
content_hash_texts(char out[CONTENT_HASH_MAX], const char *first, ...)
{
	AUTO(free_digest) EVP_MD_CTX *md = EVP_MD_CTX_new();
	va_list ap;

	out[0] = '\0';
	if (!md || !EVP_DigestInit_ex(md, EVP_sha256(), NULL))
		return;
	va_start(ap, first);
	for (const char *s = first; s; s = va_arg(ap, const char *))
		add_text(md, s, strlen(s));
	va_end(ap);
	finish(md, out);
}
