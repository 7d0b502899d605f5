#include "model_class.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"

bool (*model_unreadable)(const char *key);
enum err model_refusal = ERR_INVALID;

const char *
model_bytes(const struct model_content *c, char *buf)
{
	snprintf(buf, MODEL_BYTES, "X:%" PRId64 "\r\nY:%" PRId64 "\r\nD:%" PRId64 "\r\nE:1\r\n", c->x, c->y, c->date);
	return buf;
}

struct model_content
model_parse(struct slice bytes)
{
	struct model_content c = { 0 };
	const char *p = (const char *)bytes.ptr, *end = p + bytes.len;

	while (p < end) {
		const char *stop = memchr(p, '\r', (size_t)(end - p));
		char number[24] = "";
		int64_t v = 0;

		if (!stop)
			break;
		if (stop - p > 2 && stop - p < 24) {
			memcpy(number, p + 2, (size_t)(stop - p - 2));
			if (!text_to_i64(number, &v))
				v = 0;
		}
		if (p[0] == 'X' && p[1] == ':')
			c.x = v;
		else if (p[0] == 'Y')
			c.y += v;
		else if (p[0] == 'D')
			c.date = v;
		else if (p[0] == 'X' && p[1] == '-')
			c.y += 1000;
		p = stop + 2;
	}
	return c;
}

static int64_t
model_date(struct arena *a, struct slice bytes)
{
	(void)a;
	return model_parse(bytes).date * MODEL_DAY;
}

static enum err
model_render(const struct item_view *v, struct arena *a, const struct backend_item *item, const char *server_id, enum item_render how,
	struct wbxml_writer *w, struct error *e)
{
	struct model_content c = model_parse(item->bytes);

	(void)a;
	(void)server_id;
	(void)how;
	if (v->dating)
		v->dating->date = c.date * MODEL_DAY;
	if (v->dating && v->dating->date < v->dating->from)
		return ERR_OK;
	if (model_unreadable && model_unreadable(item->key))
		return err_set(e, model_refusal, "unreadable");
	wbxml_put_int(w, Calendar_Subject, c.x);
	wbxml_put_int(w, Calendar_Location, c.y);
	return ERR_OK;
}

static enum err
model_merge(const struct item_view *v, struct arena *a, const struct item_edit *edit, struct item_merged *m_r, struct error *e)
{
	struct model_content old = model_parse(edit->stored), c = old;
	char buf[MODEL_BYTES];
	const char *bytes;

	(void)v;
	c.x = wbxml_int(edit->data, Calendar_Subject, c.x, -1);
	c.y = wbxml_int(edit->data, Calendar_Location, c.y, -1);
	c.date = wbxml_int(edit->data, Calendar_UID, c.date, -1);
	*m_r = (struct item_merged){ .altered = c.y < 0 };
	if (c.y < 0)
		c.y = old.y;
	m_r->unchanged = edit->stored.len && c.x == old.x && c.y == old.y && c.date == old.date;
	bytes = arena_strdup(a, model_bytes(&c, buf));
	if (!bytes)
		return err_set(e, ERR_NOMEM, "out of memory");
	m_r->bytes = slice_str(bytes);
	m_r->uid = edit->uid;
	return ERR_OK;
}

static const struct item_class model = { .class = BACKEND_CALENDAR, .name = "Calendar", .extension = "ics", .change_want = WANT_BYTES,
	.date = model_date, .render = model_render, .merge = model_merge };

/* Instead of the product's. */
const struct item_class *
item_class(enum backend_class class)
{
	(void)class;
	return &model;
}
