#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/text.h"

enum err
err_set(struct error *e, enum err code, const char *fmt, ...)
{
	if (!e)
		return code;
	/* The arguments may come from an earlier error in the same e. */
	char text[sizeof e->text];
	va_list args;
	va_start(args, fmt);
	int n = vsnprintf(text, sizeof text, fmt, args);
	va_end(args);
	if (n < 0)
		text[0] = '\0';
	else if ((size_t)n >= sizeof text)
		text[text_cut(text, sizeof text - 2)] = '\0';
	e->code = code;
	memcpy(e->text, text, sizeof text);
	return code;
}

const char *
err_name(enum err code)
{
	switch (code) {
	case ERR_OK:
		return "ok";
	case ERR_NOTFOUND:
		return "not-found";
	case ERR_NOFOLDER:
		return "no-folder";
	case ERR_EXISTS:
		return "exists";
	case ERR_CONFLICT:
		return "conflict";
	case ERR_DENIED:
		return "denied";
	case ERR_AUTH:
		return "auth";
	case ERR_INVALID:
		return "invalid";
	case ERR_LIMIT:
		return "limit";
	case ERR_QUOTA:
		return "quota";
	case ERR_UNAVAILABLE:
		return "unavailable";
	case ERR_PAUSED:
		return "paused";
	case ERR_BUSY:
		return "busy";
	case ERR_UNSUPPORTED:
		return "unsupported";
	case ERR_PEER:
		return "peer";
	case ERR_NOMEM:
		return "no-memory";
	case ERR_INTERNAL:
		return "internal";
	}
	return "unknown";
}
