/* t/unit/tls/server.h - certificates of every kind, and a TLS server in a thread of the test that shows one of them. */
#ifndef T_UNIT_TLS_SERVER_H
#define T_UNIT_TLS_SERVER_H

#include <openssl/ssl.h>
#include <stdbool.h>

struct identity {
	X509 *cert;
	EVP_PKEY *key;
};

struct made {
	const char *name;              /* CN */
	const char *host;              /* subjectAltName, as "IP:127.0.0.1"; NULL: none */
	const struct identity *issuer; /* NULL: itself */
	long from, until;              /* seconds from now */
	bool authority;
};

/* A key, and a certificate for it. */
struct identity identity_make(const struct made *how);
void identity_free(struct identity *i);
/* As PEM, in place of what was there; renamed into its place, as an admin's tools do it. */
void identity_write(const struct identity *i, const char *path);

/* Shows `own`, with `between` (may be NULL) as the rest of the chain. */
struct server *server_start(const struct identity *own, const struct identity *between);
void server_stop(struct server **s);
int server_port(const struct server *s);
/* It greets like an IMAP server, hears the client's first words, and closes: how many clients have said any, so trusted it. Those
 * that are gone by now are all counted. */
unsigned server_trusted(struct server *s);

#endif
