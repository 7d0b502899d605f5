#include <stdlib.h>
#include <string.h>

#include "backend/imap/mailbox.h"

enum err
imap_session_connect(struct backend_session *s, struct imap_conn **c_r, struct error *e)
{
	enum err err = imap_conn_open(s->b, s->login, s->password, c_r, e);
	if (!err)
		s->logins++;
	return err;
}

enum err
imap_session_conn(struct backend_session *s, struct imap_conn **c_r, struct error *e)
{
	*c_r = NULL;
	if (s->cmd && !imap_conn_alive(s->cmd))
		imap_conn_close(&s->cmd);
	if (!s->cmd) {
		enum err err = imap_session_connect(s, &s->cmd, e);
		if (err)
			return err;
	}
	s->cmd->last_used = imap_now();
	*c_r = s->cmd;
	return ERR_OK;
}

static struct imap_seen *
seen_find(struct backend_session *s, const char *folder)
{
	for (size_t i = 0; i < IMAP_SEEN_MAX; i++) {
		if (s->seen[i].folder && strcmp(s->seen[i].folder, folder) == 0)
			return &s->seen[i];
	}
	return NULL;
}

void
imap_session_saw(struct backend_session *s, const char *folder, uint64_t validity, uint64_t modseq)
{
	struct imap_seen *seen = seen_find(s, folder);
	if (!seen) {
		char *name = strdup(folder);
		if (!name)
			return;
		seen = &s->seen[s->seen_next++ % IMAP_SEEN_MAX];
		free(seen->folder);
		seen->folder = name;
	}
	seen->validity = validity;
	seen->modseq = modseq;
}

bool
imap_session_saw_life(struct backend_session *s, const char *folder, uint64_t validity)
{
	const struct imap_seen *seen = seen_find(s, folder);
	return seen && seen->validity == validity;
}

uint64_t
imap_session_known(const struct backend_session *s, const char *folder, uint64_t validity, uint32_t uid)
{
	uint64_t known = 0;
	for (size_t i = 0; i < IMAP_SEEN_MAX; i++) {
		const struct imap_seen *seen = &s->seen[i];
		if (seen->folder && seen->validity == validity && strcmp(seen->folder, folder) == 0)
			known = seen->modseq;
	}
	for (size_t i = 0; i < IMAP_OWN_MAX && known && s->own; i++) {
		const struct imap_own *own = &s->own[i];
		if (own->uid == uid && own->validity == validity && own->modseq > known)
			known = own->modseq;
	}
	return known;
}

void
imap_session_stored(struct backend_session *s, uint64_t validity, uint32_t uid, uint64_t modseq)
{
	if (!s->own && !(s->own = calloc(IMAP_OWN_MAX, sizeof *s->own)))
		return;
	s->own[s->own_next++ % IMAP_OWN_MAX] = (struct imap_own){ validity, modseq, uid };
}

enum err
imap_session_select(struct backend_session *s, const char *folder, struct imap_conn **c_r, struct error *e)
{
	enum err err = imap_session_conn(s, c_r, e);
	err = err ? err : imap_select(*c_r, folder, (*c_r)->box.doubted, e);
	if (err)
		return err;
	const struct imap_seen *seen = seen_find(s, folder);
	if (seen && seen->validity != (*c_r)->box.validity)
		return err_set(e, ERR_UNAVAILABLE, "%s: the folder has got a new UIDVALIDITY", s->b->host);
	return ERR_OK;
}
