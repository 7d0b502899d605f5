#include "backend/dav/link.h"

#include <openssl/evp.h>
#include <openssl/rand.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

#define ID_LEN 32
#define HELD_MAX 100 /* links of nobody that are kept for their pause */

struct dav_link {
	struct dav_link *next;
	unsigned char id[ID_LEN];
	unsigned refs; /* under links.lock */
	CURLSH *share;
	pthread_mutex_t locks[CURL_LOCK_DATA_LAST];
	_Atomic int64_t hold; /* until then: CLOCK_MONOTONIC milliseconds */
	atomic_bool digest, proven;
};

/* Sessions of two modules and of many threads meet here. */
static struct {
	pthread_mutex_t lock;
	struct dav_link *first;
	unsigned char key[ID_LEN];
	bool ready;
} links = { .lock = PTHREAD_MUTEX_INITIALIZER };

enum err
dav_link_global(struct error *e)
{
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		return err_set(e, ERR_INTERNAL, "libcurl cannot be initialised");
	pthread_mutex_lock(&links.lock);
	links.ready = links.ready || RAND_bytes(links.key, sizeof links.key) == 1;
	bool ready = links.ready;
	pthread_mutex_unlock(&links.lock);
	return ready ? ERR_OK : err_set(e, ERR_INTERNAL, "no random numbers");
}

static void
share_lock(CURL *curl, curl_lock_data data, curl_lock_access access, void *ctx)
{
	(void)curl;
	(void)access;
	struct dav_link *l = ctx;
	pthread_mutex_lock(&l->locks[data]);
}

static void
share_unlock(CURL *curl, curl_lock_data data, void *ctx)
{
	(void)curl;
	struct dav_link *l = ctx;
	pthread_mutex_unlock(&l->locks[data]);
}

static void
link_free(struct dav_link *l)
{
	curl_share_cleanup(l->share);
	for (size_t i = 0; i < ARRAY_LEN(l->locks); i++)
		pthread_mutex_destroy(&l->locks[i]);
	free(l);
}

static struct dav_link *
link_new(const unsigned char *id)
{
	struct dav_link *l = calloc(1, sizeof *l);
	if (!l)
		return NULL;
	memcpy(l->id, id, ID_LEN);
	for (size_t i = 0; i < ARRAY_LEN(l->locks); i++)
		pthread_mutex_init(&l->locks[i], NULL);
	l->share = curl_share_init();
	if (!l->share || curl_share_setopt(l->share, CURLSHOPT_LOCKFUNC, share_lock) != CURLSHE_OK ||
		curl_share_setopt(l->share, CURLSHOPT_UNLOCKFUNC, share_unlock) != CURLSHE_OK ||
		curl_share_setopt(l->share, CURLSHOPT_USERDATA, l) != CURLSHE_OK ||
		curl_share_setopt(l->share, CURLSHOPT_SHARE, CURL_LOCK_DATA_COOKIE) != CURLSHE_OK ||
		curl_share_setopt(l->share, CURLSHOPT_SHARE, CURL_LOCK_DATA_DNS) != CURLSHE_OK ||
		curl_share_setopt(l->share, CURLSHOPT_SHARE, CURL_LOCK_DATA_SSL_SESSION) != CURLSHE_OK) {
		link_free(l);
		return NULL;
	}
	return l;
}

/* Each part is hashed with its NUL, so that no two lists of them look the same. */
static bool
link_id(const char *origin, const char *ca_file, const char *user, const char *password, unsigned char *id)
{
	const char *parts[] = { origin, ca_file ? ca_file : "", user, password };
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool ok = ctx && EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) == 1 &&
		EVP_DigestUpdate(ctx, links.key, sizeof links.key) == 1;
	for (size_t i = 0; i < ARRAY_LEN(parts); i++)
		ok = ok && EVP_DigestUpdate(ctx, parts[i], strlen(parts[i]) + 1) == 1;
	ok = ok && EVP_DigestFinal_ex(ctx, id, NULL) == 1;
	EVP_MD_CTX_free(ctx);
	return ok;
}

enum err
dav_link_get(const char *origin, const char *ca_file, const char *user, const char *password, struct dav_link **l_r,
	struct error *e)
{
	unsigned char id[ID_LEN];
	if (!link_id(origin, ca_file, user, password, id))
		return err_set(e, ERR_NOMEM, "out of memory for a session");
	pthread_mutex_lock(&links.lock);
	struct dav_link *l = links.first;
	while (l && memcmp(l->id, id, ID_LEN) != 0)
		l = l->next;
	if (!l && (l = link_new(id))) {
		l->next = links.first;
		links.first = l;
	}
	if (l)
		l->refs++;
	pthread_mutex_unlock(&links.lock);
	*l_r = l;
	return l ? ERR_OK : err_set(e, ERR_NOMEM, "out of memory for a session");
}

/* Locked: ends the links of nobody. A login that a server refused for a while must not be forgotten with its session. */
static void
sweep(void)
{
	unsigned kept = 0;
	for (struct dav_link **p = &links.first; *p;) {
		struct dav_link *l = *p;
		if (l->refs > 0 || (dav_link_held(l) && kept++ < HELD_MAX)) {
			p = &l->next;
			continue;
		}
		*p = l->next;
		link_free(l);
	}
}

void
dav_link_put(struct dav_link **l)
{
	if (!*l)
		return;
	pthread_mutex_lock(&links.lock);
	if (--(*l)->refs == 0)
		sweep();
	pthread_mutex_unlock(&links.lock);
	*l = NULL;
}

CURLSH *
dav_link_share(struct dav_link *l)
{
	return l->share;
}

void
dav_link_hold(struct dav_link *l, int64_t ms)
{
	atomic_store(&l->hold, monotonic_ms() + ms);
}

bool
dav_link_held(const struct dav_link *l)
{
	return atomic_load(&l->hold) > monotonic_ms();
}

void
dav_link_prove(struct dav_link *l)
{
	atomic_store(&l->proven, true);
}

bool
dav_link_proven(const struct dav_link *l)
{
	return atomic_load(&l->proven);
}

void
dav_link_set_digest(struct dav_link *l)
{
	atomic_store(&l->digest, true);
}

bool
dav_link_digest(const struct dav_link *l)
{
	return atomic_load(&l->digest);
}
