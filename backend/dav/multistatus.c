#include "backend/dav/multistatus.h"

#include <expat.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/dav/names.h"
#include "base/arena.h"
#include "base/buf.h"

#define DEPTH_MAX 32
#define TEXT_MAX 8192
#define HREFS_MAX 64          /* of one response; RFC 4918, 14.24: many hrefs may share one status */
#define TOKEN_MAX (256 * 1024)
#define SCRATCH_MAX (1 << 20) /* of one response, its data apart */

/* expat 2.9 deprecates those that count in a long. */
#if XML_MAJOR_VERSION > 2 || XML_MINOR_VERSION >= 9
#define byte_index(xml) XML_GetCurrentByteIndex64(xml)
#define line_number(xml) XML_GetCurrentLineNumber64(xml)
#else
#define byte_index(xml) XML_GetCurrentByteIndex(xml)
#define line_number(xml) XML_GetCurrentLineNumber(xml)
#endif

struct dav_parser {
	XML_Parser xml;
	dav_response_fn fn;
	void *ctx;
	size_t item_max;
	struct arena *scratch; /* one response */
	struct arena_mark empty;

	unsigned char stack[DEPTH_MAX]; /* enum dav_name */
	unsigned depth;
	unsigned capture;      /* the depth of the element whose text is kept; 0: none */
	struct buf text;

	struct dav_response r;
	const char *hrefs[HREFS_MAX];
	size_t n_hrefs;
	struct dav_response props; /* of the propstat under way */
	unsigned propstat_status;
	bool in_propstat;

	char *sync_token, *conflict_href; /* of the document; malloc */
	unsigned conditions;
	uint64_t fed;
	bool complete;
	enum err failed;
	char why[128];
};

static void
fail(struct dav_parser *p, enum err err, const char *why)
{
	if (!p->failed) {
		p->failed = err;
		snprintf(p->why, sizeof p->why, "%s", why);
	}
	XML_StopParser(p->xml, XML_FALSE);
}

/* The name at so many levels above the innermost. */
static enum dav_name
above(const struct dav_parser *p, unsigned levels)
{
	return levels < p->depth ? (enum dav_name)p->stack[p->depth - 1 - levels] : N_OTHER;
}

/* ---- beginning of an element ---- */

static void
capture_text(struct dav_parser *p)
{
	p->capture = p->depth;
	buf_finish(&p->text);
	buf_init(&p->text, above(p, 0) == N_DATA ? p->item_max : TEXT_MAX);
}

static void
begin_response(struct dav_parser *p)
{
	arena_rewind(p->scratch, p->empty);
	p->r = (struct dav_response){ 0 };
	p->n_hrefs = 0;
}

static void
begin_component(struct dav_parser *p, const char **attributes)
{
	static const struct {
		const char *name;
		enum dav_component bit;
	} known[] = { { "VEVENT", DAV_VEVENT }, { "VTODO", DAV_VTODO }, { "VJOURNAL", DAV_VJOURNAL } };
	p->props.has_components = true;
	for (; attributes[0]; attributes += 2)
		for (size_t i = 0; strcmp(attributes[0], "name") == 0 && i < ARRAY_LEN(known); i++)
			if (strcmp(attributes[1], known[i].name) == 0)
				p->props.components |= known[i].bit;
}

static void
begin_type(struct dav_response *props, enum dav_name name)
{
	static const struct {
		enum dav_name name;
		unsigned bit;
	} types[] = {
		{ N_COLLECTION, DAV_TYPE_COLLECTION },
		{ N_CALENDAR, DAV_TYPE_CALENDAR },
		{ N_ADDRESSBOOK, DAV_TYPE_ADDRESSBOOK },
		{ N_SHARED, DAV_TYPE_SHARED },
		{ N_NOT_ONES_OWN, DAV_TYPE_NOT_ONES_OWN },
		{ N_PRINCIPAL_TYPE, DAV_TYPE_PRINCIPAL },
	};
	for (size_t i = 0; i < ARRAY_LEN(types); i++)
		if (types[i].name == name)
			props->types |= types[i].bit;
}

/* An element directly within prop: a property. */
static void
begin_property(struct dav_parser *p, enum dav_name name)
{
	if (name >= N_ETAG && name <= N_DATA)
		capture_text(p);
	p->props.has_types = p->props.has_types || name == N_TYPE;
	p->props.has_privileges = p->props.has_privileges || name == N_PRIVILEGES;
	p->props.has_reports = p->props.has_reports || name == N_REPORTS;
}

/* An element directly within a property. */
static void
begin_in_property(struct dav_parser *p, enum dav_name name, enum dav_name property, const char **attributes)
{
	if (property == N_TYPE)
		begin_type(&p->props, name);
	else if (property == N_COMPONENTS && name == N_COMP)
		begin_component(p, attributes);
	else if (name == N_HREF && property >= N_PRINCIPAL && property <= N_ADDRESSES)
		capture_text(p);
}

static void
begin_deeper(struct dav_parser *p, enum dav_name name)
{
	if (above(p, 1) == N_PRIVILEGE && above(p, 2) == N_PRIVILEGES)
		p->props.may_write = p->props.may_write || name == N_MAY_WRITE;
	if (name == N_SYNC_COLLECTION && above(p, 1) == N_REPORT && above(p, 3) == N_REPORTS)
		p->props.syncs = true;
}

static void
begin_condition(struct dav_parser *p, enum dav_name name)
{
	if (name < N_BAD_TOKEN)
		return;
	unsigned bit = 1u << (name - N_BAD_TOKEN);
	if (p->depth == 2)
		p->conditions |= bit;
	else
		p->r.conditions |= bit;
}

static void
begin_propstat(struct dav_parser *p)
{
	p->props = (struct dav_response){ 0 };
	p->propstat_status = 200; /* where a server leaves it out */
	p->in_propstat = true;
}

static void
begin_root(struct dav_parser *p, enum dav_name name)
{
	if (name < N_MULTISTATUS || name > N_MKCALENDAR_RESPONSE)
		fail(p, ERR_PEER, "the answer is no multistatus");
	/* The answers of MKCOL are propstats about the one thing that was made (RFC 5689, section 5.2). */
	if (name != N_MULTISTATUS)
		begin_response(p);
}

static void XMLCALL
on_start(void *ctx, const XML_Char *full, const XML_Char **attributes)
{
	struct dav_parser *p = ctx;
	if (p->failed)
		return;
	if (p->depth == DEPTH_MAX) {
		fail(p, ERR_PEER, "the answer is nested too deeply");
		return;
	}
	enum dav_name name = dav_name_find(full), parent = above(p, 0);
	p->stack[p->depth++] = (unsigned char)name;
	if (p->depth == 1)
		begin_root(p, name);
	else if (parent == N_PROP && p->in_propstat && above(p, 2) == N_PROPSTAT)
		begin_property(p, name);
	else if (above(p, 2) == N_PROP && p->in_propstat && above(p, 3) == N_PROPSTAT)
		begin_in_property(p, name, parent, attributes);
	else if (name == N_RESPONSE && p->depth == 2)
		begin_response(p);
	else if (name == N_PROPSTAT && (p->depth == 2 || p->depth == 3))
		begin_propstat(p);
	else if (parent == N_ERROR)
		begin_condition(p, name);
	else if ((name == N_HREF && (parent == N_RESPONSE || parent == N_UID_TAKEN)) ||
		 (name == N_STATUS && (parent == N_RESPONSE || parent == N_PROPSTAT)) ||
		 (name == N_SYNC_TOKEN && parent == N_MULTISTATUS))
		capture_text(p);
	else if (p->in_propstat)
		begin_deeper(p, name);
}

/* ---- end of an element ---- */

/* What was captured, without white space around it (but an item ends with its last line's end); NULL if it was too long. */
static const char *
captured(struct dav_parser *p, bool *too_long_r)
{
	*too_long_r = !buf_ok(&p->text);
	const char *s = *too_long_r ? NULL : buf_str(&p->text);
	if (!s)
		return NULL;
	size_t n = p->text.len, from = 0;
	while (from < n && strchr(" \t\r\n", s[from]))
		from++;
	while (n > from && above(p, 0) != N_DATA && strchr(" \t\r\n", s[n - 1]))
		n--;
	char *copy = arena_strndup(p->scratch, s + from, n - from);
	if (!copy)
		fail(p, ERR_NOMEM, "out of memory");
	return copy;
}

/* "HTTP/1.1 404 Not Found" */
static unsigned
status_number(const char *line)
{
	const char *p = strchr(line, ' ');
	unsigned status = 0;
	for (p = p ? p + 1 : ""; *p >= '0' && *p <= '9' && status < 1000; p++)
		status = status * 10 + (unsigned)(*p - '0');
	return status >= 100 && status < 1000 ? status : 0;
}

static void
add_link(struct dav_parser *p, enum dav_name property, const char *href)
{
	const char **list = p->props.link[property - N_PRINCIPAL];
	for (size_t i = 0; i < DAV_LINK_MAX; i++) {
		if (list[i])
			continue;
		list[i] = href;
		return;
	}
}

static char *
keep(struct dav_parser *p, char *old, const char *text)
{
	free(old);
	char *copy = strdup(text);
	if (!copy)
		fail(p, ERR_NOMEM, "out of memory");
	return copy;
}

static void
end_text(struct dav_parser *p)
{
	bool too_long;
	enum dav_name name = above(p, 0), parent = above(p, 1);
	const char *text = captured(p, &too_long);
	p->capture = 0;
	if (name == N_DATA && parent == N_PROP && too_long)
		p->props.too_large = true;
	if (!text)
		return;
	if (parent == N_PROP)
		p->props.text[name - N_ETAG] = text;
	else if (name == N_SYNC_TOKEN)
		p->sync_token = keep(p, p->sync_token, text);
	else if (name == N_STATUS && parent == N_PROPSTAT)
		p->propstat_status = status_number(text);
	else if (name == N_STATUS)
		p->r.status = status_number(text);
	else if (name == N_HREF && parent == N_UID_TAKEN)
		p->conflict_href = keep(p, p->conflict_href, text);
	else if (name == N_HREF && parent != N_RESPONSE)
		add_link(p, parent, text);
	else if (p->n_hrefs < HREFS_MAX)
		p->hrefs[p->n_hrefs++] = text;
	else
		fail(p, ERR_PEER, "the answer has too many hrefs in one response");
}

/* What the server said of the properties that it has; those that it has not or may not show are in other propstats. */
static void
end_propstat(struct dav_parser *p)
{
	struct dav_response *r = &p->r, *from = &p->props;
	p->in_propstat = false;
	if (p->propstat_status < 200 || p->propstat_status > 299) {
		if (!r->refused)
			r->refused = p->propstat_status ? p->propstat_status : 500;
		return;
	}
	r->has_props = true;
	for (size_t i = 0; i < DAV_TEXTS; i++)
		if (from->text[i])
			r->text[i] = from->text[i];
	for (size_t i = 0; i < DAV_LINKS; i++)
		if (from->link[i][0])
			memcpy(r->link[i], from->link[i], sizeof r->link[i]);
	r->types |= from->types;
	r->components |= from->components;
	r->may_write = r->may_write || from->may_write;
	r->has_types = r->has_types || from->has_types;
	r->has_components = r->has_components || from->has_components;
	r->has_privileges = r->has_privileges || from->has_privileges;
	r->has_reports = r->has_reports || from->has_reports;
	r->syncs = r->syncs || from->syncs;
	r->too_large = r->too_large || from->too_large;
}

static void
end_response(struct dav_parser *p)
{
	for (size_t i = 0; i < p->n_hrefs && p->fn && !p->failed; i++) {
		p->r.href = p->hrefs[i];
		enum err err = p->fn(p->ctx, &p->r);
		if (err)
			fail(p, err, err_name(err));
	}
}

static void XMLCALL
on_end(void *ctx, const XML_Char *full)
{
	struct dav_parser *p = ctx;
	(void)full;
	if (p->failed || p->depth == 0)
		return;
	enum dav_name name = above(p, 0);
	if (p->capture == p->depth)
		end_text(p);
	else if (name == N_PROPSTAT && p->in_propstat && (p->depth == 2 || p->depth == 3))
		end_propstat(p);
	else if (name == N_RESPONSE && p->depth == 2)
		end_response(p);
	p->depth--;
	if (p->depth > 0 || p->failed)
		return;
	/* What an answer to MKCOL says goes to the callback under no name. */
	if (name == N_MKCOL_RESPONSE || name == N_MKCALENDAR_RESPONSE) {
		p->hrefs[0] = "";
		p->n_hrefs = 1;
		end_response(p);
	}
	p->complete = !p->failed;
}

static void XMLCALL
on_text(void *ctx, const XML_Char *s, int n)
{
	struct dav_parser *p = ctx;
	if (p->capture && p->capture == p->depth)
		buf_add(&p->text, s, (size_t)n);
}

static void XMLCALL
on_doctype(void *ctx, const XML_Char *name, const XML_Char *system, const XML_Char *public, int internal)
{
	(void)name;
	(void)system;
	(void)public;
	(void)internal;
	fail(ctx, ERR_PEER, "the answer has a document type declaration");
}

/* ---- the parser ---- */

struct dav_parser *
dav_parser_new(size_t item_max, dav_response_fn fn, void *ctx)
{
	struct dav_parser *p = calloc(1, sizeof *p);
	if (!p)
		return NULL;
	p->fn = fn;
	p->ctx = ctx;
	p->item_max = item_max;
	buf_init(&p->text, TEXT_MAX);
	p->xml = XML_ParserCreateNS(NULL, DAV_NS_SEPARATOR);
	p->scratch = arena_new(item_max + SCRATCH_MAX);
	if (!p->xml || !p->scratch) {
		dav_parser_free(&p);
		return NULL;
	}
	p->empty = arena_mark(p->scratch);
	XML_SetUserData(p->xml, p);
	XML_SetElementHandler(p->xml, on_start, on_end);
	XML_SetCharacterDataHandler(p->xml, on_text);
	XML_SetStartDoctypeDeclHandler(p->xml, on_doctype);
	return p;
}

void
dav_parser_free(struct dav_parser **pp)
{
	struct dav_parser *p = *pp;
	if (!p)
		return;
	if (p->xml)
		XML_ParserFree(p->xml);
	arena_free(&p->scratch);
	buf_finish(&p->text);
	free(p->sync_token);
	free(p->conflict_href);
	free(p);
	*pp = NULL;
}

static enum err
parse(struct dav_parser *p, const void *data, size_t n, int last)
{
	if (p->failed)
		return p->failed;
	if (XML_Parse(p->xml, data, (int)n, last) == XML_STATUS_OK) {
		/* What lags behind is an unfinished tag, which expat keeps and reads anew each time. */
		p->fed += n;
		if (p->fed > TOKEN_MAX && (int64_t)(p->fed - TOKEN_MAX) > byte_index(p->xml) && !last)
			fail(p, ERR_PEER, "the answer has a tag that is too long");
		return p->failed;
	}
	if (p->failed)
		return p->failed;
	enum XML_Error code = XML_GetErrorCode(p->xml);
	p->failed = code == XML_ERROR_NO_MEMORY ? ERR_NOMEM : ERR_PEER;
	snprintf(p->why, sizeof p->why, "the answer is no XML (line %lu: %s)",
		(unsigned long)line_number(p->xml), XML_ErrorString(code));
	return p->failed;
}

enum err
dav_parser_feed(struct dav_parser *p, const void *data, size_t n)
{
	const char *bytes = data;
	for (size_t part; n > 0; bytes += part, n -= part) {
		part = n < TOKEN_MAX ? n : TOKEN_MAX;
		enum err err = parse(p, bytes, part, XML_FALSE);
		if (err)
			return err;
	}
	return p->failed;
}

enum err
dav_parser_end(struct dav_parser *p)
{
	enum err err = parse(p, "", 0, XML_TRUE);
	if (!err && !p->complete)
		fail(p, ERR_PEER, "the answer is not complete");
	return p->failed;
}

const char *
dav_parser_why(const struct dav_parser *p)
{
	return p->why;
}

const char *
dav_parser_sync_token(const struct dav_parser *p)
{
	return p->sync_token;
}

unsigned
dav_parser_conditions(const struct dav_parser *p)
{
	return p->conditions;
}

const char *
dav_parser_conflict_href(const struct dav_parser *p)
{
	return p->conflict_href;
}
