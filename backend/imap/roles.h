/* backend/imap/roles.h - what a folder is for, by its name, where the server does not say (no SPECIAL-USE). */
#ifndef BACKEND_IMAP_ROLES_H
#define BACKEND_IMAP_ROLES_H

#include "backend/backend.h"
#include "backend/imap/response.h"

/* By a name that mail programs give such folders in some language. ROLE_NONE: no such name. */
enum backend_role imap_role_by_name(const char *name);
enum backend_role imap_role_by_attr(unsigned attrs);

#endif
