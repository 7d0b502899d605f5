"""Recurring events with moved and deleted instances, made and edited on either side: the phone, and what CalDAV then holds."""
import datetime
import re
import unittest
import zoneinfo

from case import VERSIONS, both
from test_calendar import Dav
from wbxml import children, find, text

BERLIN = ("xP///1cALgAgAEUAdQByAG8AcABlACAAUwB0AGEAbgBkAGEAcgBkACAAVABpAG0AZQAAAAAAAAAAAAAAAAAAAAAAAAAAAAoAAAAFAAMAAAAAAAAAAAAAAFcALgAg"
          "AEUAdQByAG8AcABlACAARABhAHkAbABpAGcAaAB0ACAAVABpAG0AZQAAAAAAAAAAAAAAAAAAAAAAAAAAAAMAAAAFAAIAAAAAAAAAxP///w==")

# Mondays at ten in Berlin, which changes its clocks between the third and the fourth.
HEAD = ("BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:-//Test//Test//EN\nBEGIN:VEVENT\nUID:{uid}\nDTSTAMP:20260101T000000Z\n"
        "DTSTART;TZID=Europe/Berlin:20260309T100000\nDTEND;TZID=Europe/Berlin:20260309T110000\nSUMMARY:Series\nX-EXTRA:kept\n"
        "RRULE:FREQ=WEEKLY;COUNT=5\n")
DELETED, MOVED, MOVED_TO, MOVED_END = "20260316T090000Z", "20260330T080000Z", "20260330T120000Z", "20260330T130000Z"


def vevents(ics):
    """Each VEVENT as {name: [(parameters, value)]}."""
    out = []
    for block in re.findall(r"BEGIN:VEVENT\n(.*?)END:VEVENT\n", ics, re.S):
        lines = {}
        for line in block.splitlines():
            head, value = line.split(":", 1)
            name, *parameters = head.split(";")
            lines.setdefault(name, []).append((";".join(parameters), value))
        out.append(lines)
    return out


def utc(line):
    """The times of a property as a phone would say them; dates as midnights."""
    parameters, values = line
    out = []
    for value in values.split(","):
        if "T" not in value:
            out.append(f"{value}T000000Z")
            continue
        zone = re.search(r"TZID=\"?([^;\"]+)", parameters)
        at = datetime.datetime.strptime(value.rstrip("Z"), "%Y%m%dT%H%M%S")
        if zone:
            at = at.replace(tzinfo=zoneinfo.ZoneInfo(zone[1])).astimezone(datetime.timezone.utc)
        out.append(at.strftime("%Y%m%dT%H%M%SZ"))
    return out


class Series(Dav):
    def synced(self, version):
        p = self.phone(version)
        calendar = p.folder(type=8)
        p.sync(calendar)
        return p, calendar

    def item(self, calendar, subject):
        return next((id, data) for id, data in calendar.items.items() if text(data, "Calendar:Subject") == subject)

    def fields(self, version, subject="Series", **more):
        data = {"Timezone": BERLIN, "StartTime": "20260309T090000Z", "Subject": subject, "EndTime": "20260309T100000Z", "Sensitivity": "0",
                "BusyStatus": "2", "AllDayEvent": "0", **more}
        return [(f"Calendar:{k}", v) for k, v in data.items() if v is not None]

    RECURRENCE = ("Calendar:Recurrence", [("Calendar:Type", "1"), ("Calendar:Interval", "1"), ("Calendar:DayOfWeek", "2"),
                                          ("Calendar:Occurrences", "5")])

    def exceptions(self, version, *list):
        """Of (start in the series, None where it is deleted, else its fields)."""
        start = "AirSyncBase:InstanceId" if version >= "16" else "Calendar:ExceptionStartTime"
        return ("Calendar:Exceptions", [("Calendar:Exception", [(start, at)] + ([("Calendar:Deleted", "1")] if fields is None else
                                         [(f"Calendar:{k}", v) for k, v in fields.items()])) for at, fields in list])

    def shown(self, data):
        """{start in the series: None where it is deleted, else (start, subject)}."""
        out = {}
        for x in children(find(data, "Calendar:Exceptions")):
            at = text(x, "AirSyncBase:InstanceId") or text(x, "Calendar:ExceptionStartTime")
            out[at] = None if text(x, "Calendar:Deleted") == "1" else (text(x, "Calendar:StartTime"), text(x, "Calendar:Subject"))
        return out

    def assert_stored(self, path, deleted, moved, subject="Series"):
        """moved: {start in the series: (start, summary)}."""
        events = vevents(self.get(path))
        master, = (e for e in events if "RECURRENCE-ID" not in e)
        self.assertEqual(master["SUMMARY"][0][1], subject)
        self.assertRegex(master["RRULE"][0][1], "FREQ=WEEKLY")
        self.assertEqual(sorted(t for line in master.get("EXDATE", []) for t in utc(line)), sorted(deleted))
        self.assertEqual({utc(e["RECURRENCE-ID"][0])[0]: (utc(e["DTSTART"][0])[0], e["SUMMARY"][0][1]) for e in events if e is not master},
                         moved)
        self.assertEqual({e["UID"][0][1] for e in events}, {master["UID"][0][1]})
        return events

    def test_made_on_the_phone_with_exceptions(self):
        for version in VERSIONS:
            with self.subTest(version):
                p, calendar = self.synced(version)
                known = set(self.names("calendar"))
                subject = f"Series {version}"
                data = self.fields(version, subject, UID=None if version >= "16" else f"{version}@phone")
                data += [self.RECURRENCE, self.exceptions(version, (DELETED, None), (MOVED, {
                    "Subject": "Moved", "StartTime": MOVED_TO, "EndTime": MOVED_END}))]
                id = p.added(calendar, p.sync(calendar, [p.add(calendar, data)]), data)
                name, = set(self.names("calendar")) - known
                path = f"calendar/{name}"
                self.assert_stored(path, [DELETED], {MOVED: (MOVED_TO, "Moved")}, subject)
                count = len(calendar.items)
                p.sync(calendar)
                self.assertEqual(len(calendar.items), count, "its own event came back")
                # Edited there: another one goes, and the moved one moves on.
                ics = self.get(path)
                ics = re.sub(r"((?:DTSTART|DTEND)[^:\n]*):20260330T", r"\1:20260331T", ics)
                self.put(path, ics.replace("EXDATE", "EXDATE;TZID=Europe/Berlin:20260406T100000\nEXDATE", 1))
                p.sync(calendar)
                self.assertEqual(self.shown(calendar.items[id]), {
                    DELETED: None, "20260406T080000Z": None, MOVED: ("20260331T120000Z", "Moved")})

    def test_instances_changed_on_the_phone(self):
        for version in VERSIONS:
            with self.subTest(version):
                path, subject = f"calendar/s{version}.ics", f"Series {version}"
                self.put(path, HEAD.format(uid=f"s{version}").replace("SUMMARY:Series", f"SUMMARY:{subject}") + "END:VEVENT\nEND:VCALENDAR\n")
                p, calendar = self.synced(version)
                id, data = self.item(calendar, subject)
                moved = {"Subject": "Moved", "StartTime": MOVED_TO, "EndTime": MOVED_END}
                if version >= "16":
                    answer = p.sync(calendar, [self.change_instance(id, MOVED, moved), self.delete_instance(id, DELETED)])
                else:
                    whole = [e for e in children(data) if e[0].startswith("Calendar:")]
                    answer = p.sync(calendar, [p.change(id, whole + [self.exceptions(version, (DELETED, None), (MOVED, moved))])])
                self.assertIsNone(find(answer, "AirSync:Responses"), answer)
                events = self.assert_stored(path, [DELETED], {MOVED: (MOVED_TO, "Moved")}, subject)
                self.assertEqual([e["X-EXTRA"][0][1] for e in events], ["kept", "kept"])
                # A phone that sets up now sees what this one made.
                other, theirs = self.synced(version)
                id2, data2 = self.item(theirs, subject)
                self.assertEqual(self.shown(data2), {DELETED: None, MOVED: (MOVED_TO, "Moved")})
                # The series gets another name: the instances stay where they are, and keep what they have of their own.
                fresh = [(n, f"New {version}" if n == "Calendar:Subject" else v) for n, v in children(data2) if n.startswith("Calendar:")
                         and not (version >= "16" and n == "Calendar:Exceptions")]
                other.sync(theirs, [other.change(id2, fresh)])
                self.assert_stored(path, [DELETED], {MOVED: (MOVED_TO, "Moved")}, f"New {version}")
                # The moved one goes, too; the first phone learns of both.
                if version >= "16":
                    other.sync(theirs, [self.delete_instance(id2, MOVED)])
                else:
                    other.sync(theirs, [other.change(id2, [e for e in fresh if e[0] != "Calendar:Exceptions"] + [
                        self.exceptions(version, (DELETED, None), (MOVED, None))])])
                self.assert_stored(path, [DELETED, MOVED], {}, f"New {version}")
                p.sync(calendar)
                self.assertEqual(self.shown(calendar.items[id]), {DELETED: None, MOVED: None})
                self.assertEqual(text(calendar.items[id], "Calendar:Subject"), f"New {version}")

    def test_days_of_an_all_day_series(self):
        for version in VERSIONS:
            with self.subTest(version):
                path, subject = f"calendar/d{version}.ics", f"Days {version}"
                self.put(path, re.sub(r"(DTSTART|DTEND);TZID=Europe/Berlin:\d{8}T\d{6}", lambda m: m[1] + ";VALUE=DATE:" + (
                    "20260309" if m[1] == "DTSTART" else "20260310"), HEAD.format(uid=f"d{version}")).replace("SUMMARY:Series", f"SUMMARY:{subject}")
                    + "END:VEVENT\nEND:VCALENDAR\n")
                p, calendar = self.synced(version)
                id, data = self.item(calendar, subject)
                # As far from the start as the phone says the start is from midnight.
                first = datetime.datetime.strptime(text(data, "Calendar:StartTime"), "%Y%m%dT%H%M%SZ")

                def day(n):
                    return (first + datetime.timedelta(days=n)).strftime("%Y%m%dT%H%M%SZ")
                moved = {"Subject": "Moved", "StartTime": day(15), "EndTime": day(16)}
                if version >= "16":
                    answer = p.sync(calendar, [self.change_instance(id, day(14), moved), self.delete_instance(id, day(7))])
                else:
                    whole = [e for e in children(data) if e[0].startswith("Calendar:")]
                    answer = p.sync(calendar, [p.change(id, whole + [self.exceptions(version, (day(7), None), (day(14), moved))])])
                self.assertIsNone(find(answer, "AirSync:Responses"), answer)
                self.assert_stored(path, ["20260316T000000Z"], {"20260323T000000Z": ("20260324T000000Z", "Moved")}, subject)
                self.assertIn("EXDATE;VALUE=DATE:20260316\n", self.get(path))
                self.assertIn("RECURRENCE-ID;VALUE=DATE:20260323\n", self.get(path))
                _, theirs = self.synced(version)
                self.assertEqual(self.shown(self.item(theirs, subject)[1]), {day(7): None, day(14): (day(15), "Moved")})

    @staticmethod
    def change_instance(id, at, fields):
        return ("AirSync:Change", [("AirSync:ServerId", id), ("AirSyncBase:InstanceId", at),
                                   ("AirSync:ApplicationData", [(f"Calendar:{k}", v) for k, v in fields.items()])])

    @staticmethod
    def delete_instance(id, at):
        return ("AirSync:Delete", [("AirSync:ServerId", id), ("AirSyncBase:InstanceId", at)])


SeriesMariaDB = both(Series)

if __name__ == "__main__":
    unittest.main()
