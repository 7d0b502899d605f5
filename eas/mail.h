/* eas/mail.h - what the files of the mail mapping share with each other and with the commands that send. Private to
 * eas/. */
#ifndef EAS_MAIL_H
#define EAS_MAIL_H

#include "eas/item.h"
#include "eas/mime.h"

#define MAIL_CONVERSATION 16
#define MAIL_INDEX_MAX (5 + 5 * 100)

/* The same for all mails of a thread: from the first id of References, else In-Reply-To, else the mail's own id, else
 * its subject. */
enum err mail_conversation(struct arena *a, struct slice header, unsigned char id_r[MAIL_CONVERSATION]) NODISCARD;
/* 5 bytes of time, then 5 per reply where Thread-Index says so. Returns the length. */
size_t mail_conversation_index(struct arena *a, struct slice header, int64_t date,
	unsigned char index_r[MAIL_INDEX_MAX]);
/* "2026-11-23T19:18:28.000Z" */
#define MAIL_DATE_MAX 32
void mail_date(int64_t t, char buf[MAIL_DATE_MAX]);

/* What kind of message this is [MS-ASEMAIL 2.2.2.49]. */
struct mail_kind {
	const char *message_class;
	const char *content_class;
	bool meeting;           /* has a MeetingRequest */
};
enum err mail_kind(struct arena *a, const struct mime *m, struct mail_kind *k_r) NODISCARD;
/* MeetingRequest [MS-ASEMAIL 2.2.2.48] from the text/calendar part; nothing where it cannot be read. */
enum err mail_write_meeting(const struct item_view *v, struct arena *a, const struct mime *m,
	struct wbxml_writer *w) NODISCARD;

enum err mail_merge(const struct item_view *v, struct arena *a, const struct item_edit *edit, struct item_merged *m_r,
	struct error *e) NODISCARD;
/* Is the keyword one that a user sees as a category? */
bool mail_is_category(const char *keyword);

/* A draft as the phone wrote or changed it [MS-ASEMAIL 3.1.5.3, 16.x]: fills bytes, added and the conversation of
 * m_r. */
enum err draft_merge(const struct item_view *v, struct arena *a, const struct item_edit *edit, struct item_merged *m_r,
	struct error *e) NODISCARD;
/* Of a draft as it is stored once the edit was done: added and the conversation. NOMEM; INVALID: it is no message. */
enum err draft_tell(struct arena *a, const struct wbxml_node *data, struct slice message,
	struct item_merged *m_r) NODISCARD;

/* A name for each attachment, in their order, that still means the same one after an edit: the last part of its
 * FileReference. NULL: memory. */
const char *const *draft_part_names(struct arena *a, const struct mime *m) NODISCARD;
/* The attachment with that name (a mere number is one too), but for those of `without` (one per attachment; NULL:
 * none); n_attachments: there is none. */
size_t draft_part_find(const struct mime *m, const char *const *names, const char *name, const bool *without);

/* Does the edit say something of a draft that other mails cannot have changed? */
bool mail_edits_draft(const struct wbxml_node *data);
/* Send: beside ApplicationData [MS-ASEMAIL 2.2.2.69]; some clients put it inside. */
bool mail_wants_sending(const struct wbxml_node *data);

#endif
