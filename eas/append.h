/* eas/append.h - APPEND that happens once: an intent first, a look before a second try. Private to eas/. */
#ifndef EAS_APPEND_H
#define EAS_APPEND_H

#include "eas/command.h"

/* Appends the mail (put->bytes, which hold a Message-ID); `name` is the same on each try of the same request. A repeat whose first try
 * died looks for the Message-ID before it appends. */
enum err append_once(struct eas_request *r, const struct backend_put *put, const char *name, struct backend_stored *s_r,
	struct error *e) NODISCARD;
/* Date of receipt of what is appended now. */
int64_t append_date(void);

/* The Message-ID of a message, with its angle brackets; NULL if it has none, or memory is short. */
const char *append_message_id(struct arena *a, struct slice message);

#endif
