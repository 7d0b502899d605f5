/* t/unit/eas/mail_world.h - the world of world.h for the commands that concern single mails. */
#ifndef T_UNIT_EAS_MAIL_WORLD_H
#define T_UNIT_EAS_MAIL_WORLD_H

#include "world.h"

#define DEVICE "dev1"

struct mail_world {
	struct world w;
	struct arena *a;
	int64_t inbox, sent, trash;
	enum err hook_err;  /* what the hook below gives, once, at ... */
	enum mem_op hook_op;
	enum mem_when hook_when;
	char id[ID_MAX];
};

/* `settings` of [eas]; the folders are known. For setup functions: ends the program on failure. */
struct mail_world *mail_world_new(const char *settings);
void mail_world_free(struct mail_world *mw);

/* A mail in a folder ("inbox"); its id as phones have it, valid until the next call. */
const char *mail_world_add(struct mail_world *mw, const char *folder, const char *message);
/* The same for what is in the folder already, under the key. */
const char *mail_world_id(struct mail_world *mw, const char *folder, const char *key);

/* Runs a command of 12.1 with the message as its body. */
void mail_world_run_message(struct call *c, const char *message);

#endif
