"""The servers of a benchmark: those of t/e2e/bench.py with room for thousands of phones, an echo beside cpush, and what they cost."""
import contextlib
import os
import pathlib
import re
import resource
import shutil
import socket
import subprocess
import sys
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "e2e"))
import bench        # noqa: E402

TICK = os.sysconf("SC_CLK_TCK")


def descendants(pid):
    """The process and all that come from it."""
    parents = {}
    for entry in pathlib.Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                parents[int(entry.name)] = int((entry / "stat").read_text().rsplit(")", 1)[1].split()[1])
    out, todo = [], [pid]
    while todo:
        p = todo.pop()
        out.append(p)
        todo += [child for child, parent in parents.items() if parent == p]
    return out


def cpu(pid):
    """Seconds of the process and all that come from it, ended ones included."""
    total = 0
    for p in descendants(pid):
        with contextlib.suppress(OSError):
            fields = pathlib.Path(f"/proc/{p}/stat").read_text().rsplit(")", 1)[1].split()
            total += sum(int(f) for f in fields[11:15])
    return total / TICK


def memory(pid, what="Pss"):
    """kB of the process and all that come from it."""
    total = 0
    for p in descendants(pid):
        with contextlib.suppress(OSError):
            total += int(re.search(rf"^{what}: +(\d+)", pathlib.Path(f"/proc/{p}/smaps_rollup").read_text(), re.M)[1])
    return total


def peak(pid):
    """kB of RSS at most, since reset_peak()."""
    return int(re.search(r"^VmHWM:\s+(\d+)", pathlib.Path(f"/proc/{pid}/status").read_text(), re.M)[1])


class Watch(threading.Thread):
    """The most of what is the process's own (RssAnon, kB) while it runs: pages of files that it maps are not its own."""

    def __init__(self, pid):
        super().__init__(daemon=True)
        self.path, self.most, self.ended = f"/proc/{pid}/status", 0, False

    def look(self):
        return int(re.search(r"^RssAnon:\s+(\d+)", pathlib.Path(self.path).read_text(), re.M)[1])

    def run(self):
        while not self.ended:
            self.most = max(self.most, self.look())
            time.sleep(0.002)

    def __enter__(self):
        self.rest = self.look()
        self.start()
        return self

    def __exit__(self, *unused):
        self.ended = True
        self.join()


def reset_peak(pid):
    pathlib.Path(f"/proc/{pid}/clear_refs").write_text("5")


class Measure:
    """What happened between its begin and its end: seconds, CPU by server, counters of cpush that changed."""

    def __init__(self, stack):
        self.stack = stack

    def __enter__(self):
        self.cpu0, self.stats0 = self.stack.cpu(), self.stack.stats()
        self.began = time.monotonic()
        return self

    def __exit__(self, *unused):
        self.seconds = time.monotonic() - self.began
        stats = self.stack.stats()
        self.counts = {k: v - self.stats0.get(k, 0) for k, v in stats.items() if v != self.stats0.get(k, 0)}
        self.cpu = {k: round(v - self.cpu0[k], 2) for k, v in self.stack.cpu().items()}

    def of(self, *prefixes):
        return sum(v for k, v in self.counts.items() if k.startswith(prefixes))


class Stack(bench.Bench):
    def __init__(self, store="sqlite", backends=("imap",), users=100, tls=False, wrap=(), mailbox="maildir", **more):
        super().__init__(store, backends, **more)
        self.users, self.tls, self.wrap, self.mailbox = users, tls, list(wrap), mailbox

    def start_all(self):
        os.environ.update(DOVECOT_PROCESSES=str(2 * self.users + 200), DOVECOT_LOGINS_MAX="100", DOVECOT_FORMAT=self.mailbox,
                          # or it reads the whole directory again and again, for as long as that was written to a moment ago
                          DOVECOT_MORE="maildir_very_dirty_syncs = yes")
        super().start_all()
        if "imap" in self.parts:
            with open(self.dir / "dovecot/users", "a") as f:
                f.write("".join(f"u{n}:{{PLAIN}}secret\n" for n in range(500, self.users + 1)))
        self.start_echo()
        self.roots = {"cpush": self.cpush.pid, "nginx": self.nginx.pid}
        for name, path in (("dovecot", "dovecot/run/master.pid"), ("mariadb", "mariadb/started.pid"), ("radicale", "radicale/pid")):
            if (self.dir / path).exists():
                self.roots[name] = int((self.dir / path).read_text())
        return self

    def write_config(self):
        super().write_config()
        text = self.config.read_text().replace("log = debug", "log = notice").replace("\npoll = 5\n", "\npoll = 60\n")
        if self.tls:
            values = self.parts["imap"].values
            text = text.replace(f"imap://127.0.0.1:{values['IMAP_PORT']}/\ntls = off", f"imaps://127.0.0.1:{values['IMAPS_PORT']}/\n"
                                f"ca_file = {values['IMAP_CA']}")
        self.config.write_text(text)

    def spawn_cpush(self):
        """As it is installed: no sanitizer, no debug log; perhaps in a small box."""
        before = self.log_size()
        self.stderr = open(self.dir / "cpush.stderr", "ab")
        self.cpush = subprocess.Popen([*self.wrap, str(self.build / "bin/cpush"), "-c", str(self.config)], stdin=self.listener,
                                      stdout=self.stderr, stderr=self.stderr)
        bench.wait_for(lambda: "waiting phones, store" in self.log_text(before) or self.cpush.poll() is not None)
        if self.cpush.poll() is not None:
            raise SystemExit("cpush did not start: " + (self.dir / "cpush.stderr").read_text())

    def start_nginx(self):
        resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
        super().start_nginx()
        self.nginx.terminate()
        self.nginx.wait(10)
        conf = self.dir / "nginx/nginx.conf"
        text = conf.read_text().replace("worker_connections 8192", "worker_connections 19000")
        text = text.replace("access_log off;", "access_log off; keepalive_requests 100000000;")
        text = text.replace("    location ~*", f"    location /echo {{ include /etc/nginx/fastcgi_params; fastcgi_pass unix:{self.dir}/echo.sock; }}\n"
                            "    location ~*", 1)
        conf.write_text(text)
        self.nginx = subprocess.Popen(["nginx", "-c", str(conf), "-p", str(conf.parent), "-e", str(conf.parent / "error.log")],
                                      stdin=subprocess.DEVNULL)
        bench.wait_for(lambda: bench.listens(self.port))

    def start_echo(self):
        program = self.dir / "echo"
        subprocess.run(["cc", "-O2", "-o", str(program), str(HERE / "echo.c"), "-lfcgi", "-lpthread"], check=True)
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(self.dir / "echo.sock"))
        (self.dir / "echo.sock").chmod(0o777)
        listener.listen(1024)
        self.echo = subprocess.Popen([str(program)], stdin=listener)
        listener.close()

    def stop(self):
        self.echo.terminate()
        self.echo.wait(10)
        super().stop()

    # -- what it costs

    def cpu(self):
        return {name: cpu(pid) for name, pid in self.roots.items()}

    def measure(self):
        return Measure(self)

    # -- mail

    def maildir(self, user):
        return pathlib.Path(self.parts["imap"].values["IMAP_MAIL"]) / user / "Maildir"

    def fill_mailbox(self, user, n, size=6400):
        """n mails of that many bytes, all read; in a Maildir written as files, owned by whom Dovecot runs mail as."""
        if self.mailbox != "maildir":
            return self.append(user, [mail(user, i, size) for i in range(n)], r"(\Seen)")
        top = self.maildir(user)
        for sub in ("cur", "new", "tmp"):
            (top / sub).mkdir(parents=True, exist_ok=True)
        for i in range(n):
            (top / "cur" / f"{1700000000 + i}.M{i}.bench:2,S").write_bytes(mail(user, i, size))
        owner = (self.dir / "dovecot/mail").stat()
        subprocess.run(["chown", "-R", f"{owner.st_uid}:{owner.st_gid}", str(top.parent)], check=True)

    def new_mail(self, user, i, size=2000):
        """As a delivery agent does it: tmp, then new."""
        if self.mailbox != "maildir":
            return self.append(user, [mail(user, 10 ** 6 + i, size)])
        top = self.maildir(user)
        name = f"{int(time.time())}.N{i}.bench"
        owner = (self.dir / "dovecot/mail").stat()
        (top / "tmp" / name).write_bytes(mail(user, 10 ** 6 + i, size))
        os.chown(top / "tmp" / name, owner.st_uid, owner.st_gid)
        (top / "tmp" / name).rename(top / "new" / name)

    def append(self, user, mails, flags=None):
        c = self.parts["imap"].client(user)
        for m in mails:
            c.append("INBOX", flags, None, m)
        c.logout()

    # -- calendars and address books

    def fill_dav(self, user, events, contacts):
        self.parts["caldav" if "caldav" in self.parts else "carddav"].add_user(user)
        data = pathlib.Path(self.dir / "radicale")
        root = next(p for p in data.rglob("collection-root"))
        for i in range(events):
            (root / user / "calendar" / f"e{i}.ics").write_text(event(i))
        for i in range(contacts):
            (root / user / "contacts" / f"c{i}.vcf").write_text(contact(i))


def mail(user, i, size):
    head = (f"From: Somebody <somebody{i % 50}@example.org>\r\nTo: {user}@example.org\r\nSubject: Mail number {i}\r\n"
            f"Date: Mon, 05 Jan 2026 {i // 3600 % 24:02}:{i // 60 % 60:02}:{i % 60:02} +0000\r\nMessage-ID: <{i}.{user}@bench.example.org>\r\n"
            "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n").encode()
    line = b"The quick brown fox jumps over the lazy dog, and the dog is none the worse.\r\n"
    body = line * (max(size - len(head), 0) // len(line) + 1)
    return head + body[:max(size - len(head), 0)]


def event(i):
    return ("BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//bench//EN\r\nBEGIN:VEVENT\r\n"
            f"UID:e{i}@bench.example.org\r\nDTSTAMP:20260101T000000Z\r\nDTSTART:2026{i // 28 % 12 + 1:02}{i % 28 + 1:02}T100000Z\r\n"
            f"DTEND:2026{i // 28 % 12 + 1:02}{i % 28 + 1:02}T110000Z\r\nSUMMARY:Event {i}\r\nLOCATION:Room {i % 7}\r\n"
            "DESCRIPTION:What is to be talked about\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n")


def contact(i):
    return (f"BEGIN:VCARD\r\nVERSION:3.0\r\nUID:c{i}@bench.example.org\r\nFN:Person {i}\r\nN:{i};Person;;;\r\n"
            f"EMAIL:person{i}@example.org\r\nTEL;TYPE=CELL:+49 170 {i:07}\r\nEND:VCARD\r\n")
