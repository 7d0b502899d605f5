/* eas/hierarchy.h - the folders of a user as phones see them, and the device's position in their changes. Private to
 * eas/. */
#ifndef EAS_HIERARCHY_H
#define EAS_HIERARCHY_H

#include "eas/key.h"

/* FolderSync Type [MS-ASCMD 2.2.3.186.3] */
enum folder_type {
	TYPE_INBOX = 2,
	TYPE_DRAFTS = 3,
	TYPE_TRASH = 4,
	TYPE_SENT = 5,
	TYPE_OUTBOX = 6,
	TYPE_TASKS = 7,
	TYPE_CALENDAR = 8,
	TYPE_CONTACTS = 9,
	TYPE_USER_MAIL = 12,
	TYPE_USER_CALENDAR = 13,
	TYPE_USER_CONTACTS = 14,
	TYPE_USER_TASKS = 15,
};

/* Folders that no backend has: the Outbox, and what a mail server without the folder and the means to make it lacks.
 * Their key begins so; they are always empty. */
#define HIERARCHY_OWN "core:"

/* One step of a device in the hierarchy: what every Folder command begins and ends with. */
struct hierarchy {
	struct state_hierarchy was, now;
	int64_t seq;                 /* that the key sent stands for */
	struct state_folder *folders; /* all of the user, deleted ones too */
	size_t n_folders;
	int64_t user_seq;            /* of the user's hierarchy now */
};

/* Reads the device's position and the folders. 0: the key is good and h is filled (the key has become the base); 9: it
 * is not; a common status (over 100) otherwise. Key "0" only where `fresh` allows. */
unsigned hierarchy_begin(struct eas_request *r, const char *key, bool fresh, struct hierarchy *h);
/* Stores a new answer that stands for `seq` and writes its key into key_r (KEY_MAX bytes). CONFLICT: another responder
 * was faster. */
enum err hierarchy_answer(struct eas_request *r, const struct hierarchy *h, int64_t seq, char key_r[KEY_MAX],
	struct error *e);
/* The same within a transaction that writes; h is changed, and has to be as it was where the run is repeated. */
enum err hierarchy_answer_in(struct state_txn *t, struct eas_request *r, struct hierarchy *h, int64_t seq,
	char key_r[KEY_MAX]);
/* The key of the base where nothing is new; stores only that it came back. */
enum err hierarchy_same(struct eas_request *r, struct hierarchy *h, struct error *e);

/* By id among h's; NULL if there is none or it is deleted. */
const struct state_folder *hierarchy_folder(const struct hierarchy *h, int64_t id);
const struct state_folder *hierarchy_by_key(const struct hierarchy *h, const char *key);
/* Id of the folder that f stands in, as ParentId: 0 for the top. */
int64_t hierarchy_parent(const struct hierarchy *h, const struct state_folder *f);

/* Does f stand in the folder with this key, or in one within it? */
bool hierarchy_is_below(const struct hierarchy *h, const struct state_folder *f, const char *key);

struct hierarchy_look {
	bool changed;   /* what waits is to be asked anew (eas_server.nudge) */
	char down[128]; /* modules whose folders are as they were, since they could not be asked: then e says why, and the next look is not
	                 * put off. "" where there is none */
};

/* Reads the folders anew from the backends, where the last look of this process is older than `age` seconds. */
enum err hierarchy_refresh(const struct eas_server *server, struct account *account, const struct log_ctx *log,
	int64_t age, struct hierarchy_look *look_r, struct error *e);

/* A folder is not where it was: the next look is not put off. */
void hierarchy_doubt(const char *user);

/* Folders came, went or were renamed behind the newest key of the device (r->device), and it was not told in the last
 * minutes. False also where the store cannot say. */
bool hierarchy_has_news(struct eas_request *r);
/* The same, for whoever answers with it at once (Ping 7, Sync 12): it is noted that the device is told now. */
bool hierarchy_tell_news(struct eas_request *r);

#endif
