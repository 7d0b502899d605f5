/* fcgi/check.h - cpush -t. Private to fcgi/. */
#ifndef FCGI_CHECK_H
#define FCGI_CHECK_H

/* Checks the configuration, and with a user logs in to every backend; says on stdout what was found, on stderr what is
 * wrong. The exit status: 0 if all is well, 1 if not. */
int check(const char *path, const char *user);

#endif
