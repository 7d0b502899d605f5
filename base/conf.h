/* base/conf.h - the configuration file: INI sections, bound to structs by tables of rows.
 *
 * Each part of the program has one table of `struct conf_row` for its section and binds it once into a struct of its own.
 * A key that no row names, a value out of range, and a section that nobody bound are errors that name file and line.
 * Ownership: a conf is reference-counted and immutable once loaded and bound; bound strings are borrowed from it, so whoever
 *            keeps a bound struct keeps a reference. SIGHUP loads a new one beside it.
 * Syntax:    [section], key = value, both trimmed, UTF-8; lines beginning with ; or # are comments, and so is what follows
 *            white space and a semicolon. A section may be opened again further down.
 * Threads:   binding is for one thread; references may be taken and given back from any.
 */
#ifndef BASE_CONF_H
#define BASE_CONF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct conf;

enum conf_type {
	CONF_STRING,  /* const char *; NULL where neither value nor default is there */
	CONF_SECRET,  /* const char *; like STRING, never printed */
	CONF_UINT,    /* uint64_t, decimal, within min..max */
	CONF_SECONDS, /* uint64_t; "90", "90s", "15m", "12h", "2d" */
	CONF_SIZE,    /* uint64_t bytes; "500", "64k", "20M", "1G" */
	CONF_BOOL,    /* bool; yes no on off true false 1 0 */
	CONF_CHOICE,  /* int: the index of the value among `choices`, words separated by spaces; -1: neither value nor default */
};

struct conf_row {
	const char *key;
	enum conf_type type;
	size_t offset;        /* of the field in the struct that is bound */
	const char *fallback; /* the default, as it would be written in the file; NULL: none */
	uint64_t min, max;    /* UINT, SECONDS, SIZE; max 0: no bound */
	const char *choices;  /* CHOICE */
	const char *doc;      /* one line for --dump-config and doc/ */
};

/* Reads the file. ERR_NOTFOUND, ERR_INVALID (syntax, a key given twice) with "FILE:LINE: ..." in e, ERR_NOMEM. */
enum err conf_load(const char *path, struct conf **conf_r, struct error *e) NODISCARD;
/* The same from memory; name is what errors call it. */
enum err conf_parse(const char *text, const char *name, struct conf **conf_r, struct error *e) NODISCARD;
struct conf *conf_ref(struct conf *c);
void conf_unref(struct conf **c);

/* Fills `out` from the section (which may be missing: then from the defaults). ERR_INVALID names file and line. */
enum err conf_bind(struct conf *c, const char *section, const struct conf_row *rows, size_t n, void *out, struct error *e)
	NODISCARD;
bool conf_has_section(const struct conf *c, const char *section);
/* ERR_INVALID for the first section that was never bound: a misspelt or unused one. */
enum err conf_check_unbound(const struct conf *c, struct error *e) NODISCARD;
/* Sections whose name begins with prefix, in file order: the i-th, or NULL ("user alice" for prefix "user "). */
const char *conf_section(const struct conf *c, const char *prefix, size_t i);
/* The raw value, NULL where absent. Does not mark the section as bound. */
const char *conf_get(const struct conf *c, const char *section, const char *key);
/* The same of a BOOL: the fallback where it is absent, or none. */
bool conf_get_bool(const struct conf *c, const char *section, const char *key, bool fallback);
/* Line of the key (or of the section's head where key is NULL), 0 where absent; for errors found after binding. */
unsigned conf_line(const struct conf *c, const char *section, const char *key);
const char *conf_name(const struct conf *c);

#endif
