#include "sync_kit.h"

#include <stdlib.h>

#include "eas/clock.h"

struct world kit;
struct call call;
char key[64];
unsigned version;
const char *phone;
static bool called;

int
kit_open(void **state)
{
	world_open(&kit, "sqlite", *state);
	eas_clock_set((int64_t)TODAY * DAY + DAY / 2);
	snprintf(key, sizeof key, "0");
	version = 141;
	phone = PHONE;
	called = false;
	return 0;
}

static void
end_call(void)
{
	if (called)
		call_end(&call);
	called = false;
}

int
kit_close(void **state)
{
	(void)state;
	end_call();
	mem_hook(kit.mem, NULL, NULL);
	world_close(&kit);
	return 0;
}

int64_t
folder_named(const char *name)
{
	int64_t id = world_folder(&kit, phone, version, name);

	assert_true(id > 0);
	return id;
}

void
forget_call(void)
{
	called = false;
}

/* ---- asking ---- */

void
ask_sync(void)
{
	end_call();
	call_begin(&call, &kit, phone, version, EAS_SYNC);
	called = true;
	wbxml_start(&call.w, AirSync_Sync);
	wbxml_start(&call.w, AirSync_Collections);
}

void
ask_collection(int64_t folder, const char *sync_key)
{
	char id[ID_MAX];

	wbxml_start(&call.w, AirSync_Collection);
	wbxml_put(&call.w, AirSync_SyncKey, sync_key);
	wbxml_put(&call.w, AirSync_CollectionId, id_folder(folder, id));
}

void
close_collection(void)
{
	while (call.w.depth > 2)
		wbxml_end(&call.w);
}

void
ask_options(int filter, int conflict)
{
	wbxml_start(&call.w, AirSync_Options);
	if (filter >= 0)
		wbxml_put_int(&call.w, AirSync_FilterType, filter);
	if (conflict >= 0)
		wbxml_put_int(&call.w, AirSync_Conflict, conflict);
	wbxml_end(&call.w);
}

void
ask_commands(void)
{
	wbxml_start(&call.w, AirSync_Commands);
}

void
done(void)
{
	wbxml_end(&call.w);
}

void
run(void)
{
	call_run(&call);
}

void
sync_one(int64_t folder, int getchanges, int window, int filter)
{
	ask_sync();
	ask_collection(folder, key);
	if (getchanges >= 0)
		wbxml_put_int(&call.w, AirSync_GetChanges, getchanges);
	if (window >= 0)
		wbxml_put_int(&call.w, AirSync_WindowSize, window);
	if (filter >= 0)
		ask_options(filter, -1);
	run();
	take_key(folder);
}

void
sync_from_start(int64_t folder, int filter)
{
	snprintf(key, sizeof key, "0");
	sync_one(folder, -1, -1, -1);
	assert_int_equal(status_of(folder), 1);
	do
		sync_one(folder, -1, -1, filter);
	while (has_more(folder));
}

/* ---- answers ---- */

const struct wbxml_node *
answered(int64_t folder)
{
	char id[ID_MAX];
	const struct wbxml_node *n = wbxml_child(wbxml_child(call.answer, AirSync_Collections), AirSync_Collection);

	id_folder(folder, id);
	while (n && (!wbxml_text(n, AirSync_CollectionId) || strcmp(wbxml_text(n, AirSync_CollectionId), id) != 0))
		n = wbxml_next(n, AirSync_Collection);
	return n;
}

int
status_of(int64_t folder)
{
	return (int)wbxml_int(answered(folder), AirSync_Status, -1, -2);
}

int
root_status(void)
{
	return (int)wbxml_int(call.answer, AirSync_Status, -1, -2);
}

bool
take_key(int64_t folder)
{
	const char *now = wbxml_text(answered(folder), AirSync_SyncKey);
	bool moved = now && strcmp(now, key) != 0;

	if (now)
		snprintf(key, sizeof key, "%s", now);
	return moved;
}

bool
has_more(int64_t folder)
{
	return wbxml_has(answered(folder), AirSync_MoreAvailable);
}

static const struct wbxml_node *
commands(int64_t folder)
{
	const struct wbxml_node *n = wbxml_child(answered(folder), AirSync_Commands);

	return n ? n->child : NULL;
}

static int64_t
item_of(const struct wbxml_node *n)
{
	int64_t folder, item;

	return id_parse_item(wbxml_text(n, AirSync_ServerId), &folder, &item) ? item : 0;
}

unsigned
told(int64_t folder, unsigned tag)
{
	unsigned count = 0;

	for (const struct wbxml_node *n = commands(folder); n; n = n->next)
		count += tag == 0 || n->tag == tag;
	return count;
}

int64_t
told_item(int64_t folder, unsigned i)
{
	const struct wbxml_node *n = commands(folder);

	while (n && i--)
		n = n->next;
	return n ? item_of(n) : 0;
}

bool
is_told(int64_t folder, unsigned tag, int64_t item)
{
	for (const struct wbxml_node *n = commands(folder); n; n = n->next) {
		if (n->tag == tag && item_of(n) == item)
			return true;
	}
	return false;
}

int
add_status(int64_t folder, const char *client, int64_t *item_r)
{
	const struct wbxml_node *n = wbxml_child(wbxml_child(answered(folder), AirSync_Responses), AirSync_Add);

	while (n && strcmp(wbxml_text(n, AirSync_ClientId), client) != 0)
		n = wbxml_next(n, AirSync_Add);
	if (item_r)
		*item_r = item_of(n);
	return (int)wbxml_int(n, AirSync_Status, -1, -2);
}

int
response_status(int64_t folder, unsigned tag, int64_t item)
{
	const struct wbxml_node *n = wbxml_child(wbxml_child(answered(folder), AirSync_Responses), tag);

	while (n && item_of(n) != item)
		n = wbxml_next(n, tag);
	return (int)wbxml_int(n, AirSync_Status, -1, -2);
}

bool
is_empty_answer(void)
{
	return call.outcome == EAS_DONE && call.r.reply.status == 200 && call.r.reply.body.len == 0;
}
