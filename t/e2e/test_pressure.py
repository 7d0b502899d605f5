"""More phones than workers, peers that stall, too few descriptors, stops and reloads: what can be served is, and nobody is forgotten."""
import contextlib
import resource
import select
import signal
import socket
import threading
import time
import unittest

import case
import fastcgi
import wbxml
from bench import wait_for
from case import Case
from phone import Phone
from wbxml import find, text

WORKERS = 4
LARGE = "0123456789" * 300000 + "\r\n"       # more than all buffers between cpush and a phone


class Pressure(Case):
    backends, more = ("imap",), {"behind": True, "server": f"workers = {WORKERS}\nio_timeout = 1\nbusy_timeout = 300"}

    def setUp(self):
        super().setUp()
        self.addCleanup(self.quiet)

    def quiet(self):
        """What a test of this class leaves behind is gone before the next one counts."""
        self.imap.wire.set("pass")
        wait_for(lambda: self.bench.stats()["parked.now"] == 0)

    def users(self, n, **more):
        """A phone each of n other users, with their folders."""
        phones = []
        for _ in range(n):
            user = f"u{next(case._users)}"
            for part in self.bench.parts.values():
                part.add_user(user)
            p = Phone(self.bench.port, user=user, device=f"{user.upper()}PHONE", **more)
            self.assertEqual(p.folder_sync(), "1")
            phones.append(p)
        return phones

    def requests(self):
        return self.bench.stats()["requests"]

    def none_answered(self, connections):
        sockets = [getattr(c, "sock", None) or c for c in connections]
        self.assertEqual(select.select(sockets, [], [], 0)[0], [])

    def pings(self, phones, n):
        """n waiting Pings of each of these users, of a device each."""
        before, out = self.bench.stats()["parked.now"], []
        for p in phones:
            for i in range(n):
                other = Phone(self.bench.port, user=p.user, device=f"{p.device}{i}")
                out.append(other.start_ping([p.folder(type=2)], 600))
        wait_for(lambda: self.bench.stats()["parked.now"] == before + len(out))
        return out

    def connections(self):
        """Of cpush to its peers."""
        with open("/proc/net/unix") as f:
            return sum(line.rstrip().endswith(f" {self.bench.socket}") for line in f) - 1


class Stalled(Pressure):
    def http(self, p, body, length):
        """A socket with a POST of a Sync under way that reads little and says nothing more."""
        s = socket.socket()
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        s.settimeout(60)
        s.connect(("127.0.0.1", self.bench.port))
        self.addCleanup(s.close)
        head = "".join(f"{k}: {v}\r\n" for k, v in p.headers().items())
        s.sendall((f"POST /Microsoft-Server-ActiveSync?{p.query('Sync')} HTTP/1.0\r\nHost: x\r\n{head}"
                   f"Content-Type: application/vnd.ms-sync.wbxml\r\nContent-Length: {length}\r\n\r\n").encode() + body)
        return s

    @staticmethod
    def rest(s):
        data = b""
        while more := s.recv(65536):
            data += more
        head, _, body = data.partition(b"\r\n\r\n")
        return int(head.split()[1]), body

    def test_phones_behind_nginx(self):
        """As many slow readers and stalled uploads as workers, twice over: others are answered while they stall."""
        self.deliver("Large", LARGE)
        p = self.phone()
        inbox = p.folder(type=2)
        readers, uploads = [], []
        for i in range(2 * WORKERS):
            q = Phone(self.bench.port, user=p.user, device=f"READER{i}")
            self.assertEqual(q.folder_sync(), "1")
            its = q.folder(type=2)
            q.sync_once(its)
            tree = wbxml.encode(q.sync_tree(q.collection(its, options=q.options_of(its, truncation=10000000))))
            readers.append(self.http(q, tree, len(tree)))
            tree = wbxml.encode(q.sync_tree(q.collection(its, options=q.options_of(its, truncation=100))))
            uploads.append((self.http(q, tree[:20], len(tree)), tree[20:]))
        self.assertEqual(p.options().status, 200)
        self.assertEqual(text(p.sync_once(inbox), "AirSync:Status"), "1")
        self.none_answered([s for s, _ in uploads])
        for s, more in uploads:
            s.sendall(more)
        for s, least in [(s, 3000000) for s in readers] + [(s, 100) for s, _ in uploads]:
            status, body = self.rest(s)
            self.assertEqual(status, 200)
            self.assertGreater(len(body), least)
            self.assertEqual(text(find(wbxml.decode(body), "AirSync:Collections", "AirSync:Collection"), "AirSync:Status"), "1")

    def test_peers_that_are_no_nginx(self):
        """They stall the workers themselves, for as long as io_timeout lets them."""
        self.deliver("Large", LARGE)
        p = self.phone()
        inbox = p.folder(type=2)
        p.sync_once(inbox)
        tree = wbxml.encode(p.sync_tree(p.collection(inbox, options=p.options_of(inbox, truncation=10000000))))
        stalled = [fastcgi.Connection(self.bench.socket) for _ in range(3 * WORKERS)]
        for i, c in enumerate(stalled):
            self.addCleanup(c.close)
            if i % 3 == 0:
                c.send(fastcgi.record(fastcgi.BEGIN, b"\0\1\0\0\0\0\0\0") + b"\1")          # half a record
            elif i % 3 == 1:
                c.begin(p, "Sync", tree[:20], len(tree))                                      # half a body
            else:
                c.begin(p, "Sync", tree)                                                      # does not read
        self.assertEqual(p.options().status, 200)
        for c in stalled:
            c.close()
        self.bench.expected += [r"body is not complete"]
        wait_for(lambda: self.connections() == 0)
        p.sync(inbox)
        self.assertEqual(len(inbox.items), 1)


class Parked(Pressure):
    def test_hang_up_leaves_nothing(self):
        before = self.connections()
        waiting = self.pings(self.users(5), 10)
        direct = fastcgi.Connection(self.bench.socket)
        p = self.phone()
        direct.begin(p, "Ping", wbxml.encode(p.ping_tree([p.folder(type=2)], 600)))
        wait_for(lambda: self.bench.stats()["parked.now"] == len(waiting) + 1)
        self.assertEqual(self.connections(), before + len(waiting) + 1)
        for c in [direct, *waiting]:
            c.close()
        wait_for(lambda: self.bench.stats()["parked.now"] == 0)
        wait_for(lambda: self.connections() == before)

    def test_the_end_of_a_request_may_come_late(self):
        """The last record of its body, once it waits: that is no hang-up."""
        p = self.phone()
        inbox = p.folder(type=2)
        p.sync(inbox)
        body = wbxml.encode(p.ping_tree([inbox], 600))
        c = fastcgi.Connection(self.bench.socket)
        self.addCleanup(c.close)
        c.begin(p, "Ping", body, len(body))
        wait_for(lambda: self.bench.stats()["parked.now"] == 1)
        c.send(fastcgi.record(fastcgi.STDIN))
        self.deliver("News")
        status, answer = c.receive()
        self.assertEqual((status, text(wbxml.decode(answer), "Ping:Status")), (200, "2"))

    def test_too_few_descriptors(self):
        """What waits stays and is answered; what comes queues until there are some again."""
        p = self.phone()
        inbox = p.folder(type=2)
        p.sync(inbox)
        ping = p.start_ping([inbox], 600)
        others = self.pings(self.users(2), 5)
        self.bench.expected += [r"cannot accept", r"unable to open database"]
        pid = self.bench.cpush.pid
        limit = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        since = self.bench.log_size()
        try:
            resource.prlimit(pid, resource.RLIMIT_NOFILE, (3, limit[1]))
            queued = [p.send("FolderSync", wbxml.encode(("FolderHierarchy:FolderSync", [("FolderHierarchy:SyncKey", p.hierarchy_key)])))
                      for _ in range(3)]
            wait_for(lambda: "cannot accept" in self.bench.log_text(since))
            self.deliver("Meanwhile")
            end = time.monotonic() + 3      # how long it lasts, not how long anything may take
            while time.monotonic() < end:
                self.none_answered(queued)
                time.sleep(0.1)
        finally:
            resource.prlimit(pid, resource.RLIMIT_NOFILE, limit)
        # The FolderSync ends the Ping of this device, unless the mail was faster.
        self.assertIn(text(p.receive(ping).tree, "Ping:Status"), ("1", "2"))
        for c in queued:
            self.assertEqual(p.receive(c).status, 200)
        p.sync(inbox)
        self.assertEqual([text(d, "Email:Subject") for d in inbox.items.values()], ["Meanwhile"])
        self.none_answered(others)
        self.assertEqual(self.bench.stats()["parked.now"], len(others))
        for c in others:
            c.close()


class Signals(Pressure):
    more = {"behind": True, "server": "workers = 24"}

    def test_stop(self):
        """200 wait, 20 are at work, and the listening socket is another's: each is answered, the next process serves what came meanwhile."""
        busy = self.users(20)
        for p in busy:
            p.sync(p.folder(type=2))
        waiting = self.pings(self.users(10), 20)
        before = self.requests()
        self.imap.wire.set("hang")
        working = [p.send("Sync", wbxml.encode(p.sync_tree(p.collection(p.folder(type=2))))) for p in busy]
        wait_for(lambda: self.requests() == before + len(working))
        since, old = self.bench.log_size(), self.bench.cpush
        old.send_signal(signal.SIGTERM)
        for c in waiting:
            self.assertEqual(text(Phone.receive(c).tree, "Ping:Status"), "1")
        wait_for(lambda: "stopping:" in self.bench.log_text(since))
        queued = [p.send("FolderSync", wbxml.encode(("FolderHierarchy:FolderSync", [("FolderHierarchy:SyncKey", p.hierarchy_key)])))
                  for p in busy]
        self.none_answered(working)
        self.imap.wire.set("pass")
        for p, c in zip(busy, working):
            answer = p.receive(c)
            self.assertEqual(answer.status, 200)
            p.take_sync(answer)
        self.assertEqual(old.wait(30), 0)
        self.none_answered(queued)
        self.bench.stderr.close()
        self.bench.spawn_cpush()
        for p, c in zip(busy, queued):
            self.assertEqual(text(p.receive(c).tree, "FolderHierarchy:Status"), "1")

    def test_reload_under_load(self):
        p = self.phone()
        inbox = p.folder(type=2)
        p.sync(inbox)
        ping = p.start_ping([inbox], 1000)
        was, wrong, over = self.bench.config.read_text(), [], threading.Event()

        def load(q):
            while not over.is_set():
                with contextlib.suppress(OSError):
                    answers = [q.options(), q.post("Sync", q.sync_tree(q.collection(q.folder(type=2))))]
                    wrong.extend(a.status for a in answers if a.status != 200)
                    continue
                wrong.append("no answer")

        def reload(config, line):
            self.bench.config.write_text(config)
            since = self.bench.log_size()
            self.bench.cpush.send_signal(signal.SIGHUP)
            wait_for(lambda: line in self.bench.log_text(since))
            return text(other.ping([inbox], 3000).tree, "Ping:HeartbeatInterval")

        phones, other = self.users(4), Phone(self.bench.port, user=self.user, device="OTHER")
        for q in phones:
            q.sync_once(q.folder(type=2))
        threads = [threading.Thread(target=load, args=(q,)) for q in phones]
        for t in threads:
            t.start()
        try:
            self.bench.expected += [r"the new configuration is not taken"]
            good = was + "[eas]\nheartbeat_max = 2000\n"
            self.assertEqual(reload(good, "configuration read again"), "2000")
            self.assertEqual(reload(was + "[eas]\nheartbeat_max = 1\nno such line\n", "the new configuration is not taken"), "2000")
            self.assertEqual(reload(good.replace("2000", "1500"), "configuration read again"), "1500")
        finally:
            over.set()
            for t in threads:
                t.join()
            self.bench.config.write_text(was)
            self.bench.cpush.send_signal(signal.SIGHUP)
        self.assertEqual(wrong, [])
        self.deliver("After all that")
        self.assertEqual(text(p.receive(ping).tree, "Ping:Status"), "2")


class WithDav(Pressure):
    backends = ("imap", "caldav")

    @property
    def web(self):
        return self.bench.parts["caldav"].web

    def waiting(self, p):
        return p.start_ping([p.folder(type=2), p.folder(type=8)], 600)

    def watched(self, p):
        """p waits, and the first look is over."""
        seen = len(self.web.seen)
        c = self.waiting(p)
        wait_for(lambda: ("REPORT", f"/{p.user}/calendar/") in self.web.seen[seen:] and self.bench.stats()["jobs.now"] == 0)
        return c

    @contextlib.contextmanager
    def hanging(self):
        """The DAV server takes everything and says nothing; the look that waits for it does so all the while. Gives a function that waits
        until the server was asked, for a path that begins so."""
        since, seen = self.bench.log_size(), len(self.web.seen)
        with self.web.failing("hang"):
            yield lambda start: wait_for(lambda: any(path.startswith(start) for _, path in self.web.seen[seen:]))
            self.assertNotIn("caldav cannot be watched now", self.bench.log_text(since))

    def supersede_and_hang_up(self, p, first):
        second = self.waiting(p)
        self.assertEqual(text(p.receive(first).tree, "Ping:Status"), "1")
        wait_for(lambda: self.bench.stats()["parked.now"] == 1)
        second.close()
        wait_for(lambda: self.bench.stats()["parked.now"] == 0)


class HangingDav(WithDav):
    more = {"behind": True, "server": f"workers = {WORKERS}"}

    def test_mail_is_served_meanwhile(self):
        """More phones than workers wait for a DAV server that takes everything and says nothing."""
        phones = self.users(3 * WORKERS)
        for q in phones:
            q.sync(q.folder(type=8))
        p = self.phone()
        inbox = p.folder(type=2)
        p.sync(inbox)
        before = self.requests()
        web = self.bench.parts["caldav"].web
        with web.failing("hang"):
            hanging = [q.send("Sync", wbxml.encode(q.sync_tree(q.collection(q.folder(type=8))))) for q in phones]
            wait_for(lambda: self.requests() == before + len(hanging))
            self.deliver("Meanwhile")
            p.sync(inbox)
            self.assertEqual(len(inbox.items), 1)
            self.assertEqual(p.options().status, 200)
            self.none_answered(hanging)
        for q, c in zip(phones, hanging):
            self.assertEqual(q.receive(c).status, 200)
        for q in phones:
            self.sync_when_back(q, q.folder(type=8))

    def test_waiting_phone_does_not_depend_on_the_look(self):
        """Neither on the first one, which logs in, nor on a later one: a newer Ping ends the first, and a hang-up is seen."""
        first, later = self.users(2)
        for p in (first, later):
            p.sync(p.folder(type=2))
            p.sync(p.folder(type=8))
        with self.hanging() as asked:
            c = self.waiting(first)
            asked("/")
            self.supersede_and_hang_up(first, c)
        c = self.watched(later)
        with self.hanging() as asked:
            asked(f"/{later.user}/")
            self.supersede_and_hang_up(later, c)


class StopWhileDavHangs(WithDav):
    """No login is remembered, so that whoever logs in hangs as well."""
    more = {"behind": True, "server": f"workers = {WORKERS}\nauth = caldav\nlogin_cache = 0"}

    def test_stop(self):
        p = self.phone()
        for type in (2, 8):
            p.sync(p.folder(type=type))
        c, old = self.watched(p), self.bench.cpush
        with self.hanging() as asked:
            asked(f"/{p.user}/")
            old.send_signal(signal.SIGTERM)
            self.assertEqual(text(p.receive(c).tree, "Ping:Status"), "1")
            self.assertEqual(old.wait(30), 0)
        self.bench.stderr.close()
        self.bench.spawn_cpush()
        p.sync(p.folder(type=8))


if __name__ == "__main__":
    unittest.main()
