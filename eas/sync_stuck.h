/* eas/sync_stuck.h - a device that asks for the same page again and again. Private to eas/.
 *
 * It may be on a bad line, or choke on an item. The window halves per repeat; an item that was sent alone, at a window
 * of one, three times over more than an hour is set aside, if answers to other requests of the device arrived
 * meanwhile: it is not sent until it changes or a day has passed. What is known of it stands behind the Options that
 * are stored with a collection.
 */
#ifndef EAS_SYNC_STUCK_H
#define EAS_SYNC_STUCK_H

#include "eas/key.h"

#define STUCK_ASIDE 8

struct stuck {
	int64_t item;      /* that was sent alone; 0: none */
	unsigned times;
	int64_t since;     /* seconds since 1970 UTC */
	int64_t answered;  /* when an answer was last seen to have arrived at the device; set where stuck_is_suspect(); 0: never */
	struct {
		int64_t item, since;
	} aside[STUCK_ASIDE];
	unsigned n_aside;
	bool retried;      /* some of those are tried again now */
};

/* The window for this try: halved for each answer that was given from the base already. */
unsigned stuck_window(const struct collection *c, unsigned window);
/* Splits what is stored: the Options, which are returned and live in a, and what is known. NULL: memory. */
const char *stuck_load(struct arena *a, const struct collection *c, struct stuck *s_r);
/* It is to be set aside now, if the line is good. */
bool stuck_is_suspect(const struct stuck *s);
/* The item that is to be set aside now; 0: none. */
int64_t stuck_item(const struct stuck *s);
/* Those that were set aside a day ago are tried again, until an answer that did so has come back. */
void stuck_retry(struct stuck *s, struct idset *retry);
/* There was nothing to send of them: another day. */
void stuck_in_vain(struct stuck *s);
/* A page goes out that was composed at this window; n changes, the last Add or Change of this item. */
void stuck_sent(struct stuck *s, unsigned window, unsigned n, int64_t item);
/* Options and what is known, to be stored. NULL: memory. */
const char *stuck_text(struct arena *a, const char *options, const struct stuck *s);

#endif
