/* Requests that are XML and are answered in XML. */
#include <string.h>

#include "backend/dav/href.h"
#include "backend/dav/session.h"

enum err
dav_nomem(struct error *e)
{
	return err_set(e, ERR_NOMEM, "out of memory");
}

void
dav_xml_text(struct buf *b, const char *s)
{
	for (; *s; s++) {
		unsigned char c = (unsigned char)*s;
		if (c == '&')
			buf_add_str(b, "&amp;");
		else if (c == '<')
			buf_add_str(b, "&lt;");
		else if (c == '>')
			buf_add_str(b, "&gt;");
		else if (c >= 0x20 || c == '\t' || c == '\n')
			buf_add_byte(b, c);
	}
}

void
dav_xml_begin(struct buf *b, const char *name)
{
	buf_printf(b,
		"<?xml version=\"1.0\" encoding=\"utf-8\"?>\n"
		"<%s xmlns:D=\"DAV:\" xmlns:C=\"urn:ietf:params:xml:ns:caldav\""
		" xmlns:A=\"urn:ietf:params:xml:ns:carddav\" xmlns:S=\"http://calendarserver.org/ns/\">",
		name);
}

void
dav_xml_end(struct buf *b, const char *name)
{
	buf_printf(b, "</%s>\n", name);
}

enum err
dav_ask(struct backend_session *s, struct arena *a, const struct dav_ask *ask, struct dav_answer *answer_r, struct error *e)
{
	if (!buf_ok(ask->body))
		return dav_nomem(e);
	struct dav_parser *p AUTO(dav_parser_free) = dav_parser_new(s->b->set.item_max, ask->fn, ask->ctx);
	if (!p)
		return dav_nomem(e);
	struct dav_request r = {
		.method = ask->method,
		.kind = ask->kind,
		.path = ask->path,
		.depth = ask->depth,
		.content_type = DAV_XML,
		.body = buf_slice(ask->body),
		.compressed = true,
		.parser = p,
	};
	enum err err = dav_http_run(s->http, a, &r, answer_r, e);
	if (!err && ask->token_r) {
		const char *token = dav_parser_sync_token(p);
		*ask->token_r = token ? arena_strdup(a, token) : NULL;
		if (token && !*ask->token_r)
			return dav_nomem(e);
	}
	return err;
}

enum err
dav_unexpected(struct backend_session *s, const char *method, const struct dav_answer *answer, struct error *e)
{
	return dav_http_refused(s->http, method, answer, e);
}

enum err
dav_propfind(struct backend_session *s, struct arena *a, const char *path, int depth, const char *props, dav_response_fn fn,
	void *ctx, struct error *e)
{
	struct buf body AUTO(buf_finish);
	struct dav_answer answer;
	buf_init(&body, 0);
	dav_xml_begin(&body, "D:propfind");
	buf_printf(&body, "<D:prop>%s</D:prop>", props);
	dav_xml_end(&body, "D:propfind");
	struct dav_ask ask = { "PROPFIND", path, depth, &body, fn, ctx, NULL, NULL };
	enum err err = dav_ask(s, a, &ask, &answer, e);
	if (!err && answer.status != 207)
		return dav_unexpected(s, "PROPFIND", &answer, e);
	return err;
}

const char *
dav_answer_path(struct backend_session *s, struct arena *a, const char *base, const char *href)
{
	const char *path = dav_href_path(a, s->b->http.origin, base, href);
	if (!path && !s->told_elsewhere) {
		log_warn(&(struct log_ctx){ .user = s->user }, "%s: %s names what is elsewhere (%.80s): left out", s->b->kind->name,
			s->b->http.origin, href);
		s->told_elsewhere = true;
	}
	return path;
}

/* False where memory is short. */
static bool
keep(struct arena *a, const char **text)
{
	const char *copy = *text ? arena_strdup(a, *text) : NULL;
	bool kept = copy || !*text;
	*text = copy;
	return kept;
}

enum err
dav_response_keep(struct arena *a, const struct dav_response *r, struct dav_response *copy_r)
{
	*copy_r = *r;
	copy_r->text[DAV_DATA] = NULL;
	bool kept = keep(a, &copy_r->href);
	for (size_t i = 0; i < DAV_TEXTS; i++)
		kept = keep(a, &copy_r->text[i]) && kept;
	for (size_t i = 0; i < DAV_LINKS; i++)
		for (size_t j = 0; r->link[i][j]; j++)
			kept = keep(a, &copy_r->link[i][j]) && kept;
	return kept ? ERR_OK : ERR_NOMEM;
}

/* The one response of a PROPFIND of depth 0; servers that answer about more (children) are listened to no further. */
struct one {
	struct backend_session *s;
	struct arena *a;
	const char *path;
	struct dav_response *r;
	bool found;
};

static enum err
on_one(void *ctx, const struct dav_response *r)
{
	struct one *o = ctx;
	if (o->found)
		return ERR_OK;
	const char *path = dav_answer_path(o->s, o->a, o->path, r->href);
	if (!path)
		return ERR_OK;
	o->found = true;
	enum err err = dav_response_keep(o->a, r, o->r);
	o->r->href = path;
	return err;
}

enum err
dav_propget(struct backend_session *s, struct arena *a, const char *path, const char *props, struct dav_response *response_r,
	struct error *e)
{
	*response_r = (struct dav_response){ 0 };
	struct one o = { s, a, path, response_r, false };
	enum err err = dav_propfind(s, a, path, 0, props, on_one, &o, e);
	if (!err && (!o.found || response_r->status == 404 || response_r->status == 410))
		return err_set(e, ERR_NOTFOUND, "%s: PROPFIND: nothing there", s->b->kind->name);
	return err;
}
