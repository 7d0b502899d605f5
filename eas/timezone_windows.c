/* Windows names of zones, and which zone has certain clocks. */
#include <pthread.h>
#include <string.h>

#include "base/text.h"
#include "eas/timezone_internal.h"

static const struct {
	const char *name, *territory, *ids; /* separated by spaces */
} table[] = {
#define WINDOWS_ZONE(name, territory, ids) { name, territory, ids },
#include "eas/windowszones.def"
#undef WINDOWS_ZONE
};

/* Of several zones with the same clocks these are meant most often. */
static const char *const common[] = {
	"W. Europe Standard Time", "GMT Standard Time", "Eastern Standard Time", "Central Standard Time", "Mountain Standard Time",
	"Pacific Standard Time", "E. Europe Standard Time", "FLE Standard Time", "India Standard Time", "China Standard Time",
	"Tokyo Standard Time", "AUS Eastern Standard Time", "E. South America Standard Time",
};

static const struct zone *
of_ids(const char *ids)
{
	char first[64];
	size_t n = strcspn(ids, " ");

	if (n >= sizeof first)
		return NULL;
	memcpy(first, ids, n);
	first[n] = '\0';
	return zone_builtin(first);
}

const struct zone *
zone_windows(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(table); i++)
		if (strcmp(table[i].territory, "001") == 0 && text_casecmp(table[i].name, name) == 0)
			return of_ids(table[i].ids);
	return NULL;
}

/* Rules of the zones that stand for Windows names, computed once per year. */
static struct {
	pthread_mutex_t lock;
	int64_t year;
	const struct zone *zones[ARRAY_LEN(table)];
	struct zone_rule rules[ARRAY_LEN(table)];
} known = { .lock = PTHREAD_MUTEX_INITIALIZER };

/* Under the lock. */
static void
compute(int64_t year)
{
	if (known.year == year)
		return;
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		known.zones[i] = strcmp(table[i].territory, "001") == 0 ? of_ids(table[i].ids) : NULL;
		if (known.zones[i])
			zone_rule_of(known.zones[i], year, &known.rules[i]);
	}
	known.year = year;
}

/* Index of the row; ARRAY_LEN(table) if there is none. */
static size_t
row_by_rule(const struct zone_rule *r, int64_t year)
{
	size_t found = ARRAY_LEN(table);

	if (pthread_mutex_lock(&known.lock) != 0)
		return found;
	compute(year);
	for (size_t c = 0; c < ARRAY_LEN(common) && found == ARRAY_LEN(table); c++)
		for (size_t i = 0; i < ARRAY_LEN(table) && found == ARRAY_LEN(table); i++)
			if (known.zones[i] && strcmp(table[i].name, common[c]) == 0 && zone_rule_same(&known.rules[i], r, year))
				found = i;
	for (size_t i = 0; i < ARRAY_LEN(table) && found == ARRAY_LEN(table); i++)
		if (known.zones[i] && zone_rule_same(&known.rules[i], r, year))
			found = i;
	(void)pthread_mutex_unlock(&known.lock);
	return found;
}

const struct zone *
zone_by_rule(const struct zone_rule *r, int64_t year)
{
	size_t row = row_by_rule(r, year);
	return row < ARRAY_LEN(table) ? of_ids(table[row].ids) : NULL;
}

static bool
has_word(const char *list, const char *word)
{
	size_t n = strlen(word);

	for (const char *p = list; *p;) {
		size_t k = strcspn(p, " ");
		if (k == n && memcmp(p, word, n) == 0)
			return true;
		p += k + (p[k] == ' ');
	}
	return false;
}

/* CLDR has the older name of each zone: the ones of another name with all the same changes. */
static bool
alias(const struct zone *a, const struct zone *b)
{
	if (a->n != b->n || a->n == 0 || a->first != b->first)
		return false;
	for (size_t i = 0; i < a->n; i++)
		if (a->changes[i].utc != b->changes[i].utc || a->changes[i].offset != b->changes[i].offset)
			return false;
	return true;
}

/* What was found for a zone; a calendar asks for the same one again and again. */
static struct {
	pthread_mutex_t lock;
	size_t n;
	struct {
		const struct zone *zone;
		const char *name;
	} v[64];
} aliases = { .lock = PTHREAD_MUTEX_INITIALIZER };

/* Under the lock. */
static const char *
find_alias(const struct zone *z)
{
	const char *name = NULL;

	for (size_t i = 0; i < aliases.n; i++)
		if (aliases.v[i].zone == z)
			return aliases.v[i].name;
	for (size_t i = 0; i < ARRAY_LEN(table) && !name; i++) {
		const struct zone *other = strcmp(table[i].territory, "001") == 0 ? of_ids(table[i].ids) : NULL;
		if (other && alias(z, other))
			name = table[i].name;
	}
	if (aliases.n < ARRAY_LEN(aliases.v)) {
		aliases.v[aliases.n].zone = z;
		aliases.v[aliases.n++].name = name;
	}
	return name;
}

static const char *
windows_alias(const struct zone *z)
{
	if (pthread_mutex_lock(&aliases.lock) != 0)
		return NULL;
	const char *name = find_alias(z);
	(void)pthread_mutex_unlock(&aliases.lock);
	return name;
}

const char *
zone_windows_name(const struct zone *z)
{
	if (z == zone_utc())
		return "UTC";
	for (size_t i = 0; i < ARRAY_LEN(table); i++)
		if (has_word(table[i].ids, z->name) || text_casecmp(table[i].name, z->name) == 0)
			return table[i].name;
	return z->builtin ? windows_alias(z) : NULL;
}
