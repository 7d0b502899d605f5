/* t/unit/imap/fake.h - an IMAP (or SMTP) server that says what a test tells it to, in a thread of the test.
 *
 * Commands are matched against rules: the test's first, then a set that makes a plain IMAP4rev1 server with one Inbox. In a
 * reply "$" stands for the command's tag, "$$" for a dollar; the reply to DONE has the tag of its IDLE. All commands are recorded
 * with their literals filled in.
 */
#ifndef T_UNIT_IMAP_FAKE_H
#define T_UNIT_IMAP_FAKE_H

#include <stdbool.h>
#include <stddef.h>

/* FAKE_LATE: the reply comes after FAKE_LATE_MS only. FAKE_DEAF: as HANG, but nothing is read any more, DATA's text neither. */
enum fake_then { FAKE_GO_ON, FAKE_CLOSE, FAKE_HANG, FAKE_LATE, FAKE_DEAF };
#define FAKE_LATE_MS 2500

struct fake_rule {
	const char *command; /* what the command begins with, tag left out */
	const char *reply;
	enum fake_then then;
	unsigned times;      /* the rule is used so often; 0: always */
};

struct fake;

/* rules end with a command of NULL; they are copied. `chunk`: replies are written in pieces of so many bytes (0: whole). */
struct fake *fake_start(const struct fake_rule *rules, size_t chunk);
/* The same as an SMTP server: no tags, commands end at the line, DATA's text is one command. */
struct fake *fake_start_smtp(const struct fake_rule *rules);
void fake_stop(struct fake **f);
int fake_port(const struct fake *f);
/* Replaces the test's rules. */
void fake_rules(struct fake *f, const struct fake_rule *rules);
/* Sends bytes on the connection that idles (or the last one), without being asked. */
void fake_push(struct fake *f, const char *text);
/* Closes all connections. */
void fake_drop(struct fake *f);
/* How many commands began so (any case) until now. */
unsigned fake_count(struct fake *f, const char *command);
/* The n-th such command (0 first), or NULL; valid until the next call. */
const char *fake_command(struct fake *f, const char *command, unsigned n);

#endif
