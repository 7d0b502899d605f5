#include "base/conf.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/text.h"

/* The file is read here and not by a library: the packaged inih cuts lines at 200 bytes and section names at 50, tells
 * neither line numbers nor empty sections, and takes an indented line for a part of the value above it. */

#define CONF_MAX (1024 * 1024)

struct entry {
	struct entry *next;
	const char *key;
	char *value;
	unsigned line;
};

struct section {
	struct section *next;
	const char *name;
	struct entry *entries;
	unsigned line;
	bool bound;
};

struct conf {
	struct arena *arena;
	const char *name;
	struct section *sections;
	atomic_uint refs;
};

struct parser {
	struct conf *conf;
	struct section *section; /* the one that the lines belong to */
	unsigned line;
	struct error *e;
};

static enum err
no_memory(struct error *e)
{
	return err_set(e, ERR_NOMEM, "out of memory for the configuration");
}

static struct section *
section_find(const struct conf *c, const char *name)
{
	for (struct section *s = c->sections; s; s = s->next) {
		if (strcmp(s->name, name) == 0)
			return s;
	}
	return NULL;
}

static struct entry *
entry_find(const struct section *s, const char *key)
{
	for (struct entry *n = s ? s->entries : NULL; n; n = n->next) {
		if (strcmp(n->key, key) == 0)
			return n;
	}
	return NULL;
}

static bool
is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

/* Cuts white space off both ends, in place. */
static char *
trim(char *s)
{
	while (is_space(*s))
		s++;
	size_t n = strlen(s);
	while (n > 0 && is_space(s[n - 1]))
		n--;
	s[n] = '\0';
	return s;
}

/* A comment behind a value begins with a semicolon that follows white space, so that values may hold semicolons. */
static void
strip_comment(char *s)
{
	for (char *p = s; *p; p++) {
		if (*p == ';' && (p == s || is_space(p[-1]))) {
			*p = '\0';
			return;
		}
	}
}

static enum err
parse_head(struct parser *p, char *s)
{
	char *end = strrchr(s, ']');
	if (!end || end[1] != '\0')
		return err_set(p->e, ERR_INVALID, "%s:%u: ] is missing behind the name of a section", p->conf->name, p->line);
	*end = '\0';
	s = trim(s + 1);
	if (*s == '\0')
		return err_set(p->e, ERR_INVALID, "%s:%u: a section without a name", p->conf->name, p->line);
	struct section **at = &p->conf->sections;
	while (*at && strcmp((*at)->name, s) != 0)
		at = &(*at)->next;
	if (!*at) {
		struct section *section = arena_alloc(p->conf->arena, sizeof *section);
		char *name = arena_strdup(p->conf->arena, s);
		if (!section || !name)
			return no_memory(p->e);
		section->name = name;
		section->line = p->line;
		*at = section;
	}
	p->section = *at;
	return ERR_OK;
}

static enum err
parse_entry(struct parser *p, char *s)
{
	char *equals = strchr(s, '=');
	if (!equals || equals == s)
		return err_set(p->e, ERR_INVALID, "%s:%u: neither [section] nor key = value", p->conf->name, p->line);
	if (!p->section)
		return err_set(p->e, ERR_INVALID, "%s:%u: a key before the first [section]", p->conf->name, p->line);
	*equals = '\0';
	char *key = trim(s);
	strip_comment(equals + 1);
	char *value = trim(equals + 1);

	struct entry **at = &p->section->entries;
	for (; *at; at = &(*at)->next) {
		if (strcmp((*at)->key, key) == 0)
			return err_set(p->e, ERR_INVALID, "%s:%u: %.64s is given twice, first in line %u", p->conf->name, p->line,
				key, (*at)->line);
	}
	struct entry *entry = arena_alloc(p->conf->arena, sizeof *entry);
	char *key_copy = arena_strdup(p->conf->arena, key);
	char *value_copy = arena_strdup(p->conf->arena, value);
	if (!entry || !key_copy || !value_copy)
		return no_memory(p->e);
	*entry = (struct entry){ NULL, key_copy, value_copy, p->line };
	*at = entry;
	return ERR_OK;
}

static enum err
parse_line(struct parser *p, char *line)
{
	if (!text_is_utf8(line, strlen(line)))
		return err_set(p->e, ERR_INVALID, "%s:%u: not UTF-8", p->conf->name, p->line);
	char *s = trim(line);
	if (*s == '\0' || *s == ';' || *s == '#')
		return ERR_OK;
	if (*s == '[') {
		strip_comment(s);
		return parse_head(p, trim(s));
	}
	return parse_entry(p, s);
}

/* Takes text apart in place. */
static enum err
parse_text(struct parser *p, char *text)
{
	if (text_starts(text, "\xEF\xBB\xBF"))
		text += 3;
	while (text) {
		char *end = strchr(text, '\n');
		if (end)
			*end = '\0';
		p->line++;
		enum err err = parse_line(p, text);
		if (err != ERR_OK)
			return err;
		text = end ? end + 1 : NULL;
	}
	return ERR_OK;
}

/* Values and copies of them may be passwords: what is given back is wiped first. */
static void
wipe(struct buf *b)
{
	if (b->data)
		explicit_bzero(b->data, b->cap);
	buf_finish(b);
}

enum err
conf_parse(const char *text, const char *name, struct conf **conf_r, struct error *e)
{
	*conf_r = NULL;
	size_t n = strlen(text);
	if (n > CONF_MAX)
		return err_set(e, ERR_INVALID, "%s: larger than %d bytes", name, CONF_MAX);
	struct arena *arena = arena_new(0);
	AUTO(conf_unref) struct conf *c = arena ? arena_alloc(arena, sizeof *c) : NULL;
	if (!c) {
		if (arena)
			arena_free(&arena);
		return no_memory(e);
	}
	c->arena = arena;
	atomic_init(&c->refs, 1);
	c->name = arena_strdup(arena, name);
	AUTO(wipe) struct buf copy;
	buf_init(&copy, 0);
	buf_reserve(&copy, n); /* at once, so that no moved copy stays behind */
	buf_add(&copy, text, n);
	if (!c->name || !buf_str(&copy))
		return no_memory(e);

	struct parser p = { .conf = c, .e = e };
	enum err err = parse_text(&p, (char *)copy.data);
	if (err == ERR_OK)
		*conf_r = TAKE(c);
	return err;
}

static void
close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

enum err
conf_load(const char *path, struct conf **conf_r, struct error *e)
{
	*conf_r = NULL;
	AUTO(wipe) struct buf text;
	buf_init(&text, CONF_MAX + 1);
	AUTO(close_fd) int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return err_set(e, ERR_NOTFOUND, "%s: %s", path, strerrordesc_np(errno));
	unsigned char *to = buf_reserve(&text, CONF_MAX + 1);
	if (!to)
		return no_memory(e);
	while (text.len < CONF_MAX + 1) {
		ssize_t n = read(fd, to + text.len, CONF_MAX + 1 - text.len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_set(e, ERR_NOTFOUND, "%s: %s", path, strerrordesc_np(errno));
		if (n == 0)
			break;
		text.len += (size_t)n;
	}
	if (memchr(text.data, '\0', text.len))
		return err_set(e, ERR_INVALID, "%s: not a text file", path);
	return conf_parse(buf_str(&text), path, conf_r, e);
}

struct conf *
conf_ref(struct conf *c)
{
	atomic_fetch_add(&c->refs, 1);
	return c;
}

void
conf_unref(struct conf **c)
{
	struct conf *conf = TAKE(*c);
	if (!conf || atomic_fetch_sub(&conf->refs, 1) != 1)
		return;
	for (struct section *s = conf->sections; s; s = s->next) {
		for (struct entry *n = s->entries; n; n = n->next)
			explicit_bzero(n->value, strlen(n->value));
	}
	/* The conf lies in its arena. */
	struct arena *arena = conf->arena;
	arena_free(&arena);
}

bool
conf_has_section(const struct conf *c, const char *section)
{
	return section_find(c, section) != NULL;
}

const char *
conf_section(const struct conf *c, const char *prefix, size_t i)
{
	for (const struct section *s = c->sections; s; s = s->next) {
		if (text_starts(s->name, prefix) && i-- == 0)
			return s->name;
	}
	return NULL;
}

const char *
conf_get(const struct conf *c, const char *section, const char *key)
{
	const struct entry *n = entry_find(section_find(c, section), key);
	return n ? n->value : NULL;
}

unsigned
conf_line(const struct conf *c, const char *section, const char *key)
{
	const struct section *s = section_find(c, section);
	if (!key)
		return s ? s->line : 0;
	const struct entry *n = entry_find(s, key);
	return n ? n->line : 0;
}

const char *
conf_name(const struct conf *c)
{
	return c->name;
}

/* ---- binding ---- */

/* A decimal number with an optional unit; false if it is none or too large. */
static bool
parse_number(const char *s, const char *units, const uint64_t *factors, uint64_t *v_r)
{
	char digits[24];
	size_t n = strspn(s, "0123456789");
	if (n >= sizeof digits)
		return false;
	memcpy(digits, s, n);
	digits[n] = '\0';
	if (!text_to_u64(digits, v_r))
		return false;
	if (s[n] == '\0')
		return true;
	const char *unit = strchr(units, s[n]);
	return unit && s[n + 1] == '\0' && !__builtin_mul_overflow(*v_r, factors[unit - units], v_r);
}

static bool
parse_scaled(enum conf_type type, const char *s, uint64_t *v_r)
{
	static const uint64_t seconds[] = { 1, 60, 3600, 86400 };
	static const uint64_t bytes[] = { 1 << 10, 1 << 20, 1 << 30, 1 << 10, 1 << 20, 1 << 30 };
	switch (type) {
	case CONF_SECONDS:
		return parse_number(s, "smhd", seconds, v_r);
	case CONF_SIZE:
		return parse_number(s, "kMGKmg", bytes, v_r);
	default:
		return text_to_u64(s, v_r);
	}
}

static bool
parse_bool(const char *s, bool *v_r)
{
	static const char *const words[] = { "no", "yes", "off", "on", "false", "true", "0", "1" };
	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		if (text_casecmp(s, words[i]) == 0) {
			*v_r = i % 2 == 1;
			return true;
		}
	}
	return false;
}

bool
conf_get_bool(const struct conf *c, const char *section, const char *key, bool fallback)
{
	const char *value = conf_get(c, section, key);
	bool v;

	return value && parse_bool(value, &v) ? v : fallback;
}

static int
parse_choice(const char *choices, const char *s)
{
	size_t n = strlen(s);
	for (int i = 0; *choices; i++) {
		size_t len = strcspn(choices, " ");
		if (len == n && memcmp(choices, s, n) == 0)
			return i;
		choices += len;
		choices += strspn(choices, " ");
	}
	return -1;
}

/* Stores the value; or says in why (which has room for n) what it ought to be and returns false. */
static bool
bind_value(const struct conf_row *row, const char *value, void *field, char *why, size_t n)
{
	uint64_t v;
	int choice;
	switch (row->type) {
	case CONF_STRING:
	case CONF_SECRET:
		memcpy(field, &value, sizeof value);
		return true;
	case CONF_BOOL:
		snprintf(why, n, "yes or no");
		return parse_bool(value, field);
	case CONF_CHOICE:
		snprintf(why, n, "one of: %s", row->choices);
		choice = parse_choice(row->choices, value);
		memcpy(field, &choice, sizeof choice);
		return choice >= 0;
	case CONF_UINT:
	case CONF_SECONDS:
	case CONF_SIZE:
		snprintf(why, n, "%s",
			row->type == CONF_UINT             ? "a number"
				: row->type == CONF_SECONDS ? "a time like 90s, 15m, 12h or 2d"
							    : "a size like 500, 64k, 20M or 1G");
		if (!parse_scaled(row->type, value, &v))
			return false;
		if (v < row->min || (row->max && v > row->max)) {
			if (row->max)
				snprintf(why, n, "within %llu and %llu", (unsigned long long)row->min,
					(unsigned long long)row->max);
			else
				snprintf(why, n, "at least %llu", (unsigned long long)row->min);
			return false;
		}
		memcpy(field, &v, sizeof v);
		return true;
	}
	return false;
}

/* What a field holds where neither the file nor the table says anything. */
static void
bind_nothing(const struct conf_row *row, void *field)
{
	static const size_t sizes[] = {
		[CONF_STRING] = sizeof(char *),
		[CONF_SECRET] = sizeof(char *),
		[CONF_UINT] = sizeof(uint64_t),
		[CONF_SECONDS] = sizeof(uint64_t),
		[CONF_SIZE] = sizeof(uint64_t),
		[CONF_BOOL] = sizeof(bool),
		[CONF_CHOICE] = sizeof(int),
	};
	memset(field, row->type == CONF_CHOICE ? 0xFF : 0, sizes[row->type]);
}

static enum err
bind_row(const struct conf *c, const struct section *s, const struct conf_row *row, void *field, struct error *e)
{
	const struct entry *entry = entry_find(s, row->key);
	const char *value = entry ? entry->value : row->fallback;
	char why[160];
	if (!value) {
		bind_nothing(row, field);
		return ERR_OK;
	}
	if (bind_value(row, value, field, why, sizeof why))
		return ERR_OK;
	if (!entry)
		return err_set(e, ERR_INTERNAL, "default of %s: must be %s", row->key, why);
	/* The value is not shown: it may be a password in the wrong line. */
	return err_set(e, ERR_INVALID, "%s:%u: %s must be %s", c->name, entry->line, row->key, why);
}

enum err
conf_bind(struct conf *c, const char *section, const struct conf_row *rows, size_t n, void *out, struct error *e)
{
	struct section *s = section_find(c, section);
	if (s)
		s->bound = true;
	for (const struct entry *entry = s ? s->entries : NULL; entry; entry = entry->next) {
		size_t i = 0;
		while (i < n && strcmp(rows[i].key, entry->key) != 0)
			i++;
		if (i == n)
			return err_set(e, ERR_INVALID, "%s:%u: [%.64s] knows no key %.64s", c->name, entry->line, section,
				entry->key);
	}
	for (size_t i = 0; i < n; i++) {
		enum err err = bind_row(c, s, &rows[i], (char *)out + rows[i].offset, e);
		if (err != ERR_OK)
			return err;
	}
	return ERR_OK;
}

enum err
conf_check_unbound(const struct conf *c, struct error *e)
{
	for (const struct section *s = c->sections; s; s = s->next) {
		if (!s->bound)
			return err_set(e, ERR_INVALID, "%s:%u: no part of the program uses the section [%.64s]", c->name, s->line,
				s->name);
	}
	return ERR_OK;
}
