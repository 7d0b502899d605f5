"""Backends that fail: what is touched is told to try again, the rest goes on, nothing is lost when they are back."""
import contextlib
import email
import os
import pathlib
import select
import signal
import time
import unittest

import wbxml
from bench import wait_for
from case import Case
from test_calendar import EVENT
from wbxml import children, find, text

QUICK = "[imap]\nconnect = 1\nanswer = 2\naccept = 2\n" + "".join(f"[{s}]\nconnect = 1\nanswer = 2\n" for s in ("caldav", "carddav"))
# One bench for all: what is refused or down is asked again after a second.
BENCH = {"behind": True, "extra": QUICK + "[backends]\nprobe = 1\nrefused_first = 1\nrefused_most = 1\n"}


def family(pid):
    """A process and all below it."""
    parents = {}
    for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            parents[int(stat.parent.name)] = int(stat.read_text().rsplit(")", 1)[1].split()[1])
    out = [pid]
    for p in out:
        out += [child for child, parent in parents.items() if parent == p]
    return out


class Down(Case):
    more = BENCH

    def ready(self, version="14.1"):
        """A phone with its Inbox, calendar and contacts synced."""
        self.deliver("Before")
        p = self.phone(version)
        p.inbox, p.calendar, p.contacts = p.folder(type=2), p.folder(type=8), p.folder(type=9)
        for f in (p.inbox, p.calendar, p.contacts):
            p.sync(f)
        return p

    def titles(self, folder):
        return sorted(text(d, "Email:Subject") or text(d, "Calendar:Subject") or text(d, "Contacts:FileAs") for d in folder.items.values())

    def add_event(self, p, subject):
        data = [("Calendar:UID", f"{subject}@phone"), ("Calendar:DtStamp", "20260105T080000Z"),
                ("Calendar:StartTime", "20260301T110000Z"), ("Calendar:EndTime", "20260301T120000Z"), ("Calendar:Subject", subject)]
        return p.add(p.calendar, data, f"client-{subject}"), data

    def put_event(self, name, **fields):
        ics = EVENT.format(**{"uid": name, "start": "20260310T090000Z", "end": "20260310T100000Z", "summary": name, "more": "", **fields})
        status, _, _ = self.bench.parts["caldav"].request("PUT", f"/{self.user}/calendar/{name}.ics", ics.replace("\n", "\r\n"), self.user)
        self.assertIn(status, (201, 204))

    def events(self):
        _, _, body = self.bench.parts["caldav"].request("PROPFIND", f"/{self.user}/calendar/", user=self.user, Depth="1")
        return body.count(b".ics</")


class SlowPolls(Case):
    """More users than threads, whose DAV server answers no poll: mail is pushed to all whose poll is not under way."""
    more = {"behind": True, "server": "jobs = 2", "extra": "[caldav]\nanswer = 120\n"}
    backends = ("imap", "caldav")
    USERS, POLLS = 5, 1     # half of the jobs

    def waiting(self):
        p = self.phone()
        folders = [p.folder(type=t) for t in (2, 8)]
        for f in folders:
            p.sync(f)
        return p.user, p.start_ping(folders, 300)

    def test_mail_comes_meanwhile(self):
        pings = []
        for _ in range(self.USERS):
            pings.append(self.waiting())
            self.user = self.new_user()
        wait_for(lambda: self.bench.stats()["watches.now"] == self.USERS and self.bench.stats()["jobs.now"] == 0)
        web = self.bench.parts["caldav"].web
        asked = len(web.seen)
        with web.failing("hang"):
            wait_for(lambda: len(web.seen) > asked)
            all_due = time.monotonic() + 6      # a poll is every 5 s
            wait_for(lambda: time.monotonic() > all_due)
            for self.user, _ in pings:
                self.deliver("Now")
            told = set()
            wait_for(lambda: told.update(select.select([c.sock for _, c in pings], [], [], 0)[0]) or len(told) >= self.USERS - self.POLLS)
        for _, c in pings:
            c.close()


class Dovecot(Down):
    @contextlib.contextmanager
    def frozen(self):
        """All of Dovecot is stopped: the kernel takes connections, nobody answers."""
        master = int((self.bench.dir / "dovecot/run/master.pid").read_text())
        pids = family(master)
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            for pid in reversed(family(master)):
                os.kill(pid, signal.SIGCONT)

    def test_frozen(self):
        p = self.ready()
        mail, = p.inbox.items
        seen = [("AirSync:Change", [("AirSync:ServerId", mail), ("AirSync:ApplicationData", [("Email:Read", "1")])])]
        key = p.inbox.key
        with self.frozen():
            self.put_event("meanwhile")
            said = self.statuses(p, p.collection(p.inbox, seen), p.collection(p.calendar))
            self.assertEqual(said, {p.inbox.id: "16", p.calendar.id: "1"})
            self.assertEqual(self.titles(p.calendar), ["meanwhile"])
            self.assertEqual(p.folder_sync(), "1")      # a server that is down takes no folder away
            self.assertIn(p.inbox.id, p.folders)
            ping = p.start_ping([p.inbox, p.calendar], 300)
        self.assertEqual(p.inbox.key, key)
        self.deliver("After")
        self.assertEqual(text(p.receive(ping).tree, "Ping:Status"), "2")
        self.sync_when_back(p, p.inbox, seen)
        p.sync(p.inbox)
        self.assertEqual(self.titles(p.inbox), ["After", "Before"])
        self.assertEqual(self.mailbox().search(None, "SEEN")[1][0], b"1")

    def test_no_password_is_doubted(self):
        """Also where the login is not remembered: 503, never 401."""
        p = self.phone(folders=False)
        with self.frozen():
            answer = p.post("FolderSync", ("FolderHierarchy:FolderSync", [("FolderHierarchy:SyncKey", "0")]))
            self.assertEqual(answer.status, 503)
            self.assertTrue(answer.headers["Retry-After"])
        wait_for(lambda: p.post("FolderSync", ("FolderHierarchy:FolderSync", [("FolderHierarchy:SyncKey", "0")])).status == 200, every=0.1)

    def test_connection_cut(self):
        """Between two commands: found out and dialled anew within the request."""
        p = self.ready()
        for _ in range(3):
            self.bench.parts["imap"].wire.cut()
            self.deliver("Next")
            self.sync_when_back(p, p.inbox)
            p.sync(p.inbox)
        self.assertEqual(self.titles(p.inbox).count("Next"), 3)

    def test_hangs_in_the_middle_of_a_first_sync(self):
        for n in range(30):
            self.deliver(f"Mail {n:02}", body="x" * 20000 + "\r\n")
        p = self.phone()
        inbox = p.folder(type=2)
        inbox_wire = self.bench.parts["imap"].wire
        p.sync_once(inbox)
        p.window = 5
        p.sync_once(inbox)
        self.assertEqual(len(inbox.items), 5)
        inbox_wire.set("hang")
        try:
            self.assertEqual(self.statuses(p, p.collection(inbox)), {inbox.id: "16"})
        finally:
            inbox_wire.set("pass")
        self.sync_when_back(p, inbox)
        p.sync(inbox)
        self.assertEqual(self.titles(inbox), [f"Mail {n:02}" for n in range(30)])


class Radicale(Down):
    def failing(self, fault):
        return self.bench.parts["caldav"].web.failing(fault)

    def check(self, fault):
        """The calendar's Sync fails so; the others go on; an Add and a change at the server are there once when it is back."""
        p = self.ready()
        command, data = self.add_event(p, "Lunch")
        key = p.calendar.key
        with self.failing(fault):
            self.deliver("Meanwhile")
            said = self.statuses(p, p.collection(p.calendar, [command]), p.collection(p.inbox), p.collection(p.contacts))
            self.assertEqual({k: said.get(k, "1") for k in (p.calendar.id, p.inbox.id, p.contacts.id)},
                             {p.calendar.id: "16", p.inbox.id: "1", p.contacts.id: "1"})
            self.assertEqual(self.titles(p.inbox), ["Before", "Meanwhile"])
            self.assertEqual(p.calendar.key, key)
            self.assertEqual(p.folder_sync(), "1")
            self.assertIn(p.calendar.id, p.folders)
        self.put_event("server")
        p.added(p.calendar, self.sync_when_back(p, p.calendar, [command]), data)
        p.sync(p.calendar)
        self.assertEqual(self.titles(p.calendar), ["Lunch", "server"])
        self.assertEqual(self.events(), 2)

    def test_500(self):
        self.check(500)

    def test_503(self):
        self.check(503)

    def test_hangs(self):
        self.check("hang")

    def test_401_to_good_credentials(self):
        """Another server's 401 is not the phone's: the one that lets users in has not refused anybody."""
        self.check(401)

    def test_ends_in_the_middle_of_a_multistatus(self):
        self.check(lambda method, path: "half" if method in ("PROPFIND", "REPORT") else None)

    def test_first_sync_with_broken_multistatus(self):
        for n in range(20):
            self.put_event(f"e{n:02}")
        p = self.phone()
        calendar = p.folder(type=8)
        p.sync_once(calendar)
        broken = iter(["half", None, "half"])
        with self.failing(lambda method, path: next(broken, None) if method == "REPORT" else None):
            self.sync_when_back(p, calendar)
        p.sync(calendar)
        self.assertEqual(self.titles(calendar), [f"e{n:02}" for n in range(20)])

    def test_answer_to_a_put_is_lost(self):
        """Made, but nobody knows: the repeat finds it."""
        p = self.ready()
        command, data = self.add_event(p, "Once")
        with self.failing(lambda method, path: "lose" if method == "PUT" else None):
            self.assertEqual(self.statuses(p, p.collection(p.calendar, [command])), {p.calendar.id: "16"})
        self.assertEqual(self.events(), 1)
        p.added(p.calendar, self.sync_when_back(p, p.calendar, [command]), data)
        p.sync(p.calendar)
        self.assertEqual(self.titles(p.calendar), ["Once"])
        self.assertEqual(self.events(), 1)

    def test_answer_to_a_delete_is_lost(self):
        self.put_event("gone")
        p = self.ready()
        id, = p.calendar.items
        with self.failing(lambda method, path: "lose" if method == "DELETE" else None):
            self.assertEqual(self.statuses(p, p.collection(p.calendar, [p.delete(id)])), {p.calendar.id: "16"})
        self.assertEqual(self.events(), 0)
        answer = self.sync_when_back(p, p.calendar, [p.delete(id)])
        self.assertIsNone(find(answer, "AirSync:Responses"))


class Smtp(Down):
    @contextlib.contextmanager
    def mode(self, words):
        path = self.bench.parts["imap"].sink / "mode"
        path.write_text(words + "\n")
        try:
            yield
        finally:
            path.unlink()

    def send(self, p, subject):
        mime = (f"From: {self.user}@example.org\r\nTo: bob@example.org\r\nSubject: {subject}\r\nDate: Thu, 05 Mar 2026 10:00:00 +0000\r\n"
                f"Message-ID: <{subject}.{self.user}@phone>\r\n\r\nHello\r\n").encode()
        answer = p.post("SendMail", ("ComposeMail:SendMail", [("ComposeMail:ClientId", f"c-{subject}"),
                                     ("ComposeMail:SaveInSentItems", None), ("ComposeMail:Mime", mime)]))
        self.assertEqual(answer.status, 200)
        return text(answer.tree, "ComposeMail:Status") if answer.body else None

    def arrived(self, subject):
        out = [email.message_from_bytes(raw) for envelope, raw in self.imap.sent() if self.user in envelope["from"]]
        return [m["Message-ID"] for m in out if m["Subject"] == subject]

    def test_refused_for_now(self):
        p = self.ready()
        for step in ("mail", "rcpt", "data", "end"):
            with self.subTest(step), self.mode(f"{step}=450"):
                self.assertEqual(self.send(p, f"later-{step}"), "111")
                self.assertEqual(self.subjects("Sent").count(f"later-{step}"), 0)
                self.deliver(f"beside-{step}")
                p.sync(p.inbox)
                self.assertIn(f"beside-{step}", self.titles(p.inbox))
            self.assertIsNone(self.send(p, f"later-{step}"))
            self.assertIsNone(self.send(p, f"later-{step}"))
            self.assertEqual(len(self.arrived(f"later-{step}")), 1)
            self.assertEqual(self.subjects("Sent").count(f"later-{step}"), 1)

    def test_refused_for_good(self):
        p = self.ready()
        for step in ("mail", "rcpt", "data", "end"):
            with self.subTest(step), self.mode(f"{step}=550"):
                self.assertEqual(self.send(p, f"never-{step}"), "120")
            self.assertEqual(self.arrived(f"never-{step}"), [])
            self.assertEqual(self.subjects("Sent").count(f"never-{step}"), 0)

    def test_no_answer(self):
        """After DATA nobody knows whether it went out: it is sent again under the same Message-ID, never not at all."""
        p = self.ready()
        for how in ("hang=end", "drop=end", "hang=rcpt", "drop=data"):
            subject = how.replace("=", "-")
            with self.subTest(how), self.mode(how):
                self.assertEqual(self.send(p, subject), "111")
            self.assertIsNone(self.send(p, subject))
            ids = self.arrived(subject)
            self.assertEqual(set(ids), {f"<{subject}.{self.user}@phone>"})
            self.assertEqual(len(ids), 2 if how.endswith("end") else 1)
            self.assertEqual(self.subjects("Sent").count(subject), 1)


if __name__ == "__main__":
    unittest.main()
