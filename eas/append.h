/* eas/append.h - APPEND that happens once: an intent first, a look before a second try. Private to eas/.
 *
 * Callers are a Sync's commands, which run while the device is held (state_device_hold()).
 */
#ifndef EAS_APPEND_H
#define EAS_APPEND_H

#include "eas/command.h"

/* Appends the mail (put->bytes, which hold a Message-ID); `name` is the same on each try of the same request. A repeat
 * whose first try died looks for the Message-ID before it appends. */
enum err append_once(struct eas_request *r, const struct backend_put *put, const char *name, struct backend_stored *s_r,
	struct error *e) NODISCARD;
/* The two halves, for one whose name does not say what is appended: `content` does. What an earlier try of that name
 * has appended, and the content that it noted; NOTFOUND: none did, or it is not to be found. */
enum err append_left(struct eas_request *r, const char *folder, const char *name, struct backend_stored *s_r,
	const char **content_r, struct error *e) NODISCARD;
/* Appends without a look. */
enum err append_new(struct eas_request *r, const struct backend_put *put, const char *name, const char *content,
	struct backend_stored *s_r, struct error *e) NODISCARD;
/* Date of receipt of what is appended now. */
int64_t append_date(void);

#endif
