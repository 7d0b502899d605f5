#include "fcgi/basic.h"

#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/text.h"

#define LOGIN_MAX 1024

static bool
split(struct arena *a, const unsigned char *p, size_t n, char **user_r, char **password_r)
{
	char *s;
	char *colon, *user, *backslash;

	if (memchr(p, '\0', n))
		return false;
	s = text_is_utf8(p, n) ? arena_strndup(a, (const char *)p, n) : text_from_latin1(a, p, n);
	colon = s ? strchr(s, ':') : NULL;
	if (!colon || colon == s)
		return false;
	*colon = '\0';
	user = s;
	backslash = strchr(user, '\\');
	if (backslash && backslash[1])
		user = backslash + 1;
	for (const char *c = s; *c; c++) {
		if ((unsigned char)*c < 0x20 || *c == 0x7f)
			return false;
	}
	*user_r = strdup(user);
	*password_r = strdup(colon + 1);
	OPENSSL_cleanse(colon + 1, strlen(colon + 1));
	OPENSSL_cleanse(s, (size_t)(colon - s));
	if (*user_r && *password_r)
		return true;
	basic_free(user_r);
	basic_free(password_r);
	return false;
}

bool
basic_decode(char *header, char **user_r, char **password_r)
{
	size_t length = header ? strlen(header) : 0, n;
	struct arena *a = length && length < 4 * LOGIN_MAX ? arena_new(16 * LOGIN_MAX) : NULL;
	unsigned char *raw = NULL;
	bool ok = false;

	*user_r = *password_r = NULL;
	if (a && text_casestarts(header, "Basic "))
		raw = text_unbase64(a, header + 6, length - 6, &n);
	if (raw && n > 0 && n <= LOGIN_MAX)
		ok = split(a, raw, n, user_r, password_r);
	if (raw)
		OPENSSL_cleanse(raw, n);
	if (header)
		OPENSSL_cleanse(header, length);
	arena_free(&a);
	return ok;
}

void
basic_free(char **secret)
{
	if (*secret)
		OPENSSL_cleanse(*secret, strlen(*secret));
	free(*secret);
	*secret = NULL;
}
