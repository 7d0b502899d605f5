#include "mail_world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "eas/hierarchy.h"
#include "eas/mail_lookup.h"

static void
die(const char *what)
{
	fprintf(stderr, "mail_world: %s\n", what);
	abort();
}

struct mail_world *
mail_world_new(const char *settings)
{
	struct mail_world *mw = calloc(1, sizeof *mw);

	if (!mw)
		die("memory");
	mw->a = arena_new(0);
	world_open(&mw->w, "sqlite", settings);
	mw->inbox = world_folder(&mw->w, DEVICE, 141, "Inbox");
	mw->sent = world_folder(&mw->w, DEVICE, 141, "Sent");
	mw->trash = world_folder(&mw->w, DEVICE, 141, "Trash");
	if (!mw->inbox || !mw->sent || !mw->trash)
		die("no folders");
	return mw;
}

void
mail_world_free(struct mail_world *mw)
{
	world_close(&mw->w);
	arena_free(&mw->a);
	free(mw);
}

struct finding {
	struct arena *a;
	int64_t folder;
	const char *key;
	int64_t item;
};

static enum err
find(struct state_txn *t, void *arg, struct error *e)
{
	struct finding *f = arg;
	struct state_items items;
	enum err err = state_items_by_key(t, f->a, f->folder, &f->key, 1, &items);

	(void)e;
	if (!err && items.n)
		f->item = items.list[0].id;
	return err;
}

const char *
mail_world_id(struct mail_world *mw, const char *folder, const char *key)
{
	struct finding f = { .a = mw->a, .key = key };
	struct error e = { 0 };
	struct call c;
	char routed[128];

	call_begin(&c, &mw->w, DEVICE, 141, EAS_SYNC);
	snprintf(routed, sizeof routed, "mem:%s", folder);
	if (eas_refresh(&mw->w.server, c.r.account, routed, &c.r.log, &e))
		die(e.text);
	call_end(&c);
	f.folder = strcmp(folder, "inbox") == 0 ? mw->inbox : strcmp(folder, "sent") == 0 ? mw->sent
		: strcmp(folder, "trash") == 0 ? mw->trash : world_folder(&mw->w, DEVICE, 141, "Calendar");
	if (state_run(mw->w.state, STATE_READ, find, &f, &e) || !f.item)
		die("no such item");
	return id_item(f.folder, f.item, mw->id);
}

const char *
mail_world_add(struct mail_world *mw, const char *folder, const char *message)
{
	return mail_world_id(mw, folder, mem_add(mw->w.mem, WORLD_USER, folder, NULL, message, 0, 1795461508));
}

void
mail_world_run_message(struct call *c, const char *message)
{
	c->r.body = slice_str(message);
	call_run_empty(c);
}
