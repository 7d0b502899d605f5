/* Items of each class, and the folder as a device would know it. */
#include <stdlib.h>
#include <unistd.h>

#include "suite.h"

unsigned
fresh(void)
{
	static unsigned last;

	return ++last;
}

const char *
sample_id(unsigned number)
{
	return arena_printf(a, "<contract.%u.%ld@cpush.example>", number, (long)getpid());
}

const char *
sample_name(unsigned number)
{
	return arena_printf(a, "contract-%ld-%u", (long)getpid(), number);
}

/* n bytes of text in lines that end with eol and continue with `fold`. */
static void
add_filling(struct buf *b, size_t n, const char *eol, const char *fold)
{
	for (size_t i = 0; i < n; i++) {
		if (i % 70 == 69) {
			buf_add_str(b, eol);
			buf_add_str(b, fold);
		}
		buf_add_byte(b, (unsigned char)('a' + i % 26));
	}
}

static void
add_mail(struct buf *b, unsigned number, unsigned variant, size_t extra)
{
	buf_printf(b, "Message-ID: %s\r\n", sample_id(number));
	buf_printf(b, "Date: Tue, 03 Sep 2024 10:%02u:%02u +0200\r\nFrom: Ann Tester <ann%u@sender.example>\r\n", variant % 60, number % 60, number);
	buf_printf(b, "To: Bob Reader <bob%u@reader.example>\r\nSubject: Contract number%uvariant%u\r\n", number, number, variant);
	buf_printf(b, "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n");
	buf_printf(b, "Gr\xC3\xBC\xC3\x9F""e, body%u.\r\n.\r\n\r\n", number);
	add_filling(b, extra, "\r\n", "");
	buf_add_str(b, "\r\n");
}

static void
add_calendar(struct buf *b, unsigned number, unsigned variant, size_t extra, const char *component)
{
	buf_printf(b, "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//cpush//contract//EN\r\nBEGIN:%s\r\n", component);
	buf_printf(b, "UID:contract-%ld-%u\r\nDTSTAMP:20240903T080000Z\r\n", (long)getpid(), number);
	if (strcmp(component, "VEVENT") == 0)
		buf_printf(b, "DTSTART:20240904T%02u0000Z\r\nDTEND:20240904T%02u3000Z\r\n", number % 20, number % 20);
	buf_printf(b, "SUMMARY:Gr\xC3\xBC\xC3\x9F""e %u\\, variant %u\r\n", number, variant);
	if (extra) {
		buf_add_str(b, "DESCRIPTION:");
		add_filling(b, extra, "\r\n", " ");
		buf_add_str(b, "\r\n");
	}
	buf_printf(b, "END:%s\r\nEND:VCALENDAR\r\n", component);
}

static void
add_contact(struct buf *b, unsigned number, unsigned variant, size_t extra)
{
	buf_printf(b, "BEGIN:VCARD\r\nVERSION:3.0\r\nUID:contract-%ld-%u\r\nN:T\xC3\xA9ster;Ann %u;;;\r\nFN:Ann %u T\xC3\xA9ster\r\n",
		(long)getpid(), number, number, number);
	buf_printf(b, "TEL;TYPE=CELL:+49 30 %u\r\n", variant);
	if (extra) {
		buf_add_str(b, "NOTE:");
		add_filling(b, extra, "\r\n", " ");
		buf_add_str(b, "\r\n");
	}
	buf_add_str(b, "END:VCARD\r\n");
}

struct slice
sample(enum backend_class class, unsigned number, unsigned variant, size_t extra)
{
	struct buf b;
	struct slice out;

	buf_init(&b, 0);
	if (class == BACKEND_MAIL || class == BACKEND_NOTES)
		add_mail(&b, number, variant, extra);
	else if (class == BACKEND_CONTACTS)
		add_contact(&b, number, variant, extra);
	else
		add_calendar(&b, number, variant, extra, class == BACKEND_TASKS ? "VTODO" : "VEVENT");
	out = slice(arena_memdup(a, b.data, b.len), b.len);
	buf_finish(&b);
	return out;
}

/* ---- the model ---- */

void
model_free(struct model *m)
{
	for (size_t i = 0; i < m->n; i++) {
		free(m->list[i].key);
		free(m->list[i].version);
	}
	free(m->list);
	free(m->cursor);
	memset(m, 0, sizeof *m);
}

struct model_item *
model_find(const struct model *m, const char *key)
{
	for (size_t i = 0; i < m->n; i++) {
		if (strcmp(m->list[i].key, key) == 0)
			return &m->list[i];
	}
	return NULL;
}

static void
forget(struct model *m, struct model_item *item)
{
	free(item->key);
	free(item->version);
	*item = m->list[--m->n];
}

static void
take(struct model *m, const struct backend_change *c)
{
	struct model_item *item = model_find(m, c->key);

	CHECK(*c->key && strlen(c->key) <= BACKEND_KEY_MAX, "a key of %zu bytes", strlen(c->key));
	if (c->gone) {
		if (item)
			forget(m, item);
		return;
	}
	if (!CHECK(c->version != NULL, "%s has no version", c->key))
		return;
	CHECK(strlen(c->version) <= BACKEND_VERSION_MAX, "a version of %zu bytes", strlen(c->version));
	if (!item) {
		if (m->n == m->room) {
			m->room = m->room ? 2 * m->room : 64;
			m->list = realloc(m->list, m->room * sizeof *m->list);
			if (!m->list)
				abort();
		}
		item = &m->list[m->n++];
		memset(item, 0, sizeof *item);
		item->key = strdup(c->key);
	}
	free(item->version);
	item->version = strdup(c->version);
	item->date = c->date;
	item->listed = true;
}

static void
check_order(const struct backend_changes *c, int64_t *last)
{
	for (size_t i = 0; i < c->n; i++) {
		if (c->list[i].date == BACKEND_NO_DATE)
			continue;
		CHECK(c->list[i].date <= *last, "the listing is not newest first at %s", c->list[i].key);
		*last = c->list[i].date;
	}
}

bool
model_step(struct model *m, struct backend_session *by, const char *folder, size_t part, bool *more_r)
{
	static int64_t last;
	struct arena *scratch = arena_new(0);
	struct backend_changes c;
	enum err err = ops->changes(by, scratch, folder, m->cursor, part, &c, &e);

	*more_r = false;
	if (!EXPECT(ERR_OK, err)) {
		arena_free(&scratch);
		return false;
	}
	CHECK(c.cursor != NULL && *c.cursor, "no cursor");
	CHECK(!c.reset || c.listing, "a reset that is no listing");
	CHECK(!c.more || c.n > 0 || c.cursor, "an empty part with more");
	if (c.listing && !m->listing) {
		last = INT64_MAX;
		for (size_t i = 0; i < m->n; i++)
			m->list[i].listed = false;
		while (c.reset && m->n)
			forget(m, &m->list[0]);
	}
	if (c.listing && m->ordered)
		check_order(&c, &last);
	for (size_t i = 0; i < c.n; i++)
		take(m, &c.list[i]);
	for (size_t i = 0; c.listing && !c.more && i < m->n;) {
		if (m->list[i].listed)
			i++;
		else
			forget(m, &m->list[i]);
	}
	m->listing = c.listing && c.more;
	m->parts++;
	free(m->cursor);
	m->cursor = c.cursor ? strdup(c.cursor) : NULL;
	*more_r = c.more;
	arena_free(&scratch);
	return true;
}

bool
model_follow(struct model *m, struct backend_session *by, const char *folder, size_t part)
{
	bool more = true;

	for (size_t i = 0; more; i++) {
		if (!CHECK(i < 100000, "changes() does not end") || !model_step(m, by, folder, part, &more))
			return false;
	}
	return true;
}

bool
model_is_true(const struct model *m, const char *folder)
{
	struct model fresh_model = { 0 };
	bool good = model_follow(&fresh_model, s, folder, 500);

	if (good)
		good = CHECK(m->n == fresh_model.n, "%zu items are known, %zu are there", m->n, fresh_model.n);
	for (size_t i = 0; good && i < fresh_model.n; i++) {
		const struct model_item *there = &fresh_model.list[i], *known = model_find(m, there->key);

		if (CHECK(known != NULL, "%s was not told of", there->key))
			good = CHECK(strcmp(known->version, there->version) == 0, "%s has version %s, %s was told", there->key,
				there->version, known->version) && good;
		else
			good = false;
	}
	model_free(&fresh_model);
	return good;
}

/* ---- doing ---- */

/* Where the server does not say what it called the new item: the key that was not there before. */
static const char *
find_new_key(const struct model *before, struct backend_session *by, const char *folder)
{
	struct model now = { 0 };
	const char *key = NULL;

	model_follow(&now, by, folder, 500);
	for (size_t i = 0; i < now.n && !key; i++) {
		if (!model_find(before, now.list[i].key))
			key = arena_strdup(a, now.list[i].key);
	}
	model_free(&now);
	return key;
}

const char *
put_new(struct backend_session *by, const char *folder, enum backend_class class, unsigned number, unsigned flags,
	const char *const *keywords, int64_t date, struct backend_stored *stored_r)
{
	struct backend_put put = { .folder = folder, .name = sample_name(number), .bytes = sample(class, number, 0, 0), .flags = flags,
		.keywords = keywords, .date = date };
	struct backend_stored stored = { "", "" };
	struct model before = { 0 };
	const char *key;

	if (class == BACKEND_MAIL && !can.knows_keys)
		model_follow(&before, by, folder, 500);
	if (!EXPECT(ERR_OK, ops->put(by, a, &put, &stored, &e))) {
		model_free(&before);
		return NULL;
	}
	if (class != BACKEND_MAIL || can.knows_keys)
		CHECK(*stored.key, "put does not say the key");
	if (can.vouches)
		CHECK(*stored.version, "put does not say the version");
	key = *stored.key ? stored.key : find_new_key(&before, by, folder);
	model_free(&before);
	CHECK(key != NULL, "the item that was put is not there");
	if (stored_r)
		*stored_r = stored;
	return key;
}

static enum err
keep(void *ctx, const struct backend_item *item)
{
	struct got *got = ctx;

	got->times++;
	got->item = *item;
	got->item.key = arena_strdup(a, item->key);
	got->item.version = item->version ? arena_strdup(a, item->version) : NULL;
	got->item.bytes = slice(arena_memdup(a, item->bytes.ptr ? item->bytes.ptr : (const unsigned char *)"", item->bytes.len),
		item->bytes.len);
	if (item->keywords) {
		size_t n = 0;
		const char **list;

		while (item->keywords[n])
			n++;
		list = arena_array(a, n + 1, sizeof *list);
		for (size_t i = 0; list && i < n; i++)
			list[i] = arena_strdup(a, item->keywords[i]);
		got->item.keywords = list;
	}
	return ERR_OK;
}

bool
get(struct backend_session *by, const char *folder, const char *key, enum backend_want want, struct got *got_r)
{
	struct backend_fetch what = { .folder = folder, .keys = &key, .n = 1, .want = want };

	memset(got_r, 0, sizeof *got_r);
	if (!EXPECT(ERR_OK, ops->fetch(by, &what, keep, got_r, &e)))
		return false;
	return CHECK(got_r->times == 1, "%s came %u times", key, got_r->times) && CHECK(strcmp(got_r->item.key, key) == 0,
		"%s came as %s", key, got_r->item.key);
}

enum err
get_err(const char *folder, const char *key)
{
	struct got got;

	return get(s, folder, key, WANT_BYTES, &got) ? got.item.err : ERR_INTERNAL;
}
