/* Logins that were accepted or refused lately. A password is known here as a keyed HMAC only; the key is the process's own. */
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <stdlib.h>
#include <string.h>

#include "backend/internal.h"

#define BUCKETS 1024
#define ENTRIES_MAX 10000 /* of each kind; above, the oldest goes: it is asked again, no more */

enum kind { KIND_GOOD, KIND_BAD, KINDS };

struct entry {
	struct entry *next;        /* in its bucket */
	TAILQ_ENTRY(entry) age;    /* among its kind, oldest first */
	struct tag tag;
	uint64_t user;
	int64_t until;             /* ms: good until, or not asked again until */
	int64_t backoff;           /* ms */
	enum kind kind;
	bool was_good, asking;
};

struct remember {
	unsigned char key[32];
	int64_t good_ms, first_ms, most_ms;
	struct entry *buckets[BUCKETS];
	TAILQ_HEAD(, entry) ages[KINDS];
	size_t counts[KINDS];
};

struct remember *
remember_new(const struct settings *set)
{
	struct remember *r = calloc(1, sizeof *r);

	if (!r)
		return NULL;
	if (RAND_bytes(r->key, sizeof r->key) != 1) {
		free(r);
		return NULL;
	}
	r->good_ms = (int64_t)set->login_cache * 1000;
	r->first_ms = (int64_t)set->refused_first * 1000;
	r->most_ms = (int64_t)set->refused_most * 1000;
	for (size_t i = 0; i < KINDS; i++)
		TAILQ_INIT(&r->ages[i]);
	return r;
}

void
remember_tag(const struct remember *r, const char *user, const char *password, const char *module, struct tag *tag_r)
{
	unsigned char in[USER_MAX + PASSWORD_MAX + 64];
	const char *parts[] = { user, password, module ? module : "" };
	size_t len = 0;
	unsigned n = 0;

	for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
		size_t room = sizeof in - len - 1, part = strnlen(parts[i], room);

		memcpy(in + len, parts[i], part);
		len += part;
		if (len < sizeof in)
			in[len++] = 0;
	}
	if (!HMAC(EVP_sha256(), r->key, sizeof r->key, in, len, tag_r->bytes, &n))
		(void)!RAND_bytes(tag_r->bytes, sizeof tag_r->bytes); /* known to nobody */
	OPENSSL_cleanse(in, sizeof in);
}

static struct entry **
slot(struct remember *r, const struct tag *tag)
{
	struct entry **p = &r->buckets[(tag->bytes[0] | (unsigned)tag->bytes[1] << 8) % BUCKETS];

	while (*p && memcmp((*p)->tag.bytes, tag->bytes, TAG_BYTES) != 0)
		p = &(*p)->next;
	return p;
}

static void
drop(struct remember *r, struct entry *entry)
{
	struct entry **p = slot(r, &entry->tag);

	*p = entry->next;
	TAILQ_REMOVE(&r->ages[entry->kind], entry, age);
	r->counts[entry->kind]--;
	free(entry);
}

void
remember_free(struct remember **rp)
{
	struct remember *r = *rp;

	*rp = NULL;
	if (!r)
		return;
	for (size_t i = 0; i < KINDS; i++) {
		while (!TAILQ_EMPTY(&r->ages[i]))
			drop(r, TAILQ_FIRST(&r->ages[i]));
	}
	OPENSSL_cleanse(r->key, sizeof r->key);
	free(r);
}

/* The entry as the youngest of that kind; made if it is not there. */
static struct entry *
touch(struct remember *r, const struct tag *tag, const char *user, enum kind kind)
{
	struct entry **p = slot(r, tag), *entry = *p;

	if (!entry) {
		entry = calloc(1, sizeof *entry);
		if (!entry)
			return NULL;
		entry->tag = *tag;
		entry->user = user_hash(user);
		*p = entry;
	} else {
		TAILQ_REMOVE(&r->ages[entry->kind], entry, age);
		r->counts[entry->kind]--;
	}
	entry->kind = kind;
	TAILQ_INSERT_TAIL(&r->ages[kind], entry, age);
	if (++r->counts[kind] > ENTRIES_MAX)
		drop(r, TAILQ_FIRST(&r->ages[kind]));
	return entry;
}

enum remembered
remember_look(struct remember *r, const struct tag *tag, int64_t now, int64_t *until_r)
{
	const struct entry *entry = *slot(r, tag);

	if (until_r)
		*until_r = entry ? entry->until : now;
	if (!entry)
		return REMEMBERED_NOT;
	if (entry->until > now)
		return entry->kind == KIND_GOOD ? REMEMBERED_GOOD : REMEMBERED_BAD;
	return entry->asking ? REMEMBERED_ASKING : REMEMBERED_NOT;
}

bool
remember_asking(struct remember *r, const struct tag *tag, const char *user, int64_t now)
{
	struct entry *entry = *slot(r, tag);

	if (!entry)
		entry = touch(r, tag, user, KIND_BAD);
	if (!entry)
		return false;
	entry->asking = true;
	if (entry->until > now)
		entry->until = now;
	return true;
}

void
remember_good(struct remember *r, const struct tag *tag, const char *user, int64_t now)
{
	struct entry *entry = touch(r, tag, user, KIND_GOOD);

	if (!entry)
		return;
	entry->asking = false;
	entry->was_good = true;
	entry->backoff = 0;
	entry->until = now + r->good_ms;
}

int64_t
remember_bad(struct remember *r, const struct tag *tag, const char *user, int64_t now, bool *was_good_r)
{
	struct entry *entry = touch(r, tag, user, KIND_BAD);

	*was_good_r = entry && entry->was_good;
	if (!entry)
		return 0;
	entry->asking = false;
	entry->was_good = false;
	entry->backoff = entry->backoff ? entry->backoff * 2 : r->first_ms;
	if (entry->backoff > r->most_ms)
		entry->backoff = r->most_ms;
	entry->until = now + entry->backoff;
	return entry->backoff;
}

void
remember_unknown(struct remember *r, const struct tag *tag)
{
	struct entry *entry = *slot(r, tag);

	if (!entry)
		return;
	entry->asking = false;
	if (!entry->was_good && entry->backoff == 0)
		drop(r, entry);
}

static void
forget(struct remember *r, const char *user, enum kind kind)
{
	uint64_t hash = user_hash(user);
	struct entry *entry = TAILQ_FIRST(&r->ages[kind]);

	while (entry) {
		struct entry *next = TAILQ_NEXT(entry, age);

		if (entry->user == hash && !entry->asking)
			drop(r, entry);
		entry = next;
	}
}

void
remember_forget_good(struct remember *r, const char *user)
{
	forget(r, user, KIND_GOOD);
}

void
remember_forget(struct remember *r, const char *user)
{
	forget(r, user, KIND_GOOD);
	forget(r, user, KIND_BAD);
}

/* An old refusal is kept as long again, so that the next one doubles its time. */
void
remember_tidy(struct remember *r, int64_t now)
{
	for (size_t i = 0; i < KINDS; i++) {
		struct entry *entry = TAILQ_FIRST(&r->ages[i]);

		while (entry) {
			struct entry *next = TAILQ_NEXT(entry, age);

			if (!entry->asking && entry->until + r->most_ms < now)
				drop(r, entry);
			entry = next;
		}
	}
}
