/* The parser of answers: what servers send, in pieces of any size, and what no server should send. */
#include "kit.h"

#include <stdio.h>
#include <string.h>

#include "backend/dav/multistatus.h"

#define ITEM_MAX 4096

/* What the callback saw, as text, so that two runs can be compared. */
struct seen {
	struct buf text;
	size_t n;
	enum err answer; /* what the callback returns */
};

static enum err
on_response(void *ctx, const struct dav_response *r)
{
	struct seen *s = ctx;
	s->n++;
	buf_printf(&s->text, "%s %u %u props=%d types=%u comps=%u%s%s%s%s%s cond=%u", r->href, r->status, r->refused, r->has_props,
		r->types, r->components, r->has_components ? " hascomps" : "", r->has_privileges ? " haspriv" : "",
		r->may_write ? " write" : "", r->syncs ? " sync" : "", r->too_large ? " toolarge" : "", r->conditions);
	for (size_t i = 0; i < DAV_TEXTS; i++)
		if (r->text[i])
			buf_printf(&s->text, " t%zu=%s", i, r->text[i]);
	for (size_t i = 0; i < DAV_LINKS; i++)
		for (size_t j = 0; r->link[i][j]; j++)
			buf_printf(&s->text, " l%zu=%s", i, r->link[i][j]);
	buf_add_str(&s->text, "\n");
	return s->answer;
}

struct result {
	enum err err;
	struct seen seen;
	char token[256], conflict[256], why[256];
	unsigned conditions;
};

/* Parses in pieces of so many bytes. */
static void
parse(const char *xml, size_t n, size_t piece, struct result *r)
{
	*r = (struct result){ .seen.answer = r->seen.answer };
	buf_init(&r->seen.text, 0);
	struct dav_parser *p = dav_parser_new(ITEM_MAX, on_response, &r->seen);
	assert_non_null(p);
	for (size_t i = 0; !r->err && i < n; i += piece)
		r->err = dav_parser_feed(p, xml + i, n - i < piece ? n - i : piece);
	if (!r->err)
		r->err = dav_parser_end(p);
	const char *token = dav_parser_sync_token(p), *conflict = dav_parser_conflict_href(p);
	snprintf(r->token, sizeof r->token, "%s", token ? token : "");
	snprintf(r->conflict, sizeof r->conflict, "%s", conflict ? conflict : "");
	snprintf(r->why, sizeof r->why, "%s", dav_parser_why(p));
	r->conditions = dav_parser_conditions(p);
	dav_parser_free(&p);
}

static void
parse_all(const char *xml, struct result *r)
{
	parse(xml, strlen(xml), SIZE_MAX / 2, r);
}

static void
done(struct result *r)
{
	buf_finish(&r->seen.text);
}

static void
assert_seen(const char *xml, const char *want)
{
	struct result r = { 0 };
	parse_all(xml, &r);
	assert_int_equal(r.err, ERR_OK);
	assert_string_equal(buf_str(&r.seen.text) ? buf_str(&r.seen.text) : "", want);
	done(&r);
}

static const char rich[] = "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n"
	"<d:multistatus xmlns:d=\"DAV:\" xmlns:s=\"http://sabredav.org/ns\" xmlns:cal=\"urn:ietf:params:xml:ns:caldav\""
	" xmlns:cs=\"http://calendarserver.org/ns/\" xmlns:oc=\"http://owncloud.org/ns\">\n"
	" <d:response>\n  <d:href>\n /dav/a%20b/ </d:href>\n"
	"  <d:propstat><d:prop><d:resourcetype><d:collection/><cal:calendar/></d:resourcetype>"
	"<d:displayname>G&#xFC;n <![CDATA[& <more>]]></d:displayname><cs:getctag>http://x/5</cs:getctag>"
	"<cal:supported-calendar-component-set><cal:comp name=\"VEVENT\"/><cal:comp name=\"VTODO\"/><cal:comp name=\"VFOO\"/>"
	"</cal:supported-calendar-component-set>"
	"<d:current-user-privilege-set><d:privilege><d:read/></d:privilege><d:privilege><d:write/></d:privilege>"
	"</d:current-user-privilege-set>"
	"<d:supported-report-set><d:supported-report><d:report><d:sync-collection/></d:report></d:supported-report>"
	"</d:supported-report-set><oc:owner-principal>principals/users/x</oc:owner-principal>"
	"<d:owner><d:href>/principals/alice/</d:href></d:owner></d:prop><d:status>HTTP/1.1 200 OK</d:status></d:propstat>\n"
	"  <d:propstat><d:prop><d:getetag/><d:sync-token>no</d:sync-token></d:prop><d:status>HTTP/1.1 404 Not Found</d:status>"
	"</d:propstat>\n </d:response>\n"
	" <d:response><d:href>/dav/gone.ics</d:href><d:status>HTTP/1.1 404 Not Found</d:status></d:response>\n"
	" <d:response><d:href>/dav/</d:href><d:status>HTTP/1.1 507 Insufficient Storage</d:status>"
	"<d:error><d:number-of-matches-within-limits/></d:error></d:response>\n"
	" <d:sync-token>http://sabre.io/ns/sync/12</d:sync-token>\n</d:multistatus>\n";

static const char rich_seen[] = "/dav/a%20b/ 0 404 props=1 types=3 comps=3 hascomps haspriv write sync cond=0"
	" t1=http://x/5 t3=G\xc3\xbcn & <more> l3=/principals/alice/\n"
	"/dav/gone.ics 404 0 props=0 types=0 comps=0 cond=0\n"
	"/dav/ 507 0 props=0 types=0 comps=0 cond=2\n";

static void
reads_what_servers_send(void **state)
{
	(void)state;
	struct result r = { 0 };
	parse_all(rich, &r);
	assert_int_equal(r.err, ERR_OK);
	assert_string_equal(buf_str(&r.seen.text), rich_seen);
	assert_string_equal(r.token, "http://sabre.io/ns/sync/12");
	done(&r);
}

static void
reads_the_same_in_pieces_of_any_size(void **state)
{
	(void)state;
	for (size_t piece = 1; piece < sizeof rich; piece++) {
		struct result r = { 0 };
		parse(rich, strlen(rich), piece, &r);
		assert_int_equal(r.err, ERR_OK);
		assert_string_equal(buf_str(&r.seen.text), rich_seen);
		assert_string_equal(r.token, "http://sabre.io/ns/sync/12");
		done(&r);
	}
}

/* Cut anywhere, the document is incomplete and says so; what was handed out before are whole responses. */
static void
knows_a_document_that_is_cut(void **state)
{
	(void)state;
	size_t whole = strlen(rich) - 1; /* the line end behind the document is none of it */
	for (size_t n = 0; n < whole; n++) {
		struct result r = { 0 };
		parse(rich, n, SIZE_MAX / 2, &r);
		assert_int_equal(r.err, ERR_PEER);
		assert_int_not_equal(r.why[0], '\0');
		assert_memory_equal(r.seen.text.data ? (const char *)r.seen.text.data : "", rich_seen, r.seen.text.len);
		done(&r);
	}
}

static void
prefixes_are_nobodys_business(void **state)
{
	(void)state;
	assert_seen("<multistatus xmlns=\"DAV:\"><response><href>/a</href><propstat><prop><getetag>\"1\"</getetag></prop>"
		    "<status>HTTP/1.1 200 OK</status></propstat></response></multistatus>",
		"/a 0 0 props=1 types=0 comps=0 cond=0 t0=\"1\"\n");
	/* The same names in no namespace, or in another one, are other names. */
	assert_seen("<multistatus xmlns=\"DAV:\"><x:response xmlns:x=\"urn:x\"><x:href>/a</x:href></x:response></multistatus>", "");
}

static void
the_status_may_come_before_the_properties(void **state)
{
	(void)state;
	assert_seen(MULTI("<d:response><d:href>/a</d:href><d:propstat><d:status>HTTP/1.1 403 No</d:status><d:prop>" ETAG("1")
			"</d:prop></d:propstat></d:response>"),
		"/a 0 403 props=0 types=0 comps=0 cond=0\n");
	/* None at all counts as success; one that is none does not. */
	assert_seen(MULTI("<d:response><d:href>/a</d:href><d:propstat><d:prop>" ETAG("1") "</d:prop></d:propstat></d:response>"),
		"/a 0 0 props=1 types=0 comps=0 cond=0 t0=\"1\"\n");
	assert_seen(MULTI("<d:response><d:href>/a</d:href><d:propstat><d:status>fine</d:status><d:prop>" ETAG("1")
			"</d:prop></d:propstat></d:response>"),
		"/a 0 500 props=0 types=0 comps=0 cond=0\n");
}

static void
many_hrefs_share_a_status(void **state)
{
	(void)state;
	assert_seen(MULTI("<d:response><d:href>/a</d:href><d:href>/b</d:href><d:status>HTTP/1.1 404 X</d:status></d:response>"),
		"/a 404 0 props=0 types=0 comps=0 cond=0\n/b 404 0 props=0 types=0 comps=0 cond=0\n");
}

static void
an_item_keeps_its_lines(void **state)
{
	(void)state;
	assert_seen(MULTI(RESPONSE("/a", "<cal:calendar-data>\n BEGIN:VCALENDAR&#13;\nX:1 \nEND:VCALENDAR\n</cal:calendar-data>")),
		"/a 0 0 props=1 types=0 comps=0 cond=0 t5=BEGIN:VCALENDAR\r\nX:1 \nEND:VCALENDAR\n\n");
}

static void
too_large_an_item_does_not_spoil_the_rest(void **state)
{
	(void)state;
	struct buf xml;
	buf_init(&xml, 0);
	buf_add_str(&xml, "<multistatus xmlns=\"DAV:\" xmlns:c=\"urn:ietf:params:xml:ns:carddav\"><response><href>/a</href>"
			  "<propstat><prop><c:address-data>");
	for (int i = 0; i < ITEM_MAX + 1; i++)
		buf_add_byte(&xml, 'x');
	buf_add_str(&xml, "</c:address-data></prop></propstat></response><response><href>/b</href><propstat><prop>"
			  "<c:address-data>y</c:address-data></prop></propstat></response></multistatus>");
	assert_seen(buf_str(&xml), "/a 0 0 props=1 types=0 comps=0 toolarge cond=0\n/b 0 0 props=1 types=0 comps=0 cond=0 t5=y\n");
	buf_finish(&xml);
}

static void
too_long_a_name_counts_as_absent(void **state)
{
	(void)state;
	struct buf xml;
	buf_init(&xml, 0);
	buf_add_str(&xml, "<multistatus xmlns=\"DAV:\"><response><href>/a</href><propstat><prop><getetag>1</getetag><displayname>");
	for (int i = 0; i < 9000; i++)
		buf_add_byte(&xml, 'x');
	buf_add_str(&xml, "</displayname></prop></propstat></response></multistatus>");
	assert_seen(buf_str(&xml), "/a 0 0 props=1 types=0 comps=0 cond=0 t0=1\n");
	buf_finish(&xml);
}

static void
reads_errors(void **state)
{
	(void)state;
	struct result r = { 0 };
	parse_all("<?xml version=\"1.0\"?><d:error xmlns:d=\"DAV:\" xmlns:s=\"http://sabredav.org/ns\">"
		  "<s:exception>Sabre\\DAV\\Exception\\InvalidSyncToken</s:exception><s:message>no</s:message>"
		  "<d:valid-sync-token/></d:error>",
		&r);
	assert_int_equal(r.err, ERR_OK);
	assert_int_equal(r.conditions, DAV_BAD_TOKEN);
	done(&r);
	parse_all("<error xmlns=\"DAV:\"><C:no-uid-conflict xmlns:C=\"urn:ietf:params:xml:ns:caldav\"><href>/x/y.ics</href>"
		  "</C:no-uid-conflict></error>",
		&r);
	assert_int_equal(r.conditions, DAV_UID_TAKEN);
	assert_string_equal(r.conflict, "/x/y.ics");
	done(&r);
}

static void
an_answer_to_mkcol_is_one_response(void **state)
{
	(void)state;
	assert_seen("<mkcol-response xmlns=\"DAV:\"><propstat><prop><displayname/></prop><status>HTTP/1.1 403 No</status></propstat>"
		    "</mkcol-response>",
		" 0 403 props=0 types=0 comps=0 cond=0\n");
}

static void
assert_refused(const char *xml, size_t n, const char *why)
{
	struct result r = { 0 };
	parse(xml, n, SIZE_MAX / 2, &r);
	assert_int_equal(r.err, ERR_PEER);
	if (!strstr(r.why, why))
		fail_msg("\"%s\" instead of \"%s\"", r.why, why);
	done(&r);
	parse(xml, n, 1, &r);
	assert_int_equal(r.err, ERR_PEER);
	done(&r);
}

static void
refuses_document_types(void **state)
{
	(void)state;
	static const char *const documents[] = {
		"<!DOCTYPE multistatus [<!ENTITY a \"aaaaaaaaaa\"><!ENTITY b \"&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;\">"
		"<!ENTITY c \"&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;\"><!ENTITY d \"&c;&c;&c;&c;&c;&c;&c;&c;&c;&c;\">]>"
		"<multistatus xmlns=\"DAV:\"><response><href>&d;</href></response></multistatus>",
		"<!DOCTYPE m [<!ENTITY x SYSTEM \"file:///etc/passwd\">]>"
		"<multistatus xmlns=\"DAV:\"><response><href>&x;</href></response></multistatus>",
		"<!DOCTYPE m SYSTEM \"http://127.0.0.1:9/x.dtd\"><multistatus xmlns=\"DAV:\"/>",
		"<!DOCTYPE html><html><body>Log in</body></html>",
	};
	for (size_t i = 0; i < ARRAY_LEN(documents); i++)
		assert_refused(documents[i], strlen(documents[i]), "document type");
}

static void
refuses_what_is_no_multistatus(void **state)
{
	(void)state;
	static const struct {
		const char *xml, *why;
	} rows[] = {
		{ "<html><body/></html>", "no multistatus" },
		{ "<multistatus/>", "no multistatus" }, /* in no namespace */
		{ "", "no XML" },
		{ "BEGIN:VCALENDAR", "no XML" },
		{ "<multistatus xmlns=\"DAV:\"/>x", "no XML" },
		{ "<multistatus xmlns=\"DAV:\">&nbsp;</multistatus>", "no XML" },
		{ "<multistatus xmlns=\"DAV:\"><a></b></multistatus>", "no XML" },
		{ "<multistatus xmlns=\"DAV:\">\x01</multistatus>", "no XML" },
		{ "<multistatus xmlns=\"DAV:\">\xff\xfe</multistatus>", "no XML" },
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		assert_refused(rows[i].xml, strlen(rows[i].xml), rows[i].why);
	assert_refused("<multistatus xmlns=\"DAV:\">\0</multistatus>", 40, "no XML");
}

static void
refuses_depth_and_length(void **state)
{
	(void)state;
	struct buf xml;
	buf_init(&xml, 0);
	buf_add_str(&xml, "<multistatus xmlns=\"DAV:\">");
	for (int i = 0; i < 1000; i++)
		buf_add_str(&xml, "<a>");
	assert_refused((char *)xml.data, xml.len, "nested");
	buf_reset(&xml);
	buf_add_str(&xml, "<multistatus xmlns=\"DAV:\"><a b=\"");
	for (int i = 0; i < 600 * 1024; i++)
		buf_add_byte(&xml, 'x');
	struct result r = { 0 };
	parse((char *)xml.data, xml.len, 16384, &r);
	assert_int_equal(r.err, ERR_PEER);
	assert_non_null(strstr(r.why, "too long"));
	done(&r);
	buf_reset(&xml);
	buf_add_str(&xml, "<multistatus xmlns=\"DAV:\"><response>");
	for (int i = 0; i < 100; i++)
		buf_add_str(&xml, "<href>/a</href>");
	assert_refused((char *)xml.data, xml.len, "too many hrefs");
	buf_finish(&xml);
}

static void
the_callback_can_stop_it(void **state)
{
	(void)state;
	struct result r = { .seen.answer = ERR_CONFLICT };
	parse_all(rich, &r);
	assert_int_equal(r.err, ERR_CONFLICT);
	assert_int_equal(r.seen.n, 1);
	done(&r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_what_servers_send),
		cmocka_unit_test(reads_the_same_in_pieces_of_any_size),
		cmocka_unit_test(knows_a_document_that_is_cut),
		cmocka_unit_test(prefixes_are_nobodys_business),
		cmocka_unit_test(the_status_may_come_before_the_properties),
		cmocka_unit_test(many_hrefs_share_a_status),
		cmocka_unit_test(an_item_keeps_its_lines),
		cmocka_unit_test(too_large_an_item_does_not_spoil_the_rest),
		cmocka_unit_test(too_long_a_name_counts_as_absent),
		cmocka_unit_test(reads_errors),
		cmocka_unit_test(an_answer_to_mkcol_is_one_response),
		cmocka_unit_test(refuses_document_types),
		cmocka_unit_test(refuses_what_is_no_multistatus),
		cmocka_unit_test(refuses_depth_and_length),
		cmocka_unit_test(the_callback_can_stop_it),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
