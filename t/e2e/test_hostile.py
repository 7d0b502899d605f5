"""What a phone can fill in by hand: names of folders, ids of its own and ids of ours. Each is refused with a status that says so or taken as it
is, and the servers hold that and nothing else."""
import re
import unittest

import wbxml
from case import Case, both
from phone import Phone
from test_calendar import EVENT
from wbxml import children, find, text

LONG = "x" * 10000
# Names, the status of a FolderCreate, and that of a FolderUpdate where it is another one. With 1 the server calls it so, else it has nothing new.
MAIL_NAMES = (
    ("a\r\nA9 DELETE INBOX", "10"), ("b\nc", "10"), ("d\re", "10"), ("*", "10"), ("f%s%n%x", "10"), ("../g", "10"), ("h/i", "10"), (LONG, "10"),
    ("q\x01\x7fr", "10", "3"), ("w\tx", "10", "3"),      # Dovecot takes no controls, whatever they are for
    ("INBOX", "2"), ("inbox", "2"), ('j"k\\l', "1"), ("m {5+}", "1"), ("(n) NIL", "1"), ("&AGE-", "1"), ("o&p", "1"),
    ("s'; drop table item; --", "1"), ("t\u2028\u202eu", "1"), ("\U0001f4a9", "1"), ("<v>&amp;]]>", "1"), ("$(touch y)`z`", "1"),
)
DAV_NAMES = (
    ("d\ne: f", "1"), ('f"g\\h', "1"), ("<i/>&amp;]]>", "1"), ("../../j", "1"), ("k/l?m#n%2fo", "1"), ("%s%n", "1"), ("s'; drop table item; --", "1"),
    ("\U0001f4a9", "1"), (LONG, "10"),
)
LOCAL_NAMES = (("a\r\nb: c", "10"), ("d\ne", "10"), (LONG, "10"), *DAV_NAMES[1:-1])
# Ids that are nobody's.
IDS = ("", "x", "-1", "1:", ":1", "1:1:1", "1:99999999999999999999", "99999999999999999999:1", "../1:1", "1:1\r\nX: y", "1:1' or '1'='1", "%s%n:1",
       "1:1 ", "\u0661:\u0661", "0x1:1", "1e3:1", LONG, '1:1"', "1:1 UID 1:* ", "1:*")


class Names(Case):
    def create(self, p, name, type, parent="0"):
        return text(p.change_folder("FolderCreate", ParentId=parent, DisplayName=name, Type=str(type)), "FolderHierarchy:Status")

    def rename(self, p, id, name):
        return text(p.change_folder("FolderUpdate", ServerId=id, ParentId="0", DisplayName=name), "FolderHierarchy:Status")

    def check(self, type, names, held):
        """Creates and renames by these names; held() says what the server has of that type."""
        p = self.phone()
        before, made = held(), []
        for name, status, *other in names:
            with self.subTest(name[:40]):
                self.assertEqual(self.create(p, name, type), status)
                made += [name] if status == "1" else []
                self.assertEqual(sorted(held()), sorted(before + made))
        p = self.phone()
        self.assertEqual(sorted(n for n in made if n not in [f.name for f in p.folders.values() if f.type == type]), [])
        # The same again by FolderUpdate.
        for f in [f for f in p.folders.values() if f.type == type and f.name in made]:
            self.assertEqual(text(p.change_folder("FolderDelete", ServerId=f.id), "FolderHierarchy:Status"), "1")
        self.assertEqual(sorted(held()), sorted(before))
        self.assertEqual(self.create(p, "plain", type), "1")
        p = self.phone()
        id, now = p.folder(name="plain").id, "plain"
        for name, status, *other in names:
            with self.subTest(name[:40]):
                self.assertEqual(self.rename(p, id, name), *(other or [status]))
                now = name if status == "1" else now
                self.assertEqual(sorted(held()), sorted(before + [now]))


class Imap(Names):
    backends = ("imap",)

    def held(self):
        """Names of mailboxes, decoded here."""
        c = self.imap.client(self.user)
        try:
            lines = [line[0] + line[1] if isinstance(line, tuple) else line for line in c.list()[1] if line]
        finally:
            c.logout()
        return [self.decoded(re.search(rb'" (?:\{\d+\})?(.*)$', line, re.S).group(1)) for line in lines]

    @staticmethod
    def decoded(name):
        if name.startswith(b'"'):
            name = re.sub(rb"\\(.)", rb"\1", name[1:-1])
        return re.sub(r"&([^-]*)-", lambda m: (f"+{m[1].replace(',', '/')}-".encode().decode("utf-7") if m[1] else "&"), name.decode("ascii"))

    def test_names(self):
        self.check(12, MAIL_NAMES, self.held)


class Dav(Names):
    def held(self, tag):
        answer = self.bench.parts["caldav"].request("PROPFIND", f"/{self.user}/", user=self.user, Depth="1")[2].decode()
        import xml.etree.ElementTree as tree
        out = []
        for r in tree.fromstring(answer).iter("{DAV:}response"):
            if r.find(f".//{{DAV:}}resourcetype/{tag}") is not None:
                out.append((r.find(".//{DAV:}displayname").text, tuple(c.get("name") for c in r.iter("{urn:ietf:params:xml:ns:caldav}comp"))))
        return out

    def test_names_of_calendars(self):
        self.check(13, DAV_NAMES, lambda: [n for n, c in self.held("{urn:ietf:params:xml:ns:caldav}calendar") if "VEVENT" in c])

    def test_names_of_address_books(self):
        self.check(14, DAV_NAMES, lambda: [n for n, _ in self.held("{urn:ietf:params:xml:ns:carddav}addressbook")])


class Local(Names):
    backends = ("local",)

    def held(self, dir):
        return sorted(p.read_text() for p in (self.bench.parts["local"].path / self.user / dir).glob("*/displayname"))

    def test_names_of_calendars(self):
        self.phone()
        self.check(13, LOCAL_NAMES, lambda: self.held("calendars"))


class Ids(Case):
    """In every place that takes an id: nothing happens to anything."""
    def setUp(self):
        super().setUp()
        self.deliver("Stays")
        event = EVENT.format(uid="z", start="20260310T090000Z", end="20260310T100000Z", summary="Stays", more="").replace("\n", "\r\n")
        self.dav = self.bench.parts["caldav"]
        self.assertEqual(self.dav.request("PUT", f"/{self.user}/calendar/z.ics", event, self.user)[0], 201)
        self.p = self.phone()
        for type in (2, 8):
            self.p.sync(self.p.folder(type=type))

    def test_ids_that_are_nobodys(self):
        p, inbox = self.p, self.p.folder(type=2)
        mail, = inbox.items
        for folder in (inbox, p.folder(type=8)):
            for id in IDS:
                with self.subTest(folder=folder.name, id=id[:30]):
                    self.one_id(p, folder, id, next(iter(folder.items)))
        self.assertEqual(self.subjects(), ["Stays"])
        self.assertEqual(self.mailbox().search(None, "SEEN")[1], [b""])
        self.assertEqual(self.dav.request("GET", f"/{self.user}/calendar/z.ics", user=self.user)[0], 200)
        self.assertIn(mail, inbox.items)

    def one_id(self, p, folder, id, real):
        fetch = [("AirSync:Fetch", [("AirSync:ServerId", id)])]
        for commands, good in (([p.delete(id)], ("1", "4", "8")), ([p.change(id, [("Email:Read", "1")])], ("4", "8")), (fetch, ("4", "8"))):
            answer = p.post("Sync", p.sync_tree(p.collection(folder, commands)))
            self.assertEqual(answer.status, 200)
            if answer.body:
                p.take_collection(c := find(answer.tree, "AirSync:Collections", "AirSync:Collection"))
                statuses = [text(c, "AirSync:Status")] + [text(r, "AirSync:Status") for r in children(find(c, "AirSync:Responses"))]
                self.assertTrue(statuses[0] == "4" or statuses[-1] in good, wbxml.to_xml(c))
                self.assertIsNone(find(c, "AirSync:Commands"), wbxml.to_xml(c))
        for source, where, target in ((id, folder.id, folder.id), (real, id, folder.id), (real, folder.id, id)):
            answer = p.post("MoveItems", ("Move:MoveItems", [("Move:Move", [
                ("Move:SrcMsgId", source), ("Move:SrcFldId", where), ("Move:DstFldId", target)])]))
            self.assertIn(text(find(answer.tree, "Move:Response"), "Move:Status"), ("1", "2", "4", "5"))
        for name, more in (("AirSyncBase:FileReference", []), ("AirSync:ServerId", [("AirSync:CollectionId", folder.id)])):
            answer = p.post("ItemOperations", ("ItemOperations:ItemOperations", [("ItemOperations:Fetch", [
                ("ItemOperations:Store", "Mailbox"), *more, (name, id)])]))
            self.assertNotIn(b"Stays", answer.body)
        for command in ("FolderDelete", "FolderUpdate"):
            fields = {"ServerId": id} | ({"ParentId": "0", "DisplayName": "x"} if command == "FolderUpdate" else {})
            self.assertIn(text(p.change_folder(command, **fields), "FolderHierarchy:Status"), ("4", "10"))
        self.assertIn(text(p.change_folder("FolderCreate", ParentId=id or "-1", DisplayName="x", Type="12"), "FolderHierarchy:Status"), ("5", "10"))

    def test_client_ids(self):
        """Of any form: answered with themselves, and known again when they come twice."""
        p, calendar = self.p, self.p.folder(type=8)
        for n, id in enumerate(("a\r\nb", "'; drop table intent; --", '"\\', "%s%n", "../x", "\u2028", LONG, "x" * 64, "\x01")):
            with self.subTest(id[:30]):
                data = [("Calendar:StartTime", "20260310T090000Z"), ("Calendar:EndTime", "20260310T100000Z"), ("Calendar:Subject", f"Event {n}")]
                key = calendar.key
                answer = p.sync_once(calendar, [p.add(calendar, data, id)])
                response = find(answer, "AirSync:Responses", "AirSync:Add")
                self.assertEqual((text(response, "AirSync:ClientId"), text(response, "AirSync:Status")), (id.replace("\x01", " "), "1"))
                again = p.sync_once(calendar, [p.add(calendar, data, id)], key=key)
                self.assertEqual(text(find(again, "AirSync:Responses", "AirSync:Add"), "AirSync:ServerId"), text(response, "AirSync:ServerId"))
                mime = (f"From: {p.user}@example.org\r\nTo: b@example.org\r\nSubject: {n}\r\n"
                        f"Date: Mon, 05 Jan 2026 10:00:0{n} +0000\r\n\r\nx\r\n").encode()
                sent = len(self.imap.sent())
                for _ in range(2):
                    answer = p.post("SendMail", ("ComposeMail:SendMail", [("ComposeMail:ClientId", id), ("ComposeMail:Mime", mime)]))
                    self.assertEqual((answer.status, answer.body), (200, b""))
                self.assertEqual(len(self.imap.sent()), sent + 1)

    def test_who_the_phone_says_it_is(self):
        """Each line of the log is one, printable, and ends with the address that the request really came from."""
        since = self.bench.log_size()
        for word in ("x\x1b[2J\x07y", "z client=9.9.9.9", 'a" client="9.9.9.9', "\u202e\u2028b", "%n%s", "\x85\x9bc"):
            for field in ("user", "device", "type", "agent"):
                p = Phone(self.bench.port, **({"user": self.user, "device": "D1"} | {field: word}))
                p.agent = p.agent.encode().decode("latin-1")
                status = p.post("FolderSync", ("FolderHierarchy:FolderSync", [("FolderHierarchy:SyncKey", "0")])).status
                self.assertIn(status, {"user": (401,), "device": (200, 400)}.get(field, (200, 400)), (field, word))
        lines = self.bench.log_text(since).split("\n")
        self.assertGreater(sum("authentication failed" in line for line in lines), 3)
        for line in lines:
            self.assertTrue(line.isprintable(), ascii(line))
            self.assertTrue(not line or re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ (debug|info|notice|warn|error) ", line), ascii(line))
            if "authentication failed" in line:
                self.assertRegex(line, r" client=127\.0\.0\.1$")


IdsMariaDB = both(Ids)

if __name__ == "__main__":
    unittest.main()
