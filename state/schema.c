/* The tables. Words that begin with $ are the dialect's. Each statement can be run again: MariaDB commits each by
 * itself, and a process may die between two. Versions are only added to: what was released stays as it is.
 *
 * Texts of phones and servers are kept as bytes: they compare as bytes, and none is refused for its encoding. What is
 * looked up by a text that may be longer than an index takes is looked up by its SHA-256.
 */
#include <ctype.h>

#include "state/db.h"

static const char *const version_1[] = {
	"create table if not exists user (id $id, name $key, hierarchy_seq $int) $engine",
	"create unique index if not exists user_name on user (name)",

	"create table if not exists device (id $id, user $int, device_id $key, type $bytes, agent $bytes, info"
	" $bytes, version $int, policy_hash $bytes, policy_temporary $int, policy_final $int,"
	" policy_final_used $int, wipe $int, view $int, created $int, last_seen $int, h_epoch $int, h_n $int,"
	" h_base $int, h_keys $bytes) $engine",
	"create unique index if not exists device_user on device (user, device_id)",

	"create table if not exists request (device $int, kind $key, body $bytes, primary key (device, kind))"
	" $engine",

	/* hash is that of bkey while the folder is there, else NULL: what was deleted may come again. */
	"create table if not exists folder (id $id, user $int, bkey $bytes, hash $hash, parent $bytes, name"
	" $bytes, class $int, type $int, readonly $int, token $bytes, seq $int, created_seq $int,"
	" hierarchy_seq $int, deleted $int) $engine",
	"create unique index if not exists folder_user on folder (user, hash)",
	"create index if not exists folder_hierarchy on folder (user, hierarchy_seq)",

	"create table if not exists item (id $id, folder $int, bkey $bytes, hash $hash, version $bytes, date"
	" $int, created_seq $int, created_by $int, seq $int, changed_by $int, moved_to $int, moved_at $int,"
	" outside $int, deleted $int) $engine",
	"create unique index if not exists item_key on item (folder, hash)",
	"create index if not exists item_seq on item (folder, seq)",
	"create index if not exists item_created on item (folder, created_seq)",
	"create index if not exists item_date on item (folder, date, id)",

	/* answers and done: see pack.h. low_c is the lowest c, (cut_date, cut_id) the highest cut-off of the
	 * answers. */
	"create table if not exists collection (id $id, device $int, folder $int, epoch $int, n $int, base"
	" $int, options $bytes, supported $bytes, created $int, last_used $int, answers $bytes, done $bytes,"
	" marks $int, low_c $int, cut_date $int, cut_id $int) $engine",
	"create index if not exists collection_device on collection (device, folder)",
	"create index if not exists collection_folder on collection (folder, cut_date, cut_id)",

	/* Holes (kind 1) and again (2): the item is one in the answers from from_n to to_n. */
	"create table if not exists mark (collection $int, kind $int, item $int, from_n $int, to_n $int,"
	" primary key (collection, kind, item, from_n)) $engine",
	"create index if not exists mark_item on mark (item)",

	"create table if not exists intent (id $id, device $int, kind $key, hash $bytes, client $bytes, find"
	" $hash, find_client $hash, message_id $bytes, mark $bytes, result $bytes, step $int, created $int)"
	" $engine",
	"create index if not exists intent_find on intent (device, find)",
	"create index if not exists intent_client on intent (device, find_client)",
	"create index if not exists intent_created on intent (created)",

	/* device 0: no device can have it. */
	"create table if not exists trouble (folder $int, hash $hash not null, device $int, bkey $bytes, version"
	" $bytes, reason $bytes, at $int, primary key (folder, hash, device)) $engine",
	NULL,
};

static const char *const *const versions[SCHEMA_VERSION] = { version_1 };

static void
expand(const struct db_ops *ops, const char *sql, struct buf *out)
{
	while (*sql) {
		char word[16];
		size_t n = 0;

		if (*sql != '$') {
			buf_add_byte(out, (unsigned char)*sql++);
			continue;
		}
		for (sql++; islower((unsigned char)*sql) && n < sizeof word - 1; sql++)
			word[n++] = *sql;
		word[n] = 0;
		buf_add_str(out, ops->type(word));
	}
}

static enum err
run_all(struct state_txn *t, const char *const *list)
{
	for (; *list; list++) {
		AUTO(buf_finish) struct buf sql = { 0 };

		expand(t->db->ops, *list, &sql);
		const char *text = buf_str(&sql);
		if (!text)
			return err_set(t->e, ERR_NOMEM, "out of memory");
		enum err err = t->db->ops->script(t->db, text, t->e);
		if (err)
			return err;
	}
	return ERR_OK;
}

/* 0: an empty store. */
static enum err
read_version(struct state_txn *t, int64_t *version_r)
{
	struct db_rows r;
	int64_t there = 0;
	enum err err;

	*version_r = 0;
	db_query(t, &r, db_either(t,
		"select count(*) from information_schema.tables where table_schema = database()"
		" and table_name = 'schema_version'",
		"select count(*) from sqlite_master where type = 'table' and name = 'schema_version'"), NO_ARGS);
	while (db_next(&r))
		there = db_int(&r, 0);
	err = db_end(&r);
	if (err || !there)
		return err;
	db_query(t, &r, "select max(version) from schema_version", NO_ARGS);
	while (db_next(&r))
		*version_r = db_int(&r, 0);
	return db_end(&r);
}

static enum err
check(struct state_txn *t, int64_t version)
{
	if (version <= SCHEMA_VERSION)
		return ERR_OK;
	return err_set(t->e, ERR_INVALID,
		"the store has version %lld of the tables, this cpush knows them up to %d: it was used by a newer "
		"cpush, install that one again", (long long)version, SCHEMA_VERSION);
}

static enum err
migrate(struct state_txn *t)
{
	int64_t version;
	enum err err = read_version(t, &version);

	if (!err)
		err = check(t, version);
	if (!err && version == 0) {
		static const char *const first[] = {
			"create table if not exists schema_version (version $int, primary key (version)) $engine", NULL };

		err = run_all(t, first);
	}
	for (; !err && version < SCHEMA_VERSION; version++) {
		err = run_all(t, versions[version]);
		if (!err)
			err = db_exec(t, "insert into schema_version (version) values (?)", ARGS(I(version + 1)), NULL);
	}
	return err;
}

enum err
schema_prepare(struct state *s, struct db *db, struct error *e)
{
	struct error own = { 0 };
	struct state_txn t = { .state = s, .db = db, .mode = STATE_WRITE, .e = e ? e : &own };
	int64_t version;

	/* What is as it should be is not locked: a store that cannot be written to now can be opened. */
	db->fate = DB_FINE;
	enum err err = read_version(&t, &version);
	if (err)
		return err;
	if (version >= SCHEMA_VERSION)
		return check(&t, version);
	if (s->tool)
		return err_set(t.e, ERR_NOTFOUND, version ? "the tables are those of an older cpush, which the next start migrates" :
			"the store has no tables yet, the first start of cpush makes them");
	err = db->ops->lock_schema(db, t.e);
	if (err)
		return err;
	err = migrate(&t);
	enum err end = db->ops->unlock_schema(db, !err, err ? NULL : t.e);
	return err ? err : end;
}
