/* backend/imap/store.h - STORE of one mail's flags. The mailbox is selected. */
#ifndef BACKEND_IMAP_STORE_H
#define BACKEND_IMAP_STORE_H

#include "backend/imap/command.h"

struct imap_store {
	uint32_t uid;
	unsigned flags; /* enum backend_flag and IMAP_FLAG_DELETED */
	const char *const *keywords;
	bool remove;    /* -FLAGS, else +FLAGS */
	uint64_t unchanged_since; /* 0: whatever it is */
};

struct imap_stored {
	bool found;     /* the server told of the mail */
	bool modified;  /* not done: changed since unchanged_since */
	bool left_out;  /* flags or keywords that the folder may not take */
	uint64_t modseq;
	unsigned flags;
};

/* DENIED, UNAVAILABLE, ...; a mail that is not there is no error (found stays false). */
enum err imap_store(struct imap_conn *c, struct arena *a, const struct imap_store *how, struct imap_stored *r,
	struct error *e)
	NODISCARD;

/* Marks the mail as deleted and expunges it and nothing else. CONFLICT where version is not NULL and another one is
 * stored; NOTFOUND where it is gone (move.c). */
enum err imap_expunge(struct imap_conn *c, struct arena *a, uint32_t uid, const char *version,
	struct error *e) NODISCARD;

#endif
