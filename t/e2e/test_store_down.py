"""A store that is locked, full, read-only, restarted or killed: phones are told to try again, and all is whole again by itself."""
import collections
import contextlib
import os
import pathlib
import resource
import sqlite3
import subprocess
import tempfile
import threading
import unittest

from bench import Bench, wait_for
from case import Case
from wbxml import find, text

BENCH = {"extra": "[state]\nlock_timeout = 1\nanswer_timeout = 3\nconnect_timeout = 1\n"}


class StoreDown(Case):
    backends, more = ("local",), BENCH

    def ready(self):
        p = self.phone()
        p.contacts = p.folder(type=9)
        p.sync(p.contacts)
        return p

    @staticmethod
    def card(name):
        return [("Contacts:FileAs", name), ("Contacts:LastName", name)]

    def add(self, p, name):
        return p.add(p.contacts, self.card(name), f"client-{name}")

    def names(self, p):
        return sorted(text(d, "Contacts:LastName") for d in p.contacts.items.values())

    def stored(self):
        """Names of what the backend holds."""
        root = pathlib.Path(self.bench.parts["local"].path) / self.user / "contacts/contacts"
        return sorted(line[2:].split(";")[0] for f in root.glob("*.vcf") for line in f.read_text().splitlines() if line.startswith("N:"))

    def try_to_add(self, p, name):
        """"1", taken, or what the phone was told: a Status, "HTTP 503"."""
        answer = p.post("Sync", p.sync_tree(p.collection(p.contacts, [self.add(p, name)])))
        if answer.status != 200:
            return f"HTTP {answer.status}"
        collection = find(answer.tree, "AirSync:Collections", "AirSync:Collection")
        status = text(collection, "AirSync:Status") if collection else text(answer.tree, "AirSync:Status")
        if status == "1":
            p.take_sync(answer)
            p.added(p.contacts, collection, self.card(name))
        return status

    def add_at_last(self, p, name):
        def tried():
            status = self.try_to_add(p, name)
            self.assertIn(status, ("1", "16", "111", "HTTP 503"))
            return status == "1"
        wait_for(tried, every=0.1)

    def while_it_fails(self, p, name, fault):
        """Told to try again, whatever it asks for that has to be written; then whole again."""
        self.assertEqual(self.try_to_add(p, "before"), "1")
        with fault:
            self.assertIn(self.try_to_add(p, name), ("16", "111"))      # 111: not even the device could be looked up
            self.assertIn(self.try_to_add(p, name), ("16", "111"))
            other = self.phone(folders=False)
            self.assertEqual(other.folder_sync(), "111")      # a device that is not known yet
        self.add_at_last(p, name)
        self.whole(p, name)
        self.assertEqual(other.folder_sync(), "1")

    def whole(self, p, name):
        self.add_at_last(p, "after")
        p.sync(p.contacts)
        self.assertEqual(self.names(p), sorted(["before", name, "after"]))
        self.assertEqual(self.stored(), self.names(p))


class Sqlite(StoreDown):
    @contextlib.contextmanager
    def locked(self):
        """Another process writes and does not end."""
        other = sqlite3.connect(self.bench.dir / "state.db", isolation_level=None)
        other.execute("begin immediate")
        try:
            yield
        finally:
            other.execute("rollback")
            other.close()

    @contextlib.contextmanager
    def no_file_grows(self):
        """Beyond the size that the write-ahead log has now: an I/O error to SQLite, while small files can still be written."""
        pid, size = self.bench.cpush.pid, (self.bench.dir / "state.db-wal").stat().st_size
        before = resource.prlimit(pid, resource.RLIMIT_FSIZE)
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, before[1]))
        try:
            yield
        finally:
            resource.prlimit(pid, resource.RLIMIT_FSIZE, before)

    def test_locked(self):
        self.while_it_fails(self.ready(), "locked", self.locked())

    def test_locked_and_nothing_to_write(self):
        p = self.ready()
        self.assertEqual(self.try_to_add(p, "before"), "1")
        p.sync(p.contacts)
        with self.locked():
            self.assertIsNone(p.sync_once(p.contacts))

    def test_files_may_not_grow(self):
        self.while_it_fails(self.ready(), "limited", self.no_file_grows())


class SqliteFull(StoreDown):
    """The store has a small file system of its own."""
    def setUp(self):
        self.place = pathlib.Path(tempfile.mkdtemp(prefix="cpush-full-"))
        if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "none", self.place], check=False, stderr=subprocess.DEVNULL).returncode:
            self.place.rmdir()
            self.skipTest("may not mount")
        self.addCleanup(self.place.rmdir)
        self.addCleanup(subprocess.run, ["umount", self.place], check=True)
        self.own = Bench("sqlite", self.backends, extra=BENCH["extra"], state=self.place).start()
        self.addCleanup(self.own.stop)
        super().setUp()

    def find_bench(self):
        return self.own

    @contextlib.contextmanager
    def full(self):
        ballast = self.place / "ballast"
        with open(ballast, "wb", buffering=0) as f, contextlib.suppress(OSError):
            while True:
                f.write(bytes(4096))
        try:
            yield
        finally:
            ballast.unlink()

    def test_disk_full(self):
        p = self.ready()
        self.while_it_fails(p, "full", self.full())
        with self.full():
            self.assertIsNone(p.sync_once(p.contacts))      # nothing to write


class MariaDb(StoreDown):
    store = "mariadb"

    def setUp(self):
        if os.environ.get("CPUSH_TEST_MARIADB_SOCKET"):
            self.skipTest("needs a server that it may stop")
        super().setUp()

    @property
    def db(self):
        return self.bench.store

    @contextlib.contextmanager
    def holding(self, *statements):
        """Another client in the midst of a transaction; yields it."""
        client = self.db.client()
        for statement in ("begin", *statements):
            client.stdin.write(f"{statement};\n")
        client.stdin.write("select 'holds';\n")
        client.stdin.flush()
        while client.stdout.readline().strip() != "holds":
            pass
        try:
            yield client
        finally:
            client.stdin.close()    # which ends the transaction
            client.wait(10)
            client.stdout.close()

    @contextlib.contextmanager
    def read_only(self):
        self.db.sql("set global read_only = 1")
        try:
            yield
        finally:
            self.db.sql("set global read_only = 0")

    @contextlib.contextmanager
    def killed(self):
        self.db.kill()
        try:
            yield
        finally:
            self.db.again()

    def test_rows_locked(self):
        p = self.ready()
        self.assertEqual(self.try_to_add(p, "before"), "1")
        p.sync(p.contacts)
        with self.holding("select count(*) from (select * from folder for update) f"):
            self.assertIsNone(p.sync_once(p.contacts))      # nothing to write, nothing to wait for
            self.assertEqual(self.try_to_add(p, "locked"), "16")
        self.add_at_last(p, "locked")
        self.whole(p, "locked")

    def test_read_only(self):
        self.while_it_fails(self.ready(), "read-only", self.read_only())

    def test_killed(self):
        self.while_it_fails(self.ready(), "killed", self.killed())

    def deadlocks(self):
        (_, count), = self.db.sql("show global status like 'Innodb_deadlocks'")
        return int(count)

    def test_deadlock(self):
        """Cpush locks the folder's row and then asks for a collection's; the other one does it the other way round, and has written more:
        cpush is the one that has to begin again."""
        p = self.ready()
        self.assertEqual(self.try_to_add(p, "before"), "1")
        before = self.deadlocks()
        heavy = "insert into trouble (folder, hash, bkey, version, reason, at) select 0, unhex(sha2(seq, 256)), '', '', '', 0 from seq_1_to_2000"
        with self.holding(heavy, "select count(*) from (select * from collection for update) c") as other:
            waiting = threading.Thread(target=self.add_at_last, args=(p, "deadlock"))
            waiting.start()
            # Not more often: the table is only brought up to date if nobody has read it for 100 ms.
            wait_for(lambda: self.db.sql("select 1 from information_schema.innodb_trx where trx_state = 'LOCK WAIT'"), every=0.2)
            other.stdin.write("select count(*) from (select * from folder for update) f; rollback; select 'done';\n")
            other.stdin.flush()
            self.assertNotEqual(other.stdout.readline().strip(), "done", "the other one was the victim")
            waiting.join(30)
        self.assertGreater(self.deadlocks(), before)
        self.whole(p, "deadlock")

    def load(self, phones, meanwhile):
        """These phones add contacts until `meanwhile` has ended, and then ten more each. {name: phone}, and what they were told."""
        told, over, failures = collections.Counter(), threading.Event(), []

        def work(p, k):
            left, n = 10, 0
            try:
                while left and not failures:
                    status = self.try_to_add(p, f"P{k}N{n}")
                    told[status] += 1
                    if status == "1":
                        n += 1
                        left -= over.is_set()
                    elif status not in ("16", "111", "HTTP 503"):
                        raise AssertionError(f"told {status}")
            except BaseException as error:
                failures.append(error)
        threads = [threading.Thread(target=work, args=(p, k)) for k, p in enumerate(phones)]
        for t in threads:
            t.start()
        try:
            meanwhile()
        finally:
            over.set()
            for t in threads:
                t.join(60)
        self.assertEqual(failures, [])
        return told

    def under_load(self, meanwhile):
        phones = [self.ready() for _ in range(4)]
        told = self.load(phones, meanwhile)
        for p in phones:
            p.sync(p.contacts)
        self.assertEqual(self.stored(), sorted(set(self.stored())))
        for p in phones:
            self.assertEqual(self.names(p), self.stored())
        return told

    def test_restarted_under_load(self):
        def restart():
            for _ in range(2):
                self.db.stop()
                self.db.again()
        self.under_load(restart)

    def test_killed_under_load(self):
        def kill():
            for _ in range(2):
                self.db.kill()
                self.db.again()
        self.under_load(kill)


if __name__ == "__main__":
    unittest.main()
