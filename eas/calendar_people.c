/* Organizer and attendees. */
#include <string.h>

#include "base/text.h"
#include "eas/calendar.h"

enum { STATUS_UNKNOWN = 0, STATUS_TENTATIVE = 2, STATUS_ACCEPTED = 3, STATUS_DECLINED = 4, STATUS_NONE = 5 };
enum { TYPE_REQUIRED = 1, TYPE_OPTIONAL = 2, TYPE_RESOURCE = 3 };
enum { MEETING = 1, RECEIVED = 2, CANCELLED = 4 };

bool
cal_same_address(const char *a, const char *b)
{
	return *a && text_casecmp(a, b) == 0;
}

const char *
cal_address(struct ical_mem *m, const char *s)
{
	const char *last = strrchr(s, '>'), *open = last ? memrchr(s, '<', (size_t)(last - s)) : NULL;
	const char *close = open ? strchr(open, '>') : s + strlen(s);

	if (open)
		s = open + 1;
	for (s += strspn(s, " "); text_casestarts(s, "mailto:"); s += strspn(s, " "))
		s += strlen("mailto:");
	while (close > s && close[-1] == ' ')
		close--;
	if (close < s)
		close = s;
	char *address = ical_dup(m, s, (size_t)(close - s));
	/* What is left goes into a URI on a line of its own. */
	for (char *p = address; p && *p; p++)
		if ((unsigned char)*p <= ' ' || *p == 0x7F) {
			*p = '\0';
			break;
		}
	return address;
}

/* The address of ORGANIZER or ATTENDEE; EMAIL where the value is no mailto. */
static const char *
address_of(struct cal *c, const struct ical *line)
{
	const char *email = text_casestarts(line->value, "mailto:") ? NULL : ical_param(&c->m, line, "EMAIL");
	const char *text = text_to_utf8(c->m.a, line->value, strlen(line->value));

	c->m.failed = c->m.failed || !text;
	if (!text)
		return "";
	const char *address = cal_address(&c->m, email ? email : text);
	return address ? address : "";
}

static int
status_of(const struct ical *line)
{
	if (ical_param_is(line, "PARTSTAT", "ACCEPTED"))
		return STATUS_ACCEPTED;
	if (ical_param_is(line, "PARTSTAT", "TENTATIVE"))
		return STATUS_TENTATIVE;
	if (ical_param_is(line, "PARTSTAT", "DECLINED"))
		return STATUS_DECLINED;
	return STATUS_NONE;
}

static int
type_of(const struct ical *line)
{
	if (ical_param_is(line, "CUTYPE", "RESOURCE") || ical_param_is(line, "CUTYPE", "ROOM"))
		return TYPE_RESOURCE;
	if (ical_param_is(line, "ROLE", "OPT-PARTICIPANT") || ical_param_is(line, "ROLE", "NON-PARTICIPANT"))
		return TYPE_OPTIONAL;
	return TYPE_REQUIRED;
}

static const struct cal_attendee *
find_attendee(const struct cal_event *ev, const char *email)
{
	for (size_t i = 0; i < ev->n_attendees; i++)
		if (cal_same_address(ev->attendees[i].email, email))
			return &ev->attendees[i];
	return NULL;
}

/* Exchange does not list the organizer among the attendees; nor is anybody listed twice, or after CAL_ATTENDEES_MAX
 * lines. */
static void
read_attendees(struct cal *c, const struct ical *component, struct cal_event *ev, int *own_r)
{
	struct cal_attendee *list = NULL;
	size_t room = 0, n = 0;

	for (const struct ical *line = ical_line(component, "ATTENDEE"); line; line = ical_next_line(line, "ATTENDEE"))
		room += room < CAL_ATTENDEES_MAX;
	if (room)
		list = ical_alloc(&c->m, room, sizeof *list);
	ev->attendees = list;
	for (const struct ical *line = ical_line(component, "ATTENDEE"); list && line;
	    line = ical_next_line(line, "ATTENDEE")) {
		const char *email = address_of(c, line), *name = ical_param(&c->m, line, "CN");
		if (cal_same_address(c->view->address, email))
			*own_r = status_of(line);
		if (n++ >= room || !*email || cal_same_address(ev->organizer_email, email) || find_attendee(ev, email))
			continue;
		ev->response_requested = ev->response_requested || ical_param_is(line, "RSVP", "TRUE");
		list[ev->n_attendees++] = (struct cal_attendee){ email, name && *name ? name : email, status_of(line),
			type_of(line) };
	}
}

void
cal_read_people(struct cal *c, const struct ical *component, struct cal_event *ev)
{
	const struct ical *line = ical_line(component, "ORGANIZER");
	const char *name = line ? ical_param(&c->m, line, "CN") : NULL;
	int own = STATUS_NONE;

	ev->organizer_email = line ? address_of(c, line) : "";
	ev->organizer_name = name ? name : "";
	read_attendees(c, component, ev, &own);
	bool mine = !*ev->organizer_email || cal_same_address(c->view->address, ev->organizer_email);
	if (ev->n_attendees)
		ev->meeting = mine ? MEETING : MEETING | RECEIVED;
	if (ev->meeting && cal_says_cancelled(component))
		ev->meeting |= CANCELLED;
	ev->response_type = !ev->meeting ? 0 : mine ? 1 : own;
}

/* ---- comparing and writing ---- */

static bool
same_status(int a, int b)
{
	bool none_a = a == STATUS_UNKNOWN || a == STATUS_NONE, none_b = b == STATUS_UNKNOWN || b == STATUS_NONE;
	return a == b || (none_a && none_b);
}

/* Is the attendee wanted as it is? A status is not the phone's to say from 16.0 (-1: not said). */
static bool
same_attendee(const struct cal_attendee *now, const struct cal_attendee *want)
{
	if (*want->name && strcmp(want->name, now->name) != 0 && !cal_same_address(want->name, want->email))
		return false;
	return (want->status < 0 || same_status(now->status, want->status)) &&
		(want->type < 0 || want->type == now->type);
}

bool
cal_same_people(const struct cal *c, const struct cal_event *now, const struct cal_event *want)
{
	(void)c;
	for (size_t i = 0; i < now->n_attendees; i++)
		if (!find_attendee(want, now->attendees[i].email))
			return false;
	for (size_t i = 0; i < want->n_attendees; i++) {
		const struct cal_attendee *w = &want->attendees[i], *n = find_attendee(now, w->email);
		/* The organizer is an attendee of nobody's. */
		if (!n && cal_same_address(now->organizer_email, w->email))
			continue;
		if (!n || !same_attendee(n, w))
			return false;
	}
	return true;
}

static const char *
partstat(int status)
{
	switch (status) {
	case STATUS_TENTATIVE:
		return "TENTATIVE";
	case STATUS_ACCEPTED:
		return "ACCEPTED";
	case STATUS_DECLINED:
		return "DECLINED";
	default:
		return "NEEDS-ACTION";
	}
}

static void
put_attendee(struct cal *c, struct ical *line, const struct cal_attendee *w)
{
	if (*w->name && !cal_same_address(w->name, w->email)) {
		const char *now = ical_param(&c->m, line, "CN");
		if (!now || strcmp(now, w->name) != 0)
			ical_put_param(&c->m, line, "CN", w->name);
	}
	if (w->type > 0 && w->type != type_of(line)) {
		ical_put_param(&c->m, line, "ROLE", w->type == TYPE_REQUIRED ? "REQ-PARTICIPANT"
			: w->type == TYPE_OPTIONAL ? "OPT-PARTICIPANT" : "NON-PARTICIPANT");
		ical_put_param(&c->m, line, "CUTYPE", w->type == TYPE_RESOURCE ? "RESOURCE" : NULL);
	}
	if (w->status >= 0 && !same_status(w->status, status_of(line)))
		ical_put_param(&c->m, line, "PARTSTAT", partstat(w->status));
}

static struct ical *
new_attendee(struct cal *c, struct ical *component, const struct cal_attendee *w)
{
	struct ical *line = ical_add(&c->m, component, "ATTENDEE", "", ical_printf(&c->m, "mailto:%s", w->email));

	if (line) {
		ical_put_param(&c->m, line, "PARTSTAT", "NEEDS-ACTION");
		ical_put_param(&c->m, line, "RSVP", "TRUE");
	}
	return line;
}

void
cal_put_attendees(struct cal *c, struct ical *component, const struct cal_event *now, const struct cal_event *want)
{
	const struct ical *organizer = ical_line(component, "ORGANIZER");
	const char *chair = organizer ? address_of(c, organizer) : "";
	bool *seen = ical_alloc(&c->m, want->n_attendees + 1, sizeof *seen);
	struct ical *next, *line = ical_line(component, "ATTENDEE");

	if (!seen)
		return;
	for (size_t n = 0; line && n < CAL_ATTENDEES_MAX; n++, line = next) {
		const char *email = address_of(c, line);
		const struct cal_attendee *w = find_attendee(want, email);
		next = ical_next_line(line, "ATTENDEE");
		if (w && !seen[w - want->attendees])
			put_attendee(c, line, w);
		if (w)
			seen[w - want->attendees] = true;
		else if (find_attendee(now, email)) /* the phone knew of it */
			ical_remove(line);
	}
	for (size_t i = 0; i < want->n_attendees; i++) {
		const struct cal_attendee *w = &want->attendees[i];
		if (seen[i] || !*w->email || find_attendee(want, w->email) != w || cal_same_address(chair, w->email))
			continue;
		line = new_attendee(c, component, w);
		if (line)
			put_attendee(c, line, w);
	}
}

/* Who invites: what the phone says, else (iOS and others say nothing) the user. Never another one than is stored. */
void
cal_put_organizer(struct cal *c, struct ical *component, const struct cal_event *want)
{
	bool said = want->has & CAL_ORGANIZER && *want->organizer_email;
	const char *email = said ? want->organizer_email : c->view->address;
	const char *name = said ? want->organizer_name : c->view->name;

	if (ical_line(component, "ORGANIZER") || !*email)
		return;
	struct ical *line = ical_add(&c->m, component, "ORGANIZER", "", ical_printf(&c->m, "mailto:%s", email));
	if (line && *name && !cal_same_address(name, email))
		ical_put_param(&c->m, line, "CN", name);
}

void
cal_put_response_requested(struct cal *c, struct ical *component, bool on)
{
	for (struct ical *line = ical_line(component, "ATTENDEE"); line; line = ical_next_line(line, "ATTENDEE"))
		if (ical_param_is(line, "RSVP", "TRUE") != on)
			ical_put_param(&c->m, line, "RSVP", on ? "TRUE" : NULL);
}
