/* What only mail has: flags, keywords, dates, Message-IDs, searching and sending. */
#include <poll.h>
#include <stdlib.h>

#include "base/text.h"
#include "suite.h"

static bool
has_keyword(const struct got *got, const char *word)
{
	for (size_t i = 0; got->item.keywords && got->item.keywords[i]; i++) {
		if (text_casecmp(got->item.keywords[i], word) == 0)
			return true;
	}
	return false;
}

static void
flags(const char *folder)
{
	static const unsigned all[] = { FLAG_SEEN, FLAG_ANSWERED, FLAG_FLAGGED, FLAG_DRAFT, FLAG_SEEN | FLAG_FLAGGED | FLAG_ANSWERED };
	struct backend_flagging what = { .folder = folder };
	struct backend_stored stored;
	struct model m = { 0 };
	struct got got;
	const char *key;

	test("flags");
	for (size_t i = 0; i < ARRAY_LEN(all); i++) {
		key = put_new(s, folder, BACKEND_MAIL, fresh(), all[i], NULL, BACKEND_NO_DATE, NULL);
		if (key && get(s, folder, key, WANT_META, &got))
			CHECK(got.item.flags == all[i], "put with flags %u, they are %u", all[i], got.item.flags);
	}
	key = put_new(s, folder, BACKEND_MAIL, fresh(), FLAG_ANSWERED, NULL, BACKEND_NO_DATE, NULL);
	NEED(key && ops->flag, "nothing to flag");
	model_follow(&m, s, folder, 500);
	what.key = key;
	what.set = FLAG_SEEN | FLAG_FLAGGED;
	NEED_OK(ops->flag(other, a, &what, &stored, &e));
	CHECK(!*stored.key || strcmp(stored.key, key) == 0, "its key became %s", stored.key);
	CHECK(!can.vouches || *stored.version, "no version");
	if (get(s, folder, key, WANT_META, &got)) {
		CHECK(got.item.flags == (FLAG_SEEN | FLAG_FLAGGED | FLAG_ANSWERED), "flags are %u", got.item.flags);
		CHECK(!*stored.version || strcmp(stored.version, got.item.version) == 0, "flag says version %s, fetch %s", stored.version,
			got.item.version);
	}
	model_follow(&m, s, folder, 500);
	CHECK(model_is_true(&m, folder), "after a flag was set");
	what.set = FLAG_SEEN;
	what.clear = FLAG_FLAGGED;
	EXPECT(ERR_OK, ops->flag(s, a, &what, &stored, &e));
	if (get(other, folder, key, WANT_META, &got))
		CHECK(got.item.flags == (FLAG_SEEN | FLAG_ANSWERED), "flags are %u", got.item.flags);
	model_follow(&m, s, folder, 500);
	CHECK(model_is_true(&m, folder), "after a flag was cleared");
	EXPECT(ERR_OK, ops->remove(s, folder, key, NULL, &e));
	EXPECT(ERR_NOTFOUND, ops->flag(s, a, &what, &stored, &e));
	model_free(&m);
}

static void
keywords(const char *folder)
{
	static const char *const two[] = { "Business", "trip_2024", NULL }, *const red[] = { "Red", NULL }, *const business[] = { "Business", NULL };
	struct backend_flagging what = { .folder = folder, .add_keywords = red, .remove_keywords = business };
	struct backend_stored stored;
	struct got got;

	test("keywords and \"forwarded\"");
	what.key = put_new(s, folder, BACKEND_MAIL, fresh(), FLAG_SEEN, two, BACKEND_NO_DATE, NULL);
	if (!what.key || !get(s, folder, what.key, WANT_META, &got))
		return;
	CHECK(has_keyword(&got, "Business") && has_keyword(&got, "trip_2024"), "put with keywords, which are not there");
	CHECK(got.item.flags == FLAG_SEEN, "flags are %u", got.item.flags);
	what.set = FLAG_FORWARDED;
	EXPECT(ERR_OK, ops->flag(other, a, &what, &stored, &e));
	if (get(s, folder, what.key, WANT_META, &got)) {
		CHECK(!has_keyword(&got, "Business"), "the keyword that was removed is there");
		CHECK(has_keyword(&got, "Red") && has_keyword(&got, "trip_2024"), "a keyword is missing");
		CHECK(!has_keyword(&got, "$Forwarded"), "$Forwarded is a flag, and comes as a keyword");
		CHECK(got.item.flags == (FLAG_SEEN | FLAG_FORWARDED), "flags are %u", got.item.flags);
	}
	what.set = 0;
	what.clear = FLAG_FORWARDED;
	EXPECT(ERR_OK, ops->flag(other, a, &what, &stored, &e));
	if (get(s, folder, what.key, WANT_META, &got))
		CHECK(got.item.flags == FLAG_SEEN, "flags are %u", got.item.flags);
}

static void
dates(const char *folder)
{
	const int64_t when = 1234567890;
	struct model m = { 0 };
	struct got got;
	const char *key;

	test("the date of receipt");
	key = put_new(s, folder, BACKEND_MAIL, fresh(), 0, NULL, when, NULL);
	if (!key || !get(s, folder, key, WANT_META, &got))
		return;
	CHECK(got.item.date == when, "fetch says %lld, not %lld", (long long)got.item.date, (long long)when);
	CHECK(got.item.size > 100, "its size is %llu", (unsigned long long)got.item.size);
	model_follow(&m, s, folder, 500);
	CHECK(model_find(&m, key) && model_find(&m, key)->date == when, "changes() says another date");
	model_free(&m);
}

static void
finding(const char *folder)
{
	unsigned before = fresh(), after = fresh();
	struct backend_stored found;
	const char *first, *second, *mark = NULL;

	test("found by Message-ID, after a mark");
	first = put_new(s, folder, BACKEND_MAIL, before, 0, NULL, BACKEND_NO_DATE, NULL);
	NEED(first != NULL, "not stored");
	/* Marks may be as coarse as a clock. */
	poll(NULL, 0, 20);
	NEED_OK(ops->mark(s, a, folder, &mark, &e));
	NEED(mark != NULL, "no mark");
	EXPECT(ERR_NOTFOUND, ops->find(s, a, folder, sample_id(after), mark, &found, &e));
	second = put_new(other, folder, BACKEND_MAIL, after, 0, NULL, BACKEND_NO_DATE, NULL);
	NEED(second != NULL, "not stored");
	NEED_OK(ops->find(s, a, folder, sample_id(after), mark, &found, &e));
	CHECK(strcmp(found.key, second) == 0, "it finds %s, not %s", found.key, second);
	EXPECT(ERR_NOTFOUND, ops->find(s, a, folder, sample_id(before), mark, &found, &e));
	NEED_OK(ops->find(s, a, folder, sample_id(before), NULL, &found, &e));
	CHECK(strcmp(found.key, first) == 0, "it finds %s, not %s", found.key, first);
	EXPECT(ERR_NOTFOUND, ops->find(s, a, folder, "<nobody@nowhere.example>", NULL, &found, &e));
	EXPECT(ERR_NOTFOUND, ops->find(s, a, folder, "<odd\"\\ (id)*%@nowhere.example>", NULL, &found, &e));
}

static struct backend_query
query(const char *folder)
{
	return (struct backend_query){ .folder = folder, .since = BACKEND_NO_DATE, .before = BACKEND_NO_DATE, .max = 50 };
}

static void
found_are(const struct backend_query *q, size_t n, const char *first)
{
	struct backend_keys keys;

	NEED_OK(ops->search(s, a, q, &keys, &e));
	CHECK(keys.n == n, "%zu found, not %zu", keys.n, n);
	if (n && keys.n)
		CHECK(strcmp(keys.list[0], first) == 0, "%s is the first, not %s", keys.list[0], first);
}

static void
searching(const char *folder)
{
	const int64_t day = 86400, base = 1500000000 / 86400 * 86400 + 43200;
	unsigned numbers[3] = { fresh(), fresh(), fresh() };
	const char *keys[3];
	struct backend_query q = query(folder);

	test("searching");
	for (int i = 0; i < 3; i++) {
		keys[i] = put_new(s, folder, BACKEND_MAIL, numbers[i], 0, NULL, base + i * 10 * day, NULL);
		NEED(keys[i] != NULL, "not stored");
	}
	q.text = arena_printf(a, "body%u.", numbers[0]);
	found_are(&q, 1, keys[0]);
	q.text = arena_printf(a, "NUMBER%uvariant", numbers[1]);
	found_are(&q, 1, keys[1]);
	q.text = "nothing has this in it at all";
	found_are(&q, 0, NULL);
	q = query(folder);
	q.subject = arena_printf(a, "number%uvariant0", numbers[2]);
	found_are(&q, 1, keys[2]);
	q.from = arena_printf(a, "ann%u@sender", numbers[2]);
	found_are(&q, 1, keys[2]);
	q.from = arena_printf(a, "ann%u@sender", numbers[1]);
	found_are(&q, 0, NULL);
	q = query(folder);
	q.to = arena_printf(a, "bob%u@reader", numbers[1]);
	found_are(&q, 1, keys[1]);
	q = query(folder);
	q.from = "sender.example";
	q.since = base - day;
	q.before = base + 15 * day;
	found_are(&q, 2, keys[1]);
	q.before = base + 25 * day;
	found_are(&q, 3, keys[2]);
	q.max = 2;
	found_are(&q, 2, keys[2]);
	/* Somebody's text, not somebody's command. */
	q = query(folder);
	q.text = "\" OR ALL \\ \r\nA1 LOGOUT {3}";
	found_are(&q, 0, NULL);
	q.text = "Gr\xC3\xBC\xC3\x9F""e";
	q.since = base - day;
	q.before = base + 25 * day;
	found_are(&q, 3, keys[2]);
}

void
test_mail(const char *folder, const char *second)
{
	(void)second;
	flags(folder);
	if (can.no_keywords || !ops->flag)
		skip("keywords", "switched off");
	else
		keywords(folder);
	dates(folder);
	if (ops->find && ops->mark)
		finding(folder);
	if (ops->search && !can.no_search)
		searching(folder);
}

/* ---- sending ---- */

static enum err
count_call(void *ctx)
{
	++*(unsigned *)ctx;
	return ERR_OK;
}

static enum err
refuse(void *ctx)
{
	++*(unsigned *)ctx;
	return ERR_CONFLICT;
}

static const char *
inbox(void)
{
	struct backend_folders f;

	if (!list_folders(&f))
		return NULL;
	for (size_t i = 0; i < f.n; i++) {
		if (f.list[i].role == ROLE_INBOX)
			return f.list[i].key;
	}
	return NULL;
}

/* The key of the mail once it has arrived; NULL: not within the time. */
static const char *
arrived(const char *folder, const char *id, unsigned seconds)
{
	struct backend_stored found;

	for (unsigned i = 0; i < seconds * 5; i++) {
		enum err err = ops->find(s, a, folder, id, NULL, &found, &e);

		if (err == ERR_OK)
			return found.key;
		if (err != ERR_NOTFOUND) {
			EXPECT(ERR_OK, err);
			return NULL;
		}
		poll(NULL, 0, 200);
	}
	return NULL;
}

void
test_send(void)
{
	unsigned number = fresh(), called = 0;
	struct backend_mail mail = { .from = can.send_to, .to = &can.send_to, .n = 1 };
	const char *folder, *key;

	printf("sending\n");
	test("a mail that is called off at the last moment");
	folder = inbox();
	NEED(folder != NULL, "there is no Inbox");
	mail.bytes = sample(BACKEND_MAIL, number, 0, 0);
	EXPECT(ERR_CONFLICT, ops->send(s, &mail, refuse, &called, &e));
	CHECK(called == 1, "`sending` was called %u times", called);
	test("a mail to oneself");
	folder = inbox();
	number = fresh();
	called = 0;
	mail.bytes = sample(BACKEND_MAIL, number, 0, 200000);
	EXPECT(ERR_OK, ops->send(s, &mail, count_call, &called, &e));
	CHECK(called == 1, "`sending` was called %u times", called);
	if (ops->find && folder) {
		key = arrived(folder, sample_id(number), 30);
		CHECK(key != NULL, "it did not arrive");
		if (key)
			EXPECT(ERR_OK, ops->remove(s, folder, key, NULL, &e));
		CHECK(!arrived(folder, sample_id(number - 1), 1), "the one that was called off arrived");
	}
	if (!can.send_bad)
		return;
	test("a recipient that is refused");
	mail.to = &can.send_bad;
	mail.bytes = sample(BACKEND_MAIL, fresh(), 0, 0);
	EXPECT(ERR_DENIED, ops->send(s, &mail, count_call, &called, &e));
}
