/* t/fuzz/fuzz_query.c - what stands around a request's body: the query in both forms, the headers that go with it, and the credentials.
 *
 * The input is lines: query, MS-ASProtocolVersion, X-MS-PolicyKey, MS-ASAcceptMultiPart, Authorization. The first byte says whether the
 * query is given as it is ('p') or is base64 of the bytes (any other), so that a fuzzer need not guess base64. */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "eas/eas.h"
#include "fcgi/basic.h"

#define ARENA_MAX (1u << 20)
#define LINES 5

static void
expect(bool truth)
{
	if (!truth)
		abort();
}

static void
is_text(const char *s)
{
	expect(s && text_is_utf8(s, strlen(s)));
}

/* Adds a field of the coded form; longer ones than it can hold are left out. */
static void
put(struct buf *b, const char *s)
{
	size_t n = strlen(s) < 256 ? strlen(s) : 0;

	buf_add_byte(b, (unsigned char)n);
	buf_add(b, s, n);
}

/* What was read is written in the coded form and read again: it must be the same. */
static void
again(struct arena *a, const struct eas_query *q)
{
	struct buf b;
	struct eas_query r;

	if (q->version > 255 || q->command == EAS_UNKNOWN || !*q->device_id || strlen(q->device_id) > 255 || strlen(q->device_type) > 255)
		return;
	for (const char *p = q->device_id; *p; p++) {
		if ((unsigned char)*p <= 0x20 || (unsigned char)*p >= 0x7f)
			return;
	}
	buf_init(&b, 0);
	buf_add_byte(&b, (unsigned char)q->version);
	buf_add_byte(&b, (unsigned char)q->command);
	buf_add(&b, "\x09\x04", 2);
	put(&b, q->device_id);
	buf_add_byte(&b, q->has_policy_key ? 4 : 0);
	for (unsigned i = 0; q->has_policy_key && i < 4; i++)
		buf_add_byte(&b, (unsigned char)(q->policy_key >> 8 * i));
	put(&b, q->device_type);
	buf_add_byte(&b, 1);
	put(&b, q->collection_id);
	buf_add(&b, "\x07\x01", 2);
	buf_add_byte(&b, (unsigned char)(q->save_in_sent | q->accept_multipart << 1));
	char *coded = text_base64(a, b.data, b.len);
	if (coded) {
		expect(eas_query_parse(a, coded, NULL, NULL, NULL, &r) == ERR_OK);
		expect(r.version == q->version && r.command == q->command && strcmp(r.device_id, q->device_id) == 0);
		expect(r.has_policy_key == q->has_policy_key && r.policy_key == q->policy_key);
		expect(strcmp(r.device_type, q->device_type) == 0);
		expect(strlen(q->collection_id) > 255 || strcmp(r.collection_id, q->collection_id) == 0);
		expect(r.save_in_sent == q->save_in_sent && r.accept_multipart == q->accept_multipart);
	}
	buf_finish(&b);
}

static void
query(struct arena *a, char *const *line)
{
	struct eas_query q;
	enum err err = eas_query_parse(a, line[0], line[1], line[2], line[3], &q);
	const char *const texts[] = { q.command_name, q.device_id, q.device_type, q.user, q.attachment, q.collection_id, q.item_id,
		q.long_id, q.occurrence };

	expect(err == ERR_OK || err == ERR_INVALID || err == ERR_NOMEM);
	for (size_t i = 0; !err && i < ARRAY_LEN(texts); i++)
		is_text(texts[i]);
	if (!err)
		again(a, &q);
}

/* Nothing of the header is left, whatever it was; the two strings are fit for a log and for a line of IMAP. */
static void
credentials(char *header)
{
	size_t n = strlen(header);
	char *user, *password;

	if (basic_decode(header, &user, &password)) {
		is_text(user);
		is_text(password);
		expect(*user);
		for (const char *p = user; *p; p++)
			expect((unsigned char)*p >= 0x20 && *p != 0x7f);
	} else {
		expect(!user && !password);
	}
	for (size_t i = 0; i < n; i++)
		expect(header[i] == '\0');
	basic_free(&user);
	basic_free(&password);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct arena *a = arena_new(ARENA_MAX);
	char *line[LINES];
	bool plain = n && data[0] == 'p';

	for (size_t i = 0; a && i < LINES; i++) {
		const uint8_t *end = n ? memchr(data, '\n', n) : NULL;
		size_t len = end ? (size_t)(end - data) : n;
		bool coded = i == 0 && !plain;

		if (i == 0 && len) {
			data++;
			n--;
			len--;
		}
		/* A parameter of FastCGI is a C string. */
		line[i] = coded ? text_base64(a, data, len) : arena_strndup(a, (const char *)data, strnlen((const char *)data, len));
		if (!line[i])
			break;
		data += len + (end != NULL);
		n -= len + (end != NULL);
		if (i + 1 == LINES) {
			query(a, line);
			credentials(line[LINES - 1]);
		}
	}
	arena_free(&a);
	return 0;
}
