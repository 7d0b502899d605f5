#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

#include "state/config.h"
#include "state/db.h"

/* ---- a connection per thread ---- */

static void
let_go(struct db *db)
{
	struct state *s = db->state;

	pthread_mutex_lock(&s->lock);
	LIST_REMOVE(db, link);
	pthread_mutex_unlock(&s->lock);
	db->ops->close(db);
}

/* A thread that ended without state_thread_end(). */
static void
thread_is_over(void *arg)
{
	struct db *db = arg;
	const struct db_ops *ops = db->ops;

	let_go(db);
	ops->thread_end();
}

enum err
db_get(struct state *s, struct db **db_r, struct error *e)
{
	struct db *db = pthread_getspecific(s->key);

	if (!db) {
		enum err err = s->ops->open(s, &db, e);

		if (err)
			return err;
		pthread_mutex_lock(&s->lock);
		LIST_INSERT_HEAD(&s->connections, db, link);
		pthread_mutex_unlock(&s->lock);
		if (pthread_setspecific(s->key, db)) {
			let_go(db);
			return err_set(e, ERR_NOMEM, "out of memory");
		}
	}
	*db_r = db;
	return ERR_OK;
}

void
db_drop(struct state *s)
{
	struct db *db = pthread_getspecific(s->key);

	if (!db)
		return;
	pthread_setspecific(s->key, NULL);
	let_go(db);
}

void
state_thread_end(struct state *s)
{
	if (!s)
		return;
	db_drop(s);
	s->ops->thread_end();
}

/* ---- the store ---- */

/* SQLite is for one responder. The lock goes with the descriptor, whatever becomes of the process. */
static enum err
lock_file(struct state *s, struct error *e)
{
	char path[4096];

	if ((size_t)snprintf(path, sizeof path, "%s.lock", s->config.path) >= sizeof path)
		return err_set(e, ERR_INVALID, "%s: the path is too long", s->config.path);
	s->lock_file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0640);
	if (s->lock_file < 0)
		return err_set(e, ERR_INVALID, "%s: %s", path, strerrordesc_np(errno));
	if (flock(s->lock_file, LOCK_EX | LOCK_NB) == 0)
		return ERR_OK;
	return err_set(e, ERR_UNAVAILABLE, "%s: another cpush has this store open; several of them need MariaDB", path);
}

static struct state *
state_new(struct conf *conf)
{
	struct state *s = calloc(1, sizeof *s);

	if (!s)
		return NULL;
	if (pthread_key_create(&s->key, thread_is_over)) {
		free(s);
		return NULL;
	}
	s->lock_file = -1;
	s->conf = conf_ref(conf);
	pthread_mutex_init(&s->lock, NULL);
	pthread_mutex_init(&s->writer, NULL);
	return s;
}

enum err
state_open(struct conf *conf, bool tool, struct state **s_r, struct error *e)
{
	AUTO(state_close) struct state *s = state_new(conf);
	struct db *db;

	if (!s)
		return err_set(e, ERR_NOMEM, "out of memory");
	enum err err = config_bind(s, e);
	if (err)
		return err;
	s->tool = tool;
	s->ops = s->config.driver == DRIVER_SQLITE ? &sqlite_ops : &mariadb_ops;
	if (!s->ops->start())
		return err_set(e, ERR_INTERNAL, "the library of %s cannot be used", s->ops->name);
	if (s->config.driver == DRIVER_SQLITE && !tool && (err = lock_file(s, e)))
		return err;
	err = db_get(s, &db, e);
	if (!err)
		err = schema_prepare(s, db, e);
	if (err)
		return err;
	s->reckoned = tool;
	err = tool ? ERR_OK : put_back_reckon(s, e);
	if (err && err != ERR_UNAVAILABLE)
		return err;
	*s_r = TAKE(s);
	return ERR_OK;
}

void
state_close(struct state **sp)
{
	struct state *s = *sp;
	struct db *db;

	*sp = NULL;
	if (!s)
		return;
	pthread_key_delete(s->key);
	while ((db = LIST_FIRST(&s->connections))) {
		LIST_REMOVE(db, link);
		db->ops->close(db);
	}
	if (s->lock_file >= 0)
		close(s->lock_file);
	config_finish(s);
	conf_unref(&s->conf);
	pthread_mutex_destroy(&s->lock);
	pthread_mutex_destroy(&s->writer);
	free(s);
}

const char *
state_driver(const struct state *s)
{
	return s->ops->name;
}
