/* Any text as a configuration: it is read or refused with a sentence that names the file, and binding stays within the struct. */
#include <stdlib.h>
#include <string.h>

#include "base/conf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct sample {
	const char *text;
	const char *secret;
	uint64_t count, wait, size;
	int mode;
	bool on;
};

static const struct conf_row rows[] = {
	{ "text", CONF_STRING, offsetof(struct sample, text), "x", 0, 0, NULL, "" },
	{ "secret", CONF_SECRET, offsetof(struct sample, secret), NULL, 0, 0, NULL, "" },
	{ "count", CONF_UINT, offsetof(struct sample, count), "5", 1, 10, NULL, "" },
	{ "wait", CONF_SECONDS, offsetof(struct sample, wait), "15m", 60, 0, NULL, "" },
	{ "size", CONF_SIZE, offsetof(struct sample, size), "20M", 0, 0, NULL, "" },
	{ "mode", CONF_CHOICE, offsetof(struct sample, mode), "slow", 0, 0, "off slow fast", "" },
	{ "on", CONF_BOOL, offsetof(struct sample, on), "yes", 0, 0, NULL, "" },
};

static void
check(bool holds)
{
	if (!holds)
		abort();
}

static void
check_bind(struct conf *c, const char *section)
{
	struct error e = { 0 };
	struct sample s = { 0 };
	enum err err = conf_bind(c, section, rows, ARRAY_LEN(rows), &s, &e);
	check(err == ERR_OK || (err == ERR_INVALID && strncmp(e.text, "fuzz:", 5) == 0));
	if (err != ERR_OK)
		return;
	check(s.text && s.count >= 1 && s.count <= 10 && s.wait >= 60 && s.mode >= 0 && s.mode < 3);
	const char *raw = conf_get(c, section, "text");
	check(!raw || raw == s.text);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(conf_unref) struct conf *c = NULL;
	struct error e = { 0 };
	char *text = malloc(size + 1);
	check(text != NULL);
	if (size)
		memcpy(text, data, size);
	text[size] = '\0';
	enum err err = conf_parse(text, "fuzz", &c, &e);
	free(text);
	check((err == ERR_OK) == (c != NULL));
	check(err == ERR_OK || (err == ERR_INVALID && strncmp(e.text, "fuzz:", 5) == 0));
	if (!c)
		return 0;
	const char *section;
	for (size_t i = 0; i < 50 && (section = conf_section(c, "", i)); i++) {
		check(conf_line(c, section, NULL) > 0);
		check_bind(c, section);
	}
	check(section || conf_check_unbound(c, NULL) == ERR_OK);
	return 0;
}
