"""Half a day of waiting phones, with heartbeats of a second instead of a minute: nothing of cpush grows by it.

Each round all phones wait at once, in a Ping or a Sync; now and then a mail comes or goes, or a phone hangs up. CPUSH_HEARTBEATS rounds (12; 720 are
12 hours of a phone that asks each minute) of CPUSH_HEARTS users (3) with two phones each; t/full.sh has the long form, with the release build.
Memory is compared without sanitizers only, whose own grows; with them what nobody holds any more is told at the end.
"""
import concurrent.futures
import contextlib
import os
import re
import sqlite3
import time
import unittest

import wbxml
from bench import BUILD, wait_for
from case import Case, both
from phone import Phone
from wbxml import text

ROUNDS = int(os.environ.get("CPUSH_HEARTBEATS", 12))
USERS = int(os.environ.get("CPUSH_HEARTS", 3))
WARM = max(ROUNDS // 6, 8)
NOISE = 4 << 20         # bytes: what the allocators of threads and libraries keep is not the same at each look
TABLES = ("user", "device", "request", "folder", "item", "collection", "mark", "intent", "trouble")


class Heartbeats(Case):
    more = {"extra": "[eas]\nheartbeat_min = 1\n"}

    # -- what may not grow

    def status(self, name):
        with open(f"/proc/{self.bench.cpush.pid}/status") as f:
            return int(re.search(rf"^{name}:\s+(\d+)", f.read(), re.M).group(1))

    def rows(self):
        query = " union all ".join(f"select '{t}', count(*) from {t}" for t in TABLES)
        if self.store == "mariadb":
            return {t: int(n) for t, n in self.bench.store.sql(query + ";")}
        with contextlib.closing(sqlite3.connect(f"file:{self.bench.dir}/state.db?mode=ro", uri=True, timeout=30)) as db:
            return dict(db.execute(query).fetchall())

    def held(self):
        binary = (BUILD / "bin/cpush").read_bytes()
        sanitized = b"__asan_init" in binary or b"__tsan_init" in binary
        return {"memory": 0 if sanitized else self.status("RssAnon") * 1024, "threads": self.status("Threads"),
                "descriptors": len(os.listdir(f"/proc/{self.bench.cpush.pid}/fd")), **self.rows()}

    # -- what happens

    def set_up(self):
        """Two phones of each user, which wait for a folder of each class."""
        self.hearts = []
        for _ in range(USERS):
            user = self.new_user()
            self.imap.deliver("From: a@example.org\r\nSubject: Stays\r\n\r\nx\r\n", user)
            for version in ("14.1", "16.1"):
                p = Phone(self.bench.port, user=user, device=f"{user}H{version[:2]}".upper(), version=version)
                self.assertEqual(p.folder_sync(), "1")
                p.watched = [p.folder(type=t) for t in (2, 8, 9)]
                for f in p.watched:
                    p.sync(f)
                self.hearts.append(p)
        self.hung_up = 0

    def ping(self, p):
        status = text(p.ping(p.watched, 1).tree, "Ping:Status")
        self.assertIn(status, ("1", "2"))
        if status == "2":
            for f in p.watched:
                p.sync(f)

    def waiting_sync(self, p):
        answer = p.post("Sync", p.sync_tree(*[p.collection(f) for f in p.watched], more=[("AirSync:HeartbeatInterval", "1")]))
        self.assertEqual(answer.status, 200)
        p.take_sync(answer)

    def hang_up(self, p):
        """While it waits, or before it does."""
        connection = p.start_ping(p.watched, 600)
        time.sleep(0.5)
        connection.close()

    def mail_comes(self, p, n):
        self.imap.deliver(f"From: a@example.org\r\nSubject: {n}\r\n\r\nx\r\n", p.user)

    def mails_go(self, p):
        c = self.imap.client(p.user)
        last = int(c.select("INBOX")[1][0])
        if last > 1:
            c.store(f"2:{last}", "+FLAGS", "\\Deleted")
            c.expunge()
        c.logout()

    def round(self, n, pool):
        work = []
        for i, p in enumerate(self.hearts):
            turn = n + i
            if turn % 8 == 7:
                self.hung_up += 1
                work.append(pool.submit(self.hang_up, p))
            else:
                work.append(pool.submit(self.ping if turn % 2 else self.waiting_sync, p))
            if i % 2 == 0 and turn % 6 == 0:
                work.append(pool.submit(self.mail_comes, p, n))
            if i % 2 == 0 and turn % 6 == 3:
                work.append(pool.submit(self.mails_go, p))
        for w in work:
            w.result()

    def rounds(self, first, last):
        with concurrent.futures.ThreadPoolExecutor(3 * len(self.hearts)) as pool:
            for n in range(first, last):
                self.round(n, pool)
        # Alike at the end of each part: all have seen a mail come and go, and what went before is needed by no key.
        for step in (lambda p: self.mail_comes(p, "last"), self.mails_go):
            for p in self.hearts[::2]:
                step(p)
            for p in self.hearts:
                for f in p.watched:
                    p.sync(f)

    def test_nothing_grows(self):
        self.set_up()
        self.rounds(0, WARM)
        counted, early = self.bench.stats(), self.held()
        hung_up = self.hung_up
        course = [early["memory"]]
        for part in range(5):
            self.rounds(WARM + (ROUNDS - WARM) * part // 5, WARM + (ROUNDS - WARM) * (part + 1) // 5)
            course.append(self.held()["memory"])
        grown, late = [], {}

        def settled():
            """Housekeeping has its turns, sessions that nobody needs are closed."""
            late.update(self.held())
            grown[:] = [k for k in early if late[k] > early[k] + (NOISE if k == "memory" else 0)]
            return not grown
        try:
            wait_for(settled, 90, 1)
        except AssertionError:
            self.fail(f"{grown} grew: {early} became {late}; {course}")
        spent = {k: v - counted.get(k, 0) for k, v in self.bench.stats().items()}
        cycles = (ROUNDS - WARM) * len(self.hearts)
        print(f"{self.store}: {cycles} heartbeats after {WARM * len(self.hearts)}: {early} became {late}; {course}; {spent}")
        # And it was as meant: the phones did wait, some hung up, nobody logged in anew for a heartbeat, or looked without end.
        self.assertGreater(spent["parked"], cycles // 2)
        self.assertGreater(spent["parked.hung-up"], (self.hung_up - hung_up) // 2)
        self.assertLess(spent["imap.call.login"], 2 * USERS + cycles // 50)
        self.assertLess(spent["jobs"], 100 + 12 * cycles)


HeartbeatsMariaDB = both(Heartbeats)

if __name__ == "__main__":
    unittest.main()
