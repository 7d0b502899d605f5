/* backend/imap/response.h - one response of an IMAP server, read into a struct (RFC 9051 section 7, and RFC 3501,
 * 5161, 5464's kin where they add: 4731 ESEARCH, 7162 CONDSTORE and QRESYNC, 6154 SPECIAL-USE, 2342 NAMESPACE, 4314
 * MYRIGHTS).
 *
 * Ownership: text lives in the arena; sets and the blob belong to the response until imap_response_finish().
 * Errors:    what the lexer has (err and why); the connection is of no use then. What is not understood is skipped.
 */
#ifndef BACKEND_IMAP_RESPONSE_H
#define BACKEND_IMAP_RESPONSE_H

#include <stdbool.h>
#include <stdint.h>

#include "backend/imap/lexer.h"
#include "backend/imap/uidset.h"

enum imap_kind {
	RESP_NONE,      /* nothing that we look at */
	RESP_CONTINUE,  /* "+ ..." */
	RESP_TAGGED,    /* the end of a command: tag, status, code, text */
	RESP_STATE,     /* untagged OK, NO, BAD, BYE, PREAUTH */
	RESP_CAPABILITY,/* text: the words */
	RESP_ENABLED,   /* text: the words */
	RESP_LIST,      /* LIST, LSUB, XLIST: name, delimiter, attributes */
	RESP_STATUS,    /* name, status */
	RESP_SEARCH,    /* SEARCH, ESEARCH: set, count */
	RESP_FETCH,     /* number, fetch */
	RESP_EXISTS,    /* number */
	RESP_EXPUNGE,   /* number */
	RESP_VANISHED,  /* set, earlier */
	RESP_FLAGS,     /* flags of the mailbox; nobody asks */
	RESP_NAMESPACE, /* space */
	RESP_RIGHTS,    /* MYRIGHTS: name, text */
};

enum imap_status { STATUS_NONE, STATUS_OK, STATUS_NO, STATUS_BAD, STATUS_BYE, STATUS_PREAUTH };

/* Attributes of LIST. */
enum imap_attr {
	ATTR_NOSELECT = 1,
	ATTR_NONEXISTENT = 2,
	ATTR_DRAFTS = 4,
	ATTR_SENT = 8,
	ATTR_TRASH = 16,
	ATTR_JUNK = 32,
	ATTR_ARCHIVE = 64,
	ATTR_INBOX = 128, /* XLIST names the Inbox so */
	ATTR_SUBSCRIBED = 256,
};
#define ATTR_ROLES (ATTR_DRAFTS | ATTR_SENT | ATTR_TRASH | ATTR_JUNK | ATTR_ARCHIVE | ATTR_INBOX)

/* Beyond enum backend_flag, in the same word. */
#define IMAP_FLAG_DELETED 0x10000U

struct imap_fetch {
	uint32_t uid;       /* 0: not said */
	bool has_flags, has_size, has_modseq, has_date;
	bool has_body, nil_body;
	unsigned flags;     /* enum backend_flag and IMAP_FLAG_DELETED */
	const char **keywords; /* as the server writes them; NULL-terminated; NULL: none */
	size_t n_keywords;
	uint64_t size, modseq;
	int64_t date;       /* INTERNALDATE */
	struct imap_blob body;
};

/* RFC 3501 STATUS; what is missing is not set in `has`. */
struct imap_counts {
	uint64_t messages, uidnext, uidvalidity, unseen, modseq;
	unsigned has; /* bits: 1 messages, 2 uidnext, 4 uidvalidity, 8 unseen, 16 modseq */
};

struct imap_space {
	const char *prefix;
	char delimiter;
	bool shared; /* of others, or shared */
	struct imap_space *next;
};

struct imap_response {
	enum imap_kind kind;
	uint32_t tag;             /* TAGGED: the number in ours */
	enum imap_status status;  /* TAGGED, STATE */
	char code[512];           /* "UIDVALIDITY 17", without brackets; "" where there is none */
	char text[256];           /* the human part, cut */
	const char *words;        /* CAPABILITY, ENABLED, RIGHTS */
	uint32_t number;
	const char *name;         /* LIST, STATUS, RIGHTS: as the server writes it */
	size_t name_len;
	char delimiter;           /* LIST; 0: none */
	unsigned attrs;           /* enum imap_attr */
	struct imap_counts counts;
	struct imap_fetch fetch;
	struct imap_uidset set;
	uint64_t count;           /* ESEARCH COUNT */
	bool has_count;
	bool earlier;             /* VANISHED (EARLIER) */
	struct imap_space *spaces;
};

/* Reads one response. Blobs above body_max are an error LIMIT. */
enum err imap_response_read(struct imap_lex *l, struct arena *a, uint64_t body_max, struct imap_response *r) NODISCARD;
void imap_response_finish(struct imap_response *r);

/* Splits "A7 NO [UNAVAILABLE] text": fills status, code and text from what follows the tag. */
void imap_response_state(const char *line, struct imap_response *r);
/* Does the code begin with this word? */
bool imap_code_is(const char *code, const char *word);
/* The last word behind the code's name, within code; "" where there is none. */
const char *imap_code_last(const char *code);
/* INTERNALDATE ("17-Jul-1996 02:44:25 -0700"); BACKEND_NO_DATE where malformed. */
int64_t imap_date_parse(const char *text);

#endif
