/* The query of a request in its two forms [MS-ASHTTP 2.2.1.1.1]. */
#include <ctype.h>
#include <string.h>

#include "base/text.h"
#include "eas/command.h"
#include "eas/eas.h"

static void
set_command(struct eas_query *q, const struct command *c)
{
	if (!c)
		return;
	q->command = c->code;
	q->command_name = c->name;
}

/* "14.1" -> 141; 0 for anything else. */
static unsigned
version_parse(const char *s)
{
	unsigned major = 0;

	if (!s)
		return 0;
	for (; isdigit((unsigned char)*s); s++) {
		major = major * 10 + (unsigned)(*s - '0');
		if (major > 99)
			return 0;
	}
	if (s[0] != '.' || !isdigit((unsigned char)s[1]) || s[2] != '\0')
		return 0;
	return major * 10 + (unsigned)(s[1] - '0');
}

static bool
is_true(const char *s)
{
	return s && (text_casecmp(s, "T") == 0 || strcmp(s, "1") == 0);
}

/* ---- Cmd=Sync&User=... ---- */

static void
plain_set(struct eas_query *q, const char *name, const char *value)
{
	const struct {
		const char *name;
		const char **field;
	} fields[] = {
		{ "User", &q->user },
		{ "DeviceId", &q->device_id },
		{ "DeviceType", &q->device_type },
		{ "AttachmentName", &q->attachment },
		{ "CollectionId", &q->collection_id },
		{ "ItemId", &q->item_id },
		{ "LongId", &q->long_id },
		{ "Occurrence", &q->occurrence },
	};

	if (text_casecmp(name, "Cmd") == 0) {
		q->command_name = value;
		set_command(q, command_named(value));
	} else if (text_casecmp(name, "SaveInSent") == 0) {
		q->save_in_sent = is_true(value);
	}
	for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
		if (text_casecmp(name, fields[i].name) == 0)
			*fields[i].field = value;
	}
}

static enum err
plain_parse(struct arena *a, const char *query, struct eas_query *q)
{
	for (const char *p = query; *p;) {
		size_t n = strcspn(p, "&");
		const char *eq = memchr(p, '=', n);
		size_t name_len = eq ? (size_t)(eq - p) : n;
		char *name = text_unpercent(a, p, name_len, true);
		char *value = eq ? text_unpercent(a, eq + 1, n - name_len - 1, true) : arena_strdup(a, "");

		if (!name || !value)
			return ERR_INVALID;
		value = text_to_utf8(a, value, strlen(value));
		if (!value)
			return ERR_NOMEM;
		plain_set(q, name, value);
		p += n;
		p += *p == '&';
	}
	return *q->command_name ? ERR_OK : ERR_INVALID;
}

/* ---- base64: version, command, locale, device id, policy key, device type, parameters ---- */

struct bytes {
	const unsigned char *p;
	size_t n;
	bool failed;
};

static unsigned
byte(struct bytes *b)
{
	if (b->n == 0) {
		b->failed = true;
		return 0;
	}
	b->n--;
	return *b->p++;
}

static const unsigned char *
bytes(struct bytes *b, size_t n)
{
	const unsigned char *p = b->p;

	if (b->n < n) {
		b->failed = true;
		return NULL;
	}
	b->p += n;
	b->n -= n;
	return p;
}

static const char *
string(struct arena *a, struct bytes *b, size_t n)
{
	const unsigned char *p = bytes(b, n);

	return p ? text_to_utf8(a, p, n) : NULL;
}

/* A device id is text, or 16 raw bytes of a GUID: those become hex. "" where there is none; NULL: memory, or cut
 * short. */
static const char *
device_id(struct arena *a, struct bytes *b)
{
	size_t n = byte(b);
	const unsigned char *p = bytes(b, n);
	bool printable = true;
	char *hex;

	if (!p)
		return NULL;
	for (size_t i = 0; i < n; i++)
		printable = printable && p[i] > 0x20 && p[i] < 0x7f;
	if (printable)
		return arena_strndup(a, (const char *)p, n);
	hex = arena_alloc(a, 2 * n + 1);
	if (hex)
		text_hex(p, n, hex);
	return hex;
}

static void
coded_parameter(struct arena *a, struct bytes *b, struct eas_query *q)
{
	unsigned tag = byte(b);
	size_t n = byte(b);
	const char **fields[] = { &q->attachment, &q->collection_id, NULL, &q->item_id, &q->long_id, NULL,
		&q->occurrence, NULL, &q->user };
	const unsigned char *p;
	const char *s;

	if (tag == 7) {
		p = bytes(b, n);
		if (p && n >= 1) {
			q->save_in_sent = p[0] & 1;
			q->accept_multipart = p[0] & 2;
		}
		return;
	}
	s = string(a, b, n);
	if (s && tag < ARRAY_LEN(fields) && fields[tag])
		*fields[tag] = s;
}

static enum err
coded_parse(struct arena *a, const unsigned char *p, size_t n, struct eas_query *q)
{
	struct bytes b = { .p = p, .n = n };
	const unsigned char *key;
	unsigned key_len;

	q->version = byte(&b);
	set_command(q, command_find((enum eas_command)byte(&b)));
	bytes(&b, 2); /* the locale: cpush has one language */
	q->device_id = device_id(a, &b);
	key_len = byte(&b);
	if (key_len == 4 && (key = bytes(&b, 4)) != NULL) {
		q->has_policy_key = true;
		q->policy_key = (uint32_t)key[0] | (uint32_t)key[1] << 8 | (uint32_t)key[2] << 16
			| (uint32_t)key[3] << 24;
	} else if (key_len != 0) {
		return ERR_INVALID;
	}
	q->device_type = string(a, &b, byte(&b));
	while (b.n && !b.failed)
		coded_parameter(a, &b, q);
	return b.failed || !q->device_id || !q->device_type ? ERR_INVALID : ERR_OK;
}

static bool
has_command_name(const char *query)
{
	for (const char *p = query; p; p = strchr(p, '&')) {
		p += *p == '&';
		if (text_casestarts(p, "Cmd="))
			return true;
	}
	return false;
}

enum err
eas_query_parse(struct arena *a, const char *query, const char *version_header, const char *policy_header,
	const char *multipart_header, struct eas_query *q_r)
{
	enum err e;
	uint64_t key;

	*q_r = (struct eas_query){ .command = EAS_UNKNOWN, .command_name = "", .device_id = "", .device_type = "", .user = "",
		.attachment = "", .collection_id = "", .item_id = "", .long_id = "", .occurrence = "" };
	if (has_command_name(query) || strchr(query, '&')) {
		q_r->version = version_parse(version_header);
		if (policy_header && text_to_u64(policy_header, &key) && key <= UINT32_MAX) {
			q_r->has_policy_key = true;
			q_r->policy_key = (uint32_t)key;
		}
		q_r->accept_multipart = is_true(multipart_header);
		e = plain_parse(a, query, q_r);
	} else {
		size_t n;
		char *coded = text_unpercent(a, query, strlen(query), false);
		unsigned char *p = coded ? text_unbase64(a, coded, strlen(coded), &n) : NULL;

		e = p && n ? coded_parse(a, p, n, q_r) : ERR_INVALID;
	}
	return e;
}
