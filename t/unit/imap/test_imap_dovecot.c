/* The module against a real Dovecot: t/contract/dovecot.sh starts it and names its ports in the environment. */
#include "kit.h"

#include <poll.h>
#include <stdlib.h>

static const char *
env(const char *name)
{
	const char *v = getenv(name);
	if (!v)
		fail_msg("%s is not set: run this by t/contract/dovecot.sh", name);
	return v;
}

static void
login(struct kit *k, const char *scheme, const char *port, const char *more, const char *user)
{
	char text[1024];
	backend_module.logout(&k->s);
	backend_module.close(&k->b);
	conf_unref(&k->conf);
	snprintf(text, sizeof text, "[imap]\nurl = %s://127.0.0.1:%s/\n%s\n", scheme, env(port), more);
	assert_int_equal(conf_parse(text, "test.conf", &k->conf, &k->e), ERR_OK);
	assert_int_equal(backend_module.open(k->conf, &k->b, &k->e), ERR_OK);
	if (user && kit_try_login(k, user, "secret"))
		fail_msg("%s", k->e.text);
}

/* A folder of its own for each test; what a run before left there is removed. */
static const char *
fresh_folder(struct kit *k, const char *name)
{
	const char *key;
	enum err err = backend_module.folder_remove(k->s, name, &k->e);
	assert_true(err == ERR_OK || err == ERR_NOFOLDER);
	assert_int_equal(backend_module.folder_make(k->s, k->a, NULL, name, BACKEND_MAIL, &key, &k->e), ERR_OK);
	return key;
}

static const char *
put(struct kit *k, const char *folder, unsigned n, unsigned flags)
{
	char text[256];
	snprintf(text, sizeof text, "From: a@example.org\r\nMessage-ID: <%u@test>\r\nSubject: =?utf-8?q?Gr=C3=B6=C3=9Fe?= %u\r\n\r\nHello\r\n", n, n);
	struct backend_put p = { .folder = folder, .bytes = slice_str(text), .flags = flags, .date = 1000000000 + n };
	if (backend_module.put(k->s, k->a, &p, &k->stored, &k->e))
		fail_msg("%s", k->e.text);
	assert_true(k->stored.key[0]);
	return k->stored.key;
}

static void
logins_by_every_way(void **state)
{
	struct kit *k = *state;
	char ca[512];
	snprintf(ca, sizeof ca, "ca_file = %s\ntls = required", env("IMAP_CA"));
	login(k, "imap", "IMAP_PORT", "", "alice");
	login(k, "imap", "IMAP_PORT", "auth_mechanism = AUTH=LOGIN", "alice");
	login(k, "imap", "IMAP_PORT", ca, "alice");
	login(k, "imaps", "IMAPS_PORT", ca, "alice");
	assert_int_equal(backend_module.folders(k->s, k->a, &k->folders, &k->e), ERR_OK);
	login(k, "imaps", "IMAPS_PORT", "", NULL);
	assert_int_equal(kit_try_login(k, "alice", "secret"), ERR_UNAVAILABLE);
	assert_non_null(strstr(k->e.text, "certificate"));
	login(k, "imap", "IMAP_PORT", "", NULL);
	assert_int_equal(kit_try_login(k, "alice", "wrong"), ERR_AUTH);
	assert_int_equal(kit_try_login(k, "nobody", "secret"), ERR_AUTH);
}

static void
folders_have_their_roles(void **state)
{
	static const struct {
		const char *key;
		enum backend_role role;
	} want[] = { { "INBOX", ROLE_INBOX }, { "Drafts", ROLE_DRAFTS }, { "Sent", ROLE_SENT }, { "Trash", ROLE_TRASH }, { "Junk", ROLE_JUNK },
		{ "Archive", ROLE_ARCHIVE }, { "Entwürfe & Pläne", ROLE_NONE } };
	struct kit *k = *state;
	login(k, "imap", "IMAP_PORT", "", "bob");
	assert_int_equal(backend_module.folders(k->s, k->a, &k->folders, &k->e), ERR_OK);
	for (size_t i = 0; i < ARRAY_LEN(want); i++) {
		size_t j = 0;
		while (j < k->folders.n && strcmp(k->folders.list[j].key, want[i].key) != 0)
			j++;
		assert_true(j < k->folders.n);
		assert_int_equal(k->folders.list[j].role, want[i].role);
	}
	assert_int_equal(kit_changes(k, "Entwürfe & Pläne", NULL, 0), ERR_OK);
}

static void
nested_folders(void **state)
{
	struct kit *k = *state;
	const char *key, *child;
	login(k, "imap", "IMAP_PORT", "", "bob");
	key = fresh_folder(k, "Ünter \"zitiert\"");
	assert_int_equal(backend_module.folder_make(k->s, k->a, key, "kind", BACKEND_MAIL, &child, &k->e), ERR_OK);
	assert_int_equal(backend_module.folder_make(k->s, k->a, key, "kind", BACKEND_MAIL, &child, &k->e), ERR_EXISTS);
	put(k, child, 1, 0);
	assert_int_equal(backend_module.folder_rename(k->s, k->a, child, NULL, "oben 日本", &child, &k->e), ERR_OK);
	assert_int_equal(kit_changes(k, child, NULL, 0), ERR_OK);
	assert_int_equal(k->changes.n, 1);
	assert_int_equal(backend_module.folder_remove(k->s, child, &k->e), ERR_OK);
	assert_int_equal(kit_changes(k, child, NULL, 0), ERR_NOFOLDER);
	assert_int_equal(backend_module.folder_remove(k->s, key, &k->e), ERR_OK);
}

static void
a_life_of_a_mail(void **state)
{
	static const char *const keyword[] = { "Red Category", "$label1", NULL };
	struct kit *k = *state;
	login(k, "imap", "IMAP_PORT", "", "carol");
	const char *folder = fresh_folder(k, "Life"), *other = fresh_folder(k, "Other");
	assert_int_equal(kit_changes(k, folder, NULL, 0), ERR_OK);
	assert_true(k->changes.listing);
	const char *cursor = k->changes.cursor;
	const char *one = put(k, folder, 1, 0), *version1 = k->stored.version, *two = put(k, folder, 2, FLAG_SEEN);
	assert_true(version1[0]);
	assert_int_equal(kit_changes(k, folder, cursor, 0), ERR_OK);
	assert_false(k->changes.listing);
	assert_int_equal(k->changes.n, 2);
	assert_string_equal(k->changes.list[0].key, one);
	assert_string_equal(k->changes.list[0].version, version1);
	assert_int_equal(k->changes.list[0].date, 1000000001);
	cursor = k->changes.cursor;
	/* nothing new */
	assert_int_equal(kit_changes(k, folder, cursor, 0), ERR_OK);
	assert_int_equal(k->changes.n, 0);
	assert_string_equal(k->changes.cursor, cursor);
	/* flags: vouched for, and told as that very version */
	struct backend_flagging what = { .folder = folder, .key = one, .set = FLAG_SEEN | FLAG_FORWARDED, .add_keywords = keyword };
	assert_int_equal(backend_module.flag(k->s, k->a, &what, &k->stored, &k->e), ERR_OK);
	const char *version2 = k->stored.version;
	assert_true(version2[0]);
	what = (struct backend_flagging){ .folder = folder, .key = one, .clear = FLAG_SEEN, .remove_keywords = keyword + 1 };
	assert_int_equal(backend_module.flag(k->s, k->a, &what, &k->stored, &k->e), ERR_OK);
	version2 = k->stored.version;
	assert_int_equal(kit_changes(k, folder, cursor, 0), ERR_OK);
	assert_int_equal(k->changes.n, 1);
	assert_string_equal(k->changes.list[0].version, version2);
	cursor = k->changes.cursor;
	/* what is stored */
	const char *const keys[] = { two, one, "999" };
	assert_int_equal(kit_fetch(k, folder, keys, 3, 0), ERR_OK);
	assert_int_equal(k->n_items, 3);
	assert_string_equal(k->items[0].key, one);
	assert_int_equal(k->items[0].flags, FLAG_FORWARDED);
	assert_string_equal(k->items[0].version, version2);
	assert_non_null(strstr(k->items[0].text, "<1@test>"));
	assert_int_equal(k->items[2].err, ERR_NOTFOUND);
	/* moving and removing */
	assert_int_equal(backend_module.move(k->s, k->a, folder, one, other, &k->stored, &k->e), ERR_OK);
	assert_true(k->stored.key[0]);
	assert_int_equal(backend_module.move(k->s, k->a, folder, one, other, &k->stored, &k->e), ERR_NOTFOUND);
	assert_int_equal(backend_module.move(k->s, k->a, folder, two, "None", &k->stored, &k->e), ERR_NOFOLDER);
	assert_int_equal(backend_module.remove(k->s, folder, two, "1", &k->e), ERR_CONFLICT);
	assert_int_equal(backend_module.remove(k->s, folder, two, NULL, &k->e), ERR_OK);
	assert_int_equal(backend_module.remove(k->s, folder, two, NULL, &k->e), ERR_NOTFOUND);
	assert_int_equal(kit_changes(k, folder, cursor, 0), ERR_OK);
	assert_false(k->changes.listing);
	assert_int_equal(k->changes.n, 2);
	assert_true(k->changes.list[0].gone && k->changes.list[1].gone);
}

static void
listings_in_parts_and_finding(void **state)
{
	struct kit *k = *state;
	const char *mark;
	login(k, "imap", "IMAP_PORT", "", "carol");
	const char *folder = fresh_folder(k, "Parts");
	for (unsigned i = 0; i < 25; i++)
		put(k, folder, i, 0);
	assert_int_equal(backend_module.mark(k->s, k->a, folder, &mark, &k->e), ERR_OK);
	size_t total = 0;
	uint64_t last = UINT64_MAX;
	const char *cursor = NULL;
	do {
		assert_int_equal(kit_changes(k, folder, cursor, 10), ERR_OK);
		assert_true(k->changes.listing);
		for (size_t i = 0; i < k->changes.n; i++) {
			uint64_t uid = strtoull(k->changes.list[i].key, NULL, 10);
			assert_true(uid < last);
			last = uid;
		}
		total += k->changes.n;
		cursor = k->changes.cursor;
	} while (k->changes.more);
	assert_int_equal(total, 25);
	assert_int_equal(backend_module.find(k->s, k->a, folder, "<3@test>", NULL, &k->stored, &k->e), ERR_OK);
	assert_int_equal(backend_module.find(k->s, k->a, folder, "<3@test>", mark, &k->stored, &k->e), ERR_NOTFOUND);
	const char *late = put(k, folder, 77, 0);
	assert_int_equal(backend_module.find(k->s, k->a, folder, "<77@test>", mark, &k->stored, &k->e), ERR_OK);
	assert_string_equal(k->stored.key, late);
	struct backend_query q = { .folder = folder, .subject = "größe", .since = BACKEND_NO_DATE, .before = BACKEND_NO_DATE, .max = 7 };
	assert_int_equal(backend_module.search(k->s, k->a, &q, &k->keys, &k->e), ERR_OK);
	assert_int_equal(k->keys.n, 7);
	assert_string_equal(k->keys.list[0], late);
	q.text = "nothing like it";
	assert_int_equal(backend_module.search(k->s, k->a, &q, &k->keys, &k->e), ERR_OK);
	assert_int_equal(k->keys.n, 0);
}

static void
watching(void **state)
{
	static const char *const folders[] = { "INBOX", "Sent" };
	struct kit *k = *state;
	struct kit writer = { .a = k->a };
	login(k, "imap", "IMAP_PORT", "poll = 5", "bob");
	assert_int_equal(backend_module.watch(k->s, folders, 2, &k->watch, &k->e), ERR_OK);
	assert_true(k->watch.fd >= 0);
	assert_int_equal(backend_module.noticed(k->s, k->a, &k->keys, &k->watch, &k->e), ERR_OK);
	assert_int_equal(k->keys.n, 0);
	login(&writer, "imap", "IMAP_PORT", "", "bob");
	put(&writer, "INBOX", 1, 0);
	do {
		struct pollfd p = { .fd = k->watch.fd, .events = POLLIN };
		assert_int_equal(poll(&p, 1, 60000), 1);
		assert_int_equal(backend_module.noticed(k->s, k->a, &k->keys, &k->watch, &k->e), ERR_OK);
	} while (k->keys.n == 0);
	assert_string_equal(k->keys.list[0], "INBOX");
	/* the other folder: by NOTIFY, which Dovecot has */
	put(&writer, "Sent", 1, FLAG_SEEN);
	do {
		struct pollfd p = { .fd = k->watch.fd, .events = POLLIN };
		assert_int_equal(poll(&p, 1, 60000), 1);
		assert_int_equal(backend_module.noticed(k->s, k->a, &k->keys, &k->watch, &k->e), ERR_OK);
	} while (k->keys.n == 0 || strcmp(k->keys.list[0], "Sent") != 0);
	/* a command meanwhile, and after */
	assert_int_equal(kit_changes(k, "INBOX", NULL, 0), ERR_OK);
	backend_module.unwatch(k->s);
	assert_int_equal(kit_changes(k, "INBOX", k->changes.cursor, 0), ERR_OK);
	backend_module.logout(&writer.s);
	backend_module.close(&writer.b);
	conf_unref(&writer.conf);
}

static void
large_mails(void **state)
{
	struct kit *k = *state;
	login(k, "imap", "IMAP_PORT", "", "carol");
	const char *folder = fresh_folder(k, "Large");
	struct buf text;
	buf_init(&text, 0);
	buf_add_str(&text, "Subject: large\r\n\r\n");
	for (unsigned i = 0; i < 300000; i++)
		buf_printf(&text, "line %010u\r\n", i);
	struct backend_put p = { .folder = folder, .bytes = buf_slice(&text), .date = BACKEND_NO_DATE };
	assert_int_equal(backend_module.put(k->s, k->a, &p, &k->stored, &k->e), ERR_OK);
	const char *const keys[] = { k->stored.key };
	assert_int_equal(kit_fetch(k, folder, keys, 1, 0), ERR_OK);
	assert_int_equal(k->items[0].err, ERR_OK);
	assert_int_equal(k->items[0].size, text.len);
	assert_int_equal(kit_fetch(k, folder, keys, 1, 1000000), ERR_OK);
	assert_int_equal(k->items[0].err, ERR_LIMIT);
	assert_int_equal(backend_module.folder_remove(k->s, folder, &k->e), ERR_OK);
	buf_finish(&text);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, kit_setup, kit_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(logins_by_every_way),
		TEST(folders_have_their_roles),
		TEST(nested_folders),
		TEST(a_life_of_a_mail),
		TEST(listings_in_parts_and_finding),
		TEST(watching),
		TEST(large_mails),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
