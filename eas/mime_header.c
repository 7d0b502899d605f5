/* Fields of a header: texts, ids, dates. */
#include <gmime/gmime.h>
#include <string.h>

#include "base/text.h"
#include "eas/mime_internal.h"

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

char *
mime_unfold(struct arena *a, struct slice value, size_t max)
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

bool
mime_is_named(struct slice name, const char *wanted)
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
		if (mime_is_named(n, name))
			return mime_unfold(a, value, MIME_FIELD);
	}
	return NULL;
}

const char *
mime_field_text(struct arena *a, struct slice header, const char *name)
{
	const char *raw = mime_field(a, header, name);

	return raw ? mime_decode_words(a, raw) : NULL;
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
