/* What is attached to an event [MS-ASAIRS 2.2.2.8]: ATTACH lines that carry their content (RFC 5545 3.8.1.1). One that
 * is a URI is never touched, and not shown: there is nothing to be fetched from us. */
#include <string.h>

#include "base/text.h"
#include "eas/calendar.h"
#include "eas/content_hash.h"
#include "eas/mime.h"

#define PART_LEN 32

/* ---- what is stored ---- */

static bool
is_content(const struct ical *line)
{
	return ical_param_is(line, "ENCODING", "BASE64") && *line->value &&
		text_is_base64(line->value, strlen(line->value));
}

/* What the part is known by, wherever the line stands and whatever comes and goes beside it. */
static const char *
part_of(struct cal *c, const char *name, const char *value)
{
	char hash[CONTENT_HASH_MAX];

	content_hash_texts(hash, name, value, (const char *)NULL);
	return ical_dup(&c->m, hash, PART_LEN);
}

static const char *
name_or(struct cal *c, const char *said, const char *type)
{
	const char *name = said ? mime_safe_name(c->m.a, said) : "";

	c->m.failed = c->m.failed || !name;
	return name && !*name ? ical_printf(&c->m, "attachment%s", type ? mime_extension(type) : "") : name;
}

static const char *
name_of(struct cal *c, const struct ical *line)
{
	/* the first: RFC 8607 */
	static const char *const params[] = { "FILENAME", "X-FILENAME", "X-APPLE-FILENAME", "X-LABEL" };
	const char *name = NULL;

	for (unsigned i = 0; i < ARRAY_LEN(params) && !name; i++)
		name = ical_param(&c->m, line, params[i]);
	return name_or(c, name, ical_param(&c->m, line, "FMTTYPE"));
}

void
cal_read_attachments(struct cal *c, const struct ical *component, struct cal_event *ev)
{
	struct cal_attachment *list;
	size_t room = 0;

	for (struct ical *line = ical_line(component, "ATTACH"); line; line = ical_next_line(line, "ATTACH"))
		room += room < CAL_ATTACHMENTS_MAX && is_content(line);
	list = room ? ical_alloc(&c->m, room, sizeof *list) : NULL;
	for (struct ical *line = ical_line(component, "ATTACH"); list && line && ev->n_attachments < room;
	     line = ical_next_line(line, "ATTACH")) {
		if (!is_content(line))
			continue;
		size_t len = strlen(line->value);
		const char *name = name_of(c, line), *part = name ? part_of(c, name, line->value) : NULL;
		while (len && line->value[len - 1] == '=')
			len--;
		if (part)
			list[ev->n_attachments++] = (struct cal_attachment){ .part = part, .name = name,
				.size = len * 3 / 4, .line = line };
	}
	ev->attachments = list;
}

static bool
has_part(const struct cal_attachment *list, size_t n, const char *part)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(list[i].part, part) == 0)
			return true;
	return false;
}

/* The same file twice is told once: it has one name. */
static void
write_list(const struct cal *c, const struct cal_event *ev, struct wbxml_writer *w)
{
	for (size_t i = 0; i < ev->n_attachments; i++) {
		const struct cal_attachment *a = &ev->attachments[i];
		if (has_part(ev->attachments, i, a->part))
			continue;
		const char *reference = arena_printf(c->m.a, "%s:%s", c->server_id, a->part);
		wbxml_start(w, AirSyncBase_Attachment);
		wbxml_put(w, AirSyncBase_DisplayName, a->name);
		wbxml_put(w, AirSyncBase_FileReference, reference ? reference : "");
		wbxml_put_int(w, AirSyncBase_Method, 1);
		wbxml_put_int(w, AirSyncBase_EstimatedDataSize, (int64_t)a->size);
		wbxml_end(w);
	}
}

void
cal_write_attachments(const struct cal *c, const struct cal_event *ev, bool empty, struct wbxml_writer *w)
{
	if (!c->modern || (!ev->n_attachments && !empty))
		return;
	if (!ev->n_attachments) {
		wbxml_empty(w, AirSyncBase_Attachments);
		return;
	}
	wbxml_start(w, AirSyncBase_Attachments);
	write_list(c, ev, w);
	wbxml_end(w);
}

bool
cal_same_attachments(const struct cal_event *a, const struct cal_event *b)
{
	for (size_t i = 0; i < a->n_attachments; i++)
		if (!has_part(b->attachments, b->n_attachments, a->attachments[i].part))
			return false;
	for (size_t i = 0; i < b->n_attachments; i++)
		if (!has_part(a->attachments, a->n_attachments, b->attachments[i].part))
			return false;
	return true;
}

/* ---- what a phone sends ---- */

static size_t
count(const struct wbxml_node *list, unsigned tag)
{
	size_t n = 0;

	for (const struct wbxml_node *node = wbxml_child(list, tag); node; node = wbxml_next(node, tag))
		n++;
	return n;
}

static void
take_adds(struct cal *c, const struct wbxml_node *list, size_t room, struct cal_event *ev)
{
	struct cal_attachment *all = room ? ical_alloc(&c->m, room, sizeof *all) : NULL;

	for (const struct wbxml_node *n = wbxml_child(list, AirSyncBase_Add); all && n;
	    n = wbxml_next(n, AirSyncBase_Add)) {
		const struct wbxml_node *content = wbxml_child(n, AirSyncBase_Content);
		const char *type = item_content_type(c->m.a, wbxml_text(n, AirSyncBase_ContentType));
		const char *said = wbxml_text(n, AirSyncBase_DisplayName),
			*client = wbxml_text(n, AirSyncBase_ClientId);
		/* iOS sends none where it moves an event between calendars: there is nothing to keep. */
		if (!content || !content->data.len)
			continue;
		const char *utf8 = said ? text_to_utf8(c->m.a, said, strlen(said)) : NULL,
			*name = name_or(c, utf8, type);
		const char *value = text_base64(c->m.a, content->data.ptr, content->data.len);
		const char *part = name && value ? part_of(c, name, value) : NULL;
		c->m.failed = c->m.failed || !type || !part || (said && !utf8);
		if (part)
			all[ev->n_attachments++] = (struct cal_attachment){ .part = part, .name = name,
				.size = content->data.len,
				.type = type, .value = value, .client_id = client };
	}
	ev->attachments = all;
}

/* A FileReference is "FOLDER:ITEM:PART". */
static void
take_deletes(struct cal *c, const struct wbxml_node *list, size_t room, struct cal_event *ev)
{
	ev->dropped = room ? ical_alloc(&c->m, room, sizeof *ev->dropped) : NULL;
	for (const struct wbxml_node *n = wbxml_child(list, AirSyncBase_Delete); ev->dropped && n;
	    n = wbxml_next(n, AirSyncBase_Delete)) {
		const char *reference = wbxml_text(n, AirSyncBase_FileReference),
			*part = reference ? strrchr(reference, ':') : NULL;
		if (part && !has_part(ev->attachments, ev->n_attachments, part + 1))
			ev->dropped[ev->n_dropped++] = part + 1;
	}
}

bool
cal_take_attachments(struct cal *c, const struct wbxml_node *data, struct cal_event *ev)
{
	const struct wbxml_node *list = wbxml_child(data, AirSyncBase_Attachments);
	size_t adds = count(list, AirSyncBase_Add), deletes = count(list, AirSyncBase_Delete);

	if (!c->modern || !(adds || deletes))
		return true;
	if (adds > CAL_ATTACHMENTS_MAX || deletes > CAL_ATTACHMENTS_MAX)
		return false;
	take_adds(c, list, adds, ev);
	take_deletes(c, list, deletes, ev);
	ev->has |= CAL_ATTACHMENTS;
	return true;
}

bool
cal_has_attachments(const struct cal_event *now, const struct cal_event *want)
{
	for (size_t i = 0; i < want->n_attachments; i++)
		if (!has_part(now->attachments, now->n_attachments, want->attachments[i].part))
			return false;
	for (size_t i = 0; i < want->n_dropped; i++)
		if (has_part(now->attachments, now->n_attachments, want->dropped[i]))
			return false;
	return true;
}

static bool
is_dropped(const struct cal_event *want, const char *part)
{
	for (size_t i = 0; i < want->n_dropped; i++)
		if (strcmp(want->dropped[i], part) == 0)
			return true;
	return false;
}

void
cal_put_attachments(struct cal *c, struct ical *component, const struct cal_event *now, const struct cal_event *want)
{
	for (size_t i = 0; i < now->n_attachments; i++)
		if (is_dropped(want, now->attachments[i].part))
			ical_remove(now->attachments[i].line);
	for (size_t i = 0; i < want->n_attachments; i++) {
		const struct cal_attachment *a = &want->attachments[i];
		if (has_part(now->attachments, now->n_attachments, a->part) || has_part(want->attachments, i, a->part))
			continue;
		struct ical *line = ical_add(&c->m, component, "ATTACH", ";ENCODING=BASE64;VALUE=BINARY", a->value);
		if (!line)
			return;
		ical_put_param(&c->m, line, "FMTTYPE", a->type);
		ical_put_param(&c->m, line, "FILENAME", a->name);
	}
}

bool
cal_too_many_attachments(const struct cal_event *now, const struct cal_event *want)
{
	return want->has & CAL_ATTACHMENTS && !cal_has_attachments(now, want) &&
		now->n_attachments + want->n_attachments > CAL_ATTACHMENTS_MAX;
}

/* ---- fetching ---- */

/* In whichever of the events it is: an instance shows what the series has, too. */
static const struct ical *
find(struct cal *c, const char *part)
{
	for (const struct ical *v = ical_component(c->calendar, "VEVENT"); v; v = ical_next_component(v, "VEVENT")) {
		struct cal_event ev = { 0 };
		cal_read_attachments(c, v, &ev);
		for (size_t i = 0; i < ev.n_attachments; i++)
			if (strcmp(ev.attachments[i].part, part) == 0)
				return ev.attachments[i].line;
	}
	return NULL;
}

enum err
cal_attachment(struct arena *a, struct slice bytes, struct item_part *p, struct buf *out)
{
	static const struct item_view view = { .version = 161, .address = "", .name = "" };
	struct cal c;

	if (cal_open(&c, &view, a, bytes, NULL))
		return c.m.failed ? ERR_NOMEM : ERR_NOTFOUND;
	const struct ical *line = find(&c, p->part);
	if (!line)
		return c.m.failed ? ERR_NOMEM : ERR_NOTFOUND;
	size_t total = 0;
	const unsigned char *content = text_unbase64(a, line->value, strlen(line->value), &total);
	p->type = item_content_type(a, ical_param(&c.m, line, "FMTTYPE"));
	if (!content)
		return ERR_NOTFOUND;
	if (!p->type)
		return ERR_NOMEM;
	p->total = total;
	enum err err = p->begin ? p->begin(p->ctx, p) : ERR_OK;
	if (!err && p->first < total)
		buf_add(out, content + p->first, (size_t)((p->last < total ? p->last + 1 : total) - p->first));
	return err;
}
