"""Who is not let in: another user's ids give nothing of his, wrong passwords are not passed on, and no log knows what is nobody's business."""
import base64
import pathlib
import re
import resource
import tempfile
import threading
import unittest

from bench import wait_for
from case import VERSIONS, Case, bench
from phone import Phone
from test_calendar import EVENT
from wbxml import children, find, text

PRIVATE = "Zebra"       # in everything that belongs to the one who is spied on, and in nothing else
SIGNS = (b"Zebra", base64.b64encode(b"Zebra ")[:6])
MAIL = (f"From: {PRIVATE} Sender <{PRIVATE}@secret.example>\r\nTo: x@secret.example\r\nSubject: {PRIVATE} subject\r\n"
        f"Date: Mon, 05 Jan 2026 10:00:00 +0000\r\nMessage-ID: <{PRIVATE}.1@secret.example>\r\nMIME-Version: 1.0\r\n"
        "Content-Type: multipart/mixed; boundary=b\r\n\r\n"
        f"--b\r\nContent-Type: text/plain\r\n\r\n{PRIVATE} text\r\n"
        f"--b\r\nContent-Type: text/plain; name=a.txt\r\nContent-Disposition: attachment; filename=a.txt\r\n\r\n{PRIVATE} file\r\n--b--\r\n")
CARD = f"BEGIN:VCARD\r\nVERSION:3.0\r\nUID:z\r\nFN:{PRIVATE}\r\nN:{PRIVATE};;;;\r\nEMAIL:{PRIVATE}@secret.example\r\nEND:VCARD\r\n"


class Private(Case):
    def own(self, user):
        """Mail, an event and a card of this user."""
        for part in self.bench.parts.values():
            part.add_user(user)
        self.imap.deliver(MAIL, user)
        dav = self.bench.parts["caldav"]
        event = EVENT.format(uid="z", start="20260310T090000Z", end="20260310T100000Z", summary=f"{PRIVATE} event",
                             more=f"ATTENDEE;CN={PRIVATE}:mailto:{PRIVATE}@secret.example\n").replace("\n", "\r\n")
        for path, body in (("calendar/z.ics", event), ("contacts/z.vcf", CARD)):
            self.assertIn(dav.request("PUT", f"/{user}/{path}", body, user)[0], (201, 204))

    def synced(self, user, device):
        p = Phone(self.bench.port, user=user, device=device)
        self.assertEqual(p.folder_sync(), "1")
        for type in (2, 8, 9):
            p.sync(p.folder(type=type))
        return p


class Strangers(Private):
    """One who knows every id of another's phone."""
    def setUp(self):
        super().setUp()
        self.victim = self.new_user()
        self.own(self.victim)
        self.his = self.synced(self.victim, "VICTIM")
        self.inbox = self.his.folder(type=2)
        self.mail, = self.inbox.items
        self.reference = text(find(self.inbox.items[self.mail], "AirSyncBase:Attachments", "AirSyncBase:Attachment"),
                              "AirSyncBase:FileReference")
        self.assertTrue(self.gives_away(self.fetch(self.his)))

    @staticmethod
    def gives_away(answer):
        return any(sign in answer.body for sign in SIGNS)

    def fetch(self, p, **how):
        """His attachment, by its reference."""
        return p.post("ItemOperations", ("ItemOperations:ItemOperations", [("ItemOperations:Fetch", [
            ("ItemOperations:Store", "Mailbox"), ("AirSyncBase:FileReference", how.get("reference", self.reference))])]))

    def item(self, p, id, folder):
        return p.post("ItemOperations", ("ItemOperations:ItemOperations", [("ItemOperations:Fetch", [
            ("ItemOperations:Store", "Mailbox"), ("AirSync:CollectionId", folder), ("AirSync:ServerId", id)])]))

    def requests(self, p):
        """Everything that names something by an id, with his ids; the answers."""
        own = next(f for f in p.folders.values() if f.type == 2)
        for f in [self.his.folder(type=t) for t in (2, 8, 9, 4)]:
            id = next(iter(f.items), f"{f.id}:1")
            for key in ("0", f.key, own.key):
                yield p.post("Sync", p.sync_tree(p.collection(f, key=key)))
                yield p.post("Sync", p.sync_tree(p.collection(f, [("AirSync:Fetch", [("AirSync:ServerId", id)]), p.delete(id)], key=key)))
            for command in ([("AirSync:Fetch", [("AirSync:ServerId", id)])], [p.delete(id)], [p.change(id, [("Email:Read", "1")])]):
                yield p.post("Sync", p.sync_tree(p.collection(own, command)))     # in a folder of one's own
                p.sync(own)
            yield self.item(p, id, f.id)
            yield self.item(p, id, own.id)
            yield p.post("GetItemEstimate", ("GetItemEstimate:GetItemEstimate", [("GetItemEstimate:Collections", [
                ("GetItemEstimate:Collection", [("AirSync:SyncKey", f.key), ("GetItemEstimate:CollectionId", f.id)])])]))
            for source, target in ((f.id, own.id), (own.id, own.id), (own.id, f.id)):
                yield p.post("MoveItems", ("Move:MoveItems", [("Move:Move", [
                    ("Move:SrcMsgId", id), ("Move:SrcFldId", source), ("Move:DstFldId", target)])]))
            yield p.post("ItemOperations", ("ItemOperations:ItemOperations", [("ItemOperations:EmptyFolderContents", [
                ("AirSync:CollectionId", f.id)])]))
            yield p.change_answer("FolderDelete", ServerId=f.id)
            yield p.change_answer("FolderUpdate", ServerId=f.id, ParentId="0", DisplayName="Mine")
            yield p.post("Ping", p.ping_tree([f], 60))
            mime = b"From: a@example.org\r\nTo: b@example.org\r\nSubject: Re\r\nDate: Mon, 05 Jan 2026 10:00:00 +0000\r\n\r\nx\r\n"
            for command in ("SmartReply", "SmartForward"):
                yield p.post(command, (f"ComposeMail:{command}", [("ComposeMail:ClientId", p.client_id()), ("ComposeMail:Source", [
                    ("ComposeMail:FolderId", f.id), ("ComposeMail:ItemId", id)]), ("ComposeMail:Mime", mime)]))
        number = self.reference.rsplit(":", 1)
        for reference in (self.reference, f"{number[0]}:0", self.reference.replace(self.inbox.id, own.id, 1)):
            yield self.fetch(p, reference=reference)

    def intrude(self, device):
        p = Phone(self.bench.port, user=self.user, device=device)
        self.assertEqual(p.folder_sync(), "1")
        p.sync(p.folder(type=2))
        count = 0
        for answer in self.requests(p):
            count += 1
            self.assertFalse(self.gives_away(answer), answer.body)
        self.assertGreater(count, 60)
        self.assertFalse([m for _, m in self.imap.sent() if PRIVATE.encode() in m])

    def check_untouched(self):
        c = self.imap.client(self.victim)
        c.select("INBOX")
        self.assertEqual(c.fetch("1", "(FLAGS)")[1][0].count(b"Seen"), 0)
        self.assertEqual(c.search(None, "ALL")[1][0], b"1")
        c.logout()
        for path in ("calendar/z.ics", "contacts/z.vcf"):
            self.assertEqual(self.bench.parts["caldav"].request("GET", f"/{self.victim}/{path}", user=self.victim)[0], 200)
        ids = set(self.his.folders)
        self.assertEqual(self.his.folder_sync(), "1")
        self.assertEqual(set(self.his.folders), ids)
        for type in (2, 8, 9):
            self.assertIsNone(self.his.sync_once(self.his.folder(type=type)))   # its keys are as they were

    def test_from_a_device_of_his_own(self):
        self.intrude("INTRUDER")
        self.check_untouched()

    def test_under_the_device_id_of_the_other(self):
        self.intrude("VICTIM")
        self.check_untouched()

    def test_ids_are_guessed(self):
        p = self.phone()
        his = [int(i) for i in self.his.folders]
        for n in range(min(his) - 3, max(his) + 3):
            if str(n) in p.folders:
                continue
            answer = p.post("Sync", ("AirSync:Sync", [("AirSync:Collections", [("AirSync:Collection", [
                ("AirSync:SyncKey", "0"), ("AirSync:CollectionId", str(n))])])]))
            c = find(answer.tree, "AirSync:Collections", "AirSync:Collection")
            self.assertEqual(text(c, "AirSync:Status"), "12", n)


class Passwords(Private):
    backends = ("imap",)

    def asked(self):
        """How often Dovecot was asked about this user: (accepted, refused)."""
        log = (self.bench.dir / "dovecot/dovecot.log").read_text()
        return (len(re.findall(rf"imap-login: (?:Info: )?(?:Login|Logged in): user=<{self.user}>", log)),
                len(re.findall(rf"auth failed, \d+ attempts.*user=<{self.user}>", log)))

    def test_wrong_one_is_asked_once(self):
        p = self.phone(folders=False)
        p.password = "wrong"
        threads = [threading.Thread(target=lambda: statuses.append(p.options().status)) for _ in range(8)]
        statuses = []
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        statuses += [p.options().status for _ in range(10)]
        self.assertEqual(statuses, [401] * 18)
        wait_for(lambda: self.asked()[1])
        self.assertEqual(self.asked(), (0, 1))
        p.password = "secret"
        self.assertEqual(p.folder_sync(), "1")
        p.password = "wrong"
        self.assertEqual(p.options().status, 401)
        p.password = "secret"
        self.assertEqual(p.options().status, 200)
        self.assertEqual(self.asked()[1], 1)


class Silence(Private):
    """At debug, with a trace, whatever goes wrong: nothing of passwords, contents or addresses."""
    def find_bench(self):
        self.traces = tempfile.mkdtemp(prefix="cpush-trace-")
        return bench(self.store, self.backends, extra=f"[trace SILENT]\ndir = {self.traces}\n")

    def test_no_log_knows(self):
        self.own(self.user)
        sink = self.imap.sink / "mode"
        for version in VERSIONS:
            p = Phone(self.bench.port, user=self.user, device="SILENT", version=version)
            self.assertEqual(p.folder_sync(), "1")
            folders = [p.folder(type=t) for t in (2, 8, 9)]
            for f in folders:
                p.sync(f)
            self.deliver(f"{PRIVATE} later {version}", f"{PRIVATE}\r\n")
            p.sync(folders[0])
            for f, bad in zip(folders, ("Email:Read", "Calendar:StartTime", "Contacts:Birthday")):
                p.sync(f, [p.change(next(iter(f.items)), [(bad, "garbage")])])
            mime = (f"From: {PRIVATE}@secret.example\r\nTo: {PRIVATE}@secret.example\r\nSubject: {PRIVATE}\r\n"
                    f"Date: Mon, 05 Jan 2026 10:00:00 +0000\r\n\r\n{PRIVATE} {version}\r\n").encode()
            for mode in ("rcpt=550", "rcpt=450", "mail=550", "end=554", ""):
                sink.write_text(mode + "\n")
                if version == "12.1":
                    p.post_raw("SendMail", mime, "message/rfc822")
                else:
                    p.post("SendMail", ("ComposeMail:SendMail", [("ComposeMail:ClientId", f"{mode}{version}"), ("ComposeMail:Mime", mime)]))
            p.post_raw("Sync", b"\x03\x01\x6a\x00\x45" + PRIVATE.encode(), "application/vnd.ms-sync.wbxml")
            p.post("Sync", p.sync_tree(p.collection(folders[0], key="garbage")))
            p.password = f"{PRIVATE}password"
            self.assertEqual(p.options().status, 401)
        sink.unlink()
        dav = self.bench.parts["caldav"]
        dav.request("PUT", f"/{self.user}/calendar/broken.ics", EVENT.format(
            uid=f"{PRIVATE}", start="garbage", end=f"{PRIVATE}", summary=PRIVATE, more=f"RRULE:FREQ={PRIVATE}\n"), self.user)
        self.imap.deliver(f"Subject: =?{PRIVATE}?q?x?=\r\nContent-Type: multipart/{PRIVATE}; boundary={PRIVATE}\r\n\r\n--{PRIVATE}\r\n", self.user)
        p.password = "secret"
        for f in folders:
            p.sync(f)
        self.check_silent(p)

    def check_silent(self, p):
        files = [self.bench.log, self.bench.dir / "cpush.stderr", pathlib.Path(self.traces) / "SILENT.xml", *self.bench.dir.glob("state.db*")]
        basic = [base64.b64encode(f"{self.user}:{w}".encode()).decode().rstrip("=") for w in ("secret", f"{PRIVATE}password")]
        plain = base64.b64encode(f"\0{self.user}\0secret".encode()).decode().rstrip("=")
        for file in files:
            held = file.read_bytes().decode("latin-1")
            self.assertTrue(held or file.name == "cpush.stderr" or "state.db" in file.name, file)
            for word in (PRIVATE, PRIVATE.lower(), "secret", plain, *basic):
                at = held.find(word)
                self.assertEqual(at, -1, f"{file.name}: {held[max(at - 200, 0):at + 100]!r}")

    def test_no_core(self):
        self.assertEqual(resource.prlimit(self.bench.cpush.pid, resource.RLIMIT_CORE), (0, 0))


if __name__ == "__main__":
    unittest.main()
