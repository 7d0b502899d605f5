/* eas/item.h - what the sync engine and the mappings of the classes agree on. Private to eas/.
 *
 * A mapping translates between a native item (RFC 5322, iCalendar, vCard) and the children of ApplicationData, both ways, for every
 * protocol version. It asks no server and no store: bytes in, bytes or WBXML out. What EAS has no word for survives every edit.
 */
#ifndef EAS_ITEM_H
#define EAS_ITEM_H

#include <stdbool.h>
#include <stdint.h>

#include "backend/backend.h"
#include "base/arena.h"
#include "base/error.h"
#include "wbxml/wbxml.h"

struct mime;

#define ITEM_DATE_NEVER INT64_MAX /* never leaves a filter: tasks to be done, what cannot be read */
/* In a mirror's row: nobody has been given the item yet, so no device has it. Until somebody is, it lies inside every filter. */
#define ITEM_DATE_UNKNOWN (INT64_MAX - 1)

/* One BodyPreference [MS-ASAIRS 2.2.2.12] */
struct item_body_pref {
	unsigned type;        /* 1 plain, 2 HTML, 3 RTF, 4 MIME */
	uint32_t truncation;  /* bytes; UINT32_MAX: none asked for */
	bool all_or_none;
	unsigned preview;     /* characters; 0: none */
};

/* The Options of a collection or of a Fetch, parsed. */
struct item_options {
	unsigned filter;       /* FilterType 0..8 */
	unsigned conflict;     /* 0 client wins, 1 server wins (default) */
	unsigned mime_support; /* 0 never, 1 S/MIME only, 2 all */
	unsigned mime_truncation; /* MIMETruncation 0..8; 8: none (default) */
	unsigned n_prefs;
	struct item_body_pref prefs[4];
	unsigned n_part_prefs; /* BodyPartPreference */
	struct item_body_pref part_prefs[2];
	unsigned max_items;    /* RI cache; unused */
};

/* For whom an item is rendered or taken. */
struct item_view {
	unsigned version;      /* protocol, times ten */
	const struct item_options *options;
	uint64_t quirks;       /* bits of enum quirk (eas/quirk.h) */
	const char *address;   /* the user's own mail address; "" unknown */
	const char *name;      /* the user's own name; "" unknown */
	const struct log_ctx *log;
	struct item_parts *parts; /* ItemOperations as multipart: bodies go there; NULL: into Data */
	struct item_dating *dating; /* the date is not known yet: say it; NULL: it is */
};

/* What date() would say, from the one reading that rendering needs. */
struct item_dating {
	int64_t from;          /* an item with an earlier date is not rendered */
	int64_t date;          /* out, also where it cannot be rendered */
};

/* The parts of a multipart answer [MS-ASCMD 2.2.1.10.1.1]; the WBXML itself is number 0 and not in here. */
#define ITEM_PARTS_MAX 1000
struct item_parts {
	struct buf data;
	size_t n;
	size_t lengths[ITEM_PARTS_MAX];
};

enum item_render {
	RENDER_ADD,    /* all of it */
	RENDER_CHANGE, /* mail: what can change of it (read, flag, categories; last verb); other classes: all of it */
	RENDER_FETCH,  /* all of it, for Sync Fetch and ItemOperations */
};

/* Ghosting (sync.md): what an absent element means. */
struct item_supported {
	bool sent;             /* Supported came with key 0 */
	const unsigned *tags;  /* those named (enum wbxml_tag); n may be 0: all are ghosted */
	size_t n;
};

/* Does a phone that leaves the element out mean that it stays as it is (MS-ASCMD R873..R881)? s may be NULL. */
bool item_is_ghosted(const struct item_supported *s, unsigned tag);

/* An Add or Change of the phone. */
struct item_edit {
	const struct wbxml_node *data;    /* ApplicationData; NULL where an instance is deleted */
	const char *instance_id;          /* 16.x: as sent; NULL: the whole item */
	struct slice stored;              /* what is there now; empty for an Add */
	const struct backend_item *meta;  /* mail: flags and keywords of what is there now; NULL for an Add */
	const struct item_supported *supported;
	const char *uid;                  /* for an Add without a UID of its own: 32 hex digits, the same on each try */
};

struct item_merged {
	bool unchanged;        /* what is stored already says all that the edit wants */
	bool altered;          /* the result, translated back, differs from what was sent in a field that was sent: tell the phone */
	struct slice bytes;    /* the new item; mail: of an Add or Change of a draft only */
	unsigned set, clear;   /* mail: flags */
	const char **add_keywords, **remove_keywords; /* mail; NULL-terminated or NULL */
	bool send;             /* 16.x drafts: Send was there */
	const char *uid;       /* of the item, for Responses/Add in 16.x; NULL: none */
	struct item_added {    /* 16.x: attachments that the edit brought, for Responses: ClientId and the part that it became; the */
		const char *client_id; /* FileReference is "FOLDER:ITEM:" and the part */
		const char *part;
	} *added;
	size_t n_added;
	struct slice conversation_id, conversation_index; /* drafts, for Responses/Add in 16.x; empty: none */
};

/* A part of an item that a FileReference names: "FOLDER:ITEM:" and the part. */
struct item_part {
	const char *part;      /* in */
	uint64_t first, last;  /* in: the bytes that are wanted, both ends included; 0, UINT64_MAX: all */
	const char *type;      /* out: fit for a header */
	uint64_t total;        /* out: how many bytes it has; where all are wanted it may be 0 */
	/* in: called before the first byte goes out, when the rest is known; other than OK ends it with that. NULL: nobody wants to know. */
	enum err (*begin)(void *ctx, const struct item_part *p);
	void *ctx;
};

/* The Content-Type that somebody says a file has, if it is one of a single file; else application/octet-stream. NULL: memory. */
const char *item_content_type(struct arena *a, const char *said);

/* One class: Email, Calendar, Tasks, Contacts, Notes. */
struct item_class {
	enum backend_class class;
	const char *name;            /* Class element */
	const char *extension;       /* of derived names' content, informational: "ics", "vcf", "eml" */
	enum backend_want change_want; /* what a RENDER_CHANGE needs: mail WANT_META */

	/* The date that FilterType looks at, seconds UTC; ITEM_DATE_NEVER. NULL: the backend's date (mail), or never (contacts). */
	int64_t (*date)(struct arena *a, struct slice bytes);
	/* Writes the children of ApplicationData. server_id is "FOLDER:ITEM", for FileReferences. INVALID: it cannot be translated (the
	 * caller makes it a hole); UNSUPPORTED: it is none that phones have (a hole too, but nothing that an admin should hear of); LIMIT. The writer may be left in the middle: the caller goes back. */
	enum err (*render)(const struct item_view *v, struct arena *a, const struct backend_item *item, const char *server_id,
		enum item_render how, struct wbxml_writer *w, struct error *e);
	/* Applies the edit. INVALID: what was sent makes no item (Status 6). NOTFOUND: no such instance. */
	enum err (*merge)(const struct item_view *v, struct arena *a, const struct item_edit *edit, struct item_merged *m_r,
		struct error *e);
	/* The bytes of an attachment, appended to out (which may run full). NOTFOUND: none of that name, or it cannot be decoded. NULL: items of
	 * the class have none. */
	enum err (*attachment)(struct arena *a, struct slice bytes, struct item_part *p, struct buf *out);
};

extern const struct item_class item_mail, item_calendar, item_tasks, item_contacts;

/* By backend class; NULL if cpush has no mapping for it. */
const struct item_class *item_class(enum backend_class class);

/* Parses one Options (or, for ItemOperations, the same children), for a class. Missing elements get their defaults. false: a value is
 * out of range (Sync Status 4 / protocol error). */
bool item_options_parse(const struct wbxml_node *options, struct item_options *o_r);
/* Is each BodyPartPreference for HTML, the one form that there is of a part? false: Status 164 (MS-ASCON_R241). Up to 14.0 the element does
 * not exist, and says nothing. */
bool item_options_parts_ok(const struct wbxml_node *options, unsigned version);

/* ---- bodies (eas/body.c) ---- */

/* What there is to make a body of. Any may be NULL; text is UTF-8 with LF or CRLF. */
struct body_source {
	const char *plain;
	const char *html;
	const struct mime *message; /* for type 4; where plain and html are NULL its texts are looked for once one is needed */
	unsigned native;            /* NativeBodyType: 1 plain, 2 HTML */
};

/* Chooses by the view's preferences [MS-ASAIRS 3.1.4.1...], converts (HTML to text by libxml2; text to HTML by escaping), cuts at a
 * character, and writes AirSyncBase:Body (12.0 and later), with Type, EstimatedDataSize, Truncated, Data, Preview in the order
 * of the schema, and NativeBodyType behind it where the class has it. Without preferences: plain. */
enum err body_write(const struct item_view *v, struct arena *a, const struct body_source *source, struct wbxml_writer *w);
/* The text of a Body that a phone sent (AirSyncBase:Body of `data`), as plain text; *present_r: there was one; html_r (may be NULL) gets
 * the HTML where it was sent so. LF line ends. NULL: memory. */
const char *body_read(struct arena *a, const struct wbxml_node *data, bool *present_r, const char **html_r);
/* Does the Body that a phone sent say what is to stand there? Not if there is none, or one that leaves it as it is (without Data: MS-ASCMD
 * R878; truncated). `modern`: an empty Body removes, as it does from 16.0. */
bool body_is_sent(const struct wbxml_node *data, bool modern);
/* Does the plain text that was sent say the same as what stands there? Line ends do not matter, nor what a phone got cut and sends back so. */
bool body_same(const struct item_view *v, const char *now, const char *sent);
/* HTML to plain text, bounded; NULL where memory is short. */
char *body_html_to_text(struct arena *a, const char *html, size_t n);

#endif
