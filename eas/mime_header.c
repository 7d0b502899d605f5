/* Fields of a header: texts, addresses, ids, dates. */
#include <gmime/gmime.h>
#include <string.h>

#include "base/text.h"
#include "eas/mime_internal.h"

#define COLONS_MAX 40 /* GMime reads groups inside groups by recursion */

static void
free_g(char **s)
{
	g_free(*s);
	*s = NULL;
}

char *
mime_clean(struct arena *a, const char *s, size_t max)
{
	size_t n = strlen(s);
	char *clean = text_to_utf8(a, s, n > max ? text_cut(s, max) : n);

	for (char *p = clean; p && *p; p++) {
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			*p = ' ';
	}
	return clean;
}

/* Takes the line ends out; white space around goes. */
static char *
unfold(struct arena *a, struct slice value, size_t max)
{
	size_t n = value.len < max ? value.len : max, o = 0;
	char *s = arena_alloc(a, n + 1);

	for (size_t i = 0; s && i < n; i++) {
		char c = (char)value.ptr[i];

		if (c == '\r' || c == '\n' || c == '\0')
			continue;
		if (o == 0 && (c == ' ' || c == '\t'))
			continue;
		s[o++] = c == '\t' ? ' ' : c;
	}
	while (s && o && s[o - 1] == ' ')
		o--;
	if (s)
		s[o] = '\0';
	return s;
}

static bool
named(struct slice name, const char *wanted)
{
	size_t n = strlen(wanted);

	return name.len == n && text_ncasecmp((const char *)name.ptr, wanted, n) == 0;
}

const char *
mime_field(struct arena *a, struct slice header, const char *name)
{
	struct slice n, value, whole;
	size_t pos = 0;

	if (header.len > MIME_HEADER)
		header.len = MIME_HEADER;
	while (mime_field_next(header, &pos, &n, &value, &whole)) {
		if (named(n, name))
			return unfold(a, value, MIME_FIELD);
	}
	return NULL;
}

/* Encoded words undone, clean UTF-8. */
static char *
decode_words(struct arena *a, const char *s)
{
	mime_init();
	AUTO(free_g) char *decoded = g_mime_utils_header_decode_text(NULL, s);

	return mime_clean(a, decoded ? decoded : s, MIME_FIELD);
}

const char *
mime_field_text(struct arena *a, struct slice header, const char *name)
{
	const char *raw = mime_field(a, header, name);

	return raw ? decode_words(a, raw) : NULL;
}

/* ---- addresses ---- */

static void
unref_list(InternetAddressList **l)
{
	g_clear_object(l);
}

/* The length of the first mailbox or group: up to a comma or semicolon that stands outside of quotes, comments and
 * brackets. GMime gets them one by one, for it leaves out without a word what it cannot read, takes time that grows
 * with the square, and reads groups inside groups by recursion. */
static size_t
piece_length(const char *s)
{
	bool quoted = false, angle = false, group = false;
	unsigned comment = 0;
	size_t i;

	for (i = 0; s[i]; i++) {
		if (s[i] == '\\' && s[i + 1])
			i++;
		else if (s[i] == '"' && !comment)
			quoted = !quoted;
		else if (quoted)
			continue;
		else if (s[i] == '(')
			comment++;
		else if (s[i] == ')' && comment)
			comment--;
		else if (comment)
			continue;
		else if (s[i] == '<' || s[i] == '>')
			angle = s[i] == '<';
		else if (s[i] == ':' && !angle)
			group = true;
		else if (s[i] == ';' || (s[i] == ',' && !angle && !group))
			return s[i] == ';' && group ? i + 1 : i;
	}
	return i;
}

/* A second @ where GMime would stop at the first part and send to somebody else. */
static bool
is_ambiguous(const char *piece)
{
	const char *from = strrchr(piece, '<'), *at;

	if (strchr(piece, ':') || strchr(piece, '"'))
		return false;
	at = strchr(from ? from : piece, '@');
	return at && strchr(at + 1, '@');
}

static bool
is_blank(const char *s)
{
	return s[strspn(s, " \t,;")] == '\0';
}

static void
count(InternetAddressList *l, size_t *n)
{
	int len = internet_address_list_length(l);

	for (int i = 0; i < len; i++) {
		InternetAddress *ia = internet_address_list_get_address(l, i);

		if (INTERNET_ADDRESS_IS_GROUP(ia))
			count(internet_address_group_get_members(INTERNET_ADDRESS_GROUP(ia)), n);
		else
			(*n)++;
	}
}

static bool
collect(struct arena *a, InternetAddressList *l, struct mime_addresses *out)
{
	int len = internet_address_list_length(l);

	for (int i = 0; i < len; i++) {
		InternetAddress *ia = internet_address_list_get_address(l, i);

		if (INTERNET_ADDRESS_IS_GROUP(ia)) {
			if (!collect(a, internet_address_group_get_members(INTERNET_ADDRESS_GROUP(ia)), out))
				return false;
			continue;
		}
		const char *address = internet_address_mailbox_get_addr(INTERNET_ADDRESS_MAILBOX(ia));
		const char *name = internet_address_get_name(ia);
		struct mime_address *m = &out->list[out->n];

		m->address = mime_clean(a, address ? address : "", 1000);
		m->name = mime_clean(a, name ? name : "", 1000);
		if (!m->address || !m->name)
			return false;
		if (*m->address || *m->name)
			out->n++;
	}
	return true;
}

/* What cannot be read stays: its text as a name, without an address. */
static bool
keep_unread(struct arena *a, const char *piece, struct mime_addresses *l)
{
	struct mime_address *m = &l->list[l->n++];

	m->name = decode_words(a, piece + strspn(piece, " \t"));
	m->address = "";
	return m->name != NULL;
}

static bool
grow(struct arena *a, struct mime_addresses *l, size_t *room, size_t n)
{
	struct mime_address *list;

	if (l->n + n <= *room)
		return true;
	*room = (l->n + n) * 2;
	list = arena_array(a, *room, sizeof *list);
	if (list && l->n)
		memcpy(list, l->list, l->n * sizeof *list);
	l->list = list;
	return list != NULL;
}

static bool
add_piece(struct arena *a, const char *piece, struct mime_addresses *l, size_t *room)
{
	unsigned colons = 0;
	size_t n = 0;

	for (const char *p = piece; *p; p++)
		colons += *p == ':';
	if (is_blank(piece))
		return true;
	AUTO(unref_list) InternetAddressList *parsed = colons <= COLONS_MAX && !is_ambiguous(piece)
		? internet_address_list_parse(NULL, piece) : NULL;
	if (parsed)
		count(parsed, &n);
	if (!grow(a, l, room, n + 1))
		return false;
	return parsed ? collect(a, parsed, l) : keep_unread(a, piece, l);
}

static enum err
append_parsed(struct arena *a, const char *text, struct mime_addresses *l_r)
{
	size_t room = l_r->n;

	mime_init();
	for (const char *p = text; *p;) {
		size_t n = piece_length(p);
		char *piece = arena_strndup(a, p, n);

		if (!piece || !add_piece(a, piece, l_r, &room))
			return ERR_NOMEM;
		p += n;
		p += *p == ',' || *p == ';';
	}
	return ERR_OK;
}

enum err
mime_address_parse(struct arena *a, const char *text, struct mime_addresses *l_r)
{
	size_t n = strlen(text);
	char *cut = arena_strndup(a, text, n > MIME_FIELD ? text_cut(text, MIME_FIELD) : n);

	*l_r = (struct mime_addresses){ 0 };
	for (char *p = cut; p && *p; p++) {
		if ((unsigned char)*p < 0x20)
			*p = ' ';
	}
	return cut ? append_parsed(a, cut, l_r) : ERR_NOMEM;
}

enum err
mime_addresses(struct arena *a, struct slice header, const char *name, struct mime_addresses *l_r)
{
	struct slice n, value, whole;
	size_t pos = 0;

	*l_r = (struct mime_addresses){ 0 };
	if (header.len > MIME_HEADER)
		header.len = MIME_HEADER;
	while (mime_field_next(header, &pos, &n, &value, &whole)) {
		if (!named(n, name))
			continue;
		char *text = unfold(a, value, MIME_HEADER);
		if (!text || append_parsed(a, text, l_r))
			return ERR_NOMEM;
	}
	return ERR_OK;
}

static void
put_quoted(struct buf *out, const char *s)
{
	buf_add_byte(out, '"');
	for (; *s; s++) {
		if (*s == '"' || *s == '\\')
			buf_add_byte(out, '\\');
		buf_add_byte(out, (unsigned char)*s);
	}
	buf_add_byte(out, '"');
}

const char *
mime_address_text(struct arena *a, const struct mime_addresses *l, size_t max)
{
	AUTO(buf_finish) struct buf out = { 0 };

	buf_init(&out, 0);
	for (size_t i = 0; i < l->n; i++) {
		const struct mime_address *m = &l->list[i];
		size_t before = out.len;

		if (before)
			buf_add_str(&out, ", ");
		/* Phones take the name from what is quoted; a bare address is its own name. */
		if (!*m->address) {
			put_quoted(&out, m->name);
		} else {
			put_quoted(&out, *m->name ? m->name : m->address);
			buf_printf(&out, " <%s>", m->address);
		}
		if (out.len > max) {
			out.len = before;
			break;
		}
	}
	return buf_ok(&out) ? arena_strndup(a, out.len ? (char *)out.data : "", out.len) : NULL;
}

bool
mime_address_ok(const char *address)
{
	const char *at = strrchr(address, '@');
	size_t n = strlen(address);

	if (!at || at == address || !at[1] || n > 320 || address[0] == '-' || strchr(address, '@') != at
		|| !text_is_utf8(address, n))
		return false;
	if (at[1] == '[') /* an address literal */
		return at[2 + strspn(at + 2, "0123456789abcdefABCDEFIPv.:")] == ']'
			&& !strpbrk(address, " <>,;\"\\\r\n\t") && address[n - 1] == ']';
	for (const char *p = address; *p; p++) {
		if ((unsigned char)*p <= 0x20 || *p == 0x7f || strchr("<>()[],;:\\\"", *p))
			return false;
	}
	return true;
}

/* ---- ids and dates ---- */

/* The next <...> without space in it. */
static const char *
next_id(struct arena *a, const char **s)
{
	while (**s) {
		const char *open = strchr(*s, '<');
		const char *close = open ? strchr(open, '>') : NULL;

		if (!close)
			break;
		*s = close + 1;
		bool good = close - open > 1 && close - open < 990;
		for (const char *p = open + 1; p < close; p++)
			good = good && *p > ' ' && *p < 0x7f && *p != '<';
		if (good)
			return arena_strndup(a, open, (size_t)(close - open) + 1);
	}
	return NULL;
}

const char *
mime_id_at(struct arena *a, struct slice header, const char *name, size_t i)
{
	const char *s = mime_field(a, header, name), *id = NULL;

	if (!s)
		return NULL;
	do {
		id = next_id(a, &s);
	} while (id && i-- > 0);
	return id;
}

const char *
mime_message_id(struct arena *a, struct slice header)
{
	return mime_id_at(a, header, "Message-ID", 0);
}

static void
unref_date(GDateTime **d)
{
	g_clear_pointer(d, g_date_time_unref);
}

bool
mime_date(struct arena *a, struct slice header, int64_t *t_r)
{
	const char *s = mime_field(a, header, "Date");

	mime_init();
	AUTO(unref_date) GDateTime *d = s && strlen(s) < 200 ? g_mime_utils_header_decode_date(s) : NULL;
	if (!d)
		return false;
	*t_r = g_date_time_to_unix(d);
	return true;
}
