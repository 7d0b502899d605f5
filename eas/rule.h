/* eas/rule.h - the rules of the sync engine that tests can leave out, to see what each is for. Private to eas/.
 *
 * Only builds with CPUSH_FAILPOINTS can: elsewhere RULE() is a constant. The words are those of the design's page on the mirror.
 */
#ifndef EAS_RULE_H
#define EAS_RULE_H

enum rule {
	RULE_SETTLE = 1,     /* what a request did is the device's own only through an answer that the device is seen to have */
	RULE_CONTENT = 2,    /* a repeated Add is found by its content where its client id is new */
	RULE_EDITED = 4,     /* a repeat that says something else is applied on top, and the device is told what came out */
	RULE_ADOPT = 8,      /* an item found under the derived name, left by a process that died, becomes the device's own */
	RULE_KEYS = 16,      /* the number in a sync key is never used twice */
	RULE_EPOCHS = 32,    /* the two latest epochs of a collection stay valid */
	RULE_WIDEN = 64,     /* the cut-off moves both ways */
	RULE_DELETE = 128,   /* a Delete always wins */
	RULE_SEEN = 256,     /* a device's change hides only what it had seen of the row */
	RULE_HOLES = 512,    /* a position remembers the few items that it passed but could not send */
	RULE_RENUMBER = 1024,/* a date that crosses a live cut-off gives a new id, as someone else's work */
	RULE_VOUCH = 2048,   /* a write is the device's own only where the server says that it stored just that */
};

#ifdef CPUSH_FAILPOINTS
extern unsigned rules_off; /* bits of enum rule; set before any request runs */
/* The next commit of what commands did fails, as if the process had died before it. */
extern _Bool rule_die;
#define RULE(r) (!(rules_off & RULE_##r))
#else
#define RULE(r) 1
#endif

#endif
