/* eas/vcard.h - a vCard 2.1, 3.0 or 4.0 as a list of properties, each of which remembers its bytes. Private to eas/.
 *
 * What is not touched is written back byte for byte: folding, order, odd parameters, lines that are no properties.
 * Ownership: everything lives in the arena given to vcard_parse() or vcard_new(); a parsed card borrows its input.
 * Limits:    VCARD_BYTES_MAX, VCARD_PROPS_MAX, VCARD_PARAMS_MAX, VCARD_HEAD_MAX; beyond them ERR_LIMIT. Values are decoded only when asked
 *            for, so a large photo that nobody looks at costs nothing.
 * Spec:      vCard 2.1 (versit), RFC 2426, RFC 6350, RFC 6868.
 */
#ifndef EAS_VCARD_H
#define EAS_VCARD_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"

#define VCARD_BYTES_MAX (16u << 20)
#define VCARD_PROPS_MAX 4000
#define VCARD_PARAMS_MAX 64   /* of one property */
#define VCARD_LABELS_MAX 100
#define VCARD_HEAD_MAX 65536u /* bytes of a property before its value */

enum vcard_encoding { VCARD_PLAIN, VCARD_QP, VCARD_BASE64 };

struct vcard_param {
	const char *name;  /* in capitals; TYPE for the bare words of 2.1 that are neither encoding nor place of the value */
	const char *value; /* without quotes */
	const char *raw;   /* as it was written */
};

struct vcard_prop {
	struct vcard_prop *next;
	const char *group; /* "" where there is none */
	const char *name;  /* in capitals; "" for a line that is no property, such as an empty one or a card inside a card */
	struct vcard_param *params;
	size_t n_params;
	enum vcard_encoding encoding;
	struct slice raw;    /* with the line end; ptr is NULL once it was changed */
	struct slice folded; /* the value inside raw */
	const char *value;   /* of a changed one, still escaped, UTF-8, with real line ends where it has any */
	unsigned mark;       /* the caller's own */
};

/* What Apple calls the properties of a group. */
struct vcard_label {
	const char *group, *text;
	struct vcard_label *next;
};

struct vcard {
	struct arena *arena;
	unsigned version;  /* 21, 30, 40; 30 where it says nothing or something else */
	const char *eol;
	struct slice head; /* all before the first property, with BEGIN */
	struct slice tail; /* END and all behind it; empty where the end is missing */
	struct vcard_prop *first;
	size_t n;
	struct vcard_label *labels; /* of vcard_label(), once `labelled` */
	bool labelled;
	bool changed;      /* written differently from how it was read */
	bool failed;       /* memory ran out while it was changed; vcard_write() tells */
};

/* The first VCARD in the bytes. INVALID: there is none; LIMIT; NOMEM. */
enum err vcard_parse(struct arena *a, struct slice in, struct vcard **v_r, struct error *e) NODISCARD;
/* An empty card of version 30. NULL where memory is short. */
struct vcard *vcard_new(struct arena *a) NODISCARD;
/* ERR_NOMEM if the buf or an earlier change failed. */
enum err vcard_write(struct vcard *v, struct buf *out) NODISCARD;

/* The first property of that name (capitals), or the next one behind p. */
struct vcard_prop *vcard_find(const struct vcard *v, const char *name);
struct vcard_prop *vcard_next(const struct vcard_prop *p, const char *name);

/* True if one of its TYPE values is this word, whatever the case. */
bool vcard_has_type(const struct vcard_prop *p, const char *type);
/* Value of the first parameter of that name (capitals); NULL if there is none. */
const char *vcard_param(const struct vcard_prop *p, const char *name);
/* What X-ABLabel calls a grouped property, without Apple's _$!< >!$_; "" where it has none, or one behind the first VCARD_LABELS_MAX. */
const char *vcard_label(struct vcard *v, const struct vcard_prop *p);

/* The value as one piece of text, unfolded, decoded, still escaped. Never NULL: "" where memory is short (and v->failed is set). */
const char *vcard_value(struct vcard *v, const struct vcard_prop *p);
/* The same, without escapes. Line ends are LF. */
const char *vcard_text(struct vcard *v, const struct vcard_prop *p);
/* Length of a raw value up to the next separator that no backslash hides. */
size_t vcard_span(const char *s, char separator);
/* The i-th part between unescaped semicolons; "" where there is none. */
const char *vcard_component(struct vcard *v, const struct vcard_prop *p, unsigned i);
/* The parts between unescaped commas, NULL-terminated, empty ones left out, at most max. */
const char **vcard_list(struct vcard *v, const struct vcard_prop *p, size_t max);
/* Bytes of a base64 value or of a data: URI; false if it is neither or malformed. */
bool vcard_bytes(struct vcard *v, const struct vcard_prop *p, struct slice *bytes_r);

/* Escapes text as one value of the card's version. keep: characters that stay as they are (",": a list, ";": structure). */
const char *vcard_escape(struct vcard *v, const char *text, const char *keep);
/* Replaces the value, which is escaped already. Encodings and character sets are dropped from the parameters. */
void vcard_set(struct vcard *v, struct vcard_prop *p, const char *escaped);
void vcard_set_component(struct vcard *v, struct vcard_prop *p, unsigned i, const char *text);
/* Replaces the value by bytes, inline as the version has it. type: "JPEG", "PNG" ... */
void vcard_set_bytes(struct vcard *v, struct vcard_prop *p, struct slice bytes, const char *type);
/* name "": a bare word, as 2.1 writes types. False where memory is short. */
bool vcard_add_param(struct vcard *v, struct vcard_prop *p, const char *name, const char *value);
/* Drops all parameters of that name (capitals). */
void vcard_drop_param(struct vcard *v, struct vcard_prop *p, const char *name);
/* A new property behind the last one of its name, else at the end. types: words separated by spaces, may be "". NULL where memory is
 * short. */
struct vcard_prop *vcard_add(struct vcard *v, const char *name, const char *types, const char *escaped);
/* Removes it, and X-AB... properties of its group that are left alone by that. */
void vcard_remove(struct vcard *v, struct vcard_prop *p);

#endif
