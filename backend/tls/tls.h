/* backend/tls/tls.h - whom the connections of libcurl trust.
 *
 * libcurl gives every connection a TLS context of its own and reads the certificates of all authorities into it: the 140 of
 * a usual system are 0.8 MB and 30 ms. Here they are read once, whoever needs them, and again when the file has changed.
 *
 * Layer:     backend (libcpush-tls), for the modules that use libcurl
 * Threads:   any.
 * Elsewhere: a libcurl with another TLS library, or with an OpenSSL of its own, reads them for each connection as ever.
 */
#ifndef BACKEND_TLS_TLS_H
#define BACKEND_TLS_TLS_H

#include <curl/curl.h>
#include <stdbool.h>

struct tls_trust;

/* The authorities in the file (PEM), or where it is NULL those that libcurl was built to trust: the system's. Nothing is read
 * before a connection needs it. Whoever asks for the same file gets the same. NULL where memory is short. */
struct tls_trust *tls_trust_get(const char *ca_file);
/* Stores NULL. No handle that it was applied to may be used any more. */
void tls_trust_put(struct tls_trust **t);

/* The handle's connections trust these authorities and no others; whether they verify is left as it is. Where the file cannot
 * be read or has no certificate, they fail with CURLE_SSL_CACERT_BADFILE. False where memory is short. */
bool tls_trust_apply(struct tls_trust *t, CURL *curl);

#endif
