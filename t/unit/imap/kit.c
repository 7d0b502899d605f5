#include "kit.h"

#include <curl/curl.h>
#include <signal.h>
#include <stdlib.h>

int
kit_setup(void **state)
{
	struct kit *k = calloc(1, sizeof *k);
	*state = k;
	if (!k)
		return -1;
	signal(SIGPIPE, SIG_IGN);
	curl_global_init(CURL_GLOBAL_DEFAULT);
	k->a = arena_new(0);
	return k->a ? 0 : -1;
}

int
kit_teardown(void **state)
{
	struct kit *k = *state;
	backend_module.logout(&k->s);
	backend_module.close(&k->b);
	conf_unref(&k->conf);
	fake_stop(&k->f);
	fake_stop(&k->smtp);
	arena_free(&k->a);
	free(k);
	return 0;
}

void
kit_open(struct kit *k, const struct fake_rule *rules, size_t chunk, const char *more)
{
	char text[1024];
	k->f = fake_start(rules, chunk);
	snprintf(text, sizeof text, "[imap]\nurl = imap://127.0.0.1:%d/\n%s%s\n", fake_port(k->f),
		strstr(more, "answer =") ? "" : "answer = 2\n", more);
	assert_int_equal(conf_parse(text, "test.conf", &k->conf, &k->e), ERR_OK);
	if (backend_module.open(k->conf, &k->b, &k->e))
		fail_msg("%s", k->e.text);
}

enum err
kit_try_login(struct kit *k, const char *user, const char *password)
{
	struct backend_login who = { user, password, NULL };
	return backend_module.login(k->b, &who, &k->s, &k->e);
}

void
kit_login(struct kit *k, const struct fake_rule *rules, size_t chunk, const char *more)
{
	kit_open(k, rules, chunk, more);
	if (kit_try_login(k, "alice", "secret"))
		fail_msg("%s", k->e.text);
}

enum err
kit_changes(struct kit *k, const char *folder, const char *cursor, size_t part)
{
	return backend_module.changes(k->s, k->a, folder, cursor, part, &k->changes, &k->e);
}

static enum err
keep(void *ctx, const struct backend_item *item)
{
	struct kit *k = ctx;
	if (k->n_items == ARRAY_LEN(k->items))
		return ERR_INTERNAL;
	size_t i = k->n_items++;
	snprintf(k->items[i].key, sizeof k->items[i].key, "%s", item->key);
	snprintf(k->items[i].version, sizeof k->items[i].version, "%s", item->version);
	size_t n = item->bytes.len < sizeof k->items[i].text - 1 ? item->bytes.len : sizeof k->items[i].text - 1;
	if (n > 0)
		memcpy(k->items[i].text, item->bytes.ptr, n);
	k->items[i].text[n] = '\0';
	k->items[i].err = item->err;
	k->items[i].flags = item->flags;
	k->items[i].size = item->size;
	return k->stop_with;
}

static uint64_t
room_left(void *ctx)
{
	const struct kit *k = ctx;
	uint64_t taken = 0;
	for (size_t i = 0; i < k->n_items; i++)
		taken += k->items[i].err ? 0 : k->items[i].size;
	return taken < k->room ? k->room - taken : 0;
}

enum err
kit_fetch(struct kit *k, const char *folder, const char *const *keys, size_t n, uint64_t max)
{
	struct backend_fetch what = { .folder = folder, .keys = keys, .n = n, .want = WANT_BYTES, .bytes_max = max,
		.room = k->room ? room_left : NULL };
	k->n_items = 0;
	return backend_module.fetch(k->s, &what, keep, k, &k->e);
}

const char *
kit_told(struct kit *k)
{
	struct buf b;
	buf_init(&b, 0);
	for (size_t i = 0; i < k->changes.n; i++) {
		const struct backend_change *c = &k->changes.list[i];
		buf_printf(&b, "%s%s%s", i ? " " : "", c->gone ? "-" : "", c->key);
		if (!c->gone)
			buf_printf(&b, "=%s", c->version);
	}
	const char *text = buf_str(&b);
	text = text ? arena_strdup(k->a, text) : NULL;
	buf_finish(&b);
	return text;
}
