/* Who logs in, and the folders. */
#include <stdlib.h>
#include <unistd.h>

#include "base/text.h"
#include "suite.h"

static void
ignore(void *ctx, bool ok, const char *text)
{
	(void)ok;
	++*(unsigned *)ctx;
	CHECK(*text, "describe() says nothing");
}

void
test_session(void)
{
	struct backend_login who = { .user = can.user, .password = "certainly not the password" };
	struct backend_session *session = NULL;
	struct backend_identity id = { 0 };
	unsigned said = 0;

	test("the table is complete");
	CHECK(ops->abi == BACKEND_ABI, "abi %u", ops->abi);
	CHECK(ops->classes && !(ops->classes & ~31u), "classes %u", ops->classes);
	CHECK(*ops->host(backend), "no host");
	CHECK(!ops->find == !ops->mark, "find and mark come together");
	if (can.no_auth) {
		skip("a wrong password", "switched off");
	} else {
		test("a wrong password is AUTH, and nothing else");
		EXPECT(ERR_AUTH, ops->login(backend, &who, &session, &e));
		CHECK(session == NULL, "a session nevertheless");
		who.user = "nobody-of-that-name";
		EXPECT(ERR_AUTH, ops->login(backend, &who, &session, &e));
	}
	test("log in, out and in again");
	for (int i = 0; i < 2; i++) {
		session = log_in();
		NEED(session != NULL, "no session");
		ops->logout(&session);
		CHECK(session == NULL, "logout leaves the pointer");
	}
	session = log_in();
	if (session && ops->identity) {
		test("identity");
		EXPECT(ERR_OK, ops->identity(session, a, &id, &e));
		CHECK(!id.address || strchr(id.address, '@'), "no address: %s", id.address);
	}
	if (session && ops->describe) {
		test("describe");
		EXPECT(ERR_OK, ops->describe(session, ignore, &said, &e));
		CHECK(said > 0, "it says nothing");
	}
	if (session)
		ops->logout(&session);
}

/* ---- the list ---- */

const struct backend_folder *
find_folder(const struct backend_folders *f, const char *key)
{
	for (size_t i = 0; i < f->n; i++) {
		if (strcmp(f->list[i].key, key) == 0)
			return &f->list[i];
	}
	return NULL;
}

bool
list_folders(struct backend_folders *f_r)
{
	return EXPECT(ERR_OK, ops->folders(s, a, f_r, &e));
}

static void
check_folder(const struct backend_folders *f, size_t i)
{
	const struct backend_folder *folder = &f->list[i];
	unsigned c = folder->class;

	CHECK(*folder->key && strlen(folder->key) <= BACKEND_KEY_MAX, "a key of %zu bytes", strlen(folder->key));
	CHECK(*folder->name && text_is_utf8(folder->name, strlen(folder->name)), "%s has a bad name", folder->key);
	CHECK(c && !(c & (c - 1)) && (c & ops->classes), "%s is of class %u", folder->key, c);
	if (folder->parent) {
		const struct backend_folder *parent = find_folder(f, folder->parent);

		if (CHECK(parent != NULL, "%s stands in %s, which is not there", folder->key, folder->parent))
			CHECK(parent < folder, "%s comes before its parent", folder->key);
	}
	for (size_t k = 0; k < i; k++) {
		CHECK(strcmp(f->list[k].key, folder->key) != 0, "%s twice", folder->key);
		CHECK(!folder->role || f->list[k].role != folder->role || f->list[k].class != folder->class, "two folders with role %d: %s, %s",
			(int)folder->role, f->list[k].key, folder->key);
	}
}

void
test_folders(void)
{
	struct backend_folders f, again;
	unsigned seen = 0;
	bool inbox = false;

	printf("folders\n");
	test("the list is sound, and the same twice");
	if (!list_folders(&f))
		return;
	for (size_t i = 0; i < f.n; i++) {
		check_folder(&f, i);
		seen |= f.list[i].class;
		inbox = inbox || f.list[i].role == ROLE_INBOX;
	}
	CHECK(!(can.classes & BACKEND_MAIL) || inbox, "there is no Inbox");
	CHECK((seen & can.classes) == can.classes, "no folder of classes %u", can.classes & ~seen);
	if (!list_folders(&again))
		return;
	CHECK(again.n == f.n, "%zu folders, then %zu", f.n, again.n);
	for (size_t i = 0; i < f.n; i++)
		CHECK(find_folder(&again, f.list[i].key) != NULL, "%s is missing the second time", f.list[i].key);
}

/* ---- making, renaming, removing ---- */

static size_t
index_of(enum backend_class class)
{
	size_t i = 0;

	while (class >> (i + 1))
		i++;
	return i;
}

static void
empty(const char *folder)
{
	struct model m = { 0 };

	model_follow(&m, s, folder, 500);
	for (size_t i = 0; i < m.n; i++)
		EXPECT(ERR_OK, ops->remove(s, folder, m.list[i].key, NULL, &e));
	model_free(&m);
}

const char *
work_folder(enum backend_class class, const char *name)
{
	const char *key = can.folders[index_of(class)];
	enum err err;

	if (key) {
		if (strcmp(name, "Contract one") != 0)
			return NULL;
		empty(key);
		return key;
	}
	if (!ops->folder_make)
		return NULL;
	err = ops->folder_make(s, a, NULL, name, class, &key, &e);
	if (err == ERR_EXISTS && ops->folder_remove) {
		/* From a run that did not end. */
		EXPECT(ERR_OK, ops->folder_remove(s, key, &e));
		err = ops->folder_make(s, a, NULL, name, class, &key, &e);
	}
	return EXPECT(ERR_OK, err) ? key : NULL;
}

void
drop_folder(const char *key, enum backend_class class)
{
	struct backend_folders f;

	if (can.folders[index_of(class)]) {
		empty(key);
		return;
	}
	EXPECT(ERR_OK, ops->folder_remove(s, key, &e));
	if (list_folders(&f))
		CHECK(find_folder(&f, key) == NULL, "%s is still listed", key);
}

/* Names that are awkward for somebody. */
static const struct {
	const char *name;
	bool slash, optional;
} names[] = {
	{ "Plain", false, false },
	{ "Gr\xC3\xBC\xC3\x9F""e & K\xC3\xBCsse", false, false },
	{ "\xE6\x97\xA5\xE6\x9C\xAC\xE8\xAA\x9E \xF0\x9F\x93\xA7", false, false },
	{ "one / two", true, false },
	{ "a.b", true, false },
	{ "100% \"quoted\" \\ back", false, true },
	{ "tilde~ and 'more' (x) *", false, true },
};

static const char *
make(const char *parent, const char *name, enum backend_class class)
{
	const char *key = NULL;
	enum err err = ops->folder_make(s, a, parent, name, class, &key, &e);

	if (err == ERR_EXISTS && key) {
		EXPECT(ERR_OK, ops->folder_remove(s, key, &e));
		err = ops->folder_make(s, a, parent, name, class, &key, &e);
	}
	return err ? (EXPECT(ERR_OK, err), NULL) : key;
}

static void
one_name(enum backend_class class, const char *name, bool optional)
{
	struct backend_folders f;
	const struct backend_folder *there;
	const char *key = NULL, *again = NULL;
	enum err err = ops->folder_make(s, a, NULL, name, class, &key, &e);

	if (err == ERR_EXISTS && key) {
		EXPECT(ERR_OK, ops->folder_remove(s, key, &e));
		err = ops->folder_make(s, a, NULL, name, class, &key, &e);
	}
	if (optional && (err == ERR_INVALID || err == ERR_DENIED || err == ERR_UNSUPPORTED))
		return;
	NEED_OK(err);
	NEED(key && *key, "no key for \"%s\"", name);
	if (!list_folders(&f))
		return;
	there = find_folder(&f, key);
	if (CHECK(there != NULL, "\"%s\" is not listed as %s", name, key)) {
		CHECK(strcmp(there->name, name) == 0, "\"%s\" is listed as \"%s\"", name, there->name);
		CHECK(there->class == class, "\"%s\" is of class %d", name, (int)there->class);
		CHECK(there->parent == NULL, "\"%s\" stands in %s", name, there->parent);
		CHECK(!there->readonly && !there->noselect, "\"%s\" cannot be written", name);
	}
	EXPECT(ERR_EXISTS, ops->folder_make(s, a, NULL, name, class, &again, &e));
	CHECK(again && strcmp(again, key) == 0, "EXISTS names %s, not %s", again ? again : "nothing", key);
	EXPECT(ERR_OK, ops->folder_remove(s, key, &e));
	if (list_folders(&f))
		CHECK(find_folder(&f, key) == NULL, "\"%s\" was removed and is still listed", name);
}

static void
removed_is_gone(enum backend_class class)
{
	struct backend_changes c;
	struct backend_stored stored;
	struct backend_put put = { .date = BACKEND_NO_DATE };
	const char *key, *item = "1";
	enum err err;

	test("a folder that is gone");
	key = make(NULL, "Contract gone", class);
	NEED(key != NULL, "no folder");
	put.folder = key;
	put.bytes = sample(class, fresh(), 0, 0);
	put.name = sample_name(fresh());
	EXPECT(ERR_OK, ops->folder_remove(s, key, &e));
	EXPECT(ERR_NOFOLDER, ops->changes(s, a, key, NULL, 100, &c, &e));
	EXPECT(ERR_NOFOLDER, ops->put(s, a, &put, &stored, &e));
	err = ops->remove(s, key, item, NULL, &e);
	CHECK(err == ERR_NOFOLDER || err == ERR_NOTFOUND, "remove gives %s", err_name(err));
	err = ops->folder_remove(s, key, &e);
	CHECK(err == ERR_NOFOLDER, "removing it again gives %s", err_name(err));
}

static void
rename_keeps_items(enum backend_class class)
{
	struct backend_folders f;
	const struct backend_folder *there;
	const char *key, *other_key, *new_key = NULL;
	struct model m = { 0 };

	test("a renamed folder keeps what is in it");
	key = make(NULL, "Contract before", class);
	other_key = make(NULL, "Contract beside", class);
	NEED(key && other_key, "no folders");
	put_new(s, key, class, fresh(), 0, NULL, BACKEND_NO_DATE, NULL);
	NEED_OK(ops->folder_rename(s, a, key, NULL, "Contract \xC3\xA4nother", &new_key, &e));
	NEED(new_key && *new_key, "no new key");
	if (!list_folders(&f))
		return;
	there = find_folder(&f, new_key);
	if (CHECK(there != NULL, "%s is not listed", new_key))
		CHECK(strcmp(there->name, "Contract \xC3\xA4nother") == 0, "it is called \"%s\"", there->name);
	CHECK(strcmp(key, new_key) == 0 || !find_folder(&f, key), "the old one is there too");
	model_follow(&m, s, new_key, 100);
	CHECK(m.n == 1, "%zu items instead of 1", m.n);
	model_free(&m);
	if (class == BACKEND_MAIL)
		EXPECT(ERR_EXISTS, ops->folder_rename(s, a, new_key, NULL, "Contract beside", &new_key, &e));
	EXPECT(ERR_OK, ops->folder_remove(s, there ? there->key : new_key, &e));
	EXPECT(ERR_OK, ops->folder_remove(s, other_key, &e));
}

static void
nested(enum backend_class class)
{
	struct backend_folders f;
	const struct backend_folder *there;
	const char *key, *below, *moved = NULL, *third = NULL;

	test("a folder in a folder");
	key = make(NULL, "Contract up", class);
	NEED(key != NULL, "no folder");
	below = make(key, "D\xC3\xB6wn", class);
	NEED(below != NULL, "no folder in it");
	if (!list_folders(&f))
		return;
	there = find_folder(&f, below);
	if (CHECK(there != NULL, "%s is not listed", below)) {
		CHECK(there->parent && strcmp(there->parent, key) == 0, "it stands in %s", there->parent ? there->parent : "nothing");
		CHECK(strcmp(there->name, "D\xC3\xB6wn") == 0, "it is called \"%s\"", there->name);
	}
	if (ops->folder_rename && !can.no_rename) {
		EXPECT(ERR_OK, ops->folder_rename(s, a, below, NULL, "Contract top", &moved, &e));
		if (list_folders(&f) && moved) {
			there = find_folder(&f, moved);
			CHECK(there && !there->parent, "it did not move to the top");
		}
		EXPECT(ERR_OK, ops->folder_rename(s, a, moved ? moved : below, key, "D\xC3\xB6wn", &third, &e));
		below = third ? third : below;
	}
	EXPECT(ERR_OK, ops->folder_remove(s, below, &e));
	EXPECT(ERR_OK, ops->folder_remove(s, key, &e));
}

void
test_folder_ops(enum backend_class class)
{
	if (!ops->folder_make || !ops->folder_remove) {
		skip("folders are made", "the module cannot");
		return;
	}
	if (can.folders[index_of(class)]) {
		skip("folders are made", "a folder was given");
		return;
	}
	test("folders with awkward names");
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		bool slash = names[i].slash && can.no_slash, percent = strchr(names[i].name, '%') && can.no_percent;

		if (!slash && !percent)
			one_name(class, names[i].name, names[i].optional);
	}
	removed_is_gone(class);
	if (ops->folder_rename && !can.no_rename)
		rename_keeps_items(class);
	if (class == BACKEND_MAIL && !can.no_nested)
		nested(class);
}
