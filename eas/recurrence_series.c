/* The instances of a component. */
#include "eas/recurrence.h"

#include <string.h>

#define DAY INT64_C(86400)

struct ical_time *
series_dates(struct ical_mem *m, const struct ical *root, const struct ical *component, const char *name,
	const struct series *s, size_t *n_r, bool *more_r)
{
	size_t room = 0, n = 0;

	for (const struct ical *line = ical_line(component, name); line; line = ical_next_line(line, name)) {
		room++;
		for (const char *p = line->value; *p; p++)
			room += *p == ',';
	}
	*more_r = room > SERIES_MAX;
	room = *more_r ? SERIES_MAX : room;
	*n_r = 0;
	struct ical_time *list = room ? ical_alloc(m, room, sizeof *list) : NULL;
	if (!list)
		return NULL;
	for (const struct ical *line = ical_line(component, name); line; line = ical_next_line(line, name)) {
		const char *tzid = ical_param(m, line, "TZID");
		for (const char *p = line->value; *p && n < room;) {
			char one[40];
			size_t len = strcspn(p, ","), k = strcspn(p, ",/");
			struct ical_time t;
			if (k < sizeof one) {
				memcpy(one, p, k);
				one[k] = '\0';
				if (ical_time_parse(one, &t)) {
					t.tzid = t.date || t.utc ? NULL : tzid;
					const struct zone *z = zone_of_time(m, root, &t);
					if (!t.date && !s->start.date) /* as a wall clock of the series */
						t.t = s->start.utc ? zone_to_utc(z, t.t)
							: zone_to_local(s->zone, zone_to_utc(z, t.t));
					list[n++] = t;
				}
			}
			p += len + (p[len] == ',');
		}
	}
	*n_r = n;
	return list;
}

bool
series_read(struct ical_mem *m, const struct ical *root, const struct ical *component, struct series *s_r)
{
	const struct ical *start = ical_line(component, "DTSTART");

	/* A task may have a DUE only. */
	if (!start && strcmp(component->name, "VTODO") == 0)
		start = ical_line(component, "DUE");
	*s_r = (struct series){ .zone = zone_utc() };
	if (!ical_time(m, start, &s_r->start))
		return false;
	s_r->zone = s_r->start.date ? zone_utc() : zone_of_time(m, root, &s_r->start);
	const struct ical *line = ical_line(component, "RRULE");
	s_r->has_rule = line != NULL;
	s_r->readable = line && !ical_next_line(line, "RRULE") && !ical_line(component, "EXRULE") &&
		rrule_parse(line->value, &s_r->rule) && rrule_expandable(&s_r->rule);
	s_r->rdates = series_dates(m, root, component, "RDATE", s_r, &s_r->n_rdates, &s_r->more_rdates);
	return !m->failed;
}

int64_t
series_utc(const struct series *s, int64_t local)
{
	return s->start.utc || s->start.date ? local : zone_to_utc(s->zone, local);
}

/* Is the wall clock behind UNTIL? UNTIL may be a date where the start is none, and the other way round. */
static bool
behind_until(const struct series *s, int64_t local)
{
	const struct ical_time *u = &s->rule.until;

	if (!s->rule.has_until)
		return false;
	if (u->date || s->start.date)
		return ical_midnight(local) > ical_midnight(u->t);
	return u->utc ? series_utc(s, local) > u->t : local > u->t;
}

enum series_end
series_each(const struct series *s, bool (*fn)(void *ctx, int64_t local), void *ctx)
{
	struct rrule_walk walk;
	int64_t at = s->start.t;

	/* DTSTART is an instance even where the rule does not name it. */
	if (!fn(ctx, s->start.t))
		return SERIES_STOPPED;
	if (!s->has_rule)
		return SERIES_ENDED;
	if (!s->readable)
		return SERIES_BOUND;
	rrule_walk_begin(&walk, &s->rule, s->start.t);
	for (unsigned n = 1; s->rule.count == 0 || n < s->rule.count; n++) {
		do {
			if (n >= SERIES_MAX || !rrule_walk_next(&walk, &at))
				return SERIES_BOUND;
		} while (at <= s->start.t);
		if (behind_until(s, at))
			return SERIES_ENDED;
		if (!fn(ctx, at))
			return SERIES_STOPPED;
	}
	return SERIES_ENDED;
}

struct search {
	int64_t want, found;
	bool day_only, hit;
};

static bool
search_step(void *ctx, int64_t local)
{
	struct search *s = ctx;

	if (s->day_only ? ical_midnight(local) == ical_midnight(s->want) : local == s->want) {
		s->hit = true;
		s->found = local;
	}
	return !s->hit && local < s->want + DAY;
}

bool
series_has(const struct series *s, int64_t local, bool day_only, int64_t *local_r)
{
	struct search search = { .want = local, .day_only = day_only };

	(void)series_each(s, search_step, &search);
	for (size_t i = 0; i < s->n_rdates && !search.hit; i++) {
		int64_t at = s->rdates[i].t;
		search.hit = day_only ? ical_midnight(at) == ical_midnight(local) : at == local;
		search.found = at;
	}
	if (search.hit)
		*local_r = search.found;
	return search.hit;
}

static bool
last_step(void *ctx, int64_t local)
{
	*(int64_t *)ctx = local;
	return true;
}

bool
series_last(const struct series *s, int64_t *local_r)
{
	if (s->has_rule && s->readable && !s->rule.count && !s->rule.has_until)
		return false;
	if (s->more_rdates || series_each(s, last_step, local_r) != SERIES_ENDED)
		return false;
	for (size_t i = 0; i < s->n_rdates; i++)
		if (s->rdates[i].t > *local_r)
			*local_r = s->rdates[i].t;
	return true;
}
