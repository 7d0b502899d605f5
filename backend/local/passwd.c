/* Who may in: a file of user:hash, as Dovecot's passwd-file, hashes as crypt(5) knows them. */
#include <crypt.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/local/local.h"
#include "base/text.h"

#define LINE_MAX_BYTES 4096

struct record {
	char user[256];
	char hash[512];
	char name[256];
};

static void
copy_field(const char *from, size_t n, char *to, size_t room)
{
	if (n >= room)
		n = 0;
	memcpy(to, from, n);
	to[n] = 0;
}

/* user:[{SCHEME}]hash[:uid:gid:full name[:...]] */
static void
parse_record(const char *p, struct record *r)
{
	if (*p == '{')
		p += strcspn(p, "}:");
	if (*p == '}')
		p++;
	copy_field(p, strcspn(p, ":"), r->hash, sizeof r->hash);
	for (int i = 0; i < 3; i++) {
		p += strcspn(p, ":");
		p += *p == ':';
	}
	copy_field(p, strcspn(p, ":"), r->name, sizeof r->name);
}

/* NOTFOUND, or UNAVAILABLE where the file cannot be read: down is not wrong. */
static enum err
look_up(const struct backend *b, const char *user, bool any_case, struct record *r, struct error *e)
{
	FILE *f = fopen(b->set.passwd_file, "re");
	size_t n = strlen(user);
	char line[LINE_MAX_BYTES];
	enum err err = ERR_NOTFOUND;

	if (!f)
		return err_set(e, ERR_UNAVAILABLE, "%s: %s", b->set.passwd_file, strerror(errno));
	while (err == ERR_NOTFOUND && fgets(line, sizeof line, f)) {
		bool same = any_case ? text_ncasecmp(line, user, n) == 0 : strncmp(line, user, n) == 0;

		line[strcspn(line, "\r\n")] = 0;
		if (line[0] == '#' || !same || line[n] != ':')
			continue;
		copy_field(line, n, r->user, sizeof r->user);
		parse_record(line + n + 1, r);
		err = ERR_OK;
	}
	if (err && ferror(f))
		err = err_set(e, ERR_UNAVAILABLE, "%s cannot be read", b->set.passwd_file);
	fclose(f);
	return err;
}

const char *
passwd_user(const struct backend *b, struct arena *a, const char *name)
{
	struct record r;

	if (!user_is_safe(name) || (look_up(b, name, false, &r, NULL) && look_up(b, name, true, &r, NULL)))
		return NULL;
	return arena_strdup(a, r.user);
}

static bool
equal(const char *a, const char *b)
{
	size_t n = strlen(a);
	unsigned char differ = 0;

	if (strlen(b) != n)
		return false;
	for (size_t i = 0; i < n; i++)
		differ |= (unsigned char)(a[i] ^ b[i]);
	return differ == 0;
}

static enum err
matches(const char *password, const char *hash, bool *yes_r, struct error *e)
{
	struct crypt_data *data = calloc(1, sizeof *data);
	const char *made;

	if (!data)
		return err_set(e, ERR_NOMEM, "out of memory");
#ifdef HAVE_CRYPT_RN
	/* Sanitizers replace crypt_r() by one that fails in a library loaded later. */
	made = crypt_rn(password, hash, data, sizeof *data);
#else
	made = crypt_r(password, hash, data);
#endif
	*yes_r = made && made[0] != '*' && equal(made, hash);
	explicit_bzero(data, sizeof *data);
	free(data);
	return ERR_OK;
}

enum err
passwd_check(const struct backend *b, const char *user, const char *password, char **name_r, struct error *e)
{
	struct record r = { .hash = "" };
	enum err err = look_up(b, user, false, &r, e);
	bool known = err == ERR_OK && r.hash[0] == '$', yes = false;

	*name_r = NULL;
	if (err && err != ERR_NOTFOUND)
		return err;
	/* Unknown users take as long as known ones. */
	err = matches(password, known ? r.hash : "$6$cpushcpushcpush$", &yes, e);
	explicit_bzero(r.hash, sizeof r.hash);
	if (err)
		return err;
	if (!known || !yes)
		return err_set(e, ERR_AUTH, "wrong user or password");
	*name_r = r.name[0] ? strdup(r.name) : NULL;
	return ERR_OK;
}
