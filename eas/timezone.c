/* Finding zones, and their clocks. */
#include "eas/timezone.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "eas/timezone_internal.h"

#define CACHE_MAX 1024
#define HORIZON INT64_C(4102444800) /* 2100-01-01: later times are those of 28 (56, ...) years before */
#define CYCLE (INT64_C(10227) * 86400)

static const struct zone utc = { .name = "UTC", .builtin = true };

/* Zones of tzdata that were asked for; they stay. */
static struct {
	pthread_mutex_t lock;
	size_t n;
	const struct zone *zones[CACHE_MAX];
} cache = { .lock = PTHREAD_MUTEX_INITIALIZER };

static const struct zone *default_zone; /* atomic; NULL: process_zone */
static pthread_once_t process_once = PTHREAD_ONCE_INIT;
static const struct zone *process_zone;

const struct zone *
zone_utc(void)
{
	return &utc;
}

int64_t
zone_this_year(void)
{
	struct ical_civil c;

	ical_civil(ical_now(), &c);
	return c.year;
}

/* ---- clocks ---- */

int32_t
zone_offset(const struct zone *z, int64_t t)
{
	size_t low = 0, high = z->n;

	if (t >= HORIZON)
		t -= (t - HORIZON + CYCLE) / CYCLE * CYCLE;
	while (low < high) { /* the first change behind t */
		size_t mid = low + (high - low) / 2;
		if (z->changes[mid].utc <= t)
			low = mid + 1;
		else
			high = mid;
	}
	return low ? z->changes[low - 1].offset : z->first;
}

int64_t
zone_to_local(const struct zone *z, int64_t t)
{
	return t + zone_offset(z, t);
}

int64_t
zone_to_utc(const struct zone *z, int64_t local)
{
	/* No zone is more than a day off, and none changes twice in two days. */
	int32_t before = zone_offset(z, local - 86400), after = zone_offset(z, local + 86400);

	if (zone_offset(z, local - before) == before)
		return local - before;
	return zone_offset(z, local - after) == after ? local - after : local - before;
}

/* ---- tzdata ---- */

static bool
safe_name(const char *name)
{
	size_t n = strlen(name);

	/* The other two forms of all zones would fill the cache, and one of them counts leap seconds. */
	if (n == 0 || n > 60 || name[0] == '/' || strstr(name, "..") || text_starts(name, "right/") || text_starts(name, "posix/"))
		return false;
	for (size_t i = 0; i < n; i++)
		if (!((name[i] >= 'a' && name[i] <= 'z') || (name[i] >= 'A' && name[i] <= 'Z') || (name[i] >= '0' && name[i] <= '9') ||
		    strchr("/_+-", name[i])))
			return false;
	return true;
}

/* A copy on the heap, for good. */
static const struct zone *
keep(const struct zone *z, const char *name)
{
	struct zone *copy = calloc(1, sizeof *copy);
	char *own_name = strdup(name);
	struct zone_change *changes = calloc(z->n + 1, sizeof *changes);

	if (!copy || !own_name || !changes) {
		free(copy);
		free(own_name);
		free(changes);
		return NULL;
	}
	if (z->n)
		memcpy(changes, z->changes, z->n * sizeof *changes);
	*copy = (struct zone){ .name = own_name, .builtin = true, .first = z->first, .n = z->n, .changes = changes };
	return copy;
}

static const struct zone *
load(const char *name)
{
	AUTO(arena_free) struct arena *a = arena_new(1u << 20);
	struct ical_mem m = { .a = a };
	struct zone z;

	return a && zone_read_tzif(&m, name, &z) ? keep(&z, name) : NULL;
}

static bool
is_utc(const char *name)
{
	static const char *const names[] = { "UTC", "Etc/UTC", "GMT", "Z", "Zulu", "Etc/GMT", "UCT", "Etc/UCT", "Etc/Zulu", "Etc/Universal",
		"Universal", "Etc/Greenwich", "Greenwich", "GMT0", "Etc/GMT0" };

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (text_casecmp(name, names[i]) == 0)
			return true;
	return false;
}

/* Under the lock. */
static const struct zone *
cached(const char *name)
{
	for (size_t i = 0; i < cache.n; i++)
		if (strcmp(cache.zones[i]->name, name) == 0)
			return cache.zones[i];
	const struct zone *z = cache.n < CACHE_MAX ? load(name) : NULL;
	if (z)
		cache.zones[cache.n++] = z;
	return z;
}

const struct zone *
zone_builtin(const char *name)
{
	if (is_utc(name))
		return &utc;
	if (!safe_name(name) || pthread_mutex_lock(&cache.lock) != 0)
		return NULL;
	const struct zone *z = cached(name);
	(void)pthread_mutex_unlock(&cache.lock);
	return z;
}

/* ---- names ---- */

/* "/freeassociation.sourceforge.net/Europe/Berlin", "/mozilla.org/20050126_1/America/New_York": the longest tail that is a zone. */
static const struct zone *
zone_of_path(const char *name)
{
	const char *tails[4];
	unsigned n = 0;

	for (const char *p = name + strlen(name); p > name && n < ARRAY_LEN(tails); p--)
		if (p[-1] == '/')
			tails[n++] = p;
	while (n > 0) {
		const char *tail = tails[--n];
		const struct zone *z = strchr(tail, '/') || is_utc(tail) ? zone_builtin(tail) : NULL;
		if (z)
			return z;
	}
	return NULL;
}

const struct zone *
zone_named(const char *name)
{
	const struct zone *z = zone_builtin(name);

	if (!z)
		z = zone_windows(name);
	return z ? z : zone_of_path(name);
}

/* Without the Windows names: an object's own definition goes before those. */
static const struct zone *
olson(const char *tzid)
{
	const struct zone *z = zone_builtin(tzid);
	return z ? z : zone_of_path(tzid);
}

bool
zone_defines(struct ical_mem *m, const struct ical *vtimezone, const char *tzid)
{
	const struct ical *id = ical_line(vtimezone, "TZID");

	if (!id || strcmp(id->value, tzid) == 0)
		return id != NULL;
	const char *text = strchr(id->value, '\\') ? ical_text(m, id) : NULL;
	return text && strcmp(text, tzid) == 0;
}

static const struct ical *
find_definition(struct ical_mem *m, const struct ical *in, const char *tzid)
{
	for (const struct ical *c = in->child; c; c = c->next)
		if (c->is_component && strcmp(c->name, "VTIMEZONE") == 0 && zone_defines(m, c, tzid))
			return c;
	return NULL;
}

static const struct ical *
definition(struct ical_mem *m, const struct ical *root, const char *tzid)
{
	for (const struct ical *c = root->child; c; c = c->next) {
		const struct ical *found = c->is_component ? find_definition(m, c, tzid) : NULL;
		if (found)
			return found;
	}
	return find_definition(m, root, tzid);
}

/* What names of an object mean; computing a VTIMEZONE takes long, and an object may name it thousands of times. */
struct zone_memo {
	const char *name;
	const struct zone *zone; /* NULL: none */
	struct zone_memo *next;
};

#define MEMO_MAX 64 /* further ones are looked for in tzdata only */

static bool
remembered(const struct ical_mem *m, const char *name, const struct zone **z_r)
{
	for (const struct zone_memo *z = m->zones; z; z = z->next)
		if (strcmp(z->name, name) == 0) {
			*z_r = z->zone;
			return true;
		}
	return false;
}

static const struct zone *
remember(struct ical_mem *m, const char *name, const struct zone *z)
{
	struct zone_memo *memo = m->n_zones < MEMO_MAX ? ical_alloc(m, 1, sizeof *memo) : NULL;
	char *copy = memo ? ical_dup(m, name, strlen(name)) : NULL;

	if (copy) {
		*memo = (struct zone_memo){ copy, z, m->zones };
		m->zones = memo;
		m->n_zones++;
	}
	return z;
}

static const struct zone *
find_zone(struct ical_mem *m, const struct ical *root, const char *tzid)
{
	const struct zone *z = olson(tzid);
	if (z)
		return z;
	/* Looking through the object takes long, too. */
	const struct ical *own = m->n_zones < MEMO_MAX ? definition(m, root, tzid) : NULL;
	const char *location = own ? ical_value(own, "X-LIC-LOCATION") : NULL;
	if (location && (z = olson(location)))
		return z;
	struct zone *made = own ? ical_alloc(m, 1, sizeof *made) : NULL;
	if (made && zone_compile(m, own, made))
		return made;
	return zone_windows(tzid);
}

const struct zone *
zone_find(struct ical_mem *m, const struct ical *root, const char *tzid)
{
	const struct zone *z;

	return remembered(m, tzid, &z) ? z : remember(m, tzid, find_zone(m, root, tzid));
}

const struct zone *
zone_of_time(struct ical_mem *m, const struct ical *root, const struct ical_time *t)
{
	const struct zone *z = NULL;

	if (t->utc)
		return &utc;
	if (t->tzid && !t->date)
		z = zone_find(m, root, t->tzid);
	const char *of_calendar = z ? NULL : ical_value(ical_component(root, "VCALENDAR"), "X-WR-TIMEZONE");
	if (of_calendar && !remembered(m, of_calendar, &z))
		z = remember(m, of_calendar, zone_named(of_calendar));
	return z ? z : zone_default();
}

/* ---- the default ---- */

static void
find_process_zone(void)
{
	const char *tz = getenv("TZ"), *at;
	char link[256];

	if (tz && *tz)
		process_zone = zone_named(tz + (*tz == ':'));
	ssize_t n = process_zone ? -1 : readlink("/etc/localtime", link, sizeof link - 1);
	if (n > 0) {
		link[n] = '\0';
		at = strstr(link, "zoneinfo/");
		if (at)
			process_zone = zone_named(at + strlen("zoneinfo/"));
	}
	if (!process_zone)
		process_zone = &utc;
}

const struct zone *
zone_default(void)
{
	const struct zone *z = __atomic_load_n(&default_zone, __ATOMIC_ACQUIRE);

	if (!z)
		(void)pthread_once(&process_once, find_process_zone);
	return z ? z : process_zone;
}

bool
zone_set_default(const char *name)
{
	const struct zone *z = name ? zone_named(name) : NULL;

	if (z || !name)
		__atomic_store_n(&default_zone, z, __ATOMIC_RELEASE);
	return z || !name;
}
