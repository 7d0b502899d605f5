"""A mailbox, a calendar and an address book of each kind of trouble, servers that are stopped, and cpush stopped in every way."""
import base64
import contextlib
import json
import os
import pathlib
import pwd
import re
import signal
import subprocess
import unittest

import wbxml
from bench import script, wait_for
from case import VERSIONS, Case
from wbxml import children, find, text

BIG = 22 << 20      # bytes of an attachment: 30 MB as base64


def chown_all(top):
    """To whom Dovecot keeps mail as, where the tests run as root."""
    if os.geteuid() == 0:
        who = pwd.getpwnam("nobody")
        for path in (top, *top.rglob("*")):
            os.chown(path, who.pw_uid, who.pw_gid)


class Trouble(Case):
    def troubles(self):
        done = subprocess.run([str(self.bench.build / "bin/cpush-admin"), "-c", str(self.bench.config), "trouble", "list", self.user],
                              check=True, text=True, timeout=60, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL)
        return done.stdout.splitlines()

    @property
    def dav(self):
        return self.bench.parts["caldav"]

    def put(self, path, body):
        status, _, _ = self.dav.request("PUT", f"/{self.user}/{path}", body, self.user)
        self.assertIn(status, (201, 204))

    def get(self, path):
        status, _, body = self.dav.request("GET", f"/{self.user}/{path}", user=self.user)
        self.assertEqual(status, 200)
        return body.decode().replace("\r\n ", "")

    def collection(self, name):
        """Where Radicale keeps it."""
        data = pathlib.Path(self.dav.values["RADICALE_DATA"])
        return next(d for d in (data / "collection-root", data / "collections/collection-root") if d.is_dir()) / self.user / name


class Mails(Trouble):
    def maildir(self):
        """The user's, made before Dovecot has seen him."""
        top = pathlib.Path(self.imap.values["IMAP_MAIL"]) / self.user
        for name in ("cur", "new", "tmp"):
            (top / "Maildir" / name).mkdir(parents=True)
        return top

    def subjects_of(self, folder):
        return sorted(text(d, "Email:Subject") or "" for d in folder.items.values())

    def test_10000_mails(self):
        top = self.maildir()
        for n in range(10000):
            path = top / f"Maildir/cur/{1700000000 + n}.M{n}P1.test:2,S"
            path.write_bytes(b"From: a@example.org\r\nSubject: Mail %d\r\n\r\nText %d\r\n" % (n, n))
            os.utime(path, (1700000000 + n, 1700000000 + n))
        chown_all(top)
        p = self.phone()
        inbox = p.folder(type=2)
        p.sync_once(inbox)
        p.sync_once(inbox, window=100)
        self.assertEqual(set(self.subjects_of(inbox)), {f"Mail {n}" for n in range(9900, 10000)}, "the newest come first")
        p.sync(inbox, window=512)
        self.assertEqual(set(self.subjects_of(inbox)), {f"Mail {n}" for n in range(10000)})
        self.assertEqual(len(inbox.items), 10000)
        self.assertIsNone(p.sync_once(inbox), "nothing new is the empty answer")
        self.deliver("One more")
        answer = p.sync_once(inbox)
        self.assertEqual(len(children(find(answer, "AirSync:Commands"))), 1)

    def test_every_kind(self):
        c = self.imap.client(self.user)
        payload = os.urandom(1 << 16) * (BIG >> 16)
        mails = {
            "no date": b"From: a@example.org\r\nSubject: no date\r\nMessage-ID: <nd@example.org>\r\n\r\nText\r\n",
            "no id": b"From: a@example.org\r\nSubject: no id\r\nDate: Mon, 05 Jan 2026 10:00:00 +0000\r\n\r\nText\r\n",
            "broken": b"From: \"unclosed <a@b\r\nSubject: broken\r\nDate: yesterday\r\nMIME-Version: 1.0\r\n"
                      b"Content-Type: multipart/mixed; boundary=\"x\r\n\r\n--x\r\nContent-Type: text/plain; charset=none-such\r\n"
                      b"Content-Transfer-Encoding: base64\r\n\r\n!!!!====\r\n--x\r\nContent-Type: multipart/alternative\r\n\r\n--x",
            "big": b"From: a@example.org\r\nSubject: big\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
                   b"--b\r\n\r\nText\r\n--b\r\nContent-Type: application/octet-stream; name=big.bin\r\n"
                   b"Content-Transfer-Encoding: base64\r\n\r\n" + base64.encodebytes(payload).replace(b"\n", b"\r\n") + b"--b--\r\n",
        }
        self.assertGreater(len(mails["big"]), 30 << 20)
        for m in mails.values():
            c.append("INBOX", None, '"05-Jan-2026 10:00:00 +0000"', m)
        c.logout()
        self.deliver("good")
        for version in VERSIONS:
            with self.subTest(version):
                p = self.phone(version)
                inbox = p.folder(type=2)
                p.sync(inbox)
                self.assertEqual(self.subjects_of(inbox), sorted([*mails, "good"]))
                for data in inbox.items.values():
                    self.assertRegex(text(data, "Email:DateReceived"), r"^20\d\d-\d\d-\d\dT")
        attachment, = [find(d, "AirSyncBase:Attachments", "AirSyncBase:Attachment") for d in inbox.items.values()
                       if text(d, "Email:Subject") == "big"]
        self.assertEqual(int(text(attachment, "AirSyncBase:EstimatedDataSize")), BIG)
        tree = p.post("ItemOperations", ("ItemOperations:ItemOperations", [("ItemOperations:Fetch", [
            ("ItemOperations:Store", "Mailbox"), ("AirSyncBase:FileReference", text(attachment, "AirSyncBase:FileReference"))])])).tree
        data = text(tree, "ItemOperations:Response", "ItemOperations:Fetch", "ItemOperations:Properties", "ItemOperations:Data")
        self.assertTrue(base64.b64decode(data) == payload, "not the attachment's bytes")
        self.assertEqual(self.troubles(), ["nothing was set aside"])

    def test_folders(self):
        """In UTF-8, with the separator in it, with what modified UTF-7 escapes."""
        c = self.imap.client(self.user)
        # "Büro/Ärger & Söhne ~5" without a "Büro" that could be opened; "日本" and in it "東/京", which is one more level
        for name in ('"B&APw-ro/&AMQ-rger &- S&APY-hne ~5"', '"&ZeVnLA-"', '"&ZeVnLA-/&Z3E-"', '"&ZeVnLA-/&Z3E-/&Tqw-"'):
            self.assertEqual(c.create(name)[0], "OK")
            c.append(name, None, None, b"From: a@example.org\r\nSubject: in it\r\n\r\nText\r\n")
        c.logout()
        p = self.phone()
        above = "0"
        for name, inside in (("Büro/Ärger & Söhne ~5", False), ("日本", False), ("東", True), ("京", True)):
            folder = p.folder(name=name)
            self.assertEqual(folder.parent, above if inside else "0")
            p.sync(folder)
            self.assertEqual(self.subjects_of(folder), ["in it"])
            above = folder.id
        # The phone cannot make one inside another by its name.
        before = self.imap.client(self.user).list()[1]
        tree = p.change_folder("FolderCreate", ParentId="0", DisplayName="Zu/viel", Type="12")
        self.assertNotEqual(text(tree, "FolderHierarchy:Status"), "1")
        self.assertEqual(sorted(self.imap.client(self.user).list()[1]), sorted(before))
        tree = p.change_folder("FolderCreate", ParentId="0", DisplayName="Größe: \"5\" & \\mehr", Type="12")
        self.assertEqual(text(tree, "FolderHierarchy:Status"), "1")
        id = text(tree, "FolderHierarchy:ServerId")
        tree = p.change_folder("FolderDelete", ServerId=id)
        self.assertEqual(text(tree, "FolderHierarchy:Status"), "1")
        self.assertEqual(sorted(self.imap.client(self.user).list()[1]), sorted(before))


EVENT = ("BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//Test//Test//EN\r\nBEGIN:VEVENT\r\nUID:{uid}\r\nDTSTAMP:20260101T000000Z\r\n"
         "DTSTART:20260310T090000Z\r\nDTEND:20260310T100000Z\r\nSUMMARY:{uid}\r\n{more}END:VEVENT\r\nEND:VCALENDAR\r\n")
PIXEL = ("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==")
CARD = ("BEGIN:VCARD\r\nVERSION:3.0\r\nUID:five\r\nN:Five;Addresses;;;\r\nFN:Addresses Five\r\n{emails}"
        f"PHOTO;ENCODING=b;TYPE=PNG:{PIXEL}\r\nEND:VCARD\r\n")


class Dav(Trouble):
    def test_1000_events_one_unreadable(self):
        where = self.collection("calendar")
        for n in range(1000):
            more = "RRULE:FREQ=SECONDLY\r\n" if n == 500 else ""
            (where / f"e{n}.ics").write_text(EVENT.format(uid=f"e{n}", more=more), newline="")
        def read():     # Radicale parses each at the first look
            with contextlib.suppress(TimeoutError):
                return self.dav.request("PROPFIND", f"/{self.user}/calendar/", user=self.user, Depth="1")[0] == 207
        wait_for(read, 120)
        p = self.phone()
        calendar = p.folder(type=8)
        p.sync(calendar, window=512)
        uids = {text(d, "Calendar:UID") for d in calendar.items.values()}
        self.assertEqual(uids, {f"e{n}" for n in range(1000) if n != 500})
        line, = self.troubles()
        self.assertRegex(line, self.user + r"  Calendar  \S*e500\.ics: .*EAS has no word for its recurrence rule")
        self.assertIsNone(p.sync_once(calendar), "it stays aside")
        self.put("calendar/e500.ics", EVENT.format(uid="e500", more=""))
        p.sync(calendar)
        self.assertEqual(len(calendar.items), 1000)
        self.assertEqual(self.troubles(), ["nothing was set aside"])

    def test_contact_with_five_addresses_and_a_photo(self):
        emails = "".join(f"EMAIL;TYPE=INTERNET:a{n}@example.org\r\n" for n in range(5))
        self.put("contacts/five.vcf", CARD.format(emails=emails))
        for version in VERSIONS:
            with self.subTest(version):
                p = self.phone(version)
                contacts = p.folder(type=9)
                p.sync(contacts)
                (id, data), = contacts.items.items()
                self.assertEqual([re.search(r"a\d@example\.org", text(data, f"Contacts:Email{n}Address"))[0] for n in (1, 2, 3)],
                                 [f"a{n}@example.org" for n in range(3)])
                self.assertEqual(text(data, "Contacts:Picture"), PIXEL)
                fields = [(n, f"Changed {version}" if n == "Contacts:FirstName" else v) for n, v in children(data)
                          if n.startswith("Contacts:") and n != "Contacts:Picture"]
                self.assertIsNone(find(p.sync(contacts, [p.change(id, fields)]), "AirSync:Responses"))
                stored = self.get("contacts/five.vcf")
                self.assertIn(f"Changed {version}", stored)
                self.assertEqual(sorted(re.findall(r"a\d@example\.org", stored)), [f"a{n}@example.org" for n in range(5)])
                self.assertIn(PIXEL, stored)

    def test_refused_edit_is_put_back(self):
        where = self.collection("readonly")
        where.mkdir()
        (where / ".Radicale.props").write_text(json.dumps({"tag": "VCALENDAR", "D:displayname": "Readonly",
                                                           "C:supported-calendar-component-set": "VEVENT"}))
        (where / "e.ics").write_text(EVENT.format(uid="fixed", more=""), newline="")
        for version in VERSIONS:
            with self.subTest(version):
                p = self.phone(version)
                calendar = p.folder(name="Readonly")
                p.sync(calendar)
                id, = calendar.items
                edit = [("Calendar:Subject", "Mine"), ("Calendar:StartTime", "20260310T090000Z"), ("Calendar:EndTime", "20260310T100000Z")]
                calendar.items[id] = ("AirSync:ApplicationData", edit)      # as the phone has it now
                answer = p.sync(calendar, [p.change(id, edit)])
                self.assertEqual(text(answer, "AirSync:Responses", "AirSync:Change", "AirSync:Status"), "7")
                self.assertEqual(text(calendar.items[id], "Calendar:Subject"), "fixed")
                gone = calendar.items.pop(id)
                answer = p.sync(calendar, [p.delete(id)])
                self.assertEqual(text(answer, "AirSync:Responses", "AirSync:Delete", "AirSync:Status"), "7")
                self.assertEqual(text(calendar.items[id], "Calendar:Subject"), text(gone, "Calendar:Subject"))
                answer = p.sync(calendar, [p.add(calendar, edit)])
                self.assertEqual(text(answer, "AirSync:Responses", "AirSync:Add", "AirSync:Status"), "6")
                self.assertIsNone(p.sync_once(calendar))
        self.assertEqual([f.name for f in where.glob("*.ics")], ["e.ics"])
        self.assertIn("SUMMARY:fixed", (where / "e.ics").read_text())


class Restarts(Trouble):
    """Servers and cpush stopped and started."""
    def ready(self):
        p = self.phone()
        folders = p.folder(type=2), p.folder(type=8), p.folder(type=9)
        for f in folders:
            p.sync(f)
        return (p, *folders)

    @staticmethod
    def contact(name):
        return [("Contacts:FirstName", name), ("Contacts:LastName", "Test"), ("Contacts:FileAs", f"{name} Test")]

    def restarted(self, name, dir, stopped_folder, others, p):
        """Stops the server, and while it is away syncs the others; then starts it."""
        script(name, "stop", dir)
        try:
            def told():     # what is connected already may live a moment longer
                statuses = self.statuses(p, *(p.collection(f) for f in (stopped_folder, *others)))
                self.assertLessEqual({statuses.get(f.id, "1") for f in others}, {"1"})
                return statuses.get(stopped_folder.id) == "16"
            wait_for(told)
            yield
        finally:
            script(name, "again", dir)

    def test_dovecot_stopped_and_started(self):
        p, inbox, calendar, contacts = self.ready()
        for _ in self.restarted("dovecot.sh", self.bench.dir / "dovecot", inbox, (calendar, contacts), p):
            self.put("calendar/meanwhile.ics", EVENT.format(uid="meanwhile", more=""))
            p.sync(calendar)
            self.assertIn("meanwhile", [text(d, "Calendar:UID") for d in calendar.items.values()])
            data = self.contact("Ada")
            p.added(contacts, p.sync(contacts, [p.add(contacts, data)]), data)
        self.deliver("After")
        self.sync_when_back(p, inbox)
        self.assertEqual([text(d, "Email:Subject") for d in inbox.items.values()], ["After"])

    def test_radicale_stopped_and_started(self):
        p, inbox, calendar, contacts = self.ready()
        data = [("Calendar:UID", "kept"), ("Calendar:Subject", "kept"), ("Calendar:DtStamp", "20260101T000000Z"),
                ("Calendar:StartTime", "20260310T090000Z"), ("Calendar:EndTime", "20260310T100000Z")]
        add = p.add(calendar, data)
        for _ in self.restarted("radicale.sh", self.bench.dir / "radicale", calendar, (inbox,), p):
            self.deliver("Meanwhile")
            p.sync(inbox)
            self.assertIn("Meanwhile", [text(d, "Email:Subject") for d in inbox.items.values()])
            self.assertEqual(self.statuses(p, p.collection(calendar, [add])), {calendar.id: "16"})
        answer = self.sync_when_back(p, calendar, [add])
        p.added(calendar, answer, data)
        self.assertEqual(len(list(self.collection("calendar").glob("*.ics"))), 1)
        self.assertIsNone(p.sync_once(calendar))

    def parked(self, p, folder):
        """A Ping that waits."""
        before = self.bench.log_text().count(f"waits user={self.user}")
        connection = p.start_ping([folder], 300)
        wait_for(lambda: self.bench.log_text().count(f"waits user={self.user}") > before)
        return connection

    def test_sighup_leaves_waiting_phones(self):
        p, inbox, _, _ = self.ready()
        connection = self.parked(p, inbox)
        self.bench.log.rename(self.bench.log.with_suffix(".1"))
        self.bench.cpush.send_signal(signal.SIGHUP)
        wait_for(self.bench.log.exists)
        self.deliver("After HUP")
        self.assertEqual(text(p.receive(connection).tree, "Ping:Status"), "2")
        p.sync(inbox)
        self.assertEqual(len(inbox.items), 1)
        wait_for(lambda: re.search(f"status=2 .*user={self.user} .*command=Ping", self.bench.log_text()))

    def test_sigterm_answers_waiting_phones(self):
        p, inbox, _, contacts = self.ready()
        connection = self.parked(p, inbox)
        self.assertEqual(self.bench.stop_cpush(signal.SIGTERM), 0)
        answer = p.receive(connection)
        self.assertEqual((answer.status, text(answer.tree, "Ping:Status")), (200, "1"))
        self.deliver("While it was down")
        self.bench.spawn_cpush()
        p.sync(inbox)
        self.assertEqual(len(inbox.items), 1)
        self.assertEqual(self.statuses(p, p.collection(contacts)), {contacts.id: "1"})      # the key from before is good

    def repeated(self, p, folder, body):
        """The same request until it is answered by a process that lives."""
        def tried():
            answer = p.receive(p.send("Sync", body))
            return answer if answer.status == 200 else None
        return wait_for(tried, every=0.1)

    def test_kill_and_repeat(self):
        p, _, _, contacts = self.ready()
        for name, wait in (("Done", True), ("Under way", False)):
            with self.subTest(name):
                data = self.contact(name)
                body = wbxml.encode(p.sync_tree(p.collection(contacts, [p.add(contacts, data)])))
                connection = p.send("Sync", body)
                if wait:        # the answer is lost; else it dies somewhere in the middle
                    p.receive(connection)
                self.assertEqual(self.bench.stop_cpush(signal.SIGKILL), -signal.SIGKILL)
                connection.close()
                self.bench.spawn_cpush()
                answer = p.take_sync(self.repeated(p, contacts, body))
                p.added(contacts, answer, data)
                self.assertIsNone(p.sync_once(contacts))
                stored = "".join(f.read_text() for f in self.collection("contacts").glob("*.vcf"))
                self.assertEqual(len(re.findall(rf"^N:Test;{name};", stored, re.M)), 1)


if __name__ == "__main__":
    unittest.main()
