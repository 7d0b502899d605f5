/* Addresses [RFC 5322 3.4], and what is written in their place. */
#include <gmime/gmime.h>
#include <string.h>

#include "base/text.h"
#include "eas/mime_internal.h"

#define COLONS_MAX 40 /* GMime reads groups inside groups by recursion */
#define COMMAS_MAX 40 /* and a list in its length squared */
#define NAME_LENGTH 1000

static void
unref_list(InternetAddressList **l)
{
	g_clear_object(l);
}

/* ---- one mailbox of a list ---- */

struct piece {
	const char *begin, *end;
	struct buf name, comment, angle; /* encoded words are still in them; no quotes in the first two */
	bool quotes;                     /* there were some */
	bool at;                         /* so was an @ that is no text */
	bool comma;                      /* so was a comma or semicolon that is no text */
	unsigned angles;
	bool closed;                     /* the last of them */
};

static void
finish_piece(struct piece *p)
{
	buf_finish(&p->name);
	buf_finish(&p->comment);
	buf_finish(&p->angle);
}

static void
reset_piece(struct piece *p, const char *begin)
{
	p->begin = p->end = begin;
	buf_reset(&p->name);
	buf_reset(&p->comment);
	buf_reset(&p->angle);
	p->quotes = p->at = p->comma = p->closed = false;
	p->angles = 0;
}

/* White space is one space, and none in front. */
static void
add_plain(struct buf *out, char c)
{
	if (c != ' ' && c != '\t')
		buf_add_byte(out, (unsigned char)c);
	else if (out->len && out->data[out->len - 1] != ' ')
		buf_add_byte(out, ' ');
}

/* What looked like the address so far was none. */
static void
open_angle(struct piece *p)
{
	if (p->angles++) {
		buf_add_byte(&p->name, '<');
		buf_add_slice(&p->name, buf_slice(&p->angle));
		buf_add_byte(&p->name, '>');
	}
	buf_reset(&p->angle);
	p->closed = false;
}

struct place {
	bool quoted, angle;
	unsigned comment;
};

/* One character, or a pair with a backslash; its length. */
static size_t
take_inside(struct piece *p, struct place *in, const char *s)
{
	struct buf *out = in->angle ? &p->angle : in->comment ? &p->comment : &p->name;
	size_t n = *s == '\\' && s[1] ? 2 : 1;

	if (in->comment && *s == '(')
		in->comment++;
	else if (in->comment && *s == ')' && --in->comment == 0)
		return n;
	else if (!in->comment && *s == '"') {
		in->quoted = !in->quoted;
		p->quotes = true;
		if (!in->angle)
			return n;
	} else if (in->angle && !in->quoted && *s == '>') {
		in->angle = false;
		p->closed = true;
		return n;
	}
	if (in->angle)
		buf_add(out, s, n);
	else
		buf_add_byte(out, (unsigned char)s[n - 1]);
	p->at = p->at || (in->angle && !in->quoted && *s == '@');
	return n;
}

/* Outside of quotes, comments and brackets. */
static size_t
take_outside(struct piece *p, struct place *in, const char *s)
{
	struct mime_word w;
	size_t n = mime_word(s, &w);

	if (n && !memchr(w.text.ptr, ' ', w.text.len)) {
		buf_add(&p->name, s, n);
		return n;
	}
	if (*s == '"' || (*s == '\\' && s[1]))
		return take_inside(p, in, s);
	if (*s == '(') {
		in->comment = 1;
	} else if (*s == '<') {
		in->angle = true;
		open_angle(p);
	} else if (*s == ':' && !p->at) {
		reset_piece(p, s + 1); /* the name of a group */
	} else {
		p->at = p->at || *s == '@';
		add_plain(&p->name, *s);
	}
	return 1;
}

/* A piece ends with a semicolon, or with a comma that has an address in front: many do not quote the one in a name.
 * At `every`: with any of them that is no text, in a bracket too, for that may not be closed. Returns what stands
 * behind. */
static const char *
read_piece(const char *s, bool every, struct piece *p)
{
	struct place in = { 0 };

	reset_piece(p, s);
	while (*s) {
		bool outside = !in.quoted && !in.comment && !in.angle;
		bool comma = (*s == ',' || *s == ';') && !in.quoted && !in.comment;

		if (comma && (every || (outside && (*s == ';' || p->at || p->closed))))
			break;
		p->comma = p->comma || comma;
		s += outside ? take_outside(p, &in, s) : take_inside(p, &in, s);
	}
	p->end = s;
	return s;
}

/* ---- what it says ---- */

static const char *
trimmed(struct arena *a, struct buf *b)
{
	const char *s = b->len ? buf_str(b) : "";
	size_t n;

	if (!s)
		return NULL;
	s += strspn(s, " \t");
	n = strlen(s);
	while (n && (s[n - 1] == ' ' || s[n - 1] == '\t'))
		n--;
	return arena_strndup(a, s, n);
}

static const char *
decoded(struct arena *a, const char *text)
{
	const char *s = text ? mime_decode_words(a, text) : NULL;

	return s ? mime_clean(a, s, NAME_LENGTH) : NULL;
}

/* The two forms that nearly all have: NAME <ADDRESS>, whatever the name consists of, and the bare ADDRESS. false:
 * neither. */
static bool
read_mailbox(struct arena *a, struct piece *p, struct mime_address *m_r)
{
	const char *name = trimmed(a, &p->name), *comment = trimmed(a, &p->comment), *angle = trimmed(a, &p->angle);
	const char *address = p->angles ? angle : name;

	if (!name || !comment || !angle || !mime_address_ok(address) || (p->angles ? !p->closed : p->quotes))
		return false;
	m_r->address = address;
	m_r->name = decoded(a, p->angles && *name ? name : comment);
	return m_r->name;
}

/* A second @, or a semicolon, where GMime would stop at the first part: and send to somebody else, or not to all. */
static bool
is_ambiguous(const char *piece)
{
	const char *from = strrchr(piece, '<'), *at;

	if (strchr(piece, ':') || strchr(piece, '"'))
		return false;
	at = strchr(from ? from : piece, '@');
	return strchr(piece, ';') || (at && strchr(at + 1, '@'));
}

/* Quoted local parts, routes, and the like. */
static bool
read_by_gmime(struct arena *a, const char *piece, struct mime_address *m_r)
{
	unsigned colons = 0, commas = 0;

	for (const char *c = piece; *c; c++) {
		colons += *c == ':';
		commas += *c == ',';
	}
	if (colons > COLONS_MAX || commas > COMMAS_MAX || is_ambiguous(piece))
		return false;
	AUTO(unref_list) InternetAddressList *l = internet_address_list_parse(NULL, piece);
	InternetAddress *ia = l && internet_address_list_length(l) == 1 ? internet_address_list_get_address(l, 0) : NULL;
	if (!ia || !INTERNET_ADDRESS_IS_MAILBOX(ia))
		return false;
	const char *address = internet_address_mailbox_get_addr(INTERNET_ADDRESS_MAILBOX(ia));
	const char *name = internet_address_get_name(ia);
	m_r->address = address && *address ? mime_clean(a, address, NAME_LENGTH) : NULL;
	m_r->name = mime_clean(a, name ? name : "", NAME_LENGTH);
	return m_r->address && m_r->name;
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

/* What cannot be read stays: its text as a name, without an address. */
static bool
add_piece(struct arena *a, struct piece *p, struct mime_addresses *l, size_t *room)
{
	const char *text = p->begin + strspn(p->begin, " \t");
	char *piece = arena_strndup(a, text, text < p->end ? (size_t)(p->end - text) : 0);
	struct mime_address *m;

	if (!piece)
		return false;
	if (!*piece)
		return true;
	if (!grow(a, l, room, 1))
		return false;
	m = &l->list[l->n++];
	if (read_mailbox(a, p, m) || ((p->at || !strstr(piece, "=?")) && read_by_gmime(a, piece, m)))
		return true;
	*m = (struct mime_address){ .name = decoded(a, piece), .address = "" };
	return m->name;
}

/* What is no address as a whole is read again from comma to comma. What that gives is never read a third time: a long
 * field of it would take its length squared. */
static enum err
append_parsed(struct arena *a, const char *text, struct mime_addresses *l_r)
{
	AUTO(finish_piece) struct piece p = { 0 };
	const char *again = text; /* what is in front of it was read once */
	size_t room = l_r->n;

	mime_init();
	buf_init(&p.name, 0);
	buf_init(&p.comment, 0);
	buf_init(&p.angle, 0);
	for (const char *s = text + strspn(text, " \t,;"); *s; s += strspn(s, " \t,;")) {
		s = read_piece(s, s < again, &p);
		if (!add_piece(a, &p, l_r, &room))
			return ERR_NOMEM;
		if (p.comma && !*l_r->list[l_r->n - 1].address) {
			l_r->n--;
			again = s;
			s = p.begin;
		}
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
		if (!mime_is_named(n, name))
			continue;
		char *text = mime_unfold(a, value, MIME_HEADER);
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
mime_address_text(struct arena *a, const struct mime_addresses *l, char between, size_t max)
{
	AUTO(buf_finish) struct buf out = { 0 };

	buf_init(&out, 0);
	for (size_t i = 0; i < l->n; i++) {
		const struct mime_address *m = &l->list[i];
		size_t before = out.len;

		if (before)
			buf_printf(&out, "%c ", between);
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

	if (!at || at == address || !at[1] || n > 320 || strchr(address, '@') != at || !text_is_utf8(address, n))
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
