/* eas/command.h - one row per command; each command is a file of its name. Private to eas/. */
#ifndef EAS_COMMAND_H
#define EAS_COMMAND_H

#include "eas/eas.h"
#include "eas/item.h"
#include "wbxml/wbxml.h"

/* Runs the command: reads the tree (NULL where the request has no body), writes its whole answer into r->reply. */
typedef enum eas_outcome (*command_fn)(struct eas_request *r, const struct wbxml_node *root);

enum command_flag {
	COMMAND_TURN = 1,       /* one at a time per device */
	COMMAND_EMPTY_OK = 2,   /* the body may be empty */
	COMMAND_NO_POLICY = 4,  /* served without a policy key */
	COMMAND_MIME = 8,       /* up to 12.1 the body is message/rfc822, root is NULL */
};

struct command {
	enum eas_command code;
	const char *name;
	unsigned root, status;  /* tags of the root of request and answer, and of its Status; WBXML_UNKNOWN: no WBXML */
	unsigned first, last;   /* versions times ten; last 0: still there */
	unsigned flags;
	command_fn run;         /* NULL: cpush does not offer it */
};

/* By its code, or by its name in any case. NULL: no command that is known; OPTIONS is none, but a method of HTTP. */
const struct command *command_find(enum eas_command code);
const struct command *command_named(const char *name);

enum eas_outcome cmd_options(struct eas_request *r, const struct wbxml_node *root);
enum eas_outcome cmd_provision(struct eas_request *r, const struct wbxml_node *root);
enum eas_outcome cmd_foldersync(struct eas_request *r, const struct wbxml_node *root);
enum eas_outcome cmd_foldercreate(struct eas_request *r, const struct wbxml_node *root);
enum eas_outcome cmd_folderupdate(struct eas_request *r, const struct wbxml_node *root);
enum eas_outcome cmd_folderdelete(struct eas_request *r, const struct wbxml_node *root);
enum eas_outcome cmd_sync(struct eas_request *r, const struct wbxml_node *root);
enum eas_outcome cmd_getitemestimate(struct eas_request *r, const struct wbxml_node *root);
enum eas_outcome cmd_moveitems(struct eas_request *r, const struct wbxml_node *root);
enum eas_outcome cmd_ping(struct eas_request *r, const struct wbxml_node *root);
enum eas_outcome cmd_itemoperations(struct eas_request *r, const struct wbxml_node *root);
enum eas_outcome cmd_getattachment(struct eas_request *r, const struct wbxml_node *root);
enum eas_outcome cmd_sendmail(struct eas_request *r, const struct wbxml_node *root);
enum eas_outcome cmd_smartreply(struct eas_request *r, const struct wbxml_node *root);
enum eas_outcome cmd_smartforward(struct eas_request *r, const struct wbxml_node *root);
enum eas_outcome cmd_settings(struct eas_request *r, const struct wbxml_node *root);

/* The two commands that park. */
int64_t ping_due(const struct eas_server *server, const struct eas_park *p, const struct log_ctx *log);
int64_t sync_due(const struct eas_server *server, const struct eas_park *p, const struct log_ctx *log);
enum eas_outcome ping_resume(struct eas_request *r, const struct eas_park *p, enum eas_wake why);
enum eas_outcome sync_resume(struct eas_request *r, const struct eas_park *p, enum eas_wake why);

/* ---- answers (eas/reply.c) ---- */

/* Starts a WBXML answer in r->reply.body: sets the content type and begins the writer. */
void reply_wbxml(struct eas_request *r, struct wbxml_writer *w);
/* Ends the request with this HTTP status and an empty body. */
enum eas_outcome reply_http(struct eas_request *r, unsigned status);
/* <ROOT><Status>n</Status></ROOT> where the version has in-band statuses for it (14.0 and later), else the HTTP status
 * that stands for the common status (101-180) up to 12.1. status_tag is the command page's Status. */
enum eas_outcome reply_status(struct eas_request *r, unsigned root_tag, unsigned status_tag, unsigned status);
/* Lets the answer begin early, for clients that need it. From here on an empty answer has to be a document where
 * reply_has_begun(). */
void reply_may_begin(struct eas_request *r);
bool reply_has_begun(struct eas_request *r);
void reply_header(struct eas_request *r, const char *name, const char *value);
/* Headers with the versions and commands that this device is offered, as OPTIONS has them (eas/cmd_options.c); resync:
 * and X-MS-RP, by which a phone that has been set up before learns of another version [MS-ASHTTP 3.2.5.1]. */
void reply_offer(struct eas_request *r, bool resync);
/* A common status (101..) for what a store or backend error means to the whole request: UNAVAILABLE 111, INTERNAL 110,
 * ...; BUSY must not come here. Logs e once. */
unsigned reply_status_of(struct eas_request *r, enum err err, const struct error *e);

/* ---- ids (eas/id.c) ---- */

/* "12" and "12:345". buf has ID_MAX bytes. */
#define ID_MAX 48
const char *id_folder(int64_t folder, char *buf);
const char *id_item(int64_t folder, int64_t item, char *buf);
/* Whole string, decimal, positive; false else. */
bool id_parse_folder(const char *s, int64_t *folder_r);
bool id_parse_item(const char *s, int64_t *folder_r, int64_t *item_r);
/* "12:345:2.1" -> folder, item, rest ("2.1"): FileReferences. */
bool id_parse_reference(const char *s, int64_t *folder_r, int64_t *item_r, const char **part_r);

/* ---- configuration of the floor (eas/config.c) ---- */

enum sent_copy { SENT_CLIENT, SENT_ALWAYS, SENT_NEVER };

struct eas_config {
	struct conf *conf;
	uint64_t request_max, response_max, arena_max;
	uint64_t devices_max;         /* per user */
	uint64_t item_bytes_max;      /* larger items of DAV classes are set aside */
	uint64_t mail_bytes_max;      /* larger mails come with headers only */
	uint64_t heartbeat_min, heartbeat_max; /* seconds */
	uint64_t ping_folders_max;
	uint64_t quiet;               /* seconds after which changes and deletes of mail wake */
	uint64_t quiet_max;
	uint64_t sync_seconds;        /* bound on one Sync's composing */
	uint64_t device_days;         /* unseen for so long: collections are dropped */
	int version_choice;           /* as bound */
	unsigned version_max;         /* ceiling, times ten: 121 .. 161 */
	int sent_copy;                /* enum sent_copy */
	const char *timezone;         /* NULL: the process's */
	/* [policy] */
	bool policy;                  /* a policy is set */
	char policy_hash[65];         /* "": none */
	const char **policy_values;   /* as policy_name(i); NULL: not set */
};

/* The highest protocol version for this user and device; device_id may be "". */
unsigned config_version_max(const struct eas_config *c, const char *user, const char *device_id);

#endif
