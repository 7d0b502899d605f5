#include "server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

static void
extend(X509 *cert, int nid, const char *value)
{
	X509_EXTENSION *x = X509V3_EXT_conf_nid(NULL, NULL, nid, value);
	assert_non_null(x);
	assert_int_equal(X509_add_ext(cert, x, -1), 1);
	X509_EXTENSION_free(x);
}

struct identity
identity_make(const struct made *how)
{
	static long serial;
	struct identity i = { X509_new(), EVP_EC_gen("P-256") };
	assert_true(i.cert && i.key);
	X509_set_version(i.cert, X509_VERSION_3);
	ASN1_INTEGER_set(X509_get_serialNumber(i.cert), ++serial);
	X509_gmtime_adj(X509_getm_notBefore(i.cert), how->from);
	X509_gmtime_adj(X509_getm_notAfter(i.cert), how->until);
	X509_set_pubkey(i.cert, i.key);
	X509_NAME_add_entry_by_txt(X509_get_subject_name(i.cert), "CN", MBSTRING_UTF8, (const unsigned char *)how->name, -1, -1, 0);
	const struct identity *issuer = how->issuer ? how->issuer : &i;
	X509_set_issuer_name(i.cert, X509_get_subject_name(issuer->cert));
	if (how->authority)
		extend(i.cert, NID_basic_constraints, "critical,CA:TRUE");
	if (how->host)
		extend(i.cert, NID_subject_alt_name, how->host);
	assert_true(X509_sign(i.cert, issuer->key, EVP_sha256()) > 0);
	return i;
}

void
identity_free(struct identity *i)
{
	X509_free(i->cert);
	EVP_PKEY_free(i->key);
	*i = (struct identity){ NULL, NULL };
}

void
identity_write(const struct identity *i, const char *path)
{
	char fresh[4096];
	snprintf(fresh, sizeof fresh, "%s.new", path);
	FILE *f = fopen(fresh, "w");
	assert_non_null(f);
	assert_int_equal(PEM_write_X509(f, i->cert), 1);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(rename(fresh, path), 0);
}

struct server {
	SSL_CTX *ctx;
	int fd, port;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t done;
	/* under the lock */
	in_port_t last;   /* the client that was served last */
	unsigned trusted;
};

/* A client that does not trust us leaves in the middle of the handshake, or without a word behind it. */
static bool
serve(struct server *s, int fd)
{
	static const char greeting[] = "* OK hello\r\n";
	char words[512];
	SSL *ssl = SSL_new(s->ctx);
	SSL_set_fd(ssl, fd);
	bool trusted = SSL_accept(ssl) == 1 && SSL_write(ssl, greeting, sizeof greeting - 1) > 0 &&
		SSL_read(ssl, words, sizeof words) > 0;
	SSL_free(ssl);
	close(fd);
	return trusted;
}

static void *
run(void *arg)
{
	struct server *s = arg;
	for (;;) {
		struct sockaddr_in client = { 0 };
		socklen_t n = sizeof client;
		int fd = accept(s->fd, (struct sockaddr *)&client, &n);
		if (fd < 0 && errno == EINTR)
			continue;
		if (fd < 0)
			return NULL;
		bool trusted = serve(s, fd);
		pthread_mutex_lock(&s->lock);
		s->last = client.sin_port;
		s->trusted += trusted;
		pthread_cond_signal(&s->done);
		pthread_mutex_unlock(&s->lock);
	}
}

struct server *
server_start(const struct identity *own, const struct identity *between)
{
	struct server *s = calloc(1, sizeof *s);
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t n = sizeof at;
	s->ctx = SSL_CTX_new(TLS_server_method());
	assert_int_equal(SSL_CTX_use_certificate(s->ctx, own->cert), 1);
	assert_int_equal(SSL_CTX_use_PrivateKey(s->ctx, own->key), 1);
	if (between)
		assert_int_equal(SSL_CTX_add1_chain_cert(s->ctx, between->cert), 1);
	s->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(s->fd, (struct sockaddr *)&at, sizeof at), 0);
	assert_int_equal(listen(s->fd, 16), 0);
	assert_int_equal(getsockname(s->fd, (struct sockaddr *)&at, &n), 0);
	s->port = ntohs(at.sin_port);
	pthread_mutex_init(&s->lock, NULL);
	pthread_cond_init(&s->done, NULL);
	assert_int_equal(pthread_create(&s->thread, NULL, run, s), 0);
	return s;
}

void
server_stop(struct server **ps)
{
	struct server *s = *ps;
	*ps = NULL;
	if (!s)
		return;
	shutdown(s->fd, SHUT_RDWR);
	pthread_join(s->thread, NULL);
	close(s->fd);
	SSL_CTX_free(s->ctx);
	pthread_mutex_destroy(&s->lock);
	pthread_cond_destroy(&s->done);
	free(s);
}

int
server_port(const struct server *s)
{
	return s->port;
}

unsigned
server_trusted(struct server *s)
{
	/* One after the other: once this one is served, so are those before it. */
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons((in_port_t)s->port) }, us;
	socklen_t n = sizeof us;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&us, &n), 0);
	close(fd);
	pthread_mutex_lock(&s->lock);
	while (s->last != us.sin_port)
		pthread_cond_wait(&s->done, &s->lock);
	unsigned trusted = s->trusted;
	pthread_mutex_unlock(&s->lock);
	return trusted;
}
