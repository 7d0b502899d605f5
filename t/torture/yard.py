"""The servers that torture sessions run against: up for all of them, with a new user for each session; and the ways to hurt them."""
import contextlib
import email
import itertools
import json
import os
import pathlib
import random
import signal
import socket
import subprocess
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "e2e"))
from bench import Bench, wait_for                      # noqa: E402
from cuts import ImapProxy, HttpProxy, StoreProxy      # noqa: E402

USERS = 20000
BROKEN = {"kill", "backend", "store", "full"}       # ways to hurt that leave half done what was begun
POINTS = [f"{what}.{when}" for what in ("put", "remove", "move", "flag", "send", "commit") for when in ("before", "after")]


class Yard(Bench):
    def __init__(self, store, hurt=(), responders=1, points=0, seed=1, log="info"):
        super().__init__(store, ("imap", "caldav", "carddav"), server="workers = 8")
        self.hurt, self.responders, self.level = hurt, responders, log
        self.rng, self.lock = random.Random(f"yard {seed}"), threading.Lock()
        self.ended, self.kills, self.twice, self.cuts = threading.Event(), 0, 0, 0
        self.points = itertools.cycle(POINTS) if points else None   # die at these in turn, so many times each
        self.kills_wanted, self.mail, self.read = points * len(POINTS), {}, set()
        self.failure, self.small, self.requests = None, None, 0

    # -- starting

    def start_all(self):
        self.proxies = []
        if "full" in self.hurt:
            self.make_small()
        if self.store.kind == "mariadb":
            os.environ["MARIADB_TCP"] = "yes"
        return super().start_all()

    def write_config(self):
        with open(self.dir / "dovecot/users", "a") as f:    # before the first login: Dovecot sees a change only a second later
            f.write("".join(f"t{n}:{{PLAIN}}secret\n" for n in range(1, USERS + 1)))
        super().write_config()
        text = self.config.read_text().replace("log = debug", f"log = {self.level}")
        text += "[backends]\nbreaker = 0\nidle = 2\n[eas]\nheartbeat_min = 2\nquiet = 1\nquiet_max = 3\n"
        if "backend" in self.hurt:
            imap, dav = self.parts["imap"].values["IMAP_PORT"], self.parts["caldav"].values["RADICALE_PORT"]
            self.proxies = [ImapProxy(int(imap), self.rng), HttpProxy(int(dav), self.rng)]
            text = text.replace(f":{imap}/", f":{self.proxies[0].port}/").replace(f":{dav}/", f":{self.proxies[1].port}/")
        if "store" in self.hurt and self.store.kind == "mariadb":
            proxy = StoreProxy(int(self.store.values["MARIADB_PORT"]), self.rng)
            text = text.replace(f"socket = {self.store.values['MARIADB_SOCKET']}", f"host = 127.0.0.1\nport = {proxy.port}\ntls = off")
            self.proxies.append(proxy)
        self.config.write_text(text)

    def start_cpush(self):
        """The sockets are kept over restarts, as systemd does: nothing that queues is lost."""
        self.stderr = open(self.dir / "cpush.stderr", "ab")
        self.listeners, self.responding, self.listener = [], [], None
        for n, path in enumerate(self.sockets()):
            listener = socket.socket(socket.AF_UNIX)
            listener.bind(path)
            os.chmod(path, 0o777)
            listener.listen(1024)
            self.listeners.append(listener)
            self.responding.append(self.spawn(n))
        wait_for(lambda: self.log_text().count("waiting phones, store") >= self.responders or self.ended_by_itself())
        assert not self.ended_by_itself(), "cpush did not start:\n" + (self.dir / "cpush.stderr").read_text()
        self.threads = [threading.Thread(target=self.keep, args=(n,)) for n in range(self.responders)]
        if self.small:
            self.threads.append(threading.Thread(target=self.fill))
        for thread in self.threads:
            thread.start()

    def spawn(self, n):
        env = dict(os.environ, ASAN_OPTIONS="detect_stack_use_after_return=1:detect_leaks=1", UBSAN_OPTIONS="print_stacktrace=1",
                   G_SLICE="always-malloc")
        env.setdefault("TSAN_OPTIONS", "second_deadlock_stack=1")
        if "clock" in self.hurt:
            env["CPUSH_FAILPOINT_CLOCK"] = str(self.dir / "clock")
        if self.points and not self.done_killing():
            env["CPUSH_FAILPOINT"] = f"{next(self.points)}:{self.rng.randrange(1, 5)}"
        return subprocess.Popen([str(self.build / "bin/cpush"), "-c", str(self.config)], stdin=self.listeners[n], stdout=self.stderr,
                                stderr=self.stderr, env=env)

    def ended_by_itself(self):
        return [p.returncode for p in self.responding if p.poll() not in (None, -signal.SIGKILL)]

    def sockets(self):
        return [f"{self.socket}.{n}" for n in range(self.responders)]

    def make_small(self):
        """A file system for the store alone, which can be filled."""
        if self.store.kind != "sqlite":
            raise SystemExit("only a store of SQLite is given a full disk: MariaDB waits until there is room")
        small = self.store.place = self.dir / "small"
        small.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m", "none", small], check=True)
        self.small = small

    def stop_parts(self):
        super().stop_parts()
        if self.small:
            subprocess.run(["umount", self.small], check=True)

    # -- hurting

    def done_killing(self):
        return self.kills_wanted and self.kills >= self.kills_wanted

    def keep(self, n):
        """Starts the responder again whenever it was killed, and kills it now and then; steps the clock."""
        rng = random.Random(f"killer {n} {self.rng.random()}")
        while not self.ended.is_set():
            if "kill" in self.hurt and not self.points:
                self.kill_some_time(n, rng)
            else:
                self.while_it_runs(n, 0.2)
            if "clock" in self.hurt and rng.random() < 0.3:
                (self.dir / "clock.new").write_text(str(rng.choice([0, 3600, -3600, 86400, -86400])))
                (self.dir / "clock.new").rename(self.dir / "clock")
            code = self.responding[n].poll()
            if code is None or self.ended.is_set():
                continue
            if code != -signal.SIGKILL:
                self.failure = f"a responder ended with {code}"
                return
            self.kills += 1
            self.responding[n] = self.spawn(n)

    def while_it_runs(self, n, seconds, enough=lambda: False):
        end = time.monotonic() + seconds
        while time.monotonic() < end and not enough() and self.responding[n].poll() is None and not self.ended.is_set():
            self.ended.wait(0.01)

    def kill_some_time(self, n, rng):
        """After some requests, and at any moment of the next ones: by the clock alone a slow machine would do nothing but start it."""
        asked = self.requests + rng.randrange(1, 40)
        self.while_it_runs(n, 60, lambda: self.requests >= asked)
        self.while_it_runs(n, rng.random() * 0.3)
        if self.requests >= asked and not self.ended.is_set():
            self.responding[n].kill()
            self.responding[n].wait()

    def fill(self):
        """The disk is full now and then."""
        rng, ballast = random.Random(f"filler {self.rng.random()}"), self.small / "ballast"
        while not self.ended.wait(1 + 2 * rng.random()):
            with open(ballast, "wb", buffering=0) as f, contextlib.suppress(OSError):
                while True:
                    f.write(bytes(1 << 16 if rng.random() < 0.9 else 4096))
            self.cuts += 1
            self.ended.wait(rng.random())
            ballast.unlink()

    # -- for the sessions

    def said_of(self, user):
        """Lines of the servers' log about the user that are more than a request."""
        return [line for line in self.log_text().splitlines() if f"user={user} " in line and " info " not in line]

    def new_user(self, seed):
        """Of this seed: its name takes part in what happens."""
        with self.lock:
            user = f"t{1 + seed % USERS}"
            self.parts["caldav"].add_user(user)
        return user

    def sent_by(self, user):
        """Subjects of what the sink has of this user."""
        with self.lock:
            for path in sorted(self.parts["imap"].sink.glob("*.eml")):
                if path.name in self.read:
                    continue
                self.read.add(path.name)
                sender = json.loads(path.with_suffix(".json").read_text())["from"].strip("<>").split("@")[0]
                m = email.message_from_bytes(path.read_bytes())
                self.mail.setdefault(sender, []).append((str(m["Subject"]), str(m["Message-ID"])))
            return [subject for subject, _ in self.mail.get(user, ())]

    def count_twice(self, token, hurt, wrong):
        """A mail whose submission was itself interrupted may come twice, as the same mail."""
        ids = [id for mails in self.mail.values() for subject, id in mails if subject == token]
        if BROKEN & set(hurt) and len(set(ids)) == 1:
            with self.lock:
                self.twice += len(ids) - 1
        else:
            wrong.append(f"{token} was sent {len(ids)} times, as {sorted(set(ids))}")

    # -- ending

    def stop(self):
        self.ended.set()
        for thread in self.threads:
            thread.join()
        codes = []
        for p in self.responding:
            p.send_signal(signal.SIGTERM)
        for p in self.responding:
            codes.append(p.wait(30))
        for listener in self.listeners:
            listener.close()
        self.nginx.terminate()
        self.nginx.wait(10)
        for proxy in self.proxies:
            proxy.stop()
        self.stop_parts()
        self.stderr.close()
        said = (self.dir / "cpush.stderr").read_text(errors="replace")
        young = (-signal.SIGTERM,) if "kill" in self.hurt else ()       # just started again, it takes no notice of signals yet
        bad = self.failure or [c for c in codes if c not in (0, -signal.SIGKILL, *young)] or "Sanitizer" in said or "runtime error:" in said
        if bad:
            raise AssertionError(f"cpush: {bad}\n{said[-8000:]}")
        if not os.environ.get("CPUSH_KEEP"):
            subprocess.run(["rm", "-rf", str(self.dir)], check=True)
