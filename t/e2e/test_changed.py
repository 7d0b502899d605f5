"""What others change at the servers: mailboxes made anew, renamed and deleted, passwords, users. The phone follows, and the log says why."""
import re
import unittest

from bench import wait_for
from case import Case
from test_calendar import EVENT
from wbxml import children, find, text

BENCH = {"server": "login_cache = 1\n", "extra": "[backends]\nrefused_first = 1\nrefused_most = 1\nprobe = 1\nidle = 1\n"}


class Changed(Case):
    more = BENCH

    def status(self, p, folder, commands=()):
        """Of one Sync of this folder."""
        return self.statuses(p, p.collection(folder, commands)).get(folder.id, "1")

    def at_last(self, p, folder, status, commands=()):
        """An IMAP server may take a while to tell a connection that has the mailbox open what became of it; meanwhile nothing is wrong, or
        the phone tries again."""
        def tried():
            said = self.status(p, folder, commands)
            self.assertIn(said, (status, "1", "16"))
            return said == status
        wait_for(tried, every=0.2)

    def subjects_of(self, folder):
        return sorted(text(d, "Email:Subject") for d in folder.items.values())

    def log_of(self, p):
        return [line for line in self.bench.log_text().splitlines() if f"user={self.user} " in line]

    def assertLogged(self, p, pattern):
        self.assertTrue([line for line in self.log_of(p) if re.search(pattern, line)], pattern)

    def with_project(self):
        """Two phones that have a folder with three mails, and an IMAP client."""
        c = self.imap.client(self.user)
        c.create("Project")
        for n in range(3):
            self.deliver(f"Old {n}", folder="Project")
        phones = self.phone(), self.phone()
        for p in phones:
            p.project = p.folder(name="Project")
            p.sync(p.project)
            p.sync(p.folder(type=2))
        return c, *phones

    def made_anew(self, c):
        c.delete("Project")
        c.create("Project")
        for n in range(3):
            self.deliver(f"New {n}", folder="Project")


class Mailboxes(Changed):
    backends = ("imap",)

    def test_uidvalidity_changed(self):
        c, a, b = self.with_project()
        self.made_anew(c)
        old = next(iter(a.project.items))
        # The same UIDs, other mails: a command for an old one does nothing.
        self.at_last(a, a.project, "3", [a.delete(old)])
        self.at_last(b, b.project, "3")
        for p in (a, b):
            p.project.key, p.project.items = "0", {}
            wait_for(lambda: (p.sync(p.project), self.subjects_of(p.project) == ["New 0", "New 1", "New 2"])[1], every=0.2)
            self.assertEqual(self.subjects_of(p.project), ["New 0", "New 1", "New 2"])
            self.assertEqual(self.status(p, p.project), "1")        # once is enough
            self.assertEqual(self.status(p, p.folder(type=2)), "1")
        self.assertEqual(self.subjects("Project"), ["New 0", "New 1", "New 2"])
        self.assertLogged(a, r"notice imap:Project: the server has numbered everything anew \(UIDVALIDITY\)")

    def test_uidvalidity_changed_and_the_phone_does_not_know(self):
        """What names a mail without a Sync: not the mail that has got its number."""
        c, a, _ = self.with_project()
        id = next(i for i, d in a.project.items.items() if text(d, "Email:Subject") == "Old 1")
        c.logout()
        wait_for(self.no_session)       # which would remember
        self.made_anew(self.mailbox())
        trash = a.folder(type=4)
        tree = a.post("MoveItems", ("Move:MoveItems", [("Move:Move", [
            ("Move:SrcMsgId", id), ("Move:SrcFldId", a.project.id), ("Move:DstFldId", trash.id)])])).tree
        self.assertNotEqual(text(tree, "Move:Response", "Move:Status"), "3")
        answer = a.post("ItemOperations", ("ItemOperations:ItemOperations", [("ItemOperations:Fetch", [
            ("ItemOperations:Store", "Mailbox"), ("AirSync:CollectionId", a.project.id), ("AirSync:ServerId", id)])]))
        self.assertNotIn(b"New 1", answer.body)
        mime = (f"From: {self.user}@example.org\r\nTo: bob@example.org\r\nSubject: Forwarded\r\nDate: Mon, 05 Jan 2026 10:00:00 +0000\r\n"
                f"Message-ID: <fwd.{self.user}@phone>\r\n\r\nSee\r\n").encode()
        a.post("SmartForward", ("ComposeMail:SmartForward", [("ComposeMail:ClientId", "f1"), ("ComposeMail:Source", [
            ("ComposeMail:FolderId", a.project.id), ("ComposeMail:ItemId", id)]), ("ComposeMail:Mime", mime)]))
        self.assertFalse([m for e, m in self.imap.sent() if self.user in e["from"] and b"New 1" in m])
        self.assertEqual(self.subjects("Project"), ["New 0", "New 1", "New 2"])
        self.at_last(a, a.project, "3")

    def no_session(self):
        out = [l for l in (self.bench.dir / "dovecot/dovecot.log").read_text().splitlines() if f"imap({self.user})" in l or f"user=<{self.user}>" in l]
        return sum(bool(re.search("(Login|Logged in): user=<", l)) for l in out) == sum("Disconnected: " in l or "Logged out" in l for l in out)

    def test_renamed(self):
        c, a, _ = self.with_project()
        c.rename("Project", "Done")
        self.at_last(a, a.project, "12")
        self.assertEqual(a.folder_sync(), "1")
        self.assertNotIn("Project", [f.name for f in a.folders.values()])
        done = a.folder(name="Done")
        a.sync(done)
        self.assertEqual(self.subjects_of(done), ["Old 0", "Old 1", "Old 2"])
        self.assertEqual(self.subjects("Done"), ["Old 0", "Old 1", "Old 2"])
        self.assertLogged(a, r"notice folder imap:Project is gone")

    def test_deleted_while_a_phone_waits(self):
        """What else changes still wakes it."""
        c, a, _ = self.with_project()
        ping = a.start_ping([a.project, a.folder(type=2)], 120)
        c.delete("Project")
        self.deliver("Meanwhile")
        self.assertIn(text(a.receive(ping).tree, "Ping:Status"), ("2", "7"))
        self.at_last(a, a.project, "12")
        self.assertEqual(a.folder_sync(), "1")
        self.assertNotIn("Project", [f.name for f in a.folders.values()])
        a.sync(a.folder(type=2))
        self.assertEqual(self.subjects_of(a.folder(type=2)), ["Meanwhile"])


class Users(Changed):
    """Each has an account that no other test uses: what is in Dovecot's file of users is read again when it changes."""
    def edit(self, path, old, new):
        path = self.bench.dir / path
        before = path.read_text()
        self.assertIn(old, before)
        path.write_text(before.replace(old, new))

    def test_password_changed(self):
        p = self.phone()
        inbox = p.folder(type=2)
        p.sync(inbox)
        self.edit("dovecot/users", f"{self.user}:{{PLAIN}}secret\n", f"{self.user}:{{PLAIN}}changed\n")
        self.edit("radicale/users", f"{self.user}:secret\n", f"{self.user}:changed\n")
        wait_for(lambda: p.options().status == 401)
        self.assertLogged(p, r"warn authentication failed: ")
        p.password = "changed"
        wait_for(lambda: p.post("Sync", p.sync_tree(p.collection(inbox))).status == 200)
        p.sync(p.folder(type=8))

    def test_user_removed(self):
        p = self.phone()
        inbox, calendar = p.folder(type=2), p.folder(type=8)
        p.sync(inbox)
        ping = p.start_ping([inbox, calendar], 60)
        self.edit("dovecot/users", f"{self.user}:{{PLAIN}}secret\n", "")
        wait_for(lambda: p.options().status == 401)
        self.assertEqual(p.post("Sync", p.sync_tree(p.collection(calendar))).status, 401)
        self.assertLogged(p, r"warn authentication failed: ")
        ping.close()

    def test_calendars_have_another_password(self):
        """Mail goes on, nobody is asked for a password, and the log says what to do about it."""
        p = self.phone()
        inbox, calendar = p.folder(type=2), p.folder(type=8)
        p.sync(inbox)
        p.sync(calendar)
        self.edit("radicale/users", f"{self.user}:secret\n", f"{self.user}:other\n")
        said = lambda: self.statuses(p, p.collection(calendar), p.collection(inbox))
        wait_for(lambda: said().get(calendar.id) == "16")
        self.deliver("Goes on")
        p.sync(inbox)
        self.assertEqual(self.subjects_of(inbox), ["Goes on"])
        self.assertLogged(p, r"warn caldav refuses the login that imap accepts")
        self.edit("radicale/users", f"{self.user}:other\n", f"{self.user}:secret\n")
        wait_for(lambda: said().get(calendar.id, "1") == "1")

    def test_calendar_deleted(self):
        dav = self.bench.parts["caldav"]
        ics = EVENT.format(uid="e", start="20260310T090000Z", end="20260310T100000Z", summary="e", more="").replace("\n", "\r\n")
        self.assertEqual(dav.request("MKCALENDAR", f"/{self.user}/second/", user=self.user)[0], 201)
        self.assertIn(dav.request("PUT", f"/{self.user}/second/e.ics", ics, self.user)[0], (201, 204))
        p = self.phone()
        second = next(f for f in p.folders.values() if f.type in (8, 13) and f.name not in ("Calendar", "calendar"))
        p.sync(second)
        self.assertEqual(len(second.items), 1)
        self.assertEqual(dav.request("DELETE", f"/{self.user}/second/", user=self.user)[0], 200)
        self.assertEqual(self.status(p, second), "12")
        self.assertLogged(p, r"notice folder caldav:/\S+/second/ is gone at its server")
        self.assertEqual(p.folder_sync(), "1")
        self.assertNotIn(second.id, p.folders)
        self.assertEqual(len([f for f in p.folders.values() if f.type == 8]), 1)


if __name__ == "__main__":
    unittest.main()
