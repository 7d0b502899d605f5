/* backend/imap/spool.h - where a literal goes while it arrives: memory that grows with it, or an unlinked file that
 * is mapped once it is complete, so that one large mail does not become resident memory.
 */
#ifndef BACKEND_IMAP_SPOOL_H
#define BACKEND_IMAP_SPOOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct imap_blob;

struct imap_spool {
	unsigned char *mem; /* the bytes, or the window in front of the file */
	size_t cap;
	int fd;             /* -1: memory */
	bool failed;
	uint64_t len, size;
};

/* dir NULL: in memory. Failures show in imap_spool_room(). */
void imap_spool_init(struct imap_spool *s, uint64_t size, const char *dir);
/* Where the next bytes may be put, never more than are still to come; NULL on failure. */
unsigned char *imap_spool_room(struct imap_spool *s, size_t *room_r);
/* n bytes were put there. */
bool imap_spool_took(struct imap_spool *s, size_t n);
/* Hands the bytes over; the spool is empty afterwards, whatever happened. */
bool imap_spool_end(struct imap_spool *s, struct imap_blob *blob_r);
void imap_spool_drop(struct imap_spool *s);

#endif
