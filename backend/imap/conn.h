/* backend/imap/conn.h - one logged-in IMAP connection: libcurl makes it, our own commands go over it.
 *
 * Deadlines: every wait ends with UNAVAILABLE after `answer` seconds without progress.
 * Errors:    after any error of these functions (other than a command's NO or BAD, which is a result) the connection
 *            is `dead` and must be closed; imap_session_conn() does so and makes a new one.
 */
#ifndef BACKEND_IMAP_CONN_H
#define BACKEND_IMAP_CONN_H

#include <curl/curl.h>

#include "backend/imap/module.h"

enum imap_cap {
	CAP_IDLE = 1 << 0,
	CAP_UIDPLUS = 1 << 1,
	CAP_MOVE = 1 << 2,
	CAP_CONDSTORE = 1 << 3,
	CAP_QRESYNC = 1 << 4,
	CAP_ENABLE = 1 << 5,
	CAP_ESEARCH = 1 << 6,
	CAP_LITERAL_PLUS = 1 << 7,
	CAP_LITERAL_MINUS = 1 << 8,
	CAP_NAMESPACE = 1 << 9,
	CAP_SPECIAL_USE = 1 << 10,
	CAP_LIST_EXTENDED = 1 << 11,
	CAP_XLIST = 1 << 12,
	CAP_ID = 1 << 13,
	CAP_ACL = 1 << 14,
	CAP_UNSELECT = 1 << 15,
	CAP_UTF8_ONLY = 1 << 16,
	CAP_NOTIFY = 1 << 17,
	CAP_CREATE_SPECIAL = 1 << 18,
};

/* The selected mailbox. */
struct imap_box {
	char *name;          /* its key, owned; NULL: none selected */
	bool examined;       /* by EXAMINE: to look on only */
	bool writable;       /* not examined, and not [READ-ONLY] */
	bool keywords;       /* PERMANENTFLAGS has \* */
	char *permanent;     /* the flags of PERMANENTFLAGS, owned; NULL: not said, all */
	uint64_t validity, uidnext, modseq; /* 0: not said. modseq 0: no CONDSTORE here */
	bool guessed;        /* uidnext is by the last mail that is there: it may go back */
	uint32_t exists;
	int64_t opened;      /* imap_now() at the SELECT */
	bool doubted;        /* to be selected anew before a call about its mails: by now its name may stand for another mailbox */
	bool news;           /* something was told since the SELECT that its numbers do not have */
	unsigned expunges;   /* counts EXPUNGE and VANISHED: sequence numbers of before are void */
	uint32_t part_uid, part_seq; /* see changes.c */
	unsigned part_expunges;
};

struct imap_conn {
	const struct backend *b;
	CURL *curl;
	curl_socket_t fd;
	struct imap_lex lex;
	struct arena *scratch; /* one response at a time */
	uint32_t tag;          /* the last one used */
	unsigned caps;         /* enum imap_cap */
	bool condstore, qresync, utf8; /* enabled */
	bool dead;
	bool idling;           /* "+ idling" was seen, DONE is owed */
	bool changed;          /* the selected mailbox: something was told since this was last cleared */
	int64_t deadline, last_used, last_heard; /* milliseconds, monotonic */
	int64_t end;           /* of the command, however much progress is made */
	struct imap_box box;
	char why[160];         /* of BYE */
};

/* Milliseconds, monotonic. */
int64_t imap_now(void);

/* Connects and logs in; capabilities are known and extensions enabled afterwards. AUTH, UNAVAILABLE, PEER, NOMEM. */
enum err imap_conn_open(const struct backend *b, const char *login, const char *password, struct imap_conn **c_r,
	struct error *e) NODISCARD;
/* Says LOGOUT without waiting for an answer. Stores NULL. */
void imap_conn_close(struct imap_conn **c);
/* False if the connection is known or found to be dead; costs a NOOP after a minute of silence. */
bool imap_conn_alive(struct imap_conn *c);

/* Sends all of it. */
enum err imap_conn_send(struct imap_conn *c, const void *p, size_t n, struct error *e) NODISCARD;
/* True while a response (or its beginning) can be read without waiting; what is there is read from the socket. */
bool imap_conn_readable(struct imap_conn *c);
/* Reads one response; what it says of the connection and the selected mailbox is noted. Valid until the next call;
 * the caller calls imap_response_finish(). body_max bounds BODY[]. */
enum err imap_conn_response(struct imap_conn *c, uint64_t body_max, struct imap_response *r, struct error *e) NODISCARD;
/* It is going to wait: gives back the memory that only reading needs, and with it the last response. */
void imap_conn_rest(struct imap_conn *c);
/* A new wait begins now. */
void imap_conn_deadline(struct imap_conn *c);
/* UNAVAILABLE and the like with the server's name; marks the connection as dead. */
enum err imap_conn_fail(struct imap_conn *c, enum err code, const char *what, struct error *e);

/* From the words of a CAPABILITY response. */
unsigned imap_caps_parse(const char *words);
/* What a refused login means: "A003 NO [UNAVAILABLE] ..." is UNAVAILABLE, not AUTH. line may be NULL: no answer was
 * seen. */
enum err imap_login_judge(const char *line);
/* For CURLOPT_LOGIN_OPTIONS: what a password will do for. Left to itself, libcurl takes GSSAPI where that is offered, for which no
 * phone brings a ticket, and does not go on to another when it fails. */
#define IMAP_PASSWORD_MECHANISMS \
	"AUTH=SCRAM-SHA-256;AUTH=SCRAM-SHA-1;AUTH=DIGEST-MD5;AUTH=CRAM-MD5;AUTH=NTLM;AUTH=PLAIN;AUTH=LOGIN"
/* Sets curl up for this server and runs the login; `refused` receives the server's last line (login.c). */
enum err imap_login(struct imap_conn *c, const char *login, const char *password, struct error *e) NODISCARD;
/* How long connecting may take: libcurl's own limit counts the login too, which may take as long as any answer. */
struct imap_dial {
	CURL *curl;
	int64_t until;
};
/* It is too late, and not connected yet. */
bool imap_dial_late(const struct imap_dial *dial);
/* Options that both the IMAP and the SMTP side have: TLS, time-outs, no proxy, no signals. dial lives as long as the
 * transfer. */
bool imap_curl_common(CURL *curl, const struct backend *b, int tls, struct imap_dial *dial);

#endif
