/* eas/send.h - the way of a mail out: who sends it to whom, that it goes once, the copy in Sent. Private to eas/.
 *
 * A mail is known by (device, command, source, hash of its MIME without boundaries), its ClientId being a second way
 * in, and its own Message-ID with its Date a third: there command and source may be others. The intent is committed
 * before the server is spoken to, `sending` before DATA, `done` behind its 250. A repeat of what is done is a success
 * and sends nothing, also where its source is gone; a repeat of what died on the way is sent again under the same
 * Message-ID and Date.
 */
#ifndef EAS_SEND_H
#define EAS_SEND_H

#include "eas/command.h"
#include "eas/mail_lookup.h"
#include "eas/mime.h"

/* Common statuses that concern mails [MS-ASCMD 2.2.2]. */
enum send_status {
	SEND_OK = 0,
	SEND_BAD_XML = 103,
	SEND_BAD_DATE = 104,
	SEND_BAD_MIME = 107,
	SEND_ERROR = 110,
	SEND_LATER = 111,
	SEND_QUOTA = 115,
	SEND_UNRESOLVED = 116,
	SEND_NO_RECIPIENT = 119,
	SEND_FAILED = 120,
	SEND_TOO_LARGE = 122,
	SEND_NO_SERIES = 146,
	SEND_NO_SOURCE = 150,
	SEND_BAD_ACCOUNT = 166,
	SEND_BAD_COMBINATION = 178,
	SEND_BAD_FORWARD = 179,
	SEND_BAD_DRAFT = 183,
};

struct send_mail {
	struct eas_request *r;
	const char *command;    /* "SendMail" ... */
	const char *client_id;  /* "" none */
	struct slice mime;      /* as the phone wrote it */
	bool save;              /* SaveInSentItems */
	bool draft;             /* a stored message: known by its Message-ID alone, and dated when it goes */
	const struct lookup *source; /* what is replied to or forwarded: ids alone where it is gone; NULL: none */
	const char *instance;   /* which one of a series that is the source: as the phone says it; "" or NULL: all */
	unsigned verb;          /* FLAG_ANSWERED, FLAG_FORWARDED: what its source becomes; 0 */
	/* Makes the message's content out of the phone's and the source's. Called only where the mail is really sent.
	 * NULL: it goes as it is. Sets *node_r (NULL: as it is); other than 0 ends with that status. BUSY through
	 * *err_r. */
	unsigned (*compose)(struct send_mail *s, const struct mime *phone, struct mime_node **node_r, enum err *err_r,
		struct error *e);
	void *ctx;
	const char *in_reply_to, *references; /* set by compose(), for a reply that does not say so itself */
	const char *subject;                  /* the same, for a mail that has none; NULL */
};

/* Sends it. OK: *status_r says what became of it (SEND_OK: it is out, or was before). BUSY: run the request again. */
enum err send_mail(struct send_mail *s, unsigned *status_r, struct error *e) NODISCARD;

/* A draft goes out (Send of 16.x): `bytes` as item_mail.merge() made them. The copy in Sent is made; the draft is the
 * caller's to remove, and a repeat after that is a success again. *status_r: 1, or the Status of the item (183: nobody
 * to send it to, or nobody that there is). UNAVAILABLE: later, BUSY: run the request again. */
enum err send_draft(struct eas_request *r, struct slice bytes, unsigned *status_r, struct error *e) NODISCARD;

/* ---- send_message.c: the parts of it that ask nobody ---- */

struct send_parties {
	struct backend_identity id;
	const char *from;       /* envelope sender */
	const char **to;        /* envelope recipients, each once */
	size_t n;
	bool keep_from;         /* the From field as the phone wrote it */
};
/* 0 or the status for what is wrong with them. */
unsigned send_parties(struct arena *a, struct slice header, const struct backend_identity *id,
	struct send_parties *p_r);
/* Hex of SHA-256; out has 65 bytes. */
void send_hash(const char *command, const char *source, const struct mime *m, char *out);
/* The message: for the server (bcc false) or for Sent. in_reply_to may be NULL. NOMEM through out. */
struct send_stamp {
	const char *message_id;
	int64_t date;
	bool redate;            /* also where the message has a Date */
	const char *in_reply_to;
	const char *references;
	const char *subject;    /* for a message that has none; NULL */
};
void send_write(struct arena *a, const struct mime *phone, const struct mime_node *node, const struct send_parties *p,
	const struct send_stamp *stamp, bool bcc, struct buf *out);

#endif
