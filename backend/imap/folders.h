/* backend/imap/folders.h - namespaces and the list of mailboxes. */
#ifndef BACKEND_IMAP_FOLDERS_H
#define BACKEND_IMAP_FOLDERS_H

#include "backend/imap/mailbox.h"

/* The namespaces (RFC 2342), prefixes as keys; one personal without a prefix where the server has no NAMESPACE. */
enum err imap_namespaces(struct imap_conn *c, struct arena *a, struct imap_space **spaces_r, struct error *e) NODISCARD;
/* The key of a folder below parent (NULL: top). INVALID where the name cannot be one. */
enum err imap_child_key(struct imap_conn *c, struct arena *a, const char *parent, const char *name, const char **key_r,
	struct error *e) NODISCARD;

#endif
