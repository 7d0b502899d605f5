#include "backend/tls/tls.h"

#include <openssl/ssl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A file or directory as it was when it was read. */
struct state {
	dev_t dev;
	ino_t ino;
	off_t size;
	struct timespec changed;
};

struct tls_trust {
	struct tls_trust *next;
	unsigned refs;
	char *ca_file;     /* NULL: the system's */
	struct state file, dir;
	X509_STORE *store; /* NULL: not read, or not readable */
};

/* All that anybody holds; the lock guards them and what is in them. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct tls_trust *first;

static bool
same_name(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

static void
trust_free(struct tls_trust *t)
{
	X509_STORE_free(t->store);
	free(t->ca_file);
	free(t);
}

static struct tls_trust *
trust_new(const char *ca_file)
{
	struct tls_trust *t = calloc(1, sizeof *t);
	if (t && ca_file && !(t->ca_file = strdup(ca_file))) {
		trust_free(t);
		return NULL;
	}
	return t;
}

struct tls_trust *
tls_trust_get(const char *ca_file)
{
	pthread_mutex_lock(&lock);
	struct tls_trust *t = first;
	while (t && !same_name(t->ca_file, ca_file))
		t = t->next;
	if (!t && (t = trust_new(ca_file))) {
		t->next = first;
		first = t;
	}
	if (t)
		t->refs++;
	pthread_mutex_unlock(&lock);
	return t;
}

void
tls_trust_put(struct tls_trust **pt)
{
	struct tls_trust *t = *pt;
	*pt = NULL;
	if (!t)
		return;
	pthread_mutex_lock(&lock);
	bool last = --t->refs == 0;
	for (struct tls_trust **p = &first; last && *p; p = &(*p)->next) {
		if (*p == t) {
			*p = t->next;
			break;
		}
	}
	pthread_mutex_unlock(&lock);
	if (last)
		trust_free(t);
}

static struct state
state_of(const char *path)
{
	struct stat st;
	if (!path || stat(path, &st) != 0)
		return (struct state){ 0 };
	return (struct state){ st.st_dev, st.st_ino, st.st_size, st.st_mtim };
}

static bool
same_state(const struct state *a, const struct state *b)
{
	return a->dev == b->dev && a->ino == b->ino && a->size == b->size && a->changed.tv_sec == b->changed.tv_sec &&
		a->changed.tv_nsec == b->changed.tv_nsec;
}

/* As libcurl sets up the store of a context: any certificate of the file may end a chain, not only a root's. */
static X509_STORE *
store_read(const char *file, const char *dir)
{
	X509_STORE *store = X509_STORE_new();
	bool ok = store && X509_STORE_set_flags(store, X509_V_FLAG_TRUSTED_FIRST | X509_V_FLAG_PARTIAL_CHAIN) == 1;
	ok = ok && (!(file || dir) || X509_STORE_load_locations(store, file, dir) == 1);
	if (!ok) {
		X509_STORE_free(store);
		return NULL;
	}
	return store;
}

static void
refresh(struct tls_trust *t)
{
	const curl_version_info_data *curl = curl_version_info(CURLVERSION_NOW);
	const char *file = t->ca_file, *dir = NULL;
	if (!file) {
		file = curl->cainfo && access(curl->cainfo, R_OK) == 0 ? curl->cainfo : NULL;
		dir = curl->capath;
	}
	struct state file_now = state_of(file), dir_now = state_of(dir);
	if (t->store && same_state(&t->file, &file_now) && same_state(&t->dir, &dir_now))
		return;
	X509_STORE_free(t->store);
	t->store = store_read(file, dir);
	t->file = file_now;
	t->dir = dir_now;
}

/* In place of the store that libcurl has filled with nothing. */
static CURLcode
use_store(CURL *curl, void *ctx, void *arg)
{
	(void)curl;
	struct tls_trust *t = arg;
	pthread_mutex_lock(&lock);
	refresh(t);
	X509_STORE *store = t->store;
	if (store)
		SSL_CTX_set1_cert_store(ctx, store);
	pthread_mutex_unlock(&lock);
	return store ? CURLE_OK : CURLE_SSL_CACERT_BADFILE;
}

/* Only then is its context one that our functions know. */
static bool
curl_has_our_openssl(void)
{
	static const char name[] = "OpenSSL/";
	const char *theirs = curl_version_info(CURLVERSION_NOW)->ssl_version;
	return theirs && strncmp(theirs, name, sizeof name - 1) == 0 &&
		strcmp(theirs + sizeof name - 1, OpenSSL_version(OPENSSL_VERSION_STRING)) == 0;
}

bool
tls_trust_apply(struct tls_trust *t, CURL *curl)
{
	if (!curl_has_our_openssl())
		return !t->ca_file || (curl_easy_setopt(curl, CURLOPT_CAINFO, t->ca_file) == CURLE_OK &&
			curl_easy_setopt(curl, CURLOPT_CAPATH, NULL) != CURLE_OUT_OF_MEMORY);
#if LIBCURL_VERSION_NUM >= 0x075700
	curl_easy_setopt(curl, CURLOPT_CA_CACHE_TIMEOUT, 0L); /* nothing to keep */
#endif
	return curl_easy_setopt(curl, CURLOPT_CAINFO, NULL) == CURLE_OK && curl_easy_setopt(curl, CURLOPT_CAPATH, NULL) == CURLE_OK &&
		curl_easy_setopt(curl, CURLOPT_SSL_CTX_FUNCTION, use_store) == CURLE_OK &&
		curl_easy_setopt(curl, CURLOPT_SSL_CTX_DATA, t) == CURLE_OK;
}
