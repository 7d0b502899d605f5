#include "eas/trace.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define TRACE_MAX (1u << 20) /* bytes of one dump */
#define SECTION_MAX 256

struct trace {
	const char *dir;
	bool private;
};

static const struct conf_row rows[] = {
	{ .key = "dir", .type = CONF_STRING, .offset = offsetof(struct trace, dir),
		.doc = "directory of the trace files" },
	{ .key = "private", .type = CONF_BOOL, .offset = offsetof(struct trace, private), .fallback = "yes",
		.doc = "leave out bodies, subjects, names and addresses" },
};

enum err
trace_check(struct conf *conf, struct error *e)
{
	const char *section;

	for (size_t i = 0; (section = conf_section(conf, "trace ", i)) != NULL; i++) {
		struct trace t;
		enum err err = conf_bind(conf, section, rows, ARRAY_LEN(rows), &t, e);

		if (err)
			return err;
		if (!t.dir)
			return err_set(e, ERR_INVALID, "%s:%u: [%s] needs dir", conf_name(conf),
				conf_line(conf, section, NULL), section);
	}
	return ERR_OK;
}

enum err
trace_writable(const struct conf *conf, struct error *e)
{
	const char *section;

	for (size_t i = 0; (section = conf_section(conf, "trace ", i)) != NULL; i++) {
		const char *dir = conf_get(conf, section, "dir");

		if (dir && access(dir, W_OK | X_OK) != 0)
			return err_set(e, ERR_INVALID, "%s:%u: [%s] cannot be written to %s: %s", conf_name(conf),
				conf_line(conf, section, "dir"), section, dir, strerror(errno));
	}
	return ERR_OK;
}

static bool
wanted(const struct eas_request *r, struct trace *t_r)
{
	struct conf *conf = r->server->config->conf;
	const char *names[] = { r->user, r->query.device_id };
	char section[SECTION_MAX];

	if (!conf_section(conf, "trace ", 0))
		return false;
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		if (!names[i] || snprintf(section, sizeof section, "trace %s", names[i]) >= SECTION_MAX)
			continue;
		if (!conf_has_section(conf, section))
			continue;
		t_r->dir = conf_get(conf, section, "dir");
		t_r->private = conf_get_bool(conf, section, "private", true);
		return t_r->dir != NULL;
	}
	return false;
}

/* A device id becomes a file name: what could leave the directory becomes _. */
static void
file_name(const struct trace *t, const char *device_id, char *path, size_t room)
{
	char safe[65];
	size_t n = 0;

	for (; device_id[n] && n < sizeof safe - 1; n++)
		safe[n] = strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-", device_id[n])
			? device_id[n] : '_';
	safe[n] = '\0';
	snprintf(path, room, "%s/%s.xml", t->dir, safe);
}

static void
append(const struct eas_request *r, const struct trace *t, struct buf *text)
{
	char path[512];
	int fd;

	file_name(t, r->query.device_id, path, sizeof path);
	fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0) {
		log_warn(&r->log, "no trace: %s: %s", path, strerror(errno));
		return;
	}
	if (write(fd, text->data, text->len) != (ssize_t)text->len)
		log_warn(&r->log, "trace cut short: %s", path);
	close(fd);
}

static void
trace(const struct eas_request *r, const struct command *c, const char *what, struct slice wbxml)
{
	AUTO(buf_finish) struct buf text = { 0 };
	struct trace t;
	struct tm tm;
	time_t now;
	char when[32];

	buf_init(&text, TRACE_MAX);
	if (!wanted(r, &t))
		return;
	now = time(NULL);
	gmtime_r(&now, &tm);
	strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%SZ", &tm);
	buf_printf(&text, "<!-- %s %s %s %u.%u", when, what, c->name, r->query.version / 10, r->query.version % 10);
	if (r->reply.eas_status || r->reply.status != 200)
		buf_printf(&text, " http %u status %d", r->reply.status, r->reply.eas_status);
	buf_add_str(&text, " -->\n");
	if (wbxml.len)
		wbxml_dump(wbxml, t.private ? WBXML_DUMP_PRIVATE : WBXML_DUMP_ALL, &text);
	buf_add_byte(&text, '\n');
	append(r, &t, &text);
}

void
trace_request(const struct eas_request *r, const struct command *c)
{
	bool mime = c->root == WBXML_UNKNOWN || ((c->flags & COMMAND_MIME) && r->query.version < 140);

	trace(r, c, "request", mime ? slice(NULL, 0) : r->body);
}

void
trace_reply(const struct eas_request *r, const struct command *c)
{
	bool wbxml = r->reply.content_type && strstr(r->reply.content_type, "wbxml");

	trace(r, c, "answer", wbxml ? buf_slice(&r->reply.body) : slice(NULL, 0));
}
