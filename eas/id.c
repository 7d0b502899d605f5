#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "eas/command.h"

const char *
id_folder(int64_t folder, char *buf)
{
	snprintf(buf, ID_MAX, "%" PRId64, folder);
	return buf;
}

const char *
id_item(int64_t folder, int64_t item, char *buf)
{
	snprintf(buf, ID_MAX, "%" PRId64 ":%" PRId64, folder, item);
	return buf;
}

/* Digits up to `stop`; *rest_r is behind it (or at the end of the string where stop is 0). */
static bool
number(const char *s, char stop, int64_t *v_r, const char **rest_r)
{
	const char *end = stop ? strchr(s, stop) : s + strlen(s);
	char digits[24];

	if (!end || end == s || (size_t)(end - s) >= sizeof digits)
		return false;
	memcpy(digits, s, (size_t)(end - s));
	digits[end - s] = '\0';
	if (!text_to_i64(digits, v_r) || *v_r <= 0)
		return false;
	*rest_r = stop ? end + 1 : end;
	return true;
}

bool
id_parse_folder(const char *s, int64_t *folder_r)
{
	const char *rest;

	return s && number(s, '\0', folder_r, &rest);
}

bool
id_parse_item(const char *s, int64_t *folder_r, int64_t *item_r)
{
	const char *rest;

	return s && number(s, ':', folder_r, &rest) && number(rest, '\0', item_r, &rest);
}

bool
id_parse_reference(const char *s, int64_t *folder_r, int64_t *item_r, const char **part_r)
{
	return s && number(s, ':', folder_r, part_r) && number(*part_r, ':', item_r, part_r) && **part_r;
}
