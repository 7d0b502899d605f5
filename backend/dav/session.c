/* Sessions: a user who is logged in. */
#include "backend/dav/session.h"

#include <stdlib.h>

#include "base/text.h"

#define SESSION_MAX (256 * 1024) /* bytes of what discovery finds */

enum err
dav_login(struct backend *b, const struct backend_login *who, struct backend_session **s_r, struct error *e)
{
	struct backend_session *s = calloc(1, sizeof *s);
	if (!s)
		return dav_nomem(e);
	s->b = b;
	s->batch = s->batch_max = DAV_BATCH;
	s->arena = arena_new(SESSION_MAX);
	s->user = s->arena ? text_expand(s->arena, b->set.username, who->user, b->domain) : NULL;
	enum err err = s->user ? ERR_OK : dav_nomem(e);
	if (!err && !*s->user)
		err = err_set(e, ERR_AUTH, "%s: username makes an empty name of this login", b->kind->name);
	if (!err)
		err = dav_http_open(&b->http, s->user, who->password, &s->http, e);
	if (!err)
		err = dav_discover(s, who->user, e);
	if (err) {
		dav_logout(&s);
		return err;
	}
	*s_r = s;
	return ERR_OK;
}

void
dav_logout(struct backend_session **s)
{
	if (!*s)
		return;
	dav_unwatch(*s);
	dav_parts_drop(*s);
	dav_http_close(&(*s)->http);
	arena_free(&(*s)->listed);
	arena_free(&(*s)->arena);
	free(*s);
	*s = NULL;
}

enum err
dav_identity(struct backend_session *s, struct arena *a, struct backend_identity *id_r, struct error *e)
{
	id_r->address = s->address ? arena_strdup(a, s->address) : NULL;
	id_r->name = s->name ? arena_strdup(a, s->name) : NULL;
	bool kept = (id_r->address || !s->address) && (id_r->name || !s->name);
	return kept ? ERR_OK : dav_nomem(e);
}
