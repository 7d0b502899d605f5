"""One session of a phone, on files and on servers: it must not see the difference. Then what is special to files."""
import itertools
import pathlib
import unittest

import wbxml
from bench import wait_for
from case import Case, bench
from phone import Folder, Phone
from test_calendar import CARD, EVENT
from wbxml import children, find, text

MAILS = {
    "plain": ("From: Somebody <somebody@example.org>\r\nTo: U <u@example.org>\r\nSubject: Plain\r\nDate: Mon, 05 Jan 2026 10:00:00 +0000\r\n"
              "Message-ID: <plain@example.org>\r\nImportance: high\r\n\r\nLine one\r\nLine two\r\n"),
    "latin": ("From: =?utf-8?q?J=C3=BCrgen?= <j@example.org>\r\nTo: u@example.org\r\nSubject: =?iso-8859-1?q?Gr=FC=DFe?=\r\n"
              "Date: Mon, 05 Jan 2026 11:00:00 +0000\r\nMessage-ID: <latin@example.org>\r\nMIME-Version: 1.0\r\n"
              "Content-Type: text/plain; charset=iso-8859-1\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\nGr=FC=DFe\r\n"),
    "attached": ("From: a@example.org\r\nTo: u@example.org\r\nSubject: Attached\r\nDate: Mon, 05 Jan 2026 12:00:00 +0000\r\n"
                 "Message-ID: <attached@example.org>\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=xx\r\n\r\n"
                 "--xx\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<p>Hello <b>you</b></p>\r\n--xx\r\n"
                 "Content-Type: application/pdf; name=a.pdf\r\nContent-Disposition: attachment; filename=a.pdf\r\n"
                 "Content-Transfer-Encoding: base64\r\n\r\nSGVsbG8=\r\n--xx--\r\n"),
}


def event(uid, summary, start="20260310T090000Z", end="20260310T100000Z", more=""):
    return EVENT.format(uid=uid, start=start, end=end, summary=summary, more=more)


EVENTS = {
    "one": event("one", "One"),
    "series": event("series", "Series", more="RRULE:FREQ=WEEKLY;COUNT=5\nEXDATE:20260317T090000Z\n"),
    "day": event("day", "Day", "20260704", "20260705").replace("DTSTART:", "DTSTART;VALUE=DATE:").replace("DTEND:", "DTEND;VALUE=DATE:"),
    "people": event("people", "People", more="ORGANIZER;CN=Boss:mailto:boss@example.org\nATTENDEE;CN=Ann;PARTSTAT=ACCEPTED:mailto:ann@example.org\n"),
}
TASKS = {"taxes": "BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:-//Test//EN\nBEGIN:VTODO\nUID:taxes\nDTSTAMP:20260101T000000Z\nSUMMARY:Taxes\n"
                  "DUE;VALUE=DATE:20260501\nX-EXTRA:kept\nPRIORITY:1\nEND:VTODO\nEND:VCALENDAR\n"}
CARDS = {"ada": CARD, "bare": "BEGIN:VCARD\nVERSION:3.0\nUID:bare\nFN:Bare Name\nN:Name;Bare;;;\nORG:Works;Hall 1\nBDAY:1990-02-03\n"
                              "ADR;TYPE=HOME:;;1 Street;Town;;12345;Land\nEND:VCARD\n"}

# Ids, and dates that are those of the storage.
APART = {"Calendar:DtStamp", "Email:DateReceived", "AirSyncBase:FileReference", "Email2:ConversationId", "Email2:ConversationIndex", "Email:ConversationId"}


class Files:
    """The tree of one user: what a delivery agent and vdirsyncer would do."""
    def __init__(self, bench, user):
        self.root = pathlib.Path(bench.parts["local"].path) / user

    numbers = itertools.count(1)
    names = {"calendar": ("calendars/calendar", ".ics"), "tasks": ("tasks/tasks", ".ics"), "contacts": ("contacts/contacts", ".vcf")}

    def mail(self, message):
        name = f"1700000000.M{next(self.numbers)}P1.host"
        (self.root / "mail/tmp" / name).write_bytes(message.encode())
        (self.root / "mail/tmp" / name).rename(self.root / "mail/new" / name)

    def path(self, collection, name):
        dir, extension = self.names[collection]
        return self.root / dir / f"{name}{extension}"

    def put(self, collection, name, body):
        path = self.path(collection, name)
        tmp = path.with_name(f".{name}.tmp")
        tmp.write_bytes(body.replace("\n", "\r\n").encode())
        tmp.rename(path)

    def drop(self, collection, name):
        self.path(collection, name).unlink()

    def bodies(self, collection):
        dir, extension = self.names[collection]
        return {p.name: p.read_bytes().decode().replace("\r\n ", "").replace("\r\n", "\n")
                for p in (self.root / dir).glob(f"*{extension}")}

    def mails(self, folder=""):
        return [p for sub in ("new", "cur") for p in (self.root / "mail" / folder / sub).iterdir()]

    def read(self):
        """How many mails of the Inbox are marked as read."""
        return sum(":2," in p.name and "S" in p.name.rsplit(":2,", 1)[1] for p in self.mails())


class Servers:
    """The same by way of IMAP, CalDAV and CardDAV."""
    def __init__(self, bench, user):
        self.imap, self.dav, self.user = bench.parts["imap"], bench.parts["caldav"], user

    def mail(self, message):
        self.imap.deliver(message, self.user)

    def url(self, collection, name):
        return f"/{self.user}/{collection}/{name}.{'vcf' if collection == 'contacts' else 'ics'}"

    def put(self, collection, name, body):
        status, _, _ = self.dav.request("PUT", self.url(collection, name), body.replace("\n", "\r\n"), self.user)
        assert status in (201, 204), status

    def drop(self, collection, name):
        self.dav.request("DELETE", self.url(collection, name), user=self.user)


def plain(element):
    """An element without what may differ. The order stays: it is part of the answer."""
    name, content = element
    if isinstance(content, list):
        return (name, [plain(c) for c in content if c[0] not in APART])
    return (name, content)


def held(folder, title):
    """What the phone holds of a folder, by title."""
    out = {}
    for data in folder.items.values():
        out.setdefault(text(data, title) or "", []).append(plain(data))
    return out


TITLES = {"Email": "Email:Subject", "Calendar": "Calendar:Subject", "Tasks": "Tasks:Subject", "Contacts": "Contacts:FileAs"}


def edited(data, name, value):
    """What a phone sends back after editing one field."""
    own = name.split(":")[0]
    read_only = {"Calendar:Attendees", "Calendar:OrganizerName", "Calendar:OrganizerEmail", "Calendar:ResponseType",
                 "Calendar:AppointmentReplyTime", "Calendar:MeetingStatus", "Calendar:UID"}
    fields = [(n, v) for n, v in children(data) if n.startswith(own) and n not in read_only and n != name]
    return [*fields, (name, value)]


class Session(Case):
    """The session; test_same_answers runs it on both."""
    backends = ("local",)

    def id_of(self, folder, title):
        return next(i for i, d in folder.items.items() if text(d, TITLES[folder.cls]) == title)

    def run_session(self, side_bench, make, version):
        user = self.user
        for part in side_bench.parts.values():
            part.add_user(user)
        p = Phone(side_bench.port, user=user, version=version, device=f"{user.upper()}SAME{version.replace('.', '')}")
        self.assertEqual(p.folder_sync(), "1")
        side = make(side_bench, user)
        if not self.filled.get(make):
            self.filled[make] = True
            for m in MAILS.values():
                side.mail(m)
            for collection, items in (("calendar", EVENTS), ("tasks", TASKS), ("contacts", CARDS)):
                for name, body in items.items():
                    side.put(collection, name, body)
        log = []
        folders = [p.folder(type=t) for t in (2, 8, 7, 9)]
        inbox, calendar, tasks, contacts = folders

        def look(step):
            for f in folders:
                p.sync(f)
                log.append((step, f.cls, held(f, TITLES[f.cls])))

        look("first")
        p.sync(inbox, [p.change(self.id_of(inbox, "Plain"), [("Email:Read", "1")])])
        for folder, title, field, value in ((calendar, "One", "Calendar:Subject", f"One {version}"),
                                            (tasks, "Taxes", "Tasks:Subject", f"Taxes {version}"),
                                            (contacts, None, "Contacts:MobilePhoneNumber", f"+49 {version}")):
            id = self.id_of(folder, title) if title else next(i for i, d in folder.items.items() if text(d, "Contacts:FirstName") == "Ada")
            data = edited(folder.items[id], field, value)
            answer = p.sync(folder, [p.change(id, data)])
            log.append(("edit", folder.cls, plain(find(answer, "AirSync:Responses")) if find(answer, "AirSync:Responses") else None))
        look("edited")
        # A new phone sees what was stored, in all versions the whole of it.
        second = Phone(side_bench.port, user=user, version=version, device=f"{user.upper()}THEN{version.replace('.', '')}")
        self.assertEqual(second.folder_sync(), "1")
        for t in (2, 8, 7, 9):
            f = second.folder(type=t)
            second.sync(f)
            log.append(("second", f.cls, held(f, TITLES[f.cls])))
        # Changed, added and deleted behind the phone's back.
        side.put("calendar", "late", event("late", "Late"))
        side.put("calendar", "day", EVENTS["day"].replace("SUMMARY:Day", "SUMMARY:Day off"))
        side.drop("contacts", "bare")
        side.mail(MAILS["plain"].replace("Plain", "Later").replace("<plain", "<later"))
        look("outside")
        # Made and deleted on the phone.
        more = [] if version >= "16" else [("Calendar:UID", f"made-{version}"), ("Calendar:DtStamp", "20260105T080000Z")]
        made = [*more, ("Calendar:StartTime", "20260301T110000Z"), ("Calendar:EndTime", "20260301T120000Z"), ("Calendar:Subject", "Made"),
                ("Calendar:AllDayEvent", "0"), ("Calendar:BusyStatus", "2"), ("Calendar:Sensitivity", "0")]
        made_id = p.added(calendar, p.sync(calendar, [p.add(calendar, made)]), made)
        for folder, id in ((calendar, made_id), (calendar, self.id_of(calendar, "Late")), (inbox, self.id_of(inbox, "Later"))):
            p.sync(folder, [p.delete(id)])
            folder.items.pop(id, None)
        side.put("calendar", "one", EVENTS["one"])
        side.put("calendar", "day", EVENTS["day"])
        side.put("tasks", "taxes", TASKS["taxes"])
        for name, card in CARDS.items():
            side.put("contacts", name, card)
        look("end")
        p.sync(inbox, [p.change(self.id_of(inbox, "Plain"), [("Email:Read", "0")])])
        return log

    def test_same_answers(self):
        self.filled = {}
        servers = bench("sqlite", ("imap", "caldav", "carddav"))
        for version in ("12.1", "14.1", "16.1"):
            ours = self.run_session(self.bench, Files, version)
            theirs = self.run_session(servers, Servers, version)
            self.assertEqual(len(ours), len(theirs))
            for (step, cls, here), (step2, cls2, there) in zip(ours, theirs):
                with self.subTest(version=version, step=step, cls=cls):
                    self.assertEqual((step, cls), (step2, cls2))
                    for title in sorted((here or {}).keys() | (there or {}).keys()) if step != "edit" else ():
                        self.assertEqual((here.get(title), title), (there.get(title), title))
                    self.assertEqual(here, there)
        self.assertEqual(servers.unexpected(), [])


class Tree(Case):
    """Push and edits on files."""
    backends = ("local",)

    def ready(self, version="14.1", type=2):
        p = self.phone(version)
        folder = p.folder(type=type)
        p.sync(folder)
        return p, folder, Files(self.bench, self.user)

    def waits(self, count):
        wait_for(lambda: sum("waits" in l and f"user={self.user}" in l for l in self.bench.log_text().splitlines()) >= count)

    def test_delivered_mail_answers_a_ping(self):
        for n, version in enumerate(("12.1", "14.1", "16.1"), 1):
            with self.subTest(version):
                p, inbox, files = self.ready(version)
                connection = p.start_ping([inbox], 300)
                self.waits(n)
                files.mail(MAILS["plain"].replace("Plain", f"Push {version}"))
                tree = p.receive(connection).tree
                self.assertEqual(text(tree, "Ping:Status"), "2")
                self.assertEqual([f[1] for f in children(find(tree, "Ping:Folders"))], [inbox.id])
                p.sync(inbox)
                self.assertIn(f"Push {version}", held(inbox, "Email:Subject"))

    def test_written_event_answers_a_ping_and_a_waiting_sync(self):
        p, calendar, files = self.ready(type=8)
        connection = p.start_ping([calendar, p.folder(type=2)], 300)
        self.waits(1)
        files.put("calendar", "pushed", event("pushed", "Pushed"))
        tree = p.receive(connection).tree
        self.assertEqual((text(tree, "Ping:Status"), [f[1] for f in children(find(tree, "Ping:Folders"))]), ("2", [calendar.id]))
        p.sync(calendar)
        self.assertEqual(list(held(calendar, "Calendar:Subject")), ["Pushed"])
        connection = p.send("Sync", wbxml.encode(p.sync_tree(p.collection(calendar), more=[("AirSync:HeartbeatInterval", "300")])), timeout=300)
        self.waits(2)
        files.put("calendar", "pushed", event("pushed", "Pushed again"))
        p.take_sync(p.receive(connection))
        self.assertEqual(list(held(calendar, "Calendar:Subject")), ["Pushed again"])

    def test_mail_edits_are_in_the_files(self):
        p, inbox, files = self.ready()
        files.mail(MAILS["plain"])
        files.mail(MAILS["latin"])
        p.sync(inbox)
        ids = {text(d, "Email:Subject"): i for i, d in inbox.items.items()}
        self.assertEqual(set(ids), {"Plain", "Grüße"})
        p.sync(inbox, [p.change(ids["Plain"], [("Email:Read", "1")])])
        self.assertEqual(files.read(), 1)
        p.sync(inbox, [p.change(ids["Plain"], [("Email:Flag", [("Email:Status", "2"), ("Email:FlagType", "Follow up")])])])
        self.assertIn("FS", [f.name.rsplit(",", 1)[1] for f in files.mails() if ":2," in f.name])
        p.sync(inbox, [p.delete(ids["Grüße"])])
        self.assertEqual((len(files.mails()), len(files.mails(".Trash"))), (1, 1))
        created = p.change_folder("FolderCreate", ParentId="0", DisplayName="Archive", Type="12")
        self.assertEqual(text(created, "FolderHierarchy:Status"), "1")
        archive = Folder(text(created, "FolderHierarchy:ServerId"), "0", "Archive", 12)
        p.folders[archive.id] = archive
        p.sync(archive)
        move = ("Move:MoveItems", [("Move:Move", [("Move:SrcMsgId", ids["Plain"]), ("Move:SrcFldId", inbox.id), ("Move:DstFldId", archive.id)])])
        self.assertEqual(text(find(p.post("MoveItems", move).tree, "Move:Response"), "Move:Status"), "3")
        self.assertEqual((len(files.mails()), len(files.mails(".Archive"))), (0, 1))

    def test_events_tasks_and_contacts_are_in_the_files(self):
        p, calendar, files = self.ready(type=8)
        files.put("calendar", "one", EVENTS["one"])
        files.put("tasks", "taxes", TASKS["taxes"])
        files.put("contacts", "ada", CARD)
        for type, collection, name, field, kept in ((8, "calendar", "one.ics", "Calendar:Subject", "X-EXTRA;X-P=1:kept as it is"),
                                                    (7, "tasks", "taxes.ics", "Tasks:Subject", "X-EXTRA:kept"),
                                                    (9, "contacts", "ada.vcf", "Contacts:JobTitle", "X-EXTRA:kept")):
            with self.subTest(collection):
                folder = p.folder(type=type)
                p.sync(folder)
                id, = folder.items
                p.sync(folder, [p.change(id, edited(folder.items[id], field, "Edited here"))])
                stored = files.bodies(collection)[name]
                self.assertIn(":Edited here\n", stored)
                self.assertIn(kept, stored)
                answer = p.sync(folder, [p.add(folder, [(field, "Made here"), *([("Contacts:LastName", "New")] if type == 9 else []), *(
                    [("Calendar:StartTime", "20260301T110000Z"), ("Calendar:EndTime", "20260301T120000Z"), ("Calendar:UID", "new")]
                    if type == 8 else [])])])
                made = text(answer, "AirSync:Responses", "AirSync:Add", "AirSync:ServerId")
                self.assertEqual(len(files.bodies(collection)), 2)
                self.assertTrue(any("Made here" in b for b in files.bodies(collection).values()))
                p.sync(folder, [p.delete(id)])
                self.assertNotIn(name, files.bodies(collection))
                self.assertIsNotNone(made)

    def test_deleted_and_changed_files(self):
        p, inbox, files = self.ready()
        files.mail(MAILS["plain"])
        p.sync(inbox)
        new, = files.mails()
        new.rename(files.root / "mail/cur" / (new.name + ":2,S"))       # as another program does when it is read
        p.sync(inbox)
        self.assertEqual([text(d, "Email:Read") for d in inbox.items.values()], ["1"])
        files.mails()[0].unlink()
        p.sync(inbox)
        self.assertEqual(inbox.items, {})

    def test_new_folder_and_calendar_appear(self):
        p, inbox, files = self.ready()
        for sub in ("cur", "new", "tmp"):
            (files.root / "mail/.Projekte.&ANw-ber" / sub).mkdir(parents=True)
        (files.root / "calendars/work").mkdir()
        (files.root / "calendars/work/displayname").write_text("Work\n")
        self.assertEqual(p.folder_sync(), "1")
        p = self.phone()    # a first FolderSync looks at once, a later one at most every 20 s
        self.assertIn("Projekte/Über", [f.name for f in p.folders.values()])
        self.assertEqual(p.folder(name="Work").cls, "Calendar")


if __name__ == "__main__":
    unittest.main()
