/* base/setid.h - programs that work by gaining privileges, which nothing that cpush starts can (PR_SET_NO_NEW_PRIVS). */
#ifndef BASE_SETID_H
#define BASE_SETID_H

#include <stdbool.h>

/* The program is setuid or setgid, or is a sendmail of Postfix, which queues by a setgid postdrop beside it. False where it cannot be
 * looked at. */
bool is_setid(const char *program);

/* What to tell an admin who set such a program; one %s, the program. */
#define SETID_WARNING "%s works by being setuid or setgid, which has no effect below cpush: set smtp, or a program that speaks SMTP"

#endif
