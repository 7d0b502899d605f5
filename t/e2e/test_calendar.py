"""Events, tasks and contacts, both ways: the phone, and what CalDAV and CardDAV then hold."""
import base64
import email
import re
import subprocess
import unittest

import wbxml
from case import VERSIONS, Case, both
from phone import Phone
from wbxml import children, find, text

EVENT = """BEGIN:VCALENDAR
VERSION:2.0
PRODID:-//Test//Test//EN
X-CALENDAR-EXTRA:kept
BEGIN:VEVENT
UID:{uid}
DTSTAMP:20260101T000000Z
DTSTART:{start}
DTEND:{end}
SUMMARY:{summary}
LOCATION:Room 1
X-EXTRA;X-P=1:kept as it is
ATTACH:https://example.org/file.pdf
{more}BEGIN:VALARM
ACTION:AUDIO
TRIGGER:-PT10M
X-ALARM:kept
END:VALARM
END:VEVENT
END:VCALENDAR
"""


class Dav(Case):
    """The collections of one user."""
    @property
    def dav(self):
        return self.bench.parts["caldav"]

    def put(self, path, body):
        status, _, _ = self.dav.request("PUT", f"/{self.user}/{path}", body.replace("\n", "\r\n"), self.user)
        self.assertIn(status, (201, 204), status)

    def get(self, path):
        status, _, body = self.dav.request("GET", f"/{self.user}/{path}", user=self.user)
        return body.decode().replace("\r\n ", "").replace("\r\n", "\n") if status == 200 else None

    def names(self, collection):
        status, _, body = self.dav.request("PROPFIND", f"/{self.user}/{collection}/", user=self.user, Depth="1")
        return sorted(h.rsplit("/", 1)[1] for h in re.findall(r"<href>([^<]*)</href>", body.decode()) if not h.endswith("/"))

    def only(self, collection):
        name, = self.names(collection)
        return f"{collection}/{name}"


class Calendar(Dav):
    def calendar(self, version):
        p = self.phone(version)
        return p, p.folder(type=8)

    def event(self, version, subject="Lunch", **more):
        out = []
        if version < "16":
            out += [("Calendar:UID", f"{subject}-{version}@phone")]
        fields = {"DtStamp": "20260105T080000Z", "StartTime": "20260301T110000Z", "EndTime": "20260301T120000Z", "Subject": subject,
                  "AllDayEvent": "0", "BusyStatus": "2", "Sensitivity": "0", **more}
        if version >= "16":
            del fields["DtStamp"]
        return out + [(f"Calendar:{k}", v) for k, v in fields.items() if v is not None]

    def test_made_on_the_phone(self):
        for version in VERSIONS:
            with self.subTest(version):
                p, calendar = self.calendar(version)
                p.sync(calendar)
                known = set(self.names("calendar"))
                data = self.event(version, f"Lunch {version}")
                p.added(calendar, p.sync(calendar, [p.add(calendar, data)]), data)
                name, = set(self.names("calendar")) - known
                stored = self.get(f"calendar/{name}")
                self.assertIn(f"SUMMARY:Lunch {version}", stored)
                self.assertRegex(stored, r"DTSTART[^:\n]*:20260301T110000Z")
                count = len(calendar.items)
                p.sync(calendar)
                self.assertEqual(len(calendar.items), count, "its own event came back as an Add")

    def test_add_repeated_with_a_new_client_id_makes_one(self):
        p, calendar = self.calendar("14.1")
        p.sync(calendar)
        data = self.event("14.1", "Once")
        key = calendar.key
        p.post("Sync", p.sync_tree(p.collection(calendar, [p.add(calendar, data)], key=key)))     # the answer is lost
        p.added(calendar, p.sync(calendar, [p.add(calendar, data)]), data)
        self.assertEqual(len(self.names("calendar")), 1)

    def test_add_repeated_with_another_client_id_and_text_is_known_by_its_uid(self):
        p, calendar = self.calendar("16.1")
        p.sync(calendar)
        key = calendar.key
        first, second = (self.event("16.1", s) + [("Calendar:ClientUid", "2C6A")] for s in ("Draft", "Final"))
        p.post("Sync", p.sync_tree(p.collection(calendar, [p.add(calendar, first)], key=key)))     # the answer is lost
        p.sync(calendar, [p.add(calendar, second)])
        self.assertIn("SUMMARY:Final", self.get(self.only("calendar")))

    def test_changed_on_the_server_and_edited_on_the_phone(self):
        for version in VERSIONS:
            with self.subTest(version):
                path = f"calendar/e{version}.ics"
                ics = EVENT.format(uid=f"e{version}", start="20260310T090000Z", end="20260310T100000Z", summary="Meeting", more="")
                self.put(path, ics)
                p, calendar = self.calendar(version)
                p.sync(calendar)
                id, = [i for i, d in calendar.items.items() if text(d, "Calendar:UID") == f"e{version}"]
                self.put(path, ics.replace("Meeting", "Moved meeting"))
                p.sync(calendar)
                data = calendar.items[id]
                self.assertEqual(text(data, "Calendar:Subject"), "Moved meeting")
                edited = [(n, "Edited here" if n == "Calendar:Subject" else v) for n, v in children(data)
                          if n.startswith("Calendar:") and n not in ("Calendar:Attendees", "Calendar:OrganizerName", "Calendar:OrganizerEmail",
                                                                       "Calendar:ResponseType", "Calendar:AppointmentReplyTime")]
                answer = p.sync(calendar, [p.change(id, edited)])
                self.assertIsNone(find(answer, "AirSync:Responses"))
                stored = self.get(path)
                for line in ("SUMMARY:Edited here", "X-EXTRA;X-P=1:kept as it is", "ATTACH:https://example.org/file.pdf",
                             "X-ALARM:kept", "X-CALENDAR-EXTRA:kept", f"UID:e{version}"):
                    self.assertIn(line, stored)

    def test_all_day_is_the_same_day(self):
        self.put("calendar/day.ics", EVENT.format(uid="day", start="20260704", end="20260705", summary="Day", more="")
                 .replace("DTSTART:", "DTSTART;VALUE=DATE:").replace("DTEND:", "DTEND;VALUE=DATE:"))
        for version in VERSIONS:
            with self.subTest(version):
                p, calendar = self.calendar(version)
                p.sync(calendar)
                data, = calendar.items.values()
                self.assertEqual(text(data, "Calendar:AllDayEvent"), "1")
                if version >= "16":
                    self.assertEqual(text(data, "Calendar:StartTime"), "20260704T000000Z")

    def test_series_with_a_moved_and_a_deleted_instance(self):
        more = "RRULE:FREQ=WEEKLY;COUNT=5\nEXDATE:20260316T090000Z\n"
        ics = EVENT.format(uid="series", start="20260309T090000Z", end="20260309T100000Z", summary="Series", more=more)
        moved = ("BEGIN:VEVENT\nUID:series\nDTSTAMP:20260101T000000Z\nRECURRENCE-ID:20260323T090000Z\nDTSTART:20260323T140000Z\n"
                 "DTEND:20260323T150000Z\nSUMMARY:Moved\nEND:VEVENT\nEND:VCALENDAR")
        self.put("calendar/series.ics", ics.replace("END:VCALENDAR", moved))
        for version in VERSIONS:
            with self.subTest(version):
                p, calendar = self.calendar(version)
                p.sync(calendar)
                data, = calendar.items.values()
                self.assertEqual(text(data, "Calendar:Recurrence", "Calendar:Type"), "1")
                self.assertEqual(text(data, "Calendar:Recurrence", "Calendar:Occurrences"), "5")
                exceptions = children(find(data, "Calendar:Exceptions"))
                self.assertEqual(len(exceptions), 2)
                self.assertEqual(sorted(text(x, "Calendar:Deleted") or "0" for x in exceptions), ["0", "1"])

    def test_deleted_both_ways(self):
        for version in VERSIONS:
            with self.subTest(version):
                for n in ("a", "b"):
                    self.put(f"calendar/{n}.ics", EVENT.format(uid=n, start="20260310T090000Z", end="20260310T100000Z", summary=n, more=""))
                p, calendar = self.calendar(version)
                p.sync(calendar)
                first = next(i for i, d in calendar.items.items() if text(d, "Calendar:Subject") == "a")
                p.sync(calendar, [p.delete(first)])
                calendar.items.pop(first)
                self.assertEqual(self.names("calendar"), ["b.ics"])
                self.dav.request("DELETE", f"/{self.user}/calendar/b.ics", user=self.user)
                p.sync(calendar)
                self.assertEqual(calendar.items, {})

    def test_conflict_the_server_wins_by_default(self):
        ics = EVENT.format(uid="c", start="20260310T090000Z", end="20260310T100000Z", summary="Before", more="")
        self.put("calendar/c.ics", ics)
        p, calendar = self.calendar("14.1")
        p.sync(calendar)
        id, = calendar.items
        self.put("calendar/c.ics", ics.replace("Before", "Server's"))
        answer = p.sync_once(calendar, [p.change(id, self.event("14.1", "Phone's"))])
        self.assertEqual(text(find(answer, "AirSync:Responses"), "AirSync:Change", "AirSync:Status"), "7")
        p.sync(calendar)
        self.assertEqual(text(calendar.items[id], "Calendar:Subject"), "Server's")
        self.assertIn("SUMMARY:Server's", self.get("calendar/c.ics"))

    def test_unreadable_event_does_not_stop_the_rest(self):
        self.put("calendar/good.ics", EVENT.format(uid="g", start="20260310T090000Z", end="20260310T100000Z", summary="Good", more=""))
        folder = self.bench.dir / "radicale"
        root = next(folder.rglob(f"collection-root/{self.user}/calendar"))
        (root / "bad.ics").write_text(EVENT.format(uid="bad", start="20260310T090000Z", end="20260310T100000Z", summary="Bad",
                                                   more="RRULE:FREQ=SECONDLY\n"))
        p, calendar = self.calendar("14.1")
        p.sync(calendar)
        self.assertEqual([text(d, "Calendar:Subject") for d in calendar.items.values()], ["Good"])
        listed = subprocess.run([str(self.bench.build / "bin/cpush-admin"), "-c", str(self.bench.config), "trouble", "list", self.user],
                                text=True, timeout=60, capture_output=True).stdout
        self.assertRegex(listed, r"bad\.ics.*: event: EAS has no word for its recurrence rule")

    NOTE = "ATTACH;FMTTYPE=text/plain;ENCODING=BASE64;VALUE=BINARY;X-FILENAME=note.txt:SGVsbG8sIHdvcmxkCg==\n"

    def attachments(self, data):
        return {text(a, "AirSyncBase:DisplayName"): text(a, "AirSyncBase:FileReference")
                for a in children(find(data, "AirSyncBase:Attachments"))}

    def fetch(self, p, reference, range=None, **more):
        options = [("ItemOperations:Options", [("ItemOperations:Range", range)])] if range else []
        return p.post("ItemOperations", ("ItemOperations:ItemOperations", [("ItemOperations:Fetch", [
            ("ItemOperations:Store", "Mailbox"), ("AirSyncBase:FileReference", reference), *options])]), **more)

    def fetched(self, p, reference, range=None):
        answer = find(self.fetch(p, reference, range).tree, "ItemOperations:Response", "ItemOperations:Fetch")
        data = text(answer, "ItemOperations:Properties", "ItemOperations:Data")
        return text(answer, "ItemOperations:Status"), None if data is None else base64.b64decode(data)

    def test_attachments_of_an_event(self):
        self.put("calendar/a.ics", EVENT.format(uid="a", start="20260310T090000Z", end="20260310T100000Z", summary="With", more=self.NOTE))
        p, calendar = self.calendar("16.1")
        p.sync(calendar)
        (id, data), = calendar.items.items()
        self.assertEqual(list(self.attachments(data)), ["note.txt"], "the link is not to be had from us")
        note = self.attachments(data)["note.txt"]
        self.assertEqual(self.fetched(p, note), ("1", b"Hello, world\n"))
        self.assertEqual(self.fetched(p, note, "7-11"), ("1", b"world"))
        whole = self.fetch(p, note, headers={"MS-ASAcceptMultiPart": "T"})
        self.assertTrue(whole.body.endswith(b"Hello, world\n") and b"SGVsbG8" not in whole.body, whole.body)
        stranger = self.new_user()
        other = Phone(self.bench.port, user=stranger, version="16.1", device="STRANGER")
        self.assertEqual(other.folder_sync(), "1")
        other.sync(other.folder(type=8))
        own = next(f.id for f in other.folders.values() if f.type == 8)
        for reference in (note, f"{own}:{note.split(':', 1)[1]}", note.rsplit(":", 1)[0] + ":1"):
            status, content = self.fetched(other, reference)
            self.assertIn(status, ("6", "15"))
            self.assertIsNone(content)
        # one more, of which the answer says what it is called; the request once more says the same
        change = p.change(id, [("AirSyncBase:Attachments", [("AirSyncBase:Add", [
            ("AirSyncBase:ClientId", "photo"), ("AirSyncBase:Content", b"\xff\xd8jpeg"), ("AirSyncBase:ContentType", "image/jpeg"),
            ("AirSyncBase:DisplayName", "photo.jpg"), ("AirSyncBase:Method", "1")])])])
        key, known = calendar.key, []
        for _ in range(2):
            answer = p.sync_once(calendar, [change], key=key)
            response = find(answer, "AirSync:Responses", "AirSync:Change")
            self.assertEqual(text(response, "AirSync:Status"), "1")
            attachment = find(response, "AirSync:ApplicationData", "AirSyncBase:Attachments", "AirSyncBase:Attachment")
            self.assertEqual(text(attachment, "AirSyncBase:ClientId"), "photo")
            known.append(text(attachment, "AirSyncBase:FileReference"))
        self.assertEqual(known[0], known[1])
        self.assertEqual(self.fetched(p, known[0]), ("1", b"\xff\xd8jpeg"))
        stored = self.get("calendar/a.ics")
        self.assertEqual(stored.count("image/jpeg"), 1)
        self.assertIn("SGVsbG8sIHdvcmxkCg==", stored)
        # another phone sees both; one takes the first away
        second, theirs = self.calendar("16.0")
        second.sync(theirs)
        data, = theirs.items.values()
        self.assertEqual(self.attachments(data), {"note.txt": note, "photo.jpg": known[0]})
        second.sync(theirs, [second.change(id, [("AirSyncBase:Attachments", [
            ("AirSyncBase:Delete", [("AirSyncBase:FileReference", note)])])])])
        stored = self.get("calendar/a.ics")
        self.assertNotIn("SGVsbG8sIHdvcmxkCg==", stored)
        self.assertIn("ATTACH:https://example.org/file.pdf", stored)
        self.assertEqual(self.fetched(p, note)[0], "15")
        p.sync(calendar)
        self.assertEqual(self.attachments(calendar.items[id]), {"photo.jpg": known[0]})

    def test_attachments_of_a_new_event_and_too_large_ones(self):
        p, calendar = self.calendar("16.1")
        p.sync(calendar)

        def data(subject, content):
            return self.event("16.1", subject) + [("AirSyncBase:Attachments", [("AirSyncBase:Add", [
                ("AirSyncBase:ClientId", "f"), ("AirSyncBase:Content", content), ("AirSyncBase:DisplayName", "f.bin"),
                ("AirSyncBase:Method", "1")])])]
        small = data("Small", b"123")
        key, known = calendar.key, []
        for _ in range(2):      # the first answer is lost
            answer = p.sync_once(calendar, [p.add(calendar, small, "c")], key=key)
            response = find(answer, "AirSync:Responses", "AirSync:Add", "AirSync:ApplicationData")
            known.append((text(response, "Calendar:UID"), text(response, "AirSyncBase:Attachments", "AirSyncBase:Attachment",
                                                               "AirSyncBase:FileReference")))
        self.assertEqual(known[0], known[1])
        self.assertIn(f"UID:{known[0][0]}\n", self.get(self.only("calendar")))
        self.assertEqual(self.fetched(p, known[0][1]), ("1", b"123"))
        id, = calendar.items
        answer = p.sync_once(calendar, [p.add(calendar, data("Large", bytes(4 << 20))), p.change(id, data("Larger", bytes(4 << 20)))])
        statuses = [text(r, "AirSync:Status") for r in children(find(answer, "AirSync:Responses"))]
        self.assertEqual(statuses, ["122", "122"])
        self.assertIn("SUMMARY:Small", self.get(self.only("calendar")))

    def test_an_instance_is_forwarded(self):
        self.put("calendar/s.ics", EVENT.format(uid="s", start="20260309T090000Z", end="20260309T100000Z", summary="Series",
                                                more="RRULE:FREQ=WEEKLY;COUNT=5\nORGANIZER:mailto:boss@example.org\n"))
        for version in ("14.1", "16.1"):
            with self.subTest(version):
                p, calendar = self.calendar(version)
                p.sync(calendar)
                id, = calendar.items
                before = [raw for _, raw in self.imap.sent()]
                mime = (b"From: me@example.org\r\nTo: you@example.org\r\nSubject: Fw: Series\r\nDate: Mon, 05 Jan 2026 10:00:00 +0000\r\n"
                        b"Content-Type: text/plain\r\n\r\nSee there\r\n")
                what = ([("ComposeMail:Mime", mime)] if version < "16" else
                        [("ComposeMail:Forwardees", [("ComposeMail:Forwardee", [("ComposeMail:Email", "you@example.org")])])])

                def forward(instance):
                    return p.post("SmartForward", ("ComposeMail:SmartForward", [("ComposeMail:ClientId", p.client_id()), (
                        "ComposeMail:Source", [("ComposeMail:FolderId", calendar.id), ("ComposeMail:ItemId", id),
                                               ("ComposeMail:InstanceId", instance)]), *what]))
                self.assertEqual(forward("2026-03-16T09:00:00.000Z").body, b"")
                message, = (raw for _, raw in self.imap.sent() if raw not in before)
                mail = email.message_from_bytes(message)
                event, = (part.get_payload(decode=True).decode() for part in mail.walk() if part.get_content_type() == "text/calendar")
                self.assertIn("METHOD:REQUEST", event)
                self.assertIn("RECURRENCE-ID:20260316T090000Z", event)
                self.assertNotIn("RRULE", event)
                self.assertNotIn("VALARM", event)
                self.assertEqual(text(forward("2026-03-17T10:00:00.000Z").tree, "ComposeMail:Status"), "150")

    def test_push_of_an_event(self):
        p, calendar = self.calendar("14.1")
        p.sync(calendar)
        connection = p.start_ping([calendar], 300)
        self.put("calendar/p.ics", EVENT.format(uid="p", start="20260310T090000Z", end="20260310T100000Z", summary="Pushed", more=""))
        tree = p.receive(connection).tree
        self.assertEqual(text(tree, "Ping:Status"), "2")
        p.sync(calendar)
        self.assertEqual(len(calendar.items), 1)


CARD = """BEGIN:VCARD
VERSION:3.0
UID:card
FN:Ada Lovelace
N:Lovelace;Ada;;;
EMAIL;TYPE=INTERNET:ada1@example.org
EMAIL;TYPE=INTERNET:ada2@example.org
EMAIL;TYPE=INTERNET:ada3@example.org
EMAIL;TYPE=INTERNET:ada4@example.org
EMAIL;TYPE=INTERNET:ada5@example.org
TEL;TYPE=CELL:+49 1
X-EXTRA:kept
PHOTO;ENCODING=b;TYPE=PNG:iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==
END:VCARD
"""


class Contacts(Dav):
    def contacts(self, version):
        p = self.phone(version)
        return p, p.folder(type=9)

    def test_made_on_the_phone(self):
        for version in VERSIONS:
            with self.subTest(version):
                p, contacts = self.contacts(version)
                p.sync(contacts)
                known = set(self.names("contacts"))
                data = [("Contacts:FirstName", "Grace"), ("Contacts:LastName", f"Hopper {version}"),
                        ("Contacts:Email1Address", "grace@example.org"), ("Contacts:MobilePhoneNumber", "+1 2")]
                p.added(contacts, p.sync(contacts, [p.add(contacts, data)]), data)
                name, = set(self.names("contacts")) - known
                stored = self.get(f"contacts/{name}")
                self.assertIn(f"N:Hopper {version};Grace", stored)
                self.assertIn("grace@example.org", stored)

    def test_edit_keeps_what_the_phone_does_not_know(self):
        for version in VERSIONS:
            with self.subTest(version):
                self.put("contacts/ada.vcf", CARD)
                p, contacts = self.contacts(version)
                p.sync(contacts)
                id, = contacts.items
                data = contacts.items[id]
                self.assertEqual(text(data, "Contacts:Email1Address"), "ada1@example.org")
                edited = [(n, "+49 2" if n == "Contacts:MobilePhoneNumber" else v) for n, v in children(data) if n.startswith("Contacts:")]
                p.sync(contacts, [p.change(id, edited)])
                stored = self.get("contacts/ada.vcf")
                self.assertIn("+49 2", stored)
                self.assertIn("X-EXTRA:kept", stored)
                self.assertIn("iVBORw0KGgo", stored)
                for n in range(1, 6):
                    self.assertIn(f"ada{n}@example.org", stored)

    def test_cleared_field_and_ghosted_field(self):
        self.put("contacts/ada.vcf", CARD.replace("X-EXTRA", "NICKNAME:Enchantress\nX-EXTRA"))
        p, contacts = self.contacts("14.1")
        p.sync(contacts)
        id, = contacts.items
        short = [(n, v) for n, v in children(contacts.items[id]) if n.startswith("Contacts") and "Mobile" not in n]
        p.sync(contacts, [p.change(id, short)])
        self.assertNotIn("+49 1", self.get("contacts/ada.vcf"), "a field that was left out without Supported is cleared")
        ghosting, theirs = self.contacts("14.1")
        ghosting.sync(theirs, supported=["Contacts:FirstName", "Contacts:LastName"])
        ghosting.sync(theirs, [ghosting.change(id, [("Contacts:FirstName", "Augusta"), ("Contacts:LastName", "Lovelace")])])
        stored = self.get("contacts/ada.vcf")
        self.assertIn("N:Lovelace;Augusta", stored)
        self.assertIn("NICKNAME:Enchantress", stored, "a ghosted field stays")


class Tasks(Dav):
    TASK = ("BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:-//Test//EN\nBEGIN:VTODO\nUID:t1\nDTSTAMP:20260101T000000Z\nSUMMARY:Taxes\n"
            "X-EXTRA:kept\nPRIORITY:1\nEND:VTODO\nEND:VCALENDAR\n")

    def tasks(self, version):
        p = self.phone(version)
        return p, p.folder(type=7)

    def test_made_and_completed(self):
        for version in VERSIONS:
            with self.subTest(version):
                p, tasks = self.tasks(version)
                p.sync(tasks)
                known = set(self.names("tasks"))
                data = [("Tasks:Subject", f"Buy {version}"), ("Tasks:Importance", "2"), ("Tasks:Complete", "0"), ("Tasks:Sensitivity", "0")]
                id = p.added(tasks, p.sync(tasks, [p.add(tasks, data)]), data)
                name, = set(self.names("tasks")) - known
                self.assertIn(f"SUMMARY:Buy {version}", self.get(f"tasks/{name}"))
                done = [(n, "1" if n == "Tasks:Complete" else v) for n, v in data] + [("Tasks:DateCompleted", "2026-02-01T10:00:00.000Z")]
                p.sync(tasks, [p.change(id, done)])
                self.assertIn("STATUS:COMPLETED", self.get(f"tasks/{name}"))

    def test_changed_on_the_server_and_edited(self):
        self.put("tasks/t1.ics", self.TASK)
        for version in VERSIONS:
            with self.subTest(version):
                p, tasks = self.tasks(version)
                p.sync(tasks)
                id, = tasks.items
                data = children(tasks.items[id])
                edited = [(n, f"Taxes {version}" if n == "Tasks:Subject" else v) for n, v in data if n.startswith("Tasks:")]
                p.sync(tasks, [p.change(id, edited)])
                stored = self.get("tasks/t1.ics")
                self.assertIn(f"SUMMARY:Taxes {version}", stored)
                self.assertIn("X-EXTRA:kept", stored)


CalendarMariaDB, ContactsMariaDB, TasksMariaDB = both(Calendar), both(Contacts), both(Tasks)

if __name__ == "__main__":
    unittest.main()
