/* fcgi/basic.h - Basic credentials (RFC 7617). Private to fcgi/. */
#ifndef FCGI_BASIC_H
#define FCGI_BASIC_H

#include <stdbool.h>

/* Decodes the value of an Authorization header into two heap strings and overwrites it in place, whatever comes of it.
 * Credentials that are not UTF-8 are taken as ISO 8859-1 (old Outlook). "DOMAIN\user" loses the domain. false: none, or
 * malformed. */
bool basic_decode(char *header, char **user_r, char **password_r);
/* Cleanses and frees. */
void basic_free(char **secret);

#endif
