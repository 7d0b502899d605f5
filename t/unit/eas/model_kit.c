#include "model_kit.h"

void
other_puts(const char *item_key, int64_t x, int64_t y, int64_t age)
{
	struct model_content c = { x, y, TODAY - age };
	AUTO(arena_free) struct arena *a = arena_new(0);
	struct mem_item item;
	char buf[MODEL_BYTES];

	if (mem_get(kit.mem, a, WORLD_USER, FOLDER, item_key, &item))
		mem_edit(kit.mem, WORLD_USER, FOLDER, item_key, model_bytes(&c, buf));
	else
		mem_add(kit.mem, WORLD_USER, FOLDER, item_key, model_bytes(&c, buf), 0, BACKEND_NO_DATE);
}

struct model_content
stored(const char *item_key)
{
	AUTO(arena_free) struct arena *a = arena_new(0);
	struct mem_item item;

	if (!mem_get(kit.mem, a, WORLD_USER, FOLDER, item_key, &item))
		return (struct model_content){ -1, -1, -1 };
	return model_parse(item.bytes);
}

size_t
stored_count(void)
{
	return mem_count(kit.mem, WORLD_USER, FOLDER);
}

struct model_content
stored_at(size_t i)
{
	AUTO(arena_free) struct arena *a = arena_new(0);
	struct mem_item item;

	if (!mem_at(kit.mem, a, WORLD_USER, FOLDER, i, &item))
		return (struct model_content){ -1, -1, -1 };
	return model_parse(item.bytes);
}

/* ---- commands ---- */

void
ask_add(const char *client, int64_t x, int64_t y)
{
	wbxml_start(&call.w, AirSync_Add);
	wbxml_put(&call.w, AirSync_ClientId, client);
	wbxml_start(&call.w, AirSync_ApplicationData);
	wbxml_put_int(&call.w, Calendar_Subject, x);
	wbxml_put_int(&call.w, Calendar_Location, y);
	wbxml_put_int(&call.w, Calendar_UID, TODAY);
	wbxml_end(&call.w);
	wbxml_end(&call.w);
}

static void
start(unsigned tag, int64_t folder, int64_t item)
{
	char id[ID_MAX];

	wbxml_start(&call.w, tag);
	wbxml_put(&call.w, AirSync_ServerId, id_item(folder, item, id));
}

void
ask_change(int64_t folder, int64_t item, char field, int64_t value)
{
	start(AirSync_Change, folder, item);
	wbxml_start(&call.w, AirSync_ApplicationData);
	wbxml_put_int(&call.w, field == 'x' ? Calendar_Subject : field == 'y' ? Calendar_Location : Calendar_UID, value);
	wbxml_end(&call.w);
	wbxml_end(&call.w);
}

void
ask_delete(int64_t folder, int64_t item)
{
	start(AirSync_Delete, folder, item);
	wbxml_end(&call.w);
}

void
ask_fetch(int64_t folder, int64_t item)
{
	start(AirSync_Fetch, folder, item);
	wbxml_end(&call.w);
}

void
ask_with_commands(int64_t folder, int conflict)
{
	ask_sync();
	ask_collection(folder, key);
	if (conflict >= 0)
		ask_options(0, conflict);
	ask_commands();
}

/* ---- what was told ---- */

static const struct wbxml_node *
told_data(int64_t folder, int64_t item)
{
	const struct wbxml_node *n = wbxml_child(answered(folder), AirSync_Commands);

	for (n = n ? n->child : NULL; n; n = n->next) {
		int64_t f, i;

		if (wbxml_has(n, AirSync_ApplicationData) && id_parse_item(wbxml_text(n, AirSync_ServerId), &f, &i) && i == item)
			return wbxml_child(n, AirSync_ApplicationData);
	}
	return NULL;
}

int64_t
told_x(int64_t folder, int64_t item)
{
	return wbxml_int(told_data(folder, item), Calendar_Subject, -1, -2);
}

int64_t
told_y(int64_t folder, int64_t item)
{
	return wbxml_int(told_data(folder, item), Calendar_Location, -1, -2);
}
