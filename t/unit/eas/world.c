#include "world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "eas/clock.h"

#define CALL_ARENA (64u << 20)

static void
die(const char *what, const struct error *e)
{
	fprintf(stderr, "world: %s: %s\n", what, e ? e->text : "");
	abort();
}

/* ---- the store ---- */

/* As t/lib/mariadb.sh starts it. */
static const char *
mariadb_socket(void)
{
	const char *s = getenv("CPUSH_STORE_SOCKET");

	return s ? s : getenv("CPUSH_TEST_MARIADB_SOCKET");
}

bool
world_has_mariadb(void)
{
	return mariadb_socket() != NULL;
}

static void
state_section(struct world *w, const char *driver, struct buf *out)
{
	if (strcmp(driver, "sqlite") == 0)
		buf_printf(out, "[state]\ndriver = sqlite\npath = %s/state.db\n", w->dir);
	else
		buf_printf(out, "[state]\ndriver = mariadb\nsocket = %s\npassword = secret\n", mariadb_socket());
}

/* ---- the world ---- */

static void
end_parked(void *ctx, const char *user, const char *device_id, unsigned kinds, enum eas_wake why)
{
	struct world *w = ctx;

	(void)user;
	(void)device_id;
	w->ended |= kinds;
	w->ended_why = why;
}

static void
nudge(void *ctx, const char *user)
{
	struct world *w = ctx;

	(void)user;
	w->nudges++;
}

void
world_open(struct world *w, const char *driver, const char *settings)
{
	world_open_with(w, driver, "mem", settings);
}

void
world_open_with(struct world *w, const char *driver, const char *backends, const char *settings)
{
	struct error e = { 0 };
	struct buf text;

	*w = (struct world){ 0 };
	w->user = WORLD_USER;
	mem_reset();
	w->mem = mem_world(&mem_ops);
	snprintf(w->dir, sizeof w->dir, "%s/cpush-test-XXXXXX", access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	if (!mkdtemp(w->dir))
		die("no directory", NULL);
	buf_init(&text, 0);
	buf_printf(&text, "[server]\nbackends = %s\nauth = mem\n", backends);
	state_section(w, driver, &text);
	buf_printf(&text, "[eas]\n%s\n", settings ? settings : "");
	if (conf_parse(buf_str(&text), "test", &w->conf, &e))
		die("configuration", &e);
	buf_finish(&text);
	backends_register_builtin(&mem_ops);
	backends_register_builtin(&mem2_ops);
	if (backends_open(w->conf, &w->backends, &e))
		die("backends", &e);
	if (state_open(w->conf, false, &w->state, &e))
		die("store", &e);
	if (eas_config_new(w->conf, &w->config, &e))
		die("settings", &e);
	w->server = (struct eas_server){ .config = w->config, .state = w->state, .backends = w->backends, .end_parked = end_parked,
		.nudge = nudge, .ctx = w };
}

void
world_close(struct world *w)
{
	char command[128];

	eas_config_free(&w->config);
	backends_unref(&w->backends);
	state_thread_end(w->state);
	state_close(&w->state);
	conf_unref(&w->conf);
	eas_clock_set(0);
	eas_clock_set_monotonic(0);
	snprintf(command, sizeof command, "rm -rf %s", w->dir);
	if (system(command) != 0)
		fprintf(stderr, "world: %s was not removed\n", w->dir);
}

void
world_configure(struct world *w, const char *settings)
{
	struct conf *conf;
	struct error e = { 0 };
	struct buf text;

	buf_init(&text, 0);
	buf_printf(&text, "[eas]\n%s\n", settings);
	if (conf_parse(buf_str(&text), "test", &conf, &e))
		die("configuration", &e);
	buf_finish(&text);
	eas_config_free(&w->config);
	if (eas_config_new(conf, &w->config, &e))
		die("settings", &e);
	conf_unref(&conf);
	w->server.config = w->config;
}

struct wiping {
	struct world *w;
	const char *device;
	enum state_wipe wipe;
};

static enum err
set_wipe(struct state_txn *t, void *arg, struct error *e)
{
	const struct wiping *in = arg;
	struct arena *a = arena_new(1 << 16);
	struct state_device d;
	enum err err = state_device_find(t, a, in->w->user, in->device, &d);

	(void)e;
	if (!err)
		err = state_device_wipe(t, d.id, in->wipe);
	arena_free(&a);
	return err;
}

void
world_wipe(struct world *w, const char *device, enum state_wipe wipe)
{
	struct wiping in = { .w = w, .device = device, .wipe = wipe };
	struct error e = { 0 };

	if (state_run(w->state, STATE_WRITE, set_wipe, &in, &e))
		die("wipe", &e);
}

/* ---- one request ---- */

static enum err
load_device(struct state_txn *t, void *arg, struct error *e)
{
	struct call *c = arg;
	int64_t user;
	enum err err = state_user(t, c->r.user, &user);

	(void)e;
	if (err)
		return err;
	return state_device(t, c->r.arena, user, c->r.query.device_id, true, 0, &c->r.device);
}

void
call_begin(struct call *c, struct world *w, const char *device, unsigned version, enum eas_command command)
{
	const struct backend_login who = { w->user, "secret", NULL };
	struct eas_request *r = &c->r;
	struct error e = { 0 };

	*c = (struct call){ .world = w };
	r->server = &w->server;
	r->arena = arena_new(CALL_ARENA);
	r->user = w->user;
	r->user_agent = "";
	r->accept_language = "";
	r->content_type = "";
	r->query = (struct eas_query){ .version = version, .command = command, .command_name = "", .device_id = device,
		.device_type = "Test", .user = w->user, .attachment = "", .collection_id = "", .item_id = "", .long_id = "",
		.occurrence = "" };
	r->log = (struct log_ctx){ .user = w->user, .device = device };
	r->reply.status = 200;
	buf_init(&r->reply.headers, 65536);
	buf_init(&r->reply.body, 64u << 20);
	buf_init(&c->in, 0);
	wbxml_begin(&c->w, &c->in);
	if (state_run(w->state, STATE_WRITE, load_device, c, &e))
		die("device", &e);
	if (account_login(w->backends, &who, &r->account, &e))
		r->account = NULL; /* the backend is down: the responder would not get here with a new login */
}

static enum eas_outcome
run(struct call *c, const struct wbxml_node *root)
{
	const struct command *command = command_find(c->r.query.command);

	if (!command || !command->run)
		die("no such command", NULL);
	return command->run(&c->r, root);
}

static void
read_answer(struct call *c)
{
	c->answer = NULL;
	if (c->outcome == EAS_DONE && c->r.reply.body.len && c->r.reply.content_type && strstr(c->r.reply.content_type, "wbxml")
		&& wbxml_read(c->r.arena, buf_slice(&c->r.reply.body), NULL, &c->answer, &c->error))
		die("the answer is no WBXML", &c->error);
}

void
call_run(struct call *c)
{
	struct wbxml_node *root;

	while (c->w.depth)
		wbxml_end(&c->w);
	if (!buf_ok(&c->in) || wbxml_read(c->r.arena, buf_slice(&c->in), NULL, &root, &c->error))
		die("the request is no WBXML", &c->error);
	c->outcome = run(c, root);
	read_answer(c);
}

void
call_run_empty(struct call *c)
{
	c->outcome = run(c, NULL);
	read_answer(c);
}

void
call_run_whole(struct call *c)
{
	while (c->w.depth)
		wbxml_end(&c->w);
	if (c->in.len > WBXML_HEADER_LEN)
		c->r.body = buf_slice(&c->in);
	c->outcome = eas_run(&c->r);
	read_answer(c);
}

void
call_resume(struct call *c, const struct eas_park *park, enum eas_wake why)
{
	c->outcome = eas_resume(&c->r, park, why);
	read_answer(c);
}

void
call_end(struct call *c)
{
	eas_park_unref(&c->r.park);
	account_release(&c->r.account);
	buf_finish(&c->in);
	buf_finish(&c->r.reply.body);
	buf_finish(&c->r.reply.headers);
	arena_free(&c->r.arena);
}

const char *
call_dump(const struct call *c)
{
	static struct buf out;

	buf_finish(&out);
	buf_init(&out, 0);
	if (c->r.reply.body.len)
		wbxml_dump(buf_slice(&c->r.reply.body), WBXML_DUMP_ALL, &out);
	else
		buf_printf(&out, "(empty, HTTP %u)", c->r.reply.status);
	return buf_str(&out);
}

int64_t
world_folder(struct world *w, const char *device, unsigned version, const char *name)
{
	static const unsigned path[] = { FolderHierarchy_Changes };
	struct call c;
	int64_t id = 0;

	call_begin(&c, w, device, version, EAS_FOLDERSYNC);
	wbxml_start(&c.w, FolderHierarchy_FolderSync);
	wbxml_put(&c.w, FolderHierarchy_SyncKey, "0");
	call_run(&c);
	for (const struct wbxml_node *n = wbxml_child(wbxml_path(c.answer, path, 1), FolderHierarchy_Add); n;
		n = wbxml_next(n, FolderHierarchy_Add)) {
		if (strcmp(wbxml_text(n, FolderHierarchy_DisplayName), name) == 0)
			id = wbxml_int(n, FolderHierarchy_ServerId, 0, 0);
	}
	call_end(&c);
	return id;
}
