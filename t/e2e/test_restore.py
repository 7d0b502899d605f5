"""The store of last week is put back: every phone comes whole again by itself, and nothing on the servers is lost or doubled."""
import contextlib
import re
import sqlite3
import subprocess
import unittest

from case import Case, both
from test_calendar import EVENT
from wbxml import find, text


class Restored(Case):
    # -- the backup

    def back_up(self):
        if self.store == "sqlite":
            with contextlib.closing(sqlite3.connect(self.bench.dir / "state.db")) as c, \
                    contextlib.closing(sqlite3.connect(self.bench.dir / "backup.db")) as to:
                c.backup(to)
            return
        with open(self.bench.dir / "backup.sql", "wb") as f:
            subprocess.run(["mariadb-dump", "--no-defaults", f"--socket={self.bench.store.values['MARIADB_SOCKET']}", "--user=root",
                            "--single-transaction", "cpush"], check=True, stdout=f)

    def put_back(self):
        self.assertEqual(self.bench.stop_cpush(), 0)
        if self.store == "sqlite":
            for rest in ("-wal", "-shm"):
                (self.bench.dir / f"state.db{rest}").unlink(missing_ok=True)
            (self.bench.dir / "backup.db").replace(self.bench.dir / "state.db")
        else:
            self.bench.store.sql("drop database cpush; create database cpush")
            with open(self.bench.dir / "backup.sql", "rb") as f:
                subprocess.run(["mariadb", "--no-defaults", f"--socket={self.bench.store.values['MARIADB_SOCKET']}", "--user=root", "cpush"],
                               check=True, stdin=f)
        self.bench.log.unlink()
        self.bench.spawn_cpush()

    # -- the servers

    def put_event(self, name):
        ics = EVENT.format(uid=name, start="20260310T090000Z", end="20260310T100000Z", summary=name, more="").replace("\n", "\r\n")
        self.assertIn(self.bench.parts["caldav"].request("PUT", f"/{self.user}/calendar/{name}.ics", ics, self.user)[0], (201, 204))

    def on_servers(self):
        _, _, body = self.bench.parts["caldav"].request("PROPFIND", f"/{self.user}/calendar/", user=self.user, Depth="1")
        events = sorted(re.findall(r"/([^/<]*)\.ics<", body.decode()))
        return {"events": events, **{f: self.subjects(f) for f in ("INBOX", "Trash", "Sent", "Project")}}

    # -- the phone

    def titles(self, p, type=None, name=None):
        return sorted(text(d, "Email:Subject") or text(d, "Calendar:Subject") for d in p.folder(type=type, name=name).items.values())

    def held(self, p):
        return {"INBOX": self.titles(p, 2), "Trash": self.titles(p, 4), "Sent": self.titles(p, 5),
                "Project": self.titles(p, name="Project")}

    def sync_all(self, p):
        """As a phone does it: told that its key is good for nothing, it begins anew; told to say it whole, it does."""
        if p.folder_sync() != "1":
            p.hierarchy_key = "0"
            old, p.folders = p.folders, {}
            self.assertEqual(p.folder_sync(), "1")
            for id, f in p.folders.items():
                if id in old and old[id].name == f.name:
                    p.folders[id] = old[id]
        for f in [f for f in p.folders.values() if f.type in (2, 4, 5, 8) or f.name == "Project"]:
            if f.key != "0":
                answer = p.post("Sync", p.sync_tree(p.collection(f)))
                c = find(answer.tree, "AirSync:Collections", "AirSync:Collection") if answer.body else None
                if c and text(c, "AirSync:Status") == "3":
                    f.key, f.items = "0", {}
                else:
                    p.take_sync(answer)
            p.sync(f)

    def test_all_is_whole_again(self):
        for n in range(3):
            self.deliver(f"Old {n}")
        self.put_event("old")
        c = self.imap.client(self.user)
        c.create("Project")
        a, b = self.phone(), self.phone()
        for p in (a, b):
            self.sync_all(p)
            p.sync(p.folder(type=2))    # what an empty request would repeat
        self.back_up()

        # A week passes. Of the two phones one goes on.
        c.create("Other")
        c.logout()
        for n in range(4):
            self.deliver(f"New {n}")
        self.sync_all(a)
        inbox, calendar, trash = a.folder(type=2), a.folder(type=8), a.folder(type=4)
        ids = {text(d, "Email:Subject"): id for id, d in inbox.items.items()}
        a.sync(inbox, [a.change(ids["Old 0"], [("Email:Read", "1")])])
        del inbox.items[ids["Old 1"]]
        a.sync(inbox, [a.delete(ids["Old 1"])])
        event = [("Calendar:UID", "made@phone"), ("Calendar:DtStamp", "20260105T080000Z"), ("Calendar:StartTime", "20260301T110000Z"),
                 ("Calendar:EndTime", "20260301T120000Z"), ("Calendar:Subject", "made")]
        a.added(calendar, a.sync(calendar, [a.add(calendar, event)]), event)
        self.sync_all(a)
        a.sync(inbox)
        before = self.on_servers()

        self.put_back()
        # Meanwhile at the servers: the first of the new mails goes, so that ids that were given in that week would fit others now.
        c = self.mailbox()
        c.uid("STORE", c.uid("SEARCH", "SUBJECT", '"New 0"')[1][0].decode(), "+FLAGS", "\\Deleted")
        c.expunge()
        before["INBOX"].remove("New 0")
        self.sync_all(b)

        # A move by an id of the lost week moves nothing else. An empty request does not mean what it meant a week ago.
        for subject in ("New 0", "New 1", "New 3"):
            tree = a.post("MoveItems", ("Move:MoveItems", [("Move:Move", [
                ("Move:SrcMsgId", ids[subject]), ("Move:SrcFldId", inbox.id), ("Move:DstFldId", trash.id)])])).tree
            self.assertNotEqual(text(tree, "Move:Response", "Move:Status"), "3")
        self.assertEqual(text(a.post("Sync").tree, "AirSync:Status"), "13")
        for p in (a, b):
            self.sync_all(p)
            self.sync_all(p)
            self.assertEqual(self.held(p) | {"events": before["events"]}, before)
            self.assertEqual(self.titles(p, 8), ["made", "old"])
        self.assertEqual(self.on_servers(), before)
        self.assertEqual(self.mailbox().search(None, "SEEN", "SUBJECT", '"Old 0"')[1][0], b"1")
        self.assertEqual({f.name for f in a.folders.values()}, {f.name for f in b.folders.values()})
        self.assertIn("Other", {f.name for f in a.folders.values()})
        self.assertRegex(self.bench.log_text(), r"notice sync key refused .* the store went back.* device=" + a.device)

        # And from then on as ever: what the phone does arrives once.
        self.deliver("Last")
        self.sync_all(a)
        self.assertIn("Last", self.titles(a, 2))
        id = next(i for i, d in inbox.items.items() if text(d, "Email:Subject") == "Last")
        del inbox.items[id]
        a.sync(inbox, [a.delete(id)])
        self.assertNotIn("Last", self.subjects())
        self.assertEqual(self.subjects("Trash").count("Last"), 1)


    def test_positions_that_cannot_be_read(self):
        """As a dump makes them that was read in another character set: the phone starts over, and the log says why."""
        self.deliver("One")
        self.put_event("one")
        p = self.phone()
        self.sync_all(p)
        damage = "update collection set answers = 'x', done = 'x'; update device set h_keys = 'x'"
        if self.store == "sqlite":
            with contextlib.closing(sqlite3.connect(self.bench.dir / "state.db", timeout=10)) as c:
                c.executescript(damage)
        else:
            self.bench.store.sql(damage)
        self.sync_all(p)
        self.sync_all(p)
        self.assertEqual((self.titles(p, 2), self.titles(p, 8)), (["One"], ["one"]))
        self.assertRegex(self.bench.log_text(), r"warn the position of device \d+ in folder \d+ cannot be read")


RestoredMariaDB = both(Restored)

if __name__ == "__main__":
    unittest.main()
