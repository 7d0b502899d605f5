"""Push: a parked Ping and a parked Sync."""
import contextlib
import re
import signal
import time
import unittest

import wbxml
from bench import Bench, Imap, wait_for
from case import VERSIONS, Case, both
from test_calendar import EVENT
from wbxml import children, find, text

QUIET = 4       # seconds


class Push(Case):
    backends = ("imap",)

    def ready(self, version="14.1"):
        p = self.phone(version)
        inbox = p.folder(type=2)
        p.sync(inbox)
        return p, inbox


    def test_mail_answers_a_ping(self):
        for version in VERSIONS:
            with self.subTest(version):
                p, inbox = self.ready(version)
                connection = p.start_ping([inbox], 300)
                self.deliver(f"Push {version}")
                tree = p.receive(connection).tree
                self.assertEqual(text(tree, "Ping:Status"), "2")
                self.assertEqual([f[1] for f in children(find(tree, "Ping:Folders"))], [inbox.id])
                p.sync(inbox)
                self.assertIn(f"Push {version}", [text(d, "Email:Subject") for d in inbox.items.values()])

    def test_mail_answers_a_waiting_sync(self):
        for version, wait in (("12.1", ("AirSync:Wait", "5")), ("14.1", ("AirSync:HeartbeatInterval", "300")),
                              ("16.1", ("AirSync:HeartbeatInterval", "300"))):
            with self.subTest(version):
                p, inbox = self.ready(version)
                connection = p.send("Sync", wbxml.encode(p.sync_tree(p.collection(inbox), more=[wait])), timeout=300)
                self.deliver(f"Push {version}")
                p.take_sync(p.receive(connection))
                self.assertIn(f"Push {version}", [text(d, "Email:Subject") for d in inbox.items.values()])

    def test_empty_ping_uses_the_stored_one(self):
        p, inbox = self.ready()
        self.assertEqual(text(p.post("Ping").tree, "Ping:Status"), "3")
        connection = p.start_ping([inbox], 300)
        self.deliver("First")
        p.receive(connection)
        p.sync(inbox)
        connection = p.send("Ping", timeout=300)
        self.deliver("Second")
        self.assertEqual(text(p.receive(connection).tree, "Ping:Status"), "2")

    def test_newer_ping_ends_the_older(self):
        p, inbox = self.ready()
        first = p.start_ping([inbox], 300)
        second = p.start_ping([inbox], 301)
        # Whichever reaches the server later stays; the other is answered with 1.
        self.deliver("Wake")
        answers = sorted(text(p.receive(c).tree, "Ping:Status") for c in (first, second))
        self.assertIn(answers, (["1", "2"], ["2", "2"]))

    def test_heartbeat_out_of_range(self):
        p, inbox = self.ready()
        tree = p.ping([inbox], 10).tree
        self.assertEqual((text(tree, "Ping:Status"), text(tree, "Ping:HeartbeatInterval")), ("5", "60"))
        tree = p.ping([inbox], 100000).tree
        self.assertEqual((text(tree, "Ping:Status"), text(tree, "Ping:HeartbeatInterval")), ("5", "3540"))
        answer = p.post("Sync", p.sync_tree(p.collection(inbox), more=[("AirSync:HeartbeatInterval", "100000")])).tree
        self.assertEqual((text(answer, "AirSync:Status"), text(answer, "AirSync:Limit")), ("14", "3540"))

    def test_folders_that_another_device_changes(self):
        """Each ends the other device's Ping with 7, its Sync with 12; not what waits on the device itself."""
        one, two = self.phone(), self.phone()
        id = None
        steps = (("FolderCreate", lambda: {"ParentId": "0", "DisplayName": "New", "Type": "12"}),
                 ("FolderUpdate", lambda: {"ServerId": id, "ParentId": "0", "DisplayName": "Newer"}),
                 ("FolderDelete", lambda: {"ServerId": id}))
        for command, fields in steps:
            with self.subTest(command):
                for p in (one, two):
                    self.assertEqual(p.folder_sync(), "1")
                    p.sync(p.folder(type=2))
                own, ping = one.start_ping([one.folder(type=2)], 300), two.start_ping([two.folder(type=2)], 300)
                self.waits(2)
                tree = one.change_folder(command, **fields())
                self.assertEqual(text(tree, "FolderHierarchy:Status"), "1")
                id = text(tree, "FolderHierarchy:ServerId") or id
                self.assertEqual(text(two.receive(ping).tree, "Ping:Status"), "7")
                self.assertEqual(two.folder_sync(), "1")
                self.assertEqual([f.name for f in two.folders.values() if f.id == id],
                                 [] if command == "FolderDelete" else [fields()["DisplayName"]])
                self.deliver(f"After {command}")
                self.assertEqual(text(one.receive(own).tree, "Ping:Status"), "2")
        inbox = two.folder(type=2)
        two.sync(inbox)
        waiting = two.send("Sync", wbxml.encode(two.sync_tree(two.collection(inbox), more=[("AirSync:HeartbeatInterval", "300")])),
                           timeout=300)
        self.waits(1)
        self.assertEqual(text(one.change_folder("FolderCreate", ParentId="0", DisplayName="Last", Type="12"),
                              "FolderHierarchy:Status"), "1")
        self.assertEqual(text(two.receive(waiting).tree, "AirSync:Status"), "12")

    def waits(self, n):
        """Until n more requests of the user wait than when this was asked before."""
        self.waiting = getattr(self, "waiting", 0) + n
        wait_for(lambda: len(re.findall(rf"waits user={self.user}\b", self.bench.log_text())) >= self.waiting)

    def test_unknown_folder_is_7(self):
        p, inbox = self.ready()
        inbox.id = "9999"
        self.assertEqual(text(p.ping([inbox], 100).tree, "Ping:Status"), "7")

    def test_hang_up_leaves_nothing_behind(self):
        p, inbox = self.ready()
        connection = p.start_ping([inbox], 300)
        wait_for(lambda: f"waits: user={self.user}" in self.bench.log_text() or f"waits user={self.user}" in self.bench.log_text())
        connection.close()
        wait_for(lambda: f"the phone hung up user={self.user}" in self.bench.log_text())


class Quiet(Case):
    backends = ("imap",)
    more = {"extra": f"[eas]\nquiet = {QUIET}\n"}

    def test_a_change_that_a_sync_took_does_not_end_the_ping(self):
        """The Ping was to tell of it after the quiet seconds; by then there is nothing to tell."""
        self.deliver("Old", folder="Archive")
        one, two = self.phone(), self.phone()
        archive = one.folder(name="Archive")
        one.sync(archive)
        mail, = archive.items
        for f in (two.folder(name="Archive"), two.folder(type=2)):
            two.sync(f)
        self.mailbox("Archive").store("1", "+FLAGS", r"(\Flagged)")
        two.sync(two.folder(name="Archive"))
        ping = one.start_ping([archive], 300)
        wait_for(lambda: f"waits user={self.user}" in self.bench.log_text())
        other = two.start_ping([two.folder(type=2)], 300)
        self.deliver("New")
        # All that waits was asked for that: it is known when the first is due.
        self.assertEqual(text(two.receive(other).tree, "Ping:Status"), "2")
        one.sync(archive)
        self.assertEqual(text(archive.items[mail], "Email:Flag", "Email:Status"), "2")
        with contextlib.suppress(AssertionError):       # where it was asked once more after the Sync, it is not even woken
            wait_for(lambda: f"goes on waiting user={self.user}" in self.bench.log_text(), QUIET + 3)
        self.deliver("Newer", folder="Archive")
        self.assertEqual(text(one.receive(ping).tree, "Ping:Status"), "2")


class Missed(Case):
    """What was noticed while it could not be looked at."""
    backends = ("imap", "caldav")
    more = {"behind": True, "extra": "[backends]\nuser_sessions = 1\n"}

    @property
    def web(self):
        return self.bench.parts["caldav"].web

    def put_event(self, name):
        ics = EVENT.format(uid=name, start="20260310T090000Z", end="20260310T100000Z", summary=name, more="").replace("\n", "\r\n")
        status, _, _ = self.bench.parts["caldav"].request("PUT", f"/{self.user}/calendar/{name}.ics", ics, self.user)
        self.assertEqual(status, 201)

    def asked(self, method, name, since):
        return (method, f"/{self.user}/{name}/") in self.web.seen[since:]

    def ready(self):
        """A phone whose calendar is watched, and the Ping that waits for it."""
        p = self.phone()
        calendar = p.folder(type=8)
        p.sync(calendar)
        seen = len(self.web.seen)
        ping = p.start_ping([calendar], 120)
        wait_for(lambda: self.asked("REPORT", "calendar", seen) and self.bench.stats()["jobs.now"] == 0)
        return p, calendar, ping

    def test_the_look_fails(self):
        p, calendar, ping = self.ready()
        since = self.bench.log_size()
        with self.web.failing(lambda method, path: 503 if method == "REPORT" else None):
            self.put_event("missed")
            wait_for(lambda: re.search(rf"was not looked at.* user={self.user}\b", self.bench.log_text(since)))
        self.assertEqual(text(p.receive(ping).tree, "Ping:Status"), "2")
        p.sync(calendar)
        self.assertEqual(len(calendar.items), 1)

    def test_no_session_is_free_and_then_nobody_waits(self):
        p, calendar, ping = self.ready()
        other = self.phone()
        tasks = other.folder(type=7)
        other.sync(tasks)
        seen, busy = len(self.web.seen), self.bench.stats()["sessions.busy"]
        with self.web.failing(lambda method, path: "hang" if method == "REPORT" and path.endswith("/tasks/") else None):
            hanging = other.send("Sync", wbxml.encode(other.sync_tree(other.collection(tasks))))
            wait_for(lambda: self.asked("REPORT", "tasks", seen))
            self.put_event("missed")
            wait_for(lambda: self.bench.stats()["sessions.busy"] > busy)
            ping.close()
            wait_for(lambda: self.bench.stats()["parked.now"] == 0)
            seen = len(self.web.seen)
            wait_for(lambda: len(self.web.seen) > seen and self.bench.stats()["jobs.now"] == 0)
        self.assertEqual(other.receive(hanging).status, 200)
        ping = p.start_ping([calendar], 120)
        self.assertEqual(text(p.receive(ping).tree, "Ping:Status"), "2")


class Pushed(Case):
    def push(self, p, inbox, subject, seconds=120):
        """A mail ends a Ping."""
        ping = p.start_ping([inbox], seconds)
        self.deliver(subject)
        self.assertEqual(text(p.receive(ping).tree, "Ping:Status"), "2")


class NewPassword(Pushed):
    backends = ("imap",)
    more = {"extra": "[backends]\nuser_sessions = 1\n"}     # none that is logged in with the old one is left over

    def test_changed_while_the_mailbox_is_watched(self):
        """The connection that tells of mail outlives the password that it was opened with."""
        old, new = self.phone(), self.phone(password="changed", folders=False)
        inbox = old.folder(type=2)
        old.sync(inbox)
        self.push(old, inbox, "First")
        self.imap.change_password(self.user, "changed")
        self.assertEqual(new.folder_sync(), "1")
        inbox = new.folder(type=2)
        new.sync(inbox)
        self.push(new, inbox, "Second")
        new.sync(inbox)
        self.assertEqual(sorted(text(d, "Email:Subject") for d in inbox.items.values()), ["First", "Second"])


class AnotherServer(Pushed):
    def find_bench(self):
        return self.own

    def setUp(self):
        self.own = Bench("sqlite", ("imap",)).start()
        self.addCleanup(self.own.stop)
        super().setUp()

    def move(self):
        """The mailboxes are elsewhere from now on, and cpush is told; the old server stays up."""
        made = int(time.time())     # Dovecot's UIDVALIDITY: in the same second the two would be one mailbox to anybody
        wait_for(lambda: int(time.time()) > made)
        place = self.bench.dir / "second"
        place.mkdir()
        place.chmod(0o755)
        second = Imap(place)
        second.start()
        self.addCleanup(self.imap.stop)
        self.bench.parts["imap"] = second
        self.bench.write_config()
        self.bench.cpush.send_signal(signal.SIGHUP)
        wait_for(lambda: "configuration read again" in self.bench.log_text())

    def test_reload_reaches_who_is_watched(self):
        p = self.phone()
        inbox = p.folder(type=2)
        p.sync(inbox)
        self.push(p, inbox, "First")
        p.sync(inbox)
        self.move()
        for n in range(2):
            self.deliver(f"There {n}")
        p.post("Sync", p.sync_tree(p.collection(inbox)))
        inbox.key, inbox.items = "0", {}        # all is numbered anew
        p.sync(inbox)
        self.push(p, inbox, "Second", 60)
        p.sync(inbox)
        self.assertIn("Second", [text(d, "Email:Subject") for d in inbox.items.values()])

    def begin_anew(self, p, inbox):
        self.assertEqual(text(p.sync_once(inbox), "AirSync:Status"), "3")
        inbox.key, inbox.items = "0", {}
        p.sync(inbox)

    def test_what_the_old_server_had_is_gone(self):
        """Mail that is numbered alike on both servers is not the same mail."""
        p = self.phone()
        inbox = p.folder(type=2)
        self.deliver("Old")
        p.sync(inbox)
        self.assertEqual(self.held(inbox), ["Old"])
        self.move()
        self.push(p, inbox, "New", 60)
        self.begin_anew(p, inbox)
        self.assertEqual(self.held(inbox), ["New"])

    def test_an_empty_server_has_nothing(self):
        """A phone whose key means nothing any more is told so, though there is nothing to tell of the folder."""
        p = self.phone()
        inbox = p.folder(type=2)
        self.deliver("Old")
        p.sync(inbox)
        self.move()
        self.assertIsNone(p.sync_once(inbox))
        self.assertEqual(text(p.ping([inbox], 60).tree, "Ping:Status"), "2")
        self.begin_anew(p, inbox)
        self.assertEqual(self.held(inbox), [])
        self.push(p, inbox, "New", 60)

    @staticmethod
    def held(folder):
        return sorted(text(d, "Email:Subject") for d in folder.items.values())


PushMariaDB = both(Push)

if __name__ == "__main__":
    unittest.main()
