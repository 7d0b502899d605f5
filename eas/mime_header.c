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
unfold(struct arena *a, struct slice value)
{
	size_t n = value.len < MIME_FIELD ? value.len : MIME_FIELD, o = 0;
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
			return unfold(a, value);
	}
	return NULL;
}

char *
mime_decode_words(struct arena *a, const char *s)
{
	mime_init();
	AUTO(free_g) char *decoded = g_mime_utils_header_decode_text(NULL, s);

	return mime_clean(a, decoded ? decoded : s, MIME_FIELD);
}

const char *
mime_field_text(struct arena *a, struct slice header, const char *name)
{
	const char *raw = mime_field(a, header, name);

	return raw ? mime_decode_words(a, raw) : NULL;
}

/* ---- addresses ---- */

static void
unref_list(InternetAddressList **l)
{
	g_clear_object(l);
}

/* Makes the text one that GMime reads in linear time and without deep recursion: no group inside a group, no run of commas; semicolons
 * between mailboxes, as Outlook writes them, become commas. */
static char *
tame(struct arena *a, const char *s)
{
	size_t n = strlen(s), o = 0;
	char *out = arena_alloc(a, n + 1), last = ',';
	bool quoted = false, group = false, angle = false;
	unsigned colons = 0;

	for (size_t i = 0; out && i < n; i++) {
		char c = s[i];

		if (c == '\\' && i + 1 < n) {
			out[o++] = c;
			out[o++] = last = s[++i];
			continue;
		}
		if (c == '"')
			quoted = !quoted;
		if (c == ':' && (++colons > COLONS_MAX || (!quoted && !angle && group)))
			c = ' ';
		else if (c == ':' && !quoted && !angle)
			group = true;
		if (!quoted && c == '<')
			angle = true;
		if (!quoted && c == '>')
			angle = false;
		if (c == ';' && !quoted && !angle) {
			if (!group)
				c = ',';
			group = false;
		}
		if (c == ',' && !quoted && last == ',')
			continue;
		out[o++] = c;
		if (c != ' ')
			last = c;
	}
	if (out)
		out[o] = '\0';
	return out;
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

static enum err
append_parsed(struct arena *a, const char *text, struct mime_addresses *l_r)
{
	char *tamed = tame(a, text);

	mime_init();
	if (!tamed)
		return ERR_NOMEM;
	AUTO(unref_list) InternetAddressList *parsed = internet_address_list_parse(NULL, tamed);
	size_t n = 0;
	if (!parsed)
		return ERR_OK;
	count(parsed, &n);
	struct mime_address *list = arena_array(a, l_r->n + n, sizeof *list);
	if (!list)
		return ERR_NOMEM;
	if (l_r->n)
		memcpy(list, l_r->list, l_r->n * sizeof *list);
	l_r->list = list;
	return collect(a, parsed, l_r) ? ERR_OK : ERR_NOMEM;
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
	size_t pos = 0, total = 0;

	*l_r = (struct mime_addresses){ 0 };
	if (header.len > MIME_HEADER)
		header.len = MIME_HEADER;
	while (total < 4 * (size_t)MIME_FIELD && mime_field_next(header, &pos, &n, &value, &whole)) {
		if (!named(n, name))
			continue;
		char *text = unfold(a, value);
		total += value.len;
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
	AUTO(buf_finish) struct buf out;

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

	if (!at || at == address || !at[1] || n > 320 || address[0] == '-' || strchr(address, '@') != at || !text_is_utf8(address, n))
		return false;
	if (at[1] == '[') /* an address literal */
		return at[2 + strspn(at + 2, "0123456789abcdefABCDEFIPv.:")] == ']' && !strpbrk(address, " <>,;\"\\\r\n\t") && address[n - 1] == ']';
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
